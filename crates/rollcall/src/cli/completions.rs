//! `rollcall completions`: a script that completes commands and flags.

use clap_complete::Shell;
use serde::Serialize;

use crate::cli::output::Output;

#[derive(Debug, clap::Args)]
pub struct Args {
    /// The shell that the script is for
    #[arg(value_enum)]
    shell: Shell,
}

#[derive(Serialize)]
struct Answer {
    shell: String,
    script: String,
}

pub fn run(args: &Args, mut command: clap::Command, output: Output) {
    let mut script = Vec::new();
    clap_complete::generate(args.shell, &mut command, "rollcall", &mut script);
    let script = String::from_utf8_lossy(&script).into_owned();
    output.answer(&Answer { shell: args.shell.to_string(), script }, |it| it.script.clone());
}
