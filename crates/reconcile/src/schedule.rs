//! When a connector runs by itself.
//!
//! An [`expression`] is written in either dialect that admins know, and a library finds what it
//! asks for on a clock that is never changed. What happens where clocks are changed is decided
//! here: [`Schedule::next`] maps the clock on the wall to instants.
//!
//! * A fixed time that falls in a missing hour runs once, at the first instant after the gap; one
//!   in a repeated hour runs the first time alone.
//! * An interval follows elapsed time: a repeated hour has its own runs, a missing one none.
//!
//! A *slot* is an instant at which a schedule asks for a run. [`due`] says what becomes of it.

pub mod choice;
pub mod clock_change;
pub mod describe;
pub mod due;
pub mod expression;
pub mod field;
#[cfg(test)]
mod tests;

use jiff::civil::DateTime;
use jiff::tz::{Offset, TimeZone};
use jiff::{SignedDuration, Timestamp};

use crate::schedule::expression::{Edge, Expression, Rhythm};

/// An expression by the clocks of a place.
#[derive(Clone, Debug)]
pub struct Schedule {
    pub expression: Expression,
    pub zone: TimeZone,
}

/// The clocks are set forward or back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ClockChange {
    pub at: Timestamp,
    /// What clocks would show then, and what they show.
    pub old: DateTime,
    pub new: DateTime,
    offset: Offset,
}

/// More changes than any expression can be away from its next slot: two a year, for 40 years.
const CHANGES_MAX: usize = 200;
/// No clock was ever set back by more.
const BACK_MAX: SignedDuration = SignedDuration::from_hours(48);

impl Schedule {
    /// The first slot after an instant. None if the years of the expression are over.
    pub fn next(&self, after: Timestamp) -> Option<Timestamp> {
        let rhythm = self.expression.rhythm();
        let mut offset = self.zone.to_offset(after);
        let mut here = after;
        let mut wall = offset.to_datetime(after);
        let mut edge = Edge::Exclusive;
        if rhythm == Rhythm::Fixed
            && let Some(shown) = self.shown_before(after).filter(|it| wall < *it)
        {
            (wall, edge) = (shown, Edge::Inclusive);
        }
        for _ in 0..CHANGES_MAX {
            let slot = self.expression.next_on_the_wall(wall, edge)?;
            let instant = offset.to_timestamp(slot).ok()?;
            let Some(change) = self.change(here, instant) else { return Some(instant) };
            let is_missing = slot < change.new;
            wall = match rhythm {
                Rhythm::Fixed | Rhythm::Hours if is_missing => return Some(change.at),
                Rhythm::Fixed => change.new.max(change.old),
                Rhythm::Hours | Rhythm::EveryHour => change.new,
            };
            (offset, here, edge) = (change.offset, change.at, Edge::Inclusive);
        }
        None
    }

    /// The first slots after an instant.
    pub fn upcoming(&self, after: Timestamp, count: usize) -> Vec<Timestamp> {
        std::iter::successors(self.next(after), |slot| self.next(*slot)).take(count).collect()
    }

    /// The last slot after one instant and up to another.
    pub fn latest(&self, after: Timestamp, until: Timestamp) -> Option<Timestamp> {
        let is_slot_between = |after: Timestamp| self.next(after).is_some_and(|it| it <= until);
        if !is_slot_between(after) {
            return None;
        }
        // Halves what lies between: no slot follows `none`, some slot follows `some`.
        let (mut some, mut none) = (after.as_second(), until.as_second());
        while some + 1 < none {
            let middle = some + (none - some) / 2;
            let follows = Timestamp::from_second(middle).is_ok_and(is_slot_between);
            *(if follows { &mut some } else { &mut none }) = middle;
        }
        let some = Timestamp::from_second(some).map_or(after, |it| it.max(after));
        self.next(some).filter(|it| *it <= until)
    }

    /// The next change of the clocks after one instant and up to another.
    pub fn change(&self, after: Timestamp, until: Timestamp) -> Option<ClockChange> {
        let before = self.zone.to_offset(after);
        let mut changes = self.zone.following(after).take_while(|it| it.timestamp() <= until);
        let change = changes.find(|it| it.offset() != before)?;
        let (at, offset) = (change.timestamp(), change.offset());
        Some(ClockChange { at, old: before.to_datetime(at), new: offset.to_datetime(at), offset })
    }

    /// The furthest that clocks have shown, where they were set back not long ago.
    fn shown_before(&self, now: Timestamp) -> Option<DateTime> {
        let mut from = now.checked_sub(BACK_MAX).ok()?;
        let mut shown = None;
        while let Some(change) = self.change(from, now) {
            shown = shown.max(Some(change.old));
            from = change.at;
        }
        shown
    }
}

impl ClockChange {
    /// Whether clocks are set forward, so that times are missing.
    pub fn is_forward(&self) -> bool {
        self.old < self.new
    }
}
