//! A database that is away for a while is no reason for a run to end, whatever it needs it for.

use std::time::{Duration, Instant};

use super::SyncError;
use crate::store::leases::{BEAT_EVERY, SILENCE_MAX};
use crate::target::TargetError;

const FIRST: Duration = Duration::from_millis(100);
const LONGEST: Duration = Duration::from_secs(1);

/// Asks again until the database answers, as long as nobody takes the run for dead. What is asked for
/// must change nothing before it fails.
pub(super) async fn patiently<T, Asking>(ask: impl Fn() -> Asking) -> Result<T, SyncError>
where
    Asking: Future<Output = Result<T, SyncError>>,
{
    // The last beat may be as old as that when the database goes away.
    let patience = SILENCE_MAX.saturating_sub(BEAT_EVERY);
    let (began, mut pause) = (Instant::now(), FIRST);
    loop {
        match ask().await {
            Err(error) if is_away(&error) && began.elapsed() < patience => {
                tokio::time::sleep(pause).await;
                pause = LONGEST.min(pause * 2);
            }
            done => return done,
        }
    }
}

fn is_away(error: &SyncError) -> bool {
    match error {
        SyncError::Store(error) | SyncError::Target(TargetError::Store(error)) => error.is_away(),
        SyncError::Target(
            TargetError::Unknown(_)
            | TargetError::Stale { .. }
            | TargetError::Conflict { .. }
            | TargetError::NoUsers
            | TargetError::Misfit { .. },
        )
        | SyncError::Source(_)
        | SyncError::Settings(_)
        | SyncError::Undo(_)
        | SyncError::Stale { .. }
        | SyncError::Closed { .. }
        | SyncError::OtherRules { .. }
        | SyncError::DecidedSince { .. }
        | SyncError::Stopped { .. }
        | SyncError::Lost(_)
        | SyncError::Broken => false,
    }
}
