//! How connectors stand: the word, why, and the runs that it comes from. For lists and for pages.

use std::collections::BTreeMap;

use jiff::Timestamp;
use reconcile::health::{Facts, Health, Last, health};
use reconcile::schedule::due::{Freshness, freshness};

use crate::schedule::{self, Preview};
use crate::store::connectors::settings::FieldError;
use crate::store::connectors::{Connector, ConnectorId};
use crate::store::runs::{self, LastRuns, Run, Status};
use crate::store::schedules::{self, Pause, Standing};
use crate::store::{Db, StoreError};

#[derive(Clone, Debug)]
pub struct ConnectorHealth {
    pub health: Health,
    /// A sentence: why, and what to do about it.
    pub why: String,
    /// None while the schedule is off; an error where it cannot be used.
    pub schedule: Option<Result<Preview, FieldError>>,
    pub freshness: Option<Freshness>,
    pub pause: Option<Pause>,
    /// Runs of the schedule that failed since the last one that went well.
    pub failures_in_a_row: u32,
    pub last_run: Option<Run>,
    pub last_success: Option<Run>,
    pub under_way: Option<Run>,
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
    let facts = Facts {
        has_target: last.has_target,
        is_paused: pause.is_some(),
        is_schedule_broken: matches!(schedule, Some(Err(_))),
        last: decisive.as_ref().and_then(ending),
        freshness,
    };
    let mut found = ConnectorHealth {
        health: health(facts),
        why: String::new(),
        schedule,
        freshness,
        pause,
        failures_in_a_row: standing.map_or(0, |it| it.state.failures.in_a_row),
        last_run,
        last_success,
        under_way,
    };
    found.why = why(&found, connector, decisive.as_ref());
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

fn why(found: &ConnectorHealth, connector: &Connector, decisive: Option<&Run>) -> String {
    let name = &connector.name;
    match found.health {
        Health::Draft => format!(
            "It feeds no target yet. Make one: \
             rollcall target create NAME --connector \"{name}\" --type crowd"
        ),
        Health::Paused => {
            let Some(Pause { at, by, reason }) = &found.pause else { return String::new() };
            let reason = match reason.as_str() {
                "" => String::new(),
                reason => format!(": {}", reason.trim_end_matches('.')),
            };
            format!(
                "Paused by {by} since {}{reason}. Let it run again: \
                 rollcall connector resume \"{name}\"",
                seconds(*at)
            )
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
                format!("Run {} {often}. {}{since}", run.id, run.message)
            }
            (_, None) => String::new(),
        },
        Health::Held => decisive.map_or(String::new(), |run| {
            format!("Run {0} holds changes for a person: rollcall run show {0}", run.id)
        }),
        Health::Late => match found.freshness {
            Some(Freshness::Late { expected }) => format!(
                "A run was expected at {}, and none went well since. \
                 Is the service running? See `rollcall run list --connector \"{name}\"`.",
                seconds(expected)
            ),
            Some(Freshness::NeverRun | Freshness::OnTime) | None => String::new(),
        },
        Health::NeverRun => format!("Look first: rollcall simulate \"{name}\""),
        Health::Healthy => decisive.map_or(String::new(), |run| {
            format!("The last good run was {}.", seconds(run.started_at))
        }),
    }
}

/// ISO 8601 in UTC, to the second.
fn seconds(at: Timestamp) -> String {
    at.strftime("%Y-%m-%dT%H:%M:%SZ").to_string()
}
