//! The ciphers of the `RustCrypto` project: pure Rust, without `std`. Both wipe their keys when dropped.
use aes_gcm::Aes256Gcm;
use chacha20poly1305::{
    ChaCha20Poly1305,
    aead::{AeadInOut, KeyInit as _, inout::InOutBuf},
};

use super::{KEY_LEN, Nonce, Refused, Suite, Tag};

const UNUSED: usize = size_of::<Aes256Gcm>().saturating_sub(size_of::<ChaCha20Poly1305>());

pub(crate) enum Cipher {
    /// With zeros in the room that the other variant takes: a cipher is moved as a whole to where it stays, and what an
    /// earlier message left on the stack would be moved along to where nobody wipes it.
    ChaCha20Poly1305(
        ChaCha20Poly1305,
        #[expect(dead_code, reason = "it is there to be moved")] [u8; UNUSED],
    ),
    Aes256Gcm(Aes256Gcm),
}

impl Cipher {
    #[expect(clippy::unnecessary_wraps, reason = "the other backend is able to refuse")]
    #[inline]
    pub(crate) fn new(suite: Suite, key: &[u8; KEY_LEN]) -> Result<Self, Refused> {
        Ok(match suite {
            Suite::ChaCha20Poly1305 => Self::ChaCha20Poly1305(ChaCha20Poly1305::new(key.into()), [0; UNUSED]),
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
            Self::ChaCha20Poly1305(cipher, _) => cipher.encrypt_inout_detached(nonce.into(), ad, data),
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
            Self::ChaCha20Poly1305(cipher, _) => {
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
