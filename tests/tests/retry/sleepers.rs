//! Calls that nobody polls hold up nobody: several runtimes, some of which nobody drives, on the real clock; and the law of
//! it on a paused one.
use std::{
    cell::Cell,
    future::poll_fn,
    pin::{Pin, pin},
    sync::mpsc,
    task::Poll,
    time::Duration,
};

use datakey_provider::{ErrorClass, Operation, ProviderError};
use datakey_retry::{AdaptiveRate, Backoff, Budget, GaveUp, Policy, Priority, Reason, retry};
use datakey_tests::retry::{Counting, Service, crowd, seeded};
use tokio::{
    runtime::{Builder, Runtime},
    time::{Instant, sleep},
};

/// So many calls of a sleeping runtime are first in the queue; at the rate of the tests they take ten seconds.
const SLEEPERS: usize = 300;

/// Whoever is awake is served within this.
const DEADLINE: Duration = Duration::from_secs(3);

const fn ms(millis: u64) -> Duration {
    Duration::from_millis(millis)
}

fn throttle() -> ProviderError {
    ProviderError::new(ErrorClass::Throttled, Operation::Decrypt)
}

/// A policy whose rate has just been throttled: ten calls a second, and thirty without an answer.
async fn throttled_policy() -> (Policy, AdaptiveRate) {
    let policy = seeded(5);
    let rate = policy.adaptive_rate().unwrap().clone();
    let once = policy.clone().with_max_attempts(1);
    assert!(retry(&once, || async { Err::<(), _>(throttle()) }).await.is_err());
    (policy, rate)
}

async fn call(policy: Policy) -> Result<(), GaveUp<ProviderError>> {
    retry(&policy, || async { Ok::<_, ProviderError>(()) }).await
}

/// A runtime that is driven while somebody blocks on it, and at no other time.
fn by_hand() -> Runtime {
    Builder::new_current_thread().enable_all().build().unwrap()
}

fn driven() -> Runtime {
    Builder::new_multi_thread()
        .worker_threads(1)
        .enable_all()
        .build()
        .unwrap()
}

/// Has so many calls wait for their turns on a runtime.
fn queue_up(runtime: &Runtime, policy: &Policy, rate: &AdaptiveRate, calls: usize) {
    let before = rate.state().waiting;
    runtime.block_on(async {
        for _ in 0..calls {
            tokio::spawn(call(policy.clone()));
        }
        while rate.state().waiting < before + calls * 9 / 10 {
            tokio::task::yield_now().await;
        }
    });
}

fn served(runtime: &Runtime, policy: &Policy, rate: &AdaptiveRate) {
    let answer = runtime.block_on(call(policy.clone().with_deadline(DEADLINE)));
    assert!(answer.is_ok(), "{answer:?}, {:?}", rate.state());
}

#[test]
fn a_runtime_that_nobody_drives_holds_up_nobody_elsewhere() {
    for elsewhere in [by_hand(), driven()] {
        let kept = by_hand();
        let (policy, rate) = kept.block_on(throttled_policy());
        queue_up(&kept, &policy, &rate, SLEEPERS);
        for _ in 0..3 {
            served(&elsewhere, &policy, &rate);
        }
        // The runtime comes to life again, and its calls go on.
        served(&kept, &policy, &rate);
    }
}

#[test]
fn sleepers_that_overtake_those_who_wait_hold_them_up_no_longer() {
    let (kept, elsewhere) = (by_hand(), driven());
    let (policy, rate) = kept.block_on(throttled_policy());
    let background = policy
        .clone()
        .with_priority(Priority::Background)
        .with_deadline(DEADLINE);
    let waiting: Vec<_> = (0..3)
        .map(|_| elsewhere.spawn(call(background.clone())))
        .collect();
    let urgent = policy.clone().with_priority(Priority::Urgent);
    queue_up(&kept, &urgent, &rate, SLEEPERS);
    for waits in waiting {
        let answer = elsewhere.block_on(waits).unwrap();
        assert!(answer.is_ok(), "{answer:?}, {:?}", rate.state());
    }
}

#[test]
fn several_runtimes_that_nobody_drives_hold_up_nobody() {
    let kept = [by_hand(), by_hand(), by_hand()];
    let (policy, rate) = kept[0].block_on(throttled_policy());
    for runtime in kept.iter().cycle().take(9) {
        queue_up(runtime, &policy, &rate, SLEEPERS / 9);
    }
    served(&driven(), &policy, &rate);
}

#[test]
fn a_worker_that_computes_holds_up_nobody_elsewhere() {
    let (busy, elsewhere) = (driven(), by_hand());
    let (policy, rate) = busy.block_on(throttled_policy());
    queue_up(&busy, &policy, &rate, SLEEPERS);
    let ((started, starts), (ends, end)) = (mpsc::channel(), mpsc::channel::<()>());
    busy.spawn(async move {
        started.send(()).unwrap();
        let _ended = end.recv();
    });
    starts.recv().unwrap();
    for _ in 0..3 {
        served(&elsewhere, &policy, &rate);
    }
    ends.send(()).unwrap();
}

async fn poll_once<F: Future + ?Sized>(mut future: Pin<&mut F>) -> Poll<F::Output> {
    poll_fn(|cx| Poll::Ready(future.as_mut().poll(cx))).await
}

type Call = Pin<Box<dyn Future<Output = Result<(), GaveUp<ProviderError>>>>>;

/// Calls that stand in the queue and are not polled any more.
async fn asleep(policy: &Policy, calls: usize) -> Vec<Call> {
    let mut asleep: Vec<Call> = Vec::new();
    for _ in 0..calls {
        let mut one: Call = Box::pin(call(policy.clone()));
        assert!(poll_once(one.as_mut()).await.is_pending());
        asleep.push(one);
    }
    asleep
}

#[tokio::test(start_paused = true)]
async fn whoever_is_awake_waits_for_sleepers_no_longer_than_half_a_second() {
    let (policy, rate) = throttled_policy().await;
    let asleep = asleep(&policy, SLEEPERS).await;
    let began = Instant::now();
    call(policy).await.unwrap();
    assert!(began.elapsed() <= ms(500), "{:?}", began.elapsed());
    assert_eq!(rate.state().waiting, 0);
    drop(asleep);
}

#[tokio::test(start_paused = true)]
async fn calls_that_were_forgotten_leave_the_queue_and_keep_no_rate_alive() {
    let (policy, rate) = throttled_policy().await;
    for sleeper in asleep(&policy, SLEEPERS).await {
        std::mem::forget(sleeper);
    }
    let learnt = rate.state().rate.unwrap();
    sleep(ms(30_000)).await;
    assert_eq!(rate.state().waiting, 0);
    assert!(
        rate.state().rate.unwrap() <= 3.0 * learnt,
        "nobody waits, so it does not grow"
    );
    call(policy.clone()).await.unwrap();
    sleep(ms(61_000)).await;
    call(policy).await.unwrap();
    assert_eq!(rate.state().rate, None, "nobody waited for a minute");
}

#[tokio::test(start_paused = true)]
async fn a_sleeper_that_wakes_has_its_old_place() {
    let (policy, rate) = throttled_policy().await;
    let mut sleepers = asleep(&policy, 3).await;
    sleep(ms(1)).await;
    // Unanswered, so that the rate stays where it is.
    let younger: Vec<_> = (0..60)
        .map(|_| {
            let policy = policy.clone();
            tokio::spawn(async move {
                let slow = || async {
                    sleep(ms(4000)).await;
                    Ok::<_, ProviderError>(())
                };
                retry(&policy, slow).await
            })
        })
        .collect();
    sleep(ms(500)).await;
    assert!(rate.state().waiting > 20, "{:?}", rate.state());
    let began = Instant::now();
    let last = sleepers.pop().unwrap();
    last.await.unwrap();
    assert!(began.elapsed() <= ms(150), "{:?}", began.elapsed());
    assert!(rate.state().waiting > 15, "it went before all who are younger");
    for call in younger {
        call.await.unwrap().unwrap();
    }
}

/// A turn that was given to a sleeper and passed on is a turn more in all: those who follow wait for it.
#[tokio::test(start_paused = true)]
async fn who_wakes_too_late_for_its_turn_goes_at_once_and_the_rate_holds() {
    let (policy, _) = throttled_policy().await;
    let mut first = asleep(&policy, 1).await.pop().unwrap();
    call(policy.clone()).await.unwrap();
    sleep(ms(2000)).await;
    let began = Instant::now();
    assert!(poll_once(first.as_mut()).await.is_ready());
    call(policy.clone()).await.unwrap();
    call(policy).await.unwrap();
    assert!(began.elapsed() >= ms(30), "{:?}", began.elapsed());
}

/// An attempt under way that is left alone for an hour.
async fn left_lying(policy: &Policy, answer: Result<(), ProviderError>) {
    let mut answer = Some(answer);
    let one = policy.clone().with_max_attempts(1).without_deadline();
    let mut lying = pin!(retry(&one, || {
        let answer = answer.take().unwrap();
        async move {
            sleep(ms(10)).await;
            answer
        }
    }));
    assert!(poll_once(lying.as_mut()).await.is_pending());
    sleep(ms(3_600_000)).await;
    let _either = lying.await;
}

#[tokio::test(start_paused = true)]
async fn answers_that_were_left_lying_do_not_count_as_slow_ones() {
    async fn takes(left_for: Duration) -> Duration {
        let (policy, _) = throttled_policy().await;
        let sent = [const { Cell::new(false) }; 30];
        let mut lying: Vec<_> = sent
            .iter()
            .map(|sent| {
                Box::pin(retry(&policy, async || {
                    sent.set(true);
                    sleep(ms(10)).await;
                    Ok::<_, ProviderError>(())
                }))
            })
            .collect();
        while sent.iter().any(|sent| !sent.get()) {
            let waiting = lying.iter_mut().zip(&sent).filter(|(_, sent)| !sent.get());
            for (one, _) in waiting {
                assert!(poll_once(one.as_mut()).await.is_pending());
            }
            sleep(ms(5)).await;
        }
        sleep(left_for).await;
        for one in lying {
            one.await.unwrap();
        }
        let service = Service::new(20.0, Counting::Bucket(2.0), ms(5));
        let report = crowd(&policy, &service, 4, 200, ms(600_000)).await;
        assert_eq!((report.done, report.failed.len()), (200, 0));
        report.took
    }
    let (few, many) = (takes(ms(10)).await, takes(ms(50_000)).await);
    assert!(many <= few + ms(1000), "{many:?} instead of {few:?}");
}

#[tokio::test(start_paused = true)]
async fn a_throttle_that_was_left_lying_for_an_hour_says_nothing_of_now() {
    let policy = seeded(5);
    let rate = policy.adaptive_rate().unwrap().clone();
    left_lying(&policy, Err(throttle())).await;
    assert_eq!((rate.state().rate, rate.state().throttled), (None, 0));
}

#[tokio::test(start_paused = true)]
async fn what_sleepers_drew_from_the_budget_comes_back_with_time() {
    let budget = Budget::builder()
        .with_capacity(100)
        .with_refill_per_second(10)
        .build();
    let wait = Backoff::constant(ms(100));
    let policy = seeded(1)
        .without_adaptive_rate()
        .without_breaker()
        .with_budget(budget.clone())
        .with_transient_backoff(wait);
    let failing = || {
        let policy = policy.clone().with_max_attempts(2);
        async move {
            let failure =
                || async { Err::<(), _>(ProviderError::new(ErrorClass::Transient, Operation::Decrypt)) };
            retry(&policy, failure).await
        }
    };
    let mut asleep = Vec::new();
    for _ in 0..10 {
        let mut one = Box::pin(failing());
        assert!(
            poll_once(one.as_mut()).await.is_pending(),
            "it waits for its retry"
        );
        asleep.push(one);
    }
    assert_eq!(budget.state().available, 0);
    assert_eq!(failing().await.unwrap_err().reason(), Reason::Budget);
    sleep(ms(1000)).await;
    assert_eq!(
        failing().await.unwrap_err().reason(),
        Reason::Attempts,
        "one retry a second"
    );
    sleep(ms(10_000)).await;
    assert_eq!(budget.state().available, 100);
    drop(asleep);
    assert_eq!(budget.state().available, 100, "and no more than it holds");
}
