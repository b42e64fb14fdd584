//! Messages of the AWS Encryption SDK, here and by its own library for Rust, in the two suites that are offered first. Ours
//! have a data key that is cached, by `Sealer` and `Opener`; it makes one for each message, under a raw AES key, so that no key
//! service is in its time.
use std::{hint::black_box, rc::Rc};

use anyhow::{Result, bail};
use aws_esdk::material_providers::types::EsdkAlgorithmSuiteId::{
    self, AlgAes256GcmHkdfSha512CommitKey, AlgAes256GcmHkdfSha512CommitKeyEcdsaP384,
};
use datakey::{Opener, Sealer, esdk};
use datakey_envelope::Aad;
use datakey_esdk::{
    Header, Message, OpenParams, OpeningKey, Params, RawAesKey, SealingKey, SigningKey, Suite,
    context_with_public_key,
};
use datakey_provider::{EncryptionContext, OpeningProvider as _, SealingProvider as _};
use tokio::runtime::Runtime;

use crate::{
    esdk::Sdk,
    measure::{Repeat, SMALL, plaintext, runtime, turns},
};

/// Suite, and how many times as fast ours must be to seal and to open a small message, and a long one.
struct Row {
    name: &'static str,
    suite: Suite,
    theirs: EsdkAlgorithmSuiteId,
    small: [Option<f64>; 2],
    long: Option<f64>,
}

/// Opening a signed message is one verification for both, and hashing takes most of a long signed one.
const ROWS: [Row; 2] = [
    Row {
        name: "0x0478",
        suite: Suite::Aes256GcmHkdfSha512CommitKey,
        theirs: AlgAes256GcmHkdfSha512CommitKey,
        small: [Some(20.0), Some(20.0)],
        long: Some(20.0),
    },
    Row {
        name: "0x0578",
        suite: Suite::Aes256GcmHkdfSha512CommitKeyEcdsaP384,
        theirs: AlgAes256GcmHkdfSha512CommitKeyEcdsaP384,
        small: [Some(3.0), None],
        long: None,
    },
];
/// Length, its name, and turns.
const LENGTHS: [(usize, &str, usize); 3] = [
    (SMALL, "300 bytes", 400),
    (1 << 20, "1 MiB", 60),
    (16 << 20, "16 MiB", 12),
];

/// One call in three ways.
struct Calls {
    theirs: Repeat,
    cached: Repeat,
    prepared: Repeat,
}

/// Prints a table. The bars are of ciphers that are AWS-LC's on both sides; where they are, missing one is an error.
pub fn run() -> Result<()> {
    println!("messages of the AWS Encryption SDK, {}", crate::BACKEND);
    println!(
        "| suite | plaintext | | aws-esdk 1.2 | datakey, through the cache | times as fast | key prepared | bar |"
    );
    println!("|---|---|---|---|---|---|---|---|");
    let mut missed = Vec::new();
    for row in ROWS {
        for (len, name, rounds) in LENGTHS {
            for (at, (way, mut calls)) in calls(&row, len)?.into_iter().enumerate() {
                let mut all = [&mut calls.theirs, &mut calls.cached, &mut calls.prepared];
                let times = turns(&mut all, rounds);
                let bar = if len == SMALL { row.small[at] } else { row.long };
                let (ratio, prepared) = (times[0] / times[1], times[0] / times[2]);
                let written = bar.map_or_else(|| "-".into(), |bar| format!("{bar:.0}"));
                println!(
                    "| {} | {name} | {way} | {:.2} µs | {:.2} µs | {ratio:.1} | {prepared:.1} | {written} |",
                    row.name,
                    times[0] / 1e3,
                    times[1] / 1e3
                );
                if bar.is_some_and(|bar| ratio < bar) {
                    missed.push(format!("{} {name} {way}", row.name));
                }
            }
        }
    }
    if cfg!(feature = "aws-lc") && !missed.is_empty() {
        bail!("below the bar: {}", missed.join(", "));
    }
    Ok(())
}

fn calls(row: &Row, len: usize) -> Result<[(&'static str, Calls); 2]> {
    let runtime = Rc::new(runtime()?);
    let plain = plaintext(len);
    let [seal_theirs, open_theirs] = theirs(&runtime, row.theirs, &plain)?;
    let [seal_cached, open_cached] = cached(&runtime, row.suite, &plain)?;
    let [seal_prepared, open_prepared] = prepared(&runtime, row.suite, &plain)?;
    let seal = Calls {
        theirs: seal_theirs,
        cached: seal_cached,
        prepared: seal_prepared,
    };
    let open = Calls {
        theirs: open_theirs,
        cached: open_cached,
        prepared: open_prepared,
    };
    Ok([("seal", seal), ("open", open)])
}

const PAIRS: [(&str, &str); 2] = [("tenant", "acme"), ("purpose", "orders")];

fn context() -> Result<EncryptionContext> {
    Ok(EncryptionContext::new(PAIRS)?)
}

fn key() -> Result<RawAesKey> {
    Ok(RawAesKey::new("bench", "bench", &[7; 32])?)
}

fn theirs(runtime: &Rc<Runtime>, suite: EsdkAlgorithmSuiteId, plain: &[u8]) -> Result<[Repeat; 2]> {
    let sdk = Rc::new(runtime.block_on(Sdk::new())?);
    let sealed = runtime.block_on(sdk.seal(plain, suite, &PAIRS))?;
    let (sealer, sealing, plain) = (sdk.clone(), runtime.clone(), plain.to_vec());
    let opening = runtime.clone();
    Ok([
        Box::new(move |times| {
            sealing.block_on(async {
                for _ in 0..times {
                    black_box(sealer.seal(black_box(&plain), suite, &PAIRS).await.unwrap());
                }
            });
        }),
        Box::new(move |times| {
            opening.block_on(async {
                for _ in 0..times {
                    black_box(sdk.open(black_box(&sealed)).await.unwrap());
                }
            });
        }),
    ])
}

/// As everywhere here, buffers are used again.
fn cached(runtime: &Rc<Runtime>, suite: Suite, plain: &[u8]) -> Result<[Repeat; 2]> {
    let entered = runtime.enter();
    let params = esdk::Params::new().with_suite(suite);
    let sealer = Sealer::builder(key()?).format(params).build()?;
    let opener = Opener::builder(key()?).build()?;
    drop(entered);
    let (context, expected) = (context()?, context()?);
    let sealed = runtime.block_on(sealer.seal(&context, plain, Aad::EMPTY))?;
    let (sealing, opening, plain) = (runtime.clone(), runtime.clone(), plain.to_vec());
    let (mut out, mut opened) = (Vec::new(), Vec::new());
    Ok([
        Box::new(move |times| {
            sealing.block_on(async {
                for _ in 0..times {
                    out.clear();
                    let done = sealer.seal_into(&context, black_box(&plain), Aad::EMPTY, &mut out);
                    done.await.unwrap();
                    black_box(&out);
                }
            });
        }),
        Box::new(move |times| {
            opening.block_on(async {
                for _ in 0..times {
                    opened.clear();
                    let done = opener.open_into(&expected, black_box(&sealed), Aad::EMPTY, &mut opened);
                    done.await.unwrap();
                    black_box(&opened);
                }
            });
        }),
    ])
}

/// The format by itself.
fn prepared(runtime: &Rc<Runtime>, suite: Suite, plain: &[u8]) -> Result<[Repeat; 2]> {
    let signing = SigningKey::generate(suite)?;
    let context = context_with_public_key(&context()?, signing.as_ref())?;
    let made = runtime.block_on(key()?.generate_data_key(&context, suite.data_key_length()))?;
    let params = Params::new().with_suite(suite);
    let sealing = SealingKey::new(made.data_key(), made.wrapped_keys(), &context, signing, &params)?;
    let mut sealed = Vec::new();
    sealing.seal(plain, &mut sealed)?;
    let header = Header::decode(&sealed)?;
    let wrapped = header.wrapped_keys().expect("it has one");
    let data_key = runtime.block_on(key()?.decrypt(&context, wrapped.first()))?;
    let opening = OpeningKey::new(&data_key, &context);
    let (plain, open_params) = (plain.to_vec(), OpenParams::new());
    let (mut out, mut opened) = (Vec::new(), Vec::new());
    Ok([
        Box::new(move |times| {
            for _ in 0..times {
                out.clear();
                sealing.seal(black_box(&plain), &mut out).unwrap();
                black_box(&out);
            }
        }),
        Box::new(move |times| {
            for _ in 0..times {
                opened.clear();
                let message = Message::decode(black_box(&sealed)).unwrap();
                opening.open(&message, &open_params, &mut opened).unwrap();
                black_box(&opened);
            }
        }),
    ])
}
