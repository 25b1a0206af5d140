//! Tokens: everybody who shows the credential gets the same one until it expires or is revoked.

use std::fmt;

use base64::{Engine, engine::general_purpose::STANDARD};
use fastrand::Rng;
use serde_json::{Value, json};

use super::{
    answer::{Answer, Shape},
    call::{Call, Query},
    quirks::Owner,
    user::Moment,
};

const LIFETIME_SECONDS: i64 = 36_000;

pub(super) struct TokenDesk {
    random: Rng,
    client_id: String,
    client_secret: String,
    issued: Option<Issued>,
}

struct Issued {
    access_token: String,
    refresh_token: String,
    created_at: Moment,
}

impl fmt::Debug for TokenDesk {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TokenDesk").finish_non_exhaustive()
    }
}

impl TokenDesk {
    /// `nth` counts the sandboxes of this process. A freed port goes to the next sandbox that
    /// asks, and a client remembers what it learnt by base URL and credential: were the
    /// credential the same too, it would take the one tenant for the other.
    pub(super) fn new(seed: u64, nth: u64) -> TokenDesk {
        let mut random = Rng::with_seed(seed ^ 0x746f_6b65_6e73 ^ nth.rotate_right(16));
        let client_id = hex(&mut random);
        let client_secret = hex(&mut random);
        TokenDesk { random, client_id, client_secret, issued: None }
    }

    pub(super) fn client_id(&self) -> &str {
        &self.client_id
    }

    pub(super) fn client_secret(&self) -> &str {
        &self.client_secret
    }

    pub(super) fn issue(
        &mut self,
        call: &Call,
        owner: Owner,
        account_id: i64,
        now: Moment,
    ) -> Answer {
        if owner == Owner::Deleted {
            return Answer::error(500, Shape::Status, "Internal Server Error");
        }
        let (credentials, grant) = credentials(call);
        if grant.as_deref() != Some("client_credentials") {
            let message = "grant_type is missing or is not client_credentials";
            return Answer::error(400, Shape::Status, message);
        }
        if !self.accepts(credentials.as_ref()) {
            return Answer::error(401, Shape::Status, "Authentication Failure");
        }
        let valid = self.issued.take().filter(|it| is_valid(it, now));
        let issued = valid.unwrap_or_else(|| Issued {
            access_token: hex(&mut self.random),
            refresh_token: hex(&mut self.random),
            created_at: now,
        });
        let body = json!({
            "access_token": issued.access_token,
            "created_at": issued.created_at.text(),
            "expires_in": LIFETIME_SECONDS,
            "refresh_token": issued.refresh_token,
            "token_type": "bearer",
            "account_id": account_id,
        });
        self.issued = Some(issued);
        Answer::value(200, &body)
    }

    pub(super) fn revoke_by(&mut self, call: &Call) -> Answer {
        if !self.accepts(credentials(call).0.as_ref()) {
            return Answer::error(401, Shape::Status, "Authentication Failure");
        }
        let body: Value = serde_json::from_slice(&call.body).unwrap_or_default();
        let token = body.get("access_token").and_then(Value::as_str);
        self.issued = self.issued.take().filter(|it| Some(it.access_token.as_str()) != token);
        Answer::success(None)
    }

    pub(super) fn forget(&mut self) {
        self.issued = None;
    }

    /// As if the token had been handed out long ago: `remaining_seconds` are left of it.
    pub(super) fn age(&mut self, remaining_seconds: i64, now: Moment) {
        if let Some(issued) = &mut self.issued {
            issued.created_at =
                now.plus_seconds(remaining_seconds.saturating_sub(LIFETIME_SECONDS));
        }
    }

    pub(super) fn opens(&self, token: &str, now: Moment) -> bool {
        self.issued.as_ref().is_some_and(|it| it.access_token == token && is_valid(it, now))
    }

    fn accepts(&self, credentials: Option<&(String, String)>) -> bool {
        credentials
            .is_some_and(|(id, secret)| *id == self.client_id && *secret == self.client_secret)
    }
}

fn is_valid(issued: &Issued, now: Moment) -> bool {
    now < issued.created_at.plus_seconds(LIFETIME_SECONDS)
}

/// Id and secret in any of the four documented forms, and the grant type.
fn credentials(call: &Call) -> (Option<(String, String)>, Option<String>) {
    let is_form = call.content_type.starts_with("application/x-www-form-urlencoded");
    let form =
        if is_form { Query::parse(&String::from_utf8_lossy(&call.body)) } else { Query::default() };
    let grant = if is_form {
        form.text("grant_type").map(str::to_owned)
    } else {
        let body: Value = serde_json::from_slice(&call.body).unwrap_or_default();
        body.get("grant_type").and_then(Value::as_str).map(str::to_owned)
    };
    let credentials = match call.authorization.as_deref() {
        Some(header) => from_header(header),
        None => form
            .text("client_id")
            .zip(form.text("client_secret"))
            .map(|(id, secret)| (id.to_owned(), secret.to_owned())),
    };
    (credentials, grant)
}

fn from_header(header: &str) -> Option<(String, String)> {
    if let Some(encoded) = header.strip_prefix("Basic ") {
        let decoded = String::from_utf8(STANDARD.decode(encoded.trim()).ok()?).ok()?;
        let (id, secret) = decoded.split_once(':')?;
        return Some((id.to_owned(), secret.to_owned()));
    }
    let (id, secret) = header.strip_prefix("client_id:")?.split_once(',')?;
    let secret = secret.trim().strip_prefix("client_secret:")?;
    Some((id.trim().to_owned(), secret.trim().to_owned()))
}

fn hex(random: &mut Rng) -> String {
    (0..64).map(|_| random.digit(16)).collect()
}
