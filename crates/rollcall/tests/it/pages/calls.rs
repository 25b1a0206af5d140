//! API calls: how many are left, and how many a run takes. One number, wherever it stands.

use jiff::Timestamp;
use rollcall::store::accounts::Role;
use rollcall::store::{Db, budgets};

use super::browser::Browser;
use super::world::World;
use crate::databases::on_both;

const PAGES: [&str; 3] = ["/connectors/1/general", "/connectors/1/budget", "/"];

/// What every page says of the calls that are left: the same.
async fn left(browser: &mut Browser) -> String {
    let mut told: Vec<String> = Vec::new();
    for page in PAGES {
        let answer = browser.get(page).await;
        let (_, gauge) = answer.text.split_once("<div class=\"gauge\"").unwrap_or_else(|| {
            panic!("{page} has no gauge: {answer:?}");
        });
        assert!(gauge.contains("asked <time"), "{page}: {gauge}");
        let (_, rest) = gauge.split_once("<strong>").unwrap();
        told.push(rest.split('<').next().unwrap().to_owned());
    }
    assert!(told.iter().all(|it| *it == told[0]), "{told:?}");
    told.remove(0)
}

async fn told_at(db: &Db) -> Timestamp {
    budgets::all(db).await.unwrap().into_values().next().unwrap().told_at
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_asks_onelogin_every_page_shows_the_newest_answer() {
    on_both(async |db| {
        let world = World::new(&db, 20).await;
        let mut operator = world.service.signed_in(Role::Operator).await;
        let general = operator.get(PAGES[0]).await;
        assert!(general.text.contains("is not known yet"), "{general:?}");

        let tested = operator.submit("/account", "/connectors/1/test", &[]).await;
        assert!(tested.text.contains("of 5,000, full again"), "{tested:?}");
        left(&mut operator).await;
        let mut last = told_at(&db).await;
        let id = world.ids()[0];
        // Before any run, each of them is told of.
        for asks in ["explain", "simulate one", "simulate", "sync"] {
            match asks {
                "explain" => {
                    let shown = operator.get(&format!("/explain?connector=1&user={id}")).await;
                    assert!(shown.text.contains("API calls used"), "{shown:?}");
                }
                "simulate one" => {
                    let path = format!("/explain/simulate?connector=1&user={id}");
                    assert!(operator.get(&path).await.status.is_success());
                }
                "simulate" => drop(world.simulated().await),
                _ => drop(world.sync().await),
            }
            let now = told_at(&db).await;
            assert!(last < now, "{asks} told nothing");
            last = now;
            left(&mut operator).await;
        }
        let left = left(&mut operator).await;
        let health = operator.get("/health-report").await;
        assert!(health.text.contains(&format!("{left} of 5,000 left, asked")), "{health:?}");
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_run_costs_is_one_number_on_every_tab() {
    on_both(async |db| {
        let world = World::new(&db, 20).await;
        world.sync().await;
        let mut admin = world.service.signed_in(Role::Admin).await;
        let groups = admin.get("/connectors/1/required-groups").await.text;
        let (_, measured) = groups.split_once("API calls of a run</dt><dd>").unwrap();
        let measured = measured.split('<').next().unwrap().to_owned();
        assert!(groups.contains(&format!("A run takes about {measured} API calls")), "{groups}");
        let fields = [("schedule", "0 * * * *"), ("schedule-enabled", "on")];
        let path = "/connectors/1/sync-settings";
        let shown = admin.submit(path, &format!("{path}/preview"), &fields).await.text;
        assert!(shown.contains(&format!("about {measured} API calls each")), "{shown}");
        for other in shown.split("A run takes about ").skip(1) {
            assert!(other.starts_with(&format!("{measured} ")), "{shown}");
        }
    })
    .await;
}
