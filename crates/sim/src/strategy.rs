//! How a fleet goes about it.
use serde::{Deserialize, Serialize};

use crate::span::Span;

/// A way to seal: what each host is made of. Parts of the fleet may do it differently.
///
/// ```
/// use datakey_sim::{Cache, Part, Strategy};
///
/// let half_moved = Strategy {
///     name: "half moved".to_owned(),
///     parts: vec![
///         Part { share: 0.5, ..Part::default() },
///         Part { share: 0.5, cache: Some(Cache::default()), ..Part::default() },
///     ],
/// };
/// assert_eq!(half_moved.parts.len(), 2);
/// ```
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Strategy {
    /// Its name, in tables and pictures, of 1 to 60 characters.
    pub name: String,
    /// Parts of the fleet with what each does, whose shares add up to 1. 1 to 16.
    pub parts: Vec<Part>,
}

/// What some of the hosts do. By default each message is a call of KMS, with datakey's retries.
///
/// Readers of what such hosts seal are made of the same, with caches, retries and branch keys of their own.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Part {
    /// The share of the fleet, above 0 and up to 1. Default: 1.
    pub share: f64,
    /// What tries again.
    pub retry: Retry,
    /// Data keys are kept and used for many messages. Default: each is used once.
    pub cache: Option<Cache>,
    /// The messages of a post that have one encryption context are sealed as the records of one message, under one data key.
    /// Default: false, each is a message of its own.
    pub records: bool,
    /// Data keys are wrapped locally, under branch keys. Default: by KMS.
    pub branch_keys: Option<BranchKeys>,
}

impl Default for Part {
    fn default() -> Self {
        Self {
            share: 1.0,
            retry: Retry::default(),
            cache: None,
            records: false,
            branch_keys: None,
        }
    }
}

/// What tries again after a failed call.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "kebab-case", deny_unknown_fields)]
#[non_exhaustive]
pub enum Retry {
    /// Nothing.
    None,
    /// Close to the AWS SDK's standard mode: three attempts, exponential backoff with full jitter from 1 to 20 seconds, tokens for 100
    /// throttled retries, of which one a second comes back (there, successes give them back). An attempt has 5 seconds, a call no deadline.
    Standard,
    /// datakey's policy: backoff, budget, adaptive rate, breaker, deadline.
    Datakey {
        /// The deadline of a call. Default: 60 seconds.
        #[serde(default = "minute")]
        deadline: Span,
        /// The most attempts of a call, from 1 to 10,000. Default: 32.
        #[serde(default = "attempts")]
        attempts: u32,
        /// Tokens of the retry budget, from 1 to 1,000,000,000. Default: 10,000.
        #[serde(default = "budget")]
        budget: u32,
        /// Tokens that the budget gains a second. Default: 100.
        #[serde(default = "refill")]
        budget_per_second: u32,
        /// Whether calls keep to a rate that is learnt from throttles. Default: true.
        #[serde(default = "yes")]
        adaptive_rate: bool,
    },
}

const fn minute() -> Span {
    Span::from_secs(60)
}

const fn attempts() -> u32 {
    datakey_retry::defaults::MAX_ATTEMPTS.get()
}

const fn budget() -> u32 {
    datakey_retry::defaults::BUDGET_CAPACITY
}

const fn refill() -> u32 {
    datakey_retry::defaults::BUDGET_REFILL_PER_SECOND
}

const fn yes() -> bool {
    true
}

impl Default for Retry {
    fn default() -> Self {
        Self::Datakey {
            deadline: minute(),
            attempts: attempts(),
            budget: budget(),
            budget_per_second: refill(),
            adaptive_rate: yes(),
        }
    }
}

/// The limits of the data keys that are kept. The defaults are those of `datakey-keyring`.
///
/// A limit out of the keyring's own limits is refused by [`Error::Build`](crate::Error::Build) or, where the scenario knows it, by
/// [`Error::Value`](crate::Error::Value).
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Cache {
    /// The age at which a data key is replaced. Default: 5 minutes.
    pub soft_age: Span,
    /// The age past which it is never used. Default: 15 minutes.
    pub hard_age: Span,
    /// The most messages under one. Default: 2^24.
    pub messages: u64,
    /// The most bytes under one. Default: 2^40.
    pub bytes: u64,
    /// The most contexts with a data key. Default: 1,024.
    pub contexts: u64,
    /// How long a reader keeps an opened data key. Default: 5 minutes.
    pub opening_age: Span,
    /// The most data keys that a reader keeps. Default: 8,192.
    pub opening_keys: u64,
}

impl Default for Cache {
    fn default() -> Self {
        Self {
            soft_age: datakey_keyring::DEFAULT_SOFT_AGE.into(),
            hard_age: datakey_keyring::DEFAULT_HARD_AGE.into(),
            messages: datakey_keyring::DEFAULT_MAX_MESSAGES,
            bytes: datakey_keyring::DEFAULT_MAX_BYTES,
            contexts: datakey_keyring::DEFAULT_MAX_CONTEXTS as u64,
            opening_age: datakey_keyring::DEFAULT_OPENING_TTL.into(),
            opening_keys: datakey_keyring::DEFAULT_MAX_OPENING_KEYS as u64,
        }
    }
}

/// The branch keys, and how long a host keeps them. The defaults are those of `datakey-branch-keys`.
///
/// Contexts share them evenly, as tenants do where a tenant is in the context. A data key under one is wrapped without a call.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct BranchKeys {
    /// How many, which the contexts share, from 1 to 10,000. Default: 1.
    pub count: u32,
    /// The age at which a branch key is fetched anew. Default: 1 hour.
    pub soft_age: Span,
    /// The age past which it is never used. Default: 2 hours.
    pub hard_age: Span,
    /// The most that a host keeps. Default: 1,000.
    pub keys: u64,
}

impl Default for BranchKeys {
    fn default() -> Self {
        Self {
            count: 1,
            soft_age: datakey_branch_keys::DEFAULT_SOFT_AGE.into(),
            hard_age: datakey_branch_keys::DEFAULT_HARD_AGE.into(),
            keys: datakey_branch_keys::DEFAULT_MAX_KEYS as u64,
        }
    }
}

impl Strategy {
    /// One that all hosts follow.
    #[must_use]
    pub fn of(name: &str, part: Part) -> Self {
        Self {
            name: name.to_owned(),
            parts: vec![part],
        }
    }
}
