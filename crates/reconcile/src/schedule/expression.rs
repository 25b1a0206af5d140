//! An expression as an admin types it, in either dialect, understood and checked.

use std::fmt;

use croner::Cron;
use croner::parser::{CronParser, Seconds, Year};
use jiff::civil::DateTime;

use crate::schedule::field::{self, Dialect, Field, FieldError, FieldName, SpecialDay};

/// What an admin typed, and what it means. Two that mean the same are equal.
#[derive(Clone, Debug)]
pub struct Expression {
    text: String,
    pub(super) fields: Fields,
    cron: Cron,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Fields {
    pub(super) second: Field,
    pub(super) minute: Field,
    pub(super) hour: Field,
    pub(super) day_of_month: Field,
    pub(super) month: Field,
    pub(super) day_of_week: Field,
    pub(super) year: Field,
}

/// What a schedule does where the clock is changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rhythm {
    /// It names times of the day: each comes once a day, also in a missing or a repeated hour.
    Fixed,
    /// The hour is a step: elapsed time counts, so a repeated hour has its own runs. A run that
    /// falls in a missing hour is made up for, or there would be a pause of two steps.
    Hours,
    /// Every hour: elapsed time counts, and a missing hour was none.
    EveryHour,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ExpressionError {
    Empty,
    TooLong,
    FieldCount {
        found: usize,
    },
    Nickname {
        text: String,
    },
    Field(FieldError),
    BothDays,
    NoDay,
    Never,
    /// The parser knows better than we do.
    Refused {
        why: String,
    },
}

const TEXT_MAX: usize = 200;
/// Before any year that may be written down.
const BEGINNING: DateTime = DateTime::constant(1969, 12, 31, 23, 59, 59, 0);

impl Expression {
    pub fn parse(text: &str) -> Result<Expression, ExpressionError> {
        let text = text.trim();
        if text.is_empty() {
            return Err(ExpressionError::Empty);
        }
        if TEXT_MAX < text.len() {
            return Err(ExpressionError::TooLong);
        }
        let fields = Fields::parse(text)?;
        let cron = fields.cron()?;
        let expression = Expression { text: text.to_owned(), fields, cron };
        match expression.next_on_the_wall(BEGINNING, Edge::Exclusive) {
            Some(_) => Ok(expression),
            None => Err(ExpressionError::Never),
        }
    }

    /// As it was typed.
    pub fn text(&self) -> &str {
        &self.text
    }

    pub fn rhythm(&self) -> Rhythm {
        match self.fields.hour.step {
            Some(1) => Rhythm::EveryHour,
            Some(2..=12) => Rhythm::Hours,
            Some(_) | None => Rhythm::Fixed,
        }
    }

    /// The next time at which a clock on the wall shows what the expression asks for, as if the
    /// clock were never changed.
    pub(super) fn next_on_the_wall(&self, from: DateTime, edge: Edge) -> Option<DateTime> {
        self.cron.find_next_occurrence(&from, edge == Edge::Inclusive).ok()
    }
}

/// Whether a search may find where it begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Edge {
    Inclusive,
    Exclusive,
}

impl Fields {
    fn parse(text: &str) -> Result<Fields, ExpressionError> {
        let text = if text.starts_with('@') { nickname(text)? } else { text };
        let parts: Vec<&str> = text.split_whitespace().collect();
        let (dialect, parts) = match *parts.as_slice() {
            [minute, hour, day_of_month, month, day_of_week] => {
                (Dialect::Cron, ["0", minute, hour, day_of_month, month, day_of_week, "*"])
            }
            [second, minute, hour, day_of_month, month, day_of_week] => {
                (Dialect::Quartz, [second, minute, hour, day_of_month, month, day_of_week, "*"])
            }
            [second, minute, hour, day_of_month, month, day_of_week, year] => {
                (Dialect::Quartz, [second, minute, hour, day_of_month, month, day_of_week, year])
            }
            _ => return Err(ExpressionError::FieldCount { found: parts.len() }),
        };
        let [second, minute, hour, day_of_month, month, day_of_week, year] = parts;
        if dialect == Dialect::Quartz {
            check_days(day_of_month, day_of_week)?;
        }
        let read = |name, part| field::parse(name, dialect, part).map_err(ExpressionError::Field);
        Ok(Fields {
            second: read(FieldName::Second, second)?,
            minute: read(FieldName::Minute, minute)?,
            hour: read(FieldName::Hour, hour)?,
            day_of_month: read(FieldName::DayOfMonth, day_of_month)?,
            month: read(FieldName::Month, month)?,
            day_of_week: read(FieldName::DayOfWeek, day_of_week)?,
            year: read(FieldName::Year, year)?,
        })
    }

    /// Whether a day has to be right by both of its fields. Otherwise one that is restricted
    /// decides, and of two that are, either.
    pub(super) fn needs_both_days(&self) -> bool {
        self.day_of_month.is_starred || self.day_of_week.is_starred
    }

    /// The library is given numbers alone: what dialects make of names, steps and ranges that go
    /// round is settled before.
    fn cron(&self) -> Result<Cron, ExpressionError> {
        let Fields { second, minute, hour, day_of_month, month, day_of_week, year } = self;
        let text =
            [second, minute, hour, day_of_month, month, day_of_week, year].map(numbers).join(" ");
        CronParser::builder()
            .seconds(Seconds::Required)
            .year(Year::Required)
            .dom_and_dow(self.needs_both_days())
            .build()
            .parse(&text)
            .map_err(|error| ExpressionError::Refused { why: error.to_string() })
    }
}

fn nickname(text: &str) -> Result<&'static str, ExpressionError> {
    match text.to_ascii_lowercase().as_str() {
        "@hourly" => Ok("0 * * * *"),
        "@daily" | "@midnight" => Ok("0 0 * * *"),
        "@weekly" => Ok("0 0 * * 0"),
        "@monthly" => Ok("0 0 1 * *"),
        "@yearly" | "@annually" => Ok("0 0 1 1 *"),
        _ => Err(ExpressionError::Nickname { text: text.to_owned() }),
    }
}

/// In the form with seconds, a day is named by one field, and the other one is `?`.
fn check_days(day_of_month: &str, day_of_week: &str) -> Result<(), ExpressionError> {
    let is_open = |it: &str| it == "?" || it == "*";
    if day_of_month == "?" && day_of_week == "?" {
        return Err(ExpressionError::NoDay);
    }
    if !is_open(day_of_month) && !is_open(day_of_week) {
        return Err(ExpressionError::BothDays);
    }
    Ok(())
}

fn numbers(field: &Field) -> String {
    if field.is_any {
        return "*".to_owned();
    }
    let values = field.values.iter().map(u16::to_string);
    let days = field.days.iter().map(|day| match day {
        SpecialDay::Last => "L".to_owned(),
        SpecialDay::LastWorkday => "LW".to_owned(),
        SpecialDay::NearestWorkday(day) => format!("{day}W"),
        SpecialDay::Nth { day, nth } => format!("{day}#{nth}"),
        SpecialDay::LastOf(day) => format!("{day}L"),
    });
    values.chain(days).collect::<Vec<_>>().join(",")
}

impl PartialEq for Expression {
    fn eq(&self, other: &Expression) -> bool {
        fn meaning(fields: &Fields) -> impl PartialEq {
            let Fields { second, minute, hour, day_of_month, month, day_of_week, year } = fields;
            let values = [second, minute, hour, month, year].map(|it| it.values.clone());
            let days = [day_of_month, day_of_week];
            let needs_both = fields.needs_both_days() && days.iter().all(|it| !it.is_any);
            (values, days.map(|it| (it.values.clone(), it.days.clone(), it.is_any)), needs_both)
        }
        meaning(&self.fields) == meaning(&other.fields) && self.rhythm() == other.rhythm()
    }
}

impl fmt::Display for ExpressionError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            ExpressionError::Empty => f.write_str(
                "The cron expression is empty. Write one such as 0 2 * * * (daily at 02:00).",
            ),
            ExpressionError::TooLong => {
                write!(f, "The cron expression is longer than {TEXT_MAX} characters.")
            }
            ExpressionError::FieldCount { found } => write!(
                f,
                "A cron expression has five fields (minute, hour, day of the month, month, day of \
                 the week) or six to seven (second first, year last); this one has {found}."
            ),
            ExpressionError::Nickname { text } => write!(
                f,
                "There is no schedule \"{text}\": a connector runs by the clock. Write @hourly, \
                 @daily, @weekly, @monthly, @yearly or a cron expression."
            ),
            ExpressionError::Field(error) => error.fmt(f),
            ExpressionError::BothDays => f.write_str(
                "Both the day of the month and the day of the week are set. With seconds, a cron \
                 expression may set one of them; the other one is ?.",
            ),
            ExpressionError::NoDay => f.write_str(
                "Both the day of the month and the day of the week are ?. One of them is * or set.",
            ),
            ExpressionError::Never => f.write_str(
                "This never happens: no month has such a day. \
                 Change the day of the month or the month.",
            ),
            ExpressionError::Refused { why } => {
                write!(f, "The cron expression cannot be used: {why}")
            }
        }
    }
}

impl std::error::Error for ExpressionError {}
