//! One run: read, decide, gate, apply.
//!
//! [`decide`] is everything up to the gate and changes nothing; a simulation is a decision that is
//! shown. [`apply`] does what the gate let pass. How a run starts, and what becomes of it when it
//! cannot end, is in [`crate::run`].

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

use jiff::Timestamp;
use reconcile::directory::Directory;
use reconcile::figure::{counted, figure};
use reconcile::finding::{Finding, FindingKind};
use reconcile::gate::cause::causes;
use reconcile::gate::decisions::{Decisions, Identity, SourceState, states};
use reconcile::gate::{self, Approved, Held, Rules};
use reconcile::mapping::existing::Existing;
use reconcile::mapping::{self, Desired};
use reconcile::plan::{self, Absence, Change, Memory, Step};
use reconcile::principal::{ExternalId, Name};
use tokio::task::JoinSet;

use self::clock::PhaseClock;
use self::patience::patiently;
use self::rulings::Rulings;
use crate::plans::undo::UndoError;
use crate::plans::{self, Difference, Evidence, Rejected};
use crate::run::recorder::Recorder;
use crate::run::{Showed, moment};
use crate::source::onelogin::OneLogin;
use crate::source::onelogin::error::SourceError;
use crate::source::onelogin::report::{Calls, Progress, Proof, Read};
use crate::store::connectors::Connector;
use crate::store::connectors::settings::rules::fingerprint;
use crate::store::connectors::settings::{ConnectorSettings, FieldError};
use crate::store::leases::{self, HoldError, Lease};
use crate::store::plans::decisions::{InForce, Origin};
use crate::store::plans::{PlanId, PlanStatus};
use crate::store::runs::{self, Ending, RunId, Status, events};
use crate::store::targets::{Target, TargetId};
use crate::store::{self, Db, StoreError, Tx, memory, reads};
use crate::target::{self, Actual, TargetError};

pub mod clock;
mod patience;
mod renewal;
pub mod report;
pub mod rulings;
pub mod seen;

/// What a run works on.
#[derive(Clone, Copy, Debug)]
pub struct Job<'a> {
    pub db: &'a Db,
    pub connector: &'a Connector,
    pub source: &'a OneLogin,
    /// Without any, a decision is made for a directory that is still empty.
    pub targets: &'a [Target],
}

/// What a run is doing.
#[derive(Clone, Debug)]
pub enum Event {
    Phase(Phase),
    Source(Progress),
    /// What the gate made of the plan for a target.
    Counts(Counts),
    /// Something worth reading later.
    Line(String),
}

/// How many changes there are of each kind, by the kind's word.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Counts {
    /// None where the connector has no target yet.
    pub target: Option<Name>,
    pub users_before: usize,
    pub passing: BTreeMap<&'static str, usize>,
    pub held: BTreeMap<&'static str, usize>,
    /// How many are left alone because somebody rejected them.
    pub rejected: usize,
    pub missing_unasked: usize,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Phase {
    Read,
    Map,
    Ask,
    Plan,
    Apply,
}

/// Everything that was decided, before anything has changed.
#[derive(Debug)]
pub struct Decision {
    pub reach: Reach,
    /// None where no source was read.
    pub read: Option<Reading>,
    /// How many people the source had.
    pub people: usize,
    pub targets: Vec<TargetDecision>,
    /// Of the read and of the mapping; those of the planning are with their target.
    pub findings: Vec<Finding>,
    /// How many people were asked for by id.
    pub asked: usize,
    /// People whom the mapping could decide on.
    pub mapped: usize,
    pub withheld: usize,
    /// How the rules stand to those of the last good run, and what they are known by.
    pub rules: Rules,
    pub fingerprint: String,
    pub phases: Vec<(Phase, Duration)>,
    /// For a plan that has to be made anew; nothing where that cannot be.
    pub basis: Option<Basis>,
}

impl Decision {
    /// How many changes pass or are held.
    pub fn changes(&self) -> usize {
        self.targets.iter().map(|it| it.approved.steps().len() + it.held.steps.len()).sum()
    }
}

/// Whom a decision is about, and so what it says of plans that were made before.
#[derive(Debug)]
pub enum Reach {
    Everybody,
    /// Whatever else waits goes on waiting.
    Somebody,
    /// Whoever a run changed. What is taken back is not to be done again by the next run.
    Undo {
        run: RunId,
        /// Whether one person's changes alone are taken back.
        is_of_one: bool,
        rejections: BTreeMap<TargetId, Vec<Rejected>>,
    },
}

impl Reach {
    pub fn origin(&self) -> Origin {
        match self {
            Reach::Everybody | Reach::Somebody => Origin::Sync,
            Reach::Undo { .. } => Origin::Undo,
        }
    }
}

/// What is kept of a read once its records are mapped.
#[derive(Debug)]
pub struct Reading {
    pub strategy: String,
    pub seen: usize,
    pub in_scope: usize,
    pub out_of_scope: usize,
    pub proof: Proof,
}

/// A read as the settings understand it.
#[derive(Debug)]
pub struct Mapped {
    pub reading: Reading,
    pub desired: Desired,
    pub findings: Vec<Finding>,
}

/// What plans are made of, whatever the target.
#[derive(Debug)]
pub struct Basis {
    pub desired: Desired,
    pub gone: BTreeMap<ExternalId, Absence>,
}

#[derive(Debug)]
pub struct TargetDecision {
    /// None where the connector has no target yet.
    pub target: Option<Target>,
    pub users_before: usize,
    /// People of the target who are missing from a source that shrank too much for anybody to be
    /// asked for by id.
    pub missing_unasked: Vec<ExternalId>,
    pub generation: i64,
    pub noticed: Noticed,
    pub approved: Approved,
    pub held: Held,
    pub findings: Vec<Finding>,
    /// What people have said of earlier plans.
    pub in_force: InForce,
    /// Rejections that the source has overtaken: it says something else of the person now.
    pub overtaken: Vec<Identity>,
    /// Rejections that are in force and were made by other rules, or without a read, and what the source
    /// says of the person now: from there on they are told by.
    pub restated: Vec<(Identity, SourceState)>,
    pub evidence: Evidence,
}

/// What the next plan for a target is to know. Where only some people were looked at, nothing new.
#[derive(Debug)]
pub struct Noticed {
    pub before: Memory,
    pub after: Memory,
}

/// How a run ended, for whoever started it. The same is in the database.
#[derive(Debug)]
pub struct Finished {
    pub run: RunId,
    pub status: Status,
    pub message: String,
    pub decision: Decision,
    pub calls: Calls,
    /// What waits for a person.
    pub plan: Option<PlanId>,
}

#[derive(Debug, thiserror::Error)]
pub enum SyncError {
    #[error(transparent)]
    Source(#[from] SourceError),
    #[error(transparent)]
    Settings(#[from] FieldError),
    #[error(transparent)]
    Target(#[from] TargetError),
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error(transparent)]
    Undo(#[from] UndoError),
    #[error(
        "Plan {plan} is stale: {}. Nothing was applied. Simulate again and look at the new plan.",
        told(.difference)
    )]
    Stale { plan: PlanId, difference: Difference },
    #[error("Plan {plan} is {}, so nothing was applied. Simulate again.", .status.word())]
    Closed { plan: PlanId, status: PlanStatus },
    #[error(
        "The rules of the connector were changed since plan {plan} was made, so it is stale. \
         Nothing was applied. Simulate again and look at the new plan."
    )]
    OtherRules { plan: PlanId },
    #[error(
        "Somebody decided over plan {plan} since you looked. Nothing was applied. Look at it \
         again, and apply it if it is right."
    )]
    DecidedSince { plan: PlanId },
    #[error("Stopped by {by}. Nothing was changed.")]
    Stopped { by: String },
    #[error(transparent)]
    Lost(HoldError),
    #[error("A part of the run broke off, which is a defect of Rollcall. Nothing was changed.")]
    Broken,
}

impl SyncError {
    /// A run that could not begin is skipped; one that began and did not end well has failed.
    pub fn status(&self) -> Status {
        match self {
            SyncError::Source(error) if error.is_budget() => Status::Skipped,
            SyncError::Stopped { .. } => Status::Stopped,
            SyncError::Stale { .. }
            | SyncError::Closed { .. }
            | SyncError::OtherRules { .. }
            | SyncError::DecidedSince { .. }
            | SyncError::Undo(_) => Status::Skipped,
            SyncError::Lost(_)
            | SyncError::Source(_)
            | SyncError::Settings(_)
            | SyncError::Target(_)
            | SyncError::Store(_)
            | SyncError::Broken => Status::Failed,
        }
    }
}

/// How a plan differs from the one that was seen. No person is named.
fn told(difference: &Difference) -> String {
    let Difference { more, fewer } = difference;
    let said = |count: usize, what: &str| match count {
        0 => None,
        1 => Some(format!("1 change {what}")),
        count => Some(format!("{} changes {what}", figure(count))),
    };
    let parts = [
        said(more.len(), "would be made that it did not show"),
        said(fewer.len(), "that it showed would not be made any more"),
    ];
    parts.into_iter().flatten().collect::<Vec<_>>().join(", ")
}

impl From<HoldError> for SyncError {
    fn from(error: HoldError) -> SyncError {
        match error {
            HoldError::Lost => SyncError::Lost(error),
            HoldError::Store(error) => SyncError::Store(error),
        }
    }
}

impl Phase {
    pub fn word(self) -> &'static str {
        match self {
            Phase::Read => "read",
            Phase::Map => "map",
            Phase::Ask => "ask",
            Phase::Plan => "plan",
            Phase::Apply => "apply",
        }
    }
}

pub type Watch<'a> = &'a (dyn Fn(Event) + Sync);

/// Reads, maps, asks, plans and gates. Changes nothing.
pub async fn decide(job: Job<'_>, watch: Watch<'_>) -> Result<Decision, SyncError> {
    let mut clock = PhaseClock::start(Phase::Read, watch);
    let told = |progress| watch(Event::Source(progress));
    let (read, actuals) = tokio::try_join!(
        async { Ok::<_, SyncError>(job.source.read(&told).await?) },
        patiently(|| read_targets(job)),
    )?;
    clock.next(Phase::Map);
    let existing = Existing::of(actuals.iter().map(|(_, actual)| &actual.directory));
    let Mapped { reading, desired, findings } = map(read, &job.connector.settings, &existing)?;

    clock.next(Phase::Ask);
    let tried = patiently(|| tried(job)).await?;
    let rulings = Rulings::by(&job.connector.settings, tried.as_deref())?;
    let (missing, unasked) = missing(&desired, &actuals, &rulings);
    let gone = ask(job.source, &missing, &existing).await?;

    clock.next(Phase::Plan);
    let basis = Basis::of(desired, gone);
    let weighed = actuals.iter().zip(unasked);
    let targets = weighed.map(|((target, actual), missing_unasked)| {
        weigh(&basis, target.clone(), actual, missing_unasked, &rulings)
    });
    let decision = Decision {
        reach: Reach::Everybody,
        people: basis.desired.people(),
        rules: rulings.rules,
        fingerprint: fingerprint(&job.connector.settings),
        targets: targets.collect(),
        asked: missing.len(),
        mapped: basis.desired.directory.users.len(),
        withheld: basis.desired.withheld.len(),
        phases: clock.stop(),
        read: Some(reading),
        findings,
        basis: Some(basis),
    };
    tell(&decision, watch);
    forget(actuals);
    Ok(decision)
}

/// What the gate made of the plans, for the log.
pub(crate) fn tell(decision: &Decision, watch: Watch<'_>) {
    for target in &decision.targets {
        watch(Event::Counts(report::counts_of(target)));
        for objection in &target.held.objections {
            watch(Event::Line(report::named(decision, target, objection)));
        }
    }
}

/// What the settings make of a read.
pub fn map(
    read: Read,
    settings: &ConnectorSettings,
    existing: &Existing<'_>,
) -> Result<Mapped, FieldError> {
    let mut reading = Reading {
        strategy: read.strategy,
        seen: read.seen,
        in_scope: read.records.len() + read.unreadable.len(),
        out_of_scope: read.out_of_scope,
        proof: read.proof,
    };
    let rules = settings.rules()?;
    if let Some(key) = rules.people.key_field()
        && !read.records.is_empty()
        && read.records.iter().all(|it| it.is_untold(key))
    {
        // One finding for everybody would say no more, and take longer to be noticed.
        let why = format!("OneLogin has no \"{key}\", so people cannot be told apart by it.");
        return Err(FieldError { field: "mapping.key", why });
    }
    let (desired, odd) =
        mapping::desired_by(read.records, read.unreadable, &read.groups, &rules, existing);
    reading.in_scope -= desired.skipped.len();
    reading.out_of_scope += desired.skipped.len();
    let mut findings = read.findings;
    findings.extend(odd);
    Ok(Mapped { reading, desired, findings })
}

/// Asks the source what became of accounts, by its own id of each.
async fn ask(
    source: &OneLogin,
    missing: &[ExternalId],
    existing: &Existing<'_>,
) -> Result<BTreeMap<ExternalId, Absence>, SourceError> {
    let gone = source.gone(&source_ids(missing, existing)).await?;
    Ok(answers(missing, existing, |_| gone))
}

/// The answers about accounts, of a source that knows them by its own ids.
pub fn answers(
    missing: &[ExternalId],
    existing: &Existing<'_>,
    gone: impl FnOnce(&[ExternalId]) -> BTreeMap<ExternalId, Absence>,
) -> BTreeMap<ExternalId, Absence> {
    let asked = source_ids(missing, existing);
    let gone = gone(&asked);
    let answer = |(id, asked)| Some((ExternalId::clone(id), gone.get(asked)?.clone()));
    missing.iter().zip(&asked).filter_map(answer).collect()
}

fn source_ids(missing: &[ExternalId], existing: &Existing<'_>) -> Vec<ExternalId> {
    let source_id =
        |id: &ExternalId| existing.account(id).map_or(id, |user| user.source_id()).clone();
    missing.iter().map(source_id).collect()
}

impl Basis {
    /// Whoever a rule leaves out counts as out of scope.
    pub fn of(desired: Desired, gone: BTreeMap<ExternalId, Absence>) -> Basis {
        let skipped = desired.skipped.keys();
        let skipped = skipped.filter_map(|id| Some((id.clone(), desired.out_of_scope(id)?)));
        let skipped = skipped.map(|(id, out)| (id, Absence::OutOfScope(out)));
        let gone = gone.into_iter().chain(skipped).collect();
        Basis { desired, gone }
    }
}

/// Who is to be asked for by id, and who of each target is missing unasked because the
/// source shrank too much.
pub fn missing(
    desired: &Desired,
    actuals: &[(Option<Target>, Actual)],
    rulings: &Rulings,
) -> (Vec<ExternalId>, Vec<Vec<ExternalId>>) {
    let mut missing: BTreeSet<ExternalId> = BTreeSet::new();
    let mut unasked = Vec::new();
    for (_, actual) in actuals {
        let absent = plan::missing(desired, &actual.directory, &rulings.policy);
        let terms = rulings.terms(&actual.in_force.decisions);
        let has_shrunk = gate::shrinkage(desired, &actual.directory, &terms).is_some();
        if has_shrunk {
            unasked.push(absent);
        } else {
            unasked.push(Vec::new());
            missing.extend(absent);
        }
    }
    (missing.into_iter().collect(), unasked)
}

/// Plans for one target, and parts the plan at the gate.
pub fn weigh(
    basis: &Basis,
    target: Option<Target>,
    actual: &Actual,
    missing_unasked: Vec<ExternalId>,
    rulings: &Rulings,
) -> TargetDecision {
    let Basis { desired, gone } = basis;
    let Actual { directory, generation, read_at: _, memory, in_force } = actual;
    let past = rulings.past(actual);
    let (plan, findings) = plan::plan(desired, directory, gone, &rulings.policy, &past);
    let noticed = Noticed { before: memory.clone(), after: plan.memory.clone() };
    let InForceNow { decisions, overtaken, restated } =
        in_force_now(&in_force.decisions, basis, &plan.steps, &rulings.fingerprint);
    let undecided = plan.undecided_in(directory);
    let (approved, held) = gate::check(plan, directory, &rulings.terms(&decisions));
    let (causes, cause_of) = causes(&held.steps, directory);
    let concerned = || approved.steps().iter().chain(&held.steps);
    let ids = concerned().filter_map(|step| step.change.user().map(|user| &user.id));
    let nobody = Decisions::default();
    let evidence = Evidence {
        states: states(ids, desired, gone),
        causes,
        cause_of,
        memberships: memberships_of_removed([approved.steps(), &held.steps], directory),
        is_believed: gate::shrinkage(desired, directory, &rulings.terms(&nobody)).is_none(),
        undecided,
    };
    TargetDecision {
        target,
        users_before: directory.users.len(),
        missing_unasked,
        generation: *generation,
        noticed,
        approved,
        held,
        findings,
        in_force: in_force.clone(),
        overtaken,
        restated,
        evidence,
    }
}

/// What counts of the decisions that people have made, and what becomes of their rejections.
struct InForceNow {
    decisions: Decisions,
    overtaken: Vec<Identity>,
    restated: Vec<(Identity, SourceState)>,
}

fn in_force_now(
    decisions: &Decisions,
    basis: &Basis,
    steps: &[Step],
    fingerprint: &str,
) -> InForceNow {
    let mut kept = decisions.clone();
    let ids = decisions.rejected.values().filter_map(|it| it.user.as_ref());
    let states = states(ids, &basis.desired, &basis.gone);
    kept.keep_in_force(steps, &states, fingerprint);
    let overtaken = decisions.rejected.keys().filter(|it| !kept.rejected.contains_key(*it));
    let overtaken = overtaken.cloned().collect();
    let by_others = kept.rejected.iter().filter(|(_, it)| *it.rules != *fingerprint);
    let restated = by_others.filter_map(|(identity, it)| {
        Some((identity.clone(), states.get(it.user.as_ref()?)?.clone()))
    });
    InForceNow { overtaken, restated: restated.collect(), decisions: kept }
}

/// The groups of everybody whose account goes, and their memberships with it.
pub(crate) fn memberships_of_removed(
    steps: [&[Step]; 2],
    directory: &Directory,
) -> BTreeMap<ExternalId, Vec<Name>> {
    let mut memberships: BTreeMap<ExternalId, Vec<Name>> = BTreeMap::new();
    for step in steps.into_iter().flatten() {
        if let Change::Remove { user } = &step.change {
            memberships.insert(user.id.clone(), Vec::new());
        }
    }
    if memberships.is_empty() {
        return memberships;
    }
    for (group, members) in &directory.groups {
        for id in members {
            if let Some(groups) = memberships.get_mut(id) {
                groups.push(group.clone());
            }
        }
    }
    memberships
}

/// Publishes what the gate let pass and ends the run, in one transaction: the directories and the
/// record of the run change together, or neither does.
///
/// From here on nobody interrupts: what is half applied is nothing.
pub async fn apply(
    job: Job<'_>,
    lease: &Lease,
    mut decision: Decision,
    exactly: Option<&Showed>,
    recorder: &Recorder<'_>,
) -> Result<Finished, SyncError> {
    recorder.tell(&Event::Phase(Phase::Apply));
    let began = Instant::now();
    let calls = job.source.calls();
    let run = lease.run;

    let (mut tx, now) = patiently(|| begin(job, lease)).await?;
    let opened = Instant::now();
    renewal::renew(&mut tx, job, run, &mut decision, recorder).await?;
    let status = status_of(&decision);
    let message = report::sentence(&decision);
    if let Some(showed) = exactly {
        seen::be_as_seen(&mut tx, showed, &decision, run, now).await?;
    }
    for it in &decision.targets {
        let Some(target) = &it.target else { continue };
        let Noticed { before, after } = &it.noticed;
        memory::write(&mut tx, target.id, before, after).await?;
        if is_worth_publishing(it) {
            target::crowd::apply(&mut tx, target.id, it.generation, &it.approved, now).await?;
            recorder.line(&published_line(target, it));
        }
    }
    moment("published");
    if let Some(kept) = job.source.kept() {
        reads::insert(&mut tx, job.connector.id, Some(run), &kept, now).await?;
    }
    let plan = plans::settle(&mut tx, job.connector, run, &decision, &calls, now).await?;
    runs::changes::insert(&mut tx, run, report::change_rows(&decision)).await?;
    runs::findings::insert(&mut tx, run, report::findings(&decision)).await?;
    decision.phases.push((Phase::Apply, began.elapsed()));
    let report = report::of_decision(&decision, &calls);
    let ending = Ending { status, message: &message, report: &report };
    recorder.line(&message);
    events::insert(&mut tx, run, &recorder.pending(&calls)).await?;
    // By the clock of the database, like the beginning of the run: what was published is a part of it.
    let ended = now + opened.elapsed();
    runs::finish(&mut tx, run, &ending, ended).await?;
    moment("recorded");
    tx.commit().await?;
    moment("committed");
    job.db.renew_statistics(decision.changes()).await;
    Ok(Finished { run, status, message, decision, calls, plan })
}

/// The transaction in which a run publishes, with nothing in it yet.
async fn begin(job: Job<'_>, lease: &Lease) -> Result<(Tx, Timestamp), SyncError> {
    let mut tx = job.db.begin().await?;
    leases::hold(&mut tx, lease).await?;
    let now = tx.now().await?;
    match leases::beat(&mut tx, lease, now).await? {
        Some(by) => Err(SyncError::Stopped { by }),
        None => Ok((tx, now)),
    }
}

async fn tried(job: Job<'_>) -> Result<Option<String>, SyncError> {
    Ok(store::plans::tried(job.db, job.connector.id).await?)
}

/// Directories of a hundred thousand take a while to be given back to the system; nobody has to
/// wait for it.
fn forget<T: Send + 'static>(large: T) {
    drop(tokio::task::spawn_blocking(move || drop(large)));
}

fn published_line(target: &Target, decision: &TargetDecision) -> String {
    let changes = counted(decision.approved.changes().len(), "change", "changes");
    format!("Published {changes} to {}.", target.name)
}

/// A directory that has never been published stays so while there is an objection and nobody to
/// put in it: products would take an empty one for an order to delete everybody.
fn is_worth_publishing(decision: &TargetDecision) -> bool {
    let has_changes = decision.approved.changes().len() != 0;
    let is_first = decision.generation == 0;
    has_changes || (is_first && decision.held.is_empty())
}

/// Each in a task of its own: a directory of a hundred thousand keeps a core busy for a while, and
/// the source is read meanwhile.
async fn read_targets(job: Job<'_>) -> Result<Vec<(Option<Target>, Actual)>, SyncError> {
    let mut reading = JoinSet::new();
    for (place, target) in job.targets.iter().cloned().enumerate() {
        let db = job.db.clone();
        reading.spawn(async move {
            let actual = target::crowd::read(&db, target.id).await?;
            Ok::<_, SyncError>((place, Some(target), actual))
        });
    }
    let mut actuals = Vec::new();
    while let Some(read) = reading.join_next().await {
        actuals.push(read.map_err(|_| SyncError::Broken)??);
    }
    if actuals.is_empty() {
        actuals.push((0, None, Actual::default()));
    }
    actuals.sort_by_key(|(place, ..)| *place);
    Ok(actuals.into_iter().map(|(_, target, actual)| (target, actual)).collect())
}

pub(crate) fn status_of(decision: &Decision) -> Status {
    if decision.targets.iter().any(|it| !it.held.is_empty()) {
        return Status::Held;
    }
    let has_skips = report::findings(decision).any(|finding| match finding.kind {
        FindingKind::NotCreated
        | FindingKind::Suspected
        | FindingKind::Protected
        | FindingKind::Kept => false,
        FindingKind::Unreadable
        | FindingKind::Invalid
        | FindingKind::Conflict
        | FindingKind::UnknownStatus
        | FindingKind::PassedOver
        | FindingKind::UnnamedGroup
        | FindingKind::UnknownField
        | FindingKind::Expression
        | FindingKind::NotUndone => true,
    });
    if has_skips { Status::SucceededWithSkips } else { Status::Succeeded }
}
