//! One request, read: which endpoint it is for and what it asks.

use std::collections::BTreeMap;

use axum::http::{HeaderMap, Method};
use percent_encoding::percent_decode_str;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Endpoint {
    Token,
    Revoke,
    RateLimit,
    Users,
    User(i64),
    CustomAttributes,
    Roles,
    Role(i64),
    RoleUsers(i64),
    Groups,
    Group(i64),
    V1Users,
    V1User(i64),
    V1CustomAttributes,
    V1UserRoles(i64),
    V1Roles,
    V1Role(i64),
    V1Groups,
    V1Group(i64),
    Unknown,
}

impl Endpoint {
    fn of(method: &Method, path: &str) -> Endpoint {
        let segments: Vec<&str> = path.trim_matches('/').split('/').collect();
        if *method == Method::POST {
            return match segments.as_slice() {
                ["auth", "oauth2", "v2", "token"] => Endpoint::Token,
                ["auth", "oauth2", "revoke"] => Endpoint::Revoke,
                _ => Endpoint::Unknown,
            };
        }
        if *method != Method::GET {
            return Endpoint::Unknown;
        }
        let id = |text: &str| text.parse::<i64>().unwrap_or(-1);
        match segments.as_slice() {
            ["auth", "rate_limit"] => Endpoint::RateLimit,
            ["api", "2", "users"] => Endpoint::Users,
            ["api", "2", "users", "custom_attributes"] => Endpoint::CustomAttributes,
            ["api", "2", "users", user] => Endpoint::User(id(user)),
            ["api", "2", "roles"] => Endpoint::Roles,
            ["api", "2", "roles", role] => Endpoint::Role(id(role)),
            ["api", "2", "roles", role, "users"] => Endpoint::RoleUsers(id(role)),
            ["api", "2", "groups"] => Endpoint::Groups,
            ["api", "2", "groups", group] => Endpoint::Group(id(group)),
            ["api", "1", "users"] => Endpoint::V1Users,
            ["api", "1", "users", "custom_attributes"] => Endpoint::V1CustomAttributes,
            ["api", "1", "users", user] => Endpoint::V1User(id(user)),
            ["api", "1", "users", user, "roles"] => Endpoint::V1UserRoles(id(user)),
            ["api", "1", "roles"] => Endpoint::V1Roles,
            ["api", "1", "roles", role] => Endpoint::V1Role(id(role)),
            ["api", "1", "groups"] => Endpoint::V1Groups,
            ["api", "1", "groups", group] => Endpoint::V1Group(id(group)),
            _ => Endpoint::Unknown,
        }
    }

    /// The name in the ledger and in the patterns of faults and scripts.
    pub(super) fn key(self) -> &'static str {
        match self {
            Endpoint::Token => "POST /auth/oauth2/v2/token",
            Endpoint::Revoke => "POST /auth/oauth2/revoke",
            Endpoint::RateLimit => "GET /auth/rate_limit",
            Endpoint::Users => "GET /api/2/users",
            Endpoint::User(_) => "GET /api/2/users/{id}",
            Endpoint::CustomAttributes => "GET /api/2/users/custom_attributes",
            Endpoint::Roles => "GET /api/2/roles",
            Endpoint::Role(_) => "GET /api/2/roles/{id}",
            Endpoint::RoleUsers(_) => "GET /api/2/roles/{id}/users",
            Endpoint::Groups => "GET /api/2/groups",
            Endpoint::Group(_) => "GET /api/2/groups/{id}",
            Endpoint::V1Users => "GET /api/1/users",
            Endpoint::V1User(_) => "GET /api/1/users/{id}",
            Endpoint::V1CustomAttributes => "GET /api/1/users/custom_attributes",
            Endpoint::V1UserRoles(_) => "GET /api/1/users/{id}/roles",
            Endpoint::V1Roles => "GET /api/1/roles",
            Endpoint::V1Role(_) => "GET /api/1/roles/{id}",
            Endpoint::V1Groups => "GET /api/1/groups",
            Endpoint::V1Group(_) => "GET /api/1/groups/{id}",
            Endpoint::Unknown => "(no route)",
        }
    }

    pub(super) fn is_v1(self) -> bool {
        self.key().starts_with("GET /api/1/")
    }

    pub(super) fn is_v2(self) -> bool {
        self.key().starts_with("GET /api/2/")
    }
}

#[derive(Debug)]
pub(super) struct Call {
    pub(super) endpoint: Endpoint,
    pub(super) query: Query,
    pub(super) authorization: Option<String>,
    pub(super) content_type: String,
    pub(super) body: Vec<u8>,
}

impl Call {
    pub(super) fn read(
        method: &Method,
        path: &str,
        query: &str,
        headers: &HeaderMap,
        body: Vec<u8>,
    ) -> Call {
        let header = |name: &str| headers.get(name).and_then(|it| it.to_str().ok());
        Call {
            endpoint: Endpoint::of(method, path),
            query: Query::parse(query),
            authorization: header("authorization").map(str::to_owned),
            content_type: header("content-type").unwrap_or_default().to_owned(),
            body,
        }
    }

    /// The page that a v2 list is asked for; 1 for everything else.
    pub(super) fn page(&self) -> u64 {
        let cursor = self.query.text("cursor").and_then(super::paging::decoded_cursor);
        let page = cursor.and_then(|it| it.number("page")).or_else(|| self.query.number("page"));
        page.unwrap_or(1)
    }
}

/// The parameters of a query string or of a form.
#[derive(Debug, Default)]
pub(super) struct Query(BTreeMap<String, String>);

impl Query {
    pub(super) fn parse(query: &str) -> Query {
        let pairs = query.split('&').filter(|it| !it.is_empty()).map(|pair| {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            (decoded(name), decoded(value))
        });
        Query(pairs.collect())
    }

    pub(super) fn text(&self, name: &str) -> Option<&str> {
        self.0.get(name).map(String::as_str)
    }

    pub(super) fn number(&self, name: &str) -> Option<u64> {
        self.text(name)?.parse().ok()
    }

    pub(super) fn ids(&self, name: &str) -> Option<Vec<i64>> {
        let list = self.text(name)?;
        Some(list.split(',').filter_map(|it| it.trim().parse().ok()).collect())
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0.iter().map(|(name, value)| (name.as_str(), value.as_str()))
    }
}

fn decoded(text: &str) -> String {
    percent_decode_str(&text.replace('+', " ")).decode_utf8_lossy().into_owned()
}
