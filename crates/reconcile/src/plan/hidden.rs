//! On whom new rules could not decide, so that what they take away later is asked about.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;

use super::leavers::Leaving;
use super::{Absence, Case, Memory, Step};
use crate::principal::ExternalId;

/// People with an account of whom nothing could be decided while the rules were new, and has not been
/// since: they were odd or passed over, an expression failed at them, or they are protected.
///
/// Whoever can be decided on is forgotten once there is nothing to take from them.
pub(super) fn from_new_rules(
    case: &Case<'_>,
    leaving: &Leaving,
    memory: &Memory,
    steps: &[Step],
) -> BTreeMap<ExternalId, Timestamp> {
    let Case { desired, actual, gone, past, frozen, .. } = *case;
    let before = &past.memory.hidden;
    let now = past.now_by_new_rules();
    if before.is_empty() && now.is_none() {
        return BTreeMap::new();
    }
    let passed_over = gone.iter().filter(|(id, absence)| match absence {
        Absence::Present => !desired.knows(id),
        Absence::Gone | Absence::OutOfScope(_) | Absence::Inactive(_) => false,
    });
    let undecided: BTreeSet<&ExternalId> = desired
        .withheld
        .iter()
        .chain(passed_over.map(|(id, _)| id))
        .chain(&leaving.undecided)
        .chain(frozen)
        .filter(|id| actual.users.contains_key(*id))
        .collect();
    let mut hidden = BTreeMap::new();
    if let Some(now) = now {
        let since = |id: &ExternalId| before.get(id).copied().unwrap_or(now);
        hidden.extend(undecided.iter().map(|id| (ExternalId::clone(id), since(id))));
    }
    if before.is_empty() {
        return hidden;
    }
    let losses = steps.iter().filter(|step| step.change.takes_something());
    let losing: BTreeSet<&ExternalId> =
        losses.filter_map(|step| step.change.user().map(|user| &user.id)).collect();
    let is_decided = |id: &ExternalId| {
        let is_absent = matches!(gone.get(id), Some(Absence::Gone | Absence::OutOfScope(_)));
        !undecided.contains(id) && (desired.directory.users.contains_key(id) || is_absent)
    };
    let is_open = |id: &ExternalId| {
        !is_decided(id) || losing.contains(id) || memory.suspected.contains_key(id)
    };
    let still = before.iter().filter(|(id, _)| actual.users.contains_key(*id) && is_open(id));
    hidden.extend(still.map(|(id, since)| (id.clone(), *since)));
    hidden
}
