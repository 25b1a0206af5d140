//! What is too old or too much is forgotten; what anybody still needs is not.

use jiff::{SignedDuration, Timestamp};
use rollcall::store::Db;
use rollcall::store::audit::{self, Filter};
use rollcall::store::connectors::Connector;
use rollcall::store::retention::{self, Retention};
use rollcall::store::runs::{self, ChangeRow, Ending, RunId, Status, Trigger, events};
use rollcall::store::targets::{self, TargetKind};
use serde_json::json;

use super::{act, begin, connector, somebody};
use crate::databases::on_both;

fn day(day: i64) -> Timestamp {
    Timestamp::UNIX_EPOCH + SignedDuration::from_hours(24 * day)
}

/// A run of that day with so many changes and one line.
async fn run(
    db: &Db,
    connector: &Connector,
    at: Timestamp,
    status: Status,
    changes: usize,
) -> RunId {
    let run = begin(db, connector, Trigger::Schedule, at).await;
    let targets = targets::of_connector(db, connector.id).await.unwrap();
    let target = match targets.first() {
        Some(target) => target.clone(),
        None => {
            let name = connector.name.as_str();
            targets::create(db, connector, name, TargetKind::Crowd, &act(1)).await.unwrap().0
        }
    };
    let change = |_| ChangeRow {
        before: "".into(),
        after: "".into(),
        state: "",
        target: target.id,
        kind: "create",
        external_id: None,
        username: None,
        group: None,
        detail: "".into(),
        reason: "".into(),
        outcome: "applied".into(),
    };
    let line = events::RunEvent { seq: 1, at, kind: "line".to_owned(), body: "{}".to_owned() };
    let mut tx = db.begin().await.unwrap();
    runs::insert_changes(&mut tx, run, (0..changes).map(change)).await.unwrap();
    events::insert(&mut tx, run, &[line]).await.unwrap();
    let ending = Ending { status, message: "", report: &json!({}) };
    runs::finish(&mut tx, run, &ending, at).await.unwrap();
    tx.commit().await.unwrap();
    run
}

async fn left(db: &Db) -> Vec<i64> {
    let mut runs: Vec<i64> =
        runs::list(db, None, 999).await.unwrap().iter().map(|it| it.id.0).collect();
    runs.reverse();
    runs
}

async fn keep(db: &Db, retention: Retention) {
    retention::save(db, retention, &act(1)).await.unwrap();
}

#[tokio::test]
async fn old_runs_go_with_all_they_had_but_for_the_last_ones_and_those_under_way() {
    on_both(async |db| {
        let (one, other) = (connector(&db, "one").await, connector(&db, "other").await);
        let old = run(&db, &one, day(1), Status::Succeeded, 3).await;
        let good = run(&db, &one, day(2), Status::Succeeded, 5).await;
        let failed = run(&db, &one, day(3), Status::Failed, 0).await;
        let last = run(&db, &one, day(4), Status::Failed, 0).await;
        let only = run(&db, &other, day(1), Status::Held, 1).await;
        let under_way = begin(&db, &other, Trigger::Page, day(1)).await;
        keep(&db, Retention { days_max: 10, log_days_max: 10, ..Retention::default() }).await;
        let retention = somebody();
        let prune = async |now| retention::prune(&db, now, &retention.act(now)).await.unwrap();
        assert_eq!(prune(day(11)).await, retention::Pruned::default(), "nothing is too old yet");
        let pruned = prune(day(400)).await;
        assert_eq!(left(&db).await, [good.0, last.0, only.0, under_way.0]);
        // Two runs with three changes and two lines; and the lines of those that stay.
        assert_eq!((pruned.runs, pruned.rows), (2, 3 + 2 + 3));
        for gone in [old, failed] {
            let page = runs::Page { after: 0, rows_max: 9 };
            assert_eq!(runs::changes(&db, gone, page).await.unwrap(), []);
            assert_eq!(events::list(&db, gone, page).await.unwrap(), []);
        }
        let page = runs::Page { after: 0, rows_max: 9 };
        assert_eq!(runs::changes(&db, good, page).await.unwrap().len(), 5);
        assert_eq!(prune(day(400)).await, retention::Pruned::default());
        let filter = Filter { verb: "prune".to_owned(), ..Filter::default() };
        let entries = audit::list(&db, &filter, None, 9).await.unwrap();
        assert_eq!(entries.len(), 2, "one for the runs, one for the lines");
        assert!(entries[1].changes.contains(r#"{"before":2,"setting":"runs"}"#), "{entries:?}");
    })
    .await;
}

#[tokio::test]
async fn too_many_rows_go_oldest_first_until_there_are_not_too_many() {
    on_both(async |db| {
        let one = connector(&db, "one").await;
        for at in 1..=6 {
            run(&db, &one, day(at), Status::Succeeded, 399).await;
        }
        keep(&db, Retention { rows_max: 1_000, ..Retention::default() }).await;
        let pruned = retention::prune(&db, day(7), &act(1)).await.unwrap();
        assert_eq!(left(&db).await, [5, 6]);
        assert_eq!((pruned.runs, pruned.rows), (4, 1_600));
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn two_services_that_prune_at_once_forget_everything_once() {
    on_both(async |db| {
        let one = connector(&db, "one").await;
        for at in 1..=250 {
            run(&db, &one, day(at), Status::Succeeded, 1).await;
        }
        keep(&db, Retention { days_max: 1, ..Retention::default() }).await;
        let now = day(1_000);
        let prune = async || retention::prune(&db, now, &act(1)).await.unwrap();
        let (first, second) = tokio::join!(prune(), prune());
        assert_eq!(first.runs + second.runs, 249);
        assert_eq!(left(&db).await, [250]);
    })
    .await;
}
