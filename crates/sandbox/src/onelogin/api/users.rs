//! `/api/2/users`

use serde_json::{Value, json};

use crate::onelogin::{
    answer::{Answer, Shape},
    call::{Call, Query},
    fields::{self, Field},
    json::Blank,
    paging::{Page, Sizes},
    quirks::{Bound, DefaultRow, Filter, Quirks, UnknownFilter},
    tenant::Tenant,
    user::{Loose, Moment, Text, User},
    world::Ruling,
};

pub(in crate::onelogin) fn list(
    tenant: &Tenant,
    call: &Call,
    ruling: &Ruling,
) -> Result<Answer, Answer> {
    let quirks = &ruling.quirks;
    let fields = match call.query.text("fields") {
        Some(list) => fields::named(list).map_err(|name| Answer::unknown_field(&name))?,
        None => fields::list_row(quirks.default_row == DefaultRow::Keys24),
    };
    let sizes = Sizes {
        default: quirks.users_page_default,
        max: quirks.users_page_max,
        over_max: quirks.over_max,
    };
    let page = Page::read(call, sizes, super::page_shift(ruling), Shape::Named)?;
    let filters = filters(&call.query, quirks)?;
    let matches = matching(tenant, &filters);
    let total = matches.as_ref().map_or(tenant.user_ids().len(), Vec::len);
    let ids = page.of(matches.as_deref().unwrap_or(tenant.user_ids()));
    let mut answer = Answer::json(200, rows(tenant, &ids, &fields, ruling.blank));
    page.headers(&mut answer, total, ids.len(), quirks);
    Ok(answer)
}

pub(in crate::onelogin) fn one(
    tenant: &Tenant,
    id: i64,
    ruling: &Ruling,
) -> Result<Answer, Answer> {
    let user = tenant.user(id).ok_or_else(|| {
        let message = "The resource with the given id could not be found";
        Answer::error(404, Shape::Named, message)
    })?;
    let mut body = Vec::with_capacity(2_048);
    fields::write_row(&mut body, &user, &fields::single_resource(), ruling.blank);
    Ok(Answer::json(200, body))
}

pub(in crate::onelogin) fn custom_attributes(tenant: &Tenant) -> Answer {
    let attributes: Vec<Value> = tenant
        .custom_attributes()
        .iter()
        .map(
            |it| json!({"id": it.id, "name": it.name, "shortname": it.shortname, "position": null}),
        )
        .collect();
    Answer::value(200, &attributes.into())
}

/// A JSON array of the users.
pub(super) fn rows(tenant: &Tenant, ids: &[i64], fields: &[&Field], blank: Blank) -> Vec<u8> {
    let mut out = Vec::with_capacity(64 + ids.len() * fields.len() * 36);
    out.push(b'[');
    for (at, user) in ids.iter().filter_map(|it| tenant.user(*it)).enumerate() {
        if at != 0 {
            out.push(b',');
        }
        fields::write_row(&mut out, &user, fields, blank);
    }
    out.push(b']');
    out
}

/// One condition on a user.
#[derive(Debug)]
pub(super) enum Condition {
    Ids(Vec<i64>),
    Group(i64),
    Roles(Vec<i64>),
    UpdatedSince(Moment),
    /// OneLogin may compare with `>` where everybody expects `>=`.
    UpdatedAfter(Moment),
    UpdatedUntil(Moment),
    CreatedSince(Moment),
    CreatedUntil(Moment),
    LoggedInSince(Moment),
    LoggedInUntil(Moment),
    Directory(i64),
    Text(&'static str, String),
    CustomAttribute(String, String),
}

fn filters(query: &Query, quirks: &Quirks) -> Result<Vec<Condition>, Answer> {
    let mut conditions = Vec::new();
    for (name, value) in query.iter() {
        let condition = match name {
            "limit" | "page" | "cursor" | "sort" | "fields" => continue,
            "user_ids" => Condition::Ids(query.ids(name).unwrap_or_default()),
            "group_id" if quirks.group_filter == Filter::Honoured => {
                Condition::Group(value.parse().unwrap_or(-1))
            }
            "role_ids" if quirks.role_filter == Filter::Honoured => {
                Condition::Roles(query.ids(name).unwrap_or_default())
            }
            "group_id" | "role_ids" => continue,
            "updated_since" => match quirks.updated_since {
                Bound::Inclusive => Condition::UpdatedSince(moment(name, value)?),
                Bound::Exclusive => Condition::UpdatedAfter(moment(name, value)?),
            },
            "updated_until" => Condition::UpdatedUntil(moment(name, value)?),
            "created_since" => Condition::CreatedSince(moment(name, value)?),
            "created_until" => Condition::CreatedUntil(moment(name, value)?),
            "last_login_since" => Condition::LoggedInSince(moment(name, value)?),
            "last_login_until" => Condition::LoggedInUntil(moment(name, value)?),
            "directory_id" => Condition::Directory(value.parse().unwrap_or(-1)),
            _ => match (text_filter(name, value), quirks.unknown_filter) {
                (Some(condition), _) => condition,
                (None, UnknownFilter::Ignored) => continue,
                (None, UnknownFilter::BadRequest) => {
                    let message = format!("unknown parameter: {name}");
                    return Err(Answer::error(400, Shape::Named, &message));
                }
            },
        };
        conditions.push(condition);
    }
    Ok(conditions)
}

/// The filters that both generations of the API share.
pub(super) fn text_filter(name: &str, value: &str) -> Option<Condition> {
    if let Some(attribute) = name.strip_prefix("custom_attributes.") {
        return Some(Condition::CustomAttribute(attribute.to_owned(), value.to_owned()));
    }
    let name = TEXT_FILTERS.iter().find(|it| **it == name)?;
    Some(Condition::Text(name, value.to_owned()))
}

const TEXT_FILTERS: [&str; 7] = [
    "firstname",
    "lastname",
    "email",
    "username",
    "samaccountname",
    "userprincipalname",
    "external_id",
];

pub(super) fn moment(name: &str, value: &str) -> Result<Moment, Answer> {
    Moment::parse(value)
        .ok_or_else(|| Answer::error(400, Shape::Named, &format!("{name} is not a time")))
}

/// `None` when there is no condition: the ids of everybody need no copy.
pub(super) fn matching(tenant: &Tenant, conditions: &[Condition]) -> Option<Vec<i64>> {
    if conditions.is_empty() {
        return None;
    }
    let holds = |id: &i64| conditions.iter().all(|it| it.holds(tenant, *id));
    // Few ids named: no need to look at everybody.
    let named = conditions.iter().find_map(|it| match it {
        Condition::Ids(ids) => Some(ids),
        _ => None,
    });
    Some(match named {
        Some(ids) => {
            let mut ids: Vec<i64> = ids.clone();
            ids.sort_unstable();
            ids.dedup();
            ids.retain(|it| tenant.user_ids().binary_search(it).is_ok());
            ids.into_iter().filter(holds).collect()
        }
        None => tenant.user_ids().iter().copied().filter(holds).collect(),
    })
}

impl Condition {
    fn holds(&self, tenant: &Tenant, id: i64) -> bool {
        match self {
            Condition::Ids(ids) => ids.contains(&id),
            Condition::Group(group) => tenant.group_of(id) == Some(*group),
            Condition::Roles(roles) => roles.iter().any(|role| {
                let role = tenant.roles().get(role);
                role.is_some_and(|it| it.members.binary_search(&id).is_ok())
            }),
            Condition::UpdatedSince(bound) => Some(*bound) <= tenant.updated_at(id),
            Condition::UpdatedAfter(bound) => Some(*bound) < tenant.updated_at(id),
            Condition::UpdatedUntil(bound) => tenant.updated_at(id).is_some_and(|it| it <= *bound),
            Condition::CreatedSince(_)
            | Condition::CreatedUntil(_)
            | Condition::LoggedInSince(_)
            | Condition::LoggedInUntil(_)
            | Condition::Directory(_)
            | Condition::Text(..)
            | Condition::CustomAttribute(..) => tenant.user(id).is_some_and(|it| self.fits(&it)),
        }
    }

    fn fits(&self, user: &User) -> bool {
        match self {
            Condition::CreatedSince(bound) => Some(*bound) <= user.created_at,
            Condition::CreatedUntil(bound) => user.created_at.is_some_and(|it| it <= *bound),
            Condition::LoggedInSince(bound) => Some(*bound) <= user.last_login,
            Condition::LoggedInUntil(bound) => user.last_login.is_some_and(|it| it <= *bound),
            Condition::Directory(directory) => user.directory_id == Some(*directory),
            Condition::Text(name, pattern) => {
                text_of(user, name).is_some_and(|it| fits_pattern(pattern, &it))
            }
            Condition::CustomAttribute(name, pattern) => user
                .custom_attributes
                .get(name.as_str())
                .and_then(Option::as_deref)
                .is_some_and(|it| fits_pattern(pattern, it)),
            Condition::Ids(_)
            | Condition::Group(_)
            | Condition::Roles(_)
            | Condition::UpdatedSince(_)
            | Condition::UpdatedAfter(_)
            | Condition::UpdatedUntil(_) => false,
        }
    }
}

fn text_of(user: &User, name: &str) -> Text {
    match name {
        "firstname" => user.firstname.clone(),
        "lastname" => user.lastname.clone(),
        "email" => user.email.clone(),
        "username" => user.username.clone(),
        "samaccountname" => user.samaccountname.clone(),
        "userprincipalname" => user.userprincipalname.clone(),
        "external_id" => match &user.external_id {
            Loose::Null => None,
            Loose::Number(number) => Some(number.to_string().into()),
            Loose::Text(text) => Some(text.clone()),
        },
        _ => None,
    }
}

/// `*` stands for any text; letters are compared without case.
fn fits_pattern(pattern: &str, text: &str) -> bool {
    let (pattern, text) = (pattern.to_lowercase(), text.to_lowercase());
    let mut parts = pattern.split('*');
    let Some(mut rest) = text.strip_prefix(parts.next().unwrap_or_default()) else {
        return false;
    };
    let Some(last) = parts.next_back() else {
        return rest.is_empty();
    };
    for part in parts {
        let Some((_, after)) = rest.split_once(part) else {
            return false;
        };
        rest = after;
    }
    rest.ends_with(last)
}
