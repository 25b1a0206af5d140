//! Leases: the right to run a connector, which one process has at a time.
//!
//! A lease lives as long as its run is heard of. Whoever finds a run silent for [`SILENCE_MAX`] ends
//! it and takes the lease with the next *fence*. [`hold`] is the first statement of every
//! transaction in which a run writes anything: it locks the lease and fails where the fence has
//! moved on, so a process that was stopped for an hour and wakes up writes nothing.

use std::fmt;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};

use crate::store::connectors::ConnectorId;
use crate::store::runs::{self, RunId, Status};
use crate::store::{Db, StoreError, Tx, instant};
use crate::{with_pool, with_tx};

/// The right to run a connector, as long as nobody has taken it over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Lease {
    pub connector: ConnectorId,
    pub run: RunId,
    fence: i64,
}

/// Somebody else has the lease.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Busy {
    pub run: RunId,
    pub node: String,
    pub started_at: Timestamp,
}

impl fmt::Display for Busy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Busy { run, node, started_at } = self;
        let since = started_at.strftime("%Y-%m-%dT%H:%M:%SZ");
        write!(f, "Run {run} of this connector is under way on {node} since {since}")
    }
}

/// A lease that is about to be given to a run.
#[derive(Debug)]
pub struct Vacancy {
    connector: ConnectorId,
    fence: i64,
}

#[derive(Debug, thiserror::Error)]
pub enum HoldError {
    #[error(
        "This run was not heard of for so long that it was taken for dead and ended. \
         It changed nothing; another one may be under way."
    )]
    Lost,
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// How often a run says that it is alive.
pub const BEAT_EVERY: Duration = Duration::from_secs(3);
/// For how long nothing is heard of a run before it counts as dead.
pub const SILENCE_MAX: Duration = Duration::from_secs(12);

/// Finds the lease of a connector free, or tells who has it. A run that has gone silent is ended.
///
/// The row stays locked, so nobody else finds it free before this transaction ends.
pub async fn claim(
    tx: &mut Tx,
    connector: ConnectorId,
    now: Timestamp,
) -> Result<Result<Vacancy, Busy>, StoreError> {
    const MAKE: &str = "insert into leases (connector_id, fence) values ($1, 0) \
         on conflict (connector_id) do nothing";
    const LOCK: &str = "update leases set fence = fence where connector_id = $1 \
         returning fence, run_id";
    const RUN: &str = "select node, started_at, beat_at from runs \
         where id = $1 and finished_at is null";
    with_tx!(&mut *tx, conn => sqlx::query(MAKE)
        .bind(connector.0).execute(conn).await.map(|_| ()))?;
    let (fence, run): (i64, Option<i64>) = with_tx!(&mut *tx, conn => sqlx::query_as(LOCK)
        .bind(connector.0).fetch_one(conn).await?);
    let unfinished: Option<(String, i64, i64)> = with_tx!(&mut *tx, conn => sqlx::query_as(RUN)
        .bind(run.unwrap_or_default()).fetch_optional(conn).await?);
    if let (Some(run), Some((node, started_at, beat_at))) = (run, unfinished) {
        if is_alive(instant(beat_at), now) {
            let (run, started_at) = (RunId(run), instant(started_at));
            return Ok(Err(Busy { run, node, started_at }));
        }
        end(tx, RunId(run)).await?;
    }
    Ok(Ok(Vacancy { connector, fence }))
}

/// Gives a free lease to a run.
pub async fn give(tx: &mut Tx, vacancy: Vacancy, run: RunId) -> Result<Lease, StoreError> {
    const SQL: &str = "update leases set fence = $2, run_id = $3 where connector_id = $1";
    let Vacancy { connector, fence } = vacancy;
    let fence = fence + 1;
    with_tx!(tx, conn => sqlx::query(SQL)
        .bind(connector.0).bind(fence).bind(run.0).execute(conn).await.map(|_| ()))?;
    Ok(Lease { connector, run, fence })
}

/// Locks a lease for the rest of a transaction, or fails because somebody has taken it over.
pub async fn hold(tx: &mut Tx, lease: &Lease) -> Result<(), HoldError> {
    const SQL: &str = "update leases set fence = fence where connector_id = $1 and fence = $2";
    let held = with_tx!(tx, conn => sqlx::query(SQL)
        .bind(lease.connector.0).bind(lease.fence).execute(conn).await
        .map(|it| it.rows_affected()).map_err(StoreError::Sql))?;
    if held == 0 { Err(HoldError::Lost) } else { Ok(()) }
}

/// Says that a run is alive. Tells who has asked it to stop.
pub async fn beat(
    tx: &mut Tx,
    lease: &Lease,
    now: Timestamp,
) -> Result<Option<String>, StoreError> {
    const SQL: &str = "update runs set beat_at = $2 where id = $1 returning stop_asked_by";
    let row: Option<(Option<String>,)> = with_tx!(tx, conn => sqlx::query_as(SQL)
        .bind(lease.run.0).bind(now.as_microsecond()).fetch_optional(conn).await?);
    Ok(row.and_then(|(by,)| by))
}

/// Ends the runs of which nothing was heard for a while: their process was killed, or the machine
/// went down. Tells which.
pub async fn end_abandoned(db: &Db) -> Result<Vec<RunId>, StoreError> {
    const UNFINISHED: &str = "select id from runs where finished_at is null order by id";
    // Locks it too, in the order in which a run does: the lease, then the run.
    const LOCK: &str = "update leases set fence = fence where run_id = $1";
    const FENCE: &str = "update leases set fence = fence + 1 where run_id = $1";
    const BEAT: &str = "select beat_at from runs where id = $1 and finished_at is null";
    let unfinished: Vec<i64> =
        with_pool!(db, pool => sqlx::query_scalar(UNFINISHED).fetch_all(pool).await?);
    if unfinished.is_empty() {
        return Ok(Vec::new());
    }
    let mut tx = db.begin().await?;
    let now = tx.now().await?;
    let mut ended = Vec::new();
    for run in unfinished {
        with_tx!(&mut tx, conn => sqlx::query(LOCK).bind(run).execute(conn).await.map(|_| ()))?;
        let beat_at: Option<i64> = with_tx!(&mut tx, conn => sqlx::query_scalar(BEAT)
            .bind(run).fetch_optional(conn).await?);
        if beat_at.is_none_or(|it| is_alive(instant(it), now)) {
            continue;
        }
        with_tx!(&mut tx, conn => sqlx::query(FENCE).bind(run).execute(conn).await.map(|_| ()))?;
        end(&mut tx, RunId(run)).await?;
        ended.push(RunId(run));
    }
    tx.commit().await?;
    Ok(ended)
}

/// A beat that lies in the future was made before the clock was set back: nobody has beaten since,
/// or it would not.
fn is_alive(beat_at: Timestamp, now: Timestamp) -> bool {
    let silence_max = SignedDuration::try_from(SILENCE_MAX).unwrap_or(SignedDuration::MAX);
    beat_at.duration_since(now).abs() <= silence_max
}

async fn end(tx: &mut Tx, run: RunId) -> Result<(), StoreError> {
    const SQL: &str = "update runs set status = $2, message = $3, abandoned = 1, \
           finished_at = case when beat_at < started_at then started_at else beat_at end \
         where id = $1 and finished_at is null";
    const WHY: &str = "The process ended before the run did. Nothing was changed: a run changes \
         everything at its end, or nothing.";
    let found = runs::find_within(tx, run).await?;
    let how = found.map(|it| it.how_to_repeat()).unwrap_or_default();
    with_tx!(tx, conn => sqlx::query(SQL)
        .bind(run.0)
        .bind(Status::Failed.word())
        .bind(format!("{WHY} {how}"))
        .execute(conn)
        .await
        .map(|_| ()))?;
    Ok(())
}
