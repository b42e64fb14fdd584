//! The raw AES keyring: a wrapping key of one's own, as the AWS Encryption SDK wraps under it.
use alloc::{boxed::Box, format, vec, vec::Vec};
use core::fmt;

use datakey_provider::{
    DataKey, DataKeyLength, EncryptionContext, ErrorClass, GeneratedDataKey, OpeningProvider, Operation,
    ProviderError, Rank, SealingProvider, WrappedKey, WrappedKeys, async_trait,
};
use thiserror::Error;
use zeroize::Zeroizing;

use crate::{
    AWS_KMS, EncryptedDataKey,
    cipher::Cipher,
    context,
    header::{IV_LEN, TAG_LEN},
};

/// In front of the IV in the provider info: the tag's length in bits, and the IV's in bytes.
const LENGTHS: [u8; 8] = [0, 0, 0, 128, 0, 0, 0, 12];

/// A wrapping key in memory, under which data keys are wrapped with AES-GCM: the raw AES keyring of the AWS Encryption SDK.
///
/// Each encrypted data key has the namespace as its provider id, and name and IV in its provider info; the encryption context is
/// authenticated. As with all providers, one key may be shared by any number of keyrings, and 2^32 data keys may be wrapped under
/// it, since IVs are random.
///
/// ```
/// use datakey_esdk::RawAesKey;
/// use datakey_provider::{DataKeyLength, EncryptionContext, OpeningProvider as _, SealingProvider as _};
///
/// # async fn round_trip() -> Result<(), Box<dyn std::error::Error>> {
/// let key = RawAesKey::new("shop", "2026", &[7; 32])?; // 32 secret, random bytes
/// let context = EncryptionContext::new([("tenant", "acme")])?;
/// let made = key.generate_data_key(&context, DataKeyLength::Bytes32).await?;
/// let opened = key.decrypt(&context, made.wrapped_keys().first()).await?;
/// assert!(opened.ct_eq(made.data_key()));
/// # Ok(()) }
/// ```
///
/// Source: "Raw AES keyring" in the specification of the AWS Encryption SDK.
pub struct RawAesKey {
    namespace: Box<str>,
    name: Box<str>,
    key: Zeroizing<Vec<u8>>,
}

/// Why something is not a raw AES key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum RawKeyError {
    /// The key has neither 16, 24 nor 32 bytes.
    #[error("an AES key has 16, 24 or 32 bytes, not {0}")]
    Length(usize),
    /// The namespace is empty, that of AWS KMS, or has control characters.
    #[error("a key namespace is not empty, not `aws-kms`, and has no control characters")]
    Namespace,
    /// Namespace or name has more than 60,000 bytes.
    #[error("a key namespace and a key name have at most 60000 bytes, this one has {0}")]
    TooLong(usize),
}

impl RawKeyError {
    /// Whether the same may succeed later without anybody changing anything: never.
    #[must_use]
    pub const fn is_retryable(&self) -> bool {
        false
    }
}

/// The longest namespace or name, in bytes, so that everything beside it has a place too.
const MAX_NAME_LEN: usize = 60_000;

impl RawAesKey {
    /// Takes a namespace, a name, and a key of 16, 24 or 32 random bytes. Wiping the source is the caller's part.
    ///
    /// # Errors
    /// [`RawKeyError`].
    pub fn new(namespace: &str, name: &str, key: &[u8]) -> Result<Self, RawKeyError> {
        if DataKeyLength::from_bytes(key.len()).is_none() {
            return Err(RawKeyError::Length(key.len()));
        }
        if namespace.is_empty() || namespace == AWS_KMS || namespace.chars().any(char::is_control) {
            return Err(RawKeyError::Namespace);
        }
        if let Some(long) = [namespace.len(), name.len()]
            .into_iter()
            .find(|len| *len > MAX_NAME_LEN)
        {
            return Err(RawKeyError::TooLong(long));
        }
        Ok(Self {
            namespace: namespace.into(),
            name: name.into(),
            key: Zeroizing::new(key.to_vec()),
        })
    }

    fn wrap(&self, context: &EncryptionContext, data_key: &DataKey) -> Result<WrappedKeys, &'static str> {
        let mut iv = [0; IV_LEN];
        getrandom::fill(&mut iv).map_err(|_error| "the operating system gave no random bytes")?;
        let plaintext = data_key.expose_secret();
        let mut sealed = vec![0; plaintext.len().saturating_add(TAG_LEN)];
        let Some((ciphertext, tag)) = sealed.split_last_chunk_mut() else {
            return Err("there is no room for a tag");
        };
        let cipher = Cipher::new(&self.key).map_err(|_refused| "the cipher failed")?;
        cipher
            .seal(&iv, &authenticated(context)?, plaintext, ciphertext, tag)
            .map_err(|_refused| "the cipher failed")?;
        let info = [self.name.as_bytes(), &LENGTHS, &iv].concat();
        let len = u16::try_from(info.len()).map_err(|_checked| "the name is too long")?;
        let blob = [&len.to_be_bytes(), &info[..], &sealed].concat();
        WrappedKey::new(format!("esdk:{}", self.namespace), blob)
            .map(WrappedKeys::from)
            .map_err(|_checked| "the namespace is no key id")
    }

    /// IV, ciphertext and tag of an encrypted data key that names this wrapping key.
    fn parts<'a>(&self, wrapped: &'a WrappedKey) -> Option<(&'a [u8; IV_LEN], &'a [u8], &'a [u8; TAG_LEN])> {
        let key = EncryptedDataKey::of(wrapped).ok()?;
        if key.provider_id() != &*self.namespace {
            return None;
        }
        let rest = key.provider_info().strip_prefix(self.name.as_bytes())?;
        let iv = rest.strip_prefix(&LENGTHS)?.try_into().ok()?;
        let (ciphertext, tag) = key.ciphertext().split_last_chunk()?;
        Some((iv, ciphertext, tag))
    }
}

fn authenticated(context: &EncryptionContext) -> Result<Vec<u8>, &'static str> {
    let mut bytes = Vec::new();
    context::serialise(context, &mut bytes).map_err(|_too_long| "the encryption context is too long")?;
    Ok(bytes)
}

fn failed(class: ErrorClass, operation: Operation, why: &'static str) -> ProviderError {
    ProviderError::new(class, operation).with_source(why)
}

#[async_trait]
impl SealingProvider for RawAesKey {
    async fn generate_data_key(
        &self,
        context: &EncryptionContext,
        length: DataKeyLength,
    ) -> Result<GeneratedDataKey, ProviderError> {
        let internal = |why| failed(ErrorClass::Internal, Operation::GenerateDataKey, why);
        let data_key = DataKey::try_init(length, getrandom::fill)
            .map_err(|_error| internal("the operating system gave no random bytes"))?;
        let wrapped = self.wrap(context, &data_key).map_err(internal)?;
        Ok(GeneratedDataKey::new(data_key, wrapped))
    }

    async fn encrypt(
        &self,
        context: &EncryptionContext,
        data_key: &DataKey,
    ) -> Result<WrappedKeys, ProviderError> {
        self.wrap(context, data_key)
            .map_err(|why| failed(ErrorClass::Internal, Operation::Encrypt, why))
    }
}

#[async_trait]
impl OpeningProvider for RawAesKey {
    fn rank(&self, wrapped: &WrappedKey) -> Option<Rank> {
        self.parts(wrapped).map(|_parts| Rank::LOCAL)
    }

    async fn decrypt(
        &self,
        context: &EncryptionContext,
        wrapped: &WrappedKey,
    ) -> Result<DataKey, ProviderError> {
        let refused = |class, why| failed(class, Operation::Decrypt, why).with_key_id(wrapped.key_id());
        let not_authentic = || {
            refused(
                ErrorClass::NotAuthentic,
                "the wrapped key is not what this key wrapped",
            )
        };
        let is_ours = wrapped.key_id().strip_prefix("esdk:") == Some(&*self.namespace);
        let Some((iv, ciphertext, tag)) = self.parts(wrapped) else {
            return Err(if is_ours {
                not_authentic()
            } else {
                refused(
                    ErrorClass::InvalidRequest,
                    "the wrapped key is of another namespace",
                )
            });
        };
        let length = DataKeyLength::from_bytes(ciphertext.len()).ok_or_else(not_authentic)?;
        let aad = authenticated(context).map_err(|why| refused(ErrorClass::InvalidRequest, why))?;
        let cipher = Cipher::new(&self.key).map_err(|_refused| not_authentic())?;
        DataKey::try_init(length, |bytes| cipher.open(iv, &aad, ciphertext, tag, bytes))
            .map_err(|_refused| not_authentic())
    }
}

impl fmt::Debug for RawAesKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RawAesKey")
            .field("namespace", &self.namespace)
            .field("name", &self.name)
            .finish_non_exhaustive()
    }
}
