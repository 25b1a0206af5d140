//! Why a page cannot be shown or a form not be followed, as the one who asked is told.

use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};

use crate::people::PeopleError;
use crate::run::{PrepareError, StartError};
use crate::store::StoreError;
use crate::store::accounts::{AccountError, Role};
use crate::store::connectors::ConnectorError;
use crate::store::names::NameError;
use crate::store::sessions::SessionError;
use crate::store::targets::TargetError;
use crate::trial::TrialError;
use crate::web::moment::in_words;

/// [`crate::web::guard::receive`] makes a whole page of it.
#[derive(Clone, Debug, thiserror::Error)]
pub enum Refusal {
    /// It is not, or is no more.
    #[error("{0}")]
    NotFound(String),
    /// Somebody of this role may.
    #[error("{}s may do this. Your account is of another role.", .0.label())]
    NotAllowed(Role),
    /// To be sent to the sign-in page, and then back.
    #[error("Sign in first.")]
    NotSignedIn { back: String },
    /// To type the password again, and then go on: with the form that was sent, or to this page.
    #[error("Type your password again to go on.")]
    NotProved {
        /// What is about to be done, as `Delete the target jira`; empty where it is only looked at.
        act: String,
        back: String,
    },
    /// The form did not come from one of our pages, or from one of an earlier session.
    #[error(
        "The form was not sent from a page of this service, or you signed in again since it was \
         opened. Nothing was changed. Go back, load the page again and send the form once more."
    )]
    NotOurForm,
    #[error("This address takes no such request. Nothing was changed.")]
    MethodNotAllowed,
    /// It cannot be done as things are; the sentence says why and what to do.
    #[error("{0}")]
    Conflict(String),
    /// As [`Refusal::Conflict`], and another page of ours shows what is in the way.
    #[error("{sentence}")]
    ConflictAt {
        sentence: String,
        href: String,
        /// What its link says.
        link: String,
    },
    /// What was sent cannot be understood.
    #[error("{0}")]
    BadRequest(String),
    #[error("What was sent is too large. Nothing was changed.")]
    TooLarge,
    #[error("{0}")]
    TryLater(String),
    /// What the log needs; the page says only that it happened.
    #[error("{0}")]
    Failed(String),
}

impl Refusal {
    pub fn no_page() -> Refusal {
        Refusal::NotFound(
            "There is no page at this address. It may have been deleted, or mistyped.".to_owned(),
        )
    }

    pub fn status(&self) -> StatusCode {
        match self {
            Refusal::NotFound(_) => StatusCode::NOT_FOUND,
            Refusal::NotAllowed(_) | Refusal::NotOurForm => StatusCode::FORBIDDEN,
            Refusal::NotSignedIn { .. } | Refusal::NotProved { .. } => StatusCode::UNAUTHORIZED,
            Refusal::MethodNotAllowed => StatusCode::METHOD_NOT_ALLOWED,
            Refusal::Conflict(_) | Refusal::ConflictAt { .. } => StatusCode::CONFLICT,
            Refusal::BadRequest(_) => StatusCode::BAD_REQUEST,
            Refusal::TooLarge => StatusCode::PAYLOAD_TOO_LARGE,
            Refusal::TryLater(_) => StatusCode::SERVICE_UNAVAILABLE,
            Refusal::Failed(_) => StatusCode::INTERNAL_SERVER_ERROR,
        }
    }

    pub fn title(&self) -> &'static str {
        match self {
            Refusal::NotFound(_) => "Not found",
            Refusal::NotAllowed(_) => "You may not do this",
            Refusal::NotSignedIn { .. } | Refusal::NotProved { .. } => "Sign in",
            Refusal::NotOurForm => "The form was refused",
            Refusal::MethodNotAllowed => "Not possible here",
            Refusal::Conflict(_) | Refusal::ConflictAt { .. } => "This is not possible now",
            Refusal::BadRequest(_) => "This could not be understood",
            Refusal::TooLarge => "Too large",
            Refusal::TryLater(_) => "Not now",
            Refusal::Failed(_) => "Something went wrong",
        }
    }

    /// The sentence for the page: of a failure inside, nothing but that it happened.
    pub fn sentence(&self) -> String {
        match self {
            Refusal::Failed(_) => {
                "The service could not answer. Nothing is half done. Try again; if it happens \
                 again, look for the request below in the log of the service."
                    .to_owned()
            }
            Refusal::NotFound(_)
            | Refusal::NotAllowed(_)
            | Refusal::NotSignedIn { .. }
            | Refusal::NotProved { .. }
            | Refusal::NotOurForm
            | Refusal::MethodNotAllowed
            | Refusal::Conflict(_)
            | Refusal::ConflictAt { .. }
            | Refusal::BadRequest(_)
            | Refusal::TooLarge
            | Refusal::TryLater(_) => self.to_string(),
        }
    }

    /// With a page to go on with, where something is in the way.
    #[must_use]
    pub fn or_see(self, href: impl Into<String>, link: impl Into<String>) -> Refusal {
        match self {
            Refusal::Conflict(sentence) => {
                Refusal::ConflictAt { sentence, href: href.into(), link: link.into() }
            }
            other @ (Refusal::NotFound(_)
            | Refusal::NotAllowed(_)
            | Refusal::NotSignedIn { .. }
            | Refusal::NotProved { .. }
            | Refusal::NotOurForm
            | Refusal::MethodNotAllowed
            | Refusal::ConflictAt { .. }
            | Refusal::BadRequest(_)
            | Refusal::TooLarge
            | Refusal::TryLater(_)
            | Refusal::Failed(_)) => other,
        }
    }
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        let mut response = self.status().into_response();
        response.extensions_mut().insert(self);
        response
    }
}

impl From<StoreError> for Refusal {
    fn from(error: StoreError) -> Refusal {
        if error.is_busy() {
            return Refusal::TryLater(
                "The database is busy with another write. Try again in a minute.".to_owned(),
            );
        }
        Refusal::Failed(error.to_string())
    }
}

impl From<NameError> for Refusal {
    fn from(error: NameError) -> Refusal {
        match error {
            NameError::Unknown { .. } => Refusal::NotFound(error.to_string()),
            NameError::Empty { .. }
            | NameError::TooLong { .. }
            | NameError::Control { .. }
            | NameError::Taken { .. } => Refusal::Conflict(error.to_string()),
        }
    }
}

impl From<ConnectorError> for Refusal {
    fn from(error: ConnectorError) -> Refusal {
        match error {
            ConnectorError::Store(error) => error.into(),
            ConnectorError::Name(error) => error.into(),
            ConnectorError::HasTargets { .. }
            | ConnectorError::SecretForNewAddress { .. }
            | ConnectorError::NoSecret { .. }
            | ConnectorError::ChangedMeanwhile { .. }
            | ConnectorError::Field(_)
            | ConnectorError::Seal(_) => Refusal::Conflict(error.to_string()),
            ConnectorError::Unreadable { .. } => Refusal::Failed(error.to_string()),
        }
    }
}

impl From<TargetError> for Refusal {
    fn from(error: TargetError) -> Refusal {
        match error {
            TargetError::Store(error) => error.into(),
            TargetError::Name(error) => error.into(),
            TargetError::UnknownKind { .. } => Refusal::Conflict(error.to_string()),
            TargetError::Seal(_) => Refusal::Failed(error.to_string()),
        }
    }
}

impl From<PrepareError> for Refusal {
    fn from(error: PrepareError) -> Refusal {
        match error {
            PrepareError::Connector(error) => error.into(),
            PrepareError::Target(error) => error.into(),
            PrepareError::Source(error) => Refusal::Conflict(error.to_string()),
            PrepareError::Settings(error) => Refusal::Conflict(error.to_string()),
        }
    }
}

impl From<StartError> for Refusal {
    fn from(error: StartError) -> Refusal {
        match error {
            StartError::Store(error) => error.into(),
            StartError::NoTarget { connector } => Refusal::Conflict(format!(
                "The connector {connector} has no target, so there is nothing to keep equal. \
                 Add a target first."
            ))
            .or_see("/targets/new", "Add target"),
            StartError::SlotTaken => Refusal::Conflict(error.to_string()),
            StartError::Busy(busy) => {
                let sentence = format!("{busy}. Wait for it, or stop it on its page.");
                let run = busy.run;
                Refusal::Conflict(in_words(&sentence))
                    .or_see(format!("/runs/{run}"), format!("Go to run {run}"))
            }
        }
    }
}

impl From<PeopleError> for Refusal {
    fn from(error: PeopleError) -> Refusal {
        match error {
            PeopleError::Store(error) => error.into(),
            PeopleError::Broken => Refusal::Failed(error.to_string()),
            PeopleError::Nobody { .. } | PeopleError::Forgotten { .. } => {
                Refusal::NotFound(error.to_string())
            }
            PeopleError::NoRead { .. }
            | PeopleError::Several { .. }
            | PeopleError::Unread { .. }
            | PeopleError::Changed
            | PeopleError::NoTarget { .. }
            | PeopleError::Unpublished { .. }
            | PeopleError::Lost
            | PeopleError::Stopped { .. }
            | PeopleError::Replay(_)
            | PeopleError::Settings(_)
            | PeopleError::Source(_)
            | PeopleError::Target(_) => Refusal::Conflict(error.to_string()),
        }
    }
}

impl From<TrialError> for Refusal {
    fn from(error: TrialError) -> Refusal {
        match error {
            TrialError::Store(error) => error.into(),
            TrialError::People(error) => error.into(),
            TrialError::Targets(error) => error.into(),
            TrialError::Source(_) | TrialError::Settings(_) | TrialError::Target(_) => {
                Refusal::Conflict(error.to_string())
            }
        }
    }
}

impl From<AccountError> for Refusal {
    fn from(error: AccountError) -> Refusal {
        match error {
            AccountError::Store(error) => error.into(),
            AccountError::Name(error) => error.into(),
            AccountError::Email(_)
            | AccountError::Taken(_)
            | AccountError::Password(_)
            | AccountError::LastAdmin(_)
            | AccountError::AlreadySetUp => Refusal::Conflict(error.to_string()),
            AccountError::Seal(_) => Refusal::Failed(error.to_string()),
        }
    }
}

impl From<SessionError> for Refusal {
    fn from(error: SessionError) -> Refusal {
        match error {
            SessionError::Store(error) => error.into(),
            SessionError::Seal(error) => Refusal::Failed(error.to_string()),
        }
    }
}

impl From<askama::Error> for Refusal {
    fn from(error: askama::Error) -> Refusal {
        Refusal::Failed(error.to_string())
    }
}
