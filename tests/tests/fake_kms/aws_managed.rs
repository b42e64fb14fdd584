//! The keys of AWS's services: `alias/aws/s3` and its like.
use datakey_fake_kms::{FakeKms, KmsErrorCode, Principal, StateFile};
use datakey_tests::fake_kms::{Client, start_watched};
use serde_json::{Value, json};
use tokio::time::Duration;

const S3: &str = "alias/aws/s3";

async fn described(client: &mut Client, name: &str) -> Value {
    let answer = client.call("DescribeKey", json!({ "KeyId": name })).await;
    answer.ok().json()["KeyMetadata"].clone()
}

#[tokio::test]
async fn one_comes_to_be_when_it_is_described() {
    let fake = FakeKms::new();
    let (_server, mut client) = start_watched(&fake).await;
    let early = client.call("GetKeyPolicy", json!({ "KeyId": S3 })).await;
    assert_eq!(early.told().1, "NotFoundException");
    let none = client.call("ListAliases", json!({})).await.ok().json();
    assert_eq!(none["Aliases"], json!([]));

    let key = described(&mut client, S3).await;
    assert_eq!(
        (&key["KeyManager"], &key["KeyState"]),
        (&json!("AWS"), &json!("Enabled"))
    );
    assert_eq!(
        (&key["Origin"], &key["MultiRegion"]),
        (&json!("AWS_KMS"), &json!(false))
    );
    let by_arn = format!("arn:aws:kms:us-east-1:111122223333:{S3}");
    for name in [S3, &by_arn, key["Arn"].as_str().unwrap()] {
        assert_eq!(described(&mut client, name).await, key, "{name}");
    }
    let elsewhere = client
        .call_as("ANY", "eu-west-1", "DescribeKey", json!({ "KeyId": S3 }))
        .await;
    assert_ne!(elsewhere.ok().json()["KeyMetadata"]["Arn"], key["Arn"]);
    let by_other_arn = described(&mut client, "arn:aws:kms:us-east-1:111122223333:alias/aws/ebs").await;
    assert_ne!(by_other_arn["Arn"], key["Arn"]);

    let aliases = client.call("ListAliases", json!({})).await.ok().json();
    let names: Vec<&str> = aliases["Aliases"]
        .as_array()
        .unwrap()
        .iter()
        .filter_map(|alias| alias["AliasName"].as_str())
        .collect();
    assert_eq!(names, ["alias/aws/ebs", S3]);
    let keys = client.call("ListKeys", json!({})).await.ok().json();
    assert_eq!(keys["Keys"].as_array().unwrap().len(), 2);
    for name in ["alias/aws/s4", "alias/aws/", "alias/aws/s3/x", "aws/s3"] {
        let answer = client.call("DescribeKey", json!({ "KeyId": name })).await;
        assert_eq!(answer.told().1, "NotFoundException", "{name}");
    }
}

#[tokio::test]
async fn the_account_may_look_at_it_and_do_nothing_else() {
    let fake = FakeKms::new();
    let (_server, mut client) = start_watched(&fake).await;
    let id = described(&mut client, S3).await["KeyId"]
        .as_str()
        .unwrap()
        .to_owned();
    let by_id = json!({ "KeyId": id });
    let policy = client.call("GetKeyPolicy", by_id.clone()).await.ok().json();
    let policy = policy["Policy"].as_str().unwrap().to_owned();
    assert!(
        policy.contains("\"kms:ViaService\" : \"s3.us-east-1.amazonaws.com\""),
        "{policy}"
    );
    for operation in [
        "ListGrants",
        "ListResourceTags",
        "ListKeyPolicies",
        "ListKeyRotations",
    ] {
        client.call(operation, by_id.clone()).await.ok();
    }
    let status = client
        .call("GetKeyRotationStatus", by_id.clone())
        .await
        .ok()
        .json();
    assert_eq!(
        (&status["KeyRotationEnabled"], &status["RotationPeriodInDays"]),
        (&json!(true), &json!(365))
    );

    let grantee = "arn:aws:iam::111122223333:role/shop";
    let refused: Vec<(&str, Value)> = vec![
        ("PutKeyPolicy", json!({ "KeyId": id, "Policy": policy })),
        ("EnableKeyRotation", by_id.clone()),
        ("DisableKeyRotation", by_id.clone()),
        ("RotateKeyOnDemand", by_id.clone()),
        ("DisableKey", by_id.clone()),
        ("EnableKey", by_id.clone()),
        ("ScheduleKeyDeletion", by_id.clone()),
        ("CancelKeyDeletion", by_id.clone()),
        (
            "UpdateKeyDescription",
            json!({ "KeyId": id, "Description": "mine" }),
        ),
        (
            "TagResource",
            json!({ "KeyId": id, "Tags": [{ "TagKey": "a", "TagValue": "b" }] }),
        ),
        ("UntagResource", json!({ "KeyId": id, "TagKeys": ["a"] })),
        (
            "CreateAlias",
            json!({ "AliasName": "alias/mine", "TargetKeyId": id }),
        ),
        (
            "CreateGrant",
            json!({ "KeyId": id, "GranteePrincipal": grantee, "Operations": ["Decrypt"] }),
        ),
        (
            "ReplicateKey",
            json!({ "KeyId": id, "ReplicaRegion": "eu-west-1" }),
        ),
        ("Encrypt", json!({ "KeyId": S3, "Plaintext": "aGVsbG8=" })),
        ("GenerateDataKey", json!({ "KeyId": S3, "KeySpec": "AES_256" })),
    ];
    // The administrator of the account is refused what everybody is, and so is who is nobody in particular.
    let admin = Principal::new("ADMIN", "secret", "arn:aws:iam::111122223333:user/admin").unwrap();
    for who in ["nobody", "ADMIN"] {
        if who == "ADMIN" {
            fake.add_principal(admin.clone());
        }
        for (operation, parameters) in &refused {
            let answer = client
                .call_as(who, "us-east-1", operation, parameters.clone())
                .await;
            assert_eq!(answer.status, 400, "{who} {operation}");
            assert_eq!(
                answer.told().1,
                "AccessDeniedException",
                "{who} {operation}: {}",
                answer.text()
            );
        }
    }
    for operation in ["UpdateAlias", "CreateAlias"] {
        let parameters = json!({ "AliasName": S3, "TargetKeyId": id });
        let answer = client.call_as("ADMIN", "us-east-1", operation, parameters).await;
        assert_eq!(answer.told().1, "NotAuthorizedException", "{operation}");
    }
    let error = fake.disable_key(S3).unwrap_err();
    assert_eq!(
        error.code(),
        KmsErrorCode::NotFound,
        "by its alias it is not taken there"
    );
    assert_eq!(
        fake.disable_key(&id).unwrap_err().code(),
        KmsErrorCode::AccessDenied
    );
}

#[tokio::test]
async fn it_is_rotated_each_year_and_kept_in_the_state() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("state");
    let fake = FakeKms::new();
    let mut state = StateFile::open(&path, &fake).unwrap();
    let first = fake.describe_key(S3).await.unwrap();
    assert!(first.is_aws_managed);
    fake.advance_clock(Duration::from_secs(366 * 24 * 60 * 60));
    let rotated = fake.describe_key(S3).await.unwrap();
    assert_eq!(first.arn, rotated.arn);
    assert_ne!(first.key_material_id, rotated.key_material_id);
    state.save(&fake).unwrap();
    drop(state);
    let again = FakeKms::new();
    let _state = StateFile::open(&path, &again).unwrap();
    let kept = again.describe_key(S3).await.unwrap();
    assert!(kept.is_aws_managed);
    assert_eq!(kept.arn, first.arn);
}
