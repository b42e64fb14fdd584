//! A `tower` layer that retries a service whose errors classify themselves.
use std::{
    future::poll_fn,
    mem,
    pin::Pin,
    task::{Context, Poll},
};

use tower_layer::Layer;
use tower_service::Service;

use crate::{Classify, GaveUp, Policy, retry};

/// Puts a [`Policy`] around a service: each request is sent as often as the policy says.
///
/// The request is cloned for each attempt, and so is the service, as for `tower`'s own retry. Put timeouts and rate limits
/// of `tower` outside of it, if anywhere: the policy has its own, which know of the retries.
///
/// ```
/// # #[tokio::main(flavor = "current_thread", start_paused = true)] async fn main() {
/// use std::{future::{Ready, ready}, sync::{Arc, atomic::{AtomicU32, Ordering}}, task::{Context, Poll}};
/// use datakey_provider::ErrorClass;
/// use datakey_retry::{Classify, Policy, tower::RetryLayer};
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

    /// Ready when the inner service is, so that its back pressure reaches the caller. A service that fails to become ready
    /// is not retried here; within a request it is.
    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        self.inner.poll_ready(cx).map_err(GaveUp::not_ready)
    }

    fn call(&mut self, request: Request) -> Self::Future {
        let spare = self.inner.clone();
        // The one that was polled ready makes the first attempt; clones may not be ready.
        let mut ready = Some(mem::replace(&mut self.inner, spare.clone()));
        let policy = self.policy.clone();
        Box::pin(async move {
            let attempt = move || {
                let (ready, request) = (ready.take(), request.clone());
                let is_ready = ready.is_some();
                let mut service = ready.unwrap_or_else(|| spare.clone());
                async move {
                    if !is_ready {
                        poll_fn(|cx| service.poll_ready(cx)).await?;
                    }
                    service.call(request).await
                }
            };
            retry(&policy, attempt).await
        })
    }
}
