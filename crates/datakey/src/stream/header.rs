//! The header of a sealed stream, read off its front and not a byte more.
use std::io::Read;

use datakey_envelope::{FormatError, Header, MAX_HEADER_LEN};
use tokio::io::{AsyncRead, AsyncReadExt as _};

use crate::{OpenError, StreamError};

/// The header of a sealed stream, with the bytes that it was read from.
///
/// For reading synchronously: read the header, get the key, then make the reader.
///
/// ```
/// use std::io::Read;
/// use datakey::{Aad, EncryptionContext, OpenReader, Opener, SealedHeader, StreamError};
///
/// fn plaintext(
///     opener: &Opener,
///     mut sealed: impl Read,
///     runtime: &tokio::runtime::Runtime,
/// ) -> Result<String, StreamError> {
///     let header = SealedHeader::read(&mut sealed)?;
///     let expected = EncryptionContext::empty();
///     let key = runtime.block_on(opener.key_of(&expected, &header.header(), Aad::EMPTY))?;
///     let mut text = String::new();
///     OpenReader::new(&key, &header, Aad::EMPTY, sealed)?.read_to_string(&mut text)?;
///     Ok(text)
/// }
/// ```
#[derive(Debug, Clone)]
pub struct SealedHeader(Vec<u8>);

enum Step {
    Whole,
    Need(usize),
}

impl SealedHeader {
    /// Reads the header off the front of a stream.
    ///
    /// # Errors
    /// Errors of `inner`; an [`OpenError::Format`] if it is not a message or ends early.
    pub fn read<R: Read + ?Sized>(inner: &mut R) -> Result<Self, StreamError> {
        let mut bytes = Vec::new();
        while let Step::Need(more) = step(&bytes)? {
            let read = inner.take(more as u64).read_to_end(&mut bytes)?;
            ended(&bytes, read)?;
        }
        Ok(Self(bytes))
    }

    /// As [`read`](Self::read), without blocking.
    ///
    /// # Errors
    /// As [`read`](Self::read).
    pub async fn read_async<R: AsyncRead + Unpin + ?Sized>(inner: &mut R) -> Result<Self, StreamError> {
        let mut bytes = Vec::new();
        while let Step::Need(more) = step(&bytes)? {
            let read = inner.take(more as u64).read_to_end(&mut bytes).await?;
            ended(&bytes, read)?;
        }
        Ok(Self(bytes))
    }

    /// The header.
    #[must_use]
    #[expect(
        clippy::missing_panics_doc,
        reason = "the bytes were decoded when they were read"
    )]
    pub fn header(&self) -> Header<'_> {
        #[expect(clippy::expect_used, reason = "the bytes were decoded when they were read")]
        Header::decode(&self.0).expect("decoded before")
    }
}

fn step(bytes: &[u8]) -> Result<Step, OpenError> {
    match Header::decode(bytes) {
        Ok(_) => Ok(Step::Whole),
        Err(FormatError::Truncated { missing }) => {
            // What a header claims to lack is bounded by the format, whatever its bytes say.
            let missing = usize::try_from(missing).unwrap_or(MAX_HEADER_LEN);
            Ok(Step::Need(missing.clamp(1, MAX_HEADER_LEN)))
        }
        Err(error) => Err(OpenError::Format(error)),
    }
}

/// Nothing more came: what there is decides what is wrong with it.
fn ended(bytes: &[u8], read: usize) -> Result<(), OpenError> {
    if read > 0 {
        return Ok(());
    }
    match Header::decode(bytes) {
        Ok(_) => Ok(()),
        Err(error) => Err(OpenError::Format(error)),
    }
}
