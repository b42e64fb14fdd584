//! The breaker: opens in an outage, costs callers nothing while open, finds the service again, survives dropped tries.
use std::{
    error::Error as _,
    pin::pin,
    task::{Context, Poll, Waker},
    time::Duration,
};

use datakey_provider::{
    DataKeyLength, EncryptionContext, ErrorClass, Operation, ProviderError, SealingProvider as _,
};
use datakey_retry::{
    Breaker, BreakerPhase, CircuitOpen, Classify as _, Failure, GaveUp, Policy, Reason, Retry, defaults,
    retry,
};
use datakey_tests::retry::{Counting, Scripted, Service, crowd, seeded};
use tokio::time::{Instant, sleep};

const fn ms(millis: u64) -> Duration {
    Duration::from_millis(millis)
}

type Answer = Result<u32, GaveUp<ProviderError>>;

async fn call(policy: &Policy, answer: Result<u32, ErrorClass>) -> Answer {
    retry(policy, || async {
        answer.map_err(|class| ProviderError::new(class, Operation::Decrypt))
    })
    .await
}

/// A policy of single attempts, and its breaker after attempts that failed every 150 ms.
async fn after_failures(count: u32, class: ErrorClass) -> (Policy, Breaker) {
    let policy = seeded(1).with_max_attempts(1);
    let breaker = policy.breaker().unwrap().clone();
    for _ in 0..count {
        let gave_up = call(&policy, Err(class)).await.unwrap_err();
        assert_ne!(gave_up.reason(), Reason::CircuitOpen);
        sleep(ms(150)).await;
    }
    (policy, breaker)
}

fn phase(breaker: &Breaker) -> BreakerPhase {
    breaker.state().phase
}

#[tokio::test(start_paused = true)]
async fn it_opens_after_sustained_failures_and_not_before() {
    let (_, breaker) = after_failures(9, ErrorClass::Transient).await;
    assert_eq!(
        (phase(&breaker), breaker.state().failures),
        (BreakerPhase::Closed, 9)
    );
    let (_, breaker) = after_failures(10, ErrorClass::Transient).await;
    assert_eq!((phase(&breaker), breaker.state().opened), (BreakerPhase::Open, 1));
    // Timeouts count for four, but not before a second has passed.
    let (_, breaker) = after_failures(7, ErrorClass::Timeout).await;
    assert_eq!(
        (phase(&breaker), breaker.state().failures),
        (BreakerPhase::Closed, 28)
    );
    let (_, breaker) = after_failures(8, ErrorClass::Timeout).await;
    assert_eq!((phase(&breaker), breaker.state().opened), (BreakerPhase::Open, 1));
    for class in [
        ErrorClass::Throttled,
        ErrorClass::Denied,
        ErrorClass::NotAuthentic,
    ] {
        let (_, breaker) = after_failures(30, class).await;
        assert_eq!(
            (phase(&breaker), breaker.state().failures),
            (BreakerPhase::Closed, 0)
        );
    }
    let (policy, breaker) = after_failures(9, ErrorClass::Transient).await;
    assert!(call(&policy, Ok(1)).await.is_ok());
    assert_eq!(breaker.state().failures, 0, "one answer and it starts anew");
}

#[tokio::test(start_paused = true)]
async fn a_thousand_failures_at_one_moment_are_one_failure() {
    let policy = seeded(1).with_max_attempts(1);
    for _ in 0..1000 {
        assert!(call(&policy, Err(ErrorClass::Transient)).await.is_err());
    }
    assert_eq!(phase(policy.breaker().unwrap()), BreakerPhase::Closed);
}

#[tokio::test(start_paused = true)]
async fn while_open_calls_fail_at_once_and_say_when_the_next_try_is() {
    let (policy, breaker) = after_failures(8, ErrorClass::Timeout).await;
    let (began, mut sent) = (Instant::now(), false);
    let gave_up = retry(&policy, || {
        sent = true;
        async { Ok::<u32, ProviderError>(1) }
    })
    .await
    .unwrap_err();
    assert!(!sent && began.elapsed().is_zero());
    assert_eq!((gave_up.reason(), gave_up.attempts()), (Reason::CircuitOpen, 0));
    assert_eq!(gave_up.class(), ErrorClass::Timeout, "that of the failures");
    let left = defaults::BREAKER_WAIT - ms(150);
    assert_eq!(gave_up.delay(), Some(left));
    assert!(matches!(gave_up.failure(), Failure::CircuitOpen(open) if open.probe_in() == left));
    let source = gave_up.source().unwrap().downcast_ref::<CircuitOpen>().unwrap();
    assert!(source.to_string().contains("350ms"), "{source}");
    assert_eq!(breaker.state().refused, 1);
    assert!(gave_up.is_final(), "a retry above would only ask again");
}

#[tokio::test(start_paused = true)]
async fn a_provider_error_of_an_open_breaker_is_retryable_and_tells_its_story() {
    let (policy, _) = after_failures(10, ErrorClass::Transient).await;
    let provider = Retry::new(Scripted::default(), policy);
    let error = provider
        .generate_data_key(&EncryptionContext::empty(), DataKeyLength::Bytes32)
        .await
        .unwrap_err();
    assert_eq!(error.class(), ErrorClass::Transient);
    assert!(error.class().is_retryable(), "a cache above serves what it has");
    assert_eq!(error.delay(), Some(defaults::BREAKER_WAIT - ms(150)));
    let gave_up = error
        .source()
        .unwrap()
        .downcast_ref::<GaveUp<ProviderError>>()
        .unwrap();
    assert_eq!(gave_up.reason(), Reason::CircuitOpen);
    assert!(gave_up.source().unwrap().is::<CircuitOpen>());
    assert_eq!(provider.inner().calls(), 0);
}

#[tokio::test(start_paused = true)]
async fn it_tries_with_one_call_and_closes_on_any_answer() {
    for answer in [Ok(1), Err(ErrorClass::Throttled), Err(ErrorClass::Denied)] {
        let (policy, breaker) = after_failures(10, ErrorClass::Transient).await;
        sleep(ms(350)).await;
        let mut probe = Box::pin(retry(&policy, || async {
            sleep(ms(20)).await;
            answer.map_err(|class| ProviderError::new(class, Operation::Decrypt))
        }));
        assert!(polled(1, probe.as_mut()).await.is_none());
        assert_eq!(phase(&breaker), BreakerPhase::HalfOpen);
        let other = call(&policy, Ok(1)).await.unwrap_err();
        assert_eq!(other.reason(), Reason::CircuitOpen);
        assert_eq!(probe.await.is_ok(), answer.is_ok());
        assert_eq!(phase(&breaker), BreakerPhase::Closed);
        assert!(call(&policy, Ok(1)).await.is_ok());
    }
}

#[tokio::test(start_paused = true)]
async fn each_failed_try_doubles_the_wait_up_to_its_cap() {
    let (policy, breaker) = after_failures(10, ErrorClass::Transient).await;
    let mut waits = Vec::new();
    for _ in 0..5 {
        let open = call(&policy, Ok(1)).await.unwrap_err().delay().unwrap();
        sleep(open).await;
        assert_eq!(
            call(&policy, Err(ErrorClass::Transient))
                .await
                .unwrap_err()
                .attempts(),
            1
        );
        waits.push(call(&policy, Ok(1)).await.unwrap_err().delay().unwrap());
    }
    assert_eq!(waits, [1000; 5].map(ms));
    assert_eq!(breaker.state().opened, 6);
}

/// The output if it came within so many polls.
async fn polled<F: Future>(polls: u32, mut call: std::pin::Pin<&mut F>) -> Option<F::Output> {
    let mut left = polls;
    std::future::poll_fn(|cx| {
        if left == 0 {
            return Poll::Ready(None);
        }
        left -= 1;
        call.as_mut().poll(cx).map(Some)
    })
    .await
}

/// Drops a try at each await point: the next call tries in its place, and nothing is wedged.
#[tokio::test(start_paused = true)]
async fn a_dropped_try_hands_over_to_the_next_call() {
    let mut cut_short = 0;
    for polls in 0..20 {
        let (policy, breaker) = after_failures(10, ErrorClass::Transient).await;
        sleep(ms(350)).await;
        let ended = {
            let probe = pin!(retry(&policy, || async {
                sleep(ms(10)).await;
                tokio::task::yield_now().await;
                Ok::<u32, ProviderError>(1)
            }));
            polled(polls, probe).await.is_some()
        };
        if ended {
            assert_eq!(phase(&breaker), BreakerPhase::Closed);
            break;
        }
        cut_short += u32::from(polls > 0);
        assert_eq!(phase(&breaker), BreakerPhase::Open, "after {polls} polls");
        assert!(call(&policy, Ok(1)).await.is_ok(), "after {polls} polls");
        assert_eq!(phase(&breaker), BreakerPhase::Closed);
        assert!(polls < 19, "it never ended");
    }
    assert!(cut_short >= 2, "cut short at each await point");
}

#[tokio::test(start_paused = true)]
async fn a_try_that_nobody_polls_holds_up_the_next_for_a_second_only() {
    let (policy, _) = after_failures(10, ErrorClass::Transient).await;
    sleep(ms(350)).await;
    let mut probe = Box::pin(retry(&policy, || async {
        sleep(ms(10)).await;
        Ok::<u32, ProviderError>(1)
    }));
    assert!(polled(1, probe.as_mut()).await.is_none());
    // The poll that cut it short came with its timer, 10 ms later.
    sleep(defaults::BREAKER_WAIT_CAP - ms(20)).await;
    assert!(call(&policy, Ok(1)).await.is_err());
    sleep(ms(10)).await;
    assert!(call(&policy, Ok(1)).await.is_ok());
    drop(probe);
    assert_eq!(phase(policy.breaker().unwrap()), BreakerPhase::Closed);
}

/// Tries that hang, each on a connection of its own: the first call a second after the service is back is answered.
#[tokio::test(start_paused = true)]
async fn tries_that_hang_refuse_nobody_for_longer_than_the_outage_and_a_second() {
    let (policy, breaker) = after_failures(8, ErrorClass::Timeout).await;
    let mut hanging = Vec::new();
    for _ in 0..100 {
        let mut probe = Box::pin(retry(&policy, || {
            std::future::pending::<Result<u32, ProviderError>>()
        }));
        // A refusal is ready at once, and a try is not.
        let once = probe.as_mut().poll(&mut Context::from_waker(Waker::noop()));
        if once.is_pending() {
            hanging.push(probe);
        }
        sleep(ms(100)).await;
    }
    assert!(
        (9..=11).contains(&hanging.len()),
        "a try a second, {}",
        hanging.len()
    );
    let back = Instant::now();
    while call(&policy, Ok(1)).await.is_err() {
        sleep(ms(10)).await;
    }
    assert!(
        back.elapsed() <= defaults::BREAKER_WAIT_CAP,
        "{:?}",
        back.elapsed()
    );
    // What the tries of before come to changes nothing.
    drop(hanging);
    assert_eq!(phase(&breaker), BreakerPhase::Closed);
}

#[tokio::test(start_paused = true)]
async fn its_numbers_can_be_set() {
    let breaker = Breaker::builder()
        .with_failures(2)
        .with_timeout_counts(1)
        .with_after(Duration::ZERO)
        .with_first_wait(ms(30))
        .with_longest_wait(ms(40))
        .build();
    let policy = seeded(1).with_max_attempts(1).with_breaker(breaker.clone());
    for failures in [1, 0] {
        assert!(call(&policy, Err(ErrorClass::Timeout)).await.is_err());
        assert_eq!(breaker.state().failures, failures);
    }
    for wait in [30, 40, 40] {
        let refused = call(&policy, Ok(1)).await.unwrap_err();
        assert_eq!(refused.delay(), Some(ms(wait)));
        sleep(ms(wait)).await;
        assert!(call(&policy, Err(ErrorClass::Transient)).await.is_err());
    }
    assert_eq!(breaker.state().opened, 4);

    let odd = Breaker::builder()
        .with_failures(0)
        .with_after(Duration::ZERO)
        .with_first_wait(ms(50))
        .with_longest_wait(ms(10))
        .build();
    let policy = seeded(1).with_max_attempts(1).with_breaker(odd);
    for _ in 0..3 {
        assert!(call(&policy, Err(ErrorClass::Transient)).await.is_err());
        let refused = call(&policy, Ok(1)).await.unwrap_err();
        assert_eq!(refused.delay(), Some(ms(50)), "never less than the first");
        sleep(ms(50)).await;
    }
}

#[tokio::test(start_paused = true)]
async fn an_outage_costs_few_calls_and_can_be_sat_out_without_a_breaker() {
    for with_breaker in [true, false] {
        let service = Service::new(100.0, Counting::Bucket(10.0), ms(5));
        service.set_down(true);
        let mut policy = seeded(1);
        if !with_breaker {
            policy = policy.without_breaker();
        }
        let report = crowd(&policy, &service, 32, u64::MAX, ms(30_000)).await;
        let refused_at_once = report
            .failed
            .iter()
            .filter(|reason| **reason == Reason::CircuitOpen)
            .count();
        assert_eq!(report.done, 0);
        if with_breaker {
            assert!(
                refused_at_once > 5000 && service.failed() < 300,
                "{}",
                service.failed()
            );
        } else {
            assert!(
                refused_at_once == 0 && service.failed() > 500,
                "{}",
                service.failed()
            );
        }
    }
}
