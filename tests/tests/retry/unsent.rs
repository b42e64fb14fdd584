//! What a provider refuses by itself, without a call, says nothing of the service.
use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
    time::Duration,
};

use datakey_provider::{ErrorClass, Operation, ProviderError};
use datakey_retry::{BreakerPhase, Classify, Policy, retry};
use datakey_tests::retry::{Counting, Service, seeded};
use tokio::time::{Instant, sleep};

const fn ms(millis: u64) -> Duration {
    Duration::from_millis(millis)
}

fn unsent(class: ErrorClass) -> ProviderError {
    ProviderError::new(class, Operation::Decrypt).unsent()
}

/// How often a dead service was called in ten seconds, by one who calls each 50 ms, with a refusal after each call.
async fn calls_to_a_dead_service(refusal: Option<ErrorClass>) -> u64 {
    let policy = seeded(1).with_max_attempts(1);
    let (began, calls) = (Instant::now(), AtomicU64::new(0));
    while began.elapsed() < ms(10_000) {
        let dead = retry(&policy, async || {
            calls.fetch_add(1, Relaxed);
            Err::<(), _>(ProviderError::new(ErrorClass::Transient, Operation::Decrypt))
        });
        drop(dead.await);
        if let Some(class) = refusal {
            drop(retry(&policy, async || Err::<(), _>(unsent(class))).await);
        }
        sleep(ms(50)).await;
    }
    calls.load(Relaxed)
}

#[tokio::test(start_paused = true)]
async fn refusals_of_the_provider_s_own_keep_no_breaker_closed() {
    let without = calls_to_a_dead_service(None).await;
    assert!((20..=40).contains(&without), "{without}");
    for class in [
        ErrorClass::InvalidRequest,
        ErrorClass::NotAuthentic,
        ErrorClass::Denied,
        ErrorClass::UnavailableKey,
        ErrorClass::Throttled,
        ErrorClass::Unauthenticated,
    ] {
        let beside = calls_to_a_dead_service(Some(class)).await;
        // A refusal may be the try that the breaker lets through, and hands it on to the next call.
        assert!(beside <= without + 10, "{class:?}: {beside} and not {without}");
    }
}

#[tokio::test(start_paused = true)]
async fn refusals_of_the_provider_s_own_open_no_breaker_and_make_nothing_unwell() {
    for class in ErrorClass::ALL {
        let policy = seeded(1).with_max_attempts(1);
        for _ in 0..100 {
            drop(retry(&policy, async || Err::<(), _>(unsent(class))).await);
            sleep(ms(50)).await;
        }
        let breaker = policy.breaker().unwrap();
        assert_eq!(breaker.phase_of(""), BreakerPhase::Closed, "{class:?}");
        assert!(!breaker.is_unwell(""), "{class:?}");
    }
}

/// Served in so many seconds on a quota of ten a second, by eight callers, beside so many who are refused by their provider
/// again and again; and the rate that was learnt.
async fn beside_refusals(refused: usize) -> (usize, f64) {
    let policy = seeded(1);
    let service = Service::new(10.0, Counting::Bucket(5.0), ms(5));
    let junk = |policy: Policy| async move {
        loop {
            drop(retry(&policy, async || Err::<(), _>(unsent(ErrorClass::InvalidRequest))).await);
            sleep(ms(5)).await;
        }
    };
    let honest = |policy: Policy, service: Service| async move {
        loop {
            drop(retry(&policy, || service.call()).await);
        }
    };
    let mut callers = tokio::task::JoinSet::new();
    for _ in 0..refused {
        callers.spawn(junk(policy.clone()));
    }
    for _ in 0..8 {
        callers.spawn(honest(policy.clone(), service.clone()));
    }
    sleep(ms(30_000)).await;
    callers.shutdown().await;
    let rate = policy.adaptive_rate().unwrap().state().rate;
    (service.served_between(10.0, 30.0), rate.unwrap())
}

#[tokio::test(start_paused = true)]
async fn refusals_of_the_provider_s_own_neither_raise_the_rate_nor_use_it_up() {
    let (alone, _) = beside_refusals(0).await;
    assert!(alone >= 180, "{alone} of 200");
    for refused in [1, 50] {
        let (served, rate) = beside_refusals(refused).await;
        assert!(served >= 180, "{refused} beside them: {served} of 200");
        assert!((5.0..=20.0).contains(&rate), "{refused} beside them: {rate}");
    }
}

/// A call whose attempts were never sent has not been sent, however often it was tried.
#[tokio::test(start_paused = true)]
async fn a_call_that_gave_up_says_whether_anything_was_sent() {
    let policy = seeded(1).with_max_attempts(4);
    for sent in 0..=4 {
        let tried = Arc::new(AtomicU64::new(0));
        let gave_up = retry(&policy, || {
            let number = tried.fetch_add(1, Relaxed);
            async move {
                Err::<(), _>(if number < sent {
                    ProviderError::new(ErrorClass::Transient, Operation::Decrypt)
                } else {
                    unsent(ErrorClass::Unauthenticated)
                })
            }
        })
        .await
        .unwrap_err();
        assert_eq!((gave_up.attempts(), gave_up.was_sent()), (4, sent > 0));
        let error = gave_up.into_provider_error(Operation::Decrypt, None);
        assert_eq!(Classify::was_sent(&error), sent > 0, "{sent}");
    }
}
