//! The operators of conditions, each at its edges, and what is refused of documents.
use datakey_fake_kms::{FakeKms, KmsContext, KmsErrorCode, Principal, PrincipalError};
use serde_json::{Value, json};

const USER: &str = "arn:aws:iam::111122223333:user/user";

/// Whether a condition on a tag of the caller holds, which is told this.
async fn holds(operator: &str, wanted: &Value, told: Option<&str>) -> bool {
    let policy = json!({ "Statement": {
        "Effect": "Allow", "Action": "*", "Resource": "*",
        "Condition": { operator: { "aws:PrincipalTag/told": wanted } },
    }});
    let fake = FakeKms::new();
    let mut user = Principal::new("USER", "secret", USER).unwrap();
    if let Some(told) = told {
        user = user.with_tag("Told", told);
    }
    fake.add_principal(user.with_policy(&policy.to_string()).unwrap());
    fake.acting_as("USER").unwrap().generate_random(1).await.is_ok()
}

#[tokio::test]
async fn each_operator_at_its_edges() {
    let arn = "arn:aws:iam::111122223333:role/a:b";
    for (operator, wanted, told, expected) in [
        ("StringEquals", json!("acme"), "acme", true),
        ("StringEquals", json!("acme"), "Acme", false),
        ("StringEquals", json!("a*"), "acme", false),
        ("StringEquals", json!(["x", "acme"]), "acme", true),
        ("StringEquals", json!([]), "acme", false),
        ("StringNotEquals", json!(["x", "acme"]), "acme", false),
        ("StringNotEquals", json!(["x", "y"]), "acme", true),
        ("StringNotEquals", json!([]), "acme", true),
        ("StringEqualsIgnoreCase", json!("ACME"), "acme", true),
        ("StringNotEqualsIgnoreCase", json!("ACME"), "acme", false),
        ("StringLike", json!("a?m*"), "acme", true),
        ("StringLike", json!("A*"), "acme", false),
        ("StringNotLike", json!(["x*", "a*"]), "acme", false),
        ("StringNotLike", json!("x*"), "acme", true),
        ("NumericEquals", json!(7), "7", true),
        ("NumericEquals", json!("7"), "7.0", true),
        ("NumericEquals", json!("-7.5"), "-7.50", true),
        ("NumericEquals", json!(7), "seven", false),
        ("NumericNotEquals", json!(7), "8", true),
        ("NumericNotEquals", json!(7), "7", false),
        ("NumericNotEquals", json!(7), "seven", true),
        ("NumericLessThan", json!(7), "6.99", true),
        ("NumericLessThan", json!(7), "7", false),
        ("NumericLessThan", json!(10), "9", true),
        ("NumericLessThanEquals", json!(7), "7", true),
        ("NumericLessThanEquals", json!(7), "7.01", false),
        ("NumericGreaterThan", json!([100, 7]), "8", true),
        ("NumericGreaterThan", json!(7), "7", false),
        ("NumericGreaterThanEquals", json!(7), "7", true),
        ("NumericGreaterThanEquals", json!(7), "-8", false),
        ("DateEquals", json!("2026-01-01"), "2026-01-01T00:00:00Z", true),
        (
            "DateEquals",
            json!("2026-01-01T01:00:00+01:00"),
            "1767225600",
            true,
        ),
        ("DateEquals", json!(1_767_225_600), "2026-01-01T00:00:00Z", true),
        ("DateNotEquals", json!("2026"), "2026-01-01", false),
        ("DateNotEquals", json!("2026"), "no date", true),
        ("DateLessThan", json!("2026-01-01"), "2025-12-31T23:59:59Z", true),
        ("DateLessThan", json!("2026-01-01"), "2026-01-01", false),
        ("DateLessThanEquals", json!("2026-01-01"), "2026-01-01", true),
        (
            "DateGreaterThan",
            json!("2026-01-01"),
            "2026-01-01T00:00:01Z",
            true,
        ),
        ("DateGreaterThan", json!("2026-01-01"), "2026", false),
        ("DateGreaterThanEquals", json!("2026-01-01"), "2026", true),
        ("DateGreaterThanEquals", json!("2026-01-01"), "no date", false),
        ("Bool", json!(true), "true", true),
        ("Bool", json!("True"), "true", true),
        ("Bool", json!(false), "true", false),
        ("Bool", json!(false), "no", false),
        ("Bool", json!(["true", "false"]), "false", true),
        ("IpAddress", json!("203.0.113.0/24"), "203.0.113.9", true),
        ("IpAddress", json!("203.0.113.0/24"), "203.0.114.9", false),
        ("IpAddress", json!("2001:db8::/32"), "2001:db8::1", true),
        ("IpAddress", json!("0.0.0.0/0"), "nowhere", false),
        ("NotIpAddress", json!("203.0.113.0/24"), "203.0.113.9", false),
        (
            "NotIpAddress",
            json!(["10.0.0.0/8", "2001:db8::/32"]),
            "203.0.113.9",
            true,
        ),
        ("ArnEquals", json!("arn:aws:iam::*:role/*"), arn, true),
        ("ArnLike", json!("arn:aws:iam::111122223333:role/a?b"), arn, true),
        ("ArnLike", json!("arn:aws:*:role/a:b"), arn, false),
        ("ArnNotLike", json!("arn:aws:iam::*:user/*"), arn, true),
        ("ArnNotEquals", json!("arn:*:*:*:*:*"), arn, false),
        ("Null", json!(false), "", true),
        ("Null", json!("true"), "x", false),
    ] {
        let found = holds(operator, &wanted, Some(told)).await;
        assert_eq!(found, expected, "{operator} {wanted} {told:?}");
    }
}

#[tokio::test]
async fn of_a_key_that_is_absent_only_what_is_negated_holds() {
    for (operator, wanted) in [
        ("StringEquals", json!("x")),
        ("StringEqualsIgnoreCase", json!("x")),
        ("StringLike", json!("*")),
        ("NumericEquals", json!(1)),
        ("NumericLessThan", json!(1)),
        ("NumericLessThanEquals", json!(1)),
        ("NumericGreaterThan", json!(1)),
        ("NumericGreaterThanEquals", json!(1)),
        ("DateEquals", json!("2026")),
        ("DateLessThan", json!("2026")),
        ("DateLessThanEquals", json!("2026")),
        ("DateGreaterThan", json!("2026")),
        ("DateGreaterThanEquals", json!("2026")),
        ("Bool", json!(false)),
        ("IpAddress", json!("0.0.0.0/0")),
        ("ArnEquals", json!("arn:*:*:*:*:*")),
        ("ArnLike", json!("arn:*:*:*:*:*")),
    ] {
        assert!(!holds(operator, &wanted, None).await, "{operator}");
        for (operator, expected) in [
            (format!("{operator}IfExists"), true),
            (format!("ForAllValues:{operator}"), true),
            (format!("ForAnyValue:{operator}"), false),
            (format!("ForAnyValue:{operator}IfExists"), true),
        ] {
            assert_eq!(holds(&operator, &wanted, None).await, expected, "{operator}");
        }
    }
    for (operator, wanted) in [
        ("StringNotEquals", json!("x")),
        ("StringNotEqualsIgnoreCase", json!("x")),
        ("StringNotLike", json!("*")),
        ("NumericNotEquals", json!(1)),
        ("DateNotEquals", json!("2026")),
        ("NotIpAddress", json!("0.0.0.0/0")),
        ("ArnNotEquals", json!("arn:*:*:*:*:*")),
        ("ArnNotLike", json!("arn:*:*:*:*:*")),
        ("Null", json!(true)),
    ] {
        assert!(holds(operator, &wanted, None).await, "{operator}");
        let any = format!("ForAnyValue:{operator}");
        if operator != "Null" {
            assert!(
                holds(&format!("{operator}IfExists"), &wanted, None).await,
                "{operator}"
            );
            assert!(!holds(&any, &wanted, None).await, "{any}");
        }
    }
    assert!(!holds("Null", &json!(false), None).await);
    // That a key must exist and be like something is said by both.
    assert!(!holds("StringLikeIfExists", &json!("x"), Some("y")).await);
}

#[tokio::test]
async fn sets_are_compared_as_they_are_told_to() {
    let fake = FakeKms::new();
    let key = fake.create_key().unwrap();
    let (none, one, two) = (&[][..], &["a"][..], &["a", "b"][..]);
    for (operator, wanted, told, expected) in [
        ("ForAllValues:StringEquals", json!(["a", "b", "c"]), two, true),
        ("ForAllValues:StringEquals", json!("a"), two, false),
        ("ForAllValues:StringEquals", json!("a"), none, true),
        ("ForAllValues:StringEquals", json!([]), one, false),
        ("ForAllValues:StringNotEquals", json!(["c", "d"]), two, true),
        ("ForAllValues:StringNotEquals", json!(["b", "d"]), two, false),
        ("ForAllValues:StringLike", json!("?"), two, true),
        ("ForAnyValue:StringEquals", json!(["b", "c"]), two, true),
        ("ForAnyValue:StringEquals", json!("c"), two, false),
        ("ForAnyValue:StringEquals", json!("a"), none, false),
        ("ForAnyValue:StringNotEquals", json!("a"), two, true),
        ("ForAnyValue:StringNotEquals", json!("a"), one, false),
        ("ForAnyValue:StringEqualsIgnoreCase", json!("B"), two, true),
        ("Null", json!(false), two, true),
        ("Null", json!(true), none, true),
    ] {
        let policy = json!({ "Statement": {
            "Effect": "Allow", "Action": "*", "Resource": "*",
            "Condition": { operator: { "kms:EncryptionContextKeys": wanted } },
        }});
        let user = Principal::new("USER", "secret", USER).unwrap();
        fake.add_principal(user.with_policy(&policy.to_string()).unwrap());
        let context = KmsContext::new(told.iter().map(|key| (*key, "x"))).unwrap();
        let called = fake
            .acting_as("USER")
            .unwrap()
            .encrypt(&key, &context, b"x")
            .await;
        assert_eq!(called.is_ok(), expected, "{operator} {wanted} {told:?}");
    }
}

/// What is wrong with a condition in the policy of a principal, and in that of a key.
fn refusals(condition: &Value) -> [Option<String>; 2] {
    let mut statement =
        json!({ "Effect": "Allow", "Action": "kms:*", "Resource": "*", "Condition": condition });
    let own = json!({ "Statement": statement }).to_string();
    let user = Principal::new("USER", "secret", USER).unwrap();
    let of_user = user.with_policy(&own).err().map(|error| {
        assert!(matches!(error, PrincipalError::Policy(_)), "{error}");
        error.to_string()
    });
    statement["Principal"] = json!("*");
    let fake = FakeKms::new();
    let key = fake.create_key().unwrap();
    let put = fake.put_key_policy(&key, &json!({ "Statement": statement }).to_string());
    let of_key = put.err().map(|error| {
        assert_eq!(error.code(), KmsErrorCode::MalformedPolicy);
        error.message().to_owned()
    });
    [of_user, of_key]
}

#[test]
fn what_would_be_decided_wrongly_is_refused_with_its_name() {
    for (condition, told) in [
        (
            json!({ "StringEquals": { "aws:PrincipalOrgID": "o-1" } }),
            "aws:PrincipalOrgID",
        ),
        (
            json!({ "StringEquals": { "aws:SourceVpce": "vpce-1" } }),
            "aws:SourceVpce",
        ),
        (json!({ "NumericLessThan": { "kms:ValidTo": 1 } }), "kms:ValidTo"),
        (
            json!({ "StringEquals": { "kms:SigningAlgorithm": "x" } }),
            "kms:SigningAlgorithm",
        ),
        (
            json!({ "StringEquals": { "kms:RequestAliases": "x" } }),
            "kms:RequestAliases",
        ),
        (
            json!({ "StringEquals": { "aws:ResourceTag": "x" } }),
            "aws:ResourceTag",
        ),
        (
            json!({ "StringEquals": { "aws:RequestTag/": "x" } }),
            "aws:RequestTag/",
        ),
        (
            json!({ "StringEquals": { "kms:EncryptionContext": "x" } }),
            "kms:EncryptionContext",
        ),
        (
            json!({ "BinaryEquals": { "kms:KeySpec": "eA==" } }),
            "BinaryEquals",
        ),
        (
            json!({ "StringMatches": { "kms:KeySpec": "x" } }),
            "StringMatches",
        ),
        (json!({ "NumericLike": { "aws:EpochTime": 1 } }), "NumericLike"),
        (
            json!({ "ForSomeValues:StringEquals": { "aws:TagKeys": "x" } }),
            "ForSomeValues",
        ),
        (json!({ "NullIfExists": { "kms:KeySpec": true } }), "NullIfExists"),
        (
            json!({ "ForAnyValue:Null": { "aws:TagKeys": true } }),
            "ForAnyValue:Null",
        ),
        (
            json!({ "StringEquals": { "kms:GrantOperations": "Decrypt" } }),
            "ForAllValues: or ForAnyValue:",
        ),
        (json!({ "StringLike": { "aws:TagKeys": "T*" } }), "aws:TagKeys"),
        (
            json!({ "NumericEquals": { "aws:EpochTime": "soon" } }),
            "\"soon\"",
        ),
        (json!({ "NumericEquals": { "aws:EpochTime": "inf" } }), "\"inf\""),
        (
            json!({ "DateLessThan": { "aws:CurrentTime": "2026-01-01T00:00:00" } }),
            "with a zone",
        ),
        (json!({ "Bool": { "kms:MultiRegion": "yes" } }), "true or false"),
        (json!({ "Null": { "kms:KeySpec": "maybe" } }), "true or false"),
        (
            json!({ "IpAddress": { "aws:SourceIp": "10.0.0.*" } }),
            "\"10.0.0.*\"",
        ),
        (
            json!({ "StringEquals": { "aws:PrincipalArn": "${aws:userid}" } }),
            "${aws:userid}",
        ),
    ] {
        for refusal in refusals(&condition) {
            let refusal = refusal.unwrap_or_else(|| panic!("{condition} is taken"));
            assert!(refusal.contains(told), "{condition}: {refusal}");
        }
    }
}

#[test]
fn what_kms_refuses_of_key_policies_only_is_fine_in_those_of_principals() {
    for (condition, told) in [
        (
            json!({ "ForAllValues:StringEquals": { "kms:EncryptionContext:tenant": "acme" } }),
            "OverlyPermissiveCondition",
        ),
        (
            json!({ "ForAllValues:StringEquals": { "aws:RequestTag/team": "shop" } }),
            "OverlyPermissiveCondition",
        ),
        (
            json!({ "ForAnyValue:StringEquals": { "kms:ResourceAliases": "alias/orders" } }),
            "for the policies of principals only",
        ),
    ] {
        let [of_user, of_key] = refusals(&condition);
        assert_eq!(of_user, None, "{condition}");
        let of_key = of_key.unwrap_or_else(|| panic!("{condition} is taken"));
        assert!(of_key.contains(told), "{condition}: {of_key}");
    }
}
