//! What went wrong, whose fault it is, whether waiting helps, and what it says about key and message.
use alloc::{boxed::Box, sync::Arc};
use core::{error::Error, fmt, time::Duration};

use crate::{class::ErrorClass, verdict::Verdict};

/// What was being done, under the name that AWS gives it.
///
/// A provider of another service uses the name of the operation that does the same: what a dashboard shows is comparable then.
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
    /// [`ControlProvider::generate_data_key_without_plaintext`](crate::ControlProvider::generate_data_key_without_plaintext).
    GenerateDataKeyWithoutPlaintext,
    /// Reading a wrapped key from the store that keeps it. DynamoDB's name.
    GetItem,
    /// Finding out which wrapped keys a store has. DynamoDB's name.
    Query,
    /// Writing wrapped keys to a store, all or none. DynamoDB's name.
    TransactWriteItems,
}

impl Operation {
    /// The name as AWS spells it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::GenerateDataKey => "GenerateDataKey",
            Self::Encrypt => "Encrypt",
            Self::Decrypt => "Decrypt",
            Self::ReEncrypt => "ReEncrypt",
            Self::GenerateDataKeyWithoutPlaintext => "GenerateDataKeyWithoutPlaintext",
            Self::GetItem => "GetItem",
            Self::Query => "Query",
            Self::TransactWriteItems => "TransactWriteItems",
        }
    }

    /// The service that has an operation of this name, as AWS spells it: `KMS` or `DynamoDB`. For logs and metrics; a provider need not
    /// ask that one.
    ///
    /// ```
    /// use datakey_provider::Operation;
    /// assert_eq!(Operation::Decrypt.service(), "KMS");
    /// ```
    #[must_use]
    pub const fn service(self) -> &'static str {
        match self {
            Self::GenerateDataKey
            | Self::Encrypt
            | Self::Decrypt
            | Self::ReEncrypt
            | Self::GenerateDataKeyWithoutPlaintext => "KMS",
            Self::GetItem | Self::Query | Self::TransactWriteItems => "DynamoDB",
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
/// It answers two questions. The [class](Self::class) says what to do with the call: try again, when, or never. The
/// [verdict](Self::verdict) says what is known now about the wrapping key and the message: whether a cache may go on with the
/// keys that it has. Neither follows from the other: a custom key store that is out of reach is a failure to be tried
/// again, and a request that the service does not understand is final and says nothing about any key.
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
///
/// # Which parts an error should have
///
/// | part | always | where known |
/// |---|---|---|
/// | class, operation | yes | |
/// | key id | | the wrapping key that was asked for, or that the message names |
/// | code | | the service's own name for it |
/// | delay | | the service asked for one, and the class is retryable |
/// | quota | | the call counted against one with a name |
/// | verdict | by its class | otherwise, where the service said something else of key or message |
/// | [unsent](Self::unsent) | | nothing was sent |
/// | source | | the client's error, if it cannot hold a key or a body |
///
/// The `with_` methods may be called on an error that others hold too: they then make a copy, and leave the others theirs.
#[derive(Clone)]
pub struct ProviderError(Arc<Inner>);

#[derive(Clone)]
struct Inner {
    class: ErrorClass,
    operation: Operation,
    key_id: Option<Box<str>>,
    code: Option<Box<str>>,
    delay: Option<Duration>,
    verdict: Option<Verdict>,
    was_sent: bool,
    quota: Option<Box<str>>,
    source: Option<Arc<dyn Error + Send + Sync + 'static>>,
}

impl ProviderError {
    /// An error of a class, in an operation, with the [verdict](ErrorClass::verdict) that is usual for the class; the `with_`
    /// methods add what else is known.
    #[must_use]
    pub fn new(class: ErrorClass, operation: Operation) -> Self {
        Self(Arc::new(Inner {
            class,
            operation,
            key_id: None,
            code: None,
            delay: None,
            verdict: class.verdict(),
            was_sent: true,
            quota: None,
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
    ///
    /// Codes are shown to people. A service whose codes are numbers or long texts has the provider choose a short word; text that comes
    /// from elsewhere is bounded and cleared of control characters before it gets here.
    #[must_use]
    pub fn with_code(mut self, code: impl Into<Box<str>>) -> Self {
        Arc::make_mut(&mut self.0).code = Some(code.into());
        self
    }

    /// Adds the delay that the service asks for before the next attempt.
    ///
    /// It is what the service *asks*, and no promise. A retry layer waits for at least as long, up to a cap of its own, so that a wrong
    /// header does not park callers for an hour; a provider passes on what it was told.
    #[must_use]
    pub fn with_delay(mut self, delay: Duration) -> Self {
        Arc::make_mut(&mut self.0).delay = Some(delay);
        self
    }

    /// Sets what it says about key and message, where that is not what is usual for its class.
    ///
    /// ```
    /// # use datakey_provider::{ErrorClass, Operation, ProviderError, Verdict};
    /// let error = ProviderError::new(ErrorClass::InvalidRequest, Operation::Decrypt);
    /// assert_eq!(error.verdict(), None); // a limit, a grant token: nothing about the key
    /// // The service says that this key is of a kind which does not wrap data keys.
    /// assert_eq!(error.with_verdict(Verdict::WrappingKey).verdict(), Some(Verdict::WrappingKey));
    /// ```
    #[must_use]
    pub fn with_verdict(mut self, verdict: impl Into<Option<Verdict>>) -> Self {
        Arc::make_mut(&mut self.0).verdict = verdict.into();
        self
    }

    /// Notes that the provider refused by itself: nothing was sent to the service, so the failure says nothing of how the service
    /// is. A message that names a foreign key, a limit that is exceeded, credentials that could not be loaded.
    ///
    /// ```
    /// use datakey_provider::{ErrorClass, Operation, ProviderError};
    ///
    /// let foreign = ProviderError::new(ErrorClass::InvalidRequest, Operation::Decrypt).unsent();
    /// assert!(!foreign.was_sent()); // a breaker leaves it out of account, and a rate gives its turn to the next call
    /// ```
    #[must_use]
    pub fn unsent(mut self) -> Self {
        Arc::make_mut(&mut self.0).was_sent = false;
        self
    }

    /// Adds the quota that the call counted against, as [`Scope::quota`](crate::Scope::quota) names it.
    ///
    /// Without it a throttle is taken to be about the quota that the call was made on. A combinator over several providers has it say which
    /// of them throttled.
    #[must_use]
    pub fn with_quota(mut self, quota: impl Into<Box<str>>) -> Self {
        Arc::make_mut(&mut self.0).quota = Some(quota.into());
        self
    }

    /// Adds the underlying error.
    ///
    /// ```
    /// use std::error::Error as _;
    /// use datakey_provider::{ErrorClass, Operation, ProviderError};
    ///
    /// #[derive(Debug)]
    /// struct Refused { request_id: &'static str }
    /// impl std::fmt::Display for Refused {
    ///     fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
    ///         write!(f, "request {}", self.request_id)
    ///     }
    /// }
    /// impl std::error::Error for Refused {}
    ///
    /// let error = ProviderError::new(ErrorClass::Transient, Operation::Decrypt).with_source(Refused { request_id: "r-17" });
    /// let shared = error.clone(); // for each of a thousand callers that waited: the source is not copied
    /// let source = shared.source().and_then(|source| source.downcast_ref::<Refused>());
    /// assert_eq!(source.map(|refused| refused.request_id), Some("r-17"));
    /// ```
    #[must_use]
    pub fn with_source(mut self, source: impl Into<Box<dyn Error + Send + Sync + 'static>>) -> Self {
        Arc::make_mut(&mut self.0).source = Some(Arc::from(source.into()));
        self
    }

    /// The class: what to do with the call.
    #[must_use]
    pub fn class(&self) -> ErrorClass {
        self.0.class
    }

    /// Whether the same request may succeed later without anybody changing anything: whether its class is retryable.
    #[must_use]
    pub fn is_retryable(&self) -> bool {
        self.0.class.is_retryable()
    }

    /// What the failure says about the wrapping key and the message; `None` for an outage, and for what is about the caller.
    #[must_use]
    pub fn verdict(&self) -> Option<Verdict> {
        self.0.verdict
    }

    /// Whether anything was sent to the service, as far as the provider knows; otherwise it refused by itself.
    #[must_use]
    pub fn was_sent(&self) -> bool {
        self.0.was_sent
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
    ///
    /// It is a lower bound for whoever retries, and no promise that the next attempt succeeds.
    #[must_use]
    pub fn delay(&self) -> Option<Duration> {
        self.0.delay
    }

    /// The quota that the call counted against, where the provider said: what a throttle is about, and nothing else.
    ///
    /// Two throttles with the same name are about one rate; those without a name are taken to be about one as well.
    #[must_use]
    pub fn quota(&self) -> Option<&str> {
        self.0.quota.as_deref()
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
            .field("verdict", &self.0.verdict)
            .field("was_sent", &self.0.was_sent)
            .field("quota", &self.0.quota)
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
