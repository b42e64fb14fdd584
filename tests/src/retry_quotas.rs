//! Providers whose keys count against quotas, of which some are shared and some are not.
use std::sync::Arc;

use datakey_provider::{
    DataKey, DataKeyLength, EncryptionContext, ErrorClass, GeneratedDataKey, OpeningProvider, Operation,
    ProviderError, Rank, Scope, SealingProvider, WrappedKey, WrappedKeys, async_trait,
};

use crate::retry::Service;

/// A key, the quota that its calls count against, and the service that counts them.
#[derive(Debug, Clone)]
pub struct Key {
    /// Its id.
    pub id: &'static str,
    /// The name of its quota.
    pub quota: &'static str,
    /// How near it is.
    pub rank: Rank,
    /// Who answers, refuses or fails.
    pub service: Service,
}

impl Key {
    async fn call(&self, operation: Operation) -> Result<(), ProviderError> {
        self.service.call().await.map_err(|error| {
            let told = ProviderError::new(error.class(), operation)
                .with_key_id(self.id)
                .with_quota(self.quota)
                .with_code(format!("{} of {}", error.class().as_str(), self.quota));
            match error.delay() {
                Some(delay) => told.with_delay(delay),
                None => told,
            }
        })
    }

    /// What was wrapped under it, without a call.
    ///
    /// # Panics
    /// Never: key ids are not empty.
    #[must_use]
    pub fn wrap(&self, context: &EncryptionContext, key: &DataKey) -> WrappedKey {
        let blob = [context.digest().as_slice(), key.expose_secret()].concat();
        WrappedKey::new(self.id, blob).unwrap()
    }
}

/// Seals under the first of its keys, and opens with each of them. Clones are the same.
#[derive(Debug, Clone)]
pub struct Metered(Arc<[Key]>);

impl Metered {
    /// With these keys.
    #[must_use]
    pub fn new(keys: impl Into<Arc<[Key]>>) -> Self {
        Self(keys.into())
    }

    fn find(&self, wrapped: &WrappedKey) -> Option<&Key> {
        self.0.iter().find(|key| key.id == wrapped.key_id())
    }

    /// A message's wrapped keys, one under each key, without a call.
    ///
    /// # Panics
    /// When there are no keys, or one twice.
    #[must_use]
    pub fn wrapped(&self, context: &EncryptionContext) -> WrappedKeys {
        let key = DataKey::init(DataKeyLength::Bytes32, |bytes| bytes.fill(7));
        let wrapped: Vec<_> = self.0.iter().map(|own| own.wrap(context, &key)).collect();
        WrappedKeys::new(wrapped).unwrap()
    }
}

#[async_trait]
impl SealingProvider for Metered {
    async fn generate_data_key(
        &self,
        context: &EncryptionContext,
        length: DataKeyLength,
    ) -> Result<GeneratedDataKey, ProviderError> {
        let first = &self.0[0];
        first.call(Operation::GenerateDataKey).await?;
        let key = DataKey::init(length, |bytes| bytes.fill(7));
        let wrapped = first.wrap(context, &key);
        Ok(GeneratedDataKey::new(key, wrapped))
    }

    async fn encrypt(
        &self,
        context: &EncryptionContext,
        key: &DataKey,
    ) -> Result<WrappedKeys, ProviderError> {
        let first = &self.0[0];
        first.call(Operation::Encrypt).await?;
        Ok(first.wrap(context, key).into())
    }

    fn sealing_scopes<'a>(&'a self, tell: &mut dyn FnMut(Scope<'a>)) {
        let Key { id: key, quota, .. } = self.0[0];
        tell(Scope { quota, key });
    }
}

#[async_trait]
impl OpeningProvider for Metered {
    fn rank(&self, wrapped: &WrappedKey) -> Option<Rank> {
        self.find(wrapped).map(|key| key.rank)
    }

    async fn decrypt(
        &self,
        context: &EncryptionContext,
        wrapped: &WrappedKey,
    ) -> Result<DataKey, ProviderError> {
        let Some(key) = self.find(wrapped) else {
            return Err(ProviderError::new(ErrorClass::InvalidRequest, Operation::Decrypt));
        };
        key.call(Operation::Decrypt).await?;
        match wrapped.blob().split_at(32) {
            (digest, key) if digest == context.digest() => Ok(DataKey::from_slice(key).unwrap()),
            _ => Err(ProviderError::new(ErrorClass::NotAuthentic, Operation::Decrypt)),
        }
    }

    fn opening_scope<'a>(&'a self, wrapped: &'a WrappedKey) -> Scope<'a> {
        Scope {
            quota: self.find(wrapped).map_or("", |key| key.quota),
            key: wrapped.key_id(),
        }
    }
}
