//! What happens to people who leave, as flags.

use clap::ValueEnum;

use crate::notation::choices::list_of;
use crate::store::connectors::settings::ConnectorSettings;
use crate::store::connectors::settings::leavers::{Cleanup, GRACE_HOURS_MAX, GRACE_READS_MAX};

/// Lists are given anew each time; a single "" empties one.
#[derive(Debug, clap::Args)]
#[command(next_help_heading = "Joiners and leavers (EXPRESSION: see docs/guide/expressions.md)")]
pub(crate) struct LeaverChoices {
    /// An expression that says yes of whoever gets an account where there is none, as
    /// `groups.has("staff")` or `false`; "" for everybody
    #[arg(long, value_name = "EXPRESSION")]
    create_if: Option<String>,
    /// What happens to a user who is gone or out of scope [default: disable]
    #[arg(long, value_enum, value_name = "WHAT")]
    cleanup: Option<CleanupFlag>,
    /// An expression that says "disable", "delete", "anonymise" or "keep" of each leaver, or none for
    /// what --cleanup says, as `"keep" if groups.has("always-active")`; "" for none
    #[arg(long, value_name = "EXPRESSION")]
    cleanup_expression: Option<String>,
    /// Whether anonymising replaces the username, too [default: off]
    #[arg(long, value_enum, value_name = "on|off")]
    anonymise_usernames: Option<Switch>,
    /// Whether whoever leaves is taken out of their groups, earlier leavers too [default: off]
    #[arg(long, value_enum, value_name = "on|off")]
    leave_groups: Option<Switch>,
    /// A group that leavers stay in all the same, by name or pattern; repeatable
    #[arg(long = "keep-group", value_name = "NAME")]
    keep_groups: Option<Vec<String>>,
    /// How many reads in a row must confirm that somebody is gone before it counts [default: 1]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=i64::from(GRACE_READS_MAX)))]
    grace_reads: Option<u32>,
    /// How many hours after the first of them it counts [default: 0]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(0..=i64::from(GRACE_HOURS_MAX)))]
    grace_hours: Option<u32>,
    /// Somebody who is never changed, by username, e-mail or id: `jira-admin`, `*@partner.example`;
    /// repeatable
    #[arg(long = "protect", value_name = "WHO")]
    protected: Option<Vec<String>>,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum CleanupFlag {
    Disable,
    Delete,
    Anonymise,
    Keep,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Switch {
    On,
    Off,
}

impl LeaverChoices {
    pub(crate) fn apply(&self, settings: &mut ConnectorSettings) -> Result<(), String> {
        let LeaverChoices {
            create_if,
            cleanup,
            cleanup_expression,
            anonymise_usernames,
            leave_groups,
            keep_groups,
            grace_reads,
            grace_hours,
            protected,
        } = self;
        if let Some(cleanup) = cleanup {
            settings.cleanup = (*cleanup).into();
        }
        let leavers = &mut settings.leavers;
        if let Some(typed) = create_if {
            typed.trim().clone_into(&mut leavers.create_if);
        }
        if let Some(typed) = cleanup_expression {
            typed.trim().clone_into(&mut leavers.cleanup_expression);
        }
        if let Some(switch) = anonymise_usernames {
            leavers.anonymise_usernames = *switch == Switch::On;
        }
        if let Some(switch) = leave_groups {
            leavers.leave_groups = *switch == Switch::On;
        }
        if let Some(names) = keep_groups {
            leavers.keep_groups = list_of("--keep-group", names)?;
        }
        leavers.grace_reads = grace_reads.unwrap_or(leavers.grace_reads);
        leavers.grace_hours = grace_hours.unwrap_or(leavers.grace_hours);
        if let Some(names) = protected {
            leavers.protected = list_of("--protect", names)?;
        }
        Ok(())
    }
}

impl From<CleanupFlag> for Cleanup {
    fn from(flag: CleanupFlag) -> Cleanup {
        match flag {
            CleanupFlag::Disable => Cleanup::Disable,
            CleanupFlag::Delete => Cleanup::Delete,
            CleanupFlag::Anonymise => Cleanup::Anonymise,
            CleanupFlag::Keep => Cleanup::Keep,
        }
    }
}
