//! The directories as a past run found them, rebuilt from what runs have recorded since.
//!
//! Only what was recorded is taken back: decisions and suspicions are as of now, and that is said.

use std::collections::BTreeSet;

use jiff::Timestamp;
use reconcile::directory::Directory;
use reconcile::gate::decisions::Decisions;
use reconcile::mapping::existing::Existing;
use reconcile::plan::Memory;
use reconcile::plan::rewind::{Extent, rewind};
use reconcile::plan::undo::Done;
use reconcile::principal::{ExternalId, Name};

use super::PeopleError;
use super::explain::Compared;
use crate::plans::undo::done_of;
use crate::run::Ready;
use crate::source::onelogin::replay::Retold;
use crate::store::audit::{self, Action};
use crate::store::directory::local;
use crate::store::runs::changes::{self, DoneRow};
use crate::store::runs::{self, RunId};
use crate::store::targets::{Target, TargetId};
use crate::store::{Db, StoreError};
use crate::target::Actual;

/// What targets held, and how far that can be told.
pub(super) struct Past {
    pub(super) actuals: Vec<(Option<Target>, Actual)>,
    pub(super) compared: Compared,
    /// What is not as it was then, in sentences.
    pub(super) remarks: Vec<String>,
}

/// More changes than this are not taken out of a directory: a minute of reading tells nobody more.
const CHANGES_MAX: usize = 50_000;

impl Past {
    pub(super) fn now(actuals: Vec<(Option<Target>, Actual)>) -> Past {
        Past { actuals, compared: Compared::Now, remarks: Vec::new() }
    }
}

/// The directories as a run found them; where too much has happened since, only what there was of the
/// one who is asked about.
pub(super) async fn before(
    db: &Db,
    ready: &Ready,
    run: RunId,
    text: &str,
    retold: &Retold<'_>,
    now: Vec<(Option<Target>, Actual)>,
) -> Result<Past, PeopleError> {
    let mut past = Past { actuals: Vec::new(), compared: Compared::Then, remarks: Vec::new() };
    let mut misfits = 0;
    let mut has_memory = false;
    let ended = runs::find(db, run).await?.and_then(|it| it.finished_at);
    for (target, mut actual) in now {
        if let Some(target) = &target {
            let (rows, extent) =
                match changes::done_since(db, target.id, run, None, CHANGES_MAX).await? {
                    Some(rows) => (rows, Extent::Everything),
                    None => {
                        past.compared = Compared::ThenOfThem;
                        let ids = ids_of(db, ready, text, retold, &actual).await?;
                        (done_to(db, target.id, run, &ids).await?, Extent::SomePeople)
                    }
                };
            // Tens of thousands of changes keep a core busy for a while.
            let rewound = tokio::task::spawn_blocking(move || {
                let recorded = rows.len();
                let done: Vec<Done> = rows.iter().filter_map(done_of).collect();
                let unreadable = recorded - done.len();
                let misfits = rewind(&mut actual.directory, &done, extent);
                (actual, unreadable + misfits)
            });
            let (rewound, unfit) = rewound.await.map_err(|_| PeopleError::Broken)?;
            actual = rewound;
            misfits += unfit;
            if let Some(ended) = ended {
                take_out_what_is_by_hand(db, target.id, ended, &mut actual.directory).await?;
            }
        }
        has_memory |=
            actual.memory != Memory::default() || actual.in_force.decisions != Decisions::default();
        past.actuals.push((target, actual));
    }
    if 0 < misfits {
        past.remarks.push(format!(
            "{misfits} of the changes that were recorded since do not fit the directory, so some of it may be as of now."
        ));
    }
    if let Some(ended) = ended
        && was_taken_away_by_hand(db, ended).await?
    {
        past.remarks.push(
            "Local groups were deleted or left by hand since: who was in them then is not told."
                .to_owned(),
        );
    }
    if has_memory {
        past.remarks.push(
            "Approvals, rejections and who is suspected are as of now: what they were then is not recorded."
                .to_owned(),
        );
    }
    Ok(past)
}

/// Groups and members that came by hand after a run.
async fn take_out_what_is_by_hand(
    db: &Db,
    target: TargetId,
    ended: Timestamp,
    directory: &mut Directory,
) -> Result<(), StoreError> {
    let since = local::since(db, target, ended).await?;
    for (group, id) in &since.members {
        if let Some(members) = directory.groups.get_mut(group) {
            members.remove(id);
        }
    }
    for group in &since.groups {
        directory.groups.remove(group);
        directory.local.remove(group);
    }
    Ok(())
}

async fn was_taken_away_by_hand(db: &Db, ended: Timestamp) -> Result<bool, StoreError> {
    for action in [Action::GroupRemove, Action::GroupDelete] {
        let (noun, verb) = action.words();
        let (noun, verb) = (noun.to_owned(), verb.to_owned());
        let filter = audit::Filter { since: Some(ended), noun, verb, ..audit::Filter::default() };
        if !audit::list(db, &filter, None, 1).await?.is_empty() {
            return Ok(true);
        }
    }
    Ok(false)
}

/// Under which a directory may have held somebody.
async fn ids_of(
    db: &Db,
    ready: &Ready,
    text: &str,
    retold: &Retold<'_>,
    actual: &Actual,
) -> Result<BTreeSet<ExternalId>, PeopleError> {
    let existing = Existing::of([&actual.directory]);
    let mut ids = BTreeSet::new();
    for found in retold.find(text)? {
        ids.extend(existing.of_source(&found.record.id).cloned());
        ids.insert(found.record.id);
    }
    let name = Name::new(text.trim());
    let accounts = actual.directory.users.values();
    let named = accounts.filter(|it| it.username == name || Name::new(&it.email) == name);
    ids.extend(named.map(|it| it.id.clone()));
    let known = changes::people_named(db, ready.connector.id, text.trim()).await?;
    ids.extend(known.into_iter().flat_map(|(source_id, id)| [source_id, id]));
    Ok(ids)
}

async fn done_to(
    db: &Db,
    target: TargetId,
    run: RunId,
    ids: &BTreeSet<ExternalId>,
) -> Result<Vec<DoneRow>, PeopleError> {
    let mut rows = Vec::new();
    for id in ids {
        let theirs = changes::done_since(db, target, run, Some(id), CHANGES_MAX).await?;
        rows.extend(theirs.unwrap_or_default());
    }
    Ok(rows)
}
