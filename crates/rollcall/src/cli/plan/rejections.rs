//! `rollcall plan rejections` and `rollcall plan lift`: what somebody said no to, and saying it no more.

use reconcile::figure::counted;
use reconcile::gate::decisions::Rejection;
use serde::Serialize;

use super::seconds;
use crate::cli::context::Context;
use crate::cli::exit::{CliError, Exit};
use crate::cli::output;
use crate::notation::shell_quoted;
use crate::plans::rejections::{self, LiftError, Which};
use crate::store::connectors;
use crate::store::plans::PlanId;
use crate::store::plans::rejections::RejectionInForce;
use crate::store::runs::RunId;

#[derive(Debug, clap::Args)]
pub struct RejectionsArgs {
    /// Only those of this connector
    connector: Option<String>,
    /// How many rejections to print; JSON has them all
    #[arg(long, value_name = "N", default_value_t = 100)]
    limit: usize,
}

#[derive(Debug, clap::Args)]
pub struct LiftArgs {
    /// The rejections, by their codes in `plan rejections`
    #[arg(value_name = "REJECTION", required_unless_present_any = ["plan", "run"])]
    rejections: Vec<String>,
    /// All that come from this plan
    #[arg(long, value_name = "PLAN", conflicts_with = "rejections")]
    plan: Option<i64>,
    /// All that come from the undo of this run
    #[arg(long, value_name = "RUN", conflicts_with_all = ["rejections", "plan"])]
    run: Option<i64>,
    /// Why; kept in the audit log
    #[arg(long, value_name = "TEXT")]
    reason: String,
}

#[derive(Serialize)]
struct Answer {
    rejections: Vec<RejectionAnswer>,
}

#[derive(Serialize)]
struct RejectionAnswer {
    rejection: String,
    connector: String,
    target: String,
    change: String,
    external_id: Option<String>,
    username: Option<String>,
    /// `plan 12`, `undo of run 42`
    from: String,
    plan: Option<i64>,
    /// Its number in the plan.
    change_number: Option<i64>,
    undo_of: Option<i64>,
    rejected_by: Option<String>,
    rejected_at: Option<String>,
    reason: Option<String>,
    until: String,
}

pub(super) async fn list(args: &RejectionsArgs, context: &Context) -> Result<(), CliError> {
    let connector = match &args.connector {
        Some(name) => Some(connectors::find(&context.db, name).await?.id),
        None => None,
    };
    let found = rejections::list(&context.db, connector).await?;
    let answer = Answer { rejections: found.into_iter().map(rejection_answer).collect() };
    context.output.answer(&answer, |answer| list_text(answer, args.limit));
    Ok(())
}

pub(super) async fn lift(args: LiftArgs, context: &Context) -> Result<(), CliError> {
    let LiftArgs { rejections: codes, plan, run, reason } = args;
    let which = match (plan, run) {
        (Some(plan), _) => Which::OfPlan(PlanId(plan)),
        (None, Some(run)) => Which::OfUndo(RunId(run)),
        (None, None) => Which::Coded(codes),
    };
    let act = context.act().because(&reason);
    let lifted = rejections::lift(&context.db, &which, &act).await?;
    let answer = Answer { rejections: lifted.into_iter().map(rejection_answer).collect() };
    context.output.answer(&answer, lifted_text);
    Ok(())
}

fn rejection_answer(rejection: RejectionInForce) -> RejectionAnswer {
    let from = rejection.from();
    let given = |text: String| (!text.is_empty()).then_some(text);
    let RejectionInForce {
        code,
        connector: _,
        connector_name,
        target: _,
        target_name,
        origin: _,
        identity: _,
        rejection: Rejection { user, state: _, rules: _ },
        username,
        words,
        until,
        said,
    } = rejection;
    RejectionAnswer {
        rejection: code,
        connector: connector_name,
        target: target_name,
        change: words,
        external_id: user.map(|it| it.to_string()),
        username,
        from,
        plan: said.plan.map(|it| it.0),
        change_number: said.seq,
        undo_of: said.undo.map(|(_, undone)| undone.0),
        rejected_by: given(said.by),
        rejected_at: said.at.map(seconds),
        reason: given(said.reason),
        until: seconds(until),
    }
}

fn list_text(answer: &Answer, limit: usize) -> String {
    let all = &answer.rejections;
    if all.is_empty() {
        return "No rejection is in force. See what waits: rollcall plan list".to_owned();
    }
    let mut parts = vec![table(all.get(..limit).unwrap_or(all))];
    if limit < all.len() {
        parts.push(format!("{} rejections in all. More: --limit {}", all.len(), all.len()));
    }
    parts.push(
        "None of this is done or proposed until then, or until the source says something else of \
         the person.\nTo lift some: rollcall plan lift REJECTION --reason \"..\", and all of a plan or of the undo \
         of a run with --plan or --run instead."
            .to_owned(),
    );
    parts.join("\n\n")
}

fn table(rejections: &[RejectionAnswer]) -> String {
    let row = |it: &RejectionAnswer| {
        [
            it.rejection.clone(),
            it.connector.clone(),
            it.target.clone(),
            it.change.clone(),
            it.from.clone(),
            it.rejected_by.clone().unwrap_or_else(|| "-".to_owned()),
            it.until.clone(),
            it.reason.clone().unwrap_or_else(|| "-".to_owned()),
        ]
    };
    let rows: Vec<_> = rejections.iter().map(row).collect();
    output::table(
        ["REJECTION", "CONNECTOR", "TARGET", "CHANGE", "FROM", "BY", "UNTIL", "WHY"],
        &rows,
    )
}

fn lifted_text(answer: &Answer) -> String {
    let lifted = &answer.rejections;
    let mut text = vec![format!(
        "{} lifted. The next run judges the {} like any other.",
        counted(lifted.len(), "rejection is", "rejections are"),
        if lifted.len() == 1 { "change" } else { "changes" },
    )];
    let mut connectors: Vec<&str> = lifted.iter().map(|it| it.connector.as_str()).collect();
    connectors.dedup();
    let see = |it: &str| {
        let connector = shell_quoted(&output::printable(it));
        format!("See what it would do: rollcall simulate {connector}")
    };
    text.extend(connectors.into_iter().map(see));
    text.join("\n")
}

impl From<LiftError> for CliError {
    fn from(error: LiftError) -> CliError {
        let exit = match error {
            LiftError::Store(error) => return error.into(),
            LiftError::Overtaken => Exit::PlanStale,
            LiftError::NoReason
            | LiftError::LongReason
            | LiftError::Unknown(_)
            | LiftError::NothingOf(_)
            | LiftError::NothingOfUndo(_) => Exit::Usage,
        };
        CliError::new(exit, error.to_string())
    }
}
