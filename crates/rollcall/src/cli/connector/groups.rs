//! The groups of a connector as flags.

use crate::cli::connector::settings::list_of;
use crate::cli::exit::CliError;
use crate::cli::output;
use crate::store::connectors::settings::groups::{ALWAYS_PRIVILEGED, GroupSettings};

/// Lists are given anew each time; a single "" empties one.
#[derive(Debug, clap::Args)]
#[command(next_help_heading = "Groups (NAME may be a pattern: `jira-*`, `/^ext-[0-9]+$/`)")]
pub(super) struct GroupChoices {
    /// A group that stays as it is, with whoever is in it; repeatable
    #[arg(long = "never-touch", value_name = "NAME")]
    never_touch: Option<Vec<String>>,
    /// A group that always asks for approval, beside jira-administrators,
    /// confluence-administrators, site-admins and org-admins; repeatable
    #[arg(long = "privileged-group", value_name = "NAME")]
    privileged: Option<Vec<String>>,
}

impl GroupChoices {
    pub(super) fn apply(&self, groups: &GroupSettings) -> Result<GroupSettings, CliError> {
        let GroupChoices { never_touch, privileged } = self;
        let mut groups = groups.clone();
        if let Some(names) = never_touch {
            groups.never_touch = list_of("--never-touch", names)?;
        }
        if let Some(names) = privileged {
            groups.privileged = list_of("--privileged-group", names)?;
        }
        Ok(groups)
    }
}

/// What `connector show` tells of them; what is not set is not told.
pub(super) fn facts(groups: &GroupSettings) -> Vec<(&'static str, String)> {
    let GroupSettings { never_touch, privileged } = groups;
    let mut facts = Vec::new();
    if !never_touch.is_empty() {
        facts.push(("Never touched", output::printable(&never_touch.join(", "))));
    }
    let always = ALWAYS_PRIVILEGED.into_iter().chain(privileged.iter().map(String::as_str));
    facts.push(("Privileged groups", output::printable(&always.collect::<Vec<_>>().join(", "))));
    facts
}
