//! `rollcall`: parse, run, exit code.

use std::process::ExitCode;

#[tokio::main]
async fn main() -> ExitCode {
    rollcall::cli::main(std::env::args_os()).await.into()
}
