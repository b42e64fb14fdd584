//! The bounded store of keys, and a memory of why a key is no longer in it.
use std::hash::{BuildHasher as _, Hash};

use quick_cache::{DefaultHashBuilder, Equivalent, Lifecycle, UnitWeighter, sync::Cache};

use crate::{MissReason, counters::Counter};

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

/// Keys by what they are for, at most so many.
#[derive(Debug)]
pub(crate) struct Store<K, V> {
    live: Cache<K, V, UnitWeighter, DefaultHashBuilder, Collect>,
    /// Why an entry went, by a hash of its key; only ever a statistic, so a collision does no harm.
    gone: Cache<u64, MissReason>,
    hasher: DefaultHashBuilder,
    pub(crate) evicted: Counter,
}

impl<K: Clone + Eq + Hash, V: Clone> Store<K, V> {
    pub(crate) fn new(capacity: usize) -> Self {
        let hasher = DefaultHashBuilder::default();
        let weight = u64::try_from(capacity).unwrap_or(u64::MAX);
        Self {
            live: Cache::with(capacity, weight, UnitWeighter, hasher.clone(), Collect),
            gone: Cache::new(capacity),
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

    /// Why there is no entry for a key that [`get`](Self::get) did not find.
    pub(crate) fn why_absent<Q: Hash + ?Sized>(&self, key: &Q) -> MissReason {
        match self.gone.peek(&self.hasher.hash_one(key)) {
            Some(reason) => reason,
            None if self.live.is_empty() && self.gone.is_empty() => MissReason::Cold,
            None => MissReason::New,
        }
    }

    pub(crate) fn insert(&self, key: K, value: V) {
        self.gone.remove(&self.hasher.hash_one(&key));
        let mut evictions = Evictions::default();
        self.live.insert_with_lifecycle(key, value, &mut evictions);
        for (key, _wiped_here_unless_held) in evictions.0 {
            self.evicted.add(1);
            self.gone.insert(self.hasher.hash_one(&key), MissReason::Evicted);
        }
    }

    /// Removes the entries that `concerned` picks; answers how many.
    pub(crate) fn remove(&self, reason: MissReason, concerned: impl Fn(&K, &V) -> bool) -> usize {
        let keys: Vec<K> = self
            .live
            .iter()
            .filter(|(key, value)| concerned(key, value))
            .map(|(key, _)| key)
            .collect();
        keys.iter().filter(|key| self.remove_one(*key, reason)).count()
    }

    /// Removes one entry; answers whether it was there.
    pub(crate) fn remove_one<Q: Hash + Equivalent<K> + ?Sized>(&self, key: &Q, reason: MissReason) -> bool {
        let removed = self.live.remove(key).is_some();
        if removed {
            self.gone.insert(self.hasher.hash_one(key), reason);
        }
        removed
    }
}
