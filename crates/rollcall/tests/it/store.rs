//! The store, by what it is asked to remember, on both engines.

mod audit;
mod budgets;
mod connectors;
mod leases;
mod memory;
mod reads;
mod retention;
mod runs;
mod searches;
mod targets;

use std::collections::BTreeSet;
use std::sync::LazyLock;
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use jiff::Timestamp;
use rollcall::seal::{KeySource, Seal};
use rollcall::secret::Secret;
use rollcall::source::onelogin::settings::{GroupSource, ScopeSettings, Settings};
use rollcall::store::Db;
use rollcall::store::audit::actor::{Act, Actor};
use rollcall::store::connectors::settings::ConnectorSettings;
use rollcall::store::connectors::{Connector, Provider};
use rollcall::store::runs::{self as stored_runs, NewRun, RunId, Trigger};

use crate::databases::on_postgres;

/// A time that is easy to read: so many seconds after 1970.
fn at(second: i64) -> Timestamp {
    Timestamp::from_second(second).unwrap()
}

/// Something that somebody does so many seconds after 1970.
fn act(second: i64) -> Act<'static> {
    somebody().act(at(second))
}

pub(crate) fn somebody() -> &'static Actor {
    static ADA: LazyLock<Actor> = LazyLock::new(|| Actor::command_line("ada", "host"));
    &ADA
}

fn seal_of(byte: u8) -> Seal {
    let key = Secret::new(STANDARD.encode([byte; 32]));
    Seal::open(&KeySource::Given(key), None).unwrap()
}

fn secret(text: &str) -> Secret {
    Secret::new(text.to_owned())
}

pub(crate) fn settings(base_url: &str) -> ConnectorSettings {
    ConnectorSettings::new(Settings {
        base_url: base_url.to_owned(),
        client_id: "id".to_owned(),
        groups_from: BTreeSet::from([GroupSource::Roles]),
        required_groups: vec!["role:Staff".to_owned()],
        scope: ScopeSettings::default(),
        statuses: Vec::new(),
        minimum_remaining_api_calls: 500,
    })
}

/// A run that has begun, without a lease.
pub(crate) async fn begin(
    db: &Db,
    connector: &Connector,
    trigger: Trigger,
    now: Timestamp,
) -> RunId {
    let new =
        NewRun { connector, trigger, started_by: "", node: "here", retry_of: None, slot: None };
    let mut tx = db.begin().await.unwrap();
    let run = stored_runs::insert(&mut tx, &new, now, now).await.unwrap();
    tx.commit().await.unwrap();
    run
}

async fn connector(db: &Db, name: &str) -> Connector {
    rollcall::store::connectors::create(
        db,
        &seal_of(1),
        name,
        Provider::OneLogin,
        &settings("https://acme.onelogin.com"),
        &secret("s3cret"),
        &act(1),
    )
    .await
    .unwrap()
}

/// Runs are stopped, and requests given up, at any moment.
#[tokio::test(flavor = "multi_thread")]
async fn a_transaction_whose_beginning_is_given_up_leaves_no_connection_within_it() {
    on_postgres(async |db| {
        for round in 0..300 {
            let patience = Duration::from_micros(round % 60 * 10);
            drop(tokio::time::timeout(patience, db.begin()).await);
            drop(tokio::time::timeout(patience, db.snapshot()).await);
        }
        let Db::Postgres(pool) = &db else { panic!("not PostgreSQL") };
        let sql = "select count(*) from pg_stat_activity where datname = current_database() \
             and state like 'idle in transaction%'";
        let mut open: i64 = -1;
        for _ in 0..50 {
            open = sqlx::query_scalar(sql).fetch_one(pool).await.unwrap();
            if open == 0 {
                break;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        assert_eq!(open, 0);
    })
    .await;
}
