//! Who takes part: the "Required OneLogin Groups", understood and applied.

use std::collections::BTreeSet;
use std::sync::Arc;

use reconcile::principal::fold;

use super::error::SourceError;
use super::member_of;
use super::names::{Kind, Names};
use super::settings::{GroupSource, Settings};
use super::wire::UserRow;

/// One required group as an admin typed it, before anything is looked up.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Wanted {
    typed: String,
    place: Place,
    pick: Pick,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Place {
    /// In whichever of the enabled group sources has it.
    Any,
    In(GroupSource),
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Pick {
    Name(String),
    Id(u64),
}

/// One required group, looked up.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Requirement {
    /// In OneLogin's words: `role "Jira Users"`.
    words: String,
    typed: String,
    pub(super) roles: BTreeSet<u64>,
    pub(super) groups: BTreeSet<u64>,
    /// The folded name or distinguished name of an entry of `member_of`.
    entry: Option<Box<str>>,
}

/// Whoever meets one of the requirements takes part; without any, everybody does.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Scope {
    pub(super) requirements: Vec<Requirement>,
}

/// What `member_of` brought for each requirement, to find names that are nowhere or twice.
#[derive(Clone, Debug, Default)]
pub(super) struct Sightings {
    entries: Vec<BTreeSet<Box<str>>>,
    names: BTreeSet<Box<str>>,
}

/// Enough to suggest from, and no more.
const NAMES_SIGHTED_MAX: usize = 10_000;

/// Reads every required group of the settings.
pub(super) fn parse(settings: &Settings) -> Result<Vec<Wanted>, SourceError> {
    settings.required_groups.iter().map(|it| parse_one(it)).collect()
}

fn parse_one(typed: &str) -> Result<Wanted, SourceError> {
    let typed = typed.trim();
    let (place, name) = match typed.split_once(':') {
        Some(("role", name)) => (Place::In(GroupSource::Roles), name),
        Some(("group", name)) => (Place::In(GroupSource::Group), name),
        Some(("member_of", name)) => (Place::In(GroupSource::MemberOf), name),
        _ => (Place::Any, typed),
    };
    let name = name.trim();
    if name.is_empty() {
        return Err(SourceError::Scope(format!(
            "The required group \"{typed}\" names nothing. Write a name, role:NAME, group:NAME or \
             member_of:NAME."
        )));
    }
    let has_ids = matches!(place, Place::In(GroupSource::Roles | GroupSource::Group));
    let pick = match name.strip_prefix('#') {
        Some(digits) if has_ids => Pick::Id(digits.parse().map_err(|_| {
            SourceError::Scope(format!("In the required group \"{typed}\", an id follows the #."))
        })?),
        Some(_) | None => Pick::Name(name.to_owned()),
    };
    Ok(Wanted { typed: typed.to_owned(), place, pick })
}

impl Wanted {
    /// Whether it may mean something of this source.
    pub(super) fn may_be_in(
        &self,
        source: GroupSource,
        groups_from: &BTreeSet<GroupSource>,
    ) -> bool {
        match self.place {
            Place::Any => groups_from.contains(&source),
            Place::In(place) => place == source,
        }
    }
}

/// Looks up what is wanted among the names. What only `member_of` can have is settled by
/// [`Scope::verify`], after the read.
pub(super) fn resolve(
    wanted: &[Wanted],
    groups_from: &BTreeSet<GroupSource>,
    roles: &Names,
    groups: &Names,
) -> Result<Scope, SourceError> {
    let one = |it: &Wanted| resolve_one(it, groups_from, roles, groups);
    let requirements = wanted.iter().map(one).collect::<Result<_, _>>()?;
    Ok(Scope { requirements })
}

fn resolve_one(
    wanted: &Wanted,
    groups_from: &BTreeSet<GroupSource>,
    roles: &Names,
    groups: &Names,
) -> Result<Requirement, SourceError> {
    let mut candidates = Vec::new();
    let mut requirement = Requirement { typed: wanted.typed.clone(), ..Requirement::default() };
    let mut found = Vec::new();
    for (kind, source, names) in
        [(Kind::Role, GroupSource::Roles, roles), (Kind::Group, GroupSource::Group, groups)]
    {
        if !wanted.may_be_in(source, groups_from) {
            continue;
        }
        for id in ids(&wanted.pick, names) {
            found.push((kind, id));
            requirement.words = words(kind, id, names);
            match kind {
                Kind::Role => requirement.roles.insert(id),
                Kind::Group => requirement.groups.insert(id),
            };
        }
        candidates.extend(names.iter().map(|(_, name)| name));
    }
    if 1 < found.len() {
        return Err(found_twice(&wanted.typed, &alternatives(&found)));
    }
    if wanted.may_be_in(GroupSource::MemberOf, groups_from)
        && let Pick::Name(name) = &wanted.pick
    {
        requirement.entry = Some(fold(name));
        if found.is_empty() {
            requirement.words = format!("member_of \"{name}\"");
        }
    } else if found.is_empty() {
        return Err(found_nowhere(wanted, groups_from, &candidates));
    }
    Ok(requirement)
}

fn ids(pick: &Pick, names: &Names) -> Vec<u64> {
    match pick {
        Pick::Id(id) => names.knows(*id).then_some(*id).into_iter().collect(),
        Pick::Name(wanted) => {
            let wanted = fold(wanted);
            let is_it = |name: &str| fold(name.trim()) == wanted;
            names.iter().filter(|(_, name)| is_it(name)).map(|(id, _)| id).collect()
        }
    }
}

fn words(kind: Kind, id: u64, names: &Names) -> String {
    match names.get(id) {
        Some(name) => format!("{} \"{name}\"", kind.word()),
        None => format!("{} #{id}", kind.word()),
    }
}

fn alternatives(found: &[(Kind, u64)]) -> Vec<String> {
    found.iter().map(|(kind, id)| format!("{}:#{id}", kind.word())).collect()
}

fn found_twice(typed: &str, alternatives: &[String]) -> SourceError {
    SourceError::Scope(format!(
        "The required group \"{typed}\" means more than one thing in OneLogin. Write which: {}.",
        alternatives.join(" or ")
    ))
}

fn found_nowhere(
    wanted: &Wanted,
    groups_from: &BTreeSet<GroupSource>,
    candidates: &[&str],
) -> SourceError {
    let name = match &wanted.pick {
        Pick::Name(name) => name.as_str(),
        Pick::Id(_) => "",
    };
    let places = match wanted.place {
        Place::In(source) => source_words(source).to_owned(),
        Place::Any => {
            let sources = groups_from.iter().map(|it| source_words(*it));
            sources.collect::<Vec<_>>().join(", ")
        }
    };
    SourceError::Scope(format!(
        "The required group \"{}\" is not among OneLogin's {places}.{}",
        wanted.typed,
        suggestion(name, candidates)
    ))
}

fn source_words(source: GroupSource) -> &'static str {
    match source {
        GroupSource::MemberOf => "member_of entries",
        GroupSource::Roles => "roles",
        GroupSource::Group => "groups",
    }
}

/// ` Did you mean "Staff"?`, or nothing where no name is near.
fn suggestion(name: &str, candidates: &[&str]) -> String {
    let name = fold(name);
    let scored = candidates.iter().map(|it| (strsim::jaro_winkler(&name, &fold(it)), it));
    let best = scored.max_by(|one, other| one.0.total_cmp(&other.0));
    match best {
        Some((score, near)) if 0.8 <= score => format!(" Did you mean \"{near}\"?"),
        Some(_) | None => String::new(),
    }
}

impl Scope {
    pub(super) fn is_everybody(&self) -> bool {
        self.requirements.is_empty()
    }

    /// Whether somebody may be in scope by `member_of`, which no query of OneLogin filters.
    pub(super) fn needs_member_of(&self) -> bool {
        self.requirements.iter().any(|it| it.entry.is_some())
    }

    /// The first requirement that a person meets.
    pub(super) fn met_by(&self, row: &UserRow) -> Option<&Requirement> {
        self.requirements.iter().find(|it| it.is_met_by(row))
    }

    /// `role "Staff" or group "Sales"`.
    pub(super) fn words(&self) -> Arc<str> {
        let words: Vec<&str> = self.requirements.iter().map(|it| it.words.as_str()).collect();
        words.join(" or ").into()
    }

    /// Notes which entries of `member_of` meet the requirements.
    pub(super) fn sight(&self, row: &UserRow, sightings: &mut Sightings) {
        let Some(joined) = &row.member_of else { return };
        sightings.entries.resize(self.requirements.len(), BTreeSet::new());
        for entry in member_of::entries(joined) {
            if sightings.names.len() < NAMES_SIGHTED_MAX && !sightings.names.contains(&entry.name) {
                sightings.names.insert(entry.name.clone());
            }
            for (requirement, seen) in self.requirements.iter().zip(&mut sightings.entries) {
                if requirement.is_entry(&entry) && !seen.contains(entry.dn) {
                    seen.insert(entry.dn.into());
                }
            }
        }
    }

    /// Refuses names that turned out to be nowhere, or in more than one place.
    pub(super) fn verify(
        &self,
        sightings: &Sightings,
        groups_from: &BTreeSet<GroupSource>,
        roles_and_groups: &[&str],
    ) -> Result<(), SourceError> {
        let none = BTreeSet::new();
        for (at, requirement) in self.requirements.iter().enumerate() {
            if requirement.entry.is_none() {
                continue;
            }
            let seen = sightings.entries.get(at).unwrap_or(&none);
            let roles = requirement.roles.iter().map(|id| (Kind::Role, *id));
            let groups = requirement.groups.iter().map(|id| (Kind::Group, *id));
            let mut places = alternatives(&roles.chain(groups).collect::<Vec<_>>());
            places.extend(seen.iter().map(|dn| format!("member_of:{dn}")));
            if places.is_empty() {
                let wanted = parse_one(&requirement.typed)?;
                let sighted = sightings.names.iter().map(|it| &**it);
                let names: Vec<&str> = sighted.chain(roles_and_groups.iter().copied()).collect();
                return Err(found_nowhere(&wanted, groups_from, &names));
            }
            if 1 < places.len() {
                return Err(found_twice(&requirement.typed, &places));
            }
        }
        Ok(())
    }
}

impl Requirement {
    pub(super) fn words(&self) -> &str {
        &self.words
    }

    fn is_met_by(&self, row: &UserRow) -> bool {
        row.role_ids.iter().any(|it| self.roles.contains(it))
            || row.group_id.is_some_and(|it| self.groups.contains(&it))
            || self.entry.is_some()
                && row.member_of.as_deref().is_some_and(|joined| {
                    member_of::entries(joined).any(|entry| self.is_entry(&entry))
                })
    }

    fn is_entry(&self, entry: &member_of::Entry<'_>) -> bool {
        let Some(wanted) = &self.entry else { return false };
        fold(&entry.name) == *wanted || fold(entry.dn) == *wanted
    }
}
