//! What happens at a quota: turns, rates, fairness, several quotas.
//!
//! # The problem
//!
//! A hundred callers on a quota of fifty calls a second cannot all be served at once, whatever they do. With backoff alone the refused ones
//! come back at random, among new ones that know of nothing; every second some hundred calls are refused for fifty that are not, and the
//! unluckiest caller waits for longest. The quota is kept by the service; what a client can do is to ask no more often than is answered,
//! and in order.
//!
//! # What an adaptive rate does
//!
//! Nothing until the first throttle. From then on each attempt of that quota, first ones too, waits for its turn.
//!
//! | | who waits | the rate |
//! |---|---|---|
//! | before a throttle | nobody | none |
//! | seeking | all | climbs from a tenth of what succeeded in the last second, until the next throttle |
//! | following, alone | all, in the order of their start | just under what was measured, probing upwards now and then |
//! | following, in company | likewise | grows while calls wait, gives way at each throttle: equal shares among clients |
//! | after a minute without throttle or wait | nobody | forgotten |
//!
//! ```
//! use std::time::Duration;
//! use datakey_fake_kms::{FakeKms, Quota};
//! use datakey_provider::{DataKeyLength, EncryptionContext, SealingProvider as _};
//! use datakey_retry::{Policy, Retry};
//! use tokio::time::Instant;
//!
//! # #[tokio::main(flavor = "current_thread", start_paused = true)]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let fake = FakeKms::builder().quota(Quota::per_second(50)).build()?;
//! let kms = Retry::new(fake.provider(&fake.create_key()?), Policy::default());
//! let start = Instant::now();
//! let callers = (0..500).map(|_| {
//!     let kms = kms.clone();
//!     tokio::spawn(async move { kms.generate_data_key(&EncryptionContext::empty(), DataKeyLength::Bytes32).await })
//! });
//! for caller in callers.collect::<Vec<_>>() {
//!     caller.await??; // no caller sees a throttle
//! }
//! // Ten seconds' worth of quota, and not many refused: most of them in the burst at the start.
//! assert!((9..20).contains(&start.elapsed().as_secs()), "{:?}", start.elapsed());
//! let refused = fake.ledger().throttled();
//! assert!(refused < 550, "{refused}");
//! # Ok(()) }
//! ```
//!
//! # Who goes first
//!
//! Calls are admitted in the order of their start, as if urgent ones had started earlier: opening before sealing, both before background
//! work, unless [`Policy::with_priority`](crate::Policy::with_priority) says otherwise. A throttled call keeps its place by its start, so
//! that its next attempt goes before those that came later. Nobody starves: the head start is of seconds.
//!
//! # One policy for all
//!
//! A rate knows what its own clients do. Two policies in one process on one quota learn against each other, as two processes do; they come
//! to shares, but waste calls on it. So make one policy and clone it. Its rate keeps each quota apart by name:
//!
//! | | has |
//! |---|---|
//! | each quota | a rate, a queue, a budget |
//! | each key | a breaker |
//! | each policy | deadlines, timeouts, backoff, a random source, an observer |
//!
//! Providers name the quota of each call. For functions of your own, [`Policy::with_quota`](crate::Policy::with_quota) does.
//!
//! # The first throttle
//!
//! Nobody knows yet whether it is about the key alone (one in a custom key store has a quota to itself) or about all. So it holds the calls
//! of that key; once another key is throttled too, all keep to one rate.
//!
//! # Several quotas in one call
//!
//! Sealing under several Regions waits for a turn on each. Of several ways to open, one whose queue would take more than 100 ms ranks
//! behind those that are free.
//!
//! # When to leave it out
//!
//! [`without_adaptive_rate`](crate::Policy::without_adaptive_rate) leaves throttles to backoff, of half a second up to twenty. For a client
//! of a few calls a minute it makes no difference; for one that must never wait for others in its own process it may be what one wants; for
//! a bulk job it is what makes the difference.
