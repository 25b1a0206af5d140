//! Searches, and with them the first step of every full read.

use axum::response::Response;
use jiff::Timestamp;

use super::answer::Refusal;
use super::list::{List, Listed, Page};
use super::request::{Ask, Content};
use super::restriction::{Restriction, Unclear};
use super::{cql, stream};
use crate::store::directory::lookup::{GroupRow, Groups, UserRow, Users};
use crate::store::directory::reads;

/// Whoever takes at least so many users from the first one on is taken to read all of them; the
/// products ask for all at once.
const FULL_READ_MIN: usize = 1_000;

/// `GET /search?entity-type=&restriction=`
pub(super) async fn by_text(ask: Ask) -> Result<Response, Refusal> {
    let restriction = cql::read(ask.parameter("restriction").unwrap_or_default());
    search(ask, restriction).await
}

/// `POST /search?entity-type=`
pub(super) async fn by_body(ask: Ask, content: Content) -> Result<Response, Refusal> {
    let restriction = Restriction::read(&content);
    search(ask, restriction).await
}

async fn search(ask: Ask, restriction: Result<Restriction, Unclear>) -> Result<Response, Refusal> {
    let restriction = restriction.map_err(|unclear| Refusal::bad_request(unclear.to_string()))?;
    let kind = ask.required("entity-type")?.to_ascii_lowercase();
    match kind.as_str() {
        "user" => {
            if restriction == Restriction::None && is_full_read(Page::of(&ask)?) {
                let now = Timestamp::now();
                reads::begin(&ask.app.db, ask.target, &ask.reader, now).await?;
            }
            found::<UserRow>(ask, Users::All, restriction).await
        }
        "group" => found::<GroupRow>(ask, Groups::All, restriction).await,
        _ => Err(Refusal::bad_request("`entity-type` is neither `user` nor `group`.")),
    }
}

fn is_full_read(page: Page) -> bool {
    page.start == 0 && page.max.is_none_or(|max| FULL_READ_MIN <= max)
}

async fn found<E: Listed>(
    ask: Ask,
    all: fn(crate::store::targets::TargetId) -> E::Which,
    restriction: Restriction,
) -> Result<Response, Refusal> {
    let snapshot = ask.snapshot().await?;
    let mut list = List::<E>::asked(&ask, snapshot, all(ask.target))?;
    list.restriction = restriction;
    stream::answer(ask.format, list).await
}
