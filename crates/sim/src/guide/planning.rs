//! Choosing without playing: [`plan`](crate::plan), what it assumes, and when to play instead.
//!
//! [`predict`](crate::plan::predict) has the calls of one way by arithmetic, and [`plan`](crate::plan::plan) tries all of them from the
//! simplest on. Both take microseconds, so a question can be asked for a thousand loads.
//!
//! # From load to code
//!
//! ```
//! use datakey_sim::{Span, plan::{Bounds, Way, Workload, plan}};
//!
//! let workload = Workload { records_per_second: 9_000.0, hosts: 40, readers: 8, ..Workload::default() };
//! let bounds = Bounds { quota_per_second: Some(5_500), max_age: Some(Span::from_secs(600)), ..Bounds::default() };
//! let plan = plan(&workload, &bounds)?;
//! let one = plan.recommended().expect("caching holds");
//! assert_eq!(one.way, Way::Caching);
//! assert!(one.part.cache.is_some_and(|cache| cache.hard_age <= Span::from_secs(600)));
//! assert!(one.snippet().contains("with_hard_age"));
//! // Simpler ways are there too, each with what it does not keep to.
//! assert!(!plan.candidates[0].holds() && plan.candidates[0].fails[0].contains("calls a second"));
//! # Ok::<(), datakey_sim::Error>(())
//! ```
//!
//! # Until when does a way hold
//!
//! Growth is the usual question, and a loop answers it: at which load does what is recommended today stop to be enough?
//!
//! ```
//! use datakey_sim::plan::{Bounds, Way, Workload, plan};
//!
//! let bounds = Bounds { quota_per_second: Some(1_000), ..Bounds::default() };
//! let way = |records_per_second| {
//!     let workload = Workload { records_per_second, hosts: 20, ..Workload::default() };
//!     Ok::<_, datakey_sim::Error>(plan(&workload, &bounds)?.recommended().map(|one| one.way))
//! };
//! // 30 percent of the quota stay free, so retrying alone does for 700 calls a second.
//! assert_eq!(way(600.0)?, Some(Way::RetryAlone));
//! assert_eq!(way(800.0)?, Some(Way::Caching));
//! assert_eq!(way(100_000.0)?, Some(Way::Caching)); // more records under the same keys
//! # Ok::<(), datakey_sim::Error>(())
//! ```
//!
//! # What a bound costs
//!
//! Security asks for a shorter life of keys, operations for fewer calls. Both see the same number:
//!
//! ```
//! use datakey_sim::{Cache, Part, Span, plan::{Workload, predict}};
//!
//! let workload = Workload { records_per_second: 2_000.0, hosts: 50, contexts: datakey_sim::Contexts { count: 30, ..Default::default() }, ..Workload::default() };
//! let calls = |minutes: u64| {
//!     let cache = Cache { soft_age: Span::from_secs(60 * minutes), hard_age: Span::from_secs(180 * minutes), ..Cache::default() };
//!     Ok::<_, datakey_sim::Error>(predict(&workload, &Part { cache: Some(cache), ..Part::default() })?.calls_per_second())
//! };
//! let (one, five) = (calls(1)?, calls(5)?);
//! assert!(one > 4.0 * five && five < 10.0, "{one} and {five}");
//! # Ok::<(), datakey_sim::Error>(())
//! ```
//!
//! # The start of a fleet
//!
//! [`at_start`](crate::plan::Prediction::at_start) is how many calls more a fleet makes once, and
//! [`first_second`](crate::plan::Prediction::first_second) how many come in the first second where all hosts start at once. A way that
//! takes ten calls a second may take thousands in that one, which retries spread.
//!
//! ```
//! use datakey_sim::{Cache, Contexts, Part, plan::{Workload, predict}};
//!
//! let contexts = Contexts { count: 100, ..Contexts::default() };
//! let workload = Workload { records_per_second: 50_000.0, hosts: 100, contexts, ..Workload::default() };
//! let prediction = predict(&workload, &Part { cache: Some(Cache::default()), ..Part::default() })?;
//! assert!(prediction.calls_per_second() < 50.0);
//! assert!(prediction.first_second > 5_000.0, "{prediction:?}");
//! // In a deployment's first hour the start is a part of the bill.
//! assert!(prediction.calls_within(3_600.0) > 3_600.0 * prediction.calls_per_second());
//! # Ok::<(), datakey_sim::Error>(())
//! ```
//!
//! Such a start may be longer than callers wait, though the quota suffices by far later. So a plan has a [`Start`](crate::plan::Start) for
//! each way: the calls until the quota has caught up, how long that takes, and how much waits meanwhile. A way whose start outlasts
//! the deadline of a call, or fills the room for messages that wait in a host, does not hold, and [`why`](crate::plan::Plan::why) says what
//! would help:
//!
//! - Hosts that start one after the other, within the time that the start takes or longer. A rollout by waves is that.
//! - Hosts that ask for their keys before messages come, as slowly as the quota has them.
//! - A longer deadline, with room for what waits until then. It helps batch jobs, and no user who waits for a page.
//! - A higher quota. By how much says the start of a plan with that quota.
//! - Fewer keys to ask for. A host asks for each branch key once, whatever the number of contexts, so the start of
//!   [`Way::BranchKeys`](crate::plan::Way::BranchKeys) is as many calls as there are hosts and branch keys.
//!
//! ```
//! use datakey_sim::{Contexts, plan::{Bounds, Way, Workload, plan}};
//!
//! let contexts = Contexts { count: 100, ..Contexts::default() };
//! let workload = Workload { records_per_second: 2_000.0, hosts: 20, contexts, ..Workload::default() };
//! let way = |quota| {
//!     let bounds = Bounds { quota_per_second: Some(quota), ..Bounds::default() };
//!     Ok::<_, datakey_sim::Error>(plan(&workload, &bounds)?.recommended().map(|one| one.way))
//! };
//! // Once it runs, caching takes less than three calls a second; its start needs more than ten.
//! assert_eq!(way(10)?, Some(Way::BranchKeys));
//! assert_eq!(way(400)?, Some(Way::Caching));
//! # Ok::<(), datakey_sim::Error>(())
//! ```
//!
//! # Nothing holds
//!
//! Then [`Plan::chosen`](crate::plan::Plan::chosen) is `None` and [`why`](crate::plan::Plan::why) says what has to give. It is not an
//! error: errors are for values that are out of their limits.
//!
//! ```
//! use datakey_sim::{Contexts, plan::{Bounds, Workload, plan}};
//!
//! let contexts = Contexts { one_per_message: true, ..Contexts::default() };
//! let workload = Workload { records_per_second: 100.0, hosts: 5_000, contexts, ..Workload::default() };
//! let bounds = Bounds { quota_per_second: Some(1), others_per_second: 1.0, ..Bounds::default() };
//! let plan = plan(&workload, &bounds)?;
//! assert!(plan.recommended().is_none() && !plan.why.is_empty());
//! assert!(plan.candidates.iter().all(|one| !one.fails.is_empty()));
//! # Ok::<(), datakey_sim::Error>(())
//! ```
//!
//! # From a plan to a scenario
//!
//! A candidate's [`part`](crate::plan::Candidate::part) is what a scenario has in its strategies. So what arithmetic recommends is played
//! as it is, with bursts and an outage that arithmetic does not know:
//!
//! ```
//! use datakey_sim::{BuiltIn, Strategy, plan::{Bounds, Workload, plan}, run};
//!
//! let workload = Workload { records_per_second: 50.0, hosts: 4, ..Workload::default() };
//! let bounds = Bounds { quota_per_second: Some(20), ..Bounds::default() };
//! let recommended = plan(&workload, &bounds)?.recommended().expect("one holds").part.clone();
//!
//! let mut scenario = BuiltIn::named("bulk-post")?.scenario()?;
//! scenario.fleet.hosts = 4;
//! scenario.kms.quota_per_second = Some(20);
//! scenario.duration = datakey_sim::Span::from_secs(60);
//! scenario.strategies = vec![Strategy::of("as planned", recommended)];
//! assert!(run(&scenario)?.outcomes[0].is_well());
//! # Ok::<(), datakey_sim::Error>(())
//! ```
//!
//! # Play instead
//!
//! - when the load is uneven by more than chance: bursts, a day, a trace;
//! - when something goes wrong in it: faults, neighbours, restarts;
//! - when [`is_estimate`](crate::plan::Prediction::is_estimate) is set, because a cache is smaller than what it has to keep;
//! - when the answer is near a bound: arithmetic is within 10 percent of what is played.
