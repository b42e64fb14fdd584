//! Where the jitter comes from.
use std::{
    collections::hash_map::RandomState,
    fmt,
    hash::{BuildHasher as _, Hasher as _},
    sync::{Arc, Mutex, PoisonError},
};

use rand::{Rng, SeedableRng as _, rngs::Xoshiro256PlusPlus};

/// A random source that clones share. It is drawn from once for each retry, never for a call that succeeds at once.
#[derive(Clone)]
pub(crate) struct Random(Arc<Mutex<dyn Rng + Send>>);

impl Random {
    pub(crate) fn new(source: impl Rng + Send + 'static) -> Self {
        Self(Arc::new(Mutex::new(source)))
    }

    pub(crate) fn draw(&self) -> u64 {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).next_u64()
    }
}

impl Default for Random {
    /// Seeded from the keys of the standard library's hash maps, which come from the operating system: enough for
    /// processes not to be in step, which is all that jitter asks.
    fn default() -> Self {
        let seed = RandomState::new().build_hasher().finish();
        Self::new(Xoshiro256PlusPlus::seed_from_u64(seed))
    }
}

impl fmt::Debug for Random {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Random(..)")
    }
}
