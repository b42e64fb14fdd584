//! What the keyring keeps for us: key schedules and the header bytes that repeat.
use std::ops::Range;

use datakey_envelope::{OpeningKey, Params, SealingKey};
use datakey_keyring::Material;
use datakey_provider::{DataKey, EncryptionContext, GeneratedDataKey, ProviderError};

/// Prepares data keys for the message format, once per key: what a [`Sealer`](crate::Sealer) and an
/// [`Opener`](crate::Opener) tell their keyring.
///
/// ```
/// use datakey::{Envelope, keyring::Keyring, provider::KeyProvider};
///
/// fn keyring<P: KeyProvider>(provider: P) -> Result<Keyring<P, Envelope>, datakey::keyring::ConfigError> {
///     Keyring::builder().material(Envelope::default()).build(provider)
/// }
/// ```
#[derive(Debug, Clone, Copy, Default)]
pub struct Envelope(Params);

impl Envelope {
    /// Seals with these parameters. Opening takes them from each message.
    #[must_use]
    pub const fn new(params: Params) -> Self {
        Self(params)
    }

    /// The parameters that it seals with.
    pub const fn params(&self) -> &Params {
        &self.0
    }
}

impl Material for Envelope {
    type Sealing = SealingKey;
    type Opening = OpeningKey;

    fn sealing(
        &self,
        made: GeneratedDataKey,
        context: &EncryptionContext,
    ) -> Result<SealingKey, ProviderError> {
        Ok(SealingKey::new(
            made.data_key(),
            made.wrapped_keys(),
            context,
            &self.0,
        ))
    }

    fn opening(&self, data_key: DataKey, context: &EncryptionContext) -> Result<OpeningKey, ProviderError> {
        Ok(OpeningKey::new(&data_key, context))
    }

    fn sealing_memory(&self, key: &SealingKey, lock: &mut dyn FnMut(Range<*const u8>)) {
        key.secret_memory(lock);
    }

    fn opening_memory(&self, key: &OpeningKey, lock: &mut dyn FnMut(Range<*const u8>)) {
        key.secret_memory(lock);
    }
}
