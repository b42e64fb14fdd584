//! A reader that accepts some of a provider's wrapping keys.
use std::{sync::Arc, time::Duration};

use datakey::{Aad, EncryptionContext, Opener, Sealer};
use datakey_local::LocalKeys;
use datakey_provider::{
    DataKey, DataKeyLength, ErrorClass, GeneratedDataKey, NoTraffic, OnlyUnder, OpeningProvider, Operation,
    ProviderError, Rank, Scope, SealingProvider, Several, WrappedKey, WrappedKeys, async_trait,
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

#[test]
fn names_and_time_limits_are_those_of_the_provider_beneath() {
    let (trusted, other, both) = keys();
    let only = OnlyUnder::new(Arc::clone(&both), ["local:trusted"]);
    for name in ["trusted", "local:trusted", "other", "nobody"] {
        for key_id in ["local:trusted", "local:other"] {
            let beneath = both.opening_key_is(name, key_id);
            assert_eq!(only.opening_key_is(name, key_id), beneath, "{name} {key_id}");
        }
    }
    assert!(only.opening_key_is("local:trusted", "local:trusted"));
    assert!(!only.opening_key_is("nobody", "local:trusted"));
    for local in [trusted, other] {
        let only = OnlyUnder::new(local.clone(), ["local:trusted"]);
        assert_eq!(only.opening_time_limit(), local.opening_time_limit());
    }
    let wrapped = WrappedKey::new("slow:key", *b"blob").unwrap();
    let only = OnlyUnder::new(Slow, ["slow:key"]);
    assert_eq!(only.opening_time_limit(), Some(Duration::from_secs(7)));
    let busy = only.opening_scope_amid(&wrapped, &NoTraffic);
    assert_eq!((busy.quota, busy.key), ("slow", "slow:key"));
    let plain = OnlyUnder::new(Plain, ["slow:key"]);
    assert_eq!(plain.opening_time_limit(), None, "where nothing is said");
    assert_eq!(Plain.sealing_time_limit(), None);
    let scope = Scope::of_key("slow:key");
    assert_eq!((scope.quota, scope.key), ("", "slow:key"));
}

/// Says how long its calls take, and what they count against.
struct Slow;

#[async_trait]
impl OpeningProvider for Slow {
    fn rank(&self, _: &WrappedKey) -> Option<Rank> {
        Some(Rank::LOCAL)
    }

    async fn decrypt(&self, _: &EncryptionContext, _: &WrappedKey) -> Result<DataKey, ProviderError> {
        Err(ProviderError::new(ErrorClass::Timeout, Operation::Decrypt))
    }

    fn opening_scope<'a>(&'a self, wrapped: &'a WrappedKey) -> Scope<'a> {
        let key = wrapped.key_id();
        Scope { quota: "slow", key }
    }

    fn opening_time_limit(&self) -> Option<Duration> {
        Some(Duration::from_secs(7))
    }
}

/// Says nothing that it need not.
struct Plain;

#[async_trait]
impl OpeningProvider for Plain {
    fn rank(&self, _: &WrappedKey) -> Option<Rank> {
        Some(Rank::LOCAL)
    }

    async fn decrypt(&self, _: &EncryptionContext, _: &WrappedKey) -> Result<DataKey, ProviderError> {
        Err(ProviderError::new(ErrorClass::Timeout, Operation::Decrypt))
    }
}

#[async_trait]
impl SealingProvider for Plain {
    async fn generate_data_key(
        &self,
        _: &EncryptionContext,
        _: DataKeyLength,
    ) -> Result<GeneratedDataKey, ProviderError> {
        Err(ProviderError::new(
            ErrorClass::Timeout,
            Operation::GenerateDataKey,
        ))
    }

    async fn encrypt(&self, _: &EncryptionContext, _: &DataKey) -> Result<WrappedKeys, ProviderError> {
        Err(ProviderError::new(ErrorClass::Timeout, Operation::Encrypt))
    }
}

#[test]
fn what_is_printed_of_keys_and_classes_says_which_and_shows_no_byte() {
    let (_, _, both) = keys();
    assert!(format!("{both:?}").len() > 2);
    let key = DataKey::from_slice(&[0xA5; 32]).unwrap();
    let printed = format!("{key:?}");
    assert!(printed.starts_with("DataKey(") && !printed.contains("165") && !printed.contains("a5"));
    for class in ErrorClass::ALL {
        assert!(class.to_string().len() > 10, "{class:?}");
    }
}
