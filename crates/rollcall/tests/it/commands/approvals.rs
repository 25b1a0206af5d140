//! Held plans, simulations that are applied exactly, and runs that are taken back.

use std::process::{Command, Stdio};

use sandbox::onelogin::{Fault, Kind, When};
use serde_json::{Value, json};

use super::{Installation, ROLLCALL, text};
use crate::databases::Database;

impl Installation {
    fn ids(&self) -> Vec<i64> {
        self.sandbox.admin().with_tenant(|tenant| tenant.user_ids().to_vec())
    }

    /// Four people leave, which is more than a run may take on its own.
    async fn with_a_held_plan() -> (Installation, Vec<i64>) {
        let it = Installation::new(40, true).await;
        it.expect(0, &["sync", "OneLogin"]).await;
        let ids = it.ids();
        for id in ids.iter().take(4) {
            it.sandbox.admin().delete_user(*id).unwrap();
        }
        it.expect(3, &["sync", "OneLogin"]).await;
        (it, ids)
    }

    async fn active(&self) -> u64 {
        self.json(0, &["target", "show", "jira"]).await["active_users"].as_u64().unwrap()
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_part_is_approved_the_rest_is_left_out_and_then_rejected() {
    let (it, _) = Installation::with_a_held_plan().await;
    let listed = it.json(0, &["plan", "list"]).await;
    assert_eq!(listed["plans"][0]["id"], 1);
    assert_eq!(listed["plans"][0]["status"], "waiting");
    let shown = it.json(0, &["plan", "show", "1"]).await;
    assert_eq!(shown["changes"].as_array().unwrap().len(), 4);
    assert_eq!(shown["causes"][0]["title"], "4 deactivations: gone, asked for by id");
    assert_eq!(shown["objections"][0]["kind"], "deactivations");
    let text = it.expect(0, &["plan", "show", "1"]).await;
    assert!(text.contains("! 4 people would be deactivated (limit 3)."), "{text}");
    assert!(text.contains("1      4 deactivations: gone, asked for by id"), "{text}");

    let told =
        it.expect(0, &["plan", "approve", "1", "--only", "1,3", "--reason", "Left in May"]).await;
    assert!(told.contains("2 changes of plan 1 are approved"), "{told}");
    assert!(told.contains("2 changes are left out"), "{told}");
    // They wait as before.
    let listed = it.json(0, &["plan", "list"]).await["plans"][0].clone();
    assert_eq!(
        (&listed["status"], &listed["waiting"], &listed["approved"]),
        (&json!("waiting"), &json!(2), &json!(2))
    );
    for command in [["plan", "list"].as_slice(), &["plan", "show", "1"]] {
        let told = it.expect(0, command).await;
        let left = "2 changes wait for a decision. 2 changes are approved and wait for a run.";
        assert!(told.contains(left), "{command:?}: {told}");
    }
    let told = it.expect(7, &["plan", "approve", "1", "--only", "3", "--reason", "Again"]).await;
    assert!(told.contains("Change 3 of plan 1 was decided by"), "{told}");

    // Exactly the three are released; the others wait although they are below the limit now.
    let told = it.expect(3, &["sync", "OneLogin"]).await;
    assert!(told.contains("2 deactivations, 2 deactivations held"), "{told}");
    assert!(told.contains("2 changes were left out when others were decided."), "{told}");
    assert_eq!(it.active().await, 38);
    let shown = it.json(0, &["plan", "show", "1"]).await;
    assert_eq!(shown["status"], "applied");
    assert_eq!(shown["message"], "Run 3 made 2 approved changes.");

    let told = it.expect(0, &["plan", "reject", "2", "--reason", "They come back"]).await;
    assert!(told.contains("2 changes of plan 2 are rejected"), "{told}");
    let told = it.expect(0, &["sync", "OneLogin"]).await;
    let alone =
        "Everything else already matches. 2 changes are left alone because somebody rejected";
    assert!(told.contains(alone), "{told}");
    assert_eq!(it.active().await, 38);
    assert_eq!(it.json(0, &["plan", "list"]).await["plans"], json!([]));

    // Somebody who changes their mind names what they rejected.
    let approve = ["plan", "approve", "2", "--reason", "They do not"];
    let told = it.expect(7, &approve).await;
    assert!(told.contains("Plan 2 is rejected."), "{told}");
    it.expect(0, &[&approve[..], &["--only", "1,2", "--run"]].concat()).await;
    assert_eq!(it.active().await, 36);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_left_of_a_plan_waits_where_a_part_of_it_is_rejected() {
    let (it, _) = Installation::with_a_held_plan().await;
    let told = it.expect(0, &["plan", "reject", "1", "--only", "1", "--reason", "Stays"]).await;
    assert!(told.contains("3 changes are waiting."), "{told}");
    // The three are within the limit, and nobody has said yes to them.
    for _ in 0..2 {
        let told = it.expect(3, &["sync", "OneLogin"]).await;
        assert!(told.contains("3 deactivations held"), "{told}");
        assert!(told.contains("3 changes were left out when others were decided."), "{told}");
    }
    assert_eq!(it.active().await, 40);
    it.expect(0, &["plan", "approve", "2", "--reason", "Left in May", "--run"]).await;
    assert_eq!(it.active().await, 37);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_source_that_heals_supersedes_the_plan() {
    let it = Installation::new(40, true).await;
    it.expect(0, &["sync", "OneLogin"]).await;
    let ids = it.ids();
    for id in ids.iter().take(5) {
        it.sandbox.admin().update_user(*id, json!({ "status": 2 })).unwrap();
    }
    it.expect(3, &["sync", "OneLogin"]).await;
    for id in ids.iter().take(5) {
        it.sandbox.admin().update_user(*id, json!({ "status": 1 })).unwrap();
    }
    it.expect(0, &["sync", "OneLogin"]).await;
    let told = it.expect(7, &["plan", "approve", "1", "--reason", "Late"]).await;
    assert!(told.contains("Plan 1 is superseded. Run 3 no longer proposes it."), "{told}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_rejection_is_lifted_when_the_source_says_something_else_of_the_person() {
    let it = Installation::new(40, true).await;
    it.expect(0, &["sync", "OneLogin"]).await;
    let ids = it.ids();
    for id in ids.iter().take(5) {
        it.sandbox.admin().update_user(*id, json!({ "status": 2 })).unwrap();
    }
    it.expect(3, &["sync", "OneLogin"]).await;
    it.expect(0, &["plan", "reject", "1", "--reason", "A mistake", "--until", "7d"]).await;
    it.expect(0, &["sync", "OneLogin"]).await;
    assert_eq!(it.active().await, 40);
    // Of one of them it says something else, which is one and so passes.
    it.sandbox.admin().update_user(ids[0], json!({ "status": 7 })).unwrap();
    it.expect(0, &["sync", "OneLogin"]).await;
    assert_eq!(it.active().await, 39);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_simulation_is_applied_exactly_or_not_at_all() {
    let it = Installation::new(20, true).await;
    let simulated = it.json(0, &["simulate", "OneLogin"]).await;
    assert_eq!(simulated["plan"], 1);
    let ids = it.ids();
    it.sandbox.admin().update_user(ids[0], json!({ "email": "new@acme.example" })).unwrap();
    let told = it.expect(7, &["sync", "OneLogin", "--plan", "1"]).await;
    assert!(told.contains("Plan 1 is stale"), "{told}");
    assert!(told.contains("new:     + create") && told.contains("missing: + create"), "{told}");
    assert_eq!(it.active().await, 0, "nothing was applied");

    it.json(0, &["simulate", "OneLogin"]).await;
    it.expect(0, &["sync", "OneLogin", "--plan", "2"]).await;
    assert_eq!(it.active().await, 20);
    let told = it.expect(7, &["sync", "OneLogin", "--plan", "2"]).await;
    assert!(told.contains("Plan 2 is applied"), "{told}");
    it.expect(64, &["sync", "OneLogin", "--plan", "99"]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_simulation_is_not_applied_for_another_reason() {
    let it = Installation::new(40, true).await;
    it.expect(0, &["sync", "OneLogin"]).await;
    let id = it.ids()[0];
    it.sandbox.admin().update_user(id, json!({ "status": 2 })).unwrap();
    it.json(0, &["simulate", "OneLogin"]).await;
    it.sandbox.admin().delete_user(id).unwrap();
    let told = it.expect(7, &["sync", "OneLogin", "--plan", "1"]).await;
    assert!(told.contains("(gone, asked for by id)"), "{told}");
    assert!(told.contains("(the source says Suspended"), "{told}");
    assert_eq!(it.active().await, 40, "nothing was applied");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_simulation_by_other_rules_is_not_applied() {
    let it = Installation::new(20, true).await;
    it.json(0, &["simulate", "OneLogin"]).await;
    // It changes nothing for anybody, and still the rules are not those that were looked at.
    it.expect(0, &["connector", "edit", "OneLogin", "--protect", "nobody"]).await;
    let told = it.expect(7, &["sync", "OneLogin", "--plan", "1"]).await;
    assert!(told.contains("rules of the connector were changed since plan 1 was made"), "{told}");
    assert_eq!(it.json(0, &["run", "list"]).await["runs"], json!([]), "no run was started");
    it.expect(0, &["connector", "edit", "OneLogin", "--protect", ""]).await;
    let told = it.json(0, &["sync", "OneLogin", "--plan", "1"]).await;
    let applied = &told["applied"];
    assert_eq!(applied["plan"], 1, "{applied}");
    assert!(applied["passes"].as_array().unwrap().contains(&json!("20 creations")), "{applied}");
    assert!(applied["made_by"].is_string() && applied["decided_by"].is_null(), "{applied}");
    assert_eq!(it.active().await, 20);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_plan_is_applied_by_the_decisions_that_are_told_and_again_by_no_later_ones() {
    let it = Installation::new(40, true).await;
    it.expect(0, &["sync", "OneLogin"]).await;
    let ids = it.ids();
    it.sandbox.admin().update_user(ids[9], json!({ "email": "new@acme.example" })).unwrap();
    for id in ids.iter().take(4) {
        it.sandbox.admin().delete_user(*id).unwrap();
    }
    it.expect(3, &["simulate", "OneLogin"]).await;
    let apply = ["sync", "OneLogin", "--plan", "1"];
    it.sandbox.admin().inject(Fault::always(When::next("*"), Kind::Unauthorized));
    it.expect(5, &apply).await;
    it.sandbox.admin().clear_faults();

    // What was to be applied was one change. Whoever decides meanwhile makes it more.
    it.expect(0, &["plan", "approve", "1", "--only", "2,3", "--reason", "They left"]).await;
    let told = it.expect(7, &["run", "retry", "2"]).await;
    assert!(told.contains("Somebody decided over plan 1 since you looked."), "{told}");
    assert_eq!(it.active().await, 40);
    let told = it.expect(3, &apply).await;
    for line in
        ["Passes      1 update", "Approved    2 deactivations", "Left alone  2 deactivations held"]
    {
        assert!(told.contains(line), "{told}");
    }
    assert!(told.contains(": They left\n"), "{told}");
    assert_eq!(it.active().await, 38);
}

#[tokio::test(flavor = "multi_thread")]
async fn other_rules_ask_once_about_what_they_would_take() {
    let it = Installation::new(40, true).await;
    it.expect(0, &["sync", "OneLogin"]).await;
    it.sandbox.admin().delete_user(it.ids()[0]).unwrap();
    it.expect(0, &["connector", "edit", "OneLogin", "--cleanup", "delete"]).await;
    let told = it.expect(3, &["sync", "OneLogin"]).await;
    assert!(told.contains("The rules of the connector have changed: 1 removal is"), "{told}");
    // What was seen by other rules is nothing that can be approved.
    it.expect(0, &["connector", "edit", "OneLogin", "--cleanup", "anonymise"]).await;
    let told = it.expect(7, &["plan", "approve", "1", "--reason", "Seen"]).await;
    assert!(told.contains("settings of the connector were changed"), "{told}");
    it.expect(0, &["connector", "edit", "OneLogin", "--cleanup", "delete"]).await;
    let told = it.expect(0, &["plan", "approve", "1", "--reason", "Seen", "--run"]).await;
    assert!(told.contains("The new rules count as tried"), "{told}");
    it.sandbox.admin().delete_user(it.ids()[0]).unwrap();
    it.expect(0, &["sync", "OneLogin"]).await;
    let target = it.json(0, &["target", "show", "jira"]).await;
    assert_eq!(target["users"], 38);
}

#[tokio::test(flavor = "multi_thread")]
async fn new_rules_that_would_empty_or_overwrite_values_are_asked_about_and_say_so() {
    for database in [None, Some(Database::new().await)] {
        let it = Installation::on(database.as_ref(), 57, true).await;
        let edit = async |code, rows: &[&str]| {
            it.expect(code, &[&["connector", "edit", "OneLogin"], rows].concat()).await
        };
        edit(0, &["--map", "title = title"]).await;
        it.expect(0, &["sync", "OneLogin"]).await;
        it.expect(0, &["sync", "OneLogin"]).await;
        let lost = "57 people would lose their title, by rules that no run has tried.";
        let told = edit(3, &["--map", "", "--preview"]).await;
        assert!(told.contains(lost), "{told}");

        // A field that nobody has. Whoever is new arrives all the same.
        edit(0, &["--map", "title = comment"]).await;
        let (ids, admin) = (it.ids(), it.sandbox.admin());
        let mut newcomer = admin.user(ids[0]).unwrap();
        newcomer.id = 0;
        newcomer.username = Some("nia.new".into());
        newcomer.email = Some("nia.new@acme.test".into());
        admin.create_user(newcomer).unwrap();
        for _ in 0..2 {
            let told = it.expect(3, &["sync", "OneLogin"]).await;
            assert!(told.contains(lost), "{told}");
            assert!(!told.contains("another"), "{told}");
        }
        assert_eq!(it.active().await, 58);
        let shown = it.json(0, &["plan", "show", "1"]).await;
        assert_eq!(shown["objections"][0]["kind"], "emptied");
        assert_eq!(shown["causes"][0]["title"], "57 updates: title emptied");
        assert_eq!(shown["changes"].as_array().unwrap().len(), 57);
        assert!(it.expect(0, &["plan", "show", "1"]).await.contains(lost));
        let csv = it.expect(0, &["plan", "show", "1", "--csv"]).await;
        assert_eq!(csv.matches(": synch.title ").count(), 57, "{csv}");
        let ada = ids[0].to_string();
        let told = it.expect(0, &["user", "explain", "OneLogin", &ada]).await;
        assert!(told.contains("held: ~ update "), "{told}");
        assert!(told.contains("1 person would lose their title, by rules"), "{told}");

        // Somebody who says no to all of it has said yes to nothing that the rules do.
        it.expect(0, &["plan", "reject", "1", "--reason", "They keep it"]).await;
        let told = it.expect(0, &["sync", "OneLogin"]).await;
        assert!(told.contains("57"), "{told}");
        admin.update_user(ids[0], json!({ "firstname": null })).unwrap();
        let told = it.expect(3, &["sync", "OneLogin"]).await;
        assert!(told.contains("1 person would lose their first name, by rules"), "{told}");
        assert!(told.contains("1 person would lose their title, by rules"), "{told}");

        // Other rules again: what they overwrite for most is asked about, and what they fill is not.
        edit(0, &["--map", "title = department", "--map", "locale = company"]).await;
        let told = it.expect(3, &["sync", "OneLogin"]).await;
        assert!(told.contains("people would have another title, by rules that no run"), "{told}");
        let plan = it.json(0, &["plan", "list"]).await["plans"][0]["id"].to_string();
        let told = it.expect(0, &["plan", "approve", &plan, "--reason", "Seen", "--run"]).await;
        assert!(told.contains("The new rules count as tried"), "{told}");
        it.expect(0, &["sync", "OneLogin"]).await;
        if let Some(database) = database {
            database.drop().await;
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_waits_by_new_rules_is_asked_about_after_their_grace() {
    let it = Installation::new(40, true).await;
    it.expect(0, &["connector", "edit", "OneLogin", "--grace-reads", "2"]).await;
    it.expect(0, &["sync", "OneLogin"]).await;
    let names: Vec<String> = it.sandbox.admin().with_tenant(|tenant| {
        let first = tenant.user_ids().iter().take(3);
        first.map(|id| tenant.user(*id).unwrap().username.as_deref().unwrap().into()).collect()
    });
    let condition = format!("username not in {}", names.join(", "));
    it.expect(0, &["connector", "edit", "OneLogin", "--where", &condition]).await;
    let told = it.expect(0, &["sync", "OneLogin"]).await;
    assert!(told.contains("Then it is asked about, because the rules were new."), "{told}");
    let told = it.expect(3, &["sync", "OneLogin"]).await;
    assert!(
        told.contains("Not asked about while the rules were new: 3 removals are asked"),
        "{told}"
    );
    assert_eq!(it.active().await, 40);
    let shown = it.json(0, &["plan", "show", "1"]).await;
    assert_eq!(shown["objections"][0]["kind"], "new-rules");
    assert_eq!(shown["causes"].as_array().unwrap().len(), 1, "{shown}");
    let reason = shown["changes"][0]["reason"].as_str().unwrap();
    assert!(reason.starts_with("out of scope: needs ") && reason.contains("; noticed at "));

    let told = it.expect(0, &["plan", "approve", "1", "--reason", "Seen", "--run"]).await;
    assert!(told.contains("3 changes were applied"), "{told}");
    assert_eq!(it.active().await, 37);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_nobody_decided_of_new_rules_is_asked_again_and_never_let_through() {
    let it = Installation::new(40, true).await;
    it.expect(0, &["sync", "OneLogin"]).await;
    for id in it.ids().into_iter().take(3) {
        it.sandbox.admin().delete_user(id).unwrap();
    }
    it.expect(0, &["connector", "edit", "OneLogin", "--cleanup", "delete"]).await;
    it.expect(3, &["sync", "OneLogin"]).await;
    it.expect(0, &["plan", "reject", "1", "--only", "1", "--reason", "She stays"]).await;
    for _ in 0..2 {
        let told = it.expect(3, &["sync", "OneLogin"]).await;
        assert!(told.contains("2 removals are asked about once"), "{told}");
    }
    // One of the two is left out, and nothing more is decided.
    it.expect(0, &["plan", "approve", "2", "--only", "1", "--reason", "Left"]).await;
    for _ in 0..2 {
        it.expect(3, &["sync", "OneLogin"]).await;
        let target = it.json(0, &["target", "show", "jira"]).await;
        assert_eq!(target["users"], 39, "one was approved");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_run_is_taken_back_and_stays_so_until_the_source_changes() {
    let it = Installation::new(40, true).await;
    it.expect(0, &["sync", "OneLogin"]).await;
    let ids = it.ids();
    let admin = it.sandbox.admin();
    let before = it.json(0, &["target", "show", "jira"]).await;
    admin.delete_user(ids[0]).unwrap();
    admin.update_user(ids[1], json!({ "username": "other.name", "lastname": "Other" })).unwrap();
    admin.update_user(ids[2], json!({ "role_ids": [] })).unwrap();
    it.expect(0, &["sync", "OneLogin"]).await;
    assert_eq!(it.active().await, 39);

    let shown = it.expect(0, &["undo", "2"]).await;
    assert!(
        shown.contains("+ reactivate ") && shown.contains("~ rename other.name to "),
        "{shown}"
    );
    assert!(shown.contains("+ add ") && shown.ends_with("Nothing was changed.\n"), "{shown}");
    assert_eq!(it.active().await, 39);
    it.expect(64, &["undo", "2", "--yes"]).await;
    it.expect(64, &["undo", "2", "--user", "nobody"]).await;
    it.expect(64, &["undo", "99"]).await;
    let told = it.expect(0, &["undo", "2", "--yes", "--reason", "A mistake"]).await;
    assert!(told.contains("Run 3 succeeded"), "{told}");
    let after = it.json(0, &["target", "show", "jira"]).await;
    for what in ["users", "active_users", "groups", "memberships"] {
        assert_eq!(after[what], before[what], "{what}");
    }
    let runs = it.json(0, &["run", "list"]).await;
    assert_eq!(runs["runs"][0]["trigger"], "undo");

    // The source still says the same, and the next run does not do it again.
    let told = it.expect(0, &["sync", "OneLogin"]).await;
    assert!(told.contains("Everything else already matches."), "{told}");
    assert_eq!(it.active().await, 40);
    let listed = it.json(0, &["plan", "rejections", "onelogin"]).await;
    for rejection in listed["rejections"].as_array().unwrap() {
        assert_eq!(rejection["from"], "undo of run 2", "{rejection}");
        assert_eq!(rejection["reason"], "A mistake", "{rejection}");
        assert!(rejection["rejected_by"].is_string() && rejection["plan"].is_null());
        let username = rejection["username"].as_str().unwrap();
        assert!(rejection["change"].as_str().unwrap().contains(username), "{rejection}");
    }
    it.sandbox.admin().update_user(ids[1], json!({ "username": "third.name" })).unwrap();
    let told = it.expect(0, &["sync", "OneLogin"]).await;
    assert!(told.contains("1 rename"), "{told}");
    // All of it is lifted at once, and then done again.
    let lift = ["plan", "lift", "--run", "2", "--reason", "It was right"];
    assert!(it.expect(0, &lift).await.contains("rejections are lifted."));
    let told = it.expect(64, &lift).await;
    assert!(told.contains("No rejection by an undo of run 2 is in force."), "{told}");
    it.expect(0, &["sync", "OneLogin"]).await;
    assert_eq!(it.active().await, 39);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_undo_that_waits_is_carried_out_for_whom_it_was_meant() {
    let it = Installation::new(40, true).await;
    it.expect(0, &["sync", "OneLogin"]).await;
    it.expect(0, &["connector", "edit", "OneLogin", "--privileged-group", "*"]).await;
    let id = it.ids()[0].to_string();
    let undo = ["undo", "1", "--user", &id, "--yes", "--reason", "Nobody of ours"];
    it.expect(3, &undo).await;
    let told = it.expect(0, &["plan", "show", "1"]).await;
    assert!(told.contains("would undo run 1, held by run 2 at"), "{told}");
    let approve = ["plan", "approve", "1", "--reason", "Right", "--run"];
    let told = it.expect(0, &approve).await;
    let release = format!("Release: rollcall undo 1 --user {id} --yes --reason");
    assert!(told.contains(&release) && told.contains("1 removal;"), "{told}");
    assert_eq!(it.json(0, &["target", "show", "jira"]).await["users"], 39);
    let listed = it.json(0, &["plan", "rejections"]).await;
    let listed = listed["rejections"].as_array().unwrap().clone();
    assert!(!listed.is_empty());
    for rejection in listed {
        assert_eq!(rejection["reason"], "Nobody of ours", "{rejection}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_decision_while_a_run_is_under_way_is_told_at_its_end() {
    let (it, _) = Installation::with_a_held_plan().await;
    let mut command = Command::new(ROLLCALL);
    command.args(["sync", "OneLogin", "--allow-loopback", "--data-dir"]).arg(it.folder.path());
    let waits = it.folder.path().join("waits");
    command.env("ROLLCALL_WAIT_AT", "decided").env("ROLLCALL_WAIT_FILE", &waits);
    let run = command.stdin(Stdio::null()).stdout(Stdio::piped()).spawn().unwrap();
    while !waits.exists() {
        tokio::time::sleep(std::time::Duration::from_millis(10)).await;
    }
    it.expect(0, &["plan", "approve", "1", "--reason", "They left"]).await;
    std::fs::remove_file(&waits).unwrap();
    let output = tokio::task::spawn_blocking(move || run.wait_with_output().unwrap()).await;
    let told = text(&output.unwrap().stdout);
    assert!(told.contains(" decided over plan 1 while the run was under way."), "{told}");
    assert!(!told.contains("rollcall plan approve"), "{told}");
    it.expect(0, &["sync", "OneLogin"]).await;
    assert_eq!(it.active().await, 36);
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_would_be_in_a_rejected_group_is_told_who_rejected_it() {
    let it = Installation::new(40, true).await;
    it.expect(0, &["sync", "OneLogin"]).await;
    let (admin, ids, name) = (it.sandbox.admin(), it.ids(), "jira-administrators");
    let role = admin.create_role(name).unwrap();
    admin.add_role_member(role, ids[0]).unwrap();
    it.expect(3, &["sync", "OneLogin"]).await;
    it.expect(0, &["plan", "reject", "1", "--reason", "No such group"]).await;
    admin.add_role_member(role, ids[1]).unwrap();
    let told = it.expect(0, &["sync", "OneLogin"]).await;
    assert!(told.contains("3 changes are left alone"), "{told}");
    let listed = it.json(0, &["plan", "rejections"]).await;
    let listed = listed["rejections"].as_array().unwrap().clone();
    let of_group = listed.iter().find(|it| it["external_id"].is_null()).unwrap();
    let lift = format!("rollcall plan lift {}", of_group["rejection"].as_str().unwrap());
    let id = ids[1].to_string();
    let explain = ["user", "explain", "OneLogin", &id];
    let told = it.expect(0, &explain).await;
    let needed = "not done, because what it needs was rejected: + add ";
    for words in ["so it is not done: + create group", needed, "No such group", "(plan 1)", &lift] {
        assert!(told.contains(words), "{words}: {told}");
    }
    let told = it.expect(0, &[&explain[..], &["--group", name]].concat()).await;
    assert!(told.contains(&format!("Closest fix: lift the rejection: {lift}.")), "{told}");
    let lift: Vec<&str> = lift.split(' ').skip(1).collect();
    it.expect(0, &[&lift[..], &["--reason", "It is one"]].concat()).await;
    let told = it.expect(3, &["sync", "OneLogin"]).await;
    assert!(told.contains("1 new group held"), "{told}");
}

#[tokio::test(flavor = "multi_thread")]
async fn somebody_is_known_by_the_names_of_then_and_of_now() {
    let it = Installation::new(20, true).await;
    it.expect(0, &["sync", "OneLogin"]).await;
    let admin = it.sandbox.admin();
    let has_roles = |id: &i64| !admin.user(*id).unwrap().role_ids.is_empty();
    let ids: Vec<i64> = it.ids().into_iter().filter(has_roles).take(2).collect();
    admin.update_user(ids[1], json!({ "role_ids": [] })).unwrap();
    admin.update_user(ids[0], json!({ "lastname": "Other" })).unwrap();
    it.expect(0, &["sync", "OneLogin"]).await;
    let then = admin.user(ids[1]).unwrap().username.unwrap();
    admin.update_user(ids[1], json!({ "username": "new.name", "email": "new@acme.test" })).unwrap();
    it.expect(0, &["sync", "OneLogin"]).await;

    let id = ids[1].to_string();
    let shown = it.json(0, &["undo", "2", "--user", &id]).await;
    assert!(!shown["targets"][0]["passes"].as_array().unwrap().is_empty(), "{shown}");
    for name in [&*then, "new.name", "New@acme.test"] {
        let told = it.json(0, &["undo", "2", "--user", name]).await;
        assert_eq!(told["targets"], shown["targets"], "{name}");
    }
    for name in ["new.name", "new@acme.test", &id] {
        let told = it.expect(0, &["user", "explain", "OneLogin", name, "--run", "2"]).await;
        assert!(told.contains(&*then) && told.contains("no group source grants it"), "{told}");
    }

    // Two people to whom one name was or is: neither is guessed.
    admin.update_user(ids[0], json!({ "username": then })).unwrap();
    it.expect(0, &["sync", "OneLogin"]).await;
    let told = it.expect(64, &["undo", "2", "--user", &then]).await;
    assert!(told.contains(&format!("{}, {}", ids[0], ids[1])), "{told}");

    // What cannot be done leaves nothing in the history.
    for who in ["nobody", &then] {
        let refused = ["undo", "2", "--user", who, "--yes", "--reason", "Because"];
        it.expect(64, &refused).await;
    }
    let runs = it.json(0, &["run", "list"]).await;
    assert_eq!(runs["runs"][0]["id"], 4, "{runs}");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_undo_passes_the_gate_and_of_one_person_only_theirs_is_undone() {
    let it = Installation::new(40, true).await;
    it.expect(0, &["sync", "OneLogin"]).await;
    let id = it.ids()[0].to_string();
    // The first run made everybody: to take that back is more than the limits let pass.
    let told = it.expect(3, &["undo", "1", "--yes", "--reason", "Wrong tenant"]).await;
    assert!(told.contains("40 people would be removed or anonymised"), "{told}");
    let waiting = it.json(0, &["plan", "list"]).await;
    assert_eq!(waiting["plans"][0]["kind"], "undo");
    let told = it.expect(0, &["plan", "approve", "1", "--only", "1", "--reason", "Wrong"]).await;
    assert!(told.contains("Release: rollcall undo 1 --yes --reason \"..\""), "{told}");
    let told =
        it.expect(0, &["undo", "1", "--user", &id, "--yes", "--reason", "Nobody of ours"]).await;
    assert!(told.contains("1 removal"), "{told}");
    it.expect(0, &["sync", "OneLogin"]).await;
    let target = it.json(0, &["target", "show", "jira"]).await;
    assert_eq!(target["users"], 39, "the next run does not make them again");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_undo_of_one_person_leaves_that_of_everybody_waiting() {
    let it = Installation::new(40, true).await;
    it.expect(0, &["sync", "OneLogin"]).await;
    it.expect(3, &["undo", "1", "--yes", "--reason", "Wrong tenant"]).await;
    let id = it.ids()[0].to_string();
    it.expect(0, &["undo", "1", "--user", &id, "--yes", "--reason", "Nobody of ours"]).await;
    let listed = it.json(0, &["plan", "list", "--all"]).await;
    assert_eq!(
        (&listed["plans"][0]["id"], &listed["plans"][0]["status"]),
        (&json!(1), &json!("waiting"))
    );
    // Of what it showed, what is left is done.
    it.expect(0, &["plan", "approve", "1", "--reason", "Wrong tenant"]).await;
    let told = it.expect(0, &["undo", "1", "--yes", "--reason", "Wrong tenant"]).await;
    assert!(told.contains("39 removals"), "{told}");
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_approves_what_waits_for_something_else_is_told_so() {
    let it = Installation::new(40, true).await;
    it.expect(0, &["sync", "OneLogin"]).await;
    let (admin, ids) = (it.sandbox.admin(), it.ids());
    let role = admin.create_role("jira-administrators").unwrap();
    for id in &ids[..2] {
        admin.add_role_member(role, *id).unwrap();
    }
    it.expect(3, &["sync", "OneLogin"]).await;
    let approve = ["plan", "approve", "1", "--reason", "Right", "--only"];
    let told = it.expect(0, &[&approve[..], &["2"]].concat()).await;
    let waits = "1 of them waits still, for something that is not approved: an account or a group";
    assert!(told.contains(waits), "{told}");
    let told = it.json(0, &[&approve[..], &["1,3"]].concat()).await;
    assert_eq!((&told["changes"], &told["stuck"]), (&json!(2), &json!(0)));
    let told = it.expect(0, &["sync", "OneLogin"]).await;
    assert!(told.contains("3 changes were applied"), "{told}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_plan_leaves_as_a_file_that_no_spreadsheet_runs() {
    let it = Installation::new(40, true).await;
    it.expect(0, &["sync", "OneLogin"]).await;
    let ids = it.ids();
    it.sandbox.admin().update_user(ids[0], json!({ "username": "=1+1" })).unwrap();
    for id in ids.iter().take(5).skip(1) {
        it.sandbox.admin().delete_user(*id).unwrap();
    }
    it.expect(3, &["simulate", "OneLogin"]).await;
    let csv = it.expect(0, &["plan", "show", "1", "--csv"]).await;
    let lines: Vec<&str> = csv.lines().collect();
    assert_eq!(lines.len(), 6, "{csv}");
    assert!(lines[0].starts_with("\"number\",\"target\",\"verdict\""), "{csv}");
    assert!(!csv.contains("\"=1+1\"") && csv.contains("\"'- deactivate "), "{csv}");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_decided_says_so() {
    let (it, _) = Installation::with_a_held_plan().await;
    for (code, arguments) in [
        (64, &["plan", "show", "9"][..]),
        (64, &["plan", "approve", "9", "--reason", "x"]),
        (64, &["plan", "approve", "1"]),
        (64, &["plan", "approve", "1", "--reason", " "]),
        (64, &["plan", "approve", "1", "--reason", "x", "--only", "77"]),
        (64, &["plan", "approve", "1", "--reason", "x", "--cause", "7"]),
        (64, &["plan", "approve", "1", "--reason", "x", "--except", "1,2,3,4"]),
        (64, &["plan", "reject", "1", "--reason", "x", "--until", "soon"]),
        (64, &["sync", "OneLogin", "--plan", "1"]),
        (0, &["plan", "approve", "1", "--reason", "x", "--cause", "1"]),
        (7, &["plan", "approve", "1", "--reason", "x"]),
        (7, &["plan", "reject", "1", "--reason", "x"]),
    ] {
        it.expect(code, arguments).await;
    }
    let long = "x".repeat(2_001);
    let told = it.expect(64, &["plan", "reject", "1", "--reason", &long]).await;
    assert!(told.contains("at most 2000 characters"), "{told}");
    let told = it.expect(64, &["plan", "lift", "--plan", "1", "--reason", &long]).await;
    assert!(told.contains("at most 2000 characters"), "{told}");
    for (flag, value) in [("--rejection-days", "0"), ("--small-directory-floor", "4294967296")] {
        let told = it.expect(64, &["connector", "edit", "OneLogin", flag, value]).await;
        assert!(told.contains(flag), "{told}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_somebody_rejected_is_told_listed_and_lifted() {
    let (it, ids) = Installation::with_a_held_plan().await;
    let nothing = it.expect(0, &["plan", "rejections"]).await;
    assert!(nothing.contains("No rejection is in force."), "{nothing}");
    it.expect(0, &["plan", "reject", "1", "--reason", "On leave", "--until", "7d"]).await;

    // Whoever looks is told, whichever way they look.
    let alone = "4 changes are left alone because somebody rejected them.";
    let rejections = "rollcall plan rejections \"OneLogin\"";
    let told = it.expect(0, &["sync", "OneLogin"]).await;
    assert!(told.contains(&format!("Everything else already matches. {alone}")), "{told}");
    assert!(told.contains(rejections), "{told}");
    assert!(it.expect(0, &["run", "show", "3"]).await.contains(alone));
    let told = it.expect(0, &["simulate", "OneLogin"]).await;
    assert!(told.contains("jira: 4 left alone, because somebody rejected them;"), "{told}");
    assert!(told.contains(rejections), "{told}");
    let told = it.expect(0, &["plan", "show", "2"]).await;
    assert!(told.contains(alone) && told.contains(rejections), "{told}");
    let id = ids[0].to_string();
    let told = it.expect(0, &["user", "sync", "OneLogin", &id, "--cleanup"]).await;
    assert!(told.contains("Left alone, because somebody rejected it:\n  - deactivate "), "{told}");
    assert!(told.contains(rejections), "{told}");

    let listed = it.json(0, &["plan", "rejections"]).await;
    let listed = listed["rejections"].as_array().unwrap().clone();
    assert_eq!(listed.len(), 4);
    let first = listed.iter().find(|it| it["external_id"] == id.as_str()).unwrap();
    assert_eq!(first["reason"], "On leave");
    assert_eq!((&first["plan"], &first["target"]), (&json!(1), &json!("jira")));
    assert!(first["change"].as_str().unwrap().starts_with("- deactivate "), "{first}");
    assert!(first["rejected_by"].is_string() && first["rejected_at"].is_string(), "{first}");
    let (code, until) = (first["rejection"].as_str().unwrap(), first["until"].as_str().unwrap());
    let text = it.expect(0, &["plan", "rejections", "OneLogin"]).await;
    assert!(text.contains(code) && text.contains("On leave") && text.contains("plan 1"), "{text}");
    let told = it.expect(0, &["user", "explain", "OneLogin", &id]).await;
    for words in ["On leave", until, "(plan 1)", &format!("rollcall plan lift {code}")] {
        assert!(told.contains(words), "{words}: {told}");
    }

    let told = it.expect(64, &["plan", "lift", "0000000000", "--reason", "Back"]).await;
    assert!(told.contains("No rejection 0000000000 is in force."), "{told}");
    it.expect(64, &["plan", "lift", code, "--reason", " "]).await;
    it.expect(64, &["plan", "lift", "--reason", "Of whom?"]).await;
    let told = it.expect(0, &["plan", "lift", code, "--reason", "She does not come back"]).await;
    assert!(told.contains("1 rejection is lifted."), "{told}");
    it.expect(64, &["plan", "lift", code, "--reason", "Again"]).await;
    let told = it.expect(0, &["sync", "OneLogin"]).await;
    assert!(told.contains("1 change was applied. 3 changes are left alone"), "{told}");
    assert_eq!(it.active().await, 39);
    let logged = it.json(0, &["audit", "list", "--verb", "lift"]).await;
    assert_eq!(logged["entries"][0]["reason"], "She does not come back", "{logged}");

    // The plan is over; it says where to go, and the rest of it is lifted at once.
    let again = ["plan", "reject", "1", "--reason", "Again"];
    let told = it.expect(7, &again).await;
    assert!(told.contains("rollcall plan lift --plan 1"), "{told}");
    let told = it.expect(0, &["plan", "lift", "--plan", "1", "--reason", "All left"]).await;
    assert!(told.contains("3 rejections are lifted."), "{told}");
    it.expect(64, &["plan", "lift", "--plan", "1", "--reason", "Again"]).await;
    it.expect(0, &["sync", "OneLogin"]).await;
    assert_eq!(it.active().await, 36);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_change_that_passes_and_was_rejected_is_approved_after_all() {
    let it = Installation::new(20, true).await;
    it.json(0, &["simulate", "OneLogin"]).await;
    it.expect(0, &["plan", "reject", "1", "--only", "1,2", "--reason", "Not yet"]).await;
    it.expect(0, &["plan", "approve", "1", "--only", "1", "--reason", "Now"]).await;
    let told = it.expect(7, &["plan", "approve", "1", "--only", "1", "--reason", "Now"]).await;
    assert!(told.contains("was decided by"), "{told}");
    // Of a plan that goes on, what was lifted is as before, and whoever counted looks again.
    let told = it.expect(0, &["plan", "lift", "--plan", "1", "--reason", "Now"]).await;
    assert!(told.contains("1 rejection is lifted."), "{told}");
    it.expect(0, &["sync", "OneLogin", "--plan", "1"]).await;
    let told = it.expect(0, &["sync", "OneLogin"]).await;
    assert!(told.contains("Everything already matches."), "{told}");

    // Of one by other rules nothing comes any more.
    it.sandbox.admin().delete_user(it.ids()[0]).unwrap();
    it.json(0, &["simulate", "OneLogin"]).await;
    it.expect(0, &["plan", "reject", "2", "--only", "1", "--reason", "Not yet"]).await;
    it.expect(0, &["connector", "edit", "OneLogin", "--protect", "nobody"]).await;
    let told = it.expect(7, &["plan", "approve", "2", "--only", "1", "--reason", "Now"]).await;
    assert!(told.contains("lift it: rollcall plan lift --plan 2"), "{told}");
}

#[tokio::test(flavor = "multi_thread")]
async fn of_several_targets_every_line_says_which_it_is_about() {
    let it = Installation::new(40, true).await;
    let create = ["target", "create", "wiki", "--connector", "OneLogin", "--type", "crowd"];
    it.expect(0, &create).await;
    it.expect(0, &["sync", "OneLogin"]).await;
    let ids = it.ids();
    for id in ids.iter().take(4) {
        it.sandbox.admin().delete_user(*id).unwrap();
    }
    let told = it.expect(3, &["sync", "OneLogin"]).await;
    let once = "held. jira, wiki: 4 people would be deactivated (limit 3). 8 changes are held.";
    assert!(told.contains(once), "{told}");
    let text = it.expect(0, &["plan", "show", "1"]).await;
    for name in ["jira", "wiki"] {
        assert!(text.contains(&format!("! {name}: 4 people would be deactivated")), "{text}");
        assert!(
            text.contains(&format!(" {name}: 4 deactivations: gone, asked for by id")),
            "{text}"
        );
        assert!(text.contains(&format!(" {name}: - deactivate ")), "{text}");
    }
    it.expect(0, &["connector", "edit", "OneLogin", "--cleanup", "delete"]).await;
    let id = ids[0].to_string();
    let told = it.expect(3, &["user", "sync", "OneLogin", &id, "--cleanup"]).await;
    for words in ["  jira: - remove ", "  wiki: - remove ", "rollcall simulate \"OneLogin\""] {
        assert!(told.contains(words), "{words}: {told}");
    }

    // Whoever is missing from both is one person.
    for id in ids.iter().take(13).skip(4) {
        it.sandbox.admin().delete_user(*id).unwrap();
    }
    let told = it.expect(3, &["sync", "OneLogin"]).await;
    assert!(told.contains(" 13 people are missing and were not asked for by id"), "{told}");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_undo_names_its_targets_where_there_are_several() {
    let it = Installation::new(5, true).await;
    let create = ["target", "create", "wiki", "--connector", "OneLogin", "--type", "crowd"];
    it.expect(0, &create).await;
    it.expect(0, &["sync", "OneLogin"]).await;
    let told = it.expect(3, &["undo", "1"]).await;
    let lines: Vec<&str> = told.lines().collect();
    let places = ["Target jira:", "Target wiki:"];
    let places = places.map(|it| lines.iter().position(|line| *line == it).unwrap());
    assert!(places[0] < places[1] && lines[places[1] + 1].starts_with("  "), "{told}");
}

#[tokio::test(flavor = "multi_thread")]
async fn rejections_in_force_are_told_beside_plans_and_in_a_preview() {
    let it = Installation::new(12, true).await;
    it.expect(0, &["sync", "OneLogin"]).await;
    let admin = it.sandbox.admin();
    let role = admin.create_role("site-admins").unwrap();
    admin.add_role_member(role, it.ids()[0]).unwrap();
    it.expect(3, &["sync", "OneLogin"]).await;
    it.expect(0, &["plan", "reject", "1", "--reason", "Not in this directory"]).await;
    let told = it.expect(0, &["plan", "list"]).await;
    assert!(told.contains("2 rejections are in force. Who rejected what, and why:"), "{told}");
    let listed = it.json(0, &["plan", "list"]).await;
    assert_eq!(listed["rejections"][0], json!({ "connector": "OneLogin", "count": 2 }));
    it.expect(0, &["sync", "OneLogin"]).await;
    let preview = ["connector", "edit", "OneLogin", "--cleanup", "delete", "--preview"];
    let told = it.expect(0, &preview).await;
    assert!(told.contains("2 changes are left alone because somebody rejected them."), "{told}");
    assert!(told.contains("rollcall plan rejections \"OneLogin\""), "{told}");
    assert_eq!(it.json(0, &preview).await["targets"][0]["rejected"], 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn changes_are_shown_by_the_field_that_they_alter() {
    let it = Installation::new(40, true).await;
    it.expect(0, &["sync", "OneLogin"]).await;
    let ids = it.ids();
    it.sandbox.admin().update_user(ids[3], json!({ "firstname": "Renata" })).unwrap();
    it.sandbox.admin().delete_user(ids[4]).unwrap();
    it.expect(0, &["sync", "OneLogin"]).await;
    let of = |answer: &Value| answer["changes"].as_array().unwrap().len();
    let all = it.json(0, &["run", "show", "2"]).await;
    assert!(
        all["fields"].as_array().unwrap().contains(&json!({ "field": "first name", "count": 1 }))
    );
    assert!(1 < of(&all), "{all}");
    let field = ["run", "show", "2", "--field", "First name"];
    let some = it.json(0, &field).await;
    assert_eq!((of(&some), &some["changes"][0]["kind"]), (1, &json!("update")));
    let some = it.json(0, &["run", "show", "2", "--kind", "deactivate"]).await;
    assert_eq!((of(&some), &some["changes"][0]["kind"]), (1, &json!("deactivate")));
    assert_eq!(of(&it.json(0, &[&field[..], &["--outcome", "held"]].concat()).await), 0);
    let told = it.expect(64, &["run", "show", "2", "--field", "titel"]).await;
    assert!(told.contains("No change of run 2 alters \"titel\". Altered are: "), "{told}");
    assert!(told.contains("first name"), "{told}");
    let told = it.expect(0, &["run", "show", "2", "--search", "a", "--limit", "1"]).await;
    assert!(told.contains("There may be more: the same command with --after "), "{told}");

    it.sandbox.admin().update_user(ids[3], json!({ "firstname": "Renate" })).unwrap();
    it.expect(0, &["simulate", "OneLogin"]).await;
    let plan = it.json(0, &["plan", "list", "--all"]).await["plans"][0]["id"].to_string();
    let some = it.json(0, &["plan", "show", &plan, "--field", "first name"]).await;
    assert_eq!((of(&some), &some["changes"][0]["kind"]), (1, &json!("update")));
    let told = it.expect(64, &["plan", "show", &plan, "--field", "phone"]).await;
    assert!(told.contains(&format!("No change of plan {plan} alters \"phone\".")), "{told}");
}
