//! Whole runs: a OneLogin over real HTTP, a real database, and what ends up in the directory.

mod approvals;
mod lasting;
mod new_rules;
mod people;
mod remedies;
mod singles;

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use reconcile::directory::Directory;
use reconcile::finding::FindingKind;
use reconcile::principal::ExternalId;
use rollcall::http::backoff::Backoff;
use rollcall::http::{self, Client};
use rollcall::run::{self, Engine, Order, Ready, Task};
use rollcall::seal::{KeySource, Seal};
use rollcall::secret::Secret;
use rollcall::source::onelogin::OneLogin;
use rollcall::source::onelogin::settings::{GroupSource, ScopeSettings, Settings};
use rollcall::store::Db;
use rollcall::store::connectors::settings::ConnectorSettings;
use rollcall::store::connectors::{self, Connector, Provider};
use rollcall::store::runs::{self, Page, Status, Trigger};
use rollcall::store::targets::{self, Target, TargetKind};
use rollcall::sync::{self, Decision, Event, Finished, Job, SyncError};
use rollcall::target;
use sandbox::onelogin::{Data, Fault, Kind, Options, Population, Sandbox, Shape, Tenant, When};
use serde_json::json;

use crate::databases::on_both;
use crate::store::somebody;

const USERS: &str = "GET /api/2/users";

struct World {
    db: Db,
    sandbox: Sandbox,
    connector: Connector,
    targets: Vec<Target>,
}

impl World {
    /// A tenant of clean people, a connector that reads their roles, and one target. One good
    /// request in twenty fails, as it does out there.
    async fn new(db: &Db, users: u32) -> World {
        World::with(db, population(users), Options { chaos_percent: 5, ..Options::quiet(7) }).await
    }

    async fn with(db: &Db, population: Population, options: Options) -> World {
        let tenant = Tenant::generate(&population);
        let sandbox = sandbox::onelogin::start(tenant, options).await.unwrap();
        let seal = seal();
        let settings = ConnectorSettings::new(Settings {
            base_url: sandbox.base_url(),
            client_id: sandbox.client_id().to_owned(),
            groups_from: BTreeSet::from([GroupSource::Roles]),
            required_groups: Vec::new(),
            scope: ScopeSettings::default(),
            statuses: Vec::new(),
            minimum_remaining_api_calls: 500,
        });
        let secret = Secret::new(sandbox.client_secret().to_owned());
        let now = somebody().act(Timestamp::now());
        let provider = Provider::OneLogin;
        let connector =
            connectors::create(db, &seal, "OneLogin", provider, &settings, &secret, &now)
                .await
                .unwrap();
        let (target, _) =
            targets::create(db, &connector, "jira", TargetKind::Crowd, &now).await.unwrap();
        World { db: db.clone(), sandbox, connector, targets: vec![target] }
    }

    fn source(&self) -> OneLogin {
        let limits = http::Limits {
            connect_timeout: Duration::from_secs(2),
            first_byte_timeout: Duration::from_secs(2),
            whole_reply_timeout: Duration::from_secs(4),
            backoff: Backoff { first: Duration::from_millis(5), max: Duration::from_millis(20) },
            allow_loopback: true,
            ..http::Limits::standard()
        };
        let secret = Secret::new(self.sandbox.client_secret().to_owned());
        let settings = self.connector.settings.source.clone();
        let fields = self.connector.settings.fields().unwrap();
        let source = OneLogin::new(settings, secret, Client::new(limits).unwrap()).unwrap();
        source.with_fields(fields.iter()).unwrap()
    }

    async fn try_sync(&self) -> Result<Finished, SyncError> {
        let source = self.source();
        let (connector, targets) = (self.connector.clone(), self.targets.clone());
        let ready = Ready { connector, source, targets };
        let order = Order::new(Trigger::CommandLine, somebody().clone());
        let engine = Engine::new(self.db.clone(), Arc::new(seal()), true);
        run::start(&engine, ready, &order, ignore).await.unwrap().ended().await
    }

    async fn sync(&self) -> Finished {
        self.try_sync().await.unwrap()
    }

    async fn decide(&self) -> Decision {
        let source = self.source();
        Box::pin(sync::decide(self.job(&source), &ignore)).await.unwrap()
    }

    fn job<'a>(&'a self, source: &'a OneLogin) -> Job<'a> {
        Job { db: &self.db, connector: &self.connector, source, targets: &self.targets }
    }

    async fn actual(&self) -> (Directory, i64) {
        let actual = target::crowd::read(&self.db, self.targets[0].id).await.unwrap();
        (actual.directory, actual.generation)
    }

    async fn directory(&self) -> Directory {
        self.actual().await.0
    }

    fn ids(&self) -> Vec<i64> {
        self.sandbox.admin().with_tenant(|tenant| tenant.user_ids().to_vec())
    }
}

fn ignore(_: Event) {}

fn population(users: u32) -> Population {
    Population { users, roles: 8, groups: 3, roles_per_user: 2, seed: 7, data: Data::Clean }
}

fn seal() -> Seal {
    Seal::open(&KeySource::Given(Secret::new("A".repeat(43) + "=")), None).unwrap()
}

fn external(id: i64) -> ExternalId {
    ExternalId::new(&id.to_string())
}

/// What the tenant says, told without the code under test: id, active, role names.
fn expected(world: &World) -> Vec<(String, bool, BTreeSet<String>)> {
    world.sandbox.admin().with_tenant(|tenant| {
        let person = |id: &i64| {
            let user = tenant.user(*id).unwrap();
            let roles =
                user.role_ids.iter().map(|role| tenant.roles()[role].name.clone()).collect();
            (id.to_string(), user.state == 1 && [1, 3, 4, 5, 8].contains(&user.status), roles)
        };
        tenant.user_ids().iter().map(person).collect()
    })
}

fn told(directory: &Directory) -> Vec<(String, bool, BTreeSet<String>)> {
    let groups = |id: &ExternalId| {
        let groups = directory.groups.iter().filter(|(_, members)| members.contains(id));
        groups.map(|(group, _)| group.to_string()).collect()
    };
    directory
        .users
        .values()
        .map(|user| (user.id.to_string(), user.active, groups(&user.id)))
        .collect()
}

#[tokio::test]
async fn everybody_arrives_and_a_second_run_changes_nothing() {
    on_both(async |db| {
        let world = World::new(&db, 250).await;
        let first = world.sync().await;
        assert_eq!(first.status, Status::Succeeded, "{}", first.message);
        let (directory, generation) = world.actual().await;
        assert_eq!(told(&directory), expected(&world));

        let calls = first.calls.total();
        let second = world.sync().await;
        assert_eq!(
            (second.status, second.message.as_str()),
            (Status::Succeeded, "Everything already matches.")
        );
        assert_eq!(world.actual().await, (directory, generation), "nothing was written");
        assert!(second.calls.total() <= calls, "{} calls after {calls}", second.calls.total());
    })
    .await;
}

#[tokio::test]
async fn a_run_is_on_record_with_every_change_and_finding() {
    on_both(async |db| {
        let world = World::new(&db, 20).await;
        let ids = world.ids();
        let admin = world.sandbox.admin();
        admin.update_user(ids[0], json!({ "username": "", "email": null })).unwrap();
        admin.update_user(ids[1], json!({ "status": 2 })).unwrap();
        let finished = world.sync().await;
        assert_eq!(finished.status, Status::SucceededWithSkips);

        let run = runs::find(&db, finished.run).await.unwrap().unwrap();
        assert_eq!((run.status, run.message), (finished.status, finished.message));
        let report: serde_json::Value = serde_json::from_str(&run.report).unwrap();
        assert_eq!(report.pointer("/source/seen"), Some(&json!(20)));
        assert_eq!(report.pointer("/source/proof/distinct"), Some(&json!(20)));
        assert_eq!(report.pointer("/targets/0/applied/create"), Some(&json!(18)));

        let everything = Page { after: 0, rows_max: 1000 };
        let changes = runs::changes::list(&db, finished.run, everything).await.unwrap();
        let steps: usize =
            finished.decision.targets.iter().map(|it| it.approved.steps().len()).sum();
        assert_eq!(changes.len(), steps);
        assert!(changes.iter().all(|it| it.outcome == "applied"));
        let findings = runs::findings::list(&db, finished.run, everything).await.unwrap();
        let found: Vec<_> =
            findings.iter().map(|it| (it.external_id.clone().unwrap(), &*it.kind)).collect();
        let odd = [(ids[0], FindingKind::Invalid), (ids[1], FindingKind::NotCreated)];
        assert_eq!(found, odd.map(|(id, kind)| (id.to_string(), kind.word())));

        // Every person of the source is accounted for: synchronised, or skipped with a reason.
        let created = changes.iter().filter(|it| it.kind == "create").count();
        assert_eq!(created + findings.len(), 20);
    })
    .await;
}

#[tokio::test]
async fn a_simulation_shows_what_the_run_does_and_changes_nothing() {
    on_both(async |db| {
        let world = World::new(&db, 60).await;
        world.sync().await;
        let ids = world.ids();
        let admin = world.sandbox.admin();
        admin.delete_user(ids[0]).unwrap();
        admin.update_user(ids[1], json!({ "status": 2 })).unwrap();
        admin
            .update_user(ids[2], json!({ "username": "new.name", "email": "new@acme.test" }))
            .unwrap();
        let before = world.actual().await;
        let runs_before = runs::list(&db, None, 9).await.unwrap().len();

        let simulated = world.decide().await;
        assert_eq!(world.actual().await, before);
        assert_eq!(runs::list(&db, None, 9).await.unwrap().len(), runs_before);
        let finished = world.sync().await;
        let steps = |decision: &Decision| {
            let steps = decision.targets[0].approved.steps().iter();
            steps.map(ToString::to_string).collect::<Vec<_>>()
        };
        assert!(3 < steps(&simulated).len());
        assert_eq!(steps(&simulated), steps(&finished.decision));
    })
    .await;
}

#[tokio::test]
async fn a_leaver_is_asked_for_by_id_deactivated_and_restored_on_return() {
    on_both(async |db| {
        let world = World::new(&db, 60).await;
        world.sync().await;
        let leaver = world.ids()[7];
        let admin = world.sandbox.admin();
        let person = admin.user(leaver).unwrap();
        let before = world.directory().await;
        admin.delete_user(leaver).unwrap();

        let finished = world.sync().await;
        assert_eq!((finished.status, finished.decision.asked), (Status::Succeeded, 1));
        let after = world.directory().await;
        assert!(!after.users[&external(leaver)].active);
        assert_eq!(after.groups, before.groups, "the groups are kept for a return");
        assert_eq!(world.sync().await.decision.asked, 0, "nobody is asked for twice");

        admin.create_user(person).unwrap();
        world.sync().await;
        assert_eq!(world.directory().await, before);
    })
    .await;
}

#[tokio::test]
async fn many_leavers_are_held_and_newcomers_pass() {
    on_both(async |db| {
        let world = World::new(&db, 100).await;
        world.sync().await;
        let admin = world.sandbox.admin();
        for id in world.ids().into_iter().take(8) {
            admin.delete_user(id).unwrap();
        }
        let newcomer = sandbox::onelogin::User {
            username: Some("new.one".into()),
            email: Some("new.one@acme.test".into()),
            status: 1,
            state: 1,
            ..Default::default()
        };
        let newcomer = admin.create_user(newcomer).unwrap();

        let finished = world.sync().await;
        assert_eq!(finished.status, Status::Held);
        assert!(
            finished.message.contains("8 people would be deactivated (limit 5)"),
            "{}",
            finished.message
        );
        let directory = world.directory().await;
        assert!(directory.users[&external(newcomer)].active);
        assert_eq!(directory.active_users(), 101);
        let held =
            runs::changes::list(&db, finished.run, Page { after: 0, rows_max: 99 }).await.unwrap();
        assert_eq!(
            held.iter().filter(|it| it.outcome == "held" && it.kind == "deactivate").count(),
            8
        );
    })
    .await;
}

#[tokio::test]
async fn a_shrunken_source_is_held_without_asking_for_anybody() {
    on_both(async |db| {
        let world = World::new(&db, 100).await;
        world.sync().await;
        let before = world.actual().await;
        for id in world.ids().into_iter().take(50) {
            world.sandbox.admin().delete_user(id).unwrap();
        }
        let finished = world.sync().await;
        assert_eq!((finished.status, finished.decision.asked), (Status::Held, 0));
        assert_eq!(world.actual().await, before);
    })
    .await;
}

#[tokio::test]
async fn nobody_in_the_source_is_held_and_never_published() {
    on_both(async |db| {
        let empty = World::new(&db, 0).await;
        let finished = empty.sync().await;
        assert_eq!(finished.status, Status::Held, "{}", finished.message);
        assert_eq!(empty.actual().await.1, 0, "an empty directory is not published");
    })
    .await;
}

#[tokio::test]
async fn a_source_without_anybody_active_publishes_nothing_and_says_so() {
    on_both(async |db| {
        let world = World::new(&db, 3).await;
        for id in world.ids() {
            world.sandbox.admin().update_user(id, json!({ "status": 2 })).unwrap();
        }
        let finished = world.sync().await;
        assert!(
            finished.message.starts_with("Nobody in the source may have an account"),
            "{}",
            finished.message
        );
        assert_eq!(world.actual().await.1, 0);
    })
    .await;
}

#[tokio::test]
async fn a_read_that_cannot_be_completed_changes_nothing_and_is_on_record() {
    on_both(async |db| {
        let world = World::new(&db, 250).await;
        world.sandbox.admin().set_quirks(|quirks| quirks.users_page_max = 100);
        world.sync().await;
        let before = world.actual().await;
        let admin = world.sandbox.admin();
        let kinds = [
            Kind::Status { status: 503, shape: Shape::Named, message: "no".to_owned() },
            Kind::TruncatedJson { bytes: 900 },
            Kind::HtmlPage { status: 200 },
            Kind::Body { text: "[]".to_owned() },
            Kind::Body { text: "null".to_owned() },
            Kind::Reset { after_bytes: 100 },
        ];
        for kind in kinds {
            admin.clear_faults();
            admin.inject(Fault::always(When::page(USERS, 3), kind.clone()));
            let error = world.try_sync().await.expect_err("the third page is missing");
            assert!(matches!(error, SyncError::Source(_)), "{kind:?}: {error}");
            assert_eq!(world.actual().await, before, "{kind:?}");
            let last = &runs::list(&db, None, 1).await.unwrap()[0];
            assert_eq!((last.status, &last.message), (Status::Failed, &error.to_string()));
        }
        admin.clear_faults();
        assert_eq!(world.sync().await.status, Status::Succeeded, "and the next one is whole again");
        assert_eq!(world.actual().await, before);
    })
    .await;
}

#[tokio::test]
async fn somebody_passed_over_by_a_walk_keeps_everything() {
    on_both(async |db| {
        let world = World::new(&db, 250).await;
        world.sandbox.admin().set_quirks(|quirks| quirks.users_page_max = 100);
        world.sync().await;
        let ids = world.ids();
        // Between two pages somebody leaves: the list moves up, and one person is on neither page.
        let leave = sandbox::onelogin::Command::DeleteUser { id: ids[10] };
        world.sandbox.admin().after(When::page(USERS, 1), vec![leave]);
        for _ in 0..2 {
            if let Ok(finished) = world.try_sync().await {
                assert!(matches!(finished.status, Status::Succeeded | Status::SucceededWithSkips));
            }
            let directory = world.directory().await;
            let active = directory.users.values().filter(|user| user.active).count();
            assert!(active == 250 || active == 249, "{active} are active");
            assert!(ids.iter().skip(11).all(|id| directory.users[&external(*id)].active));
        }
        assert!(!world.directory().await.users[&external(ids[10])].active);
    })
    .await;
}

#[tokio::test]
async fn a_run_below_the_minimum_of_calls_does_not_start() {
    on_both(async |db| {
        let world = World::new(&db, 20).await;
        world.sandbox.admin().consume(4_600);
        let error = world.try_sync().await.expect_err("400 calls are left, the minimum is 500");
        assert!(matches!(&error, SyncError::Source(it) if it.is_budget()), "{error}");
        let last = &runs::list(&db, None, 1).await.unwrap()[0];
        assert_eq!(last.status, Status::Skipped);
        assert_eq!(world.sandbox.admin().calls(USERS).good, 0);
        assert_eq!(world.actual().await.1, 0);
    })
    .await;
}

/// A tenth of the size of the promise, many more faults: whatever happens, nobody is lost.
#[tokio::test]
async fn runs_under_chaos_end_equal_or_change_nothing() {
    on_both(async |db| {
        let odd = Population { data: Data::Odd, ..population(400) };
        let chaotic = Options { chaos_percent: 15, ..Options::quiet(11) };
        let world = World::with(&db, odd, chaotic).await;
        world.sandbox.admin().set_quirks(|quirks| quirks.users_page_max = 50);
        let mut done = 0;
        for round in 0..8 {
            let before = world.actual().await;
            match world.try_sync().await {
                Ok(finished) => {
                    done += 1;
                    assert_ne!(finished.status, Status::Held, "{}", finished.message);
                }
                Err(_) => assert_eq!(world.actual().await, before),
            }
            let active = world.directory().await.active_users();
            let ids = world.ids();
            let leaver = ids[round * 3];
            assert!(active == 0 || ids.len() / 2 < active, "{active} are active");
            world.sandbox.admin().delete_user(leaver).unwrap();
        }
        assert!(2 < done, "{done} of 8 runs came to their end");
    })
    .await;
}

#[tokio::test]
async fn two_targets_of_one_connector_are_fed_by_one_read() {
    on_both(async |db| {
        let mut world = World::new(&db, 30).await;
        let (second, _) = targets::create(
            &db,
            &world.connector,
            "confluence",
            TargetKind::Crowd,
            &somebody().act(Timestamp::now()),
        )
        .await
        .unwrap();
        world.targets.push(second);
        let before = world.sandbox.admin().calls(USERS).good;
        world.sync().await;
        assert_eq!(world.sandbox.admin().calls(USERS).good - before, 1);
        for target in &world.targets {
            let actual = target::crowd::read(&db, target.id).await.unwrap();
            assert_eq!(told(&actual.directory), expected(&world));
        }
    })
    .await;
}
