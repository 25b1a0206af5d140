//! The API calls that are left of an account: a bar with the minimum marked on it, in numbers, and
//! when that was told.

use askama::Template;
use jiff::Timestamp;

use crate::store::budgets::Budget;
use crate::web::moment::Moment;

#[derive(Clone, Debug, PartialEq, Eq, Template)]
#[template(path = "gauge.html")]
pub struct Gauge {
    pub left: u64,
    pub limit: u64,
    /// What stays for others.
    pub minimum: u64,
    /// When OneLogin was asked; nothing where that stands beside it.
    pub asked: Option<Moment>,
    /// Whose calls these are; empty where there is only one.
    pub of: String,
}

/// The width of the drawing in which the minimum is marked.
const WIDTH: u64 = 1_000;

impl Gauge {
    pub fn new(budget: &Budget, minimum: u64, now: Timestamp) -> Gauge {
        let Budget { limit, remaining, told_at } = *budget;
        let asked = Some(Moment::new(told_at, now));
        Gauge { left: remaining, limit, minimum, asked, of: String::new() }
    }

    /// Where the mark of the minimum stands; nothing where the bar has no place for it.
    pub fn mark(&self) -> Option<u64> {
        let is_within = 0 < self.minimum && self.minimum < self.limit;
        is_within.then(|| self.minimum.saturating_mul(WIDTH) / self.limit.max(1))
    }

    /// Whether no run can ever start.
    pub fn is_hopeless(&self) -> bool {
        self.limit <= self.minimum
    }

    /// What the bar says, for those who do not see it.
    pub fn label(&self) -> String {
        let whose = if self.of.is_empty() { "" } else { " of " };
        format!("API calls left this hour{whose}{}", self.of)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::web::answer::samples::HOSTILE;

    fn gauge(limit: u64, minimum: u64) -> Gauge {
        let at: Timestamp = "2026-11-25T22:14:03Z".parse().unwrap();
        let now: Timestamp = "2026-11-25T22:17:03Z".parse().unwrap();
        Gauge::new(&Budget { limit, remaining: 4_588, told_at: at }, minimum, now)
    }

    #[test]
    fn a_gauge_says_when_onelogin_was_asked_and_whose_it_is() {
        let told = Gauge { of: HOSTILE.to_owned(), ..gauge(5_000, 500) }.render().unwrap();
        assert!(told.contains("asked <time"), "{told}");
        assert!(told.contains("title=\"2026-11-25 22:14:03 UTC\""), "{told}");
        assert!(told.contains(">3 min ago</time>"), "{told}");
        assert!(told.contains("minimum 500"), "{told}");
        assert!(!told.contains("<script>"), "{told}");
    }

    #[test]
    fn the_minimum_is_marked_where_the_bar_has_a_place_for_it() {
        assert_eq!(gauge(5_000, 500).mark(), Some(100));
        assert_eq!(gauge(5_000, 4_999).mark(), Some(999));
        for minimum in [0, 5_000, 9_000] {
            assert_eq!(gauge(5_000, minimum).mark(), None, "{minimum}");
        }
        assert_eq!(gauge(0, 0).mark(), None);
    }
}
