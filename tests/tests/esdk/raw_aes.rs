//! The raw AES keyring.
use datakey_esdk::{EncryptedDataKey, RawAesKey, RawKeyError};
use datakey_provider::{
    DataKeyLength, ErrorClass, OpeningProvider as _, Rank, SealingProvider as _, WrappedKey, conformance,
};
use datakey_tests::esdk::context;

fn key(namespace: &str, name: &str, byte: u8) -> RawAesKey {
    RawAesKey::new(namespace, name, &[byte; 32]).unwrap()
}

#[tokio::test]
async fn it_conforms_with_keys_of_each_length() {
    for len in [16, 24, 32] {
        let key = RawAesKey::new("shop", "2026", &vec![5; len]).unwrap();
        conformance::check(&key).await.unwrap();
    }
}

#[tokio::test]
async fn a_data_key_opens_under_its_own_namespace_name_key_and_context_only() {
    let (own, acme) = (key("shop", "one", 1), context(&[("tenant", "acme")]));
    for length in DataKeyLength::ALL {
        let made = own.generate_data_key(&acme, length).await.unwrap();
        let wrapped = made.wrapped_keys().first();
        assert_eq!(own.rank(wrapped), Some(Rank::LOCAL));
        assert!(own.decrypt(&acme, wrapped).await.unwrap().ct_eq(made.data_key()));
        for (foreign, class) in [
            (key("shop", "two", 1), ErrorClass::NotAuthentic),
            (key("shop", "on", 1), ErrorClass::NotAuthentic),
            (key("store", "one", 1), ErrorClass::InvalidRequest),
        ] {
            assert_eq!(foreign.rank(wrapped), None);
            let refused = foreign.decrypt(&acme, wrapped).await.unwrap_err();
            assert_eq!(refused.class(), class);
        }
        let refused = key("shop", "one", 2).decrypt(&acme, wrapped).await.unwrap_err();
        assert_eq!(refused.class(), ErrorClass::NotAuthentic);
        let refused = own
            .decrypt(&context(&[("tenant", "evil")]), wrapped)
            .await
            .unwrap_err();
        assert_eq!(refused.class(), ErrorClass::NotAuthentic);
        for at in 0..wrapped.blob().len() {
            let mut blob = wrapped.blob().to_vec();
            blob[at] ^= 1;
            let altered = WrappedKey::new(wrapped.key_id(), blob).unwrap();
            assert!(own.decrypt(&acme, &altered).await.is_err(), "{at}");
        }
        let key = EncryptedDataKey::of(wrapped).unwrap();
        assert_eq!((key.provider_id(), key.provider_info().len()), ("shop", 3 + 20));
        assert_eq!(key.ciphertext().len(), length.bytes() + 16);
    }
}

#[test]
fn what_is_no_raw_key_is_refused() {
    let made = |namespace: &str, name: &str, key: &[u8]| RawAesKey::new(namespace, name, key).map(|_key| ());
    assert_eq!(made("shop", "", &[1; 16]), Ok(()));
    assert_eq!(made("shop", "one", &[1; 20]), Err(RawKeyError::Length(20)));
    for namespace in ["", "aws-kms", "a\nb"] {
        assert_eq!(made(namespace, "one", &[1; 16]), Err(RawKeyError::Namespace));
    }
    let long = "x".repeat(60_001);
    assert_eq!(made("shop", &long, &[1; 16]), Err(RawKeyError::TooLong(60_001)));
    assert!(!format!("{:?}", key("shop", "one", 0xAB)).contains("171"));
}
