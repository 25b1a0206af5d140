//! What an admin sets for a connector, as it is stored.

pub mod groups;
pub mod leavers;
pub mod mapping;
pub mod rules;
pub mod schedule;

use std::collections::BTreeSet;

use jiff::SignedDuration;
use reconcile::expression::{DIRECTORY_FIELDS, Expression, ExpressionError, PERSON, Purpose};
use reconcile::gate::{Hold, Limit, Limits};
use reconcile::mapping::Rules;
use reconcile::mapping::groups::GroupRules;
use reconcile::pattern::Patterns;
use reconcile::plan::{self, CleanupRule, Policy};
use reconcile::principal::FieldPaths;
use serde::{Deserialize, Serialize};

use self::groups::{EmptyGroups, GroupSettings};
use self::leavers::{Cleanup, LeaverSettings};
use self::mapping::MappingSettings;
use self::schedule::ScheduleSettings;
use crate::source::onelogin::settings::Settings;
use crate::source::onelogin::{self, fields};

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
    #[serde(default)]
    pub leavers: LeaverSettings,
    #[serde(default)]
    pub schedule: ScheduleSettings,
    #[serde(default)]
    pub mapping: MappingSettings,
}

/// A setting that cannot be used as it is, and why.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("The setting {field} cannot be used as it is. {why}")]
pub struct FieldError {
    /// Its place in the stored settings: `groups.privileged`.
    pub field: &'static str,
    pub why: String,
}

/// The limits of the gate, above any of which changes are held, and how long decisions last.
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
    pub renames_percent_max: u32,
    pub email_changes_max: usize,
    pub email_changes_percent_max: u32,
    pub group_loss_percent_max: u32,
    /// Groups with fewer members are not judged by `group_loss_percent_max`.
    pub group_loss_members_min: usize,
    pub shrinkage_percent_max: u32,
    /// As many changes of a kind always pass.
    pub small_directory_floor: usize,
    pub hold: HoldWhat,
    /// For how long a held plan waits, and an approval for its run.
    pub expiry_hours: u32,
    /// For how long a rejection lasts where the source says nothing else.
    pub rejection_days: u32,
}

/// What is held where a limit is exceeded.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum HoldWhat {
    /// What the objection is about, and what depends on it.
    #[default]
    Harmful,
    Everything,
}

/// A year.
pub const EXPIRY_HOURS_MAX: u32 = 8_760;
/// Ten years.
pub const REJECTION_DAYS_MAX: u32 = 3_650;
/// What always passes is for directories of which a percentage is less than one person. More than what
/// passes of large ones by default would be no limit at all.
pub const SMALL_DIRECTORY_FLOOR_MAX: u32 = 20;
const EXPIRY_HOURS: u32 = 72;
const REJECTION_DAYS: u32 = 30;

impl ConnectorSettings {
    /// A source with everything else as it is until somebody changes it.
    pub fn new(source: Settings) -> ConnectorSettings {
        ConnectorSettings {
            source,
            safety: Safety::default(),
            cleanup: Cleanup::default(),
            empty_groups: EmptyGroups::default(),
            groups: GroupSettings::default(),
            leavers: LeaverSettings::default(),
            schedule: ScheduleSettings::default(),
            mapping: MappingSettings::default(),
        }
    }

    /// Refuses what could not be used in a run.
    pub fn check(&self) -> Result<(), FieldError> {
        onelogin::scope::check(&self.source)
            .map_err(|onelogin::scope::Misread { field, why }| FieldError { field, why })?;
        self.source
            .status_table()
            .map_err(|error| FieldError { field: "source.statuses", why: error.to_string() })?;
        self.mapping.check()?;
        self.groups.check()?;
        self.safety.check()?;
        self.policy()?;
        self.leavers.check()?;
        self.schedule.check()?;
        Ok(())
    }

    /// What becomes of people and groups of the source.
    pub fn rules(&self) -> Result<Rules, FieldError> {
        let keeps = self.policy()?.keeps();
        Ok(Rules { people: self.mapping.rules()?, groups: self.group_rules()?, keeps })
    }

    /// The paths of the fields that a read must bring beyond what every record has.
    pub fn fields(&self) -> Result<FieldPaths, FieldError> {
        let rules = self.mapping.rules()?;
        let asked = self.asked_by_expressions()?;
        Ok(FieldPaths::new(rules.fields().chain(asked.iter().map(|(_, path)| &**path))))
    }

    /// The paths of the fields that expressions look at, each with the setting that it is in. Those of rows
    /// are none of them.
    pub fn asked_by_expressions(&self) -> Result<BTreeSet<(&'static str, Box<str>)>, FieldError> {
        let mut asked = BTreeSet::new();
        let mut add = |field, path: &str| asked.insert((field, Box::from(path)));
        let Policy { create_if, cleanup_rule, .. } = self.policy()?;
        for path in create_if.iter().flat_map(Expression::source_fields) {
            add(leavers::CREATE_IF, path);
        }
        for path in cleanup_rule.iter().flat_map(|it| it.expression.fields_of("user")) {
            add(leavers::CLEANUP_EXPRESSION, path);
        }
        let assigned = self.group_rules()?.assigned;
        let only_if = assigned.iter().filter_map(|it| it.only_if.as_ref());
        for path in only_if.flat_map(Expression::source_fields) {
            add(groups::ASSIGN_IF, path);
        }
        Ok(asked)
    }

    /// What becomes of the groups of the source.
    pub fn group_rules(&self) -> Result<GroupRules, FieldError> {
        self.groups.rules(self.empty_groups == EmptyGroups::Create)
    }

    pub fn policy(&self) -> Result<Policy, FieldError> {
        Ok(Policy {
            cleanup: self.leavers.cleanup(self.cleanup),
            cleanup_rule: self.leavers.cleanup_rule()?,
            create_if: self.leavers.create_if()?,
            strip: self.leavers.strip()?,
            grace: self.leavers.grace()?,
            empty_groups: match self.empty_groups {
                EmptyGroups::Keep => plan::EmptyGroups::Keep,
                EmptyGroups::Create => plan::EmptyGroups::Create,
                EmptyGroups::Remove => plan::EmptyGroups::Remove,
            },
            empty_days: self.groups.empty_days,
            untouchable: self.groups.untouchable()?,
            adopted: self.groups.adopted()?,
            protected: self.leavers.protected()?,
        })
    }
}

/// One about somebody as a directory should hold them.
fn expression_of_person(field: &'static str, typed: &str) -> Result<Expression, FieldError> {
    let check_field = |path: &str| {
        if DIRECTORY_FIELDS.contains(&path) { Ok(()) } else { check_field(path) }
    };
    let refused = |error: ExpressionError| FieldError { field, why: error.to_string() };
    Expression::compile_with(typed, &PERSON, &check_field).map_err(refused)
}

/// One about somebody of whom nothing is known but what the source tells.
fn expression_of_leaver(field: &'static str, typed: &str) -> Result<Expression, FieldError> {
    let refused = |error: ExpressionError| FieldError { field, why: error.to_string() };
    Expression::compile_with(typed, &CleanupRule::VOCABULARY, &check_field).map_err(refused)
}

fn check_field(path: &str) -> Result<(), String> {
    fields::check(path).map_err(|error| error.to_string())
}

/// Refuses an expression that can be right for nobody.
fn check_expression(
    field: &'static str,
    expression: &Expression,
    purpose: &Purpose<'_>,
) -> Result<(), FieldError> {
    let refused = |error: ExpressionError| FieldError { field, why: error.to_string() };
    expression.check(purpose).map_err(refused)
}

fn patterns(field: &'static str, typed: &[String]) -> Result<Patterns, FieldError> {
    Patterns::parse(typed).map_err(|error| FieldError { field, why: error.to_string() })
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
            renames: limit(self.renames_max, self.renames_percent_max),
            email_changes: limit(self.email_changes_max, self.email_changes_percent_max),
            group_loss_percent_max: self.group_loss_percent_max,
            group_loss_members_min: self.group_loss_members_min,
            shrinkage_percent_max: self.shrinkage_percent_max,
            small_directory_floor: self.small_directory_floor,
            hold: match self.hold {
                HoldWhat::Harmful => Hold::Harmful,
                HoldWhat::Everything => Hold::Everything,
            },
        }
    }

    pub fn expiry(self) -> SignedDuration {
        SignedDuration::from_hours(i64::from(self.expiry_hours))
    }

    pub fn rejection(self) -> SignedDuration {
        SignedDuration::from_hours(24 * i64::from(self.rejection_days))
    }

    fn check(self) -> Result<(), FieldError> {
        let within = |field, value: u32, min: u32, max: u32| {
            let why = format!("{value} is not between {min} and {max}.");
            if (min..=max).contains(&value) { Ok(()) } else { Err(FieldError { field, why }) }
        };
        within("safety.expiry_hours", self.expiry_hours, 1, EXPIRY_HOURS_MAX)?;
        let floor = u32::try_from(self.small_directory_floor).unwrap_or(u32::MAX);
        within("safety.small_directory_floor", floor, 0, SMALL_DIRECTORY_FLOOR_MAX)?;
        within("safety.rejection_days", self.rejection_days, 1, REJECTION_DAYS_MAX)?;
        for (field, percent) in [
            ("safety.deactivations_percent_max", self.deactivations_percent_max),
            ("safety.removals_percent_max", self.removals_percent_max),
            ("safety.membership_removals_percent_max", self.membership_removals_percent_max),
            ("safety.renames_percent_max", self.renames_percent_max),
            ("safety.email_changes_percent_max", self.email_changes_percent_max),
            ("safety.group_loss_percent_max", self.group_loss_percent_max),
            ("safety.shrinkage_percent_max", self.shrinkage_percent_max),
        ] {
            within(field, percent, 0, 100)?;
        }
        Ok(())
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
            renames_percent_max: careful.renames.percent_max,
            email_changes_max: careful.email_changes.count_max,
            email_changes_percent_max: careful.email_changes.percent_max,
            group_loss_percent_max: careful.group_loss_percent_max,
            group_loss_members_min: careful.group_loss_members_min,
            shrinkage_percent_max: careful.shrinkage_percent_max,
            small_directory_floor: careful.small_directory_floor,
            hold: HoldWhat::default(),
            expiry_hours: EXPIRY_HOURS,
            rejection_days: REJECTION_DAYS,
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
