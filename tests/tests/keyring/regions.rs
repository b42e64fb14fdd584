//! Messages with wrapped keys of several regions, of which one hangs, fails or lags.
use std::time::Duration;

use datakey::{Aad, Opener, Sealer};
use datakey_keyring::{DEFAULT_HEDGE_DELAY, DEFAULT_LOAD_TIMEOUT, KeyringError, Usage};
use datakey_provider::{EncryptionContext, ErrorClass, WrappedKeys};
use datakey_tests::keyring::{Does, Scripted, context};
use datakey_tests::keyrings::Keyrings;
use tokio::{
    task::JoinSet,
    time::{Instant, sleep},
};

const NEAR: &str = "script:near";
const FAR: &str = "script:far";
const ONE: Usage = Usage::message(1);

/// A provider of two regions, and so many messages under keys of their own.
async fn messages(number: usize) -> (Scripted, Vec<(EncryptionContext, WrappedKeys)>) {
    let provider = Scripted::taking(20);
    provider.wraps_under(&[NEAR, FAR]);
    let keyring = Keyrings::new(provider.clone());
    let mut messages = Vec::new();
    for n in 0..number {
        let context = context(format!("t{n}"));
        let sealed = keyring.sealing.key(&context, ONE).await.unwrap();
        messages.push((context, sealed.wrapped_keys().clone()));
    }
    (provider, messages)
}

/// Opens one message; answers what became of it, and how long that took.
async fn open(
    keyring: &Keyrings,
    message: &(EncryptionContext, WrappedKeys),
) -> (Result<(), KeyringError>, Duration) {
    let began = Instant::now();
    let opened = keyring.opening.key(&message.0, &message.1).await;
    (opened.map(drop), began.elapsed())
}

#[tokio::test(start_paused = true)]
async fn a_region_that_hangs_costs_the_hedge_delay_once() {
    let (provider, messages) = messages(1).await;
    provider.does_under(NEAR, Does::Hang);
    for keyring in [
        Keyrings::new(provider.clone()),
        Keyrings::uncached(provider.clone()),
    ] {
        let (opened, took) = open(&keyring, &messages[0]).await;
        opened.unwrap();
        assert!(
            took >= DEFAULT_HEDGE_DELAY && took < DEFAULT_HEDGE_DELAY + Duration::from_millis(30),
            "{took:?}"
        );
        assert_eq!(keyring.opening.stats().hedges, 1);
    }
    let keyring = Keyrings::new(provider.clone());
    open(&keyring, &messages[0]).await.0.unwrap();
    let (opened, took) = open(&keyring, &messages[0]).await;
    opened.unwrap();
    assert_eq!(took, Duration::ZERO, "the key is kept, whichever region gave it");
}

#[tokio::test(start_paused = true)]
async fn without_hedging_it_costs_the_whole_load_timeout() {
    let (provider, messages) = messages(1).await;
    provider.does_under(NEAR, Does::Hang);
    let keyring = Keyrings::builder()
        .hedge_delay(Duration::MAX)
        .build(provider)
        .unwrap();
    let (opened, took) = open(&keyring, &messages[0]).await;
    opened.unwrap();
    assert!(took >= DEFAULT_LOAD_TIMEOUT, "{took:?}");
    assert_eq!(keyring.opening.stats().hedges, 0);
}

#[tokio::test(start_paused = true)]
async fn a_region_that_fails_costs_no_delay_and_one_that_works_no_second_call() {
    let (provider, messages) = messages(2).await;
    let keyring = Keyrings::new(provider.clone());
    let (opened, took) = open(&keyring, &messages[0]).await;
    opened.unwrap();
    assert_eq!(
        (provider.decrypted(), took < Duration::from_millis(30)),
        (1, true)
    );
    provider.does_under(NEAR, Does::Fail(ErrorClass::Transient));
    let (opened, took) = open(&keyring, &messages[1]).await;
    opened.unwrap();
    assert_eq!(
        (provider.decrypted(), took < Duration::from_millis(50)),
        (3, true)
    );
    assert_eq!(keyring.opening.stats().hedges, 0);
}

#[tokio::test(start_paused = true)]
async fn hundreds_of_messages_open_while_a_region_hangs() {
    let (provider, messages) = messages(500).await;
    provider.does_under(NEAR, Does::Hang);
    let keyring = Keyrings::builder().max_loads(16).build(provider).unwrap();
    let mut opening = JoinSet::new();
    for message in messages {
        let keyring = keyring.clone();
        opening.spawn(async move { open(&keyring, &message).await });
    }
    // A quarter of the room is left to the far region: 4 at a time, 20 ms each.
    let most = DEFAULT_HEDGE_DELAY + Duration::from_millis(500 / 4 * 20 + 100);
    for (opened, took) in opening.join_all().await {
        opened.unwrap();
        assert!(took <= most, "{took:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn an_answer_that_comes_late_is_kept_for_those_who_have_only_that_region() {
    let (provider, messages) = messages(1).await;
    provider.takes(Duration::from_secs(3));
    let keyring = Keyrings::new(provider.clone());
    open(&keyring, &messages[0]).await.0.unwrap();
    sleep(Duration::from_secs(5)).await;
    for wrapped in messages[0].1.iter() {
        let only = WrappedKeys::from(wrapped.clone());
        assert!(keyring.opening.try_key(&messages[0].0, &only).is_some());
    }
    assert_eq!(provider.decrypted(), 2);
}

#[tokio::test(start_paused = true)]
async fn failures_are_told_by_rank_whichever_came_first() {
    let (provider, messages) = messages(1).await;
    provider.does_under(NEAR, Does::Hang);
    provider.does_under(FAR, Does::Fail(ErrorClass::Denied));
    for keyring in [
        Keyrings::new(provider.clone()),
        Keyrings::uncached(provider.clone()),
    ] {
        let KeyringError::NoneOpened { failures } = open(&keyring, &messages[0]).await.0.unwrap_err() else {
            panic!("two wrapped keys were tried");
        };
        let classes: Vec<_> = failures.iter().map(KeyringError::class).collect();
        assert_eq!(classes, [Some(ErrorClass::Timeout), Some(ErrorClass::Denied)]);
    }
}

#[tokio::test(start_paused = true)]
async fn a_shutdown_ends_those_who_wait_for_room() {
    let (provider, messages) = messages(40).await;
    provider.does(Does::Hang);
    let keyring = Keyrings::builder().max_loads(4).build(provider).unwrap();
    let mut opening = JoinSet::new();
    for message in messages {
        let keyring = keyring.clone();
        opening.spawn(async move { open(&keyring, &message).await });
    }
    sleep(Duration::from_millis(1_500)).await;
    keyring.shutdown();
    for (opened, took) in opening.join_all().await {
        assert!(matches!(opened, Err(KeyringError::ShutDown)), "{opened:?}");
        assert!(took <= Duration::from_millis(1_501), "{took:?}");
    }
    assert_eq!(keyring.stats().in_flight, 0);
}

#[tokio::test(start_paused = true)]
async fn without_a_cache_a_shutdown_ends_all_who_wait_too() {
    let provider = Scripted::default();
    let maker = Keyrings::new(provider.clone());
    let sealed = maker.sealing.key(&context("a"), ONE).await.unwrap();
    let message = (context("a"), sealed.wrapped_keys().clone());
    provider.does(Does::Hang);
    let keyring = Keyrings::builder()
        .uncached()
        .max_loads(4)
        .build(provider)
        .unwrap();
    let mut opening = JoinSet::new();
    for _ in 0..40 {
        let (keyring, message) = (keyring.clone(), message.clone());
        opening.spawn(async move { open(&keyring, &message).await });
    }
    sleep(Duration::from_secs(1)).await;
    keyring.shutdown();
    for (opened, took) in opening.join_all().await {
        assert!(matches!(opened, Err(KeyringError::ShutDown)), "{opened:?}");
        assert!(took <= Duration::from_millis(1_001), "{took:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn through_the_facade_a_region_that_hangs_costs_the_hedge_delay_too() {
    let provider = Scripted::default();
    provider.wraps_under(&[NEAR, FAR]);
    let sealer = Sealer::new(provider.clone());
    let message = sealer.seal(&context("a"), b"order", Aad::EMPTY).await.unwrap();
    provider.does_under(NEAR, Does::Hang);
    let delay = Duration::from_millis(300);
    let opener = Opener::builder(provider).hedge_delay(delay).build().unwrap();
    let began = Instant::now();
    assert_eq!(
        opener.open(&context("a"), &message, Aad::EMPTY).await.unwrap(),
        b"order"
    );
    assert!(
        began.elapsed() >= delay && began.elapsed() < delay * 2,
        "{:?}",
        began.elapsed()
    );
}
