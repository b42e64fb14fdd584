//! Bytes that are ready and not yet handed on.
use std::{
    io::{self, Write},
    pin::Pin,
    task::{Context, Poll, ready},
};

use tokio::io::{AsyncWrite, ReadBuf};
use zeroize::Zeroize as _;

/// Bytes that are ready and not yet handed on, in a buffer that is used again.
#[derive(Default)]
pub(super) struct Pending {
    bytes: Vec<u8>,
    done: usize,
    /// Whether they are plaintext, which is wiped when it was handed on, and when this is dropped.
    is_plaintext: bool,
}

impl Pending {
    /// For plaintext.
    pub(super) fn of_plaintext() -> Self {
        Self {
            bytes: Vec::new(),
            done: 0,
            is_plaintext: true,
        }
    }

    /// How many bytes wait.
    pub(super) fn len(&self) -> usize {
        self.bytes.len().saturating_sub(self.done)
    }

    pub(super) fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Lets `produce` append bytes.
    pub(super) fn fill<T>(&mut self, produce: impl FnOnce(&mut Vec<u8>) -> T) -> T {
        if self.is_empty() {
            self.clear();
        }
        produce(&mut self.bytes)
    }

    /// Hands bytes on into a slice; returns how many.
    pub(super) fn read_into(&mut self, buffer: &mut [u8]) -> usize {
        let rest = self.rest();
        let len = rest.len().min(buffer.len());
        if let (Some(from), Some(to)) = (rest.get(..len), buffer.get_mut(..len)) {
            to.copy_from_slice(from);
        }
        self.advance(len);
        len
    }

    /// Hands bytes on into an async read buffer.
    pub(super) fn read_into_buf(&mut self, buffer: &mut ReadBuf<'_>) {
        let rest = self.rest();
        let len = rest.len().min(buffer.remaining());
        buffer.put_slice(rest.get(..len).unwrap_or_default());
        self.advance(len);
    }

    /// Writes all that waits. What was written before an error is not written again.
    pub(super) fn write_to<W: Write>(&mut self, inner: &mut W) -> io::Result<()> {
        while !self.is_empty() {
            match inner.write(self.rest()) {
                Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
                Ok(written) => self.advance(written),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }

    /// As [`write_to`](Self::write_to), without blocking.
    pub(super) fn poll_write_to<W: AsyncWrite>(
        &mut self,
        mut inner: Pin<&mut W>,
        cx: &mut Context<'_>,
    ) -> Poll<io::Result<()>> {
        while !self.is_empty() {
            match ready!(inner.as_mut().poll_write(cx, self.rest()))? {
                0 => return Poll::Ready(Err(io::ErrorKind::WriteZero.into())),
                written => self.advance(written),
            }
        }
        Poll::Ready(Ok(()))
    }

    fn rest(&self) -> &[u8] {
        self.bytes.get(self.done..).unwrap_or_default()
    }

    fn advance(&mut self, len: usize) {
        self.done = self.done.saturating_add(len).min(self.bytes.len());
        if self.is_empty() {
            self.clear();
        }
    }

    fn clear(&mut self) {
        if self.is_plaintext {
            self.bytes.zeroize();
        }
        self.bytes.clear();
        self.done = 0;
    }
}

impl Drop for Pending {
    fn drop(&mut self) {
        self.clear();
    }
}
