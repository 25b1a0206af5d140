//! What targets hold already, for rules that look at it and for keys that are not the source's id.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::directory::Directory;
use crate::principal::{ExternalId, User};

/// The accounts of all targets. Where several targets hold a person, the first counts.
#[derive(Clone, Debug, Default)]
pub struct Existing<'a> {
    directories: Vec<&'a Directory>,
    /// Accounts whose key is not the source's id, by that id.
    by_source: BTreeMap<&'a ExternalId, &'a ExternalId>,
}

impl<'a> Existing<'a> {
    pub fn of(directories: impl IntoIterator<Item = &'a Directory>) -> Existing<'a> {
        let directories: Vec<&Directory> = directories.into_iter().collect();
        let mut by_source = BTreeMap::new();
        for directory in &directories {
            for (id, user) in &directory.users {
                if let Some(source) = &user.source_id {
                    by_source.entry(source).or_insert(id);
                }
            }
        }
        Existing { directories, by_source }
    }

    pub fn account(&self, id: &ExternalId) -> Option<&'a Arc<User>> {
        self.directories.iter().find_map(|directory| directory.users.get(id))
    }

    /// Whether there is a directory without an account of that key.
    pub fn lacks(&self, id: &ExternalId) -> bool {
        let holds = |directory: &&Directory| directory.users.contains_key(id);
        self.directories.is_empty() || !self.directories.iter().all(holds)
    }

    /// The key of the account of somebody, by the source's id.
    pub fn of_source(&self, source: &ExternalId) -> Option<&'a ExternalId> {
        let by_source = self.by_source.get(source).copied();
        by_source.or_else(|| {
            let user = self.account(source)?;
            // An account under that id may be somebody else's key by chance.
            user.source_id.is_none().then_some(&user.id)
        })
    }
}
