//! The opening methods.
use std::{sync::Arc, time::Duration};

use datakey_provider::{EncryptionContext, OpeningProvider, WrappedKey, WrappedKeys};
use tokio::{
    runtime::Handle,
    task::JoinSet,
    time::{Instant, timeout},
};

use crate::{
    Held, Keyring, KeyringError, Material, MissReason,
    flight::{Joined, Landed, Outcome},
    keyring::{MAX_RESTARTS, Shared},
    locked::Range,
    opening::{Opened, OpeningId, WalkId},
    secret::Secret,
};

type Opening<M> = Arc<Opened<<M as Material>::Opening>>;

impl<P: OpeningProvider + 'static, M: Material> Keyring<P, M> {
    /// The key that opens a message, if one of its wrapped keys was unwrapped a while ago: without waiting, without
    /// allocating.
    ///
    /// ```
    /// # use datakey_keyring::Keyring;
    /// # use datakey_provider::{EncryptionContext, OpeningProvider, WrappedKeys};
    /// # fn with(keyring: &Keyring<impl OpeningProvider + 'static>, context: &EncryptionContext, wrapped: &WrappedKeys) {
    /// if let Some(key) = keyring.try_opening_key(context, wrapped) {
    ///     assert_eq!(key.expose_secret().len(), 32);
    /// }
    /// # }
    /// ```
    #[must_use]
    pub fn try_opening_key(
        &self,
        context: &EncryptionContext,
        wrapped: &WrappedKeys,
    ) -> Option<Held<M::Opening>> {
        let half = &self.shared.opening;
        if self.shared.uncached {
            return None;
        }
        let now = Instant::now();
        let held = wrapped
            .iter()
            .find_map(|wrapped| half.look_nearby(context, wrapped, now))
            .or_else(|| {
                let live = |wrapped| self.shared.live_opening_key(context, wrapped, now);
                wrapped.iter().find_map(live)
            })?;
        half.counters.hits.add(1);
        Some(held)
    }

    /// The key that opens a message: a kept one, or one that is unwrapped now.
    ///
    /// Of the message's wrapped keys, those that the provider [recognises](OpeningProvider::rank) are tried, lowest
    /// rank first, and the first that opens wins; the next is tried when one has failed, or has not answered within the
    /// [hedge delay](crate::KeyringBuilder::hedge_delay). However many callers wait for a wrapped key, there is one call, and
    /// all of them share its result or its error. A permanent refusal is remembered for a short time, in which the
    /// provider is not asked again.
    ///
    /// # Errors
    /// [`KeyringError`]: [`NotRecognised`](KeyringError::NotRecognised) when none of the wrapped keys is the
    /// provider's; otherwise what the provider answered to the only one, or
    /// [`NoneOpened`](KeyringError::NoneOpened) with what it answered to each.
    pub async fn opening_key(
        &self,
        context: &EncryptionContext,
        wrapped: &WrappedKeys,
    ) -> Result<Held<M::Opening>, KeyringError> {
        match self.try_opening_key(context, wrapped) {
            Some(held) => Ok(held),
            None => self.shared.load_opening_key(context, wrapped).await,
        }
    }
}

impl<P: OpeningProvider + 'static, M: Material> Shared<P, M> {
    async fn load_opening_key(
        self: &Arc<Self>,
        context: &EncryptionContext,
        wrapped: &WrappedKeys,
    ) -> Result<Held<M::Opening>, KeyringError> {
        if self.is_shut_down() {
            return Err(KeyringError::ShutDown);
        }
        let able = self.able(wrapped);
        let Some(first) = able.first() else {
            self.opening.not_recognised.add(1);
            return Err(KeyringError::NotRecognised {
                key_ids: wrapped.iter().map(|key| key.key_id().into()).collect(),
            });
        };
        self.count_opening_miss(context, first);
        if self.uncached {
            return self.open_uncached(context, &able).await;
        }
        for _ in 0..=MAX_RESTARTS {
            let opened = if let [only] = &*able {
                self.open_one(context, only).await
            } else {
                self.open_first(context, &able).await
            };
            match opened {
                Ok(opened) => {
                    if let Some(held) = opened.live(Instant::now()) {
                        return Ok(held);
                    }
                }
                Err(Unopened::Failed(error)) => return Err(error),
                Err(Unopened::Superseded) => self.opening.counters.superseded.add(1),
            }
        }
        Err(KeyringError::Invalidated {
            times: MAX_RESTARTS.saturating_add(1),
        })
    }

    fn count_opening_miss(&self, context: &EncryptionContext, first: &WrappedKey) {
        let half = &self.opening;
        let reason = if self.uncached {
            MissReason::Uncached
        } else {
            match half.look(context, first, Instant::now()) {
                Ok(_) => MissReason::New,
                Err(reason) => reason,
            }
        };
        half.counters.misses.add(reason);
    }

    /// The wrapped keys that the provider recognises, lowest rank first.
    fn able(&self, wrapped: &WrappedKeys) -> Arc<[WrappedKey]> {
        let mut able: Vec<_> = wrapped
            .iter()
            .filter_map(|key| Some((self.provider.rank(key)?, key)))
            .collect();
        able.sort_by_key(|(rank, _)| *rank);
        able.into_iter().map(|(_, key)| key.clone()).collect()
    }

    fn settle_opening(
        self: &Arc<Self>,
        id: &OpeningId,
    ) -> impl FnOnce(Result<Secret<M::Opening>, KeyringError>) -> Landed<Opening<M>> + Send + use<P, M> {
        let (shared, id) = (Arc::clone(self), id.clone());
        move |loaded| shared.opening.settle(&id, loaded, &shared.jitter, Instant::now())
    }

    fn live_opening_key(
        self: &Arc<Self>,
        context: &EncryptionContext,
        wrapped: &WrappedKey,
        now: Instant,
    ) -> Option<Held<M::Opening>> {
        let opened = self.opening.look(context, wrapped, now).ok()?;
        let held = opened.live(now)?;
        if opened.claim_attempt(now) {
            self.refresh_opening(context, wrapped, &opened);
        }
        Some(held)
    }

    /// Unwraps a key in use anew, in the background.
    #[cold]
    fn refresh_opening(
        self: &Arc<Self>,
        context: &EncryptionContext,
        wrapped: &WrappedKey,
        opened: &Opening<M>,
    ) {
        let Ok(runtime) = Handle::try_current() else {
            opened.release_attempt();
            return;
        };
        let half = &self.opening;
        let id = OpeningId {
            wrapped: wrapped.clone(),
            context: context.clone(),
        };
        let replaced = || {
            let still_live = half
                .store
                .peek(&id)
                .is_some_and(|live| Arc::ptr_eq(&live, opened));
            (self.is_shut_down() || !still_live).then_some(())
        };
        if let Joined::Leads(_, landing) = half.flights.join(&id, replaced, self.settle_opening(&id)) {
            half.refreshes.add(1);
            self.tend(&runtime);
            landing.start(&runtime, Arc::clone(self).unwrap_key(id));
        }
    }

    /// Joins or starts the load of one wrapped key.
    async fn open_one(
        self: &Arc<Self>,
        context: &EncryptionContext,
        wrapped: &WrappedKey,
    ) -> Result<Opening<M>, Unopened> {
        let half = &self.opening;
        let runtime = Handle::try_current().or(Err(KeyringError::NoRuntime))?;
        let id = OpeningId {
            wrapped: wrapped.clone(),
            context: context.clone(),
        };
        let look = || {
            if self.is_shut_down() {
                return Some(Err(KeyringError::ShutDown));
            }
            let now = Instant::now();
            let opened = half.look(context, wrapped, now).ok();
            opened.map(Ok).or_else(|| half.refusal(&id, now).map(Err))
        };
        let waiter = match half.flights.join(&id, look, self.settle_opening(&id)) {
            Joined::Found(found) => return Ok(found?),
            Joined::Waits(waiter) => {
                half.counters.shared_waits.add(1);
                waiter
            }
            Joined::Leads(waiter, landing) => {
                half.counters.loads.add(1);
                self.tend(&runtime);
                landing.start(&runtime, Arc::clone(self).unwrap_key(id));
                waiter
            }
        };
        unopened(waiter.wait().await)
    }

    /// Joins or starts the walk over several wrapped keys.
    async fn open_first(
        self: &Arc<Self>,
        context: &EncryptionContext,
        able: &Arc<[WrappedKey]>,
    ) -> Result<Opening<M>, Unopened> {
        let half = &self.opening;
        let runtime = Handle::try_current().or(Err(KeyringError::NoRuntime))?;
        let id = WalkId {
            able: Arc::clone(able),
            context: context.clone(),
        };
        let look = || self.is_shut_down().then_some(KeyringError::ShutDown);
        let settle = |walked| match walked {
            Ok(opened) => Outcome::Loaded(opened).into(),
            Err(error) => Outcome::Failed(error).into(),
        };
        let waiter = match half.walks.join(&id, look, settle) {
            Joined::Found(error) => return Err(error.into()),
            Joined::Waits(waiter) => {
                half.counters.shared_waits.add(1);
                waiter
            }
            Joined::Leads(waiter, landing) => {
                landing.start(&runtime, Arc::clone(self).walk(id));
                waiter
            }
        };
        unopened(waiter.wait().await)
    }

    async fn walk(self: Arc<Self>, id: WalkId) -> Result<Opening<M>, KeyringError> {
        let walked = self.first_that_opens(&id.able, |wrapped| {
            let (shared, context) = (Arc::clone(&self), id.context.clone());
            async move { shared.open_through(&context, &wrapped).await }
        });
        walked.await.map_err(|failures| KeyringError::NoneOpened {
            failures: failures.into(),
        })
    }

    /// Tries wrapped keys in order: the next one when one has failed, or when none has answered for a while. The first
    /// that opens wins; failing all, what became of each, in their order.
    async fn first_that_opens<T, F>(
        &self,
        able: &[WrappedKey],
        open: impl Fn(WrappedKey) -> F,
    ) -> Result<T, Vec<KeyringError>>
    where
        T: Send + 'static,
        F: Future<Output = Result<T, KeyringError>> + Send + 'static,
    {
        let mut failures = vec![KeyringError::LoadAborted; able.len()];
        let mut waiting = JoinSet::new();
        let mut left = able.iter().zip(0_usize..).peekable();
        loop {
            if let Some((wrapped, place)) = left.next() {
                let opening = open(wrapped.clone());
                waiting.spawn(async move { (place, opening.await) });
            }
            let patience = left.peek().map_or(Duration::MAX, |_| self.hedge_delay);
            match timeout(patience, waiting.join_next()).await {
                Ok(Some(Ok((_, Ok(opened))))) => return Ok(opened),
                Ok(Some(Ok((place, Err(error))))) => {
                    if let Some(failure) = failures.get_mut(place) {
                        *failure = error;
                    }
                }
                // Only a runtime that shuts down ends a waiter.
                Ok(Some(Err(_ended))) => {}
                Ok(None) => return Err(failures),
                Err(_slow) => self.opening.hedges.add(1),
            }
        }
    }

    /// Opens one wrapped key, starting over when an invalidation comes first.
    async fn open_through(
        self: &Arc<Self>,
        context: &EncryptionContext,
        wrapped: &WrappedKey,
    ) -> Result<Opening<M>, KeyringError> {
        for _ in 0..=MAX_RESTARTS {
            match self.open_one(context, wrapped).await {
                Ok(opened) => return Ok(opened),
                Err(Unopened::Failed(error)) => return Err(error),
                Err(Unopened::Superseded) => self.opening.counters.superseded.add(1),
            }
        }
        Err(KeyringError::Invalidated {
            times: MAX_RESTARTS.saturating_add(1),
        })
    }

    async fn unwrap_key(self: Arc<Self>, id: OpeningId) -> Result<Secret<M::Opening>, KeyringError> {
        let call = self.provider.decrypt(&id.context, &id.wrapped);
        let data_key = self.gate.run_in_lane(id.wrapped.key_id(), call).await?;
        let key = self.material.opening(data_key, &id.context)?;
        let elsewhere = |key: &_, lock: &mut dyn FnMut(Range)| self.material.opening_memory(key, lock);
        Ok(Secret::new(key, &self.locker, elsewhere))
    }

    async fn open_uncached(
        self: &Arc<Self>,
        context: &EncryptionContext,
        able: &[WrappedKey],
    ) -> Result<Held<M::Opening>, KeyringError> {
        let opened = self.first_that_opens(able, |wrapped| {
            let shared = Arc::clone(self);
            let id = OpeningId {
                wrapped,
                context: context.clone(),
            };
            self.opening.counters.loads.add(1);
            async move {
                let opened = shared.alone(Arc::clone(&shared).unwrap_key(id)).await;
                if opened.is_err() {
                    shared.opening.counters.failures.add(1);
                }
                opened
            }
        });
        match opened.await.map_err(<[KeyringError; 1]>::try_from) {
            Ok(key) => Ok(Held::alone(key)),
            Err(Ok([only])) => Err(only),
            Err(Err(failures)) => Err(KeyringError::NoneOpened {
                failures: failures.into(),
            }),
        }
    }
}

/// Why a wait yielded no key.
enum Unopened {
    Failed(KeyringError),
    Superseded,
}

impl From<KeyringError> for Unopened {
    fn from(error: KeyringError) -> Self {
        Self::Failed(error)
    }
}

fn unopened<T>(outcome: Outcome<T>) -> Result<T, Unopened> {
    match outcome {
        Outcome::Loaded(opened) => Ok(opened),
        Outcome::Failed(error) => Err(Unopened::Failed(error)),
        Outcome::Superseded => Err(Unopened::Superseded),
    }
}
