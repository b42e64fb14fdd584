//! A snapshot of what a sealing keyring did.
use std::time::Duration;

use tokio::time::Instant;

use super::core::Core;
use crate::{
    material::SealingMaterial,
    watch::{
        miss::{Misses, StaleServes},
        record::avoided,
    },
};

/// What a sealing keyring did since it was built. Counts are taken one after the other, so under load they can differ by
/// what happened in between.
///
/// Each request is one hit or one miss, but for those that are refused at once: after a shutdown, or outside of a runtime.
/// Each miss that was answered led a load, waited for one that was under way, or
/// got a data key of its own.
///
/// ```
/// # use datakey_keyring::SealingKeyring;
/// # fn show(keyring: &SealingKeyring) {
/// let stats = keyring.stats();
/// for (reason, count) in stats.misses.iter() {
///     println!("{reason}: {count}");
/// }
/// println!("{} calls made, {} avoided", stats.calls_made, stats.calls_avoided);
/// if stats.contexts_look_per_record {
///     println!("is there a record id in the encryption context?");
/// }
/// # }
/// ```
///
/// `calls_avoided` is the figure to show: requests that a service without a cache would have put to the provider. `misses` says why it is
/// not higher, and the first reason to look at is [`New`](crate::MissReason::New): many of them are encryption contexts with something in
/// them that differs from record to record.
///
/// It is a copy, taken without stopping anybody; keep the last one to tell rates.
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
    /// Requests that began no load and waited for one which was under way.
    pub shared_waits: u64,
    /// Loads started in the background, ahead of a limit.
    pub refreshes: u64,
    /// Loads that failed, of either kind.
    pub failures: u64,
    /// Waits that started over because of an invalidation.
    pub superseded: u64,
    /// Data keys made for one use: oversize, of unknown length, on a keyring without a cache, or after others used up the
    /// keys that it waited for.
    pub dedicated: u64,
    /// Keys dropped because the provider denied the next one, or the wrapping key became unavailable.
    pub revoked: u64,
    /// Keys that made room for others.
    pub evicted: u64,
    /// Keys that are kept at the moment, aged ones included.
    pub live: u64,
    /// How old the oldest of them is; `None` where there are none.
    pub greatest_age: Option<Duration>,
    /// How long it is until the first of them is too old to be used; `None` where there are none.
    pub least_time_left: Option<Duration>,
    /// How many messages may still be sealed under the one with the fewest left; `None` where there are none.
    pub least_messages_left: Option<u64>,
    /// How many bytes may still be sealed under the one with the fewest left; `None` where there are none.
    pub least_bytes_left: Option<u64>,
    /// Of the last contexts that were new, most were used once: something that differs from record to record is in
    /// the encryption context. It belongs in the associated data.
    pub contexts_look_per_record: bool,
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

impl SealingStats {
    pub(crate) fn of<M: SealingMaterial>(core: &Core<M>) -> Self {
        let (hits, misses) = (core.counters.hits.get(), core.counters.misses.snapshot());
        let gate = core.loads.gate();
        let calls_made = gate.calls();
        let now = Instant::now();
        let entries: Vec<_> = core.store.values().collect();
        let ages = entries.iter().map(|entry| entry.life.age(now));
        let greatest_age = ages.max();
        let keys: Vec<_> = entries.iter().map(|entry| entry.left(now)).collect();
        Self {
            hits,
            misses,
            stale: core.stale.snapshot(),
            loads: core.counters.loads.get(),
            shared_waits: core.counters.shared_waits.get(),
            refreshes: core.refreshes.get(),
            failures: core.counters.failures.get(),
            superseded: core.counters.superseded.get(),
            dedicated: core.dedicated.get(),
            revoked: core.revoked.get(),
            evicted: core.store.evicted.get(),
            live: core.store.len(),
            greatest_age,
            least_time_left: keys.iter().map(|(time, _)| *time).min(),
            least_messages_left: keys.iter().map(|(_, left)| left.messages).min(),
            least_bytes_left: keys.iter().map(|(_, left)| left.bytes).min(),
            contexts_look_per_record: core.cardinality.looks_per_record(),
            in_flight: u64::try_from(gate.in_flight()).unwrap_or(u64::MAX),
            locked_bytes: core.locker.bytes(),
            lock_failures: core.locker.failures(),
            calls_made,
            calls_avoided: avoided(hits, &misses, calls_made),
        }
    }
}
