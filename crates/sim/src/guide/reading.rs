//! What the numbers say: from [`Simulation`](crate::Simulation) to a decision.
//!
//! Read an [`Outcome`](crate::Outcome) from the outside in: did all that came get done, how long did it wait, what limited it, what did
//! that cost, and what is exposed. [`verdict`](crate::Outcome::verdict) says the first three in a sentence or two.
//!
//! ```
//! use datakey_sim::{Scenario, run};
//!
//! let scenario = Scenario::from_toml(r#"
//!     name = "too-much"
//!     duration = "1m"
//!     fleet = { hosts = 4, callers = 4, backlog = 100 }
//!     arrivals = { kind = "poisson", posts_per_second = 5.0 }
//!     kms = { quota_per_second = 10 }
//!     strategies = [{ name = "alone", parts = [{}] }]
//! "#)?;
//! let alone = &run(&scenario)?.outcomes[0];
//! assert!(!alone.is_well());
//! let verdict = alone.verdict();
//! assert!(verdict.contains("percent of") && verdict.contains("What decided: the quota"), "{verdict}");
//! # Ok::<(), datakey_sim::Error>(())
//! ```
//!
//! # Done, given up, waiting
//!
//! A [`Flow`](crate::Flow) adds up: what came is done, given up, or still waits at the end. Waiting is not failure, and it is not
//! success either: where it grows with each step, it is failure that has not come yet.
//!
//! ```
//! use datakey_sim::{Scenario, run};
//!
//! let mut scenario = Scenario::from_toml(r#"
//!     name = "grows"
//!     duration = "1m"
//!     fleet = { hosts = 2, backlog = 10_000 }
//!     arrivals = { kind = "poisson", posts_per_second = 10.0 }
//!     kms = { quota_per_second = 10 }
//!     strategies = [{ name = "alone", parts = [{}] }]
//! "#)?;
//! let alone = run(&scenario)?.outcomes.remove(0);
//! let sealing = &alone.sealing;
//! assert_eq!(sealing.offered, sealing.done + sealing.failed + sealing.waiting);
//! let waiting: Vec<u64> = alone.series.iter().map(|step| step.waiting).collect();
//! assert!(waiting.windows(2).all(|pair| pair[0] < pair[1]), "{waiting:?}");
//! // A host with little room gives up what the other one keeps waiting: errors now instead of a queue that never empties.
//! scenario.fleet.backlog = 10;
//! let bounded = run(&scenario)?.outcomes.remove(0);
//! assert!(bounded.sealing.waiting < 50 && bounded.sealing.errors.contains_key("backlog full"));
//! # Ok::<(), datakey_sim::Error>(())
//! ```
//!
//! # Why messages were given up
//!
//! [`Flow::errors`](crate::Flow::errors) counts them by the class of the last failure and by what ended the call. They lead to different
//! things:
//!
//! | kind | what ended it | what to change |
//! |---|---|---|
//! | `throttled: deadline` | the quota, for longer than a call may take | fewer calls: a cache, records, branch keys |
//! | `throttled: budget` | so many callers were refused that retries stopped | the same |
//! | `backlog full` | the host had no room for more | more callers where KMS has quota left, otherwise fewer calls |
//! | `transient: circuit_open`, `timeout: circuit_open` | the breaker: KMS was down | longer hard ages, several Regions |
//! | `timeout: deadline` | answers did not come | the same |
//! | `denied: permanent` | a failure that no retry mends | the policy of the key |
//!
//! The names are those of `ErrorClass::as_str` and `Reason::as_str`, so they are found again in logs and metrics of the real service.
//!
//! ```
//! use datakey_sim::{Scenario, run};
//!
//! let scenario = Scenario::from_toml(r#"
//!     name = "refused"
//!     duration = "20s"
//!     fleet = { hosts = 1 }
//!     arrivals = { kind = "steady", posts_per_second = 1.0 }
//!     faults = [{ kind = "denied", from = "0s", until = "20s" }]
//!     strategies = [{ name = "alone", parts = [{}] }]
//! "#)?;
//! let flow = &run(&scenario)?.outcomes[0].sealing;
//! assert_eq!(flow.errors.values().sum::<u64>(), flow.failed);
//! assert_eq!(flow.errors.len(), 1, "{:?}", flow.errors);
//! # Ok::<(), datakey_sim::Error>(())
//! ```
//!
//! # Latency is the wait for a key
//!
//! Zero for a message that found one. It is what a design adds to the time of a request, not the whole of it. What was given up is
//! *not* in it: a strategy that gives up early has fine percentiles, so look at `failed` first. Under a cache most messages wait for
//! nothing, and the percentiles that say something are those near the end:
//!
//! ```
//! use datakey_sim::{Scenario, run};
//!
//! let scenario = Scenario::from_toml(r#"
//!     name = "waits"
//!     duration = "1m"
//!     fleet = { hosts = 2 }
//!     arrivals = { kind = "steady", posts_per_second = 20.0 }
//!     kms = { latency = { kind = "fixed", time = "30ms" } }
//!     strategies = [{ name = "alone", parts = [{}] }, { name = "caching", parts = [{ cache = {} }] }]
//! "#)?;
//! let played = run(&scenario)?;
//! let [alone, caching] = [0, 1].map(|place| &played.outcomes[place].sealing.latency);
//! assert!((0.03..0.04).contains(&alone.p50_seconds), "{alone:?}");
//! assert_eq!(caching.p99_seconds, 0.0);
//! assert!(caching.max_seconds >= 0.03); // the first message of each host
//! # Ok::<(), datakey_sim::Error>(())
//! ```
//!
//! # What limited it
//!
//! [`Outcome::limits`](crate::Outcome::limits) has every limit that was met and how often; `decided` names one. A limit that ends data
//! keys is no fault: with a cache that works, `KeyAge` decides, since keys end by nothing else. `SealingKeys` among the limits is a cache
//! with too little room; `KeyMessages` or `KeyBytes` one whose bounds cost calls.
//!
//! ```
//! use datakey_sim::{Cache, Limit, Scenario, run};
//!
//! let mut scenario = Scenario::from_toml(r#"
//!     name = "little-room"
//!     duration = "1m"
//!     fleet = { hosts = 1 }
//!     arrivals = { kind = "poisson", posts_per_second = 10.0 }
//!     contexts = { count = 100 }
//!     strategies = [{ name = "caching", parts = [{ cache = {} }] }]
//! "#)?;
//! scenario.strategies[0].parts[0].cache = Some(Cache { contexts: 20, ..Cache::default() });
//! let outcome = run(&scenario)?.outcomes.remove(0);
//! assert!(outcome.limits.iter().any(|bound| bound.limit == Limit::SealingKeys && bound.times > 100), "{:?}", outcome.limits);
//! # Ok::<(), datakey_sim::Error>(())
//! ```
//!
//! # Money
//!
//! [`Cost`](crate::Cost) extrapolates: a month of 730 hours that are all as the one that was played. A scenario of the busiest hour
//! gives the price of a month of busiest hours; play an ordinary one, or a day, for a bill. Refused calls are taken to be free.
//!
//! ```
//! use datakey_sim::{Price, Scenario, run};
//!
//! let mut scenario = Scenario::from_toml(r#"
//!     name = "bill"
//!     duration = "1m"
//!     fleet = { hosts = 1 }
//!     arrivals = { kind = "steady", posts_per_second = 10.0 }
//!     strategies = [{ name = "alone", parts = [{}] }]
//! "#)?;
//! scenario.price = Price { keys: 3, ..Price::default() };
//! let cost = run(&scenario)?.outcomes[0].cost;
//! // Ten calls a second are 26.28 million in 730 hours, at three cents for ten thousand.
//! assert!((75.0..82.0).contains(&cost.calls_usd_per_month), "{cost:?}");
//! assert_eq!(cost.keys_usd_per_month, 3.0);
//! # Ok::<(), datakey_sim::Error>(())
//! ```
//!
//! # Over time
//!
//! A total hides when it happened. [`Outcome::series`](crate::Outcome::series) has a [`Step`](crate::Step) for each
//! [`Scenario::step`](crate::Scenario::step): counts of what happened within it, and how many waited and how many keys there were at its
//! end. The columns are what a service publishes too, so that a picture of one is laid beside that of the other.
//!
//! # What decided
//!
//! [`Outcome::decided`](crate::Outcome::decided) looks at what was lost first. Messages whose last answer was a refusal were lost by the
//! quota, whether it was the attempts, the deadline or the budget that ended them; those that met an open breaker were lost by an outage,
//! however much was refused in another hour. Where nothing was lost it asks whether KMS refused more than one call for each thousand that
//! it answered: then the quota is what makes messages wait. What is left are the limits of data keys, which say why calls are made at all.
//!
//! What was lost by readers counts with what was lost by hosts. [`Step::opening_failed`](crate::Step::opening_failed) tells when it was,
//! and [`Step::failed`](crate::Step::failed) has both.
