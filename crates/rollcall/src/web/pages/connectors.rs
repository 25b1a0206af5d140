//! `/connectors`: all connectors, how they stand, and what can be done with them.

use askama::Template;
use axum::extract::{Path, State};
use reconcile::health::Health;

use crate::health;
use crate::run::{Order, Ready};
use crate::store::accounts::Role;
use crate::store::connectors;
use crate::store::runs::Trigger;
use crate::web::App;
use crate::web::answer::{self, Answer};
use crate::web::form::Form;
use crate::web::moment::Moment;
use crate::web::page::Page;
use crate::web::refusal::Refusal;
use crate::web::visit::Visit;

#[derive(Debug, Template)]
#[template(path = "connectors.html")]
struct View {
    page: Page,
    rows: Vec<Row>,
    may_sync: bool,
    may_create: bool,
}

/// One connector, as a list shows it.
#[derive(Debug)]
pub struct Row {
    pub id: i64,
    pub name: String,
    pub provider: &'static str,
    /// A status word of connectors.
    pub status: &'static str,
    pub last: Option<LastRun>,
    /// The equal command.
    pub command: String,
}

#[derive(Debug)]
pub struct LastRun {
    pub id: i64,
    pub status: &'static str,
    pub at: Moment,
    pub message: String,
}

pub async fn show(State(app): State<App>, visit: Visit) -> Answer {
    let rows = rows(&app, &visit).await?;
    let page = visit.page("Connectors");
    let (may_sync, may_create) = (visit.may(Role::Operator), visit.may(Role::Admin));
    answer::html(&View { page, rows, may_sync, may_create })
}

/// Starts a run, and shows it.
pub async fn sync(
    State(app): State<App>,
    visit: Visit,
    Path(id): Path<i64>,
    _form: Form,
) -> Answer {
    let known = connectors::list(app.db()).await?;
    let connector = known.into_iter().find(|it| it.id.0 == id).ok_or_else(Refusal::no_page)?;
    let ready = Ready::open(&app.engine, connector.name.as_str()).await?;
    let order = Order { trigger: Trigger::Page, actor: visit.actor(), retry_of: None, slot: None };
    super::run::started(&app, &visit, ready, &order).await
}

/// Every connector with its last run, by name.
pub async fn rows(app: &App, visit: &Visit) -> Result<Vec<Row>, Refusal> {
    let connectors = connectors::list(app.db()).await?;
    let healths = health::of_connectors(app.db(), &connectors, visit.now()).await?;
    let row = |connector: connectors::Connector| {
        let health = healths.get(&connector.id);
        let last = health.and_then(|it| it.last_run.as_ref());
        let is_under_way = health.is_some_and(|it| it.under_way.is_some());
        Row {
            id: connector.id.0,
            name: connector.name.as_str().to_owned(),
            provider: "OneLogin",
            status: match health {
                _ if is_under_way => "Running",
                Some(health) => health.health.label(),
                None => Health::NeverRun.label(),
            },
            last: last.map(|run| LastRun {
                id: run.id.0,
                status: run.status.word(),
                at: Moment::new(run.started_at, visit.now()),
                message: run.message.clone(),
            }),
            command: format!("rollcall sync {}", shell_word(connector.name.as_str())),
        }
    };
    Ok(connectors.into_iter().map(row).collect())
}

/// A word as a shell reads it.
pub fn shell_word(word: &str) -> String {
    let is_plain = |it: char| it.is_ascii_alphanumeric() || "-_./:@".contains(it);
    if !word.is_empty() && word.chars().all(is_plain) {
        return word.to_owned();
    }
    format!("'{}'", word.replace('\'', r"'\''"))
}

#[cfg(test)]
pub mod tests {
    use super::*;
    use crate::web::answer::samples::{self, HOSTILE, check};

    /// Rows of every state that a list can be in.
    pub fn states() -> Vec<Vec<Row>> {
        let row = |status, message: &str| Row {
            id: 1,
            name: HOSTILE.to_owned(),
            provider: "OneLogin",
            status,
            last: Some(LastRun {
                id: 7,
                status: "held",
                at: Moment::new(
                    "2026-11-25T22:14:03Z".parse().unwrap(),
                    "2026-11-25T22:20:03Z".parse().unwrap(),
                ),
                message: message.to_owned(),
            }),
            command: "rollcall sync x".to_owned(),
        };
        let never = Row { last: None, status: "Never run", ..row("Never run", "") };
        vec![
            vec![],
            vec![never],
            vec![row("Held", HOSTILE), row("Healthy", ""), row("Needs attention", HOSTILE)],
        ]
    }

    #[test]
    fn the_list_shows_every_state_to_every_role() {
        for role in Role::ALL {
            for rows in states() {
                let page = samples::page("Connectors", "/connectors", role);
                let is_empty = rows.is_empty();
                let view = View {
                    page,
                    rows,
                    may_sync: Role::Operator <= role,
                    may_create: Role::Admin <= role,
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
