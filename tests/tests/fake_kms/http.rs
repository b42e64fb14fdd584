//! The fake KMS over HTTP, spoken to by a plain HTTP client: what goes over the wire, literally.
use base64::{Engine as _, engine::general_purpose::STANDARD};
use datakey_fake_kms::FakeKms;
use datakey_tests::fake_kms::{decoded, start};
use serde_json::{Value, json};

#[tokio::test]
async fn a_data_key_goes_round() {
    let (_server, mut client, key) = start(&FakeKms::new()).await;
    let context = json!({"tenant": "acme", "purpose": "\u{2603}\n\""});
    let made = client
        .call(
            "GenerateDataKey",
            json!({"KeyId": *key, "KeySpec": "AES_256", "EncryptionContext": context}),
        )
        .await;
    assert_eq!(made.status, 200);
    assert_eq!(made.headers["content-type"], "application/x-amz-json-1.1");
    assert_eq!(made.headers["x-amzn-requestid"].len(), 36);
    let told = made.json();
    assert_eq!(told["KeyId"], *key);
    assert_eq!(told["KeyMaterialId"].as_str().unwrap().len(), 64);
    let (plaintext, blob) = (decoded(&told["Plaintext"]), decoded(&told["CiphertextBlob"]));
    assert_eq!((plaintext.len(), blob.len()), (32, 184));

    let parameters = json!({"CiphertextBlob": told["CiphertextBlob"], "EncryptionContext": context});
    let opened = client.call("Decrypt", parameters).await;
    assert_eq!(opened.status, 200);
    assert_ne!(
        opened.headers["x-amzn-requestid"],
        made.headers["x-amzn-requestid"]
    );
    let opened = opened.json();
    assert_eq!(opened["Plaintext"], told["Plaintext"]);
    assert_eq!(opened["KeyId"], *key);
    assert_eq!(opened["EncryptionAlgorithm"], "SYMMETRIC_DEFAULT");

    for context in [json!({"tenant": "acme"}), json!({}), Value::Null] {
        let parameters = json!({"CiphertextBlob": told["CiphertextBlob"], "EncryptionContext": context});
        let refused = client.call("Decrypt", parameters).await;
        assert_eq!(refused.told(), (400, "InvalidCiphertextException".into()));
        assert_eq!(&refused.body[..], br#"{"__type":"InvalidCiphertextException"}"#);
    }
}

#[tokio::test]
async fn what_is_wrapped_in_process_opens_over_http() {
    use datakey_provider::{DataKeyLength, EncryptionContext, SealingProvider as _};
    let fake = FakeKms::new();
    let (_server, mut client, key) = start(&fake).await;
    let context = EncryptionContext::new([("tenant", "acme"), ("purpose", "orders")]).unwrap();
    let made = fake
        .provider(&key)
        .generate_data_key(&context, DataKeyLength::Bytes32)
        .await
        .unwrap();
    let parameters = json!({
        "KeyId": *key,
        "CiphertextBlob": STANDARD.encode(made.wrapped_keys().first().blob()),
        "EncryptionContext": {"purpose": "orders", "tenant": "acme"},
    });
    let opened = client.call("Decrypt", parameters).await.json();
    assert_eq!(decoded(&opened["Plaintext"]), made.data_key().expose_secret());
}

#[tokio::test]
async fn the_other_cryptographic_operations() {
    let (_server, mut client, key) = start(&FakeKms::new()).await;
    let other = client.call("CreateKey", json!({})).await.json()["KeyMetadata"]["Arn"].clone();
    let made = client
        .call(
            "Encrypt",
            json!({"KeyId": *key, "Plaintext": STANDARD.encode("hello")}),
        )
        .await
        .json();
    assert_eq!(made["EncryptionAlgorithm"], "SYMMETRIC_DEFAULT");
    let moved = client
        .call(
            "ReEncrypt",
            json!({
                "CiphertextBlob": made["CiphertextBlob"], "SourceKeyId": *key, "DestinationKeyId": other,
                "DestinationEncryptionContext": {"stage": "new"},
            }),
        )
        .await
        .json();
    assert_eq!((&moved["SourceKeyId"], &moved["KeyId"]), (&json!(*key), &other));
    assert_ne!(moved["SourceKeyMaterialId"], moved["DestinationKeyMaterialId"]);
    let parameters = json!({"KeyId": other, "CiphertextBlob": moved["CiphertextBlob"], "EncryptionContext": {"stage": "new"}});
    let opened = client.call("Decrypt", parameters).await.json();
    assert_eq!(decoded(&opened["Plaintext"]), b"hello");

    let parameters = json!({"KeyId": *key, "NumberOfBytes": 64});
    let wrapped = client
        .call("GenerateDataKeyWithoutPlaintext", parameters)
        .await
        .json();
    assert!(wrapped.get("Plaintext").is_none());
    assert_eq!(decoded(&wrapped["CiphertextBlob"]).len(), 64 + 152);
    let random = client
        .call("GenerateRandom", json!({"NumberOfBytes": 7}))
        .await
        .json();
    assert_eq!(decoded(&random["Plaintext"]).len(), 7);
}

#[tokio::test]
async fn keys_are_managed() {
    let fake = FakeKms::new();
    let (_server, mut client, _) = start(&fake).await;
    let made = client
        .call("CreateKey", json!({"Description": "orders"}))
        .await
        .json();
    let made = &made["KeyMetadata"];
    let key = made["KeyId"].clone();
    for (member, value) in [
        ("AWSAccountId", json!("111122223333")),
        ("Enabled", json!(true)),
        ("Description", json!("orders")),
        ("KeyState", json!("Enabled")),
        ("KeyUsage", json!("ENCRYPT_DECRYPT")),
        ("KeySpec", json!("SYMMETRIC_DEFAULT")),
        ("EncryptionAlgorithms", json!(["SYMMETRIC_DEFAULT"])),
        ("KeyManager", json!("CUSTOMER")),
        ("Origin", json!("AWS_KMS")),
        ("MultiRegion", json!(false)),
    ] {
        assert_eq!(made[member], value, "{member}");
    }
    assert!((1_767_225_600.0..1_767_225_700.0).contains(&made["CreationDate"].as_f64().unwrap()));

    let empty = client
        .call(
            "CreateAlias",
            json!({"AliasName": "alias/orders", "TargetKeyId": key}),
        )
        .await;
    assert_eq!((empty.status, empty.body.len()), (200, 0));
    let described = client
        .call("DescribeKey", json!({"KeyId": "alias/orders"}))
        .await
        .json();
    assert_eq!(described["KeyMetadata"]["KeyId"], key);

    assert_eq!(client.call("DisableKey", json!({"KeyId": key})).await.status, 200);
    let described = client.call("DescribeKey", json!({"KeyId": key})).await.json();
    assert_eq!(described["KeyMetadata"]["KeyState"], "Disabled");
    assert_eq!(described["KeyMetadata"]["Enabled"], false);
    let refused = client
        .call("GenerateDataKey", json!({"KeyId": key, "KeySpec": "AES_256"}))
        .await;
    assert_eq!(refused.told(), (400, "DisabledException".into()));
    assert_eq!(
        refused.json()["message"],
        format!("{} is disabled.", made["Arn"].as_str().unwrap())
    );
    assert_eq!(client.call("EnableKey", json!({"KeyId": key})).await.status, 200);

    let rotated = client.call("RotateKeyOnDemand", json!({"KeyId": key})).await;
    assert_eq!(rotated.json()["KeyId"], made["Arn"]);
    let described = client.call("DescribeKey", json!({"KeyId": key})).await.json();
    assert_ne!(
        described["KeyMetadata"]["CurrentKeyMaterialId"],
        made["CurrentKeyMaterialId"]
    );

    let scheduled = client
        .call(
            "ScheduleKeyDeletion",
            json!({"KeyId": key, "PendingWindowInDays": 7}),
        )
        .await
        .json();
    assert_eq!(scheduled["KeyState"], "PendingDeletion");
    assert_eq!(scheduled["PendingWindowInDays"], 7);
    let days =
        (scheduled["DeletionDate"].as_f64().unwrap() - made["CreationDate"].as_f64().unwrap()) / 86_400.0;
    assert!((7.0..7.01).contains(&days), "{days}");
    let refused = client
        .call("GenerateDataKey", json!({"KeyId": key, "KeySpec": "AES_128"}))
        .await;
    assert_eq!(refused.told(), (400, "KMSInvalidStateException".into()));
    let cancelled = client.call("CancelKeyDeletion", json!({"KeyId": key})).await;
    assert_eq!(cancelled.json()["KeyId"], made["Arn"]);
}

#[tokio::test]
async fn keys_are_listed_in_pages() {
    let fake = FakeKms::new();
    let (_server, mut client, first) = start(&fake).await;
    let mut made: Vec<String> = vec![first.to_string()];
    for _ in 0..9 {
        made.push(fake.create_key().unwrap().to_string());
    }
    let (mut seen, mut marker) = (Vec::new(), Value::Null);
    for page in 0..4 {
        let list = client
            .call("ListKeys", json!({"Limit": 3, "Marker": marker}))
            .await
            .json();
        let keys = list["Keys"].as_array().unwrap();
        seen.extend(keys.iter().map(|key| key["KeyArn"].as_str().unwrap().to_owned()));
        assert_eq!(list["Truncated"], page < 3);
        marker = list["NextMarker"].clone();
    }
    assert!(marker.is_null());
    made.sort();
    seen.sort();
    assert_eq!(seen, made);
    let all = client.call("ListKeys", json!({})).await.json();
    assert_eq!(all["Keys"].as_array().unwrap().len(), 10);
    let refused = client.call("ListKeys", json!({"Marker": "x"})).await;
    assert_eq!(refused.told(), (400, "InvalidMarkerException".into()));
    for limit in [0, -1, 1001] {
        let refused = client.call("ListKeys", json!({"Limit": limit})).await;
        assert_eq!(refused.told(), (400, "ValidationException".into()), "{limit}");
    }
}
