//! Opening keys: by wrapped key and encryption context.
use std::{hash::Hash, sync::Arc};

use datakey_provider::{EncryptionContext, WrappedKey};
use quick_cache::{Equivalent, sync::Cache};
use tokio::time::Instant;

use crate::{
    Held, KeyringError, MissReason, OpeningLimits, OpeningStats,
    counters::{Counter, HalfCounters},
    flight::{Ending, Flights, Outcome},
    standing::later,
    store::Store,
};

/// What an opening key is kept under.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) struct OpeningId {
    pub(crate) wrapped: WrappedKey,
    pub(crate) context: EncryptionContext,
}

/// The same, borrowed, so that a look-up clones nothing.
#[derive(Hash)]
struct Borrowed<'a> {
    wrapped: &'a WrappedKey,
    context: &'a EncryptionContext,
}

impl Equivalent<OpeningId> for Borrowed<'_> {
    fn equivalent(&self, id: &OpeningId) -> bool {
        *self.wrapped == id.wrapped && *self.context == id.context
    }
}

/// An unwrapped key, until it expires.
pub(crate) struct Opened<O> {
    key: Arc<O>,
    expires: Instant,
}

impl<O> Opened<O> {
    pub(crate) fn live(&self, now: Instant) -> Option<Held<O>> {
        (now < self.expires).then(|| Held::new(Arc::clone(&self.key)))
    }
}

impl<O> Clone for Opened<O> {
    fn clone(&self) -> Self {
        Self {
            key: Arc::clone(&self.key),
            expires: self.expires,
        }
    }
}

/// A permanent refusal, until it lapses.
#[derive(Clone)]
struct Refusal {
    error: KeyringError,
    lapses: Instant,
}

/// All wrapped keys of a message that are to be tried, in order. Each is loaded by a flight of its own; the walk from
/// one to the next is a flight too, since it must go on when the caller is gone.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) struct WalkId {
    pub(crate) able: Arc<[WrappedKey]>,
    pub(crate) context: EncryptionContext,
}

/// The opening half's state.
pub(crate) struct OpeningHalf<O> {
    pub(crate) limits: OpeningLimits,
    pub(crate) store: Store<OpeningId, Opened<O>>,
    pub(crate) flights: Arc<Flights<OpeningId, Opened<O>>>,
    pub(crate) walks: Arc<Flights<WalkId, Opened<O>>>,
    pub(crate) counters: HalfCounters,
    pub(crate) not_recognised: Counter,
    pub(crate) refused_from_memory: Counter,
    /// By the digests of wrapped key and context: what an attacker sends is not kept, only its digest.
    refusals: Cache<([u8; 32], [u8; 32]), Refusal>,
}

impl<O> OpeningHalf<O> {
    pub(crate) fn new(limits: OpeningLimits) -> Self {
        Self {
            limits,
            store: Store::new(limits.max_keys()),
            flights: Arc::default(),
            walks: Arc::default(),
            counters: HalfCounters::default(),
            not_recognised: Counter::default(),
            refused_from_memory: Counter::default(),
            refusals: Cache::new(limits.max_refusals()),
        }
    }

    /// The live key, or why there is none.
    pub(crate) fn look(
        &self,
        context: &EncryptionContext,
        wrapped: &WrappedKey,
        now: Instant,
    ) -> Result<Opened<O>, MissReason> {
        let id = Borrowed { wrapped, context };
        match self.store.get(&id) {
            Some(opened) if now < opened.expires => Ok(opened),
            Some(_) => Err(MissReason::Age),
            None => Err(self.store.why_absent(&id)),
        }
    }

    /// The refusal of a wrapped key, if there was one a moment ago.
    pub(crate) fn refusal(&self, id: &OpeningId, now: Instant) -> Option<KeyringError> {
        if self.refusals.is_empty() {
            return None;
        }
        let refusal = self.refusals.get(&digests(id))?;
        if now >= refusal.lapses {
            self.refusals.remove(&digests(id));
            return None;
        }
        self.refused_from_memory.add(1);
        Some(refusal.error)
    }

    /// Takes in the result of a load. Runs under the lock of the flights.
    pub(crate) fn settle(
        &self,
        id: OpeningId,
        loaded: Result<O, KeyringError>,
        now: Instant,
    ) -> Outcome<Opened<O>> {
        match loaded {
            Ok(key) => {
                let opened = Opened {
                    key: Arc::new(key),
                    expires: later(now, self.limits.ttl()),
                };
                self.store.insert(id, opened.clone());
                Outcome::Loaded(opened)
            }
            Err(error) => {
                self.counters.failures.add(1);
                if error.provider_error().is_some() && !error.is_retryable() {
                    let lapses = later(now, self.limits.refusal_ttl());
                    let refusal = Refusal {
                        error: error.clone(),
                        lapses,
                    };
                    self.refusals.insert(digests(&id), refusal);
                }
                Outcome::Failed(error)
            }
        }
    }

    /// Ends the loads and forgets the keys that are concerned, and all refusals; answers how many keys were dropped.
    pub(crate) fn end(
        &self,
        ending: Ending,
        concerned: impl Fn(&WrappedKey, &EncryptionContext) -> bool,
    ) -> usize {
        let dropped = self.flights.end(
            ending,
            |id| concerned(&id.wrapped, &id.context),
            || {
                // Refusals are kept without the ids they belong to, and asking once more is cheap.
                self.refusals.clear();
                self.store.remove(MissReason::Invalidated, |id, _| {
                    concerned(&id.wrapped, &id.context)
                })
            },
        );
        // After the flights: a walk that starts over must find them ended.
        let walk_concerned =
            |walk: &WalkId| walk.able.iter().any(|wrapped| concerned(wrapped, &walk.context));
        self.walks.end(ending, walk_concerned, || ());
        dropped
    }

    pub(crate) fn stats(&self) -> OpeningStats {
        OpeningStats {
            hits: self.counters.hits.get(),
            misses: self.counters.misses.snapshot(),
            loads: self.counters.loads.get(),
            shared_waits: self.counters.shared_waits.get(),
            failures: self.counters.failures.get(),
            superseded: self.counters.superseded.get(),
            not_recognised: self.not_recognised.get(),
            refused_from_memory: self.refused_from_memory.get(),
            refusals: u64::try_from(self.refusals.len()).unwrap_or(u64::MAX),
            evicted: self.store.evicted.get(),
            live: self.store.len(),
        }
    }
}

fn digests(id: &OpeningId) -> ([u8; 32], [u8; 32]) {
    (id.wrapped.digest(), *id.context.digest())
}
