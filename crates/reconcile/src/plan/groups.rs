//! Groups and memberships: made, joined, left, removed.

use std::collections::BTreeSet;
use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};

use super::leavers::Leaving;
use super::{Case, Change, Emptiness, EmptyGroups, Memory, Reason, Stages, Step};
use crate::finding::{Finding, FindingKind};
use crate::principal::{ExternalId, Name, User};

/// `blocked` are people who get no account of the username that they should have.
pub(super) fn plan(
    case: &Case<'_>,
    blocked: &BTreeSet<ExternalId>,
    leaving: &Leaving,
    stages: &mut Stages,
    memory: &mut Memory,
    findings: &mut Vec<Finding>,
) {
    plan_adoptions(case, stages);
    plan_joins(case, blocked, stages, findings);
    let nobody = BTreeSet::new();
    for (group, present) in &case.actual.groups {
        let wanted = case.desired.directory.groups.get(group).unwrap_or(&nobody);
        let is_settled = present == wanted && !present.is_empty();
        if is_settled || !case.may_touch(group) {
            continue;
        }
        let left = plan_leaves(case, group, present, wanted, leaving, stages);
        if case.desired.unsettled.contains_key(group) {
            // Whether it would be empty is not known either.
            let before = case.past.memory.empty.get(group);
            memory.empty.extend(before.map(|it| (group.clone(), *it)));
        } else if left.members == 0 && wanted.is_empty() {
            plan_empty(case, group, present, left.by_new_rules, stages, memory);
        }
    }
}

/// Whoever joins or leaves such a group does so in the same plan, so that all of it is seen together.
fn plan_adoptions(case: &Case<'_>, stages: &mut Stages) {
    let Case { actual, .. } = case;
    for group in actual.local.iter().filter(|it| case.may_touch(it)) {
        if actual.groups.contains_key(group) {
            let change = Change::AdoptGroup { group: group.clone() };
            stages.new_groups.push(Step { change, reason: Reason::Named });
        }
    }
}

fn plan_joins(
    case: &Case<'_>,
    blocked: &BTreeSet<ExternalId>,
    stages: &mut Stages,
    findings: &mut Vec<Finding>,
) {
    let nobody = BTreeSet::new();
    let users = &case.desired.directory.users;
    for (group, wanted) in &case.desired.directory.groups {
        let present = case.actual.groups.get(group);
        if present == Some(wanted) || case.policy.untouchable.matches(group) {
            continue;
        }
        if case.policy.is_left_local(group, case.actual) {
            findings.push(stays_local(group));
            continue;
        }
        let joining = wanted.difference(present.unwrap_or(&nobody));
        let joining: Vec<&Arc<User>> = joining
            .filter_map(|id| {
                let user = users.get(id).filter(|_| !case.is_frozen(id))?;
                let has_account = case.actual.users.contains_key(id);
                let gets_account = user.active && !blocked.contains(id);
                (has_account || gets_account).then_some(user)
            })
            .collect();
        let origin = case.desired.origins.get(group).cloned().unwrap_or_default();
        let is_made_empty = case.policy.empty_groups == EmptyGroups::Create;
        if present.is_none() && (is_made_empty || !joining.is_empty()) {
            let change = Change::CreateGroup { group: group.clone() };
            let reason = match joining.as_slice() {
                [] => Reason::Listed(Arc::clone(&origin)),
                [..] => Reason::Granted(Arc::clone(&origin)),
            };
            stages.new_groups.push(Step { change, reason });
        }
        for user in joining {
            let change = Change::AddMember { group: group.clone(), user: Arc::clone(user) };
            stages.joins.push(Step { change, reason: Reason::Granted(Arc::clone(&origin)) });
        }
    }
}

/// What is left of a group.
struct Left {
    members: usize,
    /// When new rules noticed somebody who leaves it now.
    by_new_rules: Option<Timestamp>,
}

fn plan_leaves(
    case: &Case<'_>,
    group: &Name,
    present: &BTreeSet<ExternalId>,
    wanted: &BTreeSet<ExternalId>,
    leaving: &Leaving,
    stages: &mut Stages,
) -> Left {
    let is_kept = |kept: &crate::pattern::Patterns| kept.matches(group);
    let strips = case.policy.strip.as_ref().is_some_and(|kept| !is_kept(kept));
    let is_vanished = !case.desired.directory.groups.contains_key(group);
    let left_out = case.desired.left_out.get(group);
    let not_granted = left_out.map_or(Reason::NotGranted, |why| Reason::LeftOut(Arc::clone(why)));
    let mut left = Left { members: present.len(), by_new_rules: None };
    for id in present.difference(wanted) {
        // Only those whom the source decides on; the others keep what they have.
        let reason = if case.decides_on(id) {
            let is_kept = is_vanished && case.desired.unnamed.contains(id);
            if is_kept || case.desired.is_unsettled(group, id) {
                continue;
            }
            not_granted.clone().hidden_from_new_rules(case.hidden_since(id))
        } else if let Some(reason) = leaving.removed.get(id) {
            left.members -= 1;
            left.by_new_rules = left.by_new_rules.or(reason.by_new_rules());
            continue;
        } else if let Some(reason) = leaving.stripped.get(id).filter(|_| strips) {
            reason.clone()
        } else {
            continue;
        };
        if let Some(user) = case.actual.users.get(id) {
            left.members -= 1;
            left.by_new_rules = left.by_new_rules.or(reason.by_new_rules());
            let change = Change::RemoveMember { group: group.clone(), user: Arc::clone(user) };
            stages.leaves.push(Step { change, reason });
        }
    }
    left
}

/// A group that nobody is left in, or that nobody was in before. `left_by_new_rules` is when new rules
/// noticed somebody who leaves it now.
fn plan_empty(
    case: &Case<'_>,
    group: &Name,
    present: &BTreeSet<ExternalId>,
    left_by_new_rules: Option<Timestamp>,
    stages: &mut Stages,
    memory: &mut Memory,
) {
    let now = case.past.now;
    let before = case.past.memory.empty.get(group);
    let noticed = before.and_then(|it| it.by_new_rules);
    let mut remove = |reason: Reason| {
        let change = Change::RemoveGroup { group: group.clone() };
        stages.removals.push(Step { change, reason: reason.noticed_by_new_rules(noticed) });
    };
    let days = case.policy.empty_days;
    if case.policy.empty_groups != EmptyGroups::Remove || days == 0 {
        // Rules that wait for nothing keep what new rules noticed, for when it is waited again.
        let kept = before.filter(|it| it.by_new_rules.is_some());
        memory.empty.extend(kept.map(|it| (group.clone(), *it)));
        if case.policy.empty_groups == EmptyGroups::Remove {
            remove(Reason::Empty);
        }
        return;
    }
    let by_new_rules = noticed.or(left_by_new_rules).or(case.past.now_by_new_rules());
    if present.is_empty() {
        let since = before.map_or(now, |it| it.since);
        memory.empty.insert(group.clone(), Emptiness { since, by_new_rules });
        if SignedDuration::from_hours(24 * i64::from(days)) <= now.duration_since(since) {
            remove(Reason::EmptySince(since));
        }
    } else if by_new_rules.is_some() {
        // Somebody is in it until the plan is carried out, which may be when the rules are tried.
        memory.empty.insert(group.clone(), Emptiness { since: now, by_new_rules });
    }
}

fn stays_local(group: &Name) -> Finding {
    Finding {
        kind: FindingKind::Conflict,
        id: None,
        username: None,
        message: format!(
            "The target has a local group {group}, made by hand, so its members stay as they are. To let the source decide who is in it, name it in the settings to be adopted."
        ),
    }
}
