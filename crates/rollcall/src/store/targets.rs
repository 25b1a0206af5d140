//! Targets: the directories that connectors keep equal, and who may read them.

pub mod calls;

use std::fmt;

use jiff::Timestamp;
use reconcile::principal::{Name, fold};
use serde_json::json;

use crate::seal::{self, SealError};
use crate::secret::Secret;
use crate::store::audit::actor::Act;
use crate::store::audit::changes::Changes;
use crate::store::audit::{self, Action, Entry};
use crate::store::connectors::{Connector, ConnectorId};
use crate::store::names::{self, NameError};
use crate::store::{Db, StoreError, instant, is_taken};
use crate::target::password;
use crate::{with_pool, with_tx};

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct TargetId(pub i64);

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Target {
    pub id: TargetId,
    pub connector_id: ConnectorId,
    pub connector_name: Name,
    pub name: Name,
    pub kind: TargetKind,
    /// The name with which a product signs in to read this target.
    pub application: String,
    pub created_at: Timestamp,
    pub published_at: Option<Timestamp>,
    pub last_read_at: Option<Timestamp>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TargetKind {
    /// A directory that Data Center products read over the Crowd protocol.
    Crowd,
}

/// How many users, groups and memberships a target publishes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Published {
    pub users: u64,
    pub active_users: u64,
    pub groups: u64,
    pub memberships: u64,
}

#[derive(Debug, thiserror::Error)]
pub enum TargetError {
    #[error(transparent)]
    Name(#[from] NameError),
    #[error("The target \"{name}\" is of a kind that this version does not know: `{kind}`.")]
    UnknownKind { name: String, kind: String },
    #[error(transparent)]
    Seal(#[from] SealError),
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl From<sqlx::Error> for TargetError {
    fn from(error: sqlx::Error) -> TargetError {
        TargetError::Store(StoreError::Sql(error))
    }
}

impl TargetKind {
    pub fn word(self) -> &'static str {
        match self {
            TargetKind::Crowd => "crowd",
        }
    }

    pub fn from_word(word: &str) -> Option<TargetKind> {
        [TargetKind::Crowd].into_iter().find(|it| it.word() == word)
    }
}

impl fmt::Display for TargetId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// Makes a target and the password with which a product reads it. The password is not kept:
/// this is the only time that anybody can see it.
pub async fn create(
    db: &Db,
    connector: &Connector,
    name: &str,
    kind: TargetKind,
    act: &Act<'_>,
) -> Result<(Target, Secret), TargetError> {
    const INSERT: &str = "insert into targets \
         (connector_id, name, name_folded, kind, application, password_hash, epoch, created_at) \
         values ($1, $2, $3, $4, $5, $6, $7, $8) returning id";
    let name = names::checked_name("target", name)?;
    let password = password::new_password()?;
    let mut tx = db.begin().await?;
    let taken = with_tx!(&mut tx, conn => sqlx::query_scalar::<_, String>(
        "select application from targets").fetch_all(conn).await)?;
    let application = application(&name, &taken);
    let inserted = with_tx!(&mut tx, conn => sqlx::query_scalar::<_, i64>(INSERT)
        .bind(connector.id.0)
        .bind(name.as_str())
        .bind(name.folded())
        .bind(kind.word())
        .bind(&application)
        .bind(password::hash(password.expose()))
        .bind(epoch()?)
        .bind(act.at.as_microsecond())
        .fetch_one(conn)
        .await);
    let id = inserted.map_err(|error| taken_or_sql(error, &name))?;
    let created = json!({
        "connector": connector.name.as_str(), "type": kind.word(), "application": application,
    });
    let changes = Changes::created(&created).and_secret("password");
    let entry = Entry::new(Action::TargetCreate, id, &name).with(changes);
    audit::append(&mut tx, act, &entry).await?;
    tx.commit().await?;
    Ok((find(db, name.as_str()).await?, password))
}

/// Gives a target another password; the one before is worth nothing from now on.
pub async fn rotate_password(
    db: &Db,
    target: &Target,
    act: &Act<'_>,
) -> Result<Secret, TargetError> {
    const SQL: &str = "update targets set password_hash = $2 where id = $1";
    let password = password::new_password()?;
    let mut tx = db.begin().await?;
    let changed = with_tx!(&mut tx, conn => sqlx::query(SQL)
        .bind(target.id.0)
        .bind(password::hash(password.expose()))
        .execute(conn)
        .await
        .map(|it| it.rows_affected()))?;
    if changed == 0 {
        return Err(names::unknown("target", target.name.as_str(), &[]).into());
    }
    let changes = Changes::none().and_secret("password");
    let entry = Entry::new(Action::TargetRotatePassword, target.id, &target.name).with(changes);
    audit::append(&mut tx, act, &entry).await?;
    tx.commit().await?;
    Ok(password)
}

/// All targets, by name.
pub async fn list(db: &Db) -> Result<Vec<Target>, TargetError> {
    const SQL: &str = "select t.id, t.connector_id, c.name, t.name, t.kind, t.application, \
         t.created_at, t.published_at, t.last_read_at \
         from targets t join connectors c on c.id = t.connector_id order by t.name_folded";
    let rows = with_pool!(db, pool => sqlx::query_as::<_, Row>(SQL).fetch_all(pool).await)?;
    rows.into_iter().map(target).collect()
}

/// The targets that a connector feeds, by name.
pub async fn of_connector(db: &Db, connector: ConnectorId) -> Result<Vec<Target>, TargetError> {
    const SQL: &str = "select t.id, t.connector_id, c.name, t.name, t.kind, t.application, \
         t.created_at, t.published_at, t.last_read_at \
         from targets t join connectors c on c.id = t.connector_id \
         where t.connector_id = $1 order by t.name_folded";
    let rows = with_pool!(db, pool => sqlx::query_as::<_, Row>(SQL)
        .bind(connector.0)
        .fetch_all(pool)
        .await)?;
    rows.into_iter().map(target).collect()
}

/// The target of a name, which may be typed in any case.
pub async fn find(db: &Db, name: &str) -> Result<Target, TargetError> {
    const SQL: &str = "select t.id, t.connector_id, c.name, t.name, t.kind, t.application, \
         t.created_at, t.published_at, t.last_read_at \
         from targets t join connectors c on c.id = t.connector_id where t.name_folded = $1";
    let folded = fold(name.trim());
    let row = with_pool!(db, pool => sqlx::query_as::<_, Row>(SQL)
        .bind(&*folded)
        .fetch_optional(pool)
        .await)?;
    match row {
        Some(row) => target(row),
        None => Err(names::unknown("target", name, &all_names(db).await?).into()),
    }
}

/// How many active people and how many groups each target publishes, and who feeds it.
pub async fn sizes(db: &Db) -> Result<Vec<(ConnectorId, u64, u64)>, StoreError> {
    const SQL: &str = "select connector_id, active_users, groups from targets order by id";
    let rows: Vec<(i64, i64, i64)> =
        with_pool!(db, pool => sqlx::query_as(SQL).fetch_all(pool).await?);
    let size = |(connector, people, groups): (i64, i64, i64)| {
        (ConnectorId(connector), people.unsigned_abs(), groups.unsigned_abs())
    };
    Ok(rows.into_iter().map(size).collect())
}

pub async fn published(db: &Db, target: TargetId) -> Result<Published, TargetError> {
    const SQL: &str = "select users, active_users, groups, memberships from targets where id = $1";
    let (users, active_users, groups, memberships) = with_pool!(db, pool => sqlx::query_as::<_, (i64, i64, i64, i64)>(SQL)
            .bind(target.0)
            .fetch_one(pool)
            .await)?;
    Ok(Published {
        users: users.unsigned_abs(),
        active_users: active_users.unsigned_abs(),
        groups: groups.unsigned_abs(),
        memberships: memberships.unsigned_abs(),
    })
}

/// Deletes a target with everything it publishes, at once. Reports stay.
pub async fn delete(db: &Db, target: &Target, act: &Act<'_>) -> Result<(), TargetError> {
    const IN_ORDER: [&str; 11] = [
        "delete from directory_memberships \
         where group_id in (select id from directory_groups where target_id = $1)",
        "delete from directory_groups where target_id = $1",
        "delete from directory_users where target_id = $1",
        "delete from directory_events where target_id = $1",
        "delete from directory_reads where target_id = $1",
        "delete from target_suspicions where target_id = $1",
        "delete from target_empty_groups where target_id = $1",
        "delete from target_hidden where target_id = $1",
        "delete from target_singles where target_id = $1",
        "delete from target_calls where target_id = $1",
        "delete from plan_decisions where target_id = $1",
    ];
    const TARGET: &str = "delete from targets where id = $1";
    let mut tx = db.begin().await?;
    for sql in IN_ORDER {
        with_tx!(&mut tx, conn => sqlx::query(sql).bind(target.id.0).execute(conn).await
            .map(|_| ()))?;
    }
    let deleted = with_tx!(&mut tx, conn => sqlx::query(TARGET).bind(target.id.0).execute(conn)
        .await
        .map(|it| it.rows_affected()))?;
    if deleted == 0 {
        return Ok(());
    }
    let before = json!({
        "connector": target.connector_name.as_str(),
        "type": target.kind.word(),
        "application": target.application,
    });
    let changes = Changes::deleted(&before).and_secret("password");
    let entry = Entry::new(Action::TargetDelete, target.id, &target.name).with(changes);
    audit::append(&mut tx, act, &entry).await?;
    tx.commit().await?;
    Ok(())
}

/// `id, connector_id, connector_name, name, kind, application, created_at, published_at,
/// last_read_at`
type Row = (i64, i64, String, String, String, String, i64, Option<i64>, Option<i64>);

fn target(row: Row) -> Result<Target, TargetError> {
    let (id, connector_id, connector_name, name, kind, application, created, published, read) = row;
    let Some(kind) = TargetKind::from_word(&kind) else {
        return Err(TargetError::UnknownKind { name, kind });
    };
    Ok(Target {
        id: TargetId(id),
        connector_id: ConnectorId(connector_id),
        connector_name: Name::new(&connector_name),
        name: Name::new(&name),
        kind,
        application,
        created_at: instant(created),
        published_at: published.map(instant),
        last_read_at: read.map(instant),
    })
}

async fn all_names(db: &Db) -> Result<Vec<Name>, TargetError> {
    const SQL: &str = "select name from targets order by name_folded";
    let names = with_pool!(db, pool => sqlx::query_scalar::<_, String>(SQL).fetch_all(pool).await)?;
    Ok(names.iter().map(|it| Name::new(it)).collect())
}

/// An application name that nobody has yet, from the target's name: `Jira (prod)` is `jira-prod`.
///
/// Letters, digits and hyphens alone: it travels in a header, where a colon would end it.
fn application(name: &Name, taken: &[String]) -> String {
    let mut slug = String::new();
    for letter in name.folded().chars() {
        if letter.is_ascii_alphanumeric() {
            slug.push(letter);
        } else if !slug.is_empty() && !slug.ends_with('-') {
            slug.push('-');
        }
    }
    let slug = slug.trim_end_matches('-');
    let slug = if slug.is_empty() { "rollcall" } else { slug };
    let candidates = (2..).map(|number: u32| format!("{slug}-{number}"));
    std::iter::once(slug.to_owned())
        .chain(candidates)
        .find(|it| !taken.contains(it))
        .unwrap_or_else(|| slug.to_owned())
}

fn epoch() -> Result<String, SealError> {
    let bytes = seal::random::<8>()?;
    Ok(format!("{:016x}", u64::from_be_bytes(bytes)))
}

fn taken_or_sql(error: sqlx::Error, name: &Name) -> TargetError {
    if is_taken(&error) {
        return NameError::Taken { noun: "target", name: name.clone() }.into();
    }
    error.into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(name: &str, taken: &[&str], expected: &str) {
        let taken: Vec<String> = taken.iter().map(|&it| it.to_owned()).collect();
        assert_eq!(application(&Name::new(name), &taken), expected);
    }

    #[test]
    fn an_application_name_is_made_of_letters_that_travel() {
        check("Jira (prod)", &[], "jira-prod");
        check("  a:b  ", &[], "a-b");
        check("日本", &[], "rollcall");
        check("Jira", &["jira"], "jira-2");
        check("Jira", &["jira", "jira-2"], "jira-3");
    }
}
