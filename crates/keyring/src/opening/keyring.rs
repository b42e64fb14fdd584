//! The opening keyring, and control over it.
use std::{
    cell::Cell,
    fmt,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
};

use datakey_loads::{Ending, Janitor, Outcome, PATIENCE, Wait, later, until};
use datakey_provider::{EncryptionContext, OpeningProvider, WrappedKey, WrappedKeys};
use tokio::time::Instant;

use super::{
    core::{Core, Next},
    entry::{OpeningId, OpeningSnapshot},
    stats::OpeningStats,
    walk::{Asked, Step, Unopened, first_that_opens},
};
use crate::{
    error::{KeyringError, NothingKept},
    kept::handle::Held,
    material::{DataKeys, OpeningMaterial},
    revocation::Revocations,
    watch::miss::MissReason,
};

/// A cache of the data keys that open, around the opening half of a provider. Cloning shares it.
///
/// `M` is how keys are [prepared](OpeningMaterial) before they are kept. Which provider it is does not show in the type: a
/// service and its test have the same.
///
/// ```
/// use datakey_keyring::{KeyringError, OpeningKeyring};
/// use datakey_provider::{EncryptionContext, OpeningProvider, WrappedKeys};
///
/// async fn open(provider: impl OpeningProvider + 'static, wrapped: &WrappedKeys) -> Result<(), KeyringError> {
///     let keyring = OpeningKeyring::new(provider);
///     let data_key = keyring.key(&EncryptionContext::empty(), wrapped).await?;
///     let _secret = data_key.expose_secret();
///     Ok(())
/// }
/// ```
pub struct OpeningKeyring<M: OpeningMaterial = DataKeys> {
    pub(crate) core: Arc<Core<M>>,
}

impl<M: OpeningMaterial> OpeningKeyring<M> {
    pub(crate) const fn core(&self) -> &Arc<Core<M>> {
        &self.core
    }

    pub(crate) fn around(core: Core<M>) -> Self {
        let own = Self { core: Arc::new(core) };
        own.share_revocations(&Revocations::new());
        own
    }

    /// The key that opens a message, if one of its wrapped keys was unwrapped a while ago: without waiting, without
    /// allocating.
    ///
    /// ```
    /// # use datakey_keyring::OpeningKeyring;
    /// # use datakey_provider::{EncryptionContext, WrappedKeys};
    /// # fn with(keyring: &OpeningKeyring, context: &EncryptionContext, wrapped: &WrappedKeys) {
    /// if let Some(key) = keyring.try_key(context, wrapped) {
    ///     assert_eq!(key.expose_secret().len(), 32);
    /// }
    /// # }
    /// ```
    #[must_use]
    pub fn try_key(&self, context: &EncryptionContext, wrapped: &WrappedKeys) -> Option<Held<M::Key>> {
        self.find(context, wrapped, &mut whichever).ok()
    }

    /// What `take` makes of the first kept key that it takes, or why there is none for the first of the wrapped keys.
    fn find<T>(
        &self,
        context: &EncryptionContext,
        wrapped: &WrappedKeys,
        take: &mut impl FnMut(&WrappedKey, Held<M::Key>) -> Option<T>,
    ) -> Result<T, MissReason> {
        let core = &self.core;
        if core.uncached {
            return Err(MissReason::Uncached);
        }
        let now = Instant::now();
        let mut nearby = |wrapped: &WrappedKey| take(wrapped, core.look_nearby(context, wrapped, now)?);
        let taken = if let Some(taken) = wrapped.iter().find_map(&mut nearby) {
            taken
        } else {
            Janitor::pass_by(core, now);
            self.take_live(context, wrapped, take)?
        };
        core.counters.hits.add(1);
        Ok(taken)
    }

    /// The key that opens a message: a kept one, or one that is unwrapped now.
    ///
    /// Of the message's wrapped keys, those that the provider [recognises](OpeningProvider::rank) are tried, lowest
    /// rank first, and the first that opens wins; the next is tried when one has failed, or has not answered within the
    /// [hedge delay](crate::OpeningKeyringBuilder::hedge_delay). However many callers wait for a wrapped key, there is one
    /// call, and all of them share its result or its error. A refusal of key or message is remembered for a short time, in which the
    /// provider is not asked again.
    ///
    /// Where whoever stores messages may have put another message's wrapped key among those of this one, the first that
    /// opens need not be the message's: see [`open_with`](Self::open_with).
    ///
    /// # Errors
    /// [`KeyringError`]: [`NotRecognised`](KeyringError::NotRecognised) when none of the wrapped keys is the
    /// provider's; otherwise what the provider answered to the only one, or
    /// [`NoneOpened`](KeyringError::NoneOpened) with what it answered to each.
    pub async fn key(
        &self,
        context: &EncryptionContext,
        wrapped: &WrappedKeys,
    ) -> Result<Held<M::Key>, KeyringError> {
        let mut take = whichever;
        match self.find(context, wrapped, &mut take) {
            Ok(held) => Ok(held),
            Err(reason) => Box::pin(self.load(context, wrapped, reason, take)).await,
        }
    }

    /// What `open` makes of the message's key: for formats whose messages tell whether a key is theirs, by a commitment.
    ///
    /// A wrapped key that opens need not be the message's: whoever may write where messages are stored can put that of
    /// another message in its place, under the same wrapping key and encryption context. So `open` is given the keys one
    /// after the other, kept ones first, then as [`key`](Self::key) would try them, and answers `None` to one that is
    /// not the message's, each time that it is given it. Then the next one is tried. What the keyring keeps decides how soon
    /// the right one is found, and never which.
    ///
    /// A key that is not this message's may be another's: it is kept like any other, and nothing is remembered against it. Each
    /// wrapped key costs one call at the most, however many of them are foreign.
    ///
    /// ```
    /// # use datakey_keyring::{KeyringError, OpeningKeyring};
    /// # use datakey_provider::{DataKey, EncryptionContext, WrappedKeys};
    /// # struct Message { wrapped: WrappedKeys }
    /// # impl Message {
    /// #     fn is_committed_to(&self, _: &DataKey) -> bool { true }
    /// #     fn opened(&self, _: &DataKey) -> Vec<u8> { Vec::new() }
    /// # }
    /// # async fn with(keyring: &OpeningKeyring, context: &EncryptionContext, message: Message) -> Result<(), KeyringError> {
    /// let opened = keyring.open_with(context, &message.wrapped, |_, key| {
    ///     message.is_committed_to(key).then(|| message.opened(key))
    /// });
    /// match opened.await {
    ///     Ok(plaintext) => println!("{} bytes", plaintext.len()),
    ///     Err(error) if error.is_of_other_keys() => println!("none of the wrapped keys is the message's"),
    ///     Err(error) => return Err(error),
    /// }
    /// # Ok(()) }
    /// ```
    ///
    /// # Errors
    /// As [`key`](Self::key), with [`OtherKey`](KeyringError::OtherKey) for each wrapped key to which `open` answered
    /// `None`.
    pub async fn open_with<T>(
        &self,
        context: &EncryptionContext,
        wrapped: &WrappedKeys,
        mut open: impl FnMut(&WrappedKey, &Held<M::Key>) -> Option<T>,
    ) -> Result<T, KeyringError> {
        let mut take = |wrapped: &WrappedKey, held: Held<M::Key>| {
            let opened = open(wrapped, &held)?;
            held.count_use();
            Some(opened)
        };
        match self.find(context, wrapped, &mut take) {
            Ok(opened) => Ok(opened),
            Err(reason) => Box::pin(self.load(context, wrapped, reason, take)).await,
        }
    }

    /// As [`open_with`](Self::open_with), without the cache: no kept key is looked for, and none is kept. For formats that use
    /// a data key for one message only, so that keeping it serves nobody.
    ///
    /// Each request is a provider call, a miss of the reason [`Uncached`](MissReason::Uncached), and shared with nobody.
    ///
    /// # Errors
    /// As [`open_with`](Self::open_with).
    pub async fn open_uncached_with<T>(
        &self,
        context: &EncryptionContext,
        wrapped: &WrappedKeys,
        mut open: impl FnMut(&WrappedKey, &Held<M::Key>) -> Option<T>,
    ) -> Result<T, KeyringError> {
        let take = |wrapped: &WrappedKey, held: Held<M::Key>| open(wrapped, &held);
        Box::pin(self.load(context, wrapped, MissReason::Uncached, take)).await
    }

    async fn load<T>(
        &self,
        context: &EncryptionContext,
        wrapped: &WrappedKeys,
        reason: MissReason,
        mut take: impl FnMut(&WrappedKey, Held<M::Key>) -> Option<T>,
    ) -> Result<T, KeyringError> {
        let core = &self.core;
        if core.loads.is_shut_down() {
            return Err(KeyringError::ShutDown);
        }
        let able = core.able(context, wrapped, Instant::now())?;
        if able.is_empty() {
            core.not_recognised.add(1);
            return Err(KeyringError::NotRecognised {
                key_ids: wrapped.iter().map(|key| key.key_id().into()).collect(),
            });
        }
        core.counters.misses.add(reason);
        let opened = if reason == MissReason::Uncached {
            let ask = |wrapped: &WrappedKey| {
                let alone = Arc::clone(core).alone(OpeningId::new(wrapped, context));
                let since = Instant::now();
                Asked::Waits(Opening::Alone(Box::pin(alone)), since)
            };
            self.walk(&able, ask, take).await
        } else {
            let mut request = Request::default();
            let mut patience = core.patience(context, &able, Instant::now());
            loop {
                let shared = self.walk_shared(context, &able, &mut request, &mut take);
                let walked = match patience {
                    Some(patience) => until(patience, shared).await,
                    None => Some(shared.await),
                };
                if matches!(walked, Some(Ok(_))) || core.limits.stale_ttl() == core.limits.ttl() {
                    break walked.unwrap_or_else(|| Err(Vec::new()));
                }
                // A key that is past its time may serve while the provider fails, or does not answer.
                match (self.take_live(context, wrapped, &mut take), walked) {
                    (Ok(stale), _) => break Ok(stale),
                    (Err(_why), Some(failed)) => break failed,
                    (Err(_why), None) => patience = None,
                }
            }
        };
        if opened.is_err() && core.loads.is_shut_down() {
            return Err(KeyringError::ShutDown);
        }
        opened.map_err(|mut failures| match (failures.len(), failures.pop()) {
            (1, Some(only)) => only,
            (_, last) => KeyringError::NoneOpened {
                failures: failures.into_iter().chain(last).collect(),
            },
        })
    }

    /// Asks for the wrapped keys, together with whoever else asks for them.
    async fn walk_shared<T>(
        &self,
        context: &EncryptionContext,
        able: &[WrappedKey],
        request: &mut Request,
        take: &mut impl FnMut(&WrappedKey, Held<M::Key>) -> Option<T>,
    ) -> Result<T, Vec<KeyringError>> {
        let ask = |wrapped: &WrappedKey| match self.core.join(context, wrapped) {
            Next::Now(entry) => Asked::Opened(entry.held()),
            Next::Refused(error) => Asked::Refused(error),
            Next::Wait { load, leads } => {
                self.count_wait(request, leads);
                let since = load.since();
                Asked::Waits(Opening::Shared(load), since)
            }
        };
        self.walk(able, ask, take).await
    }

    /// What `take` makes of the first of the keys in the store that it takes, or why there is none for the first wrapped key.
    fn take_live<T>(
        &self,
        context: &EncryptionContext,
        wrapped: &WrappedKeys,
        take: &mut impl FnMut(&WrappedKey, Held<M::Key>) -> Option<T>,
    ) -> Result<T, MissReason> {
        let now = Instant::now();
        let mut first = None;
        let live = |wrapped: &WrappedKey| {
            let taken = self.core.live(context, wrapped, now);
            let taken = taken.and_then(|held| take(wrapped, held).ok_or(MissReason::OtherKey));
            taken.map_err(|reason| *first.get_or_insert(reason)).ok()
        };
        let taken = wrapped.iter().find_map(live);
        taken.ok_or(first.unwrap_or(MissReason::New))
    }

    async fn walk<T>(
        &self,
        able: &[WrappedKey],
        mut ask: impl FnMut(&WrappedKey) -> Asked<Held<M::Key>, Opening<M>>,
        mut take: impl FnMut(&WrappedKey, Held<M::Key>) -> Option<T>,
    ) -> Result<T, Vec<KeyringError>> {
        let core = &self.core;
        let ask = |place: usize| match able.get(place) {
            Some(wrapped) => ask(wrapped),
            None => Asked::Refused(KeyringError::LoadPanicked),
        };
        let take = |place: usize, held| take(able.get(place)?, held);
        let told = |step| match step {
            Step::Hedged => core.hedges.add(1),
            Step::Superseded => core.counters.superseded.add(1),
        };
        first_that_opens(able.len(), core.hedge_delay, ask, take, told).await
    }

    /// Of the waits for loads of others, each request counts one at most.
    fn count_wait(&self, request: &mut Request, leads: bool) {
        request.led |= leads;
        if !leads && !request.led && !std::mem::replace(&mut request.shared, true) {
            self.core.counters.shared_waits.add(1);
        }
    }

    /// The provider.
    #[must_use]
    pub fn provider(&self) -> &dyn OpeningProvider {
        &*self.core.provider
    }

    /// The material.
    #[must_use]
    pub fn material(&self) -> &M {
        &self.core.material
    }

    /// What the keyring did so far.
    #[must_use]
    pub fn stats(&self) -> OpeningStats {
        Janitor::pass_by(&self.core, Instant::now());
        OpeningStats::of(&self.core)
    }

    /// Every key that is kept, in no order.
    ///
    /// ```
    /// # use datakey_keyring::OpeningKeyring;
    /// # fn with(keyring: &OpeningKeyring) {
    /// for key in keyring.snapshots() {
    ///     println!("{:?} under {}: used {} times in {:?}", key.context, key.key_id, key.uses, key.age);
    /// }
    /// # }
    /// ```
    #[must_use]
    pub fn snapshots(&self) -> Vec<OpeningSnapshot> {
        let now = Instant::now();
        Janitor::pass_by(&self.core, now);
        let entries = self.core.store.entries();
        entries.map(|(id, entry)| entry.describe(&id, now)).collect()
    }

    /// Forgets the keys of a context, those that are being loaded included: whoever asks from here on gets a key that
    /// was asked for afterwards. Forgets all refusals too. Answers how many kept keys were dropped.
    ///
    /// Keys in somebody's hands go on working until dropped.
    #[expect(
        clippy::must_use_candidate,
        reason = "the count is for whoever wants to log it"
    )]
    pub fn invalidate_context(&self, context: &EncryptionContext) -> usize {
        self.core.forget(Ending::Invalidated, |id| id.context == *context)
    }

    /// Forgets the keys that are wrapped under a key, in all contexts, those that are being loaded included: for a wrapping key
    /// that was disabled or replaced. Forgets all refusals too. Answers how many kept keys were dropped.
    ///
    /// `name` is whatever [names the key](OpeningProvider::opening_key_is) to the provider: its id as it stands in messages, and with
    /// AWS KMS the short id, a replica's ARN, and the alias that the provider was built with too.
    ///
    /// # Errors
    /// [`NothingKept`] when no key that is kept or being loaded is under a key of that name: because there is none in this
    /// process, or because the name is another than the provider knows the key by.
    pub fn invalidate_key(&self, name: &str) -> Result<usize, NothingKept> {
        let found = Cell::new(false);
        let dropped = self.core.forget(Ending::Invalidated, |id| {
            let is_under = self.core.is_under(id, name);
            found.set(found.get() || is_under);
            is_under
        });
        NothingKept::unless(found.get(), name)?;
        Ok(dropped)
    }

    /// Forgets that the provider refused to open a message a moment ago, so that the next request asks it again: for a message that is
    /// known to open now. Answers for how many of its wrapped keys there was a refusal.
    ///
    /// Refusals [lapse](crate::DEFAULT_REFUSAL_TTL) by themselves, and each invalidation forgets all of them.
    ///
    /// An operator has just granted what was denied, and does not want to wait for half a minute.
    #[expect(
        clippy::must_use_candidate,
        reason = "the count is for whoever wants to log it"
    )]
    pub fn forget_refusal(&self, context: &EncryptionContext, wrapped: &WrappedKeys) -> usize {
        let forget = |key: &&WrappedKey| self.core.refusals.forget(&OpeningId::new(key, context));
        wrapped.iter().filter(forget).count()
    }

    /// Tells other keyrings of wrapping keys that may not be used any more, and is told by them, from here on: most often, the
    /// other half of the same process. Until then this keyring keeps to itself.
    pub fn share_revocations(&self, shared: &Revocations) {
        let half = Arc::downgrade(&self.core);
        self.core.revocations.join(shared, half);
    }

    /// Forgets all keys and remembered refusals. Answers how many kept keys were dropped.
    #[expect(
        clippy::must_use_candidate,
        reason = "the count is for whoever wants to log it"
    )]
    pub fn invalidate_all(&self) -> usize {
        self.core.forget(Ending::Invalidated, |_| true)
    }

    /// Drops all keys for good, which wipes those that nobody holds, and stops all loads. Every later request, and
    /// every waiter, gets [`KeyringError::ShutDown`]. Concerns all clones.
    ///
    /// Keys in somebody's hands go on working and are wiped when dropped.
    pub fn shutdown(&self) {
        self.core.shut_down();
    }
}

/// Takes whichever key opens.
fn whichever<T>(_wrapped: &WrappedKey, held: Held<T>) -> Option<Held<T>> {
    held.count_use();
    Some(held)
}

/// What the statistics know of a request already.
#[derive(Debug, Default)]
struct Request {
    led: bool,
    shared: bool,
}

/// A call for one caller.
type Alone<T> = Pin<Box<dyn Future<Output = Result<Held<T>, KeyringError>> + Send>>;

/// A wrapped key that is being opened.
enum Opening<M: OpeningMaterial> {
    Shared(Wait<Core<M>>),
    Alone(Alone<M::Key>),
}

impl<M: OpeningMaterial> Future for Opening<M> {
    type Output = Result<Held<M::Key>, Unopened>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        match self.get_mut() {
            Self::Shared(wait) => Pin::new(wait).poll(cx).map(|outcome| match outcome {
                // It was loaded for those who wait, however short its life is; but not for those who come back long after.
                Outcome::Loaded(entry) if Instant::now() < later(entry.life.hard(), PATIENCE) => {
                    Ok(entry.held())
                }
                Outcome::Loaded(_) => Err(Unopened::Superseded),
                Outcome::Failed(error) => Err(Unopened::Failed(error.into())),
                Outcome::Superseded => Err(Unopened::Superseded),
            }),
            Self::Alone(opening) => opening
                .as_mut()
                .poll(cx)
                .map(|opened| opened.map_err(Unopened::Failed)),
        }
    }
}

impl<M: OpeningMaterial> Clone for OpeningKeyring<M> {
    fn clone(&self) -> Self {
        Self {
            core: Arc::clone(&self.core),
        }
    }
}

impl<M: OpeningMaterial> fmt::Debug for OpeningKeyring<M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("OpeningKeyring")
            .field("uncached", &self.core.uncached)
            .field("limits", &self.core.limits)
            .finish_non_exhaustive()
    }
}
