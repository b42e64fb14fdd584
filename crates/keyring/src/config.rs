//! Settings that both keyrings have, and what is wrong with settings.
use std::{
    fmt,
    sync::Arc,
    time::{Duration, SystemTime},
};

use datakey_loads::{GateLimits, Slept};
use thiserror::Error;

use crate::watch::record::Voice;

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
///
/// A provider that answers within milliseconds and hangs once in a month makes callers without deadlines wait for that long, once.
pub const DEFAULT_LOAD_TIMEOUT: Duration = Duration::from_secs(90);

/// How much longer than its provider a load is patient.
const LOAD_GRACE: Duration = Duration::from_secs(1);

/// The settings that both keyrings have.
#[derive(Debug, Clone)]
pub(crate) struct LoadSettings {
    /// By default what the provider says of itself decides.
    pub(crate) timeout: Option<Duration>,
    pub(crate) max_loads: usize,
    pub(crate) max_queued: usize,
    pub(crate) seed: Option<u64>,
    /// By default the system's.
    pub(crate) wall_clock: Option<WallClock>,
    /// Whether events tell the values of contexts.
    pub(crate) tells_values: bool,
}

/// A wall clock that is not the system's.
#[derive(Clone)]
pub(crate) struct WallClock(pub(crate) Arc<dyn Fn() -> SystemTime + Send + Sync>);

impl fmt::Debug for WallClock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("WallClock(..)")
    }
}

impl Default for LoadSettings {
    fn default() -> Self {
        Self {
            timeout: None,
            max_loads: DEFAULT_MAX_LOADS,
            max_queued: DEFAULT_MAX_QUEUED,
            seed: None,
            wall_clock: None,
            tells_values: false,
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

    /// Whether the same requests are to have the same course in each process.
    pub(crate) const fn repeats(&self) -> bool {
        self.seed.is_some()
    }

    /// How a half speaks of its keys.
    pub(crate) const fn voice(&self, half: &'static str) -> Voice {
        Voice {
            half,
            values: self.tells_values,
        }
    }

    /// How long the process sleeps from here on.
    pub(crate) fn slept(&self) -> Slept {
        match &self.wall_clock {
            Some(WallClock(wall)) => {
                let wall = Arc::clone(wall);
                Slept::by(move || wall())
            }
            None => Slept::default(),
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

/// The settings that both builders have, on a field `settings`.
macro_rules! load_settings {
    () => {
        /// Sets how long a load may take, retries beneath the keyring included. Without it: a second more than the provider
        /// is patient itself ([`sealing_time_limit`](datakey_provider::SealingProvider::sealing_time_limit),
        /// [`opening_time_limit`](datakey_provider::OpeningProvider::opening_time_limit)), or where that does not say,
        /// [`DEFAULT_LOAD_TIMEOUT`](crate::DEFAULT_LOAD_TIMEOUT).
        #[must_use]
        pub fn load_timeout(mut self, timeout: std::time::Duration) -> Self {
            self.settings.timeout = Some(timeout);
            self
        }

        /// Sets how many loads may be in flight at once; of those that open, at most three quarters under each wrapping key.
        /// See [`DEFAULT_MAX_LOADS`](crate::DEFAULT_MAX_LOADS).
        #[must_use]
        pub fn max_loads(mut self, loads: usize) -> Self {
            self.settings.max_loads = loads;
            self
        }

        /// Sets how many loads may wait for their turn; with zero, a load that finds no room is refused at once. See
        /// [`DEFAULT_MAX_QUEUED`](crate::DEFAULT_MAX_QUEUED).
        #[must_use]
        pub fn max_queued(mut self, loads: usize) -> Self {
            self.settings.max_queued = loads;
            self
        }

        /// Sets the seed of all jitter, so that a test or a simulation repeats itself. Without one, each process has its own. What
        /// goes for want of room repeats itself too, for which the threads take turns at one store: not for production.
        #[must_use]
        pub fn seed(mut self, seed: u64) -> Self {
            self.settings.seed = Some(seed);
            self
        }

        /// Has the events of the feature `tracing` tell the values of encryption contexts, and not their keys alone. Contexts are
        /// no secrets; whether whoever reads the logs may know them is for you to say.
        #[must_use]
        pub fn tell_context_values(mut self) -> Self {
            self.settings.tells_values = true;
            self
        }

        /// Sets the wall clock by which the keyring finds out that the process [slept](crate#what-holds), for tests and simulations: what
        /// it gains on tokio's clock counts for the ages of keys. Without one it is the system's, compared with the system's own running
        /// clock, so that a paused clock of tokio changes nothing.
        #[must_use]
        pub fn wall_clock(
            mut self,
            clock: impl Fn() -> std::time::SystemTime + Send + Sync + 'static,
        ) -> Self {
            self.settings.wall_clock = Some(crate::config::WallClock(std::sync::Arc::new(clock)));
            self
        }
    };
}

pub(crate) use load_settings;

/// Why a keyring cannot be built with these settings.
///
/// Each names the limit that is wrong. A keyring is built once, when a service starts, so that none of them is met later.
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
    /// The limit on messages is over what may be sealed under one key of the message format.
    #[error("{wanted} messages under one data key are more than the message format allows, which is {limit}")]
    TooManyMessages {
        /// The limit that was set.
        wanted: u64,
        /// What the format allows.
        limit: u64,
    },
    /// The message format cannot be sealed in with its own settings.
    #[error("nothing can be sealed with these settings of the message format: {0}")]
    Material(&'static str),
    /// The program asks for FIPS 140, and what was chosen or linked is not approved.
    #[error("refused, as only what FIPS 140 approves may be used: {0}")]
    NotApproved(&'static str),
}

pub(crate) const fn nonzero(what: &'static str, is: bool) -> Result<(), ConfigError> {
    if is { Ok(()) } else { Err(ConfigError::Zero(what)) }
}

/// How many times in a row a caller starts over because of an invalidation. Past that, invalidations come faster than
/// keys can be loaded.
pub(crate) const MAX_RESTARTS: u32 = 8;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_lane_leaves_room_for_others_wherever_there_is_any() {
        let widths = [1, 2, 3, 4, 5, 7, 8, 16].map(|max_loads| {
            let settings = LoadSettings {
                max_loads,
                ..LoadSettings::default()
            };
            settings.lane_width()
        });
        assert_eq!(widths, [1, 1, 2, 3, 4, 6, 6, 12]);
    }
}
