//! The one HTTP client: every call has a time limit, a size limit and an address that is allowed.
//!
//! No redirects and no cookies. No proxy from the environment either: a proxy resolves names
//! itself, and then nobody checks the address that is really called.

pub mod address;
pub mod backoff;
pub mod certificate;
pub mod fault;
mod resolve;

use std::sync::{Arc, Once};
use std::time::{Duration, Instant};

use futures_util::StreamExt;
use reqwest::Url;
use reqwest::header::HeaderMap;
use reqwest::redirect::Policy;

use self::backoff::Backoff;
use self::fault::Fault;
use self::resolve::GuardedResolver;

/// What one call may cost, and how often and how long a caller tries again.
#[derive(Clone, Debug)]
pub struct Limits {
    pub connect_timeout: Duration,
    /// Until the head of the reply is there, connecting included.
    pub first_byte_timeout: Duration,
    pub whole_reply_timeout: Duration,
    /// Counted after decompression.
    pub body_bytes_max: usize,
    /// The first try is one of them.
    pub attempts_max: u32,
    pub backoff: Backoff,
    /// The longest pause a server may ask for.
    pub wait_max: Duration,
    /// Plain http and loopback addresses: for a sandbox on the same machine.
    pub allow_loopback: bool,
}

impl Limits {
    pub fn standard() -> Limits {
        Limits {
            connect_timeout: Duration::from_secs(5),
            first_byte_timeout: Duration::from_secs(15),
            whole_reply_timeout: Duration::from_mins(1),
            body_bytes_max: 16 * 1024 * 1024,
            attempts_max: 6,
            backoff: Backoff { first: Duration::from_millis(500), max: Duration::from_mins(1) },
            wait_max: Duration::from_mins(15),
            allow_loopback: false,
        }
    }
}

/// Makes ring the process's provider of cryptography. Safe to call as often as one likes.
pub fn install_crypto() {
    static INSTALLED: Once = Once::new();
    INSTALLED.call_once(|| {
        // An error means that somebody installed one before us, which serves as well.
        drop(rustls::crypto::ring::default_provider().install_default());
    });
}

/// Connections are shared between its clones.
#[derive(Clone, Debug)]
pub struct Client {
    inner: reqwest::Client,
    limits: Arc<Limits>,
}

/// One request. Its URL is checked when it is sent.
#[derive(Clone)]
pub struct Request {
    pub method: reqwest::Method,
    pub url: Url,
    pub headers: HeaderMap,
    pub body: Option<String>,
}

/// The whole of one reply, whatever its status.
#[derive(Clone, Debug)]
pub struct Reply {
    pub status: u16,
    pub headers: HeaderMap,
    pub body: Vec<u8>,
    /// Of the server's certificate, where the reply came over TLS.
    pub certificate: Option<Vec<u8>>,
    pub took: Duration,
}

impl Reply {
    /// The header's value, or nothing where it is absent or not text.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name)?.to_str().ok()
    }
}

impl Client {
    #[expect(clippy::disallowed_methods, reason = "this is the one place that makes a client")]
    pub fn new(limits: Limits) -> Result<Client, Fault> {
        install_crypto();
        let resolver = GuardedResolver { allow_loopback: limits.allow_loopback };
        let inner = reqwest::Client::builder()
            .user_agent(concat!("rollcall/", env!("CARGO_PKG_VERSION")))
            .redirect(Policy::none())
            .retry(reqwest::retry::never())
            .no_proxy()
            .referer(false)
            .tls_info(true)
            .https_only(!limits.allow_loopback)
            .connect_timeout(limits.connect_timeout)
            .dns_resolver(Arc::new(resolver))
            .build()
            .map_err(|error| Fault::of(&error))?;
        Ok(Client { inner, limits: Arc::new(limits) })
    }

    pub fn limits(&self) -> &Limits {
        &self.limits
    }

    /// The same connections with other numbers of attempts and pauses.
    #[must_use]
    pub fn with_attempts(&self, attempts_max: u32) -> Client {
        let limits = Limits { attempts_max, ..(*self.limits).clone() };
        Client { inner: self.inner.clone(), limits: Arc::new(limits) }
    }

    /// Sends once and reads the whole reply, within the limits.
    pub async fn send(&self, request: Request) -> Result<Reply, Fault> {
        address::check_url(&request.url, self.limits.allow_loopback)?;
        let began = Instant::now();
        let whole = self.limits.whole_reply_timeout;
        match tokio::time::timeout(whole, self.send_unbounded(request, began)).await {
            Ok(reply) => reply,
            Err(_) => Err(Fault::Timeout { what: "the whole reply", after: whole }),
        }
    }

    async fn send_unbounded(&self, request: Request, began: Instant) -> Result<Reply, Fault> {
        let Request { method, url, headers, body } = request;
        let mut builder = self.inner.request(method, url).headers(headers);
        if let Some(body) = body {
            builder = builder.body(body);
        }
        let first_byte = self.limits.first_byte_timeout;
        let response = match tokio::time::timeout(first_byte, builder.send()).await {
            Ok(response) => response.map_err(|error| Fault::of(&error))?,
            Err(_) => {
                return Err(Fault::Timeout { what: "the first byte", after: first_byte });
            }
        };
        let status = response.status().as_u16();
        let headers = response.headers().clone();
        let certificate = response
            .extensions()
            .get::<reqwest::tls::TlsInfo>()
            .and_then(|it| it.peer_certificate())
            .map(<[u8]>::to_vec);
        let body = self.read_body(response).await?;
        Ok(Reply { status, headers, body, certificate, took: began.elapsed() })
    }

    async fn read_body(&self, response: reqwest::Response) -> Result<Vec<u8>, Fault> {
        let max = self.limits.body_bytes_max;
        let announced = response.content_length().and_then(|it| usize::try_from(it).ok());
        if announced.is_some_and(|it| max < it) {
            return Err(Fault::TooLarge { bytes_max: max });
        }
        let mut body = Vec::with_capacity(announced.unwrap_or(0));
        let mut chunks = response.bytes_stream();
        while let Some(chunk) = chunks.next().await {
            let chunk = chunk.map_err(|error| Fault::of(&error))?;
            if max < body.len() + chunk.len() {
                return Err(Fault::TooLarge { bytes_max: max });
            }
            body.extend_from_slice(&chunk);
        }
        Ok(body)
    }
}

impl std::fmt::Debug for Request {
    /// Headers carry credentials and bodies people: neither is shown.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} {}", self.method, self.url.path())
    }
}
