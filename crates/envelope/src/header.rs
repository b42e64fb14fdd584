//! The header: all that a reader needs before it has a key.
use alloc::vec::Vec;
use core::fmt;

use datakey_provider::{EncryptionContext, WrappedKey, WrappedKeys};

use crate::{
    ContextPairs, FormatError, FrameLen, Kind, MAGIC, Rule, SALT_LEN, Suite, WrappedKeyRefs,
    cursor::Cursor,
    fixed::{FIXED_LEN, Fixed},
    geometry, read,
};

/// The longest header, in bytes: the longest encryption context and 16 of the longest wrapped keys.
///
/// A reader that fetches this much of a stored object needs no second look; most headers have some hundred bytes, and a kilobyte is enough
/// for those.
pub const MAX_HEADER_LEN: usize = 64 + 2 + 4096 + 1 + 16 * (1 + 255 + 2 + 6144);

/// Whether the bytes start as a datakey message does, of whichever version. Four bytes decide.
///
/// ```
/// assert!(datakey_envelope::is_datakey_message(b"\xdaKEY\x01..."));
/// assert!(!datakey_envelope::is_datakey_message(b"\x02\x04x"));
/// ```
///
/// A file of another kind is told from a damaged message by it, before anything else is looked at: a tool that reads both formats of the
/// workspace asks both crates.
#[must_use]
pub fn is_datakey_message(bytes: &[u8]) -> bool {
    bytes.starts_with(&MAGIC)
}

/// A decoded header: a view of the bytes that it was decoded from, in which every rule has been checked. Decoding
/// allocates nothing.
///
/// Nothing in it is authenticated until a message opens: treat the context and the key ids as claims until then.
///
/// ```
/// use datakey_envelope::{FormatError, Header};
/// # let read = [0xDA];
/// match Header::decode(&read) {
///     Ok(header) => println!("{} wrapped keys", header.wrapped_key_refs().count()),
///     Err(FormatError::Truncated { missing }) => println!("read {missing} bytes more and try again"),
///     Err(malformed) => println!("{malformed}"),
/// }
/// ```
///
/// # Looking without a key
///
/// Routing a message, listing which keys an archive needs, or telling how long a plaintext is, takes no key: suite, kind, frame length,
/// context and wrapped keys are in the clear. All of it is a claim of whoever wrote the message. In a stream, read [`MAX_HEADER_LEN`] bytes
/// at the most; as soon as there are enough, decoding succeeds.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Header<'a> {
    pub(crate) suite: Suite,
    pub(crate) kind: Kind,
    pub(crate) frame_len: FrameLen,
    pub(crate) salt: &'a [u8; SALT_LEN],
    pub(crate) commitment: &'a [u8; 32],
    pub(crate) context: &'a [u8],
    pub(crate) keys: &'a [u8],
    pub(crate) shared: &'a [u8],
    pub(crate) bytes: &'a [u8],
}

impl<'a> Header<'a> {
    /// Decodes the header at the front of `bytes`, which may hold more of the message, all of it, or too little.
    ///
    /// # Errors
    /// [`FormatError::Truncated`] says how many more bytes are needed at the least; [`MAX_HEADER_LEN`] bytes are
    /// always enough. [`FormatError::Malformed`] names the first rule that is broken.
    pub fn decode(bytes: &'a [u8]) -> Result<Self, FormatError> {
        let mut cursor = Cursor(bytes);
        let fixed = Fixed::decode(&mut cursor)?;
        let shared = cursor.0;
        let context = read::context(&mut cursor)?;
        let keys = read::wrapped_keys(&mut cursor)?;
        let shared_len = shared.len().saturating_sub(cursor.0.len());
        let len = FIXED_LEN.saturating_add(shared_len);
        Ok(Self {
            suite: fixed.suite,
            kind: fixed.kind,
            frame_len: fixed.frame_len,
            salt: fixed.salt,
            commitment: fixed.commitment,
            context,
            keys,
            shared: shared.get(..shared_len).unwrap_or_default(),
            bytes: bytes.get(..len).unwrap_or_default(),
        })
    }

    /// The suite.
    #[must_use]
    pub const fn suite(&self) -> Suite {
        self.suite
    }

    /// Byte stream or records.
    ///
    /// A reader that takes one kind only looks here before it fetches the rest.
    #[must_use]
    pub const fn kind(&self) -> Kind {
        self.kind
    }

    /// The frame length of a byte stream; the limit of a record's length.
    ///
    /// It bounds what a reader has in memory at once. It is bound to the data key with the rest of the header, so a message that opens has
    /// it as sealed.
    #[must_use]
    pub const fn frame_len(&self) -> FrameLen {
        self.frame_len
    }

    /// The salt, 24 bytes.
    ///
    /// It is drawn for each message, so it serves as an id that tells two messages of one data key apart; it is no secret.
    #[must_use]
    pub const fn salt(&self) -> &'a [u8; SALT_LEN] {
        self.salt
    }

    /// The commitment to data key, header, encryption context and associated data, 32 bytes.
    ///
    /// It is what opening compares first: another data key, context or associated data is refused before a frame is looked at.
    #[must_use]
    pub const fn commitment(&self) -> &'a [u8; 32] {
        self.commitment
    }

    /// The pairs of the encryption context, in order, without allocating.
    #[must_use]
    pub const fn context_pairs(&self) -> ContextPairs<'a> {
        ContextPairs(Cursor(self.context))
    }

    /// Whether the message claims this encryption context, by comparison of the encodings.
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
    /// use datakey_envelope::{Aad, Header};
    ///
    /// let mut sealed = Vec::new();
    /// sealing.seal(b"one order", Aad::EMPTY, &mut sealed)?;
    /// let header = Header::decode(&sealed)?;
    /// // What a cache of opening keys asks first: no pair is taken out, and nothing allocated.
    /// assert!(header.has_context(&context));
    /// assert!(!header.has_context(&EncryptionContext::empty()));
    /// assert_eq!(header.context_pairs().collect::<Vec<_>>(), [("tenant", "acme")]);
    /// # }
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub fn has_context(&self, context: &EncryptionContext) -> bool {
        // Not left to the comparison of bytes: that of two slices that are empty reads under an empty mask where no memory
        // is, which takes some processors as long as a hash.
        (self.context.is_empty() && context.is_empty()) || self.context == context.encoded()
    }

    /// The encryption context as an object, for a provider.
    ///
    /// # Errors
    /// [`FormatError::Malformed`] if the pairs were no context, which decoding has ruled out.
    pub fn context(&self) -> Result<EncryptionContext, FormatError> {
        EncryptionContext::new(self.context_pairs()).map_err(|_ruled_out| FormatError::Malformed {
            rule: Rule::ContextEnd,
        })
    }

    /// The wrapped keys, in order, without allocating.
    #[must_use]
    pub const fn wrapped_key_refs(&self) -> WrappedKeyRefs<'a> {
        WrappedKeyRefs(Cursor(self.keys))
    }

    /// The wrapped keys as an object, for a provider.
    ///
    /// # Errors
    /// [`FormatError::Malformed`] if they were none, which decoding has ruled out.
    pub fn wrapped_keys(&self) -> Result<WrappedKeys, FormatError> {
        let ruled_out = |rule| FormatError::Malformed { rule };
        let keys: Result<Vec<_>, _> = self
            .wrapped_key_refs()
            .map(|key| WrappedKey::new(key.key_id, key.blob))
            .collect();
        let keys = keys.map_err(|_error| ruled_out(Rule::KeyIdText))?;
        WrappedKeys::new(keys).map_err(|_error| ruled_out(Rule::WrappedKeyTwice))
    }

    /// The encoded context and wrapped keys: the same bytes in all messages of one data key, which makes them a key
    /// to look an opening key up by. Not authenticated.
    ///
    /// Two messages with the same shared part have the same wrapped keys and the same context, so that what one of them needed to be opened
    /// will do for the other, if its commitment agrees.
    #[must_use]
    pub const fn shared_part(&self) -> &'a [u8] {
        self.shared
    }

    /// The header's own bytes.
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

    /// The length of the plaintext, told from the length of the whole message; `None` for records, whose lengths
    /// stand at their end. A claim until the message opens.
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
    /// use datakey_envelope::{Aad, Header};
    ///
    /// let mut object = Vec::new();
    /// sealing.seal(&[7; 100_000], Aad::EMPTY, &mut object)?;
    /// // From the first kilobyte of a stored object and its length, as a listing tells it.
    /// let header = Header::decode(&object[..1024])?;
    /// assert_eq!(header.plain_len(object.len() as u64)?, Some(100_000));
    /// # }
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// [`FormatError`] when no byte stream with this header has that length.
    pub fn plain_len(&self, message_len: u64) -> Result<Option<u64>, FormatError> {
        if self.kind != Kind::Bytes {
            return Ok(None);
        }
        let header_len = u64::try_from(self.len()).unwrap_or(u64::MAX);
        geometry::plain_len(message_len.saturating_sub(header_len), self.frame_len).map(Some)
    }

    /// Encodes what was decoded, appending to `out`; the result equals [`as_bytes`](Self::as_bytes).
    ///
    /// # Errors
    /// As [`context`](Self::context) and [`wrapped_keys`](Self::wrapped_keys).
    pub fn encode(&self, out: &mut Vec<u8>) -> Result<(), FormatError> {
        let (context, keys) = (self.context()?, self.wrapped_keys()?);
        let fixed = Fixed {
            suite: self.suite,
            kind: self.kind,
            frame_len: self.frame_len,
            salt: self.salt,
            commitment: self.commitment,
        };
        fixed.encode(out).unwrap_or_default();
        encode_shared(&context, &keys, out);
        Ok(())
    }
}

impl fmt::Debug for Header<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Header")
            .field("suite", &self.suite)
            .field("kind", &self.kind)
            .field("frame_len", &self.frame_len)
            .field("context", &self.context_pairs())
            .field("wrapped_keys", &self.wrapped_key_refs())
            .field("len", &self.len())
            .finish_non_exhaustive()
    }
}

/// A message whose header is decoded: the header, and the body after it.
///
/// ```
/// # use datakey_envelope::{FormatError, Message};
/// assert!(matches!(Message::decode(b""), Err(FormatError::Truncated { .. })));
/// ```
///
/// It borrows the bytes and copies nothing. That there is a body of the right length is looked at when it is opened.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Message<'a> {
    header: Header<'a>,
    body: &'a [u8],
}

impl<'a> Message<'a> {
    /// Decodes the header of a whole message. The body is checked when it is opened.
    ///
    /// # Errors
    /// As [`Header::decode`].
    pub fn decode(bytes: &'a [u8]) -> Result<Self, FormatError> {
        let header = Header::decode(bytes)?;
        let body = bytes.get(header.len()..).unwrap_or_default();
        Ok(Self { header, body })
    }

    /// The header.
    #[must_use]
    pub const fn header(&self) -> &Header<'a> {
        &self.header
    }

    /// The frames, and for records what ends them.
    #[must_use]
    pub const fn body(&self) -> &'a [u8] {
        self.body
    }
}

/// The part that repeats in all messages of one data key. Its parts were checked when they were made.
pub(crate) fn encode_shared(context: &EncryptionContext, keys: &WrappedKeys, out: &mut Vec<u8>) {
    out.extend_from_slice(&len_u16(context.encoded()));
    out.extend_from_slice(context.encoded());
    out.push(len_u8(keys.as_slice().len()));
    for key in keys {
        out.push(len_u8(key.key_id().len()));
        out.extend_from_slice(key.key_id().as_bytes());
        out.extend_from_slice(&len_u16(key.blob()));
        out.extend_from_slice(key.blob());
    }
}

fn len_u16(bytes: &[u8]) -> [u8; 2] {
    u16::try_from(bytes.len()).unwrap_or(u16::MAX).to_be_bytes()
}

fn len_u8(len: usize) -> u8 {
    u8::try_from(len).unwrap_or(u8::MAX)
}
