//! Sealing: material prepared once per data key, then messages.
use alloc::{boxed::Box, sync::Arc, vec::Vec};
use core::{fmt, mem, ops::Range};

use datakey_provider::{DataKey, EncryptionContext, WrappedKeys};
use zeroize::Zeroize as _;

use crate::{
    LimitError, MessageId, PUBLIC_KEY, Params, SealError, SigningKey,
    body::{FINAL_OVERHEAD, FRAME_OVERHEAD},
    cipher::Cipher,
    context, data_key,
    header::{self, IV_LEN, TAG_LEN},
    schedule::{MessageSecrets, iv},
    sign::Hasher,
};

mod frames;
mod stream;

use frames::{FrameSealer, Room, footer_len, refused, sealed_frame_len};
pub use stream::StreamSealer;

/// The encryption context that a data key for signed messages is made under: the caller's own and the public key. For messages
/// that are not signed it is the caller's own.
///
/// ```
/// # #[cfg(feature = "getrandom")] {
/// use datakey_esdk::{PUBLIC_KEY, SigningKey, Suite, context_with_public_key};
/// use datakey_provider::EncryptionContext;
///
/// let own = EncryptionContext::new([("tenant", "acme")]).unwrap();
/// let signing = SigningKey::generate(Suite::default())?;
/// let whole = context_with_public_key(&own, signing.as_ref())?;
/// assert_eq!(whole.get(PUBLIC_KEY), signing.as_ref().map(SigningKey::public_key));
/// # }
/// # Ok::<(), datakey_esdk::SealError>(())
/// ```
///
/// # Errors
/// As [`check_context`](crate::check_context).
///
/// The provider has to be asked with what this answers, and not with the caller's own context: the public key would not be bound, and
/// readers of every AWS Encryption SDK refuse the message.
pub fn context_with_public_key(
    own: &EncryptionContext,
    signing: Option<&SigningKey>,
) -> Result<EncryptionContext, LimitError> {
    context::check_context_for(own, signing.map(SigningKey::curve))?;
    let Some(signing) = signing else {
        return Ok(own.clone());
    };
    EncryptionContext::new(own.iter().chain([(PUBLIC_KEY, signing.public_key())]))
        .map_err(|_checked| LimitError::ReservedKey)
}

/// A data key prepared for sealing: the data key, the signing key, and the parts of the header that repeat.
///
/// Make one per data key and share it behind an `Arc`; it seals from any number of threads at once. What it holds is as secret
/// as the data key, is wiped when dropped, and is not shown by `Debug`.
///
/// One data key may seal 2^32 messages, as the caching of the AWS Encryption SDK has it.
///
/// ```
/// # #[cfg(feature = "getrandom")] {
/// use datakey_esdk::{Message, OpenParams, OpeningKey, Params, SealingKey, Suite};
/// use datakey_provider::{DataKey, DataKeyLength, EncryptionContext, WrappedKey};
///
/// let data_key = DataKey::init(DataKeyLength::Bytes32, |bytes| bytes.fill(7)); // a provider draws random bytes
/// let wrapped = WrappedKey::new("arn:aws:kms:eu-central-1:111122223333:key/1", b"opaque".to_vec()).unwrap().into();
/// let context = EncryptionContext::new([("tenant", "acme")]).unwrap();
///
/// let params = Params::new().with_suite(Suite::Aes256GcmHkdfSha512CommitKey);
/// let sealing = SealingKey::new(&data_key, &wrapped, &context, None, &params)?;
/// let mut sealed = Vec::new();
/// sealing.seal(b"one order", &mut sealed)?;
///
/// let message = Message::decode(&sealed).unwrap();
/// let opening = OpeningKey::new(&data_key, &context);
/// let mut opened = Vec::new();
/// opening.open(&message, &OpenParams::new(), &mut opened).unwrap();
/// assert_eq!(opened, b"one order");
/// # }
/// # Ok::<(), datakey_esdk::SealError>(())
/// ```
///
/// # What it does not count
///
/// How many messages were sealed, and for how long: limits of age and use are those of the cache in front of it. A key that is shared by
/// threads takes no lock and changes nothing, so that one that is cloned into a child process seals there as well; each message has an id
/// of its own, drawn anew.
pub struct SealingKey {
    params: Params,
    data_key: DataKey,
    signing: Option<Arc<SigningKey>>,
    start: Box<[u8]>,
    shared: Box<[u8]>,
    /// The pairs that are authenticated and not stored.
    withheld: Box<[u8]>,
}

impl SealingKey {
    /// Prepares a data key. The wrapped keys and the context must be those that the provider made it with; the context of signed
    /// messages is that of [`context_with_public_key`].
    ///
    /// # Errors
    /// [`LimitError`] when the format has no place for something, or parts do not fit each other.
    pub fn new(
        data_key: &DataKey,
        wrapped: &WrappedKeys,
        context: &EncryptionContext,
        signing: Option<SigningKey>,
        params: &Params,
    ) -> Result<Self, LimitError> {
        params.check()?;
        let suite = params.suite();
        let found = data_key.length();
        let own = DataKey::from_slice(data_key.expose_secret()).filter(|_| found == suite.data_key_length());
        let data_key = own.ok_or(LimitError::DataKeyLength { suite, found })?;
        let public = signing.as_ref().map(SigningKey::public_key);
        if signing.as_ref().map(SigningKey::curve) != suite.curve() || context.get(PUBLIC_KEY) != public {
            return Err(LimitError::SigningKey { suite });
        }
        let required = params.required();
        if required
            .iter()
            .any(|key| context.get(key).is_none() || **key == *PUBLIC_KEY)
        {
            return Err(LimitError::RequiredKey);
        }
        let [withheld, stored] = [true, false].map(|required| {
            let pairs = context
                .iter()
                .filter(|(key, _)| params.is_required(key) == required);
            EncryptionContext::new(pairs)
        });
        let (Ok(withheld), Ok(stored)) = (withheld, stored) else {
            return Err(LimitError::RequiredKey);
        };
        let (mut start, mut shared, mut kept_back) = (Vec::new(), Vec::new(), Vec::new());
        header::encode_start(suite, &mut start);
        context::encode(&stored, &mut shared)?;
        data_key::encode_all(wrapped, params.max_encrypted_data_keys(), &mut shared)?;
        header::encode_content(suite, params.frame_len().get(), &mut shared);
        context::serialise(&withheld, &mut kept_back)?;
        Ok(Self {
            params: params.clone(),
            data_key,
            signing: signing.map(Arc::new),
            start: start.into(),
            shared: shared.into(),
            withheld: kept_back.into(),
        })
    }

    /// What this key seals with.
    ///
    /// They are those that the message's header will say, with the limits that it keeps to.
    #[must_use]
    pub const fn params(&self) -> &Params {
        &self.params
    }

    /// Names the memory on the heap in which this key holds its data key until it is dropped, for whoever locks pages. Only
    /// addresses: nothing is read.
    pub fn secret_memory(&self, visit: &mut dyn FnMut(Range<*const u8>)) {
        visit(self.data_key.expose_secret().as_ptr_range());
    }

    /// The length of the header of each message, in bytes.
    #[must_use]
    pub fn header_len(&self) -> usize {
        let suite = self.params.suite();
        let fixed = if suite.is_committing() { 32 } else { IV_LEN };
        [
            self.start.len(),
            suite.message_id_len(),
            self.shared.len(),
            fixed,
            TAG_LEN,
        ]
        .into_iter()
        .fold(0, usize::saturating_add)
    }

    /// The most that a sealed message of `plain_len` bytes has; a message that is not signed has exactly as many, a signed one may
    /// have some bytes less. `None` where it would have too many frames, or more bytes than memory can hold.
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
    /// // A buffer on the stack, for a message that goes out at once.
    /// let mut room = [0; 1024];
    /// let most = sealing.max_sealed_len(9).expect("nine bytes are not too many");
    /// assert!(most <= room.len());
    /// let len = sealing.seal_into(b"one order", &mut room)?;
    /// assert_eq!(len, most); // exact, as this suite does not sign
    /// assert_eq!(sealing.header_len(), datakey_esdk::Header::decode(&room[..len])?.len());
    /// # }
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub fn max_sealed_len(&self, plain_len: usize) -> Option<usize> {
        let frame_len = usize::try_from(self.params.frame_len().get()).ok()?;
        let frames = plain_len.div_ceil(frame_len).max(1);
        u32::try_from(frames).ok()?;
        let body = frames
            .saturating_sub(1)
            .checked_mul(FRAME_OVERHEAD)?
            .checked_add(FINAL_OVERHEAD)?;
        let footer = self
            .signing
            .as_ref()
            .map(|key| key.curve().signature_len().saturating_add(2));
        body.checked_add(plain_len)?
            .checked_add(self.header_len())?
            .checked_add(footer.unwrap_or_default())
    }

    /// Seals a whole message and appends it to `out`. A buffer that is used again is not allocated again.
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
    /// use datakey_esdk::{Message, OpenParams, OpeningKey};
    ///
    /// // One buffer for many messages, each written out before the next.
    /// let (mut buffer, opening) = (Vec::new(), OpeningKey::new(&data_key, &context));
    /// for order in ["order 1", "order 2"] {
    ///     buffer.clear();
    ///     sealing.seal(order.as_bytes(), &mut buffer)?;
    ///     let mut opened = Vec::new();
    ///     opening.open(&Message::decode(&buffer)?, &OpenParams::new(), &mut opened)?;
    ///     assert_eq!(opened, order.as_bytes());
    /// }
    /// # }
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// [`SealError`]; `out` is then as before.
    #[cfg(feature = "getrandom")]
    pub fn seal(&self, plaintext: &[u8], out: &mut Vec<u8>) -> Result<(), SealError> {
        self.seal_with_id(MessageId::random()?, plaintext, out)
    }

    /// As [`seal`](Self::seal), with a message id from elsewhere.
    ///
    /// # Errors
    /// [`SealError`]; `out` is then as before.
    #[expect(
        clippy::needless_pass_by_value,
        reason = "an id is used up by the message it is for"
    )]
    pub fn seal_with_id(&self, id: MessageId, plaintext: &[u8], out: &mut Vec<u8>) -> Result<(), SealError> {
        let needed = self
            .max_sealed_len(plaintext.len())
            .ok_or(SealError::MessageTooLong)?;
        let start = out.len();
        let end = start.checked_add(needed).ok_or(SealError::MessageTooLong)?;
        out.resize(end, 0);
        let room = out.get_mut(start..).unwrap_or_default();
        let written = self.write(&id, plaintext, room);
        match &written {
            Ok(len) => out.truncate(start.saturating_add(*len)),
            Err(_) => {
                out.get_mut(start..).unwrap_or_default().zeroize();
                out.truncate(start);
            }
        }
        written.map(|_len| ())
    }

    /// Seals a whole message into the front of `out`, and returns its length, which is at most
    /// [`max_sealed_len`](Self::max_sealed_len).
    ///
    /// # Errors
    /// [`SealError`]; what is found before anything is written, such as [`SealError::BufferTooShort`], leaves `out` as it
    /// was, and a failure after that wipes it.
    #[cfg(feature = "getrandom")]
    pub fn seal_into(&self, plaintext: &[u8], out: &mut [u8]) -> Result<usize, SealError> {
        self.seal_into_with_id(MessageId::random()?, plaintext, out)
    }

    /// As [`seal_into`](Self::seal_into), with a message id from elsewhere.
    ///
    /// # Errors
    /// As `seal_into`.
    #[expect(
        clippy::needless_pass_by_value,
        reason = "an id is used up by the message it is for"
    )]
    pub fn seal_into_with_id(
        &self,
        id: MessageId,
        plaintext: &[u8],
        out: &mut [u8],
    ) -> Result<usize, SealError> {
        let needed = self
            .max_sealed_len(plaintext.len())
            .ok_or(SealError::MessageTooLong)?;
        let room = out
            .get_mut(..needed)
            .ok_or(SealError::BufferTooShort { needed })?;
        let written = self.write(&id, plaintext, room);
        if written.is_err() {
            room.zeroize();
        }
        written
    }

    /// Begins a message whose plaintext arrives in portions; appends the header to `out`.
    ///
    /// The header is in `out` at once and can be sent before there is any plaintext. A signed message is signed as it is written: nothing
    /// of it is read again.
    ///
    /// # Errors
    /// [`SealError`]; `out` is then as before.
    #[cfg(feature = "getrandom")]
    pub fn stream_sealer(&self, out: &mut Vec<u8>) -> Result<StreamSealer, SealError> {
        self.stream_sealer_with_id(MessageId::random()?, out)
    }

    /// As [`stream_sealer`](Self::stream_sealer), with a message id from elsewhere.
    ///
    /// # Errors
    /// [`SealError`]; `out` is then as before.
    #[expect(
        clippy::needless_pass_by_value,
        reason = "an id is used up by the message it is for"
    )]
    pub fn stream_sealer_with_id(&self, id: MessageId, out: &mut Vec<u8>) -> Result<StreamSealer, SealError> {
        let start = out.len();
        out.resize(start.saturating_add(self.header_len()), 0);
        let header = out.get_mut(start..).unwrap_or_default();
        let begun = self.begin(&id, header);
        match begun {
            Ok(frames) => {
                let signer = self.signing.as_ref().map(|key| {
                    let mut hasher = Hasher::new(key.curve());
                    hasher.update(header);
                    (hasher, Arc::clone(key))
                });
                Ok(StreamSealer::new(frames, signer, self.params.frame_len()))
            }
            Err(error) => {
                out.truncate(start);
                Err(error)
            }
        }
    }

    /// Derives a message's secrets and writes its header, which fills `out`.
    fn begin(&self, id: &MessageId, out: &mut [u8]) -> Result<FrameSealer, SealError> {
        let suite = self.params.suite();
        let id = id.of_len(suite.message_id_len());
        let mut secrets = MessageSecrets::empty();
        secrets.derive(suite, self.data_key.expose_secret(), id);
        let mut room = Room::new(&mut *out);
        room.put(&self.start)?;
        room.put(id)?;
        room.put(&self.shared)?;
        if suite.is_committing() {
            room.put(secrets.commitment())?;
        }
        let iv_len = if suite.is_committing() { 0 } else { IV_LEN };
        let frames = FrameSealer::new(Cipher::new(secrets.key()).map_err(refused)?, id);
        let body_len = out.len().saturating_sub(TAG_LEN).saturating_sub(iv_len);
        let Some((body, rest)) = out.split_at_mut_checked(body_len) else {
            return Err(SealError::Cipher);
        };
        let Some(tag) = rest.last_chunk_mut() else {
            return Err(SealError::Cipher);
        };
        let joined;
        let aad: &[u8] = if self.withheld.is_empty() {
            body
        } else {
            joined = [&*body, &self.withheld].concat();
            &joined
        };
        frames
            .cipher()
            .seal(&iv(0), aad, &[], &mut [], tag)
            .map_err(refused)?;
        Ok(frames)
    }

    /// Writes a whole message, and returns how long it is.
    fn write(&self, id: &MessageId, plaintext: &[u8], out: &mut [u8]) -> Result<usize, SealError> {
        let Some((header, mut rest)) = out.split_at_mut_checked(self.header_len()) else {
            return Err(SealError::Cipher);
        };
        // Used where it stands: taken out of the result, the key would be copied.
        let mut frames = self.begin(id, header);
        let frames = frames.as_mut().map_err(|error| error.clone())?;
        let frame_len = usize::try_from(self.params.frame_len().get()).unwrap_or(usize::MAX);
        let (mut left, mut len) = (plaintext, self.header_len());
        loop {
            let is_last = left.len() <= frame_len;
            let (plain, more) = left
                .split_at_checked(frame_len)
                .filter(|_| !is_last)
                .unwrap_or((left, &[]));
            let taken = sealed_frame_len(plain.len(), is_last);
            let Some((room, after)) = mem::take(&mut rest).split_at_mut_checked(taken) else {
                return Err(SealError::Cipher);
            };
            frames.write(plain, is_last, room)?;
            (rest, left, len) = (after, more, len.saturating_add(taken));
            if is_last {
                break;
            }
        }
        let Some(key) = &self.signing else {
            return Ok(len);
        };
        let mut hasher = Hasher::new(key.curve());
        hasher.update(out.get(..len).unwrap_or_default());
        let signature = key.sign(hasher)?;
        let mut room = Room::new(out.get_mut(len..).unwrap_or_default());
        room.put(&footer_len(&signature))?;
        room.put(&signature)?;
        Ok(len.saturating_add(2).saturating_add(signature.len()))
    }
}

impl fmt::Debug for SealingKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SealingKey")
            .field("params", &self.params)
            .field("header_len", &self.header_len())
            .finish_non_exhaustive()
    }
}
