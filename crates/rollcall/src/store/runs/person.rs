//! A person as a change knew them, as JSON.

use std::collections::{BTreeMap, BTreeSet};

use reconcile::plan::values::{EMAIL, spoken};
use reconcile::principal::{Attributes, ExternalId, Name, User};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

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

/// A field that is not what it was.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Difference {
    /// `display name`
    pub field: String,
    /// Blank where there was nothing.
    pub before: String,
    pub after: String,
}

impl Difference {
    /// The field as pages call it.
    pub fn label(&self) -> &str {
        if self.field == "email" { EMAIL } else { &self.field }
    }
}

/// The fields in which two people, or parts of them, differ; null is somebody who has none. Further
/// attributes come last, one by one.
pub fn differences(before: &Value, after: &Value) -> Vec<Difference> {
    const FURTHER: &str = "attributes";
    let (own, further) = (|it: &str| it != FURTHER, |_: &str| true);
    let mut differences = differing(before, after, own, |it| it.replace('_', " "));
    let of = |person: &Value| person.get(FURTHER).cloned().unwrap_or_default();
    let attributes = differing(&of(before), &of(after), further, |it| spoken(it).to_owned());
    differences.extend(attributes);
    differences
}

fn differing(
    before: &Value,
    after: &Value,
    is_told: impl Fn(&str) -> bool,
    called: impl Fn(&str) -> String,
) -> Vec<Difference> {
    let nobody = Map::new();
    let old = before.as_object().unwrap_or(&nobody);
    let new = after.as_object().unwrap_or(&nobody);
    let names: BTreeSet<&String> = old.keys().chain(new.keys()).collect();
    let text = |value: Option<&Value>| match value {
        None | Some(Value::Null) => String::new(),
        Some(Value::String(text)) => text.clone(),
        Some(other) => other.to_string(),
    };
    let difference = |name: &String| {
        let (before, after) = (text(old.get(name)), text(new.get(name)));
        (before != after).then(|| Difference { field: called(name), before, after })
    };
    names.into_iter().filter(|it| is_told(it)).filter_map(difference).collect()
}

/// As [`differences`], of two texts; nothing where somebody comes or leaves.
pub fn differences_of(before: &str, after: &str) -> Vec<Difference> {
    let read = |text: &str| serde_json::from_str::<Value>(text).ok();
    let (Some(before), Some(after)) = (read(before), read(after)) else { return Vec::new() };
    differences(&before, &after)
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

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn told(before: &Value, after: &Value) -> Vec<String> {
        let told = |it: Difference| format!("{}: {} -> {}", it.field, it.before, it.after);
        differences(before, after).into_iter().map(told).collect()
    }

    #[test]
    fn only_what_differs_is_told_of_a_person() {
        let before = json!({ "email": "a@x", "display_name": "A", "active": true });
        let after = json!({ "email": "b@x", "display_name": "A", "active": false, "title": "Dr" });
        let expected = ["active: true -> false", "email: a@x -> b@x", "title:  -> Dr"];
        assert_eq!(told(&before, &after), expected);
    }

    #[test]
    fn further_attributes_are_told_one_by_one_as_people_speak_of_them() {
        let before = json!({ "email": "a@x", "attributes": { "synch.title": "Dr", "floor": "3" } });
        let after =
            json!({ "email": "b@x", "attributes": { "synch.title": "Prof", "floor": "3" } });
        assert_eq!(told(&before, &after), ["email: a@x -> b@x", "title: Dr -> Prof"]);
        assert_eq!(told(&json!({}), &before)[1..], ["floor:  -> 3", "title:  -> Dr"]);
    }

    #[test]
    fn whoever_comes_or_leaves_differs_in_all_they_have() {
        let ada = json!({ "email": "a@x", "first_name": "" });
        assert_eq!(told(&Value::Null, &ada), ["email:  -> a@x"]);
        assert_eq!(told(&ada, &Value::Null), ["email: a@x -> "]);
    }
}
