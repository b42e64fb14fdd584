//! What is kept of a failure, for those who are refused because of it.
use std::{error::Error, fmt, sync::Arc, time::Duration};

use datakey_provider::{ErrorClass, Operation, ProviderError};

use crate::rounded::rounded;

/// The last failure of a service that is down: what a [`CircuitOpen`](crate::CircuitOpen) tells of it. Cheap to clone.
///
/// ```
/// use datakey_provider::{ErrorClass, Operation, ProviderError};
/// use datakey_retry::LastFailure;
///
/// let error = ProviderError::new(ErrorClass::Transient, Operation::Decrypt).with_code("KMSInternalException");
/// let last = LastFailure::with_error(error.class(), error);
/// assert_eq!((last.operation(), last.code()), (Some(Operation::Decrypt), Some("KMSInternalException")));
/// assert!(last.is_retryable());
/// ```
///
/// It is what callers learn who were refused without a call: enough to say what is down, and why.
#[derive(Debug, Clone)]
pub struct LastFailure {
    class: ErrorClass,
    what: What,
}

#[derive(Debug, Clone)]
enum What {
    Untold,
    TimedOut(Duration),
    Error(Arc<dyn Error + Send + Sync>),
}

impl LastFailure {
    /// A failure of which no more than its kind is known.
    #[must_use]
    pub const fn of_class(class: ErrorClass) -> Self {
        Self {
            class,
            what: What::Untold,
        }
    }

    /// A failure of this kind, with the error that told of it.
    pub fn with_error(class: ErrorClass, error: impl Error + Send + Sync + 'static) -> Self {
        Self {
            class,
            what: What::Error(Arc::new(error)),
        }
    }

    /// No answer came within this time.
    #[must_use]
    pub const fn timed_out(after: Duration) -> Self {
        Self {
            class: ErrorClass::Timeout,
            what: What::TimedOut(after),
        }
    }

    /// The kind of failure.
    #[must_use]
    pub const fn class(&self) -> ErrorClass {
        self.class
    }

    /// Whether the same call may succeed later without anybody changing anything.
    #[must_use]
    pub const fn is_retryable(&self) -> bool {
        self.class.is_retryable()
    }

    /// The error that told of it, where one did.
    #[must_use]
    pub fn error(&self) -> Option<&(dyn Error + Send + Sync + 'static)> {
        match &self.what {
            What::Error(error) => Some(&**error),
            What::Untold | What::TimedOut(_) => None,
        }
    }

    /// The error that told of it, where a provider's did.
    #[must_use]
    pub fn provider_error(&self) -> Option<&ProviderError> {
        self.error()?.downcast_ref()
    }

    /// What was being done, where that is known.
    #[must_use]
    pub fn operation(&self) -> Option<Operation> {
        Some(self.provider_error()?.operation())
    }

    /// The wrapping key concerned, where that is known.
    ///
    /// It is the key of the call that failed, which need not be that of the call that was refused: a breaker judges scopes.
    #[must_use]
    pub fn key_id(&self) -> Option<&str> {
        self.provider_error()?.key_id()
    }

    /// The service's own name for the failure, where it gave one.
    #[must_use]
    pub fn code(&self) -> Option<&str> {
        self.provider_error()?.code()
    }

    /// What caused it, beyond what [`in_short`](Self::in_short) says.
    pub(crate) fn cause(&self) -> Option<&(dyn Error + 'static)> {
        match self.provider_error() {
            Some(error) => error.source(),
            None => self.error().map(|error| error as &(dyn Error + 'static)),
        }
    }

    /// All that is known of it, but for the words of an error: those are told as the cause.
    pub(crate) fn in_short(&self) -> InShort<'_> {
        InShort(self)
    }
}

/// The text of the error, where there is one.
impl fmt::Display for LastFailure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.what {
            What::Untold => self.class.fmt(f),
            What::TimedOut(after) => write!(f, "no answer within {:?}", rounded(*after)),
            What::Error(error) => error.fmt(f),
        }
    }
}

/// Ends the sentence "the last call to it ...".
pub(crate) struct InShort<'a>(&'a LastFailure);

impl fmt::Display for InShort<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let last = self.0;
        if let Some(operation) = last.operation() {
            write!(f, "({operation}")?;
            if let Some(key_id) = last.key_id() {
                write!(f, " with the key {key_id}")?;
            }
            f.write_str(") ")?;
        }
        let class = last.class.as_str();
        match (&last.what, last.code()) {
            (What::TimedOut(after), _) => write!(f, "had no answer within {:?}", rounded(*after)),
            (_, Some(code)) => write!(f, "failed with {code}, {class}"),
            (_, None) => write!(f, "failed, {class}"),
        }
    }
}
