//! The Data Center directory: published tables that Jira, Confluence, Bitbucket, Bamboo and Crowd
//! read over the Crowd protocol.
//!
//! Applying a plan is one transaction that makes the next *generation* of the directory, so a
//! reader sees all of a plan or none of it, and repeating a plan is refused: its generation has
//! passed. An empty plan writes nothing.
//!
//! **The log and its floor.** Beside the directory goes a log of the names that changed, from which
//! readers are told the present state of what changed since they last asked. Products apply such
//! news by *name*. Where that would make two people one, the log is not written but its floor is
//! raised, and everyone reads the whole directory, where users are matched by key: after a rename,
//! after somebody lost an attribute, and when a username comes back that the log speaks of, because it may be somebody else's now.
//! The floor also rises where the news would be longer than the directory is worth.

mod batches;
pub mod local_groups;

use reconcile::gate::Approved;
use reconcile::plan::Change;

use self::batches::Batches;
use crate::store::directory::{self, Publication, events, local, publish};
use crate::store::memory;
use crate::store::plans::decisions::{self, Origin};
use crate::store::targets::TargetId;
use crate::store::{Db, Tx};
use crate::target::{Actual, Applied, TargetError};

/// One publication that changes more names than this is not worth telling name by name.
const NAMES_PER_PUBLICATION_MAX: i64 = 10_000;
/// The log forgets its oldest publications beyond this.
const NAMES_MAX: i64 = 50_000;

pub async fn read(db: &Db, target: TargetId) -> Result<Actual, TargetError> {
    let mut tx = db.snapshot().await?;
    read_in(&mut tx, target).await
}

/// The same within a transaction, which sees one state of it.
pub async fn read_in(tx: &mut Tx, target: TargetId) -> Result<Actual, TargetError> {
    let generation = generation(tx, target).await?;
    let directory = directory::read(tx, target).await?;
    let (read_at, memory) = memory::read(tx, target).await?;
    let in_force = decisions::read(tx, target, Origin::Sync, read_at).await?;
    Ok(Actual { directory, generation, read_at, memory, in_force })
}

/// Publishes an approved plan, which was made from publication `generation`. It is the caller's
/// transaction, so that the record of a run and what it changed are written together.
pub async fn apply(
    tx: &mut Tx,
    target: TargetId,
    generation: i64,
    approved: &Approved,
    now: jiff::Timestamp,
) -> Result<Applied, TargetError> {
    publish(tx, target, generation, approved.changes(), now).await
}

async fn publish(
    tx: &mut Tx,
    target: TargetId,
    read: i64,
    changes: impl Iterator<Item = &Change>,
    now: jiff::Timestamp,
) -> Result<Applied, TargetError> {
    let batches = Batches::sort(changes);
    let changes = batches.changes();
    if changes == 0 {
        let found = generation(tx, target).await?;
        if found != read {
            return Err(TargetError::Stale { read, found });
        }
        return Ok(Applied { generation: read, changes: 0 });
    }

    let Some(next) = publish::advance(tx, target, read, now).await? else {
        let found = generation(tx, target).await?;
        return Err(TargetError::Stale { read, found });
    };
    let whole = wants_full_reads(tx, target, &next, &batches).await?;
    write_what_comes(tx, target, &batches, now).await?;
    if !whole {
        log(tx, target, &next, &batches).await?;
    }
    write_what_goes(tx, target, &batches).await?;
    verify(tx, target, &next, &batches).await?;
    if whole {
        events::raise_floor(tx, target, next.generation).await?;
    } else {
        shorten(tx, target, &next).await?;
    }
    publish::count(tx, target).await?;
    Ok(Applied { generation: next.generation, changes })
}

async fn generation(tx: &mut Tx, target: TargetId) -> Result<i64, TargetError> {
    let publication = directory::publication(tx, target).await?;
    Ok(publication.ok_or(TargetError::Unknown(target))?.generation)
}

/// Whether readers must read everything again instead of being told what changed.
async fn wants_full_reads(
    tx: &mut Tx,
    target: TargetId,
    next: &Publication,
    batches: &Batches<'_>,
) -> Result<bool, TargetError> {
    let is_first = next.generation == 1;
    let untold = !batches.renamed.is_empty() || batches.lost_attributes;
    if is_first || untold || batches.reuse_a_username() {
        return Ok(true);
    }
    let created = batches.created_usernames();
    Ok(!created.is_empty() && events::speaks_of_users(tx, target, &created).await?)
}

/// Names what changes, at the one moment at which whoever comes and whoever goes are both there.
async fn log(
    tx: &mut Tx,
    target: TargetId,
    next: &Publication,
    batches: &Batches<'_>,
) -> Result<(), TargetError> {
    let generation = next.generation;
    events::insert_users(tx, target, generation, &batches.users_told()).await?;
    events::insert_groups(tx, target, generation, &batches.groups_told()).await?;
    // A group of that name may be back before a reader asks, so its going is not enough to tell.
    events::insert_members_of(tx, target, generation, &batches.removed_groups).await?;
    Ok(())
}

async fn write_what_comes(
    tx: &mut Tx,
    target: TargetId,
    batches: &Batches<'_>,
    now: jiff::Timestamp,
) -> Result<(), TargetError> {
    let Batches { created, renamed, updated, switched, created_groups, .. } = batches;
    let Batches { adopted_groups, joins, .. } = batches;
    fits("users to create", created, publish::insert_users(tx, target, created, now).await?)?;
    fits("users to rename", renamed, publish::rename_users(tx, target, renamed, now).await?)?;
    fits("users to update", updated, publish::update_users(tx, target, updated, now).await?)?;
    fits("users to switch", switched, publish::set_active(tx, target, switched, now).await?)?;
    let groups = publish::insert_groups(tx, target, created_groups).await?;
    fits("groups to create", created_groups, groups)?;
    let adopted = local::set_local(tx, target, adopted_groups, false).await?;
    fits("groups to adopt", adopted_groups, adopted)?;
    fits("members to add", joins, publish::insert_members(tx, target, joins).await?)
}

async fn write_what_goes(
    tx: &mut Tx,
    target: TargetId,
    batches: &Batches<'_>,
) -> Result<(), TargetError> {
    let Batches { leaves, removed, local_groups, removed_groups, .. } = batches;
    fits("members to remove", leaves, publish::delete_members(tx, target, leaves).await?)?;
    fits("users to remove", removed, publish::delete_users(tx, target, removed).await?)?;
    let made_local = local::set_local(tx, target, local_groups, true).await?;
    fits("groups to make local", local_groups, made_local)?;
    let groups = publish::delete_groups(tx, target, removed_groups).await?;
    fits("groups to remove", removed_groups, groups)
}

fn fits<T>(what: &'static str, rows: &[T], affected: u64) -> Result<(), TargetError> {
    let (expected, found) = (rows.len(), usize::try_from(affected).unwrap_or(usize::MAX));
    if expected != found {
        return Err(TargetError::Misfit { what, expected, found });
    }
    Ok(())
}

/// Usernames are compared only here, at the end, because two people may swap theirs.
async fn verify(
    tx: &mut Tx,
    target: TargetId,
    next: &Publication,
    batches: &Batches<'_>,
) -> Result<(), TargetError> {
    let is_first = next.generation == 1;
    if is_first && !publish::has_users(tx, target).await? {
        return Err(TargetError::NoUsers);
    }
    if batches.created.is_empty() && batches.renamed.is_empty() {
        return Ok(());
    }
    match publish::shared_username(tx, target).await? {
        Some((username, first, second)) => Err(TargetError::Conflict { username, first, second }),
        None => Ok(()),
    }
}

async fn shorten(tx: &mut Tx, target: TargetId, next: &Publication) -> Result<(), TargetError> {
    let before = next.generation - 1;
    if NAMES_PER_PUBLICATION_MAX < events::count_after(tx, target, before).await? {
        events::raise_floor(tx, target, next.generation).await?;
    } else if let Some(forgotten) = events::full_at(tx, target, NAMES_MAX).await? {
        events::raise_floor(tx, target, forgotten).await?;
    }
    Ok(())
}
