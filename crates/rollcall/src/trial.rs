//! Rules tried out on real people, before anything is saved: for the command line and for pages.

use jiff::Timestamp;
use reconcile::finding::{Finding, FindingKind};
use reconcile::mapping::existing::Existing;
use reconcile::mapping::rules::{PersonRules, Traced};
use reconcile::mapping::trial::{self, Trial};
use reconcile::principal::{ExternalId, FieldPaths};

use crate::people::{self, PeopleError, Stored, known};
use crate::source::onelogin::error::SourceError;
use crate::source::onelogin::replay::{Replay, ReplayError, Retold};
use crate::source::onelogin::report::{Found, Progress, Read};
use crate::source::onelogin::{OneLogin, fields};
use crate::store::connectors::Connector;
use crate::store::connectors::settings::{ConnectorSettings, FieldError};
use crate::store::{Db, StoreError, reads, targets};
use crate::target::{self, Actual, TargetError};

/// What the rules make of one person.
#[derive(Debug)]
pub struct PersonTrial {
    pub id: ExternalId,
    pub traced: Result<Vec<Traced>, Finding>,
}

/// What was tried on a kept read.
#[derive(Debug)]
pub struct Known<T> {
    pub tried: T,
    pub read_at: Timestamp,
    /// Why people may be missing from it; nothing where everybody in scope was read.
    pub unread: Option<String>,
}

#[derive(Debug, thiserror::Error)]
pub enum TrialError {
    #[error(transparent)]
    Source(#[from] SourceError),
    #[error(transparent)]
    Settings(#[from] FieldError),
    #[error(transparent)]
    Target(#[from] TargetError),
    #[error(transparent)]
    Targets(#[from] targets::TargetError),
    #[error(transparent)]
    People(#[from] PeopleError),
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Tries the rules on somebody who is typed by hand. The error says what to write.
pub fn of_sample(settings: &ConnectorSettings, typed: &str) -> Result<PersonTrial, String> {
    let check_field = |path: &str| fields::check(path).map_err(|error| error.to_string());
    let record = trial::sample(typed, &check_field)?;
    let rules = settings.mapping.rules().map_err(|error| error.to_string())?;
    let traced = trial::of_one(&record, &rules, &Existing::default());
    Ok(PersonTrial { id: record.id, traced })
}

/// Tries the rules of the connector, saved or not, on everybody of that username, e-mail or id.
pub async fn of_user(
    db: &Db,
    connector: &Connector,
    source: &OneLogin,
    who: &str,
) -> Result<Vec<PersonTrial>, TrialError> {
    let rules = connector.settings.mapping.rules()?;
    let found = known::found_now(db, connector, source, who).await?;
    let actuals = actuals(db, connector).await?;
    let existing = Existing::of(actuals.iter().map(|it| &it.directory));
    let one = |it: Found| PersonTrial {
        traced: trial::of_one(&it.record, &rules, &existing),
        id: it.record.id,
    };
    Ok(found.into_iter().map(one).collect())
}

/// Tries the rules of the connector, saved or not, on everybody of the last read in scope, beside what
/// they have, or what the saved settings make of them. The time is that of the read, where it was not
/// made for this; the source has to bring [`fields`] then.
pub async fn of_everybody(
    db: &Db,
    connector: &Connector,
    saved: &ConnectorSettings,
    source: &OneLogin,
    progress: &(dyn Fn(Progress) + Sync),
) -> Result<(Trial, Option<Timestamp>), TrialError> {
    let rules = Rules::of(&connector.settings, saved)?;
    let actuals = actuals(db, connector).await?;
    let existing = Existing::of(actuals.iter().map(|it| &it.directory));
    let (read, read_at) = match told_again(db, connector, saved).await? {
        Some((read, read_at)) => (read, Some(read_at)),
        None => (source.read(progress).await?, None),
    };
    Ok((of_read(read, &rules, &existing), read_at))
}

/// With the fields that rules name and the source does not have: what accounts keep is no reason to
/// take a misspelt name for a good one.
fn of_read(read: Read, rules: &Rules, existing: &Existing<'_>) -> Trial {
    let Rules { tried, saved } = rules;
    let mut trial = trial::of_everybody(&read.records, tried, saved, existing);
    let is_unknown = |it: &Finding| it.kind == FindingKind::UnknownField;
    trial.findings.extend(read.findings.into_iter().filter(is_unknown));
    trial
}

/// As [`of_user`], by the last kept read alone: no call is made.
pub async fn of_known(
    db: &Db,
    connector: &Connector,
    who: &str,
) -> Result<Known<Vec<PersonTrial>>, TrialError> {
    let who = who.to_owned();
    on_kept(db, connector, &connector.settings, move |retold, rules, existing| {
        let one = |it: Found| PersonTrial {
            traced: trial::of_one(&it.record, &rules.tried, existing),
            id: it.record.id,
        };
        Ok(retold.find(&who)?.into_iter().map(one).collect())
    })
    .await
}

/// As [`of_everybody`], by the last kept read alone: no call is made.
pub async fn of_everybody_known(
    db: &Db,
    connector: &Connector,
    saved: &ConnectorSettings,
) -> Result<Known<Trial>, TrialError> {
    on_kept(db, connector, saved, |retold, rules, existing| {
        Ok(of_read(retold.read()?, rules, existing))
    })
    .await
}

/// The paths of the fields that a trial looks at, those of the saved settings included.
pub fn fields(
    settings: &ConnectorSettings,
    saved: &ConnectorSettings,
) -> Result<FieldPaths, FieldError> {
    let (tried, saved) = (settings.fields()?, saved.fields().unwrap_or_default());
    Ok(FieldPaths::new(tried.iter().chain(saved.iter())))
}

/// The rules that are tried, and those that are saved.
struct Rules {
    tried: PersonRules,
    saved: PersonRules,
}

impl Rules {
    /// Saved rules that this version cannot use are what is mended, and nothing to compare with.
    fn of(settings: &ConnectorSettings, saved: &ConnectorSettings) -> Result<Rules, FieldError> {
        let tried = settings.mapping.rules()?;
        Ok(Rules { tried, saved: saved.mapping.rules().unwrap_or(PersonRules::FIXED) })
    }
}

/// A read as the settings understand it, with what the saved rules look at, if it was asked for.
fn retold<'a>(
    replay: &'a Replay,
    settings: &ConnectorSettings,
    saved: &ConnectorSettings,
) -> Result<Retold<'a>, PeopleError> {
    match replay.retold(&settings.source, &fields(settings, saved)?) {
        Err(ReplayError::NotAsked { .. }) => {
            Ok(replay.retold(&settings.source, &settings.fields()?)?)
        }
        retold => Ok(retold?),
    }
}

/// Tries something on the last kept read, beside the requests that go on meanwhile: a hundred
/// thousand people keep a core busy for a while.
async fn on_kept<T: Send + 'static>(
    db: &Db,
    connector: &Connector,
    saved: &ConnectorSettings,
    on: impl FnOnce(&Retold<'_>, &Rules, &Existing<'_>) -> Result<T, SourceError> + Send + 'static,
) -> Result<Known<T>, TrialError> {
    let (settings, saved) = (connector.settings.clone(), saved.clone());
    let rules = Rules::of(&settings, &saved)?;
    let actuals = actuals(db, connector).await?;
    let Stored { read_at, replay, .. } = people::last_read(db, connector).await?;
    let tried = tokio::task::spawn_blocking(move || {
        let existing = Existing::of(actuals.iter().map(|it| &it.directory));
        let retold = retold(&replay, &settings, &saved)?;
        let tried = on(&retold, &rules, &existing).map_err(ReplayError::from)?;
        Ok::<_, PeopleError>(Known { tried, read_at, unread: retold.unread() })
    });
    Ok(tried.await.map_err(|_| PeopleError::Broken)??)
}

/// The last stored read with these settings, which costs no call. Nothing where it does not tell
/// what they ask for: everybody has to be read then.
async fn told_again(
    db: &Db,
    connector: &Connector,
    saved: &ConnectorSettings,
) -> Result<Option<(Read, Timestamp)>, TrialError> {
    let Some(stored) = reads::last(db, connector.id).await? else { return Ok(None) };
    let Some(content) = reads::content(db, &stored).await? else { return Ok(None) };
    let replay = match Replay::open(&content) {
        Ok(replay) => replay,
        Err(error) => {
            tracing::debug!(%error, "the stored read does not do; everybody is read");
            return Ok(None);
        }
    };
    let told = match retold(&replay, &connector.settings, saved) {
        Err(PeopleError::Replay(error)) => Err(error),
        told => Ok(told?),
    };
    let read = told.and_then(|told| {
        let is_everybody = told.unread().is_none();
        is_everybody.then(|| told.read().map_err(ReplayError::from)).transpose()
    });
    match read {
        Ok(read) => Ok(read.map(|read| (read, stored.read_at))),
        Err(ReplayError::Settings(error)) if error.is_configuration() => Err(error.into()),
        Err(error) => {
            tracing::debug!(%error, "the stored read does not do; everybody is read");
            Ok(None)
        }
    }
}

async fn actuals(db: &Db, connector: &Connector) -> Result<Vec<Actual>, TrialError> {
    let mut actuals = Vec::new();
    for target in targets::of_connector(db, connector.id).await? {
        actuals.push(target::crowd::read(db, target.id).await?);
    }
    Ok(actuals)
}
