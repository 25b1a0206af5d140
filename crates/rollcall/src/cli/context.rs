//! What a command works with: the open database, the seal, the configuration and the output.

use std::fs::{DirBuilder, OpenOptions};
use std::os::unix::fs::{DirBuilderExt, MetadataExt as _, OpenOptionsExt};
use std::path::Path;
use std::sync::Arc;

use jiff::Timestamp;
use serde_json::json;

use crate::cli::exit::{CliError, Exit};
use crate::cli::output::Output;
use crate::config::{self, Config, Database, Environment};
use crate::run::{self, Engine};
use crate::seal::{KeySource, Seal};
use crate::source::onelogin::OneLogin;
use crate::store::Db;
use crate::store::audit::actor::{Act, Actor};
use crate::store::audit::changes::Changes;
use crate::store::audit::{self, Action, Entry};
use crate::store::connectors::{self, Connector};

/// How this process was asked to run, before anything is opened.
#[derive(Debug)]
pub struct Setup {
    pub config: Config,
    pub environment: Environment,
    pub output: Output,
}

#[derive(Debug)]
pub struct Context {
    pub db: Db,
    pub seal: Arc<Seal>,
    pub config: Config,
    pub environment: Environment,
    pub output: Output,
    /// Who types this command.
    pub operator: Actor,
}

impl Context {
    /// Opens what is there. A mistyped directory is told, not filled.
    pub async fn open(setup: Setup) -> Result<Context, CliError> {
        if let Database::Sqlite(file) = &setup.config.database
            && !file.exists()
        {
            return Err(CliError::new(
                Exit::ConfigurationInvalid,
                format!(
                    "There is no Rollcall data in {0}. Name the right directory with --data-dir, \
                     or begin with `rollcall init --data-dir {0}`.",
                    setup.config.data_dir.display()
                ),
            ));
        }
        Context::open_or_create(setup).await
    }

    /// Opens what is there, and makes what is not.
    pub async fn open_or_create(setup: Setup) -> Result<Context, CliError> {
        let db = open_database(&setup.config).await?;
        Context::new(setup, db).await
    }

    /// Opens a database whose key is lost, with a new key and without the secrets it had. A key
    /// that is still there is kept.
    pub async fn open_without_key(setup: Setup) -> Result<Context, CliError> {
        let db = open_database(&setup.config).await?;
        if let KeySource::DataDirectory(file) = &setup.config.key
            && !file.exists()
        {
            let operator = operator(&setup.environment);
            connectors::forget_client_secrets(&db, &operator.act(Timestamp::now())).await?;
        }
        Context::new(setup, db).await
    }

    async fn new(setup: Setup, db: Db) -> Result<Context, CliError> {
        let Setup { config, environment, output } = setup;
        let seal = Arc::new(Seal::open(&config.key, connectors::sealed_with(&db).await?)?);
        let operator = operator(&environment);
        record_installation(&db, &operator.act(Timestamp::now())).await?;
        Ok(Context { db, seal, config, environment, output, operator })
    }

    /// What the one who types this command does now, for the audit log.
    pub fn act(&self) -> Act<'_> {
        self.operator.act(Timestamp::now())
    }

    /// What every run of this process needs.
    pub fn engine(&self) -> Engine {
        Engine::new(self.db.clone(), Arc::clone(&self.seal), self.config.allow_loopback)
    }

    /// The source of a connector, ready to be read.
    pub async fn source(&self, connector: &Connector) -> Result<OneLogin, CliError> {
        Ok(run::source(&self.engine(), connector).await?)
    }

    /// Leaves the database as one whole file.
    pub async fn close(self) {
        self.db.close().await;
    }
}

/// The user of the operating system. Behind `sudo` it is the one who called it.
fn operator(environment: &Environment) -> Actor {
    let host = whoami::hostname().unwrap_or_else(|_| "unknown host".to_owned());
    let user = whoami::username().unwrap_or_else(|_| {
        // A container often has no name for its user.
        let owner = std::fs::metadata("/proc/self").map(|it| it.uid());
        owner.map_or_else(|_| "unknown user".to_owned(), |id| format!("user {id}"))
    });
    match environment.value(config::SUDO_USER) {
        Some(caller) if user == "root" => Actor::command_line(caller, &format!("{host}, sudo")),
        Some(_) | None => Actor::command_line(&user, &host),
    }
}

/// The first entry of every audit log.
async fn record_installation(db: &Db, act: &Act<'_>) -> Result<(), CliError> {
    if !audit::is_empty(db).await? {
        return Ok(());
    }
    let engine = match db {
        Db::Sqlite(_) => "SQLite",
        Db::Postgres(_) => "PostgreSQL",
    };
    let created = json!({ "database": engine, "version": env!("CARGO_PKG_VERSION") });
    let changes = Changes::created(&created).and_secret("key");
    let mut tx = db.begin().await?;
    let entry = Entry::new(Action::InstallationCreate, "", "").with(changes);
    // Of two processes that find the log empty, the second takes its entry back.
    if audit::append(&mut tx, act, &entry).await? == 1 {
        tx.commit().await?;
    } else {
        tx.rollback().await?;
    }
    Ok(())
}

async fn open_database(config: &Config) -> Result<Db, CliError> {
    let needs_dir = matches!(config.database, Database::Sqlite(_))
        || matches!(config.key, KeySource::DataDirectory(_));
    if needs_dir {
        make_private_dir(&config.data_dir)?;
    }
    match &config.database {
        Database::Sqlite(file) => {
            make_private_file(file)?;
            Ok(Db::open_sqlite(file).await?)
        }
        Database::Postgres(url) => Ok(Db::open_postgres(url.expose()).await?),
    }
}

fn make_private_dir(dir: &Path) -> Result<(), CliError> {
    DirBuilder::new().recursive(true).mode(0o700).create(dir).map_err(|error| {
        CliError::new(
            Exit::ConfigurationInvalid,
            format!(
                "The data directory {} cannot be made: {error}. Name another one with --data-dir.",
                dir.display()
            ),
        )
    })
}

/// SQLite would make the file readable for everybody, in a directory that may be so as well.
fn make_private_file(file: &Path) -> Result<(), CliError> {
    let opened = OpenOptions::new().append(true).create(true).mode(0o600).open(file);
    opened.map(|_| ()).map_err(|error| {
        CliError::new(
            Exit::ConfigurationInvalid,
            format!(
                "The database {} cannot be opened: {error}. \
                 Check who may write it, or name another directory with --data-dir.",
                file.display()
            ),
        )
    })
}
