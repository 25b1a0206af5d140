//! Many runs one after the other, some of them by new rules, against an account of who was away when.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

use jiff::{SignedDuration, Timestamp};

use super::random::OPEN;
use crate::gate::decisions::Decisions;
use crate::gate::{self, Rules, Terms};
use crate::pattern::Patterns;
use crate::plan::{Absence, Cleanup, EmptyGroups, Grace, Memory, Past, Policy, Reason, Step};
use crate::plan::{missing, plan};
use crate::principal::ExternalId;
use crate::world::{apply, desired, directory, id};

const PEOPLE: usize = 6;

/// Nobody is asked here, so whatever is held stays held.
#[test]
fn whoever_was_away_while_the_rules_were_new_does_not_leave_unasked_before_they_are_back() {
    let (mut passed, mut asked) = (0, 0);
    for seed in 0..400 {
        let mut random = fastrand::Rng::with_seed(seed);
        let cleanup = if random.bool() { Cleanup::Delete } else { Cleanup::Disable };
        let policy = Policy {
            grace: Grace { reads: random.u32(2..5), hours: 0 },
            strip: random.bool().then_some(Patterns::NONE),
            ..Policy::new(cleanup, EmptyGroups::Keep)
        };
        let lines = |ids: &mut dyn Iterator<Item = usize>| {
            ids.fold("99 zoe : dev\n".to_owned(), |mut text, id| {
                writeln!(text, "{id} user{id} : dev").unwrap();
                text
            })
        };
        let mut actual = directory(&lines(&mut (1..=PEOPLE)));
        let mut memory = Memory::default();
        // Who was confirmed absent by new rules, and who was away in any manner, and not back since.
        let (mut by_new_rules, mut away) = (BTreeSet::new(), BTreeSet::new());
        for run in 0..16 {
            let is_new = random.u8(..) < 40;
            let rules = if is_new { Rules::Changed } else { Rules::Unchanged };
            let mut back: BTreeSet<usize> = BTreeSet::new();
            let (mut odd, mut answers) = (String::new(), BTreeMap::new());
            for number in 1..=PEOPLE {
                let person = id(&number.to_string());
                match random.u8(..16) {
                    0 => drop(back.insert(number)),
                    1 => writeln!(odd, "?{number}").unwrap(),
                    2 => drop(answers.insert(person, Absence::Inactive("Suspended".into()))),
                    // Nobody asked about them.
                    3 => {}
                    4..8 => drop(answers.insert(person, Absence::Gone)),
                    _ => drop(answers.insert(person, Absence::OutOfScope("has nothing".into()))),
                }
            }
            let wanted = desired(&(lines(&mut back.iter().copied()) + &odd));
            let at_stake: BTreeSet<ExternalId> =
                missing(&wanted, &actual, &policy).into_iter().collect();
            answers.retain(|id, _| at_stake.contains(id));
            for number in 1..=PEOPLE {
                let person = id(&number.to_string());
                if back.contains(&number) {
                    by_new_rules.remove(&person);
                    away.remove(&person);
                } else if is_new {
                    let answer = answers.get(&person);
                    let is_confirmed =
                        matches!(answer, Some(Absence::Gone | Absence::OutOfScope(_)));
                    // Nothing is decided of whoever is odd or inactive, so it is theirs when it shows.
                    let is_open = wanted.withheld.contains(&person)
                        || matches!(answer, Some(Absence::Inactive(_)));
                    if is_confirmed || is_open {
                        by_new_rules.insert(person.clone());
                    }
                    away.insert(person);
                }
            }

            let now = Timestamp::UNIX_EPOCH + SignedDuration::from_hours(run);
            let past = Past { now, memory: &memory, rules };
            let (planned, _) = plan(&wanted, &actual, &answers, &policy, &past);
            memory = planned.memory.clone();
            let (limits, decisions) = (&OPEN, &Decisions::default());
            let terms =
                Terms { limits, decisions, rules, known_by: "", privileged: &Patterns::NONE };
            let (approved, held) = gate::check(planned, &actual, &terms);
            // What the source says of somebody's status is no absence.
            let leaves = |step: &&Step| {
                step.change.is_removal() && !matches!(step.reason, Reason::Inactive(_))
            };
            for step in approved.steps().iter().filter(leaves) {
                passed += 1;
                let user = &step.change.user().unwrap().id;
                assert!(!is_new && !by_new_rules.contains(user), "seed {seed}, run {run}: {step}");
            }
            for step in &held.steps {
                asked += usize::from(!is_new);
                let user = &step.change.user().unwrap().id;
                assert!(is_new || away.contains(user), "seed {seed}, run {run}: {step}");
            }
            actual = apply(&actual, &approved.changes().collect::<Vec<_>>());
        }
    }
    assert!(1_000 < passed && 1_000 < asked, "{passed} passed, {asked} were asked about");
}
