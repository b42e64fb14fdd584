//! Settings of a sealer.
use std::{fmt, sync::Arc};

use datakey_envelope::{Params, Suite};
use datakey_keyring::{ConfigError, SealingKeyring, SealingKeyringBuilder, SealingLimits};
use datakey_provider::SealingProvider;

use crate::{
    Envelope, Format, Sealer,
    layers::{Layers, layered, settings},
};

/// Builds a [`Sealer`]: caches and retries unless told otherwise.
///
/// ```
/// use std::time::Duration;
/// use datakey::{ConfigError, Sealer, Suite, keyring::SealingLimits, provider::SealingProvider, retry::Policy};
///
/// fn sealer(kms: impl SealingProvider + 'static) -> Result<Sealer, ConfigError> {
///     Sealer::builder(kms)
///         .suite(Suite::Aes256Gcm)
///         .limits(SealingLimits::default().with_max_messages(1 << 20))
///         .retry(Policy::default().with_deadline(Duration::from_secs(10)))
///         .build()
/// }
/// ```
///
/// Nothing is asked of the provider by building, so that a service starts while KMS does not answer. What can be told without a call is
/// told then: limits that contradict each other, more wrapped keys than a message holds, a suite that its own policy forbids.
///
/// ```
/// # #[cfg(feature = "fake-kms")] {
/// # #[tokio::main(flavor = "current_thread", start_paused = true)]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// use std::time::Duration;
/// use datakey::{ConfigError, Sealer, fake_kms::FakeKms, keyring::SealingLimits};
///
/// let fake = FakeKms::new();
/// let kms = fake.provider(&fake.create_key()?);
/// let backwards = SealingLimits::default().with_soft_age(Duration::from_secs(7200));
/// let built = Sealer::builder(kms).limits(backwards).build();
/// assert!(matches!(built, Err(ConfigError::SoftOverHard { .. })));
/// # Ok(()) }
/// # }
/// ```
#[must_use]
#[derive(Clone)]
pub struct SealerBuilder {
    provider: Arc<dyn SealingProvider>,
    pub(crate) layers: Layers,
    format: Format,
    limits: SealingLimits,
}

impl SealerBuilder {
    /// Starts with the defaults.
    pub fn new(provider: impl SealingProvider + 'static) -> Self {
        Self {
            provider: Arc::new(provider),
            layers: Layers::default(),
            format: Format::default(),
            limits: SealingLimits::default(),
        }
    }

    settings!();

    /// Seals in this format. [`Params`] are the native one; with the feature `esdk`, `esdk::Params` that of the AWS Encryption SDK.
    ///
    /// ```
    /// # #[cfg(feature = "esdk")] {
    /// use datakey::{ConfigError, Sealer, esdk::{Params, Suite}, provider::SealingProvider};
    ///
    /// fn for_java(kms: impl SealingProvider + 'static) -> Result<Sealer, ConfigError> {
    ///     Sealer::builder(kms).format(Params::new().with_suite(Suite::Aes256GcmHkdfSha512CommitKey)).build()
    /// }
    /// # }
    /// ```
    pub fn format(mut self, format: impl Into<Format>) -> Self {
        self.format = format.into();
        self
    }

    /// Seals in the native format, with this suite. The default is ChaCha20-Poly1305.
    pub fn suite(self, suite: Suite) -> Self {
        let params = native(&self.format);
        self.format(params.with_suite(suite))
    }

    /// Seals in the native format, with these parameters: suite, frame length, record limit.
    pub fn params(self, params: Params) -> Self {
        self.format(params)
    }

    /// Bounds age and use of each data key: [`SealingLimits`], or [`CachingLimits`](crate::CachingLimits) by the names of the AWS
    /// Encryption SDK.
    pub fn limits(mut self, limits: impl Into<SealingLimits>) -> Self {
        self.limits = limits.into();
        self
    }

    fn keyring(&self) -> SealingKeyringBuilder<Envelope> {
        let keyring = SealingKeyring::builder()
            .material(Envelope::new(self.format.clone()))
            .limits(self.limits);
        layered!(self.layers, keyring)
    }

    /// Nests the layers.
    ///
    /// # Errors
    /// [`ConfigError`] when the limits contradict each other, when the provider answers more wrapped keys for each data
    /// key than a message holds, or when the format's parameters do, such as a suite that its commitment policy does not allow;
    /// [`ConfigError::NotApproved`] when the feature `fips` is on and the suite, or what computes it, is not approved.
    pub fn build(self) -> Result<Sealer, ConfigError> {
        Envelope::new(self.format.clone()).check_approved()?;
        let keyring = self
            .keyring()
            .build(self.layers.sealing(Arc::clone(&self.provider)))?;
        #[cfg(feature = "metrics")]
        if let Some(published) = &self.layers.published {
            let keyrings = published.publisher.keyrings();
            keyrings.watch_sealing(published.name.as_deref(), &keyring);
        }
        Ok(Sealer::with_keyring(keyring))
    }

    /// With no choices but those of format and layers between keyring and provider.
    pub(crate) fn build_default(self) -> Sealer {
        let provider = self.layers.sealing(self.provider);
        Sealer::with_keyring(SealingKeyring::with_material(
            Envelope::new(self.format),
            provider,
        ))
    }
}

/// The parameters of the native format; its defaults where it is another one.
fn native(format: &Format) -> Params {
    match format {
        Format::Datakey(params) => *params,
        #[cfg(feature = "esdk")]
        Format::Esdk(_) => Params::new(),
    }
}

impl Sealer {
    /// Caches and retries with the defaults.
    ///
    /// The provider is whatever seals: one for a KMS key, an `Arc<dyn SealingProvider>`, several, or a stack of layers.
    #[must_use]
    pub fn new(provider: impl SealingProvider + 'static) -> Self {
        Self::builder(provider).build_default()
    }

    /// Chooses suite, cache limits, retry policy.
    pub fn builder(provider: impl SealingProvider + 'static) -> SealerBuilder {
        SealerBuilder::new(provider)
    }
}

impl fmt::Debug for SealerBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SealerBuilder")
            .field("format", &self.format)
            .field("limits", &self.limits)
            .finish_non_exhaustive()
    }
}
