//! What somebody has said of changes before.

use super::*;

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
            2 changes were left out when others were decided.
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
