//! What nobody outside OneLogin knows for sure: each doubt is a switch, each default the best evidence.

use serde::{Deserialize, Serialize};

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Quirks {
    // Credential
    pub scope: Scope,
    pub scope_failure: ScopeFailure,
    /// `GET /api/2/roles/{id}/users`: the page says "Read Users", the `OpenAPI` file "Manage All".
    pub role_users_scope: RoleUsersScope,
    /// The admin who made the credential; without her every token call is a 500.
    pub owner: Owner,
    // Rate limit
    pub metered: Metered,
    pub limit_headers: Metered,
    pub rate_limit_call: RateLimitCall,
    pub over_limit: OverLimit,
    pub retry_after: RetryAfterHeader,
    pub calls_per_hour: u32,
    /// More requests than this at once are answered with 502.
    pub in_flight_max: Option<u32>,
    // Paging
    pub users_page_default: u32,
    pub users_page_max: u32,
    pub roles_page_max: u32,
    pub role_users_page_max: u32,
    pub over_max: OverMax,
    pub page_items: PageItems,
    pub after_cursor: AfterCursor,
    pub cursor_encoding: CursorEncoding,
    // Filters and rows
    pub group_filter: Filter,
    pub role_filter: Filter,
    pub unknown_filter: UnknownFilter,
    pub updated_since: Bound,
    pub default_row: DefaultRow,
    // Roles and groups
    pub role_arrays: RoleArrays,
    pub role_detail: RoleDetail,
    pub groups_v2: GroupsV2,
    // Dynamics
    pub role_change_on_user: Stamp,
    pub role_change_on_role: Stamp,
    pub group_change: Stamp,
    pub role_delay_ms: u64,
}

impl Default for Quirks {
    fn default() -> Quirks {
        Quirks {
            scope: Scope::ReadUsers,
            scope_failure: ScopeFailure::Unauthorized,
            role_users_scope: RoleUsersScope::ReadUsers,
            owner: Owner::Present,
            metered: Metered::V1,
            limit_headers: Metered::V1,
            rate_limit_call: RateLimitCall::Free,
            over_limit: OverLimit::TooManyRequests,
            retry_after: RetryAfterHeader::Absent,
            calls_per_hour: 5_000,
            in_flight_max: None,
            users_page_default: 100,
            users_page_max: 1_000,
            roles_page_max: 650,
            role_users_page_max: 100,
            over_max: OverMax::Clamp,
            page_items: PageItems::Limit,
            after_cursor: AfterCursor::AbsentAtEnd,
            cursor_encoding: CursorEncoding::Plain,
            group_filter: Filter::Honoured,
            role_filter: Filter::Honoured,
            unknown_filter: UnknownFilter::Ignored,
            updated_since: Bound::Inclusive,
            default_row: DefaultRow::Keys22,
            role_arrays: RoleArrays::Present,
            role_detail: RoleDetail::Base,
            groups_v2: GroupsV2::On,
            role_change_on_user: Stamp::Bumped,
            role_change_on_role: Stamp::Kept,
            group_change: Stamp::Bumped,
            role_delay_ms: 0,
        }
    }
}

macro_rules! switch {
    ($(#[$doc:meta])* $name:ident { $($(#[$variant_doc:meta])* $variant:ident),+ $(,)? }) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
        #[serde(rename_all = "snake_case")]
        pub enum $name { $($(#[$variant_doc])* $variant),+ }
    };
}

switch!(
    /// What the credential may do, as chosen in OneLogin's portal.
    Scope { AuthenticationOnly, ReadUsers, ManageUsers, ReadAll, ManageAll }
);
switch!(
    /// v2's answer to a credential of too small a scope; v1's is always 401.
    ScopeFailure { Unauthorized, Forbidden }
);
switch!(RoleUsersScope { ReadUsers, ManageAll });
switch!(Owner { Present, Deleted });
switch!(Metered { V1, Both });
switch!(RateLimitCall { Free, Counted });
switch!(
    /// 429, or the older 400 `rate_limit_exceeded`.
    OverLimit { TooManyRequests, BadRequest }
);
switch!(RetryAfterHeader { Absent, Present });
switch!(OverMax { Clamp, BadRequest, Unprocessable });
switch!(
    /// Recorded: the page size. Documented: the number of rows.
    PageItems { Limit, Count }
);
switch!(AfterCursor { AbsentAtEnd, BeyondEnd, Missing });
switch!(CursorEncoding { Plain, PercentEncoded });
switch!(Filter { Honoured, Ignored });
switch!(UnknownFilter { Ignored, BadRequest });
switch!(Bound { Inclusive, Exclusive });
switch!(DefaultRow { Keys22, Keys24 });
switch!(
    /// `users` and `admins` in the list of roles.
    RoleArrays { Present, Absent, Truncated }
);
switch!(RoleDetail { Base, WithArrays });
switch!(GroupsV2 { On, Off, Forbidden });
switch!(
    /// Whether a change moves the user's `updated_at`.
    Stamp { Bumped, Kept }
);
