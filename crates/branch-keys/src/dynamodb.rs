//! The store in DynamoDB.
mod attempt;
mod classify;
mod credentials;
mod failure;

use std::{collections::HashMap, fmt, sync::Arc};

use aws_sdk_dynamodb::{
    Client,
    config::{http::HttpResponse, retry::RetryConfig},
    error::SdkError,
    operation::{RequestId, transact_write_items::TransactWriteItemsError},
    primitives::Blob,
    types::{AttributeValue, Put, TransactWriteItem},
};
use datakey_provider::{Operation, ProviderError, async_trait};

use self::{
    attempt::Attempt,
    classify::{Cancelled, cancelled},
    credentials::Credentials,
    failure::not_from_dynamodb,
};
pub use self::{classify::class_of_code, failure::DynamoDbFailure};
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
/// and rotating takes `dynamodb:PutItem` besides, and listing `dynamodb:Query`. Reads are strongly consistent: a version that was just
/// made by another host must be there. In a global table they are so within a Region, and a version is in the others a second or so
/// later.
///
/// A success that says no more than that it is one (there is no such item, it is written) is believed if it has DynamoDB's request
/// id, so that no proxy can say so in its place.
///
/// ```no_run
/// use datakey_branch_keys::DynamoDbStore;
///
/// async fn store(config: &aws_types::SdkConfig) -> DynamoDbStore {
///     DynamoDbStore::from_sdk_config(config, "branch-keys-restored").with_logical_name("branch-keys")
/// }
/// ```
///
/// # What it costs
///
/// An item has some 600 bytes, and a strongly consistent read of it is one read unit. A host makes one in an hour for each branch key; a
/// thousand hosts with ten branch keys are three reads a second, on average. They come at once when the fleet starts at once, which
/// on-demand capacity takes.
///
/// # Where it fails
///
/// DynamoDB's failures are told by their codes ([`class_of_code`]), under the table's own quota, so that a table that is throttled slows
/// nothing that asks KMS. No table of this name is an invalid request, and not a verdict on any branch key: nobody drops what is kept
/// because a table was renamed.
///
/// # Threads, runtimes, forks
///
/// A clone is a pointer. Calls may be made from any number of runtimes; a connection whose runtime has ended is an outage, and tried again.
/// Fork before the first call, as with any client that has sockets.
///
/// # What it must not have
///
/// A time-to-live attribute, tags that a migration writes into items, or anything else that is no attribute of a branch key: such an item
/// is [unusable](ItemError::Unknown), as the encryption context that KMS is to be given cannot be told.
#[derive(Clone)]
pub struct DynamoDbStore {
    client: Client,
    table: Arc<str>,
    logical_name: Arc<str>,
    quota: Arc<str>,
    credentials: Credentials,
}

impl DynamoDbStore {
    /// Over a client that is configured elsewhere, with its retries off: attempts are the business of the layer above. The table's
    /// name is its logical name too, unless that is [set](Self::with_logical_name).
    ///
    /// An attempt has the time limits of the client, and by default only one for connecting: what ends it is the layer above, which
    /// [`BranchKeys`](crate::BranchKeys) and [`BranchKeyAdmin`](crate::BranchKeyAdmin) put there.
    #[must_use]
    pub fn from_client(client: &Client, table: &str) -> Self {
        Self::over(client.config().to_builder(), table)
    }

    /// Over a configuration of the AWS SDK, as `aws_config::load_from_env` makes it.
    ///
    /// Credentials are kept by the store itself: loaded once for all calls, within 30 seconds, and asked for anew when DynamoDB refuses
    /// them.
    #[must_use]
    pub fn from_sdk_config(config: &aws_types::SdkConfig, table: &str) -> Self {
        Self::over(aws_sdk_dynamodb::config::Builder::from(config), table)
    }

    fn over(config: aws_sdk_dynamodb::config::Builder, table: &str) -> Self {
        let credentials = Credentials::new();
        let config = config
            .retry_config(RetryConfig::disabled())
            .identity_cache(credentials.clone());
        let client = Client::from_conf(config.build());
        let region = client.config().region().map(ToString::to_string);
        let quota = format!("dynamodb:{}:{table}", region.unwrap_or_default());
        Self {
            client,
            table: table.into(),
            logical_name: table.into(),
            quota: quota.into(),
            credentials,
        }
    }

    /// Sets the name that is bound into each key, where the table is called otherwise: because it was restored from a backup, or is
    /// another Region's.
    ///
    /// Decide on it on the first day: it cannot be changed later, as KMS has bound it to every key.
    #[must_use]
    pub fn with_logical_name(mut self, name: &str) -> Self {
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

    fn attempt<'a>(&'a self, operation: Operation, id: &'a BranchKeyId) -> Attempt<'a> {
        Attempt::new(operation, (id, &self.quota), &self.credentials)
    }

    /// Believes a success that says nothing but that it is one, if DynamoDB sent it.
    fn is_from_dynamodb(
        &self,
        operation: Operation,
        id: &BranchKeyId,
        answer: &impl RequestId,
    ) -> Result<(), ProviderError> {
        match answer.request_id() {
            Some(_) => Ok(()),
            None => Err(not_from_dynamodb(operation, (id, &self.quota))),
        }
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
        let attempt = self.attempt(OPERATION, id);
        let sent = self
            .client
            .transact_write_items()
            .set_transact_items(Some(writes.collect()))
            // The same write, sent again because its answer was lost, is not made twice.
            .client_request_token(token_of(token))
            .customize()
            .interceptor(attempt.sent())
            .send()
            .await;
        let error = match sent {
            Ok(answer) => {
                self.is_from_dynamodb(OPERATION, id, &answer)?;
                return Ok(Written::Done);
            }
            Err(error) => error,
        };
        match reasons(&error) {
            Some(Cancelled::Conflict) => Ok(Written::Conflict),
            Some(Cancelled::Failed(class)) => Err(attempt.failed(error, Some(class))),
            None => Err(attempt.failed(error, None)),
        }
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
    Some(cancelled(reasons.filter_map(|reason| reason.code())))
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
        let attempt = self.attempt(OPERATION, id);
        let sent = self
            .client
            .get_item()
            .table_name(&*self.table)
            .key(ID, AttributeValue::S(id.as_str().into()))
            .key(TYPE, AttributeValue::S(kind.to_string()))
            .consistent_read(true)
            .customize()
            .interceptor(attempt.sent())
            .send()
            .await;
        let answer = sent.map_err(|error| attempt.failed(error, None))?;
        if answer.item.is_none() {
            self.is_from_dynamodb(OPERATION, id, &answer)?;
        }
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
        let mut from: Option<HashMap<String, AttributeValue>> = None;
        loop {
            let attempt = self.attempt(OPERATION, id);
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
                .set_exclusive_start_key(from.clone())
                .customize()
                .interceptor(attempt.sent())
                .send()
                .await;
            let answer = sent.map_err(|error| attempt.failed(error, None))?;
            if answer.items.is_none() {
                self.is_from_dynamodb(OPERATION, id, &answer)?;
            }
            for attributes in answer.items.unwrap_or_default() {
                found.push(item(attributes).map_err(|error| unusable(OPERATION, id, error))?);
            }
            let next = answer.last_evaluated_key.filter(|key| !key.is_empty());
            if next.is_none() {
                return Ok(found);
            }
            if next == from {
                // A page that is followed by itself has no end.
                return Err(not_from_dynamodb(OPERATION, (id, &self.quota)));
            }
            from = next;
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
