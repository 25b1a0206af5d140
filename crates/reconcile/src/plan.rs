//! The plan: what has to change so that what is becomes what should be.

use std::cmp::Ordering;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::sync::Arc;

use crate::directory::Directory;
use crate::finding::{Finding, FindingKind};
use crate::mapping::Desired;
use crate::pattern::Patterns;
use crate::principal::{ExternalId, Name, User};

/// One atomic step. Its [`Display`](fmt::Display) is what the preview, the report and the log show.
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
    Inactive(Arc<str>),
    Gone,
    OutOfScope(Arc<str>),
    /// A group that nobody is left in.
    Empty,
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
}

/// What became of somebody whom a read did not contain, asked for by id.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Absence {
    /// The source does not know the id any more.
    Gone,
    /// The source knows them, outside of the required groups. The words say what they have instead.
    OutOfScope(Arc<str>),
    /// The source knows them as inactive, in the words of its status.
    Inactive(Arc<str>),
    /// Still there and in scope: the read passed them over. Nothing may be taken from them.
    Present,
}

/// What is done where the source does not decide.
#[derive(Clone, Debug)]
pub struct Policy {
    pub cleanup: Cleanup,
    pub empty_groups: EmptyGroups,
    /// Groups that stay as they are, with whoever is in them.
    pub untouchable: Patterns,
}

impl Policy {
    /// A policy for people and groups without exceptions.
    pub const fn new(cleanup: Cleanup, empty_groups: EmptyGroups) -> Policy {
        Policy { cleanup, empty_groups, untouchable: Patterns::NONE }
    }
}

/// What happens to a user who is gone or out of scope.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Cleanup {
    /// Inactive, with everything else as it is, so that a return restores it all.
    Disable,
    Delete,
    Keep,
}

/// What happens to a group that nobody is in any more.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum EmptyGroups {
    /// Kept: permission schemes name it, and it may fill again.
    Keep,
    Remove,
}

/// Who is to be asked for by id before anything is taken from them: absent from the read, and the
/// policy would change something about them.
pub fn missing(desired: &Desired, actual: &Directory, policy: &Policy) -> Vec<ExternalId> {
    let is_at_stake = |user: &User| match policy.cleanup {
        Cleanup::Disable => user.active,
        Cleanup::Delete => true,
        Cleanup::Keep => false,
    };
    let absent = side_by_side(desired, actual).filter(|(wanted, _)| wanted.is_none());
    absent
        .filter_map(|(_, present)| present)
        .filter(|user| is_at_stake(user) && !desired.withheld.contains(&user.id))
        .map(|user| user.id.clone())
        .collect()
}

/// Plans the way from `actual` to `desired`.
///
/// Whoever is absent from `desired` and has no entry in `gone` keeps everything.
pub fn plan(
    desired: &Desired,
    actual: &Directory,
    gone: &BTreeMap<ExternalId, Absence>,
    policy: &Policy,
) -> (Plan, Vec<Finding>) {
    let mut findings = Vec::new();
    let different = different(desired, actual);
    let blocked = blocked_usernames(&different, desired, actual, &mut findings);
    let mut stages = Stages::default();
    for (user, present) in different {
        match present {
            Some(present) => plan_present(present, user, desired, &blocked, &mut stages),
            None if !user.active => findings.push(not_created(user, desired)),
            None if blocked.contains(&user.id) => {}
            None => {
                let change = Change::Create { user: Arc::clone(user) };
                stages.users.push(Step { change, reason: Reason::New });
            }
        }
    }
    let removed = plan_absent(desired, actual, gone, policy, &mut stages, &mut findings);
    plan_groups(desired, actual, &blocked, &removed, policy, &mut stages);
    (Plan { steps: stages.in_order(), people: desired.people() }, findings)
}

/// Everybody of either side, by id: what should be beside what is. One walk along both, because a
/// search for each of a hundred thousand people is the most of what a plan costs.
fn side_by_side<'a>(
    desired: &'a Desired,
    actual: &'a Directory,
) -> impl Iterator<Item = (Option<&'a Arc<User>>, Option<&'a Arc<User>>)> {
    let mut wanted = desired.directory.users.iter().peekable();
    let mut present = actual.users.iter().peekable();
    std::iter::from_fn(move || {
        let order = match (wanted.peek(), present.peek()) {
            (Some((one, _)), Some((other, _))) => one.cmp(other),
            (Some(_), None) => Ordering::Less,
            (None, Some(_)) => Ordering::Greater,
            (None, None) => return None,
        };
        let wanted = if order.is_le() { wanted.next() } else { None };
        let present = if order.is_ge() { present.next() } else { None };
        Some((wanted.map(|(_, user)| user), present.map(|(_, user)| user)))
    })
}

/// Somebody as they should be, and as they are if they are there.
type Pair<'a> = (&'a Arc<User>, Option<&'a Arc<User>>);

/// Whoever is new or not as they should be, to the letter. Usually that is almost nobody, and all
/// that follows looks at them alone.
fn different<'a>(desired: &'a Desired, actual: &'a Directory) -> Vec<Pair<'a>> {
    let is_same = |wanted: &Arc<User>, present: &Arc<User>| {
        present.username.same_spelling(&wanted.username) && present == wanted
    };
    side_by_side(desired, actual)
        .filter_map(|(wanted, present)| Some((wanted?, present)))
        .filter(|(wanted, present)| present.is_none_or(|present| !is_same(wanted, present)))
        .collect()
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
        let mut steps = users;
        for mut stage in [new_groups, joins, leaves, deactivations, removals] {
            steps.append(&mut stage);
        }
        steps.shrink_to_fit();
        steps
    }
}

/// Who cannot have the username that the source gives them, because an account that keeps its
/// username holds it.
///
/// Two people who swap usernames are not blocked: both let go. Whoever is blocked keeps their
/// present username, which may block somebody else in turn.
fn blocked_usernames(
    different: &[Pair<'_>],
    desired: &Desired,
    actual: &Directory,
    findings: &mut Vec<Finding>,
) -> BTreeSet<ExternalId> {
    let mut blocked = BTreeSet::new();
    let mut claims: BTreeMap<&Name, &User> = BTreeMap::new();
    for (user, present) in different {
        let claims_a_name = match present {
            Some(present) => present.username != user.username,
            None => user.active,
        };
        if claims_a_name {
            claims.insert(&user.username, user);
        }
    }
    if claims.is_empty() {
        return blocked;
    }
    let moves = |user: &User| {
        let wanted = desired.directory.users.get(&user.id);
        wanted.is_some_and(|wanted| wanted.username != user.username)
    };
    let mut holders: Vec<&Arc<User>> = actual.users.values().filter(|user| !moves(user)).collect();
    while let Some(holder) = holders.pop() {
        let Some(claimant) = claims.remove(&holder.username) else { continue };
        findings.push(username_taken(claimant, holder));
        blocked.insert(claimant.id.clone());
        holders.extend(actual.users.get(&claimant.id));
    }
    blocked
}

fn plan_present(
    present: &Arc<User>,
    wanted: &Arc<User>,
    desired: &Desired,
    blocked: &BTreeSet<ExternalId>,
    stages: &mut Stages,
) {
    // Destructured, so that a new field cannot be forgotten.
    let User {
        id,
        username,
        email,
        display_name,
        first_name,
        last_name,
        active,
        attributes,
        source_id,
    } = &**wanted;
    let user = || Arc::clone(present);
    if *active && !present.active {
        let change = Change::Reactivate { user: user() };
        stages.users.push(Step { change, reason: Reason::ActiveAgain });
    }
    if !present.username.same_spelling(username) && !blocked.contains(id) {
        let change = Change::Rename { user: user(), to: username.clone() };
        stages.users.push(Step { change, reason: Reason::Changed });
    }
    let same_profile = present.email == *email
        && present.display_name == *display_name
        && present.first_name == *first_name
        && present.last_name == *last_name
        && present.attributes == *attributes
        && present.source_id == *source_id;
    if !same_profile {
        let change = Change::Update { before: user(), after: Arc::clone(wanted) };
        stages.users.push(Step { change, reason: Reason::Changed });
    }
    if !*active && present.active {
        let words = desired.inactive.get(id).cloned().unwrap_or_default();
        let change = Change::Deactivate { user: user() };
        stages.deactivations.push(Step { change, reason: Reason::Inactive(words) });
    }
}

/// Returns who is removed.
fn plan_absent(
    desired: &Desired,
    actual: &Directory,
    gone: &BTreeMap<ExternalId, Absence>,
    policy: &Policy,
    stages: &mut Stages,
    findings: &mut Vec<Finding>,
) -> BTreeSet<ExternalId> {
    let mut removed = BTreeSet::new();
    for (id, absence) in gone {
        let Some(user) = actual.users.get(id).filter(|_| !desired.knows(id)) else { continue };
        let (cleanup, reason) = match absence {
            Absence::Present => {
                findings.push(passed_over(user));
                continue;
            }
            Absence::Gone => (policy.cleanup, Reason::Gone),
            Absence::OutOfScope(words) => (policy.cleanup, Reason::OutOfScope(Arc::clone(words))),
            // The source still has them, so nothing is lost by waiting with more than this.
            Absence::Inactive(words) => (Cleanup::Disable, Reason::Inactive(Arc::clone(words))),
        };
        let user = Arc::clone(user);
        match cleanup {
            Cleanup::Disable if user.active => {
                stages.deactivations.push(Step { change: Change::Deactivate { user }, reason });
            }
            Cleanup::Delete => {
                removed.insert(id.clone());
                stages.removals.push(Step { change: Change::Remove { user }, reason });
            }
            Cleanup::Disable | Cleanup::Keep => {}
        }
    }
    removed
}

fn plan_groups(
    desired: &Desired,
    actual: &Directory,
    blocked: &BTreeSet<ExternalId>,
    removed: &BTreeSet<ExternalId>,
    policy: &Policy,
    stages: &mut Stages,
) {
    let nobody = BTreeSet::new();
    for (group, wanted) in &desired.directory.groups {
        let present = actual.groups.get(group);
        if present == Some(wanted) || policy.untouchable.matches(group) {
            continue;
        }
        let joining = wanted.difference(present.unwrap_or(&nobody));
        let joining: Vec<&Arc<User>> = joining
            .filter_map(|id| {
                let user = desired.directory.users.get(id)?;
                let has_account = actual.users.contains_key(id);
                let gets_account = user.active && !blocked.contains(id);
                (has_account || gets_account).then_some(user)
            })
            .collect();
        if joining.is_empty() {
            continue;
        }
        let origin = desired.origins.get(group).cloned().unwrap_or_default();
        if present.is_none() {
            let change = Change::CreateGroup { group: group.clone() };
            stages.new_groups.push(Step { change, reason: Reason::Granted(Arc::clone(&origin)) });
        }
        for user in joining {
            let change = Change::AddMember { group: group.clone(), user: Arc::clone(user) };
            stages.joins.push(Step { change, reason: Reason::Granted(Arc::clone(&origin)) });
        }
    }
    for (group, present) in &actual.groups {
        let wanted = desired.directory.groups.get(group).unwrap_or(&nobody);
        let is_settled = present == wanted && !present.is_empty();
        if is_settled || policy.untouchable.matches(group) {
            continue;
        }
        let mut left = present.len();
        for id in present.difference(wanted) {
            // Only those whom the source decides on; the others keep what they have.
            if desired.directory.users.contains_key(id)
                && let Some(user) = actual.users.get(id)
            {
                let change = Change::RemoveMember { group: group.clone(), user: Arc::clone(user) };
                stages.leaves.push(Step { change, reason: Reason::NotGranted });
                left -= 1;
            } else if removed.contains(id) {
                left -= 1;
            }
        }
        let is_unused = left == 0 && wanted.is_empty();
        if is_unused && policy.empty_groups == EmptyGroups::Remove {
            let change = Change::RemoveGroup { group: group.clone() };
            stages.removals.push(Step { change, reason: Reason::Empty });
        }
    }
}

fn not_created(user: &User, desired: &Desired) -> Finding {
    let words = desired.inactive.get(&user.id).map_or("inactive", |words| words);
    Finding {
        kind: FindingKind::NotCreated,
        id: Some(user.id.clone()),
        username: Some(user.username.as_str().into()),
        message: format!("{words}, and without an account so far, so none is made."),
    }
}

fn username_taken(claimant: &User, holder: &User) -> Finding {
    let state = if holder.active { "active" } else { "inactive" };
    Finding {
        kind: FindingKind::Conflict,
        id: Some(claimant.id.clone()),
        username: Some(claimant.username.as_str().into()),
        message: format!(
            "The username is held by the {state} account of {}, which keeps it.",
            holder.id
        ),
    }
}

fn passed_over(user: &User) -> Finding {
    Finding {
        kind: FindingKind::PassedOver,
        id: Some(user.id.clone()),
        username: Some(user.username.as_str().into()),
        message: "Absent from the read, but the source still has them when asked by id. Nothing was taken away."
            .to_owned(),
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
            Change::AddMember { .. } => "add-to-group",
            Change::RemoveMember { .. } => "remove-from-group",
            Change::Deactivate { .. } => "deactivate",
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
            | Change::AddMember { user, .. }
            | Change::RemoveMember { user, .. }
            | Change::Deactivate { user }
            | Change::Remove { user } => Some(user),
            Change::CreateGroup { .. } | Change::RemoveGroup { .. } => None,
        }
    }

    pub fn group(&self) -> Option<&Name> {
        match self {
            Change::CreateGroup { group }
            | Change::AddMember { group, .. }
            | Change::RemoveMember { group, .. }
            | Change::RemoveGroup { group } => Some(group),
            Change::Create { .. }
            | Change::Reactivate { .. }
            | Change::Rename { .. }
            | Change::Update { .. }
            | Change::Deactivate { .. }
            | Change::Remove { .. } => None,
        }
    }

    /// Whether it takes something from somebody.
    pub fn is_removal(&self) -> bool {
        match self {
            Change::RemoveMember { .. }
            | Change::Deactivate { .. }
            | Change::Remove { .. }
            | Change::RemoveGroup { .. } => true,
            Change::Create { .. }
            | Change::Reactivate { .. }
            | Change::Rename { .. }
            | Change::Update { .. }
            | Change::CreateGroup { .. }
            | Change::AddMember { .. } => false,
        }
    }
}

impl fmt::Display for Change {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Change::Create { user } => {
                write!(f, "+ create {} ({})", user.username, user.display_name)
            }
            Change::Reactivate { user } => write!(f, "+ reactivate {}", user.username),
            Change::Rename { user, to } => write!(f, "~ rename {} to {to}", user.username),
            Change::Update { before, after } => {
                write!(f, "~ update {}: {}", before.username, Differences(before, after))
            }
            Change::CreateGroup { group } => write!(f, "+ create group {group}"),
            Change::AddMember { group, user } => {
                write!(f, "+ add {} to group {group}", user.username)
            }
            Change::RemoveMember { group, user } => {
                write!(f, "- remove {} from group {group}", user.username)
            }
            Change::Deactivate { user } => write!(f, "- deactivate {}", user.username),
            Change::Remove { user } => write!(f, "- remove {}", user.username),
            Change::RemoveGroup { group } => write!(f, "- remove group {group}"),
        }
    }
}

/// The fields in which two profiles differ, before and after.
#[derive(Debug)]
pub struct Differences<'a>(pub &'a User, pub &'a User);

impl fmt::Display for Differences<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Differences(before, after) = self;
        let fields = [
            ("e-mail", &before.email, &after.email),
            ("display name", &before.display_name, &after.display_name),
            ("first name", &before.first_name, &after.first_name),
            ("last name", &before.last_name, &after.last_name),
        ];
        let mut separator = "";
        for (field, before, after) in
            fields.into_iter().filter(|(_, before, after)| before != after)
        {
            write!(f, "{separator}{field} {before:?} -> {after:?}")?;
            separator = ", ";
        }
        let names: BTreeSet<&Arc<str>> =
            before.attributes.iter().chain(after.attributes.iter()).map(|(name, _)| name).collect();
        for name in names {
            let (before, after) = (before.attributes.get(name), after.attributes.get(name));
            if before != after {
                let (before, after) = (before.unwrap_or_default(), after.unwrap_or_default());
                write!(f, "{separator}{name} {before:?} -> {after:?}")?;
                separator = ", ";
            }
        }
        if before.source_id != after.source_id {
            let (before, after) = (before.source_id(), after.source_id());
            write!(f, "{separator}id in the source {before} -> {after}")?;
        }
        Ok(())
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Reason::New => f.write_str("new in the source"),
            Reason::Changed => f.write_str("changed in the source"),
            Reason::ActiveAgain => f.write_str("active again in the source"),
            Reason::Granted(origin) => write!(f, "granted by {origin}"),
            Reason::NotGranted => f.write_str("no group source grants it any more"),
            Reason::Inactive(words) => write!(f, "the source says {words}"),
            Reason::Gone => f.write_str("gone, asked for by id"),
            Reason::OutOfScope(words) => write!(f, "out of scope: {words}"),
            Reason::Empty => f.write_str("nobody is in it any more"),
        }
    }
}

impl fmt::Display for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({})", self.change, self.reason)
    }
}

/// One line a step, in the order in which they are done.
impl fmt::Display for Plan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.steps.iter().try_for_each(|step| writeln!(f, "{step}"))
    }
}

#[cfg(test)]
mod tests;
