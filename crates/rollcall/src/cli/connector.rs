//! `rollcall connector`: configured sources.

mod answer;
mod check;
mod groups;
mod leavers;
mod map;
mod mapping;
mod preview;
mod schedule;
mod scope;
mod secret;

use std::fs;
use std::path::{Path, PathBuf};

use clap::builder::PossibleValuesParser;
use serde::Serialize;

use crate::cli::connector::answer::ConnectorAnswer;
use crate::cli::context::{Context, Setup};
use crate::cli::exit::{CliError, Exit};
use crate::cli::output;
use crate::health::{self, ConnectorHealth};
use crate::notation::choices::{self, Choices};
use crate::notation::file::ConnectorFile;
use crate::notation::{shell_quoted, shell_word};
use crate::people::names::{self, Lookup};
use crate::people::preview::head_count;
use crate::secret::Secret;
use crate::source::onelogin::settings::{ScopeSettings, Settings};
use crate::store::connectors::settings::{ConnectorSettings, FieldError};
use crate::store::connectors::{self, Connector, Provider};
use crate::store::leases;
use crate::store::schedules;
use crate::store::targets;

#[derive(Debug, clap::Subcommand)]
pub enum Command {
    /// Make a connector
    Create(Box<CreateArgs>),
    /// List connectors
    List,
    /// Show a connector and what it feeds
    Show(ShowArgs),
    /// Change a connector; what is not named stays as it is
    Edit(Box<EditArgs>),
    /// Count who would take part, and the API calls of a run; saves and changes nothing
    Scope(Box<scope::ScopeArgs>),
    /// Try what becomes of people's attributes, on one person or on everybody; saves and changes nothing
    Map(Box<map::MapArgs>),
    /// Try everything that a sync needs; changes nothing
    Test(check::TestArgs),
    /// Keep a connector from running by itself; it can still be run by hand
    Pause(PauseArgs),
    /// Let a paused connector run by itself again, from its next time on
    Resume(ResumeArgs),
    /// Make another connector with the settings of one, but for its client secret; its schedule is off
    Duplicate(DuplicateArgs),
    /// Print a connector as a file for `connector create --from`; it holds no secret
    Export(ShowArgs),
    /// Delete a connector that feeds no target
    Delete(DeleteArgs),
}

#[derive(Debug, clap::Args)]
pub struct CreateArgs {
    /// What to call it, for example onelogin
    name: String,
    /// The identity provider
    #[arg(long, default_value = "onelogin",
          value_parser = PossibleValuesParser::new([Provider::OneLogin.word()]))]
    provider: String,
    /// Begin with the settings of a file that `connector export` wrote; flags count more than the file
    #[arg(long, value_name = "FILE")]
    from: Option<PathBuf>,
    /// Where the OneLogin account is: us, eu, a subdomain or a URL
    #[arg(long, value_name = "us|eu|SUBDOMAIN|URL", required_unless_present = "from")]
    base_url: Option<String>,
    /// Client ID of a credential with the scope Read users
    #[arg(long, value_name = "ID", required_unless_present = "from")]
    client_id: Option<String>,
    /// The file that holds the client secret, or - for standard input (or `ROLLCALL_CLIENT_SECRET`)
    #[arg(long, value_name = "FILE")]
    client_secret_file: Option<PathBuf>,
    #[command(flatten)]
    choices: Choices,
}

#[derive(Debug, clap::Args)]
pub struct ShowArgs {
    name: String,
}

#[derive(Debug, clap::Args)]
pub struct EditArgs {
    name: String,
    /// Another name for it
    #[arg(long, value_name = "NAME")]
    rename: Option<String>,
    /// Where the OneLogin account is; needs the client secret again
    #[arg(long, value_name = "us|eu|SUBDOMAIN|URL")]
    base_url: Option<String>,
    /// Client ID of a credential with the scope Read users
    #[arg(long, value_name = "ID")]
    client_id: Option<String>,
    /// The file that holds the client secret, or - for standard input (or `ROLLCALL_CLIENT_SECRET`)
    #[arg(long, value_name = "FILE")]
    client_secret_file: Option<PathBuf>,
    /// Show what that would do, by the last read and without an API call; saves and changes nothing
    #[arg(long)]
    preview: bool,
    /// Save groups and custom attributes that the last read does not have, to be made in OneLogin later
    #[arg(long, conflicts_with = "preview")]
    even_if_unknown: bool,
    #[command(flatten)]
    choices: Choices,
}

#[derive(Debug, clap::Args)]
pub struct PauseArgs {
    name: String,
    /// Why, for whoever wonders later
    #[arg(long, value_name = "TEXT")]
    reason: String,
}

#[derive(Debug, clap::Args)]
pub struct ResumeArgs {
    name: String,
    /// Why, for the audit log
    #[arg(long, value_name = "TEXT", default_value = "")]
    reason: String,
}

#[derive(Debug, clap::Args)]
pub struct DuplicateArgs {
    name: String,
    /// What to call the copy
    new: String,
}

#[derive(Debug, clap::Args)]
pub struct DeleteArgs {
    name: String,
    /// The name of the connector again
    #[arg(long, value_name = "NAME")]
    confirm: Option<String>,
}

#[derive(Serialize)]
struct ListAnswer {
    connectors: Vec<ConnectorAnswer>,
}

#[derive(Serialize)]
struct DeleteAnswer {
    deleted: String,
}

pub async fn run(command: Command, setup: Setup) -> Result<Exit, CliError> {
    let context = match &command {
        Command::Create(_) => Context::open_or_create(setup).await?,
        Command::List
        | Command::Show(_)
        | Command::Edit(_)
        | Command::Scope(_)
        | Command::Map(_)
        | Command::Test(_)
        | Command::Pause(_)
        | Command::Resume(_)
        | Command::Duplicate(_)
        | Command::Export(_)
        | Command::Delete(_) => Context::open(setup).await?,
    };
    let done = match command {
        Command::Create(args) => create(*args, &context).await.map(|()| Exit::Ok),
        Command::List => list(&context).await.map(|()| Exit::Ok),
        Command::Show(args) => show(&args, &context).await.map(|()| Exit::Ok),
        Command::Edit(args) => edit(*args, &context).await,
        Command::Scope(args) => scope::run(&args, &context).await,
        Command::Map(args) => Box::pin(map::run(&args, &context)).await,
        Command::Test(args) => check::run(&args, &context).await.map(|()| Exit::Ok),
        Command::Pause(args) => pause(&args, &context).await.map(|()| Exit::Ok),
        Command::Resume(args) => resume(&args, &context).await.map(|()| Exit::Ok),
        Command::Duplicate(args) => duplicate(&args, &context).await.map(|()| Exit::Ok),
        Command::Export(args) => export(&args, &context).await.map(|()| Exit::Ok),
        Command::Delete(args) => delete(&args, &context).await.map(|()| Exit::Ok),
    };
    context.close().await;
    done
}

async fn create(args: CreateArgs, context: &Context) -> Result<(), CliError> {
    let Some(provider) = Provider::from_word(&args.provider) else {
        return Err(CliError::usage(format!("There is no provider {}.", args.provider)));
    };
    let mut plain = match &args.from {
        Some(file) => settings_of_file(file)?,
        None => plain(String::new(), String::new()),
    };
    let source = &mut plain.source;
    let base_url = args.base_url.as_ref().unwrap_or(&source.base_url);
    source.base_url =
        choices::base_url_of(base_url, context.config.allow_loopback).map_err(CliError::usage)?;
    let client_id = args.client_id.as_ref().unwrap_or(&source.client_id);
    source.client_id = choices::client_id_of(client_id).map_err(CliError::usage)?;
    let settings = args.choices.apply(&plain).map_err(CliError::usage)?;
    // Nothing was read of a new connector, so all that can be told is what was not looked for.
    let Lookup { unknown: _, unchecked } = names::look_up(&context.db, None, &settings).await?;
    let secret = required_secret(&args, context)?;
    let connector = connectors::create(
        &context.db,
        &context.seal,
        &args.name,
        provider,
        &settings,
        &secret,
        &context.act(),
    )
    .await?;
    let health = health_of(&connector, context).await?;
    let answer = ConnectorAnswer::new(&connector, &[], &health);
    context.output.answer(&answer, |it| {
        format!(
            "{}\n\nThe client secret is stored encrypted and never shown again.\n\
             Next: rollcall connector test {name}\n\
             \x20     rollcall target create jira --connector {name} --type crowd",
            it.text(),
            name = shell_quoted(&it.name)
        )
    });
    note_unchecked(unchecked, context);
    Ok(())
}

/// A connector of which nothing is chosen but where its account is.
fn plain(base_url: String, client_id: String) -> ConnectorSettings {
    ConnectorSettings::new(Settings {
        base_url,
        client_id,
        groups_from: choices::GROUPS_FROM_BY_DEFAULT.into(),
        required_groups: Vec::new(),
        scope: ScopeSettings::default(),
        statuses: Vec::new(),
        minimum_remaining_api_calls: choices::MINIMUM_REMAINING_API_CALLS_BY_DEFAULT,
    })
}

fn settings_of_file(file: &Path) -> Result<ConnectorSettings, CliError> {
    let refused = |why: String| CliError::usage(format!("{}: {why}", file.display()));
    let text = fs::read_to_string(file).map_err(|error| refused(format!("{error}.")))?;
    Ok(ConnectorFile::read(&text).map_err(refused)?.settings)
}

fn required_secret(args: &CreateArgs, context: &Context) -> Result<Secret, CliError> {
    let secret = secret::client_secret_of(args.client_secret_file.as_deref(), context)?;
    secret.ok_or_else(|| {
        CliError::usage(
            "The client secret is missing. Give the file that holds it with \
             --client-secret-file FILE (- is standard input), or set ROLLCALL_CLIENT_SECRET.",
        )
    })
}

async fn list(context: &Context) -> Result<(), CliError> {
    let mut answers = Vec::new();
    let connectors = connectors::list(&context.db).await?;
    let now = context.db.now().await?;
    let healths = health::of_connectors(&context.db, &connectors, now).await?;
    for connector in &connectors {
        let targets = targets::of_connector(&context.db, connector.id).await?;
        let Some(health) = healths.get(&connector.id) else { continue };
        answers.push(ConnectorAnswer::new(connector, &targets, health));
    }
    context.output.answer(&ListAnswer { connectors: answers }, list_text);
    Ok(())
}

async fn show(args: &ShowArgs, context: &Context) -> Result<(), CliError> {
    let connector = connectors::find(&context.db, &args.name).await?;
    tell(&connector, context).await
}

async fn tell(connector: &Connector, context: &Context) -> Result<(), CliError> {
    let targets = targets::of_connector(&context.db, connector.id).await?;
    let health = health_of(connector, context).await?;
    let answer = ConnectorAnswer::new(connector, &targets, &health);
    context.output.answer(&answer, ConnectorAnswer::text);
    Ok(())
}

async fn health_of(connector: &Connector, context: &Context) -> Result<ConnectorHealth, CliError> {
    const SLOTS: usize = 5;
    leases::end_abandoned(&context.db).await?;
    let now = context.db.now().await?;
    Ok(health::of_connector(&context.db, connector, now, SLOTS).await?)
}

async fn pause(args: &PauseArgs, context: &Context) -> Result<(), CliError> {
    let connector = connectors::find(&context.db, &args.name).await?;
    let reason = args.reason.trim();
    if reason.is_empty() {
        return Err(CliError::usage("The reason is empty. Say why, with --reason TEXT."));
    }
    let act = context.act().because(reason);
    if !schedules::pause(&context.db, &connector, &act).await? {
        let name = &connector.name;
        return Err(CliError::usage(format!("The connector \"{name}\" is paused already.")));
    }
    tell(&connector, context).await
}

async fn resume(args: &ResumeArgs, context: &Context) -> Result<(), CliError> {
    let connector = connectors::find(&context.db, &args.name).await?;
    let act = context.act().because(args.reason.trim());
    if !schedules::resume(&context.db, &connector, &act).await? {
        let name = &connector.name;
        return Err(CliError::usage(format!("The connector \"{name}\" is not paused.")));
    }
    tell(&connector, context).await
}

async fn edit(args: EditArgs, context: &Context) -> Result<Exit, CliError> {
    let before = connectors::find(&context.db, &args.name).await?;
    let mut settings = args.choices.apply(&before.settings).map_err(CliError::usage)?;
    if let Some(base_url) = &args.base_url {
        settings.source.base_url = choices::base_url_of(base_url, context.config.allow_loopback)
            .map_err(CliError::usage)?;
    }
    if let Some(client_id) = &args.client_id {
        settings.source.client_id = choices::client_id_of(client_id).map_err(CliError::usage)?;
    }
    if args.preview {
        return preview::show(&before, &settings, context).await;
    }
    let unchecked = look_up(&before, &settings, args.even_if_unknown, context).await?;
    let secret = secret::client_secret_of(args.client_secret_file.as_deref(), context)?;
    let after = connectors::edit(
        &context.db,
        &context.seal,
        &before,
        args.rename.as_deref().unwrap_or(before.name.as_str()),
        &settings,
        secret.as_ref(),
        &context.act(),
    )
    .await?;
    tell(&after, context).await?;
    note_unchecked(unchecked, context);
    for sentence in names::of_adopted(&context.db, &before, &after.settings).await? {
        context.output.note(&output::printable(&sentence));
    }
    note_head_count(&before, &after, context).await?;
    Ok(Exit::Ok)
}

/// Refuses names that the last read does not have, unless they are meant to be saved all the same.
/// Tells what could not be looked for.
async fn look_up(
    connector: &Connector,
    settings: &ConnectorSettings,
    even_if_unknown: bool,
    context: &Context,
) -> Result<Option<String>, CliError> {
    let Lookup { unknown, unchecked } =
        names::look_up(&context.db, Some(connector), settings).await?;
    match unknown.into_iter().next().filter(|_| !even_if_unknown) {
        None => Ok(unchecked),
        Some(FieldError { field, why }) => Err(FieldError {
            field,
            why: format!(
                "{why} If it is to be made in OneLogin later, add --even-if-unknown. Nothing was saved."
            ),
        }
        .into()),
    }
}

fn note_unchecked(unchecked: Option<String>, context: &Context) {
    if let Some(sentence) = unchecked {
        context.output.note(&output::printable(&sentence));
    }
}

/// Who takes part by other scope settings, where a read is kept that can tell.
async fn note_head_count(
    before: &Connector,
    after: &Connector,
    context: &Context,
) -> Result<(), CliError> {
    let is_same = |of: fn(&Connector) -> (&Vec<String>, &ScopeSettings)| of(before) == of(after);
    if is_same(|it| (&it.settings.source.required_groups, &it.settings.source.scope)) {
        return Ok(());
    }
    let counted = head_count(&context.db, after, &after.settings).await?;
    if let Some((in_scope, people)) = counted {
        let held = match in_scope {
            0 => " A run with these settings would be held: an empty source is never believed.",
            _ => "",
        };
        let take = if in_scope == 1 { "takes" } else { "take" };
        context
            .output
            .note(&format!("{in_scope} of {people} people {take} part, by the last read.{held}"));
    }
    Ok(())
}

async fn duplicate(args: &DuplicateArgs, context: &Context) -> Result<(), CliError> {
    let connector = connectors::find(&context.db, &args.name).await?;
    let copy = connectors::duplicate(&context.db, &connector, &args.new, &context.act()).await?;
    tell(&copy, context).await?;
    context.output.note(&format!(
        "Its client secret is missing, and its schedule is off. Next: rollcall connector edit {} \
         --client-secret-file FILE",
        shell_word(copy.name.as_str())
    ));
    Ok(())
}

async fn export(args: &ShowArgs, context: &Context) -> Result<(), CliError> {
    let connector = connectors::find(&context.db, &args.name).await?;
    let file = ConnectorFile::of(&connector);
    let text = file.text().map_err(|it| CliError::new(Exit::Failed, it.to_string()))?;
    context.output.answer(&file, |_| text.trim_end().to_owned());
    Ok(())
}

async fn delete(args: &DeleteArgs, context: &Context) -> Result<(), CliError> {
    let connector = connectors::find(&context.db, &args.name).await?;
    let loss = "Its settings and its client secret would be lost.";
    crate::cli::confirm("connector", &connector.name, args.confirm.as_deref(), loss)?;
    connectors::delete(&context.db, &connector, &context.act()).await?;
    let answer = DeleteAnswer { deleted: connector.name.to_string() };
    context.output.answer(&answer, |it| format!("Connector \"{}\" is deleted.", it.deleted));
    Ok(())
}

fn list_text(answer: &ListAnswer) -> String {
    if answer.connectors.is_empty() {
        return "No connector yet. Make one: rollcall connector create NAME --base-url .. \
                --client-id .. --client-secret-file .."
            .to_owned();
    }
    let row = |it: &ConnectorAnswer| {
        [
            it.name.clone(),
            it.health_label().to_owned(),
            it.last_run_text(),
            it.next_text(),
            it.provider.to_owned(),
            it.base_url.clone(),
            it.targets.join(", "),
        ]
    };
    let rows: Vec<_> = answer.connectors.iter().map(row).collect();
    let headings =
        ["CONNECTOR", "HEALTH", "LAST RUN", "NEXT RUN", "PROVIDER", "BASE URL", "TARGETS"];
    output::table(headings, &rows)
}

#[cfg(test)]
impl Command {
    /// Whether settings can be made of what is chosen, told without a connector.
    pub(super) fn check_choices(&self) -> Result<(), CliError> {
        let mut settings = plain("https://acme.onelogin.com".to_owned(), "id".to_owned());
        match self {
            Command::Create(args) => {
                settings = args.choices.apply(&settings).map_err(CliError::usage)?;
            }
            Command::Edit(args) => {
                settings = args.choices.apply(&settings).map_err(CliError::usage)?;
            }
            Command::Scope(args) => {
                args.choices.apply(&mut settings.source).map_err(CliError::usage)?;
            }
            Command::Map(args) => args.choices.apply(&mut settings).map_err(CliError::usage)?,
            Command::List
            | Command::Show(_)
            | Command::Test(_)
            | Command::Pause(_)
            | Command::Resume(_)
            | Command::Duplicate(_)
            | Command::Export(_)
            | Command::Delete(_) => {}
        }
        Ok(settings.check()?)
    }
}
