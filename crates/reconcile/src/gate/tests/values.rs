//! What new rules would empty or overwrite.

use super::*;

fn by_rules(rules: Rules, desired_text: &str, actual_text: &str, expected: &Expect) {
    with_careful_limits(|terms| {
        check_by(&Terms { rules, ..*terms }, &POLICY, desired_text, actual_text, expected);
    });
}

#[test]
fn new_rules_ask_about_every_value_that_they_would_empty() {
    let before = people(1..=57, "name=N first=Ada last=Lee") + &people(58..=60, "first=Bo");
    let after = people(1..=57, "name=N last=Lee") + &people(58..=60, "first=Bo") + "61 zoe first=Z";
    for rules in [Rules::Changed, Rules::Untried] {
        by_rules(
            rules,
            &after,
            &before,
            &expect![[r#"
                57 people would lose their first name, by rules that no run has tried.
                passes: 1 create
                held: 57 update
            "#]],
        );
    }
    by_rules(
        Rules::Unchanged,
        &after,
        &before,
        &expect![[r#"
            passes: 57 update
            passes: 1 create
        "#]],
    );
}

#[test]
fn one_value_is_enough_and_each_attribute_is_told_by_itself() {
    by_rules(
        Rules::Changed,
        "1 ada mail= first=Ada\n2 bob\n3 cyd first=Cyd last=Lee\n4 dee mail=dee@new.test",
        "1 ada first=Ad\n2 bob first=Bob last=Lee\n3 cyd last=Lee\n4 dee",
        &expect![[r#"
            1 person would lose their e-mail, by rules that no run has tried.
            1 person would lose their first name, by rules that no run has tried.
            1 person would lose their last name, by rules that no run has tried.
            passes: 2 update
            held: 2 update
        "#]],
    );
}

#[test]
fn a_first_sync_and_values_that_come_ask_nothing() {
    let (after, before) = (people(1..=50, "name=N first=Ada last=Lee"), people(1..=50, "name=N"));
    by_rules(
        Rules::Untried,
        &after,
        "",
        &expect![[r#"
        passes: 50 create
    "#]],
    );
    by_rules(
        Rules::Untried,
        &after,
        &before,
        &expect![[r#"
        passes: 50 update
    "#]],
    );
}

/// The smallest number of people with another last name that is held, of so many who have one.
#[test]
fn new_rules_ask_from_a_tenth_of_those_who_have_a_value() {
    let held_from = |rules: Rules, size: u32| {
        let nobody = people(size + 1..=size + 100, "name=N");
        let before = people(1..=size, "name=N last=Lee") + &nobody;
        (1..=size).find(|others| {
            let after = people(1..=*others, "name=N last=Ray")
                + &people(others + 1..=size, "name=N last=Lee");
            let plan = planned(&POLICY, &(after + &nobody), &before);
            let actual = directory(&before);
            with_careful_limits(|terms| {
                let (passed, held) = gate::check(plan, &actual, &Terms { rules, ..*terms });
                let parted = (passed.steps().len(), held.steps.len());
                let others = *others as usize;
                assert!(parted == (0, others) || parted == (others, 0), "{parted:?}");
                !held.is_empty()
            })
        })
    };
    for (size, from) in [(3, None), (4, Some(4)), (30, Some(4)), (50, Some(6)), (200, Some(21))] {
        assert_eq!(held_from(Rules::Changed, size), from, "of {size}");
        assert_eq!(held_from(Rules::Unchanged, size), None, "of {size}");
    }
    by_rules(
        Rules::Changed,
        &(people(1..=4, "name=N last=Ray")
            + &people(5..=30, "name=N last=Lee")
            + &people(31..=60, "name=N first=Zoe")),
        &(people(1..=30, "name=N last=Lee") + &people(31..=60, "name=N")),
        &expect![[r#"
            4 of 30 people would have another last name, by rules that no run has tried (limit 10 %).
            passes: 30 update
            held: 4 update
        "#]],
    );
}

#[test]
fn other_emails_keep_their_own_limit_under_new_rules() {
    let before = people(1..=40, "");
    for (others, held) in [(4, 0), (5, 1)] {
        let after = people(1..=others, "mail=x@acme.test") + &people(others + 1..=40, "");
        let plan = planned(&POLICY, &after, &before);
        with_careful_limits(|terms| {
            let terms = Terms { rules: Rules::Changed, ..*terms };
            let found = gate::check(plan, &directory(&before), &terms).1.objections;
            assert_eq!(found.len(), held, "{found:?}");
            assert!(found.iter().all(|it| it.word() == "email-changes"), "{found:?}");
        });
    }
}

#[test]
fn what_was_approved_is_emptied_and_only_the_rest_is_asked_about() {
    let (after, before) = ("1 ada\n2 bob\n3 cyd", "1 ada last=Lee\n2 bob last=Ray\n3 cyd");
    let plan = || planned(&POLICY, after, before);
    let actual = directory(before);
    with_careful_limits(|terms| {
        let terms = Terms { rules: Rules::Changed, ..*terms };
        let (_, held) = gate::check(plan(), &actual, &terms);
        let told = |count: usize| {
            let approved = held.steps.iter().take(count).map(|step| Approval::of(step, ""));
            let decisions = Decisions { approved: approved.collect(), ..Decisions::default() };
            let (_, held) = gate::check(plan(), &actual, &Terms { decisions: &decisions, ..terms });
            held.objections.iter().map(ToString::to_string).collect::<Vec<_>>()
        };
        let lost = |people: &str| {
            format!("{people} would lose their last name, by rules that no run has tried.")
        };
        assert_eq!(told(0), [lost("2 people")]);
        assert_eq!(told(1), [lost("1 person")]);
        assert_eq!(told(2), [""; 0]);
    });
}

#[test]
fn what_was_hidden_from_new_rules_is_emptied_only_after_somebody_was_asked() {
    let (after, before) =
        (desired("1 ada\n2 bob\n3 cyd last=Fox"), "1 ada last=Lee\n2 bob last=Ray\n3 cyd last=Orr");
    let hidden = ["1", "3"].map(|it| (id(it), Timestamp::UNIX_EPOCH)).into();
    let memory = Memory { hidden, ..Memory::default() };
    let past = Past { memory: &memory, ..Past::NONE };
    let actual = directory(before);
    let (plan, _) = plan(&after, &actual, &BTreeMap::new(), &POLICY, &past);
    assert!(plan.memory.hidden.keys().eq([&id("1")]), "until it is done");
    with_careful_limits(|terms| {
        let (passed, held) = gate::check(plan, &actual, terms);
        assert_eq!(passed.steps().len(), 2);
        let told: Vec<String> = held.objections.iter().map(ToString::to_string).collect();
        assert_eq!(
            told,
            [
                "1 person would lose their last name, which nobody was asked about while the rules were new."
            ]
        );
        assert_eq!(held.steps.len(), 1);
        assert_eq!(held.steps[0].reason.by_new_rules(), Some(Timestamp::UNIX_EPOCH));
    });
}
