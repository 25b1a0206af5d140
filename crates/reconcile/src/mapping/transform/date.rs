//! Dates from one notation into another: no clock, no time zone.

use std::fmt;

use jiff::civil::DateTime;
use jiff::fmt::strtime::{self, BrokenDownTime};
use jiff::fmt::temporal::Pieces;

/// How a date is read and written.
#[derive(Clone, Debug)]
pub(crate) struct DateFormat {
    /// Where there is none, dates are read as ISO 8601 writes them.
    from: Option<Box<str>>,
    to: Box<str>,
}

/// What may follow `%`: none asks what time or zone it is, none writes more than a few characters.
const LETTERS: &str = "YymdejHIMSpbBaAFTz%";
const FORMAT_CHARS_MAX: usize = 100;

impl DateFormat {
    pub(crate) fn new(from: Option<&str>, to: &str) -> Result<DateFormat, String> {
        for format in from.iter().chain([&to]) {
            check(format)?;
        }
        let made = strtime::format(to, SAMPLE);
        made.map_err(|_| format!("no date can be written as {to:?}"))?;
        Ok(DateFormat { from: from.map(Box::from), to: to.into() })
    }

    pub(super) fn apply(&self, value: &str) -> Option<String> {
        let value = value.trim();
        let time = match &self.from {
            None => {
                let pieces = Pieces::parse(value).ok()?;
                pieces.date().to_datetime(pieces.time().unwrap_or_default())
            }
            Some(from) => {
                let time = BrokenDownTime::parse(&**from, value).ok()?;
                let date = time.to_date().ok()?;
                date.to_datetime(time.to_time().unwrap_or_default())
            }
        };
        strtime::format(&*self.to, time).ok()
    }
}

const SAMPLE: DateTime = DateTime::constant(2024, 2, 29, 13, 5, 9, 0);

fn check(format: &str) -> Result<(), String> {
    if format.chars().count() > FORMAT_CHARS_MAX {
        return Err(format!("a date format is longer than {FORMAT_CHARS_MAX} characters"));
    }
    let mut chars = format.chars();
    let mut has_field = false;
    while let Some(char) = chars.next() {
        if char != '%' {
            continue;
        }
        match chars.next() {
            Some(letter) if LETTERS.contains(letter) => has_field |= letter != '%',
            Some(letter) => {
                return Err(format!("%{letter} is none of the fields of a date (%Y, %m, %d, ..)"));
            }
            None => return Err("nothing follows the % at the end of the date format".to_owned()),
        }
    }
    if has_field {
        return Ok(());
    }
    Err(format!("{format:?} is no date format; write it like %Y-%m-%d"))
}

impl DateFormat {
    /// The arguments, as they are typed.
    pub(super) fn write(&self, write: &mut dyn FnMut(&str) -> fmt::Result) -> fmt::Result {
        if let Some(from) = &self.from {
            write(from)?;
        }
        write(&self.to)
    }
}
