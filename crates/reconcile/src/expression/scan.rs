//! A look at an expression before it is parsed.
//!
//! The parser and the compiler go down one call for every bracket and operator, so there is a limit on
//! both: no text can use up the stack. Names are looked at here as well, because the engine would find
//! them wrong only when somebody is asked about.

use super::{ExpressionError, SOURCE_BYTES_MAX, filters};

const DEPTH_MAX: usize = 16;
const OPERATORS_MAX: usize = 200;
/// Words that the parser goes down for, as it does for signs.
const OPERATORS: [&str; 7] = ["and", "or", "not", "in", "is", "if", "else"];

pub(super) fn error(source: &str, at: usize, why: String) -> ExpressionError {
    let before = source.get(..at).unwrap_or(source);
    let line = before.rsplit('\n').next().unwrap_or_default();
    ExpressionError {
        line: before.matches('\n').count() + 1,
        column: line.chars().count() + 1,
        why,
    }
}

/// A name that is no filter and no test, and where it is: `user.email`.
pub(super) struct Named {
    pub(super) at: usize,
    pub(super) name: String,
}

/// Every name in the text, if the text may be parsed.
pub(super) fn names(source: &str) -> Result<Vec<Named>, ExpressionError> {
    if source.is_empty() {
        return Err(error(source, 0, "it is empty".to_owned()));
    }
    if SOURCE_BYTES_MAX < source.len() {
        let why = format!("it is longer than {SOURCE_BYTES_MAX} bytes");
        return Err(error(source, 0, why));
    }
    let (mut depth, mut operators) = (0_usize, 0);
    let mut names: Vec<Named> = Vec::new();
    let mut before = Before::Other;
    for Piece { at, kind } in pieces(source) {
        let refused = |why| error(source, at, why);
        match kind {
            Kind::Open => (depth, operators) = (depth + 1, operators + 1),
            Kind::Close => depth = depth.saturating_sub(1),
            Kind::Word(word) if OPERATORS.contains(&word) => operators += 1,
            // A list that is repeated costs nothing to make, and without end to write down.
            Kind::Sign('*') => return Err(refused("nothing can be multiplied".to_owned())),
            // It makes the text "none" of a value that is not there; + refuses it.
            Kind::Sign('~') => return Err(refused("texts are joined by +, not by ~".to_owned())),
            // A place of a number, or whatever else the parser will say is wrong, counts too.
            Kind::Sign(_) => operators += 1,
            Kind::Control => return Err(refused("there is a control character in it".to_owned())),
            Kind::Word(_) | Kind::Text => {}
        }
        if DEPTH_MAX < depth {
            return Err(refused(format!(
                "there are more than {DEPTH_MAX} brackets within each other"
            )));
        }
        if OPERATORS_MAX < operators {
            return Err(refused(format!("there are more than {OPERATORS_MAX} operators")));
        }
        before = match (before, kind) {
            (Before::Name, Kind::Sign('.')) => Before::NameAndDot,
            (Before::NameAndDot, Kind::Word(word)) => {
                if let Some(Named { name, .. }) = names.last_mut() {
                    *name += ".";
                    *name += word;
                }
                Before::Name
            }
            (_, Kind::Sign('|')) => Before::Filter,
            (_, Kind::Sign('.')) => Before::Dot,
            (Before::Filter, Kind::Word(word)) => {
                check_name("filter", word, &filters::FILTERS).map_err(refused)?;
                Before::Other
            }
            (Before::Test, Kind::Word("not")) | (_, Kind::Word("is")) => Before::Test,
            (Before::Test, Kind::Word(word)) => {
                check_name("test", word, &filters::TESTS).map_err(refused)?;
                Before::Other
            }
            (Before::Name | Before::Other, Kind::Word(word)) if is_name(word) => {
                names.push(Named { at, name: word.to_owned() });
                Before::Name
            }
            (_, _) => Before::Other,
        };
    }
    Ok(names)
}

/// What the piece before it makes of a word.
#[derive(Clone, Copy)]
enum Before {
    Filter,
    Test,
    Name,
    NameAndDot,
    /// Behind something that is no name.
    Dot,
    Other,
}

fn is_name(word: &str) -> bool {
    const VALUES: [&str; 6] = ["true", "false", "none", "True", "False", "None"];
    let is_number = word.starts_with(|it: char| it.is_ascii_digit());
    !is_number && !OPERATORS.contains(&word) && !VALUES.contains(&word)
}

fn check_name(what: &str, word: &str, names: &[&str]) -> Result<(), String> {
    if names.contains(&word) {
        return Ok(());
    }
    Err(format!("there is no {what} \"{word}\"; there are {}", names.join(", ")))
}

struct Piece<'a> {
    at: usize,
    kind: Kind<'a>,
}

#[derive(Clone, Copy)]
enum Kind<'a> {
    Open,
    Close,
    Word(&'a str),
    Sign(char),
    /// Between quotes.
    Text,
    Control,
}

/// What an expression is made of, without blanks. A quote that is never closed reaches to the end.
fn pieces(source: &str) -> impl Iterator<Item = Piece<'_>> {
    let mut chars = source.char_indices().peekable();
    std::iter::from_fn(move || {
        loop {
            let (at, char) = chars.next()?;
            let kind = match char {
                '\n' | '\t' | '\r' => continue,
                char if char.is_control() => Kind::Control,
                char if char.is_whitespace() => continue,
                '(' | '[' | '{' => Kind::Open,
                ')' | ']' | '}' => Kind::Close,
                ',' | ':' => continue,
                '"' | '\'' => {
                    while let Some((_, next)) = chars.next() {
                        if next == '\\' {
                            chars.next();
                        } else if next == char {
                            break;
                        }
                    }
                    Kind::Text
                }
                char if is_of_word(char) => {
                    let mut end = at + char.len_utf8();
                    while let Some((start, char)) = chars.next_if(|it| is_of_word(it.1)) {
                        end = start + char.len_utf8();
                    }
                    Kind::Word(source.get(at..end).unwrap_or_default())
                }
                char => Kind::Sign(char),
            };
            return Some(Piece { at, kind });
        }
    })
}

fn is_of_word(char: char) -> bool {
    char.is_alphanumeric() || char == '_'
}
