//! Looking people up, explaining them, and syncing one of them, as a browser does it.

use jiff::Timestamp;
use reconcile::principal::Name;
use reqwest::StatusCode;
use rollcall::secret::Secret;
use rollcall::store::accounts::Role;
use rollcall::store::connectors::{self, Provider};
use rollcall::store::directory::browse::{self, Page, UserFilter};
use rollcall::store::runs::of_person;
use rollcall::store::targets::{self, TargetKind};
use rollcall::target::crowd::local_groups;
use rollcall::web::form;
use serde_json::json;

use super::browser::Service;
use super::world::{CONNECTOR, World};
use crate::databases::{on_both, on_sqlite};
use crate::store::somebody;

fn coded(text: &str) -> String {
    let pair = form::encode(&[("x", text)]);
    String::from_utf8_lossy(&pair[2..]).into_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn people_are_shown_where_there_are_some_and_explained_once_a_connector_is_chosen() {
    on_sqlite(async |db| {
        let world = World::new(&db, 5).await;
        world.sync().await;
        let act = somebody().act(Timestamp::now());
        let connector = connectors::find(&db, CONNECTOR).await.unwrap();
        targets::create(&db, &connector, "a new one", TargetKind::Crowd, &act).await.unwrap();
        let mut viewer = world.service.signed_in(Role::Viewer).await;
        let shown = viewer.get("/users").await;
        assert!(shown.text.contains("5 people"), "not of the empty one: {shown:?}");

        let (seal, settings) = (&world.service.engine.seal, &connector.settings);
        let secret = Secret::new(world.sandbox.client_secret().to_owned());
        let provider = Provider::OneLogin;
        connectors::create(&db, seal, "Another", provider, settings, &secret, &act).await.unwrap();
        let asked = viewer.get("/explain?user=ada").await;
        assert!(asked.text.contains("By which connector?"), "{asked:?}");
        let nobody = viewer.get("/explain").await;
        assert!(!nobody.text.contains("By which connector?"), "{nobody:?}");
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_search_says_in_which_of_several_targets_it_looks() {
    on_sqlite(async |db| {
        let world = World::new(&db, 5).await;
        let act = somebody().act(Timestamp::now());
        let connector = connectors::find(&db, CONNECTOR).await.unwrap();
        let mut viewer = world.service.signed_in(Role::Viewer).await;
        world.sync().await;
        let one = viewer.get("/search?q=jira").await;
        assert!(one.text.contains("href=\"/users?q=jira\""), "{one:?}");
        assert!(one.text.contains(">Target of OneLogin Prod<"), "{one:?}");
        targets::create(&db, &connector, "jira test", TargetKind::Crowd, &act).await.unwrap();
        let unpublished = viewer.get("/search?q=jira").await;
        assert!(unpublished.text.contains("href=\"/targets/2\""), "{unpublished:?}");
        assert!(unpublished.text.contains("href=\"/users?q=jira\""), "nobody can be in it yet");
        world.sync().await;

        let email = world.sandbox.admin().user(world.ids()[0]).unwrap().email.unwrap();
        let typed = coded(&email);
        let both = viewer.get(&format!("/search?q={typed}")).await;
        for (id, name) in [(1, "jira"), (2, "jira test")] {
            for list in ["users", "groups"] {
                let link = format!("href=\"/{list}?target={id}&#38;q={typed}\"");
                let (_, rest) = both.text.split_once(&link).unwrap_or_else(|| {
                    panic!("{link}: {both:?}");
                });
                let (line, _) = rest.split_once("</li>").unwrap();
                assert!(line.contains(&format!(">Directory {name}<")), "{line}");
            }
            let found = viewer.get(&format!("/users?target={id}&q={typed}")).await;
            assert!(found.text.contains("1 person"), "{found:?}");
            assert!(found.text.contains(&format!("{name}, kept equal by")), "{found:?}");
        }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn people_and_groups_are_looked_up_page_by_page_with_why() {
    on_both(async |db| {
        let world = World::new(&db, 120).await;
        world.sync().await;
        let target = targets::list(&db).await.unwrap().remove(0);
        let mut viewer = world.service.signed_in(Role::Viewer).await;

        let all = Page { after: "", rows_max: 200 };
        let users = browse::users(&db, target.id, &UserFilter::default(), all).await.unwrap();
        let first = viewer.get("/users").await;
        assert!(first.text.contains("120 people"), "{first:?}");
        assert_eq!(first.text.matches("href=\"/users/").count(), 50);
        let after = coded(&users[49].username);
        let second = viewer.get(&format!("/users?after={after}")).await;
        assert!(second.text.contains(&format!(">{}<", users[50].username)), "{second:?}");
        let found = viewer.get(&format!("/users?q={}", coded(&users[7].email))).await;
        assert!(found.text.contains("1 person") && found.text.contains(&users[7].username));
        let nobody = viewer.get("/users?q=nobody-is-called-that").await;
        assert!(nobody.text.contains("Nobody is like this"), "{nobody:?}");

        let somebody = users.iter().find(|it| 0 < it.groups).unwrap();
        let person =
            viewer.get(&format!("/users/{}/{}", target.id.0, coded(somebody.id.as_str()))).await;
        assert_eq!(person.status, StatusCode::OK);
        assert!(person.text.contains("granted by role"), "{person:?}");
        let group = browse::groups_of(&db, target.id, &somebody.id).await.unwrap().remove(0);
        let path = format!("/groups/{}/{}", target.id.0, coded(&group));
        assert!(person.text.contains(&path), "{path}: {person:?}");
        let members = viewer.get(&format!("{path}?q={}", coded(&somebody.username))).await;
        assert!(members.text.contains("granted by role"), "{members:?}");
        assert!(members.text.contains(&somebody.email), "{members:?}");
        let groups = viewer.get("/groups").await;
        assert!(groups.text.contains(&path), "{groups:?}");
        for missing in
            [format!("/users/{}/0", target.id.0), "/groups/1/none".into(), "/users/9/1".into()]
        {
            assert_eq!(viewer.get(&missing).await.status, StatusCode::NOT_FOUND, "{missing}");
        }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_local_group_is_shown_as_such_with_who_made_it_and_who_added_whom() {
    on_both(async |db| {
        let world = World::new(&db, 5).await;
        world.sync().await;
        let target = targets::list(&db).await.unwrap().remove(0);
        let all = Page { after: "", rows_max: 5 };
        let ada = browse::users(&db, target.id, &UserFilter::default(), all).await.unwrap();
        let ada = ada.into_iter().next().unwrap();
        let root = somebody();
        let (act, group) = (root.act(Timestamp::now()), Name::new("night shift"));
        local_groups::create(&db, &target, &group, &act).await.unwrap();
        local_groups::add(&db, &target, &group, &[ada.id.clone()].into(), &act).await.unwrap();

        let mut viewer = world.service.signed_in(Role::Viewer).await;
        let by_hand = format!("by hand by {}", root.name);
        let path = format!("/groups/{}/{}", target.id.0, coded("night shift"));
        let shown = viewer.get(&path).await.text;
        let made = format!("A local group, made {by_hand}");
        assert!(shown.contains(&made) && shown.contains(&format!("added {by_hand}")), "{shown}");
        let person = format!("/users/{}/{}", target.id.0, coded(ada.id.as_str()));
        let person = viewer.get(&person).await.text;
        assert!(person.contains(&format!("added {by_hand}")), "{person}");
        let groups = viewer.get("/groups?q=night").await.text;
        assert!(groups.contains(">Local<") || groups.contains("Local</"), "{groups}");
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn members_of_a_group_are_the_same_however_they_are_found() {
    on_both(async |db| {
        let world = World::new(&db, 120).await;
        world.sync().await;
        let target = targets::list(&db).await.unwrap().remove(0);
        let all = Page { after: "", rows_max: 200 };
        for line in browse::groups(&db, target.id, "", all).await.unwrap() {
            let name = Name::new(&line.name);
            let group = browse::group(&db, target.id, &name).await.unwrap().unwrap();
            assert_eq!(group, line);
            let walked = browse::members(&db, target.id, &group, "", all).await.unwrap();
            assert_eq!(walked.len() as u64, line.members);
            // Told that it is large, all users are walked.
            let large = browse::GroupLine { members: 1_000_000, ..group };
            assert_eq!(browse::members(&db, target.id, &large, "", all).await.unwrap(), walked);
            let ids: Vec<_> = walked.iter().map(|it| &it.id).collect();
            let joined = of_person::joined(&db, target.id, &ids, Some(&name)).await.unwrap();
            assert_eq!(joined.len(), ids.len(), "everybody came in by the one run that there was");
            let Some(last) = walked.last() else { continue };
            let search = &last.username;
            let found = browse::members(&db, target.id, &large, search, all).await.unwrap();
            let page = Page { after: &last.username, rows_max: 200 };
            assert!(found.contains(last));
            assert!(browse::members(&db, target.id, &line, "", page).await.unwrap().is_empty());
        }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn somebody_is_explained_and_synced_exactly_as_it_was_seen() {
    on_both(async |db| {
        let world = World::new(&db, 30).await;
        world.sync().await;
        let connector = connectors::find(&db, CONNECTOR).await.unwrap();
        let (admin, id) = (world.sandbox.admin(), world.ids()[3]);
        admin.update_user(id, json!({ "firstname": "Renamed" })).unwrap();
        let query = format!("connector={}&user={id}", connector.id);

        let mut viewer = world.service.signed_in(Role::Viewer).await;
        let explained = viewer.get(&format!("/explain?{query}")).await;
        for words in ["Found in the source", "Decision", "Renamed", "What a sync would change"] {
            assert!(explained.text.contains(words), "{words}: {explained:?}");
        }
        assert!(!explained.text.contains("/explain/simulate"), "{explained:?}");
        let read = viewer.get(&format!("/explain?{query}&as_of=last-read")).await;
        assert!(read.text.contains("no change needed"), "{read:?}");
        let run = viewer.get(&format!("/explain?{query}&as_of=run&run=1")).await;
        assert!(run.text.contains("By the read of run 1"), "{run:?}");
        let none = viewer.get(&format!("/explain?{query}&as_of=run&run=99")).await;
        assert!(none.text.contains("There is no such run"), "{none:?}");
        let nobody = viewer.get(&format!("/explain?connector={}&user=nobody", connector.id)).await;
        assert!(nobody.text.contains("No one matches"), "{nobody:?}");
        assert!(nobody.text.contains("href=\"/users?q=nobody\""), "{nobody:?}");
        let email = admin.user(id).unwrap().email.unwrap();
        let part = &email[..email.len() - 4];
        let close =
            viewer.get(&format!("/explain?connector={}&user={}", connector.id, coded(part))).await;
        assert!(close.text.contains("Who may be meant"), "{close:?}");
        assert!(close.text.contains(&format!("&#38;user={id}\"")), "{close:?}");
        let found = viewer.get(&format!("/search?q={}", coded(part))).await;
        assert!(found.text.contains(&format!("/users/1/{id}\"")), "{found:?}");
        let refused = viewer.get(&format!("/explain/simulate?{query}")).await;
        assert_eq!(refused.status, StatusCode::FORBIDDEN);

        let mut operator = world.service.signed_in(Role::Operator).await;
        let path = format!("/explain/simulate?{query}");
        let shown = operator.get(&path).await;
        assert!(shown.text.contains(">Sync single user</button>"), "{shown:?}");
        let seen = shown.text.split("name=\"seen\" value=\"").nth(1).unwrap();
        let seen = seen.split('"').next().unwrap().to_owned();
        let (connector_id, user) = (connector.id.to_string(), id.to_string());
        let form = [("connector", &*connector_id), ("user", &*user), ("seen", &*seen)];
        // What was seen is not what would be done any more.
        admin.update_user(id, json!({ "firstname": "Again" })).unwrap();
        let again = operator.submit(&path, "/explain/sync", &form).await;
        assert_eq!(again.status, StatusCode::UNPROCESSABLE_ENTITY, "{again:?}");
        assert!(again.text.contains("It is not what you saw"), "{again:?}");
        admin.update_user(id, json!({ "firstname": "Renamed" })).unwrap();
        let done = operator.submit(&path, "/explain/sync", &form).await;
        assert_eq!((done.status, done.location()), (StatusCode::SEE_OTHER, "/runs/2"), "{done:?}");
        let record = operator.follow(&done).await;
        assert!(record.text.contains("One person."), "{record:?}");
        assert!(record.text.contains("One person was asked for by id"), "{record:?}");
        for untrue in ["Skipped", "Nobody was read", "Read people"] {
            assert!(!record.text.contains(untrue), "{untrue}: {record:?}");
        }
        let source = operator.get("/runs/2?tab=source").await;
        assert!(source.text.contains("One person was asked for by id"), "{source:?}");
        assert!(!source.text.contains("0 pages"), "{source:?}");
        // Which says nothing of what a run of everybody finds and costs.
        let settings = operator.get("/connectors/1/general").await;
        assert!(settings.text.contains("30 of 30 people"), "{settings:?}");
        assert!(!settings.text.contains("One person alone."), "{settings:?}");
        let overview = operator.get("/").await;
        assert!(overview.text.contains("href=\"/groups\""), "{overview:?}");
        let target = targets::list(&db).await.unwrap().remove(0);
        let person = viewer.get(&format!("/users/{}/{id}", target.id.0)).await;
        assert!(person.text.contains("Renamed") && person.text.contains("/runs/2"), "{person:?}");
        let external = reconcile::principal::ExternalId::new(&user);
        let changes = of_person::changes(&db, connector.id, &external, 100).await.unwrap();
        assert_eq!((changes[0].run.0, &*changes[0].change.kind), (2, "update"), "{changes:?}");
        assert!(changes.iter().any(|it| it.run.0 == 1 && it.change.kind == "create"));
        assert_eq!(of_person::changes(&db, connector.id, &external, 1).await.unwrap().len(), 1);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_service_without_anything_says_what_to_do() {
    on_both(async |db| {
        let service = Service::start(&db).await;
        let mut viewer = service.signed_in(Role::Viewer).await;
        for (path, words) in [
            ("/users", "No targets yet"),
            ("/groups", "No targets yet"),
            ("/explain?user=maya", "No connectors yet"),
        ] {
            let page = viewer.get(path).await;
            assert!(page.text.contains(words), "{path}: {page:?}");
        }
        assert_eq!(viewer.get("/users/1/117").await.status, StatusCode::NOT_FOUND);
    })
    .await;
}
