//! What is known of the key that is used, or is to be made.
use datakey_fake_kms::{FakeKms, KmsContext, NewKey, Principal};
use serde_json::json;

use super::*;

#[tokio::test]
async fn what_the_key_is() {
    for ask in on_a_key() {
        let rows = [
            ("StringEquals", "aws:ResourceTag/team", "shop", "bank"),
            (
                "ForAnyValue:StringLike",
                "kms:ResourceAliases",
                "alias/ord*",
                "alias/other",
            ),
            (
                "StringEquals",
                "kms:CallerAccount",
                "111122223333",
                "444455556666",
            ),
            ("StringEquals", "kms:KeySpec", "SYMMETRIC_DEFAULT", "RSA_2048"),
            ("Bool", "kms:MultiRegion", "false", "true"),
        ]
        .map(|(operator, key, fits, other)| (operator, key, json!(fits), json!(other)));
        decide(&ask, &rows).await;
    }
    let of_family = |region, key: &str| Ask {
        region,
        ..ask("DescribeKey", json!({ "KeyId": key }))
    };
    for ask in [encrypt("KEY"), ask("DisableKey", json!({ "KeyId": "KEY" }))] {
        let rows = [
            ("kms:KeyUsage", "ENCRYPT_DECRYPT", "SIGN_VERIFY"),
            ("kms:KeyOrigin", "AWS_KMS", "EXTERNAL"),
            ("kms:CustomerMasterKeySpec", "SYMMETRIC_DEFAULT", "RSA_2048"),
            ("kms:CustomerMasterKeyUsage", "ENCRYPT_DECRYPT", "SIGN_VERIFY"),
            ("aws:ResourceAccount", "111122223333", "444455556666"),
        ]
        .map(|(key, fits, other)| ("StringEquals", key, json!(fits), json!(other)));
        decide(&ask, &rows).await;
    }
    for (ask, fits, other) in [
        (of_family(HERE, "PRIMARY"), "PRIMARY", "REPLICA"),
        (of_family(THERE, "REPLICA"), "REPLICA", "PRIMARY"),
    ] {
        let key = "kms:MultiRegionKeyType";
        decides(&ask, "StringEquals", key, &json!(fits), &json!(other)).await;
        decides(&ask, "Bool", "kms:MultiRegion", &json!(true), &json!(false)).await;
    }
}

#[tokio::test]
async fn what_a_key_is_to_be() {
    let plain = create_key(&json!({}));
    let family = create_key(&json!({ "MultiRegion": true }));
    let replica = Ask {
        action: "CreateKey",
        ..ask(
            "ReplicateKey",
            json!({ "KeyId": "LONELY", "ReplicaRegion": THERE }),
        )
    };
    for (ask, operator, key, fits, other) in [
        (
            &plain,
            "StringEquals",
            "kms:KeySpec",
            json!("SYMMETRIC_DEFAULT"),
            json!("RSA_2048"),
        ),
        (
            &plain,
            "StringEquals",
            "kms:KeyUsage",
            json!("ENCRYPT_DECRYPT"),
            json!("SIGN_VERIFY"),
        ),
        (
            &plain,
            "StringEquals",
            "kms:KeyOrigin",
            json!("AWS_KMS"),
            json!("EXTERNAL"),
        ),
        (&plain, "Bool", "kms:MultiRegion", json!(false), json!(true)),
        (&family, "Bool", "kms:MultiRegion", json!("true"), json!("false")),
        (
            &family,
            "StringEquals",
            "kms:MultiRegionKeyType",
            json!("PRIMARY"),
            json!("REPLICA"),
        ),
        (&replica, "Bool", "kms:MultiRegion", json!(true), json!(false)),
        (
            &replica,
            "StringEquals",
            "kms:MultiRegionKeyType",
            json!("REPLICA"),
            json!("PRIMARY"),
        ),
        (
            &replica,
            "StringEquals",
            "aws:RequestedRegion",
            json!(THERE),
            json!(HERE),
        ),
    ] {
        decides(ask, operator, key, &fits, &other).await;
    }
    let of_tags = |action: &'static str, ask: &Ask| Ask {
        action,
        ..tagged(ask.clone())
    };
    for ask in [
        of_tags("CreateKey", &plain),
        of_tags("TagResource", &plain),
        of_tags("CreateKey", &replica),
        of_tags("TagResource", &replica),
        tagged(ask("TagResource", json!({ "KeyId": "OTHER" }))),
    ] {
        decides(
            &ask,
            "StringEquals",
            "aws:RequestTag/team",
            &json!("shop"),
            &json!("bank"),
        )
        .await;
        decides(
            &ask,
            "ForAnyValue:StringEquals",
            "aws:TagKeys",
            &json!("Team"),
            &json!("team"),
        )
        .await;
    }
    let untag = ask("UntagResource", json!({ "KeyId": "KEY", "TagKeys": ["Team"] }));
    decides(
        &untag,
        "ForAllValues:StringLike",
        "aws:TagKeys",
        &json!("T*"),
        &json!("Cost"),
    )
    .await;
}

#[tokio::test]
async fn aliases_and_tags_count_as_they_are_at_the_call() {
    let condition = json!({
        "ForAnyValue:StringEquals": { "kms:ResourceAliases": "alias/new" },
        "StringEquals": { "aws:ResourceTag/stage": "test" },
    });
    let mut world = World::with(&allow_if("Encrypt", &condition)).await;
    let ask = encrypt("KEY");
    assert!(!world.allows(&ask).await);
    let key = world.fill(&json!("KEY")).as_str().unwrap().to_owned();
    world.fake.create_alias("alias/new", &key).unwrap();
    assert!(!world.allows(&ask).await);
    let tags = |value: &str| json!({ "KeyId": key, "Tags": [{ "TagKey": "Stage", "TagValue": value }] });
    for (value, allowed) in [("test", true), ("live", false), ("test", true)] {
        world
            .client
            .call_as("USER", HERE, "TagResource", tags(value))
            .await
            .ok();
        assert_eq!(world.allows(&ask).await, allowed, "{value}");
    }
    let moved = world.fill(&json!({ "AliasName": "alias/new", "TargetKeyId": "OTHER" }));
    world
        .client
        .call_as("USER", HERE, "UpdateAlias", moved)
        .await
        .ok();
    assert!(!world.allows(&ask).await);
}

#[tokio::test]
async fn conditions_of_key_policies_are_weighed_alike() {
    let fake = FakeKms::new();
    let key = fake.create_key_with(&NewKey::new().tag("team", "shop")).unwrap();
    fake.create_alias("alias/orders", &key).unwrap();
    let own = json!({ "Statement": [] }).to_string();
    let user = Principal::new("USER", "secret", USER).unwrap();
    fake.add_principal(user.with_policy(&own).unwrap());
    let none = KmsContext::default();
    let as_user = fake.acting_as("USER").unwrap();
    for (operator, name, value, by, allowed) in [
        (
            "StringEquals",
            "kms:RequestAlias",
            "alias/orders",
            "alias/orders",
            true,
        ),
        ("StringEquals", "kms:RequestAlias", "alias/orders", &*key, false),
        ("StringEquals", "aws:ResourceTag/team", "shop", &*key, true),
        ("StringEquals", "aws:ResourceTag/team", "bank", &*key, false),
        // In process no address is told, and nobody listens in.
        ("Null", "aws:SourceIp", "true", &*key, true),
        ("Bool", "aws:SecureTransport", "true", &*key, true),
    ] {
        let policy = json!({ "Statement": {
            "Effect": "Allow", "Principal": { "AWS": USER }, "Action": "kms:Encrypt", "Resource": "*",
            "Condition": { operator: { name: value } },
        }});
        fake.put_key_policy(&key, &policy.to_string()).unwrap();
        let called = as_user.encrypt(by, &none, b"x").await;
        assert_eq!(called.is_ok(), allowed, "{name} {value}: {called:?}");
    }
}

#[tokio::test]
async fn a_key_with_tags_needs_leave_to_tag() {
    let ask = |tags: bool| {
        if tags {
            tagged(create_key(&json!({})))
        } else {
            create_key(&json!({}))
        }
    };
    let only = json!({ "Statement": { "Effect": "Allow", "Action": "kms:CreateKey", "Resource": "*" } });
    assert!(World::with(&only).await.allows(&ask(false)).await);
    assert!(!World::with(&only).await.allows(&ask(true)).await);
    let both = json!({ "Statement": [
        { "Effect": "Allow", "Action": "kms:CreateKey", "Resource": "*" },
        { "Effect": "Allow", "Action": "kms:TagResource", "Resource": "arn:aws:kms:*:111122223333:key/*" },
    ]});
    assert!(World::with(&both).await.allows(&ask(true)).await);
}
