//! The sealing side: needs only GenerateDataKey.
use std::fmt;

use datakey_envelope::Aad;
use datakey_keyring::{Held, SealingKeyring, Usage};
use datakey_provider::EncryptionContext;

use crate::{Envelope, Format, RecordWriter, SealError, SealWriter, SealingKey, StreamError};
#[cfg(feature = "esdk")]
use crate::{Unsupported, keys::without_aad};

/// Seals messages under cached data keys. Cheap to clone; clones share the cache.
///
/// The provider needs only its sealing half, and of that, with one KMS key, only `GenerateDataKey`. Which provider it is does
/// not show in the type: a service and its test have the same.
///
/// ```
/// use datakey::{Aad, EncryptionContext, SealError, Sealer, provider::SealingProvider};
///
/// async fn seal_orders(provider: impl SealingProvider + 'static) -> Result<Vec<Vec<u8>>, SealError> {
///     let sealer = Sealer::new(provider);
///     let context = EncryptionContext::new([("tenant", "acme"), ("purpose", "orders")]).expect("short pairs");
///     let mut sealed = Vec::new();
///     for number in 1..=10_000_u32 {
///         let order = format!("order {number}");
///         sealed.push(sealer.seal(&context, order.as_bytes(), Aad::new(&number.to_be_bytes())).await?);
///     }
///     Ok(sealed) // one KMS call was made
/// }
/// ```
///
/// # What a message costs
///
/// With a data key at hand: no await point that waits, and of allocations only the message itself. Otherwise one `GenerateDataKey`, for
/// however many callers wait for the same encryption context. The next key is asked for before the present one runs out, so that in a
/// steady stream nobody waits.
///
/// # Which context, and which associated data
///
/// The context is what the data key is for, and has few values: tenant, purpose. It is in the clear in the message. The associated data is
/// what tells this message from the next, an order's number most often; it is in no message, and whoever opens must know it from elsewhere.
/// One for the other makes the cache useless, or leaves messages that can be swapped.
///
/// # When KMS is away
///
/// A key past its soft age of five minutes goes on sealing while KMS throttles or is down, to its hard age of fifteen; what comes then
/// fails with what KMS answered last, after the retries of the [policy](crate::retry::Policy). A denial, a key that was disabled: at once,
/// and without retries.
///
/// ```
/// # #[cfg(feature = "fake-kms")] {
/// # #[tokio::main(flavor = "current_thread", start_paused = true)]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// use datakey::{Aad, EncryptionContext, Sealer, fake_kms::{FakeKms, FaultRule, KmsErrorCode}};
///
/// let fake = FakeKms::new();
/// let sealer = Sealer::new(fake.provider(&fake.create_key()?));
/// let context = EncryptionContext::new([("purpose", "orders")])?;
/// sealer.seal(&context, b"order 1", Aad::EMPTY).await?;
/// fake.inject(FaultRule::new(KmsErrorCode::Internal)); // an outage of ten minutes
/// for _minute in 0..10 {
///     tokio::time::advance(std::time::Duration::from_secs(60)).await;
///     sealer.seal(&context, b"another order", Aad::EMPTY).await?; // none of them is lost
/// }
/// # Ok(()) }
/// # }
/// ```
///
/// # Cancellation
///
/// Dropping a call stops nothing that others need: a load that was sent goes on, and its key is there for the next. Put a deadline of your
/// own around a call; it may be shorter than KMS takes.
#[derive(Clone)]
pub struct Sealer {
    keyring: SealingKeyring<Envelope>,
}

impl Sealer {
    /// Seals with a keyring made elsewhere, to share it between several sealers, or with layers of your own below it.
    ///
    /// A keyring of which nothing else was set is more patient than a retry layer with the default deadline, so that the
    /// layer's own error is the one that callers see.
    ///
    /// Two sealers over one keyring share its data keys and its limits; they write the same format, that of the keyring's material.
    #[must_use]
    pub const fn with_keyring(keyring: SealingKeyring<Envelope>) -> Self {
        Self { keyring }
    }

    /// The keyring: statistics, `warm`, `invalidate`, `shutdown`.
    #[must_use]
    pub const fn keyring(&self) -> &SealingKeyring<Envelope> {
        &self.keyring
    }

    /// Seals one message.
    ///
    /// # Errors
    /// [`SealError`]: no data key, the message is over a limit of the format, or it has associated data and its
    /// [format](crate::Format) has no place for it.
    pub async fn seal(
        &self,
        context: &EncryptionContext,
        plaintext: &[u8],
        aad: Aad<'_>,
    ) -> Result<Vec<u8>, SealError> {
        let mut out = Vec::new();
        self.seal_into(context, plaintext, aad, &mut out).await?;
        Ok(out)
    }

    /// Seals one message and appends it to `out`, which is as before if that fails. A buffer that is used again is not
    /// allocated again.
    ///
    /// # Errors
    /// As [`seal`](Self::seal).
    pub async fn seal_into(
        &self,
        context: &EncryptionContext,
        plaintext: &[u8],
        aad: Aad<'_>,
        out: &mut Vec<u8>,
    ) -> Result<(), SealError> {
        self.has_place_for(aad)?;
        let key = self.key(context, message(plaintext)).await?;
        key.seal(plaintext, aad, out)
    }

    /// Seals one message if a data key is at hand: no waiting, no KMS call. `None` if there is none, whereupon
    /// [`seal_into`](Self::seal_into) gets one.
    ///
    /// # Errors
    /// As [`seal`](Self::seal).
    ///
    /// ```
    /// # #[cfg(feature = "fake-kms")] {
    /// use datakey::{Aad, EncryptionContext, Sealer, fake_kms::FakeKms};
    ///
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let fake = FakeKms::new();
    /// let sealer = Sealer::new(fake.provider(&fake.create_key()?));
    /// let (context, mut out) = (EncryptionContext::empty(), Vec::new());
    /// assert!(sealer.try_seal_into(&context, b"one", Aad::EMPTY, &mut out).is_none()); // still cold
    /// sealer.keyring().warm([&context]).await;
    /// // From here on a hot loop need not be async.
    /// sealer.try_seal_into(&context, b"one", Aad::EMPTY, &mut out).expect("a key is at hand")?;
    /// # Ok(()) }
    /// # }
    /// ```
    pub fn try_seal_into(
        &self,
        context: &EncryptionContext,
        plaintext: &[u8],
        aad: Aad<'_>,
        out: &mut Vec<u8>,
    ) -> Option<Result<(), SealError>> {
        if let Err(refused) = self.has_place_for(aad) {
            return Some(Err(refused));
        }
        let key = self.keyring.try_key(context, message(plaintext))?;
        Some(key.seal(plaintext, aad, out))
    }

    /// Seals many messages, each of which opens on its own, under one data key reserved for all of them at once.
    ///
    /// For a batch that is opened as a whole, [`seal_records`](Self::seal_records) is smaller and faster.
    ///
    /// ```
    /// # #[cfg(feature = "fake-kms")] {
    /// use datakey::{Aad, EncryptionContext, both, fake_kms::FakeKms};
    ///
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let fake = FakeKms::new();
    /// let (sealer, opener) = both(fake.provider(&fake.create_key()?));
    /// let context = EncryptionContext::new([("purpose", "orders")])?;
    /// let orders = [(&b"2 CDs"[..], Aad::from("order 17")), (&b"1 book"[..], Aad::from("order 18"))];
    /// let sealed = sealer.seal_many(&context, &orders).await?;
    /// // Each goes its own way, and opens by itself.
    /// assert_eq!(opener.open(&context, &sealed[1], Aad::from("order 18")).await?, b"1 book");
    /// # Ok(()) }
    /// # }
    /// ```
    ///
    /// # Errors
    /// As [`seal`](Self::seal); then none of them is sealed. No messages need no data key and are no error.
    pub async fn seal_many<'m>(
        &self,
        context: &EncryptionContext,
        messages: &[(&'m [u8], Aad<'m>)],
    ) -> Result<Vec<Vec<u8>>, SealError> {
        if messages.is_empty() {
            return Ok(Vec::new());
        }
        for (_, aad) in messages {
            self.has_place_for(*aad)?;
        }
        let bytes = messages
            .iter()
            .map(|(plaintext, _)| len(plaintext))
            .fold(0, u64::saturating_add);
        let key = self
            .key(context, Usage::batch(messages.len() as u64, bytes))
            .await?;
        let mut sealed = Vec::with_capacity(messages.len());
        for (plaintext, aad) in messages {
            let mut out = Vec::new();
            key.seal(plaintext, *aad, &mut out)?;
            sealed.push(out);
        }
        Ok(sealed)
    }

    /// Seals a batch of records as one message: one header and one wrapped key for all, and each record can be read
    /// by its index. Of the native format only.
    ///
    /// The order of the records is part of the message. None of them can be taken out, added or moved without the message being refused,
    /// and each can be opened by its index. A batch counts as one message of the data key's limit, and with all its bytes.
    ///
    /// # Errors
    /// As [`seal`](Self::seal).
    pub async fn seal_records<R: AsRef<[u8]>>(
        &self,
        context: &EncryptionContext,
        records: &[R],
        aad: Aad<'_>,
    ) -> Result<Vec<u8>, SealError> {
        self.has_records()?;
        let bytes = records
            .iter()
            .map(|record| len(record.as_ref()))
            .fold(0, u64::saturating_add);
        let key = self.key(context, Usage::message(bytes)).await?;
        let key = key.with_records()?;
        let mut out = Vec::new();
        let plain_len = usize::try_from(bytes).unwrap_or(usize::MAX);
        out.reserve(
            key.sealed_records_len(records.len(), plain_len)
                .unwrap_or_default(),
        );
        key.seal_records(records, aad, &mut out)?;
        Ok(out)
    }

    /// A writer that seals what is written to it, in the memory of a frame: `Write` if `inner` is `Write`, `AsyncWrite` if
    /// it is `AsyncWrite`.
    ///
    /// `at_most` bounds the plaintext, in bytes, and is reserved on the data key. With `None` the length is unknown,
    /// and the message gets a data key of its own, which costs a KMS call.
    ///
    /// Give a bound wherever there is one, and a generous one where it is not exact: it is taken off the data key's bytes whether or not it
    /// is used up, and writing past it fails. An upload has its `Content-Length`, a file its size.
    ///
    /// ```
    /// # #[cfg(feature = "fake-kms")] {
    /// # #[tokio::main(flavor = "current_thread", start_paused = true)]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// use std::io::Write as _;
    /// use datakey::{Aad, EncryptionContext, both, fake_kms::FakeKms};
    /// use tokio::io::AsyncReadExt as _;
    ///
    /// let fake = FakeKms::new();
    /// let (sealer, opener) = both(fake.provider(&fake.create_key()?));
    /// let context = EncryptionContext::new([("purpose", "archive")])?;
    /// let mut writer = sealer.writer(&context, Aad::from("orders.csv"), Some(1 << 20), Vec::new()).await?;
    /// writer.write_all(b"order,total\n17,24.98\n")?;
    /// let sealed = writer.finish()?; // without this there is no whole message
    ///
    /// let mut text = String::new();
    /// let mut reader = opener.reader(&context, Aad::from("orders.csv"), &sealed[..]).await?;
    /// reader.read_to_string(&mut text).await?;
    /// assert!(text.ends_with("24.98\n"));
    /// // Cut short on the way: an error, and never a plain end of file.
    /// let mut cut = opener.reader(&context, Aad::from("orders.csv"), &sealed[..sealed.len() - 1]).await?;
    /// assert!(cut.read_to_string(&mut text).await.is_err());
    /// # Ok(()) }
    /// # }
    /// ```
    ///
    /// # Errors
    /// As [`seal`](Self::seal). Nothing is written to `inner` before the first write.
    pub async fn writer<W>(
        &self,
        context: &EncryptionContext,
        aad: Aad<'_>,
        at_most: Option<u64>,
        inner: W,
    ) -> Result<SealWriter<W>, StreamError> {
        self.has_place_for(aad)?;
        let key = self.key(context, usage(at_most)).await?;
        SealWriter::new(&key, aad, at_most, inner)
    }

    /// A writer of one records message, record by record. `at_most` as in [`writer`](Self::writer). Of the native format only.
    ///
    /// # Errors
    /// As [`seal`](Self::seal).
    pub async fn record_writer<W>(
        &self,
        context: &EncryptionContext,
        aad: Aad<'_>,
        at_most: Option<u64>,
        inner: W,
    ) -> Result<RecordWriter<W>, StreamError> {
        self.has_records()?;
        let key = self.key(context, usage(at_most)).await?;
        RecordWriter::new(&key, aad, at_most, inner)
    }

    /// The format that it seals in.
    #[must_use]
    pub fn format(&self) -> &Format {
        self.keyring.material().format()
    }

    /// Whether associated data has a place in a message: known before a data key is asked for.
    #[inline]
    #[cfg_attr(
        not(feature = "esdk"),
        expect(
            clippy::unused_self,
            clippy::unnecessary_wraps,
            unused_variables,
            reason = "the native format has one"
        )
    )]
    fn has_place_for(&self, aad: Aad<'_>) -> Result<(), SealError> {
        #[cfg(feature = "esdk")]
        if let Format::Esdk(_) = self.format() {
            without_aad(aad)?;
        }
        Ok(())
    }

    /// Whether there are records: known before a data key is asked for.
    fn has_records(&self) -> Result<(), SealError> {
        match self.format() {
            Format::Datakey(_) => Ok(()),
            #[cfg(feature = "esdk")]
            Format::Esdk(_) => Err(Unsupported::Records.into()),
        }
    }

    async fn key(&self, context: &EncryptionContext, usage: Usage) -> Result<Held<SealingKey>, SealError> {
        Ok(self.keyring.key(context, usage).await?)
    }
}

fn message(plaintext: &[u8]) -> Usage {
    Usage::message(len(plaintext))
}

fn usage(at_most: Option<u64>) -> Usage {
    at_most.map_or_else(Usage::unknown_length, Usage::message)
}

fn len(bytes: &[u8]) -> u64 {
    bytes.len() as u64
}

impl fmt::Debug for Sealer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Sealer").finish_non_exhaustive()
    }
}
