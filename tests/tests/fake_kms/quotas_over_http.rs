//! The fake's quotas over HTTP: shared by the operations that share one in KMS, and told as KMS tells it.
use std::time::Duration;

use datakey_fake_kms::{FakeKms, KmsContext, KmsOperation, NewKey, Quota};
use datakey_tests::fake_kms::{Client, start};
use serde_json::{Value, json};

/// How many of so many calls over HTTP are answered; the others must be throttled as KMS throttles.
async fn answered(client: &mut Client, calls: u32, operation: &str, parameters: &Value) -> u32 {
    let mut answered = 0;
    for _ in 0..calls {
        let answer = client.call(operation, parameters.clone()).await;
        if answer.status == 200 {
            answered += 1;
            continue;
        }
        assert_eq!(answer.told(), (400, "ThrottlingException".into()), "{operation}");
        let message =
            "You have exceeded the rate at which you may call KMS. Reduce the frequency of your calls.";
        assert_eq!(answer.message(), message);
    }
    answered
}

#[tokio::test(start_paused = true)]
async fn operations_have_the_quotas_that_kms_gives_them() {
    let fake = FakeKms::builder().kms_quotas().build().unwrap();
    let (_server, mut client, key) = start(&fake).await;
    let by_key = json!({"KeyId": *key});
    for (operation, parameters, quota) in [
        ("CreateKey", json!({}), 5),
        ("EnableKey", by_key.clone(), 5),
        (
            "UpdateKeyDescription",
            json!({"KeyId": *key, "Description": ""}),
            5,
        ),
        ("TagResource", json!({"KeyId": *key, "Tags": []}), 10),
        ("EnableKeyRotation", by_key.clone(), 15),
        ("ListGrants", by_key.clone(), 100),
        ("ListAliases", json!({}), 500),
    ] {
        assert_eq!(
            answered(&mut client, quota + 3, operation, &parameters).await,
            quota,
            "{operation}"
        );
    }
    // A second later all of them have their calls again; what one used up was no other's.
    tokio::time::advance(Duration::from_secs(1)).await;
    assert_eq!(answered(&mut client, 6, "CreateKey", &json!({})).await, 5);
    assert_eq!(answered(&mut client, 6, "DisableKey", &by_key).await, 5);
    assert_eq!(answered(&mut client, 6, "EnableKey", &by_key).await, 5);
    // Cryptographic operations have theirs besides.
    let random = json!({"NumberOfBytes": 1});
    assert_eq!(
        answered(&mut client, 1_000, "GenerateRandom", &random).await,
        1_000
    );
}

#[tokio::test(start_paused = true)]
async fn cryptographic_operations_share_one_quota_over_http_in_each_second() {
    let fake = FakeKms::builder().quota(Quota::per_second(7)).build().unwrap();
    let (_server, mut client, key) = start(&fake).await;
    let made = fake.encrypt(&key, &KmsContext::default(), b"x").await.unwrap();
    tokio::time::advance(Duration::from_secs(1)).await;
    let blob = base64::Engine::encode(&base64::engine::general_purpose::STANDARD, &made.ciphertext);
    let calls = [
        ("GenerateDataKey", json!({"KeyId": *key, "KeySpec": "AES_256"})),
        (
            "GenerateDataKeyWithoutPlaintext",
            json!({"KeyId": *key, "KeySpec": "AES_256"}),
        ),
        ("Encrypt", json!({"KeyId": *key, "Plaintext": "YQ=="})),
        ("Decrypt", json!({"CiphertextBlob": blob})),
        (
            "ReEncrypt",
            json!({"CiphertextBlob": blob, "DestinationKeyId": *key}),
        ),
        ("GenerateRandom", json!({"NumberOfBytes": 1})),
    ];
    for _second in 0..5 {
        let mut sum = 0;
        for (operation, parameters) in &calls {
            sum += answered(&mut client, 2, operation, parameters).await;
        }
        assert_eq!(sum, 7);
        assert_eq!(
            answered(&mut client, 20, "DescribeKey", &json!({"KeyId": *key})).await,
            20,
            "not of the shared quota"
        );
        tokio::time::advance(Duration::from_secs(1)).await;
    }
    let there = fake.in_region("eu-west-1").unwrap();
    for _ in 0..7 {
        there.generate_random(1).await.unwrap();
    }
    assert!(there.generate_random(1).await.is_err());
    assert_eq!(
        answered(&mut client, 9, calls[5].0, &calls[5].1).await,
        7,
        "each Region has its own"
    );
}

#[tokio::test(start_paused = true)]
async fn a_single_operation_can_be_given_a_quota() {
    let fake = FakeKms::new();
    let (_server, mut client, key) = start(&fake).await;
    fake.set_operation_quota(KmsOperation::DescribeKey, Quota::per_second(2));
    fake.set_operation_quota(KmsOperation::Decrypt, Quota::per_second(0));
    assert_eq!(
        answered(&mut client, 5, "DescribeKey", &json!({"KeyId": *key})).await,
        2
    );
    assert_eq!(answered(&mut client, 5, "ListKeys", &json!({})).await, 5);
    assert_eq!(
        answered(&mut client, 5, "Decrypt", &json!({"CiphertextBlob": "YQ=="})).await,
        0
    );
    assert_eq!(
        answered(&mut client, 5, "GenerateRandom", &json!({"NumberOfBytes": 1})).await,
        5
    );
    fake.set_operation_quota(KmsOperation::DescribeKey, Quota::UNLIMITED);
    assert_eq!(
        answered(&mut client, 5, "DescribeKey", &json!({"KeyId": *key})).await,
        5
    );
}

#[tokio::test(start_paused = true)]
async fn replication_counts_in_the_other_region_too() {
    let fake = FakeKms::builder().kms_quotas().build().unwrap();
    let (_server, mut client, _) = start(&fake).await;
    let mut statuses = Vec::new();
    let mut keys = Vec::new();
    for _ in 0..3 {
        let key = fake.create_key_with(&NewKey::new().multi_region()).unwrap();
        let parameters = json!({"KeyId": *key, "ReplicaRegion": "eu-west-1"});
        statuses.push(client.call("ReplicateKey", parameters).await.status);
        keys.push(key);
    }
    // Each counts as two of the five calls of CreateKey there.
    assert_eq!(statuses, [200, 200, 400]);
    assert_eq!(fake.ledger().throttled(), 1);
    tokio::time::advance(Duration::from_secs(1)).await;
    let parameters = json!({"KeyId": *keys[2], "ReplicaRegion": "eu-west-1"});
    client.call("ReplicateKey", parameters).await.ok();
    fake.in_region("eu-west-1")
        .unwrap()
        .set_operation_quota(KmsOperation::UpdatePrimaryRegion, Quota::per_second(1));
    let parameters = |key: &str| json!({"KeyId": key, "PrimaryRegion": "eu-west-1"});
    client
        .call("UpdatePrimaryRegion", parameters(&keys[0]))
        .await
        .ok();
    let refused = client.call("UpdatePrimaryRegion", parameters(&keys[1])).await;
    assert_eq!(refused.told(), (400, "ThrottlingException".into()));
}

#[test]
fn the_shared_quotas_of_kms_are_by_region() {
    for (region, calls) in [
        ("us-east-1", 100_000),
        ("us-west-2", 100_000),
        ("eu-west-1", 100_000),
        ("eu-central-1", 20_000),
        ("ap-southeast-2", 20_000),
        ("eu-west-3", 10_000),
        ("cn-north-1", 10_000),
    ] {
        for operation in KmsOperation::ALL
            .iter()
            .filter(|operation| operation.is_cryptographic())
        {
            assert_eq!(
                Quota::of_kms(*operation, region),
                Quota::per_second(calls),
                "{region} {operation}"
            );
        }
    }
}
