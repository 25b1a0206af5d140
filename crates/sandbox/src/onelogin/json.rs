//! Writes rows straight into the answer: a page of 1,000 users must not cost a tree of values.

use std::{collections::BTreeMap, io::Write};

use super::user::{Loose, Moment, Text};

/// How fields without a value are written; OneLogin mixes the forms, so a client must not care.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Blank {
    AsStored,
    Null,
    Empty,
}

pub(super) fn string(out: &mut Vec<u8>, text: &str) {
    out.push(b'"');
    let mut rest = text;
    while let Some(at) = rest.bytes().position(|byte| byte < 0x20 || byte == b'"' || byte == b'\\')
    {
        let (plain, special) = rest.split_at(at);
        out.extend_from_slice(plain.as_bytes());
        let mut chars = special.chars();
        escaped(out, chars.next().unwrap_or_default());
        rest = chars.as_str();
    }
    out.extend_from_slice(rest.as_bytes());
    out.push(b'"');
}

fn escaped(out: &mut Vec<u8>, special: char) {
    match special {
        '"' => out.extend_from_slice(b"\\\""),
        '\\' => out.extend_from_slice(b"\\\\"),
        '\n' => out.extend_from_slice(b"\\n"),
        other => plain(out, &format!("\\u{:04x}", u32::from(other))),
    }
}

pub(super) fn plain(out: &mut Vec<u8>, text: &str) {
    out.extend_from_slice(text.as_bytes());
}

pub(super) fn number(out: &mut Vec<u8>, number: i64) {
    write!(out, "{number}").expect_written();
}

pub(super) fn optional_number(out: &mut Vec<u8>, value: Option<i64>) {
    match value {
        Some(value) => number(out, value),
        None => plain(out, "null"),
    }
}

pub(super) fn text(out: &mut Vec<u8>, value: &Text) {
    match value {
        Some(value) => string(out, value),
        None => plain(out, "null"),
    }
}

/// A text whose "no value" is `null` in one tenant and `""` in the next.
pub(super) fn blankable(out: &mut Vec<u8>, value: &Text, blank: Blank) {
    let has_value = value.as_deref().is_some_and(|it| !it.is_empty());
    match blank {
        Blank::Null if !has_value => plain(out, "null"),
        Blank::Empty if !has_value => plain(out, "\"\""),
        Blank::AsStored | Blank::Null | Blank::Empty => text(out, value),
    }
}

pub(super) fn moment(out: &mut Vec<u8>, value: Option<Moment>) {
    match value {
        Some(value) => string(out, &value.text()),
        None => plain(out, "null"),
    }
}

pub(super) fn loose(out: &mut Vec<u8>, value: &Loose) {
    match value {
        Loose::Null => plain(out, "null"),
        Loose::Number(value) => number(out, *value),
        Loose::Text(value) => string(out, value),
    }
}

pub(super) fn numbers(out: &mut Vec<u8>, values: &[i64]) {
    out.push(b'[');
    for (at, value) in values.iter().enumerate() {
        if at != 0 {
            out.push(b',');
        }
        number(out, *value);
    }
    out.push(b']');
}

pub(super) fn texts(
    out: &mut Vec<u8>,
    values: &BTreeMap<std::borrow::Cow<'static, str>, Text>,
    unset: Blank,
) {
    out.push(b'{');
    for (at, (name, value)) in values.iter().enumerate() {
        if at != 0 {
            out.push(b',');
        }
        string(out, name);
        out.push(b':');
        blankable(out, value, unset);
    }
    out.push(b'}');
}

/// Writing into memory has no way to fail.
trait ExpectWritten {
    fn expect_written(self);
}

impl ExpectWritten for std::io::Result<()> {
    fn expect_written(self) {
        debug_assert!(self.is_ok(), "writing into memory does not fail");
    }
}
