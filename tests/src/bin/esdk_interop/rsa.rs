//! Messages whose data keys are wrapped under an RSA key.
use std::{fs, path::Path};

use base64::{Engine as _, prelude::BASE64_STANDARD};
use datakey::{Aad, Formats, Opener, Sealer};
use datakey_esdk::{RawRsaPrivateKey, RawRsaPublicKey, RsaPadding};
use datakey_provider::EncryptionContext;
use datakey_tests::esdk::{any_suite, params, sealable};
use serde_json::{Value, json};

/// The paddings by the names of the AWS Encryption SDK for Python.
const PADDINGS: [(&str, RsaPadding); 5] = [
    ("RSA_PKCS1", RsaPadding::DangerPkcs1V15),
    ("RSA_OAEP_SHA1_MGF1", RsaPadding::OaepSha1Mgf1),
    ("RSA_OAEP_SHA256_MGF1", RsaPadding::OaepSha256Mgf1),
    ("RSA_OAEP_SHA384_MGF1", RsaPadding::OaepSha384Mgf1),
    ("RSA_OAEP_SHA512_MGF1", RsaPadding::OaepSha512Mgf1),
];

pub async fn open(file: &Path) {
    let pem = include_bytes!("../../../vectors/esdk/rsa/private-pkcs8.pem");
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
pub async fn write(folder: &Path) {
    let pem = include_bytes!("../../../vectors/esdk/rsa/public-spki.pem");
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
