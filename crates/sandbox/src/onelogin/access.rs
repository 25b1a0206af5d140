//! Who may ask what: the token, then the scope of its credential, then the allowance.

use super::{
    answer::{Answer, Shape},
    call::{Call, Endpoint},
    limiter::Allowance,
    quirks::{
        Metered, OverLimit, Quirks, RateLimitCall, RetryAfterHeader, RoleUsersScope, Scope,
        ScopeFailure,
    },
    world::{Ruling, World},
};

/// `Err` is the refusal.
pub(super) fn check(world: &World, call: &Call, ruling: &Ruling) -> Result<(), Answer> {
    if matches!(call.endpoint, Endpoint::Token | Endpoint::Revoke | Endpoint::Unknown) {
        return Ok(());
    }
    check_token(world, call, ruling)?;
    check_scope(call.endpoint, &ruling.quirks)?;
    check_allowance(world, call, ruling)
}

fn check_token(world: &World, call: &Call, ruling: &Ruling) -> Result<(), Answer> {
    let header = call.authorization.as_deref().unwrap_or_default();
    let prefixes = ["Bearer ", "bearer ", "bearer:"];
    let Some(token) = prefixes.iter().find_map(|it| header.strip_prefix(it)) else {
        let is_status_call = call.endpoint == Endpoint::RateLimit;
        return Err(if is_status_call {
            Answer::error(400, Shape::Status, "Authorization Information is incorrect")
        } else {
            unauthorized(call.endpoint)
        });
    };
    let opens = world.control().tokens.opens(token.trim(), ruling.now);
    if opens { Ok(()) } else { Err(unauthorized(call.endpoint)) }
}

/// A missing, unknown or expired token.
pub(super) fn unauthorized(endpoint: Endpoint) -> Answer {
    if endpoint.is_v2() {
        Answer::error(401, Shape::Named, "Unauthorized")
    } else {
        Answer::error(401, Shape::Status, "Authentication Failure")
    }
}

fn check_scope(endpoint: Endpoint, quirks: &Quirks) -> Result<(), Answer> {
    if is_allowed(endpoint, quirks) {
        return Ok(());
    }
    if !endpoint.is_v2() {
        return Err(Answer::error(401, Shape::Status, "Insufficient Permission"));
    }
    Err(match quirks.scope_failure {
        ScopeFailure::Unauthorized => Answer::error(401, Shape::Named, "Insufficient Permission"),
        ScopeFailure::Forbidden => Answer::error(403, Shape::Named, "Insufficient Permission"),
    })
}

fn is_allowed(endpoint: Endpoint, quirks: &Quirks) -> bool {
    let scope = quirks.scope;
    let reads_all = matches!(scope, Scope::ReadAll | Scope::ManageAll);
    let reads_users = reads_all || scope == Scope::ReadUsers;
    let reads_or_manages_users = reads_users || scope == Scope::ManageUsers;
    match endpoint {
        Endpoint::Token | Endpoint::Revoke | Endpoint::Unknown => true,
        Endpoint::RateLimit
        | Endpoint::Users
        | Endpoint::User(_)
        | Endpoint::CustomAttributes
        | Endpoint::Groups
        | Endpoint::Group(_)
        | Endpoint::V1Users
        | Endpoint::V1User(_)
        | Endpoint::V1CustomAttributes
        | Endpoint::V1Roles
        | Endpoint::V1Role(_)
        | Endpoint::V1Groups
        | Endpoint::V1Group(_) => reads_or_manages_users,
        // "Manage Users" is not listed for v2 roles.
        Endpoint::Roles | Endpoint::Role(_) => reads_users,
        Endpoint::RoleUsers(_) => match quirks.role_users_scope {
            RoleUsersScope::ReadUsers => reads_users,
            RoleUsersScope::ManageAll => scope == Scope::ManageAll,
        },
        Endpoint::V1UserRoles(_) => reads_all,
    }
}

fn is_metered(endpoint: Endpoint, quirks: &Quirks) -> bool {
    let counts_v2 = quirks.metered == Metered::Both;
    let counts_status_call = quirks.rate_limit_call == RateLimitCall::Counted;
    endpoint.is_v1()
        || (endpoint.is_v2() && counts_v2)
        || (endpoint == Endpoint::RateLimit && counts_status_call)
}

fn check_allowance(world: &World, call: &Call, ruling: &Ruling) -> Result<(), Answer> {
    let limit = ruling.quirks.calls_per_hour;
    let (has_room, allowance) = {
        let mut control = world.control();
        let has_room =
            !is_metered(call.endpoint, &ruling.quirks) || control.limiter.admit(limit, ruling.now);
        (has_room, control.limiter.allowance(limit, ruling.now))
    };
    if has_room { Ok(()) } else { Err(over_limit(call.endpoint, &ruling.quirks, allowance)) }
}

fn over_limit(endpoint: Endpoint, quirks: &Quirks, allowance: Allowance) -> Answer {
    let shape = if endpoint.is_v2() { Shape::Named } else { Shape::Status };
    match quirks.over_limit {
        OverLimit::BadRequest => Answer::error(400, Shape::Status, "rate_limit_exceeded"),
        OverLimit::TooManyRequests => {
            let answer = with_allowance(Answer::error(429, shape, "Too Many Requests"), allowance);
            match quirks.retry_after {
                RetryAfterHeader::Absent => answer,
                RetryAfterHeader::Present => {
                    answer.with("retry-after", allowance.reset_seconds.to_string())
                }
            }
        }
    }
}

/// Adds the limit headers where OneLogin shows them.
pub(super) fn limit_headers(world: &World, call: &Call, ruling: &Ruling, answer: Answer) -> Answer {
    let shows = call.endpoint.is_v1()
        || (call.endpoint.is_v2() && ruling.quirks.limit_headers == Metered::Both);
    if !shows {
        return answer;
    }
    let limit = ruling.quirks.calls_per_hour;
    let allowance = world.control().limiter.allowance(limit, ruling.now);
    with_allowance(answer, allowance)
}

fn with_allowance(answer: Answer, allowance: Allowance) -> Answer {
    answer
        .with("x-ratelimit-limit", allowance.limit.to_string())
        .with("x-ratelimit-remaining", allowance.remaining.to_string())
        .with("x-ratelimit-reset", allowance.reset_seconds.to_string())
}
