//! The sealing keyring, and control over it.
use std::{
    collections::VecDeque,
    fmt,
    sync::{Arc, Weak},
};

use datakey_loads::{Ending, Janitor, Outcome, until};
use datakey_provider::{EncryptionContext, SealingProvider};
use tokio::time::Instant;

use super::{
    core::{Core, Next, Seen},
    entry::{Explanation, SealingSnapshot},
    limits::Usage,
    stats::SealingStats,
};
use crate::{
    config::MAX_RESTARTS,
    error::{KeyringError, NothingKept},
    kept::handle::Held,
    material::{DataKeys, OpeningMaterial, SealingMaterial},
    opening::{core::Core as OpeningCore, keyring::OpeningKeyring},
    revocation::Revocations,
    watch::miss::MissReason,
};

/// How often a caller that waited for a key may find too little of it left by others. After that it gets a data key of its
/// own: as long as there are others, it might never be the first. Fewer would cost a call for each of many callers of a small
/// key, where one load serves several.
const MAX_LOST: u32 = 8;

/// The same for a usage of half a key and more, for which hardly anybody must have come before.
const MAX_LOST_LARGE: u32 = 2;

/// A cache of the data keys that seal, around the sealing half of a provider. Cloning shares it.
///
/// `M` is how keys are [prepared](SealingMaterial) before they are kept. Which provider it is does not show in the type: a
/// service and its test have the same.
///
/// ```
/// use datakey_keyring::{KeyringError, SealingKeyring, Usage};
/// use datakey_provider::{EncryptionContext, SealingProvider};
///
/// async fn seal(provider: impl SealingProvider + 'static) -> Result<(), KeyringError> {
///     let keyring = SealingKeyring::new(provider);
///     let context = EncryptionContext::empty();
///     let held = keyring.key(&context, Usage::message(300)).await?;
///     let (_secret, _wrapped) = (held.data_key(), held.wrapped_keys());
///     Ok(())
/// }
/// ```
pub struct SealingKeyring<M: SealingMaterial = DataKeys> {
    pub(crate) core: Arc<Core<M>>,
}

impl<M: SealingMaterial> SealingKeyring<M> {
    pub(crate) fn around(core: Core<M>) -> Self {
        let own = Self { core: Arc::new(core) };
        own.share_revocations(&Revocations::new());
        own
    }

    /// The live key for a context, with `usage` reserved on it, if there is one: without waiting, and without
    /// allocating but at a thread's first hit on a key.
    ///
    /// `None` when there is no key, or it is too old, or it has too little left; [`key`](Self::key) then loads one. A key
    /// that is due is served and replaced in the background, which takes a tokio runtime to be entered; without one,
    /// nothing is replaced until somebody calls `key`.
    ///
    /// ```
    /// # use datakey_keyring::{SealingKeyring, Usage};
    /// # use datakey_provider::{EncryptionContext, SealingProvider};
    /// # fn with(provider: impl SealingProvider + 'static) {
    /// let keyring = SealingKeyring::new(provider);
    /// assert!(keyring.try_key(&EncryptionContext::empty(), Usage::message(300)).is_none()); // still cold
    /// # }
    /// ```
    #[must_use]
    pub fn try_key(&self, context: &EncryptionContext, usage: Usage) -> Option<Held<M::Key>> {
        self.find(context, usage).ok()
    }

    /// The live key, or what a look into the store came to.
    fn find(&self, context: &EncryptionContext, usage: Usage) -> Result<Held<M::Key>, Option<Seen>> {
        let core = &self.core;
        if core.uncached {
            return Err(None);
        }
        let now = Instant::now();
        let nearby = usage
            .amount()
            .and_then(|wanted| core.look_nearby(context, wanted, now));
        let held = if let Some(held) = nearby {
            held
        } else {
            Janitor::pass_by(core, now);
            let version = core.loads.version();
            match core.look(context, usage, now) {
                Ok(served) => core.hand_out(served),
                Err(reason) => return Err(Some(Seen { version, reason })),
            }
        };
        core.counters.hits.add(1);
        Ok(held)
    }

    /// A key for a context, with `usage` reserved on it: the live one, or one that is loaded now.
    ///
    /// However many callers wait for a context, there is one load, and all of them share its result or its error. Dropping
    /// the returned future does not stop a load whose turn has come: its key is there for the next caller. A usage that is
    /// larger than a whole key's limits, or of unknown length, gets a data key of its own that is not kept, and so does one
    /// that lost the keys that it waited for to others a few times in a row.
    ///
    /// ```
    /// # use datakey_keyring::{KeyringError, SealingKeyring, Usage};
    /// # use datakey_provider::EncryptionContext;
    /// # async fn with(keyring: SealingKeyring) -> Result<(), KeyringError> {
    /// let context = EncryptionContext::new([("tenant", "acme")]).expect("two short texts");
    /// let batch = keyring.key(&context, Usage::batch(5_000, 1_500_000)).await?;
    /// let (secret, wrapped) = (batch.data_key(), batch.wrapped_keys());
    /// # Ok(()) }
    /// ```
    ///
    /// # Errors
    /// [`KeyringError`]: what the provider answered, or why there was no answer. While the provider throttles or is
    /// down, or has not answered for a second, a key past its soft age is served instead, until its hard age.
    pub async fn key(&self, context: &EncryptionContext, usage: Usage) -> Result<Held<M::Key>, KeyringError> {
        match self.find(context, usage) {
            Ok(held) => Ok(held),
            Err(seen) => self.load(context, usage, seen).await,
        }
    }

    async fn load(
        &self,
        context: &EncryptionContext,
        usage: Usage,
        mut seen: Option<Seen>,
    ) -> Result<Held<M::Key>, KeyringError> {
        let core = &self.core;
        core.material.check_context(context)?;
        if let Some(reason) = self.own_key_reason(usage) {
            core.counters.misses.add(reason);
            return Box::pin(core.dedicated(context)).await;
        }
        let (mut restarts, mut lost) = (0_u32, 0_u32);
        let most_lost = if self.is_large(usage) {
            MAX_LOST_LARGE
        } else {
            MAX_LOST
        };
        let mut request = Request::default();
        // A key that may serve at once, and still does not, is not waited for again.
        let mut stale_was_tried = false;
        loop {
            let load = match core.join(context, usage, seen.take())? {
                Next::Now(held) => {
                    self.count_found(&request);
                    return Ok(held);
                }
                Next::Wait { load, leads, reason } => {
                    self.count_wait(&mut request, leads, reason);
                    load
                }
            };
            let patience = core.patience(context, Instant::now());
            let landed = match patience.filter(|_| !stale_was_tried) {
                Some(patience) => {
                    stale_was_tried = patience <= Instant::now();
                    until(patience, load).await
                }
                None => Some(load.await),
            };
            // Not yet: there may be a key past its soft age that serves meanwhile.
            let Some(outcome) = landed else { continue };
            match outcome {
                Outcome::Loaded(entry) => {
                    let now = Instant::now();
                    if let Some(held) = entry.reserve_fresh(usage, now) {
                        return Ok(held);
                    }
                    // Others used it up first, or it lives so short a time that no other would do better.
                    lost = lost.saturating_add(1);
                    if lost > most_lost || now >= entry.life.hard() {
                        return Box::pin(core.dedicated(context)).await;
                    }
                }
                Outcome::Failed(error) => return self.serve_stale(context, usage, error.into()),
                Outcome::Superseded => {
                    core.counters.superseded.add(1);
                    restarts = restarts.saturating_add(1);
                    if restarts > MAX_RESTARTS {
                        let error = KeyringError::Invalidated { times: restarts };
                        return self.serve_stale(context, usage, error);
                    }
                }
            }
        }
    }

    /// Why a usage can only have a key of its own.
    fn own_key_reason(&self, usage: Usage) -> Option<MissReason> {
        let limits = &self.core.limits;
        if self.core.uncached {
            return Some(MissReason::Uncached);
        }
        match usage.amount() {
            None => Some(MissReason::UnknownLength),
            Some(own) if own.bytes > limits.max_bytes() || own.messages > limits.max_messages() => {
                Some(MissReason::Oversize)
            }
            Some(_) => None,
        }
    }

    /// Whether a usage takes half a key or more.
    fn is_large(&self, usage: Usage) -> bool {
        let limits = &self.core.limits;
        let half = |used: u64, limit: u64| used >= limit.div_ceil(2);
        half(usage.messages(), limits.max_messages())
            || half(usage.bytes().unwrap_or(u64::MAX), limits.max_bytes())
    }

    fn count_found(&self, request: &Request) {
        if !request.counted {
            self.core.counters.hits.add(1);
        }
    }

    /// Each request is one miss, and of the waits for loads of others counts one at most.
    fn count_wait(&self, request: &mut Request, leads: bool, reason: MissReason) {
        if !std::mem::replace(&mut request.counted, true) {
            self.core.counters.misses.add(reason);
        }
        request.led |= leads;
        if !leads && !request.led && !std::mem::replace(&mut request.shared, true) {
            self.core.counters.shared_waits.add(1);
        }
    }

    /// After a load that failed: the key past its soft age if the failure says nothing about it, otherwise the failure.
    fn serve_stale(
        &self,
        context: &EncryptionContext,
        usage: Usage,
        error: KeyringError,
    ) -> Result<Held<M::Key>, KeyringError> {
        if error.outage().is_none() {
            return Err(error);
        }
        match self.core.look(context, usage, Instant::now()) {
            Ok(served) => Ok(self.core.hand_out(served)),
            Err(_why) => Err(error),
        }
    }

    /// Loads keys for contexts that are known beforehand, as many at once as loads may be in flight, without reserving
    /// anything on them.
    ///
    /// Answers the contexts that have no key, each with the reason; the others are ready. Callers need not wait for
    /// it: they join its loads.
    ///
    /// ```
    /// # use datakey_keyring::SealingKeyring;
    /// # use datakey_provider::EncryptionContext;
    /// # async fn with(keyring: SealingKeyring, tenants: Vec<EncryptionContext>) {
    /// for (context, error) in keyring.warm(&tenants).await {
    ///     eprintln!("no key for {context:?} yet: {error}");
    /// }
    /// # }
    /// ```
    pub async fn warm<'c>(
        &self,
        contexts: impl IntoIterator<Item = &'c EncryptionContext>,
    ) -> Vec<(EncryptionContext, KeyringError)> {
        let core = &self.core;
        if core.uncached {
            return Vec::new();
        }
        let at_once = core.loads.gate().limits().loads;
        let (mut waits, mut failed) = (VecDeque::new(), Vec::new());
        for context in contexts {
            if waits.len() >= at_once {
                ended(&mut waits, &mut failed).await;
            }
            let checked = core.material.check_context(context).map_err(KeyringError::from);
            match checked.and_then(|()| core.join(context, Usage::batch(0, 0), None)) {
                Ok(Next::Now(_)) => {}
                Ok(Next::Wait { load, .. }) => waits.push_back((context.clone(), load)),
                Err(error) => failed.push((context.clone(), error)),
            }
        }
        while !waits.is_empty() {
            ended(&mut waits, &mut failed).await;
        }
        failed
    }

    /// The provider.
    #[must_use]
    pub fn provider(&self) -> &dyn SealingProvider {
        &*self.core.provider
    }

    /// The material.
    #[must_use]
    pub fn material(&self) -> &M {
        &self.core.material
    }

    /// What the keyring did so far.
    #[must_use]
    pub fn stats(&self) -> SealingStats {
        Janitor::pass_by(&self.core, Instant::now());
        SealingStats::of(&self.core)
    }

    /// What is kept for a context, how old and how used it is, and what the next request would do. Uses nothing up.
    ///
    /// For the question that statistics cannot answer: why *this* context makes calls.
    ///
    /// ```
    /// # use datakey_keyring::{MissReason, SealingKeyring};
    /// # use datakey_provider::{EncryptionContext, SealingProvider};
    /// # fn with(provider: impl SealingProvider + 'static) {
    /// let keyring = SealingKeyring::new(provider);
    /// let why = keyring.explain(&EncryptionContext::empty());
    /// assert_eq!(why.key, Err(MissReason::Cold));
    /// assert_eq!(why.to_string(), "no sealing key (cold); the next request loads one");
    /// # }
    /// ```
    #[must_use]
    pub fn explain(&self, context: &EncryptionContext) -> Explanation {
        let (core, now) = (&self.core, Instant::now());
        Janitor::pass_by(core, now);
        let key = match core.store.peek(context.digest()) {
            Some(entry) => Ok(entry.describe(now)),
            None if core.uncached => Err(MissReason::Uncached),
            None => Err(core.store.why_absent(context.digest())),
        };
        Explanation {
            key,
            loading: core.loads.is_under_way(context),
            shut_down: core.loads.is_shut_down(),
        }
    }

    /// Every key that is kept, in no order.
    ///
    /// ```
    /// # use datakey_keyring::SealingKeyring;
    /// # fn with(keyring: &SealingKeyring) {
    /// for key in keyring.snapshots() {
    ///     println!("{:?}: {} messages in {:?}", key.context, key.messages, key.age);
    /// }
    /// # }
    /// ```
    #[must_use]
    pub fn snapshots(&self) -> Vec<SealingSnapshot> {
        let now = Instant::now();
        Janitor::pass_by(&self.core, now);
        let entries = self.core.store.values();
        entries.map(|entry| entry.describe(now)).collect()
    }

    /// Forgets the key of a context, also one that is being loaded: whoever asks from here on gets a key that was asked for
    /// afterwards. Answers how many kept keys were dropped.
    ///
    /// Keys in somebody's hands go on working until dropped.
    #[expect(
        clippy::must_use_candidate,
        reason = "the count is for whoever wants to log it"
    )]
    pub fn invalidate_context(&self, context: &EncryptionContext) -> usize {
        self.core.forget(
            Ending::Invalidated,
            |own| own == context,
            |entry| entry.context == *context,
        )
    }

    /// Forgets the keys that are wrapped under a key, in all contexts: for a wrapping key that was disabled or
    /// replaced. Answers how many kept keys were dropped.
    ///
    /// `name` is whatever [names the key](SealingProvider::sealing_key_is) to the provider: its id as it stands in messages, and with
    /// AWS KMS the short id, a replica's ARN, and the alias that the provider was built with too.
    ///
    /// Which key id a key will have is not known while it is loaded, so all loads in flight start over.
    ///
    /// # Errors
    /// [`NothingKept`] when no key that is kept is under a key of that name: because there is none in this process, or because
    /// the name is another than the provider knows the key by.
    ///
    /// ```
    /// # use datakey_keyring::SealingKeyring;
    /// # fn with(keyring: &SealingKeyring) {
    /// match keyring.invalidate_key("arn:aws:kms:eu-central-1:111122223333:key/1234abcd-12ab-34cd-56ef-1234567890ab") {
    ///     Ok(keys) => println!("{keys} keys dropped"),
    ///     Err(nothing) => eprintln!("{nothing}"),
    /// }
    /// # }
    /// ```
    pub fn invalidate_key(&self, name: &str) -> Result<usize, NothingKept> {
        let core = &self.core;
        let dropped = core.forget(Ending::Invalidated, |_| true, |entry| core.is_under(entry, name));
        NothingKept::unless(dropped > 0, name)?;
        Ok(dropped)
    }

    /// Tells other keyrings of wrapping keys that may not be used any more, and is told by them, from here on: most often, the
    /// other half of the same process. Until then this keyring keeps to itself.
    pub fn share_revocations(&self, shared: &Revocations) {
        let half = Arc::downgrade(&self.core);
        self.core.revocations.join(shared, half);
    }

    /// Keeps the keys that it loads from here on in an opening keyring too, which then opens this process's own messages without a
    /// call. Both need the same provider. Keys for one use are not kept.
    ///
    /// What the opening keyring is told of revocations and invalidations holds for these keys as for its own, and so does its
    /// time to live.
    pub fn prime<O: OpeningMaterial>(&self, opening: &OpeningKeyring<O>) {
        let opening: Weak<OpeningCore<O>> = Arc::downgrade(opening.core());
        // The first one stays.
        let _already = self.core.primed.set(opening);
    }

    /// Forgets all keys. Answers how many kept keys were dropped.
    ///
    /// ```
    /// # use datakey_keyring::SealingKeyring;
    /// # fn with(keyring: &SealingKeyring) {
    /// let dropped = keyring.invalidate_all();
    /// println!("{dropped} keys dropped");
    /// # }
    /// ```
    #[expect(
        clippy::must_use_candidate,
        reason = "the count is for whoever wants to log it"
    )]
    pub fn invalidate_all(&self) -> usize {
        self.core.forget(Ending::Invalidated, |_| true, |_| true)
    }

    /// Drops all keys for good, which wipes those that nobody holds, and stops all loads. Every later request, and
    /// every waiter, gets [`KeyringError::ShutDown`]. Concerns all clones.
    ///
    /// Keys in somebody's hands go on working and are wiped when dropped, so that a graceful shutdown can finish what
    /// it is sealing.
    pub fn shutdown(&self) {
        self.core.shut_down();
    }
}

/// What the statistics know of a request already.
#[derive(Debug, Default)]
struct Request {
    counted: bool,
    led: bool,
    shared: bool,
}

type Warming<M> = (EncryptionContext, datakey_loads::Wait<Core<M>>);

/// Waits for the first of several loads.
async fn ended<M: SealingMaterial>(
    waits: &mut VecDeque<Warming<M>>,
    failed: &mut Vec<(EncryptionContext, KeyringError)>,
) {
    let Some((context, load)) = waits.pop_front() else {
        return;
    };
    match load.await {
        Outcome::Loaded(_) => {}
        Outcome::Failed(error) => failed.push((context, error.into())),
        Outcome::Superseded => failed.push((context, KeyringError::Invalidated { times: 1 })),
    }
}

impl<M: SealingMaterial> Clone for SealingKeyring<M> {
    fn clone(&self) -> Self {
        Self {
            core: Arc::clone(&self.core),
        }
    }
}

impl<M: SealingMaterial> fmt::Debug for SealingKeyring<M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SealingKeyring")
            .field("uncached", &self.core.uncached)
            .field("limits", &self.core.limits)
            .finish_non_exhaustive()
    }
}
