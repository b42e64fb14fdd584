//! A store whose calls are tried again.
use datakey_provider::{Operation, ProviderError, async_trait};
use datakey_retry::{Policy, retry_operation};

use crate::{BranchKeyId, Item, ItemKind, ReadingStore, Store, Written};

/// A store around another one, each of whose calls follows a [`Policy`].
///
/// The policy's budget, rate and breaker know the store by its [quota](ReadingStore::quota), so that what is throttled or down
/// there is nothing to KMS, and the other way round.
///
/// [`BranchKeys`](crate::BranchKeys) and [`BranchKeyAdmin`](crate::BranchKeyAdmin) put it around the store that they are given. It is for
/// those who read the store themselves, such as a job that compares tables.
///
/// ```
/// use datakey_branch_keys::{ItemKind, MemoryStore, ReadingStore as _, RetryingStore};
/// use datakey_retry::Policy;
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let store = RetryingStore::new(MemoryStore::new("branch-keys"), Policy::default());
/// assert_eq!(store.policy().quota(), Some("branch-keys")); // its own budget and rate, whoever else has the policy
/// assert!(store.get(&"orders".parse()?, ItemKind::Active).await?.is_none()); // an answer, and not tried again
/// # Ok(()) }
/// ```
#[derive(Debug, Clone)]
pub struct RetryingStore<S> {
    inner: S,
    policy: Policy,
}

impl<S: ReadingStore> RetryingStore<S> {
    /// Puts a policy around a store. No layer below should retry: attempts would multiply.
    #[must_use]
    pub fn new(inner: S, policy: Policy) -> Self {
        let name = inner.quota();
        let policy = if policy.quota().is_none() {
            policy.with_quota(name)
        } else {
            policy
        };
        let policy = if policy.scope().is_none() {
            policy.with_scope(name)
        } else {
            policy
        };
        Self { inner, policy }
    }

    /// The policy, with the state of its budget, rate and breaker.
    ///
    /// What it says of budget, rate and breaker is of the store alone; KMS has a policy of its own.
    pub const fn policy(&self) -> &Policy {
        &self.policy
    }

    /// The store inside.
    pub const fn inner(&self) -> &S {
        &self.inner
    }
}

#[async_trait]
#[deny(clippy::missing_trait_methods)]
impl<S: ReadingStore> ReadingStore for RetryingStore<S> {
    async fn get(&self, id: &BranchKeyId, kind: ItemKind) -> Result<Option<Item>, ProviderError> {
        let got = retry_operation(&self.policy, Operation::GetItem, || self.inner.get(id, kind)).await;
        got.map_err(|gave_up| gave_up.into_provider_error(Operation::GetItem, Some(id.key_id())))
    }

    fn logical_name(&self) -> &str {
        self.inner.logical_name()
    }

    fn quota(&self) -> &str {
        self.inner.quota()
    }
}

#[async_trait]
#[deny(clippy::missing_trait_methods)]
impl<S: Store> Store for RetryingStore<S> {
    async fn put_if_absent(&self, items: &[Item]) -> Result<Written, ProviderError> {
        let written = retry_operation(&self.policy, Operation::TransactWriteItems, || {
            self.inner.put_if_absent(items)
        })
        .await;
        let key_id = items.first().map(|item| item.id().key_id());
        written.map_err(|gave_up| gave_up.into_provider_error(Operation::TransactWriteItems, key_id))
    }

    async fn swap(
        &self,
        version: &Item,
        active: &Item,
        expected_enc: &[u8],
    ) -> Result<Written, ProviderError> {
        let written = retry_operation(&self.policy, Operation::TransactWriteItems, || {
            self.inner.swap(version, active, expected_enc)
        })
        .await;
        let key_id = Some(active.id().key_id());
        written.map_err(|gave_up| gave_up.into_provider_error(Operation::TransactWriteItems, key_id))
    }

    async fn versions(&self, id: &BranchKeyId) -> Result<Vec<Item>, ProviderError> {
        let found = retry_operation(&self.policy, Operation::Query, || self.inner.versions(id)).await;
        found.map_err(|gave_up| gave_up.into_provider_error(Operation::Query, Some(id.key_id())))
    }
}
