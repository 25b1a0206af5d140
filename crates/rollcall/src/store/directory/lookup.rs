//! What Crowd clients ask of the published directory: one entry, or a stream of them.
//!
//! Streams are in the order of folded names, so that pages of a list fit together.

use std::collections::BTreeMap;

use futures_util::stream::BoxStream;
use futures_util::{StreamExt, TryStreamExt};

use crate::store::targets::TargetId;
use crate::store::{StoreError, Tx};
use crate::with_tx;

pub type Rows<'t, T> = BoxStream<'t, Result<T, StoreError>>;

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UserRow {
    pub id: i64,
    pub external_id: String,
    pub username: String,
    pub email: String,
    pub display_name: String,
    pub first_name: String,
    pub last_name: String,
    pub active: bool,
    /// Microseconds, as is `updated_at`.
    pub created_at: i64,
    pub updated_at: i64,
    pub attributes: BTreeMap<String, String>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GroupRow {
    pub id: i64,
    pub name: String,
}

/// Which users of a target.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Users {
    All(TargetId),
    /// The members of a row of `directory_groups`.
    Of(i64),
}

/// Which groups of a target.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Groups {
    All(TargetId),
    /// The groups of a row of `directory_users`.
    Of(i64),
}

pub(super) type UserTuple =
    (i64, String, String, String, String, String, String, i64, i64, i64, String);

pub(super) fn user_row(row: UserTuple) -> UserRow {
    let (
        id,
        external_id,
        username,
        email,
        display_name,
        first_name,
        last_name,
        active,
        created_at,
        updated_at,
        attributes,
    ) = row;
    let active = active != 0;
    UserRow {
        id,
        external_id,
        username,
        email,
        display_name,
        first_name,
        last_name,
        active,
        created_at,
        updated_at,
        attributes: super::pairs_of(&attributes),
    }
}

fn group_row((id, name): (i64, String)) -> GroupRow {
    GroupRow { id, name }
}

pub async fn user_by_name(
    tx: &mut Tx,
    target: TargetId,
    folded: &str,
) -> Result<Option<UserRow>, StoreError> {
    const SQL: &str = "select id, external_id, username, email, display_name, first_name, last_name, active, \
           created_at, updated_at, attributes \
         from directory_users where target_id = $1 and username_folded = $2";
    let row = with_tx!(tx, conn => sqlx::query_as(SQL)
        .bind(target.0).bind(folded).fetch_optional(conn).await?);
    Ok(row.map(user_row))
}

pub async fn user_by_external_id(
    tx: &mut Tx,
    target: TargetId,
    external_id: &str,
) -> Result<Option<UserRow>, StoreError> {
    const SQL: &str = "select id, external_id, username, email, display_name, first_name, last_name, active, \
           created_at, updated_at, attributes \
         from directory_users where target_id = $1 and external_id = $2";
    let row = with_tx!(tx, conn => sqlx::query_as(SQL)
        .bind(target.0).bind(external_id).fetch_optional(conn).await?);
    Ok(row.map(user_row))
}

pub async fn group_by_name(
    tx: &mut Tx,
    target: TargetId,
    folded: &str,
) -> Result<Option<GroupRow>, StoreError> {
    const SQL: &str =
        "select id, name from directory_groups where target_id = $1 and name_folded = $2";
    let row = with_tx!(tx, conn => sqlx::query_as(SQL)
        .bind(target.0).bind(folded).fetch_optional(conn).await?);
    Ok(row.map(group_row))
}

pub async fn is_member(tx: &mut Tx, group: i64, user: i64) -> Result<bool, StoreError> {
    const SQL: &str = "select 1 from directory_memberships where group_id = $1 and user_id = $2";
    let row: Option<(i32,)> = with_tx!(tx, conn => sqlx::query_as(SQL)
        .bind(group).bind(user).fetch_optional(conn).await?);
    Ok(row.is_some())
}

pub fn users(tx: &mut Tx, which: Users) -> Rows<'_, UserRow> {
    const ALL: &str = "select id, external_id, username, email, display_name, first_name, last_name, active, \
           created_at, updated_at, attributes \
         from directory_users where target_id = $1 order by username_folded";
    const OF: &str = "select u.id, u.external_id, u.username, u.email, u.display_name, u.first_name, u.last_name, \
           u.active, u.created_at, u.updated_at, u.attributes \
         from directory_memberships m join directory_users u on u.id = m.user_id \
         where m.group_id = $1 order by u.username_folded";
    let (sql, id) = match which {
        Users::All(target) => (ALL, target.0),
        Users::Of(group) => (OF, group),
    };
    with_tx!(tx, conn => sqlx::query_as(sql)
        .bind(id).fetch(conn).map_ok(user_row).err_into().boxed())
}

pub fn groups(tx: &mut Tx, which: Groups) -> Rows<'_, GroupRow> {
    const ALL: &str =
        "select id, name from directory_groups where target_id = $1 order by name_folded";
    const OF: &str = "select g.id, g.name from directory_memberships m \
         join directory_groups g on g.id = m.group_id where m.user_id = $1 order by g.name_folded";
    let (sql, id) = match which {
        Groups::All(target) => (ALL, target.0),
        Groups::Of(user) => (OF, user),
    };
    with_tx!(tx, conn => sqlx::query_as(sql)
        .bind(id).fetch(conn).map_ok(group_row).err_into().boxed())
}

/// Every group with each of its members; a group without members comes once, with nobody.
pub fn memberships(tx: &mut Tx, target: TargetId) -> Rows<'_, (String, Option<String>)> {
    const SQL: &str = "select g.name, u.username from directory_groups g \
         left join directory_memberships m on m.group_id = g.id \
         left join directory_users u on u.id = m.user_id \
         where g.target_id = $1 order by g.name_folded";
    with_tx!(tx, conn => sqlx::query_as(SQL).bind(target.0).fetch(conn).err_into().boxed())
}
