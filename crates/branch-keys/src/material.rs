//! What keyrings make of branch keys before they keep them.
use datakey_keyring::{OpeningMaterial, SealingMaterial};
use datakey_provider::{DataKey, EncryptionContext, ErrorClass, GeneratedDataKey, Operation, ProviderError};

use crate::{BranchKeyVersion, loader::version_of, wrap::BranchKey};

/// Keys the derivation of wrapping keys, once for each branch key.
pub(crate) struct Keyed;

/// The version that seals.
pub(crate) struct Active {
    pub(crate) key: BranchKey,
    pub(crate) version: BranchKeyVersion,
}

fn defect(operation: Operation) -> ProviderError {
    ProviderError::new(ErrorClass::Internal, operation).with_source("what was loaded is no branch key")
}

impl SealingMaterial for Keyed {
    type Key = Active;

    fn prepare(&self, made: GeneratedDataKey, _: &EncryptionContext) -> Result<Active, ProviderError> {
        let key = BranchKey::new(made.data_key());
        let version = version_of(made.wrapped_keys().first());
        let active = key.zip(version).map(|(key, version)| Active { key, version });
        active.ok_or_else(|| defect(Operation::GenerateDataKey))
    }
}

impl OpeningMaterial for Keyed {
    type Key = BranchKey;

    fn prepare(&self, key: DataKey, _: &EncryptionContext) -> Result<BranchKey, ProviderError> {
        BranchKey::new(&key).ok_or_else(|| defect(Operation::Decrypt))
    }
}
