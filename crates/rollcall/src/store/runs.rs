//! Runs: what was done when, by whom, with every change, outcome and finding.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fmt;

use jiff::Timestamp;
use reconcile::finding::Finding;
use reconcile::principal::{ExternalId, Name};

use crate::store::audit::actor::Act;
use crate::store::audit::{self, Action, Entry};
use crate::store::batch::{cells, execute};
use crate::store::connectors::{Connector, ConnectorId};
use crate::store::targets::TargetId;
use crate::store::{Db, StoreError, Tx, instant};
use crate::{with_pool, with_tx};

pub mod events;
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
}

/// The runs of a connector that tell how it stands.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct LastRuns {
    pub has_target: bool,
    pub last: Option<RunId>,
    /// It went well, even if it holds changes.
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

/// One change of a run, as it is written down.
#[derive(Clone, Debug)]
pub struct ChangeRow<'a> {
    pub target: TargetId,
    pub kind: &'a str,
    pub external_id: Option<&'a str>,
    pub username: Option<&'a str>,
    pub group: Option<&'a str>,
    pub detail: Cow<'a, str>,
    pub reason: Cow<'a, str>,
    pub outcome: Cow<'a, str>,
    /// JSON of the person, or nothing where the other columns say it all.
    pub before: Cow<'a, str>,
    pub after: Cow<'a, str>,
    /// What the source said of the person.
    pub state: &'a str,
}

/// A change that a run made, with everything that it takes to take it back.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DoneRow {
    pub target: TargetId,
    pub kind: String,
    pub external_id: Option<String>,
    pub username: Option<String>,
    pub group: Option<String>,
    pub detail: String,
    pub before: String,
    pub after: String,
    pub state: String,
}

/// One change of a run, read back.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RecordedChange {
    pub seq: i64,
    /// Absent when the target was deleted since.
    pub target_name: Option<String>,
    pub kind: String,
    pub external_id: Option<String>,
    pub username: Option<String>,
    pub group: Option<String>,
    pub detail: String,
    pub reason: String,
    pub outcome: String,
}

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

/// Which changes of a run. Whatever is empty lets all through.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ChangeFilter {
    /// The word of a change.
    pub kind: String,
    pub outcome: String,
    /// A part of a username or of a group, or an external id; in any case.
    pub text: String,
}

/// A part of a long list: what follows `after`, which is the last `seq` seen, or 0.
#[derive(Clone, Copy, Debug)]
pub struct Page {
    pub after: i64,
    pub rows_max: i64,
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
    pub const ALL: [Trigger; 4] =
        [Trigger::CommandLine, Trigger::Demo, Trigger::Page, Trigger::Schedule];

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

/// The latest runs first, of one connector or of all.
pub async fn list(
    db: &Db,
    connector: Option<ConnectorId>,
    rows_max: u32,
) -> Result<Vec<Run>, StoreError> {
    const SQL: &str = "select id, connector_id, connector_name, trigger, started_by, node, status, \
         started_at, finished_at, message, report, settings, retry_of, stop_asked_by, slot from runs \
         where cast($1 as bigint) = 0 or connector_id = $1 order by id desc limit $2";
    let rows = with_pool!(db, pool => sqlx::query_as::<_, Row>(SQL)
        .bind(connector.map_or(0, |it| it.0))
        .bind(i64::from(rows_max))
        .fetch_all(pool)
        .await)?;
    Ok(rows.into_iter().map(recorded_run).collect())
}

/// When the last good run of that connector began whose last good run is the oldest.
pub async fn oldest_of_last_good(db: &Db) -> Result<Option<Timestamp>, StoreError> {
    const SQL: &str = "select min(last) from (select max(r.started_at) as last from runs r \
         join connectors c on c.id = r.connector_id \
         where r.status in ('succeeded', 'succeeded-with-skips', 'held') \
         group by r.connector_id) as good";
    let oldest: Option<i64> =
        with_pool!(db, pool => sqlx::query_scalar(SQL).fetch_one(pool).await)?;
    Ok(oldest.map(instant))
}

/// The latest runs first, of those that a filter lets through.
pub async fn search(db: &Db, filter: &Filter, rows_max: u32) -> Result<Vec<Run>, StoreError> {
    const SQL: &str = "select id, connector_id, connector_name, trigger, started_by, node, status, \
         started_at, finished_at, message, report, settings, retry_of, stop_asked_by, slot from runs \
         where (cast($1 as bigint) = 0 or connector_id = $1) \
           and (cast($2 as text) = '' or status = $2) \
           and (cast($3 as text) = '' or trigger = $3) \
           and (cast($4 as bigint) = 0 or id < $4) \
         order by id desc limit $5";
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

pub async fn find(db: &Db, run: RunId) -> Result<Option<Run>, StoreError> {
    const SQL: &str = "select id, connector_id, connector_name, trigger, started_by, node, status, \
         started_at, finished_at, message, report, settings, retry_of, stop_asked_by, slot \
         from runs where id = $1";
    let row = with_pool!(db, pool => sqlx::query_as::<_, Row>(SQL)
        .bind(run.0)
        .fetch_optional(pool)
        .await)?;
    Ok(row.map(recorded_run))
}

/// The runs that tell how each connector stands.
pub async fn telling_of_each(db: &Db) -> Result<BTreeMap<ConnectorId, LastRuns>, StoreError> {
    const SQL: &str = "select c.id, (select count(*) from targets t where t.connector_id = c.id), \
           max(r.id), \
           max(case when r.status in ('succeeded', 'succeeded-with-skips', 'held') then r.id end), \
           max(case when r.status in ('succeeded', 'succeeded-with-skips', 'held', 'failed') \
             then r.id end), \
           max(case when r.finished_at is null then r.id end) \
         from connectors c left join runs r on r.connector_id = c.id group by c.id";
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

pub async fn changes(db: &Db, run: RunId, page: Page) -> Result<Vec<RecordedChange>, StoreError> {
    const SQL: &str = "select c.seq, t.name, c.kind, c.external_id, c.username, c.group_name, \
         c.detail, c.reason, c.outcome \
         from run_changes c left join targets t on t.id = c.target_id \
         where c.run_id = $1 and c.seq > $2 order by c.seq limit $3";
    let rows = with_pool!(db, pool => sqlx::query_as::<_, ChangeColumns>(SQL)
        .bind(run.0)
        .bind(page.after)
        .bind(page.rows_max)
        .fetch_all(pool)
        .await)?;
    Ok(rows.into_iter().map(recorded_change).collect())
}

/// The changes of a run that a filter lets through, in their order.
pub async fn search_changes(
    db: &Db,
    run: RunId,
    filter: &ChangeFilter,
    page: Page,
) -> Result<Vec<RecordedChange>, StoreError> {
    const SQL: &str = "select c.seq, t.name, c.kind, c.external_id, c.username, c.group_name, \
         c.detail, c.reason, c.outcome \
         from run_changes c left join targets t on t.id = c.target_id \
         where c.run_id = $1 and c.seq > $2 \
           and (cast($4 as text) = '' or c.kind = $4) \
           and (cast($5 as text) = '' or c.outcome = $5) \
           and (cast($6 as text) = '' or c.external_id = $6 \
             or lower(c.username) like $7 escape '!' or lower(c.group_name) like $7 escape '!') \
         order by c.seq limit $3";
    let ChangeFilter { kind, outcome, text } = filter;
    let rows = with_pool!(db, pool => sqlx::query_as::<_, ChangeColumns>(SQL)
        .bind(run.0)
        .bind(page.after)
        .bind(page.rows_max)
        .bind(kind)
        .bind(outcome)
        .bind(text)
        .bind(like(text))
        .fetch_all(pool)
        .await)?;
    Ok(rows.into_iter().map(recorded_change).collect())
}

/// A pattern for whatever contains a text, which may itself hold the signs of patterns.
fn like(text: &str) -> String {
    let mut pattern = String::from("%");
    for letter in text.to_lowercase().chars() {
        if matches!(letter, '%' | '_' | '!') {
            pattern.push('!');
        }
        pattern.push(letter);
    }
    pattern.push('%');
    pattern
}

pub async fn findings(db: &Db, run: RunId, page: Page) -> Result<Vec<RecordedFinding>, StoreError> {
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

/// Everything that a run did, in order.
pub async fn done(db: &Db, run: RunId) -> Result<Vec<DoneRow>, StoreError> {
    const SQL: &str = "select target_id, kind, external_id, username, group_name, detail, before, \
         after, state from run_changes where run_id = $1 and outcome = 'applied' order by seq";
    type Columns = (
        i64,
        String,
        Option<String>,
        Option<String>,
        Option<String>,
        String,
        String,
        String,
        String,
    );
    let rows: Vec<Columns> =
        with_pool!(db, pool => sqlx::query_as(SQL).bind(run.0).fetch_all(pool).await?);
    let done =
        |(target, kind, external_id, username, group, detail, before, after, state)| DoneRow {
            target: TargetId(target),
            kind,
            external_id,
            username,
            group,
            detail,
            before,
            after,
            state,
        };
    Ok(rows.into_iter().map(done).collect())
}

/// Notes that a run takes back another one.
pub async fn set_undo_of(tx: &mut Tx, run: RunId, undone: RunId) -> Result<(), StoreError> {
    const SQL: &str = "update runs set undo_of = $2 where id = $1";
    with_tx!(tx, conn => sqlx::query(SQL).bind(run.0).bind(undone.0).execute(conn).await
        .map(|_| ()))?;
    Ok(())
}

/// How many changes there were of each kind with each outcome.
pub async fn change_counts(
    db: &Db,
    run: RunId,
) -> Result<BTreeMap<(String, String), u64>, StoreError> {
    const SQL: &str = "select kind, outcome, count(*) from run_changes \
         where run_id = $1 group by kind, outcome";
    let rows = with_pool!(db, pool => sqlx::query_as::<_, (String, String, i64)>(SQL)
        .bind(run.0)
        .fetch_all(pool)
        .await)?;
    let counted =
        |(kind, outcome, count): (String, String, i64)| ((kind, outcome), count.unsigned_abs());
    Ok(rows.into_iter().map(counted).collect())
}

/// How many findings there were of each kind.
pub async fn finding_counts(db: &Db, run: RunId) -> Result<BTreeMap<String, u64>, StoreError> {
    const SQL: &str = "select kind, count(*) from run_findings where run_id = $1 group by kind";
    let rows = with_pool!(db, pool => sqlx::query_as::<_, (String, i64)>(SQL)
        .bind(run.0)
        .fetch_all(pool)
        .await)?;
    Ok(rows.into_iter().map(|(kind, count)| (kind, count.unsigned_abs())).collect())
}

/// What the last run of a connector that had changes for somebody did to them, or held.
pub async fn last_changes_of(
    db: &Db,
    connector: ConnectorId,
    ids: [&ExternalId; 2],
) -> Result<Vec<(RunId, RecordedChange)>, StoreError> {
    const LAST: &str = "select max(c.run_id) from run_changes c join runs r on r.id = c.run_id \
         where c.external_id in ($1, $3) and r.connector_id = $2";
    const CHANGES: &str = "select c.seq, t.name, c.kind, c.external_id, c.username, c.group_name, \
         c.detail, c.reason, c.outcome \
         from run_changes c left join targets t on t.id = c.target_id \
         where c.run_id = $1 and c.external_id in ($2, $3) order by c.seq limit 50";
    let last = with_pool!(db, pool => sqlx::query_scalar::<_, Option<i64>>(LAST)
        .bind(ids[0].as_str())
        .bind(connector.0)
        .bind(ids[1].as_str())
        .fetch_one(pool)
        .await)?;
    let Some(run) = last else { return Ok(Vec::new()) };
    let rows = with_pool!(db, pool => sqlx::query_as::<_, ChangeColumns>(CHANGES)
        .bind(run)
        .bind(ids[0].as_str())
        .bind(ids[1].as_str())
        .fetch_all(pool)
        .await)?;
    Ok(rows.into_iter().map(|row| (RunId(run), recorded_change(row))).collect())
}

/// Whoever a connector's runs once knew by this username or id, the latest: by the source's id, with the
/// key under which a directory had them.
pub async fn people_named(
    db: &Db,
    connector: ConnectorId,
    text: &str,
) -> Result<BTreeMap<ExternalId, ExternalId>, StoreError> {
    const SQL: &str = "select c.external_id, max(c.run_id) from run_changes c \
         join runs r on r.id = c.run_id \
         where r.connector_id = $1 and (lower(c.username) = lower($2) or c.external_id = $2) \
           and c.external_id is not null \
         group by c.external_id order by max(c.run_id) desc, c.external_id limit 10";
    // Another key than the source's id says nothing of that; the person who was recorded does.
    const RECORDED: &str = "select c.before, c.after from run_changes c \
         join runs r on r.id = c.run_id \
         where r.connector_id = $1 and c.external_id = $2 and (c.before <> '' or c.after <> '') \
         order by c.run_id desc, c.seq desc limit 1";
    let ids = with_pool!(db, pool => sqlx::query_as::<_, (String, i64)>(SQL)
        .bind(connector.0)
        .bind(text)
        .fetch_all(pool)
        .await)?;
    let mut people = BTreeMap::new();
    for (id, _) in ids {
        let row = with_pool!(db, pool => sqlx::query_as::<_, (String, String)>(RECORDED)
            .bind(connector.0)
            .bind(&id)
            .fetch_optional(pool)
            .await)?;
        let person = row.and_then(|(before, after)| {
            person::read(&after).or_else(|| person::read(&before)).map(|(user, _)| user)
        });
        let id = ExternalId::new(&id);
        let source_id = person.map_or_else(|| id.clone(), |user| user.source_id().clone());
        people.entry(source_id).or_insert(id);
    }
    Ok(people)
}

/// What was last found odd about somebody, by their key or the source's id.
pub async fn last_finding_of(
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

/// Writes down all changes of a run, in their order. To be called once a run.
pub async fn insert_changes(
    tx: &mut Tx,
    run: RunId,
    changes: impl IntoIterator<Item = ChangeRow<'_>>,
) -> Result<(), StoreError> {
    const SQL: &str = "insert into run_changes (run_id, seq, target_id, kind, external_id, \
           username, group_name, detail, reason, outcome, before, after, state) \
         select $2, cast(batch.value ->> 0 as bigint), cast(batch.value ->> 1 as bigint), \
           batch.value ->> 2, batch.value ->> 3, batch.value ->> 4, batch.value ->> 5, \
           batch.value ->> 6, batch.value ->> 7, batch.value ->> 8, batch.value ->> 9, \
           batch.value ->> 10, batch.value ->> 11 from {rows}";
    let row = |out: &mut Vec<u8>, (seq, change): (i64, ChangeRow<'_>)| {
        let ChangeRow {
            target,
            kind,
            external_id,
            username,
            group,
            detail,
            reason,
            outcome,
            before,
            after,
            state,
        } = change;
        #[rustfmt::skip]
        let row = (
            seq, target.0, kind, external_id, username, group, detail, reason, outcome, before,
            after, state,
        );
        cells(out, &row)
    };
    execute(tx, SQL, (1_i64..).zip(changes), row, &[run.0]).await?;
    Ok(())
}

/// Writes down all findings of a run. To be called once a run.
pub async fn insert_findings(
    tx: &mut Tx,
    run: RunId,
    findings: impl IntoIterator<Item = &Finding>,
) -> Result<(), StoreError> {
    const SQL: &str = "insert into run_findings \
           (run_id, seq, kind, external_id, username, message) \
         select $2, cast(batch.value ->> 0 as bigint), batch.value ->> 1, batch.value ->> 2, \
           batch.value ->> 3, batch.value ->> 4 from {rows}";
    let row = |out: &mut Vec<u8>, (seq, finding): (i64, &Finding)| {
        let Finding { kind, id, username, message } = finding;
        cells(out, &(seq, kind.word(), id.as_ref().map(ExternalId::as_str), username, message))
    };
    execute(tx, SQL, (1_i64..).zip(findings), row, &[run.0]).await?;
    Ok(())
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
    }
}

type ChangeColumns = (
    i64,
    Option<String>,
    String,
    Option<String>,
    Option<String>,
    Option<String>,
    String,
    String,
    String,
);

fn recorded_change(row: ChangeColumns) -> RecordedChange {
    let (seq, target_name, kind, external_id, username, group, detail, reason, outcome) = row;
    RecordedChange { seq, target_name, kind, external_id, username, group, detail, reason, outcome }
}

type FindingColumns = (i64, i64, String, Option<String>, Option<String>, String);

fn recorded_finding(row: FindingColumns) -> RecordedFinding {
    let (run, seq, kind, external_id, username, message) = row;
    RecordedFinding { run: RunId(run), seq, kind, external_id, username, message }
}
