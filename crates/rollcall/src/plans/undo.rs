//! Taking back what a run did.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use reconcile::directory::Directory;
use reconcile::gate::cause::causes;
use reconcile::gate::decisions::{Identity, taken_back};
use reconcile::gate::{self, Rules, Terms};
use reconcile::plan::Change;
use reconcile::plan::undo::{Done, Undo, undo};
use reconcile::principal::{ExternalId, Name, User, fold};

use crate::plans::{Evidence, Rejected};
use crate::store::connectors::settings::rules::fingerprint;
use crate::store::plans::decisions::{self, Origin};
use crate::store::runs::changes::{self, DoneRow};
use crate::store::runs::{self, Run, RunId, person};
use crate::store::targets::TargetId;
use crate::store::{Db, StoreError};
use crate::sync::clock::PhaseClock;
use crate::sync::{self, Decision, Job, Noticed, Phase, Reach, SyncError, TargetDecision, seen};
use crate::target;

/// Which run is to be taken back, and how.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Undoing {
    pub run: RunId,
    /// Only what was done to this person, by username, e-mail or id.
    pub user: Option<String>,
    /// Whether the next run may do it again where the source still wants it.
    pub may_return: bool,
    /// [`Undoing::digest`] of what was shown: nothing else is done. None where nobody looked.
    pub seen: Option<String>,
}

#[derive(Debug, thiserror::Error)]
pub enum UndoError {
    #[error("There is no run {0}. See `rollcall run list`.")]
    Unknown(RunId),
    #[error("Run {0} is still under way. Stop it first: rollcall run stop {0}")]
    UnderWay(RunId),
    #[error("Run {0} changed nothing, so there is nothing to undo.")]
    Nothing(RunId),
    #[error("Run {run} changed nothing of {user:?}. See `rollcall run show {run}`.")]
    Nobody { run: RunId, user: String },
    #[error("Run {run} changed several people who match {user:?}: {ids}. Name one of them by id.")]
    Several { run: RunId, user: String, ids: String },
    #[error(
        "Undoing run {0} would not do what was shown any more, so nothing was changed. Look at it again."
    )]
    Differs(RunId),
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl Undoing {
    /// Names what would be done.
    pub fn digest(&self, decision: &Decision) -> String {
        let Undoing { run, user, may_return, seen: _ } = self;
        let about = format!("undo {run} {may_return} {}", user.as_deref().unwrap_or_default());
        seen::digest_of(&about, decision)
    }
}

/// The run, if it can be taken back.
pub async fn find(db: &Db, run: RunId) -> Result<Run, UndoError> {
    let found = runs::find(db, run).await?.ok_or(UndoError::Unknown(run))?;
    if found.finished_at.is_none() {
        return Err(UndoError::UnderWay(run));
    }
    Ok(found)
}

/// Decides what takes back a run, and passes it through the gate. Changes nothing, and reads nothing
/// but the targets.
pub async fn decide(
    job: Job<'_>,
    undoing: &Undoing,
    watch: sync::Watch<'_>,
) -> Result<Decision, SyncError> {
    let clock = PhaseClock::start(Phase::Plan, watch);
    let settings = &job.connector.settings;
    let fingerprint = fingerprint(settings);
    let policy = settings.policy()?;
    let (limits, privileged) = (settings.safety.limits(), settings.groups.privileged()?);
    let rows = changes::done(job.db, undoing.run).await.map_err(UndoError::from)?;
    if rows.is_empty() {
        return Err(UndoError::Nothing(undoing.run).into());
    }
    let mut actuals = Vec::new();
    for target in job.targets {
        actuals.push((target, target::crowd::read(job.db, target.id).await?));
    }
    let directories: Vec<&Directory> = actuals.iter().map(|(_, it)| &it.directory).collect();
    let rows = of_user(rows, undoing, &directories)?;
    let mut rejections = BTreeMap::new();
    let mut targets = Vec::new();
    for (target, actual) in actuals {
        let in_force = in_force(job.db, target.id).await?;
        let rows: Vec<&DoneRow> = rows.iter().filter(|it| it.target == target.id).collect();
        let done: Vec<Done> = rows.iter().filter_map(|it| done_of(it)).collect();
        let name = format!("run {}", undoing.run);
        let Undo { plan, findings, undone } = undo(&done, &actual.directory, &policy, &name);
        let mut decisions = in_force.decisions.clone();
        decisions.keep_in_force(&plan.steps, &BTreeMap::new(), &fingerprint);
        let terms = Terms {
            limits: &limits,
            decisions: &decisions,
            rules: Rules::Unchanged,
            known_by: &fingerprint,
            privileged: &privileged,
        };
        let steps = plan.steps.clone();
        let (approved, held) = gate::check(plan, &actual.directory, &terms);
        let memberships = sync::memberships_of_removed([&steps, &[]], &actual.directory);
        let (causes, cause_of) = causes(&held.steps, &actual.directory);
        if !undoing.may_return {
            let waiting: BTreeSet<About> =
                held.steps.iter().chain(&held.rejected).map(|it| about(&it.change)).collect();
            // What is held is not taken back yet.
            let is_back = |done: &Done| !waiting.contains(&about(&done.change));
            rejections.insert(target.id, rejected(&done, &undone, is_back));
        }
        targets.push(TargetDecision {
            target: Some(target.clone()),
            users_before: actual.directory.users.len(),
            missing_unasked: Vec::new(),
            generation: actual.generation,
            noticed: Noticed { before: actual.memory.clone(), after: actual.memory.clone() },
            approved,
            held,
            findings,
            in_force,
            overtaken: Vec::new(),
            restated: Vec::new(),
            evidence: Evidence {
                causes,
                cause_of,
                memberships,
                is_believed: true,
                ..Evidence::default()
            },
        });
    }
    let decision = Decision {
        reach: Reach::Undo { run: undoing.run, is_of_one: undoing.user.is_some(), rejections },
        read: None,
        people: targets.iter().map(|it| it.users_before).sum(),
        targets,
        findings: Vec::new(),
        asked: 0,
        mapped: 0,
        withheld: 0,
        rules: Rules::Unchanged,
        fingerprint,
        phases: clock.stop(),
        basis: None,
    };
    if undoing.seen.as_ref().is_some_and(|seen| *seen != undoing.digest(&decision)) {
        return Err(UndoError::Differs(undoing.run).into());
    }
    sync::tell(&decision, watch);
    Ok(decision)
}

async fn in_force(db: &Db, target: TargetId) -> Result<decisions::InForce, StoreError> {
    let mut tx = db.snapshot().await?;
    let now = tx.now().await?;
    decisions::read(&mut tx, target, Origin::Undo, now).await
}

/// What was done to one person, by an id, by the names and the e-mail that the run knew, or by those
/// that they have now.
fn of_user(
    rows: Vec<DoneRow>,
    undoing: &Undoing,
    directories: &[&Directory],
) -> Result<Vec<DoneRow>, UndoError> {
    let Some(user) = &undoing.user else { return Ok(rows) };
    let typed = fold(user.trim());
    let is_typed = |text: &str| *fold(text) == *typed;
    let accounts = directories.iter().flat_map(|it| it.users.values());
    let by_name = accounts.filter(|it| is_typed(it.username.as_str()) || is_typed(&it.email));
    let now: BTreeSet<&str> = by_name.map(|it| it.id.as_str()).collect();
    let (mut by_id, mut named) = (BTreeSet::new(), BTreeSet::new());
    for row in &rows {
        let Some(id) = row.external_id.as_deref() else { continue };
        let people = [&row.before, &row.after].map(|text| person::read(text));
        let known = || people.iter().flatten().map(|(user, _)| user);
        if is_typed(id) || known().any(|it| is_typed(it.source_id().as_str())) {
            by_id.insert(id);
        }
        let is_named = row.username.as_deref().is_some_and(is_typed)
            || known().any(|it| is_typed(it.username.as_str()) || is_typed(&it.email));
        if is_named || now.contains(id) {
            named.insert(id);
        }
    }
    let ids = if by_id.is_empty() { named } else { by_id };
    let ids: BTreeSet<String> = ids.into_iter().map(str::to_owned).collect();
    let (run, user) = (undoing.run, user.clone());
    match ids.len() {
        0 => return Err(UndoError::Nobody { run, user }),
        1 => {}
        _ => {
            let ids = ids.into_iter().collect::<Vec<_>>().join(", ");
            return Err(UndoError::Several { run, user, ids });
        }
    }
    let is_theirs = |row: &DoneRow| row.external_id.as_ref().is_some_and(|id| ids.contains(id));
    Ok(rows.into_iter().filter(is_theirs).collect())
}

/// The person and the group that a change is about.
type About = (Option<ExternalId>, Option<Name>);

fn about(change: &Change) -> About {
    (change.user().map(|user| user.id.clone()), change.group().cloned())
}

/// So that the next run does not do again what was taken back, as long as the source says the same. What
/// it said to the run that is taken back may be long ago, so what the next run finds is what counts.
fn rejected(
    done: &[Done],
    undone: &BTreeSet<usize>,
    is_back: impl Fn(&Done) -> bool,
) -> Vec<Rejected> {
    let places = done.iter().enumerate();
    let back = places.filter(|(place, done)| undone.contains(place) && is_back(done));
    let rejected = |change: Change| Rejected {
        identity: Identity::of(&change),
        external_id: change.user().map(|user| user.id.clone()),
        username: change.user().map(|user| user.username.clone()),
        words: change.to_string(),
    };
    back.flat_map(|(_, done)| taken_back(&done.change)).map(rejected).collect()
}

/// A recorded change. `None` where a version that did not record enough wrote it.
pub(crate) fn done_of(row: &DoneRow) -> Option<Done> {
    let person = |text: &str| person::read(text).map(|(user, _)| Arc::new(user));
    let known = || Some(Arc::new(named(row.external_id.as_deref()?, row.username.as_deref()?)));
    let group = || row.group.as_deref().map(Name::new);
    let mut groups = Vec::new();
    let change = match &*row.kind {
        "create" => Change::Create { user: person(&row.after)? },
        "reactivate" => Change::Reactivate { user: known()? },
        "rename" => Change::Rename { user: known()?, to: Name::new(&row.detail) },
        "update" => Change::Update { before: person(&row.before)?, after: person(&row.after)? },
        "create-group" => Change::CreateGroup { group: group()? },
        "adopt-group" => Change::AdoptGroup { group: group()? },
        "make-local" => Change::MakeLocal { group: group()? },
        "add-to-group" => Change::AddMember { group: group()?, user: known()? },
        "remove-from-group" => Change::RemoveMember { group: group()?, user: known()? },
        "deactivate" => Change::Deactivate { user: known()? },
        "anonymise" => {
            Change::Anonymise { before: person(&row.before)?, after: person(&row.after)? }
        }
        "remove" => {
            let (user, left) = person::read(&row.before)?;
            groups = left;
            Change::Remove { user: Arc::new(user) }
        }
        "remove-group" => Change::RemoveGroup { group: group()? },
        _ => return None,
    };
    Some(Done { change, groups })
}

/// Somebody of whom only the name matters.
fn named(id: &str, username: &str) -> User {
    User {
        id: ExternalId::new(id),
        username: Name::new(username),
        email: "".into(),
        display_name: "".into(),
        first_name: "".into(),
        last_name: "".into(),
        active: true,
        attributes: reconcile::principal::Attributes::default(),
        source_id: None,
    }
}
