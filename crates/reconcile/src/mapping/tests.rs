use std::collections::BTreeSet;
use std::fmt::Write as _;

use expect_test::{Expect, expect};

use crate::finding::Finding;
use crate::mapping::desired;
use crate::principal::{Grant, Name, Record};
use crate::world::{id, record};

fn check(records: &str, expected: &Expect) {
    check_records(records.lines().map(str::trim).filter(|it| !it.is_empty()).map(record), expected);
}

fn check_records(records: impl Iterator<Item = Record>, expected: &Expect) {
    let (desired, findings) = desired(records.collect(), BTreeSet::new());
    let mut text = String::new();
    for user in desired.directory.users.values() {
        let state = if user.active { "active" } else { "inactive" };
        let (first, last) = (&user.first_name, &user.last_name);
        writeln!(
            text,
            "{} {} <{}> {:?} = {first:?} {last:?} {state}",
            user.id, user.username, user.email, user.display_name
        )
        .unwrap();
    }
    for (group, members) in &desired.directory.groups {
        let origins = &desired.origins[group];
        writeln!(text, "[{group}] {members:?} from {origins}").unwrap();
    }
    for id in &desired.withheld {
        writeln!(text, "withheld {id}").unwrap();
    }
    for Finding { kind, id, message, .. } in findings {
        let id = id.map_or("-".to_owned(), |id| id.to_string());
        writeln!(text, "{} {id}: {message}", kind.word()).unwrap();
    }
    expected.assert_eq(&text);
}

#[test]
fn a_record_becomes_a_user_with_its_groups() {
    check(
        "1 ada first=Ada last=Lee : dev ops",
        &expect![[r#"
            1 ada <ada@acme.test> "Ada Lee" = "Ada" "Lee" active
            [dev] {#1} from role "dev"
            [ops] {#1} from role "ops"
        "#]],
    );
}

#[test]
fn names_fall_back_until_there_is_something_to_show() {
    check(
        "1 ada name=Countess first=Ada last=Lee
         2 bob last=Ray
         3 cyd
         4 _ mail=dee@acme.test
         5 eve mail=",
        &expect![[r#"
            1 ada <ada@acme.test> "Countess" = "Ada" "Lee" active
            2 bob <bob@acme.test> "Ray" = "" "Ray" active
            3 cyd <cyd@acme.test> "cyd" = "" "" active
            4 dee@acme.test <dee@acme.test> "dee@acme.test" = "" "" active
            5 eve <> "eve" = "" "" active
        "#]],
    );
}

#[test]
fn somebody_without_a_username_and_an_email_is_withheld() {
    check(
        "1 _ first=Ada : dev",
        &expect![[r#"
            withheld 1
            invalid 1: Has neither a username nor an e-mail; set one in the source.
        "#]],
    );
}

#[test]
fn the_standing_decides_whether_an_account_is_active() {
    check(
        "1 ada
         2 bob off
         3 cyd pending
         4 dee unknown : dev",
        &expect![[r#"
            1 ada <ada@acme.test> "ada" = "" "" active
            2 bob <bob@acme.test> "bob" = "" "" inactive
            3 cyd <cyd@acme.test> "cyd" = "" "" inactive
            withheld 4
            unknown-status 4: The source says status 99, which decides nothing; the account stays as it is.
        "#]],
    );
}

#[test]
fn people_who_would_share_a_username_are_withheld_together() {
    check(
        "1 Ada
         2 ada : dev
         3 bob
         4 STRASSE
         5 straße
         6 ﬁnn
         7 finn
         8 Åsa
         9 A\u{30a}sa",
        &expect![[r#"
            3 bob <bob@acme.test> "bob" = "" "" active
            4 STRASSE <STRASSE@acme.test> "STRASSE" = "" "" active
            5 straße <straße@acme.test> "straße" = "" "" active
            withheld 1
            withheld 2
            withheld 6
            withheld 7
            withheld 8
            withheld 9
            conflict 1: 1, 2 map to one username. None of them is touched until they differ in the source.
            conflict 2: 1, 2 map to one username. None of them is touched until they differ in the source.
            conflict 6: 6, 7 map to one username. None of them is touched until they differ in the source.
            conflict 7: 6, 7 map to one username. None of them is touched until they differ in the source.
            conflict 8: 8, 9 map to one username. None of them is touched until they differ in the source.
            conflict 9: 8, 9 map to one username. None of them is touched until they differ in the source.
        "#]],
    );
}

#[test]
fn groups_that_differ_in_case_alone_are_one_group() {
    check(
        "1 ada : dev
         2 bob : Dev",
        &expect![[r#"
            1 ada <ada@acme.test> "ada" = "" "" active
            2 bob <bob@acme.test> "bob" = "" "" active
            [Dev] {#1, #2} from role "Dev" and role "dev"
            conflict -: "Dev", "dev" (role "Dev", role "dev") are one group to Atlassian products, which do not tell upper from lower case; their members are together in one group.
        "#]],
    );
}

#[test]
fn an_id_that_comes_twice_counts_once() {
    check(
        "1 ada
         1 eve",
        &expect![[r#"
            1 ada <ada@acme.test> "ada" = "" "" active
            conflict 1: The source told of this id more than once; the first record counts.
        "#]],
    );
}

#[test]
fn odd_values_are_findings_and_pasted_line_breaks_are_spaces() {
    let long = "x".repeat(256);
    let mut records: Vec<Record> =
        ["1 ada", "2 bob", "3 cyd", "4 dee", "5 eve"].into_iter().map(record).collect();
    records[0].username = Some("a\u{7}da".into());
    records[1].email = Some(long.clone().into());
    records[2].first_name = Some(" Cyd\n\tAnn  Marie ".into());
    let odd = [" ", "ops\u{0}", &long];
    records[3].grants = odd.map(|name| grant(name, &format!("role {}", name.len()))).to_vec();
    records[4].last_name = Some(long.into());
    check_records(
        records.into_iter(),
        &expect![[r#"
            3 cyd <cyd@acme.test> "Cyd Ann Marie" = "Cyd Ann Marie" "" active
            4 dee <dee@acme.test> "dee" = "" "" active
            withheld 1
            withheld 2
            withheld 5
            invalid 1: The username has a control character in it; type it anew in the source.
            invalid 2: The e-mail has 256 characters; Atlassian products hold 255.
            invalid 5: The last name has 256 characters; Atlassian products hold 255.
            invalid -: The group of role 1 is left out. It has no name.
            invalid -: The group of role 4 is left out. The name has a control character in it; type it anew in the source.
            invalid -: The group of role 256 is left out. The name has 256 characters; Atlassian products hold 255.
        "#]],
    );
}

#[test]
fn a_person_whom_the_source_could_not_tell_of_is_withheld() {
    let (desired, findings) = desired(vec![record("1 ada")], BTreeSet::from([id("2")]));
    assert_eq!((desired.people(), findings.len()), (2, 0));
    assert!(desired.knows(&id("2")));
}

#[test]
fn whoever_is_read_first_the_group_is_spelt_the_same() {
    let spelt = |first: &str, second: &str| {
        let mut records = vec![record("1 ada"), record("2 bob")];
        records[0].grants = vec![grant(first, "directory")];
        records[1].grants = vec![grant(second, "directory")];
        let (desired, _) = desired(records, BTreeSet::new());
        desired.directory.groups.keys().map(ToString::to_string).collect::<Vec<_>>()
    };
    for _ in 0..50 {
        assert_eq!(spelt("ops", "Ops"), ["Ops"]);
        assert_eq!(spelt("Ops", "ops"), ["Ops"]);
    }
}

fn grant(group: &str, origin: &str) -> std::sync::Arc<Grant> {
    std::sync::Arc::new(Grant { group: Name::new(group), origin: origin.into() })
}
