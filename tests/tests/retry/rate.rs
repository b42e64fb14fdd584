//! Admission by the adaptive rate: idle at first, in order, without starvation, safe to drop.
use std::{
    pin::pin,
    sync::{Arc, Mutex},
    task::Poll,
    time::Duration,
};

use datakey_provider::{ErrorClass, Operation, ProviderError};
use datakey_retry::{AdaptiveRate, Policy, Priority, Reason, retry};
use datakey_tests::retry::{Counting, Service, crowd, seeded};
use tokio::time::{Instant, sleep};

const fn ms(millis: u64) -> Duration {
    Duration::from_millis(millis)
}

/// A policy whose rate has just been throttled once and starts at ten a second.
async fn throttled_policy() -> (Policy, AdaptiveRate) {
    let policy = seeded(5);
    let rate = policy.adaptive_rate().unwrap().clone();
    let once = policy.clone().with_max_attempts(1);
    let throttled = || async { Err::<(), _>(ProviderError::new(ErrorClass::Throttled, Operation::Decrypt)) };
    assert_eq!(
        retry(&once, throttled).await.unwrap_err().reason(),
        Reason::Attempts
    );
    (policy, rate)
}

type Log = Arc<Mutex<Vec<(&'static str, Instant)>>>;

async fn logged(policy: Policy, log: Log, name: &'static str) {
    let answer = retry(&policy, || async {
        log.lock().unwrap().push((name, Instant::now()));
        Ok::<_, ProviderError>(())
    });
    answer.await.unwrap();
}

fn names(log: &Log) -> Vec<&'static str> {
    log.lock().unwrap().iter().map(|(name, _)| *name).collect()
}

#[tokio::test(start_paused = true)]
async fn idle_until_the_first_throttle() {
    let service = Service::new(1e6, Counting::Bucket(1e6), ms(5));
    let policy = seeded(1);
    let report = crowd(&policy, &service, 500, 5000, ms(10_000)).await;
    assert_eq!((report.done, report.took), (5000, ms(50)), "ten rounds of 5 ms");
    let state = policy.adaptive_rate().unwrap().state();
    assert_eq!((state.rate, state.throttled, state.waiting), (None, 0, 0));
}

/// The rate to start from after a throttle that comes after 500 answers of a kind.
async fn start_after(answer: Result<(), ErrorClass>) -> f64 {
    let policy = seeded(1).with_max_attempts(1);
    let call = async |answer: Result<(), ErrorClass>| {
        let _either = retry(&policy, || async {
            answer.map_err(|class| ProviderError::new(class, Operation::Decrypt))
        })
        .await;
    };
    for _ in 0..500 {
        call(answer).await;
    }
    assert_eq!(
        policy.adaptive_rate().unwrap().state().rate,
        None,
        "nothing but a throttle wakes it"
    );
    call(Err(ErrorClass::Throttled)).await;
    policy.adaptive_rate().unwrap().state().rate.unwrap()
}

#[tokio::test(start_paused = true)]
async fn it_starts_from_what_the_service_answered_within_its_quota() {
    assert_eq!(start_after(Ok(())).await, 50.0);
    assert_eq!(
        start_after(Err(ErrorClass::Denied)).await,
        50.0,
        "a refusal counts towards the quota"
    );
    assert_eq!(start_after(Err(ErrorClass::NotAuthentic)).await, 50.0);
    assert_eq!(
        start_after(Err(ErrorClass::Transient)).await,
        10.0,
        "a failure says nothing of the quota"
    );
    assert_eq!(start_after(Err(ErrorClass::Timeout)).await, 10.0);
}

#[tokio::test(start_paused = true)]
async fn first_attempts_wait_for_their_turn_too_in_the_order_of_their_start() {
    let (policy, rate) = throttled_policy().await;
    let log = Log::default();
    let calls: Vec<_> = ["a", "b", "c", "d", "e"]
        .map(|name| tokio::spawn(logged(policy.clone(), Arc::clone(&log), name)))
        .into();
    tokio::task::yield_now().await;
    assert_eq!(rate.state().waiting, 5);
    for call in calls {
        call.await.unwrap();
    }
    assert_eq!(names(&log), ["a", "b", "c", "d", "e"]);
    let log = log.lock().unwrap();
    assert!(
        log.windows(2).all(|pair| pair[0].1 < pair[1].1),
        "one at a time: {log:?}"
    );
    assert_eq!(rate.state().waiting, 0);
}

#[tokio::test(start_paused = true)]
async fn urgent_goes_before_normal_before_background() {
    let (policy, rate) = throttled_policy().await;
    let log = Log::default();
    let mut calls = Vec::new();
    for (name, priority) in [
        ("background", Priority::Background),
        ("normal", Priority::Normal),
        ("urgent", Priority::Urgent),
    ] {
        calls.push(tokio::spawn(logged(
            policy.clone().with_priority(priority),
            Arc::clone(&log),
            name,
        )));
    }
    tokio::task::yield_now().await;
    assert_eq!(rate.state().waiting, 3);
    for call in calls {
        call.await.unwrap();
    }
    assert_eq!(names(&log), ["urgent", "normal", "background"]);
}

#[tokio::test(start_paused = true)]
async fn a_flood_of_urgent_calls_starves_nobody() {
    let service = Service::new(20.0, Counting::Bucket(2.0), ms(5));
    let policy = seeded(2);
    let urgent = policy.clone().with_priority(Priority::Urgent);
    let flood = {
        let service = service.clone();
        tokio::spawn(async move { crowd(&urgent, &service, 40, u64::MAX, ms(30_000)).await })
    };
    sleep(ms(5000)).await;
    let mut took = Vec::new();
    for priority in [Priority::Urgent, Priority::Normal, Priority::Background] {
        let began = Instant::now();
        retry(&policy.clone().with_priority(priority), || service.call())
            .await
            .unwrap();
        took.push(began.elapsed());
    }
    assert!(took[0] < took[2], "{took:?}");
    assert!(took[1] < ms(4000), "{took:?}");
    assert!(
        took[2] > ms(5000) && took[2] < ms(9000),
        "its five seconds and a turn: {took:?}"
    );
    assert!(flood.await.unwrap().failed.is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_waiting_call_keeps_its_deadline() {
    let (policy, rate) = throttled_policy().await;
    let began = Instant::now();
    let mut sent = false;
    let gave_up = retry(&policy.with_deadline(ms(20)), || {
        sent = true;
        async { Ok::<_, ProviderError>(()) }
    })
    .await
    .unwrap_err();
    assert_eq!(began.elapsed(), ms(20));
    assert_eq!(
        (gave_up.reason(), gave_up.attempts(), gave_up.waited()),
        (Reason::Deadline, 0, ms(20))
    );
    assert!(!sent && gave_up.last().is_none());
    assert_eq!(rate.state().waiting, 0);
}

async fn poll_times(polls: u32, call: impl Future) -> bool {
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
async fn dropped_while_waiting_a_call_leaves_no_trace() {
    async fn second_call_took(polls: u32) -> (Duration, bool) {
        let (policy, rate) = throttled_policy().await;
        let log = Log::default();
        let began = Instant::now();
        let second = tokio::spawn({
            let (policy, log) = (policy.clone(), Arc::clone(&log));
            async move {
                sleep(ms(1)).await;
                logged(policy, log, "second").await;
            }
        });
        let ended = poll_times(polls, logged(policy, Arc::clone(&log), "first")).await;
        second.await.unwrap();
        assert_eq!(rate.state().waiting, 0, "after {polls} polls");
        (began.elapsed(), ended)
    }
    let (undisturbed, _) = second_call_took(0).await;
    let mut polls = 1;
    loop {
        let (took, ended) = second_call_took(polls).await;
        if ended {
            assert!(took > undisturbed, "the first call took its turn");
            break;
        }
        assert!(
            took <= undisturbed + ms(1),
            "after {polls} polls the place was not given up: {took:?}"
        );
        polls += 1;
        assert!(polls < 50);
    }
    assert!(polls > 1, "it was cut short at least once");
}

#[tokio::test(start_paused = true)]
async fn an_admission_that_nobody_picks_up_is_passed_on() {
    let (policy, rate) = throttled_policy().await;
    let log = Log::default();
    let mut first = Box::pin(logged(policy.clone(), Arc::clone(&log), "first"));
    assert!(poll_once(first.as_mut()).await.is_pending());
    let began = Instant::now();
    // The first is not polled any more, yet those behind it get on.
    let behind: Vec<_> = (0..3)
        .map(|_| tokio::spawn(logged(policy.clone(), Arc::clone(&log), "behind")))
        .collect();
    for call in behind {
        call.await.unwrap();
    }
    assert!(began.elapsed() < ms(500), "{:?}", began.elapsed());
    assert_eq!(names(&log), ["behind"; 3]);
    drop(first);
    assert_eq!(rate.state().waiting, 0);
}

async fn poll_once<F: Future>(mut future: std::pin::Pin<&mut F>) -> Poll<F::Output> {
    std::future::poll_fn(|cx| Poll::Ready(future.as_mut().poll(cx))).await
}

#[tokio::test(start_paused = true)]
async fn forgotten_after_a_quiet_minute() {
    let (policy, rate) = throttled_policy().await;
    let call = || retry(&policy, || async { Ok::<_, ProviderError>(()) });
    for _ in 0..10 {
        call().await.unwrap();
        sleep(ms(5000)).await;
    }
    assert!(rate.state().rate.is_some());
    sleep(ms(61_000)).await;
    call().await.unwrap();
    assert_eq!(rate.state().rate, None);
}

#[tokio::test(start_paused = true)]
async fn dropping_an_admission_that_was_not_picked_up_returns_it() {
    async fn third_waits(drop_first: bool) -> Duration {
        let (policy, _) = throttled_policy().await;
        let log = Log::default();
        let mut first = Box::pin(logged(policy.clone(), Arc::clone(&log), "first"));
        assert!(poll_once(first.as_mut()).await.is_pending());
        logged(policy.clone(), Arc::clone(&log), "second").await;
        assert_eq!(
            names(&log),
            ["second"],
            "the first was admitted, but nobody polls it"
        );
        if drop_first {
            drop(first);
        }
        let began = Instant::now();
        logged(policy, log, "third").await;
        began.elapsed()
    }
    assert!(third_waits(false).await > Duration::ZERO);
    assert_eq!(third_waits(true).await, Duration::ZERO);
}

#[tokio::test(start_paused = true)]
async fn when_the_first_leaves_the_next_takes_its_turn() {
    async fn second_waits(drop_first: bool) -> Duration {
        let (policy, _) = throttled_policy().await;
        let (log, began) = (Log::default(), Instant::now());
        let first = tokio::spawn(logged(policy.clone(), Arc::clone(&log), "first"));
        let second = tokio::spawn(logged(policy, log, "second"));
        sleep(ms(10)).await;
        if drop_first {
            first.abort();
        }
        second.await.unwrap();
        began.elapsed()
    }
    let (alone, behind) = (second_waits(true).await, second_waits(false).await);
    assert!(alone + ms(5) < behind, "{alone:?}, {behind:?}");
}

#[tokio::test(start_paused = true)]
async fn a_throttled_call_keeps_its_place_by_age() {
    let (policy, _) = throttled_policy().await;
    let log = Log::default();
    let oldest = tokio::spawn({
        let (policy, log) = (policy.clone(), Arc::clone(&log));
        async move {
            let answer = retry(&policy, || async {
                log.lock().unwrap().push(("oldest", Instant::now()));
                sleep(ms(10)).await;
                if log.lock().unwrap().len() > 1 {
                    return Ok(());
                }
                Err(ProviderError::new(ErrorClass::Throttled, Operation::Decrypt))
            });
            answer.await.unwrap();
        }
    });
    sleep(ms(1)).await;
    let younger = [(); 2].map(|()| tokio::spawn(logged(policy.clone(), Arc::clone(&log), "younger")));
    oldest.await.unwrap();
    for call in younger {
        call.await.unwrap();
    }
    assert_eq!(names(&log), ["oldest", "oldest", "younger", "younger"]);
}
