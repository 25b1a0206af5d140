//! Names in settings that a kept read does not know: misspelt, or not there yet.

use std::collections::BTreeSet;

use super::Replay;
use super::headcount::HeadCount;
use crate::source::onelogin::assembly::{
    ROWS_WITH_CUSTOM_ATTRIBUTES, add_custom_attributes, unknown_attribute,
};
use crate::source::onelogin::fields::CUSTOM_ATTRIBUTES;
use crate::source::onelogin::scope;
use crate::source::onelogin::settings::{GroupSource, Settings};

/// What a read says of a name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Sighting {
    Known,
    /// The sentence says what may be meant.
    Unknown(String),
    /// It was not asked for, or not everybody was read who may have it.
    Untold,
}

impl Replay {
    /// Each required and excluded group of these settings, the required ones first.
    pub fn groups_sighted(&self, settings: &Settings) -> Vec<(HeadCount, Sighting)> {
        let sighted = |group: HeadCount| {
            let sighting = match &group.found {
                Ok(_) => Sighting::Known,
                Err(why) if self.tells_of(&group.typed, &settings.groups_from) => {
                    Sighting::Unknown(why.clone())
                }
                Err(_) => Sighting::Untold,
            };
            (group, sighting)
        };
        self.head_counts(settings).into_iter().map(sighted).collect()
    }

    /// Whether a group of that name would have been seen, if it were there.
    fn tells_of(&self, typed: &str, groups_from: &BTreeSet<GroupSource>) -> bool {
        scope::sources_of(typed, groups_from).into_iter().all(|source| match source {
            GroupSource::Roles | GroupSource::Group => self.asked_for(source.field()),
            // Only people tell of these.
            GroupSource::MemberOf => self.asked_for(source.field()) && self.is_whole(),
        })
    }

    /// A field of a user by its path.
    pub fn field_sighted(&self, path: &str) -> Sighting {
        if self.rows.is_empty() || !self.asked_for(CUSTOM_ATTRIBUTES) {
            return Sighting::Untold;
        }
        let mut known = BTreeSet::new();
        for row in self.rows.iter().take(ROWS_WITH_CUSTOM_ATTRIBUTES) {
            add_custom_attributes(row, &mut known);
        }
        unknown_attribute(path, &known).map_or(Sighting::Known, Sighting::Unknown)
    }
}
