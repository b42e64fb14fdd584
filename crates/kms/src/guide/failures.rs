//! What KMS and the way to it answer, and what is made of it.
//!
//! # Codes first
//!
//! KMS sends nearly all of its refusals with HTTP status 400, throttling among them, and the error's code is what tells them apart.
//! [`class_of_code`](crate::class_of_code) has every code of the KMS model and those that all services of AWS share. What has no code is a
//! page of somebody else, and is decided by its status ([`class_of_status`](crate::class_of_status)), never finally.
//!
//! ```
//! use datakey_kms::{class_of_code, class_of_status};
//! use datakey_provider::ErrorClass;
//!
//! // A resource quota, such as the number of grants: the name is like that of a throttle, and waiting does not help.
//! assert_eq!(class_of_code("LimitExceededException"), Some(ErrorClass::InvalidRequest));
//! // No fault of the key: a refresh will bring other credentials.
//! assert_eq!(class_of_code("ExpiredTokenException"), Some(ErrorClass::Unauthenticated));
//! // Every status may pass: not one of them is a refusal of KMS.
//! assert!((100..600).all(|status| class_of_status(status).is_retryable()));
//! ```
//!
//! # What a caller sees
//!
//! A [`ProviderError`](datakey_provider::ProviderError) with the class, KMS's code, the key that was asked for, the delay that was asked
//! for, the quota, and a source:
//!
//! | source | means | has |
//! |---|---|---|
//! | [`KmsFailure`](crate::KmsFailure) | KMS or the way to it failed | HTTP status, KMS's message, the request id for AWS support, what the SDK says of a call without an answer |
//! | [`MalformedAnswer`](crate::MalformedAnswer) | a success that is none | what is wrong with it |
//! | [`Refusal`](crate::Refusal) | nothing was sent | what the provider was not set up for |
//!
//! ```
//! use std::error::Error as _;
//! use datakey_kms::{KmsFailure, MalformedAnswer, Refusal};
//! use datakey_provider::ProviderError;
//!
//! /// A line for the log, with what AWS support asks for.
//! fn line(error: &ProviderError) -> String {
//!     let Some(source) = error.source() else { return error.to_string() };
//!     if let Some(failure) = source.downcast_ref::<KmsFailure>() {
//!         let id = failure.request_id().unwrap_or("none");
//!         return format!("{error} [status {:?}, request id {id}]", failure.status());
//!     }
//!     if source.is::<Refusal>() || source.is::<MalformedAnswer>() {
//!         return format!("{error}: {source}");
//!     }
//!     error.to_string()
//! }
//! # use datakey_provider::{ErrorClass, Operation};
//! let error = ProviderError::new(ErrorClass::InvalidRequest, Operation::Decrypt).with_source(Refusal::ForeignKey);
//! assert!(line(&error).ends_with("the message names a key that this provider does not open with"));
//! ```
//!
//! A source that stands behind a retry layer is one link further down: the layer's own account comes first.
//!
//! # What is a verdict
//!
//! | KMS says | verdict | a cache above |
//! |---|---|---|
//! | `AccessDeniedException`, `InvalidCiphertextException`, `IncorrectKeyException`, `ValidationException` | on this message or context | drops its key |
//! | `DisabledException`, `NotFoundException`, `InvalidKeyUsageException`, a key that is to be deleted or awaits its material | on the wrapping key | drops all under it |
//! | everything else | none | goes on with what it has |
//!
//! # Custom and external key stores
//!
//! KMS answers `KMSInvalidStateException` to every failure of a key store, and to keys that are to be deleted. The message tells them
//! apart, as AWS says. What the message does not call pending is taken for a failure of the store, which is retried and drops nothing. Name
//! such keys' store ([`custom_key_store`](crate::KmsProviderBuilder::custom_key_store)): it has a quota of its own, of 1,800 calls a second
//! at the most.
//!
//! # What no error holds
//!
//! An answer that cannot be read may be one with a data key in it, and a proxy may echo a request. So no part of a body is kept but the
//! message of a well-formed refusal, cut to 1,024 bytes and to one line.
