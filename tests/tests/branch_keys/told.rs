//! What branch keys tell of themselves, and to those above and below them.
use std::time::Duration;

use datakey_branch_keys::{
    BranchKeyIdError, Created, ItemError, ItemKind, NewBranchKey, NoBranchKey, ReadingStore as _,
    RetryingStore,
};
use datakey_fake_kms::{FaultRule, KmsErrorCode};
use datakey_provider::{DataKeyLength, ErrorClass, OpeningProvider as _, SealingProvider as _};
use datakey_retry::Policy;

use crate::stack::{Fault, Stack, admin, context};

#[tokio::test(start_paused = true)]
async fn what_is_printed_names_branch_keys_and_no_key() {
    let stack = Stack::new().await;
    let keys = stack.keys();
    let id = r#"BranchKeyId("tenant-acme")"#;
    assert_eq!(format!("{:?}", stack.id), id);
    for (printed, name) in [
        (format!("{:?}", keys.sealing()), "SealingBranchKeys"),
        (format!("{:?}", keys.opening()), "OpeningBranchKeys"),
        (format!("{:?}", stack.builder()), "BranchKeysBuilder"),
    ] {
        assert!(
            printed.starts_with(&format!("{name} {{ branch_key: ")),
            "{printed}"
        );
        assert!(
            printed.contains("tenant-acme") && printed.ends_with(", .. }"),
            "{printed}"
        );
    }
    let admin = format!("{:?}", stack.admin());
    let expected = format!("BranchKeyAdmin {{ kms_key: {:?}, .. }}", stack.kms.key_arn());
    assert_eq!(admin, expected);
    let item = stack
        .table
        .memory
        .get(&stack.id, ItemKind::Active)
        .await
        .unwrap()
        .unwrap();
    let printed = format!("{item:?}");
    assert!(
        printed.starts_with("Item { texts: ") && printed.contains("enc_len: "),
        "{printed}"
    );
}

#[test]
fn what_is_wrong_with_a_request_is_not_tried_again() {
    assert!(!NoBranchKey.is_retryable());
    assert!(!BranchKeyIdError::Empty.is_retryable());
    assert!(!ItemError::Other.is_retryable());
}

#[tokio::test(start_paused = true)]
async fn what_was_not_kept_is_not_said_to_be_forgotten_and_both_halves_pace_as_the_opening_one() {
    let stack = Stack::new().await;
    let keys = stack.keys();
    assert!(!keys.sealing().invalidate(&stack.id));
    let made = keys
        .generate_data_key(&context("acme"), DataKeyLength::Bytes32)
        .await
        .unwrap();
    assert!(keys.sealing().invalidate(&stack.id));
    assert!(!keys.sealing().invalidate(&stack.id));
    let wrapped = made.wrapped_keys().first();
    let scope = keys.opening().opening_scope(wrapped);
    assert!(!scope.key.is_empty(), "{scope:?}");
    assert_eq!(keys.opening_scope(wrapped), scope);
}

#[tokio::test(start_paused = true)]
async fn a_load_takes_no_longer_than_store_and_kms_may_be_tried() {
    let stack = Stack::new().await;
    let within = |seconds| Policy::default().with_deadline(Duration::from_secs(seconds));
    let keys = stack
        .builder()
        .retry(within(5))
        .store_retry(within(3))
        .build()
        .unwrap();
    let limit = Some(Duration::from_secs(8));
    assert_eq!(
        (keys.sealing_time_limit(), keys.opening_time_limit()),
        (limit, limit)
    );
    assert_eq!(keys.sealing().sealing_time_limit(), limit);
    assert_eq!(keys.opening().opening_time_limit(), limit);
}

#[tokio::test(start_paused = true)]
async fn a_store_that_is_tried_again_keeps_its_name_and_its_quota() {
    let stack = Stack::new().await;
    let store = RetryingStore::new(stack.table.memory.clone(), Policy::default());
    assert_eq!(store.quota(), stack.table.memory.quota());
    assert_eq!(store.logical_name(), "branch-keys");
    assert!(store.quota().len() > 2, "{}", store.quota());
}

#[tokio::test(start_paused = true)]
async fn an_admin_tries_store_and_kms_as_often_as_it_was_told() {
    let stack = Stack::new().await;
    let times = |times| Policy::default().with_max_attempts(times).without_breaker();
    let admin = stack.admin().retry(times(3), times(5));
    stack.table.set(Fault::Fails(ErrorClass::Throttled));
    let before = stack.table.reads();
    admin.active(&stack.id).await.unwrap_err();
    assert_eq!(stack.table.reads() - before, 5);
    stack.table.set(Fault::None);
    let _stays = stack.fake.inject(FaultRule::new(KmsErrorCode::Throttling));
    let before = stack.calls();
    let new = NewBranchKey::with_id("tenant-umbrella".parse().unwrap()).context([("tenant", "umbrella")]);
    admin.create(&new).await.unwrap_err();
    assert_eq!(stack.calls() - before, 3);
}

#[tokio::test(start_paused = true)]
async fn of_two_branch_keys_each_is_under_the_kms_key_that_it_was_found_under() {
    let stack = Stack::new().await;
    let other = stack.fake.provider(&stack.fake.create_key().unwrap());
    let second: datakey_branch_keys::BranchKeyId = "tenant-umbrella".parse().unwrap();
    let new = NewBranchKey::with_id(second.clone()).context([("tenant", "umbrella")]);
    let made = admin(&stack.table, &other).create(&new).await.unwrap();
    assert!(matches!(made, Created::Made(_)));
    let both = datakey_provider::Several::new([stack.kms.clone(), other.clone()]).unwrap();
    let keys = datakey_branch_keys::BranchKeys::builder(stack.table.clone(), both)
        .choose(|context| format!("tenant-{}", context.get("tenant")?).parse().ok())
        .build()
        .unwrap();
    let mut sealed = Vec::new();
    for tenant in ["acme", "umbrella"] {
        let made = keys
            .generate_data_key(&context(tenant), DataKeyLength::Bytes32)
            .await
            .unwrap();
        let wrapped = made.wrapped_keys().first().clone();
        keys.decrypt(&context(tenant), &wrapped).await.unwrap();
        sealed.push(wrapped);
    }
    for (at, kms) in [stack.kms.key_arn(), other.key_arn()].into_iter().enumerate() {
        for (of, wrapped) in sealed.iter().enumerate() {
            assert_eq!(keys.sealing_key_is(kms, wrapped.key_id()), at == of, "{at} {of}");
            assert_eq!(keys.opening_key_is(kms, wrapped.key_id()), at == of, "{at} {of}");
        }
    }
    assert_eq!(keys.sealing().snapshots().len(), 2);
}

#[tokio::test(start_paused = true)]
async fn what_is_forgotten_is_counted_by_versions() {
    let stack = Stack::new().await;
    let keys = stack.keys();
    for forget in 0..2 {
        let mut opened = 0;
        for _ in 0..2 {
            let made = keys
                .generate_data_key(&context("acme"), DataKeyLength::Bytes32)
                .await
                .unwrap();
            keys.decrypt(&context("acme"), made.wrapped_keys().first())
                .await
                .unwrap();
            opened += 1;
            stack.admin().rotate(&stack.id).await.unwrap();
            keys.sealing().invalidate(&stack.id);
        }
        let forgotten = match forget {
            0 => keys.opening().invalidate(&stack.id),
            _ => keys.opening().invalidate_key(stack.kms.key_arn()).unwrap(),
        };
        assert_eq!(forgotten, opened, "{forget}");
        assert_eq!(keys.opening().stats().live, 0);
    }
}
