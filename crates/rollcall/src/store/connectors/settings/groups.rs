//! What an admin sets for the groups of a connector.

use std::collections::BTreeSet;

use reconcile::expression::{Purpose, Says};
use reconcile::mapping::groups::{
    self as rules, Assigned, GroupNames, GroupRules, Unmatched, check_group,
};
use reconcile::mapping::transform::{TransformError, Transformations};
use reconcile::pattern::Patterns;
use reconcile::principal::Name;
use serde::{Deserialize, Serialize};

use super::{FieldError, check_expression, expression_of_person, patterns};
use crate::source::onelogin::settings::GroupSource;

#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct GroupSettings {
    /// Transformations of the names of groups, before everything else: `lower | prefix ol-`.
    pub names: String,
    pub unmatched: UnmatchedGroups,
    pub equal_names: EqualNames,
    /// Which group source wins where it is the first that does.
    pub source_order: Vec<GroupSource>,
    /// Names and patterns of the groups that take part; none means all.
    pub only: Vec<String>,
    pub except: Vec<String>,
    /// Groups that every active user gets.
    pub always: Vec<String>,
    /// Groups for whoever has a group of one group source.
    pub with_source: Vec<WithSource>,
    /// Groups for every active user of whom an expression says yes.
    pub assign_if: Vec<AssignIf>,
    /// Names and patterns of groups that stay as they are, with whoever is in them.
    pub never_touch: Vec<String>,
    /// Local groups that are to become the connector's, by name.
    pub adopt: Vec<String>,
    /// Names and patterns of privileged groups, beside those that always are.
    pub privileged: Vec<String>,
    /// How many days a group must have been empty before it is removed, where empty ones are.
    pub empty_days: u32,
}

/// What happens to a group that nobody is in.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum EmptyGroups {
    #[default]
    Keep,
    Create,
    Remove,
}

/// Ten years.
pub const EMPTY_DAYS_MAX: u32 = 3_650;

/// What happens to a group whose name no transformation applies to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum UnmatchedGroups {
    /// It keeps its name.
    #[default]
    Untransformed,
    /// It gives no group.
    LeftOut,
    /// Whoever has it takes no part.
    SkipUser,
}

/// What happens where two group sources have a group of one name.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum EqualNames {
    #[default]
    Merge,
    Prefix,
    FirstWins,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct WithSource {
    pub source: GroupSource,
    pub group: String,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AssignIf {
    pub group: String,
    pub expression: String,
}

/// Whoever is in one of these may change a whole product.
pub const ALWAYS_PRIVILEGED: [&str; 4] =
    ["jira-administrators", "confluence-administrators", "site-admins", "org-admins"];

pub(super) const ASSIGN_IF: &str = "groups.assign_if";

const SOURCE_ORDER_BY_DEFAULT: [GroupSource; 3] =
    [GroupSource::Roles, GroupSource::Group, GroupSource::MemberOf];

impl GroupSettings {
    /// What becomes of the groups of the source.
    pub fn rules(&self, with_empty: bool) -> Result<GroupRules, FieldError> {
        Ok(GroupRules {
            names: self.group_names()?,
            equal_names: match self.equal_names {
                EqualNames::Merge => rules::EqualNames::Merge,
                EqualNames::Prefix => rules::EqualNames::Prefix,
                EqualNames::FirstWins => rules::EqualNames::FirstWins,
            },
            order: self.order().into_iter().map(|it| it.kind().into()).collect(),
            only: patterns("groups.only", &self.only)?,
            except: patterns("groups.except", &self.except)?,
            assigned: self.assigned()?,
            with_empty,
        })
    }

    fn group_names(&self) -> Result<Option<GroupNames>, FieldError> {
        let transformations: Transformations =
            self.names.parse().map_err(|error: TransformError| FieldError {
                field: "groups.names",
                why: format!("{error}"),
            })?;
        let otherwise = match self.unmatched {
            UnmatchedGroups::Untransformed => Unmatched::Untransformed,
            UnmatchedGroups::LeftOut => Unmatched::LeftOut,
            UnmatchedGroups::SkipUser => Unmatched::SkipUser,
        };
        let is_set = !transformations.is_empty();
        Ok(is_set.then_some(GroupNames { transformations, otherwise }))
    }

    /// All group sources, the one that wins first.
    pub fn order(&self) -> Vec<GroupSource> {
        let mut order = self.source_order.clone();
        order.extend(SOURCE_ORDER_BY_DEFAULT.iter().filter(|it| !self.source_order.contains(it)));
        order
    }

    /// Groups that always ask for approval.
    pub fn privileged(&self) -> Result<Patterns, FieldError> {
        let always = ALWAYS_PRIVILEGED.into_iter().map(str::to_owned);
        let all: Vec<String> = always.chain(self.privileged.iter().cloned()).collect();
        patterns("groups.privileged", &all)
    }

    pub(super) fn untouchable(&self) -> Result<Patterns, FieldError> {
        patterns("groups.never_touch", &self.never_touch)
    }

    pub(super) fn adopted(&self) -> Result<BTreeSet<Name>, FieldError> {
        self.adopt.iter().map(|it| group_name("groups.adopt", it)).collect()
    }

    fn assigned(&self) -> Result<Vec<Assigned>, FieldError> {
        let mut assigned = Vec::new();
        for group in &self.always {
            let group = group_name("groups.always", group)?;
            assigned.push(Assigned { group, with: None, only_if: None });
        }
        for WithSource { source, group } in &self.with_source {
            let group = group_name("groups.with_source", group)?;
            assigned.push(Assigned { group, with: Some(source.kind().into()), only_if: None });
        }
        for AssignIf { group, expression } in &self.assign_if {
            let group = group_name(ASSIGN_IF, group)?;
            let only_if = Some(expression_of_person(ASSIGN_IF, expression)?);
            assigned.push(Assigned { group, with: None, only_if });
        }
        Ok(assigned)
    }

    pub(super) fn check(&self) -> Result<(), FieldError> {
        if EMPTY_DAYS_MAX < self.empty_days {
            let why = format!("{} days are more than {EMPTY_DAYS_MAX}.", self.empty_days);
            return Err(FieldError { field: "groups.empty_days", why });
        }
        self.rules(false)?;
        self.privileged()?;
        let untouchable = self.untouchable()?;
        for group in self.adopted()? {
            if let Some(pattern) = untouchable.matching(&group) {
                let why = format!(
                    "The group \"{group}\" is never touched, by \"{pattern}\", so it cannot be adopted."
                );
                return Err(FieldError { field: "groups.adopt", why });
            }
        }
        let purpose = Purpose { says: Says::YesNo, kinds: &GroupSource::KINDS };
        for Assigned { group, only_if, .. } in self.assigned()? {
            if let Some(expression) = &only_if {
                check_expression(ASSIGN_IF, expression, &purpose)?;
            }
            if let Some(pattern) = untouchable.matching(&group) {
                let why = format!(
                    "The group \"{group}\" is assigned, so \"{pattern}\" cannot keep it untouched."
                );
                return Err(FieldError { field: "groups.never_touch", why });
            }
        }
        Ok(())
    }
}

fn group_name(field: &'static str, typed: &str) -> Result<Name, FieldError> {
    let name = Name::new(typed.trim());
    if let Err(why) = check_group(&name) {
        return Err(FieldError { field, why: format!("The group \"{name}\" cannot be. {why}") });
    }
    if typed.contains('*') {
        let what = match field {
            "groups.adopt" => "groups are adopted by name",
            _ => "people are assigned to groups by name",
        };
        let why = format!("\"{name}\" is a pattern; {what}.");
        return Err(FieldError { field, why });
    }
    Ok(name)
}
