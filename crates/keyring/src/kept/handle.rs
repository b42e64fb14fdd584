//! A key in somebody's hands: handed out through a handle for each stripe of threads, so that cores do not meet on its counts.
//!
//! Cloning one shared `Arc` on two cores costs several times what it costs on one. Each stripe has an `Arc` of its own
//! around the key, and with it the messages and bytes that are leased to that stripe: a hit touches memory that no other
//! stripe writes.
use std::{
    array,
    cell::Cell,
    fmt,
    ops::Deref,
    sync::{
        Arc, OnceLock,
        atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering},
    },
};

use super::{lease::Lease, secret::Secret};

/// How many groups the threads are divided into.
pub(crate) const STRIPES: usize = 16;

static NEXT_THREAD: AtomicUsize = AtomicUsize::new(0);

thread_local! {
    static STRIPE: Cell<usize> = Cell::new(NEXT_THREAD.fetch_add(1, Ordering::Relaxed) % STRIPES);
}

/// The group of this thread.
pub(crate) fn stripe() -> usize {
    STRIPE.with(Cell::get)
}

/// What one stripe of threads holds of a key. On cache lines of its own.
#[repr(align(64))]
pub(crate) struct Handle<T> {
    pub(crate) key: Secret<T>,
    pass: Arc<Pass>,
    pub(crate) lease: Lease,
    uses: AtomicU64,
}

/// Whether a key may still be handed out. Written once, read by every hit.
#[derive(Debug)]
#[repr(align(64))]
struct Pass(AtomicBool);

/// A key and its handles, which are made when a stripe first asks.
pub(crate) struct Handles<T> {
    key: Secret<T>,
    pass: Arc<Pass>,
    stripes: [OnceLock<Arc<Handle<T>>>; STRIPES],
}

impl<T> Handle<T> {
    fn new(key: Secret<T>, pass: Arc<Pass>) -> Self {
        Self {
            key,
            pass,
            lease: Lease::default(),
            uses: AtomicU64::new(0),
        }
    }

    /// A handle on a key that is kept nowhere.
    pub(crate) fn alone(key: Secret<T>) -> Self {
        Self::new(key, Arc::new(Pass(AtomicBool::new(false))))
    }

    /// Whether the key is still the one to hand out.
    pub(crate) fn is_live(&self) -> bool {
        self.pass.0.load(Ordering::Acquire)
    }

    /// Counts one use.
    pub(crate) fn count_use(&self) {
        self.uses.fetch_add(1, Ordering::Relaxed);
    }
}

impl<T> Handles<T> {
    pub(crate) fn new(key: Secret<T>) -> Self {
        Self {
            key,
            pass: Arc::new(Pass(AtomicBool::new(true))),
            stripes: array::from_fn(|_| OnceLock::new()),
        }
    }

    /// The handle of a stripe.
    pub(crate) fn of(&self, stripe: usize) -> Arc<Handle<T>> {
        let new = || Arc::new(Handle::new(self.key.clone(), Arc::clone(&self.pass)));
        match self.stripes.get(stripe) {
            Some(cell) => Arc::clone(cell.get_or_init(new)),
            None => new(),
        }
    }

    /// What is leased to each stripe.
    pub(crate) fn leases(&self) -> impl Iterator<Item = &Lease> {
        self.stripes.iter().filter_map(|cell| Some(&cell.get()?.lease))
    }

    /// How often the key was used, where uses are counted.
    pub(crate) fn uses(&self) -> u64 {
        self.stripes
            .iter()
            .filter_map(|cell| Some(cell.get()?.uses.load(Ordering::Relaxed)))
            .fold(0, u64::wrapping_add)
    }

    /// From here on no stripe hands the key out.
    pub(crate) fn retire(&self) {
        self.pass.0.store(false, Ordering::Release);
    }
}

/// A key that the keyring handed out. Dereferences to what the material prepared.
///
/// Eviction, expiry and invalidation never take it away: it works until dropped, and whoever drops it last wipes it.
/// Hold it for one message, one stream or one batch, not for longer: the limits are checked when it is handed out.
///
/// ```
/// use datakey_keyring::{SealingKeyring, Usage};
/// use datakey_provider::EncryptionContext;
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # use datakey_fake_kms::FakeKms;
/// # let fake = FakeKms::new();
/// # let kms = fake.provider(&fake.create_key()?);
/// let (keyring, context) = (SealingKeyring::new(kms), EncryptionContext::empty());
/// let held = keyring.key(&context, Usage::message(300)).await?;
/// keyring.shutdown(); // another task ends the process gracefully
/// assert_eq!(held.data_key().expose_secret().len(), 32); // what is being sealed is sealed to its end
/// assert!(keyring.key(&context, Usage::message(300)).await.is_err());
/// # Ok(()) }
/// ```
pub struct Held<T>(Arc<Handle<T>>);

impl<T> Held<T> {
    pub(crate) const fn new(handle: Arc<Handle<T>>) -> Self {
        Self(handle)
    }

    /// A key that nobody else will be handed.
    pub(crate) fn alone(key: Secret<T>) -> Self {
        Self(Arc::new(Handle::alone(key)))
    }

    /// Counts one use, where uses are counted.
    pub(crate) fn count_use(&self) {
        self.0.count_use();
    }

    /// Whether two hold the same key object.
    #[must_use]
    pub fn same(&self, other: &Self) -> bool {
        self.0.key.same(&other.0.key)
    }
}

impl<T> Deref for Held<T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.0.key
    }
}

impl<T> Clone for Held<T> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

impl<T> fmt::Debug for Held<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Held(..)")
    }
}
