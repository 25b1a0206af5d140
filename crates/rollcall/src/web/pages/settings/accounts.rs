//! `/settings/accounts`: who may sign in, what they may do, and where they are signed in.
//!
//! Every change asks for the password of whoever makes it.

use askama::Template;
use axum::extract::{Path, State};

use crate::notation::shell_word;
use crate::store::accounts::{self, Account, AccountError, AccountId, Edit, NewAccount, Role};
use crate::store::names::{self, NameError};
use crate::store::sessions::{self, SessionId};
use crate::web::answer::{self, Answer};
use crate::web::form::{Form, Typed};
use crate::web::moment::Moment;
use crate::web::page::Page;
use crate::web::pages::account::{SessionRow, session_commands, session_rows};
use crate::web::pages::settings::TABS;
use crate::web::refusal::Refusal;
use crate::web::visit::Visit;
use crate::web::{App, admins};

const HERE: &str = "/settings/accounts";

#[derive(Debug, Template)]
#[template(path = "settings_accounts.html")]
struct ListView {
    page: Page,
    tabs: [(&'static str, &'static str); 4],
    tab: &'static str,
    rows: Vec<Row>,
    form: Typed,
    roles: [Role; 4],
    may_edit: bool,
    /// Whom to ask, where somebody may not.
    ask: String,
}

#[derive(Debug)]
struct Row {
    id: i64,
    name: String,
    email: String,
    role: &'static str,
    state: &'static str,
    signed_in: Option<Moment>,
}

#[derive(Debug, Template)]
#[template(path = "settings_account.html")]
struct View {
    page: Page,
    id: i64,
    email: String,
    state: &'static str,
    form: Typed,
    roles: [Role; 4],
    sessions: Vec<SessionRow>,
    created: Moment,
    edit_command: String,
    /// As `ui::following` has it.
    edit_follows: String,
    link_command: String,
    session_commands: Vec<(String, String)>,
    delete_command: String,
}

#[derive(Debug, Template)]
#[template(path = "settings_link.html")]
struct LinkView {
    page: Page,
    name: String,
    email: String,
    link: String,
    command: String,
}

pub async fn list(State(app): State<App>, visit: Visit) -> Answer {
    let view = list_view(&app, &visit, Typed::fresh([("role", "viewer".to_owned())])).await?;
    answer::html(&view)
}

async fn list_view(app: &App, visit: &Visit, form: Typed) -> Result<ListView, Refusal> {
    let known = accounts::list(app.db()).await?;
    let may_edit = visit.may(Role::Admin);
    let page = visit.page("Accounts");
    let row = |account: Account| Row {
        id: account.id.0,
        state: state(&account),
        role: account.role.label(),
        signed_in: account.signed_in_at.map(|it| Moment::new(it, visit.now())),
        email: account.email.as_str().to_owned(),
        name: account.name,
    };
    Ok(ListView {
        page: if may_edit { page.keeping("create", HERE) } else { page },
        tabs: TABS,
        tab: "Accounts",
        rows: known.into_iter().map(row).collect(),
        form,
        roles: Role::ALL,
        may_edit,
        ask: admins::to_ask(app, visit).await?,
    })
}

fn state(account: &Account) -> &'static str {
    match (account.enabled, account.has_password) {
        (false, _) => "Disabled",
        (true, false) => "Has to choose a password",
        (true, true) => "Enabled",
    }
}

/// Makes an account and shows, once, the link by which its owner chooses a password.
pub async fn create(State(app): State<App>, visit: Visit, mut form: Form) -> Answer {
    if !form.is_only_shown() {
        visit.prove_to("Create an account", HERE)?;
    }
    let (email, name) = (form.text("email"), form.text("name"));
    let role = form.choice("role", Role::from_word);
    check_owner(&app, &mut form, &email, &name).await?;
    let new = NewAccount { email: &email, name: &name, role: Role::Viewer, password: None };
    let actor = visit.actor();
    if let Some(role) = role.filter(|_| !form.is_wrong()) {
        let new = NewAccount { role, ..new };
        match accounts::create(app.db(), &new, &visit.act(&actor)).await {
            Ok(account) => return show_link(&app, &visit, &account).await,
            Err(error) => note(&mut form, error)?,
        }
    }
    let view = list_view(&app, &visit, form.typed()).await?;
    answer::html_again(&view)
}

/// Notes all that is wrong with whoever is to have a new account, so that it is told at once.
async fn check_owner(app: &App, form: &mut Form, email: &str, name: &str) -> Result<(), Refusal> {
    if !email.is_empty() {
        match accounts::checked_email(email) {
            Ok(email) if accounts::find(app.db(), email.as_str()).await.is_ok() => {
                form.error("email", AccountError::Taken(email).to_string());
            }
            Ok(_) => {}
            Err(error) => form.error("email", error.to_string()),
        }
    }
    if !name.is_empty()
        && let Err(error) = names::checked_name("person", name)
    {
        form.error("name", error.to_string());
    }
    Ok(())
}

/// Notes a mistake at its field; anything else goes on as it is.
fn note(form: &mut Form, error: AccountError) -> Result<(), Refusal> {
    let field = match &error {
        AccountError::Email(_) | AccountError::Taken(_) => "email",
        AccountError::Name(
            NameError::Taken { .. }
            | NameError::Empty { .. }
            | NameError::TooLong { .. }
            | NameError::Control { .. },
        ) => "name",
        AccountError::LastAdmin(_) => "role",
        AccountError::Name(NameError::Unknown { .. })
        | AccountError::Password(_)
        | AccountError::AlreadySetUp
        | AccountError::Seal(_)
        | AccountError::Store(_) => return Err(error.into()),
    };
    form.error(field, error.to_string());
    Ok(())
}

pub async fn show(State(app): State<App>, visit: Visit, Path(id): Path<i64>) -> Answer {
    let account = of_id(&app, id).await?;
    let mut values = vec![("name", account.name.clone()), ("role", account.role.word().to_owned())];
    if account.enabled {
        values.push(("enabled", "on".to_owned()));
    }
    let view = view(&app, &visit, &account, Typed::of(values)).await?;
    answer::html(&view)
}

async fn view(app: &App, visit: &Visit, account: &Account, form: Typed) -> Result<View, Refusal> {
    let email = shell_word(account.email.as_str());
    let here = format!("{HERE}/{}", account.id.0);
    let sessions = session_rows(app, visit, account).await?;
    let mut commands = session_commands(account, &sessions);
    commands.push(("End all".to_owned(), format!("rollcall account sessions {email} --end-all")));
    Ok(View {
        page: visit.page(account.name.clone()).keeping("edit", here),
        id: account.id.0,
        email: account.email.as_str().to_owned(),
        state: state(account),
        form,
        roles: Role::ALL,
        sessions,
        created: Moment::new(account.created_at, visit.now()),
        edit_command: format!(
            "rollcall account edit {email} --name {} --role {}",
            shell_word(&account.name),
            account.role.word()
        ),
        edit_follows: format!(
            "rollcall account edit {email} --name {{name|NAME}} --role {{role|{}}}",
            account.role.word()
        ),
        link_command: format!("rollcall account reset-password {email}"),
        session_commands: commands,
        delete_command: format!("rollcall account delete {email} --confirm {email}"),
    })
}

pub async fn edit(
    State(app): State<App>,
    visit: Visit,
    Path(id): Path<i64>,
    mut form: Form,
) -> Answer {
    let account = of_id(&app, id).await?;
    if !form.is_only_shown() {
        let act = format!("Change the account {}", account.email);
        visit.prove_to(&act, &format!("{HERE}/{id}"))?;
    }
    let name = form.text("name");
    let role = form.choice("role", Role::from_word);
    let actor = visit.actor();
    if let Some(role) = role.filter(|_| !form.is_wrong()) {
        let to = Edit { name: &name, role, enabled: form.checked("enabled") };
        match accounts::edit(app.db(), &account, &to, &visit.act(&actor)).await {
            Ok(edited) => return Ok(visit.done(format!("{} was saved.", edited.name), HERE)),
            Err(error) => note(&mut form, error)?,
        }
    }
    let view = view(&app, &visit, &account, form.typed()).await?;
    answer::html_again(&view)
}

pub async fn delete(
    State(app): State<App>,
    visit: Visit,
    Path(id): Path<i64>,
    mut form: Form,
) -> Answer {
    let account = of_id(&app, id).await?;
    let act = format!("Delete the account {}", account.email);
    visit.prove_to(&act, &format!("{HERE}/{id}"))?;
    let typed = form.text("confirm");
    if typed.eq_ignore_ascii_case(account.email.as_str()) {
        let actor = visit.actor();
        accounts::delete(app.db(), &account, &visit.act(&actor)).await?;
        return Ok(visit.done(format!("The account {} was deleted.", account.email), HERE));
    }
    form.error("confirm", format!("Type {} to delete the account.", account.email));
    let mut values = vec![("name", account.name.clone()), ("role", account.role.word().to_owned())];
    if account.enabled {
        values.push(("enabled", "on".to_owned()));
    }
    let view = view(&app, &visit, &account, form.typed().or(values)).await?;
    answer::html_again(&view)
}

/// Shows, once, a link by which the owner of an account chooses a new password.
pub async fn link(
    State(app): State<App>,
    visit: Visit,
    Path(id): Path<i64>,
    _form: Form,
) -> Answer {
    let account = of_id(&app, id).await?;
    let act = format!("Make a link by which {} chooses a new password", account.email);
    visit.prove_to(&act, &format!("{HERE}/{id}"))?;
    show_link(&app, &visit, &account).await
}

async fn show_link(app: &App, visit: &Visit, account: &Account) -> Answer {
    let actor = visit.actor();
    let code = accounts::password_link(app.db(), account, &visit.act(&actor)).await?;
    let email = account.email.as_str();
    answer::html(&LinkView {
        page: visit.page("Link to choose a password"),
        name: account.name.clone(),
        email: email.to_owned(),
        link: format!("{}/password/{}", app.site.base_url(visit.arrival()), code.expose()),
        command: format!("rollcall account reset-password {}", shell_word(email)),
    })
}

pub async fn end_session(
    State(app): State<App>,
    visit: Visit,
    Path((id, session)): Path<(i64, i64)>,
    _form: Form,
) -> Answer {
    let account = of_id(&app, id).await?;
    let here = format!("{HERE}/{id}");
    visit.prove_to(&format!("End a session of {}", account.email), &here)?;
    let actor = visit.actor();
    let act = visit.act(&actor);
    if !sessions::end(app.db(), &account, SessionId(session), &act).await? {
        return Err(Refusal::NotFound("This sign-in has ended already.".to_owned()));
    }
    Ok(visit.done("The session was ended.", &here))
}

pub async fn end_sessions(
    State(app): State<App>,
    visit: Visit,
    Path(id): Path<i64>,
    _form: Form,
) -> Answer {
    let account = of_id(&app, id).await?;
    let here = format!("{HERE}/{id}");
    visit.prove_to(&format!("Sign {} out everywhere", account.email), &here)?;
    let actor = visit.actor();
    accounts::sign_out_everywhere(app.db(), &account, &visit.act(&actor)).await?;
    Ok(visit.done(format!("{} is signed out everywhere.", account.name), &here))
}

async fn of_id(app: &App, id: i64) -> Result<Account, Refusal> {
    let account = accounts::with_id(app.db(), AccountId(id)).await?;
    account.ok_or_else(|| Refusal::NotFound("This account was deleted.".to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::web::answer::samples::{self, HOSTILE, check};

    fn moment() -> Moment {
        let at = "2026-11-25T22:14:03Z".parse().unwrap();
        Moment::new(at, at)
    }

    #[test]
    fn everybody_sees_the_accounts_and_admins_change_them() {
        for role in Role::ALL {
            let row = Row {
                id: 1,
                name: HOSTILE.to_owned(),
                email: HOSTILE.to_owned(),
                role: "Admin",
                state: "Enabled",
                signed_in: Some(moment()),
            };
            let mut form = Form::parse(b"email=x&role=operator").unwrap();
            form.error("email", HOSTILE);
            let view = ListView {
                page: samples::page("Accounts", HERE, role),
                tabs: TABS,
                tab: "Accounts",
                rows: vec![row],
                form: form.typed(),
                roles: Role::ALL,
                may_edit: role == Role::Admin,
                ask: HOSTILE.to_owned(),
            };
            let text = check(&view);
            let can_create = text.contains("action=\"/settings/accounts\"");
            assert_eq!(can_create, role == Role::Admin, "{text}");
        }
    }

    #[test]
    fn an_account_shows_where_it_is_signed_in() {
        let session = SessionRow {
            id: 9,
            address: HOSTILE.to_owned(),
            program: HOSTILE.to_owned(),
            begun: moment(),
            seen: moment(),
            is_this: false,
        };
        for sessions in [vec![], vec![session]] {
            check(&View {
                page: samples::page(HOSTILE, "/settings/accounts/1", Role::Admin),
                id: 1,
                email: HOSTILE.to_owned(),
                state: "Disabled",
                form: Typed::fresh([("name", HOSTILE.to_owned())]),
                roles: Role::ALL,
                sessions,
                created: moment(),
                edit_command: HOSTILE.to_owned(),
                edit_follows: HOSTILE.to_owned(),
                link_command: HOSTILE.to_owned(),
                session_commands: vec![(HOSTILE.to_owned(), HOSTILE.to_owned())],
                delete_command: HOSTILE.to_owned(),
            });
        }
        check(&LinkView {
            page: samples::page("Link", "/settings/accounts", Role::Admin),
            name: HOSTILE.to_owned(),
            email: HOSTILE.to_owned(),
            link: "https://here/password/x".to_owned(),
            command: HOSTILE.to_owned(),
        });
    }
}
