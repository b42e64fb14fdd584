//! The half that opens: data keys unwrapped under the version of a branch key that their blobs name.
use std::{fmt, sync::Arc, time::Duration};

use datakey_keyring::{NothingKept, OpeningKeyring, OpeningSnapshot, OpeningStats};
use datakey_provider::{
    DataKey, EncryptionContext, ErrorClass, OpeningProvider, Operation, ProviderError, Rank, Scope, Traffic,
    WrappedKey, WrappedKeys, async_trait,
};

use crate::{
    BranchKeyFault, BranchKeyId,
    choice::Choice,
    failed::failed,
    loader::{named, refused},
    material::Keyed,
    wrap::Parts,
};

const OPERATION: Operation = Operation::Decrypt;

/// Unwraps data keys that were wrapped under branch keys, without a call while the version is kept. Cheap to clone; clones share
/// what is kept.
///
/// It is an [`OpeningProvider`]: the version that the wrapped key names is looked for, whether or not it is the active one, and only
/// when it is not kept is the store read and KMS called. It cannot seal, and it cannot create or rotate branch keys.
///
/// # What it refuses, and when
///
/// In this order, and nothing is read before the last two:
///
/// 1. A key id that is no branch key's, or another one than the [fixed](crate::BranchKeysBuilder::branch_key) one: invalid request.
/// 2. An encryption context for which [no branch key](crate::NoBranchKey) is, or another one than the message names: invalid request.
/// 3. A blob that is not of the form of a branch key's: not authentic.
/// 4. A version that the table does not have, or of which KMS says that it was changed: not authentic, and remembered for half a minute, so
///    that a message that comes again and again costs no calls.
/// 5. A data key that does not open under that version with this encryption context: not authentic. It costs no call where the version
///    is kept.
///
/// ```
/// use datakey_branch_keys::{BranchKeyAdmin, BranchKeys, MemoryStore, NewBranchKey};
/// use datakey_provider::{DataKeyLength, EncryptionContext, ErrorClass, OpeningProvider as _, SealingProvider as _, WrappedKey};
/// # use datakey_local::LocalKeys;
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # let (kms, store) = (LocalKeys::generate("orders")?, MemoryStore::new("branch-keys"));
/// # let admin = BranchKeyAdmin::new(store.clone(), kms.clone(), kms.active_key_id());
/// # let id = admin.create(&NewBranchKey::new()).await?.into_description().id;
/// let keys = BranchKeys::builder(store, kms).branch_key(id).build()?;
/// let context = EncryptionContext::new([("tenant", "acme")])?;
/// let made = keys.generate_data_key(&context, DataKeyLength::Bytes32).await?;
/// let wrapped = made.wrapped_keys().first();
///
/// let other = EncryptionContext::new([("tenant", "umbrella")])?;
/// let refused = keys.decrypt(&other, wrapped).await.unwrap_err();
/// assert_eq!(refused.class(), ErrorClass::NotAuthentic);
/// let mut blob = wrapped.blob().to_vec();
/// *blob.last_mut().expect("92 bytes") ^= 1;
/// let altered = WrappedKey::new(wrapped.key_id(), blob)?;
/// assert_eq!(keys.decrypt(&context, &altered).await.unwrap_err().class(), ErrorClass::NotAuthentic);
/// # Ok(()) }
/// ```
#[derive(Clone)]
pub struct OpeningBranchKeys {
    keyring: OpeningKeyring<Keyed>,
    choice: Arc<Choice>,
}

impl OpeningBranchKeys {
    pub(crate) fn new(keyring: OpeningKeyring<Keyed>, choice: Arc<Choice>) -> Self {
        Self { keyring, choice }
    }

    pub(crate) const fn keyring(&self) -> &OpeningKeyring<Keyed> {
        &self.keyring
    }

    /// The branch key that a wrapped key is under, if it may be one of ours.
    fn own(&self, wrapped: &WrappedKey) -> Option<BranchKeyId> {
        BranchKeyId::of_key_id(wrapped.key_id()).filter(|id| self.choice.may_be(id))
    }

    /// What was kept, and why the store and KMS were asked: one load is one read of the store and one call of KMS.
    ///
    /// `calls_made` are loads: versions that were fetched. A reader of many writers has as many as there are versions in use, an hour.
    #[must_use]
    pub fn stats(&self) -> OpeningStats {
        self.keyring.stats()
    }

    /// Every version that is kept, in no order. The context is that of [`BranchKeyId::context`].
    #[must_use]
    pub fn snapshots(&self) -> Vec<OpeningSnapshot> {
        self.keyring.snapshots()
    }

    /// Forgets all versions of a branch key, also those that are being loaded, and all refusals. Answers how many were kept.
    ///
    /// For a branch key that was deleted, or a tenant that left, where an hour is too long. It concerns this process alone: whoever runs a
    /// fleet tells each of them.
    #[expect(
        clippy::must_use_candidate,
        reason = "the count is for whoever wants to log it"
    )]
    pub fn invalidate(&self, id: &BranchKeyId) -> usize {
        self.keyring.invalidate_context(id.context())
    }

    /// Forgets the branch keys under a KMS key, by any name that the provider knows it by. Answers how many versions.
    ///
    /// # Errors
    /// [`NothingKept`] when none that is kept is under a key of that name.
    pub fn invalidate_key(&self, name: &str) -> Result<usize, NothingKept> {
        self.keyring.invalidate_key(name)
    }

    /// Drops all branch keys for good, and stops all loads. Concerns all clones.
    pub fn shutdown(&self) {
        self.keyring.shutdown();
    }
}

#[async_trait]
#[deny(clippy::missing_trait_methods)]
impl OpeningProvider for OpeningBranchKeys {
    fn rank(&self, wrapped: &WrappedKey) -> Option<Rank> {
        self.own(wrapped).map(|_| Rank::LOCAL)
    }

    async fn decrypt(
        &self,
        context: &EncryptionContext,
        wrapped: &WrappedKey,
    ) -> Result<DataKey, ProviderError> {
        let Some(id) = self.own(wrapped) else {
            let foreign = ProviderError::new(ErrorClass::InvalidRequest, OPERATION).unsent();
            return Err(foreign
                .with_key_id(wrapped.key_id())
                .with_source(BranchKeyFault::Form));
        };
        let expected = self.choice.of(OPERATION, context)?;
        if id != expected {
            let fault = BranchKeyFault::OtherBranchKey { expected };
            return Err(refused(OPERATION, ErrorClass::InvalidRequest, &id, fault).unsent());
        }
        let not_authentic =
            || refused(OPERATION, ErrorClass::NotAuthentic, &id, BranchKeyFault::Form).unsent();
        let parts = Parts::of(wrapped).ok_or_else(not_authentic)?;
        let version = WrappedKeys::from(named(OPERATION, &id, parts.version)?);
        let key = self.keyring.key(id.context(), &version).await;
        let key = key.map_err(|error| failed(OPERATION, &id, error))?;
        key.unwrap(&id, context, &parts)
            .map_err(|error| refused(OPERATION, error.class(), &id, error).unsent())
    }

    /// Calls that are made beneath are paced there.
    async fn decrypt_amid(
        &self,
        context: &EncryptionContext,
        wrapped: &WrappedKey,
        _: &dyn Traffic,
    ) -> Result<DataKey, ProviderError> {
        self.decrypt(context, wrapped).await
    }

    /// By the key id in the message, the branch key id alone, or any name of the KMS key beneath it.
    fn opening_key_is(&self, name: &str, key_id: &str) -> bool {
        self.keyring.provider().opening_key_is(name, key_id)
    }

    /// As for sealing: of the versions of one branch key some are kept, and others are not.
    fn opening_scope<'a>(&'a self, _: &'a WrappedKey) -> Scope<'a> {
        Scope::BENEATH
    }

    fn opening_scope_amid<'a>(&'a self, wrapped: &'a WrappedKey, _: &dyn Traffic) -> Scope<'a> {
        self.opening_scope(wrapped)
    }

    fn opening_time_limit(&self) -> Option<Duration> {
        self.keyring.provider().opening_time_limit()
    }
}

impl fmt::Debug for OpeningBranchKeys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("OpeningBranchKeys")
            .field("branch_key", &self.choice)
            .finish_non_exhaustive()
    }
}
