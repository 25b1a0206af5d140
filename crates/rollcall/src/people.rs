//! Questions about people, asked by commands and pages alike: what other settings would do, why
//! somebody is here or is not, and one person brought up to date.
//!
//! Whatever is asked goes through the functions of a run, on a kept read where that is enough.

pub mod emptied;
pub mod explain;
pub mod known;
pub mod names;
pub mod one;
mod past;
pub mod preview;
mod remedies;

use std::sync::Arc;

use jiff::Timestamp;

use crate::notation::shell_quoted;
use crate::source::onelogin::error::SourceError;
use crate::source::onelogin::kept::KeptError;
use crate::source::onelogin::replay::{Replay, ReplayError, Retold};
use crate::store::connectors::Connector;
use crate::store::connectors::settings::{ConnectorSettings, FieldError};
use crate::store::reads::{self, KeptRead};
use crate::store::runs::RunId;
use crate::store::targets::Target;
use crate::store::{Db, StoreError};
use crate::target::{self, Actual, TargetError};

/// A kept read of a connector.
#[derive(Debug)]
pub struct Stored {
    /// None where it was read for a simulation.
    pub run: Option<RunId>,
    pub read_at: Timestamp,
    pub replay: Arc<Replay>,
}

#[derive(Debug, thiserror::Error)]
pub enum PeopleError {
    #[error(
        "No read of {connector} is stored yet. Simulate once: rollcall simulate {}",
        shell_quoted(.connector)
    )]
    NoRead { connector: String },
    #[error(
        "The read of run {run} is not stored any more, or the run never had one. The last few are kept; \
         ask about the last read, or about now."
    )]
    Forgotten { run: RunId },
    #[error(
        "No one matches \"{text}\". Asked OneLogin by username, e-mail and id, the directories and the history."
    )]
    Nobody { text: String },
    #[error("Several people match \"{text}\": {ids}. Name one of them by id.")]
    Several { text: String, ids: String },
    #[error("{why}")]
    Unread { why: String },
    #[error("The connector {connector} has no target, so there is nothing to keep equal.")]
    NoTarget { connector: String },
    #[error(
        "Nothing has been published to {target} yet, and one person alone must not be the first: a product would \
         take everybody else for gone. Run a full sync first."
    )]
    Unpublished { target: String },
    #[error(
        "This run was not heard of for so long that it was taken for dead and ended. It changed nothing."
    )]
    Lost,
    #[error("Something else would be done by now than what was shown. Nothing was changed.")]
    Changed,
    #[error("Stopped by {by}. Nothing was changed.")]
    Stopped { by: String },
    #[error(transparent)]
    Replay(#[from] ReplayError),
    #[error(transparent)]
    Settings(#[from] FieldError),
    #[error(transparent)]
    Source(#[from] SourceError),
    #[error(transparent)]
    Target(#[from] TargetError),
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error("A part of the answer broke off, which is a defect of Rollcall. Nothing was changed.")]
    Broken,
}

impl From<KeptError> for PeopleError {
    fn from(error: KeptError) -> PeopleError {
        PeopleError::Replay(error.into())
    }
}

/// The last read of a connector that is kept.
pub async fn last_read(db: &Db, connector: &Connector) -> Result<Stored, PeopleError> {
    let none = || PeopleError::NoRead { connector: connector.name.to_string() };
    let read = reads::last(db, connector.id).await?.ok_or_else(none)?;
    open(db, &read).await?.ok_or_else(none)
}

/// The read of one run, where it is still kept.
pub async fn read_of(db: &Db, run: RunId) -> Result<Stored, PeopleError> {
    let read = reads::of_run(db, run).await?.ok_or(PeopleError::Forgotten { run })?;
    open(db, &read).await?.ok_or(PeopleError::Forgotten { run })
}

async fn open(db: &Db, read: &KeptRead) -> Result<Option<Stored>, PeopleError> {
    let Some(kept) = reads::content(db, read).await? else { return Ok(None) };
    // A hundred thousand people keep a core busy for a while.
    let replay = tokio::task::spawn_blocking(move || Replay::open(&kept)).await;
    let replay = replay.map_err(|_| PeopleError::Broken)??;
    Ok(Some(Stored { run: read.run, read_at: read.read_at, replay: Arc::new(replay) }))
}

/// A read as the settings of a connector understand it.
fn retold<'a>(replay: &'a Replay, settings: &ConnectorSettings) -> Result<Retold<'a>, PeopleError> {
    let retold = replay.retold(&settings.source, &settings.fields()?)?;
    Ok(retold.telling_leavers(settings.policy()?.keeps().leavers))
}

/// What each target holds now; an empty one where there is no target yet.
async fn actuals(
    db: &Db,
    targets: &[Target],
) -> Result<Vec<(Option<Target>, Actual)>, PeopleError> {
    let mut actuals = Vec::new();
    for target in targets {
        let actual = target::crowd::read(db, target.id).await?;
        actuals.push((Some(target.clone()), actual));
    }
    if actuals.is_empty() {
        actuals.push((None, Actual::default()));
    }
    Ok(actuals)
}
