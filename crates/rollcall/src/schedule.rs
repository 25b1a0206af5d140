//! What a schedule comes to, for whoever is about to set one: a sentence, the next slots by the
//! clocks of the place, what happens where clocks are changed, and what it costs.

use jiff::{SignedDuration, Timestamp};
use reconcile::schedule::choice::Choice;
use reconcile::schedule::clock_change::{self, Note};
use reconcile::schedule::{Schedule, describe};

use crate::store::connectors::settings::FieldError;
use crate::store::connectors::settings::schedule::ScheduleSettings;

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Preview {
    pub expression: String,
    /// An IANA name.
    pub time_zone: String,
    /// `At 02:30, Monday to Friday.`
    pub sentence: String,
    /// The choice that means the same, where there is one.
    pub choice: Option<Choice>,
    pub next: Vec<Slot>,
    /// What the next changes of the clocks do to it.
    pub clock_changes: Vec<Note>,
    /// How many slots there are in the next 24 hours.
    pub runs_per_day: usize,
    /// How many of them are within one hour at most.
    pub runs_per_hour_max: usize,
}

/// A slot by the clocks of the place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Slot {
    pub at: Timestamp,
    pub offset: jiff::tz::Offset,
}

/// A slot every second for a day.
const SLOTS_PER_DAY_MAX: usize = 86_400;
const HOUR: SignedDuration = SignedDuration::from_hours(1);
const DAY: SignedDuration = SignedDuration::from_hours(24);

/// What the settings ask for, with so many of the next slots. Slots are those of the expression;
/// jitter may move the start of a run.
pub fn preview(
    settings: &ScheduleSettings,
    now: Timestamp,
    slots: usize,
) -> Result<Preview, FieldError> {
    let schedule = settings.schedule_after(now)?;
    let day = slots_of_a_day(&schedule, now);
    Ok(Preview {
        expression: schedule.expression.text().to_owned(),
        time_zone: schedule.zone.iana_name().unwrap_or(&settings.time_zone).to_owned(),
        sentence: describe::sentence(&schedule.expression),
        choice: Choice::of(&schedule.expression),
        next: schedule.upcoming(now, slots).into_iter().map(|at| slot(&schedule, at)).collect(),
        clock_changes: clock_change::notes(&schedule, now),
        runs_per_day: day.len(),
        runs_per_hour_max: within_an_hour(&day),
    })
}

impl Preview {
    /// How many API calls a day costs, by the calls of one run.
    pub fn calls_per_day(&self, calls_per_run: u64) -> u64 {
        calls_per_run.saturating_mul(u64::try_from(self.runs_per_day).unwrap_or(u64::MAX))
    }
}

/// `Tue 2026-11-24 02:00:00 +01:00`
impl std::fmt::Display for Slot {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let here = self.at.to_zoned(self.offset.to_time_zone());
        write!(f, "{}", here.strftime("%a %Y-%m-%d %H:%M:%S %:z"))
    }
}

impl Slot {
    /// ISO 8601 with the offset.
    pub fn iso(&self) -> String {
        self.at.to_zoned(self.offset.to_time_zone()).strftime("%Y-%m-%dT%H:%M:%S%:z").to_string()
    }
}

pub fn slot(schedule: &Schedule, at: Timestamp) -> Slot {
    Slot { at, offset: schedule.zone.to_offset(at) }
}

/// The most slots that are within one hour of each other.
fn within_an_hour(slots: &[Timestamp]) -> usize {
    let followers = slots.iter().enumerate().map(|(at, slot)| {
        slots.partition_point(|it| it.duration_since(*slot) < HOUR).saturating_sub(at)
    });
    followers.max().unwrap_or_default()
}

fn slots_of_a_day(schedule: &Schedule, now: Timestamp) -> Vec<Timestamp> {
    let end = now.checked_add(DAY).unwrap_or(Timestamp::MAX);
    let slots = std::iter::successors(schedule.next(now), |it| schedule.next(*it));
    slots.take_while(|it| *it <= end).take(SLOTS_PER_DAY_MAX).collect()
}

#[cfg(test)]
mod tests {
    use expect_test::expect;

    use super::*;

    fn settings(expression: &str, zone: &str) -> ScheduleSettings {
        let (expression, time_zone) = (expression.to_owned(), zone.to_owned());
        ScheduleSettings { expression, time_zone, ..ScheduleSettings::default() }
    }

    fn told(expression: &str, zone: &str) -> String {
        let now = "2027-03-26T12:00:00Z".parse().unwrap();
        let preview = preview(&settings(expression, zone), now, 3).unwrap();
        let next: Vec<String> = preview.next.iter().map(Slot::to_string).collect();
        let notes: Vec<&str> = preview.clock_changes.iter().map(|it| it.text.as_str()).collect();
        format!(
            "{}\n{:?}, {} a day\n{}\n{}",
            preview.sentence,
            preview.choice,
            preview.runs_per_day,
            next.join("\n"),
            notes.join("\n")
        )
    }

    #[test]
    fn a_preview_tells_the_next_slots_by_the_clocks_of_the_place_across_their_change() {
        expect![[r#"
            At 02:30, every day.
            None, 1 a day
            Sat 2027-03-27 02:30:00 +01:00
            Sun 2027-03-28 03:00:00 +02:00
            Mon 2027-03-29 02:30:00 +02:00
            Sunday 28 March 2027: the clock goes forward from 02:00 to 03:00. 02:30 does not exist; the run happens once, at 03:00.
            Sunday 31 October 2027: the clock goes back from 03:00 to 02:00. 02:30 comes twice; the run happens once, the first time."#]]
        .assert_eq(&told("0 30 2 * * ?", "Europe/Berlin"));
        expect![[r#"
            Every 15 minutes.
            Some(Minutes(15)), 96 a day
            Fri 2027-03-26 12:15:00 +00:00
            Fri 2027-03-26 12:30:00 +00:00
            Fri 2027-03-26 12:45:00 +00:00
        "#]]
        .assert_eq(&told("0 0/15 * * * ?", "UTC"));
    }

    #[test]
    fn a_day_costs_what_its_runs_cost() {
        let now = "2027-03-26T12:00:00Z".parse().unwrap();
        let hourly = preview(&settings("0 * * * *", "UTC"), now, 0).unwrap();
        assert_eq!((hourly.runs_per_day, hourly.calls_per_day(120)), (24, 2_880));
    }

    #[test]
    fn the_fullest_hour_of_a_day_is_counted() {
        let now = "2027-03-26T12:00:00Z".parse().unwrap();
        for (expression, runs) in [
            ("0 * * * *", 1),
            ("*/15 * * * *", 4),
            ("0,10,50 8 * * *", 3),
            ("50 8,9 * * *", 1),
            ("0 2 * * *", 1),
            ("* * * * * *", 3_600),
        ] {
            let preview = preview(&settings(expression, "UTC"), now, 0).unwrap();
            assert_eq!(preview.runs_per_hour_max, runs, "{expression}");
        }
    }
}
