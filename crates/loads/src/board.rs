//! The loads in flight, by what they are for.
//!
//! A value enters the source's store, and its load leaves the board, under one lock, and whoever joins looks into the store
//! under that lock again if anything has landed since it looked before: nobody misses both. The lock is never held across
//! an await, nor while an attempt is begun or dropped.
use std::collections::HashMap;

use crate::{
    caught,
    flight::{Board, Flight},
    outcome::{Ending, Landed, LoadError, Outcome},
    source::{Loaded, Source},
    sync::{Arc, AtomicU64, Mutex, MutexGuard, Ordering, PoisonError},
};

pub(crate) struct Flights<S: Source> {
    open: Mutex<Open<S>>,
    /// Changes with each load that lands and each that is ended.
    version: AtomicU64,
}

pub(crate) struct Open<S: Source> {
    pub(crate) by_key: HashMap<S::Key, Arc<Flight<S>>>,
    pub(crate) closed: bool,
}

impl<S: Source> Default for Flights<S> {
    fn default() -> Self {
        Self {
            open: Mutex::new(Open {
                by_key: HashMap::new(),
                closed: false,
            }),
            version: AtomicU64::new(0),
        }
    }
}

impl<S: Source> Flights<S> {
    pub(crate) fn open(&self) -> MutexGuard<'_, Open<S>> {
        // Nothing that runs under the lock leaves the board half changed.
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn version(&self) -> u64 {
        self.version.load(Ordering::SeqCst)
    }

    fn changed(&self) {
        self.version.fetch_add(1, Ordering::SeqCst);
    }

    /// Ends the loads concerned, and in the same breath does what ends with them.
    pub(crate) fn end<R>(
        &self,
        ending: Ending,
        concerned: impl Fn(&S::Key) -> bool,
        meanwhile: impl FnOnce() -> R,
    ) -> R {
        let mut open = self.open();
        open.closed |= ending == Ending::ShutDown;
        let ended: Vec<_> = open
            .by_key
            .extract_if(|key, _| concerned(key))
            .map(|(_, flight)| flight)
            .collect();
        let result = meanwhile();
        self.changed();
        drop(open);
        for flight in ended {
            flight.end(ending.outcome());
        }
        result
    }
}

impl<S: Source> Board<S> for Flights<S> {
    fn land(&self, flight: &Arc<Flight<S>>, attempt: u64, result: Loaded<S>) {
        let mut open = self.open();
        let current = open
            .by_key
            .get(&flight.key)
            .is_some_and(|own| Arc::ptr_eq(own, flight));
        if !current || !flight.may_land(attempt, result.is_ok()) {
            drop(open);
            drop(result);
            return;
        }
        open.by_key.remove(&flight.key);
        let landed = caught::call(|| flight.source().land(&flight.key, result))
            .unwrap_or_else(|caught::Panicked| Landed::new(Outcome::Failed(LoadError::Panicked)));
        self.changed();
        drop(open);
        flight.end(landed.outcome);
        drop(landed.gone);
        if let Some(tell) = landed.told {
            tell();
        }
    }

    fn give_up(&self, flight: &Arc<Flight<S>>) {
        if !flight.is_unwanted() {
            return;
        }
        let mut open = self.open();
        let current = open
            .by_key
            .get(&flight.key)
            .is_some_and(|own| Arc::ptr_eq(own, flight));
        if current && flight.is_unwanted() {
            open.by_key.remove(&flight.key);
            drop(open);
            // Nobody waits, so nobody hears it.
            flight.end(Outcome::Failed(LoadError::NoRuntime));
        }
    }
}
