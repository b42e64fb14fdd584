//! The header of a sealed stream, read off its front and not a byte more.
use std::io::Read;

use tokio::io::{AsyncRead, AsyncReadExt as _};

use crate::{MessageHeader, OpenError, StreamError, header::Undecoded};

/// The header of a sealed stream of either format, with the bytes that it was read from.
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
///     let key = runtime.block_on(opener.key_of(&expected, header.header(), Aad::EMPTY))?;
///     let mut text = String::new();
///     OpenReader::new(&key, &header, Aad::EMPTY, sealed)?.read_to_string(&mut text)?;
///     Ok(text)
/// }
/// ```
///
/// Reading it takes no more off the stream than the header has, byte for byte, so that what follows can be handed to anybody. At most as
/// many bytes as a header may have are read of what claims to be one.
#[derive(Debug, Clone)]
pub struct SealedHeader(Vec<u8>);

/// As many encrypted data keys as the format of the AWS Encryption SDK counts.
const ANY_DATA_KEYS: usize = 0xFFFF;

/// How much of a header is read at a time, in bytes.
const PORTION: u64 = 1 << 20;

enum Step {
    Whole,
    Need(u64),
}

impl SealedHeader {
    /// Reads the header off the front of a stream.
    ///
    /// # Errors
    /// Errors of `inner`; an [`OpenError::Format`] (of the AWS Encryption SDK's format, `OpenError::Esdk`) if it is not a message
    /// or ends early.
    pub fn read<R: Read + ?Sized>(inner: &mut R) -> Result<Self, StreamError> {
        Self::read_within(inner, ANY_DATA_KEYS)
    }

    /// As [`read`](Self::read), with so many encrypted data keys of a message of the AWS Encryption SDK at the most. Their number
    /// is looked at before any of them is read. In messages of the native format it is the format's own limit that counts.
    ///
    /// # Errors
    /// As [`read`](Self::read).
    pub fn read_within<R: Read + ?Sized>(
        inner: &mut R,
        max_encrypted_data_keys: usize,
    ) -> Result<Self, StreamError> {
        let mut bytes = Vec::new();
        while let Step::Need(more) = step(&bytes, max_encrypted_data_keys)? {
            let read = inner.take(more).read_to_end(&mut bytes)?;
            ended(&bytes, read, max_encrypted_data_keys)?;
        }
        Ok(Self(bytes))
    }

    /// As [`read`](Self::read), without blocking.
    ///
    /// # Errors
    /// As [`read`](Self::read).
    pub async fn read_async<R: AsyncRead + Unpin + ?Sized>(inner: &mut R) -> Result<Self, StreamError> {
        Self::read_async_within(inner, ANY_DATA_KEYS).await
    }

    /// As [`read_within`](Self::read_within), without blocking.
    ///
    /// # Errors
    /// As [`read`](Self::read).
    pub async fn read_async_within<R: AsyncRead + Unpin + ?Sized>(
        inner: &mut R,
        max_encrypted_data_keys: usize,
    ) -> Result<Self, StreamError> {
        let mut bytes = Vec::new();
        while let Step::Need(more) = step(&bytes, max_encrypted_data_keys)? {
            let read = inner.take(more).read_to_end(&mut bytes).await?;
            ended(&bytes, read, max_encrypted_data_keys)?;
        }
        Ok(Self(bytes))
    }

    /// The header.
    #[must_use]
    #[expect(
        clippy::missing_panics_doc,
        reason = "the bytes were decoded when they were read"
    )]
    pub fn header(&self) -> MessageHeader<'_> {
        let decoded = MessageHeader::decode(&self.0, ANY_DATA_KEYS).ok();
        #[expect(clippy::expect_used, reason = "the bytes were decoded when they were read")]
        decoded.expect("decoded before")
    }
}

fn step(bytes: &[u8], max_data_keys: usize) -> Result<Step, OpenError> {
    match MessageHeader::decode(bytes, max_data_keys) {
        Ok(_) => Ok(Step::Whole),
        Err(Undecoded::Truncated { missing, .. }) => {
            // What a header claims to lack comes in portions, whatever its bytes say.
            Ok(Step::Need(missing.clamp(1, PORTION)))
        }
        Err(Undecoded::Refused(error)) => Err(error),
    }
}

/// Nothing more came: what there is decides what is wrong with it.
fn ended(bytes: &[u8], read: usize, max_data_keys: usize) -> Result<(), OpenError> {
    if read > 0 {
        return Ok(());
    }
    match MessageHeader::decode(bytes, max_data_keys) {
        Ok(_) => Ok(()),
        Err(Undecoded::Truncated { error, .. } | Undecoded::Refused(error)) => Err(error),
    }
}
