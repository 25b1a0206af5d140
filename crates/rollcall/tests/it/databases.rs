//! A fresh database of either engine for each test.

use rollcall::store::Db;
use sqlx::{AssertSqlSafe, Connection, PgConnection};

/// Runs a test on an empty SQLite file and on an empty PostgreSQL database.
pub(crate) async fn on_both(test: impl AsyncFn(Db)) {
    eprintln!("on SQLite");
    on_sqlite(&test).await;
    eprintln!("on PostgreSQL");
    on_postgres(&test).await;
}

/// What both engines make of it, after asserting that it is the same.
pub(crate) async fn on_both_alike(test: impl AsyncFn(Db) -> String) -> String {
    let on_file = on_sqlite(&test).await;
    let on_server = on_postgres(&test).await;
    assert_eq!(on_file, on_server, "SQLite on the left, PostgreSQL on the right");
    on_file
}

pub(crate) async fn on_sqlite<T>(test: impl AsyncFn(Db) -> T) -> T {
    let dir = tempfile::tempdir().unwrap();
    let db = Db::open_sqlite(&dir.path().join("rollcall.db")).await.unwrap();
    let made = test(db.clone()).await;
    db.close().await;
    made
}

pub(crate) async fn on_postgres<T>(test: impl AsyncFn(Db) -> T) -> T {
    let server = postgres_server();
    let name = format!("it_{:016x}", fastrand::u64(..));
    let mut admin = PgConnection::connect(&server).await.unwrap();
    let create = format!("create database {name}");
    sqlx::query(AssertSqlSafe(create)).execute(&mut admin).await.unwrap();
    let db = Db::open_postgres(&in_database(&server, &name)).await.unwrap();
    let made = test(db.clone()).await;
    db.close().await;
    let drop = format!("drop database {name} with (force)");
    sqlx::query(AssertSqlSafe(drop)).execute(&mut admin).await.unwrap();
    made
}

/// An empty PostgreSQL database for programs; gone with the guard.
pub(crate) struct Database {
    pub(crate) url: String,
    pub(crate) server: String,
    pub(crate) name: String,
}

impl Database {
    pub(crate) async fn new() -> Database {
        let server = postgres_server();
        let name = format!("it_{:016x}", fastrand::u64(..));
        let mut admin = PgConnection::connect(&server).await.unwrap();
        let create = format!("create database {name}");
        sqlx::query(AssertSqlSafe(create)).execute(&mut admin).await.unwrap();
        Database { url: in_database(&server, &name), server, name }
    }

    pub(crate) async fn drop(self) {
        let mut admin = PgConnection::connect(&self.server).await.unwrap();
        let drop = format!("drop database {} with (force)", self.name);
        sqlx::query(AssertSqlSafe(drop)).execute(&mut admin).await.unwrap();
    }
}

/// `postgres://user@host:port/database` of a server on which databases may be made and dropped.
fn postgres_server() -> String {
    std::env::var("ROLLCALL_TEST_POSTGRES").unwrap_or_else(|_| {
        panic!(
            "ROLLCALL_TEST_POSTGRES is not set: the store is tested on PostgreSQL as well. Run ./test, which starts \
             a throw-away server, or set it to postgres://USER@HOST:PORT/postgres of a server for tests."
        )
    })
}

fn in_database(server: &str, name: &str) -> String {
    let (base, options) = server.split_once('?').unwrap_or((server, ""));
    let (base, _) = base.rsplit_once('/').expect("the URL of a server names a database");
    format!("{base}/{name}?{options}")
}
