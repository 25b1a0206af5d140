//! Sign-in: people sign in with their identity provider, so every password is refused here, with
//! the reason by which a product tells its user what is wrong.

use axum::http::StatusCode;
use axum::response::Response;
use reconcile::principal::fold;
use serde_json::json;

use super::answer::{Format, Refusal, document};
use super::entity::Entity;
use super::request::{Ask, Content};
use super::user::{self, detail, plain};
use super::xml;
use crate::store::directory::lookup;

/// `POST /authentication?username=`. The body is read, so that a bad one is told apart, and its
/// password is not looked at.
pub(super) async fn with_password(ask: Ask, _: Content) -> Result<Response, Refusal> {
    refuse(&ask, ask.required("username")?).await
}

/// `POST /authentication/notify?username=`: a product has signed somebody in by other means.
pub(super) async fn notify(ask: Ask, _: Content) -> Result<Response, Refusal> {
    let mut snapshot = ask.snapshot().await?;
    let user = user::named(&ask, &mut snapshot, ask.required("username")?).await?;
    Ok(document(ask.format, user.document(ask.format, &ask.base, detail(&ask))))
}

/// `POST /session`
pub(super) async fn open_session(ask: Ask, content: Content) -> Result<Response, Refusal> {
    let username = match &content {
        Content::Xml(element) => element.child("username").map(|it| it.text.clone()),
        Content::Json(json) => {
            let name = json.get("username").or(json.get("userName"));
            name.and_then(|it| it.as_str()).map(ToOwned::to_owned)
        }
        Content::None => None,
    };
    let username = username.filter(|it| !it.is_empty());
    let username = username.ok_or_else(|| Refusal::bad_request("The body names no user."))?;
    refuse(&ask, &username).await
}

/// `GET` and `POST /session/{token}`
pub(super) async fn no_session(_: Ask) -> Refusal {
    Refusal::no_session()
}

/// `DELETE /session/{token}` and `DELETE /session?username=`: there are none left afterwards.
pub(super) async fn close_sessions(_: Ask) -> StatusCode {
    StatusCode::NO_CONTENT
}

/// `GET /config/cookie`
pub(super) async fn cookie(ask: Ask) -> Response {
    const NAME: &str = "crowd.token_key";
    let text = match ask.format {
        Format::Xml => {
            let mut text = xml::DECLARATION.to_owned();
            text.push_str("<cookie-config><domain></domain><secure>false</secure>");
            xml::element(&mut text, "name", NAME);
            text.push_str("</cookie-config>");
            text
        }
        Format::Json => json!({"domain": "", "secure": false, "name": NAME}).to_string(),
    };
    document(ask.format, text)
}

/// Why this user's password is not accepted.
async fn refuse(ask: &Ask, username: &str) -> Result<Response, Refusal> {
    let mut snapshot = ask.snapshot().await?;
    let folded = fold(&plain(username));
    let user = lookup::user_by_name(&mut snapshot.tx, ask.target, &folded).await?;
    let (reason, message) = match user {
        Some(user) if user.active => (
            "INVALID_USER_AUTHENTICATION",
            "People of this directory sign in with single sign-on, not with a password.".to_owned(),
        ),
        Some(user) => {
            ("INACTIVE_ACCOUNT", format!("The account of <{}> is inactive.", user.username))
        }
        None => ("USER_NOT_FOUND", format!("There is no user <{username}>.")),
    };
    Err(Refusal::login(reason, message))
}
