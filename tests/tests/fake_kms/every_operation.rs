//! What holds for every operation: it is dispatched, asks for its own action, refuses what lacks a member, has a quota, and is
//! told in ledger and metrics under its own name.
use datakey_fake_kms::{KmsOperation, Outcome, Quota};
use serde_json::json;

use crate::world::World;

const HERE: &str = "us-east-1";
/// What a caller must be allowed for an operation, as the KMS permissions reference has it.
fn actions(operation: KmsOperation) -> Vec<String> {
    let names: &[&str] = match operation {
        KmsOperation::ReEncrypt => &["ReEncryptFrom", "ReEncryptTo"],
        KmsOperation::ReplicateKey => &["ReplicateKey", "CreateKey"],
        other => &[other.as_str()],
    };
    names.iter().map(|name| format!("kms:{name}")).collect()
}

/// The members that a request must have, as the API reference has them.
fn required(operation: KmsOperation) -> &'static [&'static str] {
    use KmsOperation as Op;
    match operation {
        Op::GenerateRandom
        | Op::CreateKey
        | Op::ListKeys
        | Op::ListAliases
        | Op::ListRetirableGrants
        | Op::RetireGrant => &[],
        Op::Decrypt => &["ciphertextBlob"],
        Op::ReEncrypt => &["ciphertextBlob", "destinationKeyId"],
        Op::Encrypt => &["keyId", "plaintext"],
        Op::CreateAlias | Op::UpdateAlias => &["aliasName", "targetKeyId"],
        Op::DeleteAlias => &["aliasName"],
        Op::ReplicateKey => &["keyId", "replicaRegion"],
        Op::UpdatePrimaryRegion => &["keyId", "primaryRegion"],
        Op::UpdateKeyDescription => &["keyId", "description"],
        Op::TagResource => &["keyId", "tags"],
        Op::UntagResource => &["keyId", "tagKeys"],
        Op::PutKeyPolicy => &["keyId", "policy"],
        Op::CreateGrant => &["keyId", "operations"],
        Op::RevokeGrant => &["keyId", "grantId"],
        _ => &["keyId"],
    }
}

#[tokio::test]
async fn every_operation_is_dispatched_and_told_under_its_own_name() {
    for operation in KmsOperation::ALL {
        let mut world = World::new().await;
        let answer = world
            .client
            .call(operation.as_str(), world.parameters(*operation))
            .await;
        assert_eq!(answer.status, 200, "{operation}: {}", answer.text());
        let ledger = world.fake.ledger();
        assert_eq!(ledger.calls(), 1, "{operation}");
        assert_eq!(ledger.count(*operation, Outcome::Success), 1, "{operation}");
        let metrics = world.client.get("/metrics").await.ok().text();
        for line in [
            format!(
                "fake_kms_calls_total{{region=\"{HERE}\",operation=\"{operation}\",outcome=\"success\"}} 1\n"
            ),
            format!("fake_kms_answer_seconds_count{{region=\"{HERE}\",operation=\"{operation}\"}} 1\n"),
        ] {
            assert!(metrics.contains(&line), "{operation}: {metrics}");
        }
        assert_eq!(KmsOperation::from_name(operation.as_str()), Some(*operation));
    }
}

#[tokio::test]
async fn every_operation_asks_for_its_own_actions_and_no_others() {
    for operation in KmsOperation::ALL {
        for denied in actions(*operation) {
            let mut world = World::new().await;
            let policy = json!({ "Statement": [
                { "Effect": "Allow", "Action": "kms:*", "Resource": "*" },
                { "Effect": "Deny", "Action": denied, "Resource": "*" },
            ] });
            world.let_in("AKIADENIED", &policy);
            let parameters = world.parameters(*operation);
            let answer = world
                .client
                .call_as("AKIADENIED", HERE, operation.as_str(), parameters)
                .await;
            assert_eq!(
                answer.told(),
                (400, "AccessDeniedException".into()),
                "{operation} without {denied}"
            );
            let told = answer.message();
            assert!(
                told.contains(&format!("not authorized to perform: {denied} on")),
                "{told}"
            );
        }
        let mut world = World::new().await;
        let policy =
            json!({ "Statement": { "Effect": "Allow", "Action": actions(*operation), "Resource": "*" } });
        world.let_in("AKIAALLOWED", &policy);
        let parameters = world.parameters(*operation);
        let answer = world
            .client
            .call_as("AKIAALLOWED", HERE, operation.as_str(), parameters)
            .await;
        assert_eq!(
            answer.status,
            200,
            "{operation} with its own actions: {}",
            answer.text()
        );
    }
}

#[tokio::test]
async fn every_operation_refuses_what_lacks_a_member_and_names_all_that_it_lacks() {
    let mut world = World::new().await;
    for operation in KmsOperation::ALL {
        let required = required(*operation);
        let answer = world.client.call(operation.as_str(), json!({})).await;
        if required.is_empty() {
            let told = answer.text();
            assert!(!told.contains("must not be null"), "{operation}: {told}");
            continue;
        }
        assert_eq!(answer.told(), (400, "ValidationException".into()), "{operation}");
        let message = answer.message();
        let found = message.matches("must not be null").count();
        assert_eq!(found, required.len(), "{operation}: {message}");
        for member in required {
            assert!(
                message.contains(&format!("Value null at '{member}'")),
                "{operation}: {message}"
            );
        }
        assert_eq!(answer.json()["message"], message);
    }
}

#[tokio::test]
async fn every_operation_is_in_a_quota() {
    for operation in KmsOperation::ALL {
        assert_ne!(Quota::of_kms(*operation, HERE), Quota::UNLIMITED, "{operation}");
        let mut world = World::new().await;
        world.fake.set_operation_quota(*operation, Quota::per_second(0));
        let parameters = world.parameters(*operation);
        let answer = world.client.call(operation.as_str(), parameters.clone()).await;
        assert_eq!(answer.told(), (400, "ThrottlingException".into()), "{operation}");
        world.fake.set_operation_quota(*operation, Quota::UNLIMITED);
        world.fake.set_quota(Quota::per_second(0));
        let answer = world.client.call(operation.as_str(), parameters).await;
        let is_throttled = answer.status == 400 && answer.told().1 == "ThrottlingException";
        assert_eq!(is_throttled, operation.is_cryptographic(), "{operation}");
    }
}

#[tokio::test]
async fn every_listing_refuses_pages_that_are_longer_than_the_api_reference_allows() {
    let most = [
        (KmsOperation::ListKeys, 1000),
        (KmsOperation::ListAliases, 100),
        (KmsOperation::ListKeyRotations, 1000),
        (KmsOperation::ListResourceTags, 50),
        (KmsOperation::ListKeyPolicies, 1000),
        (KmsOperation::ListGrants, 100),
        (KmsOperation::ListRetirableGrants, 100),
    ];
    let listings = KmsOperation::ALL
        .iter()
        .filter(|operation| operation.as_str().starts_with("List"));
    assert_eq!(listings.count(), most.len());
    let mut world = World::new().await;
    for (operation, most) in most {
        let mut parameters = world.parameters(operation);
        for (limit, allowed) in [
            (1, true),
            (most, true),
            (most + 1, false),
            (0, false),
            (-1, false),
        ] {
            parameters["Limit"] = limit.into();
            let answer = world.client.call(operation.as_str(), parameters.clone()).await;
            assert_eq!(answer.status == 200, allowed, "{operation} {limit}");
            if !allowed {
                assert_eq!(answer.told().1, "ValidationException", "{operation} {limit}");
                let value = format!("Value '{limit}' at 'limit' failed to satisfy constraint");
                assert!(answer.message().contains(&value), "{}", answer.message());
            }
        }
    }
}
