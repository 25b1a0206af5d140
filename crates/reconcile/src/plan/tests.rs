mod accounts;
mod expressions;
mod grace;
mod groups;
mod leavers;
mod left_out;
mod new_rules;
mod noticed;
mod protection;
mod random;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::sync::Arc;

use expect_test::{Expect, expect};
use jiff::Timestamp;

use crate::directory::Directory;
use crate::expression::{Expression, PERSON};
use crate::gate::Rules;
use crate::mapping::existing::Existing;
use crate::mapping::groups::GroupRules;
use crate::mapping::rules::PersonRules;
use crate::mapping::{self, Desired, Keeps};
use crate::pattern::Patterns;
use crate::plan::{
    Absence, Anonymity, Change, Cleanup, CleanupRule, Emptiness, EmptyGroups, Grace, Memory,
    OutOfScope, Past, Policy, Suspicion, missing, plan,
};
use crate::principal::{ExternalId, Name, Record};
use crate::world::{apply, desired, directory, gone, id, record};

const POLICY: Policy = Policy::new(Cleanup::Disable, EmptyGroups::Keep);

/// Plans with everybody who is missing confirmed as gone.
fn check(desired_text: &str, actual_text: &str, expected: &Expect) {
    check_policy(&POLICY, desired_text, actual_text, expected);
}

fn check_policy(policy: &Policy, desired_text: &str, actual_text: &str, expected: &Expect) {
    let (desired, actual) = (desired(desired_text), directory(actual_text));
    let gone = missing(&desired, &actual, policy).into_iter().map(|id| (id, Absence::Gone));
    let (plan, findings) = plan(&desired, &actual, &gone.collect(), policy, &Past::NONE);
    let mut text = plan.to_string();
    for finding in findings {
        let id = finding.id.unwrap();
        writeln!(text, "{} {id}: {}", finding.kind.word(), finding.message).unwrap();
    }
    expected.assert_eq(&text);
    apply(&actual, &plan.steps.iter().map(|step| &step.change).collect::<Vec<_>>());
}

/// Runs one plan a time, each of which knows what the ones before it noticed, and never applies any. A
/// time with `!` is of a run by new rules.
fn check_over_time(policy: &Policy, runs: &[(&str, &str, &str)], actual: &str, expected: &Expect) {
    let actual = directory(actual);
    let runs = runs.iter().map(|(at, wanted, gone_ids)| (*at, *wanted, gone(gone_ids), &actual));
    expected.assert_eq(&told_over_time(policy, runs));
}

/// When a run is, what it should find, who is gone, and what it finds.
type RunAt<'a> = (&'a str, &'a str, BTreeMap<ExternalId, Absence>, &'a Directory);

fn told_over_time<'a>(policy: &'a Policy, runs: impl Iterator<Item = RunAt<'a>>) -> String {
    told_by_turns(runs.map(|run| (policy, run)))
}

fn told_by_turns<'a>(runs: impl Iterator<Item = (&'a Policy, RunAt<'a>)>) -> String {
    let mut memory = Memory::default();
    let mut text = String::new();
    for (policy, (at, wanted, gone, actual)) in runs {
        let rules = if at.ends_with('!') { Rules::Changed } else { Rules::Unchanged };
        let now = format!("2026-01-{}:00Z", at.trim_end_matches('!')).parse().unwrap();
        let past = Past { now, memory: &memory, rules };
        let (plan, findings) = plan(&desired(wanted), actual, &gone, policy, &past);
        write!(text, "{at}\n{plan}").unwrap();
        for finding in findings {
            writeln!(text, "{} {}", finding.kind.word(), finding.message).unwrap();
        }
        memory = plan.memory;
        let told = |at: &Option<Timestamp>| {
            at.map(|at| format!(", by new rules at {at}")).unwrap_or_default()
        };
        for (id, Suspicion { since, reads, by_new_rules }) in &memory.suspected {
            let new = told(by_new_rules);
            writeln!(text, "  remembers {id} since {since}, {reads} reads{new}").unwrap();
        }
        for (id, since) in &memory.hidden {
            writeln!(text, "  remembers {id} hidden since {since}").unwrap();
        }
        for (group, Emptiness { since, by_new_rules }) in &memory.empty {
            let new = told(by_new_rules);
            writeln!(text, "  remembers {group} empty since {since}{new}").unwrap();
        }
    }
    text
}
