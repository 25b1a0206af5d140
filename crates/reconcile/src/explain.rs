//! Why somebody is here, or is not: a trace of the functions that decide, never a second opinion.

pub mod group;
pub mod hindrance;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use self::hindrance::{Hindrance, Outcome};
use crate::directory::Directory;
use crate::finding::{Finding, FindingKind};
use crate::gate::decisions::{Decisions, SourceState, states};
use crate::gate::{self, Held, Terms};
use crate::mapping::existing::Existing;
use crate::mapping::groups::{Fate, Sharing};
use crate::mapping::{self, Desired, Rules};
use crate::plan::{self, Absence, Change, Past, Plan, Policy, Reason, Step};
use crate::principal::{ExternalId, Grant, Name, Record, User};

/// What is known about one person.
#[derive(Clone, Copy, Debug)]
pub struct Evidence<'a> {
    /// Under which a directory holds them, or is to hold them.
    pub id: &'a ExternalId,
    /// By which the source knows them.
    pub source_id: &'a ExternalId,
    /// The record, if the source has one.
    pub record: Option<&'a Record>,
    /// What the source says of them if they take no part.
    pub absence: Option<&'a Absence>,
    /// Records of others in scope who bear on them: whoever lays claim to the same account or
    /// username, and whoever has the username now.
    pub others: &'a [Record],
    /// Why they are in scope, in the source's words.
    pub in_scope_because: &'a str,
    pub actual: &'a Directory,
    /// What all targets hold.
    pub existing: &'a Existing<'a>,
    /// The groups of the source, whether or not somebody has them.
    pub listed: &'a [Arc<Grant>],
    pub rules: &'a Rules,
    pub policy: &'a Policy,
    pub past: &'a Past<'a>,
    /// By what their changes are judged.
    pub terms: &'a Terms<'a>,
}

/// One of the stations on the way from the source to a directory.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Station {
    pub title: &'static str,
    pub verdict: Verdict,
    /// The first line says it in short.
    pub lines: Vec<String>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    Yes,
    No,
    /// Neither good nor bad.
    Note,
    /// An earlier station ended the way.
    NotReached,
}

/// The stations in order, and the plan for this one person.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Explanation {
    pub stations: Vec<Station>,
    pub plan: Plan,
    pub findings: Vec<Finding>,
    /// What the source says of them, for decisions that last as long as it says the same.
    pub states: BTreeMap<ExternalId, SourceState>,
    /// What keeps them from an active account, if they take part by scope.
    pub hindrance: Option<Hindrance>,
}

pub fn explain(evidence: &Evidence<'_>) -> Explanation {
    let Decided { desired, plan, findings, states, decisions, held, hindrance } =
        Decided::by(evidence);
    let stations = vec![
        found(evidence),
        in_scope(evidence),
        mapped(evidence, &desired, &findings),
        matched(evidence),
        groups(evidence, &desired, &plan),
        decision(&plan, (&held, &decisions), &findings, evidence),
    ];
    Explanation { stations, plan, findings, states, hindrance }
}

/// What the functions of a run make of one person.
struct Decided {
    desired: Desired,
    /// Their own changes, and those of groups that hang on them.
    plan: Plan,
    findings: Vec<Finding>,
    states: BTreeMap<ExternalId, SourceState>,
    /// What people have said, as far as it is in force.
    decisions: Decisions,
    /// What the gate keeps of their changes, if they are all that changes.
    held: Held,
    hindrance: Option<Hindrance>,
}

impl Decided {
    fn by(evidence: &Evidence<'_>) -> Decided {
        let Evidence { id, actual, existing, rules, policy, past, terms, .. } = *evidence;
        let own = evidence.record.filter(|_| evidence.absence.is_none()).cloned();
        let records = own.into_iter().chain(evidence.others.iter().cloned()).collect();
        let (desired, mut findings) =
            mapping::desired_by(records, BTreeSet::new(), evidence.listed, rules, existing);
        let is_conflict = |it: &&Finding| it.kind == FindingKind::Conflict;
        let mut conflicts: Vec<Finding> = findings.iter().filter(is_conflict).cloned().collect();
        findings.retain(|finding| finding.id.as_ref().is_none_or(|it| evidence.concerns(it)));
        let around = around(evidence, &desired);
        let gone = evidence.absence.iter().map(|&it| (id.clone(), it.clone()));
        let skipped = desired.out_of_scope(id);
        let skipped = skipped.map(|it| (id.clone(), Absence::OutOfScope(it)));
        let gone: BTreeMap<ExternalId, Absence> = gone.chain(skipped).collect();
        let (plan, planning) = plan::plan(&desired, &around, &gone, policy, past);
        let plan = Plan { steps: theirs(plan.steps, id), ..plan };
        conflicts.extend(planning.iter().filter(is_conflict).cloned());
        findings.extend(planning.into_iter().filter(|it| it.id.as_ref() == Some(id)));
        let outcome = Outcome {
            desired: &desired,
            steps: &plan.steps,
            findings: &conflicts,
            actual,
            existing,
            rules,
            policy,
        };
        let record = evidence.record.filter(|_| evidence.absence.is_none());
        let hindrance = record.and_then(|record| outcome.hindrance(id, record));

        let states = states([id], &desired, &gone);
        let mut decisions = terms.decisions.clone();
        decisions.keep_in_force(&plan.steps, &states, terms.known_by);
        let terms = Terms { decisions: &decisions, ..*terms };
        let (_, held) = gate::check(alone(&plan, actual, past), actual, &terms);
        Decided { desired, plan, findings, states, decisions, held, hindrance }
    }
}

impl Evidence<'_> {
    fn concerns(&self, id: &ExternalId) -> bool {
        id == self.id || id == self.source_id
    }
}

/// The steps of one person, and of the groups that they come into or leave.
fn theirs(steps: Vec<Step>, id: &ExternalId) -> Vec<Step> {
    let is_own = |step: &Step| step.change.user().is_some_and(|user| user.id == *id);
    let groups: BTreeSet<Name> =
        steps.iter().filter(|it| is_own(it)).filter_map(|it| it.change.group().cloned()).collect();
    let is_theirs = |step: &Step| match (step.change.user(), step.change.group()) {
        (None, Some(group)) => groups.contains(group),
        (Some(_) | None, _) => is_own(step),
    };
    steps.into_iter().filter(is_theirs).collect()
}

/// What of an explained plan is for one person's own run to do: their own changes, and the groups
/// that they join. Nothing is cleaned up beside them, and nothing is noticed for later plans.
pub fn alone(plan: &Plan, actual: &Directory, past: &Past<'_>) -> Plan {
    let joined: BTreeSet<&Name> = plan
        .steps
        .iter()
        .filter(|step| matches!(step.change, Change::AddMember { .. }))
        .filter_map(|step| step.change.group())
        .collect();
    let adopted: BTreeSet<&Name> = plan
        .steps
        .iter()
        .filter(|step| matches!(step.change, Change::AdoptGroup { .. }))
        .filter_map(|step| step.change.group())
        .collect();
    let is_theirs = |step: &&Step| match (step.change.user(), &step.change) {
        // A group is adopted by a run, where everybody who is in it is seen together.
        (Some(_), _) => step.change.group().is_none_or(|it| !adopted.contains(it)),
        (None, Change::CreateGroup { group }) => joined.contains(group),
        (None, _) => false,
    };
    Plan {
        steps: plan.steps.iter().filter(is_theirs).cloned().collect(),
        // One person says nothing of how many the source has.
        people: actual.active_users().max(1),
        memory: past.memory.clone(),
        undecided: plan.undecided.clone(),
    }
}

/// The part of the directory that bears on one person: their own account, and whoever holds the
/// username that they are to have.
fn around(evidence: &Evidence<'_>, desired: &Desired) -> Directory {
    let wanted = desired.directory.users.get(evidence.id).map(|user| &user.username);
    let concerns =
        |user: &User| user.id == *evidence.id || wanted.is_some_and(|it| *it == user.username);
    let users = evidence.actual.users.iter().filter(|(_, user)| concerns(user));
    let users: BTreeMap<ExternalId, Arc<User>> =
        users.map(|(id, user)| (id.clone(), Arc::clone(user))).collect();
    let groups = evidence.actual.groups.iter().map(|(group, members)| {
        // Other members only have to be there: a group that they are in is not empty.
        let others = members.iter().filter(|id| **id != *evidence.id).take(1);
        let own = members.get(evidence.id);
        (group.clone(), others.chain(own).cloned().collect())
    });
    let local = evidence.actual.local.clone();
    Directory { users, groups: groups.collect(), local }
}

fn station(title: &'static str, verdict: Verdict, line: impl Into<String>) -> Station {
    Station { title, verdict, lines: vec![line.into()] }
}

fn found(evidence: &Evidence<'_>) -> Station {
    const TITLE: &str = "Found in the source";
    match evidence.record {
        Some(record) => {
            let line = format!("id {}, {}", record.id, record.standing_words);
            station(TITLE, Verdict::Yes, line)
        }
        None => {
            let line = format!("The source does not know the id {}.", evidence.source_id);
            station(TITLE, Verdict::No, line)
        }
    }
}

fn in_scope(evidence: &Evidence<'_>) -> Station {
    const TITLE: &str = "In scope";
    match evidence.absence {
        _ if evidence.record.is_none() => station(TITLE, Verdict::NotReached, "not asked"),
        Some(Absence::OutOfScope(out)) => station(TITLE, Verdict::No, &*out.words),
        Some(Absence::Gone | Absence::Inactive(_) | Absence::Present) | None => {
            station(TITLE, Verdict::Yes, evidence.in_scope_because)
        }
    }
}

fn mapped(evidence: &Evidence<'_>, desired: &Desired, findings: &[Finding]) -> Station {
    const TITLE: &str = "Mapped";
    if let Some(user) = desired.directory.users.get(evidence.id) {
        let User {
            id: _,
            username,
            email,
            display_name,
            first_name,
            last_name,
            active,
            attributes,
            source_id: _,
        } = &**user;
        let mut lines = vec![
            format!("username {username}"),
            format!("e-mail {email}"),
            format!("display name {display_name}, first name {first_name}, last name {last_name}"),
            (if *active { "active" } else { "inactive" }).to_owned(),
        ];
        lines.extend(attributes.iter().map(|(name, value)| format!("{name} {value}")));
        lines.extend(rows(evidence));
        return Station { title: TITLE, verdict: Verdict::Yes, lines };
    }
    if let Some(words) = desired.skipped.get(evidence.id) {
        let mut lines = vec![format!("takes no part: {words}")];
        lines.extend(rows(evidence));
        return Station { title: TITLE, verdict: Verdict::No, lines };
    }
    if desired.withheld.contains(evidence.id) {
        let lines = findings.iter().map(|finding| finding.message.clone()).collect();
        return Station { title: TITLE, verdict: Verdict::No, lines };
    }
    station(TITLE, Verdict::NotReached, "not asked")
}

/// Where each value comes from, in one line each; nothing where the fixed rules apply.
fn rows(evidence: &Evidence<'_>) -> Vec<String> {
    let Some(record) = evidence.record else { return Vec::new() };
    let existing = evidence.existing.account(evidence.id);
    let traced = evidence.rules.people.trace(record, existing).unwrap_or_default();
    traced.iter().map(ToString::to_string).collect()
}

fn matched(evidence: &Evidence<'_>) -> Station {
    const TITLE: &str = "Matched";
    match evidence.actual.users.get(evidence.id) {
        Some(user) => {
            let state = if user.active { "active" } else { "inactive" };
            let line = match &user.source_id {
                None => format!("account {} by id {}, {state}", user.username, user.id),
                Some(source) => format!(
                    "account {} by the key {}, of id {source} in the source, {state}",
                    user.username, user.id
                ),
            };
            station(TITLE, Verdict::Yes, line)
        }
        None => station(TITLE, Verdict::Note, "no account in the directory yet"),
    }
}

fn groups(evidence: &Evidence<'_>, desired: &Desired, plan: &Plan) -> Station {
    const TITLE: &str = "Groups";
    let is_mapped = desired.directory.users.contains_key(evidence.id);
    let is_untouchable = |group: &Name| evidence.policy.untouchable.matches(group);
    let mut lines = Vec::new();
    if is_mapped {
        lines.extend(granted(evidence));
        lines.extend(assigned(evidence, desired));
    }
    let present = evidence.actual.groups.iter().filter(|(_, it)| it.contains(evidence.id));
    for (group, _) in present {
        if is_untouchable(group) {
            lines.push(format!("= {group}, which is never touched"));
        } else if let Some(reason) = leaves_because(plan, group) {
            lines.push(format!("- {group}, {reason}"));
        } else if !desired.directory.is_member(group, evidence.id) {
            lines.push(format!("= {group}, {}", kept_because(evidence, desired, group)));
        }
    }
    if lines.is_empty() {
        return station(TITLE, Verdict::Note, "none");
    }
    Station { title: TITLE, verdict: Verdict::Yes, lines }
}

fn leaves_because<'a>(plan: &'a Plan, left: &Name) -> Option<&'a Reason> {
    let is_leave = |change: &Change| matches!(change, Change::RemoveMember { group, user: _ } if group == left);
    plan.steps.iter().find(|step| is_leave(&step.change)).map(|step| &step.reason)
}

/// Why somebody stays in a group that nothing grants them.
fn kept_because(evidence: &Evidence<'_>, desired: &Desired, group: &Name) -> &'static str {
    if evidence.policy.is_left_local(group, evidence.actual) {
        "a local group: its members are added by hand"
    } else if desired.is_unsettled(group, evidence.id) {
        "kept: the source does not tell what the expression asks by which it is assigned"
    } else if desired.unnamed.contains(evidence.id) {
        "kept: a group that they have in the source has a name that cannot be used, and may have been this one"
    } else {
        "kept as it is"
    }
}

/// What becomes of each group that the source grants.
fn granted(evidence: &Evidence<'_>) -> Vec<String> {
    let grants = evidence.record.map_or(&[][..], |it| &it.grants);
    let sharing = Sharing::of(&evidence.rules.groups, grants.iter().chain(evidence.listed));
    let line = |grant: &Arc<Grant>| {
        let origin = &grant.origin;
        match evidence.rules.groups.fate(grant, &sharing) {
            Fate::Group(group) if evidence.policy.untouchable.matches(&group) => {
                format!("= {group} from {origin}, which is never touched")
            }
            Fate::Group(group) if evidence.policy.is_left_local(&group, evidence.actual) => {
                format!("= {group} from {origin}, which is a local group, made by hand")
            }
            Fate::Group(group) => format!("+ {group} from {origin}"),
            Fate::LeftOut(why) => format!("= no group from {origin}: {why}"),
        }
    };
    grants.iter().map(line).collect()
}

fn assigned(evidence: &Evidence<'_>, desired: &Desired) -> Vec<String> {
    let is_in = |group: &&Name| desired.directory.is_member(group, evidence.id);
    let groups = evidence.rules.groups.assigned.iter().map(|it| &it.group).collect::<BTreeSet<_>>();
    let line = |group: &Name| {
        if evidence.policy.is_left_local(group, evidence.actual) {
            format!("= {group} by assignment, which is a local group, made by hand")
        } else {
            format!("+ {group} by assignment")
        }
    };
    groups.into_iter().filter(is_in).map(line).collect()
}

fn decision(
    plan: &Plan,
    (held, decisions): (&Held, &Decisions),
    findings: &[Finding],
    evidence: &Evidence<'_>,
) -> Station {
    const TITLE: &str = "Decision";
    let mut lines: Vec<String> = plan.steps.iter().map(ToString::to_string).collect();
    // Of one person too little is overwritten for anybody to be asked; of many it is another thing.
    let are_new = evidence.terms.rules != gate::Rules::Unchanged;
    let may_be_held = |step: &Step| {
        step.change.is_removal() || (are_new && step.change.overwritten().next().is_some())
    };
    lines.extend(held_lines(held, decisions));
    if held.is_empty() && held.rejected.is_empty() && plan.steps.iter().any(may_be_held) {
        lines.push("(a run holds this where too much would change at once)".to_owned());
    }
    let concerns = |finding: &&Finding| finding.id.as_ref().is_some_and(|id| evidence.concerns(id));
    lines.extend(findings.iter().filter(concerns).map(|finding| finding.message.clone()));
    if lines.is_empty() {
        let word = match (evidence.actual.users.get(evidence.id), evidence.absence) {
            (Some(_), None) => "no change needed",
            (Some(_), Some(_)) => "nothing is left to take away",
            (None, _) => "no account, and none is made",
        };
        return station(TITLE, Verdict::Note, word);
    }
    let verdict = if plan.steps.is_empty() { Verdict::No } else { Verdict::Yes };
    Station { title: TITLE, verdict, lines }
}

/// What waits for a person, or what somebody said no to.
fn held_lines(held: &Held, decisions: &Decisions) -> Vec<String> {
    let Held { objections, steps, rejected } = held;
    let line = |step: &Step| {
        let Step { change, .. } = step;
        if decisions.is_rejected(change) {
            format!("rejected, so it is not done: {change}")
        } else {
            format!("not done, because what it needs was rejected: {change}")
        }
    };
    let mut lines: Vec<String> = rejected.iter().map(line).collect();
    if !objections.is_empty() {
        let words = objections.iter().map(ToString::to_string).collect::<Vec<_>>().join(" ");
        lines.extend(steps.iter().map(|it| format!("held: {}", it.change)));
        lines.push(format!("held because: {words}"));
    }
    lines
}

#[cfg(test)]
pub(super) mod tests;
