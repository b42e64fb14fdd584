//! A byte stream sealed as it arrives.
use alloc::{boxed::Box, vec::Vec};
use core::fmt;

use crate::{
    FrameLen, SealError,
    chunks::Chunks,
    cipher::TAG_LEN,
    frame::{FrameSealer, Position},
    geometry::lengthened,
    room::Room,
    whole::{self, Write as _, all_or_nothing},
};

/// Seals one byte stream in portions, in the memory of one frame.
///
/// However the plaintext is portioned, the message is the same. A sealer that is dropped before
/// [`finish`](Self::finish) leaves a message cut short, which no reader opens to its end.
///
/// ```
/// # #[cfg(feature = "getrandom")] {
/// # use datakey_envelope::{Aad, Params, SealingKey};
/// # use datakey_provider::{DataKey, DataKeyLength, EncryptionContext, WrappedKey};
/// # let data_key = DataKey::init(DataKeyLength::Bytes32, |bytes| bytes.fill(7));
/// # let wrapped = WrappedKey::new("local:dev", b"opaque".to_vec()).unwrap().into();
/// # let key = SealingKey::new(&data_key, &wrapped, &EncryptionContext::empty(), &Params::new()).unwrap();
/// let mut out = Vec::new();
/// let mut sealer = key.stream_sealer(Aad::EMPTY, &mut out)?;
/// for portion in ["some ", "plaintext"] {
///     sealer.push(portion.as_bytes(), &mut out)?;
///     // write `out` somewhere and clear it
/// }
/// sealer.finish(&mut out)?;
/// # assert_eq!(out.len(), key.sealed_len(14).unwrap());
/// # }
/// # Ok::<(), datakey_envelope::SealError>(())
/// ```
///
/// Portions of the frame length, or a multiple of it, are sealed straight from the caller's buffer; others are gathered first.
#[must_use = "a message without its last frame does not open"]
pub struct StreamSealer {
    /// Boxed, so that moving this does not copy its key.
    frames: Box<FrameSealer>,
    chunks: Chunks,
    total: u64,
    abandoned: bool,
}

impl StreamSealer {
    pub(super) fn new(frames: FrameSealer, frame_len: FrameLen) -> Self {
        Self {
            frames: Box::new(frames),
            chunks: Chunks::new(frame_len.bytes()),
            total: 0,
            abandoned: false,
        }
    }

    /// Takes a portion of the plaintext and appends what frames it completes to `out`.
    ///
    /// # Errors
    /// [`SealError`]; `out` is then as before. After [`SealError::MessageTooLong`] the message may still be
    /// finished with what it has; after anything else it is [`SealError::Abandoned`].
    pub fn push(&mut self, plaintext: &[u8], out: &mut Vec<u8>) -> Result<(), SealError> {
        let total = self.total_with(plaintext)?;
        out.reserve(self.push_len(plaintext.len()));
        let pushed = all_or_nothing(out, |out| self.portion(plaintext).write(out));
        self.total = total;
        self.abandoned = pushed.is_err();
        pushed
    }

    /// As [`push`](Self::push), but writes into the front of `out` and returns how much: exactly
    /// [`push_len`](Self::push_len).
    ///
    /// # Errors
    /// As `push`, and [`SealError::BufferTooShort`], after which the same portion may be pushed again.
    pub fn push_into(&mut self, plaintext: &[u8], out: &mut [u8]) -> Result<usize, SealError> {
        let total = self.total_with(plaintext)?;
        let needed = self.push_len(plaintext.len());
        let out = out
            .get_mut(..needed)
            .ok_or(SealError::BufferTooShort { needed })?;
        let pushed = whole::fill(out, self.portion(plaintext));
        self.total = total;
        self.abandoned = pushed.is_err();
        pushed.map(|()| needed)
    }

    /// How many bytes the next push writes if its portion has `plain_len` bytes.
    #[must_use]
    pub fn push_len(&self, plain_len: usize) -> usize {
        let sealed_frame = self.chunks.len().saturating_add(TAG_LEN);
        self.chunks.completes(plain_len).saturating_mul(sealed_frame)
    }

    fn portion<'s>(&'s mut self, plaintext: &'s [u8]) -> Portion<'s> {
        let Self { frames, chunks, .. } = self;
        Portion {
            frames,
            chunks,
            plaintext,
        }
    }

    fn total_with(&self, plaintext: &[u8]) -> Result<u64, SealError> {
        if self.abandoned {
            return Err(SealError::Abandoned);
        }
        let more = u64::try_from(plaintext.len()).unwrap_or(u64::MAX);
        lengthened(self.total, more).ok_or(SealError::MessageTooLong)
    }

    /// Appends the last frame.
    ///
    /// # Errors
    /// [`SealError`]; `out` is then as before.
    pub fn finish(mut self, out: &mut Vec<u8>) -> Result<(), SealError> {
        if self.abandoned {
            return Err(SealError::Abandoned);
        }
        all_or_nothing(out, |out| {
            self.frames.write(self.chunks.last(), Position::Last, out)
        })
    }
}

/// A portion of the plaintext, still to be written.
struct Portion<'s> {
    frames: &'s mut FrameSealer,
    chunks: &'s mut Chunks,
    plaintext: &'s [u8],
}

impl whole::Write<SealError> for Portion<'_> {
    fn write(self, out: &mut impl Room) -> Result<(), SealError> {
        let Self { frames, chunks, .. } = self;
        chunks.push(self.plaintext, |frame| frames.write(frame, Position::Inner, out))
    }
}

impl fmt::Debug for StreamSealer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("StreamSealer")
            .field("total", &self.total)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Suite, schedule};

    #[test]
    fn after_a_failure_no_nonce_is_used_again() {
        let key = datakey_provider::DataKey::init(crate::DATA_KEY_LENGTH, |bytes| bytes.fill(1));
        let profile = schedule::Profile {
            suite: Suite::Aes256Gcm,
            kind: crate::Kind::Bytes,
            frame_len: FrameLen::MIN,
            context_digest: &[0; 32],
        };
        let mut secrets = schedule::MessageSecrets::empty();
        schedule::Keyed::new(&key).unwrap().prepare(&profile).derive(
            &[0; 24],
            crate::Aad::EMPTY,
            &mut secrets,
        );
        let mut sealer = StreamSealer::new(
            FrameSealer::new(Suite::Aes256Gcm, &secrets).unwrap(),
            FrameLen::MIN,
        );
        // The ciphers do not fail on what the format allows, so the state after a failure is set by hand.
        sealer.abandoned = true;
        let mut out = Vec::new();
        assert_eq!(sealer.push(&[0; 200], &mut out), Err(SealError::Abandoned));
        assert_eq!(sealer.finish(&mut out), Err(SealError::Abandoned));
        assert!(out.is_empty());
    }
}
