//! Reads of what nobody vouches for: the lists of a header, the pieces of a body. No indexing, no unchecked arithmetic,
//! and nothing is allocated for a length that a message merely claims.
use crate::{
    FormatError, Rule,
    cursor::Cursor,
    limits::{
        MAX_BLOB_LEN, MAX_CONTEXT_LEN, MAX_CONTEXT_PAIRS, MAX_CONTEXT_TEXT_LEN, MAX_KEY_ID_LEN,
        MAX_WRAPPED_KEYS,
    },
};

pub(crate) const fn broken(rule: Rule) -> FormatError {
    FormatError::Malformed { rule }
}

/// The encoded context, its rules checked.
pub(crate) fn context<'a>(cursor: &mut Cursor<'a>) -> Result<&'a [u8], FormatError> {
    let len = cursor.u16()?;
    if len > MAX_CONTEXT_LEN {
        return Err(broken(Rule::ContextLength));
    }
    let encoded = cursor.take(len)?;
    let (mut rest, mut pairs, mut previous) = (Cursor(encoded), 0_usize, None);
    while !rest.0.is_empty() {
        pairs = pairs.saturating_add(1);
        if pairs > MAX_CONTEXT_PAIRS {
            return Err(broken(Rule::ContextPairs));
        }
        let key = text(&mut rest)?;
        let _value = text(&mut rest)?;
        if key.is_empty() {
            return Err(broken(Rule::ContextText));
        }
        if previous.is_some_and(|previous: &str| previous.as_bytes() >= key.as_bytes()) {
            return Err(broken(Rule::ContextOrder));
        }
        previous = Some(key);
    }
    Ok(encoded)
}

/// A key or a value of a context.
pub(crate) fn text<'a>(cursor: &mut Cursor<'a>) -> Result<&'a str, FormatError> {
    let outside = |_early| broken(Rule::ContextEnd);
    let len = cursor.u16().map_err(outside)?;
    if len > MAX_CONTEXT_TEXT_LEN {
        return Err(broken(Rule::ContextText));
    }
    let bytes = cursor.take(len).map_err(outside)?;
    str::from_utf8(bytes).map_err(|_not_text| broken(Rule::ContextUtf8))
}

/// The encoded wrapped keys without their count, their rules checked.
pub(crate) fn wrapped_keys<'a>(cursor: &mut Cursor<'a>) -> Result<&'a [u8], FormatError> {
    let count = usize::from(cursor.u8()?);
    if count == 0 || count > MAX_WRAPPED_KEYS {
        return Err(broken(Rule::WrappedKeyCount));
    }
    let start = cursor.0;
    for index in 0..count {
        let key = wrapped_key(cursor)?;
        let mut earlier = Cursor(start);
        for _ in 0..index {
            if wrapped_key(&mut earlier)? == key {
                return Err(broken(Rule::WrappedKeyTwice));
            }
        }
    }
    let len = start.len().saturating_sub(cursor.0.len());
    Ok(start.get(..len).unwrap_or_default())
}

/// Key id, which is text, and blob.
pub(crate) fn wrapped_key<'a>(cursor: &mut Cursor<'a>) -> Result<(&'a [u8], &'a [u8]), FormatError> {
    let len = usize::from(cursor.u8()?);
    if len == 0 || len > MAX_KEY_ID_LEN {
        return Err(broken(Rule::KeyIdLength));
    }
    let key_id = cursor.take(len)?;
    if !is_printable(key_id) {
        let text = str::from_utf8(key_id).map_err(|_not_text| broken(Rule::KeyIdText))?;
        if text.chars().any(char::is_control) {
            return Err(broken(Rule::KeyIdText));
        }
    }
    let len = cursor.u16()?;
    if len == 0 || len > MAX_BLOB_LEN {
        return Err(broken(Rule::BlobLength));
    }
    let blob = cursor.take(len)?;
    Ok((key_id, blob))
}

/// Whether all bytes are printable ASCII, as those of most key ids are. Eight at a step.
fn is_printable(text: &[u8]) -> bool {
    let (words, rest) = text.as_chunks();
    words.iter().all(|word| are_printable(*word)) && rest.iter().all(|byte| matches!(byte, b' '..=b'~'))
}

/// A sum has the highest bit of a byte set from a first byte on. A carry into the next byte comes only from a byte that
/// has the bit set itself, and so is not printable.
const fn are_printable(word: [u8; 8]) -> bool {
    const HIGHEST: u64 = u64::from_ne_bytes([0x80; 8]);
    let bytes = u64::from_ne_bytes(word);
    let from_delete = bytes.wrapping_add(u64::from_ne_bytes([0x80 - 0x7F; 8]));
    let from_space = bytes.wrapping_add(u64::from_ne_bytes([0x80 - b' '; 8]));
    (bytes | from_delete | !from_space) & HIGHEST == 0
}

#[cfg(any(feature = "rustcrypto", feature = "aws-lc"))]
pub(crate) use body::{Gather, frame, record, record_head, records_end, records_end_with_marker, table};

#[cfg(any(feature = "rustcrypto", feature = "aws-lc"))]
mod body {
    use alloc::vec::Vec;
    use core::mem;

    use crate::{FormatError, Rule};

    /// A sealed frame taken apart: ciphertext and tag.
    pub(crate) fn frame(sealed: &[u8]) -> Result<(&[u8], &[u8; 16]), FormatError> {
        sealed.split_last_chunk().ok_or_else(|| {
            let missing = u64::try_from(16_usize.saturating_sub(sealed.len())).unwrap_or(16);
            FormatError::Truncated { missing }
        })
    }

    /// Gathers pieces of a known length from input that arrives in any portions, without copying what arrives whole.
    #[derive(Debug, Default)]
    pub(crate) struct Gather {
        pending: Vec<u8>,
        done: bool,
    }

    impl Gather {
        /// The next `len` bytes, or what is known to be missing of them. The buffer grows with what arrived only.
        pub(crate) fn next<'g, 'i: 'g>(
            &'g mut self,
            input: &mut &'i [u8],
            len: usize,
        ) -> Result<&'g [u8], u64> {
            if mem::take(&mut self.done) {
                self.pending.clear();
            }
            if self.pending.is_empty()
                && let Some((piece, rest)) = input.split_at_checked(len)
            {
                *input = rest;
                return Ok(piece);
            }
            let missing = len.saturating_sub(self.pending.len());
            let (fill, rest) = input.split_at_checked(missing).unwrap_or((input, &[]));
            self.pending.extend_from_slice(fill);
            *input = rest;
            match missing.saturating_sub(fill.len()) {
                0 => {
                    self.done = true;
                    Ok(&self.pending)
                }
                missing => Err(u64::try_from(missing).unwrap_or(u64::MAX)),
            }
        }
    }

    /// What stands where the next record would: its length, or nothing at the marker.
    pub(crate) fn record_head(head: &[u8]) -> Option<u32> {
        let len = u32::from_be_bytes(head.first_chunk().copied().unwrap_or([u8::MAX; 4]));
        (len != u32::MAX).then_some(len)
    }

    /// A record taken apart: its frame, if that is as long as the length in front of it says.
    pub(crate) fn record(sealed: &[u8]) -> Option<&[u8]> {
        let (head, frame) = sealed.split_first_chunk::<4>()?;
        let len = usize::try_from(record_head(head)?).ok()?;
        (frame.len().checked_sub(16) == Some(len)).then_some(frame)
    }

    /// The lengths of a table.
    pub(crate) fn table(table: &[u8]) -> impl ExactSizeIterator<Item = u32> {
        table.as_chunks().0.iter().map(|len| u32::from_be_bytes(*len))
    }

    /// As [`records_end`], of an end that the marker stands in front of.
    pub(crate) fn records_end_with_marker(end: &[u8]) -> Result<(&[u8], &[u8; 16], u32), FormatError> {
        let (marker, rest) = end
            .split_first_chunk::<4>()
            .ok_or(FormatError::Truncated { missing: 1 })?;
        if record_head(marker).is_some() {
            return Err(FormatError::Malformed {
                rule: Rule::RecordTable,
            });
        }
        records_end(rest)
    }

    /// The end of a records message taken apart: table, tag, count.
    pub(crate) fn records_end(end: &[u8]) -> Result<(&[u8], &[u8; 16], u32), FormatError> {
        let short = || FormatError::Truncated { missing: 1 };
        let (rest, count) = end.split_last_chunk().ok_or_else(short)?;
        let (table, tag) = rest.split_last_chunk().ok_or_else(short)?;
        Ok((table, tag, u32::from_be_bytes(*count)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn printable_is_what_every_byte_of_is() {
        for len in 0..=17 {
            for at in 0..len {
                for byte in 0..=u8::MAX {
                    for other in [b' ', b'~'] {
                        let mut text = [other; 17];
                        text[at] = byte;
                        let expected = matches!(byte, b' '..=b'~');
                        assert_eq!(is_printable(&text[..len]), expected, "{byte} at {at} of {len}");
                    }
                }
            }
        }
        assert!(is_printable(b""));
        // Carries of one byte reach the next.
        assert!(!is_printable(b"\xff\xff\xff\xff\xff\xff\xff\xff"));
        assert!(!is_printable(b"\x7f\x1f\x7f\x1f\xff\x1f\x80\x00"));
    }
}
