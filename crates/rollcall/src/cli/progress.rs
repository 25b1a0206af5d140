//! What a person sees while a run goes on: bars on a terminal, plain lines elsewhere.

use std::sync::Mutex;
use std::time::Duration;

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use crate::cli::output::{self, Output};
use crate::source::onelogin::report::Progress;
use crate::sync::{Event, Phase};

/// Tells the events of a run, on standard error.
#[derive(Debug)]
pub struct Teller {
    output: Output,
    bar: Option<ProgressBar>,
    /// The last tenth of the pages that was told in a plain line.
    tenth: Mutex<usize>,
}

impl Teller {
    pub fn new(output: Output) -> Teller {
        let bar = output::is_watched().then(|| {
            let bar = ProgressBar::with_draw_target(None, ProgressDrawTarget::stderr());
            bar.enable_steady_tick(Duration::from_millis(120));
            bar
        });
        Teller { output, bar, tenth: Mutex::new(0) }
    }

    pub fn tell(&self, event: &Event) {
        match event {
            Event::Phase(Phase::Read) => self.line("Reading OneLogin .."),
            Event::Phase(Phase::Map) => self.line("Mapping .."),
            Event::Phase(Phase::Ask) => self.line("Asking for whoever is missing .."),
            Event::Phase(Phase::Plan) => self.line("Planning .."),
            Event::Phase(Phase::Apply) => self.line("Publishing .."),
            Event::Source(progress @ Progress::Pages { done, total, people: _ }) => {
                self.pages(*done, *total, &progress.to_string());
            }
            Event::Source(progress @ Progress::Names { .. }) => self.line(&progress.to_string()),
            Event::Source(progress @ (Progress::Strategy(_) | Progress::Waiting { .. })) => {
                self.lasting(&progress.to_string());
            }
            // The answer says the same at the end.
            Event::Counts(_) | Event::Line(_) => {}
        }
    }

    /// Takes the bar away, so that the answer stands alone.
    pub fn done(&self) {
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
        }
    }

    fn pages(&self, done: usize, total: usize, text: &str) {
        match &self.bar {
            Some(bar) => {
                bar.set_style(bar_style());
                bar.set_length(u64::try_from(total).unwrap_or(u64::MAX));
                bar.set_position(u64::try_from(done).unwrap_or(u64::MAX));
                bar.set_message(text.to_owned());
            }
            None => {
                let tenth = (done * 10).checked_div(total).unwrap_or(10);
                let Ok(mut told) = self.tenth.lock() else { return };
                if *told < tenth {
                    *told = tenth;
                    self.output.note(text);
                }
            }
        }
    }

    /// Something that the next line may take the place of.
    fn line(&self, text: &str) {
        match &self.bar {
            Some(bar) => {
                bar.set_style(ProgressStyle::default_spinner());
                bar.set_message(text.to_owned());
            }
            None => self.output.note(text),
        }
    }

    /// Something that stays to be read.
    fn lasting(&self, text: &str) {
        match &self.bar {
            Some(bar) => bar.suspend(|| self.output.note(text)),
            None => self.output.note(text),
        }
    }
}

fn bar_style() -> ProgressStyle {
    // The template is a constant: if it were wrong, a plain bar would do.
    ProgressStyle::with_template("{bar:30} {msg}").unwrap_or_else(|_| ProgressStyle::default_bar())
}
