//! What pages tell is so, when it is so, and in one way.

use jiff::Timestamp;
use rollcall::secret::Secret;
use rollcall::store::accounts::Role;
use rollcall::store::connectors::{self, Provider};
use rollcall::store::runs::Status;
use rollcall::store::targets::{self, TargetKind};
use rollcall::web::site::Site;
use serde_json::json;

use super::browser::Service;
use super::chromium::{Scripts, in_window};
use super::deciding::with_a_held_plan;
use super::editor::send;
use super::world::{CONNECTOR, World};
use crate::databases::on_sqlite;
use crate::store::somebody;

#[test]
fn a_target_tells_at_once_who_calls_before_anybody_is_read() {
    in_window(Scripts::On, async |window| {
        on_sqlite(async |db| {
            let world = World::new(&db, 3).await;
            assert_eq!(world.sync().await, Status::Succeeded);
            let target = targets::find(&db, "jira").await.unwrap();
            let act = somebody().act(Timestamp::now());
            let password = targets::rotate_password(&db, &target, &act).await.unwrap();
            let product = reqwest::Client::builder().no_proxy().build().unwrap();
            let test = async |password: &str| {
                let url =
                    format!("{}/crowd/rest/usermanagement/1/config/cookie", world.service.url);
                product.get(url).basic_auth("jira", Some(password)).send().await.unwrap();
            };
            let browser = world.service.signed_in(Role::Admin).await;
            window.sign_in_as(&browser, &world.service).await;
            window.goto(&world.service, "/targets/1").await;
            window.sees("Waiting for the product to call").await;
            window.script("window.isTheSame = true", vec![]).await;
            test("canary").await;
            window.sees("A wrong application password").await;
            window.sees("Waiting for the product to read").await;
            test(password.expose()).await;
            window.sees("The service was reached").await;
            assert_eq!(window.script("return window.isTheSame", vec![]).await, true);
            window.sees_not("must answer").await;
            window.assert_accessible().await;
        })
        .await;
    });
}

#[test]
fn times_go_on_in_the_words_of_the_service() {
    in_window(Scripts::On, async |window| {
        on_sqlite(async |db| {
            let world = World::new(&db, 3).await;
            assert_eq!(world.sync().await, Status::Succeeded);
            let browser = world.service.signed_in(Role::Viewer).await;
            window.sign_in_as(&browser, &world.service).await;
            window.goto(&world.service, "/").await;
            let script = "const time = document.querySelector('main time[data-relative]');
                time.dateTime = new Date(Date.now() - 1000 * arguments[0]).toISOString();
                document.dispatchEvent(new Event('visibilitychange'));
                return time.textContent;";
            for (seconds, words) in [
                (0, "just now"),
                (48, "48 s ago"),
                (119, "119 s ago"),
                (150, "2 min ago"),
                (3_600, "60 min ago"),
                (7_200, "2 h ago"),
                (86_400 * 5, "5 days ago"),
            ] {
                let told = window.script(script, vec![json!(seconds)]).await;
                assert_eq!(told, words, "{seconds}");
            }
        })
        .await;
    });
}

#[tokio::test]
async fn commands_are_shown_as_they_work_beside_this_service() {
    on_sqlite(async |db| {
        let command = "/opt/rollcall --data-dir '/srv/roll call' --allow-loopback".to_owned();
        let service = Service::start_at(&db, Site { command, ..Site::direct() }).await;
        // Where data is kept is nothing for strangers.
        let stranger = service.browser().get("/setup").await;
        assert!(stranger.text.contains(">rollcall account create"), "{stranger:?}");
        assert!(!stranger.text.contains("/srv"), "{stranger:?}");
        let mut admin = service.signed_in(Role::Admin).await;
        let begin = "/opt/rollcall --data-dir &#39;/srv/roll call&#39; --allow-loopback";
        for (path, command) in [
            ("/runs", "run list"),
            ("/audit", "audit list"),
            ("/audit", "audit export --format csv"),
            ("/settings/accounts", "account create EMAIL --name NAME --role viewer"),
            ("/settings/accounts", "account create {email|EMAIL}"),
            ("/connectors/new", "connector create --help"),
        ] {
            let shown = admin.get(path).await;
            assert!(shown.text.contains(&format!("{begin} {command}")), "{path}: {shown:?}");
            assert!(!shown.text.contains(">rollcall "), "{path}: {shown:?}");
        }
    })
    .await;
}

#[test]
fn what_is_no_time_and_no_minute_is_said_in_the_dialog_of_a_schedule_and_changes_nothing() {
    in_window(Scripts::On, async |window| {
        on_sqlite(async |db| {
            let world = World::new(&db, 3).await;
            let mut browser = world.service.signed_in(Role::Admin).await;
            let path = "/connectors/1/sync-settings";
            assert_eq!(send(&mut browser, path, &[("schedule", "5 7 * * *")]).await.status, 303);
            window.sign_in_as(&browser, &world.service).await;
            window.goto(&world.service, path).await;
            window.click("Change schedule").await;
            // What is behind an open dialog has no name for anybody.
            let shown = "return [document.getElementById('schedule').value,
                document.querySelector('dialog[open]').innerText.includes('A time is 00:00 to 23:59')]";
            let at = async |time: &str| {
                let script = "const time = document.getElementById('interval-time');
                    time.value = arguments[0];
                    time.dispatchEvent(new Event('change', { bubbles: true }));";
                window.script(script, vec![json!(time)]).await;
                window.script(shown, vec![]).await
            };
            for (time, expression, is_refused) in [
                ("25:00", "5 7 * * *", true),
                ("9.30", "5 7 * * *", true),
                ("", "5 7 * * *", true),
                ("9:30", "30 9 * * *", false),
            ] {
                assert_eq!(at(time).await, json!([expression, is_refused]), "{time}");
            }
            window.click("Advanced: the fields of the Cron expression").await;
            let minute = "const minute = document.querySelector('#interval [data-cron]');
                minute.value = '61';
                minute.dispatchEvent(new Event('input', { bubbles: true }));";
            window.script(minute, vec![]).await;
            let told = "return String(document.querySelector('dialog[open]').innerText.includes('The minute must be 0 to 59'))";
            window.becomes(told, "true").await;
            window.assert_accessible().await;
        })
        .await;
    });
}

#[test]
fn no_list_is_cut_off_on_a_phone_and_no_word_of_a_secret() {
    in_window(Scripts::Off, async |window| {
        on_sqlite(async |db| {
            let (world, plan) = with_a_held_plan(&db).await;
            let mut browser = world.service.signed_in(Role::Admin).await;
            let fields = [("which", "all"), ("reason", "no")];
            let rejected = browser.submit(&plan, &format!("{plan}/reject"), &fields).await;
            assert_eq!(rejected.status, 303, "{rejected:?}");
            let odd = json!({ "username": "", "email": null });
            world.sandbox.admin().update_user(world.ids()[20], odd).unwrap();
            world.sync().await;
            window.sign_in_as(&browser, &world.service).await;
            window.size((400, 800)).await;
            let user = format!("/users/1/{}", world.ids()[9]);
            let cut = "const tables = [...document.querySelectorAll('.table')];
                const seen = tables.filter((it) => it.checkVisibility({ contentVisibilityAuto: true }));
                return seen.filter((it) => it.clientWidth < it.scrollWidth).length + '/' + seen.length";
            for (path, tables) in [
                ("/targets", 1),
                ("/settings/safety", 1),
                ("/settings/accounts", 1),
                ("/account", 1),
                ("/rejections", 1),
                ("/runs", 1),
                ("/runs/3?tab=findings", 1),
                ("/runs/1?tab=changes", 1),
                ("/users", 1),
                (&user, 2),
            ] {
                window.goto(&world.service, path).await;
                let told = window.script(cut, vec![]).await;
                assert_eq!(told, format!("0/{tables}"), "{path}");
            }
            window.goto(&world.service, "/connectors/1/general").await;
            window.sees("Type to replace it.").await;
            window.assert_accessible().await;
        })
        .await;
    });
}

#[test]
fn a_name_of_one_long_word_leaves_the_other_columns_in_sight() {
    in_window(Scripts::Off, async |window| {
        on_sqlite(async |db| {
            let world = World::new(&db, 3).await;
            assert_eq!(world.sync().await, Status::Succeeded);
            let known = connectors::find(&db, CONNECTOR).await.unwrap();
            let (act, secret) = (somebody().act(Timestamp::now()), Secret::new("s".to_owned()));
            let (seal, provider) = (&world.service.engine.seal, Provider::OneLogin);
            let name = "W".repeat(70);
            let long =
                connectors::create(&db, seal, &name, provider, &known.settings, &secret, &act);
            let long = long.await.unwrap();
            targets::create(&db, &long, &"t".repeat(60), TargetKind::Crowd, &act).await.unwrap();
            let browser = world.service.signed_in(Role::Admin).await;
            window.sign_in_as(&browser, &world.service).await;
            for path in ["/", "/connectors", "/targets", "/runs"] {
                window.goto(&world.service, path).await;
                let wide =
                    "const right = document.getElementById('main').getBoundingClientRect().right;
                    return [...document.querySelectorAll('main :is(td, th, select, button)')]
                        .filter((it) => it.checkVisibility({ contentVisibilityAuto: true })
                            && right < it.getBoundingClientRect().right - 1)
                        .map((it) => it.textContent.trim()).join('; ')";
                assert_eq!(window.script(wide, vec![]).await, "", "{path}");
            }
        })
        .await;
    });
}
