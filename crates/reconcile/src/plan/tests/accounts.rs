//! Accounts: made, renamed, updated, switched.

use super::*;

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
            ~ rename ada to ada.lee (differs from the source)
            ~ update ada: display name "ada" -> "Ada", first name "" -> "Ada" (differs from the source)
        "#]],
    );
}

#[test]
fn other_letters_are_a_rename_and_no_conflict() {
    check(
        "1 Ada mail=ada@acme.test name=ada",
        "1 ada",
        &expect![[r#"
            ~ rename ada to Ada (differs from the source)
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
            ~ rename ada to bob (differs from the source)
            ~ update ada: e-mail "ada@acme.test" -> "bob@acme.test" (differs from the source)
            ~ rename bob to ada (differs from the source)
            ~ update bob: e-mail "bob@acme.test" -> "ada@acme.test" (differs from the source)
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
