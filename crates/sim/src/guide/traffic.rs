//! When work comes: the five kinds of [`Arrivals`](crate::Arrivals), and a trace from production.
//!
//! What a quota sees is not the average but the second with the most calls. So the first thing to know about a load is how uneven it
//! is, and the kinds differ in just that:
//!
//! | kind | for | the unevenness |
//! |---|---|---|
//! | `steady` | timers, pollers, a pipeline at a fixed pace | none but the phase of each host |
//! | `poisson` | many independent users | that of chance |
//! | `bursts` | a bulk post, a cron job, the top of the hour | all hosts at once, so many times as much |
//! | `diurnal` | a service with a day and a night | that of the day, and of chance |
//! | `trace` | what was measured | what was measured |
//!
//! # The average tells little
//!
//! Two loads with the same number of messages, below the same quota on average. One comes at an even pace, and the other within some
//! seconds of each minute:
//!
//! ```
//! use datakey_sim::{Arrivals, Scenario, Span, run};
//!
//! let mut scenario = Scenario::from_toml(r#"
//!     name = "average"
//!     duration = "3m"
//!     fleet = { hosts = 5 }
//!     arrivals = { kind = "steady", posts_per_second = 4.0 }
//!     kms = { quota_per_second = 40 }
//!     strategies = [{ name = "no retry", parts = [{ retry = { kind = "none" } }] }]
//! "#)?;
//! let steady = run(&scenario)?.outcomes.remove(0);
//! scenario.arrivals = Arrivals::Bursts {
//!     posts_per_second: 1.0,
//!     messages_per_post: 1,
//!     every: Span::from_secs(60),
//!     lasting: Span::from_secs(6),
//!     times: 31.0, // 31 a second for a tenth of the time and one a second for the rest: four a second
//! };
//! let bursts = run(&scenario)?.outcomes.remove(0);
//! assert_eq!(steady.kms.throttled, 0);
//! assert!(bursts.kms.throttled * 3 > bursts.sealing.offered, "{:?}", bursts.kms);
//! # Ok::<(), datakey_sim::Error>(())
//! ```
//!
//! # Chance is part of a load
//!
//! Posts of `poisson` are drawn from the scenario's [seed](crate::Scenario::seed), so a scenario gives the same numbers each time. What
//! depends on chance is seen by playing it with other seeds; a claim that holds for one of them only is not one to build on.
//!
//! ```
//! use datakey_sim::{Scenario, run};
//!
//! let mut scenario = Scenario::from_toml(r#"
//!     name = "chance"
//!     duration = "30s"
//!     fleet = { hosts = 3 }
//!     arrivals = { kind = "poisson", posts_per_second = 2.0 }
//!     strategies = [{ name = "alone", parts = [{}] }]
//! "#)?;
//! let mut offered = |seed| {
//!     scenario.seed = seed;
//!     Ok::<_, datakey_sim::Error>(run(&scenario)?.outcomes[0].sealing.offered)
//! };
//! let counts = [offered(1)?, offered(2)?, offered(3)?];
//! assert_eq!(offered(1)?, counts[0]);
//! // 180 on average, and within some tens of it by chance.
//! assert!(counts.iter().all(|count| (120..240).contains(count)) && counts[0] != counts[2], "{counts:?}");
//! # Ok::<(), datakey_sim::Error>(())
//! ```
//!
//! # Bursts come to all hosts at once
//!
//! That is what makes them a problem: the first burst begins `every` after the start, and each host has `times` as many posts while it
//! lasts. A job that each host starts at a time of its own is `steady` with few posts of many messages.
//!
//! # A day
//!
//! `diurnal` begins with the fewest posts and has the most after half a `period`. The most is what has to hold. A period shorter than
//! a day shows the same in less time, as long as it is much longer than the ages of the keys.
//!
//! # A trace from production
//!
//! One number for each step: posts of the whole fleet in it. Within a step they come at random. A trace tells how uneven a load is over
//! minutes, not within a second; steps of a second do, where they can be had. After the last step nothing comes, so a trace is as long as
//! the duration, or what stands at the end shows how soon the fleet recovers.
//!
//! ```
//! use datakey_sim::{Arrivals, Scenario, Span, run};
//!
//! // What a dashboard had: requests a minute, of all hosts together.
//! let measured = [120.0, 600.0, 60.0];
//! let mut scenario = Scenario::from_toml(r#"
//!     name = "measured"
//!     duration = "4m"
//!     step = "1m"
//!     fleet = { hosts = 3 }
//!     arrivals = { kind = "trace", posts = [0], step = "1m" }
//!     strategies = [{ name = "alone", parts = [{}] }]
//! "#)?;
//! scenario.arrivals = Arrivals::Trace {
//!     posts: measured.to_vec(),
//!     file: None,
//!     step: Span::from_secs(60),
//!     messages_per_post: 1,
//! };
//! let outcome = run(&scenario)?.outcomes.remove(0);
//! let offered: Vec<u64> = outcome.series.iter().map(|step| step.offered).collect();
//! assert!(offered[1] > 3 * offered[0] && offered[0] > offered[2], "{offered:?}");
//! assert_eq!(offered[3], 0); // nothing is known of the fourth minute
//! # Ok::<(), datakey_sim::Error>(())
//! ```
//!
//! Counts of *messages* are turned into posts by dividing them by the messages that come together. CloudTrail's counts are calls of KMS,
//! not messages: they tell a load only where each message is a call.
//!
//! A trace is played to the last post, whatever the number of hosts and the seed are: it is a measurement and no rate. Where chance is
//! wanted, as for many runs with seeds of their own, take [`Arrivals::Poisson`](crate::Arrivals::Poisson) or one of the others with the
//! rate that was measured.
