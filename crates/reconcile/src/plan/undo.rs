//! The way back: what takes back the changes of a past run, and what cannot be taken back.
//!
//! A change is taken back only where everything is still as the change left it: whatever somebody
//! or a later run has changed since stays.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::{Change, Differences, Memory, Plan, Policy, Reason, Stages, Step};
use crate::directory::Directory;
use crate::finding::{Finding, FindingKind};
use crate::principal::{Attributes, ExternalId, Name, User};

/// One change that a run made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Done {
    pub change: Change,
    /// The groups that somebody was in who was removed.
    pub groups: Vec<Name>,
}

/// The way back from what a run did.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Undo {
    pub plan: Plan,
    /// What stays as it is, and why.
    pub findings: Vec<Finding>,
    /// The places, among what was done, of the changes that the plan takes back.
    pub undone: BTreeSet<usize>,
}

/// Plans the way back. `run` names the run in the reasons: `run 12`.
pub fn undo(done: &[Done], actual: &Directory, policy: &Policy, run: &str) -> Undo {
    let mut way = Way {
        actual,
        policy,
        reason: Reason::Undone(run.into()),
        usernames: Usernames::of(done, actual),
        returning: BTreeMap::new(),
        leaving: BTreeSet::new(),
        returning_groups: BTreeSet::new(),
        left: BTreeMap::new(),
        stages: Stages::default(),
        findings: Vec::new(),
        undone: BTreeSet::new(),
    };
    // Who and what is there decides which memberships there can be, and those which groups are empty.
    for (place, done) in done.iter().enumerate() {
        way.lost_group(place, done);
    }
    for (place, done) in done.iter().enumerate() {
        way.person(place, done);
    }
    for (place, done) in done.iter().enumerate() {
        way.membership(place, done);
    }
    for (place, done) in done.iter().enumerate() {
        way.made_group(place, done);
    }
    for (place, done) in done.iter().enumerate() {
        way.whose_group(place, done);
    }
    let Way { stages, findings, undone, .. } = way;
    // No source was read, so nobody can be missing from it.
    let people = actual.active_users().max(1);
    let (memory, undecided) = (Memory::default(), BTreeSet::new());
    let plan = Plan { steps: stages.in_order(), people, memory, undecided };
    Undo { plan, findings, undone }
}

struct Way<'a> {
    actual: &'a Directory,
    policy: &'a Policy,
    reason: Reason,
    usernames: Usernames,
    /// Accounts that are made again.
    returning: BTreeMap<ExternalId, Arc<User>>,
    /// Accounts that are removed, with their memberships.
    leaving: BTreeSet<ExternalId>,
    returning_groups: BTreeSet<Name>,
    /// How many members each group loses.
    left: BTreeMap<Name, BTreeSet<ExternalId>>,
    stages: Stages,
    findings: Vec<Finding>,
    undone: BTreeSet<usize>,
}

impl Way<'_> {
    fn step(&self, change: Change) -> Step {
        Step { change, reason: self.reason.clone() }
    }

    fn lost_group(&mut self, place: usize, done: &Done) {
        let Change::RemoveGroup { group } = &done.change else { return };
        if self.actual.groups.contains_key(group) || !self.may_touch(&done.change, group) {
            return;
        }
        self.returning_groups.insert(group.clone());
        self.stages.new_groups.push(self.step(Change::CreateGroup { group: group.clone() }));
        self.undone.insert(place);
    }

    /// Whatever is about an account alone.
    fn person(&mut self, place: usize, done: &Done) {
        match &done.change {
            Change::Create { user } => {
                let Some(now) = self.somebody(user) else {
                    return self.spare(&done.change, user);
                };
                self.leaving.insert(user.id.clone());
                self.stages.removals.push(self.step(Change::Remove { user: now }));
            }
            Change::Rename { user, to } => {
                let Some(now) = self.somebody(user) else {
                    return self.gone_since(&done.change, user);
                };
                if !now.username.same_spelling(to) {
                    if !now.username.same_spelling(&user.username) {
                        self.keep(&done.change, &now, "the username was changed since");
                    }
                    return;
                }
                if !self.rename(&done.change, &now) {
                    return;
                }
            }
            Change::Update { before, after } => {
                let Some(now) = self.somebody(before) else {
                    return self.gone_since(&done.change, before);
                };
                if !self.profile(&done.change, before, after, &now) {
                    return;
                }
            }
            Change::Reactivate { user } => {
                let Some(now) = self.somebody(user) else {
                    return self.gone_since(&done.change, user);
                };
                if !now.active {
                    return;
                }
                self.stages.deactivations.push(self.step(Change::Deactivate { user: now }));
            }
            Change::Deactivate { user } => {
                let Some(now) = self.somebody(user) else {
                    return self.gone_since(&done.change, user);
                };
                if now.active {
                    return;
                }
                self.stages.users.push(self.step(Change::Reactivate { user: now }));
            }
            Change::Anonymise { before, after } => {
                let Some(now) = self.somebody(before) else {
                    return self.gone_since(&done.change, before);
                };
                if !self.restore(&done.change, before, after, &now) {
                    return;
                }
            }
            Change::Remove { user } => {
                if !self.make_again(done, user) {
                    return;
                }
            }
            Change::CreateGroup { .. }
            | Change::AdoptGroup { .. }
            | Change::MakeLocal { .. }
            | Change::AddMember { .. }
            | Change::RemoveMember { .. }
            | Change::RemoveGroup { .. } => return,
        }
        self.undone.insert(place);
    }

    fn membership(&mut self, place: usize, done: &Done) {
        match &done.change {
            Change::AddMember { group, user } => {
                let is_member = self.actual.is_member(group, &user.id);
                if !is_member || !self.may_touch(&done.change, group) {
                    return;
                }
                if !self.leaving.contains(&user.id) {
                    let Some(now) = self.somebody(user) else {
                        return self.spare(&done.change, user);
                    };
                    let change = Change::RemoveMember { group: group.clone(), user: now };
                    self.stages.leaves.push(self.step(change));
                }
                self.left.entry(group.clone()).or_default().insert(user.id.clone());
            }
            Change::RemoveMember { group, user } => {
                if self.actual.is_member(group, &user.id) || !self.may_touch(&done.change, group) {
                    return;
                }
                let returning = self.returning.get(&user.id).cloned();
                let Some(now) = returning.or_else(|| self.somebody(user)) else {
                    return self.gone_since(&done.change, user);
                };
                if !self.add(&done.change, group, &now) {
                    return;
                }
            }
            Change::Create { .. }
            | Change::Reactivate { .. }
            | Change::Rename { .. }
            | Change::Update { .. }
            | Change::CreateGroup { .. }
            | Change::AdoptGroup { .. }
            | Change::MakeLocal { .. }
            | Change::Deactivate { .. }
            | Change::Anonymise { .. }
            | Change::Remove { .. }
            | Change::RemoveGroup { .. } => return,
        }
        self.undone.insert(place);
    }

    /// A group that was adopted is local again. Nobody joins or leaves it any more, so this comes last.
    fn whose_group(&mut self, place: usize, done: &Done) {
        match &done.change {
            Change::AdoptGroup { group } => {
                let is_ours =
                    self.actual.groups.contains_key(group) && !self.actual.local.contains(group);
                if !is_ours || !self.may_touch(&done.change, group) {
                    return;
                }
                self.stages.removals.push(self.step(Change::MakeLocal { group: group.clone() }));
            }
            Change::MakeLocal { group } => {
                if self.actual.local.contains(group) {
                    let why = "a group is adopted by a run, where everybody who would join or leave it is seen";
                    self.findings.push(not_undone(&done.change, None, why));
                }
                return;
            }
            Change::Create { .. }
            | Change::Reactivate { .. }
            | Change::Rename { .. }
            | Change::Update { .. }
            | Change::CreateGroup { .. }
            | Change::AddMember { .. }
            | Change::RemoveMember { .. }
            | Change::Deactivate { .. }
            | Change::Anonymise { .. }
            | Change::Remove { .. }
            | Change::RemoveGroup { .. } => return,
        }
        self.undone.insert(place);
    }

    /// A group that was made goes, unless somebody stays in it.
    fn made_group(&mut self, place: usize, done: &Done) {
        let Change::CreateGroup { group } = &done.change else { return };
        let Some(members) = self.actual.groups.get(group) else { return };
        if !self.may_touch(&done.change, group) {
            return;
        }
        let left = self.left.get(group);
        let stays = |id: &ExternalId| {
            !self.leaving.contains(id) && !left.is_some_and(|left| left.contains(id))
        };
        if members.iter().any(stays) {
            let why = "somebody is in it who was not put there by that run";
            self.findings.push(not_undone(&done.change, None, why));
            return;
        }
        self.stages.removals.push(self.step(Change::RemoveGroup { group: group.clone() }));
        self.undone.insert(place);
    }

    /// Somebody as they are now, unless they have no account or are protected.
    fn somebody(&self, user: &User) -> Option<Arc<User>> {
        self.actual.users.get(&user.id).filter(|now| !self.is_protected(now)).cloned()
    }

    fn rename(&mut self, change: &Change, now: &Arc<User>) -> bool {
        match self.usernames.wanted.get(&now.id) {
            Some(to) => {
                let change = Change::Rename { user: Arc::clone(now), to: to.clone() };
                self.stages.users.push(self.step(change));
                true
            }
            None => {
                self.keep(change, now, "somebody else has the username now");
                false
            }
        }
    }

    /// Puts back each field that is as the change left it.
    fn profile(&mut self, change: &Change, before: &User, after: &User, now: &Arc<User>) -> bool {
        let (restored, changed_since) = restored(before, after, now);
        if !changed_since.is_empty() {
            let what = format!("changed since: {}", changed_since.join(", "));
            self.keep(change, now, &what);
        }
        if Differences(now, &restored).is_empty() {
            return false;
        }
        let change = Change::Update { before: Arc::clone(now), after: Arc::new(restored) };
        self.stages.users.push(self.step(change));
        true
    }

    fn restore(&mut self, change: &Change, before: &User, after: &User, now: &Arc<User>) -> bool {
        let mut is_any = self.profile(change, before, after, now);
        if before.username != after.username && now.username == after.username {
            is_any |= self.rename(change, now);
        }
        if before.active && !now.active {
            self.stages.users.push(self.step(Change::Reactivate { user: Arc::clone(now) }));
            is_any = true;
        }
        is_any
    }

    fn make_again(&mut self, done: &Done, user: &Arc<User>) -> bool {
        if self.actual.users.contains_key(&user.id) {
            return false;
        }
        if self.is_protected(user) {
            self.keep(&done.change, user, "they are protected");
            return false;
        }
        if !self.usernames.wanted.contains_key(&user.id) {
            self.keep(&done.change, user, "somebody else has the username now");
            return false;
        }
        // Nobody is made inactive: whoever was is made, and then deactivated.
        let made = Arc::new(User { active: true, ..(**user).clone() });
        self.stages.users.push(self.step(Change::Create { user: Arc::clone(&made) }));
        if !user.active {
            let change = Change::Deactivate { user: Arc::clone(&made) };
            self.stages.deactivations.push(self.step(change));
        }
        self.returning.insert(user.id.clone(), Arc::clone(&made));
        for group in &done.groups {
            // Whoever lost a local group with their account was in it before: that is no other hand's work.
            let was_theirs = self.actual.local.contains(group) && !self.is_untouchable(group);
            if was_theirs || self.may_touch(&done.change, group) {
                self.add(&done.change, group, &made);
            }
        }
        true
    }

    fn add(&mut self, change: &Change, group: &Name, user: &Arc<User>) -> bool {
        let is_there =
            self.actual.groups.contains_key(group) || self.returning_groups.contains(group);
        if !is_there {
            self.keep(change, user, &format!("group {group} is gone"));
            return false;
        }
        let change = Change::AddMember { group: group.clone(), user: Arc::clone(user) };
        self.stages.joins.push(self.step(change));
        true
    }

    fn may_touch(&mut self, change: &Change, group: &Name) -> bool {
        let why = if self.is_untouchable(group) {
            "is never touched"
        } else if self.actual.local.contains(group) {
            "is a local group"
        } else {
            return true;
        };
        self.findings.push(not_undone(change, None, &format!("group {group} {why}")));
        false
    }

    fn is_untouchable(&self, group: &Name) -> bool {
        self.policy.untouchable.matches(group)
    }

    fn is_protected(&self, user: &User) -> bool {
        let texts = [user.id.as_str(), user.source_id().as_str(), &user.email];
        let protected = &self.policy.protected;
        protected.matches(&user.username)
            || texts.into_iter().any(|text| protected.matches(&Name::new(text)))
    }

    fn gone_since(&mut self, change: &Change, user: &User) {
        if !self.actual.users.contains_key(&user.id) {
            self.keep(change, user, "they have no account any more");
        }
        self.spare(change, user);
    }

    /// Tells of somebody who is there, and stays as they are because they are protected.
    fn spare(&mut self, change: &Change, user: &User) {
        if self.actual.users.get(&user.id).is_some_and(|now| self.is_protected(now)) {
            self.keep(change, user, "they are protected");
        }
    }

    fn keep(&mut self, change: &Change, user: &User, why: &str) {
        self.findings.push(not_undone(change, Some(user), why));
    }
}

fn not_undone(change: &Change, user: Option<&User>, why: &str) -> Finding {
    let user = user.or(change.user().map(|user| &**user));
    Finding {
        kind: FindingKind::NotUndone,
        id: user.map(|user| user.id.clone()),
        username: user.map(|user| user.username.as_str().into()),
        message: format!("Not undone: {change}, because {why}."),
    }
}

/// `now` with every field put back that is as the change left it, and the names of those that are
/// neither as it was before nor as it was afterwards.
fn restored(before: &User, after: &User, now: &User) -> (User, Vec<String>) {
    let mut restored = now.clone();
    let mut changed_since = Vec::new();
    let mut field = |name: &str, [before, after]: [&str; 2], now: &mut Box<str>| {
        if before == after || **now == *before {
            return;
        }
        if **now == *after {
            *now = before.into();
        } else {
            changed_since.push(name.to_owned());
        }
    };
    field("e-mail", [&before.email, &after.email], &mut restored.email);
    field("display name", [&before.display_name, &after.display_name], &mut restored.display_name);
    field("first name", [&before.first_name, &after.first_name], &mut restored.first_name);
    field("last name", [&before.last_name, &after.last_name], &mut restored.last_name);
    if now.source_id == after.source_id {
        restored.source_id.clone_from(&before.source_id);
    }
    restored.attributes = attributes(before, after, now, &mut changed_since);
    (restored, changed_since)
}

fn attributes(
    before: &User,
    after: &User,
    now: &User,
    changed_since: &mut Vec<String>,
) -> Attributes {
    let mut values: BTreeMap<Arc<str>, Box<str>> =
        now.attributes.iter().map(|(name, value)| (Arc::clone(name), value.into())).collect();
    let names: BTreeSet<&Arc<str>> =
        before.attributes.iter().chain(after.attributes.iter()).map(|(name, _)| name).collect();
    for name in names {
        let (before, after) = (before.attributes.get(name), after.attributes.get(name));
        let now = now.attributes.get(name);
        if before == after || now == before {
            continue;
        }
        if now != after {
            changed_since.push(name.to_string());
        } else if let Some(before) = before {
            values.insert(Arc::clone(name), before.into());
        } else {
            values.remove(name);
        }
    }
    Attributes::new(values)
}

/// The usernames that people can have back.
struct Usernames {
    wanted: BTreeMap<ExternalId, Name>,
}

impl Usernames {
    fn of(done: &[Done], actual: &Directory) -> Usernames {
        let mut wanted: BTreeMap<ExternalId, Name> = BTreeMap::new();
        let mut leaving: BTreeSet<&ExternalId> = BTreeSet::new();
        for Done { change, groups: _ } in done {
            match change {
                Change::Create { user } => {
                    leaving.insert(&user.id);
                }
                Change::Rename { user, .. } | Change::Anonymise { before: user, .. } => {
                    if actual.users.contains_key(&user.id) {
                        wanted.insert(user.id.clone(), user.username.clone());
                    }
                }
                Change::Remove { user } => {
                    wanted.insert(user.id.clone(), user.username.clone());
                }
                Change::Reactivate { .. }
                | Change::Update { .. }
                | Change::CreateGroup { .. }
                | Change::AdoptGroup { .. }
                | Change::MakeLocal { .. }
                | Change::AddMember { .. }
                | Change::RemoveMember { .. }
                | Change::Deactivate { .. }
                | Change::RemoveGroup { .. } => {}
            }
        }
        while let Some(refused) = shared(&wanted, &leaving, actual) {
            wanted.retain(|id, _| !refused.contains(id));
        }
        Usernames { wanted }
    }
}

/// Whoever wants a username that somebody else keeps, or wants too; `None` where nobody does.
fn shared(
    wanted: &BTreeMap<ExternalId, Name>,
    leaving: &BTreeSet<&ExternalId>,
    actual: &Directory,
) -> Option<BTreeSet<ExternalId>> {
    let mut holders: BTreeMap<&Name, Vec<&ExternalId>> = BTreeMap::new();
    for (id, name) in wanted {
        holders.entry(name).or_default().push(id);
    }
    let keeps = |id: &ExternalId| !wanted.contains_key(id) && !leaving.contains(id);
    for user in actual.users.values().filter(|user| keeps(&user.id)) {
        if let Some(holders) = holders.get_mut(&user.username) {
            holders.push(&user.id);
        }
    }
    let shared = holders.into_values().filter(|holders| 1 < holders.len()).flatten();
    let refused: BTreeSet<ExternalId> =
        shared.filter(|id| wanted.contains_key(*id)).cloned().collect();
    (!refused.is_empty()).then_some(refused)
}

#[cfg(test)]
mod tests;
