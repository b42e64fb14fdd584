//! The loads in flight, by what they are for.
//!
//! A value enters the source's store, and its load leaves the board, under one lock, and whoever joins looks into the store
//! under that lock again if anything has landed since it looked before: nobody misses both. The lock is never held across
//! an await, nor while an attempt is begun or dropped.
use std::{
    collections::HashMap,
    panic::{AssertUnwindSafe, catch_unwind, resume_unwind},
};

use crate::{
    caught,
    flight::{Board, Driver, Flight},
    outcome::{Ending, Landed, LoadError, Outcome},
    roster::Roster,
    source::{Loaded, Source},
    sync::{Arc, AtomicU64, Mutex, MutexGuard, Ordering, PoisonError, Weak},
    work::Aftermath,
};

pub(crate) struct Flights<S: Source> {
    open: Mutex<Open<S>>,
    /// Changes with each load that lands and each that is ended.
    version: AtomicU64,
    drivers: Roster<Driver<S>>,
}

pub(crate) struct Open<S: Source> {
    pub(crate) by_key: HashMap<S::Key, Arc<Flight<S>>>,
    pub(crate) closed: bool,
    /// Loads that brought a value: whoever waits for one, and has not looked at it yet, keeps it. The others are let go when
    /// there are [`too_many`](Self::too_many).
    settled: Vec<Weak<Flight<S>>>,
    too_many: usize,
}

/// Of loads that ended, so many are written down before those that nobody waits for are let go: few, as each keeps the memory of
/// a load.
const FEW_SETTLED: usize = 8;

impl<S: Source> Open<S> {
    fn settle(&mut self, flight: &Arc<Flight<S>>) {
        if self.settled.len() >= self.too_many {
            self.settled.retain(|flight| flight.strong_count() > 0);
            self.too_many = self.settled.len().saturating_mul(2).max(FEW_SETTLED);
        }
        self.settled.push(Arc::downgrade(flight));
    }

    /// Those whose value somebody may yet look at.
    fn unseen(&self) -> Vec<Arc<Flight<S>>> {
        self.settled.iter().filter_map(Weak::upgrade).collect()
    }
}

impl<S: Source> Default for Flights<S> {
    fn default() -> Self {
        Self {
            open: Mutex::new(Open {
                by_key: HashMap::new(),
                closed: false,
                settled: Vec::new(),
                too_many: FEW_SETTLED,
            }),
            version: AtomicU64::new(0),
            drivers: Roster::default(),
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
    ///
    /// Neither `concerned` nor `meanwhile` is ours. A panic in the first changes nothing; one in the second is passed on when all
    /// who wait have been told.
    pub(crate) fn end<R>(
        &self,
        ending: Ending,
        concerned: impl Fn(&S::Key) -> bool,
        meanwhile: impl FnOnce() -> R,
    ) -> R {
        let mut open = self.open();
        let keys: Vec<S::Key> = open.by_key.keys().filter(|key| concerned(key)).cloned().collect();
        let mut unseen = open.unseen();
        unseen.retain(|flight| concerned(&flight.key));
        open.closed |= ending == Ending::ShutDown;
        let ended: Vec<_> = keys.iter().filter_map(|key| open.by_key.remove(key)).collect();
        let result = catch_unwind(AssertUnwindSafe(meanwhile));
        self.changed();
        drop(open);
        // All are told before anything is dropped or woken, which may take long: none is off the board without an end.
        let ended: Vec<_> = ended
            .into_iter()
            .map(|flight| flight.end(ending.outcome()))
            .collect();
        ended.into_iter().for_each(Aftermath::settle);
        for flight in unseen {
            flight.take_back(ending.outcome(), |_| true);
        }
        result.unwrap_or_else(|panic| resume_unwind(panic))
    }

    pub(crate) fn take_back(&self, too_old: impl Fn(&S::Value) -> bool) {
        let unseen = self.open().unseen();
        for flight in unseen {
            flight.take_back(Outcome::Superseded, &too_old);
        }
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
            caught::drop_quietly(result);
            return;
        }
        open.by_key.remove(&flight.key);
        if result.is_ok() {
            open.settle(flight);
        }
        let landed = caught::call(|| flight.source().land(&flight.key, result))
            .unwrap_or_else(|caught::Panicked| Landed::new(Outcome::Failed(LoadError::Panicked)));
        self.changed();
        drop(open);
        flight.end(landed.outcome).settle();
        for gone in landed.gone {
            caught::drop_quietly(gone);
        }
        if let Some(tell) = landed.told {
            let _theirs = caught::call(tell);
        }
    }

    fn drivers(&self) -> &Roster<Driver<S>> {
        &self.drivers
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
            flight.end(Outcome::Failed(LoadError::NoRuntime)).settle();
        }
    }
}
