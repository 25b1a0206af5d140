//! How long runs and plans are remembered: by age and by size. The audit log is kept for ever.

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};
use serde_json::json;

use crate::store::audit::actor::Act;
use crate::store::audit::changes::Changes;
use crate::store::audit::{self, Action, Entry};
use crate::store::batch::{cells, execute};
use crate::store::{Db, StoreError, Tx, plans};
use crate::{with_pool, with_tx};

/// What is older than this, or more than this, goes; the oldest first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Retention {
    /// Of runs with their changes and findings, and of the plans that they left.
    pub days_max: u32,
    /// Of the lines that a run tells while it is under way.
    pub log_days_max: u32,
    /// Of what simulations showed.
    pub simulation_days_max: u32,
    /// Changes, findings and lines of all runs and plans together. One takes some 300 bytes.
    pub rows_max: u32,
}

/// What was forgotten.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Pruned {
    pub runs: u64,
    pub plans: u64,
    /// Changes, findings and lines.
    pub rows: u64,
}

pub const DAYS_MAX: u32 = 36_500;
pub const DAYS_MIN: u32 = 1;
pub const ROWS_MIN: u32 = 1_000;
/// Bounds the time for which a transaction holds its locks. One run or plan goes as a whole.
const ROWS_PER_ROUND: u64 = 50_000;
const RUNS_PER_ROUND: i64 = 200;
const PLANS_PER_ROUND: i64 = 200;
/// Far beyond any catch-up window, and any clock that is set back.
const SLOT_DAYS: i64 = 400;

impl Default for Retention {
    fn default() -> Retention {
        Retention { days_max: 365, log_days_max: 90, simulation_days_max: 30, rows_max: 5_000_000 }
    }
}

pub async fn load(db: &Db) -> Result<Retention, StoreError> {
    const SQL: &str = "select value from settings where key = 'retention'";
    let text: Option<String> =
        with_pool!(db, pool => sqlx::query_scalar(SQL).fetch_optional(pool).await?);
    Ok(read(text.as_deref()))
}

pub async fn save(db: &Db, after: Retention, act: &Act<'_>) -> Result<(), StoreError> {
    const SQL: &str = "insert into settings (key, value) values ('retention', $1) \
         on conflict (key) do update set value = excluded.value";
    let mut tx = db.begin().await?;
    let before = lock(&mut tx).await?;
    with_tx!(&mut tx, conn => sqlx::query(SQL)
        .bind(json!(after).to_string())
        .execute(conn)
        .await
        .map(|_| ()))?;
    let changes = Changes::between(&json!(before), &json!(after));
    audit::append(&mut tx, act, &Entry::new(Action::RetentionEdit, "", "").with(changes)).await?;
    tx.commit().await
}

/// Forgets what is too old or too much, some of it at a time. Runs that are under way stay, and of
/// each connector the last run and the last that went well. A plan that a run left goes after it.
/// Where there is too much, simulations go first: nothing was done by them.
pub async fn prune(db: &Db, now: Timestamp, act: &Act<'_>) -> Result<Pruned, StoreError> {
    let mut pruned = Pruned::default();
    loop {
        let round = prune_some(db, now, act).await?;
        if round == Pruned::default() {
            break;
        }
        pruned.runs += round.runs;
        pruned.plans += round.plans;
        pruned.rows += round.rows;
    }
    forget_slots(db, now).await?;
    Ok(pruned)
}

async fn prune_some(db: &Db, now: Timestamp, act: &Act<'_>) -> Result<Pruned, StoreError> {
    let mut tx = db.begin().await?;
    // Two services take turns.
    let retention = lock(&mut tx).await?;
    let (plans, rows) = too_many_plans(&mut tx, &retention, now).await?;
    if let (Some(first), Some(last)) = (plans.first(), plans.last()) {
        plans::forget(&mut tx, &plans).await?;
        let count = plans.len();
        let told = json!({ "plans": count, "rows": rows, "first_plan": first, "last_plan": last });
        record(tx, act, &told).await?;
        let plans = u64::try_from(count).unwrap_or(u64::MAX);
        return Ok(Pruned { runs: 0, plans, rows });
    }
    let runs = too_much(&mut tx, &retention, now).await?;
    if let (Some(first), Some(last)) = (runs.first(), runs.last()) {
        let pruned = forget_runs(&mut tx, &runs).await?;
        let Pruned { runs, plans: _, rows } = pruned;
        let told = json!({ "runs": runs, "rows": rows, "first_run": first, "last_run": last });
        record(tx, act, &told).await?;
        return Ok(pruned);
    }
    let runs = old_logs(&mut tx, before(now, retention.log_days_max)).await?;
    let (Some(first), Some(last)) = (runs.first(), runs.last()) else {
        tx.rollback().await?;
        return Ok(Pruned::default());
    };
    let rows = forget_logs(&mut tx, &runs).await?;
    record(tx, act, &json!({ "log_lines": rows, "first_run": first, "last_run": last })).await?;
    Ok(Pruned { runs: 0, plans: 0, rows })
}

async fn record(mut tx: Tx, act: &Act<'_>, told: &serde_json::Value) -> Result<(), StoreError> {
    let entry = Entry::new(Action::RunPrune, "", "").with(Changes::deleted(told));
    audit::append(&mut tx, act, &entry).await?;
    tx.commit().await
}

/// Changes, findings and lines of everything.
async fn total(tx: &mut Tx) -> Result<u64, StoreError> {
    const SQL: &str = "select cast(coalesce((select sum(row_count) from runs), 0) \
           + coalesce((select sum(row_count) from plans), 0) as bigint)";
    let total: i64 = with_tx!(tx, conn => sqlx::query_scalar(SQL).fetch_one(conn).await?);
    Ok(total.unsigned_abs())
}

/// The oldest plans that are beyond the limits or whose run is forgotten, not too many at once; and
/// how many rows they have.
async fn too_many_plans(
    tx: &mut Tx,
    retention: &Retention,
    now: Timestamp,
) -> Result<(Vec<i64>, u64), StoreError> {
    let mut total = total(tx).await?;
    let cutoff = before(now, retention.simulation_days_max);
    let (mut found, mut rows) = (Vec::new(), 0);
    for plan in plans::forgettable(tx, now, PLANS_PER_ROUND).await? {
        if ROWS_PER_ROUND < rows {
            break;
        }
        let is_too_much = u64::from(retention.rows_max) < total;
        if plan.is_simulation && cutoff <= plan.made_at && !is_too_much {
            continue;
        }
        total = total.saturating_sub(plan.row_count);
        rows += plan.row_count;
        found.push(plan.id);
    }
    Ok((found, rows))
}

/// The oldest runs that are beyond the limits, not too many at once.
async fn too_much(
    tx: &mut Tx,
    retention: &Retention,
    now: Timestamp,
) -> Result<Vec<i64>, StoreError> {
    // Its plans go with it.
    const OLDEST: &str = "select r.id, cast(r.row_count + coalesce((select sum(p.row_count) \
             from plans p where p.run_id = r.id), 0) as bigint), r.started_at from runs r \
         where r.finished_at is not null \
         and not exists (select 1 from (select max(l.id) as id from runs l \
           group by l.connector_id) kept where kept.id = r.id) \
         and not exists (select 1 from (select max(g.id) as id from runs g \
           where g.status in ('succeeded', 'succeeded-with-skips', 'held') \
             and g.person is null and g.undo_of is null \
           group by g.connector_id, g.status) kept where kept.id = r.id) \
         order by r.id limit $1";
    let mut total = total(tx).await?;
    let oldest: Vec<(i64, i64, i64)> = with_tx!(tx, conn => sqlx::query_as(OLDEST)
        .bind(RUNS_PER_ROUND)
        .fetch_all(conn)
        .await?);
    let cutoff = before(now, retention.days_max).as_microsecond();
    let rows_max = u64::from(retention.rows_max);
    let (mut runs, mut rows) = (Vec::new(), 0);
    for (run, row_count, started_at) in oldest {
        if (cutoff <= started_at && total <= rows_max) || ROWS_PER_ROUND < rows {
            break;
        }
        let row_count = row_count.unsigned_abs();
        total = total.saturating_sub(row_count);
        rows += row_count;
        runs.push(run);
    }
    Ok(runs)
}

async fn forget_runs(tx: &mut Tx, runs: &[i64]) -> Result<Pruned, StoreError> {
    const EVENTS: &str = "delete from run_events where run_id in \
         (select cast(batch.value ->> 0 as bigint) from {rows})";
    const CHANGES: &str = "delete from run_changes where run_id in \
         (select cast(batch.value ->> 0 as bigint) from {rows})";
    const FINDINGS: &str = "delete from run_findings where run_id in \
         (select cast(batch.value ->> 0 as bigint) from {rows})";
    const RUNS: &str = "delete from runs where id in \
         (select cast(batch.value ->> 0 as bigint) from {rows})";
    const BLOCKS: &str = "delete from run_change_blocks where run_id in \
         (select cast(batch.value ->> 0 as bigint) from {rows})";
    const FIELDS: &str = "delete from run_fields where run_id in \
         (select cast(batch.value ->> 0 as bigint) from {rows})";
    let mut rows = 0;
    for sql in [BLOCKS, FIELDS] {
        execute(tx, sql, runs.iter().copied(), row, &[]).await?;
    }
    for sql in [EVENTS, CHANGES, FINDINGS] {
        rows += execute(tx, sql, runs.iter().copied(), row, &[]).await?;
    }
    let runs = execute(tx, RUNS, runs.iter().copied(), row, &[]).await?;
    Ok(Pruned { runs, plans: 0, rows })
}

/// Runs whose log is too old.
async fn old_logs(tx: &mut Tx, cutoff: Timestamp) -> Result<Vec<i64>, StoreError> {
    const SQL: &str = "select r.id from runs r \
         where r.finished_at is not null and r.started_at < $1 \
         and exists (select 1 from run_events e where e.run_id = r.id) order by r.id limit $2";
    Ok(with_tx!(tx, conn => sqlx::query_scalar(SQL)
        .bind(cutoff.as_microsecond())
        .bind(RUNS_PER_ROUND)
        .fetch_all(conn)
        .await?))
}

async fn forget_logs(tx: &mut Tx, runs: &[i64]) -> Result<u64, StoreError> {
    const COUNT: &str = "update runs set row_count = row_count - \
           (select count(*) from run_events e where e.run_id = runs.id) \
         where id in (select cast(batch.value ->> 0 as bigint) from {rows})";
    const EVENTS: &str = "delete from run_events where run_id in \
         (select cast(batch.value ->> 0 as bigint) from {rows})";
    execute(tx, COUNT, runs.iter().copied(), row, &[]).await?;
    execute(tx, EVENTS, runs.iter().copied(), row, &[]).await
}

async fn forget_slots(db: &Db, now: Timestamp) -> Result<(), StoreError> {
    const SQL: &str = "delete from schedule_slots where slot < $1";
    let cutoff = now.checked_sub(SignedDuration::from_hours(24 * SLOT_DAYS));
    let cutoff = cutoff.unwrap_or(Timestamp::MIN).as_microsecond();
    with_pool!(db, pool => sqlx::query(SQL).bind(cutoff).execute(pool).await.map(|_| ()))?;
    Ok(())
}

async fn lock(tx: &mut Tx) -> Result<Retention, StoreError> {
    const SQL: &str = "update settings set value = value where key = 'retention' returning value";
    let text: Option<String> =
        with_tx!(tx, conn => sqlx::query_scalar(SQL).fetch_optional(conn).await?);
    Ok(read(text.as_deref()))
}

/// What cannot be read was not written by us: nothing is forgotten sooner than by default.
fn read(text: Option<&str>) -> Retention {
    text.and_then(|it| serde_json::from_str(it).ok()).unwrap_or_default()
}

fn row(out: &mut Vec<u8>, run: i64) -> Result<(), StoreError> {
    cells(out, &(run,))
}

fn before(now: Timestamp, days: u32) -> Timestamp {
    let age = SignedDuration::from_hours(24 * i64::from(days));
    now.checked_sub(age).unwrap_or(Timestamp::MIN)
}
