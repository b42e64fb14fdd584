//! Writers that seal what is written to them.
use std::{
    fmt,
    io::{self, Write},
    pin::Pin,
    task::{Context, Poll, ready},
};

use datakey_envelope::Aad;
use pin_project_lite::pin_project;
use tokio::io::AsyncWrite;

use super::{pending::Pending, sealer::StreamSealer};
use crate::{SealError, SealingKey, StreamError};

/// The most plaintext that one write takes: bounds what is sealed before it is written.
const PORTION: usize = 256 << 10;

pin_project! {
    /// Seals what is written to it, in constant memory: [`Write`] around a `Write`, [`AsyncWrite`] around an `AsyncWrite`.
    ///
    /// The message is whole only after [`finish`](Self::finish), or `shutdown` on the async side. A writer that is dropped
    /// before leaves a message cut short, which no reader opens to its end.
    ///
    /// Writing more than was reserved is [`io::ErrorKind::FileTooLarge`]; what was taken before remains in the message.
    ///
    /// ```
    /// use std::io::Write;
    /// use datakey::{Aad, EncryptionContext, Sealer};
    ///
    /// async fn seal_file(sealer: &Sealer) -> Result<(), Box<dyn std::error::Error>> {
    ///     let context = EncryptionContext::new([("purpose", "archive")])?;
    ///     let sealed = std::fs::File::create_new("orders.csv.datakey")?;
    ///     let mut writer = sealer.writer(&context, Aad::EMPTY, Some(1 << 30), sealed).await?;
    ///     writeln!(writer, "order,total")?;
    ///     writer.finish()?.sync_all()?;
    ///     Ok(())
    /// }
    /// ```
    pub struct SealWriter<W> {
        #[pin]
        inner: W,
        sealer: Option<StreamSealer>,
        pending: Pending,
        left: Option<u64>,
        // Why the last frame could not be sealed: then the message never becomes whole.
        failed: Option<SealError>,
    }
}

impl<W> SealWriter<W> {
    /// Seals to `inner` under a key; `at_most` bounds the plaintext in bytes, as it was reserved.
    ///
    /// # Errors
    /// When the message cannot be begun, for want of random bytes, or as its format has no place for associated data.
    pub fn new(key: &SealingKey, aad: Aad<'_>, at_most: Option<u64>, inner: W) -> Result<Self, StreamError> {
        let mut pending = Pending::default();
        let sealer = pending.fill(|out| StreamSealer::begin(key, aad, out))?;
        Ok(Self {
            inner,
            sealer: Some(sealer),
            pending,
            left: at_most,
            failed: None,
        })
    }

    /// The writer that the sealed bytes go to.
    pub const fn get_ref(&self) -> &W {
        &self.inner
    }
}

/// Seals the next portion of what is to be written into `pending`; returns how much of it that was.
fn portion(
    sealer: &mut Option<StreamSealer>,
    pending: &mut Pending,
    left: &mut Option<u64>,
    plaintext: &[u8],
) -> io::Result<usize> {
    let sealer = sealer.as_mut().ok_or_else(finished)?;
    let portion = plaintext.get(..PORTION).unwrap_or(plaintext);
    let rest = take(*left, portion.len())?;
    pending
        .fill(|out| sealer.push(portion, out))
        .map_err(StreamError::from)?;
    *left = rest;
    Ok(portion.len())
}

/// What remains of what was reserved when so many bytes are taken off it.
pub(super) fn take(left: Option<u64>, len: usize) -> io::Result<Option<u64>> {
    let Some(left) = left else {
        return Ok(None);
    };
    left.checked_sub(len as u64).map(Some).ok_or_else(|| {
        io::Error::new(
            io::ErrorKind::FileTooLarge,
            "more is written than was reserved; give a higher bound when the writer is made",
        )
    })
}

fn finished() -> io::Error {
    io::Error::new(io::ErrorKind::BrokenPipe, "the message is finished")
}

/// Seals the last frame into `pending`, once. What failed once fails again: a second `shutdown` must not pass for the
/// end of a message that has none.
fn seal_last(
    sealer: &mut Option<StreamSealer>,
    pending: &mut Pending,
    failed: &mut Option<SealError>,
) -> Result<(), StreamError> {
    if let Some(last) = sealer.take() {
        *failed = pending.fill(|out| last.finish(out)).err();
    }
    failed.clone().map_or(Ok(()), |error| Err(error.into()))
}

impl<W: Write> SealWriter<W> {
    /// Seals the last frame, writes what is left, flushes, and gives the inner writer back.
    ///
    /// # Errors
    /// Errors of the inner writer.
    pub fn finish(mut self) -> Result<W, StreamError> {
        seal_last(&mut self.sealer, &mut self.pending, &mut self.failed)?;
        self.pending.write_to(&mut self.inner)?;
        self.inner.flush()?;
        Ok(self.inner)
    }
}

impl<W: Write> Write for SealWriter<W> {
    fn write(&mut self, plaintext: &[u8]) -> io::Result<usize> {
        self.pending.write_to(&mut self.inner)?;
        portion(&mut self.sealer, &mut self.pending, &mut self.left, plaintext)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.pending.write_to(&mut self.inner)?;
        self.inner.flush()
    }
}

impl<W: AsyncWrite> AsyncWrite for SealWriter<W> {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, plaintext: &[u8]) -> Poll<io::Result<usize>> {
        let mut this = self.project();
        ready!(this.pending.poll_write_to(this.inner.as_mut(), cx))?;
        Poll::Ready(portion(this.sealer, this.pending, this.left, plaintext))
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let mut this = self.project();
        ready!(this.pending.poll_write_to(this.inner.as_mut(), cx))?;
        this.inner.poll_flush(cx)
    }

    /// Seals the last frame, writes what is left and shuts the inner writer down.
    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let mut this = self.project();
        seal_last(this.sealer, this.pending, this.failed)?;
        ready!(this.pending.poll_write_to(this.inner.as_mut(), cx))?;
        this.inner.poll_shutdown(cx)
    }
}

impl<W> fmt::Debug for SealWriter<W> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SealWriter")
            .field("finished", &self.sealer.is_none())
            .field("pending", &self.pending.len())
            .finish_non_exhaustive()
    }
}
