//! A provider: a safe that keeps data keys, and hands out tickets for them. In the place of the map stands whatever one has.
use std::{collections::HashMap, sync::Arc};

use datakey_provider::{
    DataKey, DataKeyLength, EncryptionContext, ErrorClass, GeneratedDataKey, OpeningProvider, Operation,
    ProviderError, Rank, SealingProvider, WrappedKey, WrappedKeys, async_trait,
};
use tokio::sync::RwLock;

/// Where the safe is.
const SAFE: &str = "safe:cellar";

/// Data keys by ticket, each with the context that it was handed in with.
type Kept = HashMap<Vec<u8>, (EncryptionContext, Vec<u8>)>;

#[derive(Clone, Default)]
pub(crate) struct Safe(Arc<RwLock<Kept>>);

impl Safe {
    /// How many data keys it keeps.
    pub(crate) async fn len(&self) -> usize {
        self.0.read().await.len()
    }
}

#[async_trait]
impl SealingProvider for Safe {
    async fn generate_data_key(
        &self,
        context: &EncryptionContext,
        length: DataKeyLength,
    ) -> Result<GeneratedDataKey, ProviderError> {
        let internal =
            |error| ProviderError::new(ErrorClass::Internal, Operation::GenerateDataKey).with_source(error);
        let data_key = DataKey::try_init(length, getrandom::fill).map_err(internal)?;
        let wrapped = self.encrypt(context, &data_key).await?;
        Ok(GeneratedDataKey::new(data_key, wrapped))
    }

    async fn encrypt(
        &self,
        context: &EncryptionContext,
        key: &DataKey,
    ) -> Result<WrappedKeys, ProviderError> {
        let internal = || ProviderError::new(ErrorClass::Internal, Operation::Encrypt);
        let mut ticket = vec![0; 32];
        getrandom::fill(&mut ticket).map_err(|error| internal().with_source(error))?;
        let kept = (context.clone(), key.expose_secret().to_vec());
        self.0.write().await.insert(ticket.clone(), kept);
        let wrapped = WrappedKey::new(SAFE, ticket).map_err(|error| internal().with_source(error))?;
        Ok(wrapped.into())
    }
}

#[async_trait]
impl OpeningProvider for Safe {
    fn rank(&self, wrapped: &WrappedKey) -> Option<Rank> {
        (wrapped.key_id() == SAFE).then_some(Rank::LOCAL)
    }

    async fn decrypt(
        &self,
        context: &EncryptionContext,
        wrapped: &WrappedKey,
    ) -> Result<DataKey, ProviderError> {
        let refused = |class| ProviderError::new(class, Operation::Decrypt);
        if self.rank(wrapped).is_none() {
            return Err(refused(ErrorClass::InvalidRequest).unsent());
        }
        let kept = self.0.read().await;
        let (bound, key) = kept
            .get(wrapped.blob())
            .ok_or_else(|| refused(ErrorClass::NotAuthentic))?;
        if bound != context {
            return Err(refused(ErrorClass::NotAuthentic));
        }
        DataKey::from_slice(key).ok_or_else(|| refused(ErrorClass::Internal))
    }
}
