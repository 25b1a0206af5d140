//! How long a yes and a no last, through whole runs and on both databases.

use rollcall::plans::decide::{Choice, approve, reject};
use rollcall::store::connectors::settings::leavers::Cleanup;
use rollcall::store::plans::PlanId;
use rollcall::with_pool;

use super::*;

impl World {
    /// Forty people, four of whom are suspended, which is more than a run may take on its own.
    async fn with_four_suspended(db: &Db) -> (World, Vec<i64>, PlanId) {
        let world = World::with(db, population(40), Options::quiet(7)).await;
        world.sync().await;
        let ids = world.ids();
        for id in &ids[..4] {
            world.update(*id, &json!({ "status": 2 }));
        }
        let held = world.sync().await;
        assert_eq!(held.status, Status::Held, "{}", held.message);
        (world, ids, held.plan.unwrap())
    }

    /// The same, and somebody said no to it.
    async fn with_four_kept(db: &Db) -> (World, Vec<i64>) {
        let (world, ids, plan) = World::with_four_suspended(db).await;
        let act = somebody().act(Timestamp::now()).because("They stay");
        reject(db, plan, &Choice::default(), None, &act).await.unwrap();
        world.stays_at(40).await;
        (world, ids)
    }

    fn update(&self, id: i64, changes: &serde_json::Value) {
        self.sandbox.admin().update_user(id, changes.clone()).unwrap();
    }

    fn username(&self, id: i64) -> String {
        self.sandbox.admin().user(id).unwrap().username.unwrap().into()
    }

    /// A run waits for nobody, and leaves so many people active.
    async fn stays_at(&self, active: usize) {
        let finished = self.sync().await;
        assert_ne!(finished.status, Status::Held, "{}", finished.message);
        assert_eq!(self.active().await, active, "{}", finished.message);
    }
}

#[tokio::test]
async fn a_rejection_outlasts_a_read_that_says_nothing_of_the_person() {
    on_both(async |db| {
        let (world, ids) = World::with_four_kept(&db).await;
        let (own, taken) = (world.username(ids[0]), world.username(ids[20]));
        world.update(ids[0], &json!({ "username": taken }));
        let conflict = world.sync().await;
        assert_eq!(conflict.status, Status::SucceededWithSkips, "{}", conflict.message);
        world.update(ids[0], &json!({ "username": own }));
        world.stays_at(40).await;
        // What it says in the end is something else.
        world.update(ids[0], &json!({ "status": 7 }));
        world.stays_at(39).await;
    })
    .await;
}

#[tokio::test]
async fn how_few_people_there_are_is_accepted_by_the_rules_of_then() {
    on_both(async |db| {
        let mut world = World::with(&db, population(40), Options::quiet(7)).await;
        world.sync().await;
        for id in &world.ids()[..20] {
            world.sandbox.admin().delete_user(*id).unwrap();
        }
        let held = world.sync().await;
        assert_eq!(held.decision.asked, 0, "{}", held.message);
        let act = somebody().act(Timestamp::now()).because("They left");
        let accepted = approve(&db, held.plan.unwrap(), &Choice::default(), &act).await.unwrap();
        assert_eq!((accepted.people, accepted.chosen), (Some(20), 0));
        assert_eq!(world.decide().await.asked, 20);
        // As many by other rules are other people for all that anybody has seen.
        world.edit(|it| it.leavers.protected = vec!["nobody".to_owned()]).await;
        assert_eq!(world.decide().await.asked, 0);
        let held = world.sync().await;
        assert_eq!((held.status, held.decision.asked), (Status::Held, 0), "{}", held.message);
        world.edit(|it| it.leavers.protected = Vec::new()).await;
        let asked = world.sync().await;
        assert_eq!((asked.status, asked.decision.asked), (Status::Held, 20), "{}", asked.message);
        assert_eq!(world.active().await, 40);
    })
    .await;
}

#[tokio::test]
async fn what_was_left_out_outlasts_a_read_that_says_nothing_of_the_person() {
    on_both(async |db| {
        let (world, ids, plan) = World::with_four_suspended(&db).await;
        let act = somebody().act(Timestamp::now()).because("One of them left");
        let choice = Choice { only: vec![1], ..Choice::default() };
        approve(&db, plan, &choice, &act).await.unwrap();
        world.sync().await;
        let left: Vec<i64> = {
            let users = world.directory().await.users;
            ids[..4].iter().copied().filter(|id| users[&external(*id)].active).collect()
        };
        assert_eq!(left.len(), 3);
        // One alone is within the limits, and nothing can be told of them for a while.
        for id in &left[1..] {
            world.update(*id, &json!({ "status": 1 }));
        }
        let (own, taken) = (world.username(left[0]), world.username(ids[20]));
        world.update(left[0], &json!({ "username": taken }));
        let conflict = world.sync().await;
        assert_eq!(conflict.status, Status::SucceededWithSkips, "{}", conflict.message);
        world.update(left[0], &json!({ "username": own }));
        for _ in 0..2 {
            let held = world.sync().await;
            assert_eq!((held.status, world.active().await), (Status::Held, 39), "{}", held.message);
        }
        // Back, and suspended again: that is another thing, of which nobody has said anything.
        world.update(left[0], &json!({ "status": 1 }));
        world.stays_at(39).await;
        world.update(left[0], &json!({ "status": 2 }));
        world.stays_at(38).await;
    })
    .await;
}

#[tokio::test]
async fn what_was_left_out_outlasts_an_edit_of_the_rules_and_its_way_back() {
    on_both(async |db| {
        let mut world = World::with(&db, population(40), Options::quiet(7)).await;
        world.sync().await;
        let ids = world.ids();
        for id in &ids[..4] {
            world.sandbox.admin().delete_user(*id).unwrap();
        }
        let plan = world.sync().await.plan.unwrap();
        let act = somebody().act(Timestamp::now()).because("One of them left");
        let choice = Choice { only: vec![1], ..Choice::default() };
        approve(&db, plan, &choice, &act).await.unwrap();
        let left_out = async |world: &World, active: usize| {
            let held = world.sync().await;
            assert_eq!((held.status, world.active().await), (Status::Held, active));
            let objections = &held.decision.targets[0].held.objections;
            let words = objections.iter().map(ToString::to_string).collect::<Vec<_>>();
            let left_out = "3 changes were left out when others were decided.".to_owned();
            assert!(words.contains(&left_out), "{words:?}");
        };
        left_out(&world, 39).await;
        // Other rules propose something else of them, and others nothing at all.
        world.edit(|it| it.cleanup = Cleanup::Delete).await;
        assert_eq!(world.sync().await.status, Status::Held);
        world.edit(|it| it.cleanup = Cleanup::Keep).await;
        world.stays_at(39).await;
        world.edit(|it| it.cleanup = Cleanup::Disable).await;
        left_out(&world, 39).await;
        let held = world.sync().await;
        // By the rules that propose it, it is over once they no longer do.
        let again = |place: i64| Choice { only: vec![place], ..Choice::default() };
        let plan = held.plan.unwrap();
        approve(&db, plan, &again(1), &act).await.unwrap();
        world.sync().await;
        assert_eq!(world.active().await, 38);
        world.edit(|it| it.mapping.rows = vec!["title = title".to_owned()]).await;
        let held = world.sync().await;
        assert_eq!((held.status, world.active().await), (Status::Held, 38), "{}", held.message);
        let counts = "select count(*) from plan_decisions where verdict = 'left-out'";
        let left: i64 =
            with_pool!(&db, pool => sqlx::query_scalar(counts).fetch_one(pool).await.unwrap());
        assert_eq!(left, 2);
        approve(&db, held.plan.unwrap(), &Choice::default(), &act).await.unwrap();
        world.stays_at(36).await;
        let left: i64 =
            with_pool!(&db, pool => sqlx::query_scalar(counts).fetch_one(pool).await.unwrap());
        assert_eq!(left, 0);
    })
    .await;
}

#[tokio::test]
async fn a_rejection_outlasts_an_edit_of_the_rules_and_its_way_back() {
    on_both(async |db| {
        let (mut world, ids) = World::with_four_kept(&db).await;
        let names: Vec<String> = ids[..2].iter().map(|id| world.username(*id)).collect();
        world.edit(|it| it.mapping.rows = vec!["title = title".to_owned()]).await;
        world.stays_at(40).await;
        world.edit(|it| it.mapping.rows = Vec::new()).await;
        // The titles that the edit brought are asked about; the rejections are left alone.
        let held = world.sync().await;
        let act = somebody().act(Timestamp::now()).because("They had none");
        approve(&db, held.plan.unwrap(), &Choice::default(), &act).await.unwrap();
        world.stays_at(40).await;
        let condition = format!("username not in {}", names.join(", "));
        world.edit(|it| it.source.scope.conditions = vec![condition]).await;
        world.stays_at(40).await;
        world.edit(|it| it.source.scope.conditions = Vec::new()).await;
        world.stays_at(40).await;
        // What is told since then is compared with what the last run was told.
        world.update(ids[0], &json!({ "role_ids": [] }));
        world.stays_at(39).await;
    })
    .await;
}

#[tokio::test]
async fn what_is_undone_is_by_what_the_source_says_now() {
    on_both(async |db| {
        let world = World::with(&db, population(40), Options::quiet(7)).await;
        world.sync().await;
        let id = world.ids()[0];
        world.update(id, &json!({ "status": 2 }));
        let run = world.sync().await.run;
        assert_eq!(world.active().await, 39);
        world.update(id, &json!({ "email": "new@acme.example" }));
        world.undo(run, false).await;
        world.stays_at(40).await;
        world.stays_at(40).await;
        world.update(id, &json!({ "email": "newer@acme.example" }));
        world.stays_at(39).await;
    })
    .await;
}

#[tokio::test]
async fn access_that_is_given_back_is_not_taken_in_another_way() {
    on_both(async |db| {
        let mut world = World::with(&db, population(40), Options::quiet(7)).await;
        world.edit(|it| it.cleanup = Cleanup::Anonymise).await;
        world.sync().await;
        world.sandbox.admin().delete_user(world.ids()[0]).unwrap();
        let run = world.sync().await.run;
        assert_eq!(world.active().await, 39);
        world.edit(|it| it.cleanup = Cleanup::Disable).await;
        world.stays_at(39).await;
        world.undo(run, false).await;
        world.stays_at(40).await;
    })
    .await;
}

#[tokio::test]
async fn what_is_undone_outlasts_an_edit_of_the_rules() {
    on_both(async |db| {
        let mut world = World::with(&db, population(40), Options::quiet(7)).await;
        world.sync().await;
        let id = world.ids()[0];
        let before = world.username(id);
        let renamed = async |world: &World| {
            let directory = world.directory().await;
            directory.users[&external(id)].username.to_string()
        };
        world.update(id, &json!({ "username": "other.name" }));
        let run = world.sync().await.run;
        assert_eq!(renamed(&world).await, "other.name");
        world.edit(|it| it.mapping.rows = vec!["title = title".to_owned()]).await;
        world.undo(run, false).await;
        world.stays_at(40).await;
        assert_eq!(renamed(&world).await, before);
        world.edit(|it| it.mapping.rows.push("phone = phone".to_owned())).await;
        world.stays_at(40).await;
        assert_eq!(renamed(&world).await, before);
    })
    .await;
}

#[tokio::test]
async fn an_approval_is_for_nothing_else_and_by_no_other_rules() {
    on_both(async |db| {
        let (mut world, ids, plan) = World::with_four_suspended(&db).await;
        let act = somebody().act(Timestamp::now()).because("They left");
        approve(&db, plan, &Choice::default(), &act).await.unwrap();
        for id in &ids[..4] {
            world.update(*id, &json!({ "status": 1 }));
        }
        let names: Vec<String> = ids[..4].iter().map(|id| world.username(*id)).collect();
        let condition = format!("username not in {}", names.join(", "));
        world.edit(|it| it.source.scope.conditions = vec![condition]).await;
        for _ in 0..2 {
            let held = world.sync().await;
            assert_eq!((held.status, world.active().await), (Status::Held, 40), "{}", held.message);
            let objections = &held.decision.targets[0].held.objections;
            let is_asked = objections.iter().any(|it| it.word() == "new-rules");
            assert!(is_asked, "the rules were not tried: {objections:?}");
        }
    })
    .await;
}

#[tokio::test]
async fn an_approval_of_a_suspension_is_none_of_a_deletion() {
    on_both(async |db| {
        let (world, ids, plan) = World::with_four_suspended(&db).await;
        let act = somebody().act(Timestamp::now()).because("They left");
        approve(&db, plan, &Choice::default(), &act).await.unwrap();
        world.sandbox.admin().delete_user(ids[0]).unwrap();
        let held = world.sync().await;
        assert_eq!((held.status, world.active().await), (Status::Held, 37), "{}", held.message);
        let steps = held.decision.targets[0].held.steps.iter().map(ToString::to_string);
        let steps: Vec<String> = steps.collect();
        assert!(steps.len() == 1 && steps[0].contains("gone, asked for by id"), "{steps:?}");
        // It waits as what it is, and nobody has decided over it.
        let plan = held.plan.unwrap();
        let counts = rollcall::store::plans::changes::counts(&db, plan).await.unwrap();
        assert_eq!(counts.into_keys().map(|(_, decision, _)| decision).collect::<Vec<_>>(), [""]);
    })
    .await;
}
