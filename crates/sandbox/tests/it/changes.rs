use std::{borrow::Cow, time::Duration};

use sandbox::onelogin::{self, Command, Fault, Kind, Options, Stamp, Tenant, User, When};
use serde_json::json;

use crate::client::{Client, USERS, start};

#[tokio::test]
async fn a_delete_between_two_pages_makes_the_walk_skip_somebody() {
    let sandbox = start(30).await;
    let client = Client::of(&sandbox).await;
    let before = sandbox.admin().with_tenant(|it| it.user_ids().to_vec());
    let delete = vec![Command::DeleteUser { id: before[3] }];
    sandbox.admin().after(When::page(USERS, 2), delete);
    let mut seen = Vec::new();
    for page in 1..=3 {
        let reply = client.get(&format!("/api/2/users?limit=10&page={page}&fields=id")).await;
        let total = if page < 3 { "30" } else { "29" };
        assert_eq!(reply.header("total-count"), Some(total));
        seen.extend(reply.ids());
    }
    assert!(seen.contains(&before[3]), "she was there when page 1 was read");
    assert!(!seen.contains(&before[20]), "she moved from page 3 to page 2");
    assert_eq!(seen.len(), 29);
    assert!(sandbox.admin().user(before[20]).is_some());
}

#[tokio::test]
async fn scripts_count_good_answers_and_run_once() {
    let sandbox = start(5).await;
    let client = Client::of(&sandbox).await;
    let create = Command::CreateGroup { id: None, name: "Late".to_owned() };
    sandbox.admin().after(When::nth(USERS, 2), vec![create]);
    let groups = || sandbox.admin().with_tenant(|it| it.groups().len());
    client.get("/api/2/users").await;
    client.get("/api/2/users?fields=nonsense").await;
    assert_eq!(groups(), 4);
    client.get("/api/2/users").await;
    assert_eq!(groups(), 5);
    client.get("/api/2/users").await;
    assert_eq!(groups(), 5);
}

#[tokio::test]
async fn users_are_created_changed_and_deleted() {
    let sandbox = onelogin::start(Tenant::empty(), Options::quiet(1)).await.unwrap();
    let client = Client::of(&sandbox).await;
    let admin = sandbox.admin();
    assert_eq!(client.get("/api/2/users").await.json(), json!([]));
    let ada = User { id: 1_201, email: Some("ada@acme.test".into()), ..User::default() };
    assert_eq!(admin.create_user(ada.clone()), Ok(1_201));
    assert!(admin.create_user(ada).is_err(), "the id is taken");
    let other = admin.create_user(User::default()).unwrap();
    assert!(1_201 < other);
    admin.update_user(1_201, json!({"title": "", "external_id": 42})).unwrap();
    let fields = "fields=id,email,title,company,external_id";
    let row = &client.get(&format!("/api/2/users?{fields}")).await.json()[0];
    let expected = json!({"id": 1201, "email": "ada@acme.test", "title": "", "company": null,
                          "external_id": 42});
    assert_eq!(*row, expected);
    assert!(admin.update_user(1_201, json!({"shoe_size": 42})).is_err());
    assert!(admin.update_user(1_201, json!({"group_id": 5})).is_err());
    admin.delete_user(1_201).unwrap();
    assert!(admin.delete_user(1_201).is_err());
    assert_eq!(client.get("/api/2/users").await.ids(), [other]);
}

#[tokio::test]
async fn roles_and_groups_come_and_go_with_their_members() {
    let sandbox = start(50).await;
    let admin = sandbox.admin();
    let user = admin.with_tenant(|it| it.user_ids()[0]);
    let role = admin.create_role("Night shift").unwrap();
    let group = admin.create_group("Oslo").unwrap();
    admin.add_role_member(role, user).unwrap();
    admin.update_user(user, json!({"group_id": group})).unwrap();
    let members = || admin.with_tenant(|it| it.roles()[&role].members.clone());
    assert_eq!(members(), [user]);
    assert!(admin.user(user).unwrap().role_ids.contains(&role));
    admin.remove_role_member(role, user).unwrap();
    assert_eq!(members(), [0; 0]);
    admin.update_user(user, json!({"role_ids": [role]})).unwrap();
    assert_eq!(members(), [user]);
    admin.delete_role(role).unwrap();
    admin.delete_group(group).unwrap();
    let left = admin.user(user).unwrap();
    assert_eq!((left.role_ids.len(), left.group_id), (0, None));
    let next = admin.create_role("Day shift").unwrap();
    assert!(role < next, "ids are not used twice");
}

#[tokio::test]
async fn deleting_a_role_or_group_takes_it_from_people_nobody_edited() {
    let sandbox = start(50).await;
    let admin = sandbox.admin();
    let users: Vec<User> = admin.with_tenant(|tenant| {
        tenant.user_ids().iter().filter_map(|it| tenant.user(*it)).map(Cow::into_owned).collect()
    });
    let role = users.iter().find_map(|it| it.role_ids.first()).copied().unwrap();
    let group = users.iter().find_map(|it| it.group_id).unwrap();
    admin.delete_role(role).unwrap();
    admin.delete_group(group).unwrap();
    for user in users {
        let user = admin.user(user.id).unwrap();
        assert!(!user.role_ids.contains(&role) && user.group_id != Some(group));
    }
}

#[tokio::test]
async fn people_who_cannot_keep_roles_are_dropped_without_a_word() {
    let sandbox = start(0).await;
    let admin = sandbox.admin();
    let pending = User { status: 7, state: 1, ..User::default() };
    let user = admin.create_user(pending).unwrap();
    let role = admin.with_tenant(|it| *it.roles().keys().next().unwrap());
    assert_eq!(admin.add_role_member(role, user), Ok(()));
    assert_eq!(admin.user(user).unwrap().role_ids, [0; 0]);
}

#[tokio::test]
async fn what_moves_updated_at_is_a_switch() {
    let sandbox = start(50).await;
    let admin = sandbox.admin();
    let user = admin.with_tenant(|it| it.user_ids()[0]);
    let updated_at = || admin.user(user).unwrap().updated_at;
    let role = admin.create_role("Night shift").unwrap();
    let first = updated_at();
    admin.add_role_member(role, user).unwrap();
    assert_eq!(updated_at(), first, "from the role's side it stays");
    admin.update_user(user, json!({"role_ids": []})).unwrap();
    let second = updated_at();
    assert!(first < second, "from the user's side it moves");
    admin.move_clock(60);
    admin.set_quirks(|it| it.group_change = Stamp::Kept);
    admin.update_user(user, json!({"group_id": null})).unwrap();
    assert_eq!(updated_at(), second);
    admin.set_quirks(|it| it.role_change_on_role = Stamp::Bumped);
    admin.add_role_member(role, user).unwrap();
    assert!(second < updated_at());
}

#[tokio::test]
async fn a_role_member_shows_up_after_the_delay() {
    let sandbox = start(50).await;
    let client = Client::of(&sandbox).await;
    let admin = sandbox.admin();
    let user = admin.with_tenant(|it| it.user_ids()[0]);
    let role = admin.create_role("Night shift").unwrap();
    admin.set_quirks(|it| it.role_delay_ms = 300_000);
    admin.add_role_member(role, user).unwrap();
    let path = format!("/api/2/roles/{role}/users");
    assert_eq!(client.get(&path).await.ids(), [0; 0]);
    admin.move_clock(301);
    assert_eq!(client.get(&path).await.ids(), [user]);
}

#[tokio::test]
async fn calls_are_counted_good_and_faulty_apart() {
    let sandbox = start(5).await;
    let client = Client::of(&sandbox).await;
    client.get("/api/2/users?limit=2").await;
    client.get("/api/2/users?limit=2&page=2").await;
    client.get("/api/2/users?fields=nonsense").await;
    let id = client.get("/api/2/roles").await.ids()[0];
    client.get(&format!("/api/2/roles/{id}/users")).await;
    client.get("/api/7/shoes").await;
    let ledger = sandbox.admin().ledger();
    let counted: Vec<(&str, u64, u64)> =
        ledger.iter().map(|(name, calls)| (name.as_str(), calls.good, calls.faulty)).collect();
    let expected = [
        ("(no route)", 0, 1),
        ("GET /api/2/roles", 1, 0),
        ("GET /api/2/roles/{id}/users", 1, 0),
        ("GET /api/2/users", 2, 1),
        ("POST /auth/oauth2/v2/token", 1, 0),
    ];
    assert_eq!(counted, expected);
    sandbox.admin().reset_ledger();
    assert!(sandbox.admin().ledger().is_empty());
}

#[tokio::test]
async fn a_call_that_the_client_gives_up_on_is_counted() {
    let sandbox = start(5).await;
    let client = Client::of(&sandbox).await;
    let stall = Kind::StallBeforeHeaders { ms: 60_000 };
    sandbox.admin().inject(Fault::once(When::next(USERS), stall));
    let call = client.try_get("/api/2/users");
    assert!(tokio::time::timeout(Duration::from_millis(200), call).await.is_err());
    let mut waits = 0;
    while sandbox.admin().calls(USERS).faulty == 0 {
        waits += 1;
        assert!(waits < 100, "the call never shows up in the ledger");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    sandbox.admin().set_quirks(|it| it.in_flight_max = Some(1));
    assert_eq!(client.get("/api/2/users").await.status, 200, "nothing is in flight any more");
}

#[tokio::test]
async fn every_call_takes_the_latency() {
    let options = Options { latency: Duration::from_millis(60), ..Options::quiet(1) };
    let sandbox = onelogin::start(Tenant::empty(), options).await.unwrap();
    let client = Client::of(&sandbox).await;
    let start = std::time::Instant::now();
    client.get("/api/2/users").await;
    assert!(Duration::from_millis(60) <= start.elapsed());
}

#[tokio::test]
async fn it_listens_on_loopback_only_and_stops() {
    let options = Options { listen: "0.0.0.0:0".parse().unwrap(), ..Options::quiet(1) };
    assert!(onelogin::start(Tenant::empty(), options).await.is_err());
    let sandbox = start(1).await;
    let client = Client::of(&sandbox).await;
    sandbox.stop().await;
    assert!(client.try_get("/api/2/users").await.is_err());
}
