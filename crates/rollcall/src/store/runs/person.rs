//! A person as a change knew them, as JSON.

use std::collections::BTreeMap;

use reconcile::principal::{Attributes, ExternalId, Name, User};
use serde::{Deserialize, Serialize};

#[derive(Serialize, Deserialize)]
struct Person {
    id: String,
    username: String,
    email: String,
    display_name: String,
    first_name: String,
    last_name: String,
    active: bool,
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    attributes: BTreeMap<String, Box<str>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    source_id: Option<String>,
    /// Those that somebody leaves with their account.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    groups: Vec<String>,
}

pub fn text(user: &User, groups: &[Name]) -> String {
    let User {
        id,
        username,
        email,
        display_name,
        first_name,
        last_name,
        active,
        attributes,
        source_id,
    } = user;
    let attributes = attributes.iter().map(|(name, value)| (name.to_string(), value.into()));
    let person = Person {
        id: id.as_str().to_owned(),
        username: username.as_str().to_owned(),
        email: email.as_ref().to_owned(),
        display_name: display_name.as_ref().to_owned(),
        first_name: first_name.as_ref().to_owned(),
        last_name: last_name.as_ref().to_owned(),
        active: *active,
        attributes: attributes.collect(),
        source_id: source_id.as_ref().map(|id| id.as_str().to_owned()),
        groups: groups.iter().map(|group| group.as_str().to_owned()).collect(),
    };
    serde_json::to_string(&person).unwrap_or_default()
}

/// A person read back, with the groups that they left with their account. `None` where the text is
/// none of ours.
pub fn read(text: &str) -> Option<(User, Vec<Name>)> {
    let person: Person = serde_json::from_str(text).ok()?;
    let user = User {
        id: ExternalId::new(&person.id),
        username: Name::new(&person.username),
        email: person.email.into(),
        display_name: person.display_name.into(),
        first_name: person.first_name.into(),
        last_name: person.last_name.into(),
        active: person.active,
        attributes: Attributes::new(
            person.attributes.into_iter().map(|(name, value)| (name.into(), value)).collect(),
        ),
        source_id: person.source_id.map(|id| ExternalId::new(&id)),
    };
    Some((user, person.groups.iter().map(|group| Name::new(group)).collect()))
}
