//! Outages, throttling by others, rollouts: the days on which a design shows.
//!
//! Three tables of a scenario make a day bad. They can be combined, and what is played between their times is the ordinary day to
//! compare with.
//!
//! | table | what it is | what to look at |
//! |---|---|---|
//! | [`faults`](crate::Scenario::faults) | KMS does not answer, answers errors, answers late, for a share of the calls | messages given up while it lasts, waiting after it |
//! | [`neighbours`](crate::Scenario::neighbours) | others on the same quota | refusals, latency |
//! | [`restarts`](crate::Scenario::restarts) | hosts begin without keys | the steps after it |
//!
//! # How long do the keys carry
//!
//! A host that has a data key goes on with it until its hard age while KMS does not answer. So an outage shorter than that is not
//! noticed by contexts that are in use, and one that is longer stops them at their hard age:
//!
//! ```
//! use datakey_sim::{Scenario, Step, run};
//!
//! let scenario = Scenario::from_toml(r#"
//!     name = "outage"
//!     duration = "6m"
//!     fleet = { hosts = 2 }
//!     arrivals = { kind = "steady", posts_per_second = 1.0 }
//!     faults = [{ kind = "unreachable", from = "1m", until = "5m" }]
//!     strategies = [
//!         { name = "hour", parts = [{ cache = { soft_age = "5m", hard_age = "1h" } }] },
//!         { name = "two minutes", parts = [{ cache = { soft_age = "1m", hard_age = "2m" } }] },
//!     ]
//! "#)?;
//! let played = run(&scenario)?;
//! let [hour, short] = &played.outcomes[..] else { panic!("two strategies") };
//! assert!(hour.is_well());
//! let late = |step: &&Step| (200.0..290.0).contains(&step.at_seconds);
//! let sealed: Vec<_> = short.series.iter().filter(late).map(|step| (step.at_seconds, step.sealed)).collect();
//! assert!(sealed.iter().all(|(_, sealed)| *sealed == 0), "{sealed:?}");
//! # Ok::<(), datakey_sim::Error>(())
//! ```
//!
//! Branch keys carry longer at the same exposure of a data key: what has to live through an outage is the branch key, which has hours.
//!
//! # Which kind of fault
//!
//! They differ in what a caller can know, and so in what retries and breakers make of them:
//!
//! | [`FaultKind`](crate::FaultKind) | like | what a caller does |
//! |---|---|---|
//! | `dark` | packets are lost | waits for the timeout of the attempt, then tries again |
//! | `unreachable` | connections are closed | knows at once, tries again |
//! | `errors` | an outage within KMS | knows at once, tries again |
//! | `throttling` | refusals although there is quota | backs off, goes slower |
//! | `slow` | an overloaded service | waits, if the timeout allows |
//! | `denied` | a policy was changed | gives up: trying again does not help |
//!
//! ```
//! use datakey_sim::{Fault, FaultKind, Scenario, Span, run};
//!
//! let mut scenario = Scenario::from_toml(r#"
//!     name = "denied-or-down"
//!     duration = "1m"
//!     fleet = { hosts = 1 }
//!     arrivals = { kind = "steady", posts_per_second = 1.0 }
//!     strategies = [{ name = "alone", parts = [{}] }]
//! "#)?;
//! let mut given_up = |kind, share| {
//!     let (from, until) = (Span::from_secs(20), Span::from_secs(30));
//!     scenario.faults = vec![Fault { kind, from, until, share, by: Span::ZERO }];
//!     Ok::<_, datakey_sim::Error>(run(&scenario)?.outcomes.remove(0).sealing)
//! };
//! // One call in three fails, and is tried again: nobody notices.
//! assert_eq!(given_up(FaultKind::Errors, 0.3)?.failed, 0);
//! // One call in three is denied. Trying again would not help, so nothing does.
//! let denied = given_up(FaultKind::Denied, 0.3)?;
//! assert!((1..=9).contains(&denied.failed), "{denied:?}");
//! // All calls fail. The breaker opens, and calls are given up at once instead of waiting for their deadline.
//! let down = given_up(FaultKind::Errors, 1.0)?;
//! assert!(down.failed >= 8 && down.errors.keys().any(|why| why.contains("circuit_open")), "{:?}", down.errors);
//! # Ok::<(), datakey_sim::Error>(())
//! ```
//!
//! A [`share`](crate::Fault::share) below 1 is a partial outage: so many of the calls, drawn at random, fare ill. Retries hide one of a
//! few percent entirely; that they do is worth a look at how many more calls that takes.
//!
//! # A neighbour
//!
//! Others in the account and Region take from the same quota, and do not step back when they are refused. Whoever asks for each
//! message is refused with them.
//!
//! ```
//! use datakey_sim::{Neighbour, Scenario, Span, run};
//!
//! let mut scenario = Scenario::from_toml(r#"
//!     name = "neighbour"
//!     duration = "1m"
//!     fleet = { hosts = 2 }
//!     arrivals = { kind = "steady", posts_per_second = 5.0 }
//!     kms = { quota_per_second = 20 }
//!     strategies = [{ name = "caching", parts = [{ cache = {} }] }, { name = "alone", parts = [{}] }]
//! "#)?;
//! scenario.neighbours.push(Neighbour { calls_per_second: 100.0, from: Span::from_secs(10), until: None });
//! let played = run(&scenario)?;
//! let [caching, alone] = &played.outcomes[..] else { panic!("two strategies") };
//! assert!(caching.is_well() && !alone.is_well());
//! assert!(caching.kms.neighbours_throttled > 0); // those suffer themselves
//! # Ok::<(), datakey_sim::Error>(())
//! ```
//!
//! # A rollout
//!
//! Restarted hosts have no keys, and ask for one for each context that they see. All at once, that is hosts times contexts within
//! seconds; [`over`](crate::Restart::over) a time, it is as many calls, spread. Whether a quota bears the first is the question of the
//! built-in scenario `rollout`; how long a rolling restart has to take is that of this one:
//!
//! ```
//! use datakey_sim::{Restart, Scenario, Span, run};
//!
//! let mut scenario = Scenario::from_toml(r#"
//!     name = "rolling"
//!     duration = "3m"
//!     fleet = { hosts = 10, start_within = "1m" }
//!     arrivals = { kind = "poisson", posts_per_second = 2.0, messages_per_post = 10 }
//!     contexts = { count = 10 }
//!     kms = { quota_per_second = 20 }
//!     strategies = [{ name = "caching", parts = [{ cache = {} }] }]
//! "#)?;
//! let mut refused = |over| {
//!     scenario.restarts = vec![Restart { at: Span::from_secs(100), over: Span::from_secs(over) }];
//!     let outcome = run(&scenario)?.outcomes.remove(0);
//!     let after = outcome.series.iter().filter(|step| step.at_seconds >= 100.0);
//!     Ok::<_, datakey_sim::Error>(after.map(|step| step.kms_throttled).sum::<u64>())
//! };
//! let (at_once, rolling) = (refused(0)?, refused(60)?);
//! assert!(at_once > 0 && rolling * 3 < at_once, "{at_once} at once, {rolling} over a minute");
//! # Ok::<(), datakey_sim::Error>(())
//! ```
//!
//! # Bad days together
//!
//! An outage that begins while a rollout is under way is worse than both: hosts that have just started have no keys to carry them. It is
//! the reason to play a design with both, and to roll out in steps that stop when KMS does not answer.
