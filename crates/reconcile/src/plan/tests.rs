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

mod left_out;
mod new_rules;
mod random;

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
            ~ rename user-1 to ada (changed in the source)
            ~ update user-1: e-mail "user-1@user.invalid" -> "ada@acme.test", display name "Former user 1" -> "Ada", first name "" -> "Ada" (changed in the source)
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

#[test]
fn a_protected_person_is_told_of_and_not_changed() {
    let policy = Policy {
        cleanup: Cleanup::Delete,
        empty_groups: EmptyGroups::Remove,
        protected: Patterns::parse(&["ADMIN", "*@partner.example", "7"]).unwrap(),
        ..POLICY
    };
    check_policy(
        &policy,
        "2 bob mail=bob@partner.example first=Bob : ops
         7 dee.lee mail=dee@acme.test
         8 eve mail=eve@partner.example : dev
         9 dee",
        "1 admin : dev ops
         2 bob mail=bob@partner.example : ops
         7 dee",
        &expect![[r#"
            conflict 9: The username is held by the active account of 7, which keeps it.
            protected 1: Protected by "ADMIN", so nothing was done. Otherwise: - remove admin (gone, asked for by id).
            protected 2: Protected by "*@partner.example", so nothing was done. Otherwise: ~ update bob: display name "bob" -> "Bob", first name "" -> "Bob" (changed in the source).
            protected 7: Protected by "7", so nothing was done. Otherwise: ~ rename dee to dee.lee (changed in the source); ~ update dee: display name "dee" -> "dee.lee" (changed in the source).
            protected 8: Protected by "*@partner.example", so nothing was done. Otherwise: + create eve (eve) (new in the source); + add eve to group dev (granted by role "dev").
        "#]],
    );
}

#[test]
fn a_source_cannot_take_protection_away() {
    let policy = Policy { protected: Patterns::parse(&["root"]).unwrap(), ..POLICY };
    check_policy(
        &policy,
        "1 rooted mail=root@acme.test",
        "1 root",
        &expect![[r#"
        protected 1: Protected by "root", so nothing was done. Otherwise: ~ rename root to rooted (changed in the source); ~ update root: display name "root" -> "rooted" (changed in the source).
    "#]],
    );
    check_policy(
        &policy,
        "1 root mail=rooted@acme.test",
        "1 rooted",
        &expect![[r#"
        protected 1: Protected by "root", so nothing was done. Otherwise: ~ rename rooted to root (changed in the source); ~ update rooted: display name "rooted" -> "root" (changed in the source).
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
fn a_group_that_is_not_ours_stays_as_it_is() {
    let mut actual = directory("1 ada : dev\n 2 bob");
    actual.foreign.insert(Name::new("Dev"));
    let policy = Policy { empty_groups: EmptyGroups::Remove, ..POLICY };
    let (plan, findings) =
        plan(&desired("1 ada\n 2 bob : dev"), &actual, &gone(""), &policy, &Past::NONE);
    assert_eq!(plan.to_string(), "");
    let [finding] = findings.as_slice() else { panic!("one finding, of dev") };
    expect![
        "The target has a group dev that Rollcall did not make, so its members stay as they are."
    ]
    .assert_eq(&finding.message);
}

/// `dev` and `ops` are of somebody else, and `adopted` are to be ours.
fn with_foreign_groups(
    policy: &Policy,
    wanted: &str,
    actual: &str,
    gone_ids: &str,
    adopted: &[&str],
) -> String {
    let mut actual = directory(actual);
    actual.foreign = ["dev", "ops"].map(Name::new).into();
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
fn nobody_joins_or_leaves_a_group_of_somebody_else_whatever_the_policy() {
    let strip = Some(Patterns::NONE);
    for policy in [
        Policy { strip: strip.clone(), ..Policy::new(Cleanup::Keep, EmptyGroups::Remove) },
        Policy { strip, ..Policy::new(Cleanup::Keep, EmptyGroups::Create) },
    ] {
        let actual = "1 ada : dev\n 2 bob\n [ops]";
        assert_eq!(with_foreign_groups(&policy, "2 bob", actual, "1", &[]), "");
        let wanted = "1 ada\n 2 bob : dev";
        expect![[r#"
            ! The target has a group dev that Rollcall did not make, so its members stay as they are.
        "#]]
        .assert_eq(&with_foreign_groups(&policy, wanted, actual, "", &[]));
    }
}

#[test]
fn a_group_that_is_named_is_adopted_with_all_that_follows_from_it() {
    let planned = |wanted: &str, adopted: &[&str]| {
        let actual = "1 ada : dev\n 2 bob\n 3 eve : dev ops";
        with_foreign_groups(&POLICY, wanted, actual, "", adopted)
    };
    let wanted = "1 ada : dev\n 2 bob : dev ops\n 3 eve";
    expect![[r#"
        ~ adopt group dev (named to be adopted)
        + add bob to group dev (granted by role "dev")
        - remove eve from group dev (no group source grants it any more)
        ! The target has a group ops that Rollcall did not make, so its members stay as they are.
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
    assert_eq!(with_foreign_groups(&policy, "1 ada", "1 ada : dev", "", &["dev"]), "");
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

#[test]
fn whoever_is_suspected_while_the_rules_are_new_leaves_by_new_rules() {
    let policy = Policy { grace: Grace { reads: 3, hours: 0 }, ..POLICY };
    check_over_time(
        &policy,
        &[
            // One was suspected before the rules changed, one by them, and one when they were tried.
            ("01T00:00", "2 bob\n 3 cyd\n 9 zoe", "1"),
            ("01T01:00!", "3 cyd\n 9 zoe", "1 2"),
            ("01T02:00", "9 zoe", "1 2 3"),
            // They change once more: what was noticed first stays, and the third is by new rules, too.
            ("01T03:00!", "9 zoe", "2 3"),
            ("01T04:00", "9 zoe", "2 3"),
        ],
        "1 ada\n 2 bob\n 3 cyd\n 9 zoe",
        &expect![[r#"
            01T00:00
            suspected gone, asked for by id, in 1 reads since 2026-01-01T00:00:00Z. It counts after 3 reads and 0 h.
              remembers 1 since 2026-01-01T00:00:00Z, 1 reads
            01T01:00!
            suspected gone, asked for by id, in 2 reads since 2026-01-01T00:00:00Z. It counts after 3 reads and 0 h. Then it is asked about, because the rules were new.
            suspected gone, asked for by id, in 1 reads since 2026-01-01T01:00:00Z. It counts after 3 reads and 0 h. Then it is asked about, because the rules were new.
              remembers 1 since 2026-01-01T00:00:00Z, 2 reads, by new rules at 2026-01-01T01:00:00Z
              remembers 2 since 2026-01-01T01:00:00Z, 1 reads, by new rules at 2026-01-01T01:00:00Z
            01T02:00
            - deactivate ada (gone, asked for by id; noticed at 2026-01-01T01:00:00Z, when the rules were new)
            suspected gone, asked for by id, in 2 reads since 2026-01-01T01:00:00Z. It counts after 3 reads and 0 h. Then it is asked about, because the rules were new.
            suspected gone, asked for by id, in 1 reads since 2026-01-01T02:00:00Z. It counts after 3 reads and 0 h.
              remembers 1 since 2026-01-01T00:00:00Z, 3 reads, by new rules at 2026-01-01T01:00:00Z
              remembers 2 since 2026-01-01T01:00:00Z, 2 reads, by new rules at 2026-01-01T01:00:00Z
              remembers 3 since 2026-01-01T02:00:00Z, 1 reads
            01T03:00!
            - deactivate bob (gone, asked for by id; noticed at 2026-01-01T01:00:00Z, when the rules were new)
            suspected gone, asked for by id, in 2 reads since 2026-01-01T02:00:00Z. It counts after 3 reads and 0 h. Then it is asked about, because the rules were new.
              remembers 1 since 2026-01-01T00:00:00Z, 3 reads, by new rules at 2026-01-01T01:00:00Z
              remembers 2 since 2026-01-01T01:00:00Z, 3 reads, by new rules at 2026-01-01T01:00:00Z
              remembers 3 since 2026-01-01T02:00:00Z, 2 reads, by new rules at 2026-01-01T03:00:00Z
            01T04:00
            - deactivate bob (gone, asked for by id; noticed at 2026-01-01T01:00:00Z, when the rules were new)
            - deactivate cyd (gone, asked for by id; noticed at 2026-01-01T03:00:00Z, when the rules were new)
              remembers 1 since 2026-01-01T00:00:00Z, 3 reads, by new rules at 2026-01-01T01:00:00Z
              remembers 2 since 2026-01-01T01:00:00Z, 4 reads, by new rules at 2026-01-01T01:00:00Z
              remembers 3 since 2026-01-01T02:00:00Z, 3 reads, by new rules at 2026-01-01T03:00:00Z
        "#]],
    );
}

#[test]
fn whoever_comes_back_is_suspected_as_anybody_and_whoever_may_be_back_by_new_rules_still() {
    let policy = Policy { grace: Grace { reads: 2, hours: 0 }, ..POLICY };
    check_over_time(
        &policy,
        &[
            ("01T00:00!", "9 zoe", "1 2 3"),
            // The first is back, the second cannot be read, and of the third nothing is told.
            ("01T01:00", "1 ada\n ?2\n 9 zoe", ""),
            ("01T02:00", "9 zoe", "1 2 3"),
            ("01T03:00", "9 zoe", "1 2 3"),
        ],
        "1 ada\n 2 bob\n 3 cyd\n 9 zoe",
        &expect![[r#"
            01T00:00!
            suspected gone, asked for by id, in 1 reads since 2026-01-01T00:00:00Z. It counts after 2 reads and 0 h. Then it is asked about, because the rules were new.
            suspected gone, asked for by id, in 1 reads since 2026-01-01T00:00:00Z. It counts after 2 reads and 0 h. Then it is asked about, because the rules were new.
            suspected gone, asked for by id, in 1 reads since 2026-01-01T00:00:00Z. It counts after 2 reads and 0 h. Then it is asked about, because the rules were new.
              remembers 1 since 2026-01-01T00:00:00Z, 1 reads, by new rules at 2026-01-01T00:00:00Z
              remembers 2 since 2026-01-01T00:00:00Z, 1 reads, by new rules at 2026-01-01T00:00:00Z
              remembers 3 since 2026-01-01T00:00:00Z, 1 reads, by new rules at 2026-01-01T00:00:00Z
            01T01:00
              remembers 2 since 2026-01-01T01:00:00Z, 0 reads, by new rules at 2026-01-01T00:00:00Z
              remembers 3 since 2026-01-01T00:00:00Z, 1 reads, by new rules at 2026-01-01T00:00:00Z
            01T02:00
            - deactivate cyd (gone, asked for by id; noticed at 2026-01-01T00:00:00Z, when the rules were new)
            suspected gone, asked for by id, in 1 reads since 2026-01-01T02:00:00Z. It counts after 2 reads and 0 h.
            suspected gone, asked for by id, in 1 reads since 2026-01-01T01:00:00Z. It counts after 2 reads and 0 h. Then it is asked about, because the rules were new.
              remembers 1 since 2026-01-01T02:00:00Z, 1 reads
              remembers 2 since 2026-01-01T01:00:00Z, 1 reads, by new rules at 2026-01-01T00:00:00Z
              remembers 3 since 2026-01-01T00:00:00Z, 2 reads, by new rules at 2026-01-01T00:00:00Z
            01T03:00
            - deactivate ada (gone, asked for by id)
            - deactivate bob (gone, asked for by id; noticed at 2026-01-01T00:00:00Z, when the rules were new)
            - deactivate cyd (gone, asked for by id; noticed at 2026-01-01T00:00:00Z, when the rules were new)
              remembers 1 since 2026-01-01T02:00:00Z, 2 reads
              remembers 2 since 2026-01-01T01:00:00Z, 2 reads, by new rules at 2026-01-01T00:00:00Z
              remembers 3 since 2026-01-01T00:00:00Z, 3 reads, by new rules at 2026-01-01T00:00:00Z
        "#]],
    );
}

#[test]
fn what_new_rules_noticed_outlasts_rules_that_wait_for_nothing() {
    let waits = Policy {
        grace: Grace { reads: 2, hours: 0 },
        empty_days: 5,
        ..Policy::new(Cleanup::Disable, EmptyGroups::Remove)
    };
    let at_once = Policy { grace: Grace::NONE, empty_days: 0, ..waits.clone() };
    let keeps = Policy { empty_groups: EmptyGroups::Keep, ..at_once.clone() };
    let actual = directory("1 ada\n 2 bob\n 9 zoe\n[ops]");
    let runs = [
        (&waits, "01T00:00!", "9 zoe", gone("1 2")),
        (&at_once, "01T01:00!", "9 zoe", gone("1 2")),
        // One is odd, and nothing is told of the other.
        (&keeps, "01T02:00!", "?1\n 9 zoe", BTreeMap::new()),
        (&waits, "01T03:00", "9 zoe", gone("1 2")),
        // Whoever is back is forgotten by rules that wait for nothing, too.
        (&at_once, "01T04:00!", "2 bob\n 9 zoe", gone("1")),
        (&waits, "06T00:00", "9 zoe", gone("1 2")),
    ];
    let runs =
        runs.into_iter().map(|(policy, at, desired, gone)| (policy, (at, desired, gone, &actual)));
    expect![[r#"
        01T00:00!
        suspected gone, asked for by id, in 1 reads since 2026-01-01T00:00:00Z. It counts after 2 reads and 0 h. Then it is asked about, because the rules were new.
        suspected gone, asked for by id, in 1 reads since 2026-01-01T00:00:00Z. It counts after 2 reads and 0 h. Then it is asked about, because the rules were new.
          remembers 1 since 2026-01-01T00:00:00Z, 1 reads, by new rules at 2026-01-01T00:00:00Z
          remembers 2 since 2026-01-01T00:00:00Z, 1 reads, by new rules at 2026-01-01T00:00:00Z
          remembers ops empty since 2026-01-01T00:00:00Z, by new rules at 2026-01-01T00:00:00Z
        01T01:00!
        - deactivate ada (gone, asked for by id; noticed at 2026-01-01T00:00:00Z, when the rules were new)
        - deactivate bob (gone, asked for by id; noticed at 2026-01-01T00:00:00Z, when the rules were new)
        - remove group ops (nobody is in it any more; noticed at 2026-01-01T00:00:00Z, when the rules were new)
          remembers 1 since 2026-01-01T01:00:00Z, 0 reads, by new rules at 2026-01-01T00:00:00Z
          remembers 2 since 2026-01-01T01:00:00Z, 0 reads, by new rules at 2026-01-01T00:00:00Z
          remembers ops empty since 2026-01-01T00:00:00Z, by new rules at 2026-01-01T00:00:00Z
        01T02:00!
          remembers 1 since 2026-01-01T02:00:00Z, 0 reads, by new rules at 2026-01-01T00:00:00Z
          remembers 2 since 2026-01-01T01:00:00Z, 0 reads, by new rules at 2026-01-01T00:00:00Z
          remembers 1 hidden since 2026-01-01T02:00:00Z
          remembers ops empty since 2026-01-01T00:00:00Z, by new rules at 2026-01-01T00:00:00Z
        01T03:00
        suspected gone, asked for by id, in 1 reads since 2026-01-01T02:00:00Z. It counts after 2 reads and 0 h. Then it is asked about, because the rules were new.
        suspected gone, asked for by id, in 1 reads since 2026-01-01T01:00:00Z. It counts after 2 reads and 0 h. Then it is asked about, because the rules were new.
          remembers 1 since 2026-01-01T02:00:00Z, 1 reads, by new rules at 2026-01-01T00:00:00Z
          remembers 2 since 2026-01-01T01:00:00Z, 1 reads, by new rules at 2026-01-01T00:00:00Z
          remembers 1 hidden since 2026-01-01T02:00:00Z
          remembers ops empty since 2026-01-01T00:00:00Z, by new rules at 2026-01-01T00:00:00Z
        01T04:00!
        - deactivate ada (gone, asked for by id; noticed at 2026-01-01T00:00:00Z, when the rules were new)
        - remove group ops (nobody is in it any more; noticed at 2026-01-01T00:00:00Z, when the rules were new)
          remembers 1 since 2026-01-01T04:00:00Z, 0 reads, by new rules at 2026-01-01T00:00:00Z
          remembers 1 hidden since 2026-01-01T02:00:00Z
          remembers ops empty since 2026-01-01T00:00:00Z, by new rules at 2026-01-01T00:00:00Z
        06T00:00
        - remove group ops (nobody has been in it since 2026-01-01T00:00:00Z; noticed at 2026-01-01T00:00:00Z, when the rules were new)
        suspected gone, asked for by id, in 1 reads since 2026-01-01T04:00:00Z. It counts after 2 reads and 0 h. Then it is asked about, because the rules were new.
        suspected gone, asked for by id, in 1 reads since 2026-01-06T00:00:00Z. It counts after 2 reads and 0 h.
          remembers 1 since 2026-01-01T04:00:00Z, 1 reads, by new rules at 2026-01-01T00:00:00Z
          remembers 2 since 2026-01-06T00:00:00Z, 1 reads
          remembers 1 hidden since 2026-01-01T02:00:00Z
          remembers ops empty since 2026-01-01T00:00:00Z, by new rules at 2026-01-01T00:00:00Z
    "#]].assert_eq(&told_by_turns(runs));
}

#[test]
fn what_was_hidden_from_new_rules_is_told_when_it_shows() {
    let policy = Policy::new(Cleanup::Delete, EmptyGroups::Remove);
    let before = directory("1 ada : solo\n 2 bob : dev\n 3 cyd : dev\n 4 dee : dev\n 9 zoe : dev");
    let after = directory("2 bob : dev\n 4 dee : dev\n 9 zoe : dev");
    let passed_over = || BTreeMap::from([(id("4"), Absence::Present)]);
    let gone = BTreeMap::from([(id("3"), Absence::Gone), (id("4"), Absence::Present)]);
    let runs = [
        ("01T00:00!", "?1\n ?2\n ?3\n 9 zoe : dev", passed_over(), &before),
        // Nothing is told of them yet, nor of the last one at all.
        ("01T01:00", "?1\n ?2\n ?3\n 9 zoe : dev", BTreeMap::new(), &before),
        // The first has lost their group meanwhile, the second nothing, and the third is gone.
        ("01T02:00", "1 ada\n 2 bob : dev\n 9 zoe : dev", gone, &before),
        // That goes on for as long as it is not done, and is then over.
        ("01T03:00", "1 ada\n 2 bob\n 4 dee : dev\n 9 zoe : dev", BTreeMap::new(), &before),
        ("01T04:00", "2 bob : dev\n 4 dee\n 9 zoe : dev", BTreeMap::new(), &after),
    ];
    let runs = runs.into_iter();
    expect![[r#"
        01T00:00!
        passed-over Absent from the read, but the source still has them when asked by id. Nothing was taken away.
          remembers 1 hidden since 2026-01-01T00:00:00Z
          remembers 2 hidden since 2026-01-01T00:00:00Z
          remembers 3 hidden since 2026-01-01T00:00:00Z
          remembers 4 hidden since 2026-01-01T00:00:00Z
        01T01:00
          remembers 1 hidden since 2026-01-01T00:00:00Z
          remembers 2 hidden since 2026-01-01T00:00:00Z
          remembers 3 hidden since 2026-01-01T00:00:00Z
          remembers 4 hidden since 2026-01-01T00:00:00Z
        01T02:00
        - remove ada from group solo (no group source grants it any more; nothing could be told of them at 2026-01-01T00:00:00Z, when the rules were new)
        - remove cyd (gone, asked for by id; nothing could be told of them at 2026-01-01T00:00:00Z, when the rules were new)
        - remove group solo (nobody is in it any more)
        passed-over Absent from the read, but the source still has them when asked by id. Nothing was taken away.
          remembers 1 hidden since 2026-01-01T00:00:00Z
          remembers 3 hidden since 2026-01-01T00:00:00Z
          remembers 4 hidden since 2026-01-01T00:00:00Z
        01T03:00
        - remove bob from group dev (no group source grants it any more)
        - remove ada from group solo (no group source grants it any more; nothing could be told of them at 2026-01-01T00:00:00Z, when the rules were new)
        - remove group solo (nobody is in it any more)
          remembers 1 hidden since 2026-01-01T00:00:00Z
          remembers 3 hidden since 2026-01-01T00:00:00Z
        01T04:00
        - remove dee from group dev (no group source grants it any more)
    "#]].assert_eq(&told_over_time(&policy, runs));
}

#[test]
fn whoever_is_inactive_by_id_while_the_rules_are_new_is_asked_about_once_they_are_gone() {
    let policy = Policy::new(Cleanup::Delete, EmptyGroups::Keep);
    let actual = directory("1 ada off\n 2 bob : dev\n 3 cyd off : dev\n 9 zoe : dev");
    let inactive = |ids: &str| {
        let ids = ids.split(' ').map(|it| (id(it), Absence::Inactive("Suspended".into())));
        ids.collect::<BTreeMap<_, _>>()
    };
    let runs = [
        ("01T00:00!", "9 zoe : dev", inactive("1 2 3")),
        ("01T01:00", "9 zoe : dev", inactive("1 2 3")),
        // One is gone, one is back without the group, and one is back as they were.
        ("01T02:00", "2 bob\n 3 cyd off : dev\n 9 zoe : dev", gone("1")),
        ("01T03:00", "2 bob : dev\n 9 zoe : dev", gone("1 3")),
    ];
    let runs = runs.into_iter().map(|(at, desired, gone)| (at, desired, gone, &actual));
    expect![[r#"
        01T00:00!
        - deactivate bob (the source says Suspended)
          remembers 1 hidden since 2026-01-01T00:00:00Z
          remembers 2 hidden since 2026-01-01T00:00:00Z
          remembers 3 hidden since 2026-01-01T00:00:00Z
        01T01:00
        - deactivate bob (the source says Suspended)
          remembers 1 hidden since 2026-01-01T00:00:00Z
          remembers 2 hidden since 2026-01-01T00:00:00Z
          remembers 3 hidden since 2026-01-01T00:00:00Z
        01T02:00
        - remove bob from group dev (no group source grants it any more; nothing could be told of them at 2026-01-01T00:00:00Z, when the rules were new)
        - remove ada (gone, asked for by id; nothing could be told of them at 2026-01-01T00:00:00Z, when the rules were new)
          remembers 1 hidden since 2026-01-01T00:00:00Z
          remembers 2 hidden since 2026-01-01T00:00:00Z
        01T03:00
        - remove ada (gone, asked for by id; nothing could be told of them at 2026-01-01T00:00:00Z, when the rules were new)
        - remove cyd (gone, asked for by id)
          remembers 1 hidden since 2026-01-01T00:00:00Z
    "#]].assert_eq(&told_over_time(&policy, runs));
}

#[test]
fn whoever_was_hidden_from_new_rules_is_suspected_by_them() {
    let policy = Policy { grace: Grace { reads: 2, hours: 0 }, ..POLICY };
    check_over_time(
        &policy,
        &[
            ("01T00:00!", "?1\n 9 zoe", ""),
            ("01T01:00", "9 zoe", "1"),
            ("01T02:00", "9 zoe", "1"),
            ("01T03:00", "1 ada\n 9 zoe", ""),
        ],
        "1 ada\n 9 zoe",
        &expect![[r#"
            01T00:00!
              remembers 1 hidden since 2026-01-01T00:00:00Z
            01T01:00
            suspected gone, asked for by id, in 1 reads since 2026-01-01T01:00:00Z. It counts after 2 reads and 0 h. Then it is asked about, because the rules were new.
              remembers 1 since 2026-01-01T01:00:00Z, 1 reads, by new rules at 2026-01-01T00:00:00Z
              remembers 1 hidden since 2026-01-01T00:00:00Z
            01T02:00
            - deactivate ada (gone, asked for by id; noticed at 2026-01-01T00:00:00Z, when the rules were new)
              remembers 1 since 2026-01-01T01:00:00Z, 2 reads, by new rules at 2026-01-01T00:00:00Z
              remembers 1 hidden since 2026-01-01T00:00:00Z
            01T03:00
        "#]],
    );
}

#[test]
fn somebody_who_is_inactive_for_a_while_does_not_lose_what_new_rules_noticed() {
    let policy = Policy {
        grace: Grace { reads: 2, hours: 0 },
        ..Policy::new(Cleanup::Delete, EmptyGroups::Keep)
    };
    let actual = directory("1 ada\n 9 zoe");
    let out =
        || [(id("1"), Absence::OutOfScope("needs role \"Staff\"; has nothing".into()))].into();
    let inactive = [(id("1"), Absence::Inactive("Suspended".into()))].into();
    let present = [(id("1"), Absence::Present)].into();
    let runs = [
        ("01T00:00!", out()),
        ("01T01:00", inactive),
        ("01T02:00", out()),
        ("01T03:00", out()),
        ("01T04:00", present),
        ("01T05:00", out()),
    ];
    let runs = runs.into_iter().map(|(at, gone)| (at, "9 zoe", gone, &actual));
    expect![[r#"
        01T00:00!
        suspected out of scope: needs role "Staff"; has nothing, in 1 reads since 2026-01-01T00:00:00Z. It counts after 2 reads and 0 h. Then it is asked about, because the rules were new.
          remembers 1 since 2026-01-01T00:00:00Z, 1 reads, by new rules at 2026-01-01T00:00:00Z
        01T01:00
        - deactivate ada (the source says Suspended)
          remembers 1 since 2026-01-01T01:00:00Z, 0 reads, by new rules at 2026-01-01T00:00:00Z
        01T02:00
        suspected out of scope: needs role "Staff"; has nothing, in 1 reads since 2026-01-01T01:00:00Z. It counts after 2 reads and 0 h. Then it is asked about, because the rules were new.
          remembers 1 since 2026-01-01T01:00:00Z, 1 reads, by new rules at 2026-01-01T00:00:00Z
        01T03:00
        - remove ada (out of scope: needs role "Staff"; has nothing; noticed at 2026-01-01T00:00:00Z, when the rules were new)
          remembers 1 since 2026-01-01T01:00:00Z, 2 reads, by new rules at 2026-01-01T00:00:00Z
        01T04:00
        passed-over Absent from the read, but the source still has them when asked by id. Nothing was taken away.
        01T05:00
        suspected out of scope: needs role "Staff"; has nothing, in 1 reads since 2026-01-01T05:00:00Z. It counts after 2 reads and 0 h.
          remembers 1 since 2026-01-01T05:00:00Z, 1 reads
    "#]].assert_eq(&told_over_time(&policy, runs));
}

#[test]
fn a_group_that_new_rules_empty_goes_by_new_rules_however_late_it_is_empty() {
    let policy = Policy { empty_groups: EmptyGroups::Remove, empty_days: 2, ..POLICY };
    let (before, after) =
        (directory("1 ada : dev\n [qa]"), directory("1 ada\n [dev]\n [qa]\n [old]"));
    let runs = [
        ("01T00:00", &before),
        // The last member of one group is about to leave, and waits for an approval.
        ("01T01:00!", &before),
        ("02T00:00", &before),
        ("02T01:00", &after),
        ("04T00:00", &after),
        ("04T01:00", &after),
    ];
    let runs = runs.into_iter().map(|(at, actual)| (at, "1 ada", gone(""), actual));
    expect![[r#"
        01T00:00
        - remove ada from group dev (no group source grants it any more)
          remembers qa empty since 2026-01-01T00:00:00Z
        01T01:00!
        - remove ada from group dev (no group source grants it any more)
          remembers dev empty since 2026-01-01T01:00:00Z, by new rules at 2026-01-01T01:00:00Z
          remembers qa empty since 2026-01-01T00:00:00Z, by new rules at 2026-01-01T01:00:00Z
        02T00:00
        - remove ada from group dev (no group source grants it any more)
          remembers dev empty since 2026-01-02T00:00:00Z, by new rules at 2026-01-01T01:00:00Z
          remembers qa empty since 2026-01-01T00:00:00Z, by new rules at 2026-01-01T01:00:00Z
        02T01:00
          remembers dev empty since 2026-01-02T00:00:00Z, by new rules at 2026-01-01T01:00:00Z
          remembers old empty since 2026-01-02T01:00:00Z
          remembers qa empty since 2026-01-01T00:00:00Z, by new rules at 2026-01-01T01:00:00Z
        04T00:00
        - remove group dev (nobody has been in it since 2026-01-02T00:00:00Z; noticed at 2026-01-01T01:00:00Z, when the rules were new)
        - remove group qa (nobody has been in it since 2026-01-01T00:00:00Z; noticed at 2026-01-01T01:00:00Z, when the rules were new)
          remembers dev empty since 2026-01-02T00:00:00Z, by new rules at 2026-01-01T01:00:00Z
          remembers old empty since 2026-01-02T01:00:00Z
          remembers qa empty since 2026-01-01T00:00:00Z, by new rules at 2026-01-01T01:00:00Z
        04T01:00
        - remove group dev (nobody has been in it since 2026-01-02T00:00:00Z; noticed at 2026-01-01T01:00:00Z, when the rules were new)
        - remove group old (nobody has been in it since 2026-01-02T01:00:00Z)
        - remove group qa (nobody has been in it since 2026-01-01T00:00:00Z; noticed at 2026-01-01T01:00:00Z, when the rules were new)
          remembers dev empty since 2026-01-02T00:00:00Z, by new rules at 2026-01-01T01:00:00Z
          remembers old empty since 2026-01-02T01:00:00Z
          remembers qa empty since 2026-01-01T00:00:00Z, by new rules at 2026-01-01T01:00:00Z
    "#]].assert_eq(&told_over_time(&policy, runs));
}

#[test]
fn a_group_whose_last_member_leaves_by_new_rules_goes_by_new_rules() {
    let grace = Grace { reads: 2, hours: 0 };
    let groups = Policy { grace, empty_groups: EmptyGroups::Remove, empty_days: 1, ..POLICY };
    let stripped = Policy { strip: Some(Patterns::NONE), ..groups.clone() };
    let deleted = Policy { cleanup: Cleanup::Delete, ..groups };
    let (before, after) = (directory("1 ada : dev\n 9 zoe"), directory("9 zoe\n [dev]"));
    let told = |policy: &Policy| {
        let runs = [
            ("01T00:00!", &before, "1"),
            ("01T01:00", &before, "1"),
            ("01T02:00", &after, ""),
            ("02T02:00", &after, ""),
        ];
        let runs = runs.into_iter().map(|(at, actual, ids)| (at, "9 zoe", gone(ids), actual));
        told_over_time(policy, runs)
    };
    expect![[r#"
        01T00:00!
        suspected gone, asked for by id, in 1 reads since 2026-01-01T00:00:00Z. It counts after 2 reads and 0 h. Then it is asked about, because the rules were new.
          remembers 1 since 2026-01-01T00:00:00Z, 1 reads, by new rules at 2026-01-01T00:00:00Z
        01T01:00
        - remove ada (gone, asked for by id; noticed at 2026-01-01T00:00:00Z, when the rules were new)
          remembers 1 since 2026-01-01T00:00:00Z, 2 reads, by new rules at 2026-01-01T00:00:00Z
          remembers dev empty since 2026-01-01T01:00:00Z, by new rules at 2026-01-01T00:00:00Z
        01T02:00
          remembers dev empty since 2026-01-01T01:00:00Z, by new rules at 2026-01-01T00:00:00Z
        02T02:00
        - remove group dev (nobody has been in it since 2026-01-01T01:00:00Z; noticed at 2026-01-01T00:00:00Z, when the rules were new)
          remembers dev empty since 2026-01-01T01:00:00Z, by new rules at 2026-01-01T00:00:00Z
    "#]].assert_eq(&told(&deleted));
    expect![[r#"
        01T00:00!
        suspected gone, asked for by id, in 1 reads since 2026-01-01T00:00:00Z. It counts after 2 reads and 0 h. Then it is asked about, because the rules were new.
          remembers 1 since 2026-01-01T00:00:00Z, 1 reads, by new rules at 2026-01-01T00:00:00Z
        01T01:00
        - remove ada from group dev (gone, asked for by id; noticed at 2026-01-01T00:00:00Z, when the rules were new)
        - deactivate ada (gone, asked for by id; noticed at 2026-01-01T00:00:00Z, when the rules were new)
          remembers 1 since 2026-01-01T00:00:00Z, 2 reads, by new rules at 2026-01-01T00:00:00Z
          remembers dev empty since 2026-01-01T01:00:00Z, by new rules at 2026-01-01T00:00:00Z
        01T02:00
          remembers dev empty since 2026-01-01T01:00:00Z, by new rules at 2026-01-01T00:00:00Z
        02T02:00
        - remove group dev (nobody has been in it since 2026-01-01T01:00:00Z; noticed at 2026-01-01T00:00:00Z, when the rules were new)
          remembers dev empty since 2026-01-01T01:00:00Z, by new rules at 2026-01-01T00:00:00Z
    "#]].assert_eq(&told(&stripped));
}

#[test]
fn a_leaver_is_suspected_until_enough_reads_and_hours_have_passed() {
    let policy = Policy { grace: Grace { reads: 3, hours: 24 }, ..POLICY };
    check_over_time(
        &policy,
        &[
            ("01T00:00", "9 zoe", "1"),
            ("01T12:00", "9 zoe", "1"),
            ("01T18:00", "9 zoe", "1"),
            ("02T00:00", "9 zoe", "1"),
            ("02T06:00", "9 zoe", "1"),
        ],
        "1 ada\n 9 zoe",
        &expect![[r#"
            01T00:00
            suspected gone, asked for by id, in 1 reads since 2026-01-01T00:00:00Z. It counts after 3 reads and 24 h.
              remembers 1 since 2026-01-01T00:00:00Z, 1 reads
            01T12:00
            suspected gone, asked for by id, in 2 reads since 2026-01-01T00:00:00Z. It counts after 3 reads and 24 h.
              remembers 1 since 2026-01-01T00:00:00Z, 2 reads
            01T18:00
            suspected gone, asked for by id, in 3 reads since 2026-01-01T00:00:00Z. It counts after 3 reads and 24 h.
              remembers 1 since 2026-01-01T00:00:00Z, 3 reads
            02T00:00
            - deactivate ada (gone, asked for by id)
              remembers 1 since 2026-01-01T00:00:00Z, 4 reads
            02T06:00
            - deactivate ada (gone, asked for by id)
              remembers 1 since 2026-01-01T00:00:00Z, 5 reads
        "#]],
    );
}

#[test]
fn whoever_was_seen_between_is_suspected_anew() {
    let policy = Policy { grace: Grace { reads: 2, hours: 0 }, ..POLICY };
    check_over_time(
        &policy,
        &[
            ("01T00:00", "9 zoe", "1"),
            ("01T01:00", "1 ada\n 9 zoe", ""),
            ("01T02:00", "9 zoe", "1"),
            ("01T03:00", "?1\n 9 zoe", ""),
            ("01T04:00", "9 zoe", "1"),
        ],
        "1 ada\n 9 zoe",
        &expect![[r#"
            01T00:00
            suspected gone, asked for by id, in 1 reads since 2026-01-01T00:00:00Z. It counts after 2 reads and 0 h.
              remembers 1 since 2026-01-01T00:00:00Z, 1 reads
            01T01:00
            01T02:00
            suspected gone, asked for by id, in 1 reads since 2026-01-01T02:00:00Z. It counts after 2 reads and 0 h.
              remembers 1 since 2026-01-01T02:00:00Z, 1 reads
            01T03:00
            01T04:00
            suspected gone, asked for by id, in 1 reads since 2026-01-01T04:00:00Z. It counts after 2 reads and 0 h.
              remembers 1 since 2026-01-01T04:00:00Z, 1 reads
        "#]],
    );
}

#[test]
fn whoever_was_not_asked_about_stays_suspected() {
    let policy = Policy { grace: Grace { reads: 2, hours: 0 }, ..POLICY };
    check_over_time(
        &policy,
        &[("01T00:00", "9 zoe", "1 3"), ("01T01:00", "9 zoe", "3"), ("01T02:00", "9 zoe", "1")],
        "1 ada\n 3 cyd off\n 9 zoe",
        &expect![[r#"
            01T00:00
            suspected gone, asked for by id, in 1 reads since 2026-01-01T00:00:00Z. It counts after 2 reads and 0 h.
              remembers 1 since 2026-01-01T00:00:00Z, 1 reads
            01T01:00
              remembers 1 since 2026-01-01T00:00:00Z, 1 reads
            01T02:00
            - deactivate ada (gone, asked for by id)
              remembers 1 since 2026-01-01T00:00:00Z, 2 reads
        "#]],
    );
}

#[test]
fn somebody_whom_the_source_calls_inactive_is_disabled_without_grace() {
    let policy = Policy { grace: Grace { reads: 9, hours: 99 }, ..POLICY };
    let answers = [(id("1"), Absence::Inactive("Suspended".into()))].into();
    let actual = directory("1 ada\n 9 zoe");
    let (plan, _) = plan(&desired("9 zoe"), &actual, &answers, &policy, &Past::NONE);
    assert_eq!(plan.to_string(), "- deactivate ada (the source says Suspended)\n");
    assert_eq!(plan.memory, Memory::default());
}

#[test]
fn a_group_goes_once_it_has_been_empty_for_so_many_days() {
    let policy = Policy { empty_groups: EmptyGroups::Remove, empty_days: 2, ..POLICY };
    check_over_time(
        &policy,
        &[
            ("01T00:00", "1 ada", ""),
            ("02T23:00", "1 ada", ""),
            ("03T00:00", "1 ada", ""),
            ("03T01:00", "1 ada : qa", ""),
            ("04T00:00", "1 ada", ""),
        ],
        "1 ada : dev\n [qa]",
        &expect![[r#"
            01T00:00
            - remove ada from group dev (no group source grants it any more)
              remembers qa empty since 2026-01-01T00:00:00Z
            02T23:00
            - remove ada from group dev (no group source grants it any more)
              remembers qa empty since 2026-01-01T00:00:00Z
            03T00:00
            - remove ada from group dev (no group source grants it any more)
            - remove group qa (nobody has been in it since 2026-01-01T00:00:00Z)
              remembers qa empty since 2026-01-01T00:00:00Z
            03T01:00
            + add ada to group qa (granted by role "qa")
            - remove ada from group dev (no group source grants it any more)
            04T00:00
            - remove ada from group dev (no group source grants it any more)
              remembers qa empty since 2026-01-04T00:00:00Z
        "#]],
    );
}

fn cleanup_rule(source: &str, anonymity: Anonymity) -> CleanupRule {
    let expression = Expression::compile(source, &CleanupRule::VOCABULARY).unwrap();
    CleanupRule { expression, anonymity }
}

#[test]
fn an_expression_decides_for_each_leaver() {
    let policy = Policy {
        cleanup_rule: Some(cleanup_rule(
            r#""keep" if groups.has("always-active")
               else "delete" if existing.email is endingwith "@partner.test"
               else "anonymise" if existing.id == "3""#,
            Anonymity::ProfileAndUsername,
        )),
        strip: Some(Patterns::NONE),
        ..POLICY
    };
    check_policy(
        &policy,
        "6 fay",
        "1 ada : always-active dev
         2 bob mail=bob@partner.test : dev
         3 cyd
         4 dee : dev
         5 eve off
         6 fay",
        &expect![[r#"
            - remove dee from group dev (gone, asked for by id)
            - anonymise cyd as Former user 3 (gone, asked for by id)
            - deactivate dee (gone, asked for by id)
            - remove bob (gone, asked for by id)
        "#]],
    );
}

#[test]
fn whoever_an_expression_keeps_is_told_of_when_asked_about() {
    let policy =
        Policy { cleanup_rule: Some(cleanup_rule("'keep'", Anonymity::Profile)), ..POLICY };
    let (desired, actual) = (desired("2 bob"), directory("1 ada : dev\n 2 bob"));
    assert_eq!(missing(&desired, &actual, &policy), []);
    let (plan, findings) = plan(&desired, &actual, &gone("1"), &policy, &Past::NONE);
    assert_eq!(plan.steps, []);
    let [finding] = findings.as_slice() else { panic!("{findings:?}") };
    assert_eq!(finding.kind.word(), "kept");
    assert_eq!(
        finding.message,
        "gone, asked for by id; the cleanup expression says keep, so nothing was done."
    );
}

#[test]
fn whoever_an_expression_fails_at_is_kept() {
    for (source, why) in [
        ("'retire'", "it says \"retire\", not disable, delete, anonymise or keep"),
        ("true", "it does not say disable, delete, anonymise or keep"),
        ("drop()", "it does not say disable, delete, anonymise or keep"),
        ("groups[9] | lower", "a value is not there; say what stands in for it by default(..)"),
        ("1 // 0", "unable to calculate 1 // 0"),
    ] {
        let policy = Policy {
            cleanup: Cleanup::Delete,
            cleanup_rule: Some(cleanup_rule(source, Anonymity::Profile)),
            strip: Some(Patterns::NONE),
            ..POLICY
        };
        let (desired, actual) = (desired("2 bob"), directory("1 ada : dev\n 2 bob"));
        assert_eq!(missing(&desired, &actual, &policy), [id("1")], "{source}");
        let (plan, findings) = plan(&desired, &actual, &gone("1"), &policy, &Past::NONE);
        assert_eq!(plan.steps, [], "{source}");
        let [finding] = findings.as_slice() else { panic!("{findings:?}") };
        assert_eq!(finding.kind.word(), "expression");
        let told = format!(
            "gone, asked for by id, and the cleanup expression decides nothing: {why}. Nothing was done."
        );
        assert_eq!(finding.message, told);
    }
}

#[test]
fn an_expression_tells_gone_from_out_of_scope() {
    let source = "'delete' if reason == 'gone' else 'keep'";
    let policy = Policy { cleanup_rule: Some(cleanup_rule(source, Anonymity::Profile)), ..POLICY };
    let (desired, actual) = (desired("3 cyd"), directory("1 ada\n 2 bob\n 3 cyd"));
    assert_eq!(missing(&desired, &actual, &policy), [id("1"), id("2")]);
    let absences =
        [(id("1"), Absence::Gone), (id("2"), Absence::OutOfScope("no required group".into()))];
    let (plan, findings) = plan(&desired, &actual, &absences.into(), &policy, &Past::NONE);
    assert_eq!(plan.to_string(), "- remove ada (gone, asked for by id)\n");
    assert_eq!(findings.iter().map(|it| it.kind.word()).collect::<Vec<_>>(), ["kept"]);
}

/// Ada is gone; bob and whoever comes after him are out of scope, with what the source tells of them.
fn leavers(records: &[&str]) -> BTreeMap<ExternalId, Absence> {
    let records = records.iter().map(|it| record(it));
    let out = |it: Record| {
        let (id, words) = (it.id.clone(), "no required group".into());
        (id, Absence::OutOfScope(OutOfScope { words, record: Some(Arc::new(it)) }))
    };
    records.map(out).chain([(id("1"), Absence::Gone)]).collect()
}

#[test]
fn a_cleanup_expression_knows_what_the_source_still_tells_of_a_leaver() {
    let source = "'delete' if user is none
        else 'keep' if user.department == 'Board'
        else 'anonymise' if user.custom_attributes.left";
    let policy = Policy { cleanup_rule: Some(cleanup_rule(source, Anonymity::Profile)), ..POLICY };
    assert_eq!(policy.keeps(), Keeps { newcomers: false, leavers: true });
    let world = "1 ada\n 2 bob\n 3 cyd\n 4 dee\n 5 eve\n 6 fay\n 7 gil off\n 8 hal";
    let (desired, actual) = (desired("8 hal"), directory(world));
    let answers = leavers(&[
        "2 bob .department=Board .custom_attributes.left=yes",
        "3 cyd .department=Sales .custom_attributes.left=yes",
        "4 dee .department=Sales .custom_attributes.left",
        "5 eve .department=Sales .custom_attributes.left?",
        "7 gil .department .custom_attributes.left",
    ]);
    // Of fay the source was not asked what it tells.
    let unasked = (id("6"), Absence::OutOfScope("no required group".into()));
    let answers = answers.into_iter().chain([unasked]).collect();
    let (plan, findings) = plan(&desired, &actual, &answers, &policy, &Past::NONE);
    assert_eq!(
        plan.to_string(),
        "- anonymise cyd as Former user 3 (out of scope: no required group)\n\
         - deactivate dee (out of scope: no required group)\n\
         - remove ada (gone, asked for by id)\n"
    );
    let told: Vec<(&str, String)> =
        findings.iter().map(|it| (it.kind.word(), it.id.as_ref().unwrap().to_string())).collect();
    let expected = [("kept", "2"), ("expression", "5"), ("expression", "6")];
    assert_eq!(told, expected.map(|(kind, id)| (kind, id.to_owned())));
    let [_, eve, fay] = findings.as_slice() else { panic!("{findings:?}") };
    assert!(eve.message.contains("does not tell user.custom_attributes.left"), "{eve:?}");
    assert!(fay.message.contains("does not tell user.custom_attributes.left"), "{fay:?}");
}

#[test]
fn a_field_of_somebody_who_is_gone_has_no_value() {
    for (source, change) in [
        ("'keep' if user.department == 'Board' else 'delete'", "- remove ada"),
        ("'keep' if user.department is none else 'delete'", ""),
        ("'keep' if not user else 'delete'", ""),
        ("'delete' if user is none and user.custom_attributes.a is none", "- remove ada"),
        ("user.department | default('delete')", "- remove ada"),
    ] {
        let rule = Some(cleanup_rule(source, Anonymity::Profile));
        let policy = Policy { cleanup_rule: rule, ..POLICY };
        let (desired, actual) = (desired("8 hal"), directory("1 ada\n 8 hal"));
        let (plan, findings) = plan(&desired, &actual, &gone("1"), &policy, &Past::NONE);
        assert!(findings.iter().all(|it| it.kind.word() == "kept"), "{source}: {findings:?}");
        let plan = plan.to_string();
        assert!(
            plan.starts_with(change) && plan.is_empty() == change.is_empty(),
            "{source}: {plan}"
        );
    }
    // Whoever is there is somebody, whatever is named of them.
    let rule = Some(cleanup_rule("'keep' if user else 'delete'", Anonymity::Profile));
    let policy = Policy { cleanup_rule: rule, ..POLICY };
    let (desired, actual) = (desired("8 hal"), directory("2 bob\n 8 hal"));
    let (plan, _) = plan(&desired, &actual, &leavers(&["2 bob"]), &policy, &Past::NONE);
    assert_eq!(plan.steps, []);
}

#[test]
fn somebody_is_asked_for_only_where_what_the_source_tells_may_matter() {
    let (desired, actual) = (desired("8 hal"), directory("1 ada\n 2 bob off\n 8 hal"));
    for (source, asked) in [
        // Whoever is inactive has nothing left to lose, whatever is told of them.
        ("'keep' if user.department == 'Board'", &["1"][..]),
        ("'keep' if user.department == 'Board' else 'disable'", &["1"]),
        ("'keep' if user else 'keep'", &[]),
        ("'delete' if user.department == 'Board' else 'keep'", &["1", "2"]),
        ("user.department", &["1", "2"]),
        ("'delete' if reason == 'out of scope' and user.title is none", &["1", "2"]),
        ("'delete' if user is none else 'keep'", &["1", "2"]),
    ] {
        let rule = Some(cleanup_rule(source, Anonymity::Profile));
        let policy = Policy { cleanup_rule: rule, ..POLICY };
        let asked: Vec<ExternalId> = asked.iter().map(|it| id(it)).collect();
        assert_eq!(missing(&desired, &actual, &policy), asked, "{source}");
    }
}

#[test]
fn who_gets_an_account_may_hang_on_what_only_the_source_tells() {
    let source = "user.department == 'Sales' and user.email is endingwith '@acme.test'";
    let create_if = Some(Expression::compile(source, &PERSON).unwrap());
    let policy = Policy { create_if, ..POLICY };
    assert_eq!(policy.keeps(), Keeps { newcomers: true, leavers: false });
    let by_directory = Expression::compile("user.email and groups.has('x')", &PERSON).unwrap();
    let plain = Policy { create_if: Some(by_directory), ..POLICY };
    assert_eq!(plain.keeps(), Keeps::default());

    let rules = mapping::Rules {
        people: PersonRules::FIXED,
        groups: GroupRules::PLAIN,
        keeps: policy.keeps(),
    };
    let actual = directory("5 eve");
    let records = "1 ada .department=Sales
        2 bob .department=IT
        3 cyd .department?
        4 dee mail=dee@elsewhere.test .department=Sales
        5 eve .department=IT";
    let records = records.lines().map(|it| record(it.trim())).collect();
    let existing = Existing::of([&actual]);
    let (mut desired, _) = mapping::desired_by(records, BTreeSet::new(), &[], &rules, &existing);
    let planned =
        |desired: &Desired| plan(desired, &actual, &BTreeMap::new(), &policy, &Past::NONE);
    let (plan, findings) = planned(&desired);
    assert_eq!(plan.to_string(), "+ create ada (ada) (new in the source)\n");
    let told: Vec<&str> = findings.iter().map(|it| it.kind.word()).collect();
    assert_eq!(told, ["not-created", "expression", "not-created"]);
    assert!(findings[1].message.contains("the source does not tell user.department"));
    // Without the record nothing is guessed.
    desired.records.clear();
    let (plan, findings) = planned(&desired);
    assert_eq!(plan.steps, []);
    assert!(findings.iter().all(|it| it.kind.word() == "expression"), "{findings:?}");
}

#[test]
fn an_account_is_made_only_where_an_expression_says_so() {
    let create_if = |source| Policy {
        create_if: Some(Expression::compile(source, &PERSON).unwrap()),
        ..POLICY
    };
    let world = "1 ada : dev\n 2 bob : dev\n 3 cyd : ops";
    check_policy(
        &create_if("groups.has('OPS')"),
        world,
        "1 ada",
        &expect![[r#"
            + create cyd (cyd) (new in the source)
            + create group dev (granted by role "dev")
            + create group ops (granted by role "ops")
            + add ada to group dev (granted by role "dev")
            + add cyd to group ops (granted by role "ops")
            not-created 2: New in the source, and the expression for new accounts says no, so none is made.
        "#]],
    );
    check_policy(
        &create_if("user.first_name | lower"),
        "3 cyd",
        "",
        &expect![[r#"
            expression 3: New in the source, and the expression for new accounts decides nothing: a value is not there; say what stands in for it by default(..). No account is made.
        "#]],
    );
}
