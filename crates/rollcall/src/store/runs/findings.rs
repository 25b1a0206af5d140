//! What runs found odd.

use std::collections::BTreeMap;

use reconcile::finding::Finding;
use reconcile::principal::ExternalId;

use super::{Page, RunId};
use crate::store::batch::{cells, execute};
use crate::store::connectors::ConnectorId;
use crate::store::{Db, StoreError, Tx};
use crate::with_pool;

/// One finding of a run, read back.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RecordedFinding {
    pub run: RunId,
    pub seq: i64,
    pub kind: String,
    pub external_id: Option<String>,
    pub username: Option<String>,
    pub message: String,
}

pub async fn list(db: &Db, run: RunId, page: Page) -> Result<Vec<RecordedFinding>, StoreError> {
    const SQL: &str = "select run_id, seq, kind, external_id, username, message \
         from run_findings where run_id = $1 and seq > $2 order by seq limit $3";
    let rows = with_pool!(db, pool => sqlx::query_as::<_, FindingColumns>(SQL)
        .bind(run.0)
        .bind(page.after)
        .bind(page.rows_max)
        .fetch_all(pool)
        .await)?;
    Ok(rows.into_iter().map(recorded_finding).collect())
}

/// How many findings there were of each kind.
pub async fn counts(db: &Db, run: RunId) -> Result<BTreeMap<String, u64>, StoreError> {
    const SQL: &str = "select kind, count(*) from run_findings where run_id = $1 group by kind";
    let rows = with_pool!(db, pool => sqlx::query_as::<_, (String, i64)>(SQL)
        .bind(run.0)
        .fetch_all(pool)
        .await)?;
    Ok(rows.into_iter().map(|(kind, count)| (kind, count.unsigned_abs())).collect())
}

/// What was last found odd about somebody, by their key or the source's id.
pub async fn last_of(
    db: &Db,
    connector: ConnectorId,
    ids: [&ExternalId; 2],
) -> Result<Option<RecordedFinding>, StoreError> {
    const SQL: &str = "select f.run_id, f.seq, f.kind, f.external_id, f.username, f.message \
         from run_findings f join runs r on r.id = f.run_id \
         where f.external_id in ($1, $3) and r.connector_id = $2 \
         order by f.run_id desc, f.seq desc limit 1";
    let row = with_pool!(db, pool => sqlx::query_as::<_, FindingColumns>(SQL)
        .bind(ids[0].as_str())
        .bind(connector.0)
        .bind(ids[1].as_str())
        .fetch_optional(pool)
        .await)?;
    Ok(row.map(recorded_finding))
}

/// Writes down all findings of a run. To be called once a run.
pub async fn insert(
    tx: &mut Tx,
    run: RunId,
    findings: impl IntoIterator<Item = &Finding>,
) -> Result<(), StoreError> {
    const SQL: &str = "insert into run_findings \
           (run_id, seq, kind, external_id, username, message) \
         select $2, cast(batch.value ->> 0 as bigint), batch.value ->> 1, batch.value ->> 2, \
           batch.value ->> 3, batch.value ->> 4 from {rows}";
    write(tx, SQL, run.0, findings).await
}

/// Writes down the findings of whatever has some, with its number, by a statement that takes number,
/// kind, external id, username and message of each.
pub async fn write(
    tx: &mut Tx,
    sql: &'static str,
    owner: i64,
    findings: impl IntoIterator<Item = &Finding>,
) -> Result<(), StoreError> {
    let row = |out: &mut Vec<u8>, (seq, finding): (i64, &Finding)| {
        let Finding { kind, id, username, message } = finding;
        cells(out, &(seq, kind.word(), id.as_ref().map(ExternalId::as_str), username, message))
    };
    execute(tx, sql, (1_i64..).zip(findings), row, &[owner]).await?;
    Ok(())
}

type FindingColumns = (i64, i64, String, Option<String>, Option<String>, String);

fn recorded_finding(row: FindingColumns) -> RecordedFinding {
    let (run, seq, kind, external_id, username, message) = row;
    RecordedFinding { run: RunId(run), seq, kind, external_id, username, message }
}
