//! OneLogin, read through its admin REST API.
//!
//! A read is complete or it is an error: see [`pages`](self) for the proof. Whoever is absent from
//! a read is asked for by id before anybody acts on it.

mod api;
mod assembly;
pub mod base_url;
mod check;
mod credential;
pub mod error;
pub mod fields;
mod find;
mod gone;
pub mod kept;
mod member_of;
mod meter;
mod names;
mod pages;
mod pages_v1;
mod read;
mod refusal;
pub mod replay;
pub mod report;
pub mod scope;
pub mod settings;
mod split;
pub mod status;
mod token;
mod wire;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use reconcile::plan::Absence;
use reconcile::principal::{ExternalId, FieldPaths, Grant, Record};

use self::api::{Api, Session};
use self::assembly::Vocabulary;
use self::error::SourceError;
use self::kept::{Header, Kept, KeptRows};
use self::read::{Question, Remembered};
use self::report::{Allowance, Calls, CheckStep, Checklist, Found, Progress, Read};
use self::settings::Settings;
use crate::http;
use crate::secret::Secret;

/// How many pages are asked for at once, at the most.
pub const PAGES_IN_FLIGHT: usize = api::IN_FLIGHT;

/// A OneLogin account, for the length of one run.
///
/// Tokens, names and page sizes are shared by all runs of a credential in this process.
#[derive(Debug)]
pub struct OneLogin {
    api: Api,
    /// What is kept of everybody beyond what a record has anyway.
    kept: FieldPaths,
    /// Whether the records of people who are out of scope are asked for, too.
    tells_leavers: bool,
    last_read: Mutex<Option<LastRead>>,
    /// What the last read leaves to be kept.
    rows: Mutex<Option<(KeptRows, Header)>>,
}

/// What later questions of the same run build on.
#[derive(Clone, Debug)]
struct LastRead {
    vocabulary: Vocabulary,
    /// A few who were there.
    witnesses: Vec<u64>,
}

impl OneLogin {
    pub fn new(
        settings: Settings,
        client_secret: Secret,
        http: http::Client,
    ) -> Result<OneLogin, SourceError> {
        if settings.client_id.trim().is_empty() || client_secret.expose().trim().is_empty() {
            return Err(SourceError::Settings(
                "The Client ID or the Client Secret is empty. Copy both from the same credential \
                 in OneLogin under DEVELOPERS > API Credentials."
                    .to_owned(),
            ));
        }
        let shared = credential::shared(&settings, &client_secret);
        let api = Api::new(settings, client_secret, http, shared)?;
        Ok(OneLogin {
            api,
            kept: FieldPaths::default(),
            tells_leavers: false,
            last_read: Mutex::new(None),
            rows: Mutex::new(None),
        })
    }

    /// Asks for these fields of everybody, too, by their paths, and keeps them in the records.
    pub fn with_fields(
        self,
        paths: impl IntoIterator<Item = impl AsRef<str>>,
    ) -> Result<OneLogin, SourceError> {
        let kept = FieldPaths::new(paths);
        for path in kept.iter() {
            fields::check(path).map_err(|error| SourceError::Settings(error.to_string()))?;
        }
        Ok(OneLogin { kept, ..self })
    }

    /// Tells the records of people who are out of scope, where an expression asks for them.
    #[must_use]
    pub fn telling_leavers(self, tells_leavers: bool) -> OneLogin {
        OneLogin { tells_leavers, ..self }
    }

    fn question(&self, session: Session<'_>) -> Result<Question, SourceError> {
        let question = Question::of(session, &self.kept)?;
        Ok(Question { tells_leavers: self.tells_leavers, ..question })
    }

    /// Everybody in scope: all of them, or an error.
    pub async fn read(&self, progress: &(dyn Fn(Progress) + Sync)) -> Result<Read, SourceError> {
        let session = self.api.with(progress);
        let question = self.question(session)?;
        let (read, Remembered { vocabulary, rows }) = session.read(&question).await?;
        let witnesses = witnesses(&read.records);
        *self.rows.lock().unwrap_or_else(PoisonError::into_inner) = rows;
        *self.last_read.lock().unwrap_or_else(PoisonError::into_inner) =
            Some(LastRead { vocabulary, witnesses });
        Ok(read)
    }

    /// What became of people whom the read did not contain, asked for by id.
    pub async fn gone(
        &self,
        ids: &[ExternalId],
    ) -> Result<BTreeMap<ExternalId, Absence>, SourceError> {
        if ids.is_empty() {
            return Ok(BTreeMap::new());
        }
        let session = self.api.with(&|_| {});
        let question = self.question(session)?;
        let known = self.last_read.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let LastRead { vocabulary, witnesses } = match known {
            Some(known) => known,
            None => LastRead {
                vocabulary: session.vocabulary(&question).await?,
                witnesses: session.some_of_everybody(&question).await?,
            },
        };
        let mut heard = Vec::new();
        let absences =
            session.absences(&question, &vocabulary, ids, &witnesses, &mut heard).await?;
        if let Some((_, header)) = self.rows.lock().unwrap_or_else(PoisonError::into_inner).as_mut()
        {
            for row in &heard {
                header.ask(row);
            }
            let gone = absences.iter().filter(|(_, absence)| **absence == Absence::Gone);
            header.gone.extend(gone.map(|(id, _)| id.to_string()));
        }
        Ok(absences)
    }

    /// The last read with everything that was asked after it, to be stored; it is handed out once.
    pub fn kept(&self) -> Option<Kept> {
        let rows = self.rows.lock().unwrap_or_else(PoisonError::into_inner).take();
        rows.and_then(|(rows, header)| rows.with(&header))
    }

    /// Refuses where fewer API calls are left than are to stay for others.
    pub async fn check_budget(&self) -> Result<(), SourceError> {
        self.api.with(&|_| {}).open_budget().await
    }

    /// Everybody with this username, e-mail or id.
    pub async fn find(&self, text: &str) -> Result<Vec<Found>, SourceError> {
        let session = self.api.with(&|_| {});
        let question = self.question(session)?;
        let vocabulary = session.vocabulary(&question).await?;
        session.find(&question, &vocabulary, text).await
    }

    /// Everybody whose username or e-mail this is. Whoever cannot be read is none of them.
    pub async fn namesakes(&self, text: &str) -> Result<Vec<Found>, SourceError> {
        let session = self.api.with(&|_| {});
        let question = self.question(session)?;
        let vocabulary = session.vocabulary(&question).await?;
        session.namesakes(&question, &vocabulary, text).await
    }

    /// Those of these who are there, at most as many as one call tells of. Whoever cannot be read is
    /// none of them.
    pub async fn people(&self, ids: &BTreeSet<ExternalId>) -> Result<Vec<Found>, SourceError> {
        let ids: Vec<u64> = ids.iter().filter_map(|id| id.as_str().parse().ok()).collect();
        if ids.is_empty() {
            return Ok(Vec::new());
        }
        let session = self.api.with(&|_| {});
        let question = self.question(session)?;
        let vocabulary = session.vocabulary(&question).await?;
        session.people(&question, &vocabulary, ids).await
    }

    /// The groups of the source that are known of whether or not somebody has them.
    pub async fn groups(&self) -> Result<Vec<Arc<Grant>>, SourceError> {
        let session = self.api.with(&|_| {});
        let question = self.question(session)?;
        Ok(session.vocabulary(&question).await?.listed())
    }

    /// Tries everything that a read needs, one step after the other.
    pub async fn check(&self, progress: &(dyn Fn(&CheckStep) + Sync)) -> Checklist {
        check::check(&self.api, &self.kept, progress).await
    }

    /// The API calls that are left as far as is known, and how long ago OneLogin told of them.
    pub fn left(&self) -> Option<(Allowance, Duration)> {
        self.api.meter().left_since(Instant::now())
    }

    /// The calls that this run has made so far.
    pub fn calls(&self) -> Calls {
        self.api.meter().calls(Instant::now())
    }
}

/// The first, the last, and one in the middle.
fn witnesses(records: &[Record]) -> Vec<u64> {
    let ends = [records.first(), records.get(records.len() / 2), records.last()];
    let ids: BTreeSet<u64> =
        ends.into_iter().flatten().filter_map(|it| it.id.as_str().parse().ok()).collect();
    ids.into_iter().take(gone::WITNESSES_MAX).collect()
}
