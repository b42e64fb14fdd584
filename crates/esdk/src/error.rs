//! What goes wrong in sealing and opening, and what to do next.
use core::fmt;

use datakey_provider::DataKeyLength;
use thiserror::Error;

use crate::{CommitmentPolicy, Suite};

/// What a message breaks, seen without a key.
///
/// The names in the texts are those of the message format specification of the AWS Encryption SDK.
///
/// A number of them is a hint of where a message comes from: [`Version`](Self::Version) is most often a message of another format, and
/// [`Trailing`](Self::Trailing) two messages in one file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Fault {
    /// The first byte is no version of this format.
    Version,
    /// The second byte of a version 1 header is not 0x80.
    Type,
    /// The algorithm suite id is unknown, not one of messages, or belongs to the other header version.
    Suite,
    /// The encryption context does not fill its section, or counts no pairs.
    ContextLength,
    /// A text of the encryption context, or a provider id, is not UTF-8.
    Utf8,
    /// The encryption context has a key twice.
    ContextDuplicate,
    /// The encryption context has an empty key, which no key service takes.
    ContextKey,
    /// There are no encrypted data keys.
    DataKeyCount,
    /// The content type is neither 1 nor 2.
    ContentType,
    /// The reserved bytes of a version 1 header are not zero.
    Reserved,
    /// The IV length of a version 1 header is not 12.
    IvLength,
    /// The frame length is zero in framed data, or not zero in non-framed data.
    FrameLength,
    /// A frame's sequence number does not follow the one before.
    SequenceNumber,
    /// The content of the final frame is longer than the frame length.
    FinalFrameLength,
    /// Non-framed content is longer than 2^36 - 32 bytes.
    ContentLength,
    /// There are bytes behind the message.
    Trailing,
}

impl Fault {
    /// What is wrong, in words.
    ///
    /// For logs and labels; what to do about it is said by [`FormatError`]'s own text.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Version => "its version is neither 1 nor 2: it is not of this format, or of a newer one",
            Self::Type => "the type of a version 1 message is 0x80",
            Self::Suite => "its algorithm suite is unknown, or not one of its header version",
            Self::ContextLength => "the encryption context does not fill its section exactly",
            Self::Utf8 => "a text in its header is not UTF-8",
            Self::ContextDuplicate => "its encryption context has a key twice",
            Self::ContextKey => "its encryption context has an empty key",
            Self::DataKeyCount => "it has no encrypted data key",
            Self::ContentType => "its content is neither framed nor non-framed",
            Self::Reserved => "the reserved bytes are not zero",
            Self::IvLength => "its IV length is not 12",
            Self::FrameLength => "its frame length does not fit its content type",
            Self::SequenceNumber => "a frame is missing, repeated or out of order",
            Self::FinalFrameLength => "its final frame is longer than its frame length",
            Self::ContentLength => "its content is longer than the cipher allows",
            Self::Trailing => "there are bytes behind its end",
        }
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// The structure of a message is not that of the format. Seen without a key, so it says nothing about authenticity.
///
/// ```
/// use datakey_esdk::{Fault, FormatError, Header};
///
/// let error = Header::decode(b"\xdaKEY").unwrap_err();
/// assert_eq!(error, FormatError::Malformed { fault: Fault::Version });
/// assert!(matches!(Header::decode(b"\x02\x04"), Err(FormatError::Truncated { .. })));
/// ```
///
/// Only [`Truncated`](Self::Truncated) may be mended by more bytes, so a reader of a socket reads on for it and gives up for all others.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum FormatError {
    /// The bytes end before the structure does. Nothing of what is there breaks a rule.
    #[error("the message ends early; at least {missing} more bytes are needed")]
    Truncated {
        /// At least this many bytes are missing at the end. More may turn out to be missing once these are there.
        missing: u64,
    },
    /// A rule is broken, and more bytes would not mend it.
    #[error("the message is malformed: {fault}")]
    Malformed {
        /// What is broken.
        fault: Fault,
    },
    /// It has more encrypted data keys than the reader allows. None was looked at.
    #[error("the message has {found} encrypted data keys, and the reader allows {limit}")]
    TooManyDataKeys {
        /// How many it claims.
        found: usize,
        /// How many the reader allows.
        limit: usize,
    },
}

/// Why a message does not open. Nothing of it was released, unless it was opened as a stream.
///
/// | variant | what to do |
/// |---|---|
/// | [`Format`](Self::Format) | read on if it is truncated; else it is no message, or was altered where nothing is secret |
/// | [`Policy`](Self::Policy) | decide: older messages want `RequireEncryptAllowDecrypt` for as long as there are any |
/// | [`DataKeyLength`](Self::DataKeyLength), [`Commitment`](Self::Commitment) | try the message's next encrypted data key |
/// | [`NotAuthentic`](Self::NotAuthentic), [`Signature`](Self::Signature) | do not use it; look at where it came from, and at the encryption context |
/// | [`PublicKey`](Self::PublicKey) | as before; the writer broke the format |
/// | [`SignedStream`](Self::SignedStream) | open it as a whole |
/// | [`FrameTooLong`](Self::FrameTooLong), [`BufferTooShort`](Self::BufferTooShort) | raise the limit, give a longer buffer |
///
/// None of them passes by itself, and none holds plaintext or a key.
///
/// ```
/// # #[cfg(all(feature = "getrandom", any(feature = "rustcrypto", feature = "aws-lc")))] {
/// # use datakey_provider::{DataKey, DataKeyLength, EncryptionContext, WrappedKey};
/// # let data_key = DataKey::init(DataKeyLength::Bytes32, |bytes| bytes.fill(7));
/// # let wrapped = WrappedKey::new("arn:aws:kms:eu-central-1:111122223333:key/1", b"opaque".to_vec())?.into();
/// # let context = EncryptionContext::new([("tenant", "acme")])?;
/// # let params = datakey_esdk::Params::new().with_suite(datakey_esdk::Suite::Aes256GcmHkdfSha512CommitKey);
/// # let sealing = datakey_esdk::SealingKey::new(&data_key, &wrapped, &context, None, &params)?;
/// # let mut sealed = Vec::new();
/// # sealing.seal(b"one order", &mut sealed)?;
/// use datakey_esdk::{Message, OpenError, OpenParams, OpeningKey};
///
/// let last = sealed.last_mut().expect("a message is not empty");
/// *last ^= 1; // one bit, somewhere between writer and reader
/// let message = Message::decode(&sealed)?; // the structure is that of a message still
/// let mut out = Vec::new();
/// let refused = OpeningKey::new(&data_key, &context).open(&message, &OpenParams::new(), &mut out);
/// assert!(matches!(refused, Err(OpenError::NotAuthentic)));
/// assert!(out.is_empty());
/// # }
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum OpenError {
    /// The structure is not that of the format.
    #[error(transparent)]
    Format(#[from] FormatError),
    /// The message is of a suite that is not approved, and the FIPS module is what computes: see [`is_fips`](crate::is_fips).
    #[error(
        "the message has the suite {suite}, which is not approved by FIPS 140, and this program computes with the FIPS module of AWS-LC"
    )]
    NotApproved {
        /// The suite of the message.
        suite: Suite,
    },
    /// The reader's commitment policy does not allow the message's suite.
    #[error("the message has the suite {suite}, which the commitment policy {policy} does not allow to open")]
    Policy {
        /// The suite.
        suite: Suite,
        /// The policy.
        policy: CommitmentPolicy,
    },
    /// The data key is not one of the message's suite.
    #[error("the suite {suite} takes data keys of {expected}, and this one has {found}",
        expected = .suite.data_key_length())]
    DataKeyLength {
        /// The suite.
        suite: Suite,
        /// The length of the data key.
        found: DataKeyLength,
    },
    /// The message commits to another data key: this encrypted data key is not the message's own.
    #[error("the message was not sealed under this data key; it commits to another")]
    Commitment,
    /// The message is not what was sealed: altered, cut short, or sealed under another data key or encryption context.
    #[error(
        "the message is not authentic: it was altered or cut short, or sealed under another data key or encryption \
         context; do not use it"
    )]
    NotAuthentic,
    /// The signature is not that of the message, or has no form of one.
    #[error("the signature of the message is not valid; do not use it")]
    Signature,
    /// A signed message has no public key in its encryption context, or a message that is not signed has one.
    #[error("the public key in the encryption context does not fit the suite {suite}: {problem}")]
    PublicKey {
        /// The suite.
        suite: Suite,
        /// What is wrong with it.
        problem: PublicKeyProblem,
    },
    /// A signed message was to be opened as a stream, which would release plaintext before its signature is known.
    #[error(
        "the message is signed (suite {0}), and a stream would release its plaintext before the signature is verified; \
         open it as a whole, or allow the release"
    )]
    SignedStream(Suite),
    /// A stream would have to keep more in memory than it is allowed.
    #[error(
        "the message has frames of {needed} bytes, and a stream keeps {limit} in memory at most; raise the limit"
    )]
    FrameTooLong {
        /// The length of a frame, or of content that is not framed, in bytes.
        needed: u64,
        /// The limit, in bytes.
        limit: u64,
    },
    /// The buffer that was given is too short for the plaintext. Nothing was opened.
    #[error("the plaintext takes {needed} bytes, and the buffer has fewer; give a longer one")]
    BufferTooShort {
        /// The length of the plaintext, in bytes.
        needed: usize,
    },
}

/// What is wrong with a public key.
///
/// Each of them means that the writer broke the format, or that somebody took a pair of the context away; no key makes such a message open.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum PublicKeyProblem {
    /// The suite signs, and there is none.
    Missing,
    /// The suite does not sign, and there is one.
    Unexpected,
    /// It is not the Base64 of a compressed point of the suite's curve.
    Malformed,
}

impl fmt::Display for PublicKeyProblem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Missing => "it is missing",
            Self::Unexpected => "there should be none",
            Self::Malformed => "it is no point of the suite's curve in Base64",
        })
    }
}

/// Why something cannot be used with this format. Nothing was sealed.
///
/// They are found when a [`SealingKey`](crate::SealingKey) is prepared, or asked for beforehand by
/// [`Params::check_context`](crate::Params::check_context), so that no data key is made for what cannot be sealed.
///
/// ```
/// # #[cfg(all(feature = "getrandom", any(feature = "rustcrypto", feature = "aws-lc")))] {
/// # use datakey_provider::{DataKey, DataKeyLength, EncryptionContext, WrappedKey};
/// # let data_key = DataKey::init(DataKeyLength::Bytes32, |bytes| bytes.fill(7));
/// # let wrapped = WrappedKey::new("arn:aws:kms:eu-central-1:111122223333:key/1", b"opaque".to_vec())?.into();
/// # let context = EncryptionContext::new([("tenant", "acme")])?;
/// # let params = datakey_esdk::Params::new().with_suite(datakey_esdk::Suite::Aes256GcmHkdfSha512CommitKey);
/// # let sealing = datakey_esdk::SealingKey::new(&data_key, &wrapped, &context, None, &params)?;
/// # let mut sealed = Vec::new();
/// # sealing.seal(b"one order", &mut sealed)?;
/// use datakey_esdk::{LimitError, Params, SealingKey, Suite};
///
/// let short = DataKey::init(DataKeyLength::Bytes16, |bytes| bytes.fill(7));
/// let refused = SealingKey::new(&short, &wrapped, &context, None, &params);
/// assert!(matches!(refused, Err(LimitError::DataKeyLength { found: DataKeyLength::Bytes16, .. })));
/// // The default suite signs, and was given nothing to sign with.
/// let unsigned = SealingKey::new(&data_key, &wrapped, &context, None, &Params::new());
/// assert!(matches!(unsigned, Err(LimitError::SigningKey { .. })));
/// # }
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum LimitError {
    /// The data key has another length than the suite takes.
    #[error("the suite {suite} takes data keys of {expected}, and this one has {found}",
        expected = .suite.data_key_length())]
    DataKeyLength {
        /// The suite.
        suite: Suite,
        /// The length of the data key.
        found: DataKeyLength,
    },
    /// The encoded encryption context has more than 65,535 bytes, its count included, or more pairs than the count holds.
    #[error("the encryption context of a message has at most 65535 bytes when encoded, this one has {0}")]
    ContextLength(usize),
    /// A key of the encryption context begins with `aws-crypto-`, which the format keeps to itself.
    #[error("keys of the encryption context that begin with `aws-crypto-` belong to the format")]
    ReservedKey,
    /// A key that is to be authenticated and not stored is not in the encryption context.
    #[error("the encryption context lacks a key that is required")]
    RequiredKey,
    /// More encrypted data keys than the writer allows, or than the format counts.
    #[error("a message has at most {limit} encrypted data keys, not {found}")]
    DataKeys {
        /// How many there are.
        found: usize,
        /// How many there may be.
        limit: usize,
    },
    /// A provider id, provider info or ciphertext has more than 65,535 bytes.
    #[error("a part of an encrypted data key has at most 65535 bytes, this one has {0}")]
    DataKeyPart(usize),
    /// A wrapped key does not have the form of an encrypted data key.
    #[error("a wrapped key with this key id has no place in this format")]
    KeyId,
    /// The writer's commitment policy does not allow the suite, or the suite cannot be sealed with.
    #[error("the suite {suite} cannot be sealed with under the commitment policy {policy}")]
    Suite {
        /// The suite.
        suite: Suite,
        /// The policy.
        policy: CommitmentPolicy,
    },
    /// The suite is not approved, and the FIPS module is what computes: see [`is_fips`](crate::is_fips).
    #[error(
        "the suite {0} is not approved by FIPS 140, and this program computes with the FIPS module of AWS-LC; seal with a suite that commits"
    )]
    NotApproved(Suite),
    /// A signing suite without a signing key, a signing key without such a suite, or one of another curve.
    #[error("the suite {suite} and the signing key do not fit each other")]
    SigningKey {
        /// The suite.
        suite: Suite,
    },
}

/// Why something is not sealed. Nothing was written.
///
/// Only [`Random`](Self::Random) may pass by itself. After [`Cipher`](Self::Cipher) and [`Abandoned`](Self::Abandoned) a stream is over,
/// and what it wrote so far is no message.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum SealError {
    /// The format has no place for something.
    #[error(transparent)]
    Limit(#[from] LimitError),
    /// More plaintext than 2^32 - 1 frames of the frame length hold, or memory does.
    #[error("the message would have more than 4294967295 frames; take a longer frame length")]
    MessageTooLong,
    /// The buffer that was given is too short for what is to be written.
    #[error("what is written takes {needed} bytes, and the buffer has fewer; give a longer one")]
    BufferTooShort {
        /// The length of what is to be written, in bytes.
        needed: usize,
    },
    /// The operating system gave no random bytes.
    #[cfg(feature = "getrandom")]
    #[error("no random bytes: {0}; the operating system is at fault, nothing was sealed")]
    Random(RandomError),
    /// The cipher or the signature failed, which no input within the limits makes them do.
    #[error("the cipher failed; nothing was sealed, and the message cannot be continued")]
    Cipher,
    /// An earlier call failed, and the message cannot be continued without using a nonce twice.
    #[error("an earlier call on this message failed; start the message anew")]
    Abandoned,
}

/// The operating system's reason for giving no random bytes.
///
/// Nothing was sealed. It passes where a system has just started.
#[cfg(feature = "getrandom")]
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("{0}")]
pub struct RandomError(pub(crate) getrandom::Error);
