//! Small quotas that are counted by whole seconds, by crowds of all sizes, beside backoff alone.
use std::time::Duration;

use crate::retry::{Counting, Report, Service, crowd, seeded};

/// One combination.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Cell {
    /// Calls a second.
    pub quota: u32,
    /// How many call at a time.
    pub callers: usize,
    /// Whether refusals ask to come again after a second.
    pub retry_after: bool,
}

/// What became of it.
#[derive(Debug, Clone, Copy)]
pub struct Outcome {
    /// The time it took, in times of the ideal.
    pub times_ideal: f64,
    /// Calls refused.
    pub refused: usize,
    /// The longest wait, in fair turns: the time in which all others are served once, and a second at least.
    pub turns: f64,
}

impl Cell {
    /// The longest that one call may wait, in fair turns.
    pub const MOST_TURNS: f64 = 1.5;

    /// The longest that all may take, in times of the ideal.
    #[must_use]
    pub const fn most_times_ideal(self) -> f64 {
        if self.quota == 1 { 1.3 } else { 1.15 }
    }

    /// Quotas of 1 to 100 a second, 1 to 64 callers, with and without `Retry-After`.
    pub fn all() -> impl Iterator<Item = Self> {
        let quotas = [1, 2, 3, 5, 10, 20, 50, 100].into_iter();
        let crowds = quotas.flat_map(|quota| [1, 2, 4, 16, 64].map(|callers| (quota, callers)));
        crowds.flat_map(|(quota, callers)| {
            [false, true].map(|retry_after| Self {
                quota,
                callers,
                retry_after,
            })
        })
    }

    /// The longest wait that no policy can avoid, in fair turns: all callers call again at once when the first second is used up,
    /// and the last of them is served when as many seconds have started as serve them all.
    #[must_use]
    pub fn least_turns(self) -> f64 {
        self.callers.div_ceil(self.quota as usize) as f64 / self.fair_turn()
    }

    /// Seconds in which all other callers are served once, one at least.
    fn fair_turn(self) -> f64 {
        (self.callers as f64 / f64::from(self.quota)).max(1.0)
    }

    fn calls(self) -> u64 {
        u64::from(10 * self.quota).max(20).max(2 * self.callers as u64)
    }

    /// Runs it on a service that counts by the second, with the adaptive rate or without.
    ///
    /// # Panics
    /// When a call fails, or another number of calls is made than should be.
    pub async fn run(self, seed: u64, adaptive: bool) -> Outcome {
        let latency = Duration::from_millis(5);
        let asked = self.retry_after.then_some(Duration::from_secs(1));
        let service = Service::new(f64::from(self.quota), Counting::Seconds, latency)
            .with_jitter(seed)
            .with_retry_after(asked);
        let policy = seeded(seed).without_deadline().with_max_attempts(u32::MAX);
        let policy = if adaptive {
            policy
        } else {
            policy.without_adaptive_rate()
        };
        let until = Duration::from_secs(1_000_000);
        let report = crowd(&policy, &service, self.callers, self.calls(), until).await;
        assert_eq!((report.done, report.failed.len()), (self.calls(), 0), "{self:?}");
        self.outcome(&report, service.refused())
    }

    fn outcome(self, report: &Report, refused: usize) -> Outcome {
        let windows = self.calls().div_ceil(u64::from(self.quota));
        Outcome {
            times_ideal: report.took.as_secs_f64() / (windows - 1) as f64,
            refused,
            turns: report.longest.as_secs_f64() / self.fair_turn(),
        }
    }
}
