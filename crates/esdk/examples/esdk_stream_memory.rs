//! Seals and opens a stream of zeros, and says how much memory the process took at the most.
//!
//! ```sh
//! cargo run --release -p datakey-esdk --example esdk_stream_memory -- 4096 signed
//! ```
//!
//! The first argument is the length in MiB; with 0 it is the program alone. Behind it, `signed` takes the suite 0x0578 in the place
//! of 0x0478. `cargo xtask bench memory` compares with the program alone.
#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::print_stdout,
    reason = "a measurement prints, and stops at what it does not expect"
)]
use std::{env, fs};

use datakey_esdk::{
    Header, OpenParams, OpeningKey, Params, SealingKey, SigningKey, Suite, context_with_public_key,
};
use datakey_provider::{DataKey, DataKeyLength, EncryptionContext, WrappedKey};

const PORTION: usize = 1 << 16;

fn main() {
    let arguments: Vec<String> = env::args().skip(1).collect();
    let mebibytes: u64 = arguments
        .first()
        .and_then(|text| text.parse().ok())
        .expect("a length in MiB");
    let suite = match arguments.get(1).map(String::as_str) {
        Some("signed") => Suite::Aes256GcmHkdfSha512CommitKeyEcdsaP384,
        _ => Suite::Aes256GcmHkdfSha512CommitKey,
    };
    if mebibytes > 0 {
        stream(suite, mebibytes << 20);
    }
    println!("{} KiB", peak());
}

fn stream(suite: Suite, len: u64) {
    let data_key = DataKey::init(DataKeyLength::Bytes32, |bytes| bytes.fill(7));
    let arn = "arn:aws:kms:eu-central-1:111122223333:key/1234abcd-12ab-34cd-56ef-1234567890ab";
    let wrapped = WrappedKey::new(arn, vec![7; 184]).unwrap().into();
    let signing = SigningKey::generate(suite).unwrap();
    let context = context_with_public_key(&EncryptionContext::empty(), signing.as_ref()).unwrap();
    let params = Params::new().with_suite(suite);
    let (mut sealed, mut opened) = (Vec::new(), Vec::new());
    let mut sealer = SealingKey::new(&data_key, &wrapped, &context, signing, &params)
        .unwrap()
        .stream_sealer(&mut sealed)
        .unwrap();
    let header = Header::decode(&sealed).unwrap();
    let mut opener = OpeningKey::new(&data_key, &context)
        .stream_opener(&header, &OpenParams::new().danger_release_before_signature())
        .unwrap();
    let zeros = vec![0; PORTION];
    let mut total = 0_u64;
    let mut taken = |opened: &mut Vec<u8>| {
        total = total.saturating_add(u64::try_from(opened.len()).unwrap());
        opened.clear();
    };
    for _ in 0..len >> 16 {
        sealed.clear();
        sealer.push(&zeros, &mut sealed).unwrap();
        opener.push(&sealed, &mut opened).unwrap();
        taken(&mut opened);
    }
    sealed.clear();
    sealer.finish(&mut sealed).unwrap();
    opener.push(&sealed, &mut opened).unwrap();
    opener.finish().unwrap();
    taken(&mut opened);
    assert_eq!(total, len);
}

/// The most memory that the process has held so far, in KiB, as Linux tells it.
fn peak() -> u64 {
    let status = fs::read_to_string("/proc/self/status").expect("Linux");
    let line = status.lines().find(|line| line.starts_with("VmHWM:"));
    let peak = line.and_then(|line| line.split_whitespace().nth(1));
    peak.and_then(|peak| peak.parse().ok())
        .expect("VmHWM in /proc/self/status")
}
