//! Seeds for the fuzz targets of the AWS Encryption SDK's format, made of the vectors.
use base64::{Engine as _, prelude::BASE64_STANDARD};
use serde_json::Value;

use crate::{
    esdk_fuzz::{MESSAGES, NAMES, RAW_UNWRAP, aes_info},
    esdk_mend,
};

/// Longer seeds make slow targets, and no structure that shorter ones lack.
const LONGEST: usize = 8_000;

/// The messages of the vectors that are not long, with the public key that mended messages are signed for.
///
/// # Panics
/// When the vectors are not what they should be.
#[must_use]
pub fn messages() -> Vec<Vec<u8>> {
    let mut messages = Vec::new();
    for text in [
        include_str!("../vectors/esdk/python.json"),
        include_str!("../vectors/esdk/python-rsa.json"),
    ] {
        let tests: Value = serde_json::from_str(text).unwrap();
        for test in tests["tests"].as_array().unwrap() {
            let message = BASE64_STANDARD.decode(test["message"].as_str().unwrap()).unwrap();
            if message.len() <= LONGEST {
                messages.push(esdk_mend::with_public_key(&message));
            }
        }
    }
    messages
}

/// Inputs of the target that unwraps under raw keys: for each AES key and padding what looks like one of its wrapped keys, and
/// those of the vectors.
///
/// # Panics
/// When the vectors are not what they should be.
#[must_use]
pub fn wrapped_keys() -> Vec<Vec<u8>> {
    let mut seeds = Vec::new();
    for (choice, len) in [(0x80, 16), (0x81, 24), (0x82, 32), (0, 32)] {
        let info = [&aes_info()[..], &[5; 12]].concat();
        seeds.push([&[choice], &blob(&info, &vec![7; len + 16])[..]].concat());
    }
    for message in messages() {
        let header = datakey_esdk::Header::decode(&message).unwrap();
        for key in header
            .encrypted_data_keys()
            .filter(|key| key.ciphertext().len() == 256)
        {
            for padding in 3..8 {
                seeds.push([&[padding], &blob(NAMES.1.as_bytes(), key.ciphertext())[..]].concat());
            }
        }
    }
    seeds
}

fn blob(info: &[u8], ciphertext: &[u8]) -> Vec<u8> {
    [&(info.len() as u16).to_be_bytes(), info, ciphertext].concat()
}

/// Every target by its name, with its seeds.
#[must_use]
pub fn all() -> Vec<(&'static str, Vec<Vec<u8>>)> {
    let of_messages = MESSAGES.iter().map(|(name, prefix, _)| {
        let seeds = messages()
            .into_iter()
            .map(|message| [prefix, &message[..]].concat());
        (*name, seeds.collect())
    });
    of_messages.chain([(RAW_UNWRAP.0, wrapped_keys())]).collect()
}
