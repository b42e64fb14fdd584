//! The loop: deadlines, attempt timeouts, the budget's account, and what a dropped call leaves behind.
use std::{
    pin::pin,
    sync::{
        Arc,
        atomic::{AtomicU32, Ordering},
    },
    task::Poll,
    time::Duration,
};

use datakey_provider::{ErrorClass, Operation, ProviderError};
use datakey_retry::{Backoff, Budget, Failure, GaveUp, Policy, Reason, retry};
use tokio::time::{Instant, sleep};

const fn ms(millis: u64) -> Duration {
    Duration::from_millis(millis)
}

fn error(class: ErrorClass) -> ProviderError {
    ProviderError::new(class, Operation::GenerateDataKey)
}

/// Waits exactly 100 ms before each retry.
fn steady() -> Policy {
    let wait = Backoff::constant(ms(100));
    Policy::default()
        .with_transient_backoff(wait)
        .with_throttled_backoff(wait)
        .without_adaptive_rate()
        .without_breaker()
}

type Answer = Result<u32, ProviderError>;

/// Calls that take 10 ms each and fail as long as `failures` lasts.
async fn run(policy: &Policy, failures: &[ErrorClass]) -> (Result<u32, GaveUp<ProviderError>>, u32) {
    let attempts = AtomicU32::new(0);
    let result = retry(policy, || async {
        let attempt = attempts.fetch_add(1, Ordering::Relaxed);
        sleep(ms(10)).await;
        failures
            .get(attempt as usize)
            .map_or(Ok(attempt + 1), |class| Answer::Err(error(*class)))
    })
    .await;
    (result, attempts.into_inner())
}

#[tokio::test(start_paused = true)]
async fn retries_until_success_and_waits_between() {
    let began = Instant::now();
    let (result, attempts) = run(&steady(), &[ErrorClass::Transient, ErrorClass::Timeout]).await;
    assert_eq!((result.unwrap(), attempts), (3, 3));
    assert_eq!(began.elapsed(), ms(10 + 100 + 10 + 100 + 10));
}

#[tokio::test(start_paused = true)]
async fn permanent_errors_are_not_retried() {
    for class in ErrorClass::ALL {
        let (result, attempts) = run(&steady(), &[class]).await;
        assert_eq!(attempts, if class.is_retryable() { 2 } else { 1 }, "{class:?}");
        assert_eq!(result.is_ok(), class.is_retryable());
    }
    let (result, _) = run(&steady(), &[ErrorClass::Throttled, ErrorClass::Denied]).await;
    let gave_up = result.unwrap_err();
    assert_eq!((gave_up.reason(), gave_up.attempts()), (Reason::Permanent, 2));
    assert_eq!(gave_up.last().unwrap().class(), ErrorClass::Denied);
}

#[tokio::test(start_paused = true)]
async fn attempts_are_counted_with_the_first() {
    let always = [ErrorClass::Transient; 50];
    for limit in [1, 2, 7] {
        let (result, attempts) = run(&steady().with_max_attempts(limit), &always).await;
        let gave_up = result.unwrap_err();
        assert_eq!(
            (gave_up.reason(), gave_up.attempts(), attempts),
            (Reason::Attempts, limit, limit)
        );
        assert_eq!(gave_up.waited(), ms(100) * (limit - 1));
    }
    let (_, attempts) = run(&steady().with_max_attempts(0), &always).await;
    assert_eq!(attempts, 1, "zero attempts count as one");
}

#[tokio::test(start_paused = true)]
async fn no_wait_goes_past_the_deadline() {
    let always = [ErrorClass::Transient; 50];
    for deadline in [1, 10, 11, 50, 109, 110, 111, 119, 120, 121, 330, 331, 1000] {
        let began = Instant::now();
        let (result, attempts) = run(&steady().with_deadline(ms(deadline)), &always).await;
        let gave_up = result.unwrap_err();
        assert_eq!(gave_up.reason(), Reason::Deadline, "{deadline}");
        assert!(
            began.elapsed() <= ms(deadline),
            "{deadline}: took {:?}",
            began.elapsed()
        );
        assert_eq!(gave_up.attempts(), attempts);
        // 10 ms for an attempt, 100 ms for a wait: the retry after the wait must begin before the deadline.
        assert_eq!(u64::from(attempts), 1 + (deadline - 1) / 110, "{deadline}");
    }
    let (result, _) = run(&steady().with_deadline(ms(110)), &always).await;
    assert_eq!(result.unwrap_err().last().unwrap().class(), ErrorClass::Transient);
}

#[tokio::test(start_paused = true)]
async fn an_attempt_that_hangs_is_dropped_and_retried() {
    let attempts = AtomicU32::new(0);
    let began = Instant::now();
    let policy = steady().with_attempt_timeout(ms(300));
    let answer: Result<&str, GaveUp<ProviderError>> = retry(&policy, || async {
        if attempts.fetch_add(1, Ordering::Relaxed) == 0 {
            std::future::pending::<()>().await;
        }
        Ok("second")
    })
    .await;
    assert_eq!(answer.unwrap(), "second");
    assert_eq!(began.elapsed(), ms(300 + 100));
}

#[tokio::test(start_paused = true)]
async fn the_deadline_ends_an_attempt_too() {
    let began = Instant::now();
    let policy = steady().without_attempt_timeout().with_deadline(ms(700));
    let gave_up = retry(&policy, std::future::pending::<Answer>).await.unwrap_err();
    assert_eq!(began.elapsed(), ms(700));
    assert_eq!((gave_up.reason(), gave_up.attempts()), (Reason::Deadline, 1));
    assert!(matches!(gave_up.failure(), Failure::TimedOut(limit) if *limit == ms(700)));
    assert!(gave_up.last().is_none());
    let text = gave_up.to_string();
    assert!(
        text.contains("after 1 attempt and") && text.contains("no answer within 700ms"),
        "{text}"
    );
}

#[tokio::test(start_paused = true)]
async fn the_budget_pays_for_retries_and_is_paid_back_by_success() {
    let budget = Budget::builder()
        .with_capacity(100)
        .with_refill_per_second(0)
        .build();
    let policy = steady().with_budget(budget.clone());
    let (result, _) = run(&policy, &[ErrorClass::Transient, ErrorClass::Throttled]).await;
    assert!(result.is_ok());
    assert_eq!(budget.state().available, 100, "all is returned");

    let (result, _) = run(&policy.clone().with_max_attempts(4), &[ErrorClass::Transient; 4]).await;
    assert_eq!(result.unwrap_err().reason(), Reason::Attempts);
    assert_eq!(budget.state().available, 70, "three retries are forfeited");

    let (result, _) = run(&policy.clone().with_max_attempts(4), &[ErrorClass::Throttled; 4]).await;
    assert_eq!(result.unwrap_err().reason(), Reason::Attempts);
    assert_eq!(budget.state().available, 67, "a throttle costs one");

    let (result, attempts) = run(&policy, &[ErrorClass::Transient; 50]).await;
    let gave_up = result.unwrap_err();
    assert_eq!((gave_up.reason(), attempts), (Reason::Budget, 7));
    assert_eq!((budget.state().available, budget.state().refused), (7, 1));
    assert!(run(&policy, &[]).await.0.is_ok(), "first attempts are free");
}

#[tokio::test(start_paused = true)]
async fn the_budget_refills_up_to_its_capacity() {
    let budget = Budget::builder()
        .with_capacity(100)
        .with_refill_per_second(20)
        .build();
    let policy = steady().with_budget(budget.clone());
    let _gave_up = run(&policy, &[ErrorClass::Transient; 50]).await;
    let before = budget.state().available;
    sleep(ms(500)).await;
    assert_eq!(budget.state().available, before + 10);
    sleep(ms(60_000)).await;
    assert_eq!(budget.state().available, 100);
    let unlimited = steady()
        .with_budget(Budget::unlimited())
        .with_max_attempts(500)
        .without_deadline();
    let (result, _) = run(&unlimited, &[ErrorClass::Transient; 499]).await;
    assert_eq!(result.unwrap(), 500);
}

/// Polls a call `polls` times and drops it, at whatever await point it then stands.
async fn drop_after_polls(polls: u32, call: impl Future) -> bool {
    let mut call = pin!(call);
    let mut left = polls;
    std::future::poll_fn(|cx| {
        if left == 0 {
            return Poll::Ready(false);
        }
        left -= 1;
        call.as_mut().poll(cx).map(|_| true)
    })
    .await
}

#[tokio::test(start_paused = true)]
async fn dropped_at_any_await_a_call_has_paid_for_what_it_sent() {
    let mut finished = false;
    let mut seen = Vec::new();
    for polls in 0.. {
        let budget = Budget::builder()
            .with_capacity(1000)
            .with_refill_per_second(0)
            .build();
        let policy = steady().with_budget(budget.clone()).with_max_attempts(4);
        let attempts = Arc::new(AtomicU32::new(0));
        let call = retry(&policy, || {
            attempts.fetch_add(1, Ordering::Relaxed);
            async {
                sleep(ms(10)).await;
                Answer::Err(error(ErrorClass::Transient))
            }
        });
        let ended = drop_after_polls(polls, call).await;
        let sent = attempts.load(Ordering::Relaxed);
        assert_eq!(
            budget.state().available,
            1000 - 10 * sent.saturating_sub(1),
            "after {polls} polls"
        );
        seen.push(sent);
        if ended {
            finished = true;
            break;
        }
        assert!(polls < 100);
    }
    assert!(finished);
    seen.dedup();
    assert_eq!(seen, [0, 1, 2, 3, 4], "every stage was cut short");
}
