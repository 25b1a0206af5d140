//! The groups of a connector as flags.

use clap::ValueEnum;

use crate::notation::choices::{GroupSourceFlag, list_of};
use crate::store::connectors::settings::ConnectorSettings;
use crate::store::connectors::settings::groups::{
    AssignIf, EMPTY_DAYS_MAX, EmptyGroups, EqualNames, UnmatchedGroups, WithSource,
};

/// Lists are given anew each time; a single "" empties one.
#[derive(Debug, clap::Args)]
#[command(next_help_heading = "Groups (NAME may be a pattern: `jira-*`, `/^ext-[0-9]+$/`)")]
pub(crate) struct GroupChoices {
    /// Transformations of the names of groups, before all that refers to them: `lower | prefix "ol-"`
    #[arg(long = "group-names", value_name = "TRANSFORMATIONS")]
    names: Option<String>,
    /// What happens to a group whose name no transformation applies to [default: untransformed]
    #[arg(long = "unmatched-groups", value_enum, value_name = "WHAT")]
    unmatched: Option<UnmatchedFlag>,
    /// What happens to a group that nobody is in: it stays, is even made where the source has it, or
    /// goes [default: keep]
    #[arg(long, value_enum, value_name = "WHAT")]
    empty_groups: Option<EmptyGroupsFlag>,
    /// How many days a group must have been empty before it goes [default: 0, at once]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(0..=i64::from(EMPTY_DAYS_MAX)))]
    empty_groups_days: Option<u32>,
    /// Where two group sources have a group of one name: one group with the members of both, each
    /// with its source for a prefix, or the first source alone [default: merge]
    #[arg(long = "on-equal-names", value_enum, value_name = "WHAT")]
    equal_names: Option<EqualNamesFlag>,
    /// Which group source is the first; several with commas [default: `roles,group,member_of`]
    #[arg(long, value_name = "SOURCES", value_delimiter = ',', value_enum)]
    source_order: Option<Vec<GroupSourceFlag>>,
    /// Only groups of this name in the directory; repeatable [default: all]
    #[arg(long = "only-group", value_name = "NAME")]
    only: Option<Vec<String>>,
    /// No groups of this name in the directory; repeatable
    #[arg(long = "except-group", value_name = "NAME")]
    except: Option<Vec<String>>,
    /// A group that every active user gets; repeatable
    #[arg(long = "always-assign", value_name = "GROUP")]
    always: Option<Vec<String>>,
    /// A group for whoever has a group of that source, as `roles=jira-users`; repeatable
    #[arg(long = "assign-with", value_name = "SOURCE=GROUP")]
    with_source: Option<Vec<String>>,
    /// A group for every active user of whom an expression says yes, as
    /// `jira-users=not groups.has("portal")`; repeatable
    #[arg(long = "assign-if", value_name = "GROUP=EXPRESSION")]
    assign_if: Option<Vec<String>>,
    /// A group that stays as it is, with whoever is in it; repeatable
    #[arg(long = "never-touch", value_name = "NAME")]
    never_touch: Option<Vec<String>>,
    /// A local group that is to become the connector's, once its plan is approved; no pattern;
    /// repeatable
    #[arg(long = "adopt-group", value_name = "GROUP")]
    adopt: Option<Vec<String>>,
    /// A group that always asks for approval, beside jira-administrators,
    /// confluence-administrators, site-admins and org-admins; repeatable
    #[arg(long = "privileged-group", value_name = "NAME")]
    privileged: Option<Vec<String>>,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum EqualNamesFlag {
    Merge,
    Prefix,
    FirstWins,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum UnmatchedFlag {
    /// It keeps its name
    Untransformed,
    /// It gives no group
    LeaveOut,
    /// Whoever has it takes no part
    SkipUser,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum EmptyGroupsFlag {
    Keep,
    Create,
    Remove,
}

impl GroupChoices {
    pub(crate) fn apply(&self, settings: &mut ConnectorSettings) -> Result<(), String> {
        let GroupChoices {
            names,
            unmatched,
            empty_groups,
            empty_groups_days,
            equal_names,
            source_order,
            only,
            except,
            always,
            with_source,
            assign_if,
            never_touch,
            adopt,
            privileged,
        } = self;
        if let Some(empty_groups) = empty_groups {
            settings.empty_groups = (*empty_groups).into();
        }
        let groups = &mut settings.groups;
        if let Some(names) = names {
            names.trim().clone_into(&mut groups.names);
        }
        if let Some(unmatched) = unmatched {
            groups.unmatched = (*unmatched).into();
        }
        if let Some(days) = empty_groups_days {
            groups.empty_days = *days;
        }
        if let Some(equal_names) = equal_names {
            groups.equal_names = (*equal_names).into();
        }
        if let Some(sources) = source_order {
            groups.source_order = sources.iter().map(|&it| it.into()).collect();
        }
        if let Some(typed) = with_source {
            let typed = list_of("--assign-with", typed)?;
            groups.with_source =
                typed.iter().map(|it| with_source_of(it)).collect::<Result<_, _>>()?;
        }
        if let Some(typed) = assign_if {
            let typed = list_of("--assign-if", typed)?;
            groups.assign_if = typed.iter().map(|it| assign_if_of(it)).collect::<Result<_, _>>()?;
        }
        for (flag, typed, list) in [
            ("--only-group", only, &mut groups.only),
            ("--except-group", except, &mut groups.except),
            ("--always-assign", always, &mut groups.always),
            ("--never-touch", never_touch, &mut groups.never_touch),
            ("--adopt-group", adopt, &mut groups.adopt),
            ("--privileged-group", privileged, &mut groups.privileged),
        ] {
            if let Some(typed) = typed {
                *list = list_of(flag, typed)?;
            }
        }
        Ok(())
    }
}

fn with_source_of(typed: &str) -> Result<WithSource, String> {
    let parsed = typed.split_once('=').and_then(|(source, group)| {
        let source = GroupSourceFlag::from_str(source.trim(), true).ok()?;
        Some(WithSource { source: source.into(), group: group.trim().to_owned() })
    });
    parsed.ok_or_else(|| {
        format!(
            "--assign-with {typed} names no group source. Write roles=GROUP, group=GROUP or \
             member_of=GROUP."
        )
    })
}

fn assign_if_of(typed: &str) -> Result<AssignIf, String> {
    let (group, expression) = typed
        .split_once('=')
        .ok_or_else(|| format!("--assign-if {typed} has no expression. Write GROUP=EXPRESSION."))?;
    Ok(AssignIf { group: group.trim().to_owned(), expression: expression.trim().to_owned() })
}

impl From<UnmatchedFlag> for UnmatchedGroups {
    fn from(flag: UnmatchedFlag) -> UnmatchedGroups {
        match flag {
            UnmatchedFlag::Untransformed => UnmatchedGroups::Untransformed,
            UnmatchedFlag::LeaveOut => UnmatchedGroups::LeftOut,
            UnmatchedFlag::SkipUser => UnmatchedGroups::SkipUser,
        }
    }
}

impl From<EmptyGroupsFlag> for EmptyGroups {
    fn from(flag: EmptyGroupsFlag) -> EmptyGroups {
        match flag {
            EmptyGroupsFlag::Keep => EmptyGroups::Keep,
            EmptyGroupsFlag::Create => EmptyGroups::Create,
            EmptyGroupsFlag::Remove => EmptyGroups::Remove,
        }
    }
}

impl From<EqualNamesFlag> for EqualNames {
    fn from(flag: EqualNamesFlag) -> EqualNames {
        match flag {
            EqualNamesFlag::Merge => EqualNames::Merge,
            EqualNamesFlag::Prefix => EqualNames::Prefix,
            EqualNamesFlag::FirstWins => EqualNames::FirstWins,
        }
    }
}
