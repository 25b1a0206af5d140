//! Requests: who asks, and with which parameters and body.

use std::collections::BTreeMap;
use std::convert::Infallible;

use axum::body::{Body, to_bytes};
use axum::extract::{Extension, FromRequest, FromRequestParts, OriginalUri, Query, Request, State};
use axum::http::header::{AUTHORIZATION, CONTENT_TYPE, HeaderMap, USER_AGENT, WWW_AUTHENTICATE};
use axum::http::request::Parts;
use axum::http::{HeaderValue, Method, StatusCode};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use jiff::{SignedDuration, Timestamp};
use serde_json::Value;
use tokio::sync::OwnedSemaphorePermit;
use tokio::time::timeout;

use super::App;
use super::answer::{Format, Refusal};
use super::xml::{self, Element};
use crate::store::directory::{self, Publication};
use crate::store::targets::TargetId;
use crate::store::targets::calls::{self, Call, CallKind};
use crate::store::{Db, StoreError, Tx};
use crate::target::password;
use crate::web::address::Arrival;
use crate::with_pool;

const BODY_BYTES_MAX: usize = 64 * 1024;
/// Longer user agents tell no more.
const USER_AGENT_CHARS_MAX: usize = 100;
/// How long a request waits for others to be answered.
const WAIT_MAX: std::time::Duration = std::time::Duration::from_secs(10);
/// "Last read" is not worth a write for each request.
const LAST_READ_STEP: SignedDuration = SignedDuration::from_mins(1);

/// Who asks.
#[derive(Clone, Debug)]
struct Caller {
    target: TargetId,
    /// Its program, as it calls itself.
    reader: String,
}

/// Takes in the whole body, whether or not it will be looked at: a connection with an unread body is
/// closed after the answer, and a client that goes on using it sees its next request fail.
pub(super) async fn take_body(request: Request, next: Next) -> Result<Response, Refusal> {
    let (parts, body) = request.into_parts();
    let Ok(bytes) = timeout(WAIT_MAX, to_bytes(body, BODY_BYTES_MAX)).await else {
        return Err(Refusal::bad_request("The body did not arrive in time."));
    };
    let bytes = bytes.map_err(|_| Refusal::too_large(BODY_BYTES_MAX))?;
    Ok(next.run(Request::from_parts(parts, Body::from(bytes))).await)
}

/// Lets in the application of a target with its password, and nobody else, whatever they ask for.
pub(super) async fn authenticate(
    State(app): State<App>,
    request: Request,
    next: Next,
) -> Result<Response, Refusal> {
    let Some((application, password)) = credentials(request.headers()) else {
        return Ok(unauthorized());
    };
    let (parts, body) = request.into_parts();
    let (program, address) = (reader(&parts.headers), Arrival::of(&parts, &app.site).address);
    let mut request = Request::from_parts(parts, body);
    let call = |kind| Call { kind, at: Timestamp::now(), address, program: program.clone() };
    let Some(known) = known(&app.db, &application).await? else {
        // As long as for one that there is.
        password::verify(&password, &[]);
        return Ok(unauthorized());
    };
    let Known { target, hash, last_read_at } = known;
    if !password::verify(&password, &hash) {
        note(&app.db, target, call(CallKind::WrongPassword));
        return Ok(unauthorized());
    }
    let is_write = !matches!(*request.method(), Method::GET | Method::HEAD);
    // Whoever looks whether the service can be reached asks for this, and reads nobody.
    let is_test = request.uri().path().ends_with("/config/cookie");
    request.extensions_mut().insert(Caller { target, reader: program.clone() });
    let response = next.run(request).await;
    if is_write && response.status() == StatusCode::FORBIDDEN {
        note(&app.db, target, call(CallKind::Write));
    } else if is_test {
        note(&app.db, target, call(CallKind::Test));
    } else if response.status().is_success() {
        note_read(&app.db, target, last_read_at);
    }
    Ok(response)
}

/// A request that was let in.
#[derive(Debug)]
pub(super) struct Ask {
    pub(super) app: App,
    pub(super) target: TargetId,
    pub(super) reader: String,
    pub(super) format: Format,
    /// The path of the REST service, for links.
    pub(super) base: String,
    parameters: BTreeMap<String, String>,
}

/// One state of the directory, for as long as it takes to answer.
#[derive(Debug)]
pub(super) struct Snapshot {
    pub(super) tx: Tx,
    pub(super) publication: Publication,
    _reader: OwnedSemaphorePermit,
}

impl Ask {
    /// A parameter that is there and not empty.
    pub(super) fn parameter(&self, name: &str) -> Option<&str> {
        self.parameters.get(name).map(String::as_str).filter(|it| !it.is_empty())
    }

    pub(super) fn required(&self, name: &str) -> Result<&str, Refusal> {
        self.parameter(name)
            .ok_or_else(|| Refusal::bad_request(format!("The parameter `{name}` is missing.")))
    }

    pub(super) fn expands(&self, what: &str) -> bool {
        self.parameter("expand").is_some_and(|it| it.split(',').any(|it| it.trim() == what))
    }

    /// The directory as it is now. An empty answer would make products remove everybody, so there
    /// is none before the first publication.
    pub(super) async fn snapshot(&self) -> Result<Snapshot, Refusal> {
        let permit = timeout(WAIT_MAX, self.app.readers.clone().acquire_owned()).await;
        let Ok(Ok(permit)) = permit else { return Err(Refusal::busy()) };
        let mut tx = self.app.db.snapshot().await?;
        let publication = directory::publication(&mut tx, self.target).await?;
        let publication = publication.filter(|it| 0 < it.generation);
        let publication = publication.ok_or_else(Refusal::not_published)?;
        Ok(Snapshot { tx, publication, _reader: permit })
    }
}

impl FromRequestParts<App> for Ask {
    type Rejection = Refusal;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Ask, Refusal> {
        let caller = Extension::<Caller>::from_request_parts(parts, app).await;
        let Extension(Caller { target, reader }) =
            caller.map_err(|_| Refusal::no_such_resource())?;
        let parameters = Query::<BTreeMap<String, String>>::try_from_uri(&parts.uri);
        let Query(parameters) = parameters
            .map_err(|_| Refusal::bad_request("The parameters are not readable as a query."))?;
        let format = Format::accepted(&parts.headers);
        let base = base(parts, app).await;
        Ok(Ask { app: app.clone(), target, reader, format, base, parameters })
    }
}

/// `/crowd/rest/usermanagement/1`, whatever this router is nested in.
async fn base(parts: &mut Parts, app: &App) -> String {
    const SERVICE: &str = "/rest/usermanagement/";
    let uri: Result<OriginalUri, Infallible> = OriginalUri::from_request_parts(parts, app).await;
    let path = uri.map(|OriginalUri(uri)| uri.path().to_owned()).unwrap_or_default();
    let Some((context, rest)) = path.split_once(SERVICE) else { return String::new() };
    let version = rest.split('/').next().unwrap_or_default();
    format!("{context}{SERVICE}{version}")
}

/// A body, in either language.
#[derive(Debug)]
pub(super) enum Content {
    None,
    Xml(Element),
    Json(Value),
}

impl FromRequest<App> for Content {
    type Rejection = Refusal;

    async fn from_request(request: Request, _: &App) -> Result<Content, Refusal> {
        let is_json = says_json(request.headers());
        let bytes = to_bytes(request.into_body(), BODY_BYTES_MAX).await;
        let bytes = bytes.map_err(|_| Refusal::too_large(BODY_BYTES_MAX))?;
        let text = str::from_utf8(&bytes)
            .map_err(|_| Refusal::bad_request("The body is not in UTF-8."))?;
        let text = text.trim_start_matches('\u{feff}').trim();
        if text.is_empty() {
            return Ok(Content::None);
        }
        if is_json.unwrap_or(text.starts_with('{')) {
            let value = serde_json::from_str(text);
            let value = value.map_err(|error| {
                Refusal::bad_request(format!("The body is not readable as JSON: {error}."))
            })?;
            return Ok(Content::Json(value));
        }
        let element = xml::read(text).map_err(|error| Refusal::bad_request(error.to_string()))?;
        Ok(Content::Xml(element))
    }
}

/// `None` where the header does not tell.
fn says_json(headers: &HeaderMap) -> Option<bool> {
    let kind = headers.get(CONTENT_TYPE)?.to_str().ok()?.to_ascii_lowercase();
    if kind.contains("json") {
        Some(true)
    } else if kind.contains("xml") {
        Some(false)
    } else {
        None
    }
}

fn credentials(headers: &HeaderMap) -> Option<(String, String)> {
    let value = headers.get(AUTHORIZATION)?.to_str().ok()?;
    let (scheme, encoded) = value.split_once(' ')?;
    if !scheme.eq_ignore_ascii_case("basic") {
        return None;
    }
    let decoded = String::from_utf8(STANDARD.decode(encoded.trim()).ok()?).ok()?;
    let (application, password) = decoded.split_once(':')?;
    Some((application.to_owned(), password.to_owned()))
}

fn unauthorized() -> Response {
    const REALM: HeaderValue = HeaderValue::from_static("BASIC realm=\"Crowd REST Service\"");
    const TEXT: HeaderValue = HeaderValue::from_static("text/plain;charset=UTF-8");
    let headers = [(WWW_AUTHENTICATE, REALM), (CONTENT_TYPE, TEXT)];
    (StatusCode::UNAUTHORIZED, headers, "Application failed to authenticate").into_response()
}

fn reader(headers: &HeaderMap) -> String {
    let program = headers.get(USER_AGENT).and_then(|it| it.to_str().ok());
    program.unwrap_or_default().chars().take(USER_AGENT_CHARS_MAX).collect()
}

/// A target that somebody says they are the application of.
struct Known {
    target: TargetId,
    hash: Vec<u8>,
    last_read_at: Option<i64>,
}

async fn known(db: &Db, application: &str) -> Result<Option<Known>, StoreError> {
    const SQL: &str = "select id, password_hash, last_read_at from targets \
         where application = $1 and kind = 'crowd'";
    // PostgreSQL holds no such text, and no application is called so.
    if application.contains('\0') {
        return Ok(None);
    }
    let row: Option<(i64, Vec<u8>, Option<i64>)> = with_pool!(db, pool => sqlx::query_as(SQL)
        .bind(application).fetch_optional(pool).await?);
    let known = |(id, hash, last_read_at)| Known { target: TargetId(id), hash, last_read_at };
    Ok(row.map(known))
}

/// Remembers a call that read nothing, beside the answer.
fn note(db: &Db, target: TargetId, call: Call) {
    let db = db.clone();
    tokio::spawn(async move {
        if let Err(error) = calls::note(&db, target, &call).await {
            tracing::warn!("A call of target {target} could not be noted: {error}");
        }
    });
}

/// Remembers that a target was read, beside the answer: a publication that is being written would
/// keep the reader waiting.
fn note_read(db: &Db, target: TargetId, last_read_at: Option<i64>) {
    const SQL: &str = "update targets set last_read_at = $2 where id = $1";
    let now = Timestamp::now();
    let step = i64::try_from(LAST_READ_STEP.as_micros()).unwrap_or_default();
    if last_read_at.is_some_and(|it| now.as_microsecond() < it + step) {
        return;
    }
    let db = db.clone();
    tokio::spawn(async move {
        let noted: Result<(), sqlx::Error> = with_pool!(&db, pool => sqlx::query(SQL)
            .bind(target.0).bind(now.as_microsecond()).execute(pool).await.map(|_| ()));
        if let Err(error) = noted {
            tracing::warn!("When target {target} was last read could not be noted: {error}");
        }
    });
}
