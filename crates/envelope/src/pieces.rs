//! A byte stream sealed and opened piece by piece: each piece may be worked on by another thread, while the next is read.
use alloc::{sync::Arc, vec::Vec};
use core::{fmt, ops::Range};

use crate::{
    Aad, FrameLen, Header, Kind, OpenError, OpeningKey, SealError, SealingKey,
    cipher::TAG_LEN,
    frame::{FrameOpener, FrameSealer, Position},
    geometry,
    whole::{self, Slice},
};

/// Which frames a piece has, and where.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Frames {
    first: u64,
    /// Of the plaintext.
    plain_len: usize,
    frame_len: usize,
    is_last: bool,
}

impl Frames {
    /// With their tags; an empty last piece is one empty frame.
    fn sealed_len(&self) -> usize {
        self.count()
            .saturating_mul(TAG_LEN)
            .saturating_add(self.plain_len)
    }

    fn count(&self) -> usize {
        let least = usize::from(self.is_last);
        self.plain_len.div_ceil(self.frame_len).max(least)
    }

    fn plain(&self) -> Range<u64> {
        let start = self.first.saturating_mul(as_u64(self.frame_len));
        start..start.saturating_add(as_u64(self.plain_len))
    }

    fn sealed(&self, header_len: u64) -> Range<u64> {
        let sealed_frame = as_u64(self.frame_len.saturating_add(TAG_LEN));
        let start = header_len.saturating_add(self.first.saturating_mul(sealed_frame));
        start..start.saturating_add(as_u64(self.sealed_len()))
    }

    /// The numbers of the frames, and whether each is the last of the message.
    fn numbers(&self) -> impl Iterator<Item = (u64, Position)> + use<> {
        let end = self.first.saturating_add(as_u64(self.count()));
        let is_last = self.is_last;
        (self.first..end).map(move |number| {
            if is_last && number.saturating_add(1) == end {
                (number, Position::Last)
            } else {
                (number, Position::Inner)
            }
        })
    }
}

/// Cuts a stream into pieces, one after the other.
#[derive(Debug)]
struct Cutter {
    frame_len: usize,
    next: u64,
    total: u64,
}

impl Cutter {
    const fn new(frame_len: FrameLen) -> Self {
        Self {
            frame_len: frame_len.bytes(),
            next: 0,
            total: 0,
        }
    }

    /// The next piece; `None` where the format has no such message.
    fn piece(&mut self, plain_len: usize, is_last: bool) -> Option<Frames> {
        let total = geometry::lengthened(self.total, as_u64(plain_len))?;
        let is_whole = plain_len != 0 && plain_len.checked_rem(self.frame_len) == Some(0);
        // Only an empty message ends in an empty frame.
        let fits = if is_last {
            plain_len > 0 || self.next == 0
        } else {
            is_whole
        };
        if !fits {
            return None;
        }
        let frames = Frames {
            first: self.next,
            plain_len,
            frame_len: self.frame_len,
            is_last,
        };
        self.next = self.next.checked_add(as_u64(frames.count()))?;
        self.total = total;
        Some(frames)
    }
}

/// Seals one byte stream in pieces, which may be sealed in any order and on any threads. The bytes are the same as of every other
/// way to seal.
///
/// A piece is some whole frames, and the last one is the rest. Each seals once, so that no frame is sealed twice under one key.
/// The message is whole when every piece stands where it belongs.
///
/// ```
/// # #[cfg(feature = "getrandom")] {
/// # use datakey_envelope::{Aad, Message, OpeningKey, Params, SealingKey};
/// # use datakey_provider::{DataKey, DataKeyLength, EncryptionContext, WrappedKey};
/// # let data_key = DataKey::init(DataKeyLength::Bytes32, |bytes| bytes.fill(7));
/// # let wrapped = WrappedKey::new("local:dev", b"opaque".to_vec()).unwrap().into();
/// # let context = EncryptionContext::empty();
/// # let key = SealingKey::new(&data_key, &wrapped, &context, &Params::new()).unwrap();
/// let plain = vec![7; 300_000];
/// let mut sealed = Vec::new();
/// let mut pieces = key.piece_sealer(Aad::EMPTY, &mut sealed)?; // the header is there
/// let one = pieces.inner(2 * 65_536)?;
/// let two = pieces.last(plain.len() - 2 * 65_536)?;
/// sealed.resize(two.sealed().end as usize, 0);
/// let (front, back) = sealed.split_at_mut(two.sealed().start as usize);
/// let front = &mut front[one.sealed().start as usize..];
/// let (early, late) = plain.split_at(one.plain().end as usize);
/// std::thread::scope(|scope| {
///     scope.spawn(|| two.seal_into(late, back).unwrap());
///     one.seal_into(early, front).unwrap();
/// });
///
/// let opening = OpeningKey::new(&data_key, &context)?;
/// let mut opened = Vec::new();
/// opening.open(&Message::decode(&sealed)?, Aad::EMPTY, &mut opened)?;
/// assert_eq!(opened, plain);
/// # }
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[must_use = "a message without its last piece does not open"]
pub struct PieceSealer {
    frames: Arc<FrameSealer>,
    cutter: Cutter,
    header_len: u64,
}

/// A piece of a message, still to be sealed; see [`PieceSealer`].
#[must_use = "a message without one of its pieces does not open"]
pub struct UnsealedPiece {
    sealer: Arc<FrameSealer>,
    frames: Frames,
    header_len: u64,
}

impl SealingKey {
    /// Begins a byte stream that is sealed piece by piece; appends the header to `out`. [`PieceSealer`] has an example.
    ///
    /// # Errors
    /// [`SealError`]; `out` is then as before.
    #[cfg(feature = "getrandom")]
    pub fn piece_sealer(&self, aad: Aad<'_>, out: &mut Vec<u8>) -> Result<PieceSealer, SealError> {
        self.piece_sealer_with_salt(crate::Salt::random()?, aad, out)
    }

    /// As [`piece_sealer`](Self::piece_sealer), with a salt from elsewhere.
    ///
    /// # Errors
    /// [`SealError`]; `out` is then as before.
    #[expect(
        clippy::needless_pass_by_value,
        reason = "a salt is used up by the message it is for"
    )]
    pub fn piece_sealer_with_salt(
        &self,
        salt: crate::Salt,
        aad: Aad<'_>,
        out: &mut Vec<u8>,
    ) -> Result<PieceSealer, SealError> {
        let frames = whole::all_or_nothing(out, |out| self.begin(Kind::Bytes, &salt, aad, out))?;
        Ok(PieceSealer {
            frames: Arc::new(frames),
            cutter: Cutter::new(self.params().frame_len()),
            header_len: as_u64(self.header_len()),
        })
    }
}

impl PieceSealer {
    /// The next piece, of `plain_len` bytes of plaintext: some whole frames, after which more comes.
    ///
    /// # Errors
    /// [`SealError::PieceLength`] when that is no multiple of the frame length, or nothing; [`SealError::MessageTooLong`].
    pub fn inner(&mut self, plain_len: usize) -> Result<UnsealedPiece, SealError> {
        self.piece(plain_len, false)
    }

    /// The last piece, of `plain_len` bytes of plaintext. Only that of an empty message is empty.
    ///
    /// # Errors
    /// [`SealError::PieceLength`] when it is empty and another was before it; [`SealError::MessageTooLong`].
    pub fn last(mut self, plain_len: usize) -> Result<UnsealedPiece, SealError> {
        self.piece(plain_len, true)
    }

    fn piece(&mut self, plain_len: usize, is_last: bool) -> Result<UnsealedPiece, SealError> {
        let too_long = geometry::lengthened(self.cutter.total, as_u64(plain_len)).is_none();
        let frames = self.cutter.piece(plain_len, is_last).ok_or(if too_long {
            SealError::MessageTooLong
        } else {
            SealError::PieceLength { len: plain_len }
        })?;
        Ok(UnsealedPiece {
            sealer: Arc::clone(&self.frames),
            frames,
            header_len: self.header_len,
        })
    }
}

impl UnsealedPiece {
    /// Where it stands in the plaintext.
    ///
    /// Pieces of a plan follow each other without gaps, so these ranges cut the plaintext into work for several threads.
    #[must_use]
    pub fn plain(&self) -> Range<u64> {
        self.frames.plain()
    }

    /// Where it stands in the message, header included.
    ///
    /// What it seals goes here, in whatever order pieces are done: write at an offset, or put together at the end.
    #[must_use]
    pub fn sealed(&self) -> Range<u64> {
        self.frames.sealed(self.header_len)
    }

    /// Seals it into the front of `out`, and returns its length there.
    ///
    /// # Errors
    /// [`SealError::PieceLength`] when the plaintext is not as long as was said, [`SealError::BufferTooShort`]; a failure of the
    /// cipher wipes `out`. The message cannot be finished then.
    pub fn seal_into(self, plaintext: &[u8], out: &mut [u8]) -> Result<usize, SealError> {
        if plaintext.len() != self.frames.plain_len {
            return Err(SealError::PieceLength { len: plaintext.len() });
        }
        let needed = self.frames.sealed_len();
        let out = out
            .get_mut(..needed)
            .ok_or(SealError::BufferTooShort { needed })?;
        whole::fill(
            out,
            Sealing {
                piece: &self,
                plaintext,
            },
        )
        .map(|()| needed)
    }
}

struct Sealing<'p> {
    piece: &'p UnsealedPiece,
    plaintext: &'p [u8],
}

impl whole::Write<SealError> for Sealing<'_> {
    fn write(self, out: &mut impl crate::room::Room) -> Result<(), SealError> {
        let mut rest = self.plaintext;
        for (number, position) in self.piece.frames.numbers() {
            let (frame, more) = rest.split_at(rest.len().min(self.piece.frames.frame_len));
            let sealed = out.room(frame.len().saturating_add(TAG_LEN)).unwrap_or_default();
            self.piece.sealer.seal_at(number, position, frame, sealed)?;
            rest = more;
        }
        Ok(())
    }
}

/// Opens one byte stream in pieces, which may be opened in any order and on any threads.
///
/// What a piece opens to is authentic and in its place. That the message is *whole* is known when all of its pieces were opened,
/// up to the last.
///
/// ```
/// # #[cfg(feature = "getrandom")] {
/// # use datakey_envelope::{Aad, Header, OpeningKey, Params, SealingKey};
/// # use datakey_provider::{DataKey, DataKeyLength, EncryptionContext, WrappedKey};
/// # let data_key = DataKey::init(DataKeyLength::Bytes32, |bytes| bytes.fill(7));
/// # let wrapped = WrappedKey::new("local:dev", b"opaque".to_vec()).unwrap().into();
/// # let context = EncryptionContext::empty();
/// # let key = SealingKey::new(&data_key, &wrapped, &context, &Params::new()).unwrap();
/// # let plain = vec![7; 300_000];
/// # let mut sealed = Vec::new();
/// # key.seal(&plain, Aad::EMPTY, &mut sealed).unwrap();
/// let opening = OpeningKey::new(&data_key, &context)?;
/// let header = Header::decode(&sealed)?;
/// let mut pieces = opening.piece_opener(&header, Aad::EMPTY)?;
/// let mut opened = vec![0; plain.len()];
/// let mut rest = opened.as_mut_slice();
/// for piece in [pieces.inner(2 * pieces.sealed_frame_len())?, pieces.last(sealed.len() - header.len() - 2 * 65_552)?] {
///     let at = piece.sealed().start as usize..piece.sealed().end as usize;
///     let len = piece.open_into(&sealed[at], rest)?;
///     rest = &mut rest[len..];
/// }
/// assert_eq!(opened, plain);
/// # }
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// A piece that was opened may be written to its place in a file before the others are; the file is the plaintext when all of them were,
/// and not before.
#[must_use = "a message is known to be whole only when its last piece was opened"]
pub struct PieceOpener {
    frames: Arc<FrameOpener>,
    cutter: Cutter,
    header_len: u64,
    frame_len: FrameLen,
    /// How many bytes of the body were asked for.
    sealed: u64,
}

/// A piece of a message, still to be opened; see [`PieceOpener`].
#[must_use = "a message is known to be whole only when each of its pieces was opened"]
pub struct SealedPiece {
    opener: Arc<FrameOpener>,
    frames: Frames,
    header_len: u64,
}

impl OpeningKey {
    /// Begins to open a byte stream piece by piece. The commitment is checked here. [`PieceOpener`] has an example.
    ///
    /// # Errors
    /// [`OpenError`].
    pub fn piece_opener(&self, header: &Header<'_>, aad: Aad<'_>) -> Result<PieceOpener, OpenError> {
        if header.kind() != Kind::Bytes {
            return Err(OpenError::OtherKind {
                expected: Kind::Bytes,
                found: header.kind(),
            });
        }
        Ok(PieceOpener {
            frames: Arc::new(self.begin(header, aad)?),
            cutter: Cutter::new(header.frame_len()),
            header_len: as_u64(header.len()),
            frame_len: header.frame_len(),
            sealed: 0,
        })
    }
}

impl PieceOpener {
    /// The length of each frame but the last, with its tag: pieces are cut at its multiples.
    #[must_use]
    pub const fn sealed_frame_len(&self) -> usize {
        self.cutter.frame_len.saturating_add(TAG_LEN)
    }

    /// The next piece, of `sealed_len` bytes of the message: some whole frames, after which more comes.
    ///
    /// # Errors
    /// [`OpenError::NotAsPlanned`] when that is no multiple of the length of a frame, or nothing; [`OpenError::Format`] when the
    /// message becomes longer than one may be.
    pub fn inner(&mut self, sealed_len: usize) -> Result<SealedPiece, OpenError> {
        let frames = sealed_len.div_euclid(self.sealed_frame_len());
        let is_whole = frames > 0 && sealed_len == frames.saturating_mul(self.sealed_frame_len());
        if !is_whole {
            return Err(OpenError::NotAsPlanned {
                expected: as_u64(self.sealed_frame_len()),
                found: as_u64(sealed_len),
            });
        }
        self.piece(frames.saturating_mul(self.cutter.frame_len), sealed_len, false)
    }

    /// The last piece, of `sealed_len` bytes of the message: all that is left of it.
    ///
    /// # Errors
    /// [`OpenError::Format`] when no message ends like that.
    pub fn last(mut self, sealed_len: usize) -> Result<SealedPiece, OpenError> {
        let body = self.sealed.saturating_add(as_u64(sealed_len));
        let whole = geometry::plain_len(body, self.frame_len)?;
        let rest = usize::try_from(whole.saturating_sub(self.cutter.total)).unwrap_or(usize::MAX);
        self.piece(rest, sealed_len, true)
    }

    fn piece(
        &mut self,
        plain_len: usize,
        sealed_len: usize,
        is_last: bool,
    ) -> Result<SealedPiece, OpenError> {
        let frames = self.cutter.piece(plain_len, is_last).ok_or({
            let rule = if is_last {
                crate::Rule::EmptyLastFrame
            } else {
                crate::Rule::MessageLength
            };
            crate::FormatError::Malformed { rule }
        })?;
        self.sealed = self.sealed.saturating_add(as_u64(sealed_len));
        Ok(SealedPiece {
            opener: Arc::clone(&self.frames),
            frames,
            header_len: self.header_len,
        })
    }
}

impl SealedPiece {
    /// Where it stands in the plaintext.
    #[must_use]
    pub fn plain(&self) -> Range<u64> {
        self.frames.plain()
    }

    /// Where it stands in the message, header included.
    #[must_use]
    pub fn sealed(&self) -> Range<u64> {
        self.frames.sealed(self.header_len)
    }

    /// Opens it into the front of `out`, and returns its length there: all of it or nothing.
    ///
    /// # Errors
    /// [`OpenError::NotAsPlanned`] when the bytes are not as many as was said, [`OpenError::BufferTooShort`];
    /// [`OpenError::NotAuthentic`] wipes `out`.
    pub fn open_into(&self, sealed: &[u8], out: &mut [u8]) -> Result<usize, OpenError> {
        let expected = self.frames.sealed_len();
        if sealed.len() != expected {
            return Err(OpenError::NotAsPlanned {
                expected: as_u64(expected),
                found: as_u64(sealed.len()),
            });
        }
        let needed = self.frames.plain_len;
        let out = out
            .get_mut(..needed)
            .ok_or(OpenError::BufferTooShort { needed })?;
        whole::fill(out, Opening { piece: self, sealed }).map(|()| needed)
    }
}

struct Opening<'p> {
    piece: &'p SealedPiece,
    sealed: &'p [u8],
}

impl whole::Write<OpenError> for Opening<'_> {
    fn write(self, out: &mut impl crate::room::Room) -> Result<(), OpenError> {
        let mut rest = self.sealed;
        let sealed_frame = self.piece.frames.frame_len.saturating_add(TAG_LEN);
        for (number, position) in self.piece.frames.numbers() {
            let (frame, more) = rest.split_at(rest.len().min(sealed_frame));
            let plain = out
                .room(frame.len().saturating_sub(TAG_LEN))
                .ok_or(OpenError::NotAuthentic)?;
            self.piece
                .opener
                .write_at(number, position, frame, &mut Slice(plain))?;
            rest = more;
        }
        Ok(())
    }
}

impl fmt::Debug for PieceSealer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PieceSealer")
            .field("total", &self.cutter.total)
            .finish_non_exhaustive()
    }
}

impl fmt::Debug for UnsealedPiece {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("UnsealedPiece")
            .field("plain", &self.plain())
            .finish_non_exhaustive()
    }
}

impl fmt::Debug for PieceOpener {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PieceOpener")
            .field("total", &self.cutter.total)
            .finish_non_exhaustive()
    }
}

impl fmt::Debug for SealedPiece {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SealedPiece")
            .field("plain", &self.plain())
            .finish_non_exhaustive()
    }
}

fn as_u64(len: usize) -> u64 {
    u64::try_from(len).unwrap_or(u64::MAX)
}
