//! `rollcall`: what the library does, as a process.

use std::process::ExitCode;

fn main() -> ExitCode {
    rollcall::cli::main()
}
