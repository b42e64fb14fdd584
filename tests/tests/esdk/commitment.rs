//! The known answers of the suites that commit, as the AWS Encryption SDK publishes them.
use base64::{Engine as _, prelude::BASE64_STANDARD};
use datakey_esdk::{Header, Message, OpenError, OpenParams, OpeningKey};
use datakey_provider::DataKey;
use serde_json::Value;

fn bytes(test: &Value, name: &str) -> Vec<u8> {
    BASE64_STANDARD.decode(test[name].as_str().unwrap()).unwrap()
}

fn tests() -> Vec<Value> {
    let text = include_str!("../../vectors/esdk/commitment.json");
    let Value::Array(tests) = serde_json::from_str::<Value>(text).unwrap()["tests"].take() else {
        panic!("a list of tests");
    };
    assert_eq!(tests.len(), 46);
    tests
}

#[test]
fn the_published_answers_of_the_committing_suites_come_out() {
    let (mut opened, mut refused) = (0, 0);
    for test in tests() {
        let comment = &test["comment"];
        let sealed = bytes(&test, "ciphertext");
        let message = Message::decode(&sealed).unwrap();
        let header = message.header();
        assert_eq!(header.message_id(), bytes(&test, "message-id"), "{comment}");
        assert_eq!(header.as_bytes(), bytes(&test, "header"), "{comment}");
        assert_eq!(header.version(), 2);
        for (key, value) in test["encryption-context"].as_object().unwrap() {
            assert_eq!(header.context().unwrap().get(key), value.as_str(), "{comment}");
        }
        let data_key = DataKey::from_slice(&bytes(&test, "decrypted-dek")).unwrap();
        let opening = OpeningKey::new(&data_key, &header.context().unwrap());
        let mut out = Vec::new();
        let result = opening.open(&message, &OpenParams::new(), &mut out);
        if test["status"].as_bool().unwrap() {
            assert_eq!(result, Ok(()), "{comment}");
            assert_eq!(header.commitment().unwrap()[..], bytes(&test, "commitment"));
            let frames = test["plaintext-frames"].as_array().unwrap();
            let plaintext: String = frames.iter().map(|frame| frame.as_str().unwrap()).collect();
            assert_eq!(out, plaintext.as_bytes(), "{comment}");
            assert_eq!(message.plain_len(), Ok(plaintext.len()));
            opened += 1;
        } else {
            assert_eq!(result, Err(OpenError::Commitment), "{comment}");
            assert!(out.is_empty());
            refused += 1;
        }
    }
    assert_eq!((opened, refused), (41, 5));
}

#[test]
fn the_published_messages_open_as_streams_too_in_any_portions() {
    for test in tests().into_iter().filter(|test| test["status"] == true) {
        let sealed = bytes(&test, "ciphertext");
        let header = Header::decode(&sealed).unwrap();
        let data_key = DataKey::from_slice(&bytes(&test, "decrypted-dek")).unwrap();
        let opening = OpeningKey::new(&data_key, &header.context().unwrap());
        let params = OpenParams::new().danger_release_before_signature();
        let mut whole = Vec::new();
        opening
            .open(&Message::decode(&sealed).unwrap(), &params, &mut whole)
            .unwrap();
        for portion in [1, 7, 64, sealed.len()] {
            let (mut out, mut opener) = (Vec::new(), opening.stream_opener(&header, &params).unwrap());
            for portion in sealed[header.len()..].chunks(portion) {
                opener.push(portion, &mut out).unwrap();
            }
            opener.finish().unwrap();
            assert_eq!(out, whole);
        }
    }
}
