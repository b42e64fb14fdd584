//! A snapshot of what the keyring did, and why.
use std::fmt;

/// Why a request found no key to serve from the cache.
///
/// ```
/// use datakey_keyring::MissReason;
/// assert_eq!(MissReason::ALL.map(MissReason::as_str)[0], "cold");
/// ```
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
    /// The keyring keeps no keys: it was built [uncached](crate::Keyring::uncached).
    Uncached,
}

impl MissReason {
    /// Every reason, for tables and metrics.
    pub const ALL: [Self; 11] = [
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
#[derive(Clone, Copy, PartialEq, Eq, Default)]
pub struct Misses(pub(crate) [u64; MissReason::ALL.len()]);

impl Misses {
    /// How many there were for a reason.
    #[must_use]
    pub fn of(&self, reason: MissReason) -> u64 {
        self.0.get(reason.index()).copied().unwrap_or_default()
    }

    /// How many there were in all.
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
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct StaleServes {
    /// It throttled.
    pub throttled: u64,
    /// It failed for the moment.
    pub transient: u64,
    /// It did not answer in time, or not within a second and is still being asked.
    pub timeout: u64,
}

impl StaleServes {
    /// In all.
    #[must_use]
    pub const fn total(&self) -> u64 {
        self.throttled
            .wrapping_add(self.transient)
            .wrapping_add(self.timeout)
    }
}

/// What the sealing half did since the keyring was built.
///
/// Each request is one hit or one miss. Each miss that was answered led one load, waited for one that was under way, or
/// got a data key of its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct SealingStats {
    /// Requests served without waiting.
    pub hits: u64,
    /// Requests that had to wait, by reason.
    pub misses: Misses,
    /// Serves past the soft age, while the provider failed.
    pub stale: StaleServes,
    /// Loads that a request started.
    pub loads: u64,
    /// Requests that waited for a load which was already under way.
    pub shared_waits: u64,
    /// Loads started in the background, ahead of a limit.
    pub refreshes: u64,
    /// Loads that failed, of either kind.
    pub failures: u64,
    /// Waits that started over because of an invalidation.
    pub superseded: u64,
    /// Data keys made for one use, which is oversize, of unknown length, or on a keyring without a cache.
    pub dedicated: u64,
    /// Keys dropped because the provider denied the next one, or the wrapping key became unavailable.
    pub revoked: u64,
    /// Keys that made room for others.
    pub evicted: u64,
    /// Keys that are kept at the moment, aged ones included.
    pub live: u64,
    /// Of the last contexts that were new, most were used once: something that differs from record to record is in
    /// the encryption context. It belongs in the associated data.
    pub contexts_look_per_record: bool,
}

/// What the opening half did since the keyring was built.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct OpeningStats {
    /// Requests served without waiting.
    pub hits: u64,
    /// Requests that had to wait or were refused, by reason.
    pub misses: Misses,
    /// Loads started.
    pub loads: u64,
    /// Waits for a load which was already under way.
    pub shared_waits: u64,
    /// Loads that failed.
    pub failures: u64,
    /// Waits that started over because of an invalidation.
    pub superseded: u64,
    /// Requests in which the provider recognised no wrapped key.
    pub not_recognised: u64,
    /// Calls that a remembered refusal made unnecessary.
    pub refused_from_memory: u64,
    /// Wrapped keys that were tried because the one before had not answered within the hedge delay.
    pub hedges: u64,
    /// Keys in use that were unwrapped anew in the background, before they expired.
    pub refreshes: u64,
    /// Keys dropped because the provider refused to unwrap them anew.
    pub revoked: u64,
    /// Refusals in memory at the moment, lapsed ones included.
    pub refusals: u64,
    /// Keys that made room for others.
    pub evicted: u64,
    /// Keys that are kept at the moment, aged ones included.
    pub live: u64,
}

/// A snapshot of what the keyring did. Counts are taken one after the other, so under load they can differ by what
/// happened in between.
///
/// ```
/// # use datakey_keyring::Keyring;
/// # fn show<P>(keyring: &Keyring<P>) {
/// let stats = keyring.stats();
/// for (reason, count) in stats.sealing.misses.iter() {
///     println!("{reason}: {count}");
/// }
/// println!("{} calls made, {} avoided", stats.calls_made, stats.calls_avoided);
/// if stats.sealing.contexts_look_per_record {
///     println!("is there a record id in the encryption context?");
/// }
/// # }
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct Stats {
    /// The sealing half.
    pub sealing: SealingStats,
    /// The opening half.
    pub opening: OpeningStats,
    /// Loads in flight at the moment.
    pub in_flight: u64,
    /// Bytes of keys, held ones included, that are locked into memory at the moment. Needs the feature `locked-memory`.
    pub locked_bytes: u64,
    /// Pieces of memory that could not be locked: the system refused, most often for its limit on locked memory.
    pub lock_failures: u64,
    /// Calls made to the provider.
    pub calls_made: u64,
    /// Requests beyond the calls made: what a service that asks the provider each time would have called more.
    pub calls_avoided: u64,
}
