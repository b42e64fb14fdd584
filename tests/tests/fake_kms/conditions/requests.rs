//! What the request itself says.
use serde_json::{Value, json};

use super::*;

#[tokio::test]
async fn what_the_request_names_and_holds() {
    let mut by_alias = cryptographic("alias/orders");
    by_alias.extend(cryptographic("ALIAS-ARN"));
    by_alias.push(ask("DescribeKey", json!({ "KeyId": "alias/orders" })));
    for ask in &by_alias {
        let (key, fits, other) = ("kms:RequestAlias", json!("alias/orders"), json!("alias/shop"));
        decides(ask, "StringEquals", key, &fits, &other).await;
    }
    for ask in cryptographic("KEY") {
        let rows = [
            ("StringEquals", "kms:EncryptionContext:Tenant", "acme", "other"),
            (
                "ForAnyValue:StringEquals",
                "kms:EncryptionContextKeys",
                "tenant",
                "Tenant",
            ),
            (
                "ForAllValues:StringEquals",
                "kms:EncryptionContextKeys",
                "tenant",
                "purpose",
            ),
            (
                "StringEquals",
                "kms:EncryptionAlgorithm",
                "SYMMETRIC_DEFAULT",
                "RSAES_OAEP_SHA_256",
            ),
        ]
        .map(|(operator, key, fits, other)| (operator, key, json!(fits), json!(other)));
        decide(&ask, &rows).await;
    }
    for action in ["ReEncryptFrom", "ReEncryptTo"] {
        let key = "kms:ReEncryptOnSameKey";
        decides(
            &re_encrypt(action, "KEY", "alias/shop"),
            "Bool",
            key,
            &json!(true),
            &json!(false),
        )
        .await;
        decides(
            &re_encrypt(action, "KEY", "OTHER"),
            "Bool",
            key,
            &json!(false),
            &json!(true),
        )
        .await;
    }
    let mut unpinned = re_encrypt("ReEncryptFrom", "KEY", "KEY");
    unpinned.parameters.as_object_mut().unwrap().remove("SourceKeyId");
    decides(
        &unpinned,
        "Bool",
        "kms:ReEncryptOnSameKey",
        &json!(true),
        &json!(false),
    )
    .await;
}

#[tokio::test]
async fn what_a_grant_is_to_say() {
    let several = "ForAllValues:StringEquals";
    let any = "ForAnyValue:StringEquals";
    let rows = [
        (
            several,
            "kms:GrantOperations",
            json!(["Encrypt", "Decrypt"]),
            json!("Encrypt"),
        ),
        (
            any,
            "kms:GrantOperations",
            json!("Decrypt"),
            json!(["ReEncryptFrom", "CreateGrant"]),
        ),
        (
            "StringEquals",
            "kms:GranteePrincipal",
            json!(GRANTEE),
            json!(RETIRING),
        ),
        (
            "ArnLike",
            "kms:GranteePrincipal",
            json!("arn:*:iam::*:role/g*"),
            json!("arn:*:iam::*:user/*"),
        ),
        (
            "StringEquals",
            "kms:RetiringPrincipal",
            json!(RETIRING),
            json!(GRANTEE),
        ),
        (
            "StringEquals",
            "kms:GrantConstraintType",
            json!("EncryptionContextSubset"),
            json!("EncryptionContextEquals"),
        ),
        (
            "StringEquals",
            "kms:EncryptionContext:tenant",
            json!("acme"),
            json!("other"),
        ),
        (
            any,
            "kms:EncryptionContextKeys",
            json!("tenant"),
            json!("purpose"),
        ),
    ];
    decide(&create_grant(), &rows).await;
    for ask in [
        create_grant(),
        ask("ListGrants", json!({ "KeyId": "KEY" })),
        ask("RevokeGrant", json!({ "KeyId": "KEY", "GrantId": "GRANT" })),
    ] {
        decides(
            &ask,
            "Bool",
            "kms:GrantIsForAWSResource",
            &json!(false),
            &json!(true),
        )
        .await;
    }
}

#[tokio::test]
async fn how_long_and_where_to() {
    let deletion = |parameters: Value| {
        let mut parameters = parameters;
        parameters["KeyId"] = json!("KEY");
        ask("ScheduleKeyDeletion", parameters)
    };
    let rotation = |parameters: Value| Ask {
        operation: "EnableKeyRotation",
        action: "EnableKeyRotation",
        ..deletion(parameters)
    };
    let replicate = ask(
        "ReplicateKey",
        json!({ "KeyId": "LONELY", "ReplicaRegion": THERE }),
    );
    let promote = ask(
        "UpdatePrimaryRegion",
        json!({ "KeyId": "PRIMARY", "PrimaryRegion": THERE }),
    );
    let days = "kms:ScheduleKeyDeletionPendingWindowInDays";
    let period = "kms:RotationPeriodInDays";
    for (ask, operator, key, fits, other) in [
        (
            deletion(json!({ "PendingWindowInDays": 7 })),
            "NumericLessThan",
            days,
            json!(8),
            json!("7"),
        ),
        // The usual ones count as asked for.
        (
            deletion(json!({})),
            "NumericEquals",
            days,
            json!("30"),
            json!("7"),
        ),
        (
            rotation(json!({ "RotationPeriodInDays": 90 })),
            "NumericLessThanEquals",
            period,
            json!(90),
            json!(89),
        ),
        (
            rotation(json!({})),
            "NumericGreaterThan",
            period,
            json!(364),
            json!(365),
        ),
        (
            replicate,
            "StringEquals",
            "kms:ReplicaRegion",
            json!(THERE),
            json!(HERE),
        ),
        (
            promote,
            "StringLike",
            "kms:PrimaryRegion",
            json!("eu-*"),
            json!("us-*"),
        ),
    ] {
        decides(&ask, operator, key, &fits, &other).await;
    }
    let key = "kms:BypassPolicyLockoutSafetyCheck";
    for (ask, bypasses) in [
        (
            create_key(&json!({ "BypassPolicyLockoutSafetyCheck": true })),
            true,
        ),
        (
            create_key(&json!({ "BypassPolicyLockoutSafetyCheck": false })),
            false,
        ),
        (
            put_policy(json!({ "BypassPolicyLockoutSafetyCheck": true })),
            true,
        ),
        (
            put_policy(json!({ "BypassPolicyLockoutSafetyCheck": false })),
            false,
        ),
    ] {
        decides(&ask, "Bool", key, &json!(bypasses), &json!(!bypasses)).await;
    }
    for ask in [create_key(&json!({})), put_policy(json!({}))] {
        decides(&ask, "Null", key, &json!(true), &json!(false)).await;
    }
}

#[tokio::test]
async fn a_key_that_a_request_does_not_have_is_absent() {
    let on_key = |operation: &'static str| ask(operation, json!({ "KeyId": "KEY" }));
    let mut plain_grant = create_grant();
    for member in ["Constraints", "RetiringPrincipal"] {
        plain_grant.parameters.as_object_mut().unwrap().remove(member);
    }
    let no_context = ask("Encrypt", json!({ "KeyId": "KEY", "Plaintext": "aGVsbG8=" }));
    let by_blob = ask(
        "Decrypt",
        json!({ "CiphertextBlob": "BLOB", "EncryptionContext": acme() }),
    );
    let random = ask("GenerateRandom", json!({ "NumberOfBytes": 1 }));
    for (ask, key) in [
        (encrypt("KEY"), "kms:RequestAlias"),
        (by_blob, "kms:RequestAlias"),
        (on_key("DisableKey"), "kms:RequestAlias"),
        (on_key("DisableKey"), "kms:EncryptionAlgorithm"),
        (on_key("DisableKey"), "kms:GrantIsForAWSResource"),
        (no_context.clone(), "kms:EncryptionContext:tenant"),
        (no_context, "kms:EncryptionContextKeys"),
        (encrypt("KEY"), "kms:EncryptionContext:purpose"),
        (encrypt("KEY"), "kms:ReEncryptOnSameKey"),
        (encrypt("KEY"), "kms:MultiRegionKeyType"),
        (encrypt("KEY"), "aws:ResourceTag/owner"),
        (encrypt("OTHER"), "aws:ResourceTag/team"),
        (encrypt("LONELY"), "kms:ResourceAliases"),
        (encrypt("KEY"), "aws:PrincipalTag/owner"),
        (encrypt("KEY"), "aws:RequestTag/team"),
        (encrypt("KEY"), "aws:TagKeys"),
        (encrypt("KEY"), "kms:ViaService"),
        (plain_grant.clone(), "kms:RetiringPrincipal"),
        (plain_grant.clone(), "kms:GrantConstraintType"),
        (plain_grant, "kms:EncryptionContextKeys"),
        (create_key(&json!({})), "kms:CallerAccount"),
        (create_key(&json!({})), "kms:MultiRegionKeyType"),
        (create_key(&json!({})), "aws:TagKeys"),
        (ask("ListKeys", json!({})), "kms:KeySpec"),
        (ask("ListAliases", json!({})), "kms:CallerAccount"),
        (random.clone(), "kms:EncryptionAlgorithm"),
        (random, "kms:MultiRegion"),
    ] {
        decides(&ask, "Null", key, &json!(true), &json!(false)).await;
    }
}
