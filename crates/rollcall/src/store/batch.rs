//! Many rows in one statement, the same text on either engine.
//!
//! A statement per row would take minutes for a tenant of a hundred thousand. Rows travel as one
//! JSON text, which both engines take apart: `{rows}` in a statement stands for a table `batch` with
//! one column `value`, and `batch.value ->> 0` is the first cell of a row.

use futures_util::future::join;
use serde::Serialize;
use sqlx::{AssertSqlSafe, SqlSafeStr, SqlStr};

use crate::store::{StoreError, Tx};
use crate::with_tx;

/// Bounds the memory that one statement takes.
const ROWS_PER_STATEMENT: usize = 4_000;

/// Runs a statement for each batch of rows, which are its first parameter, and tells how many rows
/// it changed. `row` writes one item by [`cells`].
///
/// The next batch is written while the database works on the one before.
pub async fn execute<T>(
    tx: &mut Tx,
    sql: &'static str,
    items: impl IntoIterator<Item = T>,
    row: impl Fn(&mut Vec<u8>, T) -> Result<(), StoreError>,
    parameters: &[i64],
) -> Result<u64, StoreError> {
    let sql = with_rows(tx, sql);
    let mut items = items.into_iter();
    let mut affected = 0;
    let mut batch = write(&mut items, &row)?;
    while let Some(text) = batch {
        let run = run(tx, sql.clone(), text, parameters);
        let (done, next) = join(run, async { write(&mut items, &row) }).await;
        affected += done?;
        batch = next?;
    }
    Ok(affected)
}

/// The cells of one row.
pub fn cells(out: &mut Vec<u8>, cells: &impl Serialize) -> Result<(), StoreError> {
    serde_json::to_writer(out, cells)
        .map_err(|error| StoreError::Sql(sqlx::Error::Encode(Box::new(error))))
}

/// The one place in which the engines differ: how rows are made of JSON.
///
/// SQLite gets its rows as JSONB: of text it would look through a row anew for each cell. It is told
/// to make them first, by a limit that is never reached. Otherwise it walks all users
/// of a target for each batch and looks at the whole batch for each of them.
pub fn with_rows(tx: &Tx, sql: &'static str) -> SqlStr {
    let rows = match tx {
        Tx::Sqlite(_) => "(select value from jsonb_each($1) limit 1000000) as batch",
        Tx::Postgres(_) => "json_array_elements($1::json) as batch(value)",
    };
    AssertSqlSafe(sql.replace("{rows}", rows)).into_sql_str()
}

async fn run(
    tx: &mut Tx,
    sql: SqlStr,
    batch: String,
    parameters: &[i64],
) -> Result<u64, StoreError> {
    Ok(with_tx!(tx, conn => {
        let mut query = sqlx::query(sql).bind(batch);
        for parameter in parameters {
            query = query.bind(*parameter);
        }
        query.execute(conn).await?.rows_affected()
    }))
}

/// The next rows as one JSON array, or nothing where there are none left.
fn write<T>(
    items: &mut impl Iterator<Item = T>,
    row: &impl Fn(&mut Vec<u8>, T) -> Result<(), StoreError>,
) -> Result<Option<String>, StoreError> {
    let mut text = Vec::new();
    for item in items.take(ROWS_PER_STATEMENT) {
        text.push(if text.is_empty() { b'[' } else { b',' });
        row(&mut text, item)?;
    }
    if text.is_empty() {
        return Ok(None);
    }
    text.push(b']');
    let text = String::from_utf8(text)
        .map_err(|error| StoreError::Sql(sqlx::Error::Encode(Box::new(error))))?;
    Ok(Some(text))
}
