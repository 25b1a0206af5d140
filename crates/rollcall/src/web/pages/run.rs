//! `/runs/{id}`: a run while it is under way, and its permanent record afterwards.

pub mod live;
pub mod undo;

use askama::Template;
use axum::extract::{Path, Query, State};
use axum::response::Response;
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use serde::Deserialize;
use serde_json::Value;

use self::live::{Line, Live};
use crate::run::{self, Order, Ready};
use crate::store::accounts::Role;
use crate::store::connectors::{self, settings::ConnectorSettings};
use crate::store::leases;
use crate::store::runs::changes::{self, RecordedChange};
use crate::store::runs::findings::{self, RecordedFinding};
use crate::store::runs::report::{Calls, Report, Source, Target};
use crate::store::runs::{self, Run, RunId, Trigger};
use crate::web::answer::{self, Answer};
use crate::web::form::Form;
use crate::web::gauge::Gauge;
use crate::web::moment::count;
use crate::web::page::Page;
use crate::web::pages::connector::field;
use crate::web::pages::connector::tabs::{Entry, Tab as SettingsTab};
use crate::web::pages::runs::{Choice, Row, choice, field_choices, row, spoken};
use crate::web::refusal::Refusal;
use crate::web::visit::Visit;
use crate::web::{App, moment};

#[derive(Debug, Template)]
#[template(path = "run.html")]
struct View {
    page: Page,
    run: Row,
    /// Its page, for links that stay here.
    here: String,
    started_by: String,
    finished: Option<moment::Moment>,
    retry_of: Option<i64>,
    stop_asked_by: Option<String>,
    /// Where the parts that change are told of; absent once the run has ended.
    stream: Option<String>,
    tabs: Vec<Tab>,
    part: Part,
    may_stop: bool,
    may_retry: bool,
    /// The number of its connector.
    connector: i64,
    may_test: bool,
    /// Where it is taken back; empty where there is nothing, or the one who looks may not.
    undo: String,
    /// What can be done here, as commands.
    commands: Vec<(&'static str, String)>,
}

#[derive(Debug)]
struct Tab {
    name: &'static str,
    href: String,
    is_current: bool,
    /// How many rows wait there; empty where it counts nothing.
    count: String,
}

/// What is shown below the head of the page.
#[derive(Debug)]
enum Part {
    Summary { targets: Vec<TargetView>, live: Live, lines: Vec<Line> },
    Changes(Box<Changes>),
    Findings { rows: Vec<RecordedFinding>, next: String },
    Log { lines: Vec<Line> },
    Source(Option<Source>),
    Calls { calls: Calls, gauge: Option<Gauge> },
    Settings(Vec<(String, String)>),
}

/// What became of one target.
#[derive(Debug)]
struct TargetView {
    name: String,
    users_before: u64,
    tiles: Vec<Tile>,
    objections: Vec<String>,
    missing_not_asked_for: u64,
    /// What is left alone because somebody rejected it.
    rejected: u64,
}

#[derive(Debug)]
struct Tile {
    sign: &'static str,
    count: String,
    caption: String,
    href: String,
}

#[derive(Debug)]
struct Changes {
    rows: Vec<RecordedChange>,
    kinds: Vec<Choice>,
    outcomes: Vec<Choice>,
    /// The fields that its changes alter.
    fields: Vec<Choice>,
    text: String,
    is_filtered: bool,
    next: String,
    first: String,
}

/// The address of the page, taken apart.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub struct Asked {
    tab: String,
    kind: String,
    outcome: String,
    /// What of a person a change alters.
    field: String,
    q: String,
    after: i64,
}

const ROWS: usize = 100;
const TABS: [(&str, &str); 7] = [
    ("", "Summary"),
    ("changes", "Changes"),
    ("findings", "Findings"),
    ("log", "Log"),
    ("source", "Source check"),
    ("calls", "API calls"),
    ("settings", "Settings used"),
];

pub async fn show(
    State(app): State<App>,
    visit: Visit,
    Path(id): Path<i64>,
    Query(asked): Query<Asked>,
) -> Answer {
    leases::end_abandoned(app.db()).await?;
    let run = find(&app, id).await?;
    let report = Report::read(&run.report);
    let minimum = live::minimum_of(&run);
    let (mut told, lines) = live::told(app.db(), run.id, minimum, i64::MAX).await?;
    told.end(&run, &report);
    let has_ended = run.finished_at.is_some();
    let stream = format!("/runs/{}/events?after={}", run.id, told.last);
    let part = match asked.tab.as_str() {
        "changes" => Part::Changes(Box::new(changes(&app, &run, &report, &asked).await?)),
        "findings" => findings(&app, &run, &asked).await?,
        "log" => Part::Log { lines },
        "source" => Part::Source(report.source.clone()),
        "calls" => {
            Part::Calls { calls: report.calls.clone(), gauge: live::gauge(&run, &report, minimum) }
        }
        "settings" => Part::Settings(settings(&run)),
        _ => {
            let targets = report.targets.iter().map(|it| target(run.id, it)).collect();
            Part::Summary { targets, live: told.live, lines }
        }
    };
    let is_summary = matches!(part, Part::Summary { .. });
    let view = View {
        page: visit.page(format!("Run {}", run.id)),
        here: format!("/runs/{}", run.id),
        started_by: run.started_by.clone(),
        finished: run.finished_at.map(|it| moment::Moment::new(it, visit.now())),
        retry_of: run.retry_of.map(|it| it.0),
        stop_asked_by: run.stop_asked_by.clone(),
        stream: (!has_ended && is_summary).then_some(stream),
        tabs: tabs(&run, &report, &asked),
        part,
        may_stop: !has_ended && run.stop_asked_by.is_none() && visit.may(Role::Operator),
        may_retry: has_ended && run::again(&run).is_ok() && visit.may(Role::Operator),
        connector: run.connector_id.0,
        may_test: visit.may(Role::Operator),
        commands: Vec::new(),
        undo: if has_ended && 0 < report.applied().total() && visit.may(Role::Operator) {
            format!("/runs/{}/undo", run.id)
        } else {
            String::new()
        },
        run: row(&run, &visit),
    };
    answer::html(&View { commands: view.commands_of(run.id), ..view })
}

/// Asks the run to stop after what it is doing.
pub async fn stop(
    State(app): State<App>,
    visit: Visit,
    Path(id): Path<i64>,
    _form: Form,
) -> Answer {
    let run = find(&app, id).await?;
    let actor = visit.actor();
    let mut tx = app.db().begin().await?;
    let is_asked = runs::ask_to_stop(&mut tx, run.id, &visit.act(&actor)).await?;
    tx.commit().await?;
    if !is_asked {
        return Ok(visit.done("The run had ended already.", &format!("/runs/{id}")));
    }
    let sentence =
        "The run stops after the current step. What is done stays done; nothing is half done.";
    Ok(visit.done(sentence, &format!("/runs/{id}")))
}

/// Runs the connector again.
pub async fn retry(
    State(app): State<App>,
    visit: Visit,
    Path(id): Path<i64>,
    _form: Form,
) -> Answer {
    let run = find(&app, id).await?;
    let task = run::again(&run).map_err(Refusal::Conflict)?;
    let known = connectors::list(app.db()).await?;
    let connector = known.into_iter().find(|it| it.id == run.connector_id).ok_or_else(|| {
        Refusal::Conflict("The connector of this run has been deleted since.".to_owned())
    })?;
    let ready = Ready::open(&app.engine, connector.name.as_str()).await?;
    let order = Order::new(Trigger::Page, visit.actor());
    let order = Order { retry_of: Some(run.id), task, ..order };
    started(&app, &visit, ready, &order).await
}

impl View {
    fn commands_of(&self, run: RunId) -> Vec<(&'static str, String)> {
        let mut commands = vec![("Show", format!("rollcall run show {run}"))];
        commands.push(("Log", format!("rollcall run logs {run}")));
        commands.push(("Download", format!("rollcall run export {run}")));
        if self.may_stop {
            commands.push(("Stop", format!("rollcall run stop {run}")));
        }
        if self.may_retry {
            commands.push(("Run again", format!("rollcall run retry {run}")));
        }
        if !self.undo.is_empty() {
            commands.push(("Undo", format!("rollcall undo {run} --yes --reason 'WHY'")));
        }
        commands
    }
}

/// Starts a run and shows it.
pub async fn started(
    app: &App,
    visit: &Visit,
    ready: Ready,
    order: &Order,
) -> Result<Response, Refusal> {
    let started = run::start(&app.engine, ready, order, |_| {}).await?;
    let run = started.run;
    Ok(visit.done(format!("Run {run} has started."), &format!("/runs/{run}")))
}

async fn find(app: &App, id: i64) -> Result<Run, Refusal> {
    runs::find(app.db(), RunId(id)).await?.ok_or_else(|| {
        Refusal::NotFound(format!("There is no run {id}. It may have been pruned since."))
    })
}

async fn changes(app: &App, run: &Run, report: &Report, asked: &Asked) -> Result<Changes, Refusal> {
    let text = asked.q.trim().to_owned();
    let filter = changes::Filter {
        kind: asked.kind.clone(),
        outcome: asked.outcome.clone(),
        text: text.clone(),
        field: asked.field.clone(),
    };
    let mut rows = changes::search(app.db(), run.id, &filter, page(asked.after)).await?;
    let next = next(&mut rows, |last| asked.address(run.id, last.seq));
    let mut kinds: Vec<&String> =
        report.targets.iter().flat_map(|it| it.applied.keys().chain(it.held.keys())).collect();
    kinds.sort_unstable();
    kinds.dedup();
    let choice = |chosen: &str, value: &str| choice(chosen, value, &spoken(value));
    Ok(Changes {
        rows,
        kinds: kinds.into_iter().map(|it| choice(&asked.kind, it)).collect(),
        outcomes: ["applied", "held"].map(|it| choice(&asked.outcome, it)).to_vec(),
        fields: field_choices(changes::altered(app.db(), run.id).await?, &asked.field),
        is_filtered: filter != changes::Filter::default(),
        text,
        next,
        first: if asked.after == 0 { String::new() } else { asked.address(run.id, 0) },
    })
}

async fn findings(app: &App, run: &Run, asked: &Asked) -> Result<Part, Refusal> {
    let mut rows = findings::list(app.db(), run.id, page(asked.after)).await?;
    let next = next(&mut rows, |last| asked.address(run.id, last.seq));
    Ok(Part::Findings { rows, next })
}

fn page(after: i64) -> runs::Page {
    runs::Page { after, rows_max: i64::try_from(ROWS).unwrap_or(i64::MAX).saturating_add(1) }
}

/// Leaves one page of rows, and tells where the next one is.
fn next<T>(rows: &mut Vec<T>, address: impl Fn(&T) -> String) -> String {
    let has_more = ROWS < rows.len();
    rows.truncate(ROWS);
    rows.last().filter(|_| has_more).map(address).unwrap_or_default()
}

fn tabs(run: &Run, report: &Report, asked: &Asked) -> Vec<Tab> {
    let changes = report.applied().total() + report.held().total();
    let findings: u64 = report.findings.values().sum();
    let is_known = |tab: &str| TABS.iter().any(|(word, _)| *word == tab);
    TABS.into_iter()
        .map(|(word, name)| Tab {
            name,
            href: match word {
                "" => format!("/runs/{}", run.id),
                word => format!("/runs/{}?tab={word}", run.id),
            },
            is_current: asked.tab == word || (word.is_empty() && !is_known(&asked.tab)),
            count: match word {
                "changes" => count(changes),
                "findings" => count(findings),
                _ => String::new(),
            },
        })
        .collect()
}

fn target(run: RunId, target: &Target) -> TargetView {
    let tile = |outcome: &'static str| {
        move |(kind, number): (&String, &u64)| Tile {
            sign: if outcome == "held" { "!" } else { sign(kind) },
            count: count(*number),
            caption: match outcome {
                "held" => format!("{} held", spoken(kind)),
                _ => spoken(kind),
            },
            href: format!("/runs/{run}?tab=changes&kind={kind}&outcome={outcome}"),
        }
    };
    let applied = target.applied.iter().map(tile("applied"));
    TargetView {
        name: target.name.clone().unwrap_or_else(|| "No target yet".to_owned()),
        users_before: target.users_before,
        tiles: applied.chain(target.held.iter().map(tile("held"))).collect(),
        objections: target.objections.clone(),
        missing_not_asked_for: target.missing_not_asked_for,
        rejected: target.rejected_in_all(),
    }
}

pub fn sign(kind: &str) -> &'static str {
    match kind {
        "create" | "reactivate" | "create-group" | "add-to-group" => "+",
        "update" | "rename" | "adopt-group" | "make-local" => "~",
        _ => "\u{2212}",
    }
}

/// The settings that a run used, one line each.
fn settings(run: &Run) -> Vec<(String, String)> {
    if let Ok(settings) = serde_json::from_str::<ConnectorSettings>(&run.settings) {
        return labelled(&settings);
    }
    // Those of a version that knew other settings.
    let settings: Value = serde_json::from_str(&run.settings).unwrap_or_default();
    let mut lines = Vec::new();
    flatten("", &settings, &mut lines);
    lines
}

/// Label and value, in the order of the tabs of a connector.
fn labelled(settings: &ConnectorSettings) -> Vec<(String, String)> {
    let source = &settings.source;
    let own = [("OneLogin Base URL", &source.base_url), ("Client ID", &source.client_id)];
    let own = own.map(|(label, value)| (label.to_owned(), value.clone()));
    let entries = SettingsTab::ALL.into_iter().flat_map(SettingsTab::entries);
    let line = |entry: &Entry| (entry.label.to_owned(), field::spoken(entry, settings));
    own.into_iter().chain(entries.map(line)).collect()
}

fn flatten(place: &str, value: &Value, lines: &mut Vec<(String, String)>) {
    match value {
        Value::Object(fields) => {
            for (name, value) in fields {
                let place = if place.is_empty() { name.clone() } else { format!("{place}.{name}") };
                flatten(&place, value, lines);
            }
        }
        Value::String(text) => lines.push((place.to_owned(), text.clone())),
        Value::Array(items) => {
            let text = |it: &Value| it.as_str().map_or_else(|| it.to_string(), str::to_owned);
            let items: Vec<String> = items.iter().map(text).collect();
            lines.push((place.to_owned(), items.join(", ")));
        }
        Value::Null | Value::Bool(_) | Value::Number(_) => {
            lines.push((place.to_owned(), value.to_string()));
        }
    }
}

impl Asked {
    fn address(&self, run: RunId, after: i64) -> String {
        let after = if after == 0 { String::new() } else { after.to_string() };
        let parts = [
            ("tab", &self.tab),
            ("kind", &self.kind),
            ("outcome", &self.outcome),
            ("field", &self.field),
            ("q", &self.q),
            ("after", &after),
        ];
        let asked: Vec<String> = parts
            .into_iter()
            .filter(|(_, value)| !value.is_empty())
            .map(|(name, value)| format!("{name}={}", utf8_percent_encode(value, NON_ALPHANUMERIC)))
            .collect();
        format!("/runs/{run}?{}", asked.join("&"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::source::onelogin::settings::{GroupSource, ScopeSettings, Settings};
    use crate::web::answer::samples::{self, HOSTILE, check};
    use crate::web::pages::runs::tests::sample;

    fn view(status: &'static str, part: Part) -> View {
        let tab = |(_, name)| Tab {
            name,
            href: "/runs/1188".to_owned(),
            is_current: false,
            count: String::new(),
        };
        View {
            page: samples::page("Run 1188", "/runs/1188", Role::Operator),
            run: sample(status, HOSTILE),
            here: "/runs/1188".to_owned(),
            started_by: HOSTILE.to_owned(),
            finished: None,
            retry_of: Some(7),
            stop_asked_by: Some(HOSTILE.to_owned()),
            stream: (status == "running").then(|| "/runs/1188/events?after=9".to_owned()),
            tabs: TABS.into_iter().map(tab).collect(),
            part,
            may_stop: status == "running",
            may_retry: status != "running",
            connector: 1,
            may_test: true,
            undo: "/runs/1188/undo".to_owned(),
            commands: vec![("Show", "rollcall run show 1188".to_owned())],
        }
    }

    fn summary(objections: Vec<String>) -> Part {
        let held = [("deactivate".to_owned(), 41)].into();
        let applied = [("create".to_owned(), 1_234)].into();
        let name = Some(HOSTILE.to_owned());
        let it = Target { name, applied, held, objections, ..Target::default() };
        let mut live = live::Told::nothing(500).live;
        live.counts.push(HOSTILE.to_owned());
        let line =
            Line { seq: 3, at: "09:00:01.902".to_owned(), text: HOSTILE.to_owned(), append_to: "" };
        Part::Summary { targets: vec![target(RunId(1188), &it)], live, lines: vec![line] }
    }

    #[test]
    fn a_run_is_shown_in_every_state() {
        let live = check(&view("running", summary(Vec::new())));
        assert!(live.contains("data-live=\"/runs/1188/events?after=9\""), "{live}");
        assert!(live.contains("action=\"/runs/1188/stop\""), "{live}");
        let ended = check(&view("held", summary(vec![HOSTILE.to_owned()])));
        assert!(!ended.contains("data-live=") && ended.contains("1,234"), "{ended}");
        assert!(ended.contains("kind=create&#38;outcome=applied"), "{ended}");
    }

    #[test]
    fn every_part_of_a_run_is_shown() {
        let change = RecordedChange {
            seq: 1,
            target_name: Some(HOSTILE.to_owned()),
            kind: "update".to_owned(),
            external_id: Some("117".to_owned()),
            username: Some(HOSTILE.to_owned()),
            group: Some(HOSTILE.to_owned()),
            detail: HOSTILE.to_owned(),
            reason: HOSTILE.to_owned(),
            outcome: "applied".to_owned(),
            before: serde_json::json!({ HOSTILE: HOSTILE }).to_string(),
            after: serde_json::json!({ HOSTILE: 1 }).to_string(),
        };
        let changes = |rows, is_filtered| {
            Part::Changes(Box::new(Changes {
                rows,
                kinds: Vec::new(),
                outcomes: Vec::new(),
                fields: vec![choice(HOSTILE, HOSTILE, HOSTILE)],
                text: HOSTILE.to_owned(),
                is_filtered,
                next: "/runs/1188?after=100".to_owned(),
                first: String::new(),
            }))
        };
        check(&view("succeeded", changes(vec![change], false)));
        let none = check(&view("succeeded", changes(Vec::new(), true)));
        assert!(none.contains("No change is like this"), "{none}");
        let finding = RecordedFinding {
            run: RunId(1188),
            seq: 1,
            kind: "invalid".to_owned(),
            external_id: Some("117".to_owned()),
            username: None,
            message: HOSTILE.to_owned(),
        };
        check(&view("succeeded", Part::Findings { rows: vec![finding], next: String::new() }));
        check(&view("failed", Part::Source(None)));
        check(&view("succeeded", Part::Source(Some(Source::default()))));
        let calls = Calls { by_endpoint: [(HOSTILE.to_owned(), 3)].into(), ..Calls::default() };
        check(&view("succeeded", Part::Calls { calls, gauge: None }));
        check(&view("succeeded", Part::Log { lines: Vec::new() }));
        check(&view("succeeded", Part::Settings(vec![(HOSTILE.to_owned(), HOSTILE.to_owned())])));
    }

    #[test]
    fn settings_are_told_as_their_page_says_them() {
        let settings = ConnectorSettings::new(Settings {
            base_url: "https://api.us.onelogin.com".to_owned(),
            client_id: "id".to_owned(),
            statuses: Vec::new(),
            groups_from: [GroupSource::Roles].into(),
            required_groups: Vec::new(),
            scope: ScopeSettings::default(),
            minimum_remaining_api_calls: 500,
        });
        let lines = labelled(&settings);
        let told = |label: &str| {
            let found = lines.iter().find(|(it, _)| it == label);
            found.map_or_else(|| panic!("{label}: {lines:?}"), |(_, value)| value.as_str())
        };
        assert_eq!(told("Client ID"), "id");
        assert_eq!(told("Minimum remaining API calls"), "500 calls");
        assert_eq!(told("Required OneLogin Groups"), "\u{2013}");
        assert!(lines.iter().any(|(_, value)| value == "no limit"), "{lines:?}");
        for (label, value) in &lines {
            assert!(
                !label.is_empty() && !value.contains("18446744073709551615"),
                "{label}: {value}"
            );
            assert!(!label.contains('_') && value != "null", "{label}: {value}");
        }
    }

    #[test]
    fn settings_are_told_by_their_place() {
        let mut lines = Vec::new();
        let settings = serde_json::json!({ "a": { "b": ["x", "y"], "c": null }, "d": "text" });
        flatten("", &settings, &mut lines);
        let told: Vec<String> =
            lines.iter().map(|(place, value)| format!("{place}: {value}")).collect();
        assert_eq!(told, ["a.b: x, y", "a.c: null", "d: text"]);
    }
}
