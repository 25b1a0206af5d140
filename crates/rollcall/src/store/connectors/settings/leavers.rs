//! What an admin sets for people who leave, and for those who are never to.

use reconcile::pattern::Patterns;
use reconcile::plan::{self, Anonymity, Grace};
use serde::{Deserialize, Serialize};

use super::{FieldError, patterns};

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct LeaverSettings {
    /// Whether anonymising replaces the username, too.
    pub anonymise_usernames: bool,
    /// Whether whoever leaves is taken out of their groups.
    pub leave_groups: bool,
    /// Names and patterns of groups that they stay in all the same.
    pub keep_groups: Vec<String>,
    /// How many reads in a row must confirm that somebody is gone.
    pub grace_reads: u32,
    /// How long after the first of them it counts.
    pub grace_hours: u32,
    /// Usernames, e-mails and ids of people who stay as they are.
    pub protected: Vec<String>,
}

/// What happens to a user who is gone or out of scope.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Cleanup {
    #[default]
    Disable,
    Delete,
    Anonymise,
    Keep,
}

pub const GRACE_READS_MAX: u32 = 100;
/// A year.
pub const GRACE_HOURS_MAX: u32 = 8_760;

impl Default for LeaverSettings {
    fn default() -> LeaverSettings {
        let Grace { reads, hours } = Grace::NONE;
        LeaverSettings {
            anonymise_usernames: false,
            leave_groups: false,
            keep_groups: Vec::new(),
            grace_reads: reads,
            grace_hours: hours,
            protected: Vec::new(),
        }
    }
}

impl LeaverSettings {
    pub(super) fn cleanup(&self, cleanup: Cleanup) -> plan::Cleanup {
        match cleanup {
            Cleanup::Disable => plan::Cleanup::Disable,
            Cleanup::Delete => plan::Cleanup::Delete,
            Cleanup::Anonymise if self.anonymise_usernames => {
                plan::Cleanup::Anonymise(Anonymity::ProfileAndUsername)
            }
            Cleanup::Anonymise => plan::Cleanup::Anonymise(Anonymity::Profile),
            Cleanup::Keep => plan::Cleanup::Keep,
        }
    }

    pub(super) fn strip(&self) -> Result<Option<Patterns>, FieldError> {
        let kept = patterns("leavers.keep_groups", &self.keep_groups)?;
        Ok(self.leave_groups.then_some(kept))
    }

    pub(super) fn grace(&self) -> Result<Grace, FieldError> {
        let within = |field, value: u32, min: u32, max: u32| {
            let why = format!("{value} is not between {min} and {max}.");
            if (min..=max).contains(&value) { Ok(value) } else { Err(FieldError { field, why }) }
        };
        let reads = within("leavers.grace_reads", self.grace_reads, 1, GRACE_READS_MAX)?;
        let hours = within("leavers.grace_hours", self.grace_hours, 0, GRACE_HOURS_MAX)?;
        Ok(Grace { reads, hours })
    }

    pub(super) fn protected(&self) -> Result<Patterns, FieldError> {
        patterns("leavers.protected", &self.protected)
    }
}
