use std::fmt::Write as _;

use expect_test::{Expect, expect};

use crate::pattern::Patterns;
use crate::plan::{Absence, Cleanup, EmptyGroups, Policy, missing, plan};
use crate::world::{apply, desired, directory, gone, id};

mod random;

const POLICY: Policy = Policy::new(Cleanup::Disable, EmptyGroups::Keep);

/// Plans with everybody who is missing confirmed as gone.
fn check(desired_text: &str, actual_text: &str, expected: &Expect) {
    check_policy(&POLICY, desired_text, actual_text, expected);
}

fn check_policy(policy: &Policy, desired_text: &str, actual_text: &str, expected: &Expect) {
    let (desired, actual) = (desired(desired_text), directory(actual_text));
    let gone = missing(&desired, &actual, policy).into_iter().map(|id| (id, Absence::Gone));
    let (plan, findings) = plan(&desired, &actual, &gone.collect(), policy);
    let mut text = plan.to_string();
    for finding in findings {
        let id = finding.id.unwrap();
        writeln!(text, "{} {id}: {}", finding.kind.word(), finding.message).unwrap();
    }
    expected.assert_eq(&text);
    apply(&actual, &plan.steps.iter().map(|step| &step.change).collect::<Vec<_>>());
}

#[test]
fn nothing_changed_plans_nothing() {
    let world = "1 ada : dev ops
                 2 bob off : dev
                 [qa]";
    check("1 ada : dev ops\n 2 bob off : dev", world, &expect![""]);
}

#[test]
fn new_people_get_accounts_and_groups() {
    check(
        "1 ada first=Ada : dev
         2 bob : dev",
        "",
        &expect![[r#"
            + create ada (Ada) (new in the source)
            + create bob (bob) (new in the source)
            + create group dev (granted by role "dev")
            + add ada to group dev (granted by role "dev")
            + add bob to group dev (granted by role "dev")
        "#]],
    );
}

#[test]
fn a_mover_is_granted_before_being_revoked() {
    check(
        "1 ada : ops",
        "1 ada : dev",
        &expect![[r#"
            + create group ops (granted by role "ops")
            + add ada to group ops (granted by role "ops")
            - remove ada from group dev (no group source grants it any more)
        "#]],
    );
}

#[test]
fn a_rename_is_in_place() {
    check(
        "1 ada.lee mail=ada@acme.test first=Ada : dev",
        "1 ada : dev",
        &expect![[r#"
            ~ rename ada to ada.lee (changed in the source)
            ~ update ada: display name "ada" -> "Ada", first name "" -> "Ada" (changed in the source)
        "#]],
    );
}

#[test]
fn other_letters_are_a_rename_and_no_conflict() {
    check(
        "1 Ada mail=ada@acme.test name=ada",
        "1 ada",
        &expect![[r#"
            ~ rename ada to Ada (changed in the source)
        "#]],
    );
}

#[test]
fn two_people_swap_usernames_and_emails_in_one_run() {
    check(
        "1 bob mail=bob@acme.test name=x
         2 ada mail=ada@acme.test name=y",
        "1 ada name=x
         2 bob name=y",
        &expect![[r#"
            ~ rename ada to bob (changed in the source)
            ~ update ada: e-mail "ada@acme.test" -> "bob@acme.test" (changed in the source)
            ~ rename bob to ada (changed in the source)
            ~ update bob: e-mail "bob@acme.test" -> "ada@acme.test" (changed in the source)
        "#]],
    );
}

#[test]
fn a_username_of_a_leaver_stays_theirs() {
    check(
        "2 ADA : dev",
        "1 ada",
        &expect![[r#"
            - deactivate ada (gone, asked for by id)
            conflict 2: The username is held by the active account of 1, which keeps it.
        "#]],
    );
}

#[test]
fn whoever_is_blocked_keeps_a_username_and_may_block_the_next() {
    check(
        "?1
         2 ada mail= name=two
         3 bob mail= name=three
         4 cyd mail= name=four",
        "1 ada
         2 bob mail= name=two
         3 cyd mail= name=three",
        &expect![[r#"
            conflict 2: The username is held by the active account of 1, which keeps it.
            conflict 3: The username is held by the active account of 2, which keeps it.
            conflict 4: The username is held by the active account of 3, which keeps it.
        "#]],
    );
}

#[test]
fn somebody_withheld_keeps_everything() {
    check("?1\n 2 bob", "1 ada : dev\n 2 bob", &expect![""]);
}

#[test]
fn suspended_people_are_deactivated_and_keep_the_groups_that_the_source_grants() {
    check(
        "1 ada off : dev",
        "1 ada : dev ops",
        &expect![[r#"
            - remove ada from group ops (no group source grants it any more)
            - deactivate ada (the source says Suspended)
        "#]],
    );
}

#[test]
fn suspended_and_invited_people_without_an_account_get_none() {
    check(
        "1 ada off : dev
         2 bob pending : dev
         3 cyd",
        "3 cyd",
        &expect![[r#"
            not-created 1: Suspended, and without an account so far, so none is made.
            not-created 2: Invited, and without an account so far, so none is made.
        "#]],
    );
}

#[test]
fn a_leaver_is_deactivated_and_keeps_the_groups_for_a_return() {
    check(
        "2 bob : dev",
        "1 ada : dev
         2 bob : dev",
        &expect![[r#"
            - deactivate ada (gone, asked for by id)
        "#]],
    );
}

#[test]
fn somebody_who_returns_is_reactivated_and_has_what_the_source_grants() {
    check(
        "1 ada : dev ops",
        "1 ada off : dev qa",
        &expect![[r#"
            + reactivate ada (active again in the source)
            + create group ops (granted by role "ops")
            + add ada to group ops (granted by role "ops")
            - remove ada from group qa (no group source grants it any more)
        "#]],
    );
}

#[test]
fn a_group_that_disappears_is_emptied_and_kept() {
    check(
        "1 ada
         2 bob",
        "1 ada : dev
         2 bob : dev",
        &expect![[r#"
            - remove ada from group dev (no group source grants it any more)
            - remove bob from group dev (no group source grants it any more)
        "#]],
    );
}

#[test]
fn a_group_that_disappears_is_removed_where_the_policy_says_so() {
    let policy = &Policy { empty_groups: EmptyGroups::Remove, ..POLICY };
    check_policy(
        policy,
        "1 ada",
        "1 ada : dev
         2 bob off : ops
         [qa]",
        &expect![[r#"
            - remove ada from group dev (no group source grants it any more)
            - remove group dev (nobody is in it any more)
            - remove group qa (nobody is in it any more)
        "#]],
    );
}

#[test]
fn a_group_that_is_never_touched_stays_as_it_is_with_its_members() {
    let untouchable = Patterns::parse(&["local-*", "Board"]).unwrap();
    let policy = Policy { empty_groups: EmptyGroups::Remove, untouchable, ..POLICY };
    check_policy(
        &policy,
        "1 ada : dev board
         3 cyd : local-fire",
        "1 ada : local-chess
         2 bob : board
         3 cyd
         [local-empty]",
        &expect![[r#"
            + create group dev (granted by role "dev")
            + add ada to group dev (granted by role "dev")
            - deactivate bob (gone, asked for by id)
        "#]],
    );
}

#[test]
fn leavers_are_removed_or_kept_where_the_policy_says_so() {
    let world = "1 ada : dev\n 2 bob off\n 3 cyd";
    let delete = &Policy::new(Cleanup::Delete, EmptyGroups::Remove);
    check_policy(
        delete,
        "3 cyd",
        world,
        &expect![[r#"
            - remove ada (gone, asked for by id)
            - remove bob (gone, asked for by id)
            - remove group dev (nobody is in it any more)
        "#]],
    );
    check_policy(&Policy { cleanup: Cleanup::Keep, ..POLICY }, "3 cyd", world, &expect![""]);
}

#[test]
fn only_a_confirmed_absence_takes_anything_away() {
    let (desired, actual) =
        (desired("9 zoe"), directory("1 ada : dev\n 2 bob\n 3 cyd\n 4 dee\n 9 zoe"));
    let mut answers = gone("1");
    answers.insert(id("2"), Absence::Present);
    answers.insert(id("3"), Absence::OutOfScope("has Sales, needs Staff".into()));
    let (plan, findings) = plan(&desired, &actual, &answers, &POLICY);
    expect![[r#"
        - deactivate ada (gone, asked for by id)
        - deactivate cyd (out of scope: has Sales, needs Staff)
    "#]]
    .assert_eq(&plan.to_string());
    let [finding] = findings.as_slice() else { panic!("one finding, for bob") };
    assert_eq!((finding.kind.word(), finding.id.clone()), ("passed-over", Some(id("2"))));
}

#[test]
fn somebody_whom_the_source_calls_inactive_is_disabled_and_never_removed() {
    let answer = Absence::Inactive("Suspended".into());
    let policy = &Policy { cleanup: Cleanup::Delete, ..POLICY };
    let answers = [(id("1"), answer)].into();
    let (plan, _) = plan(&desired("9 zoe"), &directory("1 ada\n 9 zoe"), &answers, policy);
    assert_eq!(plan.to_string(), "- deactivate ada (the source says Suspended)\n");
}

#[test]
fn an_answer_about_somebody_who_was_read_after_all_changes_nothing() {
    let (plan, findings) = plan(&desired("1 ada"), &directory("1 ada"), &gone("1 7"), &POLICY);
    assert_eq!((plan.steps.len(), findings.len()), (0, 0));
}

#[test]
fn only_those_are_asked_for_from_whom_something_would_be_taken() {
    let asked = |cleanup| {
        let policy = &Policy { cleanup, ..POLICY };
        let actual = directory("1 ada\n 2 bob off\n 3 cyd\n 4 dee");
        missing(&desired("3 cyd\n ?4"), &actual, policy)
    };
    assert_eq!(asked(Cleanup::Disable), [id("1")]);
    assert_eq!(asked(Cleanup::Delete), [id("1"), id("2")]);
    assert_eq!(asked(Cleanup::Keep), []);
}
