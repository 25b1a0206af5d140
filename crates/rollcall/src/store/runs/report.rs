//! The report of a run, read back: what its page, the history and the chart show.
//!
//! Whatever a report of an earlier version does not have is absent, never an error.

use std::collections::BTreeMap;

use serde::Deserialize;

/// What [`crate::sync::report`] wrote.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
pub struct Report {
    /// Absent where the run did not come to a decision.
    pub source: Option<Source>,
    pub targets: Vec<Target>,
    /// How many findings there are of each kind.
    pub findings: BTreeMap<String, u64>,
    pub phases: Vec<Phase>,
    pub calls: Calls,
}

/// What was read.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
pub struct Source {
    pub strategy: String,
    pub seen: u64,
    pub in_scope: u64,
    pub out_of_scope: u64,
    pub mapped: u64,
    pub withheld: u64,
    pub asked_by_id: u64,
    pub proof: Proof,
}

/// Why the read was complete.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
pub struct Proof {
    pub sentence: String,
    pub pages: u64,
    pub page_size: u64,
    pub distinct: u64,
    pub walks: u64,
}

/// What became of one target.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
pub struct Target {
    pub name: Option<String>,
    pub users_before: u64,
    pub missing_not_asked_for: u64,
    /// By the word of the change.
    pub applied: BTreeMap<String, u64>,
    pub held: BTreeMap<String, u64>,
    /// Left alone, because somebody rejected it.
    pub rejected: BTreeMap<String, u64>,
    pub objections: Vec<String>,
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
pub struct Phase {
    pub phase: String,
    pub ms: u64,
}

/// The API calls of the run.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
pub struct Calls {
    pub total: u64,
    pub by_endpoint: BTreeMap<String, u64>,
    pub retries: u64,
    pub predicted: Option<u64>,
    pub budget_before: Option<Budget>,
    pub budget_after: Option<Budget>,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
pub struct Budget {
    pub limit: u64,
    pub remaining: u64,
    pub resets_in_s: u64,
}

/// The changes of a run in the few sorts that a history tells apart.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Tally {
    /// People made or active again.
    pub added: u64,
    /// People with other values.
    pub changed: u64,
    /// People deactivated, anonymised or removed.
    pub taken: u64,
    pub joined: u64,
    pub left: u64,
    /// Groups made or removed.
    pub groups: u64,
}

impl Source {
    /// Whether one person was asked for, and no list was walked.
    pub fn is_of_one(&self) -> bool {
        self.proof.walks == 0 && self.proof.pages == 0
    }
}

impl Report {
    pub fn read(json: &str) -> Report {
        serde_json::from_str(json).unwrap_or_default()
    }

    pub fn applied(&self) -> Tally {
        Tally::of(self.targets.iter().flat_map(|it| &it.applied))
    }

    pub fn held(&self) -> Tally {
        Tally::of(self.targets.iter().flat_map(|it| &it.held))
    }

    /// How many changes are left alone because somebody rejected them.
    pub fn rejected(&self) -> u64 {
        self.targets.iter().map(Target::rejected_in_all).fold(0, u64::saturating_add)
    }

    /// What is said of a target, with its name where there are several.
    pub fn named(&self, target: Option<&str>, words: &str) -> String {
        match target {
            Some(target) if 1 < self.targets.len() => format!("{target}: {words}"),
            Some(_) | None => words.to_owned(),
        }
    }

    /// What the account has left as far as is known.
    pub fn budget(&self) -> Option<Budget> {
        self.calls.budget_after.or(self.calls.budget_before)
    }
}

impl Target {
    pub fn rejected_in_all(&self) -> u64 {
        self.rejected.values().copied().fold(0, u64::saturating_add)
    }
}

impl Tally {
    fn of<'a>(counts: impl Iterator<Item = (&'a String, &'a u64)>) -> Tally {
        let mut tally = Tally::default();
        for (word, count) in counts {
            let sort = match word.as_str() {
                "create" | "reactivate" => &mut tally.added,
                "update" | "rename" => &mut tally.changed,
                "deactivate" | "anonymise" | "remove" => &mut tally.taken,
                "add-to-group" => &mut tally.joined,
                "remove-from-group" => &mut tally.left,
                // And whatever a later version adds.
                _ => &mut tally.groups,
            };
            *sort = sort.saturating_add(*count);
        }
        tally
    }

    pub fn total(&self) -> u64 {
        let Tally { added, changed, taken, joined, left, groups } = *self;
        [added, changed, taken, joined, left, groups].into_iter().fold(0, u64::saturating_add)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_report_is_read_back_as_far_as_it_goes() {
        let report = Report::read(
            r#"{
                "source": { "seen": 5, "proof": { "sentence": "5 different ids of 5 announced" } },
                "targets": [
                    { "name": "jira", "applied": { "create": 2, "add-to-group": 4, "update": 1 },
                      "held": { "deactivate": 3, "remove-from-group": 7 }, "objections": ["No."],
                      "rejected": { "remove": 2, "rename": 1 } },
                    { "name": "wiki", "applied": { "reactivate": 1, "create-group": 1 } }
                ],
                "phases": [{ "phase": "read", "ms": 12 }],
                "calls": { "total": 9, "budget_after": { "limit": 5000, "remaining": 4991 } },
                "of a later version": true
            }"#,
        );
        let tally = Tally { added: 3, changed: 1, taken: 0, joined: 4, left: 0, groups: 1 };
        assert_eq!(report.applied(), tally);
        assert_eq!(report.held(), Tally { taken: 3, left: 7, ..Tally::default() });
        assert_eq!(report.held().total(), 10);
        assert_eq!(report.rejected(), 3);
        assert_eq!(report.named(Some("wiki"), "No."), "wiki: No.");
        assert_eq!(report.budget().map(|it| it.remaining), Some(4991));
        assert_eq!(report.source.map(|it| it.seen), Some(5));
    }

    #[test]
    fn what_is_no_report_is_an_empty_one() {
        for text in ["", "{}", "[]", "null"] {
            assert_eq!(Report::read(text), Report::default(), "{text}");
        }
    }
}
