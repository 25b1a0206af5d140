//! `/sandbox/..`: the side channel over HTTP, for programs that are not in this process.

use std::{net::IpAddr, sync::Arc};

use axum::{
    Router,
    body::Bytes,
    extract::{Path, Request, State},
    http::{StatusCode, header, uri::Authority},
    middleware::{Next, from_fn},
    response::{IntoResponse, Response},
    routing::{get, post},
};
use serde::Serialize;
use serde_json::{Value, json};

use crate::onelogin::{BANNER, command::Command, world::World};

pub(super) fn routes() -> Router<Arc<World>> {
    Router::new()
        .route("/sandbox", get(about))
        .route("/sandbox/commands", post(commands))
        .route("/sandbox/ledger", get(ledger))
        .route("/sandbox/quirks", get(quirks))
        .route("/sandbox/tenant", get(tenant))
        .route("/sandbox/users/{id}", get(user))
        .layer(from_fn(guard))
}

/// Only programs of this machine, and no web page that a browser here has open.
async fn guard(request: Request, next: Next) -> Response {
    let headers = request.headers();
    let host = headers.get(header::HOST).and_then(|it| it.to_str().ok()).unwrap_or_default();
    if !is_loopback(host) || headers.contains_key(header::ORIGIN) {
        return (StatusCode::FORBIDDEN, BANNER).into_response();
    }
    next.run(request).await
}

fn is_loopback(host: &str) -> bool {
    let Ok(authority) = host.parse::<Authority>() else {
        return false;
    };
    let name = authority.host().trim_start_matches('[').trim_end_matches(']');
    name == "localhost" || name.parse::<IpAddr>().is_ok_and(|it| it.is_loopback())
}

async fn about() -> Response {
    let text = format!(
        "{BANNER}\n\n\
         GET  /sandbox/tenant      how many users, roles and groups there are\n\
         GET  /sandbox/users/ID    one user, with every field\n\
         GET  /sandbox/ledger      calls per endpoint\n\
         GET  /sandbox/quirks      the switches\n\
         POST /sandbox/commands    one command or a list, as JSON: {{\"do\": \"delete_user\", \"id\": 7}}\n"
    );
    text.into_response()
}

async fn commands(State(world): State<Arc<World>>, body: Bytes) -> Response {
    let commands = match parsed(&body) {
        Ok(commands) => commands,
        Err(error) => return refused(&format!("not a command: {error}")),
    };
    let mut ids = Vec::with_capacity(commands.len());
    for command in commands {
        match command.run(&world) {
            Ok(id) => ids.push(id),
            Err(reason) => return refused(&reason.to_string()),
        }
    }
    as_json(StatusCode::OK, &json!({"created": ids}))
}

fn parsed(body: &[u8]) -> serde_json::Result<Vec<Command>> {
    let value: Value = serde_json::from_slice(body)?;
    if value.is_array() {
        serde_json::from_value(value)
    } else {
        serde_json::from_value(value).map(|it| vec![it])
    }
}

async fn ledger(State(world): State<Arc<World>>) -> Response {
    let ledger = world.control().ledger.clone();
    as_json(StatusCode::OK, &ledger)
}

async fn quirks(State(world): State<Arc<World>>) -> Response {
    let quirks = world.control().quirks.clone();
    as_json(StatusCode::OK, &quirks)
}

async fn tenant(State(world): State<Arc<World>>) -> Response {
    let tenant = world.tenant();
    let counts = json!({
        "users": tenant.user_ids().len(),
        "roles": tenant.roles().len(),
        "groups": tenant.groups().len(),
    });
    as_json(StatusCode::OK, &counts)
}

async fn user(State(world): State<Arc<World>>, Path(id): Path<i64>) -> Response {
    match world.tenant().user(id) {
        Some(user) => as_json(StatusCode::OK, user.as_ref()),
        None => as_json(StatusCode::NOT_FOUND, &json!({"error": format!("there is no user {id}")})),
    }
}

fn refused(reason: &str) -> Response {
    as_json(StatusCode::UNPROCESSABLE_ENTITY, &json!({"error": reason}))
}

fn as_json(status: StatusCode, body: &impl Serialize) -> Response {
    let body = serde_json::to_string(body).unwrap_or_default();
    (status, [(header::CONTENT_TYPE, "application/json")], body).into_response()
}
