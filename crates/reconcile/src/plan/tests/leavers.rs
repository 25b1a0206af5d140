//! Whoever is gone or out of scope.

use super::*;

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
    let (plan, findings) = plan(&desired, &actual, &answers, &POLICY, &Past::NONE);
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
    let (plan, _) =
        plan(&desired("9 zoe"), &directory("1 ada\n 9 zoe"), &answers, policy, &Past::NONE);
    assert_eq!(plan.to_string(), "- deactivate ada (the source says Suspended)\n");
}

#[test]
fn an_answer_about_somebody_who_was_read_after_all_changes_nothing() {
    let (plan, findings) =
        plan(&desired("1 ada"), &directory("1 ada"), &gone("1 7"), &POLICY, &Past::NONE);
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

#[test]
fn a_leaver_is_anonymised_and_the_key_stays() {
    let anonymise = |anonymity| Policy { cleanup: Cleanup::Anonymise(anonymity), ..POLICY };
    let world = "1 ada first=Ada : dev\n 2 bob off\n 3 cyd";
    check_policy(
        &anonymise(Anonymity::Profile),
        "3 cyd",
        world,
        &expect![[r#"
        - anonymise ada as Former user 1 (gone, asked for by id)
        - anonymise bob as Former user 2 (gone, asked for by id)
    "#]],
    );
    let policy = anonymise(Anonymity::ProfileAndUsername);
    check_policy(
        &policy,
        "3 cyd",
        world,
        &expect![[r#"
        - anonymise ada as Former user 1 (gone, asked for by id)
        - anonymise bob as Former user 2 (gone, asked for by id)
    "#]],
    );
    let (desired, actual) = (desired("3 cyd"), directory(world));
    let (plan, _) = plan(&desired, &actual, &gone("1 2"), &policy, &Past::NONE);
    let after = apply(&actual, &plan.steps.iter().map(|step| &step.change).collect::<Vec<_>>());
    let names: Vec<String> = after.users.values().map(|it| it.username.to_string()).collect();
    assert_eq!(names, ["user-1", "user-2", "cyd"]);
    assert_eq!(missing(&desired, &after, &policy), [], "there is nothing left to ask about");
}

#[test]
fn an_anonymous_username_that_somebody_has_is_not_given_out() {
    let policy = Policy { cleanup: Cleanup::Anonymise(Anonymity::ProfileAndUsername), ..POLICY };
    check_policy(
        &policy,
        "3 user-1",
        "1 ada\n 3 user-1",
        &expect![[r#"
        - anonymise ada as Former user 1 (gone, asked for by id)
    "#]],
    );
}

#[test]
fn whoever_returns_gets_their_name_back() {
    check_policy(
        &Policy { cleanup: Cleanup::Anonymise(Anonymity::Profile), ..POLICY },
        "1 ada first=Ada : dev",
        "1 user-1 off mail=user-1@user.invalid name=Former_user_1 : dev",
        &expect![[r#"
            + reactivate user-1 (active again in the source)
            ~ rename user-1 to ada (differs from the source)
            ~ update user-1: e-mail "user-1@user.invalid" -> "ada@acme.test", display name "Former user 1" -> "Ada", first name "" -> "Ada" (differs from the source)
        "#]],
    );
}

#[test]
fn a_username_that_anonymising_frees_is_given_out_by_the_next_run() {
    let policy = Policy { cleanup: Cleanup::Anonymise(Anonymity::ProfileAndUsername), ..POLICY };
    check_policy(
        &policy,
        "2 ada",
        "1 ada",
        &expect![[r#"
        - anonymise ada as Former user 1 (gone, asked for by id)
        conflict 2: The username is held by the active account of 1, which keeps it.
    "#]],
    );
}

#[test]
fn leavers_are_taken_out_of_their_groups_where_the_policy_says_so() {
    let kept = Some(Patterns::parse(&["alumni*"]).unwrap());
    let untouchable = Patterns::parse(&["board"]).unwrap();
    let world = "1 ada : dev alumni-eu board
                 2 bob off : dev
                 3 cyd : dev
                 4 dee off : alumni-eu";
    for (cleanup, expected) in [
        (
            Cleanup::Disable,
            expect![[r#"
            - remove ada from group dev (gone, asked for by id)
            - remove bob from group dev (gone, asked for by id)
            - deactivate ada (gone, asked for by id)
        "#]],
        ),
        (
            Cleanup::Keep,
            expect![[r#"
            - remove ada from group dev (gone, asked for by id)
            - remove bob from group dev (gone, asked for by id)
        "#]],
        ),
    ] {
        let (strip, untouchable) = (kept.clone(), untouchable.clone());
        let policy = Policy { cleanup, strip, untouchable, ..POLICY };
        let asked = missing(&desired("3 cyd : dev"), &directory(world), &policy);
        assert_eq!(asked, [id("1"), id("2")], "dee has nothing to lose");
        check_policy(&policy, "3 cyd : dev", world, &expected);
    }
}
