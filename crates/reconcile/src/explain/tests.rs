use std::fmt::Write as _;

use expect_test::{Expect, expect};

use crate::explain::{Evidence, Verdict, explain};
use crate::mapping::groups::GroupRules;
use crate::mapping::rules::PersonRules;
use crate::plan::{Absence, Cleanup, EmptyGroups, Past, Policy};
use crate::principal::Record;
use crate::world;

fn check(
    id: &str,
    record: Option<&str>,
    absence: Option<&Absence>,
    actual: &str,
    expected: &Expect,
) {
    check_among(id, record, &[], absence, actual, expected);
}

fn check_among(
    id: &str,
    record: Option<&str>,
    rivals: &[Record],
    absence: Option<&Absence>,
    actual: &str,
    expected: &Expect,
) {
    let (id, record) = (world::id(id), record.map(world::record));
    let explanation = explain(&Evidence {
        id: &id,
        record: record.as_ref(),
        absence,
        rivals,
        in_scope_because: "in role \"Staff\"",
        actual: &world::directory(actual),
        listed: &[],
        groups: &GroupRules::PLAIN,
        people: &PersonRules::FIXED,
        past: &Past::NONE,
        policy: &Policy::new(Cleanup::Disable, EmptyGroups::Remove),
    });
    let mut text = String::new();
    for station in explanation.stations {
        let mark = match station.verdict {
            Verdict::Yes => 'v',
            Verdict::No => 'x',
            Verdict::Note => '-',
            Verdict::NotReached => ' ',
        };
        writeln!(text, "({mark}) {}: {}", station.title, station.lines.join(" | ")).unwrap();
    }
    expected.assert_eq(&text);
}

#[test]
fn a_synchronised_person_is_traced_from_source_to_directory() {
    check(
        "1",
        Some("1 ada first=Ada last=Lee : dev"),
        None,
        "1 ada first=Ada last=Lee : dev\n 2 bob : dev",
        &expect![[r#"
            (v) Found in the source: id 1, Active (status 1)
            (v) In scope: in role "Staff"
            (v) Mapped: username ada | e-mail ada@acme.test | display name Ada Lee, first name Ada, last name Lee | active
            (v) Matched: account ada by id 1, active
            (v) Groups: + dev from role "dev"
            (-) Decision: no change needed
        "#]],
    );
}

#[test]
fn a_new_person_is_told_what_will_happen() {
    check(
        "1",
        Some("1 ada : dev ops"),
        None,
        "2 bob : dev",
        &expect![[r#"
            (v) Found in the source: id 1, Active (status 1)
            (v) In scope: in role "Staff"
            (v) Mapped: username ada | e-mail ada@acme.test | display name ada, first name , last name  | active
            (-) Matched: no account in the directory yet
            (v) Groups: + dev from role "dev" | + ops from role "ops"
            (v) Decision: + create ada (ada) (new in the source) | + create group ops (granted by role "ops") | + add ada to group dev (granted by role "dev") | + add ada to group ops (granted by role "ops")
        "#]],
    );
}

#[test]
fn a_missing_person_is_told_why() {
    check(
        "1",
        Some("1 ada off : dev"),
        None,
        "",
        &expect![[r#"
            (v) Found in the source: id 1, Suspended
            (v) In scope: in role "Staff"
            (v) Mapped: username ada | e-mail ada@acme.test | display name ada, first name , last name  | inactive
            (-) Matched: no account in the directory yet
            (v) Groups: + dev from role "dev"
            (x) Decision: Suspended, and without an account so far, so none is made.
        "#]],
    );
    check(
        "1",
        Some("1 ada"),
        None,
        "2 Ada",
        &expect![[r#"
            (v) Found in the source: id 1, Active (status 1)
            (v) In scope: in role "Staff"
            (v) Mapped: username ada | e-mail ada@acme.test | display name ada, first name , last name  | active
            (-) Matched: no account in the directory yet
            (-) Groups: none
            (x) Decision: The username is held by the active account of 2, which keeps it.
        "#]],
    );
}

#[test]
fn somebody_out_of_scope_is_told_what_they_lack() {
    let words = Absence::OutOfScope("needs role \"Staff\", has role \"Sales\"".into());
    check(
        "1",
        Some("1 ada : Sales"),
        Some(&words),
        "1 ada : dev",
        &expect![[r#"
            (v) Found in the source: id 1, Active (status 1)
            (x) In scope: needs role "Staff", has role "Sales"
            ( ) Mapped: not asked
            (v) Matched: account ada by id 1, active
            (v) Groups: = dev, kept as it is
            (v) Decision: - deactivate ada (out of scope: needs role "Staff", has role "Sales") | (a run holds this where too much would change at once)
        "#]],
    );
}

#[test]
fn somebody_gone_is_told_from_somebody_unknown() {
    check(
        "1",
        None,
        Some(&Absence::Gone),
        "1 ada off : dev",
        &expect![[r#"
            (x) Found in the source: The source does not know the id 1.
            ( ) In scope: not asked
            ( ) Mapped: not asked
            (v) Matched: account ada by id 1, inactive
            (v) Groups: = dev, kept as it is
            (-) Decision: nothing is left to take away
        "#]],
    );
}

#[test]
fn a_record_that_cannot_be_mapped_is_told_what_to_mend() {
    check(
        "1",
        Some("1 _"),
        None,
        "1 ada : dev\n 2 bob : dev",
        &expect![[r#"
            (v) Found in the source: id 1, Active (status 1)
            (v) In scope: in role "Staff"
            (x) Mapped: Has neither a username nor an e-mail; set one in the source.
            (v) Matched: account ada by id 1, active
            (v) Groups: = dev, kept as it is
            (x) Decision: Has neither a username nor an e-mail; set one in the source.
        "#]],
    );
}

#[test]
fn people_who_would_share_a_username_are_told_of_each_other() {
    check_among(
        "1",
        Some("1 ada : dev"),
        &[world::record("7 ADA")],
        None,
        "1 ada",
        &expect![[r#"
        (v) Found in the source: id 1, Active (status 1)
        (v) In scope: in role "Staff"
        (x) Mapped: 1, 7 map to one username. None of them is touched until they differ in the source.
        (v) Matched: account ada by id 1, active
        (-) Groups: none
        (x) Decision: 1, 7 map to one username. None of them is touched until they differ in the source.
    "#]],
    );
}
