//! What the format has a place for, and what not.
use datakey_provider::{DataKeyLength, EncryptionContext, WrappedKeys};
use thiserror::Error;

/// The length of every data key of this format: 32 bytes, which each suite takes.
pub const DATA_KEY_LENGTH: DataKeyLength = DataKeyLength::Bytes32;

/// The most pairs in the encryption context of a message.
pub const MAX_CONTEXT_PAIRS: usize = 32;

/// The longest key or value of the encryption context of a message, in bytes of UTF-8.
pub const MAX_CONTEXT_TEXT_LEN: usize = 1024;

/// The longest encoding of a whole encryption context in a message, in bytes. See [`EncryptionContext::encoded`].
///
/// About half of what AWS KMS takes, as each message carries it.
pub const MAX_CONTEXT_LEN: usize = 4096;

/// The most wrapped keys that one message carries.
///
/// As many Regions and owners as can be thought of, and few enough that the longest header has about a hundred kilobytes.
pub const MAX_WRAPPED_KEYS: usize = 16;

/// The longest id of a wrapping key in a message, in bytes.
pub const MAX_KEY_ID_LEN: usize = 255;

/// The longest blob of a wrapped key in a message, in bytes: the most that KMS `Decrypt` accepts as a ciphertext.
pub const MAX_BLOB_LEN: usize = 6144;

/// The most messages that one data key seals: rule L2 of `docs/format.md`. Whoever hands out data keys keeps it.
///
/// At a million messages a second that is nine years.
pub const MAX_DATA_KEY_MESSAGES: u64 = 1 << 48;

/// The most bytes of plaintext that one data key seals, in all messages together: rule L2 of `docs/format.md`, which bounds
/// AES-256-GCM. Whoever hands out data keys keeps it.
pub const MAX_DATA_KEY_BYTES: u64 = 1 << 56;

/// Why something cannot be used with this format: a limit of `docs/format.md`. Nothing was sealed or opened.
///
/// They are limits of the format, and the same for every writer and reader. What a key service takes may be less: KMS has 8,192 bytes for
/// all keys and values of an encryption context together.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum LimitError {
    /// The data key has another length than [`DATA_KEY_LENGTH`].
    #[error(
        "a data key of this format has {DATA_KEY_LENGTH}, this one has {0}; ask the provider for {DATA_KEY_LENGTH}"
    )]
    DataKeyLength(DataKeyLength),
    /// The encryption context has more than [`MAX_CONTEXT_PAIRS`].
    #[error("the encryption context of a message has at most {MAX_CONTEXT_PAIRS} pairs, this one has {0}")]
    ContextPairs(usize),
    /// A key or value of the encryption context is longer than [`MAX_CONTEXT_TEXT_LEN`].
    #[error(
        "a key or value of the encryption context of a message has at most {MAX_CONTEXT_TEXT_LEN} bytes, this one has {0}"
    )]
    ContextText(usize),
    /// The encryption context is longer than [`MAX_CONTEXT_LEN`].
    #[error(
        "the encryption context of a message has at most {MAX_CONTEXT_LEN} bytes when encoded, this one has {0}"
    )]
    ContextLength(usize),
    /// More than [`MAX_WRAPPED_KEYS`].
    #[error("a message has at most {MAX_WRAPPED_KEYS} wrapped keys, not {0}")]
    WrappedKeys(usize),
    /// The id of a wrapping key is longer than [`MAX_KEY_ID_LEN`].
    #[error("a key id in a message has at most {MAX_KEY_ID_LEN} bytes, this one has {0}")]
    KeyId(usize),
    /// The blob of a wrapped key is longer than [`MAX_BLOB_LEN`].
    #[error("the blob of a wrapped key in a message has at most {MAX_BLOB_LEN} bytes, this one has {0}")]
    Blob(usize),
    /// The suite is not approved, and the FIPS module is what computes: see [`is_fips`](crate::is_fips).
    #[error(
        "{0} is not approved by FIPS 140, and this program computes with the FIPS module of AWS-LC; seal with AES-256-GCM"
    )]
    NotApproved(crate::Suite),
}

/// Whether the format has a place for an encryption context: to be asked before a data key is made for it.
///
/// ```
/// # use datakey_envelope::{LimitError, check_context};
/// # use datakey_provider::EncryptionContext;
/// let context = EncryptionContext::new([("tenant", "acme")])?;
/// assert_eq!(check_context(&context), Ok(()));
/// let long = EncryptionContext::new([("tenant", "a".repeat(2_000))])?;
/// assert_eq!(check_context(&long), Err(LimitError::ContextText(2_000)));
/// # Ok::<(), datakey_provider::ContextError>(())
/// ```
///
/// # Errors
/// [`LimitError`] names the first limit that it is over.
pub fn check_context(context: &EncryptionContext) -> Result<(), LimitError> {
    if context.len() > MAX_CONTEXT_PAIRS {
        return Err(LimitError::ContextPairs(context.len()));
    }
    let lengths = context.iter().flat_map(|(key, value)| [key.len(), value.len()]);
    if let Some(long) = lengths.into_iter().find(|len| *len > MAX_CONTEXT_TEXT_LEN) {
        return Err(LimitError::ContextText(long));
    }
    match context.encoded().len() {
        len if len > MAX_CONTEXT_LEN => Err(LimitError::ContextLength(len)),
        _ => Ok(()),
    }
}

/// Whether the format has a place for wrapped keys.
///
/// ```
/// use datakey_envelope::{LimitError, MAX_KEY_ID_LEN, check_wrapped_keys};
/// use datakey_provider::WrappedKey;
///
/// let long = WrappedKey::new("x".repeat(MAX_KEY_ID_LEN + 1), *b"opaque")?;
/// assert_eq!(check_wrapped_keys(&long.into()), Err(LimitError::KeyId(256)));
/// # Ok::<(), datakey_provider::WrappedKeyError>(())
/// ```
///
/// # Errors
/// [`LimitError`] names the first limit that they are over.
pub fn check_wrapped_keys(keys: &WrappedKeys) -> Result<(), LimitError> {
    let count = keys.as_slice().len();
    if count > MAX_WRAPPED_KEYS {
        return Err(LimitError::WrappedKeys(count));
    }
    for key in keys {
        if key.key_id().len() > MAX_KEY_ID_LEN {
            return Err(LimitError::KeyId(key.key_id().len()));
        }
        if key.blob().len() > MAX_BLOB_LEN {
            return Err(LimitError::Blob(key.blob().len()));
        }
    }
    Ok(())
}
