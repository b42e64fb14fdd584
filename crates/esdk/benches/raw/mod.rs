//! What messages are made of, each by itself, and calls beside them.
//!
//! Call and floor take turns, so that a processor that changes its pace meets both alike. What is answered are the medians over the
//! turns of one run: of the two times and of their ratio.
#![expect(
    clippy::unwrap_used,
    clippy::print_stdout,
    clippy::indexing_slicing,
    clippy::disallowed_methods,
    reason = "a benchmark prints, reads the clock, and stops at what it does not expect"
)]
use std::{
    hint::black_box,
    time::{Duration, Instant},
};

#[cfg(not(feature = "aws-lc"))]
use aes_gcm::aead::{AeadInOut as _, inout::InOutBuf};
use aes_gcm::{Aes256Gcm, KeyInit as _};
use hkdf::Hkdf;
use p384::ecdsa::{
    Signature, SigningKey, VerifyingKey,
    signature::hazmat::{PrehashSigner as _, PrehashVerifier as _},
};
use sha2::Sha512;

/// As long as that of frames is.
const AAD: [u8; 79] = [1; 79];

/// The key and the commitment of a message: one extraction and two expansions.
pub(crate) fn derive(data_key: &[u8], id: &[u8]) -> [u8; 32] {
    let (mut key, mut commitment) = ([0; 32], [0; 32]);
    let hkdf = Hkdf::<Sha512>::new(Some(id), data_key);
    hkdf.expand(b"\x04\x78DERIVEKEY", &mut key).unwrap();
    hkdf.expand(b"COMMITKEY", &mut commitment).unwrap();
    black_box(commitment);
    key
}

/// The cipher with one key, in pieces of a length: of `from`, or of `to` where it opens, which takes as long.
pub(crate) struct Cipher(
    #[cfg(feature = "aws-lc")] aws_lc_rs::aead::LessSafeKey,
    #[cfg(not(feature = "aws-lc"))] Aes256Gcm,
);

impl Cipher {
    #[cfg(feature = "aws-lc")]
    pub(crate) fn new(key: &[u8; 32]) -> Self {
        use aws_lc_rs::aead::{AES_256_GCM, LessSafeKey, UnboundKey};
        // So that the other backend's crate is used in either case.
        let _other: fn(&[u8; 32]) -> Aes256Gcm = |key| Aes256Gcm::new(key.into());
        Self(LessSafeKey::new(UnboundKey::new(&AES_256_GCM, key).unwrap()))
    }

    #[cfg(not(feature = "aws-lc"))]
    pub(crate) fn new(key: &[u8; 32]) -> Self {
        Self(Aes256Gcm::new(key.into()))
    }

    /// Seals one piece, and answers its tag.
    #[cfg(feature = "aws-lc")]
    pub(crate) fn seal(&self, plaintext: &[u8], out: &mut [u8]) -> [u8; 16] {
        use aws_lc_rs::aead::{Aad, Nonce};
        let (nonce, mut tag) = (Nonce::assume_unique_for_key([0; 12]), [0; 16]);
        self.0
            .seal_out_of_place_scatter(nonce, Aad::from(&AAD), plaintext, out, &[], &mut tag)
            .unwrap();
        tag
    }

    #[cfg(not(feature = "aws-lc"))]
    pub(crate) fn seal(&self, plaintext: &[u8], out: &mut [u8]) -> [u8; 16] {
        let data = InOutBuf::new(plaintext, out).unwrap();
        let tag = self.0.encrypt_inout_detached(&[0; 12].into(), &AAD, data);
        tag.unwrap().into()
    }

    /// Opens one piece.
    #[cfg(feature = "aws-lc")]
    pub(crate) fn open(&self, sealed: &[u8], tag: &[u8; 16], out: &mut [u8]) {
        use aws_lc_rs::aead::{Aad, Nonce};
        let nonce = Nonce::assume_unique_for_key([0; 12]);
        self.0
            .open_separate_gather(nonce, Aad::from(&AAD), sealed, tag, out)
            .unwrap();
    }

    #[cfg(not(feature = "aws-lc"))]
    pub(crate) fn open(&self, sealed: &[u8], tag: &[u8; 16], out: &mut [u8]) {
        let data = InOutBuf::new(sealed, out).unwrap();
        self.0
            .decrypt_inout_detached(&[0; 12].into(), &AAD, data, tag.into())
            .unwrap();
    }
}

/// A key pair on P-384, for one signature and one verification of a hash.
pub(crate) struct Signer {
    #[cfg(feature = "aws-lc")]
    pair: aws_lc_rs::signature::EcdsaKeyPair,
    #[cfg(not(feature = "aws-lc"))]
    pair: SigningKey,
    point: Vec<u8>,
    signature: Vec<u8>,
}

const HASH: [u8; 48] = [5; 48];

impl Signer {
    #[cfg(feature = "aws-lc")]
    pub(crate) fn new() -> Self {
        use aws_lc_rs::signature::{ECDSA_P384_SHA384_ASN1_SIGNING, EcdsaKeyPair};
        // The pure key is one of the library's too.
        let own = SigningKey::from_slice(&[7; 48]).unwrap();
        let (long, short) = (
            own.verifying_key().to_sec1_point(false),
            own.verifying_key().to_sec1_point(true),
        );
        let pair = EcdsaKeyPair::from_private_key_and_public_key(
            &ECDSA_P384_SHA384_ASN1_SIGNING,
            &[7; 48],
            long.as_bytes(),
        );
        let signature: Signature = own.sign_prehash(&HASH).unwrap();
        own.verifying_key().verify_prehash(&HASH, &signature).unwrap();
        Self {
            pair: pair.unwrap(),
            point: short.as_bytes().to_vec(),
            signature: signature.to_der().as_bytes().to_vec(),
        }
    }

    #[cfg(not(feature = "aws-lc"))]
    pub(crate) fn new() -> Self {
        let pair = SigningKey::from_slice(&[7; 48]).unwrap();
        let point = pair.verifying_key().to_sec1_point(true).as_bytes().to_vec();
        let signature: Signature = pair.sign_prehash(&HASH).unwrap();
        let signature = signature.to_der().as_bytes().to_vec();
        Self {
            pair,
            point,
            signature,
        }
    }

    /// Signs a hash.
    #[cfg(feature = "aws-lc")]
    pub(crate) fn sign(&self) {
        use aws_lc_rs::digest::{Digest, SHA384};
        let digest = Digest::import_less_safe(&HASH, &SHA384).unwrap();
        black_box(self.pair.sign_digest(&digest).unwrap());
    }

    #[cfg(not(feature = "aws-lc"))]
    pub(crate) fn sign(&self) {
        let signature: Signature = self.pair.sign_prehash(&HASH).unwrap();
        black_box(signature);
    }

    /// Decompresses the public key and verifies a signature of a hash with it.
    #[cfg(feature = "aws-lc")]
    pub(crate) fn verify(&self) {
        use aws_lc_rs::{
            digest::{Digest, SHA384},
            signature::{ECDSA_P384_SHA384_ASN1, ParsedPublicKey},
        };
        let key = ParsedPublicKey::new(&ECDSA_P384_SHA384_ASN1, black_box(&self.point)).unwrap();
        let digest = Digest::import_less_safe(&HASH, &SHA384).unwrap();
        key.verify_digest_sig(&digest, &self.signature).unwrap();
        let _other: fn(&[u8]) -> bool = |point| VerifyingKey::from_sec1_bytes(point).is_ok();
    }

    #[cfg(not(feature = "aws-lc"))]
    pub(crate) fn verify(&self) {
        let key = VerifyingKey::from_sec1_bytes(black_box(&self.point)).unwrap();
        let signature = Signature::from_der(&self.signature).unwrap();
        key.verify_prehash(&HASH, &signature).unwrap();
    }
}

/// How many turns, and how many calls each.
#[derive(Clone, Copy)]
pub(crate) struct Turns(pub(crate) usize, pub(crate) u32);

pub(crate) fn head(what: &str) {
    println!("{what:<34} {:>12} {:>12} {:>7}", "call", "floor", "ratio");
}

/// Prints the medians of call and floor, and of their ratio.
pub(crate) fn row(name: &str, Turns(turns, calls): Turns, mut call: impl FnMut(), mut floor: impl FnMut()) {
    let turns: Vec<[f64; 3]> = (0..turns)
        .map(|_| {
            let (call, floor) = (timed(calls, &mut call), timed(calls, &mut floor));
            [call, floor, call / floor]
        })
        .collect();
    let [call, floor, ratio] = [0, 1, 2].map(|column| {
        let mut figures: Vec<f64> = turns.iter().map(|turn| turn[column]).collect();
        figures.sort_unstable_by(f64::total_cmp);
        figures[figures.len() / 2]
    });
    let shown = |nanoseconds: f64| format!("{:.2?}", Duration::from_secs_f64(nanoseconds / 1e9));
    println!("{name:<34} {:>12} {:>12} {ratio:>7.3}", shown(call), shown(floor));
}

/// Nanoseconds for each call.
fn timed(calls: u32, call: &mut impl FnMut()) -> f64 {
    let start = Instant::now();
    (0..calls).for_each(|_| call());
    start.elapsed().as_secs_f64() * 1e9 / f64::from(calls)
}
