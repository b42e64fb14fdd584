//! What the keyring says about its keys.
use std::time::Duration;

use datakey_keyring::{KeyStanding, Keyring, MissReason, Usage};
use datakey_provider::ErrorClass;
use datakey_tests::keyring::{Does, Scripted, context};
use tokio::time::advance;

#[tokio::test(start_paused = true)]
async fn age_and_use_of_each_key_are_exact_whatever_is_leased() {
    let keyring = Keyring::new(Scripted::default());
    let sealed = keyring
        .sealing_key(&context("a"), Usage::batch(10, 500))
        .await
        .unwrap();
    for _ in 0..90 {
        keyring
            .sealing_key(&context("a"), Usage::message(7))
            .await
            .unwrap();
    }
    for _ in 0..3 {
        keyring
            .opening_key(&context("a"), sealed.wrapped_keys())
            .await
            .unwrap();
    }
    advance(Duration::from_secs(30)).await;
    let why = keyring.explain(&context("a"));
    let key = why.sealing.clone().unwrap();
    assert_eq!((key.messages, key.bytes, key.age.as_secs()), (100, 1_130, 30));
    assert_eq!(
        (key.standing, key.key_ids),
        (KeyStanding::Fresh, vec!["script:a".into()])
    );
    assert_eq!(why.opening.len(), 1);
    assert_eq!((why.opening[0].uses, why.opening[0].age.as_secs()), (3, 30));
    assert_eq!(
        why.to_string(),
        "a sealing key of 30s, 100 messages and 1130 bytes used: serves; 1 opening keys"
    );
    assert_eq!(keyring.sealing_keys(), [why.sealing.unwrap()]);
    assert_eq!(keyring.opening_keys(), why.opening);
}

#[tokio::test(start_paused = true)]
async fn explaining_says_why_there_is_no_key_and_uses_nothing_up() {
    let provider = Scripted::taking(20);
    let keyring = Keyring::new(provider.clone());
    assert_eq!(keyring.explain(&context("a")).sealing, Err(MissReason::Cold));
    assert_eq!(provider.generated(), 0);
    assert!(keyring.warm([&context("a")]).await.is_empty());
    assert_eq!(keyring.explain(&context("b")).sealing, Err(MissReason::New));
    keyring.invalidate_all();
    let why = keyring.explain(&context("a"));
    assert_eq!((why.sealing, why.loading), (Err(MissReason::Invalidated), false));
    let loading = tokio::spawn({
        let keyring = keyring.clone();
        async move { keyring.sealing_key(&context("a"), Usage::message(1)).await }
    });
    tokio::task::yield_now().await;
    assert!(keyring.explain(&context("a")).loading);
    assert!(loading.await.unwrap().is_ok());
    let uncached = Keyring::uncached(provider);
    assert_eq!(uncached.explain(&context("a")).sealing, Err(MissReason::Uncached));
}

#[tokio::test(start_paused = true)]
async fn explaining_tells_a_key_that_serves_from_one_that_is_old() {
    let provider = Scripted::default();
    let keyring = Keyring::new(provider.clone());
    let standing = || keyring.explain(&context("a")).sealing.map(|key| key.standing);
    keyring
        .sealing_key(&context("a"), Usage::message(1))
        .await
        .unwrap();
    advance(Duration::from_secs(290)).await;
    assert_eq!(standing(), Ok(KeyStanding::Due));
    advance(Duration::from_secs(20)).await;
    assert_eq!(standing(), Ok(KeyStanding::Expired));
    provider.does(Does::Fail(ErrorClass::Throttled));
    assert!(
        keyring
            .sealing_key(&context("a"), Usage::message(1))
            .await
            .is_ok()
    );
    assert_eq!(standing(), Ok(KeyStanding::Stale(ErrorClass::Throttled)));
}
