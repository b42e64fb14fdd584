//! The crate's side of the exchange with other implementations: writes messages as vector files, and opens theirs.
use std::{
    collections::BTreeMap,
    fs,
    hash::{BuildHasher as _, Hasher as _, RandomState},
    path::Path,
    process::ExitCode,
};

use datakey_envelope::{Aad, SealError, SealingKey, Suite};
use datakey_provider::{DataKey, DataKeyLength, EncryptionContext, WrappedKey, WrappedKeys};
use datakey_tests::{
    envelope::{open_with, opening_key_of, params},
    envelope_vectors::{Expect, Opened, Vector},
};
use rand::{RngExt as _, SeedableRng as _, rngs::SmallRng};

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    match arguments.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        ["write", folder] => write(Path::new(folder)),
        ["check", folder] => return check(Path::new(folder)),
        _ => {
            eprintln!("usage: envelope_interop write|check FOLDER");
            return ExitCode::FAILURE;
        }
    }
    ExitCode::SUCCESS
}

fn write(folder: &Path) {
    let seed: u64 = match std::env::var("DATAKEY_SEED") {
        Ok(seed) => seed.parse().expect("DATAKEY_SEED is a number"),
        // The standard library's own source of randomness, by the one way to reach it.
        Err(_) => RandomState::new().build_hasher().finish(),
    };
    println!("rust: seed {seed} (set DATAKEY_SEED to repeat)");
    let mut random = SmallRng::seed_from_u64(seed);
    fs::create_dir_all(folder).expect("the folder can be made");
    for number in 0..200 {
        let vector = random_message(&mut random, number);
        let path = folder.join(format!("{}.txt", vector.name));
        fs::write(path, vector.render()).expect("a message can be written");
    }
    println!("rust: 200 messages written");
}

fn bytes(random: &mut SmallRng, len: usize) -> Vec<u8> {
    (0..len).map(|_| random.random()).collect()
}

fn random_message(random: &mut SmallRng, number: usize) -> Vector {
    let suite = Suite::ALL[number % 2];
    let exponent = [6, 7, 10, 16, 24][random.random_range(0..5)];
    let limit = 1_usize << exponent.min(10);
    let context: BTreeMap<String, String> = (0..random.random_range(0..5))
        .map(|at| (format!("key {at}"), ["", "acme", "\u{2603}"][at % 3].to_owned()))
        .collect();
    let keys: Vec<WrappedKey> = (0..random.random_range(1..4))
        .map(|at| {
            let len = random.random_range(1..300);
            WrappedKey::new(format!("rust:{at}"), bytes(random, len)).expect("it keeps the limits")
        })
        .collect();
    let data_key: [u8; 32] = random.random();
    // Of several, all but one may be another message's.
    let own = random.random_range(0..keys.len());
    let data_keys = (0..keys.len())
        .map(|place| match random.random_range(0..4) {
            0 if place != own => Some(random.random()),
            1 if place != own => None,
            _ => Some(data_key),
        })
        .collect();
    let len = random.random_range(0..40);
    let aad = bytes(random, len);
    let is_records = random.random();
    let lens: Vec<usize> = if is_records {
        (0..random.random_range(0..8))
            .map(|_| [0, 1, 20, limit][random.random_range(0..4)])
            .collect()
    } else {
        vec![[0, 1, limit - 1, limit, limit + 1, 3 * limit][random.random_range(0..6)]]
    };
    let records: Vec<Vec<u8>> = lens.into_iter().map(|len| bytes(random, len)).collect();
    let sealing = SealingKey::new(
        &DataKey::init(DataKeyLength::Bytes32, |own| own.copy_from_slice(&data_key)),
        &WrappedKeys::new(keys.clone()).expect("they differ"),
        &EncryptionContext::new(&context).expect("it keeps the limits"),
        &params(suite, exponent),
    )
    .unwrap();
    let message = seal(&sealing, is_records, &records, &aad).expect("it keeps the limits");
    Vector {
        name: format!("rust-{number:03}"),
        about: "written in Rust".into(),
        expect: Expect::Opened(Box::new(Opened {
            context,
            wrapped_keys: keys
                .iter()
                .map(|key| (key.key_id().to_owned(), key.blob().to_vec()))
                .collect(),
            is_records,
            records,
        })),
        data_keys,
        aad,
        message,
    }
}

fn seal(
    sealing: &SealingKey,
    is_records: bool,
    records: &[Vec<u8>],
    aad: &[u8],
) -> Result<Vec<u8>, SealError> {
    let mut out = Vec::new();
    let aad = Aad::new(aad);
    if is_records {
        sealing.seal_records(records, aad, &mut out)?;
    } else {
        sealing.seal(&records[0], aad, &mut out)?;
    }
    Ok(out)
}

fn check(folder: &Path) -> ExitCode {
    let vectors = Vector::all_in(folder.to_path_buf()).expect("the folder holds vectors");
    let mut wrong = 0;
    for vector in &vectors {
        let opened = (|| open_with(&opening_key_of(vector)?, &vector.message, Aad::new(&vector.aad)))();
        let is_right = match &vector.expect {
            Expect::Opened(expected) => opened.as_ref() == Ok(&expected.records),
            Expect::Refused(_) => opened.is_err(),
        };
        if !is_right {
            println!("{}: {:?}", vector.name, opened.err());
            wrong += 1;
        }
    }
    if wrong > 0 || vectors.is_empty() {
        eprintln!("{wrong} of {} files are not as they say", vectors.len());
        return ExitCode::FAILURE;
    }
    println!("rust: {} files are as they say", vectors.len());
    ExitCode::SUCCESS
}
