//! What waits for a person, through whole runs and on both databases.

use std::collections::BTreeMap;
use std::sync::Arc;

use reconcile::health::Health;
use rollcall::health;
use rollcall::plans::decide::{Choice, DecideError, approve, reject};
use rollcall::plans::rejections::{self, LiftError, Which};
use rollcall::plans::undo::Undoing;
use rollcall::run::{self, Engine, Order, Ready, Task};
use rollcall::store::audit;
use rollcall::store::plans::changes::{Filter, PlanChange};
use rollcall::store::plans::{self, PlanId, PlanStatus, Remainder};
use rollcall::store::runs::{Page, RunId, Status, Trigger};
use rollcall::sync::Finished;
use rollcall::with_pool;
use serde_json::json;

use super::{World, ignore, seal, told};
use crate::databases::on_both;
use crate::store::somebody;

const EVERYTHING: Page = Page { after: 0, rows_max: 1000 };

impl World {
    /// Four people leave, which is more than a run may take on its own.
    async fn with_a_held_plan(db: &rollcall::store::Db) -> (World, PlanId) {
        let world = World::new(db, 40).await;
        world.sync().await;
        for id in world.ids().iter().take(4) {
            world.sandbox.admin().delete_user(*id).unwrap();
        }
        let held = world.sync().await;
        assert_eq!(held.status, Status::Held, "{}", held.message);
        (world, held.plan.unwrap())
    }

    pub(super) async fn active(&self) -> usize {
        self.directory().await.active_users()
    }

    pub(super) async fn undo(&self, run: RunId, may_return: bool) -> Finished {
        let source = self.source();
        let (connector, targets) = (self.connector.clone(), self.targets.clone());
        let order = Order::new(Trigger::Undo, somebody().clone());
        let task = Task::Undo(Undoing { run, user: None, may_return, seen: None });
        let engine = Engine::new(self.db.clone(), Arc::new(seal()), true);
        let ready = Ready { connector, source, targets };
        let order = Order { task, ..order };
        run::start(&engine, ready, &order, ignore).await.unwrap().ended().await.unwrap()
    }
}

fn only(seqs: &[i64]) -> Choice {
    Choice { only: seqs.to_vec(), ..Choice::default() }
}

#[tokio::test]
async fn what_was_approved_is_released_and_nothing_else() {
    on_both(async |db| {
        let (world, plan) = World::with_a_held_plan(&db).await;
        let changes =
            plans::changes::list(&db, plan, &Filter::default(), EVERYTHING).await.unwrap();
        assert_eq!(changes.len(), 4);
        assert_eq!(world.sync().await.plan, Some(plan), "the same waits under the same number");

        let now = jiff::Timestamp::now();
        assert_eq!(plans::count_waiting(&db, now).await.unwrap(), 1);
        let all = Remainder { waiting: 4, approved: 0 };
        assert_eq!(plans::undecided(&db, world.connector.id).await.unwrap(), Some(all));
        let act = somebody().act(now).because("They left");
        let decided = approve(&db, plan, &only(&[1, 2]), &act).await.unwrap();
        assert_eq!((decided.chosen, decided.left), (2, 2));
        assert_eq!(decided.status, PlanStatus::Waiting, "for whoever was left out");
        assert_eq!(plans::count_waiting(&db, now).await.unwrap(), 1);
        let left = Remainder { waiting: 2, approved: 2 };
        assert_eq!(plans::undecided(&db, world.connector.id).await.unwrap(), Some(left));
        let health = health::of_connector(&db, &world.connector, now, 1).await.unwrap();
        assert_eq!(health.health, Health::Held, "{health:?}");
        assert!(health.why.ends_with(
            "2 changes wait for a decision. 2 changes are approved and wait for a run."
        ));
        let decisions =
            plans::changes::list(&db, plan, &Filter::default(), EVERYTHING).await.unwrap();
        let mut counted = BTreeMap::new();
        for PlanChange { is_held, decision, kind, .. } in decisions {
            let verdict = if is_held { "held" } else { "passes" };
            *counted.entry((verdict.to_owned(), decision, kind)).or_insert(0) += 1;
        }
        assert_eq!(counted.len(), 2, "approved and left out: {counted:?}");
        assert_eq!(plans::changes::counts(&db, plan).await.unwrap(), counted);
        // Somebody else is suspended meanwhile: it was not seen, and there are too many to let it pass.
        world.sandbox.admin().update_user(world.ids()[0], json!({ "status": 2 })).unwrap();
        let released = world.sync().await;
        assert_eq!(released.status, Status::Held);
        assert_eq!(world.active().await, 38);
        let directory = world.directory().await;
        for change in &changes[..2] {
            let id = reconcile::principal::ExternalId::new(change.external_id.as_ref().unwrap());
            assert!(!directory.users[&id].active, "{change:?}");
        }
        let after = plans::find(&db, plan).await.unwrap().unwrap();
        assert_eq!(after.status, PlanStatus::Applied);

        let entries = audit::after(&db, 0, 99).await.unwrap();
        let entry = entries.iter().find(|it| (&*it.noun, &*it.verb) == ("plan", "approve"));
        assert_eq!(entry.unwrap().reason, "They left");
    })
    .await;
}

#[tokio::test]
async fn a_plan_is_another_one_where_its_changes_have_other_reasons() {
    on_both(async |db| {
        let world = World::new(&db, 40).await;
        world.sync().await;
        let ids = world.ids();
        let admin = world.sandbox.admin();
        for id in ids.iter().take(4) {
            admin.update_user(*id, json!({ "status": 2 })).unwrap();
        }
        let suspended = world.sync().await.plan.unwrap();
        for id in ids.iter().take(3) {
            admin.delete_user(*id).unwrap();
        }
        let deleted = world.sync().await.plan.unwrap();
        assert_ne!(deleted, suspended, "what waits is not what was seen");
        let act = somebody().act(jiff::Timestamp::now()).because("They stay");
        reject(&db, suspended, &Choice::default(), None, &act).await.unwrap_err();
        reject(&db, deleted, &Choice::default(), None, &act).await.unwrap();
        assert_eq!(world.sync().await.status, Status::Succeeded);
        assert_eq!(world.active().await, 40, "nobody is deactivated whom somebody kept");
    })
    .await;
}

#[tokio::test]
async fn of_two_who_decide_at_once_one_is_told_that_the_other_was_first() {
    on_both(async |db| {
        let (world, plan) = World::with_a_held_plan(&db).await;
        let act = somebody().act(jiff::Timestamp::now()).because("At once");
        let everything = Choice::default();
        let (one, other) = tokio::join!(
            approve(&db, plan, &everything, &act),
            reject(&db, plan, &everything, None, &act)
        );
        let refused = match (one, other) {
            (Ok(_), Err(refused)) | (Err(refused), Ok(_)) => refused,
            both => panic!("{both:?}"),
        };
        assert!(
            matches!(refused, DecideError::Decided { .. } | DecideError::Closed { .. })
                || refused.to_string().contains("decided"),
            "{refused}"
        );
        world.sync().await;
        assert!([36, 40].contains(&world.active().await), "all of it or nothing");
    })
    .await;
}

#[tokio::test]
async fn a_plan_and_an_approval_run_out_as_if_nothing_had_been_said() {
    on_both(async |db| {
        let (world, plan) = World::with_a_held_plan(&db).await;
        let act = somebody().act(jiff::Timestamp::now()).because("They left");
        approve(&db, plan, &Choice::default(), &act).await.unwrap();
        with_pool!(&db, pool => {
            sqlx::query("update plans set expires_at = 1").execute(pool).await.unwrap();
            sqlx::query("update plan_decisions set until = 1").execute(pool).await.unwrap();
        });
        let refused = approve(&db, plan, &Choice::default(), &act).await.unwrap_err();
        assert!(refused.to_string().starts_with(&format!("Plan {plan} is expired.")), "{refused}");
        let held = world.sync().await;
        assert_eq!((held.status, world.active().await), (Status::Held, 40));
        assert_ne!(held.plan, Some(plan), "what waits now is a plan of its own");
    })
    .await;
}

#[tokio::test]
async fn what_was_left_out_waits_for_somebody_however_long_it_takes() {
    on_both(async |db| {
        let (world, plan) = World::with_a_held_plan(&db).await;
        let act = somebody().act(jiff::Timestamp::now()).because("The others come back");
        approve(&db, plan, &only(&[1, 2]), &act).await.unwrap();
        let mut held = world.sync().await;
        // Two would be within the limits.
        for _ in 0..2 {
            let before = held.plan.unwrap();
            with_pool!(&db, pool => {
                sqlx::query("update plans set expires_at = 1").execute(pool).await.unwrap();
                sqlx::query("update plan_decisions set until = 1").execute(pool).await.unwrap();
            });
            held = world.sync().await;
            assert_eq!((held.status, world.active().await), (Status::Held, 38));
            assert_ne!(held.plan, Some(before), "they are asked about anew");
        }
        let over = plans::find(&db, plan).await.unwrap().unwrap();
        assert_eq!(over.status, PlanStatus::Applied);
        approve(&db, held.plan.unwrap(), &Choice::default(), &act).await.unwrap();
        assert_eq!(world.sync().await.status, Status::Succeeded);
        assert_eq!(world.active().await, 36);
    })
    .await;
}

#[tokio::test]
async fn whatever_a_run_did_is_taken_back_and_told_from_the_record() {
    on_both(async |db| {
        let world = World::new(&db, 40).await;
        world.sync().await;
        let before = told(&world.directory().await);
        let ids = world.ids();
        let admin = world.sandbox.admin();
        admin.update_user(ids[0], json!({ "username": "other", "lastname": "Other" })).unwrap();
        admin.update_user(ids[1], json!({ "status": 2 })).unwrap();
        admin.update_user(ids[2], json!({ "role_ids": [] })).unwrap();
        admin.delete_user(ids[3]).unwrap();
        let run = world.sync().await;
        assert_eq!(run.status, Status::Succeeded, "{}", run.message);
        assert_ne!(told(&world.directory().await), before);
        let username = |directory: &reconcile::directory::Directory| {
            directory.users[&super::external(ids[0])].username.to_string()
        };
        assert_eq!(username(&world.directory().await), "other");

        let undone = world.undo(run.run, false).await;
        assert_eq!(undone.status, Status::Succeeded, "{}", undone.message);
        assert_eq!(told(&world.directory().await), before);
        assert_ne!(username(&world.directory().await), "other");
        // A second time there is nothing left to take back.
        let again = world.undo(run.run, false).await;
        assert_eq!(again.decision.targets[0].approved.steps().len(), 0);
        world.sync().await;
        assert_eq!(told(&world.directory().await), before, "the next run does not do it again");
    })
    .await;
}

#[tokio::test]
async fn what_may_return_is_done_again_by_the_next_run() {
    on_both(async |db| {
        let world = World::new(&db, 40).await;
        world.sync().await;
        world.sandbox.admin().delete_user(world.ids()[0]).unwrap();
        let run = world.sync().await;
        assert_eq!(world.active().await, 39);
        world.undo(run.run, true).await;
        assert_eq!(world.active().await, 40);
        world.sync().await;
        assert_eq!(world.active().await, 39);
    })
    .await;
}

#[tokio::test]
async fn each_rejection_tells_who_said_no_and_is_lifted_once() {
    on_both(async |db| {
        let (world, plan) = World::with_a_held_plan(&db).await;
        let at = jiff::Timestamp::now;
        // A plan is rejected in parts, for different reasons.
        for (seq, why) in [(1, "On leave"), (2, "A mistake")] {
            reject(&db, plan, &only(&[seq]), None, &somebody().act(at()).because(why))
                .await
                .unwrap();
        }
        let told = rejections::list(&db, Some(world.connector.id)).await.unwrap();
        let said: BTreeMap<Option<i64>, String> =
            told.iter().map(|it| (it.said.seq, it.said.reason.clone())).collect();
        assert_eq!(said, [(Some(1), "On leave".into()), (Some(2), "A mistake".into())].into());
        assert!(told.iter().all(|it| it.said.by == somebody().name && it.said.plan == Some(plan)));

        let code = &told.iter().find(|it| it.said.seq == Some(1)).unwrap().code;
        let which = Which::Coded(vec![code.to_uppercase()]);
        let actor = somebody();
        let act = actor.act(at()).because("Back");
        let lifted = rejections::lift(&db, &which, &act).await.unwrap();
        assert_eq!(lifted.len(), 1);
        assert!(matches!(rejections::lift(&db, &which, &act).await, Err(LiftError::Unknown(_))));
        // In a plan that goes on it waits again, and can be decided over.
        let changes =
            plans::changes::list(&db, plan, &Filter::default(), EVERYTHING).await.unwrap();
        let decisions: Vec<&str> = changes.iter().map(|it| it.decision.as_str()).collect();
        assert_eq!(decisions, ["", "rejected", "left-out", "left-out"]);
        approve(&db, plan, &Choice::default(), &somebody().act(at()).because("Left"))
            .await
            .unwrap();
        world.sync().await;
        assert_eq!(world.active().await, 37);
        rejections::lift(&db, &Which::OfPlan(plan), &act).await.unwrap();
        assert_eq!(rejections::list(&db, None).await.unwrap(), []);
        world.sync().await;
        assert_eq!(world.active().await, 36);
    })
    .await;
}
