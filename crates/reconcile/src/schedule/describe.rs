//! An expression as a sentence.

use std::collections::BTreeSet;

use crate::schedule::expression::{Expression, Fields};
use crate::schedule::field::{Field, SpecialDay};

/// `At 02:30, Monday to Friday.`
pub fn sentence(expression: &Expression) -> String {
    let fields = &expression.fields;
    let mut parts = vec![time(fields)];
    parts.extend(day(fields));
    if !fields.month.is_any {
        parts.push(format!("in {}", listed(&fields.month.values, |it| name(&MONTHS, it - 1))));
    }
    if !fields.year.is_any {
        parts.push(format!("in {}", listed(&fields.year.values, number)));
    }
    // A time of the day alone leaves open whether there is one every day.
    let is_all_day = |it: &String| it.starts_with("Every") || it.ends_with("every hour");
    if parts.len() == 1 && !parts.iter().all(is_all_day) {
        parts.push("every day".to_owned());
    }
    format!("{}.", parts.join(", "))
}

const DAYS: [&str; 7] =
    ["Sunday", "Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday"];
const MONTHS: [&str; 12] = [
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
];
/// More times of the day than these are told by their hours and minutes.
const TIMES_MAX: usize = 6;

fn time(fields: &Fields) -> String {
    let Fields { second, minute, hour, .. } = fields;
    if let Some(hours) = every_few_hours(fields) {
        return hours;
    }
    if let Some(times) = times_of_day(fields) {
        return format!("At {times}");
    }
    let hours = match hour.step {
        Some(1) => None,
        Some(step) if 24 % step == 0 => {
            let first = hour.values.first().copied().unwrap_or_default();
            let since = if first == 0 { String::new() } else { format!(" from {first:02}:00") };
            Some(format!("of every {} hour{since}", ordinal(step)))
        }
        Some(_) | None => Some(format!("of hour {}", listed(&hour.values, number))),
    };
    let minutes = of_an_hour(minute, "minute");
    let every_second = of_an_hour(second, "second");
    let minute_part = match (minutes, hours) {
        (Part::Every(text), None) => text,
        (Part::Every(text), Some(hours)) => format!("{text} {hours}"),
        (Part::At(0), None) => "Every hour".to_owned(),
        (Part::At(at), None) => format!("Every hour at {at} {} past", plural(at, "minute")),
        (Part::At(at), Some(hours)) => format!("At minute {at} {hours}"),
        (Part::Listed(list), hours) => {
            format!("At {list} {}", hours.as_deref().unwrap_or("of every hour"))
        }
    };
    match every_second {
        Part::At(0) => minute_part,
        Part::At(at) => format!("{minute_part}, at second {at}"),
        Part::Every(text) if minute_part == "Every minute" => text,
        Part::Every(text) => format!("{text} of: {}", lowered(&minute_part)),
        Part::Listed(list) => format!("{minute_part}, at {list}"),
    }
}

/// `Every 4 hours`, if that is all.
fn every_few_hours(fields: &Fields) -> Option<String> {
    let step = fields.hour.step.filter(|it| (2..=12).contains(it) && 24 % it == 0)?;
    let [second, minute, hour] = [&fields.second, &fields.minute, &fields.hour];
    if 1 < second.values.len() || 1 < minute.values.len() {
        return None;
    }
    let first = |it: &Field| it.values.first().copied().unwrap_or_default();
    let since = match (first(hour), first(minute), first(second)) {
        (0, 0, 0) => String::new(),
        (hour, minute, 0) => format!(" from {hour:02}:{minute:02} on"),
        (hour, minute, second) => format!(" from {hour:02}:{minute:02}:{second:02} on"),
    };
    Some(format!("Every {step} hours{since}"))
}

/// What a minute or second field says.
enum Part {
    Every(String),
    At(u16),
    Listed(String),
}

fn of_an_hour(field: &Field, noun: &str) -> Part {
    let first = field.values.first().copied().unwrap_or_default();
    match field.step {
        Some(1) => Part::Every(format!("Every {noun}")),
        Some(step) if 60 % step == 0 => {
            let since = if first == 0 { String::new() } else { format!(" from {noun} {first} on") };
            Part::Every(format!("Every {step} {noun}s{since}"))
        }
        Some(_) | None if field.values.len() == 1 => Part::At(first),
        Some(_) | None => Part::Listed(format!("{noun}s {}", listed(&field.values, number))),
    }
}

/// `02:15 and 02:45`, if there are not too many.
fn times_of_day(fields: &Fields) -> Option<String> {
    let Fields { second, minute, hour, .. } = fields;
    let count = second.values.len() * minute.values.len() * hour.values.len();
    if TIMES_MAX < count || hour.step == Some(1) {
        return None;
    }
    let mut times = Vec::new();
    for hour in &hour.values {
        for minute in &minute.values {
            for second in &second.values {
                times.push(match second {
                    0 => format!("{hour:02}:{minute:02}"),
                    second => format!("{hour:02}:{minute:02}:{second:02}"),
                });
            }
        }
    }
    Some(joined(&times))
}

fn day(fields: &Fields) -> Option<String> {
    let Fields { day_of_month, day_of_week, .. } = fields;
    match (day_of_month.is_any, day_of_week.is_any) {
        (true, true) => None,
        (false, true) => Some(format!("on {}", days_of_month(day_of_month))),
        (true, false) => Some(weekdays_alone(day_of_week)),
        (false, false) => {
            let dates = days_of_month(day_of_month);
            let weekdays = days_of_week(day_of_week);
            if fields.needs_both_days() {
                return Some(format!("on {dates}, if it is {weekdays}"));
            }
            Some(format!("on {dates} and also on {weekdays}"))
        }
    }
}

fn days_of_month(field: &Field) -> String {
    let mut parts = Vec::new();
    if !field.values.is_empty() {
        parts.push(format!("day {} of the month", listed(&field.values, number)));
    }
    for day in &field.days {
        match day {
            SpecialDay::Last => parts.push("the last day of the month".to_owned()),
            SpecialDay::LastWorkday => {
                parts.push("the last working day (Monday to Friday) of the month".to_owned());
            }
            SpecialDay::NearestWorkday(day) => {
                parts.push(format!(
                    "the working day (Monday to Friday) nearest to day {day} of the month"
                ));
            }
            SpecialDay::Nth { .. } | SpecialDay::LastOf(_) => {}
        }
    }
    joined(&parts)
}

fn weekdays_alone(field: &Field) -> String {
    if field.days.is_empty() && 1 < field.values.len() {
        return days_of_week(field);
    }
    let prefix = if field.days.is_empty() { "every" } else { "on" };
    format!("{prefix} {}", days_of_week(field))
}

fn days_of_week(field: &Field) -> String {
    let mut parts = Vec::new();
    if !field.values.is_empty() {
        // A week that is told begins on Monday.
        let from_monday = field.values.iter().map(|it| (it + 6) % 7).collect();
        parts.push(listed(&from_monday, |it| name(&DAYS, (it + 1) % 7)));
    }
    for day in &field.days {
        match day {
            SpecialDay::Nth { day, nth } => {
                parts.push(format!("the {} {} of the month", ordinal(*nth), name(&DAYS, *day)));
            }
            SpecialDay::LastOf(day) => {
                parts.push(format!("the last {} of the month", name(&DAYS, *day)));
            }
            SpecialDay::Last | SpecialDay::LastWorkday | SpecialDay::NearestWorkday(_) => {}
        }
    }
    joined(&parts)
}

/// `1, 2 and 8 to 18`
fn listed(values: &BTreeSet<u16>, told: impl Fn(u16) -> String) -> String {
    let mut ranges: Vec<(u16, u16)> = Vec::new();
    for &value in values {
        match ranges.last_mut() {
            Some((_, last)) if *last + 1 == value => *last = value,
            _ => ranges.push((value, value)),
        }
    }
    let mut parts = Vec::new();
    for (first, last) in ranges {
        match last - first {
            0 => parts.push(told(first)),
            1 => parts.extend([told(first), told(last)]),
            _ => parts.push(format!("{} to {}", told(first), told(last))),
        }
    }
    joined(&parts)
}

fn joined(parts: &[String]) -> String {
    match parts {
        [] => String::new(),
        [only] => only.clone(),
        [most @ .., last] => format!("{} and {last}", most.join(", ")),
    }
}

fn number(value: u16) -> String {
    value.to_string()
}

fn name(names: &[&str], index: u16) -> String {
    names.get(usize::from(index)).copied().unwrap_or_default().to_owned()
}

fn ordinal(number: u16) -> String {
    let suffix = match (number % 10, number % 100) {
        (_, 11..=13) => "th",
        (1, _) => "st",
        (2, _) => "nd",
        (3, _) => "rd",
        _ => "th",
    };
    format!("{number}{suffix}")
}

fn plural(count: u16, noun: &str) -> String {
    if count == 1 { noun.to_owned() } else { format!("{noun}s") }
}

fn lowered(text: &str) -> String {
    let mut characters = text.chars();
    let first = characters.next().map(|it| it.to_ascii_lowercase());
    first.into_iter().chain(characters).collect()
}
