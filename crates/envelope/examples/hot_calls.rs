//! One of the four hot calls, over and over, with nothing random in it: what an instruction counter runs.
//!
//! ```sh
//! cargo run --release -p datakey-envelope --example hot_calls -- seal aes-256-gcm 1000
//! ```
#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a measurement stops at what it does not expect"
)]
use std::{env, hint::black_box};

use datakey_envelope::{Aad, Message, OpeningKey, Params, Salt, SealingKey, Suite};
use datakey_provider::{DataKey, DataKeyLength, EncryptionContext, WrappedKey};

const PLAINTEXT: [u8; 300] = [7; 300];
const USAGE: &str = "seal|open|seal_record|open_record  chacha20-poly1305|aes-256-gcm  HOW_OFTEN";

fn main() {
    let mut arguments = env::args().skip(1);
    let call = arguments.next().expect(USAGE);
    let suite = match arguments.next().as_deref() {
        Some("chacha20-poly1305") => Suite::ChaCha20Poly1305,
        Some("aes-256-gcm") => Suite::Aes256Gcm,
        _ => panic!("{USAGE}"),
    };
    let times: u8 = arguments.next().and_then(|text| text.parse().ok()).expect(USAGE);

    let data_key = DataKey::init(DataKeyLength::Bytes32, |bytes| bytes.fill(7));
    let wrapped = WrappedKey::new("local:bench", vec![7; 184]).unwrap().into();
    let context = EncryptionContext::empty();
    let sealing = SealingKey::new(&data_key, &wrapped, &context, &Params::new().with_suite(suite)).unwrap();
    let opening = OpeningKey::new(&data_key, &context).unwrap();
    match call.as_str() {
        "seal" => seal(&sealing, times),
        "open" => open(&sealing, &opening, times),
        "seal_record" => seal_record(&sealing, times),
        "open_record" => open_record(&sealing, &opening, times),
        _ => panic!("{USAGE}"),
    }
}

/// The same salt throughout: nothing here is kept, and the count must not depend on the machine's random source.
fn salt() -> Salt {
    Salt::danger_from_bytes([9; 24])
}

fn seal(sealing: &SealingKey, times: u8) {
    let mut out = Vec::with_capacity(1024);
    for _ in 0..times {
        out.clear();
        let plaintext = black_box(&PLAINTEXT);
        sealing
            .seal_with_salt(salt(), plaintext, Aad::EMPTY, &mut out)
            .unwrap();
    }
    black_box(out);
}

fn open(sealing: &SealingKey, opening: &OpeningKey, times: u8) {
    let (mut sealed, mut out) = (Vec::new(), Vec::with_capacity(1024));
    sealing
        .seal_with_salt(salt(), &PLAINTEXT, Aad::EMPTY, &mut sealed)
        .unwrap();
    for _ in 0..times {
        out.clear();
        let message = Message::decode(black_box(&sealed)).unwrap();
        opening.open(&message, Aad::EMPTY, &mut out).unwrap();
    }
    black_box(out);
}

fn seal_record(sealing: &SealingKey, times: u8) {
    let mut out = Vec::with_capacity(1024);
    let mut sealer = sealing
        .record_sealer_with_salt(salt(), Aad::EMPTY, &mut out)
        .unwrap();
    for _ in 0..times {
        out.clear();
        sealer.push_record(black_box(&PLAINTEXT), &mut out).unwrap();
    }
    black_box(out);
}

fn open_record(sealing: &SealingKey, opening: &OpeningKey, times: u8) {
    let (mut sealed, mut out) = (Vec::new(), Vec::with_capacity(1024));
    let records = std::iter::repeat_n(PLAINTEXT, usize::from(u8::MAX));
    sealing
        .seal_records_with_salt(salt(), records, Aad::EMPTY, &mut sealed)
        .unwrap();
    let message = Message::decode(black_box(&sealed)).unwrap();
    let mut opener = opening.record_opener(message.header(), Aad::EMPTY).unwrap();
    let mut body = message.body();
    for _ in 0..times {
        out.clear();
        opener.next_record(&mut body, &mut out).unwrap();
    }
    black_box(out);
}
