//! Which groups there are, and who is in them.
//!
//! Each group of the source goes one way: what it is called where several sources have its name,
//! whether it takes part, and who of those who have it is in it. Groups that come to one name are
//! one group.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::sync::Arc;

use super::transform::Transformations;
use super::{Desired, check_identifier, is_unprintable};
use crate::expression::{Expression, Groups, Variables, text_of, untold};
use crate::finding::{Finding, FindingKind};
use crate::pattern::Patterns;
use crate::principal::{ExternalId, Grant, Name, Record, User};

/// What becomes of the groups of a source. Where nothing is set, they are taken as they are.
#[derive(Clone, Debug)]
pub struct GroupRules {
    /// What the names of the source become, before anything else is asked of them.
    pub names: Option<GroupNames>,
    pub equal_names: EqualNames,
    /// The group sources, by the provider's words; the first wins. Whichever is not named comes last.
    pub order: Vec<Box<str>>,
    /// Only these, by the name that they get; where there are none, all.
    pub only: Patterns,
    pub except: Patterns,
    pub assigned: Vec<Assigned>,
    /// Whether groups that nobody has are wanted too.
    pub with_empty: bool,
}

/// Transformations of the names of groups.
#[derive(Clone, Debug)]
pub struct GroupNames {
    pub transformations: Transformations,
    pub otherwise: Unmatched,
}

/// What happens to a group whose name no transformation applies to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Unmatched {
    /// It keeps its name.
    Untransformed,
    /// It gives no group.
    LeftOut,
    /// Whoever has it takes no part.
    SkipUser,
}

/// What happens where two group sources have a group of one name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum EqualNames {
    /// They are one group, with the members of both.
    Merge,
    /// Each gets its group source for a prefix: `role-Sales`, `group-Sales`.
    Prefix,
    /// The group of the first group source counts; the others give no group.
    FirstWins,
}

/// A group that people get whatever the source grants.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Assigned {
    pub group: Name,
    /// Only whoever has a group of this group source, by the provider's word; or everybody.
    pub with: Option<Box<str>>,
    /// Only those of them of whom it says yes.
    pub only_if: Option<Expression>,
}

/// Why a source group is none of the directory, or the name that it gets.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fate {
    Group(Name),
    LeftOut(LeftOut),
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum LeftOut {
    /// Another group source has the name, and comes first.
    Outranked {
        by: Box<str>,
    },
    NotListed,
    /// No transformation applies to its name.
    Unmatched,
    /// By the pattern that says so.
    Excepted(Box<str>),
    /// A directory cannot hold it; a sentence says why.
    Unfit(String),
}

impl GroupRules {
    pub const PLAIN: GroupRules = GroupRules {
        names: None,
        equal_names: EqualNames::Merge,
        order: Vec::new(),
        only: Patterns::NONE,
        except: Patterns::NONE,
        assigned: Vec::new(),
        with_empty: false,
    };
}

impl fmt::Display for LeftOut {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            LeftOut::Outranked { by } => write!(f, "a {by} has its name, and comes first"),
            LeftOut::Unmatched => f.write_str("no transformation applies to its name"),
            LeftOut::NotListed => f.write_str("it is not among the groups that take part"),
            LeftOut::Excepted(pattern) => write!(f, "it is left out by \"{pattern}\""),
            LeftOut::Unfit(why) => f.write_str(why),
        }
    }
}

/// Which group sources have a group of a name, told of every group there is.
///
/// Whether somebody has it makes no difference, so that no group changes its name because somebody
/// else joins another.
#[derive(Debug, Default)]
pub struct Sharing<'a>(BTreeMap<Name, BTreeSet<&'a str>>);

impl<'a> Sharing<'a> {
    pub fn of(rules: &GroupRules, grants: impl IntoIterator<Item = &'a Arc<Grant>>) -> Sharing<'a> {
        let mut sharing = Sharing::default();
        if rules.equal_names != EqualNames::Merge {
            for grant in grants {
                if let Ok(name) = rules.name_of(grant) {
                    sharing.0.entry(name).or_default().insert(&grant.kind);
                }
            }
        }
        sharing
    }

    /// The group sources that have the name, where there are several.
    fn sources(&self, name: &Name) -> Option<&BTreeSet<&'a str>> {
        self.0.get(name).filter(|sources| 1 < sources.len())
    }
}

impl GroupRules {
    /// What becomes of one group of the source.
    pub fn fate(&self, grant: &Grant, sharing: &Sharing<'_>) -> Fate {
        let transformed = match self.name_of(grant) {
            Ok(name) => name,
            Err(left_out) => return Fate::LeftOut(left_out),
        };
        let name = match (self.equal_names, sharing.sources(&transformed)) {
            (EqualNames::Prefix, Some(_)) => Name::new(&format!("{}-{transformed}", grant.kind)),
            (EqualNames::FirstWins, Some(sources)) => {
                let first = sources.iter().min_by_key(|it| (self.rank(it), **it));
                match first.filter(|first| ***first != *grant.kind) {
                    Some(first) => {
                        return Fate::LeftOut(LeftOut::Outranked { by: (*first).into() });
                    }
                    None => transformed,
                }
            }
            (EqualNames::Merge, _) | (_, None) => transformed,
        };
        if !self.only.is_empty() && !self.only.matches(&name) {
            return Fate::LeftOut(LeftOut::NotListed);
        }
        if let Some(pattern) = self.except.matching(&name) {
            return Fate::LeftOut(LeftOut::Excepted(pattern.into()));
        }
        if let Err(why) = check_group(&name) {
            return Fate::LeftOut(LeftOut::Unfit(why));
        }
        Fate::Group(name)
    }

    /// What a group of the source is called after the transformations.
    pub fn name_of(&self, grant: &Grant) -> Result<Name, LeftOut> {
        let Some(GroupNames { transformations, otherwise }) = &self.names else {
            let typed = grant.group.as_str();
            let trimmed = typed.trim();
            // With blanks around it a name looks like another, which may be privileged.
            let is_trim = trimmed.len() == typed.len();
            return Ok(if is_trim { grant.group.clone() } else { Name::new(trimmed) });
        };
        let transformed = transformations
            .apply(grant.group.as_str())
            .map_err(|why| LeftOut::Unfit(format!("Its name cannot be transformed: {why}.")))?;
        match (transformed.applied, otherwise) {
            (true, _) | (false, Unmatched::Untransformed) => {
                Ok(Name::new(transformed.value.trim()))
            }
            (false, Unmatched::LeftOut | Unmatched::SkipUser) => Err(LeftOut::Unmatched),
        }
    }

    fn rank(&self, kind: &str) -> usize {
        self.order.iter().position(|it| **it == *kind).unwrap_or(self.order.len())
    }
}

/// Which groups keep whoever has them from taking part.
#[derive(Debug)]
pub(super) struct Skips<'a> {
    rules: Option<&'a GroupRules>,
    /// By address: a source shares one grant between all people who have it.
    known: RefCell<BTreeMap<*const Grant, bool>>,
}

impl<'a> Skips<'a> {
    pub(super) fn of(rules: &'a GroupRules) -> Skips<'a> {
        let skips = rules.names.as_ref().is_some_and(|it| it.otherwise == Unmatched::SkipUser);
        Skips { rules: skips.then_some(rules), known: RefCell::default() }
    }

    /// Why somebody who has these takes no part, if they do not.
    pub(super) fn because_of(&self, grants: &[Arc<Grant>]) -> Option<Arc<str>> {
        let rules = self.rules?;
        let skips = |grant: &&Arc<Grant>| {
            let mut known = self.known.borrow_mut();
            *known
                .entry(Arc::as_ptr(grant))
                .or_insert_with(|| rules.name_of(grant) == Err(LeftOut::Unmatched))
        };
        let grant = grants.iter().find(skips)?;
        Some(format!("no transformation applies to the name of {}", grant.origin).into())
    }
}

/// What the assignments by expression say of people, asked while their records are at hand.
#[derive(Debug)]
pub(super) struct Assignments<'a> {
    /// Each by its place among the assignments.
    conditional: Vec<(usize, &'a Name, &'a Expression)>,
    /// Whoever each says no of, or nothing.
    refused: BTreeMap<usize, BTreeSet<ExternalId>>,
    undecided: BTreeMap<ExternalId, Finding>,
    /// The groups of whose assignment nothing can be told, of whom, and why.
    untold: BTreeMap<&'a Name, (BTreeSet<ExternalId>, String)>,
}

impl<'a> Assignments<'a> {
    pub(super) fn of(rules: &'a GroupRules) -> Assignments<'a> {
        let places = rules.assigned.iter().enumerate();
        let conditional =
            places.filter_map(|(place, it)| Some((place, &it.group, it.only_if.as_ref()?)));
        Assignments {
            conditional: conditional.collect(),
            refused: BTreeMap::new(),
            undecided: BTreeMap::new(),
            untold: BTreeMap::new(),
        }
    }

    /// Only active people are assigned to groups.
    pub(super) fn ask(&mut self, user: &User, record: &Record) {
        if self.conditional.is_empty() || !user.active {
            return;
        }
        let groups = Groups::granted(&record.grants);
        let text = |path: &str| text_of(user, Some(record), path);
        let variables = Variables { text: &text, has_user: true, existing: None, groups: &groups };
        for (place, group, expression) in &self.conditional {
            let mut refuse = || self.refused.entry(*place).or_default().insert(user.id.clone());
            if let Some(why) = untold(expression.source_fields(), Some(record)) {
                refuse();
                let (people, _) =
                    self.untold.entry(group).or_insert_with(|| (BTreeSet::new(), why));
                people.insert(user.id.clone());
                continue;
            }
            match expression.holds(&variables) {
                Ok(true) => {}
                Ok(false) => drop(refuse()),
                Err(why) => {
                    self.undecided.insert(user.id.clone(), undecided(user, group, &why));
                    break;
                }
            }
        }
    }

    /// Withholds whoever an expression failed at: to leave a group because an expression is wrong would be
    /// worse than to stay. Where the source does not tell what it asks, that group alone stays as it is. What
    /// is left is whoever each assignment says no of, or nothing.
    fn settle(
        self,
        desired: &mut Desired,
        findings: &mut Vec<Finding>,
    ) -> BTreeMap<usize, BTreeSet<ExternalId>> {
        for (id, finding) in self.undecided {
            if desired.directory.users.remove(&id).is_some() {
                findings.push(finding);
                desired.withheld.insert(id);
            }
        }
        for (group, (people, why)) in self.untold {
            findings.push(unsettled(group, &why));
            desired.unsettled.insert(group.clone(), people);
        }
        self.refused
    }
}

/// A grant and everybody who has it.
type Holders = (Arc<Grant>, Vec<ExternalId>);

/// Who is in which group. `listed` are the groups of the source that are known of without anybody
/// who has them.
pub(super) fn assign(
    desired: &mut Desired,
    grants: Vec<(ExternalId, Vec<Arc<Grant>>)>,
    listed: &[Arc<Grant>],
    rules: &GroupRules,
    assignments: Assignments<'_>,
    findings: &mut Vec<Finding>,
) {
    let refused = assignments.settle(desired, findings);
    let mut holders: Vec<Holders> = members_by_grant(grants, &desired.withheld).collect();
    if rules.with_empty {
        holders.extend(listed.iter().map(|grant| (Arc::clone(grant), Vec::new())));
    }
    let all: Vec<Arc<Grant>> = holders.iter().map(|(grant, _)| Arc::clone(grant)).collect();
    let sharing = Sharing::of(rules, all.iter().chain(listed));
    let assigned = assigned_members(desired, &holders, rules, &refused);

    let mut groups: BTreeMap<Name, Vec<(Name, Holders)>> = BTreeMap::new();
    let mut unfit: BTreeSet<(Box<str>, String)> = BTreeSet::new();
    for holders in holders {
        match rules.fate(&holders.0, &sharing) {
            Fate::Group(name) => groups.entry(name.clone()).or_default().push((name, holders)),
            Fate::LeftOut(LeftOut::Unfit(why)) => {
                let (grant, members) = holders;
                unfit.insert((grant.origin.clone(), why));
                desired.unnamed.extend(members);
            }
            Fate::LeftOut(
                why @ (LeftOut::Outranked { .. }
                | LeftOut::NotListed
                | LeftOut::Unmatched
                | LeftOut::Excepted(_)),
            ) => {
                let (grant, _) = holders;
                let name = rules.name_of(&grant).unwrap_or_else(|_| grant.group.clone());
                let why = format!("{} gives no group: {why}", grant.origin);
                desired.left_out.insert(name, why.into());
            }
        }
    }
    desired.left_out.retain(|name, _| !groups.contains_key(name));
    findings.extend(unfit.iter().map(|(origin, why)| refused_group(origin, why)));
    for (name, sources) in groups {
        let origins: BTreeSet<&str> =
            sources.iter().map(|(_, (grant, _))| &*grant.origin).collect();
        let spellings: BTreeSet<&str> = sources.iter().map(|(name, _)| name.as_str()).collect();
        if 1 < spellings.len() {
            findings.push(merged_groups(&spellings, &origins));
        }
        // The first spelling in order is the one that is used, whoever was read first.
        let name = spellings.first().map_or(name, |spelling| Name::new(spelling));
        let sets = || sources.iter().map(|(_, (_, members))| members.iter().collect());
        let separator = if 1 < origins.len() { between(sets()) } else { "" };
        let origins = origins.into_iter().collect::<Vec<_>>().join(separator);
        desired.origins.insert(name.clone(), origins.into());
        let members = sources.into_iter().flat_map(|(_, (_, members))| members).collect();
        desired.directory.groups.insert(name, members);
    }
    for (group, members, origin) in assigned {
        let origins = desired.origins.entry(group.clone()).or_default();
        let present = desired.directory.groups.entry(group).or_default();
        if origins.is_empty() {
            *origins = origin.into();
        } else if !origins.ends_with(&*origin) {
            let sets = [present.iter().collect(), members.iter().collect()];
            let separator = between(sets.into_iter());
            *origins = format!("{origins}{separator}{origin}").into();
        }
        present.extend(members);
    }
}

/// What stands between the origins of a group: nobody is told of one as theirs that only others have.
#[expect(single_use_lifetimes, reason = "an `impl Trait` needs a name for it")]
fn between<'a>(mut members: impl Iterator<Item = BTreeSet<&'a ExternalId>>) -> &'static str {
    let first = members.next().unwrap_or_default();
    if members.all(|it| it == first) { " and " } else { " or " }
}

/// Who is in the groups that are assigned: active people alone, so that such a group may stand for a
/// licence.
fn assigned_members(
    desired: &Desired,
    holders: &[Holders],
    rules: &GroupRules,
    refused: &BTreeMap<usize, BTreeSet<ExternalId>>,
) -> Vec<(Name, Vec<ExternalId>, Box<str>)> {
    let is_active =
        |id: &&ExternalId| desired.directory.users.get(*id).is_some_and(|user| user.active);
    let mut assigned = Vec::new();
    for (place, Assigned { group, with, only_if }) in rules.assigned.iter().enumerate() {
        let refused = refused.get(&place);
        let is_meant = |id: &&ExternalId| {
            is_active(id) && !refused.is_some_and(|refused| refused.contains(*id))
        };
        let members: Vec<ExternalId> = match with {
            None => desired.directory.users.keys().filter(is_meant).cloned().collect(),
            Some(kind) => {
                let of_kind = holders.iter().filter(|(grant, _)| grant.kind == *kind);
                of_kind.flat_map(|(_, members)| members).filter(is_meant).cloned().collect()
            }
        };
        let origin = match with {
            None if only_if.is_some() => "an assignment by expression".into(),
            None => "an assignment to everybody".into(),
            Some(kind) => format!("an assignment to whoever has a {kind}").into(),
        };
        assigned.push((group.clone(), members, origin));
    }
    assigned
}

/// Who has each grant, in no order. A source shares one `Arc` between all people who have a grant,
/// so they are told apart by address; equal ones at two addresses are for the caller to join.
fn members_by_grant(
    grants: Vec<(ExternalId, Vec<Arc<Grant>>)>,
    withheld: &BTreeSet<ExternalId>,
) -> impl Iterator<Item = Holders> {
    let mut by_address: BTreeMap<*const Grant, Holders> = BTreeMap::new();
    for (id, grants) in grants {
        if withheld.contains(&id) {
            continue;
        }
        for grant in grants {
            let entry =
                by_address.entry(Arc::as_ptr(&grant)).or_insert_with(|| (grant, Vec::new()));
            entry.1.push(id.clone());
        }
    }
    by_address.into_values()
}

fn undecided(user: &User, group: &Name, why: &str) -> Finding {
    Finding {
        kind: FindingKind::Expression,
        id: Some(user.id.clone()),
        username: Some(user.username.as_str().into()),
        message: format!(
            "The expression for the group {group} decides nothing: {why}. Whatever a target holds of them stays as it is."
        ),
    }
}

fn unsettled(group: &Name, why: &str) -> Finding {
    Finding {
        kind: FindingKind::Expression,
        id: None,
        username: None,
        message: format!(
            "The expression for the group {group} decides nothing: {why}. Nobody joins or leaves the group by it."
        ),
    }
}

fn refused_group(origin: &str, why: &str) -> Finding {
    Finding {
        kind: FindingKind::Invalid,
        id: None,
        username: None,
        message: format!(
            "The group of {} is left out. {why} Whoever has it stays in groups that the source has no more: \
             it may have been one of them.",
            spelled_out(origin)
        ),
    }
}

/// With the numbers of characters that would not be seen, or would do something to whoever looks.
fn spelled_out(text: &str) -> String {
    let spelled = |char: char| match char {
        char if is_unprintable(char) => char.escape_unicode().to_string(),
        char => char.to_string(),
    };
    text.chars().map(spelled).collect()
}

fn merged_groups(spellings: &BTreeSet<&str>, origins: &BTreeSet<&str>) -> Finding {
    let spellings = spellings.iter().map(|it| format!("{it:?}")).collect::<Vec<_>>().join(", ");
    let origins = origins.iter().copied().collect::<Vec<_>>().join(", ");
    Finding {
        kind: FindingKind::Conflict,
        id: None,
        username: None,
        message: format!(
            "{spellings} ({origins}) are one group to Atlassian products, which do not tell upper from lower case; their members are together in one group."
        ),
    }
}

/// Whether a directory can hold a group of that name; if not, a sentence that says why.
pub fn check_group(name: &Name) -> Result<(), String> {
    if name.as_str().trim().is_empty() {
        return Err("It has no name.".to_owned());
    }
    check_identifier("name", name.as_str())
}
