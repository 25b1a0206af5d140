//! The rejections in force: who said no to what, why, and until when.

use std::collections::BTreeMap;

use jiff::Timestamp;
use reconcile::gate::decisions::{Identity, Rejection, SourceState};
use reconcile::principal::ExternalId;
use ring::digest::{SHA256, digest};
use serde_json::Value;

use super::PlanId;
use crate::store::audit::changes;
use crate::store::batch::{cells, execute};
use crate::store::connectors::ConnectorId;
use crate::store::runs::RunId;
use crate::store::targets::TargetId;
use crate::store::{StoreError, Tx, instant};
use crate::with_tx;

/// A change that no run makes or proposes, because somebody said no to it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RejectionInForce {
    /// Ten hexadecimal digits, the same as long as it is in force.
    pub code: String,
    pub connector: ConnectorId,
    pub connector_name: String,
    pub target: TargetId,
    pub target_name: String,
    /// `sync` or `undo`: what it is about.
    pub origin: String,
    pub identity: Identity,
    /// By what it is told whether it is in force.
    pub rejection: Rejection,
    pub username: Option<String>,
    /// The change in words.
    pub words: String,
    pub until: Timestamp,
    pub said: Said,
}

/// Where a rejection comes from.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Said {
    /// The plan in which the change was seen, and its number there where that is still kept.
    pub plan: Option<PlanId>,
    pub seq: Option<i64>,
    /// The run that took the change back instead, and the run whose change it was.
    pub undo: Option<(RunId, RunId)>,
    /// Empty where nobody knows any more.
    pub by: String,
    pub at: Option<Timestamp>,
    pub reason: String,
}

impl RejectionInForce {
    /// `plan 12`, `undo of run 42`
    pub fn from(&self) -> String {
        match (self.said.plan, self.said.undo) {
            (Some(plan), _) => format!("plan {plan}"),
            (None, Some((_, undone))) => format!("undo of run {undone}"),
            (None, None) => "an undo".to_owned(),
        }
    }
}

/// All that have not run out, of one connector or of all, in an order that stays.
pub async fn in_force(
    tx: &mut Tx,
    connector: Option<ConnectorId>,
    now: Timestamp,
) -> Result<Vec<RejectionInForce>, StoreError> {
    const SQL: &str = "select t.connector_id, c.name, d.target_id, t.name, d.origin, d.identity, \
           d.plan_id, d.external_id, d.state, d.fingerprint, d.until, d.words, d.username, \
           d.run_id \
         from plan_decisions d join targets t on t.id = d.target_id \
           join connectors c on c.id = t.connector_id \
         where d.verdict = 'rejected' and $1 < d.until \
           and (cast($2 as bigint) = 0 or t.connector_id = $2) \
         order by t.connector_id, d.plan_id, d.target_id, d.origin, d.identity";
    let rows: Vec<Columns> = with_tx!(&mut *tx, conn => sqlx::query_as(SQL)
        .bind(now.as_microsecond())
        .bind(connector.map_or(0, |it| it.0))
        .fetch_all(conn)
        .await?);
    if rows.is_empty() {
        return Ok(Vec::new());
    }
    let mut seen = changes_seen(tx).await?;
    let spoken = spoken(tx).await?;
    let undone = undone(tx).await?;
    let rejection = |row: Columns| {
        let (connector, connector_name, target, target_name, origin, identity, plan, ..) = &row;
        let (.., words, username, run) = &row;
        let (mut words, mut username, run) = (words.clone(), username.clone(), *run);
        let (connector, target, plan) = (ConnectorId(*connector), TargetId(*target), *plan);
        let change = seen.remove(&(plan, target.0, identity.clone()));
        let code = code(target, origin, identity);
        let (connector_name, target_name) = (connector_name.clone(), target_name.clone());
        let (_, _, _, _, origin, identity, _, external_id, state, fingerprint, until, ..) = row;
        let identity = Identity::recorded(&identity);
        let mut said = said(&spoken, &undone, (connector, plan, run, until));
        // What an earlier version wrote down tells less.
        if words.is_empty() {
            words = identity.to_string();
        }
        if let Some(change) = change {
            said.seq = Some(change.seq);
            (words, username) = (change.words, change.username);
        }
        RejectionInForce {
            code,
            connector,
            connector_name,
            target,
            target_name,
            origin,
            identity,
            rejection: Rejection {
                user: external_id.as_deref().map(ExternalId::new),
                state: SourceState::recorded(&state),
                rules: fingerprint.into(),
            },
            username,
            words,
            until: instant(until),
            said,
        }
    };
    Ok(rows.into_iter().map(rejection).collect())
}

/// Takes these out of force. Tells how many of them were still in force.
pub async fn forget(tx: &mut Tx, rejections: &[&RejectionInForce]) -> Result<u64, StoreError> {
    const SQL: &str = "delete from plan_decisions where verdict = 'rejected' \
         and (target_id, origin, identity) in (select cast(batch.value ->> 0 as bigint), \
           batch.value ->> 1, batch.value ->> 2 from {rows})";
    let row = |out: &mut Vec<u8>, it: &&RejectionInForce| {
        cells(out, &(it.target.0, it.origin.as_str(), it.identity.as_str()))
    };
    execute(tx, SQL, rejections, row, &[]).await
}

/// `connector_id, its name, target_id, its name, origin, identity, plan_id, external_id, state,
/// fingerprint, until, words, username, run_id`
type Columns = (
    i64,
    String,
    i64,
    String,
    String,
    String,
    i64,
    Option<String>,
    String,
    String,
    i64,
    String,
    Option<String>,
    Option<i64>,
);

/// A change that was rejected where it was seen.
struct Change {
    seq: i64,
    words: String,
    username: Option<String>,
}

/// By plan, target and identity.
async fn changes_seen(tx: &mut Tx) -> Result<BTreeMap<(i64, i64, String), Change>, StoreError> {
    const SQL: &str = "select plan_id, target_id, identity, seq, words, username \
         from plan_changes where decision = 'rejected' \
           and plan_id in (select plan_id from plan_decisions where verdict = 'rejected')";
    let rows: Vec<(i64, i64, String, i64, String, Option<String>)> =
        with_tx!(tx, conn => sqlx::query_as(SQL).fetch_all(conn).await?);
    let change = |(plan, target, identity, seq, words, username)| {
        ((plan, target, identity), Change { seq, words, username })
    };
    Ok(rows.into_iter().map(change).collect())
}

/// What the audit log has of rejections by the plan and until when they last, and of undoing by its run.
async fn spoken(tx: &mut Tx) -> Result<BTreeMap<(i64, Option<i64>), Said>, StoreError> {
    const SQL: &str = "select verb, object_id, at, actor, reason, changes from audit_entries \
         where (noun = 'plan' and verb = 'reject') or (noun = 'run' and verb = 'undo')";
    let rows: Vec<(String, String, i64, String, String, String)> =
        with_tx!(tx, conn => sqlx::query_as(SQL).fetch_all(conn).await?);
    let said = |(verb, object, at, by, reason, told): (String, String, i64, String, _, String)| {
        let object: i64 = object.parse().ok()?;
        // A plan may be rejected in parts, and by different people.
        let until = if verb == "reject" { Some(until_of(&told)?) } else { None };
        Some(((object, until), Said { by, at: Some(instant(at)), reason, ..Said::default() }))
    };
    Ok(rows.into_iter().filter_map(said).collect())
}

/// In microseconds.
fn until_of(told: &str) -> Option<i64> {
    let changes = changes::read(told)?;
    let until = changes.into_iter().find(|it| it.setting == "until")?;
    let Some(Value::String(until)) = until.after else { return None };
    Some(until.parse::<Timestamp>().ok()?.as_microsecond())
}

/// A run that took back another: its connector, itself, the other, and when it ended.
type Undone = (i64, i64, i64, i64);

async fn undone(tx: &mut Tx) -> Result<Vec<Undone>, StoreError> {
    const SQL: &str = "select connector_id, id, undo_of, finished_at from runs \
         where undo_of is not null and finished_at is not null";
    Ok(with_tx!(tx, conn => sqlx::query_as(SQL).fetch_all(conn).await?))
}

fn said(
    spoken: &BTreeMap<(i64, Option<i64>), Said>,
    undone: &[Undone],
    (connector, plan, run, until): (ConnectorId, i64, Option<i64>, i64),
) -> Said {
    /// What an undo takes back stays so for whole days from its end: by that it was found before it was
    /// written down.
    const DAY: i64 = 24 * 60 * 60 * 1_000_000;
    if plan != 0 {
        let said = spoken.get(&(plan, Some(until))).cloned().unwrap_or_default();
        return Said { plan: Some(PlanId(plan)), ..said };
    }
    let is_of = |(of, id, _, ended): &&Undone| match run {
        Some(run) => *id == run,
        None => *of == connector.0 && (until - ended) % DAY == 0,
    };
    let Some((_, run, undone, _)) = undone.iter().find(is_of) else { return Said::default() };
    let said = spoken.get(&(*run, None)).cloned().unwrap_or_default();
    Said { undo: Some((RunId(*run), RunId(*undone))), ..said }
}

fn code(target: TargetId, origin: &str, identity: &str) -> String {
    const BYTES: usize = 5;
    let name = format!("{}\u{1f}{origin}\u{1f}{identity}", target.0);
    let digest = digest(&SHA256, name.as_bytes());
    digest.as_ref().iter().take(BYTES).map(|byte| format!("{byte:02x}")).collect()
}
