//! Groups and who is in them.

use super::*;

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
fn groups_that_the_source_has_without_anybody_are_made_where_the_policy_says_so() {
    let mut wanted = desired("1 ada : dev");
    wanted.directory.groups.insert(Name::new("qa"), BTreeSet::new());
    wanted.origins.insert(Name::new("qa"), "role \"qa\"".into());
    let planned = |empty_groups| {
        let policy = Policy { empty_groups, ..POLICY };
        plan(&wanted, &directory("1 ada : dev"), &gone(""), &policy, &Past::NONE).0.to_string()
    };
    assert_eq!(planned(EmptyGroups::Keep), "");
    expect![[r#"
        + create group qa (in the source without anybody: role "qa")
    "#]]
    .assert_eq(&planned(EmptyGroups::Create));
}

#[test]
fn a_local_group_stays_as_it_is() {
    let mut actual = directory("1 ada : dev\n 2 bob");
    actual.local.insert(Name::new("Dev"));
    let policy = Policy { empty_groups: EmptyGroups::Remove, ..POLICY };
    let (plan, findings) =
        plan(&desired("1 ada\n 2 bob : dev"), &actual, &gone(""), &policy, &Past::NONE);
    assert_eq!(plan.to_string(), "");
    let [finding] = findings.as_slice() else { panic!("one finding, of dev") };
    expect![
        "The target has a local group dev, made by hand, so its members stay as they are. To let the source decide who is in it, name it in the settings to be adopted."
    ]
    .assert_eq(&finding.message);
}

/// `dev` and `ops` are local groups, and `adopted` are to be ours.
fn with_local_groups(
    policy: &Policy,
    wanted: &str,
    actual: &str,
    gone_ids: &str,
    adopted: &[&str],
) -> String {
    let mut actual = directory(actual);
    actual.local = ["dev", "ops"].map(Name::new).into();
    let adopted = adopted.iter().map(|it| Name::new(it)).collect();
    let policy = Policy { adopted, ..policy.clone() };
    let (desired, gone) = (desired(wanted), gone(gone_ids));
    let (planned, findings) = plan(&desired, &actual, &gone, &policy, &Past::NONE);
    let changes: Vec<&Change> = planned.steps.iter().map(|it| &it.change).collect();
    let after = apply(&actual, &changes);
    let (again, _) = plan(&desired, &after, &gone, &policy, &Past::NONE);
    assert_eq!(again.to_string(), "", "a second run plans more");
    let findings = findings.iter().map(|it| format!("! {}\n", it.message));
    findings.fold(planned.to_string(), |text, line| text + &line)
}

#[test]
fn nobody_joins_or_leaves_a_local_group_whatever_the_policy() {
    let strip = Some(Patterns::NONE);
    for policy in [
        Policy { strip: strip.clone(), ..Policy::new(Cleanup::Keep, EmptyGroups::Remove) },
        Policy { strip, ..Policy::new(Cleanup::Keep, EmptyGroups::Create) },
    ] {
        let actual = "1 ada : dev\n 2 bob\n [ops]";
        assert_eq!(with_local_groups(&policy, "2 bob", actual, "1", &[]), "");
        let wanted = "1 ada\n 2 bob : dev";
        expect![[r#"
            ! The target has a local group dev, made by hand, so its members stay as they are. To let the source decide who is in it, name it in the settings to be adopted.
        "#]]
        .assert_eq(&with_local_groups(&policy, wanted, actual, "", &[]));
    }
}

#[test]
fn whoever_loses_their_account_leaves_local_groups_and_those_stay_even_empty() {
    let policy = Policy::new(Cleanup::Delete, EmptyGroups::Remove);
    let actual = "1 ada : dev qa\n 2 bob";
    expect![[r#"
        - remove ada (gone, asked for by id)
        - remove group qa (nobody is in it any more)
    "#]]
    .assert_eq(&with_local_groups(&policy, "2 bob", actual, "1", &[]));
}

#[test]
fn a_group_that_is_named_is_adopted_with_all_that_follows_from_it() {
    let planned = |wanted: &str, adopted: &[&str]| {
        let actual = "1 ada : dev\n 2 bob\n 3 eve : dev ops";
        with_local_groups(&POLICY, wanted, actual, "", adopted)
    };
    let wanted = "1 ada : dev\n 2 bob : dev ops\n 3 eve";
    expect![[r#"
        ~ adopt group dev (named to be adopted)
        + add bob to group dev (granted by role "dev")
        - remove eve from group dev (no group source grants it any more)
        ! The target has a local group ops, made by hand, so its members stay as they are. To let the source decide who is in it, name it in the settings to be adopted.
    "#]]
    .assert_eq(&planned(wanted, &["DEV", "nowhere"]));
    // Nothing else has to change for it to be ours.
    expect![[r#"
        ~ adopt group dev (named to be adopted)
    "#]]
    .assert_eq(&planned("1 ada : dev\n 2 bob\n 3 eve : dev", &["dev"]));
    // What is never touched is not adopted either.
    let untouchable = Patterns::parse(&["dev"]).unwrap();
    let policy = Policy { untouchable, ..POLICY };
    assert_eq!(with_local_groups(&policy, "1 ada", "1 ada : dev", "", &["dev"]), "");
}

#[test]
fn a_group_that_is_assigned_by_what_the_source_does_not_tell_stays_as_it_is() {
    let mut wanted = desired(
        "1 ada
         2 bob : dev
         3 cyd : budget",
    );
    let people = |ids: &[&str]| ids.iter().map(|it| id(it)).collect();
    wanted.unsettled.insert(Name::new("budget"), people(&["1", "2"]));
    wanted.unsettled.insert(Name::new("floor"), people(&["1", "2", "3"]));
    let actual = directory(
        "1 ada : budget ops
         2 bob
         3 cyd
         4 eve : budget
         [floor]",
    );
    let policy = Policy::new(Cleanup::Delete, EmptyGroups::Remove);
    let rules = Past { rules: Rules::Changed, ..Past::NONE };
    let (plan, findings) = plan(&wanted, &actual, &gone("4"), &policy, &rules);
    expect![[r#"
        + create group dev (granted by role "dev")
        + add cyd to group budget (granted by role "budget")
        + add bob to group dev (granted by role "dev")
        - remove ada from group ops (no group source grants it any more)
        - remove eve (gone, asked for by id)
        - remove group ops (nobody is in it any more)
    "#]]
    .assert_eq(&plan.to_string());
    assert_eq!(findings, []);
    // What comes of it once it is told is asked about: nobody could be asked while the rules were new.
    assert_eq!(plan.undecided, people(&["1"]));
    assert_eq!(plan.memory.hidden.into_keys().collect::<BTreeSet<_>>(), people(&["1"]));
}
