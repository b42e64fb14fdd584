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

/// How long a load may take, the retries beneath it included: 90 seconds. One that waits for its turn among
/// [`DEFAULT_MAX_LOADS`] has as long for that.
///
/// It is the net under a provider that hangs, and longer than any provider should be patient, so that the provider's own
/// error is the one that callers see: the deadline of a retry layer is 60 seconds by default. Callers have deadlines of
/// their own; a load outlives them.
pub const DEFAULT_LOAD_TIMEOUT: Duration = Duration::from_secs(90);

/// The settings that both keyrings have.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct LoadSettings {
    pub(crate) timeout: Duration,
    pub(crate) max_loads: usize,
    pub(crate) max_queued: usize,
    pub(crate) seed: Option<u64>,
}

impl Default for LoadSettings {
    fn default() -> Self {
        Self {
            timeout: DEFAULT_LOAD_TIMEOUT,
            max_loads: DEFAULT_MAX_LOADS,
            max_queued: DEFAULT_MAX_QUEUED,
            seed: None,
        }
    }
}

impl LoadSettings {
    pub(crate) fn check(&self) -> Result<(), ConfigError> {
        nonzero("a load timeout", !self.timeout.is_zero())?;
        nonzero("a limit on loads", self.max_loads > 0)
    }

    /// The limits of a gate of which one lane may have so many places.
    pub(crate) const fn gate(&self, in_lane: usize) -> GateLimits {
        GateLimits {
            loads: self.max_loads,
            in_lane,
            queued: self.max_queued,
            deadline: self.timeout,
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
}

pub(crate) const fn nonzero(what: &'static str, is: bool) -> Result<(), ConfigError> {
    if is { Ok(()) } else { Err(ConfigError::Zero(what)) }
}

/// How many times in a row a caller starts over because of an invalidation. Past that, invalidations come faster than
/// keys can be loaded.
pub(crate) const MAX_RESTARTS: u32 = 8;
