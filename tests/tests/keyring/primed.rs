//! An opening keyring that a sealing one of the same process primes: what the process sealed opens without a call.
use std::time::Duration;

use datakey_keyring::{DEFAULT_OPENING_TTL, KeyringError, OpeningKeyring, SealingKeyring, Usage};
use datakey_provider::{ErrorClass, Verdict};
use datakey_tests::{
    keyring::{Does, Scripted, context},
    keyrings::Keyrings,
};
use tokio::time::sleep;

const ONE: Usage = Usage::message(1);

fn primed(provider: &Scripted) -> Keyrings {
    let both = Keyrings::new(provider.clone());
    both.sealing.prime(&both.opening);
    both
}

#[tokio::test(start_paused = true)]
async fn own_messages_open_without_a_call_until_the_time_to_live_is_over() {
    let provider = Scripted::default();
    let both = primed(&provider);
    let own = context("a");
    let key = both.sealing.key(&own, ONE).await.unwrap();
    let opened = both.opening.key(&own, key.wrapped_keys()).await.unwrap();
    assert!(opened.ct_eq(key.data_key()));
    assert_eq!(provider.decrypted(), 0);
    let stats = both.opening.stats();
    assert_eq!(
        (stats.primed, stats.hits, stats.calls_made, stats.live),
        (1, 1, 0, 1)
    );

    let refused = both.opening.key(&context("b"), key.wrapped_keys()).await;
    assert!(
        matches!(refused, Err(KeyringError::Provider { .. })),
        "bound to its context"
    );
    assert_eq!(provider.decrypted(), 1);
    sleep(DEFAULT_OPENING_TTL).await;
    both.opening.key(&own, key.wrapped_keys()).await.unwrap();
    assert_eq!(provider.decrypted(), 2);
}

#[tokio::test(start_paused = true)]
async fn without_priming_and_without_a_cache_there_is_a_call() {
    let provider = Scripted::default();
    let plain = Keyrings::new(provider.clone());
    let uncached = (
        SealingKeyring::uncached(provider.clone()),
        OpeningKeyring::new(provider.clone()),
    );
    uncached.0.prime(&uncached.1);
    let kept_by_nobody = (
        SealingKeyring::new(provider.clone()),
        OpeningKeyring::uncached(provider.clone()),
    );
    kept_by_nobody.0.prime(&kept_by_nobody.1);
    for (number, (sealing, opening)) in [(plain.sealing, plain.opening), uncached, kept_by_nobody]
        .iter()
        .enumerate()
    {
        let key = sealing.key(&context("a"), ONE).await.unwrap();
        opening.key(&context("a"), key.wrapped_keys()).await.unwrap();
        assert_eq!(provider.decrypted(), number as u64 + 1);
        assert_eq!(opening.stats().primed, 0);
    }
}

/// What is forgotten while a key is made stays forgotten, and what comes after it is kept again.
#[tokio::test(start_paused = true)]
async fn an_invalidation_wins_over_a_key_that_is_being_made() {
    let provider = Scripted::taking(100);
    let both = primed(&provider);
    let sealing = both.sealing.clone();
    let load = tokio::spawn(async move { sealing.key(&context("a"), ONE).await });
    sleep(Duration::from_millis(50)).await;
    both.opening.invalidate_all();
    let key = load.await.unwrap().unwrap();
    assert_eq!(both.opening.stats().primed, 0);
    both.opening.key(&context("a"), key.wrapped_keys()).await.unwrap();
    assert_eq!(provider.decrypted(), 1);
    both.sealing.key(&context("b"), ONE).await.unwrap();
    assert_eq!(both.opening.stats().primed, 1);
    both.opening.shutdown();
    both.sealing.key(&context("c"), ONE).await.unwrap();
    assert_eq!(both.opening.stats().live, 0, "nothing is kept after a shutdown");
}

#[tokio::test(start_paused = true)]
async fn a_wrapping_key_that_may_not_be_used_takes_primed_keys_with_it() {
    let provider = Scripted::default();
    let both = primed(&provider);
    let shared = datakey_keyring::Revocations::new();
    both.sealing.share_revocations(&shared);
    both.opening.share_revocations(&shared);
    let key = both.sealing.key(&context("a"), ONE).await.unwrap();
    assert_eq!(both.opening.stats().live, 1);
    provider.names("script:a");
    provider.does(Does::Say(ErrorClass::UnavailableKey, Some(Verdict::WrappingKey)));
    both.sealing.key(&context("b"), ONE).await.unwrap_err();
    assert_eq!(both.opening.stats().live, 0);
    both.opening
        .key(&context("a"), key.wrapped_keys())
        .await
        .unwrap_err();
}
