//! The opening side: needs only Decrypt.
use std::{fmt, ops::Range};

use datakey_envelope::{self as envelope, Aad, Header, Message, OpeningKey};
use datakey_keyring::{Held, OpeningKeyring};
use datakey_provider::{EncryptionContext, WrappedKey};
use tokio::io::AsyncRead;

use crate::{Envelope, OpenError, OpenReader, RecordReader, SealedHeader, StreamError};

/// Opens messages with cached data keys. Cheap to clone; clones share the cache.
///
/// The provider needs only its opening half: with KMS, only `Decrypt`. Which provider it is does not show in the type: a
/// service and its test have the same.
///
/// Whoever opens says which encryption context it expects: each expected pair must be in the message's context,
/// otherwise the message is refused before any KMS call. Expecting the empty context is met only by messages without
/// one.
///
/// Of a message's wrapped keys, those whose data key is not the message's are passed over, whoever put them there, and
/// cost one call each at the most. [`OpenError::NotAuthentic`] means that none is left.
///
/// ```
/// use datakey::{Aad, EncryptionContext, OpenError, Opener, provider::OpeningProvider};
///
/// async fn accounting(provider: impl OpeningProvider + 'static, message: &[u8]) -> Result<Vec<u8>, OpenError> {
///     let opener = Opener::new(provider);
///     let expected = EncryptionContext::new([("purpose", "orders")]).expect("short pairs");
///     opener.open(&expected, message, Aad::from("order 17")).await
/// }
/// ```
///
/// A service whose provider can only seal does not compile an open:
///
/// ```compile_fail,E0277
/// use datakey::{Opener, Sealer, provider::SealingProvider};
///
/// fn both<P: SealingProvider + Clone + 'static>(provider: P) -> (Sealer, Opener) {
///     (Sealer::new(provider.clone()), Opener::new(provider))
/// }
/// ```
#[derive(Clone)]
pub struct Opener {
    keyring: OpeningKeyring<Envelope>,
}

/// What a reader expects of a message's encryption context.
#[derive(Clone, Copy)]
enum Expected<'a> {
    Pairs(&'a EncryptionContext),
    Anything,
}

impl Opener {
    /// Opens with a keyring made elsewhere, to share it between several openers, or with layers of your own below it.
    ///
    /// A keyring of which nothing else was set is more patient than a retry layer with the default deadline, so that the
    /// layer's own error is the one that callers see.
    #[must_use]
    pub const fn with_keyring(keyring: OpeningKeyring<Envelope>) -> Self {
        Self { keyring }
    }

    /// The keyring: statistics, `invalidate`, `shutdown`.
    #[must_use]
    pub const fn keyring(&self) -> &OpeningKeyring<Envelope> {
        &self.keyring
    }

    /// Opens one message.
    ///
    /// # Errors
    /// [`OpenError`] says whether the message, its context, its authenticity or the key is at fault.
    pub async fn open(
        &self,
        expected: &EncryptionContext,
        message: &[u8],
        aad: Aad<'_>,
    ) -> Result<Vec<u8>, OpenError> {
        let mut out = Vec::new();
        self.open_into(expected, message, aad, &mut out).await?;
        Ok(out)
    }

    /// Opens one message and appends the plaintext to `out`: all of it or nothing.
    ///
    /// # Errors
    /// As [`open`](Self::open).
    pub async fn open_into(
        &self,
        expected: &EncryptionContext,
        message: &[u8],
        aad: Aad<'_>,
        out: &mut Vec<u8>,
    ) -> Result<(), OpenError> {
        let message = Message::decode(message)?;
        self.open_with(message.header(), Expected::Pairs(expected), aad, |_, key| {
            key.open(&message, aad, out)
        })
        .await
    }

    /// Opens one message whatever its encryption context, and returns that too.
    ///
    /// The message is authentic, but may be meant for another tenant or purpose: look at the context before the
    /// plaintext.
    ///
    /// # Errors
    /// As [`open`](Self::open).
    pub async fn danger_open_any_context(
        &self,
        message: &[u8],
        aad: Aad<'_>,
    ) -> Result<(EncryptionContext, Vec<u8>), OpenError> {
        let message = Message::decode(message)?;
        let mut out = Vec::new();
        let open = |_: &WrappedKey, key: &Held<OpeningKey>| {
            key.open(&message, aad, &mut out)?;
            Ok(key.context().clone())
        };
        let context = self
            .open_with(message.header(), Expected::Anything, aad, open)
            .await?;
        Ok((context, out))
    }

    /// Opens a whole records message, all of it or nothing.
    ///
    /// # Errors
    /// As [`open`](Self::open).
    pub async fn open_records(
        &self,
        expected: &EncryptionContext,
        message: &[u8],
        aad: Aad<'_>,
    ) -> Result<Vec<Vec<u8>>, OpenError> {
        let mut out = Vec::new();
        let records = self.open_records_into(expected, message, aad, &mut out).await?;
        Ok(records
            .into_iter()
            .map(|range| out.get(range).unwrap_or_default().to_vec())
            .collect())
    }

    /// Opens a whole records message, appends the records to `out` one after the other, and returns where each of them
    /// stands: all or nothing.
    ///
    /// # Errors
    /// As [`open`](Self::open).
    pub async fn open_records_into(
        &self,
        expected: &EncryptionContext,
        message: &[u8],
        aad: Aad<'_>,
        out: &mut Vec<u8>,
    ) -> Result<Vec<Range<usize>>, OpenError> {
        let message = Message::decode(message)?;
        self.open_with(message.header(), Expected::Pairs(expected), aad, |_, key| {
            key.open_records(&message, aad, out)
        })
        .await
    }

    /// The key of one message, to open it piecemeal with the envelope's own interface. The commitment is checked here.
    ///
    /// # Errors
    /// As [`open`](Self::open).
    pub async fn key_of(
        &self,
        expected: &EncryptionContext,
        header: &Header<'_>,
        aad: Aad<'_>,
    ) -> Result<Held<OpeningKey>, OpenError> {
        self.key(header, Expected::Pairs(expected), aad).await
    }

    /// As [`key_of`](Self::key_of), whatever the message's encryption context; see
    /// [`danger_open_any_context`](Self::danger_open_any_context).
    ///
    /// # Errors
    /// As [`open`](Self::open).
    pub async fn danger_key_of_any_context(
        &self,
        header: &Header<'_>,
        aad: Aad<'_>,
    ) -> Result<Held<OpeningKey>, OpenError> {
        self.key(header, Expected::Anything, aad).await
    }

    /// Which of a message's wrapped keys holds its data key: the one to wrap anew, such as with KMS `ReEncrypt`. The commitment
    /// is checked here.
    ///
    /// The others may be as good, or of other messages: keep those of which you know nothing.
    ///
    /// # Errors
    /// As [`open`](Self::open).
    pub async fn wrapped_key_of(
        &self,
        expected: &EncryptionContext,
        header: &Header<'_>,
        aad: Aad<'_>,
    ) -> Result<WrappedKey, OpenError> {
        self.open_with(header, Expected::Pairs(expected), aad, |wrapped, key| {
            key.check_header(header, aad).map(|()| wrapped.clone())
        })
        .await
    }

    /// A reader of the plaintext of a byte stream, in the memory of a frame. Reads the header of `inner` first.
    ///
    /// What it yields is authentic; that it is *whole* is known at the end of the stream and not before. A message that
    /// is cut short ends in an error, never in a plain end of file.
    ///
    /// # Errors
    /// [`StreamError`]: errors of `inner`, or an [`OpenError`].
    pub async fn reader<R: AsyncRead + Unpin>(
        &self,
        expected: &EncryptionContext,
        aad: Aad<'_>,
        mut inner: R,
    ) -> Result<OpenReader<R>, StreamError> {
        let header = SealedHeader::read_async(&mut inner).await?;
        let key = self.key_of(expected, &header.header(), aad).await?;
        OpenReader::new(&key, &header, aad, inner)
    }

    /// A reader of the records of a records message, one by one. Reads the header of `inner` first.
    ///
    /// # Errors
    /// As [`reader`](Self::reader).
    pub async fn record_reader<R: AsyncRead + Unpin>(
        &self,
        expected: &EncryptionContext,
        aad: Aad<'_>,
        mut inner: R,
    ) -> Result<RecordReader<R>, StreamError> {
        let header = SealedHeader::read_async(&mut inner).await?;
        let key = self.key_of(expected, &header.header(), aad).await?;
        RecordReader::new(&key, &header, aad, inner)
    }

    async fn key(
        &self,
        header: &Header<'_>,
        expected: Expected<'_>,
        aad: Aad<'_>,
    ) -> Result<Held<OpeningKey>, OpenError> {
        self.open_with(header, expected, aad, |_, key| {
            key.check_header(header, aad).map(|()| key.clone())
        })
        .await
    }

    /// Opens with the key of the message, which the commitment tells from those of others (rule K6).
    async fn open_with<T>(
        &self,
        header: &Header<'_>,
        expected: Expected<'_>,
        aad: Aad<'_>,
        mut open: impl FnMut(&WrappedKey, &Held<OpeningKey>) -> Result<T, envelope::OpenError>,
    ) -> Result<T, OpenError> {
        let decoded;
        let context = match expected {
            // The usual case, in which nothing has to be decoded and digested.
            Expected::Pairs(expected) if header.has_context(expected) => expected,
            Expected::Pairs(expected) => {
                decoded = header.context()?;
                decoded.check_expected(expected)?;
                &decoded
            }
            Expected::Anything => {
                decoded = header.context()?;
                &decoded
            }
        };
        let unless_foreign = |wrapped: &WrappedKey, key: &Held<OpeningKey>| match open(wrapped, key) {
            // Where the commitment holds, it is the frames that are not authentic, and no other key opens them.
            Err(envelope::OpenError::NotAuthentic) if key.check_header(header, aad).is_err() => None,
            opened => Some(opened),
        };
        let wrapped = header.wrapped_keys()?;
        let opened = self.keyring.open_with(context, &wrapped, unless_foreign).await?;
        Ok(opened?)
    }
}

impl fmt::Debug for Opener {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Opener").finish_non_exhaustive()
    }
}
