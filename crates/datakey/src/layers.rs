//! Nests the layers in the right order: keyring over retry over provider.
use std::{
    fmt,
    sync::Arc,
    time::{Duration, SystemTime},
};

use datakey_provider::{OpeningProvider, SealingProvider};
use datakey_retry::{Policy, Retry};

/// What both sides have between keyring and provider.
#[derive(Debug, Clone)]
pub(crate) struct Layers {
    pub(crate) policy: Option<Policy>,
    pub(crate) cached: bool,
    pub(crate) load_timeout: Option<Duration>,
    pub(crate) max_loads: Option<usize>,
    pub(crate) tells_values: bool,
    pub(crate) wall_clock: Option<WallClock>,
    #[cfg(feature = "metrics")]
    pub(crate) published: Option<Published>,
}

/// Who publishes what the layers do, and under which name the keyring.
#[cfg(feature = "metrics")]
#[derive(Debug, Clone)]
pub(crate) struct Published {
    pub(crate) publisher: crate::Publisher,
    pub(crate) name: Option<Arc<str>>,
}

/// Another wall clock than the system's.
#[derive(Clone)]
pub(crate) struct WallClock(pub(crate) Arc<dyn Fn() -> SystemTime + Send + Sync>);

impl fmt::Debug for WallClock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("WallClock(..)")
    }
}

impl Default for Layers {
    fn default() -> Self {
        Self {
            policy: Some(Policy::default()),
            cached: true,
            load_timeout: None,
            max_loads: None,
            tells_values: false,
            wall_clock: None,
            #[cfg(feature = "metrics")]
            published: None,
        }
    }
}

impl Layers {
    /// The policy of the retry layer, if there is one.
    fn policy(&self) -> Option<Policy> {
        let policy = self.policy.clone()?;
        #[cfg(feature = "metrics")]
        if let Some(Published { publisher, .. }) = &self.published {
            return Some(publisher.policy(policy));
        }
        Some(policy)
    }

    pub(crate) fn sealing(&self, provider: Arc<dyn SealingProvider>) -> Arc<dyn SealingProvider> {
        match self.policy() {
            Some(policy) => Arc::new(Retry::new(provider, policy)),
            None => provider,
        }
    }

    pub(crate) fn opening(&self, provider: Arc<dyn OpeningProvider>) -> Arc<dyn OpeningProvider> {
        match self.policy() {
            Some(policy) => Arc::new(Retry::new(provider, policy)),
            None => provider,
        }
    }
}

/// The settings that both builders have, on a field `layers`.
macro_rules! settings {
    () => {
        /// Retries with this policy instead of the default one. Give the same one to all of a process: its clones share budget
        /// and rate, which are kept for each quota by itself, and the breaker, which judges each key by itself.
        ///
        /// Its circuit breaker judges each wrapping key by itself, so that over several Regions the outage of one
        /// keeps nobody from the others, and while it lasts messages are opened with another Region's wrapped key at
        /// once. Sealing needs all Regions, and fails at once while one is down and no data key is cached.
        pub fn retry(mut self, policy: datakey_retry::Policy) -> Self {
            self.layers.policy = Some(policy);
            self
        }

        /// Puts no retry layer over the provider: for one that retries by itself, such as a stack with a layer of your own
        /// around a [`Retry`](crate::retry::Retry). Otherwise throttling reaches the caller, and `load_timeout` is all that ends a
        /// call which hangs, unless the provider has a limit of its own.
        pub fn without_retry(mut self) -> Self {
            self.layers.policy = None;
            self
        }

        /// Makes a provider call for each message. For comparisons, and where a policy forbids the reuse of data keys.
        pub fn without_cache(mut self) -> Self {
            self.layers.cached = false;
            self
        }

        /// Bounds one load of a data key with all its attempts. By default a second more than the retry policy's
        /// deadline, and without a retry layer a second more than the provider is patient itself, or where that does not
        /// say, [`DEFAULT_LOAD_TIMEOUT`](crate::keyring::DEFAULT_LOAD_TIMEOUT).
        pub fn load_timeout(mut self, timeout: std::time::Duration) -> Self {
            self.layers.load_timeout = Some(timeout);
            self
        }

        /// Has the events of the feature `tracing` tell the values of encryption contexts, and not their keys alone.
        pub fn tell_context_values(mut self) -> Self {
            self.layers.tells_values = true;
            self
        }

        /// Has a [`Publisher`](crate::Publisher) publish the keyring, and all calls with their retries. Needs the feature `metrics`.
        #[cfg(feature = "metrics")]
        pub fn metrics(mut self, publisher: &crate::Publisher) -> Self {
            let publisher = publisher.clone();
            self.layers.published = Some($crate::layers::Published {
                publisher,
                name: None,
            });
            self
        }

        /// The same with the label `keyring` for what the keyring counts, for a process that has several of them. Needs the feature
        /// `metrics`.
        #[cfg(feature = "metrics")]
        pub fn metrics_as(mut self, publisher: &crate::Publisher, keyring: &str) -> Self {
            let (publisher, name) = (publisher.clone(), Some(keyring.into()));
            self.layers.published = Some($crate::layers::Published { publisher, name });
            self
        }

        /// Sets the wall clock by which it is found out that the process slept, for tests and simulations: what it gains on
        /// tokio's clock counts for the ages of data keys. Without one it is the system's.
        pub fn wall_clock(
            mut self,
            clock: impl Fn() -> std::time::SystemTime + Send + Sync + 'static,
        ) -> Self {
            self.layers.wall_clock = Some($crate::layers::WallClock(std::sync::Arc::new(clock)));
            self
        }

        /// Bounds how many loads are in flight at a time.
        pub fn max_loads(mut self, loads: usize) -> Self {
            self.layers.max_loads = Some(loads);
            self
        }
    };
}

pub(crate) use settings;

/// Gives a keyring's builder what the layers say of it.
macro_rules! layered {
    ($layers:expr, $keyring:expr) => {{
        let (layers, mut keyring) = (&$layers, $keyring);
        if !layers.cached {
            keyring = keyring.uncached();
        }
        if let Some(timeout) = layers.load_timeout {
            keyring = keyring.load_timeout(timeout);
        }
        if let Some(loads) = layers.max_loads {
            keyring = keyring.max_loads(loads);
        }
        if layers.tells_values {
            keyring = keyring.tell_context_values();
        }
        if let Some($crate::layers::WallClock(clock)) = layers.wall_clock.clone() {
            keyring = keyring.wall_clock(move || clock());
        }
        keyring
    }};
}

pub(crate) use layered;
