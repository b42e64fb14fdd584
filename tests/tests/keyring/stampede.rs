//! Ten thousand callers at once: cold, on failure, on expiry, with leaders that go away; and a flood of junk.
use std::{
    pin::pin,
    sync::atomic::{AtomicU64, Ordering::SeqCst},
    task::{Context, Poll, Waker},
    time::Duration,
};

use datakey_keyring::{DEFAULT_HARD_AGE, Held, KeyringError, OpeningLimits, Usage};
use datakey_provider::{EncryptionContext, ErrorClass, GeneratedDataKey};
use datakey_tests::keyring::{Does, Scripted, context, junk};
use datakey_tests::keyrings::Keyrings;
use tokio::{
    task::{JoinSet, yield_now},
    time::advance,
};

type Sealed = Result<Held<GeneratedDataKey>, KeyringError>;

const ONE: Usage = Usage::message(100);
const CALLERS: usize = 10_000;

fn contexts(number: usize) -> Vec<EncryptionContext> {
    (0..number).map(|n| context(format!("t{n}"))).collect()
}

async fn stampede(keyring: &Keyrings, contexts: &[EncryptionContext]) -> Vec<Sealed> {
    let mut tasks = JoinSet::new();
    for caller in 0..CALLERS {
        let (keyring, context) = (keyring.clone(), contexts[caller % contexts.len()].clone());
        tasks.spawn(async move { keyring.sealing.key(&context, ONE).await });
    }
    tasks.join_all().await
}

#[tokio::test(start_paused = true)]
async fn on_failure_there_is_one_call_for_each_context() {
    for number in [1, 50] {
        let provider = Scripted::taking(20);
        provider.does(Does::Fail(ErrorClass::Throttled));
        let (keyring, contexts) = (Keyrings::new(provider.clone()), contexts(number));
        let sealed = stampede(&keyring, &contexts).await;
        let throttled =
            |sealed: &Sealed| matches!(sealed, Err(error) if error.class() == Some(ErrorClass::Throttled));
        assert!(sealed.len() == CALLERS && sealed.iter().all(throttled));
        assert_eq!(provider.generated(), number as u64);
        assert_eq!(keyring.stats().in_flight, 0);
    }
}

#[tokio::test(start_paused = true)]
async fn on_expiry_there_is_one_call_for_each_context() {
    for number in [1, 50] {
        let provider = Scripted::taking(20);
        let (keyring, contexts) = (Keyrings::new(provider.clone()), contexts(number));
        assert!(keyring.sealing.warm(&contexts).await.is_empty());
        advance(DEFAULT_HARD_AGE).await;
        let sealed = stampede(&keyring, &contexts).await;
        assert!(sealed.iter().all(Result::is_ok));
        assert_eq!(provider.generated(), 2 * number as u64);
    }
}

#[tokio::test(start_paused = true)]
async fn ten_thousand_readers_of_fifty_messages_make_fifty_calls() {
    let provider = Scripted::taking(20);
    let keyring = Keyrings::new(provider.clone());
    let mut messages = Vec::new();
    for context in contexts(50) {
        let sealed = keyring.sealing.key(&context, ONE).await.unwrap();
        messages.push((context, sealed.wrapped_keys().clone()));
    }
    let mut tasks = JoinSet::new();
    for caller in 0..CALLERS {
        let (keyring, (context, wrapped)) = (keyring.clone(), messages[caller % 50].clone());
        tasks.spawn(async move { keyring.opening.key(&context, &wrapped).await.is_ok() });
    }
    assert!(tasks.join_all().await.into_iter().all(|opened| opened));
    assert_eq!(provider.decrypted(), 50);
}

/// Polls the leader so many times, the runtime going on in between, then drops it.
async fn leader_dropped_after(polls: usize, keyring: &Keyrings) -> bool {
    let context = context("t0");
    let mut leader = pin!(keyring.sealing.key(&context, ONE));
    let mut nobody = Context::from_waker(Waker::noop());
    for _ in 0..polls {
        if let Poll::Ready(answer) = leader.as_mut().poll(&mut nobody) {
            return answer.is_ok();
        }
        yield_now().await;
        advance(Duration::from_millis(7)).await;
    }
    false
}

#[tokio::test(start_paused = true)]
async fn a_leader_dropped_at_any_await_leaves_one_load_behind() {
    let mut ended = 0;
    for polls in 0..8 {
        let provider = Scripted::taking(20);
        let keyring = Keyrings::new(provider.clone());
        ended += u32::from(leader_dropped_after(polls, &keyring).await);
        let sealed = stampede(&keyring, &contexts(1)).await;
        assert!(sealed.iter().all(Result::is_ok));
        assert_eq!(provider.generated(), 1, "dropped after {polls} polls");
    }
    assert!(
        (1..8).contains(&ended),
        "some leaders were dropped, some came to their end"
    );
}

#[tokio::test(start_paused = true)]
async fn a_leader_dropped_at_any_await_of_a_failure_or_after_expiry_leaves_one_load_behind() {
    for polls in 0..8 {
        let provider = Scripted::taking(20);
        let keyring = Keyrings::new(provider.clone());
        provider.does(Does::Fail(ErrorClass::Transient));
        assert!(!leader_dropped_after(polls, &keyring).await);
        let failed = stampede(&keyring, &contexts(1)).await;
        // Those who come after a failure that nobody shared ask once, too.
        let calls = provider.generated();
        assert!(
            failed.iter().all(Result::is_err) && calls <= 2,
            "{calls} calls, {polls} polls"
        );

        provider.does(Does::Work);
        drop(stampede(&keyring, &contexts(1)).await);
        let before = provider.generated();
        advance(DEFAULT_HARD_AGE).await;
        leader_dropped_after(polls, &keyring).await;
        let sealed = stampede(&keyring, &contexts(1)).await;
        assert!(sealed.iter().all(Result::is_ok));
        assert_eq!(
            provider.generated(),
            before + 1,
            "expired, dropped after {polls} polls"
        );
    }
}

#[tokio::test(start_paused = true)]
async fn a_leader_that_goes_away_takes_no_waiter_with_it() {
    for polls in 1..4 {
        let provider = Scripted::taking(40);
        let keyring = Keyrings::new(provider.clone());
        let mut waiting = JoinSet::new();
        {
            let context = context("t0");
            let mut leader = pin!(keyring.sealing.key(&context, ONE));
            let mut nobody = Context::from_waker(Waker::noop());
            assert!(leader.as_mut().poll(&mut nobody).is_pending());
            for _ in 0..100 {
                let keyring = keyring.clone();
                let own = datakey_tests::keyring::context("t0");
                waiting.spawn(async move { keyring.sealing.key(&own, ONE).await.is_ok() });
            }
            for _ in 1..polls {
                yield_now().await;
                assert!(leader.as_mut().poll(&mut nobody).is_pending());
            }
        }
        assert_eq!(waiting.join_all().await, [true; 100]);
        assert_eq!(provider.generated(), 1);
    }
}

/// A million messages against the default of 8,192 opening keys are 122 for each place. Here there are 64 places and a
/// fifth of a million messages, 3,125 for each place, which an unoptimised build gets through in seconds. Each junk key is
/// delivered five times, as a queue does.
#[tokio::test(start_paused = true)]
async fn a_flood_of_junk_evicts_no_key_in_use() {
    const JUNK: u64 = 20_000;
    const DELIVERIES: u64 = 5;
    let provider = Scripted::default();
    let keyring = Keyrings::builder()
        .opening(
            OpeningLimits::default()
                .with_max_keys(64)
                .with_max_refusals(1_000),
        )
        .build(provider.clone())
        .unwrap();
    let mut kept = Vec::new();
    for context in contexts(32) {
        let sealed = keyring.sealing.key(&context, ONE).await.unwrap();
        let wrapped = sealed.wrapped_keys().clone();
        keyring.opening.key(&context, &wrapped).await.unwrap();
        kept.push((context, wrapped));
    }
    let (target, refused) = (context("t0"), AtomicU64::new(0));
    for n in 0..JUNK {
        let junk = junk(n);
        for _ in 0..DELIVERIES {
            refused.fetch_add(
                u64::from(keyring.opening.key(&target, &junk).await.is_err()),
                SeqCst,
            );
        }
    }
    assert_eq!(refused.load(SeqCst), JUNK * DELIVERIES);
    assert_eq!(provider.decrypted(), JUNK + 32);
    for (context, wrapped) in &kept {
        assert!(keyring.opening.try_key(context, wrapped).is_some());
        assert!(keyring.sealing.try_key(context, ONE).is_some());
    }
    let stats = keyring.stats();
    assert_eq!((stats.opening.evicted, stats.sealing.evicted), (0, 0));
    assert_eq!(stats.opening.refused_from_memory, JUNK * (DELIVERIES - 1));
    assert!(stats.opening.refusals <= 1_100, "{}", stats.opening.refusals);
}
