//! What people have said about changes they saw.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use crate::mapping::Desired;
use crate::plan::{Absence, Change};
use crate::principal::{ExternalId, Name, User};

/// What a change does and to whom, in a form that outlives the run that planned it.
///
/// Two changes of one identity do the same to the same. Where a value is to change, the value that
/// would come is part of it: an approved rename to `ada` is no licence for one to `eve`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Identity(Box<str>);

/// What the source said of a person when a change was planned for them.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct SourceState(Box<str>);

/// What people have decided about the changes of one target.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Decisions {
    /// They pass if they are planned again.
    pub approved: BTreeSet<Identity>,
    /// They are not proposed again while the rejection is in force.
    pub rejected: BTreeMap<Identity, Rejection>,
    /// Seen beside what was approved, and not chosen.
    pub left_out: BTreeSet<Identity>,
    /// Somebody saw that the source has no more people than this, and that it is right.
    pub people_accepted: Option<usize>,
}

/// Somebody said no. It is in force until the source says something else of the person.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rejection {
    /// Nobody where the change is about a group alone.
    pub user: Option<ExternalId>,
    pub state: SourceState,
}

/// Never in a value that a directory holds.
const SEPARATOR: char = '\u{1f}';

impl Identity {
    pub fn of(change: &Change) -> Identity {
        let mut text = String::from(change.word());
        let mut add = |part: &str| {
            text.push(SEPARATOR);
            text.push_str(part);
        };
        add(change.user().map_or("", |user| user.id.as_str()));
        add(change.group().map_or("", Name::folded));
        match change {
            Change::Create { user }
            | Change::Update { before: _, after: user }
            | Change::Anonymise { before: _, after: user } => {
                let User {
                    id: _,
                    username,
                    email,
                    display_name,
                    first_name,
                    last_name,
                    active: _,
                    attributes,
                    source_id,
                } = &**user;
                // The username of an update is a change of its own; of an anonymisation it tells
                // something only where it goes, too.
                let is_gone_too = matches!(change, Change::Anonymise { before, .. } if before.username != *username);
                let is_told = is_gone_too || matches!(change, Change::Create { .. });
                if is_told {
                    add(username.as_str());
                }
                for value in [email, display_name, first_name, last_name] {
                    add(value);
                }
                for (name, value) in attributes.iter() {
                    add(name);
                    add(value);
                }
                if let Some(source_id) = source_id {
                    add(source_id.as_str());
                }
            }
            Change::Rename { user: _, to } => add(to.as_str()),
            Change::Reactivate { .. }
            | Change::CreateGroup { .. }
            | Change::AdoptGroup { .. }
            | Change::AddMember { .. }
            | Change::RemoveMember { .. }
            | Change::Deactivate { .. }
            | Change::Remove { .. }
            | Change::RemoveGroup { .. } => {}
        }
        Identity(text.into())
    }

    /// One that was written down before.
    pub fn recorded(text: &str) -> Identity {
        Identity(text.into())
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl SourceState {
    /// One that was written down before.
    pub fn recorded(text: &str) -> SourceState {
        SourceState(text.into())
    }

    /// Where the source said nothing.
    pub fn silent() -> SourceState {
        SourceState("".into())
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl Decisions {
    /// Leaves only the rejections that are in force: the source says of the person what it said
    /// when they were rejected.
    pub fn keep_in_force(&mut self, states: &BTreeMap<ExternalId, SourceState>) {
        self.rejected.retain(|_, rejection| {
            let Rejection { user, state } = rejection;
            user.as_ref().is_none_or(|user| states.get(user).is_some_and(|now| now == state))
        });
    }
}

/// What the source says now of each of these people.
pub fn states(
    ids: &BTreeSet<ExternalId>,
    desired: &Desired,
    gone: &BTreeMap<ExternalId, Absence>,
) -> BTreeMap<ExternalId, SourceState> {
    if ids.is_empty() {
        return BTreeMap::new();
    }
    let mut digests: BTreeMap<&ExternalId, Digest> = BTreeMap::new();
    for id in ids {
        let mut digest = Digest::new();
        if let Some(user) = desired.directory.users.get(id) {
            let User {
                id: _,
                username,
                email,
                display_name,
                first_name,
                last_name,
                active,
                attributes,
                source_id,
            } = &**user;
            digest.add(username.as_str());
            for value in [email, display_name, first_name, last_name] {
                digest.add(value);
            }
            for (name, value) in attributes.iter() {
                digest.add(name);
                digest.add(value);
            }
            if let Some(source_id) = source_id {
                digest.add(source_id.as_str());
            }
            digest.add(if *active { "active" } else { "inactive" });
            digest.add(desired.inactive.get(id).map_or("", |words| words));
        } else if let Some(absence) = gone.get(id) {
            let (word, words) = match absence {
                Absence::Gone => ("gone", ""),
                Absence::OutOfScope(words) => ("out of scope", &**words),
                Absence::Inactive(words) => ("inactive", &**words),
                Absence::Present => ("present", ""),
            };
            digest.add(word);
            digest.add(words);
        }
        digests.insert(id, digest);
    }
    for (group, members) in &desired.directory.groups {
        // Whichever is shorter: a few people in many groups, or many people in few.
        if members.len() < digests.len() {
            for id in members {
                if let Some(digest) = digests.get_mut(id) {
                    digest.add(group.folded());
                }
            }
        } else {
            for (id, digest) in &mut digests {
                if members.contains(*id) {
                    digest.add(group.folded());
                }
            }
        }
    }
    digests.into_iter().map(|(id, digest)| (id.clone(), digest.state())).collect()
}

/// FNV-1a: the same on every machine and in every version, which the standard library does not
/// promise of its own. Nobody gains by two states that collide.
struct Digest(u64);

impl Digest {
    fn new() -> Digest {
        Digest(0xcbf2_9ce4_8422_2325)
    }

    fn add(&mut self, text: &str) {
        for byte in text.bytes().chain([0x1f]) {
            self.0 = (self.0 ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3);
        }
    }

    fn state(&self) -> SourceState {
        SourceState(format!("{:016x}", self.0).into())
    }
}

impl fmt::Display for Identity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.replace(SEPARATOR, " "))
    }
}

#[cfg(test)]
mod tests;
