//! Whoever is gone or out of scope: when it counts, and what happens to them then.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};

use super::treatment::{Departure, Treatment, Treatments};
use super::users::side_by_side;
use super::{Absence, Anonymity, Case, Change, Cleanup, Grace, Memory, OutOfScope, Past, Policy};
use super::{Reason, Stages, Step, Suspicion};
use crate::directory::Directory;
use crate::finding::{Finding, FindingKind};
use crate::mapping::Desired;
use crate::principal::{Attributes, ExternalId, Name, User};

/// What of the groups hangs on who leaves.
#[derive(Default)]
pub(super) struct Leaving {
    pub(super) removed: BTreeMap<ExternalId, Reason>,
    /// Whoever leaves their groups too.
    pub(super) stripped: BTreeMap<ExternalId, Reason>,
    /// Of whom the cleanup expression does not say what becomes of them.
    pub(super) undecided: BTreeSet<ExternalId>,
}

pub(super) fn missing(desired: &Desired, actual: &Directory, policy: &Policy) -> Vec<ExternalId> {
    let absent = side_by_side(desired, actual).filter(|(wanted, _)| wanted.is_none());
    let absent = absent.filter_map(|(_, present)| present);
    let absent = absent.filter(|user| {
        !desired.withheld.contains(&user.id) && !desired.skipped.contains_key(&user.id)
    });
    let absent: BTreeMap<&ExternalId, &Arc<User>> = absent.map(|user| (&user.id, user)).collect();
    let is_absent = |id: &ExternalId| absent.contains_key(id);
    let members = members_to_strip(actual, policy, is_absent);
    let treatments = Treatments::of(actual, policy, is_absent);
    let at_stake = absent
        .iter()
        .filter(|(id, user)| may_be_at_stake(user, &treatments, members.contains(**id)));
    at_stake.map(|(&id, _)| id.clone()).collect()
}

/// Whether something would be changed about somebody who is gone.
fn is_at_stake(user: &User, treatment: Treatment, has_memberships: bool) -> bool {
    let has_memberships = has_memberships && treatment.strips;
    match treatment.cleanup {
        Cleanup::Delete => true,
        Cleanup::Disable => user.active || has_memberships,
        Cleanup::Anonymise(anonymity) => anonymous(user, anonymity) != *user || has_memberships,
        Cleanup::Keep => has_memberships,
    }
}

/// Whether something would be changed, or could not be decided, whatever their absence turns out to be.
fn may_be_at_stake(user: &Arc<User>, treatments: &Treatments<'_>, has_memberships: bool) -> bool {
    let (possible, fails) = treatments.possible(user);
    fails || possible.into_iter().any(|it| is_at_stake(user, it, has_memberships))
}

/// Who of those who are looked for is in a group that would be left.
fn members_to_strip(
    actual: &Directory,
    policy: &Policy,
    is_looked_for: impl Fn(&ExternalId) -> bool,
) -> BTreeSet<ExternalId> {
    let Some(kept) = &policy.strip else { return BTreeSet::new() };
    let groups = actual.groups.iter().filter(|(group, members)| {
        !members.is_empty() && !kept.matches(group) && policy.may_touch(group, actual)
    });
    let members = groups.flat_map(|(_, members)| members);
    members.filter(|id| is_looked_for(id)).cloned().collect()
}

pub(super) fn plan(
    case: &Case<'_>,
    stages: &mut Stages,
    memory: &mut Memory,
    findings: &mut Vec<Finding>,
) -> Leaving {
    let Case { desired, actual, gone, policy, past, .. } = *case;
    let mut leaving = Leaving::default();
    let waits = policy.grace != Grace::NONE;
    let members = members_to_strip(actual, policy, |id| gone.contains_key(id));
    let treatments = Treatments::of(actual, policy, |id| gone.contains_key(id));
    let names = NamesTaken::of(case);
    for (id, absence) in gone {
        let user = actual.users.get(id).filter(|_| !desired.knows(id) && !case.is_frozen(id));
        let Some(user) = user else { continue };
        // Rules that wait for nothing keep what new rules noticed, for when it is waited again.
        let before = past.memory.suspected.get(id);
        let before = before.filter(|it| waits || it.by_new_rules.is_some());
        let anew = before.and_then(|it| begun_anew(it, past));
        let anew = anew.map(|suspicion| (id.clone(), suspicion));
        let (reason, departure) = match absence {
            Absence::Present => {
                findings.push(passed_over(user));
                continue;
            }
            // The source still has them, so nothing is lost by waiting with more than this.
            Absence::Inactive(words) => {
                if user.active {
                    let reason = Reason::Inactive(Arc::clone(words));
                    let change = Change::Deactivate { user: Arc::clone(user) };
                    stages.deactivations.push(Step { change, reason });
                }
                memory.suspected.extend(anew);
                continue;
            }
            Absence::Gone => (Reason::Gone, Departure::Gone),
            Absence::OutOfScope(OutOfScope { words, record }) => {
                (Reason::OutOfScope(Arc::clone(words)), Departure::OutOfScope(record.as_deref()))
            }
        };
        memory.suspected.extend(anew);
        let (treatment, failure) = treatments.decide(user, departure);
        if let Some(why) = failure {
            leaving.undecided.insert(id.clone());
            findings.push(undecided(user, &reason, &why));
            continue;
        }
        if !is_at_stake(user, treatment, members.contains(id)) {
            if is_at_stake(user, treatments.otherwise(), members.contains(id)) {
                findings.push(kept(user, &reason));
            }
            continue;
        }
        let hidden = case.hidden_since(id);
        if waits {
            let suspicion = suspect(before, hidden, past);
            memory.suspected.insert(id.clone(), suspicion);
            if !policy.grace.is_over(suspicion, past.now) {
                findings.push(suspected(user, &reason, suspicion, policy.grace));
                continue;
            }
        }
        let reason = match before.and_then(|it| it.by_new_rules) {
            Some(at) => reason.noticed_by_new_rules(Some(at)),
            None => reason.hidden_from_new_rules(hidden),
        };
        clean_up(user, &reason, treatment, &names, stages, &mut leaving);
    }
    memory.suspected.extend(still_suspected(case));
    leaving
}

fn clean_up(
    user: &Arc<User>,
    reason: &Reason,
    treatment: Treatment,
    names: &NamesTaken<'_>,
    stages: &mut Stages,
    leaving: &mut Leaving,
) {
    let step = |change| Step { change, reason: reason.clone() };
    match treatment.cleanup {
        Cleanup::Delete => {
            leaving.removed.insert(user.id.clone(), reason.clone());
            stages.removals.push(step(Change::Remove { user: Arc::clone(user) }));
            return;
        }
        Cleanup::Disable if user.active => {
            stages.deactivations.push(step(Change::Deactivate { user: Arc::clone(user) }));
        }
        Cleanup::Anonymise(anonymity) => {
            let mut after = anonymous(user, anonymity);
            if names.are_taken(&after.username, &user.id) {
                after.username = user.username.clone();
            }
            if after != **user {
                let (before, after) = (Arc::clone(user), Arc::new(after));
                stages.deactivations.push(step(Change::Anonymise { before, after }));
            }
        }
        Cleanup::Disable | Cleanup::Keep => {}
    }
    if treatment.strips {
        leaving.stripped.insert(user.id.clone(), reason.clone());
    }
}

/// The account of somebody of whom only the source's id is left to tell. It is the same however
/// often it is asked for.
fn anonymous(user: &User, anonymity: Anonymity) -> User {
    let id = user.source_id();
    User {
        id: user.id.clone(),
        username: match anonymity {
            Anonymity::Profile => user.username.clone(),
            Anonymity::ProfileAndUsername => Name::new(&format!("user-{id}")),
        },
        // A domain that never exists: whatever is sent there goes nowhere.
        email: format!("user-{id}@user.invalid").into(),
        display_name: format!("Former user {id}").into(),
        first_name: "".into(),
        last_name: "".into(),
        active: false,
        attributes: Attributes::default(),
        source_id: user.source_id.clone(),
    }
}

/// The usernames of both sides, where one of them may be given out.
struct NamesTaken<'a>(BTreeMap<&'a Name, &'a ExternalId>);

impl<'a> NamesTaken<'a> {
    fn of(case: &Case<'a>) -> NamesTaken<'a> {
        let Policy { cleanup, cleanup_rule, .. } = case.policy;
        let gives_names = *cleanup == Cleanup::Anonymise(Anonymity::ProfileAndUsername)
            || cleanup_rule
                .as_ref()
                .is_some_and(|it| it.anonymity == Anonymity::ProfileAndUsername);
        if !gives_names || case.gone.is_empty() {
            return NamesTaken(BTreeMap::new());
        }
        let users = case.actual.users.values().chain(case.desired.directory.users.values());
        NamesTaken(users.map(|user| (&user.username, &user.id)).collect())
    }

    fn are_taken(&self, name: &Name, by_other_than: &ExternalId) -> bool {
        self.0.get(name).is_some_and(|holder| *holder != by_other_than)
    }
}

impl Grace {
    fn is_over(self, suspicion: Suspicion, now: Timestamp) -> bool {
        let hours = SignedDuration::from_hours(i64::from(self.hours));
        self.reads <= suspicion.reads && hours <= now.duration_since(suspicion.since)
    }
}

/// Whoever is suspected while the rules are new is so by the new rules, whenever it began: what would
/// come of it is theirs. So is whoever was hidden from them.
fn suspect(before: Option<&Suspicion>, hidden: Option<Timestamp>, past: &Past<'_>) -> Suspicion {
    let first = Suspicion { since: past.now, reads: 0, by_new_rules: None };
    let Suspicion { since, reads, by_new_rules } = before.copied().unwrap_or(first);
    let by_new_rules = by_new_rules.or(hidden).or(past.now_by_new_rules());
    Suspicion { since, reads: reads.saturating_add(1), by_new_rules }
}

/// Of somebody who was not confirmed absent this time, or for whom nothing is waited, and who has not
/// come back: it begins anew, but that new rules noticed it stays.
fn begun_anew(before: &Suspicion, past: &Past<'_>) -> Option<Suspicion> {
    let Suspicion { since: _, reads: _, by_new_rules } = *before;
    by_new_rules.map(|_| Suspicion { since: past.now, reads: 0, by_new_rules })
}

/// Whoever nobody asked about this time stays suspected, as long as there is something to take.
fn still_suspected(case: &Case<'_>) -> Vec<(ExternalId, Suspicion)> {
    let Case { desired, actual, gone, policy, past, .. } = *case;
    let suspected = &past.memory.suspected;
    let waits = policy.grace != Grace::NONE;
    let members = members_to_strip(actual, policy, |id| suspected.contains_key(id));
    let treatments = Treatments::of(actual, policy, |id| suspected.contains_key(id));
    let is_open = |id: &ExternalId| {
        let is_back = desired.directory.users.contains_key(id);
        let user = actual.users.get(id).filter(|_| !is_back && !gone.contains_key(id));
        user.is_some_and(|user| may_be_at_stake(user, &treatments, members.contains(id)))
    };
    let as_of_now = |(id, suspicion): (&ExternalId, &Suspicion)| {
        let by_new_rules = suspicion.by_new_rules.or(past.now_by_new_rules());
        let suspicion = if desired.withheld.contains(id) {
            begun_anew(suspicion, past)?
        } else {
            Suspicion { by_new_rules, ..*suspicion }
        };
        Some((id.clone(), suspicion))
    };
    let counts = |it: &Suspicion| waits || it.by_new_rules.is_some();
    let still = suspected.iter().filter(|(id, it)| counts(it) && is_open(id));
    still.filter_map(as_of_now).collect()
}

fn suspected(user: &User, reason: &Reason, suspicion: Suspicion, grace: Grace) -> Finding {
    let Suspicion { since, reads, by_new_rules } = suspicion;
    let asked = match by_new_rules {
        Some(_) => " Then it is asked about, because the rules were new.",
        None => "",
    };
    Finding {
        kind: FindingKind::Suspected,
        id: Some(user.id.clone()),
        username: Some(user.username.as_str().into()),
        message: format!(
            "{reason}, in {reads} reads since {since}. It counts after {} reads and {} h.{asked}",
            grace.reads, grace.hours
        ),
    }
}

fn kept(user: &User, reason: &Reason) -> Finding {
    Finding {
        kind: FindingKind::Kept,
        id: Some(user.id.clone()),
        username: Some(user.username.as_str().into()),
        message: format!("{reason}; the cleanup expression says keep, so nothing was done."),
    }
}

fn undecided(user: &User, reason: &Reason, why: &str) -> Finding {
    Finding {
        kind: FindingKind::Expression,
        id: Some(user.id.clone()),
        username: Some(user.username.as_str().into()),
        message: format!(
            "{reason}, and the cleanup expression decides nothing: {why}. Nothing was done."
        ),
    }
}

fn passed_over(user: &User) -> Finding {
    Finding {
        kind: FindingKind::PassedOver,
        id: Some(user.id.clone()),
        username: Some(user.username.as_str().into()),
        message: "Absent from the read, but the source still has them when asked by id. Nothing was taken away."
            .to_owned(),
    }
}
