//! One person synced alone while a run of everybody waits in the middle.

use std::time::{Duration, Instant};

use serde_json::json;

use super::{World, end};

/// The run has decided and has not published. What is found of somebody meanwhile is newer than what
/// it has read: it must neither fail nor undo that.
#[tokio::test(flavor = "multi_thread")]
async fn whoever_is_synced_alone_while_a_run_is_under_way_stays_and_the_run_ends_well() {
    for world in [World::on_sqlite(Duration::ZERO).await, World::on_postgres(Duration::ZERO).await]
    {
        world.expect(0, &["sync", "OneLogin"]).await;
        let admin = world.sandbox.admin();
        let ids = admin.with_tenant(|tenant| tenant.user_ids().to_vec());
        for (id, name) in [(ids[0], "Before"), (ids[1], "Other")] {
            admin.update_user(id, json!({ "lastname": name })).unwrap();
        }
        let run = world.waiting_at("decided", &["sync", "OneLogin"]).await;

        admin.update_user(ids[0], json!({ "lastname": "After" })).unwrap();
        let role = admin.user(ids[0]).unwrap().role_ids.first().copied();
        let newcomer = sandbox::onelogin::User {
            username: Some("new.one".into()),
            email: Some("new.one@acme.test".into()),
            status: 1,
            state: 1,
            ..Default::default()
        };
        let newcomer = admin.create_user(newcomer).unwrap();
        if let Some(role) = role {
            admin.add_role_member(role, newcomer).unwrap();
        }
        let told = world.expect(0, &["user", "sync", "OneLogin", &ids[0].to_string()]).await;
        assert!(told.contains("After") && told.contains("Run 3 succeeded."), "{told}");
        let told = world.expect(0, &["user", "sync", "OneLogin", "new.one"]).await;
        assert!(told.contains("+ create new.one") || told.contains("create"), "{told}");

        let (code, told) = run.end().await;
        assert_eq!(code, Some(0), "{told}");
        assert_eq!(world.statuses().await, ["succeeded"; 4]);
        world.is_in_step().await;
        let log = world.expect(0, &["run", "logs", "2"]).await;
        assert!(log.contains("synced alone meanwhile"), "{log}");
        world.end().await;
    }
}

/// The moments are those in which a sync of one person meets [`rollcall::run::moment`], in their order.
#[tokio::test(flavor = "multi_thread")]
async fn a_sync_of_one_that_is_killed_at_any_moment_leaves_all_or_nothing() {
    let moments = ["one-begun", "one-decided", "one-published", "one-recorded", "one-committed"];
    let mut checks = tokio::task::JoinSet::new();
    for moment in moments {
        checks
            .spawn(async move { killed_at(World::on_sqlite(Duration::ZERO).await, moment).await });
        checks.spawn(
            async move { killed_at(World::on_postgres(Duration::ZERO).await, moment).await },
        );
    }
    checks.join_all().await;
}

async fn killed_at(world: World, moment: &str) {
    world.expect(0, &["sync", "OneLogin"]).await;
    let admin = world.sandbox.admin();
    let id = admin.with_tenant(|tenant| tenant.user_ids()[0]);
    admin.update_user(id, json!({ "lastname": "New" })).unwrap();
    let id = id.to_string();
    let sync = ["user", "sync", "OneLogin", &id];
    let mut command = world.command(&sync);
    let killed = command.env("ROLLCALL_KILL_AT", moment).spawn().unwrap();
    assert_eq!(end(killed).await.0, None, "it was to be killed when {moment}");
    let is_done = moment == "one-committed";
    let left = if is_done { 0 } else { 2 };
    world.expect(left, &["simulate", "OneLogin", "--detailed-exitcode"]).await;
    // Nobody has to wait for the one that is dead.
    world.expect(0, &sync).await;
    world.is_in_step().await;
    let first = if is_done { "succeeded" } else { "failed" };
    let began = Instant::now();
    while world.statuses().await != ["succeeded", first, "succeeded"] {
        assert!(
            began.elapsed() < Duration::from_secs(30),
            "{moment}: {:?}",
            world.statuses().await
        );
        tokio::time::sleep(Duration::from_millis(300)).await;
    }
    if !is_done {
        let run = world.json(&["run", "show", "2"]).await;
        let message = run["message"].as_str().unwrap();
        assert!(message.contains("Nothing was changed"), "{message}");
        assert!(
            message.ends_with(&format!("`rollcall user sync \"OneLogin\" {id}`.")),
            "{message}"
        );
        let told = world.expect(64, &["run", "retry", "2"]).await;
        assert!(told.contains("one person alone"), "{told}");
    }
    world.end().await;
}

/// Somebody else publishes between the question and the answer: OneLogin is asked again.
#[tokio::test(flavor = "multi_thread")]
async fn a_sync_of_one_that_was_overtaken_asks_again_and_undoes_nothing() {
    for world in [World::on_sqlite(Duration::ZERO).await, World::on_postgres(Duration::ZERO).await]
    {
        world.expect(0, &["sync", "OneLogin"]).await;
        let admin = world.sandbox.admin();
        let ids = admin.with_tenant(|tenant| tenant.user_ids().to_vec());
        let id = ids[0].to_string();
        admin.update_user(ids[0], json!({ "lastname": "Before" })).unwrap();
        let sync = ["user", "sync", "OneLogin", &id];
        let overtaken = world.waiting_at("one-decided", &sync).await;

        admin.update_user(ids[0], json!({ "lastname": "After" })).unwrap();
        world.expect(0, &["sync", "OneLogin"]).await;
        // It waits a second time, with what it is told then.
        overtaken.go_on();
        world.until(async || overtaken.file.exists()).await;
        let (code, told) = overtaken.end().await;
        assert_eq!(code, Some(0), "{told}");
        assert!(told.contains("Everything already matches."), "{told}");
        world.is_in_step().await;
        world.end().await;
    }
}

/// The run has decided to make a group of a new role. Somebody else makes one of that name first, and
/// whoever has the role does not get into it.
#[tokio::test(flavor = "multi_thread")]
async fn a_local_group_that_is_made_while_a_run_waits_stays_as_it_was_made() {
    for world in [World::on_sqlite(Duration::ZERO).await, World::on_postgres(Duration::ZERO).await]
    {
        world.expect(0, &["sync", "OneLogin"]).await;
        let admin = world.sandbox.admin();
        let ids = admin.with_tenant(|tenant| tenant.user_ids().to_vec());
        let role = admin.create_role("board").unwrap();
        admin.add_role_member(role, ids[0]).unwrap();
        admin.update_user(ids[1], json!({ "lastname": "New" })).unwrap();
        let run = world.waiting_at("decided", &["sync", "OneLogin"]).await;

        world.expect(0, &["group", "create", "jira", "board"]).await;
        world.expect(0, &["group", "add", "jira", "board", &ids[2].to_string()]).await;

        let (code, told) = run.end().await;
        assert_eq!(code, Some(0), "{told}");
        let shown = world.json(&["group", "show", "jira", "board"]).await;
        assert_eq!((&shown["local"], &shown["members"]), (&json!(true), &json!(1)));
        let shown = world.json(&["user", "show", "jira", &ids[1].to_string()]).await;
        assert_eq!(shown["last_name"], "New");
        let log = world.expect(0, &["run", "logs", "2"]).await;
        assert!(log.contains("A local group was changed by hand meanwhile"), "{log}");
        world.end().await;
    }
}
