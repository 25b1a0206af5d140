//! Every command that the guides show can be typed as it stands there.

use std::collections::BTreeSet;

use clap::{CommandFactory, Parser};
use reconcile::mapping::rules::PersonRules;

use super::{Cli, Command};
use crate::source::onelogin::fields;

const GUIDES: [(&str, &str); 11] = [
    ("README.md", include_str!("../../../../README.md")),
    ("approvals", include_str!("../../../../docs/guide/approvals.md")),
    ("expressions", include_str!("../../../../docs/guide/expressions.md")),
    ("first-sync", include_str!("../../../../docs/guide/first-sync.md")),
    ("groups-and-leavers", include_str!("../../../../docs/guide/groups-and-leavers.md")),
    ("one-person", include_str!("../../../../docs/guide/one-person.md")),
    ("onelogin", include_str!("../../../../docs/guide/onelogin.md")),
    ("running", include_str!("../../../../docs/guide/running.md")),
    ("user-provisioning", include_str!("../../../../docs/guide/user-provisioning.md")),
    ("SECURITY.md", include_str!("../../../../docs/SECURITY.md")),
    ("ARCHITECTURE.md", include_str!("../../../../docs/ARCHITECTURE.md")),
];

/// The lines between fences, those that go on joined.
fn samples(guide: &str) -> Vec<String> {
    let mut samples: Vec<String> = Vec::new();
    let (mut is_code, mut goes_on) = (false, false);
    for line in guide.lines() {
        if line.starts_with("```") {
            (is_code, goes_on) = (!is_code, false);
            continue;
        }
        if !is_code {
            continue;
        }
        let (line, more) = match line.strip_suffix('\\') {
            Some(line) => (line, true),
            None => (line, false),
        };
        match samples.last_mut().filter(|_| goes_on) {
            Some(sample) => sample.push_str(line),
            None => samples.push(line.to_owned()),
        }
        goes_on = more;
    }
    samples
}

/// What stands between backticks in running text.
fn quoted(guide: &str) -> Vec<String> {
    let mut is_code = false;
    let mut text = String::new();
    for line in guide.lines() {
        is_code ^= line.starts_with("```");
        if !is_code && !line.starts_with("```") {
            text.push_str(line);
            text.push(' ');
        }
    }
    text.split('`').skip(1).step_by(2).map(str::to_owned).collect()
}

/// The words of a command line as a shell takes them apart, without where its output goes.
fn words(line: &str) -> Vec<String> {
    let (mut words, mut word, mut quote) = (Vec::new(), None::<String>, None);
    for char in line.chars() {
        match (char, quote) {
            (_, Some(open)) if char == open => quote = None,
            ('"' | '\'', None) => {
                quote = Some(char);
                word.get_or_insert_default();
            }
            (' ', None) => words.extend(word.take()),
            ('>' | '#' | '|', None) => break,
            (_, None | Some(_)) => word.get_or_insert_default().push(char),
        }
    }
    words.extend(word);
    words
}

#[test]
fn every_command_of_the_guides_is_understood() {
    let mut commands = 0;
    for (guide, text) in GUIDES {
        let lines = samples(text).into_iter().chain(quoted(text));
        for line in lines.filter(|it| it.starts_with("rollcall ")) {
            let mut words = words(&line);
            // What a text calls a number.
            words.iter_mut().filter(|it| *it == "N").for_each(|it| "1".clone_into(it));
            // `rollcall run` alone is how a text speaks of a command.
            let is_mentioned = words.iter().all(|it| !it.starts_with('-')) && words.len() <= 3;
            match Cli::try_parse_from(&words) {
                Ok(_) => commands += 1,
                Err(error) => assert!(
                    is_mentioned && error.kind() != clap::error::ErrorKind::InvalidSubcommand,
                    "{guide}: {line}\n{error}"
                ),
            }
        }
    }
    assert!(60 <= commands, "only {commands} commands were found");
}

#[test]
fn every_flag_of_the_guides_is_a_flag_of_some_command() {
    let mut known = BTreeSet::new();
    let mut open = vec![Cli::command()];
    while let Some(command) = open.pop() {
        let flags = command.get_arguments().filter_map(clap::Arg::get_long);
        known.extend(flags.map(|it| format!("--{it}")));
        open.extend(command.get_subcommands().cloned());
    }
    for (guide, text) in GUIDES {
        let lines = samples(text).into_iter().filter(|it| it.starts_with("rollcall "));
        let quoted = quoted(text);
        let flags = quoted.iter().filter(|it| it.starts_with("--")).map(String::as_str);
        let samples: Vec<String> = lines.flat_map(|it| words(&it)).collect();
        let flags = flags.chain(samples.iter().map(String::as_str));
        for flag in flags.filter(|it| it.starts_with("--")) {
            let flag = flag.split([' ', '=']).next().unwrap_or_default();
            assert!(known.contains(flag) || flag == "--help", "{guide}: {flag}");
        }
    }
}

#[test]
fn every_row_of_the_guides_can_be_used() {
    let mut rows: Vec<String> = Vec::new();
    for (guide, text) in GUIDES {
        for line in samples(text).into_iter().filter(|it| it.starts_with("rollcall ")) {
            let words = words(&line);
            let values = words.iter().zip(words.iter().skip(1));
            rows.extend(values.filter(|it| it.0 == "--map").map(|it| it.1.clone()));
            let parsed = Cli::try_parse_from(&words);
            if let Ok(Cli { command: Command::Connector(command), .. }) = parsed {
                command.check_choices().unwrap_or_else(|why| panic!("{guide}: {line}\n{why:?}"));
            }
        }
        if guide == "user-provisioning" {
            let fixed = samples(text).into_iter().filter(|it| !it.starts_with("rollcall "));
            let quoted = quoted(text).into_iter();
            let is_row = |it: &String| {
                it.split_once(" = ")
                    .is_some_and(|(target, _)| !target.contains([' ', '"']) && target != "locked")
            };
            rows.extend(fixed.chain(quoted).filter(is_row));
        }
    }
    assert!(9 <= rows.len(), "{rows:?}");
    let check_field = |path: &str| fields::check(path).map_err(|error| error.to_string());
    for row in rows.into_iter().filter(|it| !it.is_empty()) {
        PersonRules::parse(&[row], None, &check_field).unwrap();
    }
}
