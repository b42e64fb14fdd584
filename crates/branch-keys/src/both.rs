//! Both halves in one.
use std::time::Duration;

use datakey_provider::{
    DataKey, DataKeyLength, EncryptionContext, GeneratedDataKey, OpeningProvider, ProviderError, Rank, Scope,
    SealingProvider, Traffic, WrappedKey, WrappedKeys, async_trait,
};

use crate::{OpeningBranchKeys, SealingBranchKeys};

/// Branch keys for a process that seals and opens: a `KeyProvider`. Cheap to clone; clones share what is kept.
///
/// [`SealingBranchKeys`] and [`OpeningBranchKeys`] are its halves.
///
/// It goes where any provider goes: under a keyring of data keys, beside others in a [`Several`](datakey_provider::Several), into a
/// `Sealer`. Two things are different from a provider that calls a service each time. It has its retries, so that a
/// [`Retry`](datakey_retry::Retry) around it would multiply attempts; one that is there all the same sees its [scope](Scope::BENEATH), and
/// leaves calls alone. And a data key is cheap: a caller who wants one for each message needs no cache above.
///
/// ```
/// use datakey_branch_keys::{BranchKeys, MemoryStore};
/// use datakey_provider::{Scope, SealingProvider as _};
/// # use datakey_local::LocalKeys;
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # let kms = LocalKeys::generate("orders")?;
/// let keys = BranchKeys::builder(MemoryStore::new("branch-keys"), kms).branch_key("orders".parse()?).build()?;
/// let mut scopes = vec![];
/// keys.sealing_scopes(&mut |scope| scopes.push(scope));
/// assert_eq!(scopes, [Scope::BENEATH]);
/// # Ok(()) }
/// ```
#[derive(Debug, Clone)]
pub struct BranchKeys {
    sealing: SealingBranchKeys,
    opening: OpeningBranchKeys,
}

impl BranchKeys {
    pub(crate) const fn new(sealing: SealingBranchKeys, opening: OpeningBranchKeys) -> Self {
        Self { sealing, opening }
    }

    /// The half that seals.
    ///
    /// For statistics, warming and invalidation of what seals; sealing itself goes through the provider's methods of either.
    #[must_use]
    pub const fn sealing(&self) -> &SealingBranchKeys {
        &self.sealing
    }

    /// The half that opens.
    #[must_use]
    pub const fn opening(&self) -> &OpeningBranchKeys {
        &self.opening
    }

    /// Drops all branch keys for good, and stops all loads. Concerns all clones.
    ///
    /// ```
    /// use datakey_branch_keys::{BranchKeys, MemoryStore};
    /// use datakey_provider::{DataKeyLength, EncryptionContext, ErrorClass, SealingProvider as _};
    /// # use datakey_local::LocalKeys;
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let kms = LocalKeys::generate("orders")?;
    /// let keys = BranchKeys::builder(MemoryStore::new("branch-keys"), kms).branch_key("orders".parse()?).build()?;
    /// keys.shutdown();
    /// let late = keys.generate_data_key(&EncryptionContext::empty(), DataKeyLength::Bytes32).await.unwrap_err();
    /// assert_eq!(late.class(), ErrorClass::ShutDown);
    /// # Ok(()) }
    /// ```
    pub fn shutdown(&self) {
        self.sealing.shutdown();
        self.opening.shutdown();
    }
}

#[async_trait]
#[deny(clippy::missing_trait_methods)]
impl SealingProvider for BranchKeys {
    async fn generate_data_key(
        &self,
        context: &EncryptionContext,
        length: DataKeyLength,
    ) -> Result<GeneratedDataKey, ProviderError> {
        self.sealing.generate_data_key(context, length).await
    }

    async fn encrypt(
        &self,
        context: &EncryptionContext,
        data_key: &DataKey,
    ) -> Result<WrappedKeys, ProviderError> {
        self.sealing.encrypt(context, data_key).await
    }

    fn wrapped_keys_each(&self) -> usize {
        self.sealing.wrapped_keys_each()
    }

    fn sealing_key_is(&self, name: &str, key_id: &str) -> bool {
        self.sealing.sealing_key_is(name, key_id)
    }

    fn sealing_scopes<'a>(&'a self, tell: &mut dyn FnMut(Scope<'a>)) {
        self.sealing.sealing_scopes(tell);
    }

    fn sealing_time_limit(&self) -> Option<Duration> {
        self.sealing.sealing_time_limit()
    }
}

#[async_trait]
#[deny(clippy::missing_trait_methods)]
impl OpeningProvider for BranchKeys {
    fn rank(&self, wrapped: &WrappedKey) -> Option<Rank> {
        self.opening.rank(wrapped)
    }

    async fn decrypt(
        &self,
        context: &EncryptionContext,
        wrapped: &WrappedKey,
    ) -> Result<DataKey, ProviderError> {
        self.opening.decrypt(context, wrapped).await
    }

    async fn decrypt_amid(
        &self,
        context: &EncryptionContext,
        wrapped: &WrappedKey,
        traffic: &dyn Traffic,
    ) -> Result<DataKey, ProviderError> {
        self.opening.decrypt_amid(context, wrapped, traffic).await
    }

    fn opening_key_is(&self, name: &str, key_id: &str) -> bool {
        self.opening.opening_key_is(name, key_id)
    }

    fn opening_scope<'a>(&'a self, wrapped: &'a WrappedKey) -> Scope<'a> {
        self.opening.opening_scope(wrapped)
    }

    fn opening_scope_amid<'a>(&'a self, wrapped: &'a WrappedKey, traffic: &dyn Traffic) -> Scope<'a> {
        self.opening.opening_scope_amid(wrapped, traffic)
    }

    fn opening_time_limit(&self) -> Option<Duration> {
        self.opening.opening_time_limit()
    }
}
