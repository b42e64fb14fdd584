//! How long an answer takes.
use std::time::Duration;

use rand::{RngExt as _, SeedableRng as _, rngs::Xoshiro256PlusPlus};

/// How long the fake takes to answer, refusals and throttles included. Waited with `tokio::time::sleep`, so that a
/// paused clock makes it free.
///
/// ```
/// use std::time::Duration;
/// use datakey_fake_kms::Latency;
///
/// let near = Latency::fixed(Duration::from_millis(5));
/// let real = Latency::uniform(Duration::from_millis(3), Duration::from_millis(40));
/// assert_ne!(near, real);
/// assert_eq!(Latency::default(), Latency::NONE);
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Latency {
    least: Duration,
    most: Duration,
}

impl Latency {
    /// Answers come at once, without an await point.
    pub const NONE: Self = Self::fixed(Duration::ZERO);

    /// Every answer takes the same time.
    #[must_use]
    pub const fn fixed(time: Duration) -> Self {
        Self {
            least: time,
            most: time,
        }
    }

    /// Each answer takes a time between two bounds, drawn evenly from the fake's seeded random numbers.
    #[must_use]
    pub fn uniform(one: Duration, other: Duration) -> Self {
        Self {
            least: one.min(other),
            most: one.max(other),
        }
    }
}

/// A latency in use, with its random numbers.
#[derive(Debug)]
pub(crate) struct Sampler {
    pub(crate) latency: Latency,
    random: Xoshiro256PlusPlus,
}

impl Sampler {
    pub(crate) fn new(latency: Latency, seed: u64) -> Self {
        Self {
            latency,
            random: Xoshiro256PlusPlus::seed_from_u64(seed),
        }
    }

    pub(crate) fn sample(&mut self) -> Duration {
        let Latency { least, most } = self.latency;
        if least == most {
            return least;
        }
        least.saturating_add(most.saturating_sub(least).mul_f64(self.random.random()))
    }
}
