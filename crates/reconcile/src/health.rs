//! How a connector stands, in one word: whoever sees it knows whether anything is to be done.

use crate::schedule::due::Freshness;

/// The words, the most pressing first; a connector has the first that fits.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Health {
    /// It feeds nothing yet.
    Draft,
    /// It does not run by itself until somebody resumes it.
    Paused,
    /// The last run failed, or its schedule cannot be used.
    NeedsAttention,
    /// Changes wait for a person.
    Held,
    /// Two slots went by without a run that went well.
    Late,
    NeverRun,
    Healthy,
}

/// How the last run ended that came to an end of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Last {
    Well,
    Held,
    Failed,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Facts {
    pub has_target: bool,
    pub is_paused: bool,
    /// Whether the schedule is on and cannot be used as it is.
    pub is_schedule_broken: bool,
    pub last: Option<Last>,
    /// None while there is no schedule to be late for.
    pub freshness: Option<Freshness>,
}

impl Health {
    pub const ALL: [Health; 7] = [
        Health::Draft,
        Health::Paused,
        Health::NeedsAttention,
        Health::Held,
        Health::Late,
        Health::NeverRun,
        Health::Healthy,
    ];

    pub fn word(self) -> &'static str {
        match self {
            Health::Draft => "draft",
            Health::Paused => "paused",
            Health::NeedsAttention => "needs-attention",
            Health::Held => "held",
            Health::Late => "late",
            Health::NeverRun => "never-run",
            Health::Healthy => "healthy",
        }
    }

    /// As people read it.
    pub fn label(self) -> &'static str {
        match self {
            Health::Draft => "Draft",
            Health::Paused => "Paused",
            Health::NeedsAttention => "Needs attention",
            Health::Held => "Held",
            Health::Late => "Late",
            Health::NeverRun => "Never run",
            Health::Healthy => "Healthy",
        }
    }
}

pub fn health(facts: Facts) -> Health {
    let Facts { has_target, is_paused, is_schedule_broken, last, freshness } = facts;
    let is_late = matches!(freshness, Some(Freshness::Late { .. }));
    if !has_target {
        return Health::Draft;
    }
    if is_paused {
        return Health::Paused;
    }
    if is_schedule_broken || last == Some(Last::Failed) {
        return Health::NeedsAttention;
    }
    match last {
        Some(Last::Held) => Health::Held,
        _ if is_late => Health::Late,
        Some(Last::Well) => Health::Healthy,
        Some(Last::Failed) | None => Health::NeverRun,
    }
}

#[cfg(test)]
mod tests {
    use jiff::Timestamp;

    use super::*;

    const FINE: Facts = Facts {
        has_target: true,
        is_paused: false,
        is_schedule_broken: false,
        last: Some(Last::Well),
        freshness: Some(Freshness::OnTime),
    };
    const LATE: Option<Freshness> = Some(Freshness::Late { expected: Timestamp::UNIX_EPOCH });

    #[track_caller]
    fn check(facts: Facts, expected: Health) {
        assert_eq!(health(facts), expected, "{facts:?}");
    }

    #[test]
    fn a_connector_has_the_most_pressing_word_that_fits() {
        check(FINE, Health::Healthy);
        check(Facts { freshness: None, ..FINE }, Health::Healthy);
        check(Facts { freshness: LATE, ..FINE }, Health::Late);
        check(Facts { freshness: LATE, last: Some(Last::Held), ..FINE }, Health::Held);
        check(Facts { freshness: LATE, last: Some(Last::Failed), ..FINE }, Health::NeedsAttention);
        check(Facts { is_schedule_broken: true, ..FINE }, Health::NeedsAttention);
        let paused = Facts { is_paused: true, last: Some(Last::Failed), ..FINE };
        check(paused, Health::Paused);
        check(Facts { has_target: false, ..paused }, Health::Draft);
        let new = Facts { last: None, freshness: Some(Freshness::NeverRun), ..FINE };
        check(new, Health::NeverRun);
        check(Facts { freshness: LATE, ..new }, Health::Late);
        check(Facts { freshness: None, ..new }, Health::NeverRun);
    }
}
