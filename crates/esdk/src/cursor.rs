//! Bytes read from the front, with no indexing and no unchecked arithmetic.
use crate::{Fault, FormatError};

pub(crate) const fn malformed(fault: Fault) -> FormatError {
    FormatError::Malformed { fault }
}

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

    pub(crate) fn u16(&mut self) -> Result<u16, FormatError> {
        self.array().map(|bytes| u16::from_be_bytes(*bytes))
    }

    pub(crate) fn u32(&mut self) -> Result<u32, FormatError> {
        self.array().map(|bytes| u32::from_be_bytes(*bytes))
    }

    pub(crate) fn u64(&mut self) -> Result<u64, FormatError> {
        self.array().map(|bytes| u64::from_be_bytes(*bytes))
    }

    /// What a length of two bytes stands in front of.
    pub(crate) fn field(&mut self) -> Result<&'a [u8], FormatError> {
        let len = self.u16()?;
        self.take(usize::from(len))
    }
}
