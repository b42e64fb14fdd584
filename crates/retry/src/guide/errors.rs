//! How errors of one's own say what they are, and what is tried again.
//!
//! # One trait
//!
//! [`Classify`](crate::Classify) is all that is looked at. An error has a class; the rest has defaults.
//!
//! | method | say it when |
//! |---|---|
//! | [`class`](crate::Classify::class) | always |
//! | [`delay`](crate::Classify::delay) | the service asked for a wait |
//! | [`was_sent`](crate::Classify::was_sent) | the client can tell that nothing was sent |
//! | [`quota`](crate::Classify::quota) | the error knows which quota refused |
//! | [`is_final`](crate::Classify::is_final) | trying again is pointless though the class is one that passes |
//! | [`each_part`](crate::Classify::each_part) | the error stands for several failures |
//! | [`kept`](crate::Classify::kept) | callers whom a breaker refuses should be told more than the class |
//!
//! # Which class
//!
//! Ask what a *repetition* would do, and not what the error is called:
//!
//! | a repetition | class |
//! |---|---|
//! | succeeds once fewer calls are made | [`Throttled`](crate::ErrorClass::Throttled) |
//! | may succeed, as something failed for the moment | [`Transient`](crate::ErrorClass::Transient) |
//! | may succeed, if it is answered | [`Timeout`](crate::ErrorClass::Timeout) |
//! | may succeed with other credentials, or another time | [`Unauthenticated`](crate::ErrorClass::Unauthenticated) |
//! | fails in the same way | any of the others, by whose part it is |
//!
//! ```
//! use std::time::Duration;
//! use datakey_retry::{Classify, ErrorClass, Outcome, Decision, Progress, Reason, Rules};
//!
//! /// What an HTTP API of somebody else answers.
//! struct Refused { status: u16, retry_after: Option<Duration>, is_connection: bool }
//!
//! impl Classify for Refused {
//!     fn class(&self) -> ErrorClass {
//!         match self.status {
//!             _ if self.is_connection => ErrorClass::Transient,
//!             429 => ErrorClass::Throttled,
//!             // Many services say 503 for "too often"; with a delay it is that.
//!             503 if self.retry_after.is_some() => ErrorClass::Throttled,
//!             408 | 504 => ErrorClass::Timeout,
//!             401 => ErrorClass::Unauthenticated,
//!             403 => ErrorClass::Denied,
//!             500..=599 => ErrorClass::Transient,
//!             _ => ErrorClass::InvalidRequest,
//!         }
//!     }
//!     fn delay(&self) -> Option<Duration> {
//!         self.retry_after
//!     }
//! }
//!
//! let of = |status, seconds| Refused { status, retry_after: seconds, is_connection: false };
//! let decide = |error: &Refused| {
//!     Rules::default().decide(&mut Progress::default(), Outcome::from_error(error), None, false, 0)
//! };
//! // What the service asks for is a floor; the shortest draw adds nothing.
//! let busy = of(503, Some(Duration::from_secs(3)));
//! assert_eq!(decide(&busy), Decision::Retry { after: Duration::from_secs(3) });
//! assert_eq!(decide(&of(404, None)), Decision::GiveUp(Reason::Permanent));
//! ```
//!
//! # A throttle is not an outage
//!
//! The difference decides a good deal. After a throttle the *rate* is lowered, the retry costs little, and the breaker is told that the
//! service is up. After a transient failure the wait is short and random, the retry costs ten times as much, and enough of them in a row
//! open the breaker. An error that hides a throttle behind "service unavailable" makes a job drown in its own retries.
//!
//! # Repeating what must happen once
//!
//! This crate does not make an operation safe to repeat. A request that was answered by a timeout may have been carried out. Give it a key
//! of its own that the service knows (`ClientRequestToken`, `Idempotency-Key`), or classify what is unknown as final:
//!
//! ```
//! use datakey_retry::{Classify, ErrorClass};
//!
//! /// Of a payment, of which nobody may make two.
//! struct Unanswered { was_sent: bool }
//!
//! impl Classify for Unanswered {
//!     fn class(&self) -> ErrorClass {
//!         ErrorClass::Timeout
//!     }
//!     fn is_final(&self) -> bool {
//!         self.was_sent // it may have been made
//!     }
//!     fn was_sent(&self) -> bool {
//!         self.was_sent
//!     }
//! }
//! assert!(Unanswered { was_sent: true }.is_final());
//! assert!(!Unanswered { was_sent: false }.is_final()); // not connected: nothing happened
//! ```
//!
//! # Providers' errors
//!
//! [`ProviderError`](datakey_provider::ProviderError) classifies itself, and one of several providers tells each part. What a
//! [`Retry`](crate::Retry) answers in the end is such an error too: of the class, code and key of the last failure, with how it was tried
//! as its source.
