//! Messages under another wrapping key.
use datakey_envelope::{self as envelope, Aad, Message};
use datakey_keyring::KeyringError;
use datakey_provider::{EncryptionContext, ErrorClass, ProviderError, SealingProvider};
use thiserror::Error;

use crate::{OpenError, Opener};

/// Why a message did not get other wrapped keys. Nothing was made.
#[derive(Debug, Clone, Error)]
#[non_exhaustive]
pub enum RewrapError {
    /// The message does not open as it is.
    #[error(transparent)]
    Open(#[from] OpenError),
    /// Its data key was not wrapped anew.
    #[error("the data key was not wrapped anew")]
    Wrap(#[source] ProviderError),
    /// The new wrapped keys have no place in the message.
    #[error(transparent)]
    Envelope(#[from] envelope::RewrapError),
}

impl RewrapError {
    /// The class of the provider's failure, where it was one.
    #[must_use]
    pub fn class(&self) -> Option<ErrorClass> {
        match self {
            Self::Open(error) => error.class(),
            Self::Wrap(error) => Some(error.class()),
            Self::Envelope(_) => None,
        }
    }

    /// Whether the same may succeed later without anybody changing anything.
    #[must_use]
    pub fn is_retryable(&self) -> bool {
        match self {
            Self::Open(error) => error.is_retryable(),
            Self::Wrap(error) => error.is_retryable(),
            Self::Envelope(_) => false,
        }
    }
}

impl Opener {
    /// The message with its data key wrapped by another provider, in place of all its wrapped keys: for a new wrapping key, another
    /// Region or another owner. Nothing but the wrapped keys changes, and the frames are not opened.
    ///
    /// The data key is unwrapped here for it, by one call to each of the two providers. Where it is not to be seen, have KMS
    /// re-encrypt it: [`wrapped_key_of`](Self::wrapped_key_of), `KmsProvider::re_encrypt`, and
    /// [`Header::rewrapped`](envelope::Header::rewrapped), which keeps the others too. Of the native format only.
    ///
    /// ```
    /// use datakey::{Aad, EncryptionContext, Opener, RewrapError, provider::SealingProvider};
    ///
    /// async fn hand_over(old: &Opener, new: &impl SealingProvider, message: &[u8]) -> Result<Vec<u8>, RewrapError> {
    ///     let expected = EncryptionContext::new([("purpose", "archive")]).expect("short");
    ///     old.rewrap(&expected, message, Aad::EMPTY, new).await
    /// }
    /// ```
    ///
    /// # Errors
    /// [`RewrapError`].
    pub async fn rewrap<P: SealingProvider + ?Sized>(
        &self,
        expected: &EncryptionContext,
        message: &[u8],
        aad: Aad<'_>,
        to: &P,
    ) -> Result<Vec<u8>, RewrapError> {
        #[cfg(feature = "esdk")]
        if self.formats().recognise(message)?.is_some() {
            return Err(OpenError::from(crate::Unsupported::OtherKeys).into());
        }
        let message = Message::decode(message).map_err(OpenError::from)?;
        let header = message.header();
        let wrapped = self.wrapped_key_of(expected, header, aad).await?;
        let context = header.context().map_err(OpenError::from)?;
        let opened = self.keyring().provider().decrypt(&context, &wrapped).await;
        let data_key = opened.map_err(|error| OpenError::from(KeyringError::from(error)))?;
        // The call is another one than that which the key in the cache came from.
        let own = envelope::OpeningKey::new(&data_key, &context);
        let own = own.map_err(|_other_length| OpenError::NotAuthentic)?;
        own.check_header(header, aad).map_err(OpenError::from)?;
        let keys = to.encrypt(&context, &data_key).await.map_err(RewrapError::Wrap)?;
        let mut out = Vec::new();
        message.rewrapped(&context, &keys, &mut out)?;
        Ok(out)
    }
}
