//! Runs: what was done when, by whom, with every change, outcome and finding.

use std::collections::BTreeMap;
use std::fmt;

use jiff::Timestamp;
use reconcile::principal::Name;

use crate::notation::{shell_quoted, shell_word};
use crate::store::audit::actor::Act;
use crate::store::audit::{self, Action, Entry};
use crate::store::connectors::{Connector, ConnectorId};
use crate::store::plans::PlanId;
use crate::store::{Db, StoreError, Tx, instant};
use crate::{with_pool, with_tx};

pub mod changes;
pub mod events;
pub mod findings;
pub mod of_person;
pub mod person;
pub mod report;

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct RunId(pub i64);

/// Who started a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Trigger {
    CommandLine,
    Demo,
    /// A person at a page.
    Page,
    /// The clock.
    Schedule,
    /// Somebody who takes back what a run did.
    Undo,
}

/// What a run was to do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Task {
    /// Make the targets equal to the source.
    Everybody,
    /// The same for one person, by their external id.
    Person(String),
    /// Exactly what this plan showed.
    Exactly {
        plan: PlanId,
        /// How it was decided over then; nothing of runs that did not write it down.
        seen: Option<String>,
    },
    /// Take back another run.
    Undo(RunId),
}

/// How a run stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Status {
    Queued,
    Running,
    Stopping,
    Succeeded,
    SucceededWithSkips,
    /// Some changes wait for a person.
    Held,
    Failed,
    /// Somebody ended it.
    Stopped,
    /// It did not begin: another run was under way, it was too late for its slot, or too few API
    /// calls were left.
    Skipped,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Run {
    pub id: RunId,
    pub connector_id: ConnectorId,
    /// As it was called then: a report outlives its connector.
    pub connector_name: Name,
    pub trigger: String,
    /// Who asked for it; empty where the trigger says it all.
    pub started_by: String,
    /// Where it was carried out: host and process.
    pub node: String,
    pub status: Status,
    pub started_at: Timestamp,
    pub finished_at: Option<Timestamp>,
    /// One sentence: how it ended and what to do.
    pub message: String,
    /// JSON: phases, calls, counts, budget, objections.
    pub report: String,
    /// JSON: the settings of the connector that it used, without secrets.
    pub settings: String,
    /// The run that this one repeats.
    pub retry_of: Option<RunId>,
    /// Who asked for it to stop.
    pub stop_asked_by: Option<String>,
    /// The slot of the schedule that it is for.
    pub slot: Option<Timestamp>,
    pub task: Task,
}

/// The runs of a connector that tell how it stands.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct LastRuns {
    pub has_target: bool,
    pub last: Option<RunId>,
    /// It brought everybody up to date, even if it holds changes.
    pub last_good: Option<RunId>,
    /// It went well or failed; it was neither stopped nor skipped.
    pub decisive: Option<RunId>,
    pub under_way: Option<RunId>,
}

/// A run that is about to begin.
#[derive(Clone, Debug)]
pub struct NewRun<'a> {
    pub connector: &'a Connector,
    pub trigger: Trigger,
    pub started_by: &'a str,
    pub node: &'a str,
    pub retry_of: Option<RunId>,
    pub slot: Option<Timestamp>,
}

/// How a run ended.
#[derive(Clone, Debug)]
pub struct Ending<'a> {
    pub status: Status,
    pub message: &'a str,
    pub report: &'a serde_json::Value,
}

/// Which runs. Whatever is empty or absent lets all through.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Filter {
    pub connector: Option<ConnectorId>,
    pub status: Option<Status>,
    /// The word of a trigger.
    pub trigger: String,
    /// Runs older than this one.
    pub before: Option<RunId>,
}

/// A part of a long list: what follows `after`, which is the last `seq` seen, or 0.
#[derive(Clone, Copy, Debug)]
pub struct Page {
    pub after: i64,
    pub rows_max: i64,
}

impl Page {
    /// Whether so many rows do not fill it.
    pub fn is_more_than(&self, rows: usize) -> bool {
        i64::try_from(rows).is_ok_and(|rows| rows < self.rows_max)
    }
}

impl Status {
    pub const ALL: [Status; 9] = [
        Status::Queued,
        Status::Running,
        Status::Stopping,
        Status::Succeeded,
        Status::SucceededWithSkips,
        Status::Held,
        Status::Failed,
        Status::Stopped,
        Status::Skipped,
    ];

    pub fn word(self) -> &'static str {
        match self {
            Status::Queued => "queued",
            Status::Running => "running",
            Status::Stopping => "stopping",
            Status::Succeeded => "succeeded",
            Status::SucceededWithSkips => "succeeded-with-skips",
            Status::Held => "held",
            Status::Failed => "failed",
            Status::Stopped => "stopped",
            Status::Skipped => "skipped",
        }
    }

    pub fn from_word(word: &str) -> Status {
        // A word of a later version is the end of some run; nothing here may act on it.
        Status::ALL.into_iter().find(|it| it.word() == word).unwrap_or(Status::Stopped)
    }
}

impl Trigger {
    pub const ALL: [Trigger; 5] =
        [Trigger::CommandLine, Trigger::Demo, Trigger::Page, Trigger::Schedule, Trigger::Undo];

    pub fn word(self) -> &'static str {
        match self {
            Trigger::CommandLine => "command-line",
            Trigger::Demo => "demo",
            Trigger::Page => "page",
            Trigger::Schedule => "schedule",
            Trigger::Undo => "undo",
        }
    }
}

impl Run {
    /// What to do to have again what an ended run was to do: what a person asked for is not done
    /// again without one.
    pub fn how_to_repeat(&self) -> String {
        let (run, connector) = (self.id, shell_quoted(self.connector_name.as_str()));
        match &self.task {
            Task::Everybody if self.slot.is_some() && self.retry_of.is_none() => {
                "The schedule takes it up, or goes on with its next time.".to_owned()
            }
            Task::Everybody if self.slot.is_some() => {
                "The schedule goes on with its next time.".to_owned()
            }
            Task::Everybody | Task::Exactly { seen: Some(_), .. } => {
                format!("Start it again with `rollcall run retry {run}`.")
            }
            Task::Exactly { plan, seen: None } => {
                format!("Start it again with `rollcall sync {connector} --plan {plan}`.")
            }
            Task::Person(id) => {
                format!(
                    "Sync the person again with `rollcall user sync {connector} {}`.",
                    shell_word(id.as_str())
                )
            }
            Task::Undo(undone) => format!("Take it back again with `rollcall undo {undone}`."),
        }
    }
}

impl Task {
    /// The person, the plan and the undone run, of which at most one is there.
    pub fn parts(&self) -> (Option<String>, Option<i64>, Option<i64>) {
        match self {
            Task::Everybody => (None, None, None),
            Task::Person(id) => (Some(id.clone()), None, None),
            Task::Exactly { plan, seen: _ } => (None, Some(plan.0), None),
            Task::Undo(run) => (None, None, Some(run.0)),
        }
    }

    /// The form in which a statement tells it.
    fn read(text: &str) -> Task {
        let (kind, about) = text.split_once(' ').unwrap_or((text, ""));
        let (number, seen) = match about.split_once(' ') {
            Some((number, seen)) => (number, Some(seen.to_owned())),
            None => (about, None),
        };
        match (kind, number.parse::<i64>()) {
            ("person", _) => Task::Person(about.to_owned()),
            ("plan", Ok(plan)) => Task::Exactly { plan: PlanId(plan), seen },
            ("undo", Ok(run)) => Task::Undo(RunId(run)),
            (_, _) => Task::Everybody,
        }
    }
}

impl fmt::Display for RunId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// Writes down that a run has begun, as something that is alive now. To be called by whoever holds
/// the lease of its connector.
pub async fn insert(
    tx: &mut Tx,
    run: &NewRun<'_>,
    started_at: Timestamp,
    now: Timestamp,
) -> Result<RunId, StoreError> {
    const SQL: &str = "insert into runs (connector_id, connector_name, trigger, started_by, node, \
           settings, retry_of, status, started_at, beat_at, slot) \
         values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11) returning id";
    let NewRun { connector, trigger, started_by, node, retry_of, slot } = run;
    let settings = serde_json::to_string(&connector.settings).unwrap_or_default();
    let id = with_tx!(tx, conn => sqlx::query_scalar::<_, i64>(SQL)
        .bind(connector.id.0)
        .bind(connector.name.as_str())
        .bind(trigger.word())
        .bind(started_by)
        .bind(node)
        .bind(settings)
        .bind(retry_of.map(|it| it.0))
        .bind(Status::Running.word())
        .bind(started_at.as_microsecond())
        .bind(now.as_microsecond())
        .bind(slot.map(Timestamp::as_microsecond))
        .fetch_one(conn)
        .await)?;
    Ok(RunId(id))
}

/// Says that a run without a lease is alive, and locks its row. Tells whether it has not ended.
pub async fn beat(tx: &mut Tx, run: RunId, now: Timestamp) -> Result<bool, StoreError> {
    const SQL: &str = "update runs set beat_at = $2 where id = $1 and finished_at is null";
    let beaten = with_tx!(tx, conn => sqlx::query(SQL)
        .bind(run.0)
        .bind(now.as_microsecond())
        .execute(conn)
        .await
        .map(|it| it.rows_affected()))?;
    Ok(beaten == 1)
}

/// Asks a run to stop after what it is doing. Tells whether there was anything left to stop.
/// To be called last in its transaction.
pub async fn ask_to_stop(tx: &mut Tx, run: RunId, act: &Act<'_>) -> Result<bool, StoreError> {
    const SQL: &str = "update runs set status = $2, stop_asked_by = $3 \
         where id = $1 and finished_at is null returning connector_name";
    let asked = with_tx!(&mut *tx, conn => sqlx::query_scalar::<_, String>(SQL)
        .bind(run.0)
        .bind(Status::Stopping.word())
        .bind(&act.actor.name)
        .fetch_optional(conn)
        .await)?;
    let Some(connector) = asked else { return Ok(false) };
    audit::append(tx, act, &Entry::new(Action::RunStop, run, connector)).await?;
    Ok(true)
}

/// Who has asked a run to stop.
pub async fn stop_asked_by(db: &Db, run: RunId) -> Result<Option<String>, StoreError> {
    const SQL: &str = "select stop_asked_by from runs where id = $1";
    let by: Option<Option<String>> = with_pool!(db, pool => sqlx::query_scalar(SQL)
        .bind(run.0)
        .fetch_optional(pool)
        .await?);
    Ok(by.flatten())
}

/// Writes down how a run ended.
pub async fn finish(
    tx: &mut Tx,
    run: RunId,
    ending: &Ending<'_>,
    now: Timestamp,
) -> Result<(), StoreError> {
    const SQL: &str = "update runs \
         set status = $2, message = $3, report = $4, finished_at = $5, row_count = \
           (select count(*) from run_changes where run_id = $1) \
           + (select count(*) from run_findings where run_id = $1) \
           + (select count(*) from run_events where run_id = $1) \
         where id = $1";
    with_tx!(tx, conn => sqlx::query(SQL)
        .bind(run.0)
        .bind(ending.status.word())
        .bind(ending.message)
        .bind(ending.report.to_string())
        .bind(now.as_microsecond())
        .execute(conn)
        .await
        .map(|_| ()))?;
    Ok(())
}

/// A statement that reads whole runs, from its `where` on.
macro_rules! select_runs {
    ($rest:literal) => {
        concat!(
            "select id, connector_id, connector_name, trigger, started_by, node, status, \
             started_at, finished_at, message, report, settings, retry_of, stop_asked_by, slot, \
             case when person is not null then 'person ' || person \
               when undo_of is not null then 'undo ' || cast(undo_of as text) \
               when plan_id is not null \
                 then 'plan ' || cast(plan_id as text) || coalesce(' ' || plan_seen, '') \
               else '' end \
             from runs ",
            $rest
        )
    };
}

/// The latest runs first, of one connector or of all.
pub async fn list(
    db: &Db,
    connector: Option<ConnectorId>,
    rows_max: u32,
) -> Result<Vec<Run>, StoreError> {
    const SQL: &str =
        select_runs!("where cast($1 as bigint) = 0 or connector_id = $1 order by id desc limit $2");
    let rows = with_pool!(db, pool => sqlx::query_as::<_, Row>(SQL)
        .bind(connector.map_or(0, |it| it.0))
        .bind(i64::from(rows_max))
        .fetch_all(pool)
        .await)?;
    Ok(rows.into_iter().map(recorded_run).collect())
}

/// A run `r` that went well, even if it holds changes. One of a single person says nothing of everybody
/// else, and one that takes back another does not ask the source.
macro_rules! is_good {
    () => {
        "r.status in ('succeeded', 'succeeded-with-skips', 'held') \
         and r.person is null and r.undo_of is null"
    };
}

/// A run `r` that tells how its connector stands: it went well or failed.
macro_rules! is_decisive {
    () => {
        "r.status in ('succeeded', 'succeeded-with-skips', 'held', 'failed') \
         and r.person is null and r.undo_of is null"
    };
}

/// When the last good run of that connector began whose last good run is the oldest.
pub async fn oldest_of_last_good(db: &Db) -> Result<Option<Timestamp>, StoreError> {
    const SQL: &str = concat!(
        "select min(last) from (select max(r.started_at) as last from runs r \
           join connectors c on c.id = r.connector_id where ",
        is_good!(),
        " group by r.connector_id) as good"
    );
    let oldest: Option<i64> =
        with_pool!(db, pool => sqlx::query_scalar(SQL).fetch_one(pool).await)?;
    Ok(oldest.map(instant))
}

/// The latest runs first, of those that a filter lets through.
pub async fn search(db: &Db, filter: &Filter, rows_max: u32) -> Result<Vec<Run>, StoreError> {
    const SQL: &str = select_runs!(
        "where (cast($1 as bigint) = 0 or connector_id = $1) \
           and (cast($2 as text) = '' or status = $2) \
           and (cast($3 as text) = '' or trigger = $3) \
           and (cast($4 as bigint) = 0 or id < $4) \
         order by id desc limit $5"
    );
    let Filter { connector, status, trigger, before } = filter;
    let rows = with_pool!(db, pool => sqlx::query_as::<_, Row>(SQL)
        .bind(connector.map_or(0, |it| it.0))
        .bind(status.map_or("", Status::word))
        .bind(trigger)
        .bind(before.map_or(0, |it| it.0))
        .bind(i64::from(rows_max))
        .fetch_all(pool)
        .await)?;
    Ok(rows.into_iter().map(recorded_run).collect())
}

/// As [`search`], of runs that changed something or hold something. Of many that did neither, no more
/// than a bounded number is looked at.
pub async fn search_with_changes(
    db: &Db,
    filter: &Filter,
    rows_max: u32,
) -> Result<Vec<Run>, StoreError> {
    const LOOKED_AT_MAX: usize = 2_000;
    const AT_ONCE: u32 = 200;
    let wanted = usize::try_from(rows_max).unwrap_or(usize::MAX);
    let (mut filter, mut found, mut looked_at) = (filter.clone(), Vec::new(), 0);
    while found.len() < wanted && looked_at < LOOKED_AT_MAX {
        let some = search(db, &filter, AT_ONCE).await?;
        let Some(last) = some.last() else { break };
        filter.before = Some(last.id);
        looked_at += some.len();
        found.extend(some.into_iter().filter(changed_something));
    }
    found.truncate(wanted);
    Ok(found)
}

fn changed_something(run: &Run) -> bool {
    let report = report::Report::read(&run.report);
    0 < report.applied().total() + report.held().total()
}

pub async fn find(db: &Db, run: RunId) -> Result<Option<Run>, StoreError> {
    let row = with_pool!(db, pool => sqlx::query_as::<_, Row>(FIND)
        .bind(run.0)
        .fetch_optional(pool)
        .await)?;
    Ok(row.map(recorded_run))
}

/// As [`find`], within a transaction.
pub async fn find_within(tx: &mut Tx, run: RunId) -> Result<Option<Run>, StoreError> {
    let row = with_tx!(tx, conn => sqlx::query_as::<_, Row>(FIND)
        .bind(run.0)
        .fetch_optional(conn)
        .await)?;
    Ok(row.map(recorded_run))
}

const FIND: &str = select_runs!("where id = $1");

/// The runs that tell how each connector stands.
pub async fn telling_of_each(db: &Db) -> Result<BTreeMap<ConnectorId, LastRuns>, StoreError> {
    const SQL: &str = concat!(
        "select c.id, (select count(*) from targets t where t.connector_id = c.id), max(r.id), \
           max(case when ",
        is_good!(),
        " then r.id end), max(case when ",
        is_decisive!(),
        " then r.id end), max(case when r.finished_at is null then r.id end) \
         from connectors c left join runs r on r.connector_id = c.id group by c.id"
    );
    type Row = (i64, i64, Option<i64>, Option<i64>, Option<i64>, Option<i64>);
    let rows: Vec<Row> = with_pool!(db, pool => sqlx::query_as(SQL).fetch_all(pool).await?);
    let last = |(connector, targets, last, last_good, decisive, under_way): Row| {
        let last = LastRuns {
            has_target: 0 < targets,
            last: last.map(RunId),
            last_good: last_good.map(RunId),
            decisive: decisive.map(RunId),
            under_way: under_way.map(RunId),
        };
        (ConnectorId(connector), last)
    };
    Ok(rows.into_iter().map(last).collect())
}

/// Of every connector that feeds a target and is not paused: the last run that tells how it stands,
/// where that failed.
pub async fn failed_last(db: &Db) -> Result<Vec<(Name, RunId)>, StoreError> {
    const SQL: &str = concat!(
        "select c.name, f.id from connectors c join runs f on f.connector_id = c.id \
         where f.status = 'failed' and f.id = (select r.id from runs r \
             where r.connector_id = c.id and ",
        is_decisive!(),
        " order by r.id desc limit 1) \
           and exists (select 1 from targets t where t.connector_id = c.id) \
           and not exists (select 1 from schedules s \
             where s.connector_id = c.id and s.paused_at is not null) \
         order by c.name_folded"
    );
    let rows: Vec<(String, i64)> =
        with_pool!(db, pool => sqlx::query_as(SQL).fetch_all(pool).await?);
    Ok(rows.into_iter().map(|(name, run)| (Name::new(&name), RunId(run))).collect())
}

/// Notes that a run is to do exactly what a plan showed, as it was decided over then.
pub async fn set_plan(tx: &mut Tx, run: RunId, plan: PlanId, seen: &str) -> Result<(), StoreError> {
    const SQL: &str = "update runs set plan_id = $2, plan_seen = $3 where id = $1";
    with_tx!(tx, conn => sqlx::query(SQL).bind(run.0).bind(plan.0).bind(seen).execute(conn).await
        .map(|_| ()))?;
    Ok(())
}

/// What a run is to take back.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UndoOf {
    pub undone: RunId,
    /// As somebody was named of whom alone it is.
    pub user: Option<String>,
    pub may_return: bool,
}

/// Notes that a run takes back another one.
pub async fn set_undo_of(tx: &mut Tx, run: RunId, undo: &UndoOf) -> Result<(), StoreError> {
    const SQL: &str =
        "update runs set undo_of = $2, undo_user = $3, undo_may_return = $4 where id = $1";
    let UndoOf { undone, user, may_return } = undo;
    with_tx!(tx, conn => sqlx::query(SQL)
        .bind(run.0).bind(undone.0).bind(user).bind(i64::from(*may_return)).execute(conn).await
        .map(|_| ()))?;
    Ok(())
}

/// What a run was to take back, and why somebody wanted that. None where it takes back nothing, or an
/// earlier version did not write down how.
pub async fn undo_of(db: &Db, run: RunId) -> Result<Option<(UndoOf, String)>, StoreError> {
    const SQL: &str = "select r.undo_of, r.undo_user, r.undo_may_return, coalesce(a.reason, '') \
         from runs r left join audit_entries a on a.noun = 'run' and a.verb = 'undo' \
           and a.object_id = cast(r.id as text) \
         where r.id = $1 and r.undo_of is not null and r.undo_may_return is not null";
    let row: Option<(i64, Option<String>, i64, String)> =
        with_pool!(db, pool => sqlx::query_as(SQL).bind(run.0).fetch_optional(pool).await?);
    Ok(row.map(|(undone, user, may_return, reason)| {
        (UndoOf { undone: RunId(undone), user, may_return: may_return != 0 }, reason)
    }))
}

type Row = (
    i64,
    i64,
    String,
    String,
    String,
    String,
    String,
    i64,
    Option<i64>,
    String,
    String,
    String,
    Option<i64>,
    Option<String>,
    Option<i64>,
    String,
);

fn recorded_run(row: Row) -> Run {
    let (
        id,
        connector_id,
        connector_name,
        trigger,
        started_by,
        node,
        status,
        started_at,
        finished_at,
        message,
        report,
        settings,
        retry_of,
        stop_asked_by,
        slot,
        task,
    ) = row;
    Run {
        id: RunId(id),
        connector_id: ConnectorId(connector_id),
        connector_name: Name::new(&connector_name),
        trigger,
        started_by,
        node,
        status: Status::from_word(&status),
        started_at: instant(started_at),
        finished_at: finished_at.map(instant),
        message,
        report,
        settings,
        retry_of: retry_of.map(RunId),
        stop_asked_by,
        slot: slot.map(instant),
        task: Task::read(&task),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_run_was_to_do_is_read_back() {
        let exactly =
            |seen: Option<&str>| Task::Exactly { plan: PlanId(13), seen: seen.map(str::to_owned) };
        for (text, task) in [
            ("", Task::Everybody),
            ("person 12 a", Task::Person("12 a".to_owned())),
            // Of an earlier version, before anybody decided, and after.
            ("plan 13", exactly(None)),
            ("plan 13 ", exactly(Some(""))),
            ("plan 13 1764000000000000", exactly(Some("1764000000000000"))),
            ("undo 7", Task::Undo(RunId(7))),
        ] {
            assert_eq!(Task::read(text), task, "{text:?}");
        }
    }
}
