//! A run as a file: what it did, what it found, what it told.

use std::collections::VecDeque;

use serde_json::{Map, Value, json};

use super::{Cell, Format, Table};
use crate::store::runs::changes::{self, RecordedChange};
use crate::store::runs::events::{self, RunEvent};
use crate::store::runs::findings::{self, RecordedFinding};
use crate::store::runs::{Page, Run};
use crate::store::{Db, StoreError};

/// A list of a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Part {
    Changes,
    Findings,
    Log,
}

/// A file that is written piece by piece; each piece is a page of rows.
#[derive(Debug)]
pub struct RunExport {
    db: Db,
    run: Run,
    format: Format,
    is_whole: bool,
    parts: VecDeque<Part>,
    state: State,
}

#[derive(Debug)]
enum State {
    Beginning,
    Within { part: Part, table: Table, after: i64 },
    End,
}

/// Changes and findings have the same columns, so that they can be lines of one table.
const COLUMNS: &[&str] = &[
    "record",
    "number",
    "target",
    "kind",
    "external_id",
    "username",
    "group",
    "detail",
    "outcome",
    "reason",
    "before",
    "after",
];
const LOG_COLUMNS: &[&str] = &["record", "number", "at", "kind", "text", "details"];
const ROWS_PER_PIECE: i64 = 1_000;

impl Part {
    pub const ALL: [Part; 3] = [Part::Changes, Part::Findings, Part::Log];

    pub fn word(self) -> &'static str {
        match self {
            Part::Changes => "changes",
            Part::Findings => "findings",
            Part::Log => "log",
        }
    }
}

impl RunExport {
    /// Everything; as CSV, the changes and findings.
    pub fn whole(db: &Db, run: Run, format: Format) -> RunExport {
        let parts = match format {
            Format::Json | Format::Ndjson => VecDeque::from(Part::ALL),
            Format::Csv => VecDeque::from([Part::Changes, Part::Findings]),
        };
        RunExport { db: db.clone(), run, format, is_whole: true, parts, state: State::Beginning }
    }

    pub fn part(db: &Db, run: Run, format: Format, part: Part) -> RunExport {
        let (parts, state) = (VecDeque::from([part]), State::Beginning);
        RunExport { db: db.clone(), run, format, is_whole: false, parts, state }
    }

    /// The next piece of the file, until there is none.
    pub async fn next(&mut self) -> Result<Option<Vec<u8>>, StoreError> {
        match &mut self.state {
            State::Beginning => {
                let mut out = self.beginning();
                out.extend(self.next_part());
                Ok(Some(out))
            }
            State::Within { part, table, after } => {
                let page = Page { after: *after, rows_max: ROWS_PER_PIECE };
                let rows = rows(&self.db, &self.run, *part, page).await?;
                if let Some((last, _)) = rows.last() {
                    *after = *last;
                    return Ok(Some(table.rows(rows.into_iter().map(|(_, row)| row))));
                }
                let mut out = Vec::new();
                if !self.goes_on() {
                    let State::Within { table, .. } = &self.state else { return Ok(None) };
                    out.extend(table.tail());
                }
                out.extend(self.next_part());
                Ok(Some(out))
            }
            State::End => Ok(None),
        }
    }

    /// Whether the next list continues the table of this one.
    fn goes_on(&self) -> bool {
        self.format == Format::Csv && !self.parts.is_empty()
    }

    fn beginning(&self) -> Vec<u8> {
        match (self.format, self.is_whole) {
            (Format::Json, true) => format!("{{\"run\": {}", run_object(&self.run)).into_bytes(),
            (Format::Ndjson, true) => {
                let mut object = run_object(&self.run);
                if let Some(fields) = object.as_object_mut() {
                    fields.insert("record".to_owned(), "run".into());
                }
                format!("{object}\n").into_bytes()
            }
            (Format::Csv, true) | (Format::Json | Format::Ndjson | Format::Csv, false) => {
                Vec::new()
            }
        }
    }

    fn next_part(&mut self) -> Vec<u8> {
        let is_object = self.is_whole && self.format == Format::Json;
        let before = std::mem::replace(&mut self.state, State::End);
        let Some(part) = self.parts.pop_front() else {
            return if is_object { b"}\n".to_vec() } else { Vec::new() };
        };
        let mut out = Vec::new();
        if is_object {
            out.extend(format!(",\n\"{}\": ", part.word()).into_bytes());
        }
        let table = match before {
            State::Within { table, .. } if self.format == Format::Csv => table,
            State::Beginning | State::Within { .. } | State::End => {
                let table = Table::new(self.format, columns(part));
                out.extend(table.head());
                table
            }
        };
        self.state = State::Within { part, table, after: 0 };
        out
    }
}

fn columns(part: Part) -> &'static [&'static str] {
    match part {
        Part::Changes | Part::Findings => COLUMNS,
        Part::Log => LOG_COLUMNS,
    }
}

/// Rows with their numbers.
async fn rows(
    db: &Db,
    run: &Run,
    part: Part,
    page: Page,
) -> Result<Vec<(i64, Vec<Cell>)>, StoreError> {
    Ok(match part {
        Part::Changes => {
            changes::list(db, run.id, page).await?.into_iter().map(change_row).collect()
        }
        Part::Findings => {
            findings::list(db, run.id, page).await?.into_iter().map(finding_row).collect()
        }
        Part::Log => events::list(db, run.id, page).await?.into_iter().map(log_row).collect(),
    })
}

fn run_object(run: &Run) -> Value {
    let json = |text: &str| serde_json::from_str(text).unwrap_or(Value::Object(Map::new()));
    let (person, plan, undo_of) = run.task.parts();
    json!({
        "id": run.id.0,
        "connector": run.connector_name.as_str(),
        "trigger": run.trigger,
        "slot": run.slot.map(|it| it.to_string()),
        "started_by": run.started_by,
        "node": run.node,
        "retry_of": run.retry_of.map(|it| it.0),
        "person": person,
        "plan": plan,
        "undo_of": undo_of,
        "stop_asked_by": run.stop_asked_by,
        "status": run.status.word(),
        "started_at": run.started_at.to_string(),
        "finished_at": run.finished_at.map(|it| it.to_string()),
        "message": run.message,
        "report": json(&run.report),
        "settings": json(&run.settings),
    })
}

fn change_row(change: RecordedChange) -> (i64, Vec<Cell>) {
    let number = change.seq;
    let (before, after) = change.before_and_after();
    let cells = vec![
        Cell::text("change"),
        Cell::Number(number),
        change.target_name.into(),
        Cell::Text(change.kind),
        change.external_id.into(),
        change.username.into(),
        change.group.into(),
        Cell::Text(change.detail),
        Cell::Text(change.outcome),
        Cell::Text(change.reason),
        before.into(),
        after.into(),
    ];
    (number, cells)
}

fn finding_row(finding: RecordedFinding) -> (i64, Vec<Cell>) {
    let RecordedFinding { run: _, seq, kind, external_id, username, message } = finding;
    let cells = vec![
        Cell::text("finding"),
        Cell::Number(seq),
        Cell::Nothing,
        Cell::Text(kind),
        external_id.into(),
        username.into(),
        Cell::Nothing,
        Cell::Nothing,
        Cell::Nothing,
        Cell::Text(message),
        Cell::Nothing,
        Cell::Nothing,
    ];
    (seq, cells)
}

fn log_row(event: RunEvent) -> (i64, Vec<Cell>) {
    let RunEvent { seq, at, kind, body } = event;
    let body: Value = serde_json::from_str(&body).unwrap_or(Value::Null);
    let text = body.get("text").and_then(Value::as_str).map(str::to_owned);
    let cells = vec![
        Cell::text("log"),
        Cell::Number(seq),
        Cell::text(at.to_string()),
        Cell::Text(kind),
        text.into(),
        Cell::Json(body),
    ];
    (seq, cells)
}
