//! Whether somebody is still at it, seen by the clock.
//!
//! A future makes progress while it is polled. A runtime that nobody drives, a worker that computes, a process that was
//! forked: in none of them does a future know that it sleeps. So whoever works on something leaves a beat every
//! [`BEAT`], and whoever depends on it takes one that has not beaten for [`ASLEEP`] for asleep.
use std::time::Duration;

use crate::{
    rt::{self, Instant},
    sync::{AtomicU64, Ordering},
};

/// How often whoever is at work beats: 100 milliseconds.
pub const BEAT: Duration = Duration::from_millis(100);

/// Without a beat for so long, it is asleep: 500 milliseconds, so that a machine under load does not look like one that
/// sleeps, and a caller with a deadline of a second still has time to do the work itself.
pub const ASLEEP: Duration = Duration::from_millis(500);

/// When somebody last was at work.
///
/// Time is given to it, so it is one clock for all who share it. A beat is two stores into memory, and never waits.
///
/// ```
/// use std::time::Duration;
/// use datakey_loads::{ASLEEP, Pulse};
/// use tokio::time::Instant;
///
/// let now = Instant::now();
/// let pulse = Pulse::new(now);
/// assert!(!pulse.is_asleep(now + ASLEEP));
/// assert!(pulse.is_asleep(now + ASLEEP + Duration::from_millis(1)));
/// pulse.beat(now + ASLEEP); // a worker that was busy, and goes on
/// assert!(!pulse.is_asleep(now + ASLEEP + Duration::from_millis(1)));
/// ```
#[derive(Debug)]
pub struct Pulse {
    born: Instant,
    /// Nanoseconds since.
    beat: AtomicU64,
    process: AtomicU64,
}

impl Pulse {
    /// One that beats at this moment.
    #[must_use]
    pub fn new(now: Instant) -> Self {
        Self {
            born: now,
            beat: AtomicU64::new(0),
            process: AtomicU64::new(u64::from(rt::process())),
        }
    }

    /// Beats.
    pub fn beat(&self, now: Instant) {
        let nanos = now.saturating_duration_since(self.born).as_nanos();
        self.beat
            .store(u64::try_from(nanos).unwrap_or(u64::MAX), Ordering::Relaxed);
        self.process.store(u64::from(rt::process()), Ordering::Relaxed);
    }

    /// Whether there was no beat for [`ASLEEP`], or the one that beat was the process that this one was forked from.
    #[must_use]
    pub fn is_asleep(&self, now: Instant) -> bool {
        let beat = Duration::from_nanos(self.beat.load(Ordering::Relaxed));
        let age = now.saturating_duration_since(self.born).saturating_sub(beat);
        age > ASLEEP || self.is_foreign()
    }

    /// Whether the one that beat is another process.
    pub(crate) fn is_foreign(&self) -> bool {
        self.process.load(Ordering::Relaxed) != u64::from(rt::process())
    }
}
