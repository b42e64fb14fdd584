//! Seals and opens a stream of zeros, and says how much memory the process took at the most.
//!
//! ```sh
//! cargo run --release -p datakey-envelope --example stream_memory -- 4096
//! ```
//!
//! The argument is the length in MiB; with 0 it is the program alone. `cargo xtask bench memory` compares the two.
#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::print_stdout,
    reason = "a measurement prints, and stops at what it does not expect"
)]
use std::{env, fs};

use datakey_envelope::{Aad, Header, OpeningKey, Params, SealingKey, Suite};
use datakey_provider::{DataKey, DataKeyLength, EncryptionContext, WrappedKey};

const PORTION: usize = 1 << 16;

fn main() {
    let argument = env::args().nth(1);
    let mebibytes: u64 = argument
        .and_then(|text| text.parse().ok())
        .expect("a length in MiB");
    if mebibytes > 0 {
        stream(mebibytes << 20);
    }
    println!("{} KiB", peak());
}

fn stream(len: u64) {
    let data_key = DataKey::init(DataKeyLength::Bytes32, |bytes| bytes.fill(7));
    let wrapped = WrappedKey::new("local:bench", vec![7; 184]).unwrap().into();
    let context = EncryptionContext::empty();
    let params = Params::new().with_suite(Suite::Aes256Gcm);
    let (mut sealed, mut opened) = (Vec::new(), Vec::new());
    let mut sealer = SealingKey::new(&data_key, &wrapped, &context, &params)
        .unwrap()
        .stream_sealer(Aad::EMPTY, &mut sealed)
        .unwrap();
    let header = Header::decode(&sealed).unwrap();
    let mut opener = OpeningKey::new(&data_key, &context)
        .unwrap()
        .stream_opener(&header, Aad::EMPTY)
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
    opener.finish(&mut opened).unwrap();
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
