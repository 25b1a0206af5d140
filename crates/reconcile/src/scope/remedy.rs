//! What would have to change for somebody to take part: at the source, for them alone, or in the
//! rules, for everybody.

use std::collections::BTreeSet;

use super::{Candidate, Matching, Scope, Shortfall, Verdict};

/// One way by which somebody takes part, as the edits that it needs together.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Remedy {
    pub edits: Vec<Edit>,
}

/// One thing that changes, by the position of what it is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Edit {
    /// The person gets into a required group.
    Join(usize),
    /// The person leaves an excluded group.
    Leave(usize),
    /// The person's field becomes what a condition asks for.
    Meet(usize),
    /// One of the person's own groups becomes a required one, of which any is enough.
    Require(usize),
    /// A required group is not required any more.
    Release(usize),
    /// An excluded group keeps nobody out any more.
    Admit(usize),
    /// A condition is not asked any more.
    Drop(usize),
}

impl Edit {
    /// Whether it changes the rules, and so may bring in others.
    pub fn is_of_rules(self) -> bool {
        match self {
            Edit::Join(_) | Edit::Leave(_) | Edit::Meet(_) => false,
            Edit::Require(_) | Edit::Release(_) | Edit::Admit(_) | Edit::Drop(_) => true,
        }
    }
}

impl Remedy {
    pub fn is_of_rules(&self) -> bool {
        self.edits.iter().any(|it| it.is_of_rules())
    }
}

/// Every way of few edits by which somebody takes part who does not: first those at the source, then
/// those of the rules. `own` is how many groups the person has that could be required.
pub fn remedies(scope: &Scope, candidate: Candidate<'_>, own: usize) -> Vec<Remedy> {
    let Candidate { has_required, has_excluded, field } = candidate;
    let lacking: Vec<usize> = (0..scope.required).filter(|at| !has_required(*at)).collect();
    let lacks = match scope.matching {
        Matching::Any => 0 < scope.required && lacking.len() == scope.required,
        Matching::All => !lacking.is_empty(),
    };
    let excluded: Vec<usize> = (0..scope.excluded).filter(|at| has_excluded(*at)).collect();
    let fails = |at: &usize| {
        let condition = scope.conditions.get(*at);
        condition.is_some_and(|it| !it.is_met_by(field(it.field()).as_deref()))
    };
    let failing: Vec<usize> = (0..scope.conditions.len()).filter(fails).collect();
    let rest = |of_group: fn(usize) -> Edit, of_condition: fn(usize) -> Edit| {
        let groups = excluded.iter().map(|at| of_group(*at));
        groups.chain(failing.iter().map(|at| of_condition(*at))).collect::<Vec<_>>()
    };
    let (at_source, of_rules) = (rest(Edit::Leave, Edit::Meet), rest(Edit::Admit, Edit::Drop));
    if !lacks {
        let ways = [at_source, of_rules].into_iter().filter(|edits| !edits.is_empty());
        return ways.map(|edits| Remedy { edits }).collect();
    }
    let (joins, requires): (Vec<Vec<Edit>>, Vec<Vec<Edit>>) = match scope.matching {
        Matching::Any => (
            lacking.iter().map(|at| vec![Edit::Join(*at)]).collect(),
            (0..own).map(|at| vec![Edit::Require(at)]).collect(),
        ),
        Matching::All => (
            vec![lacking.iter().map(|at| Edit::Join(*at)).collect()],
            vec![lacking.iter().map(|at| Edit::Release(*at)).collect()],
        ),
    };
    let with = |first: Vec<Vec<Edit>>, rest: &[Edit]| -> Vec<Remedy> {
        let all = first.into_iter().map(|edits| [edits, rest.to_vec()].concat());
        all.map(|edits| Remedy { edits }).collect()
    };
    [with(joins, &at_source), with(requires, &of_rules)].concat()
}

/// What becomes of a candidate under a remedy. `has_own` tells whether they are in the group of the
/// one for whom it was made, by position.
pub fn verdict_under(
    scope: &Scope,
    remedy: &Remedy,
    candidate: Candidate<'_>,
    has_own: &dyn Fn(usize) -> bool,
) -> Verdict {
    let edits: BTreeSet<Edit> = remedy.edits.iter().copied().collect();
    let requires = edits.iter().filter_map(|edit| match edit {
        Edit::Require(at) => Some(*at),
        Edit::Join(_)
        | Edit::Leave(_)
        | Edit::Meet(_)
        | Edit::Release(_)
        | Edit::Admit(_)
        | Edit::Drop(_) => None,
    });
    let requires: Vec<usize> = requires.collect();
    let is_left = |at: usize| edits.contains(&Edit::Meet(at)) || edits.contains(&Edit::Drop(at));
    let conditions = scope.conditions.iter().enumerate().filter(|(at, _)| !is_left(*at));
    let edited = Scope {
        required: scope.required + requires.len(),
        conditions: conditions.map(|(_, it)| it.clone()).collect(),
        ..scope.clone()
    };
    let has_required = |at: usize| match at.checked_sub(scope.required) {
        Some(more) => requires.get(more).is_some_and(|own| has_own(*own)),
        None => {
            edits.contains(&Edit::Join(at))
                || edits.contains(&Edit::Release(at))
                || (candidate.has_required)(at)
        }
    };
    let has_excluded = |at: usize| {
        let is_out = edits.contains(&Edit::Leave(at)) || edits.contains(&Edit::Admit(at));
        !is_out && (candidate.has_excluded)(at)
    };
    edited.verdict(Candidate {
        has_required: &has_required,
        has_excluded: &has_excluded,
        field: &|name| (candidate.field)(name),
    })
}

/// Whether somebody takes no part now and would under a remedy that changes the rules.
pub fn brings_in(
    scope: &Scope,
    remedy: &Remedy,
    candidate: Candidate<'_>,
    has_own: &dyn Fn(usize) -> bool,
) -> bool {
    let is_in = |verdict: &Verdict| match verdict {
        Verdict::InScope(_) => true,
        Verdict::OutOfScope(Shortfall::Lacks | Shortfall::Excluded(_) | Shortfall::Fails(_)) => {
            false
        }
    };
    remedy.is_of_rules()
        && !is_in(&scope.verdict(candidate))
        && is_in(&verdict_under(scope, remedy, candidate, has_own))
}

#[cfg(test)]
mod tests {
    use std::borrow::Cow;
    use std::fmt::Write as _;

    use super::*;
    use crate::scope::condition::Condition;

    /// `AB -x dept=Sales` is somebody in the required groups A and B and the excluded one x, of a
    /// department. Own groups that are not required are digits.
    struct Person<'a> {
        groups: &'a str,
        department: &'a str,
    }

    impl Person<'_> {
        fn with<T>(&self, then: impl FnOnce(Candidate<'_>) -> T) -> T {
            let has = |names: &str, at: usize| {
                names.chars().nth(at).is_some_and(|it| self.groups.contains(it))
            };
            then(Candidate {
                has_required: &|at| has("ABC", at),
                has_excluded: &|at| has("xyz", at),
                field: &|name| (name == "department").then_some(Cow::Borrowed(self.department)),
            })
        }

        /// The groups of their own that could be required.
        fn own(&self) -> Vec<char> {
            self.groups.chars().filter(char::is_ascii_digit).collect()
        }
    }

    fn scope(required: usize, matching: Matching, excluded: usize, condition: &str) -> Scope {
        let conditions = (!condition.is_empty())
            .then(|| Condition::parse(condition, &["department"], &[]).unwrap());
        Scope { required, matching, excluded, conditions: conditions.into_iter().collect() }
    }

    /// Each remedy with how many of the others it brings in.
    #[track_caller]
    fn check(scope: &Scope, person: &Person<'_>, others: &[Person<'_>], expected: &str) {
        let own = person.own();
        let found = person.with(|candidate| remedies(scope, candidate, own.len()));
        let mut told = String::new();
        for remedy in &found {
            let verdict = person.with(|it| verdict_under(scope, remedy, it, &|at| at < own.len()));
            assert!(
                matches!(verdict, Verdict::InScope(_)),
                "{remedy:?} does not help: {verdict:?}"
            );
            let comes = |other: &&Person<'_>| {
                let has_own = |at: usize| own.get(at).is_some_and(|it| other.groups.contains(*it));
                other.with(|it| brings_in(scope, remedy, it, &has_own))
            };
            let count = others.iter().filter(comes).count();
            let words: Vec<String> = remedy.edits.iter().map(|it| format!("{it:?}")).collect();
            writeln!(told, "{} +{count}", words.join(" ")).unwrap();
        }
        assert_eq!(told.trim_end(), expected.trim_end());
    }

    const SALES: &str = "Sales";
    const OTHERS: [Person<'static>; 6] = [
        Person { groups: "A", department: SALES },
        Person { groups: "1", department: SALES },
        Person { groups: "1", department: "HR" },
        Person { groups: "12x", department: SALES },
        Person { groups: "ABx", department: SALES },
        Person { groups: "B", department: "HR" },
    ];

    #[test]
    fn whoever_lacks_all_required_groups_joins_one_or_has_one_of_theirs_required() {
        let rule = scope(2, Matching::Any, 0, "");
        let she = Person { groups: "12", department: "" };
        check(&rule, &she, &OTHERS, "Join(0) +0\nJoin(1) +0\nRequire(0) +3\nRequire(1) +1");
        let alone = Person { groups: "", department: "" };
        check(&rule, &alone, &OTHERS, "Join(0) +0\nJoin(1) +0");
    }

    #[test]
    fn where_all_are_required_the_missing_ones_are_joined_or_released_together() {
        let rule = scope(3, Matching::All, 0, "");
        let she = Person { groups: "B1", department: "" };
        check(&rule, &she, &OTHERS, "Join(0) Join(2) +0\nRelease(0) Release(2) +2");
    }

    #[test]
    fn an_excluded_group_is_left_or_admitted_and_a_condition_met_or_dropped() {
        let rule = scope(1, Matching::Any, 1, "department = Sales");
        let she = Person { groups: "Ax", department: SALES };
        check(&rule, &she, &OTHERS, "Leave(0) +0\nAdmit(0) +1");
        let he = Person { groups: "A", department: "HR" };
        check(&rule, &he, &OTHERS, "Meet(0) +0\nDrop(0) +0");
        let they = Person { groups: "Ax", department: "HR" };
        check(&rule, &they, &OTHERS, "Leave(0) Meet(0) +0\nAdmit(0) Drop(0) +1");
    }

    #[test]
    fn several_shortfalls_are_mended_together() {
        let rule = scope(1, Matching::Any, 1, "department = Sales");
        let she = Person { groups: "1x", department: "HR" };
        check(&rule, &she, &OTHERS, "Join(0) Leave(0) Meet(0) +0\nRequire(0) Admit(0) Drop(0) +4");
    }

    #[test]
    fn whoever_takes_part_needs_nothing() {
        let rule = scope(1, Matching::Any, 1, "department = Sales");
        check(&rule, &Person { groups: "A", department: SALES }, &OTHERS, "");
        check(&scope(0, Matching::Any, 0, ""), &Person { groups: "", department: "" }, &OTHERS, "");
    }
}
