//! Names and patterns of names, as an admin writes them.

use std::collections::BTreeSet;

use regex::{Regex, RegexBuilder};

use crate::principal::{Name, fold};

/// Names, patterns with `*` and `?`, and regular expressions between slashes: `dev`, `jira-*`,
/// `/^ext-[0-9]+$/`. A backslash before `*`, `?` or `\` makes it a letter like any other.
///
/// Compared as names are, without regard to case or Unicode form, in time that is linear in the
/// name whatever the pattern is.
#[derive(Clone, Debug, Default)]
pub struct Patterns {
    /// Looked up, because an admin may list thousands of plain names.
    names: BTreeSet<Name>,
    wild: Vec<Wild>,
}

#[derive(Clone, Debug)]
struct Wild {
    typed: Box<str>,
    regex: Regex,
}

/// Why a pattern cannot be used, in a sentence that names it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("The pattern \"{typed}\" cannot be used: {why}.")]
pub struct PatternError {
    pub typed: String,
    pub why: String,
}

const TYPED_CHARS_MAX: usize = 1_000;
/// A compiled pattern of more bytes is refused.
const REGEX_BYTES_MAX: usize = 256 * 1024;

impl Patterns {
    pub const NONE: Patterns = Patterns { names: BTreeSet::new(), wild: Vec::new() };

    pub fn parse<T: AsRef<str>>(typed: &[T]) -> Result<Patterns, PatternError> {
        let mut patterns = Patterns::default();
        for typed in typed {
            patterns.add(typed.as_ref().trim())?;
        }
        Ok(patterns)
    }

    pub fn is_empty(&self) -> bool {
        self.names.is_empty() && self.wild.is_empty()
    }

    pub fn matches(&self, name: &Name) -> bool {
        self.matching(name).is_some()
    }

    /// What it is that matches, as it was typed.
    pub fn matching(&self, name: &Name) -> Option<&str> {
        if let Some(listed) = self.names.get(name) {
            return Some(listed.as_str());
        }
        self.wild.iter().find(|it| it.regex.is_match(name.folded())).map(|it| &*it.typed)
    }

    fn add(&mut self, typed: &str) -> Result<(), PatternError> {
        let error = |why: String| PatternError { typed: typed.to_owned(), why };
        if typed.is_empty() {
            return Err(error("it is empty".to_owned()));
        }
        if TYPED_CHARS_MAX < typed.chars().count() {
            return Err(error(format!("it is longer than {TYPED_CHARS_MAX} characters")));
        }
        let regex = match regular_expression(typed) {
            Some(regex) => regex.to_owned(),
            None => match translated(typed) {
                Translated::Name(name) => {
                    self.names.insert(Name::new(&name));
                    return Ok(());
                }
                Translated::Regex(regex) => regex,
            },
        };
        let regex = RegexBuilder::new(&regex)
            .case_insensitive(true)
            .dot_matches_new_line(true)
            .size_limit(REGEX_BYTES_MAX)
            .build()
            .map_err(|it| error(why(&it)))?;
        self.wild.push(Wild { typed: typed.into(), regex });
        Ok(())
    }
}

fn regular_expression(typed: &str) -> Option<&str> {
    typed.strip_prefix('/')?.strip_suffix('/').filter(|it| !it.is_empty())
}

enum Translated {
    Name(String),
    Regex(String),
}

/// A name without wildcards as it is; one with them as a regular expression.
fn translated(typed: &str) -> Translated {
    let mut regex = String::from("^");
    let mut letters = String::new();
    let mut plain = String::new();
    let mut is_wild = false;
    let mut chars = typed.chars().peekable();
    while let Some(char) = chars.next() {
        let wildcard = match char {
            '*' => ".*",
            '?' => ".",
            '\\' => {
                let escaped = chars.next_if(|it| matches!(it, '*' | '?' | '\\')).unwrap_or(char);
                letters.push(escaped);
                plain.push(escaped);
                continue;
            }
            _ => {
                letters.push(char);
                plain.push(char);
                continue;
            }
        };
        regex += &regex::escape(&fold(&letters));
        regex += wildcard;
        letters.clear();
        is_wild = true;
    }
    if !is_wild {
        return Translated::Name(plain);
    }
    regex += &regex::escape(&fold(&letters));
    regex.push('$');
    Translated::Regex(regex)
}

/// The last line of what the engine says: the lines before it draw the place.
fn why(error: &regex::Error) -> String {
    if matches!(error, regex::Error::CompiledTooBig(_)) {
        return "it is too large".to_owned();
    }
    let text = error.to_string();
    let last = text.lines().last().unwrap_or_default();
    let last = last.trim_start_matches("error:").trim().trim_end_matches('.');
    format!("it is no regular expression ({last})")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn patterns(typed: &[&str]) -> Patterns {
        Patterns::parse(typed).unwrap()
    }

    #[test]
    fn names_and_patterns_match_without_regard_to_case_or_form() {
        for (pattern, name, is_match) in [
            ("dev", "Dev", true),
            ("dev", "devs", false),
            ("jira-*", "JIRA-users", true),
            ("jira-*", "jira-", true),
            ("jira-*", "my-jira-users", false),
            ("*", "anything", true),
            ("*-admins", "site-admins", true),
            ("team-?", "team-a", true),
            ("team-?", "team-ab", false),
            ("team-?", "team-ä", true),
            ("a.b*", "axbc", false),
            (r"a\*b", "a*b", true),
            (r"a\*b", "axb", false),
            (r"a\b*", r"a\bc", true),
            ("ﬁnance*", "Finance-EU", true),
            ("ÄRZTE*", "ärzte-1", true),
            ("/^ext-[0-9]+$/", "EXT-12", true),
            ("/^ext-[0-9]+$/", "ext-12x", false),
            ("/sales/", "emea-Sales-2", true),
            ("/", "/", true),
            ("a/b", "A/B", true),
            ("  dev ", "dev", true),
        ] {
            assert_eq!(
                patterns(&[pattern]).matches(&Name::new(name)),
                is_match,
                "{pattern} {name}"
            );
        }
    }

    #[test]
    fn what_matches_is_told_as_it_was_typed() {
        let patterns = patterns(&["Dev", "Jira-*"]);
        assert_eq!(patterns.matching(&Name::new("DEV")), Some("Dev"));
        assert_eq!(patterns.matching(&Name::new("jira-x")), Some("Jira-*"));
        assert_eq!(patterns.matching(&Name::new("ops")), None);
        assert!(!patterns.is_empty() && Patterns::default().is_empty());
    }

    #[test]
    fn what_cannot_be_used_is_refused_by_name() {
        let long = "x".repeat(1_001);
        for (typed, why) in [
            ("", "it is empty"),
            ("  ", "it is empty"),
            (&long, "it is longer than 1000 characters"),
            ("/(/", "it is no regular expression (unclosed group)"),
            ("/[a-z]{1000}{1000}/", "it is too large"),
            (r"/(a)\1/", "it is no regular expression (backreferences are not supported)"),
        ] {
            let error = Patterns::parse(&["fine", typed]).unwrap_err();
            assert_eq!(
                error.to_string(),
                format!("The pattern \"{}\" cannot be used: {why}.", typed.trim())
            );
        }
    }
}
