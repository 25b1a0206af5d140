//! The runs of a list as charts on one axis of time: what they changed, how long they took, and
//! what they cost. The same numbers are told as a table.

use reconcile::figure::figure;

use crate::store::runs::Run;
use crate::store::runs::report::{Report, Tally};
use crate::web::chart::{self, Bar, Chart, Point, Series, Words};
use crate::web::moment::{count, duration};

/// The charts of a list of runs, and their numbers.
#[derive(Debug)]
pub struct History {
    pub changes: Chart,
    pub durations: Chart,
    pub calls: Chart,
    /// The oldest first, as in the charts.
    pub numbers: Vec<Numbers>,
}

/// What the charts show of one run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Numbers {
    pub run: i64,
    /// `25 Nov 22:14 UTC`
    pub at: String,
    pub added: u64,
    pub updated: u64,
    pub taken: u64,
    pub held: u64,
    pub took_ms: u64,
    pub calls: u64,
}

impl Numbers {
    /// Nothing where the run goes on.
    fn of(run: &Run) -> Option<Numbers> {
        let took = run.finished_at?.duration_since(run.started_at);
        let report = Report::read(&run.report);
        let Tally { added, changed, taken, joined, left, groups } = report.applied();
        Some(Numbers {
            run: run.id.0,
            at: run.started_at.strftime("%-d %b %H:%M UTC").to_string(),
            added: added.saturating_add(joined).saturating_add(groups),
            updated: changed,
            taken: taken.saturating_add(left),
            held: report.held().total(),
            took_ms: u64::try_from(took.as_millis()).unwrap_or_default(),
            calls: report.calls.total,
        })
    }

    fn changes(&self) -> u64 {
        let Numbers { added, updated, taken, held, .. } = *self;
        [added, updated, taken, held].into_iter().fold(0, u64::saturating_add)
    }

    pub fn took(&self) -> String {
        milliseconds(self.took_ms)
    }

    fn named(&self, what: &str) -> String {
        format!("Run {}, {}: {what}", self.run, self.at)
    }
}

/// Draws the runs of a list, which has the latest first; nothing where none has ended.
pub fn draw(runs: &[Run]) -> Option<History> {
    let numbers: Vec<Numbers> = runs.iter().rev().filter_map(Numbers::of).collect();
    let (first, last) = (numbers.first()?, numbers.last()?);
    let (from, to) = (first.at.clone(), last.at.clone());
    let words = |id, title, summary, tell| Words { id, title, summary, from: &from, to: &to, tell };
    let how_many = match numbers.len() {
        1 => "1 run".to_owned(),
        many => format!("{} runs", figure(many)),
    };
    let all = |of: fn(&Numbers) -> u64| numbers.iter().map(of).fold(0, u64::saturating_add);
    let most = |of: fn(&Numbers) -> u64| numbers.iter().map(of).max().unwrap_or_default();
    let (changes, held) = (all(Numbers::changes), count(all(|it| it.held)));
    let changes_word = if changes == 1 { "change" } else { "changes" };
    let summary = format!("{how_many}: {} {changes_word}, {held} of them held.", count(changes));
    let bars: Vec<Bar> = numbers.iter().map(bar).collect();
    let changes =
        chart::bars(words("changes-chart", "Changes of each run", &summary, count), &bars);
    let (median, longest) = (milliseconds(median(&numbers)), milliseconds(most(|it| it.took_ms)));
    let is_one = numbers.len() == 1;
    let summary = if is_one {
        format!("{how_many}: it took {longest}.")
    } else {
        format!("{how_many}: half of them took {median} or less, the longest {longest}.")
    };
    let points = |of: fn(&Numbers) -> (u64, String)| -> Vec<Point> {
        let point = |it: &Numbers| {
            let (value, told) = of(it);
            Point { name: it.named(&told), value }
        };
        numbers.iter().map(point).collect()
    };
    let durations = chart::line(
        words("durations-chart", "Duration of each run", &summary, milliseconds),
        &points(|it| (it.took_ms, it.took())),
    );
    let (total, peak) = (count(all(|it| it.calls)), count(most(|it| it.calls)));
    let summary = if is_one {
        format!("{how_many}: {total} API calls.")
    } else {
        format!("{how_many}: {total} API calls, at most {peak} in one.")
    };
    let calls = chart::line(
        words("calls-chart", "API calls of each run", &summary, count),
        &points(|it| (it.calls, format!("{} API calls", count(it.calls)))),
    );
    Some(History { changes, durations, calls, numbers })
}

fn bar(numbers: &Numbers) -> Bar {
    let Numbers { added, updated, taken, held, .. } = *numbers;
    let told = format!(
        "{} created or added, {} updated, {} taken away, {} held",
        count(added),
        count(updated),
        count(taken),
        count(held)
    );
    let parts = vec![
        (Series::Add, added),
        (Series::Update, updated),
        (Series::Remove, taken),
        (Series::Held, held),
    ];
    Bar { name: numbers.named(&told), parts }
}

fn median(numbers: &[Numbers]) -> u64 {
    let mut all: Vec<u64> = numbers.iter().map(|it| it.took_ms).collect();
    all.sort_unstable();
    all.get(all.len().saturating_sub(1) / 2).copied().unwrap_or_default()
}

fn milliseconds(length: u64) -> String {
    duration(jiff::SignedDuration::from_millis(i64::try_from(length).unwrap_or(i64::MAX)))
}

#[cfg(test)]
pub mod tests {
    use super::*;

    fn numbers(run: i64, added: u64, took_ms: u64) -> Numbers {
        let at = format!("{run} Nov 22:14 UTC");
        Numbers { run, at, added, updated: 1, taken: 0, held: 2, took_ms, calls: 14 }
    }

    #[test]
    fn half_of_the_runs_took_the_median_or_less() {
        for (took, expected) in [(&[5][..], 5), (&[9, 1], 1), (&[3, 900, 2], 3)] {
            let all: Vec<Numbers> = took.iter().map(|it| numbers(1, 0, *it)).collect();
            assert_eq!(median(&all), expected, "{took:?}");
        }
    }

    #[test]
    fn a_bar_tells_its_numbers() {
        let many = bar(&Numbers { added: 1_545, ..numbers(7, 3, 1_500) });
        assert!(many.name.contains(": 1,545 created or added"), "{}", many.name);
        let bar = bar(&numbers(7, 3, 1_500));
        assert_eq!(
            bar.name,
            "Run 7, 7 Nov 22:14 UTC: 3 created or added, 1 updated, 0 taken away, 2 held"
        );
        assert_eq!(bar.parts.iter().map(|it| it.1).sum::<u64>(), 6);
    }
}
