//! What came of a scenario: counts, times, money, and how it went over time.
use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::Scenario;

/// A scenario and what came of it, for each of its strategies in their order.
///
/// It equals another one to the last number where scenario and version are the same, so it can be compared, kept as JSON and read by other
/// tools: it serializes with serde, under the names of its fields.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Simulation {
    /// What was played.
    pub scenario: Scenario,
    /// Cryptographic calls that KMS answers in a second: the quota that was played.
    pub quota_per_second: u64,
    /// What came of each strategy.
    pub outcomes: Vec<Outcome>,
}

/// What came of a strategy. Counts of messages are those of the whole fleet over the whole time.
///
/// How to read one is in [`guide::reading`](crate::guide::reading): first whether all got done, then how long it waited, then what limited
/// it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Outcome {
    /// The name of the strategy.
    pub strategy: String,
    /// What hosts sealed, or tried to.
    pub sealing: Flow,
    /// What readers opened, or tried to. All zero where there are none.
    pub opening: Flow,
    /// What KMS was asked.
    pub kms: KmsCalls,
    /// What that costs.
    pub cost: Cost,
    /// How much one data key seals, and for how long.
    pub exposure: Exposure,
    /// What limited it, most often first; limits that were never met are left out.
    pub limits: Vec<Bound>,
    /// The limit that decided. Where messages were given up, the one by which most of them were: the quota, for those whose last answer was
    /// a refusal, and for those that found no room where KMS refused much. Otherwise the quota, if KMS refused more than one call for each
    /// thousand that it answered; otherwise the one that ended the most data keys. `None` where nothing bound.
    pub decided: Option<Limit>,
    /// How it went over time: one step after the other, all of the length of [`Scenario::step`], the last one cut short by the end.
    pub series: Vec<Step>,
}

/// Messages on their way through one half: sealed, or opened.
///
/// `offered` is `done`, `failed` and `waiting` together. A queue that grows shows in `waiting` alone: nothing has failed yet.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Flow {
    /// Messages that came.
    pub offered: u64,
    /// Messages for which there was a key.
    pub done: u64,
    /// Messages that were given up.
    pub failed: u64,
    /// Messages that still waited at the end.
    pub waiting: u64,
    /// Messages done a second, over the whole time.
    pub per_second: f64,
    /// Messages that were given up, by why: the class of the last failure, and what ended the call, as in `throttled: deadline`.
    pub errors: BTreeMap<String, u64>,
    /// How long messages that were done waited for their key, from when they came: zero for those that found one.
    pub latency: Latencies,
}

/// How long messages waited for their key, in seconds, to three digits. What was given up is not in it.
///
/// From a histogram over all messages, not an average of percentiles of hosts, so the 99.9th percentile is that of the fleet.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
pub struct Latencies {
    /// On average.
    pub mean_seconds: f64,
    /// Half of them waited no longer.
    pub p50_seconds: f64,
    /// Nine of ten.
    pub p90_seconds: f64,
    /// 99 of 100.
    pub p99_seconds: f64,
    /// 999 of 1,000.
    pub p999_seconds: f64,
    /// The longest.
    pub max_seconds: f64,
}

/// What KMS was asked by the fleet and its readers, and by neighbours.
///
/// Each attempt is a call, so where much is refused there are far more calls than keys. CloudTrail counts the same way.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[non_exhaustive]
pub struct KmsCalls {
    /// Calls of the fleet and its readers that were answered with what they asked for.
    pub answered: u64,
    /// Calls that were refused with `ThrottlingException`.
    pub throttled: u64,
    /// Calls that failed otherwise, or were never answered.
    pub failed: u64,
    /// The most calls of the fleet, its readers and neighbours that were answered in a second, over a step.
    pub peak_per_second: f64,
    /// The same by operation: `GenerateDataKey`, `Encrypt`, `Decrypt`. Those that were never called are left out.
    pub by_operation: BTreeMap<String, OperationCalls>,
    /// Calls of neighbours that were answered.
    pub neighbours_answered: u64,
    /// Calls of neighbours that were refused.
    pub neighbours_throttled: u64,
}

/// Calls of one operation.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct OperationCalls {
    /// Answered with what they asked for.
    pub answered: u64,
    /// Refused with `ThrottlingException`.
    pub throttled: u64,
    /// Failed otherwise, or never answered.
    pub failed: u64,
}

/// What the calls cost, if every hour were as those played.
///
/// A free allowance is taken off once, as for one Region. What is played stands for every hour: give it the load of an average one.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
pub struct Cost {
    /// Calls a month of 730 hours that are paid for: those that were answered.
    pub calls_per_month: f64,
    /// US dollars a month for calls.
    pub calls_usd_per_month: f64,
    /// US dollars a month for keys.
    pub keys_usd_per_month: f64,
    /// US dollars a month together. Tables of branch keys are not in it.
    pub usd_per_month: f64,
}

/// How much one data key seals, and for how long: what is exposed with one.
///
/// What somebody with one data key can open. It is what caching is paid with, and bounded by [`Cache::messages`](crate::Cache::messages),
/// [`Cache::bytes`](crate::Cache::bytes) and the ages.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
pub struct Exposure {
    /// Data keys that sealed something.
    pub data_keys: u64,
    /// The most messages under one.
    pub max_messages: u64,
    /// Messages under one, on average.
    pub mean_messages: f64,
    /// The most bytes under one.
    pub max_bytes: u64,
    /// Bytes under one, on average.
    pub mean_bytes: f64,
    /// The longest time from when one was made to its last use, in seconds.
    pub max_seconds: f64,
    /// That time on average, in seconds.
    pub mean_seconds: f64,
}

/// Something that limits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum Limit {
    /// The quota of KMS: counts calls that it refused, for whatever reason it said `ThrottlingException`.
    Quota,
    /// The age of sealing keys: counts data keys that were used until they were old.
    KeyAge,
    /// Messages under a data key: counts data keys that were used up so.
    KeyMessages,
    /// Bytes under a data key: counts data keys that were used up so.
    KeyBytes,
    /// The room for sealing keys: counts data keys that made room for others.
    SealingKeys,
    /// The age of opened keys: counts those that were asked for anew because they were old, or soon to be.
    OpeningAge,
    /// The room for opened keys: counts those that made room for others.
    OpeningKeys,
    /// The deadline of a call: counts messages given up.
    Deadline,
    /// The attempts of a call: counts messages given up.
    Attempts,
    /// The retry budget: counts messages given up.
    RetryBudget,
    /// The circuit breaker: counts messages given up.
    Breaker,
    /// The loads that a keyring has under way or waiting: counts messages given up.
    Loads,
    /// The backlog of a host: counts messages given up.
    Backlog,
}

impl Limit {
    /// Every limit, in the order in which they are told.
    pub const ALL: [Self; 13] = [
        Self::Quota,
        Self::KeyAge,
        Self::KeyMessages,
        Self::KeyBytes,
        Self::SealingKeys,
        Self::OpeningAge,
        Self::OpeningKeys,
        Self::Deadline,
        Self::Attempts,
        Self::RetryBudget,
        Self::Breaker,
        Self::Loads,
        Self::Backlog,
    ];

    /// What it is, in a few words.
    ///
    /// ```
    /// use datakey_sim::Limit;
    /// assert_eq!(Limit::KeyAge.as_str(), "the age of data keys");
    /// ```
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Quota => "the quota of KMS",
            Self::KeyAge => "the age of data keys",
            Self::KeyMessages => "the messages under a data key",
            Self::KeyBytes => "the bytes under a data key",
            Self::SealingKeys => "the room for sealing keys",
            Self::OpeningAge => "the age of opened keys",
            Self::OpeningKeys => "the room for opened keys",
            Self::Deadline => "the deadline of a call",
            Self::Attempts => "the attempts of a call",
            Self::RetryBudget => "the retry budget",
            Self::Breaker => "the circuit breaker",
            Self::Loads => "the loads of a keyring",
            Self::Backlog => "the backlog of a host",
        }
    }

    /// Whether it counts messages that were given up.
    ///
    /// The others count data keys that ended, or calls; so two bounds are compared only where both count the same.
    ///
    /// ```
    /// use datakey_sim::Limit;
    ///
    /// assert!(Limit::Deadline.is_of_messages() && !Limit::KeyAge.is_of_messages() && !Limit::Quota.is_of_messages());
    /// assert_eq!(Limit::ALL.iter().filter(|limit| limit.is_of_messages()).count(), 6);
    /// ```
    #[must_use]
    pub const fn is_of_messages(self) -> bool {
        matches!(
            self,
            Self::Deadline | Self::Attempts | Self::RetryBudget | Self::Breaker | Self::Loads | Self::Backlog
        )
    }
}

/// How often a limit was met; what is counted is said at each [`Limit`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Bound {
    /// The limit.
    pub limit: Limit,
    /// How often.
    pub times: u64,
}

/// One step of the time series: counts of what happened in it, and how things stood at its end.
///
/// Counts are of what happened within it; `waiting`, `sealing_keys` and `opening_keys` are as things stood at its end. A rate is a count
/// through `seconds`, which is less for the last step where the end cuts it short.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Step {
    /// When it began, in seconds after the start.
    pub at_seconds: f64,
    /// Its length, in seconds.
    pub seconds: f64,
    /// Calls of the fleet and its readers that KMS answered.
    pub kms_answered: u64,
    /// Calls of theirs that KMS refused.
    pub kms_throttled: u64,
    /// Calls of theirs that failed otherwise.
    pub kms_failed: u64,
    /// Calls of neighbours that KMS answered.
    pub neighbours_answered: u64,
    /// Calls of neighbours that KMS refused.
    pub neighbours_throttled: u64,
    /// Messages that came.
    pub offered: u64,
    /// Messages sealed.
    pub sealed: u64,
    /// Messages opened.
    pub opened: u64,
    /// Messages given up, by either half.
    pub failed: u64,
    /// Those of them that were given up while they were opened.
    #[serde(default)]
    pub opening_failed: u64,
    /// Messages that wait, in either half, at its end.
    pub waiting: u64,
    /// Data keys that hosts have to seal with, at its end.
    pub sealing_keys: u64,
    /// Data keys that readers have to open with, at its end.
    pub opening_keys: u64,
}
