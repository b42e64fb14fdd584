//! What an error must say of itself to be retried, or not.
use std::time::Duration;

use datakey_provider::{ErrorClass, ProviderError, SeveralError};

use crate::GaveUp;

/// An error that says what kind of failure it is.
///
/// Retrying looks at nothing else: not at types, messages or codes.
///
/// ```
/// use datakey_provider::ErrorClass;
/// use datakey_retry::Classify;
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
}

impl Classify for ProviderError {
    fn class(&self) -> ErrorClass {
        self.class()
    }

    fn delay(&self) -> Option<Duration> {
        self.delay()
    }

    fn is_final(&self) -> bool {
        if !self.class().is_retryable() {
            return true;
        }
        let Some(source) = std::error::Error::source(self) else {
            return false;
        };
        source.is::<GaveUp<Self>>()
            || source
                .downcast_ref::<SeveralError>()
                .is_some_and(|several| several.failures().iter().all(Classify::is_final))
    }
}
