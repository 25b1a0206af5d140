//! The audit log as a file, the latest entry first.

use serde_json::Value;

use super::{Cell, Format, Table};
use crate::store::audit::{self, Filter, Recorded};
use crate::store::{Db, StoreError};

/// A file that is written piece by piece; each piece is a page of entries.
#[derive(Debug)]
pub struct AuditExport {
    db: Db,
    filter: Filter,
    table: Table,
    state: State,
}

#[derive(Clone, Copy, Debug)]
enum State {
    Beginning,
    Before(Option<i64>),
    End,
}

const COLUMNS: &[&str] = &[
    "number",
    "at",
    "actor_kind",
    "actor",
    "origin",
    "noun",
    "verb",
    "object_id",
    "object_name",
    "reason",
    "changes",
    "previous_hash",
    "hash",
];
const ROWS_PER_PIECE: u32 = 1_000;

impl AuditExport {
    pub fn new(db: &Db, filter: Filter, format: Format) -> AuditExport {
        let table = Table::new(format, COLUMNS);
        AuditExport { db: db.clone(), filter, table, state: State::Beginning }
    }

    /// The next piece of the file, until there is none. What is recorded meanwhile is not part
    /// of it.
    pub async fn next(&mut self) -> Result<Option<Vec<u8>>, StoreError> {
        let before = match self.state {
            State::Beginning => {
                self.state = State::Before(None);
                return Ok(Some(self.table.head()));
            }
            State::Before(before) => before,
            State::End => return Ok(None),
        };
        let entries = audit::list(&self.db, &self.filter, before, ROWS_PER_PIECE).await?;
        let Some(last) = entries.last() else {
            self.state = State::End;
            return Ok(Some(self.table.tail()));
        };
        self.state = State::Before(Some(last.seq));
        Ok(Some(self.table.rows(entries.into_iter().map(row))))
    }
}

fn row(entry: Recorded) -> Vec<Cell> {
    let Recorded {
        seq,
        at,
        actor_kind,
        actor,
        origin,
        noun,
        verb,
        object_id,
        object_name,
        changes,
        reason,
        previous_hash,
        hash,
    } = entry;
    let changes = match serde_json::from_str::<Value>(&changes) {
        Ok(changes) => Cell::Json(changes),
        Err(_) => Cell::Text(changes),
    };
    vec![
        Cell::Number(seq),
        Cell::text(at.to_string()),
        Cell::Text(actor_kind),
        Cell::Text(actor),
        Cell::Text(origin),
        Cell::Text(noun),
        Cell::Text(verb),
        Cell::Text(object_id),
        Cell::Text(object_name),
        Cell::Text(reason),
        changes,
        Cell::Text(previous_hash),
        Cell::Text(hash),
    ]
}
