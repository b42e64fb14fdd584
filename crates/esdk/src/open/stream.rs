//! A message opened as it arrives.
use alloc::{boxed::Box, vec::Vec};
use core::{fmt, mem};

use zeroize::{Zeroize as _, Zeroizing};

use super::frames::FrameOpener;
use crate::{
    Content, Fault, FormatError, Header, OpenError, OpenParams,
    body::{END, MAX_CONTENT_LEN, Piece},
    cursor::{Cursor, malformed},
    header::{IV_LEN, TAG_LEN},
    schedule::Part,
    sign::{Hasher, VerifyingKey},
};

/// Opens one message in portions, in the memory of one frame.
///
/// Only authenticated plaintext comes out. That the message is *whole*, and its signature valid, is known when
/// [`finish`](Self::finish) succeeds and not before: do not act on the plaintext for good until then.
///
/// ```
/// # #[cfg(feature = "getrandom")] {
/// # use datakey_esdk::{Header, OpenParams, OpeningKey, Params, SealingKey, Suite};
/// # use datakey_provider::{DataKey, DataKeyLength, EncryptionContext, WrappedKey};
/// # let data_key = DataKey::init(DataKeyLength::Bytes32, |bytes| bytes.fill(7));
/// # let wrapped = WrappedKey::new("arn:aws:kms:eu-central-1:111122223333:key/1", b"opaque".to_vec()).unwrap().into();
/// # let context = EncryptionContext::empty();
/// # let params = Params::new().with_suite(Suite::Aes256GcmHkdfSha512CommitKey);
/// # let sealing = SealingKey::new(&data_key, &wrapped, &context, None, &params).unwrap();
/// # let mut sealed = Vec::new();
/// # sealing.seal(b"some plaintext", &mut sealed).unwrap();
/// let opening = OpeningKey::new(&data_key, &context);
/// let header = Header::decode(&sealed)?;
/// let mut opener = opening.stream_opener(&header, &OpenParams::new())?;
/// let mut opened = Vec::new();
/// for portion in sealed[header.len()..].chunks(10) {
///     opener.push(portion, &mut opened)?;
/// }
/// opener.finish()?;
/// assert_eq!(opened, b"some plaintext");
/// # }
/// # Ok::<(), datakey_esdk::OpenError>(())
/// ```
///
/// # What is kept in memory
///
/// A frame, or content that is not framed, as it arrives: at most [what the reader allows](crate::OpenParams::with_max_stream_buffer), 64
/// MiB unless it says otherwise. Early versions wrote content that is not framed, of any length; those messages are opened as a whole, or
/// with a higher limit.
#[must_use = "a message is known to be whole only when it is finished"]
pub struct StreamOpener {
    /// Boxed, so that moving this does not copy its key.
    frames: Box<FrameOpener>,
    verifier: Option<(Hasher, VerifyingKey)>,
    content: Content,
    number: u32,
    awaited: Awaited,
    gather: Gather,
    /// The plaintext of the last frame of a signed message, until its signature is verified.
    held: Zeroizing<Vec<u8>>,
    max_buffer: u64,
    failed: Option<OpenError>,
}

/// What the next bytes are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Awaited {
    /// A frame's number, or the mark of the end.
    Number,
    /// The rest of a frame that is not the last.
    Frame,
    /// Number, IV and length of the last frame.
    FinalHead,
    /// IV and length of content that is not framed.
    WholeHead,
    /// Ciphertext and tag of the last piece.
    Last {
        part: Part,
        iv: [u8; IV_LEN],
        len: u64,
    },
    SignatureLength,
    Signature {
        len: u16,
    },
    Nothing,
}

impl Awaited {
    /// How many bytes.
    fn len(self, content: Content) -> u64 {
        let tag = TAG_LEN as u64;
        match self {
            Self::Number => 4,
            Self::Frame => match content {
                Content::Framed { frame_len } => u64::from(frame_len)
                    .saturating_add(IV_LEN as u64)
                    .saturating_add(tag),
                Content::NonFramed => 0,
            },
            // Twelve bytes of IV, and eight that are numbers and lengths.
            Self::FinalHead | Self::WholeHead => 20,
            Self::Last { len, .. } => len.saturating_add(tag),
            Self::SignatureLength => 2,
            Self::Signature { len } => u64::from(len),
            Self::Nothing => 0,
        }
    }
}

impl StreamOpener {
    pub(super) fn new(
        frames: FrameOpener,
        header: &Header<'_>,
        verifier: Option<(Hasher, VerifyingKey)>,
        params: &OpenParams,
    ) -> Self {
        let content = header.content();
        Self {
            frames: Box::new(frames),
            verifier,
            content,
            number: 1,
            awaited: match content {
                Content::Framed { .. } => Awaited::Number,
                Content::NonFramed => Awaited::WholeHead,
            },
            gather: Gather::default(),
            held: Zeroizing::default(),
            max_buffer: params.max_stream_buffer(),
            failed: None,
        }
    }

    /// Takes a portion of the body and appends the plaintext of the frames that it completes to `out`.
    ///
    /// # Errors
    /// [`OpenError`]; `out` then has its former length, what was written behind it is wiped, and every further call
    /// fails in the same way.
    pub fn push(&mut self, mut sealed: &[u8], out: &mut Vec<u8>) -> Result<(), OpenError> {
        if let Some(error) = self.failed {
            return Err(error);
        }
        let start = out.len();
        // At once, as a vector that grows leaves plaintext behind.
        let kept = self.gather.pending.len().saturating_add(self.held.len());
        out.reserve(kept.saturating_add(sealed.len()));
        let pushed = self.portion(&mut sealed, out);
        if let Err(error) = pushed {
            self.failed = Some(error);
            out.get_mut(start..).unwrap_or_default().zeroize();
            out.truncate(start);
        }
        pushed
    }

    /// Says that the message ends here.
    ///
    /// # Errors
    /// [`OpenError`], also when the message was cut short.
    ///
    /// It consumes the stream: nothing can follow. For a signed message the last frame's plaintext was held back until here.
    pub fn finish(self) -> Result<(), OpenError> {
        if let Some(error) = self.failed {
            return Err(error);
        }
        if self.awaited == Awaited::Nothing {
            return Ok(());
        }
        let there = u64::try_from(self.gather.pending.len()).unwrap_or(u64::MAX);
        let missing = self.awaited.len(self.content).saturating_sub(there).max(1);
        Err(FormatError::Truncated { missing }.into())
    }

    fn portion(&mut self, sealed: &mut &[u8], out: &mut Vec<u8>) -> Result<(), OpenError> {
        loop {
            if self.awaited == Awaited::Nothing {
                return if sealed.is_empty() {
                    Ok(())
                } else {
                    Err(malformed(Fault::Trailing).into())
                };
            }
            let (needed, limit) = (self.awaited.len(self.content), self.max_buffer);
            if needed > limit && matches!(self.awaited, Awaited::Frame | Awaited::Last { .. }) {
                return Err(OpenError::FrameTooLong { needed, limit });
            }
            // Taken out for the time, so that what was gathered can be looked at beside everything else.
            let mut gather = mem::take(&mut self.gather);
            let step = match gather.next(sealed, usize::try_from(needed).unwrap_or(usize::MAX)) {
                Some(bytes) => self.step(bytes, out).map(|()| true),
                None => Ok(false),
            };
            self.gather = gather;
            if !step? {
                return Ok(());
            }
        }
    }

    fn step(&mut self, bytes: &[u8], out: &mut Vec<u8>) -> Result<(), OpenError> {
        let is_signature = matches!(self.awaited, Awaited::SignatureLength | Awaited::Signature { .. });
        if let Some((hasher, _)) = self.verifier.as_mut().filter(|_| !is_signature) {
            hasher.update(bytes);
        }
        let mut cursor = Cursor(bytes);
        self.awaited = match self.awaited {
            Awaited::Number => match cursor.u32()? {
                END => Awaited::FinalHead,
                number if number == self.number => Awaited::Frame,
                _ => return Err(malformed(Fault::SequenceNumber).into()),
            },
            Awaited::Frame => {
                let iv = cursor.array()?;
                self.open(Part::Frame, iv, cursor.0, out)?;
                self.number = self.number.saturating_add(1);
                Awaited::Number
            }
            Awaited::FinalHead => {
                if cursor.u32()? != self.number {
                    return Err(malformed(Fault::SequenceNumber).into());
                }
                let (iv, len) = (*cursor.array()?, cursor.u32()?);
                if matches!(self.content, Content::Framed { frame_len } if len > frame_len) {
                    return Err(malformed(Fault::FinalFrameLength).into());
                }
                let (part, len) = (Part::FinalFrame, u64::from(len));
                Awaited::Last { part, iv, len }
            }
            Awaited::WholeHead => {
                let (iv, len) = (*cursor.array()?, cursor.u64()?);
                if len > MAX_CONTENT_LEN {
                    return Err(malformed(Fault::ContentLength).into());
                }
                let part = Part::Whole;
                Awaited::Last { part, iv, len }
            }
            Awaited::Last { part, iv, .. } => self.last(part, &iv, bytes, out)?,
            Awaited::SignatureLength => Awaited::Signature { len: cursor.u16()? },
            Awaited::Signature { .. } => {
                if let Some((hasher, key)) = self.verifier.take() {
                    key.verify(hasher, bytes)
                        .map_err(|_refused| OpenError::Signature)?;
                }
                out.extend_from_slice(&self.held);
                self.held.zeroize();
                Awaited::Nothing
            }
            Awaited::Nothing => Awaited::Nothing,
        };
        Ok(())
    }

    fn last(
        &mut self,
        part: Part,
        iv: &[u8; IV_LEN],
        sealed: &[u8],
        out: &mut Vec<u8>,
    ) -> Result<Awaited, OpenError> {
        if self.verifier.is_none() {
            self.open(part, iv, sealed, out)?;
            return Ok(Awaited::Nothing);
        }
        let mut held = mem::take(&mut self.held);
        let opened = self.open(part, iv, sealed, &mut held);
        self.held = held;
        opened.map(|()| Awaited::SignatureLength)
    }

    fn open(
        &mut self,
        part: Part,
        iv: &[u8; IV_LEN],
        sealed: &[u8],
        out: &mut Vec<u8>,
    ) -> Result<(), OpenError> {
        let Some((ciphertext, tag)) = sealed.split_last_chunk() else {
            return Err(OpenError::NotAuthentic);
        };
        let piece = Piece {
            part,
            number: self.number,
            iv,
            ciphertext,
            tag,
        };
        let start = out.len();
        out.resize(start.saturating_add(ciphertext.len()), 0);
        self.frames.open(&piece, out.get_mut(start..).unwrap_or_default())
    }
}

/// Gathers pieces of a known length from input that arrives in any portions, without copying what arrives whole.
#[derive(Debug, Default)]
struct Gather {
    pending: Vec<u8>,
    /// What is pending was used, and makes room for what comes.
    used: bool,
}

impl Gather {
    /// The next `len` bytes, once they are there. The buffer grows with what arrived only.
    fn next<'g, 'i: 'g>(&'g mut self, input: &mut &'i [u8], len: usize) -> Option<&'g [u8]> {
        if mem::take(&mut self.used) {
            self.pending.clear();
        }
        if self.pending.is_empty()
            && let Some((piece, rest)) = input.split_at_checked(len)
        {
            *input = rest;
            return Some(piece);
        }
        let missing = len.saturating_sub(self.pending.len());
        let (front, rest) = input.split_at_checked(missing).unwrap_or((input, &[]));
        self.pending.extend_from_slice(front);
        *input = rest;
        self.used = self.pending.len() >= len;
        self.used.then_some(self.pending.as_slice())
    }
}

impl fmt::Debug for StreamOpener {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("StreamOpener")
            .field("frames", &self.number.saturating_sub(1))
            .finish_non_exhaustive()
    }
}
