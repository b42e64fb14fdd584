//! A message sealed as its plaintext arrives.
use alloc::{boxed::Box, sync::Arc, vec::Vec};
use core::{fmt, num::NonZeroU32};

use zeroize::Zeroize as _;

use super::frames::{FrameSealer, footer_len, sealed_frame_len};
use crate::{SealError, SigningKey, sign::Hasher};

/// Seals one message in portions, in the memory of one frame.
///
/// ```
/// # #[cfg(feature = "getrandom")] {
/// # use datakey_esdk::{Message, OpenParams, OpeningKey, Params, SealingKey, Suite};
/// # use datakey_provider::{DataKey, DataKeyLength, EncryptionContext, WrappedKey};
/// # let data_key = DataKey::init(DataKeyLength::Bytes32, |bytes| bytes.fill(7));
/// # let wrapped = WrappedKey::new("arn:aws:kms:eu-central-1:111122223333:key/1", b"opaque".to_vec()).unwrap().into();
/// # let context = EncryptionContext::empty();
/// # let params = Params::new().with_suite(Suite::Aes256GcmHkdfSha512CommitKey);
/// # let sealing = SealingKey::new(&data_key, &wrapped, &context, None, &params)?;
/// let mut sealed = Vec::new();
/// let mut sealer = sealing.stream_sealer(&mut sealed)?;
/// for portion in ["some ", "plain", "text"] {
///     sealer.push(portion.as_bytes(), &mut sealed)?;
/// }
/// sealer.finish(&mut sealed)?;
/// # let mut opened = Vec::new();
/// # let opening = OpeningKey::new(&data_key, &context);
/// # opening.open(&Message::decode(&sealed).unwrap(), &OpenParams::new(), &mut opened).unwrap();
/// # assert_eq!(opened, b"some plaintext");
/// # }
/// # Ok::<(), datakey_esdk::SealError>(())
/// ```
///
/// A stream that is dropped before it is finished leaves what no reader takes for a message: it has no last frame.
#[must_use = "a message that is not finished does not open"]
pub struct StreamSealer {
    /// Boxed, so that moving this does not copy its key.
    frames: Box<FrameSealer>,
    signer: Option<(Hasher, Arc<SigningKey>)>,
    /// What does not fill a frame yet. A full frame waits for more, as the last frame differs from the others.
    pending: Vec<u8>,
    frame_len: usize,
    failed: bool,
}

impl StreamSealer {
    pub(super) fn new(
        frames: FrameSealer,
        signer: Option<(Hasher, Arc<SigningKey>)>,
        frame_len: NonZeroU32,
    ) -> Self {
        Self {
            frames: Box::new(frames),
            signer,
            pending: Vec::new(),
            frame_len: usize::try_from(frame_len.get()).unwrap_or(usize::MAX),
            failed: false,
        }
    }

    /// Takes a portion of the plaintext and appends the frames that it completes to `out`.
    ///
    /// # Errors
    /// [`SealError`]; `out` is then as before, and every further call fails with [`SealError::Abandoned`].
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
    /// use datakey_esdk::SealError;
    ///
    /// let mut out = Vec::new();
    /// let mut stream = sealing.stream_sealer(&mut out)?;
    /// let header = out.len();
    /// stream.push(&[7; 4096], &mut out)?;
    /// assert_eq!(out.len(), header); // a full frame waits: it may be the last, which is written otherwise
    /// stream.push(&[7], &mut out)?;
    /// assert_eq!(out.len(), header + 4096 + 32);
    /// stream.finish(&mut out)?;
    /// # let _ = |error: SealError| error;
    /// # }
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn push(&mut self, mut plaintext: &[u8], out: &mut Vec<u8>) -> Result<(), SealError> {
        let start = out.len();
        self.guarded(out, |own, out| {
            while own.pending.len().saturating_add(plaintext.len()) > own.frame_len {
                let missing = own.frame_len.saturating_sub(own.pending.len());
                let (front, rest) = plaintext.split_at_checked(missing).unwrap_or((plaintext, &[]));
                plaintext = rest;
                if own.pending.is_empty() {
                    own.frame(front, false, out)?;
                } else {
                    own.keep(front);
                    own.frame_of_pending(false, out)?;
                }
            }
            own.keep(plaintext);
            Ok(())
        })?;
        self.sign_over(out, start);
        Ok(())
    }

    /// Appends the last frame, and the signature where the suite has one.
    ///
    /// # Errors
    /// [`SealError`]; `out` is then as before.
    pub fn finish(mut self, out: &mut Vec<u8>) -> Result<(), SealError> {
        let start = out.len();
        self.guarded(out, |own, out| own.frame_of_pending(true, out))?;
        self.sign_over(out, start);
        let Some((hasher, key)) = self.signer.take() else {
            return Ok(());
        };
        match key.sign(hasher) {
            Ok(signature) => {
                out.extend_from_slice(&footer_len(&signature));
                out.extend_from_slice(&signature);
                Ok(())
            }
            Err(error) => {
                out.truncate(start);
                Err(error)
            }
        }
    }

    fn guarded(
        &mut self,
        out: &mut Vec<u8>,
        write: impl FnOnce(&mut Self, &mut Vec<u8>) -> Result<(), SealError>,
    ) -> Result<(), SealError> {
        if self.failed {
            return Err(SealError::Abandoned);
        }
        let start = out.len();
        let written = write(self, out);
        if written.is_err() {
            self.failed = true;
            out.truncate(start);
        }
        written
    }

    /// Keeps what waits for more. The buffer grows by hand, so that no plaintext stays where it was before.
    fn keep(&mut self, plaintext: &[u8]) {
        let needed = self.pending.len().saturating_add(plaintext.len());
        if needed > self.pending.capacity() {
            let mut larger = Vec::with_capacity(needed.max(self.pending.capacity().saturating_mul(2)));
            larger.extend_from_slice(&self.pending);
            self.pending.zeroize();
            self.pending = larger;
        }
        self.pending.extend_from_slice(plaintext);
    }

    fn frame_of_pending(&mut self, is_last: bool, out: &mut Vec<u8>) -> Result<(), SealError> {
        let mut pending = core::mem::take(&mut self.pending);
        let written = self.frame(&pending, is_last, out);
        // What comes next overwrites it, and dropping wipes all that the buffer has room for.
        pending.clear();
        self.pending = pending;
        written
    }

    fn frame(&mut self, plaintext: &[u8], is_last: bool, out: &mut Vec<u8>) -> Result<(), SealError> {
        let start = out.len();
        out.resize(
            start.saturating_add(sealed_frame_len(plaintext.len(), is_last)),
            0,
        );
        let room = out.get_mut(start..).unwrap_or_default();
        self.frames.write(plaintext, is_last, room)
    }

    fn sign_over(&mut self, out: &[u8], start: usize) {
        if let Some((hasher, _)) = &mut self.signer {
            hasher.update(out.get(start..).unwrap_or_default());
        }
    }
}

impl Drop for StreamSealer {
    fn drop(&mut self) {
        self.pending.zeroize();
    }
}

impl fmt::Debug for StreamSealer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("StreamSealer")
            .field("pending_len", &self.pending.len())
            .finish_non_exhaustive()
    }
}
