//! What people say of a plan they saw: approved, rejected, left out.

use std::collections::{BTreeMap, BTreeSet};

use jiff::{SignedDuration, Timestamp};
use reconcile::figure::counted;
use reconcile::gate::Objection;
use reconcile::gate::decisions::{Acceptance, Identity, Prerequisites};
use serde_json::json;

use crate::notation::shell_quoted;
use crate::store::audit::actor::Act;
use crate::store::audit::changes::Changes;
use crate::store::audit::{self, Action, Entry, REASON_CHARS_MAX};
use crate::store::connectors;
use crate::store::connectors::settings::ConnectorSettings;
use crate::store::connectors::settings::rules::fingerprint;
use crate::store::plans::changes::{self, Seen};
use crate::store::plans::decisions::{self, Origin, Verdict};
use crate::store::plans::{self, Plan, PlanId, PlanKind, PlanStatus, StoredObjection};
use crate::store::targets::TargetId;
use crate::store::{Db, StoreError, Tx};

/// Which changes of a plan. With none of these, everything that waits.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Choice {
    /// Only these, by their numbers in the plan.
    pub only: Vec<i64>,
    /// All but these.
    pub except: Vec<i64>,
    /// Only those of this cause.
    pub cause: Option<i64>,
}

/// What whoever decides is told where [`Decision::tries_rules`].
pub const RULES_TRIED: &str =
    "The new rules count as tried: from now on the limits alone judge what they take away.";

/// What a decision came to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Decision {
    pub plan: PlanId,
    pub status: PlanStatus,
    pub chosen: usize,
    /// How many of them cannot be done before something that was not chosen.
    pub stuck: usize,
    /// What still waits of the plan.
    pub left: usize,
    /// Until when it is in force.
    pub until: Timestamp,
    /// Somebody accepted that the source has so few people.
    pub people: Option<usize>,
    pub connector: String,
    pub kind: PlanKind,
    pub run: Option<i64>,
    /// Whether the rules of the connector count as tried from now on.
    pub tries_rules: bool,
}

#[derive(Debug, thiserror::Error)]
pub enum DecideError {
    #[error("There is no plan {0}. See `rollcall plan list`.")]
    Unknown(PlanId),
    #[error("Say why: give a reason. It is kept in the audit log.")]
    NoReason,
    #[error("Say why in fewer words: a reason has at most {REASON_CHARS_MAX} characters.")]
    LongReason,
    #[error("Plan {plan} is {}.{} Nothing was decided. See `rollcall plan list`.", .status.word(), spaced(.message))]
    Closed { plan: PlanId, status: PlanStatus, message: String },
    #[error(
        "The settings of the connector were changed since plan {plan} was made, so it is stale. \
         Nothing was decided. Simulate or sync again and look at the new plan.{}",
        spaced(.message)
    )]
    OtherRules { plan: PlanId, message: String },
    #[error("{what} of plan {plan} was decided by {by} already. Nothing was decided.")]
    Decided { plan: PlanId, what: String, by: String },
    #[error("Plan {plan} has no change {seq} that waits. See `rollcall plan show {plan}`.")]
    NotHeld { plan: PlanId, seq: i64 },
    #[error("Plan {plan} has no cause {cause}. See `rollcall plan show {plan}`.")]
    NoCause { plan: PlanId, cause: i64 },
    #[error("Nothing of plan {plan} is chosen. Nothing was decided.")]
    Nothing { plan: PlanId },
    #[error(
        "Plan {plan} has no changes, so there is nothing to reject: the source told of so few people \
         that nobody was asked for by id. Nothing is taken from anybody as long as nobody approves it."
    )]
    NothingToReject { plan: PlanId },
    #[error(
        "Plan {plan} holds nothing. Apply it: rollcall sync {} --plan {plan}",
        shell_quoted(.connector)
    )]
    HoldsNothing { plan: PlanId, connector: String },
    #[error(
        "An empty source is never believed, so it cannot be approved. \
         Look at the required groups and at the source, and sync again."
    )]
    Empty,
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl Choice {
    fn is_everything(&self) -> bool {
        *self == Choice::default()
    }
}

/// Approves changes of a plan; what waits beside them is left out. The reason is that of the act.
///
/// The next run makes what it still plans of them, and holds everything else again.
pub async fn approve(
    db: &Db,
    plan: PlanId,
    choice: &Choice,
    act: &Act<'_>,
) -> Result<Decision, DecideError> {
    let mut tx = db.begin().await?;
    let now = tx.now().await?;
    let Open { plan, settings, seen } = open(&mut tx, plan, act, now).await?;
    // Whoever names what was rejected knows that it was; whoever approves all may be late.
    let is_back = !choice.only.is_empty();
    if !(plan.status.is_open() || (is_back && plan.status == PlanStatus::Rejected)) {
        return Err(closed(&plan, &seen));
    }
    if fingerprint(&settings) != plan.fingerprint {
        return Err(other_rules(&plan, &seen));
    }
    let objections = plans::objections(&mut tx, plan.id).await?;
    if objections.iter().any(|it| it.kind == "empty") {
        return Err(DecideError::Empty);
    }
    // What would pass by itself waits for nobody, unless somebody rejected it.
    let may = |it: &Seen| {
        if is_rejected(it) { is_back } else { it.is_held && is_undecided(it) }
    };
    let chosen = chosen(&plan, &seen, choice, may)?;
    let shrunken: Vec<i64> =
        objections.iter().filter(|it| it.kind == "shrunken").map(|it| it.target).collect();
    let accepts_people = choice.is_everything() && !shrunken.is_empty();
    if chosen.is_empty() && !accepts_people {
        return Err(nothing(&plan, &seen));
    }

    let until = now + settings.safety.expiry();
    let origin = Origin::of(plan.kind);
    let seqs: Vec<i64> = chosen.iter().copied().collect();
    changes::mark(&mut tx, plan.id, &seqs, Verdict::Approved).await?;
    leave_out_others(&mut tx, &plan, &seen, &chosen).await?;
    decisions::enact(&mut tx, plan.id, origin, Verdict::Approved, until).await?;
    decisions::enact(&mut tx, plan.id, origin, Verdict::LeftOut, until).await?;
    if accepts_people {
        let accepted = Acceptance { people: plan.people, rules: (*plan.fingerprint).into() };
        for target in shrunken {
            let target = TargetId(target);
            decisions::accept_people(&mut tx, target, plan.id, &accepted, until).await?;
        }
    }
    let waiting = seen.iter().filter(|it| it.is_held && is_undecided(it));
    let left = waiting.filter(|it| !chosen.contains(&it.seq)).count();
    let tries_rules = left == 0 && try_rules(&mut tx, &plan, &objections).await?;
    let decision = Decision {
        plan: plan.id,
        status: status_of(plan.kind, left, true),
        chosen: chosen.len(),
        stuck: stuck(&seen, &chosen),
        left,
        until,
        people: accepts_people.then_some(plan.people),
        connector: plan.connector_name.to_string(),
        kind: plan.kind,
        run: plan.run.map(|it| it.0),
        tries_rules,
    };
    record(&mut tx, &plan, &decision, until, act, now, Action::PlanApprove).await?;
    tx.commit().await?;
    Ok(decision)
}

/// Says no to changes of a plan; what waits beside them is left out. They are not proposed again until the
/// source says something else of the person, or until the time is over.
pub async fn reject(
    db: &Db,
    plan: PlanId,
    choice: &Choice,
    lasts: Option<SignedDuration>,
    act: &Act<'_>,
) -> Result<Decision, DecideError> {
    let mut tx = db.begin().await?;
    let now = tx.now().await?;
    let Open { plan, settings, seen } = open(&mut tx, plan, act, now).await?;
    if !plan.status.is_open() {
        return Err(closed(&plan, &seen));
    }
    if fingerprint(&settings) != plan.fingerprint {
        return Err(other_rules(&plan, &seen));
    }
    // What would pass by itself can be taken out of a plan that is yet to be applied.
    let is_yet_to_pass = |it: &Seen| plan.kind == PlanKind::Simulated && !it.is_held;
    let is_named = !choice.only.is_empty();
    let may = |it: &Seen| is_undecided(it) && (it.is_held || (is_named && is_yet_to_pass(it)));
    let chosen = chosen(&plan, &seen, choice, may)?;
    if chosen.is_empty() {
        // So few people were read that nobody was asked for by id.
        let is_bare = plan.status == PlanStatus::Waiting && !seen.iter().any(|it| it.is_held);
        return Err(if is_bare {
            DecideError::NothingToReject { plan: plan.id }
        } else {
            nothing(&plan, &seen)
        });
    }
    let until = now + lasts.unwrap_or(settings.safety.rejection());
    let seqs: Vec<i64> = chosen.iter().copied().collect();
    let origin = Origin::of(plan.kind);
    changes::mark(&mut tx, plan.id, &seqs, Verdict::Rejected).await?;
    decisions::enact(&mut tx, plan.id, origin, Verdict::Rejected, until).await?;
    // Without them the rest may be within the limits, and nobody has said yes to it.
    leave_out_others(&mut tx, &plan, &seen, &chosen).await?;
    let waits_until = now + settings.safety.expiry();
    decisions::enact(&mut tx, plan.id, origin, Verdict::LeftOut, waits_until).await?;

    let others = || seen.iter().filter(|it| it.is_held && !chosen.contains(&it.seq));
    let left = others().filter(|it| is_undecided(it)).count();
    let is_any_approved = others().any(|it| it.decision == "approved");
    let status = status_of(plan.kind, left, is_any_approved);
    let objections = plans::objections(&mut tx, plan.id).await?;
    // Whoever says no to everything has said yes to nothing that the rules do.
    let is_right = left == 0 && is_any_approved;
    let tries_rules = is_right && try_rules(&mut tx, &plan, &objections).await?;
    let decision = Decision {
        plan: plan.id,
        status,
        chosen: chosen.len(),
        stuck: 0,
        left,
        until,
        people: None,
        connector: plan.connector_name.to_string(),
        kind: plan.kind,
        run: plan.run.map(|it| it.0),
        tries_rules,
    };
    record(&mut tx, &plan, &decision, plan.expires_at, act, now, Action::PlanReject).await?;
    tx.commit().await?;
    Ok(decision)
}

/// Marks what waits beside what is chosen.
async fn leave_out_others(
    tx: &mut Tx,
    plan: &Plan,
    seen: &[Seen],
    chosen: &BTreeSet<i64>,
) -> Result<(), StoreError> {
    let left = seen.iter().filter(|it| it.is_held && it.decision.is_empty());
    let left: Vec<i64> = left.map(|it| it.seq).filter(|seq| !chosen.contains(seq)).collect();
    changes::mark(tx, plan.id, &left, Verdict::LeftOut).await
}

/// A plan that nobody else decides over meanwhile.
struct Open {
    plan: Plan,
    settings: ConnectorSettings,
    seen: Vec<Seen>,
}

async fn open(tx: &mut Tx, id: PlanId, act: &Act<'_>, now: Timestamp) -> Result<Open, DecideError> {
    if act.reason.trim().is_empty() {
        return Err(DecideError::NoReason);
    }
    if REASON_CHARS_MAX < act.reason.chars().count() {
        return Err(DecideError::LongReason);
    }
    let plan = plans::lock(tx, id, now).await?.ok_or(DecideError::Unknown(id))?;
    let Some(settings) = connectors::settings_of(tx, plan.connector_id).await? else {
        let message = "Its connector was deleted, or cannot be read.".to_owned();
        return Err(DecideError::Closed { plan: id, status: PlanStatus::Superseded, message });
    };
    let seen = changes::seen(tx, id).await?;
    Ok(Open { plan, settings, seen })
}

/// Makes the rules of a plan tried that was decided over as a whole, if all that they would take away is
/// in it. Tells whether that is news.
async fn try_rules(
    tx: &mut Tx,
    plan: &Plan,
    objections: &[StoredObjection],
) -> Result<bool, StoreError> {
    // A simulation remembers nothing of whoever it found suspected, what is over is not all by now, and
    // of a read that was far too short a plan says nothing of whoever is missing.
    let (PlanKind::Held, true, Some(run)) = (plan.kind, plan.status.is_open(), plan.run) else {
        return Ok(false);
    };
    let has = |kinds: &[&str]| objections.iter().any(|it| kinds.contains(&&*it.kind));
    if !has(&Objection::ABOUT_NEW_RULES) || has(&["empty", "shrunken"]) {
        return Ok(false);
    }
    plans::set_tried(tx, plan.connector_id, &plan.fingerprint, run).await
}

/// How a plan stands once so much of it is left undecided: it waits as long as anything of it does, also
/// beside what was approved.
fn status_of(kind: PlanKind, left: usize, is_any_approved: bool) -> PlanStatus {
    match (left, is_any_approved, kind) {
        (1.., _, _) => PlanStatus::Waiting,
        (0, true, _) => PlanStatus::Approved,
        (0, false, PlanKind::Held) => PlanStatus::Rejected,
        (0, false, PlanKind::Simulated | PlanKind::Undo) => PlanStatus::Ready,
    }
}

fn is_rejected(seen: &Seen) -> bool {
    seen.decision == Verdict::Rejected.word()
}

fn is_undecided(seen: &Seen) -> bool {
    seen.decision.is_empty() || seen.decision == Verdict::LeftOut.word()
}

/// How many of those that are chosen wait for others, which are not and were not.
fn stuck(seen: &[Seen], chosen: &BTreeSet<i64>) -> usize {
    let identity = |it: &Seen| (it.target, Identity::recorded(&it.identity));
    let is_approved =
        |it: &Seen| chosen.contains(&it.seq) || it.decision == Verdict::Approved.word();
    let mut others: BTreeMap<i64, Vec<Identity>> = BTreeMap::new();
    for (target, other) in seen.iter().filter(|it| it.is_held && !is_approved(it)).map(identity) {
        others.entry(target).or_default().push(other);
    }
    let missing = others.iter().map(|(target, others)| (*target, others.iter().collect()));
    let missing: BTreeMap<i64, Prerequisites> = missing.collect();
    let chosen = seen.iter().filter(|it| chosen.contains(&it.seq)).map(identity);
    let waits =
        |target, it: &Identity| missing.get(&target).is_some_and(|missing| it.waits_for(missing));
    chosen.filter(|(target, it)| waits(*target, it)).count()
}

impl Decision {
    /// What whoever approves is told of changes that wait for others all the same.
    pub fn stuck_words(&self) -> Option<String> {
        let them = counted(self.stuck, "of them waits", "of them wait");
        (0 < self.stuck).then(|| {
            format!(
                "{them} still, for something that is not approved: an account or a group that is to be made, \
                 or people who are to leave the group."
            )
        })
    }
}

/// The numbers of what is chosen.
fn chosen(
    plan: &Plan,
    seen: &[Seen],
    choice: &Choice,
    may: impl Fn(&Seen) -> bool,
) -> Result<BTreeSet<i64>, DecideError> {
    let Choice { only, except, cause } = choice;
    for seq in only.iter().chain(except) {
        let named = seen.iter().find(|it| it.seq == *seq);
        let Some(named) = named else {
            return Err(DecideError::NotHeld { plan: plan.id, seq: *seq });
        };
        if only.contains(seq) && !may(named) {
            if is_undecided(named) {
                return Err(DecideError::NotHeld { plan: plan.id, seq: *seq });
            }
            let what = format!("Change {seq}");
            let by = plan.decided_by.clone();
            return Err(DecideError::Decided { plan: plan.id, what, by });
        }
    }
    if let Some(cause) = cause
        && !seen.iter().any(|it| it.cause == *cause)
    {
        return Err(DecideError::NoCause { plan: plan.id, cause: *cause });
    }
    let is_chosen = |it: &&Seen| {
        (only.is_empty() || only.contains(&it.seq))
            && !except.contains(&it.seq)
            && cause.is_none_or(|cause| it.cause == cause)
            && may(it)
    };
    Ok(seen.iter().filter(is_chosen).map(|it| it.seq).collect())
}

fn nothing(plan: &Plan, seen: &[Seen]) -> DecideError {
    let mut held = seen.iter().filter(|it| it.is_held).peekable();
    if held.peek().is_none() && plan.status == PlanStatus::Ready {
        let connector = plan.connector_name.to_string();
        return DecideError::HoldsNothing { plan: plan.id, connector };
    }
    if plan.decided_at.is_some() && !held.any(is_undecided) {
        let (what, by) = ("All".to_owned(), plan.decided_by.clone());
        return DecideError::Decided { plan: plan.id, what, by };
    }
    DecideError::Nothing { plan: plan.id }
}

fn closed(plan: &Plan, seen: &[Seen]) -> DecideError {
    let message = match (plan.status, plan.decided_at) {
        (PlanStatus::Rejected, Some(_)) => format!("{} rejected it.", plan.decided_by),
        _ => plan.message.clone(),
    };
    let message = format!("{message}{}", spaced(&way_back(plan, seen)));
    DecideError::Closed { plan: plan.id, status: plan.status, message }
}

fn other_rules(plan: &Plan, seen: &[Seen]) -> DecideError {
    DecideError::OtherRules { plan: plan.id, message: way_back(plan, seen) }
}

/// How to lift what was rejected in a plan of which nothing comes any more: no later plan shows it.
fn way_back(plan: &Plan, seen: &[Seen]) -> String {
    if !seen.iter().any(is_rejected) {
        return String::new();
    }
    format!("To let what was rejected pass again, lift it: rollcall plan lift --plan {}", plan.id)
}

async fn record(
    tx: &mut Tx,
    plan: &Plan,
    decision: &Decision,
    expires_at: Timestamp,
    act: &Act<'_>,
    now: Timestamp,
    action: Action,
) -> Result<(), StoreError> {
    let decided = plans::Decided {
        status: decision.status,
        by: &act.actor.name,
        reason: act.reason,
        at: now,
        expires_at,
    };
    plans::decide(tx, plan.id, decided).await?;
    let done = json!({
        "changes": decision.chosen,
        "left": decision.left,
        "until": decision.until.to_string(),
        "people": decision.people,
        "rules_tried": decision.tries_rules,
    });
    let entry = Entry::new(action, plan.id, &plan.connector_name).with(Changes::created(&done));
    audit::append(tx, act, &entry).await?;
    Ok(())
}

fn spaced(message: &str) -> String {
    if message.is_empty() { String::new() } else { format!(" {message}") }
}
