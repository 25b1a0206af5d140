//! The one place that prints: answers to standard output, everything else to standard error.

use std::io::{self, IsTerminal, Write as _};

use serde::Serialize;

use crate::cli::exit::CliError;

/// How this process talks.
#[derive(Clone, Copy, Debug)]
pub struct Output {
    /// Whether answers are JSON objects instead of text.
    pub json: bool,
    pub color: bool,
}

/// What a piece of text means, for those who see colours.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tone {
    Good,
    Warning,
    Bad,
    Quiet,
    Strong,
}

#[derive(Serialize)]
struct Versioned<'a, T> {
    schema_version: u32,
    #[serde(flatten)]
    answer: &'a T,
}

#[derive(Serialize)]
struct Failure<'a> {
    error: &'a str,
    exit_code: u8,
}

/// Raised when a field of an answer changes its meaning or goes away.
const SCHEMA_VERSION: u32 = 1;

impl Output {
    /// The answer of a command: a text for people, or one JSON object with the same content.
    pub fn answer<T: Serialize>(&self, answer: &T, text: impl FnOnce(&T) -> String) {
        if self.json {
            to_stdout(&object(answer));
        } else {
            to_stdout(&text(answer));
        }
    }

    /// One of many, as it comes: a line for people, a line of JSON for programs.
    pub fn item<T: Serialize>(&self, item: &T, text: impl FnOnce(&T) -> String) {
        if self.json {
            let versioned = Versioned { schema_version: SCHEMA_VERSION, answer: item };
            to_stdout(&serde_json::to_string(&versioned).unwrap_or_default());
        } else {
            to_stdout(&text(item));
        }
    }

    /// A piece of a file. Tells whether anybody still reads it.
    pub fn bytes(&self, piece: &[u8]) -> bool {
        let mut stdout = io::stdout().lock();
        stdout.write_all(piece).and_then(|()| stdout.flush()).is_ok()
    }

    /// A part of an answer that people see as it comes. The JSON object has it all at the end.
    pub fn line(&self, text: &str) {
        if !self.json {
            to_stdout(text);
        }
    }

    /// What happens meanwhile, or is worth knowing besides the answer.
    pub fn note(&self, line: &str) {
        to_stderr(line);
    }

    pub fn error(&self, error: &CliError) {
        if self.json {
            let failure = Failure { error: &error.sentence, exit_code: error.exit.code() };
            to_stderr(&object(&failure));
        } else {
            to_stderr(&format!("{} {}", self.paint(Tone::Bad, "error:"), error.sentence));
        }
    }

    /// The text in the colour of its tone, where colours are wanted.
    pub fn paint(&self, tone: Tone, text: &str) -> String {
        if !self.color {
            return text.to_owned();
        }
        let code = match tone {
            Tone::Good => "32",
            Tone::Warning => "33",
            Tone::Bad => "31",
            Tone::Quiet => "2",
            Tone::Strong => "1",
        };
        format!("\x1b[{code}m{text}\x1b[0m")
    }
}

/// Whether a person watches what goes to standard error.
pub fn is_watched() -> bool {
    io::stderr().is_terminal()
}

/// Whether a person reads the answers.
pub fn is_read() -> bool {
    io::stdout().is_terminal()
}

/// Rows under their headings, each column as wide as its widest cell.
pub fn table<const COLUMNS: usize>(
    headings: [&str; COLUMNS],
    rows: &[[String; COLUMNS]],
) -> String {
    let mut widths = headings.map(|it| it.chars().count());
    for row in rows {
        for (width, cell) in widths.iter_mut().zip(row) {
            *width = (*width).max(cell.chars().count());
        }
    }
    let mut text = aligned(widths, headings);
    for row in rows {
        text.push('\n');
        text.push_str(&aligned(widths, row.each_ref().map(|it| printable(it))));
    }
    text
}

/// Names and what they are, one a line.
pub fn facts(facts: &[(&str, String)]) -> String {
    let width = facts.iter().map(|(name, _)| name.chars().count()).max().unwrap_or(0);
    let line = |(name, value): &(&str, String)| format!("{name:<width$}  {}", printable(value));
    facts.iter().map(line).collect::<Vec<_>>().join("\n")
}

fn aligned<const COLUMNS: usize>(
    widths: [usize; COLUMNS],
    cells: [impl AsRef<str>; COLUMNS],
) -> String {
    let mut line = String::new();
    for (width, cell) in widths.into_iter().zip(cells) {
        let cell = cell.as_ref();
        line.push_str(cell);
        line.extend(std::iter::repeat_n(' ', width + 2 - width.min(cell.chars().count())));
    }
    line.trim_end().to_owned()
}

/// Names come from outside: what would move the cursor or recolour the screen is shown as a mark.
pub fn printable(text: &str) -> String {
    text.chars().map(|it| if it.is_control() { '\u{fffd}' } else { it }).collect()
}

/// Lines of which each may hold such a name.
pub fn printable_lines(lines: &[String]) -> String {
    lines.iter().map(|it| printable(it)).collect::<Vec<_>>().join("\n")
}

fn object<T: Serialize>(answer: &T) -> String {
    let versioned = Versioned { schema_version: SCHEMA_VERSION, answer };
    serde_json::to_string_pretty(&versioned).unwrap_or_else(|error| {
        format!("{{\"schema_version\": {SCHEMA_VERSION}, \"error\": \"{error}\"}}")
    })
}

/// A reader that went away (`rollcall run list | head -1`) is no failure.
fn to_stdout(text: &str) {
    let mut stdout = io::stdout().lock();
    drop(writeln!(stdout, "{}", text.trim_end_matches('\n')).and_then(|()| stdout.flush()));
}

fn to_stderr(text: &str) {
    drop(writeln!(io::stderr().lock(), "{text}"));
}

#[cfg(test)]
mod tests {
    use expect_test::expect;

    use super::*;

    #[test]
    fn a_table_is_as_wide_as_its_widest_cells() {
        let rows = [
            ["OneLogin".to_owned(), "eu".to_owned()],
            ["Ä".to_owned(), "https://acme.onelogin.com".to_owned()],
        ];
        expect![[r#"
            NAME      BASE URL
            OneLogin  eu
            Ä         https://acme.onelogin.com"#]]
        .assert_eq(&table(["NAME", "BASE URL"], &rows));
    }

    #[test]
    fn a_name_cannot_write_to_the_terminal() {
        let rows = [["a\x1b[2Jb\nc".to_owned()]];
        assert_eq!(table(["NAME"], &rows), "NAME\na\u{fffd}[2Jb\u{fffd}c");
    }
}
