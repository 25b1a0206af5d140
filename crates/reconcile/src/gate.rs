//! The gate: what may be applied at once, and what waits for a person.
//!
//! Additions pass, unless they reach a privileged group. A limit that is exceeded holds every change
//! of its kind, not the ones above the limit: which three of forty deactivations are right is not
//! for us to guess. Whatever depends on a held change is held with it, so that what passes can be
//! applied alone.
//!
//! A change that was seen and approved passes, however many there are; whatever was not seen is
//! judged as if nothing had been approved. A rejected change is taken out before anything is counted.
//!
//! Rules that no run has tried are asked about for all that they take away, and for values that they
//! overwrite for many.

pub mod cause;
mod closure;
pub mod decisions;
mod values;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use self::decisions::{Acceptance, Decisions, Identity};
use crate::directory::Directory;
use crate::figure::{counted, figure};
use crate::mapping::Desired;
use crate::pattern::Patterns;
use crate::plan::values::spoken;
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
    /// missing people, always pass; but no more than half of the people lose their access or account.
    pub small_directory_floor: usize,
    pub hold: Hold,
}

/// What is held where a limit is exceeded.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Hold {
    /// What the objection is about, and what depends on it. Everything else flows.
    Harmful,
    /// Everything: the connector stands still until somebody has decided.
    Everything,
}

/// What a plan is judged by.
#[derive(Clone, Copy, Debug)]
pub struct Terms<'a> {
    pub limits: &'a Limits,
    pub decisions: &'a Decisions,
    pub rules: Rules,
    /// What the rules are known by.
    pub known_by: &'a str,
    /// Groups that give power over others: whoever joins or leaves one, or is active in it again, is
    /// always asked about.
    pub privileged: &'a Patterns,
}

/// How the rules of a connector stand to those that were tried last.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Rules {
    /// Nothing was changed by others since.
    Unchanged,
    /// A mistake in a rule looks like a change of everybody: what it would take away is asked about.
    Changed,
    /// There was no good run yet.
    Untried,
}

impl Rules {
    /// Whether a step is to be asked about for what it takes away: the rules are new, or were when it was
    /// noticed.
    fn are_behind(self, step: &Step) -> bool {
        match self {
            Rules::Changed | Rules::Untried => true,
            // Who had to wait, or was not to be told of, for longer than the rules were new.
            Rules::Unchanged => step.reason.by_new_rules().is_some(),
        }
    }
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
        hold: Hold::Harmful,
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
    /// Always asked about.
    Privileged {
        group: Name,
        joining: usize,
        /// Members who are active again.
        returning: usize,
        leaving: usize,
    },
    /// A group that somebody else made would become ours. Always asked about.
    Adoption {
        group: Name,
        joining: usize,
        leaving: usize,
    },
    /// The rules are others than in the last good run, or there was none; or they are the same, and
    /// what they noticed while they were new counts by now, or what was hidden from them shows.
    NewRules {
        rules: Rules,
        removals: usize,
    },
    /// As of [`Objection::NewRules`]: people have a value, and would have none.
    Emptied {
        rules: Rules,
        attribute: Box<str>,
        people: usize,
    },
    /// Rules that are new would give many people another value.
    Overwritten {
        attribute: Box<str>,
        people: usize,
        /// Who has a value now.
        of: usize,
        percent_max: u32,
    },
    /// Seen by somebody who approved or rejected other changes beside them.
    LeftOut {
        planned: usize,
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

/// What waits for a person, and why; and what a person has said no to.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Held {
    pub objections: Vec<Objection>,
    /// May be empty: an empty source is objected to even where there is nothing to lose.
    pub steps: Vec<Step>,
    /// Somebody rejected them, or what they depend on. They wait for nobody.
    pub rejected: Vec<Step>,
}

impl Held {
    /// Whether nothing waits for a person.
    pub fn is_empty(&self) -> bool {
        self.objections.is_empty()
    }
}

/// Whether the source told of so few people that its word on who is missing is not to be trusted.
///
/// Asked before anybody is looked up by id, too: to ask for half a tenant one by one would burn the
/// budget on an answer that needs a person anyway.
pub fn shrinkage(desired: &Desired, actual: &Directory, terms: &Terms<'_>) -> Option<Objection> {
    judge_shrinkage(desired.people(), actual, terms)
}

/// Parts a plan for `actual` into what passes and what is held.
pub fn check(plan: Plan, actual: &Directory, terms: &Terms<'_>) -> (Approved, Held) {
    let Plan { steps, people, memory: _, undecided: _ } = plan;
    let (steps, rejected) = without_rejected(steps, actual, terms.decisions);
    let mut judgement = Judgement::of(&steps, people, terms.decisions);
    if let Some(objection) = judge_shrinkage(people, actual, terms) {
        judgement.hold(Change::is_removal);
        judgement.objections.push(objection);
    }
    let crossings = Crossings::of(&steps, actual);
    judge_counts(&mut judgement, actual, &crossings, terms.limits);
    judge_groups(&mut judgement, actual, &crossings, terms.limits);
    judge_privileged(&mut judgement, &crossings, terms.privileged);
    judge_adoptions(&mut judgement, terms.decisions);
    judge_rules(&mut judgement, terms.rules);
    values::judge(&mut judgement, actual, terms);
    judge_left_out(&mut judgement, terms.decisions);
    let Judgement { objections, mut held, is_open, .. } = judgement;
    if objections.is_empty() {
        return (Approved { steps }, Held { rejected, ..Held::default() });
    }
    if terms.limits.hold == Hold::Everything {
        // An adoption may wait although it is approved.
        held = held.iter().zip(&is_open).map(|(held, is_open)| *held || *is_open).collect();
    }
    closure::close(&steps, actual, &mut held);
    let (held, steps) = part(steps, &held);
    (Approved { steps }, Held { objections, steps: held, rejected })
}

/// Who leaves groups and who comes back to them, whether or not a change names the group: an account
/// that is removed leaves all of its groups, and one that is active again has its old ones.
#[derive(Default)]
struct Crossings<'a> {
    leaving: Members<'a>,
    returning: Members<'a>,
    /// Who is in a group and is removed.
    removed: BTreeSet<&'a ExternalId>,
}

type Members<'a> = BTreeMap<&'a Name, BTreeSet<&'a ExternalId>>;

impl<'a> Crossings<'a> {
    fn of(steps: &'a [Step], actual: &'a Directory) -> Crossings<'a> {
        let (mut removed, mut reactivated) = (BTreeSet::new(), BTreeSet::new());
        let mut crossings = Crossings::default();
        for step in steps {
            match &step.change {
                Change::Remove { user } => drop(removed.insert(&user.id)),
                Change::Reactivate { user } => drop(reactivated.insert(&user.id)),
                Change::RemoveMember { group, user } => {
                    crossings.leaving.entry(group).or_default().insert(&user.id);
                }
                Change::Create { .. }
                | Change::Rename { .. }
                | Change::Update { .. }
                | Change::CreateGroup { .. }
                | Change::AdoptGroup { .. }
                | Change::MakeLocal { .. }
                | Change::AddMember { .. }
                | Change::Deactivate { .. }
                | Change::Anonymise { .. }
                | Change::RemoveGroup { .. } => {}
            }
        }
        if removed.is_empty() && reactivated.is_empty() {
            return crossings;
        }
        for (group, members) in &actual.groups {
            for id in members {
                if removed.contains(id) {
                    crossings.removed.insert(id);
                    crossings.leaving.entry(group).or_default().insert(id);
                }
                if reactivated.contains(id) {
                    crossings.returning.entry(group).or_default().insert(id);
                }
            }
        }
        crossings
    }

    /// Memberships that end.
    fn ending(&self) -> usize {
        self.leaving.values().map(BTreeSet::len).sum()
    }

    /// Whether a membership ends by it, of any group or of this one.
    fn ends_one(&self, change: &Change, of: Option<&Name>) -> bool {
        match change {
            Change::RemoveMember { group, .. } => of.is_none_or(|it| it == group),
            Change::Remove { user } => match of {
                Some(group) => is_among(&self.leaving, group, &user.id),
                None => self.removed.contains(&user.id),
            },
            Change::Create { .. }
            | Change::Reactivate { .. }
            | Change::Rename { .. }
            | Change::Update { .. }
            | Change::CreateGroup { .. }
            | Change::AdoptGroup { .. }
            | Change::MakeLocal { .. }
            | Change::AddMember { .. }
            | Change::Deactivate { .. }
            | Change::Anonymise { .. }
            | Change::RemoveGroup { .. } => false,
        }
    }

    /// Whether somebody is active in the group again by it.
    fn brings_back(&self, change: &Change, to: &Name) -> bool {
        matches!(change, Change::Reactivate { user } if is_among(&self.returning, to, &user.id))
    }
}

fn is_among(members: &Members<'_>, group: &Name, id: &ExternalId) -> bool {
    members.get(group).is_some_and(|members| members.contains(id))
}

/// The objections, and which steps they hold.
struct Judgement<'a> {
    steps: &'a [Step],
    /// Which steps nobody has approved.
    is_open: Vec<bool>,
    held: Vec<bool>,
    objections: Vec<Objection>,
}

impl<'a> Judgement<'a> {
    fn of(steps: &'a [Step], people: usize, decisions: &Decisions) -> Judgement<'a> {
        // Nobody can have seen that an empty source is right.
        let nothing_approved = decisions.approved.is_empty() || people == 0;
        let is_open = |step: &Step| {
            nothing_approved || !decisions.approved.contains_key(&Identity::of(&step.change))
        };
        Judgement {
            steps,
            is_open: steps.iter().map(is_open).collect(),
            held: vec![false; steps.len()],
            objections: Vec::new(),
        }
    }

    fn count(&self, is: impl Fn(&Change) -> bool) -> usize {
        self.steps.iter().filter(|step| is(&step.change)).count()
    }

    /// Holds the open steps of a kind, and tells how many there are.
    fn hold(&mut self, is: impl Fn(&Change) -> bool) -> usize {
        self.hold_steps(|step| is(&step.change))
    }

    fn hold_steps(&mut self, is: impl Fn(&Step) -> bool) -> usize {
        let mut found = 0;
        for ((step, is_open), held) in self.steps.iter().zip(&self.is_open).zip(&mut self.held) {
            if *is_open && is(step) {
                *held = true;
                found += 1;
            }
        }
        found
    }

    /// Objects to the open steps of a kind. Where all of it was approved there is nothing to say.
    fn object(&mut self, objection: Objection, is: impl Fn(&Change) -> bool) {
        if 0 < self.hold(is) {
            self.objections.push(objection);
        }
    }
}

/// Takes out what somebody said no to, with whatever cannot be done without it.
fn without_rejected(
    steps: Vec<Step>,
    actual: &Directory,
    decisions: &Decisions,
) -> (Vec<Step>, Vec<Step>) {
    if decisions.rejected.is_empty() {
        return (steps, Vec::new());
    }
    let is_rejected = |step: &Step| decisions.is_rejected(&step.change);
    let mut rejected: Vec<bool> = steps.iter().map(is_rejected).collect();
    closure::close(&steps, actual, &mut rejected);
    let (rejected, steps) = part(steps, &rejected);
    (steps, rejected)
}

/// The steps that are marked, and the others.
fn part(steps: Vec<Step>, marks: &[bool]) -> (Vec<Step>, Vec<Step>) {
    let (mut marked, mut others) = (Vec::new(), Vec::new());
    for (step, mark) in steps.into_iter().zip(marks) {
        if *mark { marked.push(step) } else { others.push(step) }
    }
    (marked, others)
}

fn judge_shrinkage(people: usize, actual: &Directory, terms: &Terms<'_>) -> Option<Objection> {
    let before = actual.active_users();
    if people == 0 {
        return Some(Objection::Empty { before });
    }
    // Other rules may leave as many people, and other ones.
    let is_accepted = |it: &Acceptance| *it.rules == *terms.known_by && it.people <= people;
    if terms.decisions.people_accepted.as_ref().is_some_and(is_accepted) {
        return None;
    }
    let percent_max = terms.limits.shrinkage_percent_max;
    let allowed = percent_of(percent_max, before).max(terms.limits.small_directory_floor);
    (allowed < before.saturating_sub(people)).then_some(Objection::Shrunken {
        now: people,
        before,
        percent_max,
    })
}

fn judge_counts(
    judgement: &mut Judgement<'_>,
    actual: &Directory,
    crossings: &Crossings<'_>,
    limits: &Limits,
) {
    let (active, users) = (actual.active_users(), actual.users.len());
    let allowed = |limit: Limit, total| limit.allowance(total, limits.small_directory_floor);
    let judge = |judgement: &mut Judgement<'_>,
                 allowed: usize,
                 is: fn(&Change) -> bool,
                 said: fn(_, _) -> Objection| {
        let planned = judgement.count(is);
        if allowed < planned {
            judgement.object(said(planned, allowed), is);
        }
    };
    // Of a handful of people, what always passes would be most of them, of one kind or of both together.
    let are_most = half_of(active) < losing_access(judgement.steps);
    let of_both = [is_deactivation, is_user_removal].iter().all(|is| 0 < judgement.count(is));
    let allowed_people = |limit: Limit, total: usize| {
        let floor_max = match (are_most, of_both) {
            (true, true) => 0,
            (true, false) => half_of(active),
            (false, _) => half_of(total),
        };
        limit.allowance(total, limits.small_directory_floor.min(floor_max))
    };
    let deactivations = allowed_people(limits.deactivations, active);
    judge(judgement, deactivations, is_deactivation, |planned, allowed| Objection::Deactivations {
        planned,
        allowed,
    });
    let removals = allowed_people(limits.removals, users);
    judge(judgement, removals, is_user_removal, |planned, allowed| Objection::Removals {
        planned,
        allowed,
    });
    let planned = crossings.ending();
    let memberships = allowed(limits.membership_removals, actual.memberships());
    if memberships < planned {
        let objection = Objection::MembershipRemovals { planned, allowed: memberships };
        judgement.object(objection, |it| crossings.ends_one(it, None));
    }
    let renames = allowed(limits.renames, active);
    judge(judgement, renames, is_other_username, |planned, allowed| Objection::Renames {
        planned,
        allowed,
    });
    let email_changes = allowed(limits.email_changes, active);
    judge(judgement, email_changes, is_email_change, |planned, allowed| Objection::EmailChanges {
        planned,
        allowed,
    });
}

/// One of one is no more than half.
fn half_of(people: usize) -> usize {
    (people / 2).max(1)
}

/// How many active people are inactive or without an account afterwards.
fn losing_access(steps: &[Step]) -> usize {
    let losing =
        steps.iter().filter(|it| is_deactivation(&it.change) || is_user_removal(&it.change));
    let losing = losing.filter_map(|it| it.change.user()).filter(|user| user.active);
    losing.map(|user| &user.id).collect::<BTreeSet<&ExternalId>>().len()
}

/// A group that loses a large part of its members was emptied or renamed more often than not.
fn judge_groups(
    judgement: &mut Judgement<'_>,
    actual: &Directory,
    crossings: &Crossings<'_>,
    limits: &Limits,
) {
    for (group, leaving) in &crossings.leaving {
        let (leaving, group) = (leaving.len(), *group);
        let members = actual.groups.get(group).map_or(0, BTreeSet::len);
        let percent_max = limits.group_loss_percent_max;
        let is_judged = limits.group_loss_members_min <= members;
        if is_judged && percent_of(percent_max, members) < leaving {
            let objection =
                Objection::GroupLoss { group: group.clone(), leaving, members, percent_max };
            judgement.object(objection, |it| crossings.ends_one(it, Some(group)));
        }
    }
}

/// Whoever is deactivated and keeps their groups does not leave: to ask would leave the power with
/// somebody who is gone until somebody answers. To give it back is asked about.
fn judge_privileged(
    judgement: &mut Judgement<'_>,
    crossings: &Crossings<'_>,
    privileged: &Patterns,
) {
    let Crossings { leaving, returning, removed: _ } = crossings;
    let steps = judgement.steps.iter();
    let named: BTreeSet<&Name> = steps.filter_map(|step| step.change.group()).collect();
    let touched: BTreeSet<&Name> =
        named.into_iter().chain(leaving.keys().copied()).chain(returning.keys().copied()).collect();
    let members = |of: &Members<'_>, group: &Name| of.get(group).map_or(0, BTreeSet::len);
    for group in touched.into_iter().filter(|it| privileged.matches(it)) {
        let is_of_group = |it: &Change| it.group() == Some(group);
        let is_joining = |it: &Change| is_of_group(it) && matches!(it, Change::AddMember { .. });
        let objection = Objection::Privileged {
            group: group.clone(),
            joining: judgement.count(is_joining),
            returning: members(returning, group),
            leaving: members(leaving, group),
        };
        judgement.object(objection, |it| {
            is_of_group(it)
                || crossings.ends_one(it, Some(group))
                || crossings.brings_back(it, group)
        });
    }
}

/// Whoever joins or leaves such a group waits with it, and it with whomever nobody has seen: once it is
/// ours, they would pass as any other change does.
fn judge_adoptions(judgement: &mut Judgement<'_>, decisions: &Decisions) {
    let steps = judgement.steps;
    for (place, step) in steps.iter().enumerate() {
        let Change::AdoptGroup { group } = &step.change else { continue };
        let of_group =
            |is: fn(&Change) -> bool| judgement.count(|it| it.group() == Some(group) && is(it));
        let joining = of_group(|it| matches!(it, Change::AddMember { .. }));
        let leaving = of_group(is_leave);
        let waits = |(at, (step, is_open)): (usize, (&Step, &bool))| {
            let was_seen = || decisions.left_out.contains_key(&Identity::of(&step.change));
            *is_open && step.change.group() == Some(group) && (at == place || !was_seen())
        };
        if !steps.iter().zip(&judgement.is_open).enumerate().any(waits) {
            continue;
        }
        if let Some(held) = judgement.held.get_mut(place) {
            *held = true;
        }
        judgement.objections.push(Objection::Adoption { group: group.clone(), joining, leaving });
    }
}

fn judge_rules(judgement: &mut Judgement<'_>, rules: Rules) {
    // Only what nobody has approved is asked about.
    let removals = judgement.hold_steps(|step| step.change.is_removal() && rules.are_behind(step));
    if 0 < removals {
        judgement.objections.push(Objection::NewRules { rules, removals });
    }
}

fn judge_left_out(judgement: &mut Judgement<'_>, decisions: &Decisions) {
    if decisions.left_out.is_empty() {
        return;
    }
    let is_left_out = |change: &Change| decisions.left_out.contains_key(&Identity::of(change));
    let planned = judgement.hold(is_left_out);
    if 0 < planned {
        judgement.objections.push(Objection::LeftOut { planned });
    }
}

fn is_deactivation(change: &Change) -> bool {
    matches!(change, Change::Deactivate { .. })
}

fn is_user_removal(change: &Change) -> bool {
    matches!(change, Change::Remove { .. } | Change::Anonymise { .. })
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

impl Objection {
    /// The word in reports, exports and the database.
    pub fn word(&self) -> &'static str {
        match self {
            Objection::Empty { .. } => "empty",
            Objection::Shrunken { .. } => "shrunken",
            Objection::Deactivations { .. } => "deactivations",
            Objection::Removals { .. } => "removals",
            Objection::MembershipRemovals { .. } => "membership-removals",
            Objection::Renames { .. } => "renames",
            Objection::EmailChanges { .. } => "email-changes",
            Objection::GroupLoss { .. } => "group-loss",
            Objection::Privileged { .. } => "privileged",
            Objection::Adoption { .. } => "adoption",
            Objection::NewRules { .. } => "new-rules",
            Objection::Emptied { .. } => "emptied",
            Objection::Overwritten { .. } => "overwritten",
            Objection::LeftOut { .. } => "left-out",
        }
    }

    /// The words of objections that are made because rules are new, or were. Rules are not tried while
    /// one of them stands.
    pub const ABOUT_NEW_RULES: [&'static str; 3] = ["new-rules", "emptied", "overwritten"];

    pub fn is_about_new_rules(&self) -> bool {
        Objection::ABOUT_NEW_RULES.contains(&self.word())
    }

    /// Whether whoever is missing was not asked for, so that the plan says nothing of them.
    pub fn is_about_the_read(&self) -> bool {
        match self {
            Objection::Empty { .. } | Objection::Shrunken { .. } => true,
            Objection::Deactivations { .. }
            | Objection::Removals { .. }
            | Objection::MembershipRemovals { .. }
            | Objection::Renames { .. }
            | Objection::EmailChanges { .. }
            | Objection::GroupLoss { .. }
            | Objection::Privileged { .. }
            | Objection::Adoption { .. }
            | Objection::NewRules { .. }
            | Objection::Emptied { .. }
            | Objection::Overwritten { .. }
            | Objection::LeftOut { .. } => false,
        }
    }
}

impl fmt::Display for Objection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Objection::Empty { before } => write!(
                f,
                "Nobody was read or nobody is in scope; the directory has {}. An empty source is never believed.",
                counted(*before, "active person", "active people")
            ),
            Objection::Shrunken { now, before, percent_max } => write!(
                f,
                "The source told of {}, the directory has {} active ones: more than {percent_max} % fewer.",
                counted(*now, "person", "people"),
                figure(*before)
            ),
            Objection::Deactivations { planned, allowed } => {
                let who = counted(*planned, "person", "people");
                write!(f, "{who} would be deactivated (limit {}).", figure(*allowed))
            }
            Objection::Removals { planned, allowed } => {
                let who = counted(*planned, "person", "people");
                write!(f, "{who} would be removed or anonymised (limit {}).", figure(*allowed))
            }
            Objection::MembershipRemovals { planned, allowed } => {
                let who = counted(*planned, "membership", "memberships");
                write!(f, "{who} would be removed (limit {}).", figure(*allowed))
            }
            Objection::Renames { planned, allowed } => {
                let who = counted(*planned, "username", "usernames");
                write!(f, "{who} would change (limit {}).", figure(*allowed))
            }
            Objection::EmailChanges { planned, allowed } => {
                let who = counted(*planned, "e-mail address", "e-mail addresses");
                write!(f, "{who} would change (limit {}).", figure(*allowed))
            }
            Objection::GroupLoss { group, leaving, members, percent_max } => write!(
                f,
                "Group {group} would lose {} of its {} (limit {percent_max} %).",
                figure(*leaving),
                counted(*members, "member", "members")
            ),
            Objection::Privileged { group, joining, returning: 0, leaving } => write!(
                f,
                "Group {group} is privileged: {joining} would join and {leaving} would leave, which is always asked about."
            ),
            Objection::Privileged { group, joining, returning, leaving } => write!(
                f,
                "Group {group} is privileged: {joining} would join, {returning} would be active in it again and {leaving} would leave, which is always asked about."
            ),
            Objection::Adoption { group, joining, leaving } => write!(
                f,
                "The local group {group} would be adopted: {joining} would join and {leaving} would leave, which is always asked about."
            ),
            Objection::NewRules { rules, removals } => {
                let why = match rules {
                    Rules::Changed => "The rules of the connector have changed",
                    Rules::Untried => "The connector has no good run yet",
                    Rules::Unchanged => "Not asked about while the rules were new",
                };
                let removals = counted(*removals, "removal is", "removals are");
                write!(f, "{why}: {removals} asked about once.")
            }
            Objection::Emptied { rules, attribute, people } => {
                let who = counted(*people, "person", "people");
                let why = match rules {
                    Rules::Changed | Rules::Untried => "by rules that no run has tried",
                    Rules::Unchanged => "which nobody was asked about while the rules were new",
                };
                write!(f, "{who} would lose their {}, {why}.", spoken(attribute))
            }
            Objection::Overwritten { attribute, people, of, percent_max } => write!(
                f,
                "{} of {} would have another {}, by rules that no run has tried (limit {percent_max} %).",
                figure(*people),
                counted(*of, "person", "people"),
                spoken(attribute)
            ),
            Objection::LeftOut { planned: 1 } => {
                f.write_str("1 change was left out when others were decided.")
            }
            Objection::LeftOut { planned } => {
                let left_out = counted(*planned, "change was", "changes were");
                write!(f, "{left_out} left out when others were decided.")
            }
        }
    }
}

#[cfg(test)]
mod tests;
