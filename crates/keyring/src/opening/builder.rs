//! Settings of an opening keyring.
use std::{sync::Arc, time::Duration};

use datakey_provider::OpeningProvider;

use super::{
    core::Core,
    keyring::OpeningKeyring,
    limits::{DEFAULT_HEDGE_DELAY, OpeningLimits},
};
use crate::{
    config::{ConfigError, LoadSettings, load_settings},
    material::{DataKeys, OpeningMaterial},
};

/// Builds a [`OpeningKeyring`]; every setting has a default.
///
/// ```
/// use std::time::Duration;
/// use datakey_keyring::{OpeningKeyring, OpeningLimits};
/// # use datakey_provider::OpeningProvider;
///
/// # fn with(provider: impl OpeningProvider + 'static) -> Result<OpeningKeyring, datakey_keyring::ConfigError> {
/// OpeningKeyring::builder()
///     .limits(OpeningLimits::default().with_ttl(Duration::from_secs(60)))
///     .load_timeout(Duration::from_secs(10))
///     .max_loads(16)
///     .build(provider)
/// # }
/// ```
///
/// | what | default | change it with |
/// |---|---|---|
/// | times and numbers of keys and refusals | [`OpeningLimits`] | [`limits`](Self::limits) |
/// | time until the next wrapped key is tried as well | [`DEFAULT_HEDGE_DELAY`](crate::DEFAULT_HEDGE_DELAY) | [`hedge_delay`](Self::hedge_delay) |
/// | all else | as for [sealing](crate::SealingKeyringBuilder) | as there |
#[derive(Debug, Clone)]
pub struct OpeningKeyringBuilder<M = DataKeys> {
    material: M,
    limits: OpeningLimits,
    hedge_delay: Duration,
    settings: LoadSettings,
    uncached: bool,
}

impl Default for OpeningKeyringBuilder {
    fn default() -> Self {
        Self {
            material: DataKeys,
            limits: OpeningLimits::default(),
            hedge_delay: DEFAULT_HEDGE_DELAY,
            settings: LoadSettings::default(),
            uncached: false,
        }
    }
}

impl OpeningKeyring {
    /// A keyring with the default limits, which hands out the data keys themselves.
    #[must_use]
    pub fn new(provider: impl OpeningProvider + 'static) -> Self {
        Self::builder().assemble(provider)
    }

    /// A keyring without a cache: each request is a provider call, and each key is dropped with its holder. No load is
    /// shared. For tests, for comparisons, and where a policy forbids reuse.
    ///
    /// ```
    /// use datakey_keyring::{OpeningKeyring, SealingKeyring, Usage};
    /// use datakey_provider::EncryptionContext;
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # use datakey_fake_kms::FakeKms;
    /// # let fake = FakeKms::new();
    /// # let kms = fake.provider(&fake.create_key()?);
    /// let context = EncryptionContext::empty();
    /// let sealed = SealingKeyring::new(kms.clone()).key(&context, Usage::message(300)).await?;
    /// let reader = OpeningKeyring::uncached(kms);
    /// for _ in 0..10 {
    ///     reader.key(&context, sealed.wrapped_keys()).await?;
    /// }
    /// assert_eq!(fake.ledger().calls(), 11); // one to seal, and one for each that is opened
    /// # Ok(()) }
    /// ```
    #[must_use]
    pub fn uncached(provider: impl OpeningProvider + 'static) -> Self {
        Self::builder().uncached().assemble(provider)
    }

    /// Starts with the defaults.
    #[must_use]
    pub fn builder() -> OpeningKeyringBuilder {
        OpeningKeyringBuilder::default()
    }
}

impl<M: OpeningMaterial> OpeningKeyringBuilder<M> {
    /// Sets how keys are prepared before they are kept.
    pub fn material<N: OpeningMaterial>(self, material: N) -> OpeningKeyringBuilder<N> {
        OpeningKeyringBuilder {
            material,
            limits: self.limits,
            hedge_delay: self.hedge_delay,
            settings: self.settings,
            uncached: self.uncached,
        }
    }

    /// Sets the limits of keys.
    #[must_use]
    pub fn limits(mut self, limits: OpeningLimits) -> Self {
        self.limits = limits;
        self
    }

    load_settings!();

    /// Sets how long one wrapped key of a message may take to open before the next one is tried as well. Zero tries all
    /// at once, [`Duration::MAX`] one after the other. See [`DEFAULT_HEDGE_DELAY`].
    #[must_use]
    pub fn hedge_delay(mut self, delay: Duration) -> Self {
        self.hedge_delay = delay;
        self
    }

    /// Keeps no keys: see [`OpeningKeyring::uncached`].
    #[must_use]
    pub fn uncached(mut self) -> Self {
        self.uncached = true;
        self
    }

    /// Builds the keyring around a provider.
    ///
    /// # Errors
    /// [`ConfigError`] when a limit is zero or limits contradict each other.
    pub fn build(self, provider: impl OpeningProvider + 'static) -> Result<OpeningKeyring<M>, ConfigError> {
        self.limits.check()?;
        self.settings.check()?;
        Ok(self.assemble(provider))
    }

    pub(crate) fn assemble(self, provider: impl OpeningProvider + 'static) -> OpeningKeyring<M> {
        OpeningKeyring::around(Core::new(
            Arc::new(provider),
            self.material,
            self.limits,
            self.hedge_delay,
            &self.settings,
            self.uncached,
        ))
    }
}
