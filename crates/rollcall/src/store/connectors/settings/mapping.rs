//! What an admin sets for what becomes of people's attributes.

use reconcile::mapping::rules::{PersonRules, RuleError};
use serde::{Deserialize, Serialize};

use super::FieldError;
use crate::source::onelogin::fields;
use crate::source::onelogin::settings::GroupSource;

#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct MappingSettings {
    /// One row each: `username = email | lower | strip-domain`.
    pub rows: Vec<String>,
    /// The field that is the key, if it is not OneLogin's id.
    pub key: Option<String>,
}

impl MappingSettings {
    pub(super) fn check(&self) -> Result<(), FieldError> {
        let refuse =
            |error: RuleError| FieldError { field: "mapping.rows", why: error.to_string() };
        self.rules()?.check(&GroupSource::KINDS).map_err(refuse)
    }

    pub fn rules(&self) -> Result<PersonRules, FieldError> {
        let check_field = |path: &str| fields::check(path).map_err(|error| error.to_string());
        let refuse = |field, why: String| FieldError { field, why };
        if let Some(key) = &self.key {
            PersonRules::parse(&[], Some(key), &check_field)
                .map_err(|error| refuse("mapping.key", error.to_string()))?;
        }
        PersonRules::parse(&self.rows, self.key.as_deref(), &check_field)
            .map_err(|error| refuse("mapping.rows", error.to_string()))
    }
}
