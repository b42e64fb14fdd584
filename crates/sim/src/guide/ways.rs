//! The ways to seal, compared on the same messages: what to put into [`Scenario::strategies`](crate::Scenario::strategies).
//!
//! Each [`Strategy`](crate::Strategy) is played by itself, with a KMS of its own, on messages that come at the same times with the same
//! contexts. So a difference between two outcomes is one between the strategies, and not of chance.
//!
//! | way | as a part | what it asks of who runs it |
//! |---|---|---|
//! | retry alone | `{}` | nothing |
//! | data key caching | `{ cache = {} }` | to accept that a key lives for minutes |
//! | records | `{ records = true }` | a format with records, and posts of more than one message |
//! | branch keys | `{ branch_keys = {} }` | a table, and a branch key for each who must be apart |
//! | both | `{ cache = {}, branch_keys = {} }` | both |
//!
//! # All of them on one load
//!
//! ```
//! use std::collections::BTreeMap;
//! use datakey_sim::{Scenario, run};
//!
//! let scenario = Scenario::from_toml(r#"
//!     name = "compared"
//!     duration = "2m"
//!     fleet = { hosts = 5 }
//!     arrivals = { kind = "poisson", posts_per_second = 0.5, messages_per_post = 20 }
//!     strategies = [
//!         { name = "alone", parts = [{}] },
//!         { name = "records", parts = [{ records = true }] },
//!         { name = "caching", parts = [{ cache = {} }] },
//!         { name = "branch keys", parts = [{ branch_keys = {} }] },
//!     ]
//! "#)?;
//! let played = run(&scenario)?;
//! let calls: BTreeMap<&str, u64> = played.outcomes.iter().map(|one| (&*one.strategy, one.kms.answered)).collect();
//! let messages = played.outcomes[0].sealing.offered;
//! assert!(played.outcomes.iter().all(|one| one.is_well() && one.sealing.offered == messages));
//! assert_eq!((calls["alone"], calls["records"]), (messages, messages / 20));
//! assert_eq!((calls["caching"], calls["branch keys"]), (5, 5)); // one for each host
//! # Ok::<(), datakey_sim::Error>(())
//! ```
//!
//! Calls are one side. The other is [`Exposure`](crate::Exposure): under caching a data key seals what comes within minutes, under
//! branch keys alone each message has its own. Both take five calls here, and differ in what is lost with one key:
//!
//! ```
//! use datakey_sim::{Scenario, run};
//! # let scenario = Scenario::from_toml(r#"
//! #     name = "exposed"
//! #     duration = "1m"
//! #     fleet = { hosts = 2 }
//! #     arrivals = { kind = "poisson", posts_per_second = 0.5, messages_per_post = 20 }
//! #     strategies = [
//! #         { name = "caching", parts = [{ cache = {} }] },
//! #         { name = "branch keys", parts = [{ branch_keys = {} }] },
//! #     ]
//! # "#)?;
//! let played = run(&scenario)?;
//! let [caching, branch] = &played.outcomes[..] else { panic!("two strategies") };
//! assert_eq!(branch.exposure.max_messages, 1);
//! assert!(caching.exposure.max_messages > 100);
//! assert!(caching.exposure.max_seconds > branch.exposure.max_seconds);
//! # Ok::<(), datakey_sim::Error>(())
//! ```
//!
//! # Bounding what one key seals
//!
//! The limits in [`Cache`](crate::Cache) are those of the keyring, by the same defaults. What a bound costs in calls is what a
//! simulation shows best:
//!
//! ```
//! use datakey_sim::{Cache, Limit, Part, Scenario, Strategy, run};
//!
//! let mut scenario = Scenario::from_toml(r#"
//!     name = "bounded"
//!     duration = "1m"
//!     fleet = { hosts = 2 }
//!     arrivals = { kind = "poisson", posts_per_second = 1.0, messages_per_post = 50 }
//!     strategies = [{ name = "unbounded", parts = [{ cache = {} }] }]
//! "#)?;
//! let bounded = Cache { messages: 400, ..Cache::default() };
//! scenario.strategies.push(Strategy::of("400 messages", Part { cache: Some(bounded), ..Part::default() }));
//! let played = run(&scenario)?;
//! let [unbounded, bounded] = &played.outcomes[..] else { panic!("two strategies") };
//! assert!(bounded.exposure.max_messages <= 400);
//! assert!(bounded.kms.answered > 5 * unbounded.kms.answered);
//! assert_eq!(bounded.decided, Some(Limit::KeyMessages)); // that is what ended its keys
//! # Ok::<(), datakey_sim::Error>(())
//! ```
//!
//! # A fleet on its way
//!
//! A strategy has one [part](crate::Part) or several, whose shares add up to 1. That is how a rollout stands halfway, and what the half
//! that has not moved does to the other: they share a quota.
//!
//! ```
//! use datakey_sim::{BuiltIn, Span, run};
//!
//! let mut scenario = BuiltIn::named("half-moved")?.scenario()?.only(&["half moved", "all moved"])?;
//! scenario.duration = Span::from_secs(60);
//! scenario.fleet.hosts = 8;
//! scenario.kms.quota_per_second = Some(30);
//! let played = run(&scenario)?;
//! let [half, all] = &played.outcomes[..] else { panic!("two strategies") };
//! assert!(half.kms.throttled > 0);
//! assert!(all.is_well());
//! # Ok::<(), datakey_sim::Error>(())
//! ```
//!
//! # Whose retries
//!
//! [`Retry::Datakey`](crate::Retry::Datakey) is the policy of `datakey-retry`, with a deadline of a minute.
//! [`Retry::Standard`](crate::Retry::Standard) is close to the AWS SDK's standard mode, and [`Retry::None`](crate::Retry::None) shows
//! the bare quota. No retry raises a quota: compare them for what they do with a burst, and the caches for what lasts.
//!
//! ```
//! use datakey_sim::{Part, Retry, Scenario, Span, Strategy, run};
//!
//! let mut scenario = Scenario::from_toml(r#"
//!     name = "burst"
//!     duration = "1m"
//!     fleet = { hosts = 4, callers = 50 }
//!     arrivals = { kind = "bursts", posts_per_second = 0.5, every = "20s", lasting = "2s", times = 40.0 }
//!     kms = { quota_per_second = 30 }
//!     strategies = [{ name = "none", parts = [{ retry = { kind = "none" } }] }]
//! "#)?;
//! let patient = Retry::Datakey { deadline: Span::from_secs(30), attempts: 32, budget: 10_000, budget_per_second: 100, adaptive_rate: true };
//! scenario.strategies.push(Strategy::of("patient", Part { retry: patient, ..Part::default() }));
//! let played = run(&scenario)?;
//! let [none, patient] = &played.outcomes[..] else { panic!("two strategies") };
//! assert!(none.sealing.failed > 0);
//! assert_eq!(patient.sealing.failed, 0); // the burst is over before the deadline, so errors become waiting
//! assert!(patient.sealing.latency.max_seconds > 1.0);
//! # Ok::<(), datakey_sim::Error>(())
//! ```
