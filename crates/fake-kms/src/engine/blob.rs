//! The ciphertext: it names its key, as those of KMS do, and has their length.
//!
//! ```text
//!   0   4  version and magic: 01 66 6b 6d
//!   4  16  key id
//!  20   4  number of the key material, big-endian
//!  24  16  salt: the key of this ciphertext is HMAC-SHA-256 of it under the key material
//!  40  12  nonce
//!  52   1  1 when the key is a multi-Region key, else 0
//!  53  83  reserved, zero
//! 136   n  ciphertext, AES-256-GCM
//!   .  16  tag
//! ```
//!
//! Everything before the ciphertext and the encryption context after it are the associated data.
use aes_gcm::{AeadInOut as _, Aes256Gcm, Key, KeyInit as _, Nonce, Tag};
use datakey_provider::DataKey;
use hmac::{Hmac, Mac as _};
use sha2::Sha256;
use zeroize::Zeroizing;

use crate::{KmsContext, Plaintext, arn::KeyId};

/// How much longer a ciphertext is than its plaintext, in bytes.
pub(crate) const OVERHEAD: usize = HEADER_LEN + TAG_LEN;

const HEADER_LEN: usize = 136;
const TAG_LEN: usize = 16;
const NONCE_LEN: usize = 12;
const SALT_LEN: usize = 16;
const MAGIC: [u8; 4] = *b"\x01fkm";
const RESERVED: [u8; 83] = [0; 83];

/// A ciphertext taken apart, nothing of it trusted yet.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Parsed<'a> {
    pub(crate) key: KeyId,
    pub(crate) material: u32,
    header: &'a [u8],
    salt: &'a [u8],
    nonce: &'a [u8; NONCE_LEN],
    sealed: &'a [u8],
    tag: &'a [u8; TAG_LEN],
}

pub(crate) fn parse(blob: &[u8]) -> Option<Parsed<'_>> {
    let (header, rest) = blob.split_at_checked(HEADER_LEN)?;
    let (sealed, tag) = rest.split_last_chunk::<TAG_LEN>()?;
    let (magic, fields) = header.split_first_chunk::<4>()?;
    let (key, fields) = fields.split_first_chunk::<16>()?;
    let (material, fields) = fields.split_first_chunk::<4>()?;
    let (salt, fields) = fields.split_at_checked(SALT_LEN)?;
    let (nonce, fields) = fields.split_first_chunk::<NONCE_LEN>()?;
    let (multi_region, _reserved) = fields.split_first()?;
    (*magic == MAGIC && *multi_region <= 1).then_some(Parsed {
        key: KeyId::from_bytes(*key, *multi_region == 1),
        material: u32::from_be_bytes(*material),
        header,
        salt,
        nonce,
        sealed,
        tag,
    })
}

pub(crate) fn open(parsed: &Parsed<'_>, secret: &DataKey, context: &KmsContext) -> Option<Plaintext> {
    let mut plaintext = Plaintext::copy(parsed.sealed);
    let associated = [parsed.header, context.encoded()].concat();
    cipher(secret, parsed.salt)?
        .decrypt_inout_detached(
            <&Nonce<_>>::from(parsed.nonce),
            &associated,
            plaintext.bytes_mut().into(),
            <&Tag>::from(parsed.tag),
        )
        .ok()?;
    Some(plaintext)
}

/// Seals a plaintext; `None` when the operating system gives no random bytes.
pub(crate) fn seal(
    key: KeyId,
    material: u32,
    secret: &DataKey,
    context: &KmsContext,
    plaintext: &[u8],
) -> Option<Vec<u8>> {
    let mut random = [0; SALT_LEN + NONCE_LEN];
    getrandom::fill(&mut random).ok()?;
    let (salt, nonce) = random.split_at_checked(SALT_LEN)?;
    let nonce: &[u8; NONCE_LEN] = nonce.try_into().ok()?;

    let mut blob = Vec::with_capacity(plaintext.len().saturating_add(OVERHEAD));
    for part in [
        &MAGIC,
        key.as_bytes().as_slice(),
        &material.to_be_bytes(),
        salt,
        nonce,
        &[u8::from(key.is_multi_region())],
        &RESERVED,
    ] {
        blob.extend_from_slice(part);
    }
    let associated = [blob.as_slice(), context.encoded()].concat();
    blob.extend_from_slice(plaintext);
    let sealed = blob.get_mut(HEADER_LEN..)?;
    let tag = cipher(secret, salt)?
        .encrypt_inout_detached(<&Nonce<_>>::from(nonce), &associated, sealed.into())
        .ok()?;
    blob.extend_from_slice(&tag);
    Some(blob)
}

/// Each ciphertext has a key of its own, so that random nonces never meet under one key.
fn cipher(secret: &DataKey, salt: &[u8]) -> Option<Aes256Gcm> {
    let mut mac = Hmac::<Sha256>::new_from_slice(secret.expose_secret()).ok()?;
    mac.update(b"datakey fake kms wrap v1\0");
    mac.update(salt);
    let mut key = Zeroizing::new([0; 32]);
    key.copy_from_slice(&mac.finalize().into_bytes());
    Some(Aes256Gcm::new(<&Key<Aes256Gcm>>::from(&*key)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use datakey_provider::DataKeyLength;

    #[test]
    fn lengths_are_those_of_kms() {
        let secret = DataKey::init(DataKeyLength::Bytes32, |bytes| bytes.fill(1));
        let id = KeyId::from_bytes([2; 16], true);
        let context = KmsContext::default();
        for (len, expected) in [(32, 184), (16, 168), (4096, 4248)] {
            let blob = seal(id, 7, &secret, &context, &vec![9; len]).expect("seals");
            assert_eq!(blob.len(), expected);
            let parsed = parse(&blob).expect("parses");
            assert_eq!((parsed.key, parsed.material), (id, 7));
            let opened = open(&parsed, &secret, &context).expect("opens");
            assert_eq!(opened.expose_secret(), vec![9; len]);
        }
    }

    #[test]
    fn every_flipped_bit_is_refused() {
        let secret = DataKey::init(DataKeyLength::Bytes32, |bytes| bytes.fill(1));
        let context = KmsContext::new([("tenant", "acme")]).expect("short");
        let blob = seal(KeyId::from_bytes([2; 16], true), 0, &secret, &context, &[9; 32]).expect("seals");
        for position in 0..blob.len() {
            for bit in 0..8 {
                let mut altered = blob.clone();
                if let Some(byte) = altered.get_mut(position) {
                    *byte ^= 1 << bit;
                }
                let opened = parse(&altered).and_then(|parsed| open(&parsed, &secret, &context));
                assert!(opened.is_none(), "byte {position} bit {bit}");
            }
        }
        for len in 0..blob.len() {
            let cut = blob.get(..len).unwrap_or_default();
            let opened = parse(cut).and_then(|parsed| open(&parsed, &secret, &context));
            assert!(opened.is_none(), "cut to {len}");
        }
        let parsed = parse(&blob).expect("parses");
        assert!(open(&parsed, &secret, &KmsContext::default()).is_none());
        assert!(
            open(
                &parsed,
                &DataKey::init(DataKeyLength::Bytes32, |bytes| bytes.fill(3)),
                &context
            )
            .is_none()
        );
        assert!(open(&parsed, &secret, &context).is_some());
    }
}
