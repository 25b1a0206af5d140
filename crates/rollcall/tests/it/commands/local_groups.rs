//! A local group from its making to its adoption, and back.

use serde_json::{Value, json};

use super::Installation;
use crate::databases::Database;

impl Installation {
    async fn members_of(&self, group: &str) -> Vec<String> {
        let answer = self.json(0, &["group", "members", "jira", group]).await;
        let members = answer["members"].as_array().unwrap().iter();
        members.map(|it| it["username"].as_str().unwrap().to_owned()).collect()
    }

    async fn is_local(&self, group: &str) -> Value {
        self.json(0, &["group", "show", "jira", group]).await["local"].clone()
    }

    /// Three people, by OneLogin's id and username.
    fn three(&self) -> [(i64, String); 3] {
        let three = self.sandbox.admin().with_tenant(|tenant| {
            let ids = tenant.user_ids().iter().take(3);
            let named = ids.map(|id| (*id, tenant.user(*id).unwrap().username.clone().unwrap()));
            named.map(|(id, username)| (id, username.into_owned())).collect::<Vec<_>>()
        });
        three.try_into().unwrap()
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_local_group_stays_until_it_is_adopted_and_comes_back_by_an_undo() {
    let database = Database::new().await;
    for database in [None, Some(&database)] {
        let it = Installation::on(database, 20, true).await;
        let told = it.expect(64, &["group", "create", "jira", "night-shift"]).await;
        assert!(told.contains("Nothing is published to jira yet"), "{told}");
        it.expect(0, &["sync", "OneLogin"]).await;
        let [(a_id, a), (_, b), (c_id, c)] = it.three();

        let told = it.expect(0, &["group", "create", "jira", " night-shift "]).await;
        assert!(told.contains("rollcall group add \"jira\" \"night-shift\""), "{told}");
        let added = it.json(0, &["group", "add", "jira", "Night-Shift", &a, &b]).await;
        assert_eq!(added["already_in"], json!([]));
        let added = ["group", "add", "jira", "night-shift", &a_id.to_string(), &a];
        assert_eq!(it.json(0, &added).await["already_in"], json!([a]));
        let told = it.expect(0, &["group", "show", "jira", "night-shift"]).await;
        assert!(told.contains("Special       local") && told.contains("Made by hand"), "{told}");
        let told = it.expect(0, &["user", "show", "jira", &a]).await;
        assert!(told.contains("added by hand by "), "{told}");
        let told = it.expect(0, &["user", "explain", "OneLogin", &a]).await;
        assert!(told.contains("night-shift, a local group"), "{told}");
        let told = it.expect(0, &["sync", "OneLogin"]).await;
        assert!(told.contains("Everything already matches."), "{told}");

        // A role of that name comes up: whoever has it does not get into what somebody else gives.
        let admin = it.sandbox.admin();
        let role = admin.create_role("night-shift").unwrap();
        admin.add_role_member(role, c_id).unwrap();
        let synced = it.json(0, &["sync", "OneLogin"]).await;
        assert_eq!(synced["status"], "succeeded-with-skips", "{synced}");
        let shown = it.expect(0, &["run", "show", "3"]).await;
        assert!(shown.contains("The target has a local group night-shift"), "{shown}");
        let mut both = vec![a.clone(), b.clone()];
        both.sort();
        assert_eq!(it.members_of("night-shift").await, both);
        let asked = ["user", "explain", "OneLogin", &c, "--group", "night-shift"];
        let told = it.expect(0, &asked).await;
        assert!(told.contains("the target has a local group of that name"), "{told}");

        // Named to be adopted, it waits with all that hangs on it.
        let told = it.expect(0, &["connector", "edit", "OneLogin", "--adopt-group", "night-shift"]);
        assert!(told.await.contains("Adopted groups"));
        it.expect(3, &["sync", "OneLogin"]).await;
        let told = it.expect(0, &["plan", "show", "1"]).await;
        let asked = "The local group night-shift would be adopted: 1 would join and 2 would leave";
        assert!(told.contains(asked) && told.contains("~ adopt group night-shift"), "{told}");
        assert_eq!(it.members_of("night-shift").await, both);
        assert_eq!(it.is_local("night-shift").await, true);

        it.expect(0, &["plan", "approve", "1", "--reason", "The role has it now"]).await;
        it.expect(0, &["sync", "OneLogin"]).await;
        assert_eq!(it.members_of("night-shift").await, std::slice::from_ref(&c));
        assert_eq!(it.is_local("night-shift").await, false);
        let told = it.expect(64, &["group", "add", "jira", "night-shift", &a]).await;
        assert!(told.contains("is no local group: OneLogin decides who is in it"), "{told}");
        let past = ["user", "explain", "OneLogin", &a, "--run", "3"];
        let told = it.expect(0, &past).await;
        assert!(told.contains("night-shift, a local group"), "{told}");

        let told = it.expect(0, &["undo", "5", "--yes", "--reason", "Too early"]).await;
        assert!(told.contains("1 group made local again"), "{told}");
        assert_eq!(it.members_of("night-shift").await, both);
        assert_eq!(it.is_local("night-shift").await, true);
        // What was taken back is not proposed again at once.
        it.expect(0, &["sync", "OneLogin"]).await;
        assert_eq!(it.members_of("night-shift").await, both);
        assert_eq!(it.is_local("night-shift").await, true);

        it.expect(64, &["group", "delete", "jira", "night-shift"]).await;
        let delete = ["group", "delete", "jira", "night-shift", "--confirm", "night-shift"];
        let told = it.expect(0, &delete).await;
        assert!(told.contains("2 people were in it"), "{told}");
        it.expect(64, &["group", "show", "jira", "night-shift"]).await;
        // A past run found nothing of what came by hand since.
        it.expect(0, &["group", "create", "jira", "late-shift"]).await;
        it.expect(0, &["group", "add", "jira", "late-shift", &a]).await;
        let told = it.expect(0, &["user", "explain", "OneLogin", &a]).await;
        assert!(told.contains("late-shift, a local group"), "{told}");
        let told = it.expect(0, &["user", "explain", "OneLogin", &a, "--run", "7"]).await;
        assert!(!told.contains("a local group"), "{told}");
        assert!(told.contains("Local groups were deleted or left by hand since"), "{told}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_wrong_with_a_local_group_is_told() {
    let it = Installation::new(20, true).await;
    it.expect(0, &["sync", "OneLogin"]).await;
    let [(_, a), ..] = it.three();
    let role = it.sandbox.admin().with_tenant(|tenant| {
        let has_people = |role: &&i64| {
            tenant.user_ids().iter().any(|id| tenant.user(*id).unwrap().role_ids.contains(role))
        };
        tenant.roles()[tenant.roles().keys().find(has_people).unwrap()].name.clone()
    });
    let upper = role.to_uppercase();
    it.expect(0, &["group", "create", "jira", "board"]).await;
    for (arguments, told) in [
        (&["group", "create", "jira", &upper][..], "already: OneLogin decides who is in it"),
        (&["group", "create", "jira", "a\u{202e}b"], "cannot be."),
        (&["group", "create", "jira", "a\tb"], "cannot be."),
        (&["group", "create", "nowhere", "x"], "There is no target \"nowhere\""),
        (&["group", "create", "jira", "jira-administrators"], "is privileged, so a reason"),
        (&["group", "add", "jira", "boar", &a], "Did you mean \"board\"?"),
        (&["group", "add", "jira", "board", &a, "nobody"], "Nobody in jira is \"nobody\"."),
        (&["group", "remove", "jira", &role, &a], "is no local group"),
        (&["group", "delete", "jira", &role, "--confirm", &role], "is no local group"),
        (&["group", "delete", "jira", "board", "--confirm", "x"], "Nothing was deleted."),
    ] {
        let answer = it.expect(64, arguments).await;
        assert!(answer.contains(told), "{arguments:?}: {answer}");
    }
    assert_eq!(it.members_of("board").await, Vec::<String>::new());
    let create = ["group", "create", "jira", "jira-administrators", "--reason", "On call"];
    it.expect(0, &create).await;
    let listed = it.json(0, &["audit", "list", "--noun", "group"]).await;
    assert_eq!(listed["entries"][0]["reason"], "On call", "{listed}");

    let edit = async |name: &str| {
        it.command_with_notes(&["connector", "edit", "OneLogin", "--adopt-group", name]).await
    };
    let told = edit("bord").await;
    assert!(told.contains("Did you mean \"board\"?"), "{told}");
    let told = edit("some-day").await;
    assert!(told.contains("If somebody makes one, the next plan proposes it."), "{told}");
    let told = edit(&role).await;
    assert!(told.contains("of jira is the connector's already."), "{told}");
    assert!(!edit("board").await.contains("local group"), "it is there");
}

impl Installation {
    /// What a command prints, with what it notes beside its answer.
    async fn command_with_notes(&self, arguments: &[&str]) -> String {
        let output = super::run(self.folder.path(), arguments).await;
        assert!(output.status.success(), "{arguments:?}");
        super::text(&output.stdout) + &super::text(&output.stderr)
    }
}
