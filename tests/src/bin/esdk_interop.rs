//! The exchange with the AWS Encryption SDK: opens what it wrote, and writes what it is to open.
use std::{fs, num::NonZeroU32, path::Path, process::ExitCode, time::Duration};

use base64::{Engine as _, prelude::BASE64_STANDARD};
use datakey::{Aad, CachingLimits, Formats, Opener, Sealer, keyring::SealingLimits};
use datakey_esdk::{
    Message, OpeningKey, Params, RawAesKey, RawRsaPrivateKey, RawRsaPublicKey, RsaPadding, SealingKey,
    SigningKey, Suite, context_with_public_key, own_context,
};
use datakey_provider::{EncryptionContext, OpeningProvider as _, SealingProvider as _, Several};
use datakey_tests::esdk::{any_suite, params, sealable};
use serde_json::{Value, json};

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    match arguments.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        ["open", file] => open(Path::new(file)).await,
        ["open-rsa", file] => open_rsa(Path::new(file)).await,
        ["cached", file] => cached(Path::new(file)).await,
        ["write", folder] => {
            write(Path::new(folder)).await;
            batch(Path::new(folder)).await;
            write_rsa(Path::new(folder)).await;
        }
        _ => {
            eprintln!("usage: esdk_interop open FILE | open-rsa FILE | cached FILE | write FOLDER");
            return ExitCode::FAILURE;
        }
    }
    ExitCode::SUCCESS
}

/// The wrapping key of `tests/interop/esdk/vectors.py`, by its two names.
fn keys() -> [RawAesKey; 2] {
    let key: Vec<u8> = (0..32).collect();
    ["first", "second"].map(|name| RawAesKey::new("shop", name, &key).expect("32 bytes"))
}

/// The paddings by the names of the AWS Encryption SDK for Python.
const PADDINGS: [(&str, RsaPadding); 5] = [
    ("RSA_PKCS1", RsaPadding::DangerPkcs1V15),
    ("RSA_OAEP_SHA1_MGF1", RsaPadding::OaepSha1Mgf1),
    ("RSA_OAEP_SHA256_MGF1", RsaPadding::OaepSha256Mgf1),
    ("RSA_OAEP_SHA384_MGF1", RsaPadding::OaepSha384Mgf1),
    ("RSA_OAEP_SHA512_MGF1", RsaPadding::OaepSha512Mgf1),
];

async fn open_rsa(file: &Path) {
    let pem = include_bytes!("../../vectors/esdk/rsa/private-pkcs8.pem");
    let text = fs::read_to_string(file).expect("the messages can be read");
    let tests: Value = serde_json::from_str(&text).expect("the messages are JSON");
    let tests = tests["tests"].as_array().expect("a list of messages");
    for (name, padding) in PADDINGS {
        let key = RawRsaPrivateKey::from_pem("shop", "rsa", padding, pem).expect("a private key");
        let opener = Opener::builder(key)
            .formats(Formats::only_esdk(any_suite()))
            .build()
            .expect("the defaults");
        let mut opened = 0;
        for test in tests.iter().filter(|test| test["padding"] == name) {
            let message = BASE64_STANDARD
                .decode(test["message"].as_str().expect("a message"))
                .expect("Base64");
            let pairs = test["context"].as_object().expect("a context").iter();
            let context =
                EncryptionContext::new(pairs.map(|(key, value)| (key, value.as_str().expect("a value"))));
            let plaintext = opener
                .open(&context.expect("a context"), &message, Aad::EMPTY)
                .await;
            let len = test["plaintext-length"].as_u64().expect("a length");
            let expected: Vec<u8> = (0..len).map(|at| ((7 * at + len) % 256) as u8).collect();
            assert_eq!(plaintext.expect("it opens"), expected);
            opened += 1;
        }
        assert!(opened > 0, "no message with {name}");
    }
    println!(
        "{} messages of the AWS Encryption SDK under an RSA key opened",
        tests.len()
    );
}

/// Each padding with data keys of each length, by who has the public key only.
async fn write_rsa(folder: &Path) {
    let pem = include_bytes!("../../vectors/esdk/rsa/public-spki.pem");
    let context = EncryptionContext::new([("tenant", "acme")]).expect("a context");
    let mut number = 0;
    for (name, padding) in PADDINGS {
        for suite in sealable() {
            number += 1;
            let key = RawRsaPublicKey::from_pem("shop", "rsa", padding, pem).expect("a public key");
            let sealer = Sealer::builder(key).format(params(suite)).build();
            let sealer = sealer.expect("a suite that is sealed with");
            let order = format!("order {number}");
            let sealed = sealer.seal(&context, order.as_bytes(), Aad::EMPTY).await;
            let test = json!({
                "plaintext": BASE64_STANDARD.encode(&order),
                "context": {"tenant": "acme"},
                "padding": name,
                "message": BASE64_STANDARD.encode(sealed.expect("it seals")),
            });
            fs::write(folder.join(format!("rsa-{number:03}.json")), test.to_string()).expect("written");
        }
    }
    println!("{number} messages sealed under an RSA key for the AWS Encryption SDK");
}

async fn open(file: &Path) {
    let text = fs::read_to_string(file).expect("the messages can be read");
    let tests: Value = serde_json::from_str(&text).expect("the messages are JSON");
    let tests = tests["tests"].as_array().expect("a list of messages");
    let both = Several::new(keys()).expect("two keys");
    let opener = Opener::builder(both)
        .formats(Formats::only_esdk(any_suite()))
        .build();
    let opener = opener.expect("the defaults");
    for test in tests {
        let bytes = BASE64_STANDARD
            .decode(test["message"].as_str().expect("a message"))
            .expect("Base64");
        let message = Message::decode(&bytes).expect("a message");
        let context = message.header().context().expect("a context");
        let wrapped = message.header().wrapped_keys().expect("wrapped keys");
        let mut opened = Vec::new();
        let context_of_caller = own_context(&context);
        let through = opener.open(&context_of_caller, &bytes, Aad::EMPTY).await;
        let through = through.expect("it opens through the facade");
        for key in &wrapped {
            let able = keys().into_iter().find(|own| own.rank(key).is_some());
            let able = able.expect("one of the two keys");
            let data_key = able.decrypt(&context, key).await.expect("a data key");
            opened.clear();
            OpeningKey::new(&data_key, &context)
                .open(&message, &any_suite(), &mut opened)
                .expect("it opens");
        }
        let len = test["plaintext-length"].as_u64().expect("a length");
        let plaintext: Vec<u8> = (0..len).map(|at| ((7 * at + len) % 256) as u8).collect();
        assert_eq!(opened, plaintext);
        assert_eq!(through, plaintext);
    }
    println!("{} messages of the AWS Encryption SDK opened", tests.len());
}

/// Takes as many data keys as the caching of the AWS Encryption SDK did with the same limits, without refresh by use.
async fn cached(file: &Path) {
    let text = fs::read_to_string(file).expect("the counts can be read");
    let counts: Value = serde_json::from_str(&text).expect("the counts are JSON");
    let counts = counts.as_array().expect("a list of counts");
    for count in counts {
        let of = |name: &str| count[name].as_u64().expect("a number");
        let limits = CachingLimits::new(Duration::from_secs(600))
            .with_max_messages_encrypted(of("max-messages"))
            .with_max_bytes_encrypted(of("max-bytes"));
        let [first, _] = keys();
        let params = Params::new().with_suite(Suite::Aes256GcmHkdfSha512CommitKey);
        let sealer = Sealer::builder(first)
            .format(params)
            .limits(SealingLimits::from(limits).with_refresh_by_use(false))
            .build()
            .expect("limits");
        let context = EncryptionContext::new([("tenant", "acme")]).expect("a context");
        let plaintext = vec![0; usize::try_from(of("length")).expect("short")];
        for _ in 0..of("messages") {
            let sealed = sealer.seal(&context, &plaintext, Aad::EMPTY).await;
            drop(sealed.expect("it seals"));
        }
        assert_eq!(sealer.keyring().stats().calls_made, of("data-keys"), "{count}");
    }
    println!("{} settings of caching take as many data keys here", counts.len());
}

/// A batch of orders through the facade, with cached data keys: one for each suite.
async fn batch(folder: &Path) {
    let context = EncryptionContext::new([("tenant", "acme"), ("purpose", "orders")]).expect("a context");
    let mut number = 0;
    for suite in sealable() {
        let [first, second] = keys();
        let both = Several::new([first, second]).expect("two keys");
        let sealer = Sealer::builder(both).format(params(suite)).build();
        let sealer = sealer.expect("a suite that is sealed with");
        for _ in 0..50 {
            number += 1;
            let order = format!("order {number}");
            let sealed = sealer.seal(&context, order.as_bytes(), Aad::EMPTY).await;
            let test = json!({
                "plaintext": BASE64_STANDARD.encode(&order),
                "context": {"tenant": "acme", "purpose": "orders"},
                "message": BASE64_STANDARD.encode(sealed.expect("it seals")),
            });
            fs::write(folder.join(format!("order-{number:03}.json")), test.to_string()).expect("written");
        }
        let stats = sealer.keyring().stats();
        assert_eq!((stats.calls_made, stats.hits), (1, 49), "one data key for all");
    }
    println!("{number} orders sealed under cached data keys for the AWS Encryption SDK");
}

async fn write(folder: &Path) {
    fs::create_dir_all(folder).expect("the folder can be made");
    let contexts: [&[(&str, &str)]; 3] = [
        &[],
        &[("tenant", "acme"), ("purpose", "orders")],
        &[
            ("\u{e4}", "\u{df}"),
            ("\u{1F511}", "\u{1F4B6}"),
            ("\u{FFEE}", "x"),
        ],
    ];
    let mut number = 0;
    for suite in sealable() {
        for (frame_len, len) in [
            (4096, 0),
            (4096, 300),
            (128, 128),
            (128, 1000),
            (1, 5),
            (70_000, 200_000),
        ] {
            number += 1;
            let own = EncryptionContext::new(contexts[number % 3].iter().copied()).expect("a context");
            let frame_len = NonZeroU32::new(frame_len).expect("not zero");
            let params = params(suite).with_frame_len(frame_len);
            let signing = SigningKey::generate(suite).expect("random bytes");
            let context = context_with_public_key(&own, signing.as_ref()).expect("a context");
            let [first, second] = keys();
            let made = first.generate_data_key(&context, suite.data_key_length()).await;
            let (data_key, mut wrapped) = made.expect("a data key").into_parts();
            if number % 2 == 0 {
                let more = second.encrypt(&context, &data_key).await.expect("wrapped");
                wrapped = wrapped.join(&more).expect("two wrapped keys");
            }
            let key = SealingKey::new(&data_key, &wrapped, &context, signing, &params).expect("a key");
            let plaintext: Vec<u8> = (0..len).map(|at| (at % 253) as u8).collect();
            let mut sealed = Vec::new();
            key.seal(&plaintext, &mut sealed).expect("it seals");
            let pairs: serde_json::Map<String, Value> = own
                .iter()
                .map(|(key, value)| (key.to_owned(), json!(value)))
                .collect();
            let test = json!({
                "plaintext": BASE64_STANDARD.encode(&plaintext),
                "context": pairs,
                "message": BASE64_STANDARD.encode(&sealed),
            });
            fs::write(folder.join(format!("{number:03}.json")), test.to_string()).expect("written");
        }
    }
    println!("{number} messages written for the AWS Encryption SDK");
}
