//! The changes of a plan as a file.

use super::{Cell, Format, Table};
use crate::store::plans::PlanId;
use crate::store::plans::changes::{self, Filter, PlanChange};
use crate::store::runs::Page;
use crate::store::{Db, StoreError};

/// A file that is written piece by piece; each piece is a page of rows.
#[derive(Debug)]
pub struct PlanExport {
    db: Db,
    plan: PlanId,
    filter: Filter,
    table: Table,
    after: i64,
    state: State,
}

#[derive(Clone, Copy, Debug)]
enum State {
    Beginning,
    Within,
    End,
}

const COLUMNS: &[&str] = &[
    "number",
    "target",
    "verdict",
    "decision",
    "cause",
    "kind",
    "external_id",
    "username",
    "group",
    "change",
    "reason",
    "before",
    "after",
];
const ROWS_PER_PIECE: i64 = 2_000;

impl PlanExport {
    pub fn new(db: &Db, plan: PlanId, filter: Filter, format: Format) -> PlanExport {
        let table = Table::new(format, COLUMNS);
        PlanExport { db: db.clone(), plan, filter, table, after: 0, state: State::Beginning }
    }

    /// The next piece of the file, until there is none.
    pub async fn next(&mut self) -> Result<Option<Vec<u8>>, StoreError> {
        match self.state {
            State::Beginning => {
                self.state = State::Within;
                Ok(Some(self.table.head()))
            }
            State::Within => {
                let page = Page { after: self.after, rows_max: ROWS_PER_PIECE };
                let changes = changes::list(&self.db, self.plan, &self.filter, page).await?;
                let Some(last) = changes.last() else {
                    self.state = State::End;
                    return Ok(Some(self.table.tail()));
                };
                self.after = last.seq;
                Ok(Some(self.table.rows(changes.into_iter().map(cells))))
            }
            State::End => Ok(None),
        }
    }
}

fn cells(change: PlanChange) -> Vec<Cell> {
    let person = |text: String| match serde_json::from_str(&text) {
        Ok(value) => Cell::Json(value),
        Err(_) => Cell::Nothing,
    };
    vec![
        Cell::Number(change.seq),
        change.target_name.into(),
        Cell::text(if change.is_held { "held" } else { "passes" }),
        Cell::text(change.decision),
        if change.is_held { Cell::Number(change.cause) } else { Cell::Nothing },
        Cell::text(change.kind),
        change.external_id.into(),
        change.username.into(),
        change.group.into(),
        Cell::text(change.words),
        Cell::text(change.reason),
        person(change.before),
        person(change.after),
    ]
}
