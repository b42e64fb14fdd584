//! Why the control plane did not do what was asked.
use datakey_provider::{ContextError, ErrorClass, ProviderError};
use thiserror::Error;

use crate::{BranchKeyId, ItemError};

/// Why a branch key was not created, rotated or described. Nothing was written then, unless the store failed without an answer.
///
/// | variant | whose fault | what to do |
/// |---|---|---|
/// | [`Provider`](Self::Provider) | that of KMS, the store, or the way to them | look at its class: a denial is for whoever keeps the policies, a throttle passes |
/// | [`Item`](Self::Item) | of whatever else writes to the table | look at the item; nothing of this crate wrote it |
/// | [`Exists`](Self::Exists), [`IdNeedsContext`](Self::IdNeedsContext), [`Context`](Self::Context), [`EmptyValue`](Self::EmptyValue) | the caller's | ask for something else |
/// | [`Missing`](Self::Missing), [`OtherKmsKey`](Self::OtherKmsKey) | the configuration's | correct id, table or KMS key |
/// | [`Incomplete`](Self::Incomplete) | of whoever removed items | restore the table from a backup |
/// | [`Conflict`](Self::Conflict), [`Randomness`](Self::Randomness) | nobody's | call again |
///
/// ```
/// use datakey_branch_keys::{AdminError, BranchKeyAdmin, MemoryStore};
/// # use datakey_local::LocalKeys;
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # let kms = LocalKeys::generate("orders")?;
/// # let key = kms.active_key_id().to_owned();
/// let admin = BranchKeyAdmin::new(MemoryStore::new("branch-keys"), kms, &key);
/// let error = admin.rotate(&"tenant-acme".parse()?).await.unwrap_err();
/// assert!(matches!(error, AdminError::Missing { .. }));
/// assert!(!error.is_retryable()); // an alert, and not another attempt
/// assert_eq!(
///     error.to_string(),
///     "there is no branch key tenant-acme in the table; create it, or correct id and table",
/// );
/// # Ok(()) }
/// ```
#[derive(Debug, Clone, Error)]
#[non_exhaustive]
pub enum AdminError {
    /// KMS or the store failed or refused.
    #[error(transparent)]
    Provider(ProviderError),
    /// The store has something that is no branch key.
    #[error(transparent)]
    Item(ItemError),
    /// There is one of this id, which was asked for otherwise: with another custom context, or under another KMS key.
    #[error("there is a branch key {id} with another custom context or KMS key; choose another id")]
    Exists {
        /// The id.
        id: BranchKeyId,
    },
    /// There is none of this id.
    #[error("there is no branch key {id} in the table; create it, or correct id and table")]
    Missing {
        /// The id.
        id: BranchKeyId,
    },
    /// The table has other items of this branch key, and not the active one: that was removed, or the table restored in part.
    #[error(
        "the table has items of the branch key {id}, and not the active one; restore it from a backup, or choose another id"
    )]
    Incomplete {
        /// The id.
        id: BranchKeyId,
    },
    /// It was created and removed at the same time by others.
    #[error("the branch key was changed by others at the same time; look at it and try again")]
    Conflict,
    /// A branch key with an id of one's own has a custom context too, so that not the id alone tells it from others.
    #[error("a branch key with an id of its own needs a custom context of one pair at least")]
    IdNeedsContext,
    /// The custom context is none.
    #[error("the custom context cannot be used")]
    Context(#[source] ContextError),
    /// A value of the custom context is empty.
    #[error("the custom context has an empty value for {0:?}")]
    EmptyValue(Box<str>),
    /// The KMS key is another than this was built with.
    #[error("the branch key is under the KMS key {found}, and this was built for {own}")]
    OtherKmsKey {
        /// The key that was found or answered.
        found: Box<str>,
        /// The key that was expected.
        own: Box<str>,
    },
    /// The operating system gave no random bytes.
    #[error("the operating system gave no random bytes")]
    Randomness(#[source] getrandom::Error),
}

impl AdminError {
    /// The class of the failure, where KMS or the store answered.
    ///
    /// What is none of KMS's or the store's has none: it is decided by its variant.
    #[must_use]
    pub fn class(&self) -> Option<ErrorClass> {
        match self {
            Self::Provider(error) => Some(error.class()),
            _ => None,
        }
    }

    /// Whether the same call may succeed later without anybody changing anything.
    #[must_use]
    pub fn is_retryable(&self) -> bool {
        matches!(self, Self::Conflict | Self::Randomness(_))
            || self.class().is_some_and(ErrorClass::is_retryable)
    }
}
