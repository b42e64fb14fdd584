//! What a material makes before the provider is asked, and what it says of itself when a keyring is built.
use std::sync::{
    Arc,
    atomic::{AtomicU64, Ordering::SeqCst},
};

use datakey_keyring::{
    ConfigError, DataKeys, Draft, KeyringError, MissReason, OpeningKeyring, SealingKeyring, SealingLimits,
    SealingMaterial, Usage,
};
use datakey_provider::{
    EncryptionContext, ErrorClass, GeneratedDataKey, OpeningProvider as _, Operation, ProviderError,
};
use datakey_tests::keyring::{Does, Scripted, context};
use tokio::task::JoinSet;

const ONE: Usage = Usage::message(100);

/// Binds a number to each data key, as a format does a public key.
#[derive(Clone, Default)]
struct Numbering {
    drafts: Arc<AtomicU64>,
    refuses: bool,
    unusable: bool,
}

/// A data key, its number, and the context that it was made with.
type Numbered = (GeneratedDataKey, u64, EncryptionContext);

impl SealingMaterial for Numbering {
    type Key = Numbered;

    fn max_messages(&self) -> u64 {
        1_000
    }

    fn check_settings(&self) -> Result<(), &'static str> {
        if self.unusable {
            Err("it is unusable")
        } else {
            Ok(())
        }
    }

    fn draft(&self, context: &EncryptionContext) -> Result<Option<Draft<Numbered>>, ProviderError> {
        if self.refuses {
            return Err(ProviderError::new(
                ErrorClass::Internal,
                Operation::GenerateDataKey,
            ));
        }
        let number = self.drafts.fetch_add(1, SeqCst);
        let text = number.to_string();
        let pairs = context.iter().chain([("number", text.as_str())]);
        let whole = EncryptionContext::new(pairs).unwrap();
        Ok(Some(Draft::new(whole, move |made, whole| {
            Ok((made, number, whole.clone()))
        })))
    }

    fn prepare(&self, _: GeneratedDataKey, _: &EncryptionContext) -> Result<Numbered, ProviderError> {
        panic!("there is a draft")
    }
}

fn keyring(provider: &Scripted, material: Numbering) -> SealingKeyring<Numbering> {
    let limits = SealingLimits::default().with_max_messages(1_000);
    let builder = SealingKeyring::builder().material(material).limits(limits);
    builder.build(provider.clone()).unwrap()
}

#[tokio::test(start_paused = true)]
async fn a_draft_is_made_once_for_each_load_and_its_context_is_the_providers_alone() {
    let (provider, material) = (Scripted::taking(5), Numbering::default());
    let keyring = keyring(&provider, material.clone());
    let own = context("acme");
    let mut callers = JoinSet::new();
    for _ in 0..50 {
        let (keyring, own) = (keyring.clone(), own.clone());
        callers.spawn(async move { keyring.key(&own, ONE).await.unwrap() });
    }
    let keys = callers.join_all().await;
    assert_eq!((material.drafts.load(SeqCst), provider.generated()), (1, 1));
    let (made, number, whole) = &*keys[0];
    assert!(keys.iter().all(|key| key.same(&keys[0])));
    assert_eq!(
        (*number, whole.get("number"), whole.len()),
        (0, Some("0"), own.len() + 1)
    );
    // The wrapped key opens with the draft's context only, and the kept key is found under the caller's own.
    let wrapped = made.wrapped_keys().first();
    assert!(provider.decrypt(whole, wrapped).await.is_ok());
    assert!(keyring.try_key(&own, ONE).is_some());
    assert!(keyring.try_key(whole, ONE).is_none());
    assert_eq!(keyring.snapshots()[0].context, own);
    assert_eq!(keyring.invalidate_context(&own), 1);
    assert_eq!(
        keyring.key(&own, ONE).await.unwrap().1,
        1,
        "the next key has a draft of its own"
    );
    assert_eq!(keyring.key(&own, Usage::unknown_length()).await.unwrap().1, 2);
}

#[tokio::test(start_paused = true)]
async fn a_draft_that_cannot_be_made_fails_the_load_without_a_call_and_one_of_a_failed_call_is_dropped() {
    let provider = Scripted::default();
    let refusing = Numbering {
        refuses: true,
        ..Numbering::default()
    };
    let failed = keyring(&provider, refusing)
        .key(&context("acme"), ONE)
        .await
        .unwrap_err();
    assert_eq!(
        (failed.class(), provider.generated()),
        (Some(ErrorClass::Internal), 0)
    );

    let material = Numbering::default();
    let keyring = keyring(&provider, material.clone());
    provider.does(Does::Fail(ErrorClass::Throttled));
    let failed = keyring.key(&context("acme"), ONE).await.unwrap_err();
    assert_eq!(failed.class(), Some(ErrorClass::Throttled));
    provider.does(Does::Work);
    assert_eq!(keyring.key(&context("acme"), ONE).await.unwrap().1, 1);
}

#[tokio::test]
async fn a_keyring_is_not_built_over_a_material_that_allows_less_or_cannot_be_used() {
    let build = |material: Numbering, messages| {
        let limits = SealingLimits::default().with_max_messages(messages);
        let builder = SealingKeyring::builder().material(material).limits(limits);
        builder.build(Scripted::default()).map(drop)
    };
    assert_eq!(build(Numbering::default(), 1_000), Ok(()));
    let too_many = ConfigError::TooManyMessages {
        wanted: 1_001,
        limit: 1_000,
    };
    assert_eq!(build(Numbering::default(), 1_001), Err(too_many));
    let unusable = Numbering {
        unusable: true,
        ..Numbering::default()
    };
    assert_eq!(build(unusable, 1), Err(ConfigError::Material("it is unusable")));
}

#[tokio::test(start_paused = true)]
async fn with_refresh_by_use_off_a_key_is_used_up_before_the_next_is_loaded() {
    for (on, after_one_key) in [(true, 2), (false, 1)] {
        let provider = Scripted::default();
        let limits = SealingLimits::default()
            .with_max_messages(80)
            .with_refresh_by_use(on);
        let keyring = SealingKeyring::builder()
            .limits(limits)
            .build(provider.clone())
            .unwrap();
        for _ in 0..80 {
            keyring.key(&context("acme"), ONE).await.unwrap();
            tokio::task::yield_now().await;
        }
        assert_eq!(provider.generated(), after_one_key, "refresh by use: {on}");
        keyring.key(&context("acme"), ONE).await.unwrap();
        assert_eq!(provider.generated(), 2);
    }
}

#[tokio::test(start_paused = true)]
async fn opening_without_the_cache_finds_and_keeps_nothing_and_says_what_differs() {
    let provider = Scripted::default();
    let sealing = SealingKeyring::new(provider.clone());
    let (own, other) = (context("acme"), context("other"));
    let made = sealing.key(&own, ONE).await.unwrap();
    let keyring: OpeningKeyring<DataKeys> = OpeningKeyring::new(provider.clone());
    let wrapped = made.wrapped_keys();
    keyring.key(&own, wrapped).await.unwrap();
    for calls in [2, 3] {
        let opened =
            keyring.open_uncached_with(&own, wrapped, |_, key| key.ct_eq(made.data_key()).then_some(()));
        opened.await.unwrap();
        assert_eq!(provider.decrypted(), calls);
    }
    let foreign = keyring
        .open_uncached_with(&own, wrapped, |_, _| None::<()>)
        .await
        .unwrap_err();
    assert!(matches!(foreign, KeyringError::OtherKey));
    let refused = keyring
        .open_uncached_with(&other, wrapped, |_, _| Some(()))
        .await
        .unwrap_err();
    assert_eq!(refused.class(), Some(ErrorClass::NotAuthentic));
    let stats = keyring.stats();
    assert_eq!((stats.live, stats.misses.of(MissReason::Uncached)), (1, 4));
    keyring.shutdown();
    let refused = keyring
        .open_uncached_with(&own, wrapped, |_, _| Some(()))
        .await
        .unwrap_err();
    assert!(matches!(refused, KeyringError::ShutDown));
}
