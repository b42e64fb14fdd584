//! AES-GCM of the `RustCrypto` project: pure Rust, without `std`. It wipes its keys when dropped.
use aes_gcm::{
    Aes128Gcm, Aes256Gcm, AesGcm,
    aead::{AeadInOut, Error, KeyInit as _, consts::U12, inout::InOutBuf},
    aes::Aes192,
};

use super::refused::Refused;
use crate::header::{IV_LEN, TAG_LEN};

type Aes192Gcm = AesGcm<Aes192, U12>;

const fn unused<C>() -> usize {
    size_of::<Aes256Gcm>().saturating_sub(size_of::<C>())
}

/// With zeros in the room that the longest variant takes: a cipher is moved as a whole to where it stays, and what an
/// earlier message left on the stack would be moved along to where nobody wipes it.
pub(crate) enum Cipher {
    Aes128(
        Aes128Gcm,
        #[expect(dead_code, reason = "it is there to be moved")] [u8; unused::<Aes128Gcm>()],
    ),
    Aes192(
        Aes192Gcm,
        #[expect(dead_code, reason = "it is there to be moved")] [u8; unused::<Aes192Gcm>()],
    ),
    Aes256(Aes256Gcm),
}

impl Cipher {
    #[inline]
    pub(crate) fn new(key: &[u8]) -> Result<Self, Refused> {
        Ok(match key.len() {
            16 => Self::Aes128(Aes128Gcm::new_from_slice(key).map_err(|_length| Refused)?, [0; _]),
            24 => Self::Aes192(Aes192Gcm::new_from_slice(key).map_err(|_length| Refused)?, [0; _]),
            _ => Self::Aes256(Aes256Gcm::new_from_slice(key).map_err(|_length| Refused)?),
        })
    }

    #[inline]
    pub(crate) fn seal(
        &self,
        iv: &[u8; IV_LEN],
        aad: &[u8],
        plaintext: &[u8],
        ciphertext: &mut [u8],
        tag: &mut [u8; TAG_LEN],
    ) -> Result<(), Refused> {
        let data = InOutBuf::new(plaintext, ciphertext).map_err(|_lengths_differ| Refused)?;
        let sealed = match self {
            Self::Aes128(cipher, _) => cipher.encrypt_inout_detached(iv.into(), aad, data),
            Self::Aes192(cipher, _) => cipher.encrypt_inout_detached(iv.into(), aad, data),
            Self::Aes256(cipher) => cipher.encrypt_inout_detached(iv.into(), aad, data),
        };
        *tag = sealed.map_err(refused)?.into();
        Ok(())
    }

    #[inline]
    pub(crate) fn open(
        &self,
        iv: &[u8; IV_LEN],
        aad: &[u8],
        ciphertext: &[u8],
        tag: &[u8; TAG_LEN],
        plaintext: &mut [u8],
    ) -> Result<(), Refused> {
        let data = InOutBuf::new(ciphertext, plaintext).map_err(|_lengths_differ| Refused)?;
        match self {
            Self::Aes128(cipher, _) => cipher.decrypt_inout_detached(iv.into(), aad, data, tag.into()),
            Self::Aes192(cipher, _) => cipher.decrypt_inout_detached(iv.into(), aad, data, tag.into()),
            Self::Aes256(cipher) => cipher.decrypt_inout_detached(iv.into(), aad, data, tag.into()),
        }
        .map_err(refused)
    }
}

fn refused(_opaque: Error) -> Refused {
    Refused
}
