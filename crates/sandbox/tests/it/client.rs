//! The least client that can see everything: status, headers, bytes.

use std::{sync::Once, time::Duration};

use sandbox::onelogin::{self, Data, Options, Population, Sandbox, Tenant};
use serde_json::{Value, json};

pub(crate) const USERS: &str = "GET /api/2/users";

pub(crate) struct Client {
    http: reqwest::Client,
    base_url: String,
    token: String,
}

#[derive(Debug)]
pub(crate) struct Reply {
    pub(crate) status: u16,
    pub(crate) headers: reqwest::header::HeaderMap,
    pub(crate) body: Vec<u8>,
}

impl Reply {
    pub(crate) fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap()
    }

    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).map(|it| it.to_str().unwrap())
    }

    pub(crate) fn ids(&self) -> Vec<i64> {
        let body = self.json();
        let rows = body.as_array().or_else(|| body["data"].as_array()).unwrap();
        rows.iter().map(|it| it["id"].as_i64().unwrap()).collect()
    }
}

impl Client {
    pub(crate) async fn of(sandbox: &Sandbox) -> Client {
        let mut client = Client::of_nobody(sandbox);
        client.renew(sandbox).await;
        client
    }

    pub(crate) fn of_nobody(sandbox: &Sandbox) -> Client {
        Client { http: http(), base_url: sandbox.base_url(), token: String::new() }
    }

    pub(crate) fn is_locked_out(&self) -> bool {
        self.token.is_empty()
    }

    pub(crate) async fn renew(&mut self, sandbox: &Sandbox) {
        let body = try_token(sandbox).await.map(|it| it.body).unwrap_or_default();
        let body: Value = serde_json::from_slice(&body).unwrap_or_default();
        body["access_token"].as_str().unwrap_or_default().clone_into(&mut self.token);
    }

    pub(crate) async fn get(&self, path: &str) -> Reply {
        self.try_get(path).await.unwrap()
    }

    pub(crate) async fn send(&self, path: &str) -> reqwest::Result<reqwest::Response> {
        self.send_with(path, &format!("Bearer {}", self.token)).await
    }

    pub(crate) async fn send_with(
        &self,
        path: &str,
        authorization: &str,
    ) -> reqwest::Result<reqwest::Response> {
        let url = format!("{}{path}", self.base_url);
        self.http.get(url).header("authorization", authorization).send().await
    }

    pub(crate) fn token(&self) -> &str {
        &self.token
    }

    pub(crate) async fn try_get(&self, path: &str) -> reqwest::Result<Reply> {
        reply(self.send(path).await?).await
    }
}

pub(crate) fn http() -> reqwest::Client {
    static PROVIDER: Once = Once::new();
    PROVIDER.call_once(|| {
        rustls::crypto::ring::default_provider().install_default().unwrap();
    });
    #[expect(clippy::disallowed_methods, reason = "this crate does not know rollcall's client")]
    let builder = reqwest::Client::builder();
    builder
        .redirect(reqwest::redirect::Policy::none())
        .timeout(Duration::from_secs(10))
        .no_proxy()
        .build()
        .unwrap()
}

pub(crate) async fn reply(response: reqwest::Response) -> reqwest::Result<Reply> {
    let (status, headers) = (response.status().as_u16(), response.headers().clone());
    Ok(Reply { status, headers, body: response.bytes().await?.to_vec() })
}

pub(crate) async fn token(sandbox: &Sandbox) -> Reply {
    try_token(sandbox).await.unwrap()
}

async fn try_token(sandbox: &Sandbox) -> reqwest::Result<Reply> {
    let request = http()
        .post(format!("{}/auth/oauth2/v2/token", sandbox.base_url()))
        .basic_auth(sandbox.client_id(), Some(sandbox.client_secret()))
        .header("content-type", "application/json")
        .body(json!({"grant_type": "client_credentials"}).to_string());
    reply(request.send().await?).await
}

pub(crate) fn population(users: u32) -> Population {
    Population { users, roles: 5, groups: 4, roles_per_user: 2, seed: 7, data: Data::Odd }
}

pub(crate) async fn start(users: u32) -> Sandbox {
    let tenant = Tenant::generate(&population(users));
    onelogin::start(tenant, Options::quiet(7)).await.unwrap()
}
