//! Why somebody is in one group, or is not, and what would bring them in.

use std::collections::BTreeSet;
use std::sync::Arc;

use super::{Decided, Evidence, Verdict};
use crate::finding::FindingKind;
use crate::gate::Held;
use crate::mapping::groups::{Assigned, Fate, LeftOut, Sharing};
use crate::plan::{Absence, Change, OutOfScope, Step};
use crate::principal::{Grant, Name};

/// What is to be known of one person and one group.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GroupAnswer {
    pub group: Name,
    /// Whether they are in it, and stay.
    pub verdict: Verdict,
    /// The first line says it in short.
    pub lines: Vec<String>,
    /// By what they would come in, the closest first.
    pub fixes: Vec<String>,
}

/// Why somebody is in a group of the directory or of the source, or is not. `unread` are the group
/// sources that are switched off, by the provider's words.
pub fn explain_group(evidence: &Evidence<'_>, asked: &Name, unread: &[&str]) -> GroupAnswer {
    let decided = Decided::by(evidence);
    let change = decided.plan.steps.iter().find(|step| {
        step.change.group() == Some(asked)
            && matches!(step.change, Change::AddMember { .. } | Change::RemoveMember { .. })
    });
    let is_in = evidence.actual.is_member(asked, evidence.id);
    let mut answer = match change {
        Some(step) if is_in => leaving(step, &decided.held),
        Some(step) => joining(step, &decided),
        None if is_in => Answer::yes(staying(evidence, &decided, asked)),
        None => Answer::no("not in it".to_owned()),
    };
    if answer.verdict == Verdict::No && (is_in || change.is_none()) {
        let Answer { verdict: _, lines, fixes } = missing(evidence, &decided, asked, unread);
        answer.lines.extend(lines);
        answer.fixes.extend(fixes);
    }
    let Answer { verdict, lines, fixes } = answer;
    GroupAnswer { group: asked.clone(), verdict, lines, fixes }
}

/// What brings somebody in where somebody else said no.
pub const LIFT: &str = "lift the rejection";

struct Answer {
    verdict: Verdict,
    lines: Vec<String>,
    fixes: Vec<String>,
}

impl Answer {
    fn yes(line: String) -> Answer {
        Answer { verdict: Verdict::Yes, lines: vec![line], fixes: Vec::new() }
    }

    fn no(line: String) -> Answer {
        Answer { verdict: Verdict::No, lines: vec![line], fixes: Vec::new() }
    }

    fn fixed_by(self, fix: &str) -> Answer {
        Answer { fixes: vec![fix.to_owned()], ..self }
    }
}

fn joining(step: &Step, decided: &Decided) -> Answer {
    let Decided { held, decisions, .. } = decided;
    if held.rejected.contains(step) {
        let line = if decisions.is_rejected(&step.change) {
            "not in it: somebody rejected that they join, until the source says something else of them or its time is over"
                .to_owned()
        } else {
            let is_needed = |it: &&Step| {
                decisions.is_rejected(&it.change)
                    && (it.change.group() == step.change.group() || it.change.group().is_none())
            };
            let needed = held.rejected.iter().filter(is_needed);
            let needed: Vec<String> = needed.map(|it| it.change.to_string()).collect();
            format!("not in it: somebody rejected what it takes ({})", needed.join(", "))
        };
        return Answer::no(line).fixed_by(LIFT);
    }
    if held.steps.contains(step) {
        let why = held.objections.iter().map(ToString::to_string).collect::<Vec<_>>().join(" ");
        let line = format!("not in it yet: it waits for approval. {why}");
        return Answer::no(line).fixed_by("run a full sync and approve its plan");
    }
    let Step { reason, .. } = step;
    Answer { verdict: Verdict::Note, ..Answer::yes(format!("not in it yet; joins: {reason}")) }
}

fn leaving(step: &Step, held: &Held) -> Answer {
    let Step { reason, .. } = step;
    if held.rejected.contains(step) {
        return Answer::yes(format!("in it; somebody rejected that they leave ({reason})"));
    }
    if held.steps.contains(step) {
        return Answer::no(format!("in it until a plan is approved, and leaves then: {reason}"));
    }
    Answer::no(format!("in it still, and leaves: {reason}"))
}

/// Why somebody who is in a group stays there.
fn staying(evidence: &Evidence<'_>, decided: &Decided, asked: &Name) -> String {
    if evidence.policy.untouchable.matches(asked) {
        return "in it; the group is never touched".to_owned();
    }
    if evidence.policy.is_left_local(asked, evidence.actual) {
        return "in it; the group is local: its members are added and removed by hand".to_owned();
    }
    if decided.desired.directory.is_member(asked, evidence.id) {
        let origins = decided.desired.origins.get(asked).map_or("", |it| it);
        return format!("in it: {origins}");
    }
    if decided.desired.is_unsettled(asked, evidence.id) {
        return "in it, and kept: the source does not tell what the expression asks by which it is assigned"
            .to_owned();
    }
    if decided.desired.unnamed.contains(evidence.id) {
        return "in it, and kept: a group that they have in the source has a name that cannot be used, and \
                may have been this one"
            .to_owned();
    }
    "in it, kept as it is".to_owned()
}

/// Why nothing brings somebody into a group.
fn missing(evidence: &Evidence<'_>, decided: &Decided, asked: &Name, unread: &[&str]) -> Answer {
    let mut answer =
        Answer { verdict: Verdict::No, lines: takes_no_part(evidence, decided), fixes: Vec::new() };
    if !answer.lines.is_empty() {
        return answer;
    }
    if evidence.policy.untouchable.matches(asked) {
        answer.lines.push("the group is never touched: nobody joins or leaves it".to_owned());
        answer.fixes.push(format!("take {asked} off the groups that are never touched"));
    }
    if evidence.policy.is_left_local(asked, evidence.actual) {
        answer.lines.push(
            "the target has a local group of that name, made by hand, so its members stay as they are"
                .to_owned(),
        );
        answer.fixes.push(format!("add them to {asked} by hand"));
        answer.fixes.push(format!("name {asked} in the settings to be adopted"));
    }
    if !answer.lines.is_empty() {
        return answer;
    }
    from_source(evidence, asked, &mut answer);
    for assigned in evidence.rules.groups.assigned.iter().filter(|it| it.group == *asked) {
        from_assignment(evidence, decided, assigned, &mut answer);
    }
    // A group source that is switched off is the cause only where there is no other.
    let has_cause = !answer.lines.is_empty();
    if !has_cause {
        answer.lines.push(format!("no group of the source and no assignment gives {asked}"));
    }
    if !unread.is_empty() {
        let kinds = unread.join(" and ");
        answer
            .lines
            .push(format!("not looked at, because it is switched off as a group source: {kinds}"));
        if !has_cause {
            answer
                .fixes
                .push(format!("switch on {kinds} as a group source, if the group is one of those"));
        }
    }
    answer
}

/// Why somebody gets no account or none is to be changed; nothing where they take part.
fn takes_no_part(evidence: &Evidence<'_>, decided: &Decided) -> Vec<String> {
    let Decided { desired, plan, findings, .. } = decided;
    if evidence.record.is_none() {
        return vec!["the source does not know them".to_owned()];
    }
    let own = findings.iter().filter(|it| it.id.as_ref().is_some_and(|id| evidence.concerns(id)));
    let own = || own.clone().map(|it| it.message.clone());
    let takes_no_part = |why: &str| vec![format!("they take no part: {why}")];
    match evidence.absence {
        Some(Absence::OutOfScope(OutOfScope { words, .. }) | Absence::Inactive(words)) => {
            return takes_no_part(words);
        }
        Some(Absence::Gone | Absence::Present) | None => {}
    }
    if let Some(words) = desired.skipped.get(evidence.id) {
        return takes_no_part(words);
    }
    let is_protected = findings.iter().any(|it| it.kind == FindingKind::Protected);
    let has_account = evidence.actual.users.contains_key(evidence.id)
        || plan.steps.iter().any(|it| matches!(it.change, Change::Create { .. }));
    let is_mapped = desired.directory.users.contains_key(evidence.id);
    if is_mapped && has_account && !is_protected { Vec::new() } else { own().collect() }
}

/// What becomes of each group of the source that may be meant.
fn from_source(evidence: &Evidence<'_>, asked: &Name, answer: &mut Answer) {
    let rules = &evidence.rules.groups;
    let own = evidence.record.map_or(&[][..], |it| &it.grants);
    let sharing = Sharing::of(rules, own.iter().chain(evidence.listed));
    let has = |grant: &Grant| own.iter().any(|it| it.origin == grant.origin);
    let all: BTreeSet<&Arc<Grant>> = own.iter().chain(evidence.listed).collect();
    for grant in all {
        let fate = rules.fate(grant, &sharing);
        let is_called = rules.name_of(grant).is_ok_and(|name| name == *asked);
        let gives = matches!(&fate, Fate::Group(name) if name == asked);
        let is_meant = is_unfit(&fate) && looks_like(&grant.group, asked);
        if grant.group != *asked && !is_called && !gives && !is_meant {
            continue;
        }
        let origin = &grant.origin;
        match &fate {
            Fate::Group(_) if gives && !has(grant) => {
                answer.lines.push(format!("{origin} gives it, which they do not have"));
                answer.fixes.insert(0, format!("give them {origin} in the source"));
            }
            Fate::Group(_) if gives => answer.lines.push(format!("{origin} gives it")),
            Fate::Group(name) => {
                let member = evidence.actual.is_member(name, evidence.id);
                let state = if member { "they are in that" } else { "they are not in that either" };
                answer
                    .lines
                    .push(format!("{origin} is the group {name} in the directory; {state}"));
                answer.fixes.push(format!("ask about {name}"));
            }
            Fate::LeftOut(why) => {
                let besides = if has(grant) { "" } else { "; they do not have it either" };
                answer.lines.push(format!("{origin} gives no group: {why}{besides}"));
                answer.fixes.push(way_in(why, origin));
            }
        }
    }
}

fn is_unfit(fate: &Fate) -> bool {
    match fate {
        Fate::LeftOut(LeftOut::Unfit(_)) => true,
        Fate::Group(_)
        | Fate::LeftOut(
            LeftOut::Outranked { .. }
            | LeftOut::NotListed
            | LeftOut::Unmatched
            | LeftOut::Excepted(_),
        ) => false,
    }
}

/// Whether a name that cannot be used is read as the other: nobody sees, or types, what is wrong with it.
fn looks_like(unfit: &Name, asked: &Name) -> bool {
    let seen = |name: &Name| {
        let letters = name.folded().chars().filter(|it| it.is_alphanumeric());
        letters.collect::<String>()
    };
    !seen(asked).is_empty() && seen(unfit) == seen(asked)
}

/// What would let a group of the source take part.
fn way_in(why: &LeftOut, origin: &str) -> String {
    match why {
        LeftOut::NotListed => format!("add {origin} to the groups that take part"),
        LeftOut::Excepted(pattern) => {
            format!("take \"{pattern}\" off the groups that are left out")
        }
        LeftOut::Unmatched => format!("add a transformation that applies to the name of {origin}"),
        LeftOut::Outranked { by } => {
            format!("give them the {by} of that name, or change what happens on equal names")
        }
        LeftOut::Unfit(_) => format!("rename {origin} in the source"),
    }
}

fn from_assignment(
    evidence: &Evidence<'_>,
    decided: &Decided,
    assigned: &Assigned,
    answer: &mut Answer,
) {
    let Assigned { group, with, only_if } = assigned;
    let user = decided.desired.directory.users.get(evidence.id);
    if user.is_some_and(|user| !user.active) {
        answer.lines.push("it is assigned to active people, and they are inactive".to_owned());
        return;
    }
    match (with, only_if) {
        (Some(kind), _) => {
            answer
                .lines
                .push(format!("it is assigned to whoever has a {kind}, and they have none"));
            answer.fixes.push(format!("give them a {kind} in the source"));
        }
        (None, Some(expression)) if decided.desired.is_unsettled(group, evidence.id) => {
            answer.lines.push(format!(
                "it is assigned by an expression that asks what the source does not tell, so nobody joins by it: {expression}"
            ));
            answer
                .fixes
                .push("give the source that field again, or change the expression".to_owned());
        }
        (None, Some(expression)) => {
            answer.lines.push(format!(
                "it is assigned by an expression that says no of them: {expression}"
            ));
            answer.fixes.push("change the expression, or what it looks at".to_owned());
        }
        (None, None) => {}
    }
}

#[cfg(test)]
mod tests;
