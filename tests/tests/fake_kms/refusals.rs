//! The refusals of the fake KMS over HTTP: status, code and message, as KMS sends them.
use std::time::Duration;

use base64::{Engine as _, engine::general_purpose::STANDARD};
use datakey_fake_kms::{FakeKms, Fault, FaultRule, KmsError, KmsErrorCode, KmsOperation, Outcome, Quota};
use datakey_tests::fake_kms::{Client, start};
use serde_json::json;

#[tokio::test]
async fn wrong_parameters_are_refused() {
    let fake = FakeKms::new();
    let (_server, mut client, key) = start(&fake).await;
    let key = &*key;
    let long = STANDARD.encode([0; 4097]);
    let unknown = "1234abcd-12ab-34cd-56ef-1234567890ab";
    let tokens = vec!["t"; 11];
    let cases = [
        (
            "GenerateDataKey",
            json!({"KeyId": key}),
            400,
            "ValidationException",
        ),
        (
            "GenerateDataKey",
            json!({"KeySpec": "AES_256"}),
            400,
            "ValidationException",
        ),
        (
            "GenerateDataKey",
            json!({"KeyId": key, "KeySpec": "AES_256", "NumberOfBytes": 32}),
            400,
            "ValidationException",
        ),
        (
            "GenerateDataKey",
            json!({"KeyId": key, "KeySpec": "AES_192"}),
            400,
            "ValidationException",
        ),
        (
            "GenerateDataKey",
            json!({"KeyId": key, "NumberOfBytes": 1025}),
            400,
            "ValidationException",
        ),
        (
            "GenerateDataKey",
            json!({"KeyId": key, "NumberOfBytes": -1}),
            400,
            "ValidationException",
        ),
        (
            "GenerateDataKey",
            json!({"KeyId": key, "NumberOfBytes": "32"}),
            400,
            "SerializationException",
        ),
        (
            "GenerateDataKey",
            json!({"KeyId": unknown, "KeySpec": "AES_256"}),
            400,
            "NotFoundException",
        ),
        (
            "GenerateDataKey",
            json!({"KeyId": key, "KeySpec": "AES_256", "GrantTokens": tokens}),
            400,
            "ValidationException",
        ),
        (
            "GenerateDataKey",
            json!({"KeyId": key, "KeySpec": "AES_256", "DryRun": true}),
            400,
            "DryRunOperationException",
        ),
        (
            "GenerateDataKey",
            json!({"KeyId": unknown, "KeySpec": "AES_256", "DryRun": true}),
            400,
            "NotFoundException",
        ),
        ("Encrypt", json!({"KeyId": key}), 400, "ValidationException"),
        (
            "Encrypt",
            json!({"KeyId": key, "Plaintext": ""}),
            400,
            "ValidationException",
        ),
        (
            "Encrypt",
            json!({"KeyId": key, "Plaintext": long}),
            400,
            "ValidationException",
        ),
        (
            "Encrypt",
            json!({"KeyId": key, "Plaintext": "a"}),
            400,
            "SerializationException",
        ),
        (
            "Encrypt",
            json!({"KeyId": key, "Plaintext": "YQ==", "EncryptionContext": {"a": "x".repeat(8192)}}),
            400,
            "ValidationException",
        ),
        (
            "Encrypt",
            json!({"KeyId": key, "Plaintext": "YQ==", "EncryptionContext": {"a": 1}}),
            400,
            "SerializationException",
        ),
        (
            "Encrypt",
            json!({"KeyId": key, "Plaintext": "YQ==", "EncryptionAlgorithm": "RSAES_OAEP_SHA_256"}),
            400,
            "InvalidKeyUsageException",
        ),
        (
            "Encrypt",
            json!({"KeyId": key, "Plaintext": "YQ==", "EncryptionAlgorithm": "ROT13"}),
            400,
            "ValidationException",
        ),
        ("Decrypt", json!({}), 400, "ValidationException"),
        (
            "Decrypt",
            json!({"CiphertextBlob": "YQ=="}),
            400,
            "InvalidCiphertextException",
        ),
        (
            "ReEncrypt",
            json!({"CiphertextBlob": "YQ=="}),
            400,
            "ValidationException",
        ),
        ("GenerateRandom", json!({}), 400, "ValidationException"),
        ("DescribeKey", json!({}), 400, "ValidationException"),
        (
            "CreateKey",
            json!({"KeySpec": "RSA_2048"}),
            400,
            "ValidationException",
        ),
        (
            "CreateKey",
            json!({"KeySpec": "RSA_2048", "KeyUsage": "SIGN_VERIFY"}),
            400,
            "UnsupportedOperationException",
        ),
        (
            "CreateKey",
            json!({"KeySpec": "RSA_2047", "KeyUsage": "SIGN_VERIFY"}),
            400,
            "ValidationException",
        ),
        (
            "CreateKey",
            json!({"KeyUsage": "SIGN_VERIFY"}),
            400,
            "ValidationException",
        ),
        (
            "CreateKey",
            json!({"Origin": "EXTERNAL"}),
            400,
            "UnsupportedOperationException",
        ),
        (
            "CreateKey",
            json!({"KeySpec": "SYMMETRIC_DEFAULT", "CustomerMasterKeySpec": "SYMMETRIC_DEFAULT"}),
            400,
            "ValidationException",
        ),
        (
            "GenerateDataKey",
            json!({"KeyId": key, "KeySpec": "AES_256", "Recipient": {}}),
            400,
            "UnsupportedOperationException",
        ),
        (
            "GenerateDataKey",
            json!({"KeyId": key, "KeySpec": "AES_256", "GrantTokens": ["nonsense"]}),
            400,
            "InvalidGrantTokenException",
        ),
        (
            "CreateKey",
            json!({"Description": "x".repeat(8193)}),
            400,
            "ValidationException",
        ),
        (
            "CreateAlias",
            json!({"TargetKeyId": key}),
            400,
            "ValidationException",
        ),
        (
            "CreateAlias",
            json!({"AliasName": "orders", "TargetKeyId": key}),
            400,
            "ValidationException",
        ),
        (
            "ScheduleKeyDeletion",
            json!({"KeyId": key, "PendingWindowInDays": 6}),
            400,
            "ValidationException",
        ),
        (
            "CancelKeyDeletion",
            json!({"KeyId": key}),
            400,
            "KMSInvalidStateException",
        ),
        ("Sign", json!({"KeyId": key}), 400, "UnknownOperationException"),
    ];
    for (operation, parameters, status, code) in cases {
        let refused = client.call(operation, parameters.clone()).await;
        assert_eq!(
            refused.told(),
            (status, code.to_owned()),
            "{operation} {parameters}"
        );
    }
    let refused = client.call("Encrypt", json!({"KeyId": key})).await.json();
    assert_eq!(
        refused["message"],
        "1 validation error detected: Value null at 'plaintext' failed to satisfy constraint: Member must not be null"
    );
    let refused = client.call("Encrypt", json!({})).await.json();
    assert_eq!(
        refused["message"],
        "2 validation errors detected: Value null at 'keyId' failed to satisfy constraint: Member must not be null; \
         Value null at 'plaintext' failed to satisfy constraint: Member must not be null"
    );
    let refused = client
        .call("Encrypt", json!({"KeyId": key, "Plaintext": long}))
        .await
        .json();
    assert_eq!(
        refused["message"],
        "1 validation error detected: Value at 'plaintext' failed to satisfy constraint: Member must have length less \
         than or equal to 4096"
    );
    let refused = client.call("GenerateRandom", json!({})).await.json();
    assert_eq!(refused["message"], "NumberOfBytes is required.");
    for (target, body) in [
        ("TrentService.Decrypt", "{"),
        ("TrentService.Decrypt", "null"),
        ("TrentService.Decrypt", "[]"),
        ("TrentService.ListKeys", r#"["alias/x"]"#),
        (
            "TrentService.Decrypt",
            r#"{"CiphertextBlob": "YQ==", "CiphertextBlob": "YQ=="}"#,
        ),
        ("TrentService.Encrypt", r#"{"KeyId": "x", "Plaintext": "YQ"}"#),
        ("TrentService.Encrypt", r#"{"KeyId": "x", "Plaintext": "_-=="}"#),
        (
            "TrentService.Encrypt",
            r#"{"KeyId": "\ud800", "Plaintext": "YQ=="}"#,
        ),
        ("TrentService.GenerateRandom", r#"{"NumberOfBytes": 1e400}"#),
        (
            "TrentService.GenerateRandom",
            r#"{"NumberOfBytes": 99999999999999999999}"#,
        ),
        ("TrentService.GenerateRandom", r#"{"NumberOfBytes": 1} x"#),
        ("TrentService.Decrypt", "[1"),
        ("TrentService.Decrypt", "\u{1}"),
    ] {
        let refused = client.try_send(target, body).await.unwrap();
        assert_eq!(refused.told(), (400, "SerializationException".into()), "{body}");
    }
    let deep = "[".repeat(100_000);
    let not_text = [b"{\"KeyId\": \"".as_slice(), b"\xff\"}"].concat();
    for body in [format!(r#"{{"Marker": {deep}"#).into_bytes(), not_text] {
        let refused = client.try_send("TrentService.ListKeys", body).await.unwrap();
        assert_eq!(refused.told(), (400, "SerializationException".into()));
    }
    for target in [
        "",
        "Decrypt",
        "TrentService.",
        "TrentService.decrypt",
        "DynamoDB.Decrypt",
    ] {
        let refused = client.try_send(target, "{}").await.unwrap();
        assert_eq!(
            refused.told(),
            (400, "UnknownOperationException".into()),
            "{target}"
        );
    }
}

#[tokio::test]
async fn every_error_goes_over_the_wire_as_kms_sends_it() {
    let fake = FakeKms::new();
    let (_server, mut client, _) = start(&fake).await;
    for code in KmsErrorCode::ALL {
        fake.inject(FaultRule::new(*code).times(1));
        let refused = client.call("GenerateRandom", json!({"NumberOfBytes": 1})).await;
        assert_eq!(refused.told(), (code.http_status(), code.as_str().to_owned()));
        assert!(!refused.headers.contains_key("x-amz-retry-after"));
    }
    let error = KmsError::new(KmsErrorCode::Throttling).with_retry_after(Duration::from_millis(1250));
    fake.inject(FaultRule::new(Fault::Error(error)).times(1));
    let refused = client.call("GenerateRandom", json!({"NumberOfBytes": 1})).await;
    assert_eq!(refused.headers["x-amz-retry-after"], "1250");
}

#[tokio::test]
async fn throttling_is_exact_and_looks_like_that_of_kms() {
    let fake = FakeKms::new();
    let (server, mut client, _) = start(&fake).await;
    fake.set_quota(Quota::token_bucket(0, 10));
    let mut tasks = Vec::new();
    for _ in 0..4 {
        let mut client = Client::connect(&server).await;
        tasks.push(tokio::spawn(async move {
            let mut answered = 0;
            for _ in 0..5 {
                let answer = client.call("GenerateRandom", json!({"NumberOfBytes": 1})).await;
                answered += u32::from(answer.status == 200);
            }
            answered
        }));
    }
    let mut answered = 0;
    for task in tasks {
        answered += task.await.unwrap();
    }
    assert_eq!(answered, 10);
    let refused = client.call("GenerateRandom", json!({"NumberOfBytes": 1})).await;
    assert_eq!(refused.told(), (400, "ThrottlingException".into()));
    assert_eq!(
        refused.json()["message"],
        "You have exceeded the rate at which you may call KMS. Reduce the frequency of your calls."
    );
    assert_eq!(fake.ledger().throttled(), 11);
    assert_eq!(
        fake.ledger()
            .count(KmsOperation::GenerateRandom, Outcome::Success),
        10
    );
}
