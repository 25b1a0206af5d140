//! Groups that are always asked about: privileged ones, and local ones that are adopted.

use std::sync::Arc;

use super::*;

#[test]
fn whoever_leaves_a_privileged_group_with_their_account_or_comes_back_to_it_is_asked_about() {
    let privileged = Patterns::parse(&["admins"]).unwrap();
    let check = |policy: &Policy, after: &str, before: &str, expected: &Expect| {
        with_careful_limits(|terms| {
            let terms = Terms { privileged: &privileged, ..*terms };
            check_by(&terms, policy, after, before, expected);
        });
    };
    let delete = &Policy { cleanup: Cleanup::Delete, ..POLICY };
    let before = "1 ada : admins\n2 bob : dev\n3 cyd : dev admins\n4 dee";
    check(
        delete,
        "3 cyd : dev admins\n4 dee",
        before,
        &expect![[r#"
            Group admins is privileged: 0 would join and 1 would leave, which is always asked about.
            passes: 1 remove
            held: 1 remove
        "#]],
    );
    // They keep their groups, and whatever those give is nothing to an inactive account.
    check(
        &POLICY,
        "3 cyd : dev admins\n4 dee",
        before,
        &expect![[r#"
            passes: 2 deactivate
        "#]],
    );
    let strip = &Policy { strip: Some(Patterns::NONE), ..POLICY };
    check(
        strip,
        "3 cyd : dev admins\n4 dee",
        before,
        &expect![[r#"
            Group admins is privileged: 0 would join and 1 would leave, which is always asked about.
            passes: 1 remove-from-group
            passes: 2 deactivate
            held: 1 remove-from-group
        "#]],
    );
    // The one who comes back waits even where the source does not grant the group any more: that
    // they leave it waits, too.
    let before = "1 ada off : admins\n2 bob off : dev\n3 cyd : dev admins\n4 dee off : admins";
    check(
        &POLICY,
        "1 ada : admins\n2 bob : dev\n3 cyd : dev admins\n4 dee",
        before,
        &expect![[r#"
            Group admins is privileged: 0 would join, 2 would be active in it again and 1 would leave, which is always asked about.
            passes: 1 reactivate
            held: 2 reactivate
            held: 1 remove-from-group
        "#]],
    );
}

#[test]
fn a_privileged_group_is_always_asked_about() {
    let privileged = Patterns::parse(&["Jira-Administrators"]).unwrap();
    with_careful_limits(|terms| {
        check_by(
            &Terms { privileged: &privileged, ..*terms },
            &POLICY,
            "1 ada : dev\n2 bob : dev jira-administrators\n3 cyd : jira-administrators",
            "1 ada : jira-administrators\n3 cyd : jira-administrators",
            &expect![[r#"
                Group jira-administrators is privileged: 1 would join and 1 would leave, which is always asked about.
                passes: 1 create
                passes: 1 create-group
                passes: 2 add-to-group
                held: 1 add-to-group
                held: 1 remove-from-group
            "#]],
        );
    });
}

#[test]
fn a_new_privileged_group_is_held_with_its_members() {
    let privileged = Patterns::parse(&["site-admins"]).unwrap();
    with_careful_limits(|terms| {
        check_by(
            &Terms { privileged: &privileged, ..*terms },
            &POLICY,
            "1 ada : dev site-admins",
            "",
            &expect![[r#"
                Group site-admins is privileged: 1 would join and 0 would leave, which is always asked about.
                passes: 1 create
                passes: 1 create-group
                passes: 1 add-to-group
                held: 1 create-group
                held: 1 add-to-group
            "#]],
        );
    });
}

#[test]
fn an_adoption_is_always_asked_about_with_all_that_hangs_on_it() {
    let mut actual = directory("1 ada : dev\n2 bob\n3 eve : dev");
    actual.local.insert(Name::new("dev"));
    let policy = Policy { adopted: [Name::new("dev")].into(), ..POLICY };
    let wanted = desired("1 ada : dev\n2 bob : dev ops\n3 eve");
    let plan = || plan(&wanted, &actual, &BTreeMap::new(), &policy, &Past::NONE).0;
    let told = |terms: &Terms<'_>| {
        let (approved, held) = gate::check(plan(), &actual, terms);
        // Whatever passes can be done alone.
        apply(&actual, &approved.changes().collect::<Vec<_>>());
        let mut text = String::new();
        for objection in &held.objections {
            writeln!(text, "{objection}").unwrap();
        }
        let parts =
            [("passes", approved.steps()), ("held", &held.steps), ("rejected", &held.rejected)];
        for (verdict, step) in
            parts.into_iter().flat_map(|(verdict, steps)| steps.iter().map(move |it| (verdict, it)))
        {
            writeln!(text, "{verdict}: {}", step.change).unwrap();
        }
        text
    };
    with_careful_limits(|terms| {
        expect![[r#"
            The local group dev would be adopted: 1 would join and 1 would leave, which is always asked about.
            passes: + create group ops
            passes: + add bob to group ops
            held: ~ adopt group dev
            held: + add bob to group dev
            held: - remove eve from group dev
        "#]]
        .assert_eq(&told(terms));
        let change = Change::AdoptGroup { group: Name::new("dev") };
        let adoption = Identity::of(&change);
        let approval = Approval::of(&Step { change, reason: Reason::Named }, "");
        let (_, held) = gate::check(plan(), &actual, terms);
        let passing = |decisions: &Decisions| {
            let all = told(&Terms { decisions, ..*terms });
            (all.matches("passes: ").count(), all.lines().count())
        };
        // Whoever came since somebody saw it has been seen by nobody, and once the group is ours nobody
        // would ask.
        let alone = Decisions { approved: [approval.clone()].into(), ..Decisions::default() };
        assert_eq!(passing(&alone), (2, 6));
        let everything = Limits { hold: Hold::Everything, ..*terms.limits };
        let all = told(&Terms { decisions: &alone, limits: &everything, ..*terms });
        assert!(all.contains("held: ~ adopt group dev"), "{all}");
        let approved = held.steps.iter().map(|it| Approval::of(it, "")).collect();
        assert_eq!(passing(&Decisions { approved, ..Decisions::default() }), (5, 5));
        // Seen and not chosen, they wait by themselves.
        let members = held.steps.iter().map(|it| Identity::of(&it.change));
        let left_out = members.filter(|it| *it != adoption).map(|it| (it, "".into())).collect();
        let part = Decisions { left_out, ..alone };
        let all = told(&Terms { decisions: &part, ..*terms });
        assert!(all.contains("passes: ~ adopt group dev"), "{all}");
        assert_eq!(all.matches("held: ").count(), 2, "{all}");
        let rejected = [(adoption, rejection_of_nobody())].into();
        let decisions = Decisions { rejected, ..Decisions::default() };
        let none = told(&Terms { decisions: &decisions, ..*terms });
        assert_eq!(none.matches("rejected: ").count(), 3, "{none}");
    });
}

#[test]
fn a_group_is_not_made_local_before_whoever_leaves_it_has_left() {
    let actual = directory("1 ada : dev\n2 bob : dev ops");
    let group = || Name::new("dev");
    let bob = actual.users.values().last().unwrap();
    let steps = [
        Change::RemoveMember { group: group(), user: Arc::clone(bob) },
        Change::MakeLocal { group: group() },
    ];
    let steps = steps.map(|change| Step { change, reason: Reason::Undone("run 7".into()) });
    let undo = Plan { steps: steps.into(), people: 2, ..Plan::default() };
    with_careful_limits(|terms| {
        let (approved, held) = gate::check(undo.clone(), &actual, terms);
        assert_eq!((approved.steps().len(), held.steps.len()), (2, 0));
        let privileged = Patterns::parse(&["dev"]).unwrap();
        let terms = Terms { privileged: &privileged, ..*terms };
        let (approved, held) = gate::check(undo.clone(), &actual, &terms);
        assert_eq!((approved.steps().len(), held.steps.len()), (0, 2));
    });
}
