//! The bearer token: one for each credential, shared by every run of this process.
//!
//! OneLogin hands the same token to everybody who asks with the same credential, until it
//! expires. So it is never revoked here: that would end the runs of others.

use std::sync::atomic::Ordering;
use std::time::{Duration, Instant, SystemTime};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use jiff::Timestamp;
use reqwest::Method;
use reqwest::header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE, HeaderMap, HeaderValue};
use serde::Deserialize;

use super::api::{CallError, Odd, Session};
use super::credential::Token;
use crate::http::{Reply, Request};
use crate::secret::Secret;

/// A token is not used in its last minute: a call may take that long.
const MARGIN: Duration = Duration::from_mins(1);

/// The lifetime where OneLogin tells none that makes sense.
const LIFETIME_UNTOLD: Duration = Duration::from_mins(10);

const RENEWALS_MAX: u32 = 1;

impl Session<'_> {
    /// The shared token, fetched if there is none that is still good.
    pub(super) async fn token(self) -> Result<Token, CallError> {
        let mut slot = self.api.shared.token.lock().await;
        if let Some(token) = &*slot
            && Instant::now() + MARGIN < token.good_until
        {
            return Ok(token.clone());
        }
        let generation = slot.as_ref().map_or(0, |it| it.generation) + 1;
        let token = self.fetch_token(generation).await?;
        *slot = Some(token.clone());
        Ok(token)
    }

    /// A token fetched now, whatever is cached.
    pub(super) async fn fresh_token(self) -> Result<Token, CallError> {
        let mut slot = self.api.shared.token.lock().await;
        let generation = slot.as_ref().map_or(0, |it| it.generation) + 1;
        let token = self.fetch_token(generation).await?;
        *slot = Some(token.clone());
        Ok(token)
    }

    /// After a 401: another token than that of `refused`, or nothing when this run has had its
    /// one renewal.
    pub(super) async fn renew(self, refused: u64) -> Result<Option<Token>, CallError> {
        let mut slot = self.api.shared.token.lock().await;
        if let Some(token) = &*slot
            && refused < token.generation
        {
            return Ok(Some(token.clone())); // somebody else has renewed meanwhile
        }
        if RENEWALS_MAX <= self.api.renewals.fetch_add(1, Ordering::Relaxed) {
            return Ok(None);
        }
        let token = self.fetch_token(refused + 1).await?;
        *slot = Some(token.clone());
        Ok(Some(token))
    }

    async fn fetch_token(self, generation: u64) -> Result<Token, CallError> {
        let url = self.api.base().join("/auth/oauth2/v2/token");
        let url = url.unwrap_or_else(|_| self.api.base().clone());
        let client_id = &self.api.settings.client_id;
        let pair = Secret::new(format!("{client_id}:{}", self.api.secret().expose()));
        let basic = Secret::new(format!("Basic {}", STANDARD.encode(pair.expose())));
        let request = || Request {
            method: Method::POST,
            url: url.clone(),
            headers: headers(&basic),
            body: Some(r#"{"grant_type":"client_credentials"}"#.to_owned()),
        };
        self.token_reply(request, |reply| decode(reply, generation)).await
    }
}

fn headers(basic: &Secret) -> HeaderMap {
    let mut headers = HeaderMap::new();
    // Base64 is always a header value.
    if let Ok(mut value) = HeaderValue::from_str(basic.expose()) {
        value.set_sensitive(true);
        headers.insert(AUTHORIZATION, value);
    }
    headers.insert(ACCEPT, HeaderValue::from_static("application/json"));
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    headers
}

#[derive(Deserialize)]
struct Granted {
    access_token: String,
    #[serde(default)]
    created_at: Option<String>,
    #[serde(default)]
    expires_in: Option<u64>,
}

/// The older endpoint wraps the same object in a list.
#[derive(Deserialize)]
#[serde(untagged)]
enum Body {
    Flat(Granted),
    Wrapped { data: (Granted,) },
}

fn decode(reply: &Reply, generation: u64) -> Result<Token, Odd> {
    let body: Body = serde_json::from_slice(&reply.body)
        .map_err(|_| Odd::new("brought something that is not a token"))?;
    let (Body::Flat(granted) | Body::Wrapped { data: (granted,) }) = body;
    if granted.access_token.is_empty() {
        return Err(Odd::new("brought an empty token"));
    }
    let date = reply.header("date").and_then(|it| httpdate::parse_http_date(it).ok());
    let now = Timestamp::try_from(date.unwrap_or_else(SystemTime::now)).unwrap_or_default();
    let lifetime = lifetime(&granted, now);
    let text = Secret::new(granted.access_token);
    Ok(Token { text, good_until: Instant::now() + lifetime, generation })
}

/// What is left of the token: it was made at `created_at`, which may be hours ago, while
/// `expires_in` always tells the whole.
fn lifetime(granted: &Granted, now: Timestamp) -> Duration {
    let created = granted.created_at.as_deref().and_then(|it| it.parse::<Timestamp>().ok());
    let (Some(created), Some(expires_in)) = (created, granted.expires_in) else {
        return LIFETIME_UNTOLD;
    };
    let age = now.duration_since(created).unsigned_abs();
    let whole = Duration::from_secs(expires_in.min(24 * 3600));
    if created <= now {
        // Used up by its own telling, and yet it was handed out: perhaps clocks differ. A 401
        // would say so.
        let left = whole.saturating_sub(age);
        return if left <= MARGIN { MARGIN + Duration::from_secs(1) } else { left };
    }
    whole
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_expires_by_its_creation_and_not_by_its_arrival() {
        let now: Timestamp = "2026-01-10T20:57:53Z".parse().expect("a time");
        let granted = |created_at: Option<&str>, expires_in| Granted {
            access_token: "t".to_owned(),
            created_at: created_at.map(str::to_owned),
            expires_in,
        };
        for (created_at, expires_in, seconds) in [
            (Some("2026-01-10T16:00:53Z"), Some(36000), 36000 - 4 * 3600 - 57 * 60),
            (Some("2026-01-10T20:58:53Z"), Some(36000), 36000),
            (Some("2026-01-09T00:00:00Z"), Some(36000), 61),
            (Some("yesterday"), Some(36000), 600),
            (None, Some(36000), 600),
            (Some("2026-01-10T20:57:53Z"), None, 600),
        ] {
            let left = lifetime(&granted(created_at, expires_in), now);
            assert_eq!(left.as_secs(), seconds, "{created_at:?} {expires_in:?}");
        }
    }
}
