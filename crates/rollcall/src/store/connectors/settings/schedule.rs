//! What an admin sets for when a connector runs by itself.

use std::fmt;

use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};
use reconcile::schedule::Schedule;
use reconcile::schedule::due::Terms;
use reconcile::schedule::expression::Expression;
use serde::{Deserialize, Serialize};

use super::FieldError;

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct ScheduleSettings {
    /// "Enable Scheduled Synchronization".
    pub enabled: bool,
    /// In either dialect, as typed. A choice of an interval is kept as the expression it stands for.
    pub expression: String,
    /// An IANA name: `Europe/Berlin`.
    pub time_zone: String,
    /// How late a slot may still be run that passed while nothing could run.
    pub catch_up_minutes: u32,
    /// By how much the start of a slot may be moved.
    pub jitter_seconds: u32,
    /// After how many failures in a row the schedule pauses itself; 0 is never.
    pub pause_after_failures: u32,
}

/// A week.
pub const CATCH_UP_MINUTES_MAX: u32 = 10_080;
/// An hour.
pub const JITTER_SECONDS_MAX: u32 = 3_600;
pub const PAUSE_AFTER_FAILURES_MAX: u32 = 1_000;

impl Default for ScheduleSettings {
    fn default() -> ScheduleSettings {
        ScheduleSettings {
            enabled: false,
            expression: "0 * * * *".to_owned(),
            time_zone: "UTC".to_owned(),
            catch_up_minutes: 360,
            jitter_seconds: 0,
            pause_after_failures: 0,
        }
    }
}

impl ScheduleSettings {
    /// The schedule that these settings ask for, whether it is enabled or not.
    pub fn schedule(&self) -> Result<Schedule, FieldError> {
        let expression = Expression::parse(&self.expression);
        let expression = expression.map_err(refused("schedule.expression"))?;
        Ok(Schedule { expression, zone: zone(&self.time_zone)? })
    }

    /// As [`ScheduleSettings::schedule`], unless its years are over and nothing comes after an instant.
    pub fn schedule_after(&self, now: Timestamp) -> Result<Schedule, FieldError> {
        let schedule = self.schedule()?;
        if schedule.next(now).is_some() {
            return Ok(schedule);
        }
        let why = "This never happens again: the year is over. Change the year, or leave it out.";
        Err(FieldError { field: "schedule.expression", why: why.to_owned() })
    }

    pub fn terms(&self) -> Result<Terms, FieldError> {
        let catch_up =
            within("schedule.catch_up_minutes", self.catch_up_minutes, CATCH_UP_MINUTES_MAX)?;
        let jitter = within("schedule.jitter_seconds", self.jitter_seconds, JITTER_SECONDS_MAX)?;
        let failures = within(
            "schedule.pause_after_failures",
            self.pause_after_failures,
            PAUSE_AFTER_FAILURES_MAX,
        )?;
        Ok(Terms {
            catch_up_max: SignedDuration::from_mins(i64::from(catch_up)),
            jitter_max: SignedDuration::from_secs(i64::from(jitter)),
            failures_max: (0 < failures).then_some(failures),
        })
    }

    pub(super) fn check(&self) -> Result<(), FieldError> {
        self.schedule()?;
        self.terms()?;
        Ok(())
    }
}

/// The time zone of an IANA name. The names and their clock changes are part of this version, so
/// that every node knows the same ones.
pub fn zone(name: &str) -> Result<TimeZone, FieldError> {
    let name = name.trim();
    // A path or an offset would be understood as well, and be no name.
    let is_name = !name.is_empty() && !name.starts_with(['/', ':']);
    let found = is_name.then(|| TimeZone::get(name).ok()).flatten();
    found.ok_or_else(|| {
        let shown: String = name.chars().take(60).collect();
        FieldError {
            field: "schedule.time_zone",
            why: format!(
                "There is no time zone \"{shown}\". Write an IANA name such as Europe/Berlin or UTC."
            ),
        }
    })
}

fn within(field: &'static str, value: u32, max: u32) -> Result<u32, FieldError> {
    let why = format!("{value} is not between 0 and {max}.");
    if value <= max { Ok(value) } else { Err(FieldError { field, why }) }
}

fn refused<E: fmt::Display>(field: &'static str) -> impl FnOnce(E) -> FieldError {
    move |error| FieldError { field, why: error.to_string() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(settings: &ScheduleSettings, expected: &str) {
        let told = settings.check().map_or_else(|error| error.to_string(), |()| "fine".to_owned());
        assert_eq!(told, expected);
    }

    fn expression(text: &str) -> ScheduleSettings {
        ScheduleSettings { expression: text.to_owned(), ..ScheduleSettings::default() }
    }

    fn time_zone(name: &str) -> ScheduleSettings {
        ScheduleSettings { time_zone: name.to_owned(), ..ScheduleSettings::default() }
    }

    #[test]
    fn what_cannot_be_used_is_refused_with_the_name_of_the_field() {
        check(&ScheduleSettings::default(), "fine");
        check(&expression("0 0/15 * * * ?"), "fine");
        check(
            &expression("0 25 * * *"),
            "The setting schedule.expression cannot be used as it is. \
             The hour must be 0 to 23; \"25\" is not.",
        );
        check(
            &expression("0 0 30 2 *"),
            "The setting schedule.expression cannot be used as it is. \
             This never happens: no month has such a day. Change the day of the month or the month.",
        );
        check(
            &expression("0 0 2 1 * MON"),
            "The setting schedule.expression cannot be used as it is. \
             Both the day of the month and the day of the week are set. With seconds, a cron \
             expression may set one of them; the other one is ?.",
        );
        for name in ["Mars/Base", "", "../etc/passwd", "/etc/localtime", "Europe", "+02:00"] {
            let told = time_zone(name).check().unwrap_err();
            assert_eq!(told.field, "schedule.time_zone", "{name}");
        }
        for name in ["europe/berlin", "UTC", "America/Argentina/Buenos_Aires"] {
            check(&time_zone(name), "fine");
        }
        let long = ScheduleSettings { catch_up_minutes: 10_081, ..ScheduleSettings::default() };
        check(
            &long,
            "The setting schedule.catch_up_minutes cannot be used as it is. \
             10081 is not between 0 and 10080.",
        );
        let jitter = ScheduleSettings { jitter_seconds: 3_601, ..ScheduleSettings::default() };
        assert_eq!(jitter.check().unwrap_err().field, "schedule.jitter_seconds");
    }

    #[test]
    fn a_schedule_whose_years_are_over_is_none_any_more() {
        let once = expression("0 0 2 1 1 ? 2020");
        assert!(once.schedule_after("2020-01-01T01:59:59Z".parse().unwrap()).is_ok());
        let over = once.schedule_after("2020-01-01T02:00:00Z".parse().unwrap()).unwrap_err();
        assert_eq!(over.field, "schedule.expression");
        assert!(over.why.contains("the year is over"), "{over}");
    }

    #[test]
    fn settings_of_before_there_were_schedules_have_none_that_is_enabled() {
        let old: ScheduleSettings = serde_json::from_str("{}").unwrap();
        assert_eq!(old, ScheduleSettings::default());
        assert!(!old.enabled);
    }
}
