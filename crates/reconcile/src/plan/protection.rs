//! Protected people: whatever a plan would do to them is told instead of done.

use std::collections::BTreeMap;

use super::{Case, Policy, Step};
use crate::finding::{Finding, FindingKind};
use crate::principal::{ExternalId, Name, User};

/// So many changes are told in one sentence.
const CHANGES_MAX: usize = 5;

/// Whoever of these steps is protected, and what would have happened to them.
pub(super) fn among(case: &Case<'_>, steps: &[Step]) -> BTreeMap<ExternalId, Finding> {
    if case.policy.protected.is_empty() {
        return BTreeMap::new();
    }
    let mut people: BTreeMap<&ExternalId, Vec<&Step>> = BTreeMap::new();
    for step in steps {
        if let Some(user) = step.change.user() {
            people.entry(&user.id).or_default().push(step);
        }
    }
    let protected = people.into_iter().filter_map(|(id, steps)| {
        let pattern = protecting(case, id)?;
        Some((id.clone(), spared(pattern, &steps)))
    });
    protected.collect()
}

fn protecting<'a>(case: &Case<'a>, id: &ExternalId) -> Option<&'a str> {
    let known = [case.actual.users.get(id), case.desired.directory.users.get(id)];
    case.policy.protecting(known.into_iter().flatten().map(|it| &**it))
}

impl Policy {
    /// The pattern that protects somebody, as the directory or the source knows them.
    #[expect(single_use_lifetimes, reason = "an `impl Trait` needs a name for it")]
    pub(crate) fn protecting<'a>(&self, mut known: impl Iterator<Item = &'a User>) -> Option<&str> {
        let protected = &self.protected;
        known.find_map(|user| {
            let User { id, username, email, .. } = user;
            let id_or_email = || {
                let texts = [id.as_str(), user.source_id().as_str(), email];
                texts.into_iter().find_map(|text| protected.matching(&Name::new(text)))
            };
            protected.matching(username).or_else(id_or_email)
        })
    }
}

fn spared(pattern: &str, steps: &[&Step]) -> Finding {
    let mut changes: Vec<String> =
        steps.iter().take(CHANGES_MAX).map(ToString::to_string).collect();
    let more = steps.len().saturating_sub(CHANGES_MAX);
    if 0 < more {
        changes.push(format!("and {more} more"));
    }
    let user = steps.first().and_then(|step| step.change.user());
    Finding {
        kind: FindingKind::Protected,
        id: user.map(|user| user.id.clone()),
        username: user.map(|user| user.username.as_str().into()),
        message: format!(
            "Protected by \"{pattern}\", so nothing was done. Otherwise: {}.",
            changes.join("; ")
        ),
    }
}
