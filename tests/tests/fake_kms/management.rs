//! The operations of the fake KMS on keys themselves, over HTTP: aliases, tags, descriptions, rotation.
use datakey_fake_kms::FakeKms;
use datakey_tests::fake_kms::{Client, start};
use serde_json::{Value, json};
use tokio::time::Duration;

const UNKNOWN: &str = "1234abcd-12ab-34cd-56ef-1234567890ab";

fn id_of(arn: &str) -> &str {
    arn.rsplit('/').next().unwrap()
}

/// The codes that an operation answers for a key that is disabled, and for one that is to be deleted.
async fn codes_by_state(client: &mut Client, operation: &str, parameters: Value) -> [String; 2] {
    let mut codes = [String::new(), String::new()];
    for (code, spoil) in codes.iter_mut().zip(["DisableKey", "ScheduleKeyDeletion"]) {
        let made = client.call("CreateKey", json!({})).await.ok().json();
        let key = made["KeyMetadata"]["KeyId"].clone();
        client.call(spoil, json!({"KeyId": key})).await.ok();
        let mut parameters = parameters.clone();
        for member in ["KeyId", "TargetKeyId"] {
            if !parameters[member].is_null() {
                parameters[member] = key.clone();
            }
        }
        let answer = client.call(operation, parameters).await;
        *code = if answer.status == 200 {
            "ok".to_owned()
        } else {
            answer.told().1
        };
    }
    codes
}

#[tokio::test]
async fn what_a_key_is_told_is_told_again() {
    let fake = FakeKms::new();
    let (_server, mut client, _) = start(&fake).await;
    let parameters = json!({
        "Description": "orders",
        "Tags": [{"TagKey": "team", "TagValue": "shop"}, {"TagKey": "stage", "TagValue": ""}],
        "KeySpec": "SYMMETRIC_DEFAULT", "KeyUsage": "ENCRYPT_DECRYPT", "Origin": "AWS_KMS", "MultiRegion": false,
    });
    let made = client.call("CreateKey", parameters).await.ok().json();
    let key = made["KeyMetadata"]["KeyId"].clone();
    assert_eq!(made["KeyMetadata"]["Description"], "orders");
    let tags = client
        .call("ListResourceTags", json!({"KeyId": key}))
        .await
        .ok()
        .json();
    let expected = json!({
        "Tags": [{"TagKey": "stage", "TagValue": ""}, {"TagKey": "team", "TagValue": "shop"}],
        "Truncated": false,
    });
    assert_eq!(tags, expected);

    let changed = client
        .call(
            "UpdateKeyDescription",
            json!({"KeyId": key, "Description": "all orders"}),
        )
        .await;
    assert_eq!((changed.status, changed.body.len()), (200, 0));
    let described = client
        .call("DescribeKey", json!({"KeyId": key}))
        .await
        .ok()
        .json();
    assert_eq!(described["KeyMetadata"]["Description"], "all orders");
    let long = json!({"KeyId": key, "Description": "x".repeat(8193)});
    let refused = client.call("UpdateKeyDescription", long).await;
    assert_eq!(refused.told(), (400, "ValidationException".into()));
    let by_state = codes_by_state(
        &mut client,
        "UpdateKeyDescription",
        json!({"KeyId": "", "Description": ""}),
    )
    .await;
    assert_eq!(by_state, ["ok", "KMSInvalidStateException"]);
}

#[tokio::test]
async fn aliases_come_move_and_go() {
    let fake = FakeKms::new();
    let (_server, mut client, one) = start(&fake).await;
    let two = fake.create_key().unwrap();
    for (alias, key) in [("alias/a", &one), ("alias/b", &one), ("alias/c", &two)] {
        client
            .call("CreateAlias", json!({"AliasName": alias, "TargetKeyId": **key}))
            .await
            .ok();
    }
    let all = client.call("ListAliases", json!({})).await.ok().json();
    let names: Vec<&str> = all["Aliases"]
        .as_array()
        .unwrap()
        .iter()
        .map(|a| a["AliasName"].as_str().unwrap())
        .collect();
    assert_eq!(names, ["alias/a", "alias/b", "alias/c"]);
    let first = &all["Aliases"][0];
    assert_eq!(first["AliasArn"], "arn:aws:kms:us-east-1:111122223333:alias/a");
    assert_eq!(first["TargetKeyId"], id_of(&one));
    assert_eq!(first["CreationDate"], first["LastUpdatedDate"]);

    let moved = client
        .call(
            "UpdateAlias",
            json!({"AliasName": "alias/a", "TargetKeyId": *two}),
        )
        .await;
    assert_eq!((moved.status, moved.body.len()), (200, 0));
    let described = client
        .call("DescribeKey", json!({"KeyId": "alias/a"}))
        .await
        .ok()
        .json();
    assert_eq!(described["KeyMetadata"]["Arn"], *two);
    let of_one = client
        .call("ListAliases", json!({"KeyId": *one}))
        .await
        .ok()
        .json();
    assert_eq!(of_one["Aliases"].as_array().unwrap().len(), 1);
    let page = client
        .call("ListAliases", json!({"KeyId": id_of(&two), "Limit": 1}))
        .await
        .ok()
        .json();
    assert_eq!(
        (&page["Truncated"], &page["NextMarker"]),
        (&json!(true), &json!("alias/a"))
    );
    let rest = json!({"KeyId": id_of(&two), "Limit": 1, "Marker": page["NextMarker"]});
    let page = client.call("ListAliases", rest).await.ok().json();
    assert_eq!(page["Aliases"][0]["AliasName"], "alias/c");
    assert_eq!(page["Truncated"], false);
    assert!(page.get("NextMarker").is_none());

    client
        .call("DeleteAlias", json!({"AliasName": "alias/b"}))
        .await
        .ok();
    for (operation, parameters) in [
        ("DeleteAlias", json!({"AliasName": "alias/b"})),
        (
            "UpdateAlias",
            json!({"AliasName": "alias/b", "TargetKeyId": *one}),
        ),
        ("DescribeKey", json!({"KeyId": "alias/b"})),
    ] {
        let refused = client.call(operation, parameters).await;
        assert_eq!(refused.told(), (400, "NotFoundException".into()), "{operation}");
        assert_eq!(
            refused.message(),
            "Alias arn:aws:kms:us-east-1:111122223333:alias/b is not found."
        );
    }
    for (operation, parameters, code) in [
        (
            "CreateAlias",
            json!({"AliasName": "alias/a", "TargetKeyId": *one}),
            "AlreadyExistsException",
        ),
        (
            "CreateAlias",
            json!({"AliasName": "alias/n", "TargetKeyId": UNKNOWN}),
            "NotFoundException",
        ),
        (
            "CreateAlias",
            json!({"AliasName": "alias/n", "TargetKeyId": "alias/a"}),
            "ValidationException",
        ),
        (
            "UpdateAlias",
            json!({"AliasName": "alias/a", "TargetKeyId": UNKNOWN}),
            "NotFoundException",
        ),
        ("DeleteAlias", json!({"AliasName": "a"}), "ValidationException"),
        (
            "CreateAlias",
            json!({"AliasName": "alias/aws/s3", "TargetKeyId": *one}),
            "NotAuthorizedException",
        ),
        ("ListAliases", json!({"KeyId": UNKNOWN}), "NotFoundException"),
        ("ListAliases", json!({"Marker": "x"}), "InvalidMarkerException"),
    ] {
        let refused = client.call(operation, parameters.clone()).await;
        assert_eq!(refused.told(), (400, code.into()), "{operation} {parameters}");
    }
    for operation in ["CreateAlias", "UpdateAlias"] {
        let name = if operation == "CreateAlias" {
            "alias/new"
        } else {
            "alias/a"
        };
        let by_state = codes_by_state(
            &mut client,
            operation,
            json!({"AliasName": name, "TargetKeyId": ""}),
        )
        .await;
        assert_eq!(by_state, ["ok", "KMSInvalidStateException"], "{operation}");
        let _there_was_none = client
            .call("DeleteAlias", json!({"AliasName": "alias/new"}))
            .await;
    }
}

#[tokio::test]
async fn tags_are_set_and_taken_away() {
    let fake = FakeKms::new();
    let (_server, mut client, key) = start(&fake).await;
    let tag = |key: &str, value: &str| json!({"TagKey": key, "TagValue": value});
    let set = client
        .call(
            "TagResource",
            json!({"KeyId": *key, "Tags": [tag("a", "1"), tag("b", "2")]}),
        )
        .await;
    assert_eq!((set.status, set.body.len()), (200, 0));
    client
        .call("TagResource", json!({"KeyId": *key, "Tags": [tag("b", "3")]}))
        .await
        .ok();
    client
        .call(
            "UntagResource",
            json!({"KeyId": *key, "TagKeys": ["a", "never there"]}),
        )
        .await
        .ok();
    let tags = client
        .call("ListResourceTags", json!({"KeyId": *key}))
        .await
        .ok()
        .json();
    assert_eq!(tags["Tags"], json!([tag("b", "3")]));

    let many: Vec<Value> = (0..49).map(|number| tag(&format!("t{number:02}"), "")).collect();
    client
        .call("TagResource", json!({"KeyId": *key, "Tags": many}))
        .await
        .ok();
    let page = client
        .call("ListResourceTags", json!({"KeyId": *key, "Limit": 49}))
        .await
        .ok()
        .json();
    assert_eq!(
        (&page["Truncated"], &page["NextMarker"]),
        (&json!(true), &json!("t47"))
    );
    let long = "x".repeat(129);
    for (tags, code) in [
        (json!([tag("one more", "")]), "LimitExceededException"),
        (json!([tag("a", ""), tag("a", "")]), "TagException"),
        (json!([tag("aws:x", "")]), "TagException"),
        (json!([tag("", "")]), "TagException"),
        (json!([tag(&long, "")]), "TagException"),
        (json!([tag("a", &"x".repeat(257))]), "TagException"),
        (json!([{"TagKey": "a"}]), "SerializationException"),
    ] {
        let refused = client
            .call("TagResource", json!({"KeyId": *key, "Tags": tags}))
            .await;
        assert_eq!(refused.told(), (400, code.into()), "{tags}");
    }
    let refused = client
        .call("CreateKey", json!({"Tags": [tag("a", ""), tag("a", "")]}))
        .await;
    assert_eq!(refused.told(), (400, "TagException".into()));
    for (operation, parameters) in [
        ("TagResource", json!({"KeyId": "", "Tags": []})),
        ("UntagResource", json!({"KeyId": "", "TagKeys": []})),
    ] {
        let by_state = codes_by_state(&mut client, operation, parameters).await;
        assert_eq!(by_state, ["ok", "KMSInvalidStateException"], "{operation}");
    }
}

#[tokio::test(start_paused = true)]
async fn keys_rotate_on_demand_and_by_the_calendar() {
    const DAY: Duration = Duration::from_secs(86_400);
    let fake = FakeKms::new();
    let (_server, mut client, key) = start(&fake).await;
    let by_key = json!({"KeyId": *key});
    let status = client
        .call("GetKeyRotationStatus", by_key.clone())
        .await
        .ok()
        .json();
    assert_eq!(status, json!({"KeyId": *key, "KeyRotationEnabled": false}));
    let none = client.call("ListKeyRotations", by_key.clone()).await.ok().json();
    assert_eq!(none, json!({"Rotations": [], "Truncated": false}));

    let parameters = json!({"KeyId": *key, "Plaintext": "aGVsbG8="});
    let before = client.call("Encrypt", parameters).await.ok().json();
    client.call("RotateKeyOnDemand", by_key.clone()).await.ok();
    let on = client
        .call(
            "EnableKeyRotation",
            json!({"KeyId": *key, "RotationPeriodInDays": 90}),
        )
        .await;
    assert_eq!((on.status, on.body.len()), (200, 0));
    let status = client
        .call("GetKeyRotationStatus", by_key.clone())
        .await
        .ok()
        .json();
    assert_eq!(
        (&status["KeyRotationEnabled"], &status["RotationPeriodInDays"]),
        (&json!(true), &json!(90))
    );
    let next = status["NextRotationDate"].as_f64().unwrap();
    let now = 1_767_225_600.0;
    assert!((next - now - 90.0 * 86_400.0).abs() < 5.0, "{status}");

    tokio::time::advance(DAY * 200).await;
    let all = json!({"KeyId": *key, "IncludeKeyMaterial": "ALL_KEY_MATERIAL"});
    let rotations = client.call("ListKeyRotations", all).await.ok().json();
    let told: Vec<_> = rotations["Rotations"]
        .as_array()
        .unwrap()
        .iter()
        .map(|entry| {
            (
                entry["RotationType"].as_str().unwrap_or("none"),
                entry["KeyMaterialState"].as_str().unwrap(),
            )
        })
        .collect();
    let expected = [
        ("none", "NON_CURRENT"),
        ("ON_DEMAND", "NON_CURRENT"),
        ("AUTOMATIC", "NON_CURRENT"),
        ("AUTOMATIC", "CURRENT"),
    ];
    assert_eq!(told, expected);
    let page = client
        .call("ListKeyRotations", json!({"KeyId": *key, "Limit": 2}))
        .await
        .ok()
        .json();
    assert_eq!(
        (page["Rotations"].as_array().unwrap().len(), &page["Truncated"]),
        (2, &json!(true))
    );
    let rest = json!({"KeyId": *key, "Marker": page["NextMarker"]});
    let page = client.call("ListKeyRotations", rest).await.ok().json();
    assert_eq!(
        (page["Rotations"].as_array().unwrap().len(), &page["Truncated"]),
        (1, &json!(false))
    );

    // What the first key material encrypted still opens, and says which it was.
    let opened = client
        .call("Decrypt", json!({"CiphertextBlob": before["CiphertextBlob"]}))
        .await
        .ok()
        .json();
    assert_eq!(opened["Plaintext"], "aGVsbG8=");
    assert_eq!(
        opened["KeyMaterialId"],
        rotations["Rotations"][0]["KeyMaterialId"]
    );
    client.call("DisableKeyRotation", by_key.clone()).await.ok();
    tokio::time::advance(DAY * 200).await;
    let after = client.call("ListKeyRotations", by_key.clone()).await.ok().json();
    assert_eq!(after["Rotations"].as_array().unwrap().len(), 3);
}

#[tokio::test]
async fn rotation_is_refused_where_kms_refuses_it() {
    let fake = FakeKms::new();
    let (_server, mut client, key) = start(&fake).await;
    for days in [89, 2561, -1] {
        let refused = client
            .call(
                "EnableKeyRotation",
                json!({"KeyId": *key, "RotationPeriodInDays": days}),
            )
            .await;
        assert_eq!(refused.told(), (400, "ValidationException".into()), "{days}");
    }
    let refused = client
        .call(
            "ListKeyRotations",
            json!({"KeyId": *key, "IncludeKeyMaterial": "SOME"}),
        )
        .await;
    assert_eq!(refused.told(), (400, "ValidationException".into()));
    for _ in 0..25 {
        client
            .call("RotateKeyOnDemand", json!({"KeyId": *key}))
            .await
            .ok();
    }
    let refused = client.call("RotateKeyOnDemand", json!({"KeyId": *key})).await;
    assert_eq!(refused.told(), (400, "LimitExceededException".into()));
    for operation in ["RotateKeyOnDemand", "EnableKeyRotation", "DisableKeyRotation"] {
        let by_state = codes_by_state(&mut client, operation, json!({"KeyId": ""})).await;
        assert_eq!(
            by_state,
            ["DisabledException", "KMSInvalidStateException"],
            "{operation}"
        );
        let refused = client.call(operation, json!({"KeyId": UNKNOWN})).await;
        assert_eq!(refused.told(), (400, "NotFoundException".into()), "{operation}");
    }
    let by_state = codes_by_state(&mut client, "GetKeyRotationStatus", json!({"KeyId": ""})).await;
    assert_eq!(by_state, ["ok", "ok"]);
}
