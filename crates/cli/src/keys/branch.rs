//! Branch keys: a provider of one that is named.
use aws_config::SdkConfig;
use datakey::{
    branch_keys::{BranchKeyId, BranchKeys, DynamoDbStore},
    kms::{KmsKeyId, KmsProvider},
    retry::Policy,
};

use crate::{failure::Failure, key_uri::BranchUri};

/// How KMS and DynamoDB are reached.
pub(crate) struct Configuration {
    pub(crate) kms: SdkConfig,
    pub(crate) other: SdkConfig,
}

impl Configuration {
    /// The KMS key.
    pub(crate) fn kms(&self, key: &KmsKeyId) -> Result<KmsProvider, Failure> {
        let built = KmsProvider::from_sdk_config(&self.kms).key(key.as_str()).build();
        built.map_err(|error| Failure::Usage(format!("the key {key}: {error}")))
    }

    /// The table.
    pub(crate) fn table(&self, table: &str, logical_name: Option<&str>) -> DynamoDbStore {
        let store = DynamoDbStore::from_sdk_config(&self.other, table);
        match logical_name {
            Some(name) => store.with_logical_name(name),
            None => store,
        }
    }
}

/// A branch key id of the command line.
pub(crate) fn id(text: &str) -> Result<BranchKeyId, Failure> {
    text.parse()
        .map_err(|error| Failure::Usage(format!("{text:?}: {error}")))
}

/// The branch key, as a provider.
pub(super) fn provider(
    config: &Configuration,
    key: &BranchUri,
    policy: &Policy,
) -> Result<BranchKeys, Failure> {
    let store = config.table(&key.table, key.logical_name.as_deref());
    let keys = BranchKeys::builder(store, config.kms(&key.kms_key)?)
        .branch_key(id(&key.id)?)
        .retry(policy.clone())
        .store_retry(policy.clone())
        .build();
    keys.map_err(|error| Failure::other("the branch key cannot be used", error))
}
