//! The error of a call that was refused at once.
use std::{error::Error, fmt, time::Duration};

use datakey_provider::ErrorClass;

use crate::{last_failure::LastFailure, rounded::rounded};

/// A call that a [`Breaker`](crate::Breaker) failed at once, as the service is down: what the last failure was, and when the
/// next call may go out.
///
/// It is the [`source`](Error::source) of the [`GaveUp`](crate::GaveUp) of such a call. Its own is what caused the last
/// failure, as far as its own text does not say so.
///
/// ```
/// use std::time::Duration;
/// use datakey_provider::{ErrorClass, Operation, ProviderError};
/// use datakey_retry::{Breaker, Failure, Policy, Reason, retry};
/// # #[tokio::main(flavor = "current_thread", start_paused = true)]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let breaker = Breaker::builder().with_failures(2).with_after(Duration::ZERO).build();
/// let policy = Policy::default().with_breaker(breaker).with_max_attempts(2);
/// let down = async || Err::<(), _>(ProviderError::new(ErrorClass::Transient, Operation::Decrypt));
/// assert!(retry(&policy, down).await.is_err());
/// // The next call is not made at all, and says why.
/// let refused = retry(&policy, async || -> Result<(), ProviderError> { unreachable!("the service is down") });
/// let gave_up = refused.await.unwrap_err();
/// assert_eq!((gave_up.reason(), gave_up.attempts()), (Reason::CircuitOpen, 0));
/// let Failure::CircuitOpen(open) = gave_up.failure() else { panic!("the breaker is open") };
/// assert_eq!(open.last().class(), ErrorClass::Transient);
/// assert!(open.probe_in() <= Duration::from_millis(500));
/// # Ok(()) }
/// ```
#[derive(Debug, Clone)]
pub struct CircuitOpen {
    last: LastFailure,
    probe_in: Duration,
}

impl CircuitOpen {
    pub(super) const fn new(last: LastFailure, probe_in: Duration) -> Self {
        Self { last, probe_in }
    }

    /// The kind of the last failure.
    #[must_use]
    pub const fn class(&self) -> ErrorClass {
        self.last.class()
    }

    /// Whether the same call may succeed later without anybody changing anything.
    ///
    /// It is what was true of that failure: a breaker opens for outages, so mostly yes, and after [`probe_in`](Self::probe_in) at the
    /// soonest.
    #[must_use]
    pub const fn is_retryable(&self) -> bool {
        self.last.is_retryable()
    }

    /// The last failure of those for which calls are refused.
    ///
    /// It was another call's. Its error is here as its class, its text and, where it could be kept, its cause, for the log of whoever is
    /// refused.
    #[must_use]
    pub const fn last(&self) -> &LastFailure {
        &self.last
    }

    /// After how long the next call may try whether the service is back.
    ///
    /// A `Retry-After` for one's own callers; more of them than one may come back at that time, and all but one are refused once more.
    #[must_use]
    pub const fn probe_in(&self) -> Duration {
        self.probe_in
    }
}

impl fmt::Display for CircuitOpen {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "the service is down: the last call to it {}; the next may go out in {:?}",
            self.last.in_short(),
            rounded(self.probe_in)
        )
    }
}

impl Error for CircuitOpen {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        self.last.cause()
    }
}
