//! One person, brought up to date by themselves: found, mapped, planned, gated and applied as in a
//! run, without a word about anybody else.
//!
//! It needs no lease, so it is allowed while a run is under way. The two are put in line by the
//! target: whoever publishes second finds that the directory has moved on. This side then asks the
//! source again; a run plans anew on what is there, and leaves whoever was synced since it began.

use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use reconcile::explain::{self, Explanation};
use reconcile::gate::{self, Rules};
use reconcile::plan::{Absence, Step};
use reconcile::principal::ExternalId;
use serde_json::json;

use super::explain::{Grounds, rulings};
use super::known::{Everybody, Known, Oracle, hangs_on_others, known};
use super::{PeopleError, actuals};
use crate::plans::{Evidence, settle};
use crate::run::recorder::Recorder;
use crate::run::{self, Engine, Order, Ready, moment};
use crate::source::onelogin::report::Proof;
use crate::store::audit::changes::Changes;
use crate::store::audit::{self, Action, Entry};
use crate::store::connectors::settings::rules::fingerprint;
use crate::store::directory::publish;
use crate::store::leases::BEAT_EVERY;
use crate::store::runs::{self, Ending, NewRun, RunId, Status, events};
use crate::store::targets::Target;
use crate::store::{Db, Tx, singles};
use crate::sync::{self, Decision, Noticed, Reach, Reading, TargetDecision, report, seen};
use crate::target::{self, TargetError};

/// What becomes of somebody whom the source does not have any more, or who takes no part.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Leavers {
    /// Nothing: that is for a run to do, which sees them beside everybody else.
    Wait,
    /// What the cleanup behaviour says, through the gate.
    CleanUp,
}

/// What would be done, or was.
#[derive(Debug)]
pub struct OnePerson {
    /// Under which a directory holds them, or is to hold them.
    pub id: ExternalId,
    /// By which OneLogin knows them.
    pub source_id: ExternalId,
    /// What the source says of them, if they take no part.
    pub absence: Option<Absence>,
    pub explanations: Vec<(Option<Target>, Explanation)>,
    /// What a run would do beyond this, where they wait for one.
    pub left_to_a_run: Vec<Step>,
    pub decision: Decision,
}

/// A run of one person that has ended.
#[derive(Debug)]
pub struct Synced {
    pub run: RunId,
    pub status: Status,
    pub message: String,
    pub person: OnePerson,
}

/// How often somebody else may publish between the question and the answer.
const ATTEMPTS_MAX: usize = 4;

/// What a sync of this person would do. Nothing is changed.
pub async fn simulate(
    db: &Db,
    ready: &Ready,
    text: &str,
    leavers: Leavers,
) -> Result<OnePerson, PeopleError> {
    let decided = async {
        ready.source.check_budget().await?;
        decide(db, ready, text, leavers).await
    };
    let decided = decided.await;
    run::note_budget(db, ready.connector.id, &ready.source).await;
    decided
}

/// Brings one person up to date, as a run of its own in the history. `seen` is what somebody saw of it
/// before, by its fingerprint: nothing else is done.
pub async fn sync(
    engine: &Engine,
    ready: &Ready,
    text: &str,
    leavers: Leavers,
    order: &Order,
    seen: Option<&str>,
) -> Result<Synced, PeopleError> {
    let synced = Box::pin(sync_one(engine, ready, text, leavers, order, seen)).await;
    run::note_budget(&engine.db, ready.connector.id, &ready.source).await;
    synced
}

async fn sync_one(
    engine: &Engine,
    ready: &Ready,
    text: &str,
    leavers: Leavers,
    order: &Order,
    seen: Option<&str>,
) -> Result<Synced, PeopleError> {
    if ready.targets.is_empty() {
        return Err(PeopleError::NoTarget { connector: ready.connector.name.to_string() });
    }
    let unpublished = ready.targets.iter().find(|it| it.published_at.is_none());
    if let Some(target) = unpublished {
        // A product would take a directory of one for an order to delete everybody else.
        return Err(PeopleError::Unpublished { target: target.name.to_string() });
    }
    ready.source.check_budget().await?;
    // Whoever is not there once is not worth a line in the history.
    let question = Question { text, leavers, seen };
    let first = question.decide(&engine.db, ready).await?;
    let run = begin(engine, ready, order, &first.id).await?;
    moment("one-begun");
    let (name, trigger) = (ready.connector.name.as_str(), order.trigger.word());
    tracing::info!(
        run = run.0,
        connector = name,
        "Run {run} of {name} begins: {trigger}, one person."
    );
    let done = tokio::select! {
        done = Box::pin(carry_out(engine, ready, question, run, first)) => done,
        end = keep_alive(&engine.db, run) => Err(end),
    };
    if let Err(error) = &done
        && let Err(second) = record_failure(&engine.db, ready, run, error).await
    {
        tracing::error!(run = run.0, "The end of run {run} could not be recorded: {second}");
    }
    // What is wrong may name the person; the record of the run has it.
    let status = done.as_ref().map_or_else(status_of, |it| it.status).word();
    tracing::info!(run = run.0, connector = name, status, "Run {run} of {name} {status}.");
    done
}

/// Who is to be brought up to date, and what is to come of it where somebody saw that.
#[derive(Clone, Copy)]
struct Question<'a> {
    text: &'a str,
    leavers: Leavers,
    seen: Option<&'a str>,
}

impl Question<'_> {
    async fn decide(self, db: &Db, ready: &Ready) -> Result<OnePerson, PeopleError> {
        let person = decide(db, ready, self.text, self.leavers).await?;
        match self.seen {
            Some(seen) if seen != person.fingerprint() => Err(PeopleError::Changed),
            Some(_) | None => Ok(person),
        }
    }
}

impl OnePerson {
    /// Names what would be done to whom, and what would wait, so that it is known again.
    pub fn fingerprint(&self) -> String {
        seen::digest_of(self.id.as_str(), &self.decision)
    }
}

async fn carry_out(
    engine: &Engine,
    ready: &Ready,
    question: Question<'_>,
    run: RunId,
    first: OnePerson,
) -> Result<Synced, PeopleError> {
    let mut person = first;
    for _ in 1..ATTEMPTS_MAX {
        moment("one-decided");
        match apply(&engine.db, ready, run, person).await {
            Err(PeopleError::Target(TargetError::Stale { .. })) => {
                person = question.decide(&engine.db, ready).await?;
            }
            done => return done,
        }
    }
    apply(&engine.db, ready, run, person).await
}

async fn decide(
    db: &Db,
    ready: &Ready,
    text: &str,
    leavers: Leavers,
) -> Result<OnePerson, PeopleError> {
    let actuals = Arc::new(actuals(db, &ready.targets).await?);
    let settings = &ready.connector.settings;
    // Without a word on everybody else, one person could be given what a run would give nobody.
    let everybody = if hangs_on_others(settings)? {
        Some(Everybody::of_last_read(db, ready).await?)
    } else {
        None
    };
    let oracle = Oracle::Live(&ready.source);
    let mut known = known(db, ready, oracle, everybody.as_ref(), text, &actuals).await?;
    let Some(found) = known.pop() else {
        return Err(PeopleError::Nobody { text: text.to_owned() });
    };
    if !known.is_empty() {
        let ids = known.iter().map(|it| it.source_id.to_string());
        let ids = ids.chain([found.source_id.to_string()]).collect::<Vec<_>>();
        return Err(PeopleError::Several { text: text.to_owned(), ids: ids.join(", ") });
    }
    let rulings = rulings(db, ready).await?;
    let grounds = Grounds::gather(ready, oracle, everybody.as_ref(), rulings, &actuals).await?;
    let rulings = &grounds.rulings;
    let waits = found.absence.is_some() && leavers == Leavers::Wait;
    let mut person = OnePerson {
        id: found.id.clone(),
        source_id: found.source_id.clone(),
        absence: found.absence.clone(),
        explanations: Vec::new(),
        left_to_a_run: Vec::new(),
        decision: nothing_yet(&found, rulings.rules, fingerprint(settings)),
    };
    for (target, actual) in actuals.iter() {
        let explained = grounds.explanation_alone(&found, actual);
        let past = rulings.past(actual);
        let mut plan = explain::alone(&explained.plan, &actual.directory, &past);
        if waits {
            person.left_to_a_run.append(&mut plan.steps);
        }
        let mut decisions = actual.in_force.decisions.clone();
        decisions.keep_in_force(&plan.steps, &explained.states, &rulings.fingerprint);
        let terms = rulings.terms(&decisions);
        let (approved, held) = gate::check(plan, &actual.directory, &terms);
        let steps = [approved.steps(), &held.steps];
        let memberships = sync::memberships_of_removed(steps, &actual.directory);
        let memory = actual.memory.clone();
        person.decision.targets.push(TargetDecision {
            target: target.clone(),
            users_before: actual.directory.users.len(),
            missing_unasked: Vec::new(),
            generation: actual.generation,
            noticed: Noticed { before: memory.clone(), after: memory },
            approved,
            held,
            findings: explained.findings.clone(),
            in_force: actual.in_force.clone(),
            overtaken: Vec::new(),
            restated: Vec::new(),
            evidence: Evidence {
                states: explained.states.clone(),
                memberships,
                ..Evidence::default()
            },
        });
        person.explanations.push((target.clone(), explained));
    }
    Ok(person)
}

fn nothing_yet(known: &Known, rules: Rules, fingerprint: String) -> Decision {
    let is_in_scope = known.found.is_some() && known.absence.is_none();
    Decision {
        reach: Reach::Somebody,
        people: 0,
        rules,
        fingerprint,
        read: Some(Reading {
            strategy: "One person alone.".to_owned(),
            seen: usize::from(known.found.is_some()),
            in_scope: usize::from(is_in_scope),
            out_of_scope: usize::from(known.found.is_some() && !is_in_scope),
            proof: Proof { instead_of_total: Some("asked for alone"), ..Proof::default() },
        }),
        targets: Vec::new(),
        findings: Vec::new(),
        asked: usize::from(known.found.is_none()),
        mapped: usize::from(is_in_scope),
        withheld: 0,
        phases: Vec::new(),
        basis: None,
    }
}

async fn begin(
    engine: &Engine,
    ready: &Ready,
    order: &Order,
    person: &ExternalId,
) -> Result<RunId, PeopleError> {
    // A schedule asks for everybody.
    let Order { trigger, actor, retry_of, slot: _, task: _, reason } = order;
    let connector = &ready.connector;
    let mut tx = engine.db.begin().await?;
    let now = tx.now().await?;
    let new = NewRun {
        connector,
        trigger: *trigger,
        started_by: &actor.name,
        node: &engine.node,
        retry_of: *retry_of,
        slot: None,
    };
    let run = runs::insert(&mut tx, &new, now, now).await?;
    singles::mark(&mut tx, run, person).await?;
    let changes = json!({ "trigger": trigger.word(), "person": person.as_str() });
    let entry = Entry::new(Action::RunStart, run, &connector.name).with(Changes::created(&changes));
    audit::append(&mut tx, &actor.act(now).because(reason), &entry).await?;
    tx.commit().await?;
    Ok(run)
}

/// Publishes what the gate let pass and ends the run, in one transaction.
async fn apply(
    db: &Db,
    ready: &Ready,
    run: RunId,
    person: OnePerson,
) -> Result<Synced, PeopleError> {
    let decision = &person.decision;
    let status = sync::status_of(decision);
    let message = sentence(&person);
    let calls = ready.source.calls();
    let mut tx = db.begin().await?;
    let now = tx.now().await?;
    hold(&mut tx, run, now).await?;
    for it in &decision.targets {
        let Some(target) = &it.target else { continue };
        let found = publish::lock(&mut tx, target.id).await?;
        if found != Some(it.generation) {
            let (read, found) = (it.generation, found.unwrap_or_default());
            return Err(TargetError::Stale { read, found }.into());
        }
        target::crowd::apply(&mut tx, target.id, it.generation, &it.approved, now).await?;
        singles::insert(&mut tx, target.id, &person.id, run, now).await?;
    }
    moment("one-published");
    settle(&mut tx, &ready.connector, run, decision, &calls, now).await?;
    runs::changes::insert(&mut tx, run, report::change_rows(decision)).await?;
    runs::findings::insert(&mut tx, run, report::findings(decision)).await?;
    let recorder = Recorder::new(&|_| {});
    recorder.line(&message);
    events::insert(&mut tx, run, &recorder.pending(&calls)).await?;
    let report = report::of_decision(decision, &calls);
    runs::finish(&mut tx, run, &Ending { status, message: &message, report: &report }, now).await?;
    moment("one-recorded");
    tx.commit().await?;
    moment("one-committed");
    Ok(Synced { run, status, message, person })
}

/// Locks the row of a run that has not ended, or fails because it was taken for dead.
async fn hold(tx: &mut Tx, run: RunId, now: Timestamp) -> Result<(), PeopleError> {
    if runs::beat(tx, run, now).await? { Ok(()) } else { Err(PeopleError::Lost) }
}

/// Says that the run is alive, until it has to end.
async fn keep_alive(db: &Db, run: RunId) -> PeopleError {
    /// How often somebody's wish to stop is looked for.
    const TICK: Duration = Duration::from_millis(500);
    let mut ticks = 0_u32;
    loop {
        tokio::time::sleep(TICK).await;
        ticks += 1;
        if let Ok(Some(by)) = runs::stop_asked_by(db, run).await {
            return PeopleError::Stopped { by };
        }
        if TICK * ticks < BEAT_EVERY {
            continue;
        }
        ticks = 0;
        let beaten = async {
            let mut tx = db.begin().await?;
            let now = tx.now().await?;
            hold(&mut tx, run, now).await?;
            Ok::<_, PeopleError>(tx.commit().await?)
        };
        // A database that is away for a while is no reason to end.
        if let Err(PeopleError::Lost) = beaten.await {
            return PeopleError::Lost;
        }
    }
}

async fn record_failure(
    db: &Db,
    ready: &Ready,
    run: RunId,
    error: &PeopleError,
) -> Result<(), PeopleError> {
    let message = error.to_string();
    let report = report::of_failure(&ready.source.calls(), &[]);
    let status = status_of(error);
    let mut tx = db.begin().await?;
    let now = tx.now().await?;
    hold(&mut tx, run, now).await?;
    runs::finish(&mut tx, run, &Ending { status, message: &message, report: &report }, now).await?;
    Ok(tx.commit().await?)
}

fn status_of(error: &PeopleError) -> Status {
    match error {
        PeopleError::Source(error) if error.is_budget() => Status::Skipped,
        PeopleError::Stopped { .. } => Status::Stopped,
        PeopleError::Changed => Status::Skipped,
        PeopleError::NoRead { .. }
        | PeopleError::Forgotten { .. }
        | PeopleError::Nobody { .. }
        | PeopleError::Several { .. }
        | PeopleError::Unread { .. }
        | PeopleError::NoTarget { .. }
        | PeopleError::Unpublished { .. }
        | PeopleError::Lost
        | PeopleError::Replay(_)
        | PeopleError::Settings(_)
        | PeopleError::Source(_)
        | PeopleError::Target(_)
        | PeopleError::Store(_)
        | PeopleError::Broken => Status::Failed,
    }
}

/// How it ended, without a name.
fn sentence(person: &OnePerson) -> String {
    let OnePerson { absence, left_to_a_run, decision, .. } = person;
    let Some(absence) = absence else {
        return format!("One person. {}", report::sentence(decision));
    };
    let why = match absence {
        Absence::Gone => "OneLogin does not know them any more",
        Absence::OutOfScope(_) => "They take no part",
        Absence::Inactive(_) => "They are inactive in OneLogin",
        Absence::Present => "They are there",
    };
    match left_to_a_run.len() {
        0 => format!("One person. {why}. {}", report::sentence(decision)),
        1 => format!("One person. {why}. Nothing was changed; a run would make 1 change."),
        many => format!("One person. {why}. Nothing was changed; a run would make {many} changes."),
    }
}
