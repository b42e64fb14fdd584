//! The random source behind jitter: seedable, so that a test or a simulation repeats itself.
use std::{
    hash::{BuildHasher as _, RandomState},
    sync::{Mutex, MutexGuard, PoisonError},
};

use rand::{RngExt as _, SeedableRng as _, rngs::SmallRng};

/// Draws that decide when, never what: nothing secret depends on them.
///
/// ```
/// use std::time::Duration;
/// use datakey_loads::{Ages, Jitter, Life, Slept};
/// use tokio::time::Instant;
///
/// let ages = Ages { soft: Duration::from_secs(300), hard: Duration::from_secs(900) };
/// let (now, slept) = (Instant::now(), Slept::default());
/// let refresh = |jitter: &Jitter| Life::<()>::new(now, ages, jitter, &slept).refresh();
/// assert_eq!(refresh(&Jitter::new(Some(7))), refresh(&Jitter::new(Some(7)))); // a test repeats itself
/// let jitter = Jitter::new(Some(7));
/// assert_ne!(refresh(&jitter), refresh(&jitter)); // and two values are not due together
/// ```
#[derive(Debug)]
pub struct Jitter(Mutex<Draw>);

#[derive(Debug)]
pub(crate) struct Draw(SmallRng);

impl Draw {
    pub(crate) fn seeded(seed: u64) -> Self {
        Self(SmallRng::seed_from_u64(seed))
    }

    /// A number from `low` to `high`, both included.
    pub(crate) fn between(&mut self, low: u32, high: u32) -> u32 {
        self.0.random_range(low..=high)
    }
}

impl Jitter {
    /// Without a seed, one that differs from process to process: the standard library draws its hash seeds from the
    /// operating system.
    #[must_use]
    pub fn new(seed: Option<u64>) -> Self {
        let seed = seed.unwrap_or_else(|| RandomState::new().hash_one("jitter"));
        Self(Mutex::new(Draw::seeded(seed)))
    }

    pub(crate) fn draw(&self) -> MutexGuard<'_, Draw> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
