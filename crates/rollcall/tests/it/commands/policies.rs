//! Who takes part, into which groups, and what happens to leavers: set and seen from the command line.

use std::collections::BTreeSet;

use sandbox::onelogin::User;
use serde_json::Value;

use super::{Installation, run};

impl Installation {
    async fn edit(&self, choices: &[&str]) {
        self.expect(0, &[&["connector", "edit", "OneLogin"], choices].concat()).await;
    }

    /// A simulation, held or not.
    async fn simulation(&self) -> Value {
        let output = run(self.folder.path(), &["simulate", "OneLogin", "--json"]).await;
        assert!(matches!(output.status.code(), Some(0 | 3)), "{output:?}");
        serde_json::from_slice(&output.stdout).unwrap()
    }

    /// What a run would do: `deactivate ada`, `add-to-group ada dev`.
    async fn simulated(&self) -> BTreeSet<String> {
        let answer = self.simulation().await;
        let steps = answer.pointer("/targets/0/steps").unwrap().as_array().unwrap();
        let part = |step: &Value, key: &str| step[key].as_str().map(str::to_owned);
        let words = |step: &Value| {
            let parts = [part(step, "kind"), part(step, "username"), part(step, "group")];
            parts.into_iter().flatten().collect::<Vec<_>>().join(" ")
        };
        steps.iter().map(words).collect()
    }

    async fn findings(&self) -> Vec<(String, String)> {
        let answer = self.simulation().await;
        let findings = answer["findings"].as_array().unwrap().iter();
        let text = |value: &Value| value.as_str().unwrap().to_owned();
        findings.map(|it| (text(&it["kind"]), text(&it["message"]))).collect()
    }

    /// The first person of the tenant: id, username, role names.
    fn somebody(&self) -> (i64, String, BTreeSet<String>) {
        self.sandbox.admin().with_tenant(|tenant| {
            let has_roles = |id: &&i64| !tenant.user(**id).unwrap().role_ids.is_empty();
            let id = *tenant.user_ids().iter().find(has_roles).unwrap();
            let user = tenant.user(id).unwrap();
            let roles = user.role_ids.iter().map(|it| tenant.roles()[it].name.clone());
            (id, user.username.as_deref().unwrap().to_owned(), roles.collect())
        })
    }

    fn role_names(&self) -> Vec<String> {
        self.sandbox
            .admin()
            .with_tenant(|tenant| tenant.roles().values().map(|it| it.name.clone()).collect())
    }
}

fn groups_made(steps: &BTreeSet<String>) -> BTreeSet<String> {
    steps.iter().filter_map(|it| it.strip_prefix("create-group ")).map(str::to_owned).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_scope_is_counted_before_it_is_saved_and_followed_after() {
    let it = Installation::new(40, true).await;
    let role = it.role_names()[0].clone();
    let required = format!("role:{role}");
    let choices = ["--required-group", &required, "--where", "email is not empty"];
    let counted = it.json(0, &[&["connector", "scope", "OneLogin"][..], &choices].concat()).await;
    let members = it.sandbox.admin().with_tenant(|tenant| {
        let role = *tenant.roles().first_key_value().unwrap().0;
        let has_role = |id: &&i64| tenant.user(**id).unwrap().role_ids.contains(&role);
        tenant.user_ids().iter().filter(has_role).count()
    });
    assert!(0 < members && members < 40, "{members}");
    assert_eq!((&counted["in_scope"], &counted["people"]), (&members.into(), &40.into()));
    assert_eq!(
        (&counted["saved"], &counted["out_of_scope"]),
        (&false.into(), &(40 - members).into())
    );
    assert!(counted["api_calls"].as_u64().unwrap() < 10, "{counted}");
    let shown = it.json(0, &["connector", "show", "OneLogin"]).await;
    assert_eq!(shown["required_groups"].as_array().unwrap().len(), 0, "nothing was saved");

    it.edit(&choices).await;
    let counted = it.json(0, &["connector", "scope", "OneLogin"]).await;
    assert_eq!(counted["saved"], true);
    it.expect(0, &["sync", "OneLogin"]).await;
    let target = it.json(0, &["target", "show", "jira"]).await;
    assert_eq!(target["users"], members);

    let nobody = ["--where", "username = nobody"];
    let told = it.expect(3, &[&["connector", "scope", "OneLogin"][..], &nobody].concat()).await;
    assert!(told.contains("0 of 40 people are in scope."), "{told}");
    assert!(told.contains("a run with these settings would be held"), "{told}");
    let edit = [&["connector", "edit", "OneLogin"][..], &nobody].concat();
    let saved = run(it.folder.path(), &edit).await;
    let noted = super::text(&saved.stderr);
    assert!(saved.status.success(), "{noted}");
    assert!(noted.contains("0 of 40 people take part, by the last read. A run with"), "{noted}");
    let saved = run(it.folder.path(), &["connector", "edit", "OneLogin", "--protect", "nobody"]);
    assert!(
        !super::text(&saved.await.stderr).contains("take part"),
        "nothing of the scope changed"
    );
    let told = it.expect(3, &["sync", "OneLogin"]).await;
    assert!(told.contains("An empty source is never believed."), "{told}");

    let near = format!("role:{role}x");
    let told = it.expect(78, &["connector", "scope", "OneLogin", "--required-group", &near]).await;
    assert!(told.contains(&format!("Did you mean \"{role}\"?")), "{told}");
}

#[tokio::test(flavor = "multi_thread")]
async fn groups_are_chosen_kept_apart_and_assigned() {
    let it = Installation::new(40, true).await;
    let roles = it.role_names();
    it.edit(&["--only-group", &roles[0], "--only-group", &roles[1]]).await;
    it.edit(&["--except-group", &roles[1].to_uppercase(), "--always-assign", "licensed"]).await;
    let steps = it.simulated().await;
    assert_eq!(groups_made(&steps), BTreeSet::from([roles[0].clone(), "licensed".to_owned()]));
    let created = steps.iter().filter(|it| it.starts_with("create ")).count();
    let licensed = steps.iter().filter(|it| it.ends_with(" licensed") && it.starts_with("add"));
    assert_eq!(licensed.count(), created, "everybody active is in it");

    // A group of the name of a role, that somebody is in.
    let (id, username, _) = it.somebody();
    it.edit(&["--only-group", "", "--except-group", "", "--always-assign", ""]).await;
    it.edit(&["--groups-from", "roles,group", "--on-equal-names", "prefix"]).await;
    let admin = it.sandbox.admin();
    let group = admin.create_group(&roles[0]).unwrap();
    let patch = serde_json::json!({ "group_id": group });
    admin.update_user(id, patch).unwrap();
    it.edit(&["--only-group", &format!("*{}", roles[0])]).await;
    let steps = it.simulated().await;
    let both = [format!("group-{}", roles[0]), format!("role-{}", roles[0])];
    assert_eq!(groups_made(&steps), BTreeSet::from(both.clone()));
    assert!(steps.contains(&format!("add-to-group {username} {}", both[0])), "{steps:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_group_without_anybody_is_made_and_goes_again() {
    let it = Installation::new(10, true).await;
    it.sandbox.admin().create_role("Nobody yet").unwrap();
    assert!(!it.simulated().await.contains("create-group Nobody yet"));
    it.edit(&["--empty-groups", "create"]).await;
    assert!(it.simulated().await.contains("create-group Nobody yet"));
    it.expect(0, &["sync", "OneLogin"]).await;
    it.edit(&["--empty-groups", "remove", "--empty-groups-days", "30"]).await;
    it.expect(0, &["sync", "OneLogin"]).await;
    assert_eq!(it.simulated().await, BTreeSet::new(), "not for thirty days");
    it.edit(&["--empty-groups-days", "0"]).await;
    assert!(it.simulated().await.contains("remove-group Nobody yet"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_leaver_is_anonymised_without_groups_and_restored_on_return() {
    let it = Installation::new(40, true).await;
    let (id, username, mut roles) = it.somebody();
    let (required, kept) = ("Staff", roles.pop_first().unwrap());
    let role = it.sandbox.admin().create_role(required).unwrap();
    for id in it.sandbox.admin().with_tenant(|tenant| tenant.user_ids().to_vec()) {
        it.sandbox.admin().add_role_member(role, id).unwrap();
    }
    roles.insert(required.to_owned());
    it.edit(&["--cleanup", "anonymise", "--anonymise-usernames", "on"]).await;
    it.edit(&["--leave-groups", "on", "--keep-group", &kept, "--required-group", required]).await;
    it.expect(0, &["sync", "OneLogin"]).await;

    it.sandbox.admin().remove_role_member(role, id).unwrap();
    let planned = it.simulated().await;
    let left = roles.iter().map(|role| format!("remove-from-group {username} {role}"));
    let anonymised = [format!("anonymise {username}")];
    assert_eq!(planned, left.chain(anonymised).collect());
    it.expect(0, &["sync", "OneLogin"]).await;
    assert_eq!(it.simulated().await, BTreeSet::new(), "once is enough");
    let anonymous = format!("user-{id}");
    let told = it.expect(0, &["user", "explain", "OneLogin", &anonymous]).await;
    assert!(told.contains("nothing is left to take away"), "{told}");

    it.sandbox.admin().add_role_member(role, id).unwrap();
    let planned = it.simulated().await;
    let joined = roles.iter().map(|role| format!("add-to-group {username} {role}"));
    let restored = ["reactivate", "rename", "update"].map(|it| format!("{it} {anonymous}"));
    assert_eq!(planned, joined.chain(restored).collect());
    it.expect(0, &["sync", "OneLogin"]).await;
    let told = it.expect(0, &["user", "explain", "OneLogin", &username]).await;
    assert!(told.contains(&format!("account {username} by id {id}, active")), "{told}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_leaver_counts_after_enough_runs_and_a_protected_person_never() {
    let it = Installation::new(40, true).await;
    it.edit(&["--grace-reads", "3"]).await;
    it.expect(0, &["sync", "OneLogin"]).await;
    let (id, username, _) = it.somebody();
    it.sandbox.admin().delete_user(id).unwrap();
    for reads in ["1 reads", "2 reads"] {
        // A simulation notices, and remembers nothing.
        it.simulation().await;
        let findings = it.findings().await;
        let [(kind, message)] = findings.as_slice() else { panic!("{findings:?}") };
        assert!(kind == "suspected" && message.contains(reads), "{message}");
        assert_eq!(it.simulated().await, BTreeSet::new());
        it.expect(0, &["sync", "OneLogin"]).await;
    }
    assert_eq!(it.simulated().await, BTreeSet::from([format!("deactivate {username}")]));

    it.edit(&["--protect", &username]).await;
    assert_eq!(it.simulated().await, BTreeSet::new());
    let findings = it.findings().await;
    let [(kind, message)] = findings.as_slice() else { panic!("{findings:?}") };
    assert_eq!(kind, "protected");
    assert_eq!(
        *message,
        format!(
            "Protected by \"{username}\", so nothing was done. Otherwise: - deactivate {username} (gone, asked for by id)."
        )
    );
    let told = it.expect(0, &["sync", "OneLogin"]).await;
    assert!(told.contains("Everything already matches."), "{told}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_group_that_is_never_touched_stays_whatever_the_source_says() {
    let it = Installation::new(40, true).await;
    it.expect(0, &["sync", "OneLogin"]).await;
    let (id, _, roles) = it.somebody();
    it.edit(&["--never-touch", roles.first().unwrap(), "--empty-groups", "remove"]).await;
    let admin = it.sandbox.admin();
    let ids = admin.with_tenant(|tenant| {
        let role = tenant.roles().iter().find(|it| *it.1.name == **roles.first().unwrap());
        let role = *role.unwrap().0;
        let members = tenant.user_ids().iter();
        let members = members.filter(|id| tenant.user(**id).unwrap().role_ids.contains(&role));
        members.map(|id| (role, *id)).collect::<Vec<_>>()
    });
    assert!(ids.iter().any(|it| it.1 == id));
    for (role, id) in ids {
        admin.remove_role_member(role, id).unwrap();
    }
    assert_eq!(it.simulated().await, BTreeSet::new());
    it.expect(0, &["sync", "OneLogin"]).await;

    // Taken off the list it is managed again, and what that takes away waits for somebody.
    it.edit(&["--never-touch", ""]).await;
    let told = it.expect(3, &["sync", "OneLogin"]).await;
    assert!(told.contains("The rules of the connector have changed"), "{told}");
    let changes = it.json(0, &["run", "show", "3"]).await["changes"].clone();
    let changes = changes.as_array().unwrap();
    assert!(changes.iter().all(|it| it["outcome"] == "held"), "{changes:?}");
    assert!(changes.iter().any(|it| it["kind"] == "remove-from-group"), "{changes:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_expression_decides_what_becomes_of_a_leaver() {
    let it = Installation::new(40, true).await;
    it.expect(0, &["sync", "OneLogin"]).await;
    let (id, username, roles) = it.somebody();
    let role = roles.first().unwrap();
    it.sandbox.admin().delete_user(id).unwrap();

    let kept = format!("'keep' if groups.has('{role}') else 'delete'");
    it.edit(&["--cleanup-expression", &kept]).await;
    assert_eq!(it.simulated().await, BTreeSet::new());
    let told = it.expect(0, &["user", "explain", "OneLogin", &username]).await;
    assert!(told.contains("the cleanup expression says keep, so nothing was done"), "{told}");
    let shown = it.expect(0, &["connector", "show", "OneLogin"]).await;
    assert!(shown.contains(&kept), "{shown}");

    // What fails keeps them too, and says so.
    it.edit(&["--cleanup-expression", "existing.display_name"]).await;
    assert_eq!(it.simulated().await, BTreeSet::new());
    let findings = it.findings().await;
    let [(kind, message)] = findings.as_slice() else { panic!("{findings:?}") };
    assert_eq!(kind, "expression");
    assert!(message.contains("decides nothing: it says "), "{message}");

    let gone = "'anonymise' if reason == 'gone'";
    it.edit(&["--cleanup-expression", gone]).await;
    assert_eq!(it.simulated().await, BTreeSet::from([format!("anonymise {username}")]));
    it.edit(&["--cleanup-expression", ""]).await;
    assert_eq!(it.simulated().await, BTreeSet::from([format!("deactivate {username}")]));

    let wrong = ["--cleanup-expression", "'keep' if\n existing.shoe == 1"];
    let told = it.expect(78, &[&["connector", "edit", "OneLogin"][..], &wrong].concat()).await;
    assert!(told.contains("leavers.cleanup_expression"), "{told}");
    assert!(told.contains("Line 2, character 2: existing has no \"shoe\""), "{told}");
}

#[tokio::test(flavor = "multi_thread")]
async fn expressions_about_joining_know_what_onelogin_tells_of_a_person() {
    let it = Installation::new(20, true).await;
    let admin = it.sandbox.admin();
    let people = admin.with_tenant(|tenant| {
        let ids = tenant.user_ids().iter();
        let people = ids.map(|id| tenant.user(*id).unwrap().into_owned());
        let active = people.filter(|it| it.status == 1 && it.username.is_some());
        active.take(2).collect::<Vec<_>>()
    });
    let [first, second] = people.as_slice() else { panic!("{people:?}") };
    let name = |user: &User| user.username.as_deref().unwrap().to_owned();
    for (user, cost_center) in [(first, "4611"), (second, "4711")] {
        let custom = serde_json::json!({ "costcenter": cost_center, "nick": null });
        let set = serde_json::json!({
            "company": "Acme Holding", "department": "Board", "custom_attributes": custom
        });
        admin.update_user(user.id, set).unwrap();
    }

    let budget = recipes("--assign-if")[1].clone();
    let of_company = recipes("--create-if")[1].replace("Acme", "Acme Holding");
    it.edit(&["--create-if", &of_company]).await;
    it.edit(&["--assign-if", &budget, "--assign-if", "board=user.department == 'Board'"]).await;
    let of = |steps: BTreeSet<String>, kind: &str, group: &str| -> BTreeSet<String> {
        let people = steps.iter().filter_map(|it| it.strip_prefix(kind)?.strip_suffix(group));
        people.map(str::to_owned).collect()
    };
    let both = BTreeSet::from([name(first), name(second)]);
    let steps = it.simulated().await;
    assert_eq!(of(steps.clone(), "create ", ""), both);
    assert_eq!(of(steps.clone(), "add-to-group ", " board"), both);
    assert_eq!(of(steps, "add-to-group ", " emea-budget"), BTreeSet::from([name(second)]));
    it.expect(0, &["sync", "OneLogin"]).await;
    assert_eq!(it.simulated().await, BTreeSet::new(), "the same rules, the same people");

    // One person alone is treated as by a run, now and by the stored read.
    let other = serde_json::json!({ "department": "Sales" });
    admin.update_user(first.id, other).unwrap();
    let left = format!("remove-from-group {} board", name(first));
    assert_eq!(it.simulated().await, BTreeSet::from([left]));
    let id = first.id.to_string();
    let told = it.expect(0, &["user", "explain", "OneLogin", &id]).await;
    assert!(told.contains("remove") && told.contains("board"), "{told}");
    let told = it.expect(0, &["user", "explain", "OneLogin", &id, "--run", "1"]).await;
    assert!(!told.contains("remove"), "{told}");

    for (wrong, place) in [
        (
            ["--create-if", "user.departmnt == 'x'"],
            "Line 1, character 1: OneLogin has no field \"departmnt\" of a user. Did you mean \"department\"?",
        ),
        (
            ["--assign-if", "g=true and user.shoe == 'x'"],
            "Line 1, character 10: OneLogin has no field \"shoe\"",
        ),
        (
            ["--cleanup-expression", "'keep' if user.first_name == 'x'"],
            "Line 1, character 11: OneLogin has no field \"first_name\" of a user. Did you mean \"firstname\"?",
        ),
        (["--create-if", "user is none"], "Line 1, character 1: there is no \"user\""),
    ] {
        let told = it.expect(78, &[&["connector", "edit", "OneLogin"][..], &wrong].concat()).await;
        assert!(told.contains(place), "{told}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cleanup_expression_knows_what_onelogin_still_tells_of_a_leaver() {
    let it = Installation::new(12, true).await;
    let admin = it.sandbox.admin();
    let people = admin.with_tenant(|tenant| {
        let ids = tenant.user_ids().iter();
        ids.map(|id| tenant.user(*id).unwrap().into_owned()).collect::<Vec<_>>()
    });
    let staff = admin.create_role("Staff").unwrap();
    for user in &people {
        admin.add_role_member(staff, user.id).unwrap();
    }
    let active = people.iter().filter(|it| it.status == 1 && it.username.is_some());
    let [board, sales, gone] = active.take(3).collect::<Vec<_>>()[..] else { panic!("{people:?}") };
    let name = |user: &User| user.username.as_deref().unwrap().to_owned();
    for (user, department) in [(board, "Board"), (sales, "Sales"), (gone, "Board")] {
        admin.update_user(user.id, serde_json::json!({ "department": department })).unwrap();
    }
    it.edit(&["--required-group", "role:Staff"]).await;
    it.expect(0, &["sync", "OneLogin"]).await;
    it.edit(&["--cleanup-expression", &recipes("--cleanup-expression")[1]]).await;
    admin.remove_role_member(staff, board.id).unwrap();
    admin.remove_role_member(staff, sales.id).unwrap();
    admin.delete_user(gone.id).unwrap();
    let expected = [format!("remove {}", name(gone)), format!("deactivate {}", name(sales))];
    assert_eq!(it.simulated().await, BTreeSet::from(expected));
    let kept = it.findings().await;
    let [(kind, message)] = kept.as_slice() else { panic!("{kept:?}") };
    assert_eq!(kind, "kept");
    assert!(message.contains("out of scope: needs role \"Staff\""), "{message}");

    let says_keep = "the cleanup expression says keep, so nothing was done";
    let explain = ["user", "explain", "OneLogin", &name(board)];
    let told = it.expect(0, &explain).await;
    assert!(told.contains(says_keep), "{told}");
    let told = it.expect(0, &["user", "explain", "OneLogin", &name(sales)]).await;
    assert!(told.contains("deactivate") && !told.contains(says_keep), "{told}");
    // By the stored read, without a call; whoever left was asked for then.
    let preview = it.json(3, &["connector", "edit", "OneLogin", "--preview"]).await;
    assert_eq!(preview["api_calls"], 0);
    assert_eq!(preview["findings"], serde_json::json!({ "kept": 1 }), "{preview}");
    // What the stored read was not asked for is not guessed.
    let other = ["--cleanup-expression", "'keep' if user.title == 'Chair'", "--preview"];
    let told = it.expect(1, &[&["connector", "edit", "OneLogin"][..], &other].concat()).await;
    assert!(told.contains("did not ask OneLogin for title"), "{told}");
}

/// The value of a flag in one of the recipes of the guide.
fn recipe(flag: &str) -> String {
    recipes(flag).swap_remove(0)
}

fn recipes(flag: &str) -> Vec<String> {
    const GUIDE: &str = include_str!("../../../../../docs/guide/expressions.md");
    let start = format!("rollcall connector edit OneLogin {flag} \"");
    let found = GUIDE.lines().filter_map(|it| it.strip_prefix(&start)?.strip_suffix('"'));
    found.map(str::to_owned).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn recipe_only_people_who_are_in_the_directory_already() {
    let it = Installation::new(20, true).await;
    it.expect(0, &["sync", "OneLogin"]).await;
    it.edit(&["--create-if", &recipe("--create-if")]).await;
    let admin = it.sandbox.admin();
    let (username, email) = (Some("newcomer".into()), Some("newcomer@acme.test".into()));
    admin.create_user(User { username, email, ..User::active() }).unwrap();
    let (id, username, _) = it.somebody();
    admin.update_user(id, serde_json::json!({ "firstname": "Other" })).unwrap();
    assert_eq!(it.simulated().await, BTreeSet::from([format!("update {username}")]));
    let findings = it.findings().await;
    let [(kind, message)] = findings.as_slice() else { panic!("{findings:?}") };
    assert_eq!(kind, "not-created");
    assert!(message.contains("the expression for new accounts says no"), "{message}");

    it.edit(&["--create-if", "user.username == 'newcomer'"]).await;
    assert!(it.simulated().await.contains("create newcomer"));
}

#[tokio::test(flavor = "multi_thread")]
async fn recipe_no_licence_group_for_portal_customers() {
    let it = Installation::new(20, true).await;
    let (id, customer, _) = it.somebody();
    let role = it.sandbox.admin().create_role("Portal customers").unwrap();
    it.sandbox.admin().add_role_member(role, id).unwrap();
    it.edit(&["--assign-if", &recipe("--assign-if")]).await;
    let steps = it.simulated().await;
    let created = steps.iter().filter(|it| it.starts_with("create ")).count();
    let licensed: Vec<&String> =
        steps.iter().filter(|it| it.ends_with(" jira-software-users")).collect();
    // The group itself, and everybody but one.
    assert_eq!(licensed.len(), 1 + created - 1, "{licensed:?}");
    assert!(!licensed.contains(&&format!("add-to-group {customer} jira-software-users")));

    let wrong = ["--assign-if", "jira-software-users"];
    let told = it.expect(64, &[&["connector", "edit", "OneLogin"][..], &wrong].concat()).await;
    assert!(told.contains("Write GROUP=EXPRESSION"), "{told}");
}

#[tokio::test(flavor = "multi_thread")]
async fn recipe_never_clean_up_members_of_an_always_active_group() {
    let it = Installation::new(20, true).await;
    let (id, _, _) = it.somebody();
    let role = it.sandbox.admin().create_role("always-active").unwrap();
    it.sandbox.admin().add_role_member(role, id).unwrap();
    it.edit(&["--cleanup-expression", &recipe("--cleanup-expression")]).await;
    it.expect(0, &["sync", "OneLogin"]).await;
    it.sandbox.admin().delete_user(id).unwrap();
    assert_eq!(it.simulated().await, BTreeSet::new());
    it.edit(&["--cleanup-expression", ""]).await;
    assert_eq!(it.simulated().await.len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn recipe_required_groups_by_id() {
    let it = Installation::new(20, true).await;
    let admin = it.sandbox.admin();
    let roles = ["First", "emea-sales"].map(|name| admin.create_role(name).unwrap());
    let ids = admin.with_tenant(|tenant| tenant.user_ids().to_vec());
    for (role, id) in
        [(roles[0], ids[0]), (roles[0], ids[1]), (roles[1], ids[1]), (roles[1], ids[2])]
    {
        admin.add_role_member(role, id).unwrap();
    }
    let typed = recipe("--required-group").replace("117", &roles[0].to_string());
    let scope = ["connector", "scope", "OneLogin", "--required-group", &typed];
    let counted = it.json(0, &scope).await;
    assert_eq!(counted["in_scope"], 3, "{counted}");

    for (typed, exit, why) in [
        ("where: group.name == 'nowhere'", 78, "is not among OneLogin's"),
        ("where: group.shoe", 78, "there is no \"group.shoe\""),
        ("where: group.name", 78, "it gives a text, not yes or no"),
    ] {
        let edit = ["connector", "scope", "OneLogin", "--required-group", typed];
        let told = it.expect(exit, &edit).await;
        assert!(told.contains(why), "{told}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_preview_predicts_as_many_calls_as_counting_takes() {
    let it = Installation::new(40, true).await;
    it.expect(0, &["simulate", "OneLogin"]).await;
    for choices in [&["--where", "email is not empty"][..], &["--groups-from", "roles,group"]] {
        it.edit(choices).await;
        it.expect(0, &["simulate", "OneLogin"]).await;
        let counted = it.json(0, &["connector", "scope", "OneLogin"]).await;
        let told = it.json(0, &["connector", "edit", "OneLogin", "--preview"]).await;
        assert_eq!(counted["api_calls"], told["api_calls_of_a_run"], "{choices:?} {told}");
        assert_eq!(told["api_calls"], 0);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_connector_is_duplicated_exported_and_made_again_of_its_file() {
    let it = Installation::new(20, false).await;
    it.expect(0, &["connector", "edit", "OneLogin", "--limit-renames", "7", "--every", "1h"]).await;
    let told = it.expect(0, &["connector", "duplicate", "OneLogin", "Lab"]).await;
    assert!(told.contains("Lab"), "{told}");
    let told = it.expect(78, &["sync", "Lab"]).await;
    assert!(told.contains("The connector \"Lab\" has no client secret"), "{told}");
    let told = it.expect(78, &["connector", "edit", "Lab", "--schedule", "on"]).await;
    assert!(told.contains("The connector \"Lab\" has no client secret"), "{told}");

    let text = it.expect(0, &["connector", "export", "OneLogin"]).await;
    assert_eq!(text, it.expect(0, &["connector", "export", "onelogin"]).await);
    assert!(!text.contains(it.sandbox.client_secret()), "{text}");
    let copy = it.json(0, &["connector", "export", "Lab"]).await;
    let mut one = it.json(0, &["connector", "export", "OneLogin"]).await;
    assert_eq!(one["settings"]["schedule"]["enabled"], true);
    one["settings"]["schedule"]["enabled"] = false.into();
    assert_eq!(copy["settings"], one["settings"]);

    let folder = it.folder.path();
    let file = folder.join("connector.json").display().to_string();
    std::fs::write(&file, &text).unwrap();
    let secret = folder.join("secret").display().to_string();
    let create = ["connector", "create", "Again", "--from", &file, "--client-secret-file", &secret];
    it.expect(0, &[&create[..], &["--limit-renames", "8"]].concat()).await;
    let again = it.json(0, &["connector", "export", "Again"]).await;
    assert_eq!(again["settings"]["safety"]["renames_max"], 8);
    assert_eq!(again["settings"]["source"], one["settings"]["source"]);
    std::fs::write(&file, text.replace("renames_max", "renames_most")).unwrap();
    let told = it.expect(64, &create).await;
    assert!(told.contains("There is no setting settings.safety.renames_most."), "{told}");
}
