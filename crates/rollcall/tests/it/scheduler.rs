//! What schedules lead to, told at instants of the test's choosing, on both databases.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use reconcile::health::Health;
use rollcall::health::{self, ConnectorHealth};
use rollcall::http;
use rollcall::http::backoff::Backoff;
use rollcall::run::follow::{Follower, News};
use rollcall::run::{self, Engine, Order, Ready};
use rollcall::scheduler::{self, Done, Trouble};
use rollcall::seal::{KeySource, Seal};
use rollcall::secret::Secret;
use rollcall::source::onelogin::settings::{GroupSource, ScopeSettings, Settings};
use rollcall::store::Db;
use rollcall::store::audit::{self, Filter};
use rollcall::store::connectors::settings::ConnectorSettings;
use rollcall::store::connectors::settings::schedule::ScheduleSettings;
use rollcall::store::connectors::{self, Connector, Provider};
use rollcall::store::runs::{self, Run, RunId, Status, Trigger};
use rollcall::store::schedules;
use rollcall::store::targets::{self, TargetKind};
use sandbox::onelogin::{Data, Fault, Kind, Options, Population, Sandbox, Tenant, When};

use crate::databases::on_both;
use crate::store::{self, somebody};

struct World {
    engine: Engine,
    sandbox: Sandbox,
    connector: Connector,
}

/// Everything begins on a Tuesday at twenty past ten.
const BEGINNING: &str = "2026-11-24T10:20:00Z";

fn at(text: &str) -> Timestamp {
    text.parse().unwrap()
}

fn hourly() -> ScheduleSettings {
    ScheduleSettings { enabled: true, ..ScheduleSettings::default() }
}

impl World {
    async fn new(db: &Db, schedule: ScheduleSettings) -> World {
        World::with_latency(db, schedule, Duration::ZERO).await
    }

    async fn with_latency(db: &Db, schedule: ScheduleSettings, latency: Duration) -> World {
        let population = Population {
            users: 20,
            roles: 3,
            groups: 2,
            roles_per_user: 1,
            seed: 7,
            data: Data::Clean,
        };
        let options = Options { latency, ..Options::quiet(7) };
        let tenant = Tenant::generate(&population);
        let sandbox = sandbox::onelogin::start(tenant, options).await.unwrap();
        let engine = engine(db);
        let source = Settings {
            base_url: sandbox.base_url(),
            client_id: sandbox.client_id().to_owned(),
            groups_from: BTreeSet::from([GroupSource::Roles]),
            required_groups: Vec::new(),
            scope: ScopeSettings::default(),
            statuses: Vec::new(),
            minimum_remaining_api_calls: 100,
        };
        let settings = ConnectorSettings { schedule, ..ConnectorSettings::new(source) };
        let secret = Secret::new(sandbox.client_secret().to_owned());
        let act = somebody().act(at(BEGINNING));
        let provider = Provider::OneLogin;
        let seal = &engine.seal;
        let connector = connectors::create(db, seal, "One", provider, &settings, &secret, &act);
        let connector = connector.await.unwrap();
        targets::create(db, &connector, "jira", TargetKind::Crowd, &act).await.unwrap();
        World { engine, sandbox, connector }
    }

    /// What is done at an instant, as words; waits until runs that were started have ended.
    async fn tick(&self, now: &str) -> Vec<String> {
        let told = self.look(now).await;
        self.all_ended().await;
        told
    }

    async fn look(&self, now: &str) -> Vec<String> {
        let done = scheduler::tick(&self.engine, at(now), &mut Trouble::default()).await.unwrap();
        done.iter().map(told).collect()
    }

    async fn all_ended(&self) {
        for _ in 0..1000 {
            if self.runs().await.iter().all(|run| run.finished_at.is_some()) {
                return;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        panic!("a run does not end");
    }

    /// The first first.
    async fn runs(&self) -> Vec<Run> {
        let mut runs = runs::list(&self.engine.db, None, 999).await.unwrap();
        runs.reverse();
        runs
    }

    async fn statuses(&self) -> Vec<&'static str> {
        self.runs().await.iter().map(|it| it.status.word()).collect()
    }

    async fn health(&self, now: &str) -> ConnectorHealth {
        health::of_connector(&self.engine.db, &self.connector, at(now), 5).await.unwrap()
    }

    fn is_down(&self) {
        let kind = Kind::HtmlPage { status: 503 };
        self.sandbox.admin().inject(Fault::always(When::next("*"), kind));
    }
}

fn engine(db: &Db) -> Engine {
    let key = Secret::new("AQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQE=".to_owned());
    let seal = Seal::open(&KeySource::Given(key), None).unwrap();
    let mut engine = Engine::new(db.clone(), Arc::new(seal), true);
    engine.limits = http::Limits {
        attempts_max: 2,
        backoff: Backoff { first: Duration::from_millis(2), max: Duration::from_millis(4) },
        wait_max: Duration::from_millis(10),
        ..engine.limits
    };
    engine
}

fn told(done: &Done) -> String {
    match done {
        Done::Started { run, slot, .. } => format!("run {run} for {slot}"),
        Done::TakenUp { run, interrupted, .. } => format!("run {run} takes up {interrupted}"),
        Done::NotRun { run, slot, .. } => format!("run {run} not for {slot}"),
        Done::Paused { failures, .. } => format!("paused after {failures}"),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_connector_runs_once_for_each_slot_and_by_itself() {
    on_both(async |db| {
        let world = World::new(&db, hourly()).await;
        assert_eq!(world.tick("2026-11-24T10:59:59Z").await, [""; 0]);
        assert_eq!(world.health("2026-11-24T10:59:59Z").await.health, Health::NeverRun);
        let first = "run 1 for 2026-11-24T11:00:00Z";
        assert_eq!(world.tick("2026-11-24T11:00:00Z").await, [first]);
        for again in ["2026-11-24T11:00:00Z", "2026-11-24T11:00:01Z", "2026-11-24T11:59:59Z"] {
            assert_eq!(world.tick(again).await, [""; 0], "{again}");
        }
        let second = "run 2 for 2026-11-24T12:00:00Z";
        assert_eq!(world.tick("2026-11-24T12:00:03Z").await, [second]);
        let runs = world.runs().await;
        let told = |it: &Run| (it.trigger.clone(), it.started_by.clone(), it.status, it.slot);
        let expected = |slot: &str| {
            ("schedule".to_owned(), "scheduler".to_owned(), Status::Succeeded, Some(at(slot)))
        };
        assert_eq!(told(&runs[0]), expected("2026-11-24T11:00:00Z"));
        assert_eq!(told(&runs[1]), expected("2026-11-24T12:00:00Z"));
        let health = world.health("2026-11-24T12:30:00Z").await;
        assert_eq!((health.health, health.failures_in_a_row), (Health::Healthy, 0));
        let next: Vec<String> = health
            .schedule
            .unwrap()
            .unwrap()
            .next
            .iter()
            .map(rollcall::schedule::Slot::iso)
            .collect();
        assert_eq!(next[0], "2026-11-24T13:00:00+00:00");
        // One service has been away for a while, and nobody has noticed.
        let late = world.health("2026-11-24T14:00:00Z").await;
        assert_eq!(late.health, Health::Late, "{}", late.why);
        let filter = Filter { noun: "run".to_owned(), ..Filter::default() };
        let entries = audit::list(&db, &filter, None, 9).await.unwrap();
        assert_eq!((entries.len(), entries[0].actor.as_str()), (2, "scheduler"));
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn two_services_that_look_at_once_start_one_run() {
    on_both(async |db| {
        let world = World::new(&db, hourly()).await;
        for (hour, expected) in [(11, 1), (12, 2), (13, 3)] {
            let now = at(&format!("2026-11-24T{hour}:00:00Z"));
            let engines: Vec<Engine> = (0..6).map(|_| engine(&db)).collect();
            let looks = engines.iter().map(async |engine| {
                scheduler::tick(engine, now, &mut Trouble::default()).await.unwrap()
            });
            let done = futures_util::future::join_all(looks).await.concat();
            assert_eq!(done.len(), 1, "{done:?}");
            world.all_ended().await;
            assert_eq!(world.statuses().await, vec!["succeeded"; expected]);
        }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_slot_during_another_run_is_skipped_once_and_says_why() {
    on_both(async |db| {
        let world = World::with_latency(&db, hourly(), Duration::from_millis(300)).await;
        let ready = Ready::open(&world.engine, "One").await.unwrap();
        let (trigger, actor) = (Trigger::CommandLine, somebody().clone());
        let order = Order::new(trigger, actor);
        let mut by_hand = run::start(&world.engine, ready, &order, |_| {}).await.unwrap();
        let skipped = "run 2 not for 2026-11-24T11:00:00Z";
        assert_eq!(world.look("2026-11-24T11:00:00Z").await, [skipped]);
        assert_eq!(world.look("2026-11-24T11:00:02Z").await, [""; 0]);
        by_hand.ended().await.unwrap();
        assert_eq!(world.look("2026-11-24T11:00:09Z").await, [""; 0], "the slot is gone");
        let runs = world.runs().await;
        assert_eq!(runs[1].status, Status::Skipped);
        let message = &runs[1].message;
        assert!(message.starts_with("Run 1 of this connector is under way on "), "{message}");
        assert!(message.ends_with("; this one is left out."), "{message}");
        // It is nobody's fault.
        let health = world.health("2026-11-24T11:01:00Z").await;
        assert_ne!(health.health, Health::NeedsAttention);
        assert_eq!(health.failures_in_a_row, 0);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn after_a_downtime_one_run_makes_up_for_what_was_missed_or_a_row_says_why_not() {
    on_both(async |db| {
        let world = World::new(&db, hourly()).await;
        world.tick("2026-11-24T11:00:00Z").await;
        let made_up = "run 2 for 2026-11-24T15:00:00Z";
        assert_eq!(world.tick("2026-11-24T15:40:00Z").await, [made_up]);
        let page = runs::Page { after: 0, rows_max: 1 };
        let first = runs::events::list(&db, RunId(2), page).await.unwrap();
        assert!(first[0].body.contains("3 before it were missed."), "{}", first[0].body);

        let daily = ScheduleSettings {
            expression: "0 2 * * *".to_owned(),
            catch_up_minutes: 60,
            ..hourly()
        };
        let settings = ConnectorSettings { schedule: daily, ..world.connector.settings.clone() };
        let act = somebody().act(at("2026-11-24T16:00:00Z"));
        let (seal, before) = (&world.engine.seal, &world.connector);
        connectors::edit(&db, seal, before, "One", &settings, None, &act).await.unwrap();
        assert_eq!(world.tick("2026-11-24T16:00:01Z").await, [""; 0], "no slot of before");
        let too_late = "run 3 not for 2026-11-25T02:00:00Z";
        assert_eq!(world.tick("2026-11-25T03:00:01Z").await, [too_late]);
        assert_eq!(world.tick("2026-11-25T03:00:02Z").await, [""; 0]);
        let run = &world.runs().await[2];
        assert_eq!(run.status, Status::Skipped);
        assert!(run.message.contains("later than the catch-up window"), "{}", run.message);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn no_slot_runs_twice_where_the_clock_is_set_back_and_forward_by_hours() {
    on_both(async |db| {
        let world = World::new(&db, hourly()).await;
        for hour in [11, 12, 13] {
            assert_eq!(world.tick(&format!("2026-11-24T{hour}:00:00Z")).await.len(), 1);
        }
        // Set back by three hours: what was run is not run again.
        for minute in 0..179 {
            let now = at("2026-11-24T10:30:00Z") + SignedDuration::from_mins(minute);
            assert_eq!(world.look(&now.to_string()).await, [""; 0], "{now}");
        }
        assert_eq!(world.tick("2026-11-24T14:00:00Z").await, ["run 4 for 2026-11-24T14:00:00Z"]);
        // Set forward by ten hours, and back again.
        assert_eq!(world.tick("2026-11-25T00:10:00Z").await, ["run 5 for 2026-11-25T00:00:00Z"]);
        assert_eq!(world.tick("2026-11-24T15:00:00Z").await, ["run 6 for 2026-11-24T15:00:00Z"]);
        assert_eq!(world.tick("2026-11-25T00:10:00Z").await, [""; 0]);
        let slots: Vec<_> = world.runs().await.iter().map(|it| it.slot).collect();
        let distinct: BTreeSet<_> = slots.iter().collect();
        assert_eq!(slots.len(), distinct.len());
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_paused_connector_does_not_run_by_itself_until_it_is_resumed() {
    on_both(async |db| {
        let world = World::new(&db, hourly()).await;
        let act = somebody().act(at("2026-11-24T10:30:00Z")).because("Migration of Jira.");
        assert!(schedules::pause(&db, &world.connector, &act).await.unwrap());
        assert!(!schedules::pause(&db, &world.connector, &act).await.unwrap(), "once is enough");
        assert_eq!(world.tick("2026-11-24T11:00:00Z").await, [""; 0]);
        let health = world.health("2026-11-24T11:00:00Z").await;
        assert_eq!(health.health, Health::Paused);
        let why = "Paused by ada since 2026-11-24T10:30:00Z: Migration of Jira.";
        assert!(health.why.starts_with(why), "{}", health.why);
        let act = somebody().act(at("2026-11-24T15:20:00Z"));
        assert!(schedules::resume(&db, &world.connector, &act).await.unwrap());
        assert_eq!(world.tick("2026-11-24T15:20:01Z").await, [""; 0], "nothing is made up for");
        assert_eq!(world.tick("2026-11-24T16:00:00Z").await.len(), 1);
        let filter = Filter { noun: "connector".to_owned(), ..Filter::default() };
        let entries = audit::list(&db, &filter, None, 9).await.unwrap();
        let told: Vec<_> =
            entries.iter().map(|it| (it.verb.as_str(), it.reason.as_str())).collect();
        assert_eq!(told, [("resume", ""), ("pause", "Migration of Jira."), ("create", "")]);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_source_that_is_down_for_a_week_is_asked_less_often_and_then_everything_is_well_again() {
    on_both(async |db| {
        let world = World::new(&db, hourly()).await;
        world.tick("2026-11-24T11:00:00Z").await;
        world.is_down();
        let mut now = at("2026-11-24T12:00:00Z");
        for _ in 0..(7 * 24) {
            world.tick(&now.to_string()).await;
            now += SignedDuration::from_hours(1);
        }
        let runs = world.runs().await;
        let failed = runs.iter().filter(|it| it.status == Status::Failed).count();
        assert_eq!(failed, runs.len() - 1);
        assert!((100..=168).contains(&failed), "{failed}");
        let health = world.health(&now.to_string()).await;
        assert_eq!(health.health, Health::NeedsAttention);
        assert_eq!(health.failures_in_a_row as usize, failed);
        let since = "The last good one was 2026-11-24T11:00:00Z.";
        assert!(health.why.ends_with(since), "{}", health.why);
        world.sandbox.admin().clear_faults();
        now += SignedDuration::from_hours(1);
        assert_eq!(world.tick(&now.to_string()).await.len(), 1);
        let health = world.health(&now.to_string()).await;
        assert_eq!((health.health, health.failures_in_a_row), (Health::Healthy, 0));
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_schedule_pauses_itself_after_so_many_failures_and_says_so() {
    on_both(async |db| {
        let world = World::new(&db, ScheduleSettings { pause_after_failures: 3, ..hourly() }).await;
        world.is_down();
        let mut told = Vec::new();
        for hour in 11..20 {
            told.extend(world.tick(&format!("2026-11-24T{hour}:59:00Z")).await);
        }
        assert_eq!(told.last().unwrap(), "paused after 3");
        assert_eq!(world.statuses().await, ["failed"; 3]);
        let health = world.health("2026-11-24T20:00:00Z").await;
        assert_eq!(health.health, Health::Paused);
        assert!(health.why.contains("Paused by scheduler"), "{}", health.why);
        assert!(health.why.contains("3 runs in a row failed"), "{}", health.why);
        let filter = Filter { verb: "pause".to_owned(), ..Filter::default() };
        assert_eq!(audit::list(&db, &filter, None, 9).await.unwrap().len(), 1);

        world.sandbox.admin().clear_faults();
        let act = somebody().act(at("2026-11-24T20:30:00Z"));
        schedules::resume(&db, &world.connector, &act).await.unwrap();
        assert_eq!(world.tick("2026-11-24T21:00:00Z").await.len(), 1);
        assert_eq!(world.health("2026-11-24T21:00:10Z").await.health, Health::Healthy);
    })
    .await;
}

/// Nobody can save one; a later version may have, or somebody who writes to the database.
#[tokio::test(flavor = "multi_thread")]
async fn an_unknown_time_zone_in_stored_settings_is_told_once_and_stops_nobody_else() {
    on_both(async |db| {
        let world = World::new(&db, hourly()).await;
        let sql = "update connectors set settings = replace(settings, '\"UTC\"', '\"Mars/Base\"')";
        rollcall::with_pool!(&db, pool => sqlx::query(sql).execute(pool).await.map(|_| ()))
            .unwrap();
        let connector = connectors::find(&db, "One").await.unwrap();
        assert_eq!(connector.settings.schedule.time_zone, "Mars/Base");
        assert_eq!(world.tick("2026-11-24T11:00:00Z").await.len(), 1);
        for hour in 12..20 {
            assert_eq!(world.tick(&format!("2026-11-24T{hour}:00:00Z")).await, [""; 0]);
        }
        let run = &world.runs().await[0];
        let expected = "The setting schedule.time_zone cannot be used as it is. There is no time zone \"Mars/Base\".";
        assert!(run.message.starts_with(expected), "{}", run.message);
        assert_eq!(run.status, Status::Failed);
        let now = at("2026-11-24T20:00:00Z");
        let health = health::of_connector(&db, &connector, now, 5).await.unwrap();
        assert_eq!(health.health, Health::NeedsAttention);
        assert!(health.why.contains("Mars/Base"), "{}", health.why);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_connector_that_cannot_be_read_does_not_hide_the_others() {
    on_both(async |db| {
        let world = World::new(&db, hourly()).await;
        let act = somebody().act(at(BEGINNING));
        let (seal, settings) = (&world.engine.seal, &world.connector.settings);
        let secret = Secret::new("s3cret".to_owned());
        let name = "Broken";
        connectors::create(&db, seal, name, Provider::OneLogin, settings, &secret, &act)
            .await
            .unwrap();
        let sql = "update connectors set settings = '{' where name = 'Broken'";
        rollcall::with_pool!(&db, pool => sqlx::query(sql).execute(pool).await.map(|_| ()))
            .unwrap();
        assert_eq!(world.tick("2026-11-24T11:00:00Z").await.len(), 1);
        assert_eq!(world.statuses().await, ["succeeded"]);
    })
    .await;
}

/// The process of a run of the schedule was killed: whoever looks next ends the run and takes it
/// up, once.
#[tokio::test(flavor = "multi_thread")]
async fn an_interrupted_run_is_taken_up_by_whoever_looks_next_and_only_once() {
    on_both(async |db| {
        let world = World::new(&db, hourly()).await;
        world.tick("2026-11-24T11:00:00Z").await;
        let killed = "update runs set status = 'failed', abandoned = 1 where id = ";
        for run in [1, 2] {
            let sql = sqlx::AssertSqlSafe(format!("{killed}{run}"));
            rollcall::with_pool!(&db, pool => sqlx::query(sql).execute(pool).await.map(|_| ()))
                .unwrap();
            let told = world.tick("2026-11-24T11:00:20Z").await;
            if run == 1 {
                assert_eq!(told, ["run 2 takes up 1"]);
            } else {
                assert_eq!(told, [""; 0], "what is killed again is left alone");
            }
        }
        assert_eq!(world.runs().await[1].retry_of, Some(RunId(1)));
        assert_eq!(world.tick("2026-11-24T12:00:00Z").await, ["run 3 for 2026-11-24T12:00:00Z"]);
    })
    .await;
}

/// Somebody who is synced alone is one of many, and what is taken back was not asked of the source.
#[tokio::test(flavor = "multi_thread")]
async fn only_runs_of_everybody_tell_how_a_connector_stands() {
    on_both(async |db| {
        let world = World::new(&db, hourly()).await;
        world.tick("2026-11-24T11:00:00Z").await;
        world.is_down();
        world.tick("2026-11-24T12:00:00Z").await;
        let now = "2026-11-24T12:10:00Z";
        let stands = async || {
            let health = world.health(now).await;
            let last_good = health.last_success.unwrap().id;
            (health.health, last_good, health.failures_in_a_row)
        };
        let failed = (Health::NeedsAttention, RunId(1), 1);
        assert_eq!(stands().await, failed);
        for (column, value) in [("person", "'117'"), ("undo_of", "1")] {
            let run = store::begin(&db, &world.connector, Trigger::CommandLine, at(now)).await;
            let sql = format!(
                "update runs set status = 'succeeded', finished_at = started_at, {column} = {value} \
                 where id = {run}"
            );
            let sql = sqlx::AssertSqlSafe(sql);
            rollcall::with_pool!(&db, pool => sqlx::query(sql).execute(pool).await.map(|_| ()))
                .unwrap();
            assert_eq!(stands().await, failed, "{column}");
            assert_eq!(runs::oldest_of_last_good(&db).await.unwrap(), Some(at("2026-11-24T11:00:00Z")));
        }
    })
    .await;
}

/// A service that stops closes its database: nothing may want it any more.
#[tokio::test(flavor = "multi_thread")]
async fn a_scheduler_that_has_stopped_forgets_nothing_any_more() {
    on_both(async |db| {
        let world = World::new(&db, ScheduleSettings::default()).await;
        let long_ago = at("2020-01-01T00:00:00Z");
        for _ in 0..2 {
            store::begin(&db, &world.connector, Trigger::CommandLine, long_ago).await;
        }
        let sql = "update runs set status = 'failed', finished_at = started_at";
        rollcall::with_pool!(&db, pool => sqlx::query(sql).execute(pool).await.map(|_| ()))
            .unwrap();
        // Whatever is to be forgotten waits for this one.
        let mut writer = db.begin().await.unwrap();
        let sql = "update settings set value = value where key = 'retention'";
        rollcall::with_tx!(&mut writer, conn => sqlx::query(sql).execute(conn).await.map(|_| ()))
            .unwrap();
        let tasks = || tokio::runtime::Handle::current().metrics().num_alive_tasks();
        let before = tasks();
        let (stop, stopping) = tokio::sync::watch::channel(false);
        let stopped = async {
            tokio::time::sleep(Duration::from_millis(200)).await;
            stop.send_replace(true);
        };
        tokio::join!(scheduler::run(&world.engine, stopping), stopped);
        writer.rollback().await.unwrap();
        for _ in 0..500 {
            if tasks() <= before {
                break;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        assert_eq!(world.statuses().await, ["failed", "failed"]);
    })
    .await;
}

/// Whoever follows a run is less than a second behind, and one that went away and came back has
/// missed nothing.
#[tokio::test(flavor = "multi_thread")]
async fn what_a_run_tells_is_heard_within_a_second_and_nothing_of_it_is_missed() {
    on_both(async |db| {
        let world = World::with_latency(&db, hourly(), Duration::from_millis(700)).await;
        world.look("2026-11-24T11:00:00Z").await;
        let mut follower = Follower::new(&db, RunId(1), 0);
        let (mut heard, mut behind) = (Vec::new(), Vec::new());
        while let Some(news) = follower.next().await.unwrap() {
            let News::Events(events) = news else { continue };
            for event in events {
                behind.push(Timestamp::now().duration_since(event.at));
                heard.push(event);
            }
            // It comes back with the number of what it has seen.
            follower = Follower::new(&db, RunId(1), heard.last().unwrap().seq);
        }
        // The machine may be busy with something else for a moment.
        behind.sort();
        assert!(behind[behind.len() / 2] < SignedDuration::from_secs(1), "{behind:?}");
        let page = runs::Page { after: 0, rows_max: 9_999 };
        assert_eq!(heard, runs::events::list(&db, RunId(1), page).await.unwrap());
        let numbers: Vec<i64> = heard.iter().map(|it| it.seq).collect();
        let distinct: BTreeSet<i64> = numbers.iter().copied().collect();
        assert_eq!((numbers.len(), heard.is_empty()), (distinct.len(), false));
        assert_eq!(world.statuses().await, ["succeeded"]);
    })
    .await;
}
