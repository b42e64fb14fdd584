//! A reader that opens what it reads.
use alloc::{boxed::Box, vec, vec::Vec};
use core::fmt;
use std::io::{self, Read};

use super::waiting::Waiting;
use crate::{Aad, FormatError, Header, OpenError, OpeningKey, StreamOpener};

/// How many sealed bytes are read at a time.
const PORTION: usize = 64 << 10;

/// Reads the header of a message off the front of a reader, and not a byte more: what [`Header::decode`] takes.
///
/// A header has at most [`MAX_HEADER_LEN`](crate::MAX_HEADER_LEN) bytes, whatever it says of itself.
///
/// # Errors
/// Errors of `inner`; a [`FormatError`] inside of [`io::ErrorKind::InvalidData`] if it is no message, or of
/// [`io::ErrorKind::UnexpectedEof`] if it ends early.
pub fn read_header<R: Read + ?Sized>(inner: &mut R) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    while let Err(error) = Header::decode(&bytes) {
        let FormatError::Truncated { missing } = error else {
            return Err(io::Error::new(io::ErrorKind::InvalidData, error));
        };
        let portion = missing.clamp(1, PORTION as u64);
        if inner.take(portion).read_to_end(&mut bytes)? == 0 {
            return Err(io::Error::new(io::ErrorKind::UnexpectedEof, error));
        }
    }
    Ok(bytes)
}

/// Opens what it reads, in constant memory. Made by [`OpeningKey::reader`].
///
/// Only authenticated plaintext comes out. That the message is whole is known at the end of file: a message that is cut short
/// ends in [`io::ErrorKind::InvalidData`] with an [`OpenError`] inside, never in a plain end of file. After such an error every
/// further read fails in the same way; errors of the inner reader are passed on, and reading may be tried again.
///
/// Plaintext that waits here to be read is wiped when it was read, and when the reader is dropped.
///
/// Small reads are served from what was opened last. The inner reader is read in portions and to its end, as a message is the whole of what
/// follows its header: where something else follows, bound it with `take`.
pub struct OpenReader<R> {
    inner: R,
    opener: Option<StreamOpener>,
    opened: Waiting,
    failed: Option<OpenError>,
    sealed: Box<[u8]>,
}

impl OpeningKey {
    /// Opens the rest of `inner`, whose header was read off it ([`read_header`]). The commitment is checked here.
    /// [`SealingKey::writer`](crate::SealingKey) has an example of both ways.
    ///
    /// # Errors
    /// [`OpenError`].
    pub fn reader<R: Read>(
        &self,
        header: &Header<'_>,
        aad: Aad<'_>,
        inner: R,
    ) -> Result<OpenReader<R>, OpenError> {
        Ok(OpenReader {
            inner,
            opener: Some(self.stream_opener(header, aad)?),
            opened: Waiting::default(),
            failed: None,
            sealed: vec![0; PORTION].into(),
        })
    }
}

impl<R> OpenReader<R> {
    /// The reader that the sealed bytes come from.
    pub const fn get_ref(&self) -> &R {
        &self.inner
    }

    /// Whether there is something to hand out, or nothing ever will be. What fails was read when all before was handed out.
    fn is_ready(&self) -> io::Result<bool> {
        match self.failed {
            Some(error) => Err(io::Error::new(io::ErrorKind::InvalidData, error)),
            None => Ok(!self.opened.is_empty() || self.opener.is_none()),
        }
    }

    /// Opens so much of what was read; nothing is the end.
    fn take(&mut self, read: usize) {
        let sealed = self.sealed.get(..read).unwrap_or_default();
        let opener = &mut self.opener;
        let opened = self.opened.fill(|out| match opener {
            Some(_) if sealed.is_empty() => opener.take().map_or(Ok(()), |last| last.finish(out)),
            Some(opener) => opener.push(sealed, out),
            None => Ok(()),
        });
        if let Err(error) = opened {
            self.opener = None;
            self.failed = Some(error);
        }
    }
}

impl<R: Read> Read for OpenReader<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if buffer.is_empty() {
            return Ok(0);
        }
        while !self.is_ready()? {
            let read = self.inner.read(&mut self.sealed)?;
            self.take(read);
        }
        Ok(self.opened.read_into(buffer))
    }
}

impl<R> fmt::Debug for OpenReader<R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("OpenReader")
            .field("ended", &self.opener.is_none())
            .field("waiting", &self.opened.len())
            .finish_non_exhaustive()
    }
}
