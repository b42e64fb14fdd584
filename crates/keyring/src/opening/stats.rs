//! A snapshot of what an opening keyring did.
use std::time::Duration;

use tokio::time::Instant;

use super::core::Core;
use crate::{
    material::OpeningMaterial,
    watch::{
        miss::{Misses, StaleServes},
        record::avoided,
    },
};

/// What an opening keyring did since it was built. Counts are taken one after the other, so under load they can differ by
/// what happened in between.
///
/// ```
/// use datakey_keyring::{OpeningKeyring, SealingKeyring, Usage};
/// use datakey_provider::EncryptionContext;
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # use datakey_fake_kms::FakeKms;
/// # let fake = FakeKms::new();
/// # let kms = fake.provider(&fake.create_key()?);
/// let (writer, reader) = (SealingKeyring::new(kms.clone()), OpeningKeyring::new(kms));
/// let context = EncryptionContext::empty();
/// let sealed = writer.key(&context, Usage::message(300)).await?;
/// for _ in 0..1_000 {
///     reader.key(&context, sealed.wrapped_keys()).await?;
/// }
/// let stats = reader.stats();
/// assert_eq!((stats.hits, stats.loads, stats.calls_made, stats.calls_avoided), (999, 1, 1, 999));
/// # Ok(()) }
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct OpeningStats {
    /// Requests served without waiting.
    pub hits: u64,
    /// Requests that had to wait or were refused, by reason.
    pub misses: Misses,
    /// Serves past the time that keys are kept, while the provider failed. See
    /// [`OpeningLimits::with_stale_ttl`](crate::OpeningLimits::with_stale_ttl).
    pub stale: StaleServes,
    /// Loads started.
    pub loads: u64,
    /// Requests that began no load and waited for one which was under way.
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
    /// Keys that a sealing keyring of the process made, and that were kept without a call. See
    /// [`SealingKeyring::prime`](crate::SealingKeyring::prime).
    pub primed: u64,
    /// Keys dropped because the provider refused to unwrap them anew.
    pub revoked: u64,
    /// Refusals in memory at the moment, lapsed ones included.
    pub refusals: u64,
    /// Keys that made room for others.
    pub evicted: u64,
    /// Keys that are kept at the moment, aged ones included.
    pub live: u64,
    /// How old the oldest of them is; `None` where there are none.
    pub greatest_age: Option<Duration>,
    /// How long it is until the first of them is too old to be used; `None` where there are none.
    pub least_time_left: Option<Duration>,
    /// Loads in flight at the moment, those for one caller alone and those that wait for their turn included.
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

impl OpeningStats {
    pub(crate) fn of<M: OpeningMaterial>(core: &Core<M>) -> Self {
        let (hits, misses) = (core.counters.hits.get(), core.counters.misses.snapshot());
        let gate = core.loads.gate();
        let calls_made = gate.calls();
        let (entries, now): (Vec<_>, _) = (core.store.values().collect(), Instant::now());
        let ends = entries.iter().map(|entry| entry.life.hard()).min();
        let greatest_age = entries.iter().map(|entry| entry.life.age(now)).max();
        Self {
            hits,
            misses,
            stale: core.stale.snapshot(),
            loads: core.counters.loads.get(),
            shared_waits: core.counters.shared_waits.get(),
            failures: core.counters.failures.get(),
            superseded: core.counters.superseded.get(),
            not_recognised: core.not_recognised.get(),
            refused_from_memory: core.refusals.spared.get(),
            hedges: core.hedges.get(),
            refreshes: core.refreshes.get(),
            primed: core.primed.get(),
            revoked: core.revoked.get(),
            refusals: u64::try_from(core.refusals.len()).unwrap_or(u64::MAX),
            evicted: core.store.evicted.get(),
            live: core.store.len(),
            greatest_age,
            least_time_left: ends.map(|end| end.saturating_duration_since(now)),
            in_flight: u64::try_from(gate.in_flight()).unwrap_or(u64::MAX),
            locked_bytes: core.locker.bytes(),
            lock_failures: core.locker.failures(),
            calls_made,
            calls_avoided: avoided(hits, &misses, calls_made),
        }
    }
}
