//! The fake's clock.
use std::time::Duration;

use tokio::time::Instant;

pub(crate) const DAY: Duration = Duration::from_secs(24 * 60 * 60);

/// Reads `tokio::time`, and tells it as the time since 1970 that KMS answers.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Clock {
    pub(crate) started: Instant,
    pub(crate) unix_at_start: Duration,
}

impl Clock {
    pub(crate) fn since_start(&self) -> Duration {
        self.started.elapsed()
    }

    pub(crate) fn unix(&self) -> Duration {
        self.unix_at_start.saturating_add(self.since_start())
    }
}
