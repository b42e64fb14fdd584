//! Pointers to a provider are providers.
use alloc::{boxed::Box, sync::Arc};
use core::time::Duration;

use async_trait::async_trait;

use crate::{
    DataKey, DataKeyLength, EncryptionContext, GeneratedDataKey, OpeningProvider, ProviderError, Rank, Scope,
    SealingProvider, Traffic, WrappedKey, WrappedKeys,
};

macro_rules! forward {
    ($($pointer:ty),+) => {$(
        #[async_trait]
        #[deny(clippy::missing_trait_methods)]
        impl<P: SealingProvider + ?Sized> SealingProvider for $pointer {
            async fn generate_data_key(
                &self,
                context: &EncryptionContext,
                length: DataKeyLength,
            ) -> Result<GeneratedDataKey, ProviderError> {
                (**self).generate_data_key(context, length).await
            }

            async fn encrypt(
                &self,
                context: &EncryptionContext,
                data_key: &DataKey,
            ) -> Result<WrappedKeys, ProviderError> {
                (**self).encrypt(context, data_key).await
            }

            fn wrapped_keys_each(&self) -> usize {
                (**self).wrapped_keys_each()
            }

            fn sealing_key_is(&self, name: &str, key_id: &str) -> bool {
                (**self).sealing_key_is(name, key_id)
            }

            fn sealing_scopes<'a>(&'a self, tell: &mut dyn FnMut(Scope<'a>)) {
                (**self).sealing_scopes(tell);
            }

            fn sealing_time_limit(&self) -> Option<Duration> {
                (**self).sealing_time_limit()
            }
        }

        #[async_trait]
        #[deny(clippy::missing_trait_methods)]
        impl<P: OpeningProvider + ?Sized> OpeningProvider for $pointer {
            fn rank(&self, wrapped: &WrappedKey) -> Option<Rank> {
                (**self).rank(wrapped)
            }

            async fn decrypt(
                &self,
                context: &EncryptionContext,
                wrapped: &WrappedKey,
            ) -> Result<DataKey, ProviderError> {
                (**self).decrypt(context, wrapped).await
            }

            async fn decrypt_amid(
                &self,
                context: &EncryptionContext,
                wrapped: &WrappedKey,
                traffic: &dyn Traffic,
            ) -> Result<DataKey, ProviderError> {
                (**self).decrypt_amid(context, wrapped, traffic).await
            }

            fn opening_key_is(&self, name: &str, key_id: &str) -> bool {
                (**self).opening_key_is(name, key_id)
            }

            fn opening_scope<'a>(&'a self, wrapped: &'a WrappedKey) -> Scope<'a> {
                (**self).opening_scope(wrapped)
            }

            fn opening_scope_amid<'a>(
                &'a self,
                wrapped: &'a WrappedKey,
                traffic: &dyn Traffic,
            ) -> Scope<'a> {
                (**self).opening_scope_amid(wrapped, traffic)
            }

            fn opening_time_limit(&self) -> Option<Duration> {
                (**self).opening_time_limit()
            }
        }
    )+};
}

forward!(&P, Box<P>, Arc<P>);
