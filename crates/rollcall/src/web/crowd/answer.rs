//! Answers: XML unless JSON is asked for, and errors in the same language as everything else.

use axum::extract::Request;
use axum::http::StatusCode;
use axum::http::header::{ACCEPT, CACHE_CONTROL, CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use serde_json::json;

use super::xml;
use crate::store::StoreError;

const CROWD_VERSION: HeaderName = HeaderName::from_static("x-embedded-crowd-version");
const VERSION: HeaderValue =
    HeaderValue::from_static(concat!("Rollcall/", env!("CARGO_PKG_VERSION")));
const NEVER_STORE: HeaderValue = HeaderValue::from_static("no-cache, no-store, no-transform");

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Format {
    Xml,
    Json,
}

impl Format {
    /// Products ask for XML or do not say; whatever we do not have is answered with XML, too.
    pub(super) fn accepted(headers: &HeaderMap) -> Format {
        let accepted = headers.get_all(ACCEPT).iter().filter_map(|it| it.to_str().ok());
        let mut best = (Format::Xml, 0.0);
        for range in accepted.flat_map(|it| it.split(',')) {
            let (kind, quality) = media_range(range);
            let format = match kind.as_str() {
                "application/json" | "text/json" => Format::Json,
                "application/xml" | "text/xml" | "*/*" | "application/*" => Format::Xml,
                _ => continue,
            };
            if best.1 < quality {
                best = (format, quality);
            }
        }
        best.0
    }

    pub(super) fn content_type(self) -> HeaderValue {
        HeaderValue::from_static(match self {
            Format::Xml => "application/xml; charset=UTF-8",
            Format::Json => "application/json",
        })
    }
}

/// The media type and its quality: `text/xml;q=0.5`.
fn media_range(text: &str) -> (String, f32) {
    let mut parts = text.split(';').map(str::trim);
    let kind = parts.next().unwrap_or_default().to_ascii_lowercase();
    let quality = parts.find_map(|it| it.strip_prefix("q="));
    (kind, quality.map_or(1.0, |it| it.parse().unwrap_or(0.0)))
}

pub(super) fn document(format: Format, text: String) -> Response {
    ([(CONTENT_TYPE, format.content_type())], text).into_response()
}

/// A request that is not fulfilled. `dress` writes it down in the format of the request.
#[derive(Clone, Debug)]
pub(super) struct Refusal {
    status: StatusCode,
    /// From Crowd's closed list: clients act on it.
    reason: &'static str,
    message: String,
}

impl Refusal {
    fn new(status: StatusCode, reason: &'static str, message: impl Into<String>) -> Refusal {
        Refusal { status, reason, message: message.into() }
    }

    pub(super) fn bad_request(message: impl Into<String>) -> Refusal {
        Refusal::new(StatusCode::BAD_REQUEST, "ILLEGAL_ARGUMENT", message)
    }

    pub(super) fn too_large(bytes_max: usize) -> Refusal {
        let message = format!("The body is larger than {bytes_max} bytes.");
        Refusal::new(StatusCode::PAYLOAD_TOO_LARGE, "ILLEGAL_ARGUMENT", message)
    }

    pub(super) fn no_such_resource() -> Refusal {
        let message = "There is no such resource.";
        Refusal::new(StatusCode::NOT_FOUND, "UNSUPPORTED_OPERATION", message)
    }

    pub(super) fn method_not_allowed() -> Refusal {
        let message = "The resource does not know this method.";
        Refusal::new(StatusCode::METHOD_NOT_ALLOWED, "UNSUPPORTED_OPERATION", message)
    }

    pub(super) fn read_only() -> Refusal {
        let message = "This directory is read-only: its users and groups come from the identity provider. \
             Change them there.";
        Refusal::new(StatusCode::FORBIDDEN, "APPLICATION_PERMISSION_DENIED", message)
    }

    pub(super) fn not_published() -> Refusal {
        let message = "The directory has not been published yet: run a synchronisation first.";
        Refusal::new(StatusCode::SERVICE_UNAVAILABLE, "OPERATION_FAILED", message)
    }

    pub(super) fn busy() -> Refusal {
        let message = "The directory is busy. Try again in a moment.";
        Refusal::new(StatusCode::SERVICE_UNAVAILABLE, "OPERATION_FAILED", message)
    }

    pub(super) fn no_user(name: &str) -> Refusal {
        let message = format!("There is no user <{name}>.");
        Refusal::new(StatusCode::NOT_FOUND, "USER_NOT_FOUND", message)
    }

    pub(super) fn no_group(name: &str) -> Refusal {
        let message = format!("There is no group <{name}>.");
        Refusal::new(StatusCode::NOT_FOUND, "GROUP_NOT_FOUND", message)
    }

    pub(super) fn no_membership(member: &str, group: &str) -> Refusal {
        let message = format!("<{member}> is not a member of <{group}>.");
        Refusal::new(StatusCode::NOT_FOUND, "MEMBERSHIP_NOT_FOUND", message)
    }

    pub(super) fn no_session() -> Refusal {
        let message = "There is no such session: sign in with single sign-on.";
        Refusal::new(StatusCode::NOT_FOUND, "INVALID_SSO_TOKEN", message)
    }

    pub(super) fn token_expired() -> Refusal {
        let message = "What changed since that token is not known any more: read everything.";
        Refusal::new(StatusCode::GONE, "EVENT_TOKEN_EXPIRED", message)
    }

    /// Always 400: a product takes 401 and 403 for a failure of the application itself.
    pub(super) fn login(reason: &'static str, message: impl Into<String>) -> Refusal {
        Refusal::new(StatusCode::BAD_REQUEST, reason, message)
    }

    fn write(&self, format: Format) -> Response {
        let text = match format {
            Format::Xml => {
                let mut text = xml::DECLARATION.to_owned();
                text.push_str("<error>");
                xml::element(&mut text, "reason", self.reason);
                xml::element(&mut text, "message", &self.message);
                text.push_str("</error>");
                text
            }
            Format::Json => json!({"reason": self.reason, "message": self.message}).to_string(),
        };
        (self.status, document(format, text)).into_response()
    }
}

impl From<StoreError> for Refusal {
    fn from(error: StoreError) -> Refusal {
        if error.is_busy() {
            tracing::warn!("A Crowd client has to come again: {error}");
            return Refusal::busy();
        }
        tracing::error!("A Crowd client could not be answered: {error}");
        let message = "The directory cannot be read at the moment.";
        Refusal::new(StatusCode::INTERNAL_SERVER_ERROR, "OPERATION_FAILED", message)
    }
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        let mut response = self.status.into_response();
        response.extensions_mut().insert(self);
        response
    }
}

/// Writes refusals in the format of the request, and sets the headers without which a product does
/// not believe that it speaks with Crowd. Around everything, because it looks at errors, too.
pub(super) async fn dress(request: Request, next: Next) -> Response {
    let format = Format::accepted(request.headers());
    let mut response = next.run(request).await;
    if let Some(refusal) = response.extensions_mut().remove::<Refusal>() {
        let allow = response.headers_mut().remove(axum::http::header::ALLOW);
        response = refusal.write(format);
        response.headers_mut().extend(allow.map(|it| (axum::http::header::ALLOW, it)));
    }
    let headers = response.headers_mut();
    headers.insert(CROWD_VERSION, VERSION);
    headers.insert(CACHE_CONTROL, NEVER_STORE);
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(accept: &str, expected: Format) {
        let mut headers = HeaderMap::new();
        headers.insert(ACCEPT, HeaderValue::from_str(accept).unwrap());
        assert_eq!(Format::accepted(&headers), expected, "{accept}");
    }

    #[test]
    fn json_is_for_those_who_prefer_it() {
        check("application/json", Format::Json);
        check("Application/JSON;q=0.5", Format::Json);
        check("application/xml;q=0.8, application/json", Format::Json);
        check("application/json;q=0.2, application/xml", Format::Xml);
        check("application/xml, application/json", Format::Xml);
        check("*/*", Format::Xml);
        check("text/html, image/png", Format::Xml);
        check("application/json;q=nonsense", Format::Xml);
        check(";;;,,,", Format::Xml);
        assert_eq!(Format::accepted(&HeaderMap::new()), Format::Xml);
    }
}
