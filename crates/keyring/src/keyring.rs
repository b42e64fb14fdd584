//! The keyring itself, and control over it.
use std::{
    fmt,
    future::poll_fn,
    pin::{Pin, pin},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    task::Poll,
    time::Duration,
};

use datakey_provider::EncryptionContext;
use tokio::{runtime::Handle, task::JoinHandle};

use crate::{
    DataKeys, KeyringBuilder, KeyringError, Material, MissReason, Stats, flight::Ending, gate::Gate,
    janitor::Janitor, jitter::Jitter, locked::Locker, opening::OpeningHalf, sealing::SealingHalf,
};

/// How many times in a row a caller starts over because of an invalidation. Past that, invalidations come faster than
/// keys can be loaded.
pub(crate) const MAX_RESTARTS: u32 = 8;

/// A cache of data keys around a provider. Cloning shares it.
///
/// `P` is the provider: with its sealing half the keyring seals, with its opening half it opens. `M` is how keys are
/// [prepared](Material) before they are kept.
///
/// ```
/// use datakey_keyring::{Keyring, KeyringError, Usage};
/// use datakey_provider::{EncryptionContext, KeyProvider};
///
/// async fn round_trip(provider: impl KeyProvider + 'static) -> Result<(), KeyringError> {
///     let keyring = Keyring::new(provider);
///     let context = EncryptionContext::empty();
///     let sealing = keyring.sealing_key(&context, Usage::message(300)).await?;
///     let opening = keyring.opening_key(&context, sealing.wrapped_keys()).await?;
///     assert!(opening.ct_eq(sealing.data_key()));
///     Ok(())
/// }
/// ```
pub struct Keyring<P, M: Material = DataKeys> {
    pub(crate) shared: Arc<Shared<P, M>>,
}

pub(crate) struct Shared<P, M: Material> {
    pub(crate) provider: P,
    pub(crate) material: M,
    pub(crate) uncached: bool,
    pub(crate) sealing: SealingHalf<M::Sealing>,
    pub(crate) opening: OpeningHalf<M::Opening>,
    pub(crate) gate: Gate,
    pub(crate) hedge_delay: Duration,
    pub(crate) janitor: Janitor,
    pub(crate) jitter: Jitter,
    pub(crate) locker: Locker,
    pub(crate) shut_down: AtomicBool,
}

impl<P> Keyring<P> {
    /// A keyring with the default limits, which hands out the data keys themselves.
    #[must_use]
    pub fn new(provider: P) -> Self {
        Keyring::builder().assemble(provider)
    }

    /// A keyring without a cache: each request is a provider call, and each key is dropped with its holder. No load is
    /// shared. For tests, for comparisons, and where a policy forbids reuse.
    #[must_use]
    pub fn uncached(provider: P) -> Self {
        Keyring::builder().uncached().assemble(provider)
    }
}

impl Keyring<()> {
    /// Starts with the defaults.
    #[must_use]
    pub fn builder() -> KeyringBuilder {
        KeyringBuilder::default()
    }
}

impl<P, M: Material> Keyring<P, M> {
    /// The provider.
    #[must_use]
    pub fn provider(&self) -> &P {
        &self.shared.provider
    }

    /// The material.
    #[must_use]
    pub fn material(&self) -> &M {
        &self.shared.material
    }

    /// What the keyring did so far.
    #[must_use]
    pub fn stats(&self) -> Stats {
        let Shared {
            sealing,
            opening,
            gate,
            ..
        } = &*self.shared;
        let in_flight = sealing
            .flights
            .in_flight()
            .saturating_add(opening.flights.in_flight());
        let (sealing, opening) = (sealing.stats(), opening.stats());
        let calls_made = gate.calls.get();
        let requests = [
            sealing.hits,
            sealing.misses.total(),
            opening.hits,
            opening.misses.total(),
        ];
        Stats {
            sealing,
            opening,
            in_flight: u64::try_from(in_flight).unwrap_or(u64::MAX),
            locked_bytes: self.shared.locker.bytes(),
            lock_failures: self.shared.locker.failures(),
            calls_made,
            calls_avoided: requests
                .into_iter()
                .fold(0, u64::wrapping_add)
                .saturating_sub(calls_made),
        }
    }

    /// Forgets the keys of a context, those that are being loaded included: whoever asks from here on gets a key that
    /// was asked for afterwards. Answers how many kept keys were dropped.
    ///
    /// Keys in somebody's hands go on working until dropped.
    #[expect(
        clippy::must_use_candidate,
        reason = "the count is for whoever wants to log it"
    )]
    pub fn invalidate_context(&self, context: &EncryptionContext) -> usize {
        let Shared { sealing, opening, .. } = &*self.shared;
        let sealed = sealing.flights.end(
            Ending::Invalidated,
            |own| own == context,
            || {
                sealing
                    .store
                    .remove_one(context.digest(), MissReason::Invalidated)
            },
        );
        opening
            .end(Ending::Invalidated, |_, own| own == context)
            .saturating_add(usize::from(sealed.is_some()))
    }

    /// Forgets the keys that are wrapped under a key id, in all contexts: for a wrapping key that was disabled or
    /// replaced. Answers how many kept keys were dropped.
    ///
    /// Which key id a sealing key will have is not known while it is loaded, so all sealing loads in flight start over.
    #[expect(
        clippy::must_use_candidate,
        reason = "the count is for whoever wants to log it"
    )]
    pub fn invalidate_key(&self, key_id: &str) -> usize {
        let Shared { sealing, opening, .. } = &*self.shared;
        let sealed = sealing.flights.end(
            Ending::Invalidated,
            |_| true,
            || {
                let dropped = sealing
                    .store
                    .remove(MissReason::Invalidated, |_, entry| entry.is_under(key_id));
                // The keys that stay lost their refreshes to this.
                sealing.release_attempts();
                dropped
            },
        );
        opening
            .end(Ending::Invalidated, |wrapped, _| wrapped.key_id() == key_id)
            .saturating_add(sealed.len())
    }

    /// Forgets all keys and remembered refusals. Answers how many kept keys were dropped.
    ///
    /// ```
    /// # use datakey_keyring::Keyring;
    /// # fn with<P>(keyring: &Keyring<P>) {
    /// let dropped = keyring.invalidate_all();
    /// println!("{dropped} keys dropped");
    /// # }
    /// ```
    #[expect(
        clippy::must_use_candidate,
        reason = "the count is for whoever wants to log it"
    )]
    pub fn invalidate_all(&self) -> usize {
        self.forget_all(Ending::Invalidated)
    }

    /// Drops all keys for good, which wipes those that nobody holds, and stops all loads. Every later request, and
    /// every waiter, gets [`KeyringError::ShutDown`]. Concerns all clones.
    ///
    /// Keys in somebody's hands go on working and are wiped when dropped, so that a graceful shutdown can finish what
    /// it is sealing.
    pub fn shutdown(&self) {
        self.shared.shut_down.store(true, Ordering::SeqCst);
        self.shared.gate.close();
        self.shared.janitor.dismiss();
        self.forget_all(Ending::ShutDown);
    }

    fn forget_all(&self, ending: Ending) -> usize {
        let Shared { sealing, opening, .. } = &*self.shared;
        let sealed = sealing.flights.end(
            ending,
            |_| true,
            || sealing.store.remove(MissReason::Invalidated, |_, _| true),
        );
        opening.end(ending, |_, _| true).saturating_add(sealed.len())
    }
}

impl<P, M: Material> Shared<P, M> {
    pub(crate) fn is_shut_down(&self) -> bool {
        self.shut_down.load(Ordering::SeqCst)
    }

    /// Runs a call for one caller, as a task of its own so that a panic is an error, stopped when the caller goes.
    pub(crate) async fn alone<T: Send + 'static>(
        &self,
        call: impl Future<Output = Result<T, KeyringError>> + Send + 'static,
    ) -> Result<T, KeyringError> {
        if self.is_shut_down() {
            return Err(KeyringError::ShutDown);
        }
        let runtime = Handle::try_current().or(Err(KeyringError::NoRuntime))?;
        let mut task = StoppedOnDrop(runtime.spawn(call));
        let mut ended = pin!(self.gate.ended());
        let joined = poll_fn(|cx| match ended.as_mut().poll(cx) {
            Poll::Ready(()) => Poll::Ready(Ok(Err(KeyringError::ShutDown))),
            Poll::Pending => Pin::new(&mut task.0).poll(cx),
        });
        match joined.await {
            Ok(result) => result,
            Err(error) if error.is_panic() => Err(KeyringError::LoadPanicked),
            Err(_cancelled) => Err(KeyringError::LoadAborted),
        }
    }
}

struct StoppedOnDrop<T>(JoinHandle<T>);

impl<T> Drop for StoppedOnDrop<T> {
    fn drop(&mut self) {
        self.0.abort();
    }
}

impl<P, M: Material> Clone for Keyring<P, M> {
    fn clone(&self) -> Self {
        Self {
            shared: Arc::clone(&self.shared),
        }
    }
}

impl<P, M: Material> fmt::Debug for Keyring<P, M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Keyring")
            .field("uncached", &self.shared.uncached)
            .field("sealing", &self.shared.sealing.limits)
            .field("opening", &self.shared.opening.limits)
            .field("shut_down", &self.shared.is_shut_down())
            .finish_non_exhaustive()
    }
}
