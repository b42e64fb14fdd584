//! Replacing the wrapping key of a data key inside KMS.
use datakey_provider::{EncryptionContext, Operation, ProviderError, WrappedKey};

use crate::{
    KmsKeyId, KmsProvider, Refusal, answer,
    attempt::once_more,
    client::unretried,
    failure::refused,
    provider::{ciphertext, pairs},
    recognise::Recognised,
};

const OPERATION: Operation = Operation::ReEncrypt;

impl KmsProvider {
    /// Wraps a data key anew, under another key, another encryption context, or both, without the data key ever
    /// leaving KMS (`ReEncrypt`).
    ///
    /// No retry layer makes this call, so that a caller who is not accepted is tried once more here, with the right time and other
    /// credentials.
    ///
    /// The source must be one that this provider opens, by the same rules as `decrypt`: KMS is told which key it has
    /// to be under. The destination is in the same region; its alias may be of any account. Needs
    /// `kms:ReEncryptFrom` on the source key and `kms:ReEncryptTo` on the destination key.
    ///
    /// ```no_run
    /// # use datakey_kms::KmsProvider;
    /// # use datakey_provider::{EncryptionContext, WrappedKey};
    /// # async fn hand_over(provider: &KmsProvider, wrapped: &WrappedKey) -> Result<WrappedKey, Box<dyn std::error::Error>> {
    /// let context = EncryptionContext::new([("tenant", "acme"), ("purpose", "orders")])?;
    /// let theirs = "arn:aws:kms:eu-central-1:444455556666:alias/accounting".parse()?;
    /// Ok(provider.re_encrypt(wrapped, &context, &theirs, &context).await?)
    /// # }
    /// ```
    ///
    /// # Errors
    /// A classified [`ProviderError`], as of `decrypt`; a source that is not ours, or a destination in another region,
    /// is [`InvalidRequest`](datakey_provider::ErrorClass::InvalidRequest) without a call.
    pub async fn re_encrypt(
        &self,
        wrapped: &WrappedKey,
        source_context: &EncryptionContext,
        destination: &KmsKeyId,
        destination_context: &EncryptionContext,
    ) -> Result<WrappedKey, ProviderError> {
        let found = self.key_to_open(OPERATION, wrapped)?;
        self.check_destination(destination)?;
        once_more(|| self.ask_to_move(wrapped, &found, source_context, destination, destination_context))
            .await
    }

    async fn ask_to_move(
        &self,
        wrapped: &WrappedKey,
        found: &Recognised<'_>,
        source_context: &EncryptionContext,
        destination: &KmsKeyId,
        destination_context: &EncryptionContext,
    ) -> Result<WrappedKey, ProviderError> {
        let inner = self.inner();
        let attempt = self.attempt(OPERATION, &found.ask);
        let request = inner.client.re_encrypt();
        let sent = request
            .ciphertext_blob(ciphertext(OPERATION, wrapped)?)
            .source_key_id(&*found.ask)
            .set_source_encryption_context(pairs(OPERATION, source_context)?)
            .destination_key_id(destination.as_str())
            .set_destination_encryption_context(pairs(OPERATION, destination_context)?)
            .set_grant_tokens(inner.grant_tokens.clone())
            .customize()
            .config_override(unretried(&inner.client))
            .interceptor(attempt.sent())
            .send()
            .await;
        let output = sent.map_err(|error| attempt.failed(error))?;
        answer::opened_by(output.source_key_id, &found.answer)
            .map_err(|malformed| malformed.into_error(OPERATION, wrapped.key_id()))?;
        answer::wrapped_by(output.key_id, destination, &inner.region)
            .and_then(|arn| answer::wrapped_key(output.ciphertext_blob, arn))
            .map_err(|malformed| malformed.into_error(OPERATION, destination.as_str()))
    }

    fn check_destination(&self, destination: &KmsKeyId) -> Result<(), ProviderError> {
        match destination.region() {
            Some(region) if region != self.region() => {
                let region = self.region().into();
                let refusal = Refusal::OtherRegion { region };
                Err(refused(OPERATION, Some(destination.as_str()), refusal))
            }
            _ => Ok(()),
        }
    }
}
