//! A fleet of services on one AWS KMS quota, played under virtual time: what is throttled, how long it waits, what it costs.
//!
//! Whether a service gets along with its KMS quota depends on how many hosts it has, what they seal, for whom, and what happens on a
//! bad day. [`run`] finds out before production does. It is no model: each host has the real keyring (`datakey-keyring`), the real
//! retries (`datakey-retry`) and the real branch keys (`datakey-branch-keys`), and calls the emulator (`datakey-fake-kms`), which counts
//! its quota as KMS does. Only the clock is not real: a thousand hosts play an hour in a minute or less, and the same
//! [`Scenario`] gives the same [`Simulation`] to the last number.
//!
//! # Thirty lines that work
//!
//! ```
//! use datakey_sim::{Limit, Scenario, run};
//!
//! let scenario = Scenario::from_toml(r#"
//!     name = "too-many-orders"
//!     teaches = "Retrying does not raise a quota; a cache does not need it."
//!     duration = "2m"
//!
//!     [fleet]
//!     hosts = 10
//!     callers = 4
//!
//!     [arrivals]
//!     kind = "poisson"
//!     posts_per_second = 1.0     # at each host
//!     messages_per_post = 10
//!
//!     [kms]
//!     quota_per_second = 50      # half of what it takes to ask for each message
//!
//!     [[strategies]]
//!     name = "retry alone"
//!     parts = [{}]
//!
//!     [[strategies]]
//!     name = "data key caching"
//!     parts = [{ cache = { messages = 5_000 } }]
//! "#)?;
//! let simulation = run(&scenario)?;
//! let [alone, caching] = &simulation.outcomes[..] else { panic!("two strategies have two outcomes") };
//! assert!(alone.kms.throttled > 0 && alone.sealing.waiting > 1_000);
//! assert_eq!((caching.sealing.done, caching.kms.answered), (caching.sealing.offered, 10));
//! assert!(caching.cost.usd_per_month < alone.cost.usd_per_month);
//! # Ok::<(), datakey_sim::Error>(())
//! ```
//!
//! # Defaults
//!
//! | what | default | field |
//! |---|---|---|
//! | time | 1 hour, told in steps of 10 seconds | [`Scenario::duration`], [`Scenario::step`] |
//! | hosts | 100, which start within 1 second | [`Fleet`] |
//! | a host | asks for 8 keys at once, while 1,000 requests wait; what comes then is given up | [`Fleet::callers`], [`Fleet::backlog`] |
//! | messages | 300 bytes, one encryption context for all | [`Messages`], [`Contexts`] |
//! | readers | none; where there are, ten, and they open at once | [`Readers`] |
//! | KMS | the Region's quota, answers in 8 ms, one in a hundred after 40 ms | [`Kms`] |
//! | price | 0.03 USD for 10,000 calls, 1 USD a month for a key | [`Price`] |
//! | a strategy | datakey's retries, without a cache, each message by itself | [`Part`] |
//!
//! # What is played, and what is not
//!
//! A message is a use of a data key: it counts against the key's messages and bytes, and nothing is encrypted. Latency is the wait for a
//! key; what ciphers and networks beside KMS take comes on top. Timers are exact to the millisecond, as tokio's are.
//! `docs/simulate.md` has the whole list.
#![forbid(unsafe_code)]

mod arrivals;
mod builtin;
mod check;
mod desk;
mod error;
mod file;
#[cfg(any(doc, doctest))]
pub mod guide;
mod host;
mod material;
mod outcome;
pub mod plan;
mod play;
mod read;
mod reader;
mod run;
mod scenario;
mod seeds;
mod series;
mod service;
mod span;
mod stack;
mod strategy;
mod tally;
mod trace;
mod verdict;
mod why;
mod world;

pub use arrivals::Arrivals;
pub use builtin::BuiltIn;
pub use error::Error;
pub use outcome::{
    Bound, Cost, Exposure, Flow, KmsCalls, Latencies, Limit, OperationCalls, Outcome, Simulation, Step,
};
pub use run::{run, run_watched};
pub use scenario::{Contexts, Fleet, Kms, Messages, Price, Readers, Restart, Scenario, quota_of_region};
pub use service::{Fault, FaultKind, Latency, Neighbour};
pub use span::{NotASpan, Span};
pub use strategy::{BranchKeys, Cache, Part, Retry, Strategy};

#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
