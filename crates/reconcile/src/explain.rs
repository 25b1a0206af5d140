//! Why somebody is here, or is not: a trace of the functions that decide, never a second opinion.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use crate::directory::Directory;
use crate::finding::Finding;
use crate::mapping::existing::Existing;
use crate::mapping::groups::{Fate, GroupRules, Sharing};
use crate::mapping::rules::PersonRules;
use crate::mapping::{self, Desired, Rules};
use crate::plan::{self, Absence, Change, Past, Plan, Policy, Step};
use crate::principal::{ExternalId, Grant, Name, Record, User};

/// What is known about one person.
#[derive(Clone, Copy, Debug)]
pub struct Evidence<'a> {
    pub id: &'a ExternalId,
    /// The record, if the source has one.
    pub record: Option<&'a Record>,
    /// What the source says of them if they take no part.
    pub absence: Option<&'a Absence>,
    /// Records of others in scope who would have the same username.
    pub rivals: &'a [Record],
    /// Why they are in scope, in the source's words.
    pub in_scope_because: &'a str,
    pub actual: &'a Directory,
    /// The groups of the source, whether or not somebody has them.
    pub listed: &'a [Arc<Grant>],
    pub groups: &'a GroupRules,
    pub people: &'a PersonRules,
    pub policy: &'a Policy,
    pub past: &'a Past,
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
}

pub fn explain(evidence: &Evidence<'_>) -> Explanation {
    let takes_part = evidence.absence.is_none();
    let own = evidence.record.filter(|_| takes_part).cloned();
    let records = own.into_iter().chain(evidence.rivals.iter().cloned()).collect();
    let rules = Rules { people: evidence.people.clone(), groups: evidence.groups.clone() };
    let existing = Existing::of([evidence.actual]);
    let (desired, mut findings) =
        mapping::desired_by(records, BTreeSet::new(), evidence.listed, &rules, &existing);
    findings.retain(|finding| finding.id.as_ref().is_none_or(|id| id == evidence.id));
    let actual = around(evidence, &desired);
    let gone: BTreeMap<ExternalId, Absence> =
        evidence.absence.iter().map(|&it| (evidence.id.clone(), it.clone())).collect();
    let skipped = desired.skipped.get(evidence.id);
    let skipped = skipped.map(|it| (evidence.id.clone(), Absence::OutOfScope(Arc::clone(it))));
    let gone = gone.into_iter().chain(skipped).collect();
    let (mut plan, planning) = plan::plan(&desired, &actual, &gone, evidence.policy, evidence.past);
    let concerns = |id: &ExternalId| id == evidence.id;
    plan.steps.retain(|step| step.change.user().is_none_or(|user| concerns(&user.id)));
    findings.extend(planning.into_iter().filter(|it| it.id.as_ref().is_some_and(concerns)));

    let stations = vec![
        found(evidence),
        in_scope(evidence),
        mapped(evidence, &desired, &findings),
        matched(evidence),
        groups(evidence, &desired),
        decision(&plan, &findings, evidence),
    ];
    Explanation { stations, plan, findings }
}

/// What of an explained plan is for one person's own run to do: their own changes, and the groups
/// that they join. Nothing is cleaned up beside them, and nothing is noticed for later plans.
pub fn alone(plan: &Plan, actual: &Directory, past: &Past) -> Plan {
    let joined: BTreeSet<&Name> = plan
        .steps
        .iter()
        .filter(|step| matches!(step.change, Change::AddMember { .. }))
        .filter_map(|step| step.change.group())
        .collect();
    let is_theirs = |step: &&Step| match (step.change.user(), &step.change) {
        (Some(_), _) => true,
        (None, Change::CreateGroup { group }) => joined.contains(group),
        (None, _) => false,
    };
    Plan {
        steps: plan.steps.iter().filter(is_theirs).cloned().collect(),
        // One person says nothing of how many the source has.
        people: actual.active_users().max(1),
        memory: past.memory.clone(),
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
    let foreign = evidence.actual.foreign.clone();
    Directory { users, groups: groups.collect(), foreign }
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
            station(TITLE, Verdict::No, format!("The source does not know the id {}.", evidence.id))
        }
    }
}

fn in_scope(evidence: &Evidence<'_>) -> Station {
    const TITLE: &str = "In scope";
    match evidence.absence {
        _ if evidence.record.is_none() => station(TITLE, Verdict::NotReached, "not asked"),
        Some(Absence::OutOfScope(words)) => station(TITLE, Verdict::No, &**words),
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
    let existing = evidence.actual.users.get(evidence.id);
    let traced = evidence.people.trace(record, existing).unwrap_or_default();
    traced.iter().map(ToString::to_string).collect()
}

fn matched(evidence: &Evidence<'_>) -> Station {
    const TITLE: &str = "Matched";
    match evidence.actual.users.get(evidence.id) {
        Some(user) => {
            let state = if user.active { "active" } else { "inactive" };
            let line = format!("account {} by id {}, {state}", user.username, user.id);
            station(TITLE, Verdict::Yes, line)
        }
        None => station(TITLE, Verdict::Note, "no account in the directory yet"),
    }
}

fn groups(evidence: &Evidence<'_>, desired: &Desired) -> Station {
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
        } else if !is_mapped {
            lines.push(format!("= {group}, kept as it is"));
        } else if !desired.directory.is_member(group, evidence.id) {
            lines.push(format!("- {group}, no group source grants it any more"));
        }
    }
    if lines.is_empty() {
        return station(TITLE, Verdict::Note, "none");
    }
    Station { title: TITLE, verdict: Verdict::Yes, lines }
}

/// What becomes of each group that the source grants.
fn granted(evidence: &Evidence<'_>) -> Vec<String> {
    let grants = evidence.record.map_or(&[][..], |it| &it.grants);
    let sharing = Sharing::of(evidence.groups, grants.iter().chain(evidence.listed));
    let line = |grant: &Arc<Grant>| {
        let origin = &grant.origin;
        match evidence.groups.fate(grant, &sharing) {
            Fate::Group(group) if evidence.policy.untouchable.matches(&group) => {
                format!("= {group} from {origin}, which is never touched")
            }
            Fate::Group(group) => format!("+ {group} from {origin}"),
            Fate::LeftOut(why) => format!("= no group from {origin}: {why}"),
        }
    };
    grants.iter().map(line).collect()
}

fn assigned(evidence: &Evidence<'_>, desired: &Desired) -> Vec<String> {
    let is_in = |group: &&Name| desired.directory.is_member(group, evidence.id);
    let groups = evidence.groups.assigned.iter().map(|it| &it.group).collect::<BTreeSet<_>>();
    groups.into_iter().filter(is_in).map(|group| format!("+ {group} by assignment")).collect()
}

fn decision(plan: &Plan, findings: &[Finding], evidence: &Evidence<'_>) -> Station {
    const TITLE: &str = "Decision";
    let mut lines: Vec<String> = plan.steps.iter().map(ToString::to_string).collect();
    if plan.steps.iter().any(|step| step.change.is_removal()) {
        lines.push("(a run holds this where too much would change at once)".to_owned());
    }
    let concerns = |finding: &&Finding| finding.id.as_ref() == Some(evidence.id);
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

#[cfg(test)]
mod tests;
