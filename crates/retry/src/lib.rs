//! When to try again: backoff, a retry budget, deadlines, and a request rate learnt from throttles.
//!
//! A service that is asked too often answers "too often" (KMS: `ThrottlingException`). What a caller does then decides
//! whether the job goes on at the pace of the quota or drowns in its own retries. This crate is that decision, for a
//! `KeyProvider` ([`Retry`]) and for any other call whose errors say of what kind they are ([`retry`], [`Classify`]).
//!
//! # Why this much
//!
//! **Storms.** Callers that were refused together return together, and are refused again. So each wait is drawn at random
//! from zero up to a growing ceiling ([`Backoff::full`]), and the cap applies to the ceiling, not to the draw.
//!
//! **Budgets.** When a service is down, every call retried ten times is ten times the load on what is left of it. A
//! [`Budget`] shared by all calls lets retries through as long as retrying helps, and stops when it does not. One that
//! is too small fails bulk jobs in the first burst; see [`defaults::BUDGET_CAPACITY`].
//!
//! **Outages.** A service that is down makes callers wait for timeouts and retries that cannot help. A [`Breaker`] fails
//! them at once with a retryable error, lets one call through every second or sooner, and all of them once that is answered.
//! It judges each wrapping key by itself, and has messages opened with another Region's key from the first failure on. Where
//! several providers open one wrapped key, [`Guarded`] judges each of them by itself.
//!
//! **Admission.** Backoff spreads the calls that were refused, but not the new ones, which meet the same full quota. An
//! [`AdaptiveRate`] makes all attempts take turns at the rate that the quota allows, learnt from the throttles
//! themselves. Then few calls are refused: the first burst, and one now and then by which the rate finds out whether it could be
//! higher. At a quota of 100 calls a second those are fewer than thirty with the first thousand calls, at ten 26 with the first
//! hundred, at one 13 with the first twenty: a third of what backoff alone is refused, or less (`docs/benchmarks.md`). Callers are
//! served in the order of their start: with 32 callers at a quota of 100 calls a second, each waits about a third of a second, and
//! none waits long.
//!
//! **One owner.** Retries above retries multiply: three attempts in a client under five of a wrapper are fifteen. Let one
//! layer retry and switch the others off; in the AWS SDK by `RetryConfig::disabled()`. An error that this crate has given
//! up on is [final](Classify::is_final) for another [`Retry`] above it.
//!
//! # Thirty lines that work
//!
//! Forty callers share a quota of 50 calls a second. Nobody sees a throttle.
//!
//! ```
//! use std::{sync::{Arc, Mutex}, time::Duration};
//! use datakey_retry::{Classify, ErrorClass, Policy, retry};
//! use tokio::time::{Instant, sleep};
//!
//! #[derive(Debug)]
//! struct TooOften;
//!
//! impl Classify for TooOften {
//!     fn class(&self) -> ErrorClass {
//!         ErrorClass::Throttled
//!     }
//! }
//!
//! /// A service that gains a token every 20 ms and keeps at most five.
//! async fn call(last: &Mutex<Instant>) -> Result<(), TooOften> {
//!     sleep(Duration::from_millis(5)).await;
//!     let mut last = last.lock().unwrap();
//!     let oldest = Instant::now().checked_sub(Duration::from_millis(100)).unwrap();
//!     let next = (*last).max(oldest) + Duration::from_millis(20);
//!     if next > Instant::now() {
//!         return Err(TooOften);
//!     }
//!     *last = next;
//!     Ok(())
//! }
//!
//! # #[tokio::main(flavor = "current_thread", start_paused = true)] async fn main() {
//! let policy = Policy::default();
//! let service = Arc::new(Mutex::new(Instant::now()));
//! let callers: Vec<_> = (0..40).map(|_| {
//!     let (policy, service) = (policy.clone(), Arc::clone(&service));
//!     tokio::spawn(async move { retry(&policy, || call(&service)).await })
//! }).collect();
//! for caller in callers {
//!     caller.await.unwrap().expect("no error reaches a caller");
//! }
//! # }
//! ```
//!
//! # Defaults
//!
//! Each is a constant in [`defaults`], with its reason and when to change it.
//!
//! | what | default | why | change with |
//! |---|---|---|---|
//! | attempts of one call | 32 | deadline, budget and breaker should end a call; this ends one that fails fast | [`Policy::with_max_attempts`] |
//! | deadline of one call | 60 s | a bulk job of hundreds of callers owes each of them seconds | [`Policy::with_deadline`] |
//! | timeout of one attempt | 5 s | a hundred times what KMS takes | [`Policy::with_attempt_timeout`] |
//! | wait after a throttle, adaptive rate on | its turn | the rate spaces the retries | [`Policy::with_adaptive_rate`] |
//! | wait after a throttle, adaptive rate off | full jitter, 500 ms to 20 s | a quota counts by the second | [`Policy::with_throttled_backoff`] |
//! | wait after a transient failure or timeout | full jitter, 50 ms to 5 s | it is usually gone at the next attempt | [`Policy::with_transient_backoff`] |
//! | delay asked for by the service | honoured up to 20 s, as which a longer one counts, jitter on top; after a throttle the adaptive rate is told of it, and spaces the retry | a wrong header must not park callers | [`Rules::server_delay_cap`] |
//! | budget | 10,000 tokens, 100 more a second | does not starve a thousand throttled callers | [`Policy::with_budget`] |
//! | a retry costs | 1 token after a throttle, 10 after other failures | a service that fails is harmed by more load | |
//! | adaptive rate | on, idle until the first throttle | costs nothing where nothing is throttled | [`Policy::without_adaptive_rate`] |
//! | breaker, for each wrapping key by itself | opens after 10 failures in a row over 1 s or more, a timeout counting for 4; tries again after 500 ms to 1 s | fewer happen by chance; back within a second | [`Breaker::builder`], [`Policy::with_scope`], [`Policy::without_breaker`] |
//! | rank of what has failed, where there is another way | last, for 5 s to 60 s | one slow call finds out, not each | [`Breaker::builder`] |
//! | random source | a small generator, seeded by the system | jitter needs no secrecy | [`Policy::with_random`] |
//!
//! # Which failures are retried
//!
//! | class | retried |
//! |---|---|
//! | `Throttled`, `Transient`, `Timeout`, `Unauthenticated` | yes |
//! | `Denied`, `UnavailableKey`, `InvalidRequest`, `NotAuthentic` | no |
//!
//! # Watching it
//!
//! [`Policy::with_observer`] is told of each attempt, wait and end of a call; [`Budget::state`], [`AdaptiveRate::state`] and
//! [`Breaker::state`] say how things stand.
//!
//! | feature | what it adds |
//! |---|---|
//! | `metrics` | `Metrics`: calls, attempts, waits and what was given up, and how budgets, rates and breakers stand, through the `metrics` facade |
//! | `tracing` | each [`Event`] as an event of `tracing`, under the names in its table |
//! | `tower` | the module `tower`: a `Layer` that retries a `Service` whose errors classify themselves |
//!
//! # Pages to read
//!
//! The module `guide` has them: what happens to a call, errors of one's own, quotas, outages, which number to set, and how it is watched
//! and tested.
//!
//! # What this crate does not do
//!
//! It looks at nothing but an error's class and delay: which service error is of which class is the provider's part
//! (`datakey-kms`). It does not avoid calls (`datakey-keyring`), and it does not make an operation that must run once safe
//! to run twice. It needs a tokio runtime with its timer enabled.
#![forbid(unsafe_code)]
#![cfg_attr(docsrs, feature(doc_cfg))]

mod backoff;
mod breaker;
mod budget;
mod busy;
mod call;
mod classify;
mod decision;
pub mod defaults;
#[cfg(feature = "metrics")]
mod described;
mod draws;
mod gates;
mod gave_up;
mod guarded;
#[cfg(any(doc, doctest))]
pub mod guide;
mod last_failure;
mod observer;
mod policy;
mod provider;
mod provider_error;
#[cfg(feature = "metrics")]
mod published;
mod random;
mod rate;
mod rounded;
mod run;
mod target;
mod timeouts;
#[cfg(feature = "tower")]
pub mod tower;
mod ways;

pub use backoff::{Backoff, Delays};
pub use breaker::{Breaker, BreakerBuilder, BreakerPhase, BreakerState, CircuitOpen};
pub use budget::{Budget, BudgetBuilder, BudgetState};
pub use classify::{Classify, Part};
/// The kinds of failures, in which [`Classify`] speaks.
#[doc(no_inline)]
pub use datakey_provider::ErrorClass;
pub use decision::{Decision, Outcome, Progress, Rules};
#[cfg(feature = "metrics")]
pub use described::{DURATION_BUCKETS, describe_metrics};
pub use gave_up::{Failure, GaveUp, Reason};
pub use guarded::Guarded;
pub use last_failure::LastFailure;
pub use observer::{Event, Observer, Subject};
pub use policy::Policy;
pub use provider::Retry;
#[cfg(feature = "metrics")]
pub use published::Metrics;
pub use rate::{AdaptiveRate, Priority, RateState};
pub use run::{retry, retry_operation};

#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
