//! `rollcall version`.

use serde::Serialize;

use crate::cli::output::Output;

#[derive(Serialize)]
struct Answer {
    version: &'static str,
}

pub fn run(output: Output) {
    let answer = Answer { version: env!("CARGO_PKG_VERSION") };
    output.answer(&answer, |it| format!("rollcall {}", it.version));
}
