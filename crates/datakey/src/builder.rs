//! Nests the layers in the right order: keyring over retry over provider.
use std::{fmt, time::Duration};

use datakey_envelope::{Params, Suite};
use datakey_keyring::{ConfigError, Keyring, KeyringBuilder, OpeningLimits, SealingLimits};
use datakey_provider::{OpeningProvider, SealingProvider};
use datakey_retry::{Policy, Retry};

use crate::{Envelope, Opener, Sealer};

/// How much longer a load may take than the retry policy gives a call, so that the policy's own error is the one that
/// callers see.
const LOAD_GRACE: Duration = Duration::from_secs(1);

/// The layers above the provider, as both sides have them.
struct Layers<P> {
    provider: P,
    policy: Policy,
    cached: bool,
    load_timeout: Option<Duration>,
    keyring: KeyringBuilder<Envelope>,
}

impl<P> Layers<P> {
    fn new(provider: P, envelope: Envelope) -> Self {
        Self {
            provider,
            policy: Policy::default(),
            cached: true,
            load_timeout: None,
            keyring: Keyring::builder().material(envelope),
        }
    }

    fn build(self) -> Result<Keyring<Retry<P>, Envelope>, ConfigError> {
        let mut keyring = if self.cached {
            self.keyring
        } else {
            self.keyring.uncached()
        };
        let by_policy = self
            .policy
            .rules()
            .deadline
            .map(|deadline| deadline.saturating_add(LOAD_GRACE));
        if let Some(timeout) = self.load_timeout.or(by_policy) {
            keyring = keyring.load_timeout(timeout);
        }
        keyring.build(Retry::new(self.provider, self.policy))
    }
}

macro_rules! layers {
    () => {
        /// Retries with this policy instead of the default one. Give the same one to all that share a KMS quota: its
        /// clones share the budget and the rate.
        ///
        /// Its circuit breaker judges each wrapping key by itself, so that over several Regions the outage of one
        /// keeps nobody from the others, and while it lasts messages are opened with another Region's wrapped key at
        /// once. Sealing needs all Regions, and fails at once while one is down and no data key is cached.
        pub fn retry(mut self, policy: Policy) -> Self {
            self.layers.policy = policy;
            self
        }

        /// Makes one attempt only. For a provider that retries by itself; otherwise throttling reaches the caller.
        pub fn without_retry(self) -> Self {
            self.retry(Policy::never())
        }

        /// Makes a provider call for each message. For comparisons, and where a policy forbids the reuse of data keys.
        pub fn without_cache(mut self) -> Self {
            self.layers.cached = false;
            self
        }

        /// Bounds one load of a data key with all its attempts. By default a second more than the retry policy's
        /// deadline.
        pub fn load_timeout(mut self, timeout: Duration) -> Self {
            self.layers.load_timeout = Some(timeout);
            self
        }

        /// Bounds how many loads are in flight at a time.
        pub fn max_loads(mut self, loads: usize) -> Self {
            self.layers.keyring = self.layers.keyring.max_loads(loads);
            self
        }
    };
}

/// Builds a [`Sealer`]: caches and retries unless told otherwise.
///
/// ```
/// use std::time::Duration;
/// use datakey::{ConfigError, Sealer, Suite, keyring::SealingLimits, provider::SealingProvider, retry::Policy};
///
/// fn sealer<P: SealingProvider + 'static>(kms: P) -> Result<Sealer<P>, ConfigError> {
///     Sealer::builder(kms)
///         .suite(Suite::Aes256Gcm)
///         .limits(SealingLimits::default().with_max_messages(1 << 20))
///         .retry(Policy::default().with_deadline(Duration::from_secs(10)))
///         .build()
/// }
/// ```
#[must_use]
pub struct SealerBuilder<P> {
    layers: Layers<P>,
    params: Params,
}

impl<P: SealingProvider + 'static> SealerBuilder<P> {
    /// Starts with the defaults.
    pub fn new(provider: P) -> Self {
        Self {
            layers: Layers::new(provider, Envelope::default()),
            params: Params::new(),
        }
    }

    layers!();

    /// Seals with this suite. The default is ChaCha20-Poly1305.
    pub fn suite(mut self, suite: Suite) -> Self {
        self.params = self.params.with_suite(suite);
        self
    }

    /// Seals with these parameters: suite, frame length, record limit.
    pub fn params(mut self, params: Params) -> Self {
        self.params = params;
        self
    }

    /// Bounds age and use of each data key.
    pub fn limits(mut self, limits: SealingLimits) -> Self {
        self.layers.keyring = self.layers.keyring.sealing(limits);
        self
    }

    /// Nests the layers.
    ///
    /// # Errors
    /// [`ConfigError`] when the limits contradict each other.
    pub fn build(mut self) -> Result<Sealer<P>, ConfigError> {
        self.layers.keyring = self.layers.keyring.material(Envelope::new(self.params));
        Ok(Sealer::with_keyring(self.layers.build()?))
    }

    #[expect(
        clippy::expect_used,
        reason = "the defaults do not contradict each other; a test builds them"
    )]
    pub(crate) fn build_default(self) -> Sealer<P> {
        self.build().expect("the defaults are valid")
    }
}

/// Builds an [`Opener`]: caches and retries unless told otherwise.
///
/// ```
/// use std::time::Duration;
/// use datakey::{ConfigError, Opener, keyring::OpeningLimits, provider::OpeningProvider};
///
/// fn opener<P: OpeningProvider + 'static>(kms: P) -> Result<Opener<P>, ConfigError> {
///     Opener::builder(kms).limits(OpeningLimits::default().with_ttl(Duration::from_secs(60))).build()
/// }
/// ```
#[must_use]
pub struct OpenerBuilder<P> {
    layers: Layers<P>,
}

impl<P: OpeningProvider + 'static> OpenerBuilder<P> {
    /// Starts with the defaults.
    pub fn new(provider: P) -> Self {
        Self {
            layers: Layers::new(provider, Envelope::default()),
        }
    }

    layers!();

    /// Bounds age and number of the data keys that are kept, and of the refusals that are remembered.
    pub fn limits(mut self, limits: OpeningLimits) -> Self {
        self.layers.keyring = self.layers.keyring.opening(limits);
        self
    }

    /// Sets how long one wrapped key of a message may take to open before the next one is tried as well, for messages
    /// with wrapped keys of several regions. [`Duration::MAX`] tries one after the other.
    pub fn hedge_delay(mut self, delay: Duration) -> Self {
        self.layers.keyring = self.layers.keyring.hedge_delay(delay);
        self
    }

    /// Nests the layers.
    ///
    /// # Errors
    /// [`ConfigError`] when the limits contradict each other.
    pub fn build(self) -> Result<Opener<P>, ConfigError> {
        Ok(Opener::with_keyring(self.layers.build()?))
    }

    #[expect(
        clippy::expect_used,
        reason = "the defaults do not contradict each other; a test builds them"
    )]
    pub(crate) fn build_default(self) -> Opener<P> {
        self.build().expect("the defaults are valid")
    }
}

impl<P> fmt::Debug for SealerBuilder<P> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SealerBuilder")
            .field("params", &self.params)
            .finish_non_exhaustive()
    }
}

impl<P> fmt::Debug for OpenerBuilder<P> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("OpenerBuilder").finish_non_exhaustive()
    }
}
