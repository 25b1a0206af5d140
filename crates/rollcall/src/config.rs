//! How this process was told to run: flags first, then the environment, then defaults.
//!
//! This is the only module that reads the environment.

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use axum::http::Uri;

use crate::notation::shell_word;
use crate::seal::KeySource;
use crate::secret::Secret;
use crate::web::address::Network;

/// What was set for this process, and nothing else of its environment.
#[derive(Clone, Debug, Default)]
pub struct Environment(BTreeMap<&'static str, Secret>);

/// What the command line said about where and how to run.
#[derive(Clone, Debug, Default)]
pub struct Flags {
    pub data_dir: Option<PathBuf>,
    pub database_url: Option<Secret>,
    pub database_url_file: Option<PathBuf>,
    pub key_file: Option<PathBuf>,
    pub allow_loopback: bool,
}

#[derive(Clone, Debug)]
pub struct Config {
    pub data_dir: PathBuf,
    pub database: Database,
    pub key: KeySource,
    /// Whether plain http and addresses of this machine are allowed as base URLs.
    pub allow_loopback: bool,
}

#[derive(Clone, Debug)]
pub enum Database {
    Sqlite(PathBuf),
    /// A secret, because a URL may hold a password.
    Postgres(Secret),
}

#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    #[error(
        "There is no home directory to keep data in. \
         Name a directory: --data-dir DIR, or ROLLCALL_DATA_DIR."
    )]
    NoHome,
    #[error("The value of {name} is not valid text. Set it again.")]
    NotText { name: &'static str },
    #[error("{name} is \"{value}\", which says neither yes nor no. Set it to 1 or 0.")]
    NotABool { name: &'static str, value: String },
    #[error(
        "The database URL has to begin with postgres://. \
         Leave it out to keep the data in a SQLite file in the data directory."
    )]
    NotPostgres,
    #[error("Both a database URL and a file that holds one are given. Give one of them.")]
    TwoDatabases,
    #[error("Both ROLLCALL_KEY and a key file are given. Give one of them.")]
    TwoKeys,
    #[error("The file {} cannot be read: {source}", path.display())]
    File {
        path: PathBuf,
        #[source]
        source: io::Error,
    },
    #[error(
        "\"{value}\" is no address to listen at. \
         Give an IP address and a port, for example 127.0.0.1:8080."
    )]
    NotAnAddress { value: String },
    #[error(
        "\"{value}\" is no address of a service. Give it as browsers see it, without a path, for \
         example https://rollcall.example.com."
    )]
    NotAPublicUrl { value: String },
    #[error("{0}")]
    NotANetwork(String),
}

pub const DATA_DIR: &str = "ROLLCALL_DATA_DIR";
pub const DATABASE_URL: &str = "ROLLCALL_DATABASE_URL";
pub const DATABASE_URL_FILE: &str = "ROLLCALL_DATABASE_URL_FILE";
pub const KEY: &str = "ROLLCALL_KEY";
pub const KEY_FILE: &str = "ROLLCALL_KEY_FILE";
pub const ALLOW_LOOPBACK: &str = "ROLLCALL_ALLOW_LOOPBACK";
pub const LISTEN: &str = "ROLLCALL_LISTEN";
pub const PUBLIC_URL: &str = "ROLLCALL_PUBLIC_URL";
pub const TRUSTED_PROXIES: &str = "ROLLCALL_TRUSTED_PROXIES";
pub const CLIENT_SECRET: &str = "ROLLCALL_CLIENT_SECRET";
pub const LOG: &str = "ROLLCALL_LOG";
pub const LOG_FORMAT: &str = "ROLLCALL_LOG_FORMAT";
pub const NO_COLOR: &str = "NO_COLOR";
pub const TERM: &str = "TERM";
/// Who called `sudo`.
pub const SUDO_USER: &str = "SUDO_USER";
const HOME: &str = "HOME";
const XDG_DATA_HOME: &str = "XDG_DATA_HOME";

const KNOWN: [&str; 17] = [
    DATA_DIR,
    DATABASE_URL,
    DATABASE_URL_FILE,
    KEY,
    KEY_FILE,
    ALLOW_LOOPBACK,
    LISTEN,
    PUBLIC_URL,
    TRUSTED_PROXIES,
    CLIENT_SECRET,
    LOG,
    LOG_FORMAT,
    NO_COLOR,
    TERM,
    SUDO_USER,
    HOME,
    XDG_DATA_HOME,
];

const LISTEN_BY_DEFAULT: &str = "127.0.0.1:8080";

impl Environment {
    /// The environment of this process.
    pub fn read() -> Result<Environment, ConfigError> {
        let mut set = BTreeMap::new();
        for name in KNOWN {
            let Some(value) = std::env::var_os(name) else { continue };
            let value = value.into_string().map_err(|_| ConfigError::NotText { name })?;
            set.insert(name, Secret::new(value));
        }
        Ok(Environment(set))
    }

    /// What is set and not empty.
    pub fn value(&self, name: &str) -> Option<&str> {
        self.secret(name).map(Secret::expose)
    }

    /// As [`Environment::value`], for what must not be printed.
    pub fn secret(&self, name: &str) -> Option<&Secret> {
        self.0.get(name).filter(|it| !it.expose().is_empty())
    }

    /// As if a variable were not set.
    fn without(&self, name: &str) -> Environment {
        let rest = self.0.iter().filter(|it| *it.0 != name);
        Environment(rest.map(|(name, value)| (*name, value.clone())).collect())
    }

    fn path(&self, name: &str) -> Option<PathBuf> {
        self.value(name).map(PathBuf::from)
    }

    fn flag(&self, name: &'static str) -> Result<bool, ConfigError> {
        let Some(value) = self.value(name) else { return Ok(false) };
        match value.to_ascii_lowercase().as_str() {
            "1" | "true" | "yes" | "on" => Ok(true),
            "0" | "false" | "no" | "off" => Ok(false),
            _ => Err(ConfigError::NotABool { name, value: value.to_owned() }),
        }
    }
}

const DATABASE_FILE: &str = "rollcall.sqlite";
const KEY_NAME: &str = "key";

impl Config {
    /// Everything in one folder, whatever the environment says: for a demo, which must not touch a
    /// real installation.
    pub fn embedded(data_dir: &Path, allow_loopback: bool) -> Config {
        Config {
            data_dir: data_dir.to_owned(),
            database: Database::Sqlite(data_dir.join(DATABASE_FILE)),
            key: KeySource::DataDirectory(data_dir.join(KEY_NAME)),
            allow_loopback,
        }
    }

    pub fn new(flags: &Flags, environment: &Environment) -> Result<Config, ConfigError> {
        let data_dir = data_dir(flags, environment)?;
        Ok(Config {
            database: database(flags, environment, &data_dir)?,
            key: key(flags, environment, &data_dir)?,
            allow_loopback: flags.allow_loopback || environment.flag(ALLOW_LOOPBACK)?,
            data_dir,
        })
    }
}

impl Config {
    /// How a command begins that is typed in another terminal, where the variables of this process
    /// are not set, and works with the same data: `rollcall --data-dir /srv/rollcall`. The URL of a
    /// database is a secret, so it is not said.
    pub fn command(&self, program: &str, environment: &Environment) -> String {
        let by_default = data_dir(&Flags::default(), &environment.without(DATA_DIR)).ok();
        let path = |path: &Path| {
            let path = std::path::absolute(path).unwrap_or_else(|_| path.to_owned());
            shell_word(&path.display().to_string())
        };
        let mut command = shell_word(program);
        if by_default.as_ref() != Some(&self.data_dir) {
            command.extend([" --data-dir ", &path(&self.data_dir)]);
        }
        match &self.key {
            KeySource::File(file) => command.extend([" --key-file ", &path(file)]),
            KeySource::Given(_) | KeySource::DataDirectory(_) => {}
        }
        if self.allow_loopback {
            command.push_str(" --allow-loopback");
        }
        command
    }
}

/// The address to listen at, of the flag, the environment or by default.
pub fn listen(flag: Option<&str>, environment: &Environment) -> Result<SocketAddr, ConfigError> {
    let value = flag.or_else(|| environment.value(LISTEN)).unwrap_or(LISTEN_BY_DEFAULT);
    value.parse().map_err(|_| ConfigError::NotAnAddress { value: value.to_owned() })
}

/// How browsers address the service, of the flag or the environment: `https://host:port`.
pub fn public_url(
    flag: Option<&str>,
    environment: &Environment,
) -> Result<Option<String>, ConfigError> {
    let Some(value) = flag.or_else(|| environment.value(PUBLIC_URL)) else { return Ok(None) };
    let wrong = || ConfigError::NotAPublicUrl { value: value.to_owned() };
    let url: Uri = value.trim().parse().map_err(|_| wrong())?;
    let scheme = url.scheme_str().filter(|it| ["http", "https"].contains(it)).ok_or_else(wrong)?;
    let authority = url.authority().filter(|it| !it.as_str().contains('@')).ok_or_else(wrong)?;
    if url.path() != "/" || url.query().is_some() {
        return Err(wrong());
    }
    Ok(Some(format!("{scheme}://{}", authority.as_str().to_ascii_lowercase())))
}

/// The proxies that are believed, of the flags or the environment.
pub fn trusted_proxies(
    flags: &[String],
    environment: &Environment,
) -> Result<Vec<Network>, ConfigError> {
    let of_environment = environment.value(TRUSTED_PROXIES).unwrap_or("").split(',');
    let of_environment = of_environment.filter(|it| !it.trim().is_empty());
    let texts: Vec<&str> = if flags.is_empty() {
        of_environment.collect()
    } else {
        flags.iter().map(String::as_str).collect()
    };
    texts.into_iter().map(|it| it.parse().map_err(ConfigError::NotANetwork)).collect()
}

/// A secret that a file holds, without the line break at its end.
pub fn secret_of_file(path: &Path) -> Result<Secret, ConfigError> {
    let text = fs::read_to_string(path)
        .map(Secret::new)
        .map_err(|source| ConfigError::File { path: path.to_owned(), source })?;
    Ok(Secret::new(text.expose().trim().to_owned()))
}

/// Of a service: where it was told to. Of a person: where programs of theirs keep data.
fn data_dir(flags: &Flags, environment: &Environment) -> Result<PathBuf, ConfigError> {
    if let Some(data_dir) = flags.data_dir.clone().or_else(|| environment.path(DATA_DIR)) {
        return Ok(data_dir);
    }
    // A relative path is to be ignored, says the specification.
    let data_home = environment.path(XDG_DATA_HOME).filter(|it| it.is_absolute());
    let data_home =
        data_home.or_else(|| environment.path(HOME).map(|it| it.join(".local").join("share")));
    data_home.map(|it| it.join("rollcall")).ok_or(ConfigError::NoHome)
}

fn database(
    flags: &Flags,
    environment: &Environment,
    data_dir: &Path,
) -> Result<Database, ConfigError> {
    let (url, file) = if flags.database_url.is_some() || flags.database_url_file.is_some() {
        (flags.database_url.clone(), flags.database_url_file.clone())
    } else {
        (environment.secret(DATABASE_URL).cloned(), environment.path(DATABASE_URL_FILE))
    };
    let url = match (url, file) {
        (None, None) => return Ok(Database::Sqlite(data_dir.join(DATABASE_FILE))),
        (Some(_), Some(_)) => return Err(ConfigError::TwoDatabases),
        (Some(url), None) => url,
        (None, Some(file)) => secret_of_file(&file)?,
    };
    let is_postgres =
        ["postgres://", "postgresql://"].iter().any(|it| url.expose().starts_with(it));
    if !is_postgres {
        return Err(ConfigError::NotPostgres);
    }
    Ok(Database::Postgres(url))
}

fn key(
    flags: &Flags,
    environment: &Environment,
    data_dir: &Path,
) -> Result<KeySource, ConfigError> {
    if let Some(file) = &flags.key_file {
        return Ok(KeySource::File(file.clone()));
    }
    match (environment.secret(KEY), environment.path(KEY_FILE)) {
        (None, None) => Ok(KeySource::DataDirectory(data_dir.join(KEY_NAME))),
        (Some(_), Some(_)) => Err(ConfigError::TwoKeys),
        (Some(key), None) => Ok(KeySource::Given(key.clone())),
        (None, Some(file)) => Ok(KeySource::File(file)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn environment(set: &[(&'static str, &str)]) -> Environment {
        let secret =
            |(name, value): &(&'static str, &str)| (*name, Secret::new((*value).to_owned()));
        Environment(set.iter().map(secret).collect())
    }

    #[track_caller]
    fn check_data_dir(flag: Option<&str>, set: &[(&'static str, &str)], expected: &str) {
        let flags = Flags { data_dir: flag.map(PathBuf::from), ..Flags::default() };
        let told = match Config::new(&flags, &environment(set)) {
            Ok(config) => config.data_dir.display().to_string(),
            Err(error) => error.to_string(),
        };
        assert_eq!(told, expected);
    }

    #[test]
    fn the_data_directory_is_that_of_the_flag_the_environment_or_the_user() {
        let home = ("HOME", "/home/ada");
        check_data_dir(Some("/a"), &[(DATA_DIR, "/b"), home], "/a");
        check_data_dir(None, &[(DATA_DIR, "/b"), home], "/b");
        check_data_dir(None, &[("XDG_DATA_HOME", "/x"), home], "/x/rollcall");
        check_data_dir(None, &[("XDG_DATA_HOME", "x"), home], "/home/ada/.local/share/rollcall");
        check_data_dir(None, &[home], "/home/ada/.local/share/rollcall");
        check_data_dir(
            None,
            &[],
            "There is no home directory to keep data in. \
             Name a directory: --data-dir DIR, or ROLLCALL_DATA_DIR.",
        );
    }

    #[test]
    fn a_command_of_another_terminal_finds_the_same_data() {
        let command = |flags: &Flags, set: &[(&'static str, &str)]| {
            let environment = environment(set);
            Config::new(flags, &environment).unwrap().command("rollcall", &environment)
        };
        let home = ("HOME", "/home/ada");
        let flags = Flags::default();
        assert_eq!(command(&flags, &[home]), "rollcall");
        let set = [home, (DATA_DIR, "/srv/a b"), (ALLOW_LOOPBACK, "1"), (KEY_FILE, "/k")];
        let told = "rollcall --data-dir '/srv/a b' --key-file /k --allow-loopback";
        assert_eq!(command(&flags, &set), told);
        // What another terminal sets by itself is no different.
        let set = [home, (DATA_DIR, "/home/ada/.local/share/rollcall")];
        assert_eq!(command(&flags, &set), "rollcall");
        let secret = Secret::new("postgres://ada:canary@db/rollcall".to_owned());
        let flags = Flags { database_url: Some(secret), ..Flags::default() };
        assert_eq!(command(&flags, &[home]), "rollcall");
    }

    #[test]
    fn a_database_url_in_a_file_is_read_without_its_line_break() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("url");
        fs::write(&file, "postgres://ada:canary@db/rollcall\n").unwrap();
        let flags = Flags {
            data_dir: Some(dir.path().to_owned()),
            database_url_file: Some(file),
            ..Flags::default()
        };
        let config = Config::new(&flags, &environment(&[])).unwrap();
        let Database::Postgres(url) = &config.database else { panic!("{config:?}") };
        assert_eq!(url.expose(), "postgres://ada:canary@db/rollcall");
        assert!(!format!("{config:?}").contains("canary"));
    }

    #[test]
    fn a_flag_that_is_neither_yes_nor_no_is_refused() {
        let set = [(DATA_DIR, "/a"), (ALLOW_LOOPBACK, "maybe")];
        let refused = Config::new(&Flags::default(), &environment(&set)).unwrap_err();
        assert_eq!(
            refused.to_string(),
            "ROLLCALL_ALLOW_LOOPBACK is \"maybe\", which says neither yes nor no. Set it to 1 or 0."
        );
        let set = [(DATA_DIR, "/a"), (ALLOW_LOOPBACK, "Yes")];
        assert!(Config::new(&Flags::default(), &environment(&set)).unwrap().allow_loopback);
    }

    #[test]
    fn an_empty_variable_is_as_good_as_none() {
        let set = [(DATA_DIR, "/a"), (DATABASE_URL, ""), (KEY, "")];
        let config = Config::new(&Flags::default(), &environment(&set)).unwrap();
        assert!(matches!(config.database, Database::Sqlite(_)));
        assert!(matches!(config.key, KeySource::DataDirectory(_)));
    }
}
