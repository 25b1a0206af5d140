use sandbox::onelogin::{RoleArrays, RoleDetail};
use serde_json::json;

use crate::client::{Client, start};

#[tokio::test]
async fn the_list_of_roles_carries_members_when_the_tenant_does() {
    let sandbox = start(400).await;
    let client = Client::of(&sandbox).await;
    let members = sandbox.admin().with_tenant(|it| it.roles()[&400_000].members.clone());
    assert!(100 < members.len());
    let row = async |path: &str| client.get(path).await.json()[0].clone();
    assert_eq!(row("/api/2/roles").await["users"], json!(members));
    let short = row("/api/2/roles?fields=id,name").await;
    assert_eq!(short, json!({"id": 400_000, "name": "Employees"}));
    sandbox.admin().set_quirks(|it| it.role_arrays = RoleArrays::Truncated);
    assert_eq!(row("/api/2/roles").await["users"], json!(members[..100]));
    sandbox.admin().set_quirks(|it| it.role_arrays = RoleArrays::Absent);
    assert!(row("/api/2/roles?fields=id,name,users").await.get("users").is_none());
}

#[tokio::test]
async fn roles_are_listed_by_page_and_by_name() {
    let sandbox = start(4).await;
    let client = Client::of(&sandbox).await;
    let reply = client.get("/api/2/roles?limit=2&page=3").await;
    assert_eq!((reply.ids().len(), reply.header("total-count")), (1, Some("5")));
    assert_eq!(client.get("/api/2/roles?name=Employees").await.ids(), [400_000]);
    sandbox.admin().set_quirks(|it| it.roles_page_max = 3);
    assert_eq!(client.get("/api/2/roles?limit=1000").await.ids().len(), 3);
}

#[tokio::test]
async fn one_role_is_its_id_and_name() {
    let sandbox = start(4).await;
    let client = Client::of(&sandbox).await;
    let base = json!({"id": 400_000, "name": "Employees"});
    assert_eq!(client.get("/api/2/roles/400000").await.json(), base);
    sandbox.admin().set_quirks(|it| it.role_detail = RoleDetail::WithArrays);
    assert!(client.get("/api/2/roles/400000").await.json()["users"].is_array());
    let missing = client.get("/api/2/roles/9").await;
    let body =
        json!({"status": 404, "error": "NotFoundError", "description": "Resource not found"});
    assert_eq!((missing.status, missing.json()), (404, body));
}

#[tokio::test]
async fn the_members_of_a_role_come_100_a_page() {
    let sandbox = start(400).await;
    let client = Client::of(&sandbox).await;
    let members = sandbox.admin().with_tenant(|it| it.roles()[&400_000].members.clone());
    let first = client.get("/api/2/roles/400000/users?limit=1000").await;
    assert_eq!(first.ids(), members[..100]);
    assert_eq!(first.header("total-count"), Some(members.len().to_string().as_str()));
    let row = &first.json()[0];
    assert_eq!(row["assigned"], true);
    assert!(row["name"].is_string() && row.get("email").is_none() && row["added_by"]["id"] == 1);
}

#[tokio::test]
async fn v2_groups_are_a_bare_list() {
    let sandbox = start(4).await;
    let client = Client::of(&sandbox).await;
    let reply = client.get("/api/2/groups?limit=3").await;
    assert_eq!((reply.ids().len(), reply.header("total-count")), (3, Some("4")));
    assert_eq!(reply.json()[0], json!({"id": 470_000, "name": "Berlin", "policy_id": null}));
    let one = client.get("/api/2/groups/470000").await.json();
    assert_eq!(one["admins"], json!([]));
    let attributes = client.get("/api/2/users/custom_attributes").await.json();
    assert_eq!(attributes[0]["shortname"], "costcenter");
}
