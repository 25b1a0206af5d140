//! Accounts: who may sign in, and what they may do.

pub mod password;

use std::fmt;

use jiff::{SignedDuration, Timestamp};
use reconcile::principal::{Name, fold};
use serde_json::{Value, json};

use self::password::PasswordError;
use crate::seal::SealError;
use crate::secret::Secret;
use crate::store::audit::actor::Act;
use crate::store::audit::changes::Changes;
use crate::store::audit::{self, Action, Entry};
use crate::store::names::{self, NameError};
use crate::store::sessions::{Purpose, SessionError};
use crate::store::{Db, StoreError, Tx, instant, is_taken, sessions};
use crate::{with_pool, with_tx};

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct AccountId(pub i64);

/// What somebody may do. Each may do what the ones before it may.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Role {
    /// Sees everything but secrets.
    Viewer,
    /// Simulates, syncs, stops, explains, syncs one user.
    Operator,
    /// Decides over held plans.
    Approver,
    /// Everything.
    Admin,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Account {
    pub id: AccountId,
    pub email: Name,
    pub name: String,
    pub role: Role,
    pub enabled: bool,
    /// Whether a password was ever chosen.
    pub has_password: bool,
    pub created_at: Timestamp,
    pub signed_in_at: Option<Timestamp>,
}

/// What makes an account.
#[derive(Clone, Debug)]
pub struct NewAccount<'a> {
    pub email: &'a str,
    pub name: &'a str,
    pub role: Role,
    /// None: a link to choose one is handed out.
    pub password: Option<&'a Secret>,
}

#[derive(Debug, thiserror::Error)]
pub enum AccountError {
    #[error("\"{0}\" is no e-mail address. Type one such as ana@example.com.")]
    Email(String),
    #[error("{0} has an account already.")]
    Taken(Name),
    #[error(transparent)]
    Name(#[from] NameError),
    #[error(transparent)]
    Password(#[from] PasswordError),
    #[error("{0} is the last admin who can sign in. Make somebody else an admin first.")]
    LastAdmin(Name),
    #[error("There is an admin already. Sign in, or ask them for an account.")]
    AlreadySetUp,
    #[error(transparent)]
    Seal(#[from] SealError),
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl From<sqlx::Error> for AccountError {
    fn from(error: sqlx::Error) -> AccountError {
        AccountError::Store(StoreError::from(error))
    }
}

impl From<SessionError> for AccountError {
    fn from(error: SessionError) -> AccountError {
        match error {
            SessionError::Seal(error) => error.into(),
            SessionError::Store(error) => error.into(),
        }
    }
}

impl Role {
    pub const ALL: [Role; 4] = [Role::Viewer, Role::Operator, Role::Approver, Role::Admin];

    pub fn word(self) -> &'static str {
        match self {
            Role::Viewer => "viewer",
            Role::Operator => "operator",
            Role::Approver => "approver",
            Role::Admin => "admin",
        }
    }

    pub fn from_word(word: &str) -> Option<Role> {
        Role::ALL.into_iter().find(|it| it.word() == word)
    }

    /// As it stands on a page.
    pub fn label(self) -> &'static str {
        match self {
            Role::Viewer => "Viewer",
            Role::Operator => "Operator",
            Role::Approver => "Approver",
            Role::Admin => "Admin",
        }
    }

    /// All that it allows, in a sentence.
    pub fn allows(self) -> &'static str {
        match self {
            Role::Viewer => "You see everything but secrets.",
            Role::Operator => {
                "You see everything but secrets, and simulate, sync, stop runs and sync single users."
            }
            Role::Approver => "You may do what an operator may, and approve and reject held plans.",
            Role::Admin => {
                "You may do what an approver may, and change connectors, targets, accounts and settings."
            }
        }
    }

    /// What it allows, in a few words.
    pub fn means(self) -> &'static str {
        match self {
            Role::Viewer => "Sees everything but secrets",
            Role::Operator => "Also simulates, syncs, stops runs and syncs single users",
            Role::Approver => "Also approves and rejects held plans",
            Role::Admin => "Also changes connectors, targets, accounts and settings",
        }
    }
}

impl fmt::Display for AccountId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl Account {
    /// Whether it can be signed in to.
    pub fn can_sign_in(&self) -> bool {
        self.enabled && self.has_password
    }
}

/// All accounts, by e-mail address.
pub async fn list(db: &Db) -> Result<Vec<Account>, StoreError> {
    const SQL: &str = "select id, email, name, role, enabled, password_hash, created_at, \
         signed_in_at from accounts order by email_folded";
    let rows = with_pool!(db, pool => sqlx::query_as::<_, Row>(SQL).fetch_all(pool).await)?;
    Ok(rows.into_iter().map(account).collect())
}

/// The account of an e-mail address, which may be typed in any case.
pub async fn find(db: &Db, email: &str) -> Result<Account, AccountError> {
    const SQL: &str = "select id, email, name, role, enabled, password_hash, created_at, \
         signed_in_at from accounts where email_folded = $1";
    let folded = fold(email.trim());
    let row = with_pool!(db, pool => sqlx::query_as::<_, Row>(SQL)
        .bind(&*folded)
        .fetch_optional(pool)
        .await)?;
    match row {
        Some(row) => Ok(account(row)),
        None => {
            let known: Vec<Name> = list(db).await?.into_iter().map(|it| it.email).collect();
            Err(names::unknown("account", email, &known).into())
        }
    }
}

pub async fn with_id(db: &Db, id: AccountId) -> Result<Option<Account>, StoreError> {
    const SQL: &str = "select id, email, name, role, enabled, password_hash, created_at, \
         signed_in_at from accounts where id = $1";
    let row = with_pool!(db, pool => sqlx::query_as::<_, Row>(SQL)
        .bind(id.0)
        .fetch_optional(pool)
        .await)?;
    Ok(row.map(account))
}

/// Whether an admin exists who can sign in, or was given a link to choose a password.
pub async fn has_admin(db: &Db) -> Result<bool, StoreError> {
    const SQL: &str = "select count(*) from accounts where role = 'admin' and enabled = 1";
    let admins: i64 = with_pool!(db, pool => sqlx::query_scalar(SQL).fetch_one(pool).await)?;
    Ok(0 < admins)
}

pub async fn create(db: &Db, new: &NewAccount<'_>, act: &Act<'_>) -> Result<Account, AccountError> {
    let checked = Checked::new(new).await?;
    let mut tx = db.begin().await?;
    insert(&mut tx, &checked, act).await?;
    tx.commit().await?;
    find(db, new.email).await
}

/// Makes the first admin, unless there is one.
pub async fn create_first_admin(
    db: &Db,
    new: &NewAccount<'_>,
    act: &Act<'_>,
) -> Result<Account, AccountError> {
    // A write to one row, so that the second of two waits for the first.
    const LOCK: &str = "update audit_head set seq = seq where id = 1";
    const ADMINS: &str = "select count(*) from accounts where role = 'admin'";
    let checked = Checked::new(new).await?;
    let mut tx = db.begin().await?;
    let admins: i64 = with_tx!(&mut tx, conn => {
        sqlx::query(LOCK).execute(&mut *conn).await?;
        sqlx::query_scalar(ADMINS).fetch_one(conn).await?
    });
    if 0 < admins {
        return Err(AccountError::AlreadySetUp);
    }
    insert(&mut tx, &checked, act).await?;
    tx.commit().await?;
    find(db, new.email).await
}

/// A new account that may be written down.
struct Checked {
    email: Name,
    name: Name,
    role: Role,
    password_hash: String,
}

impl Checked {
    async fn new(new: &NewAccount<'_>) -> Result<Checked, AccountError> {
        let email = checked_email(new.email)?;
        let name = names::checked_name("person", new.name)?;
        let password_hash = match new.password {
            Some(password) => {
                password::check(password, &[email.as_str(), name.as_str()])?;
                password::hash(password).await?
            }
            None => String::new(),
        };
        Ok(Checked { email, name, role: new.role, password_hash })
    }
}

async fn insert(tx: &mut Tx, new: &Checked, act: &Act<'_>) -> Result<(), AccountError> {
    const SQL: &str = "insert into accounts (email, email_folded, name, role, password_hash, \
         password_set_at, enabled, created_at, updated_at) \
         values ($1, $2, $3, $4, $5, $6, 1, $7, $7) returning id";
    let at = act.at.as_microsecond();
    let has_password = !new.password_hash.is_empty();
    let id: i64 = with_tx!(&mut *tx, conn => sqlx::query_scalar(SQL)
        .bind(new.email.as_str())
        .bind(new.email.folded())
        .bind(new.name.as_str())
        .bind(new.role.word())
        .bind(&new.password_hash)
        .bind(has_password.then_some(at))
        .bind(at)
        .fetch_one(conn)
        .await)
    .map_err(|error| {
        if is_taken(&error) {
            return AccountError::Taken(new.email.clone());
        }
        AccountError::from(error)
    })?;
    let changes = Changes::created(&state(new.name.as_str(), new.role, true));
    let changes = if has_password { changes.and_secret("password") } else { changes };
    let entry = Entry::new(Action::AccountCreate, id, &new.email).with(changes);
    audit::append(tx, act, &entry).await?;
    Ok(())
}

/// What an edit can change, but for the password.
fn state(name: &str, role: Role, enabled: bool) -> Value {
    json!({ "name": name, "role": role.word(), "enabled": enabled })
}

/// What an edit gives to an account; the address stays.
#[derive(Clone, Copy, Debug)]
pub struct Edit<'a> {
    pub name: &'a str,
    pub role: Role,
    pub enabled: bool,
}

/// Gives an account another name or role, or takes away that it may sign in. Whoever is no longer
/// enabled, or may do less than before, is signed out everywhere.
pub async fn edit(
    db: &Db,
    account: &Account,
    to: &Edit<'_>,
    act: &Act<'_>,
) -> Result<Account, AccountError> {
    const SQL: &str = "update accounts set name = $2, role = $3, enabled = $4, updated_at = $5 \
         where id = $1";
    let name = names::checked_name("person", to.name)?;
    let mut tx = db.begin().await?;
    let before = lock(&mut tx, account).await?;
    if before.role == Role::Admin && (to.role != Role::Admin || !to.enabled) {
        keep_an_admin(&mut tx, &before).await?;
    }
    with_tx!(&mut tx, conn => sqlx::query(SQL)
        .bind(account.id.0)
        .bind(name.as_str())
        .bind(to.role.word())
        .bind(i64::from(to.enabled))
        .bind(act.at.as_microsecond())
        .execute(conn)
        .await
        .map(|_| ()))?;
    if !to.enabled || to.role < before.role {
        sessions::end_all_of(&mut tx, account.id).await?;
    }
    let changes = Changes::between(
        &state(&before.name, before.role, before.enabled),
        &state(name.as_str(), to.role, to.enabled),
    );
    let entry = Entry::new(Action::AccountEdit, account.id, &account.email).with(changes);
    audit::append(&mut tx, act, &entry).await?;
    tx.commit().await?;
    find(db, account.email.as_str()).await
}

/// Gives an account a new password and signs it out everywhere.
pub async fn set_password(
    db: &Db,
    account: &Account,
    password: &Secret,
    act: &Act<'_>,
) -> Result<(), AccountError> {
    const SQL: &str = "update accounts set password_hash = $2, password_set_at = $3, \
         updated_at = $3 where id = $1";
    password::check(password, &[account.email.as_str(), &account.name])?;
    let hash = password::hash(password).await?;
    let mut tx = db.begin().await?;
    lock(&mut tx, account).await?;
    with_tx!(&mut tx, conn => sqlx::query(SQL)
        .bind(account.id.0)
        .bind(hash)
        .bind(act.at.as_microsecond())
        .execute(conn)
        .await
        .map(|_| ()))?;
    sessions::end_all_of(&mut tx, account.id).await?;
    let changes = Changes::none().and_secret("password");
    let entry = Entry::new(Action::AccountEdit, account.id, &account.email).with(changes);
    audit::append(&mut tx, act, &entry).await?;
    Ok(tx.commit().await?)
}

/// Deletes an account and ends its sessions. What it did stays in the audit log.
pub async fn delete(db: &Db, account: &Account, act: &Act<'_>) -> Result<(), AccountError> {
    const SQL: &str = "delete from accounts where id = $1";
    let mut tx = db.begin().await?;
    let before = lock(&mut tx, account).await?;
    if before.role == Role::Admin {
        keep_an_admin(&mut tx, &before).await?;
    }
    sessions::end_all_of(&mut tx, account.id).await?;
    sessions::forget_codes_of(&mut tx, account.id).await?;
    with_tx!(&mut tx, conn => sqlx::query(SQL).bind(account.id.0).execute(conn).await
        .map(|_| ()))?;
    let changes = Changes::deleted(&state(&before.name, before.role, before.enabled));
    let entry = Entry::new(Action::AccountDelete, account.id, &account.email).with(changes);
    audit::append(&mut tx, act, &entry).await?;
    Ok(tx.commit().await?)
}

/// What the database holds of an account, which nobody else changes until the transaction ends.
async fn lock(tx: &mut Tx, account: &Account) -> Result<Account, AccountError> {
    const SQL: &str = "update accounts set updated_at = updated_at where id = $1 \
         returning id, email, name, role, enabled, password_hash, created_at, signed_in_at";
    let row: Option<Row> =
        with_tx!(tx, conn => sqlx::query_as(SQL).bind(account.id.0).fetch_optional(conn).await?);
    match row {
        Some(row) => Ok(self::account(row)),
        None => Err(names::unknown("account", account.email.as_str(), &[]).into()),
    }
}

/// Refuses to take the last admin away. Two who take each other's away wait for one another.
async fn keep_an_admin(tx: &mut Tx, account: &Account) -> Result<(), AccountError> {
    const LOCK: &str = "update audit_head set seq = seq where id = 1";
    const OTHERS: &str = "select count(*) from accounts \
         where role = 'admin' and enabled = 1 and password_hash <> '' and id <> $1";
    let others: i64 = with_tx!(tx, conn => {
        sqlx::query(LOCK).execute(&mut *conn).await?;
        sqlx::query_scalar(OTHERS).bind(account.id.0).fetch_one(conn).await?
    });
    if others == 0 {
        return Err(AccountError::LastAdmin(account.email.clone()));
    }
    Ok(())
}

/// The stored password of an account that may sign in; none where there is no such account.
pub async fn password_hash(db: &Db, email: &str) -> Result<Option<(Account, String)>, StoreError> {
    const SQL: &str = "select id, email, name, role, enabled, password_hash, created_at, \
         signed_in_at from accounts where email_folded = $1";
    let folded = fold(email.trim());
    let row = with_pool!(db, pool => sqlx::query_as::<_, Row>(SQL)
        .bind(&*folded)
        .fetch_optional(pool)
        .await)?;
    let hash = row.as_ref().map(|row| row.5.clone());
    Ok(row.map(account).zip(hash).filter(|(account, _)| account.can_sign_in()))
}

/// Writes down that somebody who tried to sign in was refused.
pub async fn record_refusal(db: &Db, account: &Account, act: &Act<'_>) -> Result<(), StoreError> {
    let mut tx = db.begin().await?;
    let entry = Entry::new(Action::AccountSignInRefused, account.id, &account.email);
    audit::append(&mut tx, act, &entry).await?;
    tx.commit().await
}

/// How long a link to choose a password is good.
pub const PASSWORD_LINK_AGE: SignedDuration = SignedDuration::from_hours(24);

/// A code with which whoever has it chooses the password of an account, once.
pub async fn password_link(
    db: &Db,
    account: &Account,
    act: &Act<'_>,
) -> Result<Secret, AccountError> {
    let expires_at = act.at.checked_add(PASSWORD_LINK_AGE).unwrap_or(Timestamp::MAX);
    let mut tx = db.begin().await?;
    lock(&mut tx, account).await?;
    let purpose = Purpose::Password;
    let code = sessions::put_code(&mut tx, purpose, Some(account.id), act.at, expires_at).await?;
    let changes = Changes::none().and_secret("password link");
    let entry = Entry::new(Action::AccountEdit, account.id, &account.email).with(changes);
    audit::append(&mut tx, act, &entry).await?;
    tx.commit().await?;
    Ok(code)
}

/// Ends every session of an account, as an admin may.
pub async fn sign_out_everywhere(
    db: &Db,
    account: &Account,
    act: &Act<'_>,
) -> Result<u64, StoreError> {
    let mut tx = db.begin().await?;
    let ended = sessions::end_all_of(&mut tx, account.id).await?;
    let entry = Entry::new(Action::AccountSignOut, account.id, &account.email);
    audit::append(&mut tx, act, &entry).await?;
    tx.commit().await?;
    Ok(ended)
}

/// An address with something before and after its `@`. Whether it is theirs is not asked.
pub fn checked_email(typed: &str) -> Result<Name, AccountError> {
    const CHARS_MAX: usize = 254;
    let trimmed = typed.trim();
    let is_odd = |it: char| it.is_whitespace() || it.is_control();
    let is_address = trimmed.rsplit_once('@').is_some_and(|(user, host)| {
        !user.is_empty() && !host.is_empty() && !host.starts_with('.') && !host.ends_with('.')
    });
    if !is_address || trimmed.chars().any(is_odd) || CHARS_MAX < trimmed.chars().count() {
        let told = trimmed.chars().take(CHARS_MAX).collect();
        return Err(AccountError::Email(told));
    }
    Ok(Name::new(trimmed))
}

/// `id, email, name, role, enabled, password_hash, created_at, signed_in_at`
type Row = (i64, String, String, String, i64, String, i64, Option<i64>);

fn account(row: Row) -> Account {
    let (id, email, name, role, enabled, password_hash, created_at, signed_in_at) = row;
    let known = Role::from_word(&role);
    Account {
        id: AccountId(id),
        email: Name::new(&email),
        name,
        // A role of a later version allows nothing that this one could know of.
        role: known.unwrap_or(Role::Viewer),
        enabled: enabled == 1,
        has_password: !password_hash.is_empty(),
        created_at: instant(created_at),
        signed_in_at: signed_in_at.map(instant),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check_email(typed: &str, expected: &str) {
        let told = match checked_email(typed) {
            Ok(email) => email.as_str().to_owned(),
            Err(error) => error.to_string(),
        };
        assert_eq!(told, expected);
    }

    #[test]
    fn an_email_address_has_two_sides_and_no_blanks() {
        check_email(" Ana@Example.com ", "Ana@Example.com");
        check_email("ana", "\"ana\" is no e-mail address. Type one such as ana@example.com.");
        check_email("@b", "\"@b\" is no e-mail address. Type one such as ana@example.com.");
        check_email("a@", "\"a@\" is no e-mail address. Type one such as ana@example.com.");
        check_email("a b@c", "\"a b@c\" is no e-mail address. Type one such as ana@example.com.");
        check_email(
            "a@b\r\nc",
            "\"a@b\r\nc\" is no e-mail address. Type one such as ana@example.com.",
        );
    }

    #[test]
    fn each_role_may_do_what_the_ones_before_it_may() {
        assert!(Role::ALL.is_sorted());
        for role in Role::ALL {
            assert_eq!(Role::from_word(role.word()), Some(role));
        }
    }
}
