//! `rollcall cron`: what an expression means, with nothing set up and nothing read.

use jiff::Timestamp;
use serde::Serialize;

use crate::cli::exit::CliError;
use crate::cli::output::{self, Output};
use crate::schedule::{self, Preview};
use crate::store::connectors::settings::schedule::ScheduleSettings;

#[derive(Debug, clap::Subcommand)]
pub enum Command {
    /// Tell an expression as a sentence, its next times, and what clock changes do to it
    Explain(ExplainArgs),
}

#[derive(Debug, clap::Args)]
pub struct ExplainArgs {
    /// Five fields ("0 2 * * *"), or six to seven with seconds first ("0 0/15 * * * ?")
    expression: String,
    /// The IANA time zone whose clocks count
    #[arg(long, visible_alias = "time-zone", value_name = "ZONE", default_value = "UTC")]
    tz: String,
    /// How many of the next times
    #[arg(long, value_name = "N", default_value_t = 5,
          value_parser = clap::value_parser!(u16).range(0..=1000))]
    next: u16,
    /// After which instant; now, unless it is given: 2026-10-25T00:00:00Z
    #[arg(long, value_name = "INSTANT")]
    after: Option<Timestamp>,
}

/// A schedule as answers tell it.
#[derive(Serialize)]
pub(super) struct PreviewAnswer {
    pub(super) expression: String,
    pub(super) time_zone: String,
    pub(super) sentence: String,
    /// `15m`, where an interval of the choices means the same.
    pub(super) every: Option<String>,
    pub(super) next: Vec<String>,
    pub(super) clock_changes: Vec<String>,
    pub(super) runs_per_day: usize,
}

pub fn run(command: &Command, output: Output) -> Result<(), CliError> {
    let Command::Explain(args) = command;
    let settings = ScheduleSettings {
        expression: args.expression.clone(),
        time_zone: args.tz.clone(),
        ..ScheduleSettings::default()
    };
    let after = args.after.unwrap_or_else(Timestamp::now);
    let preview = schedule::preview(&settings, after, usize::from(args.next));
    let preview = preview.map_err(|error| CliError::usage(error.why))?;
    output.answer(&PreviewAnswer::new(&preview), |_| text(&preview));
    Ok(())
}

impl PreviewAnswer {
    pub(super) fn new(preview: &Preview) -> PreviewAnswer {
        PreviewAnswer {
            expression: preview.expression.clone(),
            time_zone: preview.time_zone.clone(),
            sentence: preview.sentence.clone(),
            every: preview.choice.map(|it| it.to_string()),
            next: preview.next.iter().map(schedule::Slot::iso).collect(),
            clock_changes: preview.clock_changes.iter().map(|it| it.text.clone()).collect(),
            runs_per_day: preview.runs_per_day,
        }
    }
}

fn text(preview: &Preview) -> String {
    let every = preview.choice.map(|it| format!("  (--every {it})")).unwrap_or_default();
    let mut lines = vec![format!("{}{every}", preview.sentence), String::new()];
    lines.push(format!("Next, by the clocks of {}:", preview.time_zone));
    lines.extend(preview.next.iter().map(|it| format!("  {it}")));
    lines.push(String::new());
    if preview.clock_changes.is_empty() {
        lines.push("The clocks of this place are not changed within a year.".to_owned());
    }
    lines.extend(preview.clock_changes.iter().map(|it| it.text.clone()));
    output::printable_lines(&lines)
}
