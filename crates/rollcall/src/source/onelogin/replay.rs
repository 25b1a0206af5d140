//! A kept read, gone through again: the same scope, the same records, whatever the settings are now.
//!
//! No call is made. What a kept read cannot tell is said, never guessed: a field that nobody was
//! asked for refuses the replay, people who were not read are told of by [`Retold::unread`].

pub mod headcount;
pub mod names;
pub mod sample;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::sync::Arc;

use reconcile::plan::Absence;
use reconcile::principal::{ExternalId, FieldPaths, Grant, fold};

use super::assembly::{Assembly, ROWS_WITH_CUSTOM_ATTRIBUTES, Vocabulary, external_id};
use super::error::SourceError;
use super::fields;
use super::find::{found, readable};
use super::gone::absence_of;
use super::kept::{Header, Kept, KeptError, Opened};
use super::names::{Kind, Looked};
use super::pages::Sink;
use super::read::Question;
use super::report::{Found, Proof, Read};
use super::scope;
use super::settings::Settings;
use super::wire::{Keys, UserRow};

/// A kept read, ready for questions.
#[derive(Clone, Debug)]
pub struct Replay {
    header: Header,
    rows: Vec<UserRow>,
    /// Asked for by id after the read.
    asked: BTreeMap<u64, UserRow>,
    gone: BTreeSet<ExternalId>,
    /// Positions in `rows`.
    by_id: BTreeMap<u64, usize>,
}

/// A kept read as some settings understand it.
#[derive(Clone, Debug)]
pub struct Retold<'a> {
    replay: &'a Replay,
    vocabulary: Vocabulary,
    calls_anew: usize,
}

/// One way by which somebody who takes no part would.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Remedy {
    /// What to do, as an order: `add them to role "Staff" in OneLogin`.
    pub words: String,
    /// Whether it changes the settings, and not only the person.
    pub is_of_rules: bool,
    /// How many others it brings in; nothing where the stored read cannot tell.
    pub others: Option<usize>,
    /// Some of them, by username or e-mail.
    pub examples: Vec<Box<str>>,
}

#[derive(Debug, thiserror::Error)]
pub enum ReplayError {
    #[error(transparent)]
    Kept(#[from] KeptError),
    #[error(transparent)]
    Settings(#[from] SourceError),
    #[error(
        "The stored read is of another OneLogin account ({base_url}). Simulate once with these settings."
    )]
    OtherAccount { base_url: String },
    #[error(
        "The stored read did not ask OneLogin for {}, which these settings need. Save them and simulate once, or leave that part out.",
        .fields.join(" and ")
    )]
    NotAsked { fields: Vec<&'static str> },
}

/// Others whom a remedy brings in are named up to here.
const EXAMPLES_MAX: usize = 5;

/// More ways than these help nobody to choose.
const REMEDIES_MAX: usize = 12;

impl Replay {
    pub fn open(kept: &Kept) -> Result<Replay, KeptError> {
        let Opened { header, rows } = kept.open()?;
        let asked = header.asked().filter_map(|row| Some((row.id?, row))).collect();
        let gone = header.gone.iter().map(|id| ExternalId::new(id)).collect();
        let by_id = rows.iter().enumerate().filter_map(|(at, row)| Some((row.id?, at))).collect();
        Ok(Replay { header, rows, asked, gone, by_id })
    }

    /// The read as these settings understand it.
    pub fn retold(
        &self,
        settings: &Settings,
        kept: &FieldPaths,
    ) -> Result<Retold<'_>, ReplayError> {
        if !self.is_of(settings) {
            return Err(ReplayError::OtherAccount { base_url: self.header.base_url.clone() });
        }
        let question = Question::by(settings, kept)?;
        let fields: Vec<&'static str> =
            question.fields.iter().copied().filter(|field| !self.asked_for(field)).collect();
        if !fields.is_empty() {
            return Err(ReplayError::NotAsked { fields });
        }
        let roles = Arc::new(self.header.names(Kind::Role));
        let groups = Arc::new(self.header.names(Kind::Group));
        let scope = scope::resolve(&question.wishes, &settings.groups_from, &roles, &groups)?;
        let vocabulary = Vocabulary {
            groups_from: settings.groups_from.clone(),
            roles,
            groups,
            scope: Arc::new(scope),
            wanted: Keys::of(&question.fields),
            kept: kept.clone(),
            statuses: Arc::new(settings.status_table()?),
            tells_leavers: false,
        };
        let calls_anew = self.calls_anew(&question.fields);
        Ok(Retold { replay: self, vocabulary, calls_anew })
    }

    /// Whether there was anybody to read.
    pub fn has_people(&self) -> bool {
        !self.rows.is_empty()
    }

    /// Whether it is of the OneLogin account of these settings.
    pub fn is_of(&self, settings: &Settings) -> bool {
        self.header.base_url == settings.base_url
    }

    /// Whether everybody who was read was asked for a field.
    fn asked_for(&self, field: &str) -> bool {
        self.header.fields.iter().any(|it| it == field)
    }

    /// By what a person is known: the username, else the e-mail, else the id.
    pub fn name_of(&self, id: &ExternalId) -> String {
        let row = id.as_str().parse().ok().and_then(|id| self.row(id));
        let name = row.and_then(|row| row.username.as_deref().or(row.email.as_deref()));
        name.map_or_else(|| id.to_string(), str::to_owned)
    }

    /// Somebody whom OneLogin told of with this custom attribute, where a run would have noticed.
    pub fn witness(&self, path: &str) -> Option<ExternalId> {
        let short_name = fields::custom_attribute(path)?;
        let mut rows = self.rows.iter().take(ROWS_WITH_CUSTOM_ATTRIBUTES);
        rows.find(|row| row.has(short_name)).and_then(|row| row.id).map(external_id)
    }

    fn row(&self, id: u64) -> Option<&UserRow> {
        let read = self.by_id.get(&id).and_then(|at| self.rows.get(*at));
        read.or_else(|| self.asked.get(&id))
    }
}

impl Retold<'_> {
    /// The same, which tells the records of people who are out of scope where an expression asks for them.
    #[must_use]
    pub fn telling_leavers(mut self, tells_leavers: bool) -> Self {
        self.vocabulary.tells_leavers = tells_leavers;
        self
    }

    /// Why people may be missing from what is told; nothing where everybody in scope was read.
    pub fn unread(&self) -> Option<String> {
        let only = self.replay.header.only.as_ref()?;
        let scope = &self.vocabulary.scope;
        let is_read = |it: &scope::Requirement| {
            it.has_members()
                && it.roles.iter().all(|id| only.roles.contains(id))
                && it.groups.iter().all(|id| only.groups.contains(id))
        };
        let mut requirements = scope.requirements.iter();
        let is_covered = if scope.needs_all() {
            requirements.any(is_read)
        } else {
            !scope.requirements.is_empty() && requirements.all(is_read)
        };
        (!is_covered).then(|| {
            "The stored read has only the members of the groups that were required then, so people \
             outside of them are not counted. Simulate with these settings to count everybody."
                .to_owned()
        })
    }

    /// Everybody in scope.
    pub fn read(&self) -> Result<Read, SourceError> {
        self.read_of(self.replay.rows.clone())
    }

    /// As [`Retold::read`], with somebody as they were found, whatever the read has of them.
    pub fn read_with(&self, found: &Found) -> Result<Read, SourceError> {
        let Replay { rows, by_id, .. } = self.replay;
        let mut rows = rows.clone();
        let place = found.row.id.and_then(|id| by_id.get(&id)).copied();
        match place.and_then(|at| rows.get_mut(at)) {
            Some(row) => *row = found.row.clone(),
            None => rows.push(found.row.clone()),
        }
        self.read_of(rows)
    }

    fn read_of(&self, rows: Vec<UserRow>) -> Result<Read, SourceError> {
        let header = &self.replay.header;
        let distinct = rows.len();
        let mut assembly = Assembly::new(self.vocabulary.clone());
        if header.only.is_none() {
            assembly.expect_everybody();
        }
        assembly.take(rows);
        for kind in [Kind::Role, Kind::Group] {
            let known: BTreeMap<u64, Looked> = header.looked(kind).collect();
            // Whoever has what nobody ever looked up is withheld.
            let looked = |id| (id, known.get(&id).cloned().unwrap_or(Looked::Nameless));
            let unnamed = assembly.unnamed(kind).into_iter().map(looked).collect();
            assembly.name(kind, &unnamed);
        }
        assembly.check_custom_attributes()?;
        let assembled = assembly.finish()?;
        let in_scope = assembled.records.len() + assembled.unreadable.len();
        let proof = Proof {
            distinct,
            walks: 1,
            instead_of_total: Some("as they were stored"),
            ..Proof::default()
        };
        Ok(Read {
            records: assembled.records,
            unreadable: assembled.unreadable,
            groups: self.vocabulary.listed(),
            findings: assembled.findings,
            seen: header.seen,
            out_of_scope: header.seen.saturating_sub(in_scope),
            strategy: "From a stored read, without asking OneLogin.".to_owned(),
            proof,
        })
    }

    /// What is known of people whom the read does not contain. Whoever was not asked for then has
    /// no answer, and keeps everything.
    pub fn absences(&self, ids: &[ExternalId]) -> BTreeMap<ExternalId, Absence> {
        let absence = |id: &ExternalId| {
            let number = id.as_str().parse::<u64>().ok().filter(|it| external_id(*it) == *id);
            let Some(number) = number else { return Some(Absence::Present) };
            match self.replay.row(number) {
                Some(row) => Some(absence_of(row, &self.vocabulary)),
                None => self.replay.gone.contains(id).then_some(Absence::Gone),
            }
        };
        ids.iter().filter_map(|id| Some((id.clone(), absence(id)?))).collect()
    }

    /// Everybody with this username, e-mail or id, in scope or not.
    pub fn find(&self, text: &str) -> Result<Vec<Found>, SourceError> {
        let id = text.trim().parse::<u64>().ok();
        let mut people: Vec<Found> = match id.and_then(|id| self.replay.row(id)) {
            Some(row) => vec![found(row.clone(), &self.vocabulary)?],
            None => {
                let rows = self.rows_named(text);
                rows.map(|row| found(row.clone(), &self.vocabulary)).collect::<Result<_, _>>()?
            }
        };
        Found::settle(&mut people, |path| self.replay.witness(path).is_some());
        Ok(people)
    }

    /// Everybody whose username or e-mail this is. Whoever cannot be read is none of them.
    pub fn namesakes(&self, text: &str) -> Vec<Found> {
        readable(self.rows_named(text).cloned(), &self.vocabulary)
    }

    /// Those of these whom the read tells of.
    pub fn people(&self, ids: &BTreeSet<ExternalId>) -> Vec<Found> {
        let numbers = ids.iter().filter_map(|id| id.as_str().parse().ok());
        let rows = numbers.filter_map(|id| self.replay.row(id)).cloned();
        readable(rows, &self.vocabulary)
    }

    fn rows_named(&self, text: &str) -> impl Iterator<Item = &UserRow> {
        let wanted = fold(text.trim());
        let is_it = |value: &Option<Box<str>>| {
            value.as_deref().is_some_and(|value| fold(value.trim()) == wanted)
        };
        let everybody = self.replay.rows.iter().chain(self.replay.asked.values());
        let rows = everybody.filter(|row| is_it(&row.username) || is_it(&row.email));
        let rows: BTreeMap<Option<u64>, &UserRow> = rows.map(|row| (row.id, row)).collect();
        rows.into_values()
    }

    /// About how many API calls a read of this scope takes, and how many one of everybody would.
    /// Nothing where the read does not know how many people a group has. `page_size` is that of the
    /// last read, where one is known.
    pub fn calls(&self, page_size: Option<usize>) -> Option<(usize, usize)> {
        let everybody = self.replay.calls_of(&scope::Scope::default(), page_size)?;
        Some((self.replay.calls_of(&self.vocabulary.scope, page_size)?, everybody))
    }

    /// How many calls a command makes besides, which remembers neither a token nor a name.
    pub fn calls_anew(&self) -> usize {
        self.calls_anew
    }

    /// Whoever takes part, by id, whether or not they can be mapped.
    pub fn takes_part(&self) -> BTreeSet<ExternalId> {
        let scope = &self.vocabulary.scope;
        let readable = self.replay.rows.iter().filter(|row| row.odd.is_none());
        let ids = readable.filter(|row| scope.is_met_by(row)).filter_map(|row| row.id);
        ids.map(external_id).collect()
    }

    /// The groups of the source that are known of whether or not somebody has them.
    pub fn groups(&self) -> Vec<Arc<Grant>> {
        self.vocabulary.listed()
    }

    /// By what somebody who takes no part would, the ways at the source first, and then those that
    /// bring in the fewest others.
    pub fn remedies(&self, found: &Found) -> Vec<Remedy> {
        let Replay { header, rows, .. } = self.replay;
        let is_whole = header.only.is_none();
        let mut remedies = self.vocabulary.remedies(&found.row, rows, is_whole, EXAMPLES_MAX);
        remedies.sort_by_key(|it| (it.is_of_rules, it.others.is_none(), it.others));
        remedies.truncate(REMEDIES_MAX);
        remedies
    }
}

impl fmt::Display for Remedy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.words)?;
        match (self.is_of_rules, self.others) {
            (false, _) => Ok(()),
            (true, None) => f.write_str(
                ", which may bring in others: the stored read has only members of the required groups",
            ),
            (true, Some(0)) => f.write_str(", which brings in nobody else"),
            (true, Some(1)) => f.write_str(", which would also bring in 1 other"),
            (true, Some(others)) => write!(f, ", which would also bring in {others} others"),
        }
    }
}
