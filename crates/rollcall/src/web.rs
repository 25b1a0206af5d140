//! What the service answers over HTTP.

pub mod crowd;
pub mod icon;
pub mod page;
pub mod probes;
pub mod status;

use axum::Router;

use crate::store::Db;

/// Everything that the service answers.
pub fn router(db: &Db) -> Router {
    probes::router(db.clone()).nest("/crowd", crowd::router(db.clone()))
}
