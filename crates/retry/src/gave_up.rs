//! The error of a call that was given up: after how many attempts, how long a wait, and why.
use std::{error::Error, fmt, time::Duration};

use datakey_provider::ErrorClass;

use crate::{CircuitOpen, Classify, LastFailure, rounded::rounded};

/// What ended a call without success.
///
/// ```
/// use datakey_provider::{ErrorClass, Operation, ProviderError};
/// use datakey_retry::{Policy, Reason, retry};
/// # #[tokio::main(flavor = "current_thread", start_paused = true)]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let denied = async || Err::<(), _>(ProviderError::new(ErrorClass::Denied, Operation::Decrypt));
/// let gave_up = retry(&Policy::default(), denied).await.unwrap_err();
/// assert_eq!((gave_up.reason(), gave_up.attempts()), (Reason::Permanent, 1));
/// assert_eq!(gave_up.reason().as_str(), "permanent"); // a label of a metric
/// # Ok(()) }
/// ```
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
    /// The last error is one that another retry or breaker below has given up on: retries above retries multiply.
    GivenUpBelow,
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
            Self::GivenUpBelow => "given_up_below",
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
            Self::GivenUpBelow => "a layer below has given up",
        })
    }
}

/// How the last attempt of a call failed.
///
/// ```
/// use std::time::Duration;
/// use datakey_provider::{ErrorClass, ProviderError};
/// use datakey_retry::{Failure, Policy, retry};
/// # #[tokio::main(flavor = "current_thread", start_paused = true)]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let policy = Policy::default().with_attempt_timeout(Duration::from_secs(1)).with_max_attempts(2);
/// let hangs = async || std::future::pending::<Result<(), ProviderError>>().await;
/// let gave_up = retry(&policy, hangs).await.unwrap_err();
/// assert!(matches!(gave_up.failure(), Failure::TimedOut(after) if *after == Duration::from_secs(1)));
/// assert_eq!(gave_up.failure().class(), ErrorClass::Timeout);
/// assert!(gave_up.last().is_none()); // there is no error to show: nothing answered
/// # Ok(()) }
/// ```
#[derive(Debug, Clone)]
#[non_exhaustive]
pub enum Failure<E> {
    /// It returned this error.
    Returned(E),
    /// It gave no answer within this time and was dropped.
    TimedOut(Duration),
    /// There was none: the deadline came while the first attempt waited for its turn, or for a `tower` service to be ready.
    NeverSent,
    /// There was none, or no further one: the breaker is open.
    CircuitOpen(CircuitOpen),
}

impl<E: Classify> Failure<E> {
    /// The kind of failure.
    #[must_use]
    pub fn class(&self) -> ErrorClass {
        match self {
            Self::Returned(error) => error.class(),
            Self::TimedOut(_) => ErrorClass::Timeout,
            Self::NeverSent => ErrorClass::Throttled,
            Self::CircuitOpen(open) => open.class(),
        }
    }

    /// Whether the same call may succeed later without anybody changing anything.
    #[must_use]
    pub fn is_retryable(&self) -> bool {
        self.class().is_retryable()
    }
}

/// A call that was given up: attempts made, time waited, the reason, and the last failure, which is also the
/// [`source`](Error::source). As the source of a `ProviderError` that says of the last failure what it said itself, it goes on
/// with what caused that.
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
///
/// Its text says how often it was tried, for how long it waited and why it ended, and then what the last attempt said.
#[derive(Debug, Clone)]
pub struct GaveUp<E> {
    pub(crate) reason: Reason,
    pub(crate) attempts: u32,
    pub(crate) waited: Duration,
    pub(crate) failure: Failure<E>,
    /// Whether any of the attempts was sent: a provider may refuse by itself.
    pub(crate) sent: bool,
    /// Whether an error around this one says all that the text of the last one does.
    pub(crate) is_told: bool,
}

impl<E> GaveUp<E> {
    pub(crate) const fn new(
        reason: Reason,
        (attempts, sent): (u32, bool),
        waited: Duration,
        failure: Failure<E>,
    ) -> Self {
        Self {
            reason,
            attempts,
            waited,
            failure,
            sent,
            is_told: false,
        }
    }

    /// What ended the call.
    ///
    /// It says which setting ended the call, where [`class`](Self::class) says what was wrong; both belong into a log line.
    #[must_use]
    pub const fn reason(&self) -> Reason {
        self.reason
    }

    /// How many attempts were made, those included that their provider refused without a call.
    ///
    /// Zero where the breaker was open when the call came.
    #[must_use]
    pub const fn attempts(&self) -> u32 {
        self.attempts
    }

    /// How much of the call was spent waiting before attempts: backoff, server delays, and admission by the
    /// adaptive rate.
    ///
    /// What a caller spent without anything being under way. Much of it after a throttle is a quota that is too small; much of it otherwise
    /// an outage.
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
    ///
    /// ```
    /// use datakey_provider::{ErrorClass, Operation, ProviderError};
    /// use datakey_retry::{Policy, retry};
    /// # #[tokio::main(flavor = "current_thread", start_paused = true)]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// /// For callers who know nothing of retries.
    /// async fn plain(policy: &Policy) -> Result<u8, ProviderError> {
    ///     let failing = async || Err(ProviderError::new(ErrorClass::Denied, Operation::Decrypt));
    ///     retry(policy, failing).await.map_err(|gave_up| {
    ///         let class = gave_up.failure().class();
    ///         gave_up.into_last().unwrap_or_else(|| ProviderError::new(class, Operation::Decrypt))
    ///     })
    /// }
    /// assert_eq!(plain(&Policy::default()).await.unwrap_err().class(), ErrorClass::Denied);
    /// # Ok(()) }
    /// ```
    #[must_use]
    pub fn into_last(self) -> Option<E> {
        match self.failure {
            Failure::Returned(error) => Some(error),
            Failure::TimedOut(_) | Failure::NeverSent | Failure::CircuitOpen(_) => None,
        }
    }
}

impl<E: Classify> GaveUp<E> {
    /// Whether the same call may succeed later without anybody changing anything.
    #[must_use]
    pub fn is_retryable(&self) -> bool {
        self.failure.is_retryable()
    }
}

/// A call that was given up is final for whoever retries above, and keeps the class of its last failure.
impl<E: Classify> Classify for GaveUp<E> {
    fn class(&self) -> ErrorClass {
        self.failure.class()
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

    fn was_sent(&self) -> bool {
        self.sent
    }

    fn quota(&self) -> Option<&str> {
        self.last().and_then(Classify::quota)
    }

    fn kept(&self) -> LastFailure {
        match &self.failure {
            Failure::Returned(error) => error.kept(),
            Failure::TimedOut(after) => LastFailure::timed_out(*after),
            Failure::NeverSent => LastFailure::of_class(self.class()),
            Failure::CircuitOpen(open) => open.last().clone(),
        }
    }
}

impl<E> fmt::Display for GaveUp<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (waited, reason) = (rounded(self.waited), self.reason);
        match self.attempts {
            0 => write!(
                f,
                "gave up before any attempt, after {waited:?} of waiting: {reason}"
            )?,
            1 => write!(f, "gave up after 1 attempt and {waited:?} of waiting: {reason}")?,
            more => write!(
                f,
                "gave up after {more} attempts and {waited:?} of waiting: {reason}"
            )?,
        }
        match &self.failure {
            Failure::Returned(_) | Failure::CircuitOpen(_) => Ok(()),
            Failure::TimedOut(limit) => {
                write!(f, "; the last attempt had no answer within {:?}", rounded(*limit))
            }
            Failure::NeverSent => f.write_str("; its turn did not come in time"),
        }
    }
}

impl<E: Error + 'static> Error for GaveUp<E> {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match &self.failure {
            Failure::Returned(error) if self.is_told => error.source(),
            Failure::Returned(error) => Some(error),
            Failure::CircuitOpen(open) => Some(open),
            Failure::TimedOut(_) | Failure::NeverSent => None,
        }
    }
}
