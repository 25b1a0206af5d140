//! By what plans are judged: the settings, and whether their rules were tried.

use reconcile::gate::decisions::Decisions;
use reconcile::gate::{Limits, Rules, Terms};
use reconcile::pattern::Patterns;
use reconcile::plan::{Past, Policy};

use crate::store::connectors::settings::rules::fingerprint;
use crate::store::connectors::settings::{ConnectorSettings, FieldError};
use crate::target::Actual;

/// What the settings and people's decisions say of plans.
#[derive(Debug)]
pub struct Rulings {
    pub policy: Policy,
    pub limits: Limits,
    pub privileged: Patterns,
    pub rules: Rules,
    /// What the rules are known by.
    pub fingerprint: String,
}

impl Rulings {
    /// For rules that were tried, or of which nobody asks whether they were.
    pub fn of(settings: &ConnectorSettings) -> Result<Rulings, FieldError> {
        Rulings::by(settings, Some(&fingerprint(settings)))
    }

    /// `tried` is what the rules of the last good run were known by.
    pub fn by(settings: &ConnectorSettings, tried: Option<&str>) -> Result<Rulings, FieldError> {
        let fingerprint = fingerprint(settings);
        Ok(Rulings {
            policy: settings.policy()?,
            limits: settings.safety.limits(),
            privileged: settings.groups.privileged()?,
            rules: match tried {
                None => Rules::Untried,
                Some(tried) if tried == fingerprint => Rules::Unchanged,
                Some(_) => Rules::Changed,
            },
            fingerprint,
        })
    }

    pub fn terms<'a>(&'a self, decisions: &'a Decisions) -> Terms<'a> {
        let Rulings { policy: _, limits, privileged, rules, fingerprint } = self;
        Terms { limits, decisions, rules: *rules, known_by: fingerprint, privileged }
    }

    /// What a plan for a target is to know of earlier ones.
    pub fn past<'a>(&self, actual: &'a Actual) -> Past<'a> {
        Past { now: actual.read_at, memory: &actual.memory, rules: self.rules }
    }
}
