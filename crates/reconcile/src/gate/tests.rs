mod decided;
mod groups;
mod limits;
mod new_rules;
mod random;
mod values;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

use expect_test::{Expect, expect};
use jiff::Timestamp;

use crate::gate::decisions::{Acceptance, Approval, Decisions, Identity, Rejection, SourceState};
use crate::gate::{self, Hold, Limits, Rules, Terms};
use crate::pattern::Patterns;
use crate::plan::{
    Absence, Change, Cleanup, Emptiness, EmptyGroups, Grace, Memory, Past, Plan, Policy, Reason,
    Step, Suspicion, missing, plan,
};
use crate::principal::Name;
use crate::world::{apply, desired, directory, id};

const POLICY: Policy = Policy::new(Cleanup::Disable, EmptyGroups::Remove);

fn planned(policy: &Policy, desired_text: &str, actual_text: &str) -> Plan {
    let (desired, actual) = (desired(desired_text), directory(actual_text));
    let gone = missing(&desired, &actual, policy).into_iter().map(|id| (id, Absence::Gone));
    plan(&desired, &actual, &gone.collect(), policy, &Past::NONE).0
}

/// Nobody has decided anything yet.
fn with_careful_limits<T>(then: impl FnOnce(&Terms<'_>) -> T) -> T {
    then(&Terms {
        limits: &Limits::CAREFUL,
        decisions: &Decisions::default(),
        rules: Rules::Unchanged,
        known_by: "",
        privileged: &Patterns::NONE,
    })
}

/// Objections, and how many steps of each kind pass or are held.
fn check(policy: &Policy, desired_text: &str, actual_text: &str, expected: &Expect) {
    with_careful_limits(|terms| check_by(terms, policy, desired_text, actual_text, expected));
}

fn check_by(
    terms: &Terms<'_>,
    policy: &Policy,
    desired_text: &str,
    actual_text: &str,
    expected: &Expect,
) {
    let plan = planned(policy, desired_text, actual_text);
    let (approved, held) = gate::check(plan, &directory(actual_text), terms);
    let mut text = String::new();
    for objection in &held.objections {
        writeln!(text, "{objection}").unwrap();
    }
    let parts = [("passes", approved.steps()), ("held", &held.steps), ("rejected", &held.rejected)];
    for (verdict, steps) in parts {
        let mut kinds: Vec<(&str, usize)> = Vec::new();
        for step in steps {
            match kinds.iter_mut().find(|(kind, _)| *kind == step.change.word()) {
                Some((_, count)) => *count += 1,
                None => kinds.push((step.change.word(), 1)),
            }
        }
        for (kind, count) in kinds {
            writeln!(text, "{verdict}: {count} {kind}").unwrap();
        }
    }
    expected.assert_eq(&text);
}

/// `people(1..=3, ": dev")` is user1 to user3 in a group.
fn people(ids: std::ops::RangeInclusive<u32>, rest: &str) -> String {
    ids.map(|id| format!("{id} user{id} {rest}\n")).collect()
}

/// By the rules of now.
fn accepted(people: usize) -> Acceptance {
    Acceptance { people, rules: "".into() }
}

fn rejection_of_nobody() -> Rejection {
    Rejection { user: None, state: SourceState::Silent, rules: "".into() }
}
