//! The fake's clock.
use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use tokio::time::Instant;

pub(crate) const DAY: Duration = Duration::from_secs(24 * 60 * 60);

/// Reads `tokio::time`, and tells it as the time since 1970 that KMS answers. Clones are one clock.
#[derive(Debug, Clone)]
pub(crate) struct Clock {
    started: Instant,
    unix_at_start: Duration,
    /// How far it was moved, in nanoseconds.
    moved: Arc<AtomicU64>,
}

impl Clock {
    pub(crate) fn start(unix_at_start: Duration) -> Self {
        Self {
            started: Instant::now(),
            unix_at_start,
            moved: Arc::default(),
        }
    }

    /// What quotas and faults go by, which no move changes.
    pub(crate) fn since_start(&self) -> Duration {
        self.started.elapsed()
    }

    /// What credentials and signatures go by: clients make them with clocks of their own, which no move changes.
    pub(crate) fn unix_unmoved(&self) -> Duration {
        self.unix_at_start.saturating_add(self.since_start())
    }

    /// What keys go by.
    pub(crate) fn unix(&self) -> Duration {
        let moved = Duration::from_nanos(self.moved.load(Ordering::Relaxed));
        self.unix_unmoved().saturating_add(moved)
    }

    /// Moves it on, at most by 584 years in all.
    pub(crate) fn advance(&self, time: Duration) {
        let nanos = u64::try_from(time.as_nanos()).unwrap_or(u64::MAX);
        let add = |moved: u64| Some(moved.saturating_add(nanos));
        let _always_some = self.moved.fetch_update(Ordering::Relaxed, Ordering::Relaxed, add);
    }
}
