//! What went wrong, whose fault it is, and whether waiting helps.
use alloc::{boxed::Box, sync::Arc};
use core::{error::Error, fmt, time::Duration};

/// What kind of failure it was: all that a retry policy, a cache and a caller need to decide what to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ErrorClass {
    /// The request rate is over a quota. Waiting helps; asking faster does not.
    Throttled,
    /// The service or the way to it failed for the moment. Trying again may help.
    Transient,
    /// No answer in time. Trying again may help; the service may be down.
    Timeout,
    /// The caller may not do this. A policy, a grant or credentials must change.
    Denied,
    /// The wrapping key is disabled, pending deletion, or does not exist.
    UnavailableKey,
    /// The request is wrong in itself: a malformed id, a resource quota, a key of the wrong kind.
    InvalidRequest,
    /// The wrapped key is not what this key and this encryption context produced.
    NotAuthentic,
    /// What was asked is shut down for good, as a process does that ends. Nothing is wrong with the request: another
    /// process may answer it.
    ShutDown,
    /// A defect on this side of the service: a provider that panics or breaks its contract, a call where there is no runtime
    /// for it.
    Internal,
}

impl ErrorClass {
    /// Every class, for tables and metrics.
    pub const ALL: [Self; 9] = [
        Self::Throttled,
        Self::Transient,
        Self::Timeout,
        Self::Denied,
        Self::UnavailableKey,
        Self::InvalidRequest,
        Self::NotAuthentic,
        Self::ShutDown,
        Self::Internal,
    ];

    /// Whether the same request may succeed later without anybody changing anything.
    #[must_use]
    pub const fn is_retryable(self) -> bool {
        matches!(self, Self::Throttled | Self::Transient | Self::Timeout)
    }

    /// The class in lower snake case, for logs, metrics and JSON.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Throttled => "throttled",
            Self::Transient => "transient",
            Self::Timeout => "timeout",
            Self::Denied => "denied",
            Self::UnavailableKey => "unavailable_key",
            Self::InvalidRequest => "invalid_request",
            Self::NotAuthentic => "not_authentic",
            Self::ShutDown => "shut_down",
            Self::Internal => "internal",
        }
    }

    const fn what(self) -> &'static str {
        match self {
            Self::Throttled => "the request quota is exceeded",
            Self::Transient => "the key service failed for the moment",
            Self::Timeout => "the key service did not answer in time",
            Self::Denied => "access was denied",
            Self::UnavailableKey => "the wrapping key is not available",
            Self::InvalidRequest => "the request is not valid",
            Self::NotAuthentic => "the wrapped key is not authentic for this key and encryption context",
            Self::ShutDown => "it was shut down",
            Self::Internal => "there is a defect in the program",
        }
    }

    const fn advice(self) -> &'static str {
        match self {
            Self::Throttled => "retry with backoff, cache data keys, or raise the quota",
            Self::Transient | Self::Timeout => "retry with backoff",
            Self::Denied => "check credentials, key policy and grants",
            Self::UnavailableKey => "check that the key exists, is enabled and is not pending deletion",
            Self::InvalidRequest => "correct the request; retrying cannot help",
            Self::NotAuthentic => "check the encryption context, the key, and where the message came from",
            Self::ShutDown => "send the request to another process",
            Self::Internal => "look at the cause; retrying cannot help",
        }
    }
}

impl fmt::Display for ErrorClass {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.what())
    }
}

/// What was being done, under the name that KMS gives it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Operation {
    /// [`SealingProvider::generate_data_key`](crate::SealingProvider::generate_data_key).
    GenerateDataKey,
    /// [`SealingProvider::encrypt`](crate::SealingProvider::encrypt).
    Encrypt,
    /// [`OpeningProvider::decrypt`](crate::OpeningProvider::decrypt).
    Decrypt,
    /// Replacing the key that a data key is wrapped under without exposing the data key.
    ReEncrypt,
}

impl Operation {
    /// The name as KMS spells it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::GenerateDataKey => "GenerateDataKey",
            Self::Encrypt => "Encrypt",
            Self::Decrypt => "Decrypt",
            Self::ReEncrypt => "ReEncrypt",
        }
    }
}

impl fmt::Display for Operation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// A failed provider call: its class, the operation, and what is known about the cause.
///
/// Cloning is cheap, so that one failed call can be reported to every caller that waited for it. The error never
/// holds key bytes or plaintext.
///
/// ```
/// use core::time::Duration;
/// use datakey_provider::{ErrorClass, Operation, ProviderError};
///
/// let error = ProviderError::new(ErrorClass::Throttled, Operation::GenerateDataKey)
///     .with_code("ThrottlingException")
///     .with_delay(Duration::from_millis(250));
/// assert!(error.is_retryable());
/// assert_eq!(
///     error.to_string(),
///     "GenerateDataKey failed: the request quota is exceeded (ThrottlingException); \
///      retry with backoff, cache data keys, or raise the quota",
/// );
/// ```
#[derive(Clone)]
pub struct ProviderError(Arc<Inner>);

#[derive(Clone)]
struct Inner {
    class: ErrorClass,
    operation: Operation,
    key_id: Option<Box<str>>,
    code: Option<Box<str>>,
    delay: Option<Duration>,
    source: Option<Arc<dyn Error + Send + Sync + 'static>>,
}

impl ProviderError {
    /// An error of a class, in an operation; the `with_` methods add what else is known.
    #[must_use]
    pub fn new(class: ErrorClass, operation: Operation) -> Self {
        Self(Arc::new(Inner {
            class,
            operation,
            key_id: None,
            code: None,
            delay: None,
            source: None,
        }))
    }

    /// Adds the id of the wrapping key concerned.
    #[must_use]
    pub fn with_key_id(mut self, key_id: impl Into<Box<str>>) -> Self {
        Arc::make_mut(&mut self.0).key_id = Some(key_id.into());
        self
    }

    /// Adds the service's own name for the error, such as `ThrottlingException`.
    #[must_use]
    pub fn with_code(mut self, code: impl Into<Box<str>>) -> Self {
        Arc::make_mut(&mut self.0).code = Some(code.into());
        self
    }

    /// Adds the delay that the service asks for before the next attempt.
    #[must_use]
    pub fn with_delay(mut self, delay: Duration) -> Self {
        Arc::make_mut(&mut self.0).delay = Some(delay);
        self
    }

    /// Adds the underlying error.
    #[must_use]
    pub fn with_source(mut self, source: impl Into<Box<dyn Error + Send + Sync + 'static>>) -> Self {
        Arc::make_mut(&mut self.0).source = Some(Arc::from(source.into()));
        self
    }

    /// The class; decide by this.
    #[must_use]
    pub fn class(&self) -> ErrorClass {
        self.0.class
    }

    /// Whether the same request may succeed later without anybody changing anything: whether its class is retryable.
    #[must_use]
    pub fn is_retryable(&self) -> bool {
        self.0.class.is_retryable()
    }

    /// What was being done.
    #[must_use]
    pub fn operation(&self) -> Operation {
        self.0.operation
    }

    /// The wrapping key concerned, where known.
    #[must_use]
    pub fn key_id(&self) -> Option<&str> {
        self.0.key_id.as_deref()
    }

    /// The service's own name for the error, where there is one.
    #[must_use]
    pub fn code(&self) -> Option<&str> {
        self.0.code.as_deref()
    }

    /// How long the service asks to wait before the next attempt, where it says so.
    #[must_use]
    pub fn delay(&self) -> Option<Duration> {
        self.0.delay
    }
}

impl fmt::Display for ProviderError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} failed: {}", self.0.operation, self.0.class.what())?;
        match (&self.0.code, &self.0.key_id) {
            (Some(code), Some(key_id)) => write!(f, " ({code}, key {key_id})")?,
            (Some(code), None) => write!(f, " ({code})")?,
            (None, Some(key_id)) => write!(f, " (key {key_id})")?,
            (None, None) => {}
        }
        write!(f, "; {}", self.0.class.advice())
    }
}

impl fmt::Debug for ProviderError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ProviderError")
            .field("class", &self.0.class)
            .field("operation", &self.0.operation)
            .field("key_id", &self.0.key_id)
            .field("code", &self.0.code)
            .field("delay", &self.0.delay)
            .field("source", &self.0.source)
            .finish()
    }
}

impl Error for ProviderError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        self.0
            .source
            .as_deref()
            .map(|source| source as &(dyn Error + 'static))
    }
}
