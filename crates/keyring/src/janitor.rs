//! Wipes keys that nobody asks for any more once they are too old, so that an idle process holds no old keys.
//!
//! One task for each keyring, which lives while there are keys. It sleeps until the next key is too old, at most for the
//! shortest life that a key can have, so that a key made meanwhile is never overlooked. It holds the keyring weakly.
use std::{
    sync::{Arc, Mutex, MutexGuard, PoisonError, Weak},
    time::Duration,
};

use tokio::{
    runtime::Handle,
    task::AbortHandle,
    time::{Instant, sleep_until},
};

use crate::{Material, MissReason, keyring::Shared, standing::later, telling};

/// The least time from one sweep to the next, so that keys that expire one after the other share a sweep.
const LEAST_PAUSE: Duration = Duration::from_secs(1);

/// The task, where there is one.
#[derive(Debug, Default)]
pub(crate) struct Janitor(Mutex<Option<AbortHandle>>);

impl Janitor {
    fn task(&self) -> MutexGuard<'_, Option<AbortHandle>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn dismiss(&self) {
        if let Some(task) = self.task().take() {
            task.abort();
        }
    }
}

impl Drop for Janitor {
    fn drop(&mut self) {
        self.dismiss();
    }
}

impl<P: Send + Sync + 'static, M: Material> Shared<P, M> {
    /// Sees to it that somebody sweeps: to be called when a flight is on the map and before it is started.
    pub(crate) fn tend(self: &Arc<Self>, runtime: &Handle) {
        let mut task = self.janitor.task();
        if task.as_ref().is_none_or(AbortHandle::is_finished) {
            let tending = tend(Arc::downgrade(self), self.shortest_life());
            *task = Some(runtime.spawn(tending).abort_handle());
        }
    }

    fn shortest_life(&self) -> Duration {
        self.sealing.limits.hard_age().min(self.opening.limits.ttl())
    }

    /// Drops what is too old; answers when the next key will be, or nothing when no key is left or under way.
    fn sweep(&self, now: Instant) -> Option<Instant> {
        let (sealing, opening) = (&self.sealing, &self.opening);
        let old = sealing.store.sweep(MissReason::Age, |entry| now >= entry.hard());
        let opened = opening
            .store
            .sweep(MissReason::Age, |opened| now >= opened.expires());
        telling::swept(old.len(), opened.len());
        drop((old, opened));
        opening.forget_lapsed(now);

        // Held while deciding, so that a load that begins at this moment finds either this task or none.
        let mut task = self.janitor.task();
        let under_way = sealing
            .flights
            .in_flight()
            .saturating_add(opening.flights.in_flight());
        let sealed = sealing.store.values().map(|entry| entry.hard());
        let next = sealed
            .chain(opening.store.values().map(|opened| opened.expires()))
            .min();
        match next {
            None if under_way == 0 => {
                *task = None;
                None
            }
            None => Some(later(now, self.shortest_life())),
            Some(next) => Some(next.min(later(now, self.shortest_life()))),
        }
    }
}

async fn tend<P: Send + Sync + 'static, M: Material>(shared: Weak<Shared<P, M>>, first: Duration) {
    let mut wake = later(Instant::now(), first);
    loop {
        sleep_until(wake).await;
        let now = Instant::now();
        let Some(next) = shared.upgrade().and_then(|shared| shared.sweep(now)) else {
            return;
        };
        wake = next.max(later(now, LEAST_PAUSE));
    }
}
