//! What the state of a key does to each operation: the key state table of the KMS Developer Guide.
use datakey_fake_kms::{FakeKms, KeyState, KmsErrorCode, KmsOperation as Op, NewKey};
use datakey_tests::fake_kms::{Client, start};
use serde_json::{Value, json};
use tokio::time::{Duration, advance};

use crate::world::World;

const DAY: Duration = Duration::from_secs(24 * 60 * 60);
const STATES: [KeyState; 4] = [
    KeyState::Enabled,
    KeyState::Disabled,
    KeyState::PendingDeletion,
    KeyState::PendingReplicaDeletion,
];

/// What an operation answers by the state of its key.
#[derive(Clone, Copy)]
enum Row {
    /// It works in every state.
    Always,
    /// It works unless the key is to be deleted.
    UnlessPending,
    /// It works with an enabled key.
    Enabled,
    /// It works with a key that is to be deleted.
    Pending,
    /// It is about no key that there is.
    NoKey,
}

const TABLE: [(Row, &[Op]); 5] = [
    (
        Row::Always,
        &[
            Op::DescribeKey,
            Op::DeleteAlias,
            Op::ListAliases,
            Op::GetKeyRotationStatus,
            Op::ListKeyRotations,
            Op::ListResourceTags,
            Op::GetKeyPolicy,
            Op::PutKeyPolicy,
            Op::ListKeyPolicies,
            Op::ListGrants,
            Op::RetireGrant,
            Op::RevokeGrant,
            // From a key in any state, to one that is not to be deleted.
            Op::UpdateAlias,
        ],
    ),
    (
        Row::UnlessPending,
        &[
            Op::UpdateKeyDescription,
            Op::EnableKey,
            Op::DisableKey,
            Op::ScheduleKeyDeletion,
            Op::CreateAlias,
            Op::TagResource,
            Op::UntagResource,
        ],
    ),
    (
        Row::Enabled,
        &[
            Op::GenerateDataKey,
            Op::GenerateDataKeyWithoutPlaintext,
            Op::Encrypt,
            Op::Decrypt,
            Op::ReEncrypt,
            Op::RotateKeyOnDemand,
            Op::EnableKeyRotation,
            Op::DisableKeyRotation,
            Op::ReplicateKey,
            Op::UpdatePrimaryRegion,
            Op::CreateGrant,
        ],
    ),
    (Row::Pending, &[Op::CancelKeyDeletion]),
    (
        Row::NoKey,
        &[
            Op::GenerateRandom,
            Op::CreateKey,
            Op::ListKeys,
            Op::ListRetirableGrants,
        ],
    ),
];

/// Code and message, without the ARN; nothing when it works.
type Told = Option<(KmsErrorCode, &'static str)>;

fn expected(row: Row, state: KeyState) -> Told {
    let pending = match state {
        KeyState::PendingDeletion => Some("is pending deletion."),
        KeyState::PendingReplicaDeletion => Some("is pending replica deletion."),
        _ => None,
    };
    let refused = pending.map(|message| (KmsErrorCode::InvalidState, message));
    let not_pending = (KmsErrorCode::InvalidState, "is not pending deletion.");
    match row {
        Row::Always | Row::NoKey => None,
        Row::UnlessPending => refused,
        Row::Enabled if state == KeyState::Disabled => Some((KmsErrorCode::Disabled, "is disabled.")),
        Row::Enabled => refused,
        Row::Pending if pending.is_none() => Some(not_pending),
        Row::Pending => None,
    }
}

/// A world whose key is in a state.
async fn world(state: KeyState, operation: Op) -> World {
    let is_of_family = matches!(operation, Op::ReplicateKey | Op::UpdatePrimaryRegion);
    let world = match state {
        KeyState::PendingReplicaDeletion => World::with_replica().await,
        // Without a replica, so that its own waiting period begins at once.
        KeyState::PendingDeletion if is_of_family => World::about(&NewKey::new().multi_region()).await,
        _ if is_of_family => World::with_replica().await,
        _ => World::new().await,
    };
    match state {
        KeyState::Disabled => world.fake.disable_key(&world.key).unwrap(),
        KeyState::PendingDeletion | KeyState::PendingReplicaDeletion => {
            world.fake.schedule_key_deletion(&world.key, 7).unwrap();
        }
        _ => {}
    }
    assert_eq!(world.fake.key_metadata(&world.key).unwrap().state, state);
    world
}

async fn check(client: &mut Client, operation: Op, parameters: Value, arn: &str, expected: Told) {
    let answer = client.call(operation.as_str(), parameters).await;
    let Some((code, message)) = expected else {
        assert_eq!(answer.status, 200, "{operation}: {}", answer.text());
        return;
    };
    assert_eq!(answer.told(), (400, code.as_str().to_owned()), "{operation}");
    assert_eq!(answer.message(), format!("{arn} {message}"), "{operation}");
}

#[test]
fn the_table_has_every_operation_once() {
    let rows = TABLE.iter().flat_map(|(_, operations)| operations.iter());
    let mut told: Vec<Op> = rows.copied().collect();
    told.sort_unstable();
    assert_eq!(told, Op::ALL);
}

#[tokio::test]
async fn each_state_allows_the_operations_that_the_developer_guide_says() {
    for (row, operations) in TABLE {
        for operation in operations {
            for state in STATES {
                let mut world = world(state, *operation).await;
                let mut parameters = world.parameters(*operation);
                if parameters["KeyId"].is_string() {
                    parameters["KeyId"] = Value::from(&*world.key);
                }
                let arn = world.key.clone();
                let expected = expected(row, state);
                check(&mut world.client, *operation, parameters, &arn, expected).await;
            }
        }
    }
}

#[tokio::test]
async fn an_alias_moves_from_a_key_in_any_state_but_not_to_one_that_is_to_be_deleted() {
    let fake = FakeKms::new();
    let (_server, mut client, key) = start(&fake).await;
    let (other, pending) = (fake.create_key().unwrap(), fake.create_key().unwrap());
    fake.create_alias("alias/one", &key).unwrap();
    fake.schedule_key_deletion(&pending, 7).unwrap();
    let to = |target: &str| json!({ "AliasName": "alias/one", "TargetKeyId": target });
    let refused = Some((KmsErrorCode::InvalidState, "is pending deletion."));
    check(&mut client, Op::UpdateAlias, to(&pending), &pending, refused).await;
    fake.schedule_key_deletion(&key, 7).unwrap();
    check(&mut client, Op::UpdateAlias, to(&other), &other, None).await;
    assert_eq!(fake.key_metadata("alias/one").unwrap().arn, other);
}

#[tokio::test]
async fn the_key_that_re_encrypt_goes_to_must_be_enabled_too() {
    for (state, code) in [
        (KeyState::Disabled, KmsErrorCode::Disabled),
        (KeyState::PendingDeletion, KmsErrorCode::InvalidState),
    ] {
        let mut world = World::new().await;
        let parameters = world.parameters(Op::ReEncrypt);
        match state {
            KeyState::Disabled => world.fake.disable_key(&world.other).unwrap(),
            _ => world.fake.schedule_key_deletion(&world.other, 7).unwrap(),
        }
        let answer = world.client.call("ReEncrypt", parameters).await;
        assert_eq!(answer.told(), (400, code.as_str().to_owned()), "{state}");
    }
}

#[tokio::test]
async fn a_replica_becomes_the_primary_only_while_it_is_enabled_and_its_own_policy_allows_it() {
    let mut world = World::with_replica().await;
    let there = world.fake.in_region("eu-west-1").unwrap();
    let replica = world.key.replace("us-east-1", "eu-west-1");
    let mut parameters = world.parameters(Op::UpdatePrimaryRegion);
    parameters["KeyId"] = Value::from(&*world.key);
    there.disable_key(&replica).unwrap();
    let disabled = Some((KmsErrorCode::Disabled, "is disabled."));
    check(
        &mut world.client,
        Op::UpdatePrimaryRegion,
        parameters.clone(),
        &replica,
        disabled,
    )
    .await;
    there.schedule_key_deletion(&replica, 7).unwrap();
    let pending = Some((KmsErrorCode::InvalidState, "is pending deletion."));
    check(
        &mut world.client,
        Op::UpdatePrimaryRegion,
        parameters.clone(),
        &replica,
        pending,
    )
    .await;
    there.cancel_key_deletion(&replica).unwrap();
    there.enable_key(&replica).unwrap();

    let allow = json!({ "Effect": "Allow", "Principal": "*", "Action": "kms:*", "Resource": "*" });
    let deny = json!({
        "Effect": "Deny", "Principal": "*", "Action": "kms:UpdatePrimaryRegion", "Resource": "*",
    });
    there
        .put_key_policy(&replica, &json!({ "Statement": [allow, deny] }).to_string())
        .unwrap();
    world.let_in(
        "AKIAADMIN",
        &json!({ "Statement": { "Effect": "Allow", "Action": "kms:*", "Resource": "*" } }),
    );
    let answer = world
        .client
        .call_as(
            "AKIAADMIN",
            "us-east-1",
            "UpdatePrimaryRegion",
            parameters.clone(),
        )
        .await;
    assert_eq!(answer.told(), (400, "AccessDeniedException".into()));
    assert!(answer.message().contains(&*replica), "{}", answer.message());
    there
        .put_key_policy(&replica, &json!({ "Statement": [allow] }).to_string())
        .unwrap();
    let answer = world
        .client
        .call_as("AKIAADMIN", "us-east-1", "UpdatePrimaryRegion", parameters)
        .await;
    assert_eq!(answer.status, 200, "{}", answer.text());
}

/// What `GetKeyRotationStatus` tells: whether it rotates, and when next, in days since the start of the fake.
async fn rotation(client: &mut Client, fake: &FakeKms, key: &str) -> (bool, Option<f64>) {
    let status = client.call("GetKeyRotationStatus", json!({ "KeyId": key })).await;
    let status = status.ok().json();
    let created = fake.key_metadata(key).unwrap().created.as_secs_f64();
    let next = status["NextRotationDate"].as_f64();
    (
        status["KeyRotationEnabled"].as_bool().unwrap(),
        next.map(|at| ((at - created) / DAY.as_secs_f64()).round()),
    )
}

async fn rotations(client: &mut Client, key: &str) -> usize {
    let told = client
        .call("ListKeyRotations", json!({ "KeyId": key }))
        .await
        .ok()
        .json();
    told["Rotations"].as_array().unwrap().len()
}

#[tokio::test(start_paused = true)]
async fn a_key_that_is_to_be_deleted_does_not_rotate_and_says_so_until_it_is_kept() {
    let fake = FakeKms::new();
    let (_server, mut client, key) = start(&fake).await;
    let by_period = json!({ "KeyId": *key, "RotationPeriodInDays": 90 });
    client.call("EnableKeyRotation", by_period).await.ok();
    assert_eq!(rotation(&mut client, &fake, &key).await, (true, Some(90.0)));
    fake.schedule_key_deletion(&key, 30).unwrap();
    let status = client
        .call("GetKeyRotationStatus", json!({ "KeyId": *key }))
        .await;
    assert_eq!(
        status.ok().json(),
        json!({ "KeyId": *key, "KeyRotationEnabled": false })
    );
    advance(DAY * 20).await;
    fake.cancel_key_deletion(&key).unwrap();
    assert_eq!(rotation(&mut client, &fake, &key).await, (true, Some(90.0)));
}

#[tokio::test(start_paused = true)]
async fn a_disabled_key_does_not_rotate_and_makes_up_for_it_once_when_it_is_enabled() {
    let fake = FakeKms::new();
    let (_server, mut client, key) = start(&fake).await;
    let by_period = json!({ "KeyId": *key, "RotationPeriodInDays": 90 });
    client.call("EnableKeyRotation", by_period).await.ok();
    advance(DAY * 100).await; // rotated on day 90, next on day 180
    fake.disable_key(&key).unwrap();
    assert_eq!(rotation(&mut client, &fake, &key).await, (true, Some(180.0)));
    advance(DAY * 300).await;
    assert_eq!(rotations(&mut client, &key).await, 1);
    fake.enable_key(&key).unwrap();
    assert_eq!(rotations(&mut client, &key).await, 2);
    assert_eq!(rotation(&mut client, &fake, &key).await, (true, Some(490.0)));

    // In time again, it goes on as if it had not been disabled.
    fake.disable_key(&key).unwrap();
    advance(DAY * 10).await;
    fake.enable_key(&key).unwrap();
    assert_eq!(rotations(&mut client, &key).await, 2);
    assert_eq!(rotation(&mut client, &fake, &key).await, (true, Some(490.0)));
}
