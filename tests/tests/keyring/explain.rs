//! What the keyring says about its keys.
use std::time::Duration;

use datakey_keyring::{KeyStanding, MissReason, SealingLimits, Usage};
use datakey_provider::ErrorClass;
use datakey_tests::keyring::{Does, Scripted, context};
use datakey_tests::keyrings::Keyrings;
use tokio::time::advance;

#[tokio::test(start_paused = true)]
async fn age_and_use_of_each_key_are_exact_whatever_is_leased() {
    let keyring = Keyrings::new(Scripted::default());
    let sealed = keyring
        .sealing
        .key(&context("a"), Usage::batch(10, 500))
        .await
        .unwrap();
    for _ in 0..90 {
        keyring
            .sealing
            .key(&context("a"), Usage::message(7))
            .await
            .unwrap();
    }
    for _ in 0..3 {
        keyring
            .opening
            .key(&context("a"), sealed.wrapped_keys())
            .await
            .unwrap();
    }
    advance(Duration::from_secs(30)).await;
    let why = keyring.sealing.explain(&context("a"));
    let opening = keyring.opening.snapshots();
    let key = why.key.clone().unwrap();
    assert_eq!((key.messages, key.bytes, key.age.as_secs()), (100, 1_130, 30));
    assert_eq!(
        (key.standing, key.key_ids),
        (KeyStanding::Fresh, vec!["script:a".into()])
    );
    assert_eq!(opening.len(), 1);
    assert_eq!((opening[0].uses, opening[0].age.as_secs()), (3, 30));
    assert_eq!(
        why.to_string(),
        "a sealing key of 30s, 100 messages and 1130 bytes used: serves"
    );
    assert_eq!(keyring.sealing.snapshots(), [why.key.unwrap()]);
}

#[tokio::test(start_paused = true)]
async fn explaining_says_why_there_is_no_key_and_uses_nothing_up() {
    let provider = Scripted::taking(20);
    let keyring = Keyrings::new(provider.clone());
    assert_eq!(keyring.sealing.explain(&context("a")).key, Err(MissReason::Cold));
    assert_eq!(provider.generated(), 0);
    assert!(keyring.sealing.warm([&context("a")]).await.is_empty());
    assert_eq!(keyring.sealing.explain(&context("b")).key, Err(MissReason::New));
    keyring.invalidate_all();
    let why = keyring.sealing.explain(&context("a"));
    assert_eq!((why.key, why.loading), (Err(MissReason::Invalidated), false));
    let loading = tokio::spawn({
        let keyring = keyring.clone();
        async move { keyring.sealing.key(&context("a"), Usage::message(1)).await }
    });
    tokio::task::yield_now().await;
    assert!(keyring.sealing.explain(&context("a")).loading);
    assert!(loading.await.unwrap().is_ok());
    let uncached = Keyrings::uncached(provider);
    assert_eq!(
        uncached.sealing.explain(&context("a")).key,
        Err(MissReason::Uncached)
    );
}

#[tokio::test(start_paused = true)]
async fn explaining_tells_a_key_that_serves_from_one_that_is_old() {
    let provider = Scripted::default();
    let keyring = Keyrings::new(provider.clone());
    let standing = || keyring.sealing.explain(&context("a")).key.map(|key| key.standing);
    keyring
        .sealing
        .key(&context("a"), Usage::message(1))
        .await
        .unwrap();
    advance(Duration::from_secs(290)).await;
    assert_eq!(standing(), Ok(KeyStanding::Due));
    advance(Duration::from_secs(20)).await;
    assert_eq!(standing(), Ok(KeyStanding::Expired));
    provider.does(Does::Fail(ErrorClass::Throttled));
    assert!(
        keyring
            .sealing
            .key(&context("a"), Usage::message(1))
            .await
            .is_ok()
    );
    assert_eq!(standing(), Ok(KeyStanding::Stale(ErrorClass::Throttled)));
}

#[tokio::test(start_paused = true)]
async fn explaining_does_not_say_serves_of_a_key_that_is_used_up() {
    for (limits, usage) in [
        (SealingLimits::default().with_max_messages(2), Usage::batch(2, 5)),
        (SealingLimits::default().with_max_bytes(50), Usage::message(50)),
    ] {
        let keyring = Keyrings::builder()
            .sealing(limits)
            .build(Scripted::default())
            .unwrap();
        let one = Usage::message(1);
        keyring.sealing.key(&context("a"), one).await.unwrap();
        let before = keyring.sealing.explain(&context("a")).key.unwrap();
        assert_eq!(before.standing, KeyStanding::Fresh);
        keyring.sealing.invalidate_all();
        keyring.sealing.key(&context("a"), usage).await.unwrap();
        // The refresh that a key that runs low begins has not been polled yet.
        let why = keyring.sealing.explain(&context("a"));
        assert_eq!(why.key.as_ref().unwrap().standing, KeyStanding::UsedUp, "{why}");
        assert!(
            why.to_string()
                .contains("is used up; the next request loads another"),
            "{why}"
        );
        assert!(
            keyring.sealing.try_key(&context("a"), one).is_none(),
            "and so it is"
        );
    }
}
