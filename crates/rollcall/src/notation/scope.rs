//! Who takes part, as flags.

use clap::ValueEnum;

use crate::notation::choices::list_of;
use crate::source::onelogin::settings::{RequiredGroups, Settings};

/// Lists are given anew each time; a single "" empties one.
#[derive(Debug, clap::Args)]
#[command(next_help_heading = "Who takes part (a NAME is `Staff`, `role:Jira Users`, `role:#117`)")]
pub(crate) struct ScopeChoices {
    /// Only people in this OneLogin group, role or `member_of` entry; repeatable [default: everybody]
    #[arg(long = "required-group", value_name = "NAME")]
    required_groups: Option<Vec<String>>,
    /// Whether one of the required groups is enough, or all are needed [default: any]
    #[arg(long = "match", value_enum, value_name = "any|all")]
    matching: Option<MatchFlag>,
    /// Nobody in this group, role or `member_of` entry; repeatable
    #[arg(long = "excluded-group", value_name = "NAME")]
    excluded_groups: Option<Vec<String>>,
    /// Only people who meet this, as `department = Sales` or `email ends with @acme.com`; repeatable,
    /// all of them must be met
    #[arg(long = "where", value_name = "CONDITION")]
    conditions: Option<Vec<String>>,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum MatchFlag {
    Any,
    All,
}

impl ScopeChoices {
    pub(crate) fn apply(&self, settings: &mut Settings) -> Result<(), String> {
        let ScopeChoices { required_groups, matching, excluded_groups, conditions } = self;
        if let Some(names) = required_groups {
            settings.required_groups = list_of("--required-group", names)?;
        }
        if let Some(matching) = matching {
            settings.scope.matching = match matching {
                MatchFlag::Any => RequiredGroups::Any,
                MatchFlag::All => RequiredGroups::All,
            };
        }
        if let Some(names) = excluded_groups {
            settings.scope.excluded_groups = list_of("--excluded-group", names)?;
        }
        if let Some(texts) = conditions {
            settings.scope.conditions = list_of("--where", texts)?;
        }
        Ok(())
    }
}
