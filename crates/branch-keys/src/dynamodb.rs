//! The store in DynamoDB.
mod classify;
mod failure;

use std::{collections::HashMap, fmt, sync::Arc};

use aws_sdk_dynamodb::{
    Client,
    config::{http::HttpResponse, retry::RetryConfig},
    error::SdkError,
    operation::transact_write_items::TransactWriteItemsError,
    primitives::Blob,
    types::{AttributeValue, Put, TransactWriteItem},
};
use datakey_provider::{Operation, ProviderError, async_trait};

pub use self::{classify::class_of_code, failure::DynamoDbFailure};
use self::{
    classify::{Cancelled, cancelled},
    failure::failed,
};
use crate::{
    BranchKeyId, Item, ItemError, ItemKind, ReadingStore, Store, Written,
    item::{ENC, HIERARCHY_VERSION, ID, TYPE},
    loader::unusable,
};

const ABSENT: &str = "attribute_not_exists(#id)";
const UNCHANGED: &str = "attribute_exists(#id) AND #enc = :old";

/// Branch keys in a DynamoDB table. Cheap to clone; clones share their connections.
///
/// The table has the partition key `branch-key-id` and the sort key `type`, both strings. Reading takes `dynamodb:GetItem`; creating
/// and rotating takes `dynamodb:PutItem` and `dynamodb:ConditionCheckItem` besides, and listing `dynamodb:Query`. Reads are strongly
/// consistent: a version that was just made by another host must be there. In a global table they are so within a Region, and a
/// version is in the others a second or so later.
///
/// ```no_run
/// use datakey_branch_keys::DynamoDbStore;
///
/// async fn store(config: &aws_types::SdkConfig) -> DynamoDbStore {
///     DynamoDbStore::from_sdk_config(config, "branch-keys-restored").logical_name("branch-keys")
/// }
/// ```
#[derive(Clone)]
pub struct DynamoDbStore {
    client: Client,
    table: Arc<str>,
    logical_name: Arc<str>,
    quota: Arc<str>,
}

impl DynamoDbStore {
    /// Over a client that is configured elsewhere, with its retries off: attempts are the business of the layer above. The table's
    /// name is its logical name too, unless that is [set](Self::logical_name).
    #[must_use]
    pub fn from_client(client: &Client, table: &str) -> Self {
        let config = client.config().to_builder().retry_config(RetryConfig::disabled());
        Self::over(Client::from_conf(config.build()), table)
    }

    /// Over a configuration of the AWS SDK, as `aws_config::load_from_env` makes it.
    #[must_use]
    pub fn from_sdk_config(config: &aws_types::SdkConfig, table: &str) -> Self {
        let config = aws_sdk_dynamodb::config::Builder::from(config).retry_config(RetryConfig::disabled());
        Self::over(Client::from_conf(config.build()), table)
    }

    fn over(client: Client, table: &str) -> Self {
        let region = client.config().region().map(ToString::to_string);
        let quota = format!("dynamodb:{}:{table}", region.unwrap_or_default());
        Self {
            client,
            table: table.into(),
            logical_name: table.into(),
            quota: quota.into(),
        }
    }

    /// Sets the name that is bound into each key, where the table is called otherwise: because it was restored from a backup, or is
    /// another Region's.
    #[must_use]
    pub fn logical_name(mut self, name: &str) -> Self {
        self.logical_name = name.into();
        self
    }

    /// The name of the table.
    #[must_use]
    pub fn table(&self) -> &str {
        &self.table
    }

    /// The client as it is called: one attempt.
    #[must_use]
    pub const fn client(&self) -> &Client {
        &self.client
    }

    async fn write(
        &self,
        id: &BranchKeyId,
        token: &[u8],
        puts: impl IntoIterator<Item = Put>,
    ) -> Result<Written, ProviderError> {
        const OPERATION: Operation = Operation::TransactWriteItems;
        let writes = puts
            .into_iter()
            .map(|put| TransactWriteItem::builder().put(put).build());
        let sent = self
            .client
            .transact_write_items()
            .set_transact_items(Some(writes.collect()))
            // The same write, sent again because its answer was lost, is not made twice.
            .client_request_token(token_of(token))
            .send()
            .await;
        let error = match sent {
            Ok(_) => return Ok(Written::Done),
            Err(error) => error,
        };
        let decided = match reasons(&error) {
            Some(Cancelled::Conflict) => return Ok(Written::Conflict),
            Some(Cancelled::Failed(class)) => Some(class),
            None => None,
        };
        Err(failed(OPERATION, (id, &self.quota), error, decided))
    }

    fn put(&self, item: &Item) -> Result<Put, ProviderError> {
        let put = Put::builder()
            .table_name(&*self.table)
            .set_item(Some(attributes(item)))
            .condition_expression(ABSENT)
            .expression_attribute_names("#id", ID);
        self.finished(item.id(), put)
    }

    fn finished(
        &self,
        id: &BranchKeyId,
        put: aws_sdk_dynamodb::types::builders::PutBuilder,
    ) -> Result<Put, ProviderError> {
        put.build().map_err(|error| {
            let class = datakey_provider::ErrorClass::Internal;
            crate::loader::refused(Operation::TransactWriteItems, class, id, error).unsent()
        })
    }
}

/// A token of 36 characters at most that is the same for the same write: of the wrapped key that it writes, which is random.
fn token_of(enc: &[u8]) -> String {
    use sha2::Digest as _;
    let digest = sha2::Sha256::digest(enc);
    let start = digest.iter().take(16);
    start.map(|byte| format!("{byte:02x}")).collect()
}

/// Why a transaction was cancelled.
fn reasons(error: &SdkError<TransactWriteItemsError, HttpResponse>) -> Option<Cancelled> {
    let cancellation = match error.as_service_error()? {
        TransactWriteItemsError::TransactionCanceledException(cancellation) => cancellation,
        _ => return None,
    };
    let reasons = cancellation.cancellation_reasons().iter();
    let codes: Vec<_> = reasons.filter_map(|reason| reason.code()).collect();
    Some(cancelled(&codes))
}

/// An item as DynamoDB takes it.
fn attributes(item: &Item) -> HashMap<String, AttributeValue> {
    let texts = item.texts().map(|(name, text)| {
        let value = if name == HIERARCHY_VERSION {
            AttributeValue::N(text.into())
        } else {
            AttributeValue::S(text.into())
        };
        (name.into(), value)
    });
    let enc = AttributeValue::B(Blob::new(item.enc()));
    texts.chain([(ENC.into(), enc)]).collect()
}

/// An item as DynamoDB answered it.
fn item(mut attributes: HashMap<String, AttributeValue>) -> Result<Item, ItemError> {
    let enc = match attributes.remove(ENC) {
        Some(AttributeValue::B(blob)) => blob.into_inner(),
        _ => return Err(ItemError::Missing(ENC)),
    };
    let texts: Result<Vec<_>, _> = attributes
        .into_iter()
        .map(|(name, value)| match value {
            AttributeValue::N(text) if name == HIERARCHY_VERSION => Ok((name.into(), text.into())),
            AttributeValue::S(text) if name != HIERARCHY_VERSION => Ok((name.into(), text.into())),
            _ => Err(ItemError::Unknown(name.into())),
        })
        .collect();
    Item::new(texts?, enc)
}

#[async_trait]
#[deny(clippy::missing_trait_methods)]
impl ReadingStore for DynamoDbStore {
    async fn get(&self, id: &BranchKeyId, kind: ItemKind) -> Result<Option<Item>, ProviderError> {
        const OPERATION: Operation = Operation::GetItem;
        let sent = self
            .client
            .get_item()
            .table_name(&*self.table)
            .key(ID, AttributeValue::S(id.as_str().into()))
            .key(TYPE, AttributeValue::S(kind.to_string()))
            .consistent_read(true)
            .send()
            .await;
        let answer = sent.map_err(|error| failed(OPERATION, (id, &self.quota), error, None))?;
        let found = answer.item.map(item).transpose();
        found.map_err(|error| unusable(OPERATION, id, error))
    }

    fn logical_name(&self) -> &str {
        &self.logical_name
    }

    fn quota(&self) -> &str {
        &self.quota
    }
}

#[async_trait]
#[deny(clippy::missing_trait_methods)]
impl Store for DynamoDbStore {
    async fn put_if_absent(&self, items: &[Item]) -> Result<Written, ProviderError> {
        let Some(first) = items.first() else {
            return Ok(Written::Done);
        };
        let puts: Result<Vec<_>, _> = items.iter().map(|item| self.put(item)).collect();
        self.write(first.id(), first.enc(), puts?).await
    }

    async fn swap(
        &self,
        version: &Item,
        active: &Item,
        expected_enc: &[u8],
    ) -> Result<Written, ProviderError> {
        let replace = Put::builder()
            .table_name(&*self.table)
            .set_item(Some(attributes(active)))
            .condition_expression(UNCHANGED)
            .expression_attribute_names("#id", ID)
            .expression_attribute_names("#enc", ENC)
            .expression_attribute_values(":old", AttributeValue::B(Blob::new(expected_enc)));
        let puts = [self.put(version)?, self.finished(active.id(), replace)?];
        self.write(active.id(), version.enc(), puts).await
    }

    async fn versions(&self, id: &BranchKeyId) -> Result<Vec<Item>, ProviderError> {
        const OPERATION: Operation = Operation::Query;
        let mut found = Vec::new();
        let mut from = None;
        loop {
            let sent = self
                .client
                .query()
                .table_name(&*self.table)
                .key_condition_expression("#id = :id AND begins_with(#type, :version)")
                .expression_attribute_names("#id", ID)
                .expression_attribute_names("#type", TYPE)
                .expression_attribute_values(":id", AttributeValue::S(id.as_str().into()))
                .expression_attribute_values(":version", AttributeValue::S("branch:version:".into()))
                .consistent_read(true)
                .set_exclusive_start_key(from)
                .send()
                .await;
            let answer = sent.map_err(|error| failed(OPERATION, (id, &self.quota), error, None))?;
            for attributes in answer.items.unwrap_or_default() {
                found.push(item(attributes).map_err(|error| unusable(OPERATION, id, error))?);
            }
            from = answer.last_evaluated_key;
            if from.is_none() {
                return Ok(found);
            }
        }
    }
}

impl fmt::Debug for DynamoDbStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("DynamoDbStore")
            .field("table", &self.table)
            .field("logical_name", &self.logical_name)
            .finish_non_exhaustive()
    }
}
