//! What an admin sets for a OneLogin source.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use super::error::SourceError;
use super::status::StatusTable;

/// The settings of a OneLogin source, without its client secret, which is sealed apart.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Settings {
    /// Scheme and host, no trailing slash: `https://acme.onelogin.com`.
    pub base_url: String,
    pub client_id: String,
    pub groups_from: BTreeSet<GroupSource>,
    /// "Required OneLogin Groups", as the admin typed them: `Staff`, `role:Jira Users`. Whoever is
    /// in any of them takes part; none means everybody.
    pub required_groups: Vec<String>,
    #[serde(default)]
    pub scope: ScopeSettings,
    /// Rows of the status table that differ from the default: `locked = keep`.
    #[serde(default)]
    pub statuses: Vec<String>,
    pub minimum_remaining_api_calls: u32,
}

/// Who takes part beyond what one required group says.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct ScopeSettings {
    /// Whether one of the required groups is enough.
    pub matching: RequiredGroups,
    /// Whoever is in any of these takes no part; written like required groups.
    pub excluded_groups: Vec<String>,
    /// Conditions on fields, all of which must be met: `department = Sales`.
    pub conditions: Vec<String>,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum RequiredGroups {
    #[default]
    Any,
    All,
}

/// Where groups come from, in OneLogin's words.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum GroupSource {
    MemberOf,
    Roles,
    Group,
}

impl Settings {
    /// What each status and state means for an account.
    pub fn status_table(&self) -> Result<StatusTable, SourceError> {
        StatusTable::parse(&self.statuses).map_err(|error| SourceError::Settings(error.to_string()))
    }
}

impl GroupSource {
    /// What groups of any of them are called, in the order in which people name them.
    pub const KINDS: [&'static str; 3] =
        [GroupSource::Roles.kind(), GroupSource::Group.kind(), GroupSource::MemberOf.kind()];

    /// The field of a user that has it.
    pub(super) fn field(self) -> &'static str {
        match self {
            GroupSource::MemberOf => "member_of",
            GroupSource::Roles => "role_ids",
            GroupSource::Group => "group_id",
        }
    }

    /// What one of its groups is called: `role`.
    pub const fn kind(self) -> &'static str {
        match self {
            GroupSource::MemberOf => "member_of",
            GroupSource::Roles => "role",
            GroupSource::Group => "group",
        }
    }
}
