//! One run a connector, and nothing written by a run that was taken for dead.

use jiff::{SignedDuration, Timestamp};
use rollcall::store::Db;
use rollcall::store::audit::actor::Actor;
use rollcall::store::audit::{self, Filter};
use rollcall::store::connectors::Connector;
use rollcall::store::leases::{self, Busy, HoldError, Lease};
use rollcall::store::runs::{self, Ending, NewRun, RunId, Status, Trigger, events};
use serde_json::json;

use super::{at, connector};
use crate::databases::on_both;

#[tokio::test]
async fn a_connector_is_run_by_one_at_a_time() {
    on_both(async |db| {
        let (one, other) = (connector(&db, "one").await, connector(&db, "other").await);
        let first = start(&db, &one, at(100)).await.unwrap();
        let busy = start(&db, &one, at(101)).await.unwrap_err();
        assert_eq!(busy, Busy { run: first.run, node: "here".to_owned(), started_at: at(100) });
        start(&db, &other, at(101)).await.unwrap();

        finish(&db, &first, at(110)).await.unwrap();
        let second = start(&db, &one, at(111)).await.unwrap();
        assert_ne!(second.run, first.run);
    })
    .await;
}

#[tokio::test]
async fn of_many_who_claim_at_once_one_wins() {
    on_both(async |db| {
        let one = connector(&db, "one").await;
        let claims = (0..12).map(|_| start(&db, &one, at(100)));
        let won = futures_util::future::join_all(claims).await;
        assert_eq!(won.iter().filter(|it| it.is_ok()).count(), 1);
        assert_eq!(runs::list(&db, None, 99).await.unwrap().len(), 1);
    })
    .await;
}

#[tokio::test]
async fn a_run_that_went_silent_is_ended_and_can_write_nothing_any_more() {
    on_both(async |db| {
        let one = connector(&db, "one").await;
        let silent = start(&db, &one, at(100)).await.unwrap();
        assert!(start(&db, &one, at(112)).await.is_err(), "12 s are not long enough");
        let next = start(&db, &one, at(113)).await.unwrap();

        let ended = runs::find(&db, silent.run).await.unwrap().unwrap();
        assert_eq!((ended.status, ended.finished_at), (Status::Failed, Some(at(100))));
        assert_eq!(
            ended.message,
            "The process ended before the run did. Nothing was changed: a run changes everything at its end, or nothing. Start it again with `rollcall run retry 1`."
        );
        assert!(matches!(finish(&db, &silent, at(114)).await, Err(HoldError::Lost)));
        finish(&db, &next, at(114)).await.unwrap();
        // Not even when the connector is free again.
        assert!(matches!(finish(&db, &silent, at(115)).await, Err(HoldError::Lost)));
    })
    .await;
}

#[tokio::test]
async fn a_run_that_beats_keeps_its_lease() {
    on_both(async |db| {
        let one = connector(&db, "one").await;
        let alive = start(&db, &one, at(100)).await.unwrap();
        for second in [110, 120, 130] {
            beat(&db, &alive, at(second)).await.unwrap();
            assert!(start(&db, &one, at(second + 9)).await.is_err());
        }
        finish(&db, &alive, at(140)).await.unwrap();
    })
    .await;
}

/// A beat in the future is one from before the clock was set back by hours.
#[tokio::test]
async fn a_clock_that_is_set_back_locks_nobody_out() {
    on_both(async |db| {
        let one = connector(&db, "one").await;
        let dead = start(&db, &one, at(10_000)).await.unwrap();
        start(&db, &one, at(5_000)).await.unwrap();
        assert!(matches!(beat(&db, &dead, at(5_001)).await, Err(HoldError::Lost)));
    })
    .await;
}

/// Here the clock of the database counts, so these are real times.
#[tokio::test]
async fn abandoned_runs_are_ended_and_live_ones_are_not() {
    on_both(async |db| {
        let (one, other) = (connector(&db, "one").await, connector(&db, "other").await);
        let minute_ago = Timestamp::now() - SignedDuration::from_mins(1);
        let abandoned = start(&db, &one, minute_ago).await.unwrap();
        let alive = start(&db, &other, Timestamp::now()).await.unwrap();

        assert_eq!(leases::end_abandoned(&db).await.unwrap(), [abandoned.run]);
        assert_eq!(leases::end_abandoned(&db).await.unwrap(), [] as [RunId; 0]);
        assert!(matches!(beat(&db, &abandoned, Timestamp::now()).await, Err(HoldError::Lost)));
        beat(&db, &alive, Timestamp::now()).await.unwrap();
        let ended = runs::find(&db, abandoned.run).await.unwrap().unwrap();
        assert_eq!(ended.status, Status::Failed);
    })
    .await;
}

#[tokio::test]
async fn whoever_asks_a_run_to_stop_is_told_to_it_by_its_next_beat() {
    on_both(async |db| {
        let one = connector(&db, "one").await;
        let lease = start(&db, &one, at(100)).await.unwrap();
        assert_eq!(beat(&db, &lease, at(101)).await.unwrap(), None);
        assert!(ask_to_stop(&db, lease.run, "maya").await);
        assert_eq!(runs::stop_asked_by(&db, lease.run).await.unwrap().as_deref(), Some("maya"));
        assert_eq!(beat(&db, &lease, at(102)).await.unwrap().as_deref(), Some("maya"));
        let run = runs::find(&db, lease.run).await.unwrap().unwrap();
        assert_eq!(run.status, Status::Stopping);
        finish(&db, &lease, at(103)).await.unwrap();
        assert!(!ask_to_stop(&db, lease.run, "maya").await, "there is nothing left to stop");
        let stop = Filter { verb: "stop".to_owned(), ..Filter::default() };
        let asked = audit::list(&db, &stop, None, 9).await.unwrap();
        assert_eq!((asked.len(), &*asked[0].actor, &*asked[0].object_name), (1, "maya", "one"));
    })
    .await;
}

#[tokio::test]
async fn what_a_run_told_is_read_back_from_where_a_reader_was() {
    on_both(async |db| {
        let one = connector(&db, "one").await;
        let lease = start(&db, &one, at(100)).await.unwrap();
        let event = |seq: i64| events::RunEvent {
            seq,
            at: at(100 + seq),
            kind: "line".to_owned(),
            body: json!({ "text": format!("Line {seq}.") }).to_string(),
        };
        for told in [vec![event(1), event(2)], vec![event(2), event(3)]] {
            let mut tx = db.begin().await.unwrap();
            events::insert(&mut tx, lease.run, &told).await.unwrap();
            tx.commit().await.unwrap();
        }
        let page = |after| runs::Page { after, rows_max: 10 };
        let all = events::list(&db, lease.run, page(0)).await.unwrap();
        assert_eq!(all, [event(1), event(2), event(3)]);
        assert_eq!(events::list(&db, lease.run, page(2)).await.unwrap(), [event(3)]);
        assert_eq!(events::list(&db, lease.run, page(3)).await.unwrap(), []);
    })
    .await;
}

async fn start(db: &Db, connector: &Connector, now: Timestamp) -> Result<Lease, Busy> {
    let mut tx = db.begin().await.unwrap();
    let vacancy = leases::claim(&mut tx, connector.id, now).await.unwrap()?;
    let new = NewRun {
        connector,
        trigger: Trigger::CommandLine,
        started_by: "",
        node: "here",
        retry_of: None,
        slot: None,
    };
    let run = runs::insert(&mut tx, &new, now, now).await.unwrap();
    let lease = leases::give(&mut tx, vacancy, run).await.unwrap();
    tx.commit().await.unwrap();
    Ok(lease)
}

async fn beat(db: &Db, lease: &Lease, now: Timestamp) -> Result<Option<String>, HoldError> {
    let mut tx = db.begin().await?;
    leases::hold(&mut tx, lease).await?;
    let asked = leases::beat(&mut tx, lease, now).await?;
    tx.commit().await?;
    Ok(asked)
}

async fn finish(db: &Db, lease: &Lease, now: Timestamp) -> Result<(), HoldError> {
    let report = json!({});
    let ending = Ending { status: Status::Succeeded, message: "Done.", report: &report };
    let mut tx = db.begin().await?;
    leases::hold(&mut tx, lease).await?;
    runs::finish(&mut tx, lease.run, &ending, now).await?;
    Ok(tx.commit().await?)
}

async fn ask_to_stop(db: &Db, run: RunId, by: &str) -> bool {
    let mut tx = db.begin().await.unwrap();
    let actor = Actor::account(by, "10.0.0.1");
    let asked = runs::ask_to_stop(&mut tx, run, &actor.act(at(1))).await.unwrap();
    tx.commit().await.unwrap();
    asked
}
