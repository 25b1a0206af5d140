//! What a run tells while it is under way, as the parts of its page that change.
//!
//! The same rows of the database feed the page, its stream of events, and `rollcall run logs`. A
//! stream begins where the reader says that it was, so nothing is missed and nothing told twice.

use std::convert::Infallible;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use askama::Template;
use axum::extract::{Path, Query, State};
use axum::http::header::CACHE_CONTROL;
use axum::http::{HeaderMap, HeaderName, HeaderValue};
use axum::response::sse::{Event, KeepAlive, Sse};
use axum::response::{IntoResponse, Response};
use futures_util::stream::{self, Stream, StreamExt as _};
use jiff::{SignedDuration, Timestamp};
use serde::Deserialize;
use serde_json::Value;
use tokio::sync::OwnedSemaphorePermit;

use crate::store::budgets::Budget;
use crate::store::leases;
use crate::store::runs::events::{self, RunEvent};
use crate::store::runs::report::{Report, Source};
use crate::store::runs::{self, Page, Run, RunId};
use crate::store::{Db, StoreError};
use crate::sync::Phase;
use crate::web::App;
use crate::web::answer::Answer;
use crate::web::gauge::Gauge;
use crate::web::moment;
use crate::web::refusal::Refusal;

/// The parts of the page that change, each an element with an id of its own.
#[derive(Clone, Debug, Template)]
#[template(path = "run_live.html")]
pub struct Live {
    pub phases: Vec<Station>,
    /// `1,300 of 2,140 people`, and how far that is; absent before the first page.
    pub progress: Option<Progress>,
    pub has_ended: bool,
    /// Whether one person was asked for instead of a read.
    pub is_of_one: bool,
    pub calls: u64,
    /// How many the chosen way to read was expected to take.
    pub predicted: Option<u64>,
    pub gauge: Option<Gauge>,
    /// What stays for others.
    pub minimum: u64,
    /// What the gate made of the plan for each target.
    pub counts: Vec<String>,
    /// To be said aloud; empty where nothing is worth it.
    pub announce: String,
}

#[derive(Clone, Debug)]
pub struct Station {
    pub state: &'static str,
    pub title: &'static str,
    pub took: String,
}

#[derive(Clone, Debug)]
pub struct Progress {
    pub people: u64,
    pub done: u64,
    pub total: u64,
}

impl Progress {
    /// What was read in the end.
    pub fn read(&self) -> String {
        let people = moment::count(self.people);
        let pages = if self.total == 1 { "page" } else { "pages" };
        format!("{people} people, read on {} of {} {pages}.", self.done, self.total)
    }
}

/// One line of the log.
#[derive(Clone, Debug, Template)]
#[template(path = "run_line.html")]
pub struct Line {
    pub seq: i64,
    /// `09:00:01.902`, UTC.
    pub at: String,
    pub text: String,
    /// Where the line is a part of the page already, empty.
    pub append_to: &'static str,
}

/// Where the reader is.
#[derive(Clone, Copy, Debug, Default, Deserialize)]
#[serde(default)]
pub struct Asked {
    /// The number of the last event that the page shows.
    after: i64,
}

/// Everything that was told so far, and how far that is.
#[derive(Clone, Debug)]
pub struct Told {
    pub live: Live,
    pub last: i64,
    phase: Option<(Phase, Timestamp)>,
}

/// How often the rows are looked at. A run writes twice a second.
pub const LOOK_EVERY: Duration = Duration::from_millis(400);
/// So that proxies do not take a silent stream for a dead one.
const KEEP_ALIVE: Duration = Duration::from_secs(15);
const EVENTS_PER_READ_MAX: i64 = 1_000;
/// Of a log that is longer, the page shows the end.
pub const LINES_MAX: usize = 500;
/// Nothing runs for longer; whoever still looks loads the page again.
const LOOKS_MAX: u32 = 200_000;

pub const ORDER: [(Phase, &str); 5] = [
    (Phase::Read, "Read people"),
    (Phase::Map, "Map people and groups"),
    (Phase::Ask, "Ask about whoever is missing"),
    (Phase::Plan, "Plan, and check the limits"),
    (Phase::Apply, "Apply"),
];

impl Told {
    /// Nothing yet.
    pub fn nothing(minimum: u64) -> Told {
        let station = |(_, title)| Station { state: "waiting", title, took: String::new() };
        let live = Live {
            phases: ORDER.into_iter().map(station).collect(),
            progress: None,
            has_ended: false,
            is_of_one: false,
            calls: 0,
            predicted: None,
            gauge: None,
            minimum,
            counts: Vec::new(),
            announce: String::new(),
        };
        Told { live, last: 0, phase: None }
    }

    /// Takes in one event. A line of the log is given back.
    pub fn take(&mut self, event: &RunEvent) -> Option<Line> {
        self.last = event.seq;
        let body: Value = serde_json::from_str(&event.body).unwrap_or_default();
        let number = |key: &str| body.get(key).and_then(Value::as_u64);
        let text = |key: &str| body.get(key).and_then(Value::as_str).unwrap_or_default().to_owned();
        match event.kind.as_str() {
            "phase" => {
                let word = text("phase");
                if let Some((phase, title)) = ORDER.into_iter().find(|it| it.0.word() == word) {
                    self.enter(phase, event.at);
                    title.clone_into(&mut self.live.announce);
                }
                None
            }
            "progress" => {
                let part = |key| number(key).unwrap_or_default();
                let (people, done, total) = (part("people"), part("done"), part("total"));
                self.live.progress = Some(Progress { people, done, total });
                None
            }
            "calls" => {
                self.live.calls = number("calls").unwrap_or_default();
                self.live.predicted = number("predicted");
                if let (Some(remaining), Some(limit)) = (number("remaining"), number("limit")) {
                    let budget = Budget { limit, remaining, told_at: event.at };
                    self.live.gauge = Some(Gauge::new(&budget, self.live.minimum, event.at));
                }
                None
            }
            "counts" => {
                self.live.counts.push(text("text"));
                Some(line(event, text("text")))
            }
            _ => Some(line(event, text("text"))),
        }
    }

    fn enter(&mut self, phase: Phase, at: Timestamp) {
        self.leave("done", at);
        if let Some(station) = self.station(phase) {
            station.state = "running";
        }
        self.phase = Some((phase, at));
    }

    /// Ends the phase that is under way.
    fn leave(&mut self, state: &'static str, at: Timestamp) {
        let Some((phase, since)) = self.phase.take() else { return };
        if let Some(station) = self.station(phase) {
            station.state = state;
            station.took = moment::duration(at.duration_since(since));
        }
    }

    fn station(&mut self, phase: Phase) -> Option<&mut Station> {
        let place = ORDER.iter().position(|it| it.0 == phase)?;
        self.live.phases.get_mut(place)
    }

    /// What the record of an ended run adds.
    pub fn end(&mut self, run: &Run, report: &Report) {
        let Some(at) = run.finished_at else { return };
        let state = match run.status {
            runs::Status::Failed => "failed",
            runs::Status::Stopped => "stopped",
            runs::Status::Skipped => "skipped",
            runs::Status::Held => "held",
            runs::Status::Queued
            | runs::Status::Running
            | runs::Status::Stopping
            | runs::Status::Succeeded
            | runs::Status::SucceededWithSkips => "done",
        };
        self.leave(state, at);
        // What the record says is what the command line tells, too.
        for (phase, ms) in report.phases.iter().map(|it| (&it.phase, it.ms)) {
            let known = ORDER.into_iter().find(|(it, _)| it.word() == phase);
            if let Some(station) = known.and_then(|(it, _)| self.station(it)) {
                let ms = i64::try_from(ms).unwrap_or(i64::MAX);
                station.took = moment::duration(SignedDuration::from_millis(ms));
            }
        }
        let has_acted = matches!(
            run.status,
            runs::Status::Succeeded | runs::Status::SucceededWithSkips | runs::Status::Held
        );
        if has_acted && self.live.phases.iter().all(|it| it.state == "waiting") {
            // Of one person, and of an undo, no phase is told: there is only what was done.
            self.live.phases.retain(|it| it.title == "Apply");
            if let Some(station) = self.live.phases.first_mut() {
                station.state = state;
            }
        }
        self.live.is_of_one = report.source.as_ref().is_some_and(Source::is_of_one);
        // Nothing comes any more: what failed went no further.
        for station in self.live.phases.iter_mut().filter(|it| it.state == "waiting") {
            station.state = "skipped";
        }
        self.live.has_ended = true;
        self.live.calls = report.calls.total;
        if let Some(gauge) = gauge(run, report, self.live.minimum) {
            self.live.gauge = Some(gauge);
        }
        self.live.announce = String::new();
    }
}

/// The calls that were left when a run ended.
pub fn gauge(run: &Run, report: &Report, minimum: u64) -> Option<Gauge> {
    let told = report.budget()?;
    let told_at = run.finished_at.unwrap_or(run.started_at);
    let budget = Budget { limit: told.limit, remaining: told.remaining, told_at };
    // That is of then, whenever it is looked at: the page says when the run ended.
    Some(Gauge { asked: None, ..Gauge::new(&budget, minimum, told_at) })
}

fn line(event: &RunEvent, text: String) -> Line {
    let at = event.at.strftime("%H:%M:%S%.3f").to_string();
    Line { seq: event.seq, at, text, append_to: "" }
}

/// Everything that a run has told up to an event, and the end of its log.
pub async fn told(
    db: &Db,
    run: RunId,
    minimum: u64,
    until: i64,
) -> Result<(Told, Vec<Line>), StoreError> {
    let (mut told, mut lines) = (Told::nothing(minimum), Vec::new());
    loop {
        let page = Page { after: told.last, rows_max: EVENTS_PER_READ_MAX };
        let mut events = events::list(db, run, page).await?;
        events.retain(|event| event.seq <= until);
        if events.is_empty() {
            let surplus = lines.len().saturating_sub(LINES_MAX);
            lines.drain(..surplus);
            return Ok((told, lines));
        }
        lines.extend(events.iter().filter_map(|event| told.take(event)));
    }
}

/// `/runs/{id}/events`: the parts of the page, as they change.
pub async fn events(
    State(app): State<App>,
    Path(id): Path<i64>,
    Query(asked): Query<Asked>,
    headers: HeaderMap,
) -> Answer {
    let run = runs::find(app.db(), RunId(id)).await?.ok_or_else(Refusal::no_page)?;
    let place = place(&app)?;
    // What the page was made of, or what was told before the line broke.
    let until = last_event(&headers).unwrap_or(asked.after);
    let (told, _) = told(app.db(), run.id, minimum_of(&run), until).await?;
    let watching = Watching { app, run: run.id, told, looks: 0, is_over: false, _place: place };
    Ok(answer(stream::unfold(watching, async |mut watching| {
        let event = watching.next().await?;
        Some((event, watching))
    })))
}

/// A place among those who watch, for as long as it is kept.
pub fn place(app: &App) -> Result<OwnedSemaphorePermit, Refusal> {
    Arc::clone(&app.watching).try_acquire_owned().map_err(|_| {
        Refusal::TryLater("Too many people are watching runs. Load the page again.".to_owned())
    })
}

/// A stream of events as an answer.
pub fn answer(events: impl Stream<Item = Event> + Send + 'static) -> Response {
    let events: Pin<Box<dyn Stream<Item = _> + Send>> = Box::pin(events.map(Ok::<_, Infallible>));
    let stream = Sse::new(events).keep_alive(KeepAlive::new().interval(KEEP_ALIVE));
    let mut answer = stream.into_response();
    let headers = answer.headers_mut();
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    // A proxy that collects the stream before it passes it on makes it worthless.
    headers.insert(HeaderName::from_static("x-accel-buffering"), HeaderValue::from_static("no"));
    answer
}

fn last_event(headers: &HeaderMap) -> Option<i64> {
    headers.get("last-event-id")?.to_str().ok()?.parse().ok()
}

/// The configured minimum, as the run used it.
pub fn minimum_of(run: &Run) -> u64 {
    let settings: Value = serde_json::from_str(&run.settings).unwrap_or_default();
    settings
        .pointer("/source/minimum_remaining_api_calls")
        .and_then(Value::as_u64)
        .unwrap_or_default()
}

/// One reader of one run.
struct Watching {
    app: App,
    run: RunId,
    told: Told,
    looks: u32,
    is_over: bool,
    _place: OwnedSemaphorePermit,
}

impl Watching {
    /// The next event, as soon as there is one; none when the stream is over.
    async fn next(&mut self) -> Option<Event> {
        while !self.is_over && self.looks < LOOKS_MAX && !self.app.engine.is_stopping() {
            self.looks += 1;
            match self.look().await {
                Ok(Some(event)) => return Some(event),
                // A database that is away for a while comes back; so does the reader.
                Ok(None) | Err(_) => tokio::time::sleep(LOOK_EVERY).await,
            }
        }
        None
    }

    async fn look(&mut self) -> Result<Option<Event>, StoreError> {
        leases::end_abandoned(self.app.db()).await?;
        // Looked at first: what a run told last is read after its end is known.
        let has_ended =
            runs::find(self.app.db(), self.run).await?.is_none_or(|run| run.finished_at.is_some());
        let page = Page { after: self.told.last, rows_max: EVENTS_PER_READ_MAX };
        let events = events::list(self.app.db(), self.run, page).await?;
        if events.is_empty() {
            self.is_over = has_ended;
            return Ok(has_ended.then(|| Event::default().event("end").data("over")));
        }
        self.told.live.announce.clear();
        let lines: Vec<Line> = events
            .iter()
            .filter_map(|event| self.told.take(event))
            .map(|line| Line { append_to: "run-log", ..line })
            .collect();
        let mut markup = self.told.live.render().unwrap_or_default();
        for line in lines {
            markup.push_str(&line.render().unwrap_or_default());
        }
        Ok(Some(Event::default().id(self.told.last.to_string()).data(markup)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn event(seq: i64, second: i64, kind: &str, body: &str) -> RunEvent {
        let at = Timestamp::from_second(second).unwrap();
        RunEvent { seq, at, kind: kind.to_owned(), body: body.to_owned() }
    }

    fn shown(told: &Told) -> String {
        let station = |it: &Station| format!("{} {} {}", it.title, it.state, it.took);
        told.live.phases.iter().map(station).collect::<Vec<_>>().join("\n")
    }

    #[test]
    fn phases_follow_each_other_and_take_their_time() {
        let mut told = Told::nothing(500);
        told.take(&event(1, 100, "phase", r#"{"phase":"read"}"#));
        told.take(&event(2, 109, "progress", r#"{"done":3,"total":9,"people":300}"#));
        told.take(&event(3, 130, "phase", r#"{"phase":"map"}"#));
        let line = told.take(&event(4, 131, "line", r#"{"text":"<b>"}"#)).unwrap();
        told.take(&event(5, 131, "of a later version", "no JSON"));
        expect_test::expect![[r#"
            Read people done 30 s
            Map people and groups running 
            Ask about whoever is missing waiting 
            Plan, and check the limits waiting 
            Apply waiting "#]]
        .assert_eq(&shown(&told));
        assert_eq!((told.last, told.live.progress.as_ref().unwrap().people), (5, 300));
        assert_eq!(told.live.announce, "Map people and groups");
        assert!(line.render().unwrap().contains("&#60;b&#62;"), "{line:?}");
        assert!(told.live.render().unwrap().contains("id=\"run-phases\""));
    }
}
