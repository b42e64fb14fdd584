//! Both formats over branch keys.
use datakey::{Aad, Opener, Sealer, esdk};

use crate::stack::{Stack, context};

#[tokio::test]
async fn messages_of_both_formats_are_sealed_under_branch_keys_with_and_without_reuse() {
    let stack = Stack::new().await;
    let keys = stack.keys();
    let opener = Opener::builder(stack.keys()).without_retry().build().unwrap();
    let calls = stack.calls();
    for params in [None, Some(esdk::Suite::Aes256GcmHkdfSha512CommitKey)] {
        for cached in [true, false] {
            let builder = Sealer::builder(keys.clone()).without_retry();
            let builder = match params {
                Some(suite) => builder.format(esdk::Params::new().with_suite(suite)),
                None => builder,
            };
            let builder = if cached { builder } else { builder.without_cache() };
            let sealer = builder.build().unwrap();
            let mut messages = Vec::new();
            for order in 0..10_u32 {
                messages.push(
                    sealer
                        .seal(&context("acme"), &order.to_be_bytes(), Aad::EMPTY)
                        .await
                        .unwrap(),
                );
            }
            for (order, message) in (0..).zip(&messages) {
                let opened = opener.open(&context("acme"), message, Aad::EMPTY).await.unwrap();
                assert_eq!(opened, u32::to_be_bytes(order));
            }
        }
    }
    // One of the sealer's process, and one of the opener's.
    assert_eq!(stack.calls() - calls, 2);
}

#[test]
fn a_branch_key_is_a_hierarchical_data_key_in_messages_of_the_encryption_sdk() {
    let wrapped = datakey_provider::WrappedKey::new("branch-key:tenant-acme", [7; 92]).unwrap();
    let key = esdk::EncryptedDataKey::of(&wrapped).unwrap();
    assert_eq!(key.provider_id(), "aws-kms-hierarchy");
    assert_eq!(key.provider_info(), b"tenant-acme");
    assert_eq!(key.ciphertext(), [7; 92]);
    assert_eq!(key.to_wrapped_key().unwrap(), wrapped);
    for key_id in ["branch-key:", "esdk:aws-kms-hierarchy"] {
        let odd = datakey_provider::WrappedKey::new(key_id, b"\x00\x01ab".to_vec()).unwrap();
        assert!(esdk::EncryptedDataKey::of(&odd).is_err(), "{key_id}");
    }
}
