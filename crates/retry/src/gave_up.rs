//! The error of a call that was given up: after how many attempts, how long a wait, and why.
use std::{error::Error, fmt, time::Duration};

use datakey_provider::{ErrorClass, Operation, ProviderError};

use crate::{CircuitOpen, Classify};

/// What ended a call without success.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Reason {
    /// The last error is of a kind that waiting does not cure.
    Permanent,
    /// The policy's number of attempts is used up.
    Attempts,
    /// The call's deadline has come, or would have before the next attempt.
    Deadline,
    /// The retry budget is empty: too many calls that share it are failing.
    Budget,
    /// The breaker is open: the service is down.
    CircuitOpen,
}

impl Reason {
    /// The reason in lower snake case, for logs, metrics and JSON.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Permanent => "permanent",
            Self::Attempts => "attempts",
            Self::Deadline => "deadline",
            Self::Budget => "budget",
            Self::CircuitOpen => "circuit_open",
        }
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Permanent => "the error is permanent",
            Self::Attempts => "no attempts are left",
            Self::Deadline => "the deadline leaves no time for another attempt",
            Self::Budget => "the retry budget is empty",
            Self::CircuitOpen => "the circuit breaker is open",
        })
    }
}

/// How the last attempt of a call failed.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Failure<E> {
    /// It returned this error.
    Returned(E),
    /// It gave no answer within this time and was dropped.
    TimedOut(Duration),
    /// There was none: the deadline came while the first attempt waited for the adaptive rate to admit it.
    NeverSent,
    /// There was none, or no further one: the breaker is open.
    CircuitOpen(CircuitOpen),
}

/// A call that was given up: attempts made, time waited, the reason, and the last failure, which is also the
/// [`source`](Error::source).
///
/// ```
/// # #[tokio::main(flavor = "current_thread", start_paused = true)] async fn main() {
/// use datakey_provider::{ErrorClass, Operation, ProviderError};
/// use datakey_retry::{Policy, Reason, retry};
///
/// let policy = Policy::default().with_max_attempts(3);
/// let gave_up = retry(&policy, async || {
///     Err::<(), _>(ProviderError::new(ErrorClass::Transient, Operation::Decrypt))
/// })
/// .await
/// .unwrap_err();
/// assert_eq!(gave_up.attempts(), 3);
/// assert_eq!(gave_up.reason(), Reason::Attempts);
/// assert!(gave_up.last().is_some_and(|error| error.class() == ErrorClass::Transient));
/// # }
/// ```
#[derive(Debug, Clone)]
pub struct GaveUp<E> {
    pub(crate) reason: Reason,
    pub(crate) attempts: u32,
    pub(crate) waited: Duration,
    pub(crate) failure: Failure<E>,
}

impl<E> GaveUp<E> {
    /// What ended the call.
    #[must_use]
    pub const fn reason(&self) -> Reason {
        self.reason
    }

    /// How many attempts were sent.
    #[must_use]
    pub const fn attempts(&self) -> u32 {
        self.attempts
    }

    /// How much of the call was spent waiting before attempts: backoff, server delays, and admission by the
    /// adaptive rate.
    #[must_use]
    pub const fn waited(&self) -> Duration {
        self.waited
    }

    /// How the last attempt failed.
    #[must_use]
    pub const fn failure(&self) -> &Failure<E> {
        &self.failure
    }

    /// The error that the last attempt returned; `None` when it timed out or was never sent.
    #[must_use]
    pub const fn last(&self) -> Option<&E> {
        match &self.failure {
            Failure::Returned(error) => Some(error),
            Failure::TimedOut(_) | Failure::NeverSent | Failure::CircuitOpen(_) => None,
        }
    }

    /// As [`last`](Self::last), by value.
    #[must_use]
    pub fn into_last(self) -> Option<E> {
        match self.failure {
            Failure::Returned(error) => Some(error),
            Failure::TimedOut(_) | Failure::NeverSent | Failure::CircuitOpen(_) => None,
        }
    }
}

/// A call that was given up is final for whoever retries above, and keeps the class of its last failure.
impl<E: Classify> Classify for GaveUp<E> {
    fn class(&self) -> ErrorClass {
        match &self.failure {
            Failure::Returned(error) => error.class(),
            Failure::TimedOut(_) => ErrorClass::Timeout,
            Failure::NeverSent => ErrorClass::Throttled,
            Failure::CircuitOpen(open) => open.class(),
        }
    }

    fn delay(&self) -> Option<Duration> {
        match &self.failure {
            Failure::CircuitOpen(open) => Some(open.probe_in()),
            _ => self.last().and_then(Classify::delay),
        }
    }

    fn is_final(&self) -> bool {
        true
    }
}

/// To three digits, for people.
pub(crate) fn rounded(duration: Duration) -> Duration {
    let nanos = u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX);
    let (mut unit, mut digits) = (1_u64, nanos);
    while digits >= 1000 {
        unit = unit.saturating_mul(10);
        digits = nanos.saturating_add(unit / 2).checked_div(unit).unwrap_or(0);
    }
    Duration::from_nanos(digits.saturating_mul(unit))
}

impl<E> fmt::Display for GaveUp<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let plural = if self.attempts == 1 { "" } else { "s" };
        write!(
            f,
            "gave up after {} attempt{plural} and {:?} of waiting: {}",
            self.attempts,
            rounded(self.waited),
            self.reason
        )?;
        match &self.failure {
            Failure::Returned(_) | Failure::CircuitOpen(_) => Ok(()),
            Failure::TimedOut(limit) => {
                write!(f, "; the last attempt had no answer within {:?}", rounded(*limit))
            }
            Failure::NeverSent => f.write_str("; the adaptive rate did not admit the call in time"),
        }
    }
}

impl<E: Error + 'static> Error for GaveUp<E> {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match &self.failure {
            Failure::Returned(error) => Some(error),
            Failure::CircuitOpen(open) => Some(open),
            Failure::TimedOut(_) | Failure::NeverSent => None,
        }
    }
}

impl GaveUp<ProviderError> {
    /// The provider error to report: the last one as it is if it was permanent and the only one, otherwise one of the
    /// same class, operation, key id, code and delay with this as its source.
    #[must_use]
    pub fn into_provider_error(self, operation: Operation, key_id: Option<&str>) -> ProviderError {
        let last = match self.failure {
            Failure::Returned(last) if self.reason == Reason::Permanent && self.attempts == 1 => return last,
            Failure::Returned(ref last) => last.clone(),
            Failure::TimedOut(_) | Failure::NeverSent => ProviderError::new(self.class(), operation),
            Failure::CircuitOpen(open) => {
                ProviderError::new(open.class(), operation).with_delay(open.probe_in())
            }
        };
        let mut error = ProviderError::new(last.class(), last.operation());
        if let Some(key_id) = last.key_id().or(key_id) {
            error = error.with_key_id(key_id);
        }
        if let Some(code) = last.code() {
            error = error.with_code(code);
        }
        if let Some(delay) = last.delay() {
            error = error.with_delay(delay);
        }
        error.with_source(self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_are_told_to_three_digits() {
        for (nanos, text) in [
            (0, "0ns"),
            (999, "999ns"),
            (1_234, "1.23µs"),
            (98_765_432, "98.8ms"),
            (999_499_999, "999ms"),
            (999_500_000, "1s"),
            (12_933_096_637, "12.9s"),
            (60_000_000_000, "60s"),
            (3_599_123_456_789, "3600s"),
        ] {
            assert_eq!(format!("{:?}", rounded(Duration::from_nanos(nanos))), text);
        }
        assert!(rounded(Duration::MAX) > Duration::from_secs(1 << 33));
    }
}
