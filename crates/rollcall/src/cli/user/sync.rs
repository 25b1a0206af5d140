//! `rollcall user sync`: one person brought up to date.

use reconcile::plan::Step;
use serde::Serialize;

use super::SyncArgs;
use crate::cli::context::Context;
use crate::cli::exit::{CliError, Exit};
use crate::cli::output::{self, Output, Tone};
use crate::notation::shell_quoted;
use crate::people::one::{self, Leavers, OnePerson};
use crate::run::{Order, Ready, Task};
use crate::store::runs::{Status, Trigger};
use crate::sync::{TargetDecision, report};

#[derive(Serialize)]
struct Answer<'a> {
    connector: &'a str,
    external_id: String,
    onelogin_id: String,
    /// Absent where nothing was done.
    run: Option<i64>,
    status: Option<&'static str>,
    message: String,
    applied: Vec<String>,
    held: Vec<String>,
    /// What is not done because somebody rejected it.
    rejected: Vec<String>,
    objections: Vec<String>,
    /// What a full run would do of somebody who is gone or takes no part.
    left_to_a_run: Vec<String>,
    findings: Vec<String>,
    api_calls: u64,
}

pub(super) async fn run(args: &SyncArgs, context: &Context) -> Result<Exit, CliError> {
    if args.user.trim().is_empty() || args.user.contains('*') {
        return Err(CliError::usage("Name one person: a username, an e-mail, or a OneLogin id."));
    }
    let engine = context.engine();
    let ready = Ready::open(&engine, &args.connector).await?;
    let leavers = if args.cleanup { Leavers::CleanUp } else { Leavers::Wait };
    let (person, ended) = if args.simulate {
        (Box::pin(one::simulate(&context.db, &ready, &args.user, leavers)).await?, None)
    } else {
        let actor = context.operator.clone();
        let order = Order {
            trigger: Trigger::CommandLine,
            actor,
            retry_of: None,
            slot: None,
            task: Task::Sync,
            reason: String::new(),
        };
        let synced =
            Box::pin(one::sync(&engine, &ready, &args.user, leavers, &order, None)).await?;
        (synced.person, Some((synced.run, synced.status, synced.message)))
    };
    let calls = ready.source.calls().total();
    let message = match &ended {
        Some((_, _, message)) => message.clone(),
        None => "Nothing was changed.".to_owned(),
    };
    let answer = Answer {
        run: ended.as_ref().map(|it| it.0.0),
        status: ended.as_ref().map(|it| it.1.word()),
        ..answer(ready.connector.name.as_str(), &person, message, calls)
    };
    context.output.answer(&answer, |answer| text(answer, context.output));
    let is_held =
        !answer.objections.is_empty() || ended.is_some_and(|(_, status, _)| status == Status::Held);
    Ok(if is_held { Exit::HeldForApproval } else { Exit::Ok })
}

fn answer<'a>(
    connector: &'a str,
    person: &OnePerson,
    message: String,
    api_calls: u64,
) -> Answer<'a> {
    let OnePerson { id, source_id, absence: _, explanations: _, left_to_a_run, decision } = person;
    let told = |steps: &[Step]| {
        steps.iter().map(|it| format!("{} ({})", it.change, it.reason)).collect::<Vec<_>>()
    };
    // Of several targets each line says which it is about.
    let of_each = |lines: &dyn Fn(&TargetDecision) -> Vec<String>| -> Vec<String> {
        let named = |target| lines(target).into_iter().map(move |it| (target, it));
        let all = decision.targets.iter().flat_map(named);
        all.map(|(target, it)| report::named(decision, target, it)).collect()
    };
    let objections =
        |it: &TargetDecision| it.held.objections.iter().map(ToString::to_string).collect();
    Answer {
        connector,
        external_id: id.to_string(),
        onelogin_id: source_id.to_string(),
        run: None,
        status: None,
        message,
        applied: of_each(&|it| told(it.approved.steps())),
        held: of_each(&|it| told(&it.held.steps)),
        rejected: of_each(&|it| told(&it.held.rejected)),
        objections: of_each(&objections),
        left_to_a_run: told(left_to_a_run),
        findings: report::findings(decision).map(|it| it.message.clone()).collect(),
        api_calls,
    }
}

fn text(answer: &Answer<'_>, output: Output) -> String {
    let mut text = vec![output.paint(Tone::Strong, &format!("OneLogin id {}", answer.onelogin_id))];
    let mut tell = |title: &str, lines: &[String]| {
        if !lines.is_empty() {
            text.push(title.to_owned());
            text.extend(lines.iter().map(|it| output::printable(&format!("  {it}"))));
        }
    };
    let is_simulated = answer.run.is_none();
    tell(if is_simulated { "Would change:" } else { "Changed:" }, &answer.applied);
    tell("Held for approval:", &answer.held);
    tell("Because:", &answer.objections);
    tell("Left alone, because somebody rejected it:", &answer.rejected);
    tell("A full run would do (or --cleanup does it now):", &answer.left_to_a_run);
    tell("Findings:", &answer.findings);
    let end = match (answer.run, answer.status) {
        (Some(run), Some(status)) => format!("Run {run} {status}. {}", answer.message),
        (Some(_) | None, _) => answer.message.clone(),
    };
    text.push(end);
    let name = shell_quoted(answer.connector);
    if !answer.held.is_empty() || !answer.objections.is_empty() {
        text.push(output::printable(&format!(
            "One person alone makes no plan to decide over. Look at it among all: rollcall simulate {name}, \
             and approve that plan, or that of the next run: rollcall sync {name}"
        )));
    }
    if !answer.rejected.is_empty() {
        text.push(output::printable(&format!(
            "Who rejected it, why, and how to lift it: rollcall plan rejections {name}"
        )));
    }
    text.push(format!("{} API calls used.", answer.api_calls));
    text.join("\n")
}
