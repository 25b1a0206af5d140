//! On whom a plan could not decide, so that what new rules take away from them later is asked about.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;

use super::leavers::Leaving;
use super::{Absence, Case, Memory, Step};
use crate::principal::ExternalId;

/// People with an account of whom not everything could be decided: they are odd or were passed over, are
/// inactive by the answer about their id, which says nothing of their groups or of who takes part, an
/// expression failed at them, a group of theirs has no usable name or is assigned by what the source does not
/// tell, or they are protected.
pub(super) fn undecided(case: &Case<'_>, leaving: &Leaving) -> BTreeSet<ExternalId> {
    let Case { desired, actual, gone, frozen, .. } = *case;
    let unclear = gone.iter().filter(|(id, absence)| match absence {
        Absence::Present | Absence::Inactive(_) => !desired.knows(id),
        Absence::Gone | Absence::OutOfScope(_) => false,
    });
    let people = desired
        .withheld
        .iter()
        .chain(unclear.map(|(id, _)| id))
        .chain(&leaving.undecided)
        .chain(&desired.unnamed)
        .chain(
            desired
                .unsettled
                .iter()
                .flat_map(|(group, people)| people.iter().filter(|id| actual.is_member(group, id))),
        )
        .chain(frozen);
    people.filter(|id| actual.users.contains_key(*id)).cloned().collect()
}

/// Who was undecided while the rules were new, and has not been decided on since.
///
/// Whoever can be decided on is forgotten once there is nothing to take from them.
pub(super) fn from_new_rules(
    case: &Case<'_>,
    undecided: &BTreeSet<ExternalId>,
    memory: &Memory,
    steps: &[Step],
) -> BTreeMap<ExternalId, Timestamp> {
    let Case { desired, actual, gone, past, .. } = *case;
    let before = &past.memory.hidden;
    let now = past.now_by_new_rules();
    if before.is_empty() && now.is_none() {
        return BTreeMap::new();
    }
    let mut hidden = BTreeMap::new();
    if let Some(now) = now {
        let since = |id: &ExternalId| before.get(id).copied().unwrap_or(now);
        hidden.extend(undecided.iter().map(|id| (id.clone(), since(id))));
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
