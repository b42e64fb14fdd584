//! Observers, metrics, traces, and what they say.
//!
//! # Three ways
//!
//! | | for | costs |
//! |---|---|---|
//! | [`Observer`](crate::Observer) | code of one's own: counts, logs, tests | what it does, in the course of the call |
//! | `Metrics` (feature `metrics`) | dashboards, alerts | some hundred nanoseconds an attempt |
//! | `tracing` (feature `tracing`) | what happened to one request | nothing where nobody subscribes |
//!
//! They are told the same [events](crate::Event), each with the call's [subject](crate::Subject): scope, operation, key, quota, and how
//! long it has taken.
//!
//! ```
//! use std::{sync::{Arc, Mutex}, time::Duration};
//! use datakey_fake_kms::{FakeKms, Quota};
//! use datakey_provider::{DataKeyLength, EncryptionContext, SealingProvider as _};
//! use datakey_retry::{Event, Observer, Policy, Retry, Subject};
//!
//! /// How long calls waited for their turns, by quota.
//! #[derive(Default)]
//! struct Turns(Mutex<Vec<(String, Duration)>>);
//!
//! impl Observer for Turns {
//!     fn observe(&self, call: Subject<'_>, event: Event) {
//!         if let Event::Admitted { waited, .. } = event {
//!             self.0.lock().unwrap().push((call.quota.to_owned(), waited));
//!         }
//!     }
//! }
//!
//! # #[tokio::main(flavor = "current_thread", start_paused = true)]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let fake = FakeKms::builder().quota(Quota::per_second(5)).build()?;
//! let turns = Arc::new(Turns::default());
//! let policy = Policy::default().with_observer(Arc::clone(&turns));
//! let kms = Retry::new(fake.provider(&fake.create_key()?), policy);
//! let callers: Vec<_> = (0..20)
//!     .map(|_| {
//!         let kms = kms.clone();
//!         tokio::spawn(async move { kms.generate_data_key(&EncryptionContext::empty(), DataKeyLength::Bytes32).await })
//!     })
//!     .collect();
//! for caller in callers {
//!     caller.await??;
//! }
//! assert!(!turns.0.lock().unwrap().is_empty());
//! # Ok(()) }
//! ```
//!
//! # How things stand
//!
//! | ask | for |
//! |---|---|
//! | [`AdaptiveRate::state`](crate::AdaptiveRate::state), [`state_of`](crate::AdaptiveRate::state_of), [`throttled_quotas`](crate::AdaptiveRate::throttled_quotas) | what throttles taught, and who waits |
//! | [`Budget::state`](crate::Budget::state), [`state_of`](crate::Budget::state_of) | whether retries are still paid for |
//! | [`Breaker::state`](crate::Breaker::state), [`down`](crate::Breaker::down), [`phase_of`](crate::Breaker::phase_of) | what is down |
//!
//! Taking a state locks for as long as it takes to copy some numbers.
//!
//! # What to draw
//!
//! | figure | says |
//! |---|---|
//! | attempts beside calls | how much is retried |
//! | failures by class | throttled, transient, timeout: what is wrong |
//! | waits for turns | how far the load is over the quota |
//! | what was given up, by reason | what callers saw |
//!
//! # What to alert on
//!
//! | condition | wakes somebody because |
//! |---|---|
//! | `gave_up` of the reason `permanent` | a policy or a key has changed |
//! | a breaker that stays open | a Region, or a key store |
//! | a budget that is empty | retries do not help, and are refused |
//! | calls that wait, for minutes | the quota is too small for the load |
//!
//! A throttle now and then is none: by one the rate finds out whether it could be higher.
//!
//! # Labels
//!
//! Scopes are key ids most often, as many as there are tenants. Metrics tell them only where that was asked for, and the first 64 of each
//! kind. Quotas are few. Encryption contexts are told to nobody: this crate does not look at them.
