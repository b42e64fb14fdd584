//! Paying for credentials and connections before the first caller comes.
use aws_sdk_kms::types::{DataKeySpec, DryRunModifierType};
use datakey_provider::{EncryptionContext, Operation, ProviderError};

use crate::{KmsProvider, attempt::once_more, client::unretried, provider::pairs, recognise::Opening};

/// What KMS answers to a dry run that would have succeeded.
const WOULD_SUCCEED: &str = "DryRunOperationException";

impl KmsProvider {
    /// Resolves the credentials, opens a connection, and asks KMS whether this role may use these keys, so that the
    /// first caller neither waits for that nor is the one who finds out.
    ///
    /// One dry run of `GenerateDataKey` if there is a key to wrap under, and one of `Decrypt` for the first key to open with; two
    /// calls at most, which count against the quota like others. No data key is made. In discovery mode there is
    /// no key to ask about and nothing is sent. A caller who is not accepted is tried once more, as a wrong clock is put right by
    /// the first answer, and credentials that are refused are asked for anew.
    ///
    /// `context` is one that the service will use: policies may allow some and deny others. The dry run of `Decrypt`
    /// sends no ciphertext (`DryRunModifiers: IGNORE_CIPHERTEXT`), which other emulators of KMS may not know.
    ///
    /// ```no_run
    /// # async fn start(provider: datakey_kms::KmsProvider) -> Result<(), Box<dyn std::error::Error>> {
    /// let context = datakey_provider::EncryptionContext::new([("tenant", "acme"), ("purpose", "orders")])?;
    /// provider.warm_up(&context).await?; // fails on the day of the deployment, not on that of the first order
    /// # Ok(()) }
    /// ```
    ///
    /// Source: "Testing your permissions" in the AWS KMS Developer Guide.
    ///
    /// # Errors
    /// What a call would have failed with, classified.
    pub async fn warm_up(&self, context: &EncryptionContext) -> Result<(), ProviderError> {
        if let Some(key) = self.wrapping_key() {
            once_more(|| self.try_wrapping(key.as_str(), context)).await?;
        }
        match &self.inner().opening {
            Some(Opening::Pinned { keys, alias }) => match keys.first().or(alias.as_ref()) {
                Some(key) => once_more(|| self.try_opening(key.as_str(), context)).await,
                None => Ok(()),
            },
            Some(Opening::Discovery(_)) | None => Ok(()),
        }
    }

    async fn try_wrapping(&self, key_id: &str, context: &EncryptionContext) -> Result<(), ProviderError> {
        let attempt = self.attempt(Operation::GenerateDataKey, key_id);
        let request = self.client().generate_data_key().key_id(key_id);
        let sent = request
            .key_spec(DataKeySpec::Aes256)
            .dry_run(true)
            .set_encryption_context(pairs(Operation::GenerateDataKey, context)?)
            .set_grant_tokens(self.inner().grant_tokens.clone())
            .customize()
            .config_override(unretried(self.client()))
            .interceptor(attempt.sent())
            .send()
            .await;
        match sent {
            // An emulator that does not know dry runs makes a data key, which is wiped here.
            Ok(output) => {
                drop(zeroize::Zeroizing::new(
                    output.plaintext.map(|blob| blob.into_inner()),
                ));
                Ok(())
            }
            Err(error) => would_succeed(attempt.failed(error)),
        }
    }

    async fn try_opening(&self, key_id: &str, context: &EncryptionContext) -> Result<(), ProviderError> {
        let attempt = self.attempt(Operation::Decrypt, key_id);
        let request = self.client().decrypt().key_id(key_id);
        let sent = request
            .dry_run(true)
            .dry_run_modifiers(DryRunModifierType::IgnoreCiphertext)
            .set_encryption_context(pairs(Operation::Decrypt, context)?)
            .set_grant_tokens(self.inner().grant_tokens.clone())
            .customize()
            .config_override(unretried(self.client()))
            .interceptor(attempt.sent())
            .send()
            .await;
        match sent {
            Ok(_) => Ok(()),
            Err(error) => would_succeed(attempt.failed(error)),
        }
    }
}

fn would_succeed(error: ProviderError) -> Result<(), ProviderError> {
    if error.code() == Some(WOULD_SUCCEED) {
        Ok(())
    } else {
        Err(error)
    }
}
