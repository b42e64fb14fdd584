//! The kinds of failures.
use core::fmt;

use crate::verdict::Verdict;

/// What kind of failure it was: what is to be done with the call.
///
/// It says whether to try again, and what to tell whoever called. What a failure says about the wrapping key and the message
/// is a question of its own, to which the [verdict](crate::ProviderError::verdict) is the answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ErrorClass {
    /// The request rate is over a quota. Waiting helps; asking faster does not.
    Throttled,
    /// The service or the way to it failed for the moment. Trying again may help.
    Transient,
    /// No answer in time. Trying again may help; the service may be down.
    Timeout,
    /// The service, or what stands before it, did not take the caller for who it is: credentials that are missing or have
    /// expired, a signature, a clock, a proxy that asks for a password. Trying again may help, with new credentials or a clock
    /// that was set right; nothing is said of key or message.
    Unauthenticated,
    /// The caller is known and may not do this. A policy or a grant must change.
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
    pub const ALL: [Self; 10] = [
        Self::Throttled,
        Self::Transient,
        Self::Timeout,
        Self::Unauthenticated,
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
        self.is_outage() || matches!(self, Self::Throttled)
    }

    /// Whether there was no answer to what was asked: the service or the way to it failed, or did not let the caller in.
    /// A throttle is none: the service is well, and says so.
    #[must_use]
    pub const fn is_outage(self) -> bool {
        matches!(self, Self::Transient | Self::Timeout | Self::Unauthenticated)
    }

    /// What a failure of this class says about key and message, where nobody who knows more
    /// [says otherwise](crate::ProviderError::with_verdict).
    ///
    /// ```
    /// # use datakey_provider::{ErrorClass, Verdict};
    /// assert_eq!(ErrorClass::NotAuthentic.verdict(), Some(Verdict::Message));
    /// assert_eq!(ErrorClass::UnavailableKey.verdict(), Some(Verdict::WrappingKey));
    /// assert_eq!(ErrorClass::Unauthenticated.verdict(), None);
    /// ```
    #[must_use]
    pub const fn verdict(self) -> Option<Verdict> {
        match self {
            Self::Denied | Self::NotAuthentic => Some(Verdict::Message),
            Self::UnavailableKey => Some(Verdict::WrappingKey),
            Self::Throttled
            | Self::Transient
            | Self::Timeout
            | Self::Unauthenticated
            | Self::InvalidRequest
            | Self::ShutDown
            | Self::Internal => None,
        }
    }

    /// The class in lower snake case, for logs, metrics and JSON.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Throttled => "throttled",
            Self::Transient => "transient",
            Self::Timeout => "timeout",
            Self::Unauthenticated => "unauthenticated",
            Self::Denied => "denied",
            Self::UnavailableKey => "unavailable_key",
            Self::InvalidRequest => "invalid_request",
            Self::NotAuthentic => "not_authentic",
            Self::ShutDown => "shut_down",
            Self::Internal => "internal",
        }
    }

    pub(crate) const fn what(self) -> &'static str {
        match self {
            Self::Throttled => "the request quota is exceeded",
            Self::Transient => "the key service failed for the moment",
            Self::Timeout => "the key service did not answer in time",
            Self::Unauthenticated => "the caller was not accepted",
            Self::Denied => "access was denied",
            Self::UnavailableKey => "the wrapping key is not available",
            Self::InvalidRequest => "the request is not valid",
            Self::NotAuthentic => "the wrapped key is not authentic for this key and encryption context",
            Self::ShutDown => "it was shut down",
            Self::Internal => "there is a defect in the program",
        }
    }

    pub(crate) const fn advice(self) -> &'static str {
        match self {
            Self::Throttled => "retry with backoff, cache data keys, or raise the quota",
            Self::Transient | Self::Timeout => "retry with backoff",
            Self::Unauthenticated => "check credentials, clock and proxy; retry with backoff",
            Self::Denied => "check key policy and grants",
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
