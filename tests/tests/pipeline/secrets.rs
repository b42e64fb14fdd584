//! No type and no error of the workspace shows the bytes of a key or of a plaintext.
use std::io;

use base64::{Engine as _, engine::general_purpose::STANDARD};
use datakey::{
    Aad, OpenReader, Opener, Params, RecordReader, RecordWriter, SealWriter, SealedHeader, Sealer, Suite,
    envelope::{Message, OpeningKey, Salt, SealingKey},
    esdk,
    keyring::Usage,
    local::{KeyFile, LocalKeys},
    provider::{
        DataKey, DataKeyLength, GeneratedDataKey, OpeningProvider as _, SealingProvider as _, Several,
        WrappedKey,
    },
    retry::{Policy, Retry},
};
use datakey_fake_kms::{FaultRule, KmsErrorCode};
use datakey_kms::KmsProvider;
use datakey_tests::{
    keyrings::Keyrings,
    kms,
    pipeline::{Loopback, fake, orders},
    secrets::{PLAINTEXT, Planted, error_hides, hides, secret, shown_in},
};
use serde_json::json;

fn key() -> DataKey {
    DataKey::init(DataKeyLength::Bytes32, |bytes| bytes.copy_from_slice(&secret()))
}

fn wrapped() -> WrappedKey {
    WrappedKey::new("planted:a", b"opaque".to_vec()).unwrap()
}

#[test]
fn the_search_sees_every_form() {
    let key = secret();
    let hex: String = key.iter().map(|byte| format!("{byte:02X}")).collect();
    let texts = [
        format!("{key:?}"),
        format!("{key:#?}"),
        format!("{:?}", &key[20..]),
        format!("{key:02x?}"),
        format!("{key:#04x?}"),
        hex.clone(),
        hex.to_lowercase(),
        json!(key.to_vec()).to_string(),
        STANDARD.encode(key),
        STANDARD.encode([b"x", &key[..]].concat()),
        STANDARD.encode([b"xy", &key[..]].concat()),
        key.escape_ascii().to_string(),
        format!("{:?}", String::from_utf8_lossy(PLAINTEXT)),
        format!("{PLAINTEXT:?}"),
        STANDARD.encode(PLAINTEXT),
    ];
    for text in texts {
        assert!(shown_in(&text).is_some(), "{text}");
    }
    assert_eq!(
        shown_in("DataKey(..), 32 bytes of 0xC1 and the order of a dog"),
        None
    );
}

#[test]
fn keys_and_what_is_made_of_them_hide_them() {
    hides(&key());
    hides(&GeneratedDataKey::new(key(), wrapped()));
    for suite in Suite::ALL {
        let params = Params::new().with_suite(suite);
        let sealing = SealingKey::new(&key(), &wrapped().into(), &orders(), &params).unwrap();
        let opening = OpeningKey::new(&key(), &orders()).unwrap();
        hides(&sealing);
        hides(&opening);
        hides(&Salt::random());
        let mut out = Vec::new();
        let mut stream = sealing.stream_sealer(Aad::EMPTY, &mut out).unwrap();
        stream.push(PLAINTEXT, &mut out).unwrap();
        hides(&stream);
        stream.finish(&mut out).unwrap();
        let message = Message::decode(&out).unwrap();
        hides(&message);
        hides(message.header());
        let mut opener = opening.stream_opener(message.header(), Aad::EMPTY).unwrap();
        opener.push(message.body(), &mut Vec::new()).unwrap();
        hides(&opener);
        let mut batch = Vec::new();
        let mut records = sealing.record_sealer(Aad::EMPTY, &mut batch).unwrap();
        records.push_record(PLAINTEXT, &mut batch).unwrap();
        hides(&records);
        records.finish(&mut batch).unwrap();
        let message = Message::decode(&batch).unwrap();
        let mut opener = opening.record_opener(message.header(), Aad::EMPTY).unwrap();
        opener
            .next_record(&mut &message.body()[..30], &mut Vec::new())
            .unwrap();
        hides(&opener);
    }
}

#[test]
fn keys_and_streams_of_the_aws_encryption_sdks_format_hide_them() {
    let params = esdk::Params::new().with_suite(esdk::Suite::Aes256GcmHkdfSha512CommitKey);
    let wrapped = WrappedKey::new(
        "arn:aws:kms:eu-central-1:111122223333:key/1234abcd-12ab-34cd-56ef-1234567890ab",
        b"opaque".to_vec(),
    )
    .unwrap();
    let sealing = esdk::SealingKey::new(&key(), &wrapped.into(), &orders(), None, &params).unwrap();
    let opening = esdk::OpeningKey::new(&key(), &orders());
    let (sealing, opening) = (
        datakey::SealingKey::from(sealing),
        datakey::OpeningKey::from(opening),
    );
    hides(&sealing);
    hides(&opening);
    let mut writer = SealWriter::new(&sealing, Aad::EMPTY, None, Vec::new()).unwrap();
    io::Write::write_all(&mut writer, PLAINTEXT).unwrap();
    hides(&writer);
    let sealed = writer.finish().unwrap();
    let mut rest = sealed.as_slice();
    let header = SealedHeader::read(&mut rest).unwrap();
    hides(&header.header());
    let mut reader = OpenReader::new(&opening, &header, Aad::EMPTY, rest).unwrap();
    io::Read::read_exact(&mut reader, &mut [0; 3]).unwrap();
    hides(&reader);
}

#[test]
fn streams_hide_what_passes_through_them() {
    let sealing = SealingKey::new(&key(), &wrapped().into(), &orders(), &Params::new()).unwrap();
    let opening = OpeningKey::new(&key(), &orders()).unwrap();
    let (sealing, opening) = (
        datakey::SealingKey::from(sealing),
        datakey::OpeningKey::from(opening),
    );
    hides(&sealing);
    hides(&opening);
    let mut writer = SealWriter::new(&sealing, Aad::EMPTY, None, Vec::new()).unwrap();
    io::Write::write_all(&mut writer, PLAINTEXT).unwrap();
    hides(&writer);
    let sealed = writer.finish().unwrap();
    let mut rest = sealed.as_slice();
    let header = SealedHeader::read(&mut rest).unwrap();
    hides(&header);
    let mut reader = OpenReader::new(&opening, &header, Aad::EMPTY, rest).unwrap();
    io::Read::read_exact(&mut reader, &mut [0; 3]).unwrap();
    hides(&reader);

    let mut writer = RecordWriter::new(&sealing, Aad::EMPTY, None, Vec::new()).unwrap();
    writer.push(PLAINTEXT).unwrap();
    hides(&writer);
    let sealed = writer.finish().unwrap();
    let mut rest = sealed.as_slice();
    let header = SealedHeader::read(&mut rest).unwrap();
    let mut reader = RecordReader::new(&opening, &header, Aad::EMPTY, rest).unwrap();
    hides(&reader);
    assert!(reader.next_record(&mut Vec::new()).unwrap());
    hides(&reader);
}

#[tokio::test]
async fn the_layers_hide_what_they_keep() {
    let keyring = Keyrings::new(Planted);
    let sealing = keyring.sealing.key(&orders(), Usage::message(9)).await.unwrap();
    assert_eq!(
        sealing.data_key().expose_secret(),
        &secret(),
        "planted, or this shows nothing"
    );
    let opening = keyring
        .opening
        .key(&orders(), sealing.wrapped_keys())
        .await
        .unwrap();
    hides(&sealing);
    hides(&opening);
    hides(&keyring);
    hides(&keyring.stats());
    let (sealer, opener) = (Sealer::new(Planted), Opener::new(Planted));
    let sealed = sealer.seal(&orders(), PLAINTEXT, Aad::EMPTY).await.unwrap();
    hides(&sealer);
    hides(&sealer.keyring());
    hides(&Sealer::builder(Planted));
    hides(&Opener::builder(Planted));
    assert_eq!(
        opener.open(&orders(), &sealed, Aad::EMPTY).await.unwrap(),
        PLAINTEXT
    );
    hides(&opener);
    hides(&Retry::new(Planted, Policy::default()));
    hides(&Several::new([Planted, Planted]).unwrap());

    let mut altered = sealed.clone();
    let last = altered.len() - 1;
    altered[last] ^= 1;
    for (message, aad) in [
        (&sealed, "other"),
        (&altered, ""),
        (&sealed[..last].to_vec(), ""),
        (&b"junk".to_vec(), ""),
    ] {
        error_hides(&opener.open(&orders(), message, Aad::from(aad)).await.unwrap_err());
    }
    let other = datakey_tests::pipeline::context(&[("tenant", "other")]);
    error_hides(&opener.open(&other, &sealed, Aad::EMPTY).await.unwrap_err());
}

#[tokio::test]
async fn local_keys_hide_themselves() {
    let keys = LocalKeys::import("dev", &secret()).unwrap();
    hides(&keys);
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("key");
    let file = KeyFile::create(&path, keys.clone()).unwrap();
    hides(&file);
    let text = std::fs::read_to_string(&path).unwrap();
    assert!(shown_in(&text).is_some(), "the file has the key, in base64");
    // Each line damaged in turn: what is said of it does not quote it.
    use std::os::unix::fs::OpenOptionsExt as _;
    for (number, line) in text.lines().enumerate() {
        for damaged in [
            line.replace('=', ""),
            format!("{line} more"),
            line.to_uppercase(),
            format!("x{line}"),
        ] {
            let damaged: Vec<&str> = text
                .lines()
                .enumerate()
                .map(|(at, own)| if at == number { &damaged } else { own })
                .collect();
            let path = folder.path().join("damaged");
            let file = std::fs::OpenOptions::new()
                .write(true)
                .create(true)
                .truncate(true)
                .mode(0o600)
                .open(&path);
            io::Write::write_all(&mut file.unwrap(), damaged.join("\n").as_bytes()).unwrap();
            match KeyFile::open(&path) {
                Ok(file) => hides(&file),
                Err(error) => error_hides(&error),
            }
        }
    }
    let made = keys.encrypt(&orders(), &key()).await.unwrap();
    hides(&made);
    let opened = keys.decrypt(&orders(), made.first()).await.unwrap();
    hides(&opened);
    let other = LocalKeys::import("dev", &[7; 32]).unwrap();
    error_hides(&other.decrypt(&orders(), made.first()).await.unwrap_err());
}

#[tokio::test]
async fn the_emulator_hides_what_it_wraps() {
    let fake = fake();
    let provider = fake.provider(&fake.create_key().unwrap());
    let made = provider.encrypt(&orders(), &key()).await.unwrap();
    let opened = provider.decrypt(&orders(), made.first()).await.unwrap();
    assert_eq!(opened.expose_secret(), &secret());
    hides(&fake);
    hides(&provider);
    hides(&made);
    hides(&fake.ledger());
    hides(&fake.ledger().entries());
    for code in KmsErrorCode::ALL {
        fake.inject(FaultRule::new(*code).times(1));
        error_hides(&provider.encrypt(&orders(), &key()).await.unwrap_err());
    }
}

/// A provider at an address, without retries.
fn provider(address: &str) -> KmsProvider {
    kms::provider(address)
}

#[tokio::test]
async fn kms_errors_quote_neither_request_nor_answer() {
    let secret64 = STANDARD.encode(secret());
    let long64 = STANDARD.encode([&secret()[..], b"more"].concat());
    let good = json!({"CiphertextBlob": STANDARD.encode(b"opaque"), "KeyId": kms::KEY});
    let with = |plaintext: &str| {
        let mut body = good.clone();
        body["Plaintext"] = plaintext.into();
        body.to_string()
    };
    let bodies = [
        (200, with(&long64)),
        (200, with(&secret64)[..with(&secret64).len() - 2].to_owned()),
        (200, json!({"Plaintext": secret64, "KeyId": 7}).to_string()),
        (200, json!({"Plaintext": {"a": secret64}}).to_string()),
        (200, format!("<html>{secret64}</html>")),
        (400, json!({"Plaintext": secret64}).to_string()),
        (500, format!("echo of {secret64}")),
        (503, with(&secret64)),
    ];
    for (status, body) in bodies {
        let server = kms::server(kms::answer(status, body.clone())).await;
        let provider = provider(&server.uri());
        for refused in [
            provider
                .generate_data_key(&orders(), DataKeyLength::Bytes32)
                .await
                .map(|made| {
                    hides(&made);
                }),
            provider.encrypt(&orders(), &key()).await.map(|made| hides(&made)),
            provider
                .decrypt(&orders(), &kms::wrapped_by(kms::KEY))
                .await
                .map(|opened| hides(&opened)),
        ] {
            if let Err(error) = refused {
                error_hides(&error);
            }
        }
    }
}

#[tokio::test]
async fn a_request_that_cannot_be_sent_is_not_quoted() {
    for address in ["not a url", "http://127.0.0.1:9", "http://[::1"] {
        let provider = provider(address);
        let error = provider.encrypt(&orders(), &key()).await.unwrap_err();
        error_hides(&error);
        if address == "not a url" {
            assert_eq!(error.class(), datakey::ErrorClass::InvalidRequest, "{error:?}");
        }
    }
    let loopback = Loopback::start().await;
    let provider = loopback.provider();
    let made = provider.encrypt(&orders(), &key()).await.unwrap();
    hides(&made);
    hides(&provider);
    hides(&provider.decrypt(&orders(), made.first()).await.unwrap());
    hides(&loopback.fake.ledger().entries());
    hides(&loopback.server);
}
