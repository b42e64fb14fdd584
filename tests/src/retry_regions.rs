//! A provider with wrapping keys in two Regions, each of which can fail, hang or refuse, and one for each Region that has a
//! replica of one key.
use std::sync::{
    Arc, Mutex,
    atomic::{AtomicU64, Ordering},
};

use datakey_provider::{
    DataKey, DataKeyLength, EncryptionContext, ErrorClass, GeneratedDataKey, OpeningProvider, Operation,
    ProviderError, Rank, SealingProvider, WrappedKey, WrappedKeys, async_trait,
};

/// The near Region's key.
pub const NEAR: &str = "arn:aws:kms:eu-west-1:111122223333:key/near";
/// The far Region's key.
pub const FAR: &str = "arn:aws:kms:eu-central-1:111122223333:key/far";

/// A key that is in every Region.
pub const REPLICA: &str = "arn:aws:kms:eu-west-1:111122223333:key/mrk-1";

/// What a Region does with calls.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Health {
    /// It answers.
    Up,
    /// It fails at once.
    Failing,
    /// It never answers.
    Hanging,
    /// It refuses for good.
    Denying,
}

#[derive(Debug)]
struct Region {
    key_id: &'static str,
    rank: Rank,
    health: Mutex<Health>,
    calls: AtomicU64,
}

/// The two Regions behind one provider. Clones are the same Regions.
#[derive(Debug, Clone)]
pub struct TwoRegions(Arc<[Region; 2]>);

impl Default for TwoRegions {
    fn default() -> Self {
        let region = |key_id, rank| Region {
            key_id,
            rank,
            health: Mutex::new(Health::Up),
            calls: AtomicU64::new(0),
        };
        Self(Arc::new([region(NEAR, Rank::LOCAL), region(FAR, Rank::REMOTE)]))
    }
}

impl TwoRegions {
    fn region(&self, key_id: &str) -> Option<&Region> {
        self.0.iter().find(|region| region.key_id == key_id)
    }

    /// From now on the Region of this key does so.
    ///
    /// # Panics
    /// When there is no such key.
    pub fn set(&self, key_id: &str, health: Health) {
        *self.region(key_id).unwrap().health.lock().unwrap() = health;
    }

    /// What the Region of this key does at the moment.
    ///
    /// # Panics
    /// When there is no such key.
    #[must_use]
    pub fn health(&self, key_id: &str) -> Health {
        *self.region(key_id).unwrap().health.lock().unwrap()
    }

    /// Calls that the Region of this key has got so far.
    ///
    /// # Panics
    /// When there is no such key.
    #[must_use]
    pub fn calls(&self, key_id: &str) -> u64 {
        self.region(key_id).unwrap().calls.load(Ordering::Relaxed)
    }
}

impl Region {
    async fn call(&self, operation: Operation) -> Result<(), ProviderError> {
        self.calls.fetch_add(1, Ordering::Relaxed);
        tokio::task::yield_now().await;
        let health = *self.health.lock().unwrap();
        let class = match health {
            Health::Up => return Ok(()),
            Health::Hanging => std::future::pending().await,
            Health::Failing => ErrorClass::Transient,
            Health::Denying => ErrorClass::Denied,
        };
        Err(ProviderError::new(class, operation).with_key_id(self.key_id))
    }

    fn wrap(&self, context: &EncryptionContext, key: &DataKey) -> WrappedKey {
        let blob = [context.digest().as_slice(), key.expose_secret()].concat();
        WrappedKey::new(self.key_id, blob).unwrap()
    }

    fn unwrap(&self, context: &EncryptionContext, wrapped: &WrappedKey) -> Result<DataKey, ProviderError> {
        match wrapped.blob().split_at(32) {
            (digest, key) if digest == context.digest() => Ok(DataKey::from_slice(key).unwrap()),
            _ => {
                Err(ProviderError::new(ErrorClass::NotAuthentic, Operation::Decrypt).with_key_id(self.key_id))
            }
        }
    }
}

#[async_trait]
impl SealingProvider for TwoRegions {
    async fn generate_data_key(
        &self,
        context: &EncryptionContext,
        length: DataKeyLength,
    ) -> Result<GeneratedDataKey, ProviderError> {
        let key = DataKey::init(length, |bytes| bytes.fill(7));
        let wrapped = self.encrypt(context, &key).await?;
        Ok(GeneratedDataKey::new(key, wrapped))
    }

    async fn encrypt(
        &self,
        context: &EncryptionContext,
        key: &DataKey,
    ) -> Result<WrappedKeys, ProviderError> {
        let [near, far] = &*self.0;
        near.call(Operation::Encrypt).await?;
        far.call(Operation::Encrypt).await?;
        let wrapped = WrappedKeys::from(near.wrap(context, key));
        Ok(wrapped.join(&far.wrap(context, key).into()).unwrap())
    }

    fn wrapped_keys_each(&self) -> usize {
        2
    }
}

#[async_trait]
impl OpeningProvider for TwoRegions {
    fn rank(&self, wrapped: &WrappedKey) -> Option<Rank> {
        self.region(wrapped.key_id()).map(|region| region.rank)
    }

    async fn decrypt(
        &self,
        context: &EncryptionContext,
        wrapped: &WrappedKey,
    ) -> Result<DataKey, ProviderError> {
        let Some(region) = self.region(wrapped.key_id()) else {
            return Err(ProviderError::new(ErrorClass::InvalidRequest, Operation::Decrypt));
        };
        region.call(Operation::Decrypt).await?;
        region.unwrap(context, wrapped)
    }
}

/// One Region with a replica of the key that the others have too. Clones are the same Region.
#[derive(Debug, Clone)]
pub struct Replica(Arc<Region>);

impl Replica {
    /// A Region that answers, and ranks so.
    #[must_use]
    pub fn new(rank: Rank) -> Self {
        Self(Arc::new(Region {
            key_id: REPLICA,
            rank,
            health: Mutex::new(Health::Up),
            calls: AtomicU64::new(0),
        }))
    }

    /// From now on it does so.
    ///
    /// # Panics
    /// When another thread panicked over it.
    pub fn set(&self, health: Health) {
        *self.0.health.lock().unwrap() = health;
    }

    /// Calls that it has got so far.
    #[must_use]
    pub fn calls(&self) -> u64 {
        self.0.calls.load(Ordering::Relaxed)
    }
}

#[async_trait]
impl SealingProvider for Replica {
    async fn generate_data_key(
        &self,
        context: &EncryptionContext,
        length: DataKeyLength,
    ) -> Result<GeneratedDataKey, ProviderError> {
        let key = DataKey::init(length, |bytes| bytes.fill(7));
        self.0.call(Operation::GenerateDataKey).await?;
        let wrapped = self.0.wrap(context, &key);
        Ok(GeneratedDataKey::new(key, wrapped))
    }

    async fn encrypt(
        &self,
        context: &EncryptionContext,
        key: &DataKey,
    ) -> Result<WrappedKeys, ProviderError> {
        self.0.call(Operation::Encrypt).await?;
        Ok(self.0.wrap(context, key).into())
    }
}

#[async_trait]
impl OpeningProvider for Replica {
    fn rank(&self, wrapped: &WrappedKey) -> Option<Rank> {
        (wrapped.key_id() == REPLICA).then_some(self.0.rank)
    }

    async fn decrypt(
        &self,
        context: &EncryptionContext,
        wrapped: &WrappedKey,
    ) -> Result<DataKey, ProviderError> {
        self.0.call(Operation::Decrypt).await?;
        self.0.unwrap(context, wrapped)
    }
}
