//! Why requests found no key to serve.
use std::fmt;

/// Why a request found no key to serve from the cache.
///
/// ```
/// use datakey_keyring::MissReason;
/// assert_eq!(MissReason::ALL.map(MissReason::as_str)[0], "cold");
/// ```
///
/// The page `guide::watching` says what to do about each.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum MissReason {
    /// Nothing was cached at all: the process just started.
    Cold,
    /// Other keys were cached, and this one was not seen before (or so long ago that it is forgotten).
    New,
    /// The key was too old.
    Age,
    /// The key had too few messages left.
    Messages,
    /// The key had too few bytes left.
    Bytes,
    /// The key had to make room for others: raise the number of keys kept.
    Evicted,
    /// The key was invalidated.
    Invalidated,
    /// The provider denied the next key, or the wrapping key became unavailable.
    Revoked,
    /// The usage is larger than a whole key's limits, and got a data key of its own.
    Oversize,
    /// The usage has no bound on its length, and got a data key of its own.
    UnknownLength,
    /// The keyring keeps no keys, as it was built uncached, or the request was for a key that serves one message only.
    Uncached,
    /// A key was kept, and was not the message's: there is a wrapped key of another message among its own, or it was to be
    /// opened with other associated data than it was sealed with.
    OtherKey,
}

impl MissReason {
    /// Every reason, for tables and metrics.
    pub const ALL: [Self; 12] = [
        Self::Cold,
        Self::New,
        Self::Age,
        Self::Messages,
        Self::Bytes,
        Self::Evicted,
        Self::Invalidated,
        Self::Revoked,
        Self::Oversize,
        Self::UnknownLength,
        Self::Uncached,
        Self::OtherKey,
    ];

    /// The reason in lower snake case, for logs, metrics and JSON.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Cold => "cold",
            Self::New => "new",
            Self::Age => "age",
            Self::Messages => "messages",
            Self::Bytes => "bytes",
            Self::Evicted => "evicted",
            Self::Invalidated => "invalidated",
            Self::Revoked => "revoked",
            Self::Oversize => "oversize",
            Self::UnknownLength => "unknown_length",
            Self::Uncached => "uncached",
            Self::OtherKey => "other_key",
        }
    }

    pub(crate) const fn index(self) -> usize {
        self as usize
    }
}

impl fmt::Display for MissReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// Misses by reason.
///
/// ```
/// use datakey_keyring::{MissReason, SealingKeyring, Usage};
/// use datakey_provider::EncryptionContext;
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # use datakey_fake_kms::FakeKms;
/// # let fake = FakeKms::new();
/// # let kms = fake.provider(&fake.create_key()?);
/// let keyring = SealingKeyring::new(kms);
/// for tenant in ["acme", "umbrella", "acme"] {
///     keyring.key(&EncryptionContext::new([("tenant", tenant)])?, Usage::message(300)).await?;
/// }
/// let misses = keyring.stats().misses;
/// assert_eq!((misses.of(MissReason::Cold), misses.of(MissReason::New), misses.total()), (1, 1, 2));
/// assert!(misses.iter().all(|(reason, count)| count == misses.of(reason)));
/// # Ok(()) }
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Default)]
pub struct Misses(pub(crate) [u64; MissReason::ALL.len()]);

impl Misses {
    /// How many there were for a reason.
    ///
    /// Counters go on from the keyring's start: take the difference of two readings for a rate.
    #[must_use]
    pub fn of(&self, reason: MissReason) -> u64 {
        self.0.get(reason.index()).copied().unwrap_or_default()
    }

    /// How many there were in all.
    ///
    /// With hits it makes the share of requests that waited, which is what to watch; the reasons say which limit to change.
    #[must_use]
    pub fn total(&self) -> u64 {
        self.0.iter().copied().fold(0, u64::wrapping_add)
    }

    /// Each reason with its count.
    pub fn iter(&self) -> impl Iterator<Item = (MissReason, u64)> {
        MissReason::ALL.into_iter().zip(self.0)
    }
}

impl fmt::Debug for Misses {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_map()
            .entries(self.iter().filter(|(_, count)| *count > 0))
            .finish()
    }
}

/// Keys served past their soft age because the provider was failing, by how it failed last.
///
/// ```
/// use std::time::Duration;
/// use datakey_keyring::{SealingKeyring, SealingLimits, Usage};
/// use datakey_fake_kms::{FaultRule, KmsErrorCode};
/// use datakey_provider::EncryptionContext;
/// # #[tokio::main(flavor = "current_thread", start_paused = true)]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # use datakey_fake_kms::FakeKms;
/// # let fake = FakeKms::new();
/// # let kms = fake.provider(&fake.create_key()?);
/// let keyring = SealingKeyring::builder().limits(SealingLimits::default()).build(kms)?;
/// let context = EncryptionContext::empty();
/// keyring.key(&context, Usage::message(300)).await?;
///
/// fake.inject(FaultRule::new(KmsErrorCode::Internal)); // an outage
/// tokio::time::advance(Duration::from_secs(400)).await; // past the soft age of five minutes
/// keyring.key(&context, Usage::message(300)).await?; // sealed all the same
/// assert_eq!(keyring.stats().stale.transient, 1);
/// tokio::time::advance(Duration::from_secs(600)).await; // past the hard age
/// assert!(keyring.key(&context, Usage::message(300)).await.is_err());
/// # Ok(()) }
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct StaleServes {
    /// It throttled.
    pub throttled: u64,
    /// It failed for the moment.
    pub transient: u64,
    /// It did not answer in time, or not within a second and is still being asked.
    pub timeout: u64,
    /// It did not take the caller for who it is.
    pub unauthenticated: u64,
    /// It failed in a way that is final for the call and says nothing of the key.
    pub other: u64,
}

impl StaleServes {
    /// In all.
    #[must_use]
    pub const fn total(&self) -> u64 {
        self.throttled
            .wrapping_add(self.transient)
            .wrapping_add(self.timeout)
            .wrapping_add(self.unauthenticated)
            .wrapping_add(self.other)
    }
}
