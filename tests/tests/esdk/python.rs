//! Messages of the AWS Encryption SDK for Python, in every suite that it writes.
use base64::{Engine as _, prelude::BASE64_STANDARD};
use datakey_esdk::{Content, Header, Message, OpenError, OpeningKey, Suite};
use datakey_provider::DataKey;
use datakey_tests::esdk::any_suite;
use serde_json::Value;

struct Vector {
    suite: Suite,
    frame_len: u64,
    plaintext: Vec<u8>,
    context: Vec<(String, String)>,
    data_key: DataKey,
    message: Vec<u8>,
}

/// As `tests/interop/esdk/vectors.py` makes it.
fn plaintext(len: u64) -> Vec<u8> {
    (0..len).map(|at| ((7 * at + len) % 256) as u8).collect()
}

fn vectors() -> Vec<Vector> {
    let text = include_str!("../../vectors/esdk/python.json");
    let tests: Value = serde_json::from_str(text).unwrap();
    let bytes = |text: &Value| BASE64_STANDARD.decode(text.as_str().unwrap()).unwrap();
    let tests = tests["tests"].as_array().unwrap().iter();
    let vectors: Vec<Vector> = tests
        .map(|test| Vector {
            suite: Suite::from_id(test["suite"].as_u64().unwrap() as u16).unwrap(),
            frame_len: test["frame-length"].as_u64().unwrap(),
            plaintext: plaintext(test["plaintext-length"].as_u64().unwrap()),
            context: test["context"]
                .as_object()
                .unwrap()
                .iter()
                .map(|(key, value)| (key.clone(), value.as_str().unwrap().to_owned()))
                .collect(),
            data_key: DataKey::from_slice(&bytes(&test["data-key"])).unwrap(),
            message: bytes(&test["message"]),
        })
        .collect();
    assert_eq!(vectors.len(), 77);
    for suite in Suite::ALL {
        assert!(vectors.iter().any(|vector| vector.suite == suite), "{suite}");
    }
    vectors
}

#[test]
fn every_message_of_the_python_sdk_opens_whole_and_as_a_stream() {
    for vector in vectors() {
        let message = Message::decode(&vector.message).unwrap();
        let header = message.header();
        assert_eq!(header.suite(), vector.suite);
        let expected = match u32::try_from(vector.frame_len).unwrap() {
            0 => Content::NonFramed,
            frame_len => Content::Framed { frame_len },
        };
        assert_eq!(header.content(), expected);
        let context = header.context().unwrap();
        for (key, value) in &vector.context {
            assert_eq!(context.get(key), Some(&**value));
        }
        assert_eq!(
            context.len(),
            vector.context.len() + usize::from(vector.suite.is_signed())
        );
        let opening = OpeningKey::new(&vector.data_key, &context);
        let mut out = Vec::new();
        opening.open(&message, &any_suite(), &mut out).unwrap();
        assert_eq!(out, vector.plaintext, "{}", vector.suite);

        let allow = any_suite().danger_release_before_signature();
        let mut opener = opening.stream_opener(header, &allow).unwrap();
        out.clear();
        for portion in message.body().chunks(50) {
            opener.push(portion, &mut out).unwrap();
        }
        opener.finish().unwrap();
        assert_eq!(out, vector.plaintext, "{}", vector.suite);
    }
}

#[test]
fn no_altered_or_cut_message_of_the_python_sdk_opens() {
    for vector in vectors() {
        let context = Header::decode(&vector.message).unwrap().context().unwrap();
        let opening = OpeningKey::new(&vector.data_key, &context);
        let open = |bytes: &[u8]| {
            let mut out = Vec::new();
            let message = Message::decode(bytes)?;
            opening.open(&message, &any_suite(), &mut out).map(|()| out)
        };
        // Signatures take their time.
        let step = if vector.suite.is_signed() { 7 } else { 1 };
        for at in (0..vector.message.len()).step_by(step) {
            let mut altered = vector.message.clone();
            altered[at] ^= 1 << (at % 8);
            assert!(open(&altered).is_err(), "{} at {at}", vector.suite);
            assert!(
                open(&vector.message[..at]).is_err(),
                "{} cut at {at}",
                vector.suite
            );
        }
        let other = OpeningKey::new(
            &DataKey::init(vector.suite.data_key_length(), |bytes| bytes.fill(1)),
            &context,
        );
        let message = Message::decode(&vector.message).unwrap();
        let refused = other.open(&message, &any_suite(), &mut Vec::new()).unwrap_err();
        assert!(matches!(refused, OpenError::Commitment | OpenError::NotAuthentic));
    }
}
