//! Single flight: one load per key, whatever happens to it and to those who wait.
use std::time::Duration;

use datakey_keyring::{Held, KeyringError, Usage};
use datakey_provider::{EncryptionContext, ErrorClass, GeneratedDataKey};
use datakey_tests::keyring::{Does, Scripted, context};
use datakey_tests::keyrings::Keyrings;
use tokio::{
    task::JoinSet,
    time::{advance, sleep, timeout},
};

type Sealed = Result<Held<GeneratedDataKey>, KeyringError>;

const ONE: Usage = Usage::message(100);

async fn many(keyring: &Keyrings, contexts: &[EncryptionContext], callers: usize) -> Vec<Sealed> {
    let mut tasks = JoinSet::new();
    for caller in 0..callers {
        let (keyring, context) = (keyring.clone(), contexts[caller % contexts.len()].clone());
        tasks.spawn(async move { keyring.sealing.key(&context, ONE).await });
    }
    tasks.join_all().await
}

#[tokio::test(start_paused = true)]
async fn ten_thousand_cold_callers_make_one_call_for_each_context() {
    for contexts in [1, 50] {
        let provider = Scripted::taking(20);
        let keyring = Keyrings::new(provider.clone());
        let contexts: Vec<_> = (0..contexts).map(|n| context(format!("t{n}"))).collect();
        let sealed = many(&keyring, &contexts, 10_000).await;
        assert!(sealed.iter().all(Result::is_ok));
        assert_eq!(provider.generated(), contexts.len() as u64);
        let stats = keyring.sealing.stats();
        assert_eq!(stats.loads, contexts.len() as u64);
        assert_eq!(stats.hits + stats.misses.total(), 10_000);
        assert_eq!(stats.loads + stats.shared_waits, stats.misses.total());
    }
}

#[tokio::test(start_paused = true)]
async fn different_contexts_never_share_a_key() {
    let keyring = Keyrings::new(Scripted::taking(20));
    let sealed = many(&keyring, &[context("a"), context("b")], 2).await;
    let (one, two) = (sealed[0].as_ref().unwrap(), sealed[1].as_ref().unwrap());
    assert!(!one.data_key().ct_eq(two.data_key()));
    assert_ne!(one.wrapped_keys(), two.wrapped_keys());
}

#[tokio::test(start_paused = true)]
async fn a_failure_is_shared_by_all_who_wait_and_kept_by_nobody() {
    let provider = Scripted::taking(10);
    provider.does(Does::Fail(ErrorClass::Throttled));
    let keyring = Keyrings::new(provider.clone());
    let sealed = many(&keyring, &[context("a")], 200).await;
    assert_eq!(sealed.len(), 200);
    for result in sealed {
        assert_eq!(result.unwrap_err().class(), Some(ErrorClass::Throttled));
    }
    assert_eq!(provider.generated(), 1);
    assert_eq!(keyring.sealing.stats().live, 0);
    provider.does(Does::Work);
    assert!(keyring.sealing.key(&context("a"), ONE).await.is_ok());
    assert_eq!(provider.generated(), 2);
}

#[tokio::test(start_paused = true)]
async fn expiry_makes_one_call_however_many_callers_come() {
    let provider = Scripted::taking(20);
    let keyring = Keyrings::new(provider.clone());
    many(&keyring, &[context("a")], 10).await;
    advance(datakey_keyring::DEFAULT_HARD_AGE).await;
    let sealed = many(&keyring, &[context("a")], 1_000).await;
    assert!(sealed.iter().all(Result::is_ok));
    assert_eq!(provider.generated(), 2);
}

#[tokio::test(start_paused = true)]
async fn a_dropped_leader_leaves_the_load_to_the_others() {
    let provider = Scripted::taking(100);
    let keyring = Keyrings::new(provider.clone());
    let context = context("a");
    let leader = tokio::spawn({
        let (keyring, context) = (keyring.clone(), context.clone());
        async move { keyring.sealing.key(&context, ONE).await }
    });
    sleep(Duration::from_millis(10)).await;
    let follower = tokio::spawn({
        let (keyring, context) = (keyring.clone(), context.clone());
        async move { keyring.sealing.key(&context, ONE).await }
    });
    sleep(Duration::from_millis(10)).await;
    leader.abort();
    assert!(follower.await.unwrap().is_ok());
    assert_eq!(provider.generated(), 1);
}

#[tokio::test(start_paused = true)]
async fn callers_with_a_deadline_shorter_than_a_call_make_progress_together() {
    let provider = Scripted::taking(200);
    let keyring = Keyrings::new(provider.clone());
    let deadline = Duration::from_millis(150);
    let context = context("a");
    let wave = || async {
        let mut served = 0;
        for _ in 0..10 {
            let sealing = keyring.sealing.key(&context, ONE);
            served += u32::from(timeout(deadline, sealing).await.is_ok());
        }
        served
    };
    assert_eq!(
        wave().await,
        9,
        "the first gives up at 150 ms, the second is served at 200 ms"
    );
    assert_eq!(wave().await, 10);
    assert_eq!(provider.generated(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_whole_wave_that_gave_up_leaves_a_key_behind() {
    let provider = Scripted::taking(200);
    let keyring = Keyrings::new(provider.clone());
    let contexts = [context("a")];
    let gave_up = timeout(Duration::from_millis(150), many(&keyring, &contexts, 100)).await;
    assert!(gave_up.is_err());
    sleep(Duration::from_millis(60)).await;
    assert!(keyring.sealing.try_key(&contexts[0], ONE).is_some());
    assert_eq!(provider.generated(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_panicking_load_is_an_error_for_all_who_wait() {
    let provider = Scripted::taking(10);
    provider.does(Does::Panic);
    let keyring = Keyrings::new(provider.clone());
    for result in many(&keyring, &[context("a")], 50).await {
        assert!(matches!(result, Err(KeyringError::LoadPanicked)), "{result:?}");
    }
    assert_eq!(keyring.stats().in_flight, 0);
    provider.does(Does::Work);
    assert!(keyring.sealing.key(&context("a"), ONE).await.is_ok());
}

#[tokio::test(start_paused = true)]
async fn a_hung_load_ends_at_its_deadline_and_blocks_no_other_context() {
    let provider = Scripted::taking(10);
    let (hung, fine) = (context("hung"), context("fine"));
    provider.does_for(&hung, Does::Hang);
    let keyring = Keyrings::builder()
        .load_timeout(Duration::from_secs(3))
        .build(provider.clone())
        .unwrap();
    let waiting = tokio::spawn({
        let (keyring, hung) = (keyring.clone(), hung.clone());
        async move { keyring.sealing.key(&hung, ONE).await }
    });
    let quick = timeout(Duration::from_millis(20), keyring.sealing.key(&fine, ONE));
    assert!(quick.await.unwrap().is_ok());
    let started = tokio::time::Instant::now();
    let error = waiting.await.unwrap().unwrap_err();
    assert!(started.elapsed() <= Duration::from_secs(3));
    assert!(
        matches!(error, KeyringError::LoadTimeout { after } if after.as_secs() == 3),
        "{error}"
    );
    assert_eq!(error.class(), Some(ErrorClass::Timeout));
}

#[tokio::test(start_paused = true)]
async fn loads_in_flight_are_capped_and_the_rest_wait_their_turn() {
    let provider = Scripted::taking(100);
    let keyring = Keyrings::builder().max_loads(4).build(provider.clone()).unwrap();
    let contexts: Vec<_> = (0..40).map(|n| context(format!("t{n}"))).collect();
    let sealed = many(&keyring, &contexts, 40).await;
    assert!(sealed.iter().all(Result::is_ok));
    assert_eq!((provider.generated(), provider.most_in_flight()), (40, 4));
    let opening = sealed.into_iter().zip(&contexts).map(|(sealed, context)| {
        let (keyring, context) = (keyring.clone(), context.clone());
        async move {
            keyring
                .opening
                .key(&context, sealed.unwrap().wrapped_keys())
                .await
        }
    });
    let opening: JoinSet<_> = opening.collect();
    keyring.sealing.invalidate_all();
    let sealing = many(&keyring, &contexts, 40);
    let (opened, sealed) = tokio::join!(opening.join_all(), sealing);
    assert!(opened.iter().all(Result::is_ok) && sealed.iter().all(Result::is_ok));
    assert_eq!(
        provider.most_in_flight(),
        7,
        "four that seal, and three under one wrapping key, which leave a place for others"
    );
}

#[tokio::test(start_paused = true)]
async fn a_load_that_never_gets_its_turn_says_so() {
    let provider = Scripted::default();
    provider.does_for(&context("hung"), Does::Hang);
    let keyring = Keyrings::builder().max_loads(1).build(provider.clone()).unwrap();
    let hung = tokio::spawn({
        let keyring = keyring.clone();
        async move {
            // Two loads after each other hold the only place for longer than the third waits.
            let _ = keyring.sealing.key(&context("hung"), ONE).await;
            keyring.sealing.key(&context("hung"), ONE).await
        }
    });
    sleep(Duration::from_millis(1)).await;
    provider.does_for(&context("hung too"), Does::Hang);
    let second = tokio::spawn({
        let keyring = keyring.clone();
        async move { keyring.sealing.key(&context("hung too"), ONE).await }
    });
    sleep(Duration::from_millis(1)).await;
    let third = keyring.sealing.key(&context("c"), ONE).await.unwrap_err();
    assert!(
        matches!(third, KeyringError::Overloaded { loads: 1, .. }),
        "{third}"
    );
    assert!(second.await.unwrap().is_err());
    assert!(hung.await.unwrap().is_err());
}

#[test]
fn those_who_wait_elsewhere_start_over_when_a_runtime_shuts_down() {
    let build = || {
        tokio::runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .enable_all()
            .build()
            .unwrap()
    };
    let (leading, waiting) = (build(), build());
    let provider = Scripted::default();
    provider.does(Does::Hang);
    let keyring = Keyrings::new(provider.clone());
    let lead = leading.spawn({
        let keyring = keyring.clone();
        async move { keyring.sealing.key(&context("a"), ONE).await }
    });
    waiting.block_on(async {
        while provider.generated() == 0 {
            tokio::task::yield_now().await;
        }
    });
    let waiter = waiting.spawn({
        let keyring = keyring.clone();
        async move { keyring.sealing.key(&context("a"), ONE).await }
    });
    waiting.block_on(async {
        while keyring.sealing.stats().shared_waits == 0 {
            tokio::task::yield_now().await;
        }
    });
    provider.does(Does::Work);
    drop(leading);
    waiting.block_on(waiter).unwrap().unwrap();
    drop(lead);
    assert_eq!(
        provider.generated(),
        2,
        "one of the runtime that ended, and one of who waited"
    );
    assert_eq!(keyring.sealing.stats().in_flight, 0);
}

#[test]
fn without_a_runtime_there_is_an_error_and_no_panic() {
    let keyring = Keyrings::new(Scripted::default());
    assert!(keyring.sealing.try_key(&context("a"), ONE).is_none());
    let context = context("a");
    let mut sealing = std::pin::pin!(keyring.sealing.key(&context, ONE));
    let mut task = std::task::Context::from_waker(std::task::Waker::noop());
    let std::task::Poll::Ready(Err(error)) = sealing.as_mut().poll(&mut task) else {
        panic!("expected an error at once");
    };
    assert!(matches!(error, KeyringError::NoRuntime));
}

#[tokio::test(start_paused = true)]
async fn an_invalidation_wins_over_a_load_under_way() {
    let provider = Scripted::taking(100);
    let keyring = Keyrings::new(provider.clone());
    let context = context("a");
    let waiter = tokio::spawn({
        let (keyring, context) = (keyring.clone(), context.clone());
        async move { keyring.sealing.key(&context, ONE).await }
    });
    sleep(Duration::from_millis(50)).await;
    keyring.invalidate_context(&context);
    let sealed = waiter.await.unwrap().unwrap();
    assert_eq!(provider.generated(), 2, "the waiter started over");
    assert_eq!(provider.most_in_flight(), 1, "after the first call was stopped");
    let blob = sealed.wrapped_keys().first().blob()[..8].to_vec();
    assert_eq!(
        blob,
        2_u64.to_be_bytes(),
        "and got the key that was asked for afterwards"
    );
    let live = keyring.sealing.try_key(&context, ONE).unwrap();
    assert!(live.same(&sealed), "which is the one that is kept");
    assert_eq!(keyring.sealing.stats().superseded, 1);
}

#[tokio::test(start_paused = true)]
async fn an_invalidation_of_another_context_disturbs_nobody() {
    let provider = Scripted::taking(100);
    let keyring = Keyrings::new(provider.clone());
    let waiter = tokio::spawn({
        let keyring = keyring.clone();
        async move { keyring.sealing.key(&context("a"), ONE).await }
    });
    sleep(Duration::from_millis(50)).await;
    keyring.invalidate_context(&context("b"));
    assert!(waiter.await.unwrap().is_ok());
    assert_eq!(provider.generated(), 1);
}

#[tokio::test(start_paused = true)]
async fn invalidations_without_end_are_an_error_in_the_end() {
    let provider = Scripted::taking(100);
    let keyring = Keyrings::new(provider.clone());
    let waiter = tokio::spawn({
        let keyring = keyring.clone();
        async move { keyring.sealing.key(&context("a"), ONE).await }
    });
    for _ in 0..20 {
        sleep(Duration::from_millis(50)).await;
        keyring.invalidate_all();
    }
    let error = waiter.await.unwrap().unwrap_err();
    assert!(matches!(error, KeyringError::Invalidated { .. }), "{error}");
    assert!(provider.generated() < 10);
}

#[tokio::test(start_paused = true)]
async fn shutdown_ends_loads_and_refuses_from_then_on() {
    let keyring = Keyrings::new(Scripted::taking(100));
    let waiter = tokio::spawn({
        let keyring = keyring.clone();
        async move { keyring.sealing.key(&context("a"), ONE).await }
    });
    sleep(Duration::from_millis(50)).await;
    keyring.shutdown();
    assert!(matches!(waiter.await.unwrap(), Err(KeyringError::ShutDown)));
    let later = keyring.sealing.key(&context("a"), ONE).await;
    assert!(matches!(later, Err(KeyringError::ShutDown)));
    let stats = keyring.stats();
    assert_eq!((stats.sealing.live, stats.in_flight), (0, 0));
}
