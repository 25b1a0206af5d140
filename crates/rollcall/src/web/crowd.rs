//! The Crowd server: what Jira, Confluence, Bitbucket, Bamboo and Crowd poll.
//!
//! Everything is read in one snapshot of the database per answer, so an answer never mixes two
//! publications. How several answers of one product fit together is told in
//! `store::directory::reads` and [`event`].
//!
//! Writes are refused: the directory follows its source alone.

mod answer;
mod cql;
mod entity;
mod event;
mod group;
mod list;
mod login;
mod membership;
mod request;
mod restriction;
mod search;
mod stream;
mod user;
mod xml;

use std::sync::Arc;

use axum::Router;
use axum::middleware::{from_fn, from_fn_with_state};
use axum::routing::{any, delete, get, post};
use tokio::sync::Semaphore;

use self::answer::Refusal;
use crate::store::Db;
use crate::web::site::Site;

/// Answers that may read from the database at once. Fewer than it has connections, so that slow
/// readers leave some for everybody else.
const READERS_MAX: usize = 5;

/// What every request needs.
#[derive(Clone, Debug)]
struct App {
    db: Db,
    /// Which proxies are believed where a call comes from.
    site: Arc<Site>,
    readers: Arc<Semaphore>,
}

/// To be nested where products are told that Crowd is, usually `/crowd`.
pub fn router(db: Db, site: Arc<Site>) -> Router {
    let app = App { db, site, readers: Arc::new(Semaphore::new(READERS_MAX)) };
    Router::new()
        .nest("/rest/usermanagement/1", resources())
        .nest("/rest/usermanagement/latest", resources())
        .fallback(async || Refusal::no_such_resource())
        .method_not_allowed_fallback(async || Refusal::method_not_allowed())
        .layer(from_fn_with_state(app.clone(), request::authenticate))
        .layer(from_fn(request::take_body))
        .layer(from_fn(answer::dress))
        .with_state(app)
}

fn resources() -> Router<App> {
    Router::new()
        .route("/user", get(user::one).fallback(refuse_write))
        .route("/user/attribute", get(user::attributes).fallback(refuse_write))
        .route("/user/group/direct", get(group::of_user).fallback(refuse_write))
        .route("/user/group/nested", get(group::of_user))
        .route("/user/password", any(refuse_write))
        .route("/user/rename", post(refuse_write))
        .route("/user/mail/password", post(refuse_write))
        .route("/user/mail/usernames", post(refuse_write))
        .route("/user/expire-all-passwords", post(refuse_write))
        .route("/group", get(group::one).fallback(refuse_write))
        .route("/group/attribute", get(group::attributes).fallback(refuse_write))
        .route("/group/user/direct", get(user::of_group).fallback(refuse_write))
        .route("/group/user/nested", get(user::of_group))
        .route("/group/child-group/direct", get(group::children).fallback(refuse_write))
        .route("/group/child-group/nested", get(group::children))
        .route("/group/parent-group/direct", get(group::parents).fallback(refuse_write))
        .route("/group/parent-group/nested", get(group::parents))
        .route("/group/membership", get(membership::all))
        .route("/search", get(search::by_text).post(search::by_body))
        .route("/authentication", post(login::with_password))
        .route("/authentication/notify", post(login::notify))
        .route("/session", post(login::open_session).merge(delete(login::close_sessions)))
        .route(
            "/session/{token}",
            get(login::no_session).post(login::no_session).delete(login::close_sessions),
        )
        .route("/config/cookie", get(login::cookie))
        .route("/event", get(event::token))
        .route("/event/{token}", get(event::since))
}

async fn refuse_write() -> Refusal {
    Refusal::read_only()
}
