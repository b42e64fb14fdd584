//! The encryption context as KMS takes it.
use std::{collections::BTreeMap, fmt, sync::Arc};

use datakey_provider::EncryptionContext;

use crate::{KmsError, KmsErrorCode};

/// The most bytes that the keys and values of an encryption context have together.
///
/// ```
/// use datakey_fake_kms::{KmsContext, MAX_KMS_CONTEXT_LEN};
///
/// let longest = "x".repeat(MAX_KMS_CONTEXT_LEN - 4);
/// assert!(KmsContext::new([("note", longest.clone())]).is_ok()); // four bytes of key, and these
/// assert!(KmsContext::new([("note", longest + "x")]).is_err());
/// ```
pub const MAX_KMS_CONTEXT_LEN: usize = 8192;

/// An encryption context as KMS takes it: string pairs, equal when all pairs are equal. Cheap to clone.
///
/// Unlike those of an [`EncryptionContext`], empty keys are pairs too, and the limit is [`MAX_KMS_CONTEXT_LEN`].
///
/// ```
/// use datakey_fake_kms::KmsContext;
/// use datakey_provider::EncryptionContext;
///
/// let context = KmsContext::new([("tenant", "acme"), ("purpose", "orders")])?;
/// assert_eq!(context.iter().next(), Some(("purpose", "orders"))); // sorted
/// let same = EncryptionContext::new([("purpose", "orders"), ("tenant", "acme")]).unwrap();
/// assert_eq!(context, KmsContext::try_from(&same)?);
/// # Ok::<(), datakey_fake_kms::KmsError>(())
/// ```
#[derive(Clone, Default, PartialEq, Eq, Hash)]
pub struct KmsContext(Arc<[u8]>);

impl KmsContext {
    /// Sorts and keeps pairs; of two with the same key, the later one, as JSON objects have it.
    ///
    /// # Errors
    /// `ValidationException` when they are longer than [`MAX_KMS_CONTEXT_LEN`].
    pub fn new<K: Into<String>, V: Into<String>>(
        pairs: impl IntoIterator<Item = (K, V)>,
    ) -> Result<Self, KmsError> {
        let mut sorted = BTreeMap::new();
        let mut total: usize = 0;
        for (key, value) in pairs {
            let (key, value) = (key.into(), value.into());
            total = total.saturating_add(key.len()).saturating_add(value.len());
            if total > MAX_KMS_CONTEXT_LEN {
                return Err(KmsError::with_message(
                    KmsErrorCode::Validation,
                    format!("The encryption context has more than {MAX_KMS_CONTEXT_LEN} bytes."),
                ));
            }
            sorted.insert(key, value);
        }
        // The encoding is that of `EncryptionContext`: lengths of two bytes, which the limit above fits into.
        let mut encoded = Vec::new();
        for text in sorted.iter().flat_map(|(key, value)| [key, value]) {
            let len = u16::try_from(text.len()).unwrap_or(u16::MAX);
            encoded.extend_from_slice(&len.to_be_bytes());
            encoded.extend_from_slice(text.as_bytes());
        }
        Ok(Self(encoded.into()))
    }

    /// The pairs, in the order of the bytes of their keys.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        let mut rest: &[u8] = &self.0;
        std::iter::from_fn(move || Some((take_text(&mut rest)?, take_text(&mut rest)?)))
    }

    /// Whether there are no pairs.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The bytes that are bound into a ciphertext.
    pub(crate) fn encoded(&self) -> &[u8] {
        &self.0
    }
}

fn take_text<'a>(rest: &mut &'a [u8]) -> Option<&'a str> {
    let (len, after) = rest.split_first_chunk::<2>()?;
    let (text, after) = after.split_at_checked(usize::from(u16::from_be_bytes(*len)))?;
    *rest = after;
    core::str::from_utf8(text).ok()
}

impl TryFrom<&EncryptionContext> for KmsContext {
    type Error = KmsError;

    /// # Errors
    /// As [`KmsContext::new`].
    fn try_from(context: &EncryptionContext) -> Result<Self, KmsError> {
        Self::new(context.iter())
    }
}

impl fmt::Debug for KmsContext {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_map().entries(self.iter()).finish()
    }
}
