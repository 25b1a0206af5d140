//! `/`: is it healthy, and if not, what is the one thing to do.

use std::collections::BTreeMap;

use askama::Template;
use axum::extract::State;

use crate::store::accounts::Role;
use crate::store::connectors::ConnectorId;
use crate::store::{runs, targets};
use crate::web::App;
use crate::web::access;
use crate::web::answer::{self, Answer};
use crate::web::gauge::Gauge;
use crate::web::moment::{Moment, count};
use crate::web::page::Page;
use crate::web::pages::connectors::{self, LastRun, Row};
use crate::web::visit::Visit;

#[derive(Debug, Template)]
#[template(path = "overview.html")]
struct View {
    page: Page,
    /// First the ones that somebody has to look at.
    connectors: Vec<Row>,
    pressing: Vec<Pressing>,
    figures: Figures,
    recent: Vec<Recent>,
    steps: Vec<Step>,
    may_create: bool,
}

/// What waits for a person.
#[derive(Debug)]
struct Pressing {
    role: &'static str,
    icon: &'static str,
    title: String,
    text: String,
    href: String,
    action: &'static str,
}

#[derive(Debug)]
struct Figures {
    people: String,
    groups: String,
    /// The oldest good run of all connectors; none where there is none yet.
    freshness: Option<Moment>,
    /// The connector that has the fewest calls left.
    gauge: Option<Gauge>,
    next: Option<Moment>,
    next_name: String,
}

#[derive(Debug)]
struct Recent {
    connector: String,
    run: LastRun,
}

/// A step from an empty installation to the first sync.
#[derive(Debug)]
struct Step {
    title: &'static str,
    text: &'static str,
    href: &'static str,
    is_done: bool,
}

const RECENT_MAX: u32 = 8;

pub async fn show(State(app): State<App>, visit: Visit) -> Answer {
    let mut connectors = connectors::rows(&app, &visit).await?;
    connectors.sort_by_key(|it| urgency(it.status));
    let targets = targets::sizes(app.db()).await?;
    // Targets of one connector hold the same people.
    let mut largest: BTreeMap<ConnectorId, (u64, u64)> = BTreeMap::new();
    for (connector, people, groups) in &targets {
        let size = largest.entry(*connector).or_default();
        *size = (size.0.max(*people), size.1.max(*groups));
    }
    let people = largest.values().map(|it| it.0).sum();
    let groups = largest.values().map(|it| it.1).sum();
    let runs = runs::list(app.db(), None, RECENT_MAX).await?;
    let steps = vec![
        Step {
            title: "Create a connector",
            text: "It reads people and groups from your identity provider.",
            href: "/connectors/new",
            is_done: !connectors.is_empty(),
        },
        Step {
            title: "Add a target",
            text: "The directory that Jira, Confluence and the others read.",
            href: "/targets",
            is_done: !targets.is_empty(),
        },
        Step {
            title: "Simulate, then sync",
            text: "See what would happen before it does.",
            href: "/connectors",
            is_done: !runs.is_empty(),
        },
    ];
    let role = visit.role().unwrap_or(Role::Viewer);
    let recent = runs.iter().map(|run| Recent {
        connector: run.connector_name.as_str().to_owned(),
        run: connectors::last_run(run, visit.now()),
    });
    let soonest = connectors.iter().filter_map(|it| Some((it.next.as_ref()?, &it.name)));
    let soonest = soonest.min_by(|one, other| one.0.iso.cmp(&other.0.iso));
    let figures = Figures {
        people: count(people),
        groups: count(groups),
        freshness: freshness(&app, &visit).await?,
        gauge: scarcest(&connectors),
        next: soonest.map(|it| it.0.clone()),
        next_name: soonest.map(|it| it.1.clone()).unwrap_or_default(),
    };
    answer::html(&View {
        page: visit.page("Overview"),
        pressing: all_pressing(&connectors, role, visit.held()),
        figures,
        recent: recent.collect(),
        steps: if targets.is_empty() || runs.is_empty() { steps } else { Vec::new() },
        connectors,
        may_create: visit.may(Role::Admin),
    })
}

/// When what is published was last known to be true everywhere.
async fn freshness(app: &App, visit: &Visit) -> Result<Option<Moment>, crate::store::StoreError> {
    let oldest = runs::oldest_of_last_good(app.db()).await?;
    Ok(oldest.map(|it| Moment::new(it, visit.now())))
}

/// The gauge of the connector that has the fewest calls left, with its name where there are several.
fn scarcest(connectors: &[Row]) -> Option<Gauge> {
    let gauges = connectors.iter().filter_map(|it| Some((it, it.gauge.clone()?)));
    let (row, gauge) = gauges.min_by_key(|(_, gauge)| gauge.left)?;
    let of = if connectors.len() == 1 { String::new() } else { row.name.clone() };
    Some(Gauge { of, ..gauge })
}

/// The most pressing first.
fn urgency(status: &str) -> u8 {
    match status {
        "Held" => 0,
        "Needs attention" => 1,
        "Late" => 2,
        "Running" => 3,
        "Never run" => 4,
        "Draft" => 5,
        "Paused" => 6,
        _ => 7,
    }
}

/// What is pressing of every connector, and plans that wait while something worse is told of theirs.
fn all_pressing(connectors: &[Row], role: Role, held: u64) -> Vec<Pressing> {
    let mut all: Vec<Pressing> = connectors.iter().filter_map(|it| pressing(it, role)).collect();
    let told = connectors.iter().filter(|it| it.status == "Held").count();
    let untold = held.saturating_sub(u64::try_from(told).unwrap_or(u64::MAX));
    if 0 < untold && access::shows("/approvals", role) {
        let title = match untold {
            1 => "1 plan waits for approval".to_owned(),
            untold => format!("{untold} plans wait for approval"),
        };
        let text = "What it holds back is done by a run after somebody approves it.".to_owned();
        let href = "/approvals".to_owned();
        let action = "Review plan";
        all.insert(0, Pressing { role: "held", icon: "hand", title, text, href, action });
    }
    all
}

fn pressing(row: &Row, role: Role) -> Option<Pressing> {
    let name = &row.name;
    let run = row.last.as_ref().map(|it| format!("/runs/{}", it.id));
    let message = row.last.as_ref().map(|it| it.message.clone()).unwrap_or_default();
    let connector = format!("/connectors/{}", row.id);
    match row.status {
        "Held" => Some(Pressing {
            role: "held",
            icon: "hand",
            title: format!("{name}: changes wait for approval"),
            // The last run may be one of one person, which says nothing of what waits.
            text: match row.last.as_ref().map(|it| it.status) {
                Some("held") => format!("{message} {}", row.left).trim().to_owned(),
                Some(_) | None => row.why.clone(),
            },
            href: if access::shows("/approvals", role) {
                "/approvals".to_owned()
            } else {
                run.unwrap_or(connector)
            },
            action: "Review plan",
        }),
        "Needs attention" => Some(Pressing {
            role: "danger",
            icon: "error",
            title: format!("{name} needs attention"),
            text: row.why.clone(),
            href: run.unwrap_or(connector),
            action: "Show run",
        }),
        "Late" => Some(Pressing {
            role: "warning",
            icon: "clock",
            title: format!("{name} is late"),
            text: row.why.clone(),
            href: connector,
            action: "Show connector",
        }),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::web::answer::samples::{self, HOSTILE, check};

    #[test]
    fn the_overview_shows_every_state() {
        for connectors in connectors::tests::states() {
            for role in Role::ALL {
                let is_empty = connectors.is_empty();
                let step =
                    Step { title: "Add a target", text: "..", href: "/targets", is_done: true };
                let recent = connectors
                    .iter()
                    .filter_map(|it| it.last.clone())
                    .map(|run| Recent { connector: HOSTILE.to_owned(), run });
                let text = check(&View {
                    page: samples::page("Overview", "/", role),
                    pressing: all_pressing(&connectors, role, 1),
                    figures: Figures {
                        people: "812".to_owned(),
                        groups: "46".to_owned(),
                        freshness: None,
                        gauge: scarcest(&connectors),
                        next: None,
                        next_name: HOSTILE.to_owned(),
                    },
                    recent: recent.collect(),
                    steps: if is_empty { vec![step] } else { vec![] },
                    connectors: Vec::new(),
                    may_create: role == Role::Admin,
                });
                assert_eq!(text.contains("class=\"steps\""), is_empty, "{text}");
            }
        }
    }

    #[test]
    fn what_is_held_stands_first() {
        let mut words = ["Healthy", "Late", "Held", "Draft", "Needs attention"];
        words.sort_by_key(|it| urgency(it));
        assert_eq!(words, ["Held", "Needs attention", "Late", "Draft", "Healthy"]);
    }
}
