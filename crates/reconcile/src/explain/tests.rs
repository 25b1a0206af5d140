use std::collections::BTreeMap;
use std::fmt::Write as _;

use expect_test::{Expect, expect};

use crate::directory::Directory;
use crate::explain::{Evidence, Explanation, Verdict, alone, explain};
use crate::gate::decisions::{Decisions, Identity, Rejection, Said, SourceState};
use crate::gate::{self, Limits, Terms};
use crate::mapping::existing::Existing;
use crate::mapping::groups::GroupRules;
use crate::mapping::rules::PersonRules;
use crate::mapping::{self, Keeps, Rules};
use crate::pattern::Patterns;
use crate::plan::{self, Absence, Cleanup, EmptyGroups, Past, Policy};
use crate::principal::{ExternalId, Name, Record};
use crate::world;

/// One person and whatever bears on them, with nothing special about it.
pub(super) struct Case {
    pub(super) record: Option<Record>,
    /// Where it is not that of the record.
    pub(super) source_id: ExternalId,
    pub(super) absence: Option<Absence>,
    pub(super) others: Vec<Record>,
    pub(super) actual: Directory,
    pub(super) listed: Vec<std::sync::Arc<crate::principal::Grant>>,
    pub(super) rules: Rules,
    pub(super) policy: Policy,
    pub(super) decisions: Decisions,
    pub(super) privileged: Patterns,
    pub(super) tried: gate::Rules,
}

impl Case {
    pub(super) fn new(id: &str, record: Option<&str>, actual: &str) -> Case {
        Case {
            record: record.map(world::record),
            source_id: world::id(id),
            absence: None,
            others: Vec::new(),
            actual: world::directory(actual),
            listed: Vec::new(),
            rules: Rules {
                people: PersonRules::FIXED,
                groups: GroupRules::PLAIN,
                keeps: Keeps::default(),
            },
            policy: Policy::new(Cleanup::Disable, EmptyGroups::Remove),
            decisions: Decisions::default(),
            privileged: Patterns::NONE,
            tried: gate::Rules::Unchanged,
        }
    }

    pub(super) fn with_rows(mut self, rows: &[&str], key: Option<&str>) -> Case {
        let rows: Vec<String> = rows.iter().map(|&it| it.to_owned()).collect();
        self.rules.people = PersonRules::parse(&rows, key, &|_| Ok(())).unwrap();
        self
    }

    /// Asks something about them.
    pub(super) fn ask<T>(&self, ask: impl FnOnce(&Evidence<'_>) -> T) -> T {
        let existing = Existing::of([&self.actual]);
        let claims = self.record.as_ref().map(|it| {
            let rules = &self.rules.people;
            mapping::claims(it, rules, &existing).accounts.remove(0)
        });
        let id = claims.unwrap_or_else(|| {
            existing.of_source(&self.source_id).unwrap_or(&self.source_id).clone()
        });
        let limits = Limits::CAREFUL;
        let terms = Terms {
            limits: &limits,
            decisions: &self.decisions,
            rules: self.tried,
            known_by: "",
            privileged: &self.privileged,
        };
        ask(&Evidence {
            id: &id,
            source_id: &self.source_id,
            record: self.record.as_ref(),
            absence: self.absence.as_ref(),
            others: &self.others,
            in_scope_because: "in role \"Staff\"",
            actual: &self.actual,
            existing: &existing,
            listed: &self.listed,
            rules: &self.rules,
            policy: &self.policy,
            past: &Past::NONE,
            terms: &terms,
        })
    }

    fn check(&self, expected: &Expect) {
        expected.assert_eq(&told(&self.ask(explain)));
    }
}

fn told(explanation: &Explanation) -> String {
    let mut text = String::new();
    for station in &explanation.stations {
        let mark = match station.verdict {
            Verdict::Yes => 'v',
            Verdict::No => 'x',
            Verdict::Note => '-',
            Verdict::NotReached => ' ',
        };
        writeln!(text, "({mark}) {}: {}", station.title, station.lines.join(" | ")).unwrap();
    }
    text
}

fn check(
    id: &str,
    record: Option<&str>,
    absence: Option<&Absence>,
    actual: &str,
    expected: &Expect,
) {
    let case = Case { absence: absence.cloned(), ..Case::new(id, record, actual) };
    case.check(expected);
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
    let others = vec![world::record("7 ADA")];
    Case { others, ..Case::new("1", Some("1 ada : dev"), "1 ada") }.check(&expect![[r#"
        (v) Found in the source: id 1, Active (status 1)
        (v) In scope: in role "Staff"
        (x) Mapped: 1, 7 map to one username. None of them is touched until they differ in the source.
        (v) Matched: account ada by id 1, active
        (-) Groups: none
        (x) Decision: 1, 7 map to one username. None of them is touched until they differ in the source.
    "#]]);
}

#[test]
fn a_username_that_rows_make_is_compared_as_a_run_compares_it() {
    let rows = ["username = email | strip-domain"];
    let others = vec![world::record("7 _ mail=ada@other.test")];
    let record = Some("1 ada.lee mail=ada@acme.test : dev");
    Case { others, ..Case::new("1", record, "1 ada").with_rows(&rows, None) }.check(&expect![[r#"
        (v) Found in the source: id 1, Active (status 1)
        (v) In scope: in role "Staff"
        (x) Mapped: 1, 7 map to one username. None of them is touched until they differ in the source.
        (v) Matched: account ada by id 1, active
        (-) Groups: none
        (x) Decision: 1, 7 map to one username. None of them is touched until they differ in the source.
    "#]]);
    // Alone, she has it.
    Case::new("1", record, "1 old").with_rows(&rows, None).check(&expect![[r#"
        (v) Found in the source: id 1, Active (status 1)
        (v) In scope: in role "Staff"
        (v) Mapped: username ada | e-mail ada@acme.test | display name ada.lee, first name , last name  | active | username from email by strip-domain: "ada@acme.test" -> "ada" | email from email: "ada@acme.test" -> "ada@acme.test" | first-name from firstname: "" -> "" | last-name from lastname: "" -> "" | display-name from username: "ada.lee" -> "ada.lee"
        (v) Matched: account old by id 1, active
        (v) Groups: + dev from role "dev"
        (v) Decision: ~ rename old to ada (differs from the source) | ~ update old: e-mail "old@acme.test" -> "ada@acme.test", display name "old" -> "ada.lee" (differs from the source) | + create group dev (granted by role "dev") | + add ada to group dev (granted by role "dev")
    "#]]);
}

#[test]
fn an_account_is_matched_by_the_key_it_was_made_with() {
    let mut case =
        Case::new("1", Some("1 ada .number=A1 : dev"), "").with_rows(&[], Some("number"));
    case.check(&expect![[r#"
        (v) Found in the source: id 1, Active (status 1)
        (v) In scope: in role "Staff"
        (v) Mapped: username ada | e-mail ada@acme.test | display name ada, first name , last name  | active | username from username: "ada" -> "ada" | email from email: "ada@acme.test" -> "ada@acme.test" | first-name from firstname: "" -> "" | last-name from lastname: "" -> "" | display-name from username: "ada" -> "ada"
        (-) Matched: no account in the directory yet
        (v) Groups: + dev from role "dev"
        (v) Decision: + create ada (ada) (new in the source) | + create group dev (granted by role "dev") | + add ada to group dev (granted by role "dev")
    "#]]);
    let user = mapping::user(&world::record("1 ada")).unwrap();
    let id = ExternalId::new("number:a1");
    let user = crate::principal::User { id: id.clone(), source_id: Some(world::id("1")), ..user };
    case.actual.users.insert(id.clone(), std::sync::Arc::new(user));
    case.actual.groups.insert(Name::new("dev"), [id].into());
    case.check(&expect![[r#"
        (v) Found in the source: id 1, Active (status 1)
        (v) In scope: in role "Staff"
        (v) Mapped: username ada | e-mail ada@acme.test | display name ada, first name , last name  | active | username from username: "ada" -> "ada" | email from email: "ada@acme.test" -> "ada@acme.test" | first-name from firstname: "" -> "" | last-name from lastname: "" -> "" | display-name from username: "ada" -> "ada"
        (v) Matched: account ada by the key number:a1, of id 1 in the source, active
        (v) Groups: + dev from role "dev"
        (-) Decision: no change needed
    "#]]);
    let record = case.record.take().unwrap();
    case.absence = Some(Absence::Gone);
    case.check(&expect![[r#"
        (x) Found in the source: The source does not know the id 1.
        ( ) In scope: not asked
        ( ) Mapped: not asked
        (v) Matched: account ada by the key number:a1, of id 1 in the source, active
        (v) Groups: = dev, kept as it is
        (v) Decision: - deactivate ada (gone, asked for by id) | (a run holds this where too much would change at once)
    "#]]);
    // Somebody else with the key leaves both alone.
    (case.record, case.absence) = (Some(record), None);
    case.others = vec![world::record("9 eve .number=a1")];
    case.check(&expect![[r#"
        (v) Found in the source: id 1, Active (status 1)
        (v) In scope: in role "Staff"
        (x) Mapped: Has the key number:a1 together with 9. Neither of them is touched until they differ in the source.
        (v) Matched: account ada by the key number:a1, of id 1 in the source, active
        (v) Groups: = dev, kept as it is
        (x) Decision: Has the key number:a1 together with 9. Neither of them is touched until they differ in the source.
    "#]]);
}

#[test]
fn a_username_that_its_holder_gives_away_is_free() {
    let case = |others| Case { others, ..Case::new("1", Some("1 ada"), "2 ada") };
    case(vec![world::record("2 bob")]).check(&expect![[r#"
        (v) Found in the source: id 1, Active (status 1)
        (v) In scope: in role "Staff"
        (v) Mapped: username ada | e-mail ada@acme.test | display name ada, first name , last name  | active
        (-) Matched: no account in the directory yet
        (-) Groups: none
        (v) Decision: + create ada (ada) (new in the source)
    "#]]);
    case(vec![]).check(&expect![[r#"
        (v) Found in the source: id 1, Active (status 1)
        (v) In scope: in role "Staff"
        (v) Mapped: username ada | e-mail ada@acme.test | display name ada, first name , last name  | active
        (-) Matched: no account in the directory yet
        (-) Groups: none
        (x) Decision: The username is held by the active account of 2, which keeps it.
    "#]]);
}

#[test]
fn a_protected_person_is_told_by_what() {
    let mut case = Case::new("1", Some("1 ada : dev"), "1 old : ops");
    case.policy.protected = Patterns::parse(&["ad?"]).unwrap();
    case.check(&expect![[r#"
        (v) Found in the source: id 1, Active (status 1)
        (v) In scope: in role "Staff"
        (v) Mapped: username ada | e-mail ada@acme.test | display name ada, first name , last name  | active
        (v) Matched: account old by id 1, active
        (v) Groups: + dev from role "dev" | = ops, kept as it is
        (x) Decision: Protected by "ad?", so nothing was done. Otherwise: ~ rename old to ada (differs from the source); ~ update old: e-mail "old@acme.test" -> "ada@acme.test", display name "old" -> "ada" (differs from the source); + add ada to group dev (granted by role "dev"); - remove old from group ops (no group source grants it any more).
    "#]]);
}

#[test]
fn a_record_of_an_unknown_status_is_withheld() {
    check(
        "1",
        Some("1 ada unknown : dev"),
        None,
        "1 ada : ops",
        &expect![[r#"
        (v) Found in the source: id 1, status 99
        (v) In scope: in role "Staff"
        (x) Mapped: The source says status 99, which decides nothing; the account stays as it is.
        (v) Matched: account ada by id 1, active
        (v) Groups: = ops, kept as it is
        (x) Decision: The source says status 99, which decides nothing; the account stays as it is.
    "#]],
    );
}

#[test]
fn what_the_gate_holds_whatever_the_limits_is_told() {
    let mut case = Case::new("1", Some("1 ada : dev admins"), "1 ada : ops");
    case.privileged = Patterns::parse(&["admins"]).unwrap();
    case.tried = gate::Rules::Changed;
    case.check(&expect![[r#"
        (v) Found in the source: id 1, Active (status 1)
        (v) In scope: in role "Staff"
        (v) Mapped: username ada | e-mail ada@acme.test | display name ada, first name , last name  | active
        (v) Matched: account ada by id 1, active
        (v) Groups: + dev from role "dev" | + admins from role "admins" | - ops, no group source grants it any more
        (v) Decision: + create group admins (granted by role "admins") | + create group dev (granted by role "dev") | + add ada to group admins (granted by role "admins") | + add ada to group dev (granted by role "dev") | - remove ada from group ops (no group source grants it any more) | - remove group ops (nobody is in it any more) | held: + create group admins | held: + add ada to group admins | held: - remove ada from group ops | held because: Group admins is privileged: 1 would join and 0 would leave, which is always asked about. The rules of the connector have changed: 1 removal is asked about once.
    "#]]);
}

#[test]
fn what_was_rejected_is_told_as_long_as_the_source_says_the_same() {
    let mut case = Case::new("1", Some("1 ada : dev"), "1 ada");
    let explanation = case.ask(explain);
    let change = &explanation.plan.steps.last().unwrap().change;
    let mut reject = |state: SourceState| {
        let rejection = Rejection { user: Some(world::id("1")), state, rules: "".into() };
        case.decisions.rejected.insert(Identity::of(change), rejection);
        told(&case.ask(explain)).lines().last().unwrap().to_owned()
    };
    expect![[r#"(v) Decision: + create group dev (granted by role "dev") | + add ada to group dev (granted by role "dev") | rejected, so it is not done: + add ada to group dev"#]].assert_eq(&reject(explanation.states[&world::id("1")].clone()));
    expect![[r#"(v) Decision: + create group dev (granted by role "dev") | + add ada to group dev (granted by role "dev")"#]].assert_eq(&reject(SourceState::Says(Said::of(&world::record("1 ada : dev ops")))));
}

#[test]
fn somebody_deleted_upstream_of_whom_no_account_is_left_is_told_so() {
    check(
        "1",
        None,
        Some(&Absence::Gone),
        "2 bob",
        &expect![[r#"
        (x) Found in the source: The source does not know the id 1.
        ( ) In scope: not asked
        ( ) Mapped: not asked
        (-) Matched: no account in the directory yet
        (-) Groups: none
        (-) Decision: no account, and none is made
    "#]],
    );
}

#[test]
fn one_person_alone_adopts_no_group_and_joins_none_that_would_be() {
    let mut actual = world::directory("1 ada : dev\n2 bob");
    actual.local.insert(Name::new("dev"));
    let policy = Policy {
        adopted: [Name::new("dev")].into(),
        ..Policy::new(Cleanup::Disable, EmptyGroups::Keep)
    };
    let wanted = world::desired("1 ada : dev\n2 bob : dev ops");
    let (plan, _) = plan::plan(&wanted, &actual, &BTreeMap::new(), &policy, &Past::NONE);
    let text = alone(&plan, &actual, &Past::NONE).to_string();
    expect![[r#"
        + create group ops (granted by role "ops")
        + add bob to group ops (granted by role "ops")
    "#]]
    .assert_eq(&text);
}

#[test]
fn whoever_stays_in_a_group_or_leaves_it_is_told_so_as_the_plan_does() {
    let line = |case: &Case| {
        let explanation = case.ask(explain);
        let groups = explanation.stations.iter().find(|it| it.title == "Groups").unwrap();
        (groups.lines.last().unwrap().clone(), explanation.plan.steps.len())
    };
    let unnamed = Case::new("1", Some("1 ada : pay\u{7}roll"), "1 ada : payroll");
    let kept = "= payroll, kept: a group that they have in the source has a name that cannot be used, and \
                may have been this one";
    assert_eq!(line(&unnamed), (kept.to_owned(), 0));
    let mut local = Case::new("1", Some("1 ada"), "1 ada : dev");
    local.actual.local.insert(Name::new("dev"));
    let kept = "= dev, a local group: its members are added by hand";
    assert_eq!(line(&local), (kept.to_owned(), 0));
    let mut spared = Case::new("1", Some("1 ada"), "1 ada : dev");
    spared.policy.protected = Patterns::parse(&["ada"]).unwrap();
    assert_eq!(line(&spared), ("= dev, kept as it is".to_owned(), 0));
    let mut gone = Case::new("1", None, "1 ada : dev");
    gone.absence = Some(Absence::Gone);
    assert_eq!(line(&gone), ("= dev, kept as it is".to_owned(), 1));
    gone.policy.strip = Some(Patterns::NONE);
    assert_eq!(line(&gone).0, "- dev, gone, asked for by id");
}

#[test]
fn a_local_group_is_told_as_such_and_not_as_one_that_the_source_grants() {
    let mut case = Case::new("1", Some("1 ada : dev ops"), "1 ada : board ops\n2 bob : dev");
    case.actual.local = ["board", "dev"].map(Name::new).into();
    let groups = |case: &Case| {
        let explained = case.ask(explain);
        let station = explained.stations.iter().find(|it| it.title == "Groups").unwrap();
        station.lines.join("\n")
    };
    expect![[r#"
        = dev from role "dev", which is a local group, made by hand
        + ops from role "ops"
        = board, a local group: its members are added by hand"#]]
    .assert_eq(&groups(&case));
    case.policy.adopted = [Name::new("board")].into();
    let told = groups(&case);
    assert!(told.ends_with("- board, no group source grants it any more"), "{told}");
}
