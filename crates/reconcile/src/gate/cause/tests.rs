use std::collections::BTreeMap;
use std::fmt::Write as _;

use expect_test::{Expect, expect};

use super::causes;
use crate::plan::{Absence, Cleanup, EmptyGroups, Past, Policy, missing, plan};
use crate::world::{desired, directory};

const POLICY: Policy = Policy::new(Cleanup::Disable, EmptyGroups::Keep);

fn check(desired_text: &str, actual_text: &str, absent: &Absence, expected: &Expect) {
    let (desired, actual) = (desired(desired_text), directory(actual_text));
    let missing = missing(&desired, &actual, &POLICY);
    let gone: BTreeMap<_, _> = missing.into_iter().map(|id| (id, absent.clone())).collect();
    let (plan, _) = plan(&desired, &actual, &gone, &POLICY, &Past::NONE);
    let (causes, cause_of) = causes(&plan.steps, &actual);
    let mut text = String::new();
    for (number, cause) in causes.iter().enumerate() {
        let first = plan.steps.iter().zip(&cause_of).find(|(_, of)| **of == number).unwrap().0;
        writeln!(text, "{} | first: {}", cause.title, first.change).unwrap();
        assert_eq!(cause_of.iter().filter(|of| **of == number).count(), cause.changes);
    }
    expected.assert_eq(&text);
}

#[test]
fn people_who_were_in_a_group_that_is_emptied_have_one_cause() {
    let mut before = String::new();
    for id in 1..=20 {
        let group = if id <= 8 { "sales" } else { "dev" };
        writeln!(before, "{id} user{id} : all {group}").unwrap();
    }
    let after: String = before.lines().skip(9).map(|line| format!("{line}\n")).collect();
    check(
        &after,
        &before,
        &Absence::OutOfScope("needs role \"Staff\"; has nothing".into()),
        &expect![[r#"
            8 deactivations: of group sales, of whose 8 members 8 go | first: - deactivate user1
            1 deactivation: out of scope: needs role "Staff" | first: - deactivate user9
        "#]],
    );
}

#[test]
fn other_changes_are_grouped_by_what_they_have_in_common() {
    check(
        "1 ada mail=ada@new.test : dev\n2 bob mail=bob@new.test : ops\n3 cyd name=C : dev\n4 Dan",
        "1 ada mail=ada@old.test : ops\n2 bob mail=bob@old.test : ops\n3 cyd : ops\n4 dan\n5 eve off\n6 fay : ops",
        &Absence::Gone,
        &expect![[r#"
            2 additions to groups: dev | first: + add ada to group dev
            2 removals from groups: ops, which has 4 members | first: - remove ada from group ops
            2 updates: e-mail addresses move from old.test to new.test | first: ~ update ada: e-mail "ada@old.test" -> "ada@new.test"
            1 deactivation: gone, asked for by id | first: - deactivate fay
            1 new group: dev | first: + create group dev
            1 rename | first: ~ rename dan to Dan
            1 update: display name replaced | first: ~ update cyd: display name "cyd" -> "C"
            1 update: e-mail, display name replaced | first: ~ update dan: e-mail "dan@acme.test" -> "Dan@acme.test", display name "dan" -> "Dan"
        "#]],
    );
}

#[test]
fn updates_are_grouped_by_the_values_that_go_and_then_by_those_that_become_others() {
    check(
        "1 ada name=N\n2 bob name=N\n3 cyd name=N mail=cyd@new.test last=Ray\n4 dee name=N first=Dee\n5 eve name=E",
        "1 ada name=N first=Ada\n2 bob name=N first=Bob\n3 cyd name=N first=Cyd last=Orr\n4 dee name=N\n5 eve name=N",
        &Absence::Gone,
        &expect![[r#"
            3 updates: first name emptied | first: ~ update ada: first name "Ada" -> ""
            1 update | first: ~ update dee: first name "" -> "Dee"
            1 update: display name replaced | first: ~ update eve: display name "N" -> "E"
        "#]],
    );
}
