//! The bounded store of keys, and a memory of why a key is no longer in it.
use std::hash::{BuildHasher as _, Hash};

use quick_cache::{
    DefaultHashBuilder, Equivalent, Lifecycle, Options, OptionsBuilder, UnitWeighter,
    sync::{Cache, DefaultLifecycle},
};

use crate::watch::{miss::MissReason, record::Counter};

/// Collects what an insertion pushed out, to be dropped outside the store's locks.
#[derive(Debug, Clone)]
struct Collect;

#[derive(Debug)]
struct Evictions<K, V>(Vec<(K, V)>);

impl<K, V> Default for Evictions<K, V> {
    fn default() -> Self {
        Self(Vec::new())
    }
}

impl<K, V> Lifecycle<K, V> for Collect {
    type RequestState = Evictions<K, V>;

    fn on_evict(&self, state: &mut Evictions<K, V>, key: K, value: V) {
        state.0.push((key, value));
    }
}

/// What is kept: told when it is no longer to be handed out.
pub(crate) trait Kept {
    fn retire(&self);
}

/// Keys by what they are for, at most so many. Whatever leaves is retired first, and given to the caller to drop, so
/// that no key is wiped under a lock.
#[derive(Debug)]
pub(crate) struct Store<K, V> {
    live: Cache<K, V, UnitWeighter, DefaultHashBuilder, Collect>,
    /// Why an entry went, by a hash of its key; only ever a statistic, so a collision does no harm.
    gone: Cache<u64, MissReason>,
    hasher: DefaultHashBuilder,
    pub(crate) evicted: Counter,
}

/// Each shard has its own part of the room, and keys do not spread evenly: with many small shards, some would evict long
/// before the store is full. Threads find the keys that they use most without the store.
const LEAST_SHARD: usize = 4096;

/// More than there are cores do not help.
const MOST_SHARDS: usize = 64;

/// Which shard a key is in is another in each process, and with it what has to go. What is to repeat itself has one.
#[expect(clippy::expect_used, reason = "all that the options need is set")]
fn options(capacity: usize, repeats: bool) -> Options {
    let most = if repeats { 1 } else { MOST_SHARDS };
    let mut options = OptionsBuilder::new();
    options
        .estimated_items_capacity(capacity)
        .weight_capacity(u64::try_from(capacity).unwrap_or(u64::MAX))
        .shards((capacity / LEAST_SHARD).clamp(1, most));
    options.build().expect("capacity and weight are set")
}

/// A bounded memory of what is no secret.
pub(crate) fn memory<K: Eq + Hash, V: Clone>(capacity: usize, repeats: bool) -> Cache<K, V> {
    Cache::with_options(
        options(capacity, repeats),
        UnitWeighter,
        DefaultHashBuilder::default(),
        DefaultLifecycle::default(),
    )
}

impl<K: Clone + Eq + Hash, V: Clone + Kept> Store<K, V> {
    /// Room for so many keys; whether what goes for want of it is to be the same in each process.
    pub(crate) fn new(capacity: usize, repeats: bool) -> Self {
        let hasher = DefaultHashBuilder::default();
        let options = options(capacity, repeats);
        Self {
            live: Cache::with_options(options, UnitWeighter, hasher.clone(), Collect),
            gone: memory(capacity, repeats),
            hasher,
            evicted: Counter::default(),
        }
    }

    pub(crate) fn get<Q: Hash + Equivalent<K> + ?Sized>(&self, key: &Q) -> Option<V> {
        self.live.get(key)
    }

    /// As [`get`](Self::get), without counting as a use.
    pub(crate) fn peek<Q: Hash + Equivalent<K> + ?Sized>(&self, key: &Q) -> Option<V> {
        self.live.peek(key)
    }

    pub(crate) fn len(&self) -> u64 {
        u64::try_from(self.live.len()).unwrap_or(u64::MAX)
    }

    pub(crate) fn values(&self) -> impl Iterator<Item = V> {
        self.live.iter().map(|(_, value)| value)
    }

    pub(crate) fn entries(&self) -> impl Iterator<Item = (K, V)> {
        self.live.iter()
    }

    /// Why there is no entry for a key that [`get`](Self::get) did not find.
    pub(crate) fn why_absent<Q: Hash + ?Sized>(&self, key: &Q) -> MissReason {
        match self.gone.peek(&self.hasher.hash_one(key)) {
            Some(reason) => reason,
            None if self.live.is_empty() && self.gone.is_empty() => MissReason::Cold,
            None => MissReason::New,
        }
    }

    /// Answers what had to go.
    #[must_use]
    pub(crate) fn insert(&self, key: &K, value: V) -> Vec<V> {
        self.gone.remove(&self.hasher.hash_one(key));
        let mut evictions = Evictions::default();
        self.live
            .insert_with_lifecycle(key.clone(), value, &mut evictions);
        let retire = |(other, value): (K, V)| {
            value.retire();
            // A value that was replaced under its own key comes this way too.
            if other != *key {
                self.evicted.add(1);
                self.gone
                    .insert(self.hasher.hash_one(&other), MissReason::Evicted);
            }
            value
        };
        evictions.0.into_iter().map(retire).collect()
    }

    /// Removes the entries that `concerned` picks.
    #[must_use]
    pub(crate) fn remove(&self, reason: MissReason, concerned: impl Fn(&K, &V) -> bool) -> Vec<V> {
        let keys: Vec<K> = self
            .live
            .iter()
            .filter(|(key, value)| concerned(key, value))
            .map(|(key, _)| key)
            .collect();
        keys.iter()
            .filter_map(|key| self.remove_one(key, reason))
            .collect()
    }

    /// Removes the entries whose value is `old`, and none that takes the place of one meanwhile.
    #[must_use]
    pub(crate) fn sweep(&self, reason: MissReason, old: impl Fn(&V) -> bool) -> Vec<V> {
        let keys: Vec<K> = self
            .live
            .iter()
            .filter(|(_, value)| old(value))
            .map(|(key, _)| key)
            .collect();
        let remove = |key: &K| {
            let (_, value) = self.live.remove_if(key, &old)?;
            value.retire();
            self.gone.insert(self.hasher.hash_one(key), reason);
            Some(value)
        };
        keys.iter().filter_map(remove).collect()
    }

    /// Removes one entry.
    #[must_use]
    pub(crate) fn remove_one<Q: Hash + Equivalent<K> + ?Sized>(
        &self,
        key: &Q,
        reason: MissReason,
    ) -> Option<V> {
        let (_, value) = self.live.remove(key)?;
        value.retire();
        self.gone.insert(self.hasher.hash_one(key), reason);
        Some(value)
    }
}
