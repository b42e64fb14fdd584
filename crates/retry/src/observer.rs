//! What happens to calls, told as it happens: to an observer, and with the feature `tracing` to subscribers.
use std::{fmt, sync::Arc, time::Duration};

use datakey_provider::{ErrorClass, Operation};

use crate::Reason;

/// Is told what happens to each call of a policy. See [`Policy::with_observer`](crate::Policy::with_observer).
///
/// It is called in the course of the call, so it should count or hand on, not wait. It hears of an attempt before its
/// outcome; an attempt whose future is dropped has none.
///
/// ```
/// # #[tokio::main(flavor = "current_thread", start_paused = true)] async fn main() {
/// use std::sync::{Arc, atomic::{AtomicU64, Ordering}};
/// use datakey_provider::{ErrorClass, Operation, ProviderError};
/// use datakey_retry::{Event, Observer, Policy, Subject, retry};
///
/// #[derive(Default)]
/// struct Attempts(AtomicU64);
///
/// impl Observer for Attempts {
///     fn observe(&self, _call: Subject<'_>, event: Event) {
///         if let Event::Attempt { .. } = event {
///             self.0.fetch_add(1, Ordering::Relaxed);
///         }
///     }
/// }
///
/// let attempts = Arc::new(Attempts::default());
/// let policy = Policy::default().with_max_attempts(3).with_observer(Arc::clone(&attempts));
/// let failing = async || Err::<(), _>(ProviderError::new(ErrorClass::Transient, Operation::Decrypt));
/// assert!(retry(&policy, failing).await.is_err());
/// assert_eq!(attempts.0.load(Ordering::Relaxed), 3);
/// # }
/// ```
///
/// It is called on whichever thread the call runs, several at once. One that panics takes the call with it.
pub trait Observer: Send + Sync {
    /// Something happened to this call.
    fn observe(&self, call: Subject<'_>, event: Event);
}

impl<T: Observer + ?Sized> Observer for Arc<T> {
    fn observe(&self, call: Subject<'_>, event: Event) {
        T::observe(self, call, event);
    }
}

/// Which call something happened to.
///
/// All of it is borrowed from the call, and gone when `observe` returns. Names are the provider's, and keys may be as many as tenants.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct Subject<'a> {
    /// What is judged together: the name that the policy was [given](crate::Policy::with_scope), or else the key; `""` where there is
    /// neither.
    pub scope: &'a str,
    /// What is done; `None` for a call that is none of a provider's.
    pub operation: Option<Operation>,
    /// The key that it is done under, as the provider names it, several joined by ` + `; `""` where none is named.
    pub key_id: &'a str,
    /// The quota that the attempt counts against, as the provider or the policy names it, the first of several; `""` where there is no
    /// name. What failed says itself which one it was.
    pub quota: &'a str,
    /// How long the call has taken so far, by its last reading of the clock; of an end, how long it took.
    pub elapsed: Duration,
}

/// What happened to a call.
///
/// With the feature `tracing` each is an event of the target `datakey_retry`, in the span of whoever calls, with the fields of the
/// variant, durations in seconds, and those of the [`Subject`]:
///
/// | event | name | level |
/// |---|---|---|
/// | [`Attempt`](Self::Attempt) | `datakey.retry.attempt` | trace |
/// | [`Succeeded`](Self::Succeeded) | `datakey.retry.succeeded` | trace |
/// | [`Failed`](Self::Failed) | `datakey.retry.failed` | debug |
/// | [`Turn`](Self::Turn) | `datakey.retry.turn` | trace |
/// | [`Admitted`](Self::Admitted) | `datakey.retry.admitted` | trace |
/// | [`Wait`](Self::Wait) | `datakey.retry.wait` | debug |
/// | [`GaveUp`](Self::GaveUp) | `datakey.retry.gave_up` | debug, as the caller has the error |
/// | [`Opened`](Self::Opened) | `datakey.retry.opened` | warn |
///
/// ```
/// use std::sync::{Arc, Mutex};
/// use datakey_provider::{ErrorClass, Operation, ProviderError};
/// use datakey_retry::{Event, Observer, Policy, Subject, retry_operation};
///
/// #[derive(Default)]
/// struct Course(Mutex<Vec<&'static str>>);
///
/// impl Observer for Course {
///     fn observe(&self, call: Subject<'_>, event: Event) {
///         assert_eq!(call.operation, Some(Operation::Decrypt));
///         self.0.lock().unwrap().push(match event {
///             Event::Attempt { .. } => "attempt",
///             Event::Failed { .. } => "failed",
///             Event::Wait { .. } => "wait",
///             Event::Succeeded { .. } => "succeeded",
///             _ => "other",
///         });
///     }
/// }
///
/// # #[tokio::main(flavor = "current_thread", start_paused = true)]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let course = Arc::new(Course::default());
/// let policy = Policy::default().with_observer(Arc::clone(&course));
/// let mut failures = 1;
/// let call = retry_operation(&policy, Operation::Decrypt, || {
///     let fails = failures > 0;
///     failures -= i32::from(fails);
///     async move { if fails { Err(ProviderError::new(ErrorClass::Transient, Operation::Decrypt)) } else { Ok(()) } }
/// });
/// call.await.unwrap();
/// assert_eq!(*course.0.lock().unwrap(), ["attempt", "failed", "wait", "attempt", "succeeded"]);
/// # Ok(()) }
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Event {
    /// An attempt goes out.
    Attempt {
        /// Its number, from 1.
        attempt: u32,
    },
    /// The call succeeded.
    Succeeded {
        /// With this attempt.
        attempt: u32,
        /// After so much waiting before attempts.
        waited: Duration,
        /// How long the attempt took.
        took: Duration,
    },
    /// An attempt failed.
    Failed {
        /// Its number.
        attempt: u32,
        /// The kind of failure.
        class: ErrorClass,
        /// How long the attempt took.
        took: Duration,
    },
    /// The call waits for the adaptive rate to admit its next attempt.
    Turn {
        /// The number of that attempt.
        attempt: u32,
    },
    /// The adaptive rate admitted the next attempt of the call, for which it waited.
    Admitted {
        /// The number of that attempt.
        attempt: u32,
        /// How long it waited for its turn.
        waited: Duration,
    },
    /// The call waits before its next attempt.
    Wait {
        /// The number of that attempt.
        attempt: u32,
        /// How long it waits.
        delay: Duration,
    },
    /// The call was given up.
    GaveUp {
        /// After so many attempts.
        attempts: u32,
        /// After so much waiting before attempts.
        waited: Duration,
        /// What ended it.
        reason: Reason,
        /// The kind of the last failure.
        class: ErrorClass,
        /// How long the call took, attempts and waits together.
        took: Duration,
    },
    /// The failure of an attempt opened the breaker of the scope, or kept it open.
    Opened {
        /// The kind of the failure.
        class: ErrorClass,
    },
}

/// An observer, if there is one, and what publishes metrics. Clones share them.
#[derive(Clone, Default)]
pub(crate) struct Observed {
    observer: Option<Arc<dyn Observer>>,
    #[cfg(feature = "metrics")]
    meter: Option<Arc<dyn Observer>>,
}

impl Observed {
    pub(crate) fn by(mut self, observer: impl Observer + 'static) -> Self {
        self.observer = Some(Arc::new(observer));
        self
    }

    #[cfg(feature = "metrics")]
    pub(crate) fn metered(mut self, meter: impl Observer + 'static) -> Self {
        self.meter = Some(Arc::new(meter));
        self
    }

    /// Tells whoever listens.
    pub(crate) fn tell(&self, call: Subject<'_>, event: Event) {
        #[cfg(feature = "tracing")]
        trace(call, event);
        if let Some(observer) = &self.observer {
            observer.observe(call, event);
        }
        #[cfg(feature = "metrics")]
        if let Some(meter) = &self.meter {
            meter.observe(call, event);
        }
    }
}

impl fmt::Debug for Observed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.observer.is_some() {
            "Observed(..)"
        } else {
            "Unobserved"
        })
    }
}

#[cfg(feature = "tracing")]
fn trace(call: Subject<'_>, event: Event) {
    use tracing::{debug, trace, warn};
    let Subject { scope, key_id, .. } = call;
    let operation = call.operation.map_or("", Operation::as_str);
    match event {
        Event::Attempt { attempt } => {
            trace!(name: "datakey.retry.attempt", scope, operation, key_id, attempt, "an attempt goes out");
        }
        Event::Succeeded {
            attempt,
            waited,
            took,
        } => {
            let (waited, took) = (waited.as_secs_f64(), took.as_secs_f64());
            trace!(
                name: "datakey.retry.succeeded",
                scope, operation, key_id, attempt, waited, took, "the call succeeded"
            );
        }
        Event::Failed { attempt, class, took } => {
            let (class, took) = (class.as_str(), took.as_secs_f64());
            debug!(
                name: "datakey.retry.failed",
                scope, operation, key_id, attempt, class, took, "an attempt failed"
            );
        }
        Event::Turn { .. } | Event::Admitted { .. } | Event::Wait { .. } => trace_wait(call, event),
        Event::GaveUp {
            attempts,
            waited,
            reason,
            class,
            took,
        } => {
            let (waited, took) = (waited.as_secs_f64(), took.as_secs_f64());
            let (reason, class) = (reason.as_str(), class.as_str());
            debug!(
                name: "datakey.retry.gave_up",
                scope, operation, key_id, attempts, waited, reason, class, took, "the call was given up"
            );
        }
        Event::Opened { class } => {
            let class = class.as_str();
            warn!(
                name: "datakey.retry.opened",
                scope, operation, key_id, class, "the circuit breaker is open"
            );
        }
    }
}

#[cfg(feature = "tracing")]
fn trace_wait(call: Subject<'_>, event: Event) {
    use tracing::{debug, trace};
    let Subject { scope, key_id, .. } = call;
    let operation = call.operation.map_or("", Operation::as_str);
    match event {
        Event::Turn { attempt } => {
            trace!(
                name: "datakey.retry.turn",
                scope, operation, key_id, attempt, "the call waits for its turn"
            );
        }
        Event::Admitted { attempt, waited } => {
            let waited = waited.as_secs_f64();
            trace!(
                name: "datakey.retry.admitted",
                scope, operation, key_id, attempt, waited, "the turn of the call came"
            );
        }
        Event::Wait { attempt, delay } => {
            let delay = delay.as_secs_f64();
            debug!(
                name: "datakey.retry.wait",
                scope, operation, key_id, attempt, delay, "the call waits before its next attempt"
            );
        }
        _ => {}
    }
}
