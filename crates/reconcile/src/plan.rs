//! The plan: what has to change so that what is becomes what should be.

mod groups;
mod hidden;
mod leavers;
mod protection;
pub mod rewind;
mod treatment;
pub mod undo;
mod users;
pub mod values;
mod words;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use jiff::Timestamp;

use crate::directory::Directory;
use crate::expression::{Expression, Says};
use crate::finding::Finding;
use crate::gate::Rules;
use crate::mapping::{Desired, Keeps};
use crate::pattern::Patterns;
use crate::principal::{ExternalId, Name, Record, User};

/// One atomic step. Its [`Display`](std::fmt::Display) is what the preview, the report and the log show.
///
/// Users are named by the record that a directory holds of them, never by a free id: an account
/// that was never linked cannot appear here.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Change {
    Create {
        user: Arc<User>,
    },
    /// Back from inactive. The user is as they were before.
    Reactivate {
        user: Arc<User>,
    },
    Rename {
        user: Arc<User>,
        to: Name,
    },
    /// E-mail, names and attributes; never username or active, which are changes of their own.
    Update {
        before: Arc<User>,
        after: Arc<User>,
    },
    CreateGroup {
        group: Name,
    },
    /// A local group is ours from then on, with whoever is in it.
    AdoptGroup {
        group: Name,
    },
    /// A group that was adopted is local again, with whoever is in it. No plan for the source makes
    /// one of ours local; taking back an adoption does.
    MakeLocal {
        group: Name,
    },
    AddMember {
        group: Name,
        user: Arc<User>,
    },
    RemoveMember {
        group: Name,
        user: Arc<User>,
    },
    Deactivate {
        user: Arc<User>,
    },
    /// Inactive, and everything that tells who it is replaced. The key stays, so a return restores
    /// the person by the usual changes.
    Anonymise {
        before: Arc<User>,
        after: Arc<User>,
    },
    Remove {
        user: Arc<User>,
    },
    RemoveGroup {
        group: Name,
    },
}

/// Why a change is planned. The words are the source's.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Reason {
    /// In the source and in scope, and not in the directory yet.
    New,
    /// The source has another value.
    Changed,
    ActiveAgain,
    /// The source grants the group, from there.
    Granted(Arc<str>),
    /// No group source grants it any more.
    NotGranted,
    /// The source has the group, and the rules make none of it, for this reason.
    LeftOut(Arc<str>),
    Inactive(Arc<str>),
    Gone,
    OutOfScope(Arc<str>),
    /// The source has the group, from there, and nobody has it yet.
    Listed(Arc<str>),
    /// Somebody named a local group, so that it becomes ours.
    Named,
    /// A group that nobody is left in.
    Empty,
    /// A group that nobody has been in since then.
    EmptySince(Timestamp),
    /// Somebody takes back what this run did.
    Undone(Arc<str>),
    /// For this reason, which counts by now; rules that were new then noticed it.
    NoticedByNewRules(Box<Earlier>),
    /// For this reason, which rules that were new then could not find: nothing could be told of the
    /// person.
    HiddenFromNewRules(Box<Earlier>),
}

/// A reason of a time when the rules were new.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Earlier {
    pub reason: Reason,
    pub at: Timestamp,
}

/// A change and its reason.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Step {
    pub change: Change,
    pub reason: Reason,
}

/// What has to change, in the order in which it is to be done: grant before revoke.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Plan {
    pub steps: Vec<Step>,
    /// Everybody whom the source told of, for the gate to judge whether that can be right.
    pub people: usize,
    /// What later plans have to know of this one.
    pub memory: Memory,
    /// People with an account of whom not everything could be decided: that nothing is planned for them
    /// says nothing of them.
    pub undecided: BTreeSet<ExternalId>,
}

/// Of whom and of what a plan says nothing.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Undecided {
    people: BTreeSet<ExternalId>,
    /// Groups that one of them is in.
    groups: BTreeSet<Name>,
}

impl Plan {
    /// Whoever waits out their grace is not decided on either, until it is over.
    pub fn undecided_in(&self, actual: &Directory) -> Undecided {
        let people: BTreeSet<ExternalId> =
            self.undecided.iter().chain(self.memory.suspected.keys()).cloned().collect();
        if people.is_empty() {
            return Undecided::default();
        }
        let has_one = |members: &BTreeSet<ExternalId>| members.iter().any(|id| people.contains(id));
        let groups = actual.groups.iter().filter(|(_, members)| has_one(members));
        Undecided { groups: groups.map(|(group, _)| group.clone()).collect(), people }
    }
}

impl Undecided {
    /// Whether a change of these could not be planned, whatever the source says.
    pub fn concerns(&self, user: Option<&ExternalId>, group: Option<&Name>) -> bool {
        match user {
            Some(user) => self.people.contains(user),
            None => group.is_some_and(|group| self.groups.contains(group)),
        }
    }
}

/// What earlier plans noticed, for decisions that are made after a while.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Memory {
    /// People who were confirmed absent, and from whom nothing was taken yet.
    pub suspected: BTreeMap<ExternalId, Suspicion>,
    /// Groups that nobody is in, and those that new rules are about to empty.
    pub empty: BTreeMap<Name, Emptiness>,
    /// People on whom new rules could not decide, and when that was first so. What is taken from them
    /// once it can be decided is asked about, however long the rules have been tried by then.
    pub hidden: BTreeMap<ExternalId, Timestamp>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Suspicion {
    pub since: Timestamp,
    /// By how many reads, each of which was complete.
    pub reads: u32,
    /// When a plan by new rules first found them suspected. Whatever comes of it is asked about,
    /// however long the rules have been tried by then.
    pub by_new_rules: Option<Timestamp>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Emptiness {
    /// Since when nobody is in the group.
    pub since: Timestamp,
    /// As of a [`Suspicion`].
    pub by_new_rules: Option<Timestamp>,
}

/// What time it is, what was noticed before, and whether what is noticed now is noticed by new rules.
#[derive(Clone, Copy, Debug)]
pub struct Past<'a> {
    pub now: Timestamp,
    pub memory: &'a Memory,
    pub rules: Rules,
}

impl Past<'_> {
    /// Nothing was noticed before, and it is no particular time: for whoever waits for nothing.
    pub const NONE: Past<'static> = Past {
        now: Timestamp::UNIX_EPOCH,
        memory: &Memory {
            suspected: BTreeMap::new(),
            empty: BTreeMap::new(),
            hidden: BTreeMap::new(),
        },
        rules: Rules::Unchanged,
    };

    /// The time, where what is noticed now is noticed by new rules.
    fn now_by_new_rules(&self) -> Option<Timestamp> {
        match self.rules {
            Rules::Unchanged => None,
            Rules::Changed | Rules::Untried => Some(self.now),
        }
    }
}

impl Reason {
    /// The same, where new rules noticed it.
    fn noticed_by_new_rules(self, at: Option<Timestamp>) -> Reason {
        match at {
            Some(at) => Reason::NoticedByNewRules(Box::new(Earlier { reason: self, at })),
            None => self,
        }
    }

    /// The same, of somebody on whom new rules could not decide.
    fn hidden_from_new_rules(self, at: Option<Timestamp>) -> Reason {
        match at {
            Some(at) => Reason::HiddenFromNewRules(Box::new(Earlier { reason: self, at })),
            None => self,
        }
    }

    /// When the rules were new, if nobody could be asked about it then.
    pub fn by_new_rules(&self) -> Option<Timestamp> {
        match self {
            Reason::NoticedByNewRules(earlier) | Reason::HiddenFromNewRules(earlier) => {
                Some(earlier.at)
            }
            Reason::New
            | Reason::Changed
            | Reason::ActiveAgain
            | Reason::Granted(_)
            | Reason::NotGranted
            | Reason::LeftOut(_)
            | Reason::Inactive(_)
            | Reason::Gone
            | Reason::OutOfScope(_)
            | Reason::Listed(_)
            | Reason::Named
            | Reason::Empty
            | Reason::EmptySince(_)
            | Reason::Undone(_) => None,
        }
    }
}

/// What became of somebody whom a read did not contain, asked for by id.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Absence {
    /// The source does not know the id any more.
    Gone,
    /// The source knows them, outside of the required groups. The words say what they have instead.
    OutOfScope(OutOfScope),
    /// The source knows them as inactive, in the words of its status.
    Inactive(Arc<str>),
    /// Still there and in scope: the read passed them over. Nothing may be taken from them.
    Present,
}

/// Somebody whom the source knows and who takes no part.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OutOfScope {
    /// What they have instead.
    pub words: Arc<str>,
    /// What the source tells of them, where an expression asks for it.
    pub record: Option<Arc<Record>>,
}

impl From<Arc<str>> for OutOfScope {
    fn from(words: Arc<str>) -> OutOfScope {
        OutOfScope { words, record: None }
    }
}

impl From<String> for OutOfScope {
    fn from(words: String) -> OutOfScope {
        OutOfScope::from(Arc::from(words))
    }
}

impl From<&str> for OutOfScope {
    fn from(words: &str) -> OutOfScope {
        OutOfScope::from(Arc::from(words))
    }
}

/// What is done where the source does not decide.
#[derive(Clone, Debug)]
pub struct Policy {
    pub cleanup: Cleanup,
    /// What decides for each leaver, before `cleanup` does.
    pub cleanup_rule: Option<CleanupRule>,
    /// Says yes of whoever gets an account where there is none; none says yes of everybody.
    pub create_if: Option<Expression>,
    /// Whether whoever is cleaned up leaves their groups too, all but these.
    pub strip: Option<Patterns>,
    pub grace: Grace,
    pub empty_groups: EmptyGroups,
    /// How long a group must have been empty before it is removed; 0 removes it with its last member.
    pub empty_days: u32,
    /// Groups that stay as they are, with whoever is in them.
    pub untouchable: Patterns,
    /// Local groups that are to become ours; no other one of those is touched.
    pub adopted: BTreeSet<Name>,
    /// Usernames, e-mails and ids of people who stay as they are.
    pub protected: Patterns,
}

/// How often, and for how long, somebody must be confirmed absent before it counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Grace {
    pub reads: u32,
    pub hours: u32,
}

impl Policy {
    /// Of whom the expressions ask what the source tells.
    pub fn keeps(&self) -> Keeps {
        let create_if = self.create_if.as_ref();
        let cleanup = self.cleanup_rule.as_ref();
        Keeps {
            newcomers: create_if.is_some_and(|it| it.source_fields().next().is_some()),
            leavers: cleanup.is_some_and(|it| it.expression.names("user")),
        }
    }

    /// Whether what happens to a group is for us to decide: it is ours, or is to be.
    pub(crate) fn may_touch(&self, group: &Name, actual: &Directory) -> bool {
        !self.untouchable.matches(group) && !self.is_left_local(group, actual)
    }

    /// Whether a group is local, and is not to be adopted.
    pub(crate) fn is_left_local(&self, group: &Name, actual: &Directory) -> bool {
        actual.local.contains(group) && !self.adopted.contains(group)
    }

    /// A policy for people and groups without exceptions and without delay.
    pub const fn new(cleanup: Cleanup, empty_groups: EmptyGroups) -> Policy {
        Policy {
            cleanup,
            cleanup_rule: None,
            create_if: None,
            strip: None,
            grace: Grace::NONE,
            empty_groups,
            empty_days: 0,
            untouchable: Patterns::NONE,
            adopted: BTreeSet::new(),
            protected: Patterns::NONE,
        }
    }
}

impl Grace {
    /// At once, because whoever is absent was asked for by id.
    pub const NONE: Grace = Grace { reads: 1, hours: 0 };
}

/// What happens to a user who is gone or out of scope.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Cleanup {
    /// Inactive, with everything else as it is, so that a return restores it all.
    Disable,
    Delete,
    Anonymise(Anonymity),
    Keep,
}

/// An expression that says `"disable"`, `"delete"`, `"anonymise"` or `"keep"` of a leaver, or nothing where
/// the cleanup behaviour of everybody applies.
///
/// Whoever it keeps stays as they are, with their groups; so does whoever it fails at.
#[derive(Clone, Debug)]
pub struct CleanupRule {
    pub expression: Expression,
    /// What `"anonymise"` replaces.
    pub anonymity: Anonymity,
}

impl CleanupRule {
    /// What the source tells of them, which is none where they are gone; the account and its groups; and
    /// `"gone"` or `"out of scope"`.
    pub const VOCABULARY: [&str; 5] = ["user", "user.*", "existing", "groups", "reason"];
    pub const WORDS: [&str; 4] = ["disable", "delete", "anonymise", "keep"];
    pub const SAYS: Says<'static> = Says::OneOf(&CleanupRule::WORDS);
}

/// How much of an account is replaced.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Anonymity {
    /// E-mail, names and attributes.
    Profile,
    /// The username, too.
    ProfileAndUsername,
}

/// What happens to a group that nobody is in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum EmptyGroups {
    /// Kept: permission schemes name it, and it may fill again.
    Keep,
    /// Kept, and made where the source has it.
    Create,
    Remove,
}

/// Who is to be asked for by id before anything is taken from them: absent from the read, and the
/// policy would change something about them.
pub fn missing(desired: &Desired, actual: &Directory, policy: &Policy) -> Vec<ExternalId> {
    leavers::missing(desired, actual, policy)
}

/// Plans the way from `actual` to `desired`.
///
/// Whoever is absent from `desired` and has no entry in `gone` keeps everything.
pub fn plan(
    desired: &Desired,
    actual: &Directory,
    gone: &BTreeMap<ExternalId, Absence>,
    policy: &Policy,
    past: &Past<'_>,
) -> (Plan, Vec<Finding>) {
    let mut frozen = BTreeSet::new();
    let mut spared = Vec::new();
    loop {
        let case = Case { desired, actual, gone, policy, past, frozen: &frozen };
        let (plan, mut findings) = case.plan();
        let protected = protection::among(&case, &plan.steps);
        if protected.is_empty() {
            findings.extend(spared);
            return (plan, findings);
        }
        // Whatever hangs together with what they would have had is planned anew without it.
        spared.extend(protected.values().cloned());
        frozen.extend(protected.into_keys());
    }
}

/// Everything that a plan is made of.
#[derive(Clone, Copy)]
struct Case<'a> {
    desired: &'a Desired,
    actual: &'a Directory,
    gone: &'a BTreeMap<ExternalId, Absence>,
    policy: &'a Policy,
    past: &'a Past<'a>,
    /// Protected people, who stay as they are.
    frozen: &'a BTreeSet<ExternalId>,
}

impl Case<'_> {
    fn plan(&self) -> (Plan, Vec<Finding>) {
        let (mut stages, mut findings) = (Stages::default(), Vec::new());
        let mut memory = Memory::default();
        let blocked = users::plan(self, &mut stages, &mut findings);
        let leaving = leavers::plan(self, &mut stages, &mut memory, &mut findings);
        groups::plan(self, &blocked, &leaving, &mut stages, &mut memory, &mut findings);
        let steps = stages.in_order();
        let undecided = hidden::undecided(self, &leaving);
        memory.hidden = hidden::from_new_rules(self, &undecided, &memory, &steps);
        (Plan { steps, people: self.desired.people(), memory, undecided }, findings)
    }

    /// When new rules could not decide on somebody, if nobody could be asked about them since.
    fn hidden_since(&self, id: &ExternalId) -> Option<Timestamp> {
        self.past.memory.hidden.get(id).copied()
    }

    fn is_frozen(&self, id: &ExternalId) -> bool {
        self.frozen.contains(id)
    }

    /// Whether what happens to this person is for us to decide, as far as the read goes.
    fn decides_on(&self, id: &ExternalId) -> bool {
        self.desired.directory.users.contains_key(id) && !self.is_frozen(id)
    }

    fn may_touch(&self, group: &Name) -> bool {
        self.policy.may_touch(group, self.actual)
    }
}

/// The order of a plan is the order of these fields.
#[derive(Default)]
struct Stages {
    users: Vec<Step>,
    new_groups: Vec<Step>,
    joins: Vec<Step>,
    leaves: Vec<Step>,
    deactivations: Vec<Step>,
    removals: Vec<Step>,
}

impl Stages {
    fn in_order(self) -> Vec<Step> {
        let Stages { users, new_groups, joins, leaves, deactivations, removals } = self;
        // A first sync has a join for each membership: whatever goes before them is put there.
        let mut steps = joins;
        steps.splice(..0, users.into_iter().chain(new_groups));
        for mut stage in [leaves, deactivations, removals] {
            steps.append(&mut stage);
        }
        steps.shrink_to_fit();
        steps
    }
}

impl Change {
    /// The word in reports, exports and the database.
    pub fn word(&self) -> &'static str {
        match self {
            Change::Create { .. } => "create",
            Change::Reactivate { .. } => "reactivate",
            Change::Rename { .. } => "rename",
            Change::Update { .. } => "update",
            Change::CreateGroup { .. } => "create-group",
            Change::AdoptGroup { .. } => "adopt-group",
            Change::MakeLocal { .. } => "make-local",
            Change::AddMember { .. } => "add-to-group",
            Change::RemoveMember { .. } => "remove-from-group",
            Change::Deactivate { .. } => "deactivate",
            Change::Anonymise { .. } => "anonymise",
            Change::Remove { .. } => "remove",
            Change::RemoveGroup { .. } => "remove-group",
        }
    }

    /// Whom it concerns, as the directory knows them before it.
    pub fn user(&self) -> Option<&Arc<User>> {
        match self {
            Change::Create { user }
            | Change::Reactivate { user }
            | Change::Rename { user, .. }
            | Change::Update { before: user, .. }
            | Change::Anonymise { before: user, .. }
            | Change::AddMember { user, .. }
            | Change::RemoveMember { user, .. }
            | Change::Deactivate { user }
            | Change::Remove { user } => Some(user),
            Change::CreateGroup { .. }
            | Change::AdoptGroup { .. }
            | Change::MakeLocal { .. }
            | Change::RemoveGroup { .. } => None,
        }
    }

    pub fn group(&self) -> Option<&Name> {
        match self {
            Change::CreateGroup { group }
            | Change::AdoptGroup { group }
            | Change::MakeLocal { group }
            | Change::AddMember { group, .. }
            | Change::RemoveMember { group, .. }
            | Change::RemoveGroup { group } => Some(group),
            Change::Create { .. }
            | Change::Reactivate { .. }
            | Change::Rename { .. }
            | Change::Update { .. }
            | Change::Deactivate { .. }
            | Change::Anonymise { .. }
            | Change::Remove { .. } => None,
        }
    }

    /// Whether it takes something from somebody.
    pub fn is_removal(&self) -> bool {
        match self {
            Change::RemoveMember { .. }
            | Change::Deactivate { .. }
            | Change::Anonymise { .. }
            | Change::Remove { .. }
            | Change::RemoveGroup { .. } => true,
            Change::Create { .. }
            | Change::Reactivate { .. }
            | Change::Rename { .. }
            | Change::Update { .. }
            | Change::CreateGroup { .. }
            | Change::AdoptGroup { .. }
            | Change::MakeLocal { .. }
            | Change::AddMember { .. } => false,
        }
    }
}

/// The fields in which two profiles differ, before and after.
#[derive(Debug)]
pub struct Differences<'a>(pub &'a User, pub &'a User);

#[cfg(test)]
mod tests;
