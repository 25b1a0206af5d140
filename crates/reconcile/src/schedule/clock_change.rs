//! What the next changes of the clocks do to a schedule, as sentences.

use jiff::civil::DateTime;
use jiff::{SignedDuration, Timestamp};

use crate::schedule::expression::{Edge, Rhythm};
use crate::schedule::{ClockChange, Schedule};

/// A change of the clocks, and what it means for a schedule.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Note {
    pub at: Timestamp,
    pub text: String,
}

/// One change each way, mostly.
const NOTES_MAX: usize = 2;
const HORIZON: SignedDuration = SignedDuration::from_hours(24 * 400);

/// The next changes within a year or so. None: the clocks of this place are not changed.
pub fn notes(schedule: &Schedule, now: Timestamp) -> Vec<Note> {
    let until = now.checked_add(HORIZON).unwrap_or(Timestamp::MAX);
    let first = schedule.change(now, until);
    let changes = std::iter::successors(first, |change| schedule.change(change.at, until));
    changes.take(NOTES_MAX).map(|change| note(schedule, change)).collect()
}

fn note(schedule: &Schedule, change: ClockChange) -> Note {
    let (old, new) = (change.old, change.new);
    let is_same_day = old.date() == new.date();
    let shown = |it: DateTime| {
        let day = if is_same_day { String::new() } else { it.strftime(" on %-d %B").to_string() };
        format!("{}{day}", clock(it))
    };
    let way = if change.is_forward() { "forward" } else { "back" };
    let day = old.min(new).strftime("%A %-d %B %Y");
    let what = format!("{day}: the clock goes {way} from {} to {}.", shown(old), shown(new));
    Note { at: change.at, text: format!("{what} {}", effect(schedule, change)) }
}

fn effect(schedule: &Schedule, change: ClockChange) -> String {
    let touched = touched(schedule, change);
    let Some(first) = touched.first() else {
        return "This schedule is not touched.".to_owned();
    };
    let times = match touched.as_slice() {
        [only] => clock(*only),
        [first, second] => format!("{} and {}", clock(*first), clock(*second)),
        [first, .., last] => format!("The times from {} to {}", clock(*first), clock(*last)),
        [] => clock(*first),
    };
    let are_many = 1 < touched.len();
    match (schedule.expression.rhythm(), change.is_forward()) {
        (Rhythm::Fixed | Rhythm::Hours, true) => {
            let do_not = if are_many { "do not" } else { "does not" };
            format!("{times} {do_not} exist; the run happens once, at {}.", clock(change.new))
        }
        (Rhythm::Fixed, false) => {
            let come = if are_many { "come" } else { "comes" };
            let happens = if are_many { "each run happens" } else { "the run happens" };
            format!("{times} {come} twice; {happens} once, the first time.")
        }
        (Rhythm::Hours, false) => {
            let come = if are_many { "come" } else { "comes" };
            format!("{times} {come} twice, and there is a run each time, so no pause grows longer.")
        }
        (Rhythm::EveryHour, true) => {
            "The missing time is skipped; the time between runs stays the same.".to_owned()
        }
        (Rhythm::EveryHour, false) => {
            "Runs go on through the repeated time; the time between runs stays the same.".to_owned()
        }
    }
}

/// The times that the schedule asks for among those that are missing or come twice.
fn touched(schedule: &Schedule, change: ClockChange) -> Vec<DateTime> {
    let (from, to) = (change.old.min(change.new), change.old.max(change.new));
    let expression = &schedule.expression;
    let first = expression.next_on_the_wall(from, Edge::Inclusive);
    std::iter::successors(first, |it| expression.next_on_the_wall(*it, Edge::Exclusive))
        .take_while(|it| *it < to)
        .collect()
}

fn clock(time: DateTime) -> String {
    match time.second() {
        0 => time.strftime("%H:%M").to_string(),
        _ => time.strftime("%H:%M:%S").to_string(),
    }
}
