//! What calls count against: providers say it, and several providers keep it apart.
use std::time::Duration;

use datakey_fake_kms::FakeKms;
use datakey_kms::KmsProvider;
use datakey_provider::{
    DataKey, DataKeyLength, EncryptionContext, ErrorClass, GeneratedDataKey, OpeningProvider, Operation,
    ProviderError, Rank, Scope, SealingProvider, Several, SeveralError, WrappedKey, WrappedKeys, async_trait,
};
use datakey_tests::kms::{KEY, KEY_ID, OTHER_KEY, REGION, client};

/// Fails with its error, on a quota of its own.
struct Fails(Rank, &'static str, ProviderError);

#[async_trait]
impl SealingProvider for Fails {
    async fn generate_data_key(
        &self,
        _: &EncryptionContext,
        _: DataKeyLength,
    ) -> Result<GeneratedDataKey, ProviderError> {
        Err(self.2.clone())
    }

    async fn encrypt(&self, _: &EncryptionContext, _: &DataKey) -> Result<WrappedKeys, ProviderError> {
        Err(self.2.clone())
    }

    fn sealing_scopes<'a>(&'a self, tell: &mut dyn FnMut(Scope<'a>)) {
        tell(Scope {
            quota: self.1,
            key: "key",
        });
    }
}

#[async_trait]
impl OpeningProvider for Fails {
    fn rank(&self, _: &WrappedKey) -> Option<Rank> {
        Some(self.0)
    }

    async fn decrypt(&self, _: &EncryptionContext, _: &WrappedKey) -> Result<DataKey, ProviderError> {
        Err(self.2.clone())
    }

    fn opening_scope<'a>(&'a self, wrapped: &'a WrappedKey) -> Scope<'a> {
        Scope {
            quota: self.1,
            key: wrapped.key_id(),
        }
    }
}

fn error(class: ErrorClass, code: &str, delay: Option<u64>) -> ProviderError {
    let error = ProviderError::new(class, Operation::Decrypt)
        .with_code(code)
        .with_quota(code);
    match delay {
        Some(seconds) => error.with_delay(Duration::from_secs(seconds)),
        None => error,
    }
}

async fn of_both(near: ProviderError, far: ProviderError) -> ProviderError {
    let both = Several::new([Fails(Rank::LOCAL, "near", near), Fails(Rank::REMOTE, "far", far)]);
    let wrapped = WrappedKey::new("key", *b"blob").unwrap();
    let opened = both.unwrap().decrypt(&EncryptionContext::empty(), &wrapped).await;
    opened.unwrap_err()
}

#[tokio::test]
async fn of_several_failures_the_code_quota_and_delay_that_matter_are_told() {
    use ErrorClass::{Denied, Throttled, Timeout, Transient};
    for (near, far, class, code, delay) in [
        ((Transient, None), (Throttled, None), Throttled, "far", None),
        (
            (Throttled, Some(9)),
            (Throttled, Some(2)),
            Throttled,
            "far",
            Some(2),
        ),
        (
            (Throttled, Some(1)),
            (Throttled, Some(2)),
            Throttled,
            "near",
            Some(1),
        ),
        ((Denied, None), (Throttled, Some(2)), Throttled, "far", Some(2)),
        ((Timeout, None), (Transient, None), Transient, "far", None),
        ((Timeout, Some(3)), (Denied, None), Timeout, "near", Some(3)),
        // The other may be back at any moment.
        ((Throttled, Some(9)), (Transient, None), Throttled, "near", None),
        ((Denied, None), (Denied, None), Denied, "near", None),
    ] {
        let told = of_both(error(near.0, "near", near.1), error(far.0, "far", far.1)).await;
        let found = (told.class(), told.code(), told.quota(), told.delay());
        assert_eq!(
            found,
            (class, Some(code), Some(code), delay.map(Duration::from_secs))
        );
        let several: &SeveralError = std::error::Error::source(&told).unwrap().downcast_ref().unwrap();
        let kept = |error: &ProviderError| error.code().map(str::to_owned);
        let codes: Vec<_> = several.failures().iter().map(kept).collect();
        assert_eq!(
            codes,
            [Some("near".to_owned()), Some("far".to_owned())],
            "none is lost"
        );
    }
}

fn sealing(provider: &(impl SealingProvider + ?Sized)) -> Vec<Scope<'_>> {
    let mut scopes = vec![];
    provider.sealing_scopes(&mut |scope| scopes.push(scope));
    scopes
}

#[tokio::test]
async fn sealing_counts_with_all_of_several_and_opening_with_the_first() {
    let failure = || error(ErrorClass::Transient, "code", None);
    let wrapped = WrappedKey::new("key", *b"blob").unwrap();
    for (ranks, first) in [
        ([Rank::LOCAL, Rank::REMOTE], "near"),
        ([Rank::LOCAL.busy(), Rank::REMOTE], "far"),
        ([Rank::LOCAL.busy(), Rank::REMOTE.unhealthy()], "near"),
        ([Rank::LOCAL.unhealthy(), Rank(300)], "far"),
    ] {
        let [near, far] = ranks;
        let all = Several::new([Fails(near, "near", failure()), Fails(far, "far", failure())]).unwrap();
        let quotas: Vec<_> = sealing(&all).iter().map(|scope| scope.quota).collect();
        assert_eq!(quotas, ["near", "far"]);
        assert_eq!(all.opening_scope(&wrapped).quota, first, "{ranks:?}");
    }
}

#[test]
fn what_is_unwell_ranks_behind_all_that_is_well_however_near_it_is() {
    for own in [0, 64, 191, 192, 255, 4000] {
        for other in [0, 64, 191, 192, 255, 4000] {
            let (own, other) = (Rank(own), Rank(other));
            assert!(own < other.busy() && own.busy() < other.unhealthy());
            assert_eq!(own < other, own.busy() < other.busy());
            assert_eq!(own < other, own.unhealthy() < other.unhealthy());
            assert_eq!(
                own.busy().unhealthy(),
                own.unhealthy(),
                "layers over layers say it once"
            );
            assert_eq!(own.unhealthy().busy(), own.unhealthy());
        }
    }
}

/// KMS counts the calls of the caller's account in a Region together, and those of a custom key store besides.
#[test]
fn kms_counts_by_account_and_region_and_by_custom_key_store() {
    let client = client("http://127.0.0.1:1");
    let from = || KmsProvider::from_client(&client);
    let wrapped = |key: &str| WrappedKey::new(key, *b"blob").unwrap();
    let plain = from().key(KEY).build().unwrap();
    assert_eq!(
        sealing(&plain),
        [Scope {
            quota: REGION,
            key: KEY
        }]
    );
    assert_eq!(
        plain.opening_scope(&wrapped(KEY)),
        Scope {
            quota: REGION,
            key: KEY
        }
    );

    let other = from().key(KEY).calling_account("other").build().unwrap();
    assert_ne!(sealing(&plain)[0].quota, sealing(&other)[0].quota);

    let store = from()
        .key(KEY_ID)
        .opening_key(OTHER_KEY)
        .custom_key_store(KEY_ID, "hsm")
        .build()
        .unwrap();
    let in_store = store.opening_scope(&wrapped(KEY)).quota.to_owned();
    assert_eq!(sealing(&store)[0].quota, in_store);
    assert_ne!(in_store, REGION);
    assert_eq!(store.opening_scope(&wrapped(OTHER_KEY)).quota, REGION);
    assert!(
        from()
            .key(KEY)
            .custom_key_store("nonsense", "hsm")
            .build()
            .is_err()
    );
}

#[test]
fn each_fake_and_each_of_its_regions_has_a_quota_of_its_own() {
    let (one, other) = (FakeKms::new(), FakeKms::new());
    let there = one.in_region("eu-west-1").unwrap();
    let providers = [&one, &other, &there].map(|fake| fake.provider(&fake.create_key().unwrap()));
    let [one, other, there] = [0, 1, 2].map(|place| sealing(&providers[place])[0]);
    assert!(one.quota != other.quota && one.quota != there.quota && other.quota != there.quota);
    assert_eq!(one.key, providers[0].key_arn());
}
