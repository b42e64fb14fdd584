//! A reader that accepts some of a provider's wrapping keys.
use std::sync::Arc;

use datakey::{Aad, EncryptionContext, Opener, Sealer};
use datakey_local::LocalKeys;
use datakey_provider::{
    DataKeyLength, ErrorClass, OnlyUnder, OpeningProvider as _, Rank, SealingProvider as _, Several,
};

fn context() -> EncryptionContext {
    EncryptionContext::new([("tenant", "acme")]).unwrap()
}

/// A trusted key, another one, and both.
fn keys() -> (LocalKeys, LocalKeys, Arc<Several<LocalKeys>>) {
    let [trusted, other] = ["trusted", "other"].map(|name| LocalKeys::generate(name).unwrap());
    let both = Arc::new(Several::new([other.clone(), trusted.clone()]).unwrap());
    (trusted, other, both)
}

#[tokio::test]
async fn what_is_under_another_key_is_foreign_and_costs_no_call() {
    let (_, _, both) = keys();
    let made = both
        .generate_data_key(&context(), DataKeyLength::Bytes32)
        .await
        .unwrap();
    let [other, trusted] = made.wrapped_keys().as_slice() else {
        panic!("one under each")
    };
    let only = OnlyUnder::new(Arc::clone(&both), [trusted.key_id()]);
    assert_eq!((only.rank(trusted), only.rank(other)), (Some(Rank::LOCAL), None));
    let opened = only.decrypt(&context(), trusted).await.unwrap();
    assert_eq!(opened.expose_secret(), made.data_key().expose_secret());
    let refused = only.decrypt(&context(), other).await.unwrap_err();
    assert_eq!(refused.class(), ErrorClass::InvalidRequest);
    assert_eq!(refused.key_id(), Some(other.key_id()));
    assert!(!refused.was_sent());
    assert_eq!(
        only.opening_scope(trusted).key,
        both.opening_scope(trusted).key,
        "calls are paced as without it"
    );
    let none = OnlyUnder::new(both, Vec::<String>::new());
    assert!(none.rank(trusted).is_none() && none.decrypt(&context(), trusted).await.is_err());
}

#[tokio::test]
async fn a_message_opens_if_an_accepted_key_is_among_its_own_and_else_not() {
    let (trusted, other, both) = keys();
    let id = trusted
        .generate_data_key(&context(), DataKeyLength::Bytes32)
        .await
        .unwrap();
    let id = id.wrapped_keys().first().key_id().to_owned();
    let opener = Opener::new(OnlyUnder::new(Arc::clone(&both), [id]));
    let of_both = Sealer::new(both)
        .seal(&context(), b"order", Aad::EMPTY)
        .await
        .unwrap();
    let opened = opener.open(&context(), &of_both, Aad::EMPTY).await;
    assert_eq!(opened.unwrap(), b"order");
    let of_other = Sealer::new(other)
        .seal(&context(), b"order", Aad::EMPTY)
        .await
        .unwrap();
    let refused = opener.open(&context(), &of_other, Aad::EMPTY).await.unwrap_err();
    assert!(!refused.is_retryable(), "{refused:?}");
}
