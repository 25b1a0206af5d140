//! What a change did to the settings: each that differs, before and after.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::Value;

/// The settings that differ, by their path: `safety.deactivations_max`.
#[must_use]
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Changes(Vec<Change>);

/// One setting.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Change {
    pub setting: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub before: Option<Value>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub after: Option<Value>,
    /// It changed, and its value is nobody's business.
    #[serde(default, skip_serializing_if = "is_false")]
    pub secret: bool,
}

/// A list of settings longer than this is cut: the log is no copy of the configuration.
const CHANGES_MAX: usize = 500;
/// A value that is longer as JSON is told by its beginning.
const VALUE_CHARS_MAX: usize = 2_000;
const SETTING_CHARS_MAX: usize = 200;

impl Changes {
    pub fn none() -> Changes {
        Changes::default()
    }

    /// What differs. Objects are compared by their fields; a list is one value.
    pub fn between(before: &Value, after: &Value) -> Changes {
        let (before, after) = (leaves(before), leaves(after));
        let mut settings: Vec<&String> = before.keys().chain(after.keys()).collect();
        settings.sort();
        settings.dedup();
        let differs = |setting: &&String| before.get(*setting) != after.get(*setting);
        let change = |setting: &String| {
            Change::new(setting, before.get(setting).copied(), after.get(setting).copied())
        };
        Changes(settings.into_iter().filter(differs).take(CHANGES_MAX).map(change).collect())
    }

    /// What there is from now on.
    pub fn created(after: &Value) -> Changes {
        Changes::between(&Value::Null, after)
    }

    /// What there was until now.
    pub fn deleted(before: &Value) -> Changes {
        Changes::between(before, &Value::Null)
    }

    /// Also one setting that is not part of any document.
    pub fn and(mut self, setting: &str, before: Option<&Value>, after: Option<&Value>) -> Changes {
        self.0.push(Change::new(setting, before, after));
        self
    }

    /// Also a secret, of which nothing is told.
    pub fn and_secret(mut self, setting: &str) -> Changes {
        self.0.push(Change { secret: true, ..Change::new(setting, None, None) });
        self
    }

    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(super) fn text(&self) -> String {
        let changes = self.0.iter().map(|it| serde_json::to_value(it).unwrap_or_default());
        Value::Array(changes.collect()).to_string()
    }
}

impl Change {
    fn new(setting: &str, before: Option<&Value>, after: Option<&Value>) -> Change {
        Change {
            setting: setting.chars().take(SETTING_CHARS_MAX).collect(),
            before: before.map(short),
            after: after.map(short),
            secret: false,
        }
    }
}

/// The changes of an entry. None where they cannot be read, which only a forger can bring about.
pub fn read(text: &str) -> Option<Vec<Change>> {
    serde_json::from_str(text).ok()
}

/// Everything that is not an object with fields, by its path.
fn leaves(value: &Value) -> BTreeMap<String, &Value> {
    let mut found = BTreeMap::new();
    collect(value, String::new(), &mut found);
    found
}

fn collect<'a>(value: &'a Value, path: String, found: &mut BTreeMap<String, &'a Value>) {
    match value {
        Value::Object(fields) if !fields.is_empty() => {
            for (name, value) in fields {
                let path = if path.is_empty() { name.clone() } else { format!("{path}.{name}") };
                collect(value, path, found);
            }
        }
        Value::Null if path.is_empty() => {}
        Value::Null
        | Value::Bool(_)
        | Value::Number(_)
        | Value::String(_)
        | Value::Array(_)
        | Value::Object(_) => {
            found.insert(path, value);
        }
    }
}

fn short(value: &Value) -> Value {
    let text = value.to_string();
    match text.char_indices().nth(VALUE_CHARS_MAX) {
        None => value.clone(),
        Some((end, _)) => Value::String(format!("{}…", text.get(..end).unwrap_or_default())),
    }
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde hands over a reference")]
fn is_false(it: &bool) -> bool {
    !*it
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[track_caller]
    fn check(before: &Value, after: &Value, expected: &str) {
        assert_eq!(Changes::between(before, after).text(), expected);
    }

    #[test]
    fn only_what_differs_is_told_by_its_path() {
        let before = json!({ "source": { "a": 1, "b": [1] }, "safety": { "max": 5 } });
        let after = json!({ "source": { "a": 1, "b": [1, 2] }, "safety": { "max": 7 } });
        check(
            &before,
            &after,
            r#"[{"after":7,"before":5,"setting":"safety.max"},{"after":[1,2],"before":[1],"setting":"source.b"}]"#,
        );
        check(&before, &before, "[]");
    }

    #[test]
    fn what_is_new_has_no_before_and_what_is_gone_no_after() {
        check(&Value::Null, &json!({ "a": null }), r#"[{"after":null,"setting":"a"}]"#);
        check(&json!({ "a": {} }), &Value::Null, r#"[{"before":{},"setting":"a"}]"#);
    }

    #[test]
    fn of_a_secret_only_the_change_is_told_and_a_long_value_is_cut() {
        let changes = Changes::none().and_secret("client_secret");
        assert_eq!(changes.text(), r#"[{"secret":true,"setting":"client_secret"}]"#);
        let long = Changes::created(&json!({ "a": "é".repeat(5_000) })).text();
        assert!(long.len() < 5_000 && long.contains("…"), "{long}");
    }

    #[test]
    fn what_is_written_can_be_read() {
        let changes = Changes::created(&json!({ "a": null, "b": 1 })).and_secret("c");
        assert_eq!(read(&changes.text()).unwrap().len(), 3);
        assert_eq!(read("[{"), None);
    }
}
