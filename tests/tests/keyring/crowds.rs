//! Crowds: callers that give up, more of them than there is room for, and keys that are too small for all.
use std::time::Duration;

use datakey_keyring::{KeyringError, OpeningLimits, SealingLimits, Usage};
use datakey_provider::ErrorClass;
use datakey_tests::{
    keyring::{Does, Scripted, context, junk},
    keyrings::Keyrings,
};
use tokio::{
    task::JoinSet,
    time::{Instant, sleep, timeout},
};

const ONE: Usage = Usage::message(1);

#[tokio::test(start_paused = true)]
async fn a_message_waits_for_no_call_that_nobody_wants_any_more() {
    let provider = Scripted::taking(20);
    let keyring = Keyrings::new(provider.clone());
    let honest = keyring.sealing.key(&context("a"), ONE).await.unwrap();
    let mut callers = JoinSet::new();
    let mut most = 0;
    // 5,000 different wrapped keys a second for four seconds, of which some 2,400 a second can be asked for; their
    // callers are gone after half a second.
    for millisecond in 0..4_000_u64 {
        for n in 0..5 {
            let keyring = keyring.clone();
            callers.spawn(async move {
                let opening = junk(millisecond * 5 + n);
                let asked = context("a");
                let _gone = timeout(Duration::from_millis(500), keyring.opening.key(&asked, &opening)).await;
            });
        }
        sleep(Duration::from_millis(1)).await;
        most = most.max(keyring.opening.stats().in_flight);
    }
    assert!(
        most <= 2_500 + 64,
        "{most} in flight for those who came within half a second"
    );
    callers.join_all().await;
    let (calls, began) = (provider.decrypted(), Instant::now());
    keyring
        .opening
        .key(&context("a"), honest.wrapped_keys())
        .await
        .unwrap();
    assert!(
        began.elapsed() <= Duration::from_millis(40),
        "waited for {:?}",
        began.elapsed()
    );
    assert_eq!(provider.decrypted(), calls + 1);
    assert_eq!(keyring.opening.stats().in_flight, 0);
}

#[tokio::test(start_paused = true)]
async fn a_load_whose_turn_has_not_come_gives_up_its_place_with_the_last_who_wait_for_it() {
    let provider = Scripted::taking(100);
    let keyring = Keyrings::builder().max_loads(1).build(provider.clone()).unwrap();
    let ask = |tenant: &'static str, patience: u64| {
        let keyring = keyring.clone();
        tokio::spawn(async move {
            let asked = context(tenant);
            timeout(Duration::from_millis(patience), keyring.sealing.key(&asked, ONE)).await
        })
    };
    let running = ask("running", 50);
    let (one, other) = (ask("queued", 20), ask("queued", 40));
    sleep(Duration::from_millis(30)).await;
    assert_eq!(keyring.sealing.stats().in_flight, 2, "one of the two still waits");
    sleep(Duration::from_millis(30)).await;
    assert_eq!(
        keyring.sealing.stats().in_flight,
        1,
        "a call that was sent goes on"
    );
    for gone in [running, one, other] {
        assert!(gone.await.unwrap().is_err());
    }
    sleep(Duration::from_millis(200)).await;
    assert_eq!(provider.generated(), 1);
    assert!(keyring.sealing.try_key(&context("running"), ONE).is_some());
    assert!(keyring.sealing.try_key(&context("queued"), ONE).is_none());
}

#[tokio::test(start_paused = true)]
async fn a_full_queue_says_so_at_once() {
    let provider = Scripted::default();
    provider.does(Does::Hang);
    for queued in [0, 3] {
        let keyring = Keyrings::builder()
            .max_loads(2)
            .max_queued(queued)
            .build(provider.clone())
            .unwrap();
        let mut callers = JoinSet::new();
        for n in 0..2 + queued {
            let keyring = keyring.clone();
            callers.spawn(async move { keyring.sealing.key(&context(format!("t{n}")), ONE).await });
        }
        sleep(Duration::from_millis(1)).await;
        let began = Instant::now();
        let error = keyring.sealing.key(&context("late"), ONE).await.unwrap_err();
        assert!(began.elapsed().is_zero());
        assert!(
            matches!(error, KeyringError::QueueFull { queued: most } if most == queued),
            "{error}"
        );
        assert!(error.is_retryable() && error.class() == Some(ErrorClass::Timeout));
        drop(callers);
    }
}

#[tokio::test(start_paused = true)]
async fn equal_callers_of_a_small_key_are_all_served() {
    for messages in [1, 4, 32] {
        let provider = Scripted::taking(20);
        let limits = SealingLimits::default().with_max_messages(messages);
        let keyring = Keyrings::builder()
            .sealing(limits)
            .build(provider.clone())
            .unwrap();
        let until = Instant::now() + Duration::from_secs(5);
        let mut others = JoinSet::new();
        for _ in 0..63 {
            let keyring = keyring.clone();
            others.spawn(async move {
                let mut served = 0_u64;
                while Instant::now() < until {
                    keyring.sealing.key(&context("a"), ONE).await.unwrap();
                    served += 1;
                }
                served
            });
        }
        // On the root of the runtime, which is polled when all others have been.
        let mut served = 0_u64;
        while Instant::now() < until {
            keyring.sealing.key(&context("a"), ONE).await.unwrap();
            served += 1;
        }
        let others = others.join_all().await;
        let least = others.iter().copied().min().unwrap().min(served);
        assert!(
            least >= 20,
            "{messages} messages a key: somebody was served {least} times, the root {served}"
        );
        let calls_each = provider.generated() as f64 / (others.iter().sum::<u64>() + served) as f64;
        assert!(
            calls_each <= 1.1,
            "{messages} messages a key: {calls_each} calls a message"
        );
    }
}

#[tokio::test(start_paused = true)]
async fn keys_that_live_for_an_instant_cost_a_call_or_two_and_no_endless_reload() {
    let instant = Duration::from_nanos(1);
    let provider = Scripted::taking(1);
    let keyring = Keyrings::builder()
        .sealing(
            SealingLimits::default()
                .with_soft_age(instant)
                .with_hard_age(instant),
        )
        .opening(OpeningLimits::default().with_ttl(instant))
        .build(provider.clone())
        .unwrap();
    let mut callers = JoinSet::new();
    for _ in 0..64 {
        let keyring = keyring.clone();
        callers.spawn(async move {
            for _ in 0..10 {
                let sealed = keyring.sealing.key(&context("a"), ONE).await.unwrap();
                keyring
                    .opening
                    .key(&context("a"), sealed.wrapped_keys())
                    .await
                    .unwrap();
            }
        });
    }
    let ended = timeout(Duration::from_secs(2), callers.join_all()).await;
    assert!(ended.is_ok(), "nobody came to an end");
    assert!(
        provider.generated() <= 2 * 640,
        "{} calls to seal",
        provider.generated()
    );
    assert!(
        provider.decrypted() <= 640,
        "{} calls to open",
        provider.decrypted()
    );
}

#[tokio::test(start_paused = true)]
async fn loads_for_one_caller_alone_are_in_flight_too() {
    let provider = Scripted::default();
    provider.does(Does::Hang);
    let cached = Keyrings::new(provider.clone());
    let uncached = Keyrings::uncached(provider);
    let mut callers = JoinSet::new();
    callers.spawn({
        let keyring = cached.clone();
        async move { drop(keyring.sealing.key(&context("a"), Usage::unknown_length()).await) }
    });
    callers.spawn({
        let keyring = uncached.clone();
        async move { drop(keyring.sealing.key(&context("a"), ONE).await) }
    });
    callers.spawn({
        let keyring = uncached.clone();
        async move { drop(keyring.opening.key(&context("a"), &junk(1)).await) }
    });
    sleep(Duration::from_millis(1)).await;
    assert_eq!(cached.sealing.stats().in_flight, 1);
    assert_eq!(
        (
            uncached.sealing.stats().in_flight,
            uncached.opening.stats().in_flight
        ),
        (1, 1)
    );
    callers.shutdown().await;
    assert_eq!((cached.stats().in_flight, uncached.stats().in_flight), (0, 0));
}

#[tokio::test(start_paused = true)]
async fn whoever_leads_a_load_is_not_counted_among_those_who_share_it() {
    let provider = Scripted::taking(20);
    let limits = SealingLimits::default()
        .with_soft_age(Duration::from_secs(100))
        .with_hard_age(Duration::from_secs(1_000));
    let keyring = Keyrings::builder()
        .sealing(limits)
        .build(provider.clone())
        .unwrap();
    keyring.sealing.key(&context("a"), ONE).await.unwrap();
    sleep(Duration::from_secs(150)).await;
    // It waits for a second, serves the old key, and looks for its load again meanwhile.
    provider.takes(Duration::from_secs(5));
    keyring.sealing.key(&context("a"), ONE).await.unwrap();
    let stats = keyring.sealing.stats();
    assert_eq!((stats.loads, stats.shared_waits, stats.misses.total()), (2, 0, 2));
    let refused = keyring.opening.key(&context("a"), &junk(1)).await;
    assert!(refused.is_err());
    assert_eq!(keyring.opening.stats().shared_waits, 0);
}
