//! What is too old or too much is forgotten; what anybody still needs is not.

use jiff::{SignedDuration, Timestamp};
use reconcile::gate::decisions::SourceState;
use rollcall::store::Db;
use rollcall::store::audit::{self, Filter};
use rollcall::store::connectors::Connector;
use rollcall::store::plans::{self, NewPlan, PlanId, PlanKind, PlanStatus};
use rollcall::store::retention::{self, Pruned, Retention};
use rollcall::store::runs::changes::ChangeRow;
use rollcall::store::runs::{self, Ending, RunId, Status, Trigger, events};
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
        state: &SourceState::Silent,
        target: target.id,
        kind: "create",
        external_id: None,
        username: None,
        group: None,
        fields: Vec::new(),
        detail: "".into(),
        reason: "".into(),
        outcome: "applied".into(),
    };
    let line = events::RunEvent { seq: 1, at, kind: "line".to_owned(), body: "{}".to_owned() };
    let mut tx = db.begin().await.unwrap();
    runs::changes::insert(&mut tx, run, (0..changes).map(change)).await.unwrap();
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
        assert_eq!(prune(day(11)).await, Pruned::default(), "nothing is too old yet");
        let pruned = prune(day(400)).await;
        assert_eq!(left(&db).await, [good.0, last.0, only.0, under_way.0]);
        // Two runs with three changes and two lines; and the lines of those that stay.
        assert_eq!((pruned.runs, pruned.rows), (2, 3 + 2 + 3));
        for gone in [old, failed] {
            let page = runs::Page { after: 0, rows_max: 9 };
            assert_eq!(runs::changes::list(&db, gone, page).await.unwrap(), []);
            assert_eq!(events::list(&db, gone, page).await.unwrap(), []);
        }
        let page = runs::Page { after: 0, rows_max: 9 };
        assert_eq!(runs::changes::list(&db, good, page).await.unwrap().len(), 5);
        assert_eq!(prune(day(400)).await, Pruned::default());
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

/// A plan of that day with so many changes, over which nobody can decide any more from its end on.
async fn plan(
    db: &Db,
    connector: &Connector,
    (kind, run, status): (PlanKind, Option<RunId>, PlanStatus),
    (made_at, expires_at): (Timestamp, Timestamp),
    changes: usize,
) -> PlanId {
    let new = NewPlan {
        connector,
        kind,
        run,
        status,
        made_by: "",
        expires_at,
        fingerprint: "",
        people: 0,
        report: &json!({}),
    };
    let change = |_| plans::changes::ChangeRow {
        target: None,
        is_held: true,
        kind: "create",
        external_id: None,
        username: None,
        group: None,
        email: "".into(),
        fields: Vec::new(),
        words: String::new(),
        reason: String::new(),
        identity: String::new(),
        state: &SourceState::Silent,
        cause: 1,
        before: "".into(),
        after: "".into(),
    };
    let mut tx = db.begin().await.unwrap();
    let plan = plans::insert(&mut tx, &new, made_at).await.unwrap();
    plans::changes::insert(&mut tx, plan, (0..changes).map(change).collect()).await.unwrap();
    plans::count_rows(&mut tx, plan).await.unwrap();
    tx.commit().await.unwrap();
    plan
}

async fn plans_left(db: &Db) -> Vec<PlanId> {
    let plans = plans::list(db, None, false, None, 999).await.unwrap();
    plans.iter().rev().map(|it| it.id).collect()
}

#[tokio::test]
async fn a_plan_stays_as_long_as_its_run_and_a_simulation_for_its_own_time() {
    on_both(async |db| {
        let one = connector(&db, "one").await;
        let old = run(&db, &one, day(1), Status::Held, 1).await;
        let last = run(&db, &one, day(300), Status::Held, 1).await;
        let three_days = |at: i64| (day(at), day(at + 3));
        let held = |run| (PlanKind::Held, Some(run), PlanStatus::Superseded);
        let undo = (PlanKind::Undo, Some(old), PlanStatus::Ready);
        let simulated = (PlanKind::Simulated, None, PlanStatus::Ready);
        let _gone_with_its_run = plan(&db, &one, held(old), three_days(1), 4).await;
        let _so_is_what_takes_it_back = plan(&db, &one, undo, three_days(2), 4).await;
        // Somebody has approved it, and the next run is still to do so.
        let approved = (PlanKind::Held, Some(old), PlanStatus::Approved);
        let open = plan(&db, &one, approved, (day(1), day(9_000)), 4).await;
        let kept = plan(&db, &one, held(last), three_days(300), 4).await;
        let _too_old = plan(&db, &one, simulated, three_days(360), 4).await;
        let young = plan(&db, &one, simulated, three_days(395), 4).await;
        let pruned = retention::prune(&db, day(400), &act(1)).await.unwrap();
        assert_eq!(plans_left(&db).await, [open, kept, young]);
        // The old run with its change and line, the line of the last run, and three plans.
        assert_eq!((pruned.runs, pruned.plans, pruned.rows), (1, 3, 2 + 1 + 12));
        let page = runs::Page { after: 0, rows_max: 99 };
        let of = async |plan| {
            plans::changes::list(&db, plan, &plans::changes::Filter::default(), page).await
        };
        assert_eq!(of(kept).await.unwrap().len(), 4);
        assert_eq!(of(PlanId(1)).await.unwrap(), []);
        assert_eq!(retention::prune(&db, day(400), &act(1)).await.unwrap(), Pruned::default());
        let filter = Filter { verb: "prune".to_owned(), ..Filter::default() };
        let entries = audit::list(&db, &filter, None, 9).await.unwrap();
        assert!(entries.iter().any(|it| it.changes.contains("\"plans\"")), "{entries:?}");
    })
    .await;
}

#[tokio::test]
async fn where_there_is_too_much_simulations_go_before_runs() {
    on_both(async |db| {
        let one = connector(&db, "one").await;
        run(&db, &one, day(1), Status::Succeeded, 399).await;
        run(&db, &one, day(2), Status::Succeeded, 399).await;
        let simulated = (PlanKind::Simulated, None, PlanStatus::Ready);
        for at in 3..=5 {
            plan(&db, &one, simulated, (day(at), day(at + 3)), 150).await;
        }
        keep(&db, Retention { rows_max: 1_000, ..Retention::default() }).await;
        let pruned = retention::prune(&db, day(6), &act(1)).await.unwrap();
        assert_eq!((left(&db).await, plans_left(&db).await), (vec![1, 2], vec![PlanId(3)]));
        assert_eq!((pruned.runs, pruned.plans, pruned.rows), (0, 2, 300));
        // What is left of them counts as well: then the oldest run goes.
        plan(
            &db,
            &one,
            (PlanKind::Held, Some(RunId(2)), PlanStatus::Waiting),
            (day(6), day(9)),
            400,
        )
        .await;
        let pruned = retention::prune(&db, day(6), &act(1)).await.unwrap();
        assert_eq!((pruned.runs, pruned.plans), (1, 1));
        assert_eq!((left(&db).await, plans_left(&db).await), (vec![2], vec![PlanId(4)]));
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
