//! `/connectors`: all connectors, how they stand, and what can be done with them.

use askama::Template;
use axum::extract::{Path, Query, State};
use jiff::Timestamp;
use reconcile::health::Health;
use serde::Deserialize;

use crate::health::{self, ConnectorHealth};
use crate::notation::shell_word;
use crate::run::{Order, Ready};
use crate::store::accounts::Role;
use crate::store::budgets::{self, Budget};
use crate::store::connectors::{self, Connector};
use crate::store::runs::{Run, Trigger};
use crate::web::access;
use crate::web::answer::{self, Answer};
use crate::web::form::Form;
use crate::web::gauge::Gauge;
use crate::web::moment::{Moment, duration, in_words};
use crate::web::page::Page;
use crate::web::refusal::Refusal;
use crate::web::visit::Visit;
use crate::web::{App, admins};

const SIMULATE: &str = "/connectors/{id}/simulate";

#[derive(Debug, Template)]
#[template(path = "connectors.html")]
struct View {
    page: Page,
    rows: Vec<Row>,
    /// How many there are without a filter.
    total: usize,
    asked: Asked,
    statuses: [&'static str; 8],
    may_sync: bool,
    may_create: bool,
    /// Whom to ask, where somebody may not.
    ask: String,
    /// Whether a simulation can be started here.
    can_simulate: bool,
}

/// What the address says: the filter.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub struct Asked {
    q: String,
    status: String,
}

/// One connector, as a list shows it.
#[derive(Debug)]
pub struct Row {
    pub id: i64,
    pub name: String,
    pub provider: &'static str,
    /// A status word of connectors.
    pub status: &'static str,
    /// A sentence: why.
    pub why: String,
    pub last: Option<LastRun>,
    /// When it runs by itself next.
    pub next: Option<Moment>,
    pub schedule: String,
    /// The API calls that are left, as far as anybody was told.
    pub gauge: Option<Gauge>,
    pub is_paused: bool,
    pub is_scheduled: bool,
    pub never_ran: bool,
    /// What is left of a held plan of which a part was approved; empty where nobody did so.
    pub left: String,
    /// What the buttons do, as commands.
    pub commands: Vec<(&'static str, String)>,
}

#[derive(Clone, Debug)]
pub struct LastRun {
    pub id: i64,
    pub status: &'static str,
    pub at: Moment,
    /// How long it took; empty while it goes on.
    pub took: String,
    pub message: String,
}

pub async fn show(State(app): State<App>, visit: Visit, Query(asked): Query<Asked>) -> Answer {
    let mut rows = rows(&app, &visit).await?;
    let total = rows.len();
    if visit.may(Role::Admin) {
        for row in &mut rows {
            let name = shell_word(&row.name);
            row.commands.push(("Duplicate", format!("rollcall connector duplicate {name} NAME")));
            row.commands.push(("Export", format!("rollcall connector export {name}")));
        }
    }
    let typed = asked.q.trim().to_lowercase();
    rows.retain(|it| {
        it.name.to_lowercase().contains(&typed)
            && (asked.status.is_empty() || it.status == asked.status)
    });
    answer::html(&View {
        page: visit.page("Connectors"),
        rows,
        total,
        asked,
        statuses: [
            "Running",
            "Healthy",
            "Late",
            "Needs attention",
            "Held",
            "Paused",
            "Never run",
            "Draft",
        ],
        may_sync: visit.may(Role::Operator),
        may_create: visit.may(Role::Admin),
        ask: admins::to_ask(&app, &visit).await?,
        can_simulate: access::is_mounted(SIMULATE),
    })
}

/// Starts a run, and shows it.
pub async fn sync(
    State(app): State<App>,
    visit: Visit,
    Path(id): Path<i64>,
    _form: Form,
) -> Answer {
    let connector = super::connector::connector(&app, id).await?;
    let ready = Ready::open(&app.engine, connector.name.as_str()).await?;
    let order = Order::new(Trigger::Page, visit.actor());
    super::run::started(&app, &visit, ready, &order).await
}

/// Every connector with how it stands, by name.
pub async fn rows(app: &App, visit: &Visit) -> Result<Vec<Row>, Refusal> {
    let connectors = connectors::list(app.db()).await?;
    let healths = health::of_connectors(app.db(), &connectors, visit.now()).await?;
    let budgets = budgets::all(app.db()).await?;
    let row = |connector: &Connector| {
        let id = connector.id;
        row(connector, healths.get(&id), budgets.get(&id), visit.now())
    };
    Ok(connectors.iter().map(row).collect())
}

fn row(
    connector: &Connector,
    health: Option<&ConnectorHealth>,
    budget: Option<&Budget>,
    now: Timestamp,
) -> Row {
    let is_under_way = health.is_some_and(|it| it.under_way.is_some());
    let last = health.and_then(|it| it.under_way.as_ref().or(it.last_run.as_ref()));
    let schedule = health.and_then(|it| it.schedule.as_ref());
    let is_paused = health.is_some_and(|it| it.pause.is_some());
    let minimum = u64::from(connector.settings.source.minimum_remaining_api_calls);
    let next = match schedule {
        Some(Ok(preview)) if !is_paused => preview.next.first().map(|it| Moment::new(it.at, now)),
        Some(_) | None => None,
    };
    Row {
        id: connector.id.0,
        name: connector.name.as_str().to_owned(),
        provider: "OneLogin",
        status: match health {
            Some(_) if is_under_way => "Running",
            Some(health) => health.health.label(),
            None => Health::NeverRun.label(),
        },
        why: match health {
            Some(_) if is_under_way => String::new(),
            Some(health) => in_words(&health.why),
            None => String::new(),
        },
        last: last.map(|run| last_run(run, now)),
        next,
        schedule: match schedule {
            Some(Ok(preview)) => preview.sentence.clone(),
            Some(Err(_)) => "The schedule cannot be used".to_owned(),
            None => "Not scheduled".to_owned(),
        },
        gauge: budget.map(|it| Gauge::new(it, minimum, now)),
        is_paused,
        is_scheduled: schedule.is_some(),
        never_ran: last.is_none(),
        left: health
            .and_then(|it| it.undecided.filter(|it| 0 < it.approved))
            .map(|it| it.to_string())
            .unwrap_or_default(),
        commands: vec![
            ("Sync", format!("rollcall sync {}", shell_word(connector.name.as_str()))),
            ("Simulate", format!("rollcall simulate {}", shell_word(connector.name.as_str()))),
        ],
    }
}

pub fn last_run(run: &Run, now: Timestamp) -> LastRun {
    LastRun {
        id: run.id.0,
        status: run.status.word(),
        at: Moment::new(run.started_at, now),
        took: match run.finished_at {
            Some(end) => duration(end.duration_since(run.started_at)),
            None => String::new(),
        },
        message: run.message.clone(),
    }
}

#[cfg(test)]
pub mod tests {
    use super::*;
    use crate::web::answer::samples::{self, HOSTILE, check};

    /// Rows of every state that a list can be in.
    pub fn states() -> Vec<Vec<Row>> {
        let now: Timestamp = "2026-11-25T22:20:03Z".parse().unwrap();
        let row = |status: &'static str, message: &str| Row {
            id: 1,
            name: HOSTILE.to_owned(),
            provider: "OneLogin",
            status,
            why: message.to_owned(),
            last: Some(LastRun {
                id: 7,
                status: "held",
                at: Moment::new(now, now),
                took: "48 s".to_owned(),
                message: message.to_owned(),
            }),
            next: Some(Moment::new(now, now)),
            schedule: "Every hour.".to_owned(),
            gauge: Some(Gauge::new(
                &Budget { limit: 5_000, remaining: 400, told_at: now },
                500,
                now,
            )),
            is_paused: status == "Paused",
            is_scheduled: true,
            never_ran: false,
            left: message.to_owned(),
            commands: vec![("Sync", "rollcall sync x".to_owned())],
        };
        let never = Row {
            last: None,
            next: None,
            gauge: None,
            is_scheduled: false,
            never_ran: true,
            ..row("Never run", "")
        };
        let words = ["Held", "Healthy", "Needs attention", "Late", "Paused", "Draft", "Running"];
        vec![vec![], vec![never], words.map(|it| row(it, HOSTILE)).into()]
    }

    #[test]
    fn the_list_shows_every_state_to_every_role() {
        for role in Role::ALL {
            for rows in states() {
                let is_empty = rows.is_empty();
                let asked = Asked { q: HOSTILE.to_owned(), status: "Held".to_owned() };
                let view = View {
                    page: samples::page("Connectors", "/connectors", role),
                    total: rows.len(),
                    rows,
                    asked,
                    statuses: ["Running", "Healthy", "Late", "", "Held", "Paused", "", "Draft"],
                    may_sync: Role::Operator <= role,
                    may_create: Role::Admin <= role,
                    ask: HOSTILE.to_owned(),
                    can_simulate: true,
                };
                let text = check(&view);
                let can_sync = text.contains("/sync\"");
                assert_eq!(can_sync, !is_empty && Role::Operator <= role, "{text}");
            }
        }
    }

    #[test]
    fn a_command_can_be_copied_whatever_the_name() {
        assert_eq!(shell_word("OneLogin"), "OneLogin");
        assert_eq!(shell_word("One Login"), "'One Login'");
        assert_eq!(shell_word("it's; rm"), r"'it'\''s; rm'");
        assert_eq!(shell_word(""), "''");
    }
}
