//! The opening side: needs only Decrypt.
use std::{fmt, ops::Range};

use datakey_envelope::{Aad, Header, Message};
#[cfg(feature = "esdk")]
use datakey_esdk::own_context;
use datakey_keyring::{Held, OpeningKeyring};
use datakey_provider::{EncryptionContext, WrappedKey};
use tokio::io::AsyncRead;
use zeroize::Zeroizing;

use crate::{
    Envelope, MessageHeader, OpenError, OpenReader, OpeningKey, RecordReader, SealedHeader, StreamError,
    opening,
};
#[cfg(feature = "esdk")]
use crate::{Formats, Unsupported, keys::without_aad, opening_esdk::Opening};

/// Opens messages with cached data keys. Cheap to clone; clones share the cache.
///
/// With the feature `esdk`, messages of the AWS Encryption SDK open too, recognised by their first bytes, unless
/// the opener is told otherwise ([`OpenerBuilder::formats`](crate::OpenerBuilder)). They have no associated data and no records, and
/// an expected pair that such a message does not store is *required*: it opens only if the pair was authenticated when it was
/// sealed.
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
///
/// # What a message costs
///
/// The header is read, and the expected context compared, before anybody is asked for anything. Then the data key is looked for by the
/// wrapped key and the context; a message under a key that opened another one in the last five minutes costs no call. However many messages
/// wait for one key, there is one `Decrypt`.
///
/// # Hostile messages
///
/// Bytes may come from anywhere. What is no message, claims another context, or names a key that the provider was not set up with costs no
/// call. What KMS refuses is remembered for half a minute, so that one that a queue delivers again and again costs a call in that time, and
/// such refusals never push out the keys in use. Nothing of a message is answered before it is authentic, and nothing is allocated for a
/// length that it claims.
///
/// ```
/// # #[cfg(feature = "fake-kms")] {
/// # #[tokio::main(flavor = "current_thread", start_paused = true)]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// use datakey::{Aad, EncryptionContext, OpenError, both, fake_kms::FakeKms};
///
/// let fake = FakeKms::new();
/// let (sealer, opener) = both(fake.provider(&fake.create_key()?));
/// let context = EncryptionContext::new([("purpose", "orders")])?;
/// let message = sealer.seal(&context, b"one order", Aad::EMPTY).await?;
/// let before = fake.ledger().calls();
/// assert!(matches!(opener.open(&context, b"GET / HTTP/1.1", Aad::EMPTY).await, Err(OpenError::Format(_))));
/// assert!(opener.open(&context, &message[..20], Aad::EMPTY).await.is_err());
/// assert_eq!(fake.ledger().calls(), before); // nobody was asked
/// # Ok(()) }
/// # }
/// ```
///
/// # After a revocation
///
/// A key that was disabled is noticed when a key under it is unwrapped anew, within the five minutes for which it is kept; with
/// [`invalidate_key`](crate::keyring::OpeningKeyring::invalidate_key) at once.
#[derive(Clone)]
pub struct Opener {
    keyring: OpeningKeyring<Envelope>,
    #[cfg(feature = "esdk")]
    formats: Formats,
}

impl Opener {
    /// Opens with a keyring made elsewhere, to share it between several openers, or with layers of your own below it.
    ///
    /// A keyring of which nothing else was set is more patient than a retry layer with the default deadline, so that the
    /// layer's own error is the one that callers see.
    #[must_use]
    pub fn with_keyring(keyring: OpeningKeyring<Envelope>) -> Self {
        Self {
            keyring,
            #[cfg(feature = "esdk")]
            formats: Formats::default(),
        }
    }

    /// The same opener, with the same keyring, for messages of these formats. A keyring that was
    /// [built](crate::OpenerBuilder::formats) for the native format alone opens no others.
    #[cfg(feature = "esdk")]
    #[must_use]
    pub const fn with_formats(mut self, formats: Formats) -> Self {
        self.formats = formats;
        self
    }

    /// Which messages it opens.
    #[cfg(feature = "esdk")]
    #[must_use]
    pub const fn formats(&self) -> &Formats {
        &self.formats
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
    /// A buffer that is used again spares an allocation for each message; what it held before stays in front of the plaintext. Overwriting
    /// it afterwards is for whoever has it.
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
        #[cfg(feature = "esdk")]
        if let Some(esdk) = self.esdk_of(message, aad)? {
            let _context = esdk.open(Some(expected), message, out).await?;
            return Ok(());
        }
        let message = Message::decode(message)?;
        opening::open_with(
            &self.keyring,
            message.header(),
            Some(expected),
            aad,
            |_, _, key| key.open(&message, aad, out),
        )
        .await
    }

    /// Opens one message whatever its encryption context, and returns that too.
    ///
    /// The message is authentic, but may be meant for another tenant or purpose: look at the context before the
    /// plaintext. Of a message of the AWS Encryption SDK, the pairs that belong to the format are not answered, and one with pairs
    /// that it does not store does not open.
    ///
    /// For a tool that sorts messages by whom they are for:
    ///
    /// ```
    /// # #[cfg(feature = "fake-kms")] {
    /// use datakey::{Aad, EncryptionContext, both, fake_kms::FakeKms};
    ///
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let fake = FakeKms::new();
    /// let (sealer, opener) = both(fake.provider(&fake.create_key()?));
    /// let acme = EncryptionContext::new([("tenant", "acme")])?;
    /// let message = sealer.seal(&acme, b"one order", Aad::EMPTY).await?;
    /// let (context, plaintext) = opener.danger_open_any_context(&message, Aad::EMPTY).await?;
    /// assert_eq!((context.get("tenant"), &plaintext[..]), (Some("acme"), &b"one order"[..]));
    /// # Ok(()) }
    /// # }
    /// ```
    ///
    /// # Errors
    /// As [`open`](Self::open).
    pub async fn danger_open_any_context(
        &self,
        message: &[u8],
        aad: Aad<'_>,
    ) -> Result<(EncryptionContext, Vec<u8>), OpenError> {
        let mut out = Vec::new();
        #[cfg(feature = "esdk")]
        if let Some(esdk) = self.esdk_of(message, aad)? {
            let context = esdk.open(None, message, &mut out).await?;
            return Ok((own_context(&context), out));
        }
        let message = Message::decode(message)?;
        let context = opening::open_with(&self.keyring, message.header(), None, aad, |_, _, key| {
            key.open(&message, aad, &mut out)?;
            Ok(key.context().clone())
        })
        .await?;
        Ok((context, out))
    }

    /// Opens a whole records message, all of it or nothing. Of the native format only.
    ///
    /// For batches that fit into memory. The records of a larger one come one by one from [`record_reader`](Self::record_reader).
    ///
    /// ```
    /// # #[cfg(feature = "fake-kms")] {
    /// # #[tokio::main(flavor = "current_thread", start_paused = true)]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// use datakey::{Aad, EncryptionContext, OpenError, both, fake_kms::FakeKms};
    ///
    /// let fake = FakeKms::new();
    /// let (sealer, opener) = both(fake.provider(&fake.create_key()?));
    /// let context = EncryptionContext::new([("purpose", "orders")])?;
    /// let batch = sealer.seal_records(&context, &["order 1", "order 2"], Aad::from("batch 9")).await?;
    /// assert_eq!(opener.open_records(&context, &batch, Aad::from("batch 9")).await?[1], b"order 2");
    /// // A batch is no byte stream, and the error says which call is for it.
    /// assert!(matches!(opener.open(&context, &batch, Aad::from("batch 9")).await, Err(OpenError::OtherKind { .. })));
    /// # Ok(()) }
    /// # }
    /// ```
    ///
    /// # Errors
    /// As [`open`](Self::open).
    pub async fn open_records(
        &self,
        expected: &EncryptionContext,
        message: &[u8],
        aad: Aad<'_>,
    ) -> Result<Vec<Vec<u8>>, OpenError> {
        let mut out = Zeroizing::new(Vec::new());
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
        #[cfg(feature = "esdk")]
        if self.formats.recognise(message)?.is_some() {
            return Err(Unsupported::Records.into());
        }
        let message = Message::decode(message)?;
        opening::open_with(
            &self.keyring,
            message.header(),
            Some(expected),
            aad,
            |_, _, key| key.open_records(&message, aad, out),
        )
        .await
    }

    /// The key of one message, to open it piecemeal with its format's own interface. The commitment is checked here.
    ///
    /// ```
    /// use datakey::{Aad, EncryptionContext, OpenError, Opener, envelope::{Header, RangePlan}};
    ///
    /// async fn first_bytes(opener: &Opener, expected: &EncryptionContext, message: &[u8]) -> Result<Vec<u8>, OpenError> {
    ///     let header = Header::decode(message)?;
    ///     let key = opener.key_of(expected, &header, Aad::EMPTY).await?;
    ///     let plan = RangePlan::new(&header, message.len() as u64, 0..5)?;
    ///     let frames = plan.frames();
    ///     let frames = &message[frames.start as usize..frames.end as usize];
    ///     let mut out = Vec::new();
    ///     key.datakey()?.open_range(&plan, Aad::EMPTY, frames, &[], &mut out)?;
    ///     Ok(out)
    /// }
    /// ```
    ///
    /// # Errors
    /// As [`open`](Self::open).
    pub async fn key_of<'h>(
        &self,
        expected: &EncryptionContext,
        header: impl Into<MessageHeader<'h>>,
        aad: Aad<'_>,
    ) -> Result<Held<OpeningKey>, OpenError> {
        self.key(&header.into(), Some(expected), aad).await
    }

    /// As [`key_of`](Self::key_of), whatever the message's encryption context; see
    /// [`danger_open_any_context`](Self::danger_open_any_context).
    ///
    /// # Errors
    /// As [`open`](Self::open).
    pub async fn danger_key_of_any_context<'h>(
        &self,
        header: impl Into<MessageHeader<'h>>,
        aad: Aad<'_>,
    ) -> Result<Held<OpeningKey>, OpenError> {
        self.key(&header.into(), None, aad).await
    }

    /// Which of a message's wrapped keys holds its data key: the one to wrap anew, such as with KMS `ReEncrypt`. The commitment
    /// is checked here. Of the native format only: the header of a message of the AWS Encryption SDK authenticates its encrypted data
    /// keys, so that none of them can be replaced.
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
        opening::open_with(&self.keyring, header, Some(expected), aad, |wrapped, _, key| {
            key.check_header(header, aad).map(|()| wrapped.clone())
        })
        .await
    }

    /// A reader of the plaintext of a byte stream, in the memory of a frame. Reads the header of `inner` first.
    ///
    /// What it yields is authentic; that it is *whole* is known at the end of the stream and not before. A message that
    /// is cut short ends in an error, never in a plain end of file.
    ///
    /// Memory is that of a frame, 64 KiB unless the writer chose otherwise. The reader holds its data key to its end, whatever becomes of
    /// the cache.
    ///
    /// # Errors
    /// [`StreamError`]: errors of `inner`, or an [`OpenError`].
    pub async fn reader<R: AsyncRead + Unpin>(
        &self,
        expected: &EncryptionContext,
        aad: Aad<'_>,
        mut inner: R,
    ) -> Result<OpenReader<R>, StreamError> {
        let header = self.header(&mut inner).await?;
        #[cfg(feature = "esdk")]
        if let MessageHeader::Esdk(own) = header.header() {
            let params = self.formats.accept_esdk()?;
            own.check_stream(params)?;
            let key = self.key_of(expected, own, aad).await?;
            return OpenReader::with_esdk_params(&key, &header, aad, params, inner);
        }
        let key = self.key_of(expected, header.header(), aad).await?;
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
        let header = self.header(&mut inner).await?;
        #[cfg(feature = "esdk")]
        if let MessageHeader::Esdk(_) = header.header() {
            let _params = self.formats.accept_esdk()?;
            return Err(OpenError::from(Unsupported::Records).into());
        }
        let key = self.key_of(expected, header.header(), aad).await?;
        RecordReader::new(&key, &header, aad, inner)
    }

    /// Reads a header, of a format that is accepted.
    async fn header<R: AsyncRead + Unpin>(&self, inner: &mut R) -> Result<SealedHeader, StreamError> {
        #[cfg(feature = "esdk")]
        if let Some(params) = self.formats.esdk() {
            return SealedHeader::read_async_within(inner, params.max_encrypted_data_keys()).await;
        }
        SealedHeader::read_async(inner).await
    }

    /// How to open a message of the AWS Encryption SDK, if it is one; it has no associated data.
    #[cfg(feature = "esdk")]
    #[inline]
    fn esdk_of(&self, message: &[u8], aad: Aad<'_>) -> Result<Option<Opening<'_>>, OpenError> {
        let Some(params) = self.formats.recognise(message)? else {
            return Ok(None);
        };
        without_aad(aad)?;
        Ok(Some(Opening {
            keyring: &self.keyring,
            params,
        }))
    }

    async fn key(
        &self,
        header: &MessageHeader<'_>,
        expected: Option<&EncryptionContext>,
        aad: Aad<'_>,
    ) -> Result<Held<OpeningKey>, OpenError> {
        match header {
            MessageHeader::Datakey(header) => {
                #[cfg(feature = "esdk")]
                self.formats.accept_datakey()?;
                opening::open_with(&self.keyring, header, expected, aad, |_, held, key| {
                    key.check_header(header, aad).map(|()| held.clone())
                })
                .await
            }
            #[cfg(feature = "esdk")]
            MessageHeader::Esdk(header) => {
                let params = self.formats.accept_esdk()?;
                without_aad(aad)?;
                let esdk = Opening {
                    keyring: &self.keyring,
                    params,
                };
                esdk.key(expected, header).await
            }
        }
    }
}

impl fmt::Debug for Opener {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Opener").finish_non_exhaustive()
    }
}
