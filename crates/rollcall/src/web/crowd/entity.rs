//! Users and groups as Crowd clients know them.
//!
//! A user's `key` is the external id as it is: products compare it within one directory only, and a
//! directory has one source for its whole life.

use std::collections::BTreeMap;

use jiff::Timestamp;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use serde_json::{Value as Json, json};

use super::answer::Format;
use super::xml;
use crate::store::directory::lookup::{GroupRow, UserRow};

const UNRESERVED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// How much of an entity is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Detail {
    Name,
    Whole,
    /// With the attributes; groups have none.
    Attributes,
}

/// The value of a property that searches compare.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Value<'a> {
    Absent,
    Text(&'a str),
    Flag(bool),
    /// Microseconds.
    Instant(i64),
}

/// Users and groups have lists in common.
pub(super) trait Entity: Send + 'static {
    const SINGULAR: &'static str;
    const PLURAL: &'static str;

    fn write_xml(&self, out: &mut String, base: &str, detail: Detail);
    fn to_json(&self, base: &str, detail: Detail) -> Json;
    fn property(&self, name: &str) -> Value<'_>;

    fn write(&self, out: &mut String, format: Format, base: &str, detail: Detail) {
        match format {
            Format::Xml => self.write_xml(out, base, detail),
            Format::Json => out.push_str(&self.to_json(base, detail).to_string()),
        }
    }

    /// A document of its own.
    fn document(&self, format: Format, base: &str, detail: Detail) -> String {
        let mut text = match format {
            Format::Xml => xml::DECLARATION.to_owned(),
            Format::Json => String::new(),
        };
        self.write(&mut text, format, base, detail);
        text
    }
}

impl Entity for UserRow {
    const SINGULAR: &'static str = "user";
    const PLURAL: &'static str = "users";

    fn write_xml(&self, out: &mut String, base: &str, detail: Detail) {
        open(out, "user", &self.username, detail);
        link(out, &user_path(base, &self.username));
        if detail != Detail::Name {
            write_person(out, self);
        }
        if detail == Detail::Attributes {
            write_attributes(out, &user_path(base, &self.username), &self.attributes);
        }
        out.push_str("</user>");
    }

    fn to_json(&self, base: &str, detail: Detail) -> Json {
        let path = user_path(base, &self.username);
        let link = json!({"href": path, "rel": "self"});
        if detail == Detail::Name {
            return json!({"name": self.username, "link": link});
        }
        json!({
            "name": self.username,
            "link": link,
            "first-name": self.first_name,
            "last-name": self.last_name,
            "display-name": self.display_name,
            "email": self.email,
            "key": self.external_id,
            "active": self.active,
            "created-date": self.created_at / 1_000,
            "updated-date": self.updated_at / 1_000,
            "expand": "attributes",
            "attributes": attributes(&path, told(&self.attributes, detail)),
        })
    }

    fn property(&self, name: &str) -> Value<'_> {
        match name {
            "name" => Value::Text(&self.username),
            "email" => text(&self.email),
            "firstName" => text(&self.first_name),
            "lastName" => text(&self.last_name),
            "displayName" => text(&self.display_name),
            "externalId" | "key" => Value::Text(&self.external_id),
            "active" => Value::Flag(self.active),
            "createdDate" => Value::Instant(self.created_at),
            "updatedDate" => Value::Instant(self.updated_at),
            name => self.attributes.get(name).map_or(Value::Absent, |value| text(value)),
        }
    }
}

impl Entity for GroupRow {
    const SINGULAR: &'static str = "group";
    const PLURAL: &'static str = "groups";

    fn write_xml(&self, out: &mut String, base: &str, detail: Detail) {
        open(out, "group", &self.name, detail);
        link(out, &group_path(base, &self.name));
        if detail != Detail::Name {
            write_group_details(out);
        }
        if detail == Detail::Attributes {
            write_attributes(out, &group_path(base, &self.name), NONE);
        }
        out.push_str("</group>");
    }

    fn to_json(&self, base: &str, detail: Detail) -> Json {
        let path = group_path(base, &self.name);
        let link = json!({"href": path, "rel": "self"});
        if detail == Detail::Name {
            return json!({"name": self.name, "link": link});
        }
        json!({
            "name": self.name,
            "link": link,
            "description": "",
            "type": "GROUP",
            "active": true,
            "expand": "attributes",
            "attributes": attributes(&path, NONE),
        })
    }

    fn property(&self, name: &str) -> Value<'_> {
        match name {
            "name" => Value::Text(&self.name),
            "active" => Value::Flag(true),
            _ => Value::Absent,
        }
    }
}

/// What a product stores of a user, without which it would take it for empty.
pub(super) fn write_person(out: &mut String, user: &UserRow) {
    xml::element(out, "first-name", &user.first_name);
    xml::element(out, "last-name", &user.last_name);
    xml::element(out, "display-name", &user.display_name);
    xml::element(out, "email", &user.email);
    xml::element(out, "key", &user.external_id);
    xml::element(out, "created-date", &date(user.created_at));
    xml::element(out, "updated-date", &date(user.updated_at));
    out.push_str(if user.active { "<active>true</active>" } else { "<active>false</active>" });
}

pub(super) fn write_group_details(out: &mut String) {
    out.push_str("<description></description><type>GROUP</type><active>true</active>");
}

/// Attributes by name, each with its one value.
pub(super) type Attributes = BTreeMap<String, String>;

pub(super) const NONE: &Attributes = &Attributes::new();

/// A document of attributes alone.
pub(super) fn attributes_document(format: Format, path: &str, told: &Attributes) -> String {
    match format {
        Format::Xml => {
            let mut text = xml::DECLARATION.to_owned();
            write_attributes(&mut text, path, told);
            text
        }
        Format::Json => attributes(path, told).to_string(),
    }
}

fn told(attributes: &Attributes, detail: Detail) -> &Attributes {
    match detail {
        Detail::Attributes => attributes,
        Detail::Name | Detail::Whole => NONE,
    }
}

fn open(out: &mut String, element: &str, name: &str, detail: Detail) {
    out.push('<');
    out.push_str(element);
    xml::attribute(out, "name", name);
    if detail != Detail::Name {
        xml::attribute(out, "expand", "attributes");
    }
    out.push('>');
}

fn link(out: &mut String, path: &str) {
    out.push_str("<link");
    xml::attribute(out, "href", path);
    out.push_str(" rel=\"self\"/>");
}

fn write_attributes(out: &mut String, path: &str, attributes: &Attributes) {
    out.push_str("<attributes>");
    link(out, path);
    write_values(out, attributes);
    out.push_str("</attributes>");
}

pub(super) fn write_values(out: &mut String, attributes: &Attributes) {
    for (name, value) in attributes {
        out.push_str("<attribute");
        xml::attribute(out, "name", name);
        out.push_str("><values>");
        xml::element(out, "value", value);
        out.push_str("</values></attribute>");
    }
}

fn attributes(path: &str, attributes: &Attributes) -> Json {
    let attribute = |(name, value): (&String, &String)| json!({"name": name, "values": [value]});
    let list: Vec<Json> = attributes.iter().map(attribute).collect();
    json!({"attributes": list, "link": {"href": path, "rel": "self"}})
}

pub(super) fn user_path(base: &str, username: &str) -> String {
    format!("{base}/user?username={}", utf8_percent_encode(username, UNRESERVED))
}

pub(super) fn group_path(base: &str, name: &str) -> String {
    format!("{base}/group?groupname={}", utf8_percent_encode(name, UNRESERVED))
}

fn text(text: &str) -> Value<'_> {
    if text.is_empty() { Value::Absent } else { Value::Text(text) }
}

/// `2024-01-02T03:04:05.678Z`: other forms are read as nothing, or as nonsense.
fn date(microseconds: i64) -> String {
    let at = Timestamp::from_microsecond(microseconds).unwrap_or_default();
    format!("{at:.3}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_have_milliseconds_and_a_z() {
        assert_eq!(date(1_704_164_645_678_901), "2024-01-02T03:04:05.678Z");
        assert_eq!(date(0), "1970-01-01T00:00:00.000Z");
    }
}
