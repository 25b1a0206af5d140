//! How long to wait before trying again.

use std::time::Duration;

/// Exponential back-off with full jitter: many clients that failed together do not return together.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Backoff {
    /// The ceiling of the first pause; every later one doubles it.
    pub first: Duration,
    pub max: Duration,
}

impl Backoff {
    /// The pause after the `failures`-th failure, counted from one.
    pub fn pause(&self, failures: u32, jitter: &mut fastrand::Rng) -> Duration {
        let ceiling = self.ceiling(failures);
        let millis = u64::try_from(ceiling.as_millis()).unwrap_or(u64::MAX);
        // Half is certain, or an unlucky draw would knock again at once.
        Duration::from_millis(millis / 2 + jitter.u64(0..=millis.div_ceil(2)))
    }

    fn ceiling(&self, failures: u32) -> Duration {
        let doublings = failures.saturating_sub(1).min(20);
        self.first.saturating_mul(1 << doublings).min(self.max)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_double_up_to_the_maximum_and_keep_half_of_their_ceiling() {
        let backoff = Backoff { first: Duration::from_millis(500), max: Duration::from_secs(4) };
        let mut jitter = fastrand::Rng::with_seed(7);
        for (failures, ceiling_ms) in [(1, 500), (2, 1000), (3, 2000), (4, 4000), (9, 4000)] {
            for _ in 0..50 {
                let pause = backoff.pause(failures, &mut jitter);
                assert!(Duration::from_millis(ceiling_ms / 2) <= pause, "{failures}: {pause:?}");
                assert!(pause <= Duration::from_millis(ceiling_ms), "{failures}: {pause:?}");
            }
        }
    }

    #[test]
    fn the_same_seed_pauses_alike() {
        let backoff = Backoff { first: Duration::from_millis(500), max: Duration::from_mins(1) };
        let pauses = |seed| {
            let mut jitter = fastrand::Rng::with_seed(seed);
            (1..9).map(|it| backoff.pause(it, &mut jitter)).collect::<Vec<_>>()
        };
        assert_eq!(pauses(3), pauses(3));
        assert_ne!(pauses(3), pauses(4));
    }
}
