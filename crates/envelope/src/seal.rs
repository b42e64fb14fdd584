//! Sealing: material prepared once per data key, then messages.
use alloc::{boxed::Box, vec::Vec};
use core::{fmt, ops::Range};

use datakey_provider::{DataKey, EncryptionContext, WrappedKeys};

use crate::{
    Aad, FrameLen, Kind, LimitError, Params, Salt, SealError, fips,
    fixed::{FIXED_LEN, Fixed},
    frame::{FrameSealer, Position},
    geometry::{self, MAX_RECORDS, RECORD_OVERHEAD, RECORDS_END_LEN},
    header::encode_shared,
    limits::{check_context, check_wrapped_keys},
    room::Room,
    schedule::{Keyed, MessageSecrets, Prepared, Profile},
    whole::{self, all_or_nothing},
};

mod records;
mod stream;

pub use records::RecordSealer;
pub use stream::StreamSealer;

/// A data key prepared for sealing: hash states for both kinds of message, and the part of the header that repeats.
///
/// Make one per data key and share it behind an `Arc`; it seals from any number of threads at once. What it holds is
/// as secret as the data key, is wiped when dropped, and is not shown by `Debug`. It does not keep the data key.
///
/// How many messages one data key may seal: see the limits in `docs/format.md`. Salts of 24 random bytes allow 2^48
/// messages with odds of 2^-97 that any two share a salt.
///
/// ```
/// # #[cfg(feature = "getrandom")] {
/// use datakey_envelope::{Aad, Message, OpeningKey, Params, SealingKey};
/// use datakey_provider::{DataKey, DataKeyLength, EncryptionContext, WrappedKey};
///
/// let data_key = DataKey::init(DataKeyLength::Bytes32, |bytes| bytes.fill(7)); // a provider draws random bytes
/// let wrapped = WrappedKey::new("local:dev", b"opaque".to_vec()).unwrap().into();
/// let context = EncryptionContext::new([("tenant", "acme")]).unwrap();
///
/// let sealing = SealingKey::new(&data_key, &wrapped, &context, &Params::new())?;
/// let mut sealed = Vec::new();
/// sealing.seal(b"one order", Aad::from("order 17"), &mut sealed)?;
/// assert_eq!(sealed.len(), sealing.sealed_len(9).unwrap());
/// # let mut opened = Vec::new();
/// # let opening = OpeningKey::new(&data_key, &context).unwrap();
/// # opening.open(&Message::decode(&sealed).unwrap(), Aad::from("order 17"), &mut opened).unwrap();
/// # assert_eq!(opened, b"one order");
/// # }
/// # Ok::<(), datakey_envelope::SealError>(())
/// ```
///
/// # Limits that are its owner's to keep
///
/// It does not count. One data key is good for [`MAX_DATA_KEY_MESSAGES`](crate::MAX_DATA_KEY_MESSAGES) messages and
/// [`MAX_DATA_KEY_BYTES`](crate::MAX_DATA_KEY_BYTES) of plaintext; a cache of data keys counts, and replaces keys long before. Whoever has
/// none of those seals a few messages and asks for the next data key.
///
/// # What it costs
///
/// Preparing hashes the data key, the context and the header once. A message then takes two short derivations, and the cipher over its
/// frames.
pub struct SealingKey {
    params: Params,
    bytes: Prepared,
    records: Prepared,
    shared: Box<[u8]>,
}

impl SealingKey {
    /// Names the memory on the heap in which this key holds its secrets until it is dropped, for whoever locks pages. Only
    /// addresses: nothing is read.
    ///
    /// ```
    /// # use datakey_envelope::SealingKey;
    /// fn bytes(key: &SealingKey) -> usize {
    ///     let mut bytes = 0;
    ///     key.secret_memory(&mut |range| bytes += range.end.addr() - range.start.addr());
    ///     bytes
    /// }
    /// ```
    pub fn secret_memory(&self, visit: &mut dyn FnMut(Range<*const u8>)) {
        visit(self.bytes.memory());
        visit(self.records.memory());
    }

    /// Prepares a data key. The wrapped keys and the context must be those that the provider made it with.
    ///
    /// # Errors
    /// [`LimitError`] when the format has no place for them.
    pub fn new(
        data_key: &DataKey,
        wrapped: &WrappedKeys,
        context: &EncryptionContext,
        params: &Params,
    ) -> Result<Self, LimitError> {
        if !fips::permits(params.suite()) {
            return Err(LimitError::NotApproved(params.suite()));
        }
        check_context(context)?;
        check_wrapped_keys(wrapped)?;
        let context_digest = fips::context_digest(context);
        let keyed = Keyed::new(data_key)?;
        let prepare = |kind, frame_len| {
            keyed.prepare(&Profile {
                suite: params.suite(),
                kind,
                frame_len,
                context_digest: &context_digest,
            })
        };
        let mut shared = Vec::new();
        encode_shared(context, wrapped, &mut shared);
        Ok(Self {
            params: *params,
            bytes: prepare(Kind::Bytes, params.frame_len()),
            records: prepare(Kind::Records, params.record_limit()),
            shared: shared.into(),
        })
    }

    /// What this key seals with.
    pub const fn params(&self) -> &Params {
        &self.params
    }

    /// The length of the header of each message, in bytes.
    ///
    /// It is the same for each message of this key, and most of it is the context and the wrapped keys.
    #[must_use]
    pub fn header_len(&self) -> usize {
        self.shared.len().saturating_add(FIXED_LEN)
    }

    /// The length of a sealed message of `plain_len` bytes; `None` where that is more than
    /// [`MAX_MESSAGE_LEN`](crate::MAX_MESSAGE_LEN) allows or memory can hold.
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
    /// // What a message takes beside its plaintext: a header, and 16 bytes for each frame of 64 KiB.
    /// assert_eq!(sealing.sealed_len(0), Some(sealing.header_len() + 16));
    /// assert_eq!(sealing.sealed_len(65_536), Some(sealing.header_len() + 65_536 + 16));
    /// assert_eq!(sealing.sealed_len(65_537), Some(sealing.header_len() + 65_537 + 32));
    /// # }
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub fn sealed_len(&self, plain_len: usize) -> Option<usize> {
        let body = geometry::body_len(u64::try_from(plain_len).ok()?, self.params.frame_len())?;
        usize::try_from(body).ok()?.checked_add(self.header_len())
    }

    /// The length of a records message of `count` records of `plain_len` bytes together; `None` as for
    /// [`sealed_len`](Self::sealed_len), or for too many records.
    #[must_use]
    pub fn sealed_records_len(&self, count: usize, plain_len: usize) -> Option<usize> {
        if count > usize::try_from(MAX_RECORDS).ok()?
            || u64::try_from(plain_len).ok()? > geometry::MAX_MESSAGE_LEN
        {
            return None;
        }
        count
            .checked_mul(RECORD_OVERHEAD)?
            .checked_add(plain_len)?
            .checked_add(usize::try_from(RECORDS_END_LEN).ok()?)?
            .checked_add(self.header_len())
    }

    /// Seals a whole message and appends it to `out`. A buffer that is used again is not allocated again.
    ///
    /// # Errors
    /// [`SealError`]; `out` is then as before.
    #[cfg(feature = "getrandom")]
    pub fn seal(&self, plaintext: &[u8], aad: Aad<'_>, out: &mut Vec<u8>) -> Result<(), SealError> {
        self.seal_with_salt(Salt::random()?, plaintext, aad, out)
    }

    /// As [`seal`](Self::seal), with a salt from elsewhere.
    ///
    /// # Errors
    /// [`SealError`]; `out` is then as before.
    #[expect(
        clippy::needless_pass_by_value,
        reason = "a salt is used up by the message it is for"
    )]
    pub fn seal_with_salt(
        &self,
        salt: Salt,
        plaintext: &[u8],
        aad: Aad<'_>,
        out: &mut Vec<u8>,
    ) -> Result<(), SealError> {
        let total = self.sealed_len_or_error(plaintext.len())?;
        let whole = Whole {
            key: self,
            salt: &salt,
            plaintext,
            aad,
        };
        whole::append(out, total, whole)
    }

    /// Seals a whole message into the front of `out`, and returns its length, which is
    /// [`sealed_len`](Self::sealed_len). For large messages it is faster than appending to a vector, whose new bytes
    /// have to be zeroed first, also if it is cleared and used again. A vector that is given its length with `resize` is
    /// zeroed only where it grows.
    ///
    /// ```
    /// # #[cfg(feature = "getrandom")] {
    /// # use datakey_envelope::{Aad, Params, SealingKey};
    /// # use datakey_provider::{DataKey, DataKeyLength, EncryptionContext, WrappedKey};
    /// # let data_key = DataKey::init(DataKeyLength::Bytes32, |bytes| bytes.fill(7));
    /// # let wrapped = WrappedKey::new("local:dev", b"opaque".to_vec()).unwrap().into();
    /// # let sealing = SealingKey::new(&data_key, &wrapped, &EncryptionContext::empty(), &Params::new()).unwrap();
    /// let mut buffer = vec![0; 64 * 1024];
    /// let len = sealing.seal_into(b"one order", Aad::EMPTY, &mut buffer)?;
    /// let sealed = &buffer[..len];
    /// # assert_eq!(Some(sealed.len()), sealing.sealed_len(9));
    /// # }
    /// # Ok::<(), datakey_envelope::SealError>(())
    /// ```
    ///
    /// # Errors
    /// [`SealError`]; what is found before anything is written, such as [`SealError::BufferTooShort`], leaves `out` as it
    /// was, and a failure after that wipes it.
    #[cfg(feature = "getrandom")]
    pub fn seal_into(&self, plaintext: &[u8], aad: Aad<'_>, out: &mut [u8]) -> Result<usize, SealError> {
        self.seal_into_with_salt(Salt::random()?, plaintext, aad, out)
    }

    /// As [`seal_into`](Self::seal_into), with a salt from elsewhere.
    ///
    /// # Errors
    /// As `seal_into`.
    #[expect(
        clippy::needless_pass_by_value,
        reason = "a salt is used up by the message it is for"
    )]
    pub fn seal_into_with_salt(
        &self,
        salt: Salt,
        plaintext: &[u8],
        aad: Aad<'_>,
        out: &mut [u8],
    ) -> Result<usize, SealError> {
        let needed = self.sealed_len_or_error(plaintext.len())?;
        let out = out
            .get_mut(..needed)
            .ok_or(SealError::BufferTooShort { needed })?;
        let whole = Whole {
            key: self,
            salt: &salt,
            plaintext,
            aad,
        };
        whole::fill(out, whole).map(|()| needed)
    }

    fn sealed_len_or_error(&self, plain_len: usize) -> Result<usize, SealError> {
        self.sealed_len(plain_len).ok_or(SealError::MessageTooLong)
    }

    /// Seals a batch of records as one message and appends it to `out`.
    ///
    /// ```
    /// # #[cfg(feature = "getrandom")] {
    /// # use datakey_envelope::{Aad, Message, OpeningKey, Params, SealingKey};
    /// # use datakey_provider::{DataKey, DataKeyLength, EncryptionContext, WrappedKey};
    /// # let data_key = DataKey::init(DataKeyLength::Bytes32, |bytes| bytes.fill(7));
    /// # let wrapped = WrappedKey::new("local:dev", b"opaque".to_vec()).unwrap().into();
    /// # let context = EncryptionContext::empty();
    /// let sealing = SealingKey::new(&data_key, &wrapped, &context, &Params::new())?;
    /// let mut sealed = Vec::new();
    /// sealing.seal_records(["order 1", "order 2"], Aad::from("batch 9"), &mut sealed)?;
    ///
    /// let opening = OpeningKey::new(&data_key, &context)?;
    /// let mut opened = Vec::new();
    /// let records = opening.open_records(&Message::decode(&sealed).unwrap(), Aad::from("batch 9"), &mut opened);
    /// assert_eq!(&opened[records.unwrap()[1].clone()], b"order 2");
    /// # }
    /// # Ok::<(), datakey_envelope::SealError>(())
    /// ```
    ///
    /// # Errors
    /// [`SealError`]; `out` is then as before.
    #[cfg(feature = "getrandom")]
    pub fn seal_records<R: AsRef<[u8]>>(
        &self,
        records: impl IntoIterator<Item = R>,
        aad: Aad<'_>,
        out: &mut Vec<u8>,
    ) -> Result<(), SealError> {
        self.seal_records_with_salt(Salt::random()?, records, aad, out)
    }

    /// As [`seal_records`](Self::seal_records), with a salt from elsewhere.
    ///
    /// # Errors
    /// [`SealError`]; `out` is then as before.
    pub fn seal_records_with_salt<R: AsRef<[u8]>>(
        &self,
        salt: Salt,
        records: impl IntoIterator<Item = R>,
        aad: Aad<'_>,
        out: &mut Vec<u8>,
    ) -> Result<(), SealError> {
        all_or_nothing(out, |out| {
            let mut sealer = self.record_sealer_with_salt(salt, aad, out)?;
            for record in records {
                sealer.push_record(record.as_ref(), out)?;
            }
            sealer.finish(out)
        })
    }

    /// Begins a message whose plaintext arrives in portions; appends the header to `out`.
    ///
    /// # Errors
    /// [`SealError`]; `out` is then as before.
    #[cfg(feature = "getrandom")]
    pub fn stream_sealer(&self, aad: Aad<'_>, out: &mut Vec<u8>) -> Result<StreamSealer, SealError> {
        self.stream_sealer_with_salt(Salt::random()?, aad, out)
    }

    /// As [`stream_sealer`](Self::stream_sealer), with a salt from elsewhere.
    ///
    /// # Errors
    /// [`SealError`]; `out` is then as before.
    #[expect(
        clippy::needless_pass_by_value,
        reason = "a salt is used up by the message it is for"
    )]
    pub fn stream_sealer_with_salt(
        &self,
        salt: Salt,
        aad: Aad<'_>,
        out: &mut Vec<u8>,
    ) -> Result<StreamSealer, SealError> {
        let frames = all_or_nothing(out, |out| self.begin(Kind::Bytes, &salt, aad, out))?;
        Ok(StreamSealer::new(frames, self.params.frame_len()))
    }

    /// Begins a records message whose records arrive one by one; appends the header to `out`.
    ///
    /// # Errors
    /// [`SealError`]; `out` is then as before.
    #[cfg(feature = "getrandom")]
    pub fn record_sealer(&self, aad: Aad<'_>, out: &mut Vec<u8>) -> Result<RecordSealer, SealError> {
        self.record_sealer_with_salt(Salt::random()?, aad, out)
    }

    /// As [`record_sealer`](Self::record_sealer), with a salt from elsewhere.
    ///
    /// # Errors
    /// [`SealError`]; `out` is then as before.
    #[expect(
        clippy::needless_pass_by_value,
        reason = "a salt is used up by the message it is for"
    )]
    pub fn record_sealer_with_salt(
        &self,
        salt: Salt,
        aad: Aad<'_>,
        out: &mut Vec<u8>,
    ) -> Result<RecordSealer, SealError> {
        let frames = all_or_nothing(out, |out| self.begin(Kind::Records, &salt, aad, out))?;
        Ok(RecordSealer::new(frames, self.params.record_limit()))
    }

    /// Derives a message's secrets and writes its header.
    pub(crate) fn begin(
        &self,
        kind: Kind,
        salt: &Salt,
        aad: Aad<'_>,
        out: &mut impl Room,
    ) -> Result<FrameSealer, SealError> {
        let (prepared, frame_len): (&Prepared, FrameLen) = match kind {
            Kind::Bytes => (&self.bytes, self.params.frame_len()),
            Kind::Records => (&self.records, self.params.record_limit()),
        };
        let suite = self.params.suite();
        let mut secrets = MessageSecrets::empty();
        prepared.derive(salt.as_bytes(), aad, &mut secrets);
        let fixed = Fixed {
            suite,
            kind,
            frame_len,
            salt: salt.as_bytes(),
            commitment: secrets.commitment(),
        };
        let written = fixed.encode(out).and_then(|()| out.put(&self.shared));
        written.ok_or(SealError::Cipher)?;
        FrameSealer::new(suite, &secrets)
    }
}

/// A whole byte stream, still to be written.
struct Whole<'a> {
    key: &'a SealingKey,
    salt: &'a Salt,
    plaintext: &'a [u8],
    aad: Aad<'a>,
}

impl whole::Write<SealError> for Whole<'_> {
    fn write(self, out: &mut impl Room) -> Result<(), SealError> {
        // Used where it stands: taken out of the result, the key would be copied.
        let mut frames = self.key.begin(Kind::Bytes, self.salt, self.aad, out);
        let frames = frames.as_mut().map_err(|error| error.clone())?;
        let (frame_len, mut rest) = (self.key.params.frame_len().bytes(), self.plaintext);
        while let Some((frame, more)) = rest.split_at_checked(frame_len)
            && !more.is_empty()
        {
            frames.write(frame, Position::Inner, out)?;
            rest = more;
        }
        frames.write(rest, Position::Last, out)
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
