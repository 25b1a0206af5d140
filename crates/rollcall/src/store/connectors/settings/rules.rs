//! By what the rules of a connector are known, so that a run notices when they have changed.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use ring::digest::{SHA256, digest};
use serde_json::Value;

use super::ConnectorSettings;

/// What does not decide who gets which account and group. Everything else does, whatever a later
/// version adds: to ask once too often is no harm.
const NO_RULES: [&str; 5] = [
    "source.client_id",
    "source.minimum_remaining_api_calls",
    "safety",
    "groups.privileged",
    "schedule",
];

/// The same for the same rules, and for settings that were stored before a setting existed.
pub fn fingerprint(settings: &ConnectorSettings) -> String {
    let leaves = |settings: &ConnectorSettings| {
        let mut found = BTreeMap::new();
        collect(&serde_json::to_value(settings).unwrap_or_default(), String::new(), &mut found);
        found
    };
    let plain = leaves(&ConnectorSettings::new(settings.source.clone()));
    let mut text = String::new();
    for (path, value) in leaves(settings) {
        let is_source = path.starts_with("source.");
        let is_rule = !NO_RULES.iter().any(|it| is_within(&path, it));
        // A value that nobody has chosen is no news, whether or not it is written down.
        if is_rule && (is_source || plain.get(&path) != Some(&value)) {
            writeln!(text, "{path}={value}").unwrap_or_default();
        }
    }
    let hash = digest(&SHA256, text.as_bytes());
    hash.as_ref().iter().take(16).fold(String::new(), |mut text, byte| {
        write!(text, "{byte:02x}").unwrap_or_default();
        text
    })
}

fn is_within(path: &str, of: &str) -> bool {
    path.strip_prefix(of).is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
}

fn collect(value: &Value, path: String, found: &mut BTreeMap<String, String>) {
    match value {
        Value::Object(fields) => {
            for (name, value) in fields {
                let path = if path.is_empty() { name.clone() } else { format!("{path}.{name}") };
                collect(value, path, found);
            }
        }
        // What is not set says the same as what is not there.
        Value::Null => {}
        Value::Array(list) if list.is_empty() => {}
        Value::Bool(_) | Value::Number(_) | Value::String(_) | Value::Array(_) => {
            found.insert(path, value.to_string());
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::source::onelogin::settings::{GroupSource, ScopeSettings, Settings};
    use crate::store::connectors::settings::leavers::Cleanup;

    fn settings() -> ConnectorSettings {
        ConnectorSettings::new(Settings {
            base_url: "https://acme.onelogin.com".to_owned(),
            client_id: "one".to_owned(),
            groups_from: BTreeSet::from([GroupSource::Roles]),
            required_groups: Vec::new(),
            statuses: Vec::new(),
            scope: ScopeSettings::default(),
            minimum_remaining_api_calls: 500,
        })
    }

    #[track_caller]
    fn check(is_other: bool, edit: impl Fn(&mut ConnectorSettings)) {
        let mut edited = settings();
        edit(&mut edited);
        assert_ne!(edited, settings(), "something was edited");
        assert_eq!(fingerprint(&edited) != fingerprint(&settings()), is_other, "{edited:?}");
    }

    #[test]
    fn whatever_decides_over_people_and_groups_makes_other_rules() {
        check(true, |it| it.cleanup = Cleanup::Delete);
        check(true, |it| it.source.required_groups.push("Staff".to_owned()));
        check(true, |it| it.source.base_url = "https://other.onelogin.com".to_owned());
        check(true, |it| it.source.groups_from.extend([GroupSource::MemberOf]));
        check(true, |it| it.leavers.protected.push("ada".to_owned()));
        check(true, |it| it.groups.never_touch.push("dev".to_owned()));
        check(true, |it| it.groups.adopt.push("dev".to_owned()));
    }

    #[test]
    fn credentials_budgets_and_limits_do_not() {
        check(false, |it| it.source.client_id = "other".to_owned());
        check(false, |it| it.source.minimum_remaining_api_calls = 1);
        check(false, |it| it.safety.deactivations_max = 1);
        check(false, |it| it.groups.privileged.push("admins".to_owned()));
    }

    #[test]
    fn a_setting_that_was_not_stored_yet_makes_no_other_rules() {
        let mut stored = serde_json::to_value(settings()).unwrap();
        stored.as_object_mut().unwrap().retain(|name, _| name == "source");
        let read: ConnectorSettings = serde_json::from_value(stored).unwrap();
        assert_eq!(fingerprint(&read), fingerprint(&settings()));
    }
}
