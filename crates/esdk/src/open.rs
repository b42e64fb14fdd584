//! Opening: material prepared once per data key, then messages.
use alloc::vec::Vec;
use core::{fmt, ops::Range};

use datakey_provider::{DataKey, EncryptionContext};
use subtle::ConstantTimeEq as _;
use zeroize::Zeroize as _;

use crate::{
    FormatError, Header, OpenError, OpenParams, PUBLIC_KEY, PublicKeyProblem, Suite,
    body::{self, Layout, Pieces},
    cipher::Cipher,
    context, fips,
    schedule::MessageSecrets,
    sign::{Hasher, VerifyingKey},
    suite::Curve,
};

mod frames;
mod stream;

use frames::FrameOpener;
pub use stream::StreamOpener;

/// A message whose header is decoded: the header, and the body after it.
///
/// For messages that are in memory as a whole. One that arrives in portions is decoded as a [`Header`] and opened by a [`StreamOpener`].
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
/// use datakey_esdk::{FormatError, Message};
///
/// let message = Message::decode(&sealed)?;
/// assert_eq!(message.plain_len()?, 9); // to make room; a claim still
/// assert_eq!(message.header().len() + message.body().len(), sealed.len());
///
/// // A download that broke off says how much is missing at the least.
/// let cut = Message::decode(&sealed[..sealed.len() - 1])?;
/// assert_eq!(cut.plain_len(), Err(FormatError::Truncated { missing: 1 }));
/// # }
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone)]
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
        Header::decode(bytes).map(|header| Self::of(header, bytes))
    }

    /// As [`decode`](Self::decode), with a reader's limit of encrypted data keys.
    ///
    /// # Errors
    /// As [`Header::decode_within`].
    ///
    /// A reader of messages from elsewhere sets a limit: each encrypted data key may cost a call.
    pub fn decode_within(bytes: &'a [u8], max_data_keys: usize) -> Result<Self, FormatError> {
        Header::decode_within(bytes, max_data_keys).map(|header| Self::of(header, bytes))
    }

    fn of(header: Header<'a>, bytes: &'a [u8]) -> Self {
        let body = bytes.get(header.len()..).unwrap_or_default();
        Self { header, body }
    }

    /// The header.
    #[must_use]
    pub const fn header(&self) -> &Header<'a> {
        &self.header
    }

    /// What follows the header.
    #[must_use]
    pub const fn body(&self) -> &'a [u8] {
        self.body
    }

    /// The length of the plaintext, by the structure of the body: a claim until the message opens.
    ///
    /// # Errors
    /// [`FormatError`] when the body is not whole, or broken.
    pub fn plain_len(&self) -> Result<usize, FormatError> {
        Ok(self.layout()?.plain_len)
    }

    fn layout(&self) -> Result<Layout<'a>, FormatError> {
        body::layout(self.body, self.header.content(), self.header.suite().is_signed())
    }
}

/// What an encryption context has as a public key.
enum PublicKey {
    None,
    Key(VerifyingKey),
    Malformed,
}

/// A data key prepared for opening: the data key, and the public key that its signed messages are verified with.
///
/// Make one per data key and encryption context and share it behind an `Arc`; it opens from any number of threads at once. What
/// it holds is as secret as the data key, is wiped when dropped, and is not shown by `Debug`.
///
/// # Several messages, several suites
///
/// It opens every message that was sealed under its data key with its encryption context, of whatever suite takes a data key of that
/// length. Signed and unsigned messages have different contexts, as the public key is one of the pairs, and so a key each.
pub struct OpeningKey {
    data_key: DataKey,
    context: EncryptionContext,
    public: PublicKey,
}

impl OpeningKey {
    /// Prepares a data key. The context is the one that it was unwrapped with: what the message stores, and the pairs that it
    /// does not store.
    #[must_use]
    pub fn new(data_key: &DataKey, context: &EncryptionContext) -> Self {
        let bytes = data_key.expose_secret();
        let public = match context.get(PUBLIC_KEY) {
            None => PublicKey::None,
            // The two curves differ in the length of their points.
            Some(text) => [Curve::P384, Curve::P256]
                .into_iter()
                .find_map(|curve| VerifyingKey::parse(curve, text))
                .map_or(PublicKey::Malformed, PublicKey::Key),
        };
        Self {
            data_key: DataKey::init(data_key.length(), |own| own.copy_from_slice(bytes)),
            context: context.clone(),
            public,
        }
    }

    /// The encryption context.
    ///
    /// With it a cache finds the key again; it has the format's own pairs too.
    #[must_use]
    pub const fn context(&self) -> &EncryptionContext {
        &self.context
    }

    /// Names the memory on the heap in which this key holds its data key until it is dropped, for whoever locks pages. Only
    /// addresses: nothing is read.
    pub fn secret_memory(&self, visit: &mut dyn FnMut(Range<*const u8>)) {
        visit(self.data_key.expose_secret().as_ptr_range());
    }

    /// Opens a whole message and appends its plaintext to `out`: all of it, once everything is verified, or nothing.
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
    /// let (message, params) = (Message::decode(&sealed)?, OpenParams::new());
    /// let mut opened = b"kept: ".to_vec();
    /// let other = DataKey::init(DataKeyLength::Bytes32, |bytes| bytes.fill(8));
    /// let refused = OpeningKey::new(&other, &context).open(&message, &params, &mut opened);
    /// assert!(matches!(refused, Err(OpenError::Commitment))); // another data key: try the message's next one
    ///
    /// let elsewhere = EncryptionContext::new([("tenant", "umbrella")])?;
    /// let refused = OpeningKey::new(&data_key, &elsewhere).open(&message, &params, &mut opened);
    /// assert!(matches!(refused, Err(OpenError::NotAuthentic)));
    ///
    /// assert_eq!(opened, b"kept: "); // nothing of either came out
    /// OpeningKey::new(&data_key, &context).open(&message, &params, &mut opened)?;
    /// assert_eq!(opened, b"kept: one order");
    /// # }
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// [`OpenError`]; `out` is then as before.
    pub fn open(
        &self,
        message: &Message<'_>,
        params: &OpenParams,
        out: &mut Vec<u8>,
    ) -> Result<(), OpenError> {
        let opening = self.begin(message.header(), params)?;
        let layout = message.layout()?;
        let start = out.len();
        let end = start
            .checked_add(layout.plain_len)
            .ok_or(OpenError::NotAuthentic)?;
        out.resize(end, 0);
        let room = out.get_mut(start..).unwrap_or_default();
        let opened = opening.whole(message, &layout, room);
        if opened.is_err() {
            room.zeroize();
            out.truncate(start);
        }
        opened
    }

    /// Opens a whole message into the front of `out`, and returns the length of its plaintext, which is
    /// [`Message::plain_len`].
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
    /// let (message, opening) = (Message::decode(&sealed)?, OpeningKey::new(&data_key, &context));
    /// let mut short = [0; 4];
    /// let refused = opening.open_into(&message, &OpenParams::new(), &mut short);
    /// assert!(matches!(refused, Err(OpenError::BufferTooShort { needed: 9 })));
    /// let mut room = [0; 64]; // a buffer of one's own, without any allocation
    /// let len = opening.open_into(&message, &OpenParams::new(), &mut room)?;
    /// assert_eq!(&room[..len], b"one order");
    /// # }
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// [`OpenError`]; what is found before anything is written, such as [`OpenError::BufferTooShort`], leaves `out` as it
    /// was, and a failure after that wipes it.
    pub fn open_into(
        &self,
        message: &Message<'_>,
        params: &OpenParams,
        out: &mut [u8],
    ) -> Result<usize, OpenError> {
        let opening = self.begin(message.header(), params)?;
        let layout = message.layout()?;
        let needed = layout.plain_len;
        let room = out
            .get_mut(..needed)
            .ok_or(OpenError::BufferTooShort { needed })?;
        let opened = opening.whole(message, &layout, room);
        if opened.is_err() {
            room.zeroize();
        }
        opened.map(|()| needed)
    }

    /// Whether a message is sealed under this data key, with this encryption context, as far as its header tells: by its
    /// commitment and its header's tag. Nothing is said about its body.
    ///
    /// This is what a cache of data keys asks to find the one of several that is the message's, before a body that may be long is read.
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
    /// use datakey_esdk::{Header, OpenParams, OpeningKey};
    ///
    /// let header = Header::decode(&sealed)?;
    /// let keys = [8, 7].map(|byte| DataKey::init(DataKeyLength::Bytes32, |bytes| bytes.fill(byte)));
    /// let own = keys.iter().position(|key| {
    ///     OpeningKey::new(key, &context).check_header(&header, &OpenParams::new()).is_ok()
    /// });
    /// assert_eq!(own, Some(1));
    /// # }
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// [`OpenError`].
    pub fn check_header(&self, header: &Header<'_>, params: &OpenParams) -> Result<(), OpenError> {
        self.begin(header, params).map(|_opening| ())
    }

    /// Opens a message whose body arrives in portions.
    ///
    /// # Errors
    /// [`OpenError`], for a signed message unless
    /// [`danger_release_before_signature`](OpenParams::danger_release_before_signature) was said.
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
    /// use datakey_esdk::{Header, OpenError, OpenParams, OpeningKey};
    ///
    /// let header = Header::decode(&sealed)?;
    /// let opening = OpeningKey::new(&data_key, &context);
    /// let mut stream = opening.stream_opener(&header, &OpenParams::new())?;
    /// let mut out = Vec::new();
    /// stream.push(&sealed[header.len()..sealed.len() - 1], &mut out)?; // a connection that broke off
    /// assert!(matches!(stream.finish(), Err(OpenError::Format(_)))); // said at the end, whatever came out before
    /// # }
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn stream_opener(&self, header: &Header<'_>, params: &OpenParams) -> Result<StreamOpener, OpenError> {
        header.check_stream(params)?;
        let opening = self.begin(header, params)?;
        Ok(StreamOpener::new(
            opening.frames,
            header,
            self.signature_of(header)?,
            params,
        ))
    }

    /// Derives a message's secrets and verifies its commitment and its header.
    fn begin(&self, header: &Header<'_>, params: &OpenParams) -> Result<Opening<'_>, OpenError> {
        let (suite, policy) = (header.suite(), params.commitment_policy());
        if !fips::permits(suite) {
            return Err(OpenError::NotApproved { suite });
        }
        if !policy.allows_opening(suite) {
            return Err(OpenError::Policy { suite, policy });
        }
        let found = self.data_key.length();
        if found != suite.data_key_length() {
            return Err(OpenError::DataKeyLength { suite, found });
        }
        let public = self.public_key(suite)?;
        let withheld = self.withheld(header)?;
        let mut secrets = MessageSecrets::empty();
        secrets.derive(suite, self.data_key.expose_secret(), header.message_id());
        if let Some(commitment) = header.commitment()
            && !bool::from(commitment.ct_eq(secrets.commitment()))
        {
            return Err(OpenError::Commitment);
        }
        let cipher = Cipher::new(secrets.key()).map_err(|_refused| OpenError::NotAuthentic)?;
        let cipher = if is_header_of(&cipher, header, &withheld) {
            cipher
        } else if params.net_4_0_0_messages() && withheld.is_empty() {
            secrets.derive_as_net_4_0_0(suite, self.data_key.expose_secret(), header.message_id());
            let other = Cipher::new(secrets.key()).map_err(|_refused| OpenError::NotAuthentic)?;
            if !is_header_of(&other, header, &[0, 0]) {
                return Err(OpenError::NotAuthentic);
            }
            other
        } else {
            return Err(OpenError::NotAuthentic);
        };
        let frames = FrameOpener::new(cipher, header.message_id());
        Ok(Opening { frames, public })
    }

    fn public_key(&self, suite: Suite) -> Result<Option<&VerifyingKey>, OpenError> {
        let problem = match (&self.public, suite.curve()) {
            (PublicKey::None, None) => return Ok(None),
            (PublicKey::Key(key), Some(curve)) if key.curve() == curve => return Ok(Some(key)),
            (PublicKey::None, Some(_)) => PublicKeyProblem::Missing,
            (_, None) => PublicKeyProblem::Unexpected,
            (PublicKey::Key(_) | PublicKey::Malformed, Some(_)) => PublicKeyProblem::Malformed,
        };
        Err(OpenError::PublicKey { suite, problem })
    }

    /// The pairs that the message does not store, serialised. A pair that it does store is in this key's context too.
    fn withheld(&self, header: &Header<'_>) -> Result<Vec<u8>, OpenError> {
        let mut withheld = Vec::new();
        if header.has_context(&self.context) {
            return Ok(withheld);
        }
        let stored = header.context().map_err(|_no_context| OpenError::NotAuthentic)?;
        if stored
            .iter()
            .any(|(key, value)| self.context.get(key) != Some(value))
        {
            return Err(OpenError::NotAuthentic);
        }
        let others = self.context.iter().filter(|(key, _)| stored.get(key).is_none());
        let others = EncryptionContext::new(others).map_err(|_no_context| OpenError::NotAuthentic)?;
        context::serialise(&others, &mut withheld).map_err(|_too_long| OpenError::NotAuthentic)?;
        Ok(withheld)
    }

    /// What a stream verifies its signature with.
    fn signature_of(&self, header: &Header<'_>) -> Result<Option<(Hasher, VerifyingKey)>, OpenError> {
        let Some(key) = self.public_key(header.suite())? else {
            return Ok(None);
        };
        // Streams outlive this key; parsing once more is nothing beside them.
        let text = self.context.get(PUBLIC_KEY).unwrap_or_default();
        let key = VerifyingKey::parse(key.curve(), text).ok_or(OpenError::Signature)?;
        let mut hasher = Hasher::new(key.curve());
        hasher.update(header.as_bytes());
        Ok(Some((hasher, key)))
    }
}

fn is_header_of(cipher: &Cipher, header: &Header<'_>, withheld: &[u8]) -> bool {
    let joined;
    let aad = if withheld.is_empty() {
        header.authenticated()
    } else {
        joined = [header.authenticated(), withheld].concat();
        &joined
    };
    cipher.open(header.iv(), aad, &[], header.tag(), &mut []).is_ok()
}

/// A message whose header is verified.
struct Opening<'k> {
    frames: FrameOpener,
    public: Option<&'k VerifyingKey>,
}

impl Opening<'_> {
    /// Verifies the signature, and opens the body into `out`, which is as long as the plaintext.
    fn whole(
        mut self,
        message: &Message<'_>,
        layout: &Layout<'_>,
        mut out: &mut [u8],
    ) -> Result<(), OpenError> {
        if let Some(key) = self.public {
            let mut hasher = Hasher::new(key.curve());
            hasher.update(message.header.as_bytes());
            hasher.update(layout.signed);
            key.verify(hasher, layout.signature)
                .map_err(|_refused| OpenError::Signature)?;
        }
        let mut pieces = Pieces::new(message.body, message.header.content());
        while let Some(piece) = pieces.next()? {
            let Some((room, rest)) = out.split_at_mut_checked(piece.ciphertext.len()) else {
                return Err(OpenError::NotAuthentic);
            };
            self.frames.open(&piece, room)?;
            out = rest;
        }
        Ok(())
    }
}

impl fmt::Debug for OpeningKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("OpeningKey")
            .field("context", &self.context)
            .finish_non_exhaustive()
    }
}
