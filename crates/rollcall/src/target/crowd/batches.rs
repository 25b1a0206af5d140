//! The changes of a plan, sorted by the statement that makes them.
//!
//! A publication is one transaction, so the order of a plan matters only within one kind.

use std::collections::BTreeSet;

use reconcile::plan::Change;
use reconcile::principal::{ExternalId, Name, User};

use crate::store::directory::events::Aspect;

#[derive(Default)]
pub(super) struct Batches<'a> {
    pub(super) created: Vec<&'a User>,
    pub(super) renamed: Vec<(&'a User, &'a Name)>,
    pub(super) updated: Vec<&'a User>,
    /// Somebody has an attribute no more, which news can only tell as a new value.
    pub(super) lost_attributes: bool,
    /// Reactivated and deactivated.
    pub(super) switched: Vec<(&'a User, bool)>,
    pub(super) created_groups: Vec<&'a Name>,
    pub(super) adopted_groups: Vec<&'a Name>,
    /// Those that are local again.
    pub(super) local_groups: Vec<&'a Name>,
    pub(super) joins: Vec<(&'a Name, &'a ExternalId)>,
    pub(super) leaves: Vec<(&'a Name, &'a ExternalId)>,
    pub(super) removed: Vec<&'a User>,
    pub(super) removed_groups: Vec<&'a Name>,
}

impl<'a> Batches<'a> {
    pub(super) fn sort(changes: impl Iterator<Item = &'a Change>) -> Batches<'a> {
        let mut batches = Batches::default();
        for change in changes {
            batches.take(change);
        }
        batches
    }

    fn take(&mut self, change: &'a Change) {
        match change {
            Change::Create { user } => self.created.push(user),
            Change::Reactivate { user } => self.switched.push((user, true)),
            Change::Rename { user, to } => self.renamed.push((user, to)),
            Change::Update { before, after } => {
                let is_lost = |name: &str| after.attributes.get(name).is_none();
                self.lost_attributes |= before.attributes.iter().any(|(name, _)| is_lost(name));
                self.updated.push(after);
            }
            Change::CreateGroup { group } => self.created_groups.push(group),
            Change::AdoptGroup { group } => self.adopted_groups.push(group),
            Change::MakeLocal { group } => self.local_groups.push(group),
            Change::AddMember { group, user } => self.joins.push((group, &user.id)),
            Change::RemoveMember { group, user } => self.leaves.push((group, &user.id)),
            Change::Deactivate { user } => self.switched.push((user, false)),
            Change::Anonymise { before, after } => {
                self.updated.push(after);
                if before.active {
                    self.switched.push((before, false));
                }
                if before.username != after.username {
                    self.renamed.push((before, &after.username));
                }
            }
            Change::Remove { user } => self.removed.push(user),
            Change::RemoveGroup { group } => self.removed_groups.push(group),
        }
    }

    pub(super) fn changes(&self) -> usize {
        let users = self.created.len()
            + self.renamed.len()
            + self.updated.len()
            + self.switched.len()
            + self.removed.len();
        let groups = self.created_groups.len()
            + self.adopted_groups.len()
            + self.local_groups.len()
            + self.removed_groups.len();
        users + groups + self.joins.len() + self.leaves.len()
    }

    pub(super) fn created_usernames(&self) -> Vec<&'a Name> {
        self.created.iter().map(|user| &user.username).collect()
    }

    /// Whether somebody gets the username of somebody who goes.
    pub(super) fn reuse_a_username(&self) -> bool {
        let freed: BTreeSet<&Name> = self.removed.iter().map(|user| &user.username).collect();
        self.created.iter().any(|user| freed.contains(&user.username))
    }

    /// The users whom the log has to name, where nobody is renamed.
    pub(super) fn users_told(&self) -> Vec<(Aspect, &'a ExternalId)> {
        let switched = self.switched.iter().map(|(user, _)| user);
        let users = self.created.iter().chain(&self.updated).chain(switched).chain(&self.removed);
        let moved = self.joins.iter().chain(&self.leaves).map(|(_, id)| *id);
        let users = users.map(|user| (Aspect::Person, &user.id));
        users.chain(moved.map(|id| (Aspect::Memberships, id))).collect()
    }

    /// Products do not see who decides over a group, so that is no news to them.
    pub(super) fn groups_told(&self) -> Vec<&'a Name> {
        self.created_groups.iter().chain(&self.removed_groups).copied().collect()
    }
}
