//! The header of a sealed stream, read off its front and not a byte more.
use std::io::{self, Read};

use datakey_envelope::{FormatError, Header, MAX_HEADER_LEN};
use tokio::io::{AsyncRead, AsyncReadExt as _};

use crate::{OpenError, error::into_io};

/// The header of a sealed stream, with the bytes that it was read from.
///
/// For reading synchronously: read the header, get the key, then make the reader.
///
/// ```
/// use std::io::Read;
/// use datakey::{Aad, EncryptionContext, OpenReader, Opener, SealedHeader, provider::OpeningProvider};
///
/// fn plaintext<P: OpeningProvider + 'static>(
///     opener: &Opener<P>,
///     mut sealed: impl Read,
///     runtime: &tokio::runtime::Runtime,
/// ) -> std::io::Result<String> {
///     let header = SealedHeader::read(&mut sealed)?;
///     let expected = EncryptionContext::empty();
///     let key = runtime.block_on(opener.opening_key(&expected, &header.header())).map_err(std::io::Error::other)?;
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
    /// Errors of `inner`; an [`OpenError::Format`] within [`io::ErrorKind::InvalidData`] if it is not a message or ends
    /// early.
    pub fn read<R: Read + ?Sized>(inner: &mut R) -> io::Result<Self> {
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
    pub async fn read_async<R: AsyncRead + Unpin + ?Sized>(inner: &mut R) -> io::Result<Self> {
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

fn step(bytes: &[u8]) -> io::Result<Step> {
    match Header::decode(bytes) {
        Ok(_) => Ok(Step::Whole),
        Err(FormatError::Truncated { missing }) => {
            // What a header claims to lack is bounded by the format, whatever its bytes say.
            let missing = usize::try_from(missing).unwrap_or(MAX_HEADER_LEN);
            Ok(Step::Need(missing.clamp(1, MAX_HEADER_LEN)))
        }
        Err(error) => Err(into_io(OpenError::Format(error))),
    }
}

/// Nothing more came: what there is decides what is wrong with it.
fn ended(bytes: &[u8], read: usize) -> io::Result<()> {
    if read > 0 {
        return Ok(());
    }
    match Header::decode(bytes) {
        Ok(_) => Ok(()),
        Err(error) => Err(into_io(OpenError::Format(error))),
    }
}
