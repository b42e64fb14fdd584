//! Which number to set for which need.
//!
//! The defaults are for services that call AWS KMS under a cache of data keys: few calls, each of which many callers wait for. Each is a
//! constant in [`defaults`](crate::defaults) with its reason.
//!
//! # By need
//!
//! | you have | set |
//! |---|---|
//! | callers who wait for two seconds | [`with_deadline`](crate::Policy::with_deadline) of less than that, and [`with_attempt_timeout`](crate::Policy::with_attempt_timeout) of half of it |
//! | a bulk job at night | a deadline of minutes; leave the rate on |
//! | a fleet that starts at once on a small quota | a deadline of more than calls divided by quota |
//! | a service that answers in milliseconds, and now and then not at all | [`with_measured_attempt_timeout`](crate::Policy::with_measured_attempt_timeout) |
//! | calls that each cost money | [`with_max_attempts`](crate::Policy::with_max_attempts) of 3 |
//! | a client beneath that retries | [`never`](crate::Policy::never), or better: switch those retries off |
//! | few callers, far from the defaults' thousand | a smaller [`Budget`](crate::Budget) |
//! | background refreshes | a clone [`with_priority`](crate::Policy::with_priority) `Background` and a longer deadline |
//! | readers who may wait less than writers | [`with_rules_for`](crate::Policy::with_rules_for) |
//!
//! ```
//! use std::time::Duration;
//! use datakey_provider::Operation;
//! use datakey_retry::{Policy, Priority};
//!
//! // One policy for a process; its clones share budget, rate and breaker.
//! let policy = Policy::default()
//!     .with_deadline(Duration::from_millis(1_500))
//!     .with_attempt_timeout(Duration::from_millis(700))
//!     .with_rules_for(Operation::GenerateDataKey, |rules| rules.deadline = Some(Duration::from_secs(20)));
//! let nightly = policy.clone().with_priority(Priority::Background).with_deadline(Duration::from_secs(600));
//! assert_eq!(policy.rules_for(Operation::Decrypt).deadline, Some(Duration::from_millis(1_500)));
//! assert_eq!(nightly.rules().deadline, Some(Duration::from_secs(600)));
//! ```
//!
//! # Deadline and attempt timeout
//!
//! The deadline is the caller's: how long there is any use in an answer. The attempt timeout is the service's: after how long no answer is
//! worth waiting for. With one attempt's timeout as long as the deadline, a call that hangs is never tried again. A third of the deadline
//! leaves room for a second attempt and the waits.
//!
//! A measured timeout is three times the time by which an answer is thought to be there at the latest (mean and four deviations, as TCP has
//! it), at least what you say and at most the attempt timeout, once eight answers have come. Each timeout doubles it until the next answer.
//! It is measured for each quota.
//!
//! # Backoff
//!
//! | jitter | of 100 ms at the first retry | at the fourth |
//! |---|---|---|
//! | [`full`](crate::Backoff::full) | 0 to 100 ms | 0 to 800 ms |
//! | [`equal`](crate::Backoff::equal) | 50 to 100 ms | 400 to 800 ms |
//! | [`without_jitter`](crate::Backoff::without_jitter) | 100 ms | 800 ms |
//!
//! Full jitter makes the fewest calls where many clients meet; it is what the AWS SDKs have. Cap and base are of the ceiling: with a cap of
//! 5 s no wait is longer, and the mean at the cap is half of it.
//!
//! ```
//! use std::time::Duration;
//! use datakey_retry::Backoff;
//!
//! let base = Duration::from_millis(100);
//! let (full, equal) = (Backoff::full().with_base(base), Backoff::equal().with_base(base));
//! assert_eq!(full.delay(3, None, 0), Duration::ZERO);
//! assert_eq!(full.delay(3, None, u64::MAX), Duration::from_millis(800));
//! assert_eq!(equal.delay(3, None, 0), Duration::from_millis(400));
//! ```
//!
//! # What the service asks for
//!
//! A delay in an error is a floor: the next attempt is no sooner, with jitter on top, up to
//! [`server_delay_cap`](crate::Rules::server_delay_cap). After a throttle with the rate on, the rate is told of it, all calls of the quota
//! wait for it, and the order stays.
//!
//! # Against the AWS SDK's modes
//!
//! | | standard | adaptive | here |
//! |---|---|---|---|
//! | attempts | 3 | 3 | 32, within a deadline |
//! | bucket | 500 tokens, 5 a retry, for the process | the same | 10,000, 1 or 10 a retry, for each quota; given back by success |
//! | about a hundred calls throttled at once | fail | fail | wait for their turn |
//! | rate | none | one for the client | one for each quota, in the order of starts |
//! | deadline | none | none | 60 s for the call, 5 s for an attempt |
//! | `LimitExceededException` | retried | retried | as the provider says: final |
