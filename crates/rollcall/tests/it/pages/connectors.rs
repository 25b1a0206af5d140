//! Making a connector, setting it up, testing it and deleting it, by forms alone.

use std::time::Duration;

use jiff::Timestamp;
use reqwest::StatusCode;
use rollcall::source::onelogin::settings::RequiredGroups;
use rollcall::store::Db;
use rollcall::store::accounts::Role;
use rollcall::store::audit::actor::Actor;
use rollcall::store::connectors::settings::ConnectorSettings;
use rollcall::store::connectors::settings::groups::EmptyGroups;
use rollcall::store::connectors::settings::leavers::Cleanup;
use rollcall::store::connectors::{self, Connector};
use rollcall::store::schedules;
use sandbox::onelogin::{Data, Options, Population, Sandbox, Tenant};

use super::browser::{Answer, Browser, Service};
use crate::databases::{on_both, on_sqlite};

async fn one_login() -> Sandbox {
    let population = Population {
        users: 40,
        roles: 6,
        groups: 2,
        roles_per_user: 2,
        seed: 7,
        data: Data::Clean,
    };
    let options = Options { latency: Duration::ZERO, ..Options::quiet(7) };
    sandbox::onelogin::start(Tenant::generate(&population), options).await.unwrap()
}

/// Makes the connector `OneLogin` by the form, with a button.
async fn make(browser: &mut Browser, sandbox: &Sandbox, then: &str) -> Answer {
    let secret = sandbox.client_secret().to_owned();
    browser
        .submit(
            "/connectors/new/onelogin",
            "/connectors/new/onelogin",
            &[
                ("name", "OneLogin"),
                ("client-id", sandbox.client_id()),
                ("client-secret", &secret),
                ("base-url", "other"),
                ("url", &sandbox.base_url()),
                ("groups-from", "roles"),
                ("groups-from", "member_of"),
                ("required-group", ""),
                ("then", then),
            ],
        )
        .await
}

async fn admin(db: &Db) -> (Service, Browser, Sandbox) {
    let service = Service::start(db).await;
    let browser = service.signed_in(Role::Admin).await;
    (service, browser, one_login().await)
}

async fn stored(db: &Db) -> Connector {
    connectors::find(db, "OneLogin").await.unwrap()
}

/// Sends the form of a tab as it is shown, with these fields instead.
async fn send(browser: &mut Browser, path: &str, fields: &[(&str, &str)]) -> Answer {
    let shown = browser.get(path).await;
    assert_eq!(shown.status, StatusCode::OK, "{shown:?}");
    let (token, version) = (shown.token(), version(&shown));
    let rest = [("csrf", token.as_str()), ("version", version.as_str())];
    let fields: Vec<(&str, &str)> = fields.iter().copied().chain(rest).collect();
    browser.post(path, &fields).await
}

/// Sends the form of a tab as it was shown a while ago.
async fn later(
    browser: &mut Browser,
    shown: &Answer,
    path: &str,
    fields: &[(&str, &str)],
) -> Answer {
    let (token, version) = (shown.token(), version(shown));
    let rest = [("csrf", token.as_str()), ("version", version.as_str())];
    let fields: Vec<(&str, &str)> = fields.iter().copied().chain(rest).collect();
    browser.post(path, &fields).await
}

fn version(answer: &Answer) -> String {
    let (_, rest) = answer.text.split_once("name=\"version\" value=\"").unwrap();
    rest.split('"').next().unwrap().to_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_connector_is_made_as_the_guide_says() {
    on_both(async |db| {
        let (_service, mut browser, sandbox) = admin(&db).await;
        let gallery = browser.get("/connectors/new").await;
        assert!(gallery.text.contains("Create Connector"), "{gallery:?}");
        assert_eq!(gallery.text.matches("class=\"cover\"").count(), 1, "one provider is ready");
        let form = browser.get("/connectors/new/onelogin").await;
        for word in [
            "Administration",
            "DEVELOPERS",
            "API Credentials",
            "New Credential",
            "Read users",
            "Name",
            "Client ID",
            "Client Secret",
            "OneLogin Base URL",
            "Groups from member_of",
            "Groups from roles",
            "Group from group of a user",
            "Required OneLogin Groups",
            "Save and Return",
        ] {
            assert!(form.text.contains(word), "{word}");
        }
        let made = make(&mut browser, &sandbox, "return").await;
        assert_eq!((made.status, made.location()), (StatusCode::SEE_OTHER, "/connectors"));
        let list = browser.follow(&made).await;
        assert!(list.text.contains("OneLogin"), "{list:?}");
        let connector = stored(&db).await;
        assert_eq!(connector.settings.source.base_url, sandbox.base_url());
        assert_eq!(connector.settings.source.groups_from.len(), 2);
        let again = make(&mut browser, &sandbox, "stay").await;
        assert_eq!(again.status, StatusCode::UNPROCESSABLE_ENTITY);
        assert!(again.text.contains("id=\"name-error\""), "{again:?}");
        assert!(!again.text.contains(sandbox.client_secret()), "the secret is not shown again");
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn whatever_is_wrong_in_a_new_connector_is_told_at_its_field_at_once() {
    on_sqlite(async |db| {
        let (_service, mut browser, _sandbox) = admin(&db).await;
        let path = "/connectors/new/onelogin";
        let fields = [
            ("name", "OneLogin"),
            ("client-id", "a b"),
            ("base-url", "own"),
            ("subdomain", "ac_me"),
            ("required-group", "role:"),
            ("step-2", "on"),
        ];
        let refused = browser.submit(path, path, &fields).await;
        assert_eq!(refused.status, StatusCode::UNPROCESSABLE_ENTITY);
        for field in ["client-id", "client-secret", "base-url", "groups-from", "required-group"] {
            assert!(refused.text.contains(&format!("id=\"{field}-error\"")), "{field}");
            assert!(refused.text.contains(&format!("href=\"#{field}\"")), "{field}");
        }
        assert!(refused.text.contains("value=\"ac_me\""), "what was typed stays");
        assert!(refused.text.contains("id=\"step-2-on\" name=\"step-2\" value=\"on\" checked"));
        assert!(connectors::list(&db).await.unwrap().is_empty());
        let nothing = browser.get("/connectors/new/okta").await;
        assert_eq!(nothing.status, StatusCode::NOT_FOUND);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn every_tab_is_saved_and_shows_what_was_saved() {
    on_both(async |db| {
        let (_service, mut browser, sandbox) = admin(&db).await;
        make(&mut browser, &sandbox, "stay").await;
        let path = |tab: &str| format!("/connectors/{}/{tab}", 1);
        for (tab, fields) in [
            ("group-sync-settings", &[("groups-from", "group"), ("on-equal-names", "prefix")][..]),
            (
                "required-groups",
                &[
                    ("required-group", "role:Jira Users\r\n\r\nStaff"),
                    ("match", "all"),
                    ("where", "email ends with @acme.com"),
                ],
            ),
            ("user-provisioning", &[("protect", "admin\n*@partner.example")]),
            (
                "group-provisioning",
                &[
                    ("only-group", "jira-*"),
                    ("assign-with", "roles=everybody"),
                    ("empty-groups", "remove"),
                    ("empty-groups-days", "7"),
                ],
            ),
            (
                "sync-settings",
                &[("cleanup", "anonymise"), ("leave-groups", "on"), ("limit-renames", "9")],
            ),
        ] {
            let path = path(tab);
            let saved = send(&mut browser, &path, fields).await;
            assert_eq!(saved.status, StatusCode::SEE_OTHER, "{tab}: {saved:?}");
            assert_eq!(saved.location(), path);
            let shown = browser.follow(&saved).await;
            assert!(shown.text.contains("is saved"), "{tab}");
        }
        let settings = stored(&db).await.settings;
        assert_eq!(settings.source.groups_from.len(), 1);
        assert_eq!(settings.source.required_groups, ["role:Jira Users", "Staff"]);
        assert_eq!(settings.source.scope.matching, RequiredGroups::All);
        assert_eq!(settings.leavers.protected, ["admin", "*@partner.example"]);
        assert_eq!(settings.groups.only, ["jira-*"]);
        assert_eq!(settings.groups.with_source[0].group, "everybody");
        assert_eq!((settings.empty_groups, settings.groups.empty_days), (EmptyGroups::Remove, 7));
        assert_eq!((settings.cleanup, settings.leavers.leave_groups), (Cleanup::Anonymise, true));
        assert_eq!(settings.safety.renames_max, 9);
        let shown = browser.get(&path("group-provisioning")).await;
        assert!(shown.text.contains("jira-*</textarea>"), "{shown:?}");
        assert!(shown.text.contains("value=\"remove\" checked"), "{shown:?}");
        // A box that is not ticked is off.
        send(&mut browser, &path("sync-settings"), &[("cleanup", "anonymise")]).await;
        assert!(!stored(&db).await.settings.leavers.leave_groups);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_secret_stays_unless_it_is_replaced_and_a_new_address_needs_it() {
    on_both(async |db| {
        let (service, mut browser, sandbox) = admin(&db).await;
        make(&mut browser, &sandbox, "stay").await;
        let path = "/connectors/1/general";
        let shown = browser.get(path).await;
        assert!(shown.text.contains("by admin@example.com."), "{shown:?}");
        let url = sandbox.base_url();
        let fields = |name: &'static str| {
            [("name", name), ("client-id", sandbox.client_id()), ("base-url", "other")]
        };
        let renamed = [&fields("OneLogin Prod")[..], &[("url", &url)]].concat();
        let renamed = send(&mut browser, path, &renamed).await;
        assert_eq!(renamed.status, StatusCode::SEE_OTHER);
        let connector = connectors::find(&db, "OneLogin Prod").await.unwrap();
        let secret = connectors::client_secret(&db, &service.engine.seal, &connector).await;
        assert_eq!(secret.unwrap().expose(), sandbox.client_secret());
        let moved = [&fields("OneLogin Prod")[..], &[("url", "https://login.example.com")]];
        let moved = send(&mut browser, path, &moved.concat()).await;
        assert_eq!(moved.status, StatusCode::UNPROCESSABLE_ENTITY);
        assert!(moved.text.contains("id=\"client-secret-error\""), "{moved:?}");
        let replaced = [&fields("OneLogin Prod")[..], &[("url", &url), ("client-secret", " new ")]];
        let replaced = send(&mut browser, path, &replaced.concat()).await;
        assert_eq!(replaced.status, StatusCode::SEE_OTHER, "{replaced:?}");
        let connector = connectors::find(&db, "OneLogin Prod").await.unwrap();
        let secret = connectors::client_secret(&db, &service.engine.seal, &connector).await;
        assert_eq!(secret.unwrap().expose(), "new");
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_somebody_else_saved_meanwhile_is_shown_and_not_overwritten() {
    on_both(async |db| {
        let (service, mut ana, sandbox) = admin(&db).await;
        make(&mut ana, &sandbox, "stay").await;
        let path = "/connectors/1/sync-settings";
        let opened = ana.get(path).await;
        let mut other = service.signed_in(Role::Admin).await;
        send(&mut other, path, &[("cleanup", "keep"), ("grace-reads", "3")]).await;
        let (token, old) = (opened.token(), version(&opened));
        let form = [("csrf", token.as_str()), ("version", &old), ("cleanup", "delete")];
        let refused = ana.post(path, &form).await;
        assert_eq!(refused.status, StatusCode::CONFLICT, "{refused:?}");
        assert!(refused.text.contains("Somebody else saved this connector"), "{refused:?}");
        for part in ["admin@example.com", "disable", "keep"] {
            assert!(refused.text.contains(part), "{part}");
        }
        assert!(refused.text.contains("value=\"delete\" checked"), "what she typed is still there");
        assert_eq!(stored(&db).await.settings.cleanup, Cleanup::Keep);
        // Now she knows.
        let (token, new) = (refused.token(), version(&refused));
        let form = [("csrf", token.as_str()), ("version", &new), ("cleanup", "delete")];
        assert_eq!(ana.post(path, &form).await.status, StatusCode::SEE_OTHER);
        let settings = stored(&db).await.settings;
        assert_eq!((settings.cleanup, settings.leavers.grace_reads), (Cleanup::Delete, 3));
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn only_what_a_form_would_change_is_in_conflict_and_a_pause_outlives_every_save() {
    on_both(async |db| {
        let (service, mut ana, sandbox) = admin(&db).await;
        make(&mut ana, &sandbox, "stay").await;
        let path = "/connectors/1/sync-settings";
        let scheduled = [("schedule", "0 * * * *"), ("schedule-enabled", "on")];
        send(&mut ana, path, &scheduled).await;
        let opened = ana.get(path).await;

        // Another tab, a pause, and the very same.
        let mut other = service.signed_in(Role::Admin).await;
        send(&mut other, "/connectors/1/group-provisioning", &[("only-group", "jira-*")]).await;
        let pause = "/connectors/1/pause";
        let paused = other.submit(pause, pause, &[("reason", "Jira is moved")]).await;
        assert_eq!(paused.status, StatusCode::SEE_OTHER);
        send(&mut other, path, &[&scheduled[..], &[("grace-reads", "3")]].concat()).await;
        let typed = [&scheduled[..], &[("grace-reads", "3"), ("cleanup", "keep")]].concat();
        let saved = later(&mut ana, &opened, path, &typed).await;
        assert_eq!(saved.status, StatusCode::SEE_OTHER, "{saved:?}");
        let settings = stored(&db).await.settings;
        assert_eq!(settings.groups.only, ["jira-*"]);
        assert_eq!((settings.cleanup, settings.leavers.grace_reads), (Cleanup::Keep, 3));

        // What is in conflict is told alone.
        let opened = ana.get(path).await;
        let daily = [("schedule", "0 2 * * *"), ("schedule-enabled", "on")];
        send(&mut other, path, &[&daily[..], &[("grace-reads", "5")]].concat()).await;
        let typed = [&scheduled[..], &[("cleanup", "delete")]].concat();
        let refused = later(&mut ana, &opened, path, &typed).await;
        assert_eq!(refused.status, StatusCode::CONFLICT, "{refused:?}");
        let (_, conflict) = refused.text.split_once("id=\"conflict\"").unwrap();
        let (conflict, _) = conflict.split_once("What you typed is still below").unwrap();
        assert!(conflict.contains("0 2 * * *"), "{conflict}");
        for other in ["paused", "jira-*", "Counts as gone after", "keep"] {
            assert!(!conflict.contains(other), "{other}: {conflict}");
        }
        // Knowingly over theirs.
        let saved = later(&mut ana, &refused, path, &typed).await;
        assert_eq!(saved.status, StatusCode::SEE_OTHER, "{saved:?}");
        assert_eq!(stored(&db).await.settings.schedule.expression, "0 * * * *");
        let standings = schedules::standings(&db, db.now().await.unwrap()).await.unwrap();
        let pause = standings[&stored(&db).await.id].pause.clone();
        assert_eq!(pause.map(|it| it.reason).as_deref(), Some("Jira is moved"));
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn two_edits_of_one_state_do_not_overwrite_each_other() {
    on_both(async |db| {
        let (service, mut browser, sandbox) = admin(&db).await;
        make(&mut browser, &sandbox, "stay").await;
        let before = stored(&db).await;
        let actor = Actor::command_line("test", "here");
        let edit = async |cleanup| {
            let settings = ConnectorSettings { cleanup, ..before.settings.clone() };
            let act = actor.act(Timestamp::now());
            let seal = &service.engine.seal;
            connectors::edit(&db, seal, &before, "OneLogin", &settings, None, &act).await
        };
        edit(Cleanup::Keep).await.unwrap();
        let refused = edit(Cleanup::Delete).await.unwrap_err();
        assert!(refused.to_string().contains("Somebody else changed"), "{refused}");
        assert_eq!(stored(&db).await.settings.cleanup, Cleanup::Keep);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_review_tells_what_would_be_saved_and_saves_nothing() {
    on_sqlite(async |db| {
        let (_service, mut browser, sandbox) = admin(&db).await;
        make(&mut browser, &sandbox, "stay").await;
        let before = stored(&db).await;
        let fields = [("only-group", "jira-*"), ("then", "review")];
        let review = send(&mut browser, "/connectors/1/group-provisioning", &fields).await;
        assert_eq!(review.status, StatusCode::OK, "{review:?}");
        for part in [
            "What would be saved",
            "Only these groups",
            "<ins>jira-*</ins>",
            "1 unsaved change",
            "rollcall connector edit OneLogin --only-group &#39;jira-*&#39;",
        ] {
            assert!(review.text.contains(part), "{part}: {review:?}");
        }
        assert_eq!(stored(&db).await, before);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn whatever_cannot_be_set_is_told_at_its_field() {
    on_sqlite(async |db| {
        let (_service, mut browser, sandbox) = admin(&db).await;
        make(&mut browser, &sandbox, "stay").await;
        let before = stored(&db).await;
        for (tab, field, value) in [
            ("general", "minimum-remaining-api-calls", "many"),
            ("required-groups", "where", "shoe size = 43"),
            ("required-groups", "match", "some"),
            ("group-provisioning", "only-group", "/(/"),
            ("group-provisioning", "always-assign", "jira-*"),
            ("group-provisioning", "assign-with", "jira-users"),
            ("sync-settings", "limit-removals-percent", "101"),
            ("sync-settings", "grace-reads", ""),
            ("required-groups", "required-group", "where: 'yes'"),
            ("user-provisioning", "map", "title = {{ user.title | replace('/(/', '') }}"),
            ("user-provisioning", "create-if", "user.email is matching '/(/'"),
            ("group-provisioning", "assign-if", "g=groups.has('x', 'rol')"),
            ("sync-settings", "cleanup-expression", "'destroy'"),
        ] {
            let path = format!("/connectors/1/{tab}");
            let usual = [("name", "OneLogin"), ("client-id", "id"), ("base-url", "us")];
            let fields = [&usual[..], &[("groups-from", "roles"), (field, value)]].concat();
            let refused = send(&mut browser, &path, &fields).await;
            assert_eq!(refused.status, StatusCode::UNPROCESSABLE_ENTITY, "{field}");
            assert!(refused.text.contains(&format!("id=\"{field}-error\"")), "{field}");
            assert!(refused.text.contains(&format!("href=\"#{field}\"")), "{field}");
        }
        assert_eq!(stored(&db).await, before);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_connection_is_tested_and_the_report_names_every_step() {
    on_sqlite(async |db| {
        let (_service, mut browser, sandbox) = admin(&db).await;
        let made = make(&mut browser, &sandbox, "test").await;
        assert_eq!(made.status, StatusCode::TEMPORARY_REDIRECT, "{made:?}");
        assert_eq!(made.location(), "/connectors/1/test");
        let shown = browser.get("/connectors/1/test").await;
        assert!(!shown.text.contains("Credential accepted"), "opening it tries nothing");
        assert!(shown.text.contains("is saved"), "{shown:?}");
        let report = browser.submit("/connectors/1/test", "/connectors/1/test", &[]);
        let report = report.await;
        assert_eq!(report.status, StatusCode::OK, "{report:?}");
        for step in ["Name resolves", "Credential accepted", "May read users", "Sample"] {
            assert!(report.text.contains(step), "{step}: {report:?}");
        }
        assert!(report.text.contains("Usable"), "{report:?}");
        assert!(!report.text.contains(sandbox.client_secret()), "{report:?}");
        let url = sandbox.base_url();
        let wrong = [
            ("name", "OneLogin"),
            ("client-id", sandbox.client_id()),
            ("base-url", "other"),
            ("url", &url),
            ("client-secret", "wrong"),
        ];
        send(&mut browser, "/connectors/1/general", &wrong).await;
        let report = browser.submit("/connectors/1/test", "/connectors/1/test", &[]).await;
        assert!(report.text.contains("Not usable yet"), "{report:?}");
        assert!(report.text.contains("not tried, needs the step above"), "{report:?}");
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_connector_is_deleted_by_whoever_types_its_name_and_says_why() {
    on_both(async |db| {
        let (_service, mut browser, sandbox) = admin(&db).await;
        make(&mut browser, &sandbox, "stay").await;
        let path = "/connectors/1/delete";
        let refused = browser.submit(path, path, &[("confirm", "Two"), ("reason", "moved")]).await;
        assert_eq!(refused.status, StatusCode::UNPROCESSABLE_ENTITY);
        let refused = browser.submit(path, path, &[("confirm", "OneLogin"), ("reason", "")]).await;
        assert!(refused.text.contains("id=\"reason-error\""), "{refused:?}");
        let form = [("confirm", "onelogin"), ("reason", "moved")];
        let deleted = browser.submit(path, path, &form).await;
        assert_eq!((deleted.status, deleted.location()), (StatusCode::SEE_OTHER, "/connectors"));
        assert!(connectors::list(&db).await.unwrap().is_empty());
        for path in ["/connectors/1", "/connectors/1/general", "/connectors/1/nothing"] {
            let gone = browser.get(path).await;
            let gone =
                if gone.status.is_redirection() { browser.follow(&gone).await } else { gone };
            assert_eq!(gone.status, StatusCode::NOT_FOUND, "{path}");
        }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_viewer_sees_every_tab_and_changes_nothing() {
    on_sqlite(async |db| {
        let (service, mut browser, sandbox) = admin(&db).await;
        make(&mut browser, &sandbox, "stay").await;
        let mut viewer = service.signed_in(Role::Viewer).await;
        for tab in [
            "general",
            "group-sync-settings",
            "required-groups",
            "user-provisioning",
            "group-provisioning",
            "sync-settings",
            "targets",
            "history",
        ] {
            let shown = viewer.get(&format!("/connectors/1/{tab}")).await;
            assert_eq!(shown.status, StatusCode::OK, "{tab}: {shown:?}");
            assert!(!shown.text.contains("name=\"then\""), "{tab}");
        }
        let refused = viewer.submit("/connectors/1/general", "/connectors/1/general", &[]).await;
        assert_eq!(refused.status, StatusCode::FORBIDDEN);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_copy_has_every_setting_but_no_secret_and_runs_only_once_it_has_one() {
    on_both(async |db| {
        let (service, mut browser, sandbox) = admin(&db).await;
        make(&mut browser, &sandbox, "stay").await;
        let one = stored(&db).await;
        let (engine, actor) = (&service.engine, Actor::account("ana@example.com", ""));
        let mut settings = one.settings.clone();
        settings.schedule.enabled = true;
        settings.safety.renames_max = 7;
        let act = actor.act(Timestamp::now());
        let name = one.name.as_str();
        connectors::edit(&db, &engine.seal, &one, name, &settings, None, &act).await.unwrap();

        let listed = browser.get("/connectors").await;
        for way in ["/connectors/1/duplicate\">Duplicate", "/connectors/1/export\" download>Export"]
        {
            assert!(listed.text.contains(way), "{way}: {listed:?}");
        }
        assert!(listed.text.contains("rollcall connector export OneLogin"), "{listed:?}");
        let path = "/connectors/1/duplicate";
        let shown = browser.get(path).await;
        assert!(shown.text.contains("value=\"OneLogin copy\""), "{shown:?}");
        let taken = browser.submit(path, path, &[("name", "ONELOGIN")]).await;
        assert_eq!(taken.status, StatusCode::UNPROCESSABLE_ENTITY, "{taken:?}");
        assert!(taken.text.contains("id=\"name-error\""), "{taken:?}");
        let made = browser.submit(path, path, &[("name", "Lab & more")]).await;
        let copy = connectors::find(&db, "lab & more").await.unwrap();
        let of_copy = |way: &str| format!("/connectors/{}/{way}", copy.id);
        assert_eq!(made.location(), of_copy("general"), "{made:?}");
        let shown = browser.follow(&made).await;
        assert!(shown.text.contains("Its Client Secret is missing"), "{shown:?}");
        assert!(!shown.text.contains("Type to replace it."), "{shown:?}");
        settings.schedule.enabled = false;
        assert_eq!(copy.settings, settings);
        let audit = browser.get(&format!("/audit?noun=connector&object={}", copy.id)).await;
        assert!(
            audit.text.contains("OneLogin") && audit.text.contains("duplicate_of"),
            "{audit:?}"
        );

        // It neither runs nor is scheduled without one.
        let refused = browser.submit("/connectors", &of_copy("sync"), &[]).await;
        assert!(refused.text.contains("has no client secret"), "{refused:?}");
        let tab = &*of_copy("sync-settings");
        let on = [("schedule", "0 * * * *"), ("schedule-enabled", "on"), ("then", "stay")];
        let refused = send(&mut browser, tab, &on).await;
        assert!(refused.text.contains("has no client secret"), "{refused:?}");
        assert!(refused.text.contains(&of_copy("general#client-secret")), "{refused:?}");
        let secret = sandbox.client_secret().to_owned();
        let (id, url) = (sandbox.client_id().to_owned(), sandbox.base_url());
        let typed = [
            ("name", "Lab"),
            ("client-id", &*id),
            ("client-secret", &*secret),
            ("base-url", "other"),
            ("url", &*url),
            ("then", "stay"),
        ];
        send(&mut browser, &of_copy("general"), &typed).await;
        send(&mut browser, tab, &on).await;
        assert!(connectors::find(&db, "Lab").await.unwrap().settings.schedule.enabled);

        let file = browser.get("/connectors/1/export").await;
        assert_eq!(file.headers["content-type"], "application/json");
        let name = "attachment; filename=\"connector-1.json\"";
        assert_eq!(file.headers["content-disposition"], name);
        assert!(
            file.text.contains("\"renames_max\": 7") && !file.text.contains(&secret),
            "{file:?}"
        );
    })
    .await;
}
