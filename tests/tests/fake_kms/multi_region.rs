//! Multi-Region keys of the fake KMS, and Regions as such.
use datakey_fake_kms::{FakeKms, FakeKmsServer, KeyState, KmsContext, KmsErrorCode, NewKey, Quota};
use datakey_tests::fake_kms::{Client, decoded, start};
use serde_json::json;
use tokio::time::Duration;

const DAY: Duration = Duration::from_secs(86_400);

#[tokio::test]
async fn replicas_share_key_material_and_nothing_else() {
    let fake = FakeKms::new();
    let server = FakeKmsServer::builder(fake.clone())
        .regions_by_signature()
        .start()
        .await
        .unwrap();
    let mut client = Client::connect(&server).await;
    let (here, there) = ("us-east-1", "eu-west-1");
    let parameters =
        json!({"MultiRegion": true, "Description": "orders", "Tags": [{"TagKey": "a", "TagValue": "1"}]});
    let made = client
        .call_as("X", here, "CreateKey", parameters)
        .await
        .ok()
        .json();
    let made = &made["KeyMetadata"];
    let (id, arn) = (made["KeyId"].as_str().unwrap(), made["Arn"].as_str().unwrap());
    assert!(id.starts_with("mrk-") && id.len() == 36);
    assert_eq!(made["MultiRegion"], true);
    let primary = json!({"Arn": arn, "Region": here});
    let alone = json!({"MultiRegionKeyType": "PRIMARY", "PrimaryKey": primary, "ReplicaKeys": []});
    assert_eq!(made["MultiRegionConfiguration"], alone);
    let unknown = client
        .call_as("X", there, "DescribeKey", json!({"KeyId": id}))
        .await;
    assert_eq!(unknown.told(), (400, "NotFoundException".into()));
    let replica_arn = arn.replace(here, there);
    assert_eq!(unknown.message(), format!("Key '{replica_arn}' does not exist"));

    let parameters = json!({"KeyId": id, "ReplicaRegion": there, "Tags": [{"TagKey": "b", "TagValue": "2"}]});
    let answer = client
        .call_as("X", here, "ReplicateKey", parameters)
        .await
        .ok()
        .json();
    let replica = &answer["ReplicaKeyMetadata"];
    assert_eq!(
        (&replica["Arn"], &replica["KeyId"]),
        (&json!(replica_arn), &json!(id))
    );
    assert_eq!(
        (&replica["KeyState"], &replica["Enabled"]),
        (&json!("Creating"), &json!(false))
    );
    assert_eq!(replica["Description"], "");
    assert_eq!(answer["ReplicaTags"], json!([{"TagKey": "b", "TagValue": "2"}]));
    assert!(
        answer["ReplicaPolicy"]
            .as_str()
            .unwrap()
            .contains("arn:aws:iam::111122223333:root")
    );
    let described = client
        .call_as("X", there, "DescribeKey", json!({"KeyId": replica_arn}))
        .await
        .ok()
        .json();
    let described = &described["KeyMetadata"];
    assert_eq!(described["KeyState"], "Enabled");
    let family = &described["MultiRegionConfiguration"];
    assert_eq!(
        (&family["MultiRegionKeyType"], &family["PrimaryKey"]),
        (&json!("REPLICA"), &primary)
    );
    assert_eq!(
        family["ReplicaKeys"],
        json!([{"Arn": replica_arn, "Region": there}])
    );

    // Either opens what the other sealed, and says its own ARN.
    for (from, to, own) in [(here, there, replica_arn.as_str()), (there, here, arn)] {
        let sealed = json!({"KeyId": id, "KeySpec": "AES_256", "EncryptionContext": {"a": "b"}});
        let sealed = client
            .call_as("X", from, "GenerateDataKey", sealed)
            .await
            .ok()
            .json();
        let open = json!({"KeyId": own, "CiphertextBlob": sealed["CiphertextBlob"], "EncryptionContext": {"a": "b"}});
        let opened = client.call_as("X", to, "Decrypt", open).await.ok().json();
        assert_eq!(decoded(&opened["Plaintext"]), decoded(&sealed["Plaintext"]));
        assert_eq!(opened["KeyId"], own);
        let other = json!({"CiphertextBlob": sealed["CiphertextBlob"], "EncryptionContext": {"a": "c"}});
        let refused = client.call_as("X", to, "Decrypt", other).await;
        assert_eq!(refused.told(), (400, "InvalidCiphertextException".into()));
        let elsewhere = json!({"KeyId": if own == arn { &replica_arn } else { arn }, "CiphertextBlob": sealed["CiphertextBlob"]});
        let refused = client.call_as("X", to, "Decrypt", elsewhere).await;
        assert_eq!(refused.message(), format!("Invalid arn {from}"));
    }
    client
        .call_as("X", here, "DisableKey", json!({"KeyId": id}))
        .await
        .ok();
    let seal = json!({"KeyId": id, "Plaintext": "YQ=="});
    assert_eq!(
        client.call_as("X", here, "Encrypt", seal.clone()).await.told().1,
        "DisabledException"
    );
    client.call_as("X", there, "Encrypt", seal).await.ok();
}

#[tokio::test]
async fn replication_is_refused_where_kms_refuses_it() {
    let fake = FakeKms::new();
    let (_server, mut client, single) = start(&fake).await;
    let key = fake.create_key_with(&NewKey::new().multi_region()).unwrap();
    fake.replicate_key(&key, "eu-west-1").unwrap();
    let there = fake.in_region("eu-west-1").unwrap();
    let replica = key.replace("us-east-1", "eu-west-1");
    for (parameters, code) in [
        (
            json!({"KeyId": *single, "ReplicaRegion": "eu-west-1"}),
            "UnsupportedOperationException",
        ),
        (
            json!({"KeyId": *key, "ReplicaRegion": "eu-west-1"}),
            "AlreadyExistsException",
        ),
        (
            json!({"KeyId": *key, "ReplicaRegion": "us-east-1"}),
            "AlreadyExistsException",
        ),
        (
            json!({"KeyId": *key, "ReplicaRegion": "Europe"}),
            "ValidationException",
        ),
        (json!({"KeyId": *key}), "ValidationException"),
        (
            json!({"KeyId": replica, "ReplicaRegion": "eu-west-2"}),
            "NotFoundException",
        ),
        (
            json!({"KeyId": *key, "ReplicaRegion": "eu-west-2", "Policy": "{"}),
            "MalformedPolicyDocumentException",
        ),
    ] {
        let refused = client.call("ReplicateKey", parameters.clone()).await;
        assert_eq!(refused.told(), (400, code.into()), "{parameters}");
    }
    let of_replica = there.replicate_key(&replica, "eu-west-2").unwrap_err();
    assert_eq!(of_replica.code(), KmsErrorCode::UnsupportedOperation);
    // Rotation is the primary's.
    assert_eq!(
        there.rotate_key(&replica).unwrap_err().code(),
        KmsErrorCode::UnsupportedOperation
    );
    let before = there.key_metadata(&replica).unwrap().key_material_id;
    fake.rotate_key(&key).unwrap();
    assert_ne!(there.key_metadata(&replica).unwrap().key_material_id, before);
    fake.disable_key(&key).unwrap();
    assert_eq!(
        fake.replicate_key(&key, "eu-west-3").unwrap_err().code(),
        KmsErrorCode::Disabled
    );
}

#[tokio::test]
async fn another_region_becomes_the_primary() {
    let fake = FakeKms::new();
    let (_server, mut client, _) = start(&fake).await;
    let key = fake.create_key_with(&NewKey::new().multi_region()).unwrap();
    let replica = fake.replicate_key(&key, "eu-west-1").unwrap();
    let refused = client
        .call(
            "UpdatePrimaryRegion",
            json!({"KeyId": *key, "PrimaryRegion": "eu-west-2"}),
        )
        .await;
    assert_eq!(refused.told(), (400, "NotFoundException".into()));
    client
        .call(
            "UpdatePrimaryRegion",
            json!({"KeyId": *key, "PrimaryRegion": "eu-west-1"}),
        )
        .await
        .ok();
    let there = fake.in_region("eu-west-1").unwrap();
    let told = there.key_metadata(&replica).unwrap().multi_region.unwrap();
    assert!(told.is_primary);
    assert_eq!((&*told.primary, &*told.replicas[0]), ("eu-west-1", "us-east-1"));
    let again = client
        .call(
            "UpdatePrimaryRegion",
            json!({"KeyId": *key, "PrimaryRegion": "eu-west-1"}),
        )
        .await;
    assert_eq!(again.told(), (400, "UnsupportedOperationException".into()));
    assert!(there.rotate_key(&replica).is_ok() && fake.rotate_key(&key).is_err());
}

#[tokio::test(start_paused = true)]
async fn a_primary_is_deleted_after_its_replicas() {
    let fake = FakeKms::new();
    let key = fake.create_key_with(&NewKey::new().multi_region()).unwrap();
    let replica = fake.replicate_key(&key, "eu-west-1").unwrap();
    let there = fake.in_region("eu-west-1").unwrap();
    fake.schedule_key_deletion(&key, 7).unwrap();
    let told = fake.key_metadata(&key).unwrap();
    assert_eq!(
        (told.state, told.deletion, told.deletion_window),
        (KeyState::PendingReplicaDeletion, None, Some(7))
    );
    tokio::time::advance(DAY * 100).await;
    assert_eq!(
        fake.key_metadata(&key).unwrap().state,
        KeyState::PendingReplicaDeletion,
        "the replica is there"
    );
    there.schedule_key_deletion(&replica, 10).unwrap();
    tokio::time::advance(DAY * 11).await;
    assert_eq!(
        there.key_metadata(&replica).unwrap_err().code(),
        KmsErrorCode::NotFound
    );
    let told = fake.key_metadata(&key).unwrap();
    assert_eq!(told.state, KeyState::PendingDeletion);
    assert!(told.multi_region.unwrap().replicas.is_empty());
    fake.cancel_key_deletion(&key).unwrap();
    assert_eq!(fake.key_metadata(&key).unwrap().state, KeyState::Disabled);
    fake.schedule_key_deletion(&key, 7).unwrap();
    tokio::time::advance(DAY * 8).await;
    assert_eq!(
        fake.key_metadata(&key).unwrap_err().code(),
        KmsErrorCode::NotFound
    );
}

#[test]
fn a_key_is_scheduled_for_deletion_once_however_many_ask() {
    for _ in 0..200 {
        let fake = FakeKms::new();
        let key = fake.create_key().unwrap();
        let (mut scheduled, mut cancelled) = (0, 0);
        std::thread::scope(|scope| {
            let schedule = || fake.schedule_key_deletion(&key, 7).is_ok();
            let threads: Vec<_> = (0..3).map(|_| scope.spawn(schedule)).collect();
            scheduled += threads
                .into_iter()
                .map(|thread| u32::from(thread.join().unwrap()))
                .sum::<u32>();
            let cancel = || fake.cancel_key_deletion(&key).is_ok();
            let threads: Vec<_> = (0..3).map(|_| scope.spawn(cancel)).collect();
            cancelled += threads
                .into_iter()
                .map(|thread| u32::from(thread.join().unwrap()))
                .sum::<u32>();
        });
        assert_eq!((scheduled, cancelled), (1, 1));
    }
}

#[tokio::test]
async fn regions_have_quotas_faults_and_ledgers_of_their_own() {
    let fake = FakeKms::builder()
        .quota(Quota::token_bucket(0, 2))
        .build()
        .unwrap();
    let there = fake.in_region("eu-west-1").unwrap();
    fake.inject("error=KMSInternalException".parse().unwrap());
    for _ in 0..2 {
        assert_eq!(
            fake.generate_random(1).await.unwrap_err().code(),
            Some(KmsErrorCode::Internal)
        );
        assert!(there.generate_random(1).await.is_ok());
    }
    assert_eq!(
        there.generate_random(1).await.unwrap_err().code(),
        Some(KmsErrorCode::Throttling)
    );
    assert_eq!((fake.ledger().calls(), there.ledger().calls()), (2, 3));
    assert_eq!(
        fake.in_region("eu-west-1").unwrap().ledger().calls(),
        3,
        "the same Region"
    );
    // A key of one Region is unknown in another.
    let key = there.create_key().unwrap();
    let made = there.in_region("eu-west-1").unwrap();
    made.set_quota(Quota::UNLIMITED);
    let sealed = made.encrypt(&key, &KmsContext::default(), b"x").await.unwrap();
    fake.clear_faults();
    fake.set_quota(Quota::UNLIMITED);
    let refused = fake
        .decrypt(None, &KmsContext::default(), &sealed.ciphertext)
        .await
        .unwrap_err();
    assert_eq!(refused.code(), Some(KmsErrorCode::AccessDenied));
}

#[tokio::test]
async fn regions_are_bounded_and_named() {
    let fake = FakeKms::new();
    for bad in ["", "Europe", "eu-west", "eu-west-1/../x"] {
        assert!(fake.in_region(bad).is_err(), "{bad}");
    }
    for number in 0..63 {
        fake.in_region(&format!("eu-west-{number}")).unwrap();
    }
    assert!(fake.in_region("eu-west-63").is_err());
    assert!(fake.in_region("eu-west-62").is_ok() && fake.in_region("us-east-1").is_ok());
    let server = FakeKmsServer::builder(fake)
        .regions_by_signature()
        .start()
        .await
        .unwrap();
    let mut client = Client::connect(&server).await;
    for region in ["eu-west-63", "nonsense"] {
        let refused = client.call_as("X", region, "ListKeys", json!({})).await;
        assert_eq!(
            refused.told(),
            (400, "InvalidSignatureException".into()),
            "{region}"
        );
    }
    // Without a signature there is no Region in it: the endpoint's own.
    assert_eq!(client.call("ListKeys", json!({})).await.status, 200);
}
