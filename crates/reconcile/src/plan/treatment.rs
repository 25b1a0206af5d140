//! What is done about one leaver: by the setting for everybody, or by what an expression says of them.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::{Cleanup, CleanupRule, Policy};
use crate::directory::Directory;
use crate::expression::{Answer, Groups, Variables};
use crate::principal::{ExternalId, Name, User};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Treatment {
    pub(super) cleanup: Cleanup,
    /// Whether they leave their groups too.
    pub(super) strips: bool,
}

/// Why somebody leaves, as expressions name it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Departure {
    Gone,
    OutOfScope,
}

/// The treatment of everybody who is looked for.
pub(super) struct Treatments<'a> {
    policy: &'a Policy,
    /// The groups of everybody, where the expression asks for them.
    groups: BTreeMap<&'a ExternalId, Vec<Name>>,
}

impl Treatment {
    fn of_everybody(policy: &Policy) -> Treatment {
        Treatment { cleanup: policy.cleanup, strips: policy.strip.is_some() }
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
        Treatments { policy, groups }
    }

    /// What the policy does about somebody, or why its expression does not say. Whoever it does not
    /// say it of is kept.
    pub(super) fn decide(
        &self,
        user: &Arc<User>,
        departure: Departure,
    ) -> (Treatment, Option<String>) {
        let Some(CleanupRule { expression, anonymity }) = &self.policy.cleanup_rule else {
            return (Treatment::of_everybody(self.policy), None);
        };
        let groups = Groups::named(self.groups.get(&user.id).into_iter().flatten().cloned());
        let reason = match departure {
            Departure::Gone => "gone",
            Departure::OutOfScope => "out of scope",
        };
        let text = |path: &str| (path == "reason").then_some(reason);
        let variables = Variables { text: &text, existing: Some(user), groups: &groups };
        let strips = self.policy.strip.is_some();
        let cleaned_up = |cleanup| (Treatment { cleanup, strips }, None);
        let undecided = |why| (Treatment::KEPT, Some(why));
        let answer = match expression.answer(&variables) {
            Ok(answer) => answer,
            Err(why) => return undecided(why),
        };
        if let Some(why) = CleanupRule::SAYS.objection(&answer) {
            return undecided(why);
        }
        match answer {
            Answer::Text(word) => match word.as_str() {
                "disable" => cleaned_up(Cleanup::Disable),
                "delete" => cleaned_up(Cleanup::Delete),
                "anonymise" => cleaned_up(Cleanup::Anonymise(*anonymity)),
                _ => (Treatment::KEPT, None),
            },
            Answer::Nothing => (Treatment::of_everybody(self.policy), None),
            Answer::YesNo(_) | Answer::Drop => (Treatment::KEPT, None),
        }
    }

    pub(super) fn has_rule(&self) -> bool {
        self.policy.cleanup_rule.is_some()
    }

    /// What would be done without the expression.
    pub(super) fn otherwise(&self) -> Treatment {
        Treatment::of_everybody(self.policy)
    }
}
