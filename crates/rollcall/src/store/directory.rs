//! The published directory of a target: users, groups and memberships.
//!
//! Rows are written in batches that travel as one JSON parameter, because a statement per row is
//! twenty times slower on both engines.

pub mod browse;
pub mod events;
pub mod local;
pub mod lookup;
pub mod publish;
pub mod reads;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use futures_util::TryStreamExt;
use reconcile::directory::Directory;
use reconcile::principal::{Attributes, ExternalId, Name, User};

use crate::store::targets::TargetId;
use crate::store::{StoreError, Tx};
use crate::with_tx;

/// Where a target's publications stand.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Publication {
    pub epoch: String,
    pub generation: i64,
    pub events_floor: i64,
}

/// `None` where there is no such target.
pub async fn publication(tx: &mut Tx, target: TargetId) -> Result<Option<Publication>, StoreError> {
    const SQL: &str = "select epoch, generation, events_floor from targets where id = $1";
    let row: Option<(String, i64, i64)> =
        with_tx!(tx, conn => sqlx::query_as(SQL).bind(target.0).fetch_optional(conn).await?);
    Ok(row.map(|(epoch, generation, events_floor)| Publication { epoch, generation, events_floor }))
}

/// The whole directory. To be called in a snapshot.
pub async fn read(tx: &mut Tx, target: TargetId) -> Result<Directory, StoreError> {
    let (ids, users) = users(tx, target).await?;
    let (groups, local) = groups(tx, target, &ids).await?;
    Ok(Directory { users, groups, local })
}

/// A row's id and the user's external id, ascending by the row's id.
type Ids = Vec<(i64, ExternalId)>;

async fn users(
    tx: &mut Tx,
    target: TargetId,
) -> Result<(Ids, BTreeMap<ExternalId, Arc<User>>), StoreError> {
    const SQL: &str = "select id, external_id, username, email, display_name, first_name, last_name, active, \
           attributes, source_id \
         from directory_users where target_id = $1";
    let mut names = BTreeSet::new();
    let mut ids = Vec::new();
    let mut users = Vec::new();
    with_tx!(tx, conn => {
        let mut rows = sqlx::query_as(SQL).bind(target.0).fetch(conn);
        while let Some(row) = rows.try_next().await? {
            #[rustfmt::skip]
            let (
                id, external_id, username, email, display_name, first_name, last_name, active,
                attributes, source_id,
            ): (i64, String, String, String, String, String, String, i64, String, String) = row;
            let external_id = ExternalId::new(&external_id);
            ids.push((id, external_id.clone()));
            let user = User {
                id: external_id.clone(),
                username: Name::new(&username),
                email: email.into(),
                display_name: display_name.into(),
                first_name: first_name.into(),
                last_name: last_name.into(),
                active: active != 0,
                attributes: attributes_of(&attributes, &mut names),
                source_id: (!source_id.is_empty()).then(|| ExternalId::new(&source_id)),
            };
            users.push((external_id, Arc::new(user)));
        }
    });
    ids.sort_unstable_by_key(|(id, _)| *id);
    Ok((ids, users.into_iter().collect()))
}

/// Attributes as they are stored. Only we write them, so what cannot be read is none.
fn attributes_of(text: &str, names: &mut BTreeSet<Arc<str>>) -> Attributes {
    let mut attributes = BTreeMap::new();
    for (name, value) in pairs_of(text) {
        let name = names.get(&*name).cloned().unwrap_or_else(|| name.into());
        names.insert(Arc::clone(&name));
        attributes.insert(name, value.into());
    }
    Attributes::new(attributes)
}

fn pairs_of(text: &str) -> BTreeMap<String, String> {
    if text.is_empty() {
        return BTreeMap::new();
    }
    serde_json::from_str(text).unwrap_or_default()
}

type Groups = BTreeMap<Name, BTreeSet<ExternalId>>;

/// All groups, and which of them are local. The members of a group come as one text: a row per
/// membership would cost three times as much.
async fn groups(
    tx: &mut Tx,
    target: TargetId,
    ids: &Ids,
) -> Result<(Groups, BTreeSet<Name>), StoreError> {
    const SQL: &str = "select name, is_local, coalesce((select string_agg(cast(m.user_id as text), ',') \
           from directory_memberships m where m.group_id = g.id), '') \
         from directory_groups g where g.target_id = $1";
    let rows: Vec<(String, i64, String)> =
        with_tx!(tx, conn => sqlx::query_as(SQL).bind(target.0).fetch_all(conn).await?);
    let members_of = |text: &str| {
        let members = text.split(',').filter_map(|member| {
            let member: i64 = member.parse().ok()?;
            let at = ids.binary_search_by_key(&member, |(id, _)| *id).ok()?;
            ids.get(at).map(|(_, external_id)| external_id.clone())
        });
        members.collect()
    };
    let local = rows.iter().filter(|(_, is_local, _)| *is_local != 0);
    let local = local.map(|(name, ..)| Name::new(name)).collect();
    let groups = rows.iter().map(|(name, _, members)| (Name::new(name), members_of(members)));
    Ok((groups.collect(), local))
}
