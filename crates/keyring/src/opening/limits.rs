//! How long and how many opening keys are kept, and refusals.
use std::time::Duration;

use crate::config::{ConfigError, nonzero};

/// How long an opening key is kept: 5 minutes from when it was unwrapped, however often it is used.
///
/// A revoked key goes on opening for that long, so keep it in minutes.
pub const DEFAULT_OPENING_TTL: Duration = Duration::from_secs(300);

/// How many opening keys are kept: 8,192. A reader sees one per sealing process, context and key life.
pub const DEFAULT_MAX_OPENING_KEYS: usize = 8192;

/// How long a refusal to open is remembered that says something about key or message: 30 seconds. An outage is not.
///
/// A poison message that a queue delivers again and again costs one call in that time. Kept short, as somebody may be
/// repairing a key policy at this moment.
pub const DEFAULT_REFUSAL_TTL: Duration = Duration::from_secs(30);

/// How many refusals are remembered: 1,024, about 100 bytes each beside the error itself.
pub const DEFAULT_MAX_REFUSALS: usize = 1024;

/// How long one wrapped key of a message may take to open before the next one is tried as well: 1 second.
///
/// Many times what KMS takes in another region, so that it costs a second call only when something is wrong, or when so many
/// loads wait for their turn that another region may as well help; and all that a region which hangs adds to a message
/// that another region can open.
pub const DEFAULT_HEDGE_DELAY: Duration = Duration::from_secs(1);

/// Limits of opening keys: how long and how many are kept, and the memory of refusals.
///
/// ```
/// use std::time::Duration;
/// use datakey_keyring::OpeningLimits;
///
/// let limits = OpeningLimits::default().with_ttl(Duration::from_secs(60)).with_max_keys(100_000);
/// assert_eq!(limits.ttl(), Duration::from_secs(60));
/// ```
///
/// An opening key is kept from when it was unwrapped, however often it is used, and unwrapped anew in the background while it is in use; a
/// denial then drops it. So the time to live bounds how long a revoked key opens, in use or not.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct OpeningLimits {
    ttl: Duration,
    stale_ttl: Option<Duration>,
    max_keys: usize,
    refusal_ttl: Duration,
    max_refusals: usize,
}

impl Default for OpeningLimits {
    fn default() -> Self {
        Self {
            ttl: DEFAULT_OPENING_TTL,
            stale_ttl: None,
            max_keys: DEFAULT_MAX_OPENING_KEYS,
            refusal_ttl: DEFAULT_REFUSAL_TTL,
            max_refusals: DEFAULT_MAX_REFUSALS,
        }
    }
}

impl OpeningLimits {
    /// Sets how long a key is kept, from when it was unwrapped.
    #[must_use]
    pub const fn with_ttl(mut self, ttl: Duration) -> Self {
        self.ttl = ttl;
        self
    }

    /// Sets for how long a key may be used, from when it was unwrapped, while unwrapping it anew fails without a verdict on it: the
    /// outage that an opener rides out on the keys that it has. By default as long as it is [kept](Self::with_ttl), and no outage
    /// is ridden out. It is the longest time for which a revoked key goes on opening, and that only while the provider cannot be asked.
    ///
    /// ```
    /// use std::time::Duration;
    /// use datakey_fake_kms::{FaultRule, KmsErrorCode};
    /// use datakey_keyring::{OpeningKeyring, OpeningLimits, SealingKeyring, Usage};
    /// use datakey_provider::EncryptionContext;
    /// # #[tokio::main(flavor = "current_thread", start_paused = true)]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # use datakey_fake_kms::FakeKms;
    /// # let fake = FakeKms::new();
    /// # let kms = fake.provider(&fake.create_key()?);
    /// let limits = OpeningLimits::default().with_stale_ttl(Duration::from_secs(1800));
    /// let reader = OpeningKeyring::builder().limits(limits).build(kms.clone())?;
    /// let context = EncryptionContext::empty();
    /// let sealed = SealingKeyring::new(kms).key(&context, Usage::message(300)).await?;
    /// reader.key(&context, sealed.wrapped_keys()).await?;
    ///
    /// fake.inject(FaultRule::new(KmsErrorCode::Internal)); // the service is away
    /// tokio::time::advance(Duration::from_secs(600)).await; // twice as long as keys are kept
    /// reader.key(&context, sealed.wrapped_keys()).await?;
    /// assert_eq!(reader.stats().stale.transient, 1);
    /// # Ok(()) }
    /// ```
    #[must_use]
    pub const fn with_stale_ttl(mut self, ttl: Duration) -> Self {
        self.stale_ttl = Some(ttl);
        self
    }

    /// Sets how many keys are kept.
    #[must_use]
    pub const fn with_max_keys(mut self, keys: usize) -> Self {
        self.max_keys = keys;
        self
    }

    /// Sets how long a refusal of key or message is remembered; zero remembers none.
    ///
    /// ```
    /// use datakey_keyring::OpeningKeyring;
    /// use datakey_provider::{EncryptionContext, WrappedKey};
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # use datakey_fake_kms::FakeKms;
    /// # let fake = FakeKms::new();
    /// # let kms = fake.provider(&fake.create_key()?);
    /// // A poison message that a queue delivers again and again.
    /// let poison = WrappedKey::new(kms.key_arn(), vec![7; 184])?.into();
    /// let keyring = OpeningKeyring::new(kms);
    /// for _ in 0..100 {
    ///     assert!(keyring.key(&EncryptionContext::empty(), &poison).await.is_err());
    /// }
    /// assert_eq!(fake.ledger().calls(), 1);
    /// assert_eq!(keyring.stats().refused_from_memory, 99);
    /// # Ok(()) }
    /// ```
    #[must_use]
    pub const fn with_refusal_ttl(mut self, ttl: Duration) -> Self {
        self.refusal_ttl = ttl;
        self
    }

    /// Sets how many refusals are remembered.
    #[must_use]
    pub const fn with_max_refusals(mut self, refusals: usize) -> Self {
        self.max_refusals = refusals;
        self
    }

    /// How long a key is kept.
    #[must_use]
    pub const fn ttl(&self) -> Duration {
        self.ttl
    }

    /// For how long a key may be used while the provider fails.
    ///
    /// As long as the time to live where it was not set: nothing is used past that then, whatever the provider does.
    ///
    /// ```
    /// use std::time::Duration;
    /// use datakey_keyring::OpeningLimits;
    ///
    /// let limits = OpeningLimits::default().with_ttl(Duration::from_secs(60));
    /// assert_eq!(limits.stale_ttl(), limits.ttl());
    /// ```
    #[must_use]
    pub fn stale_ttl(&self) -> Duration {
        self.stale_ttl.unwrap_or(self.ttl)
    }

    /// How many keys are kept.
    #[must_use]
    pub const fn max_keys(&self) -> usize {
        self.max_keys
    }

    /// How long a refusal of key or message is remembered.
    #[must_use]
    pub const fn refusal_ttl(&self) -> Duration {
        self.refusal_ttl
    }

    /// How many refusals are remembered.
    #[must_use]
    pub const fn max_refusals(&self) -> usize {
        self.max_refusals
    }

    pub(crate) fn check(&self) -> Result<(), ConfigError> {
        nonzero("a time to live", !self.ttl.is_zero())?;
        if self.stale_ttl() < self.ttl {
            return Err(ConfigError::SoftOverHard {
                soft: self.ttl,
                hard: self.stale_ttl(),
            });
        }
        nonzero("a limit on opening keys", self.max_keys > 0)?;
        nonzero("a limit on refusals", self.max_refusals > 0)
    }
}
