//! The fields of a user row: names, who sees them without asking, and how each is written.

use super::{
    json::{self, Blank},
    user::User,
};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Shown {
    /// In every v2 list row.
    Always,
    /// In list rows of newer tenants.
    Newer,
    /// Only when named in `fields`, and in the single resource.
    Named,
    V1Only,
}

#[derive(Debug, Clone, Copy)]
pub(super) struct Field {
    pub(super) name: &'static str,
    pub(super) shown: Shown,
    write: fn(&User, Blank, &mut Vec<u8>),
}

macro_rules! field {
    ($name:ident, $shown:ident, $write:expr) => {
        Field { name: stringify!($name), shown: Shown::$shown, write: $write }
    };
    ($name:ident, $shown:ident, blankable) => {
        field!($name, $shown, |user, blank, out| json::blankable(out, &user.$name, blank))
    };
}

static FIELDS: [Field; 36] = [
    field!(id, Always, |user, _, out| json::number(out, user.id)),
    field!(username, Always, |user, blank, out| json::blankable(out, &user.username, blank)),
    field!(email, Always, |user, _, out| json::text(out, &user.email)),
    field!(firstname, Always, |user, _, out| json::text(out, &user.firstname)),
    field!(lastname, Always, |user, _, out| json::text(out, &user.lastname)),
    field!(phone, Always, |user, blank, out| json::blankable(out, &user.phone, blank)),
    field!(status, Always, |user, _, out| json::number(out, user.status)),
    field!(state, Always, |user, _, out| json::number(out, user.state)),
    field!(group_id, Always, |user, _, out| json::optional_number(out, user.group_id)),
    field!(member_of, Always, |user, blank, out| json::blankable(out, &user.member_of, blank)),
    field!(directory_id, Always, |user, _, out| json::optional_number(out, user.directory_id)),
    field!(external_id, Always, |user, _, out| json::loose(out, &user.external_id)),
    field!(distinguished_name, Always, |user, blank, out| {
        json::blankable(out, &user.distinguished_name, blank);
    }),
    field!(samaccountname, Always, |user, blank, out| {
        json::blankable(out, &user.samaccountname, blank);
    }),
    field!(created_at, Always, |user, _, out| json::moment(out, user.created_at)),
    field!(updated_at, Always, |user, _, out| json::moment(out, user.updated_at)),
    field!(activated_at, Always, |user, _, out| json::moment(out, user.activated_at)),
    field!(last_login, Always, |user, _, out| json::moment(out, user.last_login)),
    field!(invitation_sent_at, Always, |user, _, out| json::moment(out, user.invitation_sent_at)),
    field!(locked_until, Always, |user, _, out| json::moment(out, user.locked_until)),
    field!(password_changed_at, Always, |user, _, out| json::moment(out, user.password_changed_at)),
    field!(invalid_login_attempts, Always, |user, _, out| {
        json::number(out, user.invalid_login_attempts);
    }),
    field!(userprincipalname, Newer, |user, blank, out| {
        json::blankable(out, &user.userprincipalname, blank);
    }),
    field!(preferred_locale_code, Newer, |user, _, out| {
        json::text(out, &user.preferred_locale_code);
    }),
    field!(title, Named, |user, blank, out| json::blankable(out, &user.title, blank)),
    field!(department, Named, |user, blank, out| json::blankable(out, &user.department, blank)),
    field!(company, Named, |user, blank, out| json::blankable(out, &user.company, blank)),
    field!(comment, Named, |user, blank, out| json::blankable(out, &user.comment, blank)),
    field!(role_ids, Named, |user, _, out| json::numbers(out, &user.role_ids)),
    field!(custom_attributes, Named, |user, _, out| {
        json::texts(out, &user.custom_attributes, Blank::Null);
    }),
    field!(manager_user_id, Named, |user, _, out| json::loose(out, &user.manager_user_id)),
    field!(manager_ad_id, Named, |user, _, out| json::loose(out, &user.manager_ad_id)),
    field!(trusted_idp_id, Named, |user, _, out| json::optional_number(out, user.trusted_idp_id)),
    field!(role_id, V1Only, |user, _, out| {
        // v1 has no empty list of roles.
        if user.role_ids.is_empty() {
            json::plain(out, "null");
        } else {
            json::numbers(out, &user.role_ids);
        }
    }),
    field!(openid_name, V1Only, |user, _, out| json::text(out, &user.openid_name)),
    field!(locale_code, V1Only, |user, _, out| json::text(out, &user.locale_code)),
];

pub(super) fn list_row(newer: bool) -> Vec<&'static Field> {
    FIELDS
        .iter()
        .filter(|it| it.shown == Shown::Always || (newer && it.shown == Shown::Newer))
        .collect()
}

pub(super) fn single_resource() -> Vec<&'static Field> {
    FIELDS.iter().filter(|it| it.shown != Shown::V1Only).collect()
}

pub(super) fn v1_row() -> Vec<&'static Field> {
    FIELDS.iter().filter(|it| it.name != "role_ids").collect()
}

/// The fields of a comma list in the order of the table, or the first name that is none.
pub(super) fn named(list: &str) -> Result<Vec<&'static Field>, String> {
    let names: Vec<&str> = list.split(',').filter(|it| !it.is_empty()).collect();
    let known = single_resource();
    match names.iter().find(|name| !known.iter().any(|it| it.name == **name)) {
        Some(unknown) => Err((*unknown).to_owned()),
        None => Ok(known.into_iter().filter(|it| names.contains(&it.name)).collect()),
    }
}

pub(super) fn write_row(out: &mut Vec<u8>, user: &User, fields: &[&Field], blank: Blank) {
    out.push(b'{');
    for (at, field) in fields.iter().enumerate() {
        if at != 0 {
            out.push(b',');
        }
        json::string(out, field.name);
        out.push(b':');
        (field.write)(user, blank, out);
    }
    out.push(b'}');
}
