//! The work of one attempt, and what is left to do with it when a load has ended.
use std::task::Waker;

use crate::{
    caught,
    pulse::Pulse,
    source::{Attempt, Source},
    sync::{Arc, Mutex, TryLockError},
};

/// One attempt.
pub(crate) struct Work<S: Source> {
    pub(crate) attempt: u64,
    /// Of this attempt alone, so that an older one which is stuck loses its place at the gate.
    pub(crate) pulse: Arc<Pulse>,
    pub(crate) future: Mutex<Option<Attempt<S>>>,
}

/// What is left to do when a load has ended, outside of all locks: nothing of it is ours, and any of it may panic or take long.
#[must_use]
pub(crate) struct Aftermath<S: Source> {
    pub(crate) work: Option<Arc<Work<S>>>,
    pub(crate) woken: Vec<Waker>,
}

impl<S: Source> Aftermath<S> {
    /// Drops what was under way, and wakes all who wait.
    pub(crate) fn settle(self) {
        caught::wake_all(self.woken);
        if let Some(work) = self.work {
            work.stop();
        }
    }
}

impl<S: Source> Work<S> {
    /// Drops the attempt, unless somebody polls it at this moment, who then does so.
    pub(crate) fn stop(&self) {
        let stopped = match self.future.try_lock() {
            Ok(mut future) => future.take(),
            Err(TryLockError::Poisoned(poisoned)) => poisoned.into_inner().take(),
            Err(TryLockError::WouldBlock) => None,
        };
        caught::drop_quietly(stopped);
    }
}
