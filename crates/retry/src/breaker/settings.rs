//! The numbers of a breaker.
use std::time::Duration;

use crate::defaults;

#[derive(Debug, Clone, Copy)]
pub(super) struct Settings {
    pub(super) failures: u32,
    pub(super) timeout_counts: u32,
    pub(super) after: Duration,
    pub(super) first_wait: Duration,
    pub(super) longest_wait: Duration,
    pub(super) first_rest: Duration,
    pub(super) longest_rest: Duration,
    pub(super) abandoned_after: Duration,
}

impl Settings {
    pub(super) const DEFAULT: Self = Self {
        failures: defaults::BREAKER_FAILURES,
        timeout_counts: defaults::BREAKER_TIMEOUT_COUNTS,
        after: defaults::BREAKER_AFTER,
        first_wait: defaults::BREAKER_WAIT,
        longest_wait: defaults::BREAKER_WAIT_CAP,
        first_rest: defaults::BREAKER_REST,
        longest_rest: defaults::BREAKER_REST_CAP,
        abandoned_after: defaults::BREAKER_ABANDONED_AFTER,
    };
}
