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
///
/// # Implementing it
///
/// Any table will do that reads its own writes. An item is read by two texts, [`BranchKeyId::as_str`] and the text of [`ItemKind`], and is
/// made again from texts and bytes by [`Item::new`], which checks it. Nothing of it is secret, and nothing that the store does to it
/// stays unnoticed: KMS refuses an item of which anything was changed.
///
/// ```
/// use std::collections::HashMap;
/// use datakey_branch_keys::{BranchKeyId, Item, ItemKind, ReadingStore};
/// use datakey_provider::{ErrorClass, Operation, ProviderError, async_trait};
///
/// /// What a reader without a network was given when it was deployed.
/// struct Snapshot(HashMap<(String, String), (Vec<(String, String)>, Vec<u8>)>);
///
/// #[async_trait]
/// impl ReadingStore for Snapshot {
///     async fn get(&self, id: &BranchKeyId, kind: ItemKind) -> Result<Option<Item>, ProviderError> {
///         let Some((texts, enc)) = self.0.get(&(id.as_str().into(), kind.to_string())) else {
///             return Ok(None);
///         };
///         let texts = texts.iter().map(|(name, text)| (name.as_str().into(), text.as_str().into()));
///         Item::new(texts, enc.as_slice()).map(Some).map_err(|error| {
///             let unusable = ProviderError::new(ErrorClass::InvalidRequest, Operation::GetItem);
///             unusable.with_key_id(id.key_id()).with_source(error)
///         })
///     }
///
///     fn logical_name(&self) -> &str {
///         "branch-keys" // that of the table it was taken from, whatever this one is called
///     }
/// }
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let empty = Snapshot(HashMap::new());
/// assert!(empty.get(&"orders".parse()?, ItemKind::Active).await?.is_none());
/// assert_eq!(empty.quota(), "branch-keys");
/// # Ok(()) }
/// ```
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
///
/// A conflict is an answer and no failure: nothing is tried again for it, and whoever reads it looks at what the store has.
///
/// ```
/// use datakey_branch_keys::{BranchKeyAdmin, MemoryStore, NewBranchKey, Store as _, Written};
/// # use datakey_local::LocalKeys;
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # let (kms, store) = (LocalKeys::generate("orders")?, MemoryStore::new("branch-keys"));
/// # let admin = BranchKeyAdmin::new(store.clone(), kms.clone(), kms.active_key_id());
/// admin.create(&NewBranchKey::new()).await?;
/// let backup = store.dump();
/// assert_eq!(store.put_if_absent(&backup).await?, Written::Conflict); // they are there
/// let elsewhere = MemoryStore::new("branch-keys");
/// assert_eq!(elsewhere.put_if_absent(&backup).await?, Written::Done);
/// # Ok(()) }
/// ```
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
///
/// # Implementing it
///
/// Both writes want a transaction over items of one partition, or a lock around all of them. An implementation that writes the version
/// and then the active item, without one, can leave an active item whose version is missing; the next rotation
/// [puts it back](crate::BranchKeyAdmin::rotate), and until then what was sealed under it does not open.
///
/// Where the answer to a write was lost, the layer above sends it again. It finds its own items in the way, answers
/// [`Written::Conflict`], and the control plane looks at what is there before it reports anything.
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
    ///
    /// It is compare-and-swap: of two callers that read the same active item, one writes.
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
///
/// Reads and writes are made under one lock, which is held for no await, so that each of them is atomic for all threads. Nothing here
/// throttles or fails; for a store that does, put one of your own in front of it.
///
/// A table restored under another name goes on working under the logical name that it had, and under no other:
///
/// ```
/// use datakey_branch_keys::{BranchKeyAdmin, BranchKeys, MemoryStore, NewBranchKey};
/// use datakey_provider::{DataKeyLength, EncryptionContext, ErrorClass, SealingProvider as _};
/// # use datakey_local::LocalKeys;
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # let (kms, store) = (LocalKeys::generate("orders")?, MemoryStore::new("branch-keys"));
/// # let admin = BranchKeyAdmin::new(store.clone(), kms.clone(), kms.active_key_id());
/// # let id = admin.create(&NewBranchKey::new()).await?.into_description().id;
/// let context = EncryptionContext::empty();
/// for (name, opens) in [("branch-keys", true), ("branch-keys-restored", false)] {
///     let restored = MemoryStore::new(name);
///     store.dump().into_iter().for_each(|item| restored.restore(item));
///     let keys = BranchKeys::builder(restored, kms.clone()).branch_key(id.clone()).build()?;
///     let made = keys.generate_data_key(&context, DataKeyLength::Bytes32).await;
///     assert_eq!(made.is_ok(), opens);
///     assert!(opens || made.is_err_and(|error| error.class() == ErrorClass::NotAuthentic));
/// }
/// # Ok(()) }
/// ```
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
    ///
    /// The items hold branch keys as KMS wrapped them, so that a backup is as secret as the right to use the KMS key: with it and
    /// `kms:Decrypt` everything opens.
    #[must_use]
    pub fn dump(&self) -> Vec<Item> {
        self.items().values().cloned().collect()
    }

    /// Puts an item in, over whatever is there: for restoring a backup, and for tests of what was tampered with.
    ///
    /// Nothing is checked: what KMS did not wrap for this item is refused when it is used.
    pub fn restore(&self, item: Item) {
        self.items().insert((item.id().clone(), item.kind()), item);
    }

    /// Removes an item; answers whether there was one.
    ///
    /// What is cached goes on for its time; [`invalidate`](crate::OpeningBranchKeys::invalidate) ends that.
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
