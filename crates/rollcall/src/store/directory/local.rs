//! Local groups, and who was added by hand.

use std::collections::BTreeSet;

use jiff::Timestamp;
use reconcile::principal::{ExternalId, Name};

use crate::store::batch::{cells, execute, with_rows};
use crate::store::targets::TargetId;
use crate::store::{Db, StoreError, Tx, instant};
use crate::{with_pool, with_tx};

/// Who did something by hand, and when.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ByHand {
    pub by: String,
    pub at: Timestamp,
}

/// A group, local or not.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Group {
    pub id: i64,
    pub name: Name,
    pub is_local: bool,
    /// Also of one that was adopted since.
    pub made: Option<ByHand>,
    pub members: u64,
}

/// A local group in a list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LocalGroup {
    pub name: Name,
    pub made: ByHand,
}

/// Somebody, and whether they are in a group.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Membership {
    pub id: ExternalId,
    pub username: Name,
    pub is_member: bool,
}

/// Somebody who was added by hand.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Added {
    pub id: ExternalId,
    pub group: Name,
    pub added: ByHand,
}

/// What was done by hand since a time, as far as it is still there.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Since {
    pub groups: Vec<Name>,
    pub members: Vec<(Name, ExternalId)>,
}

/// All local groups of a target, by name.
pub async fn list(db: &Db, target: TargetId) -> Result<Vec<LocalGroup>, StoreError> {
    const SQL: &str = "select name, coalesce(made_by, ''), coalesce(made_at, 0) \
         from directory_groups where target_id = $1 and is_local = 1 order by name_folded";
    let rows: Vec<(String, String, i64)> =
        with_pool!(db, pool => sqlx::query_as(SQL).bind(target.0).fetch_all(pool).await?);
    let local = |(name, by, at): (String, String, i64)| LocalGroup {
        name: Name::new(&name),
        made: ByHand { by, at: instant(at) },
    };
    Ok(rows.into_iter().map(local).collect())
}

pub async fn find(
    tx: &mut Tx,
    target: TargetId,
    group: &Name,
) -> Result<Option<Group>, StoreError> {
    const SQL: &str = "select id, name, is_local, made_by, made_at, \
           (select count(*) from directory_memberships m where m.group_id = g.id) \
         from directory_groups g where target_id = $1 and name_folded = $2";
    type Row = (i64, String, i64, Option<String>, Option<i64>, i64);
    let row: Option<Row> = with_tx!(tx, conn => sqlx::query_as(SQL)
        .bind(target.0).bind(group.folded()).fetch_optional(conn).await?);
    Ok(row.map(|(id, name, is_local, made_by, made_at, members)| Group {
        id,
        name: Name::new(&name),
        is_local: is_local != 0,
        made: made_by.zip(made_at).map(|(by, at)| ByHand { by, at: instant(at) }),
        members: members.unsigned_abs(),
    }))
}

/// Tells the id of its row.
pub async fn insert(
    tx: &mut Tx,
    target: TargetId,
    group: &Name,
    by: &str,
    now: Timestamp,
) -> Result<i64, StoreError> {
    const SQL: &str = "insert into directory_groups \
         (target_id, name, name_folded, is_local, made_by, made_at) \
         values ($1, $2, $3, 1, $4, $5) returning id";
    Ok(with_tx!(tx, conn => sqlx::query_scalar(SQL)
        .bind(target.0)
        .bind(group.as_str())
        .bind(group.folded())
        .bind(by)
        .bind(now.as_microsecond())
        .fetch_one(conn)
        .await?))
}

/// Makes local groups ours, or adopted ones local again; tells how many were not so before.
pub async fn set_local(
    tx: &mut Tx,
    target: TargetId,
    groups: &[&Name],
    is_local: bool,
) -> Result<u64, StoreError> {
    const SQL: &str = "update directory_groups set is_local = $3 where target_id = $2 \
         and is_local <> $3 and name_folded in (select batch.value ->> 0 from {rows})";
    let row = |out: &mut Vec<u8>, group: &&Name| cells(out, &(group.folded(),));
    execute(tx, SQL, groups, row, &[target.0, i64::from(is_local)]).await
}

pub async fn insert_members(
    tx: &mut Tx,
    target: TargetId,
    members: &[(&Name, &ExternalId)],
    by: &str,
    now: Timestamp,
) -> Result<u64, StoreError> {
    const SQL: &str = "insert into directory_memberships (group_id, user_id, added_by, added_at) \
         select g.id, u.id, batch.value ->> 2, $3 from {rows} \
         join directory_groups g on g.target_id = $2 and g.name_folded = batch.value ->> 0 \
         join directory_users u on u.target_id = $2 and u.external_id = batch.value ->> 1";
    let row = |out: &mut Vec<u8>, (group, id): &(&Name, &ExternalId)| {
        cells(out, &(group.folded(), id.as_str(), by))
    };
    execute(tx, SQL, members, row, &[target.0, now.as_microsecond()]).await
}

/// Which of these people are in a group. Whoever has no account is left out.
pub async fn membership(
    tx: &mut Tx,
    target: TargetId,
    group: &Name,
    people: &BTreeSet<ExternalId>,
) -> Result<Vec<Membership>, StoreError> {
    const SQL: &str = "select u.external_id, u.username, (select count(*) \
           from directory_groups g join directory_memberships m on m.group_id = g.id \
           where g.target_id = $2 and g.name_folded = $3 and m.user_id = u.id) \
         from {rows} join directory_users u on u.target_id = $2 and u.external_id = batch.value ->> 0 \
         order by u.username_folded";
    let text = rows_of(&people.iter().collect::<Vec<_>>())?;
    let sql = with_rows(tx, SQL);
    let rows: Vec<(String, String, i64)> = with_tx!(tx, conn => sqlx::query_as(sql)
        .bind(text).bind(target.0).bind(group.folded()).fetch_all(conn).await?);
    let membership = |(id, username, groups): (String, String, i64)| Membership {
        id: ExternalId::new(&id),
        username: Name::new(&username),
        is_member: groups != 0,
    };
    Ok(rows.into_iter().map(membership).collect())
}

/// Who of these people was added by hand, to which groups.
pub async fn added(
    tx: &mut Tx,
    target: TargetId,
    people: &[&ExternalId],
) -> Result<Vec<Added>, StoreError> {
    const SQL: &str = "select u.external_id, g.name, m.added_by, coalesce(m.added_at, 0) from {rows} \
         join directory_users u on u.target_id = $2 and u.external_id = batch.value ->> 0 \
         join directory_memberships m on m.user_id = u.id and m.added_by is not null \
         join directory_groups g on g.id = m.group_id";
    let text = rows_of(people)?;
    let sql = with_rows(tx, SQL);
    let rows: Vec<(String, String, String, i64)> = with_tx!(tx, conn => sqlx::query_as(sql)
        .bind(text).bind(target.0).fetch_all(conn).await?);
    let added = |(id, group, by, at): (String, String, String, i64)| Added {
        id: ExternalId::new(&id),
        group: Name::new(&group),
        added: ByHand { by, at: instant(at) },
    };
    Ok(rows.into_iter().map(added).collect())
}

pub async fn since(db: &Db, target: TargetId, at: Timestamp) -> Result<Since, StoreError> {
    const GROUPS: &str = "select name from directory_groups where target_id = $1 and $2 < made_at";
    const MEMBERS: &str = "select g.name, u.external_id from directory_groups g \
         join directory_memberships m on m.group_id = g.id and $2 < m.added_at \
         join directory_users u on u.id = m.user_id where g.target_id = $1";
    let at = at.as_microsecond();
    let groups: Vec<String> = with_pool!(db, pool => sqlx::query_scalar(GROUPS)
        .bind(target.0).bind(at).fetch_all(pool).await?);
    let members: Vec<(String, String)> = with_pool!(db, pool => sqlx::query_as(MEMBERS)
        .bind(target.0).bind(at).fetch_all(pool).await?);
    let member = |(group, id): (String, String)| (Name::new(&group), ExternalId::new(&id));
    Ok(Since {
        groups: groups.iter().map(|it| Name::new(it)).collect(),
        members: members.into_iter().map(member).collect(),
    })
}

fn rows_of(people: &[&ExternalId]) -> Result<String, StoreError> {
    let rows: Vec<[&str; 1]> = people.iter().map(|id| [id.as_str()]).collect();
    let mut text = Vec::new();
    cells(&mut text, &rows)?;
    Ok(String::from_utf8_lossy(&text).into_owned())
}
