//! The control plane: creating and rotating branch keys, and looking at what there is.
use std::{fmt, sync::Arc, time::SystemTime};

use datakey_provider::{ControlProvider, Operation, ProviderError, SealingProvider};
use datakey_retry::{Policy, Retry};

use crate::{
    BranchKeyId, BranchKeyVersion, Item, ItemError, ItemKind, RetryingStore, Store, Written,
    admin_error::AdminError,
    description::{Created, Description, NewBranchKey, Rotated},
    item::{Facts, Unwrapped},
    loader::unusable,
    times::{SystemClock, iso_8601},
    wrap::BRANCH_KEY_LEN,
};

/// Creates and rotates branch keys, and looks at what there is: what an operator's tool or a scheduled job has, and no service that
/// seals or opens.
///
/// It never sees a branch key: KMS makes them wrapped, and wraps them anew. Each call leaves everything or nothing, may be dropped at
/// any point, and may be made by several callers at once.
///
/// | call | KMS | store |
/// |---|---|---|
/// | [`create`](Self::create) | 2 `GenerateDataKeyWithoutPlaintext`, 1 `ReEncrypt` | 1 write |
/// | [`rotate`](Self::rotate) | 1 `GenerateDataKeyWithoutPlaintext`, 2 `ReEncrypt` | 2 reads, 1 write |
/// | [`active`](Self::active), [`versions`](Self::versions) | none | 1 read |
/// | [`verify`](Self::verify) | 1 `ReEncrypt` | 1 read |
///
/// ```
/// use datakey_branch_keys::{BranchKeyAdmin, MemoryStore, NewBranchKey};
/// use datakey_local::LocalKeys;
///
/// # async fn run() -> Result<(), Box<dyn std::error::Error>> {
/// let kms = LocalKeys::generate("orders")?; // with AWS: a KmsProvider with a key ARN
/// let key = kms.active_key_id().to_owned();
/// let admin = BranchKeyAdmin::new(MemoryStore::new("branch-keys"), kms, &key);
///
/// let new = NewBranchKey::with_id("tenant-acme".parse()?).context([("tenant", "acme")]);
/// let made = admin.create(&new).await?.into_description();
/// let next = admin.rotate(&made.id).await?.into_description();
/// assert_ne!(made.version, next.version);
/// assert_eq!(admin.versions(&made.id).await?.len(), 2);
/// # Ok(()) }
/// # tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(run()).unwrap();
/// ```
///
/// # What its role needs
///
/// With AWS: `kms:GenerateDataKeyWithoutPlaintext`, `kms:ReEncryptFrom` and `kms:ReEncryptTo` on the KMS key; `dynamodb:GetItem`,
/// `dynamodb:PutItem` and `dynamodb:Query` on the table. It needs no `kms:Decrypt`, and should not have it: with it, whoever takes over
/// the tool could open what is sealed.
///
/// # Failure and repetition
///
/// Retries are made here, under the [policies](Self::retry) of KMS and of the store. What is reported is final for those, so a caller
/// that tries again does so minutes later, not in a loop. Each write is conditional on what was read, so that two callers who rotate at
/// once do not lose one another's version, and a write whose answer was lost is found when it is looked for.
pub struct BranchKeyAdmin<S, K> {
    store: RetryingStore<S>,
    kms: Retry<K>,
    kms_key: Box<str>,
    clock: SystemClock,
}

/// A new version: the item that opens and the one that seals.
struct Pair {
    version: Item,
    active: Item,
}

impl<S, K> BranchKeyAdmin<S, K>
where
    S: Store,
    K: ControlProvider + SealingProvider,
{
    /// Over a store and the KMS provider that wraps, both bare: retries are put around each of them here.
    ///
    /// `kms_key` is the id that the provider reports for its key, with AWS KMS the key ARN: it is bound into each branch key, so that
    /// it must be known beforehand, and no alias will do.
    #[must_use]
    pub fn new(store: S, kms: K, kms_key: &str) -> Self {
        Self {
            store: RetryingStore::new(store, Policy::default()),
            kms: Retry::new(kms, Policy::default()),
            kms_key: kms_key.into(),
            clock: SystemClock::default(),
        }
    }

    /// Sets how KMS calls and those of the store are tried again.
    ///
    /// By default each has [`Policy::default`]: up to 60 seconds for a call, retries included. An interactive tool would rather say at once
    /// that it is throttled:
    ///
    /// ```
    /// use std::time::Duration;
    /// use datakey_branch_keys::{BranchKeyAdmin, MemoryStore};
    /// use datakey_retry::Policy;
    /// # use datakey_local::LocalKeys;
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let kms = LocalKeys::generate("orders")?;
    /// # let key = kms.active_key_id().to_owned();
    /// let soon = Policy::default().with_deadline(Duration::from_secs(5));
    /// let admin = BranchKeyAdmin::new(MemoryStore::new("branch-keys"), kms, &key).retry(soon.clone(), soon);
    /// assert!(format!("{admin:?}").contains("local:orders")); // shows the KMS key, and no secret
    /// # Ok(()) }
    /// ```
    #[must_use]
    pub fn retry(self, kms: Policy, store: Policy) -> Self
    where
        S: Clone,
    {
        Self {
            store: RetryingStore::new(self.store.inner().clone(), store),
            kms: Retry::new(self.kms.into_inner(), kms),
            ..self
        }
    }

    /// Sets the clock that creation times are read off, for tests.
    #[must_use]
    pub fn clock(mut self, clock: impl Fn() -> SystemTime + Send + Sync + 'static) -> Self {
        self.clock = SystemClock(Arc::new(clock));
        self
    }

    /// Creates a branch key: its first version, active, and its beacon key.
    ///
    /// With an id of one's own it may be called again, by whomever, and at once: one call makes it, and the others are answered
    /// [`Created::Already`], if they asked for the same.
    ///
    /// Nothing is there before the write, and all three items after it: the version, the active item and the beacon key are one
    /// transaction. A call that is dropped, or fails without an answer, is made again with the same [`NewBranchKey`]; it finds what the
    /// first one wrote and reports it. Without an id of one's own it cannot: the second call draws another id, and the first branch key
    /// stays in the table unused.
    ///
    /// ```
    /// use datakey_branch_keys::{AdminError, BranchKeyAdmin, Created, MemoryStore, NewBranchKey};
    /// # use datakey_local::LocalKeys;
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let kms = LocalKeys::generate("orders")?;
    /// # let key = kms.active_key_id().to_owned();
    /// let admin = BranchKeyAdmin::new(MemoryStore::new("branch-keys"), kms, &key);
    /// let new = NewBranchKey::with_id("tenant-acme".parse()?).context([("tenant", "acme")]);
    /// assert!(matches!(admin.create(&new).await?, Created::Made(_)));
    /// assert!(matches!(admin.create(&new).await?, Created::Already(_))); // a deployment that runs twice
    ///
    /// let other = NewBranchKey::with_id("tenant-acme".parse()?).context([("tenant", "umbrella")]);
    /// assert!(matches!(admin.create(&other).await, Err(AdminError::Exists { .. })));
    /// # Ok(()) }
    /// ```
    ///
    /// # Errors
    /// [`AdminError::Exists`] when there is one of this id with another custom context or under another KMS key;
    /// [`AdminError::Incomplete`] when its active item alone was lost;
    /// [`AdminError::IdNeedsContext`], [`AdminError::Context`]; [`AdminError::Provider`] for what KMS or the store answered.
    pub async fn create(&self, new: &NewBranchKey) -> Result<Created, AdminError> {
        let custom = new.checked()?;
        let id = new.id().cloned().map_or_else(BranchKeyId::random, Ok);
        let id = id.map_err(AdminError::Randomness)?;
        let create_time = iso_8601((self.clock.0)());
        let facts = Facts {
            id: &id,
            kms_key: &self.kms_key,
            create_time: &create_time,
            custom: &custom,
        };
        let pair = self.make(&facts).await?;
        let beacon = self
            .generate(Unwrapped::new(&facts, ItemKind::Beacon, None))
            .await?;
        let items = [pair.version, pair.active, beacon];
        let written = self.store.put_if_absent(&items).await?;
        let [_, active, _] = items;
        match written {
            Written::Done => Ok(Created::Made(Description::of(&active)?)),
            Written::Conflict => self.existing(&active).await,
        }
    }

    /// What stood in the way of creating this.
    async fn existing(&self, own: &Item) -> Result<Created, AdminError> {
        let id = own.id();
        let Some(found) = self.read(id, ItemKind::Active).await? else {
            // The version is of a new name: what is there is the beacon key, alone or no more.
            let beacon = self.read(id, ItemKind::Beacon).await?;
            let id = id.clone();
            return Err(beacon.map_or(AdminError::Conflict, |_| AdminError::Incomplete { id }));
        };
        if found.enc() == own.enc() {
            // An attempt whose answer was lost.
            return Ok(Created::Made(Description::of(&found)?));
        }
        let same = found.kms_key() == own.kms_key() && found.custom_context().eq(own.custom_context());
        if !same {
            return Err(AdminError::Exists { id: id.clone() });
        }
        self.authenticate(&found).await?;
        Ok(Created::Already(Description::of(&found)?))
    }

    /// Makes a new version and has it seal from now on. Earlier versions go on opening.
    ///
    /// If the version that is active is not in the table by itself, where it is opened from, it is put back first: without it nothing
    /// that was sealed under it would open any more.
    ///
    /// Hosts notice when they look for the branch key anew, at its soft age. When two rotate at once, one of them makes a version
    /// and the other is answered [`Rotated::ByAnother`].
    ///
    /// Rotating does not wrap any data key anew and makes no message unreadable. It bounds how much is sealed under one branch key, and how
    /// much whoever learns that key can read; it does not take back what they can read already.
    ///
    /// # Errors
    /// [`AdminError::Missing`] when there is no such branch key; [`AdminError::OtherKmsKey`] when it is under another KMS key than
    /// this was built with; [`AdminError::Provider`], of the class not authentic when the table was tampered with.
    pub async fn rotate(&self, id: &BranchKeyId) -> Result<Rotated, AdminError> {
        self.rotate_when(id, |_| true).await
    }

    /// As [`rotate`](Self::rotate), if this is the active version still; otherwise [`Rotated::ByAnother`]. For a job that may run
    /// twice.
    ///
    /// ```
    /// use datakey_branch_keys::{BranchKeyAdmin, MemoryStore, NewBranchKey, Rotated};
    /// # use datakey_local::LocalKeys;
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let kms = LocalKeys::generate("orders")?;
    /// # let key = kms.active_key_id().to_owned();
    /// let admin = BranchKeyAdmin::new(MemoryStore::new("branch-keys"), kms, &key);
    /// let first = admin.create(&NewBranchKey::new()).await?.into_description();
    ///
    /// // The monthly job looks first, and was started on two hosts.
    /// let made = admin.rotate_from(&first.id, first.version).await?;
    /// let late = admin.rotate_from(&first.id, first.version).await?;
    /// assert!(matches!(made, Rotated::Made(_)));
    /// assert!(matches!(late, Rotated::ByAnother(_)));
    /// assert_eq!(late.description(), made.description()); // one new version, not two
    /// # Ok(()) }
    /// ```
    ///
    /// # Errors
    /// As [`rotate`](Self::rotate).
    pub async fn rotate_from(&self, id: &BranchKeyId, from: BranchKeyVersion) -> Result<Rotated, AdminError> {
        self.rotate_when(id, |active| active == Some(from)).await
    }

    async fn rotate_when(
        &self,
        id: &BranchKeyId,
        wanted: impl FnOnce(Option<BranchKeyVersion>) -> bool,
    ) -> Result<Rotated, AdminError> {
        let old = self.existing_active(id).await?;
        self.authenticate(&old).await?;
        if !wanted(old.version()) {
            return Ok(Rotated::ByAnother(Description::of(&old)?));
        }
        let custom: Vec<_> = old
            .custom_context()
            .map(|(name, text)| (name.into(), text.into()))
            .collect();
        let create_time = iso_8601((self.clock.0)());
        let facts = Facts {
            id,
            kms_key: &self.kms_key,
            create_time: &create_time,
            custom: &custom,
        };
        self.keep_version(&old, &custom).await?;
        let pair = self.make(&facts).await?;
        match self.store.swap(&pair.version, &pair.active, old.enc()).await? {
            Written::Done => Ok(Rotated::Made(Description::of(&pair.active)?)),
            Written::Conflict => self.rotated_meanwhile(&pair).await,
        }
    }

    /// Sees to it that the key of an active item is in the table besides, before the item is written over: what is sealed under it opens
    /// by the item of its version alone.
    async fn keep_version(&self, active: &Item, custom: &[(Box<str>, Box<str>)]) -> Result<(), AdminError> {
        use crate::ReadingStore as _;
        let id = active.id();
        let missing = |error| unusable(Operation::GetItem, id, error);
        let version = active.version().ok_or(ItemError::Other).map_err(missing)?;
        let kind = ItemKind::Version(version);
        if self.read(id, kind).await?.is_some() {
            return Ok(());
        }
        let facts = Facts {
            id,
            kms_key: active.kms_key(),
            create_time: active.create_time(),
            custom,
        };
        let table = self.store.logical_name();
        let (own, item) = (active.context(table), Unwrapped::new(&facts, kind, None));
        let (own, to) = own
            .and_then(|own| Ok((own, item.context(table)?)))
            .map_err(AdminError::Item)?;
        let wrapped = active.wrapped_key().map_err(AdminError::Item)?;
        let moved = self.kms.rewrap(&wrapped, &own, &to).await?;
        self.is_own(moved.key_id())?;
        // If it is there by now, another one put it back.
        let (Written::Done | Written::Conflict) = self.store.put_if_absent(&[item.with_key(&moved)]).await?;
        Ok(())
    }

    /// Another one rotated, or this one did by an attempt whose answer was lost, and perhaps another one after it.
    async fn rotated_meanwhile(&self, own: &Pair) -> Result<Rotated, AdminError> {
        let written = self.read(own.version.id(), own.version.kind()).await?;
        if written.is_some_and(|written| written.enc() == own.version.enc()) {
            return Ok(Rotated::Made(Description::of(&own.active)?));
        }
        let active = self.existing_active(own.version.id()).await?;
        Ok(Rotated::ByAnother(Description::of(&active)?))
    }

    /// Describes the version that seals, as the store has it: see [`verify`](Self::verify).
    ///
    /// # Errors
    /// [`AdminError::Missing`], [`AdminError::Provider`].
    pub async fn active(&self, id: &BranchKeyId) -> Result<Description, AdminError> {
        let item = self.read(id, ItemKind::Active).await?;
        let item = item.ok_or_else(|| AdminError::Missing { id: id.clone() })?;
        Description::of(&item)
    }

    /// Describes all versions, the oldest first, as the store has them.
    ///
    /// They are in the order of their creation times, which are those of the hosts that made them: for people to read. Which version
    /// seals is for [`active`](Self::active) to say, not for the last of the list.
    ///
    /// ```
    /// use std::time::{Duration, SystemTime};
    /// use datakey_branch_keys::{BranchKeyAdmin, MemoryStore, NewBranchKey};
    /// # use datakey_local::LocalKeys;
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let kms = LocalKeys::generate("orders")?;
    /// # let key = kms.active_key_id().to_owned();
    /// let start = SystemTime::UNIX_EPOCH + Duration::from_secs(1_767_225_600);
    /// let admin = BranchKeyAdmin::new(MemoryStore::new("branch-keys"), kms, &key).clock(move || start);
    /// let id = admin.create(&NewBranchKey::new()).await?.into_description().id;
    /// let admin = admin.clock(move || start + Duration::from_secs(30 * 86_400));
    /// let rotated = admin.rotate(&id).await?.into_description();
    ///
    /// let versions = admin.versions(&id).await?;
    /// let times: Vec<&str> = versions.iter().map(|version| &*version.create_time).collect();
    /// assert_eq!(times, ["2026-01-01T00:00:00.000000Z", "2026-01-31T00:00:00.000000Z"]);
    /// assert_eq!(admin.active(&id).await?, rotated);
    /// # Ok(()) }
    /// ```
    ///
    /// # Errors
    /// [`AdminError::Missing`] when there is none, [`AdminError::Provider`].
    pub async fn versions(&self, id: &BranchKeyId) -> Result<Vec<Description>, AdminError> {
        let items = self.store.versions(id).await?;
        let described: Result<Vec<_>, _> = items.iter().map(Description::of).collect();
        let mut versions = described?;
        if versions.is_empty() {
            return Err(AdminError::Missing { id: id.clone() });
        }
        versions.sort_by(|one, other| {
            let key = |of: &Description| (of.create_time.clone(), of.version);
            key(one).cmp(&key(other))
        });
        Ok(versions)
    }

    /// Has KMS say that an item is what it wrapped: that nothing of it was changed in the table.
    ///
    /// Describing reads the table alone, and believes it. Whoever is to act on a description, and anybody who restored a table, asks KMS
    /// as well:
    ///
    /// ```
    /// use datakey_branch_keys::{BranchKeyAdmin, Item, ItemKind, MemoryStore, NewBranchKey};
    /// use datakey_provider::ErrorClass;
    /// # use datakey_local::LocalKeys;
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let kms = LocalKeys::generate("orders")?;
    /// # let key = kms.active_key_id().to_owned();
    /// let store = MemoryStore::new("branch-keys");
    /// let admin = BranchKeyAdmin::new(store.clone(), kms, &key);
    /// let id = admin.create(&NewBranchKey::new()).await?.into_description().id;
    /// admin.verify(&id, ItemKind::Active).await?;
    ///
    /// // Somebody who may write to the table has the key look younger than it is.
    /// let item = store.dump().into_iter().find(|item| item.kind() == ItemKind::Active).expect("there is one");
    /// let texts = item.texts().map(|(name, text)| {
    ///     let text = if name == "create-time" { "2099-01-01T00:00:00.000000Z" } else { text };
    ///     (name.into(), text.into())
    /// });
    /// store.restore(Item::new(texts.collect::<Vec<_>>(), item.enc())?);
    /// assert_eq!(&*admin.active(&id).await?.create_time, "2099-01-01T00:00:00.000000Z"); // believed
    /// let tampered = admin.verify(&id, ItemKind::Active).await.unwrap_err();
    /// assert_eq!(tampered.class(), Some(ErrorClass::NotAuthentic));
    /// # Ok(()) }
    /// ```
    ///
    /// # Errors
    /// [`AdminError::Missing`]; [`AdminError::Provider`], of the class not authentic when it was changed.
    pub async fn verify(&self, id: &BranchKeyId, kind: ItemKind) -> Result<(), AdminError> {
        let item = self.read(id, kind).await?;
        let item = item.ok_or_else(|| AdminError::Missing { id: id.clone() })?;
        self.authenticate(&item).await
    }

    async fn read(&self, id: &BranchKeyId, kind: ItemKind) -> Result<Option<Item>, AdminError> {
        use crate::ReadingStore as _;
        let found = self.store.get(id, kind).await?;
        let other = |error| unusable(Operation::GetItem, id, error);
        Ok(found
            .map(|item| item.expected(id, kind))
            .transpose()
            .map_err(other)?)
    }

    async fn existing_active(&self, id: &BranchKeyId) -> Result<Item, AdminError> {
        let active = self.read(id, ItemKind::Active).await?;
        let active = active.ok_or_else(|| AdminError::Missing { id: id.clone() })?;
        if active.kms_key() == &*self.kms_key {
            return Ok(active);
        }
        Err(AdminError::OtherKmsKey {
            found: active.kms_key().into(),
            own: self.kms_key.clone(),
        })
    }

    async fn authenticate(&self, item: &Item) -> Result<(), AdminError> {
        use crate::ReadingStore as _;
        let read = |error| unusable(Operation::ReEncrypt, item.id(), error);
        let context = item.context(self.store.logical_name()).map_err(read)?;
        let wrapped = item.wrapped_key().map_err(read)?;
        self.kms.rewrap(&wrapped, &context, &context).await?;
        Ok(())
    }

    async fn generate(&self, item: Unwrapped) -> Result<Item, AdminError> {
        use crate::ReadingStore as _;
        let context = item.context(self.store.logical_name());
        let context = context.map_err(AdminError::Item)?;
        let made = self
            .kms
            .generate_data_key_without_plaintext(&context, BRANCH_KEY_LEN);
        let made = made.await?;
        self.is_own(made.key_id())?;
        Ok(item.with_key(&made))
    }

    /// A key, wrapped for the item that opens, and then the same key for the one that seals.
    async fn make(&self, facts: &Facts<'_>) -> Result<Pair, AdminError> {
        use crate::ReadingStore as _;
        let version = BranchKeyVersion::random().map_err(AdminError::Randomness)?;
        let table = self.store.logical_name();
        let item = Unwrapped::new(facts, ItemKind::Version(version), None);
        let from = item.context(table).map_err(AdminError::Item)?;
        let item = self.generate(item).await?;
        let active = Unwrapped::new(facts, ItemKind::Active, Some(version));
        let to = active.context(table).map_err(AdminError::Item)?;
        let wrapped = item.wrapped_key().map_err(AdminError::Item)?;
        let moved = self.kms.rewrap(&wrapped, &from, &to).await?;
        self.is_own(moved.key_id())?;
        Ok(Pair {
            version: item,
            active: active.with_key(&moved),
        })
    }

    /// What was bound is the name of the key that is to have wrapped it.
    fn is_own(&self, answered: &str) -> Result<(), AdminError> {
        if answered == &*self.kms_key {
            return Ok(());
        }
        Err(AdminError::OtherKmsKey {
            found: answered.into(),
            own: self.kms_key.clone(),
        })
    }
}

impl<S, K> fmt::Debug for BranchKeyAdmin<S, K> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("BranchKeyAdmin")
            .field("kms_key", &self.kms_key)
            .finish_non_exhaustive()
    }
}

impl From<ProviderError> for AdminError {
    fn from(error: ProviderError) -> Self {
        Self::Provider(error)
    }
}
