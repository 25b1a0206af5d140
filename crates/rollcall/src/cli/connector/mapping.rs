//! What becomes of people's attributes, as `connector show` tells it.

use crate::cli::output;
use crate::store::connectors::settings::mapping::MappingSettings;

/// What `connector show` tells of them; what is not set is not told.
pub(super) fn facts(mapping: &MappingSettings, statuses: &[String]) -> Vec<(&'static str, String)> {
    let MappingSettings { rows, key } = mapping;
    let mut facts: Vec<(&'static str, String)> =
        rows.iter().map(|row| ("Mapping", output::printable(row))).collect();
    facts.extend(key.iter().map(|key| ("Key", output::printable(key))));
    if !statuses.is_empty() {
        facts.push(("Statuses", output::printable(&statuses.join(", "))));
    }
    facts
}
