//! The half that seals: new data keys, wrapped under the active version of a branch key.
use std::{fmt, sync::Arc, time::Duration};

use datakey_keyring::{
    Explanation, Held, KeyringError, NothingKept, SealingKeyring, SealingSnapshot, SealingStats, Usage,
};
use datakey_provider::{
    DataKey, DataKeyLength, EncryptionContext, ErrorClass, GeneratedDataKey, Operation, ProviderError, Scope,
    SealingProvider, WrappedKey, WrappedKeys, async_trait,
};
use zeroize::Zeroizing;

use crate::{
    BranchKeyId,
    choice::Choice,
    failed::failed,
    loader::refused,
    material::{Active, Keyed},
    wrap::RANDOM_LEN,
};

/// Makes data keys under branch keys, without a call while the branch key is kept. Cheap to clone; clones share what is kept.
///
/// It is a [`SealingProvider`]: each data key is drawn at random here and wrapped under the active version of the branch key. Only
/// when that is not kept, or due to be looked for anew, is the store read and KMS called. It cannot open, and it cannot create or rotate
/// branch keys.
///
/// # What a call costs
///
/// With the branch key kept: random bytes from the operating system, an HMAC and an AES-256-GCM over the data key, and no await point
/// that waits. Otherwise one read of the store and one `Decrypt` of KMS, however many callers wait for the branch key; where the encryption
/// contexts of many tenants come at once, as many loads as there are branch keys.
///
/// # When the store or KMS is away
///
/// Between 70 and 95 percent of the soft age a request has the branch key looked for anew in the background, and is served with what is
/// kept. Past the soft age requests wait for the answer; while that is a throttle or an outage, or there is none within a second, they are
/// served with what is kept, to the hard age. A denial, and a KMS key that was disabled, end it at once. A random number generator of the
/// operating system that fails is reported as [`Transient`](ErrorClass::Transient): nothing was sent.
///
/// # Dropping and cloning
///
/// A dropped call stops no load: its branch key is there for the next one. Clones, and all threads, share one cache; the branch keys in it
/// are wiped when they are dropped and nobody wraps with them.
#[derive(Clone)]
pub struct SealingBranchKeys {
    keyring: SealingKeyring<Keyed>,
    choice: Arc<Choice>,
}

impl SealingBranchKeys {
    pub(crate) fn new(keyring: SealingKeyring<Keyed>, choice: Arc<Choice>) -> Self {
        Self { keyring, choice }
    }

    pub(crate) const fn keyring(&self) -> &SealingKeyring<Keyed> {
        &self.keyring
    }

    async fn active(&self, operation: Operation, id: &BranchKeyId) -> Result<Held<Active>, ProviderError> {
        let held = self.keyring.key(id.context(), Usage::batch(1, 0)).await;
        held.map_err(|error| failed(operation, id, error))
    }

    async fn wrap(
        &self,
        operation: Operation,
        context: &EncryptionContext,
        data_key: &DataKey,
        random: &[u8; RANDOM_LEN],
    ) -> Result<WrappedKeys, ProviderError> {
        let id = self.choice.of(operation, context)?;
        let active = self.active(operation, &id).await?;
        let internal = |class, error| refused(operation, class, &id, error).unsent();
        let blob = active
            .key
            .wrap((&id, active.version), context, data_key, random)
            .map_err(|error| internal(error.class(), error))?;
        let wrapped = WrappedKey::new(id.key_id(), blob);
        let wrapped =
            wrapped.map_err(|error| refused(operation, ErrorClass::Internal, &id, error).unsent())?;
        Ok(wrapped.into())
    }

    /// Loads branch keys that are known beforehand. Answers those that could not be loaded, each with the reason.
    ///
    /// A service that starts calls it before it takes requests, so that a table that cannot be read is found out by the deployment:
    ///
    /// ```
    /// use datakey_branch_keys::{BranchKeyAdmin, BranchKeyId, BranchKeys, MemoryStore, NewBranchKey};
    /// # use datakey_local::LocalKeys;
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let (kms, store) = (LocalKeys::generate("orders")?, MemoryStore::new("branch-keys"));
    /// # let admin = BranchKeyAdmin::new(store.clone(), kms.clone(), kms.active_key_id());
    /// let acme: BranchKeyId = "tenant-acme".parse()?;
    /// admin.create(&NewBranchKey::with_id(acme.clone()).context([("tenant", "acme")])).await?;
    /// let keys = BranchKeys::builder(store, kms)
    ///     .choose(|context| format!("tenant-{}", context.get("tenant")?).parse().ok())
    ///     .build_sealing()?;
    /// let cold = keys.warm([acme.clone(), "tenant-umbrella".parse()?]).await;
    /// assert_eq!(cold.len(), 1); // nobody created it
    /// assert_eq!(cold[0].0.as_str(), "tenant-umbrella");
    /// assert!(keys.explain(&acme).key.is_ok());
    /// # Ok(()) }
    /// ```
    pub async fn warm(&self, ids: impl IntoIterator<Item = BranchKeyId>) -> Vec<(BranchKeyId, KeyringError)> {
        let ids: Vec<BranchKeyId> = ids.into_iter().collect();
        let cold = self.keyring.warm(ids.iter().map(BranchKeyId::context)).await;
        let id_of = |context: &EncryptionContext| ids.iter().find(|id| id.context() == context).cloned();
        cold.into_iter()
            .filter_map(|(context, error)| Some((id_of(&context)?, error)))
            .collect()
    }

    /// What was kept, and why the store and KMS were asked: one load is one read of the store and one call of KMS.
    ///
    /// A service that makes more calls than it has branch keys, an hour, is told why by `misses`: `evicted` wants more room, `new` more
    /// than was expected are branch keys that nobody counted.
    #[must_use]
    pub fn stats(&self) -> SealingStats {
        self.keyring.stats()
    }

    /// What is kept of a branch key, how old it is, and what the next request would do.
    ///
    /// ```
    /// use datakey_branch_keys::{BranchKeys, MemoryStore};
    /// # use datakey_local::LocalKeys;
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let kms = LocalKeys::generate("orders")?;
    /// let keys = BranchKeys::builder(MemoryStore::new("branch-keys"), kms).branch_key("orders".parse()?).build_sealing()?;
    /// let why = keys.explain(&"orders".parse()?);
    /// assert_eq!(why.to_string(), "no sealing key (cold); the next request loads one");
    /// # Ok(()) }
    /// ```
    #[must_use]
    pub fn explain(&self, id: &BranchKeyId) -> Explanation {
        self.keyring.explain(id.context())
    }

    /// Every active version that is kept, in no order. The context is that of [`BranchKeyId::context`].
    ///
    /// None of it is secret: contexts of one pair, ages, counts, and key ids.
    #[must_use]
    pub fn snapshots(&self) -> Vec<SealingSnapshot> {
        self.keyring.snapshots()
    }

    /// Forgets a branch key, also one that is being loaded: whoever asks from here on gets what was read afterwards. For a rotation
    /// that is to take effect at once. Answers whether one was kept.
    #[expect(
        clippy::must_use_candidate,
        reason = "the answer is for whoever wants to log it"
    )]
    pub fn invalidate(&self, id: &BranchKeyId) -> bool {
        self.keyring.invalidate_context(id.context()) > 0
    }

    /// Forgets the branch keys under a KMS key, by any name that the provider knows it by. Answers how many.
    ///
    /// ```
    /// use datakey_branch_keys::{BranchKeyAdmin, BranchKeys, MemoryStore, NewBranchKey};
    /// use datakey_provider::{DataKeyLength, EncryptionContext, SealingProvider as _};
    /// # use datakey_local::LocalKeys;
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let (kms, store) = (LocalKeys::generate("orders")?, MemoryStore::new("branch-keys"));
    /// # let admin = BranchKeyAdmin::new(store.clone(), kms.clone(), kms.active_key_id());
    /// # let id = admin.create(&NewBranchKey::new()).await?.into_description().id;
    /// let keys = BranchKeys::builder(store, kms).branch_key(id).build_sealing()?;
    /// keys.generate_data_key(&EncryptionContext::empty(), DataKeyLength::Bytes32).await?;
    /// // The KMS key beneath was disabled. It is not the key id in messages, which is the branch key's.
    /// assert_eq!(keys.invalidate_key("local:orders")?, 1);
    /// assert!(keys.invalidate_key("local:mistyped").is_err()); // said aloud, and not taken for done
    /// # Ok(()) }
    /// ```
    ///
    /// # Errors
    /// [`NothingKept`] when none that is kept is under a key of that name.
    pub fn invalidate_key(&self, name: &str) -> Result<usize, NothingKept> {
        self.keyring.invalidate_key(name)
    }

    /// Drops all branch keys for good, and stops all loads. Concerns all clones.
    ///
    /// Every later request, and every one that waits, is refused with [`ShutDown`](ErrorClass::ShutDown): nothing is wrong with it, and
    /// another process may answer it.
    pub fn shutdown(&self) {
        self.keyring.shutdown();
    }
}

/// The longest data key, in bytes.
const MAX_DATA_KEY_LEN: usize = DataKeyLength::Bytes32.bytes();

/// A data key and what it is wrapped with, drawn at once: each request to the operating system takes longer than the bytes do.
fn drawn(operation: Operation, length: DataKeyLength) -> Result<(DataKey, [u8; RANDOM_LEN]), ProviderError> {
    let mut bytes = Zeroizing::new([0; MAX_DATA_KEY_LEN + RANDOM_LEN]);
    crate::primitives::fill(bytes.as_mut_slice()).map_err(|error| no_randomness(operation, error))?;
    let (random, secret) = bytes.split_first_chunk().ok_or_else(|| no_bytes(operation))?;
    let data_key = secret.get(..length.bytes()).and_then(DataKey::from_slice);
    Ok((data_key.ok_or_else(|| no_bytes(operation))?, *random))
}

fn no_randomness(operation: Operation, error: getrandom::Error) -> ProviderError {
    ProviderError::new(ErrorClass::Transient, operation)
        .unsent()
        .with_source(error)
}

/// There is a length of data key that this does not know.
fn no_bytes(operation: Operation) -> ProviderError {
    ProviderError::new(ErrorClass::InvalidRequest, operation)
        .unsent()
        .with_source("a data key of this length is not made")
}

#[async_trait]
#[deny(clippy::missing_trait_methods)]
impl SealingProvider for SealingBranchKeys {
    async fn generate_data_key(
        &self,
        context: &EncryptionContext,
        length: DataKeyLength,
    ) -> Result<GeneratedDataKey, ProviderError> {
        const OPERATION: Operation = Operation::GenerateDataKey;
        let (data_key, random) = drawn(OPERATION, length)?;
        let wrapped = self.wrap(OPERATION, context, &data_key, &random).await?;
        Ok(GeneratedDataKey::new(data_key, wrapped))
    }

    async fn encrypt(
        &self,
        context: &EncryptionContext,
        data_key: &DataKey,
    ) -> Result<WrappedKeys, ProviderError> {
        const OPERATION: Operation = Operation::Encrypt;
        let mut random = [0; RANDOM_LEN];
        crate::primitives::fill(&mut random).map_err(|error| no_randomness(OPERATION, error))?;
        self.wrap(OPERATION, context, data_key, &random).await
    }

    fn wrapped_keys_each(&self) -> usize {
        1
    }

    /// By the key id in the message, the branch key id alone, or any name of the KMS key beneath it.
    fn sealing_key_is(&self, name: &str, key_id: &str) -> bool {
        self.keyring.provider().sealing_key_is(name, key_id)
    }

    /// Calls that are made beneath have scopes and retries of their own, and what is kept needs none.
    fn sealing_scopes<'a>(&'a self, tell: &mut dyn FnMut(Scope<'a>)) {
        tell(Scope::BENEATH);
    }

    fn sealing_time_limit(&self) -> Option<Duration> {
        self.keyring.provider().sealing_time_limit()
    }
}

impl fmt::Debug for SealingBranchKeys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SealingBranchKeys")
            .field("branch_key", &self.choice)
            .finish_non_exhaustive()
    }
}
