//! `/livez` and `/readyz`: for those who restart the service, or send requests to it.
//!
//! They tell strangers nothing but whether it works.

use std::time::Duration;

use axum::Router;
use axum::extract::State;
use axum::http::StatusCode;
use axum::http::header::CACHE_CONTROL;
use axum::response::{IntoResponse, Response};
use axum::routing::get;

use crate::store::Db;

/// Less than what orchestrators wait for an answer.
const CHECK_TIMEOUT: Duration = Duration::from_millis(900);

pub fn router(db: Db) -> Router {
    Router::new().route("/livez", get(livez)).route("/readyz", get(readyz)).with_state(db)
}

async fn livez() -> Response {
    answer(StatusCode::OK, "alive\n")
}

async fn readyz(State(db): State<Db>) -> Response {
    match is_usable(&db).await {
        Ok(()) => answer(StatusCode::OK, "ready\n"),
        Err(reason) => {
            tracing::warn!(%reason, "Not ready: {reason}");
            answer(StatusCode::SERVICE_UNAVAILABLE, "not ready: the database cannot be written\n")
        }
    }
}

/// Whether the database can be written, or is being written by somebody else right now.
async fn is_usable(db: &Db) -> Result<(), String> {
    match tokio::time::timeout(CHECK_TIMEOUT, db.check_writable()).await {
        Ok(Ok(())) => return Ok(()),
        Ok(Err(error)) if !error.is_busy() => return Err(error.to_string()),
        Ok(Err(_)) | Err(_) => {}
    }
    // A long publication holds the only write lock that SQLite has.
    match tokio::time::timeout(CHECK_TIMEOUT, db.check_readable()).await {
        Ok(Ok(())) => Ok(()),
        Ok(Err(error)) => Err(error.to_string()),
        Err(_) => Err("the database does not answer".to_owned()),
    }
}

fn answer(status: StatusCode, text: &'static str) -> Response {
    (status, [(CACHE_CONTROL, "no-store")], text).into_response()
}
