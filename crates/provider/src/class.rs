//! The kinds of failures.
use core::fmt;

use crate::verdict::Verdict;

/// What kind of failure it was: what is to be done with the call.
///
/// It says whether to try again, and what to tell whoever called. What a failure says about the wrapping key and the message
/// is a question of its own, to which the [verdict](crate::ProviderError::verdict) is the answer.
///
/// # What each leads to
///
/// | class | retry | a cache that has a key goes on with it | a breaker counts it | whose part it is |
/// |---|---|---|---|---|
/// | [`Throttled`](Self::Throttled) | later, at a lower rate | yes, to its hard age | no: the service is up | nobody's; too many calls |
/// | [`Transient`](Self::Transient) | soon | yes, to its hard age | yes | the service's, or the network's |
/// | [`Timeout`](Self::Timeout) | soon | yes, to its hard age | yes, several times over | the service's, or the network's |
/// | [`Unauthenticated`](Self::Unauthenticated) | soon, with other credentials | yes, to its hard age | yes | the caller's: credentials, clock, proxy |
/// | [`Denied`](Self::Denied) | no | no: this message or context loses its key | no | whoever keeps the policies |
/// | [`UnavailableKey`](Self::UnavailableKey) | no | no: everything under the key is dropped | no | whoever keeps the key |
/// | [`InvalidRequest`](Self::InvalidRequest) | no | yes, unless the error says otherwise | no | the caller's |
/// | [`NotAuthentic`](Self::NotAuthentic) | no | no, and the refusal is remembered | no | of whoever made or altered the message |
/// | [`ShutDown`](Self::ShutDown) | elsewhere | there is no cache any more | no | nobody's |
/// | [`Internal`](Self::Internal) | no | yes, to its hard age | no | the program's |
///
/// A provider that is in doubt between two of them asks which mistake is worse. An outage that is taken for a verdict empties caches and
/// refuses messages long after it is over; a verdict that is taken for an outage keeps a revoked key in use to its hard age. A failure
/// without a code of the service, about this key or this message, is an outage.
///
/// ```
/// use datakey_provider::ErrorClass;
///
/// // For an alert: what nobody will mend by waiting.
/// let wants_a_person: Vec<&str> = ErrorClass::ALL
///     .into_iter()
///     .filter(|class| !class.is_retryable())
///     .map(ErrorClass::as_str)
///     .collect();
/// assert_eq!(
///     wants_a_person,
///     ["denied", "unavailable_key", "invalid_request", "not_authentic", "shut_down", "internal"],
/// );
/// // A throttle is no outage: the service answered.
/// assert!(ErrorClass::Throttled.is_retryable() && !ErrorClass::Throttled.is_outage());
/// ```
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
    ///
    /// A breaker counts these and no others, and a cache serves past its soft age because of them, or of a throttle.
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
