//! Opening keys that serve past their time while the provider fails, where limits say so.
use std::time::Duration;

use datakey_keyring::{ConfigError, OpeningKeyring, OpeningLimits, Usage};
use datakey_provider::{ErrorClass, WrappedKeys};
use datakey_tests::keyring::{Does, Scripted, context};
use datakey_tests::keyrings::Keyrings;
use tokio::time::{Instant, sleep};

const SECOND: Duration = Duration::from_secs(1);

async fn with(provider: &Scripted) -> (Keyrings, WrappedKeys) {
    let limits = OpeningLimits::default()
        .with_ttl(SECOND * 100)
        .with_stale_ttl(SECOND * 300);
    let keyring = Keyrings::builder()
        .opening(limits)
        .build(provider.clone())
        .unwrap();
    let sealed = keyring
        .sealing
        .key(&context("a"), Usage::message(1))
        .await
        .unwrap();
    let wrapped = sealed.wrapped_keys().clone();
    (keyring, wrapped)
}

/// Opens once a second; answers how many failed.
async fn failed(keyring: &Keyrings, wrapped: &WrappedKeys, seconds: u32) -> u32 {
    let mut failed = 0;
    for _ in 0..seconds {
        failed += u32::from(keyring.opening.key(&context("a"), wrapped).await.is_err());
        sleep(SECOND).await;
    }
    failed
}

#[tokio::test(start_paused = true)]
async fn an_outage_is_ridden_out_until_the_stale_time_is_over_and_the_provider_is_not_pestered() {
    for class in [
        ErrorClass::Throttled,
        ErrorClass::Transient,
        ErrorClass::Unauthenticated,
    ] {
        let provider = Scripted::default();
        let (keyring, wrapped) = with(&provider).await;
        assert_eq!(failed(&keyring, &wrapped, 20).await, 0);
        provider.does(Does::Fail(class));
        let before = provider.decrypted();
        assert_eq!(failed(&keyring, &wrapped, 279).await, 0, "{class:?}");
        assert!(
            provider.decrypted() - before < 30,
            "{} calls",
            provider.decrypted() - before
        );
        assert!(keyring.opening.stats().stale.total() > 150);
        assert_eq!(
            failed(&keyring, &wrapped, 10).await,
            9,
            "{class:?}: never past its stale time"
        );
        provider.does(Does::Work);
        assert_eq!(failed(&keyring, &wrapped, 10).await, 0);
    }
}

#[tokio::test(start_paused = true)]
async fn a_denial_ends_a_key_that_serves_past_its_time() {
    let provider = Scripted::default();
    let (keyring, wrapped) = with(&provider).await;
    assert_eq!(failed(&keyring, &wrapped, 20).await, 0);
    provider.does(Does::Fail(ErrorClass::Throttled));
    assert_eq!(failed(&keyring, &wrapped, 100).await, 0);
    provider.does(Does::Fail(ErrorClass::Denied));
    sleep(SECOND * 30).await;
    let _told = failed(&keyring, &wrapped, 40).await;
    assert_eq!(failed(&keyring, &wrapped, 5).await, 5);
    assert_eq!(keyring.opening.stats().live, 0);
}

#[tokio::test(start_paused = true)]
async fn a_key_that_was_not_used_is_unwrapped_anew_past_its_time_before_it_serves() {
    let provider = Scripted::default();
    let (keyring, wrapped) = with(&provider).await;
    keyring.opening.key(&context("a"), &wrapped).await.unwrap();
    sleep(SECOND * 150).await;
    assert!(keyring.opening.try_key(&context("a"), &wrapped).is_none());
    let before = provider.decrypted();
    keyring.opening.key(&context("a"), &wrapped).await.unwrap();
    assert_eq!(provider.decrypted() - before, 1);
    assert_eq!(keyring.opening.stats().stale.total(), 0);
}

#[tokio::test(start_paused = true)]
async fn a_provider_that_hangs_keeps_nobody_for_longer_than_a_second() {
    let provider = Scripted::default();
    let (keyring, wrapped) = with(&provider).await;
    keyring.opening.key(&context("a"), &wrapped).await.unwrap();
    sleep(SECOND * 150).await;
    provider.does(Does::Hang);
    for _ in 0..3 {
        let began = Instant::now();
        keyring.opening.key(&context("a"), &wrapped).await.unwrap();
        assert!(began.elapsed() <= SECOND, "{:?}", began.elapsed());
    }
    assert_eq!(keyring.opening.stats().in_flight, 1);
}

#[test]
fn a_stale_time_under_the_time_to_live_is_refused() {
    let limits = OpeningLimits::default().with_stale_ttl(SECOND);
    let refused = OpeningKeyring::builder()
        .limits(limits)
        .build(Scripted::default());
    assert!(matches!(refused, Err(ConfigError::SoftOverHard { .. })));
}
