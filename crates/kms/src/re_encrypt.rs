//! Replacing the wrapping key of a data key inside KMS.
use aws_sdk_kms::config::Builder;
use datakey_provider::{
    ControlProvider, DataKeyLength, EncryptionContext, Operation, ProviderError, WrappedKey, async_trait,
};

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
        let unretried = || Some(unretried(&self.inner().client));
        let contexts = (source_context, destination_context);
        once_more(|| self.ask_to_move(wrapped, &found, destination, contexts, unretried())).await
    }

    async fn ask_to_move(
        &self,
        wrapped: &WrappedKey,
        found: &Recognised<'_>,
        destination: &KmsKeyId,
        (from, to): (&EncryptionContext, &EncryptionContext),
        config: Option<Builder>,
    ) -> Result<WrappedKey, ProviderError> {
        let inner = self.inner();
        let attempt = self.attempt(OPERATION, &found.ask);
        let request = inner.client.re_encrypt();
        let mut request = request
            .ciphertext_blob(ciphertext(OPERATION, wrapped)?)
            .source_key_id(&*found.ask)
            .set_source_encryption_context(pairs(OPERATION, from)?)
            .destination_key_id(destination.as_str())
            .set_destination_encryption_context(pairs(OPERATION, to)?)
            .set_grant_tokens(inner.grant_tokens.clone())
            .customize()
            .interceptor(attempt.sent());
        if let Some(config) = config {
            request = request.config_override(config);
        }
        let sent = request.send().await;
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

/// Each method is one request: the layer above makes attempts, and says how long one may take.
#[async_trait]
#[deny(clippy::missing_trait_methods)]
impl ControlProvider for KmsProvider {
    async fn generate_data_key_without_plaintext(
        &self,
        context: &EncryptionContext,
        length: DataKeyLength,
    ) -> Result<WrappedKey, ProviderError> {
        const OPERATION: Operation = Operation::GenerateDataKeyWithoutPlaintext;
        let key = self.key_to_wrap(OPERATION)?;
        let made = self.ask_for_wrapped_key(context, length, key).await;
        made.map_err(|error| error.with_quota(self.inner().quotas.sealing().quota))
    }

    async fn rewrap(
        &self,
        wrapped: &WrappedKey,
        from: &EncryptionContext,
        to: &EncryptionContext,
    ) -> Result<WrappedKey, ProviderError> {
        let found = self.key_to_open(OPERATION, wrapped)?;
        let destination = self.key_to_wrap(OPERATION)?;
        let moved = self
            .ask_to_move(wrapped, &found, destination, (from, to), None)
            .await;
        moved.map_err(|error| error.with_quota(self.inner().quotas.sealing().quota))
    }
}

impl KmsProvider {
    async fn ask_for_wrapped_key(
        &self,
        context: &EncryptionContext,
        length: DataKeyLength,
        key: &KmsKeyId,
    ) -> Result<WrappedKey, ProviderError> {
        const OPERATION: Operation = Operation::GenerateDataKeyWithoutPlaintext;
        let inner = self.inner();
        let attempt = self.attempt(OPERATION, key.as_str());
        let request = inner.client.generate_data_key_without_plaintext();
        let sent = request
            .number_of_bytes(i32::try_from(length.bytes()).unwrap_or(i32::MAX))
            .key_id(key.as_str())
            .set_encryption_context(pairs(OPERATION, context)?)
            .set_grant_tokens(inner.grant_tokens.clone())
            .customize()
            .interceptor(attempt.sent())
            .send()
            .await;
        let output = sent.map_err(|error| attempt.failed(error))?;
        answer::wrapped_by(output.key_id, key, &inner.region)
            .and_then(|arn| answer::wrapped_key(output.ciphertext_blob, arn))
            .map_err(|malformed| malformed.into_error(OPERATION, key.as_str()))
    }
}
