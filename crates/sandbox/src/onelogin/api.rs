//! What each endpoint answers when nothing goes wrong.

mod filter;
mod groups;
mod roles;
mod users;
mod v1;

use serde_json::json;

use super::{
    access,
    answer::{Answer, Shape},
    call::{Call, Endpoint},
    fault::Kind,
    world::{Ruling, World},
};

pub(super) fn answer(world: &World, call: &Call, ruling: &Ruling) -> Answer {
    let answer = access::check(world, call, ruling)
        .and_then(|()| resource(world, call, ruling))
        .unwrap_or_else(|refusal| refusal);
    access::limit_headers(world, call, ruling, answer)
}

fn resource(world: &World, call: &Call, ruling: &Ruling) -> Result<Answer, Answer> {
    let tenant = world.tenant();
    match call.endpoint {
        Endpoint::Token => {
            let owner = ruling.quirks.owner;
            Ok(world.control().tokens.issue(call, owner, tenant.account_id(), ruling.now))
        }
        Endpoint::Revoke => Ok(world.control().tokens.revoke_by(call)),
        Endpoint::RateLimit => Ok(rate_limit(world, ruling)),
        Endpoint::Unknown => Err(Answer::error(404, Shape::Status, "No Route Exists")),
        Endpoint::Users => users::list(&tenant, call, ruling),
        Endpoint::User(id) => users::one(&tenant, id, ruling),
        Endpoint::CustomAttributes => Ok(users::custom_attributes(&tenant)),
        Endpoint::Roles => roles::list(&tenant, call, ruling),
        Endpoint::Role(id) => roles::one(&tenant, id, ruling),
        Endpoint::RoleUsers(id) => roles::users(&tenant, id, call, ruling),
        Endpoint::Groups => groups::list(&tenant, call, ruling),
        Endpoint::Group(id) => groups::one(&tenant, id, ruling),
        Endpoint::V1Users => v1::users(&tenant, call, ruling),
        Endpoint::V1User(id) => v1::user(&tenant, id, ruling),
        Endpoint::V1CustomAttributes => Ok(v1::custom_attributes(&tenant)),
        Endpoint::V1UserRoles(id) => v1::user_roles(&tenant, id),
        Endpoint::V1Roles => v1::roles(&tenant, call),
        Endpoint::V1Role(id) => v1::role(&tenant, id),
        Endpoint::V1Groups => v1::groups(&tenant, call),
        Endpoint::V1Group(id) => v1::group(&tenant, id),
    }
}

fn rate_limit(world: &World, ruling: &Ruling) -> Answer {
    let limit = ruling.quirks.calls_per_hour;
    let allowance = world.control().limiter.allowance(limit, ruling.now);
    Answer::success(Some(json!({
        "X-RateLimit-Limit": allowance.limit,
        "X-RateLimit-Remaining": allowance.remaining,
        "X-RateLimit-Reset": allowance.reset_seconds,
    })))
}

/// How far from the asked page a fault moves us.
fn page_shift(ruling: &Ruling) -> i64 {
    let repeats = ruling.faults.contains(&Kind::RepeatedPage);
    let skips = ruling.faults.contains(&Kind::SkippedPage);
    i64::from(skips) - i64::from(repeats)
}
