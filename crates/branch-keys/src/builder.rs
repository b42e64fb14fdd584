//! Putting store, KMS, retries and keyrings together.
use std::{
    fmt,
    sync::Arc,
    time::{Duration, SystemTime},
};

use datakey_keyring::{
    ConfigError, OpeningKeyring, OpeningKeyringBuilder, OpeningLimits, Revocations, SealingKeyring,
    SealingKeyringBuilder, SealingLimits,
};
use datakey_provider::{EncryptionContext, OpeningProvider};
use datakey_retry::{Policy, Retry};
use thiserror::Error;

use crate::{
    BranchKeyId, BranchKeyLimits, BranchKeys, OpeningBranchKeys, ReadingStore, RetryingStore,
    SealingBranchKeys, choice::Choice, loader::Loader, material::Keyed,
};

/// Why branch keys cannot be used with these settings.
///
/// Both are settled when a service starts, and neither passes by itself: a service that meets one should not come up.
///
/// ```
/// use datakey_branch_keys::{BranchKeys, BuildError, MemoryStore};
/// # use datakey_local::LocalKeys;
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # let kms = LocalKeys::generate("orders")?;
/// let unsaid = BranchKeys::builder(MemoryStore::new("branch-keys"), kms).build();
/// assert!(matches!(unsaid, Err(BuildError::NoBranchKey)));
/// # Ok(()) }
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum BuildError {
    /// Neither a branch key was named nor a function that chooses one.
    #[error("name the branch key with `branch_key`, or give a function that chooses one with `choose`")]
    NoBranchKey,
    /// A limit is zero, or limits contradict each other.
    #[error(transparent)]
    Limits(#[from] ConfigError),
}

type WallClock = Arc<dyn Fn() -> SystemTime + Send + Sync>;

/// Builds [`BranchKeys`], or one half of them.
///
/// | what | default | change it with |
/// |---|---|---|
/// | branch key | none, required | [`branch_key`](Self::branch_key), [`choose`](Self::choose) |
/// | ages and numbers | [`BranchKeyLimits`] | [`limits`](Self::limits) |
/// | retries of KMS calls | [`Policy::default`] | [`retry`](Self::retry), [`without_retry`](Self::without_retry) |
/// | retries of reads of the store | [`Policy::default`] | [`store_retry`](Self::store_retry), [`without_retry`](Self::without_retry) |
///
/// Nothing is read and no call is made by building; the first request loads. Where that is to be known at once,
/// [warm](SealingBranchKeys::warm) what is built before the service takes requests.
pub struct BranchKeysBuilder<S, K> {
    store: S,
    kms: K,
    choice: Option<Choice>,
    limits: BranchKeyLimits,
    policies: Option<(Policy, Policy)>,
    seed: Option<u64>,
    wall_clock: Option<WallClock>,
    load_timeout: Option<Duration>,
    tells_ids: bool,
    #[cfg(feature = "metrics")]
    metrics: Option<(datakey_keyring::KeyringMetrics, datakey_retry::Metrics)>,
}

impl BranchKeys {
    /// Starts with a store and the KMS provider that opens what is in it, both bare: retries are put around each of them here.
    pub fn builder<S, K>(store: S, kms: K) -> BranchKeysBuilder<S, K>
    where
        S: ReadingStore + 'static,
        K: OpeningProvider + 'static,
    {
        BranchKeysBuilder {
            store,
            kms,
            choice: None,
            limits: BranchKeyLimits::default(),
            policies: Some((Policy::default(), Policy::default())),
            seed: None,
            wall_clock: None,
            load_timeout: None,
            tells_ids: false,
            #[cfg(feature = "metrics")]
            metrics: None,
        }
    }
}

impl<S, K> BranchKeysBuilder<S, K>
where
    S: ReadingStore + 'static,
    K: OpeningProvider + 'static,
{
    /// Has one branch key used for all encryption contexts.
    ///
    /// For a service with one kind of data. A reader built so opens what is under this branch key and nothing else: a wrapped key that
    /// names another has no [rank](datakey_provider::OpeningProvider::rank) here, and is refused before the table is read.
    ///
    /// ```
    /// use datakey_branch_keys::{BranchKeys, MemoryStore};
    /// use datakey_provider::{EncryptionContext, ErrorClass, OpeningProvider as _, WrappedKey};
    /// # use datakey_local::LocalKeys;
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let kms = LocalKeys::generate("orders")?;
    /// let keys = BranchKeys::builder(MemoryStore::new("branch-keys"), kms).branch_key("orders".parse()?).build()?;
    /// let foreign = WrappedKey::new("branch-key:payroll", vec![0; 92])?;
    /// assert_eq!(keys.rank(&foreign), None);
    /// let refused = keys.decrypt(&EncryptionContext::empty(), &foreign).await.unwrap_err();
    /// assert_eq!(refused.class(), ErrorClass::InvalidRequest);
    /// assert!(!refused.was_sent()); // no read of the table, no call of KMS
    /// # Ok(()) }
    /// ```
    #[must_use]
    pub fn branch_key(mut self, id: BranchKeyId) -> Self {
        self.choice = Some(Choice::Fixed(id));
        self
    }

    /// Has a function choose the branch key by the encryption context: one for each tenant, say. It answers `None` where there is
    /// none, and the request is refused; one that panics fails the request, as a defect of the program. When opening it is asked too,
    /// and a message under another branch key is refused.
    ///
    /// ```
    /// use datakey_branch_keys::{BranchKeys, MemoryStore};
    /// # use datakey_provider::OpeningProvider;
    /// # fn with(kms: impl OpeningProvider + 'static) -> Result<(), datakey_branch_keys::BuildError> {
    /// let store = MemoryStore::new("branch-keys");
    /// let keys = BranchKeys::builder(store, kms)
    ///     .choose(|context| format!("tenant-{}", context.get("tenant")?).parse().ok())
    ///     .build()?;
    /// # Ok(()) }
    /// ```
    #[must_use]
    pub fn choose(
        mut self,
        choose: impl Fn(&EncryptionContext) -> Option<BranchKeyId> + Send + Sync + 'static,
    ) -> Self {
        self.choice = Some(Choice::By(Arc::new(choose)));
        self
    }

    /// Sets how long and how many branch keys are kept.
    ///
    /// ```
    /// use std::time::Duration;
    /// use datakey_branch_keys::{BranchKeyLimits, BranchKeys, BuildError, MemoryStore};
    /// # use datakey_local::LocalKeys;
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let kms = LocalKeys::generate("orders")?;
    /// let backwards = BranchKeyLimits::default().with_ages(Duration::from_secs(7200), Duration::from_secs(3600));
    /// let built = BranchKeys::builder(MemoryStore::new("branch-keys"), kms).branch_key("orders".parse()?).limits(backwards).build();
    /// assert!(matches!(built, Err(BuildError::Limits(_)))); // the soft age is over the hard age
    /// # Ok(()) }
    /// ```
    #[must_use]
    pub const fn limits(mut self, limits: BranchKeyLimits) -> Self {
        self.limits = limits;
        self
    }

    /// Sets how KMS calls are tried again.
    ///
    /// The default is patient for 60 seconds. A fleet that starts at once on a small quota takes longer for its first loads: hosts times
    /// branch keys, divided by the calls a second. Give it more than that.
    #[must_use]
    pub fn retry(mut self, policy: Policy) -> Self {
        let store = self.policies.map_or_else(Policy::default, |(_, store)| store);
        self.policies = Some((policy, store));
        self
    }

    /// Sets how reads of the store are tried again.
    #[must_use]
    pub fn store_retry(mut self, policy: Policy) -> Self {
        let kms = self.policies.map_or_else(Policy::default, |(kms, _)| kms);
        self.policies = Some((kms, policy));
        self
    }

    /// Tries nothing again: for a store and a KMS provider that have their retries already.
    ///
    /// A failure of the store or of KMS is then the caller's at once, and the branch key that is kept goes on serving within its hard age.
    ///
    /// ```
    /// use std::sync::{Arc, atomic::{AtomicU32, Ordering}};
    /// use datakey_branch_keys::{BranchKeyId, BranchKeys, Item, ItemKind, ReadingStore};
    /// use datakey_provider::*;
    /// # use datakey_local::LocalKeys;
    ///
    /// /// Throttles each read, and counts them.
    /// struct Throttles(Arc<AtomicU32>);
    ///
    /// #[async_trait]
    /// impl ReadingStore for Throttles {
    ///     async fn get(&self, _: &BranchKeyId, _: ItemKind) -> Result<Option<Item>, ProviderError> {
    ///         self.0.fetch_add(1, Ordering::Relaxed);
    ///         Err(ProviderError::new(ErrorClass::Throttled, Operation::GetItem))
    ///     }
    ///
    ///     fn logical_name(&self) -> &str {
    ///         "branch-keys"
    ///     }
    /// }
    ///
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let kms = LocalKeys::generate("orders")?;
    /// let reads = Arc::new(AtomicU32::new(0));
    /// let keys = BranchKeys::builder(Throttles(reads.clone()), kms).branch_key("orders".parse()?).without_retry().build()?;
    /// let refused = keys.generate_data_key(&EncryptionContext::empty(), DataKeyLength::Bytes32).await.unwrap_err();
    /// assert_eq!(refused.class(), ErrorClass::Throttled);
    /// assert_eq!(reads.load(Ordering::Relaxed), 1);
    /// # Ok(()) }
    /// ```
    #[must_use]
    pub fn without_retry(mut self) -> Self {
        self.policies = None;
        self
    }

    /// Sets how long one load may take: the read of the store, the KMS call, and all retries. Without it, as long as both are patient.
    ///
    /// A load that takes longer is an outage: what is kept serves on.
    #[must_use]
    pub const fn load_timeout(mut self, timeout: Duration) -> Self {
        self.load_timeout = Some(timeout);
        self
    }

    /// Sets the seed of the jitter of ages, so that a test or a simulation repeats itself.
    ///
    /// Not for production, as threads then take turns at the cache.
    #[must_use]
    pub const fn seed(mut self, seed: u64) -> Self {
        self.seed = Some(seed);
        self
    }

    /// Sets the wall clock by which it is found out that the process slept, as for
    /// [keyrings](datakey_keyring::SealingKeyringBuilder::wall_clock).
    ///
    /// Sealing and opening ask tokio's clock for ages. That clock stands still while a machine is suspended, and this one does not; what it
    /// gains is added to the ages of branch keys. Set back, it changes nothing.
    #[must_use]
    pub fn wall_clock(mut self, clock: impl Fn() -> SystemTime + Send + Sync + 'static) -> Self {
        self.wall_clock = Some(Arc::new(clock));
        self
    }

    /// Has the keyrings' statistics published, with the label `keyring` = `branch-keys`, and all calls of the store and of KMS. Needs the
    /// feature `metrics`.
    #[cfg(feature = "metrics")]
    #[must_use]
    pub fn metrics(
        mut self,
        keyrings: &datakey_keyring::KeyringMetrics,
        calls: &datakey_retry::Metrics,
    ) -> Self {
        self.metrics = Some((keyrings.clone(), calls.clone()));
        self
    }

    /// Has events and spans of the feature `tracing` tell branch key ids.
    ///
    /// Without it, spans and events say how a load came out and not for whom. An id such as `tenant-acme` names a customer.
    #[must_use]
    pub const fn tell_branch_key_ids(mut self) -> Self {
        self.tells_ids = true;
        self
    }

    /// Builds both halves. What one of them loads opens in the other too, and what one learns of a KMS key that may not be used any
    /// more, both know.
    ///
    /// ```
    /// use datakey_branch_keys::{BranchKeyAdmin, BranchKeys, MemoryStore, NewBranchKey};
    /// use datakey_provider::{DataKeyLength, EncryptionContext, OpeningProvider as _, SealingProvider as _};
    /// # use datakey_local::LocalKeys;
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let (kms, store) = (LocalKeys::generate("orders")?, MemoryStore::new("branch-keys"));
    /// # let admin = BranchKeyAdmin::new(store.clone(), kms.clone(), kms.active_key_id());
    /// # let id = admin.create(&NewBranchKey::new()).await?.into_description().id;
    /// let keys = BranchKeys::builder(store, kms).branch_key(id).build()?;
    /// let context = EncryptionContext::new([("tenant", "acme")])?;
    /// let made = keys.generate_data_key(&context, DataKeyLength::Bytes32).await?;
    /// keys.decrypt(&context, made.wrapped_keys().first()).await?;
    /// // What sealing loaded opens too: the table was read once, and KMS called once.
    /// assert_eq!(keys.sealing().stats().calls_made, 1);
    /// assert_eq!(keys.opening().stats().calls_made, 0);
    /// # Ok(()) }
    /// ```
    ///
    /// # Errors
    /// [`BuildError`].
    pub fn build(self) -> Result<BranchKeys, BuildError> {
        let parts = self.assemble()?;
        let (sealing, opening) = (parts.sealing()?, parts.opening()?);
        let shared = Revocations::new();
        sealing.keyring().share_revocations(&shared);
        opening.keyring().share_revocations(&shared);
        sealing.keyring().prime(opening.keyring());
        Ok(BranchKeys::new(sealing, opening))
    }

    /// Builds the half that seals.
    ///
    /// # Errors
    /// [`BuildError`].
    pub fn build_sealing(self) -> Result<SealingBranchKeys, BuildError> {
        self.assemble()?.sealing()
    }

    /// Builds the half that opens.
    ///
    /// The role of a reader is `dynamodb:GetItem` and `kms:Decrypt`, as that of a writer is: what keeps a reader from sealing is that its
    /// program has nothing to seal with.
    ///
    /// ```
    /// use datakey_branch_keys::{BranchKeyAdmin, BranchKeys, MemoryStore, NewBranchKey};
    /// use datakey_provider::{DataKeyLength, EncryptionContext, OpeningProvider as _, SealingProvider as _};
    /// # use datakey_local::LocalKeys;
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let (kms, store) = (LocalKeys::generate("orders")?, MemoryStore::new("branch-keys"));
    /// # let admin = BranchKeyAdmin::new(store.clone(), kms.clone(), kms.active_key_id());
    /// # let id = admin.create(&NewBranchKey::new()).await?.into_description().id;
    /// let shop = BranchKeys::builder(store.clone(), kms.clone()).branch_key(id.clone()).build_sealing()?;
    /// let accounting = BranchKeys::builder(store, kms).branch_key(id).build_opening()?;
    ///
    /// let context = EncryptionContext::new([("tenant", "acme")])?;
    /// for _order in 0..100 {
    ///     let made = shop.generate_data_key(&context, DataKeyLength::Bytes32).await?;
    ///     accounting.decrypt(&context, made.wrapped_keys().first()).await?;
    /// }
    /// // A hundred data keys, and one Decrypt in each process.
    /// assert_eq!((shop.stats().calls_made, accounting.stats().calls_made), (1, 1));
    /// # Ok(()) }
    /// ```
    ///
    /// # Errors
    /// [`BuildError`].
    pub fn build_opening(self) -> Result<OpeningBranchKeys, BuildError> {
        self.assemble()?.opening()
    }

    fn assemble(self) -> Result<Parts, BuildError> {
        let choice = self.choice.ok_or(BuildError::NoBranchKey)?;
        let loader = match self.policies {
            Some((kms, store)) => {
                #[cfg(feature = "metrics")]
                let (kms, store) = match &self.metrics {
                    Some((_, calls)) => (kms.with_metrics(calls), store.with_metrics(calls)),
                    None => (kms, store),
                };
                let patience = store.rules().deadline;
                let store = RetryingStore::new(self.store, store);
                Loader::new(Arc::new(store), Arc::new(Retry::new(self.kms, kms)), patience)
            }
            None => Loader::new(Arc::new(self.store), Arc::new(self.kms), None),
        };
        Ok(Parts {
            loader: Arc::new(loader.telling_ids(self.tells_ids)),
            choice: Arc::new(choice),
            limits: self.limits,
            seed: self.seed,
            wall_clock: self.wall_clock,
            load_timeout: self.load_timeout,
            tells_ids: self.tells_ids,
            #[cfg(feature = "metrics")]
            keyrings: self.metrics.map(|(keyrings, _)| keyrings),
        })
    }
}

/// What both halves are made of.
struct Parts {
    loader: Arc<Loader>,
    choice: Arc<Choice>,
    limits: BranchKeyLimits,
    seed: Option<u64>,
    wall_clock: Option<WallClock>,
    load_timeout: Option<Duration>,
    tells_ids: bool,
    #[cfg(feature = "metrics")]
    keyrings: Option<datakey_keyring::KeyringMetrics>,
}

/// The label of both keyrings.
#[cfg(feature = "metrics")]
const KEYRING: Option<&str> = Some("branch-keys");

/// The settings that both keyrings have.
macro_rules! with_settings {
    ($builder:expr, $parts:expr) => {{
        let (mut builder, parts) = ($builder, $parts);
        if let Some(seed) = parts.seed {
            builder = builder.seed(seed);
        }
        if let Some(timeout) = parts.load_timeout {
            builder = builder.load_timeout(timeout);
        }
        if let Some(clock) = &parts.wall_clock {
            let clock = Arc::clone(clock);
            builder = builder.wall_clock(move || clock());
        }
        if parts.tells_ids {
            builder = builder.tell_context_values();
        }
        builder
    }};
}

impl Parts {
    fn sealing(&self) -> Result<SealingBranchKeys, BuildError> {
        let limits = SealingLimits::default()
            .with_soft_age(self.limits.soft_age())
            .with_hard_age(self.limits.hard_age())
            // A wrapping key is derived for each data key, so that a branch key does not wear out.
            .with_max_messages(u64::MAX)
            .with_max_bytes(u64::MAX)
            .with_max_contexts(self.limits.max_keys());
        let builder: SealingKeyringBuilder<Keyed> = SealingKeyring::builder().material(Keyed).limits(limits);
        let keyring = with_settings!(builder, self).build(Arc::clone(&self.loader))?;
        #[cfg(feature = "metrics")]
        if let Some(keyrings) = &self.keyrings {
            keyrings.watch_sealing(KEYRING, &keyring);
        }
        Ok(SealingBranchKeys::new(keyring, Arc::clone(&self.choice)))
    }

    fn opening(&self) -> Result<OpeningBranchKeys, BuildError> {
        let limits = OpeningLimits::default()
            .with_ttl(self.limits.soft_age())
            .with_stale_ttl(self.limits.hard_age())
            .with_max_keys(self.limits.max_keys());
        let builder: OpeningKeyringBuilder<Keyed> = OpeningKeyring::builder().material(Keyed).limits(limits);
        let keyring = with_settings!(builder, self).build(Arc::clone(&self.loader))?;
        #[cfg(feature = "metrics")]
        if let Some(keyrings) = &self.keyrings {
            keyrings.watch_opening(KEYRING, &keyring);
        }
        Ok(OpeningBranchKeys::new(keyring, Arc::clone(&self.choice)))
    }
}

impl<S, K> fmt::Debug for BranchKeysBuilder<S, K> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("BranchKeysBuilder")
            .field("branch_key", &self.choice)
            .field("limits", &self.limits)
            .finish_non_exhaustive()
    }
}
