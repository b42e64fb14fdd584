//! How long and how much a key may be used, and how many are kept.
use std::time::Duration;

use thiserror::Error;

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
/// As for messages: more than one process seals in [`DEFAULT_SOFT_AGE`].
pub const DEFAULT_MAX_BYTES: u64 = 1 << 40;

/// How many contexts have a live sealing key: 1,024. An entry takes about half a kilobyte beside what the material
/// prepared, and 128 bytes more for each of at most sixteen groups of threads that use it.
pub const DEFAULT_MAX_CONTEXTS: usize = 1024;

/// How long an opening key is kept: 5 minutes from when it was unwrapped, however often it is used.
///
/// A revoked key goes on opening for that long, so keep it in minutes.
pub const DEFAULT_OPENING_TTL: Duration = Duration::from_secs(300);

/// How many opening keys are kept: 8,192. A reader sees one per sealing process, context and key life.
pub const DEFAULT_MAX_OPENING_KEYS: usize = 8192;

/// How long a permanent refusal to open is remembered: 30 seconds.
///
/// A poison message that a queue delivers again and again costs one call in that time. Kept short, as somebody may be
/// repairing a key policy at this moment.
pub const DEFAULT_REFUSAL_TTL: Duration = Duration::from_secs(30);

/// How many refusals are remembered: 1,024, about 100 bytes each.
pub const DEFAULT_MAX_REFUSALS: usize = 1024;

/// How many loads are in flight at once: 64.
///
/// At 20 ms a call that is 3,200 loads a second, below the smallest KMS quota of 10,000 requests a second.
pub const DEFAULT_MAX_LOADS: usize = 64;

/// How long a load may take, the retries beneath it included: 30 seconds.
///
/// A load that waits for its turn among [`DEFAULT_MAX_LOADS`] has as long for that.
///
/// Longer than a retry layer under the keyring should be patient, so that it is the net for a provider that hangs.
/// Callers have deadlines of their own; a load outlives them.
pub const DEFAULT_LOAD_TIMEOUT: Duration = Duration::from_secs(30);

/// How long one wrapped key of a message may take to open before the next one is tried as well: 1 second.
///
/// Many times what KMS takes in another region, so that it costs a second call only when something is wrong, or when so many
/// loads wait for their turn that another region may as well help; and all that a region which hangs adds to a message
/// that another region can open.
pub const DEFAULT_HEDGE_DELAY: Duration = Duration::from_secs(1);

/// Why a keyring cannot be built with these settings.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum ConfigError {
    /// A limit is zero, so that no key could ever be used.
    #[error("{0} of zero leaves no key to use; for a keyring without a cache see Keyring::uncached")]
    Zero(&'static str),
    /// The soft age is over the hard age.
    #[error("the soft age {soft:?} is over the hard age {hard:?}")]
    SoftOverHard {
        /// The soft age.
        soft: Duration,
        /// The hard age.
        hard: Duration,
    },
}

/// Limits of sealing keys: ages, messages, bytes, and how many contexts are kept.
///
/// ```
/// use std::time::Duration;
/// use datakey_keyring::{Keyring, SealingLimits};
///
/// # fn with<P>(provider: P) -> Result<Keyring<P>, datakey_keyring::ConfigError> {
/// let limits = SealingLimits::default()
///     .with_ages(Duration::from_secs(60), Duration::from_secs(180))
///     .with_max_messages(100_000);
/// let keyring = Keyring::builder().sealing(limits).build(provider)?;
/// # Ok(keyring) }
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SealingLimits {
    soft_age: Duration,
    hard_age: Duration,
    max_messages: u64,
    max_bytes: u64,
    max_contexts: usize,
}

impl Default for SealingLimits {
    fn default() -> Self {
        Self {
            soft_age: DEFAULT_SOFT_AGE,
            hard_age: DEFAULT_HARD_AGE,
            max_messages: DEFAULT_MAX_MESSAGES,
            max_bytes: DEFAULT_MAX_BYTES,
            max_contexts: DEFAULT_MAX_CONTEXTS,
        }
    }
}

impl SealingLimits {
    /// Sets the age at which a key is replaced, and the age past which it is never used. With both equal, no key is
    /// used while the provider fails.
    #[must_use]
    pub const fn with_ages(mut self, soft: Duration, hard: Duration) -> Self {
        self.soft_age = soft;
        self.hard_age = hard;
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

/// Limits of opening keys: how long and how many are kept, and the memory of refusals.
///
/// ```
/// use std::time::Duration;
/// use datakey_keyring::OpeningLimits;
///
/// let limits = OpeningLimits::default().with_ttl(Duration::from_secs(60)).with_max_keys(100_000);
/// assert_eq!(limits.ttl(), Duration::from_secs(60));
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct OpeningLimits {
    ttl: Duration,
    max_keys: usize,
    refusal_ttl: Duration,
    max_refusals: usize,
}

impl Default for OpeningLimits {
    fn default() -> Self {
        Self {
            ttl: DEFAULT_OPENING_TTL,
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

    /// Sets how many keys are kept.
    #[must_use]
    pub const fn with_max_keys(mut self, keys: usize) -> Self {
        self.max_keys = keys;
        self
    }

    /// Sets how long a permanent refusal is remembered; zero remembers none.
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

    /// How many keys are kept.
    #[must_use]
    pub const fn max_keys(&self) -> usize {
        self.max_keys
    }

    /// How long a permanent refusal is remembered.
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
        nonzero("a limit on opening keys", self.max_keys > 0)?;
        nonzero("a limit on refusals", self.max_refusals > 0)
    }
}

pub(crate) const fn nonzero(what: &'static str, is: bool) -> Result<(), ConfigError> {
    if is { Ok(()) } else { Err(ConfigError::Zero(what)) }
}
