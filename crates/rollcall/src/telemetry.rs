//! Logs: to standard error, for people on a terminal or as one JSON object a line.

use std::io;
use std::str::FromStr;

use tracing::level_filters::LevelFilter;
use tracing_subscriber::filter::Targets;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::{SubscriberInitExt, TryInitError};
use tracing_subscriber::{Layer, Registry, fmt};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    Human,
    Json,
}

/// What is logged when nothing is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verbosity {
    /// A command answers on standard output: its log is for what went wrong.
    Command,
    Service,
}

#[derive(Debug, thiserror::Error)]
pub enum TelemetryError {
    #[error(
        "ROLLCALL_LOG is \"{0}\", which is no level. \
         Set it to error, warn, info, debug or trace, or to a list such as `info,rollcall=debug`."
    )]
    Filter(String),
    #[error("Logging could not be set up: {0}")]
    Init(#[from] TryInitError),
}

/// Starts logging, once per process.
pub fn start(
    filter: Option<&str>,
    verbosity: Verbosity,
    format: Format,
    color: bool,
) -> Result<(), TelemetryError> {
    let targets = targets(filter, verbosity)?;
    let lines = fmt::layer().with_writer(io::stderr);
    let lines: Box<dyn Layer<Registry> + Send + Sync> = match format {
        Format::Human => lines.with_ansi(color).with_target(false).boxed(),
        Format::Json => lines.json().flatten_event(true).boxed(),
    };
    tracing_subscriber::registry().with(lines.with_filter(targets)).try_init()?;
    Ok(())
}

fn targets(filter: Option<&str>, verbosity: Verbosity) -> Result<Targets, TelemetryError> {
    if let Some(filter) = filter {
        return Targets::from_str(filter).map_err(|_| TelemetryError::Filter(filter.to_owned()));
    }
    let level = match verbosity {
        Verbosity::Command => LevelFilter::WARN,
        Verbosity::Service => LevelFilter::INFO,
    };
    // What a database says of its own work is for those who ask. A slow statement is logged with
    // all its text, which a large insert has a lot of; and a connection that came late says that the
    // machine is busy, and nothing that anybody could do about it here.
    Ok(Targets::new()
        .with_default(level)
        .with_target("sqlx", LevelFilter::WARN)
        .with_target("sqlx::pool", LevelFilter::ERROR)
        .with_target("sqlx::query", LevelFilter::ERROR))
}

#[cfg(test)]
mod tests {
    use tracing::Level;

    use super::*;

    #[test]
    fn a_level_or_a_list_of_levels_is_understood() {
        let targets = targets(Some("info,rollcall=debug"), Verbosity::Command).unwrap();
        assert!(targets.would_enable("rollcall::sync", &Level::DEBUG));
        assert!(!targets.would_enable("sqlx", &Level::DEBUG));
    }

    #[test]
    fn a_word_that_is_no_level_is_refused() {
        let refused = targets(Some("rollcall=loud"), Verbosity::Command).unwrap_err();
        assert!(refused.to_string().starts_with("ROLLCALL_LOG is \"rollcall=loud\""), "{refused}");
    }

    #[test]
    fn what_a_database_says_of_its_own_work_is_for_those_who_ask() {
        let usual = targets(None, Verbosity::Service).unwrap();
        for target in ["sqlx::query", "sqlx::pool::acquire"] {
            assert!(!usual.would_enable(target, &Level::WARN), "{target}");
            assert!(usual.would_enable(target, &Level::ERROR), "{target}");
        }
        let asked = targets(Some("info"), Verbosity::Service).unwrap();
        assert!(asked.would_enable("sqlx::pool::acquire", &Level::WARN));
    }

    #[test]
    fn a_command_logs_only_what_went_wrong() {
        let targets = targets(None, Verbosity::Command).unwrap();
        assert!(targets.would_enable("rollcall", &Level::WARN));
        assert!(!targets.would_enable("rollcall", &Level::INFO));
    }
}
