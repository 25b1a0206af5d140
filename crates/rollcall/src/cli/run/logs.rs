//! `rollcall run logs`: what a run tells, as it tells it.

use serde::Serialize;
use serde_json::Value;

use super::{LogsArgs, find, run_answer};
use crate::cli::context::Context;
use crate::cli::exit::CliError;
use crate::cli::output;
use crate::run;
use crate::run::follow::{Follower, News};
use crate::store::runs::Run;
use crate::store::runs::events::RunEvent;

/// One line of output as JSON, so that a program can read it while it goes on.
#[derive(Serialize)]
struct EventAnswer<'a> {
    number: i64,
    at: String,
    kind: &'a str,
    #[serde(flatten)]
    body: Value,
}

/// Prints from where the reader was. Whoever follows misses nothing.
pub(super) async fn print(args: &LogsArgs, context: &Context) -> Result<(), CliError> {
    let run = find(args.run, context).await?;
    let mut follower = Follower::new(&context.db, run.id, args.after);
    loop {
        let news = if args.follow {
            tokio::select! {
                news = follower.next() => news?,
                () = run::interrupted() => return Ok(()),
            }
        } else {
            follower.at_once().await?
        };
        match news {
            Some(News::Events(events)) => {
                for event in &events {
                    print_event(event, context);
                }
            }
            Some(News::Ended(run)) => tell_end(&run, context),
            None => return Ok(()),
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
