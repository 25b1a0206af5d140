//! One call to OneLogin's API: paid for, authorised, repeated where that may help, understood.

use std::collections::BTreeSet;
use std::fmt;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use reqwest::header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE, HeaderMap, HeaderValue};
use reqwest::{Method, Url};
use tokio::sync::{Semaphore, SemaphorePermit};

use super::credential::Shared;
use super::error::{RequestId, SourceError};
use super::meter::{Meter, Verdict, allowance};
use super::refusal::{Refusal, refusal, request_id, web_page};
use super::report::{Allowance, Progress};
use super::settings::Settings;
use crate::http::{self, Reply, Request};
use crate::secret::Secret;

/// Calls at once. OneLogin was seen to answer 502 to floods; never more than four.
pub(super) const IN_FLIGHT: usize = 2;

/// After a 502, so many calls go one at a time.
const CALLS_ALONE_AFTER_502: u32 = 20;

/// The wait where OneLogin limits us and does not say how long.
const RATE_LIMIT_WAIT: Duration = Duration::from_mins(1);

pub(super) type OnProgress<'a> = &'a (dyn Fn(Progress) + Sync);

/// What a call is for: its name in the ledger, and in sentences.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Endpoint {
    Token,
    RateLimit,
    Users,
    UsersV1,
    UserV1,
    Roles,
    RolesV1,
    Role,
    RoleUsers,
    Groups,
    GroupsV2,
    Group,
}

impl Endpoint {
    pub(super) fn name(self) -> &'static str {
        match self {
            Endpoint::Token => "POST /auth/oauth2/v2/token",
            Endpoint::RateLimit => "GET /auth/rate_limit",
            Endpoint::Users => "GET /api/2/users",
            Endpoint::UsersV1 => "GET /api/1/users",
            Endpoint::UserV1 => "GET /api/1/users/{id}",
            Endpoint::Roles => "GET /api/2/roles",
            Endpoint::RolesV1 => "GET /api/1/roles",
            Endpoint::Role => "GET /api/2/roles/{id}",
            Endpoint::RoleUsers => "GET /api/2/roles/{id}/users",
            Endpoint::Groups => "GET /api/1/groups",
            Endpoint::GroupsV2 => "GET /api/2/groups",
            Endpoint::Group => "GET /api/1/groups/{id}",
        }
    }

    /// What one may read there.
    pub(super) fn what(self) -> &'static str {
        match self {
            Endpoint::Token => "a token",
            Endpoint::RateLimit => "the API calls left",
            Endpoint::Users | Endpoint::UsersV1 | Endpoint::UserV1 => "users",
            Endpoint::Roles | Endpoint::RolesV1 | Endpoint::Role => "roles",
            Endpoint::RoleUsers => "the users of a role",
            Endpoint::Groups | Endpoint::GroupsV2 | Endpoint::Group => "groups",
        }
    }
}

/// A reply that is not what was asked for: cut, malformed, or at odds with itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Odd(pub(super) String);

impl Odd {
    pub(super) fn new(what: impl Into<String>) -> Odd {
        Odd(what.into())
    }
}

/// Why a call failed for good.
#[derive(Clone, Debug)]
pub(super) enum CallError {
    /// OneLogin refused this call; the caller may know another way.
    Refused(Endpoint, Refusal),
    /// The reply stayed odd however often we asked.
    Odd(SourceError),
    /// Nothing else will fare better.
    Fatal(SourceError),
}

/// What failed this time, and whether to try again.
enum Failed {
    Now(Box<CallError>),
    Perhaps { error: Box<CallError>, wait: Option<Duration>, reason: String },
}

impl From<CallError> for Failed {
    fn from(error: CallError) -> Failed {
        Failed::Now(Box::new(error))
    }
}

/// The connection of one run.
pub(super) struct Api {
    pub(super) settings: Settings,
    base: Url,
    secret: Secret,
    pub(super) http: http::Client,
    pub(super) shared: Arc<Shared>,
    meter: Mutex<Meter>,
    jitter: Mutex<fastrand::Rng>,
    flight: Semaphore,
    alone: AtomicU32,
    /// Token renewals after a 401; one is allowed for each run.
    pub(super) renewals: AtomicU32,
    answered: Mutex<BTreeSet<Endpoint>>,
    peer: Mutex<Peer>,
}

/// What replies tell of the other side besides their content.
#[derive(Clone, Debug, Default)]
pub(super) struct Peer {
    pub(super) certificate: Option<Vec<u8>>,
    /// Our clock less theirs, in seconds.
    pub(super) clock_ahead: Option<i64>,
}

impl fmt::Debug for Api {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Api").field("base", &self.base.as_str()).finish_non_exhaustive()
    }
}

impl Api {
    pub(super) fn new(
        settings: Settings,
        secret: Secret,
        http: http::Client,
        shared: Arc<Shared>,
    ) -> Result<Api, SourceError> {
        let base = Url::parse(&settings.base_url)
            .map_err(|_| SourceError::Settings("The OneLogin base URL is not a URL.".to_owned()))?;
        let meter = Mutex::new(Meter::new(settings.minimum_remaining_api_calls));
        Ok(Api {
            settings,
            base,
            secret,
            http,
            shared,
            meter,
            jitter: Mutex::new(fastrand::Rng::new()),
            flight: Semaphore::new(IN_FLIGHT),
            alone: AtomicU32::new(0),
            renewals: AtomicU32::new(0),
            answered: Mutex::new(BTreeSet::new()),
            peer: Mutex::default(),
        })
    }

    pub(super) fn meter(&self) -> MutexGuard<'_, Meter> {
        self.meter.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn peer(&self) -> Peer {
        self.peer.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn note_peer(&self, reply: &Reply) {
        let mut peer = self.peer.lock().unwrap_or_else(PoisonError::into_inner);
        if peer.certificate.is_none() {
            peer.certificate.clone_from(&reply.certificate);
        }
        if peer.clock_ahead.is_none() {
            peer.clock_ahead = clock_ahead(reply);
        }
    }

    pub(super) fn secret(&self) -> &Secret {
        &self.secret
    }

    pub(super) fn host(&self) -> &str {
        self.base.host_str().unwrap_or_default()
    }

    pub(super) fn base(&self) -> &Url {
        &self.base
    }

    pub(super) fn with<'a>(&'a self, progress: OnProgress<'a>) -> Session<'a> {
        Session { api: self, progress }
    }

    /// Holds the calls at once down to [`IN_FLIGHT`], or to one where OneLogin is overloaded.
    async fn permit(&self) -> Option<SemaphorePermit<'_>> {
        let left = self.alone.load(Ordering::Relaxed);
        // Two calls may count as one here; it does no harm.
        self.alone.store(left.saturating_sub(1), Ordering::Relaxed);
        let is_alone = 0 < left;
        let permits = if is_alone { IN_FLIGHT } else { 1 };
        self.flight.acquire_many(u32::try_from(permits).unwrap_or(1)).await.ok()
    }

    pub(super) fn answered(&self) -> MutexGuard<'_, BTreeSet<Endpoint>> {
        self.answered.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A run and who watches it.
#[derive(Clone, Copy)]
pub(super) struct Session<'a> {
    pub(super) api: &'a Api,
    pub(super) progress: OnProgress<'a>,
}

impl Session<'_> {
    /// Gets a path and decodes the reply, again and again where that may help.
    pub(super) async fn get<T>(
        self,
        endpoint: Endpoint,
        path: &str,
        decode: impl Fn(&Reply) -> Result<T, Odd>,
    ) -> Result<T, CallError> {
        self.persist(|| self.get_once(endpoint, path, &decode)).await
    }

    /// `GET /auth/rate_limit`, before the first call of a run.
    pub(super) async fn allowance(self) -> Result<Allowance, CallError> {
        self.persist(|| self.allowance_once()).await
    }

    /// A call to the token endpoint, which needs no token and may always be made.
    pub(super) async fn token_reply<T>(
        self,
        request: impl Fn() -> Request,
        decode: impl Fn(&Reply) -> Result<T, Odd>,
    ) -> Result<T, CallError> {
        self.persist(|| async {
            let reply = self.send(Endpoint::Token, request()).await?;
            judge(Endpoint::Token, &reply)?;
            decode(&reply).map_err(|odd| odd_reply(Endpoint::Token, &odd, &reply))
        })
        .await
    }

    async fn persist<T, F>(self, once: impl Fn() -> F) -> Result<T, CallError>
    where
        F: Future<Output = Result<T, Failed>>,
    {
        let limits = self.api.http.limits();
        let mut failures = 0;
        loop {
            let (error, wait, reason) = match once().await {
                Ok(value) => return Ok(value),
                Err(Failed::Now(error)) => return Err(*error),
                Err(Failed::Perhaps { error, wait, reason }) => (error, wait, reason),
            };
            failures += 1;
            if limits.attempts_max <= failures || !self.api.meter().spend_retry() {
                return Err(*error);
            }
            let wait = wait.unwrap_or_else(|| self.pause(failures));
            if limits.wait_max < wait {
                let request_id = error.request_id();
                return Err(CallError::Fatal(SourceError::RateLimited { wait, request_id }));
            }
            tracing::debug!(failures, ?wait, reason, "a call to OneLogin is repeated");
            (self.progress)(Progress::Waiting { wait, reason });
            tokio::time::sleep(wait).await;
        }
    }

    fn pause(self, failures: u32) -> Duration {
        let mut jitter = self.api.jitter.lock().unwrap_or_else(PoisonError::into_inner);
        self.api.http.limits().backoff.pause(failures, &mut jitter)
    }

    async fn get_once<T>(
        self,
        endpoint: Endpoint,
        path: &str,
        decode: impl Fn(&Reply) -> Result<T, Odd>,
    ) -> Result<T, Failed> {
        self.afford().await?;
        let mut token = self.token().await?;
        loop {
            let request = self.request(path, &token.text)?;
            let reply = self.send(endpoint, request).await?;
            if reply.status == 401 && !refusal(&reply).is_rate_limit() {
                let Some(renewed) = self.renew(token.generation).await? else {
                    return Err(CallError::Refused(endpoint, refusal(&reply)).into());
                };
                token = renewed;
                continue;
            }
            if let Some(limited) = self.rate_limited(endpoint, &reply).await {
                return Err(limited);
            }
            judge(endpoint, &reply)?;
            self.api.answered().insert(endpoint);
            // The next call is sent before this reply is taken apart, which takes a while.
            tokio::task::yield_now().await;
            return decode(&reply).map_err(|odd| odd_reply(endpoint, &odd, &reply));
        }
    }

    async fn allowance_once(self) -> Result<Allowance, Failed> {
        let decode = |reply: &Reply| {
            allowance(&reply.body).ok_or_else(|| Odd::new("does not tell how many calls are left"))
        };
        let mut token = self.token().await?;
        loop {
            let request = self.request("/auth/rate_limit", &token.text)?;
            let reply = self.send(Endpoint::RateLimit, request).await?;
            if reply.status == 401 {
                let Some(renewed) = self.renew(token.generation).await? else {
                    return Err(CallError::Refused(Endpoint::RateLimit, refusal(&reply)).into());
                };
                token = renewed;
                continue;
            }
            judge(Endpoint::RateLimit, &reply)?;
            let told =
                decode(&reply).map_err(|odd| odd_reply(Endpoint::RateLimit, &odd, &reply))?;
            self.api.answered().insert(Endpoint::RateLimit);
            self.api.meter().tell(told, Instant::now());
            return Ok(told);
        }
    }

    /// Refuses a call that would take the account below its minimum.
    async fn afford(self) -> Result<(), Failed> {
        let mut verdict = self.api.meter().verdict(Instant::now());
        if verdict == Verdict::AskFirst {
            self.allowance_once().await?;
            verdict = self.api.meter().verdict(Instant::now());
        }
        match verdict {
            Verdict::Go | Verdict::AskFirst => Ok(()),
            Verdict::Stop { remaining, resets_in } => {
                let minimum = self.api.meter().minimum();
                let resets_in = Some(resets_in);
                let error = SourceError::BudgetLow { remaining, minimum, cost: None, resets_in };
                Err(CallError::Fatal(error).into())
            }
        }
    }

    fn request(self, path: &str, token: &Secret) -> Result<Request, CallError> {
        let fatal = |what: &str| CallError::Fatal(SourceError::Settings(what.to_owned()));
        let url = self.api.base.join(path).map_err(|_| fatal("The address cannot be made."))?;
        let mut bearer = HeaderValue::try_from(format!("Bearer {}", token.expose()))
            .map_err(|_| fatal("OneLogin's token cannot be sent: it has odd characters."))?;
        bearer.set_sensitive(true);
        let mut headers = HeaderMap::new();
        headers.insert(AUTHORIZATION, bearer);
        headers.insert(ACCEPT, HeaderValue::from_static("application/json"));
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        Ok(Request { method: Method::GET, url, headers, body: None })
    }

    async fn send(self, endpoint: Endpoint, request: Request) -> Result<Reply, Failed> {
        let reply = {
            let _permit = self.api.permit().await;
            self.api.meter().count(endpoint.name());
            self.api.http.send(request).await
        };
        let reply = reply.map_err(|fault| {
            let may_pass = fault.may_pass();
            let reason = format!("{} did not answer", endpoint.name());
            let error = Box::new(CallError::Fatal(SourceError::Unreachable { fault }));
            if may_pass {
                Failed::Perhaps { error, wait: None, reason }
            } else {
                Failed::Now(error)
            }
        })?;
        tracing::debug!(
            endpoint = endpoint.name(),
            status = reply.status,
            ms = u64::try_from(reply.took.as_millis()).unwrap_or(u64::MAX),
            request_id = %request_id(&reply),
            "OneLogin answered"
        );
        self.api.note_peer(&reply);
        self.api.meter().tell_headers(&reply, Instant::now());
        if reply.status == 502 {
            self.api.alone.store(CALLS_ALONE_AFTER_502, Ordering::Relaxed);
        }
        Ok(reply)
    }

    /// How long to wait, where OneLogin says that we call too often.
    async fn rate_limited(self, endpoint: Endpoint, reply: &Reply) -> Option<Failed> {
        if !(400..500).contains(&reply.status) || !refusal(reply).is_rate_limit() {
            return None;
        }
        let mut wait = retry_after(reply).or_else(|| rate_limit_reset(reply));
        if wait.is_none() {
            wait = self.allowance_once().await.ok().and_then(|told| {
                let is_used_up = told.remaining == 0;
                is_used_up.then_some(told.resets_in)
            });
        }
        let wait = wait.unwrap_or(RATE_LIMIT_WAIT.min(self.api.http.limits().wait_max));
        let request_id = request_id(reply);
        let error = Box::new(CallError::Fatal(SourceError::RateLimited { wait, request_id }));
        let reason = format!("OneLogin limits our calls ({})", endpoint.name());
        Some(Failed::Perhaps { error, wait: Some(wait), reason })
    }

    /// What a refusal means for an admin.
    pub(super) fn explain(self, endpoint: Endpoint, refusal: &Refusal) -> SourceError {
        let request_id = refusal.request_id.clone();
        let what = endpoint.what();
        let quote = refusal.quote();
        let status = refusal.status;
        if let Some(title) = &refusal.page_title {
            return not_the_api(title, request_id);
        }
        let answered_elsewhere = self.api.answered().iter().any(|it| *it != endpoint);
        match status {
            401 if endpoint == Endpoint::Token => SourceError::Credential {
                sentence: "OneLogin refused the Client ID or Client Secret (401). They belong \
                           together: copy both from the same credential."
                    .to_owned(),
                request_id,
            },
            401 if !answered_elsewhere => SourceError::Credential {
                sentence: format!(
                    "OneLogin refused a fresh token twice (401){quote}. In OneLogin, open \
                     DEVELOPERS > API Credentials and see that the credential is enabled and \
                     has the scope \"Read users\"."
                ),
                request_id,
            },
            401 | 403 => SourceError::Permission {
                sentence: format!(
                    "This credential may not read {what} ({status}, although the token is \
                     fresh){quote}. In OneLogin, make a credential with the scope \"Read users\" \
                     under DEVELOPERS > API Credentials, and use it here."
                ),
                request_id,
            },
            404 => SourceError::Refused {
                sentence: format!(
                    "{} does not exist at {} (404){quote}. Check the base URL.",
                    endpoint.name(),
                    self.api.host()
                ),
                request_id,
            },
            300..=399 => SourceError::NotOneLogin {
                sentence: format!(
                    "{} redirects elsewhere ({status}), and redirects are refused. Check the base \
                     URL: it must be the address of the API itself.",
                    self.api.host()
                ),
                request_id,
            },
            _ => SourceError::Refused {
                sentence: format!("OneLogin refused to tell {what} ({status}){quote}."),
                request_id,
            },
        }
    }

    /// The error of a call that nobody has another way for.
    pub(super) fn error(self, error: CallError) -> SourceError {
        match error {
            CallError::Refused(endpoint, refusal) => self.explain(endpoint, &refusal),
            CallError::Odd(error) | CallError::Fatal(error) => error,
        }
    }
}

impl CallError {
    fn request_id(&self) -> RequestId {
        match self {
            CallError::Refused(_, refusal) => refusal.request_id.clone(),
            CallError::Odd(_) | CallError::Fatal(_) => RequestId::none(),
        }
    }
}

/// Sorts a reply that is not a success, and a success that is a web page.
fn judge(endpoint: Endpoint, reply: &Reply) -> Result<(), Failed> {
    let status = reply.status;
    if (200..300).contains(&status) {
        return match web_page(reply) {
            Some(title) => Err(Failed::Perhaps {
                error: Box::new(CallError::Odd(not_the_api(&title, request_id(reply)))),
                wait: None,
                reason: format!("{} answered with a web page", endpoint.name()),
            }),
            None => Ok(()),
        };
    }
    let refusal = refusal(reply);
    if !matches!(status, 408 | 425 | 429 | 500..=599) {
        return Err(CallError::Refused(endpoint, refusal).into());
    }
    let sentence = if status == 500 && endpoint == Endpoint::Token {
        "OneLogin fails when it is asked for a token (500). That happens when the admin who made \
         the credential was deleted: make a new credential in DEVELOPERS > API Credentials."
            .to_owned()
    } else {
        format!(
            "OneLogin is not able to answer at the moment: {} brings status {status}{}. \
             Try again later.",
            endpoint.name(),
            refusal.quote()
        )
    };
    Err(Failed::Perhaps {
        error: Box::new(CallError::Fatal(SourceError::Refused {
            sentence,
            request_id: refusal.request_id,
        })),
        wait: retry_after(reply),
        reason: format!("{} brought status {status}", endpoint.name()),
    })
}

fn odd_reply(endpoint: Endpoint, odd: &Odd, reply: &Reply) -> Failed {
    let reason = format!("{} {}", endpoint.name(), odd.0);
    let request_id = request_id(reply);
    let error = SourceError::Incomplete { reason: format!("{reason}."), request_id };
    Failed::Perhaps { error: Box::new(CallError::Odd(error)), wait: None, reason }
}

pub(super) fn not_the_api(title: &str, request_id: RequestId) -> SourceError {
    SourceError::NotOneLogin {
        sentence: format!(
            "We expected JSON and got a web page titled '{title}'. The request did not reach \
             OneLogin's API: check the base URL, and whether a proxy stands in between."
        ),
        request_id,
    }
}

/// Seconds or a date. A date of the past, and anything else, tells nothing.
fn retry_after(reply: &Reply) -> Option<Duration> {
    let text = reply.header("retry-after")?.trim();
    if let Ok(seconds) = text.parse::<u64>() {
        return Some(Duration::from_secs(seconds));
    }
    let then = httpdate::parse_http_date(text).ok()?;
    let now = reply.header("date").and_then(|it| httpdate::parse_http_date(it).ok());
    then.duration_since(now.unwrap_or_else(std::time::SystemTime::now)).ok()
}

/// Seconds until the allowance is full again, never a point in time.
fn rate_limit_reset(reply: &Reply) -> Option<Duration> {
    let seconds = reply.header("x-ratelimit-reset")?.trim().parse::<u64>().ok()?;
    (seconds <= 2 * 3600).then(|| Duration::from_secs(seconds))
}

fn clock_ahead(reply: &Reply) -> Option<i64> {
    let theirs = httpdate::parse_http_date(reply.header("date")?).ok()?;
    let ours = std::time::SystemTime::now();
    let seconds = |it: Duration| i64::try_from(it.as_secs()).unwrap_or(i64::MAX);
    Some(match ours.duration_since(theirs) {
        Ok(ahead) => seconds(ahead),
        Err(behind) => -seconds(behind.duration()),
    })
}
