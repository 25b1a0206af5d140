//! Spoils a good answer as a fault asks.

use serde_json::{Value, json};

use super::{
    access,
    answer::{Answer, Shape},
    call::Endpoint,
    fault::{Kind, RetryAfter},
    user::Moment,
};

/// A fault shall break the client, not this machine.
const BODY_BYTES_MAX: usize = 1 << 30;

/// What stands in for the answer, when a fault leaves none of it.
pub(super) fn replaced(kind: &Kind, endpoint: Endpoint, now: Moment) -> Option<Answer> {
    let shape = if endpoint.is_v2() { Shape::Named } else { Shape::Status };
    Some(match kind {
        Kind::Status { status, shape, message } => Answer::error(*status, *shape, message),
        Kind::HtmlPage { status } => Answer::html(*status, "Sorry"),
        Kind::Unauthorized => access::unauthorized(endpoint),
        Kind::Forbidden => Answer::error(403, shape, "Forbidden"),
        Kind::UnknownField { field } => Answer::unknown_field(field),
        Kind::TooManyRequests { retry_after } => {
            let answer = Answer::error(429, shape, "Too Many Requests");
            match retry_after_text(retry_after, now) {
                Some(text) => answer.with("retry-after", text),
                None => answer,
            }
        }
        Kind::RateLimitExceeded => Answer::error(400, Shape::Status, "rate_limit_exceeded"),
        Kind::Redirect { to } => Answer::plain(302, "Found").with("location", to.as_str()),
        Kind::Body { text } => Answer::json(200, text.clone()),
        Kind::InvalidUtf8 => Answer::json(200, b"[{\"id\":1,\"username\":\"\xff\xfe\"}]".to_vec()),
        Kind::DeepJson { depth } => {
            let depth = (*depth).min(BODY_BYTES_MAX / 2);
            Answer::json(200, ["[".repeat(depth), "]".repeat(depth)].concat())
        }
        Kind::HugeBody { bytes } => Answer::json(200, vec![b' '; (*bytes).min(BODY_BYTES_MAX)]),
        Kind::GzipBomb { bytes } => {
            Answer::json(200, super::gzip::of_spaces((*bytes).min(BODY_BYTES_MAX)))
                .with("content-encoding", "gzip")
        }
        Kind::StallBeforeHeaders { .. }
        | Kind::StallMidBody { .. }
        | Kind::SlowBody { .. }
        | Kind::TruncatedJson { .. }
        | Kind::Reset { .. }
        | Kind::NoPagingHeaders
        | Kind::TotalCount { .. }
        | Kind::RepeatedPage
        | Kind::SkippedPage
        | Kind::ReversedRows
        | Kind::DropKey { .. }
        | Kind::SetKey { .. }
        | Kind::DateSkew { .. } => return None,
    })
}

/// Changes headers and rows of an answer that is sent.
pub(super) fn altered(kind: &Kind, mut answer: Answer) -> Answer {
    match kind {
        Kind::NoPagingHeaders => {
            for name in PAGING_HEADERS {
                answer.remove(name);
            }
        }
        Kind::TotalCount { added } => {
            let total: Option<i64> = answer.header("total-count").and_then(|it| it.parse().ok());
            if let Some(total) = total {
                answer.set("total-count", (total + added).to_string());
            }
        }
        Kind::TruncatedJson { bytes } => {
            let end = answer.body.len().saturating_sub(1);
            answer.body.truncate(end.min(*bytes));
        }
        Kind::ReversedRows => change_rows(&mut answer, |rows| rows.reverse()),
        Kind::DropKey { key, row } => change_rows(&mut answer, |rows| {
            for fields in chosen(rows, *row) {
                fields.remove(key);
            }
        }),
        Kind::SetKey { key, value, row } => change_rows(&mut answer, |rows| {
            for fields in chosen(rows, *row) {
                fields.insert(key.clone(), value.clone());
            }
        }),
        Kind::Status { .. }
        | Kind::HtmlPage { .. }
        | Kind::Unauthorized
        | Kind::Forbidden
        | Kind::UnknownField { .. }
        | Kind::TooManyRequests { .. }
        | Kind::RateLimitExceeded
        | Kind::Redirect { .. }
        | Kind::Body { .. }
        | Kind::InvalidUtf8
        | Kind::DeepJson { .. }
        | Kind::HugeBody { .. }
        | Kind::GzipBomb { .. }
        | Kind::StallBeforeHeaders { .. }
        | Kind::StallMidBody { .. }
        | Kind::SlowBody { .. }
        | Kind::Reset { .. }
        | Kind::RepeatedPage
        | Kind::SkippedPage
        | Kind::DateSkew { .. } => {}
    }
    answer
}

const PAGING_HEADERS: [&str; 8] = [
    "total-count",
    "total-pages",
    "current-page",
    "page-items",
    "after-cursor",
    "before-cursor",
    "cursor",
    "link",
];

/// The rows of a bare list or of v1's envelope.
fn change_rows(answer: &mut Answer, change: impl FnOnce(&mut Vec<Value>)) {
    let mut body: Value = serde_json::from_slice(&answer.body).unwrap_or_default();
    let rows = match &mut body {
        Value::Array(rows) => Some(rows),
        Value::Object(fields) => fields.get_mut("data").and_then(Value::as_array_mut),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => None,
    };
    if let Some(rows) = rows {
        change(rows);
        answer.body = json!(body).to_string().into_bytes();
    }
}

fn chosen(
    rows: &mut [Value],
    row: Option<usize>,
) -> impl Iterator<Item = &mut serde_json::Map<String, Value>> {
    rows.iter_mut()
        .enumerate()
        .filter(move |(at, _)| row.is_none_or(|it| it == *at))
        .filter_map(|(_, it)| it.as_object_mut())
}

fn retry_after_text(retry_after: &RetryAfter, now: Moment) -> Option<String> {
    match retry_after {
        RetryAfter::Absent => None,
        RetryAfter::Seconds(seconds) => Some(seconds.to_string()),
        RetryAfter::DateIn(seconds) => Some(http_date(now.plus_seconds(*seconds))),
        RetryAfter::Text(text) => Some(text.clone()),
    }
}

pub(super) fn http_date(moment: Moment) -> String {
    let ms = u64::try_from(moment.0).unwrap_or_default();
    httpdate::fmt_http_date(std::time::UNIX_EPOCH + std::time::Duration::from_millis(ms))
}
