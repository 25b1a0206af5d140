//! The notation of transformations: read with the place of every error, and written back.

use std::fmt::{self, Write as _};
use std::str::FromStr;

use super::date::DateFormat;
use super::replace::{Replacement, Times};
use super::{Step, TRANSFORMATIONS_MAX, TYPED_CHARS_MAX, Table, TransformError, Transformation};
use super::{Transformations, VALUE_BYTES_MAX};

/// The name of every transformation, with what follows it.
pub const USAGES: [(&str, &str); 16] = [
    ("lower", ""),
    ("upper", ""),
    ("trim", ""),
    ("strip-domain", ""),
    ("replace", "FROM TO"),
    ("replace-first", "FROM TO"),
    ("split", "SEPARATOR PART"),
    ("take", "CHARACTERS"),
    ("prefix", "TEXT"),
    ("suffix", "TEXT"),
    ("map", "FROM = TO, FROM = TO else TO"),
    ("default", "TEXT"),
    ("date", "[FROM-FORMAT] TO-FORMAT"),
    ("nfc", ""),
    ("nfkc", ""),
    ("ascii", ""),
];

impl FromStr for Transformations {
    type Err = TransformError;

    /// Reads a text like `lower | replace "/^ext-(.*)$/" "$1"`. An empty one is no transformation.
    fn from_str(typed: &str) -> Result<Transformations, TransformError> {
        let tokens = tokens(typed)?;
        if tokens.is_empty() {
            return Ok(Transformations::default());
        }
        let mut steps: Vec<Step> = Vec::new();
        let mut count = 0;
        for alternatives in tokens.split(|it| it.kind == Kind::Bar) {
            let mut step = Step(Vec::new());
            for words in alternatives.split(|it| it.is_bare("or")) {
                let Some((name, arguments)) = words.split_first() else {
                    let column = place(alternatives, &tokens, typed);
                    return Err(error(column, "a transformation is missing beside | or \"or\""));
                };
                count += 1;
                if TRANSFORMATIONS_MAX < count {
                    let why = format!("there are more than {TRANSFORMATIONS_MAX}");
                    return Err(error(name.column, why));
                }
                let made = transformation(name, arguments);
                step.0.push(made.map_err(|why| error(name.column, why))?);
            }
            steps.push(step);
        }
        Ok(Transformations(steps))
    }
}

fn error(column: usize, why: impl Into<String>) -> TransformError {
    TransformError { column, why: why.into() }
}

/// Where something is missing: at the words around it, or else at the end.
fn place(alternatives: &[Token], tokens: &[Token], typed: &str) -> usize {
    let near = alternatives.first().or(tokens.iter().find(|it| it.kind == Kind::Bar));
    near.map_or(typed.chars().count(), |it| it.column)
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct Token {
    kind: Kind,
    /// In characters, from 1.
    column: usize,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Kind {
    Bar,
    Comma,
    Equals,
    Bare(String),
    Quoted(String),
}

impl Token {
    fn is_bare(&self, word: &str) -> bool {
        matches!(&self.kind, Kind::Bare(it) if it == word)
    }

    fn text(&self) -> Option<&str> {
        match &self.kind {
            Kind::Bare(text) | Kind::Quoted(text) => Some(text),
            Kind::Bar | Kind::Comma | Kind::Equals => None,
        }
    }
}

/// Within quotes a doubled quote is one, and everything else is as it stands: regular expressions are
/// full of backslashes already.
fn tokens(typed: &str) -> Result<Vec<Token>, TransformError> {
    if TYPED_CHARS_MAX < typed.chars().count() {
        return Err(error(1, format!("the text is longer than {TYPED_CHARS_MAX} characters")));
    }
    let mut tokens = Vec::new();
    let mut chars = typed.chars().zip(1..).peekable();
    while let Some((char, column)) = chars.next() {
        let kind = match char {
            char if char.is_whitespace() => continue,
            char if char.is_control() => {
                return Err(error(column, "there is a control character in it"));
            }
            '|' => Kind::Bar,
            ',' => Kind::Comma,
            '=' => Kind::Equals,
            '"' => {
                let mut text = String::new();
                loop {
                    match chars.next() {
                        None => return Err(error(column, "a closing quote is missing")),
                        Some(('"', _)) if chars.next_if(|it| it.0 == '"').is_none() => break,
                        Some((char, column)) if char.is_control() => {
                            return Err(error(column, "there is a control character in it"));
                        }
                        Some((char, _)) => text.push(char),
                    }
                }
                Kind::Quoted(text)
            }
            char => {
                let mut text = String::from(char);
                let is_of_word = |it: char| !it.is_whitespace() && !"|,=\"".contains(it);
                while let Some((char, column)) = chars.next_if(|it| is_of_word(it.0)) {
                    if char.is_control() {
                        return Err(error(column, "there is a control character in it"));
                    }
                    text.push(char);
                }
                Kind::Bare(text)
            }
        };
        tokens.push(Token { kind, column });
    }
    Ok(tokens)
}

fn transformation(name: &Token, arguments: &[Token]) -> Result<Transformation, String> {
    let Kind::Bare(word) = &name.kind else {
        return Err("it begins with the name of a transformation".to_owned());
    };
    let word = word.replace('_', "-");
    if word == "map" {
        return table(arguments).map(|table| Transformation::Map(Box::new(table)));
    }
    let texts: Vec<&str> = arguments.iter().filter_map(Token::text).collect();
    if texts.len() != arguments.len() {
        return Err(usage(&word));
    }
    named(&word, &texts)
}

/// A transformation by its name and arguments; `map` is not among them.
pub(crate) fn named(word: &str, texts: &[&str]) -> Result<Transformation, String> {
    if let Some(long) = texts.iter().find(|it| VALUE_BYTES_MAX < it.len()) {
        return Err(format!("a text of {} bytes is too long", long.len()));
    }
    Ok(match (word, texts) {
        ("lower", []) => Transformation::Lower,
        ("upper", []) => Transformation::Upper,
        ("trim", []) => Transformation::Trim,
        ("strip-domain", []) => Transformation::StripDomain,
        ("replace", [from, to]) => {
            Transformation::Replace(Box::new(Replacement::new(from, to, Times::All)?))
        }
        ("replace-first", [from, to]) => {
            Transformation::Replace(Box::new(Replacement::new(from, to, Times::Once)?))
        }
        ("split", ["", _]) => return Err("its separator is empty".to_owned()),
        ("split", [separator, part]) => {
            Transformation::Split { separator: (*separator).into(), part: number(part, "part")? }
        }
        ("take", [chars]) => Transformation::Take(number(chars, "number of characters")?),
        ("prefix", [text]) => Transformation::Prefix((*text).into()),
        ("suffix", [text]) => Transformation::Suffix((*text).into()),
        ("default", [text]) => Transformation::Default((*text).into()),
        ("date", [to]) => Transformation::Date(Box::new(DateFormat::new(None, to)?)),
        ("date", [from, to]) => Transformation::Date(Box::new(DateFormat::new(Some(from), to)?)),
        ("nfc", []) => Transformation::Nfc,
        ("nfkc", []) => Transformation::Nfkc,
        ("ascii", []) => Transformation::Ascii,
        (_, _) => return Err(usage(word)),
    })
}

/// How a transformation is written, or which there are.
fn usage(word: &str) -> String {
    match USAGES.iter().find(|it| it.0 == word) {
        Some((_, "")) => format!("nothing follows {word}"),
        Some((_, arguments)) => format!("it is written {word} {arguments}"),
        None => {
            let names: Vec<&str> = USAGES.iter().map(|it| it.0).collect();
            format!("there is no \"{word}\"; there are {}", names.join(", "))
        }
    }
}

fn number(text: &str, what: &str) -> Result<isize, String> {
    let number = text.parse().ok().filter(|it: &i16| *it != 0).map(isize::from);
    number.ok_or_else(|| format!("{text:?} is no {what}; it is a number like 1 or -1"))
}

/// `FROM = TO` between commas, and `else TO` at the end where there is one for everything else.
fn table(arguments: &[Token]) -> Result<Table, String> {
    let (pairs, otherwise) = match arguments {
        [pairs @ .., word, otherwise] if word.is_bare("else") => {
            (pairs, Some(otherwise.text().ok_or_else(|| usage("map"))?.into()))
        }
        pairs => (pairs, None),
    };
    let mut typed = Vec::new();
    for pair in pairs.split(|it| it.kind == Kind::Comma) {
        let [from, equals, to] = pair else { return Err(usage("map")) };
        match (from.text(), &equals.kind, to.text()) {
            (Some(from), Kind::Equals, Some(to)) => typed.push((from.into(), to.into())),
            (_, _, _) => return Err(usage("map")),
        }
    }
    Table::new(typed, otherwise).map_err(|twice| format!("its table has {twice:?} twice"))
}

impl fmt::Display for Transformations {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, step) in self.0.iter().enumerate() {
            if 0 < index {
                f.write_str(" | ")?;
            }
            for (index, transformation) in step.0.iter().enumerate() {
                if 0 < index {
                    f.write_str(" or ")?;
                }
                transformation.fmt(f)?;
            }
        }
        Ok(())
    }
}

impl fmt::Display for Transformation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Transformation::Lower => f.write_str("lower"),
            Transformation::Upper => f.write_str("upper"),
            Transformation::Trim => f.write_str("trim"),
            Transformation::StripDomain => f.write_str("strip-domain"),
            Transformation::Replace(replacement) => {
                f.write_str(match replacement.times {
                    Times::All => "replace ",
                    Times::Once => "replace-first ",
                })?;
                quoted(f, &replacement.from)?;
                f.write_char(' ')?;
                quoted(f, &replacement.to)
            }
            Transformation::Split { separator, part } => {
                f.write_str("split ")?;
                quoted(f, separator)?;
                write!(f, " {part}")
            }
            Transformation::Take(chars) => write!(f, "take {chars}"),
            Transformation::Prefix(text) => with_text(f, "prefix", text),
            Transformation::Suffix(text) => with_text(f, "suffix", text),
            Transformation::Default(text) => with_text(f, "default", text),
            Transformation::Map(table) => table.fmt(f),
            Transformation::Date(format) => {
                f.write_str("date")?;
                format.write(&mut |text| {
                    f.write_char(' ')?;
                    quoted(f, text)
                })
            }
            Transformation::Nfc => f.write_str("nfc"),
            Transformation::Nfkc => f.write_str("nfkc"),
            Transformation::Ascii => f.write_str("ascii"),
        }
    }
}

impl fmt::Display for Table {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut before = "map ";
        for (from, to) in &self.typed {
            f.write_str(before)?;
            quoted(f, from)?;
            f.write_str(" = ")?;
            quoted(f, to)?;
            before = ", ";
        }
        if let Some(otherwise) = &self.otherwise {
            f.write_str(" else ")?;
            quoted(f, otherwise)?;
        }
        Ok(())
    }
}

fn with_text(f: &mut fmt::Formatter<'_>, word: &str, text: &str) -> fmt::Result {
    write!(f, "{word} ")?;
    quoted(f, text)
}

fn quoted(f: &mut fmt::Formatter<'_>, text: &str) -> fmt::Result {
    write!(f, "\"{}\"", text.replace('"', "\"\""))
}
