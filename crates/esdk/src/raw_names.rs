//! What wrapping keys of one's own have in common: the two names that an encrypted data key finds them by.
use alloc::{boxed::Box, format};

use datakey_provider::{ErrorClass, Operation, ProviderError, WrappedKey, WrappedKeys};
use thiserror::Error;

use crate::{AWS_KMS, EncryptedDataKey};

/// The longest namespace or name, in bytes, so that everything beside it has a place too.
const MAX_NAME_LEN: usize = 60_000;

/// Why something is not a raw key.
///
/// ```
/// # #[cfg(all(feature = "getrandom", any(feature = "rustcrypto", feature = "aws-lc")))] {
/// use datakey_esdk::{RawAesKey, RawKeyError};
///
/// assert_eq!(RawAesKey::new("shop", "2026", &[7; 31]).unwrap_err(), RawKeyError::Length(31));
/// // A namespace that every AWS KMS keyring would take for its own.
/// assert_eq!(RawAesKey::new("aws-kms", "2026", &[7; 32]).unwrap_err(), RawKeyError::Namespace);
/// # }
/// ```
///
/// Namespace and name are in the clear in each message, and are how readers find the key; both sides must be told the same.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum RawKeyError {
    /// The key has neither 16, 24 nor 32 bytes.
    #[error("an AES key has 16, 24 or 32 bytes, not {0}")]
    Length(usize),
    /// The namespace is empty, that of AWS KMS, or has control characters.
    #[error("a key namespace is not empty, not `aws-kms`, and has no control characters")]
    Namespace,
    /// Namespace or name has more than 60,000 bytes.
    #[error("a key namespace and a key name have at most 60000 bytes, this one has {0}")]
    TooLong(usize),
}

impl RawKeyError {
    /// Whether the same may succeed later without anybody changing anything: never.
    #[must_use]
    pub const fn is_retryable(&self) -> bool {
        false
    }
}

/// Namespace and name of a wrapping key.
#[derive(Clone)]
pub(crate) struct Names {
    pub(crate) namespace: Box<str>,
    pub(crate) name: Box<str>,
}

impl Names {
    pub(crate) fn new(namespace: &str, name: &str) -> Result<Self, RawKeyError> {
        if namespace.is_empty() || namespace == AWS_KMS || namespace.chars().any(char::is_control) {
            return Err(RawKeyError::Namespace);
        }
        if let Some(long) = [namespace.len(), name.len()]
            .into_iter()
            .find(|len| *len > MAX_NAME_LEN)
        {
            return Err(RawKeyError::TooLong(long));
        }
        Ok(Self {
            namespace: namespace.into(),
            name: name.into(),
        })
    }

    /// The wrapped key whose provider info is the name and what follows it.
    pub(crate) fn wrapped(&self, follows: &[u8], ciphertext: &[u8]) -> Result<WrappedKeys, &'static str> {
        let info = [self.name.as_bytes(), follows].concat();
        let len = u16::try_from(info.len()).map_err(|_checked| "the name is too long")?;
        let blob = [&len.to_be_bytes(), &info[..], ciphertext].concat();
        WrappedKey::new(format!("esdk:{}", self.namespace), blob)
            .map(WrappedKeys::from)
            .map_err(|_checked| "the namespace is no key id")
    }

    /// What follows the name in the provider info of an encrypted data key that has these names, and its ciphertext.
    pub(crate) fn parts<'a>(&self, wrapped: &'a WrappedKey) -> Option<(&'a [u8], &'a [u8])> {
        let key = EncryptedDataKey::of(wrapped).ok()?;
        if key.provider_id() != &*self.namespace {
            return None;
        }
        let follows = key.provider_info().strip_prefix(self.name.as_bytes())?;
        Some((follows, key.ciphertext()))
    }

    /// How a wrapped key is refused that has other names than these, or is not in the form of this keyring.
    pub(crate) fn not_ours(&self, wrapped: &WrappedKey) -> ProviderError {
        if wrapped.key_id().strip_prefix("esdk:") == Some(&*self.namespace) {
            return not_authentic(wrapped);
        }
        let why = "the wrapped key is of another namespace";
        refused(wrapped, ErrorClass::InvalidRequest, why)
    }
}

pub(crate) fn failed(class: ErrorClass, operation: Operation, why: &'static str) -> ProviderError {
    ProviderError::new(class, operation).with_source(why)
}

pub(crate) fn refused(wrapped: &WrappedKey, class: ErrorClass, why: &'static str) -> ProviderError {
    failed(class, Operation::Decrypt, why).with_key_id(wrapped.key_id())
}

pub(crate) fn not_authentic(wrapped: &WrappedKey) -> ProviderError {
    let why = "the wrapped key is not what this key wrapped";
    refused(wrapped, ErrorClass::NotAuthentic, why)
}
