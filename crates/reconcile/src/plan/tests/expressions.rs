//! What expressions decide.

use super::*;

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
