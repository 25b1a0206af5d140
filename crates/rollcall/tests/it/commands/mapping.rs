//! What becomes of people's attributes and of the names of groups: tried, set and followed.

use std::collections::BTreeMap;

use sandbox::onelogin::{Fault, Kind, When};
use serde_json::{Value, json};

use super::{Installation, run};

const ROWS: [&str; 6] = [
    "--map",
    "username = email or username | lower | strip-domain",
    "--map",
    "department = department | upper; otherwise clear",
    "--map",
    "synch.cost-center = custom_attributes.costcenter | prefix CC-",
];

impl Installation {
    async fn set(&self, choices: &[&str]) {
        self.expect(0, &[&["connector", "edit", "OneLogin"], choices].concat()).await;
    }

    async fn refused(&self, code: i32, choices: &[&str]) -> String {
        self.expect(code, &[&["connector", "edit", "OneLogin"], choices].concat()).await
    }

    /// Users of a simulation by external id: what the plan says of each.
    async fn planned(&self, kind: &str) -> BTreeMap<String, Value> {
        let output = run(self.folder.path(), &["simulate", "OneLogin", "--json"]).await;
        assert!(matches!(output.status.code(), Some(0 | 3)), "{output:?}");
        let answer: Value = serde_json::from_slice(&output.stdout).unwrap();
        let steps = answer.pointer("/targets/0/steps").unwrap().as_array().unwrap();
        let of_kind = steps.iter().filter(|it| it["kind"] == kind);
        of_kind.map(|it| (it["username"].as_str().unwrap().to_owned(), it.clone())).collect()
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn rules_are_tried_before_they_are_saved_and_followed_after() {
    let it = Installation::new(30, true).await;
    let tried = it.json(0, &[&["connector", "map", "OneLogin"][..], &ROWS].concat()).await;
    assert_eq!((&tried["saved"], &tried["everyone"]["people"]), (&false.into(), &30.into()));
    let rows = tried["everyone"]["rows"].as_array().unwrap();
    let row = |target: &str| rows.iter().find(|it| it["target"] == target).unwrap().clone();
    assert_eq!(row("username")["changes"], 0, "the saved rules make the same: {rows:?}");
    assert_eq!(row("username")["collides"], 0);
    assert_eq!(row("synch.cost-center")["changes"], 30);
    assert_eq!(row("email")["changes"], 0, "the fixed rule");
    assert_eq!(row("department")["changes"], 30);
    assert_eq!(row("department")["examples"].as_array().unwrap().len(), 3);
    let shown = it.json(0, &["connector", "show", "OneLogin"]).await;
    assert_eq!(shown["mapping"], json!({ "rows": [], "key": null }), "nothing was saved");

    it.set(&ROWS).await;
    let shown = it.expect(0, &["connector", "show", "OneLogin"]).await;
    assert!(shown.contains("username = email or username | lower | strip-domain"), "{shown}");
    it.expect(0, &["sync", "OneLogin"]).await;
    assert_eq!(it.planned("update").await, BTreeMap::new(), "the same rules, the same users");
    let again = it.json(0, &["connector", "map", "OneLogin", "--everyone"]).await;
    assert_eq!(again["api_calls"], 0, "the stored read tells");
    assert!(again["everyone"]["read_at"].is_string());
    assert_eq!(
        (&tried["everyone"]["with_account"], &again["everyone"]["with_account"]),
        (&0.into(), &30.into())
    );
    let rows = again["everyone"]["rows"].as_array().unwrap();
    assert!(rows.iter().all(|it| it["changes"] == 0), "accounts have it by now: {rows:?}");
    let renaming = ["connector", "map", "OneLogin", "--map", "username = email"];
    let told = it.expect(0, &renaming).await;
    assert!(told.contains("Each is compared with the account that they have."), "{told}");
    assert!(
        told.contains("username = email\n    changes 30 values, empties 0, collides 0"),
        "{told}"
    );
    let lost = "department has no row any more\n    changes 0 values, empties 30, collides 0";
    assert!(told.contains(lost), "{told}");
    let user = it.sandbox.admin().with_tenant(|tenant| {
        let with_email = |id: &&i64| tenant.user(**id).unwrap().email.is_some();
        let id = *tenant.user_ids().iter().find(with_email).unwrap();
        tenant.user(id).unwrap().into_owned()
    });
    let email = user.email.as_deref().unwrap();
    let told = it.expect(0, &["user", "explain", "OneLogin", &user.id.to_string()]).await;
    let username = email.split('@').next().unwrap().to_lowercase();
    let line = format!("username from email by lower | strip-domain: {email:?} -> {username:?}");
    assert!(told.contains(&line), "{told}\n{line}");
    let cost_center = user.custom_attributes["costcenter"].as_deref().unwrap();
    assert!(told.contains(&format!("synch.cost-center CC-{cost_center}")), "{told}");

    it.sandbox.admin().update_user(user.id, json!({ "department": "Moved" })).unwrap();
    let updates = it.planned("update").await;
    assert_eq!(updates.keys().collect::<Vec<_>>(), [&username]);
    let tried = it.json(0, &["connector", "map", "OneLogin", "--user", email]).await;
    let rows = tried["people"][0]["rows"].as_array().unwrap();
    let department = rows.iter().find(|it| it["target"] == "department").unwrap();
    assert_eq!((&department["before"], &department["after"]), (&"Moved".into(), &"MOVED".into()));
    assert_eq!(tried["saved"], true);
}

#[tokio::test(flavor = "multi_thread")]
async fn somebody_typed_by_hand_costs_no_call() {
    let it = Installation::new(5, false).await;
    let sample = "email=Maya.Lee@Acme.com,firstname=Maya,custom_attributes.costcenter=7";
    let told = [&["connector", "map", "OneLogin", "--sample", sample][..], &ROWS].concat();
    let tried = it.json(0, &told).await;
    assert_eq!(tried["api_calls"], 0);
    let rows = tried["people"][0]["rows"].as_array().unwrap();
    let after = |target: &str| {
        let row = rows.iter().find(|it| it["target"] == target).unwrap();
        row["after"].as_str().unwrap().to_owned()
    };
    assert_eq!([after("username"), after("synch.cost-center")], ["maya.lee", "CC-7"]);
    let told = it.expect(0, &told).await;
    assert!(told.contains("Nothing was saved."), "{told}");
    let arguments = ["connector", "map", "OneLogin", "--sample", "emial=x"];
    let told = it.expect(64, &arguments).await;
    assert!(told.contains("Did you mean \"email\"?"), "{told}");
}

#[tokio::test(flavor = "multi_thread")]
async fn rules_that_cannot_be_used_are_refused_and_nothing_is_saved() {
    let it = Installation::new(5, false).await;
    for (choices, why) in [
        (&["--map", "username = emial"][..], "Did you mean \"email\"?"),
        (&["--map", "title = title", "--map", "synch.title = email"], "made by another row, too"),
        (&["--map", "title = mapped.phone", "--map", "phone = mapped.title"], "in a circle"),
        (&["--map", "title = title | replace \"/(/\" \"x\""], "mapping.rows"),
        (&["--map", "title = title | replace \"/(a{1000}){1000}/\" \"x\""], "mapping.rows"),
        (&["--map", "title = {{ user.title + }}"], "The expression cannot be used."),
        (&["--map", "nonsense"], "A row is a target"),
        (&["--key", "emial"], "mapping.key"),
        (&["--status", "asleep = keep"], "source.statuses"),
        (&["--group-names", "shout"], "groups.names"),
    ] {
        let told = it.refused(78, choices).await;
        assert!(told.contains(why), "{choices:?}: {told}");
    }
    let shown = it.json(0, &["connector", "show", "OneLogin"]).await;
    assert_eq!(shown["mapping"]["rows"], json!([]));
}

#[tokio::test(flavor = "multi_thread")]
async fn another_key_keeps_accounts_and_who_is_gone_is_asked_for_by_the_source_id() {
    let it = Installation::new(20, true).await;
    it.expect(0, &["sync", "OneLogin"]).await;
    it.set(&["--key", "email | lower"]).await;
    let told = it.expect(0, &["sync", "OneLogin"]).await;
    assert!(told.contains("Everything already matches."), "an account keeps its key: {told}");
    let admin = it.sandbox.admin();
    let user = |name: &str| sandbox::onelogin::User {
        username: Some(name.to_owned().into()),
        email: Some(format!("{name}@new.test").into()),
        ..sandbox::onelogin::User::active()
    };
    let first = admin.create_user(user("newcomer")).unwrap();
    it.expect(0, &["sync", "OneLogin"]).await;
    // Gone and back under another id: the same account.
    admin.delete_user(first).unwrap();
    let steps = it.planned("deactivate").await;
    assert!(steps["newcomer"]["reason"].as_str().unwrap().contains("gone"), "{steps:?}");
    admin.create_user(user("newcomer")).unwrap();
    assert_eq!(it.planned("create").await, BTreeMap::new());
    assert_eq!(it.planned("deactivate").await, BTreeMap::new());
    it.set(&["--key", ""]).await;
    assert_eq!(it.planned("create").await, BTreeMap::new(), "and when the key is as before");
}

#[tokio::test(flavor = "multi_thread")]
async fn statuses_and_names_of_groups_are_what_the_settings_say() {
    let it = Installation::new(20, true).await;
    it.expect(0, &["sync", "OneLogin"]).await;
    let admin = it.sandbox.admin();
    let id = admin.with_tenant(|tenant| tenant.user_ids()[3]);
    admin.update_user(id, json!({ "status": 2 })).unwrap();
    assert_eq!(it.planned("deactivate").await.len(), 1);
    it.set(&["--status", "suspended = keep"]).await;
    assert_eq!(it.planned("deactivate").await.len(), 0);

    let role = admin.with_tenant(|tenant| tenant.roles().values().next().unwrap().name.clone());
    it.set(&["--group-names", "lower | prefix ol-"]).await;
    let answer = it.json(3, &["simulate", "OneLogin"]).await;
    let text = answer.to_string();
    assert!(text.contains(&format!("ol-{}", role.to_lowercase())), "{text}");
}

/// As if an admin of OneLogin deleted the custom attribute with the cost centre.
fn without_cost_centers(endpoint: &str) -> Fault {
    let value = json!({ "nick": null });
    let kind = Kind::SetKey { key: "custom_attributes".to_owned(), value, row: None };
    Fault::always(When::next(endpoint), kind)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_custom_attribute_that_vanishes_takes_nothing_from_anybody_and_stops_nothing_else() {
    let it = Installation::new(30, true).await;
    it.set(&[
        "--map",
        "synch.cost-center = custom_attributes.costcenter; otherwise skip",
        "--map",
        "active = custom_attributes.costcenter | map none = no else yes",
    ])
    .await;
    it.expect(0, &["sync", "OneLogin"]).await;
    let admin = it.sandbox.admin();
    let user = admin.with_tenant(|it| it.user(it.user_ids()[4]).unwrap().into_owned());
    admin.inject(without_cost_centers("GET /api/2/users"));
    admin.update_user(user.id, json!({ "lastname": "Moved" })).unwrap();

    let told = it.json(0, &["sync", "OneLogin"]).await;
    assert_eq!(told["status"], "succeeded-with-skips", "{told}");
    let shown = it.json(0, &["run", "show", "2"]).await;
    let changes = shown["changes"].as_array().unwrap();
    assert_eq!(changes.len(), 1, "nobody but the one who moved: {changes:?}");
    let findings = shown["findings"].as_array().unwrap();
    assert_eq!(findings.len(), 1, "one for all: {findings:?}");
    let message = findings[0]["message"].as_str().unwrap();
    assert!(message.contains("accounts keep what they have"), "{message}");

    // One person alone is treated as by a run.
    let id = user.id.to_string();
    let told = it.expect(0, &["user", "explain", "OneLogin", &id]).await;
    assert!(told.contains("what the account has, as the source has no such field"), "{told}");
    let told = it.expect(0, &["user", "explain", "OneLogin", &id, "--run", "1"]).await;
    assert!(told.contains("compared with the directory as that run found it."), "{told}");
    let alone = it.json(0, &["user", "sync", "OneLogin", &id, "--simulate"]).await;
    assert!(!alone.to_string().contains("cost-center"), "nothing is cleared: {alone}");

    it.set(&["--key", "custom_attributes.costcenter", "--even-if-unknown"]).await;
    let told = it.refused_run().await;
    let sentence =
        "OneLogin has no \"custom_attributes.costcenter\", so people cannot be told apart by it.";
    assert!(told.contains(sentence), "{told}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_name_that_the_last_read_does_not_have_is_refused_with_what_may_be_meant() {
    let it = Installation::new(30, true).await;
    let role =
        it.sandbox.admin().with_tenant(|it| it.roles().values().next().unwrap().name.clone());
    let typed = format!("role:{role}x");
    let group = ["--required-group", &typed];
    let note =
        run(it.folder.path(), &[&["connector", "edit", "OneLogin"][..], &group].concat()).await;
    assert_eq!(note.status.code(), Some(0), "nothing was read yet: {note:?}");
    let note = String::from_utf8(note.stderr).unwrap();
    let sentence =
        format!("Whether OneLogin has \"{typed}\" was not checked: no read is stored yet.");
    assert!(note.contains(&sentence), "{note}");

    it.set(&["--required-group", "", "--map", "title = custom_attributes.costcenter"]).await;
    it.expect(0, &["sync", "OneLogin"]).await;
    let near = format!(
        " Did you mean \"{role}\"? If it is to be made in OneLogin later, add --even-if-unknown."
    );
    let of_group = format!(
        "The setting source.required_groups cannot be used as it is. The required group \"{typed}\" is not among OneLogin's roles.{near}"
    );
    let excluded = of_group
        .replace("source.required_groups", "source.scope.excluded_groups")
        .replace("required group", "excluded group");
    let attribute = |field: &str| {
        format!(
            "The setting {field} cannot be used as it is. OneLogin has no custom attribute \"cost_center\". Did you mean \"costcenter\"?"
        )
    };
    for (choices, sentence) in [
        (&group[..], of_group.clone()),
        (&["--excluded-group", &typed], excluded),
        (&["--where", "custom_attributes.cost_center = 7"], attribute("source.scope.conditions")),
        (&["--map", "title = custom_attributes.cost_center"], attribute("mapping.rows")),
        (&["--map", "title = {{ user.custom_attributes.cost_center }}"], attribute("mapping.rows")),
        (&["--key", "custom_attributes.cost_center"], attribute("mapping.key")),
        (
            &["--create-if", "user.custom_attributes.cost_center == '7'"],
            attribute("leavers.create_if"),
        ),
        (
            &["--assign-if", "g=user.custom_attributes.cost_center == '7'"],
            attribute("groups.assign_if"),
        ),
        (
            &["--cleanup-expression", "'keep' if user.custom_attributes.cost_center"],
            attribute("leavers.cleanup_expression"),
        ),
    ] {
        let told = it.refused(78, choices).await;
        assert!(told.contains(&sentence), "{choices:?}: {told}");
    }
    let shown = it.json(0, &["connector", "show", "OneLogin"]).await;
    assert_eq!(shown["required_groups"], json!([]), "nothing was saved");
    let row = ["--map", "title = custom_attributes.cost_center"];
    let tried = it.json(0, &[&["connector", "map", "OneLogin"][..], &row].concat()).await;
    let findings = tried["everyone"]["findings"].to_string();
    assert!(findings.contains("Did you mean"), "it is told before it is saved: {tried}");

    // What exists is saved, and so is what is meant, which is no reason to refuse something else.
    it.set(&["--excluded-group", &format!("role:{role}")]).await;
    it.set(&[&group[..], &["--even-if-unknown"]].concat()).await;
    it.set(&["--cleanup", "keep"]).await;
    // Other sources know it no better than those for which it was meant.
    it.set(&["--groups-from", "roles,group"]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_lacks_an_attribute_that_others_have_has_no_value_of_it() {
    let it = Installation::new(12, true).await;
    it.set(&["--map", "synch.cost-center = custom_attributes.costcenter"]).await;
    it.expect(0, &["sync", "OneLogin"]).await;
    let admin = it.sandbox.admin();
    let without = admin
        .create_user(sandbox::onelogin::User {
            username: Some("without".into()),
            ..sandbox::onelogin::User::active()
        })
        .unwrap();
    let line = "synch.cost-center from custom_attributes.costcenter: \"\" -> \"\"";
    let of_everybody = "the source has no such field";
    for flags in [&[][..], &["--last-read"]] {
        if !flags.is_empty() {
            it.expect(0, &["sync", "OneLogin"]).await;
        }
        let arguments = [&["user", "explain", "OneLogin", "without"][..], flags].concat();
        let told = it.expect(0, &arguments).await;
        assert!(told.contains(line) && !told.contains(of_everybody), "{flags:?}: {told}");
        let arguments =
            [&["connector", "map", "OneLogin", "--user", "without"][..], flags].concat();
        let tried = it.json(0, &arguments).await;
        assert!(!tried.to_string().contains("untold"), "{flags:?}: {tried}");
    }
    // Gone for everybody since the last read: one person alone loses nothing by it.
    admin.inject(without_cost_centers("GET /api/2/users"));
    let told = it.expect(0, &["user", "explain", "OneLogin", &without.to_string()]).await;
    assert!(told.contains(of_everybody), "{told}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_name_that_was_saved_as_meant_is_no_reason_to_refuse_another_edit() {
    let it = Installation::new(10, true).await;
    it.set(&["--map", "synch.cc = custom_attributes.costcenter"]).await;
    it.expect(0, &["sync", "OneLogin"]).await;
    let meant = "--even-if-unknown";
    it.set(&["--map", "synch.cc = custom_attributes.cc2", meant]).await;
    let told = it.refused(78, &["--key", "custom_attributes.cc2"]).await;
    assert!(told.contains("mapping.key"), "as a key it is new: {told}");
    it.set(&["--key", "custom_attributes.cc2", meant]).await;
    it.set(&["--key", ""]).await;
    it.set(&["--key", "custom_attributes.cc2", meant]).await;
    it.set(&["--map", ""]).await;
    let told = it.refused(78, &["--map", "synch.cc = custom_attributes.cc2"]).await;
    assert!(told.contains("mapping.rows"), "{told}");
}

impl Installation {
    async fn refused_run(&self) -> String {
        let output = run(self.folder.path(), &["sync", "OneLogin"]).await;
        assert_ne!(output.status.code(), Some(0), "{output:?}");
        String::from_utf8(output.stderr).unwrap()
    }
}
