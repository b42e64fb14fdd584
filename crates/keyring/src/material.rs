//! What data keys are made into before they are kept, by each half.
use std::{fmt, ops::Range};

use datakey_provider::{DataKey, DataKeyLength, EncryptionContext, GeneratedDataKey, ProviderError};

/// How a new data key is prepared for sealing, once per key, so that a hit hands out something ready.
///
/// A message format derives its key-derivation state and the header bytes that repeat;
/// [`DataKeys`](crate::DataKeys) hands out the keys themselves. It runs inside the load, once per provider call, and should
/// not block.
///
/// ```
/// use datakey_keyring::{SealingKeyring, SealingMaterial};
/// use datakey_provider::{DataKey, EncryptionContext, GeneratedDataKey, ProviderError, SealingProvider};
///
/// /// Keeps the wrapped keys beside a data key, which is all that this format repeats.
/// struct MyFormat;
///
/// struct Prepared {
///     data_key: DataKey,
///     header: Vec<u8>,
/// }
///
/// impl SealingMaterial for MyFormat {
///     type Key = Prepared;
///
///     fn prepare(&self, made: GeneratedDataKey, context: &EncryptionContext) -> Result<Prepared, ProviderError> {
///         let (data_key, wrapped) = made.into_parts();
///         let header = [context.encoded(), wrapped.first().blob()].concat();
///         Ok(Prepared { data_key, header })
///     }
/// }
///
/// # fn with(provider: impl SealingProvider + 'static) -> Result<(), datakey_keyring::ConfigError> {
/// let keyring: SealingKeyring<MyFormat> = SealingKeyring::builder().material(MyFormat).build(provider)?;
/// # Ok(()) }
/// ```
pub trait SealingMaterial: Send + Sync + 'static {
    /// What seals: kept per encryption context, shared by all who seal under it, dropped with its last holder.
    type Key: Send + Sync + 'static;

    /// How long the data keys are that this prepares: what the provider is asked for. 32 bytes by default.
    fn data_key_length(&self) -> DataKeyLength {
        DataKeyLength::Bytes32
    }

    /// How many wrapped keys a message holds, at the most. No limit by default.
    ///
    /// A provider that answers more is refused when a keyring is built, at the latest when a key is to be loaded. No call
    /// is made.
    fn max_wrapped_keys(&self) -> usize {
        usize::MAX
    }

    /// How many messages may be sealed under one key, at the most: the limit on messages of a keyring is no higher. No limit by
    /// default.
    fn max_messages(&self) -> u64 {
        u64::MAX
    }

    /// How many bytes of plaintext may be sealed under one key, at the most: a keyring's limit on bytes that is higher counts as
    /// this one. No limit by default.
    fn max_bytes(&self) -> u64 {
        u64::MAX
    }

    /// Whether keys can be prepared with the settings of this material at all: asked when a keyring is built. They can by default.
    ///
    /// # Errors
    /// What is wrong with them.
    fn check_settings(&self) -> Result<(), &'static str> {
        Ok(())
    }

    /// Whether it has a place for an encryption context: asked before any call is made for one. Any will do by default.
    ///
    /// # Errors
    /// Where a message cannot hold it; most often of the class [`InvalidRequest`](datakey_provider::ErrorClass::InvalidRequest).
    fn check_context(&self, _context: &EncryptionContext) -> Result<(), ProviderError> {
        Ok(())
    }

    /// What has to be there before the provider is asked: see [`Draft`]. Nothing by default.
    ///
    /// It is asked once for each load, before the provider is, and however often that is tried again beneath.
    ///
    /// # Errors
    /// Where it cannot be made; shared with every caller that waits for this load.
    fn draft(&self, _context: &EncryptionContext) -> Result<Option<Draft<Self::Key>>, ProviderError> {
        Ok(None)
    }

    /// Prepares a data key that the provider just made, for which there was no [draft](Self::draft).
    ///
    /// # Errors
    /// Where the key cannot be used; shared with every caller that waits for this load.
    fn prepare(
        &self,
        made: GeneratedDataKey,
        context: &EncryptionContext,
    ) -> Result<Self::Key, ProviderError>;

    /// Names the memory outside of a key itself in which it owns secrets, a box or a vector, until it is dropped: what the
    /// feature `locked-memory` locks beside the key. Nothing is read there. Nothing is named by default.
    ///
    /// ```
    /// # use std::{fmt, ops::Range};
    /// # struct Prepared { schedule: Box<[u8; 64]> }
    /// fn memory(key: &Prepared, lock: &mut dyn FnMut(Range<*const u8>)) {
    ///     lock(key.schedule.as_ptr_range());
    /// }
    /// ```
    fn memory(&self, _key: &Self::Key, _lock: &mut dyn FnMut(Range<*const u8>)) {}
}

/// What a message format makes before it has a data key, such as a key pair whose public half belongs into the encryption
/// context that the data key is wrapped with: that context, and what becomes of the data key.
///
/// The provider is asked with the draft's context. The key is kept and found under the caller's own, as before.
///
/// ```
/// use datakey_keyring::{Draft, SealingMaterial};
/// use datakey_provider::{DataKey, EncryptionContext, GeneratedDataKey, ProviderError};
///
/// /// Binds a number of each key to it.
/// struct Numbered;
///
/// impl SealingMaterial for Numbered {
///     type Key = (u32, DataKey);
///
///     fn draft(&self, context: &EncryptionContext) -> Result<Option<Draft<(u32, DataKey)>>, ProviderError> {
///         let number = 17; // drawn at random
///         let (key, value) = ("number", number.to_string());
///         let pairs = context.iter().chain([(key, value.as_str())]);
///         let whole = EncryptionContext::new(pairs).expect("one short pair more");
///         Ok(Some(Draft::new(whole, move |made, _whole| Ok((number, made.into_parts().0)))))
///     }
///
///     fn prepare(&self, made: GeneratedDataKey, _: &EncryptionContext) -> Result<(u32, DataKey), ProviderError> {
///         Ok((0, made.into_parts().0))
///     }
/// }
/// ```
pub struct Draft<K> {
    context: EncryptionContext,
    prepare: Box<Prepare<K>>,
}

type Prepare<K> = dyn FnOnce(GeneratedDataKey, &EncryptionContext) -> Result<K, ProviderError> + Send;

impl<K> Draft<K> {
    /// A data key is to be made with this context, and prepared so; `prepare` is given the same context.
    #[must_use]
    pub fn new(
        context: EncryptionContext,
        prepare: impl FnOnce(GeneratedDataKey, &EncryptionContext) -> Result<K, ProviderError> + Send + 'static,
    ) -> Self {
        Self {
            context,
            prepare: Box::new(prepare),
        }
    }

    /// What the provider is asked with.
    #[must_use]
    pub const fn context(&self) -> &EncryptionContext {
        &self.context
    }

    /// Prepares the data key that the provider made with the draft's context.
    ///
    /// # Errors
    /// Where the key cannot be used.
    pub fn prepare(self, made: GeneratedDataKey) -> Result<K, ProviderError> {
        (self.prepare)(made, &self.context)
    }
}

impl<K> fmt::Debug for Draft<K> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Draft")
            .field("context", &self.context)
            .finish_non_exhaustive()
    }
}

/// How an unwrapped data key is prepared for opening, once per key, so that a hit hands out something ready.
///
/// As [`SealingMaterial`](crate::SealingMaterial), for the other side.
///
/// ```
/// use datakey_fake_kms::FakeKms;
/// use datakey_keyring::{OpeningKeyring, OpeningMaterial, SealingKeyring, Usage};
/// use datakey_provider::{DataKey, EncryptionContext, ProviderError};
///
/// /// Keeps a checksum in place of the key: of no use to open with, and enough to tell keys apart.
/// struct Checksums;
///
/// impl OpeningMaterial for Checksums {
///     type Key = u32;
///     fn prepare(&self, key: DataKey, _: &EncryptionContext) -> Result<u32, ProviderError> {
///         Ok(key.expose_secret().iter().map(|byte| u32::from(*byte)).sum())
///     }
/// }
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # let fake = FakeKms::new();
/// # let kms = fake.provider(&fake.create_key()?);
/// let reader = OpeningKeyring::builder().material(Checksums).build(kms.clone())?;
/// let context = EncryptionContext::empty();
/// let sealed = SealingKeyring::new(kms).key(&context, Usage::message(300)).await?;
/// let expected: u32 = sealed.data_key().expose_secret().iter().map(|byte| u32::from(*byte)).sum();
/// assert_eq!(*reader.key(&context, sealed.wrapped_keys()).await?, expected);
/// # Ok(()) }
/// ```
pub trait OpeningMaterial: Send + Sync + 'static {
    /// What opens: kept per wrapped key and encryption context.
    type Key: Send + Sync + 'static;

    /// Prepares a data key that the provider just unwrapped.
    ///
    /// # Errors
    /// Where the key cannot be used; shared with every caller that waits for this load.
    fn prepare(&self, data_key: DataKey, context: &EncryptionContext) -> Result<Self::Key, ProviderError>;

    /// Names the memory outside of a key itself in which it owns secrets, as
    /// [`SealingMaterial::memory`](crate::SealingMaterial::memory) does.
    fn memory(&self, _key: &Self::Key, _lock: &mut dyn FnMut(Range<*const u8>)) {}
}

/// The material that prepares nothing: sealing yields the data key with its wrapped forms, opening the data key.
///
/// For whoever has a format without anything to prepare, and for tests.
#[derive(Debug, Clone, Copy, Default)]
pub struct DataKeys;

impl SealingMaterial for DataKeys {
    type Key = GeneratedDataKey;

    fn prepare(
        &self,
        made: GeneratedDataKey,
        _context: &EncryptionContext,
    ) -> Result<GeneratedDataKey, ProviderError> {
        Ok(made)
    }

    fn memory(&self, key: &GeneratedDataKey, lock: &mut dyn FnMut(Range<*const u8>)) {
        lock(key.data_key().expose_secret().as_ptr_range());
    }
}

impl OpeningMaterial for DataKeys {
    type Key = DataKey;

    fn prepare(&self, data_key: DataKey, _context: &EncryptionContext) -> Result<DataKey, ProviderError> {
        Ok(data_key)
    }

    fn memory(&self, key: &DataKey, lock: &mut dyn FnMut(Range<*const u8>)) {
        lock(key.expose_secret().as_ptr_range());
    }
}
