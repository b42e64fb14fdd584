//! The raw AES keyring: a wrapping key of one's own, as the AWS Encryption SDK wraps under it.
use alloc::{boxed::Box, vec, vec::Vec};
use core::fmt;

use datakey_provider::{
    DataKey, DataKeyLength, EncryptionContext, ErrorClass, GeneratedDataKey, OpeningProvider, Operation,
    ProviderError, Rank, SealingProvider, WrappedKey, WrappedKeys, async_trait,
};
use zeroize::Zeroizing;

use crate::{
    RawKeyError,
    cipher::Cipher,
    context,
    header::{IV_LEN, TAG_LEN},
    raw_names::{Names, failed, not_authentic, refused},
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
///
/// # Several keys
///
/// A reader that knows keys by several names is [`Several`](datakey_provider::Several) of them. One whose namespace fits and whose name
/// does not is refused as not authentic, and one of another namespace as a request for somebody else:
///
/// ```
/// use datakey_esdk::RawAesKey;
/// use datakey_provider::{DataKeyLength, EncryptionContext, ErrorClass, OpeningProvider as _, SealingProvider as _, Several};
/// # use std::{future::Future as _, pin::pin, task::{Context, Poll, Waker}};
/// # fn now<T>(call: impl Future<Output = T>) -> T {
/// #     let Poll::Ready(done) = pin!(call).poll(&mut Context::from_waker(Waker::noop())) else { panic!("nothing here waits") };
/// #     done
/// # }
/// let (old, new) = (RawAesKey::new("shop", "2026", &[7; 32])?, RawAesKey::new("shop", "2027", &[8; 32])?);
/// let context = EncryptionContext::empty();
/// let made = now(old.generate_data_key(&context, DataKeyLength::Bytes32))?;
/// let wrapped = made.wrapped_keys().first();
/// assert_eq!(now(new.decrypt(&context, wrapped)).unwrap_err().class(), ErrorClass::NotAuthentic);
/// let bank = RawAesKey::new("bank", "2026", &[7; 32])?;
/// assert_eq!(now(bank.decrypt(&context, wrapped)).unwrap_err().class(), ErrorClass::InvalidRequest);
/// let either = Several::new([new, old])?;
/// assert!(now(either.decrypt(&context, wrapped)).is_ok());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # When to use it
///
/// For messages that other AWS Encryption SDKs read with a raw AES keyring of the same namespace, name and key. The wrapping key is in the
/// process, so that whoever reads its memory or its configuration opens everything; AWS KMS, or `datakey-branch-keys`, keeps it elsewhere.
/// Where no other SDK reads along, the keys of `datakey-local` have names, sets and files.
pub struct RawAesKey {
    names: Names,
    key: Zeroizing<Vec<u8>>,
}

impl RawAesKey {
    /// Takes a namespace, a name, and a key of 16, 24 or 32 random bytes. Wiping the source is the caller's part.
    ///
    /// # Errors
    /// [`RawKeyError`].
    pub fn new(namespace: &str, name: &str, key: &[u8]) -> Result<Self, RawKeyError> {
        if DataKeyLength::from_bytes(key.len()).is_none() {
            return Err(RawKeyError::Length(key.len()));
        }
        Ok(Self {
            names: Names::new(namespace, name)?,
            key: Zeroizing::new(key.to_vec()),
        })
    }

    fn wrap(&self, context: &EncryptionContext, data_key: &DataKey) -> Result<WrappedKeys, &'static str> {
        let mut iv = [0; IV_LEN];
        crate::fips::fill(&mut iv).map_err(|_error| "the operating system gave no random bytes")?;
        let plaintext = data_key.expose_secret();
        let mut sealed = vec![0; plaintext.len().saturating_add(TAG_LEN)];
        let Some((ciphertext, tag)) = sealed.split_last_chunk_mut() else {
            return Err("there is no room for a tag");
        };
        let cipher = Cipher::new(&self.key).map_err(|_refused| "the cipher failed")?;
        cipher
            .seal(&iv, &authenticated(context)?, plaintext, ciphertext, tag)
            .map_err(|_refused| "the cipher failed")?;
        let follows = [&LENGTHS[..], &iv].concat();
        self.names.wrapped(&follows, &sealed)
    }

    /// IV, ciphertext and tag of an encrypted data key that names this wrapping key.
    fn parts<'a>(&self, wrapped: &'a WrappedKey) -> Option<(&'a [u8; IV_LEN], &'a [u8], &'a [u8; TAG_LEN])> {
        let (follows, sealed) = self.names.parts(wrapped)?;
        let iv = follows.strip_prefix(&LENGTHS)?.try_into().ok()?;
        let (ciphertext, tag) = sealed.split_last_chunk()?;
        Some((iv, ciphertext, tag))
    }
}

fn authenticated(context: &EncryptionContext) -> Result<Vec<u8>, &'static str> {
    let mut bytes = Vec::new();
    context::serialise(context, &mut bytes).map_err(|_too_long| "the encryption context is too long")?;
    Ok(bytes)
}

#[async_trait]
impl SealingProvider for RawAesKey {
    async fn generate_data_key(
        &self,
        context: &EncryptionContext,
        length: DataKeyLength,
    ) -> Result<GeneratedDataKey, ProviderError> {
        let internal = |why| failed(ErrorClass::Internal, Operation::GenerateDataKey, why);
        let data_key = DataKey::try_init(length, crate::fips::fill)
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
        let Some((iv, ciphertext, tag)) = self.parts(wrapped) else {
            return Err(self.names.not_ours(wrapped));
        };
        let not_authentic = || not_authentic(wrapped);
        let length = DataKeyLength::from_bytes(ciphertext.len()).ok_or_else(not_authentic)?;
        let aad = authenticated(context).map_err(|why| refused(wrapped, ErrorClass::InvalidRequest, why))?;
        let cipher = Cipher::new(&self.key).map_err(|_refused| not_authentic())?;
        DataKey::try_init(length, |bytes| cipher.open(iv, &aad, ciphertext, tag, bytes))
            .map_err(|_refused| not_authentic())
    }
}

impl fmt::Debug for RawAesKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RawAesKey")
            .field("namespace", &self.names.namespace)
            .field("name", &self.names.name)
            .finish_non_exhaustive()
    }
}
