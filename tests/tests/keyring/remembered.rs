//! What keyrings remember of refusals and failures, how they count it, and when they forget it.
use std::time::Duration;

use datakey_keyring::{OpeningLimits, SealingLimits, StaleServes, Usage};
use datakey_provider::{ErrorClass, WrappedKeys};
use datakey_tests::{
    keyring::{Does, Scripted, context},
    keyrings::Keyrings,
};
use tokio::{runtime::Handle, time::sleep};

const SECOND: Duration = Duration::from_secs(1);

fn keyrings(provider: &Scripted, opening: OpeningLimits) -> Keyrings {
    let sealing = SealingLimits::default()
        .with_soft_age(SECOND * 100)
        .with_hard_age(SECOND * 300);
    let builder = Keyrings::builder().sealing(sealing).opening(opening).seed(1);
    builder.build(provider.clone()).unwrap()
}

async fn sealed(keyring: &Keyrings, tenant: &str) -> WrappedKeys {
    let key = keyring.sealing.key(&context(tenant), Usage::message(1)).await;
    key.unwrap().wrapped_keys().clone()
}

async fn opens(keyring: &Keyrings, tenant: &str, wrapped: &WrappedKeys) -> bool {
    keyring.opening.key(&context(tenant), wrapped).await.is_ok()
}

#[tokio::test(start_paused = true)]
async fn refusals_are_counted_until_they_lapse_and_then_swept_with_the_keys() {
    for (refusal_ttl, left) in [(SECOND * 20, 0), (SECOND * 1_000, 1)] {
        let provider = Scripted::default();
        let limits = OpeningLimits::default()
            .with_ttl(SECOND * 100)
            .with_refusal_ttl(refusal_ttl);
        let keyring = keyrings(&provider, limits);
        let (good, bad) = (sealed(&keyring, "a").await, sealed(&keyring, "b").await);
        assert!(opens(&keyring, "a", &good).await);
        assert_eq!(keyring.opening.stats().refusals, 0);
        provider.does(Does::Fail(ErrorClass::Denied));
        assert!(!opens(&keyring, "b", &bad).await);
        assert_eq!(keyring.opening.stats().refusals, 1);
        // The key's life ends, and what looks after keys comes by.
        sleep(SECOND * 130).await;
        let stats = keyring.opening.stats();
        assert_eq!((stats.live, stats.refusals), (0, left), "after {refusal_ttl:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn no_task_is_left_when_no_opened_key_is() {
    let tasks = || Handle::current().metrics().num_alive_tasks();
    let provider = Scripted::default();
    let keyring = keyrings(&provider, OpeningLimits::default().with_ttl(SECOND * 10));
    let wrapped = sealed(&keyring, "a").await;
    keyring.sealing.shutdown();
    sleep(SECOND).await;
    let before = tasks();
    for round in 0..3 {
        assert!(opens(&keyring, "a", &wrapped).await);
        sleep(SECOND).await;
        assert_eq!(tasks(), before + 1, "round {round}");
        sleep(SECOND * 30).await;
        assert_eq!(tasks(), before, "round {round}");
        assert_eq!(keyring.opening.stats().live, 0);
    }
}

/// The first of two wrapped keys fails for the moment: the next message asks the other one first.
#[tokio::test(start_paused = true)]
async fn a_wrapped_key_that_failed_a_moment_ago_lets_another_go_first() {
    let provider = Scripted::default();
    provider.wraps_under(&["script:a", "script:b"]);
    let keyring = keyrings(&provider, OpeningLimits::default().with_ttl(SECOND / 10));
    let wrapped = sealed(&keyring, "x").await;
    provider.does_under("script:a", Does::Fail(ErrorClass::Transient));
    assert!(opens(&keyring, "x", &wrapped).await, "the other one opens it");
    let asked = provider.decrypted();
    assert_eq!(asked, 2, "one after the other");
    sleep(SECOND / 5).await;
    assert_eq!(
        keyring.opening.try_key(&context("x"), &wrapped).map(drop),
        None,
        "its life is over"
    );
    assert!(opens(&keyring, "x", &wrapped).await);
    assert_eq!(provider.decrypted(), asked + 1, "at once the one that works");
}

#[tokio::test(start_paused = true)]
async fn keys_that_serve_past_their_soft_age_are_counted_by_what_the_provider_answers() {
    type Count = fn(&StaleServes) -> u64;
    let counts: [(ErrorClass, Count); 5] = [
        (ErrorClass::Throttled, |stale| stale.throttled),
        (ErrorClass::Transient, |stale| stale.transient),
        (ErrorClass::Timeout, |stale| stale.timeout),
        (ErrorClass::Unauthenticated, |stale| stale.unauthenticated),
        (ErrorClass::InvalidRequest, |stale| stale.other),
    ];
    for (class, count) in counts {
        let provider = Scripted::default();
        let keyring = keyrings(&provider, OpeningLimits::default());
        sealed(&keyring, "a").await;
        provider.does(Does::Fail(class));
        for _ in 0..20 {
            sleep(SECOND * 10).await;
            sealed(&keyring, "a").await;
        }
        let stale = keyring.sealing.stats().stale;
        assert!(
            count(&stale) > 0 && count(&stale) == stale.total(),
            "{class:?}: {stale:?}"
        );
    }
}

#[test]
fn a_usage_says_what_it_is_of() {
    let told = |usage: Usage| (usage.messages(), usage.bytes());
    assert_eq!(told(Usage::message(100)), (1, Some(100)));
    assert_eq!(told(Usage::batch(3, 70)), (3, Some(70)));
    assert_eq!(told(Usage::unknown_length()), (1, None));
}
