//! Successes that are none: refused, classified, and nowhere printed.
use std::error::Error as _;

use base64::{Engine as _, engine::general_purpose::STANDARD};
use datakey_kms::{KmsProvider, MalformedAnswer};
use datakey_provider::{
    DataKey, DataKeyLength, ErrorClass, OpeningProvider as _, ProviderError, SealingProvider as _,
};
use datakey_tests::{errors::told_once, kms::*};
use serde_json::{Value, json};
use wiremock::ResponseTemplate;

#[derive(Debug, Clone, Copy, PartialEq)]
enum Call {
    Generate,
    Encrypt,
    Decrypt,
    ReEncrypt,
}

use Call::{Decrypt, Encrypt, Generate, ReEncrypt};

const ALL: [Call; 4] = [Generate, Encrypt, Decrypt, ReEncrypt];

async fn call(kms: &KmsProvider, call: Call) -> Result<(), ProviderError> {
    let (context, wrapped, destination) = (context(), wrapped_by(KEY), KEY.parse().unwrap());
    match call {
        Generate => kms
            .generate_data_key(&context, DataKeyLength::Bytes32)
            .await
            .map(drop),
        Encrypt => kms
            .encrypt(
                &context,
                &DataKey::init(DataKeyLength::Bytes32, |bytes| bytes.copy_from_slice(&PLAINTEXT)),
            )
            .await
            .map(drop),
        Decrypt => kms.decrypt(&context, &wrapped).await.map(drop),
        ReEncrypt => kms
            .re_encrypt(&wrapped, &context, &destination, &context)
            .await
            .map(drop),
    }
}

async fn call_against(answer: ResponseTemplate, which: Call) -> Result<(), ProviderError> {
    let server = server(answer).await;
    let result = call(&provider(&server.uri()), which).await;
    assert_eq!(seen(&server).await.len(), 1, "one request for one call");
    if let Err(failed) = &result {
        told_once(failed);
        if let Some(malformed) = failed.source().unwrap().downcast_ref::<MalformedAnswer>() {
            assert_eq!(malformed.class(), failed.class());
            assert_eq!(malformed.is_retryable(), failed.class().is_retryable());
        }
    }
    result
}

fn with(field: &str, value: Value) -> ResponseTemplate {
    let mut body = success();
    body[field] = value;
    json_answer(&body)
}

fn without(field: &str) -> ResponseTemplate {
    let mut body = success();
    body.as_object_mut().unwrap().remove(field);
    json_answer(&body)
}

fn encoded(len: usize) -> Value {
    STANDARD.encode(vec![0xA7; len]).into()
}

/// Neither the data key's bytes nor their Base64 stand anywhere in an error.
fn assert_keeps_secrets(error: &ProviderError) {
    let mut text = format!("{error} {error:?} {error:#?}");
    let mut source = error.source();
    while let Some(error) = source {
        text.push_str(&format!(" {error} {error:?}"));
        source = error.source();
    }
    let base64 = STANDARD.encode(PLAINTEXT);
    for secret in [&base64[..12], "a7a7a7a7", "A7A7A7A7", "167, 167", "\\xa7\\xa7"] {
        assert!(!text.contains(secret), "{secret} in {text}");
    }
}

async fn is_malformed(answer: ResponseTemplate, which: Call, class: ErrorClass, expected: &MalformedAnswer) {
    let error = call_against(answer, which).await.unwrap_err();
    assert_eq!(error.class(), class, "{which:?} {expected}");
    assert_eq!(error.source().unwrap().downcast_ref(), Some(expected));
    assert_eq!((error.code(), error.key_id()), (None, Some(KEY)));
    assert_keeps_secrets(&error);
}

#[tokio::test]
async fn a_whole_answer_succeeds() {
    for which in ALL {
        call_against(json_answer(&success()), which).await.unwrap();
    }
}

#[tokio::test]
async fn a_plaintext_that_is_missing_or_empty() {
    for which in [Generate, Decrypt] {
        for answer in [
            without("Plaintext"),
            with("Plaintext", Value::Null),
            with("Plaintext", json!("")),
        ] {
            is_malformed(
                answer,
                which,
                ErrorClass::Transient,
                &MalformedAnswer::NoPlaintext,
            )
            .await;
        }
    }
}

#[tokio::test]
async fn a_plaintext_of_another_length() {
    for len in [1, 16, 24, 31, 33, 64, 4096] {
        let generated = MalformedAnswer::PlaintextLength {
            asked: DataKeyLength::Bytes32,
            answered: len,
        };
        is_malformed(
            with("Plaintext", encoded(len)),
            Generate,
            ErrorClass::Transient,
            &generated,
        )
        .await;
        if DataKeyLength::from_bytes(len).is_some() {
            // What was wrapped decides how long it is.
            call_against(with("Plaintext", encoded(len)), Decrypt)
                .await
                .unwrap();
            continue;
        }
        let opened = MalformedAnswer::OpenedLength(len);
        is_malformed(
            with("Plaintext", encoded(len)),
            Decrypt,
            ErrorClass::NotAuthentic,
            &opened,
        )
        .await;
    }
}

#[tokio::test]
async fn a_ciphertext_that_is_missing_empty_or_too_long() {
    for which in [Generate, Encrypt, ReEncrypt] {
        for answer in [
            without("CiphertextBlob"),
            with("CiphertextBlob", json!("")),
            with("CiphertextBlob", encoded(6145)),
        ] {
            let error = call_against(answer, which).await.unwrap_err();
            assert_eq!(error.class(), ErrorClass::Transient);
            let source = error.source().unwrap().downcast_ref();
            let blob = matches!(
                source,
                Some(MalformedAnswer::Blob(_) | MalformedAnswer::BlobLength(6145))
            );
            assert!(blob, "{error:?}");
            assert_keeps_secrets(&error);
        }
        call_against(with("CiphertextBlob", encoded(6144)), which)
            .await
            .unwrap();
    }
}

#[tokio::test]
async fn a_key_id_that_is_missing_or_no_key_arn() {
    for which in ALL {
        let field = if which == ReEncrypt {
            "SourceKeyId"
        } else {
            "KeyId"
        };
        for answer in [
            without(field),
            with(field, json!("")),
            with(field, json!(KEY_ID)),
            with(field, json!("alias/orders")),
        ] {
            is_malformed(answer, which, ErrorClass::Transient, &MalformedAnswer::NoKeyArn).await;
        }
    }
    is_malformed(
        without("KeyId"),
        ReEncrypt,
        ErrorClass::Transient,
        &MalformedAnswer::NoKeyArn,
    )
    .await;
}

#[tokio::test]
async fn an_answer_for_another_key() {
    let other = MalformedAnswer::OtherKey {
        answered: OTHER_KEY.into(),
    };
    for which in ALL {
        is_malformed(
            with("KeyId", json!(OTHER_KEY)),
            which,
            ErrorClass::Transient,
            &other,
        )
        .await;
    }
    is_malformed(
        with("SourceKeyId", json!(OTHER_KEY)),
        ReEncrypt,
        ErrorClass::Transient,
        &other,
    )
    .await;
}

#[tokio::test]
async fn a_message_that_names_another_key_than_opened_it() {
    let server = server(json_answer(&success())).await;
    for pin in ["alias/orders", "0987dcba-09fe-87dc-65ba-ab0987654321"] {
        let kms = KmsProvider::from_client(&client(&server.uri()))
            .opening_key(pin)
            .build()
            .unwrap();
        let error = kms.decrypt(&context(), &wrapped_by(OTHER_KEY)).await.unwrap_err();
        assert_eq!(error.class(), ErrorClass::NotAuthentic, "{pin}");
        assert_keeps_secrets(&error);
    }
    let kms = KmsProvider::from_client(&client(&server.uri()))
        .opening_key("alias/orders")
        .build()
        .unwrap();
    kms.decrypt(&context(), &wrapped_by(KEY)).await.unwrap();
}

#[tokio::test]
async fn successes_that_cannot_be_read() {
    let whole = success().to_string();
    let mut bodies: Vec<Vec<u8>> = (1..whole.len())
        .step_by(7)
        .map(|end| whole[..end].into())
        .collect();
    bodies.push(whole.replace(':', " ").into());
    bodies.push(whole.replace('=', "!").into());
    bodies.push(format!("{whole}{whole}").into());
    bodies.push(format!("[{whole}]").into());
    bodies.push(whole.replace("\"Plaintext\":", "\"Plaintext\" ").into());
    bodies.push(b"\xff\xfe\x00".to_vec());
    bodies.push(br#"{"Plaintext":7}"#.to_vec());
    bodies.push(br#"{"KeyId":{}}"#.to_vec());
    let server = wiremock::MockServer::start().await;
    let kms = provider(&server.uri());
    for body in bodies {
        server.reset().await;
        wiremock::Mock::given(wiremock::matchers::any())
            .respond_with(answer(200, body.clone()))
            .mount(&server)
            .await;
        for which in ALL {
            let error = call(&kms, which).await.unwrap_err();
            let body = String::from_utf8_lossy(&body);
            assert_eq!(error.class(), ErrorClass::Transient, "{which:?} {body}");
            assert_keeps_secrets(&error);
        }
    }
}

#[tokio::test]
async fn errors_that_echo_the_key_do_not_hand_it_on() {
    let echo = format!(r#"<html>{}</html>"#, STANDARD.encode(PLAINTEXT));
    for status in [200, 400, 502] {
        for which in ALL {
            let error = call_against(answer(status, echo.clone()), which)
                .await
                .unwrap_err();
            assert_keeps_secrets(&error);
        }
    }
}
