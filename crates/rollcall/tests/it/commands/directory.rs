//! People and groups of a published directory, looked up from the command line.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use super::Installation;

fn texts(answer: &Value, list: &str, key: &str) -> Vec<String> {
    let rows = answer[list].as_array().unwrap().iter();
    rows.map(|it| it[key].as_str().unwrap().to_owned()).collect()
}

impl Installation {
    /// Every page of a list, of seven rows each.
    async fn pages(&self, command: &[&str], list: &str, key: &str) -> Vec<String> {
        let (mut all, mut after) = (Vec::new(), String::new());
        loop {
            let page = [command, &["--limit", "7", "--after", &after]].concat();
            let answer = self.json(0, &page).await;
            all.extend(texts(&answer, list, key));
            let Some(next) = answer["next"].as_str() else { return all };
            assert_eq!(all.len() % 7, 0);
            next.clone_into(&mut after);
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn people_and_groups_are_listed_page_by_page_and_shown_with_why() {
    let it = Installation::new(30, true).await;
    it.expect(0, &["sync", "OneLogin"]).await;
    let (id, username, email, roles) = it.sandbox.admin().with_tenant(|tenant| {
        let user = tenant.user_ids().iter().map(|id| tenant.user(*id).unwrap());
        let user = user.clone().find(|user| 1 < user.role_ids.len()).unwrap();
        let roles = user.role_ids.iter().map(|it| tenant.roles()[it].name.clone());
        let (username, email) = (user.username.clone().unwrap(), user.email.clone().unwrap());
        (user.id, username.into_owned(), email.into_owned(), roles.collect::<BTreeSet<_>>())
    });
    let everybody = it.pages(&["user", "list", "jira"], "users", "username").await;
    assert_eq!(everybody.iter().collect::<BTreeSet<_>>().len(), 30);
    let groups = it.pages(&["group", "list", "jira"], "groups", "group").await;
    let role = roles.first().unwrap();
    assert!(groups.contains(role), "{groups:?}");

    let list = it.json(0, &["user", "list", "jira", "--search", &username.to_uppercase()]).await;
    assert_eq!((&list["total"], &list["users"][0]["email"]), (&json!(1), &json!(email)));
    let members = it.pages(&["group", "members", "jira", role], "members", "username").await;
    assert!(members.contains(&username), "{members:?}");
    let list = it.json(0, &["user", "list", "jira", "--group", role, "--state", "active"]).await;
    assert_eq!(list["total"], members.len());
    let none = it.expect(0, &["user", "list", "jira", "--state", "inactive"]).await;
    assert_eq!(none, "Nobody in jira matches.\n");

    for who in [&username, &email, &id.to_string()] {
        let shown = it.json(0, &["user", "show", "jira", who]).await;
        assert_eq!((&shown["username"], &shown["active"]), (&json!(username), &json!(true)));
        let groups: BTreeSet<_> = texts(&shown, "groups", "group").into_iter().collect();
        assert_eq!(groups, roles);
        let why = shown["groups"][0]["why"].as_str().unwrap();
        assert!(why.starts_with("granted by role"), "{why}");
        assert_eq!(shown["groups"][0]["run"], 1);
    }
    let shown = it.expect(0, &["group", "show", "jira", role]).await;
    assert!(shown.contains(&format!("Members  {}", members.len())), "{shown}");
    let edit = ["connector", "edit", "OneLogin", "--never-touch", role, "--privileged-group", "*"];
    it.expect(0, &edit).await;
    let shown = it.expect(0, &["group", "list", "jira", "--search", role]).await;
    assert!(shown.contains("privileged, never touched"), "{shown}");

    let near = format!("{role}x");
    for command in [&["group", "show", "jira"][..], &["group", "members", "jira"]] {
        let told = it.expect(64, &[command, &[&near]].concat()).await;
        assert!(told.contains(&format!("Did you mean \"{role}\"?")), "{told}");
    }
    let told = it.expect(1, &["user", "show", "jira", "nobody"]).await;
    assert!(told.contains("Nobody in jira is \"nobody\""), "{told}");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_history_of_somebody_is_told_also_once_they_are_gone() {
    let it = Installation::new(30, true).await;
    it.expect(0, &["connector", "edit", "OneLogin", "--cleanup", "delete"]).await;
    it.expect(0, &["sync", "OneLogin"]).await;
    let id = it.sandbox.admin().with_tenant(|tenant| tenant.user_ids()[0]);
    let username = it.sandbox.admin().user(id).unwrap().username.unwrap().into_owned();
    it.sandbox.admin().delete_user(id).unwrap();
    it.expect(0, &["sync", "OneLogin"]).await;
    it.expect(1, &["user", "show", "jira", &username]).await;
    for who in [&username, &id.to_string()] {
        let told = it.json(0, &["user", "history", "jira", who]).await;
        let kinds = texts(&told, "changes", "kind");
        assert_eq!((&*kinds[0], &told["changes"][0]["run"]), ("remove", &json!(2)));
        assert!(kinds.contains(&"create".to_owned()), "{kinds:?}");
    }
    let told = it.expect(0, &["user", "history", "jira", &username, "--limit", "1"]).await;
    assert!(told.contains("There are older changes") && told.contains("remove"), "{told}");
    let told = it.expect(1, &["user", "history", "jira", "nobody"]).await;
    assert!(told.contains("no run that is still kept knew somebody"), "{told}");
}
