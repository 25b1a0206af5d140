//! The gate: what may be applied at once, and what waits for a person.
//!
//! Additions always pass. A limit that is exceeded holds every change of its kind, not the ones
//! above the limit: which three of forty deactivations are right is not for us to guess. Whatever
//! depends on a held change is held with it, so that what passes can be applied alone.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use crate::directory::Directory;
use crate::mapping::Desired;
use crate::plan::{Change, Plan, Step};
use crate::principal::{ExternalId, Name};

/// From how many changes of a kind on a plan needs approval.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    pub deactivations: Limit,
    pub removals: Limit,
    pub membership_removals: Limit,
    pub renames: Limit,
    pub email_changes: Limit,
    /// How much of one group may go, in percent of its members.
    pub group_loss_percent_max: u32,
    /// Groups with fewer members are not judged by `group_loss_percent_max`.
    pub group_loss_members_min: usize,
    /// How many fewer active people the source may have than the directory, in percent.
    pub shrinkage_percent_max: u32,
    /// In small directories a percentage is less than one person: as many changes of a kind, or
    /// missing people, always pass.
    pub small_directory_floor: usize,
}

/// Both count, whichever is reached first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limit {
    pub count_max: usize,
    pub percent_max: u32,
}

impl Limits {
    /// What a connector has until somebody changes it. The figures lie below those of the
    /// sync services that people already trust: 20 % of people at one, 30 % of records at another.
    pub const CAREFUL: Limits = Limits {
        deactivations: Limit { count_max: 20, percent_max: 5 },
        removals: Limit { count_max: 20, percent_max: 5 },
        membership_removals: Limit { count_max: 50, percent_max: 10 },
        renames: Limit { count_max: 5, percent_max: 100 },
        email_changes: Limit { count_max: usize::MAX, percent_max: 10 },
        group_loss_percent_max: 30,
        group_loss_members_min: 10,
        shrinkage_percent_max: 10,
        small_directory_floor: 3,
    };
}

impl Limit {
    /// How many changes pass in a directory that holds `total` of what they change.
    fn allowance(self, total: usize, floor: usize) -> usize {
        percent_of(self.percent_max, total).max(floor).min(self.count_max)
    }
}

/// Rounded down.
fn percent_of(percent: u32, total: usize) -> usize {
    let part = u128::from(percent) * total as u128 / 100;
    usize::try_from(part).unwrap_or(usize::MAX)
}

/// One reason against applying a plan as it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Objection {
    /// Nobody was read, or nobody is in scope. It cannot be switched off.
    Empty {
        before: usize,
    },
    Shrunken {
        now: usize,
        before: usize,
        percent_max: u32,
    },
    Deactivations {
        planned: usize,
        allowed: usize,
    },
    Removals {
        planned: usize,
        allowed: usize,
    },
    MembershipRemovals {
        planned: usize,
        allowed: usize,
    },
    Renames {
        planned: usize,
        allowed: usize,
    },
    EmailChanges {
        planned: usize,
        allowed: usize,
    },
    GroupLoss {
        group: Name,
        leaving: usize,
        members: usize,
        percent_max: u32,
    },
}

/// The steps that may be applied, in order. Only this module can make one.
#[derive(Clone, Debug, Default)]
pub struct Approved {
    steps: Vec<Step>,
}

impl Approved {
    /// In the order in which they are to be applied.
    pub fn changes(&self) -> impl ExactSizeIterator<Item = &Change> {
        self.steps.iter().map(|step| &step.change)
    }

    pub fn steps(&self) -> &[Step] {
        &self.steps
    }
}

/// What waits for a person, and why.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Held {
    pub objections: Vec<Objection>,
    /// May be empty: an empty source is objected to even where there is nothing to lose.
    pub steps: Vec<Step>,
}

impl Held {
    pub fn is_empty(&self) -> bool {
        self.objections.is_empty()
    }
}

/// Whether the source told of so few people that its word on who is missing is not to be trusted.
///
/// Asked before anybody is looked up by id, too: to ask for half a tenant one by one would burn the
/// budget on an answer that needs a person anyway.
pub fn shrinkage(desired: &Desired, actual: &Directory, limits: &Limits) -> Option<Objection> {
    judge_shrinkage(desired.people(), actual, limits)
}

/// Parts a plan for `actual` into what passes and what is held.
pub fn check(plan: Plan, actual: &Directory, limits: &Limits) -> (Approved, Held) {
    let mut holding = Holding::default();
    if let Some(objection) = judge_shrinkage(plan.people, actual, limits) {
        holding.every_removal = true;
        holding.objections.push(objection);
    }
    judge_counts(&plan, actual, limits, &mut holding);
    judge_groups(&plan, actual, limits, &mut holding);
    if holding.objections.is_empty() {
        return (Approved { steps: plan.steps }, Held::default());
    }
    holding.names_kept = names_kept(&plan, &holding);
    let dependants = Dependants::find(&plan, &holding);
    let (held, steps): (Vec<Step>, Vec<Step>) = plan
        .steps
        .into_iter()
        .partition(|step| holding.holds(&step.change) || dependants.contains(&step.change, actual));
    (Approved { steps }, Held { objections: holding.objections, steps: held })
}

/// The objections, and which changes they hold.
#[expect(clippy::struct_excessive_bools, reason = "one switch a limit")]
#[derive(Default)]
struct Holding {
    objections: Vec<Objection>,
    every_removal: bool,
    deactivations: bool,
    removals: bool,
    membership_removals: bool,
    renames: bool,
    email_changes: bool,
    leaves_of: BTreeSet<Name>,
    /// Usernames that stay taken because a rename is held.
    names_kept: BTreeSet<Name>,
}

impl Holding {
    fn holds(&self, change: &Change) -> bool {
        if self.every_removal && change.is_removal() {
            return true;
        }
        match change {
            Change::Create { user } => self.names_kept.contains(&user.username),
            Change::Rename { to, .. } => {
                self.names_kept.contains(to) || (self.renames && is_other_username(change))
            }
            Change::Update { .. } => self.email_changes && is_email_change(change),
            Change::RemoveMember { group, .. } => {
                self.membership_removals || self.leaves_of.contains(group)
            }
            Change::Deactivate { .. } => self.deactivations,
            Change::Remove { .. } => self.removals,
            Change::Reactivate { .. }
            | Change::CreateGroup { .. }
            | Change::AddMember { .. }
            | Change::RemoveGroup { .. } => false,
        }
    }
}

/// What cannot be done without a change that is held.
struct Dependants {
    /// Nobody to add to a group.
    uncreated: BTreeSet<ExternalId>,
    /// Somebody is still in the group that was to go.
    unremoved: BTreeSet<ExternalId>,
    still_filled: BTreeSet<Name>,
}

impl Dependants {
    fn find(plan: &Plan, holding: &Holding) -> Dependants {
        let (mut uncreated, mut unremoved) = (BTreeSet::new(), BTreeSet::new());
        let mut still_filled = BTreeSet::new();
        for step in plan.steps.iter().filter(|step| holding.holds(&step.change)) {
            match &step.change {
                Change::Create { user } => {
                    uncreated.insert(user.id.clone());
                }
                Change::Remove { user } => {
                    unremoved.insert(user.id.clone());
                }
                Change::RemoveMember { group, .. } => {
                    still_filled.insert(group.clone());
                }
                Change::Reactivate { .. }
                | Change::Rename { .. }
                | Change::Update { .. }
                | Change::CreateGroup { .. }
                | Change::AddMember { .. }
                | Change::Deactivate { .. }
                | Change::RemoveGroup { .. } => {}
            }
        }
        Dependants { uncreated, unremoved, still_filled }
    }

    fn contains(&self, change: &Change, actual: &Directory) -> bool {
        match change {
            Change::AddMember { user, .. } => self.uncreated.contains(&user.id),
            Change::RemoveGroup { group } => {
                let stays = |member: &ExternalId| self.unremoved.contains(member);
                self.still_filled.contains(group)
                    || actual.groups.get(group).is_some_and(|members| members.iter().any(stays))
            }
            Change::Create { .. }
            | Change::Reactivate { .. }
            | Change::Rename { .. }
            | Change::Update { .. }
            | Change::CreateGroup { .. }
            | Change::RemoveMember { .. }
            | Change::Deactivate { .. }
            | Change::Remove { .. } => false,
        }
    }
}

fn judge_shrinkage(people: usize, actual: &Directory, limits: &Limits) -> Option<Objection> {
    let before = actual.active_users();
    if people == 0 {
        return Some(Objection::Empty { before });
    }
    let percent_max = limits.shrinkage_percent_max;
    let allowed = percent_of(percent_max, before).max(limits.small_directory_floor);
    (allowed < before.saturating_sub(people)).then_some(Objection::Shrunken {
        now: people,
        before,
        percent_max,
    })
}

fn judge_counts(plan: &Plan, actual: &Directory, limits: &Limits, holding: &mut Holding) {
    let exceeds = |limit: Limit, total: usize, is: fn(&Change) -> bool| {
        let planned = plan.steps.iter().filter(|step| is(&step.change)).count();
        let allowed = limit.allowance(total, limits.small_directory_floor);
        (allowed < planned).then_some((planned, allowed))
    };
    let active = actual.active_users();
    if let Some((planned, allowed)) = exceeds(limits.deactivations, active, is_deactivation) {
        holding.deactivations = true;
        holding.objections.push(Objection::Deactivations { planned, allowed });
    }
    if let Some((planned, allowed)) = exceeds(limits.removals, actual.users.len(), is_user_removal)
    {
        holding.removals = true;
        holding.objections.push(Objection::Removals { planned, allowed });
    }
    let memberships = actual.memberships();
    if let Some((planned, allowed)) = exceeds(limits.membership_removals, memberships, is_leave) {
        holding.membership_removals = true;
        holding.objections.push(Objection::MembershipRemovals { planned, allowed });
    }
    if let Some((planned, allowed)) = exceeds(limits.renames, active, is_other_username) {
        holding.renames = true;
        holding.objections.push(Objection::Renames { planned, allowed });
    }
    if let Some((planned, allowed)) = exceeds(limits.email_changes, active, is_email_change) {
        holding.email_changes = true;
        holding.objections.push(Objection::EmailChanges { planned, allowed });
    }
}

/// A group that loses a large part of its members was emptied or renamed more often than not.
fn judge_groups(plan: &Plan, actual: &Directory, limits: &Limits, holding: &mut Holding) {
    let mut leaving: BTreeMap<&Name, usize> = BTreeMap::new();
    for step in &plan.steps {
        if let Change::RemoveMember { group, .. } = &step.change {
            *leaving.entry(group).or_default() += 1;
        }
    }
    for (group, leaving) in leaving {
        let members = actual.groups.get(group).map_or(0, BTreeSet::len);
        let percent_max = limits.group_loss_percent_max;
        let is_judged = limits.group_loss_members_min <= members;
        if is_judged && percent_of(percent_max, members) < leaving {
            holding.leaves_of.insert(group.clone());
            let group = group.clone();
            holding.objections.push(Objection::GroupLoss { group, leaving, members, percent_max });
        }
    }
}

fn is_deactivation(change: &Change) -> bool {
    matches!(change, Change::Deactivate { .. })
}

fn is_user_removal(change: &Change) -> bool {
    matches!(change, Change::Remove { .. })
}

fn is_leave(change: &Change) -> bool {
    matches!(change, Change::RemoveMember { .. })
}

/// Another username, not the same one in other letters.
fn is_other_username(change: &Change) -> bool {
    matches!(change, Change::Rename { user, to } if user.username != *to)
}

fn is_email_change(change: &Change) -> bool {
    matches!(change, Change::Update { before, after }
        if !before.email.is_empty() && before.email != after.email)
}

/// The usernames that stay taken because a rename is held, followed to the end: whoever was to
/// take such a name is held too, and keeps a name in turn.
fn names_kept(plan: &Plan, holding: &Holding) -> BTreeSet<Name> {
    let mut takers: BTreeMap<&Name, &Change> = BTreeMap::new();
    let mut kept = BTreeSet::new();
    let mut open = Vec::new();
    for step in &plan.steps {
        match &step.change {
            Change::Rename { user, to } => {
                takers.insert(to, &step.change);
                if holding.holds(&step.change) {
                    open.push(user.username.clone());
                }
            }
            Change::Create { user } => {
                takers.insert(&user.username, &step.change);
            }
            Change::Reactivate { .. }
            | Change::Update { .. }
            | Change::CreateGroup { .. }
            | Change::AddMember { .. }
            | Change::RemoveMember { .. }
            | Change::Deactivate { .. }
            | Change::Remove { .. }
            | Change::RemoveGroup { .. } => {}
        }
    }
    while let Some(name) = open.pop() {
        if let Some(Change::Rename { user, .. }) = takers.get(&name) {
            let is_news = !kept.contains(&user.username);
            if is_news && user.username != name {
                open.push(user.username.clone());
            }
        }
        kept.insert(name);
    }
    kept
}

impl fmt::Display for Objection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Objection::Empty { before } => write!(
                f,
                "Nobody was read or nobody is in scope; the directory has {before} active people. An empty source is never believed."
            ),
            Objection::Shrunken { now, before, percent_max } => write!(
                f,
                "The source told of {now} people, the directory has {before} active ones: more than {percent_max} % fewer."
            ),
            Objection::Deactivations { planned, allowed } => {
                write!(f, "{planned} people would be deactivated (limit {allowed}).")
            }
            Objection::Removals { planned, allowed } => {
                write!(f, "{planned} people would be removed (limit {allowed}).")
            }
            Objection::MembershipRemovals { planned, allowed } => {
                write!(f, "{planned} memberships would be removed (limit {allowed}).")
            }
            Objection::Renames { planned, allowed } => {
                write!(f, "{planned} usernames would change (limit {allowed}).")
            }
            Objection::EmailChanges { planned, allowed } => {
                write!(f, "{planned} e-mail addresses would change (limit {allowed}).")
            }
            Objection::GroupLoss { group, leaving, members, percent_max } => write!(
                f,
                "Group {group} would lose {leaving} of its {members} members (limit {percent_max} %)."
            ),
        }
    }
}

#[cfg(test)]
mod tests;
