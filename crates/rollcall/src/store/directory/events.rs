//! The change log of the published directory: which names changed in which publication.
//!
//! A reader at publication g is told the present state of every name that changed since, so being
//! told twice does no harm. The log ends at a floor: a reader below it is sent to read everything.

use futures_util::{StreamExt, TryStreamExt};
use reconcile::principal::{ExternalId, Name};
use serde_json::{Value, json};

use super::lookup::{Rows, UserRow, user_row};
use crate::store::batch::{cells, execute, with_rows};
use crate::store::targets::TargetId;
use crate::store::{StoreError, Tx};
use crate::with_tx;

/// What of a user changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Aspect {
    Person,
    Memberships,
}

impl Aspect {
    fn word(self) -> &'static str {
        match self {
            Aspect::Person => "user",
            Aspect::Memberships => "membership",
        }
    }
}

/// Names users as the directory names them now, which is not always what a plan wants for them.
pub async fn insert_users(
    tx: &mut Tx,
    target: TargetId,
    generation: i64,
    users: &[(Aspect, &ExternalId)],
) -> Result<(), StoreError> {
    const SQL: &str = "insert into directory_events (target_id, generation, kind, name, name_folded) \
         select $2, $3, batch.value ->> 0, u.username, u.username_folded from {rows} \
         join directory_users u on u.target_id = $2 and u.external_id = batch.value ->> 1 \
         where true on conflict do nothing";
    let row = |out: &mut Vec<u8>, (aspect, id): &(Aspect, &ExternalId)| {
        cells(out, &(aspect.word(), id.as_str()))
    };
    execute(tx, SQL, users, row, &[target.0, generation]).await?;
    Ok(())
}

pub async fn insert_groups(
    tx: &mut Tx,
    target: TargetId,
    generation: i64,
    groups: &[&Name],
) -> Result<(), StoreError> {
    const SQL: &str = "insert into directory_events (target_id, generation, kind, name, name_folded) \
         select $2, $3, 'group', batch.value ->> 0, batch.value ->> 1 from {rows} \
         where true on conflict do nothing";
    let row = |out: &mut Vec<u8>, group: &&Name| cells(out, &(group.as_str(), group.folded()));
    execute(tx, SQL, groups, row, &[target.0, generation]).await?;
    Ok(())
}

/// Names the members of groups as users whose memberships change.
pub async fn insert_members_of(
    tx: &mut Tx,
    target: TargetId,
    generation: i64,
    groups: &[&Name],
) -> Result<(), StoreError> {
    const SQL: &str = "insert into directory_events (target_id, generation, kind, name, name_folded) \
         select distinct g.target_id, $3, 'membership', u.username, u.username_folded from {rows} \
         join directory_groups g on g.target_id = $2 and g.name_folded = batch.value ->> 0 \
         join directory_memberships m on m.group_id = g.id \
         join directory_users u on u.id = m.user_id \
         where true on conflict do nothing";
    let row = |out: &mut Vec<u8>, group: &&Name| cells(out, &(group.folded(),));
    execute(tx, SQL, groups, row, &[target.0, generation]).await?;
    Ok(())
}

/// How many names the log holds of publications after this one.
pub async fn count_after(
    tx: &mut Tx,
    target: TargetId,
    generation: i64,
) -> Result<i64, StoreError> {
    const SQL: &str =
        "select count(*) from directory_events where target_id = $1 and $2 < generation";
    let (count,): (i64,) = with_tx!(tx, conn => sqlx::query_as(SQL)
        .bind(target.0).bind(generation).fetch_one(conn).await?);
    Ok(count)
}

/// The newest publication of which the log holds more than `names` together with all later ones.
pub async fn full_at(tx: &mut Tx, target: TargetId, names: i64) -> Result<Option<i64>, StoreError> {
    const SQL: &str = "select generation from directory_events where target_id = $1 \
         order by generation desc limit 1 offset $2";
    let row: Option<(i64,)> = with_tx!(tx, conn => sqlx::query_as(SQL)
        .bind(target.0).bind(names).fetch_optional(conn).await?);
    Ok(row.map(|(generation,)| generation))
}

/// Whether the log speaks of a user by one of these names.
pub async fn speaks_of_users(
    tx: &mut Tx,
    target: TargetId,
    usernames: &[&Name],
) -> Result<bool, StoreError> {
    const SQL: &str = "select 1 from directory_events where target_id = $2 and kind = 'user' \
         and name_folded in (select batch.value ->> 0 from {rows}) limit 1";
    let sql = with_rows(tx, SQL);
    let rows = usernames.iter().map(|name| json!([name.folded()])).collect::<Value>().to_string();
    let row: Option<(i32,)> = with_tx!(tx, conn => sqlx::query_as(sql)
        .bind(rows).bind(target.0).fetch_optional(conn).await?);
    Ok(row.is_some())
}

/// Sends every reader before this publication to read everything, and forgets what they would have
/// been told.
pub async fn raise_floor(tx: &mut Tx, target: TargetId, generation: i64) -> Result<(), StoreError> {
    const FLOOR: &str = "update targets set events_floor = $2 where id = $1";
    const LOG: &str = "delete from directory_events where target_id = $1 and generation <= $2";
    for sql in [FLOOR, LOG] {
        with_tx!(tx, conn => {
            sqlx::query(sql).bind(target.0).bind(generation).execute(conn).await?;
        });
    }
    Ok(())
}

/// Groups that changed after a publication and are there.
pub async fn groups_since(
    tx: &mut Tx,
    target: TargetId,
    generation: i64,
) -> Result<Vec<String>, StoreError> {
    const SQL: &str = "select g.name from directory_groups g where g.target_id = $1 \
         and g.name_folded in (select name_folded from directory_events \
           where target_id = $1 and $2 < generation and kind = 'group') \
         order by g.name_folded";
    names(tx, SQL, target, generation).await
}

/// Groups that changed after a publication and are not there any more.
pub async fn groups_gone_since(
    tx: &mut Tx,
    target: TargetId,
    generation: i64,
) -> Result<Vec<String>, StoreError> {
    const SQL: &str = "select max(e.name) from directory_events e \
         where e.target_id = $1 and $2 < e.generation and e.kind = 'group' \
           and not exists (select 1 from directory_groups g \
             where g.target_id = $1 and g.name_folded = e.name_folded) \
         group by e.name_folded order by e.name_folded";
    names(tx, SQL, target, generation).await
}

/// Users who changed after a publication and are there.
pub fn users_since(tx: &mut Tx, target: TargetId, generation: i64) -> Rows<'_, UserRow> {
    const SQL: &str = "select u.id, u.external_id, u.username, u.email, u.display_name, u.first_name, \
           u.last_name, u.active, u.created_at, u.updated_at, u.attributes \
         from directory_users u where u.target_id = $1 \
         and u.username_folded in (select name_folded from directory_events \
           where target_id = $1 and $2 < generation and kind = 'user') \
         order by u.username_folded";
    with_tx!(tx, conn => sqlx::query_as(SQL)
        .bind(target.0).bind(generation).fetch(conn).map_ok(user_row).err_into().boxed())
}

/// Users who changed after a publication and are not there any more.
pub async fn users_gone_since(
    tx: &mut Tx,
    target: TargetId,
    generation: i64,
) -> Result<Vec<String>, StoreError> {
    const SQL: &str = "select max(e.name) from directory_events e \
         where e.target_id = $1 and $2 < e.generation and e.kind = 'user' \
           and not exists (select 1 from directory_users u \
             where u.target_id = $1 and u.username_folded = e.name_folded) \
         group by e.name_folded order by e.name_folded";
    names(tx, SQL, target, generation).await
}

/// Users whose memberships changed after a publication, with each of their groups; a user without
/// groups comes once, with none.
pub fn memberships_since(
    tx: &mut Tx,
    target: TargetId,
    generation: i64,
) -> Rows<'_, (String, Option<String>)> {
    const SQL: &str = "select u.username, g.name from directory_users u \
         left join directory_memberships m on m.user_id = u.id \
         left join directory_groups g on g.id = m.group_id \
         where u.target_id = $1 \
         and u.username_folded in (select name_folded from directory_events \
           where target_id = $1 and $2 < generation and kind = 'membership') \
         order by u.username_folded, g.name_folded";
    with_tx!(tx, conn => sqlx::query_as(SQL)
        .bind(target.0).bind(generation).fetch(conn).err_into().boxed())
}

async fn names(
    tx: &mut Tx,
    sql: &'static str,
    target: TargetId,
    generation: i64,
) -> Result<Vec<String>, StoreError> {
    let rows: Vec<(String,)> = with_tx!(tx, conn => sqlx::query_as(sql)
        .bind(target.0).bind(generation).fetch_all(conn).await?);
    Ok(rows.into_iter().map(|(name,)| name).collect())
}
