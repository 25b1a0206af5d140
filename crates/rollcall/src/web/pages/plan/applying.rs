//! The button that applies a plan. Where accounts are taken away it says so, and asks once more with
//! their names.

use super::view::Counts;
use crate::store::plans::PlanId;
use crate::store::plans::changes::{self, Filter, PlanChange};
use crate::store::runs::Page;
use crate::store::{Db, StoreError};
use crate::web::moment::count;
use crate::web::pages::users::people;

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Applying {
    /// `Apply and deactivate 3`
    pub button: String,
    /// What is asked before; empty where nothing is severe.
    pub question: String,
}

/// The kinds of changes that are severe, as buttons and as sentences say them.
const SEVERE: [(&str, &str); 3] =
    [("deactivate", "deactivating"), ("remove", "removing"), ("anonymise", "anonymising")];
/// So many people are named, of so many that are looked at: some of them may be held.
const NAMED_MAX: usize = 8;
const LOOKED_AT_MAX: i64 = 200;

/// Of a plan of which `passing` changes would be done; nothing where it cannot be applied.
pub async fn of(
    db: &Db,
    plan: PlanId,
    counts: &Counts,
    passing: Option<u64>,
) -> Result<Option<Applying>, StoreError> {
    let Some(all) = passing else { return Ok(None) };
    let severe = severe(counts);
    let mut names = Vec::new();
    for (kind, _) in &severe {
        let filter = Filter { kind: (*kind).to_owned(), ..Filter::default() };
        let page = Page { after: 0, rows_max: LOOKED_AT_MAX };
        let rows = changes::list(db, plan, &filter, page).await?;
        let passing = rows.into_iter().filter(|it| passes(it.is_held, &it.decision));
        names.extend(passing.filter_map(|it: PlanChange| it.username.or(it.external_id)));
    }
    Ok(Some(said(all, &severe, &names)))
}

/// Whether the run that applies the plan would do it.
pub fn passes(is_held: bool, decision: &str) -> bool {
    decision == "approved" || (!is_held && decision != "rejected")
}

/// How much there is of each kind that is severe.
fn severe(counts: &Counts) -> Vec<(&'static str, u64)> {
    let of_kind = |(kind, _): (&'static str, &str)| {
        let counted = counts.iter().filter(|((verdict, decision, counted), _)| {
            counted == kind && passes(verdict == "held", decision)
        });
        (kind, counted.map(|(_, count)| count).sum::<u64>())
    };
    SEVERE.into_iter().map(of_kind).filter(|(_, count)| 0 < *count).collect()
}

fn said(passing: u64, severe: &[(&str, u64)], names: &[String]) -> Applying {
    let changes =
        if passing == 1 { "1 change".to_owned() } else { format!("{} changes", count(passing)) };
    if severe.is_empty() {
        return Applying { button: format!("Apply {changes}"), question: String::new() };
    }
    let deeds: Vec<String> =
        severe.iter().map(|(kind, number)| format!("{kind} {}", count(*number))).collect();
    let doing: Vec<String> = severe
        .iter()
        .map(|(kind, number)| format!("{} {}", doing(kind), people(*number)))
        .collect();
    let all: u64 = severe.iter().map(|(_, number)| number).sum();
    let named: Vec<&str> = names.iter().take(NAMED_MAX).map(String::as_str).collect();
    let more = all.saturating_sub(u64::try_from(named.len()).unwrap_or(u64::MAX));
    let more = if more == 0 { String::new() } else { format!(" and {} more", count(more)) };
    Applying {
        button: format!("Apply and {}", deeds.join(", ")),
        question: format!(
            "Apply {changes}, including {}: {}{more}.",
            doing.join(" and "),
            named.join(", ")
        ),
    }
}

fn doing(kind: &str) -> &str {
    SEVERE.into_iter().find(|it| it.0 == kind).map_or(kind, |(_, doing)| doing)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn counted(verdict: &str, decision: &str, kind: &str) -> (String, String, String) {
        (verdict.to_owned(), decision.to_owned(), kind.to_owned())
    }

    fn names(names: &[&str]) -> Vec<String> {
        names.iter().map(|it| (*it).to_owned()).collect()
    }

    #[test]
    fn the_button_says_what_is_severe() {
        let counts: Counts = [
            (counted("passes", "", "create"), 9),
            (counted("held", "approved", "deactivate"), 3),
            (counted("held", "", "remove"), 8),
        ]
        .into();
        let it = said(12, &severe(&counts), &names(&["old.hire", "p.kranz"]));
        assert_eq!(it.button, "Apply and deactivate 3");
        assert_eq!(
            it.question,
            "Apply 12 changes, including deactivating 3 people: old.hire, p.kranz and 1 more."
        );
    }

    #[test]
    fn one_person_is_named_alone() {
        let it = said(1, &[("remove", 1)], &names(&["t.berg"]));
        assert_eq!(it.button, "Apply and remove 1");
        assert_eq!(it.question, "Apply 1 change, including removing 1 person: t.berg.");
    }

    #[test]
    fn what_takes_nobody_away_is_applied_at_once() {
        let it = said(1, &severe(&Counts::new()), &[]);
        assert_eq!((it.button.as_str(), it.question.as_str()), ("Apply 1 change", ""));
    }
}
