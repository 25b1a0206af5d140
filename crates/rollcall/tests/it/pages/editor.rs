//! What stands around the settings of a connector: pictures of the steps, the schedule and what it
//! costs, and what settings come to before they are saved.

use rollcall::store::accounts::Role;
use rollcall::store::runs::Status;
use rollcall::store::{Db, connectors, schedules};
use serde_json::json;

use super::browser::{Answer, Browser, account};
use super::chromium::{Scripts, in_window};
use super::deciding::with_a_held_plan;
use super::window::key;
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
        let again = operator.submit(pause, pause, &[("reason", "another")]).await;
        let told = operator.follow(&again).await;
        assert!(told.text.contains("Its reason was not changed."), "{told:?}");
        assert_eq!(is_paused(&db).await.as_deref(), Some("moving house"));
        let shown = operator.follow(&done).await;
        assert!(shown.text.contains("moving house"), "the page says why: {shown:?}");
        assert!(shown.text.contains("href=\"/connectors/1/resume\""), "{shown:?}");
        let resume = "/connectors/1/resume";
        operator.submit(resume, resume, &[("reason", "")]).await;
        assert_eq!(is_paused(&db).await, None);
        operator.submit(pause, pause, &[("reason", "moving house")]).await;
        send(&mut admin, path, &[("schedule", "0 * * * *")]).await;
        let done = operator.submit(resume, resume, &[("reason", "")]).await;
        let told = operator.follow(&done).await;
        assert!(told.text.contains("is not paused any more. Its schedule is off."), "{told:?}");
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

#[tokio::test(flavor = "multi_thread")]
async fn a_list_is_saved_with_all_of_its_lines_however_long_it_is() {
    on_both(async |db| {
        let world = World::new(&db, 1).await;
        let mut admin = world.service.signed_in(Role::Admin).await;
        let names: Vec<String> =
            (0..900).map(|it| format!("protected.{it:03}@example.com")).collect();
        let typed = names.join("\r\n");
        assert!(20_000 < typed.len());
        let path = "/connectors/1/user-provisioning";
        let saved = send(&mut admin, path, &[("protect", &typed)]).await;
        assert_eq!(saved.status, 303, "{}", saved.status);
        let connector = connectors::find(&db, CONNECTOR).await.unwrap();
        assert_eq!(connector.settings.leavers.protected, names);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn no_limit_is_an_empty_field_and_stays_one() {
    on_sqlite(async |db| {
        let world = World::new(&db, 1).await;
        let mut admin = world.service.signed_in(Role::Admin).await;
        let path = "/connectors/1/sync-settings";
        let shown = admin.get(path).await;
        assert!(!shown.text.contains(&usize::MAX.to_string()), "{shown:?}");
        let saved = async |admin: &mut Browser, typed: &str| {
            let done = send(admin, path, &[("limit-email-changes", typed)]).await;
            assert_eq!(done.status, 303, "{done:?}");
            let connector = connectors::find(&db, CONNECTOR).await.unwrap();
            connector.settings.safety.email_changes_max
        };
        assert_eq!(saved(&mut admin, "7").await, 7);
        assert_eq!(saved(&mut admin, "").await, usize::MAX);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_wrong_with_a_field_does_not_speak_of_flags() {
    on_sqlite(async |db| {
        let world = World::new(&db, 1).await;
        let mut admin = world.service.signed_in(Role::Admin).await;
        let wrong = send(&mut admin, "/connectors/1/sync-settings", &[("jitter", "soon")]).await;
        assert_eq!(wrong.status, 422);
        assert!(wrong.text.contains("soon&#34; is no duration"), "{wrong:?}");
        assert!(!wrong.text.contains("--jitter &#34;"), "{wrong:?}");
    })
    .await;
}

/// Everything the source was asked, as a text.
fn asked(world: &World) -> String {
    format!("{:?}", world.sandbox.admin().ledger())
}

const PEOPLE: &str = "/connectors/1/user-provisioning";

#[tokio::test(flavor = "multi_thread")]
async fn rules_are_tried_with_what_is_typed_and_without_a_call() {
    on_both(async |db| {
        let world = World::new(&db, 30).await;
        let mut browser = world.service.signed_in(Role::Admin).await;
        let rows = "username = email | lower | strip-domain\ntitle = username | split @ 2";
        let early = send(&mut browser, PEOPLE, &[("map", rows), ("then", "try-everybody")]).await;
        assert_eq!(early.status, 200, "{early:?}");
        assert!(early.text.contains("No read of OneLogin Prod is stored yet"), "{early:?}");
        assert_eq!(world.sync().await, Status::Succeeded);
        let calls = asked(&world);
        let before = connectors::find(&db, CONNECTOR).await.unwrap();

        let all = send(&mut browser, PEOPLE, &[("map", rows), ("then", "try-everybody")]).await;
        let told = all.text.replace("&#39;", "'");
        for part in [
            "On the 30 people in scope",
            "changes 30 values, empties 0, collides 0",
            "split @ 2</textarea>",
            "rollcall connector map 'OneLogin Prod' --everyone --last-read --map 'username = email | lower | strip-domain'",
            "1 unsaved change",
        ] {
            assert!(told.contains(part), "{part}: {told}");
        }
        let id = world.ids()[3];
        let user = world.sandbox.admin().user(id).unwrap();
        let email = user.email.unwrap();
        let name = email.split('@').next().unwrap().to_lowercase();
        let fields = [("map", rows), ("try-user", &*email), ("then", "try-user")];
        let one = send(&mut browser, PEOPLE, &fields).await;
        assert!(one.text.contains(&format!("OneLogin id {id}")), "{one:?}");
        assert!(one.text.contains(&format!("</span>{name}</ins>")), "{name}: {one:?}");
        assert!(one.text.contains(&format!("value=\"{email}\"")), "what was typed stays");

        let typed = [("map", rows), ("try-sample", "email=Maya.Lee@Acme.com"), ("then", "try-sample")];
        let sample = send(&mut browser, PEOPLE, &typed).await;
        assert!(sample.text.contains("</span>maya.lee</ins>"), "{sample:?}");
        let typed = [("map", rows), ("try-sample", "shoe=43"), ("then", "try-sample")];
        let wrong = send(&mut browser, PEOPLE, &typed).await;
        assert!(wrong.text.contains("shoe"), "{wrong:?}");
        let typed = [("map", "username = "), ("then", "try-everybody")];
        let refused = send(&mut browser, PEOPLE, &typed).await;
        assert_eq!(refused.status, 422);
        assert!(refused.text.contains("id=\"map-error\""), "{refused:?}");

        assert_eq!(asked(&world), calls, "it cost a call");
        assert_eq!(connectors::find(&db, CONNECTOR).await.unwrap(), before, "nothing is saved");
        let mut viewer = world.service.signed_in(Role::Viewer).await;
        assert!(!viewer.get(PEOPLE).await.text.contains("Try these rules"));
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn somebody_is_explained_by_settings_that_are_not_saved() {
    on_sqlite(async |db| {
        let world = World::new(&db, 20).await;
        assert_eq!(world.sync().await, Status::Succeeded);
        let mut browser = world.service.signed_in(Role::Admin).await;
        let (id, calls) = (world.ids()[2], asked(&world));
        let username = world.sandbox.admin().user(id).unwrap().username.unwrap();
        let path = "/connectors/1/required-groups";
        let fields = [("where", "username = somebody.else"), ("explain-user", &*username)];
        let fields = [&fields[..], &[("then", "explain")]].concat();
        let out = send(&mut browser, path, &fields).await;
        assert_eq!(out.status, 200, "{out:?}");
        let told = out.text.replace("&#39;", "'");
        for part in [
            &*format!("id {id}</small>"),
            "username = somebody.else",
            "--last-read --where 'username = somebody.else'",
        ] {
            assert!(told.contains(part), "{part}: {told}");
        }
        assert!(!out.text.contains("Sync single user"), "that would be by what is saved");
        let nobody = [("explain-user", "no.body"), ("then", "explain")];
        let nobody = send(&mut browser, path, &nobody).await;
        assert!(nobody.text.contains("No one matches"), "{nobody:?}");
        assert_eq!(asked(&world), calls, "it cost a call");
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn each_group_source_has_a_sample_with_real_names() {
    on_both(async |db| {
        let world = World::new(&db, 30).await;
        let mut browser = world.service.signed_in(Role::Viewer).await;
        let path = "/connectors/1/group-sync-settings";
        let none = browser.get(path).await;
        assert_eq!(none.text.matches("No read is kept yet.").count(), 3, "{none:?}");
        assert_eq!(world.sync().await, Status::Succeeded);
        let shown = browser.get(path).await;
        let (count, largest) = world.sandbox.admin().with_tenant(|tenant| {
            let largest = tenant.roles().values().map(|it| it.members.len()).max();
            (tenant.roles().len(), largest.unwrap())
        });
        assert!(
            shown.text.contains(&format!("Sample: {count} roles in the last read: ")),
            "{shown:?}"
        );
        assert!(shown.text.contains(&format!("({largest} people)")), "{largest}: {shown:?}");
        assert_eq!(
            shown.text.matches("The last read did not ask for these.").count(),
            2,
            "{shown:?}"
        );
        let mut admin = world.service.signed_in(Role::Admin).await;
        let all = ["roles", "group", "member_of"].map(|it| ("groups-from", it));
        send(&mut admin, path, &all).await;
        let odd = json!({ "member_of": "Plain" });
        world.sandbox.admin().update_user(world.ids()[0], odd).unwrap();
        world.sync().await;
        let shown = browser.get(path).await;
        let one = "One of them is no distinguished name, and is taken whole.";
        assert!(shown.text.contains(one), "{shown:?}");
        for part in ["3 groups in the last read: ", "in the last read: "] {
            assert!(shown.text.contains(part), "{part}: {shown:?}");
        }
        assert!(!shown.text.contains("did not ask"), "{shown:?}");
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn required_groups_are_counted_and_corrected_before_they_are_saved() {
    on_sqlite(async |db| {
        let world = World::new(&db, 30).await;
        assert_eq!(world.sync().await, Status::Succeeded);
        let mut browser = world.service.signed_in(Role::Admin).await;
        let (name, members) = world.sandbox.admin().with_tenant(|tenant| {
            let role = tenant.roles().values().find(|it| 1 < it.members.len()).unwrap();
            (role.name.clone(), role.members.len())
        });
        let path = "/connectors/1/required-groups";
        let calls = asked(&world);
        let typed = format!("role:{name}");
        let review =
            send(&mut browser, path, &[("required-group", &typed), ("then", "review")]).await;
        let told = review.text.replace("&#34;", "\"");
        assert!(told.contains(&format!("role \"{name}\": {members} people")), "{told}");
        assert!(
            told.contains(&format!("<strong>{members} of 30 people in scope</strong>")),
            "{told}"
        );
        // What is read is as much here as of everybody: so it takes what the run took.
        let run = rollcall::store::runs::list(&db, None, 1).await.unwrap().remove(0);
        let calls_of_a_run = rollcall::store::runs::report::Report::read(&run.report).calls.total;
        assert!(told.contains(&format!("A run takes about {calls_of_a_run} API calls")), "{told}");
        let typed = format!("role:{name}x");
        // As scripts ask while one types.
        let shown = browser.get(path).await;
        let token = shown.token();
        let fields = [("csrf", &*token), ("required-group", &*typed)];
        let part = browser.post(&format!("{path}/preview"), &fields).await;
        assert!(
            part.text.replace("&#34;", "\"").contains(&format!("Did you mean \"{name}\"?")),
            "{part:?}"
        );
        // Saved it is only by whoever says that it is meant.
        for then in ["stay", "review"] {
            let fields = [("required-group", &*typed), ("then", then)];
            let refused = send(&mut browser, path, &fields).await;
            let text = refused.text.replace("&#34;", "\"");
            assert!(text.contains(&format!("Did you mean \"{name}\"?")), "{text}");
            assert!(text.contains("Nothing was saved."), "{text}");
            assert!(text.contains("name=\"even-if-unknown\""), "{text}");
        }
        let connector = || async { connectors::find(&db, CONNECTOR).await.unwrap().settings };
        assert!(connector().await.source.required_groups.is_empty());
        let meant = [("required-group", &*typed), ("even-if-unknown", "on")];
        let review = send(&mut browser, path, &[&meant[..], &[("then", "review")]].concat()).await;
        assert!(review.text.contains(" --even-if-unknown</code>"), "{review:?}");
        send(&mut browser, path, &[&meant[..], &[("then", "stay")]].concat()).await;
        assert_eq!(connector().await.source.required_groups, [typed]);
        assert_eq!(asked(&world), calls, "it cost a call");
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn names_that_no_read_tells_of_are_saved_with_a_word_about_it() {
    on_sqlite(async |db| {
        let world = World::new(&db, 5).await;
        let mut browser = world.service.signed_in(Role::Admin).await;
        let path = "/connectors/1/required-groups";
        let fields = [("required-group", "Staff"), ("then", "stay")];
        let saved = send(&mut browser, path, &fields).await;
        let shown = browser.get(saved.location()).await;
        let told = shown.text.replace("&#34;", "\"");
        let sentence = "Whether OneLogin has \"Staff\" was not checked: no read is stored yet.";
        assert!(told.contains(sentence), "{told}");
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_local_group_that_is_not_there_is_saved_with_a_word_about_it() {
    on_sqlite(async |db| {
        let world = World::new(&db, 5).await;
        let mut browser = world.service.signed_in(Role::Admin).await;
        let path = "/connectors/1/group-provisioning";
        let review =
            send(&mut browser, path, &[("adopt-group", "board"), ("then", "review")]).await;
        assert!(review.text.contains("--adopt-group board"), "{review:?}");
        let saved = send(&mut browser, path, &[("adopt-group", "board"), ("then", "stay")]).await;
        let told = browser.get(saved.location()).await.text.replace("&#34;", "\"");
        let sentence =
            "There is no local group \"board\" to adopt now. If somebody makes one, the next plan";
        assert!(told.contains(sentence), "{told}");
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_name_without_its_place_is_corrected_to_a_role_or_a_group() {
    on_sqlite(async |db| {
        let world = World::new(&db, 30).await;
        let mut browser = world.service.signed_in(Role::Admin).await;
        // An entry of member_of may be called anything, so a name alone may be one.
        let all = ["roles", "group", "member_of"].map(|it| ("groups-from", it));
        send(&mut browser, "/connectors/1/group-sync-settings", &all).await;
        assert_eq!(world.sync().await, Status::Succeeded);
        let (role, group) = world.sandbox.admin().with_tenant(|tenant| {
            let role = tenant.roles().values().next().unwrap().name.clone();
            (role, tenant.groups().values().next().unwrap().name.clone())
        });
        let path = "/connectors/1/required-groups";
        for name in [role, group] {
            let fields = [("required-group", &*format!("{name}x")), ("then", "review")];
            let review = send(&mut browser, path, &fields).await;
            let told = review.text.replace("&#34;", "\"");
            assert!(told.contains(&format!("Did you mean \"{name}\"?")), "{name}: {told}");
        }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_minimum_above_the_allowance_is_told_beside_its_field() {
    on_sqlite(async |db| {
        let world = World::new(&db, 5).await;
        assert_eq!(world.sync().await, Status::Succeeded);
        let mut browser = world.service.signed_in(Role::Admin).await;
        let path = "/connectors/1/general";
        let words = "OneLogin never allows more calls than the minimum";
        assert!(!browser.get(path).await.text.contains(words));
        let url = world.sandbox.base_url();
        let fields = [
            ("name", CONNECTOR),
            ("base-url", "other"),
            ("url", &*url),
            ("client-id", world.sandbox.client_id()),
            ("minimum-remaining-api-calls", "5000"),
        ];
        let saved = send(&mut browser, path, &fields).await;
        assert_eq!(saved.status, 303, "{saved:?}");
        let shown = browser.get(path).await;
        assert!(shown.text.contains(words), "{shown:?}");
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn every_action_of_a_connector_its_runs_and_plans_has_its_equal_command() {
    on_sqlite(async |db| {
        let world = World::held(&db).await;
        let mut admin = world.service.signed_in(Role::Admin).await;
        let plans = rollcall::store::plans::list(&db, None, true, None, 1).await.unwrap();
        let plan = plans[0].id;
        for (path, commands) in [
            (
                "/connectors".to_owned(),
                &["rollcall sync 'OneLogin Prod'", "rollcall simulate "][..],
            ),
            (
                "/connectors/1/general".to_owned(),
                &["rollcall sync ", "rollcall simulate ", "rollcall connector test "],
            ),
            (
                "/runs/1".to_owned(),
                &["rollcall run show 1", "rollcall run retry 1", "rollcall undo 1"],
            ),
            (
                format!("/plans/{plan}"),
                // The read is too short: there is nothing to reject.
                &["rollcall plan show ", "rollcall plan approve "],
            ),
            (
                "/targets/1".to_owned(),
                &[
                    "rollcall target rotate-password jira",
                    "rollcall target delete jira --confirm jira",
                ],
            ),
        ] {
            let shown = admin.get(&path).await.text.replace("&#39;", "'");
            for command in commands {
                assert!(shown.contains(&format!(">{command}")), "{path}: {command}: {shown}");
            }
        }
        let short = admin.get(&format!("/plans/{plan}")).await;
        assert!(!short.text.contains("<code>rollcall plan reject"), "{short:?}");
        let mut viewer = world.service.signed_in(Role::Viewer).await;
        let shown = viewer.get("/connectors/1/general").await;
        assert!(!shown.text.contains("<code>rollcall sync"), "nothing that is refused: {shown:?}");
    })
    .await;
}

#[test]
fn a_required_group_is_corrected_while_one_types() {
    in_window(Scripts::On, async |window| {
        on_sqlite(async |db| {
            let world = World::new(&db, 30).await;
            assert_eq!(world.sync().await, Status::Succeeded);
            let name = world.sandbox.admin().with_tenant(|tenant| {
                let role = tenant.roles().values().find(|it| 1 < it.members.len());
                role.unwrap().name.clone()
            });
            let browser = world.service.signed_in(Role::Admin).await;
            window.sign_in_as(&browser, &world.service).await;
            window.goto(&world.service, "/connectors/1/required-groups").await;
            window.fill("Required OneLogin Groups", &format!("role:{name}x")).await;
            window.sees(&format!("Did you mean \"{name}\"?")).await;
            window.assert_accessible().await;
            window.fill("Required OneLogin Groups", &format!("role:{name}")).await;
            window.sees(&format!("role \"{name}\": ")).await;
            window.sees("drop out").await;
        })
        .await;
    });
}

#[test]
fn rules_are_tried_without_scripts_and_by_keyboard_a_field_still_saves() {
    in_window(Scripts::Off, async |window| {
        on_sqlite(async |db| {
            let world = World::new(&db, 30).await;
            assert_eq!(world.sync().await, Status::Succeeded);
            let browser = world.service.signed_in(Role::Admin).await;
            window.sign_in_as(&browser, &world.service).await;
            window.goto(&world.service, PEOPLE).await;
            window.fill("Mapping rows", "username = email | lower").await;
            window.click("Try on everybody of the last read").await;
            window.sees("changes 30 values, empties 0, collides 0").await;
            assert_eq!(window.value("Mapping rows").await, "username = email | lower");
            window.fill("Somebody typed by hand", "email=Maya.Lee@Acme.com").await;
            window.click("Try on this sample").await;
            window.sees("maya.lee").await;
            window.screenshot("trying").await;
            // Enter in a field saves, whatever button comes first.
            window.fill("Primary key", "username").await;
            window.press(key::ENTER).await;
            window.sees("is saved").await;
            let saved = connectors::find(&db, CONNECTOR).await.unwrap().settings.mapping;
            assert_eq!(saved.key.as_deref(), Some("username"));
            assert_eq!(saved.rows, ["username = email | lower"]);
        })
        .await;
    });
}

#[tokio::test(flavor = "multi_thread")]
async fn the_effect_tells_what_is_held_with_the_saved_settings_as_well() {
    on_sqlite(async |db| {
        let (world, _) = with_a_held_plan(&db).await;
        let mut browser = world.service.signed_in(Role::Admin).await;
        let path = "/connectors/1/sync-settings";
        let token = browser.get(path).await.token();
        let typed = [("csrf", &*token), ("limit-deactivations-percent", "100")];
        let part = browser.post(&format!("{path}/preview"), &typed).await;
        let now_and_saved =
            "<td class=\"number\">8</td><td class=\"number\">8<span class=\"second\">8 held</span></td>";
        assert!(part.text.contains(now_and_saved), "{part:?}");
        let as_saved = browser.post(&format!("{path}/preview"), &typed[..1]).await;
        assert_eq!(as_saved.text.matches("8<span class=\"second\">8 held</span>").count(), 2);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_may_not_change_something_is_told_whom_to_ask() {
    on_both(async |db| {
        let world = World::new(&db, 1).await;
        for role in Role::ALL {
            account(&db, role).await;
        }
        let ask = "Ask an admin to change it: Admin.";
        let pages = [
            "/connectors/1/general",
            "/connectors/1/sync-settings",
            "/settings/accounts",
            "/settings/retention",
            "/settings/safety",
        ];
        for role in Role::ALL {
            let mut browser = world.service.signed_in(role).await;
            for path in pages {
                let page = browser.get(path).await;
                assert_eq!(page.text.contains(ask), role < Role::Admin, "{path} as {role:?}");
            }
        }
    })
    .await;
}
