//! What an admin sets for people who leave, and for those who are never to.

use reconcile::expression::{Expression, Purpose, Says};
use reconcile::pattern::Patterns;
use reconcile::plan::{self, Anonymity, CleanupRule, Grace};
use serde::{Deserialize, Serialize};

use super::{FieldError, check_expression, expression_of_leaver, expression_of_person, patterns};

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct LeaverSettings {
    /// What says whether somebody without an account gets one; empty where everybody does.
    pub create_if: String,
    /// What decides for each leaver before the cleanup behaviour does; empty for none.
    pub cleanup_expression: String,
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

pub(super) const CLEANUP_EXPRESSION: &str = "leavers.cleanup_expression";
pub(super) const CREATE_IF: &str = "leavers.create_if";

pub const GRACE_READS_MAX: u32 = 100;
/// A year.
pub const GRACE_HOURS_MAX: u32 = 8_760;

impl Default for LeaverSettings {
    fn default() -> LeaverSettings {
        let Grace { reads, hours } = Grace::NONE;
        LeaverSettings {
            create_if: String::new(),
            cleanup_expression: String::new(),
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
            Cleanup::Anonymise => plan::Cleanup::Anonymise(self.anonymity()),
            Cleanup::Keep => plan::Cleanup::Keep,
        }
    }

    pub(super) fn check(&self) -> Result<(), FieldError> {
        // Groups of a directory have no kind.
        let purpose = |says| Purpose { says, kinds: &[] };
        if let Some(CleanupRule { expression, .. }) = self.cleanup_rule()? {
            check_expression(CLEANUP_EXPRESSION, &expression, &purpose(CleanupRule::SAYS))?;
        }
        if let Some(expression) = self.create_if()? {
            check_expression(CREATE_IF, &expression, &purpose(Says::YesNo))?;
        }
        Ok(())
    }

    pub(super) fn cleanup_rule(&self) -> Result<Option<CleanupRule>, FieldError> {
        if self.cleanup_expression.trim().is_empty() {
            return Ok(None);
        }
        let expression = expression_of_leaver(CLEANUP_EXPRESSION, &self.cleanup_expression)?;
        Ok(Some(CleanupRule { expression, anonymity: self.anonymity() }))
    }

    pub(super) fn create_if(&self) -> Result<Option<Expression>, FieldError> {
        if self.create_if.trim().is_empty() {
            return Ok(None);
        }
        expression_of_person(CREATE_IF, &self.create_if).map(Some)
    }

    fn anonymity(&self) -> Anonymity {
        if self.anonymise_usernames { Anonymity::ProfileAndUsername } else { Anonymity::Profile }
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
