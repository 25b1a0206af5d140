//! One person is explained and synced as a run would treat them, whatever the rules are.

use reconcile::explain::Verdict;
use reconcile::explain::group::GroupAnswer;
use reconcile::principal::Name;
use rollcall::people::PeopleError;
use rollcall::people::explain::{self, Asked, Explained, View};
use rollcall::people::one::{self, Leavers};
use rollcall::store::connectors::settings::leavers::Cleanup;
use rollcall::store::reads;
use sandbox::onelogin::User;

use super::*;

impl World {
    /// What a run would do to one person, by their key.
    async fn planned(&self, id: &ExternalId) -> Vec<String> {
        let decision = self.decide().await;
        let target = &decision.targets[0];
        let steps = target.approved.steps().iter().chain(&target.held.steps);
        let theirs = steps.filter(|it| it.change.user().is_some_and(|user| user.id == *id));
        theirs.map(ToString::to_string).collect()
    }

    /// Asserts that it is told of one person, and of them what a run would do.
    async fn told_as_by_a_run(&self, user: &str, id: &ExternalId, views: &[View]) {
        let planned = self.planned(id).await;
        for view in views {
            let explained = self.explain(user, *view).await;
            let [person] = &explained.people[..] else { panic!("{user}: {:?}", explained.people) };
            assert_eq!(person.id, *id, "{user}");
            let explanation = &person.directories[0].explanation;
            let steps = explanation.plan.steps.iter().filter(|it| it.change.user().is_some());
            let steps: Vec<String> = steps.map(ToString::to_string).collect();
            assert_eq!(steps, planned, "{user}, {view:?}: {:?}", explanation.stations);
        }
    }

    /// Of a person without an account: that nothing is done, and what is found odd.
    async fn left_alone(&self, user: &str, why: &str) {
        let synced = self.sync_alone(user, Leavers::Wait).await.unwrap();
        let target = &synced.person.decision.targets[0];
        assert!(target.approved.steps().is_empty(), "{:?}", target.approved.steps());
        let [finding] = &target.findings[..] else { panic!("{:?}", target.findings) };
        assert!(finding.message.contains(why), "{}", finding.message);
    }

    fn newcomer(&self, username: Option<&str>, email: &str, department: &str) -> i64 {
        let text = |it: &str| Some(it.to_owned().into());
        let username = username.and_then(text);
        let (email, department) = (text(email), text(department));
        self.sandbox
            .admin()
            .create_user(User { username, email, department, ..User::active() })
            .unwrap()
    }

    async fn about_group(&self, user: &str, group: &str) -> GroupAnswer {
        let asked = Asked { user, group: Some(group) };
        let view = View::Now;
        let explained: Explained =
            Box::pin(explain::explain(&self.db, &self.ready(), asked, view)).await.unwrap();
        let mut people = explained.people.into_iter();
        let person = people.next().unwrap();
        person.directories.into_iter().next().unwrap().group.unwrap()
    }
}

const NOW: &[View] = &[View::Now];
const BOTH: &[View] = &[View::Now, View::LastRead];

#[tokio::test]
async fn somebody_of_another_key_is_explained_and_synced_as_by_a_run() {
    on_both(async |db| {
        let mut world = World::with(&db, population(30), Options::quiet(7)).await;
        world.connector.settings.mapping.key = Some("department | trim".to_owned());
        let ids = world.ids();
        for id in &ids {
            let department = json!({ "department": format!("D{id}") });
            world.sandbox.admin().update_user(*id, department).unwrap();
        }
        world.sync().await;
        let world = world.again().await;
        let key = |at: usize| ExternalId::new(&format!("department:d{}", ids[at]));
        let admin = world.sandbox.admin();
        let username = |at: usize| world_username(&world, ids[at]);
        world.told_as_by_a_run(&ids[0].to_string(), &key(0), BOTH).await;

        // As she is now, by her OneLogin id, her username and her key.
        admin.update_user(ids[0], json!({ "firstname": "Changed" })).unwrap();
        for user in [ids[0].to_string(), username(0), key(0).to_string()] {
            world.told_as_by_a_run(&user, &key(0), NOW).await;
        }
        world.sync_alone(&username(0), Leavers::Wait).await.unwrap();
        assert_eq!(&*world.directory().await.users[&key(0)].first_name, "Changed");
        assert_eq!(world.planned(&key(0)).await, Vec::<String>::new());

        // Whoever is gone is asked for by OneLogin's id.
        let gone = username(1);
        admin.delete_user(ids[1]).unwrap();
        world.told_as_by_a_run(&gone, &key(1), NOW).await;
        let synced = world.sync_alone(&gone, Leavers::CleanUp).await.unwrap();
        assert!(!world.directory().await.users[&key(1)].active, "{}", synced.message);
        world.sync().await;
        assert_eq!(world.planned(&key(1)).await, Vec::<String>::new());

        // Somebody new gets the key, and somebody new of a colleague's key gets nothing.
        let newcomer = world.newcomer(Some("new.one"), "new.one@acme.test", "D-new");
        let id = ExternalId::new("department:d-new");
        world.told_as_by_a_run("new.one", &id, NOW).await;
        world.sync_alone("new.one", Leavers::Wait).await.unwrap();
        let user = world.directory().await.users[&id].clone();
        assert_eq!(user.source_id(), &external(newcomer));
        assert_eq!(world.planned(&id).await, Vec::<String>::new());
        let department = format!("d{}", ids[3]);
        world.newcomer(Some("new.two"), "new.two@acme.test", &department);
        world.left_alone("new.two", "Neither of them is touched").await;
        world.told_as_by_a_run("new.two", &key(3), NOW).await;
        world.told_as_by_a_run(&username(3), &key(3), NOW).await;
    })
    .await;
}

fn world_username(world: &World, id: i64) -> String {
    world.sandbox.admin().user(id).unwrap().username.unwrap().into_owned()
}

#[tokio::test]
async fn two_whom_rows_give_one_username_are_left_alone_by_whoever_asks_about_one() {
    on_both(async |db| {
        let mut world = World::with(&db, population(20), Options::quiet(7)).await;
        let rows = ["username = email | strip-domain | lower; otherwise skip".to_owned()];
        world.connector.settings.mapping.rows = rows.to_vec();
        let one = world.newcomer(Some("e1"), "Eve@one.test", "");
        let other = world.newcomer(Some("e2"), "eve@two.test", "");
        world.sync().await;
        let world = world.again().await;
        for (user, id) in [("e1", one), ("e2", other)] {
            world.left_alone(user, "map to one username").await;
            world.told_as_by_a_run(user, &external(id), BOTH).await;
        }
        // The read is old: whoever was in the way is asked for as they are now.
        world.sandbox.admin().update_user(other, json!({ "email": "liz@two.test" })).unwrap();
        world.told_as_by_a_run("e1", &external(one), NOW).await;
        world.sync_alone("e1", Leavers::Wait).await.unwrap();
        let user = world.directory().await.users[&external(one)].clone();
        assert_eq!(user.username, Name::new("eve"));
        assert_eq!(world.planned(&external(one)).await, Vec::<String>::new());

        // Nothing tells of the others: nothing is done.
        let mut tx = db.begin().await.unwrap();
        reads::forget_all(&mut tx, world.connector.id).await.unwrap();
        tx.commit().await.unwrap();
        let refused = world.sync_alone("e2", Leavers::Wait).await;
        assert!(matches!(refused, Err(PeopleError::NoRead { .. })), "{refused:?}");
        let explained = world.explain("e2", View::Now).await;
        let remark = &explained.people[0].remarks[0];
        assert!(remark.contains("could not be told"), "{remark}");
    })
    .await;
}

#[tokio::test]
async fn somebody_whose_e_mail_is_the_username_of_another_is_left_alone() {
    on_both(async |db| {
        let world = World::with(&db, population(10), Options::quiet(7)).await;
        world.sync().await;
        let world = world.again().await;
        let one = world.newcomer(None, "same@acme.test", "");
        let other = world.newcomer(Some("Same@acme.test"), "other@acme.test", "");
        for id in [one, other] {
            world.left_alone(&id.to_string(), "map to one username").await;
            world.told_as_by_a_run(&id.to_string(), &external(id), NOW).await;
        }
    })
    .await;
}

#[tokio::test]
async fn two_who_swap_usernames_are_told_what_a_run_does() {
    on_both(async |db| {
        let world = World::with(&db, population(10), Options::quiet(7)).await;
        world.sync().await;
        let world = world.again().await;
        let ids = world.ids();
        let names = [world_username(&world, ids[0]), world_username(&world, ids[1])];
        let admin = world.sandbox.admin();
        admin.update_user(ids[0], json!({ "username": "in.between" })).unwrap();
        admin.update_user(ids[1], json!({ "username": names[0] })).unwrap();
        admin.update_user(ids[0], json!({ "username": names[1] })).unwrap();
        assert_eq!(world.planned(&external(ids[0])).await.len(), 1);
        world.told_as_by_a_run(&ids[0].to_string(), &external(ids[0]), NOW).await;
        // Alone, she cannot have it yet.
        world.left_alone(&ids[0].to_string(), "which keeps it").await;
        world.sync().await;
        let users = world.directory().await.users;
        assert_eq!(users[&external(ids[0])].username, Name::new(&names[1]));
    })
    .await;
}

#[tokio::test]
async fn new_rules_ask_once_whether_everybody_is_synced_or_one_person() {
    on_both(async |db| {
        let mut world = World::with(&db, population(30), Options::quiet(7)).await.again().await;
        world.sync().await;
        world = world.again().await;
        let (id, admin) = (world.ids()[0], world.sandbox.admin());
        let roles = admin.user(id).unwrap().role_ids;
        world.connector.settings.groups.always = vec!["licensed".to_owned()];
        let licensed = Name::new("licensed");
        admin.update_user(id, json!({ "role_ids": [] })).unwrap();
        let before = told(&world.directory().await).len();
        let held = world.sync_alone(&id.to_string(), Leavers::Wait).await.unwrap();
        assert_eq!(held.status, Status::Held, "{}", held.message);
        let target = &held.person.decision.targets[0];
        assert_eq!(target.held.objections.len(), 1, "{:?}", target.held.objections);
        assert_eq!(target.held.steps.len(), roles.len());
        let directory = world.directory().await;
        assert!(directory.is_member(&licensed, &external(id)), "what is added is not held");
        assert_eq!(told(&directory).len(), before);
        let explained = world.explain(&id.to_string(), View::Now).await;
        let decision = explained.people[0].directories[0].explanation.stations.last().unwrap();
        let is_told = |it: &String| it.contains("The rules of the connector have changed");
        assert!(decision.lines.iter().any(is_told), "{decision:?}");

        // A run by them that has nothing to take away makes them tried.
        admin.update_user(id, json!({ "role_ids": roles })).unwrap();
        assert_eq!(world.sync().await.status, Status::Succeeded);
        admin.update_user(id, json!({ "role_ids": [] })).unwrap();
        let passed = world.sync_alone(&id.to_string(), Leavers::Wait).await.unwrap();
        assert_eq!(passed.status, Status::Succeeded, "{}", passed.message);
        assert_eq!(world.planned(&external(id)).await, Vec::<String>::new());
    })
    .await;
}

#[tokio::test]
async fn a_sync_of_one_person_that_was_taken_back_is_not_done_again() {
    on_both(async |db| {
        let world = World::new(&db, 30).await;
        world.sync().await;
        let world = world.again().await;
        let (ids, admin) = (world.ids(), world.sandbox.admin());
        let before = told(&world.directory().await);
        for id in &ids[..2] {
            admin.update_user(*id, json!({ "role_ids": [], "status": 2 })).unwrap();
        }
        let mut alone = Vec::new();
        for id in &ids[..2] {
            alone.push(world.sync_alone(&id.to_string(), Leavers::Wait).await.unwrap().run);
        }
        let after = told(&world.directory().await);
        assert_ne!(after, before);
        world.undo(alone[0], false).await;
        world.undo(alone[1], true).await;
        assert_eq!(told(&world.directory().await), before);

        let run = world.sync().await;
        let now = told(&world.directory().await);
        assert_eq!((&now[0], &now[1]), (&before[0], &after[1]), "{}", run.message);
        // Neither is it done by a sync of her alone, until OneLogin says something else of her.
        world.sync_alone(&ids[0].to_string(), Leavers::Wait).await.unwrap();
        assert_eq!(told(&world.directory().await)[0], before[0]);
        admin.update_user(ids[0], json!({ "lastname": "Other" })).unwrap();
        world.sync_alone(&ids[0].to_string(), Leavers::Wait).await.unwrap();
        assert_eq!(told(&world.directory().await)[0], after[0]);
    })
    .await;
}

#[tokio::test]
async fn what_was_seen_of_one_person_is_done_and_nothing_else() {
    on_both(async |db| {
        let world = World::with(&db, population(10), Options::quiet(7)).await;
        world.sync().await;
        let world = world.again().await;
        let (id, admin) = (world.ids()[0], world.sandbox.admin());
        let (user, leavers) = (id.to_string(), Leavers::Wait);
        admin.update_user(id, json!({ "firstname": "Seen" })).unwrap();
        let ready = world.ready();
        let simulated = Box::pin(one::simulate(&db, &ready, &user, leavers)).await.unwrap();
        let seen = simulated.fingerprint();
        admin.update_user(id, json!({ "firstname": "Unseen" })).unwrap();
        let runs_before = runs::list(&db, None, 9).await.unwrap().len();
        let refused = world.sync_as_seen(&user, leavers, Some(&seen)).await;
        assert!(matches!(refused, Err(PeopleError::Changed)), "{refused:?}");
        assert_eq!(runs::list(&db, None, 9).await.unwrap().len(), runs_before);
        admin.update_user(id, json!({ "firstname": "Seen" })).unwrap();
        world.sync_as_seen(&user, leavers, Some(&seen)).await.unwrap();
        assert_eq!(&*world.directory().await.users[&external(id)].first_name, "Seen");
    })
    .await;
}

#[tokio::test]
async fn several_who_match_are_told_apart_and_whoever_is_gone_is_known_by_the_history() {
    on_both(async |db| {
        let mut world = World::with(&db, population(10), Options::quiet(7)).await;
        world.connector.settings.cleanup = Cleanup::Delete;
        world.connector.settings.mapping.key = Some("department".to_owned());
        for id in world.ids() {
            let department = json!({ "department": format!("D{id}") });
            world.sandbox.admin().update_user(id, department).unwrap();
        }
        let one = world.newcomer(Some("t1"), "twin@acme.test", "x1");
        let other = world.newcomer(Some("t2"), "Twin@acme.test", "x2");
        world.sync().await;
        let world = world.again().await;
        for view in BOTH {
            let explained = world.explain("twin@acme.test", *view).await;
            let ids: Vec<ExternalId> =
                explained.people.iter().map(|it| it.source_id.clone()).collect();
            assert_eq!(ids, [external(one), external(other)], "{view:?}");
        }
        let refused = world.sync_alone("twin@acme.test", Leavers::Wait).await.unwrap_err();
        let ids = format!("{one}, {other}");
        assert!(refused.to_string().contains(&ids), "{refused}");

        world.sandbox.admin().delete_user(one).unwrap();
        world.sync().await;
        let key = ExternalId::new("department:x1");
        assert!(!world.directory().await.users.contains_key(&key));
        for user in ["t1", "department:x1"] {
            let explained = world.explain(user, View::Now).await;
            let [person] = &explained.people[..] else { panic!("{:?}", explained.people) };
            assert_eq!((&person.id, &person.source_id), (&key, &external(one)), "{user}");
            assert_eq!(person.remarks, ["They are known from earlier runs alone."]);
            assert_eq!(person.last_changes[0].1.kind, "remove");
        }
    })
    .await;
}

#[tokio::test]
async fn why_not_in_a_group_is_told_of_the_directory_and_of_the_source() {
    on_both(async |db| {
        let mut world = World::with(&db, population(20), Options::quiet(7)).await;
        let role = world.sandbox.admin().create_role("Night shift").unwrap();
        world.sync().await;
        let (id, admin) = (world.ids()[0], world.sandbox.admin());
        let user = id.to_string();
        let lacks = world.about_group(&user, "night SHIFT").await;
        assert_eq!(lacks.verdict, Verdict::No);
        assert_eq!(lacks.fixes, ["give them role \"Night shift\" in the source"]);
        let near = world.about_group(&user, "Night shifts").await;
        assert!(near.lines.concat().contains("Did you mean \"Night shift\"?"), "{near:?}");

        admin.add_role_member(role, id).unwrap();
        assert_eq!(world.about_group(&user, "Night shift").await.verdict, Verdict::Note);
        world.connector.settings.groups.except = vec!["night*".to_owned()];
        let kept_out = world.about_group(&user, "Night shift").await;
        assert_eq!(kept_out.fixes, ["take \"night*\" off the groups that are left out"]);
        world.connector.settings.groups.except.clear();
        world.sync().await;
        assert_eq!(world.about_group(&user, "Night shift").await.verdict, Verdict::Yes);

        // An entry of member_of that only others have is known of by the last read.
        world.connector.settings.source.groups_from.insert(GroupSource::MemberOf);
        admin.update_user(world.ids()[1], json!({ "member_of": "CN=Board,OU=x" })).unwrap();
        world.sync().await;
        let board = world.about_group(&user, "board").await;
        assert_eq!(board.fixes.len(), 1, "{board:?}");
        assert!(board.lines.concat().contains("which they do not have"), "{board:?}");
    })
    .await;
}
