//! Collects what a run tells, in order, until it is written down.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use jiff::Timestamp;
use reconcile::principal::Name;
use serde_json::json;

use crate::source::onelogin::report::{Calls, Progress};
use crate::store::runs::events::RunEvent;
use crate::sync::{Event, Phase};

/// Between the run and its record.
pub struct Recorder<'a> {
    watch: &'a (dyn Fn(Event) + Send + Sync),
    told: Mutex<Told>,
}

struct Told {
    /// Not yet written.
    pending: Vec<RunEvent>,
    seq: i64,
    calls: u64,
    phases: Vec<(Phase, Duration)>,
    phase: Option<(Phase, Instant)>,
}

/// A database that is away for hours must not make a run grow: the oldest lines give way.
const PENDING_MAX: usize = 10_000;

const PHASE: &str = "phase";
const PROGRESS: &str = "progress";
const CALLS: &str = "calls";
const COUNTS: &str = "counts";
const LINE: &str = "line";

impl std::fmt::Debug for Recorder<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Recorder").finish_non_exhaustive()
    }
}

impl Recorder<'_> {
    pub fn new(watch: &(dyn Fn(Event) + Send + Sync)) -> Recorder<'_> {
        let told = Told { pending: Vec::new(), seq: 0, calls: 0, phases: Vec::new(), phase: None };
        Recorder { watch, told: Mutex::new(told) }
    }

    pub fn tell(&self, event: &Event) {
        (self.watch)(event.clone());
        match event {
            Event::Phase(phase) => self.phase(*phase),
            Event::Counts(counts) => {
                let body = json!({
                    "text": counts.to_string(),
                    "target": counts.target.as_ref().map(Name::as_str),
                    "users_before": counts.users_before,
                    "passing": counts.passing,
                    "held": counts.held,
                });
                self.record(COUNTS, &body);
            }
            Event::Line(text) => self.record(LINE, &json!({ "text": text })),
            Event::Source(Progress::Pages { done, total, people }) => {
                self.record(PROGRESS, &json!({ "done": done, "total": total, "people": people }));
            }
            Event::Source(
                progress @ (Progress::Strategy(_)
                | Progress::Names { .. }
                | Progress::Waiting { .. }),
            ) => self.record(LINE, &json!({ "text": progress.to_string() })),
        }
    }

    /// A line of the run's log. No person is named in one.
    pub fn line(&self, text: &str) {
        self.tell(&Event::Line(text.to_owned()));
    }

    /// Whether there is anything to write.
    pub fn has_news(&self, calls: &Calls) -> bool {
        let told = self.told();
        !told.pending.is_empty() || told.calls != calls.total()
    }

    /// Everything that is not written yet.
    pub fn pending(&self, calls: &Calls) -> Vec<RunEvent> {
        if self.told().calls != calls.total() {
            self.told().calls = calls.total();
            let allowance = calls.budget_after.or(calls.budget_before);
            let body = json!({
                "calls": calls.total(),
                "predicted": calls.predicted,
                "remaining": allowance.map(|it| it.remaining),
                "limit": allowance.map(|it| it.limit),
            });
            self.record(CALLS, &body);
        }
        self.told().pending.clone()
    }

    /// These are in the database.
    pub fn written(&self, events: &[RunEvent]) {
        let last = events.last().map_or(0, |it| it.seq);
        self.told().pending.retain(|it| last < it.seq);
    }

    /// The phases so far and how long each took.
    pub fn phases(&self) -> Vec<(Phase, Duration)> {
        let told = self.told();
        let current = told.phase.map(|(phase, began)| (phase, began.elapsed()));
        told.phases.iter().copied().chain(current).collect()
    }

    fn phase(&self, phase: Phase) {
        let mut told = self.told();
        if let Some((before, began)) = told.phase.replace((phase, Instant::now())) {
            told.phases.push((before, began.elapsed()));
        }
        drop(told);
        self.record(PHASE, &json!({ "phase": phase.word() }));
    }

    fn record(&self, kind: &str, body: &serde_json::Value) {
        let mut told = self.told();
        told.seq += 1;
        let event = RunEvent {
            seq: told.seq,
            at: Timestamp::now(),
            kind: kind.to_owned(),
            body: body.to_string(),
        };
        // Of progress only the latest counts.
        let is_overtaken =
            kind == PROGRESS && told.pending.last().is_some_and(|it| it.kind == PROGRESS);
        if is_overtaken {
            told.pending.pop();
        }
        if PENDING_MAX <= told.pending.len() {
            told.pending.remove(0);
        }
        told.pending.push(event);
    }

    fn told(&self) -> MutexGuard<'_, Told> {
        self.told.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
