use sandbox::onelogin::{BANNER, Sandbox};
use serde_json::{Value, json};

use crate::client::{Client, Reply, http, reply, start};

async fn post(sandbox: &Sandbox, commands: Value) -> Reply {
    let url = format!("{}/sandbox/commands", sandbox.base_url());
    reply(http().post(url).body(commands.to_string()).send().await.unwrap()).await.unwrap()
}

#[tokio::test]
async fn commands_change_the_tenant_and_the_switches_over_http() {
    let sandbox = start(5).await;
    let client = Client::of(&sandbox).await;
    let created = post(
        &sandbox,
        json!([
            {"do": "create_user", "user": {"id": 7, "email": "ada@acme.test"}},
            {"do": "create_role", "name": "Night shift"},
            {"do": "update_user", "id": 7, "set": {"title": "Countess"}},
            {"do": "set_quirks", "set": {"users_page_max": 3, "role_arrays": "absent"}},
            {"do": "inject", "fault": {"endpoint": "GET /api/2/roles", "times": 1,
                                       "kind": {"html_page": {"status": 502}}}},
            {"do": "after", "after": {"endpoint": "GET /api/2/users", "nth": 2},
             "commands": [{"do": "delete_user", "id": 7}]},
            {"do": "consume", "calls": 12},
        ]),
    )
    .await;
    assert_eq!(created.status, 200, "{}", String::from_utf8_lossy(&created.body));
    assert_eq!(created.json()["created"][0], 7);
    assert_eq!(client.get("/api/2/roles").await.status, 502);
    assert_eq!(client.get("/api/2/roles").await.status, 200);
    assert_eq!(client.get("/api/2/users?limit=9").await.ids().len(), 3);
    assert_eq!(client.get("/sandbox/users/7").await.json()["title"], "Countess");
    client.get("/api/2/users").await;
    assert_eq!(client.get("/sandbox/users/7").await.status, 404);
    assert_eq!(client.get("/sandbox/quirks").await.json()["role_arrays"], "absent");
    let ledger = client.get("/sandbox/ledger").await.json();
    assert_eq!(ledger["GET /api/2/roles"], json!({"good": 1, "faulty": 1}));
    let counts = json!({"users": 5, "roles": 6, "groups": 4});
    assert_eq!(client.get("/sandbox/tenant").await.json(), counts);
}

#[tokio::test]
async fn a_command_that_makes_no_sense_is_refused_with_a_reason() {
    let sandbox = start(5).await;
    let cases = [
        (json!({"do": "delete_user", "id": 7}), "there is no user 7"),
        (json!({"do": "set_quirks", "set": {"mood": "good"}}), "not a quirk"),
        (json!({"do": "dance"}), "not a command"),
    ];
    for (command, reason) in cases {
        let refused = post(&sandbox, command).await;
        assert_eq!(refused.status, 422);
        assert!(refused.json()["error"].as_str().unwrap().contains(reason));
    }
}

#[tokio::test]
async fn web_pages_and_foreign_host_names_are_kept_out() {
    let sandbox = start(5).await;
    let url = format!("{}/sandbox", sandbox.base_url());
    for (name, value) in
        [("origin", "https://evil.example"), ("host", "evil.example"), ("host", "127.evil.example")]
    {
        let response = http().get(&url).header(name, value).send().await.unwrap();
        assert_eq!(response.status(), 403);
    }
    for name in ["localhost", "127.0.0.1:81", "[::1]:81"] {
        let response = http().get(&url).header("host", name).send().await.unwrap();
        assert_eq!(response.status(), 200);
    }
    let about = reply(http().get(&url).send().await.unwrap()).await.unwrap();
    assert!(String::from_utf8(about.body).unwrap().starts_with(BANNER));
}
