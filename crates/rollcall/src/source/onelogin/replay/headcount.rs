//! The required and excluded groups by a kept read: whether each is there, who has it, and how many
//! calls a read of them would take.

use std::collections::BTreeSet;

use super::Replay;
use crate::source::onelogin::member_of;
use crate::source::onelogin::names::Kind;
use crate::source::onelogin::read::{USER_PAGE_SIZES, cost_alone, readable_alone};
use crate::source::onelogin::scope::{self, Each, Requirement, Scope, suggestion};
use crate::source::onelogin::settings::{GroupSource, Settings};

/// One required or excluded group as it was typed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HeadCount {
    pub typed: String,
    pub is_excluded: bool,
    /// Who has it: OneLogin's words for it and how many people; else why nobody can be meant.
    pub found: Result<(String, usize), String>,
}

/// What a read asks whatever the scope is: the budget, and the first page of everybody. The names of
/// roles and groups are remembered for a day, and a token for hours.
const CALLS_OF_EVERY_READ: usize = 2;

/// How many names the last pages of roles and groups hold at most, as they are asked for first.
const ROLES_A_PAGE: usize = 650;
const GROUPS_A_PAGE: usize = 50;

/// So many members of a role come on a page: more are asked for, and have not been seen to come.
const MEMBERS_A_PAGE: usize = 100;

impl Replay {
    /// Whether everybody was read. If not, groups may have more people than are counted.
    pub fn is_whole(&self) -> bool {
        self.header.only.is_none()
    }

    /// Every required and excluded group, each by itself. An error is about all of them together.
    pub fn head_counts(&self, settings: &Settings) -> Vec<HeadCount> {
        let (roles, groups) = (self.header.names(Kind::Role), self.header.names(Kind::Group));
        let named: Vec<&str> = roles.iter().chain(groups.iter()).map(|(_, name)| name).collect();
        let count = |Each { typed, is_excluded, found }: Each| {
            let found = match found {
                Ok(requirement) => {
                    let sources = scope::sources_of(&typed, &settings.groups_from);
                    self.count(&typed, &requirement, &sources, &named)
                }
                Err(error) => Err(error.to_string()),
            };
            HeadCount { typed, is_excluded, found }
        };
        scope::each(settings, &roles, &groups).into_iter().map(count).collect()
    }

    /// `named` are the names of all roles and groups: what was typed without its place may have been
    /// meant for one of them.
    fn count(
        &self,
        typed: &str,
        requirement: &Requirement,
        sources: &[GroupSource],
        named: &[&str],
    ) -> Result<(String, usize), String> {
        let people = self.rows.iter().filter(|row| requirement.is_met_by(row)).count();
        let is_listed = !requirement.roles.is_empty() || !requirement.groups.is_empty();
        if 0 < people || requirement.has_members() || is_listed {
            return Ok((requirement.words.clone(), people));
        }
        let joined = self.rows.iter().filter_map(|row| row.member_of.as_deref());
        let sighted: BTreeSet<Box<str>> =
            joined.flat_map(member_of::entries).map(|it| it.name).collect();
        let mut candidates: Vec<&str> = sighted.iter().map(|it| &**it).collect();
        let name = match typed.split_once(':') {
            Some((_, name)) => name.trim(),
            None => {
                candidates.extend_from_slice(named);
                typed.trim()
            }
        };
        if 1 < sources.len() {
            let word = |it: &GroupSource| match it {
                GroupSource::Roles => "role",
                GroupSource::Group => "group",
                GroupSource::MemberOf => "member_of",
            };
            let words: Vec<&str> = sources.iter().map(word).collect();
            return Err(format!(
                "The last read has no {} \"{name}\".{}",
                words.join(" or "),
                suggestion(name, &candidates)
            ));
        }
        Err(format!(
            "Nobody in the last read has {}.{}",
            requirement.words,
            suggestion(name, &candidates)
        ))
    }

    /// About how many API calls a read of this scope takes; nothing where the read does not know how
    /// many people a group has.
    pub(super) fn calls_of(&self, scope: &Scope, page_size: Option<usize>) -> Option<usize> {
        let largest = USER_PAGE_SIZES.first().copied().unwrap_or(1);
        let size = page_size.filter(|it| 0 < *it).unwrap_or(largest);
        let after_the_first = |people: usize, size: usize| people.div_ceil(size).saturating_sub(1);
        let everybody = after_the_first(self.header.seen, size);
        let mut probes = 0;
        let mut cheapest = everybody;
        for choice in readable_alone(scope) {
            let ids = |of: fn(&Requirement) -> &BTreeSet<u64>| -> BTreeSet<u64> {
                choice.iter().flat_map(|it| of(it).iter().copied()).collect()
            };
            let (roles, groups) = (ids(|it| &it.roles), ids(|it| &it.groups));
            let at_least = groups.len() + roles.len() + usize::from(!roles.is_empty());
            if choice.is_empty() || everybody <= at_least {
                continue;
            }
            if !self.was_read(&roles, &groups) {
                return None;
            }
            probes += roles.len() + groups.len();
            let of_role = |id: &u64| self.rows.iter().filter(|it| it.role_ids.contains(id)).count();
            let of_group =
                |id: &u64| self.rows.iter().filter(|it| it.group_id == Some(*id)).count();
            let members: Vec<usize> = roles.iter().map(of_role).collect();
            let role_pages = members.iter().map(|it| after_the_first(*it, MEMBERS_A_PAGE)).sum();
            let group_pages = groups.iter().map(|id| after_the_first(of_group(id), size)).sum();
            let cost = cost_alone(role_pages, members.iter().sum(), group_pages, size);
            cheapest = cheapest.min(cost);
        }
        Some(CALLS_OF_EVERY_READ + probes + cheapest)
    }

    /// What a process asks besides that remembers nothing, as a command does: a token, and the names of
    /// the roles and groups that these fields need.
    pub(super) fn calls_anew(&self, fields: &[&str]) -> usize {
        let pages = |field: &str, kind: Kind, size: usize| {
            let names = || self.header.names(kind).len();
            if fields.contains(&field) { names().div_ceil(size).max(1) } else { 0 }
        };
        1 + pages("role_ids", Kind::Role, ROLES_A_PAGE)
            + pages("group_id", Kind::Group, GROUPS_A_PAGE)
    }

    /// Whether everybody of these was read.
    fn was_read(&self, roles: &BTreeSet<u64>, groups: &BTreeSet<u64>) -> bool {
        let Some(only) = &self.header.only else { return true };
        roles.iter().all(|id| only.roles.contains(id))
            && groups.iter().all(|id| only.groups.contains(id))
    }
}
