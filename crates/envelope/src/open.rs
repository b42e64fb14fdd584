//! Opening: a data key, then messages.
use alloc::vec::Vec;
use core::{borrow::Borrow, fmt, ops::Range};

use datakey_provider::{DataKey, EncryptionContext};

use crate::{
    Aad, Header, Kind, LimitError, Message, OpenError, fips,
    frame::{FrameOpener, Position},
    geometry,
    room::Room,
    schedule::{Keyed, Profile},
    whole::{self, all_or_nothing},
};

mod parts;
mod preparations;
mod records;
mod stream;

pub use parts::RecordIndex;
use preparations::Preparations;
pub use records::RecordOpener;
pub use stream::StreamOpener;

/// A data key prepared for opening the messages that were sealed under it in one encryption context.
///
/// The context is the one that the provider unwrapped the data key with. A message that claims another is not
/// authentic. Whether it is the context that the reader *expects* is for the caller to check, with
/// [`EncryptionContext::check_expected`].
///
/// Share one behind an `Arc`; it opens from any number of threads at once. What it holds is as secret as the data key,
/// is wiped when dropped, and is not shown by `Debug`.
///
/// ```
/// # #[cfg(feature = "getrandom")] {
/// use datakey_envelope::{Aad, Message, OpenError, OpeningKey};
/// # use datakey_envelope::{Params, SealingKey};
/// # use datakey_provider::{DataKey, DataKeyLength, EncryptionContext, WrappedKey};
/// # let data_key = DataKey::init(DataKeyLength::Bytes32, |bytes| bytes.fill(7));
/// # let wrapped = WrappedKey::new("local:dev", b"opaque".to_vec()).unwrap().into();
/// # let context = EncryptionContext::new([("tenant", "acme")]).unwrap();
/// # let mut sealed = Vec::new();
/// # let key = SealingKey::new(&data_key, &wrapped, &context, &Params::new()).unwrap();
/// # key.seal(b"one order", Aad::from("order 17"), &mut sealed).unwrap();
///
/// let opening = OpeningKey::new(&data_key, &context)?;
/// let message = Message::decode(&sealed)?;
/// let mut opened = Vec::new();
/// opening.open(&message, Aad::from("order 17"), &mut opened)?;
/// assert_eq!(opened, b"one order");
///
/// let other = opening.open(&message, Aad::from("order 18"), &mut opened);
/// assert_eq!(other, Err(OpenError::NotAuthentic));
/// assert_eq!(opened, b"one order"); // nothing was appended
/// # }
/// # Ok::<(), datakey_envelope::OpenError>(())
/// ```
///
/// # Several readers, several messages
///
/// It is made for one data key and one encryption context, and opens every message that was sealed under both, whatever its suite, kind and
/// frame length. A message of another data key is refused by its commitment before any cipher is set up, which costs two short derivations:
/// trying the keys of several wrapped keys one after the other is cheap.
pub struct OpeningKey {
    prepared: Preparations,
    context: EncryptionContext,
}

impl OpeningKey {
    /// Names the memory on the heap in which this key holds its secrets until it is dropped, for whoever locks pages: all
    /// but the states that are prepared when the first message asks for them. Only addresses: nothing is read.
    pub fn secret_memory(&self, visit: &mut dyn FnMut(Range<*const u8>)) {
        visit(self.prepared.memory());
    }

    /// Prepares a data key that was unwrapped with this context. What depends on suite, kind and frame length is
    /// prepared when the first message asks for it, and kept.
    ///
    /// # Errors
    /// [`LimitError`] when the data key has another length than [`DATA_KEY_LENGTH`](crate::DATA_KEY_LENGTH): it is none
    /// of this format.
    pub fn new(data_key: &DataKey, context: &EncryptionContext) -> Result<Self, LimitError> {
        Ok(Self {
            prepared: Preparations::new(Keyed::new(data_key)?),
            context: context.clone(),
        })
    }

    /// Prepares the data key of a message, of those that its wrapped keys opened to with this context: the first that has
    /// the message's commitment (rule K6). Those after it are not asked for, so that they may be unwrapped one by one.
    ///
    /// A wrapped key that opens need not be the message's: whoever stores messages can put that of another in its place. So
    /// hand over what all of them open to, not the first only.
    ///
    /// ```
    /// # #[cfg(feature = "getrandom")] {
    /// # use datakey_envelope::{Aad, Message, OpenError, OpeningKey, Params, SealingKey};
    /// # use datakey_provider::{DataKey, DataKeyLength, EncryptionContext, WrappedKey, WrappedKeys};
    /// # let data_key = |byte| DataKey::init(DataKeyLength::Bytes32, |bytes| bytes.fill(byte));
    /// # let key = |blob: &[u8]| WrappedKey::new("local:dev", blob.to_vec()).unwrap();
    /// # let wrapped = WrappedKeys::new([key(&[8]), key(&[7])]).unwrap();
    /// # let context = EncryptionContext::empty();
    /// # let mut sealed = Vec::new();
    /// # let sealing = SealingKey::new(&data_key(7), &wrapped, &context, &Params::new()).unwrap();
    /// # sealing.seal(b"one order", Aad::EMPTY, &mut sealed).unwrap();
    /// # let unwrap = |wrapped: &WrappedKey| Some(data_key(wrapped.blob()[0]));
    /// let message = Message::decode(&sealed)?;
    /// let wrapped = message.header().wrapped_keys()?; // the first is another message's
    /// let data_keys = wrapped.iter().filter_map(unwrap);
    /// let opening = OpeningKey::for_message(data_keys, &context, message.header(), Aad::EMPTY)?;
    /// let mut opened = Vec::new();
    /// opening.open(&message, Aad::EMPTY, &mut opened)?;
    /// assert_eq!(opened, b"one order");
    /// # }
    /// # Ok::<(), datakey_envelope::OpenError>(())
    /// ```
    ///
    /// # Errors
    /// [`OpenError::NotAuthentic`] when none of them has it.
    pub fn for_message<K: Borrow<DataKey>>(
        data_keys: impl IntoIterator<Item = K>,
        context: &EncryptionContext,
        header: &Header<'_>,
        aad: Aad<'_>,
    ) -> Result<Self, OpenError> {
        if !fips::permits(header.suite()) {
            return Err(OpenError::NotApproved {
                suite: header.suite(),
            });
        }
        let fitting = |data_key: K| {
            // One of another length is none of this format, and so not the message's.
            let key = Self::new(data_key.borrow(), context).ok()?;
            key.check_header(header, aad).ok().map(|()| key)
        };
        let mut fitting = data_keys.into_iter().filter_map(fitting);
        fitting.next().ok_or(OpenError::NotAuthentic)
    }

    /// The encryption context that the data key was unwrapped with.
    #[must_use]
    pub const fn context(&self) -> &EncryptionContext {
        &self.context
    }

    /// Opens a whole byte stream and appends the plaintext to `out`: all of it or nothing.
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
    /// use datakey_envelope::{Aad, Message, OpenError};
    ///
    /// let mut sealed = Vec::new();
    /// sealing.seal(b"one order", Aad::EMPTY, &mut sealed)?;
    /// let mut out = b"kept: ".to_vec();
    /// let mut altered = sealed.clone();
    /// *altered.last_mut().expect("a message is not empty") ^= 1;
    /// assert_eq!(opening.open(&Message::decode(&altered)?, Aad::EMPTY, &mut out), Err(OpenError::NotAuthentic));
    /// assert_eq!(out, b"kept: "); // all or nothing
    /// opening.open(&Message::decode(&sealed)?, Aad::EMPTY, &mut out)?;
    /// assert_eq!(out, b"kept: one order");
    /// # }
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// [`OpenError`]; `out` then has its former length, and what was written behind it is wiped.
    pub fn open(&self, message: &Message<'_>, aad: Aad<'_>, out: &mut Vec<u8>) -> Result<(), OpenError> {
        let plain_len = plain_len(message)?;
        // Used where it stands: taken out of the result, the key would be copied.
        let mut frames = self.begin(message.header(), aad);
        let frames = frames.as_mut().map_err(|error| *error)?;
        // No more than the body that is there is asked for.
        whole::append(out, plain_len, Whole { frames, message })
    }

    /// Opens a whole byte stream into the front of `out` and returns the length of the plaintext: all of it or
    /// nothing. [`Header::plain_len`] tells the length before. For large messages it is faster than appending to a
    /// vector, whose new bytes have to be zeroed first.
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
    /// use datakey_envelope::{Aad, Message, OpenError};
    ///
    /// let mut sealed = Vec::new();
    /// sealing.seal(b"one order", Aad::EMPTY, &mut sealed)?;
    /// let message = Message::decode(&sealed)?;
    /// let mut short = [0; 4];
    /// let refused = opening.open_into(&message, Aad::EMPTY, &mut short);
    /// assert_eq!(refused, Err(OpenError::BufferTooShort { needed: 9 }));
    /// let mut room = [0; 64];
    /// let len = opening.open_into(&message, Aad::EMPTY, &mut room)?;
    /// assert_eq!(&room[..len], b"one order");
    /// # }
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// [`OpenError`]; [`OpenError::BufferTooShort`] tells the length, and everything that is found wrong while frames
    /// are opened wipes `out`.
    pub fn open_into(&self, message: &Message<'_>, aad: Aad<'_>, out: &mut [u8]) -> Result<usize, OpenError> {
        let needed = plain_len(message)?;
        let out = out
            .get_mut(..needed)
            .ok_or(OpenError::BufferTooShort { needed })?;
        // Used where it stands: taken out of the result, the key would be copied.
        let mut frames = self.begin(message.header(), aad);
        let frames = frames.as_mut().map_err(|error| *error)?;
        whole::fill(out, Whole { frames, message }).map(|()| needed)
    }

    /// Opens a whole records message, appends the plaintext of all records to `out` one after the other, and says
    /// where each of them stands: all or nothing.
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
    /// use datakey_envelope::{Aad, Message};
    ///
    /// let mut batch = Vec::new();
    /// sealing.seal_records(["order 1", "", "order 3"], Aad::EMPTY, &mut batch)?;
    /// let mut out = Vec::new();
    /// let places = opening.open_records(&Message::decode(&batch)?, Aad::EMPTY, &mut out)?;
    /// let records: Vec<&[u8]> = places.into_iter().map(|place| &out[place]).collect();
    /// assert_eq!(records, [&b"order 1"[..], b"", b"order 3"]); // an empty record is one
    /// # }
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// [`OpenError`]; `out` then has its former length, and what was written behind it is wiped.
    pub fn open_records(
        &self,
        message: &Message<'_>,
        aad: Aad<'_>,
        out: &mut Vec<u8>,
    ) -> Result<Vec<Range<usize>>, OpenError> {
        let mut opener = self.record_opener(message.header(), aad)?;
        let mut rest = message.body();
        all_or_nothing(out, |out| {
            out.reserve(rest.len());
            let (mut records, mut start) = (Vec::new(), out.len());
            while opener.next_record(&mut rest, out)?.is_some() {
                records.push(start..out.len());
                start = out.len();
            }
            opener.finish()?;
            Ok(records)
        })
    }

    /// Begins opening a byte stream whose body arrives in portions.
    ///
    /// # Errors
    /// [`OpenError`]: the commitment is checked here.
    pub fn stream_opener(&self, header: &Header<'_>, aad: Aad<'_>) -> Result<StreamOpener, OpenError> {
        expect_kind(header, Kind::Bytes)?;
        Ok(StreamOpener::new(self.begin(header, aad)?, header))
    }

    /// Begins opening a records message whose body arrives in portions.
    ///
    /// # Errors
    /// [`OpenError`]: the commitment is checked here.
    pub fn record_opener(&self, header: &Header<'_>, aad: Aad<'_>) -> Result<RecordOpener, OpenError> {
        expect_kind(header, Kind::Records)?;
        Ok(RecordOpener::new(self.begin(header, aad)?, header))
    }

    /// Whether this data key, its context and `aad` are what a message was sealed with, without opening any of it (rule K6).
    ///
    /// For whoever has the data keys of several wrapped keys, or gave a message other wrapped keys and wants to know that
    /// they hold its data key.
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
    /// use datakey_envelope::{Aad, Header, OpenError};
    ///
    /// let mut sealed = Vec::new();
    /// sealing.seal(b"one order", Aad::from("order 17"), &mut sealed)?;
    /// let header = Header::decode(&sealed)?;
    /// assert_eq!(opening.check_header(&header, Aad::from("order 17")), Ok(()));
    /// assert_eq!(opening.check_header(&header, Aad::from("order 18")), Err(OpenError::NotAuthentic));
    /// # }
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// [`OpenError::NotAuthentic`] when they are not.
    pub fn check_header(&self, header: &Header<'_>, aad: Aad<'_>) -> Result<(), OpenError> {
        self.begin(header, aad).map(drop)
    }

    pub(crate) fn begin(&self, header: &Header<'_>, aad: Aad<'_>) -> Result<FrameOpener, OpenError> {
        if !fips::permits(header.suite()) {
            return Err(OpenError::NotApproved {
                suite: header.suite(),
            });
        }
        if !header.has_context(&self.context) {
            return Err(OpenError::NotAuthentic);
        }
        let profile = Profile {
            suite: header.suite(),
            kind: header.kind(),
            frame_len: header.frame_len(),
            context_digest: &fips::context_digest(&self.context),
        };
        self.prepared.with(&profile, |prepared| {
            FrameOpener::new(profile.suite, prepared, header.salt(), aad, header.commitment())
        })
    }
}

/// The length of the plaintext of a byte stream that is there as a whole.
pub(crate) fn plain_len(message: &Message<'_>) -> Result<usize, OpenError> {
    let header = message.header();
    expect_kind(header, Kind::Bytes)?;
    let body_len = u64::try_from(message.body().len()).unwrap_or(u64::MAX);
    let plain_len = geometry::plain_len(body_len, header.frame_len())?;
    // Shorter than the body, which is in memory.
    Ok(usize::try_from(plain_len).unwrap_or_default())
}

/// A whole byte stream, still to be opened.
struct Whole<'a> {
    frames: &'a mut FrameOpener,
    message: &'a Message<'a>,
}

impl whole::Write<OpenError> for Whole<'_> {
    fn write(self, out: &mut impl Room) -> Result<(), OpenError> {
        let mut rest = self.message.body();
        let sealed_len = stream::sealed_frame_len(self.message.header());
        while let Some((frame, more)) = rest.split_at_checked(sealed_len)
            && !more.is_empty()
        {
            self.frames.write(frame, Position::Inner, out)?;
            rest = more;
        }
        self.frames.write(rest, Position::Last, out)
    }
}

fn expect_kind(header: &Header<'_>, expected: Kind) -> Result<(), OpenError> {
    let found = header.kind();
    if found == expected {
        Ok(())
    } else {
        Err(OpenError::OtherKind { expected, found })
    }
}

impl fmt::Debug for OpeningKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("OpeningKey")
            .field("context", &self.context)
            .finish_non_exhaustive()
    }
}
