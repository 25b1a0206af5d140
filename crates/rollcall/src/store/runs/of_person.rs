//! What runs did to a person and found odd about them, the latest first, and since when and why
//! people are in their groups.

use jiff::Timestamp;
use reconcile::principal::{ExternalId, Name};

use super::RunId;
use super::changes::{RecordedChange, change_columns, recorded_change};
use super::findings::RecordedFinding;
use crate::store::connectors::ConnectorId;
use crate::store::directory::local::{self, Added};
use crate::store::targets::TargetId;
use crate::store::{Db, StoreError, batch, instant};
use crate::{with_pool, with_tx};

/// What a run did, or held.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PastChange {
    pub run: RunId,
    /// When the run started.
    pub at: Timestamp,
    pub change: RecordedChange,
}

/// What a run found odd.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PastFinding {
    pub at: Timestamp,
    pub finding: RecordedFinding,
}

/// Somebody came into a group.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Joined {
    pub id: ExternalId,
    pub group: Name,
    /// None where they were added by hand.
    pub run: Option<RunId>,
    pub at: Timestamp,
    pub reason: String,
}

/// What the runs of a connector did to somebody, or held.
pub async fn changes(
    db: &Db,
    connector: ConnectorId,
    id: &ExternalId,
    rows_max: u32,
) -> Result<Vec<PastChange>, StoreError> {
    const SQL: &str = concat!(
        "select c.run_id, r.started_at, ",
        change_columns!(),
        " from run_changes c join runs r on r.id = c.run_id left join targets t on t.id = c.target_id \
         where c.external_id = $1 and r.connector_id = $2 \
         order by c.run_id desc, c.seq limit $3"
    );
    let rows: Vec<PastColumns> = with_pool!(db, pool => sqlx::query_as(SQL)
        .bind(id.as_str())
        .bind(connector.0)
        .bind(i64::from(rows_max))
        .fetch_all(pool)
        .await?);
    Ok(rows.into_iter().map(past_change).collect())
}

/// The run, when it started, and [`ChangeColumns`](super::changes::ChangeColumns).
type PastColumns = (
    i64,
    i64,
    i64,
    Option<String>,
    String,
    Option<String>,
    Option<String>,
    Option<String>,
    String,
    String,
    String,
    String,
    String,
);

fn past_change(row: PastColumns) -> PastChange {
    let (run, at, seq, target, kind, id, username, group, detail, reason, outcome, before, after) =
        row;
    let columns = (seq, target, kind, id, username, group, detail, reason, outcome, before, after);
    PastChange { run: RunId(run), at: instant(at), change: recorded_change(columns) }
}

/// What the runs of a connector found odd about somebody.
pub async fn findings(
    db: &Db,
    connector: ConnectorId,
    id: &ExternalId,
    rows_max: u32,
) -> Result<Vec<PastFinding>, StoreError> {
    const SQL: &str = "select f.run_id, r.started_at, f.seq, f.kind, f.username, f.message \
         from run_findings f join runs r on r.id = f.run_id \
         where f.external_id = $1 and r.connector_id = $2 \
         order by f.run_id desc, f.seq limit $3";
    type Row = (i64, i64, i64, String, Option<String>, String);
    let rows: Vec<Row> = with_pool!(db, pool => sqlx::query_as(SQL)
        .bind(id.as_str())
        .bind(connector.0)
        .bind(i64::from(rows_max))
        .fetch_all(pool)
        .await?);
    let past = |(run, at, seq, kind, username, message): Row| {
        let external_id = Some(id.to_string());
        let run = RunId(run);
        let finding = RecordedFinding { run, seq, kind, external_id, username, message };
        PastFinding { at: instant(at), finding }
    };
    Ok(rows.into_iter().map(past).collect())
}

/// How these people came into the groups of a target, or into the one that is named: the last time
/// of each first. Whoever came in by a run that is forgotten is missing.
pub async fn joined(
    db: &Db,
    target: TargetId,
    ids: &[&ExternalId],
    group: Option<&Name>,
) -> Result<Vec<Joined>, StoreError> {
    const SQL: &str = "select c.external_id, c.group_name, c.run_id, r.started_at, c.reason \
         from {rows} join run_changes c on c.external_id = batch.value ->> 0 \
         join runs r on r.id = c.run_id \
         where c.target_id = $2 and c.kind = 'add-to-group' and c.outcome = 'applied' \
           and not exists (select 1 from run_changes later \
             where later.external_id = c.external_id and later.run_id > c.run_id \
               and later.target_id = c.target_id and later.group_name = c.group_name \
               and later.kind = c.kind and later.outcome = c.outcome) \
         order by c.run_id desc";
    type Row = (String, String, i64, i64, String);
    let rows: Vec<[&str; 1]> = ids.iter().map(|id| [id.as_str()]).collect();
    let mut text = Vec::new();
    batch::cells(&mut text, &rows)?;
    let text = String::from_utf8_lossy(&text).into_owned();
    let mut tx = db.snapshot().await?;
    let sql = batch::with_rows(&tx, SQL);
    let rows: Vec<Row> = with_tx!(&mut tx, conn => sqlx::query_as(sql)
        .bind(text)
        .bind(target.0)
        .fetch_all(conn)
        .await?);
    let by_hand = local::added(&mut tx, target, ids).await?;
    let by_hand = by_hand.into_iter().map(|Added { id, group, added }| Joined {
        id,
        group,
        run: None,
        at: added.at,
        reason: format!("added by hand by {}", added.by),
    });
    let by_runs = rows.into_iter().map(|(id, group, run, at, reason)| Joined {
        id: ExternalId::new(&id),
        group: Name::new(&group),
        run: Some(RunId(run)),
        at: instant(at),
        reason,
    });
    // Who was added by hand is told by the membership itself, so whatever a run did was before.
    let joined = by_hand.chain(by_runs);
    Ok(joined.filter(|it| group.is_none_or(|group| *group == it.group)).collect())
}
