//! What waits for a person: stored, decided over, released.
//!
//! A stored plan is what somebody *saw*. It is never carried out itself: a run plans afresh and
//! releases what is still planned and was seen and approved ([`settle`]), or, where it was told to do
//! exactly a plan, does it whole or not at all ([`difference`]). Pages and commands call the same
//! functions.

pub mod decide;
pub mod rejections;
pub mod undo;

use std::borrow::Cow;
use std::collections::BTreeMap;

use jiff::Timestamp;
use reconcile::figure::counted;
use reconcile::gate::cause::Cause;
use reconcile::gate::decisions::{Approval, Identity, SeenReason, SourceState};
use reconcile::gate::{Objection, Rules};
use reconcile::plan::{Change, Step, Undecided};
use reconcile::principal::{ExternalId, Name, User};

use crate::source::onelogin::report::Calls;
use crate::store::connectors::Connector;
use crate::store::plans::changes::{self, ChangeRow};
use crate::store::plans::decisions::{self, InForce, NewRejection};
use crate::store::plans::{self, NewPlan, PlanId, PlanKind, PlanStatus};
use crate::store::runs::{RunId, person};
use crate::store::targets::TargetId;
use crate::store::{Db, StoreError, Tx};
use crate::sync::{Decision, Reach, TargetDecision, report};

/// What a plan tells beside its steps, taken while both directories were at hand.
#[derive(Debug, Default)]
pub struct Evidence {
    /// What the source says of everybody whom a step concerns.
    pub states: BTreeMap<ExternalId, SourceState>,
    /// Of the held steps, and for each of them the place of its cause.
    pub causes: Vec<Cause>,
    pub cause_of: Vec<usize>,
    /// The groups that somebody is in who is to be removed.
    pub memberships: BTreeMap<ExternalId, Vec<Name>>,
    /// Whether the source would be believed without anybody's word.
    pub is_believed: bool,
    /// Of whom nothing could be decided, so that nothing is proposed.
    pub undecided: Undecided,
}

/// What a fresh plan would do otherwise than the one that was seen, in words.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Difference {
    pub more: Vec<String>,
    pub fewer: Vec<String>,
}

impl Difference {
    pub fn is_empty(&self) -> bool {
        self.more.is_empty() && self.fewer.is_empty()
    }
}

/// Stores what a simulation found, for somebody to apply exactly that.
pub async fn keep_simulation(
    db: &Db,
    connector: &Connector,
    decision: &Decision,
    calls: &Calls,
    made_by: &str,
) -> Result<PlanId, StoreError> {
    let mut tx = db.begin().await?;
    let now = tx.now().await?;
    let plan =
        keep(&mut tx, connector, decision, calls, made_by, PlanKind::Simulated, None, now).await?;
    tx.commit().await?;
    db.renew_statistics(decision.changes()).await;
    Ok(plan)
}

/// Puts into force what a run makes of earlier plans: what was approved is released and used up,
/// what is held now waits, and what is no longer proposed says so. To be called in the transaction in
/// which the run publishes. Tells which plan waits.
pub async fn settle(
    tx: &mut Tx,
    connector: &Connector,
    run: RunId,
    decision: &Decision,
    calls: &Calls,
    now: Timestamp,
) -> Result<Option<PlanId>, StoreError> {
    let origin = decision.reach.origin();
    let mut released: BTreeMap<PlanId, usize> = BTreeMap::new();
    for target in &decision.targets {
        let Some(id) = target.target.as_ref().map(|it| it.id) else { continue };
        spend(tx, id, decision, target, &mut released).await?;
        decisions::forget_expired(tx, id, now).await?;
    }
    for (plan, changes) in &released {
        let changes = counted(*changes, "approved change", "approved changes");
        let message = format!("Run {run} made {changes}.");
        plans::end(tx, *plan, PlanStatus::Applied, &message).await?;
    }
    let (kind, of_run) = match &decision.reach {
        Reach::Somebody => {
            doubt_tried_rules(tx, connector, decision).await?;
            return Ok(None);
        }
        Reach::Everybody => {
            doubt_tried_rules(tx, connector, decision).await?;
            remember_rules(tx, connector, run, decision).await?;
            (PlanKind::Held, Some(run))
        }
        Reach::Undo { run: undone, is_of_one: _, rejections } => {
            let until = now + connector.settings.safety.rejection();
            for (target, rejections) in rejections {
                let rows: Vec<NewRejection<'_>> = rejections.iter().map(|it| it.row()).collect();
                decisions::reject(tx, *target, run, &rows, until).await?;
            }
            (PlanKind::Undo, Some(*undone))
        }
    };
    let waits = decision.targets.iter().any(|it| !it.held.is_empty());
    let mut open = plans::open(tx, connector.id, kind, now).await?;
    open.retain(|it| kind == PlanKind::Held || it.run == of_run);
    let mut waiting = None;
    if waits {
        for plan in &open {
            if plan.status == PlanStatus::Expired {
                continue;
            }
            let is_by_these_rules = plan.fingerprint == decision.fingerprint;
            if waiting.is_none() && is_by_these_rules && is_same(tx, plan.id, decision).await? {
                waiting = Some(plan.id);
            }
        }
        if waiting.is_none() {
            let by = &run.to_string();
            let new = keep(tx, connector, decision, calls, by, kind, of_run, now).await?;
            changes::carry_over(tx, new, origin.word()).await?;
            waiting = Some(new);
        }
    }
    // What an undo of one person proposes says nothing of what that of everybody does.
    let is_of_one = matches!(decision.reach, Reach::Undo { is_of_one: true, .. });
    for plan in &open {
        let is_overtaken = !is_of_one || plan.status == PlanStatus::Expired;
        if Some(plan.id) == waiting || !is_overtaken {
            continue;
        }
        let (status, message) = match (plan.status, waiting) {
            (PlanStatus::Expired, _) => (PlanStatus::Expired, "Nobody decided in time.".to_owned()),
            (_, Some(other)) => (
                PlanStatus::Superseded,
                format!("Run {run} proposes something else: plan {other}."),
            ),
            (_, None) => {
                (PlanStatus::Superseded, format!("Run {run} no longer proposes it. Nothing to do."))
            }
        };
        plans::end(tx, plan.id, status, &message).await?;
    }
    Ok(waiting)
}

/// What the run would do now that was not seen, and what was seen that it would not do.
pub async fn difference(
    tx: &mut Tx,
    plan: PlanId,
    decision: &Decision,
) -> Result<Difference, StoreError> {
    let seen = changes::seen(tx, plan).await?;
    let is_expected = |it: &&changes::Seen| match &*it.decision {
        "approved" => true,
        "rejected" => false,
        _ => !it.is_held,
    };
    let mut fewer: BTreeMap<(i64, Identity), &changes::Seen> = seen
        .iter()
        .filter(is_expected)
        .map(|it| ((it.target, Identity::recorded(&it.identity)), it))
        .collect();
    let mut more = Vec::new();
    for target in &decision.targets {
        for step in target.approved.steps() {
            let key = (target_number(target), Identity::of(&step.change));
            // For another reason it is another thing to say yes to.
            let reason = SeenReason::of(&step.reason);
            let is_as_seen = |it: &&changes::Seen| SeenReason::recorded(&it.reason) == reason;
            if fewer.get(&key).is_some_and(is_as_seen) {
                fewer.remove(&key);
            } else {
                more.push(step.to_string());
            }
        }
    }
    let fewer = fewer.into_values().map(|it| format!("{} ({})", it.words, it.reason));
    Ok(Difference { more, fewer: fewer.collect() })
}

/// A change that was taken back, for the runs that would do it again.
#[derive(Clone, Debug)]
pub struct Rejected {
    pub identity: Identity,
    pub external_id: Option<ExternalId>,
    pub username: Option<Name>,
    /// The change, as people read it.
    pub words: String,
}

impl Rejected {
    fn row(&self) -> NewRejection<'_> {
        let Rejected { identity, external_id, username, words } = self;
        NewRejection {
            identity,
            external_id: external_id.as_ref().map(ExternalId::as_str),
            username: username.as_ref().map(Name::as_str),
            words,
        }
    }
}

/// The person before and after a change, as JSON, where the other columns do not say it all.
pub fn before_and_after<'a>(
    change: &Change,
    memberships: &BTreeMap<ExternalId, Vec<Name>>,
) -> (Cow<'a, str>, Cow<'a, str>) {
    let none = Cow::Borrowed("");
    match change {
        Change::Create { user } => (none, person::text(user, &[]).into()),
        Change::Update { before, after } | Change::Anonymise { before, after } => {
            (person::text(before, &[]).into(), person::text(after, &[]).into())
        }
        Change::Remove { user } => {
            let groups = memberships.get(&user.id).map_or(&[][..], Vec::as_slice);
            (person::text(user, groups).into(), none)
        }
        Change::Reactivate { .. }
        | Change::Rename { .. }
        | Change::CreateGroup { .. }
        | Change::AdoptGroup { .. }
        | Change::MakeLocal { .. }
        | Change::AddMember { .. }
        | Change::RemoveMember { .. }
        | Change::Deactivate { .. }
        | Change::RemoveGroup { .. } => (none.clone(), none),
    }
}

#[expect(clippy::too_many_arguments, reason = "a plan and everything that it tells of itself")]
async fn keep(
    tx: &mut Tx,
    connector: &Connector,
    decision: &Decision,
    calls: &Calls,
    made_by: &str,
    kind: PlanKind,
    run: Option<RunId>,
    now: Timestamp,
) -> Result<PlanId, StoreError> {
    let is_held = decision.targets.iter().any(|it| !it.held.is_empty());
    let new = NewPlan {
        connector,
        kind,
        run,
        status: if is_held { PlanStatus::Waiting } else { PlanStatus::Ready },
        made_by,
        expires_at: now + connector.settings.safety.expiry(),
        fingerprint: &decision.fingerprint,
        people: decision.people,
        report: &report::of_decision(decision, calls),
    };
    let plan = plans::insert(tx, &new, now).await?;
    changes::insert(tx, plan, change_rows(decision, kind).collect()).await?;
    let objections = decision.targets.iter().flat_map(|target| {
        let objections = target.held.objections.iter();
        objections.map(|it| (target_number(target), it.word(), it.to_string()))
    });
    plans::insert_objections(tx, plan, objections.collect()).await?;
    let causes = decision.targets.iter().flat_map(|target| {
        let causes = target.evidence.causes.iter();
        causes.map(|it| (target_number(target), it.title.clone(), it.changes))
    });
    plans::insert_causes(tx, plan, causes.collect()).await?;
    if kind != PlanKind::Held {
        plans::insert_findings(tx, plan, report::findings(decision).collect()).await?;
    }
    plans::count_rows(tx, plan).await?;
    Ok(plan)
}

fn target_number(target: &TargetDecision) -> i64 {
    target.target.as_ref().map_or(0, |it| it.id.0)
}

/// Of a held plan what waits: the rest is with the run.
fn change_rows(decision: &Decision, kind: PlanKind) -> impl Iterator<Item = ChangeRow<'_>> {
    let mut causes_before = 0;
    decision.targets.iter().flat_map(move |target| {
        let first_cause = causes_before + 1;
        causes_before += target.evidence.causes.len();
        let passing = if kind == PlanKind::Held { &[][..] } else { target.approved.steps() };
        let passing = passing.iter().map(move |step| change_row(target, step, None));
        let held = target.held.steps.iter().zip(&target.evidence.cause_of);
        let held =
            held.map(move |(step, cause)| change_row(target, step, Some(first_cause + cause)));
        passing.chain(held)
    })
}

fn change_row<'a>(
    target: &'a TargetDecision,
    step: &'a Step,
    cause: Option<usize>,
) -> ChangeRow<'a> {
    let Step { change, reason } = step;
    let Evidence { memberships, .. } = &target.evidence;
    let user = change.user();
    let (before, after) = before_and_after(change, memberships);
    ChangeRow {
        target: target.target.as_ref().map(|it| it.id),
        is_held: cause.is_some(),
        kind: change.word(),
        external_id: user.map(|it| it.id.as_str()),
        username: user.map(|it| it.username.as_str()),
        group: change.group().map(Name::as_str),
        email: emails(change),
        fields: change.fields(),
        words: change.to_string(),
        reason: reason.to_string(),
        identity: Identity::of(change).as_str().to_owned(),
        state: state_of(target, step),
        cause: cause.unwrap_or_default(),
        before,
        after,
    }
}

/// The e-mail addresses of whoever a change is about, before and after it, a line each.
fn emails(change: &Change) -> Cow<'_, str> {
    match change {
        Change::Update { before, after } | Change::Anonymise { before, after }
            if email(before) != email(after) =>
        {
            format!("{}\n{}", email(before), email(after)).into()
        }
        Change::Update { .. }
        | Change::Anonymise { .. }
        | Change::Create { .. }
        | Change::Reactivate { .. }
        | Change::Rename { .. }
        | Change::Deactivate { .. }
        | Change::Remove { .. }
        | Change::AddMember { .. }
        | Change::RemoveMember { .. }
        | Change::CreateGroup { .. }
        | Change::AdoptGroup { .. }
        | Change::MakeLocal { .. }
        | Change::RemoveGroup { .. } => change.user().map_or("", |it| email(it)).into(),
    }
}

fn email(user: &User) -> &str {
    user.email.as_ref()
}

/// What the source says of whoever a step concerns, as far as it says anything.
fn state_of<'a>(target: &'a TargetDecision, step: &Step) -> &'a SourceState {
    let states = &target.evidence.states;
    step.change.user().and_then(|it| states.get(&it.id)).unwrap_or(&SourceState::Silent)
}

/// Takes out of force what the run carried out, and what is not proposed any more.
async fn spend(
    tx: &mut Tx,
    target: TargetId,
    whole: &Decision,
    decision: &TargetDecision,
    released: &mut BTreeMap<PlanId, usize>,
) -> Result<(), StoreError> {
    let Decision { reach, fingerprint, .. } = whole;
    let origin = reach.origin();
    let InForce { decisions, approved_in } = &decision.in_force;
    let as_seen = |steps: &[Step]| -> BTreeMap<Identity, Approval> {
        steps.iter().map(|step| Approval::of(step, fingerprint)).collect()
    };
    let has_decisions = !decisions.approved.is_empty() || !decisions.left_out.is_empty();
    let (applied, proposed) = if has_decisions {
        (as_seen(decision.approved.steps()), as_seen(&decision.held.steps))
    } else {
        (BTreeMap::new(), BTreeMap::new())
    };
    // Of whom nobody was asked nothing is proposed, and that says nothing of them.
    let looked_at_all = match reach {
        Reach::Everybody | Reach::Undo { is_of_one: false, .. } => {
            !decision.held.objections.iter().any(Objection::is_about_the_read)
        }
        Reach::Somebody | Reach::Undo { is_of_one: true, .. } => false,
    };
    let mut spent: Vec<&Identity> = Vec::new();
    for (identity, approval) in &decisions.approved {
        if let Some(done) = applied.get(identity) {
            if let Some(plan) = approved_in.get(identity).filter(|_| done == approval) {
                *released.entry(*plan).or_default() += 1;
            }
            spent.push(identity);
        } else if let Some(waiting) = proposed.get(identity) {
            // It was for another reason or by other rules, and is asked about anew.
            if waiting != approval {
                spent.push(identity);
            }
        } else if looked_at_all {
            spent.push(identity);
        }
    }
    // What is left alone for a rejection of something else is proposed, too.
    let alone: Vec<Identity> = if decisions.left_out.is_empty() {
        Vec::new()
    } else {
        decision.held.rejected.iter().map(|it| Identity::of(&it.change)).collect()
    };
    let proposed = proposed.keys().chain(&alone).collect();
    if looked_at_all {
        let (undecided, applied) = (&decision.evidence.undecided, decision.approved.steps());
        spent.extend(decisions.no_longer_left_out(&proposed, undecided, applied, fingerprint));
        spent.extend(&decision.overtaken);
    }
    let anew = decisions.left_out_anew(&proposed, fingerprint);
    decisions::restate_left_out(tx, target, origin, &anew, fingerprint).await?;
    decisions::restate(tx, target, &decision.restated, fingerprint).await?;
    decisions::forget(tx, target, origin, &spent).await?;
    if decisions.people_accepted.is_some() && decision.evidence.is_believed {
        decisions::forget_people(tx, target).await?;
    }
    Ok(())
}

/// Rules that were tried are new again once a run by others has changed anything: what those others
/// brought would be theirs to take away, and nobody has looked at that.
async fn doubt_tried_rules(
    tx: &mut Tx,
    connector: &Connector,
    decision: &Decision,
) -> Result<(), StoreError> {
    let publishes = |it: &TargetDecision| it.target.is_some() && it.approved.changes().len() != 0;
    if decision.rules == Rules::Changed && decision.targets.iter().any(publishes) {
        plans::forget_others_tried(tx, connector.id, &decision.fingerprint).await?;
    }
    Ok(())
}

/// Rules are tried once a run by them went well that had nothing to ask about: it found nothing to
/// take away, or made what somebody approved and left nothing of it waiting. A run before which a whole
/// plan was decided over finds its rules tried already ([`decide`]).
///
/// Where somebody has said no to all of it, nobody has said yes to anything that these rules do.
async fn remember_rules(
    tx: &mut Tx,
    connector: &Connector,
    run: RunId,
    decision: &Decision,
) -> Result<(), StoreError> {
    if decision.rules == Rules::Unchanged {
        return Ok(());
    }
    let mut objections = decision.targets.iter().flat_map(|it| &it.held.objections);
    let is_open = |it: &Objection| it.is_about_the_read() || it.is_about_new_rules();
    let takes = |step: &Step| step.change.takes_something();
    // Some of these pass without anybody's yes, but none is left alone without a no.
    let overwrites = |step: &Step| step.change.overwritten().next().is_some();
    let mut targets = decision.targets.iter();
    let has_yes = targets.clone().any(|it| it.approved.steps().iter().any(takes));
    let has_no = targets.any(|it| it.held.rejected.iter().any(|it| takes(it) || overwrites(it)));
    if !objections.any(is_open) && (has_yes || !has_no) {
        plans::set_tried(tx, connector.id, &decision.fingerprint, run).await?;
    }
    Ok(())
}

/// Whether a run holds exactly what a plan tells, for the same reasons.
async fn is_same(tx: &mut Tx, plan: PlanId, decision: &Decision) -> Result<bool, StoreError> {
    let said: Vec<(i64, String)> = decision
        .targets
        .iter()
        .flat_map(|target| {
            target.held.objections.iter().map(|it| (target_number(target), it.to_string()))
        })
        .collect();
    let stored = plans::objections(tx, plan).await?;
    let stored: Vec<(i64, String)> = stored.into_iter().map(|it| (it.target, it.words)).collect();
    if said != stored {
        return Ok(false);
    }
    let seen = changes::seen(tx, plan).await?;
    let held = seen.iter().filter(|it| it.is_held);
    let seen: BTreeMap<(i64, &str), (&str, SourceState)> = held
        .map(|it| ((it.target, &*it.identity), (&*it.reason, SourceState::recorded(&it.state))))
        .collect();
    let mut count = 0;
    for target in &decision.targets {
        for step in &target.held.steps {
            count += 1;
            let identity = Identity::of(&step.change);
            let reason = step.reason.to_string();
            // A decision over the plan is by what the source said when it was made.
            let was_told = seen.get(&(target_number(target), identity.as_str()));
            if was_told.is_none_or(|it| it.0 != reason || it.1 != *state_of(target, step)) {
                return Ok(false);
            }
        }
    }
    Ok(count == seen.len())
}
