//! The notation of rows: `username = email or username | lower | strip-domain; otherwise skip`.

use crate::expression::Expression;

use super::{
    ATTRIBUTES, CheckField, Key, Otherwise, Piece, Row, RuleError, Source, Target, Transformations,
};

const TEXT_CHARS_MAX: usize = 40_000;
const SOURCES_MAX: usize = 16;
const ATTRIBUTE_CHARS_MAX: usize = 100;

/// Other words for targets, as people write them.
const OTHER_WORDS: [(&str, &str); 10] = [
    ("e-mail", "email"),
    ("mail", "email"),
    ("firstname", "first-name"),
    ("lastname", "last-name"),
    ("displayname", "display-name"),
    ("full-name", "display-name"),
    ("organization", "organisation"),
    ("company", "organisation"),
    ("timezone", "time-zone"),
    ("language", "locale"),
];

/// The parts of a text before and after a separator that stands outside of quotes.
struct Parts<'a> {
    sources: &'a str,
    transformations: &'a str,
    otherwise: &'a str,
}

pub(super) fn row(typed: &str, check_field: CheckField<'_>) -> Result<Row, RuleError> {
    let text = typed.trim();
    read_row(text, check_field).map_err(|why| RuleError { row: text.to_owned(), why })
}

fn read_row(text: &str, check_field: CheckField<'_>) -> Result<Row, String> {
    check_text(text)?;
    let (target, rest) = text.split_once('=').ok_or(
        "A row is a target, an equals sign and a source: username = email | lower.".to_owned(),
    )?;
    let target = target_of(target)?;
    let parts = parts(rest)?;
    Ok(Row {
        text: text.into(),
        target,
        sources: sources(parts.sources, check_field)?,
        transformations: transformations(parts.transformations)?,
        otherwise: otherwise(parts.otherwise)?,
    })
}

pub(super) fn key(typed: &str, check_field: CheckField<'_>) -> Result<Key, RuleError> {
    let text = typed.trim();
    let read = || {
        check_text(text)?;
        let parts = parts(text)?;
        if !parts.otherwise.is_empty() {
            return Err("Whoever has no key is told of as a finding; nothing follows.".to_owned());
        }
        let path = parts.sources.trim();
        let is_path = |it: char| it.is_alphanumeric() || matches!(it, '_' | '.' | '-');
        if path.is_empty() || !path.chars().all(is_path) {
            return Err("A key is one field: custom_attributes.employee_id | trim.".to_owned());
        }
        check_field(path)?;
        let transformations = transformations(parts.transformations)?;
        Ok(Key { field: path.into(), transformations })
    };
    read().map_err(|why| RuleError { row: text.to_owned(), why })
}

fn check_text(text: &str) -> Result<(), String> {
    if TEXT_CHARS_MAX < text.chars().count() {
        return Err(format!("It is longer than {TEXT_CHARS_MAX} characters."));
    }
    if text.chars().any(char::is_control) {
        return Err("There is a control character in it.".to_owned());
    }
    Ok(())
}

fn parts(text: &str) -> Result<Parts<'_>, String> {
    let (text, otherwise) = split_outside(text, ';')?;
    let (sources, transformations) = split_outside(text, '|')?;
    if transformations.is_some_and(|it| it.trim().is_empty()) {
        return Err("A transformation is missing after the last |.".to_owned());
    }
    if otherwise.is_some_and(|it| it.trim().is_empty()) {
        return Err("After the ; follows what else is done: otherwise skip.".to_owned());
    }
    let transformations = transformations.unwrap_or_default();
    Ok(Parts { sources, transformations, otherwise: otherwise.unwrap_or_default().trim() })
}

/// A row without what is done where no transformation applies.
pub(super) fn without_otherwise(text: &str) -> &str {
    split_outside(text, ';').map_or(text, |(row, _)| row.trim_end())
}

/// Splits at the first separator that is not within quotes.
fn split_outside(text: &str, separator: char) -> Result<(&str, Option<&str>), String> {
    let (mut is_quoted, mut is_expression) = (false, false);
    for (at, char) in text.char_indices() {
        let begins = |with: &str| text.get(at..).is_some_and(|it| it.starts_with(with));
        if is_expression {
            is_expression = !begins("}}");
        } else if char == '"' {
            is_quoted = !is_quoted;
        } else if !is_quoted && begins("{{") {
            is_expression = true;
        } else if char == separator && !is_quoted {
            let (head, tail) = text.split_at(at);
            return Ok((head, tail.get(separator.len_utf8()..)));
        }
    }
    if is_quoted {
        return Err("A closing quote is missing.".to_owned());
    }
    Ok((text, None))
}

fn target_of(typed: &str) -> Result<Target, String> {
    let typed = typed.trim().to_ascii_lowercase().replace([' ', '_'], "-");
    let word = OTHER_WORDS.iter().find(|it| it.0 == typed).map_or(&*typed, |it| it.1);
    Ok(match word {
        "" => return Err("The target is missing before the equals sign.".to_owned()),
        "username" => Target::Username,
        "email" => Target::Email,
        "first-name" => Target::FirstName,
        "last-name" => Target::LastName,
        "display-name" => Target::DisplayName,
        "active" => Target::Active,
        word if ATTRIBUTES.contains(&word) => Target::Attribute(format!("synch.{word}").into()),
        word => match word.strip_prefix("synch.") {
            Some(name) => attribute(name)?,
            None => return Err(unknown_target(word)),
        },
    })
}

fn attribute(name: &str) -> Result<Target, String> {
    let is_of_name = |it: char| it.is_ascii_alphanumeric() || matches!(it, '.' | '-');
    if name.is_empty() || ATTRIBUTE_CHARS_MAX < name.len() || !name.chars().all(is_of_name) {
        return Err(format!(
            "An attribute is synch. and a name of letters, digits, dots and hyphens, at most \
             {ATTRIBUTE_CHARS_MAX}: synch.cost-center."
        ));
    }
    Ok(Target::Attribute(format!("synch.{name}").into()))
}

fn unknown_target(word: &str) -> String {
    format!(
        "There is no target \"{word}\". There are username, email, first-name, last-name, \
         display-name, active, {} and synch.NAME for any other.",
        ATTRIBUTES.join(", ")
    )
}

fn sources(text: &str, check_field: CheckField<'_>) -> Result<Vec<Source>, String> {
    let mut sources = Vec::new();
    let mut rest = text.trim();
    loop {
        if SOURCES_MAX <= sources.len() {
            return Err(format!("There are more than {SOURCES_MAX} sources."));
        }
        let (source, after) = source(rest, check_field)?;
        sources.push(source);
        let after = after.trim_start();
        if after.is_empty() {
            return Ok(sources);
        }
        let next = after.strip_prefix("or");
        let next = next.filter(|it| it.is_empty() || it.starts_with([' ', '"', '{']));
        rest = next.map(str::trim_start).ok_or_else(|| {
            format!("Between two sources stands \"or\", and before transformations a |: {after}")
        })?;
    }
}

/// An expression at the beginning, between double braces, and what follows it.
fn expression<'a>(text: &'a str, check_field: CheckField<'_>) -> Result<(Source, &'a str), String> {
    let (typed, rest) = text
        .split_once("}}")
        .ok_or_else(|| "The closing braces of the expression are missing: }}.".to_owned())?;
    let expression = Expression::compile(typed, &["user.*", "existing", "groups"])
        .map_err(|error| error.to_string())?;
    for path in expression.fields_of("user") {
        check_field(path)?;
    }
    Ok((Source::Expression(expression), rest))
}

/// One source at the beginning, and what follows it.
fn source<'a>(text: &'a str, check_field: CheckField<'_>) -> Result<(Source, &'a str), String> {
    if let Some(quoted) = text.strip_prefix('"') {
        let mut literal = String::new();
        let mut chars = quoted.char_indices().peekable();
        while let Some((at, char)) = chars.next() {
            if char != '"' {
                literal.push(char);
            } else if chars.next_if(|it| it.1 == '"').is_some() {
                literal.push('"');
            } else {
                let rest = quoted.get(at + 1..).unwrap_or_default();
                return Ok((Source::Template(template(&literal, check_field)?), rest));
            }
        }
        return Err("A closing quote is missing.".to_owned());
    }
    if let Some(rest) = text.strip_prefix("{{") {
        return expression(rest, check_field);
    }
    let end = text.find(|it: char| it.is_whitespace() || it == '"').unwrap_or(text.len());
    let (path, rest) = text.split_at(end);
    Ok((value(path, check_field)?, rest))
}

/// A field, or the value of another row.
fn value(path: &str, check_field: CheckField<'_>) -> Result<Source, String> {
    if path.is_empty() || path == "or" {
        return Err("A source is missing: a field, or a text in quotes.".to_owned());
    }
    if let Some(target) = path.strip_prefix("mapped.") {
        let target = target_of(target)?;
        if target == Target::Active {
            return Err("Whether somebody is active is no text to use.".to_owned());
        }
        return Ok(Source::Mapped(target));
    }
    check_field(path)?;
    Ok(Source::Field(path.into()))
}

fn template(text: &str, check_field: CheckField<'_>) -> Result<Vec<Piece>, String> {
    let mut pieces = Vec::new();
    let mut literal = String::new();
    let mut chars = text.chars().peekable();
    while let Some(char) = chars.next() {
        match char {
            '{' | '}' if chars.next_if_eq(&char).is_some() => literal.push(char),
            '{' => {
                let mut path = String::new();
                loop {
                    match chars.next() {
                        Some('}') => break,
                        Some(char) => path.push(char),
                        None => return Err(format!("A closing brace is missing after {{{path}.")),
                    }
                }
                if !literal.is_empty() {
                    pieces.push(Piece::Text(std::mem::take(&mut literal).into()));
                }
                pieces.push(Piece::Value(value(path.trim(), check_field)?));
            }
            '}' => return Err("A } stands alone; a brace of the text is written twice.".to_owned()),
            char => literal.push(char),
        }
    }
    if !literal.is_empty() {
        pieces.push(Piece::Text(literal.into()));
    }
    Ok(pieces)
}

fn transformations(text: &str) -> Result<Transformations, String> {
    text.parse::<Transformations>().map_err(|error| error.to_string())
}

fn otherwise(text: &str) -> Result<Otherwise, String> {
    if text.is_empty() {
        return Ok(Otherwise::default());
    }
    let word = text.strip_prefix("otherwise").map_or(text, str::trim);
    Otherwise::from_word(word).ok_or_else(|| {
        format!(
            "\"{word}\" is nothing that can be done otherwise. There are untransformed, ignore, clear \
             and skip."
        )
    })
}
