//! Groups held changes by what probably caused them, so that a person decides on a few causes and
//! not on a thousand lines.

use std::collections::{BTreeMap, BTreeSet};

use crate::directory::Directory;
use crate::figure::{changes_of, counted, figure};
use crate::plan::{Change, Reason, Step, values};
use crate::principal::{ExternalId, Name, User};

/// One probable cause, in one line that says how many changes it explains.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cause {
    pub title: String,
    pub changes: usize,
}

/// Fewer people than this are no pattern.
const PATTERN_PEOPLE_MIN: usize = 3;
/// How much of a group has to go for the group to be the likely cause.
const PATTERN_PERCENT_MIN: usize = 60;

/// The causes, the largest first, and for each step the place of its cause among them.
pub fn causes(steps: &[Step], actual: &Directory) -> (Vec<Cause>, Vec<usize>) {
    let emptied = emptied_groups(steps, actual);
    let mut explained: BTreeMap<Key, Vec<usize>> = BTreeMap::new();
    for (place, step) in steps.iter().enumerate() {
        explained.entry(key(step, &emptied)).or_default().push(place);
    }
    let mut causes: Vec<(Cause, Vec<usize>)> = explained
        .into_iter()
        .map(|(key, places)| {
            let title = title(&key, places.len(), actual);
            (Cause { title, changes: places.len() }, places)
        })
        .collect();
    causes.sort_by(|(one, _), (other, _)| {
        other.changes.cmp(&one.changes).then_with(|| one.title.cmp(&other.title))
    });
    let mut cause_of = vec![0; steps.len()];
    for (number, (_, places)) in causes.iter().enumerate() {
        for place in places {
            if let Some(cause) = cause_of.get_mut(*place) {
                *cause = number;
            }
        }
    }
    (causes.into_iter().map(|(cause, _)| cause).collect(), cause_of)
}

/// What the steps of one cause have in common.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Key {
    /// People who lose their account, and were in a group that loses most of its members so.
    Emptied {
        what: &'static str,
        group: Name,
        leaving: usize,
    },
    People {
        what: &'static str,
        why: String,
    },
    Group {
        what: &'static str,
        group: Name,
    },
    /// E-mail addresses that move from one domain to another.
    Domain {
        from: String,
        to: String,
    },
    /// Attributes that have no value after it.
    Emptying {
        attributes: String,
    },
    /// Attributes that have another value after it.
    Overwriting {
        attributes: String,
    },
    Kind {
        what: &'static str,
    },
}

fn key(step: &Step, emptied: &BTreeMap<ExternalId, (Name, usize)>) -> Key {
    let what = step.change.word();
    match &step.change {
        Change::Deactivate { user }
        | Change::Anonymise { before: user, .. }
        | Change::Remove { user } => match emptied.get(&user.id) {
            Some((group, leaving)) => {
                Key::Emptied { what, group: group.clone(), leaving: *leaving }
            }
            None => Key::People { what, why: why(&step.reason) },
        },
        Change::AddMember { group, .. }
        | Change::RemoveMember { group, .. }
        | Change::CreateGroup { group }
        | Change::AdoptGroup { group }
        | Change::MakeLocal { group }
        | Change::RemoveGroup { group } => Key::Group { what, group: group.clone() },
        Change::Update { before, after } => {
            let (emptied, overwritten) =
                (listed(&mut step.change.emptied()), listed(&mut step.change.overwritten()));
            match (domain(before), domain(after)) {
                _ if !emptied.is_empty() => Key::Emptying { attributes: emptied },
                (Some(from), Some(to)) if from != to => {
                    Key::Domain { from: from.to_owned(), to: to.to_owned() }
                }
                _ if !overwritten.is_empty() => Key::Overwriting { attributes: overwritten },
                _ => Key::Kind { what },
            }
        }
        Change::Create { .. } | Change::Reactivate { .. } | Change::Rename { .. } => {
            Key::Kind { what }
        }
    }
}

fn title(key: &Key, changes: usize, actual: &Directory) -> String {
    let members = |group: &Name| actual.groups.get(group).map_or(0, BTreeSet::len);
    match key {
        Key::Emptied { what, group, leaving } => {
            let of = counted(members(group), "member", "members");
            let (what, leaving) = (changes_of(what, changes), figure(*leaving));
            format!("{what}: of group {group}, of whose {of} {leaving} go")
        }
        Key::People { what, why } => format!("{}: {why}", changes_of(what, changes)),
        Key::Group { what, group } => {
            let what = changes_of(what, changes);
            match members(group) {
                0 => format!("{what}: {group}"),
                members => {
                    format!("{what}: {group}, which has {}", counted(members, "member", "members"))
                }
            }
        }
        Key::Domain { from, to } => {
            format!("{}: e-mail addresses move from {from} to {to}", changes_of("update", changes))
        }
        Key::Emptying { attributes } => {
            format!("{}: {attributes} emptied", changes_of("update", changes))
        }
        Key::Overwriting { attributes } => {
            format!("{}: {attributes} replaced", changes_of("update", changes))
        }
        Key::Kind { what } => changes_of(what, changes),
    }
}

fn listed(attributes: &mut dyn Iterator<Item = &str>) -> String {
    attributes.map(values::spoken).collect::<Vec<_>>().join(", ")
}

/// The reason without what is one person's own: what else they have says nothing of a pattern.
fn why(reason: &Reason) -> String {
    let text = reason.to_string();
    match reason {
        Reason::OutOfScope(_) => text.split("; has").next().unwrap_or(&text).to_owned(),
        Reason::NoticedByNewRules(earlier) => {
            format!("{}; noticed when the rules were new", why(&earlier.reason))
        }
        Reason::HiddenFromNewRules(earlier) => {
            format!("{}; not to be told when the rules were new", why(&earlier.reason))
        }
        Reason::New
        | Reason::Changed
        | Reason::ActiveAgain
        | Reason::Granted(_)
        | Reason::NotGranted
        | Reason::LeftOut(_)
        | Reason::Inactive(_)
        | Reason::Gone
        | Reason::Listed(_)
        | Reason::Named
        | Reason::Empty
        | Reason::EmptySince(_)
        | Reason::Undone(_) => text,
    }
}

fn takes_an_account(change: &Change) -> bool {
    use Change::{Anonymise, Deactivate, Remove};
    matches!(change, Deactivate { .. } | Anonymise { .. } | Remove { .. })
}

fn domain(user: &User) -> Option<&str> {
    user.email.rsplit_once('@').map(|(_, domain)| domain)
}

/// For everybody who loses their account: the group, if any, that loses most of its members with
/// them. Whoever was in several counts for the one that loses most people.
fn emptied_groups(steps: &[Step], actual: &Directory) -> BTreeMap<ExternalId, (Name, usize)> {
    let leavers: BTreeSet<&ExternalId> = steps
        .iter()
        .filter(|step| takes_an_account(&step.change))
        .filter_map(|step| step.change.user().map(|user| &user.id))
        .collect();
    let mut patterns: Vec<(usize, &Name)> = Vec::new();
    for (group, members) in &actual.groups {
        let leaving = members.iter().filter(|id| leavers.contains(id)).count();
        let is_most = PATTERN_PERCENT_MIN * members.len() <= leaving * 100;
        if PATTERN_PEOPLE_MIN <= leaving && is_most {
            patterns.push((leaving, group));
        }
    }
    patterns.sort_by(|one, other| other.0.cmp(&one.0).then_with(|| one.1.cmp(other.1)));
    let mut emptied = BTreeMap::new();
    for (leaving, group) in patterns {
        let members = actual.groups.get(group).into_iter().flatten();
        for id in members.filter(|id| leavers.contains(id)) {
            emptied.entry(id.clone()).or_insert_with(|| (group.clone(), leaving));
        }
    }
    emptied
}

#[cfg(test)]
mod tests;
