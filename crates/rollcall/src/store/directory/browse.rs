//! What people look up in a published directory: pages of users, groups and members, with filters.
//!
//! A page is what follows the last name of the one before, in the order of folded names; a count of
//! a hundred thousand is asked for apart.

use jiff::Timestamp;
use reconcile::principal::{ExternalId, Name, fold};

use crate::store::targets::TargetId;
use crate::store::{Db, StoreError, containing, instant};
use crate::with_pool;

/// Which users are wanted. All that is given must be met.
#[derive(Clone, Debug, Default)]
pub struct UserFilter {
    /// A part of the username, the e-mail or the display name; empty for everybody.
    pub search: String,
    pub active: Option<bool>,
    /// Only members of this group.
    pub group: Option<Name>,
    /// Only whoever changed at this time or later.
    pub changed_since: Option<Timestamp>,
}

/// What follows a name, and how many of it. Empty is the beginning.
#[derive(Clone, Copy, Debug)]
pub struct Page<'a> {
    pub after: &'a str,
    pub rows_max: u32,
}

/// A user in a list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UserLine {
    pub id: ExternalId,
    pub username: String,
    pub email: String,
    pub display_name: String,
    pub active: bool,
    pub groups: u64,
    pub changed_at: Timestamp,
}

/// A group in a list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GroupLine {
    pub name: String,
    pub members: u64,
}

/// `{where}` of every question about users: the first seven parameters.
macro_rules! user_filter {
    ($select:literal, $rest:literal) => {
        concat!(
            $select,
            " from directory_users u where u.target_id = $1 and u.username_folded > $2 \
               and ($3 = '' or u.username_folded like $4 escape '\\' or u.search like $4 escape '\\') \
               and (cast($5 as bigint) < 0 or u.active = $5) \
               and ($6 = '' or exists (select 1 from directory_memberships m \
                 join directory_groups g on g.id = m.group_id \
                 where m.user_id = u.id and g.target_id = $1 and g.name_folded = $6)) \
               and u.updated_at >= $7",
            $rest
        )
    };
}

/// A page of users by username.
pub async fn users(
    db: &Db,
    target: TargetId,
    filter: &UserFilter,
    page: Page<'_>,
) -> Result<Vec<UserLine>, StoreError> {
    const SQL: &str = user_filter!(
        "select u.external_id, u.username, u.email, u.display_name, u.active, \
           (select count(*) from directory_memberships m where m.user_id = u.id), u.updated_at",
        " order by u.username_folded limit $8"
    );
    type Row = (String, String, String, String, i64, i64, i64);
    let UserFilter { search, active, group, changed_since } = filter;
    let rows = with_pool!(db, pool => sqlx::query_as::<_, Row>(SQL)
        .bind(target.0)
        .bind(&*fold(page.after))
        .bind(search.trim())
        .bind(containing(search))
        .bind(active.map_or(-1, i64::from))
        .bind(group.as_ref().map_or("", Name::folded))
        .bind(changed_since.map_or(i64::MIN, Timestamp::as_microsecond))
        .bind(i64::from(page.rows_max))
        .fetch_all(pool)
        .await)?;
    Ok(rows.into_iter().map(user_line).collect())
}

/// A page of users by username, and how many there are on all pages.
pub async fn users_and_total(
    db: &Db,
    target: TargetId,
    filter: &UserFilter,
    page: Page<'_>,
) -> Result<(Vec<UserLine>, u64), StoreError> {
    let lines = users(db, target, filter, page).await?;
    // To count is to search everybody once more, which a first page that is not full has done.
    let is_everybody = page.after.is_empty() && lines.len() < page.rows_max as usize;
    let total =
        if is_everybody { lines.len() as u64 } else { count_users(db, target, filter).await? };
    Ok((lines, total))
}

/// How many users a filter lets through. Nobody has to be counted where it lets everybody through.
pub async fn count_users(
    db: &Db,
    target: TargetId,
    filter: &UserFilter,
) -> Result<u64, StoreError> {
    const SQL: &str = user_filter!("select count(*)", "");
    const EVERYBODY: &str = "select users from targets where id = $1";
    let UserFilter { search, active, group, changed_since } = filter;
    if search.trim().is_empty() && active.is_none() && group.is_none() && changed_since.is_none() {
        let users: Option<i64> = with_pool!(db, pool => sqlx::query_scalar(EVERYBODY)
            .bind(target.0)
            .fetch_optional(pool)
            .await)?;
        return Ok(users.unwrap_or_default().unsigned_abs());
    }
    let count: i64 = with_pool!(db, pool => sqlx::query_scalar(SQL)
        .bind(target.0)
        .bind("")
        .bind(search.trim())
        .bind(containing(search))
        .bind(active.map_or(-1, i64::from))
        .bind(group.as_ref().map_or("", Name::folded))
        .bind(changed_since.map_or(i64::MIN, Timestamp::as_microsecond))
        .fetch_one(pool)
        .await)?;
    Ok(count.unsigned_abs())
}

/// One user by external id.
pub async fn user(
    db: &Db,
    target: TargetId,
    id: &ExternalId,
) -> Result<Option<UserLine>, StoreError> {
    const SQL: &str = "select u.external_id, u.username, u.email, u.display_name, u.active, \
           (select count(*) from directory_memberships m where m.user_id = u.id), u.updated_at \
         from directory_users u where u.target_id = $1 and u.external_id = $2";
    let row = with_pool!(db, pool => sqlx::query_as(SQL)
        .bind(target.0)
        .bind(id.as_str())
        .fetch_optional(pool)
        .await)?;
    Ok(row.map(user_line))
}

/// The names of somebody's groups, in order.
pub async fn groups_of(
    db: &Db,
    target: TargetId,
    id: &ExternalId,
) -> Result<Vec<String>, StoreError> {
    const SQL: &str = "select g.name from directory_users u \
         join directory_memberships m on m.user_id = u.id \
         join directory_groups g on g.id = m.group_id \
         where u.target_id = $1 and u.external_id = $2 order by g.name_folded";
    Ok(with_pool!(db, pool => sqlx::query_scalar(SQL)
        .bind(target.0)
        .bind(id.as_str())
        .fetch_all(pool)
        .await?))
}

/// One group, with how many are in it.
pub async fn group(
    db: &Db,
    target: TargetId,
    name: &Name,
) -> Result<Option<GroupLine>, StoreError> {
    const SQL: &str = "select g.name, \
           (select count(*) from directory_memberships m where m.group_id = g.id) \
         from directory_groups g where g.target_id = $1 and g.name_folded = $2";
    let row: Option<(String, i64)> = with_pool!(db, pool => sqlx::query_as(SQL)
        .bind(target.0)
        .bind(name.folded())
        .fetch_optional(pool)
        .await?);
    Ok(row.map(|(name, members)| GroupLine { name, members: members.unsigned_abs() }))
}

/// A page of the members of a group by username, of those who match a search.
///
/// A small group is walked, and a large one is met often enough on a walk of all users: each is slow
/// the other way round.
pub async fn members(
    db: &Db,
    target: TargetId,
    group: &GroupLine,
    search: &str,
    page: Page<'_>,
) -> Result<Vec<UserLine>, StoreError> {
    const SQL: &str = "select u.external_id, u.username, u.email, u.display_name, u.active, \
           (select count(*) from directory_memberships m where m.user_id = u.id), u.updated_at \
         from directory_groups g join directory_memberships m on m.group_id = g.id \
         join directory_users u on u.id = m.user_id \
         where g.target_id = $1 and g.name_folded = $2 and u.username_folded > $3 \
           and ($4 = '' or u.username_folded like $5 escape '\\' or u.search like $5 escape '\\') \
         order by u.username_folded limit $6";
    let name = Name::new(&group.name);
    if WALKED_MAX < group.members {
        let filter =
            UserFilter { search: search.to_owned(), group: Some(name), ..UserFilter::default() };
        return users(db, target, &filter, page).await;
    }
    let rows = with_pool!(db, pool => sqlx::query_as(SQL)
        .bind(target.0)
        .bind(name.folded())
        .bind(&*fold(page.after))
        .bind(search.trim())
        .bind(containing(search))
        .bind(i64::from(page.rows_max))
        .fetch_all(pool)
        .await)?;
    Ok(rows.into_iter().map(user_line).collect())
}

const WALKED_MAX: u64 = 5_000;

/// A page of groups whose name has this part.
pub async fn groups(
    db: &Db,
    target: TargetId,
    search: &str,
    page: Page<'_>,
) -> Result<Vec<GroupLine>, StoreError> {
    const SQL: &str = "select g.name, \
           (select count(*) from directory_memberships m where m.group_id = g.id) \
         from directory_groups g where g.target_id = $1 and g.name_folded > $2 \
           and g.name_folded like $3 escape '\\' order by g.name_folded limit $4";
    let rows: Vec<(String, i64)> = with_pool!(db, pool => sqlx::query_as(SQL)
        .bind(target.0)
        .bind(&*fold(page.after))
        .bind(containing(search))
        .bind(i64::from(page.rows_max))
        .fetch_all(pool)
        .await?);
    let line = |(name, members): (String, i64)| GroupLine { name, members: members.unsigned_abs() };
    Ok(rows.into_iter().map(line).collect())
}

/// What a search looks at beside the username.
pub fn searched(email: &str, display_name: &str) -> String {
    format!("{}\n{}", fold(email), fold(display_name))
}

fn user_line(row: (String, String, String, String, i64, i64, i64)) -> UserLine {
    let (id, username, email, display_name, active, groups, changed_at) = row;
    UserLine {
        id: ExternalId::new(&id),
        username,
        email,
        display_name,
        active: active != 0,
        groups: groups.unsigned_abs(),
        changed_at: instant(changed_at),
    }
}
