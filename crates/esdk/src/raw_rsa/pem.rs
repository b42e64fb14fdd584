//! RSA keys in PEM: from what other programs write to what AWS-LC reads.
use alloc::{vec, vec::Vec};

use aws_lc_rs::rsa::{PrivateDecryptingKey, PublicEncryptingKey};
use pem_rfc7468::Decoder;
use zeroize::Zeroizing;

use super::error::RawRsaKeyError;

/// `AlgorithmIdentifier` of `rsaEncryption`, whose parameters are NULL (RFC 8017, A.1).
const RSA_ENCRYPTION: [u8; 15] = [
    0x30, 0x0d, 0x06, 0x09, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, 0x01, 0x05, 0x00,
];
const VERSION_0: [u8; 3] = [0x02, 0x01, 0x00];
const NO_UNUSED_BITS: [u8; 1] = [0];

const BIT_STRING: u8 = 0x03;
const OCTET_STRING: u8 = 0x04;
const SEQUENCE: u8 = 0x30;

/// `PUBLIC KEY` is a `SubjectPublicKeyInfo`, `RSA PUBLIC KEY` the `RSAPublicKey` that stands in one.
pub(super) fn public_key(pem: &[u8]) -> Result<PublicEncryptingKey, RawRsaKeyError> {
    let (label, der) = decode(pem)?;
    let der = match label {
        "PUBLIC KEY" => der,
        "RSA PUBLIC KEY" => {
            let key = element(BIT_STRING, &[&NO_UNUSED_BITS, &der])?;
            element(SEQUENCE, &[&RSA_ENCRYPTION, &key])?
        }
        label => return Err(RawRsaKeyError::Label(label.into())),
    };
    PublicEncryptingKey::from_der(&der).map_err(|_opaque| RawRsaKeyError::Rejected)
}

/// `PRIVATE KEY` is a `PrivateKeyInfo` of PKCS#8, `RSA PRIVATE KEY` the `RSAPrivateKey` of PKCS#1 that stands in one.
pub(super) fn private_key(pem: &[u8]) -> Result<PrivateDecryptingKey, RawRsaKeyError> {
    let (label, der) = decode(pem)?;
    let der = match label {
        "PRIVATE KEY" => der,
        "RSA PRIVATE KEY" => {
            let key = element(OCTET_STRING, &[&der])?;
            element(SEQUENCE, &[&VERSION_0, &RSA_ENCRYPTION, &key])?
        }
        label => return Err(RawRsaKeyError::Label(label.into())),
    };
    PrivateDecryptingKey::from_pkcs8(&der).map_err(|_opaque| RawRsaKeyError::Rejected)
}

fn decode(pem: &[u8]) -> Result<(&str, Zeroizing<Vec<u8>>), RawRsaKeyError> {
    // The library's errors say where in the key they are.
    let mut decoder = Decoder::new_detect_wrap(pem).map_err(|_names_bytes| RawRsaKeyError::Pem)?;
    let mut der = Zeroizing::new(vec![0; decoder.remaining_len()]);
    decoder
        .decode(&mut der)
        .map_err(|_names_bytes| RawRsaKeyError::Pem)?;
    Ok((decoder.type_label(), der))
}

/// An element with two bytes of length, as all here have: a key of 2048 bits takes more than 255 bytes, and one of 8192 bits fewer
/// than 65,536. The length of anything shorter would have to be written shorter, so that AWS-LC refuses it.
fn element(tag: u8, parts: &[&[u8]]) -> Result<Zeroizing<Vec<u8>>, RawRsaKeyError> {
    let len: usize = parts.iter().map(|part| part.len()).sum();
    let len_bytes = u16::try_from(len).map_err(|_too_long| RawRsaKeyError::Rejected)?;
    // Of its full length at once, so that growing leaves no copies.
    let mut out = Zeroizing::new(Vec::with_capacity(len.saturating_add(4)));
    out.extend_from_slice(&[tag, 0x82]);
    out.extend_from_slice(&len_bytes.to_be_bytes());
    for part in parts {
        out.extend_from_slice(part);
    }
    Ok(out)
}
