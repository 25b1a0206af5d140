//! `/api/2/groups`: new in 2026, absent or closed in many tenants.

use serde_json::{Value, json};

use crate::onelogin::{
    answer::{Answer, Shape},
    call::Call,
    paging::{Page, Sizes},
    quirks::GroupsV2,
    tenant::Tenant,
    world::Ruling,
};

pub(in crate::onelogin) fn list(
    tenant: &Tenant,
    call: &Call,
    ruling: &Ruling,
) -> Result<Answer, Answer> {
    check_exists(ruling)?;
    let quirks = &ruling.quirks;
    let sizes = Sizes { default: 100, max: 1_000, over_max: quirks.over_max };
    let page = Page::read(call, sizes, super::page_shift(ruling), Shape::Described)?;
    let ids: Vec<i64> = tenant.groups().keys().copied().collect();
    let shown = page.of(&ids);
    let rows: Vec<Value> = shown
        .iter()
        .filter_map(|it| tenant.groups().get(it))
        .map(|it| json!({"id": it.id, "name": it.name, "policy_id": null}))
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
    check_exists(ruling)?;
    let group = tenant
        .groups()
        .get(&id)
        .ok_or_else(|| Answer::error(404, Shape::Described, "Resource not found"))?;
    let body = json!({"id": group.id, "name": group.name, "policy_id": null, "admins": []});
    Ok(Answer::value(200, &body))
}

fn check_exists(ruling: &Ruling) -> Result<(), Answer> {
    match ruling.quirks.groups_v2 {
        GroupsV2::On => Ok(()),
        GroupsV2::Off => Err(Answer::error(404, Shape::Status, "No Route Exists")),
        GroupsV2::Forbidden => Err(Answer::error(403, Shape::Described, "Forbidden")),
    }
}
