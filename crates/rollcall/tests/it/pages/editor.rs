//! What stands around the settings of a connector: pictures of the steps, the schedule and what it
//! costs, and what settings come to before they are saved.

use rollcall::store::accounts::Role;
use rollcall::store::runs::Status;
use rollcall::store::{Db, connectors, schedules};

use super::browser::{Answer, Browser};
use super::world::{CONNECTOR, World};
use crate::databases::{on_both, on_sqlite};

/// The form of a tab as it is shown, with these fields instead.
pub(crate) async fn send(browser: &mut Browser, path: &str, fields: &[(&str, &str)]) -> Answer {
    let shown = browser.get(path).await;
    let (_, rest) = shown.text.split_once("name=\"version\" value=\"").unwrap();
    let version = rest.split('"').next().unwrap().to_owned();
    let token = shown.token();
    let rest = [("csrf", token.as_str()), ("version", version.as_str())];
    let fields: Vec<(&str, &str)> = fields.iter().copied().chain(rest).collect();
    browser.post(path, &fields).await
}

async fn is_paused(db: &Db) -> Option<String> {
    let connector = connectors::find(db, CONNECTOR).await.unwrap();
    let now = db.now().await.unwrap();
    let standings = schedules::standings(db, now).await.unwrap();
    standings.get(&connector.id).and_then(|it| it.pause.as_ref()).map(|it| it.reason.clone())
}

#[tokio::test]
async fn each_step_in_onelogin_stands_beside_the_form_with_a_picture_and_a_tick() {
    on_sqlite(async |db| {
        let world = World::new(&db, 5).await;
        let mut browser = world.service.signed_in(Role::Admin).await;
        let form = browser.get("/connectors/new/onelogin").await;
        let (_, steps) = form.text.split_once("Before you start").unwrap();
        for (step, picture) in [
            ("click Administration", "Click Administration"),
            ("click API Credentials", "picture-api-credentials-title"),
            ("Click New Credential", "picture-new-credential-title"),
            ("choose Read users", "picture-read-users-title"),
            ("Copy the Client ID and the Client Secret", "picture-copy-title"),
        ] {
            let (_, after) = steps.split_once(step).unwrap_or_else(|| panic!("{step}"));
            let (this, _) = after.split_once("</li>").unwrap();
            assert!(this.contains("<svg") && this.contains(picture), "{step}: {this}");
        }
        assert_eq!(steps.matches("type=\"checkbox\"").count(), 5);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_schedule_is_paused_with_a_reason_from_the_page_of_its_connector_and_resumed() {
    on_both(async |db| {
        let world = World::new(&db, 5).await;
        let mut admin = world.service.signed_in(Role::Admin).await;
        let path = "/connectors/1/sync-settings";
        let shown = admin.get(path).await;
        assert!(!shown.text.contains("/connectors/1/pause"), "nothing runs by itself");
        let scheduled =
            send(&mut admin, path, &[("schedule", "0 * * * *"), ("schedule-enabled", "on")]);
        assert_eq!(scheduled.await.status, 303);
        let mut operator = world.service.signed_in(Role::Operator).await;
        assert!(operator.get(path).await.text.contains("href=\"/connectors/1/pause\""));
        let pause = "/connectors/1/pause";
        let refused = operator.submit(pause, pause, &[("reason", " ")]).await;
        assert_eq!(refused.status, 422);
        assert!(refused.text.contains("id=\"reason-error\""), "{refused:?}");
        assert_eq!(is_paused(&db).await, None);
        let done = operator.submit(pause, pause, &[("reason", "moving house")]).await;
        assert_eq!((done.status.as_u16(), done.location()), (303, path));
        assert_eq!(is_paused(&db).await.as_deref(), Some("moving house"));
        let shown = operator.follow(&done).await;
        assert!(shown.text.contains("moving house"), "the page says why: {shown:?}");
        assert!(shown.text.contains("href=\"/connectors/1/resume\""), "{shown:?}");
        let resume = "/connectors/1/resume";
        operator.submit(resume, resume, &[("reason", "")]).await;
        assert_eq!(is_paused(&db).await, None);
        let mut viewer = world.service.signed_in(Role::Viewer).await;
        assert!(!viewer.get(path).await.text.contains("href=\"/connectors/1/pause\""));
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_schedule_tells_what_a_day_of_it_costs_by_the_last_run() {
    on_sqlite(async |db| {
        let world = World::new(&db, 30).await;
        let mut browser = world.service.signed_in(Role::Admin).await;
        let path = "/connectors/1/sync-settings";
        let fields = [("schedule", "0 * * * *"), ("schedule-enabled", "on")];
        send(&mut browser, path, &fields).await;
        let before = browser.get(path).await;
        assert!(before.text.contains("24 runs in the next 24 hours. After"), "{before:?}");
        assert_eq!(world.sync().await, Status::Succeeded);
        let run = rollcall::store::runs::list(&db, None, 1).await.unwrap().remove(0);
        let report = rollcall::store::runs::report::Report::read(&run.report);
        let calls = report.calls.total;
        assert!(0 < calls);
        let told = format!("about {calls} API calls each: {} a day.", calls * 24);
        let after = browser.get(path).await;
        assert!(after.text.contains(&told), "{told}: {after:?}");
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_history_is_drawn_and_told_as_a_table() {
    on_both(async |db| {
        let world = World::held(&db).await;
        let mut browser = world.service.signed_in(Role::Viewer).await;
        let runs = browser.get("/runs").await;
        for chart in ["Changes of each run", "Duration of each run", "API calls of each run"] {
            assert!(runs.text.contains(&format!(">{chart}</title>")), "{chart}: {runs:?}");
        }
        let (_, twin) = runs.text.split_once("What the charts show").unwrap();
        let (twin, _) = twin.split_once("</table>").unwrap();
        assert_eq!(twin.matches("<tr><th scope=\"row\">").count(), 2, "{twin}");
        let reports: Vec<_> = rollcall::store::runs::list(&db, None, 9)
            .await
            .unwrap()
            .iter()
            .map(|it| rollcall::store::runs::report::Report::read(&it.report))
            .collect();
        for report in reports {
            let (held, calls) = (report.held().total(), report.calls.total);
            assert!(twin.contains(&format!(">{held}<")), "{held}: {twin}");
            assert!(twin.contains(&format!(">{calls}<")), "{calls}: {twin}");
        }
        let none = browser.get("/runs?status=failed").await;
        assert!(!none.text.contains("<figure"), "nothing to draw: {none:?}");
    })
    .await;
}
