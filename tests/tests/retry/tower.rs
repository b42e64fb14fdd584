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
use datakey_retry::{Failure, Policy, Reason, tower::RetryLayer};
use datakey_tests::retry::seeded;
use tokio::time::{Instant, sleep};
use tower_layer::Layer as _;
use tower_service::Service;

fn error(class: ErrorClass) -> ProviderError {
    ProviderError::new(class, Operation::Decrypt)
}

#[derive(Debug, Default)]
struct Shared {
    failures: Mutex<Vec<ErrorClass>>,
    calls: AtomicU32,
    unready: AtomicU32,
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

    fn calls(&self) -> u32 {
        self.shared.calls.load(Ordering::Relaxed)
    }
}

impl Service<u32> for Doubles {
    type Response = u32;
    type Error = ProviderError;
    type Future = Pin<Box<dyn Future<Output = Result<u32, ProviderError>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), ProviderError>> {
        if self.shared.unready.load(Ordering::Relaxed) > 0 {
            self.shared.unready.fetch_sub(1, Ordering::Relaxed);
            return Poll::Ready(Err(error(ErrorClass::Transient)));
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
async fn readiness_is_the_inner_services() {
    let inner = Doubles::failing(vec![ErrorClass::Transient]);
    inner.shared.unready.store(1, Ordering::Relaxed);
    let mut service = RetryLayer::new(seeded(1)).layer(inner);
    let gave_up = ready(&mut service).await.unwrap_err();
    assert_eq!((gave_up.reason(), gave_up.attempts()), (Reason::NotReady, 0));
    assert!(matches!(gave_up.failure(), Failure::Returned(_)));

    // Within a request it is retried like a failed attempt.
    ready(&mut service).await.unwrap();
    let answer = service.call(21);
    service.inner().shared.unready.store(1, Ordering::Relaxed);
    assert_eq!(answer.await.unwrap(), 42);
    assert_eq!(
        service.inner().calls(),
        2,
        "the second attempt was not sent, the third was"
    );
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
