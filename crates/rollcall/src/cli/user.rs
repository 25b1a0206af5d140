//! `rollcall user`: who is in a directory, why somebody is there or is not, and one person alone.

pub mod directory;
mod sync;

use reconcile::explain::group::GroupAnswer;
use reconcile::explain::{Station, Verdict};
use serde::Serialize;

use crate::cli::context::{Context, Setup};
use crate::cli::exit::{CliError, Exit};
use crate::cli::output::{self, Output, Tone};
use crate::notation::choices::Choices;
use crate::people::explain::{self, Asked, InDirectory, Person, Seen, View};
use crate::run::Ready;
use crate::source::onelogin::replay::Remedy;
use crate::store::connectors::{self, Connector};
use crate::store::runs::changes::RecordedChange;
use crate::store::runs::findings::RecordedFinding;
use crate::store::runs::{self, RunId};

#[derive(Debug, clap::Subcommand)]
pub enum Command {
    /// Tell why somebody is in the directory, or is not
    Explain(Box<ExplainArgs>),
    /// Sync a single user, and nobody else; allowed while a run is under way
    Sync(SyncArgs),
    /// List the people of a target
    List(directory::ListArgs),
    /// Show somebody of a target, with their groups, why and since when
    Show(directory::ShowArgs),
    /// What runs did to somebody, or held, and found odd about them
    History(directory::HistoryArgs),
}

#[derive(Debug, clap::Args)]
pub struct ExplainArgs {
    /// The connector
    connector: String,
    /// A username, an e-mail, or a OneLogin id
    user: String,
    /// Tell why they are in this group of the directory or of OneLogin, or are not
    #[arg(long, value_name = "NAME")]
    group: Option<String>,
    /// By the last read that is stored, without an API call
    #[arg(long, conflicts_with = "run")]
    last_read: bool,
    /// As this run saw it, by its read and its settings, without an API call
    #[arg(long, value_name = "RUN")]
    run: Option<i64>,
    #[command(flatten)]
    choices: Choices,
}

#[derive(Debug, clap::Args)]
pub struct SyncArgs {
    /// The connector
    connector: String,
    /// A username, an e-mail, or a OneLogin id
    user: String,
    /// Show what would be done, and change nothing
    #[arg(long)]
    simulate: bool,
    /// Do what the cleanup behaviour says of somebody who is gone or takes no part
    #[arg(long)]
    cleanup: bool,
}

#[derive(Serialize)]
struct Answer<'a> {
    connector: &'a str,
    /// Absent where OneLogin was asked.
    by_read: Option<ReadAnswer>,
    people: Vec<PersonAnswer>,
    api_calls: u64,
}

#[derive(Serialize)]
struct ReadAnswer {
    run: Option<i64>,
    read_at: String,
    instead_of_now_because: Option<String>,
    /// `now`, `then` or `then-of-them`: which state of the directory it is compared with.
    compared_with: &'static str,
    #[serde(skip)]
    compared_words: &'static str,
}

#[derive(Serialize)]
struct FixAnswer {
    fix: String,
    changes_settings: bool,
    /// Absent where the stored read cannot tell.
    others: Option<usize>,
    examples: Vec<Box<str>>,
    #[serde(skip)]
    sentence: String,
}

#[derive(Serialize)]
struct PersonAnswer {
    external_id: String,
    onelogin_id: String,
    username: Option<String>,
    directories: Vec<DirectoryAnswer>,
    /// What would bring them in, the closest first.
    closest_fixes: Vec<FixAnswer>,
    remarks: Vec<String>,
    last_finding: Option<LastFinding>,
    /// What the last run did to them, or held.
    last_run: Vec<LastChange>,
}

#[derive(Serialize)]
struct LastChange {
    run: i64,
    kind: String,
    group: Option<String>,
    outcome: String,
}

#[derive(Serialize)]
struct DirectoryAnswer {
    target: Option<String>,
    published_at: Option<String>,
    last_read_at: Option<String>,
    stations: Vec<StationAnswer>,
    /// Where a group is asked about.
    group: Option<InGroup>,
    changes: Vec<String>,
}

#[derive(Serialize)]
struct InGroup {
    group: String,
    verdict: &'static str,
    lines: Vec<String>,
    /// What would bring them in, the closest first.
    fixes: Vec<String>,
}

#[derive(Serialize)]
struct StationAnswer {
    station: &'static str,
    verdict: &'static str,
    lines: Vec<String>,
}

#[derive(Serialize)]
struct LastFinding {
    run: i64,
    kind: String,
    message: String,
}

pub async fn run(command: Command, setup: Setup) -> Result<Exit, CliError> {
    let context = Context::open(setup).await?;
    match command {
        Command::Explain(args) => explain(&args, &context).await,
        Command::Sync(args) => sync::run(&args, &context).await,
        Command::List(args) => directory::list(&args, &context).await,
        Command::Show(args) => directory::show(&args, &context).await,
        Command::History(args) => directory::history(&args, &context).await,
    }
}

async fn explain(args: &ExplainArgs, context: &Context) -> Result<Exit, CliError> {
    if args.user.trim().is_empty() {
        return Err(CliError::usage("Name somebody: a username, an e-mail, or a OneLogin id."));
    }
    if args.user.contains('*') {
        return Err(CliError::usage("A * cannot be searched for. Name one person."));
    }
    if args.group.as_ref().is_some_and(|it| it.trim().is_empty()) {
        return Err(CliError::usage("Name a group of the directory or of OneLogin."));
    }
    let (connector, view) = asked(args, context).await?;
    let ready = Ready::with(&context.engine(), connector).await?;
    let asked = Asked { user: &args.user, group: args.group.as_deref() };
    let explained = Box::pin(explain::explain(&context.db, &ready, asked, view)).await?;
    let calls = ready.source.calls().total();
    if explained.people.is_empty() {
        return Err(CliError::new(Exit::Failed, nobody(&args.user, &explained.seen, calls)));
    }
    let seen = match &explained.seen {
        Seen::Now => None,
        Seen::Stored { run, read_at, instead, compared } => Some(ReadAnswer {
            run: run.map(|it| it.0),
            read_at: read_at.to_string(),
            instead_of_now_because: instead.clone(),
            compared_with: compared.word(),
            compared_words: compared.words(),
        }),
    };
    let answer = Answer {
        connector: ready.connector.name.as_str(),
        by_read: seen,
        people: explained.people.into_iter().map(person_answer).collect(),
        api_calls: calls,
    };
    context.output.answer(&answer, |answer| text(answer, context.output));
    Ok(Exit::Ok)
}

/// The connector with the settings that are asked about, and as of when.
async fn asked(args: &ExplainArgs, context: &Context) -> Result<(Connector, View), CliError> {
    let mut connector = connectors::find(&context.db, &args.connector).await?;
    let view = match args.run {
        Some(id) => {
            let run = runs::find(&context.db, RunId(id)).await?;
            let run = run.filter(|it| it.connector_id == connector.id).ok_or_else(|| {
                CliError::usage(format!("The connector {} has no run {id}.", connector.name))
            })?;
            connector.settings = serde_json::from_str(&run.settings).map_err(|error| {
                let sentence =
                    format!("The settings of run {id} cannot be read by this version: {error}.");
                CliError::new(Exit::Failed, sentence)
            })?;
            View::Run(run.id)
        }
        None if args.last_read => View::LastRead,
        None => View::Now,
    };
    connector.settings = args.choices.apply(&connector.settings).map_err(CliError::usage)?;
    connector.settings.check()?;
    Ok((connector, view))
}

fn nobody(user: &str, seen: &Seen, calls: u64) -> String {
    let asked = match seen {
        Seen::Now => {
            format!(
                "Asked OneLogin by username, e-mail and id ({calls} calls), the directories and the history."
            )
        }
        Seen::Stored { read_at, .. } => {
            format!(
                "Looked in the read of {read_at}, the directories and the history. To ask OneLogin, leave out --last-read and --run."
            )
        }
    };
    format!("No one matches \"{user}\". {asked}")
}

fn person_answer(person: Person) -> PersonAnswer {
    let Person {
        id,
        source_id,
        username,
        directories,
        remedies,
        remarks,
        last_finding,
        last_changes,
    } = person;
    PersonAnswer {
        external_id: id.to_string(),
        onelogin_id: source_id.to_string(),
        username,
        directories: directories.into_iter().map(directory_answer).collect(),
        closest_fixes: remedies.into_iter().map(fix_answer).collect(),
        remarks,
        last_finding: last_finding.map(self::last_finding),
        last_run: last_changes.into_iter().map(|(run, change)| last_change(run, change)).collect(),
    }
}

fn fix_answer(remedy: Remedy) -> FixAnswer {
    let sentence = remedy.to_string();
    let Remedy { words, is_of_rules, others, examples } = remedy;
    FixAnswer { fix: words, changes_settings: is_of_rules, others, examples, sentence }
}

fn directory_answer(directory: InDirectory) -> DirectoryAnswer {
    let InDirectory { target, explanation, group } = directory;
    let target = target.as_ref();
    DirectoryAnswer {
        target: target.map(|it| it.name.to_string()),
        published_at: target.and_then(|it| it.published_at).map(|at| at.to_string()),
        last_read_at: target.and_then(|it| it.last_read_at).map(|at| at.to_string()),
        group: group.map(in_group),
        stations: explanation.stations.into_iter().map(station_answer).collect(),
        changes: explanation.plan.steps.iter().map(ToString::to_string).collect(),
    }
}

fn in_group(answer: GroupAnswer) -> InGroup {
    let GroupAnswer { group, verdict, lines, fixes } = answer;
    InGroup { group: group.to_string(), verdict: word(verdict), lines, fixes }
}

fn station_answer(station: Station) -> StationAnswer {
    let Station { title, verdict, lines } = station;
    StationAnswer { station: title, verdict: word(verdict), lines }
}

fn word(verdict: Verdict) -> &'static str {
    match verdict {
        Verdict::Yes => "yes",
        Verdict::No => "no",
        Verdict::Note => "note",
        Verdict::NotReached => "not reached",
    }
}

fn last_change(run: RunId, change: RecordedChange) -> LastChange {
    LastChange { run: run.0, kind: change.kind, group: change.group, outcome: change.outcome }
}

fn last_finding(finding: RecordedFinding) -> LastFinding {
    LastFinding { run: finding.run.0, kind: finding.kind, message: finding.message }
}

fn text(answer: &Answer<'_>, output: Output) -> String {
    let mut text = Vec::new();
    if let Some(ReadAnswer { run, read_at, instead_of_now_because, compared_words, .. }) =
        &answer.by_read
    {
        text.extend(instead_of_now_because.iter().map(|why| {
            output.paint(Tone::Warning, &format!("{why} So this is by the last read."))
        }));
        let run = run.map_or("a simulation".to_owned(), |run| format!("run {run}"));
        text.push(format!("By the read of {read_at} ({run}), compared with {compared_words}."));
    }
    if 1 < answer.people.len() {
        text.push(format!("{} people match.", answer.people.len()));
    }
    for person in &answer.people {
        let name = person.username.as_deref().unwrap_or("(no username)");
        text.push(output.paint(Tone::Strong, &output::printable(name)));
        for directory in &person.directories {
            text.extend(directory_text(directory, output));
        }
        text.extend(fixes_text(&person.closest_fixes));
        text.extend(person.remarks.iter().map(|it| format!("  {it}")));
        if let Some(finding) = &person.last_finding {
            text.push(format!(
                "Last finding, run {}: {} {}",
                finding.run, finding.kind, finding.message
            ));
        }
        for change in &person.last_run {
            let LastChange { run, kind, group, outcome } = change;
            let group = group.as_ref().map(|it| format!(" {it}")).unwrap_or_default();
            text.push(output::printable(&format!("Run {run}: {kind}{group}, {outcome}")));
        }
        text.push(String::new());
    }
    let calls = if answer.api_calls == 1 { "call" } else { "calls" };
    text.push(format!("{} API {calls} used. Nothing was changed.", answer.api_calls));
    text.join("\n")
}

/// The closest way at the source, and the closest by the settings.
fn fixes_text(fixes: &[FixAnswer]) -> Option<String> {
    let of = |rules: bool| fixes.iter().find(|it| it.changes_settings == rules);
    let ways: Vec<&str> =
        [of(false), of(true)].into_iter().flatten().map(|it| &*it.sentence).collect();
    let others = of(true).map(|it| it.examples.join(", ")).filter(|it| !it.is_empty());
    let others = others.map(|it| format!(" ({it}, ..)")).unwrap_or_default();
    let text = format!("  Closest fix: {}{others}.", ways.join(", or "));
    (!ways.is_empty()).then(|| output::printable(&text))
}

fn directory_text(directory: &DirectoryAnswer, output: Output) -> Vec<String> {
    let mut text = Vec::new();
    for (number, station) in (1..).zip(&directory.stations) {
        let StationAnswer { station, verdict, lines } = station;
        text.extend(station_text(&number.to_string(), station, verdict, lines, output));
    }
    let number = directory.stations.len() + 1;
    let target = match (&directory.target, &directory.published_at, &directory.last_read_at) {
        (None, _, _) => "no target yet".to_owned(),
        (Some(target), None, _) => format!("{target}: nothing published yet"),
        (Some(target), Some(at), None) => {
            format!("{target}: published {at}, not read by a product yet")
        }
        (Some(target), Some(at), Some(read)) => {
            format!("{target}: published {at}, last read {read}")
        }
    };
    text.push(format!("  {number} (-) {:<20} {target}", "Target"));
    if let Some(InGroup { group, verdict, lines, fixes }) = &directory.group {
        let title = output::printable(&format!("Group {group}"));
        text.extend(station_text(" ", &title, verdict, lines, output));
        let fixes = fixes.iter().map(|it| output::printable(it)).collect::<Vec<_>>();
        if !fixes.is_empty() {
            text.push(format!("{:29}Closest fix: {}.", "", fixes.join(", or ")));
        }
    }
    text
}

fn station_text(
    number: &str,
    title: &str,
    verdict: &str,
    lines: &[String],
    output: Output,
) -> Vec<String> {
    let mark = match verdict {
        "yes" => output.paint(Tone::Good, "(v)"),
        "no" => output.paint(Tone::Bad, "(x)"),
        _ => "(-)".to_owned(),
    };
    let mut lines = lines.iter().map(|line| output::printable(line));
    let first = lines.next().unwrap_or_default();
    let mut text = vec![format!("  {number} {mark} {title:<20} {first}")];
    text.extend(lines.map(|line| format!("{:29}{line}", "")));
    text
}
