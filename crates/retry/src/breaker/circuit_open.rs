//! The error of a call that was refused at once.
use std::{error::Error, fmt, time::Duration};

use datakey_provider::ErrorClass;

use crate::{last_failure::LastFailure, rounded::rounded};

/// A call that a [`Breaker`](crate::Breaker) failed at once, as the service is down: what the last failure was, and when the
/// next call may go out.
///
/// It is the [`source`](Error::source) of the [`GaveUp`](crate::GaveUp) of such a call. Its own is what caused the last
/// failure, as far as its own text does not say so.
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
    #[must_use]
    pub const fn is_retryable(&self) -> bool {
        self.last.is_retryable()
    }

    /// The last failure of those for which calls are refused.
    #[must_use]
    pub const fn last(&self) -> &LastFailure {
        &self.last
    }

    /// After how long the next call may try whether the service is back.
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
