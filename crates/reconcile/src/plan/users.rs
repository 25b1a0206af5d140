//! Accounts of people whom the source has: made, renamed, updated, switched.

use std::cmp::Ordering;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::{Case, Change, Reason, Stages, Step};
use crate::directory::Directory;
use crate::expression::{Groups, Variables, text_of, untold};
use crate::finding::{Finding, FindingKind};
use crate::mapping::Desired;
use crate::principal::{ExternalId, Name, User};

/// Plans everybody who is new or different, and tells who cannot have their username.
pub(super) fn plan(
    case: &Case<'_>,
    stages: &mut Stages,
    findings: &mut Vec<Finding>,
) -> BTreeSet<ExternalId> {
    let different = different(case);
    let mut blocked = blocked_usernames(&different, case, findings);
    blocked.extend(unwanted(&different, case, findings));
    for (user, present) in different {
        match present {
            Some(present) => plan_present(present, user, case, &blocked, stages),
            None if !user.active => findings.push(not_created(user, case.desired)),
            None if blocked.contains(&user.id) => {}
            None => {
                let change = Change::Create { user: Arc::clone(user) };
                stages.users.push(Step { change, reason: Reason::New });
            }
        }
    }
    blocked
}

/// Everybody of either side, by id: what should be beside what is. One walk along both, because a
/// search for each of a hundred thousand people is the most of what a plan costs.
pub(super) fn side_by_side<'a>(
    desired: &'a Desired,
    actual: &'a Directory,
) -> impl Iterator<Item = (Option<&'a Arc<User>>, Option<&'a Arc<User>>)> {
    let mut wanted = desired.directory.users.iter().peekable();
    let mut present = actual.users.iter().peekable();
    std::iter::from_fn(move || {
        let order = match (wanted.peek(), present.peek()) {
            (Some((one, _)), Some((other, _))) => one.cmp(other),
            (Some(_), None) => Ordering::Less,
            (None, Some(_)) => Ordering::Greater,
            (None, None) => return None,
        };
        let wanted = if order.is_le() { wanted.next() } else { None };
        let present = if order.is_ge() { present.next() } else { None };
        Some((wanted.map(|(_, user)| user), present.map(|(_, user)| user)))
    })
}

/// Somebody as they should be, and as they are if they are there.
type Pair<'a> = (&'a Arc<User>, Option<&'a Arc<User>>);

/// Whoever is new or not as they should be, to the letter. Usually that is almost nobody, and all
/// that follows looks at them alone.
fn different<'a>(case: &Case<'a>) -> Vec<Pair<'a>> {
    let is_same = |wanted: &Arc<User>, present: &Arc<User>| {
        present.username.same_spelling(&wanted.username) && present == wanted
    };
    side_by_side(case.desired, case.actual)
        .filter_map(|(wanted, present)| Some((wanted?, present)))
        .filter(|(wanted, _)| !case.is_frozen(&wanted.id))
        .filter(|(wanted, present)| present.is_none_or(|present| !is_same(wanted, present)))
        .collect()
}

/// Who cannot have the username that the source gives them, because an account that keeps its
/// username holds it.
///
/// Two people who swap usernames are not blocked: both let go. Whoever is blocked keeps their
/// present username, which may block somebody else in turn.
fn blocked_usernames(
    different: &[Pair<'_>],
    case: &Case<'_>,
    findings: &mut Vec<Finding>,
) -> BTreeSet<ExternalId> {
    let mut blocked = BTreeSet::new();
    let mut claims: BTreeMap<&Name, &User> = BTreeMap::new();
    for (user, present) in different {
        let claims_a_name = match present {
            Some(present) => present.username != user.username,
            None => user.active,
        };
        if claims_a_name {
            claims.insert(&user.username, user);
        }
    }
    if claims.is_empty() {
        return blocked;
    }
    let Case { desired, actual, .. } = case;
    let moves = |user: &User| {
        let wanted = desired.directory.users.get(&user.id);
        !case.is_frozen(&user.id) && wanted.is_some_and(|wanted| wanted.username != user.username)
    };
    let mut holders: Vec<&Arc<User>> = actual.users.values().filter(|user| !moves(user)).collect();
    while let Some(holder) = holders.pop() {
        let Some(claimant) = claims.remove(&holder.username) else { continue };
        findings.push(username_taken(claimant, holder));
        blocked.insert(claimant.id.clone());
        holders.extend(actual.users.get(&claimant.id));
    }
    blocked
}

/// Who gets no account because an expression does not say that they get one.
fn unwanted(
    different: &[Pair<'_>],
    case: &Case<'_>,
    findings: &mut Vec<Finding>,
) -> Vec<ExternalId> {
    let Some(expression) = &case.policy.create_if else { return Vec::new() };
    let is_new = |(user, present): &Pair<'_>| present.is_none() && user.active;
    let new: BTreeMap<&ExternalId, &Arc<User>> =
        different.iter().filter(|it| is_new(it)).map(|(user, _)| (&user.id, *user)).collect();
    let mut groups: BTreeMap<&ExternalId, Vec<Name>> = BTreeMap::new();
    if expression.names("groups") {
        for (group, members) in &case.desired.directory.groups {
            for id in members.iter().filter(|id| new.contains_key(id)) {
                groups.entry(id).or_default().push(group.clone());
            }
        }
    }
    let mut unwanted = Vec::new();
    for (id, user) in new {
        let groups = Groups::named(groups.remove(id).unwrap_or_default());
        let record = case.desired.records.get(id).map(|it| &**it);
        let text = |path: &str| text_of(user, record, path);
        let variables = Variables { text: &text, has_user: true, existing: None, groups: &groups };
        let untold = untold(expression.source_fields(), record);
        let (kind, message) = match untold.map_or_else(|| expression.holds(&variables), Err) {
            Ok(true) => continue,
            Ok(false) => {
                let message = "New in the source, and the expression for new accounts says no, so none is made.";
                (FindingKind::NotCreated, message.to_owned())
            }
            Err(why) => {
                let message = format!(
                    "New in the source, and the expression for new accounts decides nothing: {why}. No account is made."
                );
                (FindingKind::Expression, message)
            }
        };
        let username = Some(user.username.as_str().into());
        findings.push(Finding { kind, id: Some(id.clone()), username, message });
        unwanted.push(id.clone());
    }
    unwanted
}

fn plan_present(
    present: &Arc<User>,
    wanted: &Arc<User>,
    case: &Case<'_>,
    blocked: &BTreeSet<ExternalId>,
    stages: &mut Stages,
) {
    // Destructured, so that a new field cannot be forgotten.
    let User {
        id,
        username,
        email,
        display_name,
        first_name,
        last_name,
        active,
        attributes,
        source_id,
    } = &**wanted;
    let user = || Arc::clone(present);
    if *active && !present.active {
        let change = Change::Reactivate { user: user() };
        stages.users.push(Step { change, reason: Reason::ActiveAgain });
    }
    if !present.username.same_spelling(username) && !blocked.contains(id) {
        let change = Change::Rename { user: user(), to: username.clone() };
        stages.users.push(Step { change, reason: Reason::Changed });
    }
    let same_profile = present.email == *email
        && present.display_name == *display_name
        && present.first_name == *first_name
        && present.last_name == *last_name
        && present.attributes == *attributes
        && present.source_id == *source_id;
    if !same_profile {
        let change = Change::Update { before: user(), after: Arc::clone(wanted) };
        let hidden = case.hidden_since(id).filter(|_| change.takes_something());
        let reason = Reason::Changed.hidden_from_new_rules(hidden);
        stages.users.push(Step { change, reason });
    }
    if !*active && present.active {
        let words = case.desired.inactive.get(id).cloned().unwrap_or_default();
        let change = Change::Deactivate { user: user() };
        let reason = Reason::Inactive(words).hidden_from_new_rules(case.hidden_since(id));
        stages.deactivations.push(Step { change, reason });
    }
}

fn not_created(user: &User, desired: &Desired) -> Finding {
    let words = desired.inactive.get(&user.id).map_or("inactive", |words| words);
    Finding {
        kind: FindingKind::NotCreated,
        id: Some(user.id.clone()),
        username: Some(user.username.as_str().into()),
        message: format!("{words}, and without an account so far, so none is made."),
    }
}

fn username_taken(claimant: &User, holder: &User) -> Finding {
    let state = if holder.active { "active" } else { "inactive" };
    Finding {
        kind: FindingKind::Conflict,
        id: Some(claimant.id.clone()),
        username: Some(claimant.username.as_str().into()),
        message: format!(
            "The username is held by the {state} account of {}, which keeps it.",
            holder.id
        ),
    }
}
