//! What the last run of everybody tells about the settings of a connector, beside their fields.

use jiff::Timestamp;
use serde_json::Value;

use crate::store::runs::Run;
use crate::store::runs::report::Report;
use crate::web::moment::{Moment, count};

/// What the last run tells about these settings.
#[derive(Debug, Default)]
pub struct Rail {
    pub last: Option<LastRun>,
    pub gauge: Option<Gauge>,
    pub facts: Vec<(&'static str, String)>,
}

#[derive(Debug)]
pub struct LastRun {
    pub id: i64,
    pub at: Moment,
}

/// The API calls that were left when a run looked last.
#[derive(Debug)]
pub struct Gauge {
    pub left: u64,
    pub limit: u64,
    pub minimum: u64,
}

/// What the last run that came to an end tells.
pub fn rail(runs: &[Run], minimum: u32, now: Timestamp) -> Rail {
    let reported = |run: &Run| -> Option<Value> { serde_json::from_str(&run.report).ok() };
    let mut rail = Rail::default();
    for run in runs {
        let Some(report) = reported(run) else { continue };
        let number = |place: &str| report.pointer(place).and_then(Value::as_u64);
        let budget =
            number("/calls/budget_after/remaining").zip(number("/calls/budget_after/limit"));
        if rail.gauge.is_none() {
            rail.gauge =
                budget.map(|(left, limit)| Gauge { left, limit, minimum: u64::from(minimum) });
        }
        let Some(seen) = number("/source/seen") else { continue };
        // Only a read of everybody in scope is predicted; one person alone says nothing of it.
        if number("/calls/predicted").is_none() {
            continue;
        }
        rail.last = Some(LastRun { id: run.id.0, at: Moment::new(run.started_at, now) });
        if let Some(in_scope) = number("/source/in_scope") {
            let text = format!("{} of {} people", count(in_scope), count(seen));
            rail.facts.push(("In scope", text));
        }
        if let Some(calls) = number("/calls/total") {
            rail.facts.push(("API calls of a run", count(calls)));
        }
        if let Some(strategy) = report.pointer("/source/strategy").and_then(Value::as_str) {
            rail.facts.push(("Way to read", strategy.to_owned()));
        }
        break;
    }
    rail
}

/// How many calls OneLogin allows in an hour, as a run was told last.
pub fn calls_an_hour(runs: &[Run]) -> Option<u64> {
    let limit = |run: &Run| -> Option<u64> {
        let report: Value = serde_json::from_str(&run.report).ok()?;
        report.pointer("/calls/budget_after/limit").and_then(Value::as_u64)
    };
    runs.iter().find_map(limit)
}

/// What a run of everybody in scope has cost, by the last one that is known.
pub fn calls_of_a_run(runs: &[Run]) -> Option<u64> {
    let calls = runs.iter().map(|run| Report::read(&run.report).calls);
    // Only a read of everybody in scope is predicted; one person alone says nothing of it.
    calls.into_iter().find(|it| it.predicted.is_some()).map(|it| it.total)
}
