//! Errors of the whole stack, each saying whose part it was.
use std::io;

use datakey_envelope as envelope;
use datakey_keyring::KeyringError;
use datakey_provider::{ContextMismatch, ErrorClass};
use thiserror::Error;

/// Why something was not sealed. No output was left behind.
#[derive(Debug, Clone, Error)]
#[non_exhaustive]
pub enum SealError {
    /// There is no data key: the provider failed, and what retry and cache could do was not enough.
    #[error("no data key to seal with: {0}")]
    Keyring(#[from] KeyringError),
    /// The format has no place for this: a limit of length or number.
    #[error(transparent)]
    Envelope(#[from] envelope::SealError),
}

impl SealError {
    /// The class of the provider's failure, where it was one.
    #[must_use]
    pub fn class(&self) -> Option<ErrorClass> {
        match self {
            Self::Keyring(error) => error.class(),
            Self::Envelope(_) => None,
        }
    }
}

/// Why a message does not open. No output was left behind.
#[derive(Debug, Clone, Error)]
#[non_exhaustive]
pub enum OpenError {
    /// The bytes are not a message of this format, or are cut short.
    #[error(transparent)]
    Format(#[from] envelope::FormatError),
    /// The message's encryption context lacks what its reader expects. No call was made for it.
    #[error(transparent)]
    Context(#[from] ContextMismatch),
    /// There is no data key: the provider refused or failed, or recognises none of the wrapped keys.
    #[error("no data key to open with: {0}")]
    Keyring(#[from] KeyringError),
    /// The message is not what was sealed. Which part differs is not told.
    #[error(
        "the message is not authentic: it was altered or cut short, or sealed with other associated data or under \
         another key; check the associated data and where the message came from, and do not use it otherwise"
    )]
    NotAuthentic,
    /// The message is of the other kind than the call is for.
    #[error("the message holds {found}, and this call opens {expected}; use the call for {found}")]
    OtherKind {
        /// What the call opens.
        expected: envelope::Kind,
        /// What the message is.
        found: envelope::Kind,
    },
    /// The batch has fewer records.
    #[error("there is no record {index} in a message of {count}")]
    NoSuchRecord {
        /// The record that was asked for, from 0.
        index: u64,
        /// How many records there are.
        count: u64,
    },
}

impl OpenError {
    /// The class of the provider's failure, where it was one.
    #[must_use]
    pub fn class(&self) -> Option<ErrorClass> {
        match self {
            Self::Keyring(error) => error.class(),
            _ => None,
        }
    }
}

impl From<envelope::OpenError> for OpenError {
    fn from(error: envelope::OpenError) -> Self {
        match error {
            envelope::OpenError::Format(error) => Self::Format(error),
            envelope::OpenError::OtherKind { expected, found } => Self::OtherKind { expected, found },
            // Whatever else a later version of the format may refuse is not to be told apart from a forgery.
            _ => Self::NotAuthentic,
        }
    }
}

/// An error of sealing or opening in the midst of a stream: [`io::ErrorKind::InvalidData`], with the error inside.
pub(crate) fn into_io(error: impl std::error::Error + Send + Sync + 'static) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, error)
}
