//! Whether a connector is to run now, and whether it has run as it should.
//!
//! Only the latest slot that has passed is ever looked at: after hours without a service there is
//! one run, not one for each slot. A slot that was taken is never taken again, and because taken
//! slots are known one by one, that holds as well where the clock of the machine was set back.

use std::collections::BTreeSet;

use jiff::{SignedDuration, Timestamp};

use crate::schedule::Schedule;

/// How far a schedule bends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Terms {
    /// How late a slot may still be run that passed while nothing could run.
    pub catch_up_max: SignedDuration,
    /// By how much the start of a slot may be moved, so that not everything starts at once.
    pub jitter_max: SignedDuration,
    /// After how many failures in a row the schedule pauses itself.
    pub failures_max: Option<u32>,
}

/// What is known of a schedule when it is asked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct State {
    /// The schedule was set, changed or resumed then: slots before it are nobody's loss.
    pub since: Timestamp,
    pub taken: BTreeSet<Timestamp>,
    pub failures: Failures,
}

/// Runs that failed since the last one that did not.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Failures {
    pub in_a_row: u32,
    pub last_at: Option<Timestamp>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Decision {
    /// A run is to start for this slot; as many before it were missed.
    Due {
        slot: Timestamp,
        missed: usize,
    },
    /// The slot is too old to be made up for.
    TooLate {
        slot: Timestamp,
        missed: usize,
    },
    /// Too much has failed: a person is to look at it.
    Pause {
        failures: u32,
    },
    NotBefore(Timestamp),
    /// The years of the expression are over.
    NeverAgain,
}

/// Whether a connector is as up to date as its schedule promises.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Freshness {
    NeverRun,
    OnTime,
    /// Two slots went by without a run that went well; the first of them is named.
    Late {
        expected: Timestamp,
    },
}

/// Within this a start counts as on time, however small the catch-up window is.
const GRACE: SignedDuration = SignedDuration::from_mins(1);
/// A source that is down is not asked more often than this in the end.
const BACKOFF_MAX: SignedDuration = SignedDuration::from_hours(1);
const BACKOFF_FIRST: SignedDuration = SignedDuration::from_mins(1);
/// Nobody needs to know more exactly how many slots were missed.
const MISSED_MAX: usize = 1000;

/// What becomes of a schedule now. `key` tells connectors apart, so that their jitter differs.
pub fn due(
    key: i64,
    schedule: &Schedule,
    terms: &Terms,
    state: &State,
    now: Timestamp,
) -> Decision {
    let Failures { in_a_row, last_at } = state.failures;
    if terms.failures_max.is_some_and(|it| it <= in_a_row) {
        return Decision::Pause { failures: in_a_row };
    }
    let window = terms.catch_up_max.max(GRACE);
    let passed = passed(state, window, now);
    let Some(slot) = schedule.latest(passed, now) else {
        return match schedule.next(now) {
            Some(next) => Decision::NotBefore(later(next, jitter(key, schedule, terms, next))),
            None => Decision::NeverAgain,
        };
    };
    let start = later(slot, jitter(key, schedule, terms, slot));
    if now < start {
        return Decision::NotBefore(start);
    }
    if let Some(rested) = last_at.map(|it| later(it, backoff(in_a_row)))
        // A failure in the future was noted before the clock was set back.
        && last_at.is_some_and(|it| it <= now)
        && now < rested
    {
        return Decision::NotBefore(rested);
    }
    let slots = std::iter::successors(schedule.next(passed), |it| schedule.next(*it));
    let missed = slots.take_while(|it| *it < slot).take(MISSED_MAX).count();
    if window < now.duration_since(start) {
        return Decision::TooLate { slot, missed };
    }
    Decision::Due { slot, missed }
}

/// Whether the last run that went well is recent enough. One missed slot is not: two are.
pub fn freshness(
    schedule: &Schedule,
    since: Timestamp,
    last_success: Option<Timestamp>,
    now: Timestamp,
) -> Freshness {
    let first = last_success.map_or(since, |it| it.max(since));
    let slots = std::iter::successors(schedule.next(first), |it| schedule.next(*it));
    let gone: Vec<Timestamp> = slots.take(2).take_while(|it| *it <= now).collect();
    match (gone.as_slice(), last_success) {
        ([expected, _], _) => Freshness::Late { expected: *expected },
        (_, Some(_)) => Freshness::OnTime,
        (_, None) => Freshness::NeverRun,
    }
}

/// Up to when slots have been dealt with.
fn passed(state: &State, window: SignedDuration, now: Timestamp) -> Timestamp {
    let taken = state.taken.range(..=now).next_back().copied();
    let since = Some(state.since).filter(|it| *it <= now);
    // Neither is known where the clock was set back behind both.
    taken.max(since).unwrap_or_else(|| now.checked_sub(window).unwrap_or(Timestamp::MIN))
}

/// The same for the same slot on every node, and never beyond half of the way to the next one.
fn jitter(key: i64, schedule: &Schedule, terms: &Terms, slot: Timestamp) -> SignedDuration {
    let to_next = schedule.next(slot).map(|it| it.duration_since(slot) / 2);
    let seconds_max = terms.jitter_max.min(to_next.unwrap_or(SignedDuration::MAX)).as_secs();
    let Some(choices) = u64::try_from(seconds_max).ok().and_then(|it| it.checked_add(1)) else {
        return SignedDuration::ZERO;
    };
    let seed = key.cast_unsigned().rotate_left(32) ^ slot.as_second().cast_unsigned();
    let seconds = scattered(seed) % choices;
    SignedDuration::from_secs(i64::try_from(seconds).unwrap_or_default())
}

/// Spreads numbers that lie side by side (the finaliser of `SplitMix64`).
fn scattered(seed: u64) -> u64 {
    let mut mixed = seed.wrapping_add(0x9e37_79b9_7f4a_7c15);
    mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    mixed ^ (mixed >> 31)
}

/// How long a source is left alone after so many failures: 1, 2, 4 .. minutes.
fn backoff(failures: u32) -> SignedDuration {
    let doublings = failures.saturating_sub(1).min(16);
    let backoff = BACKOFF_FIRST.checked_mul(1 << doublings).unwrap_or(BACKOFF_MAX);
    backoff.min(BACKOFF_MAX)
}

fn later(instant: Timestamp, by: SignedDuration) -> Timestamp {
    instant.checked_add(by).unwrap_or(Timestamp::MAX)
}

impl Freshness {
    pub fn word(self) -> &'static str {
        match self {
            Freshness::NeverRun => "never-run",
            Freshness::OnTime => "on-time",
            Freshness::Late { .. } => "late",
        }
    }
}
