use std::sync::Arc;

use expect_test::{Expect, expect};

use crate::explain::Verdict;
use crate::explain::group::explain_group;
use crate::explain::tests::Case;
use crate::expression::{Expression, PERSON};
use crate::gate::decisions::{Identity, Rejection};
use crate::mapping::groups::{Assigned, EqualNames, GroupNames, Unmatched};
use crate::pattern::Patterns;
use crate::plan::{Absence, Change};
use crate::principal::{Grant, Name};
use crate::world;

fn check(case: &Case, group: &str, expected: &Expect) {
    check_with(case, group, &[], expected);
}

fn check_with(case: &Case, group: &str, unread: &[&str], expected: &Expect) {
    let answer = case.ask(|evidence| explain_group(evidence, &Name::new(group), unread));
    let mark = match answer.verdict {
        Verdict::Yes => "yes",
        Verdict::No => "no",
        Verdict::Note => "soon",
        Verdict::NotReached => "not reached",
    };
    let mut text = format!("{mark}: {}", answer.lines.join("; "));
    for fix in answer.fixes {
        text.push_str("\n-> ");
        text.push_str(&fix);
    }
    expected.assert_eq(&text);
}

fn ada(record: &str, actual: &str) -> Case {
    Case { listed: listed("role dev ops admins"), ..Case::new("1", Some(record), actual) }
}

/// `role dev ops`: two groups of one group source.
fn listed(text: &str) -> Vec<Arc<Grant>> {
    let mut words = text.split_whitespace();
    let kind = words.next().unwrap();
    let grant = |group| Grant {
        group: Name::new(group),
        kind: kind.into(),
        origin: format!("{kind} {group:?}").into(),
    };
    words.map(grant).map(Arc::new).collect()
}

fn patterns(text: &str) -> Patterns {
    Patterns::parse(&[text]).unwrap()
}

#[test]
fn whoever_is_in_a_group_is_told_from_where() {
    check(&ada("1 ada : dev", "1 ada : dev"), "DEV", &expect![[r#"yes: in it: role "dev""#]]);
    check(
        &ada("1 ada : dev", "1 ada"),
        "dev",
        &expect![[r#"soon: not in it yet; joins: granted by role "dev""#]],
    );
    check(
        &ada("1 ada", "1 ada : dev"),
        "dev",
        &expect![[r#"
        no: in it still, and leaves: no group source grants it any more; role "dev" gives it, which they do not have
        -> give them role "dev" in the source"#]],
    );
}

#[test]
fn whoever_lacks_the_group_of_the_source_is_told_which() {
    check(
        &ada("1 ada : dev", "1 ada : dev"),
        "ops",
        &expect![[r#"
        no: not in it; role "ops" gives it, which they do not have
        -> give them role "ops" in the source"#]],
    );
    check_with(
        &ada("1 ada", "1 ada"),
        "sales",
        &["member_of"],
        &expect![[r#"
        no: not in it; no group of the source and no assignment gives sales; not looked at, because it is switched off as a group source: member_of
        -> switch on member_of as a group source, if the group is one of those"#]],
    );
    check(
        &ada("1 ada", "1 ada"),
        "sales",
        &expect!["no: not in it; no group of the source and no assignment gives sales"],
    );
}

#[test]
fn a_group_that_is_kept_out_is_told_with_the_way_in() {
    let mut case = ada("1 ada : dev ops", "1 ada");
    case.rules.groups.only = patterns("ops");
    check(
        &case,
        "dev",
        &expect![[r#"
        no: not in it; role "dev" gives no group: it is not among the groups that take part
        -> add role "dev" to the groups that take part"#]],
    );
    case.rules.groups.only = Patterns::NONE;
    case.rules.groups.except = patterns("d*");
    check(
        &case,
        "dev",
        &expect![[r#"
        no: not in it; role "dev" gives no group: it is left out by "d*"
        -> take "d*" off the groups that are left out"#]],
    );
    check(
        &Case { record: Some(world::record("1 ada")), ..case },
        "dev",
        &expect![[r#"
        no: not in it; role "dev" gives no group: it is left out by "d*"; they do not have it either
        -> take "d*" off the groups that are left out"#]],
    );
}

#[test]
fn a_group_under_another_name_is_told_with_it() {
    let mut case = ada("1 ada : dev", "1 ada : ol-dev");
    let names =
        |text: &str, otherwise| GroupNames { transformations: text.parse().unwrap(), otherwise };
    case.rules.groups.names = Some(names("prefix ol-", Unmatched::Untransformed));
    check(
        &case,
        "dev",
        &expect![[r#"
        no: not in it; role "dev" is the group ol-dev in the directory; they are in that
        -> ask about ol-dev"#]],
    );
    check(&case, "ol-dev", &expect![[r#"yes: in it: role "dev""#]]);
    case.rules.groups.names = Some(names("replace-first /^x-/ \"\"", Unmatched::LeftOut));
    check(
        &case,
        "dev",
        &expect![[r#"
        no: not in it; role "dev" gives no group: no transformation applies to its name
        -> add a transformation that applies to the name of role "dev""#]],
    );
}

#[test]
fn a_switched_off_source_is_no_fix_where_the_cause_is_another() {
    let mut case = ada("1 ada", "1 ada");
    let record = case.record.as_mut().unwrap();
    record.grants = vec![Arc::new(Grant {
        group: Name::new("Pay\u{7}roll"),
        kind: "role".into(),
        origin: "role \"Pay\u{7}roll\"".into(),
    })];
    let answer = case.ask(|it| explain_group(it, &Name::new("payroll"), &["group"]));
    assert!(answer.lines[1].contains("gives no group"), "{answer:?}");
    assert_eq!(answer.fixes, ["rename role \"Pay\u{7}roll\" in the source"]);

    let mut case = ada("1 ada off", "1 ada");
    case.rules.groups.assigned =
        vec![Assigned { group: Name::new("licensed"), with: None, only_if: None }];
    let answer = case.ask(|it| explain_group(it, &Name::new("licensed"), &["group"]));
    assert_eq!(answer.fixes, [""; 0], "{answer:?}");
    let answer = case.ask(|it| explain_group(it, &Name::new("other"), &["group"]));
    assert!(answer.fixes[0].contains("switch on group"), "{answer:?}");
}

#[test]
fn equal_names_of_two_sources_are_told() {
    let mut case = ada("1 ada : dev", "1 ada");
    case.listed.extend(listed("group dev"));
    case.rules.groups.equal_names = EqualNames::FirstWins;
    case.rules.groups.order = vec!["group".into(), "role".into()];
    check(
        &case,
        "dev",
        &expect![[r#"
        no: not in it; group "dev" gives it, which they do not have; role "dev" gives no group: a group has its name, and comes first
        -> give them group "dev" in the source
        -> give them the group of that name, or change what happens on equal names"#]],
    );
    case.rules.groups.equal_names = EqualNames::Prefix;
    check(
        &case,
        "dev",
        &expect![[r#"
        no: not in it; group "dev" is the group group-dev in the directory; they are not in that either; role "dev" is the group role-dev in the directory; they are not in that either
        -> ask about group-dev
        -> ask about role-dev"#]],
    );
}

#[test]
fn a_group_that_nobody_may_change_is_told() {
    let mut case = ada("1 ada : dev", "1 ada\n [dev]");
    case.policy.untouchable = patterns("dev");
    check(
        &case,
        "dev",
        &expect![[r#"
        no: not in it; the group is never touched: nobody joins or leaves it
        -> take dev off the groups that are never touched"#]],
    );
    let mut case = ada("1 ada : dev", "1 ada\n [dev]");
    case.actual.local.insert(Name::new("dev"));
    check(
        &case,
        "dev",
        &expect![[r#"
        no: not in it; the target has a local group of that name, made by hand, so its members stay as they are
        -> add them to dev by hand
        -> name dev in the settings to be adopted"#]],
    );
}

#[test]
fn an_assignment_is_told_with_whom_it_is_for() {
    let mut case = ada("1 ada", "1 ada");
    let assigned = |with: Option<&str>, only_if: Option<&str>| {
        let only_if = only_if.map(|it| Expression::compile(it, &PERSON).unwrap());
        vec![Assigned { group: Name::new("licensed"), with: with.map(Into::into), only_if }]
    };
    case.rules.groups.assigned = assigned(Some("role"), None);
    check(
        &case,
        "licensed",
        &expect![[r#"
        no: not in it; it is assigned to whoever has a role, and they have none
        -> give them a role in the source"#]],
    );
    case.rules.groups.assigned = assigned(None, Some("user.username == 'eve'"));
    check(
        &case,
        "licensed",
        &expect![[r#"
        no: not in it; it is assigned by an expression that says no of them: user.username == 'eve'
        -> change the expression, or what it looks at"#]],
    );
    case.record = Some(world::record("1 ada .custom_attributes.floor?"));
    case.rules.groups.assigned = assigned(None, Some("user.custom_attributes.floor == '3'"));
    check(
        &case,
        "licensed",
        &expect![[r#"
        no: not in it; it is assigned by an expression that asks what the source does not tell, so nobody joins by it: user.custom_attributes.floor == '3'
        -> give the source that field again, or change the expression"#]],
    );
    let member = Case { actual: world::directory("1 ada : licensed"), ..case };
    check(
        &member,
        "licensed",
        &expect![
            "yes: in it, and kept: the source does not tell what the expression asks by which it is assigned"
        ],
    );
    case =
        Case { record: Some(world::record("1 ada")), actual: world::directory("1 ada"), ..member };
    case.rules.groups.assigned = assigned(None, None);
    check(
        &case,
        "licensed",
        &expect!["soon: not in it yet; joins: granted by an assignment to everybody"],
    );
    case.record = Some(world::record("1 ada off"));
    check(
        &case,
        "licensed",
        &expect!["no: not in it; it is assigned to active people, and they are inactive"],
    );
}

#[test]
fn whoever_takes_no_part_is_told_that_first() {
    let out = Absence::OutOfScope("needs role \"Staff\"; has nothing".into());
    check(
        &Case { absence: Some(out), ..ada("1 ada : dev", "") },
        "dev",
        &expect![[r#"no: not in it; they take no part: needs role "Staff"; has nothing"#]],
    );
    check(
        &ada("1 ada off : dev", ""),
        "dev",
        &expect!["no: not in it; Suspended, and without an account so far, so none is made."],
    );
    check(
        &ada("1 ada : dev", "2 ada"),
        "dev",
        &expect!["no: not in it; The username is held by the active account of 2, which keeps it."],
    );
    check(
        &Case { record: None, ..ada("1 ada", "") },
        "dev",
        &expect!["no: not in it; the source does not know them"],
    );
    let mut case = ada("1 ada : dev", "1 ada");
    case.policy.protected = patterns("ada");
    check(
        &case,
        "dev",
        &expect![[
            r#"no: not in it; Protected by "ada", so nothing was done. Otherwise: + add ada to group dev (granted by role "dev")."#
        ]],
    );
}

#[test]
fn what_waits_and_what_was_rejected_is_told() {
    let mut case = ada("1 ada : admins", "1 ada");
    case.privileged = patterns("admins");
    check(
        &case,
        "admins",
        &expect![[r#"
        no: not in it yet: it waits for approval. Group admins is privileged: 1 would join and 0 would leave, which is always asked about.
        -> run a full sync and approve its plan"#]],
    );
    let explanation = case.ask(crate::explain::explain);
    let state = explanation.states[&world::id("1")].clone();
    for step in &explanation.plan.steps {
        let rejection =
            Rejection { user: Some(world::id("1")), state: state.clone(), rules: "".into() };
        case.decisions.rejected.insert(Identity::of(&step.change), rejection);
    }
    check(
        &case,
        "admins",
        &expect![[r#"
        no: not in it: somebody rejected that they join, until the source says something else of them or its time is over
        -> lift the rejection"#]],
    );
    // Nobody rejected that they join, but that there is such a group.
    case.decisions.rejected.clear();
    let group = Name::new("admins");
    let rejection = Rejection { user: None, state, rules: "".into() };
    case.decisions.rejected.insert(Identity::of(&Change::CreateGroup { group }), rejection);
    check(
        &case,
        "admins",
        &expect![[r#"
        no: not in it: somebody rejected what it takes (+ create group admins)
        -> lift the rejection"#]],
    );
    let stations = case.ask(crate::explain::explain).stations;
    let lines = stations.iter().flat_map(|it| &it.lines).filter(|it| it.contains("rejected"));
    assert_eq!(
        lines.collect::<Vec<_>>(),
        [
            "rejected, so it is not done: + create group admins",
            "not done, because what it needs was rejected: + add ada to group admins",
        ]
    );
}
