//! What is known of the caller, and of the moment.
use datakey_fake_kms::{FakeKms, Principal};
use serde_json::json;

use super::*;

#[tokio::test]
async fn who_calls_from_where_and_when() {
    for ask in [
        encrypt("KEY"),
        ask("ListKeys", json!({})),
        create_key(&json!({})),
        ask("GenerateRandom", json!({ "NumberOfBytes": 1 })),
    ] {
        let rows = [
            ("ArnEquals", "aws:PrincipalArn", json!(USER), json!(GRANTEE)),
            (
                "StringEquals",
                "aws:PrincipalAccount",
                json!(111_122_223_333_u64),
                json!("444455556666"),
            ),
            (
                "StringEquals",
                "aws:PrincipalTag/team",
                json!("shop"),
                json!("Shop"),
            ),
            (
                "StringEquals",
                "aws:PrincipalType",
                json!("User"),
                json!("AssumedRole"),
            ),
            ("StringEquals", "aws:username", json!("USER"), json!("teams/USER")),
            ("Bool", "aws:PrincipalIsAWSService", json!(false), json!(true)),
            ("Bool", "aws:ViaAWSService", json!(false), json!(true)),
            (
                "IpAddress",
                "aws:SourceIp",
                json!(["10.0.0.0/8", "127.0.0.0/8"]),
                json!("10.0.0.0/8"),
            ),
            (
                "NotIpAddress",
                "aws:SourceIp",
                json!("10.0.0.0/8"),
                json!("127.0.0.1"),
            ),
            ("Bool", "aws:SecureTransport", json!("false"), json!("true")),
            ("StringEquals", "aws:RequestedRegion", json!(HERE), json!(THERE)),
            (
                "DateLessThan",
                "aws:CurrentTime",
                json!("2026-01-02"),
                json!("2026-01-01T00:00:00Z"),
            ),
            (
                "DateGreaterThanEquals",
                "aws:CurrentTime",
                json!("2025"),
                json!("2026-02"),
            ),
            (
                "NumericLessThan",
                "aws:EpochTime",
                json!("1767312000"),
                json!(1_767_225_600),
            ),
            (
                "DateGreaterThan",
                "aws:EpochTime",
                json!("1767225599"),
                json!("2026-02"),
            ),
        ]
        .map(|(operator, key, fits, other)| (operator, key, json!(fits), json!(other)));
        decide(&ask, &rows).await;
    }
}

#[tokio::test]
async fn the_clock_that_is_moved_is_the_one_of_conditions() {
    let condition = json!({ "DateLessThan": { "aws:CurrentTime": "2026-01-08T00:00:00Z" } });
    let mut world = World::with(&allow_if("Encrypt", &condition)).await;
    assert!(world.allows(&encrypt("KEY")).await);
    world
        .fake
        .advance_clock(std::time::Duration::from_secs(7 * 24 * 60 * 60));
    assert!(!world.allows(&encrypt("KEY")).await);
}

#[tokio::test]
async fn a_principal_can_be_said_to_call_from_an_address() {
    let fake = FakeKms::new();
    let policy = json!({ "Statement": {
        "Effect": "Allow", "Action": "kms:*", "Resource": "*",
        "Condition": { "IpAddress": { "aws:SourceIp": "203.0.113.0/24" } },
    }});
    for (name, address, allowed) in [("INSIDE", "203.0.113.7", true), ("OUTSIDE", "203.0.114.7", false)] {
        let user = Principal::new(name, "secret", USER).unwrap();
        let user = user.with_source_ip(address.parse().unwrap());
        fake.add_principal(user.with_policy(&policy.to_string()).unwrap());
        let called = fake.acting_as(name).unwrap().generate_random(1).await;
        assert_eq!(called.is_ok(), allowed, "{address}: {called:?}");
    }
}

#[tokio::test]
async fn a_session_goes_by_the_arn_of_its_role() {
    let fake = FakeKms::new();
    let policy = json!({ "Statement": {
        "Effect": "Allow", "Action": "kms:*", "Resource": "*",
        "Condition": { "ArnEquals": { "aws:PrincipalArn": "arn:aws:iam::111122223333:role/shop" } },
    }});
    for (role, allowed) in [("shop", true), ("bank", false)] {
        let arn = format!("arn:aws:sts::111122223333:assumed-role/{role}/session-1");
        let session = Principal::new("SESSION", "secret", &arn).unwrap();
        fake.add_principal(session.with_policy(&policy.to_string()).unwrap());
        let called = fake.acting_as("SESSION").unwrap().generate_random(1).await;
        assert_eq!(called.is_ok(), allowed, "{role}");
    }
}
