use sandbox::onelogin::Owner;
use serde_json::json;

use crate::client::{Client, http, reply, start, token};

#[tokio::test]
async fn everybody_gets_the_same_token_until_it_expires() {
    let sandbox = start(3).await;
    let first = token(&sandbox).await.json();
    assert_eq!(first["expires_in"], 36_000);
    sandbox.admin().move_clock(35_000);
    let again = token(&sandbox).await.json();
    assert_eq!(first, again, "created_at and expires_in do not move");
    sandbox.admin().move_clock(1_001);
    let renewed = token(&sandbox).await.json();
    assert_ne!(first["access_token"], renewed["access_token"]);
    assert_ne!(first["created_at"], renewed["created_at"]);
}

#[tokio::test]
async fn an_expired_or_revoked_token_is_refused_and_the_next_one_works() {
    let sandbox = start(3).await;
    let mut client = Client::of(&sandbox).await;
    let spoil: [fn(&sandbox::onelogin::Admin); 3] =
        [|it| it.expire_token(), |it| it.revoke_token(), |it| it.age_token(-5)];
    for spoil in spoil {
        assert_eq!(client.get("/api/2/users").await.status, 200);
        spoil(sandbox.admin());
        let refused = client.get("/api/2/users").await;
        assert_eq!((refused.status, &refused.json()["name"]), (401, &json!("UnauthorizedError")));
        let refused = client.get("/api/1/users").await;
        assert_eq!(refused.json()["status"]["message"], "Authentication Failure");
        client.renew(&sandbox).await;
    }
}

#[tokio::test]
async fn four_forms_of_the_credential_are_accepted() {
    let sandbox = start(3).await;
    let (id, secret) = (sandbox.client_id(), sandbox.client_secret());
    let url = format!("{}/auth/oauth2/v2/token", sandbox.base_url());
    let json = r#"{"grant_type":"client_credentials"}"#;
    let form = "application/x-www-form-urlencoded";
    let post = || http().post(&url);
    let requests = [
        post().basic_auth(id, Some(secret)).header("content-type", "application/json").body(json),
        post()
            .header("authorization", format!("client_id:{id}, client_secret:{secret}"))
            .header("content-type", "application/json")
            .body(json),
        post()
            .header("content-type", form)
            .body(format!("grant_type=client_credentials&client_id={id}&client_secret={secret}")),
        post()
            .basic_auth(id, Some(secret))
            .header("content-type", form)
            .body("grant_type=client_credentials"),
    ];
    let mut tokens = Vec::new();
    for request in requests {
        let reply = reply(request.send().await.unwrap()).await.unwrap();
        assert_eq!(reply.status, 200);
        tokens.push(reply.json()["access_token"].clone());
    }
    assert!(tokens.iter().all(|it| *it == tokens[0] && it.is_string()));
}

#[tokio::test]
async fn a_wrong_secret_a_wrong_grant_and_a_deleted_owner_are_told_apart() {
    let sandbox = start(3).await;
    let url = format!("{}/auth/oauth2/v2/token", sandbox.base_url());
    let ask = async |secret: &str, grant: &str| {
        let request = http()
            .post(&url)
            .basic_auth(sandbox.client_id(), Some(secret))
            .body(json!({"grant_type": grant}).to_string());
        reply(request.send().await.unwrap()).await.unwrap()
    };
    let wrong = ask("guess", "client_credentials").await;
    assert_eq!(
        wrong.json(),
        json!({"status": {"error": true, "code": 401, "type": "Unauthorized",
                          "message": "Authentication Failure"}})
    );
    assert_eq!(wrong.status, 401);
    assert_eq!(ask(sandbox.client_secret(), "password").await.status, 400);
    sandbox.admin().set_quirks(|it| it.owner = Owner::Deleted);
    assert_eq!(ask(sandbox.client_secret(), "client_credentials").await.status, 500);
}

#[tokio::test]
async fn revoking_ends_the_token_of_everybody() {
    let sandbox = start(3).await;
    let client = Client::of(&sandbox).await;
    let access_token = token(&sandbox).await.json()["access_token"].clone();
    let request = http()
        .post(format!("{}/auth/oauth2/revoke", sandbox.base_url()))
        .basic_auth(sandbox.client_id(), Some(sandbox.client_secret()))
        .body(json!({"access_token": access_token}).to_string());
    let revoked = reply(request.send().await.unwrap()).await.unwrap();
    assert_eq!((revoked.status, &revoked.json()["status"]["message"]), (200, &json!("Success")));
    assert_eq!(client.get("/api/2/users").await.status, 401);
}

#[tokio::test]
async fn a_token_is_shown_in_three_forms_and_none_other() {
    let sandbox = start(3).await;
    let client = Client::of(&sandbox).await;
    let token = client.token();
    let cases = [
        (format!("Bearer {token}"), 200),
        (format!("bearer {token}"), 200),
        (format!("bearer:{token}"), 200),
        (format!("Token {token}"), 400),
        ("Bearer guess".to_owned(), 401),
    ];
    for (authorization, status) in cases {
        let response = client.send_with("/auth/rate_limit", &authorization).await.unwrap();
        assert_eq!(response.status(), status, "{authorization}");
    }
}

#[tokio::test]
async fn no_secret_is_printed_by_accident() {
    let sandbox = start(3).await;
    let client = Client::of(&sandbox).await;
    let printed = format!("{sandbox:?} {:?}", sandbox.admin());
    assert!(!printed.contains(sandbox.client_secret()) && !printed.contains(client.token()));
}
