//! The one way a run starts, whoever asks for it: a person at a command line or at a page, or the
//! clock.
//!
//! [`start`] takes the lease of the connector, so that two never run at once, and carries the run
//! out in a task of its own. The run ends itself: whatever happens, its row says how it ended, and
//! what it could not finish was never begun.

pub mod counts;
pub mod follow;
pub mod recorder;

use std::collections::BTreeMap;
use std::fmt;
use std::panic::AssertUnwindSafe;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use futures_util::FutureExt as _;
use jiff::Timestamp;
use serde_json::json;
use tokio::sync::{Notify, watch};
use tokio::task::JoinHandle;
use tracing::Instrument as _;

use self::recorder::Recorder;
use crate::http;
use crate::notation::shell_word;
use crate::plans;
use crate::plans::undo::Undoing;
use crate::seal::Seal;
use crate::source::onelogin::OneLogin;
use crate::source::onelogin::error::SourceError;
use crate::source::onelogin::report::{Allowance, CheckStep, Checklist};
use crate::store::audit::actor::Actor;
use crate::store::audit::changes::Changes;
use crate::store::audit::{self, Action, Entry};
use crate::store::budgets::{self, Budget};
use crate::store::connectors::settings::FieldError;
use crate::store::connectors::{self, Connector, ConnectorError, ConnectorId, Provider};
use crate::store::leases::{self, BEAT_EVERY, Busy, Lease};
use crate::store::plans::PlanId;
use crate::store::runs::{self, Ending, NewRun, Run, RunId, Status, Trigger, UndoOf, events};
use crate::store::schedules;
use crate::store::targets::{self, Target, TargetError};
use crate::store::{Db, StoreError, Tx};
use crate::sync::{self, Decision, Event, Finished, Job, SyncError, report};

/// What every run of this process needs.
#[derive(Clone, Debug)]
pub struct Engine {
    pub db: Db,
    pub seal: Arc<Seal>,
    /// Of the calls to sources.
    pub limits: http::Limits,
    /// Names this process in the record of its runs.
    pub node: Arc<str>,
    under_way: Arc<UnderWay>,
}

/// The runs that this process carries out now.
#[derive(Debug, Default)]
struct UnderWay {
    is_stopping: AtomicBool,
    stops: Mutex<BTreeMap<RunId, StopSender>>,
    ended: Notify,
    ended_count: AtomicU64,
}

type StopSender = watch::Sender<Option<String>>;

/// A connector with everything that a run of it needs.
#[derive(Debug)]
pub struct Ready {
    pub connector: Connector,
    pub source: OneLogin,
    pub targets: Vec<Target>,
}

/// Who wants a run, and how they asked for it.
#[derive(Clone, Debug)]
pub struct Order {
    pub trigger: Trigger,
    pub actor: Actor,
    pub retry_of: Option<RunId>,
    /// What the schedule wants it for.
    pub slot: Option<Slot>,
    pub task: Task,
    /// Why, for the audit log; empty where nobody asked for one.
    pub reason: String,
}

/// What a run is to do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Task {
    /// Make the targets equal to the source.
    Sync,
    /// The same, if that is exactly what this plan showed; otherwise nothing.
    Exactly(Showed),
    /// Take back what another run did.
    Undo(Undoing),
}

/// A plan that somebody looked at.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Showed {
    pub plan: PlanId,
    /// How it was decided over then, by [`sync::seen::plan_as_seen`].
    pub seen: String,
}

/// A slot of a schedule for which a run is to start.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Slot {
    pub at: Timestamp,
    /// How many slots before it nobody ran.
    pub missed: usize,
    /// What time it is to the scheduler.
    pub now: Timestamp,
}

/// A run that is under way.
#[derive(Debug)]
pub struct Started {
    pub run: RunId,
    stop: StopSender,
    ending: JoinHandle<Result<Finished, SyncError>>,
}

#[derive(Debug, thiserror::Error)]
pub enum PrepareError {
    #[error(transparent)]
    Connector(#[from] ConnectorError),
    #[error(transparent)]
    Source(#[from] SourceError),
    #[error(transparent)]
    Settings(#[from] FieldError),
    #[error(transparent)]
    Target(#[from] TargetError),
}

#[derive(Debug, thiserror::Error)]
pub enum StartError {
    #[error(
        "The connector {connector} has no target, so there is nothing to keep equal. \
         Create one: rollcall target create NAME --connector {} --type crowd",
        shell_word(.connector)
    )]
    NoTarget { connector: String },
    #[error(
        "{0}. Wait for it, follow it with `rollcall run logs {run} --follow`, \
         or stop it with `rollcall run stop {run}`.",
        run = .0.run
    )]
    Busy(Busy),
    /// Another node was faster, or somebody paused the connector meanwhile.
    #[error("The slot is taken already, or the connector is paused.")]
    SlotTaken,
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// How often a run writes down what it has told, and looks whether it is to stop.
const TICK: Duration = Duration::from_millis(500);

impl Engine {
    pub fn new(db: Db, seal: Arc<Seal>, allow_loopback: bool) -> Engine {
        let limits = http::Limits { allow_loopback, ..http::Limits::standard() };
        let under_way = Arc::default();
        Engine { db, seal, limits, node: node().into(), under_way }
    }

    /// How many runs of this process have ended.
    pub fn ended_count(&self) -> u64 {
        self.under_way.ended_count.load(Ordering::Relaxed)
    }

    /// Whether the process is about to end, so that nobody has to wait for anything any more.
    pub fn is_stopping(&self) -> bool {
        self.under_way.is_stopping.load(Ordering::Relaxed)
    }

    /// Asks every run of this process to stop, and waits until they have written down that they
    /// did. What is being applied is applied to its end.
    pub async fn stop_all(&self, by: &str) {
        self.under_way.is_stopping.store(true, Ordering::Relaxed);
        for stop in self.under_way.stops().values() {
            ask(stop, by);
        }
        loop {
            let ended = self.under_way.ended.notified();
            if self.under_way.stops().is_empty() {
                return;
            }
            ended.await;
        }
    }
}

impl UnderWay {
    fn stops(&self) -> MutexGuard<'_, BTreeMap<RunId, StopSender>> {
        self.stops.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The first to ask is named in the record of the run.
fn ask(stop: &StopSender, by: &str) {
    stop.send_if_modified(|asked| {
        let is_first = asked.is_none();
        if is_first {
            *asked = Some(by.to_owned());
        }
        is_first
    });
}

impl Order {
    /// An ordinary run.
    pub fn new(trigger: Trigger, actor: Actor) -> Order {
        let (retry_of, slot) = (None, None);
        Order { trigger, actor, retry_of, slot, task: Task::Sync, reason: String::new() }
    }
}

impl Ready {
    pub async fn open(engine: &Engine, connector: &str) -> Result<Ready, PrepareError> {
        let connector = connectors::find(&engine.db, connector).await?;
        Ready::with(engine, connector).await
    }

    /// With the settings that are given, saved or not.
    pub async fn with(engine: &Engine, connector: Connector) -> Result<Ready, PrepareError> {
        let source = source(engine, &connector).await?;
        let targets = targets::of_connector(&engine.db, connector.id).await?;
        Ok(Ready { connector, source, targets })
    }

    pub fn job<'a>(&'a self, db: &'a Db) -> Job<'a> {
        let Ready { connector, source, targets } = self;
        Job { db, connector, source, targets }
    }
}

impl Started {
    /// Asks the run to stop after what it is doing.
    pub fn stop(&self, by: &str) {
        ask(&self.stop, by);
    }

    /// Waits for the end. The run goes on if this is not waited for.
    pub async fn ended(&mut self) -> Result<Finished, SyncError> {
        (&mut self.ending).await.unwrap_or(Err(SyncError::Broken))
    }
}

/// What it takes to carry out an ended run again, or why that is asked for otherwise.
pub fn again(run: &Run) -> Result<Task, String> {
    match &run.task {
        runs::Task::Everybody => Ok(Task::Sync),
        runs::Task::Exactly { plan, seen: Some(seen) } => {
            Ok(Task::Exactly(Showed { plan: *plan, seen: seen.clone() }))
        }
        runs::Task::Exactly { plan, seen: None } => Err(format!(
            "Run {} does not tell how plan {plan} was decided over then. {}",
            run.id,
            run.how_to_repeat()
        )),
        runs::Task::Person(_) => {
            Err(format!("Run {} was of one person alone. {}", run.id, run.how_to_repeat()))
        }
        runs::Task::Undo(undone) => {
            Err(format!("Run {} takes back run {undone}. {}", run.id, run.how_to_repeat()))
        }
    }
}

/// The source of a connector, ready to be read.
pub async fn source(engine: &Engine, connector: &Connector) -> Result<OneLogin, PrepareError> {
    let secret = connectors::client_secret(&engine.db, &engine.seal, connector).await?;
    let client = http::Client::new(engine.limits.clone())
        .map_err(|fault| SourceError::Unreachable { fault })?;
    match connector.provider {
        Provider::OneLogin => {
            let settings = &connector.settings;
            let source = OneLogin::new(settings.source.clone(), secret, client)?;
            let source = source.with_fields(settings.fields()?.iter())?;
            Ok(source.telling_leavers(settings.policy()?.keeps().leavers))
        }
    }
}

/// Tries everything that a read of this connector needs, one step after the other.
pub async fn check(
    db: &Db,
    connector: ConnectorId,
    source: &OneLogin,
    progress: &(dyn Fn(&CheckStep) + Sync),
) -> Checklist {
    let checklist = source.check(progress).await;
    note(db, connector, checklist.left).await;
    checklist
}

/// Keeps what a source told of the API calls that are left, for every page to show. Whoever asked
/// has their answer, so it is no reason to fail that it cannot be kept.
pub async fn note_budget(db: &Db, connector: ConnectorId, source: &OneLogin) {
    note(db, connector, source.left()).await;
}

async fn note(db: &Db, connector: ConnectorId, left: Option<(Allowance, Duration)>) {
    let Some(budget) = left.map(budget) else { return };
    let noted = async {
        let mut tx = db.begin().await?;
        budgets::note(&mut tx, connector, &budget).await?;
        tx.commit().await
    };
    if let Err(error) = noted.await {
        tracing::warn!("How many API calls are left could not be noted: {error}");
    }
}

fn budget((left, since): (Allowance, Duration)) -> Budget {
    let Allowance { limit, remaining, resets_in: _ } = left;
    let now = Timestamp::now();
    let told_at = now.checked_sub(since).unwrap_or(now);
    Budget { limit, remaining, told_at }
}

/// Starts a run, unless one of this connector is under way anywhere. `watch` is told what goes on.
pub async fn start(
    engine: &Engine,
    ready: Ready,
    order: &Order,
    watch: impl Fn(Event) + Send + Sync + 'static,
) -> Result<Started, StartError> {
    if ready.targets.is_empty() {
        return Err(StartError::NoTarget { connector: ready.connector.name.to_string() });
    }
    let lease = begin(engine, &ready.connector, order).await?;
    moment("begun");
    let (stop, asked) = watch::channel(None);
    let (db, run, under_way) = (engine.db.clone(), lease.run, Arc::clone(&engine.under_way));
    let task = order.task.clone();
    under_way.stops().insert(run, stop.clone());
    let slot = order.slot;
    let name = ready.connector.name.to_string();
    let span = tracing::info_span!("run", run = run.0, connector = name);
    let trigger = order.trigger.word();
    tracing::info!(run = run.0, connector = name, "Run {run} of {name} begins: {trigger}.");
    let carried_out = async move {
        let done = carry_out(&db, &ready, &task, lease, slot, asked, &watch);
        let done = AssertUnwindSafe(done).catch_unwind();
        let done = done.await.unwrap_or(Err(SyncError::Broken));
        note_budget(&db, ready.connector.id, &ready.source).await;
        tell_end(run, &name, &done);
        under_way.stops().remove(&run);
        under_way.ended_count.fetch_add(1, Ordering::Relaxed);
        under_way.ended.notify_waiters();
        done
    };
    let ending = tokio::spawn(carried_out.instrument(span));
    Ok(Started { run, stop, ending })
}

async fn begin(engine: &Engine, connector: &Connector, order: &Order) -> Result<Lease, StartError> {
    let Order { trigger, actor, retry_of, slot, task, reason: _ } = order;
    let mut tx = engine.db.begin().await?;
    let now = tx.now().await?;
    let vacancy = match leases::claim(&mut tx, connector.id, now).await? {
        Ok(vacancy) => vacancy,
        Err(busy) => return Err(StartError::Busy(busy)),
    };
    let new = NewRun {
        connector,
        trigger: *trigger,
        started_by: &actor.name,
        node: &engine.node,
        retry_of: *retry_of,
        slot: slot.map(|it| it.at),
    };
    let started_at = slot.map_or(now, |it| it.now);
    let run = runs::insert(&mut tx, &new, started_at, now).await?;
    if let Some(slot) = slot
        && !take(&mut tx, connector, slot.at, *retry_of, run).await?
    {
        return Err(StartError::SlotTaken);
    }
    let lease = leases::give(&mut tx, vacancy, run).await?;
    let mut changes = Changes::created(&json!({ "trigger": trigger.word() }));
    if let Some(retry_of) = retry_of {
        changes = changes.and("retry_of", None, Some(&json!(retry_of.0)));
    }
    let action = match task {
        Task::Sync => Action::RunStart,
        Task::Exactly(Showed { plan, seen }) => {
            runs::set_plan(&mut tx, run, *plan, seen).await?;
            changes = changes.and("plan", None, Some(&json!(plan.0)));
            Action::RunStart
        }
        Task::Undo(Undoing { run: undone, user, may_return, seen: _ }) => {
            let undo = UndoOf { undone: *undone, user: user.clone(), may_return: *may_return };
            runs::set_undo_of(&mut tx, run, &undo).await?;
            changes = changes.and("undo_of", None, Some(&json!(undone.0)));
            changes = changes.and("only_one_user", None, Some(&json!(user.is_some())));
            changes = changes.and("may_return", None, Some(&json!(may_return)));
            Action::RunUndo
        }
    };
    let entry = Entry::new(action, run, &connector.name).with(changes);
    audit::append(&mut tx, &actor.act(now).because(&order.reason), &entry).await?;
    tx.commit().await?;
    Ok(lease)
}

async fn take(
    tx: &mut Tx,
    connector: &Connector,
    slot: Timestamp,
    interrupted: Option<RunId>,
    run: RunId,
) -> Result<bool, StoreError> {
    match interrupted {
        Some(before) => schedules::take_up(tx, connector.id, slot, before, run).await,
        None => schedules::take(tx, connector.id, slot, run).await,
    }
}

/// Writes down why nothing was run for a slot, once. None: the slot is taken already, or the
/// connector is paused.
pub async fn never_began(
    engine: &Engine,
    connector: &Connector,
    actor: &Actor,
    slot: Slot,
    status: Status,
    message: &str,
) -> Result<Option<RunId>, StoreError> {
    let new = NewRun {
        connector,
        trigger: Trigger::Schedule,
        started_by: &actor.name,
        node: &engine.node,
        retry_of: None,
        slot: Some(slot.at),
    };
    let mut tx = engine.db.begin().await?;
    let run = runs::insert(&mut tx, &new, slot.now, slot.now).await?;
    if !schedules::take(&mut tx, connector.id, slot.at, run).await? {
        tx.rollback().await?;
        return Ok(None);
    }
    let ending = Ending { status, message, report: &json!({}) };
    runs::finish(&mut tx, run, &ending, slot.now).await?;
    tx.commit().await?;
    Ok(Some(run))
}

/// For the log of the process; no person is named in it.
fn tell_end(run: RunId, connector: &str, done: &Result<Finished, SyncError>) {
    match done {
        Ok(finished) => {
            let status = finished.status.word();
            tracing::info!(run = run.0, connector, status, "Run {run} of {connector} {status}.");
        }
        Err(error) => {
            let status = error.status().word();
            let why = why_without_names(error);
            tracing::warn!(
                run = run.0,
                connector,
                status,
                "Run {run} of {connector} {status}.{why}"
            );
        }
    }
}

/// Blank where the reason may name somebody, as a target or a setting does, or whoever asked for a
/// stop. The record of the run has it.
fn why_without_names(error: &SyncError) -> String {
    match error {
        SyncError::Target(_)
        | SyncError::Settings(_)
        | SyncError::Undo(_)
        | SyncError::Stopped { .. } => String::new(),
        SyncError::Source(_)
        | SyncError::Store(_)
        | SyncError::Lost(_)
        | SyncError::Stale { .. }
        | SyncError::Closed { .. }
        | SyncError::OtherRules { .. }
        | SyncError::DecidedSince { .. }
        | SyncError::Broken => format!(" {error}"),
    }
}

async fn carry_out(
    db: &Db,
    ready: &Ready,
    task: &Task,
    lease: Lease,
    slot: Option<Slot>,
    asked: watch::Receiver<Option<String>>,
    watch: &(dyn Fn(Event) + Send + Sync),
) -> Result<Finished, SyncError> {
    let job = ready.job(db);
    let recorder = Recorder::new(watch);
    let told = |event: Event| recorder.tell(&event);
    if let Some(slot) = slot {
        recorder.line(&slot.to_string());
    }
    let decided = tokio::select! {
        decided = Box::pin(decide(job, task, &told)) => decided,
        end = keep_alive(job, &lease, &recorder) => Err(end),
        by = stop_asked(asked) => Err(SyncError::Stopped { by }),
    };
    moment("decided");
    let done = match decided {
        Ok(decision) => {
            let exactly = match task {
                Task::Sync | Task::Undo(_) => None,
                Task::Exactly(showed) => Some(showed),
            };
            Box::pin(sync::apply(job, &lease, decision, exactly, &recorder)).await
        }
        Err(error) => Err(error),
    };
    if let Err(error) = &done
        && let Err(second) = record_failure(job, &lease, error, &recorder).await
    {
        let run = lease.run;
        tracing::error!(run = run.0, "The end of run {run} could not be recorded: {second}");
    }
    done
}

async fn decide(job: Job<'_>, task: &Task, watch: sync::Watch<'_>) -> Result<Decision, SyncError> {
    match task {
        Task::Sync | Task::Exactly(_) => sync::decide(job, watch).await,
        Task::Undo(undoing) => plans::undo::decide(job, undoing, watch).await,
    }
}

/// Writes down what the run tells and says that it is alive, until it has to end.
///
/// A database that is away for a while is no reason to end: what could not be written is written
/// later, unless the lease is lost by then.
async fn keep_alive(job: Job<'_>, lease: &Lease, recorder: &Recorder<'_>) -> SyncError {
    let mut beaten = Instant::now();
    loop {
        tokio::time::sleep(TICK).await;
        let has_news = recorder.has_news(&job.source.calls());
        if !has_news && beaten.elapsed() < BEAT_EVERY {
            match runs::stop_asked_by(job.db, lease.run).await {
                Ok(Some(by)) => return SyncError::Stopped { by },
                Ok(None) => {}
                Err(error) => silent(lease.run, &error),
            }
            continue;
        }
        match beat(job, lease, recorder).await {
            Ok(()) => beaten = Instant::now(),
            Err(SyncError::Store(error)) => silent(lease.run, &error),
            Err(error) => return error,
        }
    }
}

async fn beat(job: Job<'_>, lease: &Lease, recorder: &Recorder<'_>) -> Result<(), SyncError> {
    let told = recorder.pending(&job.source.calls());
    let mut tx = job.db.begin().await?;
    leases::hold(&mut tx, lease).await?;
    let now = tx.now().await?;
    let asked = leases::beat(&mut tx, lease, now).await?;
    events::insert(&mut tx, lease.run, &told).await?;
    if let Some(budget) = job.source.left().map(budget) {
        budgets::note(&mut tx, job.connector.id, &budget).await?;
    }
    tx.commit().await?;
    recorder.written(&told);
    asked.map_or(Ok(()), |by| Err(SyncError::Stopped { by }))
}

fn silent(run: RunId, error: &StoreError) {
    tracing::warn!(run = run.0, "Run {run} could not say that it is alive: {error}");
}

async fn stop_asked(mut asked: watch::Receiver<Option<String>>) -> String {
    loop {
        if let Some(by) = asked.borrow_and_update().clone() {
            return by;
        }
        // Whoever started the run has gone, so nobody in this process will ask.
        if asked.changed().await.is_err() {
            std::future::pending::<()>().await;
        }
    }
}

async fn record_failure(
    job: Job<'_>,
    lease: &Lease,
    error: &SyncError,
    recorder: &Recorder<'_>,
) -> Result<(), SyncError> {
    let calls = job.source.calls();
    let message = error.to_string();
    recorder.line(&message);
    let report = report::of_failure(&calls, &recorder.phases());
    let ending = Ending { status: error.status(), message: &message, report: &report };
    let mut tx = job.db.begin().await?;
    leases::hold(&mut tx, lease).await?;
    events::insert(&mut tx, lease.run, &recorder.pending(&calls)).await?;
    let now = tx.now().await?;
    runs::finish(&mut tx, lease.run, &ending, now).await?;
    Ok(tx.commit().await?)
}

/// Ctrl-C or a request to end this process. Where signals cannot be listened to, never.
pub async fn interrupted() {
    use tokio::signal::unix::{SignalKind, signal};
    let Ok(mut terminate) = signal(SignalKind::terminate()) else {
        return std::future::pending().await;
    };
    tokio::select! {
        asked = tokio::signal::ctrl_c() => {
            if asked.is_err() {
                std::future::pending::<()>().await;
            }
        }
        _ = terminate.recv() => {}
    }
}

/// `host, process 4711`.
fn node() -> String {
    let host = std::fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default();
    let host = match host.trim() {
        "" => "this machine",
        host => host,
    };
    format!("{host}, process {}", std::process::id())
}

/// A named moment of a run, at which a test may kill (`ROLLCALL_KILL_AT`) or freeze
/// (`ROLLCALL_FREEZE_AT`) the process, or let it wait there (`ROLLCALL_WAIT_AT`) for as long as the file
/// that it makes (`ROLLCALL_WAIT_FILE`) exists. Nothing in a release build.
///
/// A frozen process keeps the locks that it happens to have, such as those of a transaction which was
/// given up a moment ago. Whoever waits has let go of them.
pub fn moment(name: &str) {
    #[cfg(debug_assertions)]
    {
        let is_at = |variable| std::env::var_os(variable).is_some_and(|it| it == name);
        if is_at("ROLLCALL_KILL_AT") {
            std::process::abort();
        }
        if is_at("ROLLCALL_FREEZE_AT") {
            let process = std::process::id().to_string();
            drop(std::process::Command::new("kill").args(["-STOP", &process]).status());
        }
        if let Some(file) = std::env::var_os("ROLLCALL_WAIT_FILE")
            && is_at("ROLLCALL_WAIT_AT")
            && std::fs::write(&file, "").is_ok()
        {
            tokio::task::block_in_place(|| {
                while std::path::Path::new(&file).exists() {
                    std::thread::sleep(Duration::from_millis(10));
                }
            });
        }
    }
    #[cfg(not(debug_assertions))]
    let _: &str = name;
}

impl fmt::Display for Slot {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Slot { at, missed, now: _ } = self;
        write!(f, "For the slot {}.", at.strftime("%Y-%m-%dT%H:%M:%SZ"))?;
        match missed {
            0 => Ok(()),
            1 => f.write_str(" The one before was missed."),
            _ => write!(f, " {missed} before it were missed."),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_log_says_why_a_run_ended_and_not_who_stopped_it() {
        let stopped = SyncError::Stopped { by: "maya@acme.test".to_owned() };
        assert!(stopped.to_string().contains("maya@acme.test"), "the record of the run does");
        assert_eq!(why_without_names(&stopped), "");
        assert!(why_without_names(&SyncError::Broken).starts_with(' '));
    }
}
