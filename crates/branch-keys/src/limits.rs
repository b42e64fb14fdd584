//! How long and how many branch keys are kept.
use std::time::Duration;

/// The age at which a branch key is looked for anew: 1 hour.
///
/// It costs one read of the store and one `Decrypt` for each host and branch key. A rotation, and a KMS key that was disabled, are
/// noticed within that time.
pub const DEFAULT_SOFT_AGE: Duration = Duration::from_secs(3600);

/// The age past which a branch key is never used: 2 hours.
///
/// Between soft and hard age it serves only while the store or KMS is throttling or down, so this is the outage that is ridden out.
pub const DEFAULT_HARD_AGE: Duration = Duration::from_secs(7200);

/// How many branch keys seal, and how many versions open: 1,000 each, as in the AWS libraries.
pub const DEFAULT_MAX_KEYS: usize = 1000;

/// Limits of branch keys: ages, and how many are kept.
///
/// ```
/// use std::time::Duration;
/// use datakey_branch_keys::BranchKeyLimits;
///
/// let limits = BranchKeyLimits::default().with_ages(Duration::from_secs(900), Duration::from_secs(1800));
/// assert_eq!(limits.soft_age(), Duration::from_secs(900));
/// assert_eq!(limits.max_keys(), 1000);
/// ```
///
/// # How to choose them
///
/// The soft age is what a rotation, or a KMS key that was disabled, takes to be noticed. It is also what the table and KMS are asked by:
/// hosts times branch keys, divided by it, is calls a second. The hard age is how long the fleet works without table or KMS; it is no risk
/// to messages, only to the promise that a key which may no longer be used is not. Ages are counted from when the branch key was read, by a
/// clock that goes on while the machine sleeps.
///
/// The number bounds memory: a branch key that is kept takes three kilobytes at the most. With more tenants than that in use at once, each
/// request may be a load, and the statistics say `evicted`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BranchKeyLimits {
    soft_age: Duration,
    hard_age: Duration,
    max_keys: usize,
}

impl Default for BranchKeyLimits {
    fn default() -> Self {
        Self {
            soft_age: DEFAULT_SOFT_AGE,
            hard_age: DEFAULT_HARD_AGE,
            max_keys: DEFAULT_MAX_KEYS,
        }
    }
}

impl BranchKeyLimits {
    /// Sets the age at which a branch key is looked for anew, and the one past which it is never used. With both equal, which is what
    /// the AWS libraries call the cache limit TTL, none is used while store or KMS fails.
    #[must_use]
    pub const fn with_ages(mut self, soft: Duration, hard: Duration) -> Self {
        self.soft_age = soft;
        self.hard_age = hard;
        self
    }

    /// Sets how many branch keys are kept for sealing, and how many versions for opening.
    ///
    /// One for each tenant that is active at once, on the sealing side; on the opening side one for each version of those that messages
    /// come back of.
    #[must_use]
    pub const fn with_max_keys(mut self, keys: usize) -> Self {
        self.max_keys = keys;
        self
    }

    /// The age at which a branch key is looked for anew.
    ///
    /// Between it and the hard age a branch key goes on while the store or KMS fail, and is looked for in the background.
    #[must_use]
    pub const fn soft_age(&self) -> Duration {
        self.soft_age
    }

    /// The age past which a branch key is never used.
    ///
    /// Less the soft age, it is how long an outage may last at the least before sealing under a branch key that is in use stops.
    #[must_use]
    pub const fn hard_age(&self) -> Duration {
        self.hard_age
    }

    /// How many branch keys are kept for sealing, and how many versions for opening.
    ///
    /// Past it the keyring makes room, and the next data key of a branch key that went asks the store and KMS again.
    ///
    /// ```
    /// use datakey_branch_keys::{BranchKeyLimits, DEFAULT_MAX_KEYS};
    ///
    /// assert_eq!(BranchKeyLimits::default().max_keys(), DEFAULT_MAX_KEYS);
    /// ```
    #[must_use]
    pub const fn max_keys(&self) -> usize {
        self.max_keys
    }
}
