//! `rollcall connector test`: tries everything that a sync needs, and changes nothing.

use std::time::{Duration, Instant};

use serde::Serialize;

use crate::cli::context::Context;
use crate::cli::exit::{CliError, Exit};
use crate::cli::output::{Output, Tone, printable};
use crate::run;
use crate::source::onelogin::report::{CheckStep, CheckWord, Checklist};
use crate::store::connectors;

#[derive(Debug, clap::Args)]
pub struct TestArgs {
    name: String,
}

#[derive(Serialize)]
struct Answer {
    connector: String,
    usable: bool,
    warnings: usize,
    api_calls: u64,
    took_ms: u128,
    steps: Vec<StepAnswer>,
}

#[derive(Serialize)]
struct StepAnswer {
    name: &'static str,
    result: &'static str,
    text: String,
    fix: Option<String>,
    took_ms: Option<u128>,
}

pub(super) async fn run(args: &TestArgs, context: &Context) -> Result<(), CliError> {
    let connector = connectors::find(&context.db, &args.name).await?;
    // Before anything is printed: an error is no answer.
    let source = context.source(&connector).await?;
    let output = context.output;
    output.line(&format!("Test connection - {}", connector.name));
    let began = Instant::now();
    let told = |step: &CheckStep| output.line(&step_text(step, output));
    let checklist = run::check(&context.db, connector.id, &source, &told).await;
    let took = began.elapsed();
    let answer = Answer {
        connector: connector.name.to_string(),
        usable: checklist.is_usable(),
        warnings: checklist.count(CheckWord::Warning),
        api_calls: checklist.calls,
        took_ms: took.as_millis(),
        steps: checklist.steps.iter().map(step_answer).collect(),
    };
    output.answer(&answer, |_| result_text(&checklist, took));
    if checklist.is_usable() {
        return Ok(());
    }
    let failed = checklist.steps.iter().find(|it| it.word == CheckWord::Failed);
    let first = failed.map_or("a step failed", |it| it.name);
    Err(CliError::new(
        Exit::SourceUnreachable,
        format!("The connector \"{}\" cannot be used yet: see \"{first}\" above.", connector.name),
    ))
}

fn step_answer(step: &CheckStep) -> StepAnswer {
    let CheckStep { name, word, text, fix, took } = step;
    StepAnswer {
        name,
        result: word.word(),
        text: text.clone(),
        fix: fix.clone(),
        took_ms: took.map(|it| it.as_millis()),
    }
}

fn step_text(step: &CheckStep, output: Output) -> String {
    let CheckStep { name, word, text, fix, took } = step;
    let (mark, tone) = match word {
        CheckWord::Ok => ("(v)", Tone::Good),
        CheckWord::Warning => ("(!)", Tone::Warning),
        CheckWord::Failed => ("(x)", Tone::Bad),
        CheckWord::NotTried => ("(-)", Tone::Quiet),
    };
    let took = took.map(|it| format!("  {} ms", it.as_millis())).unwrap_or_default();
    let mark = output.paint(tone, mark);
    let word = match word {
        CheckWord::NotTried => "not tried, ",
        CheckWord::Ok | CheckWord::Warning | CheckWord::Failed => "",
    };
    let line = format!(" {mark} {name:<24}  {word}{}{took}", printable(text));
    match fix {
        Some(fix) => format!("{line}\n     {:<24}  Fix: {}", "", printable(fix)),
        None => line,
    }
}

fn result_text(checklist: &Checklist, took: Duration) -> String {
    let warnings = match checklist.count(CheckWord::Warning) {
        0 => String::new(),
        1 => " with 1 warning".to_owned(),
        more => format!(" with {more} warnings"),
    };
    let usable = if checklist.is_usable() { "usable" } else { "not usable" };
    let calls = checklist.calls;
    format!("Result: {usable}{warnings}. {calls} API calls used, {:.1} s.", took.as_secs_f64())
}
