//! What the keyrings keep for us: key schedules and the header bytes that repeat.
use std::ops::Range;

use datakey_envelope::{
    DATA_KEY_LENGTH, LimitError, MAX_WRAPPED_KEYS, OpeningKey, SealingKey, check_context,
};
use datakey_keyring::{OpeningMaterial, SealingMaterial};
use datakey_provider::{
    DataKey, DataKeyLength, EncryptionContext, ErrorClass, GeneratedDataKey, Operation, ProviderError,
};

use crate::Format;

/// Prepares data keys for a message format, once per key: what a [`Sealer`](crate::Sealer) and an
/// [`Opener`](crate::Opener) tell their keyrings.
///
/// ```
/// use datakey::{Envelope, keyring::SealingKeyring, provider::SealingProvider};
///
/// fn keyring(provider: impl SealingProvider + 'static) -> Result<SealingKeyring<Envelope>, datakey::ConfigError> {
///     SealingKeyring::builder().material(Envelope::default()).build(provider)
/// }
/// ```
#[derive(Debug, Clone, Copy, Default)]
pub struct Envelope(Format);

impl Envelope {
    /// Seals in this format. Opening takes it from each message.
    #[must_use]
    pub fn new(format: impl Into<Format>) -> Self {
        Self(format.into())
    }

    /// The format that it seals in.
    #[must_use]
    pub const fn format(&self) -> &Format {
        &self.0
    }
}

impl SealingMaterial for Envelope {
    type Key = SealingKey;

    fn data_key_length(&self) -> DataKeyLength {
        let Format::Datakey(_) = &self.0;
        DATA_KEY_LENGTH
    }

    fn max_wrapped_keys(&self) -> usize {
        let Format::Datakey(_) = &self.0;
        MAX_WRAPPED_KEYS
    }

    fn check_context(&self, context: &EncryptionContext) -> Result<(), ProviderError> {
        let Format::Datakey(_) = &self.0;
        check_context(context).map_err(over_a_limit)
    }

    fn prepare(
        &self,
        made: GeneratedDataKey,
        context: &EncryptionContext,
    ) -> Result<SealingKey, ProviderError> {
        let Format::Datakey(params) = &self.0;
        SealingKey::new(made.data_key(), made.wrapped_keys(), context, params).map_err(over_a_limit)
    }

    fn memory(&self, key: &SealingKey, lock: &mut dyn FnMut(Range<*const u8>)) {
        key.secret_memory(lock);
    }
}

fn over_a_limit(over: LimitError) -> ProviderError {
    ProviderError::new(ErrorClass::InvalidRequest, Operation::GenerateDataKey)
        .unsent()
        .with_source(over)
}

impl OpeningMaterial for Envelope {
    type Key = OpeningKey;

    fn prepare(&self, data_key: DataKey, context: &EncryptionContext) -> Result<OpeningKey, ProviderError> {
        // A message of this format with a data key of another length was not sealed.
        OpeningKey::new(&data_key, context).map_err(|over| {
            ProviderError::new(ErrorClass::NotAuthentic, Operation::Decrypt).with_source(over)
        })
    }

    fn memory(&self, key: &OpeningKey, lock: &mut dyn FnMut(Range<*const u8>)) {
        key.secret_memory(lock);
    }
}
