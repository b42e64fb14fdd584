//! Data keys prepared for sealing and for opening: what the keyrings keep.
use std::ops::Range;

use datakey_envelope::{self as envelope, Aad};
#[cfg(feature = "esdk")]
use datakey_esdk as esdk;
use datakey_provider::EncryptionContext;

#[cfg(feature = "esdk")]
use crate::Unsupported;
use crate::{FormatName, OpenError, SealError};

/// A data key prepared for sealing, in the format of its [`Sealer`](crate::Sealer).
///
/// What its format can do beyond this is done with the format's own key:
///
/// ```
/// use datakey::{EncryptionContext, SealError, Sealer, SealingKey, envelope, keyring::Usage};
///
/// async fn own_key(sealer: &Sealer, context: &EncryptionContext) -> Result<(), SealError> {
///     let key = sealer.keyring().key(context, Usage::message(300)).await?;
///     if let SealingKey::Datakey(key) = &*key {
///         println!("a message of 300 bytes takes {:?}", key.sealed_len(300));
///     }
///     Ok(())
/// }
/// ```
#[derive(Debug)]
#[non_exhaustive]
pub enum SealingKey {
    /// For the native format.
    Datakey(envelope::SealingKey),
    /// For the format of the AWS Encryption SDK.
    #[cfg(feature = "esdk")]
    Esdk(esdk::SealingKey),
}

impl SealingKey {
    /// In which format it seals.
    #[must_use]
    pub const fn format(&self) -> FormatName {
        match self {
            Self::Datakey(_) => FormatName::Datakey,
            #[cfg(feature = "esdk")]
            Self::Esdk(_) => FormatName::Esdk,
        }
    }

    /// Seals a whole message and appends it to `out`, which is as before if that fails.
    ///
    /// # Errors
    /// [`SealError`]: the message is over a limit of the format, or has associated data where the format has no place for it.
    pub fn seal(&self, plaintext: &[u8], aad: Aad<'_>, out: &mut Vec<u8>) -> Result<(), SealError> {
        match self {
            Self::Datakey(key) => Ok(key.seal(plaintext, aad, out)?),
            #[cfg(feature = "esdk")]
            Self::Esdk(key) => {
                without_aad(aad)?;
                Ok(key.seal(plaintext, out)?)
            }
        }
    }

    /// The key of the native format, which has records.
    pub(crate) const fn with_records(&self) -> Result<&envelope::SealingKey, SealError> {
        match self {
            Self::Datakey(key) => Ok(key),
            #[cfg(feature = "esdk")]
            Self::Esdk(_) => Err(SealError::Unsupported(Unsupported::Records)),
        }
    }

    /// Names the memory on the heap in which this key holds secrets until it is dropped, for whoever locks pages. Only
    /// addresses: nothing is read.
    pub fn secret_memory(&self, visit: &mut dyn FnMut(Range<*const u8>)) {
        match self {
            Self::Datakey(key) => key.secret_memory(visit),
            #[cfg(feature = "esdk")]
            Self::Esdk(key) => key.secret_memory(visit),
        }
    }
}

impl From<envelope::SealingKey> for SealingKey {
    fn from(key: envelope::SealingKey) -> Self {
        Self::Datakey(key)
    }
}

#[cfg(feature = "esdk")]
impl From<esdk::SealingKey> for SealingKey {
    fn from(key: esdk::SealingKey) -> Self {
        Self::Esdk(key)
    }
}

/// A data key prepared for opening. Which format the messages have that it opens is not known before there is one, so it is
/// prepared for each that the data key may be of.
///
/// It is shared by all messages that it opens, and by threads; what it holds is wiped with its last holder.
#[derive(Debug)]
pub struct OpeningKey {
    context: EncryptionContext,
    datakey: Option<envelope::OpeningKey>,
    #[cfg(feature = "esdk")]
    esdk: Option<esdk::OpeningKey>,
}

impl OpeningKey {
    /// The encryption context that the data key was unwrapped with.
    #[must_use]
    pub const fn context(&self) -> &EncryptionContext {
        &self.context
    }

    /// The key for messages of the native format, and for all that it can do.
    ///
    /// # Errors
    /// [`OpenError::NotAuthentic`] where no message of that format is sealed under such a data key.
    #[inline]
    pub fn datakey(&self) -> Result<&envelope::OpeningKey, OpenError> {
        self.datakey.as_ref().ok_or(OpenError::NotAuthentic)
    }

    /// The key for messages of the AWS Encryption SDK.
    ///
    /// # Errors
    /// [`OpenError::NotAuthentic`] where it was made of one for the native format.
    #[cfg(feature = "esdk")]
    pub fn esdk(&self) -> Result<&esdk::OpeningKey, OpenError> {
        self.esdk.as_ref().ok_or(OpenError::NotAuthentic)
    }

    /// As [`SealingKey::secret_memory`].
    pub fn secret_memory(&self, visit: &mut dyn FnMut(Range<*const u8>)) {
        if let Some(key) = &self.datakey {
            key.secret_memory(visit);
        }
        #[cfg(feature = "esdk")]
        if let Some(key) = &self.esdk {
            key.secret_memory(visit);
        }
    }

    /// For both formats; data keys of the native one have a length of their own.
    #[cfg(feature = "esdk")]
    pub(crate) fn of_either(datakey: Option<envelope::OpeningKey>, esdk: esdk::OpeningKey) -> Self {
        Self {
            context: esdk.context().clone(),
            datakey,
            esdk: Some(esdk),
        }
    }
}

impl From<envelope::OpeningKey> for OpeningKey {
    fn from(key: envelope::OpeningKey) -> Self {
        Self {
            context: key.context().clone(),
            datakey: Some(key),
            #[cfg(feature = "esdk")]
            esdk: None,
        }
    }
}

#[cfg(feature = "esdk")]
impl From<esdk::OpeningKey> for OpeningKey {
    fn from(key: esdk::OpeningKey) -> Self {
        Self::of_either(None, key)
    }
}

/// Whether there is no associated data, for which the format of the AWS Encryption SDK has no place.
#[cfg(feature = "esdk")]
pub(crate) const fn without_aad(aad: Aad<'_>) -> Result<(), Unsupported> {
    if aad.as_bytes().is_empty() {
        Ok(())
    } else {
        Err(Unsupported::AssociatedData)
    }
}
