//! The settings of a connector as flags, for making one and for changing one.

use std::collections::BTreeSet;
use std::net::IpAddr;

use clap::ValueEnum;
use reqwest::Url;

use crate::http::address;
use crate::notation::groups::GroupChoices;
use crate::notation::leavers::LeaverChoices;
use crate::notation::mapping::MappingChoices;
use crate::notation::schedule::ScheduleChoices;
use crate::notation::scope::ScopeChoices;
use crate::source::onelogin::base_url;
use crate::source::onelogin::settings::GroupSource;
use crate::store::connectors::settings::{
    ConnectorSettings, EXPIRY_HOURS_MAX, HoldWhat, REJECTION_DAYS_MAX, SMALL_DIRECTORY_FLOOR_MAX,
    Safety,
};

/// What has no meaning of its own at first, and can be set when a connector is made or later.
#[derive(Debug, clap::Args)]
pub(crate) struct Choices {
    /// What becomes a group; several with commas between them [default: roles,group]
    #[arg(long, value_name = "SOURCES", value_delimiter = ',', value_enum)]
    groups_from: Option<Vec<GroupSourceFlag>>,
    /// No run starts, and none goes on, with fewer API calls left this hour [default: 500]
    #[arg(long, value_name = "N")]
    minimum_remaining_api_calls: Option<u32>,
    #[command(flatten)]
    scope: ScopeChoices,
    #[command(flatten)]
    mapping: MappingChoices,
    #[command(flatten)]
    leavers: LeaverChoices,
    #[command(flatten)]
    groups: GroupChoices,
    #[command(flatten)]
    schedule: ScheduleChoices,
    #[command(flatten)]
    limits: Limits,
}

/// Above how many changes of a kind they are held.
#[derive(Debug, clap::Args)]
#[command(next_help_heading = "Limits above which changes are held, and what becomes of them")]
struct Limits {
    /// Users who lose access [default: 20]
    #[arg(long = "limit-deactivations", value_name = "N")]
    deactivations: Option<usize>,
    /// The same in percent of the active users [default: 5]
    #[arg(long = "limit-deactivations-percent", value_name = "PERCENT", value_parser = percent())]
    deactivations_percent: Option<u32>,
    /// Users who are deleted [default: 20]
    #[arg(long = "limit-removals", value_name = "N")]
    removals: Option<usize>,
    /// The same in percent of all users [default: 5]
    #[arg(long = "limit-removals-percent", value_name = "PERCENT", value_parser = percent())]
    removals_percent: Option<u32>,
    /// Memberships that end [default: 50]
    #[arg(long = "limit-membership-removals", value_name = "N")]
    membership_removals: Option<usize>,
    /// The same in percent of all memberships [default: 10]
    #[arg(long = "limit-membership-removals-percent", value_name = "PERCENT", value_parser = percent())]
    membership_removals_percent: Option<u32>,
    /// Usernames that change [default: 5]
    #[arg(long = "limit-renames", value_name = "N")]
    renames: Option<usize>,
    /// The same in percent of the active users [default: 100]
    #[arg(long = "limit-renames-percent", value_name = "PERCENT", value_parser = percent())]
    renames_percent: Option<u32>,
    /// E-mail addresses that change [default: any number]
    #[arg(long = "limit-email-changes", value_name = "N")]
    email_changes: Option<usize>,
    /// The same in percent of the active users [default: 10]
    #[arg(long = "limit-email-changes-percent", value_name = "PERCENT", value_parser = percent())]
    email_changes_percent: Option<u32>,
    /// How much of one group may go, in percent of its members [default: 30]
    #[arg(long = "limit-group-loss-percent", value_name = "PERCENT", value_parser = percent())]
    group_loss_percent: Option<u32>,
    /// Only of groups with so many members or more [default: 10]
    #[arg(long = "limit-group-loss-members", value_name = "N")]
    group_loss_members: Option<usize>,
    /// How many fewer people the source may have than before, in percent [default: 10]
    #[arg(long = "limit-shrinkage-percent", value_name = "PERCENT", value_parser = percent())]
    shrinkage_percent: Option<u32>,
    /// As many of a kind always pass, so that a percentage of few is not less than one; at most 20, and half
    /// of the people [default: 3]
    #[arg(long, value_name = "N", value_parser = floor())]
    small_directory_floor: Option<usize>,
    /// What is held above a limit: what it is about, or everything [default: harmful]
    #[arg(long, value_enum, value_name = "harmful|everything")]
    hold: Option<HoldFlag>,
    /// How many hours a held plan waits, and an approval for its run [default: 72]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=i64::from(EXPIRY_HOURS_MAX)))]
    plan_expiry_hours: Option<u32>,
    /// How many days a rejection lasts where the source says nothing else [default: 30]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=i64::from(REJECTION_DAYS_MAX)))]
    rejection_days: Option<u32>,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum HoldFlag {
    Harmful,
    Everything,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
#[value(rename_all = "snake_case")]
pub(crate) enum GroupSourceFlag {
    MemberOf,
    Roles,
    Group,
}

pub(crate) const GROUPS_FROM_BY_DEFAULT: [GroupSource; 2] =
    [GroupSource::Roles, GroupSource::Group];
pub(crate) const MINIMUM_REMAINING_API_CALLS_BY_DEFAULT: u32 = 500;

impl Choices {
    /// The settings with everything that was chosen.
    pub(crate) fn apply(&self, settings: &ConnectorSettings) -> Result<ConnectorSettings, String> {
        let Choices {
            groups_from,
            minimum_remaining_api_calls,
            scope,
            mapping,
            leavers,
            groups,
            schedule,
            limits,
        } = self;
        let mut settings = settings.clone();
        if let Some(sources) = groups_from {
            settings.source.groups_from = sources.iter().map(|&it| it.into()).collect();
        }
        if let Some(calls) = minimum_remaining_api_calls {
            settings.source.minimum_remaining_api_calls = *calls;
        }
        scope.apply(&mut settings.source)?;
        mapping.apply(&mut settings)?;
        leavers.apply(&mut settings)?;
        groups.apply(&mut settings)?;
        schedule.apply(&mut settings.schedule)?;
        settings.safety = limits.apply(settings.safety);
        Ok(settings)
    }
}

impl Limits {
    fn apply(&self, safety: Safety) -> Safety {
        Safety {
            deactivations_max: self.deactivations.unwrap_or(safety.deactivations_max),
            deactivations_percent_max: self
                .deactivations_percent
                .unwrap_or(safety.deactivations_percent_max),
            removals_max: self.removals.unwrap_or(safety.removals_max),
            removals_percent_max: self.removals_percent.unwrap_or(safety.removals_percent_max),
            membership_removals_max: self
                .membership_removals
                .unwrap_or(safety.membership_removals_max),
            membership_removals_percent_max: self
                .membership_removals_percent
                .unwrap_or(safety.membership_removals_percent_max),
            renames_max: self.renames.unwrap_or(safety.renames_max),
            renames_percent_max: self.renames_percent.unwrap_or(safety.renames_percent_max),
            email_changes_max: self.email_changes.unwrap_or(safety.email_changes_max),
            email_changes_percent_max: self
                .email_changes_percent
                .unwrap_or(safety.email_changes_percent_max),
            group_loss_percent_max: self
                .group_loss_percent
                .unwrap_or(safety.group_loss_percent_max),
            group_loss_members_min: self
                .group_loss_members
                .unwrap_or(safety.group_loss_members_min),
            shrinkage_percent_max: self.shrinkage_percent.unwrap_or(safety.shrinkage_percent_max),
            small_directory_floor: self
                .small_directory_floor
                .unwrap_or(safety.small_directory_floor),
            hold: match self.hold {
                None => safety.hold,
                Some(HoldFlag::Harmful) => HoldWhat::Harmful,
                Some(HoldFlag::Everything) => HoldWhat::Everything,
            },
            expiry_hours: self.plan_expiry_hours.unwrap_or(safety.expiry_hours),
            rejection_days: self.rejection_days.unwrap_or(safety.rejection_days),
        }
    }
}

impl From<GroupSourceFlag> for GroupSource {
    fn from(flag: GroupSourceFlag) -> GroupSource {
        match flag {
            GroupSourceFlag::MemberOf => GroupSource::MemberOf,
            GroupSourceFlag::Roles => GroupSource::Roles,
            GroupSourceFlag::Group => GroupSource::Group,
        }
    }
}

/// The word of a group source, as flags and answers have it.
pub(crate) fn group_source_word(source: GroupSource) -> &'static str {
    match source {
        GroupSource::MemberOf => "member_of",
        GroupSource::Roles => "roles",
        GroupSource::Group => "group",
    }
}

/// Reads a base URL in any form that admins know it, and refuses this machine unless allowed.
pub(crate) fn base_url_of(typed: &str, allow_loopback: bool) -> Result<String, String> {
    let base_url = base_url::parse(typed).map_err(|error| error.to_string())?;
    let url = Url::parse(&base_url).map_err(|error| error.to_string())?;
    let host = url.host_str().unwrap_or_default().trim_matches(['[', ']']);
    let refusal = match host.parse::<IpAddr>() {
        Ok(address) => address::refusal(address, allow_loopback),
        Err(_) if host == "localhost" && !allow_loopback => Some("this machine"),
        Err(_) => None,
    };
    match refusal {
        None => Ok(base_url),
        Some(why) => Err(format!(
            "The base URL {base_url} leads to {why}. Give a public https address; \
             for a sandbox on this machine, add --allow-loopback."
        )),
    }
}

/// A client id, which is a text without blanks.
pub(crate) fn client_id_of(typed: &str) -> Result<String, String> {
    let typed = typed.trim();
    if typed.is_empty() || typed.chars().any(|it| it.is_whitespace() || it.is_control()) {
        return Err("The Client ID is empty or has blanks in it. Copy it from OneLogin: \
             DEVELOPERS > API Credentials."
            .to_owned());
    }
    Ok(typed.to_owned())
}

/// The values of a flag that may be given several times. An empty one alone empties the list.
pub(crate) fn list_of(flag: &str, names: &[String]) -> Result<Vec<String>, String> {
    let trimmed: Vec<String> = names.iter().map(|it| it.trim().to_owned()).collect();
    if trimmed.iter().all(String::is_empty) {
        return Ok(Vec::new());
    }
    if trimmed.iter().any(String::is_empty) {
        return Err(format!(
            "One of the values of {flag} is empty. Leave it out, \
             or give {flag} \"\" alone to empty the list."
        ));
    }
    let mut seen = BTreeSet::new();
    Ok(trimmed.into_iter().filter(|it| seen.insert(it.clone())).collect())
}

fn floor() -> clap::builder::RangedU64ValueParser<usize> {
    clap::builder::RangedU64ValueParser::new().range(0..=u64::from(SMALL_DIRECTORY_FLOOR_MAX))
}

fn percent() -> clap::builder::RangedI64ValueParser<u32> {
    clap::value_parser!(u32).range(0..=100)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check_base_url(typed: &str, allow_loopback: bool, expected: &str) {
        let told = match base_url_of(typed, allow_loopback) {
            Ok(base_url) => base_url,
            Err(why) => why,
        };
        assert_eq!(told, expected);
    }

    #[test]
    fn this_machine_is_no_base_url_unless_it_is_allowed() {
        check_base_url("eu", false, "https://api.eu.onelogin.com");
        check_base_url("http://127.0.0.1:4711", true, "http://127.0.0.1:4711");
        check_base_url("http://localhost:4711", true, "http://localhost:4711");
        for typed in ["http://127.0.0.1:4711", "http://localhost:4711", "https://[::1]:4711"] {
            let refused = base_url_of(typed, false).unwrap_err();
            assert!(refused.ends_with("add --allow-loopback."), "{refused}");
        }
    }

    #[test]
    fn lists_are_trimmed_and_an_empty_value_alone_empties_them() {
        let names = |it: &[&str]| {
            list_of("--names", &it.iter().map(|&it| it.to_owned()).collect::<Vec<_>>())
        };
        assert_eq!(names(&[" Staff ", "role:X", "Staff"]).unwrap(), ["Staff", "role:X"]);
        assert_eq!(names(&[""]).unwrap(), [""; 0]);
        assert!(names(&["Staff", ""]).is_err());
    }
}
