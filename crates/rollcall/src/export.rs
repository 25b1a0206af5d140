//! Rows that leave as a file: JSON, NDJSON or CSV, from one list of columns.
//!
//! A [`Table`] writes them page by page, so that a file of a million rows takes the memory of one
//! page. No cell of a CSV file is a formula to a spreadsheet: what people are called comes from
//! outside, and whoever opens the file must not run it.

pub mod audit;
pub mod plan;
pub mod run;
#[cfg(test)]
mod tests;

use csv::{QuoteStyle, WriterBuilder};
use serde_json::{Map, Value};

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Format {
    /// One array of objects.
    Json,
    /// One object a line.
    Ndjson,
    /// Comma-separated, with a heading; every cell quoted.
    Csv,
}

/// One value of a row.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Cell {
    Nothing,
    Number(i64),
    /// May come from outside.
    Text(String),
    /// In a CSV file its text.
    Json(Value),
}

/// A file that is being written: the head, the rows page by page, the tail.
#[derive(Clone, Debug)]
pub struct Table {
    format: Format,
    columns: &'static [&'static str],
    has_rows: bool,
}

impl Format {
    pub const ALL: [Format; 3] = [Format::Json, Format::Ndjson, Format::Csv];

    /// Also the ending of a file's name.
    pub fn word(self) -> &'static str {
        match self {
            Format::Json => "json",
            Format::Ndjson => "ndjson",
            Format::Csv => "csv",
        }
    }

    pub fn from_word(word: &str) -> Option<Format> {
        Format::ALL.into_iter().find(|it| it.word() == word)
    }

    pub fn content_type(self) -> &'static str {
        match self {
            Format::Json => "application/json",
            Format::Ndjson => "application/x-ndjson",
            Format::Csv => "text/csv; charset=utf-8",
        }
    }
}

impl Cell {
    pub fn text(text: impl Into<String>) -> Cell {
        Cell::Text(text.into())
    }

    fn json(self) -> Value {
        match self {
            Cell::Nothing => Value::Null,
            Cell::Number(number) => number.into(),
            Cell::Text(text) => text.into(),
            Cell::Json(value) => value,
        }
    }

    fn csv(self) -> String {
        match self {
            Cell::Nothing => String::new(),
            Cell::Number(number) => number.to_string(),
            Cell::Text(text) => harmless(&text),
            Cell::Json(value) => harmless(&value.to_string()),
        }
    }
}

impl From<Value> for Cell {
    fn from(value: Value) -> Cell {
        if value.is_null() { Cell::Nothing } else { Cell::Json(value) }
    }
}

impl<T: Into<String>> From<Option<T>> for Cell {
    fn from(text: Option<T>) -> Cell {
        text.map_or(Cell::Nothing, Cell::text)
    }
}

impl Table {
    pub fn new(format: Format, columns: &'static [&'static str]) -> Table {
        Table { format, columns, has_rows: false }
    }

    /// What stands before the first row.
    pub fn head(&self) -> Vec<u8> {
        match self.format {
            Format::Json => b"[".to_vec(),
            Format::Ndjson => Vec::new(),
            Format::Csv => csv_lines([self.columns.iter().map(|&it| it.to_owned()).collect()]),
        }
    }

    /// The next rows; each has a cell for every column.
    pub fn rows(&mut self, rows: impl IntoIterator<Item = Vec<Cell>>) -> Vec<u8> {
        if self.format == Format::Csv {
            let cells = |row: Vec<Cell>| row.into_iter().map(Cell::csv).collect();
            return csv_lines(rows.into_iter().map(cells));
        }
        let mut out = Vec::new();
        for row in rows {
            if self.format == Format::Json {
                out.extend(if self.has_rows { ",\n" } else { "\n" }.bytes());
            }
            self.has_rows = true;
            out.extend(self.object(row).to_string().bytes());
            if self.format == Format::Ndjson {
                out.push(b'\n');
            }
        }
        out
    }

    /// What stands behind the last row.
    pub fn tail(&self) -> Vec<u8> {
        match self.format {
            Format::Json if self.has_rows => b"\n]\n".to_vec(),
            Format::Json => b"]\n".to_vec(),
            Format::Ndjson | Format::Csv => Vec::new(),
        }
    }

    fn object(&self, row: Vec<Cell>) -> Value {
        let names = self.columns.iter().map(|&it| it.to_owned());
        Value::Object(names.zip(row.into_iter().map(Cell::json)).collect::<Map<_, _>>())
    }
}

fn csv_lines(rows: impl IntoIterator<Item = Vec<String>>) -> Vec<u8> {
    let mut writer =
        WriterBuilder::new().quote_style(QuoteStyle::Always).flexible(true).from_writer(Vec::new());
    for row in rows {
        // Writing to memory does not fail, and rows may be of any length.
        drop(writer.write_record(&row));
    }
    writer.into_inner().unwrap_or_default()
}

/// What makes a spreadsheet take a cell for a formula, in the widths that it understands.
const FORMULA: [char; 8] = ['=', '+', '-', '@', '\u{ff1d}', '\u{ff0b}', '\u{ff0d}', '\u{ff20}'];
/// Where a spreadsheet of another country would begin the next cell.
const SEPARATORS: [char; 6] = [',', ';', '\t', '\r', '\n', '|'];

/// The text with a mark before everything that a spreadsheet would run, at its beginning and at
/// whatever could be taken for the beginning of a cell.
fn harmless(text: &str) -> String {
    let mut out = String::with_capacity(text.len() + 1);
    if text.starts_with(['\t', '\r', '\n']) {
        out.push('\'');
    }
    let mut is_beginning = true;
    for it in text.chars() {
        if is_beginning && FORMULA.contains(&it) {
            out.push('\'');
        }
        let is_blank = it == '"' || it == '\'' || it.is_whitespace() || it.is_control();
        is_beginning = SEPARATORS.contains(&it) || (is_beginning && is_blank);
        out.push(if it == '\0' { '\u{fffd}' } else { it });
    }
    out
}
