//! What a data key is made into before it is kept.
use std::ops::Range;

use datakey_provider::{DataKey, EncryptionContext, GeneratedDataKey, ProviderError};

/// How a data key is prepared for use, once per key, so that a hit hands out something ready.
///
/// A message format derives its key-derivation state and the header bytes that repeat; [`DataKeys`] hands out the
/// keys themselves. Both methods run inside the load, once per provider call, and should not block.
///
/// ```
/// use datakey_keyring::{Keyring, Material};
/// use datakey_provider::{DataKey, EncryptionContext, GeneratedDataKey, ProviderError, WrappedKeys};
///
/// /// Keeps the wrapped keys beside a data key, which is all that this format repeats.
/// struct MyFormat;
///
/// struct Sealing {
///     data_key: DataKey,
///     header: Vec<u8>,
/// }
///
/// impl Material for MyFormat {
///     type Sealing = Sealing;
///     type Opening = DataKey;
///
///     fn sealing(&self, made: GeneratedDataKey, context: &EncryptionContext) -> Result<Sealing, ProviderError> {
///         let (data_key, wrapped) = made.into_parts();
///         let header = [context.encoded(), wrapped.first().blob()].concat();
///         Ok(Sealing { data_key, header })
///     }
///
///     fn opening(&self, data_key: DataKey, _: &EncryptionContext) -> Result<DataKey, ProviderError> {
///         Ok(data_key)
///     }
/// }
///
/// # fn with<P>(provider: P) -> Result<(), datakey_keyring::ConfigError> {
/// let keyring: Keyring<P, MyFormat> = Keyring::builder().material(MyFormat).build(provider)?;
/// # Ok(()) }
/// ```
pub trait Material: Send + Sync + 'static {
    /// What seals: kept per encryption context, shared by all who seal under it, dropped with its last holder.
    type Sealing: Send + Sync + 'static;

    /// What opens: kept per wrapped key and encryption context.
    type Opening: Send + Sync + 'static;

    /// Prepares a data key that the provider just made.
    ///
    /// # Errors
    /// Where the key cannot be used; shared with every caller that waits for this load.
    fn sealing(
        &self,
        made: GeneratedDataKey,
        context: &EncryptionContext,
    ) -> Result<Self::Sealing, ProviderError>;

    /// Prepares a data key that the provider just unwrapped.
    ///
    /// # Errors
    /// As [`sealing`](Self::sealing).
    fn opening(&self, data_key: DataKey, context: &EncryptionContext)
    -> Result<Self::Opening, ProviderError>;

    /// Names the memory outside of a sealing key itself in which it owns secrets, a box or a vector, until it is
    /// dropped: what the feature `locked-memory` locks beside the key. Nothing is read there. Nothing is named by default.
    ///
    /// ```
    /// # use std::ops::Range;
    /// # struct Sealing { schedule: Box<[u8; 64]> }
    /// fn sealing_memory(key: &Sealing, lock: &mut dyn FnMut(Range<*const u8>)) {
    ///     lock(key.schedule.as_ptr_range());
    /// }
    /// ```
    fn sealing_memory(&self, _key: &Self::Sealing, _lock: &mut dyn FnMut(Range<*const u8>)) {}

    /// The same for an opening key.
    fn opening_memory(&self, _key: &Self::Opening, _lock: &mut dyn FnMut(Range<*const u8>)) {}
}

/// The material that prepares nothing: sealing yields the data key with its wrapped forms, opening the data key.
#[derive(Debug, Clone, Copy, Default)]
pub struct DataKeys;

impl Material for DataKeys {
    type Sealing = GeneratedDataKey;
    type Opening = DataKey;

    fn sealing(
        &self,
        made: GeneratedDataKey,
        _context: &EncryptionContext,
    ) -> Result<GeneratedDataKey, ProviderError> {
        Ok(made)
    }

    fn opening(&self, data_key: DataKey, _context: &EncryptionContext) -> Result<DataKey, ProviderError> {
        Ok(data_key)
    }

    fn sealing_memory(&self, key: &GeneratedDataKey, lock: &mut dyn FnMut(Range<*const u8>)) {
        lock(key.data_key().expose_secret().as_ptr_range());
    }

    fn opening_memory(&self, key: &DataKey, lock: &mut dyn FnMut(Range<*const u8>)) {
        lock(key.expose_secret().as_ptr_range());
    }
}
