//! What was typed and is not saved: it is never lost without a word, and never overwrites what
//! somebody else saved meanwhile.

use std::collections::BTreeSet;

use jiff::Timestamp;
use rollcall::secret::Secret;
use rollcall::store::accounts::Role;
use rollcall::store::audit;
use rollcall::store::connectors::{self, Connector, Provider};
use rollcall::store::{Db, targets};
use rollcall::web::access::{self, Then};

use super::browser::{Answer, Browser, PASSWORD, account};
use super::chromium::{Scripts, in_window};
use super::deciding::with_a_held_plan;
use super::undoing;
use super::window::key;
use super::world::{CONNECTOR, World};
use crate::databases::{on_both, on_sqlite};
use crate::store::somebody;

const GENERAL: &str = "/connectors/1/general";
const SYNC: &str = "/connectors/1/sync-settings";
/// What stands in a field whose name a link of the summary has as well.
const JITTER: &str = "return document.getElementById('jitter').value;";
const AGAIN: &str = "Type the new Client Secret again";

async fn stored(db: &Db) -> Connector {
    connectors::find(db, CONNECTOR).await.unwrap()
}

fn hidden(shown: &Answer, name: &str) -> String {
    let (_, rest) = shown.text.split_once(&format!("name=\"{name}\" value=\"")).unwrap();
    rest.split('"').next().unwrap().to_owned()
}

/// Sends the form of a page as a browser does, with these fields.
async fn send(
    browser: &mut Browser,
    shown: &Answer,
    path: &str,
    fields: &[(&str, &str)],
) -> Answer {
    // The token is of whoever sends; the page may be what another saw as well.
    let csrf = browser.get(path).await.token();
    let [version, opened] = ["version", "opened"].map(|it| hidden(shown, it));
    let rest = [("csrf", &*csrf), ("version", &*version), ("opened", &*opened)];
    browser.post(path, &[fields, &rest[..]].concat()).await
}

/// How many times the connector was changed, as the audit log has it.
async fn edits(db: &Db) -> usize {
    let filter = audit::Filter {
        since: None,
        until: None,
        actor: String::new(),
        noun: "connector".to_owned(),
        verb: "edit".to_owned(),
        object: String::new(),
    };
    audit::list(db, &filter, None, 100).await.unwrap().len()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_secret_that_was_typed_is_asked_for_again_until_it_is_saved_or_given_up() {
    on_both(async |db| {
        let world = World::new(&db, 1).await;
        let mut browser = world.service.signed_in(Role::Admin).await;
        let url = world.sandbox.base_url();
        let usual = [
            ("name", CONNECTOR),
            ("base-url", "other"),
            ("url", &*url),
            ("client-id", world.sandbox.client_id()),
            ("minimum-remaining-api-calls", "500"),
        ];
        let with = |more: &[(&'static str, &'static str)]| [&usual[..], more].concat();
        let secret = async || {
            let seal = &world.service.engine.seal;
            connectors::client_secret(&db, seal, &stored(&db).await).await.unwrap()
        };
        let old = world.sandbox.client_secret();
        let opened = browser.get(GENERAL).await;
        assert!(!opened.text.contains(AGAIN), "{opened:?}");

        let review = with(&[("client-secret", "canary"), ("then", "review")]);
        let review = send(&mut browser, &opened, GENERAL, &review).await;
        assert_eq!(review.status, 200, "{review:?}");
        for part in [
            AGAIN,
            "name=\"client-secret-due\"",
            "Keep the Client Secret that is saved",
            "aria-describedby=\"client-secret-error client-secret-set client-secret-help\"",
            "1 unsaved change<",
        ] {
            assert!(review.text.contains(part), "{part}: {review:?}");
        }
        let due = ("client-secret-due", "on");
        for _ in 0..2 {
            let refused = send(&mut browser, &review, GENERAL, &with(&[due])).await;
            assert_eq!(refused.status, 422, "{refused:?}");
            assert!(refused.text.contains("<a href=\"#client-secret\">"), "{refused:?}");
            assert!(refused.text.contains("name=\"client-secret-due\""), "{refused:?}");
        }
        assert_eq!((secret().await.expose(), edits(&db).await), (old, 0));

        // Refused for something else.
        let mut wrong = with(&[("client-secret", "canary")]);
        wrong[4].1 = "many";
        let refused = send(&mut browser, &opened, GENERAL, &wrong).await;
        assert_eq!(refused.status, 422, "{refused:?}");
        assert!(refused.text.contains(AGAIN), "{refused:?}");
        assert!(refused.text.contains("2 unsaved changes<"), "{refused:?}");
        assert!(!refused.text.contains("canary"), "{refused:?}");

        // Given up: nothing is left to save, and the audit log does not say that something was.
        let kept = with(&[due, ("client-secret-kept", "on")]);
        let kept = send(&mut browser, &review, GENERAL, &kept).await;
        assert_eq!(kept.status, 303, "{kept:?}");
        let told = browser.follow(&kept).await;
        assert!(told.text.contains("Nothing to save"), "{told:?}");
        assert!(!told.text.contains("is saved."), "{told:?}");
        assert_eq!((secret().await.expose(), edits(&db).await), (old, 0));

        // Somebody else was faster.
        let mut other = world.service.signed_in(Role::Admin).await;
        let mut theirs = usual;
        theirs[4].1 = "600";
        assert_eq!(send(&mut other, &opened, GENERAL, &theirs).await.status, 303);
        let mut mine = with(&[("client-secret", "canary")]);
        mine[4].1 = "700";
        let conflict = send(&mut browser, &opened, GENERAL, &mine).await;
        assert_eq!(conflict.status, 409, "{conflict:?}");
        let words = "still below, but for the Client Secret, which is to be typed again.";
        assert!(conflict.text.contains(words), "{conflict:?}");
        let mut mine = with(&[due]);
        mine[4].1 = "700";
        assert_eq!(send(&mut browser, &conflict, GENERAL, &mine).await.status, 422);
        mine.push(("client-secret", "canary"));
        assert_eq!(send(&mut browser, &conflict, GENERAL, &mine).await.status, 303);
        assert_eq!(secret().await.expose(), "canary");
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_field_that_was_not_touched_takes_what_somebody_else_saved() {
    on_both(async |db| {
        let world = World::new(&db, 1).await;
        let mut ana = world.service.signed_in(Role::Admin).await;
        let mut other = world.service.signed_in(Role::Admin).await;
        let limits = async || {
            let it = stored(&db).await.settings.safety;
            (it.deactivations_max, it.removals_max)
        };
        let fields = |deactivations, removals| {
            [("limit-deactivations", deactivations), ("limit-removals", removals)]
        };
        let opened = ana.get(SYNC).await;
        send(&mut ana, &opened, SYNC, &fields("10", "20")).await;
        let opened = ana.get(SYNC).await;
        send(&mut other, &opened, SYNC, &fields("10", "33")).await;
        // Hers still says 20.
        let saved = send(&mut ana, &opened, SYNC, &fields("11", "20")).await;
        assert_eq!(saved.status, 303, "{saved:?}");
        assert_eq!(limits().await, (11, 33));

        // Both changed one of two.
        let opened = ana.get(SYNC).await;
        send(&mut other, &opened, SYNC, &fields("12", "34")).await;
        let refused = send(&mut ana, &opened, SYNC, &fields("13", "33")).await;
        assert_eq!(refused.status, 409, "{refused:?}");
        let (_, conflict) = refused.text.split_once("id=\"conflict\"").unwrap();
        let (conflict, _) = conflict.split_once("What you typed is still below").unwrap();
        assert!(conflict.contains("Deactivate more than"), "{conflict}");
        assert!(!conflict.contains("Remove more than"), "{conflict}");
        assert!(refused.text.contains(
            "name=\"limit-removals\" type=\"number\" inputmode=\"numeric\" min=\"0\" value=\"34\""
        ));
        assert_eq!(limits().await, (12, 34));
        let saved = send(&mut ana, &refused, SYNC, &fields("13", "34")).await;
        assert_eq!(saved.status, 303, "{saved:?}");
        assert_eq!(limits().await, (13, 34));

        // Both did the same, and a draft of before lies over what is saved now.
        let opened = ana.get(SYNC).await;
        send(&mut other, &opened, SYNC, &fields("14", "35")).await;
        let saved = send(&mut ana, &opened, SYNC, &fields("14", "35")).await;
        assert_eq!(saved.status, 303, "{saved:?}");
        assert_eq!(limits().await, (14, 35));
        let newer = other.get(SYNC).await;
        send(&mut other, &newer, SYNC, &fields("15", "35")).await;
        let refused = send(&mut ana, &opened, SYNC, &fields("16", "35")).await;
        assert_eq!(refused.status, 409, "{refused:?}");
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_new_connector_is_told_all_that_is_missing_at_once() {
    on_sqlite(async |db| {
        let world = World::new(&db, 1).await;
        let mut browser = world.service.signed_in(Role::Admin).await;
        let path = "/connectors/new/onelogin";
        let fields = [("base-url", "us"), ("groups-from", "roles"), ("required-group", "")];
        let refused = browser.submit(path, path, &fields).await;
        assert_eq!(refused.status, 422, "{refused:?}");
        for field in ["name", "client-id", "client-secret"] {
            assert!(
                refused.text.contains(&format!("id=\"{field}-error\"")),
                "{field}: {refused:?}"
            );
        }
        let fields = [&fields[..], &[("client-secret", "canary")]].concat();
        let refused = browser.submit(path, path, &fields).await;
        assert!(refused.text.contains(AGAIN), "{refused:?}");
        assert!(!refused.text.contains("canary"), "{refused:?}");
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_target_that_is_gone_does_not_show_the_people_of_another() {
    on_sqlite(async |db| {
        let world = World::new(&db, 3).await;
        world.sync().await;
        let mut browser = world.service.signed_in(Role::Viewer).await;
        let target = targets::list(&db).await.unwrap()[0].id.0;
        for page in ["users", "groups"] {
            for (asked, status) in [
                (format!("/{page}"), 200),
                (format!("/{page}?target="), 200),
                (format!("/{page}?target={target}"), 200),
                (format!("/{page}?target=99"), 404),
                (format!("/{page}?target=jira"), 404),
            ] {
                let shown = browser.get(&asked).await;
                assert_eq!(shown.status, status, "{asked}: {shown:?}");
                assert_eq!(shown.text.contains("There is no such target."), status == 404);
            }
        }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn saving_and_testing_tells_which_names_were_not_checked() {
    on_sqlite(async |db| {
        let world = World::new(&db, 3).await;
        let mut browser = world.service.signed_in(Role::Admin).await;
        let path = "/connectors/1/required-groups";
        let shown = browser.get(path).await;
        let fields = [("required-group", "Staff"), ("match", "any"), ("then", "test")];
        let saved = send(&mut browser, &shown, path, &fields).await;
        assert_eq!((saved.status.as_u16(), saved.location()), (307, "/connectors/1/test"));
        let csrf = hidden(&shown, "csrf");
        let tested = browser.post("/connectors/1/test", &[("csrf", &*csrf)]).await;
        for part in
            ["is saved. Nothing was synchronised yet.", "was not checked: no read is stored"]
        {
            assert!(tested.text.contains(part), "{part}: {tested:?}");
        }
        let next = browser.get(path).await;
        assert!(!next.text.contains("is saved."), "it is told once: {next:?}");
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn settings_that_put_nobody_in_scope_are_saved_with_a_warning() {
    on_both(async |db| {
        let world = World::new(&db, 3).await;
        let mut browser = world.service.signed_in(Role::Admin).await;
        let path = "/connectors/1/required-groups";
        let words = "these settings put nobody in scope";
        for (is_read, condition, is_told) in [
            (false, "department = Nowhere", false),
            (true, "department = Neverland", true),
            (true, "email contains @", false),
        ] {
            if is_read {
                world.sync().await;
            }
            let shown = browser.get(path).await;
            let fields = [("where", condition), ("match", "any")];
            let saved = send(&mut browser, &shown, path, &fields).await;
            let told = browser.follow(&saved).await;
            assert!(told.text.contains("is saved."), "{condition}: {told:?}");
            assert_eq!(told.text.contains(words), is_told, "{condition}: {told:?}");
            assert_eq!(told.text.contains("banner flash warning"), is_told, "{condition}");
        }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_schedule_that_takes_more_calls_than_there_are_is_warned_of() {
    on_sqlite(async |db| {
        let world = World::new(&db, 3).await;
        let mut browser = world.service.signed_in(Role::Admin).await;
        let words = "so not every run could start. Choose a longer interval.";
        let every = async |browser: &mut Browser, expression: &str, then: &str| {
            let shown = browser.get(SYNC).await;
            let fields = [("schedule", expression), ("schedule-enabled", "on"), ("then", then)];
            send(browser, &shown, SYNC, &fields).await
        };
        world.sync().await;
        let hourly = every(&mut browser, "0 * * * *", "review").await;
        assert!(!hourly.text.contains(words), "{hourly:?}");
        let review = every(&mut browser, "* * * * * *", "review").await;
        let (_, field) = review.text.split_once("id=\"schedule-warning\"").unwrap();
        assert!(field.split("</p>").next().unwrap().contains(words), "{field}");
        assert_eq!(review.text.matches(words).count(), 2, "beside its field and in the rail");
        let saved = every(&mut browser, "* * * * * *", "stay").await;
        let told = browser.follow(&saved).await;
        let (_, flash) = told.text.split_once("banner flash warning").unwrap();
        assert!(flash.split("</div>").next().unwrap().contains(words), "{flash}");
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_way_to_save_an_unknown_name_stands_where_it_is_refused() {
    on_sqlite(async |db| {
        let world = World::new(&db, 5).await;
        let mut browser = world.service.signed_in(Role::Admin).await;
        let groups_from = |names: &[&'static str]| -> Vec<(&'static str, &'static str)> {
            names.iter().map(|it| ("groups-from", *it)).collect()
        };
        let sources = "/connectors/1/group-sync-settings";
        let shown = browser.get(sources).await;
        let all = groups_from(&["roles", "group", "member_of"]);
        send(&mut browser, &shown, sources, &all).await;
        world.sync().await;
        let path = "/connectors/1/required-groups";
        let shown = browser.get(path).await;
        let fields = [("required-group", "Nobodies"), ("match", "any")];
        let refused = send(&mut browser, &shown, path, &fields).await;
        assert_eq!(refused.status, 422, "{refused:?}");
        let (_, banner) = refused.text.split_once("id=\"errors\"").unwrap();
        let (banner, rest) = banner.split_once("<form id=\"form\"").unwrap();
        assert!(banner.contains("form=\"form\" name=\"even-if-unknown\""), "{banner}");
        assert!(!rest.contains("even-if-unknown"), "once: {rest}");
        let words = "The last read has no role or group or member_of &#34;Nobodies&#34;.";
        assert!(banner.contains(words), "{banner}");
        let meant = [&fields[..], &[("even-if-unknown", "on")]].concat();
        assert_eq!(send(&mut browser, &shown, path, &meant).await.status, 303);
        // Who changes the sources later is not asked about it again.
        let shown = browser.get(sources).await;
        let two = groups_from(&["roles", "group"]);
        let saved = send(&mut browser, &shown, sources, &two).await;
        assert_eq!(saved.status, 303, "{saved:?}");
    })
    .await;
}

#[test]
fn a_draft_outlives_a_refusal_and_does_not_overwrite_what_was_saved_since() {
    in_window(Scripts::On, async |window| {
        on_sqlite(async |db| {
            let world = World::new(&db, 1).await;
            let browser = world.service.signed_in(Role::Admin).await;
            window.sign_in_as(&browser, &world.service).await;
            // Two are typed, one of them wrong.
            window.goto(&world.service, SYNC).await;
            window.fill("Spread the start by up to", "soon").await;
            window.fill("Remove more than", "21").await;
            window.click("Save").await;
            window.sees("1 thing to correct").await;
            window.sees("2 unsaved changes").await;
            window.choose_theme("Dark").await;
            window.sees("2 unsaved changes").await;
            window.sees("1 thing to correct").await;
            assert_eq!(window.value("Remove more than").await, "21");
            window.becomes(JITTER, "soon").await;
            window.goto(&world.service, SYNC).await;
            window.sees("Your unsaved changes are back.").await;

            // Somebody else saves, and the draft comes back over it.
            window.fill("Spread the start by up to", "2m").await;
            let mut other = browser.clone();
            let shown = other.get(SYNC).await;
            let fields = [("limit-removals", "33"), ("limit-deactivations", "7")];
            assert_eq!(send(&mut other, &shown, SYNC, &fields).await.status, 303);
            window.goto(&world.service, SYNC).await;
            window.sees("This was saved by somebody after you began to type.").await;
            window.assert_accessible().await;
            assert_eq!(window.value("Deactivate more than").await, "7");
            assert_eq!(window.value("Remove more than").await, "21");
            window.click("Save").await;
            window.sees("Somebody else saved this connector meanwhile.").await;
            let limits = async || {
                let it = stored(&db).await.settings.safety;
                (it.deactivations_max, it.removals_max)
            };
            assert_eq!(limits().await.1, 33);
            window.click("Save").await;
            window.sees("is saved.").await;
            window.sees("No unsaved changes").await;
            assert_eq!(limits().await, (7, 21));

            // A secret is kept nowhere, which is told.
            window.goto(&world.service, GENERAL).await;
            window.fill("Client Secret", "canary").await;
            window.goto(&world.service, "/runs").await;
            window.goto(&world.service, GENERAL).await;
            window.sees("Type the Client Secret again.").await;
            window.sees("1 unsaved change").await;
            window.click("Save").await;
            window.sees("1 thing to correct").await;
            window.assert_accessible().await;
            window.click("Keep the Client Secret that is saved").await;
            window.click("Save").await;
            window.sees("Nothing to save").await;
            window.sees("No unsaved changes").await;
            window.forget_complaints().await;
        })
        .await;
    });
}

/// Everything that the audit log has.
async fn entries(db: &Db) -> usize {
    let filter = audit::Filter {
        since: None,
        until: None,
        actor: String::new(),
        noun: String::new(),
        verb: String::new(),
        object: String::new(),
    };
    audit::list(db, &filter, None, 1_000).await.unwrap().len()
}

/// What is typed into the forms below.
const TYPED: &str = "Typed & kept";

/// What is typed into a form, by its route and where it is sent.
struct Filled {
    route: &'static str,
    path: String,
    fields: Vec<(&'static str, String)>,
}

/// Every form that is shown again, filled in so that it would act: a connector that feeds nothing may
/// be deleted, and something is rejected.
async fn filled(db: &Db, world: &World, plan: &str, admin: &mut Browser) -> Vec<Filled> {
    let act = somebody().act(Timestamp::now());
    let (spare, secret) = (stored(db).await.settings, Secret::new("canary".to_owned()));
    let (seal, provider) = (&world.service.engine.seal, Provider::OneLogin);
    connectors::create(db, seal, "Spare", provider, &spare, &secret, &act).await.unwrap();
    let shown = admin.get(plan).await;
    let held = shown.text.split("name=\"seq\" value=\"").skip(1);
    let held: Vec<&str> = held.filter_map(|it| it.split('"').next()).collect();
    assert!(1 < held.len(), "{shown:?}");
    let reject = [("which", "ticked"), ("seq", held[0]), ("reason", "On leave")];
    admin.submit(plan, &format!("{plan}/reject"), &reject).await;
    let code = first_value(&admin.get("/rejections").await, "rejection");
    let id = account(db, Role::Admin).await.id;
    let opened = admin.get(SYNC).await;
    let [version, opened] = ["version", "opened"].map(|it| hidden(&opened, it));
    let seen = undoing::seen(&admin.get("/runs/1/undo").await);

    let reason = ("reason", TYPED);
    let named = [("name", TYPED), ("role", "viewer"), ("email", "kept@example.com")];
    let client = [named[0], ("client-id", "a1"), ("client-secret", "canary"), ("base-url", "us")];
    let proved = [("password", PASSWORD), ("resume", "/connectors/2/delete"), reason];
    let days = [("days_max", "77"), ("log_days_max", "7"), ("simulation_days_max", "7")];
    let limit = [("limit-removals", "21"), ("version", &*version), ("opened", &*opened)];
    let of = |route: &'static str, path: &str, fields: &[(&'static str, &str)]| {
        let fields = fields.iter().map(|(name, value)| (*name, (*value).to_owned())).collect();
        Filled { route, path: path.to_owned(), fields }
    };
    vec![
        of("/account/prove", "/account/prove", &proved),
        of("/settings/accounts", "/settings/accounts", &named),
        of("/settings/accounts/{id}", &format!("/settings/accounts/{id}"), &named[..2]),
        of(
            "/settings/retention",
            "/settings/retention",
            &[&days[..], &[("rows_max", "5000")]].concat(),
        ),
        of("/connectors/new/{provider}", "/connectors/new/onelogin", &client),
        of("/connectors/{id}/pause", "/connectors/1/pause", &[reason]),
        of("/connectors/{id}/resume", "/connectors/1/resume", &[reason]),
        of("/connectors/{id}/duplicate", "/connectors/2/duplicate", &[named[0]]),
        of("/connectors/{id}/delete", "/connectors/2/delete", &[("confirm", "Spare"), reason]),
        of("/connectors/{id}/{tab}", SYNC, &limit),
        of("/plans/{id}/show", &format!("{plan}/show"), &[("seq", held[1]), reason]),
        of("/rejections/lift", "/rejections/lift", &[("rejection", &*code), reason]),
        of("/targets/new", "/targets/new", &[named[0], ("connector", "2")]),
        of("/runs/{id}/undo", "/runs/1/undo", &[("seen", &*seen), reason]),
    ]
}

/// The value of the first field of a name.
fn first_value(shown: &Answer, name: &str) -> String {
    let (_, rest) = shown.text.split_once(&format!("name=\"{name}\" value=\"")).unwrap();
    rest.split('"').next().unwrap().to_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_chooses_another_theme_loses_nothing_of_a_form_and_does_nothing_by_it() {
    on_both(async |db| {
        let (world, plan) = with_a_held_plan(&db).await;
        let mut admin = world.service.signed_in(Role::Admin).await;
        let forms = filled(&db, &world, &plan, &mut admin).await;
        let kept = access::table().iter().filter(|it| it.then == Then::ShowsAgain);
        let kept = kept.map(|it| it.path).filter(|it| *it != "/account/theme");
        let routes: BTreeSet<&str> = forms.iter().map(|it| it.route).collect();
        assert_eq!(routes, kept.collect::<BTreeSet<_>>());

        let before = entries(&db).await;
        for Filled { route: _, path, fields } in forms {
            let token = admin.get("/account").await.token();
            let more = [("theme", "dark"), ("csrf", &*token)];
            let typed = fields.iter().map(|(name, value)| (*name, value.as_str()));
            let sent: Vec<(&str, &str)> = typed.chain(more).collect();
            let led = admin.post(&format!("/account/theme?resume={path}"), &sent).await;
            assert_eq!((led.status.as_u16(), led.location()), (307, &*path), "{led:?}");
            let again = admin.post(&path, &sent).await;
            assert!(matches!(again.status.as_u16(), 200 | 422), "{path}: {again:?}");
            assert!(again.text.contains("<html lang=\"en\" class=\"dark\""), "{path}: {again:?}");
            let resumed = format!("formaction=\"/account/theme?resume={path}\"");
            assert!(again.text.contains(&resumed), "{path}: {again:?}");
            for (name, value) in fields {
                let value = value.replace('&', "&#38;");
                let shown = match name {
                    "seq" | "rejection" | "role" => format!("value=\"{value}\" checked"),
                    "password" | "client-secret" | "base-url" | "opened" => continue,
                    "connector" => format!("value=\"{value}\" selected"),
                    _ => format!("value=\"{value}\""),
                };
                assert!(again.text.contains(&shown), "{path}: {name}: {again:?}");
            }
            assert!(!again.text.contains("canary"), "{path}: {again:?}");
            assert_eq!(entries(&db).await, before, "{path} did something");
        }
    })
    .await;
}

#[test]
fn a_form_outlives_another_theme_without_scripts() {
    in_window(Scripts::Off, async |window| {
        on_sqlite(async |db| {
            let world = World::new(&db, 1).await;
            let browser = world.service.signed_in(Role::Admin).await;
            window.sign_in_as(&browser, &world.service).await;
            window.goto(&world.service, SYNC).await;
            window.fill("Remove more than", "21").await;
            window.choose_theme("Dark").await;
            assert_eq!(window.value("Remove more than").await, "21");
            window.sees("1 unsaved change").await;
            window.fill("Spread the start by up to", "soon").await;
            window.click("Save").await;
            window.sees("1 thing to correct").await;
            window.screenshot("unsaved-refused-dark").await;
            window.choose_theme("Light").await;
            window.screenshot("unsaved-refused-light").await;
            window.sees("2 unsaved changes").await;
            assert_eq!(window.value("Remove more than").await, "21");
            window.becomes(JITTER, "soon").await;
            window
                .script(
                    "const it = document.getElementById('jitter'); it.value = '2m'; it.focus();",
                    vec![],
                )
                .await;
            // Enter saves, as ever.
            window.press(key::ENTER).await;
            window.sees("is saved.").await;
            assert_eq!(stored(&db).await.settings.safety.removals_max, 21);
            window.forget_complaints().await;
        })
        .await;
    });
}
