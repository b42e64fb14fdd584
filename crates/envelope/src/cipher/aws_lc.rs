//! The ciphers of AWS-LC, by way of `aws-lc-rs`.
use aws_lc_rs::{
    aead::{AES_256_GCM, Aad, CHACHA20_POLY1305, LessSafeKey, Nonce as LcNonce, UnboundKey},
    error::Unspecified,
};

use super::{KEY_LEN, Nonce, Refused, Suite, Tag};

pub(crate) struct Cipher(LessSafeKey);

impl Cipher {
    #[inline]
    pub(crate) fn new(suite: Suite, key: &[u8; KEY_LEN]) -> Result<Self, Refused> {
        let algorithm = match suite {
            Suite::ChaCha20Poly1305 => &CHACHA20_POLY1305,
            Suite::Aes256Gcm => &AES_256_GCM,
        };
        let key = UnboundKey::new(algorithm, key).map_err(refused)?;
        Ok(Self(LessSafeKey::new(key)))
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
        let nonce = LcNonce::assume_unique_for_key(*nonce);
        self.0
            .seal_out_of_place_scatter(nonce, Aad::from(ad), plaintext, ciphertext, &[], tag)
            .map_err(refused)
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
        let nonce = LcNonce::assume_unique_for_key(*nonce);
        self.0
            .open_separate_gather(nonce, Aad::from(ad), ciphertext, tag, plaintext)
            .map_err(refused)
    }
}

fn refused(_opaque: Unspecified) -> Refused {
    Refused
}
