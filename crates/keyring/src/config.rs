//! Settings that both keyrings have, and what is wrong with settings.
use std::time::Duration;

use datakey_loads::GateLimits;
use thiserror::Error;

/// How many loads are in flight at once: 64.
///
/// At 20 ms a call that is 3,200 loads a second, below the smallest KMS quota of 10,000 requests a second.
pub const DEFAULT_MAX_LOADS: usize = 64;

/// How many loads wait for their turn: 4,096, a kilobyte or so each.
///
/// More than that are refused at once with [`KeyringError::QueueFull`](crate::KeyringError::QueueFull). Those whose callers
/// have gone do not wait.
pub const DEFAULT_MAX_QUEUED: usize = 4096;

/// How long a load may take whose provider does not say how long it is patient itself, retries included: 90 seconds. One
/// that waits for its turn among [`DEFAULT_MAX_LOADS`] has as long for that.
///
/// It is the net under a provider that hangs. A provider that gives up by itself says after how long
/// ([`sealing_time_limit`](datakey_provider::SealingProvider::sealing_time_limit),
/// [`opening_time_limit`](datakey_provider::OpeningProvider::opening_time_limit)), as a retry layer does; a load then
/// takes a second more at the most, so that the provider's own error is the one that callers see. Callers have deadlines
/// of their own; a load outlives them.
pub const DEFAULT_LOAD_TIMEOUT: Duration = Duration::from_secs(90);

/// How much longer than its provider a load is patient.
const LOAD_GRACE: Duration = Duration::from_secs(1);

/// The settings that both keyrings have.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct LoadSettings {
    /// By default what the provider says of itself decides.
    pub(crate) timeout: Option<Duration>,
    pub(crate) max_loads: usize,
    pub(crate) max_queued: usize,
    pub(crate) seed: Option<u64>,
}

impl Default for LoadSettings {
    fn default() -> Self {
        Self {
            timeout: None,
            max_loads: DEFAULT_MAX_LOADS,
            max_queued: DEFAULT_MAX_QUEUED,
            seed: None,
        }
    }
}

impl LoadSettings {
    pub(crate) fn check(&self) -> Result<(), ConfigError> {
        nonzero("a load timeout", self.timeout != Some(Duration::ZERO))?;
        nonzero("a limit on loads", self.max_loads > 0)
    }

    /// The limits of a gate of which one lane may have so many places, over a provider that gives up after this time.
    pub(crate) fn gate(&self, in_lane: usize, provider: Option<Duration>) -> GateLimits {
        let by_provider = || Some(provider?.saturating_add(LOAD_GRACE));
        GateLimits {
            loads: self.max_loads,
            in_lane,
            queued: self.max_queued,
            deadline: self.timeout.or_else(by_provider).unwrap_or(DEFAULT_LOAD_TIMEOUT),
        }
    }

    /// Three quarters, and all but one at most; all where there is room for one.
    pub(crate) const fn lane_width(&self) -> usize {
        let spare = if self.max_loads > 1 && self.max_loads < 4 {
            1
        } else {
            self.max_loads / 4
        };
        self.max_loads.saturating_sub(spare)
    }
}

/// Why a keyring cannot be built with these settings.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum ConfigError {
    /// A limit is zero, so that no key could ever be used.
    #[error("{0} of zero leaves no key to use; for a keyring without a cache see `uncached`")]
    Zero(&'static str),
    /// The soft age is over the hard age.
    #[error("the soft age {soft:?} is over the hard age {hard:?}")]
    SoftOverHard {
        /// The soft age.
        soft: Duration,
        /// The hard age.
        hard: Duration,
    },
    /// The provider answers more wrapped keys for each data key than the message format holds: too many providers as one.
    #[error(
        "the provider answers {each} wrapped keys for each data key, and the message format holds {limit}; \
         take fewer providers together"
    )]
    TooManyWrappedKeys {
        /// What the provider says that it answers.
        each: usize,
        /// What the format holds.
        limit: usize,
    },
}

pub(crate) const fn nonzero(what: &'static str, is: bool) -> Result<(), ConfigError> {
    if is { Ok(()) } else { Err(ConfigError::Zero(what)) }
}

/// How many times in a row a caller starts over because of an invalidation. Past that, invalidations come faster than
/// keys can be loaded.
pub(crate) const MAX_RESTARTS: u32 = 8;
