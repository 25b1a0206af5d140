//! `rollcall run`: what was done, when, and what became of it.

use jiff::{SignedDuration, Timestamp};
use serde::Serialize;
use serde_json::Value;

use crate::cli::context::{Context, Setup};
use crate::cli::exit::{CliError, Exit};
use crate::cli::output;
use crate::store::connectors;
use crate::store::runs::{self, Page, RecordedChange, RecordedFinding, Run, RunId};

#[derive(Debug, clap::Subcommand)]
pub enum Command {
    /// List runs, the latest first
    List(ListArgs),
    /// Show a run with its changes and findings
    Show(ShowArgs),
}

#[derive(Debug, clap::Args)]
pub struct ListArgs {
    /// Only runs of this connector
    #[arg(long, value_name = "NAME")]
    connector: Option<String>,
    /// How many runs
    #[arg(long, value_name = "N", default_value_t = 20)]
    limit: u32,
}

#[derive(Debug, clap::Args)]
pub struct ShowArgs {
    /// The number of the run, as `run list` shows it
    run: i64,
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
    status: &'static str,
    started_at: String,
    finished_at: Option<String>,
    message: String,
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
    change_counts: Vec<ChangeCount>,
    finding_counts: Vec<FindingCount>,
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
}

#[derive(Serialize)]
struct FindingAnswer {
    number: i64,
    kind: String,
    external_id: Option<String>,
    username: Option<String>,
    message: String,
}

pub async fn run(command: Command, setup: Setup) -> Result<(), CliError> {
    let context = Context::open(setup).await?;
    runs::end_abandoned(&context.db, Timestamp::now()).await?;
    let done = match command {
        Command::List(args) => list(args, &context).await,
        Command::Show(args) => show(&args, &context).await,
    };
    context.close().await;
    done
}

async fn list(args: ListArgs, context: &Context) -> Result<(), CliError> {
    let connector = match &args.connector {
        Some(name) => Some(connectors::find(&context.db, name).await?.id),
        None => None,
    };
    let runs = runs::list(&context.db, connector, args.limit).await?;
    let answer = ListAnswer { runs: runs.iter().map(run_answer).collect() };
    context.output.answer(&answer, |_| list_text(&runs));
    Ok(())
}

async fn show(args: &ShowArgs, context: &Context) -> Result<(), CliError> {
    let id = RunId(args.run);
    let Some(run) = runs::find(&context.db, id).await? else {
        return Err(CliError::usage(format!("There is no run {id}. See `rollcall run list`.")));
    };
    let page = Page { after: args.after, rows_max: i64::from(args.limit) };
    let change_counts = runs::change_counts(&context.db, id).await?;
    let finding_counts = runs::finding_counts(&context.db, id).await?;
    let changes = runs::changes(&context.db, id, page).await?;
    let findings = runs::findings(&context.db, id, page).await?;
    let answer = ShowAnswer {
        report: report(&run)?,
        run: run_answer(&run),
        change_counts: change_counts
            .into_iter()
            .map(|((kind, outcome), count)| ChangeCount { kind, outcome, count })
            .collect(),
        finding_counts: finding_counts
            .into_iter()
            .map(|(kind, count)| FindingCount { kind, count })
            .collect(),
        changes: changes.into_iter().map(change_answer).collect(),
        findings: findings.into_iter().map(finding_answer).collect(),
    };
    context.output.answer(&answer, |it| show_text(&run, it));
    Ok(())
}

fn list_text(runs: &[Run]) -> String {
    if runs.is_empty() {
        return "No run yet. Begin with `rollcall simulate CONNECTOR`.".to_owned();
    }
    let row = |it: &Run| {
        [
            it.id.to_string(),
            it.connector_name.to_string(),
            seconds(it.started_at),
            took(it),
            it.status.word().to_owned(),
            it.message.clone(),
        ]
    };
    let rows: Vec<_> = runs.iter().map(row).collect();
    output::table(["RUN", "CONNECTOR", "STARTED", "TOOK", "STATUS", "MESSAGE"], &rows)
}

fn show_text(run: &Run, answer: &ShowAnswer) -> String {
    let mut parts = vec![output::facts(&[
        ("Run", run.id.to_string()),
        ("Connector", run.connector_name.to_string()),
        ("Started", format!("{} by {}", seconds(run.started_at), run.trigger)),
        ("Took", took(run)),
        ("Status", run.status.word().to_owned()),
        ("Message", run.message.clone()),
    ])];
    if !answer.change_counts.is_empty() {
        let row = |it: &ChangeCount| [it.count.to_string(), it.kind.clone(), it.outcome.clone()];
        let rows: Vec<_> = answer.change_counts.iter().map(row).collect();
        parts.push(output::table(["COUNT", "CHANGE", "OUTCOME"], &rows));
    }
    if !answer.changes.is_empty() {
        let or_blank = |it: &Option<String>| it.clone().unwrap_or_default();
        let row = |it: &ChangeAnswer| {
            [
                it.number.to_string(),
                or_blank(&it.target),
                it.kind.clone(),
                or_blank(&it.username),
                or_blank(&it.group),
                it.detail.clone(),
                it.outcome.clone(),
                it.reason.clone(),
            ]
        };
        let rows: Vec<_> = answer.changes.iter().map(row).collect();
        let headings = ["NO", "TARGET", "CHANGE", "WHO", "GROUP", "DETAIL", "OUTCOME", "REASON"];
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
    if let Some(rest) = rest(answer) {
        parts.push(rest);
    }
    parts.join("\n\n")
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

fn run_answer(run: &Run) -> RunAnswer {
    RunAnswer {
        id: run.id.0,
        connector: run.connector_name.to_string(),
        trigger: run.trigger.clone(),
        status: run.status.word(),
        started_at: run.started_at.to_string(),
        finished_at: run.finished_at.map(|it| it.to_string()),
        message: run.message.clone(),
    }
}

fn change_answer(change: RecordedChange) -> ChangeAnswer {
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
    }
}

fn finding_answer(finding: RecordedFinding) -> FindingAnswer {
    let RecordedFinding { run: _, seq, kind, external_id, username, message } = finding;
    FindingAnswer { number: seq, kind, external_id, username, message }
}

fn report(run: &Run) -> Result<Value, CliError> {
    serde_json::from_str(&run.report).map_err(|error| {
        let sentence = format!("The report of run {} cannot be read: {error}.", run.id);
        CliError::new(Exit::Failed, sentence)
    })
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
