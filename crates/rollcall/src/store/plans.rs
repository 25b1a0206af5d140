//! Plans that people look at and decide over: what a run holds, what a simulation showed, what an undo
//! would do.

pub mod changes;
pub mod decisions;
pub mod rejections;

use std::collections::BTreeMap;
use std::fmt;

use jiff::Timestamp;
use reconcile::finding::Finding;
use reconcile::principal::Name;

use crate::store::batch::{cells, execute};
use crate::store::connectors::{Connector, ConnectorId};
use crate::store::runs::{Page, RunId, findings};
use crate::store::{Db, StoreError, Tx, instant};
use crate::{with_pool, with_tx};

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct PlanId(pub i64);

/// Where a plan comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PlanKind {
    /// A run applied the rest and left this.
    Held,
    /// Somebody asked what a run would do.
    Simulated,
    /// What would take back a run.
    Undo,
}

/// How a plan stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PlanStatus {
    /// Nothing of it is held; it can be applied as it was seen.
    Ready,
    /// Something waits for a decision, whatever else of it was decided already.
    Waiting,
    /// Nothing waits any more, and somebody approved something.
    Approved,
    /// Somebody said no to all of it.
    Rejected,
    /// A run did what was approved.
    Applied,
    /// A later run no longer proposes it, or proposes something else.
    Superseded,
    /// Nobody decided in time, or no run came in time.
    Expired,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Plan {
    pub id: PlanId,
    pub connector_id: ConnectorId,
    /// As it was called then.
    pub connector_name: Name,
    pub kind: PlanKind,
    /// The run that left it, or that it would undo.
    pub run: Option<RunId>,
    pub status: PlanStatus,
    pub made_by: String,
    pub made_at: Timestamp,
    pub expires_at: Timestamp,
    pub fingerprint: String,
    /// How many people the source had.
    pub people: usize,
    /// JSON: what was read, counts, calls.
    pub report: String,
    pub decided_by: String,
    pub decided_at: Option<Timestamp>,
    /// Why it was decided so.
    pub reason: String,
    /// What became of it.
    pub message: String,
}

/// What is left to do of what a plan holds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Remainder {
    /// Changes over which nobody has decided, or which were left out of an approval.
    pub waiting: u64,
    /// Changes that were approved; a run is still to make them.
    pub approved: u64,
}

/// A plan that is about to be stored.
#[derive(Clone, Debug)]
pub struct NewPlan<'a> {
    pub connector: &'a Connector,
    pub kind: PlanKind,
    pub run: Option<RunId>,
    pub status: PlanStatus,
    pub made_by: &'a str,
    pub expires_at: Timestamp,
    pub fingerprint: &'a str,
    pub people: usize,
    pub report: &'a serde_json::Value,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoredCause {
    pub seq: i64,
    pub target_name: Option<String>,
    pub title: String,
    pub changes: i64,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoredObjection {
    pub target: i64,
    pub target_name: Option<String>,
    pub kind: String,
    pub words: String,
}

impl PlanKind {
    pub const ALL: [PlanKind; 3] = [PlanKind::Held, PlanKind::Simulated, PlanKind::Undo];

    pub fn word(self) -> &'static str {
        match self {
            PlanKind::Held => "held",
            PlanKind::Simulated => "simulated",
            PlanKind::Undo => "undo",
        }
    }

    fn from_word(word: &str) -> PlanKind {
        PlanKind::ALL.into_iter().find(|it| it.word() == word).unwrap_or(PlanKind::Held)
    }
}

impl PlanStatus {
    pub const ALL: [PlanStatus; 7] = [
        PlanStatus::Ready,
        PlanStatus::Waiting,
        PlanStatus::Approved,
        PlanStatus::Rejected,
        PlanStatus::Applied,
        PlanStatus::Superseded,
        PlanStatus::Expired,
    ];

    pub fn word(self) -> &'static str {
        match self {
            PlanStatus::Ready => "ready",
            PlanStatus::Waiting => "waiting",
            PlanStatus::Approved => "approved",
            PlanStatus::Rejected => "rejected",
            PlanStatus::Applied => "applied",
            PlanStatus::Superseded => "superseded",
            PlanStatus::Expired => "expired",
        }
    }

    /// Whether anything can still come of it.
    pub fn is_open(self) -> bool {
        match self {
            PlanStatus::Ready | PlanStatus::Waiting | PlanStatus::Approved => true,
            PlanStatus::Rejected
            | PlanStatus::Applied
            | PlanStatus::Superseded
            | PlanStatus::Expired => false,
        }
    }

    fn from_word(word: &str) -> PlanStatus {
        // Of what a later version calls it nothing can come here.
        PlanStatus::ALL.into_iter().find(|it| it.word() == word).unwrap_or(PlanStatus::Superseded)
    }
}

/// `24 changes wait for a decision. 2 changes are approved and wait for a run.`; empty where nothing is
/// left.
impl fmt::Display for Remainder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Remainder { waiting, approved } = *self;
        match waiting {
            0 => {}
            1 => f.write_str("1 change waits for a decision.")?,
            _ => write!(f, "{waiting} changes wait for a decision.")?,
        }
        if 0 < waiting && 0 < approved {
            f.write_str(" ")?;
        }
        match approved {
            0 => Ok(()),
            1 => f.write_str("1 change is approved and waits for a run."),
            _ => write!(f, "{approved} changes are approved and wait for a run."),
        }
    }
}

impl fmt::Display for PlanId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

pub async fn insert(tx: &mut Tx, plan: &NewPlan<'_>, now: Timestamp) -> Result<PlanId, StoreError> {
    const SQL: &str = "insert into plans (connector_id, connector_name, kind, run_id, status, \
           made_by, made_at, expires_at, fingerprint, settings, people, report) \
         values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12) returning id";
    let NewPlan { connector, kind, run, status, made_by, expires_at, fingerprint, people, report } =
        plan;
    let settings = serde_json::to_string(&connector.settings).unwrap_or_default();
    let id = with_tx!(tx, conn => sqlx::query_scalar::<_, i64>(SQL)
        .bind(connector.id.0)
        .bind(connector.name.as_str())
        .bind(kind.word())
        .bind(run.map(|it| it.0))
        .bind(status.word())
        .bind(made_by)
        .bind(now.as_microsecond())
        .bind(expires_at.as_microsecond())
        .bind(fingerprint)
        .bind(settings)
        .bind(i64::try_from(*people).unwrap_or(i64::MAX))
        .bind(report.to_string())
        .fetch_one(conn)
        .await)?;
    Ok(PlanId(id))
}

/// Each with its target, 0 where there is none yet.
pub async fn insert_causes(
    tx: &mut Tx,
    plan: PlanId,
    causes: Vec<(i64, String, usize)>,
) -> Result<(), StoreError> {
    const SQL: &str = "insert into plan_causes (plan_id, seq, target_id, title, changes) \
         select $2, cast(batch.value ->> 0 as bigint), cast(batch.value ->> 1 as bigint), \
           batch.value ->> 2, cast(batch.value ->> 3 as bigint) from {rows}";
    let row = |out: &mut Vec<u8>, (seq, (target, title, changes)): (i64, (i64, String, usize))| {
        cells(out, &(seq, target, title, changes))
    };
    execute(tx, SQL, (1_i64..).zip(causes), row, &[plan.0]).await?;
    Ok(())
}

/// Each with its target, its kind and its words.
pub async fn insert_objections(
    tx: &mut Tx,
    plan: PlanId,
    objections: Vec<(i64, &'static str, String)>,
) -> Result<(), StoreError> {
    const SQL: &str = "insert into plan_objections (plan_id, seq, target_id, kind, words) \
         select $2, cast(batch.value ->> 0 as bigint), cast(batch.value ->> 1 as bigint), \
           batch.value ->> 2, batch.value ->> 3 from {rows}";
    let row = |out: &mut Vec<u8>,
               (seq, (target, kind, words)): (i64, (i64, &'static str, String))| {
        cells(out, &(seq, target, kind, words))
    };
    execute(tx, SQL, (1_i64..).zip(objections), row, &[plan.0]).await?;
    Ok(())
}

pub async fn insert_findings(
    tx: &mut Tx,
    plan: PlanId,
    findings: Vec<&Finding>,
) -> Result<(), StoreError> {
    const SQL: &str = "insert into plan_findings \
           (plan_id, seq, kind, external_id, username, message) \
         select $2, cast(batch.value ->> 0 as bigint), batch.value ->> 1, batch.value ->> 2, \
           batch.value ->> 3, batch.value ->> 4 from {rows}";
    findings::write(tx, SQL, plan.0, findings).await
}

/// Writes down how many changes and findings a plan has. To be called after they are inserted.
pub async fn count_rows(tx: &mut Tx, plan: PlanId) -> Result<(), StoreError> {
    const SQL: &str = "update plans set row_count = \
           (select count(*) from plan_changes where plan_id = $1) \
           + (select count(*) from plan_findings where plan_id = $1) \
         where id = $1";
    with_tx!(tx, conn => sqlx::query(SQL).bind(plan.0).execute(conn).await.map(|_| ()))?;
    Ok(())
}

macro_rules! plan_columns {
    () => {
        "id, connector_id, connector_name, kind, run_id, status, made_by, made_at, expires_at, \
         fingerprint, people, report, decided_by, decided_at, reason, message"
    };
}

/// A statement that reads whole plans, from its `where` on.
macro_rules! select_plans {
    ($rest:literal) => {
        concat!("select ", plan_columns!(), " from plans ", $rest)
    };
}

/// How a plan stands by the clock that all nodes share.
pub async fn find(db: &Db, plan: PlanId) -> Result<Option<Plan>, StoreError> {
    const SQL: &str = select_plans!("where id = $1");
    let mut tx = db.snapshot().await?;
    let now = tx.now().await?;
    let row: Option<Row> = with_tx!(&mut tx, conn => sqlx::query_as(SQL)
        .bind(plan.0).fetch_optional(conn).await?);
    Ok(row.map(|row| read_back(row, now)))
}

/// As [`find`]; nobody else decides over the plan until the transaction ends.
pub async fn lock(tx: &mut Tx, plan: PlanId, now: Timestamp) -> Result<Option<Plan>, StoreError> {
    const SQL: &str =
        concat!("update plans set status = status where id = $1 returning ", plan_columns!());
    let row: Option<Row> = with_tx!(tx, conn => sqlx::query_as(SQL)
        .bind(plan.0).fetch_optional(conn).await?);
    Ok(row.map(|row| read_back(row, now)))
}

/// The latest plans first, of one connector or of all; before the plan of this number where one is
/// given.
pub async fn list(
    db: &Db,
    connector: Option<ConnectorId>,
    only_waiting: bool,
    before: Option<PlanId>,
    rows_max: u32,
) -> Result<Vec<Plan>, StoreError> {
    const SQL: &str = select_plans!(
        "where (cast($1 as bigint) = 0 or connector_id = $1) and id < $2 \
           and (cast($3 as bigint) = 0 or \
             (status = 'waiting' and kind <> 'simulated' and $4 < expires_at)) \
         order by id desc limit $5"
    );
    let mut tx = db.snapshot().await?;
    let now = tx.now().await?;
    let rows: Vec<Row> = with_tx!(&mut tx, conn => sqlx::query_as(SQL)
        .bind(connector.map_or(0, |it| it.0))
        .bind(before.map_or(i64::MAX, |it| it.0))
        .bind(i64::from(only_waiting))
        .bind(now.as_microsecond())
        .bind(i64::from(rows_max))
        .fetch_all(conn)
        .await?);
    Ok(rows.into_iter().map(|row| read_back(row, now)).collect())
}

/// How many plans wait for somebody who decides over them.
pub async fn count_waiting(db: &Db, now: Timestamp) -> Result<u64, StoreError> {
    const SQL: &str = "select count(*) from plans \
         where status = 'waiting' and kind <> 'simulated' and $1 < expires_at";
    let count: i64 = with_pool!(db, pool => sqlx::query_scalar(SQL)
        .bind(now.as_microsecond())
        .fetch_one(pool)
        .await)?;
    Ok(count.unsigned_abs())
}

/// What is left of what the last run of a connector held that held something, as long as anything of it
/// waits for somebody.
pub async fn undecided(db: &Db, connector: ConnectorId) -> Result<Option<Remainder>, StoreError> {
    const SQL: &str = "select id, status from plans \
         where connector_id = $1 and kind <> 'simulated' order by id desc limit 1";
    let last: Option<(i64, String)> = with_pool!(db, pool => sqlx::query_as(SQL)
        .bind(connector.0)
        .fetch_optional(pool)
        .await)?;
    let waits = |status: &str| status == "waiting" || status == "expired";
    let Some((plan, _)) = last.filter(|(_, status)| waits(status)) else { return Ok(None) };
    let plan = PlanId(plan);
    let remainders = remainders(db, plan, plan).await?;
    Ok(Some(remainders.get(&plan).copied().unwrap_or_default()))
}

/// What is left of every plan from one number to another of which something is.
pub async fn remainders(
    db: &Db,
    first: PlanId,
    last: PlanId,
) -> Result<BTreeMap<PlanId, Remainder>, StoreError> {
    const SQL: &str = "select plan_id, decision, cast(sum(changes) as bigint) from plan_counts \
         where verdict = 'held' and $1 <= plan_id and plan_id <= $2 group by plan_id, decision";
    let rows: Vec<(i64, String, i64)> = with_pool!(db, pool => sqlx::query_as(SQL)
        .bind(first.0)
        .bind(last.0)
        .fetch_all(pool)
        .await)?;
    let mut remainders: BTreeMap<PlanId, Remainder> = BTreeMap::new();
    for (plan, decision, changes) in rows {
        let remainder = remainders.entry(PlanId(plan)).or_default();
        match decision.as_str() {
            "" | "left-out" => remainder.waiting += changes.unsigned_abs(),
            "approved" => remainder.approved += changes.unsigned_abs(),
            _ => {}
        }
    }
    Ok(remainders)
}

/// As [`remainders`], of the plans of a list of which something may still come.
pub async fn remainders_of(
    db: &Db,
    plans: &[Plan],
) -> Result<BTreeMap<PlanId, Remainder>, StoreError> {
    let open = || plans.iter().filter(|it| it.status.is_open()).map(|it| it.id);
    match (open().min(), open().max()) {
        (Some(first), Some(last)) => {
            let mut remainders = remainders(db, first, last).await?;
            remainders.retain(|plan, _| open().any(|it| it == *plan));
            Ok(remainders)
        }
        (None, _) | (_, None) => Ok(BTreeMap::new()),
    }
}

/// The plans of a connector and kind of which something may still come, the latest first.
pub async fn open(
    tx: &mut Tx,
    connector: ConnectorId,
    kind: PlanKind,
    now: Timestamp,
) -> Result<Vec<Plan>, StoreError> {
    const SQL: &str = select_plans!(
        "where connector_id = $1 and kind = $2 and status in ('ready', 'waiting', 'approved') \
         order by id desc limit 100"
    );
    let rows: Vec<Row> = with_tx!(tx, conn => sqlx::query_as(SQL)
        .bind(connector.0).bind(kind.word()).fetch_all(conn).await?);
    Ok(rows.into_iter().map(|row| read_back(row, now)).collect())
}

pub async fn causes(db: &Db, plan: PlanId) -> Result<Vec<StoredCause>, StoreError> {
    const SQL: &str = "select c.seq, t.name, c.title, c.changes \
         from plan_causes c left join targets t on t.id = c.target_id \
         where c.plan_id = $1 order by c.seq";
    let rows: Vec<(i64, Option<String>, String, i64)> =
        with_pool!(db, pool => sqlx::query_as(SQL).bind(plan.0).fetch_all(pool).await?);
    let cause =
        |(seq, target_name, title, changes)| StoredCause { seq, target_name, title, changes };
    Ok(rows.into_iter().map(cause).collect())
}

pub async fn objections(tx: &mut Tx, plan: PlanId) -> Result<Vec<StoredObjection>, StoreError> {
    const SQL: &str = "select o.target_id, t.name, o.kind, o.words \
         from plan_objections o left join targets t on t.id = o.target_id \
         where o.plan_id = $1 order by o.seq";
    let rows: Vec<(i64, Option<String>, String, String)> =
        with_tx!(tx, conn => sqlx::query_as(SQL).bind(plan.0).fetch_all(conn).await?);
    let objection =
        |(target, target_name, kind, words)| StoredObjection { target, target_name, kind, words };
    Ok(rows.into_iter().map(objection).collect())
}

/// Kind, external id, username and message of each finding.
pub async fn findings(
    db: &Db,
    plan: PlanId,
    page: Page,
) -> Result<Vec<(i64, String, Option<String>, Option<String>, String)>, StoreError> {
    const SQL: &str = "select seq, kind, external_id, username, message \
         from plan_findings where plan_id = $1 and $2 < seq order by seq limit $3";
    Ok(with_pool!(db, pool => sqlx::query_as(SQL)
        .bind(plan.0)
        .bind(page.after)
        .bind(page.rows_max)
        .fetch_all(pool)
        .await?))
}

/// What somebody decided over a plan.
#[derive(Clone, Copy, Debug)]
pub struct Decided<'a> {
    pub status: PlanStatus,
    pub by: &'a str,
    pub reason: &'a str,
    pub at: Timestamp,
    pub expires_at: Timestamp,
}

pub async fn decide(tx: &mut Tx, plan: PlanId, decided: Decided<'_>) -> Result<(), StoreError> {
    const SQL: &str = "update plans set status = $2, decided_by = $3, decided_at = $4, \
         reason = $5, expires_at = $6 where id = $1";
    let Decided { status, by, reason, at, expires_at } = decided;
    with_tx!(tx, conn => sqlx::query(SQL)
        .bind(plan.0)
        .bind(status.word())
        .bind(by)
        .bind(at.as_microsecond())
        .bind(reason)
        .bind(expires_at.as_microsecond())
        .execute(conn)
        .await
        .map(|_| ()))?;
    Ok(())
}

/// Writes down what became of a plan, unless that is written already.
pub async fn end(
    tx: &mut Tx,
    plan: PlanId,
    status: PlanStatus,
    message: &str,
) -> Result<bool, StoreError> {
    const SQL: &str = "update plans set status = $2, message = $3 \
         where id = $1 and status in ('ready', 'waiting', 'approved')";
    let ended = with_tx!(tx, conn => sqlx::query(SQL)
        .bind(plan.0).bind(status.word()).bind(message).execute(conn).await
        .map(|it| it.rows_affected()))?;
    Ok(ended == 1)
}

/// A plan that retention may forget.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Forgettable {
    pub id: i64,
    pub made_at: Timestamp,
    /// Its changes and findings.
    pub row_count: u64,
    /// It belongs to no run; otherwise its run is forgotten.
    pub is_simulation: bool,
}

/// The oldest plans that may be forgotten: simulations, and what runs left that are forgotten
/// themselves. What somebody can still decide over stays, and what was approved until a run came.
pub async fn forgettable(
    tx: &mut Tx,
    now: Timestamp,
    rows_max: i64,
) -> Result<Vec<Forgettable>, StoreError> {
    const SQL: &str = "select p.id, p.made_at, p.row_count, p.kind from plans p \
         where (p.status not in ('ready', 'waiting', 'approved') or p.expires_at <= $1 \
             or p.kind = 'simulated' and p.status <> 'approved' and p.decided_at is null) \
           and (p.kind = 'simulated' or not exists (select 1 from runs r where r.id = p.run_id)) \
         order by p.id limit $2";
    let rows: Vec<(i64, i64, i64, String)> = with_tx!(tx, conn => sqlx::query_as(SQL)
        .bind(now.as_microsecond()).bind(rows_max).fetch_all(conn).await?);
    let forgettable = |(id, made_at, row_count, kind): (i64, i64, i64, String)| Forgettable {
        id,
        made_at: instant(made_at),
        row_count: row_count.unsigned_abs(),
        is_simulation: PlanKind::from_word(&kind) == PlanKind::Simulated,
    };
    Ok(rows.into_iter().map(forgettable).collect())
}

/// Forgets plans with everything they have.
pub async fn forget(tx: &mut Tx, plans: &[i64]) -> Result<(), StoreError> {
    const IN_ORDER: [&str; 8] = [
        "delete from plan_counts \
         where plan_id in (select cast(batch.value ->> 0 as bigint) from {rows})",
        "delete from plan_fields \
         where plan_id in (select cast(batch.value ->> 0 as bigint) from {rows})",
        "delete from plan_change_blocks \
         where plan_id in (select cast(batch.value ->> 0 as bigint) from {rows})",
        "delete from plan_changes \
         where plan_id in (select cast(batch.value ->> 0 as bigint) from {rows})",
        "delete from plan_causes \
         where plan_id in (select cast(batch.value ->> 0 as bigint) from {rows})",
        "delete from plan_objections \
         where plan_id in (select cast(batch.value ->> 0 as bigint) from {rows})",
        "delete from plan_findings \
         where plan_id in (select cast(batch.value ->> 0 as bigint) from {rows})",
        "delete from plans where id in (select cast(batch.value ->> 0 as bigint) from {rows})",
    ];
    for sql in IN_ORDER {
        let row = |out: &mut Vec<u8>, plan: &i64| cells(out, &(plan,));
        execute(tx, sql, plans, row, &[]).await?;
    }
    Ok(())
}

/// Which rules of a connector were tried last. None where none ever were; empty where rules were, and
/// others have changed something since.
pub async fn tried(db: &Db, connector: ConnectorId) -> Result<Option<String>, StoreError> {
    const SQL: &str = "select fingerprint from tried_rules where connector_id = $1";
    Ok(with_pool!(db, pool => sqlx::query_scalar(SQL)
        .bind(connector.0).fetch_optional(pool).await?))
}

/// Writes down that rules were tried, by what a run found. Tells whether that is news.
pub async fn set_tried(
    tx: &mut Tx,
    connector: ConnectorId,
    fingerprint: &str,
    run: RunId,
) -> Result<bool, StoreError> {
    const SQL: &str = "insert into tried_rules (connector_id, fingerprint, run_id) \
         values ($1, $2, $3) \
         on conflict (connector_id) do update \
         set fingerprint = excluded.fingerprint, run_id = excluded.run_id \
         where tried_rules.fingerprint <> excluded.fingerprint";
    let written = with_tx!(tx, conn => sqlx::query(SQL)
        .bind(connector.0).bind(fingerprint).bind(run.0).execute(conn).await
        .map(|it| it.rows_affected()))?;
    Ok(written == 1)
}

/// Whatever rules were tried but these, they are so no longer. That there was a good run stays.
pub async fn forget_others_tried(
    tx: &mut Tx,
    connector: ConnectorId,
    fingerprint: &str,
) -> Result<(), StoreError> {
    // No rules are known by nothing.
    const SQL: &str = "update tried_rules set fingerprint = '' \
         where connector_id = $1 and fingerprint <> $2";
    with_tx!(tx, conn => sqlx::query(SQL)
        .bind(connector.0).bind(fingerprint).execute(conn).await
        .map(|_| ()))?;
    Ok(())
}

type Row = (
    i64,
    i64,
    String,
    String,
    Option<i64>,
    String,
    String,
    i64,
    i64,
    String,
    i64,
    String,
    String,
    Option<i64>,
    String,
    String,
);

fn read_back(row: Row, now: Timestamp) -> Plan {
    let (
        id,
        connector_id,
        connector_name,
        kind,
        run,
        status,
        made_by,
        made_at,
        expires_at,
        fingerprint,
        people,
        report,
        decided_by,
        decided_at,
        reason,
        message,
    ) = row;
    let (status, expires_at) = (PlanStatus::from_word(&status), instant(expires_at));
    let is_late = status.is_open() && expires_at <= now;
    Plan {
        id: PlanId(id),
        connector_id: ConnectorId(connector_id),
        connector_name: Name::new(&connector_name),
        kind: PlanKind::from_word(&kind),
        run: run.map(RunId),
        status: if is_late { PlanStatus::Expired } else { status },
        made_by,
        made_at: instant(made_at),
        expires_at,
        fingerprint,
        people: usize::try_from(people).unwrap_or_default(),
        report,
        decided_by,
        decided_at: decided_at.map(instant),
        reason,
        message,
    }
}
