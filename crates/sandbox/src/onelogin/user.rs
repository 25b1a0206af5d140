//! One person as OneLogin stores her: every field of both API generations.

use std::{borrow::Cow, collections::BTreeMap};

use jiff::Timestamp;
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

/// OneLogin tells "never set" (`null`) from "emptied" (`""`), so we do too.
pub type Text = Option<Cow<'static, str>>;

#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(default = "User::active", deny_unknown_fields)]
pub struct User {
    pub id: i64,
    pub username: Text,
    pub email: Text,
    pub firstname: Text,
    pub lastname: Text,
    pub title: Text,
    pub department: Text,
    pub company: Text,
    pub phone: Text,
    pub comment: Text,
    pub status: i64,
    pub state: i64,
    pub group_id: Option<i64>,
    pub role_ids: Vec<i64>,
    pub member_of: Text,
    pub directory_id: Option<i64>,
    pub external_id: Loose,
    pub distinguished_name: Text,
    pub samaccountname: Text,
    pub userprincipalname: Text,
    pub manager_user_id: Loose,
    pub manager_ad_id: Loose,
    pub trusted_idp_id: Option<i64>,
    pub preferred_locale_code: Text,
    pub locale_code: Text,
    pub openid_name: Text,
    pub invalid_login_attempts: i64,
    pub custom_attributes: BTreeMap<Cow<'static, str>, Text>,
    pub created_at: Option<Moment>,
    pub updated_at: Option<Moment>,
    pub activated_at: Option<Moment>,
    pub last_login: Option<Moment>,
    pub invitation_sent_at: Option<Moment>,
    pub locked_until: Option<Moment>,
    pub password_changed_at: Option<Moment>,
}

impl User {
    /// Able to log in; nothing else is known.
    pub fn active() -> User {
        User { status: 1, state: 1, ..User::default() }
    }

    /// OneLogin drops the roles of anybody else without a word.
    pub fn keeps_roles(&self) -> bool {
        keeps_roles(self.status, self.state)
    }

    pub fn full_name(&self) -> String {
        let first = self.firstname.as_deref().unwrap_or_default();
        let last = self.lastname.as_deref().unwrap_or_default();
        format!("{first} {last}").trim().to_owned()
    }
}

pub(super) fn keeps_roles(status: i64, state: i64) -> bool {
    state == 1 && (1..=5).contains(&status)
}

/// A value that some tenants send as a number and others as a string.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Loose {
    #[default]
    Null,
    Number(i64),
    Text(Cow<'static, str>),
}

/// Milliseconds since 1970, written as OneLogin writes times.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Moment(pub i64);

impl Moment {
    pub fn parse(text: &str) -> Option<Moment> {
        text.parse::<Timestamp>().ok().map(|it| Moment(it.as_millisecond()))
    }

    pub(super) fn plus_seconds(self, seconds: i64) -> Moment {
        Moment(self.0.saturating_add(seconds.saturating_mul(1_000)))
    }

    pub fn text(self) -> String {
        let timestamp = Timestamp::from_millisecond(self.0).unwrap_or_default();
        format!("{timestamp:.3}")
    }
}

impl Serialize for Moment {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.text())
    }
}

impl<'de> Deserialize<'de> for Moment {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Moment, D::Error> {
        let text = String::deserialize(deserializer)?;
        Moment::parse(&text).ok_or_else(|| de::Error::custom(format!("not a time: {text}")))
    }
}
