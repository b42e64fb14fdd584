//! The ciphers of the backend by themselves: what everything else is measured against. They go from one buffer to
//! another, as sealing and opening do.
use std::fmt;

pub(crate) const KEY: [u8; 32] = [0x42; 32];
pub(crate) const NONCE: [u8; 12] = [7; 12];

/// A cipher by its short name.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Cipher {
    ChaCha20,
    Aes256,
}

impl fmt::Display for Cipher {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::ChaCha20 => "chacha20-poly1305",
            Self::Aes256 => "aes-256-gcm",
        })
    }
}

#[cfg(feature = "aws-lc")]
pub(crate) use aws_lc::Raw;
#[cfg(not(feature = "aws-lc"))]
pub(crate) use rustcrypto::Raw;

#[cfg(feature = "aws-lc")]
mod aws_lc {
    use super::Cipher;
    use aws_lc_rs::aead::{AES_256_GCM, Aad, CHACHA20_POLY1305, LessSafeKey, Nonce, UnboundKey};

    pub(crate) struct Raw(LessSafeKey);

    impl Raw {
        pub(crate) fn new(cipher: Cipher, key: &[u8; 32]) -> Self {
            let algorithm = match cipher {
                Cipher::ChaCha20 => &CHACHA20_POLY1305,
                Cipher::Aes256 => &AES_256_GCM,
            };
            Self(LessSafeKey::new(UnboundKey::new(algorithm, key).unwrap()))
        }

        pub(crate) fn seal(&self, nonce: &[u8; 12], plain: &[u8], sealed: &mut [u8]) -> [u8; 16] {
            let (nonce, mut tag) = (Nonce::assume_unique_for_key(*nonce), [0; 16]);
            self.0
                .seal_out_of_place_scatter(nonce, Aad::empty(), plain, sealed, &[], &mut tag)
                .unwrap();
            tag
        }

        pub(crate) fn open(&self, nonce: &[u8; 12], sealed: &[u8], tag: &[u8; 16], out: &mut [u8]) {
            let nonce = Nonce::assume_unique_for_key(*nonce);
            self.0
                .open_separate_gather(nonce, Aad::empty(), sealed, tag, out)
                .unwrap();
        }
    }
}

#[cfg(not(feature = "aws-lc"))]
mod rustcrypto {
    use super::Cipher;
    use aes_gcm::Aes256Gcm;
    use chacha20poly1305::{
        ChaCha20Poly1305,
        aead::{AeadInOut as _, KeyInit as _, inout::InOutBuf},
    };

    #[expect(
        clippy::large_enum_variant,
        reason = "a box would cost what is not the cipher's"
    )]
    pub(crate) enum Raw {
        ChaCha20(ChaCha20Poly1305),
        Aes256(Aes256Gcm),
    }

    impl Raw {
        pub(crate) fn new(cipher: Cipher, key: &[u8; 32]) -> Self {
            match cipher {
                Cipher::ChaCha20 => Self::ChaCha20(ChaCha20Poly1305::new(key.into())),
                Cipher::Aes256 => Self::Aes256(Aes256Gcm::new(key.into())),
            }
        }

        pub(crate) fn seal(&self, nonce: &[u8; 12], plain: &[u8], sealed: &mut [u8]) -> [u8; 16] {
            let data = InOutBuf::new(plain, sealed).unwrap();
            let tag = match self {
                Self::ChaCha20(cipher) => cipher.encrypt_inout_detached(nonce.into(), &[], data),
                Self::Aes256(cipher) => cipher.encrypt_inout_detached(nonce.into(), &[], data),
            };
            tag.unwrap().into()
        }

        pub(crate) fn open(&self, nonce: &[u8; 12], sealed: &[u8], tag: &[u8; 16], out: &mut [u8]) {
            let data = InOutBuf::new(sealed, out).unwrap();
            match self {
                Self::ChaCha20(cipher) => cipher.decrypt_inout_detached(nonce.into(), &[], data, tag.into()),
                Self::Aes256(cipher) => cipher.decrypt_inout_detached(nonce.into(), &[], data, tag.into()),
            }
            .unwrap();
        }
    }
}
