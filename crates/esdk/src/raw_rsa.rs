//! The raw RSA keyring: an RSA key of one's own, as the AWS Encryption SDK wraps under it.
mod error;
mod pem;

use alloc::{boxed::Box, vec, vec::Vec};
use core::fmt;

use aws_lc_rs::{
    error::Unspecified,
    rsa::{
        OAEP_SHA1_MGF1SHA1, OAEP_SHA256_MGF1SHA256, OAEP_SHA384_MGF1SHA384, OAEP_SHA512_MGF1SHA512,
        OaepAlgorithm, OaepPrivateDecryptingKey, OaepPublicEncryptingKey, Pkcs1PrivateDecryptingKey,
        Pkcs1PublicEncryptingKey, PrivateDecryptingKey, PublicEncryptingKey,
    },
};
use datakey_provider::{
    DataKey, DataKeyLength, EncryptionContext, ErrorClass, GeneratedDataKey, OpeningProvider, Operation,
    ProviderError, Rank, SealingProvider, WrappedKey, WrappedKeys, async_trait,
};
use zeroize::Zeroizing;

pub use error::RawRsaKeyError;

use crate::raw_names::{Names, failed, not_authentic, refused};

/// How a data key is padded before RSA encrypts it: the padding schemes of the raw RSA keyring.
///
/// An encrypted data key does not say which it is: both sides must be told the same.
///
/// Source: "Padding Scheme" of the raw RSA keyring in the specification of the AWS Encryption SDK; RFC 8017.
///
/// ```
/// use datakey_esdk::RsaPadding;
///
/// // For what is new, the first; the others are for what somebody else writes or reads.
/// assert_eq!(RsaPadding::ALL[0], RsaPadding::OaepSha512Mgf1);
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum RsaPadding {
    /// OAEP with SHA-512, and MGF1 with it.
    OaepSha512Mgf1,
    /// OAEP with SHA-384, and MGF1 with it.
    OaepSha384Mgf1,
    /// OAEP with SHA-256, and MGF1 with it.
    OaepSha256Mgf1,
    /// OAEP with SHA-1, and MGF1 with it. The weakness of SHA-1 is not known to weaken OAEP; for what others wrote or read.
    OaepSha1Mgf1,
    /// PKCS#1 v1.5, for what others wrote or read and nothing new.
    ///
    /// Whoever may have many messages of their own making opened, and sees from answer or time which of them had a well-formed
    /// padding, can find out the data key of somebody else's message (Bleichenbacher, 1998). An opener that answers refusals to
    /// strangers is such a place. So what is not well-formed is not refused here: it opens to a random data key, which is no
    /// message's, and the message is refused as one under another data key is. By how long that took it may still be told apart.
    DangerPkcs1V15,
}

impl RsaPadding {
    /// All of them.
    pub const ALL: [Self; 5] = [
        Self::OaepSha512Mgf1,
        Self::OaepSha384Mgf1,
        Self::OaepSha256Mgf1,
        Self::OaepSha1Mgf1,
        Self::DangerPkcs1V15,
    ];

    const fn oaep(self) -> Option<&'static OaepAlgorithm> {
        match self {
            Self::OaepSha512Mgf1 => Some(&OAEP_SHA512_MGF1SHA512),
            Self::OaepSha384Mgf1 => Some(&OAEP_SHA384_MGF1SHA384),
            Self::OaepSha256Mgf1 => Some(&OAEP_SHA256_MGF1SHA256),
            Self::OaepSha1Mgf1 => Some(&OAEP_SHA1_MGF1SHA1),
            Self::DangerPkcs1V15 => None,
        }
    }
}

/// The half of an RSA key that seals: data keys are wrapped under the public key alone, and only who has the
/// [private key](RawRsaPrivateKey) opens them.
///
/// # What it does not bind
/// RSA has no place for an encryption context, so that a wrapped key opens with any: **the contract of
/// [`SealingProvider`] is not kept to the letter**, and the conformance suite of `datakey-provider` says so. What binds is the
/// message, whose keys or header tag depend on the context: one that was sealed with another context is not authentic. Nor does a
/// wrapped key say who made it. The key is public, so that whoever has it makes messages that open; a signature does not change
/// that, as its key is drawn with the message. Where openers must know that the sealer was one of their own, a raw AES key or AWS
/// KMS is what tells them.
///
/// ```
/// use datakey_esdk::{RawRsaPublicKey, RawRsaPrivateKey, RsaPadding};
/// use datakey_provider::{DataKeyLength, EncryptionContext, OpeningProvider as _, SealingProvider as _};
///
/// # async fn round_trip(public: &[u8], private: &[u8]) -> Result<(), Box<dyn std::error::Error>> {
/// let context = EncryptionContext::new([("tenant", "acme")])?;
/// let padding = RsaPadding::OaepSha512Mgf1;
/// // The shop has the public key.
/// let shop = RawRsaPublicKey::from_pem("shop", "2026", padding, public)?;
/// let made = shop.generate_data_key(&context, DataKeyLength::Bytes32).await?;
/// // The accounting service has the private one, by the same names.
/// let accounting = RawRsaPrivateKey::from_pem("shop", "2026", padding, private)?;
/// let opened = accounting.decrypt(&context, made.wrapped_keys().first()).await?;
/// assert!(opened.ct_eq(made.data_key()));
/// # Ok(()) }
/// ```
///
/// Source: "Raw RSA keyring" in the specification of the AWS Encryption SDK.
pub struct RawRsaPublicKey {
    names: Names,
    padding: RsaPadding,
    key: PublicEncryptingKey,
}

/// The half of an RSA key that opens what was sealed under its [public key](RawRsaPublicKey), where it says what is bound.
///
/// One call computes with the private key, longer the larger that is, and does not yield; a keyring in front of it asks once
/// for each wrapped key. AWS-LC holds the key, in memory that it wipes when it frees it.
///
/// # Where to keep it
///
/// The PEM is as secret as everything that was ever sealed under the public half. A process that opens holds the key in memory for as long
/// as it runs; one that only seals needs none of it. There is no revoking: whoever had a copy opens all of it.
pub struct RawRsaPrivateKey {
    names: Names,
    padding: RsaPadding,
    key: PrivateDecryptingKey,
}

/// Whether a padding may be used.
fn check(padding: RsaPadding) -> Result<(), RawRsaKeyError> {
    let approved = !matches!(padding, RsaPadding::DangerPkcs1V15 | RsaPadding::OaepSha1Mgf1);
    if approved || !crate::is_fips() {
        Ok(())
    } else {
        Err(RawRsaKeyError::NotApproved)
    }
}

impl RawRsaPublicKey {
    /// Takes a namespace, a name, a padding, and a public key in PEM: `PUBLIC KEY` (SPKI) or `RSA PUBLIC KEY` (PKCS#1), of 2048 to 8192
    /// bits.
    ///
    /// # Errors
    /// [`RawRsaKeyError`].
    pub fn from_pem(
        namespace: &str,
        name: &str,
        padding: RsaPadding,
        pem: &[u8],
    ) -> Result<Self, RawRsaKeyError> {
        check(padding)?;
        Ok(Self {
            names: Names::new(namespace, name)?,
            padding,
            key: pem::public_key(pem)?,
        })
    }

    /// The padding.
    #[must_use]
    pub const fn padding(&self) -> RsaPadding {
        self.padding
    }

    fn wrap(&self, data_key: &DataKey) -> Result<WrappedKeys, &'static str> {
        let mut sealed = vec![0; self.key.key_size_bytes()];
        self.encrypt_into(data_key.expose_secret(), &mut sealed)
            .map_err(|_opaque| "RSA encryption failed")?;
        self.names.wrapped(&[], &sealed)
    }

    /// Both paddings fill the buffer, which is as long as the key.
    fn encrypt_into(&self, plaintext: &[u8], sealed: &mut [u8]) -> Result<(), Unspecified> {
        let key = self.key.clone();
        match self.padding.oaep() {
            Some(algorithm) => {
                OaepPublicEncryptingKey::new(key)?.encrypt(algorithm, plaintext, sealed, None)?;
            }
            None => {
                Pkcs1PublicEncryptingKey::new(key)?.encrypt(plaintext, sealed)?;
            }
        }
        Ok(())
    }
}

impl RawRsaPrivateKey {
    /// Takes a namespace, a name, a padding, and a private key in PEM: `PRIVATE KEY` (PKCS#8) or `RSA PRIVATE KEY` (PKCS#1), of 2048 to
    /// 8192 bits, not encrypted. Wiping the source is the caller's part.
    ///
    /// # Errors
    /// [`RawRsaKeyError`].
    pub fn from_pem(
        namespace: &str,
        name: &str,
        padding: RsaPadding,
        pem: &[u8],
    ) -> Result<Self, RawRsaKeyError> {
        check(padding)?;
        Ok(Self {
            names: Names::new(namespace, name)?,
            padding,
            key: pem::private_key(pem)?,
        })
    }

    /// The half that seals, for who has both.
    #[must_use]
    pub fn public_key(&self) -> RawRsaPublicKey {
        RawRsaPublicKey {
            names: self.names.clone(),
            padding: self.padding,
            key: self.key.public_key(),
        }
    }

    /// The padding.
    #[must_use]
    pub const fn padding(&self) -> RsaPadding {
        self.padding
    }

    /// The ciphertext of an encrypted data key that names this wrapping key.
    fn ciphertext<'a>(&self, wrapped: &'a WrappedKey) -> Option<&'a [u8]> {
        let (follows, ciphertext) = self.names.parts(wrapped)?;
        follows.is_empty().then_some(ciphertext)
    }

    fn unwrap(&self, wrapped: &WrappedKey, ciphertext: &[u8]) -> Result<DataKey, ProviderError> {
        if ciphertext.len() != self.key.key_size_bytes() {
            return Err(not_authentic(wrapped));
        }
        let Some(algorithm) = self.padding.oaep() else {
            // Drawn in either case, so that it takes as long.
            let other = DataKey::try_init(DataKeyLength::Bytes32, crate::fips::fill);
            let opened = self.decrypt_with(ciphertext, |key, plaintext| {
                let key = Pkcs1PrivateDecryptingKey::new(key)?;
                key.decrypt(ciphertext, plaintext).map(|opened| opened.len())
            });
            let other = other.map_err(|_error| {
                let why = "the operating system gave no random bytes";
                refused(wrapped, ErrorClass::Internal, why)
            })?;
            return Ok(opened.unwrap_or(other));
        };
        self.decrypt_with(ciphertext, |key, plaintext| {
            let key = OaepPrivateDecryptingKey::new(key)?;
            let opened = key.decrypt(algorithm, ciphertext, plaintext, None);
            opened.map(|opened| opened.len())
        })
        .ok_or_else(|| not_authentic(wrapped))
    }

    /// What is decrypted, if it is a data key. It is never longer than the ciphertext.
    fn decrypt_with(
        &self,
        ciphertext: &[u8],
        decrypt: impl FnOnce(PrivateDecryptingKey, &mut [u8]) -> Result<usize, Unspecified>,
    ) -> Option<DataKey> {
        let mut plaintext: Zeroizing<Vec<u8>> = Zeroizing::new(vec![0; ciphertext.len()]);
        let opened = decrypt(self.key.clone(), &mut plaintext).ok()?;
        DataKey::from_slice(plaintext.get(..opened)?)
    }
}

#[async_trait]
impl SealingProvider for RawRsaPublicKey {
    async fn generate_data_key(
        &self,
        _not_bound: &EncryptionContext,
        length: DataKeyLength,
    ) -> Result<GeneratedDataKey, ProviderError> {
        let internal = |why| failed(ErrorClass::Internal, Operation::GenerateDataKey, why);
        let data_key = DataKey::try_init(length, crate::fips::fill)
            .map_err(|_error| internal("the operating system gave no random bytes"))?;
        let wrapped = self.wrap(&data_key).map_err(internal)?;
        Ok(GeneratedDataKey::new(data_key, wrapped))
    }

    async fn encrypt(
        &self,
        _not_bound: &EncryptionContext,
        data_key: &DataKey,
    ) -> Result<WrappedKeys, ProviderError> {
        self.wrap(data_key)
            .map_err(|why| failed(ErrorClass::Internal, Operation::Encrypt, why))
    }
}

#[async_trait]
impl OpeningProvider for RawRsaPrivateKey {
    /// With PKCS#1 v1.5 one behind, as what it opens may be a data key of no message, where another key under these names opens it.
    fn rank(&self, wrapped: &WrappedKey) -> Option<Rank> {
        let _ours = self.ciphertext(wrapped)?;
        Some(match self.padding {
            RsaPadding::DangerPkcs1V15 => Rank(Rank::LOCAL.0.saturating_add(1)),
            _ => Rank::LOCAL,
        })
    }

    async fn decrypt(
        &self,
        _not_bound: &EncryptionContext,
        wrapped: &WrappedKey,
    ) -> Result<DataKey, ProviderError> {
        let ciphertext = self
            .ciphertext(wrapped)
            .ok_or_else(|| self.names.not_ours(wrapped))?;
        self.unwrap(wrapped, ciphertext)
    }
}

impl fmt::Debug for RawRsaPublicKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RawRsaPublicKey")
            .field("namespace", &self.names.namespace)
            .field("name", &self.names.name)
            .field("padding", &self.padding)
            .finish_non_exhaustive()
    }
}

impl fmt::Debug for RawRsaPrivateKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RawRsaPrivateKey")
            .field("namespace", &self.names.namespace)
            .field("name", &self.names.name)
            .field("padding", &self.padding)
            .finish_non_exhaustive()
    }
}
