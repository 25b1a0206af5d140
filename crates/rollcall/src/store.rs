//! What Rollcall remembers: one SQLite file, or one PostgreSQL database.
//!
//! Plain functions per noun. The SQL is the same text for both engines wherever they agree, and
//! every test of this module runs on both.

pub mod accounts;
pub mod audit;
pub mod batch;
mod blocks;
pub mod budgets;
pub mod connectors;
pub mod directory;
pub mod fields;
pub mod leases;
pub mod memory;
pub mod names;
pub mod plans;
pub mod reads;
pub mod retention;
pub mod runs;
pub mod schedules;
pub mod sessions;
pub mod singles;
pub mod targets;

use std::borrow::Cow;
use std::io;
use std::path::Path;
use std::str::FromStr;
use std::time::Duration;

use jiff::Timestamp;
use reconcile::principal::fold;
use sqlx::migrate::{MigrateError, Migration, MigrationType, Migrator};
use sqlx::postgres::{PgConnectOptions, PgPoolOptions};
use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePoolOptions, SqliteSynchronous};
use sqlx::{
    ConnectOptions, Connection, Executor, PgPool, Postgres, SqlSafeStr, Sqlite, SqlitePool,
    Transaction,
};

/// An open database whose schema is this version's.
#[derive(Clone, Debug)]
pub enum Db {
    Sqlite(SqlitePool),
    Postgres(PgPool),
}

/// A transaction. Dropped without [`Tx::commit`], it never happened.
#[derive(Debug)]
pub enum Tx {
    Sqlite(Transaction<'static, Sqlite>),
    Postgres(Transaction<'static, Postgres>),
}

/// Writes a body once and compiles it for either engine:
/// `with_pool!(db, pool => sqlx::query(SQL).execute(pool).await?)`.
#[macro_export]
macro_rules! with_pool {
    ($db:expr, $pool:ident => $body:expr) => {
        match $db {
            $crate::store::Db::Sqlite($pool) => $body,
            $crate::store::Db::Postgres($pool) => $body,
        }
    };
}

/// As [`with_pool!`], inside a transaction: `with_tx!(tx, conn => .. .execute(&mut *conn) ..)`.
///
/// `with_tx!(tx, conn: Engine => ..)` also names the engine's `sqlx::Database`, for builders that
/// need to be told.
#[macro_export]
macro_rules! with_tx {
    ($tx:expr, $conn:ident => $body:expr) => {
        match $tx {
            $crate::store::Tx::Sqlite(tx) => {
                let $conn: &mut sqlx::SqliteConnection = &mut *tx;
                $body
            }
            $crate::store::Tx::Postgres(tx) => {
                let $conn: &mut sqlx::PgConnection = &mut *tx;
                $body
            }
        }
    };
    ($tx:expr, $conn:ident: $Engine:ident => $body:expr) => {
        match $tx {
            $crate::store::Tx::Sqlite(tx) => {
                type $Engine = sqlx::Sqlite;
                let $conn: &mut sqlx::SqliteConnection = &mut *tx;
                $body
            }
            $crate::store::Tx::Postgres(tx) => {
                type $Engine = sqlx::Postgres;
                let $conn: &mut sqlx::PgConnection = &mut *tx;
                $body
            }
        }
    };
}

#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    #[error(
        "The database was written by a newer version of Rollcall (schema {found}, this version knows {known}). \
         Start that version, or restore a backup made before the upgrade."
    )]
    Newer { found: i64, known: i64 },
    #[error(
        "The database {what} cannot be opened ({source}). Check that it is there and may be written, \
         or name another with --data-dir or --database-url."
    )]
    Open {
        what: String,
        #[source]
        source: sqlx::Error,
    },
    #[error("The database could not be brought to this version's schema: {0}")]
    Migrate(#[source] MigrateError),
    #[error("The database cannot be written ({0}). Look whether its disk is full.")]
    Unwritable(#[source] sqlx::Error),
    #[error("The database refused: {0}")]
    Sql(#[source] sqlx::Error),
}

impl From<sqlx::Error> for StoreError {
    fn from(error: sqlx::Error) -> StoreError {
        let code = error.as_database_error().and_then(|it| it.code().map(Cow::into_owned));
        let is_unwritable = match code.as_deref() {
            Some(POSTGRES_DISK_FULL) => true,
            // SQLite tells a number whose low byte is the kind: 10 is input and output, 13 is full.
            Some(code) => {
                code.len() < 5
                    && code.parse::<u32>().is_ok_and(|it| [10, 13].contains(&(it & 0xff)))
            }
            None => false,
        };
        if is_unwritable { StoreError::Unwritable(error) } else { StoreError::Sql(error) }
    }
}

const POSTGRES_DISK_FULL: &str = "53100";
/// The server ends, or another one takes over from it, or it begins.
const POSTGRES_AWAY: [&str; 3] = ["57P01", "57P02", "57P03"];

/// A server, or what stands before it, that hangs up at once breaks the protocol.
fn is_silent(error: &sqlx::Error) -> bool {
    matches!(
        error,
        sqlx::Error::Io(_)
            | sqlx::Error::Tls(_)
            | sqlx::Error::Protocol(_)
            | sqlx::Error::PoolTimedOut
    )
}

impl StoreError {
    /// Whether a database server does not answer, which may pass by itself.
    pub fn is_unreachable(&self) -> bool {
        let StoreError::Open { source, .. } = self else { return false };
        is_silent(source)
    }

    /// Whether a database that was there does not answer any more: it may be back in a moment.
    pub fn is_away(&self) -> bool {
        match self {
            StoreError::Sql(sqlx::Error::Database(error)) => {
                error.code().is_some_and(|it| POSTGRES_AWAY.contains(&&*it))
            }
            StoreError::Sql(source) => is_silent(source),
            StoreError::Open { .. } => self.is_unreachable(),
            StoreError::Newer { .. } | StoreError::Migrate(_) | StoreError::Unwritable(_) => false,
        }
    }

    /// Whether somebody else holds a lock for longer than we waited: worth trying again.
    pub fn is_busy(&self) -> bool {
        let StoreError::Sql(sqlx::Error::Database(error)) = self else { return false };
        match error.code().as_deref() {
            // SQLite tells a number whose low byte is the kind: 5 is busy.
            Some("55P03") => true,
            Some(code) => code.len() < 5 && code.parse::<u32>().is_ok_and(|it| it & 0xff == 5),
            None => false,
        }
    }
}

/// SQLite's page cache, a connection; negative means KiB. The usual 2 MiB are less than the indexes
/// of a large publication.
const CACHE_KIB: &str = "-12000";
/// The clock of a PostgreSQL server, in microseconds since 1970.
const NOW: &str = "select cast(extract(epoch from clock_timestamp()) * 1000000 as bigint)";
/// How long a statement waits for a lock before it fails.
const BUSY_TIMEOUT: Duration = Duration::from_secs(5);
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);
const CONNECTIONS_MAX: u32 = 8;
/// A process that is frozen within a transaction must not keep its locks for ever, and whoever
/// waits for them is told to come again.
const POSTGRES_SESSION: &str =
    "set idle_in_transaction_session_timeout = '20s'; set lock_timeout = '10s'";

/// A hundredth of a large directory. Fewer are walked in no time.
const CHANGES_MANY: usize = 1000;
/// Looks at a sample. A table that somebody has locked is left to its turn.
const ANALYZE: &str = "analyze (skip_locked) directory_users, directory_groups, \
     directory_memberships, directory_events, run_changes, run_change_blocks, run_findings, \
     plan_changes, plan_change_blocks, plan_findings";
const ANALYZE_TIMEOUT: Duration = Duration::from_secs(20);

/// The text of one step of the schema for each engine.
macro_rules! migration {
    ($version:literal, $file:literal) => {
        (
            $version,
            include_str!(concat!("store/migrations/", $file, "_sqlite.sql")),
            include_str!(concat!("store/migrations/", $file, "_postgres.sql")),
        )
    };
}

/// Forward only, in this order; a step that was released is never edited.
const MIGRATIONS: &[(i64, &str, &str)] = &[
    migration!(1, "0001"),
    migration!(2, "0002"),
    migration!(4, "0004"),
    migration!(5, "0005"),
    migration!(8, "0008"),
    migration!(9, "0009"),
    migration!(10, "0010"),
    migration!(11, "0011"),
    migration!(12, "0012"),
    migration!(13, "0013"),
    migration!(14, "0014"),
    migration!(15, "0015"),
    migration!(18, "0018"),
    migration!(20, "0020"),
    migration!(21, "0021"),
    migration!(24, "0024"),
    migration!(25, "0025"),
    migration!(27, "0027"),
    migration!(32, "0032"),
    migration!(34, "0034"),
    migration!(37, "0037"),
    migration!(38, "0038"),
    migration!(39, "0039"),
    migration!(41, "0041"),
];

impl Db {
    /// Opens the SQLite file, making it if there is none, and brings it to this version's schema.
    pub async fn open_sqlite(file: &Path) -> Result<Db, StoreError> {
        let options = SqliteConnectOptions::new()
            .filename(file)
            .create_if_missing(true)
            .journal_mode(SqliteJournalMode::Wal)
            .synchronous(SqliteSynchronous::Full)
            .pragma("cache_size", CACHE_KIB)
            .busy_timeout(BUSY_TIMEOUT);
        let pool = SqlitePoolOptions::new()
            .max_connections(CONNECTIONS_MAX)
            .acquire_timeout(CONNECT_TIMEOUT)
            .connect_with(options)
            .await
            .map_err(|source| StoreError::Open { what: file.display().to_string(), source })?;
        let db = Db::Sqlite(pool);
        db.migrate().await?;
        Ok(db)
    }

    /// Connects to `postgres://..` and brings the database to this version's schema.
    pub async fn open_postgres(url: &str) -> Result<Db, StoreError> {
        // The URL may hold a password: errors name the engine alone.
        let what = || "at the PostgreSQL URL".to_owned();
        let options = PgConnectOptions::from_str(url)
            .map_err(|source| StoreError::Open { what: what(), source })?;
        // A pool tries again until its time is up, and then does not say why.
        let first = tokio::time::timeout(CONNECT_TIMEOUT, options.connect()).await;
        first
            .unwrap_or_else(|_| Err(sqlx::Error::Io(io::ErrorKind::TimedOut.into())))
            .map_err(|source| StoreError::Open { what: what(), source })?
            .close()
            .await?;
        let pool = PgPoolOptions::new()
            .max_connections(CONNECTIONS_MAX)
            .acquire_timeout(CONNECT_TIMEOUT)
            // Not by options of the connection, which a pooler in between may refuse.
            .after_connect(|connection, _| {
                Box::pin(async move { connection.execute(POSTGRES_SESSION).await.map(|_| ()) })
            })
            .connect_with(options)
            .await
            .map_err(|source| StoreError::Open { what: what(), source })?;
        let db = Db::Postgres(pool);
        db.migrate().await?;
        Ok(db)
    }

    /// Begins a transaction that will write. SQLite takes the write lock at once, because a
    /// transaction that reads first and writes later fails when another one wrote in between.
    pub async fn begin(&self) -> Result<Tx, StoreError> {
        Ok(match self {
            Db::Sqlite(pool) => Tx::Sqlite(pool.begin_with("begin immediate").await?),
            Db::Postgres(pool) => Tx::Postgres(begin_postgres(pool, "begin").await?),
        })
    }

    /// Begins a transaction that only reads, and sees one state of the database to its end.
    pub async fn snapshot(&self) -> Result<Tx, StoreError> {
        const BEGIN: &str = "begin isolation level repeatable read, read only";
        Ok(match self {
            Db::Sqlite(pool) => Tx::Sqlite(pool.begin().await?),
            Db::Postgres(pool) => Tx::Postgres(begin_postgres(pool, BEGIN).await?),
        })
    }

    /// Writes, and takes it back: a full disk, a file that may only be read and a server that
    /// only follows another one all fail here.
    pub async fn check_writable(&self) -> Result<(), StoreError> {
        const SQL: &str = "insert into settings (key, value) values ('check', '') \
             on conflict (key) do update set value = ''";
        let mut tx = self.begin().await?;
        with_tx!(&mut tx, conn => sqlx::query(SQL).execute(conn).await.map(|_| ()))?;
        tx.rollback().await
    }

    pub async fn check_readable(&self) -> Result<(), StoreError> {
        const SQL: &str = "select count(*) from connectors";
        with_pool!(self, pool => sqlx::query(SQL).fetch_one(pool).await.map(|_| ()))?;
        Ok(())
    }

    /// The time by the clock that all nodes share: the server's, or this machine's for a file.
    pub async fn now(&self) -> Result<Timestamp, StoreError> {
        match self {
            Db::Sqlite(_) => Ok(Timestamp::now()),
            Db::Postgres(pool) => Ok(instant(sqlx::query_scalar(NOW).fetch_one(pool).await?)),
        }
    }

    /// Tells the planner of a server how much a run or plan of so many changes has written. It finds out by
    /// itself, a minute or so later; until then it walks all of them for one page. SQLite needs no telling.
    ///
    /// Nothing depends on it, so a failure is logged and no more.
    pub async fn renew_statistics(&self, changes: usize) {
        let Db::Postgres(pool) = self else { return };
        if changes < CHANGES_MANY {
            return;
        }
        let renewed = async { pool.acquire().await?.execute(ANALYZE).await };
        match tokio::time::timeout(ANALYZE_TIMEOUT, renewed).await {
            Ok(Ok(_)) => {}
            Ok(Err(error)) => tracing::warn!("Statistics were not renewed: {error}"),
            Err(_) => tracing::warn!("Statistics were not renewed in {ANALYZE_TIMEOUT:?}"),
        }
    }

    /// What the database takes on its disk.
    pub async fn size_bytes(&self) -> Result<u64, StoreError> {
        const FILE: &str = "select page_count * page_size from pragma_page_count, pragma_page_size";
        const SERVER: &str = "select pg_database_size(current_database())";
        let bytes: i64 = match self {
            Db::Sqlite(pool) => sqlx::query_scalar(FILE).fetch_one(pool).await?,
            Db::Postgres(pool) => sqlx::query_scalar(SERVER).fetch_one(pool).await?,
        };
        Ok(bytes.unsigned_abs())
    }

    pub async fn close(&self) {
        with_pool!(self, pool => pool.close().await);
    }

    async fn migrate(&self) -> Result<(), StoreError> {
        let migrator = Migrator::with_migrations(self.migrations());
        let known = migrator.iter().map(|it| it.version).max().unwrap_or(0);
        let migrated = match self {
            Db::Sqlite(pool) => migrate_sqlite(&migrator, pool).await,
            // Takes a lock for as long as it lasts.
            Db::Postgres(pool) => migrator.run(pool).await,
        };
        migrated.map_err(|error| {
            if let MigrateError::VersionMissing(found) = error {
                return StoreError::Newer { found, known };
            }
            StoreError::Migrate(error)
        })
    }

    fn migrations(&self) -> Vec<Migration> {
        let migration = |(version, sqlite, postgres): (i64, &'static str, &'static str)| {
            let sql = match self {
                Db::Sqlite(_) => sqlite,
                Db::Postgres(_) => postgres,
            };
            let (kind, sql) = (MigrationType::Simple, sql.into_sql_str());
            Migration::new(version, "schema".into(), kind, sql, false)
        };
        MIGRATIONS.iter().copied().map(migration).collect()
    }
}

impl Tx {
    /// The time by the clock that all nodes share: the server's, or this machine's for a file.
    pub async fn now(&mut self) -> Result<Timestamp, StoreError> {
        Ok(match self {
            Tx::Sqlite(_) => Timestamp::now(),
            Tx::Postgres(tx) => instant(sqlx::query_scalar(NOW).fetch_one(&mut **tx).await?),
        })
    }

    pub async fn commit(self) -> Result<(), StoreError> {
        match self {
            Tx::Sqlite(tx) => tx.commit().await?,
            Tx::Postgres(tx) => tx.commit().await?,
        }
        Ok(())
    }

    pub async fn rollback(self) -> Result<(), StoreError> {
        match self {
            Tx::Sqlite(tx) => tx.rollback().await?,
            Tx::Postgres(tx) => tx.rollback().await?,
        }
        Ok(())
    }
}

/// Begins in a task of its own. A beginning that is given up half-way would leave its connection in
/// the pool within a transaction that nobody knows of; this one comes to its end and is rolled back.
async fn begin_postgres(
    pool: &PgPool,
    statement: &'static str,
) -> Result<Transaction<'static, Postgres>, sqlx::Error> {
    let pool = pool.clone();
    let begun = tokio::spawn(async move { pool.begin_with(statement).await });
    begun.await.unwrap_or(Err(sqlx::Error::WorkerCrashed))
}

/// Two processes may find the same new file at once. The one that comes second fails, waits for
/// the write lock, and finds nothing left to do.
async fn migrate_sqlite(migrator: &Migrator, pool: &SqlitePool) -> Result<(), MigrateError> {
    let is_race = |error: &MigrateError| {
        matches!(error, MigrateError::Execute(_) | MigrateError::ExecuteMigration(..))
    };
    match migrator.run(pool).await {
        Err(error) if is_race(&error) => {}
        done => return done,
    }
    let mut tx = pool.begin_with("begin immediate").await?;
    migrator.run(&mut *tx).await?;
    tx.commit().await?;
    Ok(())
}

/// A stored time. One that no calendar knows was not written by us, and shows as 1970.
fn instant(microseconds: i64) -> Timestamp {
    Timestamp::from_microsecond(microseconds).unwrap_or(Timestamp::UNIX_EPOCH)
}

/// A pattern for what contains a text in any case, to be used with `escape '\'`; no character of it
/// is a wildcard.
fn containing(text: &str) -> String {
    let mut pattern = String::from("%");
    for char in fold(text.trim()).chars() {
        if matches!(char, '%' | '_' | '\\') {
            pattern.push('\\');
        }
        pattern.push(char);
    }
    pattern.push('%');
    pattern
}

/// Whether a row with the same unique value exists already.
fn is_taken(error: &sqlx::Error) -> bool {
    error.as_database_error().is_some_and(sqlx::error::DatabaseError::is_unique_violation)
}
