//! Fetching a branch key: one read of the store and one call of KMS, as a provider that keyrings load from.
use std::{
    error::Error,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use datakey_provider::{
    DataKey, DataKeyLength, EncryptionContext, ErrorClass, GeneratedDataKey, OpeningProvider, Operation,
    ProviderError, Rank, SealingProvider, Verdict, WrappedKey, WrappedKeys, async_trait,
};
use thiserror::Error;

use crate::{
    BranchKeyId, BranchKeyVersion, ItemError, ItemKind, ReadingStore, found_under::FoundUnder,
    wrap::BRANCH_KEY_LEN,
};

/// Why there is no branch key: the source of a [`ProviderError`].
///
/// | variant | class of the error | verdict |
/// |---|---|---|
/// | [`Missing`](Self::Missing), of the active item | unavailable key | on this branch key alone, and not on the KMS key |
/// | [`Missing`](Self::Missing), of a version | not authentic: nothing but the message says that there was one | on the message |
/// | [`ForeignKey`](Self::ForeignKey) | invalid request | on this branch key |
/// | [`Length`](Self::Length) | not authentic | on this branch key |
/// | [`Form`](Self::Form) | not authentic; invalid request where the key id is no branch key's either | on the message |
/// | [`OtherBranchKey`](Self::OtherBranchKey) | invalid request, before anything is read | none |
///
/// ```
/// use std::error::Error as _;
/// use datakey_branch_keys::{BranchKeyFault, BranchKeys, ItemKind, MemoryStore};
/// use datakey_provider::{DataKeyLength, EncryptionContext, ErrorClass, SealingProvider as _, Verdict};
/// # use datakey_local::LocalKeys;
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # let kms = LocalKeys::generate("orders")?;
/// let keys = BranchKeys::builder(MemoryStore::new("branch-keys"), kms).branch_key("orders".parse()?).build()?;
/// let error = keys.generate_data_key(&EncryptionContext::empty(), DataKeyLength::Bytes32).await.unwrap_err();
/// assert_eq!(error.class(), ErrorClass::UnavailableKey);
/// assert_eq!(error.verdict(), Some(Verdict::Message)); // other branch keys under the KMS key go on serving
/// let fault = error.source().and_then(|source| source.downcast_ref::<BranchKeyFault>());
/// assert!(matches!(fault, Some(BranchKeyFault::Missing { kind: ItemKind::Active, .. })));
/// # Ok(()) }
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum BranchKeyFault {
    /// The store has no such item.
    #[error("the table {table:?} has no item {kind} of this branch key; create it, or correct id and table")]
    Missing {
        /// The table's logical name.
        table: Box<str>,
        /// The item that is missing.
        kind: ItemKind,
    },
    /// The item names a KMS key that the provider is not configured with.
    #[error("the item names the KMS key {0}, which this provider does not open with")]
    ForeignKey(Box<str>),
    /// KMS opened it, and it is no branch key.
    #[error("the item opens to {0}, and a branch key has 32 bytes")]
    Length(DataKeyLength),
    /// A wrapped key is none that a branch key wrapped.
    #[error("the wrapped key is not of the form of a branch key's")]
    Form,
    /// The wrapped key is under another branch key than the one that is configured, or chosen for its encryption context.
    #[error("the wrapped key is under another branch key than {expected}")]
    OtherBranchKey {
        /// The one that was expected.
        expected: BranchKeyId,
    },
}

impl BranchKeyFault {
    /// Whether the same call may succeed later without anybody changing anything: never.
    #[must_use]
    pub const fn is_retryable(&self) -> bool {
        false
    }
}

/// Loads branch keys for the keyrings: as if to make a data key for what names a branch key were to fetch its active version, and
/// to open one to fetch the version that its blob names.
pub(crate) struct Loader {
    store: Arc<dyn ReadingStore>,
    kms: Arc<dyn OpeningProvider>,
    /// Under which KMS key each was found.
    found_under: Mutex<FoundUnder>,
    time_limit: Option<Duration>,
    #[cfg(feature = "tracing")]
    tells_ids: bool,
}

pub(crate) fn refused(
    operation: Operation,
    class: ErrorClass,
    id: &BranchKeyId,
    source: impl Error + Send + Sync + 'static,
) -> ProviderError {
    ProviderError::new(class, operation)
        .with_key_id(id.key_id())
        .with_source(source)
}

/// An item that cannot be used says so of this branch key, whatever class the failure is.
pub(crate) fn unusable(operation: Operation, id: &BranchKeyId, error: ItemError) -> ProviderError {
    refused(operation, ErrorClass::InvalidRequest, id, error).with_verdict(Verdict::Message)
}

/// What a store says is of the branch key that it was asked for, unless it says otherwise.
fn of_branch_key(error: ProviderError, id: &BranchKeyId) -> ProviderError {
    if error.key_id().is_some() {
        return error;
    }
    error.with_key_id(id.key_id())
}

impl Loader {
    pub(crate) fn new(
        store: Arc<dyn ReadingStore>,
        kms: Arc<dyn OpeningProvider>,
        store_time_limit: Option<Duration>,
    ) -> Self {
        let both = |(store, kms): (Duration, Duration)| store.saturating_add(kms);
        let time_limit = store_time_limit.zip(kms.opening_time_limit()).map(both);
        Self {
            store,
            kms,
            found_under: Mutex::default(),
            time_limit,
            #[cfg(feature = "tracing")]
            tells_ids: false,
        }
    }

    #[cfg_attr(
        not(feature = "tracing"),
        expect(unused_mut, unused_variables, reason = "told to nobody")
    )]
    pub(crate) const fn telling_ids(mut self, tells_ids: bool) -> Self {
        #[cfg(feature = "tracing")]
        {
            self.tells_ids = tells_ids;
        }
        self
    }

    fn found_under(&self) -> MutexGuard<'_, FoundUnder> {
        self.found_under.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether `name` names the KMS key that a branch key was found under, or the branch key itself.
    pub(crate) fn key_is(&self, name: &str, key_id: &str) -> bool {
        if name == key_id {
            return true;
        }
        let Some(id) = BranchKeyId::of_key_id(key_id) else {
            return false;
        };
        let found = self.found_under().of(&id);
        name == id.as_str() || found.is_some_and(|under| self.kms.opening_key_is(name, &under))
    }

    /// In a span that says how it came out, where anybody listens.
    async fn fetch(
        &self,
        operation: Operation,
        id: &BranchKeyId,
        kind: ItemKind,
    ) -> Result<(DataKey, BranchKeyVersion), ProviderError> {
        let fetched = self.read_and_open(operation, id, kind);
        #[cfg(feature = "tracing")]
        return crate::span::of_load(kind, self.tells_ids.then_some(id), fetched).await;
        #[cfg(not(feature = "tracing"))]
        fetched.await
    }

    async fn read_and_open(
        &self,
        operation: Operation,
        id: &BranchKeyId,
        kind: ItemKind,
    ) -> Result<(DataKey, BranchKeyVersion), ProviderError> {
        let got = self.store.get(id, kind).await;
        let Some(item) = got.map_err(|error| of_branch_key(error, id))? else {
            let table = self.store.logical_name().into();
            let fault = BranchKeyFault::Missing { table, kind };
            if kind != ItemKind::Active {
                // Nothing but the message says that there ever was such a version.
                return Err(refused(operation, ErrorClass::NotAuthentic, id, fault));
            }
            // Of this branch key, and nothing else, is anything said.
            return Err(
                refused(operation, ErrorClass::UnavailableKey, id, fault).with_verdict(Verdict::Message)
            );
        };
        let read = |error| unusable(operation, id, error);
        let item = item.expected(id, kind).map_err(read)?;
        let version = item.version().ok_or(ItemError::Other).map_err(read)?;
        let context = item.context(self.store.logical_name()).map_err(read)?;
        let wrapped = item.wrapped_key().map_err(read)?;
        if self.kms.rank(&wrapped).is_none() {
            let fault = BranchKeyFault::ForeignKey(wrapped.key_id().into());
            let foreign = refused(operation, ErrorClass::InvalidRequest, id, fault);
            return Err(foreign.with_verdict(Verdict::Message));
        }
        self.found_under().remember(id, item.kms_key());
        let key = self.kms.decrypt(&context, &wrapped).await?;
        if key.length() != BRANCH_KEY_LEN {
            let fault = BranchKeyFault::Length(key.length());
            return Err(refused(operation, ErrorClass::NotAuthentic, id, fault));
        }
        Ok((key, version))
    }
}

/// What a keyring asks for is always what this crate has it ask for.
fn no_id(operation: Operation) -> ProviderError {
    ProviderError::new(ErrorClass::Internal, operation)
        .unsent()
        .with_source("a keyring asked for a branch key without an id")
}

#[async_trait]
impl SealingProvider for Loader {
    async fn generate_data_key(
        &self,
        context: &EncryptionContext,
        _: DataKeyLength,
    ) -> Result<GeneratedDataKey, ProviderError> {
        const OPERATION: Operation = Operation::GenerateDataKey;
        let id = BranchKeyId::of_context(context).ok_or_else(|| no_id(OPERATION))?;
        let (key, version) = self.fetch(OPERATION, &id, ItemKind::Active).await?;
        let wrapped = named(OPERATION, &id, version)?;
        Ok(GeneratedDataKey::new(key, wrapped))
    }

    async fn encrypt(&self, _: &EncryptionContext, _: &DataKey) -> Result<WrappedKeys, ProviderError> {
        Err(no_id(Operation::Encrypt))
    }

    fn sealing_key_is(&self, name: &str, key_id: &str) -> bool {
        self.key_is(name, key_id)
    }

    fn sealing_time_limit(&self) -> Option<Duration> {
        self.time_limit
    }
}

#[async_trait]
impl OpeningProvider for Loader {
    fn rank(&self, _: &WrappedKey) -> Option<Rank> {
        Some(Rank::LOCAL)
    }

    async fn decrypt(&self, _: &EncryptionContext, wrapped: &WrappedKey) -> Result<DataKey, ProviderError> {
        const OPERATION: Operation = Operation::Decrypt;
        let id = BranchKeyId::of_key_id(wrapped.key_id()).ok_or_else(|| no_id(OPERATION))?;
        let version = version_of(wrapped).ok_or_else(|| no_id(OPERATION))?;
        let (key, _) = self.fetch(OPERATION, &id, ItemKind::Version(version)).await?;
        Ok(key)
    }

    fn opening_key_is(&self, name: &str, key_id: &str) -> bool {
        self.key_is(name, key_id)
    }

    fn opening_time_limit(&self) -> Option<Duration> {
        self.time_limit
    }
}

/// What keyrings find a version under. It never leaves the process.
pub(crate) fn named(
    operation: Operation,
    id: &BranchKeyId,
    version: BranchKeyVersion,
) -> Result<WrappedKey, ProviderError> {
    WrappedKey::new(id.key_id(), *version.as_bytes())
        .map_err(|error| refused(operation, ErrorClass::Internal, id, error).unsent())
}

/// The version that such a name is of.
pub(crate) fn version_of(wrapped: &WrappedKey) -> Option<BranchKeyVersion> {
    BranchKeyVersion::from_bytes(wrapped.blob())
}
