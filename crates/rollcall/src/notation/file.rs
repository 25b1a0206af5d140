//! A connector as a file: everything that an admin sets, in the order in which it is stored, and no secret.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::store::connectors::settings::ConnectorSettings;
use crate::store::connectors::{Connector, Provider};

/// A connector without its client secret, its id and its times.
#[derive(Debug, Serialize, Deserialize)]
pub struct ConnectorFile {
    pub name: String,
    pub provider: String,
    pub settings: ConnectorSettings,
}

impl ConnectorFile {
    pub fn of(connector: &Connector) -> ConnectorFile {
        ConnectorFile {
            name: connector.name.as_str().to_owned(),
            provider: connector.provider.word().to_owned(),
            settings: connector.settings.clone(),
        }
    }

    /// What such a file says. One with something that no connector has is refused, so that no mistyped
    /// setting is left at its default unseen.
    pub fn read(text: &str) -> Result<ConnectorFile, String> {
        let refused = |why: String| format!("This is no file of a connector. {why}");
        let given: Value = serde_json::from_str(text).map_err(|it| refused(format!("{it}.")))?;
        let file = ConnectorFile::deserialize(&given).map_err(|it| refused(format!("{it}.")))?;
        if Provider::from_word(&file.provider).is_none() {
            return Err(refused(format!("There is no provider {}.", file.provider)));
        }
        let known = serde_json::to_value(&file).map_err(|it| refused(format!("{it}.")))?;
        match unknown("", &given, &known) {
            Some(place) => Err(refused(format!("There is no setting {place}."))),
            None => Ok(file),
        }
    }

    /// As a file holds it, over several lines.
    pub fn text(&self) -> Result<String, serde_json::Error> {
        Ok(format!("{}\n", serde_json::to_string_pretty(self)?))
    }
}

/// The place of something that is given and not known.
fn unknown(place: &str, given: &Value, known: &Value) -> Option<String> {
    let (Value::Object(given), Value::Object(known)) = (given, known) else { return None };
    given.iter().find_map(|(name, value)| {
        let place = if place.is_empty() { name.clone() } else { format!("{place}.{name}") };
        match known.get(name) {
            Some(known) => unknown(&place, value, known),
            None => Some(place),
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const LEAST: &str = r#"{ "name": "Lab", "provider": "onelogin", "settings": { "source": {
        "base_url": "https://api.us.onelogin.com", "client_id": "a1", "groups_from": ["roles"],
        "required_groups": [], "minimum_remaining_api_calls": 500 } } }"#;

    #[test]
    fn what_a_file_does_not_say_is_as_it_is_at_first_and_it_is_written_alike_each_time() {
        let file = ConnectorFile::read(LEAST).unwrap();
        let text = file.text().unwrap();
        assert!(text.contains("\"deactivations_max\": 20"), "{text}");
        let again = ConnectorFile::read(&text).unwrap();
        assert_eq!(again.settings, file.settings);
        assert_eq!(again.text().unwrap(), text);
    }

    #[test]
    fn what_is_no_file_of_a_connector_is_refused_with_its_place() {
        for (from, to, why) in [
            ("\"provider\": \"onelogin\",", "", "missing field `provider`."),
            ("onelogin\",", "okta\",", "There is no provider okta."),
            (
                "\"required_groups\"",
                "\"requird\": [], \"required_groups\"",
                "settings.source.requird.",
            ),
            (
                "\"settings\": {",
                "\"client_secret\": \"x\", \"settings\": {",
                "setting client_secret.",
            ),
            ("500 }", "500 ", "EOF while parsing"),
        ] {
            let refused = ConnectorFile::read(&LEAST.replace(from, to)).unwrap_err();
            assert!(refused.contains(why), "{refused}");
        }
    }
}
