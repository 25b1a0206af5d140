//! What is done about one leaver: by the setting for everybody, or by what an expression says of them.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::{Anonymity, Cleanup, CleanupRule, Policy};
use crate::directory::Directory;
use crate::expression::{Answer, Groups, Variables, untold};
use crate::principal::{ExternalId, Name, Record, User};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Treatment {
    pub(super) cleanup: Cleanup,
    /// Whether they leave their groups too.
    pub(super) strips: bool,
}

/// Why somebody leaves, as expressions name it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Departure<'a> {
    Gone,
    /// With what the source tells of them, where it was asked.
    OutOfScope(Option<&'a Record>),
}

/// The treatment of everybody who is looked for.
pub(super) struct Treatments<'a> {
    policy: &'a Policy,
    /// The groups of everybody, where the expression asks for them.
    groups: BTreeMap<&'a ExternalId, Vec<Name>>,
    /// What may be done about somebody of whom it is not known yet what the source tells; none where the
    /// expression does not ask for that.
    open: Option<Vec<Treatment>>,
}

impl Treatment {
    fn of_everybody(policy: &Policy) -> Treatment {
        Treatment { cleanup: policy.cleanup, strips: policy.strip.is_some() }
    }

    /// What an answer comes to that is none of those that cannot be followed.
    fn said(answer: &Answer, anonymity: Anonymity, policy: &Policy) -> Treatment {
        let cleaned_up = |cleanup| Treatment { cleanup, strips: policy.strip.is_some() };
        match answer {
            Answer::Nothing => Treatment::of_everybody(policy),
            Answer::Text(word) => match word.as_str() {
                "disable" => cleaned_up(Cleanup::Disable),
                "delete" => cleaned_up(Cleanup::Delete),
                "anonymise" => cleaned_up(Cleanup::Anonymise(anonymity)),
                _ => Treatment::KEPT,
            },
            Answer::YesNo(_) | Answer::Drop => Treatment::KEPT,
        }
    }

    const KEPT: Treatment = Treatment { cleanup: Cleanup::Keep, strips: false };
}

impl<'a> Treatments<'a> {
    pub(super) fn of(
        actual: &'a Directory,
        policy: &'a Policy,
        is_looked_for: impl Fn(&ExternalId) -> bool,
    ) -> Treatments<'a> {
        let mut groups: BTreeMap<&ExternalId, Vec<Name>> = BTreeMap::new();
        if policy.cleanup_rule.as_ref().is_some_and(|it| it.expression.names("groups")) {
            for (group, members) in &actual.groups {
                for id in members.iter().filter(|id| is_looked_for(id)) {
                    groups.entry(id).or_default().push(group.clone());
                }
            }
        }
        let rule = policy.cleanup_rule.as_ref().filter(|it| it.expression.names("user"));
        let open = rule.map(|it| may_be_done(it, policy));
        Treatments { policy, groups, open }
    }

    /// Whatever may become of somebody who is absent, as far as it can be told without the source, and
    /// whether an expression fails at them.
    pub(super) fn possible(&self, user: &Arc<User>) -> (Vec<Treatment>, bool) {
        let mut treatments = self.open.clone().unwrap_or_default();
        let mut departures = vec![Departure::Gone];
        if self.policy.cleanup_rule.is_some() && self.open.is_none() {
            departures.push(Departure::OutOfScope(None));
        }
        let mut fails = false;
        for departure in departures {
            let (treatment, failure) = self.decide(user, departure);
            treatments.push(treatment);
            fails |= failure.is_some();
        }
        (treatments, fails)
    }

    /// What the policy does about somebody, or why its expression does not say. Whoever it does not
    /// say it of is kept.
    pub(super) fn decide(
        &self,
        user: &Arc<User>,
        departure: Departure<'_>,
    ) -> (Treatment, Option<String>) {
        let Some(CleanupRule { expression, anonymity }) = &self.policy.cleanup_rule else {
            return (Treatment::of_everybody(self.policy), None);
        };
        let groups = Groups::named(self.groups.get(&user.id).into_iter().flatten().cloned());
        let (reason, record) = match departure {
            Departure::Gone => ("gone", None),
            Departure::OutOfScope(record) => ("out of scope", record),
        };
        let undecided = |why| (Treatment::KEPT, Some(why));
        if let Departure::OutOfScope(record) = departure
            && let Some(why) = untold(expression.fields_of("user"), record)
        {
            return undecided(why);
        }
        let text = |path: &str| match path {
            "reason" => Some(reason),
            path => record?.field(path.strip_prefix("user.")?),
        };
        let variables = Variables {
            text: &text,
            has_user: departure != Departure::Gone,
            existing: Some(user),
            groups: &groups,
        };
        let answer = match expression.answer(&variables) {
            Ok(answer) => answer,
            Err(why) => return undecided(why),
        };
        if let Some(why) = CleanupRule::SAYS.objection(&answer) {
            return undecided(why);
        }
        (Treatment::said(&answer, *anonymity, self.policy), None)
    }

    /// What would be done without the expression.
    pub(super) fn otherwise(&self) -> Treatment {
        Treatment::of_everybody(self.policy)
    }
}

/// What a rule may do about somebody, whoever they are.
fn may_be_done(rule: &CleanupRule, policy: &Policy) -> Vec<Treatment> {
    let words = CleanupRule::WORDS.map(|it| Answer::Text(it.to_owned()));
    let answers = words.into_iter().chain([Answer::Nothing]);
    let said = answers.filter(|it| rule.expression.may_say(it));
    said.map(|it| Treatment::said(&it, rule.anonymity, policy)).collect()
}
