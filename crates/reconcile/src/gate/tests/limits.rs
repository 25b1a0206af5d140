//! Changes that are too many, and what hangs on them.

use super::*;

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
            Nobody was read or nobody is in scope; the directory has 1 active person. An empty source is never believed.
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

/// Three of each kind always pass in a small directory, but not where nobody is left by them.
#[test]
fn no_more_than_half_of_a_handful_lose_access_by_what_always_passes_of_each_kind() {
    let delete = Policy::new(Cleanup::Delete, EmptyGroups::Keep);
    check(
        &delete,
        "1 user1 off\n2 user2 off\n3 user3 off",
        &people(1..=6, ""),
        &expect![[r#"
        3 people would be deactivated (limit 0).
        3 people would be removed or anonymised (limit 0).
        held: 3 deactivate
        held: 3 remove
    "#]],
    );
    check(
        &delete,
        "1 user1\n2 user2\n3 user3\n4 user4 off\n5 user5",
        &people(1..=6, ""),
        &expect![[r#"
            passes: 1 deactivate
            passes: 1 remove
        "#]],
    );
    check(
        &delete,
        "1 user1 off",
        &people(1..=2, ""),
        &expect![[r#"
        1 person would be deactivated (limit 0).
        1 person would be removed or anonymised (limit 0).
        held: 1 deactivate
        held: 1 remove
    "#]],
    );
    let with_former = people(1..=4, "") + &people(5..=9, "off");
    check(
        &delete,
        &(people(1..=1, "") + &people(5..=9, "off")),
        &with_former,
        &expect![[r#"
        3 people would be removed or anonymised (limit 2).
        held: 3 remove
    "#]],
    );
    check(
        &delete,
        &people(1..=4, ""),
        &(people(1..=4, "") + &people(5..=7, "off")),
        &expect![[r#"
        passes: 3 remove
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
