//! What the keyrings keep for us: key schedules and the header bytes that repeat.
use std::{error::Error, ops::Range};

use datakey_envelope::{
    self as envelope, DATA_KEY_LENGTH, MAX_DATA_KEY_BYTES, MAX_DATA_KEY_MESSAGES, MAX_WRAPPED_KEYS,
};
#[cfg(feature = "esdk")]
use datakey_esdk as esdk;
#[cfg(feature = "esdk")]
use datakey_keyring::Draft;
use datakey_keyring::{ConfigError, OpeningMaterial, SealingMaterial};
use datakey_provider::{
    DataKey, DataKeyLength, EncryptionContext, ErrorClass, GeneratedDataKey, Operation, ProviderError,
};

#[cfg(feature = "esdk")]
use crate::Formats;
use crate::{Format, OpeningKey, SealingKey};

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
///
/// For whoever builds keyrings of their own, to share one between several sealers or to put layers in between. A sealer or opener that is
/// built makes its own.
#[derive(Debug, Clone, Default)]
pub struct Envelope {
    format: Format,
    /// Opening keys are for messages of the native format alone, and do not hold the data key.
    #[cfg(feature = "esdk")]
    opens_only_datakey: bool,
}

impl Envelope {
    /// Seals in this format. Opening takes it from each message.
    #[must_use]
    pub fn new(format: impl Into<Format>) -> Self {
        Self {
            format: format.into(),
            #[cfg(feature = "esdk")]
            opens_only_datakey: false,
        }
    }

    /// For an opener of these formats.
    #[cfg(feature = "esdk")]
    pub(crate) fn for_formats(formats: &Formats) -> Self {
        Self {
            opens_only_datakey: formats.esdk().is_none(),
            ..Self::default()
        }
    }

    /// Whether module and suite are what the feature `fips` asks for.
    pub(crate) fn check_approved(&self) -> Result<(), ConfigError> {
        crate::fips::check_built()?;
        let approved = match &self.format {
            Format::Datakey(params) => params.suite() == envelope::Suite::Aes256Gcm,
            #[cfg(feature = "esdk")]
            Format::Esdk(params) => params.suite().is_committing(),
        };
        if approved || !crate::is_fips() {
            Ok(())
        } else {
            Err(ConfigError::NotApproved(
                "choose the suite `Aes256Gcm` of the native format, or one of the AWS Encryption SDK's that commits",
            ))
        }
    }

    /// The format that it seals in.
    #[must_use]
    pub const fn format(&self) -> &Format {
        &self.format
    }
}

impl SealingMaterial for Envelope {
    type Key = SealingKey;

    fn data_key_length(&self) -> DataKeyLength {
        match &self.format {
            Format::Datakey(_) => DATA_KEY_LENGTH,
            #[cfg(feature = "esdk")]
            Format::Esdk(params) => params.suite().data_key_length(),
        }
    }

    fn max_wrapped_keys(&self) -> usize {
        match &self.format {
            Format::Datakey(_) => MAX_WRAPPED_KEYS,
            #[cfg(feature = "esdk")]
            Format::Esdk(params) => params.max_encrypted_data_keys().min(usize::from(u16::MAX)),
        }
    }

    /// Rule L2 of the native format, and what the specification of the AWS Encryption SDK sets for caches.
    fn max_messages(&self) -> u64 {
        match &self.format {
            Format::Datakey(_) => MAX_DATA_KEY_MESSAGES,
            #[cfg(feature = "esdk")]
            Format::Esdk(_) => 1 << 32,
        }
    }

    /// Likewise; that specification's limit for bytes is one of its integers.
    fn max_bytes(&self) -> u64 {
        match &self.format {
            Format::Datakey(_) => MAX_DATA_KEY_BYTES,
            #[cfg(feature = "esdk")]
            Format::Esdk(_) => u64::MAX,
        }
    }

    #[cfg(feature = "esdk")]
    fn check_settings(&self) -> Result<(), &'static str> {
        match &self.format {
            Format::Esdk(params) if params.check().is_err() => Err(
                "its commitment policy does not allow its suite, or its suite derives no keys and is not written",
            ),
            _ => Ok(()),
        }
    }

    fn check_context(&self, context: &EncryptionContext) -> Result<(), ProviderError> {
        self.check_approved().map_err(over_a_limit)?;
        match &self.format {
            Format::Datakey(_) => envelope::check_context(context).map_err(over_a_limit),
            #[cfg(feature = "esdk")]
            Format::Esdk(params) => params.check_context(context).map_err(over_a_limit),
        }
    }

    /// The public key of a suite that signs is part of the encryption context, so its key pair is made before the data key is.
    #[cfg(feature = "esdk")]
    fn draft(&self, context: &EncryptionContext) -> Result<Option<Draft<SealingKey>>, ProviderError> {
        let Format::Esdk(params) = &self.format else {
            return Ok(None);
        };
        let internal = |error: esdk::SealError| {
            ProviderError::new(ErrorClass::Internal, Operation::GenerateDataKey)
                .unsent()
                .with_source(error)
        };
        let Some(signing) = esdk::SigningKey::generate(params.suite()).map_err(internal)? else {
            return Ok(None);
        };
        let whole = esdk::context_with_public_key(context, Some(&signing)).map_err(over_a_limit)?;
        let params = params.clone();
        Ok(Some(Draft::new(whole, move |made, whole| {
            esdk_key(&made, whole, Some(signing), &params)
        })))
    }

    fn prepare(
        &self,
        made: GeneratedDataKey,
        context: &EncryptionContext,
    ) -> Result<SealingKey, ProviderError> {
        match &self.format {
            Format::Datakey(params) => {
                envelope::SealingKey::new(made.data_key(), made.wrapped_keys(), context, params)
                    .map(SealingKey::Datakey)
                    .map_err(over_a_limit)
            }
            #[cfg(feature = "esdk")]
            Format::Esdk(params) => esdk_key(&made, context, None, params),
        }
    }

    fn memory(&self, key: &SealingKey, lock: &mut dyn FnMut(Range<*const u8>)) {
        key.secret_memory(lock);
    }
}

#[cfg(feature = "esdk")]
fn esdk_key(
    made: &GeneratedDataKey,
    whole: &EncryptionContext,
    signing: Option<esdk::SigningKey>,
    params: &esdk::Params,
) -> Result<SealingKey, ProviderError> {
    esdk::SealingKey::new(made.data_key(), made.wrapped_keys(), whole, signing, params)
        .map(SealingKey::Esdk)
        .map_err(over_a_limit)
}

fn over_a_limit(over: impl Error + Send + Sync + 'static) -> ProviderError {
    ProviderError::new(ErrorClass::InvalidRequest, Operation::GenerateDataKey)
        .unsent()
        .with_source(over)
}

impl OpeningMaterial for Envelope {
    type Key = OpeningKey;

    fn prepare(&self, data_key: DataKey, context: &EncryptionContext) -> Result<OpeningKey, ProviderError> {
        crate::fips::check_module().map_err(|why| {
            ProviderError::new(ErrorClass::InvalidRequest, Operation::Decrypt)
                .with_source(ConfigError::NotApproved(why))
        })?;
        let datakey = envelope::OpeningKey::new(&data_key, context);
        #[cfg(feature = "esdk")]
        if !self.opens_only_datakey {
            let esdk = esdk::OpeningKey::new(&data_key, context);
            return Ok(OpeningKey::of_either(datakey.ok(), esdk));
        }
        // A message of the native format with a data key of another length was not sealed.
        let key = datakey.map_err(|over| {
            ProviderError::new(ErrorClass::NotAuthentic, Operation::Decrypt).with_source(over)
        })?;
        Ok(key.into())
    }

    fn memory(&self, key: &OpeningKey, lock: &mut dyn FnMut(Range<*const u8>)) {
        key.secret_memory(lock);
    }
}
