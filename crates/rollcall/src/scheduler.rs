//! Runs connectors when their schedules ask for it.
//!
//! Any number of services may share a database, and each has a scheduler: none is chosen, all look.
//! A slot is a row that only one of them gets, together with the lease of the connector, so it does
//! not matter who is first; and where one is killed, another ends its run, takes it up, and goes on
//! with the next slot.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use jiff::{SignedDuration, Timestamp};
use reconcile::figure::counted;
use reconcile::schedule::due::{Decision, due};
use tokio::sync::watch;
use tokio::task::JoinHandle;

use crate::run::{self, Engine, Order, PrepareError, Ready, Slot, StartError};
use crate::store::audit::actor::Actor;
use crate::store::connectors::settings::FieldError;
use crate::store::connectors::{self, Connector, ConnectorError, ConnectorId};
use crate::store::retention::{self, Pruned};
use crate::store::runs::{RunId, Status, Trigger};
use crate::store::schedules::{self, Interrupted, Standing};
use crate::store::{StoreError, leases};

/// What a look at the schedules led to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Done {
    Started {
        connector: ConnectorId,
        run: RunId,
        slot: Timestamp,
    },
    /// A run whose process had ended is carried out again.
    TakenUp {
        connector: ConnectorId,
        run: RunId,
        interrupted: RunId,
    },
    /// Nothing was run for a slot; the run says why.
    NotRun {
        connector: ConnectorId,
        run: RunId,
        slot: Timestamp,
    },
    Paused {
        connector: ConnectorId,
        failures: u32,
    },
}

/// How often the schedules are looked at: how late a run may start, and how soon after a run went
/// silent it is taken up.
pub const LOOK_EVERY: Duration = Duration::from_secs(1);
/// Runs are looked through this often for those that are remembered for too long.
const PRUNE_EVERY: Duration = Duration::from_hours(24);
const PRUNE_AFTER_RUNS: Duration = Duration::from_mins(10);
/// An interrupted run is taken up this long after its slot, however small the catch-up window is.
const TAKE_UP_MAX: SignedDuration = SignedDuration::from_mins(10);

/// Looks again and again, until told to stop. The runs that it has started go on; nothing else does.
pub async fn run(engine: &Engine, mut stopping: watch::Receiver<bool>) {
    let mut trouble = Trouble::default();
    let mut pruning = Pruning::default();
    loop {
        pruning.begin_if_due(engine);
        match look(engine, &mut trouble).await {
            Ok(()) => trouble.is_over("database", "The database is back; schedules go on."),
            Err(error) => {
                trouble.tell("database", &format!("No schedule can be looked at: {error}"));
            }
        }
        tokio::select! {
            () = tokio::time::sleep(LOOK_EVERY) => {}
            _ = stopping.wait_for(|it| *it) => break,
        }
    }
    pruning.give_up().await;
}

async fn look(engine: &Engine, trouble: &mut Trouble) -> Result<(), StoreError> {
    let now = engine.db.now().await?;
    tick(engine, now, trouble).await?;
    Ok(())
}

/// Does what is to be done at an instant.
pub async fn tick(
    engine: &Engine,
    now: Timestamp,
    trouble: &mut Trouble,
) -> Result<Vec<Done>, StoreError> {
    leases::end_abandoned(&engine.db).await?;
    let mut standings = schedules::standings(&engine.db, now).await?;
    let mut done = Vec::new();
    for connector in connectors::list_each(&engine.db).await? {
        let connector = match connector {
            Ok(connector) => connector,
            Err(error) => {
                trouble.tell(&error.to_string(), &error.to_string());
                continue;
            }
        };
        let Some(standing) = standings.remove(&connector.id) else { continue };
        let is_asleep = !connector.settings.schedule.enabled || standing.pause.is_some();
        if is_asleep || !standing.has_target {
            continue;
        }
        let key = format!("connector {}", connector.id);
        match tick_one(engine, &connector, &standing, now).await {
            Ok(it) => {
                let name = &connector.name;
                trouble.is_over(&key, &format!("The schedule of {name} goes on."));
                done.extend(it);
            }
            Err(error) => {
                let sentence = format!("The schedule of {} is stuck: {error}", connector.name);
                trouble.tell(&key, &sentence);
            }
        }
    }
    Ok(done)
}

async fn tick_one(
    engine: &Engine,
    connector: &Connector,
    standing: &Standing,
    now: Timestamp,
) -> Result<Option<Done>, StoreError> {
    let settings = &connector.settings.schedule;
    let (schedule, terms) = match (settings.schedule(), settings.terms()) {
        (Ok(schedule), Ok(terms)) => (schedule, terms),
        (Err(error), _) | (_, Err(error)) => {
            return unusable(engine, connector, &error, now).await;
        }
    };
    if let Some(interrupted) = standing.interrupted
        && now.duration_since(interrupted.slot) <= terms.catch_up_max.max(TAKE_UP_MAX)
    {
        return take_up(engine, connector, interrupted, now).await;
    }
    match due(connector.id.0, &schedule, &terms, &standing.state, now) {
        Decision::NotBefore(_) | Decision::NeverAgain => Ok(None),
        Decision::Due { slot, missed } => {
            start(engine, connector, Slot { at: slot, missed, now }).await
        }
        Decision::TooLate { slot, missed } => {
            let slot = Slot { at: slot, missed, now };
            let window = terms.catch_up_max.as_secs() / 60;
            let message = format!(
                "{slot} Nothing could run then, and by now it is later than the catch-up window \
                 allows ({window} min). The next slot runs as usual."
            );
            not_run(engine, connector, slot, Status::Skipped, &message).await
        }
        Decision::Pause { failures } => pause(engine, connector, failures, now).await,
    }
}

async fn start(
    engine: &Engine,
    connector: &Connector,
    slot: Slot,
) -> Result<Option<Done>, StoreError> {
    let order = order(engine, slot, None);
    match begin(engine, connector, &order).await? {
        Begun::Run(run) => Ok(Some(Done::Started { connector: connector.id, run, slot: slot.at })),
        Begun::Busy(message) => not_run(engine, connector, slot, Status::Skipped, &message).await,
        Begun::Unable(message) => not_run(engine, connector, slot, Status::Failed, &message).await,
        Begun::Nothing => Ok(None),
    }
}

async fn take_up(
    engine: &Engine,
    connector: &Connector,
    interrupted: Interrupted,
    now: Timestamp,
) -> Result<Option<Done>, StoreError> {
    let slot = Slot { at: interrupted.slot, missed: 0, now };
    let order = order(engine, slot, Some(interrupted.run));
    match begin(engine, connector, &order).await? {
        Begun::Run(run) => {
            let (connector, interrupted) = (connector.id, interrupted.run);
            Ok(Some(Done::TakenUp { connector, run, interrupted }))
        }
        // Whoever is under way does the same work.
        Begun::Busy(_) | Begun::Unable(_) | Begun::Nothing => Ok(None),
    }
}

/// What became of a wish for a run.
enum Begun {
    Run(RunId),
    /// Another run is under way.
    Busy(String),
    /// What it takes is not there.
    Unable(String),
    /// Somebody else has taken the slot, or there is nothing to feed.
    Nothing,
}

async fn begin(engine: &Engine, connector: &Connector, order: &Order) -> Result<Begun, StoreError> {
    let ready = match Ready::open(engine, connector.name.as_str()).await {
        Ok(ready) => ready,
        Err(PrepareError::Connector(ConnectorError::Store(error))) => return Err(error),
        Err(error) => return Ok(Begun::Unable(error.to_string())),
    };
    match run::start(engine, ready, order, |_| {}).await {
        Ok(started) => Ok(Begun::Run(started.run)),
        Err(StartError::Busy(busy)) => Ok(Begun::Busy(format!("{busy}; this one is left out."))),
        Err(StartError::SlotTaken | StartError::NoTarget { .. }) => Ok(Begun::Nothing),
        Err(StartError::Store(error)) => Err(error),
    }
}

fn order(engine: &Engine, slot: Slot, retry_of: Option<RunId>) -> Order {
    let order = Order::new(Trigger::Schedule, scheduler(engine));
    Order { retry_of, slot: Some(slot), ..order }
}

fn scheduler(engine: &Engine) -> Actor {
    Actor::service("scheduler", &engine.node)
}

async fn not_run(
    engine: &Engine,
    connector: &Connector,
    slot: Slot,
    status: Status,
    message: &str,
) -> Result<Option<Done>, StoreError> {
    let actor = scheduler(engine);
    let run = run::never_began(engine, connector, &actor, slot, status, message).await?;
    let Some(run) = run else { return Ok(None) };
    let (name, id) = (connector.name.as_str(), connector.id);
    tracing::warn!(
        run = run.0,
        connector = name,
        "Run {run} of {name} {}: {message}",
        status.word()
    );
    Ok(Some(Done::NotRun { connector: id, run, slot: slot.at }))
}

/// The slot of a schedule that cannot be used is the time at which it was saved: it is told once.
async fn unusable(
    engine: &Engine,
    connector: &Connector,
    error: &FieldError,
    now: Timestamp,
) -> Result<Option<Done>, StoreError> {
    let slot = Slot { at: connector.updated_at, missed: 0, now };
    let message = format!("{error} Nothing runs by itself until it is changed.");
    not_run(engine, connector, slot, Status::Failed, &message).await
}

async fn pause(
    engine: &Engine,
    connector: &Connector,
    failures: u32,
    now: Timestamp,
) -> Result<Option<Done>, StoreError> {
    let actor = scheduler(engine);
    let reason = format!("{failures} runs in a row failed");
    if !schedules::pause(&engine.db, connector, &actor.act(now).because(&reason)).await? {
        return Ok(None);
    }
    let name = connector.name.as_str();
    tracing::warn!(connector = name, "The schedule of {name} is paused: {reason}.");
    Ok(Some(Done::Paused { connector: connector.id, failures }))
}

/// What is remembered for too long is forgotten once a day, and some time after runs.
#[derive(Debug, Default)]
struct Pruning {
    last: Option<(Instant, u64)>,
    under_way: Option<JoinHandle<()>>,
}

impl Pruning {
    fn begin_if_due(&mut self, engine: &Engine) {
        let ended = engine.ended_count();
        let is_due = self.last.is_none_or(|(began, ended_then)| {
            let after = if ended_then < ended { PRUNE_AFTER_RUNS } else { PRUNE_EVERY };
            after <= began.elapsed()
        });
        if !is_due || self.under_way.as_ref().is_some_and(|it| !it.is_finished()) {
            return;
        }
        self.last = Some((Instant::now(), ended));
        let engine = engine.clone();
        self.under_way = Some(tokio::spawn(async move { prune(&engine).await }));
    }

    /// What was forgotten so far is forgotten; the rest can wait for the next service.
    async fn give_up(self) {
        let Some(under_way) = self.under_way else { return };
        under_way.abort();
        drop(under_way.await);
    }
}

async fn prune(engine: &Engine) {
    let actor = Actor::service("retention", &engine.node);
    let pruned = async {
        let now = engine.db.now().await?;
        retention::prune(&engine.db, now, &actor.act(now)).await
    };
    match pruned.await {
        Ok(pruned) if pruned == Pruned::default() => {}
        Ok(Pruned { runs, plans, rows }) => {
            let told = |number: u64, noun: &str| {
                let number = usize::try_from(number).unwrap_or(usize::MAX);
                counted(number, noun, &format!("{noun}s"))
            };
            let forgotten = [told(runs, "run"), told(plans, "plan"), told(rows, "row")];
            tracing::info!(
                runs,
                plans,
                rows,
                "Forgotten, because of the retention: {}.",
                forgotten.join(", ")
            );
        }
        Err(error) => tracing::warn!("What is too old could not be forgotten: {error}"),
    }
}

/// What went wrong and was told, so that it is not told every second.
#[derive(Debug, Default)]
pub struct Trouble(BTreeSet<String>);

impl Trouble {
    fn tell(&mut self, key: &str, sentence: &str) {
        if self.0.insert(key.to_owned()) {
            tracing::error!("{sentence}");
        }
    }

    fn is_over(&mut self, key: &str, sentence: &str) {
        if self.0.remove(key) {
            tracing::info!("{sentence}");
        }
    }
}
