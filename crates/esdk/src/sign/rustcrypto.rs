//! ECDSA of the `RustCrypto` project: pure Rust, without `std`. It wipes its private keys when dropped.
use alloc::{boxed::Box, vec::Vec};

use ::p256::ecdsa as p256;
use ::p384::ecdsa::{
    self as p384,
    signature::hazmat::{PrehashSigner as _, PrehashVerifier as _},
};
use sha2::{Digest as _, Sha256, Sha384};

use crate::{cipher::Refused, suite::Curve};

/// SHA-256 for P-256, SHA-384 for P-384.
#[derive(Clone)]
pub(crate) enum Hasher {
    P256(Sha256),
    P384(Sha384),
}

impl Hasher {
    pub(crate) fn new(curve: Curve) -> Self {
        match curve {
            Curve::P256 => Self::P256(Sha256::new()),
            Curve::P384 => Self::P384(Sha384::new()),
        }
    }

    pub(crate) fn update(&mut self, bytes: &[u8]) {
        match self {
            Self::P256(hash) => hash.update(bytes),
            Self::P384(hash) => hash.update(bytes),
        }
    }

    fn finish(self) -> Vec<u8> {
        match self {
            Self::P256(hash) => hash.finalize().to_vec(),
            Self::P384(hash) => hash.finalize().to_vec(),
        }
    }
}

pub(crate) enum PrivateKey {
    P256(Box<p256::SigningKey>),
    P384(Box<p384::SigningKey>),
}

impl PrivateKey {
    /// Random bytes are a key unless they are zero or above the order of the group, which nobody has seen happen on P-384 and
    /// one key in four thousand million meets on P-256.
    #[cfg(feature = "getrandom")]
    pub(crate) fn generate(curve: Curve) -> Result<Self, crate::SealError> {
        use crate::{RandomError, SealError};
        use zeroize::Zeroizing;
        const TRIES: usize = 16;
        let mut bytes = Zeroizing::new([0; 48]);
        for _ in 0..TRIES {
            getrandom::fill(bytes.as_mut_slice()).map_err(|error| SealError::Random(RandomError(error)))?;
            let (short, _) = bytes.split_at(32);
            let made = match curve {
                Curve::P256 => p256::SigningKey::from_slice(short)
                    .ok()
                    .map(|key| Self::P256(Box::new(key))),
                Curve::P384 => p384::SigningKey::from_slice(bytes.as_slice())
                    .ok()
                    .map(|key| Self::P384(Box::new(key))),
            };
            if let Some(key) = made {
                return Ok(key);
            }
        }
        Err(SealError::Cipher)
    }

    pub(crate) fn public_point(&self) -> Vec<u8> {
        match self {
            Self::P256(key) => key.verifying_key().to_sec1_point(true).as_bytes().to_vec(),
            Self::P384(key) => key.verifying_key().to_sec1_point(true).as_bytes().to_vec(),
        }
    }

    /// The two numbers of the signature, one after the other.
    pub(crate) fn sign(&self, message: Hasher) -> Result<Vec<u8>, Refused> {
        let hash = message.finish();
        match self {
            Self::P256(key) => {
                let signed: Result<p256::Signature, _> = key.sign_prehash(&hash);
                signed.map(|signature| signature.to_vec())
            }
            Self::P384(key) => {
                let signed: Result<p384::Signature, _> = key.sign_prehash(&hash);
                signed.map(|signature| signature.to_vec())
            }
        }
        .map_err(|_opaque| Refused)
    }
}

pub(crate) enum PublicKey {
    P256(Box<p256::VerifyingKey>),
    P384(Box<p384::VerifyingKey>),
}

impl PublicKey {
    pub(crate) fn parse(curve: Curve, point: &[u8]) -> Option<Self> {
        Some(match curve {
            Curve::P256 => Self::P256(Box::new(p256::VerifyingKey::from_sec1_bytes(point).ok()?)),
            Curve::P384 => Self::P384(Box::new(p384::VerifyingKey::from_sec1_bytes(point).ok()?)),
        })
    }

    pub(crate) fn verify(&self, message: Hasher, signature: &[u8]) -> Result<(), Refused> {
        let hash = message.finish();
        match self {
            Self::P256(key) => p256::Signature::from_der(signature)
                .and_then(|signature| key.verify_prehash(&hash, &signature)),
            Self::P384(key) => p384::Signature::from_der(signature)
                .and_then(|signature| key.verify_prehash(&hash, &signature)),
        }
        .map_err(|_opaque| Refused)
    }
}
