//! Which branch key is for which encryption context.
use std::{
    fmt,
    panic::{AssertUnwindSafe, catch_unwind},
    sync::Arc,
};

use datakey_provider::{EncryptionContext, ErrorClass, Operation, ProviderError};
use thiserror::Error;

use crate::BranchKeyId;

type ByContext = dyn Fn(&EncryptionContext) -> Option<BranchKeyId> + Send + Sync;

/// One branch key for all, or one for each encryption context as a function says.
#[derive(Clone)]
pub(crate) enum Choice {
    Fixed(BranchKeyId),
    By(Arc<ByContext>),
}

/// No branch key is for this encryption context: the source of a [`ProviderError`].
///
/// The request is refused before anything is read. Most often an encryption context lacks the pair that the function looks for, which no
/// retry mends:
///
/// ```
/// use std::error::Error as _;
/// use datakey_branch_keys::{BranchKeys, MemoryStore, NoBranchKey};
/// use datakey_provider::{DataKeyLength, EncryptionContext, ErrorClass, SealingProvider as _};
/// # use datakey_local::LocalKeys;
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # let kms = LocalKeys::generate("orders")?;
/// let keys = BranchKeys::builder(MemoryStore::new("branch-keys"), kms)
///     .choose(|context| format!("tenant-{}", context.get("tenant")?).parse().ok())
///     .build()?;
/// let nameless = EncryptionContext::new([("purpose", "orders")])?;
/// let refused = keys.generate_data_key(&nameless, DataKeyLength::Bytes32).await.unwrap_err();
/// assert_eq!(refused.class(), ErrorClass::InvalidRequest);
/// assert!(refused.source().is_some_and(|source| source.is::<NoBranchKey>()));
/// # Ok(()) }
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("no branch key is for this encryption context, as the function says that chooses")]
pub struct NoBranchKey;

impl NoBranchKey {
    /// Whether the same call may succeed later without anybody changing anything: never.
    #[must_use]
    pub const fn is_retryable(&self) -> bool {
        false
    }
}

impl Choice {
    pub(crate) fn of(
        &self,
        operation: Operation,
        context: &EncryptionContext,
    ) -> Result<BranchKeyId, ProviderError> {
        let chosen = match self {
            Self::Fixed(id) => Some(id.clone()),
            // Nothing of this crate is under way, and what it left half done is its own.
            Self::By(choose) => catch_unwind(AssertUnwindSafe(|| choose(context))).map_err(|_panic| {
                ProviderError::new(ErrorClass::Internal, operation)
                    .unsent()
                    .with_source("the function that chooses branch keys panicked")
            })?,
        };
        chosen.ok_or_else(|| {
            ProviderError::new(ErrorClass::InvalidRequest, operation)
                .unsent()
                .with_source(NoBranchKey)
        })
    }

    /// Whether it may be the branch key of some context.
    pub(crate) fn may_be(&self, id: &BranchKeyId) -> bool {
        match self {
            Self::Fixed(own) => own == id,
            Self::By(_) => true,
        }
    }
}

impl fmt::Debug for Choice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Fixed(id) => id.fmt(f),
            Self::By(_) => f.write_str("by encryption context"),
        }
    }
}
