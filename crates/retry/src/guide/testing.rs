//! Paused clocks, seeds, and what is worth a test.
//!
//! # Time
//!
//! All of it is tokio's. With `start_paused` a minute of retries takes a millisecond, and the clock jumps to whatever timer is next:
//!
//! ```
//! use std::time::Duration;
//! use datakey_provider::{ErrorClass, Operation, ProviderError};
//! use datakey_retry::{Policy, Reason, retry};
//! use tokio::time::Instant;
//!
//! # #[tokio::main(flavor = "current_thread", start_paused = true)]
//! # async fn main() {
//! // #[tokio::test(start_paused = true)]
//! let (policy, start) = (Policy::default().without_breaker(), Instant::now());
//! let down = async || Err::<(), _>(ProviderError::new(ErrorClass::Timeout, Operation::Decrypt));
//! let gave_up = retry(&policy, down).await.unwrap_err();
//! assert!(matches!(gave_up.reason(), Reason::Attempts | Reason::Deadline));
//! assert!(start.elapsed() <= Duration::from_secs(60)); // never past the deadline
//! # }
//! ```
//!
//! Over sockets a paused clock jumps while an answer is on its way; keep tests that pause it within the process.
//!
//! # Randomness
//!
//! Jitter is drawn from the policy's source. A seeded one, and a paused clock, repeat a run exactly:
//!
//! ```
//! use std::time::Duration;
//! use datakey_provider::{ErrorClass, Operation, ProviderError};
//! use datakey_retry::{Policy, retry};
//! use rand::{SeedableRng as _, rngs::Xoshiro256PlusPlus};
//!
//! async fn waited(seed: u64) -> Duration {
//!     let random = Xoshiro256PlusPlus::seed_from_u64(seed); // printed by the test that fails
//!     let policy = Policy::default().with_random(random).with_max_attempts(5);
//!     let down = async || Err::<(), _>(ProviderError::new(ErrorClass::Transient, Operation::Decrypt));
//!     retry(&policy, down).await.unwrap_err().waited()
//! }
//!
//! # #[tokio::main(flavor = "current_thread", start_paused = true)]
//! # async fn main() {
//! assert_eq!(waited(7).await, waited(7).await);
//! assert_ne!(waited(7).await, waited(8).await);
//! # }
//! ```
//!
//! # Without any clock
//!
//! What is decided is a pure function: [`Rules::decide`](crate::Rules::decide) of an outcome, what is left of the deadline, and a draw. A
//! table of cases tests a policy's numbers in no time, and a property holds for all draws: no wait is longer than its ceiling, none passes
//! the deadline.
//!
//! # Against a service
//!
//! `datakey-fake-kms` in the process has quotas that are exact to one call, and faults by rule.
//!
//! | to test | do | assert |
//! |---|---|---|
//! | that nobody sees a throttle | more callers than the quota allows | every call succeeded; the ledger's `throttled` is small |
//! | that an outage ends | faults within a window of time | calls succeed within a second after it |
//! | that denials are not retried | `AccessDeniedException` | one call in the ledger |
//! | that a deadline is kept | a fault that hangs | the time that passed |
//! | that layers do not multiply | another policy above | attempts in the ledger |
//!
//! ```
//! use std::time::Duration;
//! use datakey_fake_kms::{FakeKms, Fault, FaultRule};
//! use datakey_provider::{DataKeyLength, EncryptionContext, SealingProvider as _};
//! use datakey_retry::{Policy, Retry};
//!
//! # #[tokio::main(flavor = "current_thread", start_paused = true)]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let fake = FakeKms::new();
//! let inner = Retry::new(fake.provider(&fake.create_key()?), Policy::default().with_max_attempts(3));
//! let outer = Retry::new(inner, Policy::default().with_max_attempts(5));
//! fake.inject(FaultRule::new(Fault::DropConnection));
//! assert!(outer.generate_data_key(&EncryptionContext::empty(), DataKeyLength::Bytes32).await.is_err());
//! assert_eq!(fake.ledger().calls(), 3); // and not fifteen: what was given up beneath is final above
//! # Ok(()) }
//! ```
//!
//! # What is not worth one
//!
//! That a wait took so many milliseconds: it is drawn. That a retry happened: count calls at the service, and say how many there may be at
//! the most.
