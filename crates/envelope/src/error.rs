//! What goes wrong in sealing and opening, and what to do next.
use thiserror::Error;

use crate::{Kind, LimitError, Rule};

/// The structure of a message is not that of the format. Seen without a key, so it says nothing about authenticity.
///
/// ```
/// # use datakey_envelope::{FormatError, Header, Rule};
/// let error = Header::decode(b"\x01\x80 some other format").unwrap_err();
/// assert_eq!(error, FormatError::Malformed { rule: Rule::Magic });
/// assert!(error.to_string().contains("rule H1"));
///
/// assert_eq!(Header::decode(b"\xdaKEY").unwrap_err(), FormatError::Truncated { missing: 60 });
/// ```
///
/// A stream reads on for [`Truncated`](Self::Truncated), and gives up for [`Malformed`](Self::Malformed), which says which rule of the
/// format is broken and what can be done: an unknown version or suite wants a newer release, and everything else was altered or is no
/// message.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum FormatError {
    /// The bytes end before the structure does. Nothing of what is there breaks a rule.
    #[error(
        "the message ends early ({rule}); at least {missing} more bytes are needed: {advice}",
        rule = Rule::Complete, advice = Rule::Complete.advice()
    )]
    Truncated {
        /// At least this many bytes are missing at the end. More may turn out to be missing once these are there.
        missing: u64,
    },
    /// A rule is broken, and more bytes would not mend it.
    #[error("the message is malformed ({rule}); {advice}", advice = .rule.advice())]
    Malformed {
        /// The rule.
        rule: Rule,
    },
}

impl FormatError {
    /// The rule of `docs/format.md` that is broken.
    ///
    /// A number of the text of the format, for whoever wrote the writer of a message that is refused.
    #[must_use]
    pub const fn rule(&self) -> Rule {
        match self {
            Self::Truncated { .. } => Rule::Complete,
            Self::Malformed { rule } => *rule,
        }
    }
}

/// Why a message does not open.
///
/// ```
/// # use datakey_envelope::OpenError;
/// assert!(OpenError::NotAuthentic.to_string().contains("not authentic"));
/// ```
///
/// | variant | what to do |
/// |---|---|
/// | [`Format`](Self::Format) | read on if it is truncated; otherwise as its rule advises |
/// | [`NotAuthentic`](Self::NotAuthentic) | do not use it: it was altered, or the data key, the encryption context or the associated data is another |
/// | [`Limit`](Self::Limit) | the data key is of another format |
/// | [`OtherKind`](Self::OtherKind) | take the call for records, or that for byte streams |
/// | [`OutOfRange`](Self::OutOfRange), [`NotAsPlanned`](Self::NotAsPlanned), [`BufferTooShort`](Self::BufferTooShort) | correct the call; nothing is wrong with the message |
///
/// Which of the parts that a message commits to is another is not said, as none can be told from the others.
///
/// ```
/// # #[cfg(all(feature = "getrandom", any(feature = "rustcrypto", feature = "aws-lc")))] {
/// # use datakey_envelope::{Params, SealingKey};
/// # use datakey_provider::{DataKey, DataKeyLength, EncryptionContext, WrappedKey, WrappedKeys};
/// # let data_key = DataKey::init(DataKeyLength::Bytes32, |bytes| bytes.fill(7));
/// # let wrapped = WrappedKeys::from(WrappedKey::new("local:dev", b"opaque".to_vec())?);
/// # let context = EncryptionContext::new([("tenant", "acme")])?;
/// # let sealing = SealingKey::new(&data_key, &wrapped, &context, &Params::new())?;
/// # let opening = datakey_envelope::OpeningKey::new(&data_key, &context)?;
/// use datakey_envelope::{Aad, Kind, Message, OpenError};
///
/// let mut batch = Vec::new();
/// sealing.seal_records(["order 1", "order 2"], Aad::EMPTY, &mut batch)?;
/// let message = Message::decode(&batch)?;
/// let refused = opening.open(&message, Aad::EMPTY, &mut Vec::new());
/// assert_eq!(refused, Err(OpenError::OtherKind { expected: Kind::Bytes, found: Kind::Records }));
/// # }
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum OpenError {
    /// The structure is not that of the format.
    #[error(transparent)]
    Format(#[from] FormatError),
    /// The message is not what was sealed. Which part differs is not told, as that would help a forger.
    #[error(
        "the message is not authentic: it was altered or cut short, or sealed under another data key, encryption \
         context or associated data; check those three, and do not use the message otherwise"
    )]
    NotAuthentic,
    /// The data key is none of this format.
    #[error(transparent)]
    Limit(#[from] LimitError),
    /// What was asked for lies outside the message. Nothing was opened.
    #[error("the message has {len} bytes or records, and what is asked for ends at {end}; ask for less")]
    OutOfRange {
        /// Where what was asked for ends: bytes of plaintext, or records.
        end: u64,
        /// How many there are.
        len: u64,
    },
    /// The bytes that were fetched are not as many as the plan names. Nothing was opened.
    #[error("{expected} bytes were planned and {found} were given; fetch exactly what the plan names")]
    NotAsPlanned {
        /// How many the plan names.
        expected: u64,
        /// How many were given.
        found: u64,
    },
    /// The buffer that was given is too short for the plaintext. Nothing was opened.
    #[error("the plaintext takes {needed} bytes, and the buffer has fewer; give a longer one")]
    BufferTooShort {
        /// The length of the plaintext, in bytes.
        needed: usize,
    },
    /// The message is of a suite that is not approved, and the FIPS module is what computes: see [`is_fips`](crate::is_fips). Nothing was
    /// opened.
    #[error(
        "the message is sealed with {suite}, which is not approved by FIPS 140, and this program computes with the FIPS module of AWS-LC; open it where that is not asked for, and seal it anew with AES-256-GCM"
    )]
    NotApproved {
        /// The suite of the message.
        suite: crate::Suite,
    },
    /// The message is sound so far, but of the other kind than the call is for.
    #[error("the message holds {found}, and this call opens {expected}; use the call for {found}")]
    OtherKind {
        /// What the call opens.
        expected: Kind,
        /// What the message is.
        found: Kind,
    },
}

/// Why something is not sealed. Nothing was written.
///
/// ```
/// # use datakey_envelope::SealError;
/// let error = SealError::RecordTooLong { len: 100, limit: 64 };
/// assert!(error.to_string().contains("100 bytes"));
/// ```
///
/// ```
/// # #[cfg(all(feature = "getrandom", any(feature = "rustcrypto", feature = "aws-lc")))] {
/// # use datakey_envelope::{Params, SealingKey};
/// # use datakey_provider::{DataKey, DataKeyLength, EncryptionContext, WrappedKey, WrappedKeys};
/// # let data_key = DataKey::init(DataKeyLength::Bytes32, |bytes| bytes.fill(7));
/// # let wrapped = WrappedKeys::from(WrappedKey::new("local:dev", b"opaque".to_vec())?);
/// # let context = EncryptionContext::new([("tenant", "acme")])?;
/// # let sealing = SealingKey::new(&data_key, &wrapped, &context, &Params::new())?;
/// # let opening = datakey_envelope::OpeningKey::new(&data_key, &context)?;
/// use datakey_envelope::{Aad, FrameLen, SealError};
///
/// let params = Params::new().with_record_limit(FrameLen::from_exponent(6)?);
/// let small = SealingKey::new(&data_key, &wrapped, &context, &params)?;
/// let mut batch = Vec::new();
/// let mut records = small.record_sealer(Aad::EMPTY, &mut batch)?;
/// let refused = records.push_record(&[0; 65], &mut batch);
/// assert!(matches!(refused, Err(SealError::RecordTooLong { len: 65, limit: 64 })));
/// records.push_record(&[0; 64], &mut batch)?; // the batch goes on without it
/// records.finish(&mut batch)?;
/// # }
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum SealError {
    /// The format has no place for the data key.
    #[error(transparent)]
    Limit(#[from] LimitError),
    /// More than [`MAX_MESSAGE_LEN`](crate::MAX_MESSAGE_LEN) bytes of plaintext.
    #[error("{}; {}", Rule::MessageLength, Rule::MessageLength.advice())]
    MessageTooLong,
    /// A record is longer than the record limit of the [`Params`](crate::Params).
    #[error(
        "a record has {len} bytes, and the limit of this sealing key is {limit}; raise it or split the record"
    )]
    RecordTooLong {
        /// Its length, in bytes.
        len: usize,
        /// The limit, in bytes.
        limit: usize,
    },
    /// The buffer that was given is too short for what is to be written.
    #[error("what is written takes {needed} bytes, and the buffer has fewer; give a longer one")]
    BufferTooShort {
        /// The length of what is to be written, in bytes.
        needed: usize,
    },
    /// A piece is not as long as it must be: whole frames where more comes after it, something where something came before it, and
    /// what was said of it before.
    #[error(
        "a piece has {len} bytes, which is not what was said of it, or not whole frames; cut the plaintext at multiples of the frame length"
    )]
    PieceLength {
        /// Its length, in bytes.
        len: usize,
    },
    /// More than [`MAX_RECORDS`](crate::MAX_RECORDS).
    #[error("{}; start another message", Rule::RecordCount)]
    TooManyRecords,
    /// The operating system gave no random bytes for the salt.
    #[cfg(feature = "getrandom")]
    #[error("no random bytes for the salt: {0}; the operating system is at fault, nothing was sealed")]
    Random(RandomError),
    /// The cipher refused, which no input within the limits of the format makes it do.
    #[error("the cipher failed; nothing was sealed, and the message cannot be continued")]
    Cipher,
    /// An earlier call failed, and the message cannot be continued without using a nonce twice.
    #[error("an earlier call on this message failed; start the message anew")]
    Abandoned,
}

/// The operating system's reason for giving no random bytes.
///
/// The message was not begun. It is worth trying again where a system has just started; a process that is confined away from its random
/// numbers will not get any.
#[cfg(feature = "getrandom")]
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("{0}")]
pub struct RandomError(pub(crate) getrandom::Error);
