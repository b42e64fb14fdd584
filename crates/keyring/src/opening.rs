//! Opening keys: by wrapped key and encryption context.
use std::{
    hash::Hash,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use datakey_provider::{EncryptionContext, ErrorClass, WrappedKey};
use quick_cache::{Equivalent, sync::Cache};
use tokio::time::Instant;

use crate::{
    Held, KeyringError, MissReason, OpeningKey, OpeningLimits, OpeningStats,
    counters::{Counter, HalfCounters, stripe},
    flight::{Ending, Flights, Landed, Outcome},
    handle::Handles,
    jitter::Jitter,
    nearby::{self, Owner, Spot},
    secret::Secret,
    standing::{later, refresh_of},
    store::{Kept, Store},
    telling,
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
    handles: Handles<O>,
    created: Instant,
    /// Unwrapped anew from here on, if it is in use.
    refresh: Instant,
    expires: Instant,
    /// When to try that next; nothing while it is being tried.
    attempt: Mutex<Option<Instant>>,
}

/// A key that was handed out fewer times by the time it is due is not in use, and let go when it expires.
const IN_USE: u64 = 8;

/// The pause after an attempt that failed.
const PAUSE: Duration = Duration::from_secs(5);

impl<O> Opened<O> {
    pub(crate) fn live(&self, now: Instant) -> Option<Held<O>> {
        (now < self.expires).then(|| {
            let handle = self.handles.of(stripe());
            handle.count_use();
            Held::new(handle)
        })
    }
}

impl<O> Opened<O> {
    /// When it is too old to be used.
    pub(crate) const fn expires(&self) -> Instant {
        self.expires
    }

    fn attempt(&self) -> MutexGuard<'_, Option<Instant>> {
        self.attempt.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Claims the attempt to unwrap it anew, if it is due and in use; false when somebody else has it.
    pub(crate) fn claim_attempt(&self, now: Instant) -> bool {
        if now < self.refresh || self.handles.uses() < IN_USE {
            return false;
        }
        self.attempt().take_if(|next| now >= *next).is_some()
    }

    /// Leaves a claimed attempt to whoever comes next.
    pub(crate) fn release_attempt(&self) {
        *self.attempt() = Some(self.refresh);
    }

    pub(crate) fn describe(&self, id: &OpeningId, now: Instant) -> OpeningKey {
        OpeningKey {
            context: id.context.clone(),
            key_id: id.wrapped.key_id().into(),
            age: now.saturating_duration_since(self.created),
            uses: self.handles.uses(),
        }
    }
}

impl<O> Kept for Arc<Opened<O>> {
    fn retire(&self) {
        self.handles.retire();
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
    owner: Owner,
    pub(crate) limits: OpeningLimits,
    pub(crate) store: Store<OpeningId, Arc<Opened<O>>>,
    pub(crate) flights: Arc<Flights<OpeningId, Arc<Opened<O>>>>,
    pub(crate) walks: Arc<Flights<WalkId, Arc<Opened<O>>>>,
    pub(crate) counters: HalfCounters,
    pub(crate) not_recognised: Counter,
    pub(crate) refused_from_memory: Counter,
    pub(crate) hedges: Counter,
    pub(crate) refreshes: Counter,
    revoked: Counter,
    /// By the digests of wrapped key and context: what an attacker sends is not kept, only its digest.
    refusals: Cache<([u8; 32], [u8; 32]), Refusal>,
}

impl<O: 'static> OpeningHalf<O> {
    pub(crate) fn new(limits: OpeningLimits) -> Self {
        Self {
            owner: Owner::new(),
            limits,
            store: Store::new(limits.max_keys()),
            flights: Arc::default(),
            walks: Arc::default(),
            counters: HalfCounters::default(),
            not_recognised: Counter::default(),
            refused_from_memory: Counter::default(),
            hedges: Counter::default(),
            refreshes: Counter::default(),
            revoked: Counter::default(),
            refusals: Cache::new(limits.max_refusals()),
        }
    }

    /// The last bytes of a wrapped key are a cipher's tag with every provider there is, so they differ.
    fn spot(&self, context: &EncryptionContext, wrapped: &WrappedKey) -> Spot {
        let start = context.digest().first_chunk().copied().unwrap_or_default();
        let end = wrapped.blob().last_chunk().copied().unwrap_or_default();
        let bits = u64::from_ne_bytes(start) ^ u64::from_ne_bytes(end);
        Spot::new(self.owner, bits)
    }

    /// The hit that costs least: a key that this thread used a moment ago.
    pub(crate) fn look_nearby(
        &self,
        context: &EncryptionContext,
        wrapped: &WrappedKey,
        now: Instant,
    ) -> Option<Held<O>> {
        let same = |id: &OpeningId| id.wrapped == *wrapped && id.context == *context;
        let handle = nearby::find(self.spot(context, wrapped), now, same)?;
        handle.count_use();
        Some(Held::new(handle))
    }

    /// The live key, or why there is none.
    pub(crate) fn look(
        &self,
        context: &EncryptionContext,
        wrapped: &WrappedKey,
        now: Instant,
    ) -> Result<Arc<Opened<O>>, MissReason> {
        let id = Borrowed { wrapped, context };
        match self.store.get(&id) {
            Some(opened) if now < opened.expires => {
                let (spot, handle) = (self.spot(context, wrapped), opened.handles.of(stripe()));
                let id = OpeningId {
                    wrapped: wrapped.clone(),
                    context: context.clone(),
                };
                nearby::keep(spot, now, opened.refresh.min(opened.expires), id, &handle);
                Ok(opened)
            }
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

    pub(crate) fn forget_lapsed(&self, now: Instant) {
        self.refusals.retain(|_, refusal| now < refusal.lapses);
    }

    /// Takes in the result of a load. Runs under the lock of the flights.
    pub(crate) fn settle(
        &self,
        id: &OpeningId,
        loaded: Result<Secret<O>, KeyringError>,
        jitter: &Jitter,
        now: Instant,
    ) -> Landed<Arc<Opened<O>>> {
        match loaded {
            Ok(key) => {
                let refresh = refresh_of(now, self.limits.ttl(), &mut jitter.draw());
                let opened = Arc::new(Opened {
                    handles: Handles::new(key),
                    created: now,
                    refresh,
                    expires: later(now, self.limits.ttl()),
                    attempt: Mutex::new(Some(refresh)),
                });
                Landed {
                    gone: self.store.insert(id, Arc::clone(&opened)),
                    ..Outcome::Loaded(opened).into()
                }
            }
            Err(error) => self.load_failed(id, error, now),
        }
    }

    /// A permanent refusal is remembered, and drops the key if it was being unwrapped anew; after any other failure
    /// that is tried again later.
    fn load_failed(&self, id: &OpeningId, error: KeyringError, now: Instant) -> Landed<Arc<Opened<O>>> {
        self.counters.failures.add(1);
        let digest = *id.context.digest();
        let mut landed: Landed<_> = Outcome::Failed(error.clone()).into();
        if error.provider_error().is_none() || error.is_retryable() {
            if let Some(opened) = self.store.peek(id) {
                let server_delay = error.provider_error().and_then(|error| error.delay());
                let pause = PAUSE.max(server_delay.unwrap_or_default());
                *opened.attempt() = Some(later(now, pause));
                landed.told = Some(Box::new(move || {
                    telling::refresh_failed("opening", &digest, &error);
                }));
            }
            return landed;
        }
        let refusal = Refusal {
            error: error.clone(),
            lapses: later(now, self.limits.refusal_ttl()),
        };
        self.refusals.insert(digests(id), refusal);
        // A wrapping key that is disabled or deleted concerns every key under it.
        let unavailable = error.class() == Some(ErrorClass::UnavailableKey);
        let revoked = if unavailable {
            let under = |own: &OpeningId| own.wrapped.key_id() == id.wrapped.key_id();
            self.store.remove(MissReason::Revoked, |own, _| under(own))
        } else {
            Vec::from_iter(self.store.remove_one(id, MissReason::Revoked))
        };
        if !revoked.is_empty() {
            self.revoked.add(u64::try_from(revoked.len()).unwrap_or(u64::MAX));
            landed.gone.extend(revoked);
            landed.told = Some(Box::new(move || telling::revoked("opening", &digest, &error)));
        }
        landed
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
        dropped.len()
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
            hedges: self.hedges.get(),
            refreshes: self.refreshes.get(),
            revoked: self.revoked.get(),
            refusals: u64::try_from(self.refusals.len()).unwrap_or(u64::MAX),
            evicted: self.store.evicted.get(),
            live: self.store.len(),
        }
    }
}

fn digests(id: &OpeningId) -> ([u8; 32], [u8; 32]) {
    (id.wrapped.digest(), *id.context.digest())
}
