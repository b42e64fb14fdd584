//! Opens messages of the AWS Encryption SDK with the opening keyring of an opener.
use datakey_esdk::{self as esdk, Header, OpenParams};
use datakey_keyring::{Held, KeyringError, OpeningKeyring};
use datakey_provider::{EncryptionContext, WrappedKey};

use crate::{Envelope, OpenError, OpeningKey};

/// Where the keys are, and what is accepted.
#[derive(Clone, Copy)]
pub(crate) struct Opening<'a> {
    pub(crate) keyring: &'a OpeningKeyring<Envelope>,
    pub(crate) params: &'a OpenParams,
}

impl Opening<'_> {
    /// Opens a whole message and appends its plaintext to `out`; answers its encryption context.
    pub(crate) async fn open(
        self,
        expected: Option<&EncryptionContext>,
        message: &[u8],
        out: &mut Vec<u8>,
    ) -> Result<EncryptionContext, OpenError> {
        let limit = self.params.max_encrypted_data_keys();
        let message = esdk::Message::decode_within(message, limit)?;
        let open = |key: &Held<OpeningKey>| {
            let key = of(key)?;
            key.open(&message, self.params, out)?;
            Ok(key.context().clone())
        };
        self.with_key(message.header(), expected, open).await
    }

    /// The key of a message. Commitment and header tag are checked here.
    pub(crate) async fn key(
        self,
        expected: Option<&EncryptionContext>,
        header: &Header<'_>,
    ) -> Result<Held<OpeningKey>, OpenError> {
        let key = |key: &Held<OpeningKey>| {
            of(key)?.check_header(header, self.params)?;
            Ok(key.clone())
        };
        self.with_key(header, expected, key).await
    }

    /// What `open` makes of the message's key, which its commitment, or without one its header's tag, tells from those of others.
    async fn with_key<T>(
        self,
        header: &Header<'_>,
        expected: Option<&EncryptionContext>,
        mut open: impl FnMut(&Held<OpeningKey>) -> Result<T, esdk::OpenError>,
    ) -> Result<T, OpenError> {
        header.check(self.params)?;
        let context = match expected {
            Some(expected) => header.context_expecting(expected)?,
            // Decoding has checked the pairs.
            None => header.context().unwrap_or_default(),
        };
        let Some(wrapped) = header.wrapped_keys() else {
            return Err(KeyringError::NotRecognised {
                key_ids: header
                    .encrypted_data_keys()
                    .map(|key| key.to_string().into())
                    .collect(),
            }
            .into());
        };
        let unless_foreign = |_: &WrappedKey, key: &Held<OpeningKey>| match open(key) {
            Err(error) if self.is_foreign(key, header, error) => None,
            opened => Some(opened),
        };
        let opened = if header.suite().derives_keys() {
            self.keyring.open_with(&context, &wrapped, unless_foreign).await?
        } else {
            // The data key is that of one message alone.
            self.keyring
                .open_uncached_with(&context, &wrapped, unless_foreign)
                .await?
        };
        Ok(opened?)
    }

    /// Whether a key is not that of the message, so that another wrapped key may be.
    fn is_foreign(self, key: &OpeningKey, header: &Header<'_>, error: esdk::OpenError) -> bool {
        match error {
            esdk::OpenError::Commitment | esdk::OpenError::DataKeyLength { .. } => true,
            // Where the header is authentic, it is the body that is not, and no other key opens it.
            esdk::OpenError::NotAuthentic => {
                of(key).is_ok_and(|key| key.check_header(header, self.params).is_err())
            }
            _ => false,
        }
    }
}

/// What the keyrings of openers keep is for either format.
fn of(key: &OpeningKey) -> Result<&esdk::OpeningKey, esdk::OpenError> {
    key.esdk().map_err(|_of_the_other| esdk::OpenError::Commitment)
}
