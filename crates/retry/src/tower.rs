//! A `tower` layer that retries a service whose errors classify themselves.
use std::{
    future::poll_fn,
    pin::Pin,
    task::{Context, Poll},
};

use tower_layer::Layer;
use tower_service::Service;

use crate::{Classify, GaveUp, Policy, run::retry_ready, target::plain};

/// Puts a [`Policy`] around a service: each request is sent as often as the policy says.
///
/// The request is cloned for each attempt, and so is the service, as for `tower`'s own retry. Put timeouts and rate limits
/// of `tower` outside of it, if anywhere: the policy has its own, which know of the retries.
///
/// A service is asked whether it is ready when the attempt's turn has come, and not before. So a call that waits for the
/// adaptive rate or for a backoff holds no permit of a concurrency limit and no slot of a buffer inside. The wait for
/// readiness counts towards the deadline, and not towards the attempt timeout: nothing is sent yet. A service that fails to
/// become ready has failed that attempt, and the error says, as for any other failure, whether to try again.
///
/// The layer itself is always ready. To bound how many calls wait, put a limit outside of it.
///
/// ```
/// # #[tokio::main(flavor = "current_thread", start_paused = true)] async fn main() {
/// use std::{future::{Ready, ready}, sync::{Arc, atomic::{AtomicU32, Ordering}}, task::{Context, Poll}};
/// use datakey_retry::{Classify, ErrorClass, Policy, tower::RetryLayer};
/// use tower_layer::Layer;
/// use tower_service::Service;
///
/// #[derive(Debug)]
/// struct Busy;
///
/// impl Classify for Busy {
///     fn class(&self) -> ErrorClass {
///         ErrorClass::Throttled
///     }
/// }
///
/// /// Refuses the first two requests.
/// #[derive(Clone, Default)]
/// struct Doubles(Arc<AtomicU32>);
///
/// impl Service<u32> for Doubles {
///     type Response = u32;
///     type Error = Busy;
///     type Future = Ready<Result<u32, Busy>>;
///
///     fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Busy>> {
///         Poll::Ready(Ok(()))
///     }
///
///     fn call(&mut self, number: u32) -> Self::Future {
///         let before = self.0.fetch_add(1, Ordering::Relaxed);
///         ready(if before < 2 { Err(Busy) } else { Ok(2 * number) })
///     }
/// }
///
/// let mut service = RetryLayer::new(Policy::default()).layer(Doubles::default());
/// assert_eq!(service.call(21).await.unwrap(), 42);
/// # }
/// ```
#[derive(Debug, Clone)]
pub struct RetryLayer {
    policy: Policy,
}

impl RetryLayer {
    /// A layer whose services share the policy.
    #[must_use]
    pub const fn new(policy: Policy) -> Self {
        Self { policy }
    }
}

impl<S> Layer<S> for RetryLayer {
    type Service = RetryService<S>;

    fn layer(&self, inner: S) -> RetryService<S> {
        RetryService {
            inner,
            policy: self.policy.clone(),
        }
    }
}

/// A service around another one, each of whose requests follows a [`Policy`]. Made by [`RetryLayer`].
///
/// Requests are cloned for each attempt, so that their bodies must be: bytes, and no stream. A clone of the service shares the policy and
/// has a clone of what is inside.
#[derive(Debug, Clone)]
pub struct RetryService<S> {
    inner: S,
    policy: Policy,
}

impl<S> RetryService<S> {
    /// The service inside.
    pub const fn inner(&self) -> &S {
        &self.inner
    }

    /// The policy, with the state of its budget, adaptive rate and breaker.
    pub const fn policy(&self) -> &Policy {
        &self.policy
    }
}

/// The answer to a request, on its way.
pub type ResponseFuture<T, E> = Pin<Box<dyn Future<Output = Result<T, GaveUp<E>>> + Send>>;

impl<S, Request> Service<Request> for RetryService<S>
where
    S: Service<Request> + Clone + Send + 'static,
    S::Future: Send,
    S::Response: Send,
    S::Error: Classify + Send,
    Request: Clone + Send + 'static,
{
    type Response = S::Response;
    type Error = GaveUp<S::Error>;
    type Future = ResponseFuture<S::Response, S::Error>;

    /// Always ready: the inner service is asked within the request, when its turn has come.
    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request) -> Self::Future {
        let (inner, policy) = (self.inner.clone(), self.policy.clone());
        Box::pin(async move {
            let made_ready = move || {
                // A clone has no readiness of another's to use up.
                let mut service = inner.clone();
                async move {
                    poll_fn(|cx| service.poll_ready(cx)).await?;
                    Ok(service)
                }
            };
            let sent = move |mut service: S| service.call(request.clone());
            retry_ready(&policy, plain(), made_ready, sent).await
        })
    }
}
