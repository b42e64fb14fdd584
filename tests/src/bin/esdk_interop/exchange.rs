//! Messages under raw AES keys, of every suite.
use std::{fs, num::NonZeroU32, path::Path};

use base64::{Engine as _, prelude::BASE64_STANDARD};
use datakey::{Aad, Formats, Opener, Sealer};
use datakey_esdk::{
    Header, Message, OpeningKey, RawAesKey, SealingKey, SigningKey, context_with_public_key, own_context,
};
use datakey_provider::{EncryptionContext, ErrorClass, OpeningProvider as _, SealingProvider as _, Several};
use datakey_tests::esdk::{any_suite, params, sealable};
use serde_json::{Value, json};

/// Frame length and plaintext length; the last two are for long runs.
const SHAPES: [(u32, usize); 8] = [
    (4096, 0),
    (4096, 300),
    (128, 128),
    (128, 1000),
    (1, 5),
    (70_000, 200_000),
    (4096, 3_000_000),
    (1 << 20, 5_000_000),
];

/// The wrapping key of `tests/interop/esdk/vectors.py`, by its two names.
fn keys() -> [RawAesKey; 2] {
    let key: Vec<u8> = (0..32).collect();
    ["first", "second"].map(|name| RawAesKey::new("shop", name, &key).expect("32 bytes"))
}

/// Opens what another writer left, through the facade and by each of its data keys.
pub async fn open(file: &Path) {
    let text = fs::read_to_string(file).expect("the messages can be read");
    let file: Value = serde_json::from_str(&text).expect("the messages are JSON");
    let tests = file["tests"].as_array().expect("a list of messages");
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
    let by_locale = file["sorted-by-locale"].as_array().into_iter().flatten();
    for test in by_locale {
        let bytes = BASE64_STANDARD
            .decode(test["message"].as_str().expect("a message"))
            .expect("Base64");
        let context = Header::decode(&bytes).expect("a header").context();
        let refused = opener
            .open(&context.expect("a context"), &bytes, Aad::EMPTY)
            .await;
        let refused = refused.expect_err("its data key is bound to another order of the context");
        assert_eq!(refused.class(), Some(ErrorClass::NotAuthentic));
    }
    println!("{} messages of the {} opened", tests.len(), file["source"]);
}

/// A batch of orders through the facade, with cached data keys: one for each suite.
pub async fn batch(folder: &Path) {
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

/// Of every suite; with `large`, more than a few frames of plaintext too.
pub async fn write(folder: &Path, large: bool) {
    fs::create_dir_all(folder).expect("the folder can be made");
    let contexts: [&[(&str, &str)]; 3] = [
        &[],
        &[("tenant", "acme"), ("purpose", "orders")],
        &[
            ("\u{e4}", "\u{df}"),
            ("\u{1F511}", "\u{1F4B6}"),
            ("\u{FFEE}", "x"),
            ("B", "before a in bytes"),
            ("a", "after B in bytes"),
        ],
    ];
    let mut number = 0;
    for suite in sealable() {
        let shapes = if large { &SHAPES[..] } else { &SHAPES[..6] };
        for &(frame_len, len) in shapes {
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
