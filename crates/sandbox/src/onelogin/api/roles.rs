//! `/api/2/roles`

use serde_json::{Map, Value, json};

use super::filter::fits_pattern;
use crate::onelogin::{
    answer::{Answer, Shape},
    call::Call,
    paging::{Page, Sizes},
    quirks::{OverMax, Quirks, RoleArrays, RoleDetail},
    tenant::{Role, Tenant},
    user::Moment,
    world::Ruling,
};

/// What is left of a members array in tenants that cut it short.
const TRUNCATED_MEMBERS: usize = 100;

pub(in crate::onelogin) fn list(
    tenant: &Tenant,
    call: &Call,
    ruling: &Ruling,
) -> Result<Answer, Answer> {
    let quirks = &ruling.quirks;
    let sizes = Sizes { default: 100, max: quirks.roles_page_max, over_max: quirks.over_max };
    let page = Page::read(call, sizes, super::page_shift(ruling), Shape::Described)?;
    let name = call.query.text("name").or_else(|| call.query.text("role_name"));
    let ids: Vec<i64> = tenant
        .roles()
        .values()
        .filter(|it| name.is_none_or(|pattern| fits_pattern(pattern, &it.name)))
        .map(|it| it.id)
        .collect();
    let fields = call.query.text("fields").map(|it| it.split(',').collect::<Vec<&str>>());
    let shown = page.of(&ids);
    let rows: Vec<Value> = shown
        .iter()
        .filter_map(|it| tenant.roles().get(it))
        .map(|it| row(it, fields.as_deref(), quirks))
        .collect();
    let mut answer = Answer::value(200, &rows.into());
    page.headers(&mut answer, ids.len(), shown.len(), quirks);
    Ok(answer)
}

pub(in crate::onelogin) fn one(
    tenant: &Tenant,
    id: i64,
    ruling: &Ruling,
) -> Result<Answer, Answer> {
    let role = find(tenant, id)?;
    Ok(match ruling.quirks.role_detail {
        RoleDetail::Base => Answer::value(200, &json!({"id": role.id, "name": role.name})),
        RoleDetail::WithArrays => Answer::value(200, &row(role, None, &ruling.quirks)),
    })
}

pub(in crate::onelogin) fn users(
    tenant: &Tenant,
    id: i64,
    call: &Call,
    ruling: &Ruling,
) -> Result<Answer, Answer> {
    let role = find(tenant, id)?;
    let quirks = &ruling.quirks;
    let sizes = Sizes { default: 100, max: quirks.role_users_page_max, over_max: OverMax::Clamp };
    let page = Page::read(call, sizes, super::page_shift(ruling), Shape::Described)?;
    let matches = match call.query.text("name") {
        Some(name) => named(tenant, &role.members, name),
        None => role.members.clone(),
    };
    let shown = page.of(&matches);
    let rows: Vec<Value> = shown.iter().filter_map(|it| member(tenant, *it)).collect();
    let mut answer = Answer::value(200, &rows.into());
    page.headers(&mut answer, matches.len(), shown.len(), quirks);
    Ok(answer)
}

fn find(tenant: &Tenant, id: i64) -> Result<&Role, Answer> {
    tenant
        .roles()
        .get(&id)
        .ok_or_else(|| Answer::error(404, Shape::Described, "Resource not found"))
}

fn row(role: &Role, fields: Option<&[&str]>, quirks: &Quirks) -> Value {
    let wants = |name: &str| fields.is_none_or(|it| it.contains(&name));
    let mut row =
        Map::from_iter([("id".to_owned(), json!(role.id)), ("name".to_owned(), json!(role.name))]);
    if wants("apps") {
        row.insert("apps".to_owned(), json!([]));
    }
    let members = match quirks.role_arrays {
        RoleArrays::Present => Some(role.members.as_slice()),
        RoleArrays::Absent => None,
        RoleArrays::Truncated => role.members.get(..TRUNCATED_MEMBERS.min(role.members.len())),
    };
    if let Some(members) = members {
        if wants("users") {
            row.insert("users".to_owned(), json!(members));
        }
        if wants("admins") {
            row.insert("admins".to_owned(), json!([]));
        }
    }
    row.into()
}

fn named(tenant: &Tenant, members: &[i64], name: &str) -> Vec<i64> {
    let name = name.to_lowercase();
    let fits =
        |id: &i64| tenant.user(*id).is_some_and(|it| it.full_name().to_lowercase().contains(&name));
    members.iter().copied().filter(fits).collect()
}

fn member(tenant: &Tenant, id: i64) -> Option<Value> {
    let user = tenant.user(id)?;
    Some(json!({
        "id": user.id,
        "name": user.full_name(),
        "username": user.username,
        "assigned": true,
        "added_by": {"id": 1, "name": "Account Owner"},
        "added_at": user.created_at.map(Moment::text),
    }))
}
