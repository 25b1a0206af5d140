//! The hourly allowance of an account: a fixed window that opens with the first counted call.

use super::user::Moment;

const WINDOW_SECONDS: i64 = 3_600;

#[derive(Debug, Default)]
pub(super) struct Limiter {
    opened: Option<Moment>,
    used: u32,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Allowance {
    pub(super) limit: u32,
    pub(super) remaining: u32,
    pub(super) reset_seconds: i64,
}

impl Limiter {
    /// Counts a call if there is one left.
    pub(super) fn admit(&mut self, limit: u32, now: Moment) -> bool {
        self.roll(now);
        let has_room = self.used < limit;
        if has_room {
            self.consume(1, now);
        }
        has_room
    }

    /// What other integrations of the same account use up.
    pub(super) fn consume(&mut self, calls: u32, now: Moment) {
        self.roll(now);
        self.opened.get_or_insert(now);
        self.used = self.used.saturating_add(calls);
    }

    /// An idle window reads as full and an hour long.
    pub(super) fn allowance(&mut self, limit: u32, now: Moment) -> Allowance {
        self.roll(now);
        let end = self.opened.unwrap_or(now).plus_seconds(WINDOW_SECONDS);
        Allowance {
            limit,
            remaining: limit.saturating_sub(self.used),
            reset_seconds: (end.0.saturating_sub(now.0).saturating_add(999)) / 1_000,
        }
    }

    fn roll(&mut self, now: Moment) {
        if self.opened.is_some_and(|it| it.plus_seconds(WINDOW_SECONDS) <= now) {
            *self = Limiter::default();
        }
    }
}
