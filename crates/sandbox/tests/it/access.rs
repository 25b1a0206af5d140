use sandbox::onelogin::{
    GroupsV2, Metered, OverLimit, RateLimitCall, RetryAfterHeader, RoleUsersScope, Scope,
    ScopeFailure,
};
use serde_json::json;

use crate::client::{Client, start};

/// Endpoint, then who may: authentication only, read users, manage users, read all, manage all.
const TABLE: [(&str, [bool; 5]); 13] = [
    ("/auth/rate_limit", [false, true, true, true, true]),
    ("/api/2/users", [false, true, true, true, true]),
    ("/api/2/users/custom_attributes", [false, true, true, true, true]),
    ("/api/1/users", [false, true, true, true, true]),
    ("/api/1/users/custom_attributes", [false, true, true, true, true]),
    ("/api/2/roles", [false, true, false, true, true]),
    ("/api/2/roles/400000", [false, true, false, true, true]),
    ("/api/2/roles/400000/users", [false, true, false, true, true]),
    ("/api/1/roles", [false, true, true, true, true]),
    ("/api/1/roles/400000", [false, true, true, true, true]),
    ("/api/1/groups", [false, true, true, true, true]),
    ("/api/2/groups", [false, true, true, true, true]),
    ("/api/1/groups/470000", [false, true, true, true, true]),
];

#[tokio::test]
async fn every_scope_opens_what_the_table_says() {
    let sandbox = start(20).await;
    let client = Client::of(&sandbox).await;
    let scopes = [
        Scope::AuthenticationOnly,
        Scope::ReadUsers,
        Scope::ManageUsers,
        Scope::ReadAll,
        Scope::ManageAll,
    ];
    for (at, scope) in scopes.into_iter().enumerate() {
        sandbox.admin().set_quirks(|it| it.scope = scope);
        for (path, allowed) in TABLE {
            let status = client.get(path).await.status;
            assert_eq!(status, if allowed[at] { 200 } else { 401 }, "{path} with {scope:?}");
        }
    }
}

#[tokio::test]
async fn the_roles_of_a_user_need_more_than_read_users() {
    let sandbox = start(20).await;
    let client = Client::of(&sandbox).await;
    let id = client.get("/api/2/users").await.ids()[3];
    let path = format!("/api/1/users/{id}/roles");
    let refused = client.get(&path).await;
    assert_eq!(refused.status, 401);
    assert_eq!(refused.json()["status"]["message"], "Insufficient Permission");
    sandbox.admin().set_quirks(|it| it.scope = Scope::ReadAll);
    let roles = sandbox.admin().user(id).unwrap().role_ids;
    assert_eq!(client.get(&path).await.json()["data"], json!([roles]));
}

#[tokio::test]
async fn v2_refuses_a_small_scope_with_401_or_403() {
    let sandbox = start(3).await;
    let client = Client::of(&sandbox).await;
    sandbox.admin().set_quirks(|it| it.scope = Scope::AuthenticationOnly);
    assert_eq!(client.get("/api/2/users").await.json()["name"], "UnauthorizedError");
    sandbox.admin().set_quirks(|it| it.scope_failure = ScopeFailure::Forbidden);
    let refused = client.get("/api/2/users").await;
    assert_eq!((refused.status, &refused.json()["name"]), (403, &json!("ForbiddenError")));
}

#[tokio::test]
async fn doubtful_endpoints_can_be_closed() {
    let sandbox = start(3).await;
    let client = Client::of(&sandbox).await;
    sandbox.admin().set_quirks(|it| it.role_users_scope = RoleUsersScope::ManageAll);
    assert_eq!(client.get("/api/2/roles/400000/users").await.status, 401);
    for (groups_v2, status) in [(GroupsV2::Off, 404), (GroupsV2::Forbidden, 403)] {
        sandbox.admin().set_quirks(|it| it.groups_v2 = groups_v2);
        assert_eq!(client.get("/api/2/groups").await.status, status);
    }
}

#[tokio::test]
async fn only_v1_calls_use_up_the_allowance() {
    let sandbox = start(3).await;
    let client = Client::of(&sandbox).await;
    let allowance = async || client.get("/auth/rate_limit").await.json()["data"].clone();
    let idle = json!({"X-RateLimit-Limit": 5000, "X-RateLimit-Remaining": 5000,
                      "X-RateLimit-Reset": 3600});
    client.get("/api/2/users").await;
    assert_eq!(allowance().await, idle);
    let reply = client.get("/api/1/groups").await;
    assert_eq!(reply.header("x-ratelimit-remaining"), Some("4999"));
    assert_eq!(client.get("/api/2/users").await.header("x-ratelimit-remaining"), None);
    sandbox.admin().consume(1_000);
    sandbox.admin().move_clock(600);
    let now = allowance().await;
    assert_eq!(now["X-RateLimit-Remaining"], 3_999);
    assert!((2_900..=3_000).contains(&now["X-RateLimit-Reset"].as_i64().unwrap()));
    sandbox.admin().move_clock(3_001);
    assert_eq!(allowance().await, idle);
}

#[tokio::test]
async fn v2_and_status_calls_count_when_asked_to() {
    let sandbox = start(3).await;
    let client = Client::of(&sandbox).await;
    sandbox.admin().set_quirks(|it| {
        it.metered = Metered::Both;
        it.limit_headers = Metered::Both;
        it.rate_limit_call = RateLimitCall::Counted;
    });
    let reply = client.get("/api/2/users").await;
    assert_eq!(reply.header("x-ratelimit-remaining"), Some("4999"));
    let status = client.get("/auth/rate_limit").await.json();
    assert_eq!(status["data"]["X-RateLimit-Remaining"], 4_998);
}

#[tokio::test]
async fn beyond_the_limit_there_are_two_forms_of_no() {
    let sandbox = start(3).await;
    let client = Client::of(&sandbox).await;
    sandbox.admin().consume(5_000);
    let refused = client.get("/api/1/users").await;
    assert_eq!((refused.status, refused.header("retry-after")), (429, None));
    assert_eq!(refused.header("x-ratelimit-remaining"), Some("0"));
    assert_eq!(client.get("/api/2/users").await.status, 200);
    sandbox.admin().set_quirks(|it| it.retry_after = RetryAfterHeader::Present);
    let wait = client.get("/api/1/users").await.header("retry-after").unwrap().to_owned();
    assert!((3_500..=3_600).contains(&wait.parse::<i32>().unwrap()));
    sandbox.admin().set_quirks(|it| it.over_limit = OverLimit::BadRequest);
    let refused = client.get("/api/1/users").await;
    assert_eq!(refused.status, 400);
    assert_eq!(refused.json()["status"]["message"], "rate_limit_exceeded");
}
