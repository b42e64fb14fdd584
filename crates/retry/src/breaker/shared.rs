//! What the clones of a breaker have in common.
use std::{
    sync::{
        Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::Duration,
};

use tokio::time::Instant;

use super::{scopes::Scopes, settings::Settings};

pub(super) struct Shared {
    pub(super) settings: Settings,
    start: Instant,
    /// No scope has failed since its last answer, so that nobody need take the lock.
    calm: AtomicBool,
    pub(super) opened: AtomicU64,
    pub(super) refused: AtomicU64,
    scopes: Mutex<Scopes>,
}

impl Shared {
    pub(super) fn new(settings: Settings) -> Self {
        Self {
            settings,
            start: Instant::now(),
            calm: AtomicBool::new(true),
            opened: AtomicU64::new(0),
            refused: AtomicU64::new(0),
            scopes: Mutex::default(),
        }
    }

    pub(super) fn lock(&self) -> MutexGuard<'_, Scopes> {
        self.scopes.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn now(&self) -> Duration {
        Instant::now().saturating_duration_since(self.start)
    }

    pub(super) fn is_calm(&self) -> bool {
        self.calm.load(Ordering::Acquire)
    }

    /// Makes the flag that the fast path reads agree with the scopes.
    pub(super) fn settle(&self, scopes: &Scopes) {
        self.calm.store(scopes.is_calm(), Ordering::Release);
    }
}
