//! The ciphers of AWS-LC, by way of `aws-lc-rs`.
use aws_lc_rs::{
    aead::{AES_256_GCM, Aad, CHACHA20_POLY1305, LessSafeKey, Nonce as LcNonce, UnboundKey},
    error::Unspecified,
};

use super::{KEY_LEN, Nonce, Refused, Suite, Tag};

pub(crate) struct Cipher(LessSafeKey);

impl Cipher {
    pub(crate) fn new(suite: Suite, key: &[u8; KEY_LEN]) -> Result<Self, Refused> {
        let algorithm = match suite {
            Suite::ChaCha20Poly1305 => &CHACHA20_POLY1305,
            Suite::Aes256Gcm => &AES_256_GCM,
        };
        let key = UnboundKey::new(algorithm, key).map_err(refused)?;
        Ok(Self(LessSafeKey::new(key)))
    }

    pub(crate) fn seal(&self, nonce: &Nonce, ad: &[u8], data: &mut [u8]) -> Result<Tag, Refused> {
        let nonce = LcNonce::assume_unique_for_key(*nonce);
        let tag = self
            .0
            .seal_in_place_separate_tag(nonce, Aad::from(ad), data)
            .map_err(refused)?;
        tag.as_ref().try_into().map_err(|_not_sixteen_bytes| Refused)
    }

    pub(crate) fn open(&self, nonce: &Nonce, ad: &[u8], data: &mut [u8], tag: &Tag) -> Result<(), Refused> {
        let nonce = LcNonce::assume_unique_for_key(*nonce);
        let opened = self.0.open_in_place_separate_tag(nonce, Aad::from(ad), tag, data);
        opened.map(|_plaintext| ()).map_err(refused)
    }
}

fn refused(_opaque: Unspecified) -> Refused {
    Refused
}
