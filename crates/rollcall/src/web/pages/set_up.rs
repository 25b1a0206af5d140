//! `/setup`: from an empty installation to the first admin.
//!
//! The code that the service printed proves that whoever is here has access to its machine.

use askama::Template;
use axum::extract::State;

use crate::store::accounts::{self, AccountError, NewAccount, Role};
use crate::store::sessions::{self, Purpose, Redeemed};
use crate::web::App;
use crate::web::answer::{self, Answer};
use crate::web::form::{Form, Typed};
use crate::web::page::Page;
use crate::web::pages::sign_in;
use crate::web::refusal::Refusal;
use crate::web::visit::{Visit, see_other};

#[derive(Debug, Template)]
#[template(path = "set_up.html")]
struct View {
    page: Page,
    form: Typed,
    /// As it was typed: it is good for this once, and the one who types it has it on paper.
    code: String,
}

pub async fn show(State(app): State<App>, visit: Visit) -> Answer {
    if accounts::has_admin(app.db()).await? {
        return Ok(see_other("/sign-in"));
    }
    let page = visit.page("Set up Rollcall");
    answer::html(&View { page, form: Typed::default(), code: String::new() })
}

pub async fn create(State(app): State<App>, visit: Visit, mut form: Form) -> Answer {
    if accounts::has_admin(app.db()).await? {
        return Ok(see_other("/sign-in"));
    }
    let code = form.text("code");
    let (name, email) = (form.text("name"), form.text("email"));
    let password = form.secret("password");
    if let Err(error) = accounts::checked_email(&email)
        && !email.is_empty()
    {
        form.error("email", error.to_string());
    }
    if let Err(error) = accounts::password::check(&password, &[&email, &name]) {
        form.error("password", error.to_string());
    }
    if !code.is_empty() {
        let (db, now) = (app.db(), visit.now());
        // A mistake elsewhere does not use it up.
        let redeemed = if form.is_wrong() {
            sessions::try_code(db, Purpose::SetUp, &code, now).await?
        } else {
            sessions::redeem(db, Purpose::SetUp, &code, now).await?
        };
        match redeemed {
            Redeemed::Right { .. } => {}
            Redeemed::Wrong { tries_left } => {
                let tries = if tries_left == 1 { "1 try is" } else { "A few tries are" };
                form.error("code", format!("This is not the code. {tries} left."));
            }
            Redeemed::Void => form.error("code", renew(&app, &visit).await?),
        }
    }
    if form.is_wrong() {
        let page = visit.page("Set up Rollcall");
        return answer::html_again(&View { page, form: form.typed(), code });
    }
    let actor = visit.actor();
    let new =
        NewAccount { email: &email, name: &name, role: Role::Admin, password: Some(&password) };
    match accounts::create_first_admin(app.db(), &new, &visit.act(&actor)).await {
        Ok(account) => sign_in::enter(&app, &visit, &account, "/").await,
        Err(AccountError::AlreadySetUp) => Ok(see_other("/sign-in")),
        Err(error) => Err(error.into()),
    }
}

/// Prints a new code in the place of one that is no longer good, and not more often than somebody
/// would need one.
async fn renew(app: &App, visit: &Visit) -> Result<&'static str, Refusal> {
    const PRINTED: &str =
        "This code is no longer good. A new one was printed to the log of the service.";
    if app.site.throttle.ask("a new set-up code", visit.address(), visit.now()).is_err() {
        return Ok("Too many attempts. Try again in a minute.");
    }
    app.site.set_up.print_new(app.db(), visit.now()).await?;
    Ok(PRINTED)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::web::answer::samples::{self, HOSTILE, check};

    #[test]
    fn the_page_shows_what_is_wrong_by_field() {
        let mut form = Form::parse(b"name=Ana").unwrap();
        form.error("email", HOSTILE);
        let page = samples::stranger("Set up Rollcall", "/setup");
        let text = check(&View { page, form: form.typed(), code: HOSTILE.to_owned() });
        assert!(text.contains("value=\"Ana\""), "{text}");
        assert!(text.contains("email-error"), "{text}");
    }
}
