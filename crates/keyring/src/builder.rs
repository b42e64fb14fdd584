//! Settings of a keyring.
use std::{
    sync::{Arc, atomic::AtomicBool},
    time::Duration,
};

use crate::{
    ConfigError, DEFAULT_HEDGE_DELAY, DEFAULT_LOAD_TIMEOUT, DEFAULT_MAX_LOADS, DataKeys, Keyring, Material,
    OpeningLimits, SealingLimits, gate::Gate, janitor::Janitor, jitter::Jitter, keyring::Shared,
    limits::nonzero, locked::Locker, opening::OpeningHalf, sealing::SealingHalf,
};

/// Builds a [`Keyring`]; every setting has a default.
///
/// ```
/// use std::time::Duration;
/// use datakey_keyring::{Keyring, OpeningLimits, SealingLimits};
///
/// # fn with<P>(provider: P) -> Result<Keyring<P>, datakey_keyring::ConfigError> {
/// Keyring::builder()
///     .sealing(SealingLimits::default().with_max_contexts(10_000))
///     .opening(OpeningLimits::default().with_ttl(Duration::from_secs(60)))
///     .load_timeout(Duration::from_secs(10))
///     .max_loads(16)
///     .build(provider)
/// # }
/// ```
#[derive(Debug, Clone)]
pub struct KeyringBuilder<M = DataKeys> {
    material: M,
    sealing: SealingLimits,
    opening: OpeningLimits,
    load_timeout: Duration,
    max_loads: usize,
    hedge_delay: Duration,
    seed: Option<u64>,
    uncached: bool,
}

impl Default for KeyringBuilder {
    fn default() -> Self {
        Self {
            material: DataKeys,
            sealing: SealingLimits::default(),
            opening: OpeningLimits::default(),
            load_timeout: DEFAULT_LOAD_TIMEOUT,
            max_loads: DEFAULT_MAX_LOADS,
            hedge_delay: DEFAULT_HEDGE_DELAY,
            seed: None,
            uncached: false,
        }
    }
}

impl<M: Material> KeyringBuilder<M> {
    /// Sets how keys are prepared before they are kept.
    pub fn material<N: Material>(self, material: N) -> KeyringBuilder<N> {
        KeyringBuilder {
            material,
            sealing: self.sealing,
            opening: self.opening,
            load_timeout: self.load_timeout,
            max_loads: self.max_loads,
            hedge_delay: self.hedge_delay,
            seed: self.seed,
            uncached: self.uncached,
        }
    }

    /// Sets the limits of sealing keys.
    #[must_use]
    pub fn sealing(mut self, limits: SealingLimits) -> Self {
        self.sealing = limits;
        self
    }

    /// Sets the limits of opening keys.
    #[must_use]
    pub fn opening(mut self, limits: OpeningLimits) -> Self {
        self.opening = limits;
        self
    }

    /// Sets how long a load may take, retries beneath the keyring included. See [`DEFAULT_LOAD_TIMEOUT`].
    #[must_use]
    pub fn load_timeout(mut self, timeout: Duration) -> Self {
        self.load_timeout = timeout;
        self
    }

    /// Sets how many loads may be in flight at once, both halves together; of these at most three quarters for sealing, and
    /// as many under each wrapping key for opening. See [`DEFAULT_MAX_LOADS`].
    #[must_use]
    pub fn max_loads(mut self, loads: usize) -> Self {
        self.max_loads = loads;
        self
    }

    /// Sets how long one wrapped key of a message may take to open before the next one is tried as well. Zero tries all
    /// at once, [`Duration::MAX`] one after the other. See [`DEFAULT_HEDGE_DELAY`].
    #[must_use]
    pub fn hedge_delay(mut self, delay: Duration) -> Self {
        self.hedge_delay = delay;
        self
    }

    /// Sets the seed of all jitter, so that a test or a simulation repeats itself. Without one, each process has its own.
    #[must_use]
    pub fn seed(mut self, seed: u64) -> Self {
        self.seed = Some(seed);
        self
    }

    /// Keeps no keys: see [`Keyring::uncached`].
    #[must_use]
    pub fn uncached(mut self) -> Self {
        self.uncached = true;
        self
    }

    /// Builds the keyring around a provider.
    ///
    /// # Errors
    /// [`ConfigError`] when a limit is zero or limits contradict each other.
    pub fn build<P>(self, provider: P) -> Result<Keyring<P, M>, ConfigError> {
        self.sealing.check()?;
        self.opening.check()?;
        nonzero("a load timeout", !self.load_timeout.is_zero())?;
        nonzero("a limit on loads", self.max_loads > 0)?;
        Ok(self.assemble(provider))
    }

    pub(crate) fn assemble<P>(self, provider: P) -> Keyring<P, M> {
        Keyring {
            shared: Arc::new(Shared {
                provider,
                material: self.material,
                uncached: self.uncached,
                sealing: SealingHalf::new(self.sealing),
                opening: OpeningHalf::new(self.opening),
                gate: Gate::new(self.max_loads, self.load_timeout),
                hedge_delay: self.hedge_delay,
                janitor: Janitor::default(),
                jitter: Jitter::new(self.seed),
                locker: Locker::default(),
                shut_down: AtomicBool::new(false),
            }),
        }
    }
}
