//! What cannot be done without a change that is held back.

use std::collections::{BTreeMap, BTreeSet};

use crate::directory::Directory;
use crate::plan::{Change, Step};
use crate::principal::{ExternalId, Name};

/// Marks, beside the steps that are marked, all those that depend on them. What is left unmarked can
/// be applied alone.
pub(super) fn close(steps: &[Step], actual: &Directory, marks: &mut [bool]) {
    if !marks.contains(&true) {
        return;
    }
    mark_takers_of_kept_names(steps, marks);
    let held = steps.iter().zip(marks.iter()).filter(|(_, mark)| **mark);
    let dependants = Dependants::of(&held.map(|(step, _)| &step.change).collect::<Vec<_>>());
    for (step, mark) in steps.iter().zip(marks) {
        *mark = *mark || dependants.contains(&step.change, actual);
    }
}

/// A username stays taken where a rename is held back, followed to the end: whoever was to take such
/// a name is held back too, and keeps a name in turn.
fn mark_takers_of_kept_names(steps: &[Step], marks: &mut [bool]) {
    let mut takers: BTreeMap<&Name, (&Change, &mut bool)> = BTreeMap::new();
    let mut kept = Vec::new();
    for (step, mark) in steps.iter().zip(marks) {
        match &step.change {
            Change::Rename { user, to } => {
                if *mark {
                    kept.push(&user.username);
                }
                takers.insert(to, (&step.change, mark));
            }
            Change::Create { user } => {
                takers.insert(&user.username, (&step.change, mark));
            }
            Change::Reactivate { .. }
            | Change::Update { .. }
            | Change::CreateGroup { .. }
            | Change::AdoptGroup { .. }
            | Change::MakeLocal { .. }
            | Change::AddMember { .. }
            | Change::RemoveMember { .. }
            | Change::Deactivate { .. }
            | Change::Anonymise { .. }
            | Change::Remove { .. }
            | Change::RemoveGroup { .. } => {}
        }
    }
    while let Some(name) = kept.pop() {
        let Some((taker, mark)) = takers.get_mut(name).filter(|(_, mark)| !**mark) else {
            continue;
        };
        **mark = true;
        if let Change::Rename { user, .. } = taker {
            kept.push(&user.username);
        }
    }
}

struct Dependants {
    /// Nobody to add to a group.
    uncreated: BTreeSet<ExternalId>,
    /// No group to add to.
    unmade: BTreeSet<Name>,
    /// Still local.
    unadopted: BTreeSet<Name>,
    /// Somebody is still to come in, which nobody does once the group is local.
    unjoined: BTreeSet<Name>,
    /// Somebody is still in the group that was to go.
    unremoved: BTreeSet<ExternalId>,
    still_filled: BTreeSet<Name>,
}

impl Dependants {
    fn of(held: &[&Change]) -> Dependants {
        let (mut uncreated, mut unremoved) = (BTreeSet::new(), BTreeSet::new());
        let (mut unmade, mut still_filled) = (BTreeSet::new(), BTreeSet::new());
        let (mut unadopted, mut unjoined) = (BTreeSet::new(), BTreeSet::new());
        for change in held {
            match *change {
                Change::Create { user } => {
                    uncreated.insert(user.id.clone());
                }
                Change::CreateGroup { group } => {
                    unmade.insert(group.clone());
                }
                Change::AdoptGroup { group } => {
                    unadopted.insert(group.clone());
                }
                Change::Remove { user } => {
                    unremoved.insert(user.id.clone());
                }
                Change::RemoveMember { group, .. } => {
                    still_filled.insert(group.clone());
                }
                Change::AddMember { group, .. } => {
                    unjoined.insert(group.clone());
                }
                Change::Reactivate { .. }
                | Change::Rename { .. }
                | Change::Update { .. }
                | Change::MakeLocal { .. }
                | Change::Deactivate { .. }
                | Change::Anonymise { .. }
                | Change::RemoveGroup { .. } => {}
            }
        }
        Dependants { uncreated, unmade, unadopted, unjoined, unremoved, still_filled }
    }

    fn contains(&self, change: &Change, actual: &Directory) -> bool {
        match change {
            Change::AddMember { user, group } => {
                self.uncreated.contains(&user.id)
                    || self.unmade.contains(group)
                    || self.unadopted.contains(group)
            }
            Change::RemoveMember { group, .. } => self.unadopted.contains(group),
            Change::MakeLocal { group } => {
                self.unjoined.contains(group) || self.still_filled.contains(group)
            }
            Change::RemoveGroup { group } => {
                let stays = |member: &ExternalId| self.unremoved.contains(member);
                self.still_filled.contains(group)
                    || self.unadopted.contains(group)
                    || actual.groups.get(group).is_some_and(|members| members.iter().any(stays))
            }
            Change::Create { .. }
            | Change::Reactivate { .. }
            | Change::Rename { .. }
            | Change::Update { .. }
            | Change::CreateGroup { .. }
            | Change::AdoptGroup { .. }
            | Change::Deactivate { .. }
            | Change::Anonymise { .. }
            | Change::Remove { .. } => false,
        }
    }
}
