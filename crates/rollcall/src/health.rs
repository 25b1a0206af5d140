//! How connectors stand: the word, why, and the runs that it comes from. For lists and for pages.

use std::collections::BTreeMap;

use jiff::Timestamp;
use reconcile::health::{Facts, Health, Last, health};
use reconcile::schedule::due::{Freshness, freshness};

use crate::notation::shell_quoted;
use crate::schedule::{self, Preview};
use crate::store::connectors::settings::FieldError;
use crate::store::connectors::{Connector, ConnectorId};
use crate::store::plans::{self, Remainder};
use crate::store::runs::{self, LastRuns, Run, Status};
use crate::store::schedules::{self, Pause, Standing};
use crate::store::{Db, StoreError};

#[derive(Clone, Debug)]
pub struct ConnectorHealth {
    pub health: Health,
    /// A sentence: why.
    pub why: String,
    /// What to do about it at the command line; empty where nothing is to be done.
    pub remedy: String,
    /// None while the schedule is off; an error where it cannot be used.
    pub schedule: Option<Result<Preview, FieldError>>,
    pub freshness: Option<Freshness>,
    pub pause: Option<Pause>,
    /// Runs of the schedule that failed since the last one that went well.
    pub failures_in_a_row: u32,
    pub last_run: Option<Run>,
    pub last_success: Option<Run>,
    pub under_way: Option<Run>,
    /// What is left of what the last run held, where some of it waits for a person.
    pub undecided: Option<Remainder>,
}

impl ConnectorHealth {
    /// Why, and what to do about it at the command line.
    pub fn told(&self) -> String {
        format!("{} {}", self.why, self.remedy).trim().to_owned()
    }
}

/// How a connector stands now, with so many of its next slots.
pub async fn of_connector(
    db: &Db,
    connector: &Connector,
    now: Timestamp,
    slots: usize,
) -> Result<ConnectorHealth, StoreError> {
    let mut standings = schedules::standings(db, now).await?;
    let last = runs::telling_of_each(db).await?;
    let last = last.get(&connector.id).copied().unwrap_or_default();
    let facts = (standings.remove(&connector.id), last);
    of(db, connector, facts, now, slots).await
}

/// How all of these stand now.
pub async fn of_connectors(
    db: &Db,
    connectors: &[Connector],
    now: Timestamp,
) -> Result<BTreeMap<ConnectorId, ConnectorHealth>, StoreError> {
    let mut standings = schedules::standings(db, now).await?;
    let last = runs::telling_of_each(db).await?;
    let mut all = BTreeMap::new();
    for connector in connectors {
        let last = last.get(&connector.id).copied().unwrap_or_default();
        let facts = (standings.remove(&connector.id), last);
        all.insert(connector.id, of(db, connector, facts, now, 1).await?);
    }
    Ok(all)
}

async fn of(
    db: &Db,
    connector: &Connector,
    (standing, last): (Option<Standing>, LastRuns),
    now: Timestamp,
    slots: usize,
) -> Result<ConnectorHealth, StoreError> {
    let settings = &connector.settings.schedule;
    let schedule = settings.enabled.then(|| schedule::preview(settings, now, slots));
    let last_run = run_of(db, last.last).await?;
    let last_success = run_of(db, last.last_good).await?;
    let decisive = run_of(db, last.decisive).await?;
    let under_way = run_of(db, last.under_way).await?;
    let since = standing.as_ref().map_or(connector.updated_at, |it| it.state.since);
    let freshness = match (&schedule, settings.schedule()) {
        (Some(Ok(_)), Ok(schedule)) => {
            let success = last_success.as_ref().map(|it| it.started_at);
            Some(freshness(&schedule, since, success, now))
        }
        (Some(_) | None, _) => None,
    };
    let pause = standing.as_ref().and_then(|it| it.pause.clone());
    let (ending, undecided) = match decisive.as_ref().and_then(ending) {
        Some(Last::Held) => match plans::undecided(db, connector.id).await? {
            // Somebody decided: nothing waits any more, and the next run does what they said.
            None => (Some(Last::Well), None),
            undecided => (Some(Last::Held), undecided),
        },
        ending => (ending, None),
    };
    let facts = Facts {
        has_target: last.has_target,
        is_paused: pause.is_some(),
        is_schedule_broken: matches!(schedule, Some(Err(_))),
        last: ending,
        freshness,
    };
    let mut found = ConnectorHealth {
        health: health(facts),
        why: String::new(),
        remedy: String::new(),
        schedule,
        freshness,
        pause,
        failures_in_a_row: standing.map_or(0, |it| it.state.failures.in_a_row),
        last_run,
        last_success,
        under_way,
        undecided,
    };
    found.why = why(&found, decisive.as_ref());
    found.remedy = remedy(&found, connector, decisive.as_ref());
    Ok(found)
}

async fn run_of(db: &Db, run: Option<runs::RunId>) -> Result<Option<Run>, StoreError> {
    match run {
        Some(run) => runs::find(db, run).await,
        None => Ok(None),
    }
}

fn ending(run: &Run) -> Option<Last> {
    match run.status {
        Status::Succeeded | Status::SucceededWithSkips => Some(Last::Well),
        Status::Held => Some(Last::Held),
        Status::Failed => Some(Last::Failed),
        Status::Queued | Status::Running | Status::Stopping | Status::Stopped | Status::Skipped => {
            None
        }
    }
}

fn why(found: &ConnectorHealth, decisive: Option<&Run>) -> String {
    match found.health {
        Health::Draft => "It feeds no target yet.".to_owned(),
        Health::Paused => {
            let Some(Pause { at, by, reason }) = &found.pause else { return String::new() };
            let reason = match reason.as_str() {
                "" => String::new(),
                reason => format!(": {}", reason.trim_end_matches('.')),
            };
            format!("Paused by {by} since {}{reason}.", seconds(*at))
        }
        Health::NeedsAttention => match (&found.schedule, decisive) {
            (Some(Err(error)), _) => format!("Nothing runs by itself. {error}"),
            (_, Some(run)) => {
                let often = match found.failures_in_a_row {
                    0 | 1 => "failed".to_owned(),
                    count => format!("failed, and so did {} before it", count - 1),
                };
                let since = match &found.last_success {
                    Some(run) => format!(" The last good one was {}.", seconds(run.started_at)),
                    None => " None went well yet.".to_owned(),
                };
                let stop = if run.message.ends_with(['.', '!', '?']) { "" } else { "." };
                format!("Run {} {often}. {}{stop}{since}", run.id, run.message)
            }
            (_, None) => String::new(),
        },
        Health::Held => decisive.map_or(String::new(), |run| {
            // Whoever decided over a part is told what is left.
            let decided = found.undecided.filter(|it| 0 < it.approved);
            let left = decided.map(|it| format!(" {it}")).unwrap_or_default();
            format!("Run {} holds changes for a person.{left}", run.id)
        }),
        Health::Late => match found.freshness {
            Some(Freshness::Late { expected }) => format!(
                "A run was expected at {}, and none went well since. Is the service running?",
                seconds(expected)
            ),
            Some(Freshness::NeverRun | Freshness::OnTime) | None => String::new(),
        },
        Health::NeverRun => String::new(),
        Health::Healthy => decisive.map_or(String::new(), |run| {
            format!("The last good run was {}.", seconds(run.started_at))
        }),
    }
}

/// What to do about it at the command line; empty where nothing is to be done.
fn remedy(found: &ConnectorHealth, connector: &Connector, decisive: Option<&Run>) -> String {
    let name = shell_quoted(connector.name.as_str());
    match found.health {
        Health::Draft => {
            format!("Make one: rollcall target create NAME --connector {name} --type crowd")
        }
        Health::Paused => format!("Let it run again: rollcall connector resume {name}"),
        Health::Held => {
            decisive.map_or(String::new(), |run| format!("See them: rollcall run show {}", run.id))
        }
        Health::Late => format!("See `rollcall run list --connector {name}`."),
        Health::NeverRun => format!("Look first: rollcall simulate {name}"),
        Health::NeedsAttention | Health::Healthy => String::new(),
    }
}

/// ISO 8601 in UTC, to the second.
fn seconds(at: Timestamp) -> String {
    at.strftime("%Y-%m-%dT%H:%M:%SZ").to_string()
}
