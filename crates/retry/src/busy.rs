//! Which quotas of a provider have refused a call a moment ago.
use std::{
    collections::BTreeMap,
    fmt,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use datakey_provider::ErrorClass;
use tokio::time::Instant;

use crate::{Classify, defaults};

/// Clones share it.
#[derive(Clone, Default)]
pub(crate) struct Busy(Arc<Shared>);

#[derive(Default)]
struct Shared {
    any: AtomicBool,
    until: Mutex<BTreeMap<Box<str>, Instant>>,
}

impl Busy {
    pub(crate) fn is(&self, quota: &str) -> bool {
        if !self.0.any.load(Ordering::Acquire) {
            return false;
        }
        let now = Instant::now();
        let mut until = self.lock();
        until.retain(|_, until| now < *until);
        self.0.any.store(!until.is_empty(), Ordering::Release);
        until.contains_key(quota)
    }

    /// A call came to an end: was it throttled?
    pub(crate) fn ended(&self, own: &str, error: Option<&impl Classify>) {
        if let Some(error) = error {
            error.each_part(&mut |part| {
                if part.was_sent && part.class == ErrorClass::Throttled {
                    self.refused(part.quota.unwrap_or(own), part.delay.unwrap_or_default());
                }
            });
        }
    }

    fn refused(&self, quota: &str, asked: Duration) {
        let rest = asked.clamp(defaults::BUSY_REST, defaults::SERVER_DELAY_CAP);
        let now = Instant::now();
        let mut until = self.lock();
        until.retain(|_, until| now < *until);
        if until.len() < defaults::RATE_QUOTAS {
            until.insert(quota.into(), now.checked_add(rest).unwrap_or(now));
            self.0.any.store(true, Ordering::Release);
        }
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<Box<str>, Instant>> {
        self.0.until.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for Busy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.lock().keys()).finish()
    }
}
