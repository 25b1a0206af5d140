//! A run is taken back from its page: seen first, then done exactly so.

use rollcall::store::Db;
use rollcall::store::accounts::Role;
use rollcall::store::runs::report::Report;
use rollcall::store::runs::{self, Run, RunId, Status};
use serde_json::json;

use super::browser::{Answer, PASSWORD};
use super::editor;
use super::world::World;
use crate::databases::on_both;

async fn last(db: &Db) -> Run {
    runs::list(db, None, 1).await.unwrap().remove(0)
}

/// Waits for the end of the last run.
async fn ended(db: &Db) -> Run {
    for _ in 0..400 {
        let run = last(db).await;
        if run.finished_at.is_some() {
            return run;
        }
        tokio::time::sleep(std::time::Duration::from_millis(25)).await;
    }
    panic!("the run does not end: {:?}", last(db).await);
}

pub(crate) fn seen(shown: &Answer) -> String {
    let (_, rest) = shown.text.split_once("name=\"seen\" value=\"").unwrap_or_else(|| {
        panic!("nothing is shown: {shown:?}");
    });
    rest.split('"').next().unwrap().to_owned()
}

async fn first_name(db: &Db, id: i64) -> String {
    let targets = rollcall::store::targets::list(db).await.unwrap();
    let actual = rollcall::target::crowd::read(db, targets[0].id).await.unwrap();
    let id = reconcile::principal::ExternalId::new(&id.to_string());
    actual.directory.users[&id].first_name.to_string()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_run_is_taken_back_as_it_was_seen_or_not_at_all() {
    on_both(async |db| {
        let world = World::new(&db, 20).await;
        assert_eq!(world.sync().await, Status::Succeeded);
        let (ids, admin) = (world.ids(), world.sandbox.admin());
        let before = [first_name(&db, ids[0]).await, first_name(&db, ids[1]).await];
        for id in &ids[..2] {
            admin.update_user(*id, json!({ "firstname": "Changed" })).unwrap();
        }
        assert_eq!(world.sync().await, Status::Succeeded);
        let run = last(&db).await.id.0;
        let mut operator = world.service.signed_in(Role::Operator).await;
        let page = operator.get(&format!("/runs/{run}")).await;
        let undo = format!("/runs/{run}/undo");
        assert!(page.text.contains(&format!("href=\"{undo}\"")), "{page:?}");

        // Only what was done to one of them.
        let alone = operator.get(&format!("{undo}?user={}", ids[0])).await;
        assert!(alone.text.contains("rollcall undo") && alone.text.contains("--user"), "{alone:?}");
        let (token, of_alone) = (alone.token(), seen(&alone));
        let user = ids[0].to_string();
        let fields = |seen: &str, reason: &str, user: &str| {
            let fields = [("csrf", &*token), ("seen", seen), ("reason", reason), ("user", user)];
            fields.map(|(name, value)| (name.to_owned(), value.to_owned()))
        };
        let mut send = async |fields: [(String, String); 4]| {
            let fields: Vec<(&str, &str)> =
                fields.iter().map(|(name, value)| (&**name, &**value)).collect();
            operator.post(&undo, &fields).await
        };
        let unsaid = send(fields(&of_alone, " ", &user)).await;
        assert_eq!(unsaid.status, 422);
        assert!(unsaid.text.contains("id=\"reason-error\""), "{unsaid:?}");
        let other = send(fields(&of_alone, "by mistake", "")).await;
        assert_eq!(other.status, 422, "what was seen was of one person");
        assert!(other.text.contains("It is not what you saw"), "{other:?}");
        assert_eq!(last(&db).await.id.0, run, "nothing was done");
        // The question for the password goes on with the same person.
        let forget = "update sessions set proved_at = 0";
        rollcall::with_pool!(&db, pool => {
            sqlx::query(forget).execute(pool).await.unwrap();
        });
        let asked = send(fields(&of_alone, "by mistake", &user)).await;
        assert!(asked.text.contains(&format!("href=\"{undo}?user={user}\">Cancel<")), "{asked:?}");
        assert_eq!(last(&db).await.id.0, run, "nothing was done");
        let done = operator.prove(&asked, PASSWORD).await;
        assert_eq!(done.status, 303, "{done:?}");
        let undone = ended(&db).await;
        assert_eq!(undone.status, Status::Succeeded, "{}", undone.message);
        assert_eq!(done.location(), format!("/runs/{}", undone.id));
        assert_eq!(first_name(&db, ids[0]).await, before[0]);
        assert_eq!(first_name(&db, ids[1]).await, "Changed", "the other one stays");

        // It read nobody, and says so; what a run costs is still told by one that did.
        let record = operator.get(&format!("/runs/{}", undone.id)).await;
        let (_, phases) = record.text.split_once("id=\"run-phases\"").unwrap();
        let (phases, _) = phases.split_once("</ol>").unwrap();
        assert!(phases.contains("Skipped") && !phases.contains("Waiting"), "{phases}");
        assert!(record.text.contains("Nobody was read."), "{record:?}");
        let read = runs::find(&db, RunId(run)).await.unwrap().unwrap();
        let calls = Report::read(&read.report).calls.total;
        let mut admin = world.service.signed_in(Role::Admin).await;
        let hourly = [("schedule", "0 * * * *"), ("schedule-enabled", "on")];
        let path = "/connectors/1/sync-settings";
        assert_eq!(editor::send(&mut admin, path, &hourly).await.status, 303);
        let shown = admin.get(path).await;
        assert!(0 < calls);
        assert!(shown.text.contains(&format!("about {calls} API calls each")), "{shown:?}");

        // And then the rest.
        let rest = operator.get(&undo).await;
        let (token, of_rest) = (rest.token(), seen(&rest));
        let form = [("csrf", &*token), ("seen", &*of_rest), ("reason", "all of it")];
        let done = operator.post(&undo, &form).await;
        assert_eq!(done.status, 303, "{done:?}");
        ended(&db).await;
        assert_eq!(first_name(&db, ids[1]).await, before[1]);
        let nothing = operator.get(&format!("{undo}?user=nobody")).await;
        assert!(nothing.text.contains("Nothing to undo"), "{nothing:?}");
        let mut viewer = world.service.signed_in(Role::Viewer).await;
        assert!(!viewer.get(&format!("/runs/{run}")).await.text.contains(&undo));
        assert_eq!(viewer.get("/runs/999/undo").await.status, 403);
        assert_eq!(operator.get("/runs/999/undo").await.status, 404);
    })
    .await;
}
