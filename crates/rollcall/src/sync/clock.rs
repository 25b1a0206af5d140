//! How long each phase of a run takes.

use std::time::{Duration, Instant};

use super::{Event, Phase, Watch};

/// Times the phases one after the other.
pub(crate) struct PhaseClock<'a> {
    watch: Watch<'a>,
    phase: Phase,
    began: Instant,
    done: Vec<(Phase, Duration)>,
}

impl PhaseClock<'_> {
    pub(crate) fn start(phase: Phase, watch: Watch<'_>) -> PhaseClock<'_> {
        watch(Event::Phase(phase));
        PhaseClock { watch, phase, began: Instant::now(), done: Vec::new() }
    }

    pub(super) fn next(&mut self, phase: Phase) {
        self.done.push((self.phase, self.began.elapsed()));
        (self.watch)(Event::Phase(phase));
        (self.phase, self.began) = (phase, Instant::now());
    }

    pub(crate) fn stop(mut self) -> Vec<(Phase, Duration)> {
        self.done.push((self.phase, self.began.elapsed()));
        self.done
    }
}
