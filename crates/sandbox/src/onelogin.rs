//! A OneLogin: its admin API as documented and observed, every doubt a switch.

mod access;
mod admin;
mod answer;
mod api;
mod call;
mod chaos;
mod command;
mod fault;
mod fields;
mod gzip;
mod json;
mod limiter;
mod paging;
mod people;
mod quirks;
mod server;
mod spoil;
mod tenant;
mod token;
mod user;
mod world;

use std::{
    fmt, io,
    net::{Ipv4Addr, SocketAddr},
    sync::Arc,
    time::Duration,
};

use axum::serve::ListenerExt;
use tokio::{net::TcpListener, sync::oneshot, task::JoinHandle};

// The modules are private: these are the only paths to the names.
use self::world::World;
pub use self::{
    admin::Admin,
    answer::Shape,
    command::{Command, Steer},
    fault::{Fault, Kind, RetryAfter, When},
    people::{Data, Population},
    quirks::{
        AfterCursor, Bound, CursorEncoding, DefaultRow, Filter, GroupsV2, Metered, OverLimit,
        OverMax, Owner, PageItems, Quirks, RateLimitCall, RetryAfterHeader, RoleArrays, RoleDetail,
        RoleUsersScope, Scope, ScopeFailure, Stamp, UnknownFilter,
    },
    tenant::{CustomAttribute, Group, Refused, Role, Tenant},
    user::{Loose, Moment, Text, User},
    world::{Calls, Ledger},
};

/// Said wherever the sandbox shows itself.
pub const BANNER: &str =
    "This is a sandbox with made-up people. It is not OneLogin, and it is not for production.";

#[derive(Debug, Clone)]
pub struct Options {
    /// A loopback address; port 0 takes a free one.
    pub listen: SocketAddr,
    /// Added to every call.
    pub latency: Duration,
    /// How many of 100 good requests fail in a way that a second try cures.
    pub chaos_percent: u8,
    /// Decides the tokens and the chaos, and the credential of the first sandbox of a process.
    pub seed: u64,
    pub quirks: Quirks,
}

impl Options {
    /// Any free port, no latency, no chaos: what most tests want.
    pub fn quiet(seed: u64) -> Options {
        Options {
            listen: SocketAddr::from((Ipv4Addr::LOCALHOST, 0)),
            latency: Duration::ZERO,
            chaos_percent: 0,
            seed,
            quirks: Quirks::default(),
        }
    }
}

/// A running sandbox; it ends when it is stopped or dropped.
pub struct Sandbox {
    address: SocketAddr,
    client_id: String,
    client_secret: String,
    admin: Admin,
    shutdown: oneshot::Sender<()>,
    server: JoinHandle<io::Result<()>>,
}

impl fmt::Debug for Sandbox {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Sandbox").field("address", &self.address).finish_non_exhaustive()
    }
}

/// Starts to answer; refuses to listen anywhere but on loopback.
pub async fn start(tenant: Tenant, options: Options) -> io::Result<Sandbox> {
    let Options { listen, latency, chaos_percent, seed, quirks } = options;
    if !listen.ip().is_loopback() {
        let message = format!("the sandbox listens on loopback only, not on {listen}");
        return Err(io::Error::new(io::ErrorKind::InvalidInput, message));
    }
    let world = Arc::new(World::new(tenant, quirks, latency, chaos_percent, seed));
    let listener = TcpListener::bind(listen).await?;
    let address = listener.local_addr()?;
    let (client_id, client_secret) = {
        let control = world.control();
        (control.tokens.client_id().to_owned(), control.tokens.client_secret().to_owned())
    };
    let (shutdown, stopped) = oneshot::channel();
    // Answers are small and many: waiting to fill a packet would be the slowest part.
    let listener = listener.tap_io(|stream| drop(stream.set_nodelay(true)));
    let app = server::router(Arc::clone(&world));
    let serving = axum::serve(listener, app).with_graceful_shutdown(async move {
        drop(stopped.await);
    });
    let server = tokio::spawn(async move { serving.await });
    Ok(Sandbox { address, client_id, client_secret, admin: Admin::new(world), shutdown, server })
}

impl Sandbox {
    pub fn base_url(&self) -> String {
        format!("http://{}", self.address)
    }

    pub fn client_id(&self) -> &str {
        &self.client_id
    }

    pub fn client_secret(&self) -> &str {
        &self.client_secret
    }

    pub fn admin(&self) -> &Admin {
        &self.admin
    }

    /// Open requests get a second to finish.
    pub async fn stop(self) {
        let Sandbox { shutdown, mut server, .. } = self;
        drop(shutdown);
        if tokio::time::timeout(Duration::from_secs(1), &mut server).await.is_err() {
            server.abort();
        }
    }
}
