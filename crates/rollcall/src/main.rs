//! `rollcall`: parse, run, exit code.

use std::process::ExitCode;

fn main() -> ExitCode {
    let runtime =
        tokio::runtime::Runtime::new().expect("the operating system gives a process its threads");
    let exit = runtime.block_on(rollcall::cli::main(std::env::args_os()));
    // What still runs gives memory back or reads; the end of the process does that at once.
    runtime.shutdown_background();
    exit.into()
}
