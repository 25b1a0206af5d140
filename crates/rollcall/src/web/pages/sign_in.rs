//! `/sign-in`, by e-mail address and password or by a link that is good once; and `/sign-out`.

use askama::Template;
use axum::extract::{Path, Query, State};
use axum::http::StatusCode;
use axum::http::header::{HeaderName, HeaderValue, SET_COOKIE};
use reconcile::principal::fold;
use serde::Deserialize;

use crate::secret::Secret;
use crate::store::accounts::{self, Account, password};
use crate::store::audit::actor::Actor;
use crate::store::sessions::{self, Origin, Purpose, Redeemed};
use crate::web::access::{page_of, show_again};
use crate::web::answer::{self, Answer};
use crate::web::form::{Form, Typed};
use crate::web::page::Page;
use crate::web::pages::account::{too_many, with_retry_after};
use crate::web::pages::runs::spoken;
use crate::web::refusal::Refusal;
use crate::web::status;
use crate::web::throttle::Wait;
use crate::web::visit::{Visit, is_ours, see_other};
use crate::web::{App, cookies};

#[derive(Debug, Template)]
#[template(path = "sign_in.html")]
struct View {
    page: Page,
    form: Typed,
    next: String,
    /// Why nobody was signed in; empty where nobody tried.
    wrong: String,
    /// Whether this browser was signed in, and is no more.
    has_ended: bool,
    /// A form that was sent meanwhile; nothing where there is none.
    kept: Kept,
}

/// A form that was sent by somebody who was not signed in any more. It is shown once more to whoever signs
/// in, in its page where that can be, and goes on only if they say so.
#[derive(Clone, Debug, Default)]
struct Kept {
    /// Where it was sent to; empty where there is none.
    resume: String,
    /// What was typed, but for secrets.
    typed: Vec<(String, String)>,
}

#[derive(Debug, Template)]
#[template(path = "sign_in_again.html")]
struct AgainView {
    page: Page,
    name: String,
    kept: Kept,
    /// What was typed, as somebody reads it.
    shown: Vec<(String, String)>,
    /// The page from which it was sent.
    back: String,
}

#[derive(Debug, Template)]
#[template(path = "sign_in_link.html")]
struct LinkView {
    page: Page,
    name: String,
    address: String,
}

/// Where to go once signed in.
#[derive(Debug, Deserialize)]
pub struct Asked {
    #[serde(default)]
    pub next: String,
}

pub async fn show(State(app): State<App>, visit: Visit, Query(asked): Query<Asked>) -> Answer {
    if visit.account().is_some() {
        return Ok(see_other(page_of(&asked.next)));
    }
    if !accounts::has_admin(app.db()).await? {
        return Ok(see_other("/setup"));
    }
    answer::html(&View { next: asked.next, has_ended: visit.has_ended(), ..view(&visit) })
}

/// Asks whoever sent a form to sign in, and keeps the form.
pub fn ask(visit: &Visit, back: &str, typed: &[(String, String)]) -> Answer {
    let kept = Kept { resume: visit.path().to_owned(), typed: typed.to_vec() };
    answer::html_again(&View { next: back.to_owned(), has_ended: true, kept, ..view(visit) })
}

fn view(visit: &Visit) -> View {
    View {
        page: visit.page("Sign in"),
        form: Typed::default(),
        next: String::new(),
        wrong: String::new(),
        has_ended: false,
        kept: Kept::default(),
    }
}

pub async fn sign_in(State(app): State<App>, visit: Visit, mut form: Form) -> Answer {
    let email = form.optional("email");
    let password = form.secret("password");
    let key = fold(&email);
    let kept = Kept { resume: form.raw("resume").to_owned(), typed: form.carried_as(Kept::PREFIX) };
    let next = form.raw("next").to_owned();
    if let Err(Wait(wait)) = app.site.throttle.ask(&key, visit.address(), visit.now()) {
        let view = View {
            next,
            form: form.typed(),
            wrong: too_many(wait.as_secs()),
            kept,
            ..view(&visit)
        };
        let answer = answer::html_with(StatusCode::TOO_MANY_REQUESTS, &view);
        return with_retry_after(answer, wait.as_secs());
    }
    let known = accounts::password_hash(app.db(), &email).await?;
    let hash = known.as_ref().map(|(_, hash)| hash.clone());
    let is_right = password::verify(&password, hash)
        .await
        .map_err(|error| Refusal::Failed(error.to_string()))?;
    let account = known.map(|(account, _)| account);
    if let Some(account) = account.as_ref().filter(|_| is_right) {
        app.site.throttle.right(&key, visit.address());
        if is_ours(&kept.resume) && !kept.typed.is_empty() {
            return enter_with(&app, &visit, account, kept, page_of(&next)).await;
        }
        return enter(&app, &visit, account, page_of(&next)).await;
    }
    record_refusal(&app, &visit, account);
    let wrong = "E-mail or password is not right.".to_owned();
    answer::html_again(&View { form: form.typed(), next, wrong, kept, ..view(&visit) })
}

/// Writes down that somebody was refused. Not within the answer, whose time would then tell whether
/// the account exists; and of accounts that exist alone, because what was typed may be a password.
fn record_refusal(app: &App, visit: &Visit, account: Option<Account>) {
    let (db, actor, now) = (app.db().clone(), visit.actor(), visit.now());
    tokio::spawn(async move {
        let Some(account) = account else { return };
        if let Err(error) = accounts::record_refusal(&db, &account, &actor.act(now)).await {
            tracing::warn!("A refused sign-in could not be recorded: {error}");
        }
    });
}

/// A link is used up by a button and not by being opened: whatever looks at links in advance would
/// use it up as well.
pub async fn show_link(State(app): State<App>, visit: Visit, Path(code): Path<String>) -> Answer {
    let account = sessions::peek(app.db(), Purpose::SignIn, &code, visit.now()).await?;
    let account = match account {
        Some(id) => accounts::with_id(app.db(), id).await?,
        None => None,
    };
    match account {
        Some(account) => answer::html(&LinkView {
            page: visit.page("Sign in"),
            name: account.name,
            address: format!("/sign-in/{code}"),
        }),
        None if visit.account().is_some() => Ok(see_other("/")),
        None => Err(spent()),
    }
}

pub async fn use_link(State(app): State<App>, visit: Visit, Path(code): Path<String>) -> Answer {
    let redeemed = sessions::redeem(app.db(), Purpose::SignIn, &code, visit.now()).await?;
    let Redeemed::Right { account: Some(id) } = redeemed else { return Err(spent()) };
    let account = accounts::with_id(app.db(), id).await?;
    let account = account.filter(|it| it.enabled).ok_or_else(spent)?;
    enter(&app, &visit, &account, "/").await
}

fn spent() -> Refusal {
    Refusal::NotFound("This link was used already, or its time is over.".to_owned())
}

#[derive(Debug, Template)]
#[template(path = "choose_password.html")]
struct PasswordView {
    page: Page,
    name: String,
    email: String,
    address: String,
    form: Typed,
}

/// A link by which somebody chooses a password: of a new account, or of one that lost it.
pub async fn show_password(
    State(app): State<App>,
    visit: Visit,
    Path(code): Path<String>,
) -> Answer {
    let account = invited(&app, &visit, &code).await?;
    answer::html(&password_view(&visit, &account, &code, Typed::default()))
}

pub async fn choose_password(
    State(app): State<App>,
    visit: Visit,
    Path(code): Path<String>,
    mut form: Form,
) -> Answer {
    let account = invited(&app, &visit, &code).await?;
    let password = form.secret("password");
    if let Err(error) = password::check(&password, &[account.email.as_str(), &account.name]) {
        form.error("password", error.to_string());
        let view = password_view(&visit, &account, &code, form.typed());
        return answer::html_again(&view);
    }
    let redeemed = sessions::redeem(app.db(), Purpose::Password, &code, visit.now()).await?;
    if redeemed != (Redeemed::Right { account: Some(account.id) }) {
        return Err(spent());
    }
    let actor = Actor::account(account.email.as_str(), visit.address());
    accounts::set_password(app.db(), &account, &password, &visit.act(&actor)).await?;
    enter(&app, &visit, &account, "/").await
}

async fn invited(app: &App, visit: &Visit, code: &str) -> Result<Account, Refusal> {
    let id = sessions::peek(app.db(), Purpose::Password, code, visit.now()).await?;
    let id = id.ok_or_else(spent)?;
    let account = accounts::with_id(app.db(), id).await?;
    account.filter(|it| it.enabled).ok_or_else(spent)
}

fn password_view(visit: &Visit, account: &Account, code: &str, form: Typed) -> PasswordView {
    PasswordView {
        page: visit.page("Choose a password"),
        name: account.name.clone(),
        email: account.email.as_str().to_owned(),
        address: format!("/password/{code}"),
        form,
    }
}

/// Signs somebody in with a session that nobody could have known before.
pub async fn enter(app: &App, visit: &Visit, account: &Account, next: &str) -> Answer {
    let (_, cookie) = begin(app, visit, account).await?;
    let mut response = see_other(next);
    response.headers_mut().append(SET_COOKIE, cookie);
    Ok(response)
}

/// As [`enter`], and shows a form that was sent meanwhile. Nothing of it is done by signing in: it goes on
/// with the token of the new session, when somebody has seen it.
async fn enter_with(app: &App, visit: &Visit, account: &Account, kept: Kept, back: &str) -> Answer {
    let (token, cookie) = begin(app, visit, account).await?;
    let visit = visit.signed_in_by(app, token.expose()).await?;
    let sentence = format!(
        "You are signed in as {}. Nothing was done yet: this is what you had typed. Passwords and \
         secrets were not kept.",
        account.name
    );
    let led = visit.led_to(&kept.resume, status::Role::Neutral, &sentence);
    if let Some(mut response) = show_again(app, &led, Form::of(kept.typed.clone())).await {
        // Nothing is wrong with it, as far as anybody looked.
        if response.status() == StatusCode::UNPROCESSABLE_ENTITY {
            *response.status_mut() = StatusCode::OK;
        }
        response.headers_mut().append(SET_COOKIE, cookie);
        return Ok(response);
    }
    let page = Page { path: back.to_owned(), ..visit.page("Send what you typed") };
    let (name, back) = (account.name.clone(), back.to_owned());
    let shown = kept.shown();
    let mut response = answer::html(&AgainView { page, name, kept, shown, back })?;
    response.headers_mut().append(SET_COOKIE, cookie);
    Ok(response)
}

async fn begin(
    app: &App,
    visit: &Visit,
    account: &Account,
) -> Result<(Secret, HeaderValue), Refusal> {
    let origin = Origin { address: visit.address(), program: visit.program() };
    let actor = Actor::account(account.email.as_str(), origin.address);
    let begun = sessions::begin(app.db(), account, origin, &actor.act(visit.now())).await?;
    let (_, token) = begun;
    let is_https = visit.arrival().is_https;
    let cookie = cookies::set(cookies::session(is_https), token.expose(), is_https)
        .ok_or_else(|| Refusal::Failed("a session made no cookie".to_owned()))?;
    Ok((token, cookie))
}

impl Kept {
    /// How the names of its fields begin in the form that carries it, which has fields of its own.
    const PREFIX: &str = "typed.";

    /// What pages tell each other is left out.
    fn shown(&self) -> Vec<(String, String)> {
        const TOLD: [&str; 7] = ["version", "opened", "shown", "whole", "seen", "next", "back"];
        let mut shown: Vec<(String, String)> = Vec::new();
        for (field, value) in &self.typed {
            let is_told = TOLD.contains(&field.as_str()) || field.ends_with("-due");
            if is_told || value.trim().is_empty() {
                continue;
            }
            let (field, value) = (spoken(&field.replace('_', "-")), value.trim());
            match shown.iter_mut().find(|(name, _)| *name == field) {
                Some((_, values)) => {
                    values.push_str(", ");
                    values.push_str(value);
                }
                None => shown.push((field, value.to_owned())),
            }
        }
        shown
    }
}

pub async fn sign_out(State(app): State<App>, visit: Visit) -> Answer {
    let mut response = see_other("/sign-in");
    if let (Some(account), Some(session)) = (visit.account(), visit.session()) {
        let actor = visit.actor();
        sessions::end(app.db(), account, session.id, &visit.act(&actor)).await?;
    }
    let is_https = visit.arrival().is_https;
    if let Some(cookie) = cookies::forget(cookies::session(is_https), is_https) {
        response.headers_mut().append(SET_COOKIE, cookie);
    }
    // Not the cookies: light or dark is still their wish.
    let clear = HeaderValue::from_static("\"cache\", \"storage\"");
    response.headers_mut().insert(HeaderName::from_static("clear-site-data"), clear);
    Ok(response)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::web::answer::samples::{self, HOSTILE, check};

    fn page() -> Page {
        samples::stranger("Sign in", "/sign-in")
    }

    #[test]
    fn the_address_stays_and_the_password_does_not() {
        let form = Form::parse(b"email=ana%40example.com&password=canary").unwrap();
        for (has_ended, typed) in [(false, vec![]), (true, typed())] {
            let kept = Kept { resume: HOSTILE.to_owned(), typed };
            let text = check(&View {
                page: page(),
                form: form.typed(),
                next: HOSTILE.to_owned(),
                wrong: "E-mail or password is not right.".to_owned(),
                has_ended,
                kept,
            });
            assert!(text.contains("value=\"ana@example.com\""), "{text}");
            assert!(!text.contains("canary"), "{text}");
            assert_eq!(text.contains("name=\"typed.email\""), has_ended, "{text}");
        }
    }

    fn typed() -> Vec<(String, String)> {
        let typed = [("email", HOSTILE), ("seq", "3"), ("seq", "7"), ("shown", "/x"), ("q", "")];
        typed.map(|(name, value)| (name.to_owned(), value.to_owned())).into()
    }

    #[test]
    fn a_form_that_was_kept_is_shown_before_it_goes_on() {
        let kept = Kept { resume: "/plans/3/approve".to_owned(), typed: typed() };
        let shown = kept.shown();
        let name = |at: usize| shown[at].0.as_str();
        assert_eq!((name(0), name(1), shown.len()), ("Email", "Seq", 2));
        assert_eq!(shown[1].1, "3, 7");
        let text = check(&AgainView {
            page: page(),
            name: HOSTILE.to_owned(),
            kept,
            shown,
            back: "/plans/3".to_owned(),
        });
        assert!(text.contains("action=\"/plans/3/approve\""), "{text}");
        assert!(text.contains("name=\"shown\" value=\"/x\""), "{text}");
    }

    #[test]
    fn a_password_is_chosen_by_whoever_the_link_is_for() {
        let mut form = Form::parse(b"password=canary").unwrap();
        form.error("password", HOSTILE);
        let text = check(&PasswordView {
            page: samples::stranger("Choose a password", "/password/x"),
            name: HOSTILE.to_owned(),
            email: HOSTILE.to_owned(),
            address: "/password/x".to_owned(),
            form: form.typed(),
        });
        assert!(!text.contains("canary"), "{text}");
    }

    #[test]
    fn a_link_shows_for_whom_it_is() {
        let address = "/sign-in/x".to_owned();
        let text = check(&LinkView { page: page(), name: HOSTILE.to_owned(), address });
        assert!(text.contains("action=\"/sign-in/x\""), "{text}");
    }
}
