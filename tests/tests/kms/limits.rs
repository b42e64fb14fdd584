//! What KMS takes no more of is refused without asking it, each limit at its edge.
use std::error::Error as _;

use datakey_kms::{MAX_KMS_CIPHERTEXT_LEN, MAX_KMS_CONTEXT_LEN, Refusal};
use datakey_provider::{
    DataKeyLength, EncryptionContext, ErrorClass, OpeningProvider as _, ProviderError, SealingProvider as _,
    WrappedKey,
};
use datakey_tests::pipeline::Loopback;

fn refusal(error: &ProviderError) -> &Refusal {
    assert_eq!(error.class(), ErrorClass::InvalidRequest, "{error}");
    assert!(!error.is_retryable() && !refusal_of(error).is_retryable());
    refusal_of(error)
}

fn refusal_of(error: &ProviderError) -> &Refusal {
    error.source().unwrap().downcast_ref().unwrap()
}

#[tokio::test]
async fn contexts_and_ciphertexts_that_kms_takes_no_more_of_are_refused_without_a_call() {
    let loopback = Loopback::start().await;
    let provider = loopback.provider();
    // "k" and the value together.
    let long = |len: usize| EncryptionContext::new([("k", "v".repeat(len - 1))]).unwrap();
    let (most, over) = (long(MAX_KMS_CONTEXT_LEN), long(MAX_KMS_CONTEXT_LEN + 1));
    let made = provider
        .generate_data_key(&most, DataKeyLength::Bytes32)
        .await
        .unwrap();
    let wrapped = made.wrapped_keys().first();
    provider.decrypt(&most, wrapped).await.unwrap();
    let calls = loopback.fake.ledger().calls();
    assert_eq!(calls, 2);

    let len = MAX_KMS_CONTEXT_LEN + 1;
    let refused = [
        provider
            .generate_data_key(&over, DataKeyLength::Bytes32)
            .await
            .map(drop)
            .unwrap_err(),
        provider
            .encrypt(&over, made.data_key())
            .await
            .map(drop)
            .unwrap_err(),
        provider.decrypt(&over, wrapped).await.map(drop).unwrap_err(),
        provider.warm_up(&over).await.unwrap_err(),
    ];
    for error in &refused {
        assert_eq!(refusal(error), &Refusal::ContextTooLong { len });
    }
    let len = MAX_KMS_CIPHERTEXT_LEN + 1;
    let large = WrappedKey::new(wrapped.key_id(), vec![7; len]).unwrap();
    let refused = provider.decrypt(&most, &large).await.map(drop).unwrap_err();
    assert_eq!(refusal(&refused), &Refusal::CiphertextTooLong { len });
    assert_eq!(loopback.fake.ledger().calls(), calls, "KMS was not asked");
}
