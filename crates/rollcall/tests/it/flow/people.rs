//! What is told by a stored read is what a run would do, and costs no call.

use std::collections::BTreeMap;

use reconcile::principal::Name;
use rollcall::people::PeopleError;
use rollcall::people::explain::{self, Asked, Compared, Explained, Seen, View};
use rollcall::people::one::{self, Leavers};
use rollcall::people::preview::{self, Preview, Told};
use rollcall::store::connectors::settings::ConnectorSettings;
use rollcall::store::directory::browse::{self, Page, UserFilter};
use rollcall::store::runs::changes;
use rollcall::store::targets::{self, Published};

use super::*;

impl World {
    async fn preview(&self, settings: &ConnectorSettings) -> Preview {
        preview::preview(&self.db, &self.connector, &self.targets, settings)
            .await
            .unwrap()
            .preview
            .unwrap()
    }

    pub(super) async fn explain(&self, user: &str, view: View) -> Explained {
        let asked = Asked { user, group: None };
        Box::pin(explain::explain(&self.db, &self.ready(), asked, view)).await.unwrap()
    }

    pub(super) fn ready(&self) -> Ready {
        let (connector, targets) = (self.connector.clone(), self.targets.clone());
        Ready { connector, source: self.source(), targets }
    }

    /// The targets as they are now, published or not.
    pub(super) async fn again(mut self) -> World {
        self.targets = targets::of_connector(&self.db, self.connector.id).await.unwrap();
        self
    }

    pub(super) async fn sync_alone(
        &self,
        text: &str,
        leavers: Leavers,
    ) -> Result<one::Synced, PeopleError> {
        self.sync_as_seen(text, leavers, None).await
    }

    pub(super) async fn sync_as_seen(
        &self,
        text: &str,
        leavers: Leavers,
        seen: Option<&str>,
    ) -> Result<one::Synced, PeopleError> {
        let engine = Engine::new(self.db.clone(), Arc::new(seal()), true);
        let order = Order {
            trigger: Trigger::CommandLine,
            actor: somebody().clone(),
            retry_of: None,
            slot: None,
            task: Task::Sync,
            reason: String::new(),
        };
        Box::pin(one::sync(&engine, &self.ready(), text, leavers, &order, seen)).await
    }
}

/// How many changes of each kind pass and are held.
fn told(preview: &Preview) -> BTreeMap<&'static str, (usize, usize)> {
    let kinds = preview.targets[0].kinds.iter().filter(|it| 0 < it.passing + it.held);
    kinds.map(|it| (it.word, (it.passing, it.held))).collect()
}

fn decided(decision: &Decision) -> BTreeMap<&'static str, (usize, usize)> {
    let mut counts: BTreeMap<&'static str, (usize, usize)> = BTreeMap::new();
    let target = &decision.targets[0];
    for step in target.approved.steps() {
        counts.entry(step.change.word()).or_default().0 += 1;
    }
    for step in &target.held.steps {
        counts.entry(step.change.word()).or_default().1 += 1;
    }
    counts
}

fn role_of(world: &World, at: usize) -> String {
    world
        .sandbox
        .admin()
        .with_tenant(|tenant| tenant.roles().values().nth(at).unwrap().name.clone())
}

#[tokio::test]
async fn a_preview_tells_what_a_simulation_with_these_settings_decides() {
    on_both(async |db| {
        let mut world = World::with(&db, population(80), Options::quiet(7)).await;
        let none =
            preview::preview(&db, &world.connector, &world.targets, &world.connector.settings);
        assert!(matches!(none.await, Err(PeopleError::NoRead { .. })));
        world.sync().await;
        let ids = world.ids();
        world.sandbox.admin().delete_user(ids[5]).unwrap();
        world.sync().await;
        let saved = world.connector.settings.clone();
        assert_eq!(told(&world.preview(&saved).await), BTreeMap::new());

        let edited = |edit: &dyn Fn(&mut ConnectorSettings)| {
            let mut settings = saved.clone();
            edit(&mut settings);
            settings
        };
        let role = role_of(&world, 0);
        let person = world.sandbox.admin().user(ids[7]).unwrap().username.unwrap();
        let cases = [
            edited(&|it| it.source.required_groups = vec![format!("role:{role}")]),
            edited(&|it| it.source.scope.excluded_groups = vec![format!("role:{role}")]),
            edited(&|it| it.source.scope.conditions = vec![format!("username = {person}")]),
            // One person alone leaves, which is asked about because the rules are new.
            edited(&|it| it.source.scope.conditions = vec![format!("username != {person}")]),
            edited(&|it| it.source.groups_from.clear()),
            edited(&|it| it.groups.except = vec![role.clone()]),
        ];
        for settings in cases {
            let calls = format!("{:?}", world.sandbox.admin().ledger());
            let preview = world.preview(&settings).await;
            assert_eq!(format!("{:?}", world.sandbox.admin().ledger()), calls, "it cost a call");
            world.connector.settings = settings.clone();
            let decision = world.decide().await;
            world.connector.settings = saved.clone();
            assert_eq!(told(&preview), decided(&decision), "{settings:?}");
            assert_eq!(preview.in_scope, decision.read.as_ref().unwrap().in_scope);
            assert_eq!(preview.leaving.count, ids.len() - 1 - preview.in_scope);
            assert!(preview.unanswered.is_empty(), "{:?}", preview.unanswered);
        }
        let unread = edited(&|it| it.source.groups_from = BTreeSet::from([GroupSource::MemberOf]));
        let refused = preview::preview(&db, &world.connector, &world.targets, &unread).await;
        let refused = refused.unwrap().preview;
        assert!(refused.unwrap_err().to_string().contains("member_of"));
    })
    .await;
}

#[tokio::test]
async fn what_a_read_of_another_scope_costs_is_told_before_it_is_made() {
    on_both(async |db| {
        let mut options = Options::quiet(7);
        options.quirks.users_page_max = 50;
        let mut world = World::with(&db, population(900), options).await;
        world.connector.settings.source.groups_from =
            BTreeSet::from([GroupSource::Roles, GroupSource::Group]);
        world.sync().await;
        let saved = world.connector.settings.clone();
        let group = world
            .sandbox
            .admin()
            .with_tenant(|tenant| tenant.groups().values().next().unwrap().name.clone());
        let (role, other) = (role_of(&world, 5), role_of(&world, 6));
        let required: [&[String]; 5] = [
            &[],
            &[format!("role:{role}")],
            &[format!("role:{role}"), format!("role:{other}")],
            &[format!("group:{group}")],
            &[format!("member_of:{role}")],
        ];
        for required in required {
            let mut settings = saved.clone();
            settings.source.required_groups = required.to_vec();
            let told = preview::preview(&db, &world.connector, &world.targets, &settings).await;
            let Told { scope, preview } = told.unwrap();
            if required.iter().any(|it| it.starts_with("member_of")) {
                assert!(preview.is_err(), "the stored read did not ask for it");
                continue;
            }
            let (calls, everybody) = scope.calls.unwrap();
            assert_eq!(everybody, 2 + 17, "18 pages of fifty, and the budget");
            world.connector.settings = settings;
            let source = world.source();
            Box::pin(sync::decide(world.job(&source), &ignore)).await.unwrap();
            world.connector.settings = saved.clone();
            // The token and the names are remembered by a service.
            let is_of_a_read = |endpoint: &str| {
                !endpoint.starts_with("POST")
                    && !["/roles", "/groups"].iter().any(|it| endpoint.ends_with(it))
            };
            let made = source.calls();
            let made: u64 =
                made.by_endpoint.iter().filter(|it| is_of_a_read(it.0)).map(|it| it.1).sum();
            assert_eq!(u64::try_from(calls).unwrap(), made, "{required:?}");
            for (count, typed) in scope.groups.iter().zip(required) {
                let (_, people) = count.found.clone().unwrap();
                assert_eq!(count.typed, *typed);
                assert!(0 < people);
            }
        }
        let mut settings = saved.clone();
        settings.source.required_groups =
            vec![format!("role:{}x", role), "Nowhere at all".to_owned()];
        let told =
            preview::preview(&db, &world.connector, &world.targets, &settings).await.unwrap();
        let why: Vec<String> =
            told.scope.groups.into_iter().map(|it| it.found.unwrap_err()).collect();
        assert!(why[0].contains(&format!("Did you mean \"{role}\"?")), "{why:?}");
        assert!(why[1].contains("\"Nowhere at all\" is not among"), "{why:?}");
        assert!(told.preview.is_err());
    })
    .await;
}

#[tokio::test]
async fn why_not_is_told_by_the_last_read_with_the_closest_fix() {
    on_both(async |db| {
        let mut world = World::with(&db, population(60), Options::quiet(7)).await;
        let (required, other) = (role_of(&world, 0), role_of(&world, 1));
        world.sync().await;
        world.connector.settings.source.required_groups = vec![format!("role:{required}")];
        let (id, others) = world.sandbox.admin().with_tenant(|tenant| {
            let has = |id: i64, name: &str| {
                let user = tenant.user(id).unwrap();
                user.role_ids.iter().any(|role| tenant.roles()[role].name == name)
            };
            let outside: Vec<i64> = tenant
                .user_ids()
                .iter()
                .copied()
                .filter(|id| has(*id, &other) && !has(*id, &required))
                .collect();
            (outside[0], outside.len() - 1)
        });
        let calls = format!("{:?}", world.sandbox.admin().ledger());
        let explained = world.explain(&id.to_string(), View::LastRead).await;
        assert_eq!(format!("{:?}", world.sandbox.admin().ledger()), calls, "it cost a call");
        assert!(matches!(explained.seen, Seen::Stored { instead: None, .. }));
        let [person] = &explained.people[..] else { panic!("{:?}", explained.people) };
        let fixes: Vec<String> = person.remedies.iter().map(ToString::to_string).collect();
        assert_eq!(fixes[0], format!("add them to role \"{required}\" in OneLogin"));
        let words = format!("add role \"{other}\" to the required groups");
        let of_rules = person.remedies.iter().find(|it| it.words == words).unwrap();
        assert_eq!(of_rules.others, Some(others), "{fixes:?}");

        // Too few calls are left to ask OneLogin: the last read answers, and says so.
        world.sandbox.admin().consume(4_990);
        let explained = world.explain(&id.to_string(), View::Now).await;
        let Seen::Stored { instead: Some(why), .. } = explained.seen else {
            panic!("{:?}", explained.seen)
        };
        assert!(why.contains("API calls"), "{why}");
    })
    .await;
}

#[tokio::test]
async fn a_past_run_is_explained_by_the_directory_that_it_found() {
    on_both(async |db| {
        let world = World::with(&db, population(12), Options::quiet(7)).await;
        let first = world.sync().await.run;
        let world = world.again().await;
        let (ids, admin) = (world.ids(), world.sandbox.admin());
        admin.update_user(ids[0], json!({ "firstname": "Changed" })).unwrap();
        admin.update_user(ids[1], json!({ "username": "renamed.once" })).unwrap();
        let role = admin.with_tenant(|tenant| tenant.user(ids[2]).unwrap().role_ids[0]);
        admin.remove_role_member(role, ids[2]).unwrap();
        admin.delete_user(ids[3]).unwrap();
        let second = world.sync().await.run;
        admin.update_user(ids[0], json!({ "firstname": "Again" })).unwrap();
        let alone = world.sync_alone(&ids[0].to_string(), Leavers::Wait).await.unwrap().run;
        admin.update_user(ids[1], json!({ "username": "renamed.twice" })).unwrap();
        let third = world.sync().await.run;

        let mut told_of = 0;
        for run in [first, second, third] {
            let page = runs::Page { after: 0, rows_max: 10_000 };
            let recorded = changes::list(&db, run, page).await.unwrap();
            for id in ids.iter().take(6).map(ToString::to_string) {
                let explained = world.explain(&id, View::Run(run)).await;
                let compared = match explained.seen {
                    Seen::Stored { compared, .. } => compared,
                    Seen::Now => panic!("OneLogin was asked"),
                };
                assert_eq!(compared, Compared::Then);
                let [person] = &explained.people[..] else { panic!("{:?}", explained.people) };
                let is_misfit = |it: &String| it.contains("do not fit");
                assert!(!person.remarks.iter().any(is_misfit), "{:?}", person.remarks);
                // Whoever was gone before has no word in a later read, and nothing is done to them.
                let directories = person.directories.iter();
                let steps = directories.flat_map(|it| &it.explanation.plan.steps);
                let steps = steps.map(|it| &it.change).filter(|it| it.user().is_some());
                let told: Vec<_> = steps
                    .map(|it| (it.word().to_owned(), it.group().map(Name::to_string)))
                    .collect();
                let theirs = recorded.iter().filter(|it| it.external_id.as_ref() == Some(&id));
                let done: Vec<_> = theirs.map(|it| (it.kind.clone(), it.group.clone())).collect();
                assert_eq!(told, done, "{run} {id}");
                told_of += told.len();
            }
        }
        assert!(10 < told_of, "something happened: {told_of}");

        let since = async |run, person: Option<&ExternalId>, rows_max| {
            let target = world.targets[0].id;
            changes::done_since(&db, target, run, person, rows_max).await.unwrap()
        };
        let kinds = |rows: Option<Vec<changes::DoneRow>>| {
            rows.map(|rows| rows.into_iter().map(|it| it.kind).collect::<Vec<_>>())
        };
        let (zero, one) = (external(ids[0]), external(ids[1]));
        let all = since(first, None, 10_000).await.unwrap().len();
        assert!(since(first, None, all).await.is_some());
        assert!(since(first, None, all - 1).await.is_none(), "one too many");
        assert_eq!(kinds(since(second, Some(&zero), 9).await).unwrap(), ["update", "update"]);
        assert_eq!(kinds(since(alone, Some(&zero), 9).await).unwrap(), ["update"]);
        assert_eq!(kinds(since(alone, Some(&one), 9).await).unwrap(), ["rename"]);
    })
    .await;
}

#[tokio::test]
async fn one_person_is_synced_and_nobody_else() {
    on_both(async |db| {
        let world = World::with(&db, population(40), Options::quiet(7)).await;
        let ids = world.ids();
        let id = |at: usize| ids[at].to_string();
        let first = world.sync_alone(&id(0), Leavers::Wait).await;
        assert!(matches!(first, Err(PeopleError::Unpublished { .. })));
        world.sync().await;
        let world = world.again().await;
        let admin = world.sandbox.admin();
        for at in [0, 1] {
            admin.update_user(ids[at], json!({ "firstname": "Changed" })).unwrap();
        }
        admin.delete_user(ids[2]).unwrap();
        let synced = world.sync_alone(&id(0), Leavers::Wait).await.unwrap();
        assert_eq!(synced.status, Status::Succeeded, "{}", synced.message);
        let directory = world.directory().await;
        assert_eq!(&*directory.users[&external(ids[0])].first_name, "Changed");
        assert_ne!(&*directory.users[&external(ids[1])].first_name, "Changed");
        assert!(directory.users[&external(ids[2])].active, "nobody else is cleaned up");

        // Whoever is gone keeps everything until somebody asks for more.
        let waits = world.sync_alone(&id(2), Leavers::Wait).await.unwrap();
        assert_eq!(waits.person.left_to_a_run.len(), 1, "{}", waits.message);
        assert!(world.directory().await.users[&external(ids[2])].active);
        let gone = world.sync_alone(&id(2), Leavers::CleanUp).await.unwrap();
        assert!(!world.directory().await.users[&external(ids[2])].active, "{}", gone.message);

        let nobody = world.sync_alone("nobody.knows", Leavers::Wait).await;
        assert!(matches!(nobody, Err(PeopleError::Nobody { .. })));
        let recorded = runs::find(&db, gone.run).await.unwrap().unwrap();
        assert_eq!(recorded.status, Status::Succeeded);
        let finished = world.sync().await;
        assert_eq!(finished.decision.targets[0].approved.steps().len(), 1, "the other one");
    })
    .await;
}

#[tokio::test]
async fn a_directory_is_looked_through_page_by_page() {
    on_both(async |db| {
        let world = World::with(&db, population(45), Options::quiet(7)).await;
        world
            .sandbox
            .admin()
            .update_user(world.ids()[3], json!({ "firstname": "100%_a\\b" }))
            .unwrap();
        world.sync().await;
        world.sandbox.admin().update_user(world.ids()[4], json!({ "status": 2 })).unwrap();
        world.sandbox.admin().update_user(world.ids()[5], json!({ "lastname": "ÄRZTIN" })).unwrap();
        world.sync().await;
        let target = world.targets[0].id;
        let directory = world.directory().await;
        let published = Published {
            users: 45,
            active_users: 44,
            groups: directory.groups.len() as u64,
            memberships: directory.groups.values().map(|it| it.len() as u64).sum(),
        };
        assert_eq!(targets::published(&db, target).await.unwrap(), published);
        let everybody = UserFilter::default();
        let (mut seen, mut after) = (Vec::new(), String::new());
        loop {
            let page = Page { after: &after, rows_max: 20 };
            let users = browse::users(&db, target, &everybody, page).await.unwrap();
            let Some(last) = users.last() else { break };
            after = last.username.clone();
            seen.extend(users);
        }
        assert_eq!(seen.len(), 45);
        for user in &seen {
            let held = &directory.users[&user.id];
            let groups: Vec<&Name> = directory
                .groups
                .iter()
                .filter(|(_, members)| members.contains(&user.id))
                .map(|(group, _)| group)
                .collect();
            assert_eq!((held.active, groups.len() as u64), (user.active, user.groups));
            let names = browse::groups_of(&db, target, &user.id).await.unwrap();
            assert_eq!(names, groups.iter().map(|it| it.as_str()).collect::<Vec<_>>());
        }
        let check = async |filter: UserFilter, expected: usize| {
            let page = Page { after: "", rows_max: 100 };
            let users = browse::users(&db, target, &filter, page).await.unwrap();
            assert_eq!(users.len(), expected, "{filter:?}");
            let count = browse::count_users(&db, target, &filter).await.unwrap();
            assert_eq!(count, expected as u64);
        };
        check(everybody.clone(), 45).await;
        check(UserFilter { active: Some(false), ..everybody.clone() }, 1).await;
        check(UserFilter { active: Some(true), ..everybody.clone() }, 44).await;
        for search in ["100%_A\\b", "0%_", "ärztin", "Ärztin"] {
            check(UserFilter { search: search.into(), ..everybody.clone() }, 1).await;
        }
        check(UserFilter { search: "%%".into(), ..everybody.clone() }, 0).await;
        check(UserFilter { changed_since: Some(Timestamp::MAX), ..everybody.clone() }, 0).await;
        let groups =
            browse::groups(&db, target, "", Page { after: "", rows_max: 50 }).await.unwrap();
        assert_eq!(groups.len(), directory.groups.len());
        for group in groups {
            let name = Name::new(&group.name);
            let members = directory.groups[&name].len();
            assert_eq!(group.members, members as u64);
            check(UserFilter { group: Some(name), ..everybody.clone() }, members).await;
        }
    })
    .await;
}
