//! `rollcall plan`: what waits for a decision, and deciding it.

mod rejections;

use std::collections::BTreeMap;
use std::io::{self, Write as _};
use std::slice;

use jiff::{SignedDuration, Timestamp};
use reconcile::figure::counted;
use serde::Serialize;
use serde_json::Value;

use crate::cli::context::{Context, Setup};
use crate::cli::exit::{CliError, Exit};
use crate::cli::output::{self, Tone};
use crate::cli::plan::rejections::{LiftArgs, RejectionsArgs};
use crate::cli::sync;
use crate::cli::undo;
use crate::export::Format;
use crate::export::plan::PlanExport;
use crate::notation::{shell_quoted, shell_word};
use crate::plans::decide::{self, Choice, DecideError, Decision, RULES_TRIED};
use crate::plans::undo::Undoing;
use crate::run::Order;
use crate::store::connectors;
use crate::store::fields::AlteredField;
use crate::store::plans::changes::{self, Filter, PlanChange};
use crate::store::plans::{self, Plan, PlanId, PlanKind, Remainder};
use crate::store::runs::report::Report;
use crate::store::runs::{self, Page, RunId, Trigger, UndoOf};
use crate::store::targets;
use crate::sync::report;

#[derive(Debug, clap::Subcommand)]
pub enum Command {
    /// List plans that wait for a decision
    List(ListArgs),
    /// Show a plan: why it is held, its causes and its changes
    Show(ShowArgs),
    /// Let changes of a plan pass; the next run makes what it still plans of them
    Approve(ApproveArgs),
    /// Say no to changes of a plan, until the source says something else or a time is over
    Reject(RejectArgs),
    /// List the rejections in force: who said no to what, why, and until when
    Rejections(RejectionsArgs),
    /// Lift rejections: the next run judges the changes like any others
    Lift(LiftArgs),
}

#[derive(Debug, clap::Args)]
pub struct ListArgs {
    /// Only plans of this connector
    #[arg(long, value_name = "NAME")]
    connector: Option<String>,
    /// Also simulations, and what was decided, superseded or ran out
    #[arg(long)]
    all: bool,
    /// Go on before the plan of this number
    #[arg(long, value_name = "PLAN")]
    before: Option<i64>,
    /// How many plans
    #[arg(long, value_name = "N", default_value_t = 20)]
    limit: u32,
}

#[derive(Debug, clap::Args)]
pub struct ShowArgs {
    /// The number of the plan
    plan: i64,
    /// Only changes of this cause
    #[arg(long, value_name = "N")]
    cause: Option<i64>,
    /// Only changes of this kind: create, deactivate, ..
    #[arg(long, value_name = "KIND")]
    kind: Option<String>,
    /// Only changes that are held
    #[arg(long)]
    held: bool,
    /// Only changes of a person or group with this in its name, of this id, or, of a text with an @,
    /// with it in their e-mail address
    #[arg(long, value_name = "TEXT")]
    search: Option<String>,
    /// Only changes with this in their reason
    #[arg(long, value_name = "TEXT")]
    because: Option<String>,
    /// Only changes of this target
    #[arg(long, value_name = "TARGET")]
    target: Option<String>,
    /// Only changes that alter this of a person: e-mail, title, ..
    #[arg(long, value_name = "FIELD")]
    field: Option<String>,
    /// How many changes
    #[arg(long, value_name = "N", default_value_t = 100)]
    limit: u32,
    /// Go on after the change of this number
    #[arg(long, value_name = "N", default_value_t = 0)]
    after: i64,
    /// All changes as comma-separated values, safe to open in a spreadsheet
    #[arg(long, conflicts_with_all = ["json", "limit", "after"])]
    csv: bool,
}

/// Which changes; all that wait where nothing is said.
#[derive(Debug, clap::Args)]
struct ChoiceArgs {
    /// Only these changes, by their numbers in `plan show`; several with commas between them
    #[arg(long, value_name = "N", value_delimiter = ',')]
    only: Vec<i64>,
    /// All but these changes
    #[arg(long, value_name = "N", value_delimiter = ',', conflicts_with = "only")]
    except: Vec<i64>,
    /// Only the changes of this cause, by its number in `plan show`
    #[arg(long, value_name = "N", conflicts_with = "only")]
    cause: Option<i64>,
    /// Why; kept in the audit log
    #[arg(long, value_name = "TEXT")]
    reason: String,
}

#[derive(Debug, clap::Args)]
pub struct ApproveArgs {
    /// The number of the plan
    plan: i64,
    #[command(flatten)]
    choice: ChoiceArgs,
    /// Run the connector at once
    #[arg(long)]
    run: bool,
}

#[derive(Debug, clap::Args)]
pub struct RejectArgs {
    /// The number of the plan
    plan: i64,
    #[command(flatten)]
    choice: ChoiceArgs,
    /// How long it lasts where the source says nothing else: 12h, 14d [default: the setting of the connector]
    #[arg(long, value_name = "DURATION", value_parser = duration)]
    until: Option<SignedDuration>,
}

#[derive(Serialize)]
struct PlanAnswer {
    id: i64,
    connector: String,
    kind: &'static str,
    run: Option<i64>,
    status: &'static str,
    made_by: String,
    made_at: String,
    expires_at: String,
    decided_by: Option<String>,
    decided_at: Option<String>,
    reason: Option<String>,
    message: String,
    /// Changes that wait for a decision, and changes that are approved and wait for a run.
    waiting: u64,
    approved: u64,
}

#[derive(Serialize)]
struct ListAnswer {
    plans: Vec<PlanAnswer>,
    /// How many rejections are in force of each connector that has any.
    rejections: Vec<RejectionsAnswer>,
}

#[derive(Serialize)]
struct RejectionsAnswer {
    connector: String,
    count: usize,
}

#[derive(Serialize)]
struct ShowAnswer {
    #[serde(flatten)]
    plan: PlanAnswer,
    report: Value,
    objections: Vec<ObjectionAnswer>,
    causes: Vec<CauseAnswer>,
    counts: Vec<CountAnswer>,
    fields: Vec<FieldAnswer>,
    changes: Vec<ChangeAnswer>,
}

#[derive(Serialize)]
struct ObjectionAnswer {
    target: Option<String>,
    kind: String,
    words: String,
}

#[derive(Serialize)]
struct CauseAnswer {
    number: i64,
    target: Option<String>,
    title: String,
    changes: i64,
}

#[derive(Serialize)]
struct CountAnswer {
    verdict: String,
    decision: String,
    kind: String,
    count: u64,
}

/// What of people so many changes alter.
#[derive(Serialize)]
pub(super) struct FieldAnswer {
    field: String,
    count: u64,
}

#[derive(Serialize)]
struct ChangeAnswer {
    number: i64,
    target: Option<String>,
    verdict: &'static str,
    /// Nothing, `approved`, `rejected` or `left-out`.
    decision: String,
    cause: Option<i64>,
    kind: String,
    external_id: Option<String>,
    username: Option<String>,
    group: Option<String>,
    change: String,
    reason: String,
    before: Value,
    after: Value,
}

#[derive(Serialize)]
struct DecisionAnswer {
    plan: i64,
    status: &'static str,
    changes: usize,
    /// How many of them wait for something that is not approved.
    stuck: usize,
    left: usize,
    until: String,
    people_accepted: Option<usize>,
    /// Whether the rules of the connector count as tried from now on.
    rules_tried: bool,
}

pub async fn run(command: Command, setup: Setup) -> Result<Exit, CliError> {
    let context = Context::open(setup).await?;
    let done = match command {
        Command::List(args) => list(&args, &context).await.map(|()| Exit::Ok),
        Command::Show(args) => show(&args, &context).await.map(|()| Exit::Ok),
        Command::Approve(args) => approve(args, &context).await,
        Command::Reject(args) => reject(args, &context).await.map(|()| Exit::Ok),
        Command::Rejections(args) => rejections::list(&args, &context).await.map(|()| Exit::Ok),
        Command::Lift(args) => rejections::lift(args, &context).await.map(|()| Exit::Ok),
    };
    context.close().await;
    done
}

async fn list(args: &ListArgs, context: &Context) -> Result<(), CliError> {
    let connector = match &args.connector {
        Some(name) => Some(connectors::find(&context.db, name).await?.id),
        None => None,
    };
    let before = args.before.map(PlanId);
    let plans = plans::list(&context.db, connector, !args.all, before, args.limit).await?;
    let remainders = plans::remainders_of(&context.db, &plans).await?;
    let left = |plan: &Plan| remainders.get(&plan.id).copied().unwrap_or_default();
    let mut by_connector: BTreeMap<String, usize> = BTreeMap::new();
    for rejection in crate::plans::rejections::list(&context.db, connector).await? {
        *by_connector.entry(rejection.connector_name).or_default() += 1;
    }
    let rejections = by_connector.into_iter();
    let rejections = rejections.map(|(connector, count)| RejectionsAnswer { connector, count });
    let plans = plans.iter().map(|it| plan_answer(it, left(it))).collect();
    let answer = ListAnswer { plans, rejections: rejections.collect() };
    context.output.answer(&answer, |answer| list_text(answer, args.all));
    Ok(())
}

async fn show(args: &ShowArgs, context: &Context) -> Result<(), CliError> {
    let plan = find(args.plan, context).await?;
    let filter = Filter {
        cause: args.cause.unwrap_or_default(),
        kind: args.kind.clone().unwrap_or_default(),
        verdict: if args.held { "held".to_owned() } else { String::new() },
        search: args.search.clone().unwrap_or_default(),
        because: args.because.clone().unwrap_or_default(),
        target: match &args.target {
            Some(name) => Some(targets::find(&context.db, name).await?.id),
            None => None,
        },
        field: args.field.clone().unwrap_or_default(),
    };
    let altered = changes::altered(&context.db, plan.id).await?;
    check_field(&filter.field, &altered, &format!("plan {}", plan.id))?;
    if args.csv {
        return csv(plan.id, &filter, context).await;
    }
    let db = &context.db;
    let page = Page { after: args.after, rows_max: i64::from(args.limit) };
    let changes = changes::list(db, plan.id, &filter, page).await?;
    let mut tx = db.snapshot().await?;
    let objections = plans::objections(&mut tx, plan.id).await?;
    drop(tx);
    let remainders = plans::remainders_of(db, slice::from_ref(&plan)).await?;
    let remainder = remainders.get(&plan.id).copied().unwrap_or_default();
    let answer = ShowAnswer {
        report: serde_json::from_str(&plan.report).unwrap_or_default(),
        objections: objections
            .into_iter()
            .map(|it| ObjectionAnswer { target: it.target_name, kind: it.kind, words: it.words })
            .collect(),
        causes: plans::causes(db, plan.id)
            .await?
            .into_iter()
            .map(|it| CauseAnswer {
                number: it.seq,
                target: it.target_name,
                title: it.title,
                changes: it.changes,
            })
            .collect(),
        counts: changes::counts(db, plan.id)
            .await?
            .into_iter()
            .map(|((verdict, decision, kind), count)| CountAnswer {
                verdict,
                decision,
                kind,
                count,
            })
            .collect(),
        fields: altered.into_iter().map(FieldAnswer::from).collect(),
        changes: changes.into_iter().map(change_answer).collect(),
        plan: plan_answer(&plan, remainder),
    };
    context.output.answer(&answer, |it| show_text(&plan, it, context));
    Ok(())
}

impl From<AlteredField> for FieldAnswer {
    fn from(AlteredField { field, changes }: AlteredField) -> FieldAnswer {
        FieldAnswer { field, count: changes }
    }
}

/// Whether a filter names a field that changes of this plan or run alter; empty is every change.
pub(super) fn check_field(field: &str, altered: &[AlteredField], of: &str) -> Result<(), CliError> {
    let field = field.trim();
    if field.is_empty() || altered.iter().any(|it| it.field.eq_ignore_ascii_case(field)) {
        return Ok(());
    }
    let known: Vec<&str> = altered.iter().map(|it| &*it.field).collect();
    Err(CliError::usage(match &*known {
        [] => format!("No change of {of} alters a field of a person."),
        known => format!("No change of {of} alters {field:?}. Altered are: {}.", known.join(", ")),
    }))
}

/// Piece by piece: a plan of a large tenant is longer than what fits.
async fn csv(plan: PlanId, filter: &Filter, context: &Context) -> Result<(), CliError> {
    let mut export = PlanExport::new(&context.db, plan, filter.clone(), Format::Csv);
    while let Some(piece) = export.next().await? {
        write(&piece);
    }
    Ok(())
}

/// A reader that went away is no failure.
fn write(bytes: &[u8]) {
    let mut stdout = io::stdout().lock();
    drop(stdout.write_all(bytes).and_then(|()| stdout.flush()));
}

async fn approve(args: ApproveArgs, context: &Context) -> Result<Exit, CliError> {
    let ApproveArgs { plan, choice, run } = args;
    let (choice, reason) = choice.into_choice();
    let act = context.act().because(&reason);
    let decision = decide::approve(&context.db, PlanId(plan), &choice, &act).await?;
    let undo = undo_of(context, &decision).await?;
    let answer = decision_answer(&decision);
    let text = approved_text(&decision, undo.as_ref().map(|(undo, _)| undo));
    if !run {
        context.output.answer(&answer, |_| text);
        return Ok(Exit::Ok);
    }
    context.output.line(&text);
    if decision.kind == PlanKind::Undo {
        // Whom it was of is not known of what earlier versions left, and everybody is too many.
        let Some((UndoOf { undone, user, may_return }, why)) = undo else {
            let sentence = format!("Plan {plan} does not tell how it is carried out, see above.");
            return Err(CliError::usage(sentence));
        };
        let undoing = Undoing { run: undone, user, may_return, seen: None };
        let reason = if why.is_empty() { reason } else { why };
        return undo::carry_out(context, &decision.connector, undoing, &reason).await;
    }
    let order = Order::new(Trigger::CommandLine, context.operator.clone());
    sync::by_person(context, &decision.connector, Order { reason, ..order }).await
}

/// What the run was to take back that left a plan, and why.
async fn undo_of(
    context: &Context,
    decision: &Decision,
) -> Result<Option<(UndoOf, String)>, CliError> {
    if decision.kind != PlanKind::Undo {
        return Ok(None);
    }
    let plan = plans::find(&context.db, decision.plan).await?;
    let Some(run) = plan.and_then(|it| it.made_by.parse().ok()) else { return Ok(None) };
    Ok(runs::undo_of(&context.db, RunId(run)).await?)
}

async fn reject(args: RejectArgs, context: &Context) -> Result<(), CliError> {
    let RejectArgs { plan, choice, until } = args;
    let (choice, reason) = choice.into_choice();
    let act = context.act().because(&reason);
    let decision = decide::reject(&context.db, PlanId(plan), &choice, until, &act).await?;
    context.output.answer(&decision_answer(&decision), |_| rejected_text(&decision));
    Ok(())
}

impl ChoiceArgs {
    fn into_choice(self) -> (Choice, String) {
        let ChoiceArgs { only, except, cause, reason } = self;
        (Choice { only, except, cause }, reason)
    }
}

async fn find(plan: i64, context: &Context) -> Result<Plan, CliError> {
    let plan = PlanId(plan);
    let found = plans::find(&context.db, plan).await?;
    found.ok_or_else(|| DecideError::Unknown(plan).into())
}

/// `12h`, `14d`: a number of minutes, hours or days.
fn duration(typed: &str) -> Result<SignedDuration, String> {
    const HOURS_MAX: i64 = 24 * 3_650;
    let typed = typed.trim();
    let refused = || "give a number of minutes, hours or days, like 30m, 12h or 14d".to_owned();
    let (number, minutes) = match typed.char_indices().next_back() {
        Some((at, 'm')) => (typed.get(..at), 1),
        Some((at, 'h')) => (typed.get(..at), 60),
        Some((at, 'd')) => (typed.get(..at), 24 * 60),
        Some(_) | None => return Err(refused()),
    };
    let number: i64 = number.and_then(|it| it.parse().ok()).ok_or_else(refused)?;
    let minutes = number.checked_mul(minutes).filter(|it| (1..=60 * HOURS_MAX).contains(it));
    minutes.map(SignedDuration::from_mins).ok_or_else(|| "that is not within ten years".to_owned())
}

fn list_text(answer: &ListAnswer, all: bool) -> String {
    let rejections = answer.rejections.iter().map(|RejectionsAnswer { connector, count }| {
        let are = if *count == 1 { "rejection is" } else { "rejections are" };
        format!("\n{count} {are} in force. {}", sync::rejections_of(connector))
    });
    let rejections: String = rejections.collect();
    if answer.plans.is_empty() {
        let nothing = "Nothing is waiting for a decision.";
        let more = if all { "" } else { " Everything else: rollcall plan list --all" };
        return format!("{nothing}{more}{rejections}");
    }
    let row = |it: &PlanAnswer| {
        [
            it.id.to_string(),
            it.connector.clone(),
            it.kind.to_owned(),
            it.run.map_or_else(|| "-".to_owned(), |run| run.to_string()),
            it.status.to_owned(),
            it.made_at.clone(),
            it.expires_at.clone(),
            it.told(),
        ]
    };
    let rows: Vec<_> = answer.plans.iter().map(row).collect();
    let table = output::table(
        ["PLAN", "CONNECTOR", "KIND", "RUN", "STATUS", "MADE", "EXPIRES", "WHAT BECAME OF IT"],
        &rows,
    );
    format!("{table}{rejections}")
}

fn show_text(plan: &Plan, answer: &ShowAnswer, context: &Context) -> String {
    let it = &answer.plan;
    let from = match (plan.kind, it.run) {
        (PlanKind::Held, Some(run)) => format!("held by run {run}"),
        (PlanKind::Undo, Some(run)) => format!("would undo run {run}, held by {}", it.made_by),
        (PlanKind::Simulated | PlanKind::Held | PlanKind::Undo, _) => {
            format!("{} by {}", plan.kind.word(), it.made_by)
        }
    };
    let mut facts = vec![
        ("Plan", it.id.to_string()),
        ("Connector", it.connector.clone()),
        ("From", format!("{from} at {}", it.made_at)),
        ("Status", format!("{} {}", it.status, it.told()).trim_end().to_owned()),
    ];
    if plan.status.is_open() {
        facts.push(("Expires", it.expires_at.clone()));
    }
    if let (Some(by), Some(at)) = (&it.decided_by, &it.decided_at) {
        let reason = it.reason.as_deref().unwrap_or_default();
        facts.push(("Decided", format!("by {by} at {at}: {reason}")));
    }
    let mut parts = vec![output::facts(&facts)];
    let told = Report::read(&plan.report);
    let mut why: Vec<String> = Vec::new();
    for objection in &answer.objections {
        let line = told.named(objection.target.as_deref(), &objection.words);
        let line = output::printable(&format!("! {line}"));
        why.push(context.output.paint(Tone::Warning, &line));
    }
    if !why.is_empty() {
        parts.push(why.join("\n"));
    }
    if !answer.causes.is_empty() {
        let row =
            |it: &CauseAnswer| [it.number.to_string(), told.named(it.target.as_deref(), &it.title)];
        let rows: Vec<_> = answer.causes.iter().map(row).collect();
        parts.push(output::table(["CAUSE", "WHAT THE HELD CHANGES HAVE IN COMMON"], &rows));
    }
    if !answer.changes.is_empty() {
        let row = |it: &ChangeAnswer| {
            let decision = if it.decision.is_empty() { it.verdict } else { &*it.decision };
            [
                it.number.to_string(),
                it.cause.map_or_else(|| "-".to_owned(), |cause| cause.to_string()),
                decision.to_owned(),
                told.named(it.target.as_deref(), &it.change),
                it.reason.clone(),
            ]
        };
        let rows: Vec<_> = answer.changes.iter().map(row).collect();
        parts.push(output::table(["NO", "CAUSE", "VERDICT", "CHANGE", "BECAUSE"], &rows));
    }
    let rejected = told.rejected();
    if 0 < rejected {
        let alone = report::left_alone(rejected);
        parts.push(format!("{alone}\n{}", sync::rejections_of(&it.connector)));
    }
    let all: u64 = answer.counts.iter().map(|it| it.count).sum();
    if let Some(last) = answer.changes.last()
        && (answer.changes.len() as u64) < all
    {
        parts.push(format!(
            "{all} changes in all. More: rollcall plan show {} --after {}",
            it.id, last.number
        ));
    }
    let waits = |it: &&CountAnswer| {
        it.verdict == "held" && (it.decision.is_empty() || it.decision == "left-out")
    };
    let waiting: u64 = answer.counts.iter().filter(waits).map(|it| it.count).sum();
    let has_objections = !answer.objections.is_empty();
    if plan.status.is_open() && has_objections && (0 < waiting || plan.decided_at.is_none()) {
        let is_empty = answer.objections.iter().any(|it| it.kind == "empty");
        parts.push(sync::way_out(plan.id, waiting, is_empty));
    }
    parts.join("\n\n")
}

fn approved_text(decision: &Decision, undo: Option<&UndoOf>) -> String {
    let Decision {
        plan,
        chosen,
        left,
        until,
        people,
        connector,
        kind,
        run,
        status: _,
        stuck: _,
        tries_rules,
    } = decision;
    let mut text = vec![format!(
        "{} of plan {plan} {} approved, until {}.",
        counted(*chosen, "change", "changes"),
        if *chosen == 1 { "is" } else { "are" },
        seconds(*until)
    )];
    text.extend(decision.stuck_words());
    if let Some(people) = people {
        text.push(format!(
            "The source is believed with {people} people or more: the next run asks for whoever is missing."
        ));
    }
    if 0 < *left {
        text.push(format!(
            "{} left out, and held again.",
            counted(*left, "change is", "changes are")
        ));
    }
    if *tries_rules {
        text.push(RULES_TRIED.to_owned());
    }
    text.push(match (kind, run) {
        (PlanKind::Undo, Some(run)) => {
            let user = undo.and_then(|it| it.user.as_deref());
            let user = user.map(|it| format!(" --user {}", shell_word(it))).unwrap_or_default();
            let may_return = undo.is_some_and(|it| it.may_return);
            let may_return = if may_return { " --may-return" } else { "" };
            format!("Release: rollcall undo {run}{user}{may_return} --yes --reason \"..\"")
        }
        (PlanKind::Undo | PlanKind::Held | PlanKind::Simulated, _) => {
            let connector = shell_quoted(connector);
            format!("Release: rollcall sync {connector}, or wait for the next run.")
        }
    });
    text.join("\n")
}

fn rejected_text(decision: &Decision) -> String {
    let mut text = vec![format!(
        "{} of plan {} {} rejected: not proposed again until the source says something else, or until {}.",
        counted(decision.chosen, "change", "changes"),
        decision.plan,
        if decision.chosen == 1 { "is" } else { "are" },
        seconds(decision.until)
    )];
    if 0 < decision.left {
        text.push(format!("{} waiting.", counted(decision.left, "change is", "changes are")));
    }
    if decision.tries_rules {
        text.push(RULES_TRIED.to_owned());
    }
    text.join("\n")
}

fn plan_answer(plan: &Plan, remainder: Remainder) -> PlanAnswer {
    let Remainder { waiting, approved } = remainder;
    let given = |text: &String| (!text.is_empty()).then(|| text.clone());
    PlanAnswer {
        id: plan.id.0,
        connector: plan.connector_name.to_string(),
        kind: plan.kind.word(),
        run: plan.run.map(|it| it.0),
        status: plan.status.word(),
        made_by: match plan.kind {
            PlanKind::Simulated => plan.made_by.clone(),
            PlanKind::Held | PlanKind::Undo => format!("run {}", plan.made_by),
        },
        made_at: seconds(plan.made_at),
        expires_at: seconds(plan.expires_at),
        decided_by: given(&plan.decided_by),
        decided_at: plan.decided_at.map(seconds),
        reason: given(&plan.reason),
        message: plan.message.clone(),
        waiting,
        approved,
    }
}

impl PlanAnswer {
    /// What became of it, or how much of it is left.
    fn told(&self) -> String {
        let PlanAnswer { waiting, approved, .. } = *self;
        format!("{} {}", self.message, Remainder { waiting, approved }).trim().to_owned()
    }
}

fn verdict(change: &PlanChange) -> &'static str {
    if change.is_held { "held" } else { "passes" }
}

fn change_answer(change: PlanChange) -> ChangeAnswer {
    let verdict = verdict(&change);
    let PlanChange {
        seq,
        target_name,
        is_held,
        decision,
        kind,
        external_id,
        username,
        group,
        words,
        reason,
        cause,
        before,
        after,
    } = change;
    ChangeAnswer {
        number: seq,
        target: target_name,
        verdict,
        decision,
        cause: is_held.then_some(cause),
        kind,
        external_id,
        username,
        group,
        change: words,
        reason,
        before: serde_json::from_str(&before).unwrap_or_default(),
        after: serde_json::from_str(&after).unwrap_or_default(),
    }
}

fn decision_answer(decision: &Decision) -> DecisionAnswer {
    DecisionAnswer {
        plan: decision.plan.0,
        status: decision.status.word(),
        changes: decision.chosen,
        stuck: decision.stuck,
        left: decision.left,
        until: decision.until.to_string(),
        people_accepted: decision.people,
        rules_tried: decision.tries_rules,
    }
}

/// ISO 8601 in UTC, to the second.
pub(super) fn seconds(at: Timestamp) -> String {
    at.strftime("%Y-%m-%dT%H:%M:%SZ").to_string()
}

impl From<DecideError> for CliError {
    fn from(error: DecideError) -> CliError {
        let exit = match error {
            DecideError::Store(error) => return error.into(),
            DecideError::Closed { .. }
            | DecideError::OtherRules { .. }
            | DecideError::Decided { .. } => Exit::PlanStale,
            DecideError::Empty => Exit::NotAllowed,
            DecideError::Unknown(_)
            | DecideError::NoReason
            | DecideError::LongReason
            | DecideError::NotHeld { .. }
            | DecideError::NoCause { .. }
            | DecideError::Nothing { .. }
            | DecideError::NothingToReject { .. }
            | DecideError::HoldsNothing { .. } => Exit::Usage,
        };
        CliError::new(exit, error.to_string())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_duration_is_a_number_of_minutes_hours_or_days() {
        assert_eq!(duration("30m"), Ok(SignedDuration::from_mins(30)));
        assert_eq!(duration(" 12h "), Ok(SignedDuration::from_hours(12)));
        assert_eq!(duration("14d"), Ok(SignedDuration::from_hours(14 * 24)));
        for typed in ["", "d", "14", "-1d", "0h", "1.5h", "14é", "99999999999999999d", "3651d"] {
            assert!(duration(typed).is_err(), "{typed:?}");
        }
    }
}
