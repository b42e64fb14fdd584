//! Sealing keys: one live key per encryption context.
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use datakey_provider::{EncryptionContext, ErrorClass, WrappedKey, WrappedKeys};
use tokio::time::Instant;

use crate::{
    Held, KeyStanding, KeyringError, MissReason, SealingKey, SealingLimits, SealingStats, Usage,
    budget::{Budget, Reserved},
    counters::{Cardinality, Counter, HalfCounters, StaleCounters, stripe},
    flight::{Flights, Landed, Outcome},
    handle::{Handle, Handles},
    jitter::Jitter,
    nearby::{self, Owner, Spot},
    secret::Secret,
    standing::{Failure, PATIENCE, Standing, Times, later, standing},
    store::{Kept, Store},
    telling,
};

/// A live key and all that decides about its use.
pub(crate) struct SealingEntry<S> {
    handles: Handles<S>,
    context: EncryptionContext,
    wrapped: WrappedKeys,
    times: Times,
    budget: Budget,
    attempts: Mutex<Attempts>,
}

/// The attempts to replace a key.
#[derive(Default)]
struct Attempts {
    failure: Option<Failure>,
    under_way: Option<UnderWay>,
}

/// A load that would replace a key.
#[derive(Clone, Copy)]
struct UnderWay {
    since: Instant,
    /// Nobody waits for it, so nobody is told how it ends.
    background: bool,
}

/// What a load yields: the prepared key, and what it was wrapped into.
pub(crate) type LoadedSealing<S> = (Secret<S>, WrappedKeys);

/// A key to hand out, and perhaps an entry that should be replaced soon.
pub(crate) struct Served<S> {
    pub(crate) held: Held<S>,
    pub(crate) refresh: Option<Arc<SealingEntry<S>>>,
}

/// The sealing half's state.
pub(crate) struct SealingHalf<S> {
    owner: Owner,
    pub(crate) limits: SealingLimits,
    pub(crate) store: Store<[u8; 32], Arc<SealingEntry<S>>>,
    pub(crate) flights: Arc<Flights<EncryptionContext, Arc<SealingEntry<S>>>>,
    pub(crate) counters: HalfCounters,
    pub(crate) refreshes: Counter,
    pub(crate) dedicated: Counter,
    revoked: Counter,
    stale: StaleCounters,
    cardinality: Cardinality,
}

impl<S> SealingEntry<S> {
    pub(crate) const fn context(&self) -> &EncryptionContext {
        &self.context
    }

    /// When it is too old to be used.
    pub(crate) const fn hard(&self) -> Instant {
        self.times.hard
    }

    pub(crate) fn is_under(&self, key_id: &str) -> bool {
        self.wrapped.iter().any(|wrapped| wrapped.key_id() == key_id)
    }

    fn attempts(&self) -> MutexGuard<'_, Attempts> {
        self.attempts.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn standing(&self, now: Instant) -> Standing {
        if now < self.times.refresh {
            return Standing::Fresh;
        }
        let attempts = self.attempts();
        let since = attempts.under_way.map(|load| load.since);
        standing(&self.times, attempts.failure.as_ref(), since, now)
    }

    /// Until when to wait for the load that would replace this key, where waiting longer would be for nothing.
    fn patience(&self, now: Instant) -> Option<Instant> {
        let since = self.attempts().under_way.map_or(now, |load| load.since);
        let until = later(since, PATIENCE);
        (now < until && until < self.times.hard).then_some(until)
    }

    pub(crate) fn describe(&self, now: Instant) -> SealingKey {
        let used = self.budget.used(self.handles.leases());
        SealingKey {
            context: self.context.clone(),
            key_ids: self
                .wrapped
                .iter()
                .map(|wrapped| wrapped.key_id().into())
                .collect(),
            age: now.saturating_duration_since(self.times.created),
            messages: used.messages,
            bytes: used.bytes,
            standing: match self.standing(now) {
                Standing::Fresh => KeyStanding::Fresh,
                Standing::Due => KeyStanding::Due,
                Standing::Stale { because, .. } => KeyStanding::Stale(because),
                Standing::Expired => KeyStanding::Expired,
            },
        }
    }

    /// Whether a key that runs low may be replaced now.
    fn may_refresh(&self, now: Instant) -> bool {
        let attempts = self.attempts();
        attempts.under_way.is_none() && attempts.failure.is_none_or(|failure| now >= failure.pause_until)
    }

    /// Notes that replacing this key failed, which decides when to try again and whether it serves past its soft age.
    /// Answers whether that was in the background.
    fn note_failure(&self, error: &KeyringError, jitter: &Jitter, now: Instant) -> bool {
        let server_delay = error.provider_error().and_then(|error| error.delay());
        let mut attempts = self.attempts();
        attempts.failure = Some(Failure::next(
            attempts.failure.as_ref(),
            error.class(),
            server_delay,
            now,
            &mut jitter.draw(),
        ));
        attempts.under_way.take().is_some_and(|load| load.background)
    }

    /// Claims the attempt to replace this key in the background; false when somebody else has it.
    pub(crate) fn claim_attempt(&self, now: Instant) -> bool {
        let mut attempts = self.attempts();
        let free = attempts.under_way.is_none();
        if free {
            attempts.under_way = Some(UnderWay {
                since: now,
                background: true,
            });
        }
        free
    }

    /// Notes that a load is under way for which callers wait.
    fn note_load(&self, now: Instant) {
        self.attempts().under_way = Some(UnderWay {
            since: now,
            background: false,
        });
    }

    /// Reserves on a key that was just loaded; `None` when others were faster or it is too old by now.
    pub(crate) fn reserve_fresh(&self, usage: Usage, now: Instant) -> Option<Held<S>> {
        if now >= self.times.hard {
            return None;
        }
        let (handle, _) = self.reserve(usage).ok()?;
        Some(Held::new(handle))
    }

    /// Reserves through this thread's handle.
    fn reserve(&self, usage: Usage) -> Result<(Arc<Handle<S>>, Reserved), MissReason> {
        let handle = self.handles.of(stripe());
        let reserved = if handle.lease.take(usage) {
            Reserved::Plenty
        } else {
            self.budget
                .reserve(usage, &handle.lease, || self.handles.leases())?
        };
        Ok((handle, reserved))
    }
}

impl<S> Kept for Arc<SealingEntry<S>> {
    fn retire(&self) {
        self.handles.retire();
    }
}

impl<S: 'static> SealingHalf<S> {
    pub(crate) fn new(limits: SealingLimits) -> Self {
        Self {
            owner: Owner::new(),
            limits,
            store: Store::new(limits.max_contexts()),
            flights: Arc::default(),
            counters: HalfCounters::default(),
            refreshes: Counter::default(),
            dedicated: Counter::default(),
            revoked: Counter::default(),
            stale: StaleCounters::default(),
            cardinality: Cardinality::default(),
        }
    }

    /// Why a usage can only have a key of its own.
    pub(crate) fn needs_own_key(&self, usage: Usage) -> Option<MissReason> {
        match usage.bytes() {
            None => Some(MissReason::UnknownLength),
            Some(bytes)
                if bytes > self.limits.max_bytes() || usage.messages() > self.limits.max_messages() =>
            {
                Some(MissReason::Oversize)
            }
            Some(_) => None,
        }
    }

    /// Whether a usage takes half a key or more.
    pub(crate) fn is_large(&self, usage: Usage) -> bool {
        let half = |used: u64, limit: u64| used >= limit.div_ceil(2);
        half(usage.messages(), self.limits.max_messages())
            || half(usage.bytes().unwrap_or(u64::MAX), self.limits.max_bytes())
    }

    fn spot(&self, digest: &[u8; 32]) -> Spot {
        let bits = digest.first_chunk().copied().unwrap_or_default();
        Spot::new(self.owner, u64::from_ne_bytes(bits))
    }

    /// The hit that costs least: a key that this thread used a moment ago, not due yet, with a lease that suffices.
    pub(crate) fn look_nearby(
        &self,
        context: &EncryptionContext,
        usage: Usage,
        now: Instant,
    ) -> Option<Held<S>> {
        let digest = context.digest();
        let handle = nearby::find(self.spot(digest), now, |own: &[u8; 32]| own == digest)?;
        handle.lease.take(usage).then(|| Held::new(handle))
    }

    /// Finds the live key and reserves on it, or says what stands in the way.
    pub(crate) fn look(
        &self,
        context: &EncryptionContext,
        usage: Usage,
        now: Instant,
    ) -> Result<Served<S>, MissReason> {
        let Some(entry) = self.store.get(context.digest()) else {
            return Err(self.store.why_absent(context.digest()));
        };
        let (due, stale) = match entry.standing(now) {
            Standing::Fresh => (false, None),
            Standing::Due => (true, None),
            Standing::Stale { because, due } => (due, Some(because)),
            Standing::Expired => return Err(MissReason::Age),
        };
        let (handle, reserved) = entry.reserve(usage)?;
        if let Some(because) = stale {
            self.stale.add(because);
        }
        let refresh = due || (reserved == Reserved::Low && entry.may_refresh(now));
        if now < entry.times.refresh {
            let digest = context.digest();
            nearby::keep(self.spot(digest), now, entry.times.refresh, *digest, &handle);
        }
        Ok(Served {
            held: Held::new(handle),
            refresh: refresh.then_some(entry),
        })
    }

    /// Notes that a load began for which callers wait, on the key that it would replace.
    pub(crate) fn note_load(&self, context: &EncryptionContext, now: Instant) {
        if let Some(entry) = self.store.peek(context.digest()) {
            entry.note_load(now);
        }
    }

    /// Until when to wait for the load that is under way, where there is a key that might serve after that.
    pub(crate) fn patience(&self, context: &EncryptionContext, now: Instant) -> Option<Instant> {
        self.store.peek(context.digest())?.patience(now)
    }

    /// After refreshes were ended from outside: whoever comes next may begin them again.
    pub(crate) fn release_attempts(&self) {
        for entry in self.store.values() {
            entry.attempts().under_way = None;
        }
    }

    pub(crate) fn count_miss(&self, reason: MissReason) {
        self.counters.misses.add(reason);
    }

    /// Notes a load of a context that was not seen before. Those who wait for it say nothing about contexts.
    pub(crate) fn count_new_context(&self, reason: MissReason) {
        if matches!(reason, MissReason::New | MissReason::Cold) {
            self.cardinality.saw_new_context(|| self.counters.hits.get());
        }
    }

    /// Takes in the result of a load. Runs under the lock of the flights.
    pub(crate) fn settle(
        &self,
        context: EncryptionContext,
        loaded: Result<LoadedSealing<S>, KeyringError>,
        jitter: &Jitter,
        now: Instant,
    ) -> Landed<Arc<SealingEntry<S>>> {
        match loaded {
            Ok((key, wrapped)) => {
                let digest = *context.digest();
                let entry = Arc::new(SealingEntry {
                    handles: Handles::new(key),
                    context,
                    wrapped,
                    times: Times::new(now, &self.limits, &mut jitter.draw()),
                    budget: Budget::new(&self.limits),
                    attempts: Mutex::default(),
                });
                Landed {
                    gone: self.store.insert(&digest, Arc::clone(&entry)),
                    ..Outcome::Loaded(entry).into()
                }
            }
            Err(error) => self.load_failed(&context, error, jitter, now),
        }
    }

    /// A revocation drops the live key at once; any other failure is noted on it.
    fn load_failed(
        &self,
        context: &EncryptionContext,
        error: KeyringError,
        jitter: &Jitter,
        now: Instant,
    ) -> Landed<Arc<SealingEntry<S>>> {
        let digest = *context.digest();
        let mut landed: Landed<_> = Outcome::Failed(error.clone()).into();
        if let Some(revoked) = self.own_load_failed(context, &error) {
            landed.gone.extend(self.also_under(&revoked, &error));
            landed.gone.push(revoked);
            landed.told = Some(Box::new(move || telling::revoked("sealing", &digest, &error)));
        } else if let Some(entry) = self.store.peek(&digest)
            && entry.note_failure(&error, jitter, now)
        {
            landed.told = Some(Box::new(move || {
                telling::refresh_failed("sealing", &digest, &error);
            }));
        }
        landed
    }

    /// A wrapping key that is disabled or deleted concerns every key under it: drops those too.
    fn also_under(&self, revoked: &SealingEntry<S>, error: &KeyringError) -> Vec<Arc<SealingEntry<S>>> {
        if error.class() != Some(ErrorClass::UnavailableKey) {
            return Vec::new();
        }
        let shares = |entry: &SealingEntry<S>| {
            let mut ids = revoked.wrapped.iter().map(WrappedKey::key_id);
            ids.any(|key_id| entry.is_under(key_id))
        };
        let dropped = self.store.remove(MissReason::Revoked, |_, entry| shares(entry));
        self.revoked.add(u64::try_from(dropped.len()).unwrap_or(u64::MAX));
        dropped
    }

    /// The failure of a load for one caller, which says nothing about the live key unless it is a revocation. Answers
    /// what that dropped.
    pub(crate) fn own_load_failed(
        &self,
        context: &EncryptionContext,
        error: &KeyringError,
    ) -> Option<Arc<SealingEntry<S>>> {
        self.counters.failures.add(1);
        if !error.is_revocation() {
            return None;
        }
        let revoked = self.store.remove_one(context.digest(), MissReason::Revoked)?;
        self.revoked.add(1);
        Some(revoked)
    }

    pub(crate) fn stats(&self) -> SealingStats {
        SealingStats {
            hits: self.counters.hits.get(),
            misses: self.counters.misses.snapshot(),
            stale: self.stale.snapshot(),
            loads: self.counters.loads.get(),
            shared_waits: self.counters.shared_waits.get(),
            refreshes: self.refreshes.get(),
            failures: self.counters.failures.get(),
            superseded: self.counters.superseded.get(),
            dedicated: self.dedicated.get(),
            revoked: self.revoked.get(),
            evicted: self.store.evicted.get(),
            live: self.store.len(),
            contexts_look_per_record: self.cardinality.looks_per_record(),
        }
    }
}
