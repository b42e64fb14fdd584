//! A part of a stored message, without the rest of it.
use std::{io, ops::Range};

use datakey_envelope::{self as envelope, Aad, FormatError, Header, MAX_HEADER_LEN, RangePlan};
use datakey_provider::EncryptionContext;

use crate::{OpenError, Opener, StreamError};

/// How much of a message is fetched for its header: more than most headers have.
const FIRST: u64 = 4096;

impl Opener {
    /// Opens the bytes `range` of the plaintext of a stored byte stream, of `len` bytes as it is stored: fetches its header, the
    /// frames that hold the range, and the last frame, which authenticates how long the whole is.
    ///
    /// `fetch` answers the bytes of the message in a range, as a request to an object store with a range does, and is called two or
    /// three times. Of the native format only.
    ///
    /// ```
    /// use datakey::{Aad, EncryptionContext, Opener, StreamError};
    ///
    /// async fn first_line(opener: &Opener, object: &[u8]) -> Result<Vec<u8>, StreamError> {
    ///     let expected = EncryptionContext::new([("purpose", "archive")]).expect("short");
    ///     let fetch = async |range: std::ops::Range<u64>| {
    ///         let range = range.start as usize..range.end as usize;
    ///         Ok(object[range].to_vec()) // `get_range` of an object store
    ///     };
    ///     opener.open_range(&expected, Aad::EMPTY, object.len() as u64, 0..100, fetch).await
    /// }
    /// ```
    ///
    /// # Errors
    /// [`StreamError`]: errors of `fetch`, also when it answers more or fewer bytes than it was asked for;
    /// [`OpenError::OutOfRange`] when the plaintext is shorter; otherwise as [`open`](Self::open).
    pub async fn open_range<B: AsRef<[u8]>>(
        &self,
        expected: &EncryptionContext,
        aad: Aad<'_>,
        len: u64,
        range: Range<u64>,
        mut fetch: impl AsyncFnMut(Range<u64>) -> io::Result<B>,
    ) -> Result<Vec<u8>, StreamError> {
        let bytes = self.header_bytes(len, &mut fetch).await?;
        let header = Header::decode(&bytes).map_err(OpenError::from)?;
        let plan = RangePlan::new(&header, len, range).map_err(|error| match error {
            envelope::OpenError::OutOfRange { end, len } => OpenError::OutOfRange { end, len },
            error => error.into(),
        })?;
        let key = self.key_of(expected, &header, aad).await?;
        let frames = fetched(plan.frames(), &mut fetch).await?;
        let last = fetched(plan.last_frame(), &mut fetch).await?;
        let mut out = Vec::new();
        key.datakey()?.open_range(&plan, aad, &frames, &last, &mut out)?;
        Ok(out)
    }

    /// The front of a message, with its whole header.
    async fn header_bytes<B: AsRef<[u8]>>(
        &self,
        len: u64,
        fetch: &mut impl AsyncFnMut(Range<u64>) -> io::Result<B>,
    ) -> Result<Vec<u8>, StreamError> {
        let mut bytes = fetched(0..FIRST.min(len), fetch).await?;
        #[cfg(feature = "esdk")]
        if self.formats().recognise(&bytes)?.is_some() {
            return Err(OpenError::from(crate::Unsupported::Parts).into());
        }
        while let Err(error) = Header::decode(&bytes) {
            let FormatError::Truncated { missing } = error else {
                return Err(OpenError::from(error).into());
            };
            let have = bytes.len() as u64;
            let end = have.saturating_add(missing).min(len).min(MAX_HEADER_LEN as u64);
            if end <= have {
                return Err(OpenError::from(error).into());
            }
            bytes.extend(fetched(have..end, fetch).await?);
        }
        Ok(bytes)
    }
}

/// As many bytes as were asked for; none where none are.
async fn fetched<B: AsRef<[u8]>>(
    range: Range<u64>,
    fetch: &mut impl AsyncFnMut(Range<u64>) -> io::Result<B>,
) -> io::Result<Vec<u8>> {
    let asked = range.end.saturating_sub(range.start);
    if asked == 0 {
        return Ok(Vec::new());
    }
    let bytes = fetch(range).await?;
    let bytes = bytes.as_ref();
    if bytes.len() as u64 == asked {
        return Ok(bytes.to_vec());
    }
    let told = format!(
        "{} bytes of the message were fetched where {asked} were asked for",
        bytes.len()
    );
    Err(io::Error::new(io::ErrorKind::UnexpectedEof, told))
}
