//! Who somebody is, by the keys and the mapping of a run, and who else bears on them.
//!
//! A run sees everybody at once; here one person is asked about. Whoever lays claim to the same
//! account or username has to be found all the same, or one person alone would be treated otherwise
//! than by a run.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use reconcile::mapping::existing::Existing;
use reconcile::mapping::groups::EqualNames;
use reconcile::mapping::rules::PersonRules;
use reconcile::mapping::{self, Claims};
use reconcile::plan::{Absence, OutOfScope};
use reconcile::principal::{ExternalId, Grant, Name, Record};

use super::{PeopleError, Stored, last_read, retold};
use crate::run::Ready;
use crate::source::onelogin::OneLogin;
use crate::source::onelogin::error::SourceError;
use crate::source::onelogin::replay::{Replay, Retold};
use crate::source::onelogin::report::{Found, Read, ScopeVerdict};
use crate::source::onelogin::settings::GroupSource;
use crate::store::Db;
use crate::store::connectors::Connector;
use crate::store::connectors::settings::{ConnectorSettings, FieldError};
use crate::store::runs::changes;
use crate::store::targets::Target;
use crate::target::Actual;

/// One person and what the source says of them.
#[derive(Debug)]
pub(super) struct Known {
    /// Under which a directory holds them, or is to hold them.
    pub(super) id: ExternalId,
    /// By which the source knows them.
    pub(super) source_id: ExternalId,
    pub(super) found: Option<Found>,
    pub(super) absence: Option<Absence>,
    /// Others in scope who lay claim to the same account or username.
    pub(super) rivals: Vec<Record>,
    /// Others in scope whose account has their username now.
    pub(super) holders: Vec<Record>,
}

/// Everybody in scope of a complete read, and the groups that they have.
#[derive(Debug)]
pub(super) struct Everybody {
    records: Arc<Vec<Record>>,
    grants: Vec<Arc<Grant>>,
}

/// What is asked: OneLogin, or a read of it.
#[derive(Clone, Copy)]
pub(super) enum Oracle<'a> {
    Live(&'a OneLogin),
    Stored(&'a Retold<'a>),
}

pub(super) type Actuals = Arc<Vec<(Option<Target>, Actual)>>;

/// More people than this in one another's way are told of by these.
const RIVALS_MAX: usize = 50;

impl Oracle<'_> {
    /// Everybody whose username, e-mail or id this is.
    async fn found(
        self,
        db: &Db,
        connector: &Connector,
        text: &str,
    ) -> Result<Vec<Found>, PeopleError> {
        match self {
            Oracle::Live(source) => found_now(db, connector, source, text).await,
            Oracle::Stored(retold) => Ok(retold.find(text)?),
        }
    }

    /// Everybody in scope whose username or e-mail this is.
    async fn namesakes(self, text: &str) -> Result<Vec<Record>, SourceError> {
        Ok(in_scope(match self {
            Oracle::Live(source) => source.namesakes(text).await?,
            Oracle::Stored(retold) => retold.namesakes(text),
        }))
    }

    /// Those of these who are in scope, by the source's ids.
    async fn people(self, ids: &BTreeSet<ExternalId>) -> Result<Vec<Record>, SourceError> {
        Ok(in_scope(match self {
            Oracle::Live(source) => source.people(ids).await?,
            Oracle::Stored(retold) => retold.people(ids),
        }))
    }

    pub(super) async fn gone(
        self,
        ids: &[ExternalId],
    ) -> Result<BTreeMap<ExternalId, Absence>, SourceError> {
        match self {
            Oracle::Live(source) => source.gone(ids).await,
            Oracle::Stored(retold) => Ok(retold.absences(ids)),
        }
    }

    /// The groups of the source that are known of, whether or not somebody has them.
    pub(super) async fn groups(self) -> Result<Vec<Arc<Grant>>, SourceError> {
        match self {
            Oracle::Live(source) => source.groups().await,
            Oracle::Stored(retold) => Ok(retold.groups()),
        }
    }
}

/// Everybody whom OneLogin finds by this username, e-mail or id.
///
/// Where somebody comes without a custom attribute, the last read names somebody who had it, and OneLogin
/// is asked whether that one has it still: otherwise it may be gone for everybody, and takes nothing away.
pub async fn found_now(
    db: &Db,
    connector: &Connector,
    source: &OneLogin,
    text: &str,
) -> Result<Vec<Found>, PeopleError> {
    let mut people = source.find(text).await?;
    let untold = people.iter().flat_map(|it| it.record.fields.untold());
    let untold: BTreeSet<String> = untold.map(str::to_owned).collect();
    if untold.is_empty() {
        return Ok(people);
    }
    let Ok(Stored { replay, .. }) = last_read(db, connector).await else { return Ok(people) };
    let ids = untold.iter().filter_map(|path| replay.witness(path)).collect();
    let witnesses = source.people(&ids).await?;
    let tells_of = |witness: &Found, path: &str| {
        ids.contains(&witness.record.id) && !witness.record.is_untold(path)
    };
    Found::settle(&mut people, |path| witnesses.iter().any(|it| tells_of(it, path)));
    Ok(people)
}

fn in_scope(found: Vec<Found>) -> Vec<Record> {
    let in_scope = found.into_iter().filter(|it| matches!(it.scope, ScopeVerdict::InScope { .. }));
    in_scope.map(|it| it.record).collect()
}

impl Everybody {
    /// Everybody of a stored read, as the settings understand it.
    pub(super) async fn of(
        replay: &Arc<Replay>,
        settings: &ConnectorSettings,
    ) -> Result<Everybody, PeopleError> {
        let (replay, settings) = (Arc::clone(replay), settings.clone());
        // A hundred thousand people keep a core busy for a while.
        let told = tokio::task::spawn_blocking(move || {
            let retold = retold(&replay, &settings)?;
            if let Some(unread) = retold.unread() {
                return Err(PeopleError::Unread { why: unread });
            }
            let Read { records, groups, .. } =
                retold.read().map_err(|error| PeopleError::Replay(error.into()))?;
            let mut grants: BTreeMap<*const Grant, Arc<Grant>> = BTreeMap::new();
            for grant in records.iter().flat_map(|it| &it.grants).chain(&groups) {
                grants.entry(Arc::as_ptr(grant)).or_insert_with(|| Arc::clone(grant));
            }
            let grants: BTreeSet<Arc<Grant>> = grants.into_values().collect();
            Ok(Everybody { records: Arc::new(records), grants: grants.into_iter().collect() })
        });
        told.await.map_err(|_| PeopleError::Broken)?
    }

    /// By the last read that is stored.
    pub(super) async fn of_last_read(db: &Db, ready: &Ready) -> Result<Everybody, PeopleError> {
        let Stored { replay, .. } = last_read(db, &ready.connector).await?;
        Everybody::of(&replay, &ready.connector.settings).await
    }

    /// The groups of the source, with those that others have.
    pub(super) fn with_groups(
        this: Option<&Everybody>,
        listed: Vec<Arc<Grant>>,
    ) -> Vec<Arc<Grant>> {
        let others = this.into_iter().flat_map(|it| it.grants.iter().cloned());
        let all: BTreeSet<Arc<Grant>> = listed.into_iter().chain(others).collect();
        all.into_iter().collect()
    }
}

/// Whether what becomes of somebody hangs on others who cannot be searched for: OneLogin is searched
/// by username and e-mail, and knows nothing of what rows make of them.
pub(super) fn hangs_on_others(settings: &ConnectorSettings) -> Result<bool, FieldError> {
    let rules = settings.rules()?;
    let compares_names = rules.groups.equal_names != EqualNames::Merge;
    Ok(!rules.people.is_plain() || (compares_names && has_unlisted_groups(settings)))
}

/// Whether there may be groups of the source that only people tell of.
pub(super) fn has_unlisted_groups(settings: &ConnectorSettings) -> bool {
    settings.source.groups_from.contains(&GroupSource::MemberOf)
}

/// Whoever the source finds, whoever only a directory still knows, and where there is nobody,
/// whoever a past run knew.
pub(super) async fn known(
    db: &Db,
    ready: &Ready,
    oracle: Oracle<'_>,
    everybody: Option<&Everybody>,
    text: &str,
    actuals: &Actuals,
) -> Result<Vec<Known>, PeopleError> {
    let rules = ready.connector.settings.rules()?.people;
    let existing = Existing::of(actuals.iter().map(|(_, actual)| &actual.directory));
    let around = Around { oracle, everybody, rules: &rules, existing: &existing, actuals };
    let mut people: BTreeMap<ExternalId, Known> = BTreeMap::new();
    for found in oracle.found(db, &ready.connector, text).await? {
        let known = around.known(found).await?;
        people.insert(known.source_id.clone(), known);
    }
    let name = Name::new(text.trim());
    let accounts = actuals.iter().flat_map(|(_, actual)| actual.directory.users.values());
    let matching = accounts.filter(|user| {
        user.username == name
            || Name::new(&user.email) == name
            || Name::new(user.id.as_str()) == name
    });
    let mut elsewhere: BTreeMap<ExternalId, ExternalId> = matching
        .map(|user| (user.source_id().clone(), user.id.clone()))
        .filter(|(source_id, _)| !people.contains_key(source_id))
        .collect();
    if people.is_empty() && elsewhere.is_empty() {
        elsewhere = changes::people_named(db, ready.connector.id, text.trim()).await?;
    }
    let ids: Vec<ExternalId> = elsewhere.keys().cloned().collect();
    let absences = oracle.gone(&ids).await?;
    for (source_id, id) in elsewhere {
        let absence = absences.get(&source_id).cloned();
        // Still there under another username: the source knows them, so ask for that record.
        let found = match absence {
            Some(Absence::Gone) | None => None,
            Some(Absence::OutOfScope(_) | Absence::Inactive(_) | Absence::Present) => {
                let found = oracle.found(db, &ready.connector, source_id.as_str()).await?;
                found.into_iter().find(|it| it.record.id == source_id)
            }
        };
        let known = match found {
            Some(found) => around.known(found).await?,
            None => {
                let absence = absence.filter(|it| *it != Absence::Present);
                let (rivals, holders) = (Vec::new(), Vec::new());
                Known { id, source_id, found: None, absence, rivals, holders }
            }
        };
        people.insert(known.source_id.clone(), known);
    }
    Ok(people.into_values().collect())
}

/// What somebody is seen among.
struct Around<'a> {
    oracle: Oracle<'a>,
    everybody: Option<&'a Everybody>,
    rules: &'a PersonRules,
    existing: &'a Existing<'a>,
    actuals: &'a Actuals,
}

impl Around<'_> {
    async fn known(&self, found: Found) -> Result<Known, PeopleError> {
        let source_id = found.record.id.clone();
        match &found.scope {
            ScopeVerdict::InScope { .. } => {
                let claims = mapping::claims(&found.record, self.rules, self.existing);
                let (rivals, holders) = self.others(&found, &claims).await?;
                let id = claims.accounts.into_iter().next().unwrap_or_else(|| source_id.clone());
                Ok(Known { id, source_id, found: Some(found), absence: None, rivals, holders })
            }
            // A run does not map them: it knows their account by the source's id.
            ScopeVerdict::OutOfScope { needs, has } => {
                let words = format!("needs {needs}; has {has}").into();
                let record = Some(Arc::new(found.record.clone()));
                let absence = Absence::OutOfScope(OutOfScope { words, record });
                let id = self.existing.of_source(&source_id).unwrap_or(&source_id).clone();
                let (absence, rivals, holders) = (Some(absence), Vec::new(), Vec::new());
                Ok(Known { id, source_id, found: Some(found), absence, rivals, holders })
            }
        }
    }

    /// Whoever lays claim to the same as somebody, and whoever has their username now. Those whom a
    /// read tells of are asked for as they are now.
    async fn others(
        &self,
        found: &Found,
        claims: &Claims,
    ) -> Result<(Vec<Record>, Vec<Record>), PeopleError> {
        let own = &found.record.id;
        let is_rival = |other: &Record| {
            other.id != *own && mapping::claims(other, self.rules, self.existing).clash(claims)
        };
        let mut ids = self.rivals(own, claims).await?;
        let mut alike = Vec::new();
        if let Some(username) = &claims.username {
            ids.extend(self.holders(username, own));
            alike = self.oracle.namesakes(username.as_str()).await?;
        }
        ids.retain(|id| !alike.iter().any(|it| it.id == *id));
        alike.extend(self.oracle.people(&ids).await?);
        alike.retain(|it| it.id != *own);
        let (rivals, others): (Vec<Record>, Vec<Record>) = alike.into_iter().partition(is_rival);
        let holds = |record: &Record| match &claims.username {
            Some(username) => self.holders(username, own).any(|id| id == record.id),
            None => false,
        };
        Ok((rivals, others.into_iter().filter(holds).collect()))
    }

    /// Those of a read who lay claim to the same as somebody, by the source's ids.
    async fn rivals(
        &self,
        own: &ExternalId,
        claims: &Claims,
    ) -> Result<BTreeSet<ExternalId>, PeopleError> {
        let Some(everybody) = self.everybody else { return Ok(BTreeSet::new()) };
        let (records, actuals) = (Arc::clone(&everybody.records), Arc::clone(self.actuals));
        let (rules, own, claims) = (self.rules.clone(), own.clone(), claims.clone());
        // To map a hundred thousand people keeps a core busy for a while.
        let rivals = tokio::task::spawn_blocking(move || {
            let existing = Existing::of(actuals.iter().map(|(_, actual)| &actual.directory));
            let is_rival = |other: &&Record| {
                other.id != own && mapping::claims(other, &rules, &existing).clash(&claims)
            };
            records.iter().filter(is_rival).map(|it| it.id.clone()).take(RIVALS_MAX).collect()
        });
        rivals.await.map_err(|_| PeopleError::Broken)
    }

    /// Who has a username now, by the source's ids.
    fn holders(
        &self,
        username: &Name,
        other_than: &ExternalId,
    ) -> impl Iterator<Item = ExternalId> {
        let accounts = self.actuals.iter().flat_map(|(_, it)| it.directory.users.values());
        let holders = accounts.filter(move |user| user.username == *username);
        holders.map(|user| user.source_id().clone()).filter(move |id| id != other_than)
    }
}
