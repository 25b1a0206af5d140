//! Who takes part: whoever is in the required groups, in no excluded one, and meets every condition.
//!
//! What a group is, and who is in it, only the source knows; it is asked by position. What follows
//! from that is decided here.

pub mod condition;
pub mod remedy;

use std::borrow::Cow;

use self::condition::Condition;

/// What is asked of everybody.
#[derive(Clone, Debug, Default)]
pub struct Scope {
    /// How many groups are required; none of them where everybody takes part.
    pub required: usize,
    pub matching: Matching,
    /// How many groups keep somebody out.
    pub excluded: usize,
    pub conditions: Vec<Condition>,
}

/// Whether one of several required groups is enough.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum Matching {
    #[default]
    Any,
    All,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// The first required group that they are in, if any is required.
    InScope(Option<usize>),
    OutOfScope(Shortfall),
}

/// What keeps somebody out, by position.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Shortfall {
    /// Some of the required groups, or all of them.
    Lacks,
    Excluded(usize),
    Fails(usize),
}

/// What the source knows of one person.
#[derive(Clone, Copy)]
pub struct Candidate<'a> {
    pub has_required: &'a dyn Fn(usize) -> bool,
    pub has_excluded: &'a dyn Fn(usize) -> bool,
    pub field: &'a dyn Fn(&str) -> Option<Cow<'a, str>>,
}

impl Scope {
    pub fn is_everybody(&self) -> bool {
        self.required == 0 && self.excluded == 0 && self.conditions.is_empty()
    }

    pub fn verdict(&self, candidate: Candidate<'_>) -> Verdict {
        let Candidate { has_required, has_excluded, field } = candidate;
        let first = (0..self.required).find(|at| has_required(*at));
        let has_enough = match self.matching {
            Matching::Any => self.required == 0 || first.is_some(),
            Matching::All => (0..self.required).all(has_required),
        };
        if !has_enough {
            return Verdict::OutOfScope(Shortfall::Lacks);
        }
        if let Some(at) = (0..self.excluded).find(|at| has_excluded(*at)) {
            return Verdict::OutOfScope(Shortfall::Excluded(at));
        }
        let fails =
            |condition: &Condition| !condition.is_met_by(field(condition.field()).as_deref());
        match self.conditions.iter().position(fails) {
            Some(at) => Verdict::OutOfScope(Shortfall::Fails(at)),
            None => Verdict::InScope(first),
        }
    }
}

impl std::fmt::Debug for Candidate<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Candidate")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `AB -x` is somebody in the required groups A and B and in the excluded one x, of the
    /// department that follows.
    fn verdict(matching: Matching, conditions: &[&str], person: &str) -> Verdict {
        let conditions =
            conditions.iter().map(|it| Condition::parse(it, &["department"], &[]).unwrap());
        let scope = Scope { required: 2, matching, excluded: 2, conditions: conditions.collect() };
        let (groups, department) = person.split_once('@').unwrap_or((person, ""));
        let has = |letters: &'static str| {
            move |at: usize| letters.chars().nth(at).is_some_and(|it| groups.contains(it))
        };
        let department = (!department.is_empty()).then_some(Cow::Borrowed(department));
        scope.verdict(Candidate {
            has_required: &has("AB"),
            has_excluded: &has("xy"),
            field: &|_| department.clone(),
        })
    }

    #[test]
    fn required_groups_are_enough_in_part_or_all_together() {
        use Matching::{All, Any};
        let (a, b) = (Verdict::InScope(Some(0)), Verdict::InScope(Some(1)));
        let lacks = Verdict::OutOfScope(Shortfall::Lacks);
        for (matching, person, expected) in [
            (Any, "", &lacks),
            (Any, "A", &a),
            (Any, "B", &b),
            (Any, "AB", &a),
            (All, "", &lacks),
            (All, "A", &lacks),
            (All, "B", &lacks),
            (All, "AB", &a),
        ] {
            assert_eq!(verdict(matching, &[], person), *expected, "{matching:?} {person}");
        }
    }

    #[test]
    fn an_excluded_group_outweighs_a_required_one_and_conditions_come_last() {
        let conditions = ["department = Sales", "department != IT"];
        for (person, expected) in [
            ("Ax@Sales", Verdict::OutOfScope(Shortfall::Excluded(0))),
            ("Ay@IT", Verdict::OutOfScope(Shortfall::Excluded(1))),
            ("x@Sales", Verdict::OutOfScope(Shortfall::Lacks)),
            ("A@IT", Verdict::OutOfScope(Shortfall::Fails(0))),
            ("A", Verdict::OutOfScope(Shortfall::Fails(0))),
            ("A@sales", Verdict::InScope(Some(0))),
        ] {
            assert_eq!(verdict(Matching::Any, &conditions, person), expected, "{person}");
        }
    }

    #[test]
    fn where_nothing_is_asked_everybody_takes_part() {
        let scope = Scope { matching: Matching::All, ..Scope::default() };
        assert!(scope.is_everybody());
        let nothing =
            Candidate { has_required: &|_| false, has_excluded: &|_| false, field: &|_| None };
        assert_eq!(scope.verdict(nothing), Verdict::InScope(None));
    }
}
