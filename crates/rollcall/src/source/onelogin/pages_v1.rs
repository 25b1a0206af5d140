//! Reads a whole list of v1, whose pages are chained by cursors and which announces no total.
//!
//! The cursors hold the last id, so nobody is skipped when somebody else is deleted. The chain
//! proves itself: it is unbroken from the first page to one that names no successor, and every id
//! comes once.

use std::collections::BTreeSet;

use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use serde::Deserialize;

use super::api::{CallError, Endpoint, Odd, Session};
use super::pages::{Sink, incomplete};
use super::report::{Progress, Proof};
use super::wire::{Row, UserRow};
use crate::http::Reply;

const PAGE_SIZE: usize = 50;
const PAGES_MAX: usize = 200_000;

#[derive(Deserialize)]
struct Envelope<R> {
    pagination: Option<Pagination>,
    data: Vec<R>,
}

#[derive(Deserialize)]
struct Pagination {
    after_cursor: Option<String>,
}

struct Page<R> {
    rows: Vec<R>,
    next: Option<String>,
}

/// Whether the end of the chain is asked for twice, because much depends on it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum End {
    Believed,
    AskedTwice,
}

impl Session<'_> {
    pub(super) async fn all_v1<R>(
        self,
        endpoint: Endpoint,
        path: &str,
        end: End,
        sink: &mut dyn Sink<R>,
    ) -> Result<Proof, CallError>
    where
        R: Row + Send + for<'de> Deserialize<'de>,
    {
        let mut ids = BTreeSet::new();
        let mut cursors = BTreeSet::new();
        let mut cursor = String::new();
        let mut proof = Proof {
            page_size: PAGE_SIZE,
            walks: 1,
            instead_of_total: Some("every page chained to the next"),
            ..Proof::default()
        };
        loop {
            let page: Page<R> = self.page_v1(endpoint, path, &cursor).await?;
            proof.pages += 1;
            let page_ids: Vec<u64> = page.rows.iter().filter_map(Row::id).collect();
            proof.without_id += page.rows.len() - page_ids.len();
            for id in &page_ids {
                if !ids.insert(*id) {
                    return Err(incomplete(format!("{} brought an id twice.", endpoint.name())));
                }
            }
            let is_empty = page.rows.is_empty();
            sink.take(page.rows);
            if endpoint == Endpoint::UsersV1 {
                let people = ids.len() + proof.without_id;
                (self.progress)(Progress::Pages { done: proof.pages, total: proof.pages, people });
            }
            let Some(next) = page.next else {
                if end == End::AskedTwice {
                    self.confirm_end::<R>(endpoint, path, &cursor, &page_ids).await?;
                    proof.instead_of_total =
                        Some("every page chained to the next, the end read twice");
                }
                proof.distinct = ids.len();
                return Ok(proof);
            };
            if is_empty || PAGES_MAX <= proof.pages || !cursors.insert(next.clone()) {
                let name = endpoint.name();
                return Err(incomplete(format!("{name} names a next page without end.")));
            }
            cursor = next;
        }
    }

    async fn page_v1<R>(
        self,
        endpoint: Endpoint,
        path: &str,
        cursor: &str,
    ) -> Result<Page<R>, CallError>
    where
        R: for<'de> Deserialize<'de>,
    {
        let mut query = format!("{path}?limit={PAGE_SIZE}");
        if !cursor.is_empty() {
            query.push_str("&after_cursor=");
            query.extend(utf8_percent_encode(cursor, NON_ALPHANUMERIC));
        }
        self.get(endpoint, &query, decode).await
    }

    /// One person by id; nobody where v1 does not know the id.
    pub(super) async fn user_v1(self, id: u64) -> Result<Option<UserRow>, CallError> {
        let one = |reply: &Reply| {
            let envelope: Envelope<UserRow> = serde_json::from_slice(&reply.body)
                .map_err(|_| Odd::new("did not bring a user in JSON"))?;
            match <[UserRow; 1]>::try_from(envelope.data) {
                Ok([row]) if row.id == Some(id) => Ok(row),
                Ok(_) | Err(_) => Err(Odd::new("brought another user than we asked for")),
            }
        };
        match self.get(Endpoint::UserV1, &format!("/api/1/users/{id}"), one).await {
            Ok(row) => Ok(Some(row)),
            Err(CallError::Refused(_, refusal)) if refusal.status == 404 => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// An answer that was cut short of its cursor would look like the end.
    async fn confirm_end<R>(
        self,
        endpoint: Endpoint,
        path: &str,
        cursor: &str,
        ids: &[u64],
    ) -> Result<(), CallError>
    where
        R: Row + for<'de> Deserialize<'de>,
    {
        let again: Page<R> = self.page_v1(endpoint, path, cursor).await?;
        let ids_again: Vec<u64> = again.rows.iter().filter_map(Row::id).collect();
        if again.next.is_some() || ids.len() < ids_again.len() {
            let name = endpoint.name();
            return Err(incomplete(format!("{name} ended in two different ways.")));
        }
        Ok(())
    }
}

fn decode<R>(reply: &Reply) -> Result<Page<R>, Odd>
where
    R: for<'de> Deserialize<'de>,
{
    let envelope: Envelope<R> = serde_json::from_slice(&reply.body)
        .map_err(|_| Odd::new("did not bring a list in JSON, or broke off in the middle"))?;
    let pagination =
        envelope.pagination.ok_or_else(|| Odd::new("does not say whether a page follows"))?;
    let next = pagination.after_cursor.filter(|it| !it.is_empty());
    Ok(Page { rows: envelope.data, next })
}
