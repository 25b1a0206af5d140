//! The tests that need the whole of Rollcall, or what surrounds it, as one binary: a test binary
//! each would link everything again.
#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::print_stderr,
    clippy::disallowed_methods,
    reason = "a test may stop where it stands, and read where its servers are from the environment"
)]

mod cli;
mod commands;
mod crowd;
mod databases;
mod flow;
mod onelogin;
mod pages;
mod running;
mod scheduler;
mod store;
