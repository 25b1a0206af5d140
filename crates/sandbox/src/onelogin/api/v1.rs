//! `/api/1`: envelopes, 50 rows a page, and a cursor that names the last row seen.

use base64::{Engine, engine::general_purpose::STANDARD};
use serde_json::{Value, json};

use super::{
    filter::{Condition, Trait, fits_pattern, matching, moment, shared},
    users::rows,
};
use crate::onelogin::{
    answer::{Answer, Shape},
    call::{Call, Query},
    fields,
    tenant::Tenant,
    world::Ruling,
};

const PAGE_MAX: u64 = 50;

pub(in crate::onelogin) fn users(
    tenant: &Tenant,
    call: &Call,
    ruling: &Ruling,
) -> Result<Answer, Answer> {
    let matches = matching(tenant, &filters(&call.query)?);
    let window =
        Window::read(tenant, &call.query, matches.as_deref().unwrap_or(tenant.user_ids()))?;
    let wanted = call.query.text("fields");
    let mut shown_fields = fields::v1_row();
    shown_fields.retain(|it| wanted.is_none_or(|wanted| names(wanted, it.name)));
    Ok(window.answer(tenant, &rows(tenant, &window.ids, &shown_fields, ruling.blank)))
}

pub(in crate::onelogin) fn user(
    tenant: &Tenant,
    id: i64,
    ruling: &Ruling,
) -> Result<Answer, Answer> {
    if tenant.user(id).is_none() {
        return Err(not_found("User", id));
    }
    Ok(enveloped(None, &rows(tenant, &[id], &fields::v1_row(), ruling.blank)))
}

pub(in crate::onelogin) fn custom_attributes(tenant: &Tenant) -> Answer {
    let names: Vec<&str> =
        tenant.custom_attributes().iter().map(|it| it.shortname.as_str()).collect();
    Answer::success(Some(json!([names])))
}

pub(in crate::onelogin) fn user_roles(tenant: &Tenant, id: i64) -> Result<Answer, Answer> {
    let user = tenant.user(id).ok_or_else(|| not_found("User", id))?;
    Ok(Answer::success(Some(json!([user.role_ids]))))
}

pub(in crate::onelogin) fn roles(tenant: &Tenant, call: &Call) -> Result<Answer, Answer> {
    let name = call.query.text("name");
    let roles = tenant.roles().values();
    let ids: Vec<i64> = roles
        .filter(|it| name.is_none_or(|pattern| fits_pattern(pattern, &it.name)))
        .map(|it| it.id)
        .collect();
    let window = Window::read(tenant, &call.query, &ids)?;
    let data: Vec<Value> = window
        .ids
        .iter()
        .filter_map(|it| tenant.roles().get(it))
        .map(|it| json!({"id": it.id, "name": it.name}))
        .collect();
    Ok(window.answer(tenant, Value::from(data).to_string().as_bytes()))
}

pub(in crate::onelogin) fn role(tenant: &Tenant, id: i64) -> Result<Answer, Answer> {
    let role = tenant.roles().get(&id).ok_or_else(|| not_found("Role", id))?;
    Ok(Answer::success(Some(json!([{"id": role.id, "name": role.name}]))))
}

pub(in crate::onelogin) fn groups(tenant: &Tenant, call: &Call) -> Result<Answer, Answer> {
    let ids: Vec<i64> = tenant.groups().keys().copied().collect();
    let window = Window::read(tenant, &call.query, &ids)?;
    let data: Vec<Value> = window
        .ids
        .iter()
        .filter_map(|it| tenant.groups().get(it))
        .map(|it| json!({"id": it.id, "name": it.name, "reference": null}))
        .collect();
    Ok(window.answer(tenant, Value::from(data).to_string().as_bytes()))
}

pub(in crate::onelogin) fn group(tenant: &Tenant, id: i64) -> Result<Answer, Answer> {
    if id < 0 {
        let message = json!({"attribute": "id", "description": "ID is incorrect"});
        let status = json!({"error": true, "code": 400, "type": "bad request", "message": message});
        return Err(Answer::value(400, &json!({"status": status})));
    }
    let group = tenant.groups().get(&id).ok_or_else(|| not_found("Group", id))?;
    Ok(Answer::success(Some(json!([{"id": group.id, "name": group.name, "reference": null}]))))
}

/// The rows of one page, and where the next one starts.
struct Window {
    ids: Vec<i64>,
    has_more: bool,
    has_before: bool,
}

impl Window {
    /// `ids` are all matches in ascending order.
    fn read(tenant: &Tenant, query: &Query, ids: &[i64]) -> Result<Window, Answer> {
        let cursor = query.text("after_cursor").filter(|it| !it.is_empty());
        let start = match cursor {
            Some(cursor) => {
                let last = position(tenant, cursor)
                    .ok_or_else(|| Answer::error(400, Shape::Status, "after_cursor is invalid"))?;
                ids.partition_point(|it| *it <= last)
            }
            None => 0,
        };
        let limit = query.number("limit").unwrap_or(PAGE_MAX).clamp(1, PAGE_MAX);
        let rest = ids.get(start..).unwrap_or_default();
        let take = usize::try_from(limit).unwrap_or_default();
        let ids = rest.iter().take(take).copied().collect();
        Ok(Window { ids, has_more: take < rest.len(), has_before: 0 < start })
    }

    fn answer(&self, tenant: &Tenant, data: &[u8]) -> Answer {
        let cursor = |id: &i64| {
            STANDARD.encode(format!("account_id:::{}--##id:::{id}", tenant.account_id()))
        };
        let after = self.ids.last().filter(|_| self.has_more).map(cursor);
        let before = self.ids.first().filter(|_| self.has_before).map(cursor);
        let pagination = json!({
            "before_cursor": before,
            "after_cursor": after,
            "previous_link": null,
            "next_link": null,
        });
        enveloped(Some(&pagination), data).with("link", "")
    }
}

fn position(tenant: &Tenant, cursor: &str) -> Option<i64> {
    let text = String::from_utf8(STANDARD.decode(cursor).ok()?).ok()?;
    let (account, id) = text.strip_prefix("account_id:::")?.split_once("--##id:::")?;
    let is_ours = account == tenant.account_id().to_string();
    is_ours.then(|| id.parse().ok()).flatten()
}

fn enveloped(pagination: Option<&Value>, data: &[u8]) -> Answer {
    let status = json!({"error": false, "code": 200, "type": "success", "message": "success"});
    let mut body = format!("{{\"status\":{status},").into_bytes();
    if let Some(pagination) = pagination {
        body.extend_from_slice(format!("\"pagination\":{pagination},").as_bytes());
    }
    body.extend_from_slice(b"\"data\":");
    body.extend_from_slice(data);
    body.push(b'}');
    Answer::json(200, body)
}

/// `since` and `until` are about creation here: v1 cannot tell what changed.
fn filters(query: &Query) -> Result<Vec<Condition>, Answer> {
    let mut conditions = Vec::new();
    for (name, value) in query.iter() {
        match name {
            "since" => {
                conditions.push(Condition::Person(Trait::CreatedSince(moment(name, value)?)));
            }
            "until" => {
                conditions.push(Condition::Person(Trait::CreatedUntil(moment(name, value)?)));
            }
            "id" => conditions.push(Condition::Ids(query.ids(name).unwrap_or_default())),
            "role_id" => conditions.push(Condition::Roles(query.ids(name).unwrap_or_default())),
            _ => conditions.extend(shared(name, value)),
        }
    }
    Ok(conditions)
}

fn names(list: &str, field: &str) -> bool {
    list.split(',').any(|it| it.trim() == field)
}

fn not_found(kind: &str, id: i64) -> Answer {
    Answer::error(404, Shape::Status, &format!("{kind} for id {id} was not found"))
}
