//! When a connector runs by itself, as `connector show` tells it.

use crate::notation::schedule::told;
use crate::store::connectors::settings::schedule::ScheduleSettings;

/// `catches up for 6h, moved by up to 2m, pauses after 5 failures`
pub(super) fn terms(settings: &ScheduleSettings) -> String {
    let ScheduleSettings { catch_up_minutes, jitter_seconds, pause_after_failures, .. } = settings;
    let mut parts = vec![format!("catches up for {}", told(catch_up_minutes * 60))];
    if 0 < *jitter_seconds {
        parts.push(format!("moved by up to {}", told(*jitter_seconds)));
    }
    if 0 < *pause_after_failures {
        parts.push(format!("pauses after {pause_after_failures} failures in a row"));
    }
    parts.join(", ")
}
