//! What people have said about changes they saw.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::sync::Arc;

use jiff::Timestamp;

use crate::mapping::Desired;
use crate::plan::{Absence, Change, OutOfScope, Reason, Step, Undecided};
use crate::principal::{ExternalId, Name, Record, User};

/// What a change does and to whom, in a form that outlives the run that planned it.
///
/// Two changes of one identity do the same to the same. Where a value is to change, the value that
/// would come is part of it: an approved rename to `ada` is no licence for one to `eve`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Identity(Box<str>);

/// What the source said of a person when a change was planned for them: of the person itself, before
/// any rule of ours made something of it.
///
/// It is written down as its [`Display`](fmt::Display).
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SourceState {
    /// Nothing.
    Silent,
    Gone,
    /// With a digest of the words, as in the next one.
    OutOfScope(u64),
    Inactive(u64),
    Says(Said),
    /// As another version wrote it down: it says nothing that can be compared.
    Unknown(Box<str>),
}

/// A record in short, so that another one is told from it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Said {
    /// Of what every record has: the names, the e-mail and the words of its status.
    person: u64,
    /// Of the further fields and the groups, which the rules choose.
    rest: u64,
}

/// Why a change was planned when somebody saw it: its words, without the times in them, which tell when
/// it was noticed and not what it is.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct SeenReason(Box<str>);

/// Somebody said yes. It is for what they saw, and by the rules of then.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Approval {
    pub reason: SeenReason,
    /// What the rules were known by.
    pub rules: Box<str>,
}

/// What people have decided about the changes of one target.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Decisions {
    /// They pass if they are planned again.
    pub approved: BTreeMap<Identity, Approval>,
    /// They are not proposed again while the rejection is in force.
    pub rejected: BTreeMap<Identity, Rejection>,
    /// Seen beside what was approved or rejected, and not chosen; and by which rules it was proposed last.
    pub left_out: BTreeMap<Identity, Box<str>>,
    /// Somebody saw how few people the source has, and that it is right.
    pub people_accepted: Option<Acceptance>,
}

/// Somebody saw that the source has no more people than this. It is by the rules of then: others ask for
/// other people, however many these are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Acceptance {
    pub people: usize,
    /// What the rules were known by.
    pub rules: Box<str>,
}

/// Somebody said no. It is in force until the source says something else of the person.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rejection {
    /// Nobody where the change is about a group alone.
    pub user: Option<ExternalId>,
    /// What the source said of them; silent where that is not known.
    pub state: SourceState,
    /// What the rules were known by of the read that told so.
    pub rules: Box<str>,
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
            | Change::MakeLocal { .. }
            | Change::AddMember { .. }
            | Change::RemoveMember { .. }
            | Change::Deactivate { .. }
            | Change::Remove { .. }
            | Change::RemoveGroup { .. } => {}
        }
        Identity(text.into())
    }

    /// The deactivation of somebody, which is also the loss of their access as such.
    pub fn of_deactivation(user: &ExternalId) -> Identity {
        Identity(format!("deactivate{SEPARATOR}{user}{SEPARATOR}").into())
    }

    /// One that was written down before.
    pub fn recorded(text: &str) -> Identity {
        Identity(text.into())
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }

    fn word(&self) -> &str {
        self.part(0).unwrap_or_default()
    }

    /// Whether it cannot be done while one of these is `missing`: there is no account, the group is not
    /// there or not ours, or somebody is in it still. Who waits for a username is not told.
    pub fn waits_for(&self, missing: &Prerequisites) -> bool {
        let Prerequisites { creations, groups, leaves } = missing;
        let has_group =
            |groups: &BTreeSet<Name>| self.group().is_some_and(|it| groups.contains(&it));
        match self.word() {
            "add-to-group" => {
                has_group(groups) || self.user().is_some_and(|it| creations.contains(&it))
            }
            "remove-from-group" => has_group(groups),
            "remove-group" => has_group(groups) || has_group(leaves),
            _ => false,
        }
    }

    /// Whom it concerns, if it is somebody.
    pub fn user(&self) -> Option<ExternalId> {
        self.part(1).map(ExternalId::new)
    }

    pub fn group(&self) -> Option<Name> {
        self.part(2).map(Name::new)
    }

    fn part(&self, place: usize) -> Option<&str> {
        self.0.split(SEPARATOR).nth(place).filter(|it| !it.is_empty())
    }
}

/// Changes for which others wait.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Prerequisites {
    creations: BTreeSet<ExternalId>,
    /// To be made, or adopted.
    groups: BTreeSet<Name>,
    /// Groups that somebody is to leave.
    leaves: BTreeSet<Name>,
}

impl<'a> FromIterator<&'a Identity> for Prerequisites {
    fn from_iter<T: IntoIterator<Item = &'a Identity>>(identities: T) -> Prerequisites {
        let mut found = Prerequisites::default();
        for identity in identities {
            match identity.word() {
                "create" => found.creations.extend(identity.user()),
                "create-group" | "adopt-group" => found.groups.extend(identity.group()),
                "remove-from-group" => found.leaves.extend(identity.group()),
                _ => {}
            }
        }
        found
    }
}

impl SourceState {
    /// One that was written down before.
    pub fn recorded(text: &str) -> SourceState {
        SourceState::parse(text).unwrap_or_else(|| SourceState::Unknown(text.into()))
    }

    fn parse(text: &str) -> Option<SourceState> {
        let number = |text: &str| u64::from_str_radix(text, 16).ok();
        let parts: Vec<&str> = text.split(SEPARATOR).collect();
        match *parts.as_slice() {
            [""] => Some(SourceState::Silent),
            ["gone"] => Some(SourceState::Gone),
            ["out of scope", words] => Some(SourceState::OutOfScope(number(words)?)),
            ["inactive", words] => Some(SourceState::Inactive(number(words)?)),
            ["says", person, rest] => {
                Some(SourceState::Says(Said { person: number(person)?, rest: number(rest)? }))
            }
            _ => None,
        }
    }

    fn of_absence(absence: &Absence) -> SourceState {
        match absence {
            // The read passed them over: that says nothing of them.
            Absence::Present => SourceState::Silent,
            Absence::Gone => SourceState::Gone,
            Absence::OutOfScope(OutOfScope { words, record: _ }) => {
                SourceState::OutOfScope(digest(words))
            }
            Absence::Inactive(words) => SourceState::Inactive(digest(words)),
        }
    }

    /// Whether the source says something else `now`. Where the rules of the two reads differ, only what
    /// no rule has a hand in counts: not who is in scope, nor which fields and groups are read.
    fn is_overtaken_by(&self, now: &SourceState, is_by_same_rules: bool) -> bool {
        use SourceState::{Gone, Inactive, OutOfScope, Says, Silent, Unknown};
        match (self, now) {
            // Whether a status is told by a read or by an answer hangs on how the source was asked.
            (Silent | Unknown(_), _)
            | (_, Silent | Unknown(_))
            | (Gone, Gone)
            | (Says(_), Inactive(_))
            | (Inactive(_), Says(_)) => false,
            _ if is_by_same_rules => self != now,
            (Says(then), Says(now)) => then.person != now.person,
            (Inactive(then), Inactive(now)) => then != now,
            (Gone, _) | (_, Gone) => true,
            (OutOfScope(_), _) | (_, OutOfScope(_)) => false,
        }
    }
}

impl fmt::Display for SourceState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            SourceState::Silent => Ok(()),
            SourceState::Gone => f.write_str("gone"),
            SourceState::OutOfScope(words) => write!(f, "out of scope{SEPARATOR}{words:016x}"),
            SourceState::Inactive(words) => write!(f, "inactive{SEPARATOR}{words:016x}"),
            SourceState::Says(Said { person, rest }) => {
                write!(f, "says{SEPARATOR}{person:016x}{SEPARATOR}{rest:016x}")
            }
            SourceState::Unknown(text) => f.write_str(text),
        }
    }
}

impl Said {
    pub fn of(record: &Record) -> Said {
        let Record {
            id: _,
            username,
            email,
            display_name,
            first_name,
            last_name,
            // What the words of the status come to is for rules to say.
            standing: _,
            standing_words,
            grants,
            fields,
        } = record;
        let mut person = Digest::new();
        for value in [username, email, display_name, first_name, last_name] {
            person.add(value.as_deref().unwrap_or_default());
        }
        person.add(standing_words);
        let mut rest = Digest::new();
        for (path, value) in fields.iter() {
            rest.add(path);
            rest.add(value.unwrap_or_default());
        }
        // In no order: a source lists them as it likes.
        let grants = grants.iter().map(|it| digest(&it.origin));
        let grants = grants.fold(0, u64::wrapping_add);
        Said { person: person.0, rest: rest.0.wrapping_add(grants) }
    }
}

impl SeenReason {
    pub fn of(reason: &Reason) -> SeenReason {
        SeenReason::recorded(&reason.to_string())
    }

    /// Of the words in which it was written down.
    pub fn recorded(words: &str) -> SeenReason {
        let is_time = |word: &&str| word.trim_end_matches([',', ';']).parse::<Timestamp>().is_ok();
        let words: Vec<&str> = words.split(' ').filter(|it| !is_time(it)).collect();
        SeenReason(words.join(" ").into())
    }
}

impl Approval {
    /// Of a step that somebody saw.
    pub fn of(step: &Step, rules: &str) -> (Identity, Approval) {
        let approval = Approval { reason: SeenReason::of(&step.reason), rules: rules.into() };
        (Identity::of(&step.change), approval)
    }
}

impl Rejection {
    /// Whether the source says nothing else of the person now than it did then. `rules` is what the
    /// rules are known by.
    pub fn is_in_force(&self, states: &BTreeMap<ExternalId, SourceState>, rules: &str) -> bool {
        let Rejection { user, state, rules: then } = self;
        let now = user.as_ref().and_then(|user| states.get(user));
        !now.is_some_and(|now| state.is_overtaken_by(now, **then == *rules))
    }
}

impl Decisions {
    /// Leaves only what is in force for a plan: the approvals that were given by these rules for changes
    /// that are planned for the same reasons, and the rejections of whoever the source says nothing
    /// else of than it did then. Of whom it says nothing at all, it says nothing else.
    ///
    /// `rules` is what the rules are known by.
    pub fn keep_in_force(
        &mut self,
        steps: &[Step],
        states: &BTreeMap<ExternalId, SourceState>,
        rules: &str,
    ) {
        self.rejected.retain(|_, rejection| rejection.is_in_force(states, rules));
        self.approved.retain(|_, approval| *approval.rules == *rules);
        if self.approved.is_empty() {
            return;
        }
        for step in steps {
            let identity = Identity::of(&step.change);
            let approval = self.approved.get(&identity);
            if approval.is_some_and(|it| it.reason != SeenReason::of(&step.reason)) {
                self.approved.remove(&identity);
            }
        }
    }

    /// What was left out of an approval and is not proposed any more, by a plan that could have proposed
    /// it: by these rules, of somebody on whom it decides. Other rules say nothing of it, however they
    /// do without it. Of an account that goes by the plan nothing is left to decide.
    pub fn no_longer_left_out(
        &self,
        proposed: &BTreeSet<&Identity>,
        undecided: &Undecided,
        applied: &[Step],
        rules: &str,
    ) -> Vec<&Identity> {
        let is_removal = |step: &&Step| matches!(step.change, Change::Remove { .. });
        let removed = applied.iter().filter(is_removal).filter_map(|step| step.change.user());
        let removed: BTreeSet<&ExternalId> = removed.map(|user| &user.id).collect();
        let is_over = |identity: &Identity, by: &str| {
            let user = identity.user();
            let is_dropped = by == rules
                && !proposed.contains(identity)
                && !undecided.concerns(user.as_ref(), identity.group().as_ref());
            is_dropped || user.is_some_and(|user| removed.contains(&user))
        };
        let over = self.left_out.iter().filter(|(identity, by)| is_over(identity, by));
        over.map(|(identity, _)| identity).collect()
    }

    /// What was left out and is proposed again, by other rules than before: from then on it is theirs to
    /// propose it or not.
    pub fn left_out_anew(&self, proposed: &BTreeSet<&Identity>, rules: &str) -> Vec<&Identity> {
        let is_anew = |identity: &Identity, by: &str| by != rules && proposed.contains(identity);
        let anew = self.left_out.iter().filter(|(identity, by)| is_anew(identity, by));
        anew.map(|(identity, _)| identity).collect()
    }

    /// Whether somebody said no to a change. Whoever is to keep their access is not deleted or made
    /// anonymous either.
    pub fn is_rejected(&self, change: &Change) -> bool {
        let takes_all = matches!(change, Change::Remove { .. } | Change::Anonymise { .. });
        let user = change.user().filter(|_| takes_all);
        let is_kept =
            |user: &User| self.rejected.contains_key(&Identity::of_deactivation(&user.id));
        self.rejected.contains_key(&Identity::of(change)) || user.is_some_and(|it| is_kept(it))
    }
}

/// What is rejected once a change was taken back: that change and, where it took away somebody's access,
/// the deactivation, so that whose access is given back does not lose it in another way either.
pub fn taken_back(change: &Change) -> Vec<Change> {
    let access = match change {
        Change::Anonymise { before: user, .. } | Change::Remove { user } => {
            Some(Change::Deactivate { user: Arc::clone(user) })
        }
        // It is one itself.
        Change::Deactivate { .. }
        | Change::Create { .. }
        | Change::Reactivate { .. }
        | Change::Rename { .. }
        | Change::Update { .. }
        | Change::CreateGroup { .. }
        | Change::AdoptGroup { .. }
        | Change::MakeLocal { .. }
        | Change::AddMember { .. }
        | Change::RemoveMember { .. }
        | Change::RemoveGroup { .. } => None,
    };
    [Some(change.clone()), access].into_iter().flatten().collect()
}

/// What the source says now of each of these people. Whoever it says nothing of is not in it: they were
/// not asked for, or what it says could not be understood or believed.
#[expect(single_use_lifetimes, reason = "an `impl Trait` needs a name for it")]
pub fn states<'a>(
    ids: impl IntoIterator<Item = &'a ExternalId>,
    desired: &Desired,
    gone: &BTreeMap<ExternalId, Absence>,
) -> BTreeMap<ExternalId, SourceState> {
    let mut states = BTreeMap::new();
    for id in ids {
        if states.contains_key(id) {
            continue;
        }
        if let Some(state) = state_of(id, desired, gone) {
            states.insert(id.clone(), state);
        }
    }
    states
}

fn state_of(
    id: &ExternalId,
    desired: &Desired,
    gone: &BTreeMap<ExternalId, Absence>,
) -> Option<SourceState> {
    if desired.withheld.contains(id) {
        return None;
    }
    let said = desired.said.get(id).map(|it| SourceState::Says(*it));
    let state = said.or_else(|| gone.get(id).map(SourceState::of_absence))?;
    (state != SourceState::Silent).then_some(state)
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
}

fn digest(text: &str) -> u64 {
    let mut digest = Digest::new();
    digest.add(text);
    digest.0
}

impl fmt::Display for Identity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.replace(SEPARATOR, " "))
    }
}

#[cfg(test)]
mod tests;
