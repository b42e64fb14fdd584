//! A byte stream opened as it arrives.
use alloc::{boxed::Box, vec::Vec};
use core::fmt;

use crate::{
    FormatError, Header, OpenError, Rule,
    chunks::Chunks,
    cipher::TAG_LEN,
    frame::{FrameOpener, Position},
    geometry::lengthened,
    room::Room,
    whole::{self, Write as _, all_or_nothing},
};

/// Opens one byte stream in portions, in the memory of one frame.
///
/// Only authenticated plaintext comes out. That the stream is *whole* is known when [`finish`](Self::finish) succeeds
/// and not before: do not act on the plaintext for good until then.
///
/// ```
/// # #[cfg(feature = "getrandom")] {
/// # use datakey_envelope::{Aad, Header, OpeningKey, Params, SealingKey};
/// # use datakey_provider::{DataKey, DataKeyLength, EncryptionContext, WrappedKey};
/// # let data_key = DataKey::init(DataKeyLength::Bytes32, |bytes| bytes.fill(7));
/// # let wrapped = WrappedKey::new("local:dev", b"opaque".to_vec()).unwrap().into();
/// # let context = EncryptionContext::empty();
/// # let mut sealed = Vec::new();
/// # let key = SealingKey::new(&data_key, &wrapped, &context, &Params::new()).unwrap();
/// # key.seal(b"some plaintext", Aad::EMPTY, &mut sealed).unwrap();
/// let opening = OpeningKey::new(&data_key, &context)?;
/// let header = Header::decode(&sealed)?;
/// let mut opener = opening.stream_opener(&header, Aad::EMPTY)?;
/// let mut opened = Vec::new();
/// for portion in sealed[header.len()..].chunks(10) {
///     opener.push(portion, &mut opened)?;
/// }
/// opener.finish(&mut opened)?;
/// assert_eq!(opened, b"some plaintext");
/// # }
/// # Ok::<(), datakey_envelope::OpenError>(())
/// ```
///
/// After any failure it is over, and every further call fails in the same way, so that a loop which ignores an error gets no further.
#[must_use = "a stream is known to be whole only when it is finished"]
pub struct StreamOpener {
    /// Boxed, so that moving this does not copy its key.
    frames: Box<FrameOpener>,
    chunks: Chunks,
    total: u64,
    failed: Option<OpenError>,
}

/// The length of each frame but the last, with its tag.
pub(super) fn sealed_frame_len(header: &Header<'_>) -> usize {
    header.frame_len().bytes().saturating_add(TAG_LEN)
}

impl StreamOpener {
    pub(super) fn new(frames: FrameOpener, header: &Header<'_>) -> Self {
        Self {
            frames: Box::new(frames),
            chunks: Chunks::new(sealed_frame_len(header)),
            total: 0,
            failed: None,
        }
    }

    /// Takes a portion of the body and appends the plaintext of the frames that it completes to `out`.
    ///
    /// # Errors
    /// [`OpenError`]; `out` then has its former length, what was written behind it is wiped, and every further call
    /// fails in the same way.
    pub fn push(&mut self, sealed: &[u8], out: &mut Vec<u8>) -> Result<(), OpenError> {
        if let Some(error) = self.failed {
            return Err(error);
        }
        // At once, as a vector that grows leaves plaintext behind.
        out.reserve(self.push_len(sealed.len()));
        let pushed = all_or_nothing(out, |out| self.portion(sealed).write(out));
        self.failed = pushed.err();
        pushed
    }

    /// As [`push`](Self::push), but writes into the front of `out` and returns how much: exactly
    /// [`push_len`](Self::push_len).
    ///
    /// # Errors
    /// As `push`, and [`OpenError::BufferTooShort`], after which the same portion may be pushed again.
    pub fn push_into(&mut self, sealed: &[u8], out: &mut [u8]) -> Result<usize, OpenError> {
        if let Some(error) = self.failed {
            return Err(error);
        }
        let needed = self.push_len(sealed.len());
        let out = out
            .get_mut(..needed)
            .ok_or(OpenError::BufferTooShort { needed })?;
        let pushed = whole::fill(out, self.portion(sealed));
        self.failed = pushed.err();
        pushed.map(|()| needed)
    }

    /// How many bytes the next push writes if its portion has `sealed_len` bytes.
    #[must_use]
    pub fn push_len(&self, sealed_len: usize) -> usize {
        let plain_frame = self.chunks.len().saturating_sub(TAG_LEN);
        self.chunks.completes(sealed_len).saturating_mul(plain_frame)
    }

    fn portion<'s>(&'s mut self, sealed: &'s [u8]) -> Portion<'s> {
        Portion { opener: self, sealed }
    }

    /// Opens the last frame, now that nothing follows it.
    ///
    /// # Errors
    /// [`OpenError`], also when the stream was cut short; `out` is then as before.
    pub fn finish(mut self, out: &mut Vec<u8>) -> Result<(), OpenError> {
        if let Some(error) = self.failed {
            return Err(error);
        }
        let last = self.chunks.last();
        if last.len() == TAG_LEN && self.total > 0 {
            return Err(FormatError::Malformed {
                rule: Rule::EmptyLastFrame,
            }
            .into());
        }
        all_or_nothing(out, |out| {
            write(&mut self.frames, last, Position::Last, &mut self.total, out)
        })
    }
}

/// A portion of the body, still to be opened.
struct Portion<'s> {
    opener: &'s mut StreamOpener,
    sealed: &'s [u8],
}

impl whole::Write<OpenError> for Portion<'_> {
    fn write(self, out: &mut impl Room) -> Result<(), OpenError> {
        let StreamOpener {
            frames,
            chunks,
            total,
            ..
        } = self.opener;
        chunks.push(self.sealed, |frame| {
            write(frames, frame, Position::Inner, total, out)
        })
    }
}

fn write(
    frames: &mut FrameOpener,
    sealed: &[u8],
    position: Position,
    total: &mut u64,
    out: &mut impl Room,
) -> Result<(), OpenError> {
    let plain_len = u64::try_from(sealed.len().saturating_sub(TAG_LEN)).unwrap_or(u64::MAX);
    *total = lengthened(*total, plain_len).ok_or(FormatError::Malformed {
        rule: Rule::MessageLength,
    })?;
    frames.write(sealed, position, out)
}

impl fmt::Debug for StreamOpener {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("StreamOpener")
            .field("total", &self.total)
            .finish_non_exhaustive()
    }
}
