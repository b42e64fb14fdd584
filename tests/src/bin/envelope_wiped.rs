//! Seals and opens under a data key, and prints after each step which secrets are found in the process's memory.
//!
//! Arguments: the suite's id, then for each secret its name and its masked bytes as numbers. The test `envelope_wiped` says what must
//! be found and what must not.
#![forbid(unsafe_code)]
use std::{env, hint::black_box, io::Read as _};

use datakey::{OpenReader, SealedHeader, local::LocalKeys};
use datakey_envelope::{Aad, Header, Message, OpeningKey, Params, Salt, SealingKey, Suite};
use datakey_provider::{DataKey, DataKeyLength, EncryptionContext, WrappedKey};
use datakey_tests::{
    envelope::{SALT, short_wrapped},
    memory::{MASK, Needle, Search},
};

fn main() {
    let arguments: Vec<String> = env::args().skip(1).collect();
    let suite = match arguments[0].as_str() {
        "1" => Suite::ChaCha20Poly1305,
        _ => Suite::Aes256Gcm,
    };
    let needles: Vec<Needle> = arguments[1..].chunks(2).map(needle).collect();
    let mut search = Search::new(needles);
    steps(suite, &mut search);
    say("all dropped", &mut search);
    batch(&mut search);
    other_format(&mut search);
}

fn needle(pair: &[String]) -> Needle {
    Needle {
        name: pair[0].clone(),
        masked: pair[1].split(',').map(|byte| byte.parse().unwrap()).collect(),
    }
}

fn say(step: &str, search: &mut Search) {
    for (name, place) in search.find().unwrap() {
        println!("{step}: {name}: {place:?}");
    }
    println!("{step}: searched");
}

/// A secret that the caller holds for as long as it is used, and then wipes.
fn with_bytes(search: &Search, name: &str, mut take: impl FnMut(&[u8])) {
    let needle = search
        .needles()
        .iter()
        .find(|needle| needle.name == name)
        .unwrap();
    let mut bytes: Vec<u8> = needle.masked.iter().map(|byte| byte ^ MASK).collect();
    take(&bytes);
    bytes.fill(0);
    black_box(&bytes);
}

#[inline(never)]
fn steps(suite: Suite, search: &mut Search) {
    let context = EncryptionContext::empty();
    let data_key = DataKey::init(DataKeyLength::Bytes32, |own| {
        with_bytes(search, "data key", |key| own.copy_from_slice(key))
    });
    let params = Params::new().with_suite(suite);
    let sealing = SealingKey::new(&data_key, &short_wrapped(), &context, &params).unwrap();
    let opening = OpeningKey::new(&data_key, &context).unwrap();
    let salt = || Salt::danger_from_bytes(SALT);
    let (mut ends, mut sealed) = (Vec::new(), Vec::new());
    let sealer = sealing.stream_sealer_with_salt(salt(), Aad::EMPTY, &mut ends);
    let mut sealer = Box::new(sealer.unwrap());
    // In portions, so that what is held back moves as it grows.
    with_bytes(search, "plaintext", |plain| {
        for portion in plain.chunks(20).cycle().take(2_500) {
            sealer.push(portion, &mut sealed).unwrap();
        }
    });
    let header = Header::decode(&ends).unwrap();
    let opener = Box::new(opening.stream_opener(&header, Aad::EMPTY).unwrap());
    say("all held", search);

    drop(data_key);
    say("data key dropped", search);

    let mut rest = Vec::new();
    sealer.finish(&mut rest).unwrap();
    say("finished", search);
    drop((opener, sealing));
    let mut message = ends.clone();
    message.extend(&rest);
    refuse(&opening, &message);
    say("refused", search);
    hold_back(opening, &message, search);
}

/// Readers that were read a little of: the rest of what they opened waits in them.
fn hold_back(opening: OpeningKey, message: &[u8], search: &mut Search) {
    let header = Header::decode(message).unwrap();
    let mut reader = opening
        .reader(&header, Aad::EMPTY, &message[header.len()..])
        .unwrap();
    reader.read_exact(&mut [0; 7]).unwrap();
    say("held back", search);
    drop(reader);
    say("reader dropped", search);

    let key = datakey::OpeningKey::from(opening);
    let mut rest = message;
    let header = SealedHeader::read(&mut rest).unwrap();
    let mut reader = OpenReader::new(&key, &header, Aad::EMPTY, rest).unwrap();
    reader.read_exact(&mut [0; 7]).unwrap();
    say("held back by the facade", search);
    drop(reader);
    say("reader of the facade dropped", search);
}

/// A batch: what is left of it when its records, which are the caller's, are wiped.
fn batch(search: &mut Search) {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    let (sealer, opener) = datakey::both(LocalKeys::generate("dev").unwrap());
    let context = EncryptionContext::empty();
    let mut batch = Vec::new();
    with_bytes(search, "plaintext", |plain| {
        let records = [plain, plain];
        let sealed = sealer.seal_records(&context, &records, Aad::EMPTY);
        batch = runtime.block_on(sealed).unwrap();
    });
    let opened = opener.open_records(&context, &batch, Aad::EMPTY);
    let mut records = runtime.block_on(opened).unwrap();
    say("records held", search);
    records.iter_mut().for_each(|record| record.fill(0));
    black_box(&records);
    say("records wiped", search);
}

/// A stream of the AWS Encryption SDK's format, of which less came than fills a frame.
fn other_format(search: &mut Search) {
    let data_key = DataKey::init(DataKeyLength::Bytes32, |own| {
        with_bytes(search, "data key", |key| own.copy_from_slice(key))
    });
    let arn = "arn:aws:kms:eu-central-1:111122223333:key/1234abcd-12ab-34cd-56ef-1234567890ab";
    let wrapped = WrappedKey::new(arn, b"opaque".to_vec()).unwrap().into();
    let params = datakey_esdk::Params::new().with_suite(datakey_esdk::Suite::Aes256GcmHkdfSha512CommitKey);
    let context = EncryptionContext::empty();
    let sealing = datakey_esdk::SealingKey::new(&data_key, &wrapped, &context, None, &params).unwrap();
    let mut sealed = Vec::new();
    let mut sealer = sealing.stream_sealer(&mut sealed).unwrap();
    // What waits moves as it grows.
    with_bytes(search, "plaintext", |plain| {
        for portion in plain.chunks(7).cycle().take(90) {
            sealer.push(portion, &mut sealed).unwrap();
        }
    });
    say("a part of a frame held", search);
    drop(sealer);
    say("the part of a frame dropped", search);
    drop((sealing, data_key));
    say("all of the other format dropped", search);
}

/// Opens a message with a forged tag: the cipher has written the plaintext by the time it finds out.
fn refuse(opening: &OpeningKey, message: &[u8]) {
    let mut forged = message.to_vec();
    *forged.last_mut().unwrap() ^= 1;
    let (mut out, mut buffer) = (Vec::new(), vec![0; forged.len()]);
    let forged = Message::decode(&forged).unwrap();
    opening.open(&forged, Aad::EMPTY, &mut out).unwrap_err();
    opening.open_into(&forged, Aad::EMPTY, &mut buffer).unwrap_err();
    let mut opener = opening.stream_opener(forged.header(), Aad::EMPTY).unwrap();
    opener.push(forged.body(), &mut out).unwrap();
    opener.finish(&mut out).unwrap_err();
    black_box((&out, &buffer));
}
