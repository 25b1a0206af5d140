//! What was saved of a connector and by whom, as the audit log tells it.

use serde_json::Value;

use super::draft::Difference;
use super::tabs;
use crate::notation::{self, SCHEDULE_SWITCH};
use crate::store::audit::{self, changes};
use crate::store::connectors::Connector;
use crate::web::App;
use crate::web::moment::Moment;
use crate::web::refusal::Refusal;

#[derive(Debug)]
pub struct Saved {
    pub by: String,
    pub at: Moment,
    pub rows: Vec<Difference>,
}

/// Entries of the audit log that are looked through for who set the secret.
pub const ENTRIES_MAX: usize = 200;

/// What was done to a connector, the latest first.
pub async fn entries(app: &App, connector: &Connector) -> Result<Vec<audit::Recorded>, Refusal> {
    let id = connector.id.0.to_string();
    let filter = audit::Filter {
        since: None,
        until: None,
        actor: String::new(),
        noun: "connector".to_owned(),
        verb: String::new(),
        object: id.clone(),
    };
    let entries_max = u32::try_from(ENTRIES_MAX).unwrap_or(u32::MAX);
    let mut entries = audit::list(app.db(), &filter, None, entries_max).await?;
    entries.retain(|it| it.object_id == id);
    Ok(entries)
}

/// The changes of an entry of the audit log, of the settings at these places.
pub fn told(text: &str, is_meant: impl Fn(&str) -> bool) -> Vec<Difference> {
    let shown = |value: Option<Value>| match value {
        None | Some(Value::Null) => String::new(),
        Some(Value::String(text)) => text,
        Some(Value::Array(list)) => {
            let texts =
                list.iter().map(|it| it.as_str().map_or_else(|| it.to_string(), str::to_owned));
            texts.collect::<Vec<_>>().join(", ")
        }
        Some(value @ (Value::Bool(_) | Value::Number(_) | Value::Object(_))) => value.to_string(),
    };
    let changes = changes::read(text).unwrap_or_default().into_iter();
    let row = |it: changes::Change| {
        let path = it.setting.strip_prefix("settings.").unwrap_or(&it.setting);
        if !is_meant(path) {
            return None;
        }
        let setting = notation::SETTINGS.iter().find(|it| it.path == path);
        let label = match (setting, path) {
            (Some(setting), _) => tabs::label(setting.flag),
            (None, "name") => "Name",
            (None, "source.base_url") => "OneLogin Base URL",
            (None, "source.client_id") => "Client ID",
            (None, "client_secret") => "Client Secret",
            (None, SCHEDULE_SWITCH) => "Enable Scheduled Synchronization",
            (None, path) => path,
        };
        let after = if it.secret { "replaced".to_owned() } else { shown(it.after) };
        Some(Difference { label: label.to_owned(), before: shown(it.before), after })
    };
    changes.filter_map(row).collect()
}
