//! What somebody was shown, by a digest: so that nothing else is done than what was seen.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jiff::Timestamp;
use ring::digest::{SHA256, digest};

use super::{Decision, SyncError};
use crate::plans;
use crate::run::Showed;
use crate::store::Tx;
use crate::store::plans::{self as stored, Plan, PlanStatus};
use crate::store::runs::RunId;

/// Names what would be done of a decision, and what would be held. `about` tells questions apart that
/// come to the same changes.
pub fn digest_of(about: &str, decision: &Decision) -> String {
    let mut lines = vec![about.to_owned()];
    for target in &decision.targets {
        let name = target.target.as_ref().map_or(0, |it| it.id.0);
        for (word, steps) in [("do", target.approved.steps()), ("hold", &target.held.steps)] {
            for step in steps {
                lines.push(format!("{name} {word} {step}"));
            }
        }
    }
    URL_SAFE_NO_PAD.encode(digest(&SHA256, lines.join("\n").as_bytes()))
}

/// Tells what passes of a plan from what passed of it before: the changes of a plan stay, and only a
/// decision makes more or fewer of them pass. Empty before the first.
pub fn plan_as_seen(plan: &Plan) -> String {
    plan.decided_at.map_or_else(String::new, |at| at.as_microsecond().to_string())
}

/// Fails where a plan is not as somebody saw it any more: it is over, it was made by other rules than
/// the ones of this `fingerprint`, or somebody decided over it meanwhile.
pub fn check(plan: &Plan, showed: &Showed, fingerprint: &str) -> Result<(), SyncError> {
    if !plan.status.is_open() {
        return Err(SyncError::Closed { plan: plan.id, status: plan.status });
    }
    if plan.fingerprint != fingerprint {
        return Err(SyncError::OtherRules { plan: plan.id });
    }
    // A decision lets other changes pass than were counted for whoever looked.
    if showed.seen != plan_as_seen(plan) {
        return Err(SyncError::DecidedSince { plan: plan.id });
    }
    Ok(())
}

/// Fails unless the run is to do what somebody saw, no more and no less.
pub(super) async fn be_as_seen(
    tx: &mut Tx,
    showed: &Showed,
    decision: &Decision,
    run: RunId,
    now: Timestamp,
) -> Result<(), SyncError> {
    let plan = showed.plan;
    let Some(found) = stored::lock(tx, plan, now).await? else {
        return Err(SyncError::Closed { plan, status: PlanStatus::Superseded });
    };
    check(&found, showed, &decision.fingerprint)?;
    let difference = plans::difference(tx, plan, decision).await?;
    if !difference.is_empty() {
        return Err(SyncError::Stale { plan, difference });
    }
    let message = format!("Run {run} applied exactly this.");
    stored::end(tx, plan, PlanStatus::Applied, &message).await?;
    Ok(())
}
