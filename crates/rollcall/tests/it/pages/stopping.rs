//! A run is stopped by whoever may start one, and watched by everybody else.

use reqwest::StatusCode;
use rollcall::store::accounts::Role;
use rollcall::store::runs::{self, Status};
use sandbox::onelogin::{Fault, Kind, When};

use super::chromium::{Scripts, in_window};
use super::world::World;
use crate::databases::on_sqlite;

#[test]
fn an_operator_stops_a_run_that_a_viewer_can_only_watch() {
    in_window(Scripts::On, async |window| {
        on_sqlite(async |db| {
            let world = World::new(&db, 20).await;
            let stall = Kind::StallBeforeHeaders { ms: 30_000 };
            world.sandbox.admin().inject(Fault::always(When::next("GET /api/2/users"), stall));
            let mut viewer = world.service.signed_in(Role::Viewer).await;
            let mut operator = world.service.signed_in(Role::Operator).await;
            let started = operator.submit("/account", "/connectors/1/sync", &[]).await;
            let run = started.location().to_owned();

            window.sign_in_as(&viewer, &world.service).await;
            window.goto(&world.service, &run).await;
            window.sees("Phases").await;
            window.sees("Running").await;
            assert!(!window.has("Stop").await, "a viewer stops nothing");
            let refused = viewer.submit("/account", &format!("{run}/stop"), &[]).await;
            assert_eq!(refused.status, StatusCode::FORBIDDEN);

            window.sign_in_as(&operator, &world.service).await;
            window.goto(&world.service, &run).await;
            window.click("Stop").await;
            window.sees("operator@example.com asked it to stop").await;
            window.sees("Stopped").await;
            let run = runs::list(&db, None, 1).await.unwrap().remove(0);
            assert_eq!(run.status, Status::Stopped);
        })
        .await;
    });
}
