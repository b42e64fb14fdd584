//! One order of 300 bytes in the suite 0x0478, beside the sum of what it is made of.
//!
//! Call and floor take turns of a hundred messages, so that a processor that changes its pace meets both alike. Each line has
//! the medians over the turns of one run: of the two times and of their ratio. The floor is one extraction and two expansions of
//! HKDF-SHA-512 (by the crate `hkdf`), the cipher with a new key over the plaintext and over nothing for the header's tag, one allocation,
//! and for sealing 32 random bytes.
#![forbid(unsafe_code)]
#![expect(
    clippy::unwrap_used,
    clippy::print_stdout,
    clippy::indexing_slicing,
    clippy::disallowed_methods,
    reason = "a benchmark prints, reads the clock, and stops at what it does not expect"
)]
use std::{hint::black_box, time::Instant};

use aes_gcm::{
    Aes256Gcm, KeyInit as _,
    aead::{AeadInOut as _, inout::InOutBuf},
};
use datakey_esdk::{Message, OpenParams, OpeningKey, Params, SealingKey, Suite};
use datakey_provider::{DataKey, DataKeyLength, EncryptionContext, WrappedKey};
use hkdf::Hkdf;
use sha2::Sha512;

const LEN: usize = 300;
const TURNS: usize = 2_001;
const CALLS: u32 = 100;

fn main() {
    let data_key = DataKey::init(DataKeyLength::Bytes32, |bytes| bytes.fill(7));
    let arn = "arn:aws:kms:eu-central-1:111122223333:key/1234abcd-12ab-34cd-56ef-1234567890ab";
    let wrapped = WrappedKey::new(arn, vec![9; 184]).unwrap().into();
    let context = EncryptionContext::new([("tenant", "acme"), ("purpose", "orders")]).unwrap();
    let params = Params::new().with_suite(Suite::Aes256GcmHkdfSha512CommitKey);
    let sealing = SealingKey::new(&data_key, &wrapped, &context, None, &params).unwrap();
    let opening = OpeningKey::new(&data_key, &context);
    let plaintext = [7; LEN];
    let mut sealed = Vec::new();
    sealing.seal(&plaintext, &mut sealed).unwrap();
    let sealed_len = sealed.len();

    println!(
        "{:<16} {:>10} {:>10} {:>7}",
        "300 bytes", "call", "floor", "ratio"
    );
    row(
        "seal",
        || {
            let mut out = Vec::new();
            sealing.seal(black_box(&plaintext), &mut out).unwrap();
            black_box(out);
        },
        || {
            let mut id = [0; 32];
            getrandom::fill(&mut id).unwrap();
            let mut out = vec![0; sealed_len];
            floor(data_key.expose_secret(), &id, &plaintext, &mut out[..LEN]);
            black_box(out);
        },
    );
    row(
        "open",
        || {
            let mut out = Vec::new();
            let message = Message::decode(black_box(&sealed)).unwrap();
            opening.open(&message, &OpenParams::new(), &mut out).unwrap();
            black_box(out);
        },
        || {
            let mut out = vec![0; LEN];
            floor(data_key.expose_secret(), &sealed[3..35], &plaintext, &mut out);
            black_box(out);
        },
    );
}

/// What derives a message's key and goes over its bytes. The cipher takes as long in either direction.
fn floor(data_key: &[u8], id: &[u8], plaintext: &[u8], out: &mut [u8]) {
    let (mut key, mut commitment) = ([0; 32], [0; 32]);
    let hkdf = Hkdf::<Sha512>::new(Some(id), data_key);
    hkdf.expand(b"\x04\x78DERIVEKEY", &mut key).unwrap();
    hkdf.expand(b"COMMITKEY", &mut commitment).unwrap();
    black_box(commitment);
    cipher(&key, plaintext, out);
}

#[cfg(feature = "aws-lc")]
fn cipher(key: &[u8; 32], plaintext: &[u8], out: &mut [u8]) {
    use aws_lc_rs::aead::{AES_256_GCM, Aad, LessSafeKey, Nonce, UnboundKey};
    let cipher = LessSafeKey::new(UnboundKey::new(&AES_256_GCM, key).unwrap());
    let mut tag = [0; 16];
    for (text, out) in [(&[][..], &mut [][..]), (plaintext, out)] {
        let nonce = Nonce::assume_unique_for_key([0; 12]);
        cipher
            .seal_out_of_place_scatter(nonce, Aad::from(&[1; 79]), text, out, &[], &mut tag)
            .unwrap();
    }
    // So that the other backend's crate is used in either case.
    let _other: fn(&[u8; 32], &[u8], &mut [u8]) = rustcrypto;
}

#[cfg(not(feature = "aws-lc"))]
fn cipher(key: &[u8; 32], plaintext: &[u8], out: &mut [u8]) {
    rustcrypto(key, plaintext, out);
}

fn rustcrypto(key: &[u8; 32], plaintext: &[u8], out: &mut [u8]) {
    let cipher = Aes256Gcm::new(key.into());
    for (text, out) in [(&[][..], &mut [][..]), (plaintext, out)] {
        let data = InOutBuf::new(text, out).unwrap();
        let tag = cipher
            .encrypt_inout_detached(&[0; 12].into(), &[1; 79], data)
            .unwrap();
        black_box(tag);
    }
}

fn row(name: &str, mut call: impl FnMut(), mut floor: impl FnMut()) {
    let turns: Vec<[f64; 3]> = (0..TURNS)
        .map(|_| {
            let (call, floor) = (timed(&mut call), timed(&mut floor));
            [call, floor, call / floor]
        })
        .collect();
    let [call, floor, ratio] = [0, 1, 2].map(|column| {
        let mut figures: Vec<f64> = turns.iter().map(|turn| turn[column]).collect();
        figures.sort_unstable_by(f64::total_cmp);
        figures[TURNS / 2]
    });
    println!("{name:<16} {call:>7.0} ns {floor:>7.0} ns {ratio:>7.3}");
}

/// Nanoseconds for each call.
fn timed(call: &mut impl FnMut()) -> f64 {
    let start = Instant::now();
    (0..CALLS).for_each(|_| call());
    start.elapsed().as_secs_f64() * 1e9 / f64::from(CALLS)
}
