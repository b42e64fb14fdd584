//! Settings of an opener.
use std::{fmt, sync::Arc, time::Duration};

use datakey_keyring::{
    ConfigError, DEFAULT_HEDGE_DELAY, OpeningKeyring, OpeningKeyringBuilder, OpeningLimits,
};
use datakey_provider::OpeningProvider;

use crate::{
    Envelope, Opener,
    layers::{Layers, layered, settings},
};

/// Builds an [`Opener`]: caches and retries unless told otherwise.
///
/// ```
/// use std::time::Duration;
/// use datakey::{ConfigError, Opener, keyring::OpeningLimits, provider::OpeningProvider};
///
/// fn opener(kms: impl OpeningProvider + 'static) -> Result<Opener, ConfigError> {
///     Opener::builder(kms).limits(OpeningLimits::default().with_ttl(Duration::from_secs(60))).build()
/// }
/// ```
///
/// Defaults are those of [`OpeningLimits`] and of [`Policy`](crate::retry::Policy). A reader of few, large messages does as well without
/// choices as one of many; one that reads what a thousand hosts wrote has more keys to keep than the default of 8,192, and `evicted` of its
/// statistics says so.
#[must_use]
#[derive(Clone)]
pub struct OpenerBuilder {
    provider: Arc<dyn OpeningProvider>,
    pub(crate) layers: Layers,
    limits: OpeningLimits,
    hedge_delay: Duration,
    #[cfg(feature = "esdk")]
    formats: crate::Formats,
}

impl OpenerBuilder {
    /// Starts with the defaults.
    pub fn new(provider: impl OpeningProvider + 'static) -> Self {
        Self {
            provider: Arc::new(provider),
            layers: Layers::default(),
            limits: OpeningLimits::default(),
            hedge_delay: DEFAULT_HEDGE_DELAY,
            #[cfg(feature = "esdk")]
            formats: crate::Formats::default(),
        }
    }

    settings!();

    /// Bounds age and number of the data keys that are kept, and of the refusals that are remembered: [`OpeningLimits`], or
    /// [`CachingLimits`](crate::CachingLimits) by the names of the AWS Encryption SDK.
    pub fn limits(mut self, limits: impl Into<OpeningLimits>) -> Self {
        self.limits = limits.into();
        self
    }

    /// Sets how long one wrapped key of a message may take to open before the next one is tried as well, for messages
    /// with wrapped keys of several regions. [`Duration::MAX`] tries one after the other.
    pub fn hedge_delay(mut self, delay: Duration) -> Self {
        self.hedge_delay = delay;
        self
    }

    /// Opens messages of these formats. By default those of both, with the defaults of the AWS Encryption SDK.
    ///
    /// ```
    /// use datakey::{ConfigError, Formats, Opener, esdk::OpenParams, provider::OpeningProvider};
    ///
    /// fn of_java(kms: impl OpeningProvider + 'static) -> Result<Opener, ConfigError> {
    ///     let params = OpenParams::new().with_max_encrypted_data_keys(2);
    ///     Opener::builder(kms).formats(Formats::only_esdk(params)).build()
    /// }
    /// ```
    #[cfg(feature = "esdk")]
    pub fn formats(mut self, formats: crate::Formats) -> Self {
        self.formats = formats;
        self
    }

    fn keyring(&self) -> OpeningKeyringBuilder<Envelope> {
        #[cfg(feature = "esdk")]
        let material = Envelope::for_formats(&self.formats);
        #[cfg(not(feature = "esdk"))]
        let material = Envelope::default();
        let keyring = OpeningKeyring::builder()
            .material(material)
            .limits(self.limits)
            .hedge_delay(self.hedge_delay);
        layered!(self.layers, keyring)
    }

    /// Nests the layers.
    ///
    /// # Errors
    /// [`ConfigError`] when the limits contradict each other, and when the feature `fips` is on without the module.
    pub fn build(self) -> Result<Opener, ConfigError> {
        crate::fips::check_built()?;
        self.build_anyway()
    }

    /// Without the question what computes, which is asked for each data key too.
    fn build_anyway(self) -> Result<Opener, ConfigError> {
        let keyring = self
            .keyring()
            .build(self.layers.opening(Arc::clone(&self.provider)))?;
        #[cfg(feature = "metrics")]
        if let Some(published) = &self.layers.published {
            let keyrings = published.publisher.keyrings();
            keyrings.watch_opening(published.name.as_deref(), &keyring);
        }
        let opener = Opener::with_keyring(keyring);
        #[cfg(feature = "esdk")]
        let opener = opener.with_formats(self.formats);
        Ok(opener)
    }

    #[expect(
        clippy::expect_used,
        reason = "the defaults do not contradict each other; a test builds them"
    )]
    pub(crate) fn build_default(self) -> Opener {
        self.build_anyway().expect("the defaults are valid")
    }
}

impl Opener {
    /// Caches and retries with the defaults.
    ///
    /// The provider is whatever opens: one for KMS keys, an `Arc<dyn OpeningProvider>`, several, or a stack of layers.
    #[must_use]
    pub fn new(provider: impl OpeningProvider + 'static) -> Self {
        Self::builder(provider).build_default()
    }

    /// Chooses cache limits and retry policy.
    pub fn builder(provider: impl OpeningProvider + 'static) -> OpenerBuilder {
        OpenerBuilder::new(provider)
    }
}

impl fmt::Debug for OpenerBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("OpenerBuilder")
            .field("limits", &self.limits)
            .field("hedge_delay", &self.hedge_delay)
            .finish_non_exhaustive()
    }
}
