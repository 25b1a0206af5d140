//! `rollcall retention`: how long runs are remembered.

use clap::value_parser;
use serde::Serialize;

use crate::cli::context::{Context, Setup};
use crate::cli::exit::CliError;
use crate::cli::output;
use crate::store::retention::{self, DAYS_MAX, DAYS_MIN, Pruned, ROWS_MIN, Retention};

#[derive(Debug, clap::Subcommand)]
pub enum Command {
    /// Show how long runs are remembered
    Show,
    /// Change it; what is not named stays as it is
    Edit(EditArgs),
    /// Forget now what is too old or too much; the service does it once a day
    Prune,
}

#[derive(Debug, clap::Args)]
pub struct EditArgs {
    /// Runs with their changes, findings and plans, in days [default: 365]
    #[arg(long, value_name = "N",
          value_parser = value_parser!(u32).range(i64::from(DAYS_MIN)..=i64::from(DAYS_MAX)))]
    days: Option<u32>,
    /// The lines that a run tells while it is under way, in days [default: 90]
    #[arg(long, value_name = "N",
          value_parser = value_parser!(u32).range(i64::from(DAYS_MIN)..=i64::from(DAYS_MAX)))]
    log_days: Option<u32>,
    /// What simulations showed, in days [default: 30]
    #[arg(long, value_name = "N",
          value_parser = value_parser!(u32).range(i64::from(DAYS_MIN)..=i64::from(DAYS_MAX)))]
    simulation_days: Option<u32>,
    /// Changes, findings and lines of all runs and plans together [default: 5000000]
    #[arg(long, value_name = "N", value_parser = value_parser!(u32).range(i64::from(ROWS_MIN)..))]
    rows: Option<u32>,
}

#[derive(Serialize)]
struct RetentionAnswer {
    days: u32,
    log_days: u32,
    simulation_days: u32,
    rows: u32,
}

#[derive(Serialize)]
struct PruneAnswer {
    runs: u64,
    plans: u64,
    rows: u64,
}

pub async fn run(command: Command, setup: Setup) -> Result<(), CliError> {
    let context = Context::open(setup).await?;
    let done = match command {
        Command::Show => show(&context).await,
        Command::Edit(args) => edit(&args, &context).await,
        Command::Prune => prune(&context).await,
    };
    context.close().await;
    done
}

async fn show(context: &Context) -> Result<(), CliError> {
    let Retention { days_max, log_days_max, simulation_days_max, rows_max } =
        retention::load(&context.db).await?;
    let answer = RetentionAnswer {
        days: days_max,
        log_days: log_days_max,
        simulation_days: simulation_days_max,
        rows: rows_max,
    };
    context.output.answer(&answer, |it| {
        output::facts(&[
            ("Runs, changes, findings", format!("{} days", it.days)),
            ("Lines of runs", format!("{} days", it.log_days)),
            ("Simulations", format!("{} days", it.simulation_days)),
            ("At most", format!("{} rows", it.rows)),
            ("Always kept", "the last run of each connector, and the last good one".to_owned()),
            ("Audit log", "for ever".to_owned()),
        ])
    });
    Ok(())
}

async fn edit(args: &EditArgs, context: &Context) -> Result<(), CliError> {
    let before = retention::load(&context.db).await?;
    let after = Retention {
        days_max: args.days.unwrap_or(before.days_max),
        log_days_max: args.log_days.unwrap_or(before.log_days_max),
        simulation_days_max: args.simulation_days.unwrap_or(before.simulation_days_max),
        rows_max: args.rows.unwrap_or(before.rows_max),
    };
    retention::save(&context.db, after, &context.act()).await?;
    show(context).await
}

async fn prune(context: &Context) -> Result<(), CliError> {
    let now = context.db.now().await?;
    let pruned = retention::prune(&context.db, now, &context.act()).await?;
    let Pruned { runs, plans, rows } = pruned;
    context.output.answer(&PruneAnswer { runs, plans, rows }, |it| {
        format!("{} runs, {} plans and {} rows are forgotten.", it.runs, it.plans, it.rows)
    });
    Ok(())
}
