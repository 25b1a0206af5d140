//! The data of an account: who lives in it, its roles and its groups.
//!
//! People are derived from the seed; only those that somebody edited are stored.

use std::{borrow::Cow, collections::BTreeMap, fmt};

use serde_json::{Map, Value};

use super::{
    people::{Data, Population},
    quirks::Stamp,
    user::{Moment, User},
};

#[derive(Debug, Clone)]
pub struct Role {
    pub id: i64,
    pub name: String,
    /// Ids of users, ascending.
    pub members: Vec<i64>,
}

#[derive(Debug, Clone)]
pub struct Group {
    pub id: i64,
    pub name: String,
}

#[derive(Debug, Clone)]
pub struct CustomAttribute {
    pub id: i64,
    pub name: String,
    pub shortname: String,
}

pub struct Tenant {
    population: Population,
    /// Ids of the users who exist, ascending.
    ids: Vec<i64>,
    edited: BTreeMap<i64, User>,
    roles: BTreeMap<i64, Role>,
    groups: BTreeMap<i64, Group>,
    custom_attributes: Vec<CustomAttribute>,
    last_user_id: i64,
    // Ids are never used twice, or a new role would find old members.
    last_role_id: i64,
    last_group_id: i64,
}

impl fmt::Debug for Tenant {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Tenant").field("population", &self.population).finish_non_exhaustive()
    }
}

/// Why a change of the tenant was refused.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refused(pub String);

impl fmt::Display for Refused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for Refused {}

impl Tenant {
    pub fn generate(population: &Population) -> Tenant {
        let population = *population;
        let mut tenant = Tenant {
            population,
            ids: (0..population.users).map(|it| population.id(it)).collect(),
            edited: BTreeMap::new(),
            roles: BTreeMap::new(),
            groups: BTreeMap::new(),
            custom_attributes: custom_attributes(),
            last_user_id: 100_000_000,
            last_role_id: 400_000,
            last_group_id: 470_000,
        };
        tenant.last_user_id = tenant.ids.last().copied().unwrap_or(tenant.last_user_id);
        for role in 0..population.roles {
            tenant.insert_role(Population::role_id(role), Population::role_name(role));
        }
        for group in 0..population.groups {
            tenant.insert_group(Population::group_id(group), Population::group_name(group));
        }
        tenant.enrol_everybody();
        tenant
    }

    /// Nobody and nothing, to be filled by hand.
    pub fn empty() -> Tenant {
        let data = Data::Clean;
        Tenant::generate(&Population {
            users: 0,
            roles: 0,
            groups: 0,
            roles_per_user: 0,
            seed: 0,
            data,
        })
    }

    fn enrol_everybody(&mut self) {
        for person in 0..self.population.users {
            let id = self.population.id(person);
            for role in self.population.roles_of(person) {
                if let Some(role) = self.roles.get_mut(&role) {
                    role.members.push(id);
                }
            }
        }
        for role in self.roles.values_mut() {
            role.members.shrink_to_fit();
        }
    }

    pub fn account_id(&self) -> i64 {
        123_456
    }

    /// Ascending.
    pub fn user_ids(&self) -> &[i64] {
        &self.ids
    }

    pub fn roles(&self) -> &BTreeMap<i64, Role> {
        &self.roles
    }

    pub fn groups(&self) -> &BTreeMap<i64, Group> {
        &self.groups
    }

    pub fn custom_attributes(&self) -> &[CustomAttribute] {
        &self.custom_attributes
    }

    pub fn user(&self, id: i64) -> Option<Cow<'_, User>> {
        if let Some(user) = self.edited.get(&id) {
            return Some(Cow::Borrowed(user));
        }
        self.ids.binary_search(&id).ok()?;
        let mut user = self.population.user(self.population.person(id)?);
        user.role_ids.retain(|it| self.roles.contains_key(it));
        user.group_id = user.group_id.filter(|it| self.groups.contains_key(it));
        Some(Cow::Owned(user))
    }

    /// Without making up the rest of the person: filters ask this of everybody.
    pub(super) fn group_of(&self, id: i64) -> Option<i64> {
        let group = match (self.edited.get(&id), self.population.person(id)) {
            (Some(user), _) => user.group_id,
            (None, Some(person)) => self.population.group_of(person),
            (None, None) => None,
        };
        group.filter(|it| self.groups.contains_key(it))
    }

    pub(super) fn updated_at(&self, id: i64) -> Option<Moment> {
        match self.edited.get(&id) {
            Some(user) => user.updated_at,
            None => self.population.person(id).map(|it| self.population.updated_at(it)),
        }
    }

    /// The id is chosen when the given one is 0.
    pub fn create_user(&mut self, user: User, now: Moment) -> Result<i64, Refused> {
        let id = if user.id == 0 { self.last_user_id.saturating_add(3) } else { user.id };
        let Err(place) = self.ids.binary_search(&id) else {
            return Err(Refused(format!("user {id} exists already")));
        };
        let created = User {
            id,
            created_at: user.created_at.or(Some(now)),
            updated_at: user.updated_at.or(Some(now)),
            ..user
        };
        self.check_references(&created)?;
        self.ids.insert(place, id);
        self.last_user_id = self.last_user_id.max(id);
        self.store(created);
        Ok(id)
    }

    /// Sets the named fields; `updated_at` moves unless it is one of them.
    pub fn update_user(
        &mut self,
        id: i64,
        set: &Map<String, Value>,
        now: Moment,
        role_change: Stamp,
        group_change: Stamp,
    ) -> Result<(), Refused> {
        let before = self.user(id).ok_or_else(|| no_user(id))?.into_owned();
        let mut user = merged(&before, set)?;
        user.id = id;
        self.check_references(&user)?;
        if !set.contains_key("updated_at") && bumps(set, role_change, group_change) {
            user.updated_at = Some(now);
        }
        self.leave_roles(id, &before.role_ids);
        self.store(user);
        Ok(())
    }

    pub fn delete_user(&mut self, id: i64) -> Result<(), Refused> {
        let place = self.ids.binary_search(&id).map_err(|_| no_user(id))?;
        let roles = self.user(id).map(|it| it.role_ids.clone()).unwrap_or_default();
        self.leave_roles(id, &roles);
        self.ids.remove(place);
        self.edited.remove(&id);
        Ok(())
    }

    /// The id is chosen when none is given.
    pub fn create_role(&mut self, id: Option<i64>, name: &str) -> Result<i64, Refused> {
        let id = id.unwrap_or(self.last_role_id.saturating_add(13));
        if self.roles.contains_key(&id) {
            return Err(Refused(format!("role {id} exists already")));
        }
        self.insert_role(id, name.to_owned());
        Ok(id)
    }

    pub fn rename_role(&mut self, id: i64, name: &str) -> Result<(), Refused> {
        let role = self.roles.get_mut(&id).ok_or_else(|| no_role(id))?;
        name.clone_into(&mut role.name);
        Ok(())
    }

    pub fn delete_role(&mut self, id: i64) -> Result<(), Refused> {
        self.roles.remove(&id).ok_or_else(|| no_role(id))?;
        for user in self.edited.values_mut() {
            user.role_ids.retain(|it| *it != id);
        }
        Ok(())
    }

    /// From the role's side: OneLogin answers 200 and drops people who cannot keep roles.
    pub fn add_role_member(
        &mut self,
        role: i64,
        user: i64,
        now: Moment,
        stamp: Stamp,
    ) -> Result<(), Refused> {
        let mut changed = self.member(role, user)?;
        if !changed.keeps_roles() || changed.role_ids.contains(&role) {
            return Ok(());
        }
        changed.role_ids.push(role);
        changed.role_ids.sort_unstable();
        self.store_stamped(changed, now, stamp);
        Ok(())
    }

    pub fn remove_role_member(
        &mut self,
        role: i64,
        user: i64,
        now: Moment,
        stamp: Stamp,
    ) -> Result<(), Refused> {
        let mut changed = self.member(role, user)?;
        self.leave_roles(user, &[role]);
        changed.role_ids.retain(|it| *it != role);
        self.store_stamped(changed, now, stamp);
        Ok(())
    }

    pub fn create_group(&mut self, id: Option<i64>, name: &str) -> Result<i64, Refused> {
        let id = id.unwrap_or(self.last_group_id.saturating_add(11));
        if self.groups.contains_key(&id) {
            return Err(Refused(format!("group {id} exists already")));
        }
        self.insert_group(id, name.to_owned());
        Ok(id)
    }

    pub fn rename_group(&mut self, id: i64, name: &str) -> Result<(), Refused> {
        let group = self.groups.get_mut(&id).ok_or_else(|| no_group(id))?;
        name.clone_into(&mut group.name);
        Ok(())
    }

    pub fn delete_group(&mut self, id: i64) -> Result<(), Refused> {
        self.groups.remove(&id).ok_or_else(|| no_group(id))?;
        for user in self.edited.values_mut().filter(|it| it.group_id == Some(id)) {
            user.group_id = None;
        }
        Ok(())
    }

    fn insert_role(&mut self, id: i64, name: String) {
        self.last_role_id = self.last_role_id.max(id);
        self.roles.insert(id, Role { id, name, members: Vec::new() });
    }

    fn insert_group(&mut self, id: i64, name: String) {
        self.last_group_id = self.last_group_id.max(id);
        self.groups.insert(id, Group { id, name });
    }

    fn member(&self, role: i64, user: i64) -> Result<User, Refused> {
        if !self.roles.contains_key(&role) {
            return Err(no_role(role));
        }
        Ok(self.user(user).ok_or_else(|| no_user(user))?.into_owned())
    }

    fn store_stamped(&mut self, mut user: User, now: Moment, stamp: Stamp) {
        match stamp {
            Stamp::Bumped => user.updated_at = Some(now),
            Stamp::Kept => {}
        }
        self.store(user);
    }

    fn store(&mut self, mut user: User) {
        user.role_ids.sort_unstable();
        user.role_ids.dedup();
        for role in &user.role_ids {
            if let Some(role) = self.roles.get_mut(role)
                && let Err(place) = role.members.binary_search(&user.id)
            {
                role.members.insert(place, user.id);
            }
        }
        self.edited.insert(user.id, user);
    }

    fn leave_roles(&mut self, user: i64, roles: &[i64]) {
        for role in roles {
            if let Some(role) = self.roles.get_mut(role)
                && let Ok(place) = role.members.binary_search(&user)
            {
                role.members.remove(place);
            }
        }
    }

    fn check_references(&self, user: &User) -> Result<(), Refused> {
        if let Some(role) = user.role_ids.iter().find(|it| !self.roles.contains_key(it)) {
            return Err(no_role(*role));
        }
        match user.group_id.filter(|it| !self.groups.contains_key(it)) {
            Some(group) => Err(no_group(group)),
            None => Ok(()),
        }
    }
}

fn merged(before: &User, set: &Map<String, Value>) -> Result<User, Refused> {
    let unreadable = |error: serde_json::Error| Refused(format!("not a user: {error}"));
    let mut value = serde_json::to_value(before).map_err(unreadable)?;
    if let Some(fields) = value.as_object_mut() {
        fields.extend(set.clone());
    }
    serde_json::from_value(value).map_err(unreadable)
}

fn bumps(set: &Map<String, Value>, role_change: Stamp, group_change: Stamp) -> bool {
    set.keys().any(|name| match name.as_str() {
        "role_ids" => role_change == Stamp::Bumped,
        "group_id" => group_change == Stamp::Bumped,
        _ => true,
    })
}

fn no_user(id: i64) -> Refused {
    Refused(format!("there is no user {id}"))
}

fn no_role(id: i64) -> Refused {
    Refused(format!("there is no role {id}"))
}

fn no_group(id: i64) -> Refused {
    Refused(format!("there is no group {id}"))
}

fn custom_attributes() -> Vec<CustomAttribute> {
    [(106_606, "Cost centre", "costcenter"), (106_607, "Nickname", "nick")]
        .map(|(id, name, shortname)| CustomAttribute {
            id,
            name: name.to_owned(),
            shortname: shortname.to_owned(),
        })
        .into()
}
