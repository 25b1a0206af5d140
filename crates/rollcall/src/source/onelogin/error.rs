//! Why a read failed, in a sentence that says what an admin can do.

use std::fmt;
use std::time::Duration;

use crate::http::fault::Fault;

/// Why OneLogin could not be read. Its `Display` may be shown to anybody: it names no person and
/// no secret.
#[derive(Clone, Debug, thiserror::Error)]
pub enum SourceError {
    /// The settings cannot be used as they are.
    #[error("{0}")]
    Settings(String),
    /// A required group is found nowhere, or more than once.
    #[error("{0}")]
    Scope(String),
    /// OneLogin knows the credential not, or not any more.
    #[error("{sentence}{request_id}")]
    Credential { sentence: String, request_id: RequestId },
    /// The credential is good, but not for this.
    #[error("{sentence}{request_id}")]
    Permission { sentence: String, request_id: RequestId },
    /// The API calls left this hour do not suffice.
    #[error("{}", budget_sentence(*remaining, *minimum, *cost, *resets_in))]
    BudgetLow { remaining: u64, minimum: u32, cost: Option<u64>, resets_in: Option<Duration> },
    /// OneLogin asks for a longer pause than a run may wait.
    #[error("OneLogin limits our calls and asks to wait {}. Try again then.{request_id}", span(*wait))]
    RateLimited { wait: Duration, request_id: RequestId },
    /// What OneLogin sent is not provably all of it, so none of it is used.
    #[error("{reason} The read is incomplete, so nothing was changed.{request_id}")]
    Incomplete { reason: String, request_id: RequestId },
    /// No reply.
    #[error("OneLogin cannot be reached. {fault}")]
    Unreachable {
        #[source]
        fault: Fault,
    },
    /// A reply, but not one of OneLogin's API.
    #[error("{sentence}{request_id}")]
    NotOneLogin { sentence: String, request_id: RequestId },
    /// A reply that refuses what we asked.
    #[error("{sentence}{request_id}")]
    Refused { sentence: String, request_id: RequestId },
}

impl SourceError {
    /// The source is unreachable, refuses, or does not tell everything. Exit code 5.
    pub fn is_unreachable_or_refused(&self) -> bool {
        !self.is_budget() && !self.is_configuration()
    }

    /// Nothing is wrong, but it is too early. Exit code 75.
    pub fn is_budget(&self) -> bool {
        matches!(self, SourceError::BudgetLow { .. } | SourceError::RateLimited { .. })
    }

    /// Somebody has to change the settings. Exit code 78.
    pub fn is_configuration(&self) -> bool {
        matches!(self, SourceError::Settings(_) | SourceError::Scope(_))
    }

    /// The read may be whole the next time.
    pub fn is_incomplete(&self) -> bool {
        matches!(self, SourceError::Incomplete { .. })
    }

    pub(super) fn incomplete(reason: impl Into<String>) -> SourceError {
        SourceError::Incomplete { reason: reason.into(), request_id: RequestId::none() }
    }
}

/// What OneLogin calls a request in its own logs. Displays as an addition to a sentence.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RequestId(Option<Box<str>>);

impl RequestId {
    pub fn none() -> RequestId {
        RequestId(None)
    }

    /// Whatever a server sends as its id is printed: only harmless characters are kept.
    pub fn new(text: &str) -> RequestId {
        let is_harmless = |it: &char| it.is_ascii_alphanumeric() || matches!(it, '-' | '_' | '.');
        let kept: String = text.chars().filter(is_harmless).take(80).collect();
        RequestId((!kept.is_empty()).then(|| kept.into()))
    }
}

impl fmt::Display for RequestId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            Some(id) => write!(f, " (x-request-id {id})"),
            None => Ok(()),
        }
    }
}

fn budget_sentence(
    remaining: u64,
    minimum: u32,
    cost: Option<u64>,
    resets_in: Option<Duration>,
) -> String {
    let left = match cost {
        Some(cost) => format!(
            "{remaining} API calls are left this hour and this run needs about {cost}, \
             which would leave less than the minimum of {minimum}."
        ),
        None => format!("{remaining} API calls are left this hour, the minimum is {minimum}."),
    };
    match resets_in {
        Some(wait) => format!("{left} The run could start in {}.", span(wait)),
        None => left,
    }
}

/// `45 s`, `12 min`, `1 h 5 min`, rounded up.
pub(super) fn span(duration: Duration) -> String {
    let seconds = duration.as_secs();
    let minutes = seconds.div_ceil(60);
    match minutes {
        0..=1 => format!("{seconds} s"),
        2..=59 => format!("{minutes} min"),
        _ if minutes.is_multiple_of(60) => format!("{} h", minutes / 60),
        _ => format!("{} h {} min", minutes / 60, minutes % 60),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_low_budget_says_when_the_run_could_start() {
        let error = SourceError::BudgetLow {
            remaining: 312,
            minimum: 500,
            cost: None,
            resets_in: Some(Duration::from_secs(832)),
        };
        assert_eq!(
            error.to_string(),
            "312 API calls are left this hour, the minimum is 500. The run could start in 14 min."
        );
        assert!(error.is_budget());
    }

    #[test]
    fn a_request_id_cannot_forge_a_line_of_the_log() {
        assert_eq!(
            RequestId::new("01BB-\n\u{1b}[31mERROR <x>").to_string(),
            " (x-request-id 01BB-31mERRORx)"
        );
        assert_eq!(RequestId::new("\n").to_string(), "");
    }
}
