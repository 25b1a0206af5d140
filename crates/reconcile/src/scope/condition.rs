//! Conditions on one field, as an admin writes them: `department = Sales`.

use std::fmt;

use crate::pattern::Patterns;
use crate::principal::{Name, fold};

/// A condition that can be asked of anybody. Values are compared without regard to case or form.
#[derive(Clone, Debug)]
pub struct Condition {
    /// As it was typed.
    text: Box<str>,
    field: Box<str>,
    test: Test,
    /// Holds where the test does not.
    is_negated: bool,
}

#[derive(Clone, Debug)]
enum Test {
    OneOf(Vec<Box<str>>),
    StartsWith(Box<str>),
    EndsWith(Box<str>),
    Contains(Box<str>),
    Matches(Patterns),
    Empty,
}

#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("The condition \"{typed}\" cannot be used. {why}")]
pub struct ConditionError {
    pub typed: String,
    pub why: String,
}

/// Longer ones first, where one begins with another.
const OPERATORS: [(&str, Kind, bool); 15] = [
    ("is not empty", Kind::Empty, true),
    ("is empty", Kind::Empty, false),
    ("does not start with", Kind::StartsWith, true),
    ("starts with", Kind::StartsWith, false),
    ("does not end with", Kind::EndsWith, true),
    ("ends with", Kind::EndsWith, false),
    ("does not contain", Kind::Contains, true),
    ("contains", Kind::Contains, false),
    ("does not match", Kind::Matches, true),
    ("matches", Kind::Matches, false),
    ("not in", Kind::In, true),
    ("in", Kind::In, false),
    ("!=", Kind::Equals, true),
    ("==", Kind::Equals, false),
    ("=", Kind::Equals, false),
];

#[derive(Clone, Copy)]
enum Kind {
    Equals,
    In,
    StartsWith,
    EndsWith,
    Contains,
    Matches,
    Empty,
}

const TEXT_CHARS_MAX: usize = 1_000;

impl Condition {
    /// Reads a condition on one of the fields; `families` are followed by a dot and a name that only
    /// the source knows.
    pub fn parse(
        typed: &str,
        fields: &[&str],
        families: &[&str],
    ) -> Result<Condition, ConditionError> {
        let typed = typed.trim();
        let error = |why: String| ConditionError { typed: typed.to_owned(), why };
        if TEXT_CHARS_MAX < typed.chars().count() {
            return Err(error(format!("It is longer than {TEXT_CHARS_MAX} characters.")));
        }
        let is_of_field = |it: char| it.is_alphanumeric() || matches!(it, '_' | '.' | '-');
        let end = typed.find(|it: char| !is_of_field(it)).unwrap_or(typed.len());
        let (field, rest) = typed.split_at(end);
        check_field(field, fields, families).map_err(error)?;
        let (kind, is_negated, value) = operator(rest.trim_start()).ok_or_else(|| {
            let words: Vec<&str> =
                OPERATORS.iter().map(|it| it.0).filter(|it| *it != "==").collect();
            error(format!("After the field comes one of: {}.", words.join(", ")))
        })?;
        let test = test(kind, value).map_err(error)?;
        Ok(Condition { text: typed.into(), field: field.into(), test, is_negated })
    }

    pub fn field(&self) -> &str {
        &self.field
    }

    /// Whether somebody with this value meets it. An absent value is an empty one.
    pub fn is_met_by(&self, value: Option<&str>) -> bool {
        let value = fold(value.unwrap_or_default().trim());
        let holds = match &self.test {
            Test::OneOf(values) => values.contains(&value),
            Test::StartsWith(start) => value.starts_with(&**start),
            Test::EndsWith(end) => value.ends_with(&**end),
            Test::Contains(part) => value.contains(&**part),
            Test::Matches(patterns) => patterns.matches(&Name::new(&value)),
            Test::Empty => value.is_empty(),
        };
        holds != self.is_negated
    }
}

impl fmt::Display for Condition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

fn check_field(field: &str, fields: &[&str], families: &[&str]) -> Result<(), String> {
    if field.is_empty() {
        return Err("It begins with a field: department = Sales.".to_owned());
    }
    let is_of_family = field
        .split_once('.')
        .is_some_and(|(family, name)| families.contains(&family) && !name.is_empty());
    if fields.contains(&field) || is_of_family {
        return Ok(());
    }
    let families = families.iter().map(|it| format!("{it}.NAME"));
    let known: Vec<String> = fields.iter().map(|&it| it.to_owned()).chain(families).collect();
    Err(format!("There is no field \"{field}\". There are {}.", known.join(", ")))
}

/// The operator at the beginning, and the value after it.
fn operator(text: &str) -> Option<(Kind, bool, &str)> {
    OPERATORS.iter().find_map(|(word, kind, is_negated)| {
        let (head, rest) = text.split_at_checked(word.len())?;
        let is_sign = !word.starts_with(|it: char| it.is_ascii_alphabetic());
        let ends = is_sign || rest.is_empty() || rest.starts_with(char::is_whitespace);
        (head.eq_ignore_ascii_case(word) && ends).then_some((*kind, *is_negated, rest.trim()))
    })
}

fn test(kind: Kind, value: &str) -> Result<Test, String> {
    let folded = fold(unquoted(value));
    match (kind, value) {
        (Kind::Empty, "") => return Ok(Test::Empty),
        (Kind::Empty, _) => {
            return Err(format!("Nothing follows \"empty\", but here {value:?} does."));
        }
        (_, "") => return Err("A value is missing at its end.".to_owned()),
        (_, _) => {}
    }
    Ok(match kind {
        Kind::Equals => Test::OneOf(vec![folded]),
        Kind::In => {
            let values: Vec<Box<str>> =
                value.split(',').map(|it| fold(unquoted(it.trim()))).collect();
            if values.iter().any(|it| it.is_empty()) {
                return Err("One of the values between the commas is empty.".to_owned());
            }
            Test::OneOf(values)
        }
        Kind::StartsWith => Test::StartsWith(folded),
        Kind::EndsWith => Test::EndsWith(folded),
        Kind::Contains => Test::Contains(folded),
        Kind::Matches => {
            Test::Matches(Patterns::parse(&[unquoted(value)]).map_err(|error| error.to_string())?)
        }
        Kind::Empty => Test::Empty,
    })
}

/// Quotes keep blanks at the ends and commas apart from the notation; they need not be there.
fn unquoted(value: &str) -> &str {
    for quote in ['"', '\''] {
        let inner = value.strip_prefix(quote).and_then(|it| it.strip_suffix(quote));
        if let Some(inner) = inner.filter(|it| !it.contains(quote)) {
            return inner;
        }
    }
    value
}

#[cfg(test)]
mod tests {
    use super::*;

    const FIELDS: [&str; 3] = ["email", "department", "title"];

    fn parse(typed: &str) -> Result<Condition, ConditionError> {
        Condition::parse(typed, &FIELDS, &["custom_attributes"])
    }

    #[test]
    fn a_value_meets_a_condition_without_regard_to_case_and_blanks() {
        for (condition, met, unmet) in [
            ("department = Sales", &["sales", " SALES "][..], &["Sales EMEA", "IT", ""][..]),
            ("department == 'Sales'", &["sales"], &["IT"]),
            ("department != Sales", &["IT", ""], &["SALES"]),
            ("department=R&D = x", &["r&d = X"], &["R&D"]),
            ("department in Sales, \"IT\"", &["it", "Sales"], &["HR", ""]),
            ("department not in Sales,IT", &["HR", ""], &["it"]),
            ("email ends with @acme.com", &["Ada@ACME.com"], &["ada@acme.com.evil", ""]),
            ("email does not end with @acme.com", &["x@y.z", ""], &["ada@acme.com"]),
            ("title Starts With chief", &["Chief of Staff"], &["Mischief"]),
            ("title does not start with chief", &["Mischief", ""], &["CHIEF"]),
            ("title contains manager", &["Sales Managers"], &["Mana ger", ""]),
            ("title does not contain manager", &["Dev", ""], &["Manager"]),
            ("title matches *-lead", &["dev-Lead"], &["dev-leads"]),
            ("title matches /^(dev|ops)$/", &["OPS"], &["devops"]),
            ("title does not match x*", &["y", ""], &["xy"]),
            ("title is empty", &["", "  "], &["x"]),
            ("title is not empty", &["x"], &["", " "]),
            ("title = is empty", &["is empty"], &[""]),
            ("custom_attributes.cost-center = 7", &["7"], &["77"]),
            ("title = Ärzte", &["A\u{308}RZTE"], &["Arzte"]),
            ("title = inspector", &["Inspector"], &["in"]),
        ] {
            let condition = parse(condition).unwrap();
            for (values, expected) in [(met, true), (unmet, false)] {
                for value in values {
                    let value = Some(*value).filter(|it| !it.is_empty());
                    assert_eq!(condition.is_met_by(value), expected, "{condition}: {value:?}");
                }
            }
        }
    }

    #[test]
    fn what_cannot_be_understood_is_refused_with_what_could_be_meant() {
        let operators = "is not empty, is empty, does not start with, starts with, does not end with, \
             ends with, does not contain, contains, does not match, matches, not in, in, !=, =";
        let after = format!("After the field comes one of: {operators}.");
        let long = format!("title = {}", "x".repeat(1_000));
        for (typed, why) in [
            ("", "It begins with a field: department = Sales."),
            ("= Sales", "It begins with a field: department = Sales."),
            (
                "departmnt = Sales",
                "There is no field \"departmnt\". There are email, department, title, custom_attributes.NAME.",
            ),
            (
                "custom_attributes. = x",
                "There is no field \"custom_attributes.\". There are email, department, title, custom_attributes.NAME.",
            ),
            ("title", &after),
            ("title like x", &after),
            ("title inside x", &after),
            ("title = ", "A value is missing at its end."),
            ("title in a,,b", "One of the values between the commas is empty."),
            ("title is empty now", "Nothing follows \"empty\", but here \"now\" does."),
            (
                "title matches /(/",
                "The pattern \"/(/\" cannot be used: it is no regular expression (unclosed group).",
            ),
            (&long, "It is longer than 1000 characters."),
        ] {
            let error = parse(typed).unwrap_err();
            assert_eq!(error.why, why, "{typed}");
            assert_eq!(error.typed, typed.trim());
        }
    }
}
