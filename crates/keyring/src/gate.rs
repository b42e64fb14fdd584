//! How many loads run at once, and for how long.
//!
//! # Lanes
//! Unwrapping has a lane for each wrapping key, and making new keys has one: a lane has three quarters of all places at
//! most. So loads that hang on one wrapping key leave room for those of another, and sealing leaves room for opening.
use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use datakey_provider::ProviderError;
use tokio::{
    sync::{AcquireError, Semaphore},
    time::timeout,
};

use crate::{KeyringError, counters::Counter};

/// Bounds loads in number and in time. A load that waits for its turn holds nothing that another one needs.
#[derive(Debug)]
pub(crate) struct Gate {
    permits: Semaphore,
    /// Has no places; closed when the keyring is shut down.
    ended: Semaphore,
    loads: usize,
    deadline: Duration,
    /// By name; those that nobody uses are let go.
    lanes: Mutex<HashMap<Box<str>, Lane>>,
    /// Calls made to the provider.
    pub(crate) calls: Counter,
}

#[derive(Debug)]
struct Lane {
    users: usize,
    places: Arc<Semaphore>,
}

impl Gate {
    pub(crate) fn new(loads: usize, deadline: Duration) -> Self {
        Self {
            permits: Semaphore::new(loads.min(Semaphore::MAX_PERMITS)),
            ended: Semaphore::new(0),
            loads,
            deadline,
            lanes: Mutex::default(),
            calls: Counter::default(),
        }
    }

    /// Runs one provider call when there is room, under the deadline.
    pub(crate) async fn run_in_lane<T>(
        &self,
        lane: &str,
        call: impl Future<Output = Result<T, ProviderError>>,
    ) -> Result<T, KeyringError> {
        let lane = InLane::enter(self, lane);
        let both = async {
            // The lane first: who waits for it must not hold one of the places that others wait for.
            let in_lane = lane.places.acquire().await?;
            Ok((in_lane, self.permits.acquire().await?))
        };
        self.admit(both, call).await
    }

    async fn admit<T, G>(
        &self,
        turn: impl Future<Output = Result<G, AcquireError>>,
        call: impl Future<Output = Result<T, ProviderError>>,
    ) -> Result<T, KeyringError> {
        let after = self.deadline;
        let permit = match timeout(after, turn).await {
            Ok(Ok(permit)) => permit,
            Ok(Err(_closed)) => return Err(KeyringError::ShutDown),
            Err(_elapsed) => {
                return Err(KeyringError::Overloaded {
                    loads: self.loads,
                    after,
                });
            }
        };
        self.calls.add(1);
        let answered = timeout(after, call).await;
        drop(permit);
        match answered {
            Ok(result) => Ok(result?),
            Err(_elapsed) => Err(KeyringError::LoadTimeout { after }),
        }
    }

    /// Waits for the shutdown.
    pub(crate) async fn ended(&self) {
        // Nobody ever gets a place.
        let _closed = self.ended.acquire().await;
    }

    pub(crate) fn close(&self) {
        self.ended.close();
        self.permits.close();
        for lane in self.lanes().values() {
            lane.places.close();
        }
    }

    fn lanes(&self) -> MutexGuard<'_, HashMap<Box<str>, Lane>> {
        // Nothing that runs under the lock leaves the map half changed.
        self.lanes.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Three quarters, and all but one at most; all of a gate with room for one.
    const fn lane_width(&self) -> usize {
        let spare = if self.loads > 1 && self.loads < 4 {
            1
        } else {
            self.loads / 4
        };
        let width = self.loads.saturating_sub(spare);
        if width < Semaphore::MAX_PERMITS {
            width
        } else {
            Semaphore::MAX_PERMITS
        }
    }
}

/// Somebody who uses a lane, or waits for it.
struct InLane<'a> {
    gate: &'a Gate,
    name: &'a str,
    places: Arc<Semaphore>,
}

impl<'a> InLane<'a> {
    fn enter(gate: &'a Gate, name: &'a str) -> Self {
        let mut lanes = gate.lanes();
        let new = || {
            let places = Arc::new(Semaphore::new(gate.lane_width()));
            if gate.permits.is_closed() {
                places.close();
            }
            Lane { users: 0, places }
        };
        let lane = lanes.entry(name.into()).or_insert_with(new);
        lane.users = lane.users.saturating_add(1);
        let places = Arc::clone(&lane.places);
        drop(lanes);
        Self { gate, name, places }
    }
}

impl Drop for InLane<'_> {
    fn drop(&mut self) {
        let mut lanes = self.gate.lanes();
        if let Some(lane) = lanes.get_mut(self.name) {
            lane.users = lane.users.saturating_sub(1);
            if lane.users == 0 {
                lanes.remove(self.name);
            }
        }
    }
}
