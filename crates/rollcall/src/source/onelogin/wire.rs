//! Rows as OneLogin sends them, decoded straight into what is kept.
//!
//! Lenient about every value, because OneLogin mixes numbers and strings, null, empty and absent;
//! strict about the document, because a cut one is not a shorter one. An odd value makes its row
//! odd and no other.

use std::borrow::Cow;
use std::fmt;

use serde::de::{self, Deserialize, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};

use super::api::Odd;
use super::fields::{self, CUSTOM_ATTRIBUTES};

/// A row of a list, known by its id.
pub(super) trait Row: Sized {
    fn id(&self) -> Option<u64>;
}

/// One user.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct UserRow {
    pub(super) id: Option<u64>,
    pub(super) username: Option<Box<str>>,
    pub(super) email: Option<Box<str>>,
    pub(super) first_name: Option<Box<str>>,
    pub(super) last_name: Option<Box<str>>,
    pub(super) status: Option<i64>,
    pub(super) state: Option<i64>,
    pub(super) group_id: Option<u64>,
    pub(super) role_ids: Vec<u64>,
    /// Joined by `;`, as it came.
    pub(super) member_of: Option<Box<str>>,
    pub(super) updated_at: Option<Box<str>>,
    /// Whatever else was there and not blank, by its name.
    pub(super) further: Vec<(&'static str, Box<str>)>,
    pub(super) custom_attributes: Vec<(Box<str>, Text)>,
    /// The keys that were there.
    pub(super) keys: Keys,
    /// The first field with a value that makes no sense.
    pub(super) odd: Option<&'static str>,
}

/// Keys of a user's row, one bit each.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub(super) struct Keys(u64);

/// The fields that we may ask for, by their names in a query.
pub(super) const FIELDS: [&str; 33] = [
    "id",
    "username",
    "email",
    "firstname",
    "lastname",
    "status",
    "state",
    "group_id",
    "role_ids",
    "member_of",
    "updated_at",
    // What follows is taken as text.
    "title",
    "department",
    "company",
    "phone",
    "comment",
    "directory_id",
    "external_id",
    "distinguished_name",
    "samaccountname",
    "userprincipalname",
    "manager_user_id",
    "manager_ad_id",
    "trusted_idp_id",
    "preferred_locale_code",
    "created_at",
    "activated_at",
    "last_login",
    "invitation_sent_at",
    "locked_until",
    "password_changed_at",
    "invalid_login_attempts",
    CUSTOM_ATTRIBUTES,
];

/// A field as we spell it; one that is not ours stands for the id, without which nothing is known.
pub(super) fn field_named(name: &str) -> &'static str {
    FIELDS.into_iter().find(|it| *it == name).unwrap_or("id")
}

impl Keys {
    /// The keys of these fields; unknown names are none.
    pub(super) fn of(fields: &[&str]) -> Keys {
        fields.iter().fold(Keys::default(), |keys, it| keys.with(it))
    }

    fn with(self, field: &str) -> Keys {
        let position = FIELDS.iter().position(|it| *it == field);
        Keys(position.map_or(self.0, |at| self.0 | 1 << at))
    }

    pub(super) fn or(self, other: Keys) -> Keys {
        Keys(self.0 | other.0)
    }

    /// The first field of these that is not among the others.
    pub(super) fn first_absent_from(self, others: Keys) -> Option<&'static str> {
        let absent = self.0 & !others.0;
        FIELDS.get(absent.trailing_zeros() as usize).copied()
    }
}

impl UserRow {
    /// A field by its path, as rules and conditions name it.
    pub(super) fn field(&self, path: &str) -> Option<Cow<'_, str>> {
        let number = |value: Option<i64>| value.map(|it| Cow::Owned(it.to_string()));
        let unsigned = |value: Option<u64>| value.map(|it| Cow::Owned(it.to_string()));
        if let Some(short_name) = fields::custom_attribute(path) {
            let (_, Text(value)) = self.custom_attributes.iter().find(|it| *it.0 == *short_name)?;
            return value.as_ref().ok()?.as_deref().map(Cow::Borrowed);
        }
        match path {
            "id" => unsigned(self.id),
            "username" => self.username.as_deref().map(Cow::Borrowed),
            "email" => self.email.as_deref().map(Cow::Borrowed),
            "firstname" => self.first_name.as_deref().map(Cow::Borrowed),
            "lastname" => self.last_name.as_deref().map(Cow::Borrowed),
            "status" => number(self.status),
            "state" => number(self.state),
            "group_id" => unsigned(self.group_id),
            "member_of" => self.member_of.as_deref().map(Cow::Borrowed),
            "updated_at" => self.updated_at.as_deref().map(Cow::Borrowed),
            _ => self.further.iter().find(|it| it.0 == path).map(|it| Cow::Borrowed(&*it.1)),
        }
    }

    /// Whether the value of a custom attribute makes sense.
    pub(super) fn is_readable(&self, short_name: &str) -> bool {
        let found = self.custom_attributes.iter().find(|it| *it.0 == *short_name);
        found.is_none_or(|(_, Text(value))| value.is_ok())
    }

    /// Whether it came with a custom attribute, be it without a value.
    pub(super) fn has(&self, short_name: &str) -> bool {
        self.custom_attributes().any(|it| it == short_name)
    }

    pub(super) fn custom_attributes(&self) -> impl Iterator<Item = &str> {
        self.custom_attributes.iter().map(|it| &*it.0)
    }
}

impl Row for UserRow {
    fn id(&self) -> Option<u64> {
        self.id
    }
}

impl<'de> Deserialize<'de> for UserRow {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<UserRow, D::Error> {
        deserializer.deserialize_any(UserVisitor)
    }
}

struct UserVisitor;

impl<'de> Visitor<'de> for UserVisitor {
    type Value = UserRow;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a user")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<UserRow, A::Error> {
        let mut row = UserRow::default();
        while let Some(Key(field)) = map.next_key::<Key>()? {
            let Some(field) = field else {
                map.next_value::<IgnoredAny>()?;
                continue;
            };
            let value = match field {
                "role_ids" => map.next_value::<Numbers>()?.0.map(|it| row.role_ids = it),
                "member_of" => map.next_value::<Joined>()?.0.map(|it| row.member_of = it),
                "id" => unsigned(map.next_value()?).map(|it| row.id = it),
                "group_id" => unsigned(map.next_value()?).map(|it| row.group_id = it),
                "status" => map.next_value::<Number>()?.0.map(|it| row.status = it),
                "state" => map.next_value::<Number>()?.0.map(|it| row.state = it),
                "username" => map.next_value::<Text>()?.0.map(|it| row.username = it),
                "email" => map.next_value::<Text>()?.0.map(|it| row.email = it),
                "firstname" => map.next_value::<Text>()?.0.map(|it| row.first_name = it),
                "lastname" => map.next_value::<Text>()?.0.map(|it| row.last_name = it),
                "updated_at" => map.next_value::<Text>()?.0.map(|it| row.updated_at = it),
                CUSTOM_ATTRIBUTES => {
                    let Some(attributes) = map.next_value::<CustomAttributes>()?.0 else {
                        continue; // as good as absent
                    };
                    row.custom_attributes = attributes;
                    Ok(())
                }
                further => match map.next_value::<Text>()?.0 {
                    Ok(value) => {
                        row.further.extend(value.map(|it| (further, it)));
                        Ok(())
                    }
                    // As good as absent: it is odd for whoever asks for it, and for nobody else.
                    Err(Senseless) => continue,
                },
            };
            if value.is_err() {
                row.odd = row.odd.or(Some(field));
            }
            row.keys = row.keys.with(field);
        }
        Ok(row)
    }

    fn visit_unit<E: de::Error>(self) -> Result<UserRow, E> {
        Ok(UserRow { odd: Some("id"), ..UserRow::default() })
    }

    fn visit_bool<E: de::Error>(self, _: bool) -> Result<UserRow, E> {
        self.visit_unit()
    }

    fn visit_i64<E: de::Error>(self, _: i64) -> Result<UserRow, E> {
        self.visit_unit()
    }

    fn visit_u64<E: de::Error>(self, _: u64) -> Result<UserRow, E> {
        self.visit_unit()
    }

    fn visit_f64<E: de::Error>(self, _: f64) -> Result<UserRow, E> {
        self.visit_unit()
    }

    fn visit_str<E: de::Error>(self, _: &str) -> Result<UserRow, E> {
        self.visit_unit()
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<UserRow, A::Error> {
        while seq.next_element::<IgnoredAny>()?.is_some() {}
        self.visit_unit()
    }
}

/// A role or a group.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct NameRow {
    pub(super) id: Option<u64>,
    /// Absent where it is blank.
    pub(super) name: Option<Box<str>>,
}

impl Row for NameRow {
    fn id(&self) -> Option<u64> {
        self.id
    }
}

impl<'de> Deserialize<'de> for NameRow {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<NameRow, D::Error> {
        #[derive(serde::Deserialize)]
        struct Plain {
            #[serde(default)]
            id: Number,
            #[serde(default)]
            name: Text,
        }
        let Plain { id, name } = Plain::deserialize(deserializer)?;
        Ok(NameRow { id: unsigned(id).ok().flatten(), name: name.0.ok().flatten() })
    }
}

/// Somebody in the list of a role's users: the id alone counts, and that it is assigned.
#[derive(Clone, Debug, PartialEq, Eq, serde::Deserialize)]
pub(super) struct MemberRow {
    #[serde(default)]
    id: Number,
}

impl Row for MemberRow {
    fn id(&self) -> Option<u64> {
        unsigned(self.id).ok().flatten()
    }
}

/// Decodes a list. A document that is no list, or breaks off, is odd as a whole.
pub(super) fn rows<R: for<'de> Deserialize<'de>>(body: &[u8]) -> Result<Vec<R>, Odd> {
    let body = body.strip_prefix(b"\xef\xbb\xbf").unwrap_or(body);
    serde_json::from_slice(body).map_err(|error| {
        if error.is_eof() {
            return Odd::new("broke off in the middle");
        }
        Odd::new("did not bring a list in JSON")
    })
}

/// Decodes a list of users; where one of them is no JSON at all, the others are still read.
pub(super) fn user_rows(body: &[u8]) -> Result<Vec<UserRow>, Odd> {
    let odd = match rows(body) {
        Ok(rows) => return Ok(rows),
        Err(odd) => odd,
    };
    let Some(parts) = super::split::elements(body) else { return Err(odd) };
    let decode = |part: &&[u8]| match serde_json::from_slice(part) {
        Ok(row) => row,
        Err(_) => UserRow { id: super::split::id(part), odd: Some("JSON"), ..UserRow::default() },
    };
    Ok(parts.iter().map(decode).collect())
}

struct Key(Option<&'static str>);

impl<'de> Deserialize<'de> for Key {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Key, D::Error> {
        struct KeyVisitor;
        impl Visitor<'_> for KeyVisitor {
            type Value = Key;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a key")
            }

            fn visit_str<E: de::Error>(self, key: &str) -> Result<Key, E> {
                // v1 calls it by another name.
                let key = if key == "role_id" { "role_ids" } else { key };
                Ok(Key(FIELDS.iter().find(|it| **it == key).copied()))
            }
        }
        deserializer.deserialize_str(KeyVisitor)
    }
}

/// A value of a kind that its field cannot have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Senseless;

/// Text, or a number that is taken for one. `None` where it is absent, null or blank.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Text(Result<Option<Box<str>>, Senseless>);

/// So that it is read again as it was: what made no sense makes none then.
impl serde::Serialize for Text {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match &self.0 {
            Ok(text) => text.serialize(serializer),
            Err(Senseless) => serializer.serialize_bool(false),
        }
    }
}

/// A whole number, written as one or in a string.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Number(Result<Option<i64>, Senseless>);

struct Numbers(Result<Vec<u64>, Senseless>);

/// Custom attributes by their short names; `None` where it is nothing of that kind.
struct CustomAttributes(Option<Vec<(Box<str>, Text)>>);

/// A text, or several that are joined by `;`.
struct Joined(Result<Option<Box<str>>, Senseless>);

impl Default for Text {
    fn default() -> Text {
        Text(Ok(None))
    }
}

impl Default for Number {
    fn default() -> Number {
        Number(Ok(None))
    }
}

fn unsigned(number: Number) -> Result<Option<u64>, Senseless> {
    number.0?.map(|it| u64::try_from(it).map_err(|_| Senseless)).transpose()
}

/// Any JSON value, as far as a lenient field looks into it.
enum Loose {
    Null,
    Number(i64),
    Text(Box<str>),
    List(Vec<Loose>),
    Other,
}

impl<'de> Deserialize<'de> for Loose {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Loose, D::Error> {
        deserializer.deserialize_any(LooseVisitor)
    }
}

struct LooseVisitor;

impl<'de> Visitor<'de> for LooseVisitor {
    type Value = Loose;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("any value")
    }

    fn visit_unit<E: de::Error>(self) -> Result<Loose, E> {
        Ok(Loose::Null)
    }

    fn visit_bool<E: de::Error>(self, _: bool) -> Result<Loose, E> {
        Ok(Loose::Other)
    }

    fn visit_i64<E: de::Error>(self, number: i64) -> Result<Loose, E> {
        Ok(Loose::Number(number))
    }

    fn visit_u64<E: de::Error>(self, number: u64) -> Result<Loose, E> {
        Ok(i64::try_from(number).map_or(Loose::Other, Loose::Number))
    }

    fn visit_f64<E: de::Error>(self, _: f64) -> Result<Loose, E> {
        Ok(Loose::Other)
    }

    fn visit_str<E: de::Error>(self, text: &str) -> Result<Loose, E> {
        Ok(Loose::Text(text.into()))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Loose, A::Error> {
        let mut list = Vec::new();
        while let Some(element) = seq.next_element()? {
            list.push(element);
        }
        Ok(Loose::List(list))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Loose, A::Error> {
        while map.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
        Ok(Loose::Other)
    }
}

impl Loose {
    fn text(self) -> Result<Option<Box<str>>, Senseless> {
        match self {
            Loose::Null => Ok(None),
            Loose::Text(text) if text.trim().is_empty() => Ok(None),
            Loose::Text(text) => Ok(Some(text)),
            Loose::Number(number) => Ok(Some(number.to_string().into())),
            Loose::List(_) | Loose::Other => Err(Senseless),
        }
    }

    fn number(self) -> Result<Option<i64>, Senseless> {
        match self {
            Loose::Null => Ok(None),
            Loose::Number(number) => Ok(Some(number)),
            Loose::Text(text) if text.trim().is_empty() => Ok(None),
            Loose::Text(text) => text.trim().parse().map(Some).map_err(|_| Senseless),
            Loose::List(_) | Loose::Other => Err(Senseless),
        }
    }

    fn positive(self) -> Result<u64, Senseless> {
        unsigned(Number(self.number()))?.ok_or(Senseless)
    }
}

impl<'de> Deserialize<'de> for Text {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Text, D::Error> {
        Ok(Text(Loose::deserialize(deserializer)?.text()))
    }
}

impl<'de> Deserialize<'de> for Number {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Number, D::Error> {
        Ok(Number(Loose::deserialize(deserializer)?.number()))
    }
}

impl<'de> Deserialize<'de> for Numbers {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Numbers, D::Error> {
        Ok(Numbers(match Loose::deserialize(deserializer)? {
            Loose::Null => Ok(Vec::new()),
            Loose::List(list) => list.into_iter().map(Loose::positive).collect(),
            Loose::Text(text) if text.trim().is_empty() => Ok(Vec::new()),
            one @ (Loose::Number(_) | Loose::Text(_)) => one.positive().map(|it| vec![it]),
            Loose::Other => Err(Senseless),
        }))
    }
}

impl<'de> Deserialize<'de> for CustomAttributes {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<CustomAttributes, D::Error> {
        struct AttributesVisitor;
        impl<'de> Visitor<'de> for AttributesVisitor {
            type Value = CustomAttributes;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("custom attributes")
            }

            fn visit_map<A: MapAccess<'de>>(
                self,
                mut map: A,
            ) -> Result<CustomAttributes, A::Error> {
                let mut attributes = Vec::new();
                while let Some(attribute) = map.next_entry::<Box<str>, Text>()? {
                    attributes.push(attribute);
                }
                Ok(CustomAttributes(Some(attributes)))
            }

            fn visit_unit<E: de::Error>(self) -> Result<CustomAttributes, E> {
                Ok(CustomAttributes(Some(Vec::new())))
            }

            fn visit_bool<E: de::Error>(self, _: bool) -> Result<CustomAttributes, E> {
                Ok(CustomAttributes(None))
            }

            fn visit_i64<E: de::Error>(self, _: i64) -> Result<CustomAttributes, E> {
                Ok(CustomAttributes(None))
            }

            fn visit_u64<E: de::Error>(self, _: u64) -> Result<CustomAttributes, E> {
                Ok(CustomAttributes(None))
            }

            fn visit_f64<E: de::Error>(self, _: f64) -> Result<CustomAttributes, E> {
                Ok(CustomAttributes(None))
            }

            fn visit_str<E: de::Error>(self, text: &str) -> Result<CustomAttributes, E> {
                Ok(CustomAttributes(text.trim().is_empty().then(Vec::new)))
            }

            fn visit_seq<A: SeqAccess<'de>>(
                self,
                mut seq: A,
            ) -> Result<CustomAttributes, A::Error> {
                // An empty list is how some write an empty object.
                let mut is_empty = true;
                while seq.next_element::<IgnoredAny>()?.is_some() {
                    is_empty = false;
                }
                Ok(CustomAttributes(is_empty.then(Vec::new)))
            }
        }
        deserializer.deserialize_any(AttributesVisitor)
    }
}

impl<'de> Deserialize<'de> for Joined {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Joined, D::Error> {
        let list = match Loose::deserialize(deserializer)? {
            Loose::List(list) => list,
            one @ (Loose::Null | Loose::Number(_) | Loose::Text(_) | Loose::Other) => {
                return Ok(Joined(one.text()));
            }
        };
        let texts: Result<Vec<Option<Box<str>>>, Senseless> =
            list.into_iter().map(Loose::text).collect();
        Ok(Joined(texts.map(|texts| {
            let joined = texts.iter().flatten().map(|it| &**it).collect::<Vec<_>>().join(";");
            (!joined.is_empty()).then(|| joined.into())
        })))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn one(json: &str) -> UserRow {
        let rows = user_rows(format!("[{json}]").as_bytes()).expect("a list");
        assert_eq!(rows.len(), 1);
        rows.into_iter().next().expect("one row")
    }

    #[test]
    fn a_full_row_is_read() {
        let row = one(
            r#"{"id":1201,"username":"ada","email":"ada@acme.test","firstname":"Ada","lastname":"Lee","status":1,"state":1,"group_id":417333,"role_ids":[428308,439868],"member_of":"CN=Devs,DC=acme;CN=VPN,DC=acme","custom_attributes":{"nick":null},"x":[1,{"y":2}]}"#,
        );
        assert_eq!((row.id, row.status, row.state), (Some(1201), Some(1), Some(1)));
        assert_eq!((row.group_id, &*row.role_ids), (Some(417_333), &[428_308, 439_868][..]));
        assert_eq!(row.username.as_deref(), Some("ada"));
        assert_eq!(row.member_of.as_deref(), Some("CN=Devs,DC=acme;CN=VPN,DC=acme"));
        assert_eq!(row.odd, None);
        assert_eq!(Keys::of(&FIELDS).first_absent_from(row.keys), Some("updated_at"));
        assert_eq!((row.field("custom_attributes.nick"), row.is_readable("nick")), (None, true));
    }

    #[test]
    fn numbers_and_strings_null_and_empty_are_taken_for_each_other() {
        let row = one(
            r#"{"id":"1201","username":"","email":null,"firstname":7,"lastname":"  ","status":"2","state":1,"group_id":"","role_id":null,"member_of":["CN=A","CN=B"]}"#,
        );
        assert_eq!(row.odd, None);
        assert_eq!((row.id, row.status), (Some(1201), Some(2)));
        assert_eq!((row.username, row.email, row.last_name), (None, None, None));
        assert_eq!(row.first_name.as_deref(), Some("7"));
        assert_eq!((row.group_id, row.role_ids), (None, vec![]));
        assert_eq!(row.member_of.as_deref(), Some("CN=A;CN=B"));
    }

    #[test]
    fn an_odd_value_makes_its_row_odd_and_no_other() {
        for (json, id, field) in [
            (r#"{"id":1,"email":{}}"#, Some(1), "email"),
            (r#"{"id":1,"email":true}"#, Some(1), "email"),
            (r#"{"id":1,"role_ids":["x"]}"#, Some(1), "role_ids"),
            (r#"{"id":1,"role_ids":{}}"#, Some(1), "role_ids"),
            (r#"{"id":1,"status":"soon"}"#, Some(1), "status"),
            (r#"{"id":1,"group_id":-4}"#, Some(1), "group_id"),
            (r#"{"id":1.5}"#, None, "id"),
            (r#"{"id":"ada"}"#, None, "id"),
            ("null", None, "id"),
            ("[]", None, "id"),
            ("7", None, "id"),
            (r#"{"id":1,"email":1e309}"#, Some(1), "JSON"),
            (r#"{"id":1,"email":"\ud800"}"#, Some(1), "JSON"),
            (r#"{"x":[{"id":5}],"id":"12","email":"\ud800"}"#, Some(12), "JSON"),
        ] {
            let body = format!(r#"[{{"id":7}},{json},{{"id":8}}]"#);
            let rows = user_rows(body.as_bytes()).expect(json);
            let ids: Vec<_> = rows.iter().map(|it| it.id).collect();
            assert_eq!(ids, [Some(7), id, Some(8)], "{json}");
            assert_eq!(rows[1].odd, Some(field), "{json}");
        }
    }

    #[test]
    fn an_odd_field_is_odd_for_whoever_asks_for_it_alone() {
        let row = one(
            r#"{"id":1,"title":"Lead","department":{},"phone":0,"company":" ","custom_attributes":{"floor":3,"desk":[1],"nick":""}}"#,
        );
        assert_eq!(row.odd, None);
        assert_eq!(
            Keys::of(&["title", "department"]).first_absent_from(row.keys),
            Some("department")
        );
        for (path, value) in [
            ("title", Some("Lead")),
            ("department", None),
            ("phone", Some("0")),
            ("company", None),
            ("custom_attributes.floor", Some("3")),
            ("custom_attributes.desk", None),
            ("custom_attributes.nick", None),
            ("custom_attributes.none", None),
        ] {
            assert_eq!(row.field(path).as_deref(), value, "{path}");
        }
        assert_eq!([row.is_readable("floor"), row.is_readable("desk")], [true, false]);
        for (json, is_there) in [
            ("null", true),
            ("[]", true),
            (r#""""#, true),
            ("{}", true),
            ("7", false),
            ("[1]", false),
            ("true", false),
            (r#""x""#, false),
        ] {
            let row = one(&format!(r#"{{"id":1,"custom_attributes":{json}}}"#));
            let absent = Keys::of(&[CUSTOM_ATTRIBUTES]).first_absent_from(row.keys);
            assert_eq!(absent.is_none(), is_there, "{json}");
        }
    }

    #[test]
    fn a_page_cut_at_any_byte_is_odd_as_a_whole() {
        let body = r#"[{"id":1,"username":"a","role_ids":[1,2],"member_of":"CN=\"x\"]"},{"id":2}]"#;
        assert_eq!(user_rows(body.as_bytes()).map(|it| it.len()), Ok(2));
        for end in 0..body.len() {
            let cut = &body.as_bytes()[..end];
            assert!(user_rows(cut).is_err(), "{}", String::from_utf8_lossy(cut));
        }
    }

    #[test]
    fn what_is_not_a_list_is_odd_as_a_whole() {
        for body in ["", "null", "{}", "7", "[1,]", "[1 2]", "[]]", "[{]}", "\u{0}"] {
            assert!(user_rows(body.as_bytes()).is_err(), "{body}");
        }
        let deep = format!("[{}{}]", "[".repeat(10_000), "]".repeat(10_000));
        let rows = user_rows(deep.as_bytes()).expect("a list of one odd row");
        assert_eq!((rows.len(), rows[0].id, rows[0].odd), (1, None, Some("id")));
        assert_eq!(user_rows(b"\xef\xbb\xbf[]"), Ok(vec![]));
    }
}
