//! What new rules take away, and what they noticed while they were new.

use super::*;

#[test]
fn other_rules_hold_every_removal_once_and_no_addition() {
    for (rules, objection) in [
        (
            Rules::Changed,
            "The rules of the connector have changed: 2 removals are asked about once.",
        ),
        (Rules::Untried, "The connector has no good run yet: 2 removals are asked about once."),
    ] {
        with_careful_limits(|terms| {
            let terms = Terms { rules, ..*terms };
            let actual = directory("1 ada : dev\n2 bob : dev");
            let plan = planned(&POLICY, "1 ada : ops\n3 cyd", "1 ada : dev\n2 bob : dev");
            let (approved, held) = gate::check(plan, &actual, &terms);
            assert_eq!(
                held.objections.iter().map(ToString::to_string).collect::<Vec<_>>(),
                [objection]
            );
            assert_eq!(held.steps.len(), 2);
            assert_eq!(approved.steps().len(), 3);

            // Partly approved: only the rest is asked about.
            let approved = held.steps.iter().take(1).map(|step| Approval::of(step, ""));
            let decisions = Decisions { approved: approved.collect(), ..Decisions::default() };
            let plan = planned(&POLICY, "1 ada : ops\n3 cyd", "1 ada : dev\n2 bob : dev");
            let (_, rest) = gate::check(plan, &actual, &Terms { decisions: &decisions, ..terms });
            let told: Vec<String> = rest.objections.iter().map(ToString::to_string).collect();
            assert_eq!(told, [objection.replace("2 removals are", "1 removal is")]);

            // Approved: nothing is left to ask about.
            let decisions = Decisions {
                approved: held.steps.iter().map(|step| Approval::of(step, "")).collect(),
                ..Decisions::default()
            };
            let plan = planned(&POLICY, "1 ada : ops\n3 cyd", "1 ada : dev\n2 bob : dev");
            let (_, held) = gate::check(plan, &actual, &Terms { decisions: &decisions, ..terms });
            assert!(held.is_empty(), "{:?}", held.objections);
        });
    }
}

/// Who was suspected, or which group was empty, while the rules were new.
fn noticed(ids: &[&str], groups: &[&str]) -> Memory {
    let suspicion = |new: bool| Suspicion {
        since: Timestamp::UNIX_EPOCH,
        reads: 1,
        by_new_rules: new.then_some(Timestamp::UNIX_EPOCH),
    };
    let people = ids.iter().map(|it| (id(it.trim_end_matches('!')), suspicion(it.ends_with('!'))));
    let emptiness = |new: bool| {
        let Suspicion { since, reads: _, by_new_rules } = suspicion(new);
        Emptiness { since, by_new_rules }
    };
    let groups = groups.iter();
    let groups =
        groups.map(|it| (Name::new(it.trim_end_matches('!')), emptiness(it.ends_with('!'))));
    Memory { suspected: people.collect(), empty: groups.collect(), ..Memory::default() }
}

#[test]
fn what_new_rules_noticed_is_held_when_it_is_due_and_nothing_else() {
    let policy = Policy {
        grace: Grace { reads: 2, hours: 0 },
        strip: Some(Patterns::NONE),
        empty_days: 1,
        ..POLICY
    };
    let before = "1 ada : dev\n2 bob : dev\n3 cyd : dev\n4 dee\n[qa]\n[ops]";
    let (desired, actual) = (desired("3 cyd\n4 dee"), directory(before));
    let memory = noticed(&["1!", "2"], &["qa!", "ops"]);
    let gone = ["1", "2"].map(|it| (id(it), Absence::Gone)).into();
    let due = |decisions: &Decisions, rules| {
        let past = Past { now: "2026-01-01T00:00:00Z".parse().unwrap(), memory: &memory, rules };
        let (plan, _) = plan(&desired, &actual, &gone, &policy, &past);
        let privileged = Patterns::NONE;
        let limits = &Limits::CAREFUL;
        let terms = Terms { limits, decisions, rules, known_by: "", privileged: &privileged };
        let (approved, held) = gate::check(plan, &actual, &terms);
        let mut text = String::new();
        for objection in &held.objections {
            writeln!(text, "{objection}").unwrap();
        }
        for (verdict, steps) in [("passes", approved.steps()), ("held", &held.steps)] {
            for step in steps {
                writeln!(text, "{verdict}: {step}").unwrap();
            }
        }
        let held = held.steps.iter().map(|step| Approval::of(step, ""));
        (text, held.collect::<BTreeMap<Identity, Approval>>())
    };
    let (text, held) = due(&Decisions::default(), Rules::Unchanged);
    expect![[r#"
        Not asked about while the rules were new: 3 removals are asked about once.
        passes: - remove bob from group dev (gone, asked for by id)
        passes: - remove cyd from group dev (no group source grants it any more)
        passes: - deactivate bob (gone, asked for by id)
        passes: - remove group ops (nobody has been in it since 1970-01-01T00:00:00Z)
        held: - remove ada from group dev (gone, asked for by id; noticed at 1970-01-01T00:00:00Z, when the rules were new)
        held: - deactivate ada (gone, asked for by id; noticed at 1970-01-01T00:00:00Z, when the rules were new)
        held: - remove group qa (nobody has been in it since 1970-01-01T00:00:00Z; noticed at 1970-01-01T00:00:00Z, when the rules were new)
    "#]].assert_eq(&text);
    let (text, everything) = due(&Decisions::default(), Rules::Changed);
    let is_subset = held.keys().all(|it| everything.contains_key(it));
    assert!(is_subset && 7 == everything.len(), "{text}");
    let decisions = Decisions { approved: held, ..Decisions::default() };
    let (text, held) = due(&decisions, Rules::Unchanged);
    assert!(held.is_empty(), "{text}");
}
