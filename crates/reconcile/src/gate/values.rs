//! What new rules do to the values that accounts have. A wrong row of a mapping empties the titles of
//! everybody, or overwrites them, and no access is lost by which anybody would notice.

use std::collections::BTreeMap;

use super::{Judgement, Objection, Rules, Terms, percent_of};
use crate::directory::Directory;
use crate::plan::values::{EMAIL, value_of};

/// How many of those who have a value may have another one by new rules, in percent. Whoever corrects
/// how a department is written is not asked; whoever has mixed up two fields is.
const OVERWRITTEN_PERCENT_MAX: u32 = 10;

pub(super) fn judge(judgement: &mut Judgement<'_>, actual: &Directory, terms: &Terms<'_>) {
    judge_emptied(judgement, terms.rules);
    match terms.rules {
        Rules::Changed | Rules::Untried => judge_overwritten(judgement, actual, terms),
        Rules::Unchanged => {}
    }
}

/// An update is one change: what else it brings the same person waits with the value that would go.
fn judge_emptied(judgement: &mut Judgement<'_>, rules: Rules) {
    let mut people: BTreeMap<&str, usize> = BTreeMap::new();
    let Judgement { steps, is_open, held, objections } = judgement;
    for ((step, is_open), held) in steps.iter().zip(is_open).zip(held) {
        if !*is_open || !rules.are_behind(step) {
            continue;
        }
        for attribute in step.change.emptied() {
            *held = true;
            *people.entry(attribute).or_default() += 1;
        }
    }
    let objection = |(attribute, people): (&str, usize)| Objection::Emptied {
        rules,
        attribute: attribute.into(),
        people,
    };
    objections.extend(people.into_iter().map(objection));
}

/// E-mail addresses have a limit of their own, whatever the rules.
fn judge_overwritten(judgement: &mut Judgement<'_>, actual: &Directory, terms: &Terms<'_>) {
    let floor = terms.limits.small_directory_floor;
    let mut people: BTreeMap<&str, usize> = BTreeMap::new();
    let attributes = judgement.steps.iter().flat_map(|step| step.change.overwritten());
    for attribute in attributes.filter(|it| *it != EMAIL) {
        *people.entry(attribute).or_default() += 1;
    }
    people.retain(|_, people| floor < *people);
    for (attribute, people) in people {
        let has_one = actual.users.values().filter(|user| !value_of(user, attribute).is_empty());
        let of = has_one.count();
        let percent_max = OVERWRITTEN_PERCENT_MAX;
        if percent_of(percent_max, of).max(floor) < people {
            let objection =
                Objection::Overwritten { attribute: attribute.into(), people, of, percent_max };
            judgement.object(objection, |change| change.overwritten().any(|it| it == attribute));
        }
    }
}
