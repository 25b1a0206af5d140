//! What people have said about changes they saw, for the runs that follow.

use std::collections::BTreeMap;

use jiff::Timestamp;
use reconcile::gate::decisions::{
    Acceptance, Approval, Decisions, Identity, Rejection, SeenReason, SourceState,
};
use reconcile::principal::ExternalId;

use crate::store::batch::{cells, execute};
use crate::store::plans::{PlanId, PlanKind};
use crate::store::runs::RunId;
use crate::store::targets::TargetId;
use crate::store::{StoreError, Tx};
use crate::with_tx;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    Approved,
    Rejected,
    LeftOut,
}

/// What a decision is about: changes that the source asks for, or changes that take back a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Origin {
    Sync,
    Undo,
}

/// Everything that was said of a target's changes and has not run out. What was left out of an approval
/// of changes that the source asks for does not.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct InForce {
    pub decisions: Decisions,
    /// Where each approved change was seen.
    pub approved_in: BTreeMap<Identity, PlanId>,
}

/// A decision that does not come from the rows of a plan.
#[derive(Clone, Debug)]
pub struct NewRejection<'a> {
    pub identity: &'a Identity,
    pub external_id: Option<&'a str>,
    pub username: Option<&'a str>,
    pub words: &'a str,
}

impl Verdict {
    pub fn word(self) -> &'static str {
        match self {
            Verdict::Approved => "approved",
            Verdict::Rejected => "rejected",
            Verdict::LeftOut => "left-out",
        }
    }
}

impl Origin {
    pub fn of(kind: PlanKind) -> Origin {
        match kind {
            PlanKind::Held | PlanKind::Simulated => Origin::Sync,
            PlanKind::Undo => Origin::Undo,
        }
    }

    pub fn word(self) -> &'static str {
        match self {
            Origin::Sync => "sync",
            Origin::Undo => "undo",
        }
    }
}

pub async fn read(
    tx: &mut Tx,
    target: TargetId,
    origin: Origin,
    now: Timestamp,
) -> Result<InForce, StoreError> {
    const SQL: &str = "select identity, verdict, plan_id, external_id, state, people, reason, \
           fingerprint \
         from plan_decisions where target_id = $1 and origin = $2 \
           and ($3 < until or (origin = 'sync' and verdict = 'left-out'))";
    let rows: Vec<Columns> = with_tx!(tx, conn => sqlx::query_as(SQL)
            .bind(target.0).bind(origin.word()).bind(now.as_microsecond())
            .fetch_all(conn).await?);
    let mut in_force = InForce::default();
    let InForce { decisions, approved_in } = &mut in_force;
    for (identity, verdict, plan, external_id, state, people, reason, fingerprint) in rows {
        if let Some(people) = people {
            let rules = fingerprint.into();
            let accepted = usize::try_from(people).ok();
            decisions.people_accepted = accepted.map(|people| Acceptance { people, rules });
            continue;
        }
        let identity = Identity::recorded(&identity);
        let rules = fingerprint.into();
        if verdict == Verdict::Approved.word() {
            approved_in.insert(identity.clone(), PlanId(plan));
            let reason = SeenReason::recorded(&reason);
            decisions.approved.insert(identity, Approval { reason, rules });
        } else if verdict == Verdict::LeftOut.word() {
            decisions.left_out.insert(identity, rules);
        } else if verdict == Verdict::Rejected.word() {
            let user = external_id.map(|id| ExternalId::new(&id));
            let rejection = Rejection { user, state: SourceState::recorded(&state), rules };
            decisions.rejected.insert(identity, rejection);
        }
    }
    Ok(in_force)
}

/// `identity, verdict, plan_id, external_id, state, people, reason, fingerprint`
type Columns = (String, String, i64, Option<String>, String, Option<i64>, String, String);

/// Puts what is marked in a plan in force, until then.
pub async fn enact(
    tx: &mut Tx,
    plan: PlanId,
    origin: Origin,
    verdict: Verdict,
    until: Timestamp,
) -> Result<(), StoreError> {
    // Of a target that was deleted since nothing is left to decide. What was rejected of the plan before
    // lasts as long as was said then.
    const SQL: &str = "insert into plan_decisions \
           (target_id, origin, identity, verdict, plan_id, external_id, username, words, state, \
             reason, fingerprint, until) \
         select c.target_id, $2, c.identity, c.decision, c.plan_id, c.external_id, c.username, \
           c.words, c.state, c.reason, p.fingerprint, $4 \
         from plan_changes c join targets t on t.id = c.target_id \
           join plans p on p.id = c.plan_id \
         where c.plan_id = $1 and c.decision = $3 \
         on conflict (target_id, origin, identity) do update \
         set verdict = excluded.verdict, plan_id = excluded.plan_id, \
           external_id = excluded.external_id, username = excluded.username, \
           words = excluded.words, run_id = null, state = excluded.state, \
           reason = excluded.reason, fingerprint = excluded.fingerprint, until = excluded.until \
         where not (plan_decisions.verdict = 'rejected' and excluded.verdict = 'rejected' \
           and plan_decisions.plan_id = excluded.plan_id)";
    with_tx!(tx, conn => sqlx::query(SQL)
        .bind(plan.0).bind(origin.word()).bind(verdict.word()).bind(until.as_microsecond())
        .execute(conn).await
        .map(|_| ()))?;
    Ok(())
}

/// Somebody saw that the source has no more people than this, and that it is right.
pub async fn accept_people(
    tx: &mut Tx,
    target: TargetId,
    plan: PlanId,
    accepted: &Acceptance,
    until: Timestamp,
) -> Result<(), StoreError> {
    const SQL: &str = "insert into plan_decisions \
           (target_id, origin, identity, verdict, plan_id, state, people, fingerprint, until) \
         select id, $2, '', 'approved', $3, '', $4, $5, $6 from targets where id = $1 \
         on conflict (target_id, origin, identity) do update \
         set plan_id = excluded.plan_id, people = excluded.people, \
           fingerprint = excluded.fingerprint, until = excluded.until";
    let Acceptance { people, rules } = accepted;
    with_tx!(tx, conn => sqlx::query(SQL)
        .bind(target.0)
        .bind(Origin::Sync.word())
        .bind(plan.0)
        .bind(i64::try_from(*people).unwrap_or(i64::MAX))
        .bind(&**rules)
        .bind(until.as_microsecond())
        .execute(conn)
        .await
        .map(|_| ()))?;
    Ok(())
}

/// Says no to changes that are not in a plan, because a run took them back. What the source says of the people now is for the next run
/// of everybody to tell ([`restate`]).
pub async fn reject(
    tx: &mut Tx,
    target: TargetId,
    run: RunId,
    rejections: &[NewRejection<'_>],
    until: Timestamp,
) -> Result<(), StoreError> {
    const SQL: &str = "insert into plan_decisions \
           (target_id, origin, identity, verdict, plan_id, external_id, username, words, run_id, \
             state, until) \
         select $2, 'sync', batch.value ->> 0, 'rejected', 0, batch.value ->> 1, \
           batch.value ->> 2, batch.value ->> 3, $4, '', $3 \
         from {rows} where true \
         on conflict (target_id, origin, identity) do update \
         set verdict = excluded.verdict, plan_id = excluded.plan_id, \
           external_id = excluded.external_id, username = excluded.username, \
           words = excluded.words, run_id = excluded.run_id, state = excluded.state, \
           reason = excluded.reason, fingerprint = excluded.fingerprint, until = excluded.until";
    let row = |out: &mut Vec<u8>, it: &NewRejection<'_>| {
        let NewRejection { identity, external_id, username, words } = it;
        cells(out, &(identity.as_str(), external_id, username, words))
    };
    execute(tx, SQL, rejections, row, &[target.0, until.as_microsecond(), run.0]).await?;
    Ok(())
}

/// Puts rejections that are in force on what the source says now, to a read by the rules of this
/// `fingerprint`.
pub async fn restate(
    tx: &mut Tx,
    target: TargetId,
    rejections: &[(Identity, SourceState)],
    fingerprint: &str,
) -> Result<(), StoreError> {
    const SQL: &str = "update plan_decisions \
         set state = batch.value ->> 1, fingerprint = batch.value ->> 2 from {rows} \
         where target_id = $2 and origin = 'sync' and verdict = 'rejected' \
           and identity = batch.value ->> 0";
    let row = |out: &mut Vec<u8>, (identity, state): &(Identity, SourceState)| {
        cells(out, &(identity.as_str(), format_args!("{state}"), fingerprint))
    };
    execute(tx, SQL, rejections, row, &[target.0]).await?;
    Ok(())
}

/// Puts what was left out under the rules of this `fingerprint`, which propose it by now.
pub async fn restate_left_out(
    tx: &mut Tx,
    target: TargetId,
    origin: Origin,
    identities: &[&Identity],
    fingerprint: &str,
) -> Result<(), StoreError> {
    const SQL: &str = "update plan_decisions set fingerprint = batch.value ->> 1 from {rows} \
         where target_id = $2 and origin = batch.value ->> 2 and verdict = 'left-out' \
           and identity = batch.value ->> 0";
    let row = |out: &mut Vec<u8>, identity: &&Identity| {
        cells(out, &(identity.as_str(), fingerprint, origin.word()))
    };
    execute(tx, SQL, identities, row, &[target.0]).await?;
    Ok(())
}

/// Takes decisions out of force: they were carried out, or there is nothing to decide any more.
pub async fn forget(
    tx: &mut Tx,
    target: TargetId,
    origin: Origin,
    identities: &[&Identity],
) -> Result<(), StoreError> {
    const SYNC: &str = "delete from plan_decisions where target_id = $2 and origin = 'sync' \
         and identity in (select batch.value ->> 0 from {rows})";
    const UNDO: &str = "delete from plan_decisions where target_id = $2 and origin = 'undo' \
         and identity in (select batch.value ->> 0 from {rows})";
    let sql = match origin {
        Origin::Sync => SYNC,
        Origin::Undo => UNDO,
    };
    let row = |out: &mut Vec<u8>, identity: &&Identity| cells(out, &(identity.as_str(),));
    execute(tx, sql, identities, row, &[target.0]).await?;
    Ok(())
}

/// Forgets what has run out. Whatever somebody left out of an approval stays so until it is decided
/// over or no longer proposed: time is no yes.
pub async fn forget_expired(
    tx: &mut Tx,
    target: TargetId,
    now: Timestamp,
) -> Result<(), StoreError> {
    const SQL: &str = "delete from plan_decisions where target_id = $1 and until <= $2 \
         and not (origin = 'sync' and verdict = 'left-out')";
    with_tx!(tx, conn => sqlx::query(SQL)
        .bind(target.0).bind(now.as_microsecond()).execute(conn).await
        .map(|_| ()))?;
    Ok(())
}

/// Forgets for how many people a source was accepted.
pub async fn forget_people(tx: &mut Tx, target: TargetId) -> Result<(), StoreError> {
    const SQL: &str = "delete from plan_decisions where target_id = $1 and identity = ''";
    with_tx!(tx, conn => sqlx::query(SQL).bind(target.0).execute(conn).await.map(|_| ()))?;
    Ok(())
}
