//! A decision as a test: what fails when somebody undoes it.
//!
//! A design is chosen once and changed a hundred times: a field comes into the encryption context, hosts become more, an age is made
//! shorter. Each is small, and none fails a test of what the code does. A scenario in the test suite does fail. It takes no network and
//! no credentials, and a second or less for a fleet of tens of hosts.
//!
//! # The claim that matters
//!
//! Assert what was decided, with room, and not what the numbers happened to be: those change by a little with each version of the
//! cache, and a test on them is repaired without thought.
//!
//! ```
//! use datakey_sim::{Scenario, run};
//!
//! // #[test]
//! fn the_bulk_post_fits_into_half_of_the_quota() -> Result<(), datakey_sim::Error> {
//!     let scenario = Scenario::from_toml(r#"
//!         name = "bulk"
//!         duration = "2m"
//!         fleet = { hosts = 10 }
//!         arrivals = { kind = "bursts", posts_per_second = 0.1, messages_per_post = 50, every = "60s", lasting = "10s", times = 20.0 }
//!         contexts = { count = 5 }
//!         kms = { quota_per_second = 100 }
//!         strategies = [{ name = "as in production", parts = [{ cache = {} }] }]
//!     "#)?;
//!     let outcome = run(&scenario)?.outcomes.remove(0);
//!     assert!(outcome.is_well(), "{}", outcome.verdict());
//!     assert!(outcome.kms.peak_per_second <= 50.0, "{}", outcome.kms.peak_per_second);
//!     Ok(())
//! }
//! # the_bulk_post_fits_into_half_of_the_quota()?;
//! # Ok::<(), datakey_sim::Error>(())
//! ```
//!
//! # The settings of the service
//!
//! A test on settings of its own holds those settings. Build the strategy from the constants that the service is built from:
//!
//! ```
//! use std::time::Duration;
//! use datakey_sim::{Cache, Part, Scenario, Strategy, run};
//!
//! /// Of the service's own crate.
//! const SOFT_AGE: Duration = Duration::from_secs(120);
//! const HARD_AGE: Duration = Duration::from_secs(600);
//!
//! let cache = Cache { soft_age: SOFT_AGE.into(), hard_age: HARD_AGE.into(), ..Cache::default() };
//! let mut scenario = Scenario::from_toml(r#"
//!     name = "as-built"
//!     duration = "5m"
//!     fleet = { hosts = 4 }
//!     arrivals = { kind = "poisson", posts_per_second = 1.0 }
//!     strategies = [{ name = "x", parts = [{}] }]
//! "#)?;
//! scenario.strategies = vec![Strategy::of("as built", Part { cache: Some(cache), ..Part::default() })];
//! let exposure = run(&scenario)?.outcomes[0].exposure;
//! assert!(exposure.max_seconds <= SOFT_AGE.as_secs_f64() + 5.0, "{exposure:?}"); // while KMS answers
//! # Ok::<(), datakey_sim::Error>(())
//! ```
//!
//! # Better than before
//!
//! A comparison within one run is the strongest claim, since both sides see the same messages: "at least ten times fewer calls than
//! without a cache" holds through changes of hosts, load and length.
//!
//! ```
//! use datakey_sim::{Scenario, run};
//!
//! let scenario = Scenario::from_toml(r#"
//!     name = "ten-times"
//!     duration = "1m"
//!     fleet = { hosts = 3 }
//!     arrivals = { kind = "poisson", posts_per_second = 5.0 }
//!     strategies = [{ name = "without", parts = [{}] }, { name = "with", parts = [{ cache = {} }] }]
//! "#)?;
//! let played = run(&scenario)?;
//! let [without, with] = &played.outcomes[..] else { panic!("two strategies") };
//! assert!(with.kms.answered * 10 <= without.kms.answered);
//! # Ok::<(), datakey_sim::Error>(())
//! ```
//!
//! # Chance
//!
//! The same seed gives the same numbers on every machine, so such a test does not flicker. That it holds for one seed may be luck; a
//! loop over a few says that it is not.
//!
//! ```
//! use datakey_sim::{Scenario, run};
//!
//! let mut scenario = Scenario::from_toml(r#"
//!     name = "seeds"
//!     duration = "30s"
//!     fleet = { hosts = 5 }
//!     arrivals = { kind = "poisson", posts_per_second = 2.0 }
//!     kms = { quota_per_second = 30 }
//!     strategies = [{ name = "alone", parts = [{}] }]
//! "#)?;
//! for seed in 1..=4 {
//!     scenario.seed = seed;
//!     let outcome = run(&scenario)?.outcomes.remove(0);
//!     assert_eq!(outcome.sealing.failed, 0, "seed {seed}: {}", outcome.verdict());
//! }
//! # Ok::<(), datakey_sim::Error>(())
//! ```
//!
//! # Kept for later
//!
//! [`Simulation`](crate::Simulation) and all that is in it serialize with serde: a build that keeps the JSON has a history of what a
//! change did. Times are seconds and names end in their unit.
//!
//! ```
//! use datakey_sim::{Scenario, run};
//!
//! let scenario = Scenario::from_toml(r#"
//!     name = "kept"
//!     duration = "10s"
//!     fleet = { hosts = 1 }
//!     arrivals = { kind = "steady", posts_per_second = 1.0 }
//!     strategies = [{ name = "alone", parts = [{}] }]
//! "#)?;
//! let json = serde_json::to_value(run(&scenario)?).expect("plain numbers and names");
//! let outcome = &json["outcomes"][0];
//! assert_eq!(outcome["strategy"], "alone");
//! assert!(outcome["sealing"]["latency"]["p99_seconds"].as_f64().is_some());
//! assert_eq!(json["scenario"]["duration"], "10s");
//! # Ok::<(), datakey_sim::Error>(())
//! ```
//!
//! # Progress
//!
//! [`run_watched`](crate::run_watched) tells how far each strategy is, from several threads at once. It has no way to stop a run: give
//! a scenario as much time as it needs, and make it smaller where that is too much.
//!
//! ```
//! use std::sync::atomic::{AtomicU32, Ordering};
//! use datakey_sim::{Scenario, run_watched};
//!
//! let scenario = Scenario::from_toml(r#"
//!     name = "watched"
//!     duration = "1m"
//!     fleet = { hosts = 1 }
//!     arrivals = { kind = "steady", posts_per_second = 1.0 }
//!     strategies = [{ name = "alone", parts = [{}] }]
//! "#)?;
//! let told = AtomicU32::new(0);
//! run_watched(&scenario, &|strategy, played| {
//!     assert!(strategy == "alone" && (0.0..=1.0).contains(&played));
//!     told.fetch_add(1, Ordering::Relaxed);
//! })?;
//! assert!(told.into_inner() >= 6); // after each step of ten seconds
//! # Ok::<(), datakey_sim::Error>(())
//! ```
