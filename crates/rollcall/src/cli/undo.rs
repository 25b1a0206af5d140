//! `rollcall undo`: taking back what a run did.

use serde::Serialize;

use crate::cli::context::{Context, Setup};
use crate::cli::exit::{CliError, Exit};
use crate::cli::output;
use crate::cli::sync;
use crate::plans::undo::{self, Undoing};
use crate::run::{Order, Ready, Task};
use crate::store::runs::{RunId, Trigger};
use crate::sync::{Decision, report};

#[derive(Debug, clap::Args)]
pub struct Args {
    /// The number of the run, as `run list` shows it
    run: i64,
    /// Only what was done to this person, by username, e-mail or id
    #[arg(long, value_name = "WHO")]
    user: Option<String>,
    /// Do it; without this, it is only shown
    #[arg(long, requires = "reason")]
    yes: bool,
    /// Why; kept in the audit log
    #[arg(long, value_name = "TEXT")]
    reason: Option<String>,
    /// Let the next run do it again where the source still wants it
    #[arg(long)]
    may_return: bool,
    /// How many changes and findings to print; JSON has them all
    #[arg(long, value_name = "N", default_value_t = 40)]
    limit: usize,
}

#[derive(Serialize)]
struct UndoAnswer {
    undo_of: i64,
    connector: String,
    targets: Vec<TargetAnswer>,
    /// What cannot be undone, and why.
    findings: Vec<String>,
}

#[derive(Serialize)]
struct TargetAnswer {
    target: Option<String>,
    objections: Vec<String>,
    passes: Vec<String>,
    held: Vec<String>,
}

pub async fn run(args: Args, setup: Setup) -> Result<Exit, CliError> {
    let context = Context::open(setup).await?;
    let done = show_or_do(args, &context).await;
    context.close().await;
    done
}

async fn show_or_do(args: Args, context: &Context) -> Result<Exit, CliError> {
    let run = undo::find(&context.db, RunId(args.run)).await?;
    let Args { user, may_return, .. } = args;
    let undoing = Undoing { run: run.id, user, may_return, seen: None };
    let reason = args.reason.as_deref().unwrap_or_default().trim();
    if args.yes && reason.is_empty() {
        return Err(CliError::usage("Say why: give a --reason. It is kept in the audit log."));
    }
    let ready = Ready::open(&context.engine(), run.connector_name.as_str()).await?;
    // What cannot be taken back is no run of the history.
    let decision = undo::decide(ready.job(&context.db), &undoing, &|_| ()).await?;
    if args.yes {
        return carry_out(context, run.connector_name.as_str(), undoing, reason).await;
    }
    let answer = answer(&decision, &undoing, run.connector_name.as_str());
    context.output.answer(&answer, |answer| text(answer, &undoing, args.limit));
    let is_held = decision.targets.iter().any(|it| !it.held.is_empty());
    Ok(if is_held { Exit::HeldForApproval } else { Exit::Ok })
}

/// Takes back what a run did, as a run of its own.
pub(super) async fn carry_out(
    context: &Context,
    connector: &str,
    undoing: Undoing,
    reason: &str,
) -> Result<Exit, CliError> {
    let order = Order::new(Trigger::Undo, context.operator.clone());
    let order = Order { task: Task::Undo(undoing), reason: reason.to_owned(), ..order };
    sync::by_person(context, connector, order).await
}

fn answer(decision: &Decision, undoing: &Undoing, connector: &str) -> UndoAnswer {
    let targets = decision.targets.iter().map(|it| TargetAnswer {
        target: it.target.as_ref().map(|it| it.name.to_string()),
        objections: it.held.objections.iter().map(ToString::to_string).collect(),
        passes: it.approved.steps().iter().map(|it| it.change.to_string()).collect(),
        held: it.held.steps.iter().map(|it| it.change.to_string()).collect(),
    });
    UndoAnswer {
        undo_of: undoing.run.0,
        connector: connector.to_owned(),
        targets: targets.collect(),
        findings: report::findings(decision).map(|it| it.message.clone()).collect(),
    }
}

fn text(answer: &UndoAnswer, undoing: &Undoing, limit: usize) -> String {
    let run = undoing.run;
    let mut text = vec![format!("What would undo run {run}:")];
    let mut lines = Vec::new();
    let are_several = 1 < answer.targets.len();
    for target in &answer.targets {
        let TargetAnswer { target: name, objections, passes, held } = target;
        let is_any = !(passes.is_empty() && held.is_empty() && objections.is_empty());
        let name = name.iter().filter(|_| are_several && is_any);
        lines.extend(name.map(|name| format!("Target {name}:")));
        lines.extend(target.passes.iter().map(|it| format!("  {it}")));
        lines.extend(target.held.iter().map(|it| format!("  ! held  {it}")));
        lines.extend(target.objections.iter().map(|it| format!("  ! {it}")));
    }
    if lines.is_empty() {
        lines.push("  Nothing: everything is as it was before, or was changed since.".to_owned());
    }
    lines.extend(answer.findings.iter().map(|it| format!("  {it}")));
    text.extend(lines.iter().take(limit).map(|it| output::printable(it)));
    if limit < lines.len() {
        text.push(format!("  .. and more, {} lines in all (--json has them)", lines.len()));
    }
    text.push(String::new());
    text.push(if undoing.may_return {
        "The next run does it again where the source still wants it.".to_owned()
    } else {
        "What the source still wants is then not done again until the source says something else of \
         the person. To let the next run do it again, add --may-return."
            .to_owned()
    });
    let user = undoing.user.as_ref().map_or(String::new(), |user| format!(" --user \"{user}\""));
    text.push(format!("Do it: rollcall undo {run}{user} --yes --reason \"..\""));
    text.push("Nothing was changed.".to_owned());
    text.join("\n")
}
