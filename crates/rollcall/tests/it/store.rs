//! The store, by what it is asked to remember, on both engines.

mod audit;
mod connectors;
mod leases;
mod memory;
mod reads;
mod runs;
mod targets;

use std::collections::BTreeSet;
use std::sync::LazyLock;

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

fn settings(base_url: &str) -> ConnectorSettings {
    ConnectorSettings::new(Settings {
        base_url: base_url.to_owned(),
        client_id: "id".to_owned(),
        groups_from: BTreeSet::from([GroupSource::Roles]),
        required_groups: vec!["role:Staff".to_owned()],
        scope: ScopeSettings::default(),
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
    let new = NewRun { connector, trigger, started_by: "", node: "here", retry_of: None };
    let mut tx = db.begin().await.unwrap();
    let run = stored_runs::insert(&mut tx, &new, now).await.unwrap();
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
