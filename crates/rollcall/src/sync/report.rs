//! What a run leaves behind: a sentence, a JSON report, and rows.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::time::Duration;

use reconcile::figure::{changes_of, counted, figure};
use reconcile::finding::Finding;
use reconcile::gate::decisions::SourceState;
use reconcile::plan::{Change, Differences, Step};
use reconcile::principal::{ExternalId, Name};
use serde_json::{Value, json};

use crate::plans::{Evidence, before_and_after};
use crate::source::onelogin::report::{Allowance, Calls, Proof};
use crate::store::runs::changes::ChangeRow;
use crate::sync::{Counts, Decision, Phase, TargetDecision};

/// How many changes there are of each kind, by the kind's word.
pub fn counts(steps: &[Step]) -> BTreeMap<&'static str, usize> {
    let mut counts = BTreeMap::new();
    for step in steps {
        *counts.entry(step.change.word()).or_default() += 1;
    }
    counts
}

pub fn counts_of(decision: &TargetDecision) -> Counts {
    Counts {
        target: decision.target.as_ref().map(|it| it.name.clone()),
        users_before: decision.users_before,
        passing: counts(decision.approved.steps()),
        held: counts(&decision.held.steps),
        rejected: decision.held.rejected.len(),
        missing_unasked: decision.missing_unasked.len(),
    }
}

impl fmt::Display for Counts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Counts { target, users_before, passing, held, rejected, missing_unasked } = self;
        match target {
            Some(target) => write!(f, "Target {target}: ")?,
            None => f.write_str("No target yet, as if it were empty: ")?,
        }
        let count = |(kind, count): (&&str, &usize)| changes_of(kind, *count);
        let mut parts: Vec<String> = passing.iter().map(count).collect();
        parts.extend(held.iter().map(|it| format!("{} held", count(it))));
        if 0 < *missing_unasked {
            parts.push(format!("{} missing, not asked for by id", figure(*missing_unasked)));
        }
        if 0 < *rejected {
            let them = if *rejected == 1 { "it" } else { "them" };
            let rejected = figure(*rejected);
            parts.push(format!("{rejected} left alone, because somebody rejected {them}"));
        }
        if parts.is_empty() {
            parts.push("everything already matches".to_owned());
        }
        f.write_str(&parts.join(", "))?;
        write!(f, "; {} before", counted(*users_before, "account", "accounts"))
    }
}

/// Every finding of a run: of the read, the mapping, and the planning of each target.
pub fn findings(decision: &Decision) -> impl Iterator<Item = &Finding> {
    decision.findings.iter().chain(decision.targets.iter().flat_map(|it| &it.findings))
}

/// Why something of a target is held. The target is named where there are several.
pub fn named(decision: &Decision, target: &TargetDecision, words: impl fmt::Display) -> String {
    match &target.target {
        Some(it) if 1 < decision.targets.len() => format!("{}: {words}", it.name),
        Some(_) | None => words.to_string(),
    }
}

/// Why something is held: each reason once, with the targets that it is about where there are several.
fn reasons(decision: &Decision) -> Vec<String> {
    let mut reasons: Vec<(String, Vec<&str>)> = Vec::new();
    for target in &decision.targets {
        let name = target.target.as_ref().map_or("", |it| it.name.as_str());
        for objection in &target.held.objections {
            let words = objection.to_string();
            match reasons.iter_mut().find(|(it, _)| *it == words) {
                Some((_, names)) => names.push(name),
                None => reasons.push((words, vec![name])),
            }
        }
    }
    let is_one = decision.targets.len() < 2;
    let told = |(words, names): (String, Vec<&str>)| {
        if is_one { words } else { format!("{}: {words}", names.join(", ")) }
    };
    reasons.into_iter().map(told).collect()
}

/// What is neither made nor proposed, because somebody rejected it.
pub fn left_alone(rejected: u64) -> String {
    match rejected {
        1 => "1 change is left alone because somebody rejected it.".to_owned(),
        many => {
            let changes = figure(usize::try_from(many).unwrap_or(usize::MAX));
            format!("{changes} changes are left alone because somebody rejected them.")
        }
    }
}

/// One or two sentences: what happened, and what waits for whom.
pub fn sentence(decision: &Decision) -> String {
    let (mut applied, mut held, mut rejected) = (0, 0, 0);
    let mut unasked: BTreeSet<&ExternalId> = BTreeSet::new();
    for target in &decision.targets {
        applied += target.approved.steps().len();
        held += target.held.steps.len();
        rejected += target.held.rejected.len();
        unasked.extend(&target.missing_unasked);
    }
    let reasons = reasons(decision);
    let left_alone = match rejected {
        0 => String::new(),
        some => format!(" {}", left_alone(some as u64)),
    };
    if !reasons.is_empty() {
        let mut parts = reasons;
        if !unasked.is_empty() {
            let missing =
                counted(unasked.len(), "person is missing and was", "people are missing and were");
            parts.push(format!("{missing} not asked for by id; nothing was taken from anybody."));
        }
        if 0 < held {
            parts.push(format!("{}.", counted(held, "change is held", "changes are held")));
        }
        parts.push(format!("{}.", counted(applied, "change was applied", "changes were applied")));
        return parts.join(" ") + &left_alone;
    }
    let left_out = match findings(decision).count() {
        0 => String::new(),
        count => format!(
            " {} why.",
            counted(
                count,
                "finding says what was left out and",
                "findings say what was left out and"
            )
        ),
    };
    let is_unpublished = decision.targets.iter().any(|it| it.generation == 0);
    if applied == 0 && is_unpublished {
        let nobody = "Nobody in the source may have an account, so nothing was published.";
        return format!("{nobody}{left_alone}{left_out}");
    }
    if applied == 0 {
        let everything = if rejected == 0 { "Everything" } else { "Everything else" };
        return format!("{everything} already matches.{left_alone}{left_out}");
    }
    format!(
        "{}.{left_alone}{left_out}",
        counted(applied, "change was applied", "changes were applied")
    )
}

/// The report of a run that came to a decision.
pub fn of_decision(decision: &Decision, calls: &Calls) -> Value {
    let Decision {
        reach: _,
        read,
        people: _,
        targets,
        findings: _,
        asked,
        mapped,
        withheld,
        rules: _,
        fingerprint: _,
        phases,
        basis: _,
    } = decision;
    let mut kinds: BTreeMap<&str, usize> = BTreeMap::new();
    for finding in findings(decision) {
        *kinds.entry(finding.kind.word()).or_default() += 1;
    }
    json!({
        "source": read.as_ref().map(|read| json!({
            "strategy": read.strategy,
            "seen": read.seen,
            "in_scope": read.in_scope,
            "out_of_scope": read.out_of_scope,
            "mapped": mapped,
            "withheld": withheld,
            "asked_by_id": asked,
            "proof": proof(&read.proof),
        })),
        "targets": targets.iter().map(target).collect::<Vec<_>>(),
        "findings": kinds,
        "phases": self::phases(phases),
        "calls": self::calls(calls),
    })
}

/// The report of a run that did not: how far it came, and the calls.
pub fn of_failure(calls: &Calls, phases: &[(Phase, Duration)]) -> Value {
    json!({ "phases": self::phases(phases), "calls": self::calls(calls) })
}

fn phases(phases: &[(Phase, Duration)]) -> Vec<Value> {
    let phase = |(phase, took): &(Phase, Duration)| {
        let ms = u64::try_from(took.as_millis()).unwrap_or(u64::MAX);
        json!({ "phase": phase.word(), "ms": ms })
    };
    phases.iter().map(phase).collect()
}

/// The rows of all changes, applied or held, in order.
pub fn change_rows(decision: &Decision) -> impl Iterator<Item = ChangeRow<'_>> {
    decision.targets.iter().filter_map(|it| Some((it.target.as_ref()?.id, it))).flat_map(
        |(target, it)| {
            let applied = it.approved.steps().iter().map(|step| (step, "applied"));
            let held = it.held.steps.iter().map(|step| (step, "held"));
            let Evidence { states, memberships, .. } = &it.evidence;
            applied.chain(held).map(move |(step, outcome)| {
                let user = step.change.user();
                let (before, after) = before_and_after(&step.change, memberships);
                ChangeRow {
                    before,
                    after,
                    state: user.and_then(|it| states.get(&it.id)).unwrap_or(&SourceState::Silent),
                    target,
                    kind: step.change.word(),
                    external_id: step.change.user().map(|user| user.id.as_str()),
                    username: step.change.user().map(|user| user.username.as_str()),
                    group: step.change.group().map(Name::as_str),
                    fields: step.change.fields(),
                    detail: detail(&step.change),
                    reason: reason(step),
                    outcome: outcome.into(),
                }
            })
        },
    )
}

/// What the columns of a row do not say: before and after.
fn detail(change: &Change) -> Cow<'_, str> {
    match change {
        Change::Create { user } => user.display_name.as_ref().into(),
        Change::Rename { to, .. } => to.as_str().into(),
        Change::Update { before, after } | Change::Anonymise { before, after } => {
            Differences(before, after).to_string().into()
        }
        Change::Reactivate { .. }
        | Change::CreateGroup { .. }
        | Change::AdoptGroup { .. }
        | Change::MakeLocal { .. }
        | Change::AddMember { .. }
        | Change::RemoveMember { .. }
        | Change::Deactivate { .. }
        | Change::Remove { .. }
        | Change::RemoveGroup { .. } => "".into(),
    }
}

fn reason(step: &Step) -> Cow<'_, str> {
    step.reason.to_string().into()
}

fn target(decision: &TargetDecision) -> Value {
    let TargetDecision {
        target,
        users_before,
        missing_unasked,
        generation: _,
        noticed: _,
        approved,
        held,
        findings,
        in_force: _,
        overtaken: _,
        restated: _,
        evidence,
    } = decision;
    json!({
        "name": target.as_ref().map(|it| it.name.as_str()),
        "users_before": users_before,
        "missing_not_asked_for": missing_unasked.len(),
        "applied": counts(approved.steps()),
        "held": counts(&held.steps),
        "rejected": counts(&held.rejected),
        "causes": evidence.causes.iter().map(|it| &it.title).collect::<Vec<_>>(),
        "objections": held.objections.iter().map(ToString::to_string).collect::<Vec<_>>(),
        "findings": findings.len(),
    })
}

fn proof(proof: &Proof) -> Value {
    json!({
        "sentence": proof.to_string(),
        "pages": proof.pages,
        "page_size": proof.page_size,
        "announced_first": proof.announced_first,
        "announced_last": proof.announced_last,
        "distinct": proof.distinct,
        "walks": proof.walks,
    })
}

pub fn calls(calls: &Calls) -> Value {
    let Calls { by_endpoint, retries, budget_before, budget_after, predicted } = calls;
    json!({
        "total": calls.total(),
        "by_endpoint": by_endpoint,
        "retries": retries,
        "predicted": predicted,
        "budget_before": budget_before.as_ref().map(allowance),
        "budget_after": budget_after.as_ref().map(allowance),
    })
}

fn allowance(allowance: &Allowance) -> Value {
    json!({
        "limit": allowance.limit,
        "remaining": allowance.remaining,
        "resets_in_s": allowance.resets_in.as_secs(),
    })
}
