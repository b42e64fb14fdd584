//! Errors of the whole stack, each saying whose part it was.
use std::io;

use datakey_envelope as envelope;
#[cfg(feature = "esdk")]
use datakey_esdk as esdk;
use datakey_keyring::KeyringError;
use datakey_provider::{ContextMismatch, ErrorClass};
use thiserror::Error;

use crate::{FormatName, Unsupported};

/// Why something was not sealed. No output was left behind.
///
/// | variant | what to do |
/// |---|---|
/// | [`Keyring`](Self::Keyring) | look at its [class](Self::class): an outage or a throttle was retried already, and lasts |
/// | [`ShutDown`](Self::ShutDown) | the process ends; hand the message to another one |
/// | [`Envelope`](Self::Envelope) and `Esdk` | a limit of the format, or the machine is at fault |
/// | [`Unsupported`](Self::Unsupported) | seal in the native format, or without what it has no place for |
///
/// ```
/// # #[cfg(feature = "fake-kms")] {
/// use datakey::{Aad, EncryptionContext, ErrorClass, Sealer, fake_kms::{FakeKms, FaultRule, KmsErrorCode}};
///
/// # #[tokio::main(flavor = "current_thread", start_paused = true)]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let fake = FakeKms::new();
/// let sealer = Sealer::new(fake.provider(&fake.create_key()?));
/// fake.inject(FaultRule::new(KmsErrorCode::AccessDenied));
/// let error = sealer.seal(&EncryptionContext::empty(), b"one order", Aad::EMPTY).await.unwrap_err();
/// assert_eq!((error.class(), error.is_retryable()), (Some(ErrorClass::Denied), false));
/// assert_eq!(fake.ledger().calls(), 1); // not tried again: a policy must change
/// # Ok(()) }
/// # }
/// ```
#[derive(Debug, Clone, Error)]
#[non_exhaustive]
pub enum SealError {
    /// There is no data key: the provider failed, and what retry and cache could do was not enough.
    #[error(transparent)]
    Keyring(KeyringError),
    /// The sealer was shut down.
    #[error("the sealer is shut down")]
    ShutDown,
    /// The format has no place for this: a limit of length or number. Or there were no random bytes, or the cipher failed, which
    /// is of the class [`Internal`](ErrorClass::Internal).
    #[error(transparent)]
    Envelope(#[from] envelope::SealError),
    /// The same, of the format of the AWS Encryption SDK.
    #[cfg(feature = "esdk")]
    #[error(transparent)]
    Esdk(#[from] esdk::SealError),
    /// The sealer's format has no place for what was asked for. No call was made.
    #[error(transparent)]
    Unsupported(#[from] Unsupported),
}

impl SealError {
    /// The class of the failure, where it was the provider's or the program's. What is over a limit has none.
    #[must_use]
    pub fn class(&self) -> Option<ErrorClass> {
        use envelope::SealError::{Abandoned, Cipher, Random};
        match self {
            Self::Keyring(error) => error.class(),
            Self::ShutDown => Some(ErrorClass::ShutDown),
            Self::Envelope(Random(_) | Cipher | Abandoned) => Some(ErrorClass::Internal),
            #[cfg(feature = "esdk")]
            Self::Esdk(esdk::SealError::Random(_) | esdk::SealError::Cipher | esdk::SealError::Abandoned) => {
                Some(ErrorClass::Internal)
            }
            #[cfg(feature = "esdk")]
            Self::Esdk(_) => None,
            Self::Envelope(_) | Self::Unsupported(_) => None,
        }
    }

    /// Whether the same message may be sealed later without anybody changing anything.
    #[must_use]
    pub fn is_retryable(&self) -> bool {
        matches!(self, Self::Keyring(error) if error.is_retryable())
    }
}

impl From<KeyringError> for SealError {
    fn from(error: KeyringError) -> Self {
        match error {
            KeyringError::ShutDown => Self::ShutDown,
            error => Self::Keyring(error),
        }
    }
}

/// Why a message does not open. No output was left behind.
///
/// Whatever the format of the message, [`NotAuthentic`](Self::NotAuthentic), [`Context`](Self::Context) and
/// [`Keyring`](Self::Keyring) say the same.
///
/// ```
/// # #[cfg(feature = "fake-kms")] {
/// use datakey::{Aad, EncryptionContext, OpenError, both, fake_kms::FakeKms};
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let fake = FakeKms::new();
/// let (sealer, opener) = both(fake.provider(&fake.create_key()?));
/// let acme = EncryptionContext::new([("tenant", "acme")])?;
/// let message = sealer.seal(&acme, b"one order", Aad::EMPTY).await?;
///
/// // Another tenant's reader: refused by what the header says, before anybody is asked for a key.
/// let umbrella = EncryptionContext::new([("tenant", "umbrella")])?;
/// assert!(matches!(opener.open(&umbrella, &message, Aad::EMPTY).await, Err(OpenError::Context(_))));
/// // One bit on the way.
/// let mut altered = message.clone();
/// *altered.last_mut().expect("a message is not empty") ^= 1;
/// assert!(matches!(opener.open(&acme, &altered, Aad::EMPTY).await, Err(OpenError::NotAuthentic)));
/// # Ok(()) }
/// # }
/// ```
///
/// | variant | whose fault | what to do |
/// |---|---|---|
/// | [`Format`](Self::Format), `Esdk` | the sender's, or of what stands between | look at where the bytes come from |
/// | [`Context`](Self::Context) | a message for somebody else, or a wrong expectation | do not open it; look at how it got here |
/// | [`NotAuthentic`](Self::NotAuthentic) | altered, or other associated data | as before; it will not open later |
/// | [`Keyring`](Self::Keyring) | as its [class](Self::class) says | wait for an outage to pass, have a policy mended |
/// | [`ShutDown`](Self::ShutDown) | nobody's | hand it to another process |
/// | [`OtherKind`](Self::OtherKind), [`NoSuchRecord`](Self::NoSuchRecord), [`OutOfRange`](Self::OutOfRange), [`OtherFormat`](Self::OtherFormat), [`Unsupported`](Self::Unsupported) | the call's | take the call that the text names |
///
/// A queue consumer decides by [`is_retryable`](Self::is_retryable): what may open later goes back, the rest goes where people look at it.
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
    #[error(transparent)]
    Keyring(KeyringError),
    /// The opener was shut down.
    #[error("the opener is shut down")]
    ShutDown,
    /// The message is not what was sealed. Which part differs is not told.
    #[error(
        "the message is not authentic: it was altered or cut short, or sealed with other associated data or under \
         another key; check the associated data and where the message came from, and do not use it otherwise"
    )]
    NotAuthentic,
    /// The message is of a suite that FIPS 140 does not approve, and this program [computes](crate::is_fips) with AWS-LC's FIPS module.
    #[error("{0}")]
    NotApproved(envelope::OpenError),
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
    /// The plaintext is shorter.
    #[error("the range ends at byte {end}, and the plaintext has {len}")]
    OutOfRange {
        /// Where the range ends.
        end: u64,
        /// How many bytes of plaintext there are, by the length of the stored message.
        len: u64,
    },
    /// The message is of a format that the opener was told not to accept. No call was made.
    #[error("the message is of {found}, which this opener was told not to accept")]
    OtherFormat {
        /// What the message is.
        found: FormatName,
    },
    /// The message's format has no place for what was asked for. No call was made.
    #[error(transparent)]
    Unsupported(#[from] Unsupported),
    /// A message of the AWS Encryption SDK is malformed or cut short, or its suite, its public key, its frame length or being
    /// signed is not what the opener accepts. That it is not authentic is [`NotAuthentic`](Self::NotAuthentic), as ever.
    #[cfg(feature = "esdk")]
    #[error(transparent)]
    Esdk(esdk::OpenError),
}

impl OpenError {
    /// The class of the provider's failure, where it was one.
    #[must_use]
    pub fn class(&self) -> Option<ErrorClass> {
        match self {
            Self::Keyring(error) => error.class(),
            Self::ShutDown => Some(ErrorClass::ShutDown),
            _ => None,
        }
    }

    /// Whether the same message may open later without anybody changing anything.
    #[must_use]
    pub fn is_retryable(&self) -> bool {
        matches!(self, Self::Keyring(error) if error.is_retryable())
    }
}

impl From<KeyringError> for OpenError {
    fn from(error: KeyringError) -> Self {
        match error {
            KeyringError::ShutDown => Self::ShutDown,
            error if error.is_of_other_keys() => Self::NotAuthentic,
            error => Self::Keyring(error),
        }
    }
}

impl From<envelope::OpenError> for OpenError {
    fn from(error: envelope::OpenError) -> Self {
        match error {
            envelope::OpenError::Format(error) => Self::Format(error),
            envelope::OpenError::OtherKind { expected, found } => Self::OtherKind { expected, found },
            error @ envelope::OpenError::NotApproved { .. } => Self::NotApproved(error),
            // Whatever else a later version of the format may refuse is not to be told apart from a forgery.
            _ => Self::NotAuthentic,
        }
    }
}

#[cfg(feature = "esdk")]
impl From<esdk::OpenError> for OpenError {
    fn from(error: esdk::OpenError) -> Self {
        use esdk::OpenError::{Commitment, DataKeyLength, NotAuthentic, Signature};
        match error {
            // Which part differs is not told, as that would help a forger.
            Commitment | DataKeyLength { .. } | NotAuthentic | Signature => Self::NotAuthentic,
            error => Self::Esdk(error),
        }
    }
}

#[cfg(feature = "esdk")]
impl From<esdk::FormatError> for OpenError {
    fn from(error: esdk::FormatError) -> Self {
        Self::Esdk(error.into())
    }
}

/// Why a stream of plaintext could not be sealed or opened: what readers and writers answer.
///
/// As an [`io::Error`], which `Read`, `Write` and their async counterparts must answer, the errors of sealing and opening
/// stand within [`io::ErrorKind::InvalidData`]; and back again, nothing is lost:
///
/// ```
/// use datakey::{OpenError, StreamError};
///
/// let error = std::io::Error::from(StreamError::Open(OpenError::NotAuthentic));
/// assert_eq!(error.kind(), std::io::ErrorKind::InvalidData);
/// assert!(matches!(StreamError::from(error), StreamError::Open(OpenError::NotAuthentic)));
/// ```
///
/// A reader or writer that failed is over: what it has read or written is not the message. Errors of the reader or writer beneath may be
/// tried again where that makes sense of them.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum StreamError {
    /// It was not sealed.
    #[error(transparent)]
    Seal(#[from] SealError),
    /// It does not open.
    #[error(transparent)]
    Open(#[from] OpenError),
    /// The reader or writer beneath failed, or more was written than was reserved.
    #[error(transparent)]
    Io(io::Error),
}

impl StreamError {
    /// The class of the provider's failure, where it was one.
    #[must_use]
    pub fn class(&self) -> Option<ErrorClass> {
        match self {
            Self::Seal(error) => error.class(),
            Self::Open(error) => error.class(),
            Self::Io(_) => None,
        }
    }

    /// Whether the same may succeed later without anybody changing anything, as far as a provider is concerned. Of errors
    /// of a reader or writer nothing is known.
    #[must_use]
    pub fn is_retryable(&self) -> bool {
        match self {
            Self::Seal(error) => error.is_retryable(),
            Self::Open(error) => error.is_retryable(),
            Self::Io(_) => false,
        }
    }
}

impl From<StreamError> for io::Error {
    fn from(error: StreamError) -> Self {
        match error {
            StreamError::Seal(error) => Self::new(io::ErrorKind::InvalidData, error),
            StreamError::Open(error) => Self::new(io::ErrorKind::InvalidData, error),
            StreamError::Io(error) => error,
        }
    }
}

impl From<io::Error> for StreamError {
    fn from(error: io::Error) -> Self {
        let error = match error.downcast::<SealError>() {
            Ok(error) => return Self::Seal(error),
            Err(error) => error,
        };
        match error.downcast::<OpenError>() {
            Ok(error) => Self::Open(error),
            Err(error) => Self::Io(error),
        }
    }
}

impl From<envelope::SealError> for StreamError {
    fn from(error: envelope::SealError) -> Self {
        Self::Seal(error.into())
    }
}

impl From<envelope::OpenError> for StreamError {
    fn from(error: envelope::OpenError) -> Self {
        Self::Open(error.into())
    }
}

#[cfg(feature = "esdk")]
impl From<esdk::SealError> for StreamError {
    fn from(error: esdk::SealError) -> Self {
        Self::Seal(error.into())
    }
}

#[cfg(feature = "esdk")]
impl From<esdk::OpenError> for StreamError {
    fn from(error: esdk::OpenError) -> Self {
        Self::Open(error.into())
    }
}
