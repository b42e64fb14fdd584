//! Two Regions, keys of two kinds in one message, rotations that are noticed, and an operator who is interrupted.
use std::{
    sync::Arc,
    task::{Context, Waker},
    time::Duration,
};

use datakey::{Aad, Opener, Sealer, esdk};
use datakey_branch_keys::{
    AdminError, BranchKeyId, BranchKeyLimits, BranchKeys, Item, ItemKind, NewBranchKey, Rotated,
};
use datakey_provider::{
    ErrorClass, GeneratedDataKey, KeyProvider, OpeningProvider as _, SealingProvider as _, Several,
};
use datakey_retry::Guarded;
use tokio::time::{advance, sleep};

use crate::{
    outside::{LENGTH, told_once},
    stack::{Fault, Stack, context},
};

const MINUTE: Duration = Duration::from_secs(60);

fn version(made: &GeneratedDataKey) -> Vec<u8> {
    made.wrapped_keys().first().blob()[28..44].to_vec()
}

#[tokio::test(start_paused = true)]
async fn with_a_table_in_each_of_two_regions_either_opens_while_the_other_is_ill() {
    let (near, far) = (Stack::new().await, Stack::new().await);
    let both = [near.keys(), far.keys()].map(Guarded::new);
    let keys = Several::new(both).unwrap();
    let sealer = Sealer::builder(keys).without_retry().build().unwrap();
    let message = sealer.seal(&context("acme"), b"order", Aad::EMPTY).await.unwrap();
    for ill in [&near, &far] {
        for fault in [
            Fault::Fails(ErrorClass::Transient),
            Fault::Fails(ErrorClass::Unauthenticated),
            Fault::Hangs,
        ] {
            ill.table.set(fault);
            let both = [near.keys(), far.keys()].map(Guarded::new);
            let opener = Opener::builder(Several::new(both).unwrap()).build().unwrap();
            for _ in 0..3 {
                let opened = opener.open(&context("acme"), &message, Aad::EMPTY).await;
                assert_eq!(opened.unwrap(), b"order", "{fault:?}");
            }
            ill.table.set(Fault::None);
        }
    }
    near.table.set(Fault::Fails(ErrorClass::Transient));
    far.table.set(Fault::Fails(ErrorClass::Throttled));
    let both = Several::new([near.keys(), far.keys()]).unwrap();
    let opener = Opener::builder(both).build().unwrap();
    let failed = opener
        .open(&context("acme"), &message, Aad::EMPTY)
        .await
        .unwrap_err();
    assert!(failed.is_retryable());
}

#[tokio::test(start_paused = true)]
async fn a_message_under_a_branch_key_and_a_kms_key_opens_by_whichever_there_is() {
    let stack = Stack::new().await;
    let each: [Arc<dyn KeyProvider>; 2] = [Arc::new(stack.keys()), Arc::new(stack.kms.clone())];
    for format in [None, Some(esdk::Params::new())] {
        let sealer = Sealer::builder(Several::new(each.clone()).unwrap());
        let sealer = match format {
            Some(params) => sealer.format(params),
            None => sealer,
        };
        let sealer = sealer.build().unwrap();
        let message = sealer.seal(&context("acme"), b"order", Aad::EMPTY).await.unwrap();
        let other = BranchKeys::builder(stack.table.clone(), stack.kms.clone())
            .branch_key("tenant-other".parse().unwrap())
            .build()
            .unwrap();
        stack.table.set(Fault::Hangs);
        let of_kms = Opener::builder(stack.kms.clone()).build().unwrap();
        let of_both = Opener::builder(Several::new(each.clone()).unwrap())
            .build()
            .unwrap();
        for opener in [of_kms, of_both] {
            let opened = opener.open(&context("acme"), &message, Aad::EMPTY).await;
            assert_eq!(opened.unwrap(), b"order");
        }
        stack.table.set(Fault::None);
        let of_branch_key = Opener::builder(stack.keys()).build().unwrap();
        let opened = of_branch_key.open(&context("acme"), &message, Aad::EMPTY).await;
        assert_eq!(opened.unwrap(), b"order");
        let foreign = Opener::builder(other).build().unwrap();
        let reads = stack.table.reads();
        let refused = foreign
            .open(&context("acme"), &message, Aad::EMPTY)
            .await
            .unwrap_err();
        assert_eq!(refused.class(), Some(ErrorClass::InvalidRequest));
        assert_eq!(stack.table.reads(), reads);
        told_once(&refused);
    }
}

#[tokio::test(start_paused = true)]
async fn credentials_that_expire_are_ridden_out_and_a_rotation_is_noticed_by_the_soft_age() {
    let stack = Stack::new().await;
    let limits = BranchKeyLimits::default().with_ages(MINUTE * 10, MINUTE * 30);
    let keys = stack.builder().limits(limits).build().unwrap();
    let old = keys.generate_data_key(&context("acme"), LENGTH).await.unwrap();
    keys.decrypt(&context("acme"), old.wrapped_keys().first())
        .await
        .unwrap();
    sleep(MINUTE * 11).await;
    stack.table.set(Fault::Fails(ErrorClass::Unauthenticated));
    for _ in 0..30 {
        let _made = keys.generate_data_key(&context("acme"), LENGTH).await.unwrap();
        keys.decrypt(&context("acme"), old.wrapped_keys().first())
            .await
            .unwrap();
        sleep(MINUTE / 2).await;
    }
    assert!(keys.sealing().stats().stale.total() > 0);
    stack.table.set(Fault::None);
    let Rotated::Made(_) = stack.admin().rotate(&stack.id).await.unwrap() else {
        panic!("nobody else rotates");
    };
    let mut versions = Vec::new();
    for _ in 0..24 {
        let made = keys.generate_data_key(&context("acme"), LENGTH).await.unwrap();
        versions.push(version(&made));
        sleep(MINUTE / 2).await;
    }
    assert_ne!(versions.last(), Some(&version(&old)));
    versions.dedup();
    assert!(versions.len() <= 2, "no way back to the old one");
    keys.decrypt(&context("acme"), old.wrapped_keys().first())
        .await
        .unwrap();
}

#[tokio::test(start_paused = true)]
async fn an_operator_who_is_interrupted_anywhere_begins_again_and_ends_well() {
    let latency = Duration::from_millis(100);
    for polls in 0..16 {
        let stack = Stack::new().await;
        stack.fake.set_latency(datakey_fake_kms::Latency::fixed(latency));
        let made = stack
            .keys()
            .generate_data_key(&context("acme"), LENGTH)
            .await
            .unwrap();
        // The version is put back on the way.
        assert!(
            stack
                .table
                .memory
                .remove(&stack.id, ItemKind::Version(stack.first.version))
        );
        let admin = stack.admin();
        {
            let mut rotating = Box::pin(admin.rotate(&stack.id));
            for _ in 0..polls {
                if rotating
                    .as_mut()
                    .poll(&mut Context::from_waker(Waker::noop()))
                    .is_ready()
                {
                    break;
                }
                tokio::task::yield_now().await;
                advance(latency / 2).await;
            }
        }
        admin.rotate(&stack.id).await.unwrap();
        for version in admin.versions(&stack.id).await.unwrap() {
            let kind = ItemKind::Version(version.version);
            admin.verify(&stack.id, kind).await.unwrap();
        }
        let back = admin.versions(&stack.id).await.unwrap();
        assert!(back.contains(&stack.first), "as it was: {:?}", stack.first);
        let keys = stack.keys();
        let opened = keys.decrypt(&context("acme"), made.wrapped_keys().first()).await;
        assert!(opened.unwrap().ct_eq(made.data_key()), "after {polls} polls");
    }
}

#[tokio::test(start_paused = true)]
async fn a_table_that_was_restored_in_part_is_said_and_nothing_is_made_over_it() {
    let stack = Stack::new().await;
    assert!(stack.table.memory.remove(&stack.id, ItemKind::Active));
    let before: Vec<Item> = stack.table.memory.dump();
    let same = NewBranchKey::with_id(stack.id.clone()).context([("tenant", "acme")]);
    let refused = stack.admin().create(&same).await.unwrap_err();
    assert!(matches!(refused, AdminError::Incomplete { .. }), "{refused}");
    assert!(!refused.is_retryable());
    let rotated = stack.admin().rotate(&stack.id).await.unwrap_err();
    assert!(matches!(rotated, AdminError::Missing { .. }));
    assert_eq!(stack.table.memory.dump(), before);
    let nobody: BranchKeyId = "nobody".parse().unwrap();
    let unknown = stack.admin().verify(&nobody, ItemKind::Active).await.unwrap_err();
    told_once(&unknown);
}
