//! Bytes read from the front, with no indexing and no unchecked arithmetic.
use crate::FormatError;

/// What is left to read.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Cursor<'a>(pub(crate) &'a [u8]);

impl<'a> Cursor<'a> {
    pub(crate) fn take(&mut self, len: usize) -> Result<&'a [u8], FormatError> {
        if let Some((taken, rest)) = self.0.split_at_checked(len) {
            self.0 = rest;
            return Ok(taken);
        }
        let missing = u64::try_from(len.saturating_sub(self.0.len())).unwrap_or(u64::MAX);
        Err(FormatError::Truncated { missing })
    }

    pub(crate) fn array<const N: usize>(&mut self) -> Result<&'a [u8; N], FormatError> {
        if let Some((taken, rest)) = self.0.split_first_chunk() {
            self.0 = rest;
            return Ok(taken);
        }
        self.take(N)?;
        Err(FormatError::Truncated { missing: 1 })
    }

    pub(crate) fn u8(&mut self) -> Result<u8, FormatError> {
        self.array().map(|[byte]| *byte)
    }

    pub(crate) fn u16(&mut self) -> Result<usize, FormatError> {
        self.array().map(|bytes| usize::from(u16::from_be_bytes(*bytes)))
    }
}
