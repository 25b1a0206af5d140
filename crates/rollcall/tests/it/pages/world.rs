//! A service with people: a sandbox OneLogin, a connector that reads it, a target, and runs.

use std::collections::BTreeSet;
use std::time::Duration;

use jiff::Timestamp;
use rollcall::run::{self, Order, Ready, Task};
use rollcall::secret::Secret;
use rollcall::source::onelogin::settings::{GroupSource, ScopeSettings, Settings};
use rollcall::store::Db;
use rollcall::store::accounts::Role;
use rollcall::store::connectors::settings::ConnectorSettings;
use rollcall::store::connectors::{self, Provider};
use rollcall::store::plans::{self, Plan, PlanKind};
use rollcall::store::runs::{Status, Trigger};
use rollcall::store::targets::{self, TargetKind};
use sandbox::onelogin::{Data, Options, Population, Sandbox, Tenant};
use serde_json::json;

use super::browser::Service;
use crate::store::somebody;

pub(crate) const CONNECTOR: &str = "OneLogin Prod";

#[derive(Debug)]
pub(crate) struct World {
    pub(crate) service: Service,
    pub(crate) sandbox: Sandbox,
}

impl World {
    /// People, and a connector that has never run.
    pub(crate) async fn new(db: &Db, users: u32) -> World {
        let service = Service::start(db).await;
        let data = Data::Clean;
        let population =
            Population { users, roles: 8, groups: 3, roles_per_user: 2, seed: 7, data };
        let tenant = Tenant::generate(&population);
        let sandbox = sandbox::onelogin::start(tenant, Options::quiet(7)).await.unwrap();
        let settings = ConnectorSettings::new(Settings {
            base_url: sandbox.base_url(),
            client_id: sandbox.client_id().to_owned(),
            statuses: Vec::new(),
            groups_from: BTreeSet::from([GroupSource::Roles]),
            required_groups: Vec::new(),
            scope: ScopeSettings::default(),
            minimum_remaining_api_calls: 500,
        });
        let secret = Secret::new(sandbox.client_secret().to_owned());
        let act = somebody().act(Timestamp::now());
        let (seal, provider) = (&service.engine.seal, Provider::OneLogin);
        let connector = connectors::create(db, seal, CONNECTOR, provider, &settings, &secret, &act)
            .await
            .unwrap();
        targets::create(db, &connector, "jira", TargetKind::Crowd, &act).await.unwrap();
        World { service, sandbox }
    }

    /// A connector that ran twice, and holds the removal of people: what most pages can show.
    pub(crate) async fn held(db: &Db) -> World {
        let world = World::new(db, 60).await;
        let ids = world.ids();
        let admin = world.sandbox.admin();
        admin.update_user(ids[0], json!({ "username": "", "email": null })).unwrap();
        assert_eq!(world.sync().await, Status::SucceededWithSkips);
        for id in ids.into_iter().skip(1).take(8) {
            admin.delete_user(id).unwrap();
        }
        assert_eq!(world.sync().await, Status::Held);
        world
    }

    pub(crate) fn ids(&self) -> Vec<i64> {
        self.sandbox.admin().with_tenant(|tenant| tenant.user_ids().to_vec())
    }

    /// The plan of a simulation that was started from its page.
    pub(crate) async fn simulated(&self) -> Plan {
        let mut operator = self.service.signed_in(Role::Operator).await;
        operator.submit("/account", "/connectors/1/simulate", &[]).await;
        for _ in 0..800 {
            let last = plans::list(&self.service.engine.db, None, false, None, 1).await.unwrap();
            if let Some(plan) = last.into_iter().find(|it| it.kind == PlanKind::Simulated) {
                return plan;
            }
            tokio::time::sleep(Duration::from_millis(25)).await;
        }
        panic!("nothing was simulated");
    }

    pub(crate) async fn sync(&self) -> Status {
        let ready = Ready::open(&self.service.engine, CONNECTOR).await.unwrap();
        let order = Order {
            trigger: Trigger::CommandLine,
            actor: somebody().clone(),
            retry_of: None,
            slot: None,
            task: Task::Sync,
            reason: String::new(),
        };
        let mut started = run::start(&self.service.engine, ready, &order, |_| {}).await.unwrap();
        started.ended().await.unwrap().status
    }
}
