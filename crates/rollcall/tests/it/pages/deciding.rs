//! What is decided on the page of a plan is what was shown there, whatever comes between.

use jiff::Timestamp;
use rollcall::plans::decide::{Choice, approve};
use rollcall::run::{self, Order, Ready, Showed, Task};
use rollcall::store::accounts::Role;
use rollcall::store::connectors::settings::leavers::Cleanup;
use rollcall::store::plans::{self, Plan, PlanId, changes};
use rollcall::store::runs::{self, NewRun, Page, Run, Status, Trigger};
use rollcall::store::targets::{self, TargetKind};
use rollcall::store::{Db, connectors, leases};
use rollcall::sync::SyncError;
use rollcall::sync::seen::plan_as_seen;
use serde_json::json;

use super::browser::{Answer, Browser, PASSWORD, account};
use super::chromium::{Scripts, in_window};
use super::undoing;
use super::window::{DESKTOP, ZOOMED, key};
use super::world::{CONNECTOR, World};
use crate::databases::{on_both, on_sqlite};
use crate::store::somebody;

/// How many changes are listed that can be ticked, how many of them are, and how many more.
const TICKS: &str = "const count = (it) => document.querySelectorAll(it).length;
    return `${count('#changes input[name=seq]')} ${count('#changes input[name=seq]:checked')} \
${count('[data-ticked-elsewhere] input:checked')}`;";

const CURRENT_TAB: &str = "return document.querySelector('.tabs [aria-current]').textContent;";

const EVERYTHING: Page = Page { after: 0, rows_max: 9_999 };

async fn latest(db: &Db) -> Plan {
    plans::list(db, None, false, None, 1).await.unwrap().remove(0)
}

async fn last_run(db: &Db) -> Run {
    runs::list(db, None, 1).await.unwrap().remove(0)
}

/// Makes every password one that was typed long ago.
async fn forget_proofs(db: &Db) {
    rollcall::with_pool!(db, pool => {
        sqlx::query("update sessions set proved_at = 0").execute(pool).await.unwrap();
    });
}

/// Eight people who left wait, and one change passes by itself: as a plan that can be applied.
async fn simulated(db: &Db) -> (World, Plan) {
    let (world, _) = with_a_held_plan(db).await;
    let id = world.ids()[20];
    world.sandbox.admin().update_user(id, json!({ "firstname": "Renata" })).unwrap();
    let plan = world.simulated().await;
    (world, plan)
}

/// Eight of a hundred people left, and wait.
pub(crate) async fn with_a_held_plan(db: &Db) -> (World, String) {
    let world = World::new(db, 100).await;
    assert_eq!(world.sync().await, Status::Succeeded);
    for id in world.ids().iter().take(8) {
        world.sandbox.admin().delete_user(*id).unwrap();
    }
    assert_eq!(world.sync().await, Status::Held);
    let path = format!("/plans/{}", latest(db).await.id);
    (world, path)
}

/// More people are suspended than may be decided over without a password, and wait.
async fn with_many_held(db: &Db) -> (World, String) {
    let world = World::new(db, 140).await;
    assert_eq!(world.sync().await, Status::Succeeded);
    for id in world.ids().iter().take(130) {
        world.sandbox.admin().update_user(*id, json!({ "status": 2 })).unwrap();
    }
    assert_eq!(world.sync().await, Status::Held);
    let path = format!("/plans/{}", latest(db).await.id);
    (world, path)
}

async fn submit(browser: &mut Browser, path: &str, verb: &str, fields: &[(&str, &str)]) -> Answer {
    browser.submit(path, &format!("{path}/{verb}"), fields).await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_plan_is_not_applied_when_somebody_decided_over_it_since_it_was_shown() {
    on_both(async |db| {
        let (world, plan) = simulated(&db).await;
        let path = format!("/plans/{}", plan.id);
        let mut operator = world.service.signed_in(Role::Operator).await;
        let shown = operator.get(&path).await;
        assert!(shown.text.contains(">Apply 1 change<"), "{shown:?}");
        let (seen, token) = (undoing::seen(&shown), shown.token());
        let before = last_run(&db).await.id;
        let act = somebody().act(Timestamp::now()).because("They left");
        approve(&db, plan.id, &Choice::default(), &act).await.unwrap();

        let form = [("csrf", &*token), ("seen", &*seen)];
        let refused = operator.post(&format!("{path}/apply"), &form).await;
        assert_eq!((refused.status.as_u16(), refused.location()), (303, &*path));
        let shown = operator.follow(&refused).await;
        assert!(shown.text.contains("Somebody decided over plan"), "{shown:?}");
        assert!(shown.text.contains(">Apply 9 changes"), "{shown:?}");
        assert_eq!(last_run(&db).await.id, before, "no run was started");

        // And where it comes between the page and the run.
        let sync = async |seen: String| {
            let ready = Ready::open(&world.service.engine, CONNECTOR).await.unwrap();
            let task = Task::Exactly(Showed { plan: plan.id, seen });
            let order = Order { task, ..Order::new(Trigger::Page, somebody().clone()) };
            let mut started =
                run::start(&world.service.engine, ready, &order, |_| {}).await.unwrap();
            started.ended().await
        };
        let refused = sync(seen).await.unwrap_err();
        assert!(matches!(refused, SyncError::DecidedSince { .. }), "{refused}");
        assert_eq!(last_run(&db).await.status, Status::Skipped);
        let now = plans::find(&db, plan.id).await.unwrap().unwrap();
        assert!(now.status.is_open(), "nothing was applied");
        let finished = sync(plan_as_seen(&now)).await.unwrap();
        assert_eq!(finished.status, Status::Succeeded, "{}", finished.message);
        assert_eq!(finished.decision.targets[0].approved.changes().len(), 9);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_plan_of_other_rules_is_not_applied_and_one_that_is_decided_over_tries_them() {
    on_both(async |db| {
        let (world, plan) = simulated(&db).await;
        let path = format!("/plans/{}", plan.id);
        let mut operator = world.service.signed_in(Role::Operator).await;
        let shown = operator.get(&path).await;
        let (seen, token) = (undoing::seen(&shown), shown.token());
        let run = last_run(&db).await.id;
        let before = connectors::find(&db, CONNECTOR).await.unwrap();
        let mut settings = before.settings.clone();
        settings.cleanup = Cleanup::Delete;
        let act = somebody().act(Timestamp::now());
        let seal = &world.service.engine.seal;
        connectors::edit(&db, seal, &before, CONNECTOR, &settings, None, &act).await.unwrap();

        let form = [("csrf", &*token), ("seen", &*seen)];
        let refused = operator.post(&format!("{path}/apply"), &form).await;
        let shown = operator.follow(&refused).await;
        assert!(shown.text.contains("rules of the connector were changed since"), "{shown:?}");
        assert_eq!(last_run(&db).await.id, run, "no run was started");

        assert_eq!(world.sync().await, Status::Held);
        let path = format!("/plans/{}", latest(&db).await.id);
        let mut approver = world.service.signed_in(Role::Approver).await;
        let fields = [("which", "all"), ("reason", "They left")];
        let approved = submit(&mut approver, &path, "approve", &fields).await;
        let shown = approver.follow(&approved).await;
        assert!(shown.text.contains("The new rules count as tried"), "{shown:?}");
        assert_eq!(world.sync().await, Status::Succeeded);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_left_out_of_an_approval_waits_on_every_page() {
    on_both(async |db| {
        let (world, path) = with_a_held_plan(&db).await;
        let mut approver = world.service.signed_in(Role::Approver).await;
        let fields = [("which", "ticked"), ("seq", "2"), ("reason", "Left in May")];
        let approved = submit(&mut approver, &path, "approve", &fields).await;
        let shown = approver.follow(&approved).await;
        assert!(shown.text.contains("7 changes still wait for a decision."), "{shown:?}");
        let left = "7 changes wait for a decision. 1 change is approved and waits for a run.";
        for page in ["/", "/connectors", "/approvals", "/plans", &path] {
            let shown = approver.get(page).await;
            assert!(shown.text.contains(left), "{page}: {shown:?}");
            let badge = "<span class=\"count held\">1<";
            assert!(shown.text.contains(badge), "{page}: {shown:?}");
        }
        let overview = approver.get("/").await;
        assert!(overview.text.contains("changes wait for approval"), "{overview:?}");

        // And as soon as there is a decision over all of it, nothing does.
        let fields = [("which", "all"), ("reason", "So did they")];
        let approved = submit(&mut approver, &path, "approve", &fields).await;
        assert_eq!(approved.status, 303, "{approved:?}");
        for page in ["/", "/connectors", "/approvals"] {
            let shown = approver.get(page).await;
            assert!(!shown.text.contains("for a decision."), "{page}: {shown:?}");
            assert!(!shown.text.contains("<span class=\"count held\">"), "{page}: {shown:?}");
        }
        let shown = approver.get(&path).await;
        assert!(shown.text.contains("8 changes are approved and wait for a run."), "{shown:?}");
        assert_eq!(world.sync().await, Status::Succeeded);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_may_decide_on_a_part_sees_the_command_that_decides_over_that_part() {
    on_sqlite(async |db| {
        let (world, path) = with_a_held_plan(&db).await;
        let id = latest(&db).await.id;
        let mut approver = world.service.signed_in(Role::Approver).await;
        let whole = approver.get(&path).await;
        let all = format!(">rollcall plan approve {id} --reason &#39;WHY&#39;<");
        assert!(whole.text.contains(&all), "{whole:?}");
        let cause = approver.get(&format!("{path}?cause=1")).await;
        let one = format!(">rollcall plan reject {id} --cause 1 --reason &#39;WHY&#39;<");
        assert!(cause.text.contains(&one), "{cause:?}");
        for (which, flags) in [("ticked", "--only 2,5"), ("others", "--except 2,5")] {
            let fields = [
                ("which", which),
                ("whole", "yes"),
                ("seq", "5"),
                ("seq", "2"),
                ("reason", "It's on leave"),
                ("days", "0"),
                ("run", "on"),
            ];
            let again = submit(&mut approver, &path, "reject", &fields).await;
            let reason = "--reason &#39;It&#39;\\&#39;&#39;s on leave&#39;";
            let approve = format!(">rollcall plan approve {id} {flags} {reason} --run<");
            assert!(again.text.contains(&approve), "{approve}: {again:?}");
        }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_wrong_with_a_decision_stands_on_top_and_leads_to_its_field() {
    on_sqlite(async |db| {
        let (world, path) = with_a_held_plan(&db).await;
        let mut approver = world.service.signed_in(Role::Approver).await;
        for (fields, field, invalid) in [
            (&[("which", "ticked"), ("reason", "Gone")][..], "which", "<fieldset id=\"which\""),
            (
                &[("which", "cause"), ("cause", ""), ("reason", "Gone")],
                "cause",
                "<select id=\"cause\"",
            ),
            (&[("which", "all"), ("reason", "")], "reason", "<input id=\"reason\""),
        ] {
            let again = submit(&mut approver, &path, "approve", fields).await;
            assert_eq!(again.status, 422, "{again:?}");
            let (_, main) = again.text.split_once("<main").unwrap();
            let (summary, _) = main.split_once("<h1>").unwrap();
            assert!(summary.contains("1 thing to correct. Nothing was decided."), "{again:?}");
            assert!(summary.contains(&format!("<a href=\"#{field}\">")), "{field}: {again:?}");
            let (_, control) = again.text.split_once(invalid).unwrap();
            let (control, _) = control.split_once('>').unwrap();
            assert!(control.contains("aria-invalid=\"true\""), "{field}: {again:?}");
        }
    })
    .await;
}

#[test]
fn a_mistake_in_a_decision_has_the_focus_and_the_command_follows_what_is_chosen() {
    let focused = "return document.activeElement.id";
    let command = "return document.querySelector('[data-decides*=\" approve \"]').textContent";
    in_window(Scripts::On, async |window| {
        on_sqlite(async |db| {
            let (world, path) = with_a_held_plan(&db).await;
            let id = latest(&db).await.id;
            let admin = world.service.signed_in(Role::Admin).await;
            window.sign_in_as(&admin, &world.service).await;
            window.goto(&world.service, &path).await;
            window.becomes(command, &format!("rollcall plan approve {id} --reason 'WHY'")).await;
            let boxes = window.names_like("Change ").await;
            window.click(&boxes[1]).await;
            window
                .becomes(command, &format!("rollcall plan approve {id} --only 2 --reason 'WHY'"))
                .await;
            window.click("Everything but what is ticked above").await;
            window.click(&boxes[0]).await;
            window.fill("Reason", "It's time").await;
            window.click("Run the connector at once when approved").await;
            let whole =
                format!(r"rollcall plan approve {id} --except 1,2 --reason 'It'\''s time' --run");
            window.becomes(command, &whole).await;

            window.goto(&world.service, &path).await;
            window.click("Everything of one cause").await;
            window.fill("Reason", "They left").await;
            window.click("Approve").await;
            window.sees("1 thing to correct. Nothing was decided.").await;
            window.becomes(focused, "cause").await;
            for scheme in ["light", "dark"] {
                window.prefer(scheme).await;
                window.screenshot(&format!("plan-with-a-mistake-{scheme}")).await;
            }
        })
        .await;
    });
    in_window(Scripts::Off, async |window| {
        on_sqlite(async |db| {
            let (world, path) = with_a_held_plan(&db).await;
            let approver = world.service.signed_in(Role::Approver).await;
            window.sign_in_as(&approver, &world.service).await;
            window.goto(&world.service, &path).await;
            window.click("Only what is ticked above").await;
            window.fill("Reason", "They left").await;
            window.click("Approve").await;
            window.sees("1 thing to correct. Nothing was decided.").await;
            window.becomes(focused, "errors").await;
        })
        .await;
    });
}

/// The narrowest value of a change that is shown, and how far any list is wider than what is seen of it.
const NARROWEST: &str = "const widths = [...document.querySelectorAll('td .facts dd')]
        .map((it) => it.getBoundingClientRect().width);
    return String(widths.length > 0 && Math.min(...widths) >= 120);";

#[test]
fn before_and_after_can_be_read_at_every_width() {
    in_window(Scripts::On, async |window| {
        on_sqlite(async |db| {
            let (world, plan) = simulated(&db).await;
            assert_eq!(world.sync().await, Status::Held);
            let run = last_run(&db).await.id;
            let admin = world.service.signed_in(Role::Admin).await;
            window.sign_in_as(&admin, &world.service).await;
            for page in
                [format!("/plans/{}?verdict=all", plan.id), format!("/runs/{run}?tab=changes")]
            {
                window.goto(&world.service, &page).await;
                for width in [1_280, 1_100, 1_024, 800, 641, 320] {
                    window.size((width, 900)).await;
                    window.becomes(NARROWEST, "true").await;
                    window.assert_fits().await;
                    if width == 1_024 {
                        let name = page.trim_start_matches('/').replace(['/', '?', '='], "-");
                        window.screenshot(&format!("before-and-after-{name}")).await;
                    }
                }
            }
        })
        .await;
    });
}

#[tokio::test(flavor = "multi_thread")]
async fn a_decision_that_cannot_be_read_decides_nothing() {
    on_sqlite(async |db| {
        let (world, path) = with_a_held_plan(&db).await;
        let mut approver = world.service.signed_in(Role::Approver).await;
        for (fields, status) in [
            (&[][..], 422),
            (&[("which", "everything")], 400),
            (&[("which", "cause")], 400),
            (&[("which", "cause"), ("cause", "first")], 400),
            (&[("which", "ticked"), ("seq", "1"), ("seq", "two")], 400),
            (&[("which", "others"), ("whole", "yes"), ("seq", "")], 400),
            (&[("which", "all"), ("cause", "first")], 400),
            (&[("which", "others"), ("seq", "1")], 422),
            (&[("which", "others"), ("whole", "yes")], 422),
            (&[("which", "ticked")], 422),
            (&[("which", "cause"), ("cause", "")], 422),
            // More than what was ticked, picked or listed.
            (&[("which", "all"), ("seq", "1")], 422),
            (&[("which", "cause"), ("cause", "1"), ("seq", "1")], 422),
            (&[("which", "all"), ("cause", "1")], 422),
            (&[("which", "all"), ("shown", "/plans/1?cause=1")], 422),
            (&[("which", "all"), ("shown", "/plans/1?verdict=held&q=an")], 422),
            (&[("which", "all"), ("shown", "/plans/1?verdict=held&why=gone")], 422),
            (&[("which", "all"), ("shown", "/plans/1?target=1")], 422),
            (&[("which", "all"), ("shown", "/plans/1?kind=deactivate&verdict=held")], 422),
        ] {
            for verb in ["approve", "reject"] {
                let fields: Vec<(&str, &str)> =
                    fields.iter().copied().chain([("reason", "They left")]).collect();
                let refused = submit(&mut approver, &path, verb, &fields).await;
                assert_eq!(refused.status.as_u16(), status, "{verb} {fields:?}: {refused:?}");
                if status == 422 {
                    assert!(refused.text.contains("id=\"which-error\""), "{fields:?}");
                }
                assert_eq!(latest(&db).await.decided_at, None, "{verb} {fields:?}");
            }
        }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_listed_is_what_is_chosen_before_anybody_chooses() {
    on_sqlite(async |db| {
        let (world, path) = with_a_held_plan(&db).await;
        let mut approver = world.service.signed_in(Role::Approver).await;
        for (query, chosen) in [
            ("", "all"),
            ("?verdict=all", "all"),
            ("?cause=1", "cause"),
            ("?cause=1&q=a", "ticked"),
            ("?verdict=held&q=a", "ticked"),
            ("?kind=deactivate&verdict=held", "ticked"),
        ] {
            let shown = approver.get(&format!("{path}{query}")).await;
            let checked: Vec<&str> = shown
                .text
                .split("name=\"which\" value=\"")
                .skip(1)
                .filter_map(|it| it.split('>').next()?.strip_suffix("\" checked"))
                .collect();
            assert_eq!(checked, [chosen], "{query}: {shown:?}");
            let offers_all = shown.text.contains(">Everything that waits (8)<");
            assert_eq!(offers_all, chosen == "all", "{query}: {shown:?}");
        }
        // What was refused is shown again as what it may have meant.
        let both = [("which", "all"), ("seq", "2"), ("reason", "They left")];
        let again = submit(&mut approver, &path, "approve", &both).await;
        assert_eq!(again.status, 422, "{again:?}");
        assert!(again.text.contains("value=\"ticked\" checked"), "{again:?}");
        // What is ticked and not listed can still be seen.
        let hidden = [("which", "ticked"), ("seq", "2"), ("shown", "/plans/1?q=nobody")];
        let again = submit(&mut approver, &path, "approve", &hidden).await;
        assert_eq!(again.status, 422, "{again:?}");
        assert!(again.text.contains("id=\"elsewhere-2\" checked"), "{again:?}");
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_waits_is_listed_before_what_passes() {
    on_sqlite(async |db| {
        let world = World::new(&db, 150).await;
        assert_eq!(world.sync().await, Status::Succeeded);
        let (ids, admin) = (world.ids(), world.sandbox.admin());
        for id in &ids[..120] {
            admin.update_user(*id, json!({ "firstname": "Renata" })).unwrap();
        }
        for id in &ids[120..135] {
            admin.delete_user(*id).unwrap();
        }
        let plan = world.simulated().await;
        let path = format!("/plans/{}", plan.id);
        let mut approver = world.service.signed_in(Role::Approver).await;
        let boxes = |it: &Answer| it.text.matches("name=\"seq\"").count();
        let shown = approver.get(&path).await;
        assert_eq!(boxes(&shown), 15, "{shown:?}");
        assert!(shown.text.contains("What this plan holds"), "{shown:?}");
        assert!(shown.text.contains("id=\"which-others\""), "all of it is listed: {shown:?}");
        let all = format!("value=\"{path}?verdict=all\">All changes (135)<");
        assert!(shown.text.contains(&all), "{shown:?}");
        let all = approver.get(&format!("{path}?verdict=all")).await;
        assert_eq!((boxes(&all), all.text.matches("<tr id=\"change-").count()), (0, 100));
        let held = format!("value=\"{path}?verdict=held\">Only what is held (15)<");
        assert!(all.text.contains(&held), "{all:?}");
        assert!(!all.text.contains("id=\"which-others\""), "{all:?}");

        // A cause says what is left of it.
        let fields = [("which", "ticked"), ("seq", "121"), ("seq", "122"), ("reason", "No")];
        let rejected = submit(&mut approver, &path, "reject", &fields).await;
        assert_eq!(rejected.status, 303, "{rejected:?}");
        let shown = approver.get(&path).await;
        assert!(shown.text.contains(">Everything that waits (13)<"), "{shown:?}");
        let waiting = shown.text.split("data-waiting=\"").skip(1);
        let waiting = waiting.filter_map(|it| it.split('"').next()?.parse::<u64>().ok());
        assert_eq!(waiting.sum::<u64>(), 13, "{shown:?}");
        assert!(shown.text.contains(" still wait)"), "{shown:?}");
        assert!(shown.text.contains(">Deactivate held, 2 rejected<"), "{shown:?}");
    })
    .await;
}

#[test]
fn what_is_ticked_is_what_is_decided_over_whatever_is_searched_for() {
    in_window(Scripts::On, async |window| {
        on_sqlite(async |db| {
            let (world, path) = with_a_held_plan(&db).await;
            let approver = world.service.signed_in(Role::Approver).await;
            window.sign_in_as(&approver, &world.service).await;
            // Scripts tell times in the words of the service.
            rollcall::with_pool!(&db, pool => {
                sqlx::query("update plans set made_at = made_at - 40000000")
                    .execute(pool).await.unwrap();
            });
            window.goto(&world.service, &path).await;
            let made = "return document.querySelector('.lead time').textContent\
                        .replace(/[0-9]+/, 'N')";
            window.becomes(made, "N s ago").await;
            window.sees("8 changes are chosen.").await;
            let boxes = window.names_like("Change ").await;
            assert_eq!(boxes.len(), 8, "{boxes:?}");
            window.click(&boxes[0]).await;
            window.sees("1 change is chosen.").await;
            assert!(window.is_checked("Only what is ticked above").await);
            window.click("Everything but what is ticked above").await;
            window.sees("7 changes are chosen.").await;

            window.fill("Search", "nobody is called that").await;
            window.sees("Ticked, and not in the list as it is now").await;
            assert!(window.is_checked(&boxes[0]).await);
            let clear = "const field = document.querySelector('main input[type=search]');
                field.value = '';
                field.dispatchEvent(new Event('input', { bubbles: true }));";
            window.script(clear, vec![]).await;
            window.becomes(TICKS, "8 1 0").await;
            window.sees_not("Ticked, and not in the list as it is now").await;
            window.sees("7 changes are chosen.").await;

            // On a narrow page every column of the list can be read.
            window.size(ZOOMED).await;
            let sideways = "return String([...document.querySelectorAll('.table')]
                .filter((it) => it.clientWidth < it.scrollWidth).length);";
            window.becomes(sideways, "0").await;
            window.assert_fits().await;
            window.size(DESKTOP).await;

            window.fill("Reason", "They left").await;
            window.click("Approve").await;
            window.sees("7 changes are approved").await;
        })
        .await;
    });
}

#[test]
fn whoever_searches_picks_a_cause_or_ticks_means_no_longer_everything() {
    in_window(Scripts::On, async |window| {
        on_sqlite(async |db| {
            let (world, path) = with_many_held(&db).await;
            let approver = world.service.signed_in(Role::Approver).await;
            window.sign_in_as(&approver, &world.service).await;
            window.goto(&world.service, &path).await;
            assert!(window.is_checked("Everything that waits (130)").await);
            let pick = "const cause = document.getElementById('cause');
                cause.value = '1';
                cause.dispatchEvent(new Event('change', { bubbles: true }));";
            window.script(pick, vec![]).await;
            assert!(window.is_checked("Everything of one cause").await);
            window.goto_again().await;
            window.fill("Search", "a").await;
            window.becomes("return String(location.search.includes('q=a'))", "true").await;
            assert!(window.is_checked("Only what is ticked above").await);

            // A tick stays through the pages of the list.
            window.goto(&world.service, &path).await;
            let first = window.names_like("Change ").await.remove(0);
            window.click(&first).await;
            window.click("Next").await;
            window.becomes(TICKS, "30 0 1").await;
            window.sees("1 change is chosen.").await;
            window.click("First").await;
            window.becomes(TICKS, "100 1 0").await;
            window.fill("Reason", "They left").await;
            window.click("Approve").await;
            window.sees("1 change is approved").await;
        })
        .await;
    });
}

#[tokio::test(flavor = "multi_thread")]
async fn a_decision_with_a_mistake_is_shown_again_as_it_was_typed() {
    on_sqlite(async |db| {
        let (world, path) = with_a_held_plan(&db).await;
        let mut approver = world.service.signed_in(Role::Approver).await;
        let shown = approver.get(&path).await;
        assert!(shown.text.contains("id=\"which-others\""), "all is on one page: {shown:?}");
        let ticked =
            [("which", "ticked"), ("seq", "2"), ("shown", "/plans/1?kind=deactivate&verdict=held")];
        for (verb, more, error) in [
            ("approve", &[("reason", " ")][..], "reason-error"),
            ("reject", &[("reason", "On leave"), ("days", "0")], "days-error"),
        ] {
            let fields: Vec<(&str, &str)> = ticked.iter().chain(more).copied().collect();
            let again = submit(&mut approver, &path, verb, &fields).await;
            assert_eq!(again.status, 422, "{verb}: {again:?}");
            assert!(again.text.contains(&format!("id=\"{error}\"")), "{verb}: {again:?}");
            assert!(again.text.contains("name=\"seq\" value=\"2\" checked"), "{verb}: {again:?}");
            assert!(again.text.contains("value=\"ticked\" checked"), "{verb}: {again:?}");
            assert!(!again.text.contains("value=\"all\" checked"), "{verb}: {again:?}");
            assert!(!again.text.contains("id=\"which-others\""), "filtered: {again:?}");
            assert_eq!(latest(&db).await.decided_at, None, "{verb}");
        }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_question_for_the_password_keeps_what_was_typed() {
    on_sqlite(async |db| {
        let (world, path) = with_many_held(&db).await;
        let mut approver = world.service.signed_in(Role::Approver).await;
        let shown = approver.get(&path).await;
        assert!(shown.text.contains("id=\"which-ticked\""), "{shown:?}");
        assert!(!shown.text.contains("id=\"which-others\""), "there is a second page: {shown:?}");
        let cause = shown.text.split("<select id=\"cause\"").nth(1).and_then(|it| {
            it.split("<option value=\"").nth(2)?.split('"').next().map(str::to_owned)
        });
        let cause = cause.unwrap_or_else(|| panic!("no cause: {shown:?}"));
        forget_proofs(&db).await;
        let fields = [
            ("csrf", &*shown.token()),
            ("which", "cause"),
            ("cause", &*cause),
            ("shown", &*path),
            ("reason", "They \"left\" & are gone"),
        ];
        let asked = approver.post(&format!("{path}/approve"), &fields).await;
        assert_eq!(asked.status, 422, "{asked:?}");
        let option = format!("<option value=\"{cause}\" data-waiting=\"");
        let meant = shown.text.split(&*option).nth(1).and_then(|it| it.split('"').next());
        let act = format!("<strong>Approve {} changes of plan ", meant.unwrap());
        assert!(asked.text.contains(&act), "{act}: {asked:?}");
        assert_eq!(latest(&db).await.decided_at, None);
        let refused = approver.prove(&asked, "not my password").await;
        assert_eq!(refused.status, 422, "{refused:?}");
        assert!(refused.text.contains(&act), "{act}: {refused:?}");
        assert_eq!(latest(&db).await.decided_at, None);
        let done = approver.prove(&refused, PASSWORD).await;
        assert_eq!((done.status.as_u16(), done.location()), (303, &*path));
        let decided = latest(&db).await;
        assert!(decided.decided_at.is_some());
        assert_eq!(decided.reason, "They \"left\" & are gone");
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_approval_stands_although_another_run_is_under_way() {
    on_both(async |db| {
        let (world, path) = with_a_held_plan(&db).await;
        let mut admin = world.service.signed_in(Role::Admin).await;
        let connector = connectors::find(&db, CONNECTOR).await.unwrap();
        let now = Timestamp::now();
        let mut tx = db.begin().await.unwrap();
        let vacancy = leases::claim(&mut tx, connector.id, now).await.unwrap().unwrap();
        let new = NewRun {
            connector: &connector,
            trigger: Trigger::CommandLine,
            started_by: "",
            node: "here",
            retry_of: None,
            slot: None,
        };
        let run = runs::insert(&mut tx, &new, now, now).await.unwrap();
        leases::give(&mut tx, vacancy, run).await.unwrap();
        tx.commit().await.unwrap();

        let fields = [("which", "all"), ("reason", "They left"), ("run", "on")];
        let done = submit(&mut admin, &path, "approve", &fields).await;
        assert_eq!((done.status.as_u16(), done.location()), (303, &*path));
        let told = admin.follow(&done).await;
        assert!(told.text.contains("The plan is approved, but no run was started."), "{told:?}");
        assert!(latest(&db).await.decided_at.is_some());

        // Whoever is refused is led to what is in the way.
        let second = submit(&mut admin, &path, "approve", &fields).await;
        assert_eq!(second.status, 409, "{second:?}");
        assert!(second.text.contains(&format!("href=\"{path}\">Go to plan ")), "{second:?}");
        let busy = admin.submit("/account", "/connectors/1/sync", &[]).await;
        assert_eq!(busy.status, 409, "{busy:?}");
        let way = format!("href=\"/runs/{run}\">Go to run {run}<");
        assert!(busy.text.contains(&way), "{busy:?}");
    })
    .await;
}

#[tokio::test]
async fn whoever_signs_in_to_send_a_form_comes_back_to_its_page() {
    on_sqlite(async |db| {
        let world = World::new(&db, 1).await;
        let browser = world.service.browser();
        let own = format!("{}/plans/1?after=3", browser.url());
        // Where it came back with a mistake.
        let again = format!("{}/plans/1/approve", browser.url());
        let evil = format!("{}//evil.example", browser.url());
        for (from, next) in [
            (Some(own.as_str()), "%2Fplans%2F1%3Fafter%3D3"),
            (Some(&*again), "%2Fplans%2F1"),
            (Some("http://evil.example/plans/1"), "%2F"),
            (Some(evil.as_str()), "%2F"),
            (None, "%2F"),
        ] {
            let mut browser = world.service.browser();
            let request = browser.request(reqwest::Method::POST, "/plans/1/approve");
            let request = match from {
                Some(from) => request.header("referer", from),
                None => request,
            };
            let answer = browser.send(request).await;
            assert_eq!(answer.location(), format!("/sign-in?next={next}"), "{from:?}");
        }
        // Scripts lead there from the address that they see.
        account(&db, Role::Viewer).await;
        let mut browser = world.service.browser();
        let next = ("next", "/connectors/1/general/preview");
        let form = [("email", "viewer@example.com"), ("password", PASSWORD), next];
        let entered = browser.post("/sign-in", &form).await;
        assert_eq!(entered.location(), "/connectors/1/general");
        let again = browser.get("/sign-in?next=%2Fplans%2F1%2Fapprove").await;
        assert_eq!(again.location(), "/plans/1");
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_rejection_is_shown_with_its_reason_and_lifted_by_an_approver() {
    on_sqlite(async |db| {
        let (world, path) = with_a_held_plan(&db).await;
        let mut approver = world.service.signed_in(Role::Approver).await;
        let fields = [("which", "all"), ("reason", "On leave")];
        let rejected = submit(&mut approver, &path, "reject", &fields).await;
        assert_eq!(rejected.status, 303, "{rejected:?}");
        assert_eq!(world.sync().await, Status::Succeeded);
        let run = approver.get(&format!("/runs/{}", last_run(&db).await.id)).await;
        assert!(run.text.contains("Everything else already matches."), "{run:?}");
        assert!(run.text.contains("8 changes are left alone because"), "{run:?}");

        let shown = approver.get("/rejections").await;
        assert_eq!(shown.text.matches(">On leave</td>").count(), 8, "{shown:?}");
        let codes = shown.text.split("name=\"rejection\" value=\"").skip(1);
        let codes: Vec<&str> = codes.filter_map(|it| it.split('"').next()).collect();
        for (fields, error) in [
            (&[("reason", "Back")][..], "rejection-error"),
            (&[("rejection", codes[0]), ("reason", " ")], "reason-error"),
        ] {
            let again = approver.submit("/rejections", "/rejections/lift", fields).await;
            assert_eq!(again.status, 422, "{again:?}");
            assert!(again.text.contains(&format!("id=\"{error}\"")), "{again:?}");
        }
        let fields = [("rejection", codes[0]), ("rejection", codes[1]), ("reason", "Back")];
        let lifted = approver.submit("/rejections", "/rejections/lift", &fields).await;
        assert_eq!(lifted.location(), "/rejections");
        let told = approver.get("/rejections").await;
        assert!(told.text.contains("2 rejections are lifted."), "{told:?}");
        assert_eq!(told.text.matches(">On leave</td>").count(), 6, "{told:?}");
        let late = approver.submit("/rejections", "/rejections/lift", &fields).await;
        assert_eq!(late.status, 409, "{late:?}");
        // What other settings would do tells of them, too.
        let mut admin = world.service.signed_in(Role::Admin).await;
        let shown = admin.get("/connectors/1/required-groups").await;
        let (_, effect) = shown.text.split_once("By the last read").unwrap();
        assert!(effect.contains("6 changes are left alone because somebody rejected"), "{shown:?}");
        let mut viewer = world.service.signed_in(Role::Viewer).await;
        let shown = viewer.get("/rejections").await;
        assert!(!shown.text.contains("/rejections/lift"), "{shown:?}");
    })
    .await;
}

#[test]
fn what_is_ticked_and_typed_stays_through_the_parts_of_a_plan_without_scripts() {
    in_window(Scripts::Off, async |window| {
        on_sqlite(async |db| {
            let (world, path) = with_many_held(&db).await;
            let approver = world.service.signed_in(Role::Approver).await;
            window.sign_in_as(&approver, &world.service).await;
            window.goto(&world.service, &path).await;
            // Nothing is ticked: the part that is shown has an address.
            window.click("Next").await;
            window.becomes(TICKS, "30 0 0").await;
            window.arrives(&format!("{path}?verdict=held&after=100")).await;
            window.click("First").await;
            window.becomes(TICKS, "100 0 0").await;
            assert!(window.is_checked("Everything that waits (130)").await);

            let first = window.names_like("Change ").await.remove(0);
            window.click(&first).await;
            window.click("Only what is ticked above").await;
            window.fill("Reason", "They left").await;
            window.click("Next").await;
            window.becomes(TICKS, "30 0 1").await;
            let second = window.names_like("Change ").await.remove(0);
            window.click(&second).await;
            window.choose_theme("Dark").await;
            window.becomes(TICKS, "30 1 1").await;
            assert_eq!(window.value("Reason").await, "They left");
            window.assert_accessible().await;
            window.screenshot("plan-ticks-dark").await;
            window.choose_theme("Light").await;
            window.screenshot("plan-ticks-light").await;

            // Through the parts in which nothing is decided, in another theme there, and back.
            let skipped = window.named_with("Skipped").await;
            window.click(&skipped).await;
            window.sees("Nobody is skipped").await;
            window.choose_theme("Dark").await;
            window.sees("Nobody is skipped").await;
            window.assert_accessible().await;
            window.screenshot("plan-skipped-dark").await;
            window.choose_theme("Light").await;
            window.click("Source check").await;
            window.becomes(CURRENT_TAB, "Source check").await;
            window.screenshot("plan-source-light").await;
            window.click("Changes").await;
            window.becomes(TICKS, "100 1 1").await;
            assert_eq!(window.value("Reason").await, "They left");

            // Enter in a field decides nothing, and filters.
            window.fill("Search", "nobody at all").await;
            window.press(key::ENTER).await;
            window.sees("No change is like this").await;
            window.becomes(TICKS, "0 0 2").await;
            window.fill("Search", "").await;
            window.click("Filter").await;
            window.becomes(TICKS, "100 1 1").await;
            let tile = window.named_with("Deactivate held").await;
            window.click(&tile).await;
            window.becomes(TICKS, "100 1 1").await;
            window.fill("Reason", "They left for good").await;
            window.press(key::ENTER).await;
            window.becomes(TICKS, "100 1 1").await;
            assert_eq!(latest(&db).await.decided_at, None);
            assert_eq!(window.value("Reason").await, "They left for good");
            assert!(window.is_checked("Only what is ticked above").await);
            window.click("Approve").await;
            window.sees("2 changes are approved").await;
        })
        .await;
    });
}

#[tokio::test(flavor = "multi_thread")]
async fn a_plan_is_filtered_by_address_by_reason_and_by_target() {
    on_both(async |db| {
        let (world, path) = with_a_held_plan(&db).await;
        let everything = changes::Filter::default();
        let users = changes::list(&db, PlanId(1), &everything, EVERYTHING).await.unwrap();
        assert_eq!(users.len(), 8);
        let connector = connectors::find(&db, CONNECTOR).await.unwrap();
        let act = somebody().act(Timestamp::now());
        targets::create(&db, &connector, "confluence", TargetKind::Crowd, &act).await.unwrap();
        let mut approver = world.service.signed_in(Role::Approver).await;
        for (query, rows) in [
            ("q=@", 8),
            ("q=nobody@", 0),
            ("why=Asked%20for%20by%20id", 8),
            ("why=suspended", 0),
            ("target=1", 8),
            ("target=2", 0),
            ("target=", 8),
            ("target=odd", 0),
        ] {
            let shown = approver.get(&format!("{path}?{query}")).await;
            assert_eq!(shown.text.matches("<tr id=\"change-").count(), rows, "{query}: {shown:?}");
        }
        let shown = approver.get(&format!("{path}?target=2&why=%22%3C")).await;
        assert!(shown.text.contains("<option value=\"2\" selected>confluence<"), "{shown:?}");
        assert!(shown.text.contains("name=\"why\" value=\"&#34;&#60;\""), "{shown:?}");
        // What is typed into the fields of the form filters as well, and is not lost.
        let typed = [("which", "all"), ("q", ""), ("why", "BY ID"), ("target", "1")];
        let next = submit(&mut approver, &path, "show", &typed).await;
        assert_eq!(next.location(), format!("{path}?why=BY%20ID&target=1"));
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_plan_and_a_run_are_filtered_by_the_field_that_changes_alter() {
    on_both(async |db| {
        let (world, plan) = simulated(&db).await;
        let path = format!("/plans/{}", plan.id);
        let mut approver = world.service.signed_in(Role::Approver).await;
        let rows = |shown: &Answer| shown.text.matches("<tr id=\"change-").count();
        let shown = approver.get(&path).await;
        assert!(shown.text.contains("<option value=\"first name\">first name (1)<"), "{shown:?}");
        assert!(!shown.text.contains("<option value=\"e-mail\""), "only what occurs: {shown:?}");
        for (query, found) in
            [("field=first%20name", 1), ("field=First%20Name&kind=update", 1), ("field=title", 0)]
        {
            let shown = approver.get(&format!("{path}?{query}")).await;
            assert_eq!(rows(&shown), found, "{query}: {shown:?}");
        }
        // Whoever filters has not chosen everything.
        let shown = approver.get(&format!("{path}?field=first%20name")).await;
        assert!(shown.text.contains("<option value=\"first name\" selected>"), "{shown:?}");
        assert!(!shown.text.contains("value=\"all\""), "{shown:?}");
        let typed = [("which", "all"), ("q", ""), ("why", ""), ("field", "first name")];
        let next = submit(&mut approver, &path, "show", &typed).await;
        assert_eq!(next.location(), format!("{path}?field=first%20name"));

        assert_eq!(world.sync().await, Status::Held);
        let run = format!("/runs/{}?tab=changes", last_run(&db).await.id);
        let shown = approver.get(&run).await;
        assert!(shown.text.contains("<option value=\"first name\">first name (1)<"), "{shown:?}");
        let shown = approver.get(&format!("{run}&field=first%20name")).await;
        assert_eq!(rows(&shown), 1, "{shown:?}");
        assert!(shown.text.contains("Renata"), "{shown:?}");
    })
    .await;
}
