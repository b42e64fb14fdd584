//! The half that a control plane has: it makes and moves keys that it never sees.
use alloc::{boxed::Box, sync::Arc};

use async_trait::async_trait;

use crate::{DataKeyLength, EncryptionContext, ProviderError, WrappedKey};

/// The half of a control plane: it makes keys that are wrapped from the start, and wraps them anew, without seeing them.
///
/// Whoever only seals and opens has no use for it, and its role should not allow it: with AWS KMS these are
/// `kms:GenerateDataKeyWithoutPlaintext`, `kms:ReEncryptFrom` and `kms:ReEncryptTo`.
///
/// # Contract
/// - As that of the other halves: the encryption context is bound, one call is one attempt, cancelling is harmless.
/// - No plaintext of a key is answered, and where the service can do without, none leaves it.
///
/// # When to implement it
///
/// For a service that can do so without showing the key, and for one that shows it to this process for the moment. A provider that only
/// seals and opens leaves it out; nothing but tools that make and move keys asks for it.
///
/// ```
/// use datakey_provider::{ControlProvider, EncryptionContext, ProviderError, WrappedKey};
///
/// /// Whether a wrapped key is what the service made for this context. Nobody here sees the key.
/// async fn is_authentic(
///     kms: &impl ControlProvider,
///     wrapped: &WrappedKey,
///     context: &EncryptionContext,
/// ) -> Result<bool, ProviderError> {
///     match kms.rewrap(wrapped, context, context).await {
///         Ok(_same_key_anew) => Ok(true),
///         Err(error) if error.verdict().is_some() => Ok(false),
///         Err(outage) => Err(outage), // not known
///     }
/// }
/// ```
#[async_trait]
pub trait ControlProvider: Send + Sync {
    /// Makes a new key of this length, and answers it wrapped only, bound to `context` (KMS: `GenerateDataKeyWithoutPlaintext`).
    ///
    /// # Errors
    /// A classified [`ProviderError`].
    async fn generate_data_key_without_plaintext(
        &self,
        context: &EncryptionContext,
        length: DataKeyLength,
    ) -> Result<WrappedKey, ProviderError>;

    /// Wraps a key anew that is wrapped under a key of this provider and bound to `from`: under the key that this provider
    /// wraps with, bound to `to` (KMS: `ReEncrypt`). With both alike it proves that the wrapped key is authentic.
    ///
    /// # Errors
    /// A classified [`ProviderError`]; as for [`decrypt`](crate::OpeningProvider::decrypt), what is not authentic is
    /// [`NotAuthentic`](crate::ErrorClass::NotAuthentic), and what is under a foreign key
    /// [`InvalidRequest`](crate::ErrorClass::InvalidRequest), without a call.
    async fn rewrap(
        &self,
        wrapped: &WrappedKey,
        from: &EncryptionContext,
        to: &EncryptionContext,
    ) -> Result<WrappedKey, ProviderError>;
}

macro_rules! forward {
    ($($pointer:ty),+) => {$(
        #[async_trait]
        #[deny(clippy::missing_trait_methods)]
        impl<P: ControlProvider + ?Sized> ControlProvider for $pointer {
            async fn generate_data_key_without_plaintext(
                &self,
                context: &EncryptionContext,
                length: DataKeyLength,
            ) -> Result<WrappedKey, ProviderError> {
                (**self).generate_data_key_without_plaintext(context, length).await
            }

            async fn rewrap(
                &self,
                wrapped: &WrappedKey,
                from: &EncryptionContext,
                to: &EncryptionContext,
            ) -> Result<WrappedKey, ProviderError> {
                (**self).rewrap(wrapped, from, to).await
            }
        }
    )+};
}

forward!(&P, Box<P>, Arc<P>);
