//! What is played: a fleet, what it has to seal, and the service that it calls.
use serde::{Deserialize, Serialize};

use crate::{Arrivals, Fault, Latency, Neighbour, Strategy, span::Span};

/// A fleet, what it has to seal, the KMS that it calls, and the ways in which it may do so.
///
/// Read from TOML with [`from_toml`](Self::from_toml) or, with the trace that it may name, from a file with
/// [`load`](Self::load). Unknown fields are refused; what is left out has its default. Lengths of time are written as
/// `"30s"`, see [`Span`].
///
/// ```
/// use datakey_sim::Scenario;
///
/// let scenario = Scenario::from_toml(r#"
///     name = "two-hosts"
///     teaches = "Two hosts need two data keys."
///     duration = "1m"
///     fleet = { hosts = 2 }
///     arrivals = { kind = "steady", posts_per_second = 1.0, messages_per_post = 10 }
///     strategies = [{ name = "caching", parts = [{ cache = {} }] }]
/// "#)?;
/// assert_eq!(scenario.fleet.hosts, 2);
/// assert!(Scenario::from_toml("name = 'x'\nhost = 3").is_err());
/// # Ok::<(), datakey_sim::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Scenario {
    /// Its name: what a file is called without `.toml`.
    pub name: String,
    /// What it teaches, in a sentence.
    #[serde(default)]
    pub teaches: String,
    /// What all random numbers are drawn from. The same seed gives the same numbers. Default: 1.
    #[serde(default = "one")]
    pub seed: u64,
    /// How long it is played, in virtual time, from 1 second to 31 days. Default: 1 hour.
    #[serde(default = "hour")]
    pub duration: Span,
    /// How long each step of the time series is. Default: 10 seconds; at most 100,000 steps.
    #[serde(default = "ten_seconds")]
    pub step: Span,
    /// The hosts that seal.
    #[serde(default)]
    pub fleet: Fleet,
    /// When there is something to seal.
    pub arrivals: Arrivals,
    /// The messages.
    #[serde(default)]
    pub messages: Messages,
    /// The encryption contexts.
    #[serde(default)]
    pub contexts: Contexts,
    /// The hosts that open what was sealed; none unless given.
    #[serde(default)]
    pub readers: Option<Readers>,
    /// The KMS.
    #[serde(default)]
    pub kms: Kms,
    /// What it costs.
    #[serde(default)]
    pub price: Price,
    /// Others who call KMS in the same account and Region.
    #[serde(default)]
    pub neighbours: Vec<Neighbour>,
    /// What goes wrong at KMS.
    #[serde(default)]
    pub faults: Vec<Fault>,
    /// When hosts are restarted.
    #[serde(default)]
    pub restarts: Vec<Restart>,
    /// The ways in which the fleet may go about it, each played by itself, with a KMS of its own. 1 to 32.
    pub strategies: Vec<Strategy>,
}

/// The hosts that seal.
///
/// A host is a process with caches of its own. What shares one `Keyring` is one host, however many threads it has.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Fleet {
    /// How many, from 1 to 100,000. Default: 100.
    pub hosts: u32,
    /// Within which time they start, evenly. Default: 1 second.
    pub start_within: Span,
    /// How many requests for a key a host has under way at once, from 1 to 10,000. Default: 8.
    pub callers: u32,
    /// How many requests for a key wait in a host for one of those places; what comes to a full host is given up at once, as a
    /// bounded queue does. From 0 to 10,000,000. Default: 1,000.
    pub backlog: u32,
}

impl Default for Fleet {
    fn default() -> Self {
        Self {
            hosts: 100,
            start_within: Span::from_secs(1),
            callers: 8,
            backlog: 1_000,
        }
    }
}

/// The messages.
///
/// The length counts against the bytes of a data key, and for nothing else: nothing is encrypted, and nothing is sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Messages {
    /// The length of each, in bytes, up to 1 TiB. Default: 300.
    pub bytes: u64,
}

impl Default for Messages {
    fn default() -> Self {
        Self { bytes: 300 }
    }
}

/// The encryption contexts.
///
/// Shares are Zipf's: the n-th most frequent context has a weight of n to the power of minus the skew.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Contexts {
    /// How many, from 1 to 1,000,000. Default: 1.
    pub count: u32,
    /// How unevenly messages spread over them: the exponent of Zipf's law, from 0 (evenly) to 5. Default: 0.
    pub skew: f64,
    /// Whether each message has a context of its own, as one with an order id in it has. Default: false.
    pub one_per_message: bool,
}

impl Default for Contexts {
    fn default() -> Self {
        Self {
            count: 1,
            skew: 0.0,
            one_per_message: false,
        }
    }
}

/// The hosts that open what was sealed. Each post goes to one of them, drawn at random.
///
/// Each has a cache of its own and none is told keys by who sealed, so each meets each data key for the first time once.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Readers {
    /// How many, from 1 to 100,000. Default: 10.
    pub hosts: u32,
    /// How long after it was sealed a post is opened, at least. Default: at once.
    pub delay_from: Span,
    /// How long after it was sealed a post is opened, at most; the time is drawn evenly. Default: as `delay_from`.
    pub delay_to: Span,
    /// How many requests for a key a reader has under way at once, from 1 to 10,000. Default: 8.
    pub callers: u32,
    /// How many wait in a reader for one of those places, from 0 to 10,000,000. Default: 100,000, as a queue of messages has room.
    pub backlog: u32,
}

impl Default for Readers {
    fn default() -> Self {
        Self {
            hosts: 10,
            delay_from: Span::ZERO,
            delay_to: Span::ZERO,
            callers: 8,
            backlog: 100_000,
        }
    }
}

impl Readers {
    /// The longest time after which a post is opened: `delay_to`, or `delay_from` where that is left out.
    #[must_use]
    pub fn latest(&self) -> Span {
        if self.delay_to.is_zero() {
            self.delay_from
        } else {
            self.delay_to
        }
    }
}

/// The KMS, in one Region.
///
/// Who is beyond the quota is refused with `ThrottlingException`, as KMS does: no call waits for its turn there.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Kms {
    /// The Region, by whose default quota it counts where none is given. Default: `us-east-1`.
    pub region: String,
    /// Cryptographic calls a second that are answered, all of them together. Default: what AWS gives an account in the Region.
    pub quota_per_second: Option<u64>,
    /// How long it takes for an answer.
    pub latency: Latency,
    /// How long the table of branch keys takes for an answer. Default: 5 ms.
    pub table_latency: Span,
}

impl Default for Kms {
    fn default() -> Self {
        Self {
            region: "us-east-1".to_owned(),
            quota_per_second: None,
            latency: Latency::default(),
            table_latency: Span::from_millis(5),
        }
    }
}

/// What KMS costs. The defaults are those of "AWS Key Management Service pricing", <https://aws.amazon.com/kms/pricing/>, for
/// symmetric keys in most Regions, as of November 2026.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Price {
    /// US dollars for 10,000 calls. Default: 0.03.
    pub usd_per_10_000_calls: f64,
    /// US dollars a month for a key. Default: 1.
    pub usd_per_key_month: f64,
    /// Keys. Default: 1.
    pub keys: u32,
    /// Calls a month that are free. Default: 0, as those 20,000 that AWS gives away are for all Regions together.
    pub free_calls: u64,
}

impl Kms {
    /// The quota that is played: the one that is given, or the Region's.
    pub(crate) fn quota(&self) -> u64 {
        self.quota_per_second
            .unwrap_or_else(|| quota_of_region(&self.region))
    }
}

/// What AWS gives an account for symmetric cryptographic operations a second, in a Region: "Request quotas" in the AWS KMS Developer Guide.
///
/// ```
/// assert_eq!(datakey_sim::quota_of_region("eu-central-1"), 20_000);
/// ```
///
/// A Region that it does not know has 10,000, as most have. What an account has been granted is in Service Quotas, and goes into
/// [`Kms::quota_per_second`].
#[must_use]
pub fn quota_of_region(region: &str) -> u64 {
    use datakey_fake_kms::{KmsOperation, Quota};
    let quota = Quota::of_kms(KmsOperation::Decrypt, region);
    [100_000, 20_000]
        .into_iter()
        .find(|calls| quota == Quota::per_second(*calls))
        .unwrap_or(10_000)
}

impl Default for Price {
    fn default() -> Self {
        Self {
            usd_per_10_000_calls: 0.03,
            usd_per_key_month: 1.0,
            keys: 1,
            free_calls: 0,
        }
    }
}

/// A time at which hosts are restarted: those that seal, and readers. What a host has under way it ends with the keys that it had; what
/// comes after finds a process without keys.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Restart {
    /// When the first is.
    pub at: Span,
    /// Within which time all are, evenly, in order: zero is all at once. Default: zero.
    #[serde(default)]
    pub over: Span,
}

const fn one() -> u64 {
    1
}

const fn hour() -> Span {
    Span::from_secs(3_600)
}

const fn ten_seconds() -> Span {
    Span::from_secs(10)
}
