//! What becomes of people's attributes, as flags.

use crate::notation::choices::list_of;
use crate::store::connectors::settings::ConnectorSettings;

/// Lists are given anew each time; a single "" empties one.
#[derive(Debug, clap::Args)]
#[command(next_help_heading = "People (a ROW is `username = email | lower | strip-domain`)")]
pub(crate) struct MappingChoices {
    /// How one attribute is made; repeatable. Targets: username, email, first-name, last-name,
    /// display-name, active, title, department, organisation, phone, locale, time-zone, synch.NAME.
    /// After `;` what is done where no transformation applies: untransformed, ignore, clear, skip
    #[arg(long = "map", value_name = "ROW")]
    rows: Option<Vec<String>>,
    /// The field by which people are told apart, as `custom_attributes.employee_id | trim`; ""
    /// for OneLogin's id [default: OneLogin's id]
    #[arg(long, value_name = "FIELD")]
    key: Option<String>,
    /// What a status of OneLogin means, as `locked = keep`; repeatable: activate, deactivate, keep,
    /// do-not-create
    #[arg(long = "status", value_name = "STATUS = WHAT")]
    statuses: Option<Vec<String>>,
}

impl MappingChoices {
    pub(crate) fn apply(&self, settings: &mut ConnectorSettings) -> Result<(), String> {
        let MappingChoices { rows, key, statuses } = self;
        if let Some(rows) = rows {
            settings.mapping.rows = list_of("--map", rows)?;
        }
        if let Some(key) = key {
            let key = key.trim();
            settings.mapping.key = (!key.is_empty()).then(|| key.to_owned());
        }
        if let Some(statuses) = statuses {
            settings.source.statuses = list_of("--status", statuses)?;
        }
        Ok(())
    }
}
