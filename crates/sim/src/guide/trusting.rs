//! What is real in a simulation, what is left out, and how long it takes: how far to trust it.
//!
//! # Real
//!
//! | what | whose |
//! |---|---|
//! | the cache: when a key is replaced, what makes room, who waits for whom | `datakey-keyring` |
//! | retries: backoff, budget, adaptive rate, breaker, deadline | `datakey-retry` |
//! | branch keys: their cache, their table | `datakey-branch-keys` |
//! | KMS: its quota, its errors | the emulator, `datakey-fake-kms` |
//!
//! They run as they do in a service, on a clock that stands still until nobody has anything to do and then goes to the next timer. So a
//! change of the cache shows here with the next build, and a simulation needs no calibration.
//!
//! # Left out
//!
//! - Ciphers. A message is a use of a key; what it takes to encrypt it comes on top, and is microseconds for a kilobyte.
//! - Processors. A host is never busy. One that is shows longer latencies than are told here.
//! - Clocks that differ. All hosts see the same time.
//! - More than one Region, account or KMS key, custom key stores, and hedged opening.
//! - The quota and price of the table of branch keys.
//! - Keys that a sealer and an opener in one process share: readers are processes of their own.
//!
//! Timers are exact to the millisecond, so a latency of less is told as that.
//!
//! # The same numbers again
//!
//! Each strategy is played on a thread and a runtime of its own, from random numbers of its own that come from the seed. The number of
//! processors does not change what comes out:
//!
//! ```
//! use datakey_sim::{Scenario, run};
//!
//! let scenario = Scenario::from_toml(r#"
//!     name = "again"
//!     duration = "30s"
//!     fleet = { hosts = 5 }
//!     arrivals = { kind = "poisson", posts_per_second = 3.0 }
//!     kms = { quota_per_second = 10 }
//!     strategies = [{ name = "alone", parts = [{}] }, { name = "caching", parts = [{ cache = {} }] }]
//! "#)?;
//! let (once, again) = (run(&scenario)?, run(&scenario)?);
//! assert_eq!(once, again);
//! // Nor does it matter what else is played beside a strategy.
//! let caching = run(&scenario.only(&["caching"])?)?;
//! assert_eq!(caching.outcomes[0], once.outcomes[1]);
//! # Ok::<(), datakey_sim::Error>(())
//! ```
//!
//! # How long it takes
//!
//! Time goes into calls and into those who wait, not into hours: an hour of a thousand hosts that cache is a minute or less, and the
//! same fleet at ten times its quota takes minutes, since each that waits looks every 100 ms whether it is its turn. `callers` bounds how
//! many do. A fleet that is too large to play is made smaller by the same factor everywhere, and teaches the same:
//!
//! ```
//! use datakey_sim::{Scenario, run};
//!
//! let refused = |hosts: u32, quota: u64| {
//!     let mut scenario = Scenario::from_toml(r#"
//!         name = "scaled"
//!         duration = "30s"
//!         arrivals = { kind = "steady", posts_per_second = 2.0 }
//!         strategies = [{ name = "none", parts = [{ retry = { kind = "none" } }] }]
//!     "#)?;
//!     scenario.fleet.hosts = hosts;
//!     scenario.kms.quota_per_second = Some(quota);
//!     let kms = run(&scenario)?.outcomes.remove(0).kms;
//!     Ok::<_, datakey_sim::Error>(kms.throttled as f64 / (kms.throttled + kms.answered) as f64)
//! };
//! let (large, small) = (refused(80, 80)?, refused(20, 20)?);
//! assert!((large - small).abs() < 0.05, "{large} and {small}");
//! # Ok::<(), datakey_sim::Error>(())
//! ```
//!
//! What does not scale is contexts: hosts times contexts is what a cache asks for, so a quarter of the hosts with as many contexts has a
//! quarter of the keys, and a quarter of both a sixteenth.
//!
//! # Beside production
//!
//! The numbers have the names that a service's metrics have, or nearly: KMS calls by operation are on its dashboard and in CloudTrail,
//! and hits and loads of the cache in the metrics of the keyring. Play the ordinary day first and lay it beside the real one. Where they
//! agree within some percent, a bad day that is played can be believed; where they do not, a host is not what one took it for, or the
//! contexts are more than one thought.
//!
//! # Threads and runtimes
//!
//! [`run`](crate::run) blocks until all is played and starts threads and runtimes of its own, so within a tokio runtime it belongs into
//! `spawn_blocking`. It prints and logs nothing, opens no socket and no file: what a scenario names is read by
//! [`Scenario::load`](crate::Scenario::load).
//!
//! ```
//! use datakey_sim::{BuiltIn, Span, run};
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let mut scenario = BuiltIn::named("records-or-messages")?.scenario()?.only(&["records"])?;
//! scenario.duration = Span::from_secs(60);
//! scenario.fleet.hosts = 2;
//! let runtime = tokio::runtime::Builder::new_current_thread().build()?;
//! let played = runtime.block_on(async { tokio::task::spawn_blocking(move || run(&scenario)).await })??;
//! assert!(played.outcomes[0].is_well());
//! # Ok(()) }
//! ```
