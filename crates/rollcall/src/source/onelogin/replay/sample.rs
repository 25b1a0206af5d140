//! What a kept read has of each group source: real names, and how many people have them.

use std::collections::BTreeMap;

use reconcile::principal::fold;

use super::Replay;
use crate::source::onelogin::member_of;
use crate::source::onelogin::names::{Kind, Names};
use crate::source::onelogin::settings::GroupSource;
use crate::source::onelogin::wire::UserRow;

/// What a group source would give.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Sample {
    pub groups: usize,
    /// Entries of `member_of` that are no distinguished name, and are taken whole.
    pub whole: usize,
    /// The largest ones with how many people have them.
    pub largest: Vec<(String, usize)>,
}

/// Enough to recognise one's own groups.
const NAMES_MAX: usize = 3;

impl Replay {
    /// What each source would give; nothing where the read did not ask for it.
    pub fn sample(&self, source: GroupSource) -> Option<Sample> {
        if !self.asked_for(source.field()) {
            return None;
        }
        Some(match source {
            GroupSource::MemberOf => self.entries(),
            GroupSource::Roles => self.listed(Kind::Role, |row| row.role_ids.clone()),
            GroupSource::Group => {
                self.listed(Kind::Group, |row| row.group_id.into_iter().collect())
            }
        })
    }

    fn listed(&self, kind: Kind, of: fn(&UserRow) -> Vec<u64>) -> Sample {
        let names: Names = self.header.names(kind);
        let mut people: BTreeMap<u64, usize> = names.all().map(|(id, _)| (id, 0)).collect();
        for id in self.rows.iter().flat_map(of) {
            *people.entry(id).or_default() += 1;
        }
        let named = |(id, people): (&u64, &usize)| {
            let name = names.get(*id).map_or_else(|| format!("#{id}"), str::to_owned);
            (name, *people)
        };
        Sample { groups: people.len(), whole: 0, largest: largest(people.iter().map(named)) }
    }

    fn entries(&self) -> Sample {
        // By the whole entry: two units may hold groups of one name.
        let mut entries: BTreeMap<Box<str>, (String, bool, usize)> = BTreeMap::new();
        for joined in self.rows.iter().filter_map(|row| row.member_of.as_deref()) {
            for entry in member_of::entries(joined) {
                let is_whole = *entry.name == *entry.dn;
                let first = || (entry.name.to_string(), is_whole, 0);
                entries.entry(fold(entry.dn)).or_insert_with(first).2 += 1;
            }
        }
        let named = |(name, _, people): &(String, bool, usize)| (name.clone(), *people);
        Sample {
            groups: entries.len(),
            whole: entries.values().filter(|(_, is_whole, _)| *is_whole).count(),
            largest: largest(entries.values().map(named)),
        }
    }
}

fn largest(groups: impl Iterator<Item = (String, usize)>) -> Vec<(String, usize)> {
    let mut groups: Vec<(String, usize)> = groups.collect();
    groups.sort_by(|one, other| other.1.cmp(&one.1).then_with(|| one.0.cmp(&other.0)));
    groups.truncate(NAMES_MAX);
    groups
}
