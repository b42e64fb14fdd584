//! 300 bytes under a data key of their own, which is wrapped under a branch key that is cached: here, and by the AWS Encryption SDK
//! for Rust, beside what its sister for Python was measured at just before. `cargo xtask bench branch-keys` gives it a table to
//! read.
use std::{collections::HashMap, env, hint::black_box, rc::Rc};

use anyhow::{Context as _, Result, bail};
use aws_esdk::{
    client::Client,
    key_store::{
        client::Client as KeyStore,
        types::{KmsConfiguration, key_store_config::KeyStoreConfig},
    },
    material_providers::{
        client::Client as Materials,
        types::{
            EsdkAlgorithmSuiteId::AlgAes256GcmHkdfSha512CommitKey, keyring::KeyringRef,
            material_providers_config::MaterialProvidersConfig,
        },
    },
    types::aws_encryption_sdk_config::AwsEncryptionSdkConfig,
};
use aws_sdk_dynamodb::config::{BehaviorVersion, Credentials, Region};
use aws_smithy_types::Blob;
use datakey::{
    Opener, Sealer,
    branch_keys::{BranchKeyAdmin, BranchKeys, MemoryStore, NewBranchKey},
    esdk,
    local::LocalKeys,
};
use datakey_envelope::Aad;
use datakey_provider::{DataKeyLength, EncryptionContext, OpeningProvider as _, SealingProvider as _};
use serde_json::Value;
use tokio::runtime::Runtime;

use crate::measure::{Repeat, SMALL, plaintext, runtime, turns};

const ROUNDS: usize = 400;
/// Microseconds to wrap a new data key, or to open one.
const DATA_KEY_BAR: f64 = 3.0;
/// Microseconds to seal: told, where it is missed.
const SEAL_BAR: f64 = 5.0;
/// How many times as fast as the AWS Encryption SDKs, in their own format.
const RUST_BAR: f64 = 10.0;
const PYTHON_BAR: f64 = 100.0;
const PAIRS: [(&str, &str); 2] = [("tenant", "acme"), ("purpose", "orders")];

/// What `cargo xtask bench branch-keys` tells: where the table is, and what was measured already.
pub struct Given(Value);

impl Given {
    /// From the environment, if it is asked for.
    pub fn of_environment() -> Result<Option<Self>> {
        let Some(given) = env::var_os("DATAKEY_BRANCH_KEYS") else {
            return Ok(None);
        };
        let given = given.into_string().ok().context("it is not UTF-8")?;
        Ok(Some(Self(serde_json::from_str(&given)?)))
    }

    fn text(&self, name: &str) -> Result<&str> {
        self.0[name].as_str().with_context(|| format!("no {name}"))
    }

    fn microseconds(&self, name: &str) -> Result<f64> {
        self.0[name].as_f64().with_context(|| format!("no {name}"))
    }
}

/// Prints a table. With AWS-LC's ciphers, missing the bars of data keys and of the comparison is an error.
pub fn run(given: &Given) -> Result<()> {
    let runtime = Rc::new(runtime()?);
    let [mut seal_theirs, mut open_theirs] = theirs(&runtime, given)?;
    let keys = runtime.block_on(keys())?;
    let [mut wrap, mut unwrap] = data_keys(&runtime, &keys)?;
    let [mut seal_native, mut open_native] = messages(&runtime, &keys, None)?;
    let suite = esdk::Suite::Aes256GcmHkdfSha512CommitKey;
    let [mut seal_esdk, mut open_esdk] = messages(&runtime, &keys, Some(suite))?;
    let seals = turns(
        &mut [&mut seal_theirs, &mut seal_native, &mut seal_esdk, &mut wrap],
        ROUNDS,
    );
    let opens = turns(
        &mut [&mut open_theirs, &mut open_native, &mut open_esdk, &mut unwrap],
        ROUNDS,
    );
    let (seals, opens) = (micros(&seals), micros(&opens));
    println!(
        "300 bytes under a data key of their own, the branch key cached; {}",
        crate::BACKEND
    );
    println!("| | seal | open | times as fast as Rust's | as Python's |\n|---|---|---|---|---|");
    let python = [given.microseconds("seal")?, given.microseconds("open")?];
    println!(
        "| AWS Encryption SDK for Python, 0x0478 | {:.0} µs | {:.0} µs | | |",
        python[0], python[1]
    );
    println!(
        "| aws-esdk 1.2, 0x0478 | {:.1} µs | {:.1} µs | | |",
        seals[0], opens[0]
    );
    for (at, name) in [
        (2, "datakey, 0x0478"),
        (1, "datakey, its own format"),
        (3, "datakey, the data key alone"),
    ] {
        println!(
            "| {name} | {:.2} µs | {:.2} µs | {:.0} and {:.0} | {:.0} and {:.0} |",
            seals[at],
            opens[at],
            seals[0] / seals[at],
            opens[0] / opens[at],
            python[0] / seals[at],
            python[1] / opens[at],
        );
    }
    let slowest = seals[1].max(seals[2]);
    if slowest > SEAL_BAR {
        println!("sealing takes {slowest:.2} µs, above the bar of {SEAL_BAR} µs");
    }
    let behind = seals[0] / seals[2] < RUST_BAR || python[0] / seals[2] < PYTHON_BAR;
    if cfg!(feature = "aws-lc") && (behind || seals[3].max(opens[3]) > DATA_KEY_BAR) {
        bail!(
            "below the bars: {DATA_KEY_BAR} µs for a data key, {RUST_BAR} and {PYTHON_BAR} times as fast to seal"
        );
    }
    Ok(())
}

fn micros(nanoseconds: &[f64]) -> Vec<f64> {
    nanoseconds.iter().map(|time| time / 1e3).collect()
}

fn theirs(runtime: &Rc<Runtime>, given: &Given) -> Result<[Repeat; 2]> {
    let client = Rc::new(Client::from_conf(AwsEncryptionSdkConfig::builder().build()?)?);
    let ring = runtime.block_on(ring(given))?;
    let context: HashMap<String, String> = PAIRS
        .map(|(name, text)| (name.to_owned(), text.to_owned()))
        .into();
    let seal = {
        let (runtime, client, ring) = (runtime.clone(), client.clone(), ring.clone());
        move || {
            let sealed = client
                .encrypt()
                .plaintext(Blob::new(plaintext(SMALL)))
                .keyring(ring.clone())
                .algorithm_suite_id(AlgAes256GcmHkdfSha512CommitKey)
                .encryption_context(context.clone());
            runtime.block_on(sealed.send())
        }
    };
    let sealed = seal()?.ciphertext.context("no ciphertext")?;
    let runtime = runtime.clone();
    Ok([
        Box::new(move |times| {
            for _ in 0..times {
                black_box(seal().unwrap());
            }
        }),
        Box::new(move |times| {
            for _ in 0..times {
                let opened = client.decrypt().ciphertext(sealed.clone()).keyring(ring.clone());
                black_box(runtime.block_on(opened.send()).unwrap());
            }
        }),
    ])
}

/// Its hierarchical keyring, over a table that somebody else serves.
async fn ring(given: &Given) -> Result<KeyringRef> {
    let credentials = || Credentials::new("AKIDEXAMPLE", "not-a-secret", None, None, "bench");
    let dynamodb = aws_sdk_dynamodb::Config::builder()
        .behavior_version(BehaviorVersion::latest())
        .region(Region::new("eu-central-1"))
        .credentials_provider(credentials())
        .endpoint_url(given.text("dynamodb")?);
    let kms = aws_sdk_kms::Config::builder()
        .behavior_version(BehaviorVersion::latest())
        .region(Region::new("eu-central-1"))
        .credentials_provider(credentials())
        .endpoint_url(given.text("kms")?);
    let config = KeyStoreConfig::builder()
        .kms_client(aws_sdk_kms::Client::from_conf(kms.build()))
        .ddb_client(aws_sdk_dynamodb::Client::from_conf(dynamodb.build()))
        .ddb_table_name(given.text("table")?)
        .logical_key_store_name(given.text("logical name")?)
        .kms_configuration(KmsConfiguration::KmsKeyArn(given.text("key")?.to_owned()));
    let store = KeyStore::from_conf(config.build()?)?;
    let materials = Materials::from_conf(MaterialProvidersConfig::builder().build()?)?;
    let ring = materials
        .create_aws_kms_hierarchical_keyring()
        .key_store(store)
        .branch_key_id(given.text("branch key")?)
        .ttl_seconds(600)
        .send();
    Ok(ring.await?)
}

/// A branch key in memory: once it is cached, where it came from is in no time.
async fn keys() -> Result<BranchKeys> {
    let kms = LocalKeys::generate("bench")?;
    let store = MemoryStore::new("branch-keys");
    let admin = BranchKeyAdmin::new(store.clone(), kms.clone(), kms.active_key_id());
    let made = admin.create(&NewBranchKey::new()).await?.into_description();
    Ok(BranchKeys::builder(store, kms).branch_key(made.id).build()?)
}

fn context() -> Result<EncryptionContext> {
    Ok(EncryptionContext::new(PAIRS)?)
}

fn data_keys(runtime: &Rc<Runtime>, keys: &BranchKeys) -> Result<[Repeat; 2]> {
    let (context, expected) = (context()?, context()?);
    let made = runtime.block_on(keys.generate_data_key(&context, DataKeyLength::Bytes32))?;
    let (sealing, opening) = (runtime.clone(), runtime.clone());
    let (wrap, unwrap) = (keys.clone(), keys.clone());
    Ok([
        Box::new(move |times| {
            sealing.block_on(async {
                for _ in 0..times {
                    let made = wrap.generate_data_key(black_box(&context), DataKeyLength::Bytes32);
                    drop(black_box(made.await.unwrap()));
                }
            });
        }),
        Box::new(move |times| {
            opening.block_on(async {
                for _ in 0..times {
                    let opened = unwrap.decrypt(&expected, black_box(made.wrapped_keys().first()));
                    black_box(opened.await.unwrap());
                }
            });
        }),
    ])
}

fn messages(runtime: &Rc<Runtime>, keys: &BranchKeys, suite: Option<esdk::Suite>) -> Result<[Repeat; 2]> {
    let builder = Sealer::builder(keys.clone()).without_retry().without_cache();
    let sealer = match suite {
        Some(suite) => builder.format(esdk::Params::new().with_suite(suite)).build()?,
        None => builder.build()?,
    };
    let opener = Opener::builder(keys.clone())
        .without_retry()
        .without_cache()
        .build()?;
    let (context, expected) = (context()?, context()?);
    let plain = plaintext(SMALL);
    let sealed = runtime.block_on(sealer.seal(&context, &plain, Aad::EMPTY))?;
    let (sealing, opening) = (runtime.clone(), runtime.clone());
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
