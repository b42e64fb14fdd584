//! Room: for loads beside loads that hang, for as many keys as there may be, and for a usage that others are faster than.
use std::time::Duration;

use datakey_keyring::{MissReason, SealingLimits, Usage};
use datakey_provider::ErrorClass;
use datakey_tests::keyring::{Does, Scripted, context};
use datakey_tests::keyrings::Keyrings;
use tokio::{
    task::JoinSet,
    time::{Instant, sleep},
};

const ONE: Usage = Usage::message(1);
const SECOND: Duration = Duration::from_secs(1);

#[tokio::test(start_paused = true)]
async fn sealing_that_hangs_leaves_room_for_opening() {
    let provider = Scripted::default();
    let keyring = Keyrings::builder().max_loads(8).build(provider.clone()).unwrap();
    let mut messages = Vec::new();
    for n in 0..20 {
        let context = context(format!("reader {n}"));
        let sealed = keyring.sealing.key(&context, ONE).await.unwrap();
        messages.push((context, sealed.wrapped_keys().clone()));
    }
    provider.does(Does::Hang);
    let mut hung = JoinSet::new();
    for n in 0..100 {
        let keyring = keyring.clone();
        hung.spawn(async move {
            keyring
                .sealing
                .key(&context(format!("writer {n}")), ONE)
                .await
                .is_ok()
        });
    }
    sleep(SECOND).await;
    provider.does(Does::Work);
    let began = Instant::now();
    for (context, wrapped) in &messages {
        keyring.opening.key(context, wrapped).await.unwrap();
    }
    assert_eq!(began.elapsed(), Duration::ZERO);
    assert_eq!(keyring.stats().in_flight, 100);
    drop(hung);
}

#[tokio::test(start_paused = true)]
async fn as_many_contexts_as_there_may_be_are_all_kept() {
    for contexts in [1, 33, 1_024, 3_000] {
        let provider = Scripted::default();
        let keyring = Keyrings::builder()
            .sealing(SealingLimits::default().with_max_contexts(contexts))
            .build(provider.clone())
            .unwrap();
        for _ in 0..2 {
            for n in 0..contexts {
                keyring.sealing.key(&context(format!("t{n}")), ONE).await.unwrap();
            }
        }
        let stats = keyring.sealing.stats();
        assert_eq!(provider.generated(), contexts as u64);
        assert_eq!((stats.live, stats.evicted), (contexts as u64, 0));
        assert_eq!(stats.misses.of(MissReason::Evicted), 0);
    }
}

#[tokio::test(start_paused = true)]
async fn many_callers_of_one_context_are_not_many_contexts() {
    let keyring = Keyrings::new(Scripted::taking(20));
    let mut callers = JoinSet::new();
    for _ in 0..10_000 {
        let keyring = keyring.clone();
        callers.spawn(async move { keyring.sealing.key(&context("one"), ONE).await.is_ok() });
    }
    assert!(callers.join_all().await.into_iter().all(|sealed| sealed));
    let stats = keyring.sealing.stats();
    assert_eq!(stats.misses.total(), 10_000);
    assert!(!stats.contexts_look_per_record);
}

/// Each time that a key lands, somebody who waited as well takes one message of it before the batch does.
#[tokio::test(start_paused = true)]
async fn a_batch_as_large_as_a_key_is_not_starved_by_single_messages() {
    let provider = Scripted::taking(20);
    let keyring = Keyrings::builder()
        .sealing(SealingLimits::default().with_max_messages(5_000))
        .build(provider.clone())
        .unwrap();
    let mut singles = JoinSet::new();
    for _ in 0..10 {
        let keyring = keyring.clone();
        singles.spawn(async move {
            loop {
                keyring.sealing.key(&context("a"), ONE).await.unwrap();
                sleep(Duration::from_millis(1)).await;
            }
        });
    }
    sleep(Duration::from_millis(100)).await;
    let before = provider.generated();
    let whole = keyring.sealing.key(&context("a"), Usage::batch(5_000, 0)).await;
    assert!(whole.is_ok(), "{whole:?}");
    let calls = provider.generated() - before;
    assert!((1..=4).contains(&calls), "{calls} calls for one batch");
}

#[tokio::test(start_paused = true)]
async fn an_unavailable_wrapping_key_ends_all_that_opens_under_it() {
    let provider = Scripted::default();
    let keyring = Keyrings::new(provider.clone());
    let mut messages = Vec::new();
    for n in 0..10 {
        provider.wraps_under(&[if n < 7 { "script:a" } else { "script:b" }]);
        let context = context(format!("t{n}"));
        let sealed = keyring.sealing.key(&context, ONE).await.unwrap();
        keyring
            .opening
            .key(&context, sealed.wrapped_keys())
            .await
            .unwrap();
        messages.push((context, sealed.wrapped_keys().clone()));
    }
    // Key 0 is in use, and is unwrapped anew ahead of its end.
    for _ in 0..20 {
        keyring.opening.try_key(&messages[0].0, &messages[0].1).unwrap();
    }
    sleep(SECOND * 290).await;
    provider.does_under("script:a", Does::Fail(ErrorClass::UnavailableKey));
    assert!(keyring.opening.try_key(&messages[0].0, &messages[0].1).is_some());
    sleep(Duration::from_millis(1)).await;
    for (n, (context, wrapped)) in messages.iter().enumerate() {
        let opens = keyring.opening.try_key(context, wrapped).is_some();
        assert_eq!(opens, n >= 7, "message {n}");
    }
    assert_eq!(keyring.opening.stats().revoked, 7);
}
