//! The body of a message, taken apart without a key.
use crate::{
    Content, Fault, FormatError,
    cursor::{Cursor, malformed},
    header::{IV_LEN, TAG_LEN},
    schedule::Part,
};

/// In front of the final frame's number.
pub(crate) const END: u32 = u32::MAX;
/// What a frame adds to its plaintext: number, IV and tag.
pub(crate) const FRAME_OVERHEAD: usize = 4 + IV_LEN + TAG_LEN;
/// What the final frame adds to its plaintext: the mark of the end and the length beside.
pub(crate) const FINAL_OVERHEAD: usize = 4 + 4 + IV_LEN + 4 + TAG_LEN;
/// What GCM encrypts under one IV.
pub(crate) const MAX_CONTENT_LEN: u64 = (1 << 36) - 32;

/// A frame, or content that is not framed, where it stands in a message.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Piece<'a> {
    pub(crate) part: Part,
    pub(crate) number: u32,
    pub(crate) iv: &'a [u8; IV_LEN],
    pub(crate) ciphertext: &'a [u8],
    pub(crate) tag: &'a [u8; TAG_LEN],
}

/// Reads the pieces of a body one after the other.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Pieces<'a> {
    cursor: Cursor<'a>,
    content: Content,
    number: u32,
    ended: bool,
}

impl<'a> Pieces<'a> {
    pub(crate) const fn new(body: &'a [u8], content: Content) -> Self {
        Self {
            cursor: Cursor(body),
            content,
            number: 1,
            ended: false,
        }
    }

    /// The next piece; `None` after the last one.
    pub(crate) fn next(&mut self) -> Result<Option<Piece<'a>>, FormatError> {
        if self.ended {
            return Ok(None);
        }
        match self.content {
            Content::Framed { frame_len } => self.frame(frame_len).map(Some),
            Content::NonFramed => self.whole().map(Some),
        }
    }

    fn frame(&mut self, frame_len: u32) -> Result<Piece<'a>, FormatError> {
        let cursor = &mut self.cursor;
        let (mut number, mut len, mut part) = (cursor.u32()?, frame_len, Part::Frame);
        if number == END {
            part = Part::FinalFrame;
            self.ended = true;
            number = cursor.u32()?;
        }
        if number != self.number {
            return Err(malformed(Fault::SequenceNumber));
        }
        let iv = cursor.array()?;
        if part == Part::FinalFrame {
            len = cursor.u32()?;
            if len > frame_len {
                return Err(malformed(Fault::FinalFrameLength));
            }
        }
        let ciphertext = cursor.take(usize::try_from(len).unwrap_or(usize::MAX))?;
        let tag = cursor.array()?;
        self.number = self.number.saturating_add(1);
        Ok(Piece {
            part,
            number,
            iv,
            ciphertext,
            tag,
        })
    }

    fn whole(&mut self) -> Result<Piece<'a>, FormatError> {
        self.ended = true;
        let iv = self.cursor.array()?;
        let len = self.cursor.u64()?;
        if len > MAX_CONTENT_LEN {
            return Err(malformed(Fault::ContentLength));
        }
        Ok(Piece {
            part: Part::Whole,
            number: 1,
            iv,
            ciphertext: self.cursor.take(usize::try_from(len).unwrap_or(usize::MAX))?,
            tag: self.cursor.array()?,
        })
    }
}

/// What a body has, once all of it is there.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Layout<'a> {
    /// The length of the plaintext.
    pub(crate) plain_len: usize,
    /// All in front of the footer: what a signature covers behind the header.
    pub(crate) signed: &'a [u8],
    /// The signature, where the suite signs.
    pub(crate) signature: &'a [u8],
}

/// Takes a whole body apart: nothing is missing and nothing stands behind it.
pub(crate) fn layout(body: &[u8], content: Content, is_signed: bool) -> Result<Layout<'_>, FormatError> {
    let mut pieces = Pieces::new(body, content);
    let mut plain_len = 0_usize;
    while let Some(piece) = pieces.next()? {
        plain_len = plain_len.saturating_add(piece.ciphertext.len());
    }
    let mut cursor = pieces.cursor;
    let end = body.len().saturating_sub(cursor.0.len());
    let signature = if is_signed { cursor.field()? } else { &[] };
    if !cursor.0.is_empty() {
        return Err(malformed(Fault::Trailing));
    }
    Ok(Layout {
        plain_len,
        signed: body.get(..end).unwrap_or_default(),
        signature,
    })
}
