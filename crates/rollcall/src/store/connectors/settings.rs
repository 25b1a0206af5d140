//! What an admin sets for a connector, as it is stored.

pub mod groups;

use reconcile::gate::{Limit, Limits};
use reconcile::mapping::groups::GroupRules;
use reconcile::plan::{self, Policy};
use serde::{Deserialize, Serialize};

use self::groups::GroupSettings;
use crate::source::onelogin::settings::Settings;

/// What an admin sets for a connector, all but its secret.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ConnectorSettings {
    pub source: Settings,
    #[serde(default)]
    pub safety: Safety,
    #[serde(default)]
    pub cleanup: Cleanup,
    #[serde(default)]
    pub empty_groups: EmptyGroups,
    #[serde(default)]
    pub groups: GroupSettings,
}

/// A setting that cannot be used as it is, and why.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("The setting {field} cannot be used as it is. {why}")]
pub struct FieldError {
    /// Its place in the stored settings: `groups.privileged`.
    pub field: &'static str,
    pub why: String,
}

/// The limits of the gate. What is above any of them is held.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Safety {
    pub deactivations_max: usize,
    pub deactivations_percent_max: u32,
    pub removals_max: usize,
    pub removals_percent_max: u32,
    pub membership_removals_max: usize,
    pub membership_removals_percent_max: u32,
    pub renames_max: usize,
    pub email_changes_percent_max: u32,
    pub group_loss_percent_max: u32,
    pub shrinkage_percent_max: u32,
}

/// What happens to a user who is gone or out of scope.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Cleanup {
    #[default]
    Disable,
    Delete,
    Keep,
}

/// What happens to a group that nobody is in any more.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum EmptyGroups {
    #[default]
    Keep,
    Remove,
}

impl ConnectorSettings {
    /// A source with everything else as it is until somebody changes it.
    pub fn new(source: Settings) -> ConnectorSettings {
        ConnectorSettings {
            source,
            safety: Safety::default(),
            cleanup: Cleanup::default(),
            empty_groups: EmptyGroups::default(),
            groups: GroupSettings::default(),
        }
    }

    /// Refuses what could not be used in a run.
    pub fn check(&self) -> Result<(), FieldError> {
        self.groups.check()
    }

    /// What becomes of the groups of the source.
    pub fn group_rules(&self) -> Result<GroupRules, FieldError> {
        self.groups.rules(false)
    }

    pub fn policy(&self) -> Result<Policy, FieldError> {
        let cleanup = match self.cleanup {
            Cleanup::Disable => plan::Cleanup::Disable,
            Cleanup::Delete => plan::Cleanup::Delete,
            Cleanup::Keep => plan::Cleanup::Keep,
        };
        let empty_groups = match self.empty_groups {
            EmptyGroups::Keep => plan::EmptyGroups::Keep,
            EmptyGroups::Remove => plan::EmptyGroups::Remove,
        };
        Ok(Policy { cleanup, empty_groups, untouchable: self.groups.untouchable()? })
    }
}

impl Safety {
    pub fn limits(self) -> Limits {
        let limit = |count_max, percent_max| Limit { count_max, percent_max };
        Limits {
            deactivations: limit(self.deactivations_max, self.deactivations_percent_max),
            removals: limit(self.removals_max, self.removals_percent_max),
            membership_removals: limit(
                self.membership_removals_max,
                self.membership_removals_percent_max,
            ),
            renames: limit(self.renames_max, Limits::CAREFUL.renames.percent_max),
            email_changes: limit(
                Limits::CAREFUL.email_changes.count_max,
                self.email_changes_percent_max,
            ),
            group_loss_percent_max: self.group_loss_percent_max,
            shrinkage_percent_max: self.shrinkage_percent_max,
            ..Limits::CAREFUL
        }
    }
}

impl Default for Safety {
    fn default() -> Safety {
        let careful = Limits::CAREFUL;
        Safety {
            deactivations_max: careful.deactivations.count_max,
            deactivations_percent_max: careful.deactivations.percent_max,
            removals_max: careful.removals.count_max,
            removals_percent_max: careful.removals.percent_max,
            membership_removals_max: careful.membership_removals.count_max,
            membership_removals_percent_max: careful.membership_removals.percent_max,
            renames_max: careful.renames.count_max,
            email_changes_percent_max: careful.email_changes.percent_max,
            group_loss_percent_max: careful.group_loss_percent_max,
            shrinkage_percent_max: careful.shrinkage_percent_max,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_connector_has_the_careful_limits_until_somebody_changes_them() {
        assert_eq!(Safety::default().limits(), Limits::CAREFUL);
        let none: Safety = serde_json::from_str("{}").unwrap();
        assert_eq!(none, Safety::default());
        let one: Safety = serde_json::from_str(r#"{ "deactivations_max": 7 }"#).unwrap();
        assert_eq!(one.limits().deactivations, Limit { count_max: 7, percent_max: 5 });
    }
}
