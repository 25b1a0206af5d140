//! `rollcall run logs`: what a run tells, as it tells it.

use std::time::Duration;

use serde::Serialize;
use serde_json::Value;

use super::{LogsArgs, find, run_answer};
use crate::cli::context::Context;
use crate::cli::exit::CliError;
use crate::cli::output;
use crate::run;
use crate::store::leases;
use crate::store::runs::events::{self, RunEvent};
use crate::store::runs::{Page, Run};

/// One line of output as JSON, so that a program can read it while it goes on.
#[derive(Serialize)]
struct EventAnswer<'a> {
    number: i64,
    at: String,
    kind: &'a str,
    #[serde(flatten)]
    body: Value,
}

const POLL_EVERY: Duration = Duration::from_millis(300);
const EVENTS_PER_READ_MAX: i64 = 1000;

/// Prints from where the reader was. Whoever follows misses nothing: the end of the run is looked
/// at before what it told last.
pub(super) async fn print(args: &LogsArgs, context: &Context) -> Result<(), CliError> {
    let mut after = args.after;
    loop {
        let run = find(args.run, context).await?;
        after = print_after(&run, after, context).await?;
        if run.finished_at.is_some() {
            tell_end(&run, context);
            return Ok(());
        }
        if !args.follow {
            return Ok(());
        }
        tokio::select! {
            () = tokio::time::sleep(POLL_EVERY) => {}
            () = run::interrupted() => return Ok(()),
        }
        leases::end_abandoned(&context.db).await?;
    }
}

async fn print_after(run: &Run, mut after: i64, context: &Context) -> Result<i64, CliError> {
    loop {
        let page = Page { after, rows_max: EVENTS_PER_READ_MAX };
        let told = events::list(&context.db, run.id, page).await?;
        let Some(last) = told.last() else { return Ok(after) };
        after = last.seq;
        for event in &told {
            print_event(event, context);
        }
    }
}

fn print_event(event: &RunEvent, context: &Context) {
    let body: Value = serde_json::from_str(&event.body).unwrap_or(Value::Null);
    let at = event.at.strftime("%Y-%m-%dT%H:%M:%S%.3fZ").to_string();
    let answer = EventAnswer { number: event.seq, at, kind: &event.kind, body };
    context.output.item(&answer, |it| {
        let at = event.at.strftime("%H:%M:%S");
        output::printable(&format!("{at}  {}", sentence(it.kind, &it.body)))
    });
}

fn sentence(kind: &str, body: &Value) -> String {
    let number = |key: &str| body.get(key).and_then(Value::as_u64);
    let text = |key: &str| body.get(key).and_then(Value::as_str).unwrap_or_default();
    match kind {
        "phase" => format!("-- {} --", text("phase")),
        "progress" => format!(
            "page {} of {}, {} people",
            number("done").unwrap_or_default(),
            number("total").unwrap_or_default(),
            number("people").unwrap_or_default()
        ),
        "calls" => {
            let calls = format!("{} API calls", number("calls").unwrap_or_default());
            match (number("remaining"), number("limit")) {
                (Some(remaining), Some(limit)) => {
                    format!("{calls}; {remaining} of {limit} left this hour")
                }
                _ => calls,
            }
        }
        _ => text("text").to_owned(),
    }
}

fn tell_end(run: &Run, context: &Context) {
    let answer = run_answer(run);
    context.output.item(&answer, |it| format!("Run {} {}.", it.id, it.status));
}
