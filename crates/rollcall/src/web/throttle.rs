//! How often somebody may try to sign in.
//!
//! Three counts stand side by side. Whoever is wrong again and again *from one address for one
//! account* waits longer each time. An address takes a number of tries a minute. An account, and the
//! service as a whole, take a number of tries a minute from addresses that never signed in to the
//! account; one that did is not counted, so that strangers cannot lock its owner out. All of it is
//! asked before a password is hashed, and asks nothing of whether the account exists.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;
use std::sync::{Mutex, PoisonError};

use jiff::{SignedDuration, Timestamp};

#[derive(Debug, Default)]
pub struct Throttle(Mutex<Counts>);

#[derive(Debug, Default)]
struct Counts {
    /// Wrong tries in a row, by account and address.
    pairs: BTreeMap<(String, String), Wrong>,
    accounts: BTreeMap<String, Minute>,
    addresses: BTreeMap<String, Minute>,
    all: Minute,
    /// Accounts and addresses from which they were signed in to.
    known: BTreeSet<(String, String)>,
}

#[derive(Clone, Copy, Debug)]
struct Wrong {
    times: u32,
    /// Not before.
    next_at: Timestamp,
}

/// Tries within one minute.
#[derive(Clone, Copy, Debug)]
struct Minute {
    begun_at: Timestamp,
    tries: u32,
}

/// How long to wait.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Wait(pub SignedDuration);

const FREE_TRIES: u32 = 3;
const DELAY_MAX: SignedDuration = SignedDuration::from_mins(15);
const ACCOUNT_TRIES_MAX: u32 = 10;
const ADDRESS_TRIES_MAX: u32 = 100;
const ALL_TRIES_MAX: u32 = 600;
const MINUTE: SignedDuration = SignedDuration::from_secs(60);
/// What is remembered of each kind. Beyond it, what is over is forgotten.
const REMEMBERED_MAX: usize = 20_000;

impl Default for Minute {
    fn default() -> Minute {
        Minute { begun_at: Timestamp::UNIX_EPOCH, tries: 0 }
    }
}

impl Minute {
    /// Counts a try, unless there were too many.
    fn count(&mut self, tries_max: u32, now: Timestamp) -> Result<(), Wait> {
        let since = now.duration_since(self.begun_at);
        if MINUTE <= since || since < SignedDuration::ZERO {
            *self = Minute { begun_at: now, tries: 0 };
        }
        if tries_max <= self.tries {
            return Err(Wait(MINUTE - now.duration_since(self.begun_at)));
        }
        self.tries += 1;
        Ok(())
    }

    fn is_over(&self, now: Timestamp) -> bool {
        MINUTE <= now.duration_since(self.begun_at)
    }
}

impl Throttle {
    /// Counts a try, or says how long to wait. `account` is what was typed, folded.
    pub fn ask(&self, account: &str, address: &str, now: Timestamp) -> Result<(), Wait> {
        let mut counts = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        counts.forget(now);
        let pair = (shortened(account), network(address));
        if let Some(wrong) = counts.pairs.get(&pair)
            && now < wrong.next_at
        {
            return Err(Wait(wrong.next_at.duration_since(now)));
        }
        let of_address = counts.addresses.entry(pair.1.clone()).or_default();
        of_address.count(ADDRESS_TRIES_MAX, now)?;
        if !counts.known.contains(&pair) {
            let of_account = counts.accounts.entry(pair.0.clone()).or_default();
            of_account.count(ACCOUNT_TRIES_MAX, now)?;
            // Last: what was refused before uses nothing up.
            counts.all.count(ALL_TRIES_MAX, now)?;
        }
        // As if it were wrong, so that tries at once do not share one ruling.
        let wrong = counts.pairs.entry(pair).or_insert(Wrong { times: 0, next_at: now });
        wrong.times += 1;
        let beyond = wrong.times.saturating_sub(FREE_TRIES);
        let delay = match beyond {
            0 => SignedDuration::ZERO,
            beyond => SignedDuration::from_secs(1_i64 << beyond.min(20)).min(DELAY_MAX),
        };
        wrong.next_at = now.checked_add(delay).unwrap_or(Timestamp::MAX);
        Ok(())
    }

    /// The try was right.
    pub fn right(&self, account: &str, address: &str) {
        let mut counts = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let pair = (shortened(account), network(address));
        counts.pairs.remove(&pair);
        if counts.known.len() < REMEMBERED_MAX {
            counts.known.insert(pair);
        }
    }
}

impl Counts {
    fn forget(&mut self, now: Timestamp) {
        if REMEMBERED_MAX < self.pairs.len() {
            let is_waiting = |wrong: &Wrong| now < wrong.next_at;
            self.pairs.retain(|_, wrong| is_waiting(wrong));
            // Every one of them waits: whoever floods us starts anew, within the count of all.
            if REMEMBERED_MAX < self.pairs.len() {
                self.pairs.clear();
            }
        }
        for minutes in [&mut self.accounts, &mut self.addresses] {
            if REMEMBERED_MAX < minutes.len() {
                minutes.retain(|_, minute| !minute.is_over(now));
            }
        }
    }
}

/// A text of any length is no key.
fn shortened(account: &str) -> String {
    account.chars().take(254).collect()
}

/// Whoever has one address of version 6 has its whole network.
fn network(address: &str) -> String {
    match address.parse::<IpAddr>() {
        Ok(IpAddr::V6(address)) => {
            let [a, b, c, d, ..] = address.segments();
            format!("{a:x}:{b:x}:{c:x}:{d:x}::/64")
        }
        Ok(IpAddr::V4(_)) | Err(_) => address.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: i64) -> Timestamp {
        Timestamp::UNIX_EPOCH + SignedDuration::from_hours(24) + SignedDuration::from_secs(seconds)
    }

    fn waits(throttle: &Throttle, account: &str, address: &str, seconds: i64) -> i64 {
        throttle.ask(account, address, at(seconds)).map_or_else(|wait| wait.0.as_secs(), |()| 0)
    }

    #[test]
    fn whoever_is_wrong_again_and_again_waits_longer_each_time() {
        let throttle = Throttle::default();
        assert_eq!([0; 4], [0, 0, 0, 0].map(|it| waits(&throttle, "ana", "1.1.1.1", it)));
        assert_eq!(waits(&throttle, "ana", "1.1.1.1", 0), 2);
        assert_eq!(waits(&throttle, "ana", "1.1.1.1", 2), 0);
        assert_eq!(waits(&throttle, "ana", "1.1.1.1", 2), 4);
        // Others are not asked to wait, nor is she from elsewhere.
        assert_eq!(waits(&throttle, "jo", "1.1.1.1", 2), 0);
        assert_eq!(waits(&throttle, "ana", "2.2.2.2", 2), 0);
        // Being right ends it.
        throttle.right("ana", "1.1.1.1");
        assert_eq!(waits(&throttle, "ana", "1.1.1.1", 2), 0);
        let many = Throttle::default();
        let mut now = 0;
        for _ in 0..40 {
            while let Err(Wait(wait)) = many.ask("ana", "1.1.1.1", at(now)) {
                assert!(wait <= DELAY_MAX);
                now += wait.as_secs().max(1);
            }
        }
    }

    #[test]
    fn strangers_cannot_lock_somebody_out_of_their_own_account() {
        let throttle = Throttle::default();
        throttle.right("ana", "9.9.9.9");
        let refused =
            (0..50).filter(|it| 0 < waits(&throttle, "ana", &format!("1.1.1.{it}"), 0)).count();
        assert_eq!(refused, 40);
        assert_eq!(waits(&throttle, "ana", "9.9.9.9", 0), 0);
        assert!(0 < waits(&throttle, "ana", "8.8.8.8", 0));
        assert_eq!(waits(&throttle, "ana", "8.8.8.8", 60), 0);
    }

    #[test]
    fn an_address_and_the_service_take_a_number_of_tries_a_minute() {
        let throttle = Throttle::default();
        let taken = (0..150).filter(|it| waits(&throttle, &format!("a{it}"), "1.1.1.1", 0) == 0);
        assert_eq!(taken.count(), 100);
        // Whoever has one address of version 6 has its whole network.
        let taken = (0..150)
            .filter(|it| waits(&throttle, &format!("b{it}"), &format!("2001:db8::{it:x}"), 0) == 0);
        assert_eq!(taken.count(), 100);
        let taken =
            (0..1_000).filter(|it| waits(&throttle, &format!("c{it}"), &format!("{it}"), 0) == 0);
        assert_eq!(taken.count(), 400);
        assert_eq!(waits(&throttle, "d", "3.3.3.3", 60), 0);
    }

    #[test]
    fn a_flood_is_not_remembered_for_ever() {
        let throttle = Throttle::default();
        let taken = (0..30_000)
            .filter(|it| waits(&throttle, &format!("a{it}"), &format!("{it}"), *it) == 0);
        assert_eq!(taken.count(), 30_000);
        let counts = throttle.0.lock().unwrap();
        assert!(counts.pairs.len() <= REMEMBERED_MAX + 1);
        assert!(counts.accounts.len() <= REMEMBERED_MAX + 1);
    }
}
