//! The fields of a user that rules and conditions may name.

use super::scope::suggestion;

/// Everything that OneLogin tells of a user in both versions of its API and that is one value. Lists
/// are none: roles are a group source.
pub const FIELDS: [&str; 31] = [
    "id",
    "username",
    "email",
    "firstname",
    "lastname",
    "title",
    "department",
    "company",
    "phone",
    "comment",
    "status",
    "state",
    "group_id",
    "member_of",
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
    "updated_at",
    "activated_at",
    "last_login",
    "invitation_sent_at",
    "locked_until",
    "password_changed_at",
    "invalid_login_attempts",
];

/// What stands before the short name of a custom attribute: `custom_attributes.cost_center`.
pub const CUSTOM_ATTRIBUTES: &str = "custom_attributes";

const SHORT_NAME_CHARS_MAX: usize = 100;

/// Other words for a field, as other products and people call it.
const OTHER_WORDS: [(&str, &str); 12] = [
    ("locale", "preferred_locale_code"),
    ("language", "preferred_locale_code"),
    ("locale_code", "preferred_locale_code"),
    ("mail", "email"),
    ("organisation", "company"),
    ("organization", "company"),
    ("mobile", "phone"),
    ("manager", "manager_user_id"),
    ("surname", "lastname"),
    ("last_name", "lastname"),
    ("first_name", "firstname"),
    ("job_title", "title"),
];

#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct UnknownField(String);

/// Refuses a path that OneLogin has no field for. Which custom attributes there are, only a read
/// tells.
pub fn check(path: &str) -> Result<(), UnknownField> {
    if let Some(short_name) = custom_attribute(path) {
        let is_of_name = |it: char| it.is_ascii_alphanumeric() || matches!(it, '_' | '-');
        if short_name.is_empty()
            || SHORT_NAME_CHARS_MAX < short_name.len()
            || !short_name.chars().all(is_of_name)
        {
            return Err(UnknownField(format!(
                "\"{path}\" is no custom attribute. Write {CUSTOM_ATTRIBUTES}. and its short name, \
                 as OneLogin shows it under Users > Custom User Fields."
            )));
        }
        return Ok(());
    }
    if FIELDS.contains(&path) {
        return Ok(());
    }
    let other_word = OTHER_WORDS.iter().find(|it| it.0 == path.to_ascii_lowercase());
    let near = match other_word {
        Some((_, field)) => format!(" Did you mean \"{field}\"?"),
        None => suggestion(path, &FIELDS),
    };
    Err(UnknownField(format!(
        "OneLogin has no field \"{path}\" of a user.{near} A custom attribute is written \
         {CUSTOM_ATTRIBUTES}.NAME."
    )))
}

/// The short name in the path of a custom attribute.
pub(super) fn custom_attribute(path: &str) -> Option<&str> {
    path.strip_prefix(CUSTOM_ATTRIBUTES)?.strip_prefix('.')
}

/// The field that a query must name for the path.
pub(super) fn to_ask_for(path: &str) -> Option<&'static str> {
    if custom_attribute(path).is_some() {
        return Some(CUSTOM_ATTRIBUTES);
    }
    FIELDS.iter().find(|it| **it == path).copied()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_unknown_field_is_refused_with_what_may_be_meant() {
        for (path, near) in [
            ("departmnt", " Did you mean \"department\"?"),
            ("first_name", " Did you mean \"firstname\"?"),
            ("Locale", " Did you mean \"preferred_locale_code\"?"),
            ("Email", " Did you mean \"email\"?"),
            ("xyzzy", ""),
        ] {
            let expected = format!(
                "OneLogin has no field \"{path}\" of a user.{near} A custom attribute is written \
                 custom_attributes.NAME."
            );
            assert_eq!(check(path).unwrap_err().to_string(), expected);
        }
        for path in FIELDS.iter().chain(&["custom_attributes.cost_center"]) {
            assert_eq!(check(path), Ok(()), "{path}");
            assert!(to_ask_for(path).is_some(), "{path}");
        }
        for path in ["custom_attributes.", "custom_attributes.a b", "custom_attributes.a.b"] {
            assert!(check(path).unwrap_err().to_string().contains("short name"), "{path}");
        }
    }
}
