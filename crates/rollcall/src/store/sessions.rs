//! Sessions: who is signed in where. And codes that are good for one use.
//!
//! The database holds the hash of a token or code, so that whoever reads it can sign in nowhere.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jiff::{SignedDuration, Timestamp};
use ring::digest::{SHA256, digest};

use crate::seal::{self, SealError};
use crate::secret::Secret;
use crate::store::accounts::{self, Account, AccountId};
use crate::store::audit::actor::Act;
use crate::store::audit::{self, Action, Entry};
use crate::store::{Db, StoreError, Tx, instant};
use crate::{with_pool, with_tx};

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct SessionId(pub i64);

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Session {
    pub id: SessionId,
    pub account_id: AccountId,
    pub created_at: Timestamp,
    pub seen_at: Timestamp,
    /// When the password was last typed.
    pub proved_at: Timestamp,
    pub address: String,
    /// What the browser calls itself.
    pub program: String,
}

/// From where somebody signs in.
#[derive(Clone, Copy, Debug)]
pub struct Origin<'a> {
    pub address: &'a str,
    pub program: &'a str,
}

/// What a code is good for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Purpose {
    /// To make the first admin.
    SetUp,
    /// To sign in once, as a demo prints it.
    SignIn,
    /// To choose a password.
    Password,
}

#[derive(Debug, thiserror::Error)]
pub enum SessionError {
    #[error(transparent)]
    Seal(#[from] SealError),
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl From<sqlx::Error> for SessionError {
    fn from(error: sqlx::Error) -> SessionError {
        SessionError::Store(StoreError::from(error))
    }
}

/// A session that is not used ends after this time.
pub const IDLE_MAX: SignedDuration = SignedDuration::from_mins(30);
/// A session ends after this time, however much it is used.
pub const AGE_MAX: SignedDuration = SignedDuration::from_hours(12);
/// How long a typed password stands for severe actions.
pub const PROOF_MAX: SignedDuration = SignedDuration::from_mins(10);
/// How exact [`Session::seen_at`] is: not every request writes.
const SEEN_EVERY: SignedDuration = SignedDuration::from_secs(60);
const SESSIONS_OF_ACCOUNT_MAX: i64 = 20;
const PROGRAM_CHARS_MAX: usize = 200;

impl Purpose {
    fn word(self) -> &'static str {
        match self {
            Purpose::SetUp => "set-up",
            Purpose::SignIn => "sign-in",
            Purpose::Password => "password",
        }
    }
}

/// What is stored of a token.
fn hash(token: &str) -> Vec<u8> {
    digest(&SHA256, token.as_bytes()).as_ref().to_vec()
}

fn new_token() -> Result<Secret, SealError> {
    Ok(Secret::new(URL_SAFE_NO_PAD.encode(seal::random::<32>()?)))
}

/// Signs somebody in: a new session whose token nobody has seen before.
pub async fn begin(
    db: &Db,
    account: &Account,
    origin: Origin<'_>,
    act: &Act<'_>,
) -> Result<(SessionId, Secret), SessionError> {
    const INSERT: &str = "insert into sessions \
         (token_hash, account_id, created_at, seen_at, proved_at, address, program) \
         values ($1, $2, $3, $3, $3, $4, $5) returning id";
    const SIGNED_IN: &str = "update accounts set signed_in_at = $2 where id = $1";
    // Whoever signs in again and again leaves no heap of sessions.
    const PRUNE: &str = "delete from sessions where account_id = $1 and id not in \
         (select id from sessions where account_id = $1 order by seen_at desc, id desc limit $2)";
    const EXPIRED: &str = "delete from sessions where seen_at < $1 or created_at < $2";
    let token = new_token()?;
    let now = act.at.as_microsecond();
    let mut tx = db.begin().await?;
    let id = with_tx!(&mut tx, conn => {
        sqlx::query(EXPIRED)
            .bind(before(act.at, IDLE_MAX))
            .bind(before(act.at, AGE_MAX))
            .execute(&mut *conn)
            .await?;
        let id: i64 = sqlx::query_scalar(INSERT)
            .bind(hash(token.expose()))
            .bind(account.id.0)
            .bind(now)
            .bind(origin.address)
            .bind(origin.program.chars().take(PROGRAM_CHARS_MAX).collect::<String>())
            .fetch_one(&mut *conn)
            .await?;
        sqlx::query(PRUNE)
            .bind(account.id.0)
            .bind(SESSIONS_OF_ACCOUNT_MAX)
            .execute(&mut *conn)
            .await?;
        sqlx::query(SIGNED_IN).bind(account.id.0).bind(now).execute(conn).await?;
        id
    });
    let entry = Entry::new(Action::AccountSignIn, account.id, &account.email);
    audit::append(&mut tx, act, &entry).await?;
    tx.commit().await?;
    Ok((SessionId(id), token))
}

/// The session of a token, and whose it is; none where it has ended or its account may no longer
/// sign in. Being asked for keeps it alive.
pub async fn find(
    db: &Db,
    token: &str,
    now: Timestamp,
) -> Result<Option<(Session, Account)>, StoreError> {
    const SQL: &str = "select id, account_id, created_at, seen_at, proved_at, address, program \
         from sessions where token_hash = $1 and $2 <= seen_at and $3 <= created_at";
    const SEEN: &str = "update sessions set seen_at = $2 where id = $1 and seen_at < $2";
    let row = with_pool!(db, pool => sqlx::query_as::<_, Row>(SQL)
        .bind(hash(token))
        .bind(before(now, IDLE_MAX))
        .bind(before(now, AGE_MAX))
        .fetch_optional(pool)
        .await)?;
    let Some(session) = row.map(session) else { return Ok(None) };
    let account = accounts::with_id(db, session.account_id).await?;
    let Some(account) = account.filter(|it| it.enabled) else { return Ok(None) };
    if SEEN_EVERY < now.duration_since(session.seen_at) {
        let seen = with_pool!(db, pool => sqlx::query(SEEN)
            .bind(session.id.0)
            .bind(now.as_microsecond())
            .execute(pool)
            .await
            .map(|_| ()));
        // A database that is busy with a long write may still be read.
        if let Err(error) = seen {
            tracing::debug!("A session could not be kept alive: {error}");
        }
    }
    Ok(Some((session, account)))
}

/// Notes that the password was typed again.
pub async fn prove(db: &Db, id: SessionId, now: Timestamp) -> Result<(), StoreError> {
    const SQL: &str = "update sessions set proved_at = $2 where id = $1";
    with_pool!(db, pool => sqlx::query(SQL)
        .bind(id.0)
        .bind(now.as_microsecond())
        .execute(pool)
        .await
        .map(|_| ()))?;
    Ok(())
}

/// The sessions of an account that have not ended, the last used first.
pub async fn list(db: &Db, account: AccountId, now: Timestamp) -> Result<Vec<Session>, StoreError> {
    const SQL: &str = "select id, account_id, created_at, seen_at, proved_at, address, program \
         from sessions where account_id = $1 and $2 <= seen_at and $3 <= created_at \
         order by seen_at desc, id desc";
    let rows = with_pool!(db, pool => sqlx::query_as::<_, Row>(SQL)
        .bind(account.0)
        .bind(before(now, IDLE_MAX))
        .bind(before(now, AGE_MAX))
        .fetch_all(pool)
        .await)?;
    Ok(rows.into_iter().map(session).collect())
}

/// Ends one session of an account. Tells whether there was one.
pub async fn end(
    db: &Db,
    account: &Account,
    id: SessionId,
    act: &Act<'_>,
) -> Result<bool, StoreError> {
    const SQL: &str = "delete from sessions where id = $1 and account_id = $2";
    let mut tx = db.begin().await?;
    let ended = with_tx!(&mut tx, conn => sqlx::query(SQL)
        .bind(id.0)
        .bind(account.id.0)
        .execute(conn)
        .await
        .map(|it| it.rows_affected()))?;
    if ended == 0 {
        tx.rollback().await?;
        return Ok(false);
    }
    let entry = Entry::new(Action::AccountSignOut, account.id, &account.email);
    audit::append(&mut tx, act, &entry).await?;
    tx.commit().await?;
    Ok(true)
}

/// Ends every session of an account. Whoever calls this writes down why.
pub async fn end_all_of(tx: &mut Tx, account: AccountId) -> Result<u64, StoreError> {
    const SQL: &str = "delete from sessions where account_id = $1";
    let ended = with_tx!(tx, conn => sqlx::query(SQL).bind(account.0).execute(conn).await
        .map(|it| it.rows_affected()))?;
    Ok(ended)
}

/// A code that is good once, until a time, and for a few wrong tries. Takes the place of the
/// earlier codes for the same.
pub async fn new_code(
    db: &Db,
    purpose: Purpose,
    account: Option<AccountId>,
    expires_at: Timestamp,
) -> Result<Secret, SessionError> {
    let mut tx = db.begin().await?;
    let now = tx.now().await?;
    let code = put_code(&mut tx, purpose, account, now, expires_at).await?;
    tx.commit().await?;
    Ok(code)
}

/// As [`new_code`], within a transaction.
pub async fn put_code(
    tx: &mut Tx,
    purpose: Purpose,
    account: Option<AccountId>,
    now: Timestamp,
    expires_at: Timestamp,
) -> Result<Secret, SessionError> {
    const FORGET: &str = "delete from one_time_codes where expires_at < $3 or \
         (purpose = $1 and coalesce(account_id, 0) = $2)";
    const INSERT: &str = "insert into one_time_codes \
         (code_hash, purpose, account_id, expires_at, tries_left) values ($1, $2, $3, $4, $5)";
    let code = match purpose {
        Purpose::SetUp => typed_code()?,
        Purpose::SignIn | Purpose::Password => new_token()?,
    };
    with_tx!(tx, conn => {
        sqlx::query(FORGET)
            .bind(purpose.word())
            .bind(account.map_or(0, |it| it.0))
            .bind(now.as_microsecond())
            .execute(&mut *conn)
            .await?;
        sqlx::query(INSERT)
            .bind(hash(code.expose()))
            .bind(purpose.word())
            .bind(account.map(|it| it.0))
            .bind(expires_at.as_microsecond())
            .bind(TRIES_MAX)
            .execute(conn)
            .await?;
    });
    Ok(code)
}

/// Wrong codes after which the right one is refused as well.
pub const TRIES_MAX: i64 = 5;

/// What became of a typed code.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Redeemed {
    /// It was right, and is used up.
    Right { account: Option<AccountId> },
    /// It was wrong, and may be tried again.
    Wrong { tries_left: i64 },
    /// There is none that could be right: it expired, was used, or was guessed at too often.
    Void,
}

/// Uses a code up, if it is the right one.
pub async fn redeem(
    db: &Db,
    purpose: Purpose,
    typed: &str,
    now: Timestamp,
) -> Result<Redeemed, StoreError> {
    let mut tx = db.begin().await?;
    let redeemed = redeem_within(&mut tx, purpose, typed, now).await?;
    tx.commit().await?;
    Ok(redeemed)
}

/// As [`redeem`], but a code that is right stays good: for a form in which something else is wrong.
pub async fn try_code(
    db: &Db,
    purpose: Purpose,
    typed: &str,
    now: Timestamp,
) -> Result<Redeemed, StoreError> {
    let mut tx = db.begin().await?;
    let redeemed = redeem_within(&mut tx, purpose, typed, now).await?;
    match redeemed {
        Redeemed::Right { .. } => tx.rollback().await?,
        Redeemed::Wrong { .. } | Redeemed::Void => tx.commit().await?,
    }
    Ok(redeemed)
}

async fn redeem_within(
    tx: &mut Tx,
    purpose: Purpose,
    typed: &str,
    now: Timestamp,
) -> Result<Redeemed, StoreError> {
    const TAKE: &str = "delete from one_time_codes where code_hash = $1 and purpose = $2 \
         and $3 < expires_at and 0 < tries_left returning account_id";
    const WRONG: &str = "update one_time_codes set tries_left = tries_left - 1 \
         where purpose = $1 and $2 < expires_at and 0 < tries_left returning tries_left";
    let typed = match purpose {
        Purpose::SetUp => spelled_alike(typed),
        Purpose::SignIn | Purpose::Password => typed.trim().to_owned(),
    };
    let taken: Option<Option<i64>> = with_tx!(&mut *tx, conn => sqlx::query_scalar(TAKE)
        .bind(hash(&typed))
        .bind(purpose.word())
        .bind(now.as_microsecond())
        .fetch_optional(conn)
        .await)?;
    if let Some(account) = taken {
        return Ok(Redeemed::Right { account: account.map(AccountId) });
    }
    // A link of 256 bits cannot be guessed; a wrong one must not use up somebody else's.
    Ok(match purpose {
        Purpose::SignIn | Purpose::Password => Redeemed::Void,
        Purpose::SetUp => {
            let left: Option<i64> = with_tx!(tx, conn => sqlx::query_scalar(WRONG)
                .bind(purpose.word())
                .bind(now.as_microsecond())
                .fetch_optional(conn)
                .await)?;
            match left {
                None | Some(0) => Redeemed::Void,
                Some(tries_left) => Redeemed::Wrong { tries_left },
            }
        }
    })
}

/// Whether a link is still good, without using it up, and for whom.
pub async fn peek(
    db: &Db,
    purpose: Purpose,
    code: &str,
    now: Timestamp,
) -> Result<Option<AccountId>, StoreError> {
    const SQL: &str = "select account_id from one_time_codes where code_hash = $1 \
         and purpose = $2 and $3 < expires_at and 0 < tries_left";
    let account: Option<Option<i64>> = with_pool!(db, pool => sqlx::query_scalar(SQL)
        .bind(hash(code))
        .bind(purpose.word())
        .bind(now.as_microsecond())
        .fetch_optional(pool)
        .await)?;
    Ok(account.flatten().map(AccountId))
}

pub async fn forget_codes_of(tx: &mut Tx, account: AccountId) -> Result<(), StoreError> {
    const SQL: &str = "delete from one_time_codes where account_id = $1";
    with_tx!(tx, conn => sqlx::query(SQL).bind(account.0).execute(conn).await.map(|_| ()))?;
    Ok(())
}

/// `7F3K-QM2P-9XWD`: 60 random bits of letters and digits that cannot be mistaken for each other.
fn typed_code() -> Result<Secret, SealError> {
    let letters: Vec<char> = "0123456789ABCDEFGHJKMNPQRSTVWXYZ".chars().collect();
    let bytes = seal::random::<12>()?;
    let mut code = String::new();
    for (at, byte) in bytes.into_iter().enumerate() {
        if 0 < at && at % 4 == 0 {
            code.push('-');
        }
        code.extend(letters.get(usize::from(byte) % letters.len()));
    }
    Ok(Secret::new(code))
}

/// A set-up code as it was printed, however it was typed.
fn spelled_alike(typed: &str) -> String {
    let letters =
        typed.chars().filter(char::is_ascii_alphanumeric).map(|it| match it.to_ascii_uppercase() {
            'O' => '0',
            'I' | 'L' => '1',
            'U' => 'V',
            it => it,
        });
    let mut code = String::new();
    for (at, letter) in letters.take(20).enumerate() {
        if 0 < at && at % 4 == 0 {
            code.push('-');
        }
        code.push(letter);
    }
    code
}

/// The stored time so long before now.
fn before(now: Timestamp, duration: SignedDuration) -> i64 {
    now.checked_sub(duration).map_or(i64::MIN, Timestamp::as_microsecond)
}

/// `id, account_id, created_at, seen_at, proved_at, address, program`
type Row = (i64, i64, i64, i64, i64, String, String);

fn session(row: Row) -> Session {
    let (id, account_id, created_at, seen_at, proved_at, address, program) = row;
    Session {
        id: SessionId(id),
        account_id: AccountId(account_id),
        created_at: instant(created_at),
        seen_at: instant(seen_at),
        proved_at: instant(proved_at),
        address,
        program,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_set_up_code_is_the_same_however_it_is_typed() {
        let code = typed_code().unwrap();
        let code = code.expose();
        assert_eq!(code.len(), 14);
        assert_eq!(spelled_alike(code), code);
        assert_eq!(spelled_alike(&code.to_lowercase().replace('-', " ")), code);
        assert_eq!(spelled_alike("o0il-uv"), "0011-VV");
    }
}
