//! What a run tells while it is under way. Written every half second, so that whoever follows it, in
//! whichever process, is at most a second behind; kept, so that a reader who went away and came
//! back has missed nothing.

use jiff::Timestamp;

use super::{Page, RunId};
use crate::store::batch::{cells, execute};
use crate::store::{Db, StoreError, Tx, instant};
use crate::with_pool;

/// One thing that a run told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RunEvent {
    pub seq: i64,
    pub at: Timestamp,
    /// `phase`, `progress`, `calls`, `counts` or `line`.
    pub kind: String,
    /// JSON
    pub body: String,
}

/// Writes down what is not there yet.
pub async fn insert(tx: &mut Tx, run: RunId, events: &[RunEvent]) -> Result<(), StoreError> {
    // The condition tells SQLite that `on` does not belong to the join.
    const SQL: &str = "insert into run_events (run_id, seq, at, kind, body) \
         select $2, cast(batch.value ->> 0 as bigint), cast(batch.value ->> 1 as bigint), \
           batch.value ->> 2, batch.value ->> 3 from {rows} where true \
         on conflict (run_id, seq) do nothing";
    let row = |out: &mut Vec<u8>, event: &RunEvent| {
        let RunEvent { seq, at, kind, body } = event;
        cells(out, &(seq, at.as_microsecond(), kind, body))
    };
    execute(tx, SQL, events, row, &[run.0]).await?;
    Ok(())
}

/// What a run told after the event `page.after`.
pub async fn list(db: &Db, run: RunId, page: Page) -> Result<Vec<RunEvent>, StoreError> {
    const SQL: &str = "select seq, at, kind, body from run_events \
         where run_id = $1 and seq > $2 order by seq limit $3";
    let rows: Vec<(i64, i64, String, String)> = with_pool!(db, pool => sqlx::query_as(SQL)
        .bind(run.0)
        .bind(page.after)
        .bind(page.rows_max)
        .fetch_all(pool)
        .await?);
    let event = |(seq, at, kind, body)| RunEvent { seq, at: instant(at), kind, body };
    Ok(rows.into_iter().map(event).collect())
}
