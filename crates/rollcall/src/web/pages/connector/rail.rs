//! What the last run of everybody tells about the settings of a connector, beside their fields.

use askama::Template;
use axum::extract::{Path, State};
use jiff::Timestamp;
use serde_json::Value;

use crate::store::connectors::Connector;
use crate::store::runs::Run;
use crate::store::runs::report::Report;
use crate::store::{StoreError, budgets};
use crate::web::App;
use crate::web::answer::{self, Answer};
use crate::web::gauge::Gauge;
use crate::web::moment::{Moment, count};
use crate::web::visit::Visit;

/// What the last run tells about these settings.
#[derive(Debug, Default)]
pub struct Rail {
    pub last: Option<LastRun>,
    pub budget: BudgetPart,
    pub facts: Vec<(&'static str, String)>,
}

#[derive(Debug)]
pub struct LastRun {
    pub id: i64,
    pub at: Moment,
}

/// The API calls that are left, which is asked for anew while the page is open.
#[derive(Debug, Default, Template)]
#[template(path = "connector_budget.html")]
pub struct BudgetPart {
    pub gauge: Option<Gauge>,
}

/// `/connectors/{id}/budget`: the part of a page that tells how many API calls are left.
pub async fn budget(State(app): State<App>, visit: Visit, Path(id): Path<i64>) -> Answer {
    let connector = super::connector(&app, id).await?;
    answer::html(&budget_part(&app, &visit, &connector).await?)
}

pub async fn budget_part(
    app: &App,
    visit: &Visit,
    connector: &Connector,
) -> Result<BudgetPart, StoreError> {
    let minimum = u64::from(connector.settings.source.minimum_remaining_api_calls);
    let budget = budgets::of(app.db(), connector.id).await?;
    Ok(BudgetPart { gauge: budget.map(|it| Gauge::new(&it, minimum, visit.now())) })
}

/// What the last run that came to an end tells.
pub fn rail(runs: &[Run], budget: BudgetPart, now: Timestamp) -> Rail {
    let reported = |run: &Run| -> Option<Value> { serde_json::from_str(&run.report).ok() };
    let mut rail = Rail { budget, ..Rail::default() };
    for run in runs {
        let Some(report) = reported(run) else { continue };
        let number = |place: &str| report.pointer(place).and_then(Value::as_u64);
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

/// What a run of everybody in scope has cost, by the last one that is known.
pub fn calls_of_a_run(runs: &[Run]) -> Option<u64> {
    let calls = runs.iter().map(|run| Report::read(&run.report).calls);
    // Only a read of everybody in scope is predicted; one person alone says nothing of it.
    calls.into_iter().find(|it| it.predicted.is_some()).map(|it| it.total)
}
