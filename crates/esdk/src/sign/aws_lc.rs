//! ECDSA of AWS-LC, by way of `aws-lc-rs`.
use alloc::vec::Vec;

use aws_lc_rs::{
    digest::{self, Context},
    signature::{ECDSA_P256_SHA256_ASN1, ECDSA_P384_SHA384_ASN1, EcdsaKeyPair, ParsedPublicKey},
};
#[cfg(feature = "getrandom")]
use aws_lc_rs::{
    encoding::{AsBigEndian as _, EcPublicKeyCompressedBin},
    signature::{ECDSA_P256_SHA256_FIXED_SIGNING, ECDSA_P384_SHA384_FIXED_SIGNING, KeyPair as _},
};

use crate::{cipher::Refused, suite::Curve};

/// SHA-256 for P-256, SHA-384 for P-384.
#[derive(Clone)]
pub(crate) struct Hasher(Context);

impl Hasher {
    pub(crate) fn new(curve: Curve) -> Self {
        Self(Context::new(match curve {
            Curve::P256 => &digest::SHA256,
            Curve::P384 => &digest::SHA384,
        }))
    }

    pub(crate) fn update(&mut self, bytes: &[u8]) {
        self.0.update(bytes);
    }
}

pub(crate) struct PrivateKey {
    pair: EcdsaKeyPair,
    point: Vec<u8>,
}

impl PrivateKey {
    /// The library draws its own random bytes.
    #[cfg(feature = "getrandom")]
    pub(crate) fn generate(curve: Curve) -> Result<Self, crate::SealError> {
        let algorithm = match curve {
            Curve::P256 => &ECDSA_P256_SHA256_FIXED_SIGNING,
            Curve::P384 => &ECDSA_P384_SHA384_FIXED_SIGNING,
        };
        let failed = |_opaque| crate::SealError::Cipher;
        let pair = EcdsaKeyPair::generate(algorithm).map_err(failed)?;
        let point: EcPublicKeyCompressedBin<'_> = pair.public_key().as_be_bytes().map_err(failed)?;
        let point = point.as_ref().to_vec();
        Ok(Self { pair, point })
    }

    pub(crate) fn public_point(&self) -> &[u8] {
        &self.point
    }

    /// The two numbers of the signature, one after the other.
    pub(crate) fn sign(&self, message: Hasher) -> Result<impl AsRef<[u8]>, Refused> {
        self.pair
            .sign_digest(&message.0.finish())
            .map_err(|_opaque| Refused)
    }
}

pub(crate) struct PublicKey(ParsedPublicKey);

impl PublicKey {
    pub(crate) fn parse(curve: Curve, point: &[u8]) -> Option<Self> {
        let algorithm = match curve {
            Curve::P256 => &ECDSA_P256_SHA256_ASN1,
            Curve::P384 => &ECDSA_P384_SHA384_ASN1,
        };
        ParsedPublicKey::new(algorithm, point).ok().map(Self)
    }

    pub(crate) fn verify(&self, message: Hasher, signature: &[u8]) -> Result<(), Refused> {
        self.0
            .verify_digest_sig(&message.0.finish(), signature)
            .map_err(|_opaque| Refused)
    }
}
