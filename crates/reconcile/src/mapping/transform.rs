//! Transformations of one value, as an admin writes them: `lower | strip-domain`.
//!
//! A closed list, each bounded in time and length, so that no rule can stop a run. They are read once
//! and applied to everybody.

mod date;
pub mod notation;
mod replace;

use std::borrow::Cow;
use std::collections::BTreeMap;

use unicode_normalization::UnicodeNormalization;

use self::date::DateFormat;
use self::replace::Replacement;
use crate::principal::fold;

/// Transformations in their order. `lower | trim` does both, one after the other; of
/// `map "a" = "x" or upper` only the first that applies counts.
#[derive(Clone, Debug, Default)]
pub struct Transformations(Vec<Step>);

/// Alternatives, of which the first that applies counts.
#[derive(Clone, Debug)]
struct Step(Vec<Transformation>);

/// One transformation, compiled.
///
/// Some always apply. Others apply where they find what they look for, and leave the value as it is
/// where they do not.
#[derive(Clone, Debug)]
pub(crate) enum Transformation {
    Lower,
    Upper,
    Trim,
    /// An e-mail address without its domain.
    StripDomain,
    Replace(Box<Replacement>),
    /// One of the parts between separators, from 1, or from -1 at the end.
    Split {
        separator: Box<str>,
        part: isize,
    },
    /// So many characters from the beginning, or from the end where negative.
    Take(isize),
    Prefix(Box<str>),
    Suffix(Box<str>),
    Map(Box<Table>),
    /// What stands in for a value that is empty.
    Default(Box<str>),
    Date(Box<DateFormat>),
    Nfc,
    Nfkc,
    Ascii,
}

/// Values by value, compared without regard to case or Unicode form.
#[derive(Clone, Debug)]
pub(crate) struct Table {
    /// As typed, in the order typed.
    typed: Vec<(Box<str>, Box<str>)>,
    folded: BTreeMap<Box<str>, usize>,
    otherwise: Option<Box<str>>,
}

/// What transformations made of a value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Transformed<'a> {
    pub value: Cow<'a, str>,
    /// Whether something applied of what does not always apply; or there is nothing of that kind.
    pub applied: bool,
}

/// Why transformations cannot be used, and where in the text.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("The transformation at character {column} cannot be used: {why}.")]
pub struct TransformError {
    /// From 1.
    pub column: usize,
    pub why: String,
}

/// Why a value could not be transformed. It is odd for one record, and no other.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TooMuch {
    #[error("it is longer than {VALUE_BYTES_MAX} bytes")]
    Long,
    #[error("its regular expression needs too many steps for a value of this length")]
    Work,
}

/// The longest value that is transformed, and that comes out of any transformation. Directories hold 255
/// characters, so whatever is longer is of no use to them.
pub const VALUE_BYTES_MAX: usize = 4 * 1024;
/// Characters of one text, a long table included.
const TYPED_CHARS_MAX: usize = 32 * 1024;
const TRANSFORMATIONS_MAX: usize = 32;
/// Steps of regular expressions for one value: some hundredths of a second at worst.
pub(crate) const STEPS_MAX: usize = 32 * 1024 * 1024;

impl Transformations {
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Applies all in their order.
    pub fn apply<'a>(&self, value: &'a str) -> Result<Transformed<'a>, TooMuch> {
        let mut value = bounded(Cow::Borrowed(value))?;
        let (mut is_conditional, mut has_applied) = (false, false);
        let mut steps_left = STEPS_MAX;
        for step in &self.0 {
            for transformation in &step.0 {
                is_conditional |= !transformation.always_applies();
                if let Some(next) = transformation.apply(&value, &mut steps_left)? {
                    has_applied |= !transformation.always_applies();
                    value = Cow::Owned(next);
                    break;
                }
            }
        }
        Ok(Transformed { value, applied: has_applied || !is_conditional })
    }
}

fn bounded<T: AsRef<str>>(value: T) -> Result<T, TooMuch> {
    if VALUE_BYTES_MAX < value.as_ref().len() { Err(TooMuch::Long) } else { Ok(value) }
}

impl Transformation {
    /// Whether it does what it does to every value, so that nobody has to ask whether it applied.
    fn always_applies(&self) -> bool {
        match self {
            Transformation::Lower
            | Transformation::Upper
            | Transformation::Trim
            | Transformation::Take(_)
            | Transformation::Prefix(_)
            | Transformation::Suffix(_)
            | Transformation::Nfc
            | Transformation::Nfkc
            | Transformation::Ascii => true,
            Transformation::StripDomain
            | Transformation::Replace(_)
            | Transformation::Split { .. }
            | Transformation::Map(_)
            | Transformation::Default(_)
            | Transformation::Date(_) => false,
        }
    }

    /// The new value, or nothing where it does not apply. It takes the steps that it needs from those
    /// that are left.
    pub(crate) fn apply(
        &self,
        value: &str,
        steps_left: &mut usize,
    ) -> Result<Option<String>, TooMuch> {
        bounded(value)?;
        let next = match self {
            Transformation::Lower => Some(value.to_lowercase()),
            Transformation::Upper => Some(value.to_uppercase()),
            Transformation::Trim => Some(value.trim().to_owned()),
            Transformation::StripDomain => without_domain(value).map(str::to_owned),
            Transformation::Replace(replacement) => replacement.apply(value, steps_left)?,
            Transformation::Split { separator, part } => {
                part_of(value, separator, *part).map(str::to_owned)
            }
            Transformation::Take(chars) => Some(taken(value, *chars).to_owned()),
            // Nothing with a prefix would be something.
            Transformation::Prefix(_) | Transformation::Suffix(_) if value.is_empty() => {
                Some(String::new())
            }
            Transformation::Prefix(prefix) => Some(format!("{prefix}{value}")),
            Transformation::Suffix(suffix) => Some(format!("{value}{suffix}")),
            Transformation::Map(table) => table.look_up(value).map(str::to_owned),
            Transformation::Default(default) => {
                value.trim().is_empty().then(|| default.as_ref().to_owned())
            }
            Transformation::Date(format) => format.apply(value),
            Transformation::Nfc => Some(value.nfc().collect()),
            Transformation::Nfkc => Some(value.nfkc().collect()),
            Transformation::Ascii => Some(ascii(value)),
        };
        next.map(bounded).transpose()
    }
}

fn without_domain(value: &str) -> Option<&str> {
    value.rsplit_once('@').map(|(name, _)| name).filter(|name| !name.trim().is_empty())
}

fn part_of<'a>(value: &'a str, separator: &str, part: isize) -> Option<&'a str> {
    if !value.contains(separator) {
        return None;
    }
    let index = part.unsigned_abs().checked_sub(1)?;
    if part < 0 { value.rsplit(separator).nth(index) } else { value.split(separator).nth(index) }
}

fn taken(value: &str, chars: isize) -> &str {
    let count = chars.unsigned_abs();
    let mut starts = value.char_indices().map(|(start, _)| start);
    if 0 <= chars {
        return starts.nth(count).and_then(|end| value.get(..end)).unwrap_or(value);
    }
    let start = count.checked_sub(1).and_then(|last| starts.rev().nth(last));
    start.and_then(|start| value.get(start..)).unwrap_or(value)
}

/// Letters are composed first, so that one with a mark is spelled out as one letter.
fn ascii(value: &str) -> String {
    if value.is_ascii() {
        return value.to_owned();
    }
    any_ascii::any_ascii(&value.nfc().collect::<String>())
}

impl Table {
    /// Fails with the value that it has twice.
    pub(crate) fn new(
        typed: Vec<(Box<str>, Box<str>)>,
        otherwise: Option<Box<str>>,
    ) -> Result<Table, Box<str>> {
        let mut folded = BTreeMap::new();
        for (index, (from, _)) in typed.iter().enumerate() {
            if folded.insert(fold(from.trim()), index).is_some() {
                return Err(from.clone());
            }
        }
        Ok(Table { typed, folded, otherwise })
    }

    fn look_up(&self, value: &str) -> Option<&str> {
        let listed = self.folded.get(&fold(value.trim())).and_then(|index| self.typed.get(*index));
        listed.map(|(_, to)| &**to).or(self.otherwise.as_deref())
    }
}

#[cfg(test)]
mod tests;
