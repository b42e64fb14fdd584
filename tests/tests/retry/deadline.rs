//! How long a call and its attempts may take, and what an attempt says that had no time.
use std::{
    sync::{Arc, Mutex},
    time::Duration,
};

use datakey_provider::{
    DataKey, DataKeyLength, EncryptionContext, ErrorClass, OpeningProvider as _, Operation, ProviderError,
    Rank, SealingProvider as _,
};
use datakey_retry::{Backoff, BreakerPhase, Policy, Retry, retry};
use datakey_tests::{
    retry::seeded,
    retry_regions::{Health, Replica},
};
use tokio::time::{Instant, sleep};

const fn ms(millis: u64) -> Duration {
    Duration::from_millis(millis)
}

fn failed(class: ErrorClass) -> ProviderError {
    ProviderError::new(class, Operation::Decrypt)
}

/// One call whose attempts end so, the last of them again and again; `None` hangs.
async fn call(policy: &Policy, attempts: &[(Duration, Option<ErrorClass>)]) -> Vec<Duration> {
    let began = Instant::now();
    let at = Arc::new(Mutex::new(Vec::new()));
    let called = retry(policy, || {
        let mut at = at.lock().unwrap();
        let (takes, class) = attempts[at.len().min(attempts.len() - 1)];
        at.push(began.elapsed());
        async move {
            sleep(takes).await;
            match class {
                Some(class) => Err::<(), _>(failed(class)),
                None => std::future::pending().await,
            }
        }
    });
    drop(called.await.unwrap_err());
    let mut at = at.lock().unwrap().clone();
    at.push(began.elapsed());
    at
}

#[tokio::test(start_paused = true)]
async fn no_attempt_outlasts_the_deadline_after_a_wait_of_zero() {
    let deadline = ms(5_000);
    for timeout in [ms(1_500), ms(4_000), ms(5_000), ms(9_000), Duration::MAX] {
        for hanging in [ErrorClass::Transient, ErrorClass::Throttled] {
            for wait in [Duration::ZERO, Duration::from_nanos(1)] {
                let policy = seeded(1)
                    .without_breaker()
                    .with_deadline(deadline)
                    .with_attempt_timeout(timeout)
                    .with_transient_backoff(Backoff::constant(wait))
                    .with_throttled_backoff(Backoff::constant(wait));
                for policy in [policy.clone(), policy.without_adaptive_rate()] {
                    let slow = ms(900);
                    for attempts in [
                        vec![(Duration::ZERO, None)],
                        vec![(slow, Some(hanging)), (Duration::ZERO, None)],
                        vec![(slow, Some(hanging)); 40],
                    ] {
                        let at = call(&policy, &attempts).await;
                        assert!(*at.last().unwrap() <= deadline, "{timeout:?} {hanging:?} {at:?}");
                    }
                }
            }
        }
    }
}

/// The wait before it took nearly all the time there was.
#[tokio::test(start_paused = true)]
async fn an_attempt_for_which_waiting_left_no_time_says_nothing_of_the_service() {
    let policy = seeded(1)
        .without_adaptive_rate()
        .with_deadline(ms(1_000))
        .with_throttled_backoff(Backoff::constant(ms(990)));
    let breaker = policy.breaker().unwrap();
    for _ in 0..20 {
        let at = call(&policy, &[(ms(0), Some(ErrorClass::Throttled)), (ms(50), None)]).await;
        assert_eq!(at, [ms(0), ms(990), ms(1_000)]);
        assert!(!breaker.is_unwell(""), "it answered all that it had time for");
        assert_eq!(breaker.state().failures, 0);
    }
}

/// A clone of a policy with a deadline shorter than an answer takes no calls from those that have time.
#[tokio::test(start_paused = true)]
async fn callers_with_hardly_any_time_do_not_have_the_service_taken_for_down() {
    for deadline in [Duration::ZERO, ms(1), ms(50), ms(249)] {
        let policy = seeded(1);
        let hasty = policy.clone().with_deadline(deadline);
        let breaker = policy.breaker().unwrap();
        for number in 0..100 {
            call(&hasty, &[(ms(250), None)]).await;
            assert!(number > 0 || breaker.is_unwell(""), "another way may be quicker");
            sleep(ms(50)).await;
        }
        assert_eq!(breaker.phase_of(""), BreakerPhase::Closed, "{deadline:?}");
    }
    // The negative twin: an answer should have been there by then.
    let policy = seeded(1).with_deadline(ms(250));
    for _ in 0..100 {
        call(&policy, &[(Duration::ZERO, None)]).await;
        sleep(ms(50)).await;
    }
    assert_ne!(policy.breaker().unwrap().phase_of(""), BreakerPhase::Closed);
}

/// What was answered at once is no measure for what is not: the limit grows until it is enough.
#[tokio::test(start_paused = true)]
async fn a_measured_time_of_nothing_ends_no_call() {
    for shortest in [Duration::ZERO, Duration::from_nanos(1), ms(1)] {
        let policy = seeded(1)
            .without_breaker()
            .with_measured_attempt_timeout(shortest);
        for _ in 0..100 {
            retry(&policy, async || Ok::<_, ProviderError>(())).await.unwrap();
        }
        let slow = retry(&policy, async || {
            sleep(ms(200)).await;
            Ok::<_, ProviderError>(())
        });
        slow.await.unwrap();
    }
}

fn context() -> EncryptionContext {
    EncryptionContext::new([("tenant", "acme")]).unwrap()
}

/// How long each operation takes until it is given up: making a key, wrapping one, opening one.
async fn takes(retry: &Retry<Replica>) -> [Duration; 3] {
    let key = DataKey::init(DataKeyLength::Bytes32, |bytes| bytes.fill(7));
    let wrapped = {
        retry.inner().set(Health::Up);
        let wrapped = retry.inner().encrypt(&context(), &key).await.unwrap();
        retry.inner().set(Health::Hanging);
        wrapped.first().clone()
    };
    let began = Instant::now();
    let made = retry.generate_data_key(&context(), DataKeyLength::Bytes32).await;
    let making = began.elapsed();
    assert!(retry.encrypt(&context(), &key).await.is_err() && made.is_err());
    let wrapping = began.elapsed() - making;
    assert!(retry.decrypt(&context(), &wrapped).await.is_err());
    [making, wrapping, began.elapsed() - making - wrapping]
}

#[tokio::test(start_paused = true)]
async fn each_operation_goes_by_its_own_rules() {
    let all = seeded(1).without_breaker().with_deadline(ms(20_000));
    let own = all
        .clone()
        .with_rules_for(Operation::Decrypt, |rules| rules.deadline = Some(ms(2_000)))
        .with_rules_for(Operation::Encrypt, |rules| rules.attempt_timeout = Some(ms(700)))
        .with_rules_for(Operation::Encrypt, |rules| {
            rules.max_attempts = std::num::NonZeroU32::new(1).unwrap();
        });
    let [making, wrapping, opening] = takes(&Retry::new(Replica::new(Rank::LOCAL), own.clone())).await;
    assert!(making > ms(15_000) && making <= ms(20_000), "{making:?}");
    assert_eq!((wrapping, opening), (ms(700), ms(2_000)));
    // The negative twin: without rules of their own they are alike.
    let alike = takes(&Retry::new(Replica::new(Rank::LOCAL), all.clone())).await;
    assert!(alike.iter().all(|took| *took > ms(15_000)), "{alike:?}");

    // A layer above is as patient as the operation is.
    let retry_own = Retry::new(Replica::new(Rank::LOCAL), own.clone());
    assert_eq!(retry_own.opening_time_limit(), Some(ms(2_000)));
    assert_eq!(retry_own.sealing_time_limit(), Some(ms(20_000)));
    // What is none of a provider's operations goes by the rules for all, and a clone has the same.
    let at = call(&own.clone(), &[(Duration::ZERO, None)]).await;
    assert!(*at.last().unwrap() > ms(15_000), "{at:?}");
    assert_eq!(own.rules_for(Operation::ReEncrypt), all.rules());
}
