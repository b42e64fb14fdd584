//! One wrapping key: its name, its secret, and how it wraps.
use std::fmt;

use chacha20poly1305::{AeadInOut as _, Key, KeyInit as _, XChaCha20Poly1305, XNonce, aead::inout::InOutBuf};
use datakey_provider::{DataKey, DataKeyLength, EncryptionContext};
use thiserror::Error;
use zeroize::Zeroizing;

use crate::{KEY_ID_SCHEME, LocalKeysError, MAX_NAME_LEN, name::is_name};

/// The length of a wrapping key, in bytes.
pub const WRAPPING_KEY_LEN: usize = 32;

/// How much longer the blob of a wrapped key is than its data key, in bytes: version, nonce, tag.
pub const BLOB_OVERHEAD: usize = 1 + NONCE_LEN + TAG_LEN;

const NONCE_LEN: usize = 24;
const TAG_LEN: usize = 16;
const BLOB_VERSION: u8 = 1;
const DOMAIN: &[u8] = b"datakey local wrap v1\0";

/// Why a blob is not a data key that a local wrapping key wrapped; the source of a
/// [`NotAuthentic`](datakey_provider::ErrorClass::NotAuthentic) error.
///
/// The two are told apart so that an older release beside a newer one is not taken for an attack.
///
/// ```
/// use std::error::Error as _;
/// use datakey_local::{BlobError, LocalKeys};
/// use datakey_provider::{EncryptionContext, ErrorClass, OpeningProvider as _, WrappedKey};
/// # use std::{future::Future as _, pin::pin, task::{Context, Poll, Waker}};
/// # fn now<T>(call: impl Future<Output = T>) -> T {
/// #     let Poll::Ready(done) = pin!(call).poll(&mut Context::from_waker(Waker::noop())) else { panic!("nothing here waits") };
/// #     done
/// # }
/// let keys = LocalKeys::generate("orders")?;
/// let newer = WrappedKey::new("local:orders", vec![9; 73])?;
/// let refused = now(keys.decrypt(&EncryptionContext::empty(), &newer)).unwrap_err();
/// assert_eq!(refused.class(), ErrorClass::NotAuthentic);
/// let why = refused.source().and_then(|source| source.downcast_ref::<BlobError>());
/// assert!(matches!(why, Some(BlobError::Version(9))));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum BlobError {
    /// No data key has a blob of this length: it is 16, 24 or 32 bytes and [`BLOB_OVERHEAD`].
    #[error(
        "a data key wrapped by a local key has {BLOB_OVERHEAD} bytes more than its 16, 24 or 32, this blob has {0} in all"
    )]
    Length(usize),
    /// The first byte is not a known version.
    #[error("the blob has version {0}, known is {BLOB_VERSION} only; a newer release may have written it")]
    Version(u8),
    /// Altered, or wrapped under another key or another encryption context.
    #[error("the blob is not what this key wrapped for this encryption context")]
    NotAuthentic,
}

/// A name, checked, and 256 secret bits.
pub(crate) struct WrappingKey {
    key_id: Box<str>,
    secret: Secret,
}

/// 256 secret bits: in one place on the heap, wiped when dropped.
pub(crate) type Secret = Box<Zeroizing<[u8; WRAPPING_KEY_LEN]>>;

/// Whether the FIPS module of AWS-LC is what computes: it does not approve of what local keys wrap with.
pub(crate) fn is_refused() -> bool {
    #[cfg(feature = "fips")]
    let is = aws_lc_rs::try_fips_mode().is_ok();
    #[cfg(not(feature = "fips"))]
    let is = false;
    is
}

/// A place for a secret, still to be written.
pub(crate) fn no_secret() -> Secret {
    Box::new(Zeroizing::new([0; WRAPPING_KEY_LEN]))
}

impl WrappingKey {
    pub(crate) fn new(name: &str, secret: Secret) -> Result<Self, LocalKeysError> {
        if is_refused() {
            return Err(LocalKeysError::NotApproved);
        }
        if !is_name(name) {
            return Err(LocalKeysError::Name(name.chars().take(MAX_NAME_LEN).collect()));
        }
        Ok(Self {
            key_id: format!("{KEY_ID_SCHEME}{name}").into(),
            secret,
        })
    }

    pub(crate) fn generate(name: &str) -> Result<Self, LocalKeysError> {
        let mut secret = no_secret();
        getrandom::fill(secret.as_mut_slice()).map_err(LocalKeysError::Randomness)?;
        Self::new(name, secret)
    }

    pub(crate) fn name(&self) -> &str {
        self.key_id.strip_prefix(KEY_ID_SCHEME).unwrap_or_default()
    }

    pub(crate) fn key_id(&self) -> &str {
        &self.key_id
    }

    pub(crate) fn secret(&self) -> &[u8; WRAPPING_KEY_LEN] {
        &self.secret
    }

    fn cipher(&self) -> XChaCha20Poly1305 {
        XChaCha20Poly1305::new(<&Key>::from(self.secret()))
    }

    fn associated_data(&self, context: &EncryptionContext) -> Vec<u8> {
        // One byte holds the length: a key id is at most the scheme and MAX_NAME_LEN.
        let len = u8::try_from(self.key_id.len()).unwrap_or(u8::MAX);
        [DOMAIN, &[len], self.key_id.as_bytes(), context.encoded()].concat()
    }

    /// Wraps a data key with a nonce, which must be new for each call.
    pub(crate) fn wrap(
        &self,
        context: &EncryptionContext,
        data_key: &DataKey,
        nonce: &[u8; NONCE_LEN],
    ) -> Result<Vec<u8>, BlobError> {
        let data_key = data_key.expose_secret();
        let mut sealed = vec![0; data_key.len()];
        let buffer = InOutBuf::new(data_key, sealed.as_mut_slice())
            .map_err(|_lengths_differ| BlobError::Length(data_key.len()))?;
        let tag = self
            .cipher()
            .encrypt_inout_detached(<&XNonce>::from(nonce), &self.associated_data(context), buffer)
            .map_err(|_opaque| BlobError::NotAuthentic)?;
        Ok([&[BLOB_VERSION], nonce.as_slice(), &sealed, &tag].concat())
    }

    pub(crate) fn unwrap(&self, context: &EncryptionContext, blob: &[u8]) -> Result<DataKey, BlobError> {
        let length = blob.len().checked_sub(BLOB_OVERHEAD);
        let length = length.and_then(DataKeyLength::from_bytes);
        let (Some(length), Some((version, rest))) = (length, blob.split_first()) else {
            return Err(BlobError::Length(blob.len()));
        };
        if *version != BLOB_VERSION {
            return Err(BlobError::Version(*version));
        }
        let split = rest.split_first_chunk().zip(rest.split_last_chunk());
        let sealed = rest.get(NONCE_LEN..NONCE_LEN.saturating_add(length.bytes()));
        let (Some(((nonce, _), (_, tag))), Some(sealed)) = (split, sealed) else {
            return Err(BlobError::Length(blob.len()));
        };
        let (nonce, tag): (&[u8; NONCE_LEN], &[u8; TAG_LEN]) = (nonce, tag);
        DataKey::try_init(length, |bytes| {
            let buffer =
                InOutBuf::new(sealed, bytes).map_err(|_lengths_differ| BlobError::Length(blob.len()))?;
            self.cipher()
                .decrypt_inout_detached(nonce.into(), &self.associated_data(context), buffer, tag.into())
                .map_err(|_opaque| BlobError::NotAuthentic)
        })
    }
}

impl fmt::Debug for WrappingKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "WrappingKey({}, ..)", self.key_id)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(name: &str, fill: u8) -> WrappingKey {
        WrappingKey::new(name, Box::new(Zeroizing::new([fill; 32]))).expect("a valid name")
    }

    /// Made with libsodium (`crypto_aead_xchacha20poly1305_ietf_encrypt`), so that both directions cannot drift together.
    #[test]
    fn blob_is_the_documented_one() {
        let context = EncryptionContext::new([("tenant", "acme")]).expect("valid");
        let data_key = DataKey::init(DataKeyLength::Bytes32, |bytes| bytes.fill(0x42));
        let blob = key("dev", 7)
            .wrap(&context, &data_key, &[9; NONCE_LEN])
            .expect("wraps");
        assert_eq!(blob.first(), Some(&BLOB_VERSION));
        assert_eq!(blob.get(1..25), Some([9; 24].as_slice()));
        let hex: String = blob.iter().skip(25).map(|byte| format!("{byte:02x}")).collect();
        assert_eq!(
            hex,
            "fc30a0c83ee83b20b6504a7e2a3145a968b1f5d80223dfa3e4cf5a1e91641119e3f4e569e6369d4fb4de40d7ad7dc640"
        );
    }

    #[test]
    fn key_id_is_bound() {
        let context = EncryptionContext::empty();
        let data_key = DataKey::init(DataKeyLength::Bytes32, |bytes| bytes.fill(0x42));
        let blob = key("one", 7)
            .wrap(&context, &data_key, &[9; NONCE_LEN])
            .expect("wraps");
        assert!(key("one", 7).unwrap(&context, &blob).is_ok());
        let other_name = key("two", 7).unwrap(&context, &blob);
        assert_eq!(other_name.err(), Some(BlobError::NotAuthentic));
        let other_secret = key("one", 8).unwrap(&context, &blob);
        assert_eq!(other_secret.err(), Some(BlobError::NotAuthentic));
    }
}
