//! What a refusal says may no longer be used: one way for all loads, and for both halves of a process.
use std::{
    fmt,
    panic::{AssertUnwindSafe, catch_unwind},
    sync::{Arc, Mutex, MutexGuard, PoisonError, Weak},
};

use datakey_provider::ProviderError;

use crate::error::KeyringError;

/// What keyrings tell each other of wrapping keys that may not be used any more. Cloning shares it.
///
/// A keyring learns from any of its loads that a wrapping key is disabled, to be deleted or gone: from a refresh, from a load for
/// another context, from one for a single caller. It drops every key under that wrapping key, and so does each keyring
/// that shares this with it.
///
/// ```
/// use datakey_keyring::{OpeningKeyring, Revocations, SealingKeyring};
/// use datakey_provider::KeyProvider;
///
/// fn both(kms: impl KeyProvider + Clone + 'static) -> (SealingKeyring, OpeningKeyring) {
///     let (sealing, opening) = (SealingKeyring::new(kms.clone()), OpeningKeyring::new(kms));
///     let shared = Revocations::new();
///     sealing.share_revocations(&shared);
///     opening.share_revocations(&shared);
///     (sealing, opening)
/// }
/// ```
///
/// ```
/// use datakey_keyring::{OpeningKeyring, Revocations, SealingKeyring, Usage};
/// use datakey_provider::EncryptionContext;
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # use datakey_fake_kms::FakeKms;
/// # let fake = FakeKms::new();
/// # let kms = fake.provider(&fake.create_key()?);
/// let (sealing, opening) = (SealingKeyring::new(kms.clone()), OpeningKeyring::new(kms.clone()));
/// let shared = Revocations::new();
/// sealing.share_revocations(&shared);
/// opening.share_revocations(&shared);
/// let context = EncryptionContext::new([("tenant", "acme")])?;
/// let key = sealing.key(&context, Usage::message(300)).await?;
/// opening.key(&context, key.wrapped_keys()).await?;
///
/// // The key is disabled, and a load for another tenant is the first to learn it.
/// fake.disable_key(kms.key_arn())?;
/// let other = EncryptionContext::new([("tenant", "umbrella")])?;
/// assert!(sealing.key(&other, Usage::message(300)).await.is_err());
/// assert_eq!((sealing.stats().live, opening.stats().live), (0, 0)); // neither half goes on with what it has
/// # Ok(()) }
/// ```
///
/// It holds keyrings weakly: one that is dropped is forgotten. A keyring is in one company at a time, that which it joined last.
#[derive(Clone, Default)]
pub struct Revocations(Arc<Mutex<Vec<Weak<dyn Half>>>>);

/// A keyring that drops keys. It takes no lock but those of its own store: it may be told while loads land.
pub(crate) trait Half: Send + Sync {
    /// Drops the keys under a wrapping key, by whatever name of it. They are let go by whoever gets them, outside of all locks.
    fn drop_under(&self, name: &str) -> Vec<Gone>;
}

/// A key that was dropped, to be let go outside of all locks.
pub(crate) type Gone = Box<dyn Send>;

impl Revocations {
    /// Shared by nobody yet.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    fn halves(&self) -> MutexGuard<'_, Vec<Weak<dyn Half>>> {
        // Nothing that runs under the lock leaves it half changed.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Adds a keyring, for as long as there is one.
    fn join(&self, half: Weak<dyn Half>) {
        let mut halves = self.halves();
        halves.retain(|half| half.strong_count() > 0);
        halves.push(half);
    }

    /// Drops the keys under a wrapping key in every keyring.
    fn revoke(&self, name: &str) -> Vec<Gone> {
        let halves: Vec<Arc<dyn Half>> = self.halves().iter().filter_map(Weak::upgrade).collect();
        let mut gone: Vec<Gone> = halves.iter().flat_map(|half| half.drop_under(name)).collect();
        // Whoever holds the last of them lets it go outside of all locks too.
        if !gone.is_empty() {
            gone.push(Box::new(halves));
        }
        gone
    }
}

/// What one keyring has joined.
#[derive(Debug, Default)]
pub(crate) struct Joined(Mutex<Revocations>);

impl Joined {
    fn shared(&self) -> MutexGuard<'_, Revocations> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Joins another company, with this half.
    pub(crate) fn join(&self, shared: &Revocations, half: Weak<dyn Half>) {
        shared.join(half);
        *self.shared() = shared.clone();
    }

    /// Drops the keys under a wrapping key in every keyring of the company.
    pub(crate) fn revoke(&self, name: &str) -> Vec<Gone> {
        let shared = self.shared().clone();
        shared.revoke(name)
    }
}

impl fmt::Debug for Revocations {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Revocations(..)")
    }
}

/// Whether a name is a key's, as its provider says. One that panics over that question has it taken for yes: a key too many that
/// is dropped costs a call, and one that stays may be the one that was revoked.
pub(crate) fn is_named(asked: impl FnOnce() -> bool) -> bool {
    catch_unwind(AssertUnwindSafe(asked)).unwrap_or(true)
}

/// The wrapping key that a refusal names.
pub(crate) fn named(error: &KeyringError) -> Option<&str> {
    error.provider_error().and_then(ProviderError::key_id)
}
