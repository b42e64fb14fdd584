//! The parts of a message, each made by the plainest means, so that they can be put together rightly or wrongly.
use aes_gcm::Aes256Gcm;
use chacha20poly1305::{
    ChaCha20Poly1305,
    aead::{Aead, KeyInit, Payload},
};
use hkdf::Hkdf;
use sha2::{Digest as _, Sha256};

/// The length of a tag.
pub const TAG: usize = 16;

/// Intermediate values of the key schedule.
#[derive(Debug, Clone)]
pub struct Schedule {
    /// The block that all messages of a data key share.
    pub profile: Vec<u8>,
    /// The message's own block.
    pub message: Vec<u8>,
    /// The message's AEAD key.
    pub key: [u8; 32],
    /// The commitment.
    pub commitment: [u8; 32],
}

/// What the key schedule derives from. Nothing is checked.
#[derive(Debug, Clone, Copy)]
pub struct Derivation<'a> {
    /// The data key.
    pub data_key: &'a [u8; 32],
    /// The suite's id.
    pub suite: u8,
    /// The kind's id.
    pub kind: u8,
    /// The frame exponent.
    pub exponent: u8,
    /// The salt.
    pub salt: &'a [u8],
    /// The encoded encryption context.
    pub context: &'a [u8],
    /// The associated data.
    pub aad: &'a [u8],
}

impl Derivation<'_> {
    /// Rules K1 to K5.
    #[must_use]
    pub fn schedule(&self) -> Schedule {
        let mut profile = b"datakey envelope format v1".to_vec();
        profile.resize(29, 0);
        profile.extend([self.suite, self.kind, self.exponent]);
        let mut context = b"datakey encryption context v1\0".to_vec();
        context.extend(self.context);
        profile.extend(Sha256::digest(&context));
        let mut message = self.salt.to_vec();
        message.extend(Sha256::digest(self.aad));
        message.extend([0; 8]);
        let expand = |purpose: &[u8]| {
            let mut okm = [0; 32];
            let info = [&profile[..], &message, purpose].concat();
            Hkdf::<Sha256>::from_prk(self.data_key)
                .unwrap()
                .expand(&info, &mut okm)
                .unwrap();
            okm
        };
        let (key, commitment) = (expand(b"aead key"), expand(b"commitment"));
        Schedule {
            profile,
            message,
            key,
            commitment,
        }
    }
}

/// Pairs of an encryption context, encoded in the order given.
#[must_use]
pub fn encoded_pairs<T: AsRef<[u8]>>(pairs: &[(T, T)]) -> Vec<u8> {
    let mut encoded = Vec::new();
    for text in pairs
        .iter()
        .flat_map(|(key, value)| [key.as_ref(), value.as_ref()])
    {
        encoded.extend((text.len() as u16).to_be_bytes());
        encoded.extend(text);
    }
    encoded
}

/// Wrapped keys, encoded in the order given, without their number.
#[must_use]
pub fn encoded_keys<K: AsRef<[u8]>, B: AsRef<[u8]>>(keys: &[(K, B)]) -> Vec<u8> {
    let mut encoded = Vec::new();
    for (key_id, blob) in keys {
        let (key_id, blob) = (key_id.as_ref(), blob.as_ref());
        encoded.push(key_id.len() as u8);
        encoded.extend(key_id);
        encoded.extend((blob.len() as u16).to_be_bytes());
        encoded.extend(blob);
    }
    encoded
}

/// One frame, ciphertext and tag, of a suite (1, or else 2) at a place: its number and its flag.
#[must_use]
pub fn seal_frame(suite: u8, key: &[u8; 32], (number, last): (u64, u8), msg: &[u8], aad: &[u8]) -> Vec<u8> {
    let mut nonce = [0; 12];
    nonce[3..11].copy_from_slice(&number.to_be_bytes());
    nonce[11] = last;
    let payload = Payload { msg, aad };
    match suite {
        1 => ChaCha20Poly1305::new(key.into()).encrypt(&nonce.into(), payload),
        _ => Aes256Gcm::new(key.into()).encrypt(&nonce.into(), payload),
    }
    .unwrap()
}
