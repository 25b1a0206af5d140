//! What every request for a page passes: who asks, whether they may, whether a form is ours, and
//! the headers of the answer.

use std::panic::AssertUnwindSafe;
use std::sync::Arc;

use askama::Template;
use axum::body::{Body, to_bytes};
use axum::extract::{Request, State};
use axum::http::header::{
    CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue,
    ORIGIN, REFERER, REFERRER_POLICY, SET_COOKIE, STRICT_TRANSPORT_SECURITY,
    X_CONTENT_TYPE_OPTIONS, X_FRAME_OPTIONS,
};
use axum::http::{Method, StatusCode};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use futures_util::FutureExt as _;
use jiff::Timestamp;
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};

use crate::store::accounts;
use crate::web::access::{Access, Then, page_of};
use crate::web::address::Arrival;
use crate::web::answer::{self, Answer};
use crate::web::form::{Form, THEME};
use crate::web::page::Page;
use crate::web::pages::{account, sign_in};
use crate::web::refusal::Refusal;
use crate::web::site::Site;
use crate::web::visit::{Visit, is_ours, see_other};
use crate::web::{App, command, cookies};

/// A form is a few settings. What is larger was not typed.
const BODY_BYTES_MAX: usize = 1024 * 1024;

/// The address of a page that signs in, and then goes back.
const SIGN_IN: &str = "/sign-in";

/// Looks up who asks, and makes pages of refusals.
pub async fn receive(State(app): State<App>, request: Request, next: Next) -> Response {
    if request.uri().path().starts_with("/static/") {
        return next.run(request).await;
    }
    let now = Timestamp::now();
    let (mut parts, body) = request.into_parts();
    let (visit, known) = match Visit::of(&app, &parts, now).await {
        Ok(visit) => (visit, Ok(())),
        Err(error) => (Visit::of_stranger(&app, &parts, now), Err(Refusal::from(error))),
    };
    parts.extensions.insert(visit.clone());
    parts.extensions.insert(Arc::clone(&app.site));
    let request = Request::from_parts(parts, body);
    let answered = match known {
        // Where data is kept is nothing for strangers.
        Ok(()) if visit.role().is_some() => {
            let answer = command::of(Arc::clone(&app.site), next.run(request));
            AssertUnwindSafe(answer).catch_unwind().await
        }
        Ok(()) => AssertUnwindSafe(next.run(request)).catch_unwind().await,
        Err(refusal) => Ok(refusal.into_response()),
    };
    let mut response = answered
        .unwrap_or_else(|_| Refusal::Failed("the handler panicked".to_owned()).into_response());
    let form = response.extensions_mut().remove::<Form>();
    if let Some(refusal) = refusal_of(&mut response) {
        let whom = whom_to_ask(&app, &refusal).await;
        response = refused(&visit, &refusal, &whom, form.as_ref());
    }
    // Also by the answer to a form to which another one led on.
    let was_shown = visit.flash().is_some() && !response.status().is_redirection();
    if was_shown && let Some(cookie) = cookies::forget(cookies::FLASH, visit.arrival().is_https) {
        response.headers_mut().append(SET_COOKIE, cookie);
    }
    let headers = response.headers_mut();
    if let Ok(id) = HeaderValue::from_str(visit.request()) {
        headers.insert(HeaderName::from_static("x-request-id"), id);
    }
    if visit.arrival().is_https {
        let year = HeaderValue::from_static("max-age=31536000");
        headers.insert(STRICT_TRANSPORT_SECURITY, year);
    }
    response
}

/// Why there is no page; also where the address could not be read, which is told in plain text
/// before any handler is asked.
fn refusal_of(response: &mut Response) -> Option<Refusal> {
    if let Some(refusal) = response.extensions_mut().remove::<Refusal>() {
        return Some(refusal);
    }
    let kind = response.headers().get(CONTENT_TYPE).and_then(|it| it.to_str().ok());
    let is_plain = kind.is_some_and(|it| it.starts_with("text/plain"));
    (is_plain && response.status() == StatusCode::BAD_REQUEST).then(Refusal::no_page)
}

/// Lets a request through to its route, or not.
pub async fn admit(
    State((access, then)): State<(Access, Then)>,
    mut request: Request,
    next: Next,
) -> Response {
    let Some(visit) = request.extensions().get::<Visit>().cloned() else {
        // A file that every page is made of.
        if access == Access::Anybody && request.method() == Method::GET {
            return next.run(request).await;
        }
        return Refusal::Failed("the request passed no guard".to_owned()).into_response();
    };
    let is_read = matches!(*request.method(), Method::GET | Method::HEAD);
    if !is_read && let Err(refusal) = take_form(&visit, access, then, &mut request).await {
        return refusal.into_response();
    }
    if !access.allows(visit.role()) {
        let refusal = match visit.role() {
            Some(_) => Refusal::NotAllowed(access.least()),
            None => {
                let from = if is_read { None } else { sent_from(&visit, &request) };
                let back = if is_read { Some(visit.path()) } else { from };
                let refusal = Refusal::NotSignedIn { back: back.unwrap_or("/").to_owned() };
                let mut response = refusal.into_response();
                let form = request.extensions().get::<Form>();
                // Only what a page of ours sent for certain is kept, to be looked at and sent once more.
                if let Some(form) = form.filter(|_| from.is_some() && is_kept(access, &request)) {
                    response.extensions_mut().insert(form.clone());
                }
                return response;
            }
        };
        return refusal.into_response();
    }
    let form = request.extensions().get::<Form>().cloned();
    let mut response = next.run(request).await;
    let is_asked = matches!(response.extensions().get(), Some(Refusal::NotProved { .. }));
    if let Some(form) = form.filter(|_| is_asked) {
        // What was typed is sent once more together with the password.
        response.extensions_mut().insert(form);
    }
    response
}

/// Whether a form of somebody who is not signed in any more is worth keeping: what somebody typed, sent by
/// the browser itself and not by a script, which has the page still.
fn is_kept(access: Access, request: &Request) -> bool {
    let destination = request.headers().get(HeaderName::from_static("sec-fetch-dest"));
    let is_page = destination.is_none_or(|it| it == "document");
    match access {
        Access::Anybody | Access::SignedIn => false,
        Access::AtLeast(_) => is_page,
    }
}

/// Reads the form of a request that changes something, if it comes from a page of ours.
async fn take_form(
    visit: &Visit,
    access: Access,
    then: Then,
    request: &mut Request,
) -> Result<(), Refusal> {
    let site = request.extensions().get::<Arc<Site>>().cloned();
    let site = site.ok_or_else(|| Refusal::Failed("the request passed no guard".to_owned()))?;
    if !is_same_origin(request.headers(), visit.arrival(), &site) {
        return Err(Refusal::NotOurForm);
    }
    let kind = request.headers().get(CONTENT_TYPE).and_then(|it| it.to_str().ok()).unwrap_or("");
    let is_form =
        kind.split(';').next().unwrap_or("").trim() == "application/x-www-form-urlencoded";
    let body = std::mem::replace(request.body_mut(), Body::empty());
    let body = to_bytes(body, BODY_BYTES_MAX).await.map_err(|_| Refusal::TooLarge)?;
    if !is_form && !body.is_empty() {
        return Err(Refusal::BadRequest("Only forms are taken here.".to_owned()));
    }
    let form = Form::parse(&body)?;
    // Nobody is signed in yet where a form has no token: what there is to forge is a sign-in, and
    // for that the origin was looked at.
    let needs_token = access != Access::Anybody && visit.account().is_some();
    if needs_token && !visit.is_csrf(form.raw("csrf")) {
        return Err(Refusal::NotOurForm);
    }
    // Whoever chooses another theme has not asked for anything to be done.
    let form = match (form.has(THEME), then) {
        (false, _) => form,
        (true, Then::ShowsAgain) => form.only_shown(),
        (true, Then::Acts) => return Err(Refusal::NotOurForm),
    };
    request.extensions_mut().insert(form);
    Ok(())
}

/// Whether a browser says that one of our pages sent this. Older browsers say less, and then the
/// token of the form decides.
fn is_same_origin(headers: &HeaderMap, arrival: &Arrival, site: &Site) -> bool {
    let text = |name: &HeaderName| headers.get(name).map(|it| it.to_str().unwrap_or("?"));
    let fetch = text(&HeaderName::from_static("sec-fetch-site"));
    if fetch.is_some_and(|it| it != "same-origin" && it != "none") {
        return false;
    }
    let Some(origin) = text(&ORIGIN) else { return true };
    let host = origin.split_once("://").map_or("", |(_, host)| host);
    let is_host = !host.is_empty() && host.eq_ignore_ascii_case(&arrival.host);
    is_host || site.public_url.as_deref() == Some(origin)
}

/// The page of ours from which a form was sent, where the browser says it.
fn sent_from<'a>(visit: &Visit, request: &'a Request) -> Option<&'a str> {
    let from = request.headers().get(REFERER)?.to_str().ok()?;
    let (scheme, rest) = from.split_once("://")?;
    let at = rest.find('/')?;
    let (host, path) = rest.split_at(at);
    let site = request.extensions().get::<Arc<Site>>()?;
    let origin = format!("{scheme}://{host}");
    let is_host = host.eq_ignore_ascii_case(&visit.arrival().host);
    let is_same = is_host || site.public_url.as_ref() == Some(&origin);
    (is_same && is_ours(path)).then(|| page_of(path))
}

/// The page that tells why there is no other.
#[derive(Debug, Template)]
#[template(path = "refused.html")]
struct Refused {
    page: Page,
    title: &'static str,
    sentence: String,
    /// Where it goes on, and what the link says.
    way: Option<(String, String)>,
    /// Names the request in the log; empty where there is nothing to read there.
    request: String,
}

/// Those who may do what somebody of another role may not; empty where nobody is missing a role.
async fn whom_to_ask(app: &App, refusal: &Refusal) -> String {
    const NAMED_MAX: usize = 5;
    let Refusal::NotAllowed(role) = refusal else { return String::new() };
    // The answer is as good without it.
    let known = accounts::list(app.db()).await.unwrap_or_default();
    let may = known.iter().filter(|it| it.enabled && *role <= it.role);
    let names: Vec<&str> = may.map(|it| it.name.as_str()).take(NAMED_MAX).collect();
    if names.is_empty() { String::new() } else { format!(" Ask: {}.", names.join(", ")) }
}

fn refused(visit: &Visit, refusal: &Refusal, whom: &str, form: Option<&Form>) -> Response {
    let or_text = |answer: Answer| match answer {
        Ok(response) => response,
        Err(error) => (refusal.status(), error.to_string()).into_response(),
    };
    match refusal {
        Refusal::NotSignedIn { back } => match form.map(Form::kept) {
            Some(typed) if !typed.is_empty() => return or_text(sign_in::ask(visit, back, &typed)),
            Some(_) | None => {
                let back = utf8_percent_encode(back, NON_ALPHANUMERIC);
                return see_other(&format!("{SIGN_IN}?next={back}"));
            }
        },
        Refusal::NotProved { act, back } => match form {
            Some(form) => return or_text(account::ask(visit, act, back, form)),
            None => return or_text(account::ask_first(visit, act, back)),
        },
        Refusal::Failed(why) => {
            tracing::error!(request = visit.request(), "Request {} failed: {why}", visit.request());
        }
        Refusal::NotFound(_)
        | Refusal::NotAllowed(_)
        | Refusal::NotOurForm
        | Refusal::MethodNotAllowed
        | Refusal::Conflict(_)
        | Refusal::ConflictAt { .. }
        | Refusal::BadRequest(_)
        | Refusal::TooLarge
        | Refusal::TryLater(_) => {}
    }
    let way = if let Refusal::ConflictAt { href, link, sentence: _ } = refusal {
        Some((href.clone(), link.clone()))
    } else {
        None
    };
    let is_failure = matches!(refusal, Refusal::Failed(_));
    let request = if is_failure { visit.request().to_owned() } else { String::new() };
    let view = Refused {
        page: visit.page(refusal.title()),
        title: refusal.title(),
        sentence: format!("{}{whom}", refusal.sentence()),
        way,
        request,
    };
    or_text(answer::html_with(refusal.status(), &view))
}

const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; \
     img-src 'self' data:; connect-src 'self'; form-action 'self'; base-uri 'none'; \
     object-src 'none'; frame-ancestors 'none'";

/// The headers that every answer has.
pub async fn dress(request: Request, next: Next) -> Response {
    let mut response = next.run(request).await;
    let headers = response.headers_mut();
    let fixed = [
        (CONTENT_SECURITY_POLICY, POLICY),
        (X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (X_FRAME_OPTIONS, "DENY"),
        // Not `no-referrer`: with it browsers hide the origin of our own forms.
        (REFERRER_POLICY, "same-origin"),
        (HeaderName::from_static("cross-origin-opener-policy"), "same-origin"),
        (HeaderName::from_static("cross-origin-resource-policy"), "same-origin"),
        (HeaderName::from_static("permissions-policy"), "camera=(), geolocation=(), microphone=()"),
    ];
    for (name, value) in fixed {
        headers.insert(name, HeaderValue::from_static(value));
    }
    headers.entry(CACHE_CONTROL).or_insert(HeaderValue::from_static("no-store"));
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(headers: &[(&'static str, &str)], expected: bool) {
        let mut map = HeaderMap::new();
        for (name, value) in headers {
            map.append(*name, value.parse().unwrap());
        }
        let arrival = Arrival {
            address: "1.1.1.1".to_owned(),
            is_https: false,
            host: "here:8080".to_owned(),
        };
        let site = Site { public_url: Some("https://public".to_owned()), ..Site::direct() };
        assert_eq!(is_same_origin(&map, &arrival, &site), expected, "{headers:?}");
    }

    #[test]
    fn a_form_of_another_origin_is_refused() {
        check(&[], true);
        check(&[("sec-fetch-site", "same-origin"), ("origin", "http://here:8080")], true);
        check(&[("origin", "https://public")], true);
        check(&[("sec-fetch-site", "none")], true);
        check(&[("sec-fetch-site", "cross-site")], false);
        check(&[("sec-fetch-site", "same-site")], false);
        check(&[("sec-fetch-site", "same-origin"), ("origin", "http://evil")], false);
        check(&[("origin", "http://here")], false);
        check(&[("origin", "null")], false);
        check(&[("origin", "")], false);
    }
}
