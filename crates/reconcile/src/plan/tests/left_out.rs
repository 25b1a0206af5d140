//! Groups of the source that are none of the directory, and whoever is in what they were before.

use std::collections::BTreeSet;

use expect_test::{Expect, expect};

use super::POLICY;
use crate::mapping::desired;
use crate::mapping::groups::GroupRules;
use crate::pattern::Patterns;
use crate::plan::{EmptyGroups, Past, Policy, missing, plan};
use crate::principal::{Grant, Name};
use crate::world::{directory, record};

/// `~` in the name of a group stands for a character that no directory can hold.
fn check(rules: &GroupRules, policy: &Policy, records: &str, actual: &str, expected: &Expect) {
    let records = records.lines().map(|line| {
        let mut record = record(line.trim());
        for grant in &mut record.grants {
            let group = Name::new(&grant.group.as_str().replace('~', "\u{7}"));
            *grant = Grant { group, ..Grant::clone(grant) }.into();
        }
        record
    });
    let actual = directory(actual);
    let (desired, _) = desired(records.collect(), BTreeSet::new(), &[], rules);
    assert_eq!(missing(&desired, &actual, policy), []);
    let (plan, _) = plan(&desired, &actual, &[].into(), policy, &Past::NONE);
    expected.assert_eq(&plan.to_string());
}

#[test]
fn whoever_has_a_group_without_a_usable_name_stays_in_those_that_are_gone() {
    // The role pay was renamed; dev is still there, and ops has lost everybody else.
    let actual = "1 ada : pay dev ops
                  2 bob : pay dev
                  3 cyd : pay";
    let records = "1 ada : pay~
                   2 bob : pay~ dev
                   3 cyd";
    let remove = Policy { empty_groups: EmptyGroups::Remove, ..POLICY };
    check(
        &GroupRules::PLAIN,
        &remove,
        records,
        actual,
        &expect![[r#"
            - remove ada from group dev (no group source grants it any more)
            - remove cyd from group pay (no group source grants it any more)
        "#]],
    );
    // Left out by name, it is no doubt any more.
    let except = GroupRules { except: Patterns::parse(&["pay?"]).unwrap(), ..GroupRules::PLAIN };
    check(
        &except,
        &POLICY,
        records,
        actual,
        &expect![[r#"
            - remove ada from group dev (no group source grants it any more)
            - remove ada from group ops (no group source grants it any more)
            - remove ada from group pay (no group source grants it any more)
            - remove bob from group pay (no group source grants it any more)
            - remove cyd from group pay (no group source grants it any more)
        "#]],
    );
}

#[test]
fn whoever_leaves_a_group_that_the_rules_leave_out_is_told_so() {
    let rules = GroupRules { except: Patterns::parse(&["d*"]).unwrap(), ..GroupRules::PLAIN };
    check(
        &rules,
        &POLICY,
        "1 ada : dev ops\n2 bob : dev",
        "1 ada : dev\n2 bob : dev ops",
        &expect![[r#"
            + add ada to group ops (granted by role "ops")
            - remove ada from group dev (role "dev" gives no group: it is left out by "d*")
            - remove bob from group dev (role "dev" gives no group: it is left out by "d*")
            - remove bob from group ops (no group source grants it any more)
        "#]],
    );
}
