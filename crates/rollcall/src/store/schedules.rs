//! What there is to know of the schedules of connectors besides their settings: since when they
//! hold, whether they are paused, and which slots were taken.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use reconcile::schedule::due::{Failures, State};
use serde_json::json;

use crate::store::audit::actor::Act;
use crate::store::audit::changes::Changes;
use crate::store::audit::{self, Action, Entry};
use crate::store::connectors::{Connector, ConnectorId};
use crate::store::runs::RunId;
use crate::store::{Db, StoreError, Tx, instant};
use crate::{with_pool, with_tx};

/// How the schedule of a connector stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Standing {
    pub state: State,
    pub pause: Option<Pause>,
    /// The last run was the schedule's, and its process ended before it did.
    pub interrupted: Option<Interrupted>,
    pub has_target: bool,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pause {
    pub at: Timestamp,
    pub by: String,
    pub reason: String,
}

/// A run of the schedule that may be taken up again, once.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Interrupted {
    pub run: RunId,
    pub slot: Timestamp,
}

/// How the schedules of all connectors stand, but for those that never had one.
pub async fn standings(
    db: &Db,
    now: Timestamp,
) -> Result<BTreeMap<ConnectorId, Standing>, StoreError> {
    const SCHEDULES: &str = "select s.connector_id, s.since, s.paused_at, s.paused_by, \
           s.pause_reason, (select max(t.slot) from schedule_slots t \
             where t.connector_id = s.connector_id and t.slot <= $1), \
           (select count(*) from targets t where t.connector_id = s.connector_id) \
         from schedules s";
    // Whoever fails by hand is looking already; a good run by hand is as good as any.
    const FAILURES: &str = "select s.connector_id, count(*), max(r.started_at) from schedules s \
         join runs r on r.connector_id = s.connector_id and s.since <= r.started_at \
           and r.status = 'failed' and r.trigger = 'schedule' \
           and r.id > coalesce((select max(g.id) from runs g \
             where g.connector_id = s.connector_id and g.person is null and g.undo_of is null \
             and g.status in ('succeeded', 'succeeded-with-skips', 'held')), 0) \
         group by s.connector_id";
    const INTERRUPTED: &str = "select r.connector_id, r.id, r.slot from schedules s \
         join runs r on r.connector_id = s.connector_id \
           and r.id = (select max(l.id) from runs l \
             where l.connector_id = s.connector_id and l.person is null \
               and l.status <> 'skipped') \
         where r.slot is not null and r.retry_of is null and r.finished_at is not null \
           and ((r.status = 'failed' and r.abandoned = 1) \
             or (r.status = 'stopped' and r.stop_asked_by is null))";
    type Row = (i64, i64, Option<i64>, String, String, Option<i64>, i64);
    let rows: Vec<Row> = with_pool!(db, pool => sqlx::query_as(SCHEDULES)
        .bind(now.as_microsecond())
        .fetch_all(pool)
        .await?);
    let mut standings = BTreeMap::new();
    for (connector, since, paused_at, by, reason, taken, targets) in rows {
        let state = State {
            since: instant(since),
            taken: taken.map(instant).into_iter().collect::<BTreeSet<_>>(),
            failures: Failures::default(),
        };
        let pause = paused_at.map(|at| Pause { at: instant(at), by, reason });
        let standing = Standing { state, pause, interrupted: None, has_target: 0 < targets };
        standings.insert(ConnectorId(connector), standing);
    }
    let failures: Vec<(i64, i64, i64)> =
        with_pool!(db, pool => sqlx::query_as(FAILURES).fetch_all(pool).await?);
    for (connector, count, last_at) in failures {
        let Some(standing) = standings.get_mut(&ConnectorId(connector)) else { continue };
        let in_a_row = u32::try_from(count).unwrap_or(u32::MAX);
        standing.state.failures = Failures { in_a_row, last_at: Some(instant(last_at)) };
    }
    let interrupted: Vec<(i64, i64, i64)> =
        with_pool!(db, pool => sqlx::query_as(INTERRUPTED).fetch_all(pool).await?);
    for (connector, run, slot) in interrupted {
        let Some(standing) = standings.get_mut(&ConnectorId(connector)) else { continue };
        standing.interrupted = Some(Interrupted { run: RunId(run), slot: instant(slot) });
    }
    Ok(standings)
}

/// The schedule of a connector is new or another one.
pub async fn begin(
    tx: &mut Tx,
    connector: ConnectorId,
    since: Timestamp,
) -> Result<(), StoreError> {
    const SQL: &str = "insert into schedules (connector_id, since) values ($1, $2) \
         on conflict (connector_id) do update set since = excluded.since";
    with_tx!(tx, conn => sqlx::query(SQL)
        .bind(connector.0)
        .bind(since.as_microsecond())
        .execute(conn)
        .await
        .map(|_| ()))?;
    Ok(())
}

/// Forgets the schedule of a connector that is about to be deleted.
pub async fn forget(tx: &mut Tx, connector: ConnectorId) -> Result<(), StoreError> {
    const SLOTS: &str = "delete from schedule_slots where connector_id = $1";
    const SCHEDULE: &str = "delete from schedules where connector_id = $1";
    for sql in [SLOTS, SCHEDULE] {
        with_tx!(&mut *tx, conn => sqlx::query(sql).bind(connector.0).execute(conn).await
            .map(|_| ()))?;
    }
    Ok(())
}

/// Takes a slot for a run, unless it is taken already or the schedule is paused.
pub async fn take(
    tx: &mut Tx,
    connector: ConnectorId,
    slot: Timestamp,
    run: RunId,
) -> Result<bool, StoreError> {
    const SQL: &str = "insert into schedule_slots (connector_id, slot, run_id) \
         select cast($1 as bigint), cast($2 as bigint), cast($3 as bigint) where not exists \
           (select 1 from schedules where connector_id = $1 and paused_at is not null) \
         on conflict (connector_id, slot) do nothing";
    let taken = with_tx!(tx, conn => sqlx::query(SQL)
        .bind(connector.0)
        .bind(slot.as_microsecond())
        .bind(run.0)
        .execute(conn)
        .await?
        .rows_affected());
    Ok(taken == 1)
}

/// Gives a slot to the run that takes up an interrupted one, unless somebody did so before.
pub async fn take_up(
    tx: &mut Tx,
    connector: ConnectorId,
    slot: Timestamp,
    interrupted: RunId,
    run: RunId,
) -> Result<bool, StoreError> {
    const SQL: &str = "update schedule_slots set run_id = $4 \
         where connector_id = $1 and slot = $2 and run_id = $3 and not exists \
           (select 1 from schedules where connector_id = $1 and paused_at is not null)";
    let taken = with_tx!(tx, conn => sqlx::query(SQL)
        .bind(connector.0)
        .bind(slot.as_microsecond())
        .bind(interrupted.0)
        .bind(run.0)
        .execute(conn)
        .await?
        .rows_affected());
    Ok(taken == 1)
}

/// Stops a connector from running by itself. Tells whether it was not paused before. The reason is
/// that of the act.
pub async fn pause(db: &Db, connector: &Connector, act: &Act<'_>) -> Result<bool, StoreError> {
    const SQL: &str = "insert into schedules \
           (connector_id, since, paused_at, paused_by, pause_reason) values ($1, $2, $2, $3, $4) \
         on conflict (connector_id) do update set paused_at = excluded.paused_at, \
           paused_by = excluded.paused_by, pause_reason = excluded.pause_reason \
         where schedules.paused_at is null";
    let mut tx = db.begin().await?;
    let paused = with_tx!(&mut tx, conn => sqlx::query(SQL)
        .bind(connector.id.0)
        .bind(act.at.as_microsecond())
        .bind(&act.actor.name)
        .bind(act.reason)
        .execute(conn)
        .await?
        .rows_affected());
    if paused == 0 {
        return Ok(false);
    }
    record(tx, connector, act, Action::ConnectorPause).await?;
    Ok(true)
}

/// Lets a connector run by itself again, from the next slot on. Tells whether it was paused.
pub async fn resume(db: &Db, connector: &Connector, act: &Act<'_>) -> Result<bool, StoreError> {
    const SQL: &str = "update schedules \
         set paused_at = null, paused_by = '', pause_reason = '', since = $2 \
         where connector_id = $1 and paused_at is not null";
    let mut tx = db.begin().await?;
    let resumed = with_tx!(&mut tx, conn => sqlx::query(SQL)
        .bind(connector.id.0)
        .bind(act.at.as_microsecond())
        .execute(conn)
        .await?
        .rows_affected());
    if resumed == 0 {
        return Ok(false);
    }
    record(tx, connector, act, Action::ConnectorResume).await?;
    Ok(true)
}

async fn record(
    mut tx: Tx,
    connector: &Connector,
    act: &Act<'_>,
    action: Action,
) -> Result<(), StoreError> {
    let is_paused = action == Action::ConnectorPause;
    let changes = Changes::none().and("paused", Some(&json!(!is_paused)), Some(&json!(is_paused)));
    let entry = Entry::new(action, connector.id, &connector.name).with(changes);
    audit::append(&mut tx, act, &entry).await?;
    tx.commit().await
}
