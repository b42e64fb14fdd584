//! Settings of a sealing keyring.
use std::sync::Arc;

use datakey_provider::SealingProvider;

use super::{core::Core, keyring::SealingKeyring, limits::SealingLimits};
use crate::{
    config::{ConfigError, LoadSettings, load_settings},
    material::{DataKeys, SealingMaterial},
};

/// Builds a [`SealingKeyring`]; every setting has a default.
///
/// ```
/// use std::time::Duration;
/// use datakey_keyring::{SealingKeyring, SealingLimits};
/// # use datakey_provider::SealingProvider;
///
/// # fn with(provider: impl SealingProvider + 'static) -> Result<SealingKeyring, datakey_keyring::ConfigError> {
/// SealingKeyring::builder()
///     .limits(SealingLimits::default().with_max_contexts(10_000))
///     .load_timeout(Duration::from_secs(10))
///     .max_loads(16)
///     .build(provider)
/// # }
/// ```
///
/// | what | default | change it with |
/// |---|---|---|
/// | ages, messages, bytes, contexts | [`SealingLimits`] | [`limits`](Self::limits) |
/// | what is kept | the data keys themselves | [`material`](Self::material) |
/// | time for a load | a second more than the provider is patient, or [`DEFAULT_LOAD_TIMEOUT`](crate::DEFAULT_LOAD_TIMEOUT) | [`load_timeout`](Self::load_timeout) |
/// | loads at once, and waiting | [`DEFAULT_MAX_LOADS`](crate::DEFAULT_MAX_LOADS), [`DEFAULT_MAX_QUEUED`](crate::DEFAULT_MAX_QUEUED) | [`max_loads`](Self::max_loads), [`max_queued`](Self::max_queued) |
/// | jitter | differs from process to process | [`seed`](Self::seed) |
/// | wall clock | the system's | [`wall_clock`](Self::wall_clock) |
/// | contexts in events | by their keys | [`tell_context_values`](Self::tell_context_values) |
///
/// Building asks the provider nothing but what it says of itself.
#[derive(Debug, Clone)]
pub struct SealingKeyringBuilder<M = DataKeys> {
    material: M,
    limits: SealingLimits,
    settings: LoadSettings,
    uncached: bool,
}

impl Default for SealingKeyringBuilder {
    fn default() -> Self {
        Self {
            material: DataKeys,
            limits: SealingLimits::default(),
            settings: LoadSettings::default(),
            uncached: false,
        }
    }
}

impl SealingKeyring {
    /// A keyring with the default limits, which hands out the data keys themselves.
    #[must_use]
    pub fn new(provider: impl SealingProvider + 'static) -> Self {
        Self::builder().assemble(provider)
    }

    /// A keyring without a cache: each request is a provider call, and each key is dropped with its holder. No load is
    /// shared. For tests, for comparisons, and where a policy forbids reuse.
    ///
    /// ```
    /// use datakey_keyring::{SealingKeyring, Usage};
    /// use datakey_provider::EncryptionContext;
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # use datakey_fake_kms::FakeKms;
    /// # let fake = FakeKms::new();
    /// # let kms = fake.provider(&fake.create_key()?);
    /// let keyring = SealingKeyring::uncached(kms);
    /// for _ in 0..10 {
    ///     keyring.key(&EncryptionContext::empty(), Usage::message(300)).await?;
    /// }
    /// assert_eq!(fake.ledger().calls(), 10); // what a cache is measured against
    /// # Ok(()) }
    /// ```
    #[must_use]
    pub fn uncached(provider: impl SealingProvider + 'static) -> Self {
        Self::builder().uncached().assemble(provider)
    }

    /// Starts with the defaults.
    #[must_use]
    pub fn builder() -> SealingKeyringBuilder {
        SealingKeyringBuilder::default()
    }
}

impl<M: SealingMaterial> SealingKeyring<M> {
    /// A keyring with the default limits, which hands out what the material makes of data keys.
    ///
    /// A provider that answers more wrapped keys than the material has a place for is not refused here as
    /// [`build`](SealingKeyringBuilder::build) does, but by each request, without a call.
    #[must_use]
    pub fn with_material(material: M, provider: impl SealingProvider + 'static) -> Self {
        SealingKeyring::builder().material(material).assemble(provider)
    }
}

impl<M: SealingMaterial> SealingKeyringBuilder<M> {
    /// Sets how keys are prepared before they are kept.
    pub fn material<N: SealingMaterial>(self, material: N) -> SealingKeyringBuilder<N> {
        SealingKeyringBuilder {
            material,
            limits: self.limits,
            settings: self.settings,
            uncached: self.uncached,
        }
    }

    /// Sets the limits of keys.
    #[must_use]
    pub fn limits(mut self, limits: SealingLimits) -> Self {
        self.limits = limits;
        self
    }

    load_settings!();

    /// Keeps no keys: see [`SealingKeyring::uncached`].
    #[must_use]
    pub fn uncached(mut self) -> Self {
        self.uncached = true;
        self
    }

    /// Builds the keyring around a provider.
    ///
    /// ```
    /// use datakey_keyring::{ConfigError, SealingKeyring, SealingLimits};
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # use datakey_fake_kms::FakeKms;
    /// # let fake = FakeKms::new();
    /// # let kms = fake.provider(&fake.create_key()?);
    /// let none = SealingLimits::default().with_max_messages(0);
    /// let built = SealingKeyring::builder().limits(none).build(kms);
    /// assert!(matches!(built, Err(ConfigError::Zero(_)))); // found out at the start, and not by the first order
    /// # Ok(()) }
    /// ```
    ///
    /// # Errors
    /// [`ConfigError`] when a limit is zero or limits contradict each other, when the provider answers more wrapped
    /// keys than the [material](SealingMaterial::max_wrapped_keys) has a place for, and when the material allows fewer messages
    /// or [cannot be used](SealingMaterial::check_settings) at all.
    pub fn build(self, provider: impl SealingProvider + 'static) -> Result<SealingKeyring<M>, ConfigError> {
        self.limits.check()?;
        self.settings.check()?;
        let (each, limit) = (provider.wrapped_keys_each(), self.material.max_wrapped_keys());
        if each > limit {
            return Err(ConfigError::TooManyWrappedKeys { each, limit });
        }
        let (wanted, limit) = (self.limits.max_messages(), self.material.max_messages());
        if wanted > limit && !self.uncached {
            return Err(ConfigError::TooManyMessages { wanted, limit });
        }
        self.material.check_settings().map_err(ConfigError::Material)?;
        Ok(self.assemble(provider))
    }

    pub(crate) fn assemble(self, provider: impl SealingProvider + 'static) -> SealingKeyring<M> {
        let bytes = self.limits.max_bytes().min(self.material.max_bytes());
        let limits = self.limits.with_max_bytes(bytes);
        SealingKeyring::around(Core::new(
            Arc::new(provider),
            self.material,
            limits,
            &self.settings,
            self.uncached,
        ))
    }
}
