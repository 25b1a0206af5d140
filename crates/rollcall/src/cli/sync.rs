//! `rollcall simulate` and `rollcall sync`.

use std::collections::BTreeMap;
use std::sync::Arc;

use reconcile::figure::changes_of;
use reconcile::finding::Finding;
use reconcile::gate::Objection;
use reconcile::plan::Step;
use reconcile::principal::{ExternalId, Name};
use serde::Serialize;
use serde_json::Value;

use crate::cli::context::{Context, Setup};
use crate::cli::exit::{CliError, Exit};
use crate::cli::output::{self, Output, Tone};
use crate::cli::plan::seconds;
use crate::cli::progress::Teller;
use crate::notation::shell_quoted;
use crate::plans::undo::UndoError;
use crate::plans::{self, Difference};
use crate::run::{self, Order, PrepareError, Ready, Showed, StartError, Task};
use crate::source::onelogin::error::SourceError;
use crate::store;
use crate::store::connectors::settings::rules::fingerprint;
use crate::store::connectors::{self, Connector};
use crate::store::plans::decisions::Verdict;
use crate::store::plans::{Plan, PlanId, PlanKind, changes};
use crate::store::reads;
use crate::store::runs::{Run, Status, Trigger};
use crate::sync::seen::{self, plan_as_seen};
use crate::sync::{self, Decision, Finished, SyncError, TargetDecision, report};
use crate::target;
use crate::trial::TrialError;

#[derive(Debug, clap::Args)]
pub struct SimulateArgs {
    /// The connector
    connector: String,
    /// How many changes and findings to print; JSON has them all
    #[arg(long, value_name = "N", default_value_t = 40)]
    limit: usize,
    /// End with 2 when there are changes
    #[arg(long)]
    detailed_exitcode: bool,
}

#[derive(Debug, clap::Args)]
pub struct SyncArgs {
    /// The connector
    connector: String,
    /// Do exactly what this plan showed, or nothing
    #[arg(long, value_name = "PLAN")]
    plan: Option<i64>,
}

/// Who stops a run that is interrupted at the terminal.
const CTRL_C: &str = "whoever started it";

#[derive(Serialize)]
struct SimulateAnswer<'a> {
    /// The stored plan, for `sync --plan`.
    plan: i64,
    connector: &'a str,
    report: Value,
    targets: Vec<TargetAnswer<'a>>,
    findings: Vec<FindingAnswer<'a>>,
}

#[derive(Serialize)]
struct TargetAnswer<'a> {
    target: Option<&'a str>,
    objections: Vec<String>,
    steps: Vec<StepAnswer<'a>>,
}

#[derive(Serialize)]
struct StepAnswer<'a> {
    /// `passes` or `held`.
    verdict: &'static str,
    kind: &'static str,
    external_id: Option<&'a str>,
    username: Option<&'a str>,
    group: Option<&'a str>,
    change: String,
    reason: String,
}

#[derive(Serialize)]
struct FindingAnswer<'a> {
    kind: &'static str,
    external_id: Option<&'a str>,
    username: Option<&'a str>,
    message: &'a str,
}

#[derive(Serialize)]
struct SyncAnswer<'a> {
    run: i64,
    /// What waits for a person.
    plan: Option<i64>,
    connector: &'a str,
    status: &'static str,
    message: &'a str,
    report: Value,
    /// The plan that was to be applied as it was seen, and by whose decision.
    #[serde(skip_serializing_if = "Option::is_none")]
    applied: Option<AppliedAnswer>,
}

#[derive(Serialize)]
struct AppliedAnswer {
    plan: i64,
    made_by: String,
    made_at: String,
    decided_by: Option<String>,
    decided_at: Option<String>,
    reason: Option<String>,
    /// `12 deactivations`, by what was decided over them.
    passes: Vec<String>,
    approved: Vec<String>,
    left_alone: Vec<String>,
}

pub async fn simulate(args: SimulateArgs, setup: Setup) -> Result<Exit, CliError> {
    let context = Context::open(setup).await?;
    let ready = Ready::open(&context.engine(), &args.connector).await?;
    let teller = Teller::new(context.output);
    let watch = |event| teller.tell(&event);
    let decision = tokio::select! {
        decision = Box::pin(sync::decide(ready.job(&context.db), &watch)) => decision,
        () = run::interrupted() => Err(SyncError::Stopped { by: CTRL_C.to_owned() }),
    };
    teller.done();
    run::note_budget(&context.db, ready.connector.id, &ready.source).await;
    let decision = decision?;
    if let Some(kept) = ready.source.kept() {
        reads::keep(&context.db, ready.connector.id, &kept).await?;
    }
    let made_by = &context.operator.name;
    let calls = ready.source.calls();
    let plan =
        plans::keep_simulation(&context.db, &ready.connector, &decision, &calls, made_by).await?;
    let answer = SimulateAnswer {
        plan: plan.0,
        connector: ready.connector.name.as_str(),
        report: report::of_decision(&decision, &calls),
        targets: decision.targets.iter().map(target_answer).collect(),
        findings: report::findings(&decision).map(finding_answer).collect(),
    };
    let calls = calls.total();
    context.output.answer(&answer, |answer| {
        simulate_text(answer, &decision, calls, args.limit, context.output)
    });
    let has_changes = answer.targets.iter().any(|it| !it.steps.is_empty());
    let is_held = answer.targets.iter().any(|it| !it.objections.is_empty());
    Ok(match (is_held, has_changes && args.detailed_exitcode) {
        (true, _) => Exit::HeldForApproval,
        (false, true) => Exit::ChangesPresent,
        (false, false) => Exit::Ok,
    })
}

pub async fn sync(args: SyncArgs, setup: Setup) -> Result<Exit, CliError> {
    let context = Context::open(setup).await?;
    let order = Order::new(Trigger::CommandLine, context.operator.clone());
    let task = match args.plan {
        None => Task::Sync,
        Some(plan) => {
            let plan = PlanId(plan);
            let found = store::plans::find(&context.db, plan).await?;
            let seen = found.as_ref().map(plan_as_seen).unwrap_or_default();
            Task::Exactly(Showed { plan, seen })
        }
    };
    let done = by_person(&context, &args.connector, Order { task, ..order }).await;
    context.close().await;
    done
}

/// Runs the connector of an ended run again.
pub async fn again(context: &Context, before: &Run) -> Result<Exit, CliError> {
    let task = run::again(before).map_err(CliError::usage)?;
    let order = Order::new(Trigger::CommandLine, context.operator.clone());
    let order = Order { retry_of: Some(before.id), task, ..order };
    // It may be called otherwise by now.
    let known = connectors::list(&context.db).await?;
    let connector = known.into_iter().find(|it| it.id == before.connector_id);
    let name = connector.map_or_else(|| before.connector_name.clone(), |it| it.name);
    by_person(context, name.as_str(), order).await
}

/// Carries out an order with visible progress, and answers with what came of it.
pub(super) async fn by_person(
    context: &Context,
    connector: &str,
    order: Order,
) -> Result<Exit, CliError> {
    let ready = Ready::open(&context.engine(), connector).await?;
    let connector = ready.connector.clone();
    let mut applied = None;
    if let Task::Exactly(showed) = &order.task {
        let plan = check_plan(context, &connector, showed).await?;
        let counts = changes::counts(&context.db, plan.id).await?;
        let answer = applied_answer(&plan, &counts);
        context.output.line(&plan_text(&answer));
        applied = Some(answer);
    }
    let finished = run(context, ready, &order).await?;
    let answer = SyncAnswer {
        run: finished.run.0,
        plan: finished.plan.map(|it| it.0),
        connector: connector.name.as_str(),
        status: finished.status.word(),
        message: &finished.message,
        report: report::of_decision(&finished.decision, &finished.calls),
        applied,
    };
    let way_out = way_out_of_run(context, &finished).await?;
    context.output.answer(&answer, |_| {
        sync_text(&finished, connector.name.as_str(), way_out, context.output)
    });
    Ok(if finished.status == Status::Held { Exit::HeldForApproval } else { Exit::Ok })
}

/// A plan of another connector, or one that is over, is told before a run begins.
async fn check_plan(
    context: &Context,
    connector: &Connector,
    showed: &Showed,
) -> Result<Plan, CliError> {
    let plan = showed.plan;
    let Some(found) = store::plans::find(&context.db, plan).await? else {
        return Err(CliError::usage(format!("There is no plan {plan}. See `rollcall plan list`.")));
    };
    if found.connector_id != connector.id || found.kind != PlanKind::Simulated {
        let name = &connector.name;
        return Err(CliError::usage(format!(
            "Plan {plan} is no simulation of \"{name}\". Make one: rollcall simulate {}",
            shell_quoted(name.as_str())
        )));
    }
    seen::check(&found, showed, &fingerprint(&connector.settings))?;
    Ok(found)
}

/// What is about to be done of a plan, and by whose decision.
fn applied_answer(plan: &Plan, counts: &BTreeMap<(String, String, String), u64>) -> AppliedAnswer {
    let (mut passing, mut approved, mut left) = (Vec::new(), Vec::new(), Vec::new());
    for ((verdict, decision, kind), count) in counts {
        let changes = changes_of(kind, usize::try_from(*count).unwrap_or(usize::MAX));
        match (verdict.as_str(), decision.as_str()) {
            (_, "approved") => approved.push(changes),
            (_, "rejected") => left.push(format!("{changes} rejected")),
            ("held", _) => left.push(format!("{changes} held")),
            (_, _) => passing.push(changes),
        }
    }
    let of_decision = |text: &String| plan.decided_at.map(|_| text.clone());
    AppliedAnswer {
        plan: plan.id.0,
        made_by: plan.made_by.clone(),
        made_at: seconds(plan.made_at),
        decided_by: of_decision(&plan.decided_by),
        decided_at: plan.decided_at.map(seconds),
        reason: of_decision(&plan.reason),
        passes: passing,
        approved,
        left_alone: left,
    }
}

fn plan_text(answer: &AppliedAnswer) -> String {
    let AppliedAnswer { plan, made_by, made_at, passes, approved, left_alone, .. } = answer;
    let decided = match (&answer.decided_by, &answer.decided_at, &answer.reason) {
        (Some(by), Some(at), Some(reason)) => format!("by {by} at {at}: {reason}"),
        (_, _, _) => "by nobody".to_owned(),
    };
    let made = format!("{plan}, simulated by {made_by} at {made_at}");
    let mut facts = vec![("Plan", made), ("Decided", decided)];
    for (name, changes) in [("Passes", passes), ("Approved", approved), ("Left alone", left_alone)]
    {
        if !changes.is_empty() {
            facts.push((name, changes.join(", ")));
        }
    }
    output::facts(&facts)
}

/// Runs a connector with visible progress, until it has ended or somebody interrupts it.
pub async fn run(context: &Context, ready: Ready, order: &Order) -> Result<Finished, CliError> {
    let teller = Arc::new(Teller::new(context.output));
    let watch = {
        let teller = Arc::clone(&teller);
        move |event| teller.tell(&event)
    };
    let mut started = run::start(&context.engine(), ready, order, watch).await?;
    let finished = loop {
        tokio::select! {
            finished = started.ended() => break finished,
            () = run::interrupted() => started.stop(CTRL_C),
        }
    };
    teller.done();
    finished.map_err(|error| {
        let mut failure = CliError::from(error);
        failure.sentence = format!("{} Recorded as run {}.", failure.sentence, started.run);
        failure
    })
}

fn target_answer(decision: &TargetDecision) -> TargetAnswer<'_> {
    let passes = decision.approved.steps().iter().map(|step| step_answer("passes", step));
    let held = decision.held.steps.iter().map(|step| step_answer("held", step));
    TargetAnswer {
        target: decision.target.as_ref().map(|it| it.name.as_str()),
        objections: decision.held.objections.iter().map(ToString::to_string).collect(),
        steps: passes.chain(held).collect(),
    }
}

fn step_answer<'a>(verdict: &'static str, step: &'a Step) -> StepAnswer<'a> {
    let user = step.change.user();
    StepAnswer {
        verdict,
        kind: step.change.word(),
        external_id: user.map(|it| it.id.as_str()),
        username: user.map(|it| it.username.as_str()),
        group: step.change.group().map(Name::as_str),
        change: step.change.to_string(),
        reason: step.reason.to_string(),
    }
}

fn finding_answer(finding: &Finding) -> FindingAnswer<'_> {
    FindingAnswer {
        kind: finding.kind.word(),
        external_id: finding.id.as_ref().map(ExternalId::as_str),
        username: finding.username.as_deref(),
        message: &finding.message,
    }
}

fn simulate_text(
    answer: &SimulateAnswer<'_>,
    decision: &Decision,
    calls: u64,
    limit: usize,
    output: Output,
) -> String {
    let mut text = vec![read_text(decision, calls)];
    for (answer, target) in answer.targets.iter().zip(&decision.targets) {
        text.push(String::new());
        text.push(output.paint(Tone::Strong, &report::counts_of(target).to_string()));
        text.extend(objections_text(target, output));
        for step in answer.steps.iter().take(limit) {
            let mark = if step.verdict == "held" { "! held  " } else { "" };
            text.push(output::printable(&format!("  {mark}{} ({})", step.change, step.reason)));
        }
        text.extend(more(answer.steps.len(), limit, "changes"));
    }
    text.extend(findings_text(&report::findings(decision).collect::<Vec<_>>(), limit));
    text.push(String::new());
    text.extend(rejected_text(decision, answer.connector));
    let held = || decision.targets.iter().map(|it| &it.held);
    if held().any(|it| !it.is_empty()) {
        let waiting = held().map(|it| it.steps.len() as u64).sum();
        text.push(way_out(PlanId(answer.plan), waiting, has_empty(decision)));
    }
    let has_targets = decision.targets.iter().any(|it| it.target.is_some());
    if has_targets && decision.targets.iter().any(|it| it.approved.changes().len() != 0) {
        let name = shell_quoted(answer.connector);
        text.push(format!("Apply exactly this:   rollcall sync {name} --plan {}", answer.plan));
    }
    text.push("Nothing was changed.".to_owned());
    text.join("\n")
}

/// `way_out` is what is to be done about what waits.
fn sync_text(
    finished: &Finished,
    connector: &str,
    way_out: Option<String>,
    output: Output,
) -> String {
    const FINDINGS_SHOWN: usize = 10;
    let decision = &finished.decision;
    let mut text = vec![read_text(decision, finished.calls.total())];
    for target in &decision.targets {
        text.push(report::counts_of(target).to_string());
        text.extend(objections_text(target, output));
    }
    text.extend(findings_text(&report::findings(decision).collect::<Vec<_>>(), FINDINGS_SHOWN));
    let tone = match finished.status {
        Status::Succeeded => Tone::Good,
        Status::SucceededWithSkips | Status::Held => Tone::Warning,
        Status::Queued
        | Status::Running
        | Status::Stopping
        | Status::Failed
        | Status::Stopped
        | Status::Skipped => Tone::Bad,
    };
    let word = output.paint(tone, finished.status.word());
    text.push(String::new());
    text.push(format!("Run {} {word}. {}", finished.run, finished.message));
    text.push(format!("Every change and finding: rollcall run show {}", finished.run));
    text.extend(rejected_text(decision, connector));
    text.extend(way_out);
    text.join("\n")
}

/// Where the rejections are told that leave something alone.
fn rejected_text(decision: &Decision, connector: &str) -> Option<String> {
    let is_any = decision.targets.iter().any(|it| !it.held.rejected.is_empty());
    is_any.then(|| rejections_of(connector))
}

/// Where the rejections of a connector are told.
pub(super) fn rejections_of(connector: &str) -> String {
    format!("Who rejected what, and why:  rollcall plan rejections {}", shell_quoted(connector))
}

/// What to do about the plan that a run left, as it stands by now: somebody may have decided over it
/// while the run was under way.
async fn way_out_of_run(
    context: &Context,
    finished: &Finished,
) -> Result<Option<String>, CliError> {
    let Some(plan) = finished.plan else { return Ok(None) };
    let Some(found) = store::plans::find(&context.db, plan).await? else { return Ok(None) };
    let waiting = waiting(&changes::counts(&context.db, plan).await?);
    if found.decided_at.is_some() && waiting == 0 {
        return Ok(Some(output::printable(&format!(
            "{} decided over plan {plan} while the run was under way. The next run goes by that.",
            found.decided_by
        ))));
    }
    Ok(Some(way_out(plan, waiting, has_empty(&finished.decision))))
}

/// How many changes of a plan wait for a decision.
fn waiting(counts: &BTreeMap<(String, String, String), u64>) -> u64 {
    let waits = |verdict: &str, decision: &str| {
        verdict == "held" && (decision.is_empty() || decision == Verdict::LeftOut.word())
    };
    let waiting = counts.iter().filter(|((verdict, decision, _), _)| waits(verdict, decision));
    waiting.map(|(_, count)| count).sum()
}

fn has_empty(decision: &Decision) -> bool {
    let mut objections = decision.targets.iter().flat_map(|it| &it.held.objections);
    objections.any(|it| matches!(it, Objection::Empty { .. }))
}

/// What to do about a plan of which so many changes wait. `is_empty` is whether nobody was read: that is
/// never approved.
pub(super) fn way_out(plan: PlanId, waiting: u64, is_empty: bool) -> String {
    let approve = (!is_empty).then(|| format!("rollcall plan approve {plan} --reason \"..\""));
    let reject = (0 < waiting).then(|| format!("rollcall plan reject {plan} --reason \"..\""));
    let mut text = format!("Look at what is held: rollcall plan show {plan}");
    let says = ["\nThen decide:          ", "\n                      "];
    for (says, command) in says.into_iter().zip(approve.into_iter().chain(reject)) {
        text.push_str(says);
        text.push_str(&command);
    }
    if is_empty {
        text.push_str("\nLook at the required groups and at the source, and sync again.");
    }
    text
}

fn read_text(decision: &Decision, calls: u64) -> String {
    let Some(read) = &decision.read else {
        return "The source was not read.".to_owned();
    };
    let scope = if read.out_of_scope == 0 {
        "all in scope".to_owned()
    } else {
        format!("{} in scope, {} not", read.in_scope, read.out_of_scope)
    };
    format!(
        "Read {} people, {scope}, by {calls} API calls. {}\nComplete: {}",
        read.seen, read.strategy, read.proof
    )
}

fn objections_text(target: &TargetDecision, output: Output) -> Vec<String> {
    let objections = target.held.objections.iter();
    objections.map(|it| output.paint(Tone::Warning, &format!("  ! {it}"))).collect()
}

fn findings_text(findings: &[&Finding], limit: usize) -> Vec<String> {
    if findings.is_empty() {
        return Vec::new();
    }
    let mut text = vec![String::new(), format!("Findings: {}", findings.len())];
    for finding in findings.iter().take(limit) {
        let id = finding.id.as_ref().map(|id| format!("{id} "));
        let who = finding.username.as_deref().map(|it| format!("{it} "));
        let line = format!(
            "  {} {}{}{}",
            finding.kind.word(),
            who.unwrap_or_default(),
            id.unwrap_or_default(),
            finding.message
        );
        text.push(output::printable(&line));
    }
    text.extend(more(findings.len(), limit, "findings"));
    text
}

fn more(all: usize, shown: usize, what: &str) -> Option<String> {
    (shown < all).then(|| format!("  .. and more, {all} {what} in all (--json has them)"))
}

impl From<SyncError> for CliError {
    fn from(error: SyncError) -> CliError {
        match error {
            SyncError::Source(error) => error.into(),
            SyncError::Settings(error) => error.into(),
            SyncError::Store(error) => error.into(),
            SyncError::Target(error) => error.into(),
            SyncError::Undo(error) => error.into(),
            SyncError::Stale { ref difference, .. } => {
                let sentence = format!("{error}\n{}", difference_text(difference));
                CliError::new(Exit::PlanStale, sentence.trim_end())
            }
            SyncError::Closed { .. }
            | SyncError::OtherRules { .. }
            | SyncError::DecidedSince { .. } => CliError::new(Exit::PlanStale, error.to_string()),
            SyncError::Broken => CliError::new(Exit::Failed, error.to_string()),
            SyncError::Lost(_) => CliError::new(Exit::TryLater, error.to_string()),
            SyncError::Stopped { .. } => CliError::new(Exit::Interrupted, error.to_string()),
        }
    }
}

/// What a plan would do otherwise now, in so many lines.
fn difference_text(difference: &Difference) -> String {
    const LINES_MAX: usize = 20;
    let Difference { more, fewer } = difference;
    let more = more.iter().map(|it| format!("  new:     {it}"));
    let fewer = fewer.iter().map(|it| format!("  missing: {it}"));
    let all: Vec<String> = more.chain(fewer).map(|it| output::printable(&it)).collect();
    let mut text: Vec<String> = all.iter().take(LINES_MAX).cloned().collect();
    if LINES_MAX < all.len() {
        text.push(format!("  .. and {} more", all.len() - LINES_MAX));
    }
    text.join("\n")
}

impl From<UndoError> for CliError {
    fn from(error: UndoError) -> CliError {
        match error {
            UndoError::Store(error) => error.into(),
            UndoError::Unknown(_)
            | UndoError::UnderWay(_)
            | UndoError::Nothing(_)
            | UndoError::Nobody { .. }
            | UndoError::Several { .. }
            | UndoError::Differs(_) => CliError::usage(error.to_string()),
        }
    }
}

impl From<StartError> for CliError {
    fn from(error: StartError) -> CliError {
        match error {
            StartError::NoTarget { .. } => CliError::usage(error.to_string()),
            StartError::Busy(_) | StartError::SlotTaken => {
                CliError::new(Exit::TryLater, error.to_string())
            }
            StartError::Store(error) => error.into(),
        }
    }
}

impl From<PrepareError> for CliError {
    fn from(error: PrepareError) -> CliError {
        match error {
            PrepareError::Connector(error) => error.into(),
            PrepareError::Source(error) => error.into(),
            PrepareError::Settings(error) => error.into(),
            PrepareError::Target(error) => error.into(),
        }
    }
}

impl From<TrialError> for CliError {
    fn from(error: TrialError) -> CliError {
        match error {
            TrialError::Source(error) => error.into(),
            TrialError::Settings(error) => error.into(),
            TrialError::Target(error) => error.into(),
            TrialError::Targets(error) => error.into(),
            TrialError::People(error) => error.into(),
            TrialError::Store(error) => error.into(),
        }
    }
}

impl From<SourceError> for CliError {
    fn from(error: SourceError) -> CliError {
        let exit = if error.is_budget() {
            Exit::TryLater
        } else if error.is_configuration() {
            Exit::ConfigurationInvalid
        } else {
            Exit::SourceUnreachable
        };
        CliError::new(exit, error.to_string())
    }
}

impl From<target::TargetError> for CliError {
    fn from(error: target::TargetError) -> CliError {
        match error {
            target::TargetError::Store(error) => error.into(),
            target::TargetError::Stale { .. } => CliError::new(Exit::PlanStale, error.to_string()),
            target::TargetError::Unknown(_)
            | target::TargetError::Conflict { .. }
            | target::TargetError::NoUsers
            | target::TargetError::Misfit { .. } => CliError::new(Exit::Failed, error.to_string()),
        }
    }
}
