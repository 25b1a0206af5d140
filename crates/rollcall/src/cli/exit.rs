//! How a command ends: an exit code by name, and a sentence when it did not go well.

use std::process::ExitCode;

use crate::config::ConfigError;
use crate::seal::SealError;
use crate::store::StoreError;
use crate::store::accounts::AccountError;
use crate::store::connectors::ConnectorError;
use crate::store::connectors::settings::FieldError;
use crate::store::names::NameError;
use crate::store::sessions::SessionError;
use crate::store::targets::TargetError;
use crate::target::crowd::local_groups::LocalGroupError;
use crate::telemetry::TelemetryError;

/// Every exit code. Scripts rely on them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Exit {
    Ok,
    Failed,
    /// Only where a command was asked to tell by `--detailed-exitcode`.
    ChangesPresent,
    HeldForApproval,
    SomeRecordsFailed,
    SourceUnreachable,
    TargetUnreachable,
    PlanStale,
    Usage,
    ServerUnreachable,
    TryLater,
    NotAllowed,
    ConfigurationInvalid,
    Interrupted,
}

impl Exit {
    pub fn code(self) -> u8 {
        match self {
            Exit::Ok => 0,
            Exit::Failed => 1,
            Exit::ChangesPresent => 2,
            Exit::HeldForApproval => 3,
            Exit::SomeRecordsFailed => 4,
            Exit::SourceUnreachable => 5,
            Exit::TargetUnreachable => 6,
            Exit::PlanStale => 7,
            Exit::Usage => 64,
            Exit::ServerUnreachable => 69,
            Exit::TryLater => 75,
            Exit::NotAllowed => 77,
            Exit::ConfigurationInvalid => 78,
            Exit::Interrupted => 130,
        }
    }
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> ExitCode {
        ExitCode::from(exit.code())
    }
}

/// Why a command failed, in one sentence that says what to do.
#[derive(Debug, thiserror::Error)]
#[error("{sentence}")]
pub struct CliError {
    pub sentence: String,
    pub exit: Exit,
}

impl CliError {
    pub fn new(exit: Exit, sentence: impl Into<String>) -> CliError {
        CliError { sentence: sentence.into(), exit }
    }

    /// Something on the command line is wrong.
    pub fn usage(sentence: impl Into<String>) -> CliError {
        CliError::new(Exit::Usage, sentence)
    }
}

impl From<StoreError> for CliError {
    fn from(error: StoreError) -> CliError {
        let exit = match &error {
            StoreError::Open { .. } if error.is_unreachable() => Exit::ServerUnreachable,
            StoreError::Newer { .. } | StoreError::Open { .. } | StoreError::Migrate(_) => {
                Exit::ConfigurationInvalid
            }
            StoreError::Sql(_) if error.is_busy() => {
                return CliError::new(
                    Exit::TryLater,
                    "The database is busy with another write. Try again in a minute.",
                );
            }
            StoreError::Unwritable(_) | StoreError::Sql(_) => Exit::Failed,
        };
        CliError::new(exit, error.to_string())
    }
}

impl From<SealError> for CliError {
    fn from(error: SealError) -> CliError {
        let exit = match &error {
            SealError::NoKeyFile { .. }
            | SealError::KeyLost { .. }
            | SealError::OtherKey
            | SealError::TooOpen { .. }
            | SealError::NotAKey { .. }
            | SealError::File { .. } => Exit::ConfigurationInvalid,
            SealError::Damaged | SealError::NoRandomness => Exit::Failed,
        };
        CliError::new(exit, error.to_string())
    }
}

impl From<SessionError> for CliError {
    fn from(error: SessionError) -> CliError {
        match error {
            SessionError::Seal(error) => error.into(),
            SessionError::Store(error) => error.into(),
        }
    }
}

impl From<AccountError> for CliError {
    fn from(error: AccountError) -> CliError {
        match error {
            AccountError::Name(error) => error.into(),
            AccountError::Seal(error) => error.into(),
            AccountError::Store(error) => error.into(),
            AccountError::Email(_) | AccountError::Taken(_) | AccountError::Password(_) => {
                CliError::usage(error.to_string())
            }
            AccountError::LastAdmin(_) | AccountError::AlreadySetUp => {
                CliError::new(Exit::NotAllowed, error.to_string())
            }
        }
    }
}

impl From<LocalGroupError> for CliError {
    fn from(error: LocalGroupError) -> CliError {
        match error {
            LocalGroupError::Store(error) => error.into(),
            LocalGroupError::Target(_) => CliError::new(Exit::Failed, error.to_string()),
            LocalGroupError::Unfit { .. }
            | LocalGroupError::Unpublished { .. }
            | LocalGroupError::Taken { .. }
            | LocalGroupError::Unknown { .. }
            | LocalGroupError::Ours { .. }
            | LocalGroupError::Gone { .. }
            | LocalGroupError::TooMany => CliError::usage(error.to_string()),
        }
    }
}

impl From<ConnectorError> for CliError {
    fn from(error: ConnectorError) -> CliError {
        match error {
            ConnectorError::Name(error) => error.into(),
            ConnectorError::Seal(error) => error.into(),
            ConnectorError::Store(error) => error.into(),
            ConnectorError::HasTargets { .. } | ConnectorError::SecretForNewAddress { .. } => {
                CliError::usage(error.to_string())
            }
            ConnectorError::ChangedMeanwhile { .. } => {
                CliError::new(Exit::TryLater, error.to_string())
            }
            ConnectorError::Field(error) => error.into(),
            ConnectorError::NoSecret { .. } | ConnectorError::Unreadable { .. } => {
                CliError::new(Exit::ConfigurationInvalid, error.to_string())
            }
        }
    }
}

impl From<FieldError> for CliError {
    fn from(error: FieldError) -> CliError {
        CliError::new(Exit::ConfigurationInvalid, error.to_string())
    }
}

impl From<TargetError> for CliError {
    fn from(error: TargetError) -> CliError {
        match error {
            TargetError::Name(error) => error.into(),
            TargetError::Seal(error) => error.into(),
            TargetError::Store(error) => error.into(),
            TargetError::UnknownKind { .. } => {
                CliError::new(Exit::ConfigurationInvalid, error.to_string())
            }
        }
    }
}

impl From<NameError> for CliError {
    fn from(error: NameError) -> CliError {
        CliError::usage(error.to_string())
    }
}

impl From<ConfigError> for CliError {
    fn from(error: ConfigError) -> CliError {
        CliError::new(Exit::ConfigurationInvalid, error.to_string())
    }
}

impl From<TelemetryError> for CliError {
    fn from(error: TelemetryError) -> CliError {
        CliError::new(Exit::ConfigurationInvalid, error.to_string())
    }
}
