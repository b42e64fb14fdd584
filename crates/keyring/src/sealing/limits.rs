//! How long and how much a sealing key may be used, for how many contexts one is kept, and what a caller takes off it.
use std::time::Duration;

use crate::{
    config::{ConfigError, nonzero},
    kept::lease::Amount,
};

/// The age at which a sealing key is replaced: 5 minutes.
///
/// One provider call per context in 5 minutes is nothing against any quota, and a wrapping key that was disabled is
/// noticed within that time. Raise it for many contexts: calls per second are about contexts divided by seconds.
pub const DEFAULT_SOFT_AGE: Duration = Duration::from_secs(300);

/// The age past which a sealing key is never used: 15 minutes.
///
/// Between soft and hard age the key serves only while the provider is throttling or down, so this is the outage that a
/// producer rides out. Raise it where losing orders is worse than sealing under a key that may have been disabled.
pub const DEFAULT_HARD_AGE: Duration = Duration::from_secs(900);

/// How many messages one sealing key seals: 2^24.
///
/// More than one process seals in [`DEFAULT_SOFT_AGE`] at 50,000 messages a second, so that age, not count, decides in
/// bulk. Lower it to bound how much depends on one data key.
pub const DEFAULT_MAX_MESSAGES: u64 = 1 << 24;

/// How many bytes of plaintext one sealing key seals: 2^40, one tebibyte.
///
/// As for messages: more than one process seals in [`DEFAULT_SOFT_AGE`] at 3 GB a second. One that seals faster, on several cores,
/// has a new key sooner.
pub const DEFAULT_MAX_BYTES: u64 = 1 << 40;

/// How many contexts have a live sealing key: 1,024. An entry takes about half a kilobyte beside what the material
/// prepared, and 128 bytes more for each of at most sixteen groups of threads that use it.
pub const DEFAULT_MAX_CONTEXTS: usize = 1024;

/// Limits of sealing keys: ages, messages, bytes, and how many contexts are kept.
///
/// ```
/// use std::time::Duration;
/// use datakey_keyring::{SealingKeyring, SealingLimits};
///
/// # use datakey_provider::SealingProvider;
/// # fn with(provider: impl SealingProvider + 'static) -> Result<SealingKeyring, datakey_keyring::ConfigError> {
/// let limits = SealingLimits::default()
///     .with_soft_age(Duration::from_secs(60))
///     .with_hard_age(Duration::from_secs(180))
///     .with_max_messages(100_000);
/// let keyring = SealingKeyring::builder().limits(limits).build(provider)?;
/// # Ok(keyring) }
/// ```
///
/// The page `guide::sizing` says how many calls follow from them. Two rules hold among them: the soft age is at most the hard age, and none
/// is zero.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SealingLimits {
    soft_age: Duration,
    hard_age: Duration,
    max_messages: u64,
    max_bytes: u64,
    max_contexts: usize,
    refresh_by_use: bool,
}

impl Default for SealingLimits {
    fn default() -> Self {
        Self {
            soft_age: DEFAULT_SOFT_AGE,
            hard_age: DEFAULT_HARD_AGE,
            max_messages: DEFAULT_MAX_MESSAGES,
            max_bytes: DEFAULT_MAX_BYTES,
            max_contexts: DEFAULT_MAX_CONTEXTS,
            refresh_by_use: true,
        }
    }
}

impl SealingLimits {
    /// Sets the age at which a key is replaced. It is at most the hard age; with both equal, no key is used while the
    /// provider fails.
    #[must_use]
    pub const fn with_soft_age(mut self, age: Duration) -> Self {
        self.soft_age = age;
        self
    }

    /// Sets the age past which a key is never used.
    #[must_use]
    pub const fn with_hard_age(mut self, age: Duration) -> Self {
        self.hard_age = age;
        self
    }

    /// Sets how many messages a key seals.
    #[must_use]
    pub const fn with_max_messages(mut self, messages: u64) -> Self {
        self.max_messages = messages;
        self
    }

    /// Sets how many bytes of plaintext a key seals.
    #[must_use]
    pub const fn with_max_bytes(mut self, bytes: u64) -> Self {
        self.max_bytes = bytes;
        self
    }

    /// Sets how many contexts have a live key.
    #[must_use]
    pub const fn with_max_contexts(mut self, contexts: usize) -> Self {
        self.max_contexts = contexts;
        self
    }

    /// Sets whether a key of which little is left, an eighth of its messages or bytes, is replaced in the background before
    /// callers have to wait for the next one. On by default. Off, each key is used up to its limits, and the last caller of a key
    /// is followed by one that waits: for limits so small that an eighth matters, where each call counts.
    ///
    /// ```
    /// use datakey_keyring::{SealingKeyring, SealingLimits, Usage};
    /// use datakey_provider::EncryptionContext;
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # use datakey_fake_kms::FakeKms;
    /// # let fake = FakeKms::new();
    /// # let kms = fake.provider(&fake.create_key()?);
    /// // A policy wants no data key to seal more than four messages, and each call counts.
    /// let limits = SealingLimits::default().with_max_messages(4).with_refresh_by_use(false);
    /// let keyring = SealingKeyring::builder().limits(limits).build(kms)?;
    /// for _ in 0..12 {
    ///     keyring.key(&EncryptionContext::empty(), Usage::message(300)).await?;
    /// }
    /// assert_eq!(fake.ledger().calls(), 3);
    /// # Ok(()) }
    /// ```
    #[must_use]
    pub const fn with_refresh_by_use(mut self, on: bool) -> Self {
        self.refresh_by_use = on;
        self
    }

    /// The age at which a key is replaced.
    #[must_use]
    pub const fn soft_age(&self) -> Duration {
        self.soft_age
    }

    /// The age past which a key is never used.
    #[must_use]
    pub const fn hard_age(&self) -> Duration {
        self.hard_age
    }

    /// How many messages a key seals.
    #[must_use]
    pub const fn max_messages(&self) -> u64 {
        self.max_messages
    }

    /// How many bytes of plaintext a key seals.
    #[must_use]
    pub const fn max_bytes(&self) -> u64 {
        self.max_bytes
    }

    /// How many contexts have a live key.
    #[must_use]
    pub const fn max_contexts(&self) -> usize {
        self.max_contexts
    }

    /// Whether a key of which little is left is replaced in the background.
    ///
    /// Without it, a key that is used up makes the next caller wait for its successor.
    ///
    /// ```
    /// use datakey_keyring::SealingLimits;
    ///
    /// assert!(SealingLimits::default().refreshes_by_use());
    /// assert!(!SealingLimits::default().with_refresh_by_use(false).refreshes_by_use());
    /// ```
    #[must_use]
    pub const fn refreshes_by_use(&self) -> bool {
        self.refresh_by_use
    }

    pub(crate) fn check(&self) -> Result<(), ConfigError> {
        nonzero("a soft age", !self.soft_age.is_zero())?;
        nonzero("a limit on messages", self.max_messages > 0)?;
        nonzero("a limit on bytes", self.max_bytes > 0)?;
        nonzero("a limit on contexts", self.max_contexts > 0)?;
        if self.soft_age > self.hard_age {
            return Err(ConfigError::SoftOverHard {
                soft: self.soft_age,
                hard: self.hard_age,
            });
        }
        Ok(())
    }
}

/// What is about to be sealed under a key: messages, and bytes of plaintext.
///
/// The keyring takes it off the key's limits before it hands the key out, so that the limits hold however many callers
/// there are. A batch reserves all its messages at once.
///
/// ```
/// use datakey_keyring::Usage;
///
/// let order = Usage::message(300);
/// assert_eq!((order.messages(), order.bytes()), (1, Some(300)));
/// let post = Usage::batch(5_000, 1_500_000);
/// assert_eq!((post.messages(), post.bytes()), (5_000, Some(1_500_000)));
/// assert_eq!(Usage::unknown_length().bytes(), None);
/// ```
///
/// It is an upper bound. What is reserved and not used is not given back, so that a key may be replaced a little sooner than it had to be,
/// and never later. Whoever reserves for a stream gives its greatest length.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Usage {
    messages: u64,
    bytes: Option<u64>,
}

impl Usage {
    /// One message of at most so many bytes of plaintext.
    #[must_use]
    pub const fn message(bytes: u64) -> Self {
        Self::batch(1, bytes)
    }

    /// Several messages at once, of at most so many bytes of plaintext together.
    ///
    /// The whole batch is sealed under one data key, or not at all.
    ///
    /// ```
    /// use datakey_keyring::{SealingKeyring, SealingLimits, Usage};
    /// use datakey_provider::EncryptionContext;
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # use datakey_fake_kms::FakeKms;
    /// # let fake = FakeKms::new();
    /// # let kms = fake.provider(&fake.create_key()?);
    /// let limits = SealingLimits::default().with_max_messages(1_000).with_refresh_by_use(false);
    /// let keyring = SealingKeyring::builder().limits(limits).build(kms)?;
    /// let context = EncryptionContext::empty();
    /// let first = keyring.key(&context, Usage::batch(600, 180_000)).await?;
    /// let second = keyring.key(&context, Usage::batch(600, 180_000)).await?; // 400 are left, which do not suffice
    /// assert!(!first.same(&second));
    /// assert_eq!(fake.ledger().calls(), 2);
    /// # Ok(()) }
    /// ```
    #[must_use]
    pub const fn batch(messages: u64, bytes: u64) -> Self {
        Self {
            messages,
            bytes: Some(bytes),
        }
    }

    /// One message whose length nobody can bound yet. It gets a data key of its own, which costs a provider call: give
    /// an upper bound to [`message`](Self::message) where there is one.
    ///
    /// ```
    /// use datakey_keyring::{MissReason, SealingKeyring, Usage};
    /// use datakey_provider::EncryptionContext;
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # use datakey_fake_kms::FakeKms;
    /// # let fake = FakeKms::new();
    /// # let kms = fake.provider(&fake.create_key()?);
    /// let (keyring, context) = (SealingKeyring::new(kms), EncryptionContext::empty());
    /// keyring.key(&context, Usage::unknown_length()).await?;
    /// keyring.key(&context, Usage::unknown_length()).await?;
    /// assert_eq!(keyring.stats().misses.of(MissReason::UnknownLength), 2); // each has a data key of its own
    /// assert_eq!(fake.ledger().calls(), 2);
    /// # Ok(()) }
    /// ```
    #[must_use]
    pub const fn unknown_length() -> Self {
        Self {
            messages: 1,
            bytes: None,
        }
    }

    /// How many messages.
    #[must_use]
    pub const fn messages(self) -> u64 {
        self.messages
    }

    /// How many bytes of plaintext together, where known.
    #[must_use]
    pub const fn bytes(self) -> Option<u64> {
        self.bytes
    }

    /// Both, where the length is bounded.
    pub(crate) fn amount(self) -> Option<Amount> {
        let (messages, bytes) = (self.messages, self.bytes?);
        Some(Amount { messages, bytes })
    }
}
