//! What is stored beside the data: a key id and an opaque blob.
use alloc::{boxed::Box, collections::BTreeSet, sync::Arc, vec::Vec};
use core::fmt;

use sha2::{Digest as _, Sha256};
use thiserror::Error;

/// A data key in wrapped form: the id of the wrapping key, and the blob that the provider made. Cheap to clone.
///
/// The key id says by itself which kind of provider made it: a KMS key ARN (`arn:aws:kms:...`), or an id with a
/// scheme of its own (`local:...`).
///
/// ```
/// # use datakey_provider::WrappedKey;
/// let wrapped = WrappedKey::new("local:dev", b"opaque".to_vec())?;
/// assert_eq!(wrapped.key_id(), "local:dev");
/// assert!(WrappedKey::new("", b"opaque".to_vec()).is_err());
/// # Ok::<(), datakey_provider::WrappedKeyError>(())
/// ```
///
/// # Who may write it
///
/// Anybody who can write to where messages are stored. So a wrapped key is data from elsewhere: its id is compared and not believed, its
/// blob is handed to the service and not looked into, and what opens it need not be the message's own key. It holds no secret: with the
/// blob and no right to use the wrapping key there is nothing to be had.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct WrappedKey(Arc<Inner>);

#[derive(PartialEq, Eq, Hash)]
struct Inner {
    key_id: Box<str>,
    blob: Box<[u8]>,
}

/// Why something is not a wrapped key.
///
/// Most often it is a service's answer that lacks something, and then a failure of the way there: a provider makes a transient error of it,
/// with this as its source.
///
/// ```
/// use datakey_provider::{WrappedKey, WrappedKeyError};
///
/// assert_eq!(WrappedKey::new("local:dev", *b"").unwrap_err(), WrappedKeyError::EmptyBlob);
/// // An id with a line break in it could pretend to be two lines of a log.
/// assert_eq!(WrappedKey::new("local:\ndev", *b"x").unwrap_err(), WrappedKeyError::KeyIdCharacter);
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum WrappedKeyError {
    /// The key id is empty.
    #[error("a key id is not empty")]
    EmptyKeyId,
    /// The key id contains a control character.
    #[error("a key id has no control characters")]
    KeyIdCharacter,
    /// The blob is empty.
    #[error("the blob of a wrapped key is not empty")]
    EmptyBlob,
}

impl WrappedKey {
    /// Checks and keeps a key id and a blob. How long they may be is for each message format to say.
    ///
    /// # Errors
    /// [`WrappedKeyError`] when either is empty, or the key id has control characters.
    pub fn new(key_id: impl Into<Box<str>>, blob: impl Into<Box<[u8]>>) -> Result<Self, WrappedKeyError> {
        let (key_id, blob) = (key_id.into(), blob.into());
        if key_id.is_empty() {
            return Err(WrappedKeyError::EmptyKeyId);
        }
        if key_id.chars().any(char::is_control) {
            return Err(WrappedKeyError::KeyIdCharacter);
        }
        if blob.is_empty() {
            return Err(WrappedKeyError::EmptyBlob);
        }
        Ok(Self(Arc::new(Inner { key_id, blob })))
    }

    /// The id of the wrapping key, as the provider reported it. A hint for routing, not an authority.
    #[must_use]
    pub fn key_id(&self) -> &str {
        &self.0.key_id
    }

    /// What the provider made, opaque to everyone else.
    #[must_use]
    pub fn blob(&self) -> &[u8] {
        &self.0.blob
    }

    /// SHA-256 over length-prefixed key id and blob: the same for equal wrapped keys only.
    ///
    /// ```
    /// use datakey_provider::WrappedKey;
    ///
    /// let wrapped = WrappedKey::new("local:dev", *b"opaque")?;
    /// assert_eq!(wrapped.digest(), wrapped.clone().digest());
    /// let other = WrappedKey::new("local:de", *b"vopaque")?; // the same bytes, divided otherwise
    /// assert_ne!(wrapped.digest(), other.digest());
    /// # Ok::<(), datakey_provider::WrappedKeyError>(())
    /// ```
    #[must_use]
    pub fn digest(&self) -> [u8; 32] {
        let mut hash = Sha256::new();
        hash.update(b"datakey wrapped key v1\0");
        hash.update((self.0.key_id.len() as u64).to_be_bytes());
        hash.update(self.0.key_id.as_bytes());
        hash.update((self.0.blob.len() as u64).to_be_bytes());
        hash.update(&self.0.blob);
        hash.finalize().into()
    }
}

impl fmt::Debug for WrappedKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("WrappedKey")
            .field("key_id", &self.key_id())
            .field("blob_len", &self.blob().len())
            .finish()
    }
}

/// Wrapped forms of the same data key, one at least, in the order in which they stand in a message. How many a message holds is
/// for its format to say. Cheap to clone.
///
/// ```
/// use datakey_provider::{WrappedKey, WrappedKeys, WrappedKeysError};
///
/// let near = WrappedKeys::from(WrappedKey::new("arn:aws:kms:eu-west-1:...", *b"one")?);
/// let far = WrappedKeys::from(WrappedKey::new("arn:aws:kms:us-east-1:...", *b"other")?);
/// let both = near.join(&far)?; // a message that either Region opens
/// assert_eq!(both.as_slice().len(), 2);
/// assert_eq!(both.join(&far), Err(WrappedKeysError::Duplicate(2)));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct WrappedKeys(Arc<[WrappedKey]>);

/// Why a list is not the wrapped keys of a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum WrappedKeysError {
    /// None.
    #[error("a message has one wrapped key at least")]
    Empty,
    /// The same wrapped key twice.
    #[error("wrapped key {0} stands in the list twice")]
    Duplicate(usize),
}

impl WrappedKeys {
    /// Checks and keeps a list.
    ///
    /// # Errors
    /// [`WrappedKeysError`] when it is empty, or holds the same wrapped key twice.
    pub fn new(keys: impl Into<Vec<WrappedKey>>) -> Result<Self, WrappedKeysError> {
        let keys = keys.into();
        if keys.is_empty() {
            return Err(WrappedKeysError::Empty);
        }
        match repeated(&keys) {
            Some(index) => Err(WrappedKeysError::Duplicate(index)),
            None => Ok(Self(keys.into())),
        }
    }

    /// The first wrapped key.
    ///
    /// It is not better than the others: which of them opens soonest is for whoever opens to say, by rank.
    #[must_use]
    #[expect(
        clippy::missing_panics_doc,
        reason = "the list is checked not to be empty at construction"
    )]
    pub fn first(&self) -> &WrappedKey {
        #[expect(
            clippy::expect_used,
            reason = "the list is checked not to be empty at construction"
        )]
        self.0.first().expect("never empty")
    }

    /// All of them, in order.
    #[must_use]
    pub fn as_slice(&self) -> &[WrappedKey] {
        &self.0
    }

    /// All of them, in order.
    pub fn iter(&self) -> core::slice::Iter<'_, WrappedKey> {
        self.0.iter()
    }

    /// This list followed by another, for a message that several wrapping keys open.
    ///
    /// # Errors
    /// As [`WrappedKeys::new`].
    ///
    /// Used where a message is to be opened by others too: the owners that it has, followed by the new ones. Formats hold a number of them
    /// and no more, and say so when the message is made.
    pub fn join(&self, other: &Self) -> Result<Self, WrappedKeysError> {
        Self::new(self.iter().chain(other.iter()).cloned().collect::<Vec<_>>())
    }
}

/// In lists of up to this length each key is compared with each, which takes no memory.
const SHORT: usize = 16;

/// The place of the first key that stands in the list before.
fn repeated(keys: &[WrappedKey]) -> Option<usize> {
    if keys.len() <= SHORT {
        let mut places = keys.iter().enumerate();
        return places
            .find(|(index, key)| keys.iter().take(*index).any(|earlier| earlier == *key))
            .map(|(index, _)| index);
    }
    let mut seen = BTreeSet::new();
    keys.iter()
        .position(|key| !seen.insert((key.key_id(), key.blob())))
}

impl From<WrappedKey> for WrappedKeys {
    fn from(key: WrappedKey) -> Self {
        Self(Arc::from([key]))
    }
}

impl<'a> IntoIterator for &'a WrappedKeys {
    type Item = &'a WrappedKey;
    type IntoIter = core::slice::Iter<'a, WrappedKey>;

    fn into_iter(self) -> Self::IntoIter {
        self.iter()
    }
}
