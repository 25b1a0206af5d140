use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::sync::Arc;

use expect_test::{Expect, expect};

use crate::directory::Directory;
use crate::expression::{Expression, PERSON};
use crate::finding::Finding;
use crate::mapping::existing::Existing;
use crate::mapping::groups::{Assigned, EqualNames, GroupNames, GroupRules, Unmatched};
use crate::mapping::rules::PersonRules;
use crate::mapping::{self, Keeps, Rules, desired, desired_by};
use crate::pattern::Patterns;
use crate::plan::{self, Policy};
use crate::principal::{ExternalId, Grant, Name, Record, User};
use crate::world::{self, id, record};

fn check(records: &str, expected: &Expect) {
    check_records(records.lines().map(str::trim).filter(|it| !it.is_empty()).map(record), expected);
}

fn check_records(records: impl Iterator<Item = Record>, expected: &Expect) {
    check_rules(&GroupRules::PLAIN, &[], records, expected);
}

fn check_rules(
    rules: &GroupRules,
    listed: &[Arc<Grant>],
    records: impl Iterator<Item = Record>,
    expected: &Expect,
) {
    let (desired, findings) = desired(records.collect(), BTreeSet::new(), listed, rules);
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
            [Dev] {#1, #2} from role "Dev" or role "dev"
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
            invalid 1: The username has a control character in it; type it anew.
            invalid 2: The e-mail has 256 characters; Atlassian products hold 255.
            invalid 5: The last name has 256 characters; Atlassian products hold 255.
            invalid -: The group of role 1 is left out. It has no name. Whoever has it stays in groups that the source has no more: it may have been one of them.
            invalid -: The group of role 256 is left out. The name has 256 characters; Atlassian products hold 255. Whoever has it stays in groups that the source has no more: it may have been one of them.
            invalid -: The group of role 4 is left out. The name has a control character in it; type it anew. Whoever has it stays in groups that the source has no more: it may have been one of them.
        "#]],
    );
}

#[test]
fn what_looks_like_another_name_is_a_finding_or_is_that_name() {
    let mut records: Vec<Record> =
        ["1 ada", "2 bob", "3 cyd", "4 dee", "5 eve"].into_iter().map(record).collect();
    records[0].username = Some("x\u{200b}admin".into());
    records[1].username = Some("bob\u{202e}mot".into());
    records[2].display_name = Some("Cyd \u{202e}eeL\u{202c}".into());
    // A joiner is part of how a name is written.
    records[3].display_name = Some("\u{645}\u{6cc}\u{200c}\u{62e}".into());
    records[4].grants = vec![
        grant(" site-admins\t", "role 1"),
        grant("site-admins", "role 2"),
        grant("dev\u{200b}", "role 3"),
        grant("ops\u{1b}[2J", "role \"ops\u{1b}[2J\""),
    ];
    check_records(
        records.into_iter(),
        &expect![[r#"
        3 cyd <cyd@acme.test> "Cyd eeL" = "" "" active
        4 dee <dee@acme.test> "می\u{200c}خ" = "" "" active
        5 eve <eve@acme.test> "eve" = "" "" active
        [site-admins] {#5} from role 1 and role 2
        withheld 1
        withheld 2
        invalid 1: The username has an invisible character in it; type it anew.
        invalid 2: The username has a control character in it; type it anew.
        invalid -: The group of role "ops\u{1b}[2J" is left out. The name has a control character in it; type it anew. Whoever has it stays in groups that the source has no more: it may have been one of them.
        invalid -: The group of role 3 is left out. The name has an invisible character in it; type it anew. Whoever has it stays in groups that the source has no more: it may have been one of them.
    "#]],
    );
}

#[test]
fn a_person_whom_the_source_could_not_tell_of_is_withheld() {
    let (desired, findings) =
        desired(vec![record("1 ada")], BTreeSet::from([id("2")]), &[], &GroupRules::PLAIN);
    assert_eq!((desired.people(), findings.len()), (2, 0));
    assert!(desired.knows(&id("2")));
}

#[test]
fn whoever_is_read_first_the_group_is_spelt_the_same() {
    let spelt = |first: &str, second: &str| {
        let mut records = vec![record("1 ada"), record("2 bob")];
        records[0].grants = vec![grant(first, "directory")];
        records[1].grants = vec![grant(second, "directory")];
        let (desired, _) = desired(records, BTreeSet::new(), &[], &GroupRules::PLAIN);
        desired.directory.groups.keys().map(ToString::to_string).collect::<Vec<_>>()
    };
    for _ in 0..50 {
        assert_eq!(spelt("ops", "Ops"), ["Ops"]);
        assert_eq!(spelt("Ops", "ops"), ["Ops"]);
    }
}

fn grant(group: &str, origin: &str) -> Arc<Grant> {
    Arc::new(Grant { group: Name::new(group), kind: "role".into(), origin: origin.into() })
}

/// `role/dev group/ops` are the groups of one person, or of a source.
fn grants(text: &str) -> Vec<Arc<Grant>> {
    let grant = |word: &str| {
        let (kind, group) = word.split_once('/').unwrap();
        let origin = format!("{kind} {group:?}").into();
        Arc::new(Grant { group: Name::new(group), kind: kind.into(), origin })
    };
    text.split_whitespace().map(grant).collect()
}

/// `ada role/dev`, a person a line; `off ada` is inactive. Of what comes of it only the groups.
fn check_groups(rules: &GroupRules, listed: &str, people: &str, expected: &Expect) {
    let people = people.lines().map(str::trim).filter(|it| !it.is_empty());
    let records = (1..).zip(people).map(|(id, line)| {
        let (state, line) = line.strip_prefix("off ").map_or(("", line), |line| ("off", line));
        let (name, groups) = line.split_once(' ').unwrap_or((line, ""));
        Record { grants: grants(groups), ..record(&format!("{id} {name} {state}")) }
    });
    let (desired, findings) = desired(records.collect(), BTreeSet::new(), &grants(listed), rules);
    let mut text = String::new();
    for (group, members) in &desired.directory.groups {
        writeln!(text, "[{group}] {members:?} from {}", desired.origins[group]).unwrap();
    }
    for finding in findings {
        writeln!(text, "{}: {}", finding.kind.word(), finding.message).unwrap();
    }
    expected.assert_eq(&text);
}

const TWO_SALES: &str = "ada role/Sales role/dev
                         bob group/sales";

#[test]
fn equal_names_of_two_sources_are_one_group_or_kept_apart_or_the_first_one_wins() {
    let rules = |equal_names, order: &[&str]| GroupRules {
        equal_names,
        order: order.iter().map(|&it| it.into()).collect(),
        ..GroupRules::PLAIN
    };
    check_groups(
        &rules(EqualNames::Merge, &[]),
        "",
        TWO_SALES,
        &expect![[r#"
            [dev] {#1} from role "dev"
            [Sales] {#1, #2} from group "sales" or role "Sales"
            conflict: "Sales", "sales" (group "sales", role "Sales") are one group to Atlassian products, which do not tell upper from lower case; their members are together in one group.
        "#]],
    );
    check_groups(
        &rules(EqualNames::Prefix, &[]),
        "",
        TWO_SALES,
        &expect![[r#"
        [dev] {#1} from role "dev"
        [group-sales] {#2} from group "sales"
        [role-Sales] {#1} from role "Sales"
    "#]],
    );
    check_groups(
        &rules(EqualNames::FirstWins, &["role", "group"]),
        "",
        TWO_SALES,
        &expect![[r#"
            [dev] {#1} from role "dev"
            [Sales] {#1} from role "Sales"
        "#]],
    );
    check_groups(
        &rules(EqualNames::FirstWins, &["member_of"]),
        "",
        TWO_SALES,
        &expect![[r#"
        [dev] {#1} from role "dev"
        [sales] {#2} from group "sales"
    "#]],
    );
}

#[test]
fn a_group_that_nobody_has_still_has_its_name() {
    let prefix = GroupRules { equal_names: EqualNames::Prefix, ..GroupRules::PLAIN };
    check_groups(
        &prefix,
        "role/sales group/sales",
        "bob group/sales",
        &expect![[r#"
        [group-sales] {#1} from group "sales"
    "#]],
    );
    let first = ["role".into(), "group".into()].to_vec();
    let first =
        GroupRules { equal_names: EqualNames::FirstWins, order: first, ..GroupRules::PLAIN };
    check_groups(&first, "role/sales group/sales", "bob group/sales", &expect![[r#""#]]);
}

#[test]
fn only_listed_groups_take_part_and_excepted_ones_do_not() {
    let rules = GroupRules {
        only: Patterns::parse(&["jira-*", "Dev"]).unwrap(),
        except: Patterns::parse(&["*-test"]).unwrap(),
        ..GroupRules::PLAIN
    };
    check_groups(
        &rules,
        "",
        "ada role/dev role/jira-users role/jira-test
         bob role/ops group/DEV",
        &expect![[r#"
            [DEV] {#1, #2} from group "DEV" or role "dev"
            [jira-users] {#1} from role "jira-users"
            conflict: "DEV", "dev" (group "DEV", role "dev") are one group to Atlassian products, which do not tell upper from lower case; their members are together in one group.
        "#]],
    );
}

#[test]
fn lists_are_of_names_as_the_directory_has_them() {
    let rules = GroupRules {
        equal_names: EqualNames::Prefix,
        except: Patterns::parse(&["role-*"]).unwrap(),
        ..GroupRules::PLAIN
    };
    check_groups(
        &rules,
        "",
        TWO_SALES,
        &expect![[r#"
        [dev] {#1} from role "dev"
        [group-sales] {#2} from group "sales"
    "#]],
    );
}

#[test]
fn active_people_get_the_groups_that_are_assigned() {
    let assigned = |group, with: Option<&str>| Assigned {
        group: Name::new(group),
        with: with.map(Box::from),
        only_if: None,
    };
    let rules = GroupRules {
        except: Patterns::parse(&["internal"]).unwrap(),
        assigned: vec![
            assigned("jira-users", None),
            assigned("staff", Some("role")),
            assigned("dev", Some("group")),
        ],
        ..GroupRules::PLAIN
    };
    check_groups(
        &rules,
        "",
        "ada role/internal
         off bob role/dev
         cyd group/ops
         dee role/Dev",
        &expect![[r#"
            [Dev] {#2, #3, #4} from role "Dev" or role "dev" or an assignment to whoever has a group
            [jira-users] {#1, #3, #4} from an assignment to everybody
            [ops] {#3} from group "ops"
            [staff] {#1, #4} from an assignment to whoever has a role
            conflict: "Dev", "dev" (role "Dev", role "dev") are one group to Atlassian products, which do not tell upper from lower case; their members are together in one group.
        "#]],
    );
}

#[test]
fn groups_that_nobody_has_are_wanted_where_the_rules_say_so() {
    let rules = GroupRules {
        with_empty: true,
        except: Patterns::parse(&["x*"]).unwrap(),
        ..GroupRules::PLAIN
    };
    let listed = "role/dev role/qa role/x1";
    check_groups(
        &rules,
        listed,
        "ada role/dev",
        &expect![[r#"
        [dev] {#1} from role "dev"
        [qa] {} from role "qa"
    "#]],
    );
    let without = GroupRules { with_empty: false, ..rules };
    check_groups(
        &without,
        listed,
        "ada role/dev",
        &expect![[r#"
        [dev] {#1} from role "dev"
    "#]],
    );
}

#[test]
fn an_expression_says_who_of_the_active_people_gets_a_group() {
    let assigned = |group, source| Assigned {
        group: Name::new(group),
        with: None,
        only_if: Some(Expression::compile(source, &PERSON).unwrap()),
    };
    let rules = GroupRules {
        assigned: vec![
            assigned("licensed", "not groups.has('Portal', 'role')"),
            assigned("licensed", "user.username == 'dee'"),
            assigned("odd", "user.first_name + 'x' == 'x' if user.username == 'eve' else false"),
        ],
        ..GroupRules::PLAIN
    };
    check_groups(
        &rules,
        "",
        "ada role/dev
         off bob role/dev
         cyd role/portal
         dee role/portal
         eve role/dev
         fay group/portal",
        &expect![[r#"
            [dev] {#1, #2} from role "dev"
            [licensed] {#1, #4, #6} from an assignment by expression
            [odd] {} from an assignment by expression
            [portal] {#3, #4, #6} from group "portal" or role "portal"
            expression: The expression for the group odd decides nothing: tried to use + operator on unsupported types none and string. Whatever a target holds of them stays as it is.
        "#]],
    );
}

#[test]
fn an_assignment_knows_what_the_source_tells_of_a_person() {
    let assigned = |group, source| Assigned {
        group: Name::new(group),
        with: None,
        only_if: Some(Expression::compile(source, &PERSON).unwrap()),
    };
    let rules = GroupRules {
        assigned: vec![
            assigned("sales", "user.department == 'Sales' and user.username is not endingwith 'x'"),
            assigned("third", "user.custom_attributes.floor == '3'"),
            assigned("named", "user.firstname == 'Ada' and user.first_name == 'Ada'"),
        ],
        ..GroupRules::PLAIN
    };
    let records = "1 ada first=Ada .department=Sales .custom_attributes.floor=3
         2 box .department=Sales .custom_attributes.floor=2
         3 cyd .department .custom_attributes.floor=3
         4 off .department=Sales .custom_attributes.floor=3 off
         5 eve .department=Sales .custom_attributes.floor? : dev";
    let records = records.lines().map(|it| record(it.trim())).collect();
    let (desired, findings) = desired(records, BTreeSet::new(), &[], &rules);
    let members = |group: &str| desired.directory.groups[&Name::new(group)].clone();
    assert_eq!(members("sales"), BTreeSet::from([id("1"), id("5")]));
    assert_eq!(members("third"), BTreeSet::from([id("1"), id("3")]));
    assert_eq!(members("named"), BTreeSet::from([id("1")]));
    assert_eq!(members("dev"), BTreeSet::from([id("5")]));
    // What nobody told is not taken for a no: they stay as they are in that group, and in no other.
    assert_eq!(
        desired.unsettled,
        BTreeMap::from([(Name::new("third"), BTreeSet::from([id("5")]))])
    );
    assert_eq!(desired.withheld, BTreeSet::new());
    let [finding] = findings.as_slice() else { panic!("{findings:?}") };
    assert_eq!(
        finding.message,
        "The expression for the group third decides nothing: the source does not tell user.custom_attributes.floor. Nobody joins or leaves the group by it."
    );
}

#[test]
fn records_outlast_the_mapping_only_where_the_plan_asks_for_them() {
    let rows = ["username = username; otherwise skip".to_owned()];
    let people = PersonRules::parse(&rows, None, &|_| Ok(())).unwrap();
    let present = [world::directory("1 ada\n 2 bob"), world::directory("2 bob")];
    let existing = Existing::of(&present);
    let records = || {
        let lines = ["1 ada : dev", "2 bob", "3 cyd .title=QA : dev", "4 _ .title=CEO : dev"];
        lines.map(record).to_vec()
    };
    let kept = |keeps| {
        let rules = Rules { people: people.clone(), groups: GroupRules::PLAIN, keeps };
        let (desired, _) = desired_by(records(), BTreeSet::new(), &[], &rules, &existing);
        assert_eq!(desired.skipped.keys().collect::<Vec<_>>(), [&id("4")]);
        desired.records
    };
    let ids = |keeps| kept(keeps).into_keys().map(|it| it.to_string()).collect::<Vec<_>>();
    assert_eq!(ids(Keeps::default()), [""; 0]);
    assert_eq!(ids(Keeps { newcomers: true, leavers: false }), ["1", "3"], "bob is in both");
    let leavers = kept(Keeps { newcomers: false, leavers: true });
    assert_eq!(leavers.keys().collect::<Vec<_>>(), [&id("4")]);
    assert_eq!(leavers[&id("4")].field("title"), Some("CEO"));
}

/// Rows and a key, what targets hold already, and records: the users that come of it, as
/// `id username active`, and whoever is withheld or skipped.
fn by_rules(rows: &[&str], key: Option<&str>, present: &Directory, records: &str) -> String {
    let rows: Vec<String> = rows.iter().map(|&it| it.to_owned()).collect();
    let people = PersonRules::parse(&rows, key, &|_| Ok(())).unwrap();
    let rules = Rules { people, groups: GroupRules::PLAIN, keeps: Keeps::default() };
    let existing = Existing::of([present]);
    let records = records.lines().map(str::trim).filter(|it| !it.is_empty()).map(record);
    let (desired, findings) =
        desired_by(records.collect(), BTreeSet::new(), &[], &rules, &existing);
    let users = desired.directory.users.values().map(|user| {
        let state = if user.active { "" } else { " off" };
        let source = user.source_id.as_ref().map(|it| format!(" of {it}")).unwrap_or_default();
        format!("{} {}{state}{source}", user.id, user.username)
    });
    let withheld = desired.withheld.iter().map(|id| format!("withheld {id}"));
    let skipped = desired.skipped.iter().map(|(id, why)| format!("skipped {id}: {why}"));
    let findings = findings.iter().map(|it| format!("{}: {}", it.kind.word(), it.message));
    users.chain(withheld).chain(skipped).chain(findings).collect::<Vec<_>>().join("\n")
}

const NUMBER: Option<&str> = Some("number | trim");

fn keyed(accounts: &[(&str, &str)]) -> Directory {
    let mut directory = Directory::default();
    for (id, source) in accounts {
        let name = format!("old{source}");
        let user = mapping::user(&record(&format!("{source} {name}"))).unwrap();
        let source_id = (id != source).then(|| ExternalId::new(source));
        let user = User { id: ExternalId::new(id), source_id, ..user };
        directory.users.insert(user.id.clone(), Arc::new(user));
    }
    directory
}

#[test]
fn another_key_is_what_new_accounts_are_known_by() {
    expect![[r#"
        number:a1 ada of 1
        number:b2 bob of 2"#]]
    .assert_eq(&by_rules(&[], NUMBER, &Directory::default(), "1 ada .number=A1\n2 bob .number=B2"));
}

#[test]
fn an_account_keeps_the_key_that_it_was_made_with() {
    let before = keyed(&[("1", "1"), ("number:b2", "2")]);
    expect![[r#"
        1 ada
        number:b2 bob of 2"#]]
    .assert_eq(&by_rules(&[], NUMBER, &before, "1 ada .number=A1\n2 bob .number=B2"));
    // The same when the key is OneLogin's id again, and when the field changed or is empty.
    expect![[r#"
        1 ada
        number:b2 bob of 2"#]]
    .assert_eq(&by_rules(&[], None, &before, "1 ada\n2 bob"));
    expect![[r#"
        1 ada
        number:b2 bob of 2"#]]
    .assert_eq(&by_rules(&[], NUMBER, &before, "1 ada .number=X\n2 bob .number=Y"));
}

#[test]
fn whoever_comes_back_under_another_id_has_the_account_of_their_key() {
    let before = keyed(&[("number:a1", "1")]);
    expect!["number:a1 ada of 9"].assert_eq(&by_rules(&[], NUMBER, &before, "9 ada .number=A1"));
}

#[test]
fn nobody_gets_an_account_whose_key_is_in_doubt() {
    let before = keyed(&[("number:a1", "1"), ("2", "2")]);
    expect![[r#"
        withheld 2
        withheld number:a1
        conflict: Has the account 2 by the source's id, and the account number:a1 by the key. Both stay as they are until one of them is gone."#]]
    .assert_eq(&by_rules(&[], NUMBER, &before, "2 bob .number=A1"));
    expect![[r#"
        withheld number:a1
        conflict: Has the key number:a1 together with 3. Neither of them is touched until they differ in the source.
        conflict: Has the key number:a1 together with 1. Neither of them is touched until they differ in the source."#]]
    .assert_eq(&by_rules(&[], NUMBER, &before, "1 ada .number=A1\n3 eve .number=a1"));
    expect![[r#"
        withheld 4
        withheld number:a1
        invalid: Has no "number", which is the key by which people are told apart; set it in the source.
        invalid: Has no "number", which is the key by which people are told apart; set it in the source."#]]
    .assert_eq(&by_rules(&[], NUMBER, &before, "1 ada\n4 tom .number="));
    // Whoever is read first.
    for records in ["1 ada .number=A1\n2 bob .number=A1", "2 bob .number=A1\n1 ada .number=A1"] {
        let told = by_rules(&[], NUMBER, &before, records);
        assert!(told.starts_with("withheld 2\nwithheld number:a1\n"), "{told}");
    }
}

#[test]
fn two_who_lay_claim_to_one_account_or_one_username_clash() {
    let rows = ["username = email | strip-domain".to_owned()];
    let rules = PersonRules::parse(&rows, NUMBER, &|_| Ok(())).unwrap();
    let before = keyed(&[("number:a1", "1"), ("2", "2")]);
    let existing = Existing::of([&before]);
    let claims = |text: &str| mapping::claims(&record(text), &rules, &existing);
    let ada = claims("1 x mail=ada@a .number=A1");
    assert_eq!(ada.accounts, [id("number:a1")]);
    for (other, clashes) in [
        ("9 y mail=eve@b .number=a1", true),
        ("9 y mail=ADA@b .number=c3", true),
        ("2 y mail=bob@b .number=a1", true),
        ("9 ada mail=eve@b .number=c3", false),
        ("9 y mail=ada@b", false),
        ("9 y mail=ada@b unknown .number=c3", false),
    ] {
        assert_eq!(ada.clash(&claims(other)), clashes, "{other}");
    }
}

#[test]
fn an_expression_that_fails_at_one_person_is_a_finding_and_everybody_else_goes_on() {
    let long = "x".repeat(4_000);
    let records = format!("1 ada .department={long}\n2 bob .department=xy\n3 eve .department=");
    let is = |name: &str| format!("user.department is matching('{name}')");
    for (expression, why) in [
        ([is("a"), is("b"), is("c")].join(" or "), "it needs too many steps"),
        ("user.department + user.department".to_owned(), "it gives a text of more than 4096 bytes"),
        (format!("(user.department + '{}') | upper", "x".repeat(99)), "a text is longer than 4096"),
        ("user.department[3998] and 1 // 0".to_owned(), "unable to calculate"),
    ] {
        let row = format!("title = {{{{ {expression} if user.department else 'none' }}}}");
        let told = by_rules(&[&row], None, &keyed(&[("1", "1")]), &records);
        let told: Vec<&str> = told.lines().collect();
        let [bob, eve, withheld, finding] = told[..] else { panic!("{expression}: {told:?}") };
        assert_eq!([bob, eve, withheld], ["2 bob", "3 eve", "withheld 1"], "{expression}");
        assert!(finding.starts_with("invalid: The title cannot be worked out: "), "{finding}");
        assert!(finding.contains(why), "{finding}");
    }
    // What is too deep for everybody is refused before anybody is mapped.
    let row = format!("title = {{{{ {}1{} }}}}", "(".repeat(500), ")".repeat(500));
    assert!(PersonRules::parse(&[row], None, &|_| Ok(())).is_err());
}

#[test]
fn whoever_a_row_skips_takes_no_part_and_is_not_asked_for() {
    let rows = ["username = username | split @ 1; otherwise skip"];
    let before = keyed(&[("1", "1"), ("2", "2")]);
    expect![[r#"
        2 bob
        skipped 1: the row of the username says to skip them"#]]
    .assert_eq(&by_rules(&rows, None, &before, "1 ada\n2 bob@x"));
    let people = PersonRules::parse(&rows.map(str::to_owned), None, &|_| Ok(())).unwrap();
    let rules = Rules { people, groups: GroupRules::PLAIN, keeps: Keeps::default() };
    let (desired, _) = desired_by(
        vec![record("1 ada"), record("2 bob@x")],
        BTreeSet::new(),
        &[],
        &rules,
        &Existing::of([&before]),
    );
    let policy = Policy::new(plan::Cleanup::Disable, plan::EmptyGroups::Keep);
    assert_eq!(plan::missing(&desired, &before, &policy), []);
}

#[test]
fn usernames_that_rows_make_alike_are_withheld_together() {
    expect![[r#"
        3 eve
        withheld 1
        withheld 2
        conflict: 1, 2 map to one username. None of them is touched until they differ in the source.
        conflict: 1, 2 map to one username. None of them is touched until they differ in the source."#]]
    .assert_eq(&by_rules(
        &["username = username | strip-domain"],
        None,
        &Directory::default(),
        "1 ada@x\n2 Ada@y\n3 eve@x",
    ));
}

#[test]
fn an_account_that_is_kept_stays_active_or_inactive() {
    let mut before = keyed(&[("1", "1"), ("2", "2"), ("3", "3"), ("4", "4")]);
    for id in ["2", "4"] {
        let user = before.users.get_mut(&ExternalId::new(id)).unwrap();
        Arc::make_mut(user).active = false;
    }
    let records = "1 a kept\n2 b kept\n3 c kept-only\n4 d kept-only\n5 e kept\n6 f kept-only";
    expect![[r#"
        1 a
        2 b off
        3 c
        4 d off
        5 e
        6 f off"#]]
    .assert_eq(&by_rules(&[], None, &before, records));
}

/// Names of groups transformed, and who is in which.
fn renamed(names: &str, otherwise: Unmatched, records: &str) -> String {
    let names = GroupNames { transformations: names.parse().unwrap(), otherwise };
    let groups = GroupRules { names: Some(names), ..GroupRules::PLAIN };
    let rules = Rules { people: PersonRules::FIXED, groups, keeps: Keeps::default() };
    let records = records.lines().map(record).collect();
    let (desired, findings) =
        desired_by(records, BTreeSet::new(), &[], &rules, &Existing::default());
    let groups = desired.directory.groups.iter().map(|(group, members)| {
        let members: Vec<&str> = members.iter().map(ExternalId::as_str).collect();
        format!("{group}: {}", members.join(" "))
    });
    let skipped = desired.skipped.iter().map(|(id, why)| format!("skipped {id}: {why}"));
    let findings = findings.iter().map(|it| it.message.clone());
    groups.chain(skipped).chain(findings).collect::<Vec<_>>().join("\n")
}

#[test]
fn names_of_groups_are_transformed_before_all_else() {
    let records = "1 ada : ol-Dev ol-Ops\n2 bob : ol-Dev sales";
    let names = r#"replace "/^ol-(.+)$/" "$1""#;
    expect![[r#"
        Dev: 1 2
        Ops: 1
        sales: 2"#]]
    .assert_eq(&renamed(names, Unmatched::Untransformed, records));
    expect![[r#"
        Dev: 1 2
        Ops: 1"#]]
    .assert_eq(&renamed(names, Unmatched::LeftOut, records));
    expect![[r#"
        Dev: 1
        Ops: 1
        skipped 2: no transformation applies to the name of role "sales""#]]
    .assert_eq(&renamed(names, Unmatched::SkipUser, records));
    expect![[r#"
        all: 1 2"#]]
    .assert_eq(&renamed(r#"map x = y else all"#, Unmatched::LeftOut, records));
    expect![[r#"The group of role "dev" is left out. It has no name. Whoever has it stays in groups that the source has no more: it may have been one of them."#]].assert_eq(&renamed(
        r#"map dev = """#,
        Unmatched::LeftOut,
        "1 ada : dev",
    ));
}

#[test]
fn however_many_have_one_key_each_is_told_with_whom() {
    let nobody = Directory::default();
    expect![[r#"
        withheld number:a1
        conflict: Has the key number:a1 together with 2. Neither of them is touched until they differ in the source.
        conflict: Has the key number:a1 together with 1. Neither of them is touched until they differ in the source.
        conflict: Has the key number:a1 together with 1, 2. None of them is touched until they differ in the source.
        conflict: The source told of this id more than once; the first record counts."#]]
    .assert_eq(&by_rules(
        &[],
        NUMBER,
        &nobody,
        "1 ada .number=A1\n2 bob .number=a1\n3 eve .number=A1\n3 eve .number=A1",
    ));
    let many: Vec<String> = (11..31).map(|id| format!("{id} p{id} .number=A1")).collect();
    let told = by_rules(&[], NUMBER, &nobody, &many.join("\n"));
    let last = told.lines().last().unwrap();
    assert!(last.contains("together with 11, 12, 13, 14, 15 and 14 more. None"), "{last}");
}

#[test]
fn whoever_cannot_be_mapped_leaves_their_key_to_nobody_else() {
    let both = "conflict: Has the key number:a1 together with";
    let cannot = "invalid: Has no username; mend the row of the username or the source.";
    for (records, other) in [
        ("1 ada .number=A1\n2 _ mail= .number=A1", 2),
        ("1 _ mail= .number=A1\n2 bob .number=A1", 1),
    ] {
        let told = by_rules(&["title = title"], NUMBER, &Directory::default(), records);
        let mut lines: Vec<&str> = told.lines().collect();
        lines.sort_unstable();
        let conflict =
            format!("{both} {other}. Neither of them is touched until they differ in the source.");
        assert_eq!(lines, [&conflict, cannot, "withheld number:a1"], "{records}");
    }
}

#[test]
fn a_username_that_everybody_has_is_told_in_sentences_of_a_bounded_length() {
    let many: Vec<String> = (101..301).map(|id| format!("{id} admin")).collect();
    let told = by_rules(&[], None, &Directory::default(), &many.join("\n"));
    let findings: Vec<&str> = told.lines().filter(|it| it.starts_with("conflict")).collect();
    assert_eq!(findings.len(), 200, "one for each");
    let sentence = "conflict: 101, 102, 103, 104, 105 and 195 more map to one username. None of them is \
                    touched until they differ in the source.";
    assert!(findings.iter().all(|it| *it == sentence), "{:?}", findings[0]);
}
