//! Writing a service down: from what one knows about it to a [`Scenario`](crate::Scenario).
//!
//! A scenario answers one question, such as "does the quota hold when the bulk post comes?", so it has in it what bears on that and
//! leaves the rest at its defaults. Five numbers about a service are enough to begin, and all are found on a dashboard:
//!
//! | what one knows | where it goes |
//! |---|---|
//! | processes that seal at the busiest time | [`Fleet::hosts`](crate::Fleet::hosts) |
//! | requests, jobs or files that come to each of them in a second | `posts_per_second` of [`Arrivals`](crate::Arrivals) |
//! | messages that each of those seals | `messages_per_post` |
//! | distinct encryption contexts | [`Contexts`](crate::Contexts) |
//! | processes that open, and how much later | [`Readers`](crate::Readers) |
//!
//! ```
//! use datakey_sim::{Scenario, run};
//!
//! // Four pods, each of which takes two requests a second, with three fields to seal in each; a tenant in the context, twenty of them.
//! let scenario = Scenario::from_toml(r#"
//!     name = "profile-service"
//!     teaches = "Twenty tenants on four pods need eighty data keys."
//!     duration = "2m"
//!     fleet = { hosts = 4 }
//!     arrivals = { kind = "poisson", posts_per_second = 2.0, messages_per_post = 3 }
//!     contexts = { count = 20 }
//!     strategies = [{ name = "caching", parts = [{ cache = {} }] }]
//! "#)?;
//! let caching = &run(&scenario)?.outcomes[0];
//! assert!(caching.is_well());
//! assert_eq!(caching.exposure.data_keys, 4 * 20); // a key for each pod and tenant, and none for each message
//! # Ok::<(), datakey_sim::Error>(())
//! ```
//!
//! # A host is a process
//!
//! What matters is who shares a cache. Eight workers of one process that share a `Keyring` are one host with
//! [`callers`](crate::Fleet::callers) to match; eight processes on a machine are eight hosts, each with keys of its own. Getting that
//! wrong is off by the number of workers:
//!
//! ```
//! use datakey_sim::{Scenario, run};
//!
//! let calls = |hosts: u32, posts_per_second: f64| -> Result<u64, datakey_sim::Error> {
//!     let mut scenario = Scenario::from_toml(r#"
//!         name = "workers"
//!         duration = "1m"
//!         arrivals = { kind = "poisson", posts_per_second = 1.0 }
//!         contexts = { count = 5 }
//!         strategies = [{ name = "caching", parts = [{ cache = {} }] }]
//!     "#)?;
//!     scenario.fleet.hosts = hosts;
//!     scenario.arrivals = datakey_sim::Arrivals::Poisson { posts_per_second, messages_per_post: 1 };
//!     Ok(run(&scenario)?.outcomes[0].kms.answered)
//! };
//! let (shared, apart) = (calls(1, 8.0)?, calls(8, 1.0)?);
//! assert_eq!((shared, apart), (5, 40)); // the same traffic, with one cache or with eight
//! # Ok::<(), datakey_sim::Error>(())
//! ```
//!
//! # A post is what comes at once
//!
//! Messages of a post come in the same moment and, where they have one context, find or miss the same key. A request that seals three
//! fields is a post of three. A consumer that takes 500 records in a batch has posts of 500. Ten thousand posts of one message and one
//! post of ten thousand are the same number of messages, and ask a quota for very different things in their first second.
//!
//! # Contexts are what a cache is keyed by
//!
//! [`Contexts::count`](crate::Contexts::count) is the number of distinct encryption contexts, not of customers: where a table name
//! and a tenant are in it, that is tables times tenants. Where messages spread unevenly, [`skew`](crate::Contexts::skew) is the
//! exponent of Zipf's law: with 1, the first of a hundred contexts has about a fifth of the messages. A skewed load is kinder to a
//! cache, since few contexts make up most of it.
//!
//! ```
//! use datakey_sim::{Contexts, Scenario, run};
//!
//! let mut scenario = Scenario::from_toml(r#"
//!     name = "skew"
//!     duration = "1m"
//!     fleet = { hosts = 2 }
//!     arrivals = { kind = "poisson", posts_per_second = 5.0 }
//!     strategies = [{ name = "caching", parts = [{ cache = {} }] }]
//! "#)?;
//! let mut keys = |skew| {
//!     scenario.contexts = Contexts { count: 500, skew, ..Contexts::default() };
//!     Ok::<_, datakey_sim::Error>(run(&scenario)?.outcomes[0].exposure.data_keys)
//! };
//! let (evenly, skewed) = (keys(0.0)?, keys(1.5)?);
//! assert!(skewed * 2 < evenly, "{skewed} of {evenly}");
//! # Ok::<(), datakey_sim::Error>(())
//! ```
//!
//! A context of its own for each message, as one with an order id in it, is [`one_per_message`](crate::Contexts::one_per_message). It
//! is worth playing before somebody adds such a field: it takes a cache back to a call for each message, and nothing fails in a test with
//! ten orders.
//!
//! # In Rust instead of a file
//!
//! All fields are public, so a scenario is read once and changed for each question. A file that names a trace is read with
//! [`Scenario::load`](crate::Scenario::load), which takes the path of the trace to be relative to the scenario's.
//!
//! ```
//! use datakey_sim::{BuiltIn, Cache, Part, Span, Strategy};
//!
//! let mut scenario = BuiltIn::named("rollout")?.scenario()?;
//! scenario.fleet.hosts = 20;
//! scenario.kms.quota_per_second = Some(5);
//! let short = Cache { soft_age: Span::from_secs(60), ..Cache::default() };
//! scenario.strategies.push(Strategy::of("keys of a minute", Part { cache: Some(short), ..Part::default() }));
//! scenario.check()?; // what `run` would refuse is refused here, without playing
//! # Ok::<(), datakey_sim::Error>(())
//! ```
//!
//! # What is refused
//!
//! A field that does not exist, so that a misspelt one is not a default in silence; and a value out of its limits, by its name and with
//! what is allowed. Both before anything is played.
//!
//! ```
//! use datakey_sim::{Error, Scenario};
//!
//! let misspelt = Scenario::from_toml("name = 'x'\nfleet = { host = 3 }");
//! assert!(matches!(misspelt, Err(Error::Toml { line: 2, .. })));
//!
//! let too_many = Scenario::from_toml(r#"
//!     name = "x"
//!     fleet = { hosts = 200_000 }
//!     arrivals = { kind = "steady", posts_per_second = 1.0 }
//!     strategies = [{ name = "alone", parts = [{}] }]
//! "#);
//! let Err(Error::Value { field, allowed, .. }) = too_many else { panic!("{too_many:?}") };
//! assert!(field.contains("hosts") && allowed.contains("100"));
//! ```
