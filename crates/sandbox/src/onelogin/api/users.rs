//! `/api/2/users`

use serde_json::{Value, json};

use super::filter::{Condition, Trait, matching, moment, shared};
use crate::onelogin::{
    answer::{Answer, Shape},
    call::{Call, Query},
    fields::{self, Field},
    json::Blank,
    paging::{Page, Sizes},
    quirks::{Bound, DefaultRow, Filter, Quirks, UnknownFilter},
    tenant::Tenant,
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

fn filters(query: &Query, quirks: &Quirks) -> Result<Vec<Condition>, Answer> {
    let mut conditions = Vec::new();
    for (name, value) in query.iter() {
        let condition = match name {
            "user_ids" => Condition::Ids(query.ids(name).unwrap_or_default()),
            "group_id" if quirks.group_filter == Filter::Honoured => {
                Condition::Group(value.parse().unwrap_or(-1))
            }
            "role_ids" if quirks.role_filter == Filter::Honoured => {
                Condition::Roles(query.ids(name).unwrap_or_default())
            }
            "limit" | "page" | "cursor" | "sort" | "fields" | "group_id" | "role_ids" => continue,
            "updated_since" => match quirks.updated_since {
                Bound::Inclusive => Condition::UpdatedSince(moment(name, value)?),
                Bound::Exclusive => Condition::UpdatedAfter(moment(name, value)?),
            },
            "updated_until" => Condition::UpdatedUntil(moment(name, value)?),
            "created_since" => Condition::Person(Trait::CreatedSince(moment(name, value)?)),
            "created_until" => Condition::Person(Trait::CreatedUntil(moment(name, value)?)),
            "last_login_since" => Condition::Person(Trait::LoggedInSince(moment(name, value)?)),
            "last_login_until" => Condition::Person(Trait::LoggedInUntil(moment(name, value)?)),
            _ => match (shared(name, value), quirks.unknown_filter) {
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
