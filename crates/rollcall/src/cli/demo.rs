//! `rollcall demo`: the main job, on made-up people, with nothing to set up.

use std::collections::BTreeSet;
use std::fs;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jiff::{SignedDuration, Timestamp};
use reconcile::principal::User;
use sandbox::onelogin::{Data, Options, Population, Sandbox, Tenant};
use serde::Serialize;
use tokio::net::TcpListener;

use crate::cli::context::{Context, Setup};
use crate::cli::exit::{CliError, Exit};
use crate::cli::output::{Output, Tone};
use crate::cli::serve::{self, StopSignals};
use crate::cli::sync;
use crate::config::Config;
use crate::run::{Order, Ready};
use crate::seal;
use crate::secret::Secret;
use crate::source::onelogin::settings::{GroupSource, ScopeSettings, Settings};
use crate::store::accounts::{self, NewAccount, Role};
use crate::store::connectors::settings::ConnectorSettings;
use crate::store::connectors::{self, Connector, Provider};
use crate::store::runs::Trigger;
use crate::store::sessions::{self, Purpose};
use crate::store::targets::{self, Target, TargetId, TargetKind};
use crate::target::{crowd, password};
use crate::web;
use crate::web::site::Site;

#[derive(Debug, clap::Args)]
pub struct Args {
    /// How many people the sandbox has
    #[arg(long, value_name = "N", default_value_t = 300,
          value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
    users: u32,
    /// Where the service listens; without it, 127.0.0.1:8080 or any free port
    #[arg(long, value_name = "ADDR")]
    listen: Option<SocketAddr>,
}

const CONNECTOR: &str = "Demo";
const TARGET: &str = "jira-demo";
/// One seed, so that everybody meets the same people.
const SEED: u64 = 7;
const USUAL_PORT: u16 = 8080;
const EMAIL: &str = "demo@example.com";
const SIGN_IN_LINK_AGE: SignedDuration = SignedDuration::from_hours(12);

#[derive(Serialize)]
struct Answer {
    service: String,
    sign_in: String,
    email: &'static str,
    account_password: String,
    server_url: String,
    application: String,
    password: String,
    sandbox: String,
    client_id: String,
    data_dir: String,
    run: i64,
    status: &'static str,
    message: String,
}

/// Where a demo keeps its data; gone with it, unless somebody named the place.
#[derive(Debug)]
pub struct Folder {
    path: PathBuf,
    is_kept: bool,
}

impl Folder {
    pub fn new(given: Option<PathBuf>) -> Result<Folder, CliError> {
        if let Some(path) = given {
            return Ok(Folder { path, is_kept: true });
        }
        // Not to be guessed: the folder for temporary files belongs to everybody.
        let name = format!("rollcall-demo-{}", URL_SAFE_NO_PAD.encode(seal::random::<9>()?));
        Ok(Folder { path: std::env::temp_dir().join(name), is_kept: false })
    }

    pub fn path(&self) -> &Path {
        &self.path
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        if !self.is_kept
            && let Err(error) = fs::remove_dir_all(&self.path)
        {
            tracing::debug!("The demo's data could not be removed: {error}");
        }
    }
}

pub async fn run(args: Args, folder: &Folder, setup: Setup) -> Result<Exit, CliError> {
    // Whatever is set for a real installation is not the demo's business.
    let setup = Setup { config: Config::embedded(folder.path(), true), ..setup };
    let listener = listen(args.listen).await?;
    let address = listener.local_addr().map_err(|error| failed(&error))?;
    let context = Context::open_or_create(setup).await?;
    context.output.note(&format!("Making up {} people in a sandbox OneLogin ..", args.users));
    let sandbox = start_sandbox(args.users).await?;
    let connector = connector(&context, &sandbox).await?;
    let (target, password) = target(&context, &connector).await?;
    let ready = Ready::open(&context.engine(), CONNECTOR).await?;

    let actor = context.operator.clone();
    let order = Order::new(Trigger::Demo, actor);
    let finished = sync::run(&context, ready, &order).await?;
    let (sign_in, account_password) = sign_in(&context).await?;
    let answer = Answer {
        service: format!("http://{address}"),
        sign_in: format!("http://{address}/sign-in/{}", sign_in.expose()),
        email: EMAIL,
        account_password: account_password.expose().to_owned(),
        server_url: format!("http://{address}/crowd"),
        application: target.application,
        password: password.expose().to_owned(),
        sandbox: sandbox.base_url(),
        client_id: sandbox.client_id().to_owned(),
        data_dir: folder.path().display().to_string(),
        run: finished.run.0,
        status: finished.status.word(),
        message: finished.message.clone(),
    };
    let published = targets::published(&context.db, target.id).await?;
    let someone = somebody(&context, target.id).await?;
    let (engine, signals) = (context.engine(), StopSignals::listen()?);
    context.output.answer(&answer, |it| text(it, &published, someone.as_deref(), context.output));
    let command = context.config.command(&program(), &context.environment);
    let router = web::router(&engine, Site { command, ..Site::direct() });
    let served = serve::serve_until_stopped(listener, router, &engine, signals).await;
    serve::close(&context.db, &served).await;
    sandbox.stop().await;
    served.map(|_| Exit::Ok)
}

async fn listen(asked: Option<SocketAddr>) -> Result<TcpListener, CliError> {
    if let Some(address) = asked {
        return serve::listen(address).await;
    }
    let port = |port| SocketAddr::from((Ipv4Addr::LOCALHOST, port));
    match serve::listen(port(USUAL_PORT)).await {
        Ok(listener) => Ok(listener),
        Err(_taken) => serve::listen(port(0)).await,
    }
}

/// A link that signs in an admin once, and a password for what asks for one.
async fn sign_in(context: &Context) -> Result<(Secret, Secret), CliError> {
    let known = accounts::list(&context.db).await?;
    let account = match known.into_iter().find(|it| it.email.folded() == EMAIL) {
        Some(account) => account,
        None => {
            let new = NewAccount { email: EMAIL, name: "Demo", role: Role::Admin, password: None };
            accounts::create(&context.db, &new, &context.act()).await?
        }
    };
    let end = Timestamp::now().checked_add(SIGN_IN_LINK_AGE).unwrap_or(Timestamp::MAX);
    let purpose = Purpose::SignIn;
    let password = password::new_password()?;
    accounts::set_password(&context.db, &account, &password, &context.act()).await?;
    let link = sessions::new_code(&context.db, purpose, Some(account.id), end).await?;
    Ok((link, password))
}

async fn start_sandbox(users: u32) -> Result<Sandbox, CliError> {
    let population = Population {
        users,
        roles: (users / 25).clamp(8, 200),
        groups: (users / 60).clamp(4, 100),
        roles_per_user: 2,
        seed: SEED,
        data: Data::Odd,
    };
    let tenant = Tenant::generate(&population);
    sandbox::onelogin::start(tenant, Options::quiet(SEED)).await.map_err(|error| failed(&error))
}

/// The connector of an earlier demo in the same folder is pointed at the new sandbox.
async fn connector(context: &Context, sandbox: &Sandbox) -> Result<Connector, CliError> {
    let source = Settings {
        base_url: sandbox.base_url(),
        client_id: sandbox.client_id().to_owned(),
        groups_from: BTreeSet::from([
            GroupSource::MemberOf,
            GroupSource::Roles,
            GroupSource::Group,
        ]),
        required_groups: Vec::new(),
        scope: ScopeSettings::default(),
        statuses: Vec::new(),
        minimum_remaining_api_calls: 500,
    };
    let settings = ConnectorSettings::new(source);
    let secret = Secret::new(sandbox.client_secret().to_owned());
    let (db, seal, act) = (&context.db, &context.seal, context.act());
    let known = connectors::list(db).await?.into_iter().find(|it| it.name.as_str() == CONNECTOR);
    let connector = match known {
        Some(known) => {
            connectors::edit(db, seal, &known, known.name.as_str(), &settings, Some(&secret), &act)
                .await?
        }
        None => {
            let provider = Provider::OneLogin;
            connectors::create(db, seal, CONNECTOR, provider, &settings, &secret, &act).await?
        }
    };
    Ok(connector)
}

/// The target, and a password that is good for this demo.
async fn target(context: &Context, connector: &Connector) -> Result<(Target, Secret), CliError> {
    let (db, act) = (&context.db, context.act());
    let known = targets::of_connector(db, connector.id).await?;
    let Some(target) = known.into_iter().find(|it| it.name.as_str() == TARGET) else {
        return Ok(targets::create(db, connector, TARGET, TargetKind::Crowd, &act).await?);
    };
    let password = targets::rotate_password(db, &target, &act).await?;
    Ok((target, password))
}

/// Anybody of the directory, to try commands on.
async fn somebody(context: &Context, target: TargetId) -> Result<Option<Arc<User>>, CliError> {
    let directory = crowd::read(&context.db, target).await?.directory;
    let can_be_typed = |user: &&Arc<User>| user.active && user.username.as_str().is_ascii();
    Ok(directory.users.values().find(can_be_typed).map(Arc::clone))
}

fn text(
    answer: &Answer,
    published: &targets::Published,
    someone: Option<&User>,
    output: Output,
) -> String {
    let Answer {
        sign_in,
        email,
        account_password,
        server_url,
        application,
        password,
        sandbox,
        data_dir,
        ..
    } = answer;
    let strong = |text: &str| output.paint(Tone::Strong, text);
    let id = someone.and_then(|user| user.id.as_str().parse::<i64>().ok());
    let someone = someone.map_or("USERNAME", |user| user.username.as_str());
    let targets::Published { users, active_users, groups, memberships } = published;
    let title = strong(&format!(
        "Run {}: {}. The directory holds {users} users ({active_users} active), {groups} groups, {memberships} memberships.",
        answer.run, answer.status
    ));
    format!(
        "\n{title}
  {message}

{look}
  Pages                  {sign_in}  (signs you in, once)
    E-mail               {email}
    Password             {account_password}
  Directory for Jira     {server_url}  (type \"Atlassian Crowd\")
    Application name     {application}
    Application password {password}
  Sandbox OneLogin       {sandbox}
  Data                   {data_dir}

{next}, in another terminal:
  As Jira would look somebody up:
    curl -u {application}:{password} '{server_url}/rest/usermanagement/1/user?username={someone}'
  Why is somebody here:
    {rollcall} user explain {CONNECTOR} {someone} {flags}
  Somebody is suspended in OneLogin. What would the next run do? Then let it:
    curl -H 'content-type: application/json' {sandbox}/sandbox/commands -d '{suspend}'
    {rollcall} simulate {CONNECTOR} {flags}
    {rollcall} sync {CONNECTOR} {flags}
  What was done, person by person:
    {rollcall} run show {run} {flags}

{real} (guide: docs/guide/first-sync.md):
    {rollcall} init
    {rollcall} connector create OneLogin --provider onelogin --base-url SUBDOMAIN --client-id ID --client-secret-file FILE
    {rollcall} connector test OneLogin
    {rollcall} simulate OneLogin

Ctrl-C ends the demo.",
        message = answer.message,
        look = strong("Where to look"),
        next = strong("What to try next"),
        real = strong("Your own OneLogin account"),
        suspend = serde_json::json!({ "do": "update_user", "id": id, "set": { "status": 2 } }),
        rollcall = program(),
        flags = format_args!("--data-dir {data_dir} --allow-loopback"),
        run = answer.run,
    )
}

/// How this program was called, so that the commands can be copied.
fn program() -> String {
    std::env::args_os().next().map_or("rollcall".to_owned(), |it| it.to_string_lossy().into_owned())
}

fn failed(error: &std::io::Error) -> CliError {
    CliError::new(Exit::Failed, format!("The demo cannot start: {error}."))
}
