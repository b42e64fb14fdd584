//! What a sealing keyring is made of: how it finds keys, and how it loads them.
use std::sync::{Arc, OnceLock, Weak};

#[cfg(feature = "tracing")]
use datakey_loads::Attempt;
use datakey_loads::{
    Ages, Begun, Ending, Gate, Janitor, Jitter, Joined, Landed, Life, LoadError, Loads, Outcome, Pulse,
    Slept, Source, Standing, Sweep, Wait, later,
};
use datakey_provider::{
    DataKeyLength, EncryptionContext, ErrorClass, Operation, ProviderError, SealingProvider, Verdict,
    WrappedKeys,
};
use tokio::time::Instant;

use super::{
    budget::{Budget, Reserved},
    entry::{Entry, KeyStanding},
    limits::{SealingLimits, Usage},
};
#[cfg(feature = "tracing")]
use crate::watch::record;
use crate::{
    config::{ConfigError, LoadSettings},
    error::KeyringError,
    kept::{
        handle::{Handles, Held},
        lease::Amount,
        nearby::{self, Owner, Spot},
        secret::{Locker, Range, Secret},
        store::Store,
    },
    material::{Draft, SealingMaterial},
    opening::prime::Prime,
    revocation::{self, Gone, Half},
    watch::{
        miss::MissReason,
        record::{Cardinality, Counter, HalfCounters, StaleCounters, Voice},
    },
};

/// All keys have one lane: which key id a new one will have is not known.
const LANE: &str = "";

pub(crate) struct Core<M: SealingMaterial> {
    pub(crate) provider: Arc<dyn SealingProvider>,
    pub(crate) material: M,
    pub(crate) uncached: bool,
    pub(crate) limits: SealingLimits,
    pub(crate) store: Store<[u8; 32], Arc<Entry<M::Key>>>,
    pub(crate) loads: Loads<Self>,
    pub(crate) locker: Locker,
    pub(crate) counters: HalfCounters,
    pub(crate) refreshes: Counter,
    pub(crate) dedicated: Counter,
    pub(crate) revoked: Counter,
    pub(crate) stale: StaleCounters,
    pub(crate) cardinality: Cardinality,
    /// Where its keys are kept for opening.
    pub(crate) primed: OnceLock<Weak<dyn Prime>>,
    pub(crate) revocations: revocation::Joined,
    owner: Owner,
    janitor: Janitor,
    jitter: Jitter,
    slept: Slept,
    voice: Voice,
}

/// A key to hand out, and perhaps an entry that should be replaced soon.
pub(crate) struct Served<S> {
    held: Held<S>,
    refresh: Option<Arc<Entry<S>>>,
}

/// What an earlier look into the store came to.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Seen {
    pub(crate) version: u64,
    pub(crate) reason: MissReason,
}

/// A key at once, or a load to wait for.
pub(crate) enum Next<M: SealingMaterial> {
    Now(Held<M::Key>),
    Wait {
        load: Wait<Core<M>>,
        /// This request began it.
        leads: bool,
        /// Why there is no key.
        reason: MissReason,
    },
}

impl<M: SealingMaterial> Core<M> {
    pub(crate) fn new(
        provider: Arc<dyn SealingProvider>,
        material: M,
        limits: SealingLimits,
        settings: &LoadSettings,
        uncached: bool,
    ) -> Self {
        let gate = settings.gate(settings.max_loads, provider.sealing_time_limit());
        Self {
            provider,
            material,
            uncached,
            limits,
            store: Store::new(limits.max_contexts(), settings.repeats()),
            loads: Loads::new(Arc::new(Gate::new(gate))),
            locker: Locker::default(),
            counters: HalfCounters::default(),
            refreshes: Counter::default(),
            dedicated: Counter::default(),
            revoked: Counter::default(),
            stale: StaleCounters::default(),
            cardinality: Cardinality::default(),
            primed: OnceLock::new(),
            revocations: revocation::Joined::default(),
            owner: Owner::new(),
            janitor: Janitor::default(),
            jitter: Jitter::new(settings.seed),
            slept: settings.slept(),
            voice: settings.voice("sealing"),
        }
    }

    fn spot(&self, digest: &[u8; 32]) -> Spot {
        let bits = digest.first_chunk().copied().unwrap_or_default();
        Spot::new(self.owner, u64::from_ne_bytes(bits))
    }

    /// The hit that costs least: a key that this thread used a moment ago, not due yet, with a lease that suffices.
    pub(crate) fn look_nearby(
        &self,
        context: &EncryptionContext,
        wanted: Amount,
        now: Instant,
    ) -> Option<Held<M::Key>> {
        let digest = context.digest();
        let handle = nearby::find(self.spot(digest), now, |own: &[u8; 32]| own == digest)?;
        handle.lease.take(wanted).then(|| Held::new(handle))
    }

    /// Finds the live key and reserves on it, or says what stands in the way.
    pub(crate) fn look(
        &self,
        context: &EncryptionContext,
        usage: Usage,
        now: Instant,
    ) -> Result<Served<M::Key>, MissReason> {
        let Some(entry) = self.store.get(context.digest()) else {
            return Err(self.store.why_absent(context.digest()));
        };
        let (due, stale) = match entry.life.standing(now) {
            Standing::Fresh => (false, None),
            Standing::Due => (true, None),
            Standing::Stale { because, due } => (due, Some(because)),
            Standing::Expired => return Err(MissReason::Age),
        };
        // What reserves nothing asks for a key that serves others.
        if usage == Usage::batch(0, 0) && entry.describe(now).standing == KeyStanding::UsedUp {
            return Err(MissReason::Messages);
        }
        let (handle, reserved) = entry.reserve(usage)?;
        if let Some(because) = stale {
            self.stale.add(because);
        }
        let low = reserved == Reserved::Low && self.limits.refreshes_by_use();
        let refresh = due || (low && entry.life.may_refresh(now));
        if now < entry.life.refresh() {
            let digest = context.digest();
            let until = entry.life.refresh().min(self.slept.trusted_until());
            nearby::keep(self.spot(digest), now, until, *digest, &handle);
        }
        Ok(Served {
            held: Held::new(handle),
            refresh: refresh.then_some(entry),
        })
    }

    /// Hands a key out, and sees to it that one that is due is replaced.
    pub(crate) fn hand_out(self: &Arc<Self>, served: Served<M::Key>) -> Held<M::Key> {
        if let Some(entry) = served.refresh {
            self.refresh(&entry);
        }
        served.held
    }

    /// Replaces a live key in the background.
    #[cold]
    fn refresh(self: &Arc<Self>, entry: &Arc<Entry<M::Key>>) {
        let still_live = || {
            let live = self.store.peek(entry.context.digest());
            live.is_some_and(|live| Arc::ptr_eq(&live, entry))
        };
        let began = |begun: Begun<'_>| entry.life.note_load(begun, true);
        if self.loads.refresh(self, &entry.context, still_live, began) {
            self.refreshes.add(1);
            Janitor::tend(self);
        }
    }

    /// Joins the load for a context or begins one, after another look where something may have come since.
    pub(crate) fn join(
        self: &Arc<Self>,
        context: &EncryptionContext,
        usage: Usage,
        seen: Option<Seen>,
    ) -> Result<Next<M>, KeyringError> {
        let mut reason = seen.map_or(MissReason::New, |seen| seen.reason);
        let look = || match self.look(context, usage, Instant::now()) {
            Ok(served) => Some(served),
            Err(why) => {
                reason = why;
                None
            }
        };
        let began = |begun: Begun<'_>| self.note_load(context, begun);
        let version = seen.map(|seen| seen.version);
        match self.loads.join(self, context, version, look, began)? {
            Joined::Found(served) => Ok(Next::Now(self.hand_out(served))),
            Joined::Waits(load) => Ok(Next::Wait {
                load,
                leads: false,
                reason,
            }),
            Joined::Leads(load) => {
                self.counters.loads.add(1);
                self.count_new_context(reason);
                Janitor::tend(self);
                Ok(Next::Wait {
                    load,
                    leads: true,
                    reason,
                })
            }
        }
    }

    /// Notes that a load began for which callers wait, on the key that it would replace.
    fn note_load(&self, context: &EncryptionContext, begun: Begun<'_>) {
        if let Some(entry) = self.store.peek(context.digest()) {
            entry.life.note_load(begun, false);
        }
    }

    /// Until when to wait for the load that is under way, where there is a key that might serve after that.
    pub(crate) fn patience(&self, context: &EncryptionContext, now: Instant) -> Option<Instant> {
        self.store.peek(context.digest())?.life.patience(now)
    }

    /// Notes a load of a context that was not seen before. Those who wait for it say nothing about contexts.
    fn count_new_context(&self, reason: MissReason) {
        if matches!(reason, MissReason::New | MissReason::Cold) {
            self.cardinality.saw_new_context(|| self.counters.hits.get());
        }
    }

    /// A key that nobody else is handed, loaded for one caller.
    pub(crate) async fn dedicated(
        self: &Arc<Self>,
        context: &EncryptionContext,
    ) -> Result<Held<M::Key>, KeyringError> {
        let alone = self.voice.loads(context, self.generate(context, None));
        match self.loads.gate().alone(LANE, alone).await {
            Ok((key, _)) => {
                self.dedicated.add(1);
                Ok(Held::alone(key))
            }
            Err(LoadError::ShutDown) => Err(KeyringError::ShutDown),
            Err(error) => {
                let error = KeyringError::from(error);
                if !self.refused(context, &error).is_empty() {
                    self.voice.revoked(context, &error);
                }
                Err(error)
            }
        }
    }

    async fn generate(
        &self,
        context: &EncryptionContext,
        primed: Option<Arc<dyn Prime>>,
    ) -> Result<(Secret<M::Key>, WrappedKeys), ProviderError> {
        let (each, limit) = (
            self.provider.wrapped_keys_each(),
            self.material.max_wrapped_keys(),
        );
        if each > limit {
            let refused = ProviderError::new(ErrorClass::InvalidRequest, Operation::GenerateDataKey);
            return Err(refused.with_source(ConfigError::TooManyWrappedKeys { each, limit }));
        }
        let length = self.material.data_key_length();
        let draft = self.material.draft(context)?;
        let asked = draft.as_ref().map_or(context, Draft::context);
        let generate = || self.provider.generate_data_key(asked, length);
        let seen = primed.as_ref().map(|primed| primed.forgotten());
        let made = self.slept.through(generate).await?;
        let found = made.data_key().length();
        if found != length {
            return Err(other_length(length, found));
        }
        if let (Some(primed), Some(seen)) = (primed, seen) {
            primed.keep(seen, asked, &made);
        }
        let wrapped = made.wrapped_keys().clone();
        let key = match draft {
            Some(draft) => draft.prepare(made),
            None => self.material.prepare(made, context),
        }?;
        let elsewhere = |key: &_, lock: &mut dyn FnMut(Range)| self.material.memory(key, lock);
        Ok((Secret::new(key, &self.locker, elsewhere), wrapped))
    }

    /// Takes in why a load failed, of whatever kind it was: drops the key of its context if that is refused, and where the wrapping
    /// key may not be used any more, every key under it, here and in all keyrings that are told.
    fn refused(&self, context: &EncryptionContext, error: &KeyringError) -> Vec<Gone> {
        self.counters.failures.add(1);
        let Some(verdict) = error.verdict() else {
            return Vec::new();
        };
        let own = self.store.remove_one(context.digest(), MissReason::Revoked);
        self.revoked.add(u64::from(own.is_some()));
        let mut gone = Vec::new();
        if verdict == Verdict::WrappingKey {
            // A provider that does not name the key speaks of the one that it would have used.
            let of_own = own.iter().flat_map(|own| own.key_ids());
            let names = revocation::named(error).map_or_else(|| of_own.collect(), |name| vec![name]);
            gone.extend(names.iter().flat_map(|name| self.revocations.revoke(name)));
        }
        gone.extend(own.map(|own| Box::new(own) as Gone));
        gone
    }

    /// Whether a key is wrapped under the key of this name.
    pub(crate) fn is_under(&self, entry: &Entry<M::Key>, name: &str) -> bool {
        let is_named = |key_id| revocation::is_named(|| self.provider.sealing_key_is(name, key_id));
        entry.key_ids().any(is_named)
    }

    /// Ends the loads and forgets the keys that are concerned; answers how many keys were dropped.
    pub(crate) fn forget(
        &self,
        ending: Ending,
        load: impl Fn(&EncryptionContext) -> bool,
        key: impl Fn(&Entry<M::Key>) -> bool,
    ) -> usize {
        let gone = self.loads.end(ending, &load, || {
            let gone = self.store.remove(MissReason::Invalidated, |_, entry| key(entry));
            // The keys that stay may have lost their refreshes to this.
            let ended = self.store.values().filter(|entry| load(&entry.context));
            ended.for_each(|entry| entry.life.release());
            gone
        });
        gone.len()
    }

    pub(crate) fn shut_down(&self) {
        self.janitor.dismiss();
        self.forget(Ending::ShutDown, |_| true, |_| true);
    }
}

/// A provider that answers another length than was asked for breaks its contract.
fn other_length(asked: DataKeyLength, found: DataKeyLength) -> ProviderError {
    let told = format!("a data key of {asked} was asked for, and the provider answered {found}");
    ProviderError::new(ErrorClass::Internal, Operation::GenerateDataKey).with_source(told)
}

impl<M: SealingMaterial> Half for Core<M> {
    fn drop_under(&self, name: &str) -> Vec<Gone> {
        let gone = self
            .store
            .remove(MissReason::Revoked, |_, entry| self.is_under(entry, name));
        self.revoked.add(u64::try_from(gone.len()).unwrap_or(u64::MAX));
        gone.into_iter().map(|entry| Box::new(entry) as Gone).collect()
    }
}

impl<M: SealingMaterial> Source for Core<M> {
    type Key = EncryptionContext;
    type Loaded = (Secret<M::Key>, WrappedKeys);
    type Value = Arc<Entry<M::Key>>;
    type Error = ProviderError;

    async fn load(&self, context: &EncryptionContext) -> Result<Self::Loaded, ProviderError> {
        let primed = self.primed.get().and_then(Weak::upgrade);
        self.voice.loads(context, self.generate(context, primed)).await
    }

    fn land(
        &self,
        context: &EncryptionContext,
        result: Result<Self::Loaded, LoadError<ProviderError>>,
    ) -> Landed<Self::Value, ProviderError> {
        let now = Instant::now();
        let error = match result {
            Ok((key, wrapped)) => {
                let ages = Ages {
                    soft: self.limits.soft_age(),
                    hard: self.limits.hard_age(),
                };
                let entry = Arc::new(Entry {
                    handles: Handles::new(key),
                    context: context.clone(),
                    wrapped,
                    life: Life::new(now, ages, &self.jitter, &self.slept),
                    budget: Budget::new(Amount {
                        messages: self.limits.max_messages(),
                        bytes: self.limits.max_bytes(),
                    }),
                });
                let gone = self.store.insert(context.digest(), Arc::clone(&entry));
                return Landed::new(Outcome::Loaded(entry)).dropping(gone);
            }
            Err(error) => error,
        };
        let landed = Landed::new(Outcome::Failed(error.clone()));
        let (voice, own, error) = (self.voice, context.clone(), KeyringError::from(error));
        let gone = self.refused(context, &error);
        if !gone.is_empty() {
            return landed.announcing(move || {
                drop(gone);
                voice.revoked(&own, &error);
            });
        }
        let Some(entry) = self.store.peek(context.digest()) else {
            return landed;
        };
        let asked = error.provider_error().and_then(ProviderError::delay);
        if entry.life.note_failure(error.outage(), asked, &self.jitter, now) {
            return landed.announcing(move || voice.refresh_failed(&own, &error));
        }
        landed
    }

    fn is_wanted(&self, context: &EncryptionContext) -> bool {
        self.store.peek(context.digest()).is_some()
    }

    #[cfg(feature = "tracing")]
    fn around(&self, attempt: Attempt<Self>) -> Attempt<Self> {
        record::in_the_callers_span(attempt)
    }

    fn taken_over(&self, context: &EncryptionContext, since: Instant, pulse: &Arc<Pulse>) {
        self.note_load(context, Begun { since, pulse });
    }
}

impl<M: SealingMaterial> Sweep for Core<M> {
    fn janitor(&self) -> &Janitor {
        &self.janitor
    }

    fn sweep(&self, now: Instant) {
        let old = self
            .store
            .sweep(MissReason::Age, |entry| now >= entry.life.hard());
        self.voice.swept(old.len());
        self.loads.take_back(|entry| now >= entry.life.hard());
    }

    fn next_sweep(&self, now: Instant) -> Option<Instant> {
        let next = self.store.values().map(|entry| entry.life.hard()).min();
        let loading = self.loads.in_flight() > 0;
        next.or_else(|| loading.then(|| later(now, self.shortest_life())))
    }

    fn shortest_life(&self) -> std::time::Duration {
        self.limits.hard_age()
    }

    fn has_slept(&self, now: Instant) -> bool {
        self.slept.look(now)
    }
}
