//! The ciphers of the `RustCrypto` project: pure Rust, without `std`. Both wipe their keys when dropped.
use aes_gcm::Aes256Gcm;
use chacha20poly1305::{
    ChaCha20Poly1305,
    aead::{AeadInOut, KeyInit as _},
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
    pub(crate) fn new(suite: Suite, key: &[u8; KEY_LEN]) -> Result<Self, Refused> {
        Ok(match suite {
            Suite::ChaCha20Poly1305 => Self::ChaCha20Poly1305(ChaCha20Poly1305::new(key.into())),
            Suite::Aes256Gcm => Self::Aes256Gcm(Aes256Gcm::new(key.into())),
        })
    }

    pub(crate) fn seal(&self, nonce: &Nonce, ad: &[u8], data: &mut [u8]) -> Result<Tag, Refused> {
        let tag = match self {
            Self::ChaCha20Poly1305(cipher) => cipher.encrypt_inout_detached(nonce.into(), ad, data.into()),
            Self::Aes256Gcm(cipher) => cipher.encrypt_inout_detached(nonce.into(), ad, data.into()),
        };
        tag.map(Into::into).map_err(refused)
    }

    pub(crate) fn open(&self, nonce: &Nonce, ad: &[u8], data: &mut [u8], tag: &Tag) -> Result<(), Refused> {
        let (nonce, data, tag) = (nonce.into(), data.into(), tag.into());
        match self {
            Self::ChaCha20Poly1305(cipher) => cipher.decrypt_inout_detached(nonce, ad, data, tag),
            Self::Aes256Gcm(cipher) => cipher.decrypt_inout_detached(nonce, ad, data, tag),
        }
        .map_err(refused)
    }
}

fn refused(_opaque: chacha20poly1305::aead::Error) -> Refused {
    Refused
}
