//! Where branch keys are kept: the store's two halves, and one in memory.
use std::{
    collections::BTreeMap,
    fmt,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use datakey_provider::{ProviderError, async_trait};

use crate::{BranchKeyId, BranchKeyVersion, Item, ItemKind};

/// The half of a store that sealing and opening need: it reads one item.
///
/// # Contract
/// - It answers what was written last before the call began, and nothing older: a strongly consistent read.
/// - One call is one attempt; retrying is the layer above. Dropping the returned future is harmless.
#[async_trait]
pub trait ReadingStore: Send + Sync {
    /// Reads an item; `None` where there is none.
    ///
    /// # Errors
    /// A classified [`ProviderError`]. What is there and is no item of a branch key is
    /// [`InvalidRequest`](datakey_provider::ErrorClass::InvalidRequest) with an [`ItemError`](crate::ItemError) as its source.
    async fn get(&self, id: &BranchKeyId, kind: ItemKind) -> Result<Option<Item>, ProviderError>;

    /// The name that is bound into each key, the same for all copies of a table, whatever they are called: so that a table may be
    /// restored from a backup under another name, or replicated.
    fn logical_name(&self) -> &str;

    /// What the store's calls count against, and what fails together: a name that differs where quotas do. The logical name by default.
    fn quota(&self) -> &str {
        self.logical_name()
    }
}

/// Whether something was written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[must_use]
pub enum Written {
    /// All of it.
    Done,
    /// None of it: the store has something else than was expected.
    Conflict,
}

/// The half of a store that a control plane needs too: it writes all or nothing, and only over what it expects.
///
/// # Contract
/// - Each write is atomic: nobody sees, and no crash leaves, a part of it.
/// - A write that fails without an answer may have been made. Whoever makes it again finds its own items, and a conflict.
#[async_trait]
pub trait Store: ReadingStore {
    /// Writes items of a branch key, those of a new one or one that is missing, if the store has none of them.
    ///
    /// # Errors
    /// A classified [`ProviderError`].
    async fn put_if_absent(&self, items: &[Item]) -> Result<Written, ProviderError>;

    /// Writes a new version and replaces the active item, if the store has no such version, and its active item has this `enc`.
    ///
    /// # Errors
    /// A classified [`ProviderError`].
    async fn swap(
        &self,
        version: &Item,
        active: &Item,
        expected_enc: &[u8],
    ) -> Result<Written, ProviderError>;

    /// All versions that the store has of a branch key, in no order.
    ///
    /// # Errors
    /// A classified [`ProviderError`].
    async fn versions(&self, id: &BranchKeyId) -> Result<Vec<Item>, ProviderError>;
}

macro_rules! forward {
    ($($pointer:ty),+) => {$(
        #[async_trait]
        #[deny(clippy::missing_trait_methods)]
        impl<S: ReadingStore + ?Sized> ReadingStore for $pointer {
            async fn get(&self, id: &BranchKeyId, kind: ItemKind) -> Result<Option<Item>, ProviderError> {
                (**self).get(id, kind).await
            }

            fn logical_name(&self) -> &str {
                (**self).logical_name()
            }

            fn quota(&self) -> &str {
                (**self).quota()
            }
        }

        #[async_trait]
        #[deny(clippy::missing_trait_methods)]
        impl<S: Store + ?Sized> Store for $pointer {
            async fn put_if_absent(&self, items: &[Item]) -> Result<Written, ProviderError> {
                (**self).put_if_absent(items).await
            }

            async fn swap(
                &self,
                version: &Item,
                active: &Item,
                expected_enc: &[u8],
            ) -> Result<Written, ProviderError> {
                (**self).swap(version, active, expected_enc).await
            }

            async fn versions(&self, id: &BranchKeyId) -> Result<Vec<Item>, ProviderError> {
                (**self).versions(id).await
            }
        }
    )+};
}

forward!(&S, Box<S>, Arc<S>);

/// A store in memory, for tests and for one process. Cloning shares it.
///
/// What it holds is lost with the process, and with it whatever was sealed under its branch keys.
#[derive(Clone)]
pub struct MemoryStore {
    name: Arc<str>,
    items: Arc<Mutex<Items>>,
}

type Items = BTreeMap<(BranchKeyId, ItemKind), Item>;

impl MemoryStore {
    /// Empty, under this logical name.
    #[must_use]
    pub fn new(logical_name: &str) -> Self {
        Self {
            name: logical_name.into(),
            items: Arc::default(),
        }
    }

    fn items(&self) -> MutexGuard<'_, Items> {
        // Nothing that runs under the lock leaves it half changed.
        self.items.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Every item, as a backup would have it.
    #[must_use]
    pub fn dump(&self) -> Vec<Item> {
        self.items().values().cloned().collect()
    }

    /// Puts an item in, over whatever is there: for restoring a backup, and for tests of what was tampered with.
    pub fn restore(&self, item: Item) {
        self.items().insert((item.id().clone(), item.kind()), item);
    }

    /// Removes an item; answers whether there was one.
    #[expect(clippy::must_use_candidate, reason = "whether it was there matters to few")]
    pub fn remove(&self, id: &BranchKeyId, kind: ItemKind) -> bool {
        self.items().remove(&(id.clone(), kind)).is_some()
    }
}

#[async_trait]
impl ReadingStore for MemoryStore {
    async fn get(&self, id: &BranchKeyId, kind: ItemKind) -> Result<Option<Item>, ProviderError> {
        Ok(self.items().get(&(id.clone(), kind)).cloned())
    }

    fn logical_name(&self) -> &str {
        &self.name
    }
}

#[async_trait]
impl Store for MemoryStore {
    async fn put_if_absent(&self, items: &[Item]) -> Result<Written, ProviderError> {
        let place = |item: &Item| (item.id().clone(), item.kind());
        let mut own = self.items();
        if items.iter().any(|item| own.contains_key(&place(item))) {
            return Ok(Written::Conflict);
        }
        own.extend(items.iter().map(|item| (place(item), item.clone())));
        Ok(Written::Done)
    }

    async fn swap(
        &self,
        version: &Item,
        active: &Item,
        expected_enc: &[u8],
    ) -> Result<Written, ProviderError> {
        let place = |item: &Item| (item.id().clone(), item.kind());
        let mut own = self.items();
        let expected = own
            .get(&place(active))
            .is_some_and(|item| item.enc() == expected_enc);
        if !expected || own.contains_key(&place(version)) {
            return Ok(Written::Conflict);
        }
        own.extend([version, active].map(|item| (place(item), item.clone())));
        Ok(Written::Done)
    }

    async fn versions(&self, id: &BranchKeyId) -> Result<Vec<Item>, ProviderError> {
        let nil = BranchKeyVersion::from_bytes(&[0; 16]).map_or(ItemKind::Active, ItemKind::Version);
        let own = self.items();
        let of_id = own.range((id.clone(), nil)..);
        let versions = of_id
            .take_while(|((own, kind), _)| own == id && matches!(kind, ItemKind::Version(_)))
            .map(|(_, item)| item.clone());
        Ok(versions.collect())
    }
}

impl fmt::Debug for MemoryStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MemoryStore")
            .field("name", &self.name)
            .field("items", &self.items().len())
            .finish()
    }
}
