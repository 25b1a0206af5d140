//! A plan is made anew where a target moved on while the source was read.

use super::rulings::Rulings;
use super::{Decision, Event, Job, SyncError, forget, report, weigh};
use crate::run::recorder::Recorder;
use crate::store::directory::publish;
use crate::store::runs::RunId;
use crate::store::{Tx, singles};
use crate::target;

/// Plans anew for every target that moved on since it was read, because somebody was synced alone or
/// a local group was changed by hand.
///
/// Whoever was synced since the run began is left as they are: what was found then is newer than what
/// this run has read. Nothing else publishes without the lease.
pub(super) async fn renew(
    tx: &mut Tx,
    job: Job<'_>,
    run: RunId,
    decision: &mut Decision,
    recorder: &Recorder<'_>,
) -> Result<(), SyncError> {
    let Some(mut basis) = decision.basis.take() else { return Ok(()) };
    let (mut moved, mut is_by_hand) = (Vec::new(), false);
    for (at, it) in decision.targets.iter().enumerate() {
        let Some(target) = &it.target else { continue };
        let found = publish::lock(tx, target.id).await?;
        let singles = singles::since_begin_of(tx, target.id, run).await?;
        singles::forget_before(tx, target.id, run).await?;
        if found != Some(it.generation) || !singles.is_empty() {
            moved.push(at);
            is_by_hand |= singles.is_empty();
        }
        for id in singles {
            basis.desired.withhold(&id);
            basis.gone.remove(&id);
        }
    }
    if !moved.is_empty() {
        recorder.line(if is_by_hand {
            "A local group was changed by hand meanwhile: the plan is made anew."
        } else {
            "Somebody was synced alone meanwhile: they are left as they are, and the plan is made anew."
        });
    }
    // Whether the rules were tried was asked when the run began.
    let rulings = Rulings { rules: decision.rules, ..Rulings::of(&job.connector.settings)? };
    for at in moved {
        let Some(it) = decision.targets.get_mut(at) else { continue };
        let Some(target) = it.target.clone() else { continue };
        let actual = target::crowd::read_in(tx, target.id).await?;
        *it =
            weigh(&basis, Some(target), &actual, std::mem::take(&mut it.missing_unasked), &rulings);
        recorder.tell(&Event::Counts(report::counts_of(it)));
        forget(actual);
    }
    forget(basis);
    Ok(())
}
