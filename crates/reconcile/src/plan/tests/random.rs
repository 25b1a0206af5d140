//! Every small world, and many large ones, against a goal that shares no code with the planner.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

use crate::directory::Directory;
use crate::gate::decisions::Decisions;
use crate::gate::{self, Hold, Limit, Limits, Rules, Terms};
use crate::mapping::groups::GroupRules;
use crate::mapping::{self, Desired};
use crate::pattern::Patterns;
use crate::plan::rewind::{Extent, rewind};
use crate::plan::undo::Done;
use crate::plan::{Absence, Anonymity, Change, Cleanup, EmptyGroups, Grace, Past, Policy, Step};
use crate::plan::{missing, plan};
use crate::principal::{ExternalId, Name, Record, User};
use crate::world::{apply, desired, directory, record};

fn policies() -> [Policy; 6] {
    use Cleanup::{Delete, Disable, Keep};
    [
        Policy::new(Disable, EmptyGroups::Keep),
        Policy::new(Disable, EmptyGroups::Remove),
        Policy::new(Delete, EmptyGroups::Keep),
        Policy::new(Delete, EmptyGroups::Remove),
        Policy::new(Keep, EmptyGroups::Keep),
        Policy::new(Keep, EmptyGroups::Remove),
    ]
}

/// Each with something that the plain ones have not.
fn exceptional_policies() -> [Policy; 9] {
    use Cleanup::{Anonymise, Delete, Disable, Keep};
    let patterns = |typed: &[&str]| Patterns::parse(typed).unwrap();
    let strip = |kept: &[&str]| Some(patterns(kept));
    let (profile, username) = (Anonymity::Profile, Anonymity::ProfileAndUsername);
    let policy = Policy::new;
    let protected = || patterns(&["user1", "user?7"]);
    let untouchable = || patterns(&["dev", "group1*"]);
    [
        Policy { strip: strip(&[]), ..policy(Anonymise(profile), EmptyGroups::Keep) },
        policy(Anonymise(username), EmptyGroups::Remove),
        Policy { strip: strip(&["ops", "group3"]), ..policy(Disable, EmptyGroups::Keep) },
        Policy { strip: strip(&[]), ..policy(Keep, EmptyGroups::Remove) },
        Policy { untouchable: untouchable(), ..policy(Delete, EmptyGroups::Remove) },
        Policy { protected: protected(), ..policy(Delete, EmptyGroups::Remove) },
        Policy {
            protected: protected(),
            untouchable: untouchable(),
            strip: strip(&["ops"]),
            ..policy(Anonymise(username), EmptyGroups::Remove)
        },
        policy(Disable, EmptyGroups::Create),
        Policy {
            grace: Grace { reads: 2, hours: 0 },
            strip: strip(&[]),
            ..policy(Delete, EmptyGroups::Remove)
        },
    ]
}

/// Everything that passes.
pub(super) const OPEN: Limits = {
    let open = Limit { count_max: usize::MAX, percent_max: 100 };
    Limits {
        deactivations: open,
        removals: open,
        membership_removals: open,
        renames: open,
        email_changes: open,
        group_loss_percent_max: 100,
        group_loss_members_min: 0,
        shrinkage_percent_max: 100,
        small_directory_floor: 0,
        hold: Hold::Harmful,
    }
};

/// What a directory must look like afterwards, told user by user and never step by step.
struct Goal<'a> {
    desired: &'a Desired,
    before: &'a Directory,
    gone: &'a BTreeMap<ExternalId, Absence>,
    policy: &'a Policy,
}

impl Goal<'_> {
    fn assert_reached(&self, after: &Directory) {
        let ids: BTreeSet<&ExternalId> = self
            .before
            .users
            .keys()
            .chain(self.desired.directory.users.keys())
            .chain(after.users.keys())
            .collect();
        for id in ids {
            let user = after.users.get(id).map(|user| &**user);
            self.assert_user(id, user, &groups_of(after, id));
        }
        for group in self.before.groups.keys().filter(|group| !after.groups.contains_key(group)) {
            assert_eq!(self.policy.empty_groups, EmptyGroups::Remove, "{group} was to be kept");
            assert!(!self.is_untouchable(group), "{group} was not to be touched");
        }
        for (group, members) in &after.groups {
            let is_new = !self.before.groups.contains_key(group);
            let may_be_empty = self.policy.empty_groups == EmptyGroups::Create;
            assert!(!is_new || may_be_empty || !members.is_empty(), "{group} was made for nobody");
            assert!(!is_new || !self.is_untouchable(group), "{group} was not to be touched");
        }
    }

    fn assert_user(&self, id: &ExternalId, after: Option<&User>, groups: &BTreeSet<Name>) {
        let before = self.before.users.get(id).map(|user| &**user);
        let groups_before = groups_of(self.before, id);
        if self.is_protected(id) {
            assert_eq!((after, groups), (before, &groups_before), "{id} was to stay as they are");
            return;
        }
        if let Some(wanted) = self.desired.directory.users.get(id) {
            let Some(after) = after else {
                assert_eq!(before, None, "{id} was removed although the source has them");
                assert!(
                    !wanted.active || self.is_taken(&wanted.username, id),
                    "{id} got no account"
                );
                return;
            };
            let is_ours = |group: &Name| !self.is_untouchable(group);
            let granted = groups_of(&self.desired.directory, id).into_iter().filter(is_ours);
            let local = groups_before.into_iter().filter(|group| !is_ours(group));
            let expected: BTreeSet<Name> = granted.chain(local).collect();
            assert_eq!(*groups, expected, "{id} is in other groups than the source says");
            let renamed =
                User { username: after.username.clone(), ..wanted.clone().as_ref().clone() };
            assert_eq!(*after, renamed, "{id} has another profile than the source says");
            let kept_name = before.is_some_and(|it| it.username.same_spelling(&after.username));
            assert!(
                after.username.same_spelling(&wanted.username)
                    || (kept_name && self.is_taken(&wanted.username, id)),
                "{id} is called {:?}",
                after.username
            );
            return;
        }
        let Some(before) = before else { panic!("{id} came from nowhere") };
        let answer = self.gone.get(id).filter(|_| !self.desired.withheld.contains(id));
        let (cleanup, strip) = match answer {
            None | Some(Absence::Present) => (Cleanup::Keep, None),
            Some(Absence::Inactive(_)) => (Cleanup::Disable, None),
            Some(Absence::Gone | Absence::OutOfScope(_)) if 1 < self.policy.grace.reads => {
                (Cleanup::Keep, None)
            }
            Some(Absence::Gone | Absence::OutOfScope(_)) => {
                (self.policy.cleanup, self.policy.strip.as_ref())
            }
        };
        if cleanup == Cleanup::Delete {
            assert_eq!(after, None, "{id} was to be removed");
            return;
        }
        let Some(after) = after else { panic!("{id} was removed") };
        let stays = |group: &Name| {
            self.is_untouchable(group) || strip.is_none_or(|kept| kept.matches(group))
        };
        let left: BTreeSet<Name> = groups_before.into_iter().filter(stays).collect();
        assert_eq!(*groups, left, "{id} is in other groups");
        match cleanup {
            Cleanup::Keep => assert_eq!(after, before, "{id} was touched"),
            Cleanup::Disable => assert_eq!(*after, User { active: false, ..before.clone() }),
            Cleanup::Anonymise(anonymity) => assert_anonymous(before, after, anonymity),
            Cleanup::Delete => unreachable!(),
        }
    }

    fn is_untouchable(&self, group: &Name) -> bool {
        self.policy.untouchable.matches(group)
    }

    fn is_protected(&self, id: &ExternalId) -> bool {
        let sides = [self.before.users.get(id), self.desired.directory.users.get(id)];
        let mut known = sides.into_iter().flatten();
        known.any(|user| self.policy.protected.matches(&user.username))
    }

    /// Whether somebody else had the username and does not give it up in favour of another one.
    fn is_taken(&self, username: &Name, by_other_than: &ExternalId) -> bool {
        self.before.users.values().any(|it| it.username == *username && it.id != *by_other_than)
    }
}

/// Nothing of the profile is left.
fn assert_anonymous(before: &User, after: &User, anonymity: Anonymity) {
    let User { id, username, email, display_name, first_name, last_name, active, .. } = after;
    assert_eq!((id, *active), (&before.id, false));
    assert_eq!((&**first_name, &**last_name), ("", ""));
    assert_eq!(**email, format!("user-{id}@user.invalid"));
    assert_eq!(**display_name, format!("Former user {id}"));
    match anonymity {
        Anonymity::Profile => assert_eq!(*username, before.username),
        Anonymity::ProfileAndUsername => assert_eq!(username.as_str(), format!("user-{id}")),
    }
}

fn groups_of(directory: &Directory, id: &ExternalId) -> BTreeSet<Name> {
    let groups = directory.groups.iter();
    groups.filter(|(_, members)| members.contains(id)).map(|(group, _)| group.clone()).collect()
}

fn assert_reached(
    desired: &Desired,
    before: &Directory,
    gone: &BTreeMap<ExternalId, Absence>,
    policy: &Policy,
) {
    let (planned, _) = plan(desired, before, gone, policy, &Past::NONE);
    let mut removals_began = false;
    for step in &planned.steps {
        removals_began |= step.change.is_removal();
        assert_eq!(removals_began, step.change.is_removal(), "granted after a revoke: {step}");
    }
    let after = apply(before, &planned.steps.iter().map(|step| &step.change).collect::<Vec<_>>());
    Goal { desired, before, gone, policy }.assert_reached(&after);
    assert_the_way_back(before, &planned.steps, after.clone());

    let (again, _) = plan(desired, &after, gone, policy, &Past::NONE);
    let is_settled = again.steps.is_empty() || !usernames_are_settled(desired, &after);
    assert!(is_settled, "a second run plans more:\n{again}");

    // Whatever the gate lets pass can be done alone, and takes no name that is still in use.
    for limits in [Limits::CAREFUL, strict(), OPEN] {
        let (planned, _) = plan(desired, before, gone, policy, &Past::NONE);
        let steps = planned.steps.len();
        let terms = Terms {
            limits: &limits,
            decisions: &Decisions::default(),
            rules: Rules::Unchanged,
            known_by: "",
            privileged: &Patterns::NONE,
        };
        let (approved, held) = gate::check(planned, before, &terms);
        assert_eq!(approved.steps().len() + held.steps.len(), steps, "a step was lost");
        apply(before, &approved.changes().collect::<Vec<_>>());
    }
}

/// What was done can be taken out of the directory again, to the letter.
fn assert_the_way_back(before: &Directory, steps: &[Step], mut after: Directory) {
    let left = |group: &Name, id: &ExternalId| {
        let is_it = |it: &Step| {
            matches!(&it.change, Change::RemoveMember { group: left, user }
                if left == group && user.id == *id)
        };
        steps.iter().any(is_it)
    };
    let done = |step: &Step| {
        let mut groups = BTreeSet::new();
        if let Change::Remove { user } = &step.change {
            groups = groups_of(before, &user.id);
            groups.retain(|group| !left(group, &user.id));
        }
        Done { change: step.change.clone(), groups: groups.into_iter().collect() }
    };
    let done: Vec<Done> = steps.iter().map(done).collect();
    assert_eq!(rewind(&mut after, &done, Extent::Everything), 0, "all of it fits");
    assert_eq!(after, *before);
}

/// A removed or renamed account may have freed a username that the second run then gives out.
fn usernames_are_settled(desired: &Desired, after: &Directory) -> bool {
    desired.directory.users.values().all(|user| {
        let present = after.users.get(&user.id);
        present.map_or(!user.active, |it| it.username.same_spelling(&user.username))
    })
}

/// Nothing that takes away, and no rename, passes.
fn strict() -> Limits {
    let none = Limit { count_max: 0, percent_max: 0 };
    Limits {
        deactivations: none,
        removals: none,
        membership_removals: none,
        renames: none,
        email_changes: none,
        ..OPEN
    }
}

/// 81 worlds of two users and two groups: each user absent, or active or not, in any groups.
fn small_worlds() -> Vec<String> {
    let mut states = vec![String::new()];
    for state in ["", "off"] {
        states.extend(["", "dev", "ops", "dev ops"].map(|groups| format!("{state} : {groups}")));
    }
    let person = |id: u8, state: &str| match state {
        "" => String::new(),
        state => format!("{id} user{id} {state}\n"),
    };
    let pairs = states.iter().flat_map(|one| states.iter().map(move |two| (one, two)));
    pairs.map(|(one, two)| person(1, one) + &person(2, two)).collect()
}

#[test]
fn every_pair_of_small_worlds_is_reached() {
    let worlds = small_worlds();
    assert_eq!(worlds.len(), 81);
    let wanted: Vec<Desired> = worlds.iter().map(|it| desired(it)).collect();
    let present: Vec<Directory> = worlds.iter().map(|it| directory(it)).collect();
    let exceptional = exceptional_policies();
    let mut random = fastrand::Rng::with_seed(81);
    for before in &present {
        for desired in &wanted {
            for policy in &policies() {
                let missing = missing(desired, before, policy);
                let all_gone = missing.iter().map(|id| (id.clone(), Absence::Gone)).collect();
                assert_reached(desired, before, &all_gone, policy);
                assert_reached(desired, before, &BTreeMap::new(), policy);
            }
            // All of them with every pair would take a minute.
            let policy = random.choice(&exceptional).unwrap();
            let missing = missing(desired, before, policy);
            let all_gone = missing.iter().map(|id| (id.clone(), Absence::Gone)).collect();
            assert_reached(desired, before, &all_gone, policy);
        }
    }
}

#[test]
fn every_way_to_hand_three_usernames_round_is_reached() {
    let names = ["ada", "bob", "cyd"];
    let mut worlds = Vec::new();
    for (one, two, three) in permutations() {
        for absent in 0..8_u8 {
            let mut world = String::new();
            for (bit, (id, name)) in [(1, one), (2, two), (3, three)].into_iter().enumerate() {
                if absent & (1 << bit) == 0 {
                    writeln!(world, "{id} {} mail= name=x", names[name]).unwrap();
                }
            }
            worlds.push(world);
        }
    }
    for before in &worlds {
        for wanted in &worlds {
            for withheld in ["", "\n?1", "\n?2"] {
                let others = wanted
                    .lines()
                    .filter(|line| withheld.is_empty() || !line.starts_with(&withheld[2..]));
                let wanted = others.collect::<Vec<_>>().join("\n");
                let (desired, before) = (desired(&(wanted + withheld)), directory(before));
                assert_reached(&desired, &before, &BTreeMap::new(), &policies()[0]);
            }
        }
    }
}

fn permutations() -> [(usize, usize, usize); 6] {
    [(0, 1, 2), (0, 2, 1), (1, 0, 2), (1, 2, 0), (2, 0, 1), (2, 1, 0)]
}

#[test]
fn large_random_worlds_are_reached() {
    for seed in 0..60 {
        let mut random = fastrand::Rng::with_seed(seed);
        let before = random_directory(&mut random, 300);
        let records: Vec<Record> =
            random_world(&mut random, 300).iter().map(|it| record(it)).collect();
        let unreadable =
            (0..300).filter(|_| random.u8(..) < 8).map(|it| ExternalId::new(&it.to_string()));
        let read: BTreeSet<ExternalId> = records.iter().map(|it| it.id.clone()).collect();
        let unreadable = unreadable.filter(|id| !read.contains(id)).collect();
        let (desired, _) = mapping::desired(records, unreadable, &[], &GroupRules::PLAIN);
        for policy in policies().iter().chain(&exceptional_policies()) {
            let answers = missing(&desired, &before, policy).into_iter().filter_map(|id| {
                let answer = [
                    Some(Absence::Gone),
                    Some(Absence::Present),
                    Some(Absence::OutOfScope("has other groups".into())),
                    Some(Absence::Inactive("Suspended".into())),
                    None,
                ];
                answer[random.usize(..5)].clone().map(|answer| (id, answer))
            });
            let gone = answers.collect();
            assert_reached(&desired, &before, &gone, policy);
        }
    }
}

/// A directory as it might be: usernames are unique in it.
fn random_directory(random: &mut fastrand::Rng, people: usize) -> Directory {
    let records = random_world(random, people).iter().map(|it| record(it)).collect();
    let (desired, _) = mapping::desired(records, BTreeSet::new(), &[], &GroupRules::PLAIN);
    desired.directory
}

fn random_world(random: &mut fastrand::Rng, people: usize) -> Vec<String> {
    let mut lines = Vec::new();
    for id in 0..people {
        if random.u8(..) < 60 {
            continue;
        }
        // Few enough names that people share them and take each other's.
        let name = format!("user{}", random.usize(..people * 2));
        let name = if random.bool() { format!("user{id}") } else { name };
        let name = if random.u8(..) < 20 { name.to_uppercase() } else { name };
        let state = ["", "", "", "off", "pending"][random.usize(..5)];
        let mail = random.usize(..3);
        let mut line = format!("{id} {name} {state} mail=m{mail}@acme.test :");
        for _ in 0..random.usize(..5) {
            write!(line, " group{}", random.usize(..20)).unwrap();
        }
        lines.push(line);
    }
    lines
}
