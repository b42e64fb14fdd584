//! A call that is dropped at any await point leaves budget, adaptive rate and breaker as the attempts account for that were
//! sent by then: one that waits has not been thought of.
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
use datakey_retry::{Backoff, BreakerPhase, Budget, Policy, defaults, retry};
use datakey_tests::retry::seeded;
use tokio::time::{Instant, sleep};

const fn ms(millis: u64) -> Duration {
    Duration::from_millis(millis)
}

fn error(class: ErrorClass) -> ProviderError {
    ProviderError::new(class, Operation::GenerateDataKey)
}

/// Budget without refill, a rate that has been throttled, a breaker that is closed.
async fn world() -> Policy {
    let policy = seeded(3)
        .with_budget(
            Budget::builder()
                .with_capacity(1000)
                .with_refill_per_second(0)
                .build(),
        )
        .with_transient_backoff(Backoff::constant(ms(50)));
    let once = policy.clone().with_max_attempts(1);
    let throttled = retry(&once, || async { Err::<(), _>(error(ErrorClass::Throttled)) });
    assert!(throttled.await.is_err());
    policy
}

/// Whether the call ended within so many polls; otherwise it is dropped, at whatever await point it then stands.
async fn polled(polls: u32, call: impl Future) -> bool {
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

/// A call of three attempts, which takes its turn three times and waits for a backoff once; `sent` counts its attempts.
async fn three_attempts(policy: &Policy, sent: &Arc<AtomicU32>) {
    let answer = retry(policy, || {
        let attempt = sent.fetch_add(1, Ordering::Relaxed);
        async move {
            sleep(ms(10)).await;
            match attempt {
                0 => Err(error(ErrorClass::Throttled)),
                1 => Err(error(ErrorClass::Transient)),
                _ => Ok(()),
            }
        }
    });
    answer.await.unwrap();
}

/// How long a call that starts now takes.
async fn next_takes(policy: &Policy) -> Duration {
    let began = Instant::now();
    retry(policy, || async { Ok::<_, ProviderError>(()) })
        .await
        .unwrap();
    began.elapsed()
}

#[tokio::test(start_paused = true)]
async fn dropped_at_every_await_point_a_call_leaves_what_it_sent() {
    let undisturbed = next_takes(&world().await).await;
    let (mut stages, mut ended) = (Vec::new(), false);
    for polls in 0..60 {
        let policy = world().await;
        let (budget, rate, breaker) = (
            policy.budget().clone(),
            policy.adaptive_rate().unwrap().clone(),
            policy.breaker().unwrap().clone(),
        );
        let before = (rate.state().rate, rate.state().throttled);
        let sent = Arc::new(AtomicU32::new(0));
        ended = polled(polls, three_attempts(&policy, &sent)).await;
        let sent = sent.load(Ordering::Relaxed);

        // A retry after a throttle costs one, after a transient failure ten; a success returns both.
        let paid = if ended { 0 } else { [0, 0, 1, 11][sent as usize] };
        assert_eq!(
            budget.state().available,
            1000 - paid,
            "{polls} polls, {sent} sent"
        );
        assert_eq!(budget.state().refused, 0);
        assert_eq!(rate.state().waiting, 0, "{polls} polls");
        let state = breaker.state();
        assert_eq!(state.phase, BreakerPhase::Closed);
        assert_eq!((state.opened, state.refused), (0, 0));
        if sent == 0 {
            assert_eq!(
                (rate.state().rate, rate.state().throttled),
                before,
                "{polls} polls"
            );
            assert_eq!(state.failures, 0);
        }
        // The turn of a call that never came is the next one's: it waits no longer than if nobody had been there.
        if sent == 0 {
            assert!(next_takes(&policy).await <= undisturbed, "{polls} polls");
        } else {
            assert!(next_takes(&policy).await <= ms(500), "{polls} polls");
        }
        assert_eq!(breaker.state().failures, 0, "an answer settles it");
        stages.push(sent);
        if ended {
            break;
        }
    }
    assert!(ended);
    stages.dedup();
    assert_eq!(stages, [0, 1, 2, 3], "every stage was cut short");
}

/// The same while the breaker is half open: the try that is dropped is the next call's.
#[tokio::test(start_paused = true)]
async fn dropped_as_a_try_a_call_leaves_the_try_to_the_next() {
    let mut cut_short = 0;
    for polls in 0..40 {
        let policy = world().await;
        let failing = policy
            .clone()
            .with_max_attempts(24)
            .with_budget(Budget::unlimited());
        let failed = retry(&failing, || async { Err::<(), _>(error(ErrorClass::Transient)) });
        assert!(failed.await.is_err());
        let breaker = policy.breaker().unwrap().clone();
        assert_eq!(breaker.state().phase, BreakerPhase::Open);
        sleep(defaults::BREAKER_WAIT).await;
        let opened = breaker.state();

        let tried = async {
            sleep(ms(10)).await;
            tokio::task::yield_now().await;
            Ok::<_, ProviderError>(())
        };
        let mut tried = Some(tried);
        let ended = polled(polls, retry(&policy, || tried.take().unwrap())).await;
        if ended {
            assert_eq!(breaker.state().phase, BreakerPhase::Closed);
            break;
        }
        cut_short += u32::from(tried.is_none());
        assert_eq!(breaker.state(), opened, "{polls} polls");
        assert_eq!(policy.adaptive_rate().unwrap().state().waiting, 0);
        assert_eq!(policy.budget().state().available, 1000);
        next_takes(&policy).await;
        assert_eq!(breaker.state().phase, BreakerPhase::Closed);
        assert!(polls < 39, "it never ended");
    }
    assert!(cut_short >= 2, "a try under way was dropped");
}
