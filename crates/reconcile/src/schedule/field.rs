//! One field of an expression: which values it allows, and what is wrong with it if it allows none.

use std::collections::BTreeSet;
use std::fmt;

/// The fields, in the order in which the longest form writes them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum FieldName {
    Second,
    Minute,
    Hour,
    DayOfMonth,
    Month,
    DayOfWeek,
    Year,
}

/// The two ways of writing an expression. They number the days of the week differently.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Dialect {
    /// Five fields; Sunday is 0 or 7.
    Cron,
    /// Six or seven fields, seconds first; Sunday is 1, Saturday is 7.
    Quartz,
}

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Field {
    /// The plain values; of days of the week 0 to 6, Sunday first, whatever the dialect.
    pub values: BTreeSet<u16>,
    pub days: Vec<SpecialDay>,
    /// `*` or `?`
    pub is_any: bool,
    /// Begins with `*`, such as `*/2`.
    pub is_starred: bool,
    /// The step, where the field is a step from its beginning to its end: `*/4`, `1/4`, `0-23/4`.
    pub step: Option<u16>,
}

/// A day that depends on the month.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SpecialDay {
    /// `L`: the last day of the month.
    Last,
    /// `LW`: the last Monday to Friday of the month.
    LastWorkday,
    /// `15W`: the Monday to Friday nearest to a day, in the same month.
    NearestWorkday(u16),
    /// `6#3`: the third Friday of the month; the day counts from Sunday, 0.
    Nth { day: u16, nth: u16 },
    /// `6L`: the last Friday of the month.
    LastOf(u16),
}

/// What is wrong with a field.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FieldError {
    pub field: FieldName,
    pub problem: Problem,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Problem {
    OutOfRange { value: String },
    Unreadable { part: String },
    Empty,
    Step { step: String },
    NthOutOfRange { part: String },
    DaysBeforeTheLast { part: String },
    LastWithoutDay,
    Unspecified,
}

impl FieldName {
    pub const ALL: [FieldName; 7] = [
        FieldName::Second,
        FieldName::Minute,
        FieldName::Hour,
        FieldName::DayOfMonth,
        FieldName::Month,
        FieldName::DayOfWeek,
        FieldName::Year,
    ];

    fn range(self, dialect: Dialect) -> (u16, u16) {
        match self {
            FieldName::Second | FieldName::Minute => (0, 59),
            FieldName::Hour => (0, 23),
            FieldName::DayOfMonth => (1, 31),
            FieldName::Month => (1, 12),
            FieldName::DayOfWeek => match dialect {
                Dialect::Cron => (0, 7),
                Dialect::Quartz => (1, 7),
            },
            FieldName::Year => (1970, 2099),
        }
    }

    /// How many values there are before they begin again.
    fn count(self) -> u16 {
        let (min, max) = self.range(Dialect::Quartz);
        max - min + 1
    }

    fn names(self) -> &'static [&'static str] {
        match self {
            FieldName::Month => &[
                "JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC",
            ],
            FieldName::DayOfWeek => &["SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT"],
            FieldName::Second
            | FieldName::Minute
            | FieldName::Hour
            | FieldName::DayOfMonth
            | FieldName::Year => &[],
        }
    }

    fn is_day(self) -> bool {
        matches!(self, FieldName::DayOfMonth | FieldName::DayOfWeek)
    }
}

impl fmt::Display for FieldName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            FieldName::Second => "second",
            FieldName::Minute => "minute",
            FieldName::Hour => "hour",
            FieldName::DayOfMonth => "day of the month",
            FieldName::Month => "month",
            FieldName::DayOfWeek => "day of the week",
            FieldName::Year => "year",
        })
    }
}

impl fmt::Display for FieldError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let FieldError { field, problem } = self;
        match problem {
            Problem::OutOfRange { value } => {
                let range = allowed(*field);
                write!(f, "The {field} must be {range}; \"{value}\" is not.")
            }
            Problem::Unreadable { part } => write!(
                f,
                "The {field} cannot be read: \"{part}\". Write {}, a range a-b, a step */n, \
                 or several with commas between them.",
                allowed(*field)
            ),
            Problem::Empty => {
                write!(f, "The {field} has a comma with nothing before or behind it.")
            }
            Problem::Step { step } => write!(
                f,
                "The {field} has a step of \"{step}\". A step is a number from 1 to {}.",
                field.count() - 1
            ),
            Problem::NthOutOfRange { part } => write!(
                f,
                "The {field} is \"{part}\", but a month has no more than five of a day: \
                 write #1 to #5, or L for the last."
            ),
            Problem::DaysBeforeTheLast { part } => write!(
                f,
                "The {field} is \"{part}\". Days counted from the end of the month are not \
                 supported: use L for the last day, LW for the last Monday to Friday, or a number."
            ),
            Problem::LastWithoutDay => write!(
                f,
                "The {field} is \"L\" without a day. Name it, such as 5L for the last Friday."
            ),
            Problem::Unspecified => write!(
                f,
                "The {field} cannot be \"?\". Only the day of the month or the day of the week can."
            ),
        }
    }
}

/// Reads one field.
pub fn parse(field: FieldName, dialect: Dialect, text: &str) -> Result<Field, FieldError> {
    let fail = |problem| FieldError { field, problem };
    let text = text.to_ascii_uppercase();
    if text == "?" && !field.is_day() {
        return Err(fail(Problem::Unspecified));
    }
    if text == "*" || text == "?" {
        let values = expand(field, dialect, field.range(dialect), 1);
        let is_starred = text == "*";
        return Ok(Field { values, is_any: true, is_starred, step: Some(1), days: Vec::new() });
    }
    let mut parsed = Field { is_starred: text.starts_with('*'), ..Field::default() };
    let is_alone = !text.contains(',');
    for part in text.split(',') {
        if part.is_empty() {
            return Err(fail(Problem::Empty));
        }
        if let Some(day) = special_day(field, dialect, part).map_err(fail)? {
            parsed.days.push(day);
            continue;
        }
        let (values, step) = plain(field, dialect, part).map_err(fail)?;
        parsed.values.extend(values);
        parsed.step = step.filter(|_| is_alone);
    }
    Ok(parsed)
}

fn special_day(
    field: FieldName,
    dialect: Dialect,
    part: &str,
) -> Result<Option<SpecialDay>, Problem> {
    let number = |text: &str| value(field, dialect, text);
    match field {
        FieldName::DayOfMonth => match (part, part.strip_suffix('W')) {
            ("L", _) => Ok(Some(SpecialDay::Last)),
            ("LW", _) => Ok(Some(SpecialDay::LastWorkday)),
            (_, Some(day)) => Ok(Some(SpecialDay::NearestWorkday(number(day)?))),
            (_, None) if part.starts_with("L-") => {
                Err(Problem::DaysBeforeTheLast { part: part.to_owned() })
            }
            (_, None) => Ok(None),
        },
        FieldName::DayOfWeek => {
            let day_of = |text: &str| Ok(from_sunday(dialect, number(text)?));
            if part == "L" {
                return match dialect {
                    Dialect::Quartz => Ok(None),
                    Dialect::Cron => Err(Problem::LastWithoutDay),
                };
            }
            if let Some(day) = part.strip_suffix('L') {
                return Ok(Some(SpecialDay::LastOf(day_of(day)?)));
            }
            let Some((day, nth)) = part.split_once('#') else { return Ok(None) };
            let is_in_month = |it: &u16| (1..=5).contains(it);
            let nth = nth.parse().ok().filter(is_in_month);
            let nth = nth.ok_or_else(|| Problem::NthOutOfRange { part: part.to_owned() })?;
            Ok(Some(SpecialDay::Nth { day: day_of(day)?, nth }))
        }
        FieldName::Second
        | FieldName::Minute
        | FieldName::Hour
        | FieldName::Month
        | FieldName::Year => Ok(None),
    }
}

/// `5`, `1-5`, `*/2`, `0/15` or `1-5/2`; with the step if it goes through the whole field.
fn plain(
    field: FieldName,
    dialect: Dialect,
    part: &str,
) -> Result<(BTreeSet<u16>, Option<u16>), Problem> {
    let (min, max) = field.range(dialect);
    let (range, step_text) = match part.split_once('/') {
        Some((range, step)) => (range, Some(step)),
        None => (part, None),
    };
    let step = match step_text {
        Some(text) => step_of(field, text)?,
        None => 1,
    };
    // Quartz calls Saturday the last day of the week.
    let range = if field == FieldName::DayOfWeek && range == "L" { "7" } else { range };
    let (first, last) = match range.split_once('-') {
        _ if range == "*" => (min, max),
        Some((first, last)) => (value(field, dialect, first)?, value(field, dialect, last)?),
        None if step_text.is_some() => (value(field, dialect, range)?, min + field.count() - 1),
        None => {
            let only = value(field, dialect, range)?;
            (only, only)
        }
    };
    if field == FieldName::Year && last < first {
        return Err(Problem::Unreadable { part: part.to_owned() });
    }
    let is_whole = last == max && first < min + step;
    let is_repeated = first != last && is_whole;
    Ok((expand(field, dialect, (first, last), step), is_repeated.then_some(step)))
}

/// From the first to the last value; a range such as `22-2` goes on at the beginning.
fn expand(
    field: FieldName,
    dialect: Dialect,
    (first, last): (u16, u16),
    step: u16,
) -> BTreeSet<u16> {
    let (min, _) = field.range(dialect);
    let last = if first <= last { last } else { last + field.count() };
    let wrapped = |it: u16| if it - min < field.count() { it } else { it - field.count() };
    let number = |it: u16| match field {
        FieldName::DayOfWeek => from_sunday(dialect, wrapped(it)),
        FieldName::Second
        | FieldName::Minute
        | FieldName::Hour
        | FieldName::DayOfMonth
        | FieldName::Month
        | FieldName::Year => wrapped(it),
    };
    (first..=last).step_by(usize::from(step)).map(number).collect()
}

fn step_of(field: FieldName, text: &str) -> Result<u16, Problem> {
    let is_possible = |it: &u16| 0 < *it && *it < field.count();
    let step = text.parse().ok().filter(is_possible);
    step.ok_or_else(|| Problem::Step { step: text.to_owned() })
}

/// A number or a name, in the numbers of the dialect.
fn value(field: FieldName, dialect: Dialect, text: &str) -> Result<u16, Problem> {
    let (min, max) = field.range(dialect);
    if let Some(position) = field.names().iter().position(|it| *it == text) {
        // The first name stands for the least number: Sunday is 0 or 1, January is 1.
        return Ok(u16::try_from(position).unwrap_or_default() + min);
    }
    if text.is_empty() || !text.bytes().all(|it| it.is_ascii_digit()) {
        return Err(Problem::Unreadable { part: text.to_owned() });
    }
    let number = text.parse().ok().filter(|it| (min..=max).contains(it));
    number.ok_or_else(|| Problem::OutOfRange { value: text.to_owned() })
}

fn from_sunday(dialect: Dialect, day: u16) -> u16 {
    match dialect {
        Dialect::Cron => day % 7,
        Dialect::Quartz => day - 1,
    }
}

fn allowed(field: FieldName) -> &'static str {
    match field {
        FieldName::Second | FieldName::Minute => "0 to 59",
        FieldName::Hour => "0 to 23",
        FieldName::DayOfMonth => "1 to 31",
        FieldName::Month => "1 to 12 or JAN to DEC",
        FieldName::DayOfWeek => "0 to 7 or SUN to SAT (with six fields 1 to 7, Sunday is 1)",
        FieldName::Year => "1970 to 2099",
    }
}
