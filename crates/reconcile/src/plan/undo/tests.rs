use std::collections::BTreeSet;
use std::fmt::Write as _;

use expect_test::{Expect, expect};

use super::{Done, undo};
use crate::directory::Directory;
use crate::gate::{self, Limits, Rules, Terms, decisions::Decisions};
use crate::pattern::Patterns;
use crate::plan::{Absence, Change, Cleanup, EmptyGroups, Past, Policy, missing, plan};
use crate::principal::Name;
use crate::world::{apply, desired, directory};

const POLICY: Policy = Policy::new(Cleanup::Disable, EmptyGroups::Remove);
const DELETE: Policy = Policy::new(Cleanup::Delete, EmptyGroups::Remove);

/// What a run does with `before`, and the way it would be recorded.
fn done(policy: &Policy, desired_text: &str, before: &str) -> Vec<Done> {
    done_to(policy, desired_text, &directory(before))
}

fn done_to(policy: &Policy, desired_text: &str, actual: &Directory) -> Vec<Done> {
    let desired = desired(desired_text);
    let gone = missing(&desired, actual, policy).into_iter().map(|id| (id, Absence::Gone));
    let (plan, _) = plan(&desired, actual, &gone.collect(), policy, &Past::NONE);
    let recorded = |change: Change| {
        let mut groups = Vec::new();
        if let Change::Remove { user } = &change {
            let left = actual.groups.iter().filter(|(_, members)| members.contains(&user.id));
            groups.extend(left.map(|(group, _)| group.clone()));
        }
        Done { change, groups }
    };
    plan.steps.into_iter().map(|step| recorded(step.change)).collect()
}

/// Undoes it in `now`; the directory as the run left it where that is empty.
fn check_by(policy: &Policy, wanted: &str, before: &str, now: &str, expected: &Expect) {
    let done = done(policy, wanted, before);
    let changes: Vec<&Change> = done.iter().map(|it| &it.change).collect();
    let after = apply(&directory(before), &changes);
    let now = if now.is_empty() { after } else { directory(now) };
    let undo = undo(&done, &now, policy, "run 7");
    let mut text = undo.plan.to_string();
    for finding in &undo.findings {
        writeln!(text, "! {}", finding.message).unwrap();
    }
    // Whatever is planned can be done.
    let changes: Vec<&Change> = undo.plan.steps.iter().map(|it| &it.change).collect();
    apply(&now, &changes);
    expected.assert_eq(&text);
}

fn check(wanted: &str, before: &str, now: &str, expected: &Expect) {
    check_by(&POLICY, wanted, before, now, expected);
}

/// Undone at once, everything is as it was, whatever the run did.
#[track_caller]
fn check_round_trip(policy: &Policy, wanted: &str, before: &str) {
    check_round_trip_of(policy, wanted, &directory(before));
}

/// Tells what takes it back.
#[track_caller]
fn check_round_trip_of(policy: &Policy, wanted: &str, before: &Directory) -> String {
    let done = done_to(policy, wanted, before);
    let changes: Vec<&Change> = done.iter().map(|it| &it.change).collect();
    let after = apply(before, &changes);
    let undo = undo(&done, &after, policy, "run 7");
    assert_eq!(undo.findings, []);
    assert_eq!(undo.undone, (0..done.len()).collect::<BTreeSet<_>>());
    let back: Vec<&Change> = undo.plan.steps.iter().map(|it| &it.change).collect();
    assert_eq!(apply(&after, &back), *before, "{wanted} from {before:?}");
    undo.plan.to_string()
}

#[test]
fn whatever_a_run_did_can_be_taken_back_at_once() {
    let worlds = [
        "",
        "1 ada : dev",
        "1 ada off : dev\n2 bob : ops",
        "1 ada mail=x@acme.test : ops\n2 eve : dev ops",
        "1 bob : dev\n2 ada : dev",
        "2 ada\n3 bob : qa",
    ];
    let anonymise = Policy::new(
        Cleanup::Anonymise(crate::plan::Anonymity::ProfileAndUsername),
        EmptyGroups::Remove,
    );
    for before in worlds {
        for wanted in worlds {
            // Nobody is made inactive, so what was inactive before is not made active either.
            for policy in [&POLICY, &DELETE, &anonymise] {
                check_round_trip(policy, wanted, before);
            }
        }
    }
}

#[test]
fn each_change_is_taken_back_by_its_contrary_and_a_reason() {
    check(
        "1 ada mail=new@acme.test : ops\n3 eve : dev",
        "1 Ida : dev\n2 bob : dev",
        "",
        &expect![[r#"
            ~ rename ada to Ida (run 7 is undone)
            ~ update ada: e-mail "new@acme.test" -> "Ida@acme.test", display name "ada" -> "Ida" (run 7 is undone)
            + reactivate bob (run 7 is undone)
            + add ada to group dev (run 7 is undone)
            - remove ada from group ops (run 7 is undone)
            - remove eve (run 7 is undone)
            - remove group ops (run 7 is undone)
        "#]],
    );
}

#[test]
fn somebody_who_was_deleted_is_made_again_with_their_groups() {
    check_by(
        &DELETE,
        "2 bob : dev",
        "1 ada off : dev\n2 bob : dev",
        "",
        &expect![[r#"
            + create ada (ada) (run 7 is undone)
            + add ada to group dev (run 7 is undone)
            - deactivate ada (run 7 is undone)
        "#]],
    );
}

#[test]
fn what_was_changed_since_stays_and_says_so() {
    check(
        "1 ada mail=new@acme.test name=New",
        "1 ada mail=old@acme.test name=Old",
        "1 ada mail=newer@acme.test name=New",
        &expect![[r#"
            ~ update ada: display name "New" -> "Old" (run 7 is undone)
            ! Not undone: ~ update ada: e-mail "old@acme.test" -> "new@acme.test", display name "Old" -> "New", because changed since: e-mail.
        "#]],
    );
    check(
        "1 ada",
        "1 Ida mail=ada@acme.test name=ada",
        "1 zoe mail=ada@acme.test name=ada",
        &expect![[r#"
            ! Not undone: ~ rename Ida to ada, because the username was changed since.
        "#]],
    );
    check(
        "1 ada : dev",
        "1 ada",
        "1 ada : dev\n2 bob : dev",
        &expect![[r#"
            - remove ada from group dev (run 7 is undone)
            ! Not undone: + create group dev, because somebody is in it who was not put there by that run.
        "#]],
    );
}

#[test]
fn a_username_that_somebody_else_has_now_does_not_come_back() {
    check_by(
        &DELETE,
        "2 bob",
        "1 ada\n2 bob",
        "2 bob\n3 ADA",
        &expect![[r#"
            ! Not undone: - remove ada, because somebody else has the username now.
        "#]],
    );
}

#[test]
fn what_is_back_already_is_left_alone() {
    check("1 ada off : dev", "1 ada : dev", "1 ada : dev", &expect![""]);
    check("1 ada : dev", "1 ada", "1 ada", &expect![""]);
}

#[test]
fn protected_people_and_groups_that_are_never_touched_stay_as_they_are() {
    let protecting = Policy {
        protected: Patterns::parse(&["ada"]).unwrap(),
        untouchable: Patterns::parse(&["dev"]).unwrap(),
        ..POLICY
    };
    let done = done(&POLICY, "1 ada off\n2 bob", "1 ada\n2 bob : dev\n3 eve : dev");
    let now = directory("1 ada off\n2 bob\n3 eve off : dev");
    let undo = undo(&done, &now, &protecting, "run 7");
    let mut text = undo.plan.to_string();
    for finding in &undo.findings {
        writeln!(text, "! {}", finding.message).unwrap();
    }
    expect![[r#"
        + reactivate eve (run 7 is undone)
        ! Not undone: - deactivate ada, because they are protected.
        ! Not undone: - remove bob from group dev, because group dev is never touched.
    "#]]
    .assert_eq(&text);
}

#[test]
fn nobody_who_is_protected_is_made_again_and_nobody_joins_what_is_never_touched() {
    let deleting = Policy { cleanup: Cleanup::Delete, ..POLICY };
    let done = done(&deleting, "9 zoe", "1 ada : dev\n2 bob : dev ops\n9 zoe : dev ops");
    let protecting = Policy {
        protected: Patterns::parse(&["ada"]).unwrap(),
        untouchable: Patterns::parse(&["dev"]).unwrap(),
        ..deleting
    };
    let undo = undo(&done, &directory("9 zoe : dev ops"), &protecting, "run 7");
    let mut text = undo.plan.to_string();
    for finding in &undo.findings {
        writeln!(text, "! {}", finding.message).unwrap();
    }
    expect![[r#"
        + create bob (bob) (run 7 is undone)
        + add bob to group ops (run 7 is undone)
        ! Not undone: - remove ada, because they are protected.
        ! Not undone: - remove bob, because group dev is never touched.
    "#]]
    .assert_eq(&text);
}

#[test]
fn an_undo_is_judged_by_the_limits_like_any_other_plan() {
    let wanted: String = (1..=40).map(|id| format!("{id} user{id}\n")).collect();
    let done = done(&POLICY, &wanted, "99 zoe");
    let changes: Vec<&Change> = done.iter().map(|it| &it.change).collect();
    let after = apply(&directory("99 zoe"), &changes);
    let undo = undo(&done, &after, &POLICY, "run 7");
    let terms = Terms {
        limits: &Limits::CAREFUL,
        decisions: &Decisions::default(),
        rules: Rules::Unchanged,
        known_by: "",
        privileged: &Patterns::NONE,
    };
    let (approved, held) = gate::check(undo.plan, &after, &terms);
    assert_eq!((approved.steps().len(), held.steps.len()), (1, 40), "zoe comes back");
    assert!(held.steps.iter().all(|step| step.change.group() != Some(&Name::new("dev"))));
}

/// `dev` is a local group.
fn with_a_local_group(text: &str) -> Directory {
    Directory { local: [Name::new("dev")].into(), ..directory(text) }
}

#[test]
fn an_adopted_group_is_local_again_with_whoever_was_in_it() {
    let policy = Policy { adopted: [Name::new("dev")].into(), ..POLICY };
    let before = with_a_local_group("1 ada : dev\n2 bob\n3 eve : dev");
    let told = check_round_trip_of(&policy, "1 ada : dev\n2 bob : dev\n3 eve", &before);
    expect![[r#"
        + add eve to group dev (run 7 is undone)
        - remove bob from group dev (run 7 is undone)
        ~ make group dev local again (run 7 is undone)
    "#]]
    .assert_eq(&told);

    let adopted = [Done { change: Change::AdoptGroup { group: Name::new("dev") }, groups: vec![] }];
    let told = |policy: &Policy, now: &Directory| {
        let undo = undo(&adopted, now, policy, "run 7");
        let findings = undo.findings.iter().map(|it| format!("! {}\n", it.message));
        findings.fold(undo.plan.to_string(), |text, line| text + &line)
    };
    // It is so already, or it is gone.
    assert_eq!(told(&policy, &before), "");
    assert_eq!(told(&policy, &directory("1 ada")), "");
    let untouchable = Policy { untouchable: Patterns::parse(&["dev"]).unwrap(), ..POLICY };
    expect![[r#"
        ! Not undone: ~ adopt group dev, because group dev is never touched.
    "#]]
    .assert_eq(&told(&untouchable, &directory("1 ada : dev")));
}

#[test]
fn whoever_gets_their_account_back_is_in_their_local_groups_again() {
    let before = with_a_local_group("1 ada : dev ops\n2 bob : dev ops");
    let told = check_round_trip_of(&DELETE, "2 bob : ops", &before);
    expect![[r#"
        + create ada (ada)
        + add ada to group dev (run 7 is undone)
        + add ada to group ops (run 7 is undone)
    "#]]
    .assert_eq(&told.replace(" (ada) (run 7 is undone)", " (ada)"));
}

#[test]
fn an_adoption_is_not_made_anew_by_taking_back_that_it_was_taken_back() {
    let done = [Done { change: Change::MakeLocal { group: Name::new("dev") }, groups: vec![] }];
    let undo = undo(&done, &with_a_local_group("1 ada : dev"), &POLICY, "run 8");
    assert_eq!((undo.plan.to_string(), undo.undone), (String::new(), BTreeSet::new()));
    let [finding] = undo.findings.as_slice() else { panic!("one finding, of dev") };
    expect!["Not undone: ~ make group dev local again, because a group is adopted by a run, where everybody who would join or leave it is seen."]
    .assert_eq(&finding.message);
}
