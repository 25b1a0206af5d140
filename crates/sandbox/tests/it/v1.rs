use std::collections::BTreeSet;

use sandbox::onelogin::{Command, When};
use serde_json::json;

use crate::client::{Client, start};

#[tokio::test]
async fn a_v1_walk_misses_nobody_when_somebody_is_deleted() {
    let sandbox = start(120).await;
    let client = Client::of(&sandbox).await;
    let before = sandbox.admin().with_tenant(|it| it.user_ids().to_vec());
    let delete = vec![Command::DeleteUser { id: before[3] }];
    sandbox.admin().after(When::next("GET /api/1/users"), delete);
    let mut seen = Vec::new();
    let mut cursor = String::new();
    loop {
        let path = format!("/api/1/users?limit=500&after_cursor={}", cursor.replace('=', "%3D"));
        let reply = client.get(&path).await;
        assert_eq!(reply.header("link"), Some(""));
        assert!(reply.ids().len() <= 50);
        seen.extend(reply.ids());
        match reply.json()["pagination"]["after_cursor"].as_str() {
            Some(next) => next.clone_into(&mut cursor),
            None => break,
        }
    }
    assert_eq!(seen, before);
    assert_eq!(sandbox.admin().calls("GET /api/1/users").good, 3);
}

#[tokio::test]
async fn the_v1_cursor_names_the_account_and_the_last_id() {
    let sandbox = start(60).await;
    let client = Client::of(&sandbox).await;
    let reply = client.get("/api/1/users").await.json();
    assert_eq!(reply["status"]["code"], 200);
    let cursor = reply["pagination"]["after_cursor"].as_str().unwrap();
    // "account_id:::123456--##id:::" and the start of the id
    assert!(cursor.starts_with("YWNjb3VudF9pZDo6OjEyMzQ1Ni0tIyNpZDo6O"));
    assert_eq!(client.get("/api/1/users?after_cursor=nonsense").await.status, 400);
}

#[tokio::test]
async fn v1_rows_carry_everything_and_null_for_no_roles() {
    let sandbox = start(40).await;
    let client = Client::of(&sandbox).await;
    let rows = client.get("/api/1/users").await.json()["data"].clone();
    let rows = rows.as_array().unwrap();
    let keys: BTreeSet<&String> = rows[0].as_object().unwrap().keys().collect();
    assert_eq!(keys.len(), 35);
    assert!(keys.contains(&"role_id".to_owned()) && !keys.contains(&"role_ids".to_owned()));
    let without = rows.iter().find(|it| it["role_id"].is_null()).unwrap();
    let id = without["id"].as_i64().unwrap();
    assert_eq!(sandbox.admin().user(id).unwrap().role_ids, [0; 0]);
    let one = client.get(&format!("/api/1/users/{id}")).await.json();
    assert_eq!(one["data"], json!([without]));
}

#[tokio::test]
async fn v1_filters_by_role_and_creation() {
    let sandbox = start(40).await;
    let client = Client::of(&sandbox).await;
    let (role, members) = sandbox.admin().with_tenant(|it| {
        let role = it.roles().values().next().unwrap();
        (role.id, role.members.clone())
    });
    assert!(!members.is_empty());
    assert_eq!(client.get(&format!("/api/1/users?role_id={role}")).await.ids(), members);
    let none = client.get("/api/1/users?since=2030-01-01T00:00:00Z").await;
    assert_eq!(none.ids(), [0; 0]);
}

#[tokio::test]
async fn v1_groups_and_roles_are_enveloped_lists() {
    let sandbox = start(4).await;
    let client = Client::of(&sandbox).await;
    let groups = client.get("/api/1/groups").await.json();
    assert_eq!(groups["data"][0], json!({"id": 470_000, "name": "Berlin", "reference": null}));
    assert_eq!(groups["pagination"]["after_cursor"], json!(null));
    let roles = client.get("/api/1/roles").await.json();
    assert_eq!(roles["data"][0], json!({"id": 400_000, "name": "Employees"}));
    assert_eq!(client.get("/api/1/roles?name=confl*").await.ids(), [400_039]);
    assert_eq!(client.get("/api/1/groups/470000").await.ids(), [470_000]);
    assert_eq!(client.get("/api/1/roles/400000").await.ids(), [400_000]);
    let missing = client.get("/api/1/groups/9999999").await;
    assert_eq!(missing.status, 404);
    assert_eq!(missing.json()["status"]["message"], "Group for id 9999999 was not found");
    let wrong = client.get("/api/1/groups/oslo").await.json();
    assert_eq!(wrong["status"]["message"]["attribute"], "id");
    let names = client.get("/api/1/users/custom_attributes").await.json();
    assert_eq!(names["data"], json!([["costcenter", "nick"]]));
}
