//! What an opening keyring is made of: how it finds keys, and how it loads them.
use std::{
    panic::{AssertUnwindSafe, catch_unwind},
    sync::Arc,
    time::Duration,
};

#[cfg(feature = "tracing")]
use datakey_loads::Attempt;
use datakey_loads::{
    Ages, Begun, Ending, Gate, Janitor, Jitter, Joined, Landed, Life, LoadError, Loads, Outcome, Pulse,
    Slept, Source, Standing, Sweep, Wait, later,
};
use datakey_provider::{EncryptionContext, OpeningProvider, ProviderError, Verdict, WrappedKey, WrappedKeys};
use tokio::time::Instant;

use super::{
    entry::{Borrowed, Entry, OpeningId},
    limits::OpeningLimits,
    refusals::Refusals,
};
#[cfg(feature = "tracing")]
use crate::watch::record;
use crate::{
    config::LoadSettings,
    error::KeyringError,
    kept::{
        handle::{Handles, Held},
        nearby::{self, Owner, Spot},
        secret::{Locker, Range, Secret},
        store::Store,
    },
    material::OpeningMaterial,
    revocation::{self, Gone, Half},
    watch::{
        miss::MissReason,
        record::{Counter, HalfCounters, StaleCounters, Voice},
    },
};

pub(crate) struct Core<M: OpeningMaterial> {
    pub(crate) provider: Arc<dyn OpeningProvider>,
    pub(crate) material: M,
    pub(crate) uncached: bool,
    pub(crate) limits: OpeningLimits,
    pub(crate) hedge_delay: Duration,
    pub(crate) store: Store<OpeningId, Arc<Entry<M::Key>>>,
    pub(crate) loads: Loads<Self>,
    pub(crate) locker: Locker,
    pub(crate) refusals: Refusals,
    pub(crate) counters: HalfCounters,
    pub(crate) not_recognised: Counter,
    pub(crate) hedges: Counter,
    pub(crate) refreshes: Counter,
    pub(crate) stale: StaleCounters,
    pub(crate) revoked: Counter,
    /// Keys that a sealing keyring made.
    pub(crate) primed: Counter,
    /// How often keys were forgotten: what is made meanwhile is not kept.
    pub(crate) forgotten: Counter,
    pub(crate) revocations: revocation::Joined,
    owner: Owner,
    janitor: Janitor,
    pub(crate) jitter: Jitter,
    pub(crate) slept: Slept,
    voice: Voice,
}

type Kept<M> = Arc<Entry<<M as OpeningMaterial>::Key>>;

/// A key at once, or a load to wait for.
pub(crate) enum Next<M: OpeningMaterial> {
    Now(Kept<M>),
    Refused(KeyringError),
    Wait {
        load: Wait<Core<M>>,
        /// This request began it.
        leads: bool,
    },
}

impl<M: OpeningMaterial> Core<M> {
    pub(crate) fn new(
        provider: Arc<dyn OpeningProvider>,
        material: M,
        limits: OpeningLimits,
        hedge_delay: Duration,
        settings: &LoadSettings,
        uncached: bool,
    ) -> Self {
        let gate = settings.gate(settings.lane_width(), provider.opening_time_limit());
        Self {
            provider,
            material,
            uncached,
            limits,
            hedge_delay,
            store: Store::new(limits.max_keys(), settings.repeats()),
            loads: Loads::new(Arc::new(Gate::new(gate))),
            locker: Locker::default(),
            refusals: Refusals::new(&limits, settings.repeats()),
            counters: HalfCounters::default(),
            not_recognised: Counter::default(),
            hedges: Counter::default(),
            refreshes: Counter::default(),
            stale: StaleCounters::default(),
            revoked: Counter::default(),
            primed: Counter::default(),
            forgotten: Counter::default(),
            revocations: revocation::Joined::default(),
            owner: Owner::new(),
            janitor: Janitor::default(),
            jitter: Jitter::new(settings.seed),
            slept: settings.slept(),
            voice: settings.voice("opening"),
        }
    }

    /// How long keys live.
    pub(crate) fn ages(&self) -> Ages {
        Ages {
            soft: self.limits.ttl(),
            hard: self.limits.stale_ttl(),
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
    ) -> Option<Held<M::Key>> {
        let same = |id: &OpeningId| id.wrapped == *wrapped && id.context == *context;
        nearby::find(self.spot(context, wrapped), now, same).map(Held::new)
    }

    /// The live key, or why there is none.
    fn look(
        &self,
        context: &EncryptionContext,
        wrapped: &WrappedKey,
        now: Instant,
    ) -> Result<Kept<M>, MissReason> {
        let id = Borrowed { wrapped, context };
        let Some(entry) = self.store.get(&id) else {
            return Err(self.store.why_absent(&id));
        };
        match entry.life.standing(now) {
            Standing::Expired => Err(MissReason::Age),
            Standing::Stale { because, .. } => {
                self.stale.add(because);
                Ok(entry)
            }
            Standing::Fresh | Standing::Due => {
                let (spot, handle) = (
                    self.spot(context, wrapped),
                    entry.handles.of(crate::kept::handle::stripe()),
                );
                let until = entry.life.refresh().min(entry.life.hard());
                let until = until.min(self.slept.trusted_until());
                nearby::keep(spot, now, until, OpeningId::new(wrapped, context), &handle);
                Ok(entry)
            }
        }
    }

    /// Hands out the live key, and sees to it that one that is due and in use is unwrapped anew.
    pub(crate) fn live(
        self: &Arc<Self>,
        context: &EncryptionContext,
        wrapped: &WrappedKey,
        now: Instant,
    ) -> Result<Held<M::Key>, MissReason> {
        let entry = self.look(context, wrapped, now)?;
        if entry.wants_refresh(now) {
            self.refresh(context, wrapped, &entry);
        }
        Ok(entry.held())
    }

    /// Unwraps a key in use anew, in the background.
    #[cold]
    fn refresh(self: &Arc<Self>, context: &EncryptionContext, wrapped: &WrappedKey, entry: &Kept<M>) {
        let id = OpeningId::new(wrapped, context);
        let still_live = || {
            let live = self.store.peek(&id);
            live.is_some_and(|live| Arc::ptr_eq(&live, entry))
        };
        let began = |begun: Begun<'_>| entry.life.note_load(begun, true);
        if self.loads.refresh(self, &id, still_live, began) {
            self.refreshes.add(1);
            Janitor::tend(self);
        }
    }

    /// The wrapped keys that the provider recognises: those that failed a moment ago last, otherwise lowest rank first.
    pub(crate) fn able(
        &self,
        context: &EncryptionContext,
        wrapped: &WrappedKeys,
        now: Instant,
    ) -> Result<Vec<WrappedKey>, KeyringError> {
        let rank = |key| Some((self.provider.rank(key)?, key));
        // Whoever is told of a panic has no ranks, so that nobody sees what it left half done.
        let ranked = catch_unwind(AssertUnwindSafe(|| wrapped.iter().filter_map(rank).collect()));
        let mut able: Vec<_> = ranked.map_err(|_panicked| KeyringError::LoadPanicked)?;
        able.sort_by_key(|(rank, _)| *rank);
        if able.len() > 1 {
            able.sort_by_cached_key(|(_, key)| self.refusals.has_failed(&OpeningId::new(key, context), now));
        }
        Ok(able.into_iter().map(|(_, key)| key.clone()).collect())
    }

    /// Joins the load of one wrapped key or begins it.
    pub(crate) fn join(self: &Arc<Self>, context: &EncryptionContext, wrapped: &WrappedKey) -> Next<M> {
        let id = OpeningId::new(wrapped, context);
        let look = || {
            let now = Instant::now();
            let opened = self.look(context, wrapped, now).ok();
            opened
                .map(Next::Now)
                .or_else(|| self.refusals.of(&id, now).map(Next::Refused))
        };
        let began = |begun: Begun<'_>| self.note_load(&id, begun);
        match self.loads.join(self, &id, None, look, began) {
            Ok(Joined::Found(found)) => found,
            Ok(Joined::Waits(load)) => Next::Wait { load, leads: false },
            Ok(Joined::Leads(load)) => {
                self.counters.loads.add(1);
                Janitor::tend(self);
                Next::Wait { load, leads: true }
            }
            Err(error) => Next::Refused(error.into()),
        }
    }

    /// Until when to wait for loads, where there is a key that might serve after that.
    pub(crate) fn patience(
        &self,
        context: &EncryptionContext,
        able: &[WrappedKey],
        now: Instant,
    ) -> Option<Instant> {
        if self.limits.stale_ttl() == self.limits.ttl() {
            return None;
        }
        let of = |wrapped| {
            let entry = self.store.peek(&OpeningId::new(wrapped, context))?;
            entry.life.patience(now)
        };
        able.iter().filter_map(of).min()
    }

    fn note_load(&self, id: &OpeningId, begun: Begun<'_>) {
        if let Some(entry) = self.store.peek(id) {
            entry.life.note_load(begun, false);
        }
    }

    /// Opens one wrapped key for one caller alone.
    pub(crate) async fn alone(self: Arc<Self>, id: OpeningId) -> Result<Held<M::Key>, KeyringError> {
        self.counters.loads.add(1);
        let unwraps = self.voice.loads(&id.context, self.unwrap(&id));
        let opened = self.loads.gate().alone(id.wrapped.key_id(), unwraps);
        match opened.await {
            Ok(key) => Ok(Held::alone(key)),
            Err(error) => {
                let error = KeyringError::from(error);
                if !self.refused(&id, &error).is_empty() {
                    self.voice.revoked(&id.context, &error);
                }
                Err(error)
            }
        }
    }

    async fn unwrap(&self, id: &OpeningId) -> Result<Secret<M::Key>, ProviderError> {
        let decrypt = || self.provider.decrypt(&id.context, &id.wrapped);
        let data_key = self.slept.through(decrypt).await?;
        let key = self.material.prepare(data_key, &id.context)?;
        let elsewhere = |key: &_, lock: &mut dyn FnMut(Range)| self.material.memory(key, lock);
        Ok(Secret::new(key, &self.locker, elsewhere))
    }

    /// Takes in why a load failed, of whatever kind it was: drops the key if that is refused, and where its wrapping key may not be
    /// used any more, every key under it, here and in all keyrings that are told.
    fn refused(&self, id: &OpeningId, error: &KeyringError) -> Vec<Gone> {
        self.counters.failures.add(1);
        let Some(verdict) = error.verdict() else {
            return Vec::new();
        };
        let own = self.store.remove_one(id, MissReason::Revoked);
        self.revoked.add(u64::from(own.is_some()));
        let mut gone = Vec::from_iter(own.map(|own| Box::new(own) as Gone));
        if verdict == Verdict::WrappingKey {
            let name = revocation::named(error).unwrap_or_else(|| id.wrapped.key_id());
            gone.extend(self.revocations.revoke(name));
        }
        gone
    }

    /// Whether a key is wrapped under the key of this name.
    pub(crate) fn is_under(&self, id: &OpeningId, name: &str) -> bool {
        revocation::is_named(|| self.provider.opening_key_is(name, id.wrapped.key_id()))
    }

    /// Ends the loads and forgets the keys that are concerned, and all refusals; answers how many keys were dropped.
    pub(crate) fn forget(&self, ending: Ending, concerned: impl Fn(&OpeningId) -> bool) -> usize {
        let gone = self.loads.end(ending, &concerned, || {
            self.forgotten.add(1);
            // Refusals are kept without the ids they belong to, and asking once more is cheap.
            self.refusals.forget_all();
            self.store.remove(MissReason::Invalidated, |id, _| concerned(id))
        });
        gone.len()
    }

    pub(crate) fn shut_down(&self) {
        self.janitor.dismiss();
        self.forget(Ending::ShutDown, |_| true);
    }
}

impl<M: OpeningMaterial> Half for Core<M> {
    fn drop_under(&self, name: &str) -> Vec<Gone> {
        self.forgotten.add(1);
        let gone = self
            .store
            .remove(MissReason::Revoked, |id, _| self.is_under(id, name));
        self.revoked.add(u64::try_from(gone.len()).unwrap_or(u64::MAX));
        gone.into_iter().map(|entry| Box::new(entry) as Gone).collect()
    }
}

impl<M: OpeningMaterial> Source for Core<M> {
    type Key = OpeningId;
    type Loaded = Secret<M::Key>;
    type Value = Kept<M>;
    type Error = ProviderError;

    fn lane(&self, id: &OpeningId) -> Arc<str> {
        id.wrapped.key_id().into()
    }

    async fn load(&self, id: &OpeningId) -> Result<Self::Loaded, ProviderError> {
        self.voice.loads(&id.context, self.unwrap(id)).await
    }

    fn land(
        &self,
        id: &OpeningId,
        result: Result<Self::Loaded, LoadError<ProviderError>>,
    ) -> Landed<Self::Value, ProviderError> {
        let now = Instant::now();
        let error = match result {
            Ok(key) => {
                let ages = self.ages();
                let entry = Arc::new(Entry {
                    handles: Handles::new(key),
                    life: Life::new(now, ages, &self.jitter, &self.slept),
                });
                let gone = self.store.insert(id, Arc::clone(&entry));
                return Landed::new(Outcome::Loaded(entry)).dropping(gone);
            }
            Err(error) => error,
        };
        let landed = Landed::new(Outcome::Failed(error.clone()));
        let (voice, own, error) = (self.voice, id.context.clone(), KeyringError::from(error));
        let gone = self.refused(id, &error);
        if error.verdict().is_some() {
            self.refusals.refused(id, &error, now);
        } else {
            let setback = self.hedge_delay.min(LONGEST_SETBACK);
            self.refusals.failed(id, setback, now);
        }
        if !gone.is_empty() {
            return landed.announcing(move || {
                drop(gone);
                voice.revoked(&own, &error);
            });
        }
        let Some(entry) = self.store.peek(id) else {
            return landed;
        };
        let asked = error.provider_error().and_then(ProviderError::delay);
        if entry.life.note_failure(error.outage(), asked, &self.jitter, now) {
            return landed.announcing(move || voice.refresh_failed(&own, &error));
        }
        landed
    }

    fn is_wanted(&self, id: &OpeningId) -> bool {
        self.store.peek(id).is_some()
    }

    #[cfg(feature = "tracing")]
    fn around(&self, attempt: Attempt<Self>) -> Attempt<Self> {
        record::in_the_callers_span(attempt)
    }

    fn taken_over(&self, id: &OpeningId, since: Instant, pulse: &Arc<Pulse>) {
        self.note_load(id, Begun { since, pulse });
    }
}

/// For how long at most a wrapped key that failed for the moment is tried after the others.
const LONGEST_SETBACK: Duration = Duration::from_secs(1);

impl<M: OpeningMaterial> Sweep for Core<M> {
    fn janitor(&self) -> &Janitor {
        &self.janitor
    }

    fn sweep(&self, now: Instant) {
        let old = self
            .store
            .sweep(MissReason::Age, |entry| now >= entry.life.hard());
        self.voice.swept(old.len());
        self.loads.take_back(|entry| now >= entry.life.hard());
        self.refusals.forget_lapsed(now);
    }

    fn next_sweep(&self, now: Instant) -> Option<Instant> {
        let next = self.store.values().map(|entry| entry.life.hard()).min();
        let loading = self.loads.in_flight() > 0;
        next.or_else(|| loading.then(|| later(now, self.shortest_life())))
    }

    fn shortest_life(&self) -> Duration {
        self.limits.ttl()
    }

    fn has_slept(&self, now: Instant) -> bool {
        let slept = self.slept.look(now);
        if slept {
            // Whether they have lapsed is not known, and asking once more is cheap.
            self.refusals.forget_all();
        }
        slept
    }
}
