//! Data keys under branch keys.
use datakey_branch_keys::{BranchKeyFault, BranchKeys, BuildError, MemoryStore, NewBranchKey, NoBranchKey};
use datakey_local::LocalKeys;
use datakey_provider::{
    DataKey, DataKeyLength, EncryptionContext, ErrorClass, OpeningProvider as _, ProviderError,
    SealingProvider as _, WrappedKey, conformance,
};
use std::error::Error as _;

use crate::stack::{Stack, context};

fn fault(error: &ProviderError) -> &BranchKeyFault {
    error.source().unwrap().downcast_ref().unwrap()
}

#[tokio::test]
async fn it_is_a_provider_as_the_traits_want_it() {
    let stack = Stack::new().await;
    conformance::check(&stack.keys()).await.unwrap();
}

#[tokio::test]
async fn each_length_of_data_key_opens_and_none_is_made_twice() {
    let stack = Stack::new().await;
    let keys = stack.keys();
    for length in DataKeyLength::ALL {
        let one = keys.generate_data_key(&context("acme"), length).await.unwrap();
        let other = keys.generate_data_key(&context("acme"), length).await.unwrap();
        assert!(!one.data_key().ct_eq(other.data_key()));
        assert_eq!(one.data_key().length(), length);
        let wrapped = one.wrapped_keys().first();
        assert_eq!(wrapped.key_id(), "branch-key:tenant-acme");
        assert_eq!(wrapped.blob().len(), 60 + length.bytes());
        let opened = keys.decrypt(&context("acme"), wrapped).await.unwrap();
        assert!(opened.ct_eq(one.data_key()));
    }
}

#[tokio::test]
async fn sealing_and_opening_in_one_process_take_one_read_and_one_call() {
    let stack = Stack::new().await;
    let (reads, calls) = (stack.table.reads(), stack.calls());
    let keys = stack.keys();
    for _ in 0..100 {
        let made = keys
            .generate_data_key(&context("acme"), DataKeyLength::Bytes32)
            .await
            .unwrap();
        keys.decrypt(&context("acme"), made.wrapped_keys().first())
            .await
            .unwrap();
    }
    assert_eq!((stack.table.reads() - reads, stack.calls() - calls), (1, 1));
    assert_eq!(keys.opening().stats().primed, 1);
}

#[tokio::test]
async fn every_flipped_bit_and_every_cut_is_not_authentic() {
    let stack = Stack::new().await;
    let keys = stack.keys();
    let made = keys
        .generate_data_key(&context("acme"), DataKeyLength::Bytes16)
        .await
        .unwrap();
    let wrapped = made.wrapped_keys().first();
    for bit in 0..wrapped.blob().len() * 8 {
        let mut blob = wrapped.blob().to_vec();
        blob[bit / 8] ^= 1 << (bit % 8);
        let forged = WrappedKey::new(wrapped.key_id(), blob).unwrap();
        let error = keys.decrypt(&context("acme"), &forged).await.unwrap_err();
        assert_eq!(error.class(), ErrorClass::NotAuthentic, "bit {bit}: {error}");
    }
    for len in 1..wrapped.blob().len() {
        let cut = WrappedKey::new(wrapped.key_id(), &wrapped.blob()[..len]).unwrap();
        let error = keys.decrypt(&context("acme"), &cut).await.unwrap_err();
        assert_eq!(error.class(), ErrorClass::NotAuthentic, "{len} bytes");
    }
    let longer = [wrapped.blob(), &[0]].concat();
    let longer = WrappedKey::new(wrapped.key_id(), longer).unwrap();
    let error = keys.decrypt(&context("acme"), &longer).await.unwrap_err();
    assert_eq!(error.class(), ErrorClass::NotAuthentic);
}

#[tokio::test]
async fn another_encryption_context_is_not_authentic_and_asks_nobody() {
    let stack = Stack::new().await;
    let keys = stack.keys();
    let made = keys
        .generate_data_key(&context("acme"), DataKeyLength::Bytes32)
        .await
        .unwrap();
    let calls = stack.calls();
    for other in [context("other"), EncryptionContext::empty()] {
        let error = keys
            .decrypt(&other, made.wrapped_keys().first())
            .await
            .unwrap_err();
        assert_eq!(error.class(), ErrorClass::NotAuthentic);
        assert!(!error.was_sent());
    }
    assert_eq!(stack.calls(), calls);
}

#[tokio::test]
async fn a_branch_key_is_chosen_by_the_context_and_another_one_is_refused() {
    let stack = Stack::new().await;
    let admin = stack.admin();
    let other = NewBranchKey::with_id("tenant-other".parse().unwrap()).context([("tenant", "other")]);
    admin.create(&other).await.unwrap();
    let keys = BranchKeys::builder(stack.table.clone(), stack.kms.clone())
        .choose(|context| format!("tenant-{}", context.get("tenant")?).parse().ok())
        .build()
        .unwrap();
    for tenant in ["acme", "other"] {
        let made = keys
            .generate_data_key(&context(tenant), DataKeyLength::Bytes32)
            .await
            .unwrap();
        let wrapped = made.wrapped_keys().first();
        assert_eq!(wrapped.key_id(), format!("branch-key:tenant-{tenant}"));
        keys.decrypt(&context(tenant), wrapped).await.unwrap();
        let swapped = if tenant == "acme" { "other" } else { "acme" };
        let error = keys.decrypt(&context(swapped), wrapped).await.unwrap_err();
        assert_eq!(error.class(), ErrorClass::InvalidRequest);
        assert!(matches!(fault(&error), BranchKeyFault::OtherBranchKey { .. }));
    }
    let nobody = EncryptionContext::new([("purpose", "orders")]).unwrap();
    let error = keys
        .generate_data_key(&nobody, DataKeyLength::Bytes32)
        .await
        .unwrap_err();
    assert!(error.source().unwrap().is::<NoBranchKey>());
    assert_eq!(error.class(), ErrorClass::InvalidRequest);
}

#[tokio::test]
async fn what_is_no_branch_keys_is_not_recognised_and_refused_without_a_call() {
    let stack = Stack::new().await;
    let keys = stack.keys();
    let calls = stack.calls();
    for key_id in ["local:x", "branch-key:", "branch-key:tenant-other", "tenant-acme"] {
        let foreign = WrappedKey::new(key_id, [7; 92]).unwrap();
        assert_eq!(keys.rank(&foreign), None, "{key_id}");
        let error = keys.decrypt(&context("acme"), &foreign).await.unwrap_err();
        assert_eq!(error.class(), ErrorClass::InvalidRequest, "{key_id}");
        assert!(!error.was_sent());
    }
    assert_eq!(stack.calls(), calls);
}

#[tokio::test]
async fn a_data_key_from_elsewhere_is_wrapped_for_a_second_recipient() {
    let stack = Stack::new().await;
    let keys = stack.keys();
    let data_key = DataKey::from_slice(&[9; 24]).unwrap();
    let wrapped = keys.encrypt(&context("acme"), &data_key).await.unwrap();
    let opened = keys.decrypt(&context("acme"), wrapped.first()).await.unwrap();
    assert!(opened.ct_eq(&data_key));
}

#[tokio::test]
async fn halves_that_are_built_alone_open_each_others() {
    let stack = Stack::new().await;
    let (sealing, opening) = (
        stack.builder().build_sealing().unwrap(),
        stack.builder().build_opening().unwrap(),
    );
    let made = sealing
        .generate_data_key(&context("acme"), DataKeyLength::Bytes32)
        .await
        .unwrap();
    assert!(
        opening
            .decrypt(&context("acme"), made.wrapped_keys().first())
            .await
            .unwrap()
            .ct_eq(made.data_key())
    );
}

#[tokio::test]
async fn local_keys_do_as_well_as_kms() {
    let kms = LocalKeys::generate("dev").unwrap();
    let store = MemoryStore::new("branch-keys");
    let admin = datakey_branch_keys::BranchKeyAdmin::new(store.clone(), kms.clone(), kms.active_key_id());
    let made = admin.create(&NewBranchKey::new()).await.unwrap();
    let id = made.into_description().id;
    let keys = BranchKeys::builder(store, kms).branch_key(id).build().unwrap();
    conformance::check(&keys).await.unwrap();
}

#[test]
fn without_a_branch_key_nothing_is_built() {
    let kms = LocalKeys::generate("dev").unwrap();
    let builder = BranchKeys::builder(MemoryStore::new("branch-keys"), kms);
    assert_eq!(builder.build().unwrap_err(), BuildError::NoBranchKey);
}
