//! The header: all that a reader needs before it has a key.
use alloc::{collections::BTreeSet, vec::Vec};
use core::fmt;

use datakey_provider::{ContextError, ContextMismatch, EncryptionContext, WrappedKey, WrappedKeys};

use crate::{
    AWS_KMS, ContextPairs, EncryptedDataKeys, Fault, FormatError, OpenError, OpenParams, PUBLIC_KEY,
    PublicKeyProblem, Suite, context,
    cursor::{Cursor, malformed},
    data_key::EncryptedDataKey,
};

/// The longest header, in bytes, if each of its parts were as long as its length can say.
///
/// Nobody writes one like that. A reader who sets a limit of encrypted data keys has a much lower bound: the context's 64 KiB, and for each
/// key what KMS makes, some hundred bytes.
pub const MAX_HEADER_LEN: u64 = 128 + 65_535 + 65_535 * (3 * (2 + 65_535));

const V1: u8 = 1;
const V2: u8 = 2;
const TYPE: u8 = 0x80;
const FRAMED: u8 = 2;
const NON_FRAMED: u8 = 1;
pub(crate) const IV_LEN: usize = 12;
pub(crate) const TAG_LEN: usize = 16;

/// Whether the bytes start as a message of the AWS Encryption SDK does. Three bytes decide; a message of `datakey-envelope`
/// starts with another one.
///
/// ```
/// assert!(datakey_esdk::is_esdk_message(b"\x02\x05\x78..."));
/// assert!(datakey_esdk::is_esdk_message(b"\x01\x80\x03..."));
/// assert!(!datakey_esdk::is_esdk_message(b"\xdaKEY\x01..."));
/// ```
#[must_use]
pub fn is_esdk_message(bytes: &[u8]) -> bool {
    matches!(bytes, [V1, TYPE, ..]) || matches!(bytes, [V2, 0..=0x07, ..])
}

/// How the content of a message is divided.
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
/// use datakey_esdk::{Content, Header};
///
/// let header = Header::decode(&sealed)?;
/// match header.content() {
///     Content::Framed { frame_len } => assert_eq!(frame_len, 4096), // what a stream of it keeps in memory
///     Content::NonFramed => unreachable!("it is read, and not written"),
///     _ => unreachable!("there is no other"),
/// }
/// # }
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Content {
    /// In frames of so many bytes, but for the last.
    Framed {
        /// The frame length, in bytes; at least one.
        frame_len: u32,
    },
    /// Not at all, as early versions did. Read, and not written.
    NonFramed,
}

/// A decoded header: a view of the bytes that it was decoded from, in which every rule has been checked.
///
/// Nothing in it is authenticated until a message opens: treat the context and the key ids as claims until then.
///
/// ```
/// use datakey_esdk::{FormatError, Header};
/// # let read = [2];
/// match Header::decode(&read) {
///     Ok(header) => println!("{} encrypted data keys", header.encrypted_data_keys().count()),
///     Err(FormatError::Truncated { missing }) => println!("read {missing} bytes more and try again"),
///     Err(other) => println!("{other}"),
/// }
/// ```
///
/// It borrows, so that looking at a header copies and allocates nothing; what is to outlive the bytes is taken out as an object, by
/// [`context`](Self::context) and [`wrapped_keys`](Self::wrapped_keys).
#[derive(Clone)]
pub struct Header<'a> {
    suite: Suite,
    message_id: &'a [u8],
    pairs: ContextPairs<'a>,
    data_keys: EncryptedDataKeys<'a>,
    content: Content,
    commitment: Option<&'a [u8; 32]>,
    body: &'a [u8],
    iv: [u8; IV_LEN],
    tag: &'a [u8; TAG_LEN],
    bytes: &'a [u8],
}

impl<'a> Header<'a> {
    /// Decodes the header at the front of `bytes`, which may hold more of the message, all of it, or too little.
    ///
    /// # Errors
    /// [`FormatError::Truncated`] says how many more bytes are needed at the least; [`FormatError::Malformed`] names the
    /// first rule that is broken.
    pub fn decode(bytes: &'a [u8]) -> Result<Self, FormatError> {
        Self::decode_within(bytes, usize::from(u16::MAX))
    }

    /// As [`decode`](Self::decode), for a reader that allows so many encrypted data keys and no more. Their number is looked at
    /// before any of them is.
    ///
    /// A header may claim 65,535 encrypted data keys, each of which a careless reader would have a key service look at. A reader knows how
    /// many its writers make:
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
    /// use datakey_esdk::{FormatError, Header};
    ///
    /// assert!(Header::decode_within(&sealed, 1).is_ok());
    /// let refused = Header::decode_within(&sealed, 0);
    /// assert!(matches!(refused, Err(FormatError::TooManyDataKeys { found: 1, limit: 0 })));
    /// # }
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// As `decode`, and [`FormatError::TooManyDataKeys`].
    pub fn decode_within(bytes: &'a [u8], max_data_keys: usize) -> Result<Self, FormatError> {
        let mut cursor = Cursor(bytes);
        let version = cursor.u8()?;
        match version {
            V1 if cursor.u8()? != TYPE => return Err(malformed(Fault::Type)),
            V1 | V2 => {}
            _ => return Err(malformed(Fault::Version)),
        }
        let suite = Suite::from_id(cursor.u16()?).filter(|suite| suite.is_committing() == (version == V2));
        let suite = suite.ok_or(malformed(Fault::Suite))?;
        let message_id = cursor.take(suite.message_id_len())?;
        let pairs = context::decode(&mut cursor)?;
        let data_keys = data_keys(&mut cursor, max_data_keys)?;
        let content_type = cursor.u8()?;
        if !matches!(content_type, FRAMED | NON_FRAMED) {
            return Err(malformed(Fault::ContentType));
        }
        if version == V1 {
            if cursor.u32()? != 0 {
                return Err(malformed(Fault::Reserved));
            }
            if usize::from(cursor.u8()?) != IV_LEN {
                return Err(malformed(Fault::IvLength));
            }
        }
        let content = match (content_type, cursor.u32()?) {
            (FRAMED, frame_len @ 1..) => Content::Framed { frame_len },
            (NON_FRAMED, 0) => Content::NonFramed,
            _ => return Err(malformed(Fault::FrameLength)),
        };
        let commitment = if version == V2 {
            Some(cursor.array()?)
        } else {
            None
        };
        let body_len = bytes.len().saturating_sub(cursor.0.len());
        let iv = if version == V1 {
            *cursor.array()?
        } else {
            [0; IV_LEN]
        };
        let tag = cursor.array()?;
        let len = bytes.len().saturating_sub(cursor.0.len());
        Ok(Self {
            suite,
            message_id,
            pairs,
            data_keys,
            content,
            commitment,
            body: bytes.get(..body_len).unwrap_or_default(),
            iv,
            tag,
            bytes: bytes.get(..len).unwrap_or_default(),
        })
    }

    /// The suite.
    #[must_use]
    pub const fn suite(&self) -> Suite {
        self.suite
    }

    /// The version of the header: 2 for the suites that commit, 1 for the others.
    ///
    /// It follows from the suite, and is not chosen.
    #[must_use]
    pub const fn version(&self) -> u8 {
        if self.suite.is_committing() { V2 } else { V1 }
    }

    /// The message id: 32 random bytes, 16 in version 1.
    ///
    /// It is drawn anew for each message, so that as an id in a log it tells messages apart, and it is no secret.
    #[must_use]
    pub const fn message_id(&self) -> &'a [u8] {
        self.message_id
    }

    /// How the content is divided.
    #[must_use]
    pub const fn content(&self) -> Content {
        self.content
    }

    /// The commitment to the data key, for the suites that have one.
    #[must_use]
    pub const fn commitment(&self) -> Option<&'a [u8; 32]> {
        self.commitment
    }

    /// The pairs of the encryption context that the message stores, in the order in which they stand there. A signed message
    /// has its public key among them.
    #[must_use]
    pub fn context_pairs(&self) -> ContextPairs<'a> {
        self.pairs.clone()
    }

    /// Whether the message stores exactly this encryption context.
    ///
    /// For readers that know what a message should be about: compare before a call is made. It is a claim until the header's tag is
    /// checked.
    #[must_use]
    pub fn has_context(&self, context: &EncryptionContext) -> bool {
        self.pairs.is_encoding_of(context)
    }

    /// The encryption context that the message stores, as an object, for a provider.
    ///
    /// # Errors
    /// [`ContextError`] if the pairs were no context, which decoding has ruled out.
    pub fn context(&self) -> Result<EncryptionContext, ContextError> {
        EncryptionContext::new(self.context_pairs())
    }

    /// The encryption context to unwrap the data key with, for a reader who expects these pairs: what the message stores, and the
    /// expected pairs that it does not store, which are then *required*: a message for which they were not authenticated does
    /// not open.
    ///
    /// Pairs of the format's own need not be expected. Expecting nothing is only met by a message that stores no other pairs.
    ///
    /// Source: "required encryption context" in the specification of the AWS Encryption SDK.
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
    /// use datakey_esdk::Header;
    ///
    /// let header = Header::decode(&sealed)?;
    /// // A part of what is stored is enough, and what is unwrapped with is the whole.
    /// let stored = header.context_expecting(&EncryptionContext::new([("tenant", "acme")])?)?;
    /// assert_eq!(stored, context);
    /// // Another tenant's message is refused before anybody is asked for its key.
    /// assert!(header.context_expecting(&EncryptionContext::new([("tenant", "umbrella")])?).is_err());
    /// // What the message does not store is taken for required, and fails when the message is opened.
    /// let more = header.context_expecting(&EncryptionContext::new([("tenant", "acme"), ("region", "eu")])?)?;
    /// assert_eq!(more.get("region"), Some("eu"));
    /// # }
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// [`ContextMismatch`] for a pair that the message stores with another value, or where it stores pairs and none is expected.
    pub fn context_expecting(
        &self,
        expected: &EncryptionContext,
    ) -> Result<EncryptionContext, ContextMismatch> {
        if self.has_context(expected) {
            return Ok(expected.clone());
        }
        // Decoding has checked the pairs.
        let stored = self.context().unwrap_or_default();
        if expected.is_empty() {
            let pairs = stored.iter().filter(|(key, _)| !context::is_reserved(key));
            return match pairs.count() {
                0 => Ok(stored),
                pairs => Err(ContextMismatch::NothingExpected { pairs }),
            };
        }
        let mut required = Vec::new();
        for (key, value) in expected.iter() {
            match stored.get(key) {
                Some(own) if own == value => {}
                Some(_) => return Err(ContextMismatch::OtherValue { key: key.into() }),
                None if context::is_reserved(key) => {
                    return Err(ContextMismatch::Missing { key: key.into() });
                }
                None => required.push((key, value)),
            }
        }
        if required.is_empty() {
            return Ok(stored);
        }
        Ok(EncryptionContext::new(stored.iter().chain(required)).unwrap_or_default())
    }

    /// Whether a reader would refuse the message whatever its data key: to be asked before a key service is.
    ///
    /// # Errors
    /// [`OpenError::Policy`], and [`OpenError::PublicKey`] where a signed message has no public key, or one that is not signed
    /// has one.
    pub fn check(&self, params: &OpenParams) -> Result<(), OpenError> {
        let (suite, policy) = (self.suite, params.commitment_policy());
        if !policy.allows_opening(suite) {
            return Err(OpenError::Policy { suite, policy });
        }
        let found = self.context_pairs().any(|(key, _)| key == PUBLIC_KEY);
        let problem = match (found, suite.is_signed()) {
            (true, true) | (false, false) => return Ok(()),
            (false, true) => PublicKeyProblem::Missing,
            (true, false) => PublicKeyProblem::Unexpected,
        };
        Err(OpenError::PublicKey { suite, problem })
    }

    /// As [`check`](Self::check), for a reader who opens the message as a stream.
    ///
    /// ```
    /// # #[cfg(all(feature = "getrandom", any(feature = "rustcrypto", feature = "aws-lc")))] {
    /// # use datakey_provider::{DataKey, EncryptionContext, WrappedKey};
    /// # let params = datakey_esdk::Params::new();
    /// # let own = EncryptionContext::new([("tenant", "acme")])?;
    /// # let signing = datakey_esdk::SigningKey::generate(params.suite())?;
    /// # let context = datakey_esdk::context_with_public_key(&own, signing.as_ref())?;
    /// # let data_key = DataKey::init(params.suite().data_key_length(), |bytes| bytes.fill(7));
    /// # let wrapped = WrappedKey::new("arn:aws:kms:eu-central-1:111122223333:key/1", b"opaque".to_vec())?.into();
    /// # let sealing = datakey_esdk::SealingKey::new(&data_key, &wrapped, &context, signing, &params)?;
    /// # let mut sealed = Vec::new();
    /// # sealing.seal(b"one order", &mut sealed)?;
    /// use datakey_esdk::{Header, OpenError, OpenParams};
    ///
    /// let header = Header::decode(&sealed)?;
    /// assert!(header.check(&OpenParams::new()).is_ok()); // as a whole it opens
    /// let refused = header.check_stream(&OpenParams::new());
    /// assert!(matches!(refused, Err(OpenError::SignedStream(_))));
    /// assert!(header.check_stream(&OpenParams::new().danger_release_before_signature()).is_ok());
    /// # }
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// As `check`, and [`OpenError::SignedStream`] for a signed message unless
    /// [`danger_release_before_signature`](OpenParams::danger_release_before_signature) was said.
    pub fn check_stream(&self, params: &OpenParams) -> Result<(), OpenError> {
        if self.suite.is_signed() && !params.releases_before_signature() {
            return Err(OpenError::SignedStream(self.suite));
        }
        self.check(params)
    }

    /// The encrypted data keys, in order, without allocating.
    #[must_use]
    pub fn encrypted_data_keys(&self) -> EncryptedDataKeys<'a> {
        self.data_keys.clone()
    }

    /// The encrypted data keys as wrapped keys, for a provider: those that may be wrapped keys, each once. `None` if none may
    /// be one.
    ///
    /// Where one of AWS KMS does not name a key by its ARN, none of AWS KMS is among them: the AWS KMS keyrings refuse such a
    /// message, and those of other keys may open it.
    ///
    /// Source: `OnDecrypt` of the AWS KMS keyrings in the specification of the AWS Encryption SDK.
    #[must_use]
    pub fn wrapped_keys(&self) -> Option<WrappedKeys> {
        let without_kms = self.encrypted_data_keys().any(|key| key.is_misnamed());
        let keys = self
            .encrypted_data_keys()
            .filter(|key| !without_kms || key.provider_id() != AWS_KMS)
            .filter_map(|key| key.to_wrapped_key());
        let mut keys: Vec<WrappedKey> = keys.collect();
        if keys.len() > 1 {
            let mut seen = BTreeSet::new();
            keys.retain(|key| seen.insert(key.digest()));
        }
        WrappedKeys::new(keys).ok()
    }

    /// The header's own bytes, its tag included.
    #[must_use]
    pub const fn as_bytes(&self) -> &'a [u8] {
        self.bytes
    }

    /// The length of the header: where the body starts.
    #[must_use]
    #[expect(clippy::len_without_is_empty, reason = "a header is never empty")]
    pub const fn len(&self) -> usize {
        self.bytes.len()
    }

    /// What the tag authenticates.
    pub(crate) const fn authenticated(&self) -> &'a [u8] {
        self.body
    }

    pub(crate) const fn iv(&self) -> &[u8; IV_LEN] {
        &self.iv
    }

    pub(crate) const fn tag(&self) -> &'a [u8; TAG_LEN] {
        self.tag
    }
}

fn data_keys<'a>(cursor: &mut Cursor<'a>, limit: usize) -> Result<EncryptedDataKeys<'a>, FormatError> {
    let found = usize::from(cursor.u16()?);
    if found == 0 {
        return Err(malformed(Fault::DataKeyCount));
    }
    if found > limit {
        return Err(FormatError::TooManyDataKeys { found, limit });
    }
    let start = cursor.0;
    for left in (0..found).rev() {
        // Told what all of them take at the least, whoever reads from a stream comes back a few times, and not for each.
        EncryptedDataKey::decode(cursor).map_err(|error| with_more(error, left))?;
    }
    let len = start.len().saturating_sub(cursor.0.len());
    Ok(EncryptedDataKeys(Cursor(start.get(..len).unwrap_or_default())))
}

/// A truncated header lacks so many encrypted data keys too, each of three fields with a length, and what is behind them.
fn with_more(error: FormatError, data_keys: usize) -> FormatError {
    const LEAST_DATA_KEY: u64 = 3 * 2;
    const LEAST_REST: u64 = 38;
    let FormatError::Truncated { missing } = error else {
        return error;
    };
    let others = u64::try_from(data_keys)
        .unwrap_or_default()
        .saturating_mul(LEAST_DATA_KEY);
    FormatError::Truncated {
        missing: missing.saturating_add(others).saturating_add(LEAST_REST),
    }
}

impl fmt::Debug for Header<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Header")
            .field("suite", &self.suite)
            .field("content", &self.content)
            .field("context", &self.pairs)
            .field("encrypted_data_keys", &self.data_keys)
            .field("len", &self.len())
            .finish_non_exhaustive()
    }
}

/// What stands in front of the message id of a header.
pub(crate) fn encode_start(suite: Suite, out: &mut Vec<u8>) {
    if suite.is_committing() {
        out.push(V2);
    } else {
        out.extend_from_slice(&[V1, TYPE]);
    }
    out.extend_from_slice(&suite.id().to_be_bytes());
}

/// What stands behind the encrypted data keys of a header, before its commitment or its IV.
pub(crate) fn encode_content(suite: Suite, frame_len: u32, out: &mut Vec<u8>) {
    out.push(FRAMED);
    if !suite.is_committing() {
        out.extend_from_slice(&[0, 0, 0, 0, 12]);
    }
    out.extend_from_slice(&frame_len.to_be_bytes());
}
