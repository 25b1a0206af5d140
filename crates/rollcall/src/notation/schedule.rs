//! When a connector runs by itself, as flags.

use reconcile::schedule::choice::Choice;

use crate::store::connectors::settings::schedule::{
    CATCH_UP_MINUTES_MAX, JITTER_SECONDS_MAX, PAUSE_AFTER_FAILURES_MAX, ScheduleSettings,
};

/// `--schedule` and `--every` edit one value.
#[derive(Debug, clap::Args)]
#[command(next_help_heading = "Schedule")]
pub(crate) struct ScheduleChoices {
    /// When to run by itself: a cron expression ("0 0/15 * * * ?", "0 2 * * *"), on, or off
    #[arg(long, value_name = "CRON|on|off")]
    schedule: Option<String>,
    /// The same by an interval: 15m, 1h, 1d, ..
    #[arg(long, value_name = "INTERVAL", conflicts_with = "schedule")]
    every: Option<String>,
    /// Whose clocks count, as an IANA name: Europe/Berlin [default: UTC]
    #[arg(long, value_name = "ZONE")]
    time_zone: Option<String>,
    /// How late a run may start that nothing could start in time: 30m, 6h [default: 6h]
    #[arg(long, value_name = "DURATION")]
    catch_up: Option<String>,
    /// By how much a start may be moved, so that not everything starts at once [default: 0s]
    #[arg(long, value_name = "DURATION")]
    jitter: Option<String>,
    /// Pause after so many failures in a row; 0 is never [default: 0]
    #[arg(long, value_name = "N",
          value_parser = clap::value_parser!(u32).range(0..=i64::from(PAUSE_AFTER_FAILURES_MAX)))]
    pause_after: Option<u32>,
}

impl ScheduleChoices {
    pub(crate) fn apply(&self, settings: &mut ScheduleSettings) -> Result<(), String> {
        let ScheduleChoices { schedule, every, time_zone, catch_up, jitter, pause_after } = self;
        match schedule.as_deref().map(str::trim) {
            None => {}
            Some("on") => settings.enabled = true,
            Some("off") => settings.enabled = false,
            Some(expression) => {
                settings.enabled = true;
                expression.clone_into(&mut settings.expression);
            }
        }
        if let Some(every) = every {
            let choice = Choice::parse(every).map_err(|it| it.to_string())?;
            settings.enabled = true;
            settings.expression = choice.expression();
        }
        if let Some(zone) = time_zone {
            zone.trim().clone_into(&mut settings.time_zone);
        }
        if let Some(text) = catch_up {
            let seconds = seconds_of("--catch-up", text, CATCH_UP_MINUTES_MAX * 60)?;
            settings.catch_up_minutes = seconds.div_ceil(60);
        }
        if let Some(text) = jitter {
            settings.jitter_seconds = seconds_of("--jitter", text, JITTER_SECONDS_MAX)?;
        }
        settings.pause_after_failures = pause_after.unwrap_or(settings.pause_after_failures);
        Ok(())
    }
}

/// `90s`, `15m`, `6h` or `1d`; 0 alone is 0 too.
fn seconds_of(flag: &str, text: &str, seconds_max: u32) -> Result<u32, String> {
    const UNITS: [(char, u32); 4] = [('s', 1), ('m', 60), ('h', 3_600), ('d', 86_400)];
    let text = text.trim();
    let unreadable = || {
        format!(
            "{flag} \"{text}\" is no duration. Write a number and s, m, h or d, for example 15m."
        )
    };
    if text == "0" {
        return Ok(0);
    }
    let unit = UNITS.into_iter().find(|(letter, _)| text.ends_with(*letter));
    let (letter, seconds) = unit.ok_or_else(unreadable)?;
    let count: u32 = text.trim_end_matches(letter).trim().parse().map_err(|_| unreadable())?;
    let total = count.checked_mul(seconds).filter(|it| *it <= seconds_max);
    total.ok_or_else(|| {
        let max = told(seconds_max);
        format!("{flag} \"{text}\" is too long. {max} is the most.")
    })
}

/// `6h`, `90s`: as it is typed.
pub(crate) fn told(seconds: u32) -> String {
    match seconds {
        0 => "0s".to_owned(),
        it if it % 86_400 == 0 => format!("{}d", it / 86_400),
        it if it % 3_600 == 0 => format!("{}h", it / 3_600),
        it if it % 60 == 0 => format!("{}m", it / 60),
        it => format!("{it}s"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &str, expected: &str) {
        let told = match seconds_of("--catch-up", text, 604_800) {
            Ok(seconds) => told(seconds),
            Err(why) => why,
        };
        assert_eq!(told, expected);
    }

    #[test]
    fn a_duration_is_a_number_and_a_unit() {
        check("0", "0s");
        check("90s", "90s");
        check("120s", "2m");
        check(" 6h ", "6h");
        check("7d", "7d");
        check("8d", "--catch-up \"8d\" is too long. 7d is the most.");
        for wrong in ["", "6", "h", "-1h", "1.5h", "6 hours", "99999999999d"] {
            let told = seconds_of("--catch-up", wrong, 604_800).unwrap_err();
            assert!(told.contains("is no duration"), "{wrong}: {told}");
        }
    }

    #[test]
    fn an_expression_and_a_choice_edit_one_value() {
        let plain = ScheduleChoices {
            schedule: None,
            every: None,
            time_zone: None,
            catch_up: None,
            jitter: None,
            pause_after: None,
        };
        let mut settings = ScheduleSettings::default();
        let every = ScheduleChoices { every: Some("15m".to_owned()), ..plain };
        every.apply(&mut settings).unwrap();
        assert_eq!((settings.enabled, settings.expression.as_str()), (true, "*/15 * * * *"));
        let set = |text: &str| ScheduleChoices {
            schedule: Some(text.to_owned()),
            every: None,
            time_zone: None,
            catch_up: None,
            jitter: None,
            pause_after: None,
        };
        set("off").apply(&mut settings).unwrap();
        assert_eq!((settings.enabled, settings.expression.as_str()), (false, "*/15 * * * *"));
        set("on").apply(&mut settings).unwrap();
        assert!(settings.enabled);
        set("0 0 2 * * ?").apply(&mut settings).unwrap();
        assert_eq!((settings.enabled, settings.expression.as_str()), (true, "0 0 2 * * ?"));
    }
}
