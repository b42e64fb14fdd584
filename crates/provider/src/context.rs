//! The encryption context: few string pairs, checked, sorted, encoded and digested once.
use alloc::{borrow::ToOwned as _, boxed::Box, sync::Arc, vec::Vec};
use core::fmt;

use sha2::{Digest as _, Sha256};
use thiserror::Error;

/// The longest key or value of an encryption context, in bytes of UTF-8: what the [encoding](EncryptionContext::encoded) has a
/// length for. Message formats and services have limits of their own, for the whole too.
pub const MAX_CONTEXT_TEXT_LEN: usize = 65_535;

/// What a data key is for: string pairs that the provider binds into the wrapped key.
///
/// It travels in the clear: in KMS requests, in CloudTrail, in the message header. Never put a secret in it.
///
/// Keep it **low in cardinality** (tenant, purpose): a data key is cached per encryption context, so an order id in
/// here makes one data key per order, and the cache useless. What differs from message to message belongs in the
/// associated data of the envelope, which any bytes may be.
///
/// Pairs are sorted by the bytes of their keys, keys are unique and not empty, and no text is longer than
/// [`MAX_CONTEXT_TEXT_LEN`], all checked at construction; the digest is computed there too, so that no later step hashes a
/// context again. How much of a context a message or a service takes is theirs to say. Cheap to clone.
///
/// ```
/// # use datakey_provider::EncryptionContext;
/// let context = EncryptionContext::new([("tenant", "acme"), ("purpose", "orders")])?;
/// assert_eq!(context.get("tenant"), Some("acme"));
/// assert_eq!(context.iter().next(), Some(("purpose", "orders"))); // sorted
/// assert_eq!(context, EncryptionContext::new([("purpose", "orders"), ("tenant", "acme")])?);
/// # Ok::<(), datakey_provider::ContextError>(())
/// ```
///
/// Two of them are compared by their encodings, and hashed by their digests, so that either is quick and a map keyed by contexts needs no
/// other hasher to be safe against chosen ones. How to choose pairs, and how to change them, is in the page `guide::contexts`.
#[derive(Clone)]
pub struct EncryptionContext(Arc<Inner>);

struct Inner {
    pairs: Box<[(Box<str>, Box<str>)]>,
    encoded: Box<[u8]>,
    digest: [u8; 32],
}

/// Why pairs do not make an encryption context.
///
/// All of it is the caller's: nothing was asked of anybody. A service that makes contexts of a request's texts answers the request with it;
/// none of the values is in the error.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum ContextError {
    /// A key is empty.
    #[error("a key of an encryption context is not empty")]
    EmptyKey,
    /// The same key twice.
    #[error("the encryption context has the key {0:?} twice")]
    DuplicateKey(Box<str>),
    /// A key or value is longer than [`MAX_CONTEXT_TEXT_LEN`].
    #[error("a key or value of an encryption context has at most {MAX_CONTEXT_TEXT_LEN} bytes, not {0}")]
    TextTooLong(usize),
}

impl EncryptionContext {
    /// What stands before the [encoded](Self::encoded) pairs in what [`digest`](Self::digest) is of: for whoever computes it with SHA-256
    /// of another library.
    pub const DIGEST_LABEL: &[u8] = b"datakey encryption context v1\0";

    /// Checks, sorts, encodes and digests pairs of key and value.
    ///
    /// ```
    /// use datakey_provider::{ContextError, EncryptionContext};
    ///
    /// let twice = EncryptionContext::new([("tenant", "acme"), ("tenant", "umbrella")]);
    /// assert_eq!(twice, Err(ContextError::DuplicateKey("tenant".into())));
    /// assert_eq!(EncryptionContext::new([("", "acme")]), Err(ContextError::EmptyKey));
    /// assert!(EncryptionContext::new([("tenant", "")]).is_ok()); // values may be empty
    /// ```
    ///
    /// # Errors
    /// [`ContextError`] names the first rule that the pairs break.
    pub fn new<K: AsRef<str>, V: AsRef<str>>(
        pairs: impl IntoIterator<Item = (K, V)>,
    ) -> Result<Self, ContextError> {
        let mut own: Vec<(Box<str>, Box<str>)> = Vec::new();
        for (key, value) in pairs {
            let (key, value) = (key.as_ref(), value.as_ref());
            if key.is_empty() {
                return Err(ContextError::EmptyKey);
            }
            if let Some(long) = [key.len(), value.len()]
                .into_iter()
                .find(|len| *len > MAX_CONTEXT_TEXT_LEN)
            {
                return Err(ContextError::TextTooLong(long));
            }
            own.push((key.into(), value.into()));
        }
        own.sort_unstable_by(|(left, _), (right, _)| left.as_bytes().cmp(right.as_bytes()));
        for pair in own.windows(2) {
            if let [(left, _), (right, _)] = pair
                && left == right
            {
                return Err(ContextError::DuplicateKey(left.to_owned()));
            }
        }
        let encoded = encode(&own);
        let digest = digest(&encoded);
        Ok(Self(Arc::new(Inner {
            pairs: own.into(),
            encoded: encoded.into(),
            digest,
        })))
    }

    /// The context without pairs.
    #[must_use]
    pub fn empty() -> Self {
        Self(Arc::new(Inner {
            pairs: Box::default(),
            encoded: Box::default(),
            digest: digest(&[]),
        }))
    }

    /// The pairs, in the order of the bytes of their keys.
    #[must_use]
    pub fn iter(&self) -> impl ExactSizeIterator<Item = (&str, &str)> + DoubleEndedIterator {
        self.0.pairs.iter().map(|(key, value)| (&**key, &**value))
    }

    /// The value of a key.
    ///
    /// ```
    /// use datakey_provider::EncryptionContext;
    ///
    /// let context = EncryptionContext::new([("tenant", "acme"), ("note", "")])?;
    /// assert_eq!(context.get("tenant"), Some("acme"));
    /// assert_eq!(context.get("note"), Some("")); // there, and empty
    /// assert_eq!(context.get("Tenant"), None); // by bytes, and not by what looks alike
    /// # Ok::<(), datakey_provider::ContextError>(())
    /// ```
    #[must_use]
    pub fn get(&self, key: &str) -> Option<&str> {
        let found = self
            .0
            .pairs
            .binary_search_by(|(own, _)| own.as_bytes().cmp(key.as_bytes()))
            .ok()?;
        self.0.pairs.get(found).map(|(_, value)| &**value)
    }

    /// How many pairs there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.0.pairs.len()
    }

    /// Whether there are no pairs.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.pairs.is_empty()
    }

    /// The canonical encoding: for each pair, in order, the length of the key in two bytes, big-endian, the key, the
    /// length of the value likewise, the value. The empty context encodes to nothing.
    ///
    /// Two contexts have the same encoding only if they are equal: where one text ends is told by its length and not by a mark that could
    /// stand in a text. A provider that binds these bytes binds every pair, with its key and its value apart.
    ///
    /// ```
    /// use datakey_provider::EncryptionContext;
    ///
    /// let context = EncryptionContext::new([("b", "2"), ("a", "1")])?;
    /// assert_eq!(context.encoded(), b"\x00\x01a\x00\x011\x00\x01b\x00\x012"); // sorted by the bytes of the keys
    /// let joined = EncryptionContext::new([("a", "1\0\x01b\0\x012")])?;
    /// assert_ne!(context.encoded(), joined.encoded());
    /// # Ok::<(), datakey_provider::ContextError>(())
    /// ```
    #[must_use]
    pub fn encoded(&self) -> &[u8] {
        &self.0.encoded
    }

    /// SHA-256 of `"datakey encryption context v1\0"` and the [encoding](Self::encoded). Equal for equal contexts
    /// only; the cache key of everything that caches by context.
    ///
    /// ```
    /// use std::collections::HashMap;
    /// use datakey_provider::EncryptionContext;
    ///
    /// let mut calls: HashMap<[u8; 32], u64> = HashMap::new(); // without keeping what may be somebody's name
    /// for tenant in ["acme", "umbrella", "acme"] {
    ///     let context = EncryptionContext::new([("tenant", tenant)])?;
    ///     *calls.entry(*context.digest()).or_default() += 1;
    /// }
    /// assert_eq!(calls.len(), 2);
    /// # Ok::<(), datakey_provider::ContextError>(())
    /// ```
    #[must_use]
    pub fn digest(&self) -> &[u8; 32] {
        &self.0.digest
    }

    /// Checks this context, taken from a message, against what its reader expects: each expected pair must be there.
    ///
    /// Expecting nothing is only met by a context without pairs, so that stating an expectation cannot be forgotten.
    ///
    /// ```
    /// # use datakey_provider::EncryptionContext;
    /// let sealed = EncryptionContext::new([("tenant", "acme"), ("purpose", "orders")])?;
    /// assert!(sealed.check_expected(&EncryptionContext::new([("tenant", "acme")])?).is_ok());
    /// assert!(sealed.check_expected(&EncryptionContext::new([("tenant", "other")])?).is_err());
    /// assert!(sealed.check_expected(&EncryptionContext::empty()).is_err());
    /// # Ok::<(), datakey_provider::ContextError>(())
    /// ```
    ///
    /// # Errors
    /// [`ContextMismatch`] names the first expected key that is missing or has another value.
    pub fn check_expected(&self, expected: &Self) -> Result<(), ContextMismatch> {
        if expected.is_empty() && !self.is_empty() {
            return Err(ContextMismatch::NothingExpected { pairs: self.len() });
        }
        for (key, value) in expected.iter() {
            match self.get(key) {
                Some(own) if own == value => {}
                Some(_) => return Err(ContextMismatch::OtherValue { key: key.into() }),
                None => return Err(ContextMismatch::Missing { key: key.into() }),
            }
        }
        Ok(())
    }
}

/// How a message's encryption context differs from what its reader expects.
///
/// It names keys, which are no secret, and no values: those of a message that somebody else sealed may be none of its reader's business.
///
/// ```
/// use datakey_provider::{ContextMismatch, EncryptionContext};
///
/// let sealed = EncryptionContext::new([("tenant", "acme")])?;
/// let expected = EncryptionContext::new([("tenant", "umbrella")])?;
/// let mismatch = sealed.check_expected(&expected).unwrap_err();
/// assert_eq!(mismatch, ContextMismatch::OtherValue { key: "tenant".into() });
/// assert!(!mismatch.to_string().contains("acme"));
/// # Ok::<(), datakey_provider::ContextError>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum ContextMismatch {
    /// An expected key is not there.
    #[error("the message's encryption context has no {key:?}, which its reader expects")]
    Missing {
        /// The expected key.
        key: Box<str>,
    },
    /// An expected key has another value.
    #[error("the message's encryption context has another value for {key:?} than its reader expects")]
    OtherValue {
        /// The expected key.
        key: Box<str>,
    },
    /// The reader expects a message without a context.
    #[error(
        "the message has an encryption context of {pairs} pair{}; say which are expected",
        if *pairs == 1 { "" } else { "s" }
    )]
    NothingExpected {
        /// How many pairs the message's context has.
        pairs: usize,
    },
}

fn encode(pairs: &[(Box<str>, Box<str>)]) -> Vec<u8> {
    let mut encoded = Vec::new();
    for text in pairs.iter().flat_map(|(key, value)| [key, value]) {
        // At most MAX_CONTEXT_TEXT_LEN, checked by the only caller.
        let len = u16::try_from(text.len()).unwrap_or(u16::MAX);
        encoded.extend_from_slice(&len.to_be_bytes());
        encoded.extend_from_slice(text.as_bytes());
    }
    encoded
}

fn digest(encoded: &[u8]) -> [u8; 32] {
    let mut hash = Sha256::new();
    hash.update(EncryptionContext::DIGEST_LABEL);
    hash.update(encoded);
    hash.finalize().into()
}

impl PartialEq for EncryptionContext {
    fn eq(&self, other: &Self) -> bool {
        // Two slices that are empty are dear to compare: their bytes are looked for where no memory is.
        Arc::ptr_eq(&self.0, &other.0)
            || (self.is_empty() && other.is_empty())
            || self.0.encoded == other.0.encoded
    }
}

impl Eq for EncryptionContext {}

impl core::hash::Hash for EncryptionContext {
    fn hash<H: core::hash::Hasher>(&self, state: &mut H) {
        self.0.digest.hash(state);
    }
}

impl Default for EncryptionContext {
    fn default() -> Self {
        Self::empty()
    }
}

impl fmt::Debug for EncryptionContext {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_map().entries(self.iter()).finish()
    }
}
