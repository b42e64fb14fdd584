//! Connecting a key service: what a provider has to do, in the order in which it is written.
//!
//! # 1. Choose key ids
//!
//! A wrapped key travels with its message as a key id and a blob. The id is text that says by itself which provider made the blob:
//! a scheme of one's own (`vault:orders`), or what the service calls its keys where no other service has such names (a KMS key ARN).
//! It is shown in errors, logs and tools, so it holds no secret; it is a hint for routing and never an authority, as whoever
//! writes messages writes it.
//!
//! - Where a key has several names, the id is the one that stays: not an alias, which means another key tomorrow.
//! - Where keys rotate inside of the service, the id is of the key and not of the version, and the blob says the rest. Otherwise
//!   a cache sees a new key with each rotation, and an operator who revokes a key revokes a version.
//! - Message formats have room for ids of a few hundred bytes.
//!
//! # 2. The sealing half
//!
//! [`generate_data_key`](crate::SealingProvider::generate_data_key) makes one call, where the service has such a call, and otherwise draws
//! the key from the operating system and has it wrapped. The key is written in place ([`DataKey::try_init`](crate::DataKey::try_init)),
//! or moved out of the answer, whose buffer is then overwritten.
//!
//! The encryption context is sent, **all of it, each time**. A provider that leaves it out passes every round trip of its own: sealing and
//! opening agree that nothing is bound. It is the flaw that the conformance suite looks for first. A service which takes one block of
//! associated data is given [`EncryptionContext::encoded`](crate::EncryptionContext::encoded), which tells any two contexts apart; a
//! service which takes pairs is given the pairs. A service which takes neither cannot be a provider by itself: bind the context with a
//! cipher of your own around what it wraps, or say in the documentation that it is not bound, and do not claim conformance.
//!
//! # 3. The opening half
//!
//! [`rank`](crate::OpeningProvider::rank) says without a call whether a key id is one of those that this provider was *set up with*. Not
//! "has my scheme": a provider for the key `orders` does not rank `vault:payroll`, though its credentials may reach it.
//! [`decrypt`](crate::OpeningProvider::decrypt) refuses what `rank` does not recognise as
//! [`InvalidRequest`](crate::ErrorClass::InvalidRequest) and [unsent](crate::ProviderError::unsent), and names to the service the key that
//! it expects: if the service decides by the blob alone which key opens it, a message that was wrapped under somebody else's key opens too.
//!
//! # 4. Failures
//!
//! Each failure gets a [class](crate::ErrorClass), by the service's own code wherever there is one. What has no code, or one that is not
//! known, is an outage: a proxy's page with status 403 says nothing of a key. [`failures`](super::failures) has the whole table. The error
//! carries the code, the key id, the delay that the service asks for, the quota that the call counted against, and the client's error as
//! its source, unless that may hold parts of a request or an answer.
//!
//! ```
//! use std::{error::Error, fmt, time::Duration};
//! use datakey_provider::{ErrorClass, Operation, ProviderError};
//!
//! /// How a call of the service failed, as its client tells it.
//! #[derive(Debug)]
//! enum Failed {
//!     Code { code: &'static str, retry_after: Option<Duration> },
//!     NoAnswer,
//! }
//! impl fmt::Display for Failed {
//!     fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
//!         match self {
//!             Self::Code { code, .. } => write!(f, "the vault answered {code}"),
//!             Self::NoAnswer => f.write_str("the vault did not answer"),
//!         }
//!     }
//! }
//! impl Error for Failed {}
//!
//! fn class(failed: &Failed) -> ErrorClass {
//!     let Failed::Code { code, .. } = failed else { return ErrorClass::Timeout };
//!     match *code {
//!         "RateLimited" => ErrorClass::Throttled,
//!         "TokenExpired" | "ClockSkewed" => ErrorClass::Unauthenticated,
//!         "Forbidden" => ErrorClass::Denied,
//!         "KeyDisabled" | "NoSuchKey" => ErrorClass::UnavailableKey,
//!         "BadCiphertext" => ErrorClass::NotAuthentic,
//!         "TooLong" => ErrorClass::InvalidRequest,
//!         _ => ErrorClass::Transient, // says nothing of key or message
//!     }
//! }
//!
//! fn provider_error(operation: Operation, key_id: &str, failed: Failed) -> ProviderError {
//!     let mut error = ProviderError::new(class(&failed), operation).with_key_id(key_id).with_quota("vault");
//!     if let Failed::Code { code, retry_after } = &failed {
//!         error = error.with_code(*code);
//!         if let Some(delay) = retry_after {
//!             error = error.with_delay(*delay);
//!         }
//!     }
//!     error.with_source(failed)
//! }
//!
//! let limited = Failed::Code { code: "RateLimited", retry_after: Some(Duration::from_secs(2)) };
//! let error = provider_error(Operation::Decrypt, "vault:orders", limited);
//! assert_eq!((error.class(), error.delay()), (ErrorClass::Throttled, Some(Duration::from_secs(2))));
//! assert_eq!(error.verdict(), None); // a cache goes on with what it has
//! let unheard_of = Failed::Code { code: "Maintenance", retry_after: None };
//! assert!(provider_error(Operation::Decrypt, "vault:orders", unheard_of).is_retryable());
//! assert_eq!(class(&Failed::NoAnswer), ErrorClass::Timeout);
//! ```
//!
//! # 5. What a provider says of itself
//!
//! Five methods have defaults that are right for one key at one service without names beside its id. Look at each all the same:
//!
//! | method | overridden when |
//! |---|---|
//! | [`sealing_scopes`](crate::SealingProvider::sealing_scopes), [`opening_scope`](crate::OpeningProvider::opening_scope) | calls count against a quota that others in the process count against too, or that differs from theirs: name it |
//! | [`sealing_key_is`](crate::SealingProvider::sealing_key_is), [`opening_key_is`](crate::OpeningProvider::opening_key_is) | the key has an alias, a short id, replicas: operators revoke by those names |
//! | [`sealing_time_limit`](crate::SealingProvider::sealing_time_limit), [`opening_time_limit`](crate::OpeningProvider::opening_time_limit) | the client gives up by itself: say after how long, so that layers above wait longer than that |
//! | [`wrapped_keys_each`](crate::SealingProvider::wrapped_keys_each) | one call answers several wrapped keys |
//! | [`decrypt_amid`](crate::OpeningProvider::decrypt_amid), [`opening_scope_amid`](crate::OpeningProvider::opening_scope_amid) | there is another way to open a wrapped key than the first |
//!
//! # 6. One call, one attempt
//!
//! A provider does not retry, cache, pace or break circuits, and switches the retries of its client off. Layers above do each of these,
//! once, for all providers, and know about each other; a second layer beneath multiplies attempts and hides throttles from the one that
//! learns from them. Where a provider has to have all of it itself, because what it calls has a cache of its own, it says so by
//! [`Scope::BENEATH`](crate::Scope::BENEATH), and layers above leave it alone.
//!
//! # 7. Threads, runtimes and cancellation
//!
//! - A provider is `Send + Sync` and called from any number of threads at once. No lock is held across an await.
//! - A call may be polled by one task and then by another, and on one runtime and then on another. A connection that belongs to a
//!   runtime which has ended is an outage ([`Transient`](crate::ErrorClass::Transient)), and the next call gets a new one.
//! - Any call may be dropped at any await point. Nothing is left half done: not a lock, not a count, not a request whose answer is
//!   taken for the next one's.
//! - After a `fork` a child has copies of sockets that its parent uses too. A provider that opens its connections late has none of
//!   them when a process forks before its first call.
//!
//! # 8. Prove it
//!
//! The conformance suite, with the feature `test-util`, belongs into the provider's own tests, against the service or an emulator of it:
//!
//! ```
//! # #[cfg(feature = "test-util")] {
//! use datakey_provider::{KeyProvider, conformance::{self, Violation}};
//!
//! /// To be awaited in a test, on whichever executor the provider wants.
//! async fn conforms(provider: impl KeyProvider) -> Result<(), Violation> {
//!     conformance::check(&provider).await
//! }
//! # }
//! ```
//!
//! It makes about 220 calls, so give it a service that does not throttle. It cannot see four things, and each wants a test of its own:
//!
//! | what | a test |
//! |---|---|
//! | that calls fail in the right class | an emulator that answers each code, and none, and a page of HTML |
//! | that one call is one request | an emulator that counts |
//! | that a call which is dropped leaves the connection usable | one that hangs, then one that does not |
//! | that no key stands in an error, a log or a `Debug` | search what was written for the bytes and their hexadecimal and Base64 forms |
//!
//! # What goes wrong most often
//!
//! | flaw | what comes of it |
//! |---|---|
//! | the context is not sent | every tenant's keys open for every other tenant, and no test of one's own shows it |
//! | the context is joined to one text without lengths | `a=b,c` and `a=b` with `c` are the same |
//! | the blob alone decides which key opens | anybody who can use the service writes messages that open here |
//! | a status decides the class where a code would | a proxy's 403 empties caches and refuses messages from memory |
//! | a throttle is called transient | retries come too fast, and no rate is learnt |
//! | an expired token is called denied | all keys are dropped once an hour |
//! | the client retries too | three attempts under five are fifteen, and the deadline is theirs |
//! | the key is copied into an error or logged at `trace` | it is in whatever collects logs, for years |
