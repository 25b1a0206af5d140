//! What expressions mean, in tables.

mod changes;
mod due;
mod every_zone;

use jiff::Timestamp;
use jiff::tz::TimeZone;

use super::Schedule;
use super::choice::Choice;
use super::describe::sentence;
use super::expression::{Expression, Rhythm};

pub(super) fn at(text: &str) -> Timestamp {
    text.parse().unwrap()
}

pub(super) fn schedule(expression: &str, zone: &str) -> Schedule {
    Schedule {
        expression: Expression::parse(expression).unwrap(),
        zone: TimeZone::get(zone).unwrap(),
    }
}

#[track_caller]
fn check_refused(text: &str, expected: &str) {
    match Expression::parse(text) {
        Ok(_) => panic!("{text} is not refused"),
        Err(error) => assert_eq!(error.to_string(), expected, "{text}"),
    }
}

#[test]
fn what_is_out_of_range_is_refused_and_the_field_is_named() {
    check_refused("61 * * * *", "The minute must be 0 to 59; \"61\" is not.");
    check_refused("* 24 * * *", "The hour must be 0 to 23; \"24\" is not.");
    check_refused("0 0 0 32 * ?", "The day of the month must be 1 to 31; \"32\" is not.");
    check_refused("0 0 0 0 * ?", "The day of the month must be 1 to 31; \"0\" is not.");
    check_refused("0 0 1 13 *", "The month must be 1 to 12 or JAN to DEC; \"13\" is not.");
    check_refused("75 0 0 * * ?", "The second must be 0 to 59; \"75\" is not.");
    check_refused("0 0 0 ? * 8", DAY_OF_WEEK_8);
    check_refused("0 0 * * 8", DAY_OF_WEEK_8);
    check_refused("0 0 0 * * ? 1812", "The year must be 1970 to 2099; \"1812\" is not.");
    check_refused("0 0-24 * * *", "The hour must be 0 to 23; \"24\" is not.");
    check_refused("0 0 32W * ?", "The day of the month must be 1 to 31; \"32\" is not.");
    check_refused("99999999999 * * * *", "The minute must be 0 to 59; \"99999999999\" is not.");
    let sunday_is_one = Expression::parse("0 0 0 ? * 0").unwrap_err().to_string();
    assert!(sunday_is_one.contains("with six fields 1 to 7, Sunday is 1"), "{sunday_is_one}");
}

const DAY_OF_WEEK_8: &str = "The day of the week must be 0 to 7 or SUN to SAT (with six fields \
     1 to 7, Sunday is 1); \"8\" is not.";

#[test]
fn what_cannot_be_read_is_refused_with_what_to_write() {
    let minute = "Write 0 to 59, a range a-b, a step */n, or several with commas between them.";
    for (text, part) in
        [("x * * * *", "X"), ("-5 * * * *", ""), ("5- * * * *", ""), ("ä * * * *", "ä")]
    {
        check_refused(text, &format!("The minute cannot be read: \"{part}\". {minute}"));
    }
    check_refused("1,,2 * * * *", "The minute has a comma with nothing before or behind it.");
    check_refused(
        "*/0 * * * *",
        "The minute has a step of \"0\". A step is a number from 1 to 59.",
    );
    check_refused(
        "*/90 * * * *",
        "The minute has a step of \"90\". A step is a number from 1 to 59.",
    );
    check_refused("0 */x * * *", "The hour has a step of \"X\". A step is a number from 1 to 23.");
    check_refused(
        "? 0 * * *",
        "The minute cannot be \"?\". Only the day of the month or the day of the week can.",
    );
    check_refused(
        "0 0 0 L-2 * ?",
        "The day of the month is \"L-2\". Days counted from the end of the month are not \
         supported: use L for the last day, LW for the last Monday to Friday, or a number.",
    );
    check_refused(
        "0 0 0 ? * 6#6",
        "The day of the week is \"6#6\", but a month has no more than five of a day: \
         write #1 to #5, or L for the last.",
    );
    check_refused(
        "0 0 * * L",
        "The day of the week is \"L\" without a day. Name it, such as 5L for the last Friday.",
    );
    let unfit = "A cron expression has five fields (minute, hour, day of the month, month, day of \
                 the week) or six to seven (second first, year last); this one has";
    check_refused("* * * *", &format!("{unfit} 4."));
    check_refused("* * * * * ? * *", &format!("{unfit} 8."));
    check_refused("hourly", &format!("{unfit} 1."));
    check_refused(
        " ",
        "The cron expression is empty. Write one such as 0 2 * * * (daily at 02:00).",
    );
    check_refused(&"1,".repeat(300), "The cron expression is longer than 200 characters.");
    check_refused(
        "@reboot",
        "There is no schedule \"@reboot\": a connector runs by the clock. Write @hourly, @daily, \
         @weekly, @monthly, @yearly or a cron expression.",
    );
}

#[test]
fn with_seconds_a_day_is_named_by_one_field() {
    check_refused(
        "0 0 0 13 * 6",
        "Both the day of the month and the day of the week are set. With seconds, a cron \
         expression may set one of them; the other one is ?.",
    );
    check_refused(
        "0 0 0 ? * ?",
        "Both the day of the month and the day of the week are ?. One of them is * or set.",
    );
}

#[test]
fn what_can_never_happen_is_refused() {
    let never = "This never happens: no month has such a day. \
                 Change the day of the month or the month.";
    for text in ["0 0 31 2 *", "0 0 0 30 2 ?", "0 0 31 4,6,9,11 *", "0 0 0 29 2 ? 2025"] {
        check_refused(text, never);
    }
    for text in ["0 0 29 2 *", "0 0 0 ? 2 2#5", "0 0 31 2 1", "0 0 0 31 1-2 ?"] {
        assert!(Expression::parse(text).is_ok(), "{text}");
    }
}

/// The first slots after an instant, in the time of the zone.
#[track_caller]
fn check_next(expression: &str, zone: &str, after: &str, expected: &[&str]) {
    let schedule = schedule(expression, zone);
    let slots = schedule.upcoming(at(after), expected.len());
    let told: Vec<String> = slots
        .iter()
        .map(|it| it.to_zoned(schedule.zone.clone()).strftime("%Y-%m-%dT%H:%M:%S%:z").to_string())
        .map(|it| it.replacen(":00+", "+", 1).replacen(":00-", "-", 1))
        .collect();
    assert_eq!(told, expected, "{expression} in {zone}");
}

#[test]
fn both_dialects_mean_what_admins_know() {
    let after = "2026-11-25T10:07:30Z"; // a Wednesday
    let check = |expression, expected: &[&str]| {
        let expected: Vec<String> = expected.iter().map(|it| format!("{it}+00:00")).collect();
        let expected: Vec<&str> = expected.iter().map(String::as_str).collect();
        check_next(expression, "Etc/UTC", after, &expected);
    };
    check("*/15 * * * *", &["2026-11-25T10:15", "2026-11-25T10:30"]);
    check("0 0/15 * * * ?", &["2026-11-25T10:15", "2026-11-25T10:30"]);
    check("0 0 2 * * ?", &["2026-11-26T02:00", "2026-11-27T02:00"]);
    check("0 0 2 * * *", &["2026-11-26T02:00"]);
    check("0 2 * * 0", &["2026-11-29T02:00"]);
    check("0 2 * * 7", &["2026-11-29T02:00"]);
    check("0 0 2 ? * 1", &["2026-11-29T02:00"]);
    check("0 0 2 ? * L", &["2026-11-28T02:00"]);
    check("0 0 2 ? * MON-FRI", &["2026-11-26T02:00", "2026-11-27T02:00", "2026-11-30T02:00"]);
    check("0 2 * * fri-mon", &["2026-11-27T02:00", "2026-11-28T02:00", "2026-11-29T02:00"]);
    check("0 0 22-2 * * ?", &["2026-11-25T22:00", "2026-11-25T23:00", "2026-11-26T00:00"]);
    check("0 5/20 8-18 ? * MON-FRI", &["2026-11-25T10:25", "2026-11-25T10:45"]);
    check("0 0 12 1/5 * ?", &["2026-11-26T12:00", "2026-12-01T12:00"]);
    check("0 15 10 L * ?", &["2026-11-30T10:15", "2026-12-31T10:15"]);
    check("0 15 10 LW * ?", &["2026-11-30T10:15", "2026-12-31T10:15", "2027-01-29T10:15"]);
    check("0 15 10 15W * ?", &["2026-12-15T10:15", "2027-01-15T10:15", "2027-02-15T10:15"]);
    check("0 15 10 ? * 6L", &["2026-11-27T10:15", "2026-12-25T10:15"]);
    check("0 15 10 ? * 6#3", &["2026-12-18T10:15", "2027-01-15T10:15"]);
    check("15 10 * * 5L", &["2026-11-27T10:15"]);
    check("0 0 0 1 1 ? 2030", &["2030-01-01T00:00"]);
    check(
        "0 0 13 * 5",
        &["2026-11-27T00:00", "2026-12-04T00:00", "2026-12-11T00:00", "2026-12-13T00:00"],
    );
    check("0 0 */10 * 1", &["2026-12-21T00:00", "2027-01-11T00:00"]);
    check("*/20 * * * * ?", &["2026-11-25T10:07:40", "2026-11-25T10:08"]);
    check("@daily", &["2026-11-26T00:00"]);
    check("0 2 * * ?", &["2026-11-26T02:00"]);
    check("0 0 29 2 *", &["2028-02-29T00:00", "2032-02-29T00:00"]);
}

#[test]
fn an_expression_whose_years_are_over_has_no_next_slot() {
    let over = schedule("0 0 0 1 1 ? 2020-2026", "Europe/Berlin");
    assert_eq!(over.next(at("2026-11-25T00:00Z")), None);
    assert_eq!(
        over.latest(at("2025-06-01T00:00Z"), at("2026-11-25T00:00Z")),
        Some(at("2025-12-31T23:00Z"))
    );
}

#[test]
fn an_expression_is_told_as_a_sentence() {
    for (expression, expected) in [
        ("* * * * *", "Every minute."),
        ("*/15 * * * *", "Every 15 minutes."),
        ("0 0/15 * * * ?", "Every 15 minutes."),
        ("0 5/15 * * * ?", "Every 15 minutes from minute 5 on."),
        ("0 * * * *", "Every hour."),
        ("0 0 * * * ?", "Every hour."),
        ("5,40 * * * *", "At minutes 5 and 40 of every hour."),
        ("30 * * * *", "Every hour at 30 minutes past."),
        ("0 0 2 * * ?", "At 02:00, every day."),
        ("0 30 2 * * ?", "At 02:30, every day."),
        ("0 15,45 2 * * ?", "At 02:15 and 02:45, every day."),
        ("0 */4 * * *", "Every 4 hours."),
        ("0 */2 * * *", "Every 2 hours."),
        ("30 1/2 * * *", "Every 2 hours from 01:30 on."),
        ("*/20 */2 * * *", "Every 20 minutes of every 2nd hour."),
        ("0 8-18 * * 1-5", "At minute 0 of hour 8 to 18, Monday to Friday."),
        ("*/20 8-18 * * *", "Every 20 minutes of hour 8 to 18."),
        ("0 5/25 8-18 * * ?", "At minutes 5, 30 and 55 of hour 8 to 18, every day."),
        ("0 2 * * 0", "At 02:00, every Sunday."),
        ("0 2 * * 0,6", "At 02:00, Saturday and Sunday."),
        ("0 0 2 ? * 6#3", "At 02:00, on the 3rd Friday of the month."),
        ("0 0 2 ? * 6L", "At 02:00, on the last Friday of the month."),
        ("0 0 2 L * ?", "At 02:00, on the last day of the month."),
        ("0 0 2 LW * ?", "At 02:00, on the last working day (Monday to Friday) of the month."),
        (
            "0 0 2 15W * ?",
            "At 02:00, on the working day (Monday to Friday) nearest to day 15 of the month.",
        ),
        ("0 0 2 1,15 * ?", "At 02:00, on day 1 and 15 of the month."),
        ("0 2 13 * 5", "At 02:00, on day 13 of the month and also on Friday."),
        ("0 2 */10 * 1", "At 02:00, on day 1, 11, 21 and 31 of the month, if it is Monday."),
        ("0 2 1 1,6-8 *", "At 02:00, on day 1 of the month, in January and June to August."),
        ("0 0 2 1 1 ? 2030", "At 02:00, on day 1 of the month, in January, in 2030."),
        ("* * * * * ?", "Every second."),
        ("*/5 * * * * ?", "Every 5 seconds."),
        ("30 0 2 * * ?", "At 02:00:30, every day."),
        ("* 2 * * *", "Every minute of hour 2."),
    ] {
        assert_eq!(sentence(&Expression::parse(expression).unwrap()), expected, "{expression}");
    }
}

#[test]
fn a_choice_and_an_expression_edit_the_same_value() {
    for choice in Choice::ALL {
        let expression = Expression::parse(&choice.expression()).unwrap();
        assert_eq!(Choice::of(&expression), Some(choice));
        assert_eq!(Choice::parse(&choice.to_string()), Ok(choice));
    }
    for (expression, expected) in [
        ("0 0/15 * * * ?", Some(Choice::Minutes(15))),
        ("0 0,15,30,45 * * * ?", Some(Choice::Minutes(15))),
        ("0 0 * * * ?", Some(Choice::Hours(1))),
        ("0 0 0/4 * * ?", Some(Choice::Hours(4))),
        ("0 0 2 * * ?", Some(Choice::Day)),
        ("0 0 2 ? * SUN", Some(Choice::Week)),
        ("0 0 3 * * ?", None),
        ("0 5/15 * * * ?", None),
        ("*/15 8-18 * * *", None),
        ("0 0 0/15 * * ?", None),
    ] {
        assert_eq!(Choice::of(&Expression::parse(expression).unwrap()), expected, "{expression}");
    }
    assert_eq!(Choice::parse("60m"), Ok(Choice::Hours(1)));
    assert_eq!(
        Choice::parse("7m").unwrap_err().to_string(),
        "\"7m\" is no interval to choose. Choose one of 1m, 2m, 5m, 10m, 15m, 20m, 30m, 1h, 2h, \
         3h, 4h, 6h, 8h, 12h, 1d, 1w, or write a cron expression."
    );
}

#[test]
fn what_names_hours_is_fixed_and_what_steps_through_the_day_is_not() {
    for (expression, expected) in [
        ("30 2 * * *", Rhythm::Fixed),
        ("0 15,45 2 * * ?", Rhythm::Fixed),
        ("*/15 2 * * *", Rhythm::Fixed),
        ("0 8-18/2 * * *", Rhythm::Fixed),
        ("0 2,14 * * *", Rhythm::Fixed),
        ("0 9/6 * * *", Rhythm::Fixed),
        ("0 */13 * * *", Rhythm::Fixed),
        ("0 */4 * * *", Rhythm::Hours),
        ("0 0 2/4 * * ?", Rhythm::Hours),
        ("0 * * * *", Rhythm::EveryHour),
        ("0 0-23 * * *", Rhythm::EveryHour),
        ("0 0/15 * * * ?", Rhythm::EveryHour),
    ] {
        assert_eq!(Expression::parse(expression).unwrap().rhythm(), expected, "{expression}");
    }
}
