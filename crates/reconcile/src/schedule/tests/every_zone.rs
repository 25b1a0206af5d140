//! The policy against a minute-by-minute walk over every change of the clocks in every zone.
//!
//! The walk knows nothing of cron or of changes: it looks at a clock on the wall every minute, and
//! sees that minutes are missing or come again.

use std::collections::{BTreeMap, BTreeSet};

use jiff::civil::DateTime;
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};

use super::at;
use crate::schedule::Schedule;
use crate::schedule::expression::Expression;

struct Case {
    expression: &'static str,
    asks_for: fn(DateTime) -> bool,
    rhythm: Rhythm,
}

#[derive(Clone, Copy, PartialEq)]
enum Rhythm {
    Fixed,
    Hours,
    EveryHour,
}

const CASES: [Case; 12] = [
    Case {
        expression: "30 2 * * *",
        asks_for: |it| (it.hour(), it.minute()) == (2, 30),
        rhythm: Rhythm::Fixed,
    },
    Case {
        expression: "0 0 2 * * ?",
        asks_for: |it| (it.hour(), it.minute()) == (2, 0),
        rhythm: Rhythm::Fixed,
    },
    Case {
        expression: "0 0 * * *",
        asks_for: |it| (it.hour(), it.minute()) == (0, 0),
        rhythm: Rhythm::Fixed,
    },
    Case {
        expression: "0 15,45 0-3 * * ?",
        asks_for: |it| it.hour() <= 3 && [15, 45].contains(&it.minute()),
        rhythm: Rhythm::Fixed,
    },
    Case {
        expression: "* 1,23 * * *",
        asks_for: |it| [1, 23].contains(&it.hour()),
        rhythm: Rhythm::Fixed,
    },
    Case {
        expression: "7 3 1,29-31 * *",
        asks_for: |it| (it.hour(), it.minute()) == (3, 7) && (it.day() == 1 || 29 <= it.day()),
        rhythm: Rhythm::Fixed,
    },
    Case {
        expression: "10 12 * * 0,1",
        asks_for: |it| {
            (it.hour(), it.minute()) == (12, 10) && it.weekday().to_monday_zero_offset() % 6 == 0
        },
        rhythm: Rhythm::Fixed,
    },
    Case {
        expression: "0 */4 * * *",
        asks_for: |it| it.hour() % 4 == 0 && it.minute() == 0,
        rhythm: Rhythm::Hours,
    },
    Case {
        expression: "0 0 2/3 * * ?",
        asks_for: |it| it.hour() % 3 == 2 && it.minute() == 0,
        rhythm: Rhythm::Hours,
    },
    Case {
        expression: "0 0/15 * * * ?",
        asks_for: |it| it.minute() % 15 == 0,
        rhythm: Rhythm::EveryHour,
    },
    Case { expression: "0 * * * *", asks_for: |it| it.minute() == 0, rhythm: Rhythm::EveryHour },
    Case {
        expression: "20,50 * * * *",
        asks_for: |it| [20, 50].contains(&it.minute()),
        rhythm: Rhythm::EveryHour,
    },
];

/// Further than any clock was moved in the past.
const AROUND: SignedDuration = SignedDuration::from_hours(27);
/// Enough for what is usual today, and every zone is walked in every run of the tests.
const NEAR: SignedDuration = SignedDuration::from_hours(5);

#[test]
fn no_slot_is_lost_or_run_twice_at_any_change_of_any_zone() {
    let is_long = std::env::var_os("ROLLCALL_TEST_LONG").is_some();
    let (from, to) = if is_long {
        (at("1972-06-01T00:00Z"), at("2040-01-01T00:00Z"))
    } else {
        (at("2026-01-01T00:00Z"), at("2028-01-01T00:00Z"))
    };
    let (zones, changes) = changes(from, to);
    assert!(400 < zones, "{zones} zones");
    assert!(40 < changes.len(), "{} changes", changes.len());
    let expressions = expressions();
    let around = if is_long { AROUND } else { NEAR };
    for ((change, before, after), zone) in changes {
        let is_usual = (before - after).abs() <= 3600;
        check_around(change, &zone, if is_usual { around } else { AROUND }, &expressions);
    }
}

/// Those that were larger or stranger than today's.
#[test]
fn changes_of_the_past_are_survived_too() {
    for (zone, change) in [
        ("Pacific/Apia", "2011-12-30T10:00Z"),
        ("Pacific/Kwajalein", "1993-08-21T12:00Z"),
        ("Asia/Pyongyang", "2018-05-04T15:00Z"),
        ("America/Caracas", "2016-05-01T07:00Z"),
        ("Antarctica/Troll", "2026-03-29T01:00Z"),
        ("Africa/Casablanca", "2026-02-15T02:00Z"),
        ("America/Sao_Paulo", "2018-11-04T03:00Z"),
    ] {
        check_around(at(change), &TimeZone::get(zone).unwrap(), AROUND, &expressions());
    }
}

/// Each change once, however many zones share it: what a clock shows then is the same.
type Changes = BTreeMap<(Timestamp, i32, i32), TimeZone>;

fn changes(from: Timestamp, to: Timestamp) -> (usize, Changes) {
    let mut found = Changes::new();
    let mut zones = 0;
    for name in jiff::tz::db().available() {
        let zone = TimeZone::get(name.as_str()).unwrap();
        zones += 1;
        let mut before = zone.to_offset(from).seconds();
        for change in zone.following(from).take_while(|it| it.timestamp() < to) {
            let after = change.offset().seconds();
            let key = (change.timestamp(), before, after);
            // A walk by the minute sees clocks that show whole minutes.
            if before != after && before % 60 == 0 && after % 60 == 0 {
                found.entry(key).or_insert_with(|| zone.clone());
            }
            before = after;
        }
    }
    (zones, found)
}

fn expressions() -> Vec<Expression> {
    CASES.iter().map(|it| Expression::parse(it.expression).unwrap()).collect()
}

fn check_around(
    change: Timestamp,
    zone: &TimeZone,
    around: SignedDuration,
    expressions: &[Expression],
) {
    let (from, to) = (change - around, change + around);
    let walked = clock(zone, from, to);
    for (case, expression) in CASES.iter().zip(expressions) {
        let schedule = Schedule { expression: expression.clone(), zone: zone.clone() };
        let first = schedule.next(from);
        let slots = std::iter::successors(first, |slot| schedule.next(*slot));
        let slots: Vec<Timestamp> = slots.take_while(|it| *it <= to).collect();
        let expected = walk(case, &walked);
        assert_eq!(slots, expected, "{} in {zone:?} around {change}", case.expression);
        assert_eq!(schedule.latest(from, to), expected.last().copied(), "{}", case.expression);
    }
}

/// Every minute and what the clock shows then.
fn clock(zone: &TimeZone, from: Timestamp, to: Timestamp) -> Vec<(Timestamp, DateTime)> {
    let minute = SignedDuration::from_mins(1);
    std::iter::successors(Some(from), |it| Some(*it + minute))
        .take_while(|it| *it <= to)
        .map(|it| (it, zone.to_datetime(it)))
        .collect()
}

fn walk(case: &Case, clock: &[(Timestamp, DateTime)]) -> Vec<Timestamp> {
    let minute = SignedDuration::from_mins(1);
    let mut seen = BTreeSet::new();
    let mut runs = Vec::new();
    let mut previous: Option<DateTime> = None;
    for &(now, shown) in clock {
        let mut missing = previous.map_or(shown, |it| it + minute);
        let mut asks = false;
        while missing < shown {
            asks |= (case.asks_for)(missing) && case.rhythm != Rhythm::EveryHour;
            seen.insert(missing);
            missing += minute;
        }
        let is_new = seen.insert(shown) || case.rhythm != Rhythm::Fixed;
        asks |= is_new && (case.asks_for)(shown);
        // The walk begins after the first instant, as `next` does.
        if asks && previous.is_some() {
            runs.push(now);
        }
        previous = Some(shown);
    }
    runs
}
