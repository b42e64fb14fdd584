//! The sealing methods.
use std::sync::Arc;

use datakey_provider::{EncryptionContext, SealingProvider};
use tokio::{
    runtime::Handle,
    time::{Instant, timeout_at},
};

use crate::{
    Held, Keyring, KeyringError, Material, MissReason, Usage,
    flight::{Joined, Landed, Outcome, Waiter},
    keyring::{MAX_RESTARTS, Shared},
    locked::Range,
    sealing::{LoadedSealing, SealingEntry, Served},
    secret::Secret,
    telling,
};

type Loaded<S> = Result<LoadedSealing<S>, KeyringError>;
type Settled<S> = Landed<Arc<SealingEntry<S>>>;

/// How often a caller that waited for a key may find too little of it left by others. After that, a usage of half a key and
/// more gets a data key of its own: as long as there are others, it might never be the first.
const MAX_LOST: u32 = 2;

/// Which key id a new data key will have is not known. No wrapped key has this one.
const SEALING_LANE: &str = "";

/// A key at once, or a load to wait for.
enum Next<S> {
    Now(Held<S>),
    Wait(Waiter<Arc<SealingEntry<S>>>),
}

impl<P: SealingProvider + 'static, M: Material> Keyring<P, M> {
    /// The live key for a context, with `usage` reserved on it, if there is one: without waiting, without allocating.
    ///
    /// `None` when there is no key, or it is too old, or it has too little left; [`sealing_key`](Self::sealing_key)
    /// then loads one. A key that is due is served and replaced in the background, which takes a tokio runtime to be
    /// entered; without one, nothing is replaced until somebody calls `sealing_key`.
    ///
    /// ```
    /// # use datakey_keyring::{Keyring, Usage};
    /// # use datakey_provider::{EncryptionContext, SealingProvider};
    /// # fn with(provider: impl SealingProvider + 'static) {
    /// let keyring = Keyring::new(provider);
    /// assert!(keyring.try_sealing_key(&EncryptionContext::empty(), Usage::message(300)).is_none()); // still cold
    /// # }
    /// ```
    #[must_use]
    pub fn try_sealing_key(&self, context: &EncryptionContext, usage: Usage) -> Option<Held<M::Sealing>> {
        let half = &self.shared.sealing;
        if self.shared.uncached {
            return None;
        }
        let now = Instant::now();
        let held = match half.look_nearby(context, usage, now) {
            Some(held) => held,
            None => self.shared.hand_out(half.look(context, usage, now).ok()?),
        };
        half.counters.hits.add(1);
        Some(held)
    }

    /// A key for a context, with `usage` reserved on it: the live one, or one that is loaded now.
    ///
    /// However many callers wait for a context, there is one load, and all of them share its result or its error.
    /// Dropping the returned future does not stop the load: its key is there for the next caller. A usage that is
    /// larger than a whole key's limits, or of unknown length, gets a data key of its own that is not kept.
    ///
    /// ```
    /// # use datakey_keyring::{Keyring, KeyringError, Usage};
    /// # use datakey_provider::{EncryptionContext, SealingProvider};
    /// # async fn with(keyring: Keyring<impl SealingProvider + 'static>) -> Result<(), KeyringError> {
    /// let context = EncryptionContext::new([("tenant", "acme")]).expect("two short texts");
    /// let batch = keyring.sealing_key(&context, Usage::batch(5_000, 1_500_000)).await?;
    /// let (secret, wrapped) = (batch.data_key(), batch.wrapped_keys());
    /// # Ok(()) }
    /// ```
    ///
    /// # Errors
    /// [`KeyringError`]: what the provider answered, or why there was no answer. While the provider throttles or is
    /// down, or has not answered for a second, a key past its soft age is served instead, until its hard age.
    pub async fn sealing_key(
        &self,
        context: &EncryptionContext,
        usage: Usage,
    ) -> Result<Held<M::Sealing>, KeyringError> {
        match self.try_sealing_key(context, usage) {
            Some(held) => Ok(held),
            None => self.shared.load_sealing_key(context, usage).await,
        }
    }

    /// Loads keys for contexts that are known beforehand, all at once, without reserving anything on them.
    ///
    /// Answers the contexts that have no key, each with the reason; the others are ready. Callers need not wait for
    /// it: they join its loads.
    ///
    /// ```
    /// # use datakey_keyring::Keyring;
    /// # use datakey_provider::{EncryptionContext, SealingProvider};
    /// # async fn with(keyring: Keyring<impl SealingProvider + 'static>, tenants: Vec<EncryptionContext>) {
    /// for (context, error) in keyring.warm(&tenants).await {
    ///     eprintln!("no key for {context:?} yet: {error}");
    /// }
    /// # }
    /// ```
    pub async fn warm<'c>(
        &self,
        contexts: impl IntoIterator<Item = &'c EncryptionContext>,
    ) -> Vec<(EncryptionContext, KeyringError)> {
        let nothing = Usage::batch(0, 0);
        if self.shared.uncached {
            return Vec::new();
        }
        let mut waits = Vec::new();
        let mut failed = Vec::new();
        for context in contexts {
            match self.shared.join_sealing(context, nothing, None) {
                Ok(Next::Now(_)) => {}
                Ok(Next::Wait(waiter)) => waits.push((context.clone(), waiter)),
                Err(error) => failed.push((context.clone(), error)),
            }
        }
        for (context, waiter) in waits {
            match waiter.wait().await {
                Outcome::Loaded(_) => {}
                Outcome::Failed(error) => failed.push((context, error)),
                Outcome::Superseded => failed.push((context, KeyringError::Invalidated { times: 1 })),
            }
        }
        failed
    }
}

impl<P: SealingProvider + 'static, M: Material> Shared<P, M> {
    fn hand_out(self: &Arc<Self>, served: Served<M::Sealing>) -> Held<M::Sealing> {
        if let Some(entry) = served.refresh {
            self.refresh(&entry);
        }
        served.held
    }

    async fn load_sealing_key(
        self: &Arc<Self>,
        context: &EncryptionContext,
        usage: Usage,
    ) -> Result<Held<M::Sealing>, KeyringError> {
        if let Some(reason) = self.own_key_reason(usage) {
            self.sealing.counters.misses.add(reason);
            return Box::pin(self.dedicated_sealing_key(context)).await;
        }
        let (mut restarts, mut lost) = (0_u32, 0_u32);
        let mut counted = false;
        loop {
            let waiter = match self.join_sealing(context, usage, Some(&mut counted))? {
                Next::Now(held) => return Ok(held),
                Next::Wait(waiter) => waiter,
            };
            let landed = match self.sealing.patience(context, Instant::now()) {
                Some(until) => timeout_at(until, waiter.wait()).await,
                None => Ok(waiter.wait().await),
            };
            // Not yet: there may be a key past its soft age that serves meanwhile.
            let Ok(outcome) = landed else { continue };
            match outcome {
                Outcome::Loaded(entry) => {
                    if let Some(held) = entry.reserve_fresh(usage, Instant::now()) {
                        return Ok(held);
                    }
                    // Others used it up first.
                    lost = lost.saturating_add(1);
                    if lost > MAX_LOST && self.sealing.is_large(usage) {
                        return Box::pin(self.dedicated_sealing_key(context)).await;
                    }
                }
                Outcome::Failed(error) => return self.serve_stale(context, usage, error),
                Outcome::Superseded => {
                    self.sealing.counters.superseded.add(1);
                    restarts = restarts.saturating_add(1);
                    if restarts > MAX_RESTARTS {
                        return Err(KeyringError::Invalidated { times: restarts });
                    }
                }
            }
        }
    }

    fn own_key_reason(&self, usage: Usage) -> Option<MissReason> {
        if self.uncached {
            Some(MissReason::Uncached)
        } else {
            self.sealing.needs_own_key(usage)
        }
    }

    /// Looks again, then joins the load for a context or starts one. `counted` says whether this request is in the
    /// statistics already; `None` keeps it out of them.
    fn join_sealing(
        self: &Arc<Self>,
        context: &EncryptionContext,
        usage: Usage,
        counted: Option<&mut bool>,
    ) -> Result<Next<M::Sealing>, KeyringError> {
        let half = &self.sealing;
        let runtime = Handle::try_current().or(Err(KeyringError::NoRuntime))?;
        let mut reason = MissReason::New;
        let look = || {
            if self.is_shut_down() {
                return Some(Err(KeyringError::ShutDown));
            }
            match half.look(context, usage, Instant::now()) {
                Ok(served) => Some(Ok(served)),
                Err(why) => {
                    reason = why;
                    None
                }
            }
        };
        let began = || half.note_load(context, Instant::now());
        let settle = self.settle_sealing(context);
        let joined = half.flights.join_noting(context, look, began, settle);
        let count = counted.is_some_and(|counted| !std::mem::replace(counted, true));
        match joined {
            Joined::Found(served) => {
                if count && served.is_ok() {
                    half.counters.hits.add(1);
                }
                served.map(|served| Next::Now(self.hand_out(served)))
            }
            Joined::Waits(waiter) => {
                half.counters.shared_waits.add(1);
                if count {
                    half.count_miss(reason);
                }
                Ok(Next::Wait(waiter))
            }
            Joined::Leads(waiter, landing) => {
                half.counters.loads.add(1);
                if count {
                    half.count_miss(reason);
                }
                half.count_new_context(reason);
                self.tend(&runtime);
                landing.start(&runtime, Arc::clone(self).generate(context.clone()));
                Ok(Next::Wait(waiter))
            }
        }
    }

    fn settle_sealing(
        self: &Arc<Self>,
        context: &EncryptionContext,
    ) -> impl FnOnce(Loaded<M::Sealing>) -> Settled<M::Sealing> + Send + use<P, M> {
        let (shared, context) = (Arc::clone(self), context.clone());
        move |loaded| {
            shared
                .sealing
                .settle(context, loaded, &shared.jitter, Instant::now())
        }
    }

    async fn generate(self: Arc<Self>, context: EncryptionContext) -> Loaded<M::Sealing> {
        let call = self.provider.generate_data_key(&context);
        let made = self.gate.run_in_lane(SEALING_LANE, call).await?;
        let wrapped = made.wrapped_keys().clone();
        let key = self.material.sealing(made, &context)?;
        let elsewhere = |key: &_, lock: &mut dyn FnMut(Range)| self.material.sealing_memory(key, lock);
        Ok((Secret::new(key, &self.locker, elsewhere), wrapped))
    }

    /// After a load that failed: the key past its soft age if the failure allows it, otherwise the failure.
    fn serve_stale(
        self: &Arc<Self>,
        context: &EncryptionContext,
        usage: Usage,
        error: KeyringError,
    ) -> Result<Held<M::Sealing>, KeyringError> {
        if !error.is_retryable() {
            return Err(error);
        }
        match self.sealing.look(context, usage, Instant::now()) {
            Ok(served) => Ok(self.hand_out(served)),
            Err(_why) => Err(error),
        }
    }

    /// Replaces a live key in the background.
    #[cold]
    fn refresh(self: &Arc<Self>, entry: &Arc<SealingEntry<M::Sealing>>) {
        let Ok(runtime) = Handle::try_current() else {
            return;
        };
        if !entry.claim_attempt(Instant::now()) {
            return;
        }
        let (half, context) = (&self.sealing, entry.context());
        let replaced = || {
            let live = half.store.peek(context.digest());
            let still_live = live.is_some_and(|live| Arc::ptr_eq(&live, entry));
            (self.is_shut_down() || !still_live).then_some(())
        };
        let joined = half.flights.join(context, replaced, self.settle_sealing(context));
        if let Joined::Leads(_, landing) = joined {
            half.refreshes.add(1);
            self.tend(&runtime);
            landing.start(&runtime, Arc::clone(self).generate(context.clone()));
        }
    }

    async fn dedicated_sealing_key(
        self: &Arc<Self>,
        context: &EncryptionContext,
    ) -> Result<Held<M::Sealing>, KeyringError> {
        self.sealing.dedicated.add(1);
        let loaded = self.alone(Arc::clone(self).generate(context.clone())).await;
        match loaded {
            Ok((key, _)) => Ok(Held::alone(key)),
            Err(error) => {
                if self.sealing.own_load_failed(context, &error).is_some() {
                    telling::revoked("sealing", context.digest(), &error);
                }
                Err(error)
            }
        }
    }
}
