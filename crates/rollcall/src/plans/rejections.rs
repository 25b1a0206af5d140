//! What somebody said no to and is still in force: listed, and lifted again.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::json;

use crate::store::audit::actor::Act;
use crate::store::audit::changes::Changes;
use crate::store::audit::{self, Action, Entry, REASON_CHARS_MAX};
use crate::store::connectors::ConnectorId;
use crate::store::plans::changes;
use crate::store::plans::rejections::{self, RejectionInForce};
use crate::store::plans::{self, Decided, Plan, PlanId, PlanStatus};
use crate::store::runs::RunId;
use crate::store::{Db, StoreError, Tx};

/// Which rejections.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Which {
    /// These, by their codes.
    Coded(Vec<String>),
    /// All that come from this plan.
    OfPlan(PlanId),
    /// All that come from the undo of this run.
    OfUndo(RunId),
}

#[derive(Debug, thiserror::Error)]
pub enum LiftError {
    #[error("Say why: give a reason. It is kept in the audit log.")]
    NoReason,
    #[error("No rejection {0} is in force. Nothing was lifted. See `rollcall plan rejections`.")]
    Unknown(String),
    #[error(
        "No rejection of plan {0} is in force. Nothing was lifted. See `rollcall plan rejections`."
    )]
    NothingOf(PlanId),
    #[error(
        "No rejection by an undo of run {0} is in force. Nothing was lifted. See `rollcall plan rejections`."
    )]
    NothingOfUndo(RunId),
    #[error("Say why in fewer words: a reason has at most {REASON_CHARS_MAX} characters.")]
    LongReason,
    #[error("Somebody lifted one of them a moment ago. Nothing was lifted. Look again.")]
    Overtaken,
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// All that are in force, of one connector or of all.
pub async fn list(
    db: &Db,
    connector: Option<ConnectorId>,
) -> Result<Vec<RejectionInForce>, StoreError> {
    let mut tx = db.snapshot().await?;
    let now = tx.now().await?;
    rejections::in_force(&mut tx, connector, now).await
}

/// Takes rejections out of force: the next run judges the changes like any others. Tells which.
pub async fn lift(
    db: &Db,
    which: &Which,
    act: &Act<'_>,
) -> Result<Vec<RejectionInForce>, LiftError> {
    if act.reason.trim().is_empty() {
        return Err(LiftError::NoReason);
    }
    if REASON_CHARS_MAX < act.reason.chars().count() {
        return Err(LiftError::LongReason);
    }
    let mut tx = db.begin().await?;
    let now = tx.now().await?;
    let act = Act { at: now, ..*act };
    let all = rejections::in_force(&mut tx, None, now).await?;
    let lifted: Vec<RejectionInForce> = match which {
        Which::Coded(codes) => {
            let has = |code: &&String| all.iter().any(|it| it.code == code.to_lowercase());
            if let Some(unknown) = codes.iter().find(|it| !has(it)) {
                return Err(LiftError::Unknown(unknown.clone()));
            }
            let codes: BTreeSet<String> = codes.iter().map(|it| it.to_lowercase()).collect();
            all.into_iter().filter(|it| codes.contains(&it.code)).collect()
        }
        Which::OfPlan(plan) => {
            let of_plan: Vec<_> =
                all.into_iter().filter(|it| it.said.plan == Some(*plan)).collect();
            if of_plan.is_empty() {
                return Err(LiftError::NothingOf(*plan));
            }
            of_plan
        }
        Which::OfUndo(run) => {
            let is_of = |it: &RejectionInForce| it.said.undo.is_some_and(|(_, it)| it == *run);
            let of_undo: Vec<_> = all.into_iter().filter(is_of).collect();
            if of_undo.is_empty() {
                return Err(LiftError::NothingOfUndo(*run));
            }
            of_undo
        }
    };
    let mut by_origin: BTreeMap<(Option<PlanId>, String), Vec<&RejectionInForce>> = BTreeMap::new();
    for it in &lifted {
        by_origin.entry((it.said.plan, it.from())).or_default().push(it);
    }
    // Whoever decides takes the plan before its decisions.
    let mut open = BTreeMap::new();
    for plan in by_origin.keys().filter_map(|(plan, _)| *plan) {
        let locked = plans::lock(&mut tx, plan, now).await?;
        open.extend(locked.filter(|it| it.status.is_open()).map(|it| (plan, it)));
    }
    let chosen: Vec<&RejectionInForce> = lifted.iter().collect();
    if rejections::forget(&mut tx, &chosen).await? != chosen.len() as u64 {
        return Err(LiftError::Overtaken);
    }
    for ((plan, from), lifted) in by_origin {
        if let Some(plan) = plan.and_then(|it| open.get(&it)) {
            reopen(&mut tx, plan, &lifted, &act).await?;
        }
        let codes: Vec<&str> = lifted.iter().map(|it| it.code.as_str()).collect();
        let done = json!({ "changes": lifted.len(), "lifted": codes });
        let object = plan.map_or(from, |it| it.to_string());
        let connector = lifted.first().map_or("", |it| it.connector_name.as_str());
        let entry = Entry::new(Action::PlanLift, object, connector).with(Changes::created(&done));
        audit::append(&mut tx, &act, &entry).await?;
    }
    tx.commit().await?;
    Ok(lifted)
}

/// In a plan that is not over, what was rejected is as if nobody had decided. Whoever looked at the
/// plan before looks again: more of it may pass now.
async fn reopen(
    tx: &mut Tx,
    plan: &Plan,
    lifted: &[&RejectionInForce],
    act: &Act<'_>,
) -> Result<(), StoreError> {
    let seqs: Vec<i64> = lifted.iter().filter_map(|it| it.said.seq).collect();
    changes::unmark(tx, plan.id, &seqs).await?;
    let seen = changes::seen(tx, plan.id).await?;
    let waits = seen.iter().any(|it| it.is_held && it.decision.is_empty());
    let status = match plan.status {
        PlanStatus::Ready | PlanStatus::Approved if waits => PlanStatus::Waiting,
        PlanStatus::Ready
        | PlanStatus::Waiting
        | PlanStatus::Approved
        | PlanStatus::Rejected
        | PlanStatus::Applied
        | PlanStatus::Superseded
        | PlanStatus::Expired => plan.status,
    };
    let decided = Decided {
        status,
        by: &act.actor.name,
        reason: act.reason,
        at: act.at,
        expires_at: plan.expires_at,
    };
    plans::decide(tx, plan.id, decided).await
}
