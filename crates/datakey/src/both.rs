//! Both sides of a process, on one provider, one quota, one budget.
use std::sync::Arc;

use datakey_keyring::{ConfigError, Revocations};
use datakey_provider::KeyProvider;
use datakey_retry::Policy;

use crate::{Opener, OpenerBuilder, Sealer, SealerBuilder};

/// A sealer and an opener over one provider, which share one retry policy with its budget, rate and breaker, and what either
/// learns of wrapping keys that may not be used any more. The opener has the data keys that the sealer loads, so that a
/// process opens its own messages without a call.
///
/// For a process that writes and reads: calls of both sides count against one KMS quota.
///
/// ```
/// use datakey::{Opener, Sealer, both, provider::KeyProvider};
///
/// fn archive(kms: impl KeyProvider + 'static) -> (Sealer, Opener) {
///     both(kms)
/// }
/// ```
///
/// It is what most processes want that write and read. Where one of both is all that a process does, build that side alone, and give its
/// role no more.
///
/// ```
/// # #[cfg(feature = "fake-kms")] {
/// # #[tokio::main(flavor = "current_thread", start_paused = true)]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// use datakey::{Aad, EncryptionContext, both, fake_kms::FakeKms};
///
/// let fake = FakeKms::new();
/// let (sealer, opener) = both(fake.provider(&fake.create_key()?));
/// let context = EncryptionContext::new([("purpose", "sessions")])?;
/// for session in ["a", "b", "c"] {
///     let sealed = sealer.seal(&context, session.as_bytes(), Aad::EMPTY).await?;
///     opener.open(&context, &sealed, Aad::EMPTY).await?;
/// }
/// assert_eq!(fake.ledger().calls(), 1); // one data key was made, and none had to be opened
/// # Ok(()) }
/// # }
/// ```
#[must_use]
pub fn both(provider: impl KeyProvider + 'static) -> (Sealer, Opener) {
    let Both { sealer, opener } = Both::new(provider);
    together(sealer.build_default(), opener.build_default())
}

/// Builds both sides of a process, each with settings of its own and with one retry policy: [`both`] with choices.
///
/// ```
/// use std::time::Duration;
/// use datakey::{Both, ConfigError, Opener, Sealer, Suite, keyring::OpeningLimits, provider::KeyProvider};
///
/// fn archive(kms: impl KeyProvider + 'static) -> Result<(Sealer, Opener), ConfigError> {
///     Both::new(kms)
///         .sealer(|sealer| sealer.suite(Suite::Aes256Gcm))
///         .opener(|opener| opener.limits(OpeningLimits::default().with_ttl(Duration::from_secs(60))))
///         .build()
/// }
/// ```
///
/// Settings that concern both are set here: retries, metrics. What is set in [`sealer`](Self::sealer) or [`opener`](Self::opener) for one
/// side alone comes after and wins there.
#[derive(Debug, Clone)]
#[must_use]
pub struct Both {
    sealer: SealerBuilder,
    opener: OpenerBuilder,
}

impl Both {
    /// Starts with the defaults.
    pub fn new(provider: impl KeyProvider + 'static) -> Self {
        let provider = Arc::new(provider);
        let both = Self {
            sealer: SealerBuilder::new(Arc::clone(&provider)),
            opener: OpenerBuilder::new(provider),
        };
        both.retry(Policy::default())
    }

    /// Retries with this policy on both sides instead of the default one.
    pub fn retry(mut self, policy: Policy) -> Self {
        self.sealer = self.sealer.retry(policy.clone());
        self.opener = self.opener.retry(policy);
        self
    }

    /// Puts no retry layer over the provider: for one that retries by itself.
    pub fn without_retry(mut self) -> Self {
        self.sealer = self.sealer.without_retry();
        self.opener = self.opener.without_retry();
        self
    }

    /// Has a [`Publisher`](crate::Publisher) publish both keyrings, and all calls with their retries. Needs the feature `metrics`.
    #[cfg(feature = "metrics")]
    pub fn metrics(mut self, publisher: &crate::Publisher) -> Self {
        self.sealer = self.sealer.metrics(publisher);
        self.opener = self.opener.metrics(publisher);
        self
    }

    /// The same with the label `keyring` for what the keyrings count. Needs the feature `metrics`.
    #[cfg(feature = "metrics")]
    pub fn metrics_as(mut self, publisher: &crate::Publisher, keyring: &str) -> Self {
        self.sealer = self.sealer.metrics_as(publisher, keyring);
        self.opener = self.opener.metrics_as(publisher, keyring);
        self
    }

    /// Chooses for the sealing side.
    pub fn sealer(mut self, choose: impl FnOnce(SealerBuilder) -> SealerBuilder) -> Self {
        self.sealer = choose(self.sealer);
        self
    }

    /// Chooses for the opening side.
    pub fn opener(mut self, choose: impl FnOnce(OpenerBuilder) -> OpenerBuilder) -> Self {
        self.opener = choose(self.opener);
        self
    }

    /// Nests the layers of both.
    ///
    /// # Errors
    /// [`ConfigError`] when the limits of either contradict each other.
    pub fn build(self) -> Result<(Sealer, Opener), ConfigError> {
        Ok(together(self.sealer.build()?, self.opener.build()?))
    }
}

/// What either learns of a wrapping key that may not be used any more, the other is told; and what one makes, the other opens.
fn together(sealer: Sealer, opener: Opener) -> (Sealer, Opener) {
    let shared = Revocations::new();
    sealer.keyring().share_revocations(&shared);
    opener.keyring().share_revocations(&shared);
    sealer.keyring().prime(opener.keyring());
    (sealer, opener)
}
