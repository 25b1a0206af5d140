//! Local groups: made, filled, emptied and deleted by hand, each time as a publication of its own.
//!
//! What is done by hand passes no gate, because somebody does it who means it; so nothing but local
//! groups and their members can be changed here. A run that has read the directory before finds that
//! it moved on and plans anew, and a plan that somebody saw is stale.

use std::collections::BTreeSet;

use jiff::Timestamp;
use reconcile::mapping::groups::check_group;
use reconcile::principal::{ExternalId, Name};
use serde_json::json;

use super::shorten;
use crate::notation::shell_quoted;
use crate::store::audit::actor::Act;
use crate::store::audit::changes::Changes;
use crate::store::audit::{self, Action, Entry};
use crate::store::directory::events::Aspect;
use crate::store::directory::local::{self, Group};
use crate::store::directory::{Publication, events, publish};
use crate::store::targets::Target;
use crate::store::{Db, StoreError, Tx};
use crate::target::TargetError;

/// So many people are added or removed at once, each of whom the audit log names.
pub const PEOPLE_MAX: usize = 400;

#[derive(Debug, thiserror::Error)]
pub enum LocalGroupError {
    #[error("The group \"{group}\" cannot be. {why}")]
    Unfit {
        /// Spelt out where something of it cannot be seen.
        group: String,
        why: String,
    },
    #[error(
        "Nothing is published to {target} yet, and a product would take a directory without users for an \
         order to remove everybody. Run the first sync: rollcall sync {}",
        shell_quoted(.connector.as_str())
    )]
    Unpublished { target: Name, connector: Name },
    #[error("There is a group \"{group}\" in {target} already: {whose}.")]
    Taken { group: Name, target: Name, whose: String },
    #[error(
        "There is no group \"{group}\" in {target}. See `rollcall group list {}`.",
        shell_quoted(.target.as_str())
    )]
    Unknown { group: Name, target: Name },
    #[error(
        "The group \"{group}\" of {target} is no local group: {connector} decides who is in it. Give people the \
         role or group in the source, or make a local group of another name."
    )]
    Ours { group: Name, target: Name, connector: Name },
    #[error("Somebody of these is not in {target} any more, so nothing was changed. Try again.")]
    Gone { target: Name },
    #[error("{PEOPLE_MAX} people at once are the most. Name fewer.")]
    TooMany,
    #[error(transparent)]
    Target(#[from] TargetError),
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Makes a local group without members.
pub async fn create(
    db: &Db,
    target: &Target,
    group: &Name,
    act: &Act<'_>,
) -> Result<(), LocalGroupError> {
    if let Err(why) = check_group(group) {
        let group = group.as_str().escape_debug().to_string();
        return Err(LocalGroupError::Unfit { group, why });
    }
    let mut tx = db.begin().await?;
    let generation = lock(&mut tx, target).await?;
    if let Some(there) = local::find(&mut tx, target.id, group).await? {
        let whose = match there.made {
            Some(made) if there.is_local => {
                format!("a local group, made by hand by {} at {}", made.by, made.at)
            }
            Some(_) | None => format!("{} decides who is in it", target.connector_name),
        };
        let (group, target) = (there.name, target.name.clone());
        return Err(LocalGroupError::Taken { group, target, whose });
    }
    let (next, now) = advance(&mut tx, target, generation).await?;
    let id = local::insert(&mut tx, target.id, group, &act.actor.name, now).await?;
    events::insert_groups(&mut tx, target.id, next.generation, &[group]).await?;
    let changes = Changes::created(&json!({ "target": target.name.as_str() }));
    publish(tx, target, &next, act, &Entry::new(Action::GroupCreate, id, group).with(changes)).await
}

/// Deletes a local group. Tells how many were in it.
pub async fn delete(
    db: &Db,
    target: &Target,
    group: &Name,
    act: &Act<'_>,
) -> Result<u64, LocalGroupError> {
    let mut tx = db.begin().await?;
    let generation = lock(&mut tx, target).await?;
    let there = found(&mut tx, target, group).await?;
    let (next, _) = advance(&mut tx, target, generation).await?;
    events::insert_groups(&mut tx, target.id, next.generation, &[group]).await?;
    // A group of that name may be back before a reader asks, so its going is not enough to tell.
    events::insert_members_of(&mut tx, target.id, next.generation, &[group]).await?;
    publish::delete_groups(&mut tx, target.id, &[group]).await?;
    let before = json!({ "target": target.name.as_str(), "members": there.members });
    let entry = Entry::new(Action::GroupDelete, there.id, &there.name);
    publish(tx, target, &next, act, &entry.with(Changes::deleted(&before))).await?;
    Ok(there.members)
}

/// Adds people to a local group. Tells who was not in it before.
pub async fn add(
    db: &Db,
    target: &Target,
    group: &Name,
    people: &BTreeSet<ExternalId>,
    act: &Act<'_>,
) -> Result<BTreeSet<ExternalId>, LocalGroupError> {
    change_members(db, target, group, people, Way::In, act).await
}

/// Takes people out of a local group. Tells who was in it.
pub async fn remove(
    db: &Db,
    target: &Target,
    group: &Name,
    people: &BTreeSet<ExternalId>,
    act: &Act<'_>,
) -> Result<BTreeSet<ExternalId>, LocalGroupError> {
    change_members(db, target, group, people, Way::Out, act).await
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Way {
    In,
    Out,
}

async fn change_members(
    db: &Db,
    target: &Target,
    group: &Name,
    people: &BTreeSet<ExternalId>,
    way: Way,
    act: &Act<'_>,
) -> Result<BTreeSet<ExternalId>, LocalGroupError> {
    if PEOPLE_MAX < people.len() {
        return Err(LocalGroupError::TooMany);
    }
    let mut tx = db.begin().await?;
    let generation = lock(&mut tx, target).await?;
    let there = found(&mut tx, target, group).await?;
    let known = local::membership(&mut tx, target.id, group, people).await?;
    if known.len() != people.len() {
        return Err(LocalGroupError::Gone { target: target.name.clone() });
    }
    let moving: Vec<_> = known.iter().filter(|it| it.is_member == (way == Way::Out)).collect();
    if moving.is_empty() {
        // Asked for again, it is so already.
        return Ok(BTreeSet::new());
    }
    let (next, now) = advance(&mut tx, target, generation).await?;
    let members: Vec<(&Name, &ExternalId)> = moving.iter().map(|it| (group, &it.id)).collect();
    let action = match way {
        Way::In => {
            local::insert_members(&mut tx, target.id, &members, &act.actor.name, now).await?;
            Action::GroupAdd
        }
        Way::Out => {
            publish::delete_members(&mut tx, target.id, &members).await?;
            Action::GroupRemove
        }
    };
    let told: Vec<_> = moving.iter().map(|it| (Aspect::Memberships, &it.id)).collect();
    events::insert_users(&mut tx, target.id, next.generation, &told).await?;
    let in_target = json!(target.name.as_str());
    let mut changes = Changes::none().and("target", Some(&in_target), Some(&in_target));
    for it in &moving {
        let username = json!(it.username.as_str());
        changes = match way {
            Way::In => changes.and("member", None, Some(&username)),
            Way::Out => changes.and("member", Some(&username), None),
        };
    }
    let moved = moving.iter().map(|it| it.id.clone()).collect();
    let entry = Entry::new(action, there.id, &there.name).with(changes);
    publish(tx, target, &next, act, &entry).await?;
    Ok(moved)
}

/// Locks the target, so that no run publishes meanwhile; tells what is published.
async fn lock(tx: &mut Tx, target: &Target) -> Result<i64, LocalGroupError> {
    match publish::lock(tx, target.id).await? {
        None => Err(TargetError::Unknown(target.id).into()),
        Some(0) => {
            let (target, connector) = (target.name.clone(), target.connector_name.clone());
            Err(LocalGroupError::Unpublished { target, connector })
        }
        Some(generation) => Ok(generation),
    }
}

async fn found(tx: &mut Tx, target: &Target, group: &Name) -> Result<Group, LocalGroupError> {
    let there = local::find(tx, target.id, group).await?;
    let in_target = target.name.clone();
    match there {
        None => Err(LocalGroupError::Unknown { group: group.clone(), target: in_target }),
        Some(there) if !there.is_local => {
            let connector = target.connector_name.clone();
            Err(LocalGroupError::Ours { group: there.name, target: in_target, connector })
        }
        Some(there) => Ok(there),
    }
}

async fn advance(
    tx: &mut Tx,
    target: &Target,
    generation: i64,
) -> Result<(Publication, Timestamp), LocalGroupError> {
    let now = tx.now().await?;
    let next = publish::advance(tx, target.id, generation, now).await?;
    // The row is locked, so nobody else has moved it on.
    Ok((next.ok_or(TargetError::Unknown(target.id))?, now))
}

async fn publish(
    mut tx: Tx,
    target: &Target,
    next: &Publication,
    act: &Act<'_>,
    entry: &Entry,
) -> Result<(), LocalGroupError> {
    shorten(&mut tx, target.id, next).await?;
    publish::count(&mut tx, target.id).await?;
    audit::append(&mut tx, act, entry).await?;
    Ok(tx.commit().await?)
}
