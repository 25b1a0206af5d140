//! `rollcall account`: who may sign in to the pages, and what they may do.

use std::path::PathBuf;

use clap::ValueEnum;
use jiff::Timestamp;
use reconcile::figure::counted;
use serde::Serialize;

use crate::cli::context::{Context, Setup};
use crate::cli::exit::CliError;
use crate::cli::output::Tone;
use crate::cli::{confirm, output};
use crate::config;
use crate::secret::Secret;
use crate::store::accounts::{self, Account, Edit, NewAccount};
use crate::store::sessions::{self, Session, SessionId};

#[derive(Debug, clap::Subcommand)]
pub enum Command {
    /// Make an account; without a password file it prints a link to choose a password, once
    Create(CreateArgs),
    /// List accounts
    List,
    /// Give an account another name or role, or take away that it may sign in
    Edit(EditArgs),
    /// Delete an account and end its sessions; what it did stays in the audit log
    Delete(DeleteArgs),
    /// Print a link to choose a new password, or set the one of a file
    ResetPassword(ResetArgs),
    /// List where an account is signed in, or end that
    Sessions(SessionsArgs),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Role {
    /// Sees everything but secrets
    Viewer,
    /// Also simulates, syncs, stops runs and syncs single users
    Operator,
    /// Also approves and rejects held plans
    Approver,
    /// Also changes connectors, targets, accounts and settings
    Admin,
}

#[derive(Debug, clap::Args)]
pub struct CreateArgs {
    /// The e-mail address to sign in with
    email: String,
    /// What the person is called; otherwise the first part of the address
    #[arg(long)]
    name: Option<String>,
    #[arg(long, value_enum)]
    role: Role,
    /// A file that holds the password
    #[arg(long, value_name = "FILE")]
    password_file: Option<PathBuf>,
}

#[derive(Debug, clap::Args)]
pub struct EditArgs {
    email: String,
    #[arg(long)]
    name: Option<String>,
    #[arg(long, value_enum)]
    role: Option<Role>,
    /// It may not sign in any more, and is signed out everywhere
    #[arg(long, conflicts_with = "enable")]
    disable: bool,
    /// It may sign in again
    #[arg(long)]
    enable: bool,
}

#[derive(Debug, clap::Args)]
pub struct DeleteArgs {
    email: String,
    /// The e-mail address again
    #[arg(long, value_name = "EMAIL")]
    confirm: Option<String>,
}

#[derive(Debug, clap::Args)]
pub struct ResetArgs {
    email: String,
    /// A file that holds the new password; the account is signed out everywhere
    #[arg(long, value_name = "FILE")]
    password_file: Option<PathBuf>,
}

#[derive(Debug, clap::Args)]
pub struct SessionsArgs {
    email: String,
    /// End the session of this number
    #[arg(long, value_name = "ID", conflicts_with = "end_all")]
    end: Option<i64>,
    /// End all sessions of the account
    #[arg(long)]
    end_all: bool,
}

#[derive(Serialize)]
struct AccountAnswer {
    email: String,
    name: String,
    role: &'static str,
    enabled: bool,
    has_password: bool,
    created_at: String,
    signed_in_at: Option<String>,
}

#[derive(Serialize)]
struct ListAnswer {
    accounts: Vec<AccountAnswer>,
}

#[derive(Serialize)]
struct SessionsAnswer {
    sessions: Vec<SessionAnswer>,
}

#[derive(Serialize)]
struct LinkAnswer {
    #[serde(flatten)]
    account: AccountAnswer,
    /// Below the address of the service; none where a password was given.
    link: Option<String>,
}

#[derive(Serialize)]
struct SessionAnswer {
    id: i64,
    address: String,
    program: String,
    created_at: String,
    seen_at: String,
}

#[derive(Serialize)]
struct EndedAnswer {
    ended: u64,
}

impl From<Role> for accounts::Role {
    fn from(role: Role) -> accounts::Role {
        match role {
            Role::Viewer => accounts::Role::Viewer,
            Role::Operator => accounts::Role::Operator,
            Role::Approver => accounts::Role::Approver,
            Role::Admin => accounts::Role::Admin,
        }
    }
}

pub async fn run(command: Command, setup: Setup) -> Result<(), CliError> {
    let context = Context::open_or_create(setup).await?;
    match command {
        Command::Create(args) => create(&context, &args).await?,
        Command::List => list(&context).await?,
        Command::Edit(args) => edit(&context, &args).await?,
        Command::Delete(args) => delete(&context, &args).await?,
        Command::ResetPassword(args) => reset_password(&context, &args).await?,
        Command::Sessions(args) => show_sessions(&context, &args).await?,
    }
    context.close().await;
    Ok(())
}

async fn create(context: &Context, args: &CreateArgs) -> Result<(), CliError> {
    let password = password_of(args.password_file.as_ref())?;
    let first = args.email.split('@').next().unwrap_or_default();
    let new = NewAccount {
        email: &args.email,
        name: args.name.as_deref().unwrap_or(first),
        role: args.role.into(),
        password: password.as_ref(),
    };
    let account = accounts::create(&context.db, &new, &context.act()).await?;
    let link = match password {
        Some(_) => None,
        None => Some(new_link(context, &account).await?),
    };
    tell_link(context, &account, link, "was made. It can sign in with that password.");
    Ok(())
}

async fn list(context: &Context) -> Result<(), CliError> {
    let accounts = accounts::list(&context.db).await?;
    let answer = ListAnswer { accounts: accounts.iter().map(answer).collect() };
    context.output.answer(&answer, |answer| {
        if answer.accounts.is_empty() {
            return "No accounts yet. Create an admin: rollcall account create EMAIL --role admin"
                .to_owned();
        }
        let row = |it: &AccountAnswer| {
            let state = match (it.enabled, it.has_password) {
                (false, _) => "disabled",
                (true, false) => "has to choose a password",
                (true, true) => it.signed_in_at.as_deref().unwrap_or("never signed in"),
            };
            [it.email.clone(), it.name.clone(), it.role.to_owned(), state.to_owned()]
        };
        let rows: Vec<_> = answer.accounts.iter().map(row).collect();
        output::table(["E-MAIL", "NAME", "ROLE", "LAST SIGN-IN"], &rows)
    });
    Ok(())
}

async fn edit(context: &Context, args: &EditArgs) -> Result<(), CliError> {
    let account = accounts::find(&context.db, &args.email).await?;
    let to = Edit {
        name: args.name.as_deref().unwrap_or(&account.name),
        role: args.role.map_or(account.role, Into::into),
        enabled: (account.enabled || args.enable) && !args.disable,
    };
    let edited = accounts::edit(&context.db, &account, &to, &context.act()).await?;
    context.output.answer(&answer(&edited), |it| {
        let state = if it.enabled { "may sign in" } else { "may not sign in" };
        format!("{} is {} ({}), and {state}.", it.email, it.role, it.name)
    });
    Ok(())
}

async fn delete(context: &Context, args: &DeleteArgs) -> Result<(), CliError> {
    let account = accounts::find(&context.db, &args.email).await?;
    let loss = "Whoever has the account is signed out for good.";
    confirm("account", &account.email, args.confirm.as_deref(), loss)?;
    accounts::delete(&context.db, &account, &context.act()).await?;
    context.output.answer(&answer(&account), |it| format!("Deleted the account {}.", it.email));
    Ok(())
}

async fn reset_password(context: &Context, args: &ResetArgs) -> Result<(), CliError> {
    let account = accounts::find(&context.db, &args.email).await?;
    let link = match password_of(args.password_file.as_ref())? {
        Some(password) => {
            accounts::set_password(&context.db, &account, &password, &context.act()).await?;
            None
        }
        None => Some(new_link(context, &account).await?),
    };
    tell_link(context, &account, link, "has a new password. It is signed out everywhere else.");
    Ok(())
}

async fn show_sessions(context: &Context, args: &SessionsArgs) -> Result<(), CliError> {
    let account = accounts::find(&context.db, &args.email).await?;
    if args.end_all {
        let ended = accounts::sign_out_everywhere(&context.db, &account, &context.act()).await?;
        let answer = EndedAnswer { ended };
        context.output.answer(&answer, |it| {
            let ended = usize::try_from(it.ended).unwrap_or(usize::MAX);
            format!("Ended {}.", counted(ended, "session", "sessions"))
        });
        return Ok(());
    }
    if let Some(id) = args.end {
        let ended = sessions::end(&context.db, &account, SessionId(id), &context.act()).await?;
        if !ended {
            return Err(CliError::usage(format!("{} has no session {id}.", account.email)));
        }
        context.output.answer(&EndedAnswer { ended: 1 }, |_| format!("Ended session {id}."));
        return Ok(());
    }
    let sessions = sessions::list(&context.db, account.id, Timestamp::now()).await?;
    let answer = SessionsAnswer { sessions: sessions.into_iter().map(session_answer).collect() };
    context.output.answer(&answer, |answer| {
        if answer.sessions.is_empty() {
            return format!("{} is signed in nowhere.", account.email);
        }
        let row = |it: &SessionAnswer| {
            let id = it.id.to_string();
            [id, it.address.clone(), it.seen_at.clone(), it.program.clone()]
        };
        let rows: Vec<_> = answer.sessions.iter().map(row).collect();
        output::table(["ID", "ADDRESS", "LAST USED", "BROWSER"], &rows)
    });
    Ok(())
}

fn password_of(file: Option<&PathBuf>) -> Result<Option<Secret>, CliError> {
    Ok(file.map(|it| config::secret_of_file(it)).transpose()?)
}

async fn new_link(context: &Context, account: &Account) -> Result<String, CliError> {
    let code = accounts::password_link(&context.db, account, &context.act()).await?;
    Ok(format!("/password/{}", code.expose()))
}

fn tell_link(context: &Context, account: &Account, link: Option<String>, made: &str) {
    let (email, output) = (account.email.clone(), context.output);
    let answer = LinkAnswer { account: answer(account), link };
    output.answer(&answer, |it| match &it.link {
        None => format!("{email} {made}"),
        Some(link) => format!(
            "{email} chooses a password at this address of the service, once, within 24 hours:\n  {}",
            output.paint(Tone::Strong, link)
        ),
    });
}

fn answer(account: &Account) -> AccountAnswer {
    AccountAnswer {
        email: account.email.as_str().to_owned(),
        name: account.name.clone(),
        role: account.role.word(),
        enabled: account.enabled,
        has_password: account.has_password,
        created_at: account.created_at.to_string(),
        signed_in_at: account.signed_in_at.map(|it| it.to_string()),
    }
}

fn session_answer(session: Session) -> SessionAnswer {
    SessionAnswer {
        id: session.id.0,
        address: session.address,
        program: session.program,
        created_at: session.created_at.to_string(),
        seen_at: session.seen_at.to_string(),
    }
}
