//! The command line, by the real program in a directory of its own.

mod accounts;
mod answers;
mod bad_input;
mod program;
mod schedules;
mod secrets;
mod service;
