//! A provider that neither answers nor fails, as one with retries beneath it does in an outage: a key past its soft age
//! serves meanwhile.
use std::time::Duration;

use datakey_keyring::{SealingLimits, Usage};
use datakey_provider::{ErrorClass, GeneratedDataKey};
use datakey_tests::keyring::{Does, Scripted, context};
use datakey_tests::keyrings::Keyrings;
use tokio::time::{Instant, advance, sleep};

const ONE: Usage = Usage::message(1);
const SECOND: Duration = Duration::from_secs(1);
const SOFT: Duration = Duration::from_secs(100);
const HARD: Duration = Duration::from_secs(300);

fn keyring(provider: &Scripted) -> Keyrings {
    Keyrings::builder()
        .sealing(SealingLimits::default().with_soft_age(SOFT).with_hard_age(HARD))
        .load_timeout(Duration::from_secs(60))
        .seed(1)
        .build(provider.clone())
        .unwrap()
}

/// Which key seals, if any, and how long that took.
async fn seals(keyring: &Keyrings) -> (Option<Vec<u8>>, Duration) {
    let began = Instant::now();
    let blob = |key: &GeneratedDataKey| key.wrapped_keys().first().blob().to_vec();
    let sealed = keyring.sealing.key(&context("a"), ONE).await;
    (sealed.ok().map(|key| blob(&key)), began.elapsed())
}

#[tokio::test(start_paused = true)]
async fn a_refresh_that_retries_past_the_soft_age_makes_nobody_wait() {
    let provider = Scripted::default();
    let keyring = keyring(&provider);
    let (first, _) = seals(&keyring).await;
    provider.takes(Duration::from_secs(40));
    for second in 0..140 {
        let (key, took) = seals(&keyring).await;
        assert!(key.is_some() && took.is_zero(), "second {second}: {took:?}");
        sleep(SECOND).await;
    }
    let (last, _) = seals(&keyring).await;
    assert_ne!(first, last, "the load ended, and its key took over");
    assert!(keyring.sealing.stats().stale.timeout > 0);
    assert_eq!(keyring.sealing.stats().misses.total(), 1);
}

#[tokio::test(start_paused = true)]
async fn after_a_pause_the_first_caller_waits_a_second_and_the_others_not_at_all() {
    let provider = Scripted::default();
    let keyring = keyring(&provider);
    let (first, _) = seals(&keyring).await;
    advance(SOFT).await;
    provider.does(Does::Hang);
    let (key, took) = seals(&keyring).await;
    assert_eq!((&key, took), (&first, SECOND));
    for _ in 0..100 {
        assert_eq!(seals(&keyring).await, (first.clone(), Duration::ZERO));
    }
    assert_eq!(provider.generated(), 2, "one load is under way");
    assert_eq!(keyring.sealing.stats().stale.timeout, 101);
}

#[tokio::test(start_paused = true)]
async fn a_provider_that_answers_within_a_second_is_waited_for() {
    let provider = Scripted::default();
    let keyring = keyring(&provider);
    let (first, _) = seals(&keyring).await;
    advance(SOFT).await;
    provider.takes(SECOND / 2);
    let (key, took) = seals(&keyring).await;
    assert_eq!(took, SECOND / 2);
    assert_ne!(key, first);
    assert_eq!(keyring.sealing.stats().stale.total(), 0);
}

#[tokio::test(start_paused = true)]
async fn a_late_denial_ends_the_service_and_the_hard_age_does_too() {
    let provider = Scripted::default();
    let keyring = keyring(&provider);
    seals(&keyring).await;
    advance(SOFT).await;
    provider.takes(SECOND * 10);
    provider.does(Does::Fail(ErrorClass::Denied));
    assert_eq!(seals(&keyring).await.1, SECOND, "served while nothing is known");
    sleep(SECOND * 10).await;
    provider.takes(Duration::ZERO);
    assert_eq!(seals(&keyring).await.0, None, "it was denied");

    provider.does(Does::Work);
    seals(&keyring).await;
    advance(SOFT).await;
    provider.does(Does::Hang);
    while seals(&keyring).await.0.is_some() {
        sleep(SECOND).await;
    }
    let stats = keyring.stats();
    assert!(stats.sealing.stale.timeout > 100, "{stats:?}");
    let (key, took) = seals(&keyring).await;
    assert_eq!(key, None);
    assert!(
        took >= SECOND * 59,
        "without a key it is the load that counts: {took:?}"
    );
}

#[tokio::test(start_paused = true)]
async fn nobody_gives_up_on_a_first_key() {
    let provider = Scripted::taking(20_000);
    let keyring = keyring(&provider);
    let (key, took) = seals(&keyring).await;
    assert_eq!((key.is_some(), took), (true, SECOND * 20));
}
