//! `rollcall target`: the directories that connectors keep equal.

use clap::builder::PossibleValuesParser;
use serde::Serialize;

use crate::cli::context::{Context, Setup};
use crate::cli::exit::CliError;
use crate::cli::output::{self, Output, Tone};
use crate::config;
use crate::notation::shell_quoted;
use crate::store::connectors;
use crate::store::targets::{self, Published, Target, TargetKind};

#[derive(Debug, clap::Subcommand)]
pub enum Command {
    /// Make a target; prints the application name and password that a product needs, once
    Create(CreateArgs),
    /// List targets
    List,
    /// Show a target and how a product reads it
    Show(ShowArgs),
    /// Give a target a new password, which is printed once; the one before is refused from then on
    RotatePassword(ShowArgs),
    /// Delete a target and everything it publishes
    Delete(DeleteArgs),
}

#[derive(Debug, clap::Args)]
pub struct CreateArgs {
    /// What to call it, for example after the product: jira
    name: String,
    /// The connector that feeds it
    #[arg(long, value_name = "CONNECTOR")]
    connector: String,
    /// What kind of directory
    #[arg(long = "type", value_name = "TYPE", default_value = "crowd",
          value_parser = PossibleValuesParser::new([TargetKind::Crowd.word()]))]
    kind: String,
}

#[derive(Debug, clap::Args)]
pub struct ShowArgs {
    name: String,
}

#[derive(Debug, clap::Args)]
pub struct DeleteArgs {
    name: String,
    /// The name of the target again: products that read it lose their users
    #[arg(long, value_name = "NAME")]
    confirm: Option<String>,
}

#[derive(Serialize)]
struct TargetAnswer {
    name: String,
    connector: String,
    #[serde(rename = "type")]
    kind: &'static str,
    application: String,
    created_at: String,
    published_at: Option<String>,
    last_read_at: Option<String>,
}

#[derive(Serialize)]
struct ListAnswer {
    targets: Vec<TargetAnswer>,
}

#[derive(Serialize)]
struct CreateAnswer {
    #[serde(flatten)]
    target: TargetAnswer,
    server_url: String,
    password: String,
}

#[derive(Serialize)]
struct ShowAnswer {
    #[serde(flatten)]
    target: TargetAnswer,
    server_url: String,
    users: u64,
    active_users: u64,
    groups: u64,
    memberships: u64,
}

#[derive(Serialize)]
struct DeleteAnswer {
    deleted: String,
}

pub async fn run(command: Command, setup: Setup) -> Result<(), CliError> {
    let context = Context::open(setup).await?;
    let done = match command {
        Command::Create(args) => create(args, &context).await,
        Command::List => list(&context).await,
        Command::Show(args) => show(&args, &context).await,
        Command::RotatePassword(args) => rotate_password(&args, &context).await,
        Command::Delete(args) => delete(&args, &context).await,
    };
    context.close().await;
    done
}

async fn create(args: CreateArgs, context: &Context) -> Result<(), CliError> {
    let connector = connectors::find(&context.db, &args.connector).await?;
    let Some(kind) = TargetKind::from_word(&args.kind) else {
        return Err(CliError::usage(format!("There is no target type {}.", args.kind)));
    };
    let (target, password) =
        targets::create(&context.db, &connector, &args.name, kind, &context.act()).await?;
    let answer = CreateAnswer {
        target: target_answer(&target),
        server_url: server_url(context)?,
        password: password.expose().to_owned(),
    };
    context.output.answer(&answer, |it| create_text(it, context.output));
    Ok(())
}

async fn list(context: &Context) -> Result<(), CliError> {
    let targets = targets::list(&context.db).await?;
    let answer = ListAnswer { targets: targets.iter().map(target_answer).collect() };
    context.output.answer(&answer, list_text);
    Ok(())
}

async fn show(args: &ShowArgs, context: &Context) -> Result<(), CliError> {
    let target = targets::find(&context.db, &args.name).await?;
    let Published { users, active_users, groups, memberships } =
        targets::published(&context.db, target.id).await?;
    let answer = ShowAnswer {
        target: target_answer(&target),
        server_url: server_url(context)?,
        users,
        active_users,
        groups,
        memberships,
    };
    context.output.answer(&answer, show_text);
    Ok(())
}

async fn rotate_password(args: &ShowArgs, context: &Context) -> Result<(), CliError> {
    let target = targets::find(&context.db, &args.name).await?;
    let password = targets::rotate_password(&context.db, &target, &context.act()).await?;
    let answer = CreateAnswer {
        target: target_answer(&target),
        server_url: server_url(context)?,
        password: password.expose().to_owned(),
    };
    context.output.answer(&answer, |it| create_text(it, context.output));
    Ok(())
}

async fn delete(args: &DeleteArgs, context: &Context) -> Result<(), CliError> {
    let target = targets::find(&context.db, &args.name).await?;
    let loss = "Products that read it lose the users and groups they have from it.";
    crate::cli::confirm("target", &target.name, args.confirm.as_deref(), loss)?;
    targets::delete(&context.db, &target, &context.act()).await?;
    let answer = DeleteAnswer { deleted: target.name.to_string() };
    context.output.answer(&answer, |it| format!("Target \"{}\" is deleted.", it.deleted));
    Ok(())
}

fn create_text(answer: &CreateAnswer, output: Output) -> String {
    let name = &answer.target.name;
    let steps = setup_steps(&answer.server_url, &answer.target.application);
    let password = output.paint(Tone::Strong, &answer.password);
    let once = output.paint(Tone::Warning, "This is the only time that the password is shown.");
    format!(
        "Target \"{name}\" is ready and waits for its first publication.\n\n\
         Application name      {}\n\
         Application password  {password}\n\
         {once}\n\n{steps}\n\n\
         Next: rollcall simulate {}",
        answer.target.application,
        shell_quoted(&answer.target.connector)
    )
}

fn show_text(answer: &ShowAnswer) -> String {
    let target = &answer.target;
    let never = || "never".to_owned();
    let facts = output::facts(&[
        ("Target", target.name.clone()),
        ("Type", target.kind.to_owned()),
        ("Connector", target.connector.clone()),
        ("Users", format!("{} ({} active)", answer.users, answer.active_users)),
        ("Groups", answer.groups.to_string()),
        ("Memberships", answer.memberships.to_string()),
        ("Published", target.published_at.clone().unwrap_or_else(never)),
        ("Last read", target.last_read_at.clone().unwrap_or_else(never)),
    ]);
    format!("{facts}\n\n{}", setup_steps(&answer.server_url, &target.application))
}

fn list_text(answer: &ListAnswer) -> String {
    if answer.targets.is_empty() {
        return "No target yet. Make one: rollcall target create NAME --connector CONNECTOR"
            .to_owned();
    }
    let row = |it: &TargetAnswer| {
        [
            it.name.clone(),
            it.kind.to_owned(),
            it.connector.clone(),
            it.application.clone(),
            it.published_at.clone().unwrap_or_else(|| "never".to_owned()),
            it.last_read_at.clone().unwrap_or_else(|| "never".to_owned()),
        ]
    };
    let rows: Vec<_> = answer.targets.iter().map(row).collect();
    output::table(["TARGET", "TYPE", "CONNECTOR", "APPLICATION", "PUBLISHED", "LAST READ"], &rows)
}

/// What to do in the product, step by step.
pub fn setup_steps(server_url: &str, application: &str) -> String {
    format!(
        "Set up in Jira: Administration > User management > User directories > Add directory > \
         Atlassian Crowd\n\
         (Confluence: General configuration > User Directories; \
         Bitbucket: Administration > User Directories)\n\
         \x20 1  Name                     Rollcall OneLogin\n\
         \x20 2  Server URL               {server_url}\n\
         \x20                             (`rollcall serve` as the product's machine reaches it)\n\
         \x20 3  Application Name         {application}\n\
         \x20 4  Application Password     as shown when the target was made\n\
         \x20 5  Crowd Permissions        Read Only\n\
         \x20 6  Advanced                 incremental synchronisation on, interval 10 min\n\
         \x20 7  Test Settings, then Save and Test, then Synchronise\n\
         Keep a local admin in the internal directory. People sign in by your SSO: \
         passwords never pass through here.\n\
         In Bitbucket, give the groups their global permissions, or nobody can sign in."
    )
}

/// Where products find the Crowd server of this service.
fn server_url(context: &Context) -> Result<String, CliError> {
    let address = config::listen(None, &context.environment)?;
    Ok(format!("http://{address}/crowd"))
}

fn target_answer(target: &Target) -> TargetAnswer {
    TargetAnswer {
        name: target.name.to_string(),
        connector: target.connector_name.to_string(),
        kind: target.kind.word(),
        application: target.application.clone(),
        created_at: target.created_at.to_string(),
        published_at: target.published_at.map(|it| it.to_string()),
        last_read_at: target.last_read_at.map(|it| it.to_string()),
    }
}
