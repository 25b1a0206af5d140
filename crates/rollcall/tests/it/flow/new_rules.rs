//! What new rules would take away is asked about, at once or when its time has come.

use reconcile::principal::Name;
use rollcall::people::explain::View;
use rollcall::people::one::Leavers;
use rollcall::plans::decide::{Choice, approve, reject};
use rollcall::plans::keep_simulation;
use rollcall::source::onelogin::report::Calls;
use rollcall::store::connectors::settings::groups::EmptyGroups;
use rollcall::store::connectors::settings::leavers::Cleanup;
use rollcall::store::plans::PlanId;
use rollcall::with_pool;

use super::*;

impl World {
    pub(super) async fn edit(&mut self, edit: impl FnOnce(&mut ConnectorSettings)) {
        let mut settings = self.connector.settings.clone();
        edit(&mut settings);
        let act = somebody().act(Timestamp::now());
        let (db, before) = (&self.db, &self.connector);
        self.connector =
            connectors::edit(db, &seal(), before, "OneLogin", &settings, None, &act).await.unwrap();
    }

    fn leave(&self, ids: &[i64]) {
        for id in ids {
            self.sandbox.admin().delete_user(*id).unwrap();
        }
    }

    async fn approve(&self, plan: PlanId, choice: &Choice) -> bool {
        let act = somebody().act(Timestamp::now()).because("They left");
        approve(&self.db, plan, choice, &act).await.unwrap().tries_rules
    }

    async fn reject(&self, plan: PlanId, choice: &Choice) -> bool {
        let act = somebody().act(Timestamp::now()).because("They stay");
        reject(&self.db, plan, choice, None, &act).await.unwrap().tries_rules
    }

    /// Forty people, two of whom leave, by rules that delete them and were never tried.
    async fn with_two_to_delete(db: &Db) -> (World, Vec<i64>, PlanId) {
        let mut world = World::with(db, population(40), Options::quiet(7)).await;
        world.sync().await;
        let ids = world.ids();
        world.leave(&ids[..2]);
        world.edit(|it| it.cleanup = Cleanup::Delete).await;
        let held = world.sync().await;
        assert_eq!(objections(&held), [changed("2 removals are")]);
        (world, ids, held.plan.unwrap())
    }
}

fn only(seq: i64) -> Choice {
    Choice { only: vec![seq], ..Choice::default() }
}

fn objections(finished: &Finished) -> Vec<String> {
    let targets = finished.decision.targets.iter();
    targets.flat_map(|it| &it.held.objections).map(ToString::to_string).collect()
}

fn changed(removals: &str) -> String {
    format!("The rules of the connector have changed: {removals} asked about once.")
}

fn due(removals: &str) -> String {
    format!("Not asked about while the rules were new: {removals} asked about once.")
}

#[tokio::test]
async fn whoever_is_suspected_by_new_rules_is_asked_about_when_it_counts() {
    on_both(async |db| {
        let mut world = World::with(&db, population(40), Options::quiet(7)).await;
        world.edit(|it| it.leavers.grace_reads = 2).await;
        world.sync().await;
        let mut world = world.again().await;
        let ids = world.ids();
        let admin = world.sandbox.admin();
        let names: Vec<String> =
            ids[..2].iter().map(|id| admin.user(*id).unwrap().username.unwrap().into()).collect();
        let condition = format!("username not in {}", names.join(", "));
        world.edit(|it| it.source.scope.conditions = vec![condition]).await;
        let noticed = world.sync().await;
        assert_eq!(noticed.status, Status::Succeeded, "{}", noticed.message);
        let told: Vec<&str> =
            noticed.decision.targets[0].findings.iter().map(|it| &*it.message).collect();
        assert_eq!(told.len(), 2);
        assert!(
            told[0].ends_with("Then it is asked about, because the rules were new."),
            "{told:?}"
        );

        // Somebody else leaves by rules that count as tried.
        world.leave(&ids[9..10]);
        let decision = world.decide().await;
        assert_eq!(decision.targets[0].held.steps.len(), 2, "a simulation shows what a run does");
        let alone = ids[0].to_string();
        let explained = world.explain(&alone, View::Now).await;
        let lines = &explained.people[0].directories[0].explanation.stations.last().unwrap().lines;
        assert!(lines.iter().any(|it| it.contains(&due("1 removal is"))), "{lines:?}");
        let one = world.sync_alone(&alone, Leavers::CleanUp).await.unwrap();
        assert_eq!(one.status, Status::Held, "{}", one.message);

        let held = world.sync().await;
        assert_eq!(objections(&held), [due("2 removals are")]);
        let plan = held.plan.unwrap();
        assert_eq!(world.directory().await.active_users(), 40);
        let passed = world.sync().await;
        assert_eq!((passed.plan, objections(&passed)), (Some(plan), objections(&held)));
        let directory = world.directory().await;
        assert_eq!(directory.active_users(), 39, "whoever left by tried rules has gone");
        assert!(!directory.users[&external(ids[9])].active);

        world.approve(plan, &Choice::default()).await;
        let released = world.sync().await;
        assert_eq!(released.status, Status::Succeeded, "{}", released.message);
        assert_eq!(world.directory().await.active_users(), 37);
    })
    .await;
}

#[tokio::test]
async fn rules_are_new_again_once_others_have_changed_anything() {
    on_both(async |db| {
        let mut world = World::with(&db, population(40), Options::quiet(7)).await;
        let ids = world.ids();
        let admin = world.sandbox.admin();
        let name = |id: i64| String::from(admin.user(id).unwrap().username.unwrap());
        let names: Vec<String> = ids.iter().map(|id| name(*id)).collect();
        let but = |places: &[usize]| {
            let but: Vec<&str> = places.iter().map(|it| &*names[*it]).collect();
            vec![format!("username not in {}", but.join(", "))]
        };
        world.edit(|it| it.source.scope.conditions = but(&[0])).await;
        for _ in 0..2 {
            world.sync().await;
        }
        let mut world = world.again().await;
        // Others bring one and would take another away; with the way back what they brought would go.
        world.edit(|it| it.source.scope.conditions = but(&[1])).await;
        let held = world.sync().await;
        assert_eq!(objections(&held), [changed("1 removal is")]);
        assert_eq!(world.directory().await.active_users(), 40);
        world.edit(|it| it.source.scope.conditions = but(&[0])).await;
        for _ in 0..2 {
            let held = world.sync().await;
            assert_eq!(objections(&held), [changed("1 removal is")]);
        }
        assert_eq!(world.directory().await.active_users(), 40);
        let plan = world.sync().await.plan.unwrap();
        assert!(world.approve(plan, &Choice::default()).await, "they are tried again");
        world.sync().await;
        assert_eq!(world.directory().await.active_users(), 39);

        // What they did for one person alone is as good as a run; what they only held is nothing.
        world.edit(|it| it.cleanup = Cleanup::Delete).await;
        world.leave(&ids[9..10]);
        assert_eq!(world.sync().await.status, Status::Held);
        world.edit(|it| it.cleanup = Cleanup::Disable).await;
        world.sync().await;
        assert_eq!(world.directory().await.active_users(), 38);
        world.edit(|it| it.source.scope.conditions = but(&[1])).await;
        let one = world.sync_alone(&ids[0].to_string(), Leavers::Wait).await.unwrap();
        assert_eq!(one.status, Status::Succeeded, "{}", one.message);
        assert_eq!(world.directory().await.active_users(), 39);
        world.edit(|it| it.source.scope.conditions = but(&[0])).await;
        let held = world.sync().await;
        assert_eq!(objections(&held), [changed("1 removal is")]);
        assert_eq!(world.directory().await.active_users(), 39);
    })
    .await;
}

#[tokio::test]
async fn a_group_that_new_rules_empty_is_asked_about_when_its_days_are_over() {
    const LATER: &str = "update target_empty_groups set since = since - 518400000000";
    on_both(async |db| {
        let mut world = World::with(&db, population(40), Options::quiet(7)).await;
        world.edit(|it| it.empty_groups = EmptyGroups::Remove).await;
        world.edit(|it| it.groups.empty_days = 5).await;
        world.sync().await;
        let role = world.sandbox.admin().with_tenant(|tenant| {
            let (_, role) = tenant.roles().first_key_value().unwrap();
            role.name.clone()
        });
        let group = Name::new(&role);
        world.edit(|it| it.groups.except = vec![role]).await;
        let held = world.sync().await;
        assert_eq!(held.status, Status::Held, "{}", held.message);
        assert!(world.approve(held.plan.unwrap(), &Choice::default()).await);
        for _ in 0..2 {
            let emptied = world.sync().await;
            assert_eq!(emptied.status, Status::Succeeded, "{}", emptied.message);
            assert!(world.directory().await.groups[&group].is_empty());
        }
        with_pool!(&db, pool => {
            sqlx::query(LATER).execute(pool).await.unwrap();
        });
        let held = world.sync().await;
        assert_eq!(objections(&held), [due("1 removal is")]);
        assert!(world.directory().await.groups.contains_key(&group));
        world.approve(held.plan.unwrap(), &Choice::default()).await;
        world.sync().await;
        assert!(!world.directory().await.groups.contains_key(&group));
    })
    .await;
}

#[tokio::test]
async fn what_a_conflict_hides_from_new_rules_is_asked_about_when_it_shows() {
    on_both(async |db| {
        let mut world = World::with(&db, population(40), Options::quiet(7)).await;
        let ids = world.ids();
        let role = world.sandbox.admin().create_role("Solo").unwrap();
        world.sandbox.admin().add_role_member(role, ids[0]).unwrap();
        world.sync().await;
        let username = |world: &World, id| {
            String::from(world.sandbox.admin().user(id).unwrap().username.unwrap())
        };
        let (taken, own) = (username(&world, ids[0]), username(&world, ids[1]));
        let rename = |world: &World, to: &str| {
            world.sandbox.admin().update_user(ids[1], json!({ "username": to })).unwrap();
        };
        rename(&world, &taken);
        world.edit(|it| it.groups.except = vec!["Solo".to_owned()]).await;
        for _ in 0..2 {
            let hidden = world.sync().await;
            assert_eq!(hidden.status, Status::SucceededWithSkips, "{}", hidden.message);
        }
        rename(&world, &own);
        let solo = Name::new("Solo");
        for _ in 0..2 {
            let held = world.sync().await;
            assert_eq!(objections(&held), [due("1 removal is")]);
            assert_eq!(world.directory().await.groups[&solo].len(), 1);
        }
        let held = world.sync().await;
        world.approve(held.plan.unwrap(), &Choice::default()).await;
        let released = world.sync().await;
        assert_eq!(released.status, Status::Succeeded, "{}", released.message);
        assert!(world.directory().await.groups.get(&solo).is_none_or(BTreeSet::is_empty));
        // It was asked about once: what comes next is theirs by tried rules.
        world.sync().await;
        world.sandbox.admin().update_user(ids[0], json!({ "role_ids": [] })).unwrap();
        let next = world.sync().await;
        assert_eq!(next.status, Status::Succeeded, "{}", next.message);
    })
    .await;
}

#[tokio::test]
async fn a_plan_that_is_decided_as_a_whole_makes_its_rules_tried() {
    on_both(async |db| {
        let (world, ids, plan) = World::with_two_to_delete(&db).await;
        assert!(world.approve(plan, &Choice::default()).await);
        // Somebody leaves between the decision and its run.
        world.leave(&ids[9..10]);
        let passed = world.sync().await;
        assert_eq!(passed.status, Status::Succeeded, "{}", passed.message);
        assert_eq!(world.directory().await.users.len(), 37);
    })
    .await;
}

#[tokio::test]
async fn a_part_of_a_plan_makes_no_rules_tried_until_the_rest_is_decided() {
    on_both(async |db| {
        let (world, ids, plan) = World::with_two_to_delete(&db).await;
        assert!(!world.approve(plan, &only(1)).await);
        world.leave(&ids[9..10]);
        let held = world.sync().await;
        assert_eq!(objections(&held)[0], changed("2 removals are"));
        assert_eq!(world.directory().await.users.len(), 39);
        // One of the two is left out of what was approved, the other is new.
        let rest = held.plan.unwrap();
        assert!(!world.reject(rest, &only(1)).await);
        assert!(world.approve(rest, &only(2)).await);
        world.leave(&ids[10..11]);
        let passed = world.sync().await;
        assert_eq!(passed.status, Status::Succeeded, "{}", passed.message);
        assert_eq!(world.directory().await.users.len(), 37);
    })
    .await;
}

#[tokio::test]
async fn whoever_rejects_all_that_new_rules_would_take_is_asked_about_what_comes_next() {
    on_both(async |db| {
        let (world, ids, plan) = World::with_two_to_delete(&db).await;
        assert!(!world.reject(plan, &Choice::default()).await);
        let nothing = world.sync().await;
        assert_eq!(nothing.status, Status::Succeeded, "{}", nothing.message);
        world.leave(&ids[9..10]);
        let held = world.sync().await;
        assert_eq!(objections(&held), [changed("1 removal is")]);
        assert_eq!(world.directory().await.users.len(), 40);
        assert!(world.approve(held.plan.unwrap(), &Choice::default()).await);
        world.leave(&ids[10..11]);
        let passed = world.sync().await;
        assert_eq!(passed.status, Status::Succeeded, "{}", passed.message);
        assert_eq!(world.directory().await.users.len(), 38, "two have gone and two stay");
    })
    .await;
}

#[tokio::test]
async fn a_simulation_and_a_plan_that_is_over_make_no_rules_tried() {
    on_both(async |db| {
        let (world, ids, plan) = World::with_two_to_delete(&db).await;
        let decision = world.decide().await;
        let simulated =
            keep_simulation(&db, &world.connector, &decision, &Calls::default(), "ada").await;
        assert!(!world.reject(plan, &Choice::default()).await);
        world.leave(&ids[9..10]);
        let held = world.sync().await;
        assert_eq!(objections(&held), [changed("1 removal is")]);

        // Neither knows of whoever left since.
        assert!(!world.approve(plan, &only(1)).await);
        assert!(!world.approve(simulated.unwrap(), &Choice::default()).await);
        let held = world.sync().await;
        assert_eq!(objections(&held), [changed("1 removal is")]);
        assert_eq!(world.directory().await.users.len(), 38, "both were approved, in the end");
        assert!(world.approve(held.plan.unwrap(), &Choice::default()).await);
    })
    .await;
}
