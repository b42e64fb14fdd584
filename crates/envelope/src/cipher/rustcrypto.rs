//! The ciphers of the `RustCrypto` project: pure Rust, without `std`. Both wipe their keys when dropped.
use aes_gcm::Aes256Gcm;
use chacha20poly1305::{
    ChaCha20Poly1305,
    aead::{AeadInOut, KeyInit as _, inout::InOutBuf},
};

use super::{KEY_LEN, Nonce, Refused, Suite, Tag};

#[expect(
    clippy::large_enum_variant,
    reason = "a box would be one allocation more for each message"
)]
pub(crate) enum Cipher {
    ChaCha20Poly1305(ChaCha20Poly1305),
    Aes256Gcm(Aes256Gcm),
}

impl Cipher {
    #[expect(clippy::unnecessary_wraps, reason = "the other backend is able to refuse")]
    #[inline]
    pub(crate) fn new(suite: Suite, key: &[u8; KEY_LEN]) -> Result<Self, Refused> {
        Ok(match suite {
            Suite::ChaCha20Poly1305 => Self::ChaCha20Poly1305(ChaCha20Poly1305::new(key.into())),
            Suite::Aes256Gcm => Self::Aes256Gcm(Aes256Gcm::new(key.into())),
        })
    }

    #[inline]
    pub(crate) fn seal(
        &self,
        nonce: &Nonce,
        ad: &[u8],
        plaintext: &[u8],
        ciphertext: &mut [u8],
        tag: &mut Tag,
    ) -> Result<(), Refused> {
        let data = InOutBuf::new(plaintext, ciphertext).map_err(|_lengths_differ| Refused)?;
        let sealed = match self {
            Self::ChaCha20Poly1305(cipher) => cipher.encrypt_inout_detached(nonce.into(), ad, data),
            Self::Aes256Gcm(cipher) => cipher.encrypt_inout_detached(nonce.into(), ad, data),
        };
        *tag = sealed.map_err(refused)?.into();
        Ok(())
    }

    #[inline]
    pub(crate) fn open(
        &self,
        nonce: &Nonce,
        ad: &[u8],
        ciphertext: &[u8],
        tag: &Tag,
        plaintext: &mut [u8],
    ) -> Result<(), Refused> {
        let data = InOutBuf::new(ciphertext, plaintext).map_err(|_lengths_differ| Refused)?;
        match self {
            Self::ChaCha20Poly1305(cipher) => {
                cipher.decrypt_inout_detached(nonce.into(), ad, data, tag.into())
            }
            Self::Aes256Gcm(cipher) => cipher.decrypt_inout_detached(nonce.into(), ad, data, tag.into()),
        }
        .map_err(refused)
    }
}

fn refused(_opaque: chacha20poly1305::aead::Error) -> Refused {
    Refused
}
