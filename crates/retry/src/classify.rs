//! What an error must say of itself to be retried, or not.
use std::time::Duration;

use datakey_provider::ErrorClass;

use crate::last_failure::LastFailure;

/// An error that says what kind of failure it is.
///
/// Retrying looks at nothing else: not at types, messages or codes.
///
/// ```
/// use datakey_retry::{Classify, ErrorClass};
///
/// enum HttpError { Status(u16), Disconnected }
///
/// impl Classify for HttpError {
///     fn class(&self) -> ErrorClass {
///         match self {
///             Self::Status(429 | 503) => ErrorClass::Throttled,
///             Self::Status(500 | 502 | 504) | Self::Disconnected => ErrorClass::Transient,
///             Self::Status(401 | 403) => ErrorClass::Denied,
///             Self::Status(_) => ErrorClass::InvalidRequest,
///         }
///     }
/// }
/// assert!(HttpError::Status(404).is_final());
/// ```
///
/// An error that says nothing but its class is enough; the page `guide::errors` says when the other methods are worth writing.
pub trait Classify {
    /// The kind of failure.
    fn class(&self) -> ErrorClass;

    /// How long the service asks to wait before the next attempt, where it says so.
    fn delay(&self) -> Option<Duration> {
        None
    }

    /// Whether trying again is pointless. By default, whenever the class is not retryable.
    ///
    /// An error that another retry has given up on already is final too: retries above retries multiply.
    fn is_final(&self) -> bool {
        !self.class().is_retryable()
    }

    /// Whether anything was sent to the service. What was refused without a call says nothing of it, so a breaker does not
    /// count it, and its turn at an adaptive rate is the next call's.
    fn was_sent(&self) -> bool {
        true
    }

    /// The quota that the call counted against, where the error says so: otherwise the one that the call was made on.
    fn quota(&self) -> Option<&str> {
        None
    }

    /// Tells each failure that it stands for: itself, unless several services were asked. A rate hears of each what its quota
    /// is concerned with.
    ///
    /// A combinator over several services tells one part for each, so that the throttle of one slows calls to that one:
    ///
    /// ```
    /// use datakey_provider::{ErrorClass, Operation, ProviderError};
    /// use datakey_retry::Classify;
    ///
    /// let throttled = ProviderError::new(ErrorClass::Throttled, Operation::Decrypt).with_quota("eu-west-1");
    /// let mut quotas = vec![];
    /// throttled.each_part(&mut |part| quotas.push((part.class, part.quota.map(str::to_owned))));
    /// assert_eq!(quotas, [(ErrorClass::Throttled, Some("eu-west-1".to_owned()))]);
    /// ```
    fn each_part(&self, tell: &mut dyn FnMut(Part<'_>)) {
        tell(Part::of(self));
    }

    /// What to keep of it, for the errors of calls that a breaker refuses because of it. By default the class alone; an error
    /// that can be cloned is worth keeping whole.
    ///
    /// ```
    /// use datakey_retry::{Classify, ErrorClass, LastFailure};
    ///
    /// #[derive(Debug, Clone)]
    /// struct Unavailable { host: String }
    /// # impl std::error::Error for Unavailable {}
    /// # impl std::fmt::Display for Unavailable {
    /// #     fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
    /// #         write!(f, "{} is not available", self.host)
    /// #     }
    /// # }
    ///
    /// impl Classify for Unavailable {
    ///     fn class(&self) -> ErrorClass {
    ///         ErrorClass::Transient
    ///     }
    ///     fn kept(&self) -> LastFailure {
    ///         LastFailure::with_error(self.class(), self.clone())
    ///     }
    /// }
    /// # assert_eq!(Unavailable { host: "kms".into() }.kept().to_string(), "kms is not available");
    /// ```
    fn kept(&self) -> LastFailure {
        LastFailure::of_class(self.class())
    }
}

/// What one service said, or failed to say: a part of an error that may stand for several.
///
/// Where an error stands for several services, a rate hears of each what its own quota is concerned with, and of no other.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct Part<'a> {
    /// The kind of failure.
    pub class: ErrorClass,
    /// How long the service asks to wait.
    pub delay: Option<Duration>,
    /// The quota that the call counted against, where that is known.
    pub quota: Option<&'a str>,
    /// Whether anything was sent to the service.
    pub was_sent: bool,
}

impl<'a> Part<'a> {
    /// The whole of an error that stands for itself.
    #[must_use]
    pub fn of<E: Classify + ?Sized>(error: &'a E) -> Self {
        Self {
            class: error.class(),
            delay: error.delay(),
            quota: error.quota(),
            was_sent: error.was_sent(),
        }
    }
}

/// Whether a failure of this class is an answer of the service, which counts towards its quota and says that it is up.
pub(crate) const fn is_answer(class: ErrorClass) -> bool {
    matches!(
        class,
        ErrorClass::Denied
            | ErrorClass::UnavailableKey
            | ErrorClass::InvalidRequest
            | ErrorClass::NotAuthentic
    )
}
