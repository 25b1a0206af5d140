//! `/account`: one's own name, password, sessions, and what pages look like.

use askama::Template;
use axum::extract::{Path, Query, State};
use axum::http::StatusCode;
use axum::http::header::{RETRY_AFTER, SET_COOKIE};
use axum::response::{IntoResponse as _, Redirect};
use serde::Deserialize;

use crate::notation::shell_word;
use crate::secret::Secret;
use crate::store::accounts::{self, Account, AccountError, password};
use crate::store::sessions::{self, SessionId};
use crate::web::access::page_of;
use crate::web::answer::{self, Answer};
use crate::web::form::{Form, THEME, Typed};
use crate::web::moment::Moment;
use crate::web::page::{Page, Theme};
use crate::web::pages::sign_in::{self, Asked};
use crate::web::refusal::Refusal;
use crate::web::throttle::Wait;
use crate::web::visit::{Visit, is_ours, see_other};
use crate::web::{App, cookies};

#[derive(Debug, Template)]
#[template(path = "account.html")]
struct View {
    page: Page,
    role: &'static str,
    means: &'static str,
    has_password: bool,
    form: Typed,
    sessions: Vec<SessionRow>,
    shortcuts: bool,
    password_command: String,
    session_commands: Vec<(String, String)>,
}

/// One session, as a list shows it.
#[derive(Debug)]
pub struct SessionRow {
    pub id: i64,
    pub address: String,
    pub program: String,
    pub begun: Moment,
    pub seen: Moment,
    /// Whether it is the one that asks.
    pub is_this: bool,
}

#[derive(Debug, Template)]
#[template(path = "prove.html")]
struct ProveView {
    page: Page,
    /// What is about to be done; empty where that is not known.
    act: String,
    /// The page to go to, or to go back to.
    next: String,
    wrong: String,
    has_password: bool,
    /// Where a form goes on that was sent already; empty where there is none.
    resume: String,
    /// What was typed into it.
    carried: Vec<(String, String)>,
}

/// The fields of the question itself.
const PROVE_FIELDS: [&str; 3] = ["next", "resume", "act"];

pub async fn show(State(app): State<App>, visit: Visit) -> Answer {
    let view = view(&app, &visit, Typed::default()).await?;
    answer::html(&view)
}

async fn view(app: &App, visit: &Visit, form: Typed) -> Result<View, Refusal> {
    let account = own(visit)?;
    let sessions = session_rows(app, visit, account).await?;
    let email = shell_word(account.email.as_str());
    Ok(View {
        password_command: format!("rollcall account reset-password {email} --password-file FILE"),
        session_commands: session_commands(account, &sessions),
        page: visit.page("Your account"),
        role: account.role.label(),
        means: account.role.allows(),
        has_password: account.has_password,
        form,
        sessions,
        shortcuts: visit.shortcuts(),
    })
}

/// The sessions of an account that have not ended.
pub async fn session_rows(
    app: &App,
    visit: &Visit,
    account: &Account,
) -> Result<Vec<SessionRow>, Refusal> {
    let this = visit.session().map(|it| it.id);
    let sessions = sessions::list(app.db(), account.id, visit.now()).await?;
    let row = |session: sessions::Session| SessionRow {
        id: session.id.0,
        is_this: Some(session.id) == this,
        begun: Moment::new(session.created_at, visit.now()),
        seen: Moment::new(session.seen_at, visit.now()),
        address: session.address,
        program: browser(&session.program),
    };
    Ok(sessions.into_iter().map(row).collect())
}

/// The commands that list and end the sessions of an account; one's own ends by signing out.
pub fn session_commands(account: &Account, sessions: &[SessionRow]) -> Vec<(String, String)> {
    let list = format!("rollcall account sessions {}", shell_word(account.email.as_str()));
    let end = |it: &SessionRow| {
        (format!("End {} of {}", it.program, it.address), format!("{list} --end {}", it.id))
    };
    let ends: Vec<_> = sessions.iter().filter(|it| !it.is_this).map(end).collect();
    [("List".to_owned(), list.clone())].into_iter().chain(ends).collect()
}

/// Gives oneself another password: all other sessions end.
pub async fn change_password(State(app): State<App>, visit: Visit, mut form: Form) -> Answer {
    let account = own(&visit)?.clone();
    let (old, new) = (form.secret("old_password"), form.secret("new_password"));
    if let Err(error) = password::check(&new, &[account.email.as_str(), &account.name]) {
        form.error("new_password", error.to_string());
    }
    if !form.is_wrong() {
        match is_right(&app, &visit, &account, &old).await? {
            Ok(true) => {}
            Ok(false) => form.error("old_password", "This is not your password."),
            Err(Wait(wait)) => form.error("old_password", too_many(wait.as_secs())),
        }
    }
    if form.is_wrong() {
        let view = view(&app, &visit, form.typed()).await?;
        return answer::html_again(&view);
    }
    let actor = visit.actor();
    accounts::set_password(app.db(), &account, &new, &visit.act(&actor)).await?;
    sign_in::enter(&app, &visit, &account, "/account").await
}

/// Ends one of one's own sessions.
pub async fn end_session(
    State(app): State<App>,
    visit: Visit,
    Path(id): Path<i64>,
    _form: Form,
) -> Answer {
    let account = own(&visit)?;
    let actor = visit.actor();
    let ended = sessions::end(app.db(), account, SessionId(id), &visit.act(&actor)).await?;
    if !ended {
        return Err(Refusal::NotFound("This sign-in has ended already.".to_owned()));
    }
    Ok(visit.done("The session was ended.", "/account"))
}

pub async fn show_prove(visit: Visit, Query(asked): Query<Asked>) -> Answer {
    answer::html(&prove_view(&visit, &asked.next)?)
}

/// Asks for the password before a page is shown that leads to something severe.
pub fn ask_first(visit: &Visit, act: &str, back: &str) -> Answer {
    answer::html(&ProveView { act: act.to_owned(), ..prove_view(visit, back)? })
}

/// Asks for the password before a form that was sent goes on. Nothing of it has to be typed again.
pub fn ask(visit: &Visit, act: &str, back: &str, form: &Form) -> Answer {
    let (act, resume) = (act.to_owned(), visit.path().to_owned());
    let carried = form.carried();
    answer::html_again(&ProveView { act, resume, carried, ..prove_view(visit, back)? })
}

fn prove_view(visit: &Visit, next: &str) -> Result<ProveView, Refusal> {
    Ok(ProveView {
        page: visit.page("Type your password again").keeping("prove", "/account/prove"),
        act: String::new(),
        next: next.to_owned(),
        wrong: String::new(),
        has_password: own(visit)?.has_password,
        resume: String::new(),
        carried: Vec::new(),
    })
}

/// Takes the password again, for actions that are severe.
pub async fn prove(State(app): State<App>, visit: Visit, form: Form) -> Answer {
    let account = own(&visit)?;
    let (next, resume) = (form.raw("next"), form.raw("resume"));
    let again = StatusCode::UNPROCESSABLE_ENTITY;
    let checked = if form.is_only_shown() {
        None
    } else {
        Some(is_right(&app, &visit, account, &form.secret("password")).await?)
    };
    let (status, wrong) = match checked {
        None => (again, String::new()),
        Some(Ok(true)) => {
            if let Some(session) = visit.session() {
                sessions::prove(app.db(), session.id, visit.now()).await?;
            }
            if is_ours(resume) {
                // The same request once more: what was typed goes along.
                return Ok(Redirect::temporary(resume).into_response());
            }
            return Ok(see_other(page_of(next)));
        }
        Some(Ok(false)) => (again, "This is not your password.".to_owned()),
        Some(Err(Wait(wait))) => (StatusCode::TOO_MANY_REQUESTS, too_many(wait.as_secs())),
    };
    let mut carried = form.carried();
    carried.retain(|(name, _)| !PROVE_FIELDS.contains(&name.as_str()));
    let (act, resume) = (form.raw("act").to_owned(), resume.to_owned());
    let view = ProveView { act, wrong, resume, carried, ..prove_view(&visit, next)? };
    answer::html_with(status, &view)
}

/// Whether somebody who is signed in typed their password, as seldom as anybody may try.
async fn is_right(
    app: &App,
    visit: &Visit,
    account: &Account,
    typed: &Secret,
) -> Result<Result<bool, Wait>, Refusal> {
    let key = account.email.folded();
    if let Err(wait) = app.site.throttle.ask(key, visit.address(), visit.now()) {
        return Ok(Err(wait));
    }
    let known = accounts::password_hash(app.db(), account.email.as_str()).await?;
    let is_right = password::verify(typed, known.map(|(_, hash)| hash))
        .await
        .map_err(|error| Refusal::from(AccountError::from(error)))?;
    if is_right {
        app.site.throttle.right(key, visit.address());
    }
    Ok(Ok(is_right))
}

/// Where a form goes on that went along with a choice of the theme.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub struct Resumed {
    resume: String,
}

/// Chooses light or dark; the answer is the page one came from, with whatever is filled in there.
pub async fn theme(visit: Visit, Query(resumed): Query<Resumed>, form: Form) -> Answer {
    let theme = Theme::from_word(form.raw(THEME));
    let mut response = if is_ours(&resumed.resume) {
        // The same form once more: its own page shows it again.
        Redirect::temporary(&resumed.resume).into_response()
    } else {
        see_other(form.raw("back"))
    };
    if let Some(cookie) = cookies::keep(cookies::THEME, theme.word(), visit.arrival().is_https) {
        response.headers_mut().append(SET_COOKIE, cookie);
    }
    Ok(response)
}

/// Switches keys as shortcuts on or off.
pub async fn shortcuts(visit: Visit, form: Form) -> Answer {
    let word = if form.checked("shortcuts") { "on" } else { "off" };
    let mut response = visit.done("Saved.", "/account");
    if let Some(cookie) = cookies::keep(cookies::SHORTCUTS, word, visit.arrival().is_https) {
        response.headers_mut().append(SET_COOKIE, cookie);
    }
    Ok(response)
}

pub fn too_many(seconds: i64) -> String {
    format!(
        "Too many attempts. Try again in {} s. Everyone else can still sign in.",
        seconds.max(1)
    )
}

/// A refusal that tells programs as well how long to wait.
pub fn with_retry_after(mut answer: Answer, seconds: i64) -> Answer {
    if let Ok(response) = &mut answer {
        response.headers_mut().insert(RETRY_AFTER, seconds.max(1).into());
    }
    answer
}

/// Whose account it is. The table lets nobody in who has none.
fn own(visit: &Visit) -> Result<&Account, Refusal> {
    visit.account().ok_or_else(|| Refusal::NotSignedIn { back: visit.path().to_owned() })
}

/// `Firefox on Linux`, of what a browser calls itself.
fn browser(program: &str) -> String {
    const BROWSERS: [(&str, &str); 5] = [
        ("Edg/", "Edge"),
        ("Firefox/", "Firefox"),
        ("Chrome/", "Chrome"),
        ("Safari/", "Safari"),
        ("curl/", "curl"),
    ];
    const SYSTEMS: [(&str, &str); 6] = [
        ("Android", "Android"),
        ("iPhone", "iPhone"),
        ("iPad", "iPad"),
        ("Windows", "Windows"),
        ("Mac OS X", "macOS"),
        ("Linux", "Linux"),
    ];
    let named = |names: &[(&str, &'static str)]| {
        names.iter().find(|(sign, _)| program.contains(sign)).map(|(_, name)| *name)
    };
    match (named(&BROWSERS), named(&SYSTEMS)) {
        (Some(browser), Some(system)) => format!("{browser} on {system}"),
        (Some(browser), None) => browser.to_owned(),
        (None, _) if program.is_empty() => "Unknown".to_owned(),
        (None, _) => program.chars().take(60).collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::accounts::Role;
    use crate::web::answer::samples::{self, HOSTILE, check};

    fn moment() -> Moment {
        let at = "2026-11-25T22:14:03Z".parse().unwrap();
        Moment::new(at, at)
    }

    #[test]
    fn the_page_shows_sessions_and_what_is_wrong() {
        let row = |is_this| SessionRow {
            id: 3,
            address: HOSTILE.to_owned(),
            program: HOSTILE.to_owned(),
            begun: moment(),
            seen: moment(),
            is_this,
        };
        let mut form = Form::parse(b"old_password=canary&new_password=canary").unwrap();
        form.error("old_password", HOSTILE);
        for has_password in [true, false] {
            let text = check(&View {
                page: samples::page("Your account", "/account", Role::Viewer),
                role: "Viewer",
                means: Role::Viewer.allows(),
                has_password,
                form: form.typed(),
                sessions: vec![row(true), row(false)],
                shortcuts: true,
                password_command: HOSTILE.to_owned(),
                session_commands: vec![(HOSTILE.to_owned(), HOSTILE.to_owned())],
            });
            assert!(!text.contains("canary"), "{text}");
        }
        for (wrong, resume) in [(String::new(), ""), (too_many(40), HOSTILE)] {
            let text = check(&ProveView {
                page: samples::page("Type your password again", "/account/prove", Role::Viewer),
                act: resume.to_owned(),
                next: HOSTILE.to_owned(),
                wrong,
                has_password: true,
                resume: resume.to_owned(),
                carried: vec![("reason".to_owned(), HOSTILE.to_owned())],
            });
            assert_eq!(text.contains("name=\"reason\""), !resume.is_empty(), "{text}");
        }
    }

    #[test]
    fn a_browser_is_told_by_its_name() {
        let firefox = "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0";
        assert_eq!(browser(firefox), "Firefox on Linux");
        assert_eq!(browser("curl/8.5.0"), "curl");
        assert_eq!(browser(""), "Unknown");
    }
}
