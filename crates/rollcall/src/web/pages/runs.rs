//! `/runs`: the history, with what each run did, took and cost.

pub mod history;

use askama::Template;
use axum::extract::{Query, State};
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use serde::Deserialize;

use self::history::History;
use crate::notation;
use crate::store::StoreError;
use crate::store::accounts::Role;
use crate::store::connectors::{self, ConnectorId};
use crate::store::fields::AlteredField;
use crate::store::leases;
use crate::store::runs::report::{Report, Tally};
use crate::store::runs::{self, Filter, Run, RunId, Status};
use crate::web::App;
use crate::web::answer::{self, Answer};
use crate::web::moment::{self, Moment, count};
use crate::web::page::Page;
use crate::web::visit::Visit;

#[derive(Debug, Template)]
#[template(path = "runs.html")]
struct View {
    page: Page,
    rows: Vec<Row>,
    /// The same runs, drawn; nothing where none has ended.
    history: Option<History>,
    asked: Asked,
    connectors: Vec<Choice>,
    statuses: Vec<Choice>,
    triggers: Vec<Choice>,
    /// Where older runs are; empty where there are none.
    older: String,
    /// Where the latest are; empty where they are shown.
    latest: String,
    /// The equal command.
    command: String,
    may_simulate: bool,
}

/// One run, as a list shows it.
#[derive(Clone, Debug)]
pub struct Row {
    pub id: i64,
    pub connector: String,
    pub status: &'static str,
    pub trigger: String,
    pub started: Moment,
    /// Empty while it goes on.
    pub took: String,
    pub applied: Tally,
    pub held: u64,
    pub calls: u64,
    pub node: String,
    pub message: String,
}

/// An entry of a list to choose from.
#[derive(Clone, Debug)]
pub struct Choice {
    pub value: String,
    pub label: String,
    pub chosen: bool,
}

/// What is asked for, as the address says it.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub struct Asked {
    /// The id of a connector.
    connector: String,
    status: String,
    trigger: String,
    /// Whether runs that changed nothing and hold nothing are left out.
    changes: String,
    /// Only runs older than this one.
    before: String,
}

const ROWS: usize = 50;

pub async fn show(State(app): State<App>, visit: Visit, Query(asked): Query<Asked>) -> Answer {
    leases::end_abandoned(app.db()).await?;
    let known = connectors::list(app.db()).await?;
    let mut found = found(&app, &asked).await?;
    let has_older = ROWS < found.len();
    found.truncate(ROWS);
    let older = match found.last() {
        Some(last) if has_older => asked.address(Some(last.id)),
        Some(_) | None => String::new(),
    };
    let connector = known.iter().find(|it| it.id.0.to_string() == asked.connector);
    let command = asked.command(connector.map(|it| it.name.as_str()));
    let view = View {
        page: visit.page("Runs"),
        rows: found.iter().map(|run| row(run, &visit)).collect(),
        history: history::draw(&found),
        connectors: known
            .iter()
            .map(|it| choice(&asked.connector, &it.id.to_string(), it.name.as_str()))
            .collect(),
        statuses: Status::ALL
            .iter()
            .map(|it| choice(&asked.status, it.word(), &spoken(it.word())))
            .collect(),
        triggers: runs::Trigger::ALL
            .iter()
            .map(|it| choice(&asked.trigger, it.word(), &spoken(it.word())))
            .collect(),
        older,
        latest: if asked.before.is_empty() { String::new() } else { asked.address(None) },
        command,
        may_simulate: visit.may(Role::Operator),
        asked,
    };
    answer::html(&view)
}

/// One more than a page has, so that it is known whether there are older ones.
async fn found(app: &App, asked: &Asked) -> Result<Vec<Run>, StoreError> {
    let filter = asked.filter();
    let rows_max = u32::try_from(ROWS).unwrap_or(u32::MAX).saturating_add(1);
    if asked.changes.is_empty() {
        runs::search(app.db(), &filter, rows_max).await
    } else {
        runs::search_with_changes(app.db(), &filter, rows_max).await
    }
}

/// A run as every list of runs shows it.
pub fn row(run: &Run, visit: &Visit) -> Row {
    let report = Report::read(&run.report);
    Row {
        id: run.id.0,
        connector: run.connector_name.as_str().to_owned(),
        status: run.status.word(),
        trigger: spoken(&run.trigger),
        started: Moment::new(run.started_at, visit.now()),
        took: run
            .finished_at
            .map(|it| moment::duration(it.duration_since(run.started_at)))
            .unwrap_or_default(),
        applied: report.applied(),
        held: report.held().total(),
        calls: report.calls.total,
        node: run.node.clone(),
        message: run.message.clone(),
    }
}

/// An entry of a list, of which one may be chosen already.
pub fn choice(chosen: &str, value: &str, label: &str) -> Choice {
    Choice { value: value.to_owned(), label: label.to_owned(), chosen: chosen == value }
}

/// The fields that changes alter, each with how many do.
pub fn field_choices(altered: Vec<AlteredField>, chosen: &str) -> Vec<Choice> {
    let choice = |AlteredField { field, changes }: AlteredField| Choice {
        label: format!("{field} ({})", count(changes)),
        chosen: field.eq_ignore_ascii_case(chosen),
        value: field,
    };
    altered.into_iter().map(choice).collect()
}

/// A word of the database as a sentence begins: `Command line`.
pub fn spoken(word: &str) -> String {
    let spaced = word.replace('-', " ");
    let mut letters = spaced.chars();
    letters.next().map_or_else(String::new, |it| it.to_uppercase().chain(letters).collect())
}

impl Asked {
    fn filter(&self) -> Filter {
        Filter {
            connector: self.connector.parse().ok().map(ConnectorId),
            status: Status::ALL.into_iter().find(|it| it.word() == self.status),
            trigger: self.trigger.clone(),
            before: self.before.parse().ok().map(RunId),
        }
    }

    /// The command that lists the same runs.
    fn command(&self, connector: Option<&str>) -> String {
        let Filter { connector: _, status, trigger, before } = self.filter();
        let mut command = "rollcall run list".to_owned();
        let is_trigger = runs::Trigger::ALL.iter().any(|it| it.word() == trigger);
        let before = before.map(|it| it.to_string());
        let flags = [
            ("connector", connector),
            ("status", status.map(Status::word)),
            ("trigger", Some(&*trigger).filter(|_| is_trigger)),
            ("before", before.as_deref()),
        ];
        for (flag, value) in flags {
            if let Some(value) = value {
                command.extend([" --", flag, " ", &notation::shell_word(value)]);
            }
        }
        if !self.changes.is_empty() {
            command.push_str(" --with-changes");
        }
        command
    }

    /// The same question about runs before another one.
    fn address(&self, before: Option<RunId>) -> String {
        let before = before.map(|it| it.to_string()).unwrap_or_default();
        let parts = [
            ("connector", &self.connector),
            ("status", &self.status),
            ("trigger", &self.trigger),
            ("changes", &self.changes),
            ("before", &before),
        ];
        let asked: Vec<String> = parts
            .into_iter()
            .filter(|(_, value)| !value.is_empty())
            .map(|(name, value)| format!("{name}={}", utf8_percent_encode(value, NON_ALPHANUMERIC)))
            .collect();
        if asked.is_empty() { "/runs".to_owned() } else { format!("/runs?{}", asked.join("&")) }
    }
}

#[cfg(test)]
pub mod tests {
    use super::*;
    use crate::web::answer::samples::{self, HOSTILE, check};

    pub fn sample(status: &'static str, message: &str) -> Row {
        let at = |text: &str| text.parse().unwrap();
        Row {
            id: 1188,
            connector: HOSTILE.to_owned(),
            status,
            trigger: "Schedule".to_owned(),
            started: Moment::new(at("2026-11-25T22:14:03Z"), at("2026-11-25T22:20:03Z")),
            took: "48 s".to_owned(),
            applied: Tally { added: 2, changed: 9, joined: 4, ..Tally::default() },
            held: 41,
            calls: 141,
            node: HOSTILE.to_owned(),
            message: message.to_owned(),
        }
    }

    fn view(rows: Vec<Row>, asked: Asked) -> View {
        View {
            page: samples::page("Runs", "/runs", Role::Viewer),
            rows,
            history: None,
            connectors: vec![choice("1", "1", HOSTILE)],
            statuses: vec![choice("", "held", "Held")],
            triggers: Vec::new(),
            older: asked.address(Some(RunId(7))),
            latest: String::new(),
            command: "rollcall run list".to_owned(),
            may_simulate: false,
            asked,
        }
    }

    #[test]
    fn the_history_shows_runs_of_every_state() {
        let rows = Status::ALL.map(|it| sample(it.word(), HOSTILE)).to_vec();
        let text = check(&view(rows, Asked::default()));
        assert!(text.contains("Succeeded with skips") && text.contains("/runs/1188"), "{text}");
    }

    #[test]
    fn nothing_found_is_not_the_same_as_nothing_there() {
        let none = check(&view(Vec::new(), Asked::default()));
        assert!(none.contains("No runs yet"), "{none}");
        let asked = Asked { status: "failed".to_owned(), ..Asked::default() };
        let none = check(&view(Vec::new(), asked));
        assert!(none.contains("No run is like this"), "{none}");
    }

    #[test]
    fn the_command_lists_what_the_filters_let_through() {
        let asked = Asked {
            connector: "1".to_owned(),
            status: "failed".to_owned(),
            trigger: "schedule".to_owned(),
            changes: "1".to_owned(),
            before: "9".to_owned(),
        };
        assert_eq!(
            asked.command(Some("One Login")),
            "rollcall run list --connector 'One Login' --status failed --trigger schedule \
             --before 9 --with-changes"
        );
        let odd =
            Asked { status: "odd".to_owned(), trigger: "; rm".to_owned(), ..Asked::default() };
        assert_eq!(odd.command(None), "rollcall run list");
    }

    #[test]
    fn the_address_is_the_question() {
        let asked = Asked { status: "a&b".to_owned(), before: "9".to_owned(), ..Asked::default() };
        assert_eq!(asked.address(Some(RunId(3))), "/runs?status=a%26b&before=3");
        assert_eq!(Asked::default().address(None), "/runs");
        assert_eq!(asked.filter().before, Some(RunId(9)));
        assert_eq!(asked.filter().status, None);
    }
}
