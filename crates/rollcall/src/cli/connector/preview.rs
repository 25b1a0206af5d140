//! `rollcall connector edit --preview`: what other settings would do, by the last read.

use std::collections::BTreeMap;

use reconcile::figure::{changes_of, counted, figure};
use serde::Serialize;

use crate::cli::context::Context;
use crate::cli::exit::{CliError, Exit};
use crate::cli::output::{self, Output, Tone};
use crate::cli::sync;
use crate::people::PeopleError;
use crate::people::preview::{self, Few, Kind, Preview, ScopePreview, TargetPreview, Told};
use crate::source::onelogin::replay::headcount::HeadCount;
use crate::store::connectors::Connector;
use crate::store::connectors::settings::ConnectorSettings;
use crate::store::targets;
use crate::sync::report;

#[derive(Serialize)]
struct Answer<'a> {
    connector: &'a str,
    read_at: String,
    run: Option<i64>,
    people: usize,
    in_scope: usize,
    coming: FewAnswer,
    leaving: FewAnswer,
    withheld: usize,
    findings: BTreeMap<&'static str, usize>,
    targets: Vec<TargetAnswer>,
    unanswered: Vec<String>,
    /// The required and excluded groups.
    groups: Vec<GroupAnswer>,
    /// Whether groups have no more people than are counted.
    groups_are_whole: bool,
    api_calls_of_a_run: Option<usize>,
    api_calls_for_everybody: Option<usize>,
    /// How many fewer the service makes, which remembers its token and the names of groups.
    api_calls_saved_by_the_service: usize,
    /// Of this answer.
    api_calls: u64,
}

#[derive(Serialize)]
struct GroupAnswer {
    typed: String,
    is_excluded: bool,
    words: Option<String>,
    people: Option<usize>,
    why: Option<String>,
}

#[derive(Serialize)]
struct FewAnswer {
    count: usize,
    examples: Vec<String>,
}

#[derive(Serialize)]
struct TargetAnswer {
    target: Option<String>,
    users_before: usize,
    kinds: Vec<KindAnswer>,
    objections: Vec<String>,
    /// Changes that would be left alone because somebody rejected them.
    rejected: usize,
    not_told_of: usize,
    missing_not_asked_for: usize,
    #[serde(skip)]
    about_missing: Option<String>,
}

#[derive(Serialize)]
struct KindAnswer {
    kind: &'static str,
    passing: usize,
    held: usize,
    with_saved_settings: usize,
    held_with_saved_settings: usize,
    examples: Vec<String>,
}

/// Shows it, and saves nothing.
pub(super) async fn show(
    connector: &Connector,
    settings: &ConnectorSettings,
    context: &Context,
) -> Result<Exit, CliError> {
    let targets = targets::of_connector(&context.db, connector.id).await?;
    let Told { scope, preview } =
        preview::preview(&context.db, connector, &targets, settings).await?;
    let preview = preview?;
    let is_held = preview.targets.iter().any(|it| !it.objections.is_empty());
    let answer = answer(connector, scope, preview);
    context.output.answer(&answer, |answer| text(answer, context.output));
    Ok(if is_held { Exit::HeldForApproval } else { Exit::Ok })
}

fn answer(connector: &Connector, scope: ScopePreview, preview: Preview) -> Answer<'_> {
    let ScopePreview { groups, is_whole, calls, calls_besides: _, calls_anew } = scope;
    let Preview {
        run,
        read_at,
        people,
        in_scope,
        coming,
        leaving,
        withheld,
        findings,
        targets,
        unanswered,
    } = preview;
    let few = |Few { count, examples }| FewAnswer { count, examples };
    Answer {
        connector: connector.name.as_str(),
        read_at: read_at.to_string(),
        run: run.map(|it| it.0),
        people,
        in_scope,
        coming: few(coming),
        leaving: few(leaving),
        withheld,
        findings,
        targets: targets.into_iter().map(target_answer).collect(),
        unanswered,
        groups: groups.into_iter().map(group_answer).collect(),
        groups_are_whole: is_whole,
        api_calls_of_a_run: calls.map(|it| it.0 + calls_anew),
        api_calls_for_everybody: calls.map(|it| it.1 + calls_anew),
        api_calls_saved_by_the_service: calls_anew,
        api_calls: 0,
    }
}

fn group_answer(group: HeadCount) -> GroupAnswer {
    let HeadCount { typed, is_excluded, found } = group;
    let (words, people, why) = match found {
        Ok((words, people)) => (Some(words), Some(people), None),
        Err(why) => (None, None, Some(why)),
    };
    GroupAnswer { typed, is_excluded, words, people, why }
}

fn target_answer(preview: TargetPreview) -> TargetAnswer {
    let about_missing = preview.about_missing();
    let TargetPreview { target, users_before, kinds, objections, rejected, unasked, missing } =
        preview;
    let kind = |Kind { word, passing, held, saved, saved_held, examples }| KindAnswer {
        kind: word,
        passing,
        held,
        with_saved_settings: saved,
        held_with_saved_settings: saved_held,
        examples,
    };
    TargetAnswer {
        target: target.map(|it| it.to_string()),
        users_before,
        kinds: kinds.into_iter().map(kind).collect(),
        objections,
        rejected,
        not_told_of: unasked,
        missing_not_asked_for: missing,
        about_missing,
    }
}

fn text(answer: &Answer<'_>, output: Output) -> String {
    let run = answer.run.map_or("a simulation".to_owned(), |run| format!("run {run}"));
    let Answer { read_at, people, in_scope, .. } = answer;
    let mut text = vec![format!(
        "By the read of {read_at} ({run}), without an API call: {people} people, {in_scope} in scope."
    )];
    for group in &answer.groups {
        let noun = if group.is_excluded { "Excluded" } else { "Required" };
        let at_least = if answer.groups_are_whole { "" } else { "at least " };
        text.push(output::printable(&match (&group.words, group.people, &group.why) {
            (Some(words), Some(people), _) => format!("{noun}: {words}, {at_least}{people} people"),
            (_, _, why) => why.clone().unwrap_or_default(),
        }));
    }
    if let (Some(calls), Some(everybody)) =
        (answer.api_calls_of_a_run, answer.api_calls_for_everybody)
    {
        text.push(format!(
            "A run takes about {calls} API calls; without required groups about {everybody}. In the service, \
             which remembers its token and the names of groups, {} fewer.",
            answer.api_calls_saved_by_the_service
        ));
    }
    for (few, verb) in
        [(&answer.coming, "would come into scope"), (&answer.leaving, "would fall out of scope")]
    {
        if few.count == 0 {
            continue;
        }
        let more = if few.examples.len() < few.count { ", .." } else { "" };
        let line = format!("{} {verb}: {}{more}", few.count, few.examples.join(", "));
        text.push(output::printable(&line));
    }
    for target in &answer.targets {
        text.extend(target_text(target, output));
    }
    if !answer.findings.is_empty() {
        let kinds = answer.findings.iter().map(|(kind, count)| format!("{count} {kind}"));
        text.push(String::new());
        text.push(format!("Findings: {}", kinds.collect::<Vec<_>>().join(", ")));
    }
    text.push(String::new());
    if answer.targets.iter().any(|it| 0 < it.rejected) {
        text.push(sync::rejections_of(answer.connector));
    }
    text.extend(answer.unanswered.iter().map(|it| output.paint(Tone::Warning, it)));
    text.push(
        "Nothing was saved and nothing was changed. To save it, leave out --preview.".to_owned(),
    );
    text.join("\n")
}

fn target_text(target: &TargetAnswer, output: Output) -> Vec<String> {
    let name = match &target.target {
        Some(name) => {
            format!("Target {name}, {}", counted(target.users_before, "account", "accounts"))
        }
        None => "No target yet, as if it were empty".to_owned(),
    };
    let mut text = vec![String::new(), output.paint(Tone::Strong, &name)];
    if target.kinds.is_empty() && target.objections.is_empty() {
        text.push("  Everything already matches.".to_owned());
    }
    text.extend(target.about_missing.iter().map(|it| format!("  {it}")));
    for it in &target.kinds {
        let held_of = |held: usize| match held {
            0 => String::new(),
            held => format!(", {} of them held", figure(held)),
        };
        let all = it.passing + it.held;
        let (saved, saved_held) = (it.with_saved_settings, it.held_with_saved_settings);
        let saved = if (saved, saved_held) == (all, it.held) {
            String::new()
        } else {
            format!(" (as saved: {}{})", figure(saved), held_of(saved_held))
        };
        let held = held_of(it.held);
        text.push(format!("  {}{held}{saved}", changes_of(it.kind, all)));
        text.extend(it.examples.iter().map(|it| output::printable(&format!("      {it}"))));
    }
    if 0 < target.rejected {
        text.push(format!("  {}", report::left_alone(target.rejected as u64)));
    }
    text.extend(
        target.objections.iter().map(|it| output.paint(Tone::Warning, &format!("  ! {it}"))),
    );
    text
}

impl From<PeopleError> for CliError {
    fn from(error: PeopleError) -> CliError {
        match error {
            PeopleError::Source(error) => error.into(),
            PeopleError::Settings(error) => error.into(),
            PeopleError::Target(error) => error.into(),
            PeopleError::Store(error) => error.into(),
            PeopleError::NoRead { .. }
            | PeopleError::Forgotten { .. }
            | PeopleError::Nobody { .. }
            | PeopleError::Unread { .. }
            | PeopleError::Changed
            | PeopleError::Replay(_)
            | PeopleError::Broken => CliError::new(Exit::Failed, error.to_string()),
            PeopleError::Several { .. }
            | PeopleError::NoTarget { .. }
            | PeopleError::Unpublished { .. } => CliError::usage(error.to_string()),
            PeopleError::Lost => CliError::new(Exit::TryLater, error.to_string()),
            PeopleError::Stopped { .. } => CliError::new(Exit::Interrupted, error.to_string()),
        }
    }
}
