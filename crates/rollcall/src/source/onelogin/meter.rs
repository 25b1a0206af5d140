//! Counts the calls and keeps the account above its minimum.

use std::time::{Duration, Instant};

use serde::Deserialize;

use super::report::{Allowance, Calls};
use crate::http::Reply;

/// What we know of the account's API calls. Between two tellings we count down ourselves, which
/// errs on the safe side: some calls may not be counted by OneLogin.
#[derive(Debug)]
pub(super) struct Meter {
    minimum: u32,
    told: Option<Told>,
    calls: Calls,
    retries_left: u64,
}

#[derive(Clone, Copy, Debug)]
struct Told {
    limit: u64,
    remaining: u64,
    full_at: Instant,
    at: Instant,
    /// Calls of ours since OneLogin told.
    since: u64,
}

/// Whether one more call may be made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    Go,
    /// By our own count it is too late; OneLogin may know better.
    AskFirst,
    Stop {
        remaining: u64,
        resets_in: Duration,
    },
}

/// Retries of a whole run: so many, and one more for each ten calls.
const RETRIES_FREE: u64 = 20;
const CALLS_PER_RETRY: u64 = 10;

const RESET_MIN: Duration = Duration::from_secs(10);

impl Meter {
    pub(super) fn new(minimum: u32) -> Meter {
        Meter { minimum, told: None, calls: Calls::default(), retries_left: RETRIES_FREE }
    }

    pub(super) fn minimum(&self) -> u32 {
        self.minimum
    }

    pub(super) fn verdict(&self, now: Instant) -> Verdict {
        let Some(told) = self.told else { return Verdict::Go };
        if told.full_at <= now {
            return Verdict::AskFirst; // a new hour, which others use too
        }
        let left = told.remaining.saturating_sub(told.since);
        let floor = u64::from(self.minimum);
        if floor + 1 < left {
            return Verdict::Go;
        }
        if 0 < told.since {
            return Verdict::AskFirst;
        }
        if floor < left {
            return Verdict::Go;
        }
        Verdict::Stop { remaining: left, resets_in: told.full_at - now }
    }

    pub(super) fn count(&mut self, endpoint: &'static str) {
        *self.calls.by_endpoint.entry(endpoint).or_default() += 1;
        if let Some(told) = &mut self.told {
            told.since += 1;
        }
        if self.calls.total().is_multiple_of(CALLS_PER_RETRY) {
            self.retries_left += 1;
        }
    }

    /// Whether the run may try once more; counts it if so.
    pub(super) fn spend_retry(&mut self) -> bool {
        if self.retries_left == 0 {
            return false;
        }
        self.retries_left -= 1;
        self.calls.retries += 1;
        true
    }

    pub(super) fn tell(&mut self, told: Allowance, now: Instant) {
        let Allowance { limit, remaining, resets_in } = told;
        // A reset of zero would have us ask before each call.
        let full_at = now + resets_in.max(RESET_MIN);
        self.told = Some(Told { limit, remaining, full_at, at: now, since: 0 });
        if self.calls.budget_before.is_none() {
            self.calls.budget_before = Some(told);
        }
    }

    /// Takes what the headers of any reply tell; odd values tell nothing.
    pub(super) fn tell_headers(&mut self, reply: &Reply, now: Instant) {
        let number = |name| reply.header(name)?.trim().parse::<u64>().ok();
        let (Some(limit), Some(remaining), Some(reset)) = (
            number("x-ratelimit-limit"),
            number("x-ratelimit-remaining"),
            number("x-ratelimit-reset"),
        ) else {
            return;
        };
        if let Some(allowance) = plausible(limit, remaining, reset) {
            self.tell(allowance, now);
        }
    }

    pub(super) fn predict(&mut self, cost: u64) {
        self.calls.predicted = Some(cost);
    }

    pub(super) fn left(&self, now: Instant) -> Option<Allowance> {
        let told = self.told?;
        let is_new_hour = told.full_at <= now;
        let remaining =
            if is_new_hour { told.limit } else { told.remaining.saturating_sub(told.since) };
        let resets_in = told.full_at.saturating_duration_since(now);
        Some(Allowance { limit: told.limit, remaining, resets_in })
    }

    /// As [`Meter::left`], with how long ago OneLogin told what that is counted down from.
    pub(super) fn left_since(&self, now: Instant) -> Option<(Allowance, Duration)> {
        let told = self.told?;
        Some((self.left(now)?, now.saturating_duration_since(told.at)))
    }

    pub(super) fn calls(&self, now: Instant) -> Calls {
        Calls { budget_after: self.left(now), ..self.calls.clone() }
    }
}

/// The reply of `GET /auth/rate_limit`.
pub(super) fn allowance(body: &[u8]) -> Option<Allowance> {
    #[derive(Deserialize)]
    struct Body {
        data: Data,
    }
    #[derive(Deserialize)]
    #[serde(untagged)]
    enum Data {
        One(Numbers),
        List([Numbers; 1]),
    }
    #[derive(Deserialize)]
    struct Numbers {
        #[serde(rename = "X-RateLimit-Limit")]
        limit: u64,
        #[serde(rename = "X-RateLimit-Remaining")]
        remaining: u64,
        #[serde(rename = "X-RateLimit-Reset")]
        reset: u64,
    }
    let body: Body = serde_json::from_slice(body).ok()?;
    let (Data::One(numbers) | Data::List([numbers])) = body.data;
    plausible(numbers.limit, numbers.remaining, numbers.reset)
}

/// The window is an hour; a reset far beyond it is no number of seconds.
fn plausible(limit: u64, remaining: u64, reset: u64) -> Option<Allowance> {
    let is_plausible = reset <= 2 * 3600;
    is_plausible.then(|| Allowance { limit, remaining, resets_in: Duration::from_secs(reset) })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(remaining: u64) -> Allowance {
        Allowance { limit: 5000, remaining, resets_in: Duration::from_mins(1) }
    }

    #[test]
    fn the_minimum_is_never_undercut_by_our_own_count() {
        let now = Instant::now();
        let mut meter = Meter::new(10);
        meter.tell(told(14), now);
        let mut made = 0;
        while meter.verdict(now) == Verdict::Go {
            meter.count("GET /x");
            made += 1;
        }
        // One short of the minimum it asks, so that the question itself can be paid for.
        assert_eq!((made, meter.verdict(now)), (3, Verdict::AskFirst));
        meter.tell(told(11), now);
        assert_eq!(meter.verdict(now), Verdict::Go);
        meter.tell(told(10), now);
        let resets_in = Duration::from_mins(1);
        assert_eq!(meter.verdict(now), Verdict::Stop { remaining: 10, resets_in });
        assert_eq!(meter.verdict(now + resets_in), Verdict::AskFirst, "a new hour begins");
    }

    #[test]
    fn retries_are_bounded_by_the_calls_of_the_run() {
        let mut meter = Meter::new(0);
        let spent = std::iter::repeat_with(|| meter.spend_retry()).take_while(|it| *it).count();
        assert_eq!(spent, 20);
        (0..30).for_each(|_| meter.count("GET /x"));
        let spent = std::iter::repeat_with(|| meter.spend_retry()).take_while(|it| *it).count();
        assert_eq!(spent, 3);
    }

    #[test]
    fn the_allowance_is_read_from_an_object_or_a_list_of_one() {
        let numbers =
            r#"{"X-RateLimit-Limit":5000,"X-RateLimit-Remaining":4988,"X-RateLimit-Reset":832}"#;
        let expected =
            Allowance { limit: 5000, remaining: 4988, resets_in: Duration::from_secs(832) };
        for body in [format!(r#"{{"data":{numbers}}}"#), format!(r#"{{"data":[{numbers}]}}"#)] {
            assert_eq!(allowance(body.as_bytes()), Some(expected), "{body}");
        }
        for body in ["", "{}", r#"{"data":{}}"#, r#"{"data":{"X-RateLimit-Limit":-1}}"#] {
            assert_eq!(allowance(body.as_bytes()), None, "{body}");
        }
        let epoch = r#"{"data":{"X-RateLimit-Limit":1,"X-RateLimit-Remaining":1,"X-RateLimit-Reset":1767000000}}"#;
        assert_eq!(allowance(epoch.as_bytes()), None);
    }
}
