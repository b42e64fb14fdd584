//! The tower layer: retries, readiness, and clones that share what a policy shares.
use std::{
    future::poll_fn,
    pin::Pin,
    sync::{
        Arc, Mutex,
        atomic::{AtomicU32, Ordering},
    },
    task::{Context, Poll},
    time::Duration,
};

use datakey_provider::{ErrorClass, Operation, ProviderError};
use datakey_retry::{Backoff, BreakerPhase, Budget, Classify, Failure, Policy, Reason, tower::RetryLayer};
use datakey_tests::retry::seeded;
use tokio::{
    sync::{OwnedSemaphorePermit, Semaphore},
    time::{Instant, sleep},
};
use tower_layer::Layer as _;
use tower_service::Service;

fn error(class: ErrorClass) -> ProviderError {
    ProviderError::new(class, Operation::Decrypt)
}

#[derive(Debug, Default)]
struct Shared {
    failures: Mutex<Vec<ErrorClass>>,
    calls: AtomicU32,
    unready: Mutex<Vec<ErrorClass>>,
}

/// Fails as told, then doubles. Each clone has to be polled ready before it is called, and is ready for one call.
#[derive(Debug, Default)]
struct Doubles {
    shared: Arc<Shared>,
    ready: bool,
}

impl Clone for Doubles {
    fn clone(&self) -> Self {
        Self {
            shared: Arc::clone(&self.shared),
            ready: false,
        }
    }
}

impl Doubles {
    fn failing(mut failures: Vec<ErrorClass>) -> Self {
        failures.reverse();
        let service = Self::default();
        *service.shared.failures.lock().unwrap() = failures;
        service
    }

    /// Fails to become ready so often, in this order.
    fn unready(&self, classes: &[ErrorClass]) {
        let classes = classes.iter().rev().copied().collect();
        *self.shared.unready.lock().unwrap() = classes;
    }

    fn calls(&self) -> u32 {
        self.shared.calls.load(Ordering::Relaxed)
    }
}

impl Service<u32> for Doubles {
    type Response = u32;
    type Error = ProviderError;
    type Future = Pin<Box<dyn Future<Output = Result<u32, ProviderError>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), ProviderError>> {
        if let Some(class) = self.shared.unready.lock().unwrap().pop() {
            return Poll::Ready(Err(error(class)));
        }
        self.ready = true;
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, number: u32) -> Self::Future {
        assert!(std::mem::take(&mut self.ready), "called before it was ready");
        self.shared.calls.fetch_add(1, Ordering::Relaxed);
        let failure = self.shared.failures.lock().unwrap().pop();
        Box::pin(async move {
            sleep(Duration::from_millis(10)).await;
            failure.map_or(Ok(2 * number), |class| Err(error(class)))
        })
    }
}

async fn ready<S: Service<u32>>(service: &mut S) -> Result<(), S::Error> {
    poll_fn(|cx| service.poll_ready(cx)).await
}

#[tokio::test(start_paused = true)]
async fn a_request_is_sent_until_it_is_answered() {
    let inner = Doubles::failing(vec![
        ErrorClass::Transient,
        ErrorClass::Throttled,
        ErrorClass::Timeout,
    ]);
    let mut service = RetryLayer::new(seeded(1)).layer(inner);
    ready(&mut service).await.unwrap();
    assert_eq!(service.call(21).await.unwrap(), 42);
    assert_eq!(service.inner().calls(), 4);
    ready(&mut service).await.unwrap();
    assert_eq!(service.call(1).await.unwrap(), 2, "and the next one too");
}

#[tokio::test(start_paused = true)]
async fn what_is_permanent_or_too_much_is_given_up() {
    let mut service = RetryLayer::new(seeded(1)).layer(Doubles::failing(vec![ErrorClass::Denied]));
    ready(&mut service).await.unwrap();
    let gave_up = service.call(21).await.unwrap_err();
    assert_eq!((gave_up.reason(), gave_up.attempts()), (Reason::Permanent, 1));

    let policy = seeded(1).with_max_attempts(3);
    let mut service = RetryLayer::new(policy).layer(Doubles::failing(vec![ErrorClass::Transient; 9]));
    ready(&mut service).await.unwrap();
    let gave_up = service.call(21).await.unwrap_err();
    assert_eq!((gave_up.reason(), gave_up.attempts()), (Reason::Attempts, 3));
    assert_eq!(service.inner().calls(), 3);
}

#[tokio::test(start_paused = true)]
async fn a_service_that_is_not_ready_has_failed_an_attempt_of_its_class() {
    let inner = Doubles::default();
    inner.unready(&[ErrorClass::Transient, ErrorClass::Throttled]);
    let mut service = RetryLayer::new(seeded(1)).layer(inner);
    ready(&mut service).await.expect("the layer is always ready");
    let began = Instant::now();
    assert_eq!(service.call(21).await.unwrap(), 42);
    assert_eq!(
        service.inner().calls(),
        1,
        "nothing was sent to a service that is not ready"
    );
    assert!(
        began.elapsed() > Duration::from_millis(50),
        "and it was given time"
    );
    let state = service.policy().adaptive_rate().unwrap().state();
    assert_eq!(
        (state.throttled, state.rate),
        (0, None),
        "that says nothing of a quota"
    );

    service.inner().unready(&[ErrorClass::Denied]);
    let gave_up = service.call(21).await.unwrap_err();
    assert_eq!((gave_up.reason(), gave_up.attempts()), (Reason::Permanent, 1));
    assert_eq!(gave_up.last().unwrap().class(), ErrorClass::Denied);

    let policy = seeded(1).with_max_attempts(3);
    let mut service = RetryLayer::new(policy).layer(Doubles::default());
    service.inner().unready(&[ErrorClass::Transient; 9]);
    let gave_up = service.call(21).await.unwrap_err();
    assert_eq!((gave_up.reason(), gave_up.attempts()), (Reason::Attempts, 3));
    assert!(gave_up.class().is_retryable() && service.inner().calls() == 0);
}

#[tokio::test(start_paused = true)]
async fn a_service_that_fails_to_become_ready_opens_the_breaker() {
    let policy = seeded(1).with_budget(Budget::unlimited());
    let mut service = RetryLayer::new(policy.clone()).layer(Doubles::default());
    service.inner().unready(&[ErrorClass::Transient; 40]);
    let gave_up = service.call(21).await.unwrap_err();
    assert_eq!(gave_up.reason(), Reason::CircuitOpen);
    assert_eq!(policy.breaker().unwrap().state().phase, BreakerPhase::Open);
}

/// One call at a time, as by a concurrency limit of `tower`: the permit is taken when it is polled ready.
struct Limited {
    permits: Arc<Semaphore>,
    permit: Option<OwnedSemaphorePermit>,
    acquiring: Option<Pin<Box<dyn Future<Output = OwnedSemaphorePermit> + Send>>>,
    takes: Duration,
}

impl Limited {
    fn new(permits: usize, takes: Duration) -> Self {
        Self {
            permits: Arc::new(Semaphore::new(permits)),
            permit: None,
            acquiring: None,
            takes,
        }
    }
}

impl Clone for Limited {
    fn clone(&self) -> Self {
        Self {
            permits: Arc::clone(&self.permits),
            permit: None,
            acquiring: None,
            takes: self.takes,
        }
    }
}

impl Service<u32> for Limited {
    type Response = u32;
    type Error = ProviderError;
    type Future = Pin<Box<dyn Future<Output = Result<u32, ProviderError>> + Send>>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), ProviderError>> {
        if self.permit.is_none() {
            let permits = Arc::clone(&self.permits);
            let acquiring = self
                .acquiring
                .get_or_insert_with(|| Box::pin(async { permits.acquire_owned().await.unwrap() }));
            let Poll::Ready(permit) = acquiring.as_mut().poll(cx) else {
                return Poll::Pending;
            };
            (self.permit, self.acquiring) = (Some(permit), None);
        }
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, number: u32) -> Self::Future {
        let permit = self.permit.take().expect("called before it was ready");
        let takes = self.takes;
        Box::pin(async move {
            sleep(takes).await;
            drop(permit);
            Ok(2 * number)
        })
    }
}

/// A policy whose rate was just throttled, so that calls wait for their turns.
async fn throttled() -> Policy {
    let policy = seeded(1);
    let mut once = RetryLayer::new(policy.clone().with_max_attempts(1))
        .layer(Doubles::failing(vec![ErrorClass::Throttled]));
    ready(&mut once).await.unwrap();
    assert!(once.call(1).await.is_err());
    policy
}

#[tokio::test(start_paused = true)]
async fn a_call_that_waits_for_its_turn_holds_no_permit() {
    let policy = throttled().await;
    let rate = policy.adaptive_rate().unwrap().clone();
    let mut service = RetryLayer::new(policy).layer(Limited::new(2, Duration::ZERO));
    let permits = Arc::clone(&service.inner().permits);
    let mut waiting = Vec::new();
    for number in 0..5 {
        ready(&mut service).await.unwrap();
        waiting.push(tokio::spawn(service.call(number)));
    }
    tokio::task::yield_now().await;
    assert_eq!((rate.state().waiting, permits.available_permits()), (5, 2));
    for (number, call) in waiting.into_iter().enumerate() {
        assert_eq!(call.await.unwrap().unwrap(), 2 * number as u32);
    }
    assert_eq!(permits.available_permits(), 2);
}

#[tokio::test(start_paused = true)]
async fn a_call_that_waits_after_a_failure_holds_no_permit() {
    let backoff = Backoff::constant(Duration::from_secs(1));
    let policy = seeded(1).with_transient_backoff(backoff);
    let service = RetryLayer::new(policy).layer(Limited::new(1, Duration::from_secs(6)));
    let permits = Arc::clone(&service.inner().permits);
    let call = tokio::spawn(service.clone().call(1));
    sleep(Duration::from_millis(5500)).await;
    assert_eq!(
        permits.available_permits(),
        1,
        "the attempt timed out after five seconds"
    );
    call.abort();
    let _aborted = call.await;
    assert_eq!(permits.available_permits(), 1);
}

#[tokio::test(start_paused = true)]
async fn the_wait_for_a_permit_is_no_failure_of_the_service() {
    let policy = seeded(1);
    let service = RetryLayer::new(policy.clone()).layer(Limited::new(1, Duration::from_secs(4)));
    let began = Instant::now();
    let calls = [1, 2, 3, 4].map(|number| tokio::spawn(service.clone().call(number)));
    for (call, number) in calls.into_iter().zip(1..) {
        assert_eq!(call.await.unwrap().unwrap(), 2 * number);
    }
    assert_eq!(
        began.elapsed(),
        Duration::from_secs(16),
        "one after another, each at the first attempt"
    );
    assert_eq!(policy.breaker().unwrap().state().failures, 0);

    // It counts towards the deadline all the same.
    let _held = Arc::clone(&service.inner().permits).try_acquire_owned().unwrap();
    let hurried = policy.with_deadline(Duration::from_secs(7));
    let mut service = RetryLayer::new(hurried).layer(service.inner().clone());
    let gave_up = service.call(1).await.unwrap_err();
    assert_eq!((gave_up.reason(), gave_up.attempts()), (Reason::Deadline, 0));
    assert!(matches!(gave_up.failure(), Failure::NeverSent) && gave_up.class().is_retryable());
}

/// Whoever gives up waiting for a permit of its own has not found out anything about the service.
#[tokio::test(start_paused = true)]
async fn a_wait_for_a_permit_that_is_given_up_makes_nothing_unwell() {
    let policy = seeded(1);
    let service = RetryLayer::new(policy.clone()).layer(Limited::new(1, Duration::ZERO));
    let held = Arc::clone(&service.inner().permits).try_acquire_owned().unwrap();
    let dropped = tokio::time::timeout(Duration::from_secs(1), service.clone().call(1));
    assert!(dropped.await.is_err());
    assert!(!policy.breaker().unwrap().is_unwell(""));
    let hurried = policy.clone().with_deadline(Duration::from_secs(1));
    let mut service = RetryLayer::new(hurried).layer(service.inner().clone());
    service.call(1).await.unwrap_err();
    assert!(!policy.breaker().unwrap().is_unwell(""));
    drop(held);
    // The negative twin: one that was sent and is dropped late says that the service is slow.
    let slow = RetryLayer::new(policy.clone()).layer(Limited::new(1, Duration::from_secs(4)));
    let dropped = tokio::time::timeout(Duration::from_secs(1), slow.clone().call(1));
    assert!(dropped.await.is_err());
    assert!(policy.breaker().unwrap().is_unwell(""));
}

#[tokio::test(start_paused = true)]
async fn a_call_dropped_while_it_waits_for_a_permit_returns_its_turn() {
    async fn next_waits(dropped: bool) -> Duration {
        let policy = throttled().await;
        let service = RetryLayer::new(policy.clone()).layer(Limited::new(1, Duration::ZERO));
        let held = Arc::clone(&service.inner().permits).try_acquire_owned().unwrap();
        let first = tokio::spawn(service.clone().call(1));
        while policy.adaptive_rate().unwrap().state().waiting == 0 {
            tokio::task::yield_now().await;
        }
        while policy.adaptive_rate().unwrap().state().waiting == 1 {
            sleep(Duration::from_millis(1)).await;
        }
        // Its turn has come, and it waits for the permit.
        sleep(Duration::from_millis(5)).await;
        if dropped {
            first.abort();
            let _aborted = first.await;
        }
        drop(held);
        let began = Instant::now();
        service.clone().call(2).await.unwrap();
        began.elapsed()
    }
    assert!(next_waits(false).await > Duration::ZERO);
    assert_eq!(next_waits(true).await, Duration::ZERO);
}

#[tokio::test(start_paused = true)]
async fn the_turn_of_a_service_that_is_not_ready_is_the_next_ones_at_once() {
    let backoff = Backoff::constant(Duration::from_secs(1));
    let policy = throttled().await.with_transient_backoff(backoff);
    let service = RetryLayer::new(policy.clone()).layer(Doubles::default());
    service.inner().unready(&[ErrorClass::Transient]);
    let first = tokio::spawn(service.clone().call(1));
    while !service.inner().shared.unready.lock().unwrap().is_empty() {
        sleep(Duration::from_millis(1)).await;
    }
    let began = Instant::now();
    service.clone().call(2).await.unwrap();
    assert_eq!(
        began.elapsed(),
        Duration::from_millis(10),
        "no more than the call itself"
    );
    assert_eq!(first.await.unwrap().unwrap(), 2);
}

#[tokio::test(start_paused = true)]
async fn services_of_one_layer_share_the_policy() {
    let policy = Policy::default();
    let layer = RetryLayer::new(policy.clone());
    let mut one = layer.layer(Doubles::failing(vec![ErrorClass::Throttled]));
    let other = layer.layer(Doubles::default());
    ready(&mut one).await.unwrap();
    one.call(1).await.unwrap();
    for service in [&one.clone(), &other] {
        assert_eq!(service.policy().adaptive_rate().unwrap().state().throttled, 1);
    }
    assert_eq!(policy.adaptive_rate().unwrap().state().throttled, 1);
}

#[tokio::test(start_paused = true)]
async fn a_dropped_request_is_not_sent_again() {
    let mut service = RetryLayer::new(seeded(1)).layer(Doubles::failing(vec![ErrorClass::Transient; 9]));
    ready(&mut service).await.unwrap();
    let began = Instant::now();
    let answer = tokio::time::timeout(Duration::from_millis(15), service.call(21)).await;
    assert!(answer.is_err() && began.elapsed() < Duration::from_millis(20));
    let calls = service.inner().calls();
    sleep(Duration::from_secs(60)).await;
    assert_eq!(service.inner().calls(), calls);
}

/// What comes through a buffer of `tower`, which puts every error into a box.
#[derive(Debug)]
struct Boxed(tower::BoxError);

impl Classify for Boxed {
    fn class(&self) -> ErrorClass {
        let own = self.0.downcast_ref::<ProviderError>();
        own.map_or(ErrorClass::Internal, ProviderError::class)
    }
}

/// A stack of `tower`'s own: a retry over a buffer of two slots over a limit of one call at a time.
#[tokio::test(start_paused = true)]
async fn calls_that_wait_hold_no_slot_of_a_buffer_and_no_permit_of_a_concurrency_limit() {
    let policy = throttled().await;
    let rate = policy.adaptive_rate().unwrap().clone();
    let limited = tower::limit::ConcurrencyLimit::new(Doubles::failing(vec![ErrorClass::Transient]), 1);
    let shared = Arc::clone(&limited.get_ref().shared);
    let buffer = tower::buffer::Buffer::new(limited, 2);
    let of_others = buffer.clone();
    let service = RetryLayer::new(policy).layer(tower::util::MapErr::new(buffer, Boxed));
    let calls: Vec<_> = (0..40)
        .map(|number| tokio::spawn(service.clone().call(number)))
        .collect();
    tokio::task::yield_now().await;
    assert_eq!(rate.state().waiting, 40);
    // Whoever shares the buffer finds both slots free.
    let mut others = [of_others.clone(), of_others];
    for other in &mut others {
        let free = tokio::time::timeout(Duration::ZERO, ready(other)).await;
        assert!(free.is_ok(), "a call that waits for its turn keeps a slot");
    }
    drop(others);
    for (number, call) in (0..).zip(calls) {
        assert_eq!(call.await.unwrap().unwrap(), 2 * number);
    }
    assert_eq!(
        shared.calls.load(Ordering::Relaxed),
        41,
        "each once, and the one that failed twice"
    );
    assert!(shared.failures.lock().unwrap().is_empty());
}
