//! Connectors: a configured source with its settings and its sealed client secret.

pub mod settings;

use std::fmt;

use jiff::Timestamp;
use reconcile::principal::{Name, fold};
use serde_json::{Value, json};

use crate::notation::shell_quoted;
use crate::seal::{KeyId, Seal, SealError, key_id_of};
use crate::secret::Secret;
use crate::store::audit::actor::Act;
use crate::store::audit::changes::Changes;
use crate::store::audit::{self, Action, Entry};
use crate::store::connectors::settings::{ConnectorSettings, FieldError};
use crate::store::names::{self, NameError};
use crate::store::schedules;
use crate::store::{Db, StoreError, Tx, instant, is_taken, reads};
use crate::{with_pool, with_tx};

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct ConnectorId(pub i64);

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Connector {
    pub id: ConnectorId,
    pub name: Name,
    pub provider: Provider,
    pub settings: ConnectorSettings,
    pub created_at: Timestamp,
    pub updated_at: Timestamp,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Provider {
    OneLogin,
}

#[derive(Debug, thiserror::Error)]
pub enum ConnectorError {
    #[error(transparent)]
    Name(#[from] NameError),
    #[error(
        "The connector \"{name}\" still feeds {}. Delete {} first, or keep the connector.",
        quoted(.targets), if .targets.len() == 1 { "it" } else { "them" }
    )]
    HasTargets { name: Name, targets: Vec<Name> },
    #[error(
        "The client secret is bound to {old}. To move the connector to {new}, \
         give the client secret of that account again."
    )]
    SecretForNewAddress { old: String, new: String },
    #[error(
        "The connector \"{name}\" has no client secret: none was given yet, or the key that sealed it \
         was replaced. Type it on its tab General, or: rollcall connector edit {} \
         --client-secret-file FILE",
        shell_quoted(.name.as_str())
    )]
    NoSecret { name: Name },
    #[error(
        "Somebody else changed the connector \"{name}\" at the same time. Nothing was saved. \
         Look at it again, then change it."
    )]
    ChangedMeanwhile { name: Name },
    #[error(transparent)]
    Field(#[from] FieldError),
    #[error("The settings of the connector \"{name}\" cannot be read: {why}.")]
    Unreadable { name: String, why: String },
    #[error(transparent)]
    Seal(#[from] SealError),
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl From<sqlx::Error> for ConnectorError {
    fn from(error: sqlx::Error) -> ConnectorError {
        ConnectorError::Store(StoreError::Sql(error))
    }
}

impl Provider {
    pub fn word(self) -> &'static str {
        match self {
            Provider::OneLogin => "onelogin",
        }
    }

    pub fn from_word(word: &str) -> Option<Provider> {
        [Provider::OneLogin].into_iter().find(|it| it.word() == word)
    }
}

impl fmt::Display for ConnectorId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

pub async fn create(
    db: &Db,
    seal: &Seal,
    name: &str,
    provider: Provider,
    settings: &ConnectorSettings,
    client_secret: &Secret,
    act: &Act<'_>,
) -> Result<Connector, ConnectorError> {
    const SECRET: &str = "update connectors set client_secret = $2 where id = $1";
    let name = names::checked_name("connector", name)?;
    settings.check()?;
    if settings.schedule.enabled {
        settings.schedule.schedule_after(act.at)?;
    }
    let mut tx = db.begin().await?;
    // The sealed secret is bound to the id, which exists only after the insert.
    let id = insert(&mut tx, &name, provider, settings, act.at).await?;
    let sealed = seal.seal(client_secret, &belongs_to(id, settings))?;
    with_tx!(&mut tx, conn => sqlx::query(SECRET).bind(id.0).bind(sealed).execute(conn).await
        .map(|_| ()))?;
    let created = json!({ "provider": provider.word(), "settings": settings });
    let changes = Changes::created(&created).and_secret("client_secret");
    let entry = Entry::new(Action::ConnectorCreate, id, &name).with(changes);
    audit::append(&mut tx, act, &entry).await?;
    tx.commit().await?;
    find(db, name.as_str()).await
}

/// Makes another connector with the settings of one. Its client secret does not follow: whoever may
/// duplicate need not know it. Its schedule is off, because nothing can run yet, and it feeds nothing.
pub async fn duplicate(
    db: &Db,
    of: &Connector,
    name: &str,
    act: &Act<'_>,
) -> Result<Connector, ConnectorError> {
    let name = names::checked_name("connector", name)?;
    let mut settings = of.settings.clone();
    settings.schedule.enabled = false;
    let mut tx = db.begin().await?;
    let id = insert(&mut tx, &name, of.provider, &settings, act.at).await?;
    let created = json!({
        "duplicate_of": of.name.as_str(),
        "provider": of.provider.word(),
        "settings": settings,
    });
    let entry = Entry::new(Action::ConnectorCreate, id, &name).with(Changes::created(&created));
    audit::append(&mut tx, act, &entry).await?;
    tx.commit().await?;
    find(db, name.as_str()).await
}

/// The row of a connector that has no secret yet.
async fn insert(
    tx: &mut Tx,
    name: &Name,
    provider: Provider,
    settings: &ConnectorSettings,
    now: Timestamp,
) -> Result<ConnectorId, ConnectorError> {
    const SQL: &str = "insert into connectors \
         (name, name_folded, provider, settings, client_secret, created_at, updated_at) \
         values ($1, $2, $3, $4, $5, $6, $6) returning id";
    let text = settings_text(name, settings)?;
    let id = with_tx!(&mut *tx, conn => sqlx::query_scalar::<_, i64>(SQL)
        .bind(name.as_str())
        .bind(name.folded())
        .bind(provider.word())
        .bind(text)
        .bind(Vec::<u8>::new())
        .bind(now.as_microsecond())
        .fetch_one(conn)
        .await)
    .map_err(|error| taken_or_sql(error, name))?;
    let id = ConnectorId(id);
    schedules::begin(tx, id, now).await?;
    Ok(id)
}

/// All connectors, by name.
pub async fn list(db: &Db) -> Result<Vec<Connector>, ConnectorError> {
    list_each(db).await?.into_iter().collect()
}

/// As [`list`], where one whose settings cannot be read does not hide the others.
pub async fn list_each(db: &Db) -> Result<Vec<Result<Connector, ConnectorError>>, StoreError> {
    const SQL: &str = "select id, name, provider, settings, created_at, updated_at \
         from connectors order by name_folded";
    let rows = with_pool!(db, pool => sqlx::query_as::<_, Row>(SQL).fetch_all(pool).await)?;
    Ok(rows.into_iter().map(connector).collect())
}

/// The connector of a name, which may be typed in any case.
pub async fn find(db: &Db, name: &str) -> Result<Connector, ConnectorError> {
    const SQL: &str = "select id, name, provider, settings, created_at, updated_at \
         from connectors where name_folded = $1";
    let folded = fold(name.trim());
    let row = with_pool!(db, pool => sqlx::query_as::<_, Row>(SQL)
        .bind(&*folded)
        .fetch_optional(pool)
        .await)?;
    match row {
        Some(row) => connector(row),
        None => Err(names::unknown("connector", name, &all_names(db).await?).into()),
    }
}

/// The connector of an id, while there is one.
pub async fn with_id(db: &Db, id: ConnectorId) -> Result<Option<Connector>, ConnectorError> {
    const SQL: &str = "select id, name, provider, settings, created_at, updated_at \
         from connectors where id = $1";
    let row = with_pool!(db, pool => sqlx::query_as::<_, Row>(SQL)
        .bind(id.0)
        .fetch_optional(pool)
        .await)?;
    row.map(connector).transpose()
}

/// The settings of a connector as they are now. `None` where it is gone, or they cannot be read.
pub async fn settings_of(
    tx: &mut Tx,
    id: ConnectorId,
) -> Result<Option<ConnectorSettings>, StoreError> {
    const SQL: &str = "select settings from connectors where id = $1";
    let text: Option<String> =
        with_tx!(tx, conn => sqlx::query_scalar(SQL).bind(id.0).fetch_optional(conn).await?);
    Ok(text.and_then(|text| serde_json::from_str(&text).ok()))
}

/// The client secret, for the address that the settings hold now.
pub async fn client_secret(
    db: &Db,
    seal: &Seal,
    connector: &Connector,
) -> Result<Secret, ConnectorError> {
    const SQL: &str = "select client_secret from connectors where id = $1";
    let sealed = with_pool!(db, pool => sqlx::query_scalar::<_, Vec<u8>>(SQL)
        .bind(connector.id.0)
        .fetch_one(pool)
        .await)?;
    if sealed.is_empty() {
        return Err(ConnectorError::NoSecret { name: connector.name.clone() });
    }
    Ok(seal.unseal(&sealed, &belongs_to(connector.id, &connector.settings))?)
}

/// Whether there is a client secret, which may be one that no key opens any more.
pub async fn has_client_secret(db: &Db, id: ConnectorId) -> Result<bool, StoreError> {
    const SQL: &str = "select count(*) from connectors where id = $1 and length(client_secret) > 0";
    let count: i64 = with_pool!(db, pool => sqlx::query_scalar(SQL)
        .bind(id.0).fetch_one(pool).await?);
    Ok(0 < count)
}

/// Which key sealed the secrets of this database; none while there are none.
pub async fn sealed_with(db: &Db) -> Result<Option<KeyId>, StoreError> {
    const SQL: &str = "select client_secret from connectors \
         where length(client_secret) > 0 order by id limit 1";
    let sealed = with_pool!(db, pool => sqlx::query_scalar::<_, Vec<u8>>(SQL)
        .fetch_optional(pool)
        .await)?;
    Ok(sealed.as_deref().and_then(key_id_of))
}

/// Forgets all client secrets, because nothing can open them any more.
pub async fn forget_client_secrets(db: &Db, act: &Act<'_>) -> Result<(), StoreError> {
    const SQL: &str = "update connectors set client_secret = $1";
    let mut tx = db.begin().await?;
    with_tx!(&mut tx, conn => sqlx::query(SQL).bind(Vec::<u8>::new()).execute(conn).await
        .map(|_| ()))?;
    let changes = Changes::none().and_secret("key").and_secret("client_secret of every connector");
    let entry = Entry::new(Action::InstallationReplaceKey, "", "").with(changes);
    audit::append(&mut tx, act, &entry).await?;
    tx.commit().await
}

/// Gives a connector another name, settings or secret.
///
/// A client secret belongs to the address it was entered for: nobody who may change the address
/// can have it sent elsewhere. What somebody else changed since `before` was read is not overwritten.
pub async fn edit(
    db: &Db,
    seal: &Seal,
    before: &Connector,
    name: &str,
    settings: &ConnectorSettings,
    client_secret: Option<&Secret>,
    act: &Act<'_>,
) -> Result<Connector, ConnectorError> {
    const SETTINGS: &str = "update connectors \
         set name = $2, name_folded = $3, settings = $4, updated_at = $5 where id = $1";
    const SECRET: &str = "update connectors set client_secret = $2 where id = $1";
    let name = names::checked_name("connector", name)?;
    settings.check()?;
    // One that was saved while it still had a time is no reason to refuse something else.
    if settings.schedule.enabled && before.settings.schedule != settings.schedule {
        settings.schedule.schedule_after(act.at)?;
    }
    let text = settings_text(&name, settings)?;
    let moves = before.settings.source.base_url != settings.source.base_url;
    if moves && client_secret.is_none() {
        return Err(ConnectorError::SecretForNewAddress {
            old: before.settings.source.base_url.clone(),
            new: settings.source.base_url.clone(),
        });
    }
    let is_enabled = settings.schedule.enabled && !before.settings.schedule.enabled;
    if is_enabled && client_secret.is_none() && !has_client_secret(db, before.id).await? {
        return Err(ConnectorError::NoSecret { name: before.name.clone() });
    }
    let mut tx = db.begin().await?;
    let stored = lock(&mut tx, before.id).await?;
    let Some(stored) = stored else {
        return Err(names::unknown("connector", before.name.as_str(), &[]).into());
    };
    let (stored, updated_at) = stored;
    if updated_at != before.updated_at.as_microsecond() {
        return Err(ConnectorError::ChangedMeanwhile { name: before.name.clone() });
    }
    with_tx!(&mut tx, conn => sqlx::query(SETTINGS)
        .bind(before.id.0)
        .bind(name.as_str())
        .bind(name.folded())
        .bind(text)
        .bind(act.at.as_microsecond())
        .execute(conn)
        .await
        .map(|_| ()))
    .map_err(|error| taken_or_sql(error, &name))?;
    if before.settings.schedule != settings.schedule {
        schedules::begin(&mut tx, before.id, act.at).await?;
    }
    let mut changes = Changes::between(&stored, &state(&name, settings));
    if let Some(client_secret) = client_secret {
        let sealed = seal.seal(client_secret, &belongs_to(before.id, settings))?;
        with_tx!(&mut tx, conn => sqlx::query(SECRET)
            .bind(before.id.0)
            .bind(sealed)
            .execute(conn)
            .await
            .map(|_| ()))?;
        changes = changes.and_secret("client_secret");
    }
    let entry = Entry::new(Action::ConnectorEdit, before.id, &name).with(changes);
    audit::append(&mut tx, act, &entry).await?;
    tx.commit().await?;
    find(db, name.as_str()).await
}

/// Deletes a connector that feeds nothing any more. Its reports stay.
pub async fn delete(db: &Db, connector: &Connector, act: &Act<'_>) -> Result<(), ConnectorError> {
    const TARGETS: &str = "select name from targets where connector_id = $1 order by name_folded";
    const DELETE: &str = "delete from connectors where id = $1";
    let mut tx = db.begin().await?;
    let Some((stored, _)) = lock(&mut tx, connector.id).await? else { return Ok(()) };
    let targets = with_tx!(&mut tx, conn => sqlx::query_scalar::<_, String>(TARGETS)
        .bind(connector.id.0)
        .fetch_all(conn)
        .await)?;
    if !targets.is_empty() {
        return Err(ConnectorError::HasTargets {
            name: connector.name.clone(),
            targets: targets.iter().map(|it| Name::new(it)).collect(),
        });
    }
    reads::forget_all(&mut tx, connector.id).await?;
    schedules::forget(&mut tx, connector.id).await?;
    with_tx!(&mut tx, conn => sqlx::query(DELETE).bind(connector.id.0).execute(conn).await
        .map(|_| ()))?;
    let changes = Changes::deleted(&stored).and_secret("client_secret");
    let entry = Entry::new(Action::ConnectorDelete, connector.id, &connector.name).with(changes);
    audit::append(&mut tx, act, &entry).await?;
    tx.commit().await?;
    Ok(())
}

/// What the database holds of a connector and when that was saved, which nobody else changes until
/// the transaction ends.
async fn lock(tx: &mut Tx, id: ConnectorId) -> Result<Option<(Value, i64)>, StoreError> {
    const SQL: &str = "update connectors set updated_at = updated_at where id = $1 \
         returning name, settings, updated_at";
    let row: Option<(String, String, i64)> =
        with_tx!(tx, conn => sqlx::query_as(SQL).bind(id.0).fetch_optional(conn).await?);
    Ok(row.map(|(name, settings, updated_at)| {
        let settings = serde_json::from_str(&settings).unwrap_or(Value::String(settings));
        (json!({ "name": name, "settings": settings }), updated_at)
    }))
}

/// What an edit can change, but for the secret.
fn state(name: &Name, settings: &ConnectorSettings) -> Value {
    json!({ "name": name.as_str(), "settings": settings })
}

/// `id, name, provider, settings, created_at, updated_at`
type Row = (i64, String, String, String, i64, i64);

fn connector(row: Row) -> Result<Connector, ConnectorError> {
    let (id, name, provider, settings, created_at, updated_at) = row;
    let unreadable = |why: String| ConnectorError::Unreadable { name: name.clone(), why };
    let settings =
        serde_json::from_str(&settings).map_err(|error| unreadable(error.to_string()))?;
    let provider = Provider::from_word(&provider)
        .ok_or_else(|| unreadable(format!("this version knows no provider `{provider}`")))?;
    Ok(Connector {
        id: ConnectorId(id),
        name: Name::new(&name),
        provider,
        settings,
        created_at: instant(created_at),
        updated_at: instant(updated_at),
    })
}

async fn all_names(db: &Db) -> Result<Vec<Name>, ConnectorError> {
    const SQL: &str = "select name from connectors order by name_folded";
    let names = with_pool!(db, pool => sqlx::query_scalar::<_, String>(SQL).fetch_all(pool).await)?;
    Ok(names.iter().map(|it| Name::new(it)).collect())
}

fn settings_text(name: &Name, settings: &ConnectorSettings) -> Result<String, ConnectorError> {
    serde_json::to_string(settings).map_err(|error| ConnectorError::Unreadable {
        name: name.as_str().to_owned(),
        why: error.to_string(),
    })
}

/// What a client secret is sealed for.
fn belongs_to(id: ConnectorId, settings: &ConnectorSettings) -> String {
    format!("connectors/{id}/client_secret for {}", settings.source.base_url)
}

fn taken_or_sql(error: sqlx::Error, name: &Name) -> ConnectorError {
    if is_taken(&error) {
        return NameError::Taken { noun: "connector", name: name.clone() }.into();
    }
    error.into()
}

fn quoted(names: &[Name]) -> String {
    let quoted: Vec<String> = names.iter().map(|it| format!("\"{it}\"")).collect();
    quoted.join(", ")
}
