//! Who takes part: the "Required OneLogin Groups", understood and applied.

use std::collections::BTreeSet;

use reconcile::expression::{Expression, ExpressionError, Groups, Purpose, Says, Variables};
use reconcile::principal::fold;
use reconcile::scope::condition::Condition;
use reconcile::scope::remedy::{self, Edit};
use reconcile::scope::{self, Candidate, Matching, Shortfall, Verdict};

use super::assembly::Vocabulary;
use super::error::SourceError;
use super::fields::{CUSTOM_ATTRIBUTES, FIELDS};
use super::member_of;
use super::names::{Kind, Names};
use super::replay::Remedy;
use super::settings::{GroupSource, RequiredGroups, ScopeSettings, Settings};
use super::wire::UserRow;

/// Who takes part as an admin typed it, before anything is looked up.
#[derive(Clone, Debug)]
pub(super) struct Wishes {
    pub(super) required: Vec<Wanted>,
    excluded: Vec<Wanted>,
    matching: Matching,
    conditions: Vec<Condition>,
}

/// One required or excluded group as an admin typed it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Wanted {
    role: Role,
    typed: String,
    place: Place,
    pick: Pick,
}

/// What a group is named for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Role {
    #[default]
    Required,
    Excluded,
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
    /// Every role and group of which it says yes.
    Where(Expression),
}

/// What such an expression may ask of a role or group.
const GROUP: [&str; 3] = ["group.kind", "group.name", "group.id"];

/// One required or excluded group, looked up.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Requirement {
    role: Role,
    /// In OneLogin's words: `role "Jira Users"`.
    pub(super) words: String,
    typed: String,
    pub(super) roles: BTreeSet<u64>,
    pub(super) groups: BTreeSet<u64>,
    /// The folded name or distinguished name of an entry of `member_of`.
    entry: Option<Box<str>>,
}

/// Who takes part, with everything looked up. Without anything that is asked, everybody does.
#[derive(Clone, Debug, Default)]
pub(super) struct Scope {
    pub(super) requirements: Vec<Requirement>,
    exclusions: Vec<Requirement>,
    rule: scope::Scope,
}

/// Why somebody takes part or not, for people to read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Why {
    InScope { words: String },
    OutOfScope { needs: String, has: String },
}

/// What `member_of` brought for each requirement, to find names that are nowhere or twice.
#[derive(Clone, Debug, Default)]
pub(super) struct Sightings {
    entries: Vec<BTreeSet<Box<str>>>,
    names: BTreeSet<Box<str>>,
}

/// Enough to suggest from, and no more.
const NAMES_SIGHTED_MAX: usize = 10_000;

/// What of the settings cannot be understood, and why.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Misread {
    pub field: &'static str,
    pub why: String,
}

/// Refuses what no read could follow, without asking OneLogin.
pub fn check(settings: &Settings) -> Result<(), Misread> {
    let plain = || Settings {
        required_groups: Vec::new(),
        scope: ScopeSettings::default(),
        ..settings.clone()
    };
    let Settings { required_groups, scope, .. } = settings;
    let ScopeSettings { matching: _, excluded_groups, conditions } = scope.clone();
    let of = |scope| Settings { scope, ..plain() };
    for (field, part) in [
        (
            "source.required_groups",
            Settings { required_groups: required_groups.clone(), ..plain() },
        ),
        (
            "source.scope.excluded_groups",
            of(ScopeSettings { excluded_groups, ..ScopeSettings::default() }),
        ),
        ("source.scope.conditions", of(ScopeSettings { conditions, ..ScopeSettings::default() })),
    ] {
        let misread = |error: SourceError| Misread { field, why: error.to_string() };
        let wishes = parse(&part).map_err(misread)?;
        wishes.groups().try_for_each(Wanted::check).map_err(misread)?;
    }
    Ok(())
}

/// Reads everything that the settings say of who takes part.
pub(super) fn parse(settings: &Settings) -> Result<Wishes, SourceError> {
    let ScopeSettings { matching, excluded_groups, conditions } = &settings.scope;
    let all = |role, typed: &[String]| -> Result<Vec<Wanted>, SourceError> {
        typed.iter().map(|it| parse_one(role, it)).collect()
    };
    let condition = |typed: &String| {
        Condition::parse(typed, &FIELDS, &[CUSTOM_ATTRIBUTES])
            .map_err(|error| SourceError::Scope(error.to_string()))
    };
    Ok(Wishes {
        required: all(Role::Required, &settings.required_groups)?,
        excluded: all(Role::Excluded, excluded_groups)?,
        matching: match matching {
            RequiredGroups::Any => Matching::Any,
            RequiredGroups::All => Matching::All,
        },
        conditions: conditions.iter().map(condition).collect::<Result<_, _>>()?,
    })
}

impl Wishes {
    /// Required and excluded ones.
    pub(super) fn groups(&self) -> impl Iterator<Item = &Wanted> {
        self.required.iter().chain(&self.excluded)
    }

    /// The paths of the fields that conditions look at.
    pub(super) fn fields(&self) -> impl Iterator<Item = &str> {
        self.conditions.iter().map(Condition::field)
    }
}

/// One required or excluded group, looked up by itself.
#[derive(Debug)]
pub(super) struct Each {
    pub(super) typed: String,
    pub(super) is_excluded: bool,
    pub(super) found: Result<Requirement, SourceError>,
}

/// Looks up every required and excluded group by itself, so that each is told what is wrong with it.
pub(super) fn each(settings: &Settings, roles: &Names, groups: &Names) -> Vec<Each> {
    let one = |role: Role, typed: &String| Each {
        typed: typed.clone(),
        is_excluded: role == Role::Excluded,
        found: parse_one(role, typed)
            .and_then(|it| resolve_one(&it, &settings.groups_from, roles, groups)),
    };
    let required = settings.required_groups.iter().map(|it| one(Role::Required, it));
    let excluded = settings.scope.excluded_groups.iter().map(|it| one(Role::Excluded, it));
    required.chain(excluded).collect()
}

fn parse_one(role: Role, typed: &str) -> Result<Wanted, SourceError> {
    let typed = typed.trim();
    let (place, name) = match typed.split_once(':') {
        Some(("role", name)) => (Place::In(GroupSource::Roles), name),
        Some(("group", name)) => (Place::In(GroupSource::Group), name),
        Some(("member_of", name)) => (Place::In(GroupSource::MemberOf), name),
        _ => (Place::Any, typed),
    };
    let name = name.trim();
    if let Some(source) = typed.strip_prefix("where:") {
        let expression = Expression::compile(source, &GROUP)
            .map_err(|error| refused_expression(role, typed, &error))?;
        return Ok(Wanted {
            role,
            typed: typed.to_owned(),
            place: Place::Any,
            pick: Pick::Where(expression),
        });
    }
    if name.is_empty() {
        return Err(SourceError::Scope(format!(
            "The {} \"{typed}\" names nothing. Write a name, role:NAME, group:NAME or \
             member_of:NAME.",
            role.noun()
        )));
    }
    let has_ids = matches!(place, Place::In(GroupSource::Roles | GroupSource::Group));
    let pick = match name.strip_prefix('#') {
        Some(digits) if has_ids => Pick::Id(digits.parse().map_err(|_| {
            SourceError::Scope(format!("In the {} \"{typed}\", an id follows the #.", role.noun()))
        })?),
        Some(_) | None => Pick::Name(name.to_owned()),
    };
    Ok(Wanted { role, typed: typed.to_owned(), place, pick })
}

fn refused_expression(role: Role, typed: &str, error: &ExpressionError) -> SourceError {
    SourceError::Scope(format!("In the {} \"{typed}\": {error}", role.noun()))
}

/// In which group sources something may be that an admin typed; none where it cannot be read.
pub(super) fn sources_of(typed: &str, groups_from: &BTreeSet<GroupSource>) -> Vec<GroupSource> {
    let Ok(wanted) = parse_one(Role::Required, typed) else { return Vec::new() };
    let all = [GroupSource::Roles, GroupSource::Group, GroupSource::MemberOf];
    all.into_iter().filter(|it| wanted.may_be_in(*it, groups_from)).collect()
}

/// The paths of the fields that the conditions of these settings look at.
pub fn fields_of_conditions(settings: &Settings) -> Result<Vec<String>, SourceError> {
    Ok(parse(settings)?.fields().map(str::to_owned).collect())
}

impl Role {
    fn noun(self) -> &'static str {
        match self {
            Role::Required => "required group",
            Role::Excluded => "excluded group",
        }
    }
}

impl Wanted {
    /// Refuses an expression that is right for no group.
    fn check(&self) -> Result<(), SourceError> {
        let Pick::Where(expression) = &self.pick else { return Ok(()) };
        expression
            .check(&Purpose { says: Says::YesNo, kinds: &[] })
            .map_err(|error| refused_expression(self.role, &self.typed, &error))
    }

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
    wishes: &Wishes,
    groups_from: &BTreeSet<GroupSource>,
    roles: &Names,
    groups: &Names,
) -> Result<Scope, SourceError> {
    let Wishes { required, excluded, matching, conditions } = wishes;
    let one = |it: &Wanted| resolve_one(it, groups_from, roles, groups);
    let requirements = required.iter().map(one).collect::<Result<Vec<_>, _>>()?;
    let exclusions = excluded.iter().map(one).collect::<Result<Vec<_>, _>>()?;
    let rule = scope::Scope {
        required: requirements.len(),
        matching: *matching,
        excluded: exclusions.len(),
        conditions: conditions.clone(),
    };
    Ok(Scope { requirements, exclusions, rule })
}

fn resolve_one(
    wanted: &Wanted,
    groups_from: &BTreeSet<GroupSource>,
    roles: &Names,
    groups: &Names,
) -> Result<Requirement, SourceError> {
    let mut candidates = Vec::new();
    let mut requirement =
        Requirement { role: wanted.role, typed: wanted.typed.clone(), ..Requirement::default() };
    let mut found = Vec::new();
    for (kind, source, names) in
        [(Kind::Role, GroupSource::Roles, roles), (Kind::Group, GroupSource::Group, groups)]
    {
        if !wanted.may_be_in(source, groups_from) {
            continue;
        }
        let ids = ids(&wanted.pick, kind, names).map_err(|(id, why)| {
            let (noun, typed, id) = (wanted.role.noun(), &wanted.typed, words(kind, id, names));
            SourceError::Scope(format!("The {noun} \"{typed}\" says nothing of {id}: {why}."))
        })?;
        for id in ids {
            found.push((kind, id));
            requirement.words = words(kind, id, names);
            match kind {
                Kind::Role => requirement.roles.insert(id),
                Kind::Group => requirement.groups.insert(id),
            };
        }
        candidates.extend(names.iter().map(|(_, name)| name));
    }
    if let Pick::Where(expression) = &wanted.pick {
        requirement.words = format!("a group where {expression}");
    } else if 1 < found.len() {
        return Err(found_twice(wanted.role, &wanted.typed, &alternatives(&found)));
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

/// Fails at the first of which an expression does not say yes or no: to take it for a no might leave
/// people out.
fn ids(pick: &Pick, kind: Kind, names: &Names) -> Result<Vec<u64>, (u64, String)> {
    Ok(match pick {
        Pick::Id(id) => names.knows(*id).then_some(*id).into_iter().collect(),
        Pick::Where(expression) => {
            let mut ids = Vec::new();
            for (id, name) in names.iter() {
                let digits = id.to_string();
                let text = |path: &str| match path {
                    "group.kind" => Some(kind.word()),
                    "group.name" => Some(name),
                    "group.id" => Some(&*digits),
                    _ => None,
                };
                let groups = Groups::default();
                let variables =
                    Variables { text: &text, has_user: false, existing: None, groups: &groups };
                if expression.holds(&variables).map_err(|why| (id, why))? {
                    ids.push(id);
                }
            }
            ids
        }
        Pick::Name(wanted) => {
            let wanted = fold(wanted);
            let is_it = |name: &str| fold(name.trim()) == wanted;
            names.iter().filter(|(_, name)| is_it(name)).map(|(id, _)| id).collect()
        }
    })
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

fn found_twice(role: Role, typed: &str, alternatives: &[String]) -> SourceError {
    SourceError::Scope(format!(
        "The {} \"{typed}\" means more than one thing in OneLogin. Write which: {}.",
        role.noun(),
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
        Pick::Id(_) | Pick::Where(_) => "",
    };
    let places = match wanted.place {
        Place::In(source) => source_words(source).to_owned(),
        Place::Any => {
            let sources = groups_from.iter().map(|it| source_words(*it));
            sources.collect::<Vec<_>>().join(", ")
        }
    };
    SourceError::Scope(format!(
        "The {} \"{}\" is not among OneLogin's {places}.{}",
        wanted.role.noun(),
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
pub(crate) fn suggestion(name: &str, candidates: &[&str]) -> String {
    let name = fold(name);
    let scored = candidates.iter().map(|it| (strsim::jaro_winkler(&name, &fold(it)), it));
    let best = scored.max_by(|one, other| one.0.total_cmp(&other.0));
    match best {
        Some((score, near)) if 0.8 <= score => format!(" Did you mean \"{near}\"?"),
        Some(_) | None => String::new(),
    }
}

impl Scope {
    /// The paths of the fields that conditions look at.
    pub(super) fn fields(&self) -> impl Iterator<Item = &str> {
        self.rule.conditions.iter().map(Condition::field)
    }

    pub(super) fn is_everybody(&self) -> bool {
        self.rule.is_everybody()
    }

    /// Whether one of the required groups that is known by id contains everybody who takes part.
    pub(super) fn needs_all(&self) -> bool {
        self.rule.matching == Matching::All
    }

    /// Whether a group may be meant that only the rows themselves tell of.
    pub(super) fn names_member_of(&self) -> bool {
        self.groups().any(|it| it.entry.is_some())
    }

    pub(super) fn is_met_by(&self, row: &UserRow) -> bool {
        matches!(self.verdict(row), Verdict::InScope(_))
    }

    fn verdict(&self, row: &UserRow) -> Verdict {
        self.with(row, |candidate| self.rule.verdict(candidate))
    }

    /// Asks something about the one of a row.
    fn with<T>(&self, row: &UserRow, ask: impl FnOnce(Candidate<'_>) -> T) -> T {
        let has =
            |groups: &[Requirement], at: usize| groups.get(at).is_some_and(|it| it.is_met_by(row));
        ask(Candidate {
            has_required: &|at| has(&self.requirements, at),
            has_excluded: &|at| has(&self.exclusions, at),
            field: &|path| row.field(path),
        })
    }

    /// Why somebody takes part or not. `has` tells what they have of groups.
    pub(super) fn why(&self, row: &UserRow, has: impl FnOnce() -> String) -> Why {
        match self.verdict(row) {
            Verdict::InScope(Some(at)) if !self.needs_all() => {
                let first = self.requirements.get(at).map(|it| it.words.clone());
                Why::InScope { words: first.unwrap_or_default() }
            }
            Verdict::InScope(Some(_)) => Why::InScope { words: self.required_words() },
            Verdict::InScope(None) => Why::InScope { words: "no group is required".to_owned() },
            Verdict::OutOfScope(Shortfall::Lacks) => {
                Why::OutOfScope { needs: self.required_words(), has: has() }
            }
            Verdict::OutOfScope(Shortfall::Excluded(at)) => {
                let words = self.exclusions.get(at).map(|it| it.words.clone()).unwrap_or_default();
                Why::OutOfScope { needs: format!("not to be in {words}"), has: words }
            }
            Verdict::OutOfScope(Shortfall::Fails(at)) => {
                let Some(condition) = self.rule.conditions.get(at) else {
                    return Why::OutOfScope { needs: String::new(), has: String::new() };
                };
                let value = row.field(condition.field()).unwrap_or_default();
                let has = format!("{} {:?}", condition.field(), value);
                Why::OutOfScope { needs: condition.to_string(), has }
            }
        }
    }

    fn groups(&self) -> impl Iterator<Item = &Requirement> {
        self.requirements.iter().chain(&self.exclusions)
    }

    /// `role "Staff" or group "Sales"`.
    fn required_words(&self) -> String {
        let words: Vec<&str> = self.requirements.iter().map(|it| it.words.as_str()).collect();
        words.join(if self.needs_all() { " and " } else { " or " })
    }

    /// Everything that is asked: `role "Staff", not group "Guests", department = Sales`.
    pub(super) fn words(&self) -> String {
        let mut words = Vec::new();
        if !self.requirements.is_empty() {
            words.push(self.required_words());
        }
        words.extend(self.exclusions.iter().map(|it| format!("not {}", it.words)));
        words.extend(self.rule.conditions.iter().map(ToString::to_string));
        words.join(", ")
    }

    /// Notes which entries of `member_of` are the groups that are named.
    pub(super) fn sight(&self, row: &UserRow, sightings: &mut Sightings) {
        let Some(joined) = &row.member_of else { return };
        sightings.entries.resize(self.groups().count(), BTreeSet::new());
        for entry in member_of::entries(joined) {
            if sightings.names.len() < NAMES_SIGHTED_MAX && !sightings.names.contains(&entry.name) {
                sightings.names.insert(entry.name.clone());
            }
            for (group, seen) in self.groups().zip(&mut sightings.entries) {
                if group.is_entry(&entry) && !seen.contains(entry.dn) {
                    seen.insert(entry.dn.into());
                }
            }
        }
    }

    /// Refuses names that turned out to be nowhere, or in more than one place, once everybody was
    /// read.
    pub(super) fn verify(
        &self,
        sightings: &Sightings,
        groups_from: &BTreeSet<GroupSource>,
        roles_and_groups: &[&str],
    ) -> Result<(), SourceError> {
        let none = BTreeSet::new();
        for (at, group) in self.groups().enumerate() {
            if group.entry.is_none() {
                continue;
            }
            let seen = sightings.entries.get(at).unwrap_or(&none);
            let roles = group.roles.iter().map(|id| (Kind::Role, *id));
            let groups = group.groups.iter().map(|id| (Kind::Group, *id));
            let mut places = alternatives(&roles.chain(groups).collect::<Vec<_>>());
            places.extend(seen.iter().map(|dn| format!("member_of:{dn}")));
            let wanted = parse_one(group.role, &group.typed)?;
            // Nobody may be in an excluded group any more.
            let may_be_empty =
                group.role == Role::Excluded && wanted.place == Place::In(GroupSource::MemberOf);
            if places.is_empty() && !may_be_empty {
                let sighted = sightings.names.iter().map(|it| &**it);
                let names: Vec<&str> = sighted.chain(roles_and_groups.iter().copied()).collect();
                return Err(found_nowhere(&wanted, groups_from, &names));
            }
            if 1 < places.len() {
                return Err(found_twice(group.role, &group.typed, &places));
            }
        }
        Ok(())
    }
}

impl Vocabulary {
    /// By what the one of a row would take part who does not, each with how many of these others it
    /// brings in. Where they are not everybody, some of that cannot be told.
    pub(super) fn remedies(
        &self,
        row: &UserRow,
        others: &[UserRow],
        is_whole: bool,
        examples_max: usize,
    ) -> Vec<Remedy> {
        let scope = &self.scope;
        let own = self.could_be_required(row);
        let found =
            scope.with(row, |candidate| remedy::remedies(&scope.rule, candidate, own.len()));
        let remedy = |it: &remedy::Remedy| {
            let comes = |other: &&UserRow| {
                let has_own = |at: usize| own.get(at).is_some_and(|it| it.is_met_by(other));
                other.id != row.id
                    && other.odd.is_none()
                    && scope.with(other, |candidate| {
                        remedy::brings_in(&scope.rule, it, candidate, &has_own)
                    })
            };
            // Only a change of the rules concerns others.
            let others: Vec<&UserRow> =
                if it.is_of_rules() { others.iter().filter(comes).collect() } else { Vec::new() };
            // Whoever is in no required group was not read, and may be in the new one.
            let widens =
                it.edits.iter().any(|it| matches!(it, Edit::Require(_) | Edit::Release(_)));
            let count = (is_whole || !widens).then_some(others.len());
            let names = others.iter().filter_map(|it| it.username.clone().or(it.email.clone()));
            Remedy {
                words: scope.words_of(it, &own),
                is_of_rules: it.is_of_rules(),
                others: count,
                examples: names.take(examples_max).collect(),
            }
        };
        found.iter().map(remedy).collect()
    }

    /// What the one of a row has that could be a required group.
    fn could_be_required(&self, row: &UserRow) -> Vec<Requirement> {
        /// Nobody chooses among more.
        const GROUPS_MAX: usize = 30;
        let mut own = Vec::new();
        let named = |kind, id: &u64, names: &Names| Requirement {
            words: words(kind, *id, names),
            ..Requirement::default()
        };
        if self.groups_from.contains(&GroupSource::Roles) {
            own.extend(row.role_ids.iter().map(|id| Requirement {
                roles: BTreeSet::from([*id]),
                ..named(Kind::Role, id, &self.roles)
            }));
        }
        if self.groups_from.contains(&GroupSource::Group) {
            own.extend(row.group_id.iter().map(|id| Requirement {
                groups: BTreeSet::from([*id]),
                ..named(Kind::Group, id, &self.groups)
            }));
        }
        if self.groups_from.contains(&GroupSource::MemberOf) {
            let entries = member_of::entries(row.member_of.as_deref().unwrap_or_default());
            own.extend(entries.map(|entry| Requirement {
                words: format!("member_of \"{}\"", entry.name),
                entry: Some(fold(entry.dn)),
                ..Requirement::default()
            }));
        }
        own.truncate(GROUPS_MAX);
        own
    }
}

impl Scope {
    /// A remedy as an order.
    fn words_of(&self, remedy: &remedy::Remedy, own: &[Requirement]) -> String {
        let required = |at: &usize| self.requirements.get(*at).map_or("", |it| &it.words);
        let excluded = |at: &usize| self.exclusions.get(*at).map_or("", |it| &it.words);
        let condition = |at: &usize| self.rule.conditions.get(*at).map(ToString::to_string);
        let edit = |edit: &Edit| match edit {
            Edit::Join(at) => format!("add them to {} in OneLogin", required(at)),
            Edit::Leave(at) => format!("take them out of {} in OneLogin", excluded(at)),
            Edit::Meet(at) => {
                format!("make it so in OneLogin that {}", condition(at).unwrap_or_default())
            }
            Edit::Require(at) => {
                let words = own.get(*at).map_or("", |it| &it.words);
                format!("add {words} to the required groups")
            }
            Edit::Release(at) => format!("take {} off the required groups", required(at)),
            Edit::Admit(at) => format!("take {} off the excluded groups", excluded(at)),
            Edit::Drop(at) => format!("drop the condition {}", condition(at).unwrap_or_default()),
        };
        let edits: Vec<String> = remedy.edits.iter().map(edit).collect();
        edits.join(" and ")
    }
}

impl Requirement {
    /// Whether it is known by ids alone, so that its members can be asked for.
    pub(super) fn has_members(&self) -> bool {
        self.entry.is_none()
    }

    pub(super) fn is_met_by(&self, row: &UserRow) -> bool {
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
