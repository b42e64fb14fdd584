//! What a run is like.
use std::{
    sync::atomic::{AtomicU64, Ordering::Relaxed},
    time::Duration,
};

use datakey_retry::{Backoff, Breaker, Policy};
use rand::{SeedableRng as _, rngs::Xoshiro256PlusPlus};

/// What lies between keyrings and providers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stack {
    /// A retry policy without a breaker, whose calls reach the regions whatever failed before.
    WithoutBreaker,
    /// The same with one.
    WithBreaker,
    /// What `Sealer::new`, `Opener::new` and `several` have.
    Defaults,
}

/// How many orders, and how fast everything goes.
#[derive(Debug, Clone, Copy)]
pub struct Plan {
    /// What lies between keyrings and providers.
    pub stack: Stack,
    /// What all that is random but the keys is drawn from.
    pub seed: u64,
    /// How many orders there are.
    pub orders: u64,
    /// What a second is taken for: `1s` under a paused clock, less where time is real.
    pub second: Duration,
    /// When everything must be done.
    pub patience: Duration,
    /// How many more shops there are, each on a thread of its own with a new runtime for every few orders; none where a clock is
    /// paused, as that of another runtime is not.
    pub visitors: u64,
}

impl Plan {
    pub(super) fn seconds(&self, seconds: f64) -> Duration {
        self.second.mul_f64(seconds)
    }

    /// That none of these is zero.
    pub(super) fn expect(&self, counts: &[(&str, &AtomicU64)]) {
        for (what, count) in counts {
            assert!(count.load(Relaxed) > 0, "no {what}, seed {}", self.seed);
        }
    }

    pub(super) fn random(&self, stream: u64) -> Xoshiro256PlusPlus {
        Xoshiro256PlusPlus::seed_from_u64(self.seed.wrapping_mul(1_000_003).wrapping_add(stream))
    }

    pub(super) fn breaker(&self) -> Breaker {
        Breaker::builder()
            .with_after(self.seconds(1.0))
            .with_first_wait(self.seconds(0.5))
            .with_longest_wait(self.seconds(1.0))
            .with_first_rest(self.seconds(1.0))
            .with_longest_rest(self.seconds(10.0))
            .with_abandoned_after(self.seconds(0.25))
            .build()
    }

    pub(super) fn policy(&self) -> Policy {
        let backoff = Backoff::full()
            .with_base(self.seconds(0.05))
            .with_cap(self.seconds(1.0));
        let policy = match self.stack {
            Stack::Defaults => return Policy::default(),
            Stack::WithoutBreaker => Policy::default().without_breaker(),
            Stack::WithBreaker => Policy::default().with_breaker(self.breaker()),
        };
        policy
            .with_deadline(self.seconds(2.0))
            .with_attempt_timeout(self.seconds(0.5))
            .with_throttled_backoff(backoff)
            .with_transient_backoff(backoff)
    }
}
