//! Bytes that are ready and not yet handed on.
use alloc::vec::Vec;
use std::io::{self, Write};

use zeroize::Zeroize as _;

/// Bytes that are ready and not yet handed on, in a buffer that is used again. They are wiped when they have gone: some are plaintext.
#[derive(Default)]
pub(super) struct Waiting {
    bytes: Vec<u8>,
    done: usize,
}

impl Waiting {
    pub(super) fn is_empty(&self) -> bool {
        self.done >= self.bytes.len()
    }

    pub(super) fn len(&self) -> usize {
        self.bytes.len().saturating_sub(self.done)
    }

    /// Lets `produce` append bytes, when none wait.
    pub(super) fn fill<T>(&mut self, produce: impl FnOnce(&mut Vec<u8>) -> T) -> T {
        if self.is_empty() {
            self.bytes.zeroize();
            self.done = 0;
        }
        produce(&mut self.bytes)
    }

    /// Hands bytes on into a slice; returns how many.
    pub(super) fn read_into(&mut self, buffer: &mut [u8]) -> usize {
        let rest = self.bytes.get(self.done..).unwrap_or_default();
        let len = rest.len().min(buffer.len());
        for (to, from) in buffer.iter_mut().zip(rest) {
            *to = *from;
        }
        self.done = self.done.saturating_add(len);
        len
    }

    /// Writes all that waits. What was written before an error is not written again.
    pub(super) fn write_to<W: Write>(&mut self, inner: &mut W) -> io::Result<()> {
        while let Some(rest) = self.bytes.get(self.done..).filter(|rest| !rest.is_empty()) {
            match inner.write(rest) {
                Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
                Ok(written) => self.done = self.done.saturating_add(written),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }
}

impl Drop for Waiting {
    fn drop(&mut self) {
        self.bytes.zeroize();
    }
}
