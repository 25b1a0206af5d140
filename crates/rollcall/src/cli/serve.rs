//! `rollcall serve`: runs the service.

use std::io;
use std::net::SocketAddr;
use std::pin::pin;
use std::time::{Duration, Instant};

use axum::Router;
use jiff::Timestamp;
use serde::Serialize;
use tokio::net::TcpListener;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::{oneshot, watch};

use crate::cli::context::{Context, Setup};
use crate::cli::exit::{CliError, Exit};
use crate::cli::output::Output;
use crate::config;
use crate::run::Engine;
use crate::scheduler;
use crate::store::{Db, accounts, leases};
use crate::web;
use crate::web::site::{SetUpCodes, Site};
use crate::web::throttle::Throttle;

#[derive(Debug, clap::Args)]
pub struct Args {
    /// Where to listen, for example 127.0.0.1:8080 (or `ROLLCALL_LISTEN`)
    #[arg(long, value_name = "ADDR")]
    listen: Option<String>,
    /// The address that browsers use: `https://rollcall.example.com` (or `ROLLCALL_PUBLIC_URL`)
    #[arg(long, value_name = "URL")]
    public_url: Option<String>,
    /// A proxy whose word on the address of a client is believed: an address, or a network such as
    /// 10.0.0.0/8; may be given several times (or `ROLLCALL_TRUSTED_PROXIES`, with commas)
    #[arg(long = "trusted-proxy", value_name = "NETWORK")]
    trusted_proxies: Vec<String>,
    /// Listen beyond this machine although no admin exists yet: whoever has the set-up code can
    /// become the first
    #[arg(long)]
    allow_remote_setup: bool,
}

#[derive(Serialize)]
struct Answer {
    listening: String,
}

/// How long requests and runs under way may take once the service is to stop: less than the ten
/// seconds after which whoever asked would end it by force.
const STOP_TIMEOUT: Duration = Duration::from_secs(8);
/// How long all of it may take, until the database is closed.
const END_TIMEOUT: Duration = Duration::from_secs(9);

pub async fn run(args: Args, setup: Setup) -> Result<(), CliError> {
    let address = config::listen(args.listen.as_deref(), &setup.environment)
        .map_err(|error| CliError::usage(error.to_string()))?;
    // Before the database: a service that cannot listen has no business with it.
    let listener = listen(address).await?;
    let site = Site {
        public_url: config::public_url(args.public_url.as_deref(), &setup.environment)?,
        trusted_proxies: config::trusted_proxies(&args.trusted_proxies, &setup.environment)?,
        set_up: SetUpCodes::to(print_set_up_code),
        command: setup.config.command("rollcall", &setup.environment),
        throttle: Throttle::default(),
    };
    let context = Context::open_or_create(setup).await?;
    leases::end_abandoned(&context.db).await?;
    let has_admin = accounts::has_admin(&context.db).await?;
    if !may_listen(address, has_admin, args.allow_remote_setup) {
        return Err(no_admin(address));
    }
    if !has_admin {
        site.set_up.print_new(&context.db, Timestamp::now()).await.map_err(CliError::from)?;
    }
    let signals = StopSignals::listen()?;
    tell_address(&listener, context.output)?;
    let engine = context.engine();
    let router = web::router(&engine, site);
    let served = serve_until_stopped(listener, router, &engine, signals).await;
    close(&context.db, &served).await;
    served.map(|_| ())
}

/// The one secret that is logged: reading the log proves access to the machine.
fn print_set_up_code(code: &str) {
    tracing::warn!(
        "Set-up code (valid 30 min, one use): {code} Open /setup to create the first admin."
    );
}

/// Whether the service may be reached there: a stranger must not find it before its admin.
fn may_listen(address: SocketAddr, has_admin: bool, allow_remote_setup: bool) -> bool {
    has_admin || address.ip().is_loopback() || allow_remote_setup
}

fn no_admin(address: SocketAddr) -> CliError {
    CliError::new(
        Exit::NotAllowed,
        format!(
            "Nobody can sign in yet, so the service does not listen at {address}, beyond this \
             machine. Create an admin: rollcall account create EMAIL --role admin --password-file \
             FILE. Or start it once with --listen 127.0.0.1:8080 and open /setup; or add \
             --allow-remote-setup."
        ),
    )
}

pub async fn listen(address: SocketAddr) -> Result<TcpListener, CliError> {
    TcpListener::bind(address).await.map_err(|error| {
        let why = why_not_listening(&error);
        CliError::new(
            Exit::Failed,
            format!("Cannot listen at {address}: {why}. Choose another address with --listen."),
        )
    })
}

pub fn why_not_listening(error: &io::Error) -> String {
    if error.kind() == io::ErrorKind::AddrInUse {
        return "another process listens there".to_owned();
    }
    error.to_string()
}

/// Says where the service is; the port is known only now where 0 was asked for.
pub fn tell_address(listener: &TcpListener, output: Output) -> Result<(), CliError> {
    let address = listener.local_addr().map_err(|error| failed(&error))?;
    let answer = Answer { listening: format!("http://{address}") };
    output.answer(&answer, |it| format!("Listening at {}", it.listening));
    Ok(())
}

/// SIGTERM and SIGINT, which would end the process at once if nobody listened for them.
#[derive(Debug)]
pub struct StopSignals {
    terminate: Signal,
    interrupt: Signal,
}

impl StopSignals {
    /// Listens from now on. To be called before anybody is told that the service is there.
    pub fn listen() -> Result<StopSignals, CliError> {
        let listen = |kind| signal(kind).map_err(|error| failed(&error));
        Ok(StopSignals {
            terminate: listen(SignalKind::terminate())?,
            interrupt: listen(SignalKind::interrupt())?,
        })
    }

    /// Waits until somebody asks this process to end.
    pub async fn asked(&mut self) {
        tokio::select! {
            _ = self.terminate.recv() => {}
            _ = self.interrupt.recv() => {}
        }
    }
}

/// Closes the database of a service that has stopped. One that does not answer keeps nobody from
/// ending.
pub async fn close(db: &Db, served: &Result<Instant, CliError>) {
    let asked_at = served.as_ref().copied().unwrap_or_else(|_| Instant::now());
    let end = asked_at + END_TIMEOUT;
    if tokio::time::timeout_at(end.into(), db.close()).await.is_err() {
        tracing::warn!("The database does not answer: its connections are cut.");
    }
}

/// Serves, and runs connectors by their schedules, until SIGTERM or SIGINT; then stops the runs of this process and lets requests under way
/// end, for a while. Tells when it was asked to.
pub async fn serve_until_stopped(
    listener: TcpListener,
    router: Router,
    engine: &Engine,
    mut signals: StopSignals,
) -> Result<Instant, CliError> {
    let (stop, stopping) = oneshot::channel::<()>();
    let service = router.into_make_service_with_connect_info::<SocketAddr>();
    let serving = axum::serve(listener, service).with_graceful_shutdown(async move {
        drop(stopping.await);
    });
    let mut serving = pin!(serving.into_future());
    let (stop_scheduling, stopping) = watch::channel(false);
    let scheduling = {
        let engine = engine.clone();
        tokio::spawn(async move { scheduler::run(&engine, stopping).await })
    };
    tokio::select! {
        ended = &mut serving => return told(ended, Instant::now()),
        () = signals.asked() => {}
    }
    let asked_at = Instant::now();
    tracing::info!("Stopping: runs are stopped, requests under way may end.");
    drop(stop);
    stop_scheduling.send_replace(true);
    let runs = async {
        // What it is about to start is started, and then stopped: nothing is left half-begun.
        drop(scheduling.await);
        engine.stop_all("the end of the service").await;
    };
    let stopped = async { tokio::join!(runs, serving).1 };
    tokio::select! {
        ended = stopped => return told(ended, asked_at),
        () = tokio::time::sleep(STOP_TIMEOUT) => {}
        () = signals.asked() => {}
    }
    tracing::warn!("Stopped before all runs and requests had ended.");
    Ok(asked_at)
}

fn told(ended: io::Result<()>, at: Instant) -> Result<Instant, CliError> {
    ended.map(|()| at).map_err(|error| failed(&error))
}

fn failed(error: &io::Error) -> CliError {
    CliError::new(Exit::Failed, format!("The service failed: {error}."))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nobody_beyond_this_machine_finds_a_service_without_an_admin() {
        let told = |address: &str, has_admin, allow_remote_setup| {
            may_listen(address.parse().unwrap(), has_admin, allow_remote_setup)
        };
        for remote in ["0.0.0.0:8080", "192.168.1.2:80", "[::]:80", "[2001:db8::1]:80"] {
            assert!(!told(remote, false, false), "{remote}");
            assert!(told(remote, true, false), "{remote}");
            assert!(told(remote, false, true), "{remote}");
        }
        for local in ["127.0.0.1:8080", "127.9.9.9:80", "[::1]:80"] {
            assert!(told(local, false, false), "{local}");
        }
    }
}
