//! Many worlds and many choices.

use super::*;

/// For many worlds and many choices: what nobody approved never passes above a limit, what passes
/// can be applied alone, and whoever approves all that is held sees all of it pass.
#[test]
fn nothing_passes_above_a_limit_but_what_was_seen() {
    let mut held_runs = 0;
    for seed in 0..200 {
        let mut random = fastrand::Rng::with_seed(seed);
        let (before, after) = (random_world(&mut random), random_world(&mut random));
        let actual = directory(&before);
        let privileged = Patterns::parse(&["group0"]).unwrap();
        let hold = if random.bool() { Hold::Harmful } else { Hold::Everything };
        let limits = Limits { hold, ..Limits::CAREFUL };
        let rules = if random.u8(..) < 200 { Rules::Unchanged } else { Rules::Changed };
        let nothing = Decisions::default();
        let terms = Terms {
            limits: &limits,
            decisions: &nothing,
            rules,
            known_by: "",
            privileged: &privileged,
        };
        let (_, held) = gate::check(planned(&POLICY, &after, &before), &actual, &terms);
        if held.is_empty() {
            continue;
        }
        held_runs += 1;
        let people = planned(&POLICY, &after, &before).people;
        let all: BTreeMap<Identity, Approval> =
            held.steps.iter().map(|step| Approval::of(step, "")).collect();
        let some = all.clone().into_iter().filter(|_| random.bool()).collect();

        let decisions = Decisions { approved: some, ..Decisions::default() };
        let (passed, _) = gate::check(
            planned(&POLICY, &after, &before),
            &actual,
            &Terms { decisions: &decisions, ..terms },
        );
        let careful = Terms { limits: &Limits::CAREFUL, ..terms };
        let (_, harmful) = gate::check(planned(&POLICY, &after, &before), &actual, &careful);
        let harmful = harmful.steps.iter().filter(|step| is_harm_itself(&step.change));
        let harmful: BTreeSet<Identity> = harmful.map(|it| Identity::of(&it.change)).collect();
        for step in passed.steps() {
            let identity = Identity::of(&step.change);
            assert!(
                !harmful.contains(&identity) || decisions.approved.contains_key(&identity),
                "{step} was held and nobody approved it"
            );
        }
        apply(&actual, &passed.changes().collect::<Vec<_>>());

        let steps = planned(&POLICY, &after, &before).steps.len();
        let decisions = Decisions {
            approved: all,
            people_accepted: Some(accepted(people)),
            ..Decisions::default()
        };
        let (passed, held) = gate::check(
            planned(&POLICY, &after, &before),
            &actual,
            &Terms { decisions: &decisions, ..terms },
        );
        assert!(held.is_empty(), "seed {seed}: {:?}", held.objections);
        assert_eq!(passed.steps().len(), steps);
    }
    assert!(100 < held_runs, "{held_runs} worlds were held");
}

/// Held for what it does, and not for what it depends on.
fn is_harm_itself(change: &Change) -> bool {
    match change {
        Change::RemoveMember { .. }
        | Change::Deactivate { .. }
        | Change::Anonymise { .. }
        | Change::Remove { .. }
        | Change::Rename { .. }
        | Change::Update { .. }
        | Change::AdoptGroup { .. }
        | Change::MakeLocal { .. }
        | Change::Reactivate { .. }
        | Change::AddMember { .. } => true,
        Change::Create { .. } | Change::CreateGroup { .. } | Change::RemoveGroup { .. } => false,
    }
}

fn random_world(random: &mut fastrand::Rng) -> String {
    let mut world = String::new();
    let mut names: Vec<u32> = (0..40).collect();
    random.shuffle(&mut names);
    for (id, name) in names.into_iter().enumerate() {
        if random.u8(..) < 40 {
            continue;
        }
        let name = if random.u8(..) < 220 { id } else { name as usize };
        if world.lines().any(|line| line.split(' ').nth(1) == Some(&format!("user{name}"))) {
            continue;
        }
        let state = if random.u8(..) < 30 { "off" } else { "" };
        let mail = random.u8(..2);
        write!(world, "{id} user{name} {state} mail=m{mail}@acme.test :").unwrap();
        for _ in 0..random.usize(..3) {
            write!(world, " group{}", random.usize(..4)).unwrap();
        }
        world.push('\n');
    }
    world
}
