//! Why somebody is here, or is not: as of now, by the last read, or as a past run saw it.

use std::collections::BTreeMap;

use jiff::Timestamp;
use reconcile::explain::{self, Evidence, Explanation};
use reconcile::mapping;
use reconcile::plan::Absence;
use reconcile::principal::{ExternalId, Name, Record};

use super::{PeopleError, Stored, actuals, last_read, read_of, retold};
use crate::run::Ready;
use crate::source::onelogin::OneLogin;
use crate::source::onelogin::error::SourceError;
use crate::source::onelogin::replay::{Remedy, Retold};
use crate::source::onelogin::report::{Found, ScopeVerdict};
use crate::store::Db;
use crate::store::runs::{self, RecordedChange, RecordedFinding, RunId};
use crate::store::targets::Target;
use crate::target::Actual;

/// As of when somebody is asked about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum View {
    /// OneLogin is asked.
    Now,
    /// By the last read that is stored, without a call.
    LastRead,
    /// By the read of a past run, without a call.
    Run(RunId),
}

/// Everybody who matches, each explained.
#[derive(Debug)]
pub struct Explained {
    pub seen: Seen,
    pub people: Vec<Person>,
}

/// Where an answer comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Seen {
    Now,
    Stored {
        run: Option<RunId>,
        read_at: Timestamp,
        /// Why OneLogin was not asked, where that was wanted.
        instead: Option<String>,
    },
}

#[derive(Debug)]
pub struct Person {
    pub id: ExternalId,
    pub username: Option<String>,
    pub directories: Vec<(Option<Target>, Explanation)>,
    /// By what they would take part who do not; the closest come first.
    pub remedies: Vec<Remedy>,
    /// What has to be known besides, in sentences.
    pub remarks: Vec<String>,
    pub last_finding: Option<RecordedFinding>,
    /// What the last run that concerned them did, or held.
    pub last_changes: Vec<(RunId, RecordedChange)>,
}

/// One person and what the source says of them.
pub(super) struct Known {
    pub(super) id: ExternalId,
    pub(super) found: Option<Found>,
    pub(super) absence: Option<Absence>,
    /// Others in scope who would have the same username.
    pub(super) rivals: Vec<Record>,
}

/// What is asked: OneLogin, or a read of it.
#[derive(Clone, Copy)]
enum Oracle<'a> {
    Live(&'a OneLogin),
    Stored(&'a Retold<'a>),
}

type Actuals = [(Option<Target>, Actual)];

/// Explains everybody whose username, e-mail or id this is. The settings are those of `ready`,
/// saved or not.
pub async fn explain(
    db: &Db,
    ready: &Ready,
    text: &str,
    view: View,
) -> Result<Explained, PeopleError> {
    let stored = match view {
        View::Now => match now(db, ready, text).await {
            Err(PeopleError::Source(error)) if error.is_budget() => {
                return instead(db, ready, text, error).await;
            }
            explained => return explained,
        },
        View::LastRead => last_read(db, &ready.connector).await?,
        View::Run(run) => read_of(db, run).await?,
    };
    by_read(db, ready, text, &stored, None).await
}

/// By the last read, because too few API calls are left.
async fn instead(
    db: &Db,
    ready: &Ready,
    text: &str,
    error: SourceError,
) -> Result<Explained, PeopleError> {
    match last_read(db, &ready.connector).await {
        Ok(stored) => by_read(db, ready, text, &stored, Some(error.to_string())).await,
        Err(PeopleError::NoRead { .. }) => Err(error.into()),
        Err(other) => Err(other),
    }
}

async fn now(db: &Db, ready: &Ready, text: &str) -> Result<Explained, PeopleError> {
    ready.source.check_budget().await?;
    let actuals = actuals(db, &ready.targets).await?;
    let oracle = Oracle::Live(&ready.source);
    let known = known(db, ready, oracle, text, &actuals).await?;
    // How many others a remedy brings in is told by the last read, if there is one.
    let asks_for_others = known.iter().any(|it| is_out_of_scope(it.absence.as_ref()));
    let stored = if asks_for_others { last_read(db, &ready.connector).await.ok() } else { None };
    let retold = stored.as_ref().and_then(|it| retold(&it.replay, &ready.connector.settings).ok());
    let people = answers(db, ready, oracle, retold.as_ref(), known, &actuals).await?;
    Ok(Explained { seen: Seen::Now, people })
}

async fn by_read(
    db: &Db,
    ready: &Ready,
    text: &str,
    stored: &Stored,
    instead: Option<String>,
) -> Result<Explained, PeopleError> {
    let retold = retold(&stored.replay, &ready.connector.settings)?;
    let actuals = actuals(db, &ready.targets).await?;
    let oracle = Oracle::Stored(&retold);
    let known = known(db, ready, oracle, text, &actuals).await?;
    let people = answers(db, ready, oracle, Some(&retold), known, &actuals).await?;
    let seen = Seen::Stored { run: stored.run, read_at: stored.read_at, instead };
    Ok(Explained { seen, people })
}

fn is_out_of_scope(absence: Option<&Absence>) -> bool {
    match absence {
        Some(Absence::OutOfScope(_)) => true,
        Some(Absence::Gone | Absence::Inactive(_) | Absence::Present) | None => false,
    }
}

impl Oracle<'_> {
    async fn find(self, text: &str) -> Result<Vec<Found>, SourceError> {
        match self {
            Oracle::Live(source) => source.find(text).await,
            Oracle::Stored(retold) => retold.find(text),
        }
    }

    async fn gone(self, ids: &[ExternalId]) -> Result<BTreeMap<ExternalId, Absence>, SourceError> {
        match self {
            Oracle::Live(source) => source.gone(ids).await,
            Oracle::Stored(retold) => Ok(retold.absences(ids)),
        }
    }
}

/// Whoever OneLogin tells of now.
pub(super) async fn known_now(
    db: &Db,
    ready: &Ready,
    text: &str,
    actuals: &Actuals,
) -> Result<Vec<Known>, PeopleError> {
    known(db, ready, Oracle::Live(&ready.source), text, actuals).await
}

/// Whoever the source finds, whoever only a directory still knows, and where there is nobody,
/// whoever a past run knew.
async fn known(
    db: &Db,
    ready: &Ready,
    oracle: Oracle<'_>,
    text: &str,
    actuals: &Actuals,
) -> Result<Vec<Known>, PeopleError> {
    let mut people: BTreeMap<ExternalId, Known> = BTreeMap::new();
    for found in oracle.find(text).await? {
        let id = found.record.id.clone();
        let absence = match &found.scope {
            ScopeVerdict::InScope { .. } => None,
            ScopeVerdict::OutOfScope { needs, has } => {
                Some(Absence::OutOfScope(format!("needs {needs}; has {has}").into()))
            }
        };
        let rivals = rivals(oracle, &found).await?;
        people.insert(id.clone(), Known { id, found: Some(found), absence, rivals });
    }
    let name = Name::new(text.trim());
    let accounts = actuals.iter().flat_map(|(_, actual)| actual.directory.users.values());
    let matching = accounts.filter(|user| {
        user.username == name || Name::new(&user.email) == name || user.id.as_str() == name.as_str()
    });
    let mut elsewhere: Vec<ExternalId> =
        matching.map(|user| user.id.clone()).filter(|id| !people.contains_key(id)).collect();
    if people.is_empty() && elsewhere.is_empty() {
        elsewhere = runs::people_named(db, ready.connector.id, text.trim()).await?;
    }
    let absences = oracle.gone(&elsewhere).await?;
    for id in elsewhere {
        let absence = absences.get(&id).cloned();
        // Still there under another username: the source knows them, so ask for that record.
        let found = match absence {
            Some(Absence::Gone) | None => None,
            Some(Absence::OutOfScope(_) | Absence::Inactive(_) | Absence::Present) => {
                let found = oracle.find(id.as_str()).await?;
                found.into_iter().find(|it| it.record.id == id)
            }
        };
        let absence = absence.filter(|it| *it != Absence::Present);
        let rivals = match &found {
            Some(found) => rivals(oracle, found).await?,
            None => Vec::new(),
        };
        people.insert(id.clone(), Known { id, found, absence, rivals });
    }
    Ok(people.into_values().collect())
}

/// Everybody else in scope whose record maps to the same username: a run touches none of them.
async fn rivals(oracle: Oracle<'_>, found: &Found) -> Result<Vec<Record>, SourceError> {
    let Ok(user) = mapping::user(&found.record) else { return Ok(Vec::new()) };
    let alike = oracle.find(user.username.as_str()).await?;
    let is_rival = |other: &Record| {
        let mapped = mapping::user(other);
        other.id != found.record.id && mapped.is_ok_and(|it| it.username == user.username)
    };
    let in_scope = alike.into_iter().filter(|it| matches!(it.scope, ScopeVerdict::InScope { .. }));
    Ok(in_scope.map(|it| it.record).filter(is_rival).collect())
}

async fn answers(
    db: &Db,
    ready: &Ready,
    oracle: Oracle<'_>,
    retold: Option<&Retold<'_>>,
    known: Vec<Known>,
    actuals: &Actuals,
) -> Result<Vec<Person>, PeopleError> {
    let listed = match oracle {
        _ if known.is_empty() => Vec::new(),
        Oracle::Live(source) => source.groups().await?,
        Oracle::Stored(retold) => retold.groups(),
    };
    let mut people = Vec::new();
    for known in known {
        // A read that was not of everybody may have no word of somebody.
        let is_untold = known.found.is_none() && known.absence.is_none();
        let mut directories = Vec::new();
        if !is_untold {
            for (target, actual) in actuals {
                let explanation = explanation(ready, &known, actual, &listed)?;
                directories.push((target.clone(), explanation));
            }
        }
        let last_finding = runs::last_finding_of(db, ready.connector.id, &known.id).await?;
        let last_changes = runs::last_changes_of(db, ready.connector.id, &known.id).await?;
        let record = known.found.as_ref().map(|it| &it.record);
        let accounts = actuals.iter().filter_map(|(_, it)| it.directory.users.get(&known.id));
        let in_history = last_changes.iter().find_map(|(_, change)| change.username.clone());
        let username = record.and_then(|it| it.username.as_deref()).map(str::to_owned);
        let username = username.or(accounts.map(|it| it.username.to_string()).next());
        let mut remarks = Vec::new();
        if is_untold {
            remarks.push(
                "The stored read does not tell of them: it has not everybody, and they were not asked for then. Ask about now."
                    .to_owned(),
            );
        }
        let has_account = actuals.iter().any(|(_, it)| it.directory.users.contains_key(&known.id));
        if known.absence == Some(Absence::Gone) && !has_account {
            remarks.push("They are known from earlier runs alone.".to_owned());
        }
        let mut remedies = Vec::new();
        if is_out_of_scope(known.absence.as_ref())
            && let Some(found) = &known.found
        {
            match retold {
                Some(retold) => remedies = retold.remedies(found),
                None => remarks.push(
                    "Simulate once to be told what would bring them in, and whom else.".to_owned(),
                ),
            }
        }
        people.push(Person {
            username: username.or(in_history),
            id: known.id,
            directories,
            remedies,
            remarks,
            last_finding,
            last_changes,
        });
    }
    Ok(people)
}

/// The stations of one person on their way to one directory.
pub(super) fn explanation(
    ready: &Ready,
    known: &Known,
    actual: &Actual,
    listed: &[std::sync::Arc<reconcile::principal::Grant>],
) -> Result<Explanation, PeopleError> {
    let in_scope_because = match known.found.as_ref().map(|it| &it.scope) {
        Some(ScopeVerdict::InScope { words }) => words,
        Some(ScopeVerdict::OutOfScope { .. }) | None => "",
    };
    let settings = &ready.connector.settings;
    let (policy, rules) = (settings.policy()?, settings.rules()?);
    Ok(explain::explain(&Evidence {
        id: &known.id,
        record: known.found.as_ref().map(|it| &it.record),
        absence: known.absence.as_ref(),
        rivals: &known.rivals,
        in_scope_because,
        actual: &actual.directory,
        listed,
        groups: &rules.groups,
        people: &rules.people,
        past: &actual.past,
        policy: &policy,
    }))
}
