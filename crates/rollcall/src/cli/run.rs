//! `rollcall run`: what was done, when, and what became of it.

mod logs;

use std::time::Duration;

use clap::ValueEnum;
use clap::builder::PossibleValuesParser;
use jiff::{SignedDuration, Timestamp};
use serde::Serialize;
use serde_json::Value;

use crate::cli::context::{Context, Setup};
use crate::cli::exit::{CliError, Exit};
use crate::cli::output;
use crate::cli::plan::{FieldAnswer, check_field};
use crate::cli::sync;
use crate::export::Format;
use crate::export::run::{Part, RunExport};
use crate::run::counts::{self, RunCounts};
use crate::store::connectors;
use crate::store::leases;
use crate::store::runs::changes::{self, RecordedChange};
use crate::store::runs::findings::{self, RecordedFinding};
use crate::store::runs::person::{self, Difference};
use crate::store::runs::{self, Filter, Page, Run, RunId, Status, Task, Trigger};

#[derive(Debug, clap::Subcommand)]
pub enum Command {
    /// List runs, the latest first
    List(ListArgs),
    /// Show a run with its changes and findings
    Show(ShowArgs),
    /// Print what a run told while it was under way
    Logs(LogsArgs),
    /// Write a run as a file to standard output
    Export(ExportArgs),
    /// Ask a run to stop after what it is doing
    Stop(StopArgs),
    /// Run the connector of an ended run again
    Retry(RetryArgs),
}

#[derive(Debug, clap::Args)]
pub struct LogsArgs {
    /// The number of the run
    run: i64,
    /// Go on until the run has ended
    #[arg(long, short)]
    follow: bool,
    /// Go on after the line of this number
    #[arg(long, value_name = "N", default_value_t = 0)]
    after: i64,
}

#[derive(Debug, clap::Args)]
pub struct ExportArgs {
    /// The number of the run
    run: i64,
    #[arg(long, value_enum, value_name = "FORMAT", default_value = "json")]
    format: FormatFlag,
    /// One of its lists; otherwise everything, as CSV the changes and findings
    #[arg(long, value_enum, value_name = "LIST")]
    only: Option<PartFlag>,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
pub enum FormatFlag {
    Json,
    Ndjson,
    Csv,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum PartFlag {
    Changes,
    Findings,
    Log,
}

impl From<FormatFlag> for Format {
    fn from(flag: FormatFlag) -> Format {
        match flag {
            FormatFlag::Json => Format::Json,
            FormatFlag::Ndjson => Format::Ndjson,
            FormatFlag::Csv => Format::Csv,
        }
    }
}

impl From<PartFlag> for Part {
    fn from(flag: PartFlag) -> Part {
        match flag {
            PartFlag::Changes => Part::Changes,
            PartFlag::Findings => Part::Findings,
            PartFlag::Log => Part::Log,
        }
    }
}

#[derive(Debug, clap::Args)]
pub struct StopArgs {
    /// The number of the run
    run: i64,
}

#[derive(Debug, clap::Args)]
pub struct RetryArgs {
    /// The number of the run
    run: i64,
}

#[derive(Debug, clap::Args)]
pub struct ListArgs {
    /// Only runs of this connector
    #[arg(long, value_name = "NAME")]
    connector: Option<String>,
    /// Only runs that ended so, or stand so
    #[arg(long, value_name = "STATUS", value_parser = PossibleValuesParser::new(Status::ALL.map(Status::word)))]
    status: Option<String>,
    /// Only runs that were started so
    #[arg(long, value_name = "TRIGGER", value_parser = PossibleValuesParser::new(Trigger::ALL.map(Trigger::word)))]
    trigger: Option<String>,
    /// Only runs that changed something, or hold something
    #[arg(long)]
    with_changes: bool,
    /// Only runs older than this one
    #[arg(long, value_name = "RUN")]
    before: Option<i64>,
    /// How many runs
    #[arg(long, value_name = "N", default_value_t = 20)]
    limit: u32,
}

#[derive(Debug, clap::Args)]
pub struct ShowArgs {
    /// The number of the run, as `run list` shows it
    run: i64,
    /// Only changes of this kind, and no findings: create, deactivate, ..
    #[arg(long, value_name = "KIND")]
    kind: Option<String>,
    /// Only changes of which this became, and no findings
    #[arg(long, value_name = "OUTCOME", value_parser = PossibleValuesParser::new(["applied", "held"]))]
    outcome: Option<String>,
    /// Only changes of a person or group with this in its name, or of this id, and no findings
    #[arg(long, value_name = "TEXT")]
    search: Option<String>,
    /// Only changes that alter this of a person, and no findings: e-mail, title, ..
    #[arg(long, value_name = "FIELD")]
    field: Option<String>,
    /// How many changes and how many findings
    #[arg(long, value_name = "N", default_value_t = 100)]
    limit: u32,
    /// Go on after the change and the finding of this number
    #[arg(long, value_name = "N", default_value_t = 0)]
    after: i64,
}

#[derive(Serialize)]
struct RunAnswer {
    id: i64,
    connector: String,
    trigger: String,
    /// The slot of the schedule that it is for.
    slot: Option<String>,
    started_by: String,
    node: String,
    retry_of: Option<i64>,
    /// The external id of the one person that it is about.
    person: Option<String>,
    /// The plan that it does exactly.
    plan: Option<i64>,
    /// The run that it takes back.
    undo_of: Option<i64>,
    stop_asked_by: Option<String>,
    status: &'static str,
    started_at: String,
    finished_at: Option<String>,
    message: String,
    /// None as far as the run did not come.
    applied: Option<u64>,
    held: Option<u64>,
    found_odd: Option<u64>,
    calls: Option<u64>,
}

#[derive(Serialize)]
struct ListAnswer {
    runs: Vec<RunAnswer>,
}

#[derive(Serialize)]
struct ShowAnswer {
    #[serde(flatten)]
    run: RunAnswer,
    report: Value,
    /// Of the connector, as the run used them.
    settings: Value,
    change_counts: Vec<ChangeCount>,
    finding_counts: Vec<FindingCount>,
    fields: Vec<FieldAnswer>,
    changes: Vec<ChangeAnswer>,
    findings: Vec<FindingAnswer>,
}

#[derive(Serialize)]
struct ChangeCount {
    kind: String,
    outcome: String,
    count: u64,
}

#[derive(Serialize)]
struct FindingCount {
    kind: String,
    count: u64,
}

#[derive(Serialize)]
struct ChangeAnswer {
    number: i64,
    target: Option<String>,
    kind: String,
    external_id: Option<String>,
    username: Option<String>,
    group: Option<String>,
    detail: String,
    reason: String,
    outcome: String,
    /// What it changes, as it was and as it is or would be; null where there is nothing.
    before: Value,
    after: Value,
}

#[derive(Serialize)]
struct FindingAnswer {
    number: i64,
    kind: String,
    external_id: Option<String>,
    username: Option<String>,
    message: String,
}

pub async fn run(command: Command, setup: Setup) -> Result<Exit, CliError> {
    let context = Context::open(setup).await?;
    leases::end_abandoned(&context.db).await?;
    let done = match command {
        Command::List(args) => list(args, &context).await.map(|()| Exit::Ok),
        Command::Show(args) => show(&args, &context).await.map(|()| Exit::Ok),
        Command::Logs(args) => logs::print(&args, &context).await.map(|()| Exit::Ok),
        Command::Export(args) => export(&args, &context).await.map(|()| Exit::Ok),
        Command::Stop(args) => stop(&args, &context).await.map(|()| Exit::Ok),
        Command::Retry(args) => retry(&args, &context).await,
    };
    context.close().await;
    done
}

async fn list(args: ListArgs, context: &Context) -> Result<(), CliError> {
    let connector = match &args.connector {
        Some(name) => Some(connectors::find(&context.db, name).await?.id),
        None => None,
    };
    let filter = Filter {
        connector,
        status: args.status.as_deref().map(Status::from_word),
        trigger: args.trigger.unwrap_or_default(),
        before: args.before.map(RunId),
    };
    let runs = if args.with_changes {
        runs::search_with_changes(&context.db, &filter, args.limit).await?
    } else {
        runs::search(&context.db, &filter, args.limit).await?
    };
    let answer = ListAnswer { runs: runs.iter().map(run_answer).collect() };
    context.output.answer(&answer, |_| list_text(&runs));
    Ok(())
}

async fn show(args: &ShowArgs, context: &Context) -> Result<(), CliError> {
    let run = find(args.run, context).await?;
    let id = run.id;
    let page = Page { after: args.after, rows_max: i64::from(args.limit) };
    let change_counts = changes::counts(&context.db, id).await?;
    let finding_counts = findings::counts(&context.db, id).await?;
    let given = |it: &Option<String>| it.as_deref().unwrap_or_default().trim().to_owned();
    let filter = changes::Filter {
        kind: given(&args.kind),
        outcome: given(&args.outcome),
        text: given(&args.search),
        field: given(&args.field),
    };
    let is_filtered = filter != changes::Filter::default();
    let altered = changes::altered(&context.db, id).await?;
    check_field(&filter.field, &altered, &format!("run {id}"))?;
    let changes = changes::search(&context.db, id, &filter, page).await?;
    let findings =
        if is_filtered { Vec::new() } else { findings::list(&context.db, id, page).await? };
    let answer = ShowAnswer {
        report: json_of(&run, &run.report)?,
        settings: json_of(&run, &run.settings)?,
        run: run_answer(&run),
        change_counts: change_counts
            .into_iter()
            .map(|((kind, outcome), count)| ChangeCount { kind, outcome, count })
            .collect(),
        finding_counts: finding_counts
            .into_iter()
            .map(|(kind, count)| FindingCount { kind, count })
            .collect(),
        fields: altered.into_iter().map(FieldAnswer::from).collect(),
        changes: changes.into_iter().map(change_answer).collect(),
        findings: findings.into_iter().map(finding_answer).collect(),
    };
    let rest = |it: &ShowAnswer| if is_filtered { rest_of(it, args) } else { rest(it) };
    context.output.answer(&answer, |it| show_text(&run, it, rest(it)));
    Ok(())
}

async fn export(args: &ExportArgs, context: &Context) -> Result<(), CliError> {
    let run = find(args.run, context).await?;
    let format = args.format.into();
    let mut export = match args.only {
        Some(part) => RunExport::part(&context.db, run, format, part.into()),
        None => RunExport::whole(&context.db, run, format),
    };
    while let Some(piece) = export.next().await? {
        if !context.output.bytes(&piece) {
            break;
        }
    }
    Ok(())
}

async fn find(run: i64, context: &Context) -> Result<Run, CliError> {
    let run = RunId(run);
    let found = runs::find(&context.db, run).await?;
    found.ok_or_else(|| CliError::usage(format!("There is no run {run}. See `rollcall run list`.")))
}

/// Asks, and waits for the end: what is stopped must be known to be over.
async fn stop(args: &StopArgs, context: &Context) -> Result<(), CliError> {
    const POLL_EVERY: Duration = Duration::from_millis(200);
    let run = find(args.run, context).await?;
    if run.finished_at.is_some() {
        let status = run.status.word();
        return Err(CliError::usage(format!("Run {} has ended already: {status}.", run.id)));
    }
    let mut tx = context.db.begin().await?;
    runs::ask_to_stop(&mut tx, run.id, &context.act()).await?;
    tx.commit().await?;
    let ended = loop {
        leases::end_abandoned(&context.db).await?;
        let run = find(args.run, context).await?;
        if run.finished_at.is_some() {
            break run;
        }
        tokio::time::sleep(POLL_EVERY).await;
    };
    let answer = run_answer(&ended);
    context.output.answer(&answer, |it| format!("Run {} {}. {}", it.id, it.status, it.message));
    Ok(())
}

async fn retry(args: &RetryArgs, context: &Context) -> Result<Exit, CliError> {
    let run = find(args.run, context).await?;
    if run.finished_at.is_none() {
        return Err(CliError::usage(format!(
            "Run {0} is still under way. Stop it first: rollcall run stop {0}",
            run.id
        )));
    }
    sync::again(context, &run).await
}

fn list_text(runs: &[Run]) -> String {
    if runs.is_empty() {
        return "No run yet. Begin with `rollcall simulate CONNECTOR`.".to_owned();
    }
    let row = |it: &Run| {
        [
            it.id.to_string(),
            it.connector_name.to_string(),
            it.trigger.clone(),
            seconds(it.started_at),
            took(it),
            it.status.word().to_owned(),
            it.message.clone(),
        ]
    };
    let rows: Vec<_> = runs.iter().map(row).collect();
    output::table(["RUN", "CONNECTOR", "TRIGGER", "STARTED", "TOOK", "STATUS", "MESSAGE"], &rows)
}

fn show_text(run: &Run, answer: &ShowAnswer, rest: Option<String>) -> String {
    let facts = [
        ("Run", run.id.to_string()),
        ("Connector", run.connector_name.to_string()),
        ("Started", format!("{} by {}", seconds(run.started_at), starter(run))),
        ("About", about(&run.task)),
        ("On", run.node.clone()),
        ("Took", took(run)),
        ("Phases", phases(&answer.report)),
        ("Calls", calls(&answer.report)),
        ("Status", run.status.word().to_owned()),
        ("Message", run.message.clone()),
    ];
    let told: Vec<_> = facts.into_iter().filter(|(_, value)| !value.is_empty()).collect();
    let mut parts = vec![output::facts(&told)];
    if !answer.change_counts.is_empty() {
        let row = |it: &ChangeCount| [it.count.to_string(), it.kind.clone(), it.outcome.clone()];
        let rows: Vec<_> = answer.change_counts.iter().map(row).collect();
        parts.push(output::table(["COUNT", "CHANGE", "OUTCOME"], &rows));
    }
    if !answer.changes.is_empty() {
        let or_blank = |it: &Option<String>| it.clone().unwrap_or_default();
        let row = |it: &ChangeAnswer| {
            let (before, after) = before_and_after(it);
            [
                it.number.to_string(),
                or_blank(&it.target),
                it.kind.clone(),
                or_blank(&it.username),
                or_blank(&it.group),
                before,
                after,
                it.outcome.clone(),
                it.reason.clone(),
            ]
        };
        let rows: Vec<_> = answer.changes.iter().map(row).collect();
        let headings =
            ["NO", "TARGET", "CHANGE", "WHO", "GROUP", "BEFORE", "AFTER", "OUTCOME", "REASON"];
        parts.push(output::table(headings, &rows));
    }
    if !answer.findings.is_empty() {
        let row = |it: &FindingAnswer| {
            let who = it.username.clone().or_else(|| it.external_id.clone()).unwrap_or_default();
            [it.number.to_string(), it.kind.clone(), who, it.message.clone()]
        };
        let rows: Vec<_> = answer.findings.iter().map(row).collect();
        parts.push(output::table(["NO", "FINDING", "WHO", "WHAT"], &rows));
    }
    if let Some(rest) = rest {
        parts.push(rest);
    }
    parts.join("\n\n")
}

/// `email ada@acme.test, not active`: of somebody who stays what differs, and of somebody who comes or
/// leaves by what people know them. The export has the rest.
fn before_and_after(change: &ChangeAnswer) -> (String, String) {
    const KNOWN_BY: [&str; 4] = ["display name", "email", "group", "groups"];
    let ChangeAnswer { before, after, detail, .. } = change;
    if before.is_null() && after.is_null() {
        return (String::new(), detail.clone());
    }
    let mut differences = person::differences(before, after);
    if before.is_null() || after.is_null() {
        differences.retain(|it| KNOWN_BY.contains(&it.field.as_str()));
    }
    let worded = |field: &str, value: &str| match value {
        "" => None,
        "true" => Some(field.to_owned()),
        "false" => Some(format!("not {field}")),
        value => Some(format!("{field} {value}")),
    };
    let told = |value: fn(&Difference) -> &str| {
        let told = differences.iter().filter_map(|it| worded(&it.field, value(it)));
        told.collect::<Vec<_>>().join(", ")
    };
    (told(|it| &it.before), told(|it| &it.after))
}

/// How to see what did not fit.
fn rest(answer: &ShowAnswer) -> Option<String> {
    let changes: u64 = answer.change_counts.iter().map(|it| it.count).sum();
    let findings: u64 = answer.finding_counts.iter().map(|it| it.count).sum();
    let last_change = answer.changes.last().map(|it| it.number);
    let last_finding = answer.findings.last().map(|it| it.number);
    let is_short = |last: Option<i64>, all: u64| last.is_some_and(|it| it.unsigned_abs() < all);
    let next = [(last_change, changes), (last_finding, findings)]
        .into_iter()
        .filter(|&(last, all)| is_short(last, all))
        .filter_map(|(last, _)| last)
        .min()?;
    Some(format!(
        "{changes} changes and {findings} findings in all. \
         More: rollcall run show {} --after {next}",
        answer.run.id
    ))
}

/// As [`rest`], of a part of the changes, which nobody has counted.
fn rest_of(answer: &ShowAnswer, args: &ShowArgs) -> Option<String> {
    let last = answer.changes.last()?.number;
    let is_full = u64::from(args.limit) <= answer.changes.len() as u64;
    is_full.then(|| format!("There may be more: the same command with --after {last}"))
}

/// `command-line (maya), again after run 7`.
fn starter(run: &Run) -> String {
    let mut text = run.trigger.clone();
    if !run.started_by.is_empty() {
        text = format!("{text} ({})", run.started_by);
    }
    if let Some(slot) = run.slot {
        text = format!("{text} for {}", seconds(slot));
    }
    match run.retry_of {
        Some(before) => format!("{text}, again after run {before}"),
        None => text,
    }
}

/// Blank for an ordinary run.
fn about(task: &Task) -> String {
    match task {
        Task::Everybody => String::new(),
        Task::Person(id) => format!("one person alone, OneLogin id {id}"),
        Task::Exactly { plan, seen: _ } => format!("exactly what plan {plan} showed"),
        Task::Undo(run) => format!("takes back run {run}"),
    }
}

fn run_answer(run: &Run) -> RunAnswer {
    let RunCounts { applied, held, findings, calls } = counts::of(run);
    let (person, plan, undo_of) = run.task.parts();
    RunAnswer {
        id: run.id.0,
        connector: run.connector_name.to_string(),
        trigger: run.trigger.clone(),
        slot: run.slot.map(|it| it.to_string()),
        started_by: run.started_by.clone(),
        node: run.node.clone(),
        retry_of: run.retry_of.map(|it| it.0),
        person,
        plan,
        undo_of,
        stop_asked_by: run.stop_asked_by.clone(),
        status: run.status.word(),
        started_at: run.started_at.to_string(),
        finished_at: run.finished_at.map(|it| it.to_string()),
        message: run.message.clone(),
        applied,
        held,
        found_odd: findings,
        calls,
    }
}

fn change_answer(change: RecordedChange) -> ChangeAnswer {
    let (told_before, told_after) = change.before_and_after();
    let RecordedChange {
        seq,
        target_name,
        kind,
        external_id,
        username,
        group,
        detail,
        reason,
        outcome,
        before: _,
        after: _,
    } = change;
    ChangeAnswer {
        number: seq,
        target: target_name,
        kind,
        external_id,
        username,
        group,
        detail,
        reason,
        outcome,
        before: told_before,
        after: told_after,
    }
}

fn finding_answer(finding: RecordedFinding) -> FindingAnswer {
    let RecordedFinding { run: _, seq, kind, external_id, username, message } = finding;
    FindingAnswer { number: seq, kind, external_id, username, message }
}

fn json_of(run: &Run, text: &str) -> Result<Value, CliError> {
    serde_json::from_str(text).map_err(|error| {
        let sentence = format!("The report of run {} cannot be read: {error}.", run.id);
        CliError::new(Exit::Failed, sentence)
    })
}

/// `read 2.4 s, map 0.1 s`.
fn phases(report: &Value) -> String {
    let phase = |it: &Value| {
        let ms = it.get("ms")?.as_u64()?;
        let took = SignedDuration::from_millis(i64::try_from(ms).ok()?);
        Some(format!("{} {:.1} s", it.get("phase")?.as_str()?, took.as_secs_f64()))
    };
    let phases = report.get("phases").and_then(Value::as_array).into_iter().flatten();
    phases.filter_map(phase).collect::<Vec<_>>().join(", ")
}

/// `103 (5000 left this hour, 4897 afterwards): 100 GET /api/2/users, ..`
fn calls(report: &Value) -> String {
    let number = |pointer: &str| report.pointer(pointer).and_then(Value::as_u64);
    let Some(total) = number("/calls/total") else { return String::new() };
    let by_endpoint = report.pointer("/calls/by_endpoint").and_then(Value::as_object);
    let by_endpoint = by_endpoint.into_iter().flatten();
    let each: Vec<String> = by_endpoint.map(|(name, count)| format!("{count} {name}")).collect();
    let left =
        match (number("/calls/budget_before/remaining"), number("/calls/budget_after/remaining")) {
            (Some(before), Some(after)) => format!(" ({before} left before, {after} afterwards)"),
            (Some(_) | None, _) => String::new(),
        };
    format!("{total}{left}: {}", each.join(", "))
}

/// ISO 8601 in UTC, to the second.
fn seconds(at: Timestamp) -> String {
    at.strftime("%Y-%m-%dT%H:%M:%SZ").to_string()
}

fn took(run: &Run) -> String {
    let Some(finished_at) = run.finished_at else { return "-".to_owned() };
    let took: SignedDuration = finished_at.duration_since(run.started_at);
    format!("{:.1} s", took.as_secs_f64())
}
