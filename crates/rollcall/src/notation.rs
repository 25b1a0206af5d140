//! The settings of a connector as they are written: a flag and its values.
//!
//! Pages fill the settings by the very flags of `connector edit`, and show them as those flags say
//! them, so the two cannot disagree. What is refused is a sentence for whoever typed it.

pub(crate) mod choices;
pub mod file;
mod groups;
mod leavers;
pub(crate) mod mapping;
pub(crate) mod schedule;
pub(crate) mod scope;

use std::fmt;

use clap::error::{ContextKind, ErrorKind};
use clap::{Args as _, FromArgMatches as _};

use crate::notation::choices::{Choices, group_source_word};
use crate::notation::schedule::told;
use crate::source::onelogin::settings::RequiredGroups;
use crate::store::connectors::settings::groups::{EmptyGroups, EqualNames, UnmatchedGroups};
use crate::store::connectors::settings::leavers::Cleanup;
use crate::store::connectors::settings::{ConnectorSettings, FieldError, HoldWhat};

/// One setting.
#[derive(Clone, Copy, Debug)]
pub struct Setting {
    /// `only-group`, without the hyphens before it.
    pub flag: &'static str,
    /// Its place in the stored settings, as errors and the audit log name it: `groups.only`.
    pub path: &'static str,
    /// What the flag would have to say to set it to what it is.
    pub values: fn(&ConnectorSettings) -> Vec<String>,
}

/// A flag as somebody gave it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Given {
    pub flag: &'static str,
    pub values: Vec<String>,
}

/// Why a flag cannot be followed; none where it is about the settings together.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Wrong {
    pub flag: Option<&'static str>,
    pub why: String,
}

/// One flag says when a connector runs and whether it does.
pub const SCHEDULE: &str = "schedule";
/// The place of whether it does.
pub const SCHEDULE_SWITCH: &str = "schedule.enabled";

/// Every setting that `connector edit` knows, but for name, address and credential.
pub const SETTINGS: [Setting; 54] = [
    Setting {
        flag: "groups-from",
        path: "source.groups_from",
        values: |it| {
            it.source.groups_from.iter().map(|&it| group_source_word(it).to_owned()).collect()
        },
    },
    Setting {
        flag: "minimum-remaining-api-calls",
        path: "source.minimum_remaining_api_calls",
        values: |it| number(it.source.minimum_remaining_api_calls),
    },
    Setting {
        flag: "required-group",
        path: "source.required_groups",
        values: |it| it.source.required_groups.clone(),
    },
    Setting {
        flag: "match",
        path: "source.scope.matching",
        values: |it| {
            word(match it.source.scope.matching {
                RequiredGroups::Any => "any",
                RequiredGroups::All => "all",
            })
        },
    },
    Setting {
        flag: "excluded-group",
        path: "source.scope.excluded_groups",
        values: |it| it.source.scope.excluded_groups.clone(),
    },
    Setting {
        flag: "where",
        path: "source.scope.conditions",
        values: |it| it.source.scope.conditions.clone(),
    },
    Setting {
        flag: "cleanup",
        path: "cleanup",
        values: |it| {
            word(match it.cleanup {
                Cleanup::Disable => "disable",
                Cleanup::Delete => "delete",
                Cleanup::Anonymise => "anonymise",
                Cleanup::Keep => "keep",
            })
        },
    },
    Setting {
        flag: "anonymise-usernames",
        path: "leavers.anonymise_usernames",
        values: |it| switch(it.leavers.anonymise_usernames),
    },
    Setting {
        flag: "leave-groups",
        path: "leavers.leave_groups",
        values: |it| switch(it.leavers.leave_groups),
    },
    Setting {
        flag: "keep-group",
        path: "leavers.keep_groups",
        values: |it| it.leavers.keep_groups.clone(),
    },
    Setting {
        flag: "grace-reads",
        path: "leavers.grace_reads",
        values: |it| number(it.leavers.grace_reads),
    },
    Setting {
        flag: "grace-hours",
        path: "leavers.grace_hours",
        values: |it| number(it.leavers.grace_hours),
    },
    Setting {
        flag: "protect",
        path: "leavers.protected",
        values: |it| it.leavers.protected.clone(),
    },
    Setting {
        flag: "empty-groups",
        path: "empty_groups",
        values: |it| {
            word(match it.empty_groups {
                EmptyGroups::Keep => "keep",
                EmptyGroups::Create => "create",
                EmptyGroups::Remove => "remove",
            })
        },
    },
    Setting {
        flag: "empty-groups-days",
        path: "groups.empty_days",
        values: |it| number(it.groups.empty_days),
    },
    Setting {
        flag: "on-equal-names",
        path: "groups.equal_names",
        values: |it| {
            word(match it.groups.equal_names {
                EqualNames::Merge => "merge",
                EqualNames::Prefix => "prefix",
                EqualNames::FirstWins => "first-wins",
            })
        },
    },
    Setting {
        flag: "source-order",
        path: "groups.source_order",
        values: |it| {
            let order = it.groups.order().into_iter().map(group_source_word);
            vec![order.collect::<Vec<_>>().join(",")]
        },
    },
    Setting { flag: "only-group", path: "groups.only", values: |it| it.groups.only.clone() },
    Setting { flag: "except-group", path: "groups.except", values: |it| it.groups.except.clone() },
    Setting { flag: "always-assign", path: "groups.always", values: |it| it.groups.always.clone() },
    Setting {
        flag: "assign-with",
        path: "groups.with_source",
        values: |it| {
            let said = it.groups.with_source.iter();
            said.map(|it| format!("{}={}", group_source_word(it.source), it.group)).collect()
        },
    },
    Setting {
        flag: "never-touch",
        path: "groups.never_touch",
        values: |it| it.groups.never_touch.clone(),
    },
    Setting { flag: "adopt-group", path: "groups.adopt", values: |it| it.groups.adopt.clone() },
    Setting {
        flag: "privileged-group",
        path: "groups.privileged",
        values: |it| it.groups.privileged.clone(),
    },
    Setting {
        flag: "limit-deactivations",
        path: "safety.deactivations_max",
        values: |it| number(it.safety.deactivations_max),
    },
    Setting {
        flag: "limit-deactivations-percent",
        path: "safety.deactivations_percent_max",
        values: |it| number(it.safety.deactivations_percent_max),
    },
    Setting {
        flag: "limit-removals",
        path: "safety.removals_max",
        values: |it| number(it.safety.removals_max),
    },
    Setting {
        flag: "limit-removals-percent",
        path: "safety.removals_percent_max",
        values: |it| number(it.safety.removals_percent_max),
    },
    Setting {
        flag: "limit-membership-removals",
        path: "safety.membership_removals_max",
        values: |it| number(it.safety.membership_removals_max),
    },
    Setting {
        flag: "limit-membership-removals-percent",
        path: "safety.membership_removals_percent_max",
        values: |it| number(it.safety.membership_removals_percent_max),
    },
    Setting {
        flag: "limit-renames",
        path: "safety.renames_max",
        values: |it| number(it.safety.renames_max),
    },
    Setting {
        flag: "limit-email-changes-percent",
        path: "safety.email_changes_percent_max",
        values: |it| number(it.safety.email_changes_percent_max),
    },
    Setting {
        flag: "limit-group-loss-percent",
        path: "safety.group_loss_percent_max",
        values: |it| number(it.safety.group_loss_percent_max),
    },
    Setting {
        flag: "limit-shrinkage-percent",
        path: "safety.shrinkage_percent_max",
        values: |it| number(it.safety.shrinkage_percent_max),
    },
    Setting {
        flag: "assign-if",
        path: "groups.assign_if",
        values: |it| {
            it.groups.assign_if.iter().map(|it| format!("{}={}", it.group, it.expression)).collect()
        },
    },
    Setting {
        flag: "create-if",
        path: "leavers.create_if",
        values: |it| vec![it.leavers.create_if.clone()],
    },
    Setting {
        flag: "cleanup-expression",
        path: "leavers.cleanup_expression",
        values: |it| vec![it.leavers.cleanup_expression.clone()],
    },
    Setting {
        flag: "schedule",
        path: "schedule.expression",
        values: |it| {
            let switch = if it.schedule.enabled { "on" } else { "off" };
            vec![it.schedule.expression.clone(), switch.to_owned()]
        },
    },
    Setting {
        flag: "time-zone",
        path: "schedule.time_zone",
        values: |it| vec![it.schedule.time_zone.clone()],
    },
    Setting {
        flag: "catch-up",
        path: "schedule.catch_up_minutes",
        values: |it| vec![told(it.schedule.catch_up_minutes * 60)],
    },
    Setting {
        flag: "jitter",
        path: "schedule.jitter_seconds",
        values: |it| vec![told(it.schedule.jitter_seconds)],
    },
    Setting {
        flag: "pause-after",
        path: "schedule.pause_after_failures",
        values: |it| number(it.schedule.pause_after_failures),
    },
    Setting { flag: "map", path: "mapping.rows", values: |it| it.mapping.rows.clone() },
    Setting {
        flag: "key",
        path: "mapping.key",
        values: |it| vec![it.mapping.key.clone().unwrap_or_default()],
    },
    Setting { flag: "status", path: "source.statuses", values: |it| it.source.statuses.clone() },
    Setting {
        flag: "group-names",
        path: "groups.names",
        values: |it| vec![it.groups.names.clone()],
    },
    Setting {
        flag: "unmatched-groups",
        path: "groups.unmatched",
        values: |it| {
            word(match it.groups.unmatched {
                UnmatchedGroups::Untransformed => "untransformed",
                UnmatchedGroups::LeftOut => "leave-out",
                UnmatchedGroups::SkipUser => "skip-user",
            })
        },
    },
    Setting {
        flag: "limit-renames-percent",
        path: "safety.renames_percent_max",
        values: |it| number(it.safety.renames_percent_max),
    },
    Setting {
        flag: "limit-email-changes",
        path: "safety.email_changes_max",
        values: |it| number(it.safety.email_changes_max),
    },
    Setting {
        flag: "limit-group-loss-members",
        path: "safety.group_loss_members_min",
        values: |it| number(it.safety.group_loss_members_min),
    },
    Setting {
        flag: "small-directory-floor",
        path: "safety.small_directory_floor",
        values: |it| number(it.safety.small_directory_floor),
    },
    Setting {
        flag: "hold",
        path: "safety.hold",
        values: |it| {
            word(match it.safety.hold {
                HoldWhat::Harmful => "harmful",
                HoldWhat::Everything => "everything",
            })
        },
    },
    Setting {
        flag: "plan-expiry-hours",
        path: "safety.expiry_hours",
        values: |it| number(it.safety.expiry_hours),
    },
    Setting {
        flag: "rejection-days",
        path: "safety.rejection_days",
        values: |it| number(it.safety.rejection_days),
    },
];

/// The setting at a place of the stored settings.
pub fn at(path: &str) -> Option<&'static Setting> {
    SETTINGS.iter().find(|it| it.path == path)
}

/// The setting of a flag.
pub fn setting(flag: &str) -> Option<&'static Setting> {
    SETTINGS.iter().find(|it| it.flag == flag)
}

/// The settings with all that was given, and what of it cannot be followed. What says what is set
/// already is passed over.
pub fn apply(before: &ConnectorSettings, given: &[Given]) -> (ConnectorSettings, Vec<Wrong>) {
    let was_fine = before.check().is_ok();
    let (mut after, mut wrong) = (before.clone(), Vec::new());
    for given in given.iter().filter(|it| says_another(before, it)) {
        let followed = follow(&after, given).and_then(|it| {
            // Alone, so that each flag is told what is wrong with it.
            let alone = follow(before, given)?;
            match alone.check() {
                Err(FieldError { why, .. }) if was_fine => Err(why),
                Err(_) | Ok(()) => Ok(it),
            }
        });
        match followed {
            Ok(followed) => after = followed,
            Err(why) => {
                // It stands beside its field, which nobody there knows by its flag.
                let why = why.replacen(&format!("--{} ", given.flag), "", 1);
                wrong.push(Wrong { flag: Some(given.flag), why });
            }
        }
    }
    if wrong.is_empty()
        && let Err(FieldError { field, why }) = after.check()
    {
        let flag = at(field).map(|it| it.flag);
        wrong.push(Wrong { flag, why });
    }
    (after, wrong)
}

/// The settings that differ, each with what it says before and after.
pub fn differences(
    before: &ConnectorSettings,
    after: &ConnectorSettings,
) -> Vec<(&'static Setting, Vec<String>, Vec<String>)> {
    let both = SETTINGS.iter().map(|it| (it, (it.values)(before), (it.values)(after)));
    both.filter(|(_, before, after)| before != after).collect()
}

/// ` --only-group jira --only-group "confluence *"` for each setting that differs.
pub fn flags(before: &ConnectorSettings, after: &ConnectorSettings) -> String {
    let all = SETTINGS.map(|it| it.flag);
    flags_of(&all, before, after)
}

/// As [`flags`], of these flags alone.
pub fn flags_of(flags: &[&str], before: &ConnectorSettings, after: &ConnectorSettings) -> String {
    let mut text = String::new();
    let of_them = differences(before, after).into_iter().filter(|it| flags.contains(&it.0.flag));
    for (setting, _, values) in of_them {
        let values = match values.as_slice() {
            [] => vec![String::new()],
            // What is off says no more than that.
            [_, switch] if setting.flag == SCHEDULE && switch == "off" => vec![switch.clone()],
            [expression, _] if setting.flag == SCHEDULE => vec![expression.clone()],
            _ => values,
        };
        let is_list_of_words = setting.flag == "groups-from";
        let values = if is_list_of_words { vec![values.join(",")] } else { values };
        for value in values {
            text.extend([" --", setting.flag, " ", &shell_word(&value)]);
        }
    }
    text
}

/// A word as a shell reads it.
pub fn shell_word(word: &str) -> String {
    let is_plain = |it: char| it.is_ascii_alphanumeric() || "-_./:@,=".contains(it);
    if !word.is_empty() && word.chars().all(is_plain) {
        return word.to_owned();
    }
    format!("'{}'", word.replace('\'', r"'\''"))
}

/// As [`shell_word`], in quotes always: how a name stands in a sentence that ends with a command.
/// What a shell reads between double quotes goes between single ones.
pub fn shell_quoted(word: &str) -> String {
    if word.contains(['"', '\\', '$', '`', '!']) {
        return shell_word(word);
    }
    format!("\"{word}\"")
}

/// The settings with one flag followed. A schedule takes an expression and then a switch.
fn follow(before: &ConnectorSettings, given: &Given) -> Result<ConnectorSettings, String> {
    let one = |settings: &ConnectorSettings, given: &Given| parse(given)?.apply(settings);
    if given.flag != SCHEDULE {
        return one(before, given);
    }
    given.values.iter().try_fold(before.clone(), |settings, value| {
        one(&settings, &Given { flag: SCHEDULE, values: vec![value.clone()] })
    })
}

fn says_another(before: &ConnectorSettings, given: &Given) -> bool {
    setting(given.flag).is_none_or(|it| (it.values)(before) != given.values)
}

fn parse(given: &Given) -> Result<Choices, String> {
    let Given { flag, values } = given;
    let typed: Vec<String> = match values.as_slice() {
        [] => vec![format!("--{flag}=")],
        values => values.iter().map(|it| format!("--{flag}={it}")).collect(),
    };
    let command = clap::Command::new("settings").no_binary_name(true).disable_help_flag(true);
    let matches = Choices::augment_args(command).try_get_matches_from(typed);
    let matches = matches.map_err(|error| sentence(&error))?;
    Choices::from_arg_matches(&matches).map_err(|error| sentence(&error))
}

/// What is wrong, without the words of a command line.
fn sentence(error: &clap::Error) -> String {
    let value = error.get(ContextKind::InvalidValue).map(ToString::to_string).unwrap_or_default();
    let cause = std::error::Error::source(error).map(ToString::to_string).unwrap_or_default();
    match error.kind() {
        ErrorKind::InvalidValue if value.is_empty() => "Choose at least one.".to_owned(),
        ErrorKind::InvalidValue => "Choose one of the list.".to_owned(),
        ErrorKind::ValueValidation if cause.starts_with("invalid digit") || value.is_empty() => {
            "Type a whole number.".to_owned()
        }
        ErrorKind::ValueValidation => match cause.split_once(" is not in ") {
            Some((value, range)) => {
                let (least, most) = range.split_once("..=").unwrap_or((range, range));
                if most == u32::MAX.to_string() {
                    format!("{value} is too small or too large. Type {least} or more.")
                } else {
                    format!("{value} is not a number from {least} to {most}.")
                }
            }
            None if cause.starts_with("number too large") => "This number is too large.".to_owned(),
            None => format!("\"{value}\" cannot be used: {cause}."),
        },
        ErrorKind::UnknownArgument
        | ErrorKind::InvalidSubcommand
        | ErrorKind::NoEquals
        | ErrorKind::TooManyValues
        | ErrorKind::TooFewValues
        | ErrorKind::WrongNumberOfValues
        | ErrorKind::ArgumentConflict
        | ErrorKind::MissingRequiredArgument
        | ErrorKind::MissingSubcommand
        | ErrorKind::InvalidUtf8
        | ErrorKind::DisplayHelp
        | ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand
        | ErrorKind::DisplayVersion
        | ErrorKind::Io
        | ErrorKind::Format
        | _ => "This cannot be understood.".to_owned(),
    }
}

fn word(word: &str) -> Vec<String> {
    vec![word.to_owned()]
}

fn number(number: impl fmt::Display + Copy) -> Vec<String> {
    vec![number.to_string()]
}

fn switch(is_on: bool) -> Vec<String> {
    word(if is_on { "on" } else { "off" })
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::notation::choices::{
        GROUPS_FROM_BY_DEFAULT, MINIMUM_REMAINING_API_CALLS_BY_DEFAULT,
    };
    use crate::source::onelogin::settings::{ScopeSettings, Settings};

    #[test]
    fn a_name_in_advice_is_one_word_of_a_shell() {
        for (name, written) in [
            ("OneLogin", r#""OneLogin""#),
            ("One Login", r#""One Login""#),
            ("", r#""""#),
            ("it's; rm", r#""it's; rm""#),
            ("*?#~&|<>()", r#""*?#~&|<>()""#),
            (r#"Sued & "Co""#, r#"'Sued & "Co"'"#),
            (r#"it's "Co""#, r#"'it'\''s "Co"'"#),
            ("$HOME", "'$HOME'"),
            ("`id`", "'`id`'"),
            (r"a\", r"'a\'"),
            ("Go!now", "'Go!now'"),
        ] {
            assert_eq!(shell_quoted(name), written);
            let command = format!("printf %s {written}");
            let told = std::process::Command::new("sh").args(["-c", &command]).output().unwrap();
            assert_eq!(String::from_utf8(told.stdout).unwrap(), name);
        }
    }

    fn plain() -> ConnectorSettings {
        ConnectorSettings::new(Settings {
            base_url: "https://acme.onelogin.com".to_owned(),
            client_id: "id".to_owned(),
            groups_from: GROUPS_FROM_BY_DEFAULT.into(),
            required_groups: Vec::new(),
            scope: ScopeSettings::default(),
            statuses: Vec::new(),
            minimum_remaining_api_calls: MINIMUM_REMAINING_API_CALLS_BY_DEFAULT,
        })
    }

    fn given(flag: &'static str, values: &[&str]) -> Given {
        Given { flag, values: values.iter().map(|&it| it.to_owned()).collect() }
    }

    /// Each flag with another value than it has at first.
    fn others() -> Vec<Given> {
        [
            ("groups-from", &["member_of", "group"][..]),
            ("minimum-remaining-api-calls", &["7"]),
            ("required-group", &["Staff", "role:Jira Users"]),
            ("match", &["all"]),
            ("excluded-group", &["role:Robots"]),
            ("where", &["email ends with @acme.com"]),
            ("cleanup", &["anonymise"]),
            ("anonymise-usernames", &["on"]),
            ("leave-groups", &["on"]),
            ("keep-group", &["jira-*"]),
            ("grace-reads", &["2"]),
            ("grace-hours", &["24"]),
            ("protect", &["admin", "*@partner.example"]),
            ("empty-groups", &["remove"]),
            ("empty-groups-days", &["7"]),
            ("on-equal-names", &["first-wins"]),
            ("source-order", &["group,member_of,roles"]),
            ("only-group", &["jira-*", "/^ext-[0-9]+$/"]),
            ("except-group", &["test-*"]),
            ("always-assign", &["everybody"]),
            ("assign-with", &["roles=jira-users"]),
            ("never-touch", &["site-*"]),
            ("adopt-group", &["night-shift"]),
            ("privileged-group", &["bosses"]),
            ("limit-deactivations", &["1"]),
            ("limit-deactivations-percent", &["2"]),
            ("limit-removals", &["3"]),
            ("limit-removals-percent", &["4"]),
            ("limit-membership-removals", &["6"]),
            ("limit-membership-removals-percent", &["7"]),
            ("limit-renames", &["8"]),
            ("limit-email-changes-percent", &["9"]),
            ("limit-group-loss-percent", &["12"]),
            ("limit-shrinkage-percent", &["11"]),
            ("assign-if", &["jira-users=not groups.has(\"portal\")"]),
            ("create-if", &["false"]),
            ("cleanup-expression", &["\"keep\""]),
            ("schedule", &["*/15 * * * *", "on"]),
            ("time-zone", &["Europe/Berlin"]),
            ("catch-up", &["2h"]),
            ("jitter", &["90s"]),
            ("pause-after", &["5"]),
            ("map", &["username = email | lower"]),
            ("key", &["username"]),
            ("status", &["locked = deactivate"]),
            ("group-names", &["lower"]),
            ("unmatched-groups", &["leave-out"]),
            ("limit-renames-percent", &["13"]),
            ("limit-email-changes", &["14"]),
            ("limit-group-loss-members", &["15"]),
            ("small-directory-floor", &["16"]),
            ("hold", &["everything"]),
            ("plan-expiry-hours", &["17"]),
            ("rejection-days", &["18"]),
        ]
        .into_iter()
        .map(|(flag, values)| given(flag, values))
        .collect()
    }

    #[test]
    fn every_flag_of_connector_edit_is_a_setting_that_pages_can_show() {
        let command = Choices::augment_args(clap::Command::new("settings"));
        let flags: BTreeSet<&str> =
            command.get_arguments().filter_map(|it| it.get_long()).collect();
        // `--every 15m` is another way to write a schedule.
        let known = SETTINGS.iter().map(|it| it.flag).chain(["every"]).collect();
        assert_eq!(flags, known);
    }

    #[test]
    fn what_is_shown_of_a_setting_is_what_sets_it() {
        let all = others();
        let known: Vec<&str> = all.iter().map(|it| it.flag).collect();
        assert_eq!(known, SETTINGS.map(|it| it.flag));
        let (set, wrong) = apply(&plain(), &all);
        assert_eq!(wrong, []);
        for given in &all {
            let setting = setting(given.flag).unwrap();
            let mut shown = (setting.values)(&set);
            shown.sort();
            let mut typed = given.values.clone();
            typed.sort();
            assert_eq!(shown, typed, "{}", given.flag);
            let (one, _) = apply(&plain(), std::slice::from_ref(given));
            let stored = serde_json::to_value(&one).unwrap();
            let stored_plain = serde_json::to_value(plain()).unwrap();
            let place = format!("/{}", setting.path.replace('.', "/"));
            assert_ne!(stored.pointer(&place), stored_plain.pointer(&place), "{}", setting.path);
        }
        assert_eq!(differences(&plain(), &set).len(), SETTINGS.len());
    }

    #[test]
    fn the_equal_command_sets_the_same() {
        let (set, _) = apply(&plain(), &[given("only-group", &["jira-*", "it's"])]);
        assert_eq!(flags(&plain(), &set), r" --only-group 'jira-*' --only-group 'it'\''s'");
        assert_eq!(flags(&set, &plain()), " --only-group ''");
        let (set, _) = apply(&plain(), &[given("groups-from", &["member_of", "roles"])]);
        assert_eq!(flags(&plain(), &set), " --groups-from member_of,roles");
    }

    #[track_caller]
    fn check_wrong(flag: &'static str, values: &[&str], expected: &str) {
        let (_, wrong) = apply(&plain(), &[given(flag, values), given("cleanup", &["keep"])]);
        let told: Vec<(Option<&str>, &str)> =
            wrong.iter().map(|it| (it.flag, it.why.as_str())).collect();
        assert_eq!(told, [(Some(flag), expected)]);
    }

    #[test]
    fn each_flag_is_told_what_is_wrong_with_it() {
        check_wrong("grace-reads", &["abc"], "Type a whole number.");
        check_wrong("grace-reads", &[""], "Type a whole number.");
        let many = "99999999999999999999";
        check_wrong("limit-removals", &[many], "This number is too large.");
        check_wrong("minimum-remaining-api-calls", &[many], "This number is too large.");
        check_wrong(
            "jitter",
            &["soon"],
            "\"soon\" is no duration. Write a number and s, m, h or d, for example 15m.",
        );
        check_wrong("jitter", &["8d"], "\"8d\" is too long. 1h is the most.");
        check_wrong(
            "minimum-remaining-api-calls",
            &["-1"],
            "-1 is too small or too large. Type 0 or more.",
        );
        check_wrong("limit-removals-percent", &["101"], "101 is not a number from 0 to 100.");
        check_wrong("cleanup", &["explode"], "Choose one of the list.");
        check_wrong("groups-from", &[], "Choose at least one.");
        check_wrong(
            "assign-with",
            &["staff=x"],
            "staff=x names no group source. Write roles=GROUP, group=GROUP or member_of=GROUP.",
        );
        check_wrong(
            "adopt-group",
            &["jira-*"],
            "\"jira-*\" is a pattern; groups are adopted by name.",
        );
        check_wrong(
            "always-assign",
            &["jira-*"],
            "\"jira-*\" is a pattern; people are assigned to groups by name.",
        );
    }

    #[test]
    fn several_flags_that_do_not_go_together_are_told_at_one_of_them() {
        let both = [given("always-assign", &["staff"]), given("never-touch", &["sta*"])];
        let (_, wrong) = apply(&plain(), &both);
        assert_eq!(wrong.len(), 1, "{wrong:?}");
        assert_eq!(wrong[0].flag, Some("never-touch"));
        let both = [given("adopt-group", &["staff"]), given("never-touch", &["sta*"])];
        let (_, wrong) = apply(&plain(), &both);
        let told: Vec<_> = wrong.iter().map(|it| (it.flag, it.why.as_str())).collect();
        let why = "The group \"staff\" is never touched, by \"sta*\", so it cannot be adopted.";
        assert_eq!(told, [(Some("adopt-group"), why)]);
    }
}
