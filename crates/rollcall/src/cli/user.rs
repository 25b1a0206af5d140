//! `rollcall user explain`: why somebody is here, or is not.

use std::collections::BTreeMap;

use reconcile::explain::{self, Evidence, Explanation, Station, Verdict};
use reconcile::mapping;
use reconcile::plan::Absence;
use reconcile::principal::{ExternalId, Name, Record};
use serde::Serialize;

use crate::cli::context::{Context, Setup};
use crate::cli::exit::{CliError, Exit};
use crate::cli::output::{self, Output, Tone};
use crate::run::Ready;
use crate::source::onelogin::report::{Found, ScopeVerdict};
use crate::store::runs::{self, RecordedChange, RecordedFinding, RunId};
use crate::store::targets::Target;
use crate::target::{self, Actual};

#[derive(Debug, clap::Subcommand)]
pub enum Command {
    /// Tell why somebody is in the directory, or is not
    Explain(ExplainArgs),
}

#[derive(Debug, clap::Args)]
pub struct ExplainArgs {
    /// The connector
    connector: String,
    /// A username, an e-mail, or a OneLogin id
    user: String,
}

#[derive(Serialize)]
struct Answer<'a> {
    connector: &'a str,
    people: Vec<PersonAnswer>,
    api_calls: u64,
}

#[derive(Serialize)]
struct PersonAnswer {
    external_id: String,
    username: Option<String>,
    directories: Vec<DirectoryAnswer>,
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
    changes: Vec<String>,
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

/// One person and what the source says of them.
struct Person {
    id: ExternalId,
    found: Option<Found>,
    absence: Option<Absence>,
    /// Others in scope who would have the same username.
    rivals: Vec<Record>,
}

pub async fn run(command: Command, setup: Setup) -> Result<Exit, CliError> {
    let context = Context::open(setup).await?;
    match command {
        Command::Explain(args) => explain(&args, &context).await,
    }
}

async fn explain(args: &ExplainArgs, context: &Context) -> Result<Exit, CliError> {
    if args.user.trim().is_empty() {
        return Err(CliError::usage("Name somebody: a username, an e-mail, or a OneLogin id."));
    }
    if args.user.contains('*') {
        return Err(CliError::usage("A * cannot be searched for. Name one person."));
    }
    let ready = Ready::open(&context.engine(), &args.connector).await?;
    let mut directories: Vec<(Option<Target>, Actual)> = Vec::new();
    for target in &ready.targets {
        let actual = target::crowd::read(&context.db, target.id).await?;
        directories.push((Some(target.clone()), actual));
    }
    if directories.is_empty() {
        directories.push((None, Actual::default()));
    }
    let people = people(args, &ready, &directories).await?;
    if people.is_empty() {
        let sentence = format!(
            "No one matches \"{}\". Asked OneLogin by username, e-mail and id ({} calls), and the directories.",
            args.user,
            ready.source.calls().total()
        );
        return Err(CliError::new(Exit::Failed, sentence));
    }
    let mut answers = Vec::new();
    for person in people {
        answers.push(person_answer(&person, &directories, &ready, context).await?);
    }
    let answer = Answer {
        connector: ready.connector.name.as_str(),
        people: answers,
        api_calls: ready.source.calls().total(),
    };
    context.output.answer(&answer, |answer| text(answer, context.output));
    Ok(Exit::Ok)
}

/// Whoever the source finds, and whoever only a directory still knows.
async fn people(
    args: &ExplainArgs,
    ready: &Ready,
    directories: &[(Option<Target>, Actual)],
) -> Result<Vec<Person>, CliError> {
    let mut people: BTreeMap<ExternalId, Person> = BTreeMap::new();
    for found in ready.source.find(&args.user).await? {
        let id = found.record.id.clone();
        let absence = match &found.scope {
            ScopeVerdict::InScope { .. } => None,
            ScopeVerdict::OutOfScope { needs, has } => {
                Some(Absence::OutOfScope(format!("needs {needs}; has {has}").into()))
            }
        };
        let rivals = rivals(ready, &found).await?;
        people.insert(id.clone(), Person { id, found: Some(found), absence, rivals });
    }
    let name = Name::new(args.user.trim());
    let known = directories.iter().flat_map(|(_, actual)| actual.directory.users.values());
    let matching = known.filter(|user| {
        user.username == name || Name::new(&user.email) == name || user.id.as_str() == name.as_str()
    });
    let only_here: Vec<ExternalId> =
        matching.map(|user| user.id.clone()).filter(|id| !people.contains_key(id)).collect();
    for (id, absence) in ready.source.gone(&only_here).await? {
        // Still there under another username: the source knows them, so ask for that record.
        let found = match absence {
            Absence::Gone => None,
            Absence::OutOfScope(_) | Absence::Inactive(_) | Absence::Present => {
                let found = ready.source.find(id.as_str()).await?;
                found.into_iter().find(|it| it.record.id == id)
            }
        };
        let absence = (absence != Absence::Present).then_some(absence);
        let rivals = match &found {
            Some(found) => rivals(ready, found).await?,
            None => Vec::new(),
        };
        people.insert(id.clone(), Person { id, found, absence, rivals });
    }
    Ok(people.into_values().collect())
}

/// Everybody else in scope whose record maps to the same username: a run touches none of them.
async fn rivals(ready: &Ready, found: &Found) -> Result<Vec<Record>, CliError> {
    let Ok(user) = mapping::user(&found.record) else { return Ok(Vec::new()) };
    let alike = ready.source.find(user.username.as_str()).await?;
    let is_rival = |other: &Record| {
        let mapped = mapping::user(other);
        other.id != found.record.id && mapped.is_ok_and(|it| it.username == user.username)
    };
    let in_scope = alike.into_iter().filter(|it| matches!(it.scope, ScopeVerdict::InScope { .. }));
    Ok(in_scope.map(|it| it.record).filter(is_rival).collect())
}

async fn person_answer(
    person: &Person,
    directories: &[(Option<Target>, Actual)],
    ready: &Ready,
    context: &Context,
) -> Result<PersonAnswer, CliError> {
    let record = person.found.as_ref().map(|it| &it.record);
    let in_scope_because = match person.found.as_ref().map(|it| &it.scope) {
        Some(ScopeVerdict::InScope { words }) => words,
        Some(ScopeVerdict::OutOfScope { .. }) | None => "",
    };
    let policy = ready.connector.settings.policy()?;
    let rules = ready.connector.settings.rules()?;
    let listed = ready.source.groups().await?;
    let mut answers = Vec::new();
    let mut username = record.and_then(|it| it.username.as_deref()).map(str::to_owned);
    for (target, actual) in directories {
        let explanation = explain::explain(&Evidence {
            id: &person.id,
            record,
            absence: person.absence.as_ref(),
            rivals: &person.rivals,
            in_scope_because,
            actual: &actual.directory,
            listed: &listed,
            groups: &rules.groups,
            people: &rules.people,
            past: &actual.past,
            policy: &policy,
        });
        let account = actual.directory.users.get(&person.id);
        username = username.or_else(|| account.map(|it| it.username.to_string()));
        answers.push(directory_answer(target.as_ref(), explanation));
    }
    let changes = runs::last_changes_of(&context.db, ready.connector.id, &person.id).await?;
    let last = runs::last_finding_of(&context.db, ready.connector.id, &person.id).await?;
    Ok(PersonAnswer {
        external_id: person.id.to_string(),
        username,
        directories: answers,
        last_finding: last.map(last_finding),
        last_run: changes.into_iter().map(|(run, change)| last_change(run, change)).collect(),
    })
}

fn directory_answer(target: Option<&Target>, explanation: Explanation) -> DirectoryAnswer {
    DirectoryAnswer {
        target: target.map(|it| it.name.to_string()),
        published_at: target.and_then(|it| it.published_at).map(|at| at.to_string()),
        last_read_at: target.and_then(|it| it.last_read_at).map(|at| at.to_string()),
        stations: explanation.stations.into_iter().map(station_answer).collect(),
        changes: explanation.plan.steps.iter().map(ToString::to_string).collect(),
    }
}

fn station_answer(station: Station) -> StationAnswer {
    let Station { title, verdict, lines } = station;
    let verdict = match verdict {
        Verdict::Yes => "yes",
        Verdict::No => "no",
        Verdict::Note => "note",
        Verdict::NotReached => "not reached",
    };
    StationAnswer { station: title, verdict, lines }
}

fn last_change(run: RunId, change: RecordedChange) -> LastChange {
    LastChange { run: run.0, kind: change.kind, group: change.group, outcome: change.outcome }
}

fn last_finding(finding: RecordedFinding) -> LastFinding {
    LastFinding { run: finding.run.0, kind: finding.kind, message: finding.message }
}

fn text(answer: &Answer<'_>, output: Output) -> String {
    let mut text = Vec::new();
    for person in &answer.people {
        let name = person.username.as_deref().unwrap_or("(no username)");
        text.push(output.paint(Tone::Strong, &output::printable(name)));
        for directory in &person.directories {
            text.extend(directory_text(directory, output));
        }
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

fn directory_text(directory: &DirectoryAnswer, output: Output) -> Vec<String> {
    let mut text = Vec::new();
    for (number, station) in (1..).zip(&directory.stations) {
        let mark = match station.verdict {
            "yes" => output.paint(Tone::Good, "(v)"),
            "no" => output.paint(Tone::Bad, "(x)"),
            _ => "(-)".to_owned(),
        };
        let mut lines = station.lines.iter().map(|line| output::printable(line));
        let first = lines.next().unwrap_or_default();
        text.push(format!("  {number} {mark} {:<20} {first}", station.station));
        text.extend(lines.map(|line| format!("{:29}{line}", "")));
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
    text
}
