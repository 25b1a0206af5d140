//! The names that admins give to connectors and targets.

use reconcile::principal::{Name, fold};

/// Why a name cannot be used, or was not found.
#[derive(Debug, thiserror::Error)]
pub enum NameError {
    #[error("The name of a {noun} cannot be empty. Choose one, for example `onelogin`.")]
    Empty { noun: &'static str },
    #[error("The name of a {noun} may have {max} characters at most.", max = NAME_CHARS_MAX)]
    TooLong { noun: &'static str },
    #[error("The name of a {noun} may not have control characters such as line breaks.")]
    Control { noun: &'static str },
    #[error("There is a {noun} called \"{name}\" already. Choose another name.")]
    Taken { noun: &'static str, name: Name },
    #[error("There is no {noun} \"{name}\".{}", advice(.noun, *.known, .similar.as_ref()))]
    Unknown { noun: &'static str, name: String, known: usize, similar: Option<Name> },
}

const NAME_CHARS_MAX: usize = 100;

/// A name as typed, without blanks around it.
pub fn checked_name(noun: &'static str, typed: &str) -> Result<Name, NameError> {
    let trimmed = typed.trim();
    if trimmed.is_empty() {
        return Err(NameError::Empty { noun });
    }
    if NAME_CHARS_MAX < trimmed.chars().count() {
        return Err(NameError::TooLong { noun });
    }
    if trimmed.chars().any(char::is_control) {
        return Err(NameError::Control { noun });
    }
    Ok(Name::new(trimmed))
}

/// The error for a name that is not among those that exist, with the nearest of them.
pub fn unknown(noun: &'static str, name: &str, known: &[Name]) -> NameError {
    NameError::Unknown {
        noun,
        name: name.to_owned(),
        known: known.len(),
        similar: nearest(name, known).cloned(),
    }
}

/// The name that was probably meant.
pub fn nearest<'a>(name: &str, known: &'a [Name]) -> Option<&'a Name> {
    let folded = fold(name.trim());
    let distance = |it: &Name| strsim::osa_distance(&folded, it.folded());
    let nearest = known.iter().min_by_key(|it| distance(it));
    nearest.filter(|it| {
        let is_part = 3 <= folded.len() && it.folded().contains(&*folded);
        is_part || distance(it) <= folded.chars().count() / 3
    })
}

fn advice(noun: &str, known: usize, similar: Option<&Name>) -> String {
    match (similar, known) {
        (Some(similar), _) => format!(" Did you mean \"{similar}\"?"),
        (None, 0) => format!(" Create one: `rollcall {noun} create`."),
        (None, _) => format!(" See `rollcall {noun} list`."),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(typed: &str, known: &[&str], expected: &str) {
        let known: Vec<Name> = known.iter().map(|it| Name::new(it)).collect();
        assert_eq!(unknown("connector", typed, &known).to_string(), expected);
    }

    #[test]
    fn an_unknown_name_gets_the_nearest_one_as_advice() {
        check(
            "onelogn",
            &["Jira", "OneLogin"],
            "There is no connector \"onelogn\". Did you mean \"OneLogin\"?",
        );
        check(
            "prod",
            &["OneLogin Prod"],
            "There is no connector \"prod\". Did you mean \"OneLogin Prod\"?",
        );
        check(
            "zzz",
            &["OneLogin"],
            "There is no connector \"zzz\". See `rollcall connector list`.",
        );
        check(
            "zzz",
            &[],
            "There is no connector \"zzz\". Create one: `rollcall connector create`.",
        );
    }

    #[test]
    fn a_name_is_trimmed_and_has_no_control_characters() {
        assert_eq!(checked_name("target", "  Jira ").unwrap().as_str(), "Jira");
        assert!(matches!(checked_name("target", " "), Err(NameError::Empty { .. })));
        assert!(matches!(checked_name("target", "a\nb"), Err(NameError::Control { .. })));
        let long = "é".repeat(NAME_CHARS_MAX + 1);
        assert!(matches!(checked_name("target", &long), Err(NameError::TooLong { .. })));
    }
}
