//! What a run, a target and the list of connectors tell when something went wrong, and what they offer.

use jiff::{SignedDuration, Timestamp};
use rollcall::secret::Secret;
use rollcall::store::accounts::Role;
use rollcall::store::runs::report::Report;
use rollcall::store::runs::{self, Page, Status, events};
use rollcall::store::{connectors, targets};

use super::chromium::{Scripts, in_window};
use super::window::{DESKTOP, ZOOMED};
use super::world::{CONNECTOR, World};
use crate::databases::{on_both, on_sqlite};
use crate::store::somebody;

#[tokio::test(flavor = "multi_thread")]
async fn a_failed_run_says_what_it_changed_and_what_to_do() {
    on_sqlite(async |db| {
        let world = World::new(&db, 3).await;
        assert_eq!(world.sync().await, Status::Succeeded);
        let before = connectors::find(&db, CONNECTOR).await.unwrap();
        let (seal, act) = (&world.service.engine.seal, somebody().act(Timestamp::now()));
        let wrong = Secret::new("not the secret".to_owned());
        let settings = before.settings.clone();
        connectors::edit(&db, seal, &before, CONNECTOR, &settings, Some(&wrong), &act)
            .await
            .unwrap();
        let mut operator = world.service.signed_in(Role::Operator).await;
        let started = operator.submit("/connectors", "/connectors/1/sync", &[]).await;
        let path = started.location().to_owned();
        let failed = loop {
            let shown = operator.get(&path).await;
            if shown.text.contains("The run failed") {
                break shown;
            }
            tokio::time::sleep(std::time::Duration::from_millis(25)).await;
        };
        assert!(failed.text.contains("<strong>Nobody was changed.</strong>"), "{failed:?}");
        for way in [
            format!("action=\"{path}/retry\""),
            "href=\"/connectors/1/test\"".to_owned(),
            "href=\"/explain?connector=1\"".to_owned(),
        ] {
            assert_eq!(failed.text.matches(&way).count(), 1, "{way}: {failed:?}");
        }
        let mut viewer = world.service.signed_in(Role::Viewer).await;
        let shown = viewer.get(&path).await;
        assert!(!shown.text.contains("/retry\""), "{shown:?}");
        assert!(!shown.text.contains("/connectors/1/test"), "{shown:?}");
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_connector_without_a_target_is_led_to_one() {
    on_sqlite(async |db| {
        let world = World::new(&db, 1).await;
        let target = targets::find(&db, "jira").await.unwrap();
        targets::delete(&db, &target, &somebody().act(Timestamp::now())).await.unwrap();
        let mut admin = world.service.signed_in(Role::Admin).await;
        let refused = admin.submit("/account", "/connectors/1/sync", &[]).await;
        assert_eq!(refused.status, 409, "{refused:?}");
        assert!(refused.text.contains("href=\"/targets/new\">Add target<"), "{refused:?}");
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_run_took_has_its_publication_in_it() {
    on_both(async |db| {
        let world = World::new(&db, 300).await;
        assert_eq!(world.sync().await, Status::Succeeded);
        let run = runs::list(&db, None, 1).await.unwrap().remove(0);
        let report = Report::read(&run.report);
        let told: u64 = report.phases.iter().map(|it| it.ms).sum();
        let took = run.finished_at.unwrap().duration_since(run.started_at);
        // Clocks of databases are a few milliseconds coarse.
        let told = SignedDuration::from_millis(i64::try_from(told).unwrap() - 20);
        assert!(told <= took, "{told:?} in {took:?}");
        let apply = report.phases.iter().find(|it| it.phase == "apply").unwrap();
        let page = Page { after: 0, rows_max: 500 };
        let events = events::list(&db, run.id, page).await.unwrap();
        let began = events.iter().find(|it| it.kind == "phase" && it.body.contains("apply"));
        let applied = run.finished_at.unwrap().duration_since(began.unwrap().at).as_millis();
        assert!(i128::from(apply.ms) <= applied + 20, "{} ms in {applied} ms", apply.ms);
        // The page says what the record says.
        let mut viewer = world.service.signed_in(Role::Viewer).await;
        let shown = viewer.get(&format!("/runs/{}", run.id)).await;
        let took = match apply.ms {
            ms @ ..1_000 => format!("{ms} ms"),
            ms => format!("{} s", ms / 1_000),
        };
        let station = format!("<strong>Apply</strong><span class=\"aside\">{took}</span>");
        assert!(shown.text.contains(&station), "{station}: {shown:?}");
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_target_is_deleted_by_its_name_and_asks_again_for_another() {
    on_sqlite(async |db| {
        let world = World::new(&db, 1).await;
        let mut admin = world.service.signed_in(Role::Admin).await;
        let fields = [("confirm", "jria")];
        let again = admin.submit("/targets/1", "/targets/1/delete", &fields).await;
        assert_eq!(again.status, 422, "{again:?}");
        assert!(again.text.contains("<h2>Nothing was deleted.</h2>"), "{again:?}");
        assert!(again.text.contains("id=\"confirm-error\""), "{again:?}");
        assert!(again.text.contains("value=\"jria\""), "{again:?}");
        assert!(targets::find(&db, "jira").await.is_ok());
        // Another password is made by a second step.
        let shown = admin.get("/targets/1").await;
        let (_, more) = shown.text.split_once("<summary>Make another password</summary>").unwrap();
        let (more, _) = more.split_once("</details>").unwrap();
        assert!(more.contains("/targets/1/rotate-password\""), "{shown:?}");
        let fields = [("confirm", " JIRA")];
        let gone = admin.submit("/targets/1", "/targets/1/delete", &fields).await;
        assert_eq!(gone.location(), "/targets");
    })
    .await;
}

/// Whether every entry of the menu that is open can be seen and clicked.
const REACHED: &str =
    "const entries = [...document.querySelectorAll('details.menu[open] .menu-body a')];
    return String(entries.length > 4 && entries.every((it) => {
        it.scrollIntoView({ block: 'center' });
        const at = it.getBoundingClientRect();
        const top = (x) => it.contains(document.elementFromPoint(x, at.top + at.height / 2));
        return 0 <= at.left && at.right <= innerWidth && top(at.left + 4) && top(at.right - 4);
    }));";

#[test]
fn the_menu_of_a_connector_is_whole() {
    in_window(Scripts::On, async |window| {
        on_sqlite(async |db| {
            let world = World::new(&db, 3).await;
            assert_eq!(world.sync().await, Status::Succeeded);
            let admin = world.service.signed_in(Role::Admin).await;
            window.sign_in_as(&admin, &world.service).await;
            for (name, size) in [("wide", DESKTOP), ("narrow", ZOOMED)] {
                window.size(size).await;
                window.goto(&world.service, "/connectors").await;
                window.click(&format!("More actions for {CONNECTOR}")).await;
                for entry in ["Edit", "Sync single user", "Test connection", "Delete"] {
                    window.sees(entry).await;
                }
                window.becomes(REACHED, "true").await;
                for scheme in ["light", "dark"] {
                    window.prefer(scheme).await;
                    window.screenshot(&format!("menu-{name}-{scheme}")).await;
                }
                window.prefer("light").await;
            }
            window.click("Sync single user").await;
            window.arrives("/explain?connector=1").await;
        })
        .await;
    });
}

#[tokio::test(flavor = "multi_thread")]
async fn a_target_tells_who_called_and_read_nothing() {
    on_both(async |db| {
        let world = World::new(&db, 3).await;
        assert_eq!(world.sync().await, Status::Succeeded);
        let target = targets::find(&db, "jira").await.unwrap();
        let act = somebody().act(Timestamp::now());
        let password = targets::rotate_password(&db, &target, &act).await.unwrap();
        let product = reqwest::Client::builder().no_proxy().user_agent("Jira <b>").build().unwrap();
        let call = async |method: reqwest::Method, what: &str, password: &str| {
            let url = format!("{}/crowd/rest/usermanagement/1/{what}", world.service.url);
            let request = product.request(method, url).basic_auth("jira", Some(password));
            request.send().await.unwrap().status().as_u16()
        };
        let (get, delete) = (reqwest::Method::GET, reqwest::Method::DELETE);
        let right = password.expose();
        assert_eq!(call(get.clone(), "config/cookie", right).await, 200);
        assert_eq!(call(get.clone(), "search?entity-type=user", "canary").await, 401);
        assert_eq!(call(delete, "user?username=ada", right).await, 403);
        let mut viewer = world.service.signed_in(Role::Viewer).await;
        let titles =
            ["The service was reached", "A wrong application password", "A change was refused"];
        let shown = loop {
            let shown = viewer.get("/targets/1").await;
            if titles.iter().all(|it| shown.text.contains(it)) {
                break shown;
            }
            tokio::time::sleep(std::time::Duration::from_millis(25)).await;
        };
        assert!(shown.text.contains("Waiting for the product to read"), "nobody read: {shown:?}");
        assert_eq!(shown.text.matches("From 127.0.0.1, Jira &#60;b&#62;.").count(), 3, "{shown:?}");
        assert!(!shown.text.contains("canary"), "{shown:?}");
        assert_eq!(call(get, "search?entity-type=user", right).await, 200);
        loop {
            if viewer.get("/targets/1").await.text.contains("The product has read this directory") {
                break;
            }
            tokio::time::sleep(std::time::Duration::from_millis(25)).await;
        }
        // What it told goes with it.
        targets::delete(&db, &target, &act).await.unwrap();
    })
    .await;
}
