//! Writing a publication, a batch at a time.

use std::borrow::Cow;
use std::collections::BTreeMap;

use reconcile::principal::{Attributes, ExternalId, Name, User};

use super::{Publication, browse};
use crate::store::batch::{cells, execute};
use crate::store::targets::TargetId;
use crate::store::{StoreError, Tx};
use crate::with_tx;

const SET_ACTIVE: &str = "update directory_users \
     set active = cast(batch.value ->> 1 as bigint), updated_at = $3 \
     from {rows} where target_id = $2 and external_id = batch.value ->> 0";

const INSERT_MEMBERS: &str = "insert into directory_memberships (group_id, user_id) \
     select g.id, u.id from {rows} \
     join directory_groups g on g.target_id = $2 and g.name_folded = batch.value ->> 0 \
     join directory_users u on u.target_id = $2 and u.external_id = batch.value ->> 1";

/// Begins the next publication, unless another one was made since `generation` was read.
///
/// The row stays locked to the end of the transaction, so publications of a target are in line.
pub async fn advance(
    tx: &mut Tx,
    target: TargetId,
    generation: i64,
    now: jiff::Timestamp,
) -> Result<Option<Publication>, StoreError> {
    const SQL: &str = "update targets set generation = generation + 1, published_at = $3 \
         where id = $1 and generation = $2 returning epoch, generation, events_floor";
    let row: Option<(String, i64, i64)> = with_tx!(tx, conn => sqlx::query_as(SQL)
        .bind(target.0).bind(generation).bind(now.as_microsecond()).fetch_optional(conn).await?);
    Ok(row.map(|(epoch, generation, events_floor)| Publication { epoch, generation, events_floor }))
}

/// Locks a target for the rest of a transaction, and tells its last publication; nothing where there
/// is no such target.
pub async fn lock(tx: &mut Tx, target: TargetId) -> Result<Option<i64>, StoreError> {
    const SQL: &str = "update targets set generation = generation where id = $1 \
         returning generation";
    Ok(with_tx!(tx, conn => sqlx::query_scalar(SQL).bind(target.0).fetch_optional(conn).await?))
}

pub async fn insert_users(
    tx: &mut Tx,
    target: TargetId,
    users: &[&User],
    now: jiff::Timestamp,
) -> Result<u64, StoreError> {
    const SQL: &str = "insert into directory_users (target_id, external_id, username, username_folded, email, \
           display_name, first_name, last_name, active, created_at, updated_at, \
           attributes, source_id, search) \
         select $2, batch.value ->> 0, batch.value ->> 1, batch.value ->> 2, batch.value ->> 3, \
           batch.value ->> 4, batch.value ->> 5, batch.value ->> 6, cast(batch.value ->> 7 as bigint), $3, $3, \
           batch.value ->> 8, batch.value ->> 9, batch.value ->> 10 \
         from {rows}";
    let row = |out: &mut Vec<u8>, user: &&User| {
        let User {
            id,
            username,
            email,
            display_name,
            first_name,
            last_name,
            active,
            attributes,
            source_id,
        } = user;
        let (typed, folded) = (username.as_str(), username.folded());
        let (active, attributes) = (i64::from(*active), attributes_text(attributes)?);
        let (id, source_id) = (id.as_str(), source_id.as_ref().map_or("", ExternalId::as_str));
        #[rustfmt::skip]
        let row = (
            id, typed, folded, email, display_name, first_name, last_name, active, &*attributes,
            source_id, browse::searched(email, display_name),
        );
        cells(out, &row)
    };
    execute(tx, SQL, users, row, &[target.0, now.as_microsecond()]).await
}

pub async fn rename_users(
    tx: &mut Tx,
    target: TargetId,
    renames: &[(&User, &Name)],
    now: jiff::Timestamp,
) -> Result<u64, StoreError> {
    const SQL: &str = "update directory_users \
         set username = batch.value ->> 1, username_folded = batch.value ->> 2, updated_at = $3 \
         from {rows} where target_id = $2 and external_id = batch.value ->> 0";
    let row = |out: &mut Vec<u8>, (user, to): &(&User, &Name)| {
        cells(out, &(user.id.as_str(), to.as_str(), to.folded()))
    };
    execute(tx, SQL, renames, row, &[target.0, now.as_microsecond()]).await
}

pub async fn update_users(
    tx: &mut Tx,
    target: TargetId,
    users: &[&User],
    now: jiff::Timestamp,
) -> Result<u64, StoreError> {
    const SQL: &str = "update directory_users set email = batch.value ->> 1, \
           display_name = batch.value ->> 2, first_name = batch.value ->> 3, last_name = batch.value ->> 4, \
           attributes = batch.value ->> 5, source_id = batch.value ->> 6, \
           search = batch.value ->> 7, updated_at = $3 \
         from {rows} where target_id = $2 and external_id = batch.value ->> 0";
    let row = |out: &mut Vec<u8>, user: &&User| {
        let User {
            id,
            username: _,
            email,
            display_name,
            first_name,
            last_name,
            active: _,
            attributes,
            source_id,
        } = user;
        let attributes = attributes_text(attributes)?;
        let (id, source_id) = (id.as_str(), source_id.as_ref().map_or("", ExternalId::as_str));
        let search = browse::searched(email, display_name);
        #[rustfmt::skip]
        let row = (
            id, email, display_name, first_name, last_name, &*attributes, source_id, search,
        );
        cells(out, &row)
    };
    execute(tx, SQL, users, row, &[target.0, now.as_microsecond()]).await
}

/// A JSON object, or nothing where there are none.
fn attributes_text(attributes: &Attributes) -> Result<Cow<'static, str>, StoreError> {
    if attributes.is_empty() {
        return Ok("".into());
    }
    let pairs: BTreeMap<&str, &str> =
        attributes.iter().map(|(name, value)| (&**name, value)).collect();
    let text = serde_json::to_string(&pairs);
    Ok(text.map_err(|error| StoreError::Sql(sqlx::Error::Encode(Box::new(error))))?.into())
}

pub async fn set_active(
    tx: &mut Tx,
    target: TargetId,
    users: &[(&User, bool)],
    now: jiff::Timestamp,
) -> Result<u64, StoreError> {
    let row = |out: &mut Vec<u8>, (user, active): &(&User, bool)| {
        cells(out, &(user.id.as_str(), i64::from(*active)))
    };
    execute(tx, SET_ACTIVE, users, row, &[target.0, now.as_microsecond()]).await
}

pub async fn insert_groups(
    tx: &mut Tx,
    target: TargetId,
    groups: &[&Name],
) -> Result<u64, StoreError> {
    const SQL: &str = "insert into directory_groups (target_id, name, name_folded) \
         select $2, batch.value ->> 0, batch.value ->> 1 from {rows}";
    let row = |out: &mut Vec<u8>, group: &&Name| cells(out, &(group.as_str(), group.folded()));
    execute(tx, SQL, groups, row, &[target.0]).await
}

pub async fn insert_members(
    tx: &mut Tx,
    target: TargetId,
    members: &[(&Name, &ExternalId)],
) -> Result<u64, StoreError> {
    execute(tx, INSERT_MEMBERS, members, member_row, &[target.0]).await
}

pub async fn delete_members(
    tx: &mut Tx,
    target: TargetId,
    members: &[(&Name, &ExternalId)],
) -> Result<u64, StoreError> {
    const SQL: &str = "delete from directory_memberships where (group_id, user_id) in ( \
         select g.id, u.id from {rows} \
         join directory_groups g on g.target_id = $2 and g.name_folded = batch.value ->> 0 \
         join directory_users u on u.target_id = $2 and u.external_id = batch.value ->> 1)";
    execute(tx, SQL, members, member_row, &[target.0]).await
}

pub async fn delete_users(
    tx: &mut Tx,
    target: TargetId,
    users: &[&User],
) -> Result<u64, StoreError> {
    const MEMBERSHIPS: &str = "delete from directory_memberships where user_id in ( \
         select u.id from {rows} \
         join directory_users u on u.target_id = $2 and u.external_id = batch.value ->> 0)";
    const USERS: &str = "delete from directory_users where target_id = $2 \
         and external_id in (select batch.value ->> 0 from {rows})";
    let row = |out: &mut Vec<u8>, user: &&User| cells(out, &(user.id.as_str(),));
    execute(tx, MEMBERSHIPS, users, row, &[target.0]).await?;
    execute(tx, USERS, users, row, &[target.0]).await
}

pub async fn delete_groups(
    tx: &mut Tx,
    target: TargetId,
    groups: &[&Name],
) -> Result<u64, StoreError> {
    const MEMBERSHIPS: &str = "delete from directory_memberships where group_id in ( \
         select g.id from {rows} \
         join directory_groups g on g.target_id = $2 and g.name_folded = batch.value ->> 0)";
    const GROUPS: &str = "delete from directory_groups where target_id = $2 \
         and name_folded in (select batch.value ->> 0 from {rows})";
    let row = |out: &mut Vec<u8>, group: &&Name| cells(out, &(group.folded(),));
    execute(tx, MEMBERSHIPS, groups, row, &[target.0]).await?;
    execute(tx, GROUPS, groups, row, &[target.0]).await
}

/// A username that several users have, with two of their external ids.
pub async fn shared_username(
    tx: &mut Tx,
    target: TargetId,
) -> Result<Option<(String, String, String)>, StoreError> {
    const SQL: &str = "select min(username), min(external_id), max(external_id) from directory_users \
         where target_id = $1 group by username_folded having 1 < count(*) limit 1";
    Ok(with_tx!(tx, conn => sqlx::query_as(SQL).bind(target.0).fetch_optional(conn).await?))
}

pub async fn has_users(tx: &mut Tx, target: TargetId) -> Result<bool, StoreError> {
    const SQL: &str = "select 1 from directory_users where target_id = $1 limit 1";
    let row: Option<(i32,)> =
        with_tx!(tx, conn => sqlx::query_as(SQL).bind(target.0).fetch_optional(conn).await?);
    Ok(row.is_some())
}

/// Counts what is published, for whoever asks how much that is. The last step of a publication.
pub async fn count(tx: &mut Tx, target: TargetId) -> Result<(), StoreError> {
    const SQL: &str = "update targets set \
         users = (select count(*) from directory_users where target_id = $1), \
         active_users = (select count(*) from directory_users where target_id = $1 and active = 1), \
         groups = (select count(*) from directory_groups where target_id = $1), \
         memberships = (select count(*) from directory_memberships m \
           join directory_groups g on g.id = m.group_id where g.target_id = $1) \
         where id = $1";
    with_tx!(tx, conn => sqlx::query(SQL).bind(target.0).execute(conn).await.map(|_| ()))?;
    Ok(())
}

fn member_row(out: &mut Vec<u8>, (group, id): &(&Name, &ExternalId)) -> Result<(), StoreError> {
    cells(out, &(group.folded(), id.as_str()))
}

#[cfg(test)]
mod tests {
    use sqlx::AssertSqlSafe;

    use super::*;
    use crate::store::Db;
    use crate::store::batch::with_rows;

    /// Anything else is quadratic: it did not end for a tenant of two thousand.
    #[tokio::test]
    async fn sqlite_finds_the_users_of_a_batch_by_their_id() {
        let folder = tempfile::tempdir().unwrap();
        let db = Db::open_sqlite(&folder.path().join("rollcall.sqlite")).await.unwrap();
        let mut tx = db.begin().await.unwrap();
        for sql in [SET_ACTIVE, INSERT_MEMBERS] {
            let explain = format!("explain query plan {}", with_rows(&tx, sql).as_str());
            let Tx::Sqlite(conn) = &mut tx else { panic!("a file is SQLite") };
            let plan: Vec<(i64, i64, i64, String)> = sqlx::query_as(AssertSqlSafe(explain))
                .bind("[]")
                .bind(1)
                .bind(1)
                .fetch_all(&mut **conn)
                .await
                .unwrap();
            let by_id = "(target_id=? AND external_id=?)";
            assert!(plan.iter().any(|(.., step)| step.ends_with(by_id)), "{plan:?}");
        }
    }
}
