//! One request for a page: who asks, from where, and what they want pages to look like.

use std::sync::Arc;

use axum::extract::FromRequestParts;
use axum::http::header::{LOCATION, SET_COOKIE, USER_AGENT};
use axum::http::request::Parts;
use axum::http::{Method, StatusCode};
use axum::response::{IntoResponse, Response};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jiff::Timestamp;
use percent_encoding::{NON_ALPHANUMERIC, percent_decode_str, utf8_percent_encode};
use reconcile::principal::Name;
use ring::digest::{Context, SHA256};
use subtle::ConstantTimeEq as _;

use crate::seal;
use crate::store::accounts::{Account, Role};
use crate::store::audit::actor::{Act, Actor};
use crate::store::runs::{self, RunId};
use crate::store::sessions::{self, PROOF_MAX, Session};
use crate::store::{StoreError, plans};
use crate::web::address::Arrival;
use crate::web::page::{Flash, Page, StatusBar, Theme, nav};
use crate::web::refusal::Refusal;
use crate::web::{App, access, assets, cookies, page, status};

/// One request for a page. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Visit(Arc<Seen>);

#[derive(Clone, Debug)]
struct Seen {
    now: Timestamp,
    arrival: Arrival,
    /// What the browser calls itself.
    program: String,
    /// Path and query.
    path: String,
    /// The page to come back to: where a form was sent to is none.
    page: String,
    /// Whether it was for another page first.
    is_led: bool,
    request: String,
    theme: Theme,
    shortcuts: bool,
    flash: Option<Flash>,
    signed_in: Option<SignedIn>,
    /// Whether the browser was signed in, and is no more.
    has_ended: bool,
}

#[derive(Clone, Debug)]
struct SignedIn {
    account: Account,
    session: Session,
    csrf: [u8; CSRF_LEN],
    actor: Actor,
    /// Plans that wait for a decision.
    held: u64,
    /// Connectors whose last run failed.
    failed: Vec<(Name, RunId)>,
}

const CSRF_LEN: usize = 32;
const FLASH_CHARS_MAX: usize = 600;

impl Visit {
    pub async fn of(app: &App, request: &Parts, now: Timestamp) -> Result<Visit, StoreError> {
        let mut seen = Visit::stranger(app, request, now);
        let name = cookies::session(seen.arrival.is_https);
        let Some(token) = cookies::read(&request.headers, name) else {
            return Ok(Visit(Arc::new(seen)));
        };
        seen.signed_in = signed_in(app, token, &seen.arrival, now).await?;
        seen.has_ended = seen.signed_in.is_none();
        Ok(Visit(Arc::new(seen)))
    }

    /// The same request, of somebody who signed in by it.
    pub async fn signed_in_by(&self, app: &App, token: &str) -> Result<Visit, StoreError> {
        let seen = Seen::clone(&self.0);
        let signed_in = signed_in(app, token, &seen.arrival, seen.now).await?;
        Ok(Visit(Arc::new(Seen { signed_in, has_ended: false, ..seen })))
    }

    /// The same request as if it were for another page, which tells this.
    #[must_use]
    pub fn led_to(&self, address: &str, role: status::Role, sentence: &str) -> Visit {
        let seen = Seen::clone(&self.0);
        let (path, page) = (address.to_owned(), access::page_of(address).to_owned());
        let flash = Some(Flash { role, text: sentence.to_owned() });
        Visit(Arc::new(Seen { path, page, flash, is_led: true, ..seen }))
    }

    /// A request of somebody whose session is not looked up.
    pub fn of_stranger(app: &App, request: &Parts, now: Timestamp) -> Visit {
        Visit(Arc::new(Visit::stranger(app, request, now)))
    }

    fn stranger(app: &App, request: &Parts, now: Timestamp) -> Seen {
        let headers = &request.headers;
        let program = headers.get(USER_AGENT).and_then(|it| it.to_str().ok()).unwrap_or("");
        let path = request.uri.path_and_query().map_or("/", |it| it.as_str());
        let is_read = matches!(request.method, Method::GET | Method::HEAD);
        let page = if is_read { path } else { access::page_of(path) };
        let flash = cookies::read(headers, cookies::FLASH).and_then(flash_of);
        Seen {
            now,
            arrival: Arrival::of(request, &app.site),
            program: program.to_owned(),
            path: path.to_owned(),
            page: page.to_owned(),
            is_led: false,
            request: seal::random::<9>()
                .map_or_else(|_| "none".to_owned(), |bytes| URL_SAFE_NO_PAD.encode(bytes)),
            theme: Theme::from_word(cookies::read(headers, cookies::THEME).unwrap_or("")),
            shortcuts: cookies::read(headers, cookies::SHORTCUTS) != Some("off"),
            flash,
            signed_in: None,
            has_ended: false,
        }
    }

    pub fn now(&self) -> Timestamp {
        self.0.now
    }

    /// The address of the client.
    pub fn address(&self) -> &str {
        &self.0.arrival.address
    }

    pub fn arrival(&self) -> &Arrival {
        &self.0.arrival
    }

    pub fn program(&self) -> &str {
        &self.0.program
    }

    /// Path and query of the request.
    pub fn path(&self) -> &str {
        &self.0.path
    }

    /// Names this request in the log and on an error page.
    pub fn request(&self) -> &str {
        &self.0.request
    }

    pub fn theme(&self) -> Theme {
        self.0.theme
    }

    pub fn shortcuts(&self) -> bool {
        self.0.shortcuts
    }

    pub fn flash(&self) -> Option<&Flash> {
        self.0.flash.as_ref()
    }

    pub fn account(&self) -> Option<&Account> {
        self.0.signed_in.as_ref().map(|it| &it.account)
    }

    /// Whether the browser was signed in, and is no more.
    pub fn has_ended(&self) -> bool {
        self.0.has_ended
    }

    pub fn session(&self) -> Option<&Session> {
        self.0.signed_in.as_ref().map(|it| &it.session)
    }

    pub fn role(&self) -> Option<Role> {
        self.account().map(|it| it.role)
    }

    /// Whether whoever asks may do what takes this role: to show a button or not.
    pub fn may(&self, role: Role) -> bool {
        self.role().is_some_and(|it| role <= it)
    }

    /// Plans that wait for a decision.
    pub fn held(&self) -> u64 {
        self.0.signed_in.as_ref().map_or(0, |it| it.held)
    }

    /// Who asks, for the record of a run.
    pub fn actor(&self) -> Actor {
        match &self.0.signed_in {
            Some(signed_in) => signed_in.actor.clone(),
            None => Actor::account("not signed in", self.address()),
        }
    }

    /// What an actor of [`Visit::actor`] does now, for the audit log.
    pub fn act<'a>(&self, actor: &'a Actor) -> Act<'a> {
        actor.act(self.now())
    }

    /// The token that every form carries, told anew each time, so that compressed pages of the same
    /// session never repeat it.
    pub fn csrf(&self) -> String {
        let Some(signed_in) = &self.0.signed_in else { return String::new() };
        let Ok(mask) = seal::random::<CSRF_LEN>() else { return String::new() };
        let masked = mask.iter().zip(&signed_in.csrf).map(|(mask, byte)| mask ^ byte);
        let told: Vec<u8> = mask.iter().copied().chain(masked).collect();
        URL_SAFE_NO_PAD.encode(told)
    }

    /// Whether a form carries the token of this session.
    pub fn is_csrf(&self, told: &str) -> bool {
        let Some(signed_in) = &self.0.signed_in else { return false };
        let Ok(told) = URL_SAFE_NO_PAD.decode(told) else { return false };
        let Some((mask, masked)) = told.split_at_checked(CSRF_LEN) else { return false };
        let bytes: Vec<u8> = mask.iter().zip(masked).map(|(mask, byte)| mask ^ byte).collect();
        bytes.ct_eq(&signed_in.csrf).into()
    }

    /// Goes on only if the password was typed a short while ago, for actions that are severe and for
    /// the pages that lead to them. The question names the action, as `Delete the target jira`.
    pub fn prove_to(&self, act: &str, back: &str) -> Result<(), Refusal> {
        let proved = self.session().map(|it| self.now().duration_since(it.proved_at));
        match proved {
            Some(since) if since <= PROOF_MAX => Ok(()),
            Some(_) | None => {
                Err(Refusal::NotProved { act: act.to_owned(), back: back.to_owned() })
            }
        }
    }

    /// The frame of a page of this title.
    pub fn page(&self, title: impl Into<String>) -> Page {
        let account = self.account().map(|it| page::Account {
            name: it.name.clone(),
            email: it.email.as_str().to_owned(),
            role: it.role.label(),
        });
        let path = self.path().split('?').next().unwrap_or("/");
        let entries = nav(path, self.held()).into_iter();
        let shown = self.role().map(|role| entries.filter(move |it| access::shows(it.href, role)));
        Page {
            theme: self.theme(),
            shortcuts: self.shortcuts(),
            csrf: self.csrf(),
            account,
            nav: shown.map(Iterator::collect).unwrap_or_default(),
            status_bar: self.status_bar(path),
            flash: self.flash().cloned(),
            address: if self.0.is_led { self.0.page.clone() } else { String::new() },
            ..plain_page(title.into(), self.0.page.clone())
        }
    }

    /// What somebody should know on any page: the worst of it, and how much more there is.
    fn status_bar(&self, path: &str) -> Option<StatusBar> {
        let signed_in = self.0.signed_in.as_ref()?;
        let bars = status_bars(path, signed_in.account.role, signed_in.held, &signed_in.failed);
        let more = bars.len().saturating_sub(1);
        bars.into_iter().next().map(|bar| StatusBar { more, ..bar })
    }

    /// What a form ends in: another page, which tells that it was done.
    pub fn done(&self, sentence: impl AsRef<str>, next: &str) -> Response {
        self.told(status::Role::Success, sentence.as_ref(), next)
    }

    /// As [`Visit::done`], in another colour: for what was done and has a catch.
    pub fn told(&self, role: status::Role, sentence: &str, next: &str) -> Response {
        self.told_with(role, sentence, see_other(next))
    }

    /// As [`Visit::told`], with the answer that leads on.
    pub fn told_with(
        &self,
        role: status::Role,
        sentence: &str,
        mut response: Response,
    ) -> Response {
        let told: String = sentence.chars().take(FLASH_CHARS_MAX).collect();
        let told = utf8_percent_encode(&told, NON_ALPHANUMERIC);
        let value = format!("{}:{told}", role.class());
        if let Some(cookie) = cookies::set(cookies::FLASH, &value, self.arrival().is_https) {
            response.headers_mut().append(SET_COOKIE, cookie);
        }
        response
    }
}

async fn signed_in(
    app: &App,
    token: &str,
    arrival: &Arrival,
    now: Timestamp,
) -> Result<Option<SignedIn>, StoreError> {
    let Some((session, account)) = sessions::find(app.db(), token, now).await? else {
        return Ok(None);
    };
    let held = plans::count_waiting(app.db(), now).await?;
    let failed = runs::failed_last(app.db()).await?;
    let actor = Actor::account(account.email.as_str(), &arrival.address);
    Ok(Some(SignedIn { account, session, csrf: csrf_of(token), actor, held, failed }))
}

/// Everything that is to be known on a page at `path`, the most pressing first.
fn status_bars(path: &str, role: Role, held: u64, failed: &[(Name, RunId)]) -> Vec<StatusBar> {
    let mut bars = Vec::new();
    // The overview says all of it itself, and the approvals what waits.
    if path == "/" {
        return bars;
    }
    if 0 < held && !path.starts_with("/approvals") {
        let text = match held {
            1 => "1 plan waits for approval.".to_owned(),
            held => format!("{held} plans wait for approval."),
        };
        let href = if access::shows("/approvals", role) { "/approvals" } else { "/" };
        bars.push(StatusBar {
            role: status::Role::Held,
            icon: "hand",
            text,
            href: href.to_owned(),
            action: "Review".to_owned(),
            more: 0,
        });
    }
    for (connector, run) in failed {
        let href = format!("/runs/{run}");
        // Its own page says so.
        if path != href {
            bars.push(StatusBar {
                role: status::Role::Danger,
                icon: "error",
                text: format!("{connector} needs attention: run {run} failed."),
                href,
                action: "Show run".to_owned(),
                more: 0,
            });
        }
    }
    bars
}

/// The frame of a page of which nothing is known but where it is.
pub(super) fn plain_page(title: String, path: String) -> Page {
    Page {
        title,
        path,
        address: String::new(),
        kept: None,
        account: None,
        nav: Vec::new(),
        theme: Theme::System,
        shortcuts: true,
        csrf: String::new(),
        flash: None,
        status_bar: None,
        help: "/help".to_owned(),
        stylesheet: assets::address("app.css").to_owned(),
        script: assets::address("app.js").to_owned(),
        favicon: assets::address("favicon.svg").to_owned(),
    }
}

/// Sends the browser to another page of ours.
pub fn see_other(next: &str) -> Response {
    let next = if is_ours(next) { next } else { "/" };
    match next.parse() {
        Ok(location) => {
            let location: axum::http::HeaderValue = location;
            (StatusCode::SEE_OTHER, [(LOCATION, location)]).into_response()
        }
        Err(_) => (StatusCode::SEE_OTHER, [(LOCATION, "/")]).into_response(),
    }
}

/// Whether an address is a page of this service: `//host` and `/\host` are not.
pub fn is_ours(address: &str) -> bool {
    let mut letters = address.chars();
    letters.next() == Some('/')
        && !matches!(letters.next(), Some('/' | '\\'))
        && !address.chars().any(|it| it.is_control() || it == '\\')
}

fn csrf_of(token: &str) -> [u8; CSRF_LEN] {
    let mut context = Context::new(&SHA256);
    context.update(b"rollcall form");
    context.update(token.as_bytes());
    let mut csrf = [0; CSRF_LEN];
    for (to, from) in csrf.iter_mut().zip(context.finish().as_ref()) {
        *to = *from;
    }
    csrf
}

fn flash_of(cookie: &str) -> Option<Flash> {
    let (role, text) = cookie.split_once(':')?;
    let role = status::Role::ALL.into_iter().find(|it| it.class() == role)?;
    let text = percent_decode_str(text).decode_utf8().ok()?;
    Some(Flash { role, text: text.chars().take(FLASH_CHARS_MAX).collect() })
}

impl FromRequestParts<App> for Visit {
    type Rejection = Refusal;

    async fn from_request_parts(parts: &mut Parts, _: &App) -> Result<Visit, Refusal> {
        let visit = parts.extensions.get::<Visit>().cloned();
        visit.ok_or_else(|| Refusal::Failed("the request passed no guard".to_owned()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_pressing_is_told_one_at_a_time_and_not_where_it_is_shown_anyway() {
        let failed = [(Name::new("OneLogin"), RunId(7))];
        let told = |path: &str| {
            let bars = status_bars(path, Role::Viewer, 1, &failed);
            bars.iter().map(|it| (it.role.class(), it.href.clone())).collect::<Vec<_>>()
        };
        let held = || ("held", "/approvals".to_owned());
        let danger = || ("danger", "/runs/7".to_owned());
        assert_eq!(told("/runs"), [held(), danger()]);
        assert_eq!(told("/runs/7"), [held()]);
        assert_eq!(told("/approvals"), [danger()]);
        assert_eq!(told("/"), []);
        assert!(status_bars("/runs", Role::Viewer, 0, &[]).is_empty());
    }

    #[test]
    fn only_a_path_of_ours_is_an_address_to_go_back_to() {
        for ours in ["/", "/connectors?a=b", "/runs/1#x"] {
            assert!(is_ours(ours), "{ours}");
        }
        for other in ["", "//evil", "/\\evil", "https://evil", "runs", "/a\r\nb", "/a\\b"] {
            assert!(!is_ours(other), "{other}");
        }
    }
}
