//! What a keyring's failure is to a provider's caller.
use datakey_keyring::KeyringError;
use datakey_provider::{ErrorClass, Operation, ProviderError};

use crate::{BranchKeyId, wrap::WrapError};

/// The provider's error is the store's, or KMS's, as it is: retries above know that it was retried beneath.
pub(crate) fn failed(operation: Operation, id: &BranchKeyId, error: KeyringError) -> ProviderError {
    if let Some(error) = error.provider_error() {
        return error.clone();
    }
    let class = error.class().unwrap_or(ErrorClass::Internal);
    ProviderError::new(class, operation)
        .with_verdict(error.verdict())
        .with_key_id(id.key_id())
        .unsent()
        .with_source(error)
}

impl WrapError {
    pub(crate) const fn class(self) -> ErrorClass {
        match self {
            Self::Context => ErrorClass::InvalidRequest,
            Self::Cipher => ErrorClass::Internal,
            Self::NotAuthentic => ErrorClass::NotAuthentic,
        }
    }
}
