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

#[test]
fn additions_pass_without_limit() {
    check(
        &POLICY,
        &people(1..=500, ": dev"),
        "",
        &expect![[r#"
            passes: 500 create
            passes: 1 create-group
            passes: 500 add-to-group
        "#]],
    );
}

#[test]
fn nobody_in_scope_is_never_believed() {
    check(
        &POLICY,
        "",
        "1 ada : dev",
        &expect![[r#"
            Nobody was read or nobody is in scope; the directory has 1 active people. An empty source is never believed.
            held: 1 deactivate
        "#]],
    );
    check(
        &POLICY,
        "",
        "",
        &expect![[r#"
            Nobody was read or nobody is in scope; the directory has 0 active people. An empty source is never believed.
        "#]],
    );
}

#[test]
fn a_shrunken_source_holds_every_removal_and_no_addition() {
    let after = people(1..=89, ": ops") + "500 zoe";
    check(
        &POLICY,
        &after,
        &people(1..=101, ": dev"),
        &expect![[r#"
            The source told of 90 people, the directory has 101 active ones: more than 10 % fewer.
            12 people would be deactivated (limit 5).
            89 memberships would be removed (limit 10).
            Group dev would lose 89 of its 101 members (limit 30 %).
            passes: 1 create
            passes: 1 create-group
            passes: 89 add-to-group
            held: 89 remove-from-group
            held: 12 deactivate
        "#]],
    );
}

/// The smallest number of leavers that is held, for directories of several sizes.
#[test]
fn deactivations_are_held_above_five_percent_or_twenty_or_three_in_small_directories() {
    let held_from = |size: u32| {
        (1..size).find(|leavers| {
            let plan = planned(&POLICY, &people(leavers + 1..=size, ""), &people(1..=size, ""));
            let actual = directory(&people(1..=size, ""));
            with_careful_limits(|terms| !gate::check(plan, &actual, terms).1.is_empty())
        })
    };
    let sizes = [2, 3, 4, 5, 6, 10, 29, 59, 60, 80, 100, 399, 400, 1000];
    let found: Vec<_> =
        sizes.into_iter().map(|size| (size, held_from(size).unwrap_or(0))).collect();
    assert_eq!(
        found,
        [
            (2, 0),
            (3, 2),
            (4, 3),
            (5, 3),
            (6, 4),
            (10, 4),
            (29, 4),
            (59, 4),
            (60, 4),
            (80, 5),
            (100, 6),
            (399, 20),
            (400, 21),
            (1000, 21),
        ]
    );
}

#[test]
fn removals_of_accounts_have_their_own_limit() {
    let delete = &Policy { cleanup: Cleanup::Delete, ..POLICY };
    check(
        delete,
        &people(7..=100, ": dev"),
        &(people(1..=6, "off : qa") + &people(7..=100, ": dev")),
        &expect![[r#"
            6 people would be removed or anonymised (limit 5).
            held: 6 remove
            held: 1 remove-group
        "#]],
    );
}

#[test]
fn whoever_is_removed_leaves_their_groups() {
    let delete = &Policy { cleanup: Cleanup::Delete, ..POLICY };
    let before = people(1..=12, ": dev") + &people(13..=200, ": all");
    // Of one group, within the limits of accounts and of memberships.
    check(
        delete,
        &(people(5..=12, ": dev") + &people(13..=200, ": all")),
        &before,
        &expect![[r#"
            Group dev would lose 4 of its 12 members (limit 30 %).
            held: 4 remove
        "#]],
    );
    // Of many groups; whoever was in none passes.
    let groups = ": a b c d e f g h i j k l m n o p q r";
    check(
        delete,
        &people(5..=90, ": all"),
        &(people(1..=3, groups) + "4 user4\n" + &people(5..=90, ": all")),
        &expect![[r#"
            54 memberships would be removed (limit 14).
            passes: 1 remove
            held: 3 remove
            held: 18 remove-group
        "#]],
    );
}

#[test]
fn whoever_leaves_a_privileged_group_with_their_account_or_comes_back_to_it_is_asked_about() {
    let privileged = Patterns::parse(&["admins"]).unwrap();
    let check = |policy: &Policy, after: &str, before: &str, expected: &Expect| {
        with_careful_limits(|terms| {
            let terms = Terms { privileged: &privileged, ..*terms };
            check_by(&terms, policy, after, before, expected);
        });
    };
    let delete = &Policy { cleanup: Cleanup::Delete, ..POLICY };
    let before = "1 ada : admins\n2 bob : dev\n3 cyd : dev admins\n4 dee";
    check(
        delete,
        "3 cyd : dev admins\n4 dee",
        before,
        &expect![[r#"
            Group admins is privileged: 0 would join and 1 would leave, which is always asked about.
            passes: 1 remove
            held: 1 remove
        "#]],
    );
    // They keep their groups, and whatever those give is nothing to an inactive account.
    check(
        &POLICY,
        "3 cyd : dev admins\n4 dee",
        before,
        &expect![[r#"
            passes: 2 deactivate
        "#]],
    );
    let strip = &Policy { strip: Some(Patterns::NONE), ..POLICY };
    check(
        strip,
        "3 cyd : dev admins\n4 dee",
        before,
        &expect![[r#"
            Group admins is privileged: 0 would join and 1 would leave, which is always asked about.
            passes: 1 remove-from-group
            passes: 2 deactivate
            held: 1 remove-from-group
        "#]],
    );
    // The one who comes back waits even where the source does not grant the group any more: that
    // they leave it waits, too.
    let before = "1 ada off : admins\n2 bob off : dev\n3 cyd : dev admins\n4 dee off : admins";
    check(
        &POLICY,
        "1 ada : admins\n2 bob : dev\n3 cyd : dev admins\n4 dee",
        before,
        &expect![[r#"
            Group admins is privileged: 0 would join, 2 would be active in it again and 1 would leave, which is always asked about.
            passes: 1 reactivate
            held: 2 reactivate
            held: 1 remove-from-group
        "#]],
    );
}

#[test]
fn many_membership_removals_are_held_and_with_them_the_removal_of_the_group() {
    check(
        &POLICY,
        &people(1..=40, ": all"),
        &people(1..=40, ": all dev"),
        &expect![[r#"
            40 memberships would be removed (limit 8).
            Group dev would lose 40 of its 40 members (limit 30 %).
            held: 40 remove-from-group
            held: 1 remove-group
        "#]],
    );
}

#[test]
fn one_group_that_loses_much_is_held_alone() {
    let before =
        people(1..=10, ": big dev") + &people(11..=20, ": big ops") + &people(21..=90, ": big");
    let after = people(1..=4, ": big")
        + &people(5..=10, ": big dev")
        + &people(11..=13, ": big")
        + &people(14..=20, ": big ops")
        + &people(21..=90, ": big");
    check(
        &POLICY,
        &after,
        &before,
        &expect![[r#"
            Group dev would lose 4 of its 10 members (limit 30 %).
            passes: 3 remove-from-group
            held: 4 remove-from-group
        "#]],
    );
}

#[test]
fn a_group_of_few_may_lose_all() {
    check(
        &POLICY,
        &people(1..=30, ": big"),
        &(people(1..=3, ": big dev") + &people(4..=30, ": big")),
        &expect![[r#"
            passes: 3 remove-from-group
            passes: 1 remove-group
        "#]],
    );
}

#[test]
fn held_renames_hold_whoever_was_to_take_the_username() {
    let before: String = (1..=6).map(|id| format!("{id} old{id} mail= name=x\n")).collect();
    // Six move on by one place; a newcomer takes the place that the first one leaves.
    let after: String = (1..=6).map(|id| format!("{id} old{} mail= name=x\n", id + 1)).collect();
    check(
        &POLICY,
        &(after + "9 old1 : dev\n10 new : dev"),
        &before,
        &expect![[r#"
            6 usernames would change (limit 5).
            passes: 1 create
            passes: 1 create-group
            passes: 1 add-to-group
            held: 6 rename
            held: 1 create
            held: 1 add-to-group
        "#]],
    );
}

#[test]
fn other_letters_are_not_another_username() {
    let before: String = (1..=9).map(|id| format!("{id} user{id} mail= name=x\n")).collect();
    check(
        &POLICY,
        &before.replace("user", "User"),
        &before,
        &expect![[r#"
            passes: 9 rename
        "#]],
    );
}

#[test]
fn many_other_emails_are_held_and_first_emails_pass() {
    let before: String = (1..=40).map(|id| format!("{id} user{id} mail=\n")).collect();
    check(
        &POLICY,
        &people(1..=40, ""),
        &before,
        &expect![[r#"
        passes: 40 update
    "#]],
    );
    check(
        &POLICY,
        &(people(1..=5, "mail=boss@acme.test") + &people(6..=40, "")),
        &people(1..=40, ""),
        &expect![[r#"
            5 e-mail addresses would change (limit 4).
            held: 5 update
        "#]],
    );
}

#[test]
fn shrinkage_is_seen_before_anybody_is_asked_for() {
    let shrunken = |people_now: u32, before: u32| {
        let actual = directory(&people(1..=before, ""));
        let desired = desired(&people(1..=people_now, ""));
        with_careful_limits(|terms| gate::shrinkage(&desired, &actual, terms).is_some())
    };
    assert!(!shrunken(2, 5), "three of five may be missing: the floor");
    assert!(shrunken(1, 5));
    assert!(!shrunken(90, 100));
    assert!(shrunken(89, 100));
    assert!(!shrunken(100, 100));
    assert!(!shrunken(200, 100));
}

/// The identities of what is held, by the words of the change.
fn seen(desired_text: &str, actual_text: &str, is_chosen: impl Fn(&str) -> bool) -> Decisions {
    let plan = planned(&POLICY, desired_text, actual_text);
    let actual = directory(actual_text);
    let (_, held) = with_careful_limits(|terms| gate::check(plan, &actual, terms));
    let chosen = held.steps.iter().filter(|step| is_chosen(&step.change.to_string()));
    let approved = chosen.map(|step| Approval::of(step, "")).collect();
    Decisions { approved, ..Decisions::default() }
}

/// As [`check`], after somebody has decided.
fn check_decided(decisions: &Decisions, desired_text: &str, actual_text: &str, expected: &Expect) {
    with_careful_limits(|terms| {
        check_by(&Terms { decisions, ..*terms }, &POLICY, desired_text, actual_text, expected);
    });
}

#[test]
fn what_was_seen_and_approved_passes_and_a_second_look_holds_nothing() {
    let (after, before) = (people(9..=100, ": dev"), people(1..=100, ": dev"));
    let decisions = seen(&after, &before, |_| true);
    check_decided(
        &decisions,
        &after,
        &before,
        &expect![[r#"
        passes: 8 deactivate
    "#]],
    );
}

#[test]
fn what_was_not_seen_is_held_beside_what_was_approved() {
    let before = people(1..=100, ": dev");
    let decisions = seen(&people(9..=100, ": dev"), &before, |_| true);
    check_decided(
        &decisions,
        &people(12..=100, ": dev"),
        &before,
        &expect![[r#"
            The source told of 89 people, the directory has 100 active ones: more than 10 % fewer.
            11 people would be deactivated (limit 5).
            passes: 8 deactivate
            held: 3 deactivate
        "#]],
    );
}

#[test]
fn what_was_left_out_of_an_approval_waits_even_within_the_limits() {
    let (after, before) = (people(9..=100, ""), people(1..=100, ""));
    let mut decisions = seen(&after, &before, |change| change.ends_with("user1"));
    let others = seen(&after, &before, |change| !change.ends_with("user1"));
    check_decided(
        &decisions,
        &after,
        &before,
        &expect![[r#"
            8 people would be deactivated (limit 5).
            passes: 1 deactivate
            held: 7 deactivate
        "#]],
    );
    // Most of them came back: two alone would pass, had nobody looked at them and passed them over.
    let others = others.approved.into_keys();
    decisions.left_out = others.map(|it| (it, "".into())).collect();
    check_decided(
        &decisions,
        &people(4..=100, ""),
        &before,
        &expect![[r#"
            2 changes were left out when others were approved.
            passes: 1 deactivate
            held: 2 deactivate
        "#]],
    );
}

#[test]
fn an_approved_rename_is_no_licence_for_another_one() {
    let before: String = (1..=6).map(|id| format!("{id} old{id} mail= name=x\n")).collect();
    let decisions = seen(&before.replace("old", "new"), &before, |_| true);
    let after = before.replace("old", "new").replace("new6", "root");
    check_decided(
        &decisions,
        &after,
        &before,
        &expect![[r#"
            6 usernames would change (limit 5).
            passes: 5 rename
            held: 1 rename
        "#]],
    );
}

#[test]
fn an_approval_does_not_take_a_name_that_is_still_in_use() {
    let before: String = (1..=6).map(|id| format!("{id} old{id} mail= name=x\n")).collect();
    let after: String = (1..=6).map(|id| format!("{id} old{} mail= name=x\n", id + 1)).collect();
    // The first one is to take the name of the second, who keeps it.
    let decisions = seen(&after, &before, |change| change.contains("rename old1 "));
    check_decided(
        &decisions,
        &after,
        &before,
        &expect![[r#"
            6 usernames would change (limit 5).
            held: 6 rename
        "#]],
    );
}

/// By the rules of now.
fn accepted(people: usize) -> Acceptance {
    Acceptance { people, rules: "".into() }
}

#[test]
fn no_approval_makes_an_empty_source_believed() {
    let before = people(1..=8, ": dev");
    let decisions = Decisions { people_accepted: Some(accepted(0)), ..seen("", &before, |_| true) };
    check_decided(
        &decisions,
        "",
        &before,
        &expect![[r#"
            Nobody was read or nobody is in scope; the directory has 8 active people. An empty source is never believed.
            8 people would be deactivated (limit 3).
            held: 8 deactivate
        "#]],
    );
}

#[test]
fn an_accepted_shrinkage_is_judged_by_the_other_limits() {
    let before = people(1..=100, ": dev");
    let decisions = Decisions { people_accepted: Some(accepted(88)), ..Decisions::default() };
    check_decided(
        &decisions,
        &people(13..=100, ": dev"),
        &before,
        &expect![[r#"
            12 people would be deactivated (limit 5).
            held: 12 deactivate
        "#]],
    );
    check_decided(
        &decisions,
        &people(14..=100, ": dev"),
        &before,
        &expect![[r#"
            The source told of 87 people, the directory has 100 active ones: more than 10 % fewer.
            13 people would be deactivated (limit 5).
            held: 13 deactivate
        "#]],
    );
    // As many by other rules are other people.
    let by_others = Acceptance { people: 88, rules: "others".into() };
    let decisions = Decisions { people_accepted: Some(by_others), ..Decisions::default() };
    check_decided(
        &decisions,
        &people(13..=100, ": dev"),
        &before,
        &expect![[r#"
            The source told of 88 people, the directory has 100 active ones: more than 10 % fewer.
            12 people would be deactivated (limit 5).
            held: 12 deactivate
        "#]],
    );
}

#[test]
fn what_was_rejected_counts_for_nothing_and_others_pass() {
    let before = people(1..=100, ": dev");
    let rejected = seen(&people(9..=100, ": dev"), &before, |_| true).approved;
    let rejection = |identity| (identity, rejection_of_nobody());
    let decisions = Decisions {
        rejected: rejected.into_keys().map(rejection).collect(),
        ..Decisions::default()
    };
    check_decided(
        &decisions,
        &(people(11..=100, ": dev") + "500 zoe"),
        &before,
        &expect![[r#"
            passes: 1 create
            passes: 2 deactivate
            rejected: 8 deactivate
        "#]],
    );
}

fn rejection_of_nobody() -> Rejection {
    Rejection { user: None, state: SourceState::Silent, rules: "".into() }
}

#[test]
fn a_privileged_group_is_always_asked_about() {
    let privileged = Patterns::parse(&["Jira-Administrators"]).unwrap();
    with_careful_limits(|terms| {
        check_by(
            &Terms { privileged: &privileged, ..*terms },
            &POLICY,
            "1 ada : dev\n2 bob : dev jira-administrators\n3 cyd : jira-administrators",
            "1 ada : jira-administrators\n3 cyd : jira-administrators",
            &expect![[r#"
                Group jira-administrators is privileged: 1 would join and 1 would leave, which is always asked about.
                passes: 1 create
                passes: 1 create-group
                passes: 2 add-to-group
                held: 1 add-to-group
                held: 1 remove-from-group
            "#]],
        );
    });
}

#[test]
fn a_new_privileged_group_is_held_with_its_members() {
    let privileged = Patterns::parse(&["site-admins"]).unwrap();
    with_careful_limits(|terms| {
        check_by(
            &Terms { privileged: &privileged, ..*terms },
            &POLICY,
            "1 ada : dev site-admins",
            "",
            &expect![[r#"
                Group site-admins is privileged: 1 would join and 0 would leave, which is always asked about.
                passes: 1 create
                passes: 1 create-group
                passes: 1 add-to-group
                held: 1 create-group
                held: 1 add-to-group
            "#]],
        );
    });
}

#[test]
fn other_rules_hold_every_removal_once_and_no_addition() {
    for (rules, objection) in [
        (
            Rules::Changed,
            "The rules of the connector have changed: 2 removals are asked about once.",
        ),
        (Rules::Untried, "The connector has no good run yet: 2 removals are asked about once."),
    ] {
        with_careful_limits(|terms| {
            let terms = Terms { rules, ..*terms };
            let actual = directory("1 ada : dev\n2 bob : dev");
            let plan = planned(&POLICY, "1 ada : ops\n3 cyd", "1 ada : dev\n2 bob : dev");
            let (approved, held) = gate::check(plan, &actual, &terms);
            assert_eq!(
                held.objections.iter().map(ToString::to_string).collect::<Vec<_>>(),
                [objection]
            );
            assert_eq!(held.steps.len(), 2);
            assert_eq!(approved.steps().len(), 3);

            // Partly approved: only the rest is asked about.
            let approved = held.steps.iter().take(1).map(|step| Approval::of(step, ""));
            let decisions = Decisions { approved: approved.collect(), ..Decisions::default() };
            let plan = planned(&POLICY, "1 ada : ops\n3 cyd", "1 ada : dev\n2 bob : dev");
            let (_, rest) = gate::check(plan, &actual, &Terms { decisions: &decisions, ..terms });
            let told: Vec<String> = rest.objections.iter().map(ToString::to_string).collect();
            assert_eq!(told, [objection.replace("2 removals are", "1 removal is")]);

            // Approved: nothing is left to ask about.
            let decisions = Decisions {
                approved: held.steps.iter().map(|step| Approval::of(step, "")).collect(),
                ..Decisions::default()
            };
            let plan = planned(&POLICY, "1 ada : ops\n3 cyd", "1 ada : dev\n2 bob : dev");
            let (_, held) = gate::check(plan, &actual, &Terms { decisions: &decisions, ..terms });
            assert!(held.is_empty(), "{:?}", held.objections);
        });
    }
}

/// Who was suspected, or which group was empty, while the rules were new.
fn noticed(ids: &[&str], groups: &[&str]) -> Memory {
    let suspicion = |new: bool| Suspicion {
        since: Timestamp::UNIX_EPOCH,
        reads: 1,
        by_new_rules: new.then_some(Timestamp::UNIX_EPOCH),
    };
    let people = ids.iter().map(|it| (id(it.trim_end_matches('!')), suspicion(it.ends_with('!'))));
    let emptiness = |new: bool| {
        let Suspicion { since, reads: _, by_new_rules } = suspicion(new);
        Emptiness { since, by_new_rules }
    };
    let groups = groups.iter();
    let groups =
        groups.map(|it| (Name::new(it.trim_end_matches('!')), emptiness(it.ends_with('!'))));
    Memory { suspected: people.collect(), empty: groups.collect(), ..Memory::default() }
}

#[test]
fn what_new_rules_noticed_is_held_when_it_is_due_and_nothing_else() {
    let policy = Policy {
        grace: Grace { reads: 2, hours: 0 },
        strip: Some(Patterns::NONE),
        empty_days: 1,
        ..POLICY
    };
    let before = "1 ada : dev\n2 bob : dev\n3 cyd : dev\n4 dee\n[qa]\n[ops]";
    let (desired, actual) = (desired("3 cyd\n4 dee"), directory(before));
    let memory = noticed(&["1!", "2"], &["qa!", "ops"]);
    let gone = ["1", "2"].map(|it| (id(it), Absence::Gone)).into();
    let due = |decisions: &Decisions, rules| {
        let past = Past { now: "2026-01-01T00:00:00Z".parse().unwrap(), memory: &memory, rules };
        let (plan, _) = plan(&desired, &actual, &gone, &policy, &past);
        let privileged = Patterns::NONE;
        let limits = &Limits::CAREFUL;
        let terms = Terms { limits, decisions, rules, known_by: "", privileged: &privileged };
        let (approved, held) = gate::check(plan, &actual, &terms);
        let mut text = String::new();
        for objection in &held.objections {
            writeln!(text, "{objection}").unwrap();
        }
        for (verdict, steps) in [("passes", approved.steps()), ("held", &held.steps)] {
            for step in steps {
                writeln!(text, "{verdict}: {step}").unwrap();
            }
        }
        let held = held.steps.iter().map(|step| Approval::of(step, ""));
        (text, held.collect::<BTreeMap<Identity, Approval>>())
    };
    let (text, held) = due(&Decisions::default(), Rules::Unchanged);
    expect![[r#"
        Not asked about while the rules were new: 3 removals are asked about once.
        passes: - remove bob from group dev (gone, asked for by id)
        passes: - remove cyd from group dev (no group source grants it any more)
        passes: - deactivate bob (gone, asked for by id)
        passes: - remove group ops (nobody has been in it since 1970-01-01T00:00:00Z)
        held: - remove ada from group dev (gone, asked for by id; noticed at 1970-01-01T00:00:00Z, when the rules were new)
        held: - deactivate ada (gone, asked for by id; noticed at 1970-01-01T00:00:00Z, when the rules were new)
        held: - remove group qa (nobody has been in it since 1970-01-01T00:00:00Z; noticed at 1970-01-01T00:00:00Z, when the rules were new)
    "#]].assert_eq(&text);
    let (text, everything) = due(&Decisions::default(), Rules::Changed);
    let is_subset = held.keys().all(|it| everything.contains_key(it));
    assert!(is_subset && 7 == everything.len(), "{text}");
    let decisions = Decisions { approved: held, ..Decisions::default() };
    let (text, held) = due(&decisions, Rules::Unchanged);
    assert!(held.is_empty(), "{text}");
}

#[test]
fn a_connector_may_stand_still_until_somebody_has_decided() {
    let limits = Limits { hold: Hold::Everything, ..Limits::CAREFUL };
    with_careful_limits(|terms| {
        let terms = Terms { limits: &limits, ..*terms };
        let before = people(1..=100, ": dev");
        check_by(
            &terms,
            &POLICY,
            &(people(9..=100, ": dev") + "500 zoe : dev"),
            &before,
            &expect![[r#"
                8 people would be deactivated (limit 5).
                held: 1 create
                held: 1 add-to-group
                held: 8 deactivate
            "#]],
        );
        check_by(
            &terms,
            &POLICY,
            &(people(2..=100, ": dev") + "500 zoe : dev"),
            &before,
            &expect![[r#"
                passes: 1 create
                passes: 1 add-to-group
                passes: 1 deactivate
            "#]],
        );
    });
}

/// For many worlds and many choices: what nobody approved never passes above a limit, what passes
/// can be applied alone, and whoever approves all that is held sees all of it pass.
#[test]
fn nothing_passes_above_a_limit_but_what_was_seen() {
    let mut held_runs = 0;
    for seed in 0..200 {
        let mut random = fastrand::Rng::with_seed(seed);
        let (before, after) = (random_world(&mut random), random_world(&mut random));
        let actual = directory(&before);
        let privileged = Patterns::parse(&["group0"]).unwrap();
        let hold = if random.bool() { Hold::Harmful } else { Hold::Everything };
        let limits = Limits { hold, ..Limits::CAREFUL };
        let rules = if random.u8(..) < 200 { Rules::Unchanged } else { Rules::Changed };
        let nothing = Decisions::default();
        let terms = Terms {
            limits: &limits,
            decisions: &nothing,
            rules,
            known_by: "",
            privileged: &privileged,
        };
        let (_, held) = gate::check(planned(&POLICY, &after, &before), &actual, &terms);
        if held.is_empty() {
            continue;
        }
        held_runs += 1;
        let people = planned(&POLICY, &after, &before).people;
        let all: BTreeMap<Identity, Approval> =
            held.steps.iter().map(|step| Approval::of(step, "")).collect();
        let some = all.clone().into_iter().filter(|_| random.bool()).collect();

        let decisions = Decisions { approved: some, ..Decisions::default() };
        let (passed, _) = gate::check(
            planned(&POLICY, &after, &before),
            &actual,
            &Terms { decisions: &decisions, ..terms },
        );
        let careful = Terms { limits: &Limits::CAREFUL, ..terms };
        let (_, harmful) = gate::check(planned(&POLICY, &after, &before), &actual, &careful);
        let harmful = harmful.steps.iter().filter(|step| is_harm_itself(&step.change));
        let harmful: BTreeSet<Identity> = harmful.map(|it| Identity::of(&it.change)).collect();
        for step in passed.steps() {
            let identity = Identity::of(&step.change);
            assert!(
                !harmful.contains(&identity) || decisions.approved.contains_key(&identity),
                "{step} was held and nobody approved it"
            );
        }
        apply(&actual, &passed.changes().collect::<Vec<_>>());

        let steps = planned(&POLICY, &after, &before).steps.len();
        let decisions = Decisions {
            approved: all,
            people_accepted: Some(accepted(people)),
            ..Decisions::default()
        };
        let (passed, held) = gate::check(
            planned(&POLICY, &after, &before),
            &actual,
            &Terms { decisions: &decisions, ..terms },
        );
        assert!(held.is_empty(), "seed {seed}: {:?}", held.objections);
        assert_eq!(passed.steps().len(), steps);
    }
    assert!(100 < held_runs, "{held_runs} worlds were held");
}

/// Held for what it does, and not for what it depends on.
fn is_harm_itself(change: &Change) -> bool {
    match change {
        Change::RemoveMember { .. }
        | Change::Deactivate { .. }
        | Change::Anonymise { .. }
        | Change::Remove { .. }
        | Change::Rename { .. }
        | Change::Update { .. }
        | Change::AdoptGroup { .. }
        | Change::Reactivate { .. }
        | Change::AddMember { .. } => true,
        Change::Create { .. } | Change::CreateGroup { .. } | Change::RemoveGroup { .. } => false,
    }
}

fn random_world(random: &mut fastrand::Rng) -> String {
    let mut world = String::new();
    let mut names: Vec<u32> = (0..40).collect();
    random.shuffle(&mut names);
    for (id, name) in names.into_iter().enumerate() {
        if random.u8(..) < 40 {
            continue;
        }
        let name = if random.u8(..) < 220 { id } else { name as usize };
        if world.lines().any(|line| line.split(' ').nth(1) == Some(&format!("user{name}"))) {
            continue;
        }
        let state = if random.u8(..) < 30 { "off" } else { "" };
        let mail = random.u8(..2);
        write!(world, "{id} user{name} {state} mail=m{mail}@acme.test :").unwrap();
        for _ in 0..random.usize(..3) {
            write!(world, " group{}", random.usize(..4)).unwrap();
        }
        world.push('\n');
    }
    world
}

#[test]
fn an_adoption_is_always_asked_about_with_all_that_hangs_on_it() {
    let mut actual = directory("1 ada : dev\n2 bob\n3 eve : dev");
    actual.foreign.insert(Name::new("dev"));
    let policy = Policy { adopted: [Name::new("dev")].into(), ..POLICY };
    let wanted = desired("1 ada : dev\n2 bob : dev ops\n3 eve");
    let plan = || plan(&wanted, &actual, &BTreeMap::new(), &policy, &Past::NONE).0;
    let told = |terms: &Terms<'_>| {
        let (approved, held) = gate::check(plan(), &actual, terms);
        // Whatever passes can be done alone.
        apply(&actual, &approved.changes().collect::<Vec<_>>());
        let mut text = String::new();
        for objection in &held.objections {
            writeln!(text, "{objection}").unwrap();
        }
        let parts =
            [("passes", approved.steps()), ("held", &held.steps), ("rejected", &held.rejected)];
        for (verdict, step) in
            parts.into_iter().flat_map(|(verdict, steps)| steps.iter().map(move |it| (verdict, it)))
        {
            writeln!(text, "{verdict}: {}", step.change).unwrap();
        }
        text
    };
    with_careful_limits(|terms| {
        expect![[r#"
            Group dev was made by somebody else and would be adopted: 1 would join and 1 would leave, which is always asked about.
            passes: + create group ops
            passes: + add bob to group ops
            held: ~ adopt group dev
            held: + add bob to group dev
            held: - remove eve from group dev
        "#]]
        .assert_eq(&told(terms));
        let change = Change::AdoptGroup { group: Name::new("dev") };
        let adoption = Identity::of(&change);
        let approved = [Approval::of(&Step { change, reason: Reason::Named }, "")].into();
        let decisions = Decisions { approved, ..Decisions::default() };
        let all = told(&Terms { decisions: &decisions, ..*terms });
        assert_eq!((all.matches("passes: ").count(), all.lines().count()), (5, 5), "{all}");
        let rejected = [(adoption, rejection_of_nobody())].into();
        let decisions = Decisions { rejected, ..Decisions::default() };
        let none = told(&Terms { decisions: &decisions, ..*terms });
        assert_eq!(none.matches("rejected: ").count(), 3, "{none}");
    });
}
