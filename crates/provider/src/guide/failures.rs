//! What an error says, who reads which part of it, and what is done.
//!
//! A [`ProviderError`](crate::ProviderError) answers several questions, each asked by somebody else. None of them looks at text.
//!
//! | question | answer | asked by |
//! |---|---|---|
//! | try again? | [`class`](crate::ProviderError::class), [`is_retryable`](crate::ProviderError::is_retryable) | a retry layer |
//! | when? | [`delay`](crate::ProviderError::delay) | a retry layer, an adaptive rate |
//! | what was asked too often? | [`quota`](crate::ProviderError::quota) | an adaptive rate, a retry budget |
//! | is the service down? | [`is_outage`](crate::ErrorClass::is_outage), [`was_sent`](crate::ProviderError::was_sent) | a circuit breaker |
//! | may a cache go on with what it has? | [`verdict`](crate::ProviderError::verdict) | a cache of data keys |
//! | of which key is it said? | [`key_id`](crate::ProviderError::key_id) | a cache, an operator |
//! | what did the service call it? | [`code`](crate::ProviderError::code) | a person, a dashboard |
//! | what happened? | [`source`](core::error::Error::source) | a person |
//!
//! # Class and verdict are two things
//!
//! The class is about the *call*, the verdict about *key and message*. Most often one follows from the other, and then nobody has to say it
//! twice: [`ErrorClass::verdict`](crate::ErrorClass::verdict) is what is usual. Where it is not so, the provider says otherwise:
//!
//! ```
//! use datakey_provider::{ErrorClass, Operation, ProviderError, Verdict};
//!
//! let failed = |class| ProviderError::new(class, Operation::Decrypt);
//! // Final for the call, and no word about any key: a grant token that is wrong, too long a context.
//! assert_eq!(failed(ErrorClass::InvalidRequest).verdict(), None);
//! // Final for the call, and for the key: it is of a kind that does not wrap data keys.
//! let wrong_kind = failed(ErrorClass::InvalidRequest).with_verdict(Verdict::WrappingKey);
//! assert_eq!(wrong_kind.verdict(), Some(Verdict::WrappingKey));
//! // A table lacks the item of one tenant: its key is unavailable, and those of others under the same KMS key are not.
//! let one_tenant = failed(ErrorClass::UnavailableKey).with_verdict(Verdict::Message);
//! assert_eq!(one_tenant.verdict(), Some(Verdict::Message));
//! // And a provider that cannot tell takes a verdict back.
//! assert_eq!(failed(ErrorClass::Denied).with_verdict(None).verdict(), None);
//! ```
//!
//! What follows for a cache:
//!
//! | verdict | a key that seals for this context | a key that opens this message | all others under the wrapping key |
//! |---|---|---|---|
//! | none | serves on, to its hard age | serves on, for its time | untouched |
//! | [`Message`](crate::Verdict::Message) | dropped at once | dropped at once, and the refusal is remembered for a short time | untouched |
//! | [`WrappingKey`](crate::Verdict::WrappingKey) | dropped at once | dropped at once, likewise | dropped at once |
//!
//! # Sent, or not
//!
//! A provider refuses some requests by itself: a foreign key id, a context over the service's limit, credentials that could not be loaded.
//! Such an error is [unsent](crate::ProviderError::unsent). It says nothing of how the service is, so that a breaker neither opens nor
//! closes by it, and it costs no quota, so that a rate gives the turn to the next call.
//!
//! # Codes before statuses
//!
//! Between a caller and a key service stand proxies, gateways, load balancers and captive portals, and each of them answers with HTTP
//! statuses. Only the service knows the error codes. So a class is decided by the code where there is one that is known, and by the status
//! for the rest:
//!
//! | there is | class |
//! |---|---|
//! | a known code | that of the code, whatever the status |
//! | no code, status 429 | throttled |
//! | no code, status 401, 403 or 407 | unauthenticated: whoever stands on the way did not let the caller through |
//! | no code, status 408, or no answer in time | timeout |
//! | no code, anything else, or no answer | transient |
//! | a code that nobody knows, with a status that blames the request | invalid request, without a verdict |
//!
//! ```
//! use datakey_provider::ErrorClass;
//!
//! fn class(code: Option<&str>, status: u16) -> ErrorClass {
//!     match (code, status) {
//!         (Some("ThrottlingException"), _) => ErrorClass::Throttled, // which comes with status 400
//!         (Some("AccessDeniedException"), 400) => ErrorClass::Denied,
//!         (Some(_), 400..=499) => ErrorClass::InvalidRequest,
//!         (_, 429) => ErrorClass::Throttled,
//!         (_, 401 | 403 | 407) => ErrorClass::Unauthenticated,
//!         (_, 408) => ErrorClass::Timeout,
//!         _ => ErrorClass::Transient,
//!     }
//! }
//! let page_of_a_proxy = class(None, 403);
//! assert_eq!(page_of_a_proxy, ErrorClass::Unauthenticated);
//! assert!(page_of_a_proxy.verdict().is_none()); // no cache is emptied by it
//! assert_eq!(class(Some("AccessDeniedException"), 400).verdict(), Some(datakey_provider::Verdict::Message));
//! ```
//!
//! # Credentials
//!
//! Missing, expired or wrongly signed credentials are [`Unauthenticated`](crate::ErrorClass::Unauthenticated), an outage: no key and no
//! message is the worse for it. It is retried, as the next attempt may have new ones. A caller who is *known* and may not do this is
//! [`Denied`](crate::ErrorClass::Denied), which no waiting mends and which is a verdict: the key service itself said that this message, or
//! a key for this context, is not for this caller.
//!
//! # Several failures in one
//!
//! Where several providers were asked ([`Several`](crate::Several)), the error that comes out is made of theirs: the class of which most
//! can be hoped, the shortest delay, a verdict only if each of them has one, and all of them in its [source](crate::SeveralError). A rate
//! above is told of each by its own quota. A combinator of your own does likewise: to take the last failure alone hides a throttle behind a
//! denial.
//!
//! # Sharing
//!
//! One failed call may have a thousand callers. Cloning a `ProviderError` counts a reference and copies nothing; the `with_` methods copy
//! what is shared before they change it, so that what one layer adds, another one's callers do not see.
//!
//! ```
//! use datakey_provider::{ErrorClass, Operation, ProviderError};
//!
//! let shared = ProviderError::new(ErrorClass::Timeout, Operation::GenerateDataKey);
//! let for_one = shared.clone().with_key_id("vault:orders");
//! assert_eq!((shared.key_id(), for_one.key_id()), (None, Some("vault:orders")));
//! ```
//!
//! # In words
//!
//! `Display` says what was being done, what is wrong, the code and key, and what to do about it, in one line; `Debug` has every field. The
//! text of a source is not in it: whoever logs an error logs its chain. Neither has key bytes or plaintext, as long as no provider puts a
//! client's error there that has: an answer that cannot be parsed may be one with a data key in it.
//!
//! ```
//! use std::error::Error;
//! use datakey_provider::{ErrorClass, Operation, ProviderError};
//!
//! fn chain(error: &dyn Error) -> String {
//!     let mut text = error.to_string();
//!     let mut cause = error.source();
//!     while let Some(error) = cause {
//!         text = format!("{text}: {error}");
//!         cause = error.source();
//!     }
//!     text
//! }
//! let error = ProviderError::new(ErrorClass::Denied, Operation::Decrypt)
//!     .with_code("AccessDeniedException")
//!     .with_source("the role is orders-reader");
//! assert_eq!(
//!     chain(&error),
//!     "Decrypt failed: access was denied (AccessDeniedException); check key policy and grants: the role is orders-reader",
//! );
//! ```
//!
//! # For dashboards
//!
//! [`ErrorClass::as_str`](crate::ErrorClass::as_str) and [`Operation::as_str`](crate::Operation::as_str) are labels of few values. Codes
//! are many, and key ids may be as many as tenants: neither is a label without a bound. Alert on classes that wait for a person (denied,
//! unavailable key); draw those that pass.
