//! The users, groups and memberships of one side.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use crate::principal::{ExternalId, Name, User};

/// The users, groups and memberships of one side: what should be, or what is.
///
/// Every member of a group is a user of the directory, and no two users share a username.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Directory {
    pub users: BTreeMap<ExternalId, Arc<User>>,
    /// Groups without members are entries like any other.
    pub groups: BTreeMap<Name, BTreeSet<ExternalId>>,
    /// Those of the groups that somebody made by hand. They are not ours to change.
    pub local: BTreeSet<Name>,
}

impl Directory {
    pub fn memberships(&self) -> usize {
        self.groups.values().map(BTreeSet::len).sum()
    }

    pub fn active_users(&self) -> usize {
        self.users.values().filter(|user| user.active).count()
    }

    pub fn is_member(&self, group: &Name, user: &ExternalId) -> bool {
        self.groups.get(group).is_some_and(|members| members.contains(user))
    }
}
