//! What an admin sets for the groups of a connector.

use reconcile::pattern::Patterns;
use serde::{Deserialize, Serialize};

use super::FieldError;

#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct GroupSettings {
    /// Names and patterns of groups that stay as they are, with whoever is in them.
    pub never_touch: Vec<String>,
    /// Names and patterns of privileged groups, beside those that always are.
    pub privileged: Vec<String>,
}

/// Whoever is in one of these may change a whole product.
pub const ALWAYS_PRIVILEGED: [&str; 4] =
    ["jira-administrators", "confluence-administrators", "site-admins", "org-admins"];

impl GroupSettings {
    pub(super) fn untouchable(&self) -> Result<Patterns, FieldError> {
        patterns("groups.never_touch", &self.never_touch)
    }

    /// Groups that always ask for approval.
    pub fn privileged(&self) -> Result<Patterns, FieldError> {
        let always = ALWAYS_PRIVILEGED.into_iter().map(str::to_owned);
        let all: Vec<String> = always.chain(self.privileged.iter().cloned()).collect();
        patterns("groups.privileged", &all)
    }

    pub(super) fn check(&self) -> Result<(), FieldError> {
        self.untouchable()?;
        self.privileged()?;
        Ok(())
    }
}

fn patterns(field: &'static str, typed: &[String]) -> Result<Patterns, FieldError> {
    Patterns::parse(typed).map_err(|error| FieldError { field, why: error.to_string() })
}
