//! The running sandbox: the tenant, the switches, and what is planned to go wrong.

use std::{
    collections::BTreeMap,
    sync::{
        Mutex, MutexGuard, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use jiff::Timestamp;
use serde::Serialize;

use super::{
    call::Call,
    chaos,
    command::{Command, Membership},
    fault::{Armed, Kind, When},
    json::Blank,
    limiter::Limiter,
    quirks::Quirks,
    tenant::{Refused, Tenant},
    token::TokenDesk,
    user::Moment,
};

#[derive(Debug)]
pub(super) struct World {
    tenant: RwLock<Tenant>,
    control: Mutex<Control>,
    pub(super) latency: Duration,
    chaos_percent: u8,
    seed: u64,
}

#[derive(Debug)]
pub(super) struct Control {
    pub(super) quirks: Quirks,
    pub(super) faults: Vec<Armed>,
    pub(super) scripts: Vec<Script>,
    pub(super) delayed: Vec<(Moment, Membership)>,
    pub(super) ledger: Ledger,
    pub(super) limiter: Limiter,
    pub(super) tokens: TokenDesk,
    pub(super) clock_offset_ms: i64,
    requests: u64,
    in_flight: u32,
}

/// Commands that run once the n-th good answer to an endpoint is ready, before it is sent.
#[derive(Debug)]
pub(super) struct Script {
    pub(super) after: When,
    pub(super) commands: Vec<Command>,
    pub(super) seen: u64,
}

/// How often each endpoint was called, by its name as in `GET /api/2/users`.
pub type Ledger = BTreeMap<String, Calls>;

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct Calls {
    /// Answered with a success and not spoiled.
    pub good: u64,
    pub faulty: u64,
}

/// What was decided about one request before it is answered.
#[derive(Debug)]
pub(super) struct Ruling {
    pub(super) request: u64,
    pub(super) now: Moment,
    pub(super) quirks: Quirks,
    pub(super) faults: Vec<Kind>,
    pub(super) blank: Blank,
}

/// How many worlds this process has begun.
static STARTED: AtomicU64 = AtomicU64::new(0);

impl World {
    pub(super) fn new(
        tenant: Tenant,
        quirks: Quirks,
        latency: Duration,
        chaos_percent: u8,
        seed: u64,
    ) -> World {
        let control = Control {
            quirks,
            faults: Vec::new(),
            scripts: Vec::new(),
            delayed: Vec::new(),
            ledger: Ledger::new(),
            limiter: Limiter::default(),
            tokens: TokenDesk::new(seed, STARTED.fetch_add(1, Ordering::Relaxed)),
            clock_offset_ms: 0,
            requests: 0,
            in_flight: 0,
        };
        let (tenant, control) = (RwLock::new(tenant), Mutex::new(control));
        World { tenant, control, latency, chaos_percent, seed }
    }

    pub(super) fn tenant(&self) -> RwLockReadGuard<'_, Tenant> {
        self.tenant.read().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn tenant_mut(&self) -> RwLockWriteGuard<'_, Tenant> {
        self.tenant.write().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn control(&self) -> MutexGuard<'_, Control> {
        self.control.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Numbers the request and decides whether something goes wrong with it.
    pub(super) fn rule(&self, call: &Call) -> Ruling {
        self.run_delayed();
        let mut control = self.control();
        control.requests += 1;
        let request = control.requests;
        let is_burst = control.quirks.in_flight_max.is_some_and(|max| max < control.in_flight);
        // Each fault counts its calls, also those that another one spoils.
        let mut faults: Vec<Kind> =
            control.faults.iter_mut().filter_map(|it| it.strike(call)).collect();
        if is_burst {
            faults.insert(0, Kind::HtmlPage { status: 502 });
        }
        if faults.is_empty() {
            faults.extend(chaos::strike(self.seed, self.chaos_percent, request));
        }
        Ruling {
            request,
            now: control.now(),
            quirks: control.quirks.clone(),
            faults,
            blank: chaos::blank(self.seed, self.chaos_percent, request),
        }
    }

    pub(super) fn enter<'a>(&'a self, call: &'a Call) -> Visit<'a> {
        self.control().in_flight += 1;
        Visit { world: self, call, is_good: false }
    }

    fn run_delayed(&self) {
        let due = {
            let mut control = self.control();
            let now = control.now();
            let (due, later) =
                std::mem::take(&mut control.delayed).into_iter().partition(|(at, _)| *at <= now);
            control.delayed = later;
            let due: Vec<(Moment, Membership)> = due;
            due
        };
        for (_, membership) in due {
            ignore_refusal(membership.settle(self));
        }
    }
}

impl Control {
    pub(super) fn now(&self) -> Moment {
        Moment(Timestamp::now().as_millisecond() + self.clock_offset_ms)
    }

    /// What the scripts want done now that this call has its good answer.
    fn due(&mut self, call: &Call) -> Vec<Command> {
        let mut due = Vec::new();
        for script in self.scripts.iter_mut().filter(|it| it.after.concerns(call)) {
            script.seen += 1;
            if script.seen == script.after.nth.max(1) {
                due.append(&mut script.commands);
            }
        }
        self.scripts.retain(|it| !it.commands.is_empty());
        due
    }
}

/// A call from its arrival to its answer; one that the client gives up on counts as faulty.
#[derive(Debug)]
pub(super) struct Visit<'a> {
    world: &'a World,
    call: &'a Call,
    is_good: bool,
}

impl Visit<'_> {
    /// Writes the call down and runs the scripts that waited for it.
    pub(super) fn answered(mut self, is_good: bool) {
        self.is_good = is_good;
        let due = if is_good { self.world.control().due(self.call) } else { Vec::new() };
        for command in due {
            ignore_refusal(command.run(self.world));
        }
    }
}

impl Drop for Visit<'_> {
    fn drop(&mut self) {
        let mut control = self.world.control();
        control.in_flight = control.in_flight.saturating_sub(1);
        let calls = control.ledger.entry(self.call.endpoint.key().to_owned()).or_default();
        if self.is_good {
            calls.good += 1;
        } else {
            calls.faulty += 1;
        }
    }
}

/// Nobody waits for the outcome, and what was to change may be gone by now.
fn ignore_refusal<T>(outcome: Result<T, Refused>) {
    drop(outcome);
}
