//! The command line: one file per noun, and what they share.

pub mod account;
pub mod audit;
pub mod completions;
pub mod connector;
pub mod context;
pub mod cron;
pub mod demo;
pub mod exit;
pub mod group;
pub mod init;
pub mod output;
pub mod plan;
pub mod progress;
pub mod retention;
pub mod run;
pub mod sandbox;
pub mod serve;
pub mod sync;
pub mod target;
pub mod undo;
pub mod user;
pub mod version;

use std::ffi::OsString;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::error::ErrorKind;
use clap::{CommandFactory, Parser, Subcommand, ValueEnum};
use reconcile::principal::{Name, fold};

use crate::cli::context::Setup;
use crate::cli::exit::{CliError, Exit};
use crate::cli::output::Output;
use crate::config::{self, Config, Environment, Flags};
use crate::http;
use crate::secret::Secret;
use crate::telemetry::{self, Format, Verbosity};

/// Keeps the users and groups of Atlassian products equal to an identity provider
#[derive(Debug, Parser)]
#[command(name = "rollcall", version, propagate_version = false, max_term_width = 100)]
struct Cli {
    #[command(flatten)]
    shared: Shared,
    #[command(subcommand)]
    command: Command,
}

/// What every command understands.
#[derive(Debug, clap::Args)]
#[command(next_help_heading = "Everywhere")]
struct Shared {
    /// Answer with one JSON object
    #[arg(long, global = true)]
    json: bool,
    /// No colours (or `NO_COLOR`)
    #[arg(long, global = true)]
    no_color: bool,
    /// Where data is kept (or `ROLLCALL_DATA_DIR`; otherwise ~/.local/share/rollcall)
    #[arg(long, global = true, value_name = "DIR")]
    data_dir: Option<PathBuf>,
    /// Keep data in PostgreSQL: postgres://.. (or `ROLLCALL_DATABASE_URL`)
    #[arg(long, global = true, value_name = "URL")]
    database_url: Option<String>,
    /// A file that holds the database URL (or `ROLLCALL_DATABASE_URL_FILE`)
    #[arg(long, global = true, value_name = "FILE", conflicts_with = "database_url")]
    database_url_file: Option<PathBuf>,
    /// The key that seals secrets (or `ROLLCALL_KEY_FILE`; otherwise `key` in the data directory)
    #[arg(long, global = true, value_name = "FILE")]
    key_file: Option<PathBuf>,
    /// Allow base URLs on this machine, and plain http to them (or `ROLLCALL_ALLOW_LOOPBACK`)
    #[arg(long, global = true)]
    allow_loopback: bool,
    /// How to log (or `ROLLCALL_LOG_FORMAT`)
    #[arg(long, global = true, value_enum, value_name = "FORMAT")]
    log_format: Option<LogFormat>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum LogFormat {
    Human,
    Json,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Make the data directory, the key and the database
    Init(init::Args),
    /// Show the main job on made-up people, with nothing to set up
    Demo(demo::Args),
    /// Run the service
    Serve(serve::Args),
    /// Configured sources
    #[command(subcommand)]
    Connector(connector::Command),
    /// Directories that connectors keep equal
    #[command(subcommand)]
    Target(target::Command),
    /// Show what a sync would do, and change nothing
    Simulate(sync::SimulateArgs),
    /// Make the targets of a connector equal to its source
    Sync(sync::SyncArgs),
    /// What waits for a decision
    #[command(subcommand)]
    Plan(plan::Command),
    /// Take back what a run did
    Undo(undo::Args),
    /// People
    #[command(subcommand)]
    User(user::Command),
    /// Groups and who is in them
    #[command(subcommand)]
    Group(group::Command),
    /// What was done, and what became of it
    #[command(subcommand)]
    Run(run::Command),
    /// Who did what, from where and when
    #[command(subcommand)]
    Audit(audit::Command),
    /// How long runs are remembered
    #[command(subcommand)]
    Retention(retention::Command),
    /// What an expression of a schedule means
    #[command(subcommand)]
    Cron(cron::Command),
    /// Who may sign in to the pages
    #[command(subcommand)]
    Account(account::Command),
    /// Made-up identity providers to try things with
    #[command(subcommand)]
    Sandbox(sandbox::Command),
    /// Print a script that completes commands and flags
    Completions(completions::Args),
    /// Print the version
    Version,
}

/// Runs the command line of this process from its beginning to its end.
///
/// Neither generic nor async: a crate that awaits a future compiles all of it once more, and the
/// binary would take as long to build as the library.
pub fn main() -> ExitCode {
    let runtime =
        tokio::runtime::Runtime::new().expect("the operating system gives a process its threads");
    let exit = runtime.block_on(carry_out(std::env::args_os().collect()));
    // What still runs gives memory back or reads; the end of the process does that at once.
    runtime.shutdown_background();
    exit.into()
}

/// Runs one command line, and tells how the process is to end.
async fn carry_out(arguments: Vec<OsString>) -> Exit {
    let wants_json = arguments.iter().any(|it| it == "--json");
    let cli = match Cli::try_parse_from(arguments) {
        Ok(cli) => cli,
        Err(error) => return refuse(&error, wants_json),
    };
    // Known before anything can go wrong, so that even a bad environment is told as asked for.
    let plain = Output { json: cli.shared.json, color: false };
    let environment = match Environment::read() {
        Ok(environment) => environment,
        Err(error) => return fail(plain, &error.into()),
    };
    let output = Output { color: wants_color(&cli.shared, &environment), ..plain };
    match Box::pin(dispatch(cli, environment, output)).await {
        Ok(exit) => exit,
        Err(error) => fail(output, &error),
    }
}

async fn dispatch(cli: Cli, environment: Environment, output: Output) -> Result<Exit, CliError> {
    http::install_crypto();
    let Cli { shared, command } = cli;
    start_logs(&shared, &command, &environment)?;
    // Not every command has or needs a place for data.
    let setup = |shared, environment| -> Result<Setup, CliError> {
        let config = Config::new(&flags(shared), &environment)?;
        Ok(Setup { config, environment, output })
    };
    match command {
        Command::Init(args) => init::run(&args, setup(shared, environment)?).await?,
        Command::Demo(args) => {
            let folder = demo::Folder::new(shared.data_dir.clone())?;
            return demo::run(args, &folder, setup(shared, environment)?).await;
        }
        Command::Serve(args) => serve::run(args, setup(shared, environment)?).await?,
        Command::Connector(command) => {
            return Box::pin(connector::run(command, setup(shared, environment)?)).await;
        }
        Command::Target(command) => target::run(command, setup(shared, environment)?).await?,
        Command::Simulate(args) => return sync::simulate(args, setup(shared, environment)?).await,
        Command::Sync(args) => return sync::sync(args, setup(shared, environment)?).await,
        Command::Plan(command) => return plan::run(command, setup(shared, environment)?).await,
        Command::Undo(args) => return undo::run(args, setup(shared, environment)?).await,
        Command::User(command) => return user::run(command, setup(shared, environment)?).await,
        Command::Group(command) => group::run(command, setup(shared, environment)?).await?,
        Command::Run(command) => {
            return Box::pin(run::run(command, setup(shared, environment)?)).await;
        }
        Command::Audit(command) => {
            return Box::pin(audit::run(command, setup(shared, environment)?)).await;
        }
        Command::Retention(command) => {
            Box::pin(retention::run(command, setup(shared, environment)?)).await?;
        }
        Command::Cron(command) => cron::run(&command, output)?,
        Command::Account(command) => {
            Box::pin(account::run(command, setup(shared, environment)?)).await?;
        }
        Command::Sandbox(command) => sandbox::run(command, output).await?,
        Command::Completions(args) => completions::run(&args, Cli::command(), output),
        Command::Version => version::run(output),
    }
    Ok(Exit::Ok)
}

/// Refuses what would lose something, unless its name was typed again.
pub fn confirm(noun: &str, name: &Name, typed: Option<&str>, loss: &str) -> Result<(), CliError> {
    if typed.is_some_and(|it| *fold(it.trim()) == *name.folded()) {
        return Ok(());
    }
    let sentence =
        format!("Nothing was deleted. {loss} To delete the {noun}, add --confirm \"{name}\".");
    Err(CliError::usage(sentence))
}

fn flags(shared: Shared) -> Flags {
    Flags {
        data_dir: shared.data_dir,
        database_url: shared.database_url.map(Secret::new),
        database_url_file: shared.database_url_file,
        key_file: shared.key_file,
        allow_loopback: shared.allow_loopback,
    }
}

fn start_logs(
    shared: &Shared,
    command: &Command,
    environment: &Environment,
) -> Result<(), CliError> {
    let verbosity = match command {
        Command::Serve(_) | Command::Demo(_) | Command::Sandbox(_) => Verbosity::Service,
        Command::Init(_)
        | Command::Connector(_)
        | Command::Target(_)
        | Command::Simulate(_)
        | Command::Sync(_)
        | Command::Plan(_)
        | Command::Undo(_)
        | Command::User(_)
        | Command::Group(_)
        | Command::Run(_)
        | Command::Audit(_)
        | Command::Retention(_)
        | Command::Cron(_)
        | Command::Account(_)
        | Command::Completions(_)
        | Command::Version => Verbosity::Command,
    };
    let format = match shared.log_format {
        Some(format) => format,
        None => log_format_of(environment)?,
    };
    let format = match format {
        LogFormat::Human => Format::Human,
        LogFormat::Json => Format::Json,
    };
    let color = output::is_watched() && wants_color(shared, environment);
    telemetry::start(environment.value(config::LOG), verbosity, format, color)?;
    Ok(())
}

/// As the environment says; otherwise text for a person, and JSON for whatever collects it.
fn log_format_of(environment: &Environment) -> Result<LogFormat, CliError> {
    match environment.value(config::LOG_FORMAT) {
        Some("human") => Ok(LogFormat::Human),
        Some("json") => Ok(LogFormat::Json),
        Some(other) => Err(CliError::new(
            Exit::ConfigurationInvalid,
            format!("ROLLCALL_LOG_FORMAT is \"{other}\". Set it to human or json."),
        )),
        None if output::is_watched() => Ok(LogFormat::Human),
        None => Ok(LogFormat::Json),
    }
}

fn wants_color(shared: &Shared, environment: &Environment) -> bool {
    let is_refused = shared.no_color || environment.value(config::NO_COLOR).is_some();
    let is_dumb = environment.value(config::TERM) == Some("dumb");
    !is_refused && !is_dumb && output::is_read()
}

/// A command line that cannot be understood, or one that only asks for help.
/// What clap says of a command line that it cannot read. Nothing is parsed, so whether JSON was asked
/// for is looked up by hand.
fn refuse(error: &clap::Error, wants_json: bool) -> Exit {
    let is_asked_for = matches!(error.kind(), ErrorKind::DisplayHelp | ErrorKind::DisplayVersion);
    if wants_json && !is_asked_for {
        let text = error.to_string();
        let sentence = text.trim_start_matches("error: ").trim_end();
        return fail(Output { json: true, color: false }, &CliError::usage(sentence));
    }
    // Standard output for help that was asked for, standard error otherwise.
    if error.print().is_err() {
        return Exit::Failed;
    }
    if is_asked_for { Exit::Ok } else { Exit::Usage }
}

fn fail(output: Output, error: &CliError) -> Exit {
    output.error(error);
    error.exit
}

#[cfg(test)]
mod guides;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_commands_and_flags_do_not_contradict_each_other() {
        Cli::command().debug_assert();
    }
}
