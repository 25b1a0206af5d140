//! Replacing a text or what a regular expression matches, in time that is bounded whatever they are.

use regex::{Captures, Regex, RegexBuilder};

use super::{TooMuch, VALUE_BYTES_MAX};

/// Something to look for, and what takes its place.
#[derive(Clone, Debug)]
pub(crate) struct Replacement {
    /// As typed: a text, or a regular expression between slashes.
    pub(super) from: Box<str>,
    pub(super) to: Box<str>,
    pub(super) times: Times,
    search: Search,
}

/// How often it is replaced within one value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Times {
    Once,
    All,
}

#[derive(Clone, Debug)]
enum Search {
    Text,
    Regex {
        regex: Regex,
        /// The steps that one character of a value costs at worst, rounded up.
        weight: usize,
        pieces: Vec<Piece>,
    },
}

/// A part of what takes the place of a match.
#[derive(Clone, Debug)]
enum Piece {
    Text(Box<str>),
    Group(usize),
}

/// Compiled expressions of more bytes are refused.
const REGEX_BYTES_MAX: usize = 256 * 1024;
/// About as many bytes of a compiled expression are one state of it.
const STATE_BYTES: usize = 32;

impl Replacement {
    pub(crate) fn new(from: &str, to: &str, times: Times) -> Result<Replacement, String> {
        let search = match regular_expression(from) {
            None if from.is_empty() => return Err("there is nothing to look for".to_owned()),
            None => Search::Text,
            Some((pattern, is_case_insensitive)) => {
                let (regex, weight) = compile(pattern, is_case_insensitive)?;
                let pieces = pieces(to, &regex)?;
                Search::Regex { regex, weight, pieces }
            }
        };
        Ok(Replacement { from: from.into(), to: to.into(), times, search })
    }

    /// Takes the steps that it needs from those that are left.
    pub(super) fn apply(
        &self,
        value: &str,
        steps_left: &mut usize,
    ) -> Result<Option<String>, TooMuch> {
        match &self.search {
            Search::Text => self.replace_text(value),
            Search::Regex { regex, weight, pieces } => {
                // A search may look at the whole value, and each match begins another search.
                let steps = weight.saturating_mul(value.len() + 1);
                self.replace_matches(value, regex, pieces, || {
                    *steps_left = steps_left.checked_sub(steps).ok_or(TooMuch::Work)?;
                    Ok(())
                })
            }
        }
    }

    fn replace_text(&self, value: &str) -> Result<Option<String>, TooMuch> {
        if !value.contains(&*self.from) {
            return Ok(None);
        }
        let (mut next, mut end) = (String::new(), 0);
        for (start, found) in value.match_indices(&*self.from).take(self.times.max()) {
            push(&mut next, value.get(end..start).unwrap_or_default())?;
            push(&mut next, &self.to)?;
            end = start + found.len();
        }
        push(&mut next, value.get(end..).unwrap_or_default())?;
        Ok(Some(next))
    }

    fn replace_matches(
        &self,
        value: &str,
        regex: &Regex,
        pieces: &[Piece],
        mut pay: impl FnMut() -> Result<(), TooMuch>,
    ) -> Result<Option<String>, TooMuch> {
        let (mut next, mut end, mut is_found) = (String::new(), 0, false);
        pay()?;
        for captures in regex.captures_iter(value).take(self.times.max()) {
            is_found = true;
            pay()?;
            let Some(found) = captures.get(0) else { continue };
            push(&mut next, value.get(end..found.start()).unwrap_or_default())?;
            for piece in pieces {
                push(&mut next, piece.text(&captures))?;
            }
            end = found.end();
        }
        if !is_found {
            return Ok(None);
        }
        push(&mut next, value.get(end..).unwrap_or_default())?;
        Ok(Some(next))
    }
}

impl Times {
    fn max(self) -> usize {
        match self {
            Times::Once => 1,
            Times::All => usize::MAX,
        }
    }
}

impl Piece {
    fn text<'a>(&'a self, captures: &'a Captures<'_>) -> &'a str {
        match self {
            Piece::Text(text) => text,
            Piece::Group(group) => captures.get(*group).map_or("", |it| it.as_str()),
        }
    }
}

fn push(text: &mut String, more: &str) -> Result<(), TooMuch> {
    if VALUE_BYTES_MAX < text.len() + more.len() {
        return Err(TooMuch::Long);
    }
    text.push_str(more);
    Ok(())
}

/// What stands between the slashes of `/ext-.*/` or `/ext-.*/i`, and whether case matters not.
fn regular_expression(typed: &str) -> Option<(&str, bool)> {
    let inner = typed.strip_prefix('/')?;
    let (inner, is_case_insensitive) = match inner.strip_suffix("/i") {
        Some(inner) => (inner, true),
        None => (inner.strip_suffix('/')?, false),
    };
    (!inner.is_empty()).then_some((inner, is_case_insensitive))
}

/// The expression and its weight, by the smallest of a row of limits that it keeps to.
fn compile(pattern: &str, is_case_insensitive: bool) -> Result<(Regex, usize), String> {
    let mut limit = 1024;
    loop {
        let built = RegexBuilder::new(pattern)
            .case_insensitive(is_case_insensitive)
            .size_limit(limit)
            .nest_limit(64)
            .build();
        match built {
            Ok(regex) => return Ok((regex, limit / STATE_BYTES)),
            Err(regex::Error::CompiledTooBig(_)) if limit < REGEX_BYTES_MAX => limit *= 2,
            Err(regex::Error::CompiledTooBig(_)) => {
                return Err("its regular expression is too large".to_owned());
            }
            Err(error) => return Err(why(&error)),
        }
    }
}

/// The last line of what the engine says: the lines before it draw the place.
fn why(error: &regex::Error) -> String {
    let text = error.to_string();
    let last = text.lines().last().unwrap_or_default();
    let last = last.trim_start_matches("error:").trim().trim_end_matches('.');
    format!("it is no regular expression ({last})")
}

/// Reads `$1`, `${1}`, `${name}` and `$$`. As many digits count as make the number of a group, so
/// that `$10` is the first group and a zero where there is no tenth.
fn pieces(to: &str, regex: &Regex) -> Result<Vec<Piece>, String> {
    let mut pieces = Vec::new();
    let mut rest = to;
    while let Some((text, after)) = rest.split_once('$') {
        pieces.push(Piece::Text(text.into()));
        rest = if let Some(after) = after.strip_prefix('$') {
            pieces.push(Piece::Text("$".into()));
            after
        } else if let Some((name, after)) = braced(after) {
            pieces.push(Piece::Group(group(name, regex)?));
            after
        } else {
            let (number, after) = numbered(after, regex)?;
            pieces.push(Piece::Group(number));
            after
        };
    }
    pieces.push(Piece::Text(rest.into()));
    Ok(pieces)
}

fn braced(text: &str) -> Option<(&str, &str)> {
    text.strip_prefix('{')?.split_once('}')
}

fn group(name: &str, regex: &Regex) -> Result<usize, String> {
    let named = regex.capture_names().position(|it| it == Some(name));
    let number = named.or(name.parse().ok()).filter(|number| *number < regex.captures_len());
    number.ok_or_else(|| format!("its regular expression has no group {name:?}"))
}

fn numbered<'a>(text: &'a str, regex: &Regex) -> Result<(usize, &'a str), String> {
    let mut found = None;
    for end in 1..=2 {
        let Some((digits, after)) = text.split_at_checked(end) else { break };
        if !digits.bytes().all(|byte| byte.is_ascii_digit()) {
            break;
        }
        let Ok(number) = digits.parse::<usize>() else { break };
        if number < regex.captures_len() {
            found = Some((number, after));
        } else if found.is_none() {
            return Err(format!("its regular expression has no group {number}"));
        }
    }
    found
        .ok_or_else(|| "after $ comes the number of a group; write $$ for a dollar sign".to_owned())
}
