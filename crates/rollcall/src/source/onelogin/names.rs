//! The names of roles and groups, by their ids.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use serde::Deserialize;

use super::api::{CallError, Endpoint, Odd, Session};
use super::pages::{List, incomplete};
use super::pages_v1::End;
use super::refusal::Refusal;
use super::report::Progress;
use super::wire::{self, NameRow};
use crate::http::Reply;

/// Names change rarely. An id without a name makes us ask again at once.
const AGE_MAX: Duration = Duration::from_hours(24);

/// Ids that are asked for one by one, where the list does not name them.
const LOOKUPS_MAX: usize = 20;

const ROLE_PAGE_SIZES: &[usize] = &[650, 100, 50];
const GROUP_PAGE_SIZES: &[usize] = &[100, 50];

/// Roles or groups: what carries an id in a user's row.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Kind {
    Role,
    Group,
}

impl Kind {
    pub(super) fn word(self) -> &'static str {
        match self {
            Kind::Role => "role",
            Kind::Group => "group",
        }
    }

    pub(super) fn plural(self) -> &'static str {
        match self {
            Kind::Role => "roles",
            Kind::Group => "groups",
        }
    }
}

/// One list of names. An entry without a name exists, but OneLogin tells no name.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Names {
    by_id: BTreeMap<u64, Option<Box<str>>>,
    /// Whose name another one has, too.
    shared: BTreeSet<u64>,
}

impl Names {
    fn new(by_id: BTreeMap<u64, Option<Box<str>>>) -> Names {
        let mut ids: BTreeMap<&str, Vec<u64>> = BTreeMap::new();
        for (id, name) in &by_id {
            if let Some(name) = name {
                ids.entry(name).or_default().push(*id);
            }
        }
        let shared = ids.into_values().filter(|it| 1 < it.len()).flatten().collect();
        Names { by_id, shared }
    }

    pub(super) fn get(&self, id: u64) -> Option<&str> {
        self.by_id.get(&id)?.as_deref()
    }

    pub(super) fn knows(&self, id: u64) -> bool {
        self.by_id.contains_key(&id)
    }

    /// Whether the name alone does not tell which one is meant.
    pub(super) fn is_shared(&self, id: u64) -> bool {
        self.shared.contains(&id)
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = (u64, &str)> {
        self.by_id.iter().filter_map(|(id, name)| Some((*id, name.as_deref()?)))
    }

    /// Those without a name, too.
    pub(super) fn all(&self) -> impl Iterator<Item = (u64, Option<&str>)> {
        self.by_id.iter().map(|(id, name)| (*id, name.as_deref()))
    }

    pub(super) fn len(&self) -> usize {
        self.by_id.len()
    }

    fn of(rows: &[NameRow]) -> Result<Names, CallError> {
        let mut names = BTreeMap::new();
        for NameRow { id, name } in rows {
            let id = id.ok_or_else(|| incomplete("A role or group came without an id."))?;
            names.insert(id, name.clone());
        }
        Ok(Names::new(names))
    }
}

impl FromIterator<(u64, Option<Box<str>>)> for Names {
    fn from_iter<T: IntoIterator<Item = (u64, Option<Box<str>>)>>(names: T) -> Names {
        Names::new(names.into_iter().collect())
    }
}

/// What is asked for one id came to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Looked {
    Named(Box<str>),
    /// It exists, without a name that can be shown.
    Nameless,
    /// OneLogin does not know the id: the role or group was deleted.
    Gone,
}

impl Session<'_> {
    /// The names, from the memory of this process where they are young enough.
    pub(super) async fn names(self, kind: Kind) -> Result<Arc<Names>, CallError> {
        match self.api.shared.names(kind.plural(), AGE_MAX) {
            Some(names) => Ok(names),
            None => self.names_anew(kind).await,
        }
    }

    pub(super) async fn names_anew(self, kind: Kind) -> Result<Arc<Names>, CallError> {
        let names = match kind {
            Kind::Role => self.role_names().await?,
            Kind::Group => self.group_names().await?,
        };
        let names = Arc::new(names);
        self.api.shared.remember_names(kind.plural(), names.clone());
        (self.progress)(Progress::Names { what: kind.plural(), names: names.len() });
        Ok(names)
    }

    async fn role_names(self) -> Result<Names, CallError> {
        let list = List {
            endpoint: Endpoint::Roles,
            path: "/api/2/roles".to_owned(),
            query: "fields=id,name".to_owned(),
            sizes: ROLE_PAGE_SIZES,
            decode: wire::rows::<NameRow>,
            is_told: false,
        };
        let mut rows = Vec::new();
        let refused = match self.all(&list, &mut rows).await {
            Ok(_) => return Names::of(&rows),
            Err(CallError::Refused(endpoint, refusal)) if may_exist_elsewhere(&refusal) => {
                CallError::Refused(endpoint, refusal)
            }
            Err(error) => return Err(error),
        };
        let mut rows = Vec::new();
        let v1 = self.all_v1(Endpoint::RolesV1, "/api/1/roles", End::Believed, &mut rows).await;
        match v1 {
            Ok(_) => Names::of(&rows),
            // The first refusal is of the way that usually works.
            Err(CallError::Refused(..)) => Err(refused),
            Err(error) => Err(error),
        }
    }

    async fn group_names(self) -> Result<Names, CallError> {
        let mut rows = Vec::new();
        let v1 = self.all_v1(Endpoint::Groups, "/api/1/groups", End::Believed, &mut rows).await;
        let refused = match v1 {
            Ok(_) => return Names::of(&rows),
            Err(CallError::Refused(endpoint, refusal)) if may_exist_elsewhere(&refusal) => {
                CallError::Refused(endpoint, refusal)
            }
            Err(error) => return Err(error),
        };
        let list = List {
            endpoint: Endpoint::GroupsV2,
            path: "/api/2/groups".to_owned(),
            query: String::new(),
            sizes: GROUP_PAGE_SIZES,
            decode: wire::rows::<NameRow>,
            is_told: false,
        };
        let mut rows = Vec::new();
        match self.all(&list, &mut rows).await {
            Ok(_) => Names::of(&rows),
            Err(CallError::Refused(..)) => Err(refused),
            Err(error) => Err(error),
        }
    }

    /// Asks for ids that the list does not name, one by one. Too many of them mean that the list
    /// cannot be trusted.
    pub(super) async fn look_up(
        self,
        kind: Kind,
        ids: &BTreeSet<u64>,
    ) -> Result<BTreeMap<u64, Looked>, CallError> {
        if LOOKUPS_MAX < ids.len() {
            return Err(incomplete(format!(
                "The list of {} does not name {} of those that people have.",
                kind.plural(),
                ids.len()
            )));
        }
        // A version of the API that is not there says 404 of everything.
        let is_served = self.api.answered().contains(&match kind {
            Kind::Role => Endpoint::Roles,
            Kind::Group => Endpoint::Groups,
        });
        let mut looked = BTreeMap::new();
        for id in ids {
            let (endpoint, path) = match kind {
                Kind::Role => (Endpoint::Role, format!("/api/2/roles/{id}")),
                Kind::Group => (Endpoint::Group, format!("/api/1/groups/{id}")),
            };
            let found = match self.get(endpoint, &path, |reply| one(reply, *id)).await {
                Ok(Some(name)) => Looked::Named(name),
                Ok(None) => Looked::Nameless,
                Err(CallError::Refused(_, refusal)) if refusal.status == 404 && is_served => {
                    Looked::Gone
                }
                Err(CallError::Refused(_, refusal)) if refusal.status == 404 => Looked::Nameless,
                Err(error) => return Err(error),
            };
            looked.insert(*id, found);
        }
        Ok(looked)
    }
}

/// Whether the other version of the API may know what this one refuses.
fn may_exist_elsewhere(refusal: &Refusal) -> bool {
    matches!(refusal.status, 401 | 403 | 404 | 405 | 410) && refusal.page_title.is_none()
}

/// One role or group, bare or in an envelope.
fn one(reply: &Reply, id: u64) -> Result<Option<Box<str>>, Odd> {
    #[derive(Deserialize)]
    #[serde(untagged)]
    enum Body {
        Enveloped { data: (NameRow,) },
        Bare(NameRow),
    }
    let body: Body = serde_json::from_slice(&reply.body)
        .map_err(|_| Odd::new("did not bring a role or group in JSON"))?;
    let (Body::Enveloped { data: (row,) } | Body::Bare(row)) = body;
    if row.id != Some(id) {
        return Err(Odd::new("brought another role or group than we asked for"));
    }
    Ok(row.name)
}
