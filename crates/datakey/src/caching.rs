//! The limits of cached data keys under the names that the AWS Encryption SDK gives them.
use std::time::Duration;

use datakey_keyring::{OpeningLimits, SealingLimits};

/// The most messages that the AWS Encryption SDK lets one data key encrypt, and its default: 2^32.
const MOST_MESSAGES: u64 = 1 << 32;

/// The most bytes, and its default: 2^63 - 1.
const MOST_BYTES: u64 = i64::MAX.unsigned_abs();

/// The limits of the AWS Encryption SDK's *caching cryptographic materials manager*, by its names and with its meanings: for whoever
/// comes from there, in either format.
///
/// | there | here | default |
/// |---|---|---|
/// | max age | a key is never used past it, from when it was made; ages of use change nothing | none: it must be given |
/// | max messages encrypted | as many messages are sealed under one key, and the next has another | 2^32, the most |
/// | max bytes encrypted | as many bytes of plaintext, likewise | 2^63 - 1, the most |
/// | capacity of the cache | how many encryption contexts have a key; how many keys are kept that open | those of [`SealingLimits`] and [`OpeningLimits`] |
/// | partition | a keyring: sealers over one keyring share its keys, sealers over two do not | a keyring of its own for each sealer |
///
/// What is better here stays on: one load for all who wait for it, and the next key is loaded ahead, before age or use ends the
/// one that serves. [`SealingLimits::with_refresh_by_use`] turns the latter off for use, whereupon the number of calls is that of the AWS
/// Encryption SDK.
///
/// ```
/// use std::time::Duration;
/// use datakey::{CachingLimits, ConfigError, Opener, Sealer, provider::KeyProvider};
///
/// fn as_before(kms: impl KeyProvider + Clone + 'static) -> Result<(Sealer, Opener), ConfigError> {
///     let limits = CachingLimits::new(Duration::from_secs(300)).with_max_messages_encrypted(100_000);
///     Ok((
///         Sealer::builder(kms.clone()).limits(limits).build()?,
///         Opener::builder(kms).limits(limits).build()?,
///     ))
/// }
/// ```
///
/// Source: "Caching CMM" in the specification of the AWS Encryption SDK.
///
/// # What is different all the same
///
/// The AWS Encryption SDK counts a key's use after the fact, each caller by itself; here it is reserved before a key is handed out, so that
/// no number of callers takes it past its limits. A message longer than the limit of bytes gets a data key of its own in both. Ages there
/// are looked at when a key is used; here keys that nobody uses are wiped at their age too.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CachingLimits {
    max_age: Duration,
    max_messages: u64,
    max_bytes: u64,
    capacity: Option<usize>,
}

impl CachingLimits {
    /// Data keys are used for so long after they were made.
    #[must_use]
    pub const fn new(max_age: Duration) -> Self {
        Self {
            max_age,
            max_messages: MOST_MESSAGES,
            max_bytes: MOST_BYTES,
            capacity: None,
        }
    }

    /// Sets how many messages one data key encrypts. More than 2^32 count as 2^32.
    #[must_use]
    pub const fn with_max_messages_encrypted(mut self, messages: u64) -> Self {
        self.max_messages = messages;
        self
    }

    /// Sets how many bytes of plaintext one data key encrypts. More than 2^63 - 1 count as 2^63 - 1; zero, with which only empty
    /// messages would share a key, is refused when a sealer is built.
    #[must_use]
    pub const fn with_max_bytes_encrypted(mut self, bytes: u64) -> Self {
        self.max_bytes = bytes;
        self
    }

    /// Sets how many data keys are kept.
    #[must_use]
    pub const fn with_capacity(mut self, keys: usize) -> Self {
        self.capacity = Some(keys);
        self
    }
}

impl From<CachingLimits> for SealingLimits {
    fn from(limits: CachingLimits) -> Self {
        let own = Self::default()
            .with_soft_age(limits.max_age)
            .with_hard_age(limits.max_age)
            .with_max_messages(limits.max_messages.min(MOST_MESSAGES))
            .with_max_bytes(limits.max_bytes.min(MOST_BYTES));
        match limits.capacity {
            Some(keys) => own.with_max_contexts(keys),
            None => own,
        }
    }
}

impl From<CachingLimits> for OpeningLimits {
    fn from(limits: CachingLimits) -> Self {
        let own = Self::default().with_ttl(limits.max_age);
        match limits.capacity {
            Some(keys) => own.with_max_keys(keys),
            None => own,
        }
    }
}
