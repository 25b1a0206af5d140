//! Makes records of rows, as they arrive: compact, because a million of them are kept.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use reconcile::finding::{Finding, FindingKind};
use reconcile::principal::{ExternalId, FieldPaths, Fields, Grant, Name, Record, Standing};

use super::error::SourceError;
use super::fields;
use super::kept::{Keeper, KeptRows};
use super::member_of;
use super::names::{Kind, Looked, Names};
use super::pages::Sink;
use super::scope::{Scope, Sightings, suggestion};
use super::settings::GroupSource;
use super::status::StatusTable;
use super::wire::{Keys, UserRow};

/// What the names of a tenant make of its rows.
#[derive(Clone, Debug)]
pub(super) struct Vocabulary {
    pub(super) groups_from: BTreeSet<GroupSource>,
    pub(super) roles: Arc<Names>,
    pub(super) groups: Arc<Names>,
    pub(super) scope: Arc<Scope>,
    /// The keys that we asked for: every row must have them.
    pub(super) wanted: Keys,
    /// What is kept of everybody beyond what a record has anyway.
    pub(super) kept: FieldPaths,
    pub(super) statuses: Arc<StatusTable>,
    /// Whether the records of people who are out of scope are asked for, too.
    pub(super) tells_leavers: bool,
}

type StatusAndState = (Option<i64>, Option<i64>);

/// Everybody who has arrived so far.
#[derive(Debug)]
pub(super) struct Assembly {
    vocabulary: Vocabulary,
    records: Vec<Record>,
    unreadable: BTreeSet<ExternalId>,
    findings: Vec<Finding>,
    out_of_scope: BTreeSet<u64>,
    grants: Grants,
    standings: BTreeMap<StatusAndState, (Standing, Arc<str>)>,
    /// Who has a role or group that no list names, by position in `records`.
    unnamed: BTreeMap<(Kind, u64), Vec<usize>>,
    sightings: Sightings,
    /// Whether people who take no part came by, too.
    saw_everybody: bool,
    /// The keys that at least one row had.
    keys: Keys,
    /// The custom attributes that the first rows had.
    custom_attributes: BTreeSet<Box<str>>,
    /// What the last row had not of what is kept, shared by all who are like it.
    untold: FieldPaths,
    values: Values,
    rows: usize,
    /// Keeps what arrives for later, where somebody wants it.
    keeper: Option<Keeper>,
    looked: BTreeMap<(Kind, u64), Looked>,
}

/// Values of further fields, one string for all who have them alike.
#[derive(Debug, Default)]
struct Values(BTreeSet<Arc<str>>);

/// One of each grant, shared by everybody who has it.
#[derive(Debug, Default)]
struct Grants {
    by_id: BTreeMap<(Kind, u64), Arc<Grant>>,
    by_dn: BTreeMap<Box<str>, Arc<Grant>>,
}

/// What an assembly comes to.
pub(super) struct Assembled {
    pub(super) records: Vec<Record>,
    pub(super) unreadable: BTreeSet<ExternalId>,
    pub(super) findings: Vec<Finding>,
    pub(super) out_of_scope: usize,
    pub(super) rows: Option<KeptRows>,
    /// What was asked for one by one, because no list names it.
    pub(super) looked: BTreeMap<(Kind, u64), Looked>,
}

/// Findings of one kind beyond this number are only counted: a million say no more.
const FINDINGS_MAX: usize = 10_000;

/// So many rows show which custom attributes there are: every row has all of them.
pub(super) const ROWS_WITH_CUSTOM_ATTRIBUTES: usize = 1_000;

/// Beyond so many different values it does not pay to look for an equal one.
const VALUES_SHARED_MAX: usize = 20_000;

/// So many of a person's roles and groups are told in one sentence.
const WORDS_MAX: usize = 5;

impl Vocabulary {
    /// Every role and group that gives a group, whether or not somebody has it. Of `member_of`
    /// nothing is known but what people have.
    pub(super) fn listed(&self) -> Vec<Arc<Grant>> {
        let mut listed = Vec::new();
        for (kind, source, names) in [
            (Kind::Role, GroupSource::Roles, &self.roles),
            (Kind::Group, GroupSource::Group, &self.groups),
        ] {
            if !self.groups_from.contains(&source) {
                continue;
            }
            let grants = names.iter().map(|(id, name)| grant(kind, id, name, names.is_shared(id)));
            listed.extend(grants);
        }
        listed
    }

    /// The first custom attribute that is wanted and makes no sense.
    pub(super) fn unreadable_attribute(&self, row: &UserRow) -> Option<&str> {
        let is_unreadable = |path: &&str| {
            fields::custom_attribute(path).is_some_and(|short_name| !row.is_readable(short_name))
        };
        self.kept.iter().chain(self.scope.fields()).find(is_unreadable)
    }

    /// What somebody has of that which a required group can be: `role "Sales", group "Staff"`.
    pub(super) fn words_of(&self, row: &UserRow) -> String {
        let role = |id: &u64| named(Kind::Role, *id, &self.roles);
        let mut words: Vec<String> = row.role_ids.iter().map(role).collect();
        words.extend(row.group_id.map(|id| named(Kind::Group, id, &self.groups)));
        let entries = member_of::entries(row.member_of.as_deref().unwrap_or_default());
        words.extend(entries.map(|it| format!("member_of \"{}\"", it.name)));
        let more = words.len().saturating_sub(WORDS_MAX);
        words.truncate(WORDS_MAX);
        if words.is_empty() {
            return "none".to_owned();
        }
        let ellipsis = if 0 < more { format!(" and {more} more") } else { String::new() };
        format!("{}{ellipsis}", words.join(", "))
    }
}

fn named(kind: Kind, id: u64, names: &Names) -> String {
    match names.get(id) {
        Some(name) => format!("{} \"{name}\"", kind.word()),
        None => format!("{} #{id}", kind.word()),
    }
}

impl Sink<UserRow> for Assembly {
    fn restart(&mut self) {
        let (vocabulary, saw_everybody) = (self.vocabulary.clone(), self.saw_everybody);
        let keeper = self.keeper.is_some().then(Keeper::new);
        *self = Assembly { saw_everybody, keeper, ..Assembly::new(vocabulary) };
    }

    fn take(&mut self, rows: Vec<UserRow>) {
        for row in rows {
            self.add(row);
        }
    }
}

impl Assembly {
    pub(super) fn new(vocabulary: Vocabulary) -> Assembly {
        Assembly {
            vocabulary,
            records: Vec::new(),
            unreadable: BTreeSet::new(),
            findings: Vec::new(),
            out_of_scope: BTreeSet::new(),
            grants: Grants::default(),
            standings: BTreeMap::new(),
            unnamed: BTreeMap::new(),
            sightings: Sightings::default(),
            saw_everybody: false,
            keys: Keys::default(),
            custom_attributes: BTreeSet::new(),
            untold: FieldPaths::default(),
            values: Values::default(),
            rows: 0,
            keeper: None,
            looked: BTreeMap::new(),
        }
    }

    /// Keeps what arrives, for questions after the read.
    pub(super) fn keep(&mut self) {
        self.keeper = Some(Keeper::new());
    }

    /// Everybody is about to come by, whether they take part or not.
    pub(super) fn expect_everybody(&mut self) {
        self.saw_everybody = true;
    }

    fn add(&mut self, row: UserRow) {
        self.rows += 1;
        self.keys = self.keys.or(row.keys);
        if let Some(keeper) = &mut self.keeper {
            keeper.take(&row);
        }
        if self.rows <= ROWS_WITH_CUSTOM_ATTRIBUTES {
            add_custom_attributes(&row, &mut self.custom_attributes);
        }
        if let Some(why) = self.why_unreadable(&row) {
            self.add_unreadable(row, &why);
            return;
        }
        let Some(id) = row.id else { return };
        let scope = self.vocabulary.scope.clone();
        if scope.names_member_of() {
            scope.sight(&row, &mut self.sightings);
        }
        if !scope.is_everybody() && !scope.is_met_by(&row) {
            self.out_of_scope.insert(id);
            return;
        }
        let record = self.record(row, id);
        self.records.push(record);
    }

    fn why_unreadable(&self, row: &UserRow) -> Option<String> {
        if let Some(field) = row.odd {
            return Some(format!("OneLogin sends a value of \"{field}\" that makes no sense"));
        }
        if row.id.is_none() {
            return Some("OneLogin sends no id".to_owned());
        }
        if let Some(absent) = self.vocabulary.wanted.first_absent_from(row.keys) {
            return Some(format!("OneLogin sends no \"{absent}\", although we asked for it"));
        }
        let senseless = self.vocabulary.unreadable_attribute(row)?;
        Some(format!("OneLogin sends a value of \"{senseless}\" that makes no sense"))
    }

    fn add_unreadable(&mut self, row: UserRow, why: &str) {
        let id = row.id.map(external_id);
        self.unreadable.extend(id.clone());
        if FINDINGS_MAX <= self.findings.len() {
            return;
        }
        self.findings.push(Finding {
            kind: FindingKind::Unreadable,
            id,
            username: row.username.or(row.email),
            message: format!("{why}. Whatever is there of this person stays as it is."),
        });
    }

    fn record(&mut self, row: UserRow, id: u64) -> Record {
        let grants = self.grants(&row);
        let (standing, standing_words) = self
            .standings
            .entry((row.status, row.state))
            .or_insert_with(|| self.vocabulary.statuses.standing(row.status, row.state))
            .clone();
        let fields = self.fields(&row);
        Record {
            id: external_id(id),
            username: row.username,
            email: row.email,
            display_name: None,
            first_name: row.first_name,
            last_name: row.last_name,
            standing,
            standing_words,
            grants,
            fields,
        }
    }

    fn fields(&mut self, row: &UserRow) -> Fields {
        let Assembly { vocabulary: Vocabulary { kept, .. }, values, untold, .. } = self;
        let is_untold = |path: &&str| {
            fields::custom_attribute(path).is_some_and(|short_name| !row.has(short_name))
        };
        if !kept.iter().filter(is_untold).eq(untold.iter()) {
            *untold = FieldPaths::new(kept.iter().filter(is_untold));
        }
        let shared = kept.iter().map(|path| row.field(path).map(|it| values.share(&it)));
        Fields::without(kept, shared, untold.clone())
    }

    /// Tells of custom attributes that nobody has: they are misspelt, or were deleted. What rules make of
    /// them is what accounts have already, so they are a finding. Who takes part can be told by no
    /// such thing: in a condition they are refused.
    pub(super) fn check_custom_attributes(&mut self) -> Result<(), SourceError> {
        if self.rows == 0 {
            return Ok(());
        }
        let Vocabulary { kept, scope, .. } = &self.vocabulary;
        let unknown = |path: &str| unknown_attribute(path, &self.custom_attributes);
        if let Some((path, sentence)) = scope.fields().find_map(|path| Some((path, unknown(path)?)))
        {
            return Err(SourceError::Settings(format!(
                "{sentence} A condition asks for {path}, so who takes part cannot be told."
            )));
        }
        let found = kept.iter().filter_map(|path| Some((path, unknown(path)?)));
        let findings: Vec<Finding> = found
            .map(|(path, sentence)| Finding {
                kind: FindingKind::UnknownField,
                id: None,
                username: None,
                message: format!(
                    "{sentence} Whatever rows and expressions make of {path}, accounts keep what they have."
                ),
            })
            .collect();
        self.findings.extend(findings);
        self.settle_untold();
        Ok(())
    }

    /// Whoever came without an attribute that others have has no value of it.
    fn settle_untold(&mut self) {
        let known = &self.custom_attributes;
        let is_known =
            |path: &str| fields::custom_attribute(path).is_some_and(|it| known.contains(it));
        for record in &mut self.records {
            if record.fields.untold().any(is_known) {
                let untold = record.fields.untold().filter(|it| !is_known(it));
                let untold = FieldPaths::new(untold);
                record.fields = record.fields.with_untold(untold);
            }
        }
    }

    fn grants(&mut self, row: &UserRow) -> Vec<Arc<Grant>> {
        let groups_from = &self.vocabulary.groups_from;
        let has_roles = groups_from.contains(&GroupSource::Roles);
        let has_group = groups_from.contains(&GroupSource::Group);
        let has_member_of = groups_from.contains(&GroupSource::MemberOf);
        let mut grants = Vec::with_capacity(row.role_ids.len() + 1);
        if has_roles {
            for id in &row.role_ids {
                self.grant(Kind::Role, *id, &mut grants);
            }
        }
        if has_group && let Some(id) = row.group_id {
            self.grant(Kind::Group, id, &mut grants);
        }
        if has_member_of && let Some(joined) = &row.member_of {
            for entry in member_of::entries(joined) {
                push(&mut grants, self.grants.of_entry(&entry));
            }
        }
        grants.shrink_to_fit();
        grants
    }

    fn grant(&mut self, kind: Kind, id: u64, grants: &mut Vec<Arc<Grant>>) {
        if let Some(grant) = self.grants.by_id.get(&(kind, id)) {
            push(grants, grant.clone());
            return;
        }
        let names = match kind {
            Kind::Role => &self.vocabulary.roles,
            Kind::Group => &self.vocabulary.groups,
        };
        match names.get(id) {
            Some(name) => {
                let grant = grant(kind, id, name, names.is_shared(id));
                self.grants.by_id.insert((kind, id), grant.clone());
                push(grants, grant);
            }
            None => self.unnamed.entry((kind, id)).or_default().push(self.records.len()),
        }
    }

    /// Roles or groups that people have and no list names.
    pub(super) fn unnamed(&self, kind: Kind) -> BTreeSet<u64> {
        self.unnamed.keys().filter(|it| it.0 == kind).map(|it| it.1).collect()
    }

    /// Gives names to what was unnamed. Whoever has something that exists without a name is
    /// withheld: we cannot tell which memberships they would lose.
    pub(super) fn name(&mut self, kind: Kind, looked: &BTreeMap<u64, Looked>) {
        for (id, found) in looked {
            let Some(holders) = self.unnamed.remove(&(kind, *id)) else { continue };
            self.looked.insert((kind, *id), found.clone());
            let words = format!("{} #{id}", kind.word());
            let message = match found {
                Looked::Named(name) => {
                    let origin = format!("{} \"{name}\"", kind.word()).into();
                    let kind = kind.word().into();
                    let grant = Arc::new(Grant { group: Name::new(name), kind, origin });
                    for at in holders {
                        if let Some(record) = self.records.get_mut(at) {
                            push(&mut record.grants, grant.clone());
                        }
                    }
                    continue;
                }
                Looked::Gone => format!(
                    "{} people have {words}, which OneLogin does not know any more. It gives no \
                     group.",
                    holders.len()
                ),
                Looked::Nameless => {
                    let records = holders.iter().filter_map(|at| self.records.get(*at));
                    self.unreadable.extend(records.map(|it| it.id.clone()));
                    format!(
                        "{} people have {words}, which has no name. Give it one in OneLogin; until \
                         then they stay as they are.",
                        holders.len()
                    )
                }
            };
            let kind = FindingKind::UnnamedGroup;
            self.findings.push(Finding { kind, id: None, username: None, message });
        }
    }

    /// Refuses a read in which nobody has a key that we asked for, or in which a required group
    /// turned out to be nowhere.
    pub(super) fn finish(mut self) -> Result<Assembled, SourceError> {
        let Vocabulary {
            groups_from,
            roles,
            groups,
            scope,
            wanted,
            kept: _,
            statuses: _,
            tells_leavers: _,
        } = &self.vocabulary;
        if 0 < self.rows
            && let Some(field) = wanted.first_absent_from(self.keys)
        {
            return Err(SourceError::incomplete(format!(
                "OneLogin sends nobody's \"{field}\", although we asked for it."
            )));
        }
        if self.records.is_empty()
            && self.out_of_scope.is_empty()
            && let Some(first) = self.findings.first()
        {
            return Err(SourceError::incomplete(format!(
                "Not one of {} people could be read. Of the first: {}",
                self.rows, first.message
            )));
        }
        if let Some((kind, id)) = self.unnamed.keys().next() {
            let word = kind.word();
            return Err(SourceError::incomplete(format!("The name of {word} #{id} is not known.")));
        }
        let names = roles.iter().chain(groups.iter()).map(|(_, name)| name);
        if self.saw_everybody {
            scope.verify(&self.sightings, groups_from, &names.collect::<Vec<_>>())?;
        }
        let unreadable = self.unreadable;
        self.records.retain(|it| !unreadable.contains(&it.id));
        self.records.sort_by(|one, other| one.id.cmp(&other.id));
        self.records.dedup_by(|one, other| one.id == other.id);
        Ok(Assembled {
            records: self.records,
            unreadable,
            findings: self.findings,
            out_of_scope: self.out_of_scope.len(),
            rows: self.keeper.and_then(Keeper::finish),
            looked: self.looked,
        })
    }
}

/// Adds those that a row has to the known ones.
pub(super) fn add_custom_attributes(row: &UserRow, known: &mut BTreeSet<Box<str>>) {
    for short_name in row.custom_attributes() {
        if !known.contains(short_name) {
            known.insert(short_name.into());
        }
    }
}

/// A sentence with what may be meant, if a path is of a custom attribute that is not among these.
pub(super) fn unknown_attribute(path: &str, known: &BTreeSet<Box<str>>) -> Option<String> {
    let short_name = fields::custom_attribute(path).filter(|it| !known.contains(*it))?;
    let known: Vec<&str> = known.iter().map(|it| &**it).collect();
    let near = suggestion(short_name, &known);
    Some(format!("OneLogin has no custom attribute \"{short_name}\".{near}"))
}

impl Values {
    fn share(&mut self, value: &str) -> Arc<str> {
        if let Some(known) = self.0.get(value) {
            return known.clone();
        }
        let value: Arc<str> = value.into();
        if self.0.len() < VALUES_SHARED_MAX {
            self.0.insert(value.clone());
        }
        value
    }
}

impl Grants {
    fn of_entry(&mut self, entry: &member_of::Entry<'_>) -> Arc<Grant> {
        if let Some(grant) = self.by_dn.get(entry.dn) {
            return grant.clone();
        }
        let origin = format!("member_of \"{}\"", entry.dn).into();
        let (group, kind) = (Name::new(&entry.name), GroupSource::MemberOf.kind().into());
        let grant = Arc::new(Grant { group, kind, origin });
        self.by_dn.insert(entry.dn.into(), grant.clone());
        grant
    }
}

fn grant(kind: Kind, id: u64, name: &str, is_shared: bool) -> Arc<Grant> {
    let number = if is_shared { format!(" (#{id})") } else { String::new() };
    let origin = format!("{} \"{name}\"{number}", kind.word()).into();
    Arc::new(Grant { group: Name::new(name), kind: kind.word().into(), origin })
}

fn push(grants: &mut Vec<Arc<Grant>>, grant: Arc<Grant>) {
    if !grants.iter().any(|it| Arc::ptr_eq(it, &grant)) {
        grants.push(grant);
    }
}

pub(super) fn external_id(id: u64) -> ExternalId {
    ExternalId::new(&id.to_string())
}
